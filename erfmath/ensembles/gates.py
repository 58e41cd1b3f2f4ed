r"""Gates that open more often than others: where the paths of a network do not share them, they weigh more.

An activation multiplies the energy of a gradient by :math:`E[\sigma'(h)^2]`, 1/2 for a rectifier of a centred
normal h. Behind a rectifier a maximum of k units passes an open one unless all are closed, so that the energy
behind both is up to :math:`1 - 2^{-k}` in place of 1/2, and two rectifiers in a row are one. What all paths
pass scales the impact, and moves nothing; elsewhere the paths with such gates weigh more.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from ..network.activations import LEAKS, activation_gain
from ..network.algebra import Node, Power, Series, Sum, require_network, series
from ..network.branches import Concat, Residual
from ..network.graph import Graph
from ..network.inits import gain_of
from ..network.layers import Activation, Convolution, Dropout, Pool
from ..network.program import Block, Program, program_of
from ..network.stage import lower
from ..network.variance import variance
from .propagation import signals_of

# Networks of more operations than this keep the gains that each layer has alone.
_MOST_OPERATIONS = 5000

# Gains this near to those of a layer alone are these.
_TIE = 1e-9


@dataclass(frozen=True, repr=False)
class Gated(Node):
    """A layer that passes more of a gradient's energy than alone: `gain` times as much."""

    layer: Node
    gain: float

    def __post_init__(self) -> None:
        require_network(self.layer)


@lower.register
def _(node: Gated) -> Node:
    return node.layer


@variance.register
def _(net: Gated, init: str | float | Fraction = "he") -> Node:
    return Sum([variance(net.layer, init)], [net.gain])


def gated(net: Node, init: str | float | Fraction = "he") -> Node:
    r"""Return a network whose maxima and rectifiers pass as much of a gradient as they do where they are.

    :func:`erfmath.variance` knows each layer alone: a rectifier passes 1/2 of the energy, and a maximum one
    of its units. But a maximum behind rectifiers passes an open unit unless all are closed: together they
    pass :math:`P(\max_i h_i > 0)`, of k units up to :math:`1 - 2^{-k}`. All that differs here is such gains,
    and only of layers that not all paths share, since what they share moves nothing. The variance of the
    network returned is that of the gradient in wide layers, to a few per cent in U-Nets.

    Parameters
    ----------
    net
        A network.
    init
        As for :func:`erfmath.variance`.

    Returns
    -------
    Node
        The network itself where each layer passes what it passes alone: chains, residual networks, given
        weights of a model. Else one with the same field, sizes and mean weights.

    Raises
    ------
    TypeError, ValueError
        If `net` is not a network, or an activation or the initialisation is unknown.

    Notes
    -----
    The features are normal in wide layers; their correlations follow from layer to layer (Cho and Saul,
    2009; Poole et al., 2016), and with them the maximum. Networks of more than 5000 operations are
    returned as they are.

    Examples
    --------
    A U-Net of depth 2 on one axis, for which backpropagation finds 17.64 +- .13 with 64 channels:

    >>> from erfmath import distribution, gated, variance, zoo
    >>> net = zoo.unet(depth=2, ndim=1)
    >>> [round(distribution(variance(n)).var(), 2) for n in (net, gated(net))]
    [14.11, 17.41]
    """
    net = require_network(net)
    gain_of(init)
    program = program_of(net, pointwise=True)
    if program.wholes or any(stage.mixing for stage in program.stages):
        return net
    if _is_usual(program, True, True)[0] or _operations(program) > _MOST_OPERATIONS:
        return net
    factors = _factors(net, init)
    if all(factor == 1 for factor in factors):
        return net
    return _rebuilt(net, deque(factors))


