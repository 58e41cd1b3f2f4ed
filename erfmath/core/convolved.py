"""The row of a product by direct convolution; its exact weights stay exact where floats can hold them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor, Product
from . import direct, kronecker
from .scaled import Floats, Scaled, split_product


def convolved_row(polynomial: Product) -> Scaled:
    """Return the packed row of a product, right to a relative error where no weight is negative."""
    return direct.product([_direct_power(factor, polynomial.shape) for factor in kept(polynomial)])


def convolved_shares(polynomial: Product) -> tuple[int, Floats]:
    """Return (index of the first, coefficients divided by their sum) of the packed row."""
    row = convolved_row(polynomial)
    mantissa, exponent = total(polynomial)
    return row.start[0], np.asarray(np.ldexp(row.values / mantissa, row.exponent - exponent))


def total(polynomial: Product) -> tuple[float, int]:
    """Return the sum of all coefficients as (mantissa, exponent)."""
    return split_product((f.kernel.exact_total, f.n) for f in polynomial.factors)


def kept(polynomial: Product) -> list[Factor]:
    """Return the factors, the kernel 1 for an empty product."""
    one = Kernel(np.ones((1,) * polynomial.ndim, dtype=int))
    return [f for f in polynomial.factors if f.n] or [Factor(one, 1, (1,) * polynomial.ndim)]


def _direct_power(factor: Factor, shape: tuple[int, ...]) -> Scaled:
    """Return one power by direct convolution, packed on one axis; of a single tap by one rounding."""
    kernel, n, step = factor
    numerators, denominator = kernel.numerators
    weights = kronecker.pack(kronecker.dilate(numerators, step), shape)
    if np.count_nonzero(weights) > 1 or not _is_single(kernel):
        row = direct.power(weights, n)
        if denominator == 1:
            return row
        mantissa, exponent = split_product([(Fraction(1, denominator), n)])
        return Scaled(row.values * mantissa, row.exponent + exponent, row.start, row.shape)
    ((_, weight),) = kernel.taps()
    start = int(np.flatnonzero(weights)[0])
    mantissa, exponent = split_product([(abs(weight), n)])
    sign = -1.0 if weight < 0 and n % 2 else 1.0
    return Scaled(np.array([sign * mantissa]), exponent, (n * start,), (n * (len(weights) - 1) + 1,))


def _is_single(kernel: Kernel) -> bool:
    """Return whether one tap alone is not zero; others may be too small for floats beside it."""
    return sum(1 for _ in zip(kernel.taps(), range(2), strict=False)) == 1
