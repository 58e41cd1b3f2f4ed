"""Superlevel sets of a long distribution, found without its row."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from ..core.logs import log_profile_of
from ..core.saddle.levels import LogProfile, Stretch
from .lazy import ProductDistribution
from .profiles import NO_CENTRE, Runs

# Rows of up to some 80 such standard deviations are looked at entry by entry, in milliseconds.
_SHORTEST = 1000.0
_FEW = 64  # points whose order decides where a mass is reached
_NARROW = 0.01  # of a bracket, on either side of where a line meets the mass
_MOST_STEPS = 100
_LOG_SMALLEST = -690.0
_LOG_FLOAT = math.log(5e-324)


class Cut(NamedTuple):
    """The points above a level (a natural logarithm), in stretches of the lattice, and their mass."""

    log_level: float
    stretches: list[Stretch]
    mass: float

    @property
    def size(self) -> int:
        """Number of points."""
        return sum(last - first + 1 for first, last in self.stretches)


class Bell:
    """The superlevel sets of a distribution; points are counted in lattice steps from the support's first."""

    def __init__(self, law: ProductDistribution, profile: LogProfile) -> None:
        self._law, self._profile = law, profile
        self.step = profile.law.span

    @cached_property
    def peak(self) -> float:
        """The largest log probability."""
        return self._profile.peak()

    def cut(self, log_level: float) -> Cut:
        """Return the points above a level."""
        stretches = self._profile.above(log_level)
        return Cut(log_level, stretches, self._mass(stretches))

    def cut_of_mass(self, share: float, tie: float) -> Cut:
        """Return the smallest cut that holds a share of the mass, levels within a tie being one."""
        goal = share * (1 - tie)
        low, high = self._bracket(goal)
        for _ in range(_MOST_STEPS):
            if low.size - high.size <= _FEW or high.log_level - low.log_level <= tie:
                break
            low, high = self._closer(low, high, goal)
        if low.size - high.size > _FEW:
            return low
        logs = np.sort(self._profile.logs(_added(low.stretches, high.stretches)))[::-1]
        reached = int(np.searchsorted(high.mass + np.cumsum(np.exp(logs)), goal))
        return self.cut(float(logs[min(reached, len(logs) - 1)]) - tie)

    def runs(self, cut: Cut) -> Runs:
        """Return the points of a cut as pixels of the theoretical field."""
        low, high = self._law.support()
        runs = tuple((self.step * first, self.step * last) for first, last in cut.stretches)
        return Runs(runs, self.step, (high - low + 1,))

    def _bracket(self, goal: float) -> tuple[Cut, Cut]:
        """Return a cut that holds the mass, and one that does not."""
        high, fall = Cut(self.peak, [], 0.0), 1.0
        while True:
            low = self.cut(self.peak - fall)
            if low.mass >= goal:
                return low, high
            high, fall = low, 2 * fall

    def _closer(self, low: Cut, high: Cut, goal: float) -> tuple[Cut, Cut]:
        """Return cuts on either side of where a line through the two masses meets the goal."""
        width = high.log_level - low.log_level
        meets = (low.mass - goal) / (low.mass - high.mass)
        for place in (meets - _NARROW, meets + _NARROW):
            between = self.cut(low.log_level + width * min(max(place, _NARROW), 1 - _NARROW))
            if low.log_level < between.log_level < high.log_level:
                low, high = (between, high) if between.mass >= goal else (low, between)
        return low, high

    def _mass(self, stretches: list[Stretch]) -> float:
        """Return the probability of the points of some stretches."""
        if not stretches:
            return 0.0
        start = self._law.support()[0]
        gaps = [(a.last, b.first) for a, b in itertools.pairwise(stretches)]
        missing = [float(self._law.cdf(start + self.step * (stretches[0].first - 1)))]
        missing.append(float(self._law.sf(start + self.step * stretches[-1].last)))
        for last, first in gaps:
            above = self._law.sf(start + self.step * np.array([last, first - 1]))
            missing.append(float(above[0] - above[1]))
        return 1 - math.fsum(missing)


def is_long(law: object) -> TypeGuard[ProductDistribution]:
    """Whether a distribution is better read without its row."""
    return isinstance(law, ProductDistribution) and law.std() > _SHORTEST


def runs_above(law: ProductDistribution, ref: str, level: float, power: float, tie: float) -> Runs | None:
    """Return where P(X = x)**power exceeds level times that of the reference pixel.

    None where many points have to be looked at.
    """
    low, high = law.support()
    if ref == "centre":
        scale = float(law.logpmf(low + (high - low) // 2))
        if scale < _LOG_FLOAT:
            raise ValueError(NO_CENTRE)
    else:
        scale = -math.log(law.std()) - 10  # below the largest one
    relative = (math.log(level) + math.log1p(tie)) / power
    bell = _bell_of(law, scale + relative)
    if bell is None:
        return None
    return bell.runs(bell.cut((scale if ref == "centre" else bell.peak) + relative))


def runs_of_mass(law: ProductDistribution, share: float, tie: float) -> Runs | None:
    """Return the most probable points that hold a share of the mass, None as above."""
    floor = math.log(max(1 - share, 1e-300) / law.std()) - 10
    bell = _bell_of(law, floor)
    if bell is None:
        return None
    cut = bell.cut_of_mass(share, tie)
    return bell.runs(cut) if cut.log_level > floor else None


def runs_within(law: ProductDistribution, reach: float, tie: float) -> Runs:
    """Return the points within so many standard deviations of the mean."""
    low, high = law.support()
    mean, width = law.exact_mean - low, Fraction(reach * law.std() * (1 + tie))
    run = max(math.ceil(mean - width), 0), min(math.floor(mean + width), high - low)
    return Runs((run,), 1, (high - low + 1,))


def _bell_of(law: ProductDistribution, log_floor: float) -> Bell | None:
    if log_floor < _LOG_SMALLEST:
        return None
    # Beyond these quantiles no point has more than the floor.
    tail, low = math.exp(log_floor), law.support()[0]
    profile = log_profile_of(law.polynomial, int(law.ppf(tail)) - low, int(law.isf(tail)) - low)
    return Bell(law, profile) if profile else None


def _added(outer: list[Stretch], inner: list[Stretch]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the points of the outer stretches that are not in the inner ones, few of them."""
    found, cuts = [], [*inner]
    for first, last in outer:
        for a, b in [cut for cut in cuts if first <= cut.first and cut.last <= last]:
            found.append(np.arange(first, a))
            first = b + 1
        found.append(np.arange(first, last + 1))
    return np.concatenate(found)
