"""What a network holds of a tile while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..models.model import Model
from ..network.algebra import Node
from ..network.arguments import Ints, plain_size
from ..network.cost import cost
from ..network.program import Program
from ..network.sizes import sized


@dataclass(frozen=True)
class Load:
    """Numbers that a network holds of one input.

    Attributes
    ----------
    largest
        Values of its largest tensor.
    held
        Values of all tensors that are there at a time, at most: a tensor goes when its last reader is done.
    """

    largest: int
    held: int


def load_of(net: Node, program: Program, size: Ints) -> Load:
    """Return what a network holds of an input, of one channel where channels are not known or do not fit."""
    own = (net.channels if isinstance(net, Model) else None) or 1
    try:
        made = [layer.memory for layer in cost(net, plain_size(size), own, itemsize=1).layers]
    except ValueError:  # channels that do not fit
        made = [math.prod(sides) for sides in sized(program, size).sizes[1:]]
    values = [own * math.prod(size), *made]
    return Load(max(values), _held(program, values))


def _held(program: Program, values: list[int]) -> int:
    """Return how many values are there at a time, at most; layers that make none work in place."""
    owner, last = [0], {0: 0}
    for index, op in enumerate(program.operations, 1):
        owner.append(index if values[index] else owner[op.sources[0][0]])
        for source in (index, *(source for source, _ in op.sources)):
            last[owner[source]] = index
    last[owner[program.output]] = len(program.operations)
    ending: dict[int, list[int]] = {}
    for tensor, index in last.items():
        ending.setdefault(index, []).append(tensor)
    now = most = values[0]
    for index in range(1, len(values)):
        now += values[index]
        most = max(most, now)
        now -= sum(values[tensor] for tensor in ending.get(index, ()))
    return most
