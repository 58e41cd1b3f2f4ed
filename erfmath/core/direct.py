r"""P(z)^n by direct convolution and binary powering: right in every tail, quadratic in the window.

A sum of products of non-negative floats has a small *relative* error, so each coefficient keeps its
digits however small it is; an FFT only keeps the digits of the largest.
"""

from __future__ import annotations

import numpy as np

from .scaled import Floats, Scaled, rescaled

# Rows are kept at a peak of 2**480, so that squares (2**960 times the length) stay below 2**1024 while
# everything down to 2**-1400 (1e-421) of the peak stays a normal number: tails meet no denormals.
PEAK_BITS = 480
FLOOR = 2.0**-920


def power(weights: Floats, n: int) -> Scaled:
    """Return the coefficients of (sum_j w_j z^j)^n, dropping ends below 1e-421 of the peak.

    Squares from the leading bit of n down, so that the only long products are squares. The relative
    error of a non-negative row is at most :func:`error_bound`.
    """
    base, base_exponent = rescaled(weights, 0)
    mirrored = bool((weights == weights[::-1]).all())
    square = _mirrored_square if mirrored else _square
    row, start, exponent = np.array([1.0]), 0, 0
    for bit in f"{n:b}":
        row, start, exponent = square(row), 2 * start, 2 * exponent
        if bit == "1":
            row, exponent = np.convolve(row, base), exponent + base_exponent
        row, bits = rescaled(row, PEAK_BITS)
        row, dropped = _without_tiny_ends(row, mirrored)
        start, exponent = start + dropped, exponent + bits
    return Scaled(row, exponent, (start,), (n * (len(weights) - 1) + 1,))


def convolve(left: Floats, right: Floats) -> Scaled:
    """Return the product of two non-negative rows of any scale, less ends below 1e-421 of the peak."""
    (left, left_bits), (right, right_bits) = rescaled(left, PEAK_BITS), rescaled(right, PEAK_BITS)
    row, bits = rescaled(np.convolve(left, right), PEAK_BITS)
    row, start = _without_tiny_ends(row, mirrored=False)
    return Scaled(row, left_bits + right_bits + bits, (start,), (len(left) + len(right) - 1,))


def _square(row: Floats) -> Floats:
    return np.convolve(row, row)


def _mirrored_square(row: Floats) -> Floats:
    """Return the square of a row that reads the same backwards, in half the operations.

    Below its middle, (a + z^h b)^2 is a^2 + 2 z^h a b; the upper half is the mirror image.
    """
    length, half = len(row), (len(row) + 1) // 2
    if length < 256:  # where a second call costs more than it saves
        return _square(row)
    head, tail = row[:half], row[half:]
    lower = np.convolve(head, head)[:length]
    lower[half:] += 2 * np.convolve(head, tail)[: length - half]
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


def error_bound(taps: int, n: int) -> float:
    r"""Return a bound for the relative error of a non-negative row of P^n with k taps.

    A convolution of m terms errs by at most m u, and squaring doubles what came before:
    :math:`u\,(N \log_2(n) / 2 + n k)` with :math:`N = n(k-1)+1`, :math:`u = 2^{-53}` (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
    """
    return 2.0**-53 * ((n * (taps - 1) + 1) * max(n, 1).bit_length() / 2 + n * taps + 1)
