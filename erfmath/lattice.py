"""Probability laws on the integer lattice, with the names and edges of a frozen scipy.stats distribution."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import as_count, as_fraction_of_one
from .core.direct import convolve
from .core.scaled import Floats
from .moments import cumulants_from_moments

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

Points = np.ndarray[Any, np.dtype[np.int64]]
PointMethod = Callable[[Any, Points], Floats]


def _of_points(off_lattice: float | None = None) -> Callable[[PointMethod], Callable[[Any, Any], Any]]:
    """Give a method of int64 points scipy's manners; `off_lattice` is its value between the integers.

    Arrays keep their shape, a scalar returns a float, nan returns nan, and points beyond the support
    arrive as the one next to it. Integers of any size stay exact.
    """

    def decorate(function: PointMethod) -> Callable[[Any, Any], Any]:
        @functools.wraps(function)
        def method(self: Any, x: Any) -> Any:
            x = np.asarray(x)
            low, high = self.support()
            floor = np.floor(x) if x.dtype.kind == "f" else x
            undefined = np.isnan(floor) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
            points = np.clip(np.where(undefined, low, floor), low - 1, high + 1).astype(np.int64)
            values = np.where(undefined, np.nan, function(self, points))
            if off_lattice is not None:
                values = np.where((floor == x) | undefined, values, off_lattice)
            return float(values) if values.ndim == 0 else values

        return method

    return decorate


def _of_shares(function: Callable[[Any, Floats], Floats]) -> Callable[[Any, Any], Any]:
    """Give a method of probabilities scipy's manners: nan outside [0, 1], a scalar returns a float."""

    @functools.wraps(function)
    def method(self: Any, q: Any) -> Any:
        shares = np.asarray(q, dtype=float)
        inside = (shares >= 0) & (shares <= 1)
        values = np.where(inside, function(self, np.where(inside, shares, 0.5)), np.nan)
        return float(values) if values.ndim == 0 else values

    return method


