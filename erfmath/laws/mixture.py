"""Mixtures: one of several distributions, drawn at random."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..polynomials.cumulants import cumulants_from_moments
from .arithmetic import gcd, on_lattice
from .base import require_distribution
from .lattice import as_shares
from .manners import (
    LARGEST_LOG,
    UNIT,
    Bounds,
    Points,
    as_generator,
    as_size,
    log_complement,
    log_of,
    of_points,
    outwards,
)
from .univariate import UnivariateDistribution


def mixture(distributions: Sequence[UnivariateDistribution], weights: Any) -> UnivariateDistribution:
    r"""Return the distribution of a variable that has one of several, the i-th with probability w_i.

    .. math:: P(X = x) = \sum_i w_i P_i(X = x).

    Parameters
    ----------
    distributions
        Distributions on one axis.
    weights
        As many non-negative numbers of sum 1.

    Returns
    -------
    UnivariateDistribution

    Raises
    ------
    TypeError, ValueError
        If one is no distribution on one axis, or the weights are no probabilities, or not as many.

    Examples
    --------
    >>> from erfmath import mixture, sum_of
    >>> fair, loaded = sum_of([0, *[1 / 6] * 6], 10), sum_of({6: 0.5, 1: 0.5}, 10)
    >>> m = mixture([fair, loaded], [0.75, 0.25])
    >>> m.mean(), m.pmf(60) == 0.75 * fair.pmf(60) + 0.25 * loaded.pmf(60)
    (35.0, True)
    """
    if not isinstance(distributions, Sequence):
        raise TypeError(f"distributions must be a sequence of distributions, got {distributions!r}")
    shares = as_shares(weights, "weights")
    if shares.shape != (len(distributions),):
        raise ValueError(
            f"weights must be {len(distributions)} numbers, one per distribution, got shape {shares.shape}"
        )
    lattices = [require_distribution(part, "distributions").lattice for part in distributions]
    start = lattices[0][0]
    step = gcd([*(step for _, step, _ in lattices), *(origin - start for origin, _, _ in lattices)])
    parts = [on_lattice((o - start) / step, s / step, part) for o, s, part in lattices]
    kept = [(float(share), part) for share, part in zip(shares, parts, strict=True) if share]
    return on_lattice(start, step, MixtureDistribution(tuple(kept)))


@dataclass(frozen=True, repr=False)
class MixtureDistribution(UnivariateDistribution):
    """The distribution of a mixture on the integers: pairs of a positive weight and a distribution."""

    parts: tuple[tuple[float, UnivariateDistribution], ...]

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return: logs are added up."""
        return max(part.error for _, part in self.parts) + (len(self.parts) + 4 * LARGEST_LOG) * UNIT

    def support(self) -> tuple[int, int]:
        """Return the smallest and the largest point of positive probability, both inside."""
        ends = [part.support() for _, part in self.parts]
        return min(low for low, _ in ends), max(high for _, high in ends)

    @of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x)."""
        return self._log_sum("logpmf", x)

    @of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x)."""
        return log_complement(self._log_sum("logcdf", x), self._log_sum("logsf", x))

    @of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x)."""
        return log_complement(self._log_sum("logsf", x), self._log_sum("logcdf", x))

    @of_points(off_lattice=0.0)
    def pmf(self, x: Points) -> Floats:
        """Return P(X = x)."""
        return np.asarray(sum(weight * part.pmf(x) for weight, part in self.parts))

    def _enclosed(self, t: int, kind: str) -> Bounds:
        found = [(Fraction(weight), part._enclosed(t, kind)) for weight, part in self.parts]
        total = sum(weight for weight, _ in found)
        low, high = (sum(w * Fraction(ends[i]) for w, ends in found) / Fraction(total) for i in (0, 1))
        return outwards(Fraction(low), Fraction(high))

    def rvs(self, size: Any = None, *, rng: Any = None) -> Any:
        """Return random variates: an int, or an int64 array of the given size."""
        generator, size = as_generator(rng), as_size(size)
        draws = [part.rvs(size, rng=generator) for _, part in self.parts]
        which = generator.choice(len(self.parts), size=size, p=[weight for weight, _ in self.parts])
        found = np.choose(which, draws)
        return int(found) if size is None else found

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order."""
        weights = [Fraction(weight) for weight, _ in self.parts]
        moments = [raw_moments(part.cumulants(order)) for _, part in self.parts]
        sums = [sum(map(operator.mul, weights, column), Fraction(0)) for column in zip(*moments, strict=True)]
        return tuple(map(float, cumulants_from_moments([value / sums[0] for value in sums])))

    def _log_sum(self, name: str, x: Points) -> Floats:
        with np.errstate(divide="ignore"):
            logs = [math.log(weight) + np.asarray(getattr(part, name)(x)) for weight, part in self.parts]
        top = np.maximum.reduce(logs)
        shift = np.where(np.isfinite(top), top, 0.0)
        return shift + log_of(np.asarray(sum(np.exp(log - shift) for log in logs)))


def raw_moments(cumulants: Sequence[float]) -> list[Fraction]:
    r"""Return E X^0 .. E X^R from the cumulants: :math:`m_r = \sum_j \binom{r-1}{j-1} \kappa_j m_{r-j}`."""
    exact = [Fraction(value) for value in cumulants]
    moments = [Fraction(1)]
    for r in range(1, len(exact) + 1):
        terms = (math.comb(r - 1, j - 1) * exact[j - 1] * moments[r - j] for j in range(1, r + 1))
        moments.append(sum(terms, Fraction(0)))
    return moments
