r"""The values of a tilted distribution around its mean, and what each may be wrong by.

.. math:: a(t) = e^{K(\theta) - \theta t} v(t), \qquad
    v(t) = \frac1N \sum_m \Phi_\theta(\omega_m) e^{i \omega_m t}, \qquad \omega_m = 2 \pi m / N,

up to the aliases :math:`v(t + jN)`, which Chernoff's inequality bounds (Gruebel and Hermesmeier, ASTIN
Bulletin 29, 1999, tilt for the same reason). Errors are absolute, and the largest v is some
:math:`1 / \sqrt{2\pi}\sigma`, so that the digits are those of the tilted peak: tilting brings it to any t.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from ..._memory import check_memory
from ..scaled import Floats
from .factors import UNIT, Factors, Moments, moments
from .rows import tilted
from .spectrum import U, characteristic, significant, transform_error

# Half a window, in deviations of the tilted distribution: a normal one leaves 1e-23 outside.
_DEVIATIONS = 10.0
# Chernoff's bound of what lies outside; a window grows until it holds, which a normal one does at once.
_OUTSIDE = 1e-20
_TILTS, _SMALLER = 4, 0.4
LONGEST = 2**26


@dataclass(frozen=True, eq=False)
class Window:
    """The values v(t) for t = start, start + 1, ...; a(t) = exp(log_mass - theta t) v(t).

    Attributes
    ----------
    error
        Bound of the error of every value, absolute.
    outside
        Bound of the tilted mass below the window, and of that above it.
    log_error
        Bound of the error of log_mass.
    """

    theta: float
    start: int
    values: Floats
    error: float
    outside: float
    log_mass: np.longdouble
    log_error: float

    @functools.cached_property
    def peak(self) -> float:
        """The largest value."""
        return float(self.values.max())

    @functools.cached_property
    def mode(self) -> int:
        """The index of the peak."""
        return self.start + int(self.values.argmax())

    @functools.cached_property
    def deviation(self) -> float:
        """Standard deviation of a normal distribution with this peak."""
        return 1 / (math.sqrt(2 * math.pi) * self.peak)

    @property
    def stop(self) -> int:
        """The index behind the last value."""
        return self.start + len(self.values)

    def log_scale(self, t: int) -> tuple[np.longdouble, float]:
        """Return (log(a(t) / v(t)), bound of its error)."""
        shift = np.longdouble(self.theta) * np.longdouble(t)
        return self.log_mass - shift, self.log_error + 2 * UNIT * float(abs(shift) + abs(self.log_mass))


def window(factors: Factors, theta: float) -> Window:
    """Return the window around the mean of the distribution tilted by theta."""
    length, start, outside = _extent(factors, theta)
    what = f"a window of {length:.3g} probabilities"
    check_memory(64 * length + 64 * factors.taps, what, "take fewer or narrower factors")
    rows, log_mass, log_error = tilted(factors, theta)
    frequencies, rest = significant(rows, length)
    phi, wrong = characteristic(rows, frequencies)
    spectrum = np.zeros(length // 2 + 1, dtype=complex)
    spectrum[frequencies.at] = phi
    values = np.roll(np.fft.irfft(spectrum, length), -(start % length))
    size = 2 * float(np.abs(spectrum).sum())
    error = (
        2 * (float(wrong.sum()) + rest) + size * (transform_error(length) + 4 * U)
    ) / length + 2 * outside
    if length > factors.degree:  # nothing goes round, and there is nothing behind the row
        values = values[: factors.degree + 1]
    return Window(theta, start, values, error, outside, log_mass, log_error)


def _extent(factors: Factors, theta: float) -> tuple[int, int, float]:
    """Return (length of the transform, first index, bound of the mass beyond either end)."""
    here = moments(factors, theta)
    deviation = math.sqrt(here.variance)
    length = 1 << max(3, math.ceil(2 * _DEVIATIONS * deviation).bit_length())
    while length <= factors.degree:
        if length > LONGEST:
            raise ValueError(
                f"the distribution has a standard deviation of {deviation:.3g} steps, too wide for a "
                "window of proved values; use pmf(), cdf() or sf(), or fewer factors"
            )
        half = length // 2 - 1
        outside = max(_chernoff(factors, theta, here, half * side) for side in (-1, 1))
        if outside < _OUTSIDE:
            return length, round(here.mean) - half, outside
        length *= 2
    return length, 0, 0.0


def _chernoff(factors: Factors, theta: float, here: Moments, distance: int) -> float:
    r"""Return a bound of the tilted mass at least `distance` above the mean, or below where it is negative.

    :math:`P(X \ge m + D) \le e^{K(\theta + s) - K(\theta) - s(m + D)}` for any s > 0; the one of a Poisson
    distribution is tried first, which for small D / variance is that of a normal one, then smaller ones:
    tails of an exponential distribution have moments up to their rate only.
    """
    if not 0 <= here.mean + distance <= factors.degree:
        return 0.0
    s, found = math.copysign(math.log1p(abs(distance) / here.variance), distance), 1.0
    for _ in range(_TILTS):
        there = moments(factors, theta + s).log_mass
        rounding = 1e-12 * (abs(here.log_mass) + abs(there) + abs(theta * here.mean)) + 1e-9
        log_bound = there - here.log_mass - s * (here.mean + distance) + abs(s) + rounding
        found = min(found, math.exp(min(log_bound, 0.0)))
        if found < _OUTSIDE:
            break
        s *= _SMALLER
    return found
