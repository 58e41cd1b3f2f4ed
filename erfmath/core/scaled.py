"""Arrays of floats times a power of two, so that 3^700 and 3^-700 are both at hand."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

MAX_EXPONENT = 1024  # 2**1024 is the first power of two beyond the float range
MIN_EXPONENT = -1074  # 2**-1074 is the smallest positive float


@dataclass(frozen=True, eq=False)
class Scaled:
    """A grid of `shape`, zero but for a window: grid[start + i] = values[i] * 2**exponent."""

    values: Floats
    exponent: int
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def to_floats(self) -> Floats:
        """Return the whole grid as plain floats, or raise where it leaves the float range."""
        peak = int(math.frexp(float(np.abs(self.values).max(initial=0.0)))[1]) + self.exponent
        if peak > MAX_EXPONENT:
            raise overflow(peak)
        if peak <= MIN_EXPONENT:
            raise underflow(peak)
        grid = np.zeros(self.shape)
        grid[self._window()] = np.ldexp(self.values, self.exponent)
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


def overflow(exponent: float) -> ValueError:
    """Return the error for coefficients beyond the largest float, 2**1024."""
    return ValueError(
        f"the coefficients overflow: the largest is near 1e{exponent * math.log10(2):.0f}, "
        "floats end at 1.8e308; "
        "normalize() the kernel, use method='exact' for integers, or distribution() for the normalised law"
    )


def underflow(exponent: float) -> ValueError:
    """Return the error for coefficients that are all below the smallest float, 2**-1074."""
    return ValueError(
        f"the coefficients underflow: the largest is near 1e{exponent * math.log10(2):.0f}, "
        "floats end at 5e-324; "
        "normalize() the kernel, use method='exact' for Fractions, or distribution() for the normalised law"
    )


def rescaled(values: Floats, bits: int) -> tuple[Floats, int]:
    """Return values * 2**-e and e, with e such that the largest magnitude lies below 2**bits (exact)."""
    exponent = math.frexp(max(float(values.max()), -float(values.min())))[1] - bits
    return np.ldexp(values, -exponent), exponent