class LatticeDistribution:
    r"""A law on consecutive integers: P(X = offset + i) = probabilities[i].

    The interface of a frozen ``scipy.stats`` discrete distribution, edges included: the pmf is 0 off
    the integers, ``support()`` is inclusive, ``ppf(0)`` is one below it, a scalar gives a float.

    Parameters
    ----------
    probabilities
        Non-negative numbers of sum 1 (to within 1e-9; they are divided by their sum).
    offset
        The integer at which the first probability stands.

    Raises
    ------
    ValueError
        If the probabilities are empty, negative, not finite, or do not sum to 1.

    Examples
    --------
    >>> d = LatticeDistribution([0.25, 0.5, 0.25], offset=-1)
    >>> d.support(), d.pmf(0), d.cdf(0), d.ppf(0.5)
    ((-1, 1), 0.5, 0.75, 0.0)
    """

    def __init__(self, probabilities: Any, offset: int = 0) -> None:
        table = np.array(probabilities, dtype=float)
        if table.ndim != 1 or not table.size:
            raise ValueError(
                f"probabilities must be a sequence of numbers on one axis, got shape {table.shape}"
            )
        self._table = as_law(table)
        inside = np.flatnonzero(self._table)
        self._offset = as_count(offset, "offset", minimum=-(2**62)) + int(inside[0])
        self._table = self._table[inside[0] : inside[-1] + 1]

    # Each sum runs inwards from its own end, so that each tail keeps its relative accuracy. Every table
    # has one entry more at either end, for the points next to the support.
    @functools.cached_property
    def _lower(self) -> Floats:
        sums = np.minimum(np.cumsum(self._table), 1.0)
        return np.concatenate(([0.0], sums[:-1], [1.0, 1.0]))

    @functools.cached_property
    def _upper(self) -> Floats:
        sums = np.minimum(np.cumsum(self._table[::-1])[::-1], 1.0)
        return np.concatenate(([1.0], sums[1:], [0.0, 0.0]))

    def support(self) -> tuple[int, int]:
        """Return the smallest and the largest point of positive probability, both inside."""
        return self._offset, self._offset + len(self._table) - 1

    @_of_points(off_lattice=0.0)
    def pmf(self, x: Points) -> Floats:
        """Return P(X = x); 0 off the integers and outside the support."""
        return np.pad(self._table, 1)[self._index(x)]

    @_of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x), -inf where the pmf is 0."""
        return log_of(np.pad(self._table, 1)[self._index(x)])

    @_of_points()
    def cdf(self, x: Points) -> Floats:
        """Return P(X <= x)."""
        return self._lower[self._index(x)]

    @_of_points()
    def sf(self, x: Points) -> Floats:
        """Return P(X > x), summed from the upper end: a small one keeps its digits."""
        return self._upper[self._index(x)]

    @_of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x)."""
        lower, upper = self._lower[self._index(x)], self._upper[self._index(x)]
        return np.where(lower < 0.5, log_of(lower), np.log1p(-np.minimum(upper, 0.5)))

    @_of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x)."""
        lower, upper = self._lower[self._index(x)], self._upper[self._index(x)]
        return np.where(upper < 0.5, log_of(upper), np.log1p(-np.minimum(lower, 0.5)))

    @_of_shares
    def ppf(self, q: Floats) -> Floats:
        """Return the smallest x with cdf(x) >= q; one below the support at q = 0, nan outside [0, 1]."""
        return self.support()[0] - 1 + np.searchsorted(self._lower, q, side="left").astype(float)

    @_of_shares
    def isf(self, q: Floats) -> Floats:
        """Return the smallest x with sf(x) <= q; one below the support at q = 1, nan outside [0, 1]."""
        return self.support()[0] - 1 + np.searchsorted(-self._upper, -q, side="left").astype(float)

    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates: an int, or an int64 array of the given size.

        `rng` is a ``numpy.random.Generator``, or whatever ``numpy.random.default_rng`` takes.
        """
        uniform = np.random.default_rng(rng).random(size)
        points = self._offset - 1 + np.searchsorted(self._lower, uniform, side="right")
        return int(points) if size is None else points.astype(np.int64)

    def mean(self) -> float:
        """Return the expected value."""
        return self._offset + float(self._table @ np.arange(len(self._table)))

    def var(self) -> float:
        """Return the variance."""
        return self.cumulants(2)[1]

    def std(self) -> float:
        """Return the standard deviation."""
        return math.sqrt(self.var())

    def median(self) -> float:
        """Return the smallest point with at least half of the mass at or below it."""
        return float(self.ppf(0.5))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the points between which the central share `confidence` of the mass lies, as scipy does."""
        tail = (1 - as_fraction_of_one(confidence, "confidence")) / 2
        return float(self.ppf(tail)), float(self.ppf(1 - tail))

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order, from the moments about the mean."""
        order = as_count(order, "order", minimum=1, maximum=100)
        mean = self.mean()
        centred = self._offset - mean + np.arange(len(self._table))
        moments = [1.0, 0.0] + [float(self._table @ centred**r) for r in range(2, order + 1)]
        return (mean, *cumulants_from_moments(moments)[1:order])

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, ``support()[0]`` first."""
        return self._table.copy()

    def window(self, tail: float = 1e-16) -> tuple[int, Floats]:
        """Return (offset, probabilities) of the shortest window whose tails hold at most tail / 2 each."""
        limit = as_fraction_of_one(tail, "tail") / 2
        first = int(np.searchsorted(self._lower, limit, side="right")) - 1
        last = int(np.searchsorted(-self._upper, -limit, side="left")) - 1
        return self._offset + first, self._table[first : last + 1].copy()

    def convolve(self, other: LatticeDistribution) -> LatticeDistribution:
        """Return the law of the sum of two independent variables, every tail to its relative accuracy."""
        if not isinstance(other, LatticeDistribution):
            raise TypeError(f"other must be a LatticeDistribution, got {type(other).__name__}")
        start = self.support()[0] + other.support()[0]
        row = convolve(self.probabilities(), other.probabilities())
        return LatticeDistribution(row.to_unit_sum(), start + row.start[0])

    def normal(self) -> rv_continuous_frozen:
        """Return the normal law of the same mean and variance, a frozen ``scipy.stats.norm``."""
        from scipy.stats import norm

        if self.var() == 0:
            raise ValueError(
                f"the law is a point mass at {self.support()[0]}: it has no normal of positive variance"
            )
        return norm(self.mean(), self.std())

    def _index(self, x: Points) -> Points:
        return x - (self.support()[0] - 1)

    def __repr__(self) -> str:
        low, high = self.support()
        return f"<LatticeDistribution on {low} .. {high}, mean {self.mean():.6g}, std {self.std():.6g}>"


def as_law(table: Floats) -> Floats:
    """Return the table divided by its sum, or raise when it is no law."""
    if not np.isfinite(table).all():
        raise ValueError("probabilities must be finite")
    if (table < 0).any():
        raise ValueError(f"probabilities must not be negative, got {table.min()!r} at {int(table.argmin())}")
    total = float(table.sum())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"probabilities must sum to 1, got {total!r}; divide them by their sum")
    return table / total


def log_of(values: Floats) -> Floats:
    """Return the logarithms, -inf at 0 as scipy has it, and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(values)
