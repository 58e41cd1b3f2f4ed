"""What every distribution on one axis has, by scipy's names, from a few methods of its own."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .._checks import as_choice, as_count, as_fraction_of_one
from .._memory import check_memory
from ..core.scaled import Floats
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product
from .base import Distribution
from .manners import FARTHEST, Points, as_generator, as_size, of_points, of_shares, real_array
from .quantiles import first_reached

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

# Sums of tables are products and short products are tables, so the arithmetic is written above both, in
# arithmetic.py, and entered here by name.
_OPERATIONS: dict[str, Callable[..., UnivariateDistribution]] = {}
_Operation = TypeVar("_Operation", bound="Callable[..., UnivariateDistribution]")


def operation(function: _Operation) -> _Operation:
    """Make a function what the operator of its name does."""
    _OPERATIONS[function.__name__] = function
    return function


class UnivariateDistribution(Distribution):
    """A distribution on the integers.

    ``a + b`` is the distribution of a sum of independent variables, ``n * a`` that of n independent copies,
    ``a.scaled(n)`` that of n times one variable; ``-a``, ``a - b`` and ``a + 3`` are what they say.

    A kind of its own has ``support``, ``logpmf``, ``logcdf``, ``logsf`` and ``cumulants``; where it knows
    more, it overrides what else there is.

    Examples
    --------
    >>> import erfmath as em
    >>> die = em.sum_of([0, *[1 / 6] * 6])
    >>> (die + 10 * die - 3).support(), round((10 * die).sf(49), 6)
    ((8, 63), 0.00289)
    >>> round((die - die).pmf(0), 6), round((-die).mean(), 6)
    (0.166667, -3.5)
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

    @property
    def marginals(self) -> tuple[UnivariateDistribution, ...]:
        """The distribution of each coordinate: itself.

        Examples
        --------
        >>> import erfmath as em
        >>> len(em.distribution([1, 1]).marginals)
        1
        """
        return (self,)

    @property
    def polynomial(self) -> Product | None:
        """The product of powers whose distribution this is, where it is held as one.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 2], 3).polynomial
        Product([(Kernel([1, 2]), 3)])
        """
        return None

    @property
    def lattice(self) -> tuple[Fraction, Fraction, UnivariateDistribution]:
        """(Origin, step, integers): the variable is origin + step times one distributed as `integers`.

        Examples
        --------
        >>> import erfmath as em
        >>> origin, step, integers = em.sum_of({0.5: 0.5, 0.75: 0.5}, 3).lattice
        >>> origin, step, integers.support()
        (Fraction(3, 2), Fraction(1, 4), (0, 3))
        """
        return Fraction(0), Fraction(1), self

    def to_product(self) -> Product:
        """Return the product of powers whose distribution this is, a table being a product of one factor.

        Raises
        ------
        ValueError
            If the support has no end.

        Examples
        --------
        >>> import erfmath as em
        >>> em.LatticeDistribution([0.25, 0.75], offset=-1).to_product()
        Product([(Kernel([0.25, 0.75], offset=-1), 1)])
        """
        low, high = self.support()
        if math.isinf(high - low):
            raise ValueError(
                "a distribution without an end is no factor of a sum; cut it first with given(lo, hi)"
            )
        return Product([(Kernel(self.probabilities(), low), 1)])

    def convolve(self, other: UnivariateDistribution) -> UnivariateDistribution:
        r"""Return the distribution of the sum of two independent variables, each tail with its digits.

        .. math:: P(X + Y = t) = \sum_x P(X = x)\, P(Y = t - x)

        It is what ``a + b`` gives.

        Parameters
        ----------
        other
            A distribution on one axis.

        Returns
        -------
        UnivariateDistribution

        Raises
        ------
        TypeError
            If `other` is no distribution on one axis.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1]).convolve(em.distribution([1, 1], 2)).probabilities()
        array([0.125, 0.375, 0.375, 0.125])
        """
        return _OPERATIONS["convolve"](self, other)

    def scaled(self, factor: int | Fraction) -> UnivariateDistribution:
        """Return the distribution of `factor` times the variable, which ``n * a`` is not.

        Parameters
        ----------
        factor
            A number; a float stands for the simplest fraction that rounds to it.

        Returns
        -------
        UnivariateDistribution
            On the lattice of the multiples of the factor.

        Raises
        ------
        TypeError
            If `factor` is no real number.

        Examples
        --------
        >>> import erfmath as em
        >>> die = em.sum_of([0, *[1 / 6] * 6])
        >>> die.scaled(2).support(), (2 * die).support(), die.scaled(2).var() == 2 * (2 * die).var()
        ((2, 12), (2, 12), True)
        """
        return _OPERATIONS["scaled"](self, factor)

    def given(self, low: Any = None, high: Any = None) -> UnivariateDistribution:
        """Return the distribution conditional on low <= X <= high, None for an end that is open.

        Probabilities are divided by that of the condition, however small it is.

        Parameters
        ----------
        low, high
            The ends, both inside: numbers, or None for one that is open.

        Returns
        -------
        UnivariateDistribution

        Raises
        ------
        TypeError
            If an end is no real number.
        ValueError
            If the condition has probability 0.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 1], 1000).given(low=900).mode()
        900
        """
        return _OPERATIONS["given"](self, low, high)

    def __add__(self, other: Any) -> UnivariateDistribution:
        return _OPERATIONS["add"](self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> UnivariateDistribution:
        return -(-self).__add__(other)

    def __rsub__(self, other: Any) -> UnivariateDistribution:
        return (-self).__add__(other)

    def __neg__(self) -> UnivariateDistribution:
        return self.scaled(-1)

    def __mul__(self, copies: Any) -> UnivariateDistribution:
        return _OPERATIONS["repeated"](self, copies)

    __rmul__ = __mul__
    # An array on the left would add itself entry by entry.
    __array_ufunc__ = None

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
        order = as_count(order, "order", minimum=0, maximum=100)
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
            If `func` is no function.
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
        if not callable(func):
            raise TypeError(f"func must be a function of an array of points, got {func!r}")
        start, shares = self.float_window()
        values = np.asarray(func(np.arange(start, start + len(shares), dtype=float)), dtype=float)
        if values.shape not in ((), shares.shape):
            raise ValueError(f"func must return one number per point, got shape {values.shape}")
        return float(np.sum(shares * values))

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

    def plot(self, ax: Any = None) -> Any:
        """Draw the pmf as bars on matplotlib axes, by default those of a new figure, and return the axes.

        Parameters
        ----------
        ax
            Matplotlib axes; None makes a figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import erfmath as em
        >>> ax = em.distribution([1, 1], 10).plot()
        >>> len(ax.patches), ax.get_ylabel()
        (11, 'P(X = x)')
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(layout="constrained").add_subplot()
        origin, step, integers = self.lattice
        start, shares = integers.window(1e-6)
        # More bars than pixels are drawn as one outline.
        at = float(origin) + float(step) * np.arange(start, start + len(shares))
        if len(shares) <= 400:
            ax.bar(at, shares, width=0.9 * float(step))
        else:
            ax.fill_between(at, shares)
        ax.set(xlabel="x", ylabel="P(X = x)")
        return ax

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
        return self.ppf((1 - confidence) / 2), self.ppf((1 + confidence) / 2)

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
        if self.cdf(first) <= limit:  # what may be left out is
            first += 1
        return first, self._points(first, last)

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
            index = first_reached(lambda j: share(low + step * j), q[inside], sign, ends, scale)
            points[inside] = low + step * index
        return points.astype(float)

    @property
    def _step(self) -> int:
        """A common step of the points of positive probability, from the first one on."""
        return 1

    def _scale(self) -> tuple[float, float]:
        """Return about where and how wide the distribution is, for a search to start from."""
        return self.mean(), self.std()

    def __repr__(self) -> str:
        low, high = self.support()
        moments = f"mean {self.mean():.6g}, std {self.std():.6g}"
        return f"<{type(self).__name__} on {low} .. {high}, {moments}>"
