"""What the units of every tensor see, in one pass in the direction of the data.

A unit's region spans those of the units that it reads. Where all units of a tensor see the same pattern, the
outermost two of these will do; after upsampling, the outermost of each phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .field import phases_of
from .program import Operation, Program
from .rates import integral
from .seen import Region, Seen, through_operation
from .stage import Stage
from .support import ends_by_residue, like_axes, unit


@dataclass(frozen=True)
class Regions:
    """What the units of a tensor see on one axis: (first, last) of one of each phase, None for nothing.

    Ends are infinite on sides that some layer reads whole.

    Attributes
    ----------
    rate
        Input samples from one unit to the next.
    phases
        The regions of the first units.
    """

    rate: Fraction
    phases: tuple[Region | None, ...]

    def of(self, index: int) -> Region | None:
        """Return the region of any unit."""
        turn, phase = divmod(index, len(self.phases))
        region = self.phases[phase]
        if not turn or region is None:
            return region
        move = turn * int(self.rate * len(self.phases))
        return region[0] + move, region[1] + move

    @property
    def stride(self) -> int | Fraction:
        """The rate, an int where it is one."""
        return integral(self.rate)

    @property
    def start(self) -> float | None:
        """The first position that the first phase to see any sees, None where none does."""
        return next((region[0] for region in self.phases if region), None)

    @property
    def size(self) -> float:
        """Number of positions between the ends, both inside; the largest over the phases."""
        return max(region[1] - region[0] + 1 if region else 0 for region in self.phases)


def regions_of(program: Program) -> list[tuple[Regions, ...]]:
    """Return the regions on each tensor of a program, per axis."""
    likenesses = like_axes(program)
    found = {axis: _along(program, axis) for axis in set(likenesses)}
    tensors = [tuple(found[axis][tensor] for axis in likenesses) for tensor in range(len(found[0]))]
    if len(found) == 1 or all(None not in axis.phases for axes in tensors for axis in axes):
        return tensors
    # Who sees nothing on one axis sees nothing on all, which no axis knows of another.
    return [_pulled_back(program, tensor, regions) for tensor, regions in enumerate(tensors)]


def _pulled_back(program: Program, tensor: int, regions: tuple[Regions, ...]) -> tuple[Regions, ...]:
    """Return the regions on a tensor, read from it."""
    fields = phases_of(replace(program, output=tensor))
    return tuple(
        Regions(axis.rate, tuple(phase.region for phase in phases))
        for axis, phases in zip(regions, fields, strict=True)
    )


def _along(program: Program, axis: int) -> list[Regions]:
    """Return the regions on each tensor on an axis."""
    found = [Regions(Fraction(1), ((0, 0),))]
    for op in program.operations:
        found.append(_behind(op, _spanned([found[source] for source, _ in op.sources]), axis))
    return found


def _spanned(sources: Sequence[Regions]) -> Regions:
    """Return the regions on a sum."""
    if len(sources) == 1:
        return sources[0]
    rate, period = sources[0].rate, math.lcm(*(len(source.phases) for source in sources))
    return Regions(rate, tuple(_hull([source.of(i) for source in sources]) for i in range(period)))


def _behind(op: Operation, before: Regions, axis: int) -> Regions:
    """Return the regions behind an operation."""
    what, rate, period = op.what, Fraction(1), len(before.phases)
    if what is None:
        return before
    if isinstance(what, Stage):
        rate = what.rate[axis]
        # So many units on, a unit reads a multiple of the period further.
        period = what.upsampling[axis] * period // math.gcd(what.stride[axis], what.upsampling[axis] * period)
    seen = (through_operation(op, Seen(axis, unit(axis, i))) for i in range(period))
    return Regions(before.rate * rate, tuple(_seen_by(part, before) for part in seen))


def _seen_by(read: Seen | None, before: Regions) -> Region | None:
    """Return the region of a unit that reads units of regions known."""
    if read is None:
        return None
    period = len(before.phases)
    if read.support is not None:
        firsts, lasts = ends_by_residue(read.support, period)
    else:  # of a side without an end all units up to the other are read
        first, last = read.ends
        firsts = () if first is None else range(first, first + period)
        lasts = () if last is None else range(last - period + 1, last + 1)
    low, high = _hull(map(before.of, firsts)), _hull(map(before.of, lasts))
    if read.support is not None and (low is None or high is None):
        return None
    return -math.inf if low is None else low[0], math.inf if high is None else high[1]


def _hull(regions: Iterable[Region | None]) -> Region | None:
    """Return the region that spans others."""
    found = [region for region in regions if region]
    return (min(a for a, _ in found), max(b for _, b in found)) if found else None
