"""What a distribution on one axis has at points: probabilities, quantiles, rows of both, and draws."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from .._checks import as_fraction_of_one
from .._memory import check_memory
from ..core.scaled import Floats
from .base import Distribution
from .manners import FARTHEST, Points, as_generator, as_size, of_points, of_shares, real_array
from .quantiles import first_enough
from .shares import TIE


class PointwiseDistribution(Distribution):
    """A distribution on the integers, read at points.

    Examples
    --------
    >>> import erfmath as em
    >>> d = em.distribution([1, 1], 10**9)
    >>> d.support(), d.ppf(0.5), f"{d.sf(500_100_000):.6g}"
    ((0, 1000000000), 500000000.0, '1.26955e-10')
    """

    @abstractmethod
    def support(self) -> tuple[int, int]:
        """Return the smallest and the largest point of positive probability, both inside.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 0, 1], 10**12).support()
        (0, 2000000000000)
        """

    @abstractmethod
    def logcdf(self, x: Any) -> Any:
        """Return log P(X <= x), which reaches where P(X <= x) underflows.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            One logarithm per point; nan at nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 10**6)
        >>> d.cdf(400_000), round(d.logcdf(400_000), 6)
        (0.0, -20141.528094)
        """

    @abstractmethod
    def logsf(self, x: Any) -> Any:
        """Return log P(X > x), which reaches where P(X > x) underflows.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            One logarithm per point; nan at nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 10**6)
        >>> d.sf(600_000), round(d.logsf(600_000), 6)
        (0.0, -20141.933569)
        """

    @of_points(off_lattice=0.0)
    def pmf(self, x: Points) -> Floats:
        """Return P(X = x); 0 off the integers and outside the support.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            One probability per point; nan at nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).pmf([4, 5, 5.5, 11])
        array([0.20507812, 0.24609375, 0.        , 0.        ])
        """
        return np.asarray(np.exp(self.logpmf(x)))

    @of_points()
    def cdf(self, x: Points) -> Floats:
        """Return P(X <= x).

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            One probability per point; nan at nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).cdf([-1, 0, 4.9, 10])
        array([0.00000000e+00, 9.76562500e-04, 3.76953125e-01, 1.00000000e+00])
        """
        return np.asarray(np.exp(self.logcdf(x)))

    @of_points()
    def sf(self, x: Points) -> Floats:
        """Return P(X > x); a small one keeps its digits.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            One probability per point; nan at nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 100)
        >>> d.sf(99) == 2.0**-100, 1 - d.cdf(99)
        (True, 0.0)
        """
        return np.asarray(np.exp(self.logsf(x)))

    def ccdf(self, x: Any) -> Any:
        """Return P(X > x): scipy's newer name of :meth:`sf`.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).ccdf(9)
        0.0009765625
        """
        return self.sf(x)

    def logccdf(self, x: Any) -> Any:
        """Return log P(X > x): scipy's newer name of :meth:`logsf`.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).logccdf(9)
        -6.931471805599453
        """
        return self.logsf(x)

    @of_shares
    def ppf(self, q: Floats) -> Floats:
        """Return the smallest x with cdf(x) >= q; one below the support at q = 0, nan outside [0, 1].

        A value of the cdf that is q but for round-off is enough: 7 is the median of two dice.

        Parameters
        ----------
        q
            A probability or an array of probabilities.

        Returns
        -------
        float or ndarray
            Points of the lattice.

        Raises
        ------
        TypeError
            If `q` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).ppf([0, 0.5, 1, 2])
        array([-1.,  5., 10., nan])
        """
        return self._quantile(q, (q == 0, q == 1), self.cdf, 1.0)

    @of_shares
    def isf(self, q: Floats) -> Floats:
        """Return the smallest x with sf(x) <= q; one below the support at q = 1, nan outside [0, 1].

        A value of the sf that is q but for round-off is enough.

        Parameters
        ----------
        q
            A probability or an array of probabilities.

        Returns
        -------
        float or ndarray
            Points of the lattice.

        Raises
        ------
        TypeError
            If `q` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10**6).isf([0.5, 1e-12, 1e-300])
        array([500000., 503517., 518521.])
        """
        return self._quantile(q, (q == 1, q == 0), self.sf, -1.0)

    def icdf(self, q: Any) -> Any:
        """Return the smallest x with cdf(x) >= q: scipy's newer name of :meth:`ppf`.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).icdf(0.5)
        5.0
        """
        return self.ppf(q)

    def iccdf(self, q: Any) -> Any:
        """Return the smallest x with sf(x) <= q: scipy's newer name of :meth:`isf`.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).iccdf(0.01)
        9.0
        """
        return self.isf(q)

    def median(self) -> float:
        """Return the smallest point with at least half of the mass at or below it.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 2], 3000).median()
        2000.0
        """
        return float(self.ppf(0.5))

    def interval(self, confidence: Any) -> tuple[Any, Any]:
        """Return the points between which the central share `confidence` of the mass lies.

        Parameters
        ----------
        confidence
            A share from 0 to 1, or an array of shares.

        Returns
        -------
        tuple
            (low, high), two floats, or two arrays.

        Raises
        ------
        TypeError, ValueError
            If it is no number from 0 to 1.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10**6).interval(0.95)
        (499020.0, 500980.0)
        """
        confidence = np.asarray(real_array(confidence, "confidence"), dtype=float)
        if ((confidence < 0) | (confidence > 1)).any():
            raise ValueError(f"confidence must lie between 0 and 1, got {confidence.tolist()}")
        tail = (1 - confidence) / 2  # of which the upper one keeps its digits
        return self.ppf(tail), self.isf(tail)

    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates, independent of one another.

        Parameters
        ----------
        size
            Their number, or the shape of the array; None draws one.
        rng
            A ``numpy.random.Generator``, or what ``numpy.random.default_rng`` takes: a seed, or None.

        Returns
        -------
        int or ndarray
            An int, or an int64 array of the given size.

        Raises
        ------
        TypeError
            If `size` or `rng` is of another kind.
        ValueError
            If `size` is negative, or more than the memory holds.

        Examples
        --------
        >>> import erfmath as em
        >>> draws = em.distribution([1, 1], 10**6).rvs(1000, rng=1)
        >>> draws.shape, bool(abs(draws.mean() - 500_000) < 50)
        ((1000,), True)
        """
        shape = as_size(size)
        # 1 - u lies in (0, 1], where no quantile falls one below the support.
        points = np.asarray(self.ppf(1 - as_generator(rng).random(shape))).astype(np.int64)
        return int(points) if shape is None else points

    def sample(self, shape: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates: scipy's newer name of :meth:`rvs`.

        Parameters
        ----------
        shape
            The `size` of :meth:`rvs`.
        rng
            As there.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10).sample((2, 3), rng=1).shape
        (2, 3)
        """
        return self.rvs(shape, rng=rng)

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, ``support()[0]`` first; those below 1e-308 are 0.

        Raises
        ------
        ValueError
            If the support has no end, or the row does not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 2, 1]).probabilities()
        array([0.25, 0.5 , 0.25])
        """
        low, high = self.support()
        size = high - low + 1
        if math.isinf(size):
            raise ValueError("a row without an end cannot be given; use window(), pmf() or logpmf()")
        check_memory(8 * size, f"the row of {size:.3g} probabilities", "use window(), pmf() or logpmf()")
        row = np.zeros(size)
        start, values = self.float_window()
        row[start - low : start - low + len(values)] = values
        return row

    def window(self, tail: float = 1e-16) -> tuple[int, Floats]:
        """Return (offset, probabilities) of the shortest window whose tails hold at most tail / 2 each.

        Parameters
        ----------
        tail
            The mass that may be left out, both ends together, between 0 and 1.

        Returns
        -------
        tuple
            (offset, probabilities): the point of the first one, and an array.

        Raises
        ------
        TypeError, ValueError
            If `tail` is no number between 0 and 1, or the window does not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> offset, shares = em.distribution([1, 1], 10**8).window(1e-3)
        >>> offset, len(shares), bool(1 - shares.sum() < 1e-3)
        (49983547, 32907, True)
        """
        limit = as_fraction_of_one(tail, "tail") / 2
        first, last = int(self.ppf(limit)), int(self.isf(limit))
        if self.cdf(first) <= limit * (1 + TIE):  # what may be left out is
            first += 1
        shares = self._points(first, last)
        gap = int(np.argmax(shares > 0))
        return first + gap, shares[gap:]

    def float_window(self) -> tuple[int, Floats]:
        """Return (start, probabilities) of all that is not zero as a float, read-only.

        Examples
        --------
        >>> import erfmath as em
        >>> start, shares = em.distribution([1, 1], 10**4).float_window()
        >>> start, len(shares), float(shares.sum().round(9))
        (3090, 3821, 1.0)
        """
        smallest = math.ulp(0.0)
        first, last = int(self.ppf(smallest)), int(self.isf(smallest))
        return first, self._points(first, last)

    def float_parts(self) -> list[tuple[tuple[int, ...], Floats]]:
        """Return the one axis there is.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 3]).float_parts()
        [((0,), array([0.25, 0.75]))]
        """
        start, shares = self.float_window()
        return [((start,), shares)]

    def _points(self, first: int, last: int) -> Floats:
        """Return the pmf at first .. last, checked against the free memory first."""
        check_memory(24 * (last - first + 1), f"the window {first} .. {last}", "use a larger tail, or pmf()")
        return np.asarray(self.pmf(np.arange(first, last + 1)))

    def _quantile(
        self, q: Floats, at_ends: tuple[Any, Any], share: Callable[[Points], Any], sign: float
    ) -> Floats:
        """Return the first points with sign * share >= sign * q; `at_ends` tells where q is 0 or 1."""
        low, high = self.support()
        points = np.where(at_ends[0], low - 1, high)
        inside = (q > 0) & (q < 1)
        if inside.any():
            (mean, deviation), step = self._scale(), self._step
            ends = -1, (min(high, FARTHEST) - low) // step
            scale = (mean - low) / step, deviation / step
            index = first_enough(lambda j: share(low + step * j), q[inside], sign, ends, scale)
            points[inside] = low + step * index
        return points.astype(float)

    @property
    def _step(self) -> int:
        """A common step of the points of positive probability, from the first one on."""
        return 1

    def _scale(self) -> tuple[float, float]:
        """Return about where and how wide the distribution is, for a search to start from."""
        return self.mean(), self.std()
