"""What the picture that one can touch needs: the network's layers, and its program along each axis.

A unit is pulled back through the program in the browser, by the same sums of integers as here: unit i of a
stage reads (stride i + dilation p + shift) / upsampling for each tap p, where that is an integer, and with
borders what lies inside the map of that layer. So what it shows is exact for every unit, those at the borders
included, and no table of all units has to be sent along.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from ..network.algebra import Node
from ..network.program import Block, Operation, Program, program_of
from ..network.regions import Regions, regions_of
from ..network.sizes import sized_for
from ..network.stage import Stage, Unbounded
from ..network.support import like_axes
from ..polynomials.kernel import Kernel
from .as_json import jsonable
from .axes import per_axis_values
from .layers import LayerRow, rows_of

if TYPE_CHECKING:
    from .analysis import Analysis

# Operations of a program that is sent along: what a browser pulls a unit back through in some milliseconds.
_MOST_OPERATIONS = 4000

# Positions of a field up to which a browser lists them.
_LARGEST_FIELD = 10**5


def explorer(found: Analysis) -> dict[str, Any]:
    """Return the layers and the programs, as values for JSON; no programs where they are too long."""
    parts, whole = rows_of(found.net)
    flat = program_of(whole, found.field.ndim)
    seen = regions_of(flat)
    rows: list[dict[str, Any]] = [
        {"name": row.layer, **_numbers(row), "regions": [*map(_regions, seen[flat.spans[part.last].output])]}
        for row, part in zip(found.layers, parts, strict=True)
    ]
    data = {"axes": found.field.ndim, "size": found.input_size, "at": _unit(found), "rows": rows}
    if _is_small(flat, found):
        program, data["programs"] = _programs(whole, found)
        for row, part in zip(rows, parts, strict=True):
            row["tensor"] = program.spans[part.last].output
    return dict(jsonable(data))


def _numbers(row: LayerRow) -> dict[str, Any]:
    """Return what a layer says of itself, by the names of the JSON report."""
    known = row.as_dict()
    return {name: known[name] for name in ("field", "stride", "offset", "output_size")}


def _regions(axis: Regions) -> dict[str, Any]:
    """Return what the first unit of each phase sees, and how far the next ones are from them."""
    return {"move": int(axis.rate * len(axis.phases)), "phases": axis.phases}


def _unit(found: Analysis) -> Any:
    """Return the unit to begin with: the one that was asked for, or the middle one."""
    if found.is_unit_asked or found.input_size is None:
        return found.at
    return tuple(count // 2 for count in sized_for(found.net, found.input_size).output)


def _is_small(flat: Program, found: Analysis) -> bool:
    """Whether a browser can pull a unit back in a moment."""
    sides = per_axis_values(found.field.size)
    bounded = [side if math.isfinite(side) else most for side, most in zip(sides, _sides(found), strict=True)]
    return _copies(flat) <= _MOST_OPERATIONS and max(bounded) <= _LARGEST_FIELD


def _sides(found: Analysis) -> tuple[int, ...]:
    return found.input_size or (0,) * found.field.ndim


def _copies(program: Program) -> int:
    """Return the number of operations, copies of blocks written out."""
    return sum(
        op.what.n * _copies(op.what.program) if isinstance(op.what, Block) else 1 for op in program.operations
    )


def _programs(whole: Node, found: Analysis) -> tuple[Program, dict[str, Any]]:
    """Return the program with its copies written out, and for each axis what it does there.

    Axes that are alike share theirs: `of` says which one is whose.
    """
    frame = None if found.input_size is None else sized_for(whole, found.input_size)
    program = program_of(whole, found.field.ndim, unrolled=True) if frame is None else frame.program
    alike: dict[Any, int] = {}
    kinds = zip(like_axes(program), _sides(found), strict=True)
    of = [alike.setdefault(kind, axis) for axis, kind in enumerate(kinds)]
    each = {
        axis: {
            "operations": [_operation(op, axis) for op in program.operations],
            "sizes": frame and [sides[axis] for sides in frame.sizes],
            "single": frame and [tensor for tensor, flags in enumerate(frame.pooled) if flags[axis]],
        }
        for axis in dict.fromkeys(of)
    }
    return program, {"of": of, "each": each}


def _operation(op: Operation, axis: int) -> dict[str, Any]:
    """Return what an operation reads, in a few letters since there are hundreds.

    from: its sources with their gains; t: the taps, w: their weights; s: stride, d: dilation, c: shift,
    u: upsampling; b: what stands outside the map; n: where averages count, before and behind it; a: whether
    everything before and behind a unit is read, p: to a single unit.
    """
    found: dict[str, Any] = {"from": [[source, float(gain)] for source, gain in op.sources]}
    if isinstance(op.what, Unbounded):
        return found | {"a": op.what.reads(axis), "p": op.what.pools(axis)}
    if isinstance(op.what, Stage):
        what, (taps, weights) = op.what, _taps(op.what.kernel, axis)
        found |= {"t": taps, "w": weights, "s": what.stride[axis], "d": what.dilation[axis]}
        found |= {"c": what.shift[axis], "u": what.upsampling[axis]}
        found |= {} if what.border == "zeros" else {"b": what.border}
        found |= {"n": what.counted[axis]} if what.counted else {}
    return found


@functools.lru_cache(maxsize=1024)
def _taps(kernel: Kernel, axis: int) -> tuple[Any, Any]:
    """Return the taps along an axis and their weights, a single one where all are equal."""
    weights: dict[int, float] = {}
    for position, weight in kernel.taps():
        weights[position[axis]] = weights.get(position[axis], 0.0) + float(weight)
    places = sorted(weights)
    values = [weights[place] for place in places]
    return places, values[0] if len(set(values)) == 1 else values
