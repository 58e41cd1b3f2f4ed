r"""The central limit theorem for P(z)^n: the normal it predicts, how far off that is, and the next terms.

The position S of an impact is a sum of n independent steps with the kernel as their law, so
:math:`(S - n\mu)/(\sigma\sqrt n)` tends to the standard normal. Everything here is one axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import as_count, as_power
from .core.scaled import Floats
from .kernel import Kernel, as_kernel
from .moments import cumulants, exact_law
from .power_law import law_on_axis

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

# Shevtsova (2013) for identical summands; no constant below 0.4097 can hold (Esseen 1956).
BERRY_ESSEEN = 0.4690


@dataclass(frozen=True)
class CentralLimit:
    r"""The law of P(z)^n beside its normal prediction; see :func:`central_limit`."""

    kernel: Kernel
    n: int

    @cached_property
    def _exact(self) -> tuple[Fraction, Fraction]:
        mean, variance = cumulants(Kernel(_as_fractions(self.kernel), self.kernel.offset), self.n, 2)
        return Fraction(mean), Fraction(variance)

    @property
    def mean(self) -> float:
        """The mean of the law and of the normal, n times the kernel's."""
        return float(self._exact[0])

    @property
    def var(self) -> float:
        """The variance of the law and of the normal, n times the kernel's."""
        return float(self._exact[1])

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.var)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order, n times the kernel's."""
        return tuple(float(value) for value in cumulants(self.kernel, self.n, order))

    @property
    def skewness(self) -> float:
        """The third standardised cumulant; it falls as 1/sqrt(n)."""
        return self.cumulants(3)[2] / self._spread() ** 3

    @property
    def excess_kurtosis(self) -> float:
        """The fourth standardised cumulant; it falls as 1/n."""
        return self.cumulants(4)[3] / self._spread() ** 4

    @property
    def lindeberg_share(self) -> float:
        """The largest share of one factor in the variance, 1/n here; the theorem needs it to vanish."""
        self._spread()
        return 1 / self.n

    @property
    def span(self) -> int:
        """The lattice span h: the law lives on every h-th integer, gcd of the distances between taps."""
        positions = [position[0] for position, _ in self.kernel.taps()]
        return math.gcd(*(position - positions[0] for position in positions))

    def normal(self) -> rv_continuous_frozen:
        """Return the predicted normal, a frozen ``scipy.stats.norm``."""
        from scipy.stats import norm

        return norm(self.mean, self._spread())

    @property
    def distance(self) -> float:
        r"""The Kolmogorov distance :math:`\sup_x |F(x) - \Phi((x - \mu)/\sigma)|`, from the exact law.

        A lattice law is a staircase: this tends to half its central jump, :math:`h / (2\sigma\sqrt{2\pi n})`.
        """
        edges, law = self._normal_cdf(0.0), self._law_cdf()
        return float(max(np.abs(law - edges[:-1]).max(), np.abs(law - edges[1:]).max(), edges[0]))

    @property
    def corrected_distance(self) -> float:
        r"""The distance with a continuity correction: :math:`\max_t |F(t) - \Phi((t + h/2 - \mu)/\sigma)|`.

        Over the points of the lattice; it falls as 1/n for symmetric kernels.
        """
        predicted = self._normal_cdf(self.span / 2)[: -1 : self.span]
        return float(np.abs(self._law_cdf()[:: self.span] - predicted).max())

    @property
    def bound(self) -> float:
        r"""The Berry-Esseen bound of :attr:`distance`, :math:`\min(1, C \rho / (\sigma^3 \sqrt n))`.

        With :math:`\rho` the third absolute central moment of one factor and C = 0.4690 (Shevtsova,
        Informatics and its Applications 7, 2013).
        """
        law = exact_law(self.kernel)
        mean = sum((position * p for position, p in law), Fraction(0))
        distances = [(abs(position - mean), p) for position, p in law]
        third = float(sum((x * x * x * p for x, p in distances), Fraction(0)))
        return min(1.0, BERRY_ESSEEN * self.n * third / self._spread() ** 3)

    def edgeworth(self, order: int = 2) -> Edgeworth:
        """Return the Edgeworth expansion to n^(-order/2), order 0 (the normal) to 8."""
        order = as_count(order, "order", minimum=0, maximum=8)
        self._spread()
        first = self.n * min(position[0] for position, _ in self.kernel.taps())
        return Edgeworth(self.cumulants(order + 2), self.span, int(first), order)

    def _spread(self) -> float:
        if self.var == 0:
            raise ValueError(
                f"the variance is 0 (one tap, or n = {self.n}): the law is a point mass at {self.mean:g} "
                "and has no normal limit"
            )
        return self.std

    def _law_cdf(self) -> Floats:
        law = law_on_axis(self.kernel, self.n)
        low, high = law.support()
        return np.asarray(law.cdf(np.arange(low, high + 1)))

    def _normal_cdf(self, shift: float) -> Floats:
        """Return the normal cdf at the points of the support, and one beyond, moved by `shift`."""
        from scipy.special import ndtr

        low, high = law_on_axis(self.kernel, self.n).support()
        start = float(low - self._exact[0]) + shift
        return np.asarray(ndtr((start + np.arange(high - low + 2)) / self._spread()))


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
        z = (point - self.cumulants[0]) / self._sigma
        series = np.polynomial.hermite_e.hermeval(z, self._series(lattice_sum=False))
        values = self.span / self._sigma * _gauss(z) * series
        values = np.where(
            (point - self.origin) % self.span == 0, values, np.where(np.isnan(point), np.nan, 0.0)
        )
        return float(values) if values.ndim == 0 else values

    def cdf(self, x: Any) -> Any:
        """Return the expansion of P(S <= x), constant between the points of the lattice."""
        from scipy.special import ndtr

        steps = np.floor((np.asarray(x, dtype=float) - self.origin) / self.span)
        z = (self.origin + self.span * (steps + 0.5) - self.cumulants[0]) / self._sigma
        series = self._series(lattice_sum=True)[1:]  # the integral of He_m phi is -He_(m-1) phi
        values = ndtr(z) - _gauss(z) * np.polynomial.hermite_e.hermeval(z, series if len(series) else [0.0])
        return float(values) if values.ndim == 0 else values

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
        terms[j + 2] = self.cumulants[j + 1] / self._sigma ** (j + 2) / math.factorial(j + 2)
        if lattice_sum and j % 2 == 0:
            terms[j] = -_BERNOULLI[j] * (self.span / self._sigma) ** j / (j * math.factorial(j))
        return np.polynomial.Polynomial(terms)


