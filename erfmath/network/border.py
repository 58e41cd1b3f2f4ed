r"""Impacts on a map with borders: what zero, reflect, replicate and circular padding do to them.

With zero padding a path that leaves the map at any layer is lost, so that the impact on a border unit is not
a cropped interior one; the other paddings fold such paths back into the map of that layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import per_axis
from .._memory import check_memory
from ..core.scaled import Floats
from ..laws.effective import effective_field
from ..laws.lazy import distribution
from .algebra import Node
from .arguments import Ints, plain_size
from .impact import require_alike, require_law
from .maps import Map
from .overlap import overlap
from .program import Operation, pull_back, through
from .sizes import Sized, sized_for
from .stage import Flags, Stage, Unbounded


def bordered_map(frame: Sized, at: Ints, channels: Floats | None = None) -> Map | None:
    """Return the map of one output unit on the input, borders included; None when it sees nothing.

    Of all output channels alike, or by their weights.
    """

    def before(index: int, response: Map) -> Map | None:
        op = frame.program.operations[index - 1]
        size = frame.sizes[op.sources[0][0]]
        if any(frame.pooled[index]):
            response = _gathered(response, frame.pooled[index])
        if isinstance(op.what, Unbounded):
            return _spread(response, op.what, size)
        if isinstance(op.what, Stage) and op.what.counted:
            response = _averaged(response, op.what, size)
        if not isinstance(op.what, Stage):
            below = through(op.what, response)
        elif op.what.border == "zeros":
            below = response.through(op.what, size)
        else:
            below = response.through(op.what)
            below = below and _folded_in(below, size, op.what.border)
        return below if below is not None and below.values.any() else None

    return pull_back(frame.program, Map.unit(at, channels), before)


def _folded_in(response: Map, size: Ints, border: str) -> Map:
    """Return the map with all positions outside the tensor folded into it."""
    values, offset = response.values, list(response.offset)
    for axis, length in enumerate(size):
        count = response.sides[axis]
        first, last = offset[axis], offset[axis] + count - 1
        if first >= 0 and last < length:
            continue
        moved = np.moveaxis(values, axis + 1, 0)
        check_memory(8 * length * moved[0].size, "the map of the input", "use a smaller input")
        folded = np.zeros((length, *moved.shape[1:]))
        np.add.at(folded, inside(np.arange(first, last + 1), length, border), moved)
        values, offset[axis] = np.moveaxis(folded, 0, axis + 1), 0
    return replace(response, values=values, offset=tuple(offset))


def inside(positions: Any, length: int, border: str) -> Any:
    """Return which sample stands at positions outside 0 .. length - 1."""
    if border == "circular":
        return positions % length
    if border == "replicate":
        return np.clip(positions, 0, length - 1)
    period = max(1, 2 * (length - 1))
    folded = positions % period
    return np.minimum(folded, period - folded)


def _averaged(response: Map, stage: Stage, size: Ints) -> Map:
    """Return the map of units whose windows average less than all of their samples, weighted up."""
    values = response.values
    for axis, samples in enumerate(size):
        grown = stage.shares(axis, response.offset[axis], response.sides[axis], samples)
        values = values * _along(grown, axis, len(size))
    return replace(response, values=values)


def _along(line: Any, axis: int, ndim: int) -> Any:
    """Return a line of numbers as an array along one of the axes."""
    return line.reshape([-1 if a == axis else 1 for a in range(ndim)])


def _gathered(response: Map, axes: Sequence[bool]) -> Map:
    """Return the map of a single value that stands for the whole of some axes."""
    gone = tuple(1 + axis for axis, flag in enumerate(axes) if flag)
    offset = tuple(0 if flag else start for flag, start in zip(axes, response.offset, strict=True))
    return replace(response, values=response.values.sum(axis=gone, keepdims=True), offset=offset)


def _spread(response: Map, layer: Unbounded, size: Ints) -> Map:
    """Return the map of an average over all that a layer reads along each axis."""
    values, offset = response.values, list(response.offset)
    for axis, samples in enumerate(size):
        before, after = layer.reads(axis)
        if not (before or after):
            continue
        units = np.arange(offset[axis], offset[axis] + values.shape[1 + axis])
        places = np.arange(samples)
        read = np.ones((len(units), samples))
        if not layer.pools(axis):
            read[(places < units[:, None]) & (not before)] = 0
            read[(places > units[:, None]) & (not after)] = 0
        shares = read / read.sum(axis=1, keepdims=True)
        values = np.moveaxis(np.tensordot(values, shares, (1 + axis, 0)), -1, 1 + axis)
        offset[axis] = 0
    return replace(response, values=values, offset=tuple(offset))


@dataclass(frozen=True)
class Border:
    """What the borders of an input do to a network's output units; see :func:`border`.

    Attributes
    ----------
    net
        The network.
    input_size
        Samples of the input per axis, a tuple.

    Examples
    --------
    >>> import erfmath as em
    >>> edge = em.border(em.Conv(3, padding=1) ** 2, 8)
    >>> edge.output_size, edge.clear(), edge.distance()
    (8, (2, 5), (2, 2))
    >>> edge.kept.round(3), round(edge.lost(0), 3)
    (array([0.556, 0.889, 1.   , 1.   , 1.   , 1.   , 0.889, 0.556]), 0.444)
    """

    net: Node
    input_size: Ints

    @cached_property
    def _frame(self) -> Sized:
        return sized_for(self.net, self.input_size)

    @property
    def output_size(self) -> Any:
        """Number of output units, per axis."""
        return plain_size(self._frame.output)

    def clear(self, definition: str | None = None, **options: Any) -> Any:
        """Return (first, last) of the longest run of output units that the borders leave alone, per axis.

        Without a definition: units no path of which leaves the map of any layer. With one of
        :func:`erfmath.effective_field`, and its options: units whose effective field lies inside the input.
        None where there is no such unit.

        Parameters
        ----------
        definition
            A definition of :func:`erfmath.effective_field`; None for the theoretical field.
        **options
            `ref`, `profile`, `level`, `share`, `convention` of :func:`erfmath.effective_field`.

        Returns
        -------
        tuple or None
            A pair of ints; on several axes one pair, or None, for each.

        Raises
        ------
        TypeError
            If there is another option.
        ValueError
            If a name is unknown, or what it names does not fit the network.

        Examples
        --------
        >>> import erfmath as em
        >>> edge = em.border(em.Conv(3, padding=1) ** 10, 64)
        >>> edge.clear(), edge.clear("two_sigma")
        ((10, 53), (5, 58))
        """
        if definition is None and options:
            raise TypeError(f"options are those of a definition, got {sorted(options)} without one")
        masks = self._unbordered if definition is None else self._effective_masks(definition, options)
        return plain_size(tuple(map(_longest_run, masks)))

    def distance(self, definition: str | None = None, **options: Any) -> Any:
        """Return how many units (before, after) are not clear, per axis; None where none is.

        Parameters
        ----------
        definition
            A definition of :func:`erfmath.effective_field`; None for the theoretical field.
        **options
            `ref`, `profile`, `level`, `share`, `convention` of :func:`erfmath.effective_field`.

        Returns
        -------
        tuple or None
            A pair of ints; on several axes one pair, or None, for each.

        Raises
        ------
        TypeError
            If there is another option.
        ValueError
            If a name is unknown, or what it names does not fit the network.

        Examples
        --------
        >>> import erfmath as em
        >>> edge = em.border(em.Conv(3, padding=1) ** 10, 64)
        >>> edge.distance(), edge.distance("mass", level=0.01)
        ((10, 10), (6, 6))
        """
        ends = zip(self._axes(self.clear(definition, **options)), self._frame.output, strict=True)
        return plain_size(tuple(clear and (clear[0], count - 1 - clear[1]) for clear, count in ends))

    @cached_property
    def kept(self) -> Floats:
        """The share of its impact that each output unit keeps: all within, less where paths leave the map.

        Of every unit the sum of impacts with these borders over that without any; 1 where there is none.
        Weights have to be non-negative, and alike in all channels.

        Raises
        ------
        ValueError
            If a weight is negative, or channels have weights of their own.
        """
        require_law(self._frame.program)
        require_alike(self._frame.program)
        totals = overlap(self.net).totals
        index = np.indices(self._frame.output)
        phases = tuple(i % p for i, p in zip(index, totals.shape, strict=True))
        whole = totals[phases]
        answer = forward(self._frame, np.ones(self.input_size))
        shares = np.divide(answer, whole, out=np.ones(whole.shape), where=whole != 0)
        shares.flags.writeable = False
        return np.asarray(shares)

    def lost(self, at: Any) -> float:
        """Return the share of its impact that an output unit loses.

        Parameters
        ----------
        at
            The unit, an int or one per axis, from 0.

        Returns
        -------
        float
            Between 0 and 1.

        Raises
        ------
        TypeError, ValueError
            If there is no such unit, or a weight is negative.

        Examples
        --------
        >>> import erfmath as em
        >>> round(em.border(em.Conv(3, padding=1), 8).lost(7), 4)
        0.3333
        """
        unit = unit_inside(self._frame, at)
        return float(1 - self.kept[unit])

    @cached_property
    def _unbordered(self) -> list[Flags]:
        """Per axis, whether each output unit has all its paths inside the maps of all layers."""
        frame = self._frame
        longest = max(max(size) for size in frame.sizes)
        check_memory(20 * longest + sum(map(sum, frame.sizes)), "a flag per unit", "use a smaller input")
        axes = range(len(self.input_size))
        clear = [[np.ones(length, dtype=bool) for length in frame.sizes[0]]]
        for index, op in enumerate(frame.program.operations):
            counts = frame.sizes[index + 1]
            joint = [_joined(clear, op, frame.pooled, axis) for axis in axes]
            for axis, masks in enumerate(joint):
                if isinstance(op.what, Unbounded) and any(op.what.reads(axis)):
                    joint[axis] = np.zeros(counts[axis], dtype=bool)
                elif isinstance(op.what, Stage):
                    joint[axis] = _clear_units(op.what, axis, masks, counts[axis])
            clear.append(joint)
        return clear[frame.program.output]

    def _effective_masks(self, definition: str, options: dict[str, Any]) -> list[Flags]:
        """Per axis, whether the effective field of each output unit lies inside the input."""
        masks = []
        program = self._frame.program
        for axis, (length, count) in enumerate(zip(self.input_size, self._frame.output, strict=True)):
            period, mask = program.period[axis], np.zeros(count, dtype=bool)
            for phase in range(min(period, count)):
                at = tuple(phase if a == axis else 0 for a in range(len(self.input_size)))
                law = distribution(self.net, at=at)
                extent = effective_field(law, definition, **options).extent[axis]
                low = self._axes(law.support())[axis][0]
                moved = int(period * program.rate[axis]) * np.arange(len(mask[phase::period]))
                mask[phase::period] = (low + extent[0] + moved >= 0) & (low + extent[1] + moved < length)
            masks.append(mask)
        return masks

    def _axes(self, value: Any) -> tuple[Any, ...]:
        return value if len(self.input_size) > 1 else (value,)


def _joined(clear: list[list[Flags]], op: Operation, pooled: Any, axis: int) -> Flags:
    """Return which units of the sum of an operation's sources are clear on an axis: no averages count."""
    masks = [clear[source][axis] for source, _ in op.sources if not pooled[source][axis]]
    alone = np.zeros_like(clear[op.sources[0][0]][axis])
    return np.asarray(np.logical_and.reduce(masks)) if masks else alone


