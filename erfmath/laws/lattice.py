"""Probability laws on the integer lattice, with the names and edges of a frozen scipy.stats distribution."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_count, as_fraction_of_one
from ..core.direct import convolve
from ..core.scaled import Floats
from ..polynomials.cumulants import cumulants_from_moments

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

Points = np.ndarray[Any, np.dtype[np.int64]]
PointMethod = Callable[[Any, Points], Floats]

# Lattice points are int64; sums of two of them must be as well.
FARTHEST = 2**62


def of_points(off_lattice: float | None = None) -> Callable[[PointMethod], Callable[[Any, Any], Any]]:
    """Give a method of int64 points scipy's manners; `off_lattice` is its value between the integers.

    Arrays keep their shape, a scalar returns a float, nan returns nan, and points beyond the support
    arrive as the one next to it. Integers of any size stay exact.
    """

    def decorate(function: PointMethod) -> Callable[[Any, Any], Any]:
        @functools.wraps(function)
        def method(self: Any, x: Any) -> Any:
            x = real_array(x, "x")
            low, high = self.support()
            points, undefined = _floor(x)
            values = np.where(undefined, np.nan, function(self, np.clip(points, low - 1, high + 1)))
            if off_lattice is not None and x.dtype.kind == "f":
                values = np.where((np.floor(x) == x) | undefined, values, off_lattice)
            return float(values) if values.ndim == 0 else values

        del method.__wrapped__  # the signature is (self, x: Any), any number or array
        return method

    return decorate


def of_shares(function: Callable[[Any, Floats], Floats]) -> Callable[[Any, Any], Any]:
    """Give a method of probabilities scipy's manners: nan outside [0, 1], a scalar returns a float."""

    @functools.wraps(function)
    def method(self: Any, q: Any) -> Any:
        shares = np.asarray(real_array(q, "q"), dtype=float)
        inside = (shares >= 0) & (shares <= 1)
        values = np.where(inside, function(self, np.where(inside, shares, 0.5)), np.nan)
        return float(values) if values.ndim == 0 else values

    del method.__wrapped__
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
    TypeError
        If the probabilities are no real numbers.
    ValueError
        If the probabilities are empty, negative, not finite, or do not sum to 1.

    Examples
    --------
    >>> d = LatticeDistribution([0.25, 0.5, 0.25], offset=-1)
    >>> d.support(), d.pmf(0), d.cdf(0), d.ppf(0.5)
    ((-1, 1), 0.5, 0.75, 0.0)
    """

    _table: Floats
    _start: int

    def __init__(self, probabilities: Any, offset: int = 0) -> None:
        table = as_law(probabilities)
        if table.ndim != 1:
            raise ValueError(
                f"probabilities must be a sequence of numbers on one axis, got shape {table.shape}"
            )
        inside = np.flatnonzero(table)
        self._start = as_count(offset, "offset", -FARTHEST, FARTHEST) + int(inside[0])
        self._table = table[inside[0] : inside[-1] + 1]
        self._table.flags.writeable = False

    # Each sum runs inwards from its own end, so that each tail keeps its relative accuracy. Every table
    # has one entry more at either end, for the points next to the support.
    @functools.cached_property
    def _lower(self) -> Floats:
        sums = np.concatenate(([0.0], np.cumsum(self._table), [1.0]))
        sums = np.where(sums < 0.5, sums, 1 - self._upper)
        return np.maximum.accumulate(sums)  # the two meet near 1/2 up to round-off

    @functools.cached_property
    def _upper(self) -> Floats:
        sums = np.minimum(np.cumsum(self._table[::-1])[::-1], 1.0)
        return np.concatenate(([1.0], sums[1:], [0.0, 0.0]))

    def support(self) -> tuple[int, int]:
        """Return the smallest and the largest point of positive probability, both inside."""
        return self._start, self._start + len(self._table) - 1

    @of_points(off_lattice=0.0)
    def pmf(self, x: Points) -> Floats:
        """Return P(X = x); 0 off the integers and outside the support."""
        return np.pad(self._table, 1)[self._index(x)]

    @of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x), -inf where the pmf is 0."""
        return log_of(np.pad(self._table, 1)[self._index(x)])

    @of_points()
    def cdf(self, x: Points) -> Floats:
        """Return P(X <= x)."""
        return self._lower[self._index(x)]

    @of_points()
    def sf(self, x: Points) -> Floats:
        """Return P(X > x), summed from the upper end: a small one keeps its digits."""
        return self._upper[self._index(x)]

    @of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x)."""
        lower, upper = self._lower[self._index(x)], self._upper[self._index(x)]
        return np.where(lower < 0.5, log_of(lower), np.log1p(-np.minimum(upper, 0.5)))

    @of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x)."""
        lower, upper = self._lower[self._index(x)], self._upper[self._index(x)]
        return np.where(upper < 0.5, log_of(upper), np.log1p(-np.minimum(lower, 0.5)))

    @of_shares
    def ppf(self, q: Floats) -> Floats:
        """Return the smallest x with cdf(x) >= q; one below the support at q = 0, nan outside [0, 1]."""
        points = self._start - 1 + np.searchsorted(self._lower, q, side="left")
        return np.where(q == 1, self.support()[1], points).astype(float)

    @of_shares
    def isf(self, q: Floats) -> Floats:
        """Return the smallest x with sf(x) <= q; one below the support at q = 1, nan outside [0, 1]."""
        points = self._start - 1 + np.searchsorted(-self._upper, -q, side="left")
        return np.where(q == 0, self.support()[1], points).astype(float)

    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates: an int, or an int64 array of the given size.

        `rng` is a ``numpy.random.Generator``, or whatever ``numpy.random.default_rng`` takes.
        """
        uniform = np.random.default_rng(rng).random(size)
        points = self._start - 1 + np.searchsorted(self._lower, uniform, side="right")
        return int(points) if size is None else points.astype(np.int64)

    def mean(self) -> float:
        """Return the expected value."""
        return self._start + float(self._table @ np.arange(len(self._table)))

    def var(self) -> float:
        """Return the variance."""
        index = np.arange(len(self._table))
        return float(self._table @ (index - float(self._table @ index)) ** 2)

    def std(self) -> float:
        """Return the standard deviation."""
        return math.sqrt(self.var())

    def median(self) -> float:
        """Return the smallest point with at least half of the mass at or below it."""
        return float(self.ppf(0.5))

    def interval(self, confidence: Any) -> tuple[Any, Any]:
        """Return the points between which the central share `confidence` of the mass lies."""
        confidence = np.asarray(real_array(confidence, "confidence"), dtype=float)
        if ((confidence < 0) | (confidence > 1)).any():
            raise ValueError(f"confidence must lie between 0 and 1, got {confidence.tolist()}")
        return self.ppf((1 - confidence) / 2), self.ppf((1 + confidence) / 2)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order of the table as it stands, without cancellation.

        They are computed in rationals; a table of floats itself fixes the r-th only to about 1e-16 of
        the r-th moment.
        """
        order = as_count(order, "order", minimum=1, maximum=100)
        terms = [Fraction(p) for p in self._table.tolist()]
        total: Fraction = sum(terms, Fraction(0))
        moments: list[Fraction] = []
        for _ in range(order + 1):
            moments.append(sum(terms, Fraction(0)) / total)
            terms = [x * term for x, term in enumerate(terms, start=self._start)]
        return tuple(float(value) for value in cumulants_from_moments(moments))

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, ``support()[0]`` first."""
        return self._table.copy()

    def window(self, tail: float = 1e-16) -> tuple[int, Floats]:
        """Return (offset, probabilities) of the shortest window whose tails hold at most tail / 2 each."""
        limit = as_fraction_of_one(tail, "tail") / 2
        first = int(np.searchsorted(self._lower, limit, side="right")) - 1
        last = int(np.searchsorted(-self._upper, -limit, side="left")) - 1
        return self._start + first, self._table[first : last + 1].copy()

    def convolve(self, other: LatticeDistribution) -> LatticeDistribution:
        """Return the law of the sum of two independent variables, every tail to its relative accuracy."""
        if not isinstance(other, LatticeDistribution):
            raise TypeError(f"other must be a LatticeDistribution, got {type(other).__name__}")
        (start, left), (other_start, right) = self.float_window(), other.float_window()
        row = convolve(left, right)
        return LatticeDistribution(row.to_unit_sum(), start + other_start + row.start[0])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._start == other._start and np.array_equal(self._table, other._table)

    def __hash__(self) -> int:
        return hash((type(self), *self.support(), round(self.mean(), 6)))

    def normal(self) -> rv_continuous_frozen:
        """Return the normal law of the same mean and variance, a frozen ``scipy.stats.norm``."""
        from scipy.stats import norm

        if self.var() == 0:
            raise ValueError(f"the law is a point mass at {self.support()[0]}: no normal has variance 0")
        return norm(self.mean(), self.std())

    def float_window(self) -> tuple[int, Floats]:
        """Return (start, probabilities) of all that is not zero as a float."""
        return self._start, self._table

    def _index(self, x: Points) -> Points:
        return x - (self._start - 1)

    def __repr__(self) -> str:
        low, high = self.support()
        return f"<LatticeDistribution on {low} .. {high}, mean {self.mean():.6g}, std {self.std():.6g}>"


def as_law(probabilities: Any) -> Floats:
    """Return the probabilities as an array divided by its sum, or raise when they are no law."""
    table = np.asarray(real_array(probabilities, "probabilities"), dtype=float)
    if not table.size:
        raise ValueError("probabilities must not be empty")
    if not np.isfinite(table).all():
        raise ValueError("probabilities must be finite")
    if (table < 0).any():
        raise ValueError(f"probabilities must not be negative, got {float(table.min())!r}")
    total = float(table.sum())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"probabilities must sum to 1, got {total!r}; divide them by their sum")
    return np.asarray(table / total)


def log_of(values: Floats) -> Floats:
    """Return the logarithms, -inf at 0 as scipy has it, and no warning."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def real_array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """Return an array of float64, int64, or, for ints beyond, objects; or raise naming the argument."""
    array = np.asarray(values)
    if array.dtype.kind == "O" and not all(isinstance(value, int) for value in array.flat):
        try:
            array = np.array([float(value) for value in array.flat]).reshape(array.shape)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"{name} must be real numbers, got {values!r}") from None
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        return array.astype(object)
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.dtype.kind not in "fO":
        raise TypeError(f"{name} must be real numbers, got {values!r}")
    return array.astype(float) if array.dtype.kind == "f" else array


def _floor(x: np.ndarray[Any, Any]) -> tuple[Points, Any]:
    """Return (floor of x as int64, anything beyond 62 bits at that limit, and where x is nan)."""
    if x.dtype.kind == "f":
        undefined = np.isnan(x)
        return np.clip(np.floor(np.where(undefined, 0, x)), -FARTHEST, FARTHEST).astype(np.int64), undefined
    return np.asarray(np.clip(x, -FARTHEST, FARTHEST)).astype(np.int64), np.zeros(x.shape, bool)