_BERNOULLI = {2: 1 / 6, 4: -1 / 30, 6: 1 / 42, 8: -1 / 30}


def central_limit(kernel: Kernel | Any, n: int = 1) -> CentralLimit:
    r"""Return what the central limit theorem says of P(z)^n, and how far to trust it.

    Parameters
    ----------
    kernel
        A Kernel on one axis, or a sequence of weights, none negative.
    n
        Number of factors.

    Returns
    -------
    CentralLimit
        `mean`, `var`, `skewness`, `excess_kurtosis`, ``cumulants(order)``; ``normal()``; the exact Kolmogorov
        `distance` to it, `corrected_distance`, and the Berry-Esseen `bound`; ``edgeworth(order)``.

    Raises
    ------
    ValueError
        If a weight is negative or the kernel has several axes; from the readings that divide by the standard
        deviation, if it is 0.

    Examples
    --------
    >>> limit = central_limit(Kernel([1, 1, 1]), 40)
    >>> limit.mean, round(limit.var, 3), round(limit.excess_kurtosis, 4)
    (40.0, 26.667, -0.0375)
    >>> round(limit.distance, 4), round(limit.bound, 4)
    (0.0384, 0.0908)
    """
    kernel, n = as_kernel(kernel), as_power(n)
    exact_law(kernel)
    return CentralLimit(kernel, n)


def _as_fractions(kernel: Kernel) -> list[Fraction]:
    return [Fraction(weight) for weight in kernel.weights]


def _gauss(z: Floats) -> Floats:
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))
