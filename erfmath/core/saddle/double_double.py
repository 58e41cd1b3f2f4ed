"""Double-double arithmetic: a pair (high, low) of floats, or of arrays of them, that stands for their sum.

A pair carries about 106 bits. The algorithms are those of Dekker, Numer. Math. 18 (1971) 224, and of Hida,
Li & Bailey, ARITH-15 (2001) 155.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

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
    """Return a + b."""
    s, e = two_sum(a[0], b[0])
    t, f = two_sum(a[1], b[1])
    s, e = quick_two_sum(s, e + t)
    return quick_two_sum(s, e + f)


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


_STEP = _CONTEXT.divide(_CONTEXT.ln(Decimal(2)), Decimal(_TABLE_SIZE))
_STEP_HIGH, _STEP_LOW = pair(_STEP)
_SIXTH_HIGH, _SIXTH_LOW = pair(Fraction(1, 6))


def _power_table() -> tuple[Floats, Floats]:
    """Return 2**(j/1024), j = 0 .. 1023, as a pair of arrays."""
    root = _CONTEXT.exp(_STEP)
    values = [Decimal(1)]
    for _ in range(_TABLE_SIZE - 1):
        values.append(_CONTEXT.multiply(values[-1], root))
    pairs = np.array([pair(value) for value in values])
    return pairs[:, 0].copy(), pairs[:, 1].copy()


_TABLE_HIGH, _TABLE_LOW = _power_table()


def exp(a: Pair) -> Pair:
    """Return exp(a) for arrays a <= 0 (or small a > 0), relative error about 2**-100.

    exp(a) = 2**(k/1024) exp(r) with |r| <= log(2)/2048; the terms from r**4 on need plain floats only.
    """
    high = np.maximum(a[0], -800.0)
    low = np.where(a[0] < -800.0, 0.0, a[1])
    k = np.rint(high * (1.0 / _STEP_HIGH))
    p, e = two_prod(k, _STEP_HIGH)
    s, f = two_sum(high, -p)
    index = k.astype(np.int64)
    row = index & (_TABLE_SIZE - 1)
    base = _TABLE_HIGH[row], _TABLE_LOW[row]
    rise = _expm1(quick_two_sum(s, f + (low - e - k * _STEP_LOW)))
    s, f = multiply(base, rise)
    high, error = quick_two_sum(base[0], s)
    power = index >> _BITS
    return np.ldexp(high, power), np.ldexp(error + (f + base[1]), power)


def _expm1(r: Pair) -> Pair:
    """Return r + r**2 (1/2 + r/6 + r**2/24 + ...) for |r| <= log(2)/2048."""
    cubic, error = two_prod(r[0], _SIXTH_HIGH)
    tail = r[0] * r[0] * (1 / 24 + r[0] * (1 / 120 + r[0] * (1 / 720 + r[0] * (1 / 5040))))
    s, f = quick_two_sum(0.5, cubic)
    inner = (s, f + (error + r[0] * _SIXTH_LOW + r[1] * _SIXTH_HIGH + tail))
    s, f = multiply(multiply(r, r), inner)
    high, error = quick_two_sum(r[0], s)
    return high, error + (r[1] + f)


def log(a: Pair) -> Pair:
    """Return log(a) for arrays a in [1, 1e4], absolute error about 2**-100: one Newton step."""
    start = np.log(a[0])
    s, f = multiply(a, exp((-start, np.zeros_like(start))))
    # s - 1 is exact; log(1 + d) = d - d**2/2 with d of size 1e-16.
    d, e = quick_two_sum(s - 1.0, f)
    return two_sum(start, d + (e - 0.5 * d * d))
