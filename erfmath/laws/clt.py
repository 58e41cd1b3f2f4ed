r"""The central limit theorem for a product of powers: the normal it predicts, how far off that is, and more.

The position S of an impact is a sum of n independent steps with the kernels as their laws, so
:math:`(S - \mu)/\sigma` tends to the standard normal as long as no single step dominates. One axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_count
from ..core.scaled import Floats
from ..polynomials.cumulants import exact_cumulants, require_law, third_absolute_moment
from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor, Product, on_axis
from .lattice import Points
from .lazy import ProductDistribution
from .verdict import Verdict, kind_of

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

# Shevtsova (2013) for identical and for other summands; no constant below 0.4097 can hold (Esseen 1956).
IDENTICAL, OTHERS = 0.4690, 0.5600

# Up to this many points Python's erfc takes less time than the import of SciPy's.
_FEW_POINTS = 2**14

# The distance is taken over every point where the law is short, or of few factors and perhaps rough.
_EVERY_POINT, _EVERY_ROUGH_POINT, _MANY_FACTORS = 2**13, 2**20, 1000


@dataclass(frozen=True)
class CentralLimit:
    r"""The law of a product of powers beside its normal prediction; see :func:`central_limit`.

    Examples
    --------
    >>> limit = central_limit(Product([([1, 1], 1, 2**l) for l in range(10)]))  # dilations 1, 2, .., 512
    >>> limit.lindeberg_share > 0.7, round(limit.excess_kurtosis, 3)
    (True, -1.2)
    """

    polynomial: Product

    @cached_property
    def _law(self) -> ProductDistribution:
        return ProductDistribution(self.polynomial)

    @cached_property
    def _moments(self) -> tuple[Fraction, ...]:
        return exact_cumulants(self.polynomial, 4)

    @property
    def mean(self) -> float:
        """The mean of the law and of the normal."""
        return float(self._moments[0])

    @property
    def var(self) -> float:
        """The variance of the law and of the normal."""
        return float(self._moments[1])

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.var)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order, the sums of those of the factors."""
        return self._law.cumulants(order)

    @property
    def skewness(self) -> float:
        """The third standardised cumulant; it falls as 1/sqrt(n)."""
        self._spread()
        return float(self._moments[2] / self._moments[1]) / self.std

    @property
    def excess_kurtosis(self) -> float:
        """The fourth standardised cumulant; it falls as 1/n."""
        self._spread()
        return float(self._moments[3] / self._moments[1] ** 2)

    @cached_property
    def dominant(self) -> tuple[Factor, float]:
        """The factor whose step has the largest share in the variance, and that share."""
        self._spread()
        factors = self.polynomial.factors
        shares = [exact_cumulants(Product([(f.kernel, 1, f.step)]), 2)[1] / self._moments[1] for f in factors]
        best = max(range(len(factors)), key=shares.__getitem__)
        return factors[best], float(shares[best])

    @property
    def lindeberg_share(self) -> float:
        """The largest share of one step in the variance, 1/n for identical ones; it must vanish."""
        return self.dominant[1]

    @cached_property
    def span(self) -> int:
        """The lattice span h, gcd of the distances between taps: the law lives on every h-th integer."""
        return math.gcd(
            *(step * gap for kernel, n, (step,) in self.polynomial.factors if n for gap in _gaps(kernel))
        )

    def normal(self) -> rv_continuous_frozen:
        """Return the predicted normal, a frozen ``scipy.stats.norm``."""
        from scipy.stats import norm

        return norm(self.mean, self._spread())

    @cached_property
    def distance(self) -> float:
        r"""The Kolmogorov distance :math:`\sup_x |F(x) - \Phi((x - \mu)/\sigma)|`, from the exact law.

        A lattice law is a staircase: this tends to half its central jump, :math:`h / (2\sigma\sqrt{2\pi})`.
        """
        self._spread()
        return max(self._largest(self._step_above), self._largest(self._step_below))

    @cached_property
    def corrected_distance(self) -> float:
        r"""The distance with a continuity correction: :math:`\max_t |F(t) - \Phi((t + h/2 - \mu)/\sigma)|`.

        Over the points of the lattice; it falls as 1/n for symmetric kernels.
        """
        self._spread()
        return self._largest(lambda t: np.abs(self._law.cdf(t) - self._normal_cdf(t, self.span / 2)))

    @cached_property
    def bound(self) -> float:
        r"""The Berry-Esseen bound of :attr:`distance`, :math:`\min(1, C \sum \rho_i / \sigma^3)`.

        With :math:`\rho_i` the third absolute central moment of a step; C = 0.4690 for identical steps and
        0.5600 for others (Shevtsova, Informatics and its Applications 7, 2013).
        """
        self._spread()
        factors = self.polynomial.factors
        third = sum((f.n * f.step[0] ** 3 * third_absolute_moment(f.kernel) for f in factors), Fraction(0))
        moving = [f for f in factors if f.kernel.shape != (1,)]
        constant = IDENTICAL if len(moving) == 1 else OTHERS
        return min(1.0, constant * float(third / self._moments[1]) / self.std)

    @property
    def verdict(self) -> Verdict:
        """Whether the theorem has set in, as a value: its kind, the distance, the share and the layer."""
        if self.var == 0:
            return Verdict("point")
        distance, (layer, share), skewness = self.corrected_distance, self.dominant, self.skewness
        kind = kind_of(distance, share if self.polynomial.n > 1 else 0, skewness, self.span)
        return Verdict(kind, distance, share, layer, skewness, self.excess_kurtosis, self.span)

    def edgeworth(self, order: int = 2) -> Edgeworth:
        """Return the Edgeworth expansion to n^(-order/2), order 0 (the normal, by steps) to 8."""
        order = as_count(order, "order", minimum=0, maximum=8)
        self._spread()
        cumulants = exact_cumulants(self.polynomial, order + 2)
        if any(
            abs(value) ** 2 > 10**200 * cumulants[1] ** r for r, value in enumerate(cumulants, 1) if r > 2
        ):
            raise ValueError(
                f"the law is too skewed for an expansion of order {order}: a cumulant exceeds 1e100"
            )
        return Edgeworth(tuple(map(float, cumulants)), self.span, self._law.support()[0], order)

    def _spread(self) -> float:
        if self._moments[1] == 0:
            raise ValueError(
                f"the variance is 0 (one tap, or no factor): the law is a point mass at {self.mean:g} "
                "and has no normal limit"
            )
        if self.var < 1e-300:
            raise ValueError(
                f"the variance {self.var:g} is too small for floats; the law is a point mass but for that"
            )
        return self.std

    def _step_above(self, t: Points) -> Floats:
        """|F - Phi| at the left end of the step from t to t + h."""
        return np.asarray(np.abs(self._law.cdf(t) - self._normal_cdf(t, 0.0)))

    def _step_below(self, t: Points) -> Floats:
        """|F - Phi| at the right end of the step from t to t + h."""
        return np.asarray(np.abs(self._law.cdf(t) - self._normal_cdf(t, float(self.span))))

    def _normal_cdf(self, t: Points, shift: float) -> Floats:
        centre = round(self._moments[0])  # t - centre is exact, and so is the rest of the mean
        return normal_cdf(np.asarray((t - centre) + float(centre - self._moments[0]) + shift) / self.std)

    def _largest(self, gap: Any) -> float:
        """Return the largest gap over the lattice, from one step before the support on.

        Where there are too many points: on the scale of sigma the gap is a smooth function of t, so the
        largest of a fine grid is refined twice.
        """
        low, high = self._law.support()
        reach = math.ceil(40 * self.std) + self.span
        first = max(low - self.span, low + (round(self._moments[0]) - reach - low) // self.span * self.span)
        count = (min(high, round(self._moments[0]) + reach) - first) // self.span + 1
        smooth = self.polynomial.n >= _MANY_FACTORS
        while count > (_EVERY_POINT if smooth else _EVERY_ROUGH_POINT):
            grid = 2**10 if smooth else 2**13
            points = np.linspace(0, count - 1, grid).astype(np.int64)
            best = int(points[int(np.argmax(gap(first + self.span * points)))])
            around = max(grid // 4, 4 * count // grid)
            start = max(0, best - around)
            first, count = first + self.span * start, min(count, best + around) - start
        return float(np.max(gap(first + self.span * np.arange(count))))


@dataclass(frozen=True)
class Edgeworth:
    r"""The Edgeworth expansion of a lattice law, corrected for the lattice.

    With :math:`z = (t - \mu)/\sigma` and the series cut at order n^(-order/2),

    .. math::

        \sum_m c_m s^m = e^{\sum_{r \ge 3} \kappa_r s^r / (r!\,\sigma^r)}, \qquad
        P(S = t) \approx \frac h\sigma \varphi(z) \sum_m c_m \mathrm{He}_m(z).

    The cdf sums this over the lattice, which is its integral to t + h/2 with Sheppard's corrections
    (Euler-Maclaurin): cumulants less :math:`B_{2m} h^{2m} / (2m)`. Both are approximations and may leave
    [0, 1] in the tails (Petrov, Sums of Independent Random Variables, 1975, chapter VI; Esseen 1945).

    Attributes
    ----------
    cumulants
        kappa_1 .. kappa_(order + 2).
    span, origin
        The law lives on origin + span * integers.
    order
        The last power of n^(-1/2) that is kept.
    """

    cumulants: tuple[float, ...]
    span: int
    origin: int
    order: int

    def pmf(self, x: Any) -> Any:
        """Return the expansion of P(S = x), 0 off the lattice."""
        point = np.asarray(x, dtype=float)
        z = self._standardised(point)
        series = np.polynomial.hermite_e.hermeval(z, self._series(lattice_sum=False))
        values = self.span / self._sigma * _gauss(z) * series
        finite = np.isfinite(point)
        on_lattice = finite & ((np.where(finite, point, self.origin) - self.origin) % self.span == 0)
        values = np.where(on_lattice, values, np.where(np.isnan(point), np.nan, 0.0))
        return float(values) if values.ndim == 0 else values

    def cdf(self, x: Any) -> Any:
        """Return the expansion of P(S <= x), constant between the points of the lattice."""
        from scipy.special import ndtr

        steps = np.floor((np.asarray(x, dtype=float) - self.origin) / self.span)
        z = self._standardised(self.origin + self.span * (steps + 0.5))
        series = self._series(lattice_sum=True)[1:]  # the integral of He_m phi is -He_(m-1) phi
        values = ndtr(z) - _gauss(z) * np.polynomial.hermite_e.hermeval(z, series if len(series) else [0.0])
        return float(values) if values.ndim == 0 else values

    def _standardised(self, point: Floats) -> Floats:
        """Return (point - mean) / sigma within 40 sigma, beyond which everything is 0 or 1 in floats."""
        return np.clip((point - self.cumulants[0]) / self._sigma, -40, 40)

    @property
    def _sigma(self) -> float:
        return math.sqrt(self.cumulants[1])

    def _series(self, lattice_sum: bool) -> Floats:
        """Return c_0, c_1, ...: the exponential of a power series, order by order in n^(-1/2)."""
        exponents = [self._exponent(j, lattice_sum) for j in range(1, self.order + 1)]
        zero, one = np.polynomial.Polynomial([0.0]), np.polynomial.Polynomial([1.0])
        orders = [one]
        for k in range(1, self.order + 1):
            orders.append(sum((j * exponents[j - 1] * orders[k - j] for j in range(1, k + 1)), zero) / k)
        return np.asarray(sum(orders, zero).coef)

    def _exponent(self, j: int, lattice_sum: bool) -> np.polynomial.Polynomial:
        """Return the terms of order n^(-j/2): a standardised cumulant, and Sheppard's correction."""
        terms = np.zeros(j + 3)
        terms[j + 2] = self.cumulants[j + 1] / self.cumulants[1] / self._sigma**j / math.factorial(j + 2)
        if lattice_sum and j % 2 == 0:
            terms[j] = -_BERNOULLI[j] * (self.span / self._sigma) ** j / (j * math.factorial(j))
        return np.polynomial.Polynomial(terms)


_BERNOULLI = {2: 1 / 6, 4: -1 / 30, 6: 1 / 42, 8: -1 / 30}


def central_limit(kernel: Kernel | Product | Any, n: int = 1, axis: int | None = None) -> CentralLimit:
    r"""Return what the central limit theorem says of P(z)^n, and how far to trust it.

    Parameters
    ----------
    kernel
        A Kernel, a Product, a sequence of weights, or a network; no weight negative.
    n
        Number of factors.
    axis
        Which axis; None where there is one, or where all look alike.

    Returns
    -------
    CentralLimit
        `mean`, `var`, `skewness`, `excess_kurtosis`, ``cumulants(order)``, `lindeberg_share`; ``normal()``;
        the exact Kolmogorov `distance` to it, `corrected_distance`, and the Berry-Esseen `bound`;
        ``edgeworth(order)``.

    Raises
    ------
    ValueError
        If a weight is negative, or the axes differ and none is named; from the readings that divide by the
        standard deviation, if it is 0.

    Examples
    --------
    >>> limit = central_limit(Kernel([1, 1, 1]), 40)
    >>> limit.mean, round(limit.var, 3), round(limit.excess_kurtosis, 4)
    (40.0, 26.667, -0.0375)
    >>> round(limit.distance, 4), round(limit.bound, 4)
    (0.0384, 0.0908)
    """
    polynomial = on_axis(kernel, n, axis)
    require_law(polynomial)
    return CentralLimit(polynomial)


def normal_cdf(x: Floats) -> Floats:
    """Return the standard normal's distribution function."""
    if x.size <= _FEW_POINTS:
        return np.array([0.5 * math.erfc(-value * math.sqrt(0.5)) for value in x.ravel()]).reshape(x.shape)
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def _gaps(kernel: Kernel) -> list[int]:
    positions = [position[0] for position, _ in kernel.taps()]
    return [position - positions[0] for position in positions]


def _gauss(z: Floats) -> Floats:
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))
