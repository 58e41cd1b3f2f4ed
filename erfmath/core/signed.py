r"""Signed weights: signs that cancel nothing, and rows in whole numbers, rounded once, where they do.

Where the signs of the taps are a character of the lattice, :math:`\pm(-1)^{m \cdot j / h}` at j (differences,
the Laplacian of five points), all terms of a coefficient have one sign:

.. math:: c_t = \pm(-1)^{m \cdot t / h}\, [z^t] \prod_i \Bigl(\sum_j |w_{ij}|\, z^{a_i j}\Bigr)^{n_i},

and every method for non-negative weights serves. Other signs cancel, and a float row errs by a share of the
sum of magnitudes. Floats are whole numbers times powers of two, though: products in integers are exact, and
each is rounded once.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._memory import check_memory
from ..polynomials.kernel import Kernel, log2
from ..polynomials.product import Product
from ..polynomials.weights import leaves
from . import exact, kronecker
from .circle import log2_peak
from .scaled import MAX_EXPONENT, MIN_EXPONENT, Floats, Scaled

_WHOLE_BITS = 53  # floats hold whole numbers below 2**53, their sums and products
_DIGIT_BITS = 30  # of Python's integers
_NANOSECOND = 4  # in operations of np.convolve
_LN2 = math.log(2)
_LEADING_BITS = 160  # which leave the nearest float open once in 2**100
_SMALLEST_NORMAL, _SMALLEST = -1021, -1080  # binary exponents, of the smallest float with some to spare
_MOST_DIGITS = 300  # of a float
_QUICK = 1.2e9  # up to a third of a second


@dataclass(frozen=True)
class Signs:
    """Signs sign * (-1)**sum((t - first) // span) over the axes in `odd`, at index t."""

    sign: int
    first: tuple[int, ...]
    span: tuple[int, ...]
    odd: tuple[int, ...]

    def of(self, start: tuple[int, ...], values: Floats) -> Floats:
        """Return the magnitudes of a window that starts at an index with their signs; zeros are 0.0."""
        signed = self.sign * values
        for axis in self.odd:
            step = (start[axis] + np.arange(values.shape[axis]) - self.first[axis]) // self.span[axis]
            signed *= (1 - 2 * (step % 2)).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        return signed + 0.0

    def at(self, index: Any) -> Floats:
        """Return the signs at indices of coefficients that are not zero, the coordinates on the last axis."""
        step = (np.asarray(index) - np.array(self.first)) // np.array(self.span)
        return np.asarray(self.sign * (1.0 - 2 * (step[..., list(self.odd)].sum(axis=-1) % 2)))


def untwisted(polynomial: Product) -> Product | None:
    """Return the product whose coefficients are the magnitudes; None where terms of both signs meet."""
    if polynomial.is_nonnegative:
        return polynomial
    if signs_of(polynomial) is None:
        return None
    return _magnitudes(polynomial)


@functools.lru_cache(maxsize=256)
def signs_of(polynomial: Product) -> Signs | None:
    """Return the signs of the coefficients where each has terms of one sign alone, else None."""
    first, sign, span = [0] * polynomial.ndim, 1, [0] * polynomial.ndim
    rows: list[tuple[list[int], bool]] = []  # steps from the first tap, and whether the sign changes
    for kernel, n, step in polynomial.factors:
        taps = [
            ([a * (p - o) for a, p, o in zip(step, position, kernel.offsets, strict=True)], weight < 0)
            for position, weight in kernel.taps()
        ]
        origin, negative = taps[0]
        sign = -sign if negative and n % 2 else sign
        first = [f + n * o for f, o in zip(first, origin, strict=True)]
        steps = [([x - o for x, o in zip(place, origin, strict=True)], s != negative) for place, s in taps]
        span = [math.gcd(h, *(x[a] for x, _ in steps)) if n else h for a, h in enumerate(span)]
        rows += steps[1:] if n else []
    span = [h or 1 for h in span]
    odd = _character([([x // h for x, h in zip(place, span, strict=True)], s) for place, s in rows])
    return None if odd is None else Signs(sign, tuple(first), tuple(span), odd)


def _character(rows: list[tuple[list[int], bool]]) -> tuple[int, ...] | None:
    """Return the axes m with sum of x over m odd where the sign changes, for all rows; None if none fit.

    Gauss's elimination over the field of two elements, a row in the bits of an integer.
    """
    pivots: dict[int, int] = {}  # axis -> the equation that decides it, the right side in bit 0
    for place, changes in rows:
        bits = sum((x & 1) << (axis + 1) for axis, x in enumerate(place)) | changes
        for pivot, equation in pivots.items():
            if bits >> pivot & 1:
                bits ^= equation
        if bits == 1:
            return None
        if bits:
            pivot = bits.bit_length() - 1
            pivots = {p: e ^ bits if e >> pivot & 1 else e for p, e in pivots.items()} | {pivot: bits}
    return tuple(sorted(pivot - 1 for pivot, equation in pivots.items() if equation & 1))


def _magnitudes(polynomial: Product) -> Product:
    return Product((_absolute(f.kernel), f.n, f.step) for f in polynomial.factors)


@functools.lru_cache(maxsize=256)
def _absolute(kernel: Kernel) -> Kernel:
    return Kernel(np.abs(np.array(kernel.weights, dtype=object)), kernel.offset)


def is_whole(polynomial: Product) -> bool:
    """Return whether floats hold every sum on the way, so that convolution rounds nothing."""
    if polynomial.log2_norm > _WHOLE_BITS or not polynomial.is_exact:
        return False
    if polynomial.ndim > 1 and polynomial.separate():  # into fractions
        return False
    return all(w.denominator == 1 for f in polynomial.factors for w in leaves(f.kernel.weights))


def rounded(polynomial: Product) -> Scaled:
    """Return the floats nearest to the exact coefficients, 0.0 exactly where they are zero."""
    row, unit = integer_row(polynomial)
    peak, shape = log2(max(map(abs, row))) + log2(unit), polynomial.shape
    exponent = 0 if MIN_EXPONENT <= peak < MAX_EXPONENT else math.floor(peak) + 1
    try:
        values = _times(row, unit, exponent)
    except OverflowError:  # by the last rounding
        exponent = MAX_EXPONENT + 1
        values = _times(row, unit, exponent)
    return Scaled(kronecker.unpack(values, shape), exponent, (0,) * len(shape), shape)


def _times(row: list[int], unit: Fraction, exponent: int) -> Floats:
    """Return the floats nearest to value * unit / 2**exponent.

    A quotient of Python's integers is rounded once. Where the unit is long, two quotients of some leading
    bits, one too small and one too large, most often have the same nearest float.
    """
    numerator, denominator = unit.numerator << max(0, -exponent), unit.denominator << max(0, exponent)
    shift = numerator.bit_length() - denominator.bit_length() - _LEADING_BITS
    if max(numerator.bit_length(), denominator.bit_length()) < 2 * _LEADING_BITS:
        return np.array([value * numerator / denominator for value in row])
    leading = (numerator >> shift) // denominator if shift > 0 else (numerator << -shift) // denominator

    def nearest(value: int) -> float:
        cut = max(0, abs(value).bit_length() - _LEADING_BITS)
        top, sign = abs(value) >> cut, -1.0 if value < 0 else 1.0
        low, high = float(top * leading), float((top + 1) * (leading + 1))
        size = math.frexp(low)[1] + cut + shift
        if low == high and _SMALLEST_NORMAL < size <= MAX_EXPONENT:
            return sign * math.ldexp(low, cut + shift)
        if size < _SMALLEST:
            return sign * 0.0
        return value * numerator / denominator

    return np.array([nearest(value) if value else 0.0 for value in row])


@functools.lru_cache(maxsize=4)
def logs_and_signs(polynomial: Product) -> tuple[Floats, Floats]:
    """Return (log|c|, sign of c) of all coefficients from whole numbers, (-inf, 0) at zeros."""
    size = math.prod(polynomial.shape)
    check_memory(
        int(rounded_cost(polynomial)[1]),
        f"the row of {size:.3g} coefficients in whole numbers",
        "take fewer factors: terms of both signs cancel",
    )
    row, unit = integer_row(polynomial)
    logs = np.array([_log(abs(value) * unit.numerator, unit.denominator) for value in row])
    signs = np.array([float((value > 0) - (value < 0)) for value in row])
    return kronecker.unpack(logs, polynomial.shape), kronecker.unpack(signs, polynomial.shape)


def _log(numerator: int, denominator: int) -> float:
    """Return the logarithm of a quotient of whole numbers of any size, near 1 without cancellation."""
    if not numerator:
        return -math.inf
    shift = numerator.bit_length() - denominator.bit_length()
    quotient = numerator / (denominator << shift) if shift > 0 else (numerator << -shift) / denominator
    return math.log(quotient) + shift * _LN2


def integer_row(polynomial: Product) -> tuple[list[int], Fraction]:
    """Return (whole numbers, unit): the packed coefficients are their products with the unit."""
    factors, unit = [], Fraction(1)
    for kernel, n, step in polynomial.factors:
        if n:
            grid, content = _whole_taps(kernel)
            factors.append((kronecker.pack(kronecker.dilate(grid, step), polynomial.shape).tolist(), n))
            unit *= content**n
    return exact.integer_product(factors or [([1], 1)]), unit


@functools.lru_cache(maxsize=64)
def _whole_taps(kernel: Kernel) -> tuple[np.ndarray[Any, Any], Fraction]:
    """Return the taps as whole numbers without a common factor, and that factor."""
    flat = [Fraction(w) for w in leaves(kernel.weights)]
    denominator = math.lcm(*(w.denominator for w in flat))
    numerators = [w.numerator * (denominator // w.denominator) for w in flat]
    content = math.gcd(*numerators)
    grid = np.empty(len(flat), dtype=object)
    grid[:] = [value // content for value in numerators]
    return grid.reshape(kernel.shape), Fraction(content, denominator)


@functools.lru_cache(maxsize=256)
def rounded_cost(polynomial: Product) -> tuple[float, float]:
    """Return (operations, bytes) of a row in whole numbers by the recurrence, rounded.

    Measured: 150 ns for each tap and coefficient; for each of Python's digits and taps 2 ns a digit of
    the tap, and for the division 5 ns, or 20 a digit where the divisor has more than one.
    """
    size = float(math.prod(polynomial.shape))
    taps, reach, bits, small = 1.0, 1.0, 0.0, math.log2(size * polynomial.n + 2)
    for kernel, n, step in polynomial.factors:
        grid, _ = _whole_taps(kernel)
        norm = math.log2(int(np.abs(grid).sum()))
        taps, bits, small = taps * int(np.count_nonzero(grid)), bits + n * norm, small + norm
        reach += math.prod(a * (k - 1) + 1 for a, k in zip(step, kernel.shape, strict=True)) - 1
    taps = min(taps, reach)
    digits, each = bits / _DIGIT_BITS + 1, math.ceil(small / _DIGIT_BITS)
    division = 5 if each == 1 else 20 * each
    nanoseconds = 800 + 150 * taps + digits * (2 * taps * each + division)
    return _NANOSECOND * size * nanoseconds, size * (44 + 4 * digits)


def scaling_of(polynomial: Product) -> str:
    """Return in words how to scale weights so that the largest coefficient is within the floats."""
    if polynomial.is_nonnegative:
        return "normalize() the kernel"
    digits = log2_peak(polynomial) * math.log10(2) / polynomial.n
    by = f"{10**digits:.15g}" if abs(digits) < _MOST_DIGITS else f"Fraction(10)**{math.ceil(digits)}"
    return (
        f"divide the weights by {by}, their largest sum on the circle (normalize() divides by their sum); "
        "log_coefficients() takes signed weights with return_sign=True"
    )


def is_quick(polynomial: Product) -> bool:
    """Return whether a row in whole numbers takes no more than a third of a second."""
    return takes(polynomial, _QUICK)


def takes(polynomial: Product, limit: float) -> bool:
    """Return whether a row in whole numbers takes no more operations than the limit."""
    if parts := (polynomial.separate() if polynomial.ndim > 1 else None):
        return all(takes(part, limit) for part in parts)
    size = math.prod(polynomial.shape)
    taps = max(np.count_nonzero(f.kernel.scaled_floats[0]) for f in polynomial.factors)
    if 150 * _NANOSECOND * size * taps > limit:  # without a look at the weights
        return False
    return rounded_cost(polynomial)[0] <= limit
