"""Arrays of floats times a power of two, so that 3^700 and 3^-700 are both at hand."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

MAX_EXPONENT = 1024  # 2**1024 is the first power of two beyond the float range
MIN_NORMAL = -1022  # 2**-1022 is the smallest float with all its digits
MIN_EXPONENT = -1074  # 2**-1074 is the smallest positive float


@dataclass(frozen=True, eq=False)
class Scaled:
    """A grid of `shape`, zero but for a window: grid[start + i] = values[i] * 2**exponent."""

    values: Floats
    exponent: int
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def to_floats(self, scaling: Callable[[], str] = lambda: "normalize() the kernel") -> Floats:
        """Return the whole grid as plain floats; where it leaves their range, raise and name a scaling."""
        largest = max(float(self.values.max(initial=0.0)), -float(self.values.min(initial=0.0)))
        peak = math.frexp(largest)[1] + self.exponent
        if peak > MAX_EXPONENT:
            raise overflow(peak, scaling())
        if peak <= MIN_EXPONENT:
            raise underflow(peak, scaling())
        grid = np.zeros(self.shape)
        if MIN_NORMAL <= self.exponent < MAX_EXPONENT:
            np.multiply(self.values, 2.0**self.exponent, out=grid[self._window()])
        else:
            np.ldexp(self.values, self.exponent, out=grid[self._window()])
        return grid

    def to_unit_sum(self) -> Floats:
        """Return the window of values divided by their sum."""
        return np.asarray(self.values / self.values.sum())

    def _window(self) -> tuple[slice, ...]:
        return tuple(slice(s, s + m) for s, m in zip(self.start, self.values.shape, strict=True))


def outer(rows: Sequence[Scaled]) -> Scaled:
    """Return the outer product of rows, one per axis."""
    scaled = [rescaled(row.values, 0) for row in rows]
    return Scaled(
        functools.reduce(np.multiply.outer, [values for values, _ in scaled]),
        sum(row.exponent + bits for row, (_, bits) in zip(rows, scaled, strict=True)),
        tuple(row.start[0] for row in rows),
        tuple(row.shape[0] for row in rows),
    )


def split(value: Fraction) -> tuple[float, int]:
    """Return a positive rational of any size as (mantissa in [1/2, 1), exponent of 2)."""
    return split_product([(value, 1)])


# Bits of the integers that stand for a power: at n = 10**15 what they lose is 1e-40.
_WIDTH = 192


def split_product(powers: Iterable[tuple[Fraction, int]]) -> tuple[float, int]:
    """Return prod value**n of positive rationals as (mantissa in [1/2, 1), exponent of 2), rounded once."""
    product = (1, 0)
    for value, n in powers:
        fraction = Fraction(value)
        shift = _WIDTH - fraction.numerator.bit_length() + fraction.denominator.bit_length()
        numerator = fraction.numerator << shift if shift >= 0 else fraction.numerator >> -shift
        base, power = (numerator // fraction.denominator, -shift), (1, 0)
        for bit in f"{n:b}":
            power = _times(power, power)
            if bit == "1":
                power = _times(power, base)
        product = _times(product, power)
    mantissa, exponent = math.frexp(product[0])
    return mantissa, exponent + product[1]


def _times(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Return the product of two integers times powers of two, cut to the width."""
    product = left[0] * right[0]
    shift = max(0, product.bit_length() - _WIDTH)
    return product >> shift, left[1] + right[1] + shift


def overflow(exponent: float, scaling: str) -> ValueError:
    """Return the error for coefficients beyond the largest float, 2**1024, and a scaling that helps."""
    return ValueError(
        f"the coefficients overflow: the largest is near 1e{exponent * math.log10(2):.0f}, "
        f"floats end at 1.8e308; use log_coefficients(), method='exact' for integers, or {scaling}"
    )


def underflow(exponent: float, scaling: str) -> ValueError:
    """Return the error for coefficients all below the smallest float, 2**-1074, and a scaling that helps."""
    return ValueError(
        f"the coefficients underflow: the largest is near 1e{exponent * math.log10(2):.0f}, "
        f"floats end at 5e-324; use log_coefficients(), method='exact' for Fractions, or {scaling}"
    )


def rescaled(values: Floats, bits: int) -> tuple[Floats, int]:
    """Return values * 2**-e and e, with e such that the largest magnitude lies below 2**bits (exact)."""
    exponent = math.frexp(max(float(values.max()), -float(values.min())))[1] - bits
    return np.ldexp(values, -exponent), exponent
