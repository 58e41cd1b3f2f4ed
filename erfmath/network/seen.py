"""What a unit sees on one axis: a set of positions or, where a layer reads all of a side, no end there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .program import Block, Operation, Program, pull_back
from .rates import Gain
from .runs import Runs
from .stage import Stage, Unbounded
from .support import Support, ends, unit

Ends = tuple[int | None, int | None]  # None on a side that has no end
Region = tuple[float, float]


@dataclass(frozen=True)
class Seen:
    """What a unit sees: exactly as long as it is bounded, then all between its ends.

    Attributes
    ----------
    axis
        Which axis it is on.
    support
        The set, None where a side has no end.
    beyond
        The ends then.
    """

    axis: int
    support: Support | None
    beyond: Ends = (None, None)

    @property
    def ends(self) -> Ends:
        """The first and the last position, None where there is none."""
        return self.beyond if self.support is None else ends(self.support)

    @property
    def region(self) -> Region:
        """The first and the last position, infinite where there is none."""
        low, high = self.ends
        return -math.inf if low is None else low, math.inf if high is None else high

    def through(self, stage: Stage) -> Seen | None:
        """Return what it sees before a stage, None for nothing."""
        if self.support is not None:
            below = self.support.through(stage)
            return None if below is None else Seen(self.axis, below)
        low, high = (_read(stage, self.axis, end, side) for side, end in enumerate(self.beyond))
        if (low, high) == (None, None) != self.beyond:
            return None  # strides and upsampling miss each other
        return Seen(self.axis, None, (low, high))

    def through_unbounded(self, layer: Unbounded) -> Seen:
        """Return what it sees before a layer that reads everything on some sides."""
        sides = layer.reads(self.axis)
        if not any(sides):
            return self
        low, high = (None if side else end for side, end in zip(sides, self.ends, strict=True))
        return Seen(self.axis, None, (low, high))

    def through_block(self, block: Block) -> Seen | None:
        """Return what it sees before n copies of a network of rate 1."""
        if self.support is not None and block.program.unbounded is None:
            below = self.support.through_block(block)
            return None if below is None else Seen(self.axis, below)
        inner = seen_by(block.program, self.axis, 0)
        if inner is None:
            return None
        if self.support is not None and inner.support is not None:
            return Seen(self.axis, self.support.through_copies(inner.support, block.n))
        both = zip(self.ends, inner.ends, strict=True)
        low, high = (None if a is None or b is None else a + block.n * b for a, b in both)
        return Seen(self.axis, None, (low, high))

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, Seen]]) -> Seen | None:
        """Return what several see together."""
        axis, supports = parts[0][1].axis, [(gain, part.support) for gain, part in parts]
        if all(support is not None for _, support in supports):
            whole = Support.total(supports)  # type: ignore[arg-type]
            return None if whole is None else cls(axis, whole)
        return cls(axis, None, hull(part.ends for _, part in parts))


def hull(several: Iterable[Ends]) -> Ends:
    """Return the ends of all together."""
    lows, highs = zip(*several, strict=True)
    return (None if None in lows else min(lows), None if None in highs else max(highs))


def _read(stage: Stage, axis: int, end: int | None, side: int) -> int | None:
    """Return the outermost position that units up to an end read, side 0 for those behind it.

    Unit i reads (stride i + dilation p + shift)/upsampling where that is an integer, which it is for some
    of `upsampling` units in a row, or for none.
    """
    if end is None:
        return None
    up, sign = stage.upsampling[axis], 1 if side == 0 else -1
    taps = Runs.of_taps(stage.kernel, axis)
    units = end + sign * np.arange(up, dtype=object)
    places = np.array(list(taps), dtype=object) if up > 1 else np.array([taps.first, taps.last], dtype=object)
    read = stage.stride[axis] * units[:, None] + stage.dilation[axis] * places + stage.shift[axis]
    found = [int(place) // up for place in read.ravel() if int(place) % up == 0]
    return (min(found) if side == 0 else max(found)) if found else None


def seen_by(
    program: Program, axis: int, index: int, before: Callable[[int, Seen], Seen | None] | None = None
) -> Seen | None:
    """Return what an output unit sees of the input on an axis, None for nothing."""

    def default(operation: int, seen: Seen) -> Seen | None:
        return through_operation(program.operations[operation - 1], seen)

    return pull_back(program, Seen(axis, unit(axis, index)), before or default)


def through_operation(op: Operation, seen: Seen) -> Seen | None:
    """Return what is seen before an operation."""
    if isinstance(op.what, Unbounded):
        return seen.through_unbounded(op.what)
    if isinstance(op.what, Block):
        return seen.through_block(op.what)
    return seen if op.what is None else seen.through(op.what)
