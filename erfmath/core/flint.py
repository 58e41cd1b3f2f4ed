"""Products of powers in integers by FLINT, where it is installed: the extra "fast".

FLINT multiplies long polynomials by transforms, faster than any recurrence; but turning its integers into
Python's costs as much as some five steps of the recurrence, so that it is asked only where there are many.
"""

from __future__ import annotations

import functools
import heapq
import importlib.util
import math
import sys

from .miller import Taps, mirror_sign

# Steps of the recurrence that a coefficient must take for FLINT to be faster: measured, 4 to 7 with a single
# factor, 9, 17 and 24 with 2, 4 and 6 of them to the power 300, since a tree of products is as deep as that.
_LEAST_STEPS, _STEPS_A_LEVEL = 8, 5
# Products of two numbers that pay for the import, which takes 60 ms, and for a call after it.
_LEAST_WORK_AT_FIRST, _LEAST_WORK = 10**6, 2 * 10**4


@functools.cache
def _is_installed() -> bool:
    return importlib.util.find_spec("flint") is not None


def is_worth(length: int, steps: float, count: int) -> bool:
    """Whether FLINT is there, and faster for so many coefficients of so many steps, from `count` factors."""
    least = _LEAST_WORK if "flint" in sys.modules else _LEAST_WORK_AT_FIRST
    least_steps = _LEAST_STEPS + _STEPS_A_LEVEL * math.log2(count)
    return steps >= least_steps and length * steps >= least and _is_installed()


def row_of(factors: list[tuple[Taps, int]]) -> list[int]:
    """Return the product of powers as Python's integers, half of them by symmetry where there is one."""
    from flint import fmpz_poly

    powers = [fmpz_poly([taps.get(j, 0) for j in range(max(taps) + 1)]) ** n for taps, n in factors]
    heap = [(power.degree(), i, power) for i, power in enumerate(powers)]
    heapq.heapify(heap)
    while len(heap) > 1:  # the shortest two first: a balanced tree
        (_, i, left), (_, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        both = left * right
        heapq.heappush(heap, (both.degree(), i, both))
    row = heap[0][2]
    length = row.degree() + 1
    sign = _sign(factors)
    half = [int(row[t]) for t in range((length + 1) // 2 if sign else length)]
    return half + [sign * value for value in reversed(half[: length // 2])] if sign else half


def _sign(factors: list[tuple[Taps, int]]) -> int:
    """Return 1 or -1 when reading the product backwards multiplies it by it, 0 where that is not known."""
    sign = 1
    for taps, n in factors:
        sign *= mirror_sign(taps) ** n
    return sign
