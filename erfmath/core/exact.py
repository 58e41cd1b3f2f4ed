r"""Products of powers in integers and rationals, by J. C. P. Miller's recurrence.

The logarithmic derivative of :math:`A = \prod_i P_i^{n_i}` is :math:`A'/A = \sum_i n_i P_i'/P_i`. With
:math:`Q = \prod_i P_i` and :math:`R = \sum_i n_i\, z P_i' \prod_{j \ne i} P_j` this is
:math:`z A' Q = R A`, so that

.. math:: q_0\, t\, a_t = \sum_{m \ge 1} \bigl(r_m + m q_m - t q_m\bigr)\, a_{t-m}:

one multiplication of a large by a small integer for each tap of Q. For a single power
:math:`r_m = n m w_m` (Henrici, Applied and Computational Complex Analysis I, 1974, theorem 1.6c; the
actuaries' De Pril recursion).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from . import kronecker

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
    row = np.array(integer_product(integers), dtype=object)
    scale = math.prod(d**n for d, (_, n) in zip(denominators, factors, strict=True))
    if scale > 1:
        row = np.array([_reduced(value, scale) for value in row], dtype=object)
    return kronecker.unpack(row, shape)


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
    values = _mirrored_row(compact)
    scale = math.prod(content**n for content, (_, n) in zip(contents, factors, strict=True))
    if scale > 1:
        values = [scale * value for value in values]
    row = [0] * length
    start = sum(n * first for first, (_, n) in zip(firsts, factors, strict=True))
    row[start : start + span * (len(values) - 1) + 1 : span] = values
    return row


Taps = dict[int, int]  # position -> weight


def _mirrored_row(factors: list[tuple[Taps, int]]) -> list[int]:
    """Return the whole row, the second half by symmetry where there is one."""
    length = 1 + sum(n * max(taps) for taps, n in factors)
    signs = [_mirror_sign(taps) ** n for taps, n in factors]
    if not all(signs):
        return _miller(factors, length)
    half = _miller(factors, (length + 1) // 2)
    return half + [math.prod(signs) * value for value in reversed(half[: length // 2])]


def _mirror_sign(taps: Taps) -> int:
    """Return 1 or -1 when reading the taps backwards multiplies them by it, else 0."""
    last = max(taps)
    for sign in (1, -1):
        if all(taps.get(last - j) == sign * weight for j, weight in taps.items()):
            return sign
    return 0


def _miller(factors: list[tuple[Taps, int]], length: int) -> list[int]:
    """Return the first `length` coefficients by the recurrence; position 0 is a tap of every factor."""
    radical: Taps = {0: 1}
    derivative: Taps = {}
    for taps, n in factors:
        slope = {j: n * j * weight for j, weight in taps.items()}
        derivative = _sum(_times(derivative, taps), _times(radical, slope))
        radical = _times(radical, taps)
    first = radical.pop(0)
    steps = [
        (m, derivative.get(m, 0) + m * radical.get(m, 0), radical.get(m, 0))
        for m in radical | derivative
        if m
    ]
    reach = max((m for m, _, _ in steps), default=0)
    row = [0] * reach + [math.prod(taps[0] ** n for taps, n in factors)]  # zeros stand for a_t, t < 0
    for t in range(1, length):
        total = 0
        for m, scaled, tap in steps:
            total += (scaled - t * tap) * row[-m]
        row.append(total // (first * t))
    return row[reach:]


def _times(left: Taps, right: Taps) -> Taps:
    product: Taps = {}
    for i, a in left.items():
        for j, b in right.items():
            product[i + j] = product.get(i + j, 0) + a * b
    return product


def _sum(left: Taps, right: Taps) -> Taps:
    return {j: left.get(j, 0) + right.get(j, 0) for j in left | right}


def _reduced(numerator: int, denominator: int) -> int | Fraction:
    value = Fraction(numerator, denominator)
    return value.numerator if value.denominator == 1 else value
