r"""Sums of a random number of independent variables: G(P(z)), G and P the generating functions.

A number N of Panjer's family has :math:`P(N = k) = (a + b / k)\, P(N = k - 1)`; the sum S of N copies of a
variable on 0, 1, .. with the probabilities f then has

.. math:: P(S = s)\,(1 - a f_0) = \sum_{j=1}^{s} (a + b j / s)\, f_j\, P(S = s - j).

For Poisson and negative binomial numbers no term is negative, so that every tail keeps its digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..core.table import Table
from ..polynomials.cumulants import cumulants_from_moments
from .arithmetic import gcd, joined, lattice_of, on_lattice
from .base import Distribution, require_distribution
from .manners import FARTHEST, LARGEST_LOG, UNIT, Points, of_points
from .mixture import MixtureDistribution, raw_moments
from .univariate import UnivariateDistribution

# Entries of the longest row, and products of numbers for it: some ten seconds of work.
_LONGEST = 2**21
_MOST_OPERATIONS = 2**34
# Steps between two scalings: within them no ratio of numbers near one another leaves the float range.
_BLOCK = 16
# What is left beyond a row is less than 2**-60 of what is read from it.
_NEGLIGIBLE = -60 * math.log(2)


def compound_sum(number: Any, terms: UnivariateDistribution) -> UnivariateDistribution:
    r"""Return the distribution of X_1 + .. + X_N, a random number N of independent copies of a variable.

    .. math:: \sum_s P(S = s)\, z^s = G(P(z)),\quad G(u) = E\,u^N,\quad P(z) = E\,z^X.

    Parameters
    ----------
    number
        N: a frozen ``scipy.stats`` distribution, ``poisson(mu)``, ``binom(n, p)``, ``nbinom(n, p)`` or
        ``geom(p)``; or a distribution of this package on 0, 1, 2, ..
    terms
        The distribution of X, of values that are not negative where N has no end.

    Returns
    -------
    UnivariateDistribution
        A product where N has an end; else one without an end, its row computed as far as it is asked for.

    Raises
    ------
    TypeError, ValueError
        If N is of another kind, can be negative, or a term can be negative where N has no end.

    References
    ----------
    H. H. Panjer, Recursive evaluation of a family of compound distributions, ASTIN Bulletin 12 (1981).

    Examples
    --------
    >>> from scipy.stats import poisson
    >>> from erfmath import compound_sum, sum_of
    >>> losses = compound_sum(poisson(3), sum_of({1: 0.5, 2: 0.3, 10: 0.2}))
    >>> round(losses.mean(), 12), f"{losses.sf(100):.6g}"
    (9.3, '9.61841e-10')
    """
    origin, step, integers = require_distribution(terms, "terms", "a distribution").lattice
    common = gcd([origin, step])
    whole = on_lattice(origin / common, step / common, integers)
    if whole.support() == (0, 0):
        return whole
    if isinstance(number, Distribution):
        total = _of_distribution(require_distribution(number, "number"), whole)
    else:
        total = _of_frozen(number, whole)
    return on_lattice(Fraction(0), common, total)


def _of_distribution(number: Any, terms: UnivariateDistribution) -> UnivariateDistribution:
    """Return the sum of N copies where N has an end: factor by factor of its product."""
    low = number.support()[0]
    if low < 0 or number.lattice[2] is not number:
        raise ValueError(f"number must be a distribution on 0, 1, 2, .., got {number!r}")
    parts = [low * terms]
    for kernel, n, (step,) in number.to_product().factors:
        taps = [(position[0], weight) for position, weight in kernel.taps()]
        weights = [float(weight / sum(w for _, w in taps)) for _, weight in taps]
        copies = [step * (position - taps[0][0]) * terms for position, _ in taps]
        parts.append(n * MixtureDistribution(tuple(zip(weights, copies, strict=True))))
    return joined([lattice_of(part) for part in parts])


def _of_frozen(number: Any, terms: UnivariateDistribution) -> UnivariateDistribution:
    """Return the sum of N copies, N one of scipy's distributions."""
    kind = getattr(getattr(number, "dist", None), "name", None)
    if kind not in _KINDS:
        raise TypeError(
            f"number must be a frozen scipy.stats {', '.join(_KINDS)}, or a distribution of this package, "
            f"got {number!r}"
        )
    names = [*number.dist.shapes.split(", "), "loc"]
    values = {**dict(zip(names, number.args, strict=False)), **number.kwds}
    if values.pop("loc", 0) != 0:
        raise ValueError(f"number must start where scipy's {kind} does, got loc={number.kwds.get('loc')!r}")
    if any(np.ndim(value) for value in values.values()) or not number.dist._argcheck(*values.values()):
        raise ValueError(f"number must have one number for each of its parameters, in range, got {values}")
    return _KINDS[kind](terms, **{name: float(value) for name, value in values.items()})


