"""Where an impact is not zero, on one axis: sets of integers, as a product of sums not yet written out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..polynomials.kernel import Kernel
from .arguments import Ints
from .factored import Factored, Powered
from .program import Program
from .rates import Gain
from .runs import Run, Runs
from .stage import Stage

Support = Factored[Runs]


@dataclass(frozen=True)
class Supports:
    """The semiring of sets on one axis: the product of two is all sums of elements, their sum the union."""

    axis: int
    is_idempotent: ClassVar[bool] = True

    def on(self, values: Ints) -> Ints:
        """Return the number of the axis, of one per axis."""
        return (values[self.axis],)

    def taps(self, stage: Stage) -> Runs:
        """Return where a stage has taps that are not zero."""
        return _taps(stage.kernel, self.axis)

    def place(self, element: Runs) -> Ints | None:
        """Return the place of a single element."""
        return (element.first,) if element.first == element.last else None

    def written(self, factors: Sequence[Powered[Runs]], shift: Ints) -> Runs:
        """Return the set as runs; small steps first, since what they fill stays one run under larger ones."""
        total = Runs(((shift[0], shift[0]),))
        counts: dict[tuple[int, Runs], int] = {}
        for base, n, (step,) in factors:
            counts[step, base] = counts.get((step, base), 0) + n
        for (step, base), n in sorted(counts.items(), key=lambda entry: entry[0][0]):
            total = total.plus(base if n == 1 else base.times(n), step)
        return total

    def total(self, parts: Sequence[tuple[Gain, Runs]], budget: float) -> tuple[Runs, float]:
        """Return the union."""
        return Runs.of(run for _, element in parts for run in element.runs), budget

    def decimated(self, element: Runs, factors: Ints) -> Runs | None:
        """Return the multiples of a factor, divided by it; None when there are none."""
        return element.decimated(factors[0])


def unit(axis: int, index: int) -> Support:
    """Return what an output unit sees of the output on an axis: itself."""
    return Factored(Supports(axis), (), (index,))


def ends(seen: Support) -> Run:
    """Return the first and the last position, which need no list of the others."""
    first = sum(n * step * base.first for base, n, (step,) in seen.factors)
    last = sum(n * step * base.last for base, n, (step,) in seen.factors)
    return seen.shift[0] + first, seen.shift[0] + last


def ends_by_residue(seen: Support, period: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return the first and the last position of each residue modulo a period that occurs.

    Among `period` elements of one factor some add up to a multiple of the period: the first sum of a residue
    takes the first element in their place, so that all but that many copies have it.
    """
    if period == 1:
        first, last = ends(seen)
        return (first,), (last,)
    few = [f._replace(n=min(f.n, period)) for f in seen.factors]
    rest = Factored(seen.ring, tuple(f._replace(n=max(0, f.n - period)) for f in seen.factors), (0,))
    runs, (to_first, to_last) = seen.ring.written(few, seen.shift).runs, ends(rest)
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for a, b in runs:
        for x in range(a, min(b, a + period - 1) + 1):
            firsts.setdefault(x % period, x + to_first)
    for a, b in reversed(runs):
        for x in range(b, max(a, b - period + 1) - 1, -1):
            lasts.setdefault(x % period, x + to_last)
    return tuple(firsts.values()), tuple(lasts.values())


def like_axes(program: Program) -> Ints:
    """Return for each axis the first one on which all taps lie alike, and the same sides are read whole."""
    numbers = ("dilation", "shift", "stride", "upsampling")

    def known(axis: int) -> tuple[object, ...]:
        taps = (
            (_taps(stage.kernel, axis), *(getattr(stage, name)[axis] for name in numbers))
            for stage in program.stages
        )
        return (*taps, *(whole.reads(axis) for whole in program.wholes))

    alike: dict[object, int] = {}
    return tuple(alike.setdefault(known(axis), axis) for axis in range(program.ndim))


@functools.lru_cache(maxsize=1024)
def _taps(kernel: Kernel, axis: int) -> Runs:
    return Runs.of_taps(kernel, axis)
