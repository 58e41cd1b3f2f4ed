"""Double-double arithmetic: a pair (high, low) of floats, or of arrays of them, that stands for their sum.

A pair carries about 106 bits. The algorithms are those of Dekker, Numer. Math. 18 (1971) 224, and of Hida,
Li & Bailey, ARITH-15 (2001) 155.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...polynomials.weights import are_one, of_each
from ..scaled import Floats

Part = Any  # a float or an array of floats
Pair = tuple[Part, Part]

ZERO: Pair = (0.0, 0.0)

_CONTEXT = Context(prec=60)
_SPLITTER = 134217729.0  # 2**27 + 1
_BITS = 10
_TABLE_SIZE = 1 << _BITS


def two_sum(a: Part, b: Part) -> Pair:
    """Return the exact sum a + b as (rounded, error)."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


def quick_two_sum(a: Part, b: Part) -> Pair:
    """Return the exact sum a + b as (rounded, error), given |a| >= |b|."""
    s = a + b
    return s, b - (s - a)


def two_prod(a: Part, b: Part) -> Pair:
    """Return the exact product a b as (rounded, error), by Dekker's splitting."""
    p = a * b
    c = _SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = _SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def add(a: Pair, b: Pair) -> Pair:
    """Return a + b, to a rounding of |a| + |b|."""
    s, e = two_sum(a[0], b[0])
    return quick_two_sum(s, e + (a[1] + b[1]))


def total(terms: Pair) -> Pair:
    """Return the sum of pairs over axis 0, to 2**-100 of that of their magnitudes."""
    high, low = terms[0], terms[1].sum(axis=0)
    while len(high) > 1:
        half = len(high) // 2
        sums, errors = two_sum(high[:half], high[half : 2 * half])
        low = low + errors.sum(axis=0)
        high = np.concatenate((sums, high[2 * half :])) if len(high) % 2 else sums
    return quick_two_sum(high[0], low)


def negative(a: Pair) -> Pair:
    """Return -a."""
    return -a[0], -a[1]


def multiply(a: Pair, b: Pair) -> Pair:
    """Return a b."""
    p, e = two_prod(a[0], b[0])
    return quick_two_sum(p, e + (a[0] * b[1] + a[1] * b[0]))


def scale(a: Pair, b: Part) -> Pair:
    """Return a b for a plain b."""
    p, e = two_prod(a[0], b)
    return quick_two_sum(p, e + a[1] * b)


def divide(a: Pair, b: Pair) -> Pair:
    """Return a / b, relative error about 2**-100."""
    q = a[0] / b[0]
    rest = add(a, scale(b, -q))
    return quick_two_sum(q, (rest[0] + rest[1]) / b[0])


def pair(value: int | Fraction | Decimal) -> tuple[float, float]:
    """Return the pair nearest to an exact number."""
    exact = Fraction(value)
    high = float(exact)
    return high, float(exact - Fraction(high))


def log_fraction(ratio: Fraction) -> tuple[float, float]:
    """Return log(ratio) of an exact positive number."""
    if ratio == 1:
        return 0.0, 0.0
    quotient = _CONTEXT.divide(Decimal(ratio.numerator), Decimal(ratio.denominator))
    return pair(_CONTEXT.ln(quotient))


def log_shares(weights: Sequence[int | Fraction | float], whole: Fraction) -> Pair:
    """Return arrays log(w / whole) of positive numbers of one kind, absolute error about 2**-95."""
    (high, low), exponents = _mantissas(weights)
    (one_high, one_low), one_exponent = _mantissas([whole])
    below = log((one_high, one_low))
    ratio = add(log((high, low)), negative(below))
    return add(ratio, scale(_LOG_TWO, (exponents - one_exponent).astype(float)))


def _mantissas(values: Sequence[int | Fraction | float]) -> tuple[Pair, Any]:
    """Return (m as pairs of arrays, e) with value = m 2**e and 1 <= m <= 2."""
    if isinstance(values[0], float):
        mantissas, exponents = np.frexp(np.array(values))
        return (2 * mantissas, np.zeros(len(values))), exponents - 1
    known = {value: _mantissa(value) for value in (values[:1] if are_one(values) else set(values))}
    high, low, power = np.array(of_each(known.__getitem__, values)).T
    return (high.copy(), low.copy()), power.astype(np.int64)


def _mantissa(value: int | Fraction | float) -> tuple[float, float, int]:
    """Return (high, low, e) with value = (high + low) 2**e to 108 bits."""
    above, below = value.as_integer_ratio()
    shift = below.bit_length() - above.bit_length() + 110
    bits = (above << shift) // below if shift > 0 else above // (below << -shift)
    size = bits.bit_length() - 1
    high = float(bits)
    return math.ldexp(high, -size), math.ldexp(float(bits - int(high)), -size), size - shift


