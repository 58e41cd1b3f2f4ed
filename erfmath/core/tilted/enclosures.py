r"""Shares and tails of a product as numbers with bounds: many at once as logarithms, or as proved intervals.

Whatever is read bounds what it neglects: frequencies (:mod:`.spectrum`), aliases and ends of the window by
Chernoff's inequality (:mod:`.window`), and every rounding, those of the transforms included. Published
transform methods bound all but the last (Wilson and Keich, Computational Statistics 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from ...polynomials.product import Product
from ..exact import integer_product
from ..scaled import Floats
from .readings import Reader, Reading, Side, reader_of

KINDS = ("pmf", "cdf", "sf")
Interval = tuple[float, float]

# Intervals wider than this are computed in integers where the row is short enough for that.
_WIDE = 1e-9
_EXACT_LENGTH, _EXACT_BITS = 2**13, 2**24


def log_shares(polynomial: Product, t: Any) -> tuple[Floats, Any]:
    """Return (logs of shares, where they are known), at indices from the first coefficient on."""
    reader = reader_of(polynomial)
    span = reader.factors.span

    def read(index: int) -> tuple[float, float]:
        reading = reader.coefficient(index // span if index % span == 0 else -1)
        return reading.log, reading.relative_error if reading.error else 0.0

    return _of_all(reader, read, t)


def log_tails(polynomial: Product, t: Any, side: Side) -> tuple[Floats, Any]:
    """Return (log P(S <= t), or of P(S >= t) for side="upper"; where they are known)."""
    reader = reader_of(polynomial)

    def read(index: int) -> tuple[float, float]:
        small, reading = _tail(reader, index, side)
        wrong = reading.relative_error if reading.error else 0.0
        return (reading.log, wrong) if small else _of_the_rest(reading.log, wrong)

    return _of_all(reader, read, t)


def enclose(polynomial: Product, t: int, kind: str) -> Interval:
    """Return floats below and above P(S = t), P(S <= t) or P(S > t), t from the first coefficient on."""
    reader = reader_of(polynomial)
    span, degree = reader.factors.span, reader.factors.degree
    if kind == "pmf":
        if t % span or not 0 <= t <= span * degree:
            return 0.0, 0.0
        return _narrow(polynomial, reader.coefficient(t // span), t, kind)
    if t < 0 or t >= span * degree:
        return (1.0, 1.0) if (t < 0) == (kind == "sf") else (0.0, 0.0)
    small, reading = _tail(reader, t if kind == "cdf" else t + 1, "lower" if kind == "cdf" else "upper")
    low, high = _narrow(polynomial, reading, t, kind if small else "sf" if kind == "cdf" else "cdf")
    return (low, high) if small else (_below(1 - high), min(_above(1 - low), 1.0))


def _tail(reader: Reader, t: int, side: Side) -> tuple[bool, Reading]:
    """Return (True, the tail from t on) where that is the small one, or else (False, the other one)."""
    span, degree = reader.factors.span, reader.factors.degree
    index = -(-t // span) if side == "upper" else t // span
    index = min(max(index, -1), degree + 1)
    if reader.is_upper(index) == (side == "upper"):
        return True, reader.tail(index, side)
    if side == "upper":
        return False, reader.tail(index - 1, "lower")
    return False, reader.tail(index + 1, "upper")


def _of_the_rest(log: float, wrong: float) -> tuple[float, float]:
    """Return (log(1 - p), its error) where p has the logarithm and the relative error."""
    share = math.exp(log)
    return (math.log1p(-share), wrong * share / (1 - share)) if share < 1 else (-math.inf, math.inf)


def _of_all(reader: Reader, read: Callable[[int], tuple[float, float]], t: Any) -> tuple[Floats, Any]:
    index, back = np.unique(t, return_inverse=True)
    found = np.array([read(int(i)) for i in index]).reshape(-1, 2)[back.reshape(np.shape(t))]
    return found[..., 0], found[..., 1] <= reader.known


def _narrow(polynomial: Product, reading: Reading, t: int, kind: str) -> Interval:
    low, high = reading.bounds
    if reading.error and not reading.relative_error <= _WIDE and _is_easily_exact(polynomial):
        row, total = _integers(polynomial)
        ways = row[t] if kind == "pmf" else sum(row[: t + 1]) if kind == "cdf" else sum(row[t + 1 :])
        share = Fraction(ways, total)
        near = float(share)
        return (near, near) if Fraction(near) == share else (_below(near), _above(near))
    return low, min(high, 1.0)


def _is_easily_exact(polynomial: Product) -> bool:
    length = polynomial.shape[0]
    bits = sum(f.n * (64 + 2 * f.kernel.shape[0].bit_length()) for f in polynomial.factors)
    return length <= _EXACT_LENGTH and length * bits <= _EXACT_BITS


@lru_cache(maxsize=8)
def _integers(polynomial: Product) -> tuple[list[int], int]:
    """Return the coefficients from the first to the last as integers, up to a scale, and their sum."""
    factors = []
    for kernel, n, (step,) in polynomial.factors:
        taps = list(kernel.taps())
        first, unit = taps[0][0][0], math.lcm(*(weight.denominator for _, weight in taps))
        row = [0] * (step * (taps[-1][0][0] - first) + 1)
        for (position,), weight in taps:
            row[step * (position - first)] = int(weight * unit)
        factors.append((row, n))
    values = integer_product(factors)
    return values, sum(values)


def _below(value: float) -> float:
    return max(math.nextafter(value, -math.inf), 0.0)


def _above(value: float) -> float:
    return math.nextafter(value, math.inf)
