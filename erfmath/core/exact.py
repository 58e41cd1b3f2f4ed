r"""P(z)^n in integers and rationals, by J. C. P. Miller's recurrence.

From :math:`P\,(P^n)' = n P' P^n`, the coefficients of a power obey

.. math:: w_0\, t\, c_t = \sum_{m \ge 1} ((n + 1) m - t)\, w_m\, c_{t-m}, \qquad c_0 = w_0^n,

one multiplication of a large by a small integer for each tap that is not zero (Henrici, Applied and
Computational Complex Analysis I, 1974, theorem 1.6c; the actuaries' De Pril recursion).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from . import kronecker

Objects = np.ndarray[Any, np.dtype[np.object_]]


def power(weights: Objects, n: int) -> Objects:
    """Return the coefficients of the n-th power of a grid of ints and Fractions, as the same."""
    flat = kronecker.pack(weights, n)
    denominator = math.lcm(*(Fraction(value).denominator for value in flat))
    integers = [int(value * denominator) for value in flat]
    row = np.array(integer_power(integers, n), dtype=object)
    if denominator > 1:
        scale = denominator**n
        row = np.array([_reduced(value, scale) for value in row], dtype=object)
    return kronecker.unpack(row, weights.shape, n)


def integer_power(weights: Sequence[int], n: int) -> list[int]:
    """Return the coefficients of (sum_j w_j z^j)^n for integers w_j, not all zero.

    What the taps share is divided out first: leading zeros, a common factor, a common spacing. A
    kernel that reads the same backwards, up to sign, has its second half from its first.

    >>> integer_power([1, 1, 1], 3)
    [1, 3, 6, 7, 6, 3, 1]
    """
    positions = [j for j, weight in enumerate(weights) if weight]
    first, span = positions[0], math.gcd(*(j - positions[0] for j in positions)) or 1
    content = math.gcd(*weights)
    taps = [weight // content for weight in weights[first : positions[-1] + 1 : span]]
    compact = _mirrored_row(taps, n)
    if content > 1:
        scale = content**n
        compact = [scale * value for value in compact]
    row = [0] * (n * (len(weights) - 1) + 1)
    row[n * first : n * positions[-1] + 1 : span] = compact
    return row


def _mirrored_row(taps: list[int], n: int) -> list[int]:
    """Return the whole row, the second half by symmetry where there is one."""
    length = n * (len(taps) - 1) + 1
    mirror = taps[::-1]
    if taps == mirror:
        sign = 1
    elif taps == [-tap for tap in mirror]:
        sign = (-1) ** n
    else:
        return _miller(taps, n, length)
    half = _miller(taps, n, (length + 1) // 2)
    return half + [sign * value for value in reversed(half[: length // 2])]


def _miller(taps: list[int], n: int, length: int) -> list[int]:
    """Return the first `length` coefficients by the recurrence; taps[0] is not zero."""
    first = taps[0]
    others = [(m, (n + 1) * m * tap, tap) for m, tap in enumerate(taps) if m and tap]
    row = [0] * (len(taps) - 1) + [first**n]  # leading zeros stand for c_t, t < 0
    for t in range(1, length):
        total = 0
        for m, scaled, tap in others:
            total += (scaled - t * tap) * row[-m]
        row.append(total // (first * t))
    return row[len(taps) - 1 :]


def _reduced(numerator: int, denominator: int) -> int | Fraction:
    value = Fraction(numerator, denominator)
    return value.numerator if value.denominator == 1 else value
