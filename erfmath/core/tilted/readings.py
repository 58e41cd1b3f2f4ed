r"""Points and tails of a product, from windows at their own saddle points; each with a proved bound.

A point t is read from a window whose tilted mean is near it, and a tail from the point on outwards,

.. math:: P(X \ge t) = e^{K(\theta) - \theta t} \sum_{x \ge t} v(x)\, e^{-\theta (x - t)},

with :math:`\theta \ge 0`, so that what is summed falls off and what lies beyond the window is at most
its tilted mass.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...polynomials.product import Product
from ..scaled import MIN_NORMAL, Floats
from .factors import UNIT, Factors, factors_of, tilt_to
from .spectrum import U
from .window import Window, window

Side = Literal["lower", "upper"]

# A value is read from a window that is there already when it is a large part of the peak, where a window of
# its own would do no better, or its bound is small, see _DIGITS.
_NEAR_PEAK = 4.0
# A window for all that lies beyond a point has its peak so many deviations further on.
_AHEAD = 1.8
_WINDOWS = 64
# Terms of a tail that have fallen below e^-80 of the first are left to the bound.
_FALLEN = 80.0
# Values whose bound is above so many times that at the centre are left to other methods, and those above
# the second number whatever the centre has. It is a worst case: true errors are some hundred times smaller.
# Where long doubles are no longer than floats, as on Apple's processors and on Windows, bounds of thousands
# of factors are some hundred times wider, and other methods take a thousand times as long.
_HAS_LONG_DOUBLES = UNIT < U / 2
_OF_THE_CENTRE = 16.0 if _HAS_LONG_DOUBLES else 32.0
_WELL_KNOWN, KNOWN = 1e-12, 1e-11 if _HAS_LONG_DOUBLES else 1e-9
_DIGITS = 20 / KNOWN  # of a value in a window that is there already
_SMALLEST = 2.0**MIN_NORMAL


@dataclass(frozen=True)
class Reading:
    """The number e^scale value, whose value is wrong by at most `error`, and scale by `scale_error`."""

    scale: np.longdouble
    scale_error: float
    value: float
    error: float

    @property
    def log(self) -> float:
        """The logarithm, -inf where the value is not positive."""
        return float(self.scale + np.log(np.longdouble(self.value))) if self.value > 0 else -math.inf

    @property
    def relative_error(self) -> float:
        """Bound of the relative error of the number, inf where nothing is known of it."""
        return math.expm1(self.scale_error) + self.error / self.value if self.value > 0 else math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """A float below the number and one above it; the number itself where nothing is wrong."""
        if not self.error:
            return self.value, self.value
        slack = np.longdouble(1) + 16 * UNIT * (1 + abs(self.scale))
        low = np.exp(self.scale - self.scale_error) / slack * max(self.value - self.error, 0.0) * (1 - 2 * U)
        high = np.exp(self.scale + self.scale_error) * slack * (self.value + self.error) * (1 + 2 * U)
        return max(math.nextafter(float(low), -math.inf), 0.0), math.nextafter(float(high), math.inf)


@dataclass(frozen=True, eq=False)
class Reader:
    """A product with the windows made so far."""

    factors: Factors
    windows: list[Window] = field(default_factory=list)

    @functools.cached_property
    def centre(self) -> Window:
        """The window of the distribution itself, not tilted."""
        return window(self.factors, 0.0)

    @functools.cached_property
    def known(self) -> float:
        """The relative error up to which values are taken."""
        at_centre = self.centre.error / self.centre.peak
        return min(max(_OF_THE_CENTRE * at_centre, _WELL_KNOWN), KNOWN)

    def window_at(self, t: int) -> Window:
        """Return a window whose tilted peak is near t, a new one where none is."""
        for ready in reversed(self.windows):
            if _shows(ready, t):
                return ready
        return self._made_at(float(t))

    def window_beyond(self, t: int, sign: int) -> Window:
        """Return a window that shows t and the points above or below it, as many as one window can."""
        if not self.windows or any(_shows(ready, t) for ready in self.windows):
            return self.window_at(t)
        nearest = min(self.windows, key=lambda ready: abs(ready.mode - t))
        ahead = self._made_at(t + sign * _AHEAD * nearest.deviation)
        return ahead if _shows(ahead, t) else self.window_at(t)

    def _made_at(self, mean: float) -> Window:
        made = window(self.factors, tilt_to(self.factors, mean))
        self.windows.append(made)
        del self.windows[:-_WINDOWS]
        return made

    def coefficient(self, t: int) -> Reading:
        """Return the share of coefficient t, an index in steps of the span from the first one."""
        if not 0 <= t <= self.factors.degree or not self.factors.degree:
            return _exactly(float(t == 0 == self.factors.degree))
        seen = self.window_at(t)
        return _reading(seen, t, float(seen.values[t - seen.start]), seen.error)

    def tail(self, t: int, side: Side) -> Reading:
        """Return P(X >= t) for side="upper" and t above the mean, P(X <= t) for "lower" and t below."""
        if not 0 <= t <= self.factors.degree or not self.factors.degree:
            return _exactly(float(t >= 0 if side == "lower" else t <= self.factors.degree))
        found = self._tail_in(self.window_at(t), t, side)
        if found.relative_error <= self.known:
            return found
        return self._tail_in(self._made_at(float(t)), t, side)  # a sum has fewer digits than its first term

    def _tail_in(self, seen: Window, t: int, side: Side) -> Reading:
        if seen.theta * (1 if side == "upper" else -1) < 0:
            seen = self.centre
        at = t - seen.start
        values = seen.values[at:] if side == "upper" else seen.values[at::-1]
        fade = abs(seen.theta)
        reach = len(values) if fade * len(values) < _FALLEN else int(_FALLEN / fade) + 1
        falls = np.exp(-fade * np.arange(reach))
        terms = values[:reach] * falls
        left = seen.outside + math.exp(-_FALLEN) * (reach < len(values))
        # exponentials and products err by 6 units, numpy's pairwise sums by 1 a doubling and some 20
        rounding = U * (reach.bit_length() + 30) * float(np.abs(terms).sum())
        return _reading(
            seen, t, float(terms.sum()), seen.error * float(falls.sum()) * 1.001 + left + rounding
        )

    def is_upper(self, t: int) -> bool:
        """Whether t lies above the mean, so that its upper tail is the small one."""
        return t > self.factors.mean


@functools.lru_cache(maxsize=8)
def reader_of(polynomial: Product) -> Reader:
    """Return the reader of a product on one axis without negative weights."""
    return Reader(factors_of(polynomial))


def _shows(ready: Window, t: int) -> bool:
    """Return whether the value at t has digits in this window."""
    if not ready.start <= t < ready.stop:
        return False
    value = float(ready.values[t - ready.start])
    return value * _NEAR_PEAK >= ready.peak or value >= _DIGITS * ready.error


def floats(reader: Reader, first: int, last: int) -> tuple[int, Floats] | None:
    """Return (index, shares) of all from first to last that are normal floats, in windows outwards.

    None where the bound of one is not small: the row has holes.
    """
    middle = min(max(round(reader.factors.mean), first), last)
    upwards, downwards = _outwards(reader, middle, last, 1), _outwards(reader, middle - 1, first, -1)
    if upwards is None or downwards is None:
        return None
    return middle - len(downwards), np.concatenate((downwards[::-1], upwards))


def _outwards(reader: Reader, t: int, end: int, sign: int) -> Floats | None:
    """Return the shares from t to the end, above or below it, up to the last that is a normal float."""
    pieces = [np.zeros(0)]
    while sign * (end - t) >= 0:
        seen = reader.window_beyond(t, sign)
        stop = min(end + 1, seen.stop) if sign > 0 else max(end - 1, seen.start - 1)
        index = np.arange(t, stop, sign)
        values = seen.values[index - seen.start]
        good = (values * _NEAR_PEAK >= seen.peak) | (values >= _DIGITS * seen.error)
        good[0] |= seen.error < reader.known * values[0]
        if not good[0]:
            return None
        index = index[: len(good) if good.all() else int(np.argmin(good))]
        falls = np.longdouble(seen.theta) * (index - t)
        shares = np.exp(seen.log_scale(t)[0] - falls) * np.maximum(values[: len(index)], 0)
        pieces.append(shares.astype(float))
        if pieces[-1][-1] < _SMALLEST:
            break
        t += sign * len(index)
    return np.concatenate(pieces)


def _exactly(value: float) -> Reading:
    return Reading(np.longdouble(0), 0.0, value, 0.0)


def _reading(seen: Window, t: int, value: float, error: float) -> Reading:
    scale, scale_error = seen.log_scale(t)
    return Reading(scale, scale_error, value, error)
