"""What the picture that one can touch needs: the network's layers, and its program along each axis.

A unit is pulled back through the program in the browser, by the same sums of integers as here: unit i of a
stage reads (stride i + dilation p + shift) / upsampling for each tap p, where that is an integer, and with
borders what lies inside the map of that layer. So what it shows is exact for every unit, those at the borders
included, and no table of all units has to be sent along.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.program import Block, Operation, Program, program_of
from ..network.regions import Regions, regions_of
from ..network.sizes import Sized, sized_for
from ..network.stage import Stage, Unbounded
from ..network.support import like_axes
from ..polynomials.kernel import Kernel
from .as_json import jsonable
from .layers import rows_of

if TYPE_CHECKING:
    from .analysis import Analysis

# Operations of a program that is sent along, and these times the positions of its field: what a browser
# pulls a unit back through in some milliseconds.
_MOST_OPERATIONS = 4000
_MOST_STEPS = 10**7


def explorer(found: Analysis) -> dict[str, Any]:
    """Return the layers and the programs, as values for JSON; no programs where they are too long."""
    parts, whole = rows_of(found.net)
    named: list[tuple[str, int | None]] = [(part.layer, part.last) for part in parts]
    named = named or [("input", None)]
    flat = program_of(whole, found.field.ndim)
    seen = regions_of(flat)
    frame = None if found.input_size is None else sized_for(whole, found.input_size)
    rows = [
        {
            "name": name,
            **_numbers(seen[_tensor(flat, last)]),
            "output_size": frame and frame.sizes[_tensor(frame.program, last)],
        }
        for name, last in named
    ]
    data = {"axes": found.field.ndim, "size": found.input_size, "at": _unit(found, frame), "rows": rows}
    if _is_small(flat, found):
        program, data["programs"] = _programs(whole, found, frame)
        for row, (_, last) in zip(rows, named, strict=True):
            row["tensor"] = _tensor(program, last)
    return dict(jsonable(data))


def _tensor(program: Program, last: int | None) -> int:
    """Return the tensor behind an element of a network, the input's where there is none."""
    return 0 if last is None else program.spans[last].output


def _numbers(seen: Sequence[Regions]) -> dict[str, Any]:
    """Return what a layer says of itself by the names of the JSON report, and where its units look.

    A region is what the first unit of each phase sees, and how far the next ones are from them.
    """
    return {
        "field": [axis.size for axis in seen],
        "stride": [axis.stride for axis in seen],
        "offset": [axis.start for axis in seen],
        "regions": [{"move": int(a.rate * len(a.phases)), "phases": a.phases} for a in seen],
    }


def _unit(found: Analysis, frame: Sized | None) -> Any:
    """Return the unit to begin with: the one that was asked for, or the middle one."""
    return found.at if found.is_unit_asked or frame is None else tuple(count // 2 for count in frame.output)


def _is_small(flat: Program, found: Analysis) -> bool:
    """Whether a browser can pull a unit back in a moment."""
    sides = per_axis_values(found.field.size)
    bounded = [side if math.isfinite(side) else most for side, most in zip(sides, _sides(found), strict=True)]
    copies = _copies(flat)
    return copies <= _MOST_OPERATIONS and copies * max(bounded) <= _MOST_STEPS


def _sides(found: Analysis) -> tuple[int, ...]:
    return found.input_size or (0,) * found.field.ndim


def _copies(program: Program) -> int:
    """Return the number of operations, copies of blocks written out."""
    return sum(
        op.what.n * _copies(op.what.program) if isinstance(op.what, Block) else 1 for op in program.operations
    )


def _programs(whole: Node, found: Analysis, frame: Sized | None) -> tuple[Program, dict[str, Any]]:
    """Return the program with its copies written out, and for each axis what it does there.

    Axes that are alike share theirs: `of` says which one is whose.
    """
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

    from: its sources with their gains; t: the taps, w: their weights, null where channels have their own; s:
    stride, d: dilation, c: shift, u: upsampling; b: what stands outside the map; n: where averages count,
    before and behind it; a: whether everything before and behind a unit is read, p: to a single unit.
    """
    found: dict[str, Any] = {"from": [[source, float(gain)] for source, gain in op.sources]}
    if isinstance(op.what, Unbounded):
        return found | {"a": op.what.reads(axis), "p": op.what.pools(axis)}
    if isinstance(op.what, Stage):
        what, (taps, weights) = op.what, _taps(op.what.kernel, axis)
        weights = None if what.mixing else weights  # those between channels are not sent
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
