r"""The weights of a trained model as energies: its effective field under random signs, without an image.

With :math:`e_o` the energy of the gradient in output channel o, that of input channel i is
:math:`\sum_{o,k} W_{oik}^2\, e_o` at tap k. Averaged over channels, a convolution is the kernel
:math:`\sum_{o,i} W_{oik}^2 / C_{in}` of the mean energy: exact where the energy is the same in all channels,
as it nearly is behind many of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel import Kernel
from ..network.compose import Sum
from ..network.layers import Conv, ConvTranspose, GlobalPool
from ..network.node import Node
from ..network.weights import variance
from .operator import Constant, Operator, Placed
from .resize import Resize


def energy_of(op: Operator, placed: Placed) -> Placed:
    """Return what an operator means for energies: its weights squared, its gains too."""
    gains = [(tensor, gain if placed.channels else gain**2) for tensor, gain in placed.sources]
    return placed._replace(node=_energy(op, placed.node), sources=gains)


def _energy(op: Operator, node: Node) -> Node:
    if isinstance(node, (Conv, ConvTranspose)) and op.kind in ("conv", "conv_transpose"):
        return _with_energies(op, node)
    if op.kind == "batch_norm":
        return Sum([node], [_normalisation(op)])
    # Interpolation of any factor has no squares here: its shape is kept.
    return node if isinstance(node, (GlobalPool, Resize)) else variance(node)


def _with_energies(op: Operator, node: Conv | ConvTranspose) -> Node:
    """Return a layer with the mean squares of its weights as taps."""
    weights = np.asarray(op.constant(1, "its weights"))
    if weights.dtype.kind != "f":
        raise op.error("has quantised weights, whose scale is not read")
    # (out, in / groups, ...) of a convolution, (in, out / groups, ...) of a transposed one
    inputs = weights.shape[0] if isinstance(node, ConvTranspose) else weights.shape[1] * node.groups
    taps = (weights.astype(float) ** 2).sum(axis=(0, 1)) / inputs
    if taps.size != np.prod(node.kernel.shape):
        raise op.error("has weights along other axes than its window")
    if not taps.any():
        raise op.error("has weights that are all zero")
    kernel = Kernel(taps.reshape(node.kernel.shape), node.kernel.offset)
    return type(node)(kernel, *node.args[1:])


def _normalisation(op: Operator) -> float:
    """Return the mean square of what batch normalisation multiplies channels by."""
    scale, spread = (_loaded(op, index) for index in (1, 4))
    if spread is None:
        return 1.0
    factors = (1.0 if scale is None else scale**2) / (spread + op.get("eps", 1e-5))
    return float(np.mean(factors))


def _loaded(op: Operator, index: int) -> Any:
    """Return a constant input as floats, None where there is none."""
    given = op.inputs[index] if index < len(op.inputs) else None
    value = given.load() if isinstance(given, Constant) else None
    return None if value is None else np.asarray(value, dtype=float)
