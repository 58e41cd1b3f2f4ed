"""Which unit of a network is measured, and on how large an input."""

from __future__ import annotations

import math
from typing import Any

from .._checks import per_axis
from ..network.algebra import Node
from ..network.arguments import Ints, per_axis_values
from ..network.field import ReceptiveField, receptive_field
from ..network.sizes import output_size, sized_for

# How many input sizes are tried: each costs one pass over the network.
_MOST_TRIES = 4096


def natural_size(net: Node, at: Any = None) -> Any:
    """Return the smallest size, at least that of the field, at which the middle unit meets no border.

    With `at`, the unit with the phase of `at` nearest to the middle takes the place of the middle unit.
    """
    found = receptive_field(net)
    if found.unbounded is not None:
        raise ValueError(f"input_size must be given: {found.unbounded!r} reads its whole input")
    sides = per_axis_values(found.size)
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
    """Return the middle unit of an output map, or the last unit up to it that has the phase of `at`."""
    sizes = per_axis_values(made)
    middle = tuple(size // 2 for size in sizes)
    if at is None:
        return middle
    found = []
    wanted = per_axis(at, len(sizes), "at")
    for i, unit, period, size in zip(middle, wanted, field.program.period, sizes, strict=True):
        near = i - (i - unit) % period
        found.append(near if near >= 0 else near + period)
        if found[-1] >= size:
            raise ValueError(f"a map of {size} units has no unit with the phase of unit {unit}")
    return tuple(found)


def is_clear(field: ReceptiveField, unit: Ints, size: Any) -> bool:
    """Whether all that a unit sees lies inside an input of this size."""
    regions = field.region(unit) if len(unit) > 1 else (field.region(unit[0]),)
    sides = per_axis(size, len(unit), "size")
    return all(r is None or (r[0] >= 0 and r[1] < n) for r, n in zip(regions, sides, strict=True))


def values_of(net: Node, input_size: Any) -> int:
    """Return the number of values per channel in all tensors of a network together."""
    return sum(map(math.prod, sized_for(net, input_size).sizes))
