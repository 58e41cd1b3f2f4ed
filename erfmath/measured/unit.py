"""Which unit of a network is measured, and on how large an input."""

from __future__ import annotations

import math
from typing import Any

from .._checks import per_axis
from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.field import ReceptiveField, receptive_field
from ..network.sizes import output_size, sized_for

# How many sizes of an input are tried for one that fits.
_MOST_TRIES = 4096


def natural_size(net: Node, at: Any = None) -> Any:
    """Return the smallest input, at least as large as the field, whose middle unit meets no border.

    With `at` it is the unit nearest to the middle that sees what that one does: the one of its phase.
    """
    found = receptive_field(net)
    if found.unbounded is not None:
        raise ValueError(f"input_size must be given: {found.unbounded!r} reads its whole input")
    sides = found.size if isinstance(found.size, tuple) else (found.size,)
    for more in range(min(4 * max(sides) + 64, _MOST_TRIES)):
        size = tuple(side + more for side in sides)
        try:
            unit = middle_unit(found, output_size(net, size), at)
        except ValueError:
            continue
        if is_clear(found, unit, size):
            return size
    raise ValueError("input_size must be given: no size was found at which the middle unit meets no border")


def middle_unit(field: ReceptiveField, made: Any, at: Any = None) -> Ints:
    """Return the middle of an output map, or the unit of the phase of `at` that is nearest before it."""
    sizes = made if isinstance(made, tuple) else (made,)
    middle = tuple(size // 2 for size in sizes)
    if at is None:
        return middle
    found = []
    wanted = per_axis(at, len(sizes), "at")
    for i, unit, period, size in zip(middle, wanted, field.program.period, sizes, strict=True):
        near = i - (i - unit) % period
        found.append(near if near >= 0 else near + period)
        if found[-1] >= size:
            raise ValueError(f"a map of {size} units has none of the phase of unit {unit}")
    return tuple(found)


def is_clear(field: ReceptiveField, unit: Ints, size: Any) -> bool:
    """Whether what a unit sees lies inside an input of a size."""
    regions = field.region(unit) if len(unit) > 1 else (field.region(unit[0]),)
    sides = per_axis(size, len(unit), "size")
    return all(r is None or (r[0] >= 0 and r[1] < n) for r, n in zip(regions, sides, strict=True))


def values_of(net: Node, input_size: Any) -> int:
    """Return how many values all tensors of a network hold for each channel."""
    return sum(map(math.prod, sized_for(net, input_size).sizes))
