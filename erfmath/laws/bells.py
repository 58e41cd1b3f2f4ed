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
from ..core.sums import running_sums
from .lazy import ProductDistribution
from .profiles import NO_CENTRE, Runs
from .shares import TIE, Level

# Rows of up to some 80 such standard deviations are looked at entry by entry, in milliseconds.
_SHORTEST = 1000.0
_SUMMED = 2**14  # points whose probabilities are added one by one, in milliseconds
_FEW = 64  # points whose order decides where a mass is reached
_NARROW = 0.01  # of a bracket, on either side of where a line meets the mass
_MOST_STEPS = 100
_LOG_SMALLEST = -690.0
_LOG_FLOAT = math.log(5e-324)


class Cut(NamedTuple):
    """The points above a level (a natural logarithm) in stretches of the lattice, their mass and its rest."""

    log_level: float
    stretches: list[Stretch]
    mass: float
    rest: float = 1.0

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
        rest = self._rest(stretches)
        cut = Cut(log_level, stretches, 1 - rest, rest)
        if rest <= 0.5 or cut.size > _SUMMED:
            return cut
        return cut._replace(mass=math.fsum(self._sum(first, last) for first, last in stretches))

    def cut_of_mass(self, level: Level) -> Cut | None:
        """Return the smallest cut that holds a share of the mass, levels within a tie being one.

        None where gaps between the stretches hide whether a cut is enough.
        """
        high, low = self._bracket(level)
        if not _is_met(low, level):
            return None
        for _ in range(_MOST_STEPS):
            if low.size - high.size <= _FEW or high.log_level - low.log_level <= TIE:
                break
            low, high = self._closer(low, high, level)
        if low.size - high.size > _FEW:
            return low
        logs = np.sort(self._profile.logs(_added(low.stretches, high.stretches)))[::-1]
        shares = np.exp(logs)
        rests = low.rest + np.append(np.cumsum(shares[::-1])[::-1][1:], 0.0)
        reached = int(np.argmax(level.is_met(high.mass + np.cumsum(shares), rests)))
        return self.cut(float(logs[reached]) - TIE)

    def runs(self, cut: Cut) -> Runs:
        """Return the points of a cut as pixels of the theoretical field."""
        low, high = self._law.support()
        runs = tuple((self.step * first, self.step * last) for first, last in cut.stretches)
        return Runs(runs, self.step, (high - low + 1,))

    def _bracket(self, level: Level) -> tuple[Cut, Cut]:
        """Return a cut that does not hold the share, and one that does, or has all that are floats."""
        high, fall = Cut(self.peak, [], 0.0), 1.0
        while not _is_met(low := self.cut(self.peak - fall), level) and fall < -2 * _LOG_FLOAT:
            high, fall = low, 2 * fall
        return high, low

    def _closer(self, low: Cut, high: Cut, level: Level) -> tuple[Cut, Cut]:
        """Return cuts on either side of where a line through the two masses meets the share."""
        width = high.log_level - low.log_level
        meets = _excess(low, level) / (_excess(low, level) - _excess(high, level))
        for place in (meets - _NARROW, meets + _NARROW):
            between = self.cut(low.log_level + width * min(max(place, _NARROW), 1 - _NARROW))
            if low.log_level < between.log_level < high.log_level:
                low, high = (between, high) if _is_met(between, level) else (low, between)
        return low, high

    def _rest(self, stretches: list[Stretch]) -> float:
        """Return the probability of all but the points of some stretches."""
        if not stretches:
            return 1.0
        start = self._law.support()[0]
        rest = [float(self._law.cdf(start + self.step * (stretches[0].first - 1)))]
        rest.append(float(self._law.sf(start + self.step * stretches[-1].last)))
        rest += [self._sum(a.last + 1, b.first - 1) for a, b in itertools.pairwise(stretches)]
        return math.fsum(rest)

    def _sum(self, first: int, last: int) -> float:
        """Return the probability of the points first .. last: of many the difference of two tails."""
        if last - first < _SUMMED:
            return float(running_sums(np.exp(self._profile.logs(np.arange(first, last + 1))))[-1])
        start = self._law.support()[0]
        above = self._law.sf(start + self.step * np.array([first - 1, last]))
        return float(above[0] - above[1])


def _is_met(cut: Cut, level: Level) -> bool:
    return bool(level.is_met(cut.mass, cut.rest))


def _excess(cut: Cut, level: Level) -> float:
    """Return by how much a cut holds more than enough."""
    return cut.mass - level.least if level.is_small else level.most - cut.rest


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


def runs_of_mass(law: ProductDistribution, level: Level) -> Runs | None:
    """Return the most probable points that hold a share of the mass, None as above."""
    floor = math.log(max(level, 1e-300) / law.std()) - 10
    bell = _bell_of(law, floor)
    cut = bell.cut_of_mass(level) if bell else None
    return bell.runs(cut) if bell and cut and cut.log_level > floor else None


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
