"""What an analysis says of coherent gradients: behind skips round branches that end in a rectifier."""

from __future__ import annotations

import math

from ..ensembles.coherence import Coherence, coherence
from ..models.model import Model
from ..network.activations import ACTIVATIONS
from ..network.algebra import Node
from ..network.layers import Activation, Conv, ConvTranspose, Dropout
from ..network.program import Block, Program, program_of

# Activations whose values have no mean where their inputs have none.
_ODD = ("erf", "hardtanh", "identity", "softsign", "tanh")

# How much faster coherent energy grows in a block: where a branch ends in an activation, and where a sum
# does, whose gate is the skip's as well. The latter is the theory's at 2 to 16 channels.
_GROWTH, _GATED_GROWTH = math.log(1.45), 0.14

# Blocks that make gradients coherent some blocks earlier than the logarithm of the width says.
_EARLIER = 3

# Networks with more blocks are told so without a number: this many take a second.
_MOST_BLOCKS = 200

# Channels where no layer names its own: those that a measurement has.
_WIDTH = 16

# A standard deviation that is overstated by less is not worth a warning.
_LEAST = 1.01


def coherent_sentence(net: Node) -> str | None:
    """Return what to know of the gradient of a network if it is coherent, else None."""
    if program_of(net).unbounded is not None or _is_normalised(net):
        return None
    program = program_of(net, pointwise=True)
    (blocks, gated), widths = _rectified_skips(program), _widths(program)
    least, most = (min(widths), max(widths)) if widths else (_WIDTH, _WIDTH)
    usual = math.log(least) / _GROWTH if blocks else math.log(most) / _GATED_GROWTH
    if blocks + gated < usual - _EARLIER:
        return None
    width = "" if widths else f" at {_WIDTH} channels"
    if blocks + gated > _MOST_BLOCKS:
        return f"{_begun(round(usual), width)}; independence overstates their field (em.coherence)"
    found = _known(net, None if widths else _WIDTH)
    if found is None or found.blocks is None or (over := _overstated(found)) < _LEAST:
        return None
    return (
        f"{_begun(found.blocks, width)}; independence overstates the standard deviation of their energy by "
        f"{over:.2f} (em.coherence)"
    )


def coherent_variance(net: Node, channels: int) -> tuple[float, ...] | None:
    """Return the variance of coherent gradients per axis, None where that of independent paths is as good."""
    program = program_of(net, pointwise=True)
    if program.unbounded is not None or _is_normalised(net) or sum(_rectified_skips(program)) > _MOST_BLOCKS:
        return None
    found = _known(net, channels)
    return None if found is None or abs(_overstated(found) - 1) < _LEAST - 1 else found.spread


def _known(net: Node, channels: int | None) -> Coherence | None:
    """Return the coherence of a network, None beyond its theory, which leaves that of independent paths."""
    try:
        return coherence(net, channels)
    except ValueError:
        return None


def _begun(block: int, width: str) -> str:
    return f"from about block {block} on, counted from the output, gradients are coherent{width}"


def _overstated(found: Coherence) -> float:
    """Return by which factor independent paths overstate the standard deviation: a mean over the axes."""
    ratios = [ratio for ratio in found.ratios if ratio > 0]
    return math.prod(ratios) ** (-0.5 / len(ratios)) if ratios else 1.0


def _is_normalised(net: Node) -> bool:
    """Whether a model subtracts means of its features, which ends coherence."""
    if not isinstance(net, Model) or not net.has_parts:
        return False
    return any(ran.op.kind in ("batch_norm", "normalise") for ran in net.reading[1].ran)


def _rectified_skips(program: Program, entry: bool = False) -> tuple[int, int]:
    """Return how many sums add a branch that ends in an activation to another tensor.

    First those whose activation is the branch's own, then those that add what has gone through the gate of
    the skip, as in blocks that end in one. `entry` says whether the input is rectified.
    """
    readers: dict[int, int] = {}
    for op in program.operations:
        for source, _ in op.sources:
            readers[source] = readers.get(source, 0) + 1
    own = shared = 0
    for index, op in enumerate(program.operations, 1):
        if isinstance(op.what, Block):
            inner = _rectified_skips(op.what.program, _is_rectified(program, index, entry))
            own, shared = own + op.what.n * inner[0], shared + op.what.n * inner[1]
        elif op.what is None and len(op.sources) > 1 and not op.joined:
            ends = [_is_rectified(program, source, entry) for source, _ in op.sources]
            alone = [end and readers[s] == 1 for end, (s, _) in zip(ends, op.sources, strict=True)]
            own += any(alone) and not all(alone)
            shared += any(ends) and not (any(alone) or all(ends))
    return own, shared


def _is_rectified(program: Program, tensor: int, entry: bool) -> bool:
    """Whether a tensor is what an activation makes whose values have a mean, dropout aside."""
    while tensor:
        op = program.operations[tensor - 1]
        if isinstance(op.node, Activation) and op.what is None:
            return op.node.name.lower() in set(ACTIVATIONS) - set(_ODD)
        if isinstance(op.what, Block):
            inner = op.what.program
            found = {_is_rectified(inner, inner.output, before) for before in (False, True)}
            if len(found) == 1:
                return found.pop()
        elif not isinstance(op.node, Dropout):
            return False
        tensor = op.sources[0][0]
    return entry


def _widths(program: Program) -> list[int]:
    """Return the channels that layers with weights of their own name, none where one names none."""
    widths: list[int | None] = []
    for op in program.operations:
        if isinstance(op.what, Block):
            widths += _widths(op.what.program) or [None]
        elif isinstance(op.node, (Conv, ConvTranspose)) and not op.node.is_given:
            widths.append(op.node.channels)
    return [] if None in widths else [width for width in widths if width is not None]
