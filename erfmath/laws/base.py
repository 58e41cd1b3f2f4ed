"""What every distribution on a lattice has, on one axis or on several."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from .._checks import as_axis
from ..core.scaled import Floats
from .display import distribution_html
from .manners import read_only


class Distribution(ABC):
    """A distribution on the integer lattice; what has one entry per axis is a tuple.

    Examples
    --------
    >>> import erfmath as em
    >>> d = em.distribution(em.Kernel([[1, 2, 1], [1, 2, 1]]))
    >>> d.ndim, d.bounds, d.is_independent
    (2, ((0, 1), (0, 2)), True)
    >>> d.marginal(1).probabilities()
    array([0.25, 0.5 , 0.25])
    """

    @property
    def ndim(self) -> int:
        """Number of axes.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1]).ndim, em.distribution([[1, 1]]).ndim
        (1, 2)
        """
        return len(self.marginals)

    @property
    @abstractmethod
    def marginals(self) -> tuple[Any, ...]:
        """The distribution of each coordinate.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 1], [1, 1]], 2).marginals[0].probabilities()
        array([0.25, 0.5 , 0.25])
        """

    @abstractmethod
    def support(self) -> Any:
        """Return (smallest, largest) point of positive probability, on several axes one pair for each.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1, 1], 5).support(), em.distribution([[1, 1, 1]], 5).support()
        ((0, 10), ((0, 0), (0, 10)))
        """

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """The smallest and the largest point of positive probability of each coordinate.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1, 1], 5).bounds
        ((0, 10),)
        """
        return tuple(marginal.support() for marginal in self.marginals)

    @property
    def is_independent(self) -> bool:
        """Whether the distribution is held as the product of its marginals.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 2], [1, 2]]).is_independent, em.distribution([[1, 0], [0, 1]]).is_independent
        (True, False)
        """
        return True

    def marginal(self, axis: int) -> Any:
        """Return the distribution of one coordinate.

        Parameters
        ----------
        axis
            Which coordinate, from 0; negative numbers count from the last.

        Returns
        -------
        UnivariateDistribution

        Raises
        ------
        TypeError, ValueError
            If `axis` is no integer, or the distribution has no such axis.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 2, 1]], 2).marginal(1).support()
        (0, 4)
        """
        return self.marginals[as_axis(axis, self.ndim)]

    @property
    @abstractmethod
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return, above 1e-300.

        From the analysis of how they are computed: with :math:`u = 2^{-53}`, a sum of m numbers that are not
        negative errs by at most m u, a product by what both factors err and u more (Higham, *Accuracy and
        Stability of Numerical Algorithms*, 2002, sections 3.1 and 4.2). It counts the given weights as exact.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 10**6).error < 2e-12
        True
        """

    @abstractmethod
    def pmf(self, x: Any) -> Any:
        """Return P(X = x).

        Parameters
        ----------
        x
            A point or an array of points; on several axes the last axis of the array holds the coordinates.

        Returns
        -------
        float or ndarray
            One probability per point.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.
        ValueError
            If the last axis of `x` is not as long as there are axes.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 1], [1, 1]]).pmf([[0, 1], [0, 2]])
        array([0.25, 0.  ])
        """

    @abstractmethod
    def logpmf(self, x: Any) -> Any:
        """Return log P(X = x), the natural logarithm, which reaches where P(X = x) underflows.

        Parameters
        ----------
        x
            A point or an array of points; on several axes the last axis of the array holds the coordinates.

        Returns
        -------
        float or ndarray
            One logarithm per point, -inf where the probability is 0.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.
        ValueError
            If the last axis of `x` is not as long as there are axes.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 1], [1, 1]], 1000)
        >>> d.pmf([0, 0]), round(d.logpmf([0, 0]), 6)
        (0.0, -1386.294361)
        """

    @abstractmethod
    def rvs(self, size: Any = None, *, rng: Any = None) -> Any:
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
            Integers; on several axes the coordinates are on the last axis.

        Raises
        ------
        TypeError
            If `size` or `rng` is of another kind.
        ValueError
            If `size` is negative, or more than the memory holds.

        Examples
        --------
        >>> import erfmath as em
        >>> points = em.distribution([[1, 1], [1, 1]], 100).rvs(5000, rng=1)
        >>> points.shape, points.mean(axis=0).round(1)
        ((5000, 2), array([50. , 50.1]))
        """

    @abstractmethod
    def probabilities(self) -> Floats:
        """Return the pmf over the whole support.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 2, 1], [1, 2, 1]]).probabilities()
        array([[0.125, 0.25 , 0.125],
               [0.125, 0.25 , 0.125]])
        """

    @abstractmethod
    def mean(self) -> Any:
        """Return the expected value, on several axes of each coordinate.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 1, 1], [1, 1, 1]])
        >>> d.mean(), d.var().round(3), d.std().round(3)
        (array([0.5, 1. ]), array([0.25 , 0.667]), array([0.5  , 0.816]))
        """

    @abstractmethod
    def var(self) -> Any:
        """Return the variance, on several axes of each coordinate.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 1, 1], [1, 1, 1]])
        >>> d.mean(), d.var().round(3), d.std().round(3)
        (array([0.5, 1. ]), array([0.25 , 0.667]), array([0.5  , 0.816]))
        """

    @abstractmethod
    def std(self) -> Any:
        """Return the standard deviation, on several axes of each coordinate.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([[1, 1, 1], [1, 1, 1]])
        >>> d.mean(), d.var().round(3), d.std().round(3)
        (array([0.5, 1. ]), array([0.25 , 0.667]), array([0.5  , 0.816]))
        """

    @abstractmethod
    def float_parts(self) -> list[tuple[tuple[int, ...], Floats]]:
        """Return (start, probabilities) of each group of axes that is independent of the others.

        They hold all that is not zero as a float, and are read-only.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([[1, 3], [1, 3]]).float_parts()
        [((0,), array([0.5, 0.5])), ((0,), array([0.25, 0.75]))]
        """

    def __init_subclass__(cls, **options: Any) -> None:
        """Give methods that override one its sections, so that the help of each says what it takes."""
        super().__init_subclass__(**options)
        for name, entry in vars(cls).items():
            own, above = _help_of(entry), _help_of(getattr(super(cls, cls), name, None))
            if not name.startswith("_") and own and not _SECTION.search(own):
                entry.__doc__ = own + above[found.start() :] if (found := _SECTION.search(above)) else own

    def _repr_html_(self) -> str:
        """Return the distribution as HTML for a notebook."""
        return distribution_html(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the state of a copy or a pickle, its arrays closed to writing again."""
        for value in state.values():
            if isinstance(value, np.ndarray):
                read_only(value)
        self.__dict__.update(state)


_SECTION = re.compile(r"\n\n\w[\w ]*\n-+\n")


def _help_of(entry: Any) -> str:
    """Return the docstring of a method or a property, "" of anything else."""
    kinds = FunctionType, property, cached_property
    return inspect.cleandoc(entry.__doc__) if isinstance(entry, kinds) and entry.__doc__ else ""


def require_distribution(value: Any, name: str, kind: str = "a LatticeDistribution") -> Any:
    """Return a distribution on one axis, or raise naming the argument."""
    if not isinstance(value, Distribution) or value.ndim != 1:
        raise TypeError(f"{name} must be {kind} or another distribution on one axis, got {value!r}")
    return value
