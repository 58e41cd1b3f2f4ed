"""Rules of operators that move, cut and rearrange axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..network.algebra import Identity, Node, series
from ..network.channels import Rearranged
from ..network.layers import Conv, Upsample
from ..network.moves import Pad, Slice
from .ir import Layout, Operator, Placed, Tensor, everything, single
from .rules.pointwise import RULES, broadcast, rule

_ALL = 2**31 - 1  # a slice's end from here on is the end of the axis


@rule("pad")
def _(op: Operator, ndim: int) -> Placed:
    """Return a padding, or where negative a crop; `pads` are (before, after) per axis of the tensor."""
    border = op.get("border", "zeros")
    cuts = {axis: (-a, -b, 1) for axis, (a, b) in enumerate(op.options["pads"]) if a or b}
    return _cut(op, ndim, cuts, border)


@rule("slice")
def _(op: Operator, ndim: int) -> Placed:
    """Return a slice; `slices` are (axis, start, stop, step)."""
    cuts = {}
    for axis, start, stop, step in op.options["slices"]:
        axis %= len(op.tensor.axes)
        if op.tensor.axes[axis]:
            if step < 0:
                raise op.error(f"reverses axis {axis}, which is spatial")
            before, after = _bounds(op, op.tensor.side(axis), start, stop)
            if (before, after, step) != (0, 0, 1):
                cuts[axis] = before, after, step
    return _cut(op, ndim, cuts)


@rule("split")
def _(op: Operator, ndim: int) -> list[Placed]:
    """Return the parts of an axis; `parts` are their sides, None for equal ones."""
    tensor = op.tensor
    axis = op.options["axis"] % len(tensor.axes)
    if not tensor.axes[axis]:
        return [single(op, Identity())] * len(op.shapes)
    side, sides = tensor.side(axis), op.get("parts")
    if sides is None:
        sides = [shape and shape[axis] for shape in op.shapes]
    if side is None or None in sides:
        raise op.error("splits a spatial axis of unknown size; give input_shape")
    starts = [sum(sides[:i]) for i in range(len(sides))]
    cuts = [(a, side - a - k, 1) for a, k in zip(starts, sides, strict=True)]
    return [_cut(op, ndim, {axis: cut}) for cut in cuts]


@rule("concat")
def _(op: Operator, ndim: int) -> Placed:
    """Return tensors side by side along the channels, the gains their shares of them."""
    placed = [tensor for tensor in op.tensors if tensor.layout is not None]
    if not placed:
        return everything(op)
    axis = op.options["axis"] % len(placed[0].axes)
    layout = broadcast(op)
    if layout[axis]:
        return _lengthened(op, ndim, axis)
    sides = []
    for given in op.inputs:
        side = given.shape[axis] if given is not None and given.shape is not None else None
        if side is None:
            raise op.error("concatenates unknown numbers of channels; give input_shape")
        sides.append(side)
    shares = [
        (given, Fraction(side, sum(sides)))
        for given, side in zip(op.inputs, sides, strict=True)
        if isinstance(given, Tensor) and side
    ]
    channels = tuple(sides) if len(shares) == len(sides) else ()
    return Placed(Identity(), shares, layout, channels=channels)


@rule("unbind")
def _(op: Operator, ndim: int) -> list[Placed]:
    """Return the entries of an axis one by one."""
    axis = op.options["axis"] % len(op.tensor.axes)
    entries = range(len(op.shapes))
    return [RULES["select"](replace(op, options={"axis": axis, "index": i}), ndim) for i in entries]  # type: ignore[misc]


@rule("stack")
def _(op: Operator, ndim: int) -> Placed:
    """Return tensors side by side along a new axis."""
    layout = broadcast(op)
    axis = op.options["axis"] % (len(layout) + 1)
    sources = [(tensor, Fraction(1, len(op.inputs))) for tensor in op.tensors]
    return Placed(Identity(), sources, (*layout[:axis], (), *layout[axis:]))


@rule("select")
def _(op: Operator, ndim: int) -> Placed:
    """Return the entry of an axis at an `index`, or at several that are evenly spaced."""
    tensor = op.tensor
    axis, index = op.options["axis"] % len(tensor.axes), np.asarray(op.options["index"])
    layout = tensor.axes[:axis] + ((),) * index.ndim + tensor.axes[axis + 1 :]
    if not tensor.axes[axis]:
        return single(op, Identity(), layout)
    side = tensor.side(axis)
    if side is None:
        raise op.error("takes entries of a spatial axis of unknown size; give input_shape")
    places = np.atleast_1d(index) % side
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    if places.ndim > 1 or step < 1 or (np.diff(places) != step).any():
        raise op.error(f"picks entries of axis {axis}, which is spatial, unevenly")
    placed = _cut(op, ndim, {axis: (int(places[0]), side - 1 - int(places[-1]), step)})
    return placed if index.ndim else placed._replace(layout=layout[:axis] + tensor.axes[axis + 1 :])


@rule("scatter")
def _(op: Operator, ndim: int) -> Placed:
    """Return a tensor into which a slice is written: what either holds, each where it stands.

    Along the space a unit holds the one or the other by its place; the field of both is theirs together.
    """
    layout = broadcast(op)
    start, stop, step = slice_written(op)
    axis, side = op.options["axis"] % len(layout), _known_side(op)
    if not layout[axis]:
        share = Fraction(len(range(start, stop, step)), side)
        pairs = zip(op.inputs, (1 - share, share), strict=True)
        return Placed(Identity(), [(x, gain) for x, gain in pairs if isinstance(x, Tensor) and gain], layout)
    if step > 1:
        raise op.error(f"writes into every {step}th sample of axis {axis}, which is spatial")
    written = [t for t in op.tensors if t is op.inputs[1]]
    pads = [(0, 0)] * ndim
    for owner in layout[axis]:
        pads[owner] = (start, side - stop)
    before = tuple(Pad(pads) if tensor in written else Identity() for tensor in op.tensors)
    return Placed(Identity(), [(tensor, 1) for tensor in op.tensors], layout, before=before)


def slice_written(op: Operator) -> tuple[int, int, int]:
    """Return the start, the stop and the step of the slice that an operator writes into, from 0 on."""
    start, stop, step = slice(*op.options["slice"]).indices(_known_side(op))
    return start, stop, step


def _known_side(op: Operator) -> int:
    """Return the samples of the axis that an operator writes along."""
    shape = op.shapes[0]
    side: int | None = None if shape is None else shape[op.options["axis"]]
    if side is None:
        raise op.error("writes into an axis of unknown size; give input_shape")
    return int(side)


@rule("roll")
def _(op: Operator, ndim: int) -> Placed:
    """Return a cyclic shift; `shifts` are by axis."""
    shifts = {a % len(op.tensor.axes): s for a, s in op.options["shifts"].items()}
    moves = op.along(op.tensor, ndim, {a: s for a, s in shifts.items() if op.tensor.axes[a]}, 0)
    ends = [(max(0, move), max(0, -move)) for move in moves]  # samples that come in before, and behind
    cut = Slice(tuple(after for _, after in ends), tuple(-before or None for before, _ in ends))
    return single(op, series([Pad(ends, "circular"), cut]) if any(moves) else Identity())


@rule("transpose")
def _(op: Operator, ndim: int) -> Placed:
    """Return the axes in another order, the given one or reversed."""
    order = op.get("order") or range(len(op.tensor.axes))[::-1]
    return single(op, Identity(), tuple(op.tensor.axes[axis] for axis in order))


@rule("squeeze")
def _(op: Operator, ndim: int) -> Placed:
    """Return the tensor without axes of one sample: those given, or all."""
    tensor, axes = op.tensor, op.get("axes")
    rank = len(tensor.axes)
    known = tensor.shape or (None,) * rank
    gone = {i for i, side in enumerate(known) if side == 1}
    if axes is not None:
        gone &= {axis % rank for axis in axes}
    return single(op, Identity(), tuple(axis for i, axis in enumerate(tensor.axes) if i not in gone))


@rule("unsqueeze")
def _(op: Operator, ndim: int) -> Placed:
    """Return the tensor with axes of one sample put in."""
    axes = op.options["axes"]
    rank = len(op.tensor.axes) + len(axes)
    new = {axis % rank for axis in axes}
    rest = iter(op.tensor.axes)
    return single(op, Identity(), tuple(() if i in new else next(rest) for i in range(rank)))


@rule("expand")
def _(op: Operator, ndim: int) -> Placed:
    """Return copies along axes that hold no space."""
    tensor, shape = op.tensor, op.shapes[0]
    rank = len(tensor.axes) if shape is None else len(shape)
    layout = ((),) * (rank - len(tensor.axes)) + tensor.axes
    if shape is not None and tensor.shape is not None:
        before = (1,) * (rank - len(tensor.axes)) + tensor.shape
        if any(axis and a != b for axis, a, b in zip(layout, before, shape, strict=True)):
            raise op.error("makes copies along a spatial axis")
    return single(op, Identity(), layout)


@rule("depth_to_space")
def _(op: Operator, ndim: int) -> Placed:
    """Return channels moved to space, as sub-pixel convolutions do: all read the same pixel."""
    blocks = _blocks(op, ndim)
    channels = _depth(op.tensor)
    return single(op, Rearranged(Upsample(blocks), channels and channels // math.prod(blocks)))


@rule("space_to_depth")
def _(op: Operator, ndim: int) -> Placed:
    """Return blocks moved to channels, alike in the shares they have of the next layer's sum."""
    blocks = _blocks(op, ndim)
    channels = _depth(op.tensor)
    return single(op, Rearranged(Conv(blocks, stride=blocks), channels and channels * math.prod(blocks)))


