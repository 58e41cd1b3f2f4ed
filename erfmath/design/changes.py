"""Networks with other dilations: every convolution of a part rebuilt, its padding grown with its extent."""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence
from typing import Any

from ..network.algebra import Node, Power, Series, Sum, series
from ..network.arguments import Ints
from ..network.branches import Concat, Residual
from ..network.graph import Graph
from ..network.layers import Conv


@functools.singledispatch
def dilated(net: Node, factor: int) -> Node:
    """Return a network whose convolutions have the dilation times a factor, all else as it is."""
    return net


@dilated.register
def _(net: Conv, factor: int) -> Node:
    return with_dilation(net, tuple(factor * d for d in net.dilation))


@dilated.register
def _(net: Series, factor: int) -> Node:
    return series(dilated(node, factor) for node in net.nodes)


@dilated.register
def _(net: Power, factor: int) -> Node:
    return Power(dilated(net.node, factor), net.n)


@dilated.register
def _(net: Residual, factor: int) -> Node:
    return Residual(dilated(net.branch, factor), net.gain)


@dilated.register
def _(net: Sum, factor: int) -> Node:
    return Sum([dilated(branch, factor) for branch in net.branches], net.gains)


@dilated.register
def _(net: Concat, factor: int) -> Node:
    return Concat([dilated(branch, factor) for branch in net.branches], net.channels)


@dilated.register
def _(net: Graph, factor: int) -> Node:
    return dilated_layers(net, {entry.name for entry in net.layers}, factor)


def dilated_layers(net: Graph, names: Container[str], factor: int) -> Graph:
    """Return a graph with only the layers of some names dilated."""
    layers = {}
    for entry in net.layers:
        node = dilated(entry.node, factor) if entry.name in names else entry.node
        layers[entry.name] = (node, *entry.reads)
    return Graph(layers, net.output)


def with_dilation(conv: Conv, dilation: Ints, taps: Ints | None = None) -> Conv:
    """Return a convolution with another dilation, and other taps, that makes maps of the same size."""
    kernel, padding_mode, channels, groups = (
        conv.kernel if conv.is_given else conv.kernel.shape,
        conv.padding_mode,
        conv.channels,
        conv.groups,
    )
    shape = conv.kernel.shape if taps is None else taps
    grown = [
        (k - 1) * d - (k_before - 1) * d_before
        for k, d, k_before, d_before in zip(shape, dilation, conv.kernel.shape, conv.dilation, strict=True)
    ]
    padding = [_padding(pads, more) for pads, more in zip(conv.padding, grown, strict=True)]
    return Conv(
        kernel if taps is None else shape, conv.stride, dilation, padding, padding_mode, channels, groups
    )


def _padding(pads: Sequence[Any], more: int) -> tuple[int, int]:
    """Return the padding that makes up for a larger extent, divided as before; none stays none."""
    before, after = (int(side) for side in pads)
    total = before + after
    if not total:
        return 0, 0
    wanted = max(total + more, 0)
    first = wanted * before // total
    return first, wanted - first
