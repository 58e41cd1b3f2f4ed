"""What a network costs: parameters, multiply-accumulates and the memory of its activations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._checks import as_count
from .._html import card
from ..words import human_bytes
from .algebra import Node
from .arguments import Ints
from .channels import Channels, Rearranged, Scaled, Weighted
from .layers import Conv, ConvTranspose
from .program import Operation, Program
from .rates import short
from .sizes import Sized, sized_for


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer.

    Attributes
    ----------
    node
        The layer.
    size, channels
        Of its output.
    parameters
        Weights of the kernel; no biases, no normalisation.
    macs
        Multiply-accumulates for one input.
    memory
        Bytes of its output.
    name
        What it is called in a model.

    Examples
    --------
    >>> import erfmath as em
    >>> layer = em.cost(em.Conv(3, padding=1, channels=8), 16, channels=2).layers[0]
    >>> layer.size, layer.channels, layer.parameters, layer.macs, layer.memory
    ((16,), 8, 48, 768, 512)
    """

    node: Node
    size: Ints
    channels: int
    parameters: int
    macs: int
    memory: int
    name: str = ""


@dataclass(frozen=True)
class Cost:
    """The cost of a network, layer by layer; see :func:`cost`. Iterating gives the layers.

    Attributes
    ----------
    layers
        A :class:`LayerCost` for each layer, in the order of the data.
    output_size
        Samples of the output per axis.
    output_channels
        Channels of the output.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.Conv((3, 3), padding=1, channels=8) >> em.Pool((2, 2))
    >>> found = em.cost(net, 32, channels=3)
    >>> found.parameters, found.macs, found.memory, found.output_size, found.output_channels
    (216, 221184, 40960, (16, 16), 8)
    >>> [layer.macs for layer in found]
    [221184, 0]
    """

    layers: tuple[LayerCost, ...]
    output_size: Ints
    output_channels: int

    @property
    def parameters(self) -> int:
        """Weights of all kernels."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input."""
        return sum(layer.macs for layer in self.layers)

    @property
    def memory(self) -> int:
        """Bytes of all activations, as training keeps them."""
        return sum(layer.memory for layer in self.layers)

    def __iter__(self) -> Any:
        return iter(self.layers)

    def _repr_html_(self) -> str:
        """Return the totals as HTML for a notebook."""
        names = ("parameters", "multiply-accumulates", "activations")
        totals = (f"{self.parameters:,}", f"{self.macs:,}", human_bytes(self.memory))
        return card("Cost", zip(names, totals, strict=True))

    def __repr__(self) -> str:
        return (
            f"<Cost: {self.parameters:,} parameters, {self.macs:,} multiply-accumulates, "
            f"{human_bytes(self.memory)} of activations>"
        )


def cost(net: Node, input_size: Any, channels: int | None = None, itemsize: int = 4) -> Cost:
    r"""Return the parameters, multiply-accumulates and activation memory of a network.

    A convolution of k taps (over all axes) from c to c' channels in g groups has :math:`k\,c\,c'/g`
    parameters and as many multiply-accumulates an output position; a transposed one as many an input
    position. Zeros among the taps count. Biases, normalisation, pooling, interpolation and pointwise layers
    cost nothing here, and pointwise layers work in place; every other layer, additions and concatenations
    included, writes its output. What a Model holds besides has its place in :func:`layer_table` and in the
    cost that :func:`analyze` finds.

    Parameters
    ----------
    net
        A network; its convolutions say how many channels they make, or make as many as come in.
    input_size
        Samples of the input, an int or one per axis.
    channels
        Channels of the input, 1 by default.
    itemsize
        Bytes of a number.

    Returns
    -------
    Cost
        The layers, and their sums: `parameters`, `macs`, `memory`.

    Raises
    ------
    ValueError
        If the input is too small for a layer, or channels do not fit: groups do not divide them, branches
        differ, or a concatenation declares others. The message names the layer.

    Examples
    --------
    >>> from erfmath import Conv, Pool, cost
    >>> net = Conv((3, 3), padding=1, channels=64) >> Pool((2, 2)) >> Conv((3, 3), padding=1)
    >>> cost(net, 32, channels=3)
    <Cost: 38,592 parameters, 11,206,656 multiply-accumulates, 393 kB of activations>
    """
    frame = sized_for(net, input_size)
    known = [1 if channels is None else as_count(channels, "channels", minimum=1)]
    itemsize = as_count(itemsize, "itemsize", minimum=1)
    layers = []
    for index, op in enumerate(frame.program.operations):
        before = _channels_before(op, [known[source] for source, _ in op.sources])
        found = _layer_cost(frame, index, op, before, itemsize)
        known.append(found.channels)
        layers.append(found)
    return Cost(tuple(layers), frame.output, known[frame.program.output])


def _channels_before(op: Operation, known: list[int]) -> int:
    """Return the channels that an operation reads."""
    if op.joined:
        if tuple(known) != op.joined:
            raise ValueError(
                f"{short(op.node)} declares {op.joined} channels for what it concatenates, which has "
                f"{tuple(known)}"
            )
        return sum(known)
    if len(set(known)) > 1:
        raise ValueError(
            f"{short(op.node)} adds branches of {sorted(set(known))} channels; give their last convolutions "
            "the same `channels`"
        )
    return known[0]


def _channels_after(node: Node, before: int) -> int:
    """Return the channels that a layer makes."""
    if isinstance(node, Channels):
        return len(node.index)
    layer = node.layer if isinstance(node, Weighted) else node
    named = layer.channels if isinstance(layer, (Conv, ConvTranspose, Rearranged)) else None
    return named or before


def channels_of(program: Program, channels: int) -> list[int]:
    """Return the channels of each tensor of an unrolled program.

    Raises
    ------
    ValueError
        If branches that are added differ, or a concatenation declares others.
    """
    known = [channels]
    for op in program.operations:
        known.append(
            _channels_after(op.node, _channels_before(op, [known[source] for source, _ in op.sources]))
        )
    return known


def _layer_cost(frame: Sized, index: int, op: Operation, before: int, itemsize: int) -> LayerCost:
    node, size, after = op.node, frame.sizes[index + 1], _channels_after(op.node, before)
    if isinstance(node, (Channels, Scaled)):  # pointwise
        return LayerCost(node, size, after, 0, 0, 0)
    node = node.layer if isinstance(node, Weighted) else node
    parameters = macs = 0
    if isinstance(node, (Conv, ConvTranspose)):
        if before % node.groups or after % node.groups:
            raise ValueError(
                f"groups must divide the channels of {short(node)}, got {node.groups} groups, {before} "
                f"channels in and {after} out"
            )
        parameters = math.prod(node.kernel.shape) * (before // node.groups) * after
        read = frame.sizes[op.sources[0][0]] if isinstance(node, ConvTranspose) else size
        macs = parameters * math.prod(read)
    return LayerCost(node, size, after, parameters, macs, itemsize * after * math.prod(size))
