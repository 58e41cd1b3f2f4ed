r"""Moments and cumulants of a kernel read as a distribution, exactly.

Cumulants of independent variables add, so those of P(z)^n are n times those of P, and a step a
multiplies the r-th by a^r. For k uniform taps :math:`\kappa_1 = (k-1)/2`,
:math:`\kappa_{2m} = B_{2m}(k^{2m}-1)/(2m)` and the other odd ones are 0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from .._checks import as_count
from .kernel import Kernel
from .product import Product, on_axis
from .weights import as_integers

# Sums of more fractions than these are taken in units of so many bits, and have so many that are right.
_FEW = 64
_BITS, _SURE_BITS = 192, 100


def cumulants(
    kernel: Kernel | Product | Any, n: int = 1, order: int = 4, axis: int | None = None
) -> tuple[Fraction, ...] | tuple[float, ...]:
    r"""Return the cumulants :math:`\kappa_1, \dots, \kappa_{order}` of the distribution P(z)^n along an axis.

    They are computed in rationals, floats being the binary fractions they are, so nothing cancels; exact
    weights give Fractions, floats give floats with a single rounding.

    Parameters
    ----------
    kernel
        A Kernel, a Product, a sequence of weights, a network, or a distribution on the integers; no weight
        negative, of any sum.
    n
        Number of factors.
    order
        The last cumulant, at most 100.
    axis
        Which axis; None where there is one, or where all look alike.

    Returns
    -------
    tuple
        Fractions where the weights are exact, floats where one is a float.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a weight is negative, `order` is not 1 to 100, or the axes differ and none is named.

    Examples
    --------
    >>> from erfmath import Kernel, cumulants
    >>> [str(value) for value in cumulants(Kernel([1, 1, 1]), 40)]
    ['40', '80/3', '0', '-80/3']
    """
    polynomial = on_axis(kernel, n, axis)
    values = exact_cumulants(polynomial, as_count(order, "order", minimum=1, maximum=100))
    return values if polynomial.is_exact else tuple(float(value) for value in values)


def exact_cumulants(polynomial: Product, order: int) -> tuple[Fraction, ...]:
    """Return the cumulants of a product on one axis as Fractions."""
    return tuple(sum(terms, Fraction(0)) for terms in _terms(polynomial, order))


@lru_cache(maxsize=8)
def near_cumulants(polynomial: Product, order: int) -> tuple[Fraction, ...]:
    """Return the cumulants of a product on one axis by :func:`near_sum`, for readings in floats."""
    return tuple(near_sum(terms) for terms in _terms(polynomial, order))


def near_sum(terms: Sequence[Fraction]) -> Fraction:
    """Return the sum of fractions to a relative 2^-100, and exactly where they are few or cancel.

    An exact sum of many fractions has the digits of all their denominators. Here each is rounded down to one
    unit, some 2^-192 of the largest, so that the error is below as many units as there are terms.
    """
    if len(terms) <= _FEW:
        return sum(terms, Fraction(0))
    sizes = [term.numerator.bit_length() - term.denominator.bit_length() for term in terms if term]
    shift = _BITS - max(sizes, default=0)
    up, down = max(shift, 0), max(-shift, 0)
    units = sum((term.numerator << up) // (term.denominator << down) for term in terms)
    if abs(units) >> _SURE_BITS >= len(terms):
        return Fraction(units << down, 1 << up)
    return sum(terms, Fraction(0))


def _terms(polynomial: Product, order: int) -> list[list[Fraction]]:
    """Return what each factor adds to the first cumulants, a list for each of them."""
    require_one_axis(polynomial)
    terms: list[list[Fraction]] = [[] for _ in range(order)]
    for kernel, n, (step,) in polynomial.factors:
        values = cumulants_from_moments(_moments(kernel, order))
        values[0] += kernel.offsets[0]
        for r, value in enumerate(values):
            terms[r].append(n * step ** (r + 1) * value)
    return terms


def cumulants_from_moments(moments: Sequence[Fraction]) -> list[Fraction]:
    r"""Return kappa_1, kappa_2, ... from the moments m_0 = 1, m_1, m_2, ... about 0.

    .. math:: \kappa_r = m_r - \sum_{j=1}^{r-1} \binom{r-1}{j-1} \kappa_j\, m_{r-j}.
    """
    values: list[Fraction] = []
    for r in range(1, len(moments)):
        mixed = (math.comb(r - 1, j - 1) * values[j - 1] * moments[r - j] for j in range(1, r))
        values.append(moments[r] - sum(mixed))
    return values


def third_absolute_moment(kernel: Kernel) -> Fraction:
    """Return E|X - E X|^3 of a kernel on one axis."""
    positions, weights = integer_law(kernel)
    total = sum(weights)
    first = sum(x * w for x, w in zip(positions, weights, strict=True))
    cubes = sum(abs(total * x - first) ** 3 * w for x, w in zip(positions, weights, strict=True))
    return Fraction(cubes, total**4)


def integer_law(kernel: Kernel) -> tuple[list[int], list[int]]:
    """Return positions on one axis and weights in proportion to those of the kernel, all ints."""
    return list(range(kernel.offsets[0], kernel.offsets[0] + kernel.shape[0])), as_integers(kernel.weights)


def require_law(polynomial: Product) -> None:
    """Raise when a weight is negative: the polynomial is then no law."""
    for kernel, *_ in polynomial.factors:
        for position, weight in () if kernel.is_nonnegative else kernel.taps():
            if weight < 0:
                where = position[0] if kernel.ndim == 1 else position
                value = "" if abs(weight) > sys.float_info.max else f" {float(weight):g}"
                raise ValueError(
                    f"kernel has the negative weight{value} at position {where}, so its powers "
                    "are not distributions; use coefficients() for signed weights or "
                    "log_coefficients(..., return_sign=True), or the kernel of their magnitudes or squares"
                )


def require_one_axis(polynomial: Product) -> None:
    """Raise when there are several axes, or no law."""
    require_law(polynomial)
    if polynomial.ndim > 1:
        raise ValueError(f"kernel has {polynomial.ndim} axes; take one of them with kernel.marginal(axis)")


def _moments(kernel: Kernel, order: int) -> list[Fraction]:
    """Return the moments about the first weight."""
    total, *sums = kernel.power_sums(order)
    return [Fraction(1), *(Fraction(value, total) for value in sums)]
