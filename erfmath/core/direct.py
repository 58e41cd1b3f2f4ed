r"""P(z)^n by direct convolution and binary powering: right in every tail, quadratic in the window.

A sum of products of non-negative floats has a small *relative* error, so each coefficient keeps its
digits however small it is; an FFT only keeps the digits of the largest.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np

from .scaled import Floats, Scaled, rescaled

# Rows are kept at a peak of 2**480, so that squares (2**960 times the length) stay below 2**1024 while
# everything down to 2**-1400 (1e-421) of the peak stays a normal number.
PEAK_BITS = 480
FLOOR = 2.0**-920
_PIECE = 8192
SPARSE = 16
_SHORT = 2**16  # operations that cost less than to look for zeros


def power(weights: Floats, n: int) -> Scaled:
    """Return the coefficients of (sum_j w_j z^j)^n, n >= 1, dropping ends below 1e-421 of the peak.

    Outer zeros and a common spacing of the taps are divided out first.
    """
    taps = np.flatnonzero(weights)
    first, span = int(taps[0]), int(np.gcd.reduce(np.diff(taps))) if len(taps) > 1 else 1
    row, start, exponent = _compact_power(weights[first : int(taps[-1]) + 1 : span], n)
    if span > 1:
        spread = np.zeros(span * (len(row) - 1) + 1)
        spread[::span] = row
        row = spread
    return Scaled(row, exponent, (n * first + span * start,), (n * (len(weights) - 1) + 1,))


def _compact_power(weights: Floats, n: int) -> tuple[Floats, int, int]:
    """Return (values, start, exponent) of the n-th power by squaring from the leading bit of n down.

    So the only long products are squares.
    """
    base, base_exponent = rescaled(weights, 0)
    mirrored = bool((weights == weights[::-1]).all())
    square = _mirrored_square if mirrored else _square
    # Small powers stay within the float range by themselves; scaling would cost more than the products.
    bits_of_one = max(math.log2(float(np.abs(base).sum())), -math.log2(float(np.abs(base[base != 0]).min())))
    in_range = n * bits_of_one < 900
    row, start, exponent = base, 0, base_exponent
    for bit in f"{n:b}"[1:]:
        row, start, exponent = square(row), 2 * start, 2 * exponent
        if bit == "1":
            row, exponent = np.convolve(row, base), exponent + base_exponent
        if not in_range:
            row, bits = rescaled(row, PEAK_BITS)
            row, dropped = _without_tiny_ends(row, mirrored)
            row[np.abs(row) < FLOOR] = (
                0.0  # between the taps of gapped kernels: the slow subnormals of products
            )
            start, exponent = start + dropped, exponent + bits
    return row, start, exponent


def product(rows: Sequence[Scaled]) -> Scaled:
    """Return the product of rows on one axis, the two shortest first."""
    queue = [(len(row.values), index, row) for index, row in enumerate(rows)]
    heapq.heapify(queue)
    for index in range(len(rows), 2 * len(rows) - 1):
        left, right = heapq.heappop(queue)[2], heapq.heappop(queue)[2]
        both = _multiply(left, right)
        heapq.heappush(queue, (len(both.values), index, both))
    return queue[0][2]


def convolve(left: Floats, right: Floats) -> Scaled:
    """Return the product of two plain rows, less ends below 1e-421 of the peak."""
    return _multiply(*(Scaled(row, 0, (0,), row.shape) for row in (left, right)))


def _multiply(left: Scaled, right: Scaled) -> Scaled:
    (a, a_bits), (b, b_bits) = rescaled(left.values, PEAK_BITS), rescaled(right.values, PEAK_BITS)
    row, bits = rescaled(_convolve(a, b), PEAK_BITS)
    row, dropped = _without_tiny_ends(row, mirrored=False)
    return Scaled(
        row,
        left.exponent + right.exponent + a_bits + b_bits + bits,
        (left.start[0] + right.start[0] + dropped,),
        (left.shape[0] + right.shape[0] - 1,),
    )


def _convolve(left: Floats, right: Floats) -> Floats:
    """Return np.convolve, of dilated rows by shifting and adding, of long ones in pieces."""
    if len(left) * len(right) < _SHORT:
        return np.convolve(left, right)
    sparse, dense = sorted((left, right), key=np.count_nonzero)
    taps = np.flatnonzero(sparse)
    if len(taps) * SPARSE < len(sparse):
        total = np.zeros(len(left) + len(right) - 1)
        _add_shifted(total, sparse, dense)
        return total
    if min(len(left), len(right)) <= _PIECE:
        return np.convolve(left, right)
    # Beyond 10 000 terms the inner product of np.convolve pays for threads in vain.
    total = np.zeros(len(left) + len(right) - 1)
    for start in range(0, len(right), _PIECE):
        piece = np.convolve(left, right[start : start + _PIECE])
        total[start : start + len(piece)] += piece
    return total


def _add_shifted(total: Floats, sparse: Floats, dense: Floats) -> None:
    """Add the product of two rows to a total, tap by tap of the sparse one."""
    for tap in np.flatnonzero(sparse):
        total[tap : tap + len(dense)] += sparse[tap] * dense


def _square(row: Floats) -> Floats:
    return _convolve(row, row)


def _mirrored_square(row: Floats) -> Floats:
    """Return the square of a row that reads the same backwards, in half the operations.

    Below its middle, (a + z^h b)^2 is a^2 + 2 z^h a b; the upper half is the mirror image.
    """
    length, half = len(row), (len(row) + 1) // 2
    if length < 256:  # where a second call costs more than it saves
        return _square(row)
    head, tail = row[:half], row[half:]
    lower = np.zeros(length)
    lower[: 2 * half - 1] = _convolve(head, head)[:length]
    lower[half:] += 2 * _convolve(head, tail)[: length - half]
    return np.concatenate((lower, lower[-2::-1]))


def _without_tiny_ends(row: Floats, mirrored: bool) -> tuple[Floats, int]:
    """Return the part of the row from its first to its last entry above the floor, and where it starts.

    A mirrored row loses the same at both ends, whatever round-off says.
    """
    if abs(row[0]) > FLOOR and abs(row[-1]) > FLOOR:
        return row, 0
    large = np.abs(row) > FLOOR
    first, behind = int(large.argmax()), int(large[::-1].argmax())
    if mirrored:
        first = behind = min(first, behind)
    return row[first : len(row) - behind], first


def error_bound(length: int, powers: Sequence[int]) -> float:
    r"""Return a bound for the relative error of a non-negative product of `length` coefficients.

    A tap to the power n alone is rounded as often, and all roundings may agree: :math:`\sum n_i`. A sum of
    m terms errs by :math:`\lambda \sqrt{m}\, u`, its roundings being as good as independent (Higham & Mary,
    SIAM J. Sci. Comput. 41 (2019) A2815), and sums are taken in pieces of M = 8192 terms; squaring doubles
    what came before, and a product of two rows adds. With L the doublings of the largest power and the
    levels of the product, and N coefficients:
    :math:`u\,(\sum n_i + (2 \sqrt{\min(N, M)} + N / M) (L / 2 + 2))`, :math:`u = 2^{-53}`.
    """
    levels = max(powers, default=0).bit_length() + 2 * (len(powers) - 1).bit_length()
    return 2.0**-53 * (roundings(length) * (levels / 2 + 2) + sum(powers) + 1)


def roundings(terms: int) -> float:
    """Return the roundings that a sum of non-negative terms, in pieces, amounts to."""
    return 2 * math.sqrt(min(terms, _PIECE)) + terms / _PIECE
