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

# How much faster coherent energy grows in a block.
_GROWTH = math.log(1.45)

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
    blocks, least = _rectified_skips(program), _least_width(program)
    usual = math.log(least or _WIDTH) / _GROWTH
    if blocks < usual - _EARLIER:
        return None
    width = "" if least else f" at {_WIDTH} channels"
    if blocks > _MOST_BLOCKS:
        return f"{_begun(round(usual), width)}; independence overstates their field (em.coherence)"
    found = coherence(net, None if least else _WIDTH)
    over = _overstated(found)
    if found.blocks is None or over < _LEAST:
        return None
    return (
        f"{_begun(found.blocks, width)}; independence overstates the standard deviation of their energy by "
        f"{over:.2f} (em.coherence)"
    )


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


def _rectified_skips(program: Program) -> int:
    """Return how many sums add a branch that ends in an activation of its own to another tensor."""
    readers: dict[int, int] = {}
    for op in program.operations:
        for source, _ in op.sources:
            readers[source] = readers.get(source, 0) + 1
    count = 0
    for op in program.operations:
        if isinstance(op.what, Block):
            count += op.what.n * _rectified_skips(op.what.program)
        elif op.what is None and len(op.sources) > 1 and not op.joined:
            ends = [readers[source] == 1 and _is_rectified(program, source) for source, _ in op.sources]
            count += any(ends) and not all(ends)
    return count


def _is_rectified(program: Program, tensor: int) -> bool:
    """Whether a tensor is what an activation makes whose values have a mean, dropout aside."""
    while tensor:
        op = program.operations[tensor - 1]
        if isinstance(op.node, Activation) and op.what is None:
            return op.node.name.lower() in set(ACTIVATIONS) - set(_ODD)
        if not isinstance(op.node, Dropout):
            return False
        tensor = op.sources[0][0]
    return False


def _least_width(program: Program) -> int | None:
    """Return the fewest channels that a layer with weights of its own names, None where one names none."""
    widths: list[int | None] = []
    for op in program.operations:
        if isinstance(op.what, Block):
            widths.append(_least_width(op.what.program))
        elif isinstance(op.node, (Conv, ConvTranspose)) and not op.node.is_given:
            widths.append(op.node.channels)
    return None if None in widths or not widths else min(w for w in widths if w is not None)
