"""The normalised law a(t) / P(1) of a product of powers of non-negative polynomials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd, lcm

import numpy as np

from ...polynomials.product import Product
from ..scaled import Floats
from . import double_double as dd

_CHUNK = 1 << 16  # array elements of one pass
_LARGEST_DEGREE = 1 << 62  # t is counted in int64


@dataclass(frozen=True, eq=False, slots=True)
class Taps:
    """One factor (sum_j p_j z^x_j)^n on the lattice, its p_j = w_j / sum w kept as logarithms.

    Arrays of columns (`x`, `share`, `centred`) have an entry per tap on axis 0, ready to meet one per point
    on axis 1. `end` is n x_j in double-double, `log_total` is log(sum w).
    """

    power: int
    n: float
    steps: tuple[int, ...]
    weights: tuple[Fraction, ...]
    x: Floats
    log_high: Floats
    log_low: Floats
    end_high: Floats
    end_low: Floats
    log_total: tuple[float, float]
    mean: Fraction
    variance: Fraction
    share: Floats
    centred: Floats


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
    """

    taps: tuple[Taps, ...]
    span: int
    degree: int
    extent: int
    chunk: int
    log_total: dd.Pair
    mean: int
    variance: float

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
            f.weights == f.weights[::-1] and f.steps == tuple(f.steps[-1] - x for x in reversed(f.steps))
            for f in self.taps
        )

    @cached_property
    def starts(self) -> tuple[Floats, Floats]:
        """A table (theta, log(mean / (degree - mean))) of the tilted means, to start Newton's iteration."""
        dense = np.sinh(np.linspace(-2.5, 2.5, 81))
        theta = np.concatenate((np.linspace(*self.theta_range, 160), dense))
        theta.sort()
        below = above = np.zeros(theta.shape)
        for f in self.taps:
            y = f.log_high[:, None] + f.x * theta
            q = np.exp(y - y.max(axis=0))
            q *= f.n / q.sum(axis=0)
            below = below + (q * f.x).sum(axis=0)
            above = above + (q * (f.x[-1] - f.x)).sum(axis=0)
        return theta, np.log(below / above)


@lru_cache(maxsize=64)
@np.errstate(all="ignore")
def law_of(polynomial: Product) -> Law:
    """Return the law of a product on one axis without negative weights."""
    if polynomial.ndim != 1 or not polynomial.is_nonnegative:
        raise ValueError("the saddle point needs one axis and no negative weight; use method='direct'")
    kept = [(*_positions(f.kernel.taps(), f.step[0]), f.n) for f in polynomial.factors if f.n]
    span = gcd(*(x for positions, _, _ in kept for x in positions)) or 1
    factors = [_taps([x // span for x in positions], weights, n) for positions, weights, n in kept]
    taps = tuple(f for f in factors if len(f.steps) > 1)
    degree = sum(f.power * f.steps[-1] for f in taps)
    if degree * span >= _LARGEST_DEGREE:
        raise ValueError(
            f"the degree {degree * span} is too large for the saddle point, it must be below 2**62"
        )
    log_total = dd.ZERO
    for f in factors:
        log_total = dd.add(log_total, dd.scale(f.log_total, f.n))
    return Law(
        taps=taps,
        span=span,
        degree=degree,
        extent=max((f.steps[-1] for f in taps), default=0),
        chunk=max(16, _CHUNK // (8 * max((len(f.steps) for f in factors), default=1))),
        log_total=log_total,
        mean=round(sum((f.mean for f in taps), Fraction(0))),
        variance=float(sum(f.variance for f in taps)),
    )


def _positions(
    taps: Iterable[tuple[tuple[int, ...], Fraction]], step: int
) -> tuple[list[int], list[Fraction]]:
    """Return the positions of the taps from the first on, times the step, and the weights."""
    positions, weights = zip(*taps, strict=True)
    first = positions[0][0]
    return [(position - first) * step for (position,) in positions], list(weights)


def _taps(steps: Sequence[int], weights: Sequence[Fraction], n: int) -> Taps:
    """Return one factor, with the arrays that every point needs."""
    unit = lcm(*(w.denominator for w in weights))
    counts = [w.numerator * (unit // w.denominator) for w in weights]  # sums of ints, not of fractions
    whole = sum(counts)
    total = Fraction(whole, unit)
    known = {count: dd.log_fraction(Fraction(count, whole)) for count in set(counts)}
    logs = np.array([known[count] for count in counts])
    ends = np.array([dd.pair(n * s) for s in steps])
    mean = Fraction(sum(c * s for c, s in zip(counts, steps, strict=True)), whole)
    square = Fraction(sum(c * s**2 for c, s in zip(counts, steps, strict=True)), whole)
    log_high = logs[:, 0].copy()
    return Taps(
        power=n,
        n=float(n),
        steps=tuple(steps),
        weights=tuple(weights),
        x=np.array(steps, dtype=float)[:, None],
        log_high=log_high,
        log_low=logs[:, 1].copy(),
        end_high=ends[:, 0].copy(),
        end_low=ends[:, 1].copy(),
        log_total=dd.log_fraction(total),
        mean=n * mean,
        variance=n * (square - mean * mean),
        share=np.exp(log_high)[:, None],
        centred=np.array([float(s - mean) for s in steps])[:, None],
    )
