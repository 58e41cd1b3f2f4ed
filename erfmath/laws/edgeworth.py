"""The Edgeworth expansion: corrections to the normal distribution from the higher cumulants."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.scaled import Floats
from .manners import plain, real_array


@dataclass(frozen=True)
class Edgeworth:
    r"""The Edgeworth expansion of a distribution on a lattice.

    With :math:`z = (t - \mu)/\sigma` and the series cut at order n^(-order/2),

    .. math::

        \sum_m c_m s^m = e^{\sum_{r \ge 3} \kappa_r s^r / (r!\,\sigma^r)}, \qquad
        P(S = t) \approx \frac h\sigma \varphi(z) \sum_m c_m \mathrm{He}_m(z).

    The cdf is the sum of this over the lattice: by Euler-Maclaurin its integral to t + h/2 with Sheppard's
    corrections, which take :math:`B_{2m} h^{2m} / (2m)` from the cumulants; the sf is what is left, summed
    from above. All are approximations and may leave [0, 1] in the tails (Petrov, Sums of Independent Random
    Variables, 1975, chapter VI; Esseen 1945).

    Attributes
    ----------
    cumulants
        kappa_1 .. kappa_(order + 2).
    span, origin
        The distribution lives on origin + span * integers.
    order
        The highest power of n^(-1/2) that is kept.

    Examples
    --------
    >>> import erfmath as em
    >>> expansion = em.central_limit([1, 1], 100).edgeworth(4)
    >>> expansion.cumulants[:2], expansion.span, expansion.order
    ((50.0, 25.0), 1, 4)
    >>> abs(expansion.pmf(60) / em.distribution([1, 1], 100).pmf(60) - 1) < 1e-3
    True
    """

    cumulants: tuple[float, ...]
    span: int
    origin: int
    order: int
    _rest: float = field(default=0.0, repr=False)  # of the mean, to its float

    def pmf(self, x: Any) -> Any:
        """Return the expansion of P(S = x), 0 off the lattice.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            nan at nan.

        Raises
        ------
        TypeError, ValueError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.central_limit([1, 1], 100).edgeworth().pmf([50, 50.5]).round(6)
        array([0.079589, 0.      ])
        """
        point = real_array(x, "x").astype(float)
        z = self._standardised(point)
        series = np.polynomial.hermite_e.hermeval(z, self._series(lattice_sum=False))
        values = self.span / self._sigma * _gauss(z) * series
        finite = np.isfinite(point)
        on_lattice = finite & ((np.where(finite, point, self.origin) - self.origin) % self.span == 0)
        values = np.where(on_lattice, values, np.where(np.isnan(point), np.nan, 0.0))
        return plain(values)

    def cdf(self, x: Any) -> Any:
        """Return the expansion of P(S <= x), constant between the points of the lattice.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            nan at nan.

        Raises
        ------
        TypeError, ValueError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> em.central_limit([1, 1], 100).edgeworth().cdf([40, 50, 60]).round(6)
        array([0.028445, 0.539795, 0.982398])
        """
        from scipy.special import ndtr

        z, correction = self._tail_at(x)
        values = ndtr(z) - correction
        return plain(values)

    def sf(self, x: Any) -> Any:
        """Return the expansion of P(S > x), constant between the points of the lattice.

        A small one keeps its digits, which 1 - cdf does not have.

        Parameters
        ----------
        x
            A number or an array of numbers.

        Returns
        -------
        float or ndarray
            nan at nan.

        Raises
        ------
        TypeError, ValueError
            If `x` holds no real numbers.

        Examples
        --------
        >>> import erfmath as em
        >>> expansion, exact = em.central_limit([1, 1], 10**6).edgeworth(4), em.distribution([1, 1], 10**6)
        >>> f"{expansion.sf(505_000):.8e}", f"{exact.sf(505_000):.8e}", 1 - expansion.cdf(505_000)
        ('7.53700609e-24', '7.53700609e-24', 0.0)
        """
        from scipy.special import ndtr

        z, correction = self._tail_at(x)
        values = ndtr(-z) + correction
        return plain(values)

    def _tail_at(self, x: Any) -> tuple[Floats, Floats]:
        """Return the deviate half a step above x, and what the series takes from the normal's cdf there."""
        steps = np.floor((real_array(x, "x").astype(float) - self.origin) / self.span)
        z = self._standardised(self.origin + self.span * (steps + 0.5))
        series = self._series(lattice_sum=True)[1:]  # the integral of He_m phi is -He_(m-1) phi
        return z, _gauss(z) * np.polynomial.hermite_e.hermeval(z, series if len(series) else [0.0])

    def _standardised(self, point: Floats) -> Floats:
        """Return (point - mean) / sigma, clipped to 40 sigma, where the normal density underflows to 0."""
        return np.clip((point - self.cumulants[0] - self._rest) / self._sigma, -40, 40)

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


def _gauss(z: Floats) -> Floats:
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))
