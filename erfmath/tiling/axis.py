"""The tiles along one axis: where each begins and ends, and which of its outputs are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Span(NamedTuple):
    """What a tile reads and writes along an axis, as (first, one behind the last).

    Attributes
    ----------
    read
        Of the input.
    crop
        Of the tile's own output.
    write
        Of the output.
    """

    read: tuple[int, int]
    crop: tuple[int, int]
    write: tuple[int, int]


@dataclass(frozen=True)
class AxisTiles:
    """Tiles of one length along an axis, the last of which ends where the input does.

    Attributes
    ----------
    size, output
        Samples of the input and of the output.
    tile
        Samples that a tile reads; the last may read up to a period less.
    before, after
        Input samples of a tile around those whose outputs it makes; none at the ends of the input.
    period, units
        Input samples, and output units, after which the network's pattern repeats.
    """

    size: int
    output: int
    tile: int
    before: int
    after: int
    period: int
    units: int

    @property
    def step(self) -> int:
        """Input samples from one tile to the next."""
        return self.tile - self.before - self.after

    @cached_property
    def count(self) -> int:
        """Number of tiles."""
        if self.size <= self.tile:
            return 1
        count = 1 - (self.tile - self.size) // self.step
        # The last samples of a strided network may make no unit that is not there already.
        return count - (self._inner_seam(count - 1) >= self.output)

    def span(self, index: int) -> Span:
        """Return what one tile reads and writes."""
        (first, stop), write = self._read(index), (self._seam(index), self._seam(index + 1))
        moved = first // self.period * self.units
        return Span((first, stop), (write[0] - moved, write[1] - moved), write)

    def kept(self, index: int) -> tuple[int, int]:
        """Return the input samples that the outputs stand for which one tile makes, as (first, stop)."""
        first, last = (self._seam(i) // self.units * self.period for i in (index, index + 1))
        return first, self.size if index == self.count - 1 else last

    @property
    def read(self) -> int:
        """Samples that all tiles read together."""
        first, stop = self._read(self.count - 1)
        return (self.count - 1) * self.tile + stop - first

    def _read(self, index: int) -> tuple[int, int]:
        """Return the first sample that a tile reads, and the one behind its last."""
        first = index * self.step
        if index < self.count - 1 or first + self.tile < self.size:
            return first, first + self.tile
        # The last tile is moved back, to be as long as the others.
        return max(0, -((self.tile - self.size) // self.period) * self.period), self.size

    def _seam(self, index: int) -> int:
        """Return the first output unit that a tile writes."""
        if index == 0:
            return 0
        return self._inner_seam(index) if index < self.count else self.output

    def _inner_seam(self, index: int) -> int:
        return (index * self.step + self.before) // self.period * self.units
