r"""The theoretical receptive field: which input positions one output unit sees, exactly.

A layer of stride s whose taps, dilated, reach over e input samples turns a field of r into s (r - 1) + e; a
transposed one keeps what is divisible by its stride, so that the answer depends on the output's phase
(Araujo, Norris & Sim, Computing receptive fields of convolutional neural networks, Distill, 2019, who treat
the cases of one phase). Branches give the union of what they see.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from .._checks import per_axis
from .algebra import Node
from .arguments import plain_size
from .program import Block, Program, common_start, program_of, pull_back, through
from .rates import Gain
from .runs import Run, Runs, require_few
from .stage import Stage


class _Term(NamedTuple):
    """The n-fold sum of a set, times a step."""

    taps: Runs
    n: int
    step: int


@dataclass(frozen=True)
class _Seen:
    """What a unit sees of one tensor on one axis: the sum of the terms and the shift, not yet written out."""

    axis: int
    terms: tuple[_Term, ...]
    shift: int

    def through(self, stage: Stage) -> _Seen | None:
        stride, up = stage.stride[self.axis], stage.upsampling[self.axis]
        terms = self.terms
        if stride > 1:
            terms = tuple(term._replace(step=term.step * stride) for term in terms)
        taps = _taps(stage.kernel, self.axis)
        if taps.runs != ((0, 0),):
            terms = (*terms, _Term(taps, 1, stage.dilation[self.axis]))
        seen = _Seen(self.axis, terms, self.shift * stride + stage.shift[self.axis])
        return seen if up == 1 else seen._decimated(up)

    def through_block(self, block: Block) -> _Seen:
        inner = pull_back(block.program, _Seen(self.axis, (), 0))
        assert inner is not None  # nothing is lost without upsampling
        terms = tuple(term._replace(n=term.n * block.n) for term in inner.terms)
        return _Seen(self.axis, self.terms + terms, self.shift + block.n * inner.shift)

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, _Seen]]) -> _Seen:
        seen = [part for _, part in parts]
        first = seen[0]
        if all(part == first for part in seen[1:]):
            return first
        # What all have in common need not be written out.
        common = common_start([part.terms for part in seen])
        rest = [_Seen(first.axis, part.terms[common:], part.shift).written for part in seen]
        union = Runs.of(run for runs in rest for run in runs.runs)
        return _Seen(first.axis, (*first.terms[:common], _Term(union, 1, 1)), 0)

    def _decimated(self, factor: int) -> _Seen | None:
        kept = tuple(t._replace(step=t.step // factor) for t in self.terms if t.step % factor == 0)
        rest = tuple(t for t in self.terms if t.step % factor)
        inner = _Seen(self.axis, rest, self.shift).written.decimated(factor)
        if inner is None:
            return None
        return _Seen(self.axis, kept if inner.runs == ((0, 0),) else (*kept, _Term(inner, 1, 1)), 0)

    @property
    def ends(self) -> Run:
        """The first and the last position."""
        first = sum(t.n * t.step * t.taps.first for t in self.terms)
        return self.shift + first, self.shift + sum(t.n * t.step * t.taps.last for t in self.terms)

    @cached_property
    def written(self) -> Runs:
        """The set as runs; small steps first, since what they fill stays one run under larger ones."""
        total = Runs(((self.shift, self.shift),))
        counts: dict[tuple[int, Runs], int] = {}
        for taps, n, step in self.terms:
            counts[step, taps] = counts.get((step, taps), 0) + n
        for (step, taps), n in sorted(counts.items(), key=lambda entry: entry[0][0]):
            total = total.plus(taps if n == 1 else taps.times(n), step)
        return total


@functools.lru_cache(maxsize=1024)
def _taps(kernel: Any, axis: int) -> Runs:
    return Runs.of_taps(kernel, axis)


@dataclass(frozen=True)
class Phase:
    """What the units of one phase see on one axis; positions are those of the phase's first unit, r.

    Attributes
    ----------
    region
        (first, last) position, None where units of the phase see nothing.
    """

    _seen: _Seen | None

    @property
    def region(self) -> Run | None:
        """The first and the last position, None when the units see nothing."""
        return None if self._seen is None else self._seen.ends

    @property
    def size(self) -> int:
        """Number of positions between the ends, both inside."""
        return self.region[1] - self.region[0] + 1 if self.region else 0

    @property
    def runs(self) -> tuple[Run, ...]:
        """The exact set, as runs (first, last)."""
        return self._seen.written.runs if self._seen else ()

    @property
    def count(self) -> int:
        """Number of positions seen."""
        return sum(last - first + 1 for first, last in self.runs)

    @property
    def holes(self) -> tuple[int, ...]:
        """The positions between the ends that are not seen."""
        gaps = self._seen.written.gaps if self._seen else ()
        require_few(sum(last - first + 1 for first, last in gaps))
        return tuple(position for first, last in gaps for position in range(first, last + 1))

    @property
    def is_covered(self) -> bool:
        """Whether there is no hole."""
        return self.size <= 1 or (self.span == 1 and self.size == self.count)

    @property
    def span(self) -> int:
        """The lattice span: all positions seen differ by multiples of it; 0 for a single one."""
        return math.gcd(*(t.step * t.taps.span for t in self._seen.terms)) if self._seen else 0

    def __repr__(self) -> str:
        return f"Phase(region={self.region}, size={self.size})"


@dataclass(frozen=True)
class ReceptiveField:
    """What the output units of a network see of its input; see :func:`receptive_field`.

    Numbers are ints on one axis and tuples, one entry per axis, on several. On each axis the field is
    that of the axis alone: what a unit sees for some place on the other axes.

    Examples
    --------
    >>> from erfmath import Conv, ConvTranspose
    >>> field = receptive_field(Conv(3, dilation=2) >> ConvTranspose(3, stride=2))
    >>> field.size, field.stride, [phase.runs for phase in field.phases]
    (6, Fraction(1, 2), [((-1, 4),), ((0, 0), (2, 2), (4, 4))])
    """

    net: Node

    @cached_property
    def program(self) -> Program:
        """The network as a flat program."""
        return program_of(self.net)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.program.ndim

    @property
    def unbounded(self) -> Node | None:
        """The layer that sees the whole input, None where the field is bounded."""
        return self.program.unbounded

    @cached_property
    def _phases(self) -> tuple[tuple[Phase, ...], ...]:
        if self.unbounded is not None:
            raise ValueError(
                f"the field is unbounded: {self.unbounded!r} reads the whole input; ask for the network "
                "before it, or leave its branch out"
            )
        found: dict[Any, tuple[Phase, ...]] = {}  # axes that are alike, as most are, are read once
        alive: dict[Any, set[int]] = {}
        for axis in range(self.ndim):
            key = tuple(_signature(stage, axis) for stage in self.program.stages)
            if key not in found:
                found[key], alive[key] = _read(self.program, axis, set())
            found[axis] = found[key]
        on_all = functools.reduce(set.intersection, alive.values())
        on_some = functools.reduce(set.union, alive.values())
        if dead := on_some - on_all:  # a branch that is blind on one axis is so on all
            return tuple(_read(self.program, axis, dead)[0] for axis in range(self.ndim))
        return tuple(found[axis] for axis in range(self.ndim))

    @property
    def phases(self) -> Any:
        """The phases, one for each residue of the output index: what its first unit sees."""
        return self._per_axis(lambda axis: self._phases[axis])

    @property
    def size(self) -> Any:
        """Number of input positions between the ends, both inside; the largest over the phases."""
        if self.unbounded is not None:
            return self._per_axis(lambda axis: math.inf)
        return self._per_axis(lambda axis: max(phase.size for phase in self._phases[axis]))

    @property
    def stride(self) -> Any:
        """Input samples from one output unit to the next, an int or, after upsampling, a Fraction."""
        return self._per_axis(lambda axis: _integral(self.program.rate[axis]))

    @property
    def offset(self) -> Any:
        """The first input position that output 0 sees (the first phase that sees anything)."""
        if self.unbounded is not None:
            return self._per_axis(lambda axis: -math.inf)
        return self._per_axis(self._offset)

    @property
    def holes(self) -> Any:
        """The positions within the region of output 0 that it does not see."""
        return self._per_axis(lambda axis: self._phases[axis][0].holes)

    @property
    def span(self) -> Any:
        """The lattice span: what one unit sees differs by multiples of it (the gcd over the phases)."""
        return self._per_axis(lambda axis: math.gcd(*(phase.span for phase in self._phases[axis])))

    @property
    def is_covered(self) -> bool:
        """Whether no phase has a hole on any axis."""
        return all(phase.is_covered for axis in self._phases for phase in axis)

    def region(self, index: Any = 0) -> Any:
        """Return (first, last) of the positions that an output unit sees, per axis; None for none."""
        return self._at(index, lambda region: region)

    def center(self, index: Any = 0) -> Any:
        """Return the middle of the region of an output unit, per axis: an int, or half of one."""
        return self._at(index, lambda region: region and _half(region[0] + region[1]))

    def halo(self, aligned: bool = True) -> Any:
        """Return how many input samples (before, after) a tile needs around it, per axis.

        With `aligned`, tiles begin and end where the pattern repeats: at multiples of the number of phases
        in the output, which are multiples of ``period`` in the input, and the halo is counted from there.
        Otherwise it is counted from the position stride * i of any unit i, rounded outwards; the crop that
        is fed to the network must still begin at a multiple of ``period``, or its phases are others.
        """
        if self.unbounded is not None:
            return self._per_axis(lambda axis: (math.inf, math.inf))
        return self._per_axis(lambda axis: self._halo(axis, aligned))

    @property
    def period(self) -> Any:
        """Input samples after which the phases repeat: tiles and input sizes should be its multiples."""
        return self._per_axis(self._period)

    def _offset(self, axis: int) -> int:
        first = next((phase.region[0] for phase in self._phases[axis] if phase.region), None)
        if first is None:
            raise ValueError("no output unit sees anything: strides and upsampling miss each other")
        return first

    def _period(self, axis: int) -> int:
        return int(self.program.period[axis] * self.program.rate[axis])

    def _halo(self, axis: int, aligned: bool) -> Run:
        before = after = 0
        period, rate = self.program.period[axis], self.program.rate[axis]
        for r, phase in enumerate(self._phases[axis]):
            if phase.region:
                lo, hi = (0, period) if aligned else (r, r + 1)
                before = max(before, math.floor(rate * lo) - phase.region[0])
                after = max(after, phase.region[1] - math.ceil(rate * hi) + 1)
        return before, after

    def _at(self, index: Any, reading: Callable[[Any], Any]) -> Any:
        indices = per_axis(index, self.ndim, "index")

        def one(axis: int) -> Any:
            turn, r = divmod(indices[axis], self.program.period[axis])
            region = self._phases[axis][r].region
            move = turn * self._period(axis)
            return reading(region and (region[0] + move, region[1] + move))

        return self._per_axis(one)

    def _per_axis(self, reading: Callable[[int], Any]) -> Any:
        return plain_size(tuple(reading(axis) for axis in range(self.ndim)))

    def __repr__(self) -> str:
        if self.unbounded is not None:
            return f"<ReceptiveField: unbounded, {self.unbounded!r} reads the whole input>"
        phases = math.prod(self.program.period)
        return f"<ReceptiveField: size {self.size}, stride {self.stride}, offset {self.offset}" + (
            f", {phases} phases>" if phases > 1 else ">"
        )


def receptive_field(net: Node) -> ReceptiveField:
    """Return the theoretical receptive field of a network's output units, exactly.

    It spans the taps that are not zero, through every branch; weights that cancel still count.

    Parameters
    ----------
    net
        A network: a layer, or layers composed by ``>>``, ``+``, ``**``, ``Residual`` or ``Graph``.

    Returns
    -------
    ReceptiveField
        Per axis: `size`, `stride`, `offset`, ``region(i)``, ``center(i)``, `phases`, `holes`, `span`,
        `is_covered`, `period` and ``halo()``. An unbounded field (global pooling) has size inf.

    Raises
    ------
    TypeError
        If it is no network, or holds a layer of a type that is not known.

    Notes
    -----
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import Conv, Pool, Upsample
    >>> vgg = Conv(3, padding=1) ** 2 >> Pool(2)
    >>> field = receptive_field(vgg)
    >>> field.size, field.stride, field.region(0)
    (6, 2, (-2, 3))
    >>> net = Conv(3, stride=2, padding=1) >> Upsample(2) >> Conv(3, padding=1)
    >>> [phase.size for phase in receptive_field(net).phases]  # depends on the output's phase
    [5, 5]
    """
    field = ReceptiveField(require_network(net))
    _ = field.program  # an unknown layer is found now
    return field


def require_network(net: Any) -> Node:
    """Return a network, or raise saying what is one."""
    if isinstance(net, Node):
        return net
    raise TypeError(
        f"net must be a network such as Conv(3) >> Pool(2), got {net!r} of type {type(net).__name__}"
    )


def _read(program: Program, axis: int, dead: set[int]) -> tuple[tuple[Phase, ...], set[int]]:
    """Return the phases on an axis, and which operations some unit sees through; those dead see nothing."""
    alive = set()

    def before(index: int, seen: _Seen) -> _Seen | None:
        below = None if index in dead else through(program.operations[index - 1].what, seen)
        if below is not None:
            alive.add(index)
        return below

    units = [_Seen(axis, (), r) for r in range(program.period[axis])]
    return tuple(Phase(pull_back(program, unit, before)) for unit in units), alive


def _signature(stage: Stage, axis: int) -> tuple[Any, ...]:
    """Return all that a stage does on an axis."""
    numbers = (stage.dilation, stage.shift, stage.stride, stage.upsampling)
    return _taps(stage.kernel, axis), *(values[axis] for values in numbers)


def _integral(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _half(total: int) -> float | int | Fraction:
    """Return half of a number: an int, or a float as long as it is exact."""
    if total % 2 == 0:
        return total // 2
    return total / 2 if abs(total) < 2**53 else Fraction(total, 2)
