r"""The theoretical receptive field: which input positions one output unit sees, exactly.

A layer of stride s whose taps, dilated, reach over e input samples turns a field of r into s (r - 1) + e; a
transposed one keeps what is divisible by its stride, so that the answer depends on the output's phase
(Araujo, Norris & Sim, Computing receptive fields of convolutional neural networks, Distill, 2019, who treat
the cases of one phase). Branches give the union of what they see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from .._checks import as_bool, per_axis
from .._html import card, or_reason
from ..words import shown_sides
from .algebra import Node, require_network
from .arguments import plain_size
from .describe import describe
from .program import Program, program_of
from .rates import integral
from .resize import Resize
from .runs import Run, require_few
from .seen import Seen, seen_by, through_operation
from .support import Support, like_axes


@dataclass(frozen=True)
class Phase:
    """What the units of one phase see on one axis; positions are those of the phase's first unit, r.

    Attributes
    ----------
    region
        (first, last) position, None where units of the phase see nothing.
    """

    _seen: Seen | None

    @property
    def region(self) -> Any:
        """The first and the last position, infinite on a side without an end; None when nothing is seen."""
        return None if self._seen is None else self._seen.region

    @property
    def size(self) -> Any:
        """Number of positions between the ends, both inside; inf where a side has no end."""
        return self.region[1] - self.region[0] + 1 if self.region else 0

    @property
    def _support(self) -> Support | None:
        """The exact set of what is bounded."""
        if self._seen is not None and self._seen.support is None:
            raise ValueError("an unbounded field has no list of its positions; ask for its region")
        return None if self._seen is None else self._seen.support

    @property
    def runs(self) -> tuple[Run, ...]:
        """The exact set, as runs (first, last)."""
        return self._support.written.runs if self._support else ()

    @property
    def count(self) -> int:
        """Number of positions seen."""
        return sum(last - first + 1 for first, last in self.runs)

    @property
    def holes(self) -> tuple[int, ...]:
        """The positions between the ends that are not seen."""
        gaps = self._support.written.gaps if self._support else ()
        require_few(sum(last - first + 1 for first, last in gaps))
        return tuple(position for first, last in gaps for position in range(first, last + 1))

    @property
    def is_covered(self) -> bool:
        """Whether every position between the ends is seen."""
        return self.size <= 1 or (self.span == 1 and self.size == self.count)

    @property
    def span(self) -> int:
        """The lattice span: all positions seen differ by multiples of it; 0 for a single one."""
        return math.gcd(*(f.step[0] * f.base.span for f in self._support.factors)) if self._support else 0

    def __repr__(self) -> str:
        return f"Phase(region={self.region}, size={self.size})"


@dataclass(frozen=True)
class ReceptiveField:
    """What the output units of a network see of its input; see :func:`receptive_field`.

    Numbers are ints on one axis and tuples, one entry per axis, on several. On each axis the field is
    that of the axis alone: what a unit sees for some place on the other axes.

    Attributes
    ----------
    net
        The network.

    Examples
    --------
    >>> from erfmath import Conv, ConvTranspose, GlobalPool, Upsample, receptive_field
    >>> field = receptive_field(Conv(3, dilation=2) >> ConvTranspose(3, stride=2))
    >>> field.size, field.stride, [phase.runs for phase in field.phases]
    (6, Fraction(1, 2), [((-1, 4),), ((0, 0), (2, 2), (4, 4))])
    >>> field.ndim, field.offset, field.holes, field.span, field.is_covered, field.period
    (1, -1, (), 1, False, 1)
    >>> field.unbounded, field.stretches, len(field.all_phases[0]), field.is_everything
    (None, None, 2, False)
    >>> receptive_field(Conv(3) >> GlobalPool()).unbounded
    GlobalPool()
    """

    net: Node

    @cached_property
    def program(self) -> Program:
        """The network as a flat program.

        Examples
        --------
        >>> from erfmath import Conv, receptive_field
        >>> len(receptive_field(Conv(3) >> Conv(5)).program.operations)
        2
        """
        return program_of(self.net)

    def _repr_html_(self) -> str:
        """Return the field as HTML for a notebook."""
        return card("Receptive field", field_facts(self))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.program.ndim

    @property
    def unbounded(self) -> Node | None:
        """The first layer that sees the whole input along some axis, None where the field is bounded."""
        return self.program.unbounded

    @property
    def stretches(self) -> str | None:
        """What has positions that depend on the size of the map, None where nothing does."""
        nodes = (op.node for op in self.program.live)
        found = next((node for node in nodes if isinstance(node, Resize) and any(node.drift)), None)
        named: str | None = getattr(self.net, "stretches", None)  # of a model, by the name of its operator
        return named if found is None else describe(found)

    @property
    def all_phases(self) -> tuple[tuple[Phase, ...], ...]:
        """The phases along each axis, unbounded ones included."""
        return self._phases

    @property
    def is_everything(self) -> bool:
        """Whether it is unbounded on both sides of every axis."""
        whole = (-math.inf, math.inf)
        return all(phase.region == whole for axis in self._phases for phase in axis)

    @cached_property
    def _phases(self) -> tuple[tuple[Phase, ...], ...]:
        return phases_of(self.program)

    def _require_bounded(self, axis: int) -> None:
        if any(phase.size == math.inf for phase in self._phases[axis]):
            where = "" if self.ndim == 1 else f" along axis {axis}"
            raise ValueError(
                f"the field is unbounded{where}: {self.unbounded!r} reads the whole input; ask for the "
                "network before it, or leave its branch out"
            )

    @property
    def phases(self) -> Any:
        """The phases, one for each residue of the output index: what its first unit sees."""
        if self.is_everything:
            self._require_bounded(0)
        return self._per_axis(lambda axis: self._phases[axis])

    @property
    def size(self) -> Any:
        """Number of input positions between the ends, both inside; the largest over the phases."""
        return self._per_axis(lambda axis: max(phase.size for phase in self._phases[axis]))

    @property
    def stride(self) -> Any:
        """Input samples from one output unit to the next, an int or, after upsampling, a Fraction."""
        return self._per_axis(lambda axis: integral(self.program.rate[axis]))

    @property
    def offset(self) -> Any:
        """The first input position that output 0 sees, or the first output that sees any."""
        return self._per_axis(self._offset)

    @property
    def holes(self) -> Any:
        """The positions within the region of output 0 that it does not see."""
        return self._per_bounded(lambda axis: self._phases[axis][0].holes)

    @property
    def span(self) -> Any:
        """The lattice span: what one unit sees differs by multiples of it (the gcd over the phases)."""
        return self._per_bounded(lambda axis: math.gcd(*(phase.span for phase in self._phases[axis])))

    @property
    def is_covered(self) -> bool:
        """Whether no phase has holes on any axis."""
        for axis in range(self.ndim):
            self._require_bounded(axis)
        return all(phase.is_covered for axis in self._phases for phase in axis)

    def region(self, index: Any = 0) -> Any:
        """Return (first, last) of the positions that an output unit sees, per axis; None for none.

        Parameters
        ----------
        index
            The output unit, an int or one per axis.

        Returns
        -------
        tuple or None
            Two ints, both inside, or inf on a side without an end; on several axes one pair for each.

        Raises
        ------
        TypeError
            If `index` is no int, or not one per axis.
        ValueError
            If there are not as many as axes.

        Examples
        --------
        >>> from erfmath import Conv, receptive_field
        >>> field = receptive_field(Conv(5, stride=2, padding=1))
        >>> field.region(), field.region(10)
        ((-1, 3), (19, 23))
        """
        return self._at(index, lambda region: region)

    def center(self, index: Any = 0) -> Any:
        """Return the middle of the region of an output unit, per axis: an int, or half of one.

        Parameters
        ----------
        index
            The output unit, an int or one per axis.

        Returns
        -------
        int, float or None
            On several axes a tuple.

        Raises
        ------
        TypeError
            If `index` is no int, or not one per axis.
        ValueError
            If there are not as many as axes, or the field is unbounded.

        Examples
        --------
        >>> from erfmath import Conv, receptive_field
        >>> receptive_field(Conv(5, stride=2, padding=1)).center(10), receptive_field(Conv(2)).center()
        (21, 0.5)
        """
        for axis in range(self.ndim):
            self._require_bounded(axis)
        return self._at(index, lambda region: region and _half(region[0] + region[1]))

    def halo(self, aligned: bool = True) -> Any:
        """Return how many input samples (before, after) a tile needs around it, per axis.

        With `aligned`, tiles begin and end where the pattern repeats: at multiples of the number of phases
        in the output, which are multiples of ``period`` in the input, and the halo is counted from there.
        Otherwise it is counted from the position stride * i of any unit i, rounded outwards; the crop that
        is fed to the network must still begin at a multiple of ``period``, or its phases are others.

        Parameters
        ----------
        aligned
            Whether tiles begin and end at multiples of the period.

        Returns
        -------
        tuple
            (before, after) in input samples; on several axes one pair for each.

        Raises
        ------
        ValueError
            If a layer stretches the map by its size, as interpolation with aligned corners does: then no
            halo makes tiles equal to the whole.

        Examples
        --------
        >>> from erfmath import Conv, Upsample, receptive_field
        >>> net = Conv(3, stride=2, padding=1) >> Upsample(2) >> Conv(3, padding=1)
        >>> receptive_field(net).halo(), receptive_field(net).halo(aligned=False)
        ((3, 2), (3, 2))
        """
        aligned = as_bool(aligned, "aligned")
        if (layer := self.stretches) is not None:
            raise ValueError(
                f"no halo makes tiles equal to the whole: {layer} has aligned corners: its positions "
                "depend on the size of the map; interpolate without aligned corners"
            )
        return self._per_axis(lambda axis: self._halo(axis, aligned))

    @property
    def period(self) -> Any:
        """Input samples after which the phases repeat: tiles and input sizes should be its multiples."""
        return self._per_axis(self._period)

    def _offset(self, axis: int) -> Any:
        first = next((phase.region[0] for phase in self._phases[axis] if phase.region), None)
        if first is None:
            raise ValueError("no output unit sees any input: strides and upsampling miss each other")
        return first

    def _period(self, axis: int) -> int:
        return int(self.program.period[axis] * self.program.rate[axis])

    def _halo(self, axis: int, aligned: bool) -> tuple[Any, Any]:
        before: Any = 0
        after: Any = 0
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

    def _per_bounded(self, reading: Callable[[int], Any]) -> Any:
        for axis in range(self.ndim):
            self._require_bounded(axis)
        return self._per_axis(reading)

    def _per_axis(self, reading: Callable[[int], Any]) -> Any:
        return plain_size(tuple(reading(axis) for axis in range(self.ndim)))

    def __repr__(self) -> str:
        if not any(phase.region for axis in self._phases for phase in axis):
            return "<ReceptiveField: empty, no output unit sees any input>"
        if self.is_everything:
            return f"<ReceptiveField: unbounded, {self.unbounded!r} reads the whole input>"
        phases = math.prod(self.program.period)
        return f"<ReceptiveField: size {self.size}, stride {self.stride}, offset {self.offset}" + (
            f", {phases} phases>" if phases > 1 else ">"
        )


def field_facts(field: ReceptiveField) -> list[tuple[str, object]]:
    """Return the numbers of a field, each per axis, as text; in place of one that it lacks, why."""

    def axes(value: Any) -> Any:
        return value if field.ndim > 1 else (value,)

    readings = (
        ("size", lambda: shown_sides(axes(field.size))),
        ("stride", lambda: shown_sides(axes(field.stride))),
        ("offset", lambda: shown_sides(axes(field.offset))),
        ("phases", lambda: shown_sides([len(phases) for phases in field.all_phases])),
        ("holes", lambda: "none" if field.is_covered else "some positions between the ends are not seen"),
        (
            "halo",
            lambda: shown_sides([f"{a} before, {b} after" for a, b in axes(field.halo())]),
        ),
    )
    return [(name, or_reason(reading)) for name, reading in readings]


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
        `is_covered`, `period` and ``halo()``. Along an axis that some layer reads whole (global pooling,
        attention) the size is inf, and so are the ends of regions and halos on the sides that it reads.

    Raises
    ------
    TypeError
        If it is not a network, or holds a layer of an unknown type.

    References
    ----------
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import Conv, Pool, Upsample, receptive_field
    >>> vgg = Conv(3, padding=1) ** 2 >> Pool(2)
    >>> field = receptive_field(vgg)
    >>> field.size, field.stride, field.region(0)
    (6, 2, (-2, 3))
    >>> net = Conv(3, stride=2, padding=1) >> Upsample(2) >> Conv(3, padding=1)
    >>> [phase.size for phase in receptive_field(net).phases]  # depends on the output's phase
    [5, 5]
    """
    require_network(net)
    field = ReceptiveField(net)
    _ = field.program  # an unknown layer is found now
    return field


