"""Networks written in the short notation."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..network.algebra import Identity, Node, Power, Series, Sum
from ..network.branches import Concat, Residual
from ..network.layers import Activation, Conv, ConvTranspose, Dropout, GlobalPool, Pool, Upsample
from .notation import channels_of, parse_network


def format_network(net: Node) -> str:
    """Return a network in the short notation, from which :func:`parse_network` rebuilds an equal one.

    Parameters
    ----------
    net
        A network.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `net` is no network.
    ValueError
        If the notation has no words for a part of it, such as given weights or a graph; JSON has
        (:func:`erfmath.network_to_json`).

    Examples
    --------
    >>> from erfmath import Activation, Conv, Pool, Residual, format_network, parse_network
    >>> net = Conv(7, stride=2, padding=3) >> Residual(Conv(3, padding=1) >> Activation("relu")) ** 2
    >>> format_network(net)
    'conv7s2p3 res(conv3p1 relu)*2'
    >>> parse_network("conv7s2p3 res(conv3p1 relu)*2") == net
    True
    """
    if not isinstance(net, Node):
        raise TypeError(f"net must be a network such as Conv(3), got {net!r} of type {type(net).__name__}")
    net = net.unwrapped
    try:
        return _checked(_series(net), net)
    except RecursionError:
        raise ValueError("the network is nested too deeply for the notation") from None


def _checked(text: str, node: Node) -> str:
    """Return the text if it stands for the node: what the notation cannot say is lost on the way."""
    try:
        if parse_network(text) == node:
            return text
    except ValueError:
        pass
    raise ValueError(f"the notation has no words for {node!r:.80}; write the network as JSON")


def _series(node: Node) -> str:
    """Return a network as it stands at the top, or as a branch."""
    if isinstance(node, Series):
        return " ".join(map(_element, node.nodes))
    return _element(node)


def _element(node: Node) -> str:
    """Return a network as a part of a series."""
    match node:
        case Series():
            return f"({_series(node)})"
        case Power():
            return f"{_element(node.node)}*{node.n}"
        case Sum():
            labels = ["" if gain == 1 else f"{_decimal(gain)}: " for gain in node.gains]
            return f"({_branches(labels, node.branches)})"
        case Concat():
            parts = zip(node.branches, node.channels, strict=True)
            labels = ["" if channels_of(branch) == c else f"{c}: " for branch, c in parts]
            return f"cat({_branches(labels, node.branches)})"
        case Residual() if node.gain >= 0:
            gain = "" if node.gain == 1 else _decimal(node.gain)
            return f"res{gain}({_series(node.branch)})"
    return _checked(_layer(node), node)


def _branches(labels: list[str], branches: tuple[Node, ...]) -> str:
    return " | ".join(label + _series(branch) for label, branch in zip(labels, branches, strict=True))


def _layer(node: Node) -> str:
    """Return a layer as far as the notation has words for it, "" where it has none."""
    match node:
        case Conv() if not node.is_given:
            options = _numbers(node, s="stride", d="dilation") + _padding(node, node.kernel.shape)
            return f"conv{_size(node.kernel.shape)}{options}{_channels(node)}"
        case ConvTranspose() if not node.is_given:
            options = _numbers(node, s="stride", d="dilation") + _padding(node, node.kernel.shape)
            extra = _option("o", node.output_padding, 0)
            return f"deconv{_size(node.kernel.shape)}{options}{extra}{_channels(node)}"
        case Pool():
            stride = "" if node.stride == node.size else "s" + _size(node.stride, shorten=True)
            options = _option("d", node.dilation, 1) + _padding(node, node.size)
            return f"{'max' if node.mode == 'max' else 'avg'}{_size(node.size)}{stride}{options}"
        case Upsample():
            return f"{'up' if node.mode == 'nearest' else 'lin'}{_size(node.factor)}"
        case Activation():
            return node.name
        case Dropout():
            return f"drop{_decimal(node.p)}"
        case Identity():
            return "id"
        case GlobalPool(along=None):
            return "gap"
    return ""


def _size(sides: tuple[int, ...], shorten: bool = False) -> str:
    """Return sizes, or options that may be given once for all axes."""
    return str(sides[0]) if shorten and len(set(sides)) == 1 else "x".join(map(str, sides))


def _option(letter: str, values: tuple[int, ...], default: int) -> str:
    return "" if set(values) == {default} else letter + _size(values, shorten=True)


def _numbers(node: Any, **letters: str) -> str:
    return "".join(_option(letter, getattr(node, name), 1) for letter, name in letters.items())


def _padding(node: Any, sides: tuple[int, ...]) -> str:
    """Return the padding as a number or a word."""
    if all(before == after for before, after in node.padding):
        return _option("p", tuple(before for before, _ in node.padding), 0)
    return "same" if any(before and after for before, after in node.padding) else "causal"


def _channels(node: Conv | ConvTranspose) -> str:
    channels = "" if node.channels is None else f"c{node.channels}"
    return channels + ("" if node.groups == 1 else f"g{node.groups}")


def _decimal(value: Any) -> str:
    """Return a number without an exponent, with as many digits as give its float back; "" beyond floats."""
    if abs(value) > sys.float_info.max:
        return ""
    return np.format_float_positional(float(value), trim="-")
