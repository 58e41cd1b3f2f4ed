"""Tensors that are joined entry by entry: brought to one map, as far as they read the same positions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..network.algebra import series
from ..network.layers import GlobalPool
from .axes import Axis, Layout, Place, Run, cuts_of, merged, positions, split
from .ir import Operator, Tensor
from .moves import Grid, Move, _grids, _placed, _regridded


def groups(op: Operator, tensors: Sequence[Tensor], rank: int) -> list[list[Tensor]]:
    """Return which tensors go together: those whose entries read an axis of the map at one place.

    Queries along the rows and keys along the columns of a product do not.
    """
    found: list[list[Tensor]] = []
    for tensor in tensors:
        home = next((group for group in found if all(_fit(op, tensor, other, rank) for other in group)), None)
        if home is None:
            found.append([tensor])
        else:
            home.append(tensor)
    return found


def _fit(op: Operator, a: Tensor, b: Tensor, rank: int) -> bool:
    """Whether two tensors read each axis of the map along the same runs, or one of them along more."""
    first, second = _refined(op, [a, b], rank)
    for owner in a.owned & b.owned:
        mine, theirs = _places(first, owner), _places(second, owner)
        if (mine - theirs and theirs - mine) or _clash(first, second, owner):
            return False
    return True


def _clash(first: Layout, second: Layout, owner: int) -> bool:
    """Whether one has an axis of the map where the other has another."""
    return any(
        _run(second, place).axis not in (None, owner)
        for place in _places(first, owner)
        if _run(second, place)
    )


def _places(layout: Layout, owner: int) -> set[Place]:
    return {
        Place(i, j)
        for i, axis in enumerate(layout)
        for j, run in enumerate(axis)
        if run.axis == owner and run.is_long
    }


def _run(layout: Layout, place: Place) -> Run:
    axis = layout[place.axis]
    return axis[place.run] if place.run < len(axis) else Run(None, 1, 1)


def _refined(op: Operator, tensors: Sequence[Tensor], rank: int) -> list[Layout]:
    """Return the layouts of tensors, with the same runs along each axis; those of one entry have none."""
    layouts = [((),) * (rank - len(t.runs)) + t.runs for t in tensors]
    found: list[list[Axis]] = [[] for _ in tensors]
    beside = op.options["axis"] % rank if op.kind in ("concat", "scatter") else None  # side by side there
    for i in range(rank):
        axes = [layout[i] for layout in layouts]
        long = [axis for axis in axes if any(run.is_long for run in axis)]
        if i == beside or any(run.beside != (0, 0) for axis in long for run in axis) or len(long) < 2:
            refined: list[Axis | None] = list(axes)
        else:
            cuts = sorted({cut for axis in long for cut in cuts_of(axis)})
            refined = [split(axis, cuts) if axis in long else axis for axis in axes]
        for entry, axis in zip(found, refined, strict=True):
            if axis is None:
                raise op.error(f"joins tensors whose axes {i} are made of blocks that do not fit each other")
            entry.append(axis)
    return [tuple(entry) for entry in found]


def aligned(op: Operator, tensors: Sequence[Tensor], rank: int) -> list[Move | None]:
    """Return what brings each of some tensors that go together to the map of the finest, None for no move."""
    layouts = _refined(op, tensors, rank)
    owned = sorted({owner for tensor in tensors for owner in tensor.owned})
    target = {owner: _target(layouts, owner) for owner in owned}
    return [_moved(op, tensor, layout, target) for tensor, layout in zip(tensors, layouts, strict=True)]


Steps = dict[Place, Run]


def _target(layouts: Sequence[Layout], owner: int) -> Steps:
    """Return the runs of an axis of the map that all tensors together have, with their steps on one map."""
    richest = max(layouts, key=lambda layout: len(_places(layout, owner)))
    entries = positions(richest)[owner]
    same = [
        all(_run(layout, place) == run for place, run in entries)
        for layout in layouts
        if _places(layout, owner) or owner in _owned(layout)
    ]
    if all(same):
        return dict(entries)
    long = [(place, run) for place, run in entries if run.is_long] or entries
    runs = _placed(long, [run.length or 1 for _, run in long])
    return {place: runs[place] or run for place, run in long}  # the largest steps first


def _owned(layout: Layout) -> set[int | None]:
    return {run.axis for axis in layout for run in axis}


def _moved(op: Operator, tensor: Tensor, layout: Layout, target: Mapping[int, Steps]) -> Move | None:
    """Return what brings a tensor to the runs of a target."""
    grids: dict[int, Grid] = {}
    pooled, sides = [False] * op.ndim, list(tensor.sides)
    new: dict[Place, Run] = {}
    for owner, runs in target.items():
        if owner not in _owned(layout):
            continue  # read whole before, it fits any
        places = list(runs)
        own = [_run(layout, place) for place in places]
        if all(a == b for a, b in zip(own, runs.values(), strict=True)):
            continue
        counts = [run.length or 1 for run in runs.values()]
        steps = [run.step if run.axis == owner else None for run in own]
        alone = all(run.length == 1 for axis in layout for run in axis if run.axis == owner)
        if alone and math.prod(counts) > 1:
            where = places[0].axis - len(layout)
            raise op.error(
                f"repeats the single sample of {tensor.name!r} along axis {where}, which is spatial"
            )
        if steps[0] is None:
            pooled[owner], sides[owner] = True, 1
            new |= {p: Run(None, 1, r.length) for p, r in zip(places, own, strict=True) if r.axis == owner}
            continue
        grids[owner] = _regridded(steps, counts)
        # Copies along a run, which are no positions of their own, are positions of the finer map.
        new |= {p: t for p, t, r in zip(places, runs.values(), own, strict=True) if r.is_long}
        sides[owner] = math.prod(counts)
    if not grids and not any(pooled):
        return None
    node = _grids(grids, op.ndim, None)
    if any(pooled):
        node = series([GlobalPool(None if all(pooled) else tuple(pooled)), node])
    found = tuple(
        merged(new.get(Place(i, j), run) for j, run in enumerate(axis)) for i, axis in enumerate(layout)
    )
    whole = frozenset(owner for owner, flag in enumerate(pooled) if flag)
    return Move(node, found[len(found) - len(tensor.runs) :], tuple(sides), whole, lambda given: given.placed)
