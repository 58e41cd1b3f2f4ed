r"""The central limit theorem for a product of powers: the normal it predicts, and how close that is.

On one axis, the position S of an impact is the sum of n independent steps with the kernels as their
distributions. So :math:`(S - \mu)/\sigma` tends to the standard normal as long as no single step dominates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_count
from .._html import card, or_reason
from ..core.scaled import Floats
from ..polynomials.cumulants import (
    exact_cumulants,
    near_cumulants,
    near_sum,
    require_law,
    third_absolute_moment,
)
from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor, Product, on_axis
from .edgeworth import Edgeworth
from .lazy import ProductDistribution
from .manners import Points
from .verdict import Verdict, kind_of

if TYPE_CHECKING:
    from scipy.stats._distn_infrastructure import rv_continuous_frozen

# Shevtsova (2013) for identical and for other summands; no constant below 0.4097 can hold (Esseen 1956).
IDENTICAL, OTHERS = 0.4690, 0.5600

# Up to this many points Python's erfc takes less time than importing SciPy's.
_FEW_POINTS = 2**14

# Below this, a variance is about to lose digits to underflow (the smallest normal float is 2.2e-308).
_LEAST_VARIANCE = 1e-300

# Beyond so many standard deviations Phi is 0 or 1 in floats, so that the gap to F has no maximum there.
_REACH = 40

# An expansion of order k adds products of standardised cumulants that are as large as the one of order k + 2:
# up to here its square, and the polynomials at 40 standard deviations times it, are floats.
_LARGEST_CUMULANT = 10**100

# The distance reads every point of a short distribution, or of a longer one with few factors, which may be
# rough; of others the largest gap is first looked for on a grid.
_EVERY_POINT, _EVERY_ROUGH_POINT, _MANY_FACTORS = 2**13, 2**20, 1000


@dataclass(frozen=True, repr=False)
class CentralLimit:
    """The distribution of a product of powers and the normal it tends to; see :func:`central_limit`.

    Attributes
    ----------
    polynomial
        The product of powers on one axis.

    Examples
    --------
    >>> import erfmath as em
    >>> from erfmath import Product, central_limit
    >>> limit = em.central_limit([3, 1], 100)
    >>> limit.mean, limit.var, round(limit.std, 3), round(limit.skewness, 3), limit.span
    (25.0, 18.75, 4.33, 0.115, 1)
    >>> round(limit.distance, 4), round(limit.corrected_distance, 4), round(limit.bound, 4)
    (0.0535, 0.0076, 0.0677)
    >>> limit = central_limit(Product([([1, 1], 1, 2**l) for l in range(10)]))  # dilations 1, 2, .., 512
    >>> limit.lindeberg_share > 0.7, round(limit.excess_kurtosis, 3), limit.dominant[0].step
    (True, -1.2, (512,))
    >>> print(limit.verdict)
    not Gaussian: a cumulative probability is 0.057 off the normal's; one layer holds 75% of the variance
    """

    polynomial: Product

    def __repr__(self) -> str:
        return f"<CentralLimit: mean {self.mean:.6g}, std {self.std:.6g}>"

    def _repr_html_(self) -> str:
        """Return the limit as HTML for a notebook: the moments, and how far to trust the normal."""
        readings = {
            "mean": lambda: f"{self.mean:.6g}",
            "standard deviation": lambda: f"{self.std:.6g}",
            "skewness": lambda: f"{self.skewness:.3g}",
            "excess kurtosis": lambda: f"{self.excess_kurtosis:.3g}",
            "distance to the normal": lambda: f"{self.distance:.3g}, at most {self.bound:.3g}",
            "verdict": lambda: str(self.verdict),
        }
        return card("Central limit", [(name, or_reason(reading)) for name, reading in readings.items()])

    @cached_property
    def _law(self) -> ProductDistribution:
        return ProductDistribution(self.polynomial)

    @cached_property
    def _moments(self) -> tuple[Fraction, ...]:
        return near_cumulants(self.polynomial, 4)

    @property
    def mean(self) -> float:
        """The mean, which the normal shares."""
        return float(self._moments[0])

    @property
    def var(self) -> float:
        """The variance, which the normal shares."""
        return float(self._moments[1])

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.var)

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order, the sums of those of the factors.

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
        >>> em.central_limit([1, 1], 8).cumulants()
        (4.0, 2.0, 0.0, -1.0)
        """
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
        """The factor whose step has the largest share of the variance, and that share."""
        self._spread()
        factors = self.polynomial.factors
        shares = [exact_cumulants(Product([(f.kernel, 1, f.step)]), 2)[1] / self._moments[1] for f in factors]
        best = max(range(len(factors)), key=shares.__getitem__)
        return factors[best], float(shares[best])

    @property
    def lindeberg_share(self) -> float:
        """The largest share of the variance in one step, 1/n for identical steps; it must tend to 0."""
        return self.dominant[1]

    @cached_property
    def span(self) -> int:
        """The lattice span h, the gcd of the distances between taps: only every h-th integer has mass."""
        return math.gcd(
            *(step * gap for kernel, n, (step,) in self.polynomial.factors if n for gap in _gaps(kernel))
        )

    def normal(self) -> rv_continuous_frozen:
        """Return the predicted normal distribution, a frozen ``scipy.stats.norm``.

        Raises
        ------
        ValueError
            If the variance is 0.

        Examples
        --------
        >>> import erfmath as em
        >>> normal = em.central_limit([1, 1], 100).normal()
        >>> float(normal.mean()), float(normal.std())
        (50.0, 5.0)
        """
        from scipy.stats import norm

        return norm(self.mean, self._spread())

    @cached_property
    def distance(self) -> float:
        r"""The Kolmogorov distance :math:`\sup_x |F(x) - \Phi((x - \mu)/\sigma)|` to the normal.

        On a lattice F is a staircase: this tends to half its central jump, :math:`h / (2\sigma\sqrt{2\pi})`.
        """
        self._spread()
        return max(self._largest(self._step_above), self._largest(self._step_below))

    @cached_property
    def corrected_distance(self) -> float:
        r"""The distance with a continuity correction: :math:`\max_t |F(t) - \Phi((t + h/2 - \mu)/\sigma)|`.

        The maximum is over the points of the lattice. It falls as 1/n for symmetric kernels.
        """
        self._spread()
        return self._largest(lambda t: np.abs(self._law.cdf(t) - self._normal_cdf(t, self.span / 2)))

    @cached_property
    def bound(self) -> float:
        r"""The Berry-Esseen bound on :attr:`distance`, :math:`\min(1, C \sum \rho_i / \sigma^3)`.

        Here :math:`\rho_i` is the third absolute central moment of a step; C = 0.4690 for identical steps and
        0.5600 for others (Shevtsova, Informatics and its Applications 7, 2013).
        """
        self._spread()
        factors = self.polynomial.factors
        third = near_sum([f.n * f.step[0] ** 3 * third_absolute_moment(f.kernel) for f in factors])
        moving = [f for f in factors if f.kernel.shape != (1,)]
        constant = IDENTICAL if len(moving) == 1 else OTHERS
        return min(1.0, constant * float(third / self._moments[1]) / self.std)

    @property
    def verdict(self) -> Verdict:
        """Whether the distribution is close to its normal, and what keeps it away; see :class:`Verdict`."""
        if self.var == 0:
            return Verdict("point")
        distance, (layer, share), skewness = self.corrected_distance, self.dominant, self.skewness
        kind = kind_of(distance, share if self.polynomial.n > 1 else 0, skewness, self.span)
        return Verdict(kind, distance, share, layer, skewness, self.excess_kurtosis, self.span)

    def edgeworth(self, order: int = 2) -> Edgeworth:
        """Return the Edgeworth expansion up to n^(-order/2); order 0 is the normal, order 8 the highest.

        Parameters
        ----------
        order
            The highest power of n^(-1/2), 0 to 8.

        Returns
        -------
        Edgeworth

        Raises
        ------
        TypeError, ValueError
            If `order` is no integer from 0 to 8, the variance is 0, or a standardised cumulant exceeds 1e100.

        Examples
        --------
        >>> import erfmath as em
        >>> limit, exact = em.central_limit([3, 1], 40), em.distribution([3, 1], 40)
        >>> [f"{abs(limit.edgeworth(order).cdf(12) - exact.cdf(12)):.0e}" for order in (0, 2, 4)]
        ['2e-03', '3e-05', '7e-06']
        """
        order = as_count(order, "order", maximum=8)
        self._spread()
        cumulants = near_cumulants(self.polynomial, order + 2)
        most, var = _LARGEST_CUMULANT**2, cumulants[1]
        if any(value**2 > most * var**r for r, value in enumerate(cumulants[2:], 3)):
            raise ValueError(
                f"the distribution is too skewed for an expansion of order {order}: a standardised cumulant "
                "exceeds 1e100; give a lower order"
            )
        rest = float(cumulants[0] - Fraction(float(cumulants[0])))
        return Edgeworth(tuple(map(float, cumulants)), self.span, self._law.support()[0], order, rest)

    def _spread(self) -> float:
        if self._moments[1] == 0:
            raise ValueError(
                f"the variance is 0 (one tap, or no factor): the distribution is a point mass at "
                f"{self.mean:g} and has no normal limit"
            )
        if self.var < _LEAST_VARIANCE:
            raise ValueError(
                f"the variance {self.var:g} is too small for floats: the distribution is nearly a point mass"
            )
        return self.std

    def _step_above(self, t: Points) -> Floats:
        """Return the gap between F and Phi at the left end of the step from t to t + h."""
        return np.asarray(np.abs(self._law.cdf(t) - self._normal_cdf(t, 0.0)))

    def _step_below(self, t: Points) -> Floats:
        """Return the gap between F and Phi at the right end of the step from t to t + h."""
        return np.asarray(np.abs(self._law.cdf(t) - self._normal_cdf(t, float(self.span))))

    def _normal_cdf(self, t: Points, shift: float) -> Floats:
        centre = round(self._moments[0])  # t - centre is exact, and so is the rest of the mean
        return normal_cdf(np.asarray((t - centre) + float(centre - self._moments[0]) + shift) / self.std)

    def _largest(self, gap: Any) -> float:
        """Return the largest gap over the lattice, from one step before the support on.

        With many points the gap is a smooth function of t on the scale of sigma: a grid of 2^10 points in
        80 sigma finds the neighbourhood of the largest gap, and is refined until it reads every point.
        """
        low, high = self._law.support()
        reach = math.ceil(_REACH * self.std) + self.span
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


