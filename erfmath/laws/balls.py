r"""The smallest square or disc about a pixel that holds a share of the mass, on any number of axes.

A square of radius r holds the pixels with :math:`\max_a |x_a - c_a| \le r`, a disc those with
:math:`\sum_a (x_a - c_a)^2 \le r^2`. Values are folded about the centre, so that a square is a corner of
cumulative sums, and a disc a look-up in them for every line.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._memory import check_memory
from ..core.scaled import Floats
from ..core.sums import running_sums
from .profiles import Ends, Profile, Runs
from .shares import TIE, Level
from .univariate import UnivariateDistribution

# Up to this many points on either side of a pixel are summed one by one (8 MiB a row).
_SUMMED = 2**20
_ROUNDOFF = 1e-11  # of differences of tails, and more


@dataclass(frozen=True)
class Disc:
    """The pixels within a distance, its square an integer, of a centre, on a field of `shape`.

    Attributes
    ----------
    centre, reach, shape
        The centre as an index of the field, the squared radius, and the sides of the field.
    """

    centre: tuple[int, ...]
    reach: int
    shape: tuple[int, ...]

    @property
    def peak(self) -> float:
        """The largest value."""
        return 1.0

    @property
    def count(self) -> int:
        """Number of pixels inside."""
        ones = [
            folded(Profile(np.ones(side), (0,), (side,)), (centre,))
            for side, centre in zip(self.shape, self.centre, strict=True)
        ]
        return round(_Discs.of(ones).mass(self.reach))

    def ends(self, factor: float, level: float) -> Ends:
        """Return the first and the last pixel inside along each axis, whatever the level."""
        radius = math.isqrt(self.reach)
        return [
            (max(c - radius, 0), min(c + radius, side - 1))
            for c, side in zip(self.centre, self.shape, strict=True)
        ]

    def full(self) -> Floats:
        """Return the values over the whole field."""
        squares = [(np.arange(s) - c) ** 2 for s, c in zip(self.shape, self.centre, strict=True)]
        return np.asarray(functools.reduce(np.add.outer, squares) <= self.reach, dtype=float)


def box_about(centre: Sequence[int], radius: int, shape: Sequence[int]) -> list[Runs]:
    """Return the pixels of a square, one run per axis, cut at the ends of the field."""
    return [
        Runs(((max(c - radius, 0), min(c + radius, side - 1)),), 1, (side,))
        for c, side in zip(centre, shape, strict=True)
    ]


def folded(profile: Profile, centre: Sequence[int]) -> Floats:
    """Return the values by their distances 0, 1, .. from a centre along each axis, both sides added."""
    values = profile.values
    for axis, (start, middle) in enumerate(zip(profile.start, centre, strict=True)):
        lines = np.moveaxis(values, axis, 0)
        place = middle - start  # of the centre in the window, where it may lie outside
        after, before = lines[max(place, 0) :], lines[: max(min(place, len(lines)), 0)][::-1]
        near = max(-place, 0), max(place - len(lines), 0) + 1
        sides = [near[0] + len(after), near[1] + len(before)]
        sums = np.zeros((max(sides), *lines.shape[1:]))
        sums[near[0] : sides[0]] += after
        sums[near[1] : sides[1]] += before
        values = np.moveaxis(sums, 0, axis)
    return values


def square_radius(folds: Sequence[Floats], level: Level) -> int:
    """Return the radius of the smallest square that holds a share of all, the groups being independent."""
    shells = [_shells(fold) for fold in folds]
    length = max(map(len, shells))
    inside, outside = np.ones(length), np.zeros(length)
    for shell in shells:
        held, rest = running_sums(shell), running_sums(shell[::-1])[::-1]
        short = 0, length - len(shell)
        inside = inside * np.pad(held / held[-1], short, mode="edge")
        outside = _either(outside, np.pad(np.append(rest[1:], 0.0) / rest[0], short))
    return int(np.argmax(level.is_met(inside, outside)))


def _either(one: Any, other: Any) -> Any:
    """Return the probability of one of two independent events at least, with the digits of small ones."""
    return one + other * (1 - one)


def _shells(fold: Floats) -> Floats:
    """Return the sums over the positions whose largest coordinate is r, for each r."""
    if fold.ndim == 1:
        return fold
    farthest = functools.reduce(np.maximum, np.ogrid[tuple(map(slice, fold.shape))])
    return np.asarray(np.bincount(farthest.ravel(), weights=fold.ravel()), dtype=float)


@dataclass(frozen=True, eq=False)
class _Discs:
    """The mass within any distance: for each of some points off the last axis, a line of sums along it.

    The points are pairs of one from each of two lists, by squared distance: those of the grid that the last
    axis belongs to, each with its own line, and those of all other axes, each with its weight. Sums are over
    the first entries of a line, none of them to all; or over the others, for what is outside.
    """

    lines: Floats
    offsets: Floats
    others: Floats
    weights: Floats

    @classmethod
    def of(cls, folds: Sequence[Floats], is_outside: bool = False, room: float = TIE) -> _Discs:
        *others, last = sorted((_trimmed(fold, room) for fold in folds), key=lambda fold: fold.ndim)
        # Of grids of one axis each, lists of what the others hold are paired.
        size = math.prod(other.size for other in others) * (last.size // last.shape[-1])
        check_memory(32 * size, "the list of pixels off one axis", "use fewer axes")
        lines = np.pad(last.reshape(-1, last.shape[-1]), ((0, 0), (0, 1) if is_outside else (1, 0)))
        lines = np.cumsum(lines[:, ::-1], axis=1)[:, ::-1] if is_outside else np.cumsum(lines, axis=1)
        weights: Floats = functools.reduce(np.multiply.outer, others, np.ones(1)).ravel()
        sides = [side for other in others for side in other.shape]
        return cls(lines, _distances(last.shape[:-1]), _distances(sides), weights)

    @property
    def farthest(self) -> int:
        """The squared distance of the farthest pixel."""
        return int(self.offsets[-1] + self.others[-1] + (self.lines.shape[1] - 2) ** 2)

    def mass(self, reach: int) -> float:
        """Return the sum over all pixels within a squared distance, or over all others."""
        left = reach - np.add.outer(self.offsets, self.others)
        first = np.floor(np.sqrt(np.maximum(left, 0))).astype(np.int64) + 1
        places = np.where(left >= 0, np.minimum(first, self.lines.shape[1] - 1), 0)
        return float(np.take_along_axis(self.lines, places, axis=1).sum(axis=0) @ self.weights)


def _trimmed(line: Floats, room: float) -> Floats:
    """Return the values of one axis without an end that holds a thousandth of the room at most."""
    if line.ndim > 1:
        return line
    rest = np.cumsum(line[::-1])
    return line[: len(line) - int(np.searchsorted(rest, room / 1000 * rest[-1], side="right"))]


def disc_reach(folds: Sequence[Floats], level: Level) -> int:
    """Return the squared radius of the smallest disc that holds a share of all, the groups independent."""
    discs = _Discs.of(folds, not level.is_small, TIE * min(level, level.held))
    total = discs.mass(-1 if not level.is_small else discs.farthest)

    def is_met(reach: int) -> bool:
        share = discs.mass(reach) / total
        return bool(level.is_met(share, share))

    return _first(is_met, discs.farthest)


def radius_on_axes(laws: Sequence[UnivariateDistribution], centre: Sequence[int], level: Level) -> int:
    """Return the radius of a square as above from cumulative probabilities, without a row of any axis.

    Where the smaller part is inside, it is a difference of tails. Where the round-off of that decides, the
    points around the centre are added, up to a million on either side.
    """
    places = list(zip(laws, centre, strict=True))
    ends = [law.support() for law in laws]
    reach = max(max(middle - low, high - middle) for (low, high), middle in zip(ends, centre, strict=True))

    def outside(radius: int) -> float:
        beyond = [float(law.cdf(at - radius - 1)) + float(law.sf(at + radius)) for law, at in places]
        return functools.reduce(_either, beyond)

    if not level.is_small:
        return _first(lambda radius: bool(level.is_met(0.0, outside(radius))), reach)
    radius = _first(lambda radius: 1 - outside(radius) >= level.least + _ROUNDOFF, reach)
    if not radius or 1 - outside(radius - 1) < level.least - _ROUNDOFF:
        return radius
    if radius > _SUMMED:
        return _first(lambda radius: bool(level.is_met(1 - outside(radius), 1.0)), reach)
    sums = {place: _sums_about(*place, radius) for place in set(places)}
    inside = functools.reduce(np.multiply, [sums[place] for place in places])
    return int(np.argmax(level.is_met(inside, inside)))


def _sums_about(law: UnivariateDistribution, centre: int, radius: int) -> Floats:
    """Return the probabilities of being no farther than 0, 1, .. radius from a point."""
    row = law.pmf(np.arange(centre - radius, centre + radius + 1))
    return running_sums(np.append(row[radius], row[radius + 1 :] + row[:radius][::-1]))


def _first(is_met: Callable[[int], bool], last: int) -> int:
    """Return the first of 0 .. last that is enough, the last one being so."""
    low, high = -1, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_met(middle) else (middle, high)
    return high


def _distances(sides: Sequence[int]) -> Floats:
    """Return the squared distances of the points of a grid from its first, in order."""
    squares = [np.arange(side, dtype=float) ** 2 for side in sides]
    return np.asarray(functools.reduce(np.add.outer, squares, np.zeros(1)).ravel())
