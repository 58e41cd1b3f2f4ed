r"""The weights of a trained model as energies: its effective field under random signs, without an image.

With :math:`e_o` the energy of the gradient in output channel o, that of input channel i is
:math:`\sum_{o,k} W_{oik}^2\, e_o` at tap k. Averaged over channels, a convolution is the kernel
:math:`\sum_{o,i} W_{oik}^2 / C_{in}` of the mean energy: exact where the energy is the same in all channels,
as it nearly is behind many of them. ``weights="given"`` keeps the channels apart.
"""

from __future__ import annotations

import numpy as np

from ..kernel import Kernel
from ..network.compose import Sum
from ..network.layers import Conv, ConvTranspose, GlobalPool
from ..network.node import Node
from ..network.weights import variance
from .given import normalising_factors, weights_of
from .operator import Operator, Placed
from .slopes import Rates


def energy_of(op: Operator, placed: Placed, rates: Rates) -> Placed:
    """Return what an operator means for energies: its weights squared, its gains too."""
    gains = [(tensor, gain if placed.channels else gain**2) for tensor, gain in placed.sources]
    return placed._replace(node=_energy(op, placed.node, rates), sources=gains)


def _energy(op: Operator, node: Node, rates: Rates) -> Node:
    if isinstance(node, (Conv, ConvTranspose)) and op.kind in ("conv", "conv_transpose"):
        return _with_energies(op, node)
    if op.kind == "batch_norm":
        return Sum([node], [float(np.mean(normalising_factors(op) ** 2))])
    if op.kind == "pointwise" and op.get("activation"):
        return Sum([node], [float(np.mean(rates.moments(op)[1]))])
    return node if isinstance(node, GlobalPool) else variance(node)


def _with_energies(op: Operator, node: Conv | ConvTranspose) -> Node:
    """Return a layer with the mean squares of its weights as taps."""
    weights = weights_of(op, node)
    # (out, in / groups, ...) of a convolution, (in, out / groups, ...) of a transposed one
    inputs = weights.shape[0] if isinstance(node, ConvTranspose) else weights.shape[1] * node.groups
    taps = (weights.astype(float) ** 2).sum(axis=(0, 1)) / inputs
    if not taps.any():
        raise op.error("has weights that are all zero")
    return type(node)(Kernel(taps, node.kernel.offset), *node.args[1:])