_STEP = _CONTEXT.divide(_CONTEXT.ln(Decimal(2)), Decimal(_TABLE_SIZE**2))
_SPACING = float(_STEP)
_LOG_TWO = pair(_CONTEXT.ln(Decimal(2)))


def _thirds(value: Decimal) -> tuple[float, float, float]:
    """Return three floats of that sum, the first two of 22 bits: their products by 31 bits are exact."""
    rest, parts = Fraction(value), []
    for bits in (22, 22, 53):
        mantissa, exponent = math.frexp(float(rest))
        parts.append(math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits))
        rest -= Fraction(parts[-1])
    return parts[0], parts[1], parts[2]


_STEP_HIGH, _STEP_MIDDLE, _STEP_LOW = _thirds(_STEP)


def _power_table(step: Decimal) -> tuple[Floats, Floats]:
    """Return exp(j step), j = 0 .. 1023, as a pair of arrays."""
    root = _CONTEXT.exp(step)
    values = [Decimal(1)]
    for _ in range(_TABLE_SIZE - 1):
        values.append(_CONTEXT.multiply(values[-1], root))
    pairs = np.array([pair(value) for value in values])
    return pairs[:, 0].copy(), pairs[:, 1].copy()


class _Functions(NamedTuple):
    """What exp and log call, on arrays or on plain floats, where Python is twenty times faster."""

    maximum: Callable[[Part, float], Part]
    minimum: Callable[[Part, float], Part]
    log: Callable[[Part], Part]
    nearest: Callable[[Part], Part]
    integers: Callable[[Part], Part]
    ldexp: Callable[[Part, Part], Part]
    take: Callable[[Any, Part], Part]
    tables: Sequence[Any]


@functools.cache
def _both() -> tuple[_Functions, _Functions]:
    """Return the functions of floats and of arrays; their tables take 20 ms, which an import need not."""
    tables = (*_power_table(_CONTEXT.multiply(_STEP, Decimal(_TABLE_SIZE))), *_power_table(_STEP))
    lists = [table.tolist() for table in tables]
    return (
        _Functions(max, min, math.log, round, int, math.ldexp, operator.getitem, lists),
        _Functions(
            np.maximum, np.minimum, np.log, np.rint, lambda k: k.astype(np.int64), np.ldexp, np.take, tables
        ),
    )


def _functions(value: Part) -> _Functions:
    floats, arrays = _both()
    return floats if isinstance(value, float) else arrays


def _power_of_two(k: Part, on: _Functions) -> Pair:
    """Return 2**(k / 2**20) of integers, by a table of 2**(i/1024) and one of 2**(j/2**20)."""
    coarse, fine = (k >> _BITS) & (_TABLE_SIZE - 1), k & (_TABLE_SIZE - 1)
    high, low, factor_high, factor_low = on.tables
    high, low = multiply(
        (on.take(high, coarse), on.take(low, coarse)), (on.take(factor_high, fine), on.take(factor_low, fine))
    )
    power = k >> 2 * _BITS
    return on.ldexp(high, power), on.ldexp(low, power)


def exp(a: Pair) -> Pair:
    """Return exp(a) for a <= 0 (or small a > 0), relative error about 2**-95.

    exp(a) = 2**(k / 2**20) exp(r) with |r| < 4e-7, of which the terms from r**2 on need plain floats only.
    """
    on = _functions(a[0])
    high = on.maximum(a[0], -800.0)
    low = on.minimum(on.maximum(a[1], -1e-13), 1e-13)  # of what the line above has cut
    k = on.nearest(high * (1 / _SPACING))
    r, error = two_sum(high - k * _STEP_HIGH, -(k * _STEP_MIDDLE))
    r, error = two_sum(r, error + (low - k * _STEP_LOW))
    rest = error + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24)))
    base = _power_of_two(on.integers(k), on)
    s, f = multiply(base, (r, rest))
    high, error = quick_two_sum(base[0], s)
    return high, error + (f + base[1])


def log(a: Pair) -> Pair:
    """Return log(a) for a in [1, 1e6], absolute error about 2**-95: k log(2) / 2**20 and a rest."""
    on = _functions(a[0])
    k = on.nearest(on.log(a[0]) * (1 / _SPACING))
    s, f = multiply(a, _power_of_two(-on.integers(k), on))
    d, e = quick_two_sum(s - 1.0, f)  # s - 1 is exact, and below 4e-7
    e += k * _STEP_LOW - d * d * (1 / 2 - d * (1 / 3 - d * (1 / 4)))
    high, error = quick_two_sum(k * _STEP_HIGH, k * _STEP_MIDDLE)
    high, rest = two_sum(high, d)
    return quick_two_sum(high, rest + (error + e))
