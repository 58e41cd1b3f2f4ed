r"""What each layer has to keep of its input while a network runs as the samples arrive.

A layer keeps what the units that it has yet to make will read: d (k - 1) samples for a convolution, the
:math:`\lceil k/s \rceil - 1` samples that overlap for a transposed one. Where branches join, the earlier ones
wait for the latest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..network.algebra import Node
from ..network.cost import channels_of
from ..network.describe import describe
from ..network.graph import Graph
from ..network.program import Operation, Program, program_of
from ..network.regions import regions_of
from ..network.stage import Stage, Unbounded
from .arrivals import Arrivals, arrivals_of


@dataclass(frozen=True)
class Buffer:
    """What one layer keeps between the samples that arrive.

    Attributes
    ----------
    layer
        A short description.
    samples
        The most samples of its input that it holds; None for a layer with a state of its own.
    channels
        Channels of each.
    memory
        Bytes.

    Examples
    --------
    >>> import erfmath as em
    >>> em.latency(em.Conv(3, dilation=4, padding="causal"), channels=2).buffers[0]
    Buffer(layer='Conv 3 dilation 4', samples=8, channels=2, memory=64)
    """

    layer: str
    samples: int | None
    channels: int
    memory: int


def buffers_of(net: Node, channels: int, itemsize: int) -> tuple[Buffer, ...]:
    """Return the buffers of the layers of a network on one axis that need one, in the order of the data."""
    program = program_of(net, 1, unrolled=True)
    arrivals = [arrivals_of(axes[0]) for axes in regions_of(program)]
    widths = channels_of(program, channels)
    found, live, names = [], set(map(id, program.live)), names_of(net, program)
    for index, op in enumerate(program.operations):
        if id(op) not in live:
            continue
        for source, samples in _held(op, arrivals, arrivals[index + 1]):
            name = names.get(index, "") + (_waiting(op, source) if len(op.sources) > 1 else describe(op.node))
            memory = (samples or 0) * widths[source] * itemsize
            found.append(Buffer(name, samples, widths[source], memory))
    return tuple(found)


def names_of(net: Node, program: Program) -> dict[int, str]:
    """Return the names that a graph gives its layers, by the number of each of their operations."""
    inner = net.unwrapped
    if not isinstance(inner, Graph):
        return {}
    spans = zip(inner.order, program.spans, strict=True)
    return {
        index: f"{layer.name}: "
        for layer, span in spans
        for index in range(span.operations.start, span.operations.stop)
    }


def _waiting(op: Operation, source: int) -> str:
    """Return which of the branches that are joined waits."""
    number = [tensor for tensor, _ in op.sources].index(source) + 1
    return f"{type(op.node).__name__}, branch {number} waits"


def _held(
    op: Operation, arrivals: list[Arrivals | None], made: Arrivals | None
) -> list[tuple[int, int | None]]:
    """Return (source, samples) of what an operation keeps, samples None for a state of its own."""
    if isinstance(op.what, Unbounded):
        return [(op.sources[0][0], None)]
    found = []
    for source, _ in op.sources:
        come = arrivals[source]
        if come is not None and made is not None:
            found.append((source, _most(come, made, op.what if isinstance(op.what, Stage) else None)))
    return [(source, samples) for source, samples in found if samples]


def _most(come: Arrivals, made: Arrivals, stage: Stage | None) -> int:
    """Return the most units of a tensor that wait to be read.

    They grow only as one arrives, and the pattern repeats once both tensors do.
    """
    units = int(math.lcm(come.turn, made.turn) / come.rate)
    most = 0
    for index in range(units):
        arrived = come.first_after(come.of(index) + 1)
        following = made.first_after(come.of(index) + 1)
        most = max(most, arrived - (following if stage is None else _first_read(stage, following)))
    return most


def _first_read(stage: Stage, unit: int) -> int:
    """Return the first position that a unit or one behind it reads."""
    first = stage.stride[0] * unit + stage.dilation[0] * stage.kernel.offsets[0] + stage.shift[0]
    return -(-first // stage.upsampling[0])
