r"""Products of powers in integers and rationals, by whichever of three ways costs least.

High powers go by J. C. P. Miller's recurrence (:mod:`.miller`), low powers of wide factors one after the
other by running sums (:mod:`.running`), and where either would take long, FLINT multiplies if it is there
(:mod:`.flint`). The result is the same integers in any case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from . import flint, kronecker, miller, running
from .miller import Taps

Objects = np.ndarray[Any, np.dtype[np.object_]]


def product(factors: Sequence[tuple[Objects, int]], shape: tuple[int, ...]) -> Objects:
    """Return the coefficients of a product of powers (grid of ints and Fractions, n), as the same."""
    denominators = [
        math.lcm(*(Fraction(value).denominator for value in grid.ravel().tolist())) for grid, _ in factors
    ]
    integers = [
        ([int(value * d) for value in kronecker.pack(grid, shape)], n)
        for (grid, n), d in zip(factors, denominators, strict=True)
    ]
    values: list[Any] = integer_product(integers)
    scale = math.prod(d**n for d, (_, n) in zip(denominators, factors, strict=True))
    if scale > 1:
        values = reduced(values, scale, math.lcm(*denominators))
    return kronecker.unpack(np.array(values, dtype=object), shape)


def integer_product(factors: Sequence[tuple[Sequence[int], int]]) -> list[int]:
    """Return the coefficients of prod_i (sum_j w_ij z^j)^n_i for integers w_ij.

    What the taps share is divided out first: leading zeros, common factors, a common spacing. Kernels
    that all read the same backwards, up to sign, have their second half from their first.

    >>> integer_product([([1, 1, 1], 3)])
    [1, 3, 6, 7, 6, 3, 1]
    >>> integer_product([([1, 1], 2), ([1, 0, -1], 1)])
    [1, 2, 0, -2, -1]
    """
    length = 1 + sum(n * (len(weights) - 1) for weights, n in factors)
    taps = [{j: weight for j, weight in enumerate(weights) if weight} for weights, _ in factors]
    firsts = [min(tap) for tap in taps]
    span = math.gcd(*(j - first for tap, first in zip(taps, firsts, strict=True) for j in tap)) or 1
    contents = [math.gcd(*tap.values()) for tap in taps]
    compact = [
        ({(j - first) // span: weight // content for j, weight in tap.items()}, n)
        for tap, first, content, (_, n) in zip(taps, firsts, contents, factors, strict=True)
    ]
    values = _row(compact)
    scale = math.prod(content**n for content, (_, n) in zip(contents, factors, strict=True))
    if scale > 1:
        values = [scale * value for value in values]
    row = [0] * length
    start = sum(n * first for first, (_, n) in zip(firsts, factors, strict=True))
    row[start : start + span * (len(values) - 1) + 1 : span] = values
    return row


def _row(factors: list[tuple[Taps, int]]) -> list[int]:
    """Return the product of factors whose first position is 0."""
    length = 1 + sum(n * max(taps) for taps, n in factors)
    wide = [_is_wide(taps, n) for taps, n in factors]
    often = [factor for factor, is_wide in zip(factors, wide, strict=True) if not is_wide]
    others = [factor for factor, is_wide in zip(factors, wide, strict=True) if is_wide]
    # In products of two numbers; a pass over a row, half as long on average, is about a third of one each.
    steps = sum(max(taps) for taps, _ in often) + sum(n * running.passes(taps) for taps, n in others) / 3
    if flint.is_worth(length, steps, len(factors)):
        return flint.row_of(factors)
    row = miller.row_of(often)
    for taps, n in sorted(others, key=lambda factor: max(factor[0])):
        for _ in range(n):
            row = running.times(row, taps)
    return row


def _is_wide(taps: Taps, n: int) -> bool:
    """Whether n products by running sums take less than the part of a factor in the recurrence."""
    reach = max(taps)
    return n <= reach and n * running.passes(taps) <= 2 * reach


def reduced(values: list[int], denominator: int, base: int) -> list[int | Fraction]:
    """Return the values over a denominator whose primes all divide the base, in lowest terms.

    >>> reduced([4, 6, 5], 8, 2)
    [Fraction(1, 2), Fraction(3, 4), Fraction(5, 8)]
    """
    chunk = math.gcd(base ** max(1, 30 // base.bit_length()), denominator)
    divided: dict[int, int] = {}  # the denominators, of which there are few
    found: list[int | Fraction] = []
    for value in values:
        # 30 bits, a digit of Python's, show what most have in common with the denominator, a few times
        # faster than the greatest common divisor of long numbers: all, if no prime of the base is left.
        common = math.gcd(value % chunk, chunk)
        if math.gcd(value // common % base, base) > 1:
            common = math.gcd(value, denominator)
        if common not in divided:
            divided[common] = denominator // common
        rest = divided[common]
        found.append(value // common if rest == 1 else _in_lowest_terms(value // common, rest))
    return found


def _in_lowest_terms(numerator: int, denominator: int) -> Fraction:
    """Return a Fraction without the division by the common divisor that its constructor would look for."""
    value = object.__new__(Fraction)
    value._numerator, value._denominator = numerator, denominator  # type: ignore[attr-defined]
    return value
