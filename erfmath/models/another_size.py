"""Whether a model's field depends on the size of its input: the model read a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.field import ReceptiveField, receptive_field

if TYPE_CHECKING:
    from .model import Source

# Samples that the second input has more, along each axis: it divides as often by 2 as usual sizes do.
_MORE = 32


def larger(sides: tuple[int, ...]) -> tuple[int, ...]:
    """Return the size of a second input.

    >>> larger((224, 320))
    (256, 352)
    """
    return tuple(side + _MORE for side in sides)


def note_of_size(source: Source, reader: Any, net: Node) -> tuple[str, ...]:
    """Return the sentence that says how a model's field depends on its input's size, none where it does not.

    A model that cannot be read at another size has none either: its size is a part of it.
    """
    other = reader.elsewhere()
    if other is None:
        return ()
    try:
        second = source.traced(other, "uniform")[1]
        if second == net:
            return ()
        fields = receptive_field(net), receptive_field(second)
    except ValueError:
        return ()
    if _spelled(fields[0]) == _spelled(fields[1]):
        return ()
    at = [" x ".join(str(side) for side in r.sides) for r in (reader, other)]
    return (
        f"the field depends on the input's size: {_spelled(fields[0])} on {at[0]}, {_spelled(fields[1])} on "
        f"{at[1]}",
    )


def _spelled(field: ReceptiveField) -> str:
    """Return a field's size, or that it is everything."""
    return " x ".join("all" if side == float("inf") else str(side) for side in per_axis_values(field.size))
