"""Distributions on the integer lattice in several axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from .._checks import others_of, per_axis
from ..core.scaled import Floats
from .base import require_distribution
from .joint_readings import JointReadings
from .lattice import LatticeDistribution, as_shares
from .manners import read_only
from .univariate import UnivariateDistribution

# Powers of tables are products, so the arithmetic is written above both, in joint_arithmetic.py, and entered
# here by name.
_OPERATIONS: dict[str, Callable[..., Any]] = {}
_Operation = TypeVar("_Operation", bound="Callable[..., Any]")


def joint_operation(function: _Operation) -> _Operation:
    """Make a function what the method or the operator of its name does."""
    _OPERATIONS[function.__name__] = function
    return function


class JointDistribution(JointReadings):
    """A distribution on the integer lattice in several axes: P(X = offset + i) = probabilities[i].

    Here i is a multi-index.

    With independent axes only their distributions are kept and the grid is never built unless asked for.
    ``a + b`` is the distribution of a sum of independent variables, ``n * a`` that of n independent copies,
    ``a + (1, -2)`` that of a shifted one; ``given`` and ``conditional`` are conditions. Points have no order,
    so that there are no quantiles, and no `sf`: those of the coordinates are in ``marginals``, and
    ``expect(lambda x: (x > (1, 2)).all(axis=1))`` is the probability of an event. Differences, multiples,
    values between the integers and ``enclose`` are for one axis alone.

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
    def marginals(self) -> tuple[UnivariateDistribution, ...]:
        """The distribution of each coordinate."""
        return self._parts

    @property
    def _table(self) -> Floats | None:
        return self._held

    @property
    def _start(self) -> tuple[int, ...]:
        return self._corner

    def given(self, low: Any = None, high: Any = None) -> JointDistribution:
        """Return the distribution conditional on a box, low <= X <= high on every axis.

        Probabilities are divided by that of the box, however small it is; of a grid it must have digits.

        Parameters
        ----------
        low, high
            The corners, both inside: a number for all axes or one per axis, None for an end that is open.

        Returns
        -------
        JointDistribution

        Raises
        ------
        TypeError
            If an end is no real number.
        ValueError
            If there is not one per axis, or the box has probability 0 (of a grid, less than 1e-290).

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[2, 1], [1, 2]], 50)
        >>> late = d.given(low=(40, None))
        >>> late.bounds, late.mean().round(3)
        (((40, 50), (0, 50)), array([40.294, 30.098]))
        """
        found: JointDistribution = _OPERATIONS["given"](self, low, high)
        return found

    def conditional(self, values: Mapping[int, Any]) -> UnivariateDistribution | JointDistribution:
        r"""Return the distribution of the other coordinates given these: :math:`P(X_a = x \mid X_b = v)`.

        Parameters
        ----------
        values
            {axis: value}, of all axes but one or more.

        Returns
        -------
        UnivariateDistribution or JointDistribution
            On the axes that are left, in their order.

        Raises
        ------
        TypeError
            If it is no mapping from axes to real numbers.
        ValueError
            If there is no such axis, no axis or all are given, or the values have probability 0 (of a grid,
            less than 1e-290).

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[2, 1], [1, 2]], 3)
        >>> d.conditional({0: 3}).probabilities().round(6)
        array([0.037037, 0.222222, 0.444444, 0.296296])
        """
        found: UnivariateDistribution | JointDistribution = _OPERATIONS["conditional"](self, values)
        return found

    def convolve(self, other: JointDistribution) -> JointDistribution:
        r"""Return the distribution of the sum of two independent variables on the same axes.

        .. math:: P(X + Y = t) = \sum_x P(X = x)\, P(Y = t - x)

        It is what ``a + b`` gives. Of independent axes no grid is built.

        Parameters
        ----------
        other
            A distribution on as many axes.

        Returns
        -------
        JointDistribution

        Raises
        ------
        TypeError
            If `other` is no distribution on several axes.
        ValueError
            If it has another number of axes, or the grid does not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> a, b = em.distribution([[1, 0], [0, 1]]), em.distribution([[0, 1], [1, 0]])
        >>> (a + b).probabilities()
        array([[0.  , 0.25, 0.  ],
               [0.25, 0.  , 0.25],
               [0.  , 0.25, 0.  ]])
        """
        found: JointDistribution = _OPERATIONS["convolve"](self, other)
        return found

    def __add__(self, other: Any) -> JointDistribution:
        found: JointDistribution = _OPERATIONS["add"](self, other)
        return found

    __radd__ = __add__

    def __mul__(self, copies: Any) -> JointDistribution:
        found: JointDistribution = _OPERATIONS["repeated"](self, copies)
        return found

    __rmul__ = __mul__
    # An array on the left would add itself entry by entry.
    __array_ufunc__ = None

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