@rule("reshape")
def _(op: Operator, ndim: int) -> Placed:
    """Return the same numbers in another shape: what becomes of each axis of the space.

    An axis split in two keeps its major part, the other is a block moved to channels; channels merged
    behind an axis are a block moved to space; what is merged otherwise has lost its position.
    """
    tensor, shape = op.tensor, op.shapes[0]
    if shape is None or None in shape or tensor.shape is None or None in tensor.shape:
        if shape is not None and shape == tensor.shape:
            return single(op, Identity())
        raise op.error("gives a tensor another shape and one of them is not known; give input_shape")
    found = _reshaped(_atoms(tensor), [int(side or 0) for side in shape], ndim)
    if found is None:
        return everything(op)
    layout, down, up = found
    parts: list[Node] = []
    channels = _depth(tensor)
    if set(down) != {1}:
        channels = channels and channels * math.prod(down)
        parts.append(Rearranged(Conv(tuple(down), stride=tuple(down)), channels))
    if set(up) != {1}:
        parts.append(Rearranged(Upsample(tuple(up)), channels and channels // math.prod(up)))
    return single(op, series(parts), layout)


def _atoms(tensor: Tensor) -> list[tuple[int, int | None]]:
    """Return the factors of a shape, (side, axis of the space) each, those of one sample left out."""
    atoms: list[tuple[int, int | None]] = []
    for side, owners in zip(tensor.shape or (), tensor.axes, strict=True):
        if len(owners) > 1:
            atoms += [(int(tensor.sides[owner] or 0), owner) for owner in owners]
        else:
            atoms.append((int(side or 0), owners[0] if owners else None))
    return [atom for atom in atoms if atom[0] != 1]


def _reshaped(
    atoms: list[tuple[int, int | None]], shape: Iterable[int], ndim: int
) -> tuple[Layout, list[int], list[int]] | None:
    """Return the layout of a shape, and by how much each axis is pooled and repeated; None if it is lost."""
    rest, layout = atoms[::-1], []
    down, up = [1] * ndim, [1] * ndim
    for side in shape:
        owners: list[int] = []
        block = 1
        wanted = side
        while wanted > 1:
            if not rest:
                return None
            size, owner = rest.pop()
            if size > wanted:
                if size % wanted:
                    return None
                rest.append((size // wanted, None))
                if owner is not None:
                    down[owner] *= size // wanted
                size = wanted
            elif wanted % size:
                return None
            wanted //= size
            if owner is None:
                block *= size
            elif block > 1:
                return None
            else:
                owners.append(owner)
        if owners and block > 1:
            if len(owners) > 1:
                return None
            up[owners[0]] *= block
        layout.append(tuple(owners))
    return tuple(layout), down, up


def _lengthened(op: Operator, ndim: int, axis: int) -> Placed:
    """Return constants put before and after a tensor along a spatial axis: a padding."""
    place = next(i for i, given in enumerate(op.inputs) if isinstance(given, Tensor))
    tensor = op.tensors[0]
    if len(tensor.axes[axis]) != 1:
        return everything(op)  # tokens and a class token
    sides = [given.shape[axis] if given is not None and given.shape else None for given in op.inputs]
    before, after = _summed(sides[:place]), _summed(sides[place + 1 :])
    if len(op.tensors) > 1 or before is None or after is None:
        raise op.error(f"concatenates along axis {axis}, which is spatial")
    alone = replace(op, inputs=(tensor,))
    return _cut(alone, ndim, {axis: (-before, -after, 1)})


def _summed(sides: Sequence[int | None]) -> int | None:
    """Return the sum, None where a side is unknown."""
    known = [side for side in sides if side is not None]
    return sum(known) if len(known) == len(sides) else None


def _bounds(op: Operator, side: int | None, start: int | None, stop: int | None) -> tuple[int, int]:
    """Return how many samples a slice leaves out before and after."""
    start = 0 if start is None else int(start)
    stop = _ALL if stop is None else int(stop)
    if side is not None:
        first, last, _ = slice(start, stop).indices(side)
        return first, side - max(first, last)
    if start < 0 or 0 <= stop < _ALL:
        raise op.error("slices a tensor of unknown size; give input_shape")
    return start, -stop if stop < 0 else 0


def _cut(op: Operator, ndim: int, cuts: Mapping[int, tuple[int, int, int]], border: str = "zeros") -> Placed:
    """Return what leaves out samples before and after, adds them where negative, and takes each step-th."""
    tensor = op.tensor
    spatial = {axis: cut for axis, cut in cuts.items() if tensor.axes[axis]}
    if any(len(tensor.axes[axis]) > 1 for axis in spatial):
        return everything(op)  # of tokens
    found = op.along(tensor, ndim, spatial, (0, 0, 1))
    parts: list[Node] = []
    added = [(max(0, -before), max(0, -after)) for before, after, _ in found]
    if any(map(any, added)):
        parts.append(Pad(added, border))
    if any(before > 0 or after > 0 or step > 1 for before, after, step in found):
        starts = tuple(max(0, before) for before, _, _ in found)
        stops = tuple(min(0, -after) or None for _, after, _ in found)
        parts.append(Slice(starts, stops, tuple(step for _, _, step in found)))
    return single(op, series(parts))


def _depth(tensor: Tensor) -> int | None:
    """Return the number of channels, None where it is not known; of several axes the first is the batch."""
    sides = [tensor.side(i) for i, axis in enumerate(tensor.axes) if not axis]
    sides = sides[1:] if len(sides) > 1 else sides
    return None if None in sides else math.prod(side for side in sides if side is not None)


def _blocks(op: Operator, ndim: int) -> tuple[int, ...]:
    """Return the side of the blocks per axis."""
    return op.along(op.tensor, ndim, dict.fromkeys(op.tensor.space, int(op.options["block"])), 1)
