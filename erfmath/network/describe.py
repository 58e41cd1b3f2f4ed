"""What a layer is called in tables, in a few words."""

from __future__ import annotations

from ..words import per_axis_text
from .algebra import Identity, Node, Power, Series, Sum
from .arguments import Ints
from .blocks import Blocks
from .branches import Concat, Residual
from .channels import Channels, Rearranged, Scaled, Weighted
from .graph import Graph
from .layers import (
    Activation,
    Conv,
    ConvTranspose,
    Dropout,
    GlobalContext,
    GlobalPool,
    Normalization,
    Pool,
    Upsample,
)
from .moves import Pad, Slice
from .resize import Resize

# A table of a row's name and its numbers still fits a terminal of 80 columns.
_LONGEST = 40

POINTWISE = (Activation, Channels, Dropout, Identity, Scaled)
BRANCHED = (Residual, Sum, Concat)


def describe(node: Node) -> str:
    """Return what a layer is in a few words, such as "Conv 7x7 /2"; of branches what they hold.

    >>> from erfmath import Conv, Residual
    >>> describe(Residual(Conv(1) >> Conv(3, dilation=2, padding=2) >> Conv(1)))
    'Residual: 1, 3 dilation 2, 1'
    """
    if isinstance(node, Weighted):
        return describe(node.layer)
    if isinstance(node, Blocks):
        return f"Blocks of {by(node.size)}"
    if isinstance(node, Rearranged):
        is_up = isinstance(node.layer, Upsample)
        return "Channels to space" if is_up else "Space to channels"
    if isinstance(node, BRANCHED):
        return _branches(node)
    if isinstance(node, Graph):
        return f"Graph of {len(node.order)} layers"
    if isinstance(node, Power):
        alone = not isinstance(node.node, Series)
        return f"{node.n} x " + (describe(node.node) if alone else f"({_inside(node.node)})")
    if isinstance(node, Series):
        return _inside(node)
    if isinstance(node, Conv):
        return f"Conv {_layer(node)}"
    return _layer(node)


def _branches(node: Residual | Sum | Concat) -> str:
    """Return the name of a node with branches and what they hold, or how many, whichever is short."""
    name = node.heading()
    if isinstance(node, Residual):
        text = f"{name}: {_inside(node.branch)}"
        return text if len(text) <= _LONGEST else name
    text = f"{name}: {' | '.join(_inside(branch) or 'identity' for branch in node.branches)}"
    return text if len(text) <= _LONGEST else f"{name} of {len(node.branches)} branches"


def _inside(node: Node) -> str:
    """Return the layers of a branch, pointwise ones left out and convolutions by their sizes."""
    if isinstance(node, Series):
        return ", ".join(filter(None, map(_inside, node.nodes)))
    if isinstance(node, Power):
        inside = _inside(node.node)
        return ", ".join([inside] * node.n) if node.n <= 3 else f"{node.n} x ({inside})"
    if isinstance(node, POINTWISE):
        return ""
    return _layer(node) if isinstance(node, Conv) else describe(node)


def _layer(node: Node) -> str:
    """Return a single layer, a convolution without its name."""
    match node:
        case Conv():
            return _convolution(node)
        case ConvTranspose():
            size = by(node.kernel.shape) + _wider(node.dilation)
            return f"ConvTranspose {size} x{per_axis_text(node.stride)}"
        case Pool():
            mode = "avg" if node.mode == "average" else node.mode
            return f"Pool {by(node.size)}{_slower(node.stride)}{_wider(node.dilation)} {mode}"
        case Pad():
            return "Pad" if node.mode == "zeros" else f"Pad {node.mode}"
        case Slice():
            return f"Slice{_slower(node.step)}"
        case Upsample():
            return f"Upsample x{per_axis_text(node.factor)} {node.mode}"
        case Resize():
            corners = " aligned" if any(node.drift) else ""
            return f"Resize x{per_axis_text(node.factor)} {node.mode}{corners}"
    return _other(node)


def _convolution(node: Conv) -> str:
    depthwise = " depthwise" if node.groups > 1 and node.groups == node.channels else ""
    grouped = f" groups {node.groups}" if node.groups > 1 and not depthwise else ""
    return by(node.kernel.shape) + _slower(node.stride) + _wider(node.dilation) + depthwise + grouped


def _other(node: Node) -> str:
    """Return a layer without taps, or one from elsewhere."""
    match node:
        case Activation():
            return node.name
        case Dropout():
            return f"dropout {float(node.p):g}"
        case Identity():
            return "identity"
        case GlobalPool():
            return "Global pool"
        case GlobalContext():
            return "Global context"
        case Normalization():
            return node.name
    text = node.expression
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def by(sides: Ints) -> str:
    """Return sizes per axis, such as "3x3"."""
    return "x".join(map(str, sides))


def _slower(stride: Ints) -> str:
    return "" if set(stride) == {1} else f" /{_once(stride)}"


def _wider(dilation: Ints) -> str:
    return "" if set(dilation) == {1} else f" dilation {_once(dilation)}"


def _once(values: Ints) -> str:
    """Return a number that all axes share once."""
    return by(values if len(set(values)) > 1 else values[:1])
