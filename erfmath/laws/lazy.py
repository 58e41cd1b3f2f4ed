"""The distribution of a product of powers: where each impact of one unit lands on the input."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_count
from .._memory import check_memory
from ..core.coefficients import scaled_product
from ..core.direct import error_bound
from ..core.logs import (
    bulk_of_many,
    ends,
    error_of_many,
    has_cheap_quantiles,
    has_many_factors,
    is_short,
    log_coefficients_at,
    log_tail_at,
    moments_of_many,
    normalised_window,
    prepare_quantiles,
    quantiles_of_many,
    step_of,
    table_of,
)
from ..core.plan import plan_of
from ..core.scaled import Floats
from ..core.table import sums_error
from ..polynomials.cumulants import exact_cumulants, near_cumulants, require_law, require_one_axis
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product, as_product
from .base import Distribution
from .joint import JointDistribution
from .lattice import LatticeDistribution
from .manners import FARTHEST, UNIT, Points, as_generator, as_size, of_points, of_shares, read_only
from .univariate import UnivariateDistribution
from .variates import operations, sums_of_draws

# Draws from taps, some 20 ns each, beyond which quantiles of wide kernels are faster.
_MOST_DRAWS = 10**6

_LOWEST = 690.8  # -log 1e-300


class ProductDistribution(LatticeDistribution):
    r"""The distribution of :math:`\prod_i P_i(z^{a_i})^{n_i}`, its numbers computed when asked for.

    Every method of :class:`LatticeDistribution`, at any power up to 10**15: a short row is kept as a
    table, a long one is never built, and logarithms reach where floats underflow. Probabilities and
    tails above 1e-300 have a relative error below 1e-12, logarithms an error below ``1e-12 + 4e-16 |log|``.

    Parameters
    ----------
    polynomial
        A product on one axis, no weight negative.

    Raises
    ------
    TypeError
        If it is no Product.
    ValueError
        If a weight is negative, there are several axes, or the support leaves the 62-bit integers.

    Examples
    --------
    >>> from erfmath import Kernel, distribution
    >>> d = distribution(Kernel([1, 1, 1], offset=-1), 10**12)
    >>> d.support(), round(d.std())
    ((-1000000000000, 1000000000000), 816497)
    >>> f"{d.sf(25 * 816497):.10e}"  # 25 standard deviations out
    '3.0556678267e-138'
    """

    def __init__(self, polynomial: Product) -> None:
        if not isinstance(polynomial, Product):
            raise TypeError(
                f"polynomial must be a Product, got {polynomial!r}; distribution() takes the rest"
            )
        require_one_axis(polynomial)
        self._polynomial = polynomial
        self._origin = polynomial.offsets[0]
        low, high = ends(polynomial)
        self._low, self._high = self._origin + low, self._origin + high
        if max(abs(self._low), abs(self._high)) >= FARTHEST:
            raise ValueError(
                "the support leaves the 62-bit integers, which end at 4.6e18; use fewer factors, "
                "smaller steps, or a smaller offset"
            )

    @property
    def error(self) -> float:
        r"""A bound of the relative error of what `pmf`, `cdf` and `sf` return, above 1e-300.

        A short row is a table of sums of products; other numbers are integrals whose neglected parts and
        cancellation are bounded: they err by less than :math:`10^{-12} + 4 \cdot 10^{-16} |\log p|`, those of
        many different factors by the bound up to which they are taken, 1e-12 to 1e-11; to 1e-9 where
        numpy's long doubles are floats, as on Apple's processors and on Windows.
        """
        if not self._is_short:
            known = error_of_many(self._polynomial) if has_many_factors(self._polynomial) else 1e-12
            return known + 4e-16 * _LOWEST
        length, powers = self._high - self._low + 1, [f.n for f in self._polynomial.factors if f.n]
        return error_bound(length, powers) + sums_error(length) + (sum(powers) + 8) * UNIT

    @property
    def polynomial(self) -> Product:
        """The product of powers whose distribution this is."""
        return self._polynomial

    @functools.cached_property
    def _table(self) -> Floats:
        """The whole row, for the short ones that the table methods of the base class serve."""
        return read_only(table_of(self._polynomial).probabilities())

    @functools.cached_property
    def _step(self) -> int:
        return step_of(self._polynomial)

    @property
    def _start(self) -> int:
        return self._low

    @property
    def _is_short(self) -> bool:
        return is_short(self._polynomial)

    def support(self) -> tuple[int, int]:
        """Return the smallest and the largest point of positive probability, both inside."""
        return self._low, self._high

    @of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x), -inf where the probability is exactly 0."""
        return log_coefficients_at(self._polynomial, x - self._origin, normalised=True)

    @of_points(off_lattice=0.0)
    def pmf(self, x: Points) -> Floats:
        """Return P(X = x); 0 off the integers and outside the support."""
        return np.asarray(super().pmf(x)) if self._is_short else np.exp(self.logpmf(x))

    @of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x)."""
        return log_tail_at(self._polynomial, x - self._origin, "lower")

    @of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x)."""
        return log_tail_at(self._polynomial, x - self._origin + 1, "upper")

    @of_points()
    def cdf(self, x: Points) -> Floats:
        """Return P(X <= x)."""
        return np.asarray(super().cdf(x)) if self._is_short else np.exp(self.logcdf(x))

    @of_points()
    def sf(self, x: Points) -> Floats:
        """Return P(X > x); a small one keeps its digits."""
        return np.asarray(super().sf(x)) if self._is_short else np.exp(self.logsf(x))

    @of_shares
    def ppf(self, q: Floats) -> Floats:
        """Return the smallest x with cdf(x) >= q; one below the support at q = 0, nan outside [0, 1]."""
        return np.asarray(super().ppf(q) if self._is_short else UnivariateDistribution.ppf(self, q))

    @of_shares
    def isf(self, q: Floats) -> Floats:
        """Return the smallest x with sf(x) <= q; one below the support at q = 1, nan outside [0, 1]."""
        return np.asarray(super().isf(q) if self._is_short else UnivariateDistribution.isf(self, q))

    def rvs(self, size: int | tuple[int, ...] | None = None, *, rng: Any = None) -> Any:
        """Return random variates: an int, or an int64 array of the given size.

        `rng` is a ``numpy.random.Generator``, or whatever ``numpy.random.default_rng`` takes. Long rows draw
        how often each tap is taken, a multinomial variate for each factor, or which taps, and add up; many
        variates of wide kernels are quantiles of uniform ones, and many different factors are drawn from
        the table of their sum.
        """
        if self._is_short:
            return super().rvs(size, rng=rng)
        generator, size = as_generator(rng), as_size(size)
        if has_many_factors(self._polynomial):
            found = self._low + quantiles_of_many(self._polynomial, generator.random(size))
            return int(found) if size is None else found.astype(np.int64)
        work = operations(self._polynomial) * math.prod(size or ())
        if work > _MOST_DRAWS and has_cheap_quantiles(self._polynomial):
            return UnivariateDistribution.rvs(self, size, rng=generator)
        total = sums_of_draws(self._polynomial, generator, size or ())
        return int(total) if size is None else total

    def entropy(self) -> float:
        """Return -E log P(X), in nats."""
        if not has_many_factors(self._polynomial):
            return super().entropy()
        shares = bulk_of_many(self._polynomial)  # of what is left out 1e-16 log 1e16 is the most
        shares = shares[shares > 0]
        return -float(shares @ np.log(shares)) + 0.0

    def mean(self) -> float:
        """Return the expected value."""
        return self.cumulants(1)[0]

    @property
    def exact_mean(self) -> Fraction:
        """The expected value as a Fraction.

        Examples
        --------
        >>> import erfmath as em
        >>> em.distribution([1, 2], 10**6).exact_mean
        Fraction(2000000, 3)
        """
        return exact_cumulants(self._polynomial, 1)[0]

    def var(self) -> float:
        """Return the variance."""
        return self.cumulants(2)[1]

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order, exact but for the last rounding."""
        order = as_count(order, "order", minimum=1, maximum=100)
        found = near_cumulants(
            self._polynomial, max(order, 2)
        )  # where the mean is asked for, the variance is next
        return tuple(float(value) for value in found[:order])

    def probabilities(self) -> Floats:
        """Return the pmf over the whole support, ``support()[0]`` first; those below 1e-308 are 0."""
        return UnivariateDistribution.probabilities(self)

    def window(self, tail: float = 1e-16) -> tuple[int, Floats]:
        """Return (offset, probabilities) of the shortest window whose tails hold at most tail / 2 each."""
        return super().window(tail) if self._is_short else UnivariateDistribution.window(self, tail)

    def _scale(self) -> tuple[float, float]:
        prepare_quantiles(self._polynomial)
        if not has_many_factors(self._polynomial):
            return super()._scale()
        mean, deviation = moments_of_many(self._polynomial)
        return self._low + mean, deviation

    def to_product(self) -> Product:
        """Return the product of powers whose distribution this is."""
        return self._polynomial

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._polynomial == other._polynomial or self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)

    @functools.cached_property
    def _canonical(self) -> tuple[int, frozenset[Any]]:
        """What neither the order of factors changes nor which of them hold a shift."""
        powers: dict[Any, int] = {}
        for kernel, n, step in self._polynomial.factors:
            if n and kernel.shape != (1,):
                key = kernel.shift(-kernel.offsets[0]), step
                powers[key] = powers.get(key, 0) + n
        return self._origin, frozenset(powers.items())

    def float_window(self) -> tuple[int, Floats]:
        """Return (start, probabilities) of all that is not zero as a float, read-only."""
        if self._is_short:
            return super().float_window()
        start, values = normalised_window(self._polynomial)
        return self._origin + start, read_only(values)

    def _points(self, first: int, last: int) -> Floats:
        what = f"the window {first} .. {last}"
        check_memory(24 * (last - first + 1), what, "use a larger tail, or pmf()")
        return normalised_window(self._polynomial, first - self._origin, last - self._origin)[1]


@functools.singledispatch
def distribution(
    kernel: Kernel | Product | Any, n: int = 1, *, at: Any = None, input_size: Any = None
) -> Distribution:
    """Return the distribution P(z)^n / P(1)^n of a sum of n independent variables, the kernel that of one.

    It is the impact of each input position on one unit, n convolutions deep, or of one unit of a network.
    Its support is the theoretical receptive field. On one axis nothing is computed before it is asked for.

    Parameters
    ----------
    kernel
        A Kernel, a Product of powers of kernels, a sequence of weights, or a network; no weight negative.
    n
        Number of factors, an int from 0 to 10**15; of a network the number of copies in series.
    at
        Which output unit of a network, an int or one per axis; by default unit 0, or the middle one of a
        map with borders. (After upsampling the impact depends on the unit's phase.)
    input_size
        Samples of a network's input, an int or one per axis: the impact on a map with borders, as the
        layers pad them. None for a map without any.

    Returns
    -------
    ProductDistribution or JointDistribution
        On one axis, or on several; separable kernels keep their axes independent.

    Raises
    ------
    ValueError
        If a weight is negative (it is named), a layer of a network reads its whole input, or the grid of a
        kernel that does not separate would not fit in memory.

    Examples
    --------
    >>> from erfmath import Kernel, distribution
    >>> d = distribution(Kernel([1, 1, 1], offset=-1), 40)
    >>> d.support(), d.mean(), round(d.var(), 4)
    ((-40, 40), 0.0, 26.6667)
    """
    if at is not None or input_size is not None:
        raise ValueError("at and input_size are for networks, such as Conv(3, padding=1), not for a kernel")
    polynomial = as_product(kernel, n)
    require_law(polynomial)
    if polynomial.ndim == 1:
        return ProductDistribution(polynomial)
    parts = polynomial.separate()
    if parts is not None:
        return JointDistribution.independent([ProductDistribution(part) for part in parts])
    plan = plan_of(polynomial)
    grid = scaled_product(polynomial, plan.method)
    marginals = [ProductDistribution(polynomial.marginal(axis)) for axis in range(polynomial.ndim)]
    return JointDistribution.computed(grid.to_unit_sum(), polynomial.offsets, plan.error, marginals)