def _poisson(terms: UnivariateDistribution, mu: float) -> UnivariateDistribution:
    return 0 * terms if mu == 0 else CompoundDistribution(PanjerNumber(0.0, mu, 1.0), terms)


def _binom(terms: UnivariateDistribution, n: float, p: float) -> UnivariateDistribution:
    trial = tuple((w, part) for w, part in ((1 - p, 0 * terms), (p, terms)) if w)
    return int(n) * MixtureDistribution(trial)


def _nbinom(terms: UnivariateDistribution, n: float, p: float) -> UnivariateDistribution:
    return 0 * terms if p == 1 else CompoundDistribution(PanjerNumber(1 - p, (n - 1) * (1 - p), p), terms)


def _geom(terms: UnivariateDistribution, p: float) -> UnivariateDistribution:
    return terms if p == 1 else CompoundDistribution(PanjerNumber(1 - p, 0.0, p, first=1), terms)


_KINDS: dict[str, Callable[..., UnivariateDistribution]] = {
    "poisson": _poisson,
    "binom": _binom,
    "nbinom": _nbinom,
    "geom": _geom,
}


@dataclass(frozen=True)
class PanjerNumber:
    """A number of Panjer's family: `a` and `b`, `rest` = 1 - a without round-off, and the first value."""

    a: float
    b: float
    rest: float
    first: int = 0

    def log_generating(self, excess: Any) -> Any:
        """Return log G(1 + excess), inf beyond its singularity."""
        if self.a == 0:
            return self.b * excess
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = -(self.b / self.a + 1) * np.log1p(-self.a / self.rest * excess)
        return np.where(self.a * excess < self.rest, logs + self.first * np.log1p(excess), np.inf)

    def factorial_cumulants(self, order: int) -> list[Fraction]:
        """Return the first coefficients, times k!, of log G(1 + e) without the first value."""
        if self.a == 0:
            return [Fraction(self.b)] + [Fraction(0)] * (order - 1)
        ratio, shape = Fraction(self.a) / Fraction(self.rest), Fraction(self.b) / Fraction(self.a) + 1
        return [shape * ratio**k * math.factorial(k - 1) for k in range(1, order + 1)]


