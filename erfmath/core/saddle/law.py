"""The normalised law a(t) / P(1) of a product of powers of non-negative polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np

from ..._caches import kept
from ...polynomials.kernel import Kernel
from ...polynomials.product import Factor, Product
from ...polynomials.weights import Number
from ..scaled import Floats
from . import double_double as dd

Ints = np.ndarray[Any, np.dtype[np.int64]]

_CHUNK = 1 << 16  # array elements of one pass
_LARGEST_DEGREE = 1 << 62  # t is counted in int64
_COARSE = 400  # lumps of taps, enough to start Newton's iteration
_LUMP = 100  # single taps at each end of these
_BYTES = 400  # of one tap, in a law and its corners
_SHORTEST_CORNER = 6  # the power of two of its length


@dataclass(frozen=True, eq=False)
class Taps:
    """One factor (sum_j p_j z^x_j)^n on the lattice, its p_j = w_j / sum w kept as logarithms.

    `x` is a column with an entry per tap, ready to meet one per point on axis 1; `mean` and `variance` are
    those of the power.
    """

    power: int
    steps: Ints
    weights: tuple[Number, ...]
    log_high: Floats
    log_low: Floats
    mean: Fraction
    variance: Fraction

    @cached_property
    def n(self) -> float:
        """The power as a float."""
        return float(self.power)

    @cached_property
    def x(self) -> Floats:
        """The steps as floats."""
        return self.steps.astype(float)[:, None]

    @cached_property
    def ends(self) -> dd.Pair:
        """The products n x_j in double-double."""
        high = self.steps.astype(float)
        return dd.scale((high, (self.steps - high.astype(np.int64)).astype(float)), self.n)

    @cached_property
    def share(self) -> Floats:
        """The p_j as floats."""
        return np.asarray(np.exp(self.log_high)[:, None])

    @cached_property
    def centred(self) -> Floats:
        """The distances of the x_j from their mean."""
        mean = self.mean / self.power
        whole = int(mean)
        return np.asarray(((self.steps - whole) - float(mean - whole))[:, None])

    def corner(self, reach: int, mirrored: bool) -> Taps:
        """Return the taps up to a distance from one end, which is at 0."""
        way = slice(None, None, -1 if mirrored else 1)
        steps = np.abs(self.steps - self.steps[-1 if mirrored else 0])[way]
        kept_taps = slice(0, int(np.searchsorted(steps, reach, side="right")))
        high = self.log_high[way][kept_taps]
        q = np.exp(high - high.max())
        mean = Fraction(float(q @ steps[kept_taps] / q.sum()))
        square = float(q @ (steps[kept_taps] - float(mean)) ** 2 / q.sum())
        return Taps(
            power=self.power,
            steps=steps[kept_taps],
            weights=self.weights[way][kept_taps],
            log_high=high,
            log_low=self.log_low[way][kept_taps],
            mean=self.power * mean,
            variance=self.power * Fraction(square),
        )

    @cached_property
    def coarse(self) -> tuple[Floats, Floats]:
        """Columns of places and logs of shares of lumps of neighbours: nearly the same tilted means."""
        size = len(self.steps)
        if size <= _COARSE:
            return self.x, self.log_high[:, None]
        half = np.concatenate((np.arange(_LUMP), np.geomspace(_LUMP, size / 2, _COARSE - _LUMP).astype(int)))
        cuts = np.unique(np.concatenate((half, size - half[half > 0])))
        top = np.maximum.reduceat(self.log_high, cuts)
        mass = np.exp(self.log_high - np.repeat(top, np.diff(np.append(cuts, size))))
        total = np.add.reduceat(mass, cuts)
        place = np.add.reduceat(mass * self.x[:, 0], cuts) / total
        return place[:, None], (top + np.log(total))[:, None]


@dataclass(frozen=True, eq=False)
class Law:
    """The law of a product of powers, on the lattice of indices t / span, t from the first coefficient.

    Attributes
    ----------
    taps
        The factors that have more than one tap, and a power above zero.
    span
        Greatest common divisor of all positions: a(t) = 0 unless span divides t.
    degree
        Index of the last coefficient.
    extent
        Longest step of a tap, in units of span.
    chunk
        Number of points to take through one pass, so that the arrays stay in the cache.
    log_total
        log P(1) in double-double, all factors counted.
    mean, variance
        Of the law: the mean rounded to an index, the variance in units of span**2.
    is_whole
        Whether no taps are missing, so that the shares of each factor sum to 1.
    """

    taps: tuple[Taps, ...]
    span: int
    degree: int
    extent: int
    chunk: int
    log_total: dd.Pair
    mean: int
    variance: float
    is_whole: bool = True

    @cached_property
    def theta_range(self) -> tuple[float, float]:
        """The tilts beyond which the outermost taps hold all but exp(-45) of the mass."""
        rise = [f.log_high[1:, None] - f.log_high[0] for f in self.taps]
        fall = [f.log_high[:-1, None] - f.log_high[-1] for f in self.taps]
        low = max(float((r / f.x[1:]).max()) for r, f in zip(rise, self.taps, strict=True))
        high = max(float((r / (f.x[-1] - f.x[:-1])).max()) for r, f in zip(fall, self.taps, strict=True))
        return -max(low, 0.0) - 45.0, max(high, 0.0) + 45.0

    @cached_property
    def is_palindrome(self) -> bool:
        """Whether a(t) = a(degree - t), since every factor is its own mirror image."""
        return all(
            f.weights == f.weights[::-1] and bool((f.steps == f.steps[-1] - f.steps[::-1]).all())
            for f in self.taps
        )

    @cached_property
    def starts(self) -> tuple[Floats, Floats]:
        """A table (theta, log(mean / (degree - mean))) of the tilted means, to start Newton's iteration."""
        small = np.geomspace(0.03 / self.extent, 1.0, 60)
        dense = np.sinh(np.linspace(-2.5, 2.5, 81))
        theta = np.concatenate((np.linspace(*self.theta_range, 160), dense, small, -small))
        theta.sort()
        below = above = np.zeros(theta.shape)
        for f in self.taps:
            x, logs = f.coarse
            y = logs + x * theta
            q = np.exp(y - y.max(axis=0))
            q *= f.n / q.sum(axis=0)
            below = below + (q * x).sum(axis=0)
            above = above + (q * (f.x[-1] - x)).sum(axis=0)
        return theta, np.log(below / above)

    def corner(self, reach: int, mirrored: bool) -> Law | None:
        """Return the law of the taps up to a distance from one end: all that coefficients up to there need.

        None where a factor has less than two such taps.
        """
        key = 1 << max(_SHORTEST_CORNER, (reach - 1).bit_length()), mirrored
        if key not in self._corners:
            self._corners[key] = self._corner(*key)
        return self._corners[key]

    @cached_property
    def _corners(self) -> dict[tuple[int, bool], Law | None]:
        return {}

    def _corner(self, reach: int, mirrored: bool) -> Law | None:
        taps = tuple(f.corner(reach, mirrored) for f in self.taps)
        if any(len(f.steps) < 2 for f in taps):
            return None
        return Law(
            taps=taps,
            span=self.span,
            degree=sum(f.power * int(f.steps[-1]) for f in taps),
            extent=max(int(f.steps[-1]) for f in taps),
            chunk=max(16, _CHUNK // (8 * max(len(f.steps) for f in taps))),
            log_total=dd.ZERO,
            mean=round(sum(f.mean for f in taps)),
            variance=float(sum(f.variance for f in taps)),
            is_whole=False,
        )


@kept(size=lambda law: _BYTES * sum(len(f.steps) for f in law.taps))
@np.errstate(all="ignore")
def law_of(polynomial: Product) -> Law:
    """Return the law of a product on one axis without negative weights."""
    if polynomial.ndim != 1 or not polynomial.is_nonnegative:
        raise ValueError("the saddle point needs one axis and no negative weight; use method='direct'")
    kept_factors = [(f, *_inner(f.kernel)) for f in polynomial.factors if f.n]
    degree = sum(f.n * f.step[0] * int(index[-1]) for f, index, _ in kept_factors)
    if degree >= _LARGEST_DEGREE:
        raise ValueError(f"the degree {degree} is too large for the saddle point, it must be below 2**62")
    span = gcd(*(f.step[0] * int(np.gcd.reduce(index)) for f, index, _ in kept_factors)) or 1
    taps = tuple(_taps(f, index, weights, span) for f, index, weights in kept_factors if len(index) > 1)
    return Law(
        taps=taps,
        span=span,
        degree=degree // span,
        extent=max((int(f.steps[-1]) for f in taps), default=0),
        chunk=max(16, _CHUNK // (8 * max((len(f.steps) for f in taps), default=1))),
        log_total=_log_total(polynomial),
        mean=round(sum(f.mean for f in taps)),
        variance=float(sum(f.variance for f in taps)),
    )


def _log_total(polynomial: Product) -> dd.Pair:
    total = dd.ZERO
    for f in polynomial.factors:
        if f.n:
            total = dd.add(total, dd.scale(dd.log_fraction(f.kernel.exact_total), f.n))
    return total


def _inner(kernel: Kernel) -> tuple[Ints, tuple[Number, ...]]:
    """Return the indices of the taps that are not zero, counted from the first of them, and their weights."""
    weights = kernel.weights
    if not kernel.has_zeros:
        return np.arange(len(weights)), weights
    index = [j for j, w in enumerate(weights) if w]
    return np.array(index) - index[0], tuple(weights[j] for j in index)


def _taps(factor: Factor, index: Ints, weights: tuple[Number, ...], span: int) -> Taps:
    """Return one factor of two taps or more."""
    kernel, n, (step,) = factor
    total, first, second = kernel.power_sums(2)
    begin = next(j for j, w in enumerate(kernel.weights) if w)
    mean, square = Fraction(first, total), Fraction(second, total)
    log_high, log_low = dd.log_shares(weights, kernel.exact_total)
    return Taps(
        power=n,
        steps=index * step // span,
        weights=weights,
        log_high=log_high,
        log_low=log_low,
        mean=n * (mean - begin) * Fraction(step, span),
        variance=n * (square - mean * mean) * Fraction(step, span) ** 2,
    )
