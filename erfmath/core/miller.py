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

Taps = dict[int, int]  # position -> weight


def row_of(factors: list[tuple[Taps, int]]) -> list[int]:
    """Return the whole row, the second half by symmetry where there is one."""
    length = 1 + sum(n * max(taps) for taps, n in factors)
    signs = [mirror_sign(taps) ** n for taps, n in factors]
    if not all(signs):
        return _recurrence(factors, length)
    half = _recurrence(factors, (length + 1) // 2)
    return half + [math.prod(signs) * value for value in reversed(half[: length // 2])]


def mirror_sign(taps: Taps) -> int:
    """Return 1 or -1 when reading the taps backwards multiplies them by it, else 0."""
    last = max(taps)
    for sign in (1, -1):
        if all(taps.get(last - j) == sign * weight for j, weight in taps.items()):
            return sign
    return 0


def _recurrence(factors: list[tuple[Taps, int]], length: int) -> list[int]:
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
