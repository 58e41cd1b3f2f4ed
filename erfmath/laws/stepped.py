"""Distributions on a lattice of any step and origin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.scaled import Floats
from .manners import plain, real_array
from .univariate import UnivariateDistribution

# A point this close to one of the lattice, in steps, is that point: 0.1 + 0.2 is 0.3.
_CLOSE = 1e-9


@dataclass(frozen=True, repr=False)
class SteppedDistribution(UnivariateDistribution):
    """The distribution of origin + step X, X an integer variable.

    Attributes
    ----------
    origin, step
        Fractions, the step positive.
    integers
        The distribution of X.

    Examples
    --------
    >>> from erfmath import sum_of
    >>> half = sum_of({0.5: 0.25, 1.0: 0.75}, 3)
    >>> half.support(), half.pmf(2.5), half.median()
    ((1.5, 3.0), 0.421875, 2.5)
    """

    origin: Fraction
    step: Fraction
    integers: UnivariateDistribution

    @property
    def lattice(self) -> tuple[Fraction, Fraction, UnivariateDistribution]:
        """(Origin, step, distribution on the integers)."""
        return self.origin, self.step, self.integers

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return: that of the integers."""
        return self.integers.error

    def support(self) -> tuple[Any, Any]:
        """Return the smallest and the largest point of positive probability, both inside."""
        low, high = self.integers.support()
        return self._value(low), self._value(high)

    def logpmf(self, x: Any) -> Any:
        """Return log P(X = x), -inf off the lattice."""
        return self.integers.logpmf(self._index(x))

    def pmf(self, x: Any) -> Any:
        """Return P(X = x), 0 off the lattice."""
        return self.integers.pmf(self._index(x))

    def logcdf(self, x: Any) -> Any:
        """Return log P(X <= x)."""
        return self.integers.logcdf(self._index(x))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return self.integers.cdf(self._index(x))

    def logsf(self, x: Any) -> Any:
        """Return log P(X > x)."""
        return self.integers.logsf(self._index(x))

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        return self.integers.sf(self._index(x))

    def enclose(self, x: Any, kind: str = "pmf") -> tuple[Any, Any]:
        """Return proved bounds of P(X = x), or of P(X <= x) or P(X > x), x a point of the lattice."""
        return self.integers.enclose(self._index(x), kind)

    def ppf(self, q: Any) -> Any:
        """Return the smallest x with cdf(x) >= q; one step below the support at q = 0."""
        return self._values(self.integers.ppf(q))

    def isf(self, q: Any) -> Any:
        """Return the smallest x with sf(x) <= q; one step below the support at q = 1."""
        return self._values(self.integers.isf(q))

    def rvs(self, size: Any = None, *, rng: Any = None) -> Any:
        """Return random variates: a float, or an array of the given size."""
        return self._values(self.integers.rvs(size, rng=rng))

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order."""
        steps = enumerate(map(Fraction, self.integers.cumulants(order)), start=1)
        first, *others = (value * self.step**r for r, value in steps)
        return (float(self.origin + first), *map(float, others))

    def mean(self) -> float:
        """Return the expected value."""
        return float(self.origin + self.step * Fraction(self.integers.mean()))

    def var(self) -> float:
        """Return the variance."""
        return float(self.step**2 * Fraction(self.integers.var()))

    def std(self) -> float:
        """Return the standard deviation."""
        return float(self.step) * self.integers.std()

    def skewness(self) -> float:
        """Return the third central moment in units of the standard deviation; nan without a spread."""
        return self.integers.skewness()

    def kurtosis(self, convention: str = "non-excess") -> float:
        """Return the fourth standardised moment, 3 for a normal; less 3 with convention="excess"."""
        return self.integers.kurtosis(convention)

    def mode(self) -> Any:
        """Return the most probable point, the smallest of several."""
        return self._value(self.integers.mode())

    def expect(self, func: Callable[[Any], Any] | None = None) -> float:
        """Return E func(X), the mean without one; `func` gets the points as an array of floats."""
        if not callable(func):
            return self.mean() if func is None else self.integers.expect(func)
        return self.integers.expect(lambda points: func(self._values(points)))

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, from its smallest point on, a step apart."""
        return self.integers.probabilities()

    def window(self, tail: float = 1e-16) -> tuple[Any, Floats]:
        """Return (first point, probabilities) of the shortest window, at most tail / 2 beyond each end."""
        start, shares = self.integers.window(tail)
        return self._value(start), shares

    def float_window(self) -> tuple[Any, Floats]:
        """Return (first point, probabilities) of all that is not zero as a float, read-only."""
        start, shares = self.integers.float_window()
        return self._value(start), shares

    def _value(self, index: Any) -> float:
        return float(self.origin + self.step * index)

    def _values(self, index: Any) -> Any:
        # One division of integers rounds once, so that 17/20 is 0.85.
        parts = math.lcm(self.origin.denominator, self.step.denominator)
        start, step = float(self.origin * parts), float(self.step * parts)
        return plain((start + step * np.asarray(index, dtype=float)) / parts)

    def _index(self, x: Any) -> Any:
        points = real_array(x, "x")
        if points.dtype.kind == "O":  # integers of any size
            points = np.asarray(np.clip(points, -(10**300), 10**300))
        points = points.astype(float)
        index = (points - float(self.origin)) / float(self.step)
        room = _CLOSE + 4 * np.finfo(float).eps * np.abs(points) / float(self.step)
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(np.round(index) - index) <= room, np.round(index), index)
