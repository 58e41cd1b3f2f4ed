"""Rules of operators that move, cut and join axes.

What they do to a tensor along its channels they do to an array of the channels' numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np

from ...network.algebra import Identity, Node, series
from ...network.channels import Rearranged
from ...network.layers import ConvTranspose
from ...network.moves import Pad, Slice
from ..axes import Place, Run, merged, outermost, owners, positions
from ..channelwise import Given, in_order, picks
from ..ir import Operator, Placed, Tensor, everything, rank_of, single
from ..moves import Move, read, stepped
from .pointwise import broadcast
from .table import RULES, rule

_ALL = 2**31 - 1  # a slice's end from here on is the end of the axis


@rule("pad")
def _(op: Operator) -> Placed:
    """Return a padding, or where negative a crop; `pads` are (before, after) per axis of the tensor.

    Channels are padded by zeros.
    """
    border, axes, pads = op.get("border", "zeros"), op.tensor.axes, op.options["pads"]
    placed = _cut(op, {axis: (-a, -b, 1) for axis, (a, b) in enumerate(pads) if a or b}, border)
    own = [(0, 0) if axis else pair for axis, pair in zip(axes, pads, strict=True)]
    if not any(map(any, own)):
        return placed

    def by_channel(given: Given) -> Placed:
        if border != "zeros":
            raise op.error("pads channels by other channels")
        numbers = given.numbers(op.tensor)
        kept = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(own, numbers.shape, strict=True)]
        added = [(max(a, 0), max(b, 0)) for a, b in own]
        return given.picked(np.pad(numbers[tuple(kept)], added, constant_values=-1))

    return placed._replace(by_channel=by_channel)


@rule("slice")
def _(op: Operator) -> Placed:
    """Return a slice; `slices` are (axis, start, stop, step)."""
    rank, cuts = len(op.tensor.axes), {}
    kept = [slice(None)] * rank
    for axis, start, stop, step in op.options["slices"]:
        axis %= rank
        if not op.tensor.axes[axis]:
            kept[axis] = slice(start, stop, step)
            continue
        if len(op.tensor.runs[axis]) > 1 or op.tensor.runs[axis][0].beside != (0, 0):
            return _of_several(op, axis, start, stop, step)
        if step < 0:
            raise op.error(f"reverses axis {axis}, which is spatial")
        before, after = _bounds(op, op.tensor.side(axis), start, stop)
        if (before, after, step) != (0, 0, 1):
            cuts[axis] = before, after, step
    return picks(_cut(op, cuts), lambda numbers: numbers[tuple(kept)])


@rule("split")
def _(op: Operator) -> list[Placed]:
    """Return the parts of an axis; `parts` are their sides, None for equal ones."""
    tensor = op.tensor
    axis = op.options["axis"] % len(tensor.axes)
    sides = op.get("parts") or [shape and shape[axis] for shape in op.shapes]
    if not tensor.axes[axis]:
        return [single(op, Identity(), by_channel=lambda given: _part(given, axis, sides))]
    side = tensor.side(axis)
    if side is None or None in sides:
        raise op.error("splits a spatial axis of unknown size; give input_shape")
    stops = accumulate(sides)
    cuts = [(stop - part, side - stop, 1) for stop, part in zip(stops, sides, strict=True)]
    return [_cut(op, {axis: cut}) for cut in cuts]


def _part(given: Given, axis: int, sides: Sequence[int | None]) -> Placed:
    """Return the channels of one of the parts of an axis."""
    if None in sides:
        raise given.op.error("splits channels whose number is unknown; give input_shape")
    start, stop = (sum(side or 0 for side in sides[:i]) for i in (given.output, given.output + 1))
    return given.picked(given.numbers(given.op.tensor).take(range(start, stop), axis=axis))


@rule("unbind")
def _(op: Operator) -> list[Placed]:
    """Return the entries of an axis one by one."""
    axis, select = op.options["axis"] % len(op.tensor.axes), RULES["select"]
    entries = range(len(op.shapes))
    return [select(replace(op, options={"axis": axis, "index": i})) for i in entries]  # type: ignore[misc]


@rule("select")
def _(op: Operator) -> Placed:
    """Return the entry of an axis at an `index`, or at several that are evenly spaced."""
    tensor = op.tensor
    axis, index = op.options["axis"] % len(tensor.axes), np.asarray(op.options["index"])
    layout = tensor.runs[:axis] + ((),) * index.ndim + tensor.runs[axis + 1 :]
    if not tensor.axes[axis]:
        return picks(single(op, Identity(), layout), lambda numbers: numbers.take(index, axis=axis))
    side = tensor.side(axis)
    if side is None:
        raise op.error("takes entries of a spatial axis of unknown size; give input_shape")
    if len(tensor.runs[axis]) > 1 or tensor.runs[axis][0].beside != (0, 0):
        return everything(op)  # a token, or one of several runs
    if not index.ndim and len(positions(tensor.runs)[tensor.axes[axis][0]]) > 1:
        move = read(op, tensor, (), chosen={Place(axis, 0): int(index) % side})
        return move.of(tensor)._replace(layout=tuple(r for i, r in enumerate(move.layout) if i != axis))
    places = np.atleast_1d(index) % side
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    if places.ndim > 1 or step < 1 or (np.diff(places) != step).any():
        raise op.error(f"picks unevenly spaced entries of axis {axis}, which is spatial")
    placed = _cut(op, {axis: (int(places[0]), side - 1 - int(places[-1]), step)})
    return placed if index.ndim else placed._replace(layout=layout[:axis] + tensor.runs[axis + 1 :])


@rule("scatter")
def _(op: Operator) -> Placed:
    """Return a tensor into which a slice is written: what either holds, each where it stands.

    Along the space a unit holds the one or the other by its place; the field of both is theirs together.
    """
    layout = broadcast(op)
    axis = op.options["axis"] % len(layout)
    side = _known_side(op, axis)
    start, stop, step = slice(*op.options["slice"]).indices(side)
    if not owners(layout[axis]):
        share = Fraction(len(range(start, stop, step)), side)
        gains = zip(op.inputs, (1 - share, share), strict=True)
        sources = [(x, gain) for x, gain in gains if isinstance(x, Tensor) and gain]
        places = np.zeros(side, dtype=bool)
        places[start:stop:step] = True
        return Placed(Identity(), sources, layout, lambda given: _written(given, axis, places))
    if step > 1:
        raise op.error(f"writes into one of every {step} samples along axis {axis}, which is spatial")
    pads = [(start, side - stop) if owner in owners(layout[axis]) else (0, 0) for owner in range(op.ndim)]
    before = tuple(Pad(pads) if tensor is op.inputs[1] else Identity() for tensor in op.tensors)

    def by_channel(given: Given) -> Placed:
        raise op.error("writes into a part of the space, which has no weights that are known")

    return Placed(Identity(), [(tensor, 1) for tensor in op.tensors], layout, by_channel, before=before)


def _written(given: Given, axis: int, places: Any) -> Placed:
    """Return the sum of what is kept and what is written, each moved to where its channels stand."""
    (base, written), shape, parts = given.op.inputs, given.shape(), []
    where = np.moveaxis(np.broadcast_to(places, (*np.delete(shape, axis), len(places))), -1, axis)
    if isinstance(base, Tensor):
        kept = np.where(where, -1, given.numbers(base))
        parts.append((base, given.choice(kept, kept.size), 1))
    if isinstance(written, Tensor):
        moved = np.full(shape, -1)
        moved[where] = given.numbers(written).ravel()
        parts.append((written, given.choice(moved, given.numbers(written).size), 1))
    return given.joined(parts)


def _known_side(op: Operator, axis: int) -> int:
    """Return the samples of an axis that an operator writes along."""
    side = None if op.shapes[0] is None else op.shapes[0][axis]
    if side is None:
        raise op.error("writes into an axis of unknown size; give input_shape")
    return side


@rule("concat")
def _(op: Operator) -> Placed:
    """Return tensors side by side along the channels, the gains their shares of them."""
    axis = op.options["axis"] % rank_of(op)
    if any(tensor.axes[axis] for tensor in op.tensors if tensor.layout is not None):
        return _lengthened(op, axis)
    sides = []
    for given in op.inputs:
        side = given.shape[axis] if given is not None and given.shape is not None else None
        if side is None:
            raise op.error("concatenates channels whose number is unknown; give input_shape")
        sides.append(side)
    shares = [
        (given, Fraction(side, sum(sides)))
        for given, side in zip(op.inputs, sides, strict=True)
        if isinstance(given, Tensor) and side
    ]
    channels = tuple(sides) if len(shares) == len(sides) else ()
    layout = tuple(() if i == axis else runs for i, runs in enumerate(broadcast(op)))
    return Placed(
        Identity(), shares, layout, lambda given: _side_by_side(given, axis, sides), channels=channels
    )


@rule("stack")
def _(op: Operator) -> Placed:
    """Return tensors side by side along a new axis."""
    layout = broadcast(op)
    axis = op.options["axis"] % (len(layout) + 1)
    sources, sides = [(tensor, Fraction(1, len(op.inputs))) for tensor in op.tensors], [1] * len(op.inputs)
    layout = (*layout[:axis], (), *layout[axis:])
    return Placed(Identity(), sources, layout, lambda given: _side_by_side(given, axis, sides))


def _side_by_side(given: Given, axis: int, sides: Sequence[int]) -> Placed:
    """Return the sum of the operands, each moved to where its channels stand."""
    parts = []
    for entry, stop, side in zip(given.op.inputs, accumulate(sides), sides, strict=True):
        if isinstance(entry, Tensor) and side and given.share(entry) is not None:
            numbers, places = given.numbers(entry), np.full(given.shape(), -1)
            block = places[(*(slice(None) for _ in range(axis)), slice(stop - side, stop))]
            block[...] = numbers.reshape(block.shape)
            parts.append((entry, given.choice(places, numbers.size), 1))
    return given.joined(parts)


def _lengthened(op: Operator, axis: int) -> Placed:
    """Return tensors one after the other along an axis that holds positions.

    Constants before and after a tensor are a padding; tokens beside those of a map keep their place. Pieces
    of one map are read as the longest one, moved: a cyclic shift, or what stands at the borders.
    """
    main = max(op.tensors, key=lambda tensor: (bool(tensor.axes[axis]), tensor.side(axis) or 0))
    place = next(i for i, given in enumerate(op.inputs) if given is main)
    sides = [given.shape[axis] if given is not None and given.shape else None for given in op.inputs]
    before, after = _summed(sides[:place]), _summed(sides[place + 1 :])
    if before is None or after is None:
        raise op.error(f"concatenates along axis {axis}, whose parts have unknown sizes; give input_shape")
    others = [tensor for tensor in op.tensors if tensor is not main]
    if len(main.runs[axis]) == 1 and not others:
        return _cut(replace(op, inputs=(main,)), {axis: (-before, -after, 1)})
    if len(main.runs[axis]) == 1 and (turned := _turned(op, axis)) is not None:
        return turned
    if any(tensor.axes[axis] for tensor in others):
        if main.owned <= main.whole:
            return everything(op)
        raise op.error(f"concatenates different maps along axis {axis}, which is spatial")
    first, *rest = main.runs[axis]
    beside = (first.beside[0] + before, first.beside[1] + after)
    runs = (first._replace(beside=beside), *rest)
    layout = tuple(runs if i == axis else own for i, own in enumerate(main.runs))
    return Placed(Identity(), [(main, 1)], layout)


def _turned(op: Operator, axis: int) -> Placed | None:
    """Return pieces of one map that follow each other in a circle: a cyclic shift, or a circular padding.

    Piece [a, b) that begins at place p is the map moved by a - p; all pieces are, modulo its length.
    """
    known = [op.options["pieces"].get(x.name) if isinstance(x, Tensor) else None for x in op.inputs]
    pieces = [piece for piece in known if piece is not None]
    if len(pieces) < len(known) or len({piece[0].name for piece in pieces}) > 1:
        return None
    source = pieces[0][0]
    whole, owner = source.side(axis), source.axes[axis][0]
    sides = [tensor.side(axis) or 0 for tensor in op.tensors]
    places = [sum(sides[:i]) for i in range(len(sides))]
    moves = {(piece[1][owner] - place) % whole for piece, place in zip(pieces, places, strict=True)}
    if len(moves) > 1 or (sum(sides) > whole and sum(sides) - max(sides) >= max(sides)):
        return None
    main = sides.index(max(sides))
    start, total = pieces[main][1][owner] - places[main], sum(sides)
    ends = [(max(0, -start), max(0, start + total - whole)) if a == owner else (0, 0) for a in range(op.ndim)]
    cut = [(max(0, start), max(0, whole - start - total)) if a == owner else (0, 0) for a in range(op.ndim)]
    parts: list[Node] = [Pad(ends, "circular")] if any(map(any, ends)) else []
    if any(map(any, cut)):
        parts.append(Slice(tuple(a for a, _ in cut), tuple(-b or None for _, b in cut)))
    return Placed(series(parts), [(source, 1)], source.runs, in_order)


def _of_several(op: Operator, axis: int, start: int | None, stop: int | None, step: int) -> Placed:
    """Return a slice of an axis with several runs: of the tokens beside a map, of its rows, of channels."""
    tensor, (first, *rest) = op.tensor, op.tensor.runs[axis]
    count = tensor.side(axis)
    if count is None or step != 1:
        return everything(op)
    begin, end, _ = slice(start, stop).indices(count)
    before, after = first.beside
    inner = math.prod(run.length or 1 for run in rest)
    if first.beside != (0, 0):
        gone = (begin, count - end)
        if gone[0] > before or gone[1] > after:
            return everything(op)  # tokens beside the map
        runs = (first._replace(beside=(before - gone[0], after - gone[1])), *rest)
        return single(op, Identity(), tuple(runs if i == axis else own for i, own in enumerate(tensor.runs)))
    if begin % inner or end % inner or first.axis is not None:
        return everything(op)
    length = (end - begin) // inner
    runs = merged((first._replace(length=length), *rest))
    return single(op, Identity(), tuple(runs if i == axis else own for i, own in enumerate(tensor.runs)))


def _summed(sides: Sequence[int | None]) -> int | None:
    """Return the sum, None where a side is unknown."""
    known = [side for side in sides if side is not None]
    return sum(known) if len(known) == len(sides) else None


@rule("complex_parts")
def _(op: Operator) -> Placed:
    """Return the two parts of complex numbers along a new last axis."""
    return single(op, Identity(), (*op.tensor.runs, (Run(None, 1, 2),)))


@rule("complex_whole")
def _(op: Operator) -> Placed:
    """Return complex numbers from two parts along the last axis."""
    return single(op, Identity(), op.tensor.runs[:-1])


@rule("repeat")
def _(op: Operator) -> Placed:
    """Return each entry of an axis so many times: copies behind it."""
    tensor, count = op.tensor, op.options["count"]
    axis = op.options["axis"] % len(tensor.runs)
    runs = merged((*tensor.runs[axis], Run(None, 1, count)))
    layout = tuple(runs if i == axis else own for i, own in enumerate(tensor.runs))
    return picks(single(op, Identity(), layout), lambda numbers: numbers.repeat(count, axis=axis))


@rule("flip")
def _(op: Operator) -> Placed:
    """Return the entries in the reverse order, of axes that hold no positions."""
    axes = tuple(axis % len(op.tensor.runs) for axis in op.options["axes"])
    for axis in axes:
        if op.tensor.side(axis) != 1 and not set(op.tensor.axes[axis]) <= op.tensor.whole:
            raise op.error(f"reverses axis {axis}, which is spatial")
    return picks(single(op, Identity()), lambda numbers: np.flip(numbers, axes))


@rule("unfold")
def _(op: Operator) -> Placed:
    """Return windows side by side: a run over the windows, and one over the samples of each."""
    tensor, options = op.tensor, op.options
    layout = list(tensor.runs)
    ends, thin, windows, samples = [(0, 0)] * op.ndim, [1] * op.ndim, [], []
    entries = zip(
        options["axes"], *(options[n] for n in ("size", "stride", "dilation", "padding")), strict=True
    )
    for axis, size, stride, dilation, pad in entries:
        side = tensor.side(axis)
        if side is None:
            raise op.error("makes windows of an axis of unknown size; give input_shape")
        count = (side + 2 * pad - dilation * (size - 1) - 1) // stride + 1
        owner = op.along(tensor, {axis: 1}, 0).index(1) if tensor.axes[axis] else None
        if owner is None and (size, stride, pad) != (1, 1, 0):
            raise op.error(f"makes windows of axis {axis}, which is not spatial")
        step = 1 if owner is None else layout[axis][0].step
        if owner is not None:
            ends[owner] = pad * step, pad * step
            if size == 1 and len(positions(tensor.runs)[owner]) == 1:  # no entry is at the samples between
                thin[owner], stride = stride, 1
        windows.append(Run(owner, step * stride, count))
        samples.append(Run(owner, step * dilation, size))
    if options["is_column"]:
        first = layout[: options["axes"][0]]
        found = (*first[:-1], (*first[-1], *samples), tuple(windows))
    else:
        layout[options["axes"][0]] = tuple(windows)
        found = (*layout, tuple(samples))
    parts: list[Node] = [Pad(ends)] if any(map(any, ends)) else []
    parts += [Slice(0, None, tuple(thin))] if set(thin) != {1} else []
    return single(op, series(parts), tuple(merged(axis) for axis in found))


@rule("fold")
def _(op: Operator) -> Placed:
    """Return windows added up where they lie: each sample is what the columns of all windows there read."""
    tensor, options = op.tensor, op.options
    *first, last = tensor.runs
    names = ("made", "padding", "dilation", "size", "stride")
    windows = list(zip(*(options[n] for n in names), strict=True))
    counts = [
        (made + sum(pad) - dilation * (size - 1) - 1) // stride + 1
        for made, pad, dilation, size, stride in windows
    ]
    owners_of = [run.axis for run in last]
    is_in_order = owners_of == sorted({owner for owner in owners_of if owner is not None})
    if not is_in_order or [run.length for run in last] != counts:
        return everything(op) if tensor.owned <= tensor.whole else _unknown_windows(op)
    move = read(op, tensor, range(len(first)))
    rests = [(m + sum(p) - d * (k - 1) - 1) % s for m, p, d, k, s in windows]  # that no window reaches
    layer = ConvTranspose(
        _spread(op, owners_of, options["size"], 1),
        _spread(op, owners_of, options["stride"], 1),
        _spread(op, owners_of, options["dilation"], 1),
        _spread(op, owners_of, options["padding"], (0, 0)),
        _spread(op, owners_of, rests, 0),
    )
    depth = tuple(() for _ in first)
    layout = (*depth, *((run._replace(step=1),) for run in last))
    return single(op, series([move.node, Rearranged(layer)]), layout)


def _unknown_windows(op: Operator) -> Placed:
    raise op.error("adds up windows that are not those of a map")


def _spread(
    op: Operator, owners_of: Sequence[int | None], values: Sequence[Any], default: Any
) -> tuple[Any, ...]:
    """Return one value per axis of the network."""
    found = [default] * op.ndim
    for owner, value in zip(owners_of, values, strict=True):
        if owner is not None:
            found[owner] = value
    return tuple(found)


@rule("roll")
def _(op: Operator) -> Placed:
    """Return a cyclic shift; `shifts` are by axis."""
    axes = op.tensor.axes
    shifts = {axis % len(axes): shift for axis, shift in op.options["shifts"].items()}
    moves = op.along(op.tensor, {axis: shift for axis, shift in shifts.items() if axes[axis]}, 0)
    ends = [(max(0, move), max(0, -move)) for move in moves]  # samples that come in before, and behind
    cut = Slice(tuple(after for _, after in ends), tuple(-before or None for before, _ in ends))
    own = {axis: shift for axis, shift in shifts.items() if not axes[axis]}
    placed = single(op, series([Pad(ends, "circular"), cut]) if any(moves) else Identity())
    return picks(placed, lambda numbers: np.roll(numbers, list(own.values()), list(own)))


@rule("transpose")
def _(op: Operator) -> Placed:
    """Return the axes in another order, the given one or reversed."""
    order = op.get("order") or range(len(op.tensor.axes))[::-1]
    layout = tuple(op.tensor.runs[axis] for axis in order)
    return picks(single(op, Identity(), layout), lambda numbers: numbers.transpose(order))


@rule("squeeze")
def _(op: Operator) -> Placed:
    """Return the tensor without axes of one sample: those given, or all."""
    tensor, axes = op.tensor, op.get("axes")
    rank = len(tensor.axes)
    known = tensor.shape or (None,) * rank
    gone = {i for i, side in enumerate(known) if side == 1}
    if axes is not None:
        gone &= {axis % rank for axis in axes}
    layout = tuple(axis for i, axis in enumerate(tensor.runs) if i not in gone)
    return single(op, Identity(), layout, in_order)


@rule("unsqueeze")
def _(op: Operator) -> Placed:
    """Return the tensor with axes of one sample put in."""
    axes = op.options["axes"]
    rank = len(op.tensor.axes) + len(axes)
    new = {axis % rank for axis in axes}
    rest = iter(op.tensor.runs)
    return single(op, Identity(), tuple(() if i in new else next(rest) for i in range(rank)), in_order)


@rule("expand")
def _(op: Operator) -> Placed:
    """Return copies along axes that hold no space."""
    tensor, shape = op.tensor, op.shapes[0]
    rank = len(tensor.axes) if shape is None else len(shape)
    layout = ((),) * (rank - len(tensor.axes)) + tensor.runs
    if shape is not None and tensor.shape is not None:
        before = (1,) * (rank - len(tensor.axes)) + tensor.shape
        if any(owners(axis) and a != b for axis, a, b in zip(layout, before, shape, strict=True)):
            raise op.error("makes copies along a spatial axis")
        layout = tuple(() if a != b else axis for axis, a, b in zip(layout, before, shape, strict=True))

    def by_channel(given: Given) -> Placed:
        numbers, shape = given.numbers(tensor), given.shape()
        numbers = numbers.reshape((1,) * (len(shape) - numbers.ndim) + numbers.shape)
        return given.picked(np.tile(numbers, [b // a for a, b in zip(numbers.shape, shape, strict=True)]))

    return single(op, Identity(), layout, by_channel)


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


def _cut(op: Operator, cuts: Mapping[int, tuple[int, int, int]], border: str = "zeros") -> Placed:
    """Return what leaves out samples before and after, adds them where negative, and takes each step-th."""
    tensor = op.tensor
    spatial = {axis: cut for axis, cut in cuts.items() if tensor.axes[axis]}
    if any(len(tensor.axes[axis]) > 1 for axis in spatial):
        return everything(op)  # of tokens
    inner = [axis for axis in spatial if not outermost(tensor.runs, axis)]
    moves = {axis: _within(op, axis, spatial[axis]) for axis in inner[:1]}
    if inner:
        if len(spatial) > 1:
            raise op.error(
                f"cuts axis {inner[0]}, which holds a part of the positions of a map, beside another"
            )
        return moves[inner[0]].of(tensor)
    steps = {axis: tensor.runs[axis][0].step for axis in spatial}
    if any(cut[2] > 1 and steps[axis] > 1 for axis, cut in spatial.items()):
        raise op.error("takes every so many rows of blocks")
    scaled = {axis: (b * steps[axis], a * steps[axis], step) for axis, (b, a, step) in spatial.items()}
    found = [(0, 0, 1)] * op.ndim
    for axis, cut in scaled.items():
        found[tensor.axes[axis][0]] = cut
    parts: list[Node] = []
    added = [(max(0, -before), max(0, -after)) for before, after, _ in found]
    if any(map(any, added)):
        parts.append(Pad(added, border))
    if any(before > 0 or after > 0 or step > 1 for before, after, step in found):
        starts = tuple(max(0, before) for before, _, _ in found)
        stops = tuple(min(0, -after) or None for _, after, _ in found)
        parts.append(Slice(starts, stops, tuple(step for _, _, step in found)))
    return single(op, series(parts), by_channel=in_order)


def _within(op: Operator, axis: int, cut: tuple[int, int, int]) -> Move:
    """Return a cut of a run within blocks."""
    before, after, step = cut
    side = op.tensor.side(axis)
    if side is None:
        raise op.error("cuts blocks of unknown size; give input_shape")
    count = len(range(before, side - after, step))
    return stepped(op, op.tensor, Place(axis, 0), count, lambda unit: [before + step * unit])
