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
    length = n * (len(weights) - 1) + 1
    row = Scaled(np.array([1.0]), 0, (0,), (length,))
    base = _trimmed(weights, 0, 0, length)
    for bit in f"{n:b}":
        row = product(row, row)
        if bit == "1":
            row = product(row, base)
    return row


def product(left: Scaled, right: Scaled) -> Scaled:
    """Return the product of two polynomials on one axis; the shape is the left one's."""
    values = np.convolve(left.values, right.values)
    return _trimmed(values, left.exponent + right.exponent, left.start[0] + right.start[0], left.shape[0])


def _trimmed(values: Floats, exponent: int, start: int, length: int) -> Scaled:
    scaled, shift = rescaled(values, PEAK_BITS)
    large = np.abs(scaled) > FLOOR
    first, last = int(large.argmax()), len(scaled) - int(large[::-1].argmax())
    return Scaled(scaled[first:last], exponent + shift, (start + first,), (length,))


def error_bound(taps: int, n: int) -> float:
    r"""Return a bound for the relative error of a non-negative row of P^n with k taps.

    A convolution of m terms errs by at most m u, and squaring doubles what came before:
    :math:`u\,(N \log_2(n) / 2 + n k)` with :math:`N = n(k-1)+1`, :math:`u = 2^{-53}` (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
    """
    return 2.0**-53 * ((n * (taps - 1) + 1) * max(n, 1).bit_length() / 2 + n * taps + 1)
