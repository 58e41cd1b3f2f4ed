"""Sums, copies, shifts, multiples and conditions of independent variables: what the operators do."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import is_index
from ..core.direct import convolve as convolve_rows
from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor, Product, as_product
from .base import Distribution, require_distribution
from .lattice import LatticeDistribution
from .lazy import ProductDistribution
from .stepped import SteppedDistribution
from .truncated import truncated
from .univariate import UnivariateDistribution, operation

# A float that is the nearest one to a fraction of a smaller denominator stands for that fraction.
_MOST_PARTS = 10**6

# Steps whose floats and their products with points keep all digits.
_SMALLEST, _LARGEST = Fraction(1, 10**280), 10**280

Lattice = tuple[Fraction, Fraction, Iterable[Factor]]


@operation
def add(left: UnivariateDistribution, right: Any) -> UnivariateDistribution:
    """Return the sum with an independent variable, or with a number."""
    if isinstance(right, Distribution):
        return convolve(left, right)
    origin, step, integers = left.lattice
    return on_lattice(origin + rational(right, "other"), step, integers)


@operation
def convolve(left: UnivariateDistribution, other: Any) -> UnivariateDistribution:
    """Return the distribution of the sum of two independent variables.

    Of two tables it is a table, else a product, whose numbers are computed when asked for.
    """
    (origin, step, a), (start, width, b) = left.lattice, require_distribution(other, "other").lattice
    common = gcd([step, width])
    a, b = _multiple(a, int(step / common)), _multiple(b, int(width / common))
    if a.polynomial is None and b.polynomial is None and not math.isinf(a.support()[1] + b.support()[1]):
        (first, shares), (second, others) = a.float_window(), b.float_window()
        row = convolve_rows(shares, others)
        total: UnivariateDistribution = LatticeDistribution(row.to_unit_sum(), first + second + row.start[0])
    else:
        total = _of_factors([*a.to_product().factors, *b.to_product().factors])
    return on_lattice(origin + start, common, total)


def joined(lattices: Sequence[Lattice], n: int = 1) -> UnivariateDistribution:
    """Return the distribution of the sum of n copies of each of several variables, as one product."""
    steps = {step for _, step, _ in lattices}  # of thousands of variables, most share one
    common = gcd(steps)
    times = {step: int(step / common) for step in steps}
    factors = [
        Factor(kernel, n * m, (times[step] * width,))
        for _, step, product in lattices
        for kernel, m, (width,) in product
    ]
    origin = sum((origin for origin, _, _ in lattices if origin), Fraction(0))
    return on_lattice(n * origin, common, _of_factors(factors))


def lattice_of(one: UnivariateDistribution) -> Lattice:
    """Return the origin, the step and the factors of a distribution."""
    origin, step, integers = one.lattice
    return origin, step, integers.to_product().factors


@operation
def repeated(one: UnivariateDistribution, copies: Any) -> UnivariateDistribution:
    """Return the distribution of the sum of so many independent copies."""
    if isinstance(copies, Distribution):
        raise TypeError("a product of two variables is none on a lattice's sums; a + b adds them")
    if not is_index(copies):
        raise TypeError(
            f"n must be an int, the number of independent copies, got {copies!r}; a.scaled(c) is c times one"
        )
    origin, step, integers = one.lattice
    powers = as_product(integers.to_product(), copies)
    return on_lattice(int(copies) * origin, step, _of_factors(powers.factors))


@operation
def scaled(one: UnivariateDistribution, factor: Any) -> UnivariateDistribution:
    """Return the distribution of a multiple of the variable."""
    times = rational(factor, "factor")
    if not times:
        return LatticeDistribution([1.0])
    origin, step, integers = one.lattice
    return on_lattice(times * origin, times * step, integers)


@operation
def given(one: UnivariateDistribution, low: Any, high: Any) -> UnivariateDistribution:
    """Return the distribution conditional on a range."""
    origin, step, integers = one.lattice
    first, last = integers.support()
    if low is not None:
        first = max(first, math.ceil((rational(low, "low") - origin) / step))
    if high is not None:
        last = min(last, math.floor((rational(high, "high") - origin) / step))
    if first > last:
        raise ValueError(f"no probability lies between low={low!r} and high={high!r}")
    return on_lattice(origin, step, truncated(integers, first, last))


def on_lattice(origin: Fraction, step: Fraction, integers: UnivariateDistribution) -> UnivariateDistribution:
    """Return origin + step times a variable on the integers: a product where all its values are integers."""
    if origin == 0 and step == 1:
        return integers
    whole = origin.denominator == step.denominator == 1
    if whole and not math.isinf(integers.support()[1]):
        factors = [_stepped(factor, int(step)) for factor in integers.to_product().factors]
        return _of_factors([*factors, Factor(Kernel([1], int(origin)), 1, (1,))])
    if step < 0:
        step, integers = -step, _multiple(integers, -1)
    if not _SMALLEST <= step <= _LARGEST:
        raise ValueError("the step between values must lie between 1e-280 and 1e280; use another unit")
    return SteppedDistribution(origin, step, integers)


def rational(value: Any, name: str) -> Fraction:
    """Return a real number as a Fraction, a float as the simplest that rounds to it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Real, Decimal)):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if isinstance(value, Decimal):
        return Fraction(value)
    number = float(value)
    simple = Fraction(number).limit_denominator(_MOST_PARTS)
    return simple if float(simple) == number else Fraction(repr(number))


def gcd(values: Iterable[Fraction]) -> Fraction:
    """Return the largest number of which all are integer multiples, 1 where there is none but 0."""
    steps = [value for value in values if value]
    common = math.lcm(*(step.denominator for step in steps))
    return Fraction(math.gcd(*(int(step * common) for step in steps)) or 1, common)


def _multiple(integers: UnivariateDistribution, times: int) -> UnivariateDistribution:
    """Return the distribution of an integer times a variable on the integers."""
    if times == 1:
        return integers
    return _of_factors([_stepped(factor, times) for factor in integers.to_product().factors])


def _stepped(factor: Factor, times: int) -> Factor:
    """Return the factor with z -> z^times, backwards where that is negative."""
    kernel, n, (step,) = factor
    if times < 0:
        kernel = Kernel(kernel.weights[::-1], 1 - kernel.shape[0] - kernel.offsets[0])
    return Factor(kernel, n, (step * abs(times),))


def _of_factors(factors: Iterable[Factor]) -> ProductDistribution:
    """Return the distribution of a product; its factors of one tap, which only shift, become one or none."""
    product = Product(factors)
    kept = [factor for factor in product.factors if factor.kernel.shape != (1,)]
    shifts = [factor for factor in product.factors if factor.kernel.shape == (1,)]
    if not shifts and product.factors[0].n:
        return ProductDistribution(product)
    shift = sum(n * step * kernel.offsets[0] for kernel, n, (step,) in shifts)
    for place, (kernel, n, (step,)) in enumerate(kept):
        if n and shift % (n * step) == 0:
            kept[place] = Factor(kernel.shift(shift // (n * step)), n, (step,))
            return ProductDistribution(Product(kept))
    return ProductDistribution(Product([*kept, Factor(Kernel([1], shift), 1, (1,))]))
