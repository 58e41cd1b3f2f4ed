"""Distributions on one axis: what each has by scipy's names, and the arithmetic of independent variables."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from .._checks import as_choice
from ..core.scaled import Floats
from ..core.tilted.enclosures import KINDS
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product, as_product, axes_of, on_axis
from .manners import Bounds, Points, of_points
from .moments import SummarisedDistribution

# Sums of tables are products and short products are tables, so the arithmetic is written above both, in
# arithmetic.py, and entered here by name.
_OPERATIONS: dict[str, Callable[..., UnivariateDistribution]] = {}
_Operation = TypeVar("_Operation", bound="Callable[..., UnivariateDistribution]")


def operation(function: _Operation) -> _Operation:
    """Make a function what the operator of its name does."""
    _OPERATIONS[function.__name__] = function
    return function


class UnivariateDistribution(SummarisedDistribution):
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
        if math.isinf(high):
            raise ValueError(
                "a distribution without an end is no factor of a sum; cut it first with given(lo, hi)"
            )
        return Product([(Kernel(self.probabilities(), low), 1)])

    def enclose(self, x: Any, kind: str = "pmf") -> tuple[Any, Any]:
        r"""Return proved bounds of P(X = x), or of P(X <= x) or P(X > x): (below, above).

        Each is a float on its side of the exact number, that of the weights as the binary fractions they
        are. The tilted distribution around x is a sum over frequencies,
        :math:`v(t) = \frac1N \sum_m \Phi(2 \pi m / N) e^{2 \pi i m t / N}`, and everything it leaves out
        is bounded: other frequencies by :math:`|\phi|^2 = 1 - 2 \sum_d r_d (1 - \cos d\omega)`, other
        periods by Chernoff's inequality, and every rounding, that of transforms by the path bound of
        Higham, *Accuracy and Stability of Numerical Algorithms* (2002), section 24.1.

        A sum takes a condition or a mixture among its parts as the floats that their `probabilities` return,
        and its bounds are for these.

        Parameters
        ----------
        x
            A number or an array.
        kind
            "pmf", "cdf" or "sf".

        Returns
        -------
        tuple
            (below, above), two floats, or two arrays of the shape of `x`.

        Raises
        ------
        TypeError
            If `x` holds no real numbers.
        NotImplementedError
            If the distribution is neither a sum, nor a mixture of sums, nor one of these under a condition.
        ValueError
            If `kind` is another name, or the distribution is too wide for that: some 10**6 lattice points
            in a standard deviation.

        Examples
        --------
        >>> from erfmath import distribution
        >>> low, high = distribution([1] * 6, 1000).enclose(3999, kind="sf")
        >>> f"{low:.10e}", (high - low) / low < 1e-12
        ('1.1566725639e-186', True)
        """
        kind = as_choice(kind, "kind", KINDS)
        at = functools.cache(lambda t: self._enclosed(t, kind))  # both ends come of one proof

        def end(which: int) -> Callable[[Any, Any], Any]:
            def bounds(self: UnivariateDistribution, x: Points) -> Floats:
                return np.array([at(int(t))[which] for t in x.flat]).reshape(x.shape)

            return of_points(0.0 if kind == "pmf" else None)(bounds)

        return end(0)(self, x), end(1)(self, x)

    def _enclosed(self, t: int, kind: str) -> Bounds:
        """Return floats on both sides of P(X = t), P(X <= t) or P(X > t)."""
        raise NotImplementedError(
            f"{self!r} has no proved bounds, as sums, mixtures of sums and their conditions have; `error` "
            "says what is known of its pmf, cdf and sf"
        )

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
        TypeError
            If `ax` is something else.
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
        if not hasattr(ax, "fill_between"):
            raise TypeError(f"ax must be Matplotlib axes or None, got {ax!r}")
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

    def __repr__(self) -> str:
        low, high = self.support()
        moments = f"mean {self.mean():.6g}, std {self.std():.6g}"
        return f"<{type(self).__name__} on {low} .. {high}, {moments}>"


@on_axis.register
def _(value: UnivariateDistribution, n: object, axis: int | None) -> Product:
    axes_of(axis, 1)
    origin, step, integers = value.lattice
    if origin != 0 or step != 1:
        raise ValueError(
            f"kernel must be a distribution on the integers, got one on a lattice of step {float(step):g}; "
            "take its lattice[2]"
        )
    return as_product(integers.to_product(), n)
