r"""The smallest square or disc about a pixel that holds a share of the mass, on any number of axes.

A square of radius r holds the pixels with :math:`\max_a |x_a - c_a| \le r`, a disc those with
:math:`\sum_a (x_a - c_a)^2 \le r^2`. Values are folded about the centre, so that a square is a corner of
cumulative sums, and a disc a look-up in them for every line.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._memory import check_memory
from ..core.scaled import Floats
from .profiles import Ends, Profile, Runs
from .univariate import UnivariateDistribution

# Quantities within this of a share (relative) hold it.
_TIE = 1e-12


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


def square_radius(folds: Sequence[Floats], share: float) -> int:
    """Return the radius of the smallest square that holds a share of all, the groups being independent."""
    sums = [_corners(fold) for fold in folds]
    length = max(map(len, sums))
    held = functools.reduce(np.multiply, [np.pad(s, (0, length - len(s)), mode="edge") for s in sums])
    return int(np.searchsorted(held, share * held[-1] * (1 - _TIE)))


def _corners(fold: Floats) -> Floats:
    """Return the sum over all positions up to (r, .. r) for each r."""
    sums = fold
    for axis in range(fold.ndim):
        sums = np.cumsum(sums, axis=axis)
    radii = np.arange(max(fold.shape))
    return np.asarray(sums[tuple(np.minimum(radii, side - 1) for side in fold.shape)])


@dataclass(frozen=True, eq=False)
class _Discs:
    """The mass within any distance: for each of some points off the last axis, a line of sums along it.

    The points are pairs of one from each of two lists, by squared distance: those of the grid that the last
    axis belongs to, each with its own line, and those of all other axes, each with its weight.
    """

    lines: Floats
    offsets: Floats
    others: Floats
    weights: Floats

    @classmethod
    def of(cls, folds: Sequence[Floats]) -> _Discs:
        *others, last = sorted(map(_trimmed, folds), key=lambda fold: fold.ndim)
        # Of grids of one axis each, lists of what the others hold are paired.
        size = math.prod(other.size for other in others) * (last.size // last.shape[-1])
        check_memory(32 * size, "the list of pixels off one axis", "use fewer axes")
        lines = np.cumsum(last.reshape(-1, last.shape[-1]), axis=1)
        weights: Floats = functools.reduce(np.multiply.outer, others, np.ones(1)).ravel()
        sides = [side for other in others for side in other.shape]
        return cls(lines, _distances(last.shape[:-1]), _distances(sides), weights)

    @property
    def farthest(self) -> int:
        """The squared distance of the farthest pixel."""
        return int(self.offsets[-1] + self.others[-1] + (self.lines.shape[1] - 1) ** 2)

    def mass(self, reach: int) -> float:
        """Return the sum over all pixels within a squared distance."""
        left = reach - np.add.outer(self.offsets, self.others)
        last = np.floor(np.sqrt(np.maximum(left, 0))).astype(np.int64)
        places = np.minimum(last, self.lines.shape[1] - 1)
        sums = np.take_along_axis(self.lines, places, axis=1)
        return float(np.where(left >= 0, sums, 0.0).sum(axis=0) @ self.weights)

    def reach_of(self, share: float) -> int:
        """Return the smallest squared distance within which a share of all lies."""
        goal = share * self.mass(self.farthest) * (1 - _TIE)
        low, high = -1, self.farthest
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.mass(middle) >= goal else (middle, high)
        return high


def _trimmed(line: Floats) -> Floats:
    """Return the values of one axis without an end that holds a thousandth of a tie of them."""
    if line.ndim > 1:
        return line
    rest = np.cumsum(line[::-1])
    return line[: len(line) - int(np.searchsorted(rest, _TIE / 1000 * rest[-1], side="right"))]


def disc_reach(folds: Sequence[Floats], share: float) -> int:
    """Return the squared radius of the smallest disc that holds a share of all, the groups independent."""
    return _Discs.of(folds).reach_of(share)


def radius_on_axes(laws: Sequence[UnivariateDistribution], centre: Sequence[int], share: float) -> int:
    """Return the radius of a square as above from cumulative probabilities, without a row of any axis."""
    reach = max(
        max(middle - low, high - middle)
        for (low, high), middle in zip([law.support() for law in laws], centre, strict=True)
    )

    def held(radius: int) -> float:
        ends = [
            float(law.cdf(middle - radius - 1)) + float(law.sf(middle + radius))
            for law, middle in zip(laws, centre, strict=True)
        ]
        return math.prod(1 - end for end in ends)

    low, high = -1, int(reach)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if held(middle) >= share * (1 - _TIE) else (middle, high)
    return int(high)


def _distances(sides: Sequence[int]) -> Floats:
    """Return the squared distances of the points of a grid from its first, in order."""
    squares = [np.arange(side, dtype=float) ** 2 for side in sides]
    return np.asarray(functools.reduce(np.add.outer, squares, np.zeros(1)).ravel())