def _factors(net: Node, init: str | float | Fraction) -> list[float]:
    """Return how much more each gate passes than alone, in data-flow order; 1 for those on all paths."""
    signals = signals_of(net, init)
    shared, found = _shared(signals.program), []
    for index, (op, gain) in enumerate(zip(signals.program.operations, signals.gains, strict=True), 1):
        if _is_gate(op.node):
            alone = float(activation_gain(op.node.name)) if isinstance(op.node, Activation) else 1.0
            is_alone = index in shared or not gain  # what passes nothing there passes what it passes alone
            factor = 1.0 if is_alone else gain / alone
            found.append(1.0 if abs(factor - 1) < _TIE else factor)
    return found


def _is_gate(node: Node) -> bool:
    """Return whether a layer is a maximum, or a rectifier, whose gain does not depend on the scale."""
    if isinstance(node, Pool):
        return node.mode == "max"
    return isinstance(node, Activation) and node.name.lower() in LEAKS


def _shared(program: Program) -> set[int]:
    """Return the tensors that all paths from the input to the output pass."""
    live = set(map(id, program.live))
    edges = sorted(
        (source, index)
        for index, op in enumerate(program.operations, 1)
        if id(op) in live
        for source, _ in op.sources
    )
    farthest, found = 0, {program.output}
    for source, group in itertools.groupby(edges, key=lambda edge: edge[0]):
        if farthest <= source:
            found.add(source)
        farthest = max(farthest, *(index for _, index in group))
    return found


def _is_usual(program: Program, is_normal: bool, is_alone: bool) -> tuple[bool, bool]:
    """Return whether all gates pass what they pass alone or are on all paths, and if the output is normal."""
    shared = _shared(program) if is_alone else set()
    normal = [is_normal]
    for index, op in enumerate(program.operations, 1):
        before = all(normal[source] for source, _ in op.sources)
        if isinstance(op.what, Block):
            for _ in range(min(op.what.n, 2)):
                usual, before = _is_usual(op.what.program, before, index in shared)
                if not usual:
                    return False, False
        elif index not in shared and _is_gate(op.node) and not (before and isinstance(op.node, Activation)):
            return False, False
        if isinstance(op.node, Convolution) and not op.node.is_given:
            before = True
        normal.append(before and not isinstance(op.node, (Activation, Dropout)) and not _is_gate(op.node))
    return True, normal[program.output]


def _operations(program: Program) -> int:
    """Return how many operations there are, copies counted."""
    return sum(
        op.what.n * _operations(op.what.program) if isinstance(op.what, Block) else 1
        for op in program.operations
    )


@functools.singledispatch
def _rebuilt(node: Node, factors: deque[float]) -> Node:
    """Return a network whose gates, in data-flow order, pass so much more."""
    if _is_gate(node):
        factor = factors.popleft()
        return node if factor == 1 else Gated(node, factor)
    meaning = lower(node)
    if not isinstance(meaning, Node):
        return node
    left = len(factors)
    found = _rebuilt(meaning, factors)
    return node if len(factors) == left or found == meaning else found


@_rebuilt.register
def _(node: Series, factors: deque[float]) -> Node:
    return series([_rebuilt(part, factors) for part in node.nodes])


@_rebuilt.register
def _(node: Power, factors: deque[float]) -> Node:
    copies = [_rebuilt(node.node, factors) for _ in range(node.n)]
    return node if set(map(id, copies)) == {id(node.node)} else series(copies)


@_rebuilt.register
def _(node: Sum, factors: deque[float]) -> Node:
    return Sum([_rebuilt(branch, factors) for branch in node.branches], node.gains)


@_rebuilt.register
def _(node: Concat, factors: deque[float]) -> Node:
    return Concat([_rebuilt(branch, factors) for branch in node.branches], node.channels)


@_rebuilt.register
def _(node: Residual, factors: deque[float]) -> Node:
    return Residual(_rebuilt(node.branch, factors), node.gain)


@_rebuilt.register
def _(node: Graph, factors: deque[float]) -> Node:
    nodes = {entry.name: _rebuilt(entry.node, factors) for entry in node.order}
    return Graph([(e.name, (nodes.get(e.name, e.node), *e.reads)) for e in node.layers], node.output)
