"""Distributions on the integer lattice in several axes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import others_of, per_axis
from .._memory import check_memory
from ..core.scaled import Floats
from .base import Distribution, require_distribution
from .lattice import LatticeDistribution, as_shares
from .manners import UNIT, as_generator, floor_of, log_of, plain, read_only, real_array
from .univariate import UnivariateDistribution


class JointDistribution(Distribution):
    """A distribution on the integer lattice in several axes: P(X = offset + i) = probabilities[i].

    Here i is a multi-index.

    With independent axes only their distributions are kept and the grid is never built unless asked for.

    Parameters
    ----------
    probabilities
        Non-negative numbers of sum 1 (to within 1e-9; they are divided by their sum), on two axes or more.
    offset
        The lattice point of the first probability, an int or one per axis.

    Raises
    ------
    TypeError
        If the probabilities or the offset are no numbers.
    ValueError
        If there is one axis, or the probabilities are negative, not finite, or do not sum to 1.

    Examples
    --------
    >>> from erfmath import JointDistribution
    >>> d = JointDistribution([[0.5, 0.0], [0.25, 0.25]], offset=(0, -1))
    >>> d.pmf([1, -1]), d.marginal(0).pmf(1)
    (0.25, 0.5)
    >>> d.cov()
    array([[0.25  , 0.125 ],
           [0.125 , 0.1875]])
    """

    def __init__(self, probabilities: Any, offset: int | Sequence[int] = 0) -> None:
        table = as_shares(probabilities)
        if table.ndim < 2:
            raise ValueError(
                f"probabilities must have two axes or more, got {table.ndim}; see LatticeDistribution"
            )
        self._held: Floats | None = read_only(table)
        self._corner = per_axis(offset, table.ndim, "offset")
        self._parts: tuple[UnivariateDistribution, ...] = tuple(
            LatticeDistribution(table.sum(axis=others_of(axis, table.ndim)), self._corner[axis])
            for axis in range(table.ndim)
        )

    @classmethod
    def independent(cls, marginals: Sequence[UnivariateDistribution]) -> JointDistribution:
        """Return the joint distribution of independent variables, P(X = x) = prod_a P_a(X_a = x_a).

        Parameters
        ----------
        marginals
            Two distributions on one axis or more, one per axis.

        Returns
        -------
        JointDistribution
            No grid is built.

        Raises
        ------
        TypeError
            If one of them is no distribution on one axis.
        ValueError
            If there are fewer than two.

        Examples
        --------
        >>> import erfmath as em
        >>> wide, narrow = em.distribution([1, 1], 10**9), em.distribution([1, 1, 1], 4)
        >>> em.JointDistribution.independent([wide, narrow]).support()
        ((0, 1000000000), (0, 8))
        """
        if not isinstance(marginals, Sequence):
            raise TypeError(f"marginals must be a sequence of distributions, got {marginals!r}")
        for marginal in marginals:
            require_distribution(marginal, "marginals")
        if len(marginals) < 2:
            raise ValueError(f"marginals must be two distributions or more, got {len(marginals)}")
        joint = cls.__new__(cls)
        joint._held, joint._parts = None, tuple(marginals)
        joint._corner = tuple(marginal.support()[0] for marginal in marginals)
        return joint

    _before = 0.0  # bound of the error of the probabilities that were given, where they were computed

    @classmethod
    def computed(
        cls,
        probabilities: Any,
        offset: int | Sequence[int],
        error: float,
        marginals: Sequence[UnivariateDistribution] | None = None,
    ) -> JointDistribution:
        """Return the distribution of probabilities that have been computed to a relative error.

        Parameters
        ----------
        probabilities, offset
            As for the class.
        error
            The relative error of each probability, which :attr:`error` counts in.
        marginals
            The distribution of each coordinate, where it is known better than as sums of the probabilities,
            which end where floats do.

        Returns
        -------
        JointDistribution

        Raises
        ------
        TypeError, ValueError
            As for the class.

        Examples
        --------
        >>> import erfmath as em
        >>> em.JointDistribution.computed([[0.5, 0.5]], (0, 0), error=1e-6).error > 1e-6
        True
        """
        found = cls(probabilities, offset)
        found._before = error
        if marginals is not None:
            found._parts = tuple(marginals)
        return found

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf` returns: of a product of marginals, or of a table."""
        if self.is_independent:
            return sum(marginal.error for marginal in self.marginals) + len(self.marginals) * UNIT
        return self._before + (math.prod(high - low + 1 for low, high in self.bounds) + 4) * UNIT

    @property
    def marginals(self) -> tuple[UnivariateDistribution, ...]:
        """The distribution of each coordinate."""
        return self._parts

    @property
    def is_independent(self) -> bool:
        """Whether the distribution is held as the product of its marginals."""
        return self._table is None

    @property
    def _table(self) -> Floats | None:
        return self._held

    @property
    def _start(self) -> tuple[int, ...]:
        return self._corner

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
        inside = ((index >= 0) & (index < self._table.shape) & (places == points)).all(axis=-1)
        entries = np.where(inside[..., None], index, 0)
        values = np.where(inside, self._table[tuple(np.moveaxis(entries, -1, 0))], 0.0)
        return plain(np.where(undefined.any(axis=-1), np.nan, values))

    def _as_points(self, x: Any) -> Any:
        points = real_array(x, "x")
        if points.ndim == 0 or points.shape[-1] != self.ndim:
            raise ValueError(
                f"x must hold {self.ndim} coordinates on its last axis, got shape {points.shape}"
            )
        return points

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        if self.bounds != other.bounds or self.is_independent != other.is_independent:
            return False
        if self.is_independent:
            return self.marginals == other.marginals
        return np.array_equal(self.float_grid(), other.float_grid())

    def __hash__(self) -> int:
        return hash((type(self), self.bounds))

    def __repr__(self) -> str:
        sides = " x ".join(f"{low} .. {high}" for low, high in self.support())
        return f"<JointDistribution on {sides}{', independent axes' if self.is_independent else ''}>"


def law_of(
    values: Floats, start: Sequence[int], error: float = 0.0
) -> LatticeDistribution | JointDistribution:
    """Return the distribution in proportion to an array from a position on, known to a relative error."""
    shares = values / values.sum()
    if shares.ndim == 1:
        return LatticeDistribution.computed(shares, start[0], error)
    return JointDistribution.computed(shares, start, error)
