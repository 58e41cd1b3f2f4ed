r"""Impacts on a map with borders: what zero, reflect, replicate and circular padding do to them.

With zero padding a path that leaves the map at any layer is lost, so that the impact on a border unit is not
a cropped interior one; the other paddings fold such paths back into the map of that layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import per_axis
from ..core.scaled import Floats
from ..effective import effective_field
from ..product_law import distribution
from .field import ReceptiveField, receptive_field
from .lower import Stage, Unbounded
from .maps import Map
from .node import Node
from .overlap import overlap
from .program import pull_back, through
from .sizes import Sized, sized_for

Ints = tuple[int, ...]


def bordered_map(frame: Sized, at: Ints) -> Map | None:
    """Return the map of one output unit on the input, borders included; None when it sees nothing."""

    def before(index: int, response: Map) -> Map | None:
        op = frame.program.operations[index - 1]
        size = frame.sizes[op.sources[0][0]]
        if frame.pooled[index]:
            response = _gathered(response)
        if isinstance(op.what, Unbounded):
            return _spread(response, size)
        below = through(op.what, response)
        if isinstance(op.what, Stage) and below is not None:
            below = _confined(below, size, op.what.border)
        return below if below is not None and below.values.any() else None

    ndim = len(at)
    return pull_back(frame.program, Map(np.ones((1,) * ndim), at, (0,) * ndim), before)


def _confined(response: Map, size: Ints, border: str) -> Map:
    """Return the map with all positions outside the tensor dropped, or folded into it."""
    values, offset = response.values, list(response.offset)
    for axis, length in enumerate(size):
        count = values.shape[axis]
        first, last = offset[axis], offset[axis] + count - 1
        if first >= 0 and last < length:
            continue
        moved = np.moveaxis(values, axis, 0)
        if border == "zeros":
            moved, offset[axis] = moved[max(0, -first) : max(0, length - first)], max(0, first)
        else:
            folded = np.zeros((length, *moved.shape[1:]))
            np.add.at(folded, inside(np.arange(first, last + 1), length, border), moved)
            moved, offset[axis] = folded, 0
        values = np.moveaxis(moved, 0, axis)
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


def _gathered(response: Map) -> Map:
    """Return the map of a single value that stands for the whole map."""
    total = response.values.sum(keepdims=True)
    return replace(response, values=total, offset=(0,) * total.ndim)


def _spread(response: Map, size: Ints) -> Map:
    """Return the map of an average over everything."""
    share = float(response.values.sum()) / math.prod(size)
    return replace(response, values=np.full(size, share), offset=(0,) * len(size))


@dataclass(frozen=True)
class Border:
    """What the borders of an input do to a network's output units; see :func:`border`."""

    net: Node
    input_size: Ints

    @cached_property
    def _frame(self) -> Sized:
        return sized_for(self.net, self.input_size)

    @cached_property
    def _field(self) -> ReceptiveField:
        return receptive_field(self.net)

    @property
    def output_size(self) -> Any:
        """Number of output units, per axis."""
        return self._plain(self._frame.output)

    def clear(self, definition: str | None = None, **options: Any) -> Any:
        """Return (first, last) of the output units whose field lies inside the input; None for none.

        Without a definition the theoretical field counts; with one of :func:`erfmath.effective_field`, and
        its options, the effective field. On several axes, one pair per axis.
        """
        return self._plain(
            tuple(self._clear(axis, definition, options) for axis in range(len(self.input_size)))
        )

    def distance(self, definition: str | None = None, **options: Any) -> Any:
        """Return how many units (before, after) are not clear, per axis; None where none is."""
        ends = zip(self._axes(self.clear(definition, **options)), self._frame.output, strict=True)
        return self._plain(tuple(clear and (clear[0], count - 1 - clear[1]) for clear, count in ends))

    @cached_property
    def kept(self) -> Floats:
        """The share of its impact that each output unit keeps: all within, less where paths leave the map.

        Of every unit the sum of impacts with these borders over that without any; 1 where there is none.
        """
        totals = overlap(self.net).totals
        index = np.indices(self._frame.output)
        phases = tuple(i % p for i, p in zip(index, totals.shape, strict=True))
        whole = totals[phases]
        answer = forward(self._frame, np.ones(self.input_size))
        return np.asarray(np.divide(answer, whole, out=np.ones(whole.shape), where=whole != 0))

    def lost(self, at: Any) -> float:
        """Return the share of its impact that an output unit loses."""
        unit = unit_inside(self._frame, at)
        return float(1 - self.kept[unit])

    def _clear(self, axis: int, definition: str | None, options: dict[str, Any]) -> tuple[int, int] | None:
        length, count = self.input_size[axis], self._frame.output[axis]
        period = self._field.program.period[axis]
        spans = []
        for phase in range(min(period, count)):
            first, last = self._axes(self._field.region(phase))[axis]
            if definition is not None:
                at = tuple(phase if a == axis else 0 for a in range(len(self.input_size)))
                extent = effective_field(distribution(self.net, at=at), definition, **options).extent
                first, last = first + extent[axis][0], first + extent[axis][1]
            spans.append((first, last))
        step = self._axes(self._field.period)[axis]
        good = [
            i
            for i in range(count)
            if spans[i % period][0] + i // period * step >= 0
            and spans[i % period][1] + i // period * step < length
        ]
        return (good[0], good[-1]) if good else None

    def _plain(self, values: tuple[Any, ...]) -> Any:
        return values if len(values) > 1 else values[0]

    def _axes(self, value: Any) -> tuple[Any, ...]:
        return value if len(self.input_size) > 1 else (value,)


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
    >>> from erfmath import Conv
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
            total = np.full((1,) * total.ndim, total.mean())
        elif isinstance(op.what, Stage):
            total = _applied(op.what, total, frame.sizes[index + 1])
        tensors.append(total)
    return np.asarray(tensors[frame.program.output])


def _applied(stage: Stage, values: Floats, size: Ints) -> Floats:
    """Return the output of one stage: for each tap the samples it reads, times its weight."""
    out = np.zeros(size)
    weights = np.array(stage.kernel.weights, dtype=float)
    for index in np.argwhere(weights):
        mask: Any = np.ones(size, dtype=bool)
        places = []
        for axis, (i, count) in enumerate(zip(index, size, strict=True)):
            tap = stage.dilation[axis] * (int(i) + stage.kernel.offsets[axis]) + stage.shift[axis]
            reads = stage.stride[axis] * np.arange(count) + tap
            place, rest = np.divmod(reads, stage.upsampling[axis])
            known = rest == 0
            if stage.border == "zeros":
                known &= (place >= 0) & (place < values.shape[axis])
                place = np.where(known, place, 0)
            else:
                place = inside(place, values.shape[axis], stage.border)
            places.append(place)
            mask &= known.reshape([-1 if a == axis else 1 for a in range(len(size))])
        out += weights[tuple(index)] * np.where(mask, values[np.ix_(*places)], 0.0)
    return out
