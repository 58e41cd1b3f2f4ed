"""Sums of powers weighted by floats, exactly: floats are whole numbers times powers of two."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..core.scaled import Floats

_DIGITS = 53  # of a float, in bits
_BLOCK = 2**16  # entries whose whole numbers are held at a time


def exact_power_sums(weights: Floats, order: int) -> list[Fraction]:
    r"""Return :math:`\sum_i w_i i^r` for r = 0 .. order.

    Entries with the same power of two are added as whole numbers, so that no common denominator is sought.

    >>> exact_power_sums(np.array([0.5, 0.25, 0.25]), 2)
    [Fraction(1, 1), Fraction(3, 4), Fraction(5, 4)]
    """
    fractions, exponents = np.frexp(weights)
    found = [Fraction(0)] * (order + 1)
    for start in range(0, len(weights), _BLOCK):
        block = slice(start, start + _BLOCK)
        by_exponent = np.argsort(exponents[block], kind="stable")
        levels, firsts = np.unique(exponents[block][by_exponent], return_index=True)
        terms = (fractions[block][by_exponent] * 2.0**_DIGITS).astype(np.int64).astype(object)
        points = (start + by_exponent).astype(object)
        for r in range(order + 1):
            sums = np.add.reduceat(terms, firsts)
            found[r] += _scaled_sum(sums, levels - _DIGITS)
            terms = terms * points
    return found


def _scaled_sum(numbers: Any, exponents: Any) -> Fraction:
    """Return the sum of whole numbers, each times its power of two."""
    least = int(exponents.min())
    total = sum(int(number) << int(e) - least for number, e in zip(numbers, exponents, strict=True))
    return Fraction(total << max(least, 0), 1 << max(-least, 0))
