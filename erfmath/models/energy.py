r"""The weights of a trained model as energies, averaged over channels: nearly those channel by channel.

With :math:`e_o` the energy of the gradient in output channel o, that of input channel i is
:math:`\sum_{o,k} W_{oik}^2\, e_o` at tap k. Averaged over channels, a convolution is the kernel
:math:`\sum_{o,i} W_{oik}^2 / C_{in}` of the mean energy: exact where the energy is the same in all channels,
as it nearly is behind many of them.
"""

from __future__ import annotations

from ..network.algebra import Identity, Node, Series, Sum, series
from ..network.channels import Channels, Scaled, Weighted
from ..network.layers import GlobalContext, GlobalPool
from ..network.variance import variance
from ..polynomials.kernel import Kernel
from .channelwise import given_of
from .ir import Operator, Placed
from .slopes import Rates

# What has weights that must be known; others that are not known channel by channel are as they are in space.
_WITH_WEIGHTS = frozenset(["batch_norm", "conv", "conv_transpose", "gemm", "linear", "matmul"])


def energy_of(op: Operator, placed: Placed, output: int, rates: Rates) -> Placed:
    """Return what an output of an operator means for mean energies: weights and gains squared."""
    try:
        placed = given_of(op, placed, output, rates)
    except ValueError:
        if op.kind in _WITH_WEIGHTS:
            raise
    sources = [(tensor, 1 if placed.channels else gain**2) for tensor, gain in placed.sources]
    before = tuple(_mean(node) for node in placed.before)
    return placed._replace(node=_mean(placed.node), sources=sources, before=before, channels=())


def _mean(node: Node) -> Node:
    """Return the energies that a node passes, alike in all channels; one that passes none stays as it is."""
    if isinstance(node, Series):
        return series(map(_mean, node.nodes))
    if isinstance(node, Weighted):
        return _mean_taps(node)
    if isinstance(node, Scaled):
        return _times(float(node.squares.mean())) if node.squares.any() else variance(node)
    if isinstance(node, Channels):
        return _times(float((node.index >= 0).sum() / node.inputs))
    return node if isinstance(node, (GlobalContext, GlobalPool)) else variance(node)


def _mean_taps(node: Weighted) -> Node:
    squares = (node.weights.astype(float) ** (2 * node.power)).sum(axis=(0, 1))
    if not squares.any():
        return node
    layer = type(node.layer)
    return layer(Kernel(squares / node.inputs, node.layer.kernel.offset), *node.layer.args[1:])


def _times(factor: float) -> Node:
    return Identity() if factor == 1 else Sum([Identity()], [factor])