@dataclass(frozen=True, repr=False)
class CompoundDistribution(UnivariateDistribution):
    """The distribution of a sum of so many copies of a variable on 0, 1, 2, ..: see :func:`compound_sum`."""

    number: PanjerNumber
    terms: UnivariateDistribution

    def __post_init__(self) -> None:
        low, high = self.terms.support()
        if low < 0 or math.isinf(high):
            raise ValueError(
                f"terms must have values of at least 0, and a largest one, where their number has no end; "
                f"they lie on {low} .. {high}"
            )

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return in the bulk: of the recursion.

        A number is a sum of as many terms as a variable has values, none of them negative, and errs by what
        those before it do and so many units more.
        """
        reach = len(self._shares)
        return self.terms.error + (self._bulk * (reach + 6) + 4 * LARGEST_LOG) * UNIT

    def support(self) -> tuple[int, Any]:
        """Return (smallest point of positive probability, inf)."""
        return self.number.first * self.terms.support()[0], math.inf

    @of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x)."""
        row = self._row_to(x, tails=False).logs(normalised=True)
        return _look_up(row, x, -np.inf, -np.inf)

    @of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x)."""
        return _look_up(self._row_to(x, tails=True).log_lower, x, -np.inf, 0.0)

    @of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x)."""
        return _look_up(self._row_to(x, tails=True).log_upper, x + 1, 0.0, -np.inf)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        r"""Return the cumulants, from :math:`\log E\,e^{tS} = \log G(1 + (E\,e^{tX} - 1))`."""
        moments = raw_moments(self.terms.cumulants(order))
        excess = [Fraction(0), *(m / math.factorial(r) for r, m in enumerate(moments[1:], start=1))]
        power, total = [Fraction(1)] + [Fraction(0)] * order, [Fraction(0)] * (order + 1)
        for k, value in enumerate(self.number.factorial_cumulants(order), start=1):
            power = [sum((power[i] * excess[r - i] for i in range(r)), Fraction(0)) for r in range(order + 1)]
            total = [t + value / math.factorial(k) * p for t, p in zip(total, power, strict=True)]
        own = [Fraction(0), *cumulants_from_moments(moments)]
        series = (math.factorial(r) * t + self.number.first * own[r] for r, t in enumerate(total))
        return tuple(map(float, series))[1:]

    def _row_to(self, x: Points, tails: bool) -> Table:
        """Return a row that holds all finite points, and their tails where these are asked for."""
        reached = max(int(x[x < FARTHEST].max(initial=0)) + 1, self._bulk)
        size = 2 ** (reached + len(self._shares)).bit_length()
        while self._log_beyond(size) > _NEGLIGIBLE:  # the row is divided by its sum
            size *= 2
        if tails:  # the largest of the next numbers, not all of which are 0, is a bound from below
            least = float(row_of(self, size).logs(normalised=True)[reached:].max())
            while self._log_beyond(size) > _NEGLIGIBLE + least:
                size *= 2
        return row_of(self, size)

    @cached_property
    def _bulk(self) -> int:
        """A point beyond which there is little."""
        return int(self.mean() + 12 * self.std())

    def _log_beyond(self, size: int) -> float:
        """Return Chernoff's bound of log P(S >= size): the least E e^(t (S - size)) over t."""
        shares, values = self._shares, np.arange(len(self._shares))

        def bound(log_tilt: float) -> float:
            tilt = math.exp(log_tilt)
            with np.errstate(over="ignore"):
                excess = float(shares @ np.expm1(np.minimum(tilt * values, 709.0)))
            return float(self.number.log_generating(excess)) - tilt * size

        grid = np.linspace(-40, 6, 200)
        return min(bound(value) for value in grid)

    @cached_property
    def _shares(self) -> Floats:
        """The probabilities of the values 0, 1, .. of one term."""
        return np.concatenate((np.zeros(self.terms.support()[0]), self.terms.probabilities()))


@lru_cache(maxsize=16)
def row_of(whole: CompoundDistribution, size: int) -> Table:
    """Return the first numbers of the distribution of a compound sum."""
    number, shares = whole.number, whole._shares
    reach = len(shares) - 1
    if size > _LONGEST or size * reach > _MOST_OPERATIONS:
        raise ValueError(
            f"the row of a compound sum with terms up to {reach} ends at "
            f"{min(_LONGEST, _MOST_OPERATIONS // max(reach, 1)):.3g}, and {size:.3g} is needed; ask for "
            "points nearer to 0, or take terms on a coarser lattice"
        )
    same, per_step = number.a * shares[:0:-1], number.b * (np.arange(reach + 1) * shares)[:0:-1]
    scale = number.rest + number.a * float(whole.terms.sf(0))
    values, exponents, exponent = np.zeros(size), np.zeros(size, dtype=np.int64), 0
    recent = np.zeros(reach + _BLOCK)
    values[0] = recent[reach - 1] = 1.0
    for start in range(1, size, _BLOCK):
        count = min(_BLOCK, size - start)
        for i in range(count):
            window = recent[i : i + reach]
            recent[reach + i] = (same @ window + per_step @ window / (start + i)) / scale
        values[start : start + count] = recent[reach : reach + count]
        exponents[start : start + count] = exponent
        top = math.frexp(recent[count : count + reach].max())[1]
        recent[:reach] = np.ldexp(recent[count : count + reach], -top)
        exponent += top
    if number.first:  # P(N = 0) is no part
        values[0] = number.a * shares[0]
    mantissas, shift = np.frexp(values)
    return _normalised(mantissas, exponents + shift)


def _normalised(mantissas: Floats, exponents: Any) -> Table:
    """Return the numbers as a table beside their sum."""
    top = int(exponents[mantissas > 0].max())
    total = math.fsum(np.ldexp(mantissas, np.maximum(exponents - top, -2000).astype(np.int32)))
    mantissa, shift = math.frexp(total)
    return Table(mantissas, exponents, (mantissa, top + shift))


def _look_up(values: Floats, x: Points, below: float, above: float) -> Floats:
    inside = (x >= 0) & (x < len(values))
    return np.where(inside, values[np.where(inside, x, 0)], np.where(x < 0, below, above))