def central_limit(kernel: Kernel | Product | Any, n: int = 1, axis: int | None = None) -> CentralLimit:
    r"""Return what the central limit theorem says about P(z)^n, and how far to trust it.

    Parameters
    ----------
    kernel
        A Kernel, a Product, a sequence of weights, a network, or a distribution on the integers. No weight
        may be negative.
    n
        Number of factors.
    axis
        The axis to read; None if there is only one, or if all are alike.

    Returns
    -------
    CentralLimit
        `mean`, `var`, `skewness`, `excess_kurtosis`, ``cumulants(order)``, `lindeberg_share`; ``normal()``;
        the exact Kolmogorov `distance` to it, `corrected_distance`, and the Berry-Esseen `bound`;
        ``edgeworth(order)``.

    Raises
    ------
    ValueError
        If a weight is negative, or if the axes differ and none is named. Readings that divide by the standard
        deviation raise it where that is 0.

    Examples
    --------
    >>> from erfmath import Kernel, central_limit
    >>> limit = central_limit(Kernel([1, 1, 1]), 40)
    >>> limit.mean, round(limit.var, 3), round(limit.excess_kurtosis, 4)
    (40.0, 26.667, -0.0375)
    >>> round(limit.distance, 4), round(limit.bound, 4)
    (0.0384, 0.0908)
    >>> import erfmath as em
    >>> print(em.central_limit(em.sum_of([[1 - p, p] for p in (0.1, 0.2, 0.3)], 100)).verdict)
    Gaussian: cumulative probabilities are within 0.0054 of the normal's
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
