"""The tile of the least overhead that a memory has room for."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

from ..network.arguments import Ints
from ..network.sizes import fits, sized
from ..words import human_bytes
from .along import halo_of, has_room
from .asked import Asked, Wanted
from .axis import AxisTiles
from .clean import Margins
from .load import load_of
from .loss import Losses, losses_of

# So many scales are weighed against one another: shorter tiles may cover an input with less to spare.
_MOST_SCALES = 200

# Numbers of tiles along an axis that are weighed, and the share of what is read that is worth unlike sides.
_MOST_COUNTS, _WORTH = 24, 0.01

# Of more axes there are too many proportions.
_MOST_AXES = 3


def best_sides(asked: Asked, wanted: Wanted, limit: int) -> Ints:
    """Return the sides of the best tile of up to `limit` bytes, or raise where none is small enough."""
    if _bytes(asked, asked.size) <= limit:
        return asked.size
    search = _Search(asked, wanted)
    if (least := _bytes(asked, search.sides(0))) > limit:
        raise ValueError(
            f"memory is too small: the least tile, {' x '.join(map(str, search.sides(0)))}, takes "
            f"{human_bytes(least)}, got {human_bytes(limit)}"
        )
    low, high = 0, search.most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _bytes(asked, search.sides(middle)) <= limit else (low, middle - 1)
    scales = range(low, low // 2 - 1, -max(1, low // (2 * _MOST_SCALES)))
    alike = min((search.sides(scale) for scale in scales), key=search.overhead)
    return _unlike(search, alike, limit) if 1 < asked.ndim <= _MOST_AXES else alike


def _unlike(search: _Search, alike: Ints, limit: int) -> Ints:
    """Return sides in other proportions that read less by a share worth having, or those given."""
    bytes_each = _bytes(search.asked, alike) / math.prod(alike)
    most = search.overhead(alike) * (1 - _WORTH)
    rows = [search.candidates(axis, side) for axis, side in enumerate(alike)]
    found = [
        (math.prod(share for _, share in row), tuple(side for side, _ in row))
        for row in itertools.product(*rows)
    ]
    # What a tile holds is nearly in proportion to its samples: those that are far too large are not weighed.
    likely = sorted(f for f in found if f[0] <= most and bytes_each * math.prod(f[1]) <= 1.05 * limit)
    for _, sides in likely[:_MOST_SCALES]:
        if _bytes(search.asked, sides) <= limit:
            return sides
    return alike


def _bytes(asked: Asked, sides: Ints) -> int:
    return 4 * load_of(asked.net, asked.program, sides).held


@dataclass(frozen=True)
class _Search:
    """Tiles by their scale, how many periods the side of the largest halo has more than it must have.

    The product of t/(t - h) over the axes is least, for a given product of the sides t, where these are in
    proportion to the halos h.
    """

    asked: Asked
    wanted: Wanted

    @cached_property
    def _losses(self) -> Losses | None:
        return losses_of(self.asked.net, self.asked.ndim) if self.wanted.loss else None

    @cached_property
    def _halos(self) -> list[Margins]:
        lengths = [self._accepted(axis, size) for axis, size in enumerate(self.asked.size)]
        return [
            halo_of(self.asked, axis, length, self.wanted, self._losses)[0]
            for axis, length in enumerate(lengths)
        ]

    @cached_property
    def _weights(self) -> Ints:
        pairs = zip(self._halos, self.asked.periods, strict=True)
        return tuple(halo.before + halo.after or period for halo, period in pairs)

    @cached_property
    def _least(self) -> Ints:
        """The least sides that have room for a period beside the halo."""
        return tuple(self._least_along(axis) for axis in range(self.asked.ndim))

    def _least_along(self, axis: int) -> int:
        halo, size, period = self._halos[axis], self.asked.size[axis], self.asked.periods[axis]
        longer = range(halo.before + halo.after + 1, size)[: 4 * period]
        fitting = (n for n in longer if has_room(self.asked, axis, n, self.wanted, self._losses))
        return next(fitting, size)

    @cached_property
    def _main(self) -> int:
        return self._weights.index(max(self._weights))

    @property
    def most(self) -> int:
        """The scale of a tile that is as large as the input."""
        pairs = zip(self.asked.size, self._weights, strict=True)
        longest = max(side / weight for side, weight in pairs) * self._weights[self._main]
        return math.ceil(longest / self.asked.periods[self._main])

    def sides(self, scale: int) -> Ints:
        """Return the sides of a scale: in proportion, of accepted lengths, not below the least."""
        main = self._main
        longest = self._least[main] + scale * self.asked.periods[main]
        wanted = [longest * weight // self._weights[main] for weight in self._weights]
        return tuple(
            size if side >= size else max(least, self._accepted(axis, side))
            for axis, (side, least, size) in enumerate(zip(wanted, self._least, self.asked.size, strict=True))
        )

    def overhead(self, sides: Ints) -> float:
        """Return how many samples tiles read for one of the input."""
        return math.prod(
            self._along(axis, side).read / self.asked.size[axis] for axis, side in enumerate(sides)
        )

    def candidates(self, axis: int, side: int) -> list[tuple[int, float]]:
        """Return the least sides for some numbers of tiles along an axis, with what these read of it."""
        size, halo, period = self.asked.size[axis], self._halos[axis], self.asked.periods[axis]
        margin, now = halo.before + halo.after, self._along(axis, side).count
        sides = {size, side}
        for count in {*range(2, _MOST_COUNTS), *range(max(2, now - 4), now + 5)}:
            step = -(-(size - margin) // (count * period)) * period
            if self._least[axis] <= margin + step < size and fits(self.asked.lines[axis], margin + step):
                sides.add(margin + step)
        return [(n, self._along(axis, n).read / size) for n in sorted(sides)]

    def _along(self, axis: int, side: int) -> AxisTiles:
        """Return the tiles of a side along an axis."""
        size, halo = self.asked.size[axis], self._halos[axis]
        line, period = self.asked.lines[axis], self.asked.periods[axis]
        after = halo.after + (side - halo.before - halo.after) % period
        (output,) = sized(line, (size,)).output
        ends = (0, 0) if side == size else (halo.before, after)
        return AxisTiles(size, output, side, *ends, period, line.period[0])

    def _accepted(self, axis: int, side: int) -> int:
        """Return the longest length up to `side` that the network accepts, at most two periods shorter."""
        shortest = max(0, side - 2 * self.asked.periods[axis])
        return next((n for n in range(side, shortest, -1) if fits(self.asked.lines[axis], n)), 0)
