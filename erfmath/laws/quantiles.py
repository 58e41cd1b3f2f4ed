r"""Where a distribution function reaches given shares: the first integers that are enough.

On the scale of normal deviates :math:`\Phi^{-1}(F(x))` a distribution function is nearly a line, so secants
meet the share in a few readings. Each aims a little beyond, so that readings close in from both sides; where
steps or plateaus mislead them, the bracket is halved.

A share may be one that the function takes, as 1/2 is for two dice at 7, and be missed by the last digit of
either. It is taken to be that value where it is within a tie of it, and not of the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.scaled import Floats
from .manners import UNIT, Points
from .shares import TIE

_FARTHEST_DEVIATE = 40.0
_BEYOND = 0.02  # of a step, to land behind what is sought; four times as much at each miss
_LONGEST_STEP = 2.0**60
_FAR_APART = 1 / 64  # standard deviations between two readings that tell a slope


def first_reached(
    share: Callable[[Points], Any],
    q: Floats,
    sign: float,
    ends: tuple[int, int],
    scale: tuple[float, float],
) -> Points:
    """Return the smallest integers x with sign * share(x) >= sign * q, ends[0] < x <= ends[1].

    `share` is a distribution function (sign 1) or a survival function (sign -1), `scale` about its mean and
    standard deviation.
    """
    return _searched(share, q, sign, ends, scale).high


def first_enough(
    share: Callable[[Points], Any],
    q: Floats,
    sign: float,
    ends: tuple[int, int],
    scale: tuple[float, float],
) -> Points:
    """Return the same, shares that are q but for round-off being enough."""
    search = _searched(share, q, sign, ends, scale)
    values = tied(q, search.before, search.after, sign)
    if (moved := values != q).any():
        search.high[moved] = first_reached(share, values[moved], sign, ends, scale)
    return search.high


def tied(q: Floats, before: Floats, after: Floats, sign: float) -> Floats:
    """Return q, or where it is the share before it but for round-off, a little less (more, with sign -1).

    `before` is not enough, `after`, at the next point, is.
    """
    room = TIE * np.minimum(q, 1 - q) + np.where(q > 0.5, UNIT, 0.0)
    is_share = (np.abs(q - before) <= room) & (before > 0) & (before < 1)
    return np.where(is_share & (np.abs(after - q) > room), before * (1 - 4 * sign * UNIT), q)


def _searched(
    share: Callable[[Points], Any],
    q: Floats,
    sign: float,
    ends: tuple[int, int],
    scale: tuple[float, float],
) -> _Search:
    """Return the search when all its brackets have closed."""
    search = _Search(q, sign, ends, scale)
    while (at := np.flatnonzero(search.high - search.low > 1)).size:
        search.take(at, np.asarray(share(search.x[at])))
    return search


class _Search:
    """Brackets low < first <= high for each q, the shares at their ends, and the next point x to read."""

    def __init__(self, q: Floats, sign: float, ends: tuple[int, int], scale: tuple[float, float]) -> None:
        mean, self.deviation = scale[0], max(scale[1], 0.5)
        self.q, self.sign = q, sign
        self.goal = self._deviates(q)
        self.low, self.high = np.full(q.shape, ends[0]), np.full(q.shape, ends[1])
        self.before, self.after = np.full(q.shape, float(sign < 0)), np.full(q.shape, float(sign > 0))
        guess = mean + self.deviation * np.clip(self.goal, -_FARTHEST_DEVIATE, _FARTHEST_DEVIATE)
        self.x = np.clip(np.clip(guess, *ends).astype(np.int64), ends[0] + 1, max(ends[1] - 1, ends[0] + 1))
        self.slope = np.full(q.shape, 1 / self.deviation)
        self.former, self.level = self.x.copy(), np.full(q.shape, np.nan)
        self.misses = np.zeros(q.shape, dtype=np.int64)
        self.is_below, self.is_above = np.zeros((2, *q.shape), dtype=bool)

    def take(self, at: Any, shares: Floats) -> None:
        """Take over the shares at the points number `at`, and choose the points to read next."""
        x, width = self.x[at], self.high[at] - self.low[at]
        reached = self.sign * shares >= self.sign * self.q[at]
        again = np.where(reached, self.is_above[at], self.is_below[at])
        self.high[at], self.low[at] = np.where(reached, x, self.high[at]), np.where(reached, self.low[at], x)
        self.before[at], self.after[at] = (
            np.where(reached, self.before[at], shares),
            np.where(reached, shares, self.after[at]),
        )
        self.is_above[at] |= reached
        self.is_below[at] |= ~reached
        between = self.is_above[at] & self.is_below[at]
        self.misses[at] = np.where(again & ~between, self.misses[at] + 1, 0)
        step = self._step(at, self._deviates(shares), np.where(reached, -1.0, 1.0))
        low, high = self.low[at], self.high[at]
        slow = between & (high - low > width // 2)
        guess = np.where(slow, low + (high - low) // 2, x + step)
        self.x[at] = np.clip(guess, low + 1, np.maximum(high - 1, low + 1))

    def _step(self, at: Any, level: Floats, side: Floats) -> Points:
        """Return the steps to a little beyond where the line through the last readings meets the goal."""
        distance = (self.x[at] - self.former[at]).astype(float)
        with np.errstate(all="ignore"):
            slope = (level - self.level[at]) / distance
            tells = (slope > 0) & np.isfinite(slope) & (np.abs(distance) >= _FAR_APART * self.deviation)
            self.slope[at] = np.where(tells, slope, self.slope[at])
            step = (self.goal[at] - level) / self.slope[at]
        self.former[at], self.level[at] = self.x[at], level
        step = np.where(np.isfinite(step), step, side * _FAR_APART * self.deviation)
        step += side * np.maximum(_BEYOND * np.abs(step), 0.25) * 4.0 ** np.minimum(self.misses[at], 60)
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        return np.asarray(np.where(side > 0, np.ceil(step), np.floor(step)).astype(np.int64))

    def _deviates(self, shares: Floats) -> Floats:
        """Return the normal deviates of shares, ascending with the points."""
        from scipy.special import ndtri

        return np.asarray(self.sign * ndtri(shares))
