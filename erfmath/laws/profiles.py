"""What an effective field is read from: values on a theoretical field, or the runs of pixels inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._checks import others_of
from ..core.scaled import Floats

NO_CENTRE = "the centre pixel of the field has no impact (or one below 1e-308); use ref='max' for the largest"

Ends = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Profile:
    """A non-negative grid on a theoretical field of `shape`, zero outside a window at `start`."""

    values: Floats
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def at(self, index: tuple[int, ...]) -> float:
        """Return the value at an index of the field."""
        inside = tuple(i - s for i, s in zip(index, self.start, strict=True))
        if any(i < 0 or i >= m for i, m in zip(inside, self.values.shape, strict=True)):
            return 0.0
        return float(self.values[inside])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        same = (self.start, self.shape) == (other.start, other.shape)
        return same and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.start, self.shape))

    def with_values(self, values: Floats) -> Profile:
        """Return other values on the same window."""
        return Profile(values, self.start, self.shape)

    @property
    def peak(self) -> float:
        """The largest value."""
        return float(self.values.max())

    @property
    def highest(self) -> tuple[int, ...]:
        """The pixel of the largest value, the first of several."""
        found = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return tuple(start + int(i) for start, i in zip(self.start, found, strict=True))

    def cut(self, ends: Sequence[tuple[int, int]]) -> Profile:
        """Return the part between the first and the last pixel, both inside, along each axis."""
        lows = [max(s, low) for s, (low, _) in zip(self.start, ends, strict=True)]
        inner = tuple(
            slice(low - s, max(high - s + 1, low - s))
            for low, s, (_, high) in zip(lows, self.start, ends, strict=True)
        )
        start = tuple(low - first for low, (first, _) in zip(lows, ends, strict=True))
        return Profile(self.values[inner], start, tuple(high - low + 1 for low, high in ends))

    def ends(self, factor: float, level: float) -> Ends:
        """Return the first and the last pixel along each axis with a value times the factor above a level."""
        inside = self.values * factor > level
        found = []
        for axis, start in enumerate(self.start):
            line = np.flatnonzero(inside.any(axis=others_of(axis, inside.ndim)))
            found.append((start + int(line[0]), start + int(line[-1])))
        return found

    def full(self) -> Floats:
        """Return the values over the whole field."""
        grid = np.zeros(self.shape)
        grid[tuple(slice(s, s + m) for s, m in zip(self.start, self.values.shape, strict=True))] = self.values
        return grid


@dataclass(frozen=True)
class Runs:
    """The pixels first, first + step, .. last of each run have the value 1, on a field of one axis."""

    runs: tuple[tuple[int, int], ...]
    step: int
    shape: tuple[int]

    @property
    def peak(self) -> float:
        """The largest value."""
        return 1.0

    @property
    def count(self) -> int:
        """Number of pixels inside."""
        return sum((last - first) // self.step + 1 for first, last in self.runs)

    def ends(self, factor: float, level: float) -> Ends:
        """Return the first and the last pixel inside, whatever the level."""
        return [(self.runs[0][0], self.runs[-1][1])]

    def full(self) -> Floats:
        """Return the values over the whole field."""
        grid = np.zeros(self.shape)
        for first, last in self.runs:
            grid[first : last + 1 : self.step] = 1.0
        return grid
