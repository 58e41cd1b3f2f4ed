"""Distributions on the integers that are held as a table."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_count, as_fraction_of_one
from ..core.scaled import Floats
from ..core.sums import roundings, running_sums
from ..core.tilted.enclosures import enclose
from ..polynomials.cumulants import cumulants_from_moments
from .manners import (
    FARTHEST,
    UNIT,
    Bounds,
    Points,
    as_generator,
    as_size,
    log_of,
    of_points,
    of_shares,
    outwards,
    read_only,
    real_array,
)
from .power_sums import exact_power_sums
from .quantiles import tied
from .shares import TIE
from .univariate import UnivariateDistribution


class LatticeDistribution(UnivariateDistribution):
    r"""A distribution on consecutive integers: P(X = offset + i) = probabilities[i].

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
    >>> from erfmath import LatticeDistribution
    >>> d = LatticeDistribution([0.25, 0.5, 0.25], offset=-1)
    >>> d.support(), d.pmf(0), d.cdf(0), d.ppf(0.5)
    ((-1, 1), 0.5, 0.75, 0.0)
    """

    def __init__(self, probabilities: Any, offset: int = 0) -> None:
        table = as_shares(probabilities)
        if table.ndim != 1:
            raise ValueError(
                f"probabilities must be a sequence of numbers on one axis, got shape {table.shape}"
            )
        inside = np.flatnonzero(table)
        self._first_point = as_count(offset, "offset", -FARTHEST, FARTHEST) + int(inside[0])
        self._row = read_only(table[inside[0] : inside[-1] + 1])

    _before = 0.0  # bound of the error of the probabilities that were given, where they were computed

    @property
    def _table(self) -> Floats:
        return self._row

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return: of sums of the table."""
        return self._before + (2 * roundings(len(self._table)) + 4) * UNIT

    @classmethod
    def computed(cls, probabilities: Any, offset: int, error: float) -> LatticeDistribution:
        """Return the distribution of probabilities that have been computed to a relative error.

        Parameters
        ----------
        probabilities, offset
            As for the class.
        error
            The relative error of each probability, which :attr:`error` counts in.

        Returns
        -------
        LatticeDistribution

        Raises
        ------
        TypeError, ValueError
            As for the class.

        Examples
        --------
        >>> import erfmath as em
        >>> em.LatticeDistribution.computed([0.5, 0.5], 0, error=1e-6).error > 1e-6
        True
        """
        found = cls(probabilities, offset)
        found._before = error
        return found

    @property
    def _start(self) -> int:
        return self._first_point

    # Each sum runs inwards from its own end, and one above 1/2 is the complement of the other, so that each
    # tail keeps its relative accuracy. The two meet near 1/2 up to round-off, which may break their order.
    # Every table has one entry more at either end, for the points next to the support.
    @functools.cached_property
    def _lower(self) -> Floats:
        lower, upper = self._sums
        return np.maximum.accumulate(np.where(lower < 0.5, lower, 1 - upper))

    @functools.cached_property
    def _upper(self) -> Floats:
        lower, upper = self._sums
        return np.minimum.accumulate(np.where(upper < 0.5, upper, 1 - lower))

    @property
    def _sums(self) -> tuple[Floats, Floats]:
        lower, upper = running_sums(self._table), running_sums(self._table[::-1])[::-1]
        return np.concatenate(([0.0], lower, [1.0])), np.concatenate(([1.0], upper[1:], [0.0, 0.0]))

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

    def _enclosed(self, t: int, kind: str) -> Bounds:
        low, high = enclose(self.to_product(), t - self.support()[0], kind)
        if not self._before:
            return low, high
        room = 3 * Fraction(self._before)  # of the share, and of the sum by which the table was divided
        return outwards(Fraction(low) * (1 - room), Fraction(high) * (1 + room))

    @of_shares
    def ppf(self, q: Floats) -> Floats:
        """Return the smallest x with cdf(x) >= q; one below the support at q = 0, nan outside [0, 1]."""
        points = self._start - 1 + _enough(self._lower, q, 1.0)
        return np.where(q == 1, self.support()[1], points).astype(float)

    @of_shares
    def isf(self, q: Floats) -> Floats:
        """Return the smallest x with sf(x) <= q; one below the support at q = 1, nan outside [0, 1]."""
        points = self._start - 1 + _enough(self._upper, q, -1.0)
        return np.where(q == 0, self.support()[1], points).astype(float)

    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates: an int, or an int64 array of the given size.

        `rng` is a ``numpy.random.Generator``, or whatever ``numpy.random.default_rng`` takes.
        """
        shape = as_size(size)
        uniform = as_generator(rng).random(shape)
        points = self._start - 1 + np.searchsorted(self._lower, uniform, side="right")
        return int(points) if shape is None else points.astype(np.int64)

    def mean(self) -> float:
        """Return the expected value."""
        return self._start + float(self._table @ np.arange(len(self._table)))

    def var(self) -> float:
        """Return the variance."""
        index = np.arange(len(self._table))
        return float(self._table @ (index - float(self._table @ index)) ** 2)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order of the table as it stands, without cancellation.

        They are computed in rationals; a table of floats itself fixes the r-th only to about 1e-16 of
        the r-th moment.
        """
        order = as_count(order, "order", minimum=1, maximum=100)
        sums = exact_power_sums(self._table, order)
        first, *others = cumulants_from_moments([part / sums[0] for part in sums])
        return (float(self._start + first), *map(float, others))

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, ``support()[0]`` first."""
        return self._table.copy()

    def window(self, tail: float = 1e-16) -> tuple[int, Floats]:
        """Return (offset, probabilities) of the shortest window whose tails hold at most tail / 2 each."""
        limit = as_fraction_of_one(tail, "tail") / 2 * (1 + TIE)
        first = int(np.searchsorted(self._lower, limit, side="right")) - 1
        last = int(np.searchsorted(-self._upper, -limit)) - 1
        return self._start + first, self._table[first : last + 1].copy()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._start == other._start and np.array_equal(self._table, other._table)

    def __hash__(self) -> int:
        return hash((type(self), *self.support(), round(self.mean(), 6)))

    def float_window(self) -> tuple[int, Floats]:
        """Return (start, probabilities) of all that is not zero as a float, read-only."""
        return self._start, self._table

    def _index(self, x: Points) -> Points:
        return x - (self._start - 1)


def _enough(shares: Floats, q: Floats, sign: float) -> Any:
    """Return the first indices where shares, ascending with sign 1, have come to q but for round-off."""
    found = np.searchsorted(sign * shares, sign * q)
    values = tied(q, shares[np.maximum(found - 1, 0)], shares[np.minimum(found, len(shares) - 1)], sign)
    return np.where(values == q, found, np.searchsorted(sign * shares, sign * values))


def as_shares(probabilities: Any, name: str = "probabilities") -> Floats:
    """Return the probabilities as an array divided by its sum, or raise when they are no distribution."""
    given = real_array(probabilities, name)
    if np.asarray(probabilities).dtype.kind == "b":
        raise TypeError(f"{name} must be numbers, got booleans: {probabilities!r}")
    table = np.asarray(given, dtype=float)
    if not table.size:
        raise ValueError(f"{name} must not be empty")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite")
    if (table < 0).any():
        raise ValueError(f"{name} must not be negative, got {float(table.min())!r}")
    total = float(table.sum())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"{name} must sum to 1, got {total!r}; divide them by their sum")
    return np.asarray(table / total)
