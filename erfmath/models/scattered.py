"""Entries followed one by one, where a padding between rows and a cut elsewhere move them about.

Relative positions in attention are made so: rows of 2 n - 1 entries are padded by one, flattened, and cut
into rows of another length, in which each begins one entry later. No runs describe what lies between; once
the rows are whole again, they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .axes import Axis, Layout, Run, Shape, merged
from .ir import Operator, Tensor

# Operators that only move entries.
VIEWS = frozenset(["pad", "reshape", "slice", "squeeze", "transpose", "unsqueeze"])
_MOST = 2**24  # entries, 64 MB for each axis of the map

Places = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True)
class Scattered:
    """A tensor as the positions of its entries along each axis of a map, -1 of those that are padding."""

    name: str
    sides: Shape
    whole: frozenset[int]
    places: dict[int, Places]


def viewed(op: Operator, tensor: Tensor) -> Scattered | None:
    """Return what an operator makes of entries that are followed; None of others, in short layouts."""
    known: Scattered | None = tensor.scattered or (_of(tensor) if _parts_rows(op, tensor) else None)
    if known is None:
        return None
    places = {owner: _moved(op, array) for owner, array in known.places.items()}
    return Scattered(known.name, known.sides, known.whole, places)


def _parts_rows(op: Operator, tensor: Tensor) -> bool:
    """Whether an operator pads an axis of several runs, as comes before such a cut."""
    if op.kind != "pad" or tensor.layout is None or not tensor.owned:
        return False
    return any(
        any(pair) and len(runs) > 1 and any(run.axis is not None for run in runs)
        for pair, runs in zip(op.options["pads"], tensor.layout, strict=True)
    )


def _of(tensor: Tensor) -> Scattered | None:
    """Return the positions of the entries of a tensor, None where it is large or its shape not known."""
    shape = tensor.shape
    if shape is None or None in shape or math.prod(side or 0 for side in shape) > _MOST:
        return None
    found = {owner: np.zeros([1] * len(shape), dtype=np.int32) for owner in tensor.owned}
    for i, axis in enumerate(tensor.runs):
        if axis and axis[0].beside != (0, 0):
            return None
        line = {owner: np.zeros(1, dtype=np.int32) for owner in found}
        for run in axis:
            for owner, array in line.items():
                step = run.step if run.axis == owner else 0
                line[owner] = np.add.outer(array, step * np.arange(run.length or 1, dtype=np.int32)).ravel()
        for owner, array in line.items():
            found[owner] = found[owner] + array.reshape([-1 if a == i else 1 for a in range(len(shape))])
    full = {owner: np.broadcast_to(array, [side or 1 for side in shape]) for owner, array in found.items()}
    return Scattered(tensor.name, tensor.sides, tensor.whole, full)


def _moved(op: Operator, places: Places) -> Places:
    """Return an array of positions behind an operator."""
    if op.kind == "pad":
        kept = tuple(
            slice(max(-a, 0), n - max(-b, 0))
            for (a, b), n in zip(op.options["pads"], places.shape, strict=True)
        )
        return np.pad(
            places[kept], [(max(a, 0), max(b, 0)) for a, b in op.options["pads"]], constant_values=-1
        )
    if op.kind == "slice":
        cuts = [slice(None)] * places.ndim
        for axis, start, stop, step in op.options["slices"]:
            cuts[axis % places.ndim] = slice(start, stop, step)
        return places[tuple(cuts)]
    if op.kind == "transpose":
        return places.transpose(op.get("order") or range(places.ndim)[::-1])
    return places.reshape([side or 1 for side in op.shapes[0] or ()])


def recognised(scattered: Scattered) -> Layout | None:
    """Return the layout of entries that are followed, None where no runs describe them."""
    owners = sorted(scattered.places)
    arrays = [scattered.places[owner] for owner in owners]
    if any(array.size and (array.min() < 0 or array.flat[0] != 0) for array in arrays):
        return None
    layout = []
    for i in range(arrays[0].ndim):
        first = tuple(slice(None) if a == i else 0 for a in range(arrays[0].ndim))
        axis = _runs(np.stack([array[first] for array in arrays], axis=1), owners)
        if axis is None:
            return None
        layout.append(axis)
    for owner, array in zip(owners, arrays, strict=True):
        whole = sum(
            (
                _line(axis, owner).reshape([-1 if a == i else 1 for a in range(array.ndim)])
                for i, axis in enumerate(layout)
            ),
            np.zeros([1] * array.ndim, dtype=np.int64),
        )
        if not (np.broadcast_to(whole, array.shape) == array).all():
            return None
    return tuple(layout)


def _runs(line: np.ndarray[Any, Any], owners: list[int]) -> Axis | None:
    """Return the runs along an axis from the positions on it, one column for each axis of the map."""
    found: list[Run] = []
    while len(line) > 1:
        step = line[1] - line[0]
        if np.count_nonzero(step) > 1 or (step < 0).any():
            return None
        expected = line[0] + np.outer(np.arange(len(line)), step)
        same = (line == expected).all(axis=1)
        reach = len(line) if same.all() else int(np.argmin(same))
        count = next((n for n in range(reach, 1, -1) if len(line) % n == 0), 1)
        blocks = line.reshape(-1, count, len(owners))
        if count == 1 or not (blocks == blocks[:, :1] + np.outer(np.arange(count), step)).all():
            return None
        moving = np.flatnonzero(step)
        found.append(
            Run(owners[moving[0]], int(step[moving[0]]), count) if moving.size else Run(None, 1, count)
        )
        line = blocks[:, 0]
    return merged(found[::-1])


def _line(axis: Axis, owner: int) -> np.ndarray[Any, Any]:
    """Return the positions along an axis of the map of the entries along one of a tensor."""
    line = np.zeros(1, dtype=np.int64)
    for run in axis:
        line = np.add.outer(line, (run.step if run.axis == owner else 0) * np.arange(run.length or 1)).ravel()
    return line
