"""A tilted factor on a grid of the circle, by one FFT: for wide kernels, instead of a sum over taps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..scaled import Floats
from .law import Taps

Complexes = np.ndarray[Any, np.dtype[np.complex128]]

# From so many taps on an FFT takes less time than a sum over the taps, a node of which takes some 5 ns.
WIDE = 48

# The n-th power multiplies an error of 1e-16 by n where the modulus is near 1: up to here it is below 1e-13.
FEW = 256


def fast_even_length(least: int) -> int:
    """Return the next even length of a fast FFT."""
    from scipy.fft import next_fast_len

    return 2 * int(next_fast_len(-(-least // 2), real=True))


def is_wide(f: Taps) -> bool:
    """Whether a factor is taken by FFT: where it is wide, and its power does not lift the round-off."""
    return len(f.steps) >= WIDE and f.n <= FEW


def spectrum(f: Taps, q: Floats, length: int) -> Complexes:
    r"""Return :math:`\sum_j q_j e^{i w x_j}` at :math:`w = 2 \pi k / N`, k = 0 .. N/2.

    The taps q stand at the steps x of the factor. Steps beyond N wrap around, which changes nothing on this
    grid. The error is some 1e-16 of sum q, whatever the number of taps: the normwise error of an FFT.
    """
    from scipy.fft import rfft

    row = np.bincount(np.asarray(f.steps) % length, weights=q, minlength=length)
    return np.asarray(rfft(row)).conj()