def phases_of(program: Program) -> tuple[tuple[Phase, ...], ...]:
    """Return what the units of each phase see, per axis."""
    likenesses = like_axes(program)
    found = {axis: _read(program, axis, set()) for axis in set(likenesses)}
    alive = [operations for _, operations in found.values()]
    # A branch that is blind on one axis is so on all.
    if dead := set().union(*alive).difference(alive[0].intersection(*alive)):
        found = {axis: _read(program, axis, dead) for axis in found}
    return tuple(found[axis][0] for axis in likenesses)


def regions_of_unit(program: Program, at: Sequence[int]) -> tuple[Any, ...]:
    """Return the region of one unit per axis: what it is blind to on one axis it does not see on any."""
    dead: set[int] = set()
    for _ in range(2):
        found = []
        for axis, index in enumerate(at):
            alive: set[int] = set()
            found.append((seen_by(program, axis, index, _watching(program, dead, alive)), alive))
        lost = (
            set()
            .union(*(alive for _, alive in found))
            .difference(found[0][1].intersection(*(alive for _, alive in found)))
        )
        if not lost - dead:
            break
        dead |= lost
    return tuple(None if seen is None else seen.region for seen, _ in found)


def _watching(program: Program, dead: set[int], alive: set[int]) -> Callable[[int, Seen], Seen | None]:
    """Return a step that leaves out dead operations, and takes note of those that are seen through."""

    def before(index: int, seen: Seen) -> Seen | None:
        below = None if index in dead else through_operation(program.operations[index - 1], seen)
        if below is not None:
            alive.add(index)
        return below

    return before


def _read(program: Program, axis: int, dead: set[int]) -> tuple[tuple[Phase, ...], set[int]]:
    """Return the phases on an axis, and which operations some unit sees through; those dead see nothing."""
    alive: set[int] = set()
    before, units = _watching(program, dead, alive), range(program.period[axis])
    return tuple(Phase(seen_by(program, axis, index, before)) for index in units), alive


def _half(total: int) -> float | int | Fraction:
    """Return half of a number: an int, or a float as long as it is exact."""
    if total % 2 == 0:
        return total // 2
    return total / 2 if abs(total) < 2**53 else Fraction(total, 2)
