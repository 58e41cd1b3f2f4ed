"""What a distribution on one axis is in a few numbers: cumulants, moments, entropy, its normal."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_choice, as_count
from ..core.scaled import Floats
from .manners import expected
from .pointwise import PointwiseDistribution

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen


class SummarisedDistribution(PointwiseDistribution):
    """A distribution on the integers, and what sums it up.

    Examples
    --------
    >>> import erfmath as em
    >>> em.distribution([1, 1], 8).stats("mvsk")
    (4.0, 2.0, 0.0, -0.25)
    """

    @abstractmethod
    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        r"""Return the cumulants kappa_1 .. kappa_order: mean, variance and what the higher moments add.

        .. math:: \log E\, e^{sX} = \sum_{r \ge 1} \kappa_r s^r / r!

        Parameters
        ----------
        order
            The last one, 1 to 100.

        Returns
        -------
        tuple of float

        Raises
        ------
        TypeError, ValueError
            If `order` is no integer from 1 to 100.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 8).cumulants()
        (4.0, 2.0, 0.0, -1.0)
        """

    def mean(self) -> float:
        """Return the expected value.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 16)
        >>> d.mean(), d.var(), d.std()
        (8.0, 4.0, 2.0)
        """
        return self.cumulants(1)[0]

    def var(self) -> float:
        """Return the variance.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 16)
        >>> d.mean(), d.var(), d.std()
        (8.0, 4.0, 2.0)
        """
        return self.cumulants(2)[1]

    def std(self) -> float:
        """Return the standard deviation.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 16)
        >>> d.mean(), d.var(), d.std()
        (8.0, 4.0, 2.0)
        """
        return math.sqrt(self.var())

    def skewness(self) -> float:
        """Return the third central moment in units of the standard deviation; nan without a spread.

        Examples
        --------
        >>> import erfmath as em
        >>> round(em.distribution([3, 1], 10).skewness(), 4), em.distribution([1]).skewness()
        (0.3651, nan)
        """
        _, variance, third = self.cumulants(3)
        return third / variance**1.5 if variance else math.nan

    def kurtosis(self, convention: str = "non-excess") -> float:
        """Return the fourth standardised moment, 3 for a normal; less 3 with convention="excess".

        Parameters
        ----------
        convention
            "non-excess" (the default) or "excess".

        Returns
        -------
        float
            nan without a spread.

        Raises
        ------
        ValueError
            If `convention` is another name.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 8)
        >>> d.kurtosis(), d.kurtosis("excess")
        (2.75, -0.25)
        """
        normal = 3 if as_choice(convention, "convention", ("non-excess", "excess")) == "non-excess" else 0
        _, variance, _, fourth = self.cumulants(4)
        return fourth / variance**2 + normal if variance else math.nan

    def moment(self, order: int = 1, kind: str = "raw") -> float:
        """Return E X^r for kind="raw", E (X - mean)^r for "central", in units of std^r for "standardized".

        Parameters
        ----------
        order
            The power r, 0 to 100.
        kind
            "raw", "central" or "standardized".

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If `order` is no integer from 0 to 100, or `kind` another name.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 8)
        >>> d.moment(2), d.moment(2, "central"), d.moment(4, "standardized")
        (18.0, 2.0, 2.75)
        """
        order = as_count(order, "order", maximum=100)
        as_choice(kind, "kind", ("raw", "central", "standardized"))
        if not order:
            return 1.0
        cumulants = list(self.cumulants(max(order, 2)))
        scale = cumulants[1] ** (order / 2) if kind == "standardized" else 1.0
        cumulants[0] = cumulants[0] if kind == "raw" else 0.0
        moments = [1.0]
        for r in range(1, order + 1):
            terms = (math.comb(r - 1, j - 1) * cumulants[j - 1] * moments[r - j] for j in range(1, r + 1))
            moments.append(math.fsum(terms))
        return moments[order] / scale if scale else math.nan

    def stats(self, moments: str = "mv") -> tuple[float, ...] | float:
        """Return those of mean, variance, skewness and excess kurtosis whose letters "mvsk" are asked for.

        Parameters
        ----------
        moments
            Letters of "mvsk".

        Returns
        -------
        float or tuple of float
            In this order, whatever that of the letters.

        Raises
        ------
        ValueError
            If there is another letter, or none.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 8).stats("mvsk")
        (4.0, 2.0, 0.0, -0.25)
        """
        if not isinstance(moments, str) or not moments or set(moments) - set("mvsk"):
            raise ValueError(f"moments must be letters of 'mvsk', got {moments!r}")
        readings = {"m": self.mean, "v": self.var, "s": self.skewness}
        readings["k"] = functools.partial(self.kurtosis, "excess")
        found = tuple(readings[letter]() for letter in "mvsk" if letter in moments)
        return found if len(found) > 1 else found[0]

    def normal(self) -> rv_continuous_frozen:
        """Return the normal distribution of the same mean and variance, a frozen ``scipy.stats.norm``.

        Raises
        ------
        ValueError
            If the variance is 0.

        Examples
        --------
        >>> import erfmath as em
        >>> d = em.distribution([1, 1], 100)
        >>> float(d.normal().cdf(55.5).round(5)), round(d.cdf(55), 5)
        (0.86433, 0.86437)
        """
        from scipy.stats import norm

        if self.var() == 0:
            raise ValueError(f"this is a point mass at {self.support()[0]}: no normal has variance 0")
        return norm(self.mean(), self.std())

    def expect(self, func: Callable[[Any], Any] | None = None) -> float:
        """Return E func(X), the mean without one; `func` gets the points as an array of floats.

        The sum is over all points whose probability is not zero as a float.

        Parameters
        ----------
        func
            A function of an array of floats, which returns one number per point; None for the mean.

        Returns
        -------
        float

        Raises
        ------
        TypeError
            If `func` is no function, or what it returns no real numbers.
        ValueError
            If it returns another number of numbers, or the points do not fit in memory.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 8).expect(lambda x: x**2)
        18.0
        """
        if func is None:
            return self.mean()
        return expected(func, self._possible)

    def _possible(self) -> tuple[Floats, Floats]:
        """Return the points between the ends of what floats hold, and their probabilities."""
        start, shares = self.float_window()
        return np.arange(start, start + len(shares), dtype=float), shares

    def entropy(self) -> float:
        """Return the entropy -E log P(X), in nats.

        Examples
        --------
        >>> import erfmath as em
        >>> round(em.distribution([1] * 6).entropy(), 6)  # log 6
        1.791759
        """
        shares = self.float_window()[1]
        shares = shares[shares > 0]
        return -float(shares @ np.log(shares)) + 0.0

    def mode(self) -> int:
        """Return the most probable point, the smallest of several.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 2], 3000).mode()
        2000
        """
        start, shares = self.window()
        return start + int(shares.argmax())
