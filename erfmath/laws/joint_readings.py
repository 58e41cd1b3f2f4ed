"""What a distribution on several axes has at points and in a few numbers."""

from __future__ import annotations

import functools
import itertools
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from .._memory import check_memory
from ..core.scaled import Floats
from .base import Distribution
from .lattice import LatticeDistribution
from .manners import UNIT, as_generator, expected, floor_of, log_of, plain, read_only, real_array


class JointReadings(Distribution):
    """A distribution on several axes, read: the product of its marginals, or a table of probabilities.

    Examples
    --------
    >>> import erfmath as em
    >>> d = em.distribution([[2, 1], [1, 2]], 50)
    >>> d.mean(), round(d.pmf([25, 25]), 6), round(d.cdf([25, 25]), 6)
    (array([25., 25.]), 0.013388, 0.363011)
    """

    _before = 0.0  # bound of the error of the probabilities that were given, where they were computed

    @property
    @abstractmethod
    def _table(self) -> Floats | None:
        """The probabilities, None for independent axes."""

    @property
    @abstractmethod
    def _start(self) -> tuple[int, ...]:
        """The point of the first one."""

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf` and `cdf` return: of marginals, or of a table."""
        if self.is_independent:
            return math.fsum(marginal.error for marginal in self.marginals) + len(self.marginals) * UNIT
        return self._before + (math.prod(high - low + 1 for low, high in self.bounds) + 4) * UNIT

    @property
    def is_independent(self) -> bool:
        """Whether the distribution is held as the product of its marginals."""
        return self._table is None

    def support(self) -> tuple[tuple[int, int], ...]:
        """Return the support of each coordinate, both ends inside."""
        return self.bounds

    def pmf(self, x: Any) -> Any:
        """Return P(X = x); the last axis of x holds the coordinates of a point."""
        points = self._as_points(x)
        if not self.is_independent:
            return self._lookup(points)
        values = [marginal.pmf(points[..., axis]) for axis, marginal in enumerate(self.marginals)]
        return plain(np.prod(values, axis=0))

    def logpmf(self, x: Any) -> Any:
        """Return log P(X = x), of a grid -inf below 1e-308, where it has no floats."""
        points = self._as_points(x)
        if not self.is_independent:
            return plain(log_of(np.asarray(self._lookup(points))))
        values = [marginal.logpmf(points[..., axis]) for axis, marginal in enumerate(self.marginals)]
        return plain(np.sum(values, axis=0))

    def cdf(self, x: Any) -> Any:
        r"""Return :math:`P(X_1 \le x_1, \dots, X_d \le x_d)`; a small one keeps its digits.

        Parameters
        ----------
        x
            A point or an array of points; the last axis of the array holds the coordinates.

        Returns
        -------
        float or ndarray
            One probability per point; nan where a coordinate is nan.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.
        ValueError
            If its last axis is not as long as there are axes, or the sums of a grid do not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[2, 1], [1, 2]])
        >>> d.cdf([[0, 0], [0, 1], [5, 5], [-1, 5]]).round(6)
        array([0.333333, 0.5     , 1.      , 0.      ])
        """
        points = self._as_points(x)
        if not self.is_independent:
            return self._below(points)
        values = [marginal.cdf(points[..., axis]) for axis, marginal in enumerate(self.marginals)]
        return plain(np.prod(values, axis=0))

    def logcdf(self, x: Any) -> Any:
        """Return the natural logarithm of :meth:`cdf`, of a grid -inf below 1e-308, where it has no floats.

        Parameters
        ----------
        x
            A point or an array of points; the last axis of the array holds the coordinates.

        Returns
        -------
        float or ndarray
            One logarithm per point; nan where a coordinate is nan.

        Raises
        ------
        TypeError, ValueError
            As for :meth:`cdf`.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 1], [1, 1]], 1000)
        >>> d.cdf([10, 10]), round(d.logcdf([10, 10]), 6)
        (0.0, -1278.418104)
        """
        points = self._as_points(x)
        if not self.is_independent:
            return plain(log_of(np.asarray(self._below(points))))
        values = [marginal.logcdf(points[..., axis]) for axis, marginal in enumerate(self.marginals)]
        return plain(np.sum(values, axis=0))

    def rvs(self, size: int | None = None, *, rng: Any = None) -> Any:
        """Return random points, the coordinates on the last axis; `rng` as in ``LatticeDistribution.rvs``."""
        generator = as_generator(rng)
        if self._table is None:
            return np.stack([marginal.rvs(size, rng=generator) for marginal in self.marginals], axis=-1)
        flat = LatticeDistribution(self._table.ravel()).rvs(size, rng=generator)
        return np.stack(np.unravel_index(flat, self._table.shape), axis=-1) + np.array(self._start)

    def mean(self) -> Floats:
        """Return the expected value of each coordinate."""
        return np.array([marginal.mean() for marginal in self.marginals])

    def var(self) -> Floats:
        """Return the variance of each coordinate."""
        return np.array([marginal.var() for marginal in self.marginals])

    def std(self) -> Floats:
        """Return the standard deviation of each coordinate."""
        return np.sqrt(self.var())

    def cov(self) -> Floats:
        """Return the covariance matrix, E (X_a - mean_a)(X_b - mean_b).

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 0], [0, 1]], 4).cov()
        array([[1., 1.],
               [1., 1.]])
        """
        matrix = np.diag(self.var())
        if self._table is None:
            return matrix
        for a, b in itertools.combinations(range(self.ndim), 2):
            plane = self._table.sum(axis=tuple(c for c in range(self.ndim) if c not in (a, b)))
            x, y = (
                self._start[c] - self.marginals[c].mean() + np.arange(self._table.shape[c]) for c in (a, b)
            )
            matrix[a, b] = matrix[b, a] = x @ plane @ y
        return matrix

    def expect(self, func: Callable[[Any], Any] | None = None) -> Any:
        """Return E func(X), the mean of each coordinate without one.

        The sum is over all points whose probability is not zero as a float.

        Parameters
        ----------
        func
            A function of the points, an array of floats with a row for each and a column for each axis, which
            returns one number per row; None for the mean.

        Returns
        -------
        float, or ndarray for the mean

        Raises
        ------
        TypeError
            If `func` is no function, or what it returns no real numbers.
        ValueError
            If it returns another number of numbers, or the points do not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 0], [0, 1]], 4)
        >>> d.expect(lambda x: x[:, 0] * x[:, 1]), d.expect()
        (5.0, array([2., 2.]))
        """
        if func is None:
            return self.mean()
        return expected(func, self._possible)

    def _possible(self) -> tuple[Floats, Floats]:
        """Return the points whose probability is not zero as a float, a row for each, and these."""
        lattices = [marginal.lattice for marginal in self.marginals]
        if self._table is None:
            rows = [integers.float_window() for *_, integers in lattices]
        else:
            rows = [
                (start, np.ones(side)) for start, side in zip(self._start, self._table.shape, strict=True)
            ]
        sides = [len(row) for _, row in rows]
        check_memory(
            8 * (3 * self.ndim + 3) * math.prod(sides),
            f"the list of {math.prod(sides):.3g} points",
            "take expectations of each marginal, or given(..) a smaller box",
        )
        shares = self._table
        if shares is None:
            shares = functools.reduce(np.multiply.outer, [row for _, row in rows])
        inside = np.nonzero(shares)
        columns = [
            float(origin) + float(step) * (first + places)
            for (origin, step, _), (first, _), places in zip(lattices, rows, inside, strict=True)
        ]
        return np.stack(columns, axis=-1).astype(float), shares[inside]

    def probabilities(self) -> Floats:
        """Return the pmf as a grid over the support, checked against the free memory first."""
        if self._table is None:
            sides = [high - low + 1 for low, high in self.support()]
            check_memory(16 * math.prod(sides), f"the grid of {sides} probabilities", "use the marginals")
            return functools.reduce(np.multiply.outer, [m.probabilities() for m in self.marginals])
        return self.float_grid().copy()

    def float_grid(self) -> Floats:
        """Return the grid of a distribution that is held as one, over the support, read-only.

        Raises
        ------
        TypeError
            If the axes are independent, which have no grid.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 0], [0, 1]], 2).float_grid()
        array([[0.25, 0.  , 0.  ],
               [0.  , 0.5 , 0.  ],
               [0.  , 0.  , 0.25]])
        """
        if self._table is None:
            raise TypeError("independent axes have no grid; see probabilities()")
        boxes = zip(self.support(), self._start, strict=True)
        return self._table[tuple(slice(low - start, high - start + 1) for (low, high), start in boxes)]

    def float_parts(self) -> list[tuple[tuple[int, ...], Floats]]:
        """Return (start, probabilities) of each group of axes that is independent of the others."""
        if self.is_independent:
            return [part for marginal in self.marginals for part in marginal.float_parts()]
        grid = self.float_grid()  # first: it most often tells the bounds
        return [(tuple(low for low, _ in self.bounds), grid)]

    def _lookup(self, points: Any) -> Any:
        if self._table is None:
            raise TypeError("independent axes have no grid to look into")
        places, undefined = floor_of(points)
        index = places - np.array(self._start)
        inside = (index >= 0) & (index < self._table.shape) & (places == points)
        return _entries(self._table, index, inside, undefined)

    def _below(self, points: Any) -> Any:
        """Return the sums of the table up to points."""
        places, undefined = floor_of(points)
        sums = self._orthants
        index = np.minimum(places - np.array(self._start), np.array(sums.shape) - 1)
        return _entries(sums, index, index >= 0, undefined)

    @functools.cached_property
    def _orthants(self) -> Floats:
        """The sums of the table from its first entry up to each."""
        if self._table is None:
            raise TypeError("independent axes have no grid to sum")
        check_memory(
            16 * self._table.size, f"the sums of {self._table.size:.3g} probabilities", "use marginals"
        )
        sums = self._table
        for axis in range(sums.ndim):
            sums = np.cumsum(sums, axis=axis)
        return read_only(np.minimum(sums / sums.flat[-1], 1.0))

    def _as_points(self, x: Any) -> Any:
        points = real_array(x, "x")
        if points.ndim == 0 or points.shape[-1] != self.ndim:
            raise ValueError(
                f"x must hold {self.ndim} coordinates on its last axis, such as {[0] * self.ndim}, got shape "
                f"{points.shape}"
            )
        return points


def _entries(grid: Floats, index: Any, is_inside: Any, undefined: Any) -> Any:
    """Return entries of a grid, 0 where a coordinate is outside and nan where one is nan."""
    inside = is_inside.all(axis=-1)
    entries = np.where(inside[..., None], index, 0)
    values = np.where(inside, grid[tuple(np.moveaxis(entries, -1, 0))], 0.0)
    return plain(np.where(undefined.any(axis=-1), np.nan, values))
