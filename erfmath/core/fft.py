r"""Products of powers by one padded real FFT: fast, any number of axes, right only against the largest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .scaled import Floats, Scaled, rescaled

# Below this scale the spectrum is brought back to 1, so that squaring never leaves the float range.
_RESCALE_BELOW = 2.0**-400


def transform_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return per axis the fast transform length that holds `shape` coefficients without wrapping."""
    # imported where used: scipy.fft costs more to import than everything else here together
    from scipy.fft import next_fast_len

    return tuple(next_fast_len(length, real=axis == len(shape) - 1) for axis, length in enumerate(shape))


def product(factors: Iterable[tuple[Floats, int]], shape: tuple[int, ...]) -> Scaled:
    """Return the coefficients of the product of powers (weights, n), in one or more variables."""
    from scipy.fft import irfftn, rfftn

    padded, exponent = transform_shape(shape), 0
    spectrum: Any = None
    for weights, n in factors:
        scaled, bits = rescaled(weights, 0)
        power, shift = _spectrum_power(rfftn(scaled, padded), n)
        exponent += n * bits + shift
        spectrum = power if spectrum is None else spectrum * power
    values = irfftn(spectrum, padded, overwrite_x=True)[tuple(slice(length) for length in shape)]
    return Scaled(values, exponent, (0,) * len(shape), shape)


def _spectrum_power(spectrum: Any, n: int) -> tuple[Any, int]:
    """Return spectrum**n as (mantissa, exponent), n >= 1, by squaring from the leading bit of n down.

    Two to four times faster than complex ``**`` and no less accurate. What is scaled is the largest
    magnitude on the circle, which for signed weights may lie far below their norm.
    """
    norm, bits = math.frexp(float(np.abs(spectrum).max()))
    spectrum = np.ldexp(spectrum.view(float), -bits).view(complex)
    power, size, exponent = spectrum.copy(), norm, 0
    for bit in f"{n:b}"[1:]:
        np.multiply(power, power, out=power)
        size, exponent = size * size, 2 * exponent
        if bit == "1":
            power *= spectrum
            size *= norm
        if size < _RESCALE_BELOW:
            shift = math.frexp(size)[1]
            power *= 2.0**-shift
            size, exponent = math.ldexp(size, -shift), exponent + shift
    return power, exponent + n * bits


def error_bound(length: int, powers: Sequence[int]) -> float:
    r"""Return an estimate from above of the errors, as a share of max |P_i|^n_i on the circle.

    A spectrum errs by :math:`O(u \log_2 M)` against its largest value, a power of it n times that,
    and the inverse transform averages (Higham 2002, section 24.1): :math:`4 u\,(\sum n_i + 1)(\log_2 M + 1)`.
    """
    return 4 * 2.0**-53 * (sum(powers) + 1) * (math.log2(2 * length) + 1)
