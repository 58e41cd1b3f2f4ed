"""What every distribution on a lattice has, on one axis or on several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .._checks import as_axis
from ..core.scaled import Floats
from .display import distribution_html
from .manners import read_only


class Distribution(ABC):
    """A distribution on the integer lattice; what has one entry per axis is a tuple."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.marginals)

    @property
    @abstractmethod
    def marginals(self) -> tuple[Any, ...]:
        """The distribution of each coordinate."""

    @abstractmethod
    def support(self) -> Any:
        """Return (smallest, largest) point of positive probability, on several axes one pair for each."""

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """The smallest and the largest point of positive probability of each coordinate."""
        return tuple(marginal.support() for marginal in self.marginals)

    @property
    def is_independent(self) -> bool:
        """Whether the distribution is held as the product of its marginals."""
        return True

    def marginal(self, axis: int) -> Any:
        """Return the distribution of one coordinate."""
        return self.marginals[as_axis(axis, self.ndim)]

    @property
    @abstractmethod
    def error(self) -> float:
        r"""A bound of the relative error of what `pmf`, `cdf` and `sf` return, above 1e-300.

        From the analysis of how they are computed: with :math:`u = 2^{-53}`, a sum of m numbers that are not
        negative errs by at most m u, a product by what both factors err and u more (Higham, *Accuracy and
        Stability of Numerical Algorithms*, 2002, sections 3.1 and 4.2). It counts the given weights as exact.
        """

    @abstractmethod
    def pmf(self, x: Any) -> Any:
        """Return P(X = x)."""

    @abstractmethod
    def logpmf(self, x: Any) -> Any:
        """Return log P(X = x)."""

    @abstractmethod
    def rvs(self, size: Any = None, *, rng: Any = None) -> Any:
        """Return random variates."""

    @abstractmethod
    def probabilities(self) -> Floats:
        """Return the pmf over the whole support."""

    @abstractmethod
    def mean(self) -> Any:
        """Return the expected value, on several axes of each coordinate."""

    @abstractmethod
    def var(self) -> Any:
        """Return the variance, on several axes of each coordinate."""

    @abstractmethod
    def std(self) -> Any:
        """Return the standard deviation, on several axes of each coordinate."""

    @abstractmethod
    def float_parts(self) -> list[tuple[tuple[int, ...], Floats]]:
        """Return (start, probabilities) of each group of axes that is independent of the others.

        They hold all that is not zero as a float, and are read-only.
        """

    def _repr_html_(self) -> str:
        """Return the distribution as HTML for a notebook."""
        return distribution_html(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the state of a copy or a pickle, its arrays closed to writing again."""
        for value in state.values():
            if isinstance(value, np.ndarray):
                read_only(value)
        self.__dict__.update(state)


def require_distribution(value: Any, name: str, kind: str = "a LatticeDistribution") -> Any:
    """Return a distribution on one axis, or raise naming the argument."""
    if not isinstance(value, Distribution) or value.ndim != 1:
        raise TypeError(f"{name} must be {kind} or another distribution on one axis, got {value!r}")
    return value