def _clear_units(stage: Stage, axis: int, clear: Flags, count: int) -> Flags:
    """Return which units of a stage read clear samples inside the map alone."""
    result = np.ones(count, dtype=bool)
    taps = {position[axis] for position, _ in stage.kernel.taps()}
    for tap in taps:
        place, known = stage.reads(axis, tap, count)
        within = (place >= 0) & (place < len(clear))
        result &= ~known | (within & clear[np.where(within, place, 0)])
    return result


def _longest_run(mask: Flags) -> tuple[int, int] | None:
    """Return (first, last) of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    if not edges.size:
        return None
    first, after = max(edges.reshape(-1, 2).tolist(), key=lambda run: run[1] - run[0])
    return first, after - 1


def border(net: Node, input_size: Any) -> Border:
    """Return what the borders of an input of that size do: which units are free of them, what others lose.

    Parameters
    ----------
    net
        A network; its layers' `padding_mode` says what stands outside.
    input_size
        Samples of the input, an int or one per axis.

    Returns
    -------
    Border
        ``clear()`` and ``distance()`` (by the theoretical or an effective field), `kept`, ``lost(at)``.

    Raises
    ------
    ValueError
        If the input is too small for a layer, which is named.

    Examples
    --------
    >>> from erfmath import Conv, border
    >>> edge = border(Conv(3, padding=1) ** 2, 8)
    >>> edge.clear(), edge.distance()
    ((2, 5), (2, 2))
    >>> round(edge.lost(0), 4)  # paths that leave at either layer: (1/3 + 2/3 * 1/6) ...
    0.4444
    """
    frame = sized_for(net, input_size)
    return Border(net, frame.sizes[0])


def unit_inside(frame: Sized, at: Any) -> Ints:
    """Return the index of an output unit, the middle one by default, or raise where there is none."""
    if at is None:
        return tuple(count // 2 for count in frame.output)
    unit = per_axis(at, len(frame.output), "at")
    if any(not 0 <= i < count for i, count in zip(unit, frame.output, strict=True)):
        sizes = " x ".join(map(str, frame.output))
        raise ValueError(
            f"at must lie inside the output map of {sizes} units, got {at!r}; indices begin at 0"
        )
    return unit


def forward(frame: Sized, values: Floats) -> Floats:
    """Return the output of a network for an input, layer by layer, borders included."""
    tensors: list[Any] = [values]
    for index, op in enumerate(frame.program.operations):
        shape = np.broadcast_shapes(*(tensors[source].shape for source, _ in op.sources))
        total = np.zeros(shape)
        for source, gain in op.sources:
            total = total + float(gain) * tensors[source]
        if isinstance(op.what, Unbounded):
            total = _averages(op.what, total)
        elif isinstance(op.what, Stage):
            total = _applied(op.what, total, frame.sizes[index + 1])
        tensors.append(total)
    return np.asarray(tensors[frame.program.output])


def _averages(layer: Unbounded, values: Floats) -> Floats:
    """Return the averages over all that a layer reads along each axis."""
    for axis, samples in enumerate(values.shape):
        before, after = layer.reads(axis)
        if layer.pools(axis):
            values = values.mean(axis=axis, keepdims=True)
        elif before or after:
            places = np.arange(samples)
            read = np.ones((samples, samples)) * (before | (places >= places[:, None]))
            read *= after | (places <= places[:, None])
            shares = read / read.sum(axis=1, keepdims=True)
            values = np.moveaxis(np.tensordot(shares, values, (1, axis)), 0, axis)
    return values


def _applied(stage: Stage, values: Floats, size: Ints) -> Floats:
    """Return the output of one stage: for each tap the samples it reads, times its weight."""
    out = np.zeros(size)
    weights = np.array(stage.kernel.weights, dtype=float)
    for index in np.argwhere(weights):
        mask: Any = np.ones(size, dtype=bool)
        places = []
        for axis, (i, count) in enumerate(zip(index, size, strict=True)):
            place, known = stage.reads(axis, int(i) + stage.kernel.offsets[axis], count)
            if stage.border == "zeros":
                known &= (place >= 0) & (place < values.shape[axis])
                place = np.where(known, place, 0)
            else:
                place = inside(place, values.shape[axis], stage.border)
            places.append(place)
            mask &= _along(known, axis, len(size))
        out += weights[tuple(index)] * np.where(mask, values[np.ix_(*places)], 0.0)
    if stage.counted:
        for axis, count in enumerate(size):
            out *= _along(stage.shares(axis, 0, count, values.shape[axis]), axis, len(size))
    return out
