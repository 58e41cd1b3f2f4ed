"""What becomes of a map when runs of a tensor's axes are read, placed or brought to another order.

An operator that mixes the entries of an axis reads all runs there: of a run within blocks all its samples of
the block, of the outermost run all of the axis. What is left counts the positions of a coarser map. The other
way round, channels that come to stand behind positions along an axis are a block of a finer map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..network.algebra import Identity, Node, Series, series
from ..network.arguments import Ints
from ..network.blocks import Blocks, Reads
from ..network.channels import Rearranged, Weighted
from ..network.layers import Conv, ConvTranspose, GlobalContext, GlobalPool, Upsample
from ..network.moves import Slice
from .axes import Axis, Layout, Place, Run, Shape, counted, merged, positions
from .channelwise import Given
from .ir import Operator, Placed, Tensor

Entries = list[tuple[Place, Run]]


class Move(NamedTuple):
    """A node that makes another map of a tensor's, and where the tensor's entries are found there."""

    node: Node
    layout: Layout
    sides: Shape
    whole: frozenset[int] = frozenset()
    by_channel: Callable[[Given], Placed] | None = None

    def of(self, tensor: Tensor) -> Placed:
        """Return the move of a tensor as what an operator means."""
        return Placed(self.node, [(tensor, 1)], self.layout, self.by_channel, whole=self.whole)


class Grid(NamedTuple):
    """What the units of a block of a map read of a block of another, along one axis."""

    size: int
    reads: Reads

    @property
    def is_identity(self) -> bool:
        """Whether each unit reads its own sample."""
        return self.reads == tuple((i,) for i in range(self.size))

    @property
    def window(self) -> tuple[int, int] | None:
        """The samples and their distance where one unit reads evenly spaced ones from the first on."""
        if len(self.reads) > 1:
            return None
        places = self.reads[0]
        step = places[1] if len(places) > 1 else 1
        return (len(places), step) if places == tuple(step * i for i in range(len(places))) else None


def _grids(found: Mapping[int, Grid], ndim: int, channels: int | None) -> Node:
    """Return what reads blocks along some axes: a window that moves by its blocks, where it is one."""
    grids = {axis: grid for axis, grid in found.items() if not grid.is_identity}
    if not grids:
        return Identity()
    size = tuple(grids[axis].size if axis in grids else 1 for axis in range(ndim))
    windows = {axis: grid.window for axis, grid in grids.items()}
    if all(windows.values()):
        taps = [windows.get(axis) or (1, 1) for axis in range(ndim)]
        shape, steps = tuple(count for count, _ in taps), tuple(step for _, step in taps)
        return Rearranged(Conv(shape, stride=size, dilation=steps), channels)
    ups = {axis: len(grid.reads) for axis, grid in grids.items() if set(grid.reads) == {(0,)}}
    if len(ups) == len(grids) and set(size) == {1}:
        return Rearranged(Upsample(tuple(ups.get(axis, 1) for axis in range(ndim))), channels)
    reads = [grids[axis].reads if axis in grids else ((0,),) for axis in range(ndim)]
    return Rearranged(Blocks(size, reads), channels)


def depth_of(layout: Layout) -> int | None:
    """Return the number of channels; of several axes without positions the first is the batch."""
    sides = [
        _lengths(run for run in axis if run.axis is None)
        for axis in layout
        if not axis or any(run.axis is None for run in axis)
    ]
    sides = sides[1:] if len(sides) > 1 else sides
    return None if None in sides else math.prod(side for side in sides if side is not None)


def depth_behind(node: Node, count: int | None) -> int | None:
    """Return the number of channels behind a node."""
    for part in node.nodes if isinstance(node, Series) else (node,):
        if isinstance(part, (Conv, ConvTranspose, Rearranged)):
            count = part.channels or count
    return count


def has_channels(node: Node) -> bool:
    """Whether a node has weights for its channels."""
    return any(
        isinstance(part, (Conv, ConvTranspose))
        for part in (node.nodes if isinstance(node, Series) else (node,))
    )


def _lengths(runs: Iterable[Run]) -> int | None:
    lengths = [run.length for run in runs]
    return None if None in lengths else math.prod(length or 1 for length in lengths)


def _known(op: Operator, entries: Entries) -> list[int]:
    lengths = [run.length for _, run in entries]
    if None in lengths:
        raise op.error("reads runs of an axis of unknown size; give input_shape")
    return [length or 1 for length in lengths]


def read(
    op: Operator,
    tensor: Tensor,
    axes: Iterable[int],
    places: Iterable[Place] = (),
    chosen: Mapping[Place, int] | None = None,
) -> Move:
    """Return what reads all runs of positions along some axes of a tensor, and at some places.

    Of those `chosen` it reads one entry. Its layout holds channels in the place of what is read, and nothing
    in the place of what is chosen.
    """
    chosen = chosen or {}
    gone = {Place(i, j) for i in axes for j, run in enumerate(tensor.runs[i]) if run.axis is not None}
    gone |= {*places, *chosen}
    grids: dict[int, Grid] = {}
    new: dict[Place, Run | None] = {}
    pooled, sides = [False] * op.ndim, list(tensor.sides)
    for owner, entries in positions(tensor.runs).items():
        mine = [(place, run) for place, run in entries if place in gone]
        rest = [(place, run) for place, run in entries if place not in gone]
        if not mine:
            continue
        for place, run in mine:
            new[place] = None if place in chosen else Run(None, 1, run.length)
        if not rest or entries[0][0] in gone:
            pooled[owner], sides[owner] = True, 1
            new |= {place: Run(None, 1, run.length) for place, run in rest}
            continue
        counts = _known(op, rest)
        _known(op, mine)
        offsets = _offsets(mine, chosen)
        reads = [tuple(_dot(count, rest[1:]) + offset for offset in offsets) for count in counted(counts[1:])]
        grids[owner] = Grid(rest[0][1].step, tuple(reads))
        new |= _placed(rest, counts)
        sides[owner] = math.prod(counts)
    layout = _with(tensor.runs, new)
    node = _grids(grids, op.ndim, depth_of(layout))
    if any(pooled):
        node = series([GlobalPool(None if all(pooled) else tuple(pooled)), node])
    whole = frozenset(owner for owner, flag in enumerate(pooled) if flag)
    by_channel = None if any(pooled) or chosen else _channels_of(tensor, gone)
    return Move(node, layout, tuple(sides), whole, by_channel)


def _offsets(entries: Entries, chosen: Mapping[Place, int]) -> list[int]:
    """Return where the samples lie that are read beside one."""
    counts = [
        range(chosen[p], chosen[p] + 1) if p in chosen else range(run.length or 1) for p, run in entries
    ]
    found = [0]
    for (_, run), count in zip(entries, counts, strict=True):
        found = [offset + run.step * d for offset in found for d in count]
    return sorted(found)


def _dot(count: Sequence[int], entries: Entries) -> int:
    return sum(d * run.step for d, (_, run) in zip(count, entries, strict=True))


def _placed(entries: Entries, counts: Sequence[int]) -> dict[Place, Run | None]:
    """Return the runs with the steps of a map that holds them in their order, and no more."""
    found: dict[Place, Run | None] = {}
    step = 1
    for (place, run), count in zip(reversed(entries), reversed(counts), strict=True):
        found[place] = run._replace(step=step)
        step *= count
    return found


def _with(layout: Layout, new: Mapping[Place, Run | None]) -> Layout:
    """Return a layout with some runs replaced or left out."""
    found: list[Axis] = []
    for i, axis in enumerate(layout):
        runs = [new.get(Place(i, j), run) for j, run in enumerate(axis)]
        found.append(merged(run for run in runs if run is not None))
    return tuple(found)


def placed(op: Operator, tensor: Tensor, axes: Iterable[int]) -> Move:
    """Return the finer map on which channels that stand behind positions on some axes are positions too."""
    grids: dict[int, Grid] = {}
    layout, sides = list(tensor.runs), list(tensor.sides)
    moved: list[Place] = []
    for i in axes:
        for j, run in enumerate(tensor.runs[i]):
            if run.axis is not None or not run.is_long or not any(r.axis is not None for r in tensor.runs[i]):
                continue
            before = [r for r in tensor.runs[i][:j] if r.axis is not None]
            if not before or None in (run.length, *(r.length for r in tensor.runs[i])):
                raise op.error(f"works along axis {i}, which holds channels before the positions")
            owner = before[-1].axis
            assert owner is not None
            layout[i] = (*layout[i][:j], Run(owner, 0, run.length), *layout[i][j + 1 :])
            moved.append(Place(i, j))
    for owner in {layout[i][j].axis for i, j in moved}:
        assert owner is not None
        order = _in_order(tensor.runs, layout, owner)
        counts = [layout[i][j].length or 1 for i, j in order]
        steps = [0 if Place(i, j) in moved else tensor.runs[i][j].step for i, j in order]
        grids[owner] = _regridded(steps, counts)
        runs = _placed([(p, layout[p.axis][p.run]) for p in order], counts)
        layout = [
            tuple(runs.get(Place(i, j)) or run for j, run in enumerate(axis)) for i, axis in enumerate(layout)
        ]
        sides[owner] = math.prod(counts)
    found = tuple(map(merged, layout))
    return Move(
        _grids(grids, op.ndim, depth_of(found)),
        found,
        tuple(sides),
        by_channel=_positions_of(tensor, moved),
    )


def _in_order(old: Layout, new: Sequence[Axis], owner: int) -> list[Place]:
    """Return the places of an axis of the map, those that came in behind the one before them."""
    found = [place for place, _ in positions(old).get(owner, [])]
    for i, axis in enumerate(new):
        for j, run in enumerate(axis):
            if run.axis == owner and Place(i, j) not in found:
                last = next(k for k in range(j - 1, -1, -1) if axis[k].axis == owner)
                found.insert(found.index(Place(i, last)) + 1, Place(i, j))
    return found


def _regridded(steps: Sequence[int | None], counts: Sequence[int]) -> Grid:
    """Return what a map of runs in their order reads of one with other steps, none for a run it lacks."""
    inner = [step or 0 for step in steps[1:]]
    reads = [(sum(d * step for d, step in zip(count, inner, strict=True)),) for count in counted(counts[1:])]
    return Grid(steps[0] or 0, tuple(reads))


def kept(op: Operator, tensor: Tensor, axes: Iterable[int]) -> tuple[Node, frozenset[int]]:
    """Return what reads blocks along some axes and keeps positions, and along which axes all is read."""
    node, sides = _kept(op, tensor, axes, "both")
    return node, frozenset(owner for owner, word in enumerate(sides) if word != "none")


def context(op: Operator, tensor: Tensor, axes: Iterable[int], side: str) -> tuple[Node, frozenset[int]]:
    """Return what reads the runs along some axes, keeping positions, and along which axes it reads all.

    A side other than "both" counts along the first run of an axis; the runs behind it are read whole.
    """
    node, sides = _kept(op, tensor, axes, side)
    whole = frozenset(owner for owner, word in enumerate(sides) if word == "both")
    if set(sides) == {"none"}:
        return node, whole
    return series([GlobalContext(None if set(sides) == {"both"} else tuple(sides)), node]), whole


def _kept(op: Operator, tensor: Tensor, axes: Iterable[int], side: str) -> tuple[Node, list[str]]:
    """Return what reads runs within blocks, and the sides on which the outermost ones are read."""
    gone = {Place(i, j) for i in axes for j, run in enumerate(tensor.runs[i]) if run.axis is not None}
    first = {min((p for p in gone if p.axis == i), default=None) for i in axes}
    sides, grids = ["none"] * op.ndim, {}
    for owner, entries in positions(tensor.runs).items():
        mine = [place for place, _ in entries if place in gone]
        if not mine:
            continue
        if entries[0][0] in gone:
            alone = len(mine) == 1 and mine[0] in first
            sides[owner] = side if alone else "both"
            continue
        grids[owner] = _within(op, entries, gone, side if len(mine) == 1 and mine[0] in first else "both")
    if not grids:
        return Identity(), sides
    size = tuple(grids[axis].size if axis in grids else 1 for axis in range(op.ndim))
    return Blocks(size, [grids[a].reads if a in grids else ((0,),) for a in range(op.ndim)]), sides


def _within(op: Operator, entries: Entries, gone: set[Place], side: str) -> Grid:
    """Return what reads some runs within the smallest blocks that hold them."""
    outermost = max(run.step for place, run in entries if place in gone)
    size = min(run.step for place, run in entries if place not in gone and run.step > outermost)
    inside = [(place, run) for place, run in entries if run.step < size]
    counts = _known(op, inside)
    even = [run.step for _, run in inside] == [math.prod(counts[i + 1 :]) for i in range(len(counts))]
    if not even or math.prod(counts) != size:
        raise op.error("mixes entries of windows that overlap, and keeps them apart")
    reads = []
    for count in counted(counts):
        ranges = [
            _range(side, d, n) if place in gone else (d,) for d, n, (place, _) in _zip(count, counts, inside)
        ]
        reads.append(tuple(sorted(_sums(ranges, [run.step for _, run in inside]))))
    return Grid(size, tuple(reads))


def _zip(count: Ints, counts: Sequence[int], inside: Entries) -> Iterable[tuple[int, int, tuple[Place, Run]]]:
    return zip(count, counts, inside, strict=True)


def _range(side: str, entry: int, count: int) -> range:
    """Return which entries of a run one of them reads."""
    return range(
        0 if side in ("both", "before") else entry, count if side in ("both", "after") else entry + 1
    )


def _sums(ranges: Sequence[Iterable[int]], steps: Sequence[int]) -> list[int]:
    found = [0]
    for entries, step in zip(ranges, steps, strict=True):
        found = [base + step * d for base in found for d in entries]
    return found


def stepped(
    op: Operator, tensor: Tensor, place: Place, count: int, taps: Callable[[int], Sequence[int]]
) -> Move:
    """Return a run within blocks with `count` entries, of which entry d reads those that taps(d) names.

    Taps beyond the ends of the run read nothing.
    """
    run = tensor.runs[place.axis][place.run]
    assert run.axis is not None
    entries = positions(tensor.runs)[run.axis]
    outer = [other.step for p, other in entries if p != place and other.step > run.step]
    size = min(outer)
    inside = [(p, other) for p, other in entries if other.step < size]
    counts = [count if p == place else n for (p, _), n in zip(inside, _known(op, inside), strict=True)]
    reads = []
    for entry in counted(counts):
        own = entry[[p for p, _ in inside].index(place)]
        within = [t for t in taps(own) if 0 <= t < (run.length or 0)]
        if not within:
            raise op.error("makes entries of padding alone")
        ranges = [within if p == place else (d,) for d, (p, _) in zip(entry, inside, strict=True)]
        reads.append(tuple(sorted(_sums(ranges, [other.step for _, other in inside]))))
    outside = [(p, other) for p, other in entries if other.step >= size]
    whole = [*_known(op, outside), *counts]
    new = _placed(
        [*outside, *((p, o._replace(length=n)) for (p, o), n in zip(inside, counts, strict=True))], whole
    )
    sides = list(tensor.sides)
    sides[run.axis] = math.prod(whole)
    grid = Grid(size, tuple(reads))
    size_of = tuple(grid.size if a == run.axis else 1 for a in range(op.ndim))
    node = Blocks(size_of, [grid.reads if a == run.axis else ((0,),) for a in range(op.ndim)])
    return Move(node, _with(tensor.runs, new), tuple(sides))


def thinned(op: Operator, tensor: Tensor) -> Move | None:
    """Return what leaves out the samples that no entry is at, along axes of a single run; None where none is.

    They would count as units of the map, and as neighbours of those that are.
    """
    new: dict[Place, Run | None] = {}
    steps, sides = [1] * op.ndim, list(tensor.sides)
    stops: list[int | None] = [None] * op.ndim
    for owner, [(place, run), *others] in positions(tensor.runs).items():
        side = tensor.sides[owner]
        if others or run.length is None or side is None:
            continue
        rest = side - 1 - run.step * (run.length - 1)
        if run.step > 1 or rest > 0:
            steps[owner], stops[owner], sides[owner] = run.step, min(0, -rest) or None, run.length
            new[place] = run._replace(step=1)
    node = Slice((0,) * op.ndim, tuple(stops), tuple(steps))
    layout = _with(tensor.runs, new)
    return Move(node, layout, tuple(sides), by_channel=lambda given: given.placed) if new else None


def _channels_of(tensor: Tensor, gone: set[Place]) -> Callable[[Given], Placed]:
    """Return the convolution with a single 1 for each channel that samples of blocks become."""

    def by_channel(given: Given) -> Placed:
        return _one_hot(given, tensor.runs, gone)

    return by_channel


def _positions_of(tensor: Tensor, moved: Sequence[Place]) -> Callable[[Given], Placed]:
    """Return the transposed convolution with a single 1 for each sample of a block that channels become."""

    def by_channel(given: Given) -> Placed:
        return _one_hot(given, tensor.runs, set(moved))

    return by_channel


def _one_hot(given: Given, layout: Layout, moved: set[Place]) -> Placed:
    """Return weights that move runs between channels and positions.

    Both sides count the runs in the order of the layout; along a run that moves there is one position or
    channel on one side and all of them on the other.
    """
    node = given.placed.node
    if isinstance(node, Identity):
        return given.placed
    layer = node.layer if isinstance(node, Rearranged) else None
    if not isinstance(layer, (Conv, Upsample)):
        raise given.op.error("moves blocks in a way that has no weights by channel; use weights='energy'")
    runs = [(Place(i, j), run) for i, axis in enumerate(layout) for j, run in enumerate(axis)]
    few = [1 if p in moved or run.axis is not None else run.length or 1 for p, run in runs]
    many = [(run.length or 1) if p in moved else n for (p, run), n in zip(runs, few, strict=True)]
    sides = tuple(layer.kernel.shape if isinstance(layer, Conv) else layer.factor)
    deep = np.arange(math.prod(many)).reshape(many)
    base = math.prod(few)
    weights = np.zeros((deep.size, base, *sides))
    order = [p for p, _ in runs if p in moved]
    owner = {p: _owner(layout, p) for p in order}
    lengths = [layout[p.axis][p.run].length or 1 for p in order]
    for count in counted(lengths):
        index: Any = tuple(count[order.index(p)] if p in moved else slice(None) for p, _ in runs)
        tap = [0] * len(sides)
        for p, d in zip(order, count, strict=True):
            tap[owner[p]] += d * _tap_step(layout, moved, p, owner)
        weights[(deep[index].ravel(), np.arange(base), *tap)] = 1
    if isinstance(layer, Conv):
        return given.placed._replace(node=Weighted(layer, weights))
    return given.placed._replace(node=Weighted(ConvTranspose(sides, stride=sides), weights))


def _owner(layout: Layout, place: Place) -> int:
    """Return the axis of the map that a run runs along, or the channels behind it come to run along."""
    axis = layout[place.axis]
    found = [run.axis for run in axis[: place.run + 1] if run.axis is not None]
    return found[-1]


def _tap_step(layout: Layout, moved: set[Place], place: Place, owner: Mapping[Place, int]) -> int:
    """Return how many taps further the next entry of a run that moves lies."""
    same = [p for p in moved if owner[p] == owner[place]]
    run = layout[place.axis][place.run]
    if run.axis is not None:
        behind = [p for p in same if layout[p.axis][p.run].step < run.step]
    else:
        behind = [p for p in same if p > place]
    return math.prod(layout[p.axis][p.run].length or 1 for p in behind)
