"""Networks as PyTorch modules, to test the theory by measurement (``pip install 'erfmath[torch]'``)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from .._checks import as_choice, as_count
from ..network.activations import ACTIVATIONS
from ..network.algebra import Identity, Node, Power, Series, Sum, require_network
from ..network.arguments import Ints, Pads
from ..network.branches import Concat, Residual
from ..network.graph import INPUT, Graph
from ..network.inits import gain_of
from ..network.layers import Activation, Conv, ConvTranspose, Dropout, GlobalPool, Pool, Upsample
from ..network.moves import Pad
from ..network.stage import Stage, lower
from .torch_types import Step, depthwise, fixed_type, import_torch, network_type, seed_of

GIVEN = "given"

_PADS = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def to_torch(
    net: Node,
    channels: int | None = 16,
    init: str | float | Fraction = "he",
    *,
    in_channels: int = 1,
    rng: Any = None,
) -> Any:
    r"""Return a network as a ``torch.nn.Module`` with random weights, or with the given ones.

    A kernel given by its size has independent normal weights of variance :math:`g / (k C)`, where k is its
    number of taps, C its number of input channels, and g is 2 for "he" and 1 for "lecun" and "glorot"; this
    is the case that :func:`erfmath.variance` describes. A kernel given by its weights is applied to each
    channel separately and is never trained.

    Parameters
    ----------
    net
        A network on one, two or three axes.
    channels
        Output channels of each random layer; None means those that the layers name. Groups are reduced to a
        number that divides the channels.
    init
        "he", "lecun" or "glorot", or g itself; "given" uses equal weights for a kernel given by its size, so
        that the impact is that of ``distribution(net)``.
    in_channels
        Channels of the input.
    rng
        A seed for the weights, or a ``numpy.random.Generator``.

    Returns
    -------
    torch.nn.Module
        ``reset_parameters()`` draws new weights from torch's own generator. There are no biases.

    Raises
    ------
    TypeError, ValueError
        If a layer has no counterpart in PyTorch; the message names it.
    ImportError
        If torch is not installed.

    References
    ----------
    K. He et al., Delving deep into rectifiers, ICCV 2015; Y. LeCun et al., Efficient backprop, 1998; X.
    Glorot, Y. Bengio, AISTATS 2010.

    Examples
    --------
    >>> from erfmath import Activation, Conv, to_torch  # doctest: +SKIP
    >>> module = to_torch(Conv((3, 3), padding=1) >> Activation("relu"), channels=8, rng=1)  # doctest: +SKIP
    >>> [tuple(p.shape) for p in module.parameters()]  # doctest: +SKIP
    [(8, 1, 3, 3)]
    """
    torch = import_torch()
    ndim = require_network(net).ndim or 1
    if ndim > 3:
        raise ValueError(f"net must have at most 3 axes to be a torch module, got {ndim}")
    wanted = None if channels is None else as_count(channels, "channels", minimum=1)
    builder = _Builder(torch.nn, ndim, wanted, init, float(gain_of(init, (GIVEN,))))
    builder.channels.append(as_count(in_channels, "in_channels", minimum=1))
    with torch.random.fork_rng(devices=[]):  # torch draws weights for each new layer
        torch.manual_seed(seed_of(rng))
        module = network_type()(builder, _add(net, builder, 0))
        module.reset_parameters()
    return module


@dataclass
class _Builder:
    """The layers of a module under construction; tensor 0 is the input, and layer i writes tensor i + 1."""

    nn: Any
    ndim: int
    wanted: int | None
    init: str | float | Fraction
    gain: float
    layers: list[Any] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    drawn: list[tuple[Any, float]] = field(default_factory=list)

    def add(self, layer: Any, step: Step, channels: int) -> int:
        """Append a layer and return the number of its tensor."""
        self.layers.append(layer)
        self.steps.append(step)
        self.channels.append(channels)
        return len(self.layers)

    def pointwise(self, layer: Any, source: int) -> int:
        """Append a layer that reads one tensor and keeps its channels."""
        return self.add(layer, Step(((source, 1.0),)), self.channels[source])

    def total(self, sources: Sequence[tuple[int, Any]], node: Node) -> int:
        """Append a weighted sum, and return its tensor; a single channel is added to each of the others."""
        sources = [(tensor, gain) for tensor, gain in sources if gain]
        if len(sources) == 1 and sources[0][1] == 1:
            return sources[0][0]
        counts = {self.channels[tensor] for tensor, _ in sources} - {1}
        if len(counts) > 1:
            raise ValueError(f"{node!r} adds tensors with {sorted(counts)} channels; give channels as an int")
        step = Step(tuple((tensor, float(gain)) for tensor, gain in sources))
        return self.add(self.nn.Identity(), step, max(counts, default=1))

    def of_axes(self, name: str) -> Any:
        """Return torch's layer type for the number of axes, such as Conv2d."""
        return getattr(self.nn, f"{name}{self.ndim}d")

    def padded(self, pads: Pads, mode: str = "zeros", value: float = 0.0) -> list[Any]:
        """Return the layers that pad, and cut where `pads` is negative; none for no padding.

        They pad first: a cut may be longer than the map, and so more than torch can cut at once.
        """
        if not any(map(any, pads)):
            return []
        flat = [count for pair in reversed(pads) for count in pair]
        if mode == "zeros":
            steps = [[max(0, count) for count in flat], [min(0, count) for count in flat]]
            return [self.of_axes("ConstantPad")(step, value) for step in steps if any(step)]
        if min(flat) < 0:
            raise ValueError(f"a kernel with an offset cannot be padded by {mode!r} in torch")
        return [self.of_axes(_PADS[mode])(flat)]

    def is_given(self, layer: Conv | ConvTranspose) -> bool:
        """Whether the weights are those of the layer's kernel rather than random."""
        return self.init == GIVEN or layer.is_given

    def fixed(self, node: Node, source: int) -> int:
        """Append a layer that torch does not have, by its meaning: a fixed matrix for each axis."""
        stage = lower(node)
        parts = stage.kernel.separate() if isinstance(stage, Stage) and stage.mixing is None else None
        if not isinstance(stage, Stage) or parts is None:
            raise TypeError(
                f"{node!r} has no counterpart in torch; lower it to a network of layers, or measure the "
                "model it comes from"
            )
        stages = [replace(stage.along(axis), kernel=part) for axis, part in enumerate(parts)]
        return self.pointwise(fixed_type()(stages), source)

    def convolution(self, node: Conv | ConvTranspose, source: int) -> tuple[Any, int]:
        """Return a convolution without padding, and its output channels; random weights are drawn later."""
        make = self.of_axes(type(node).__name__)
        options = {"stride": node.stride, "dilation": node.dilation, "bias": False}
        before = self.channels[source]
        if self.is_given(node):
            return depthwise(make, node.kernel.to_numpy(), before, **options), before
        after = self.wanted or node.channels or before
        groups = math.gcd(node.groups, before, after)
        layer = make(before, after, node.kernel.shape, groups=groups, **options)
        fan = before // groups * math.prod(node.kernel.shape)
        self.drawn.append((layer, math.sqrt(self.gain / fan)))
        return layer, after


@functools.singledispatch
def _add(node: Any, builder: _Builder, source: int) -> int:
    """Append the layers of a node that reads a tensor; return the number of its output tensor."""
    meaning = lower(node)
    return _add(meaning, builder, source) if isinstance(meaning, Node) else builder.fixed(node, source)


@_add.register
def _(node: Series, builder: _Builder, source: int) -> int:
    return functools.reduce(lambda tensor, part: _add(part, builder, tensor), node.nodes, source)


@_add.register
def _(node: Power, builder: _Builder, source: int) -> int:
    return functools.reduce(lambda tensor, _: _add(node.node, builder, tensor), range(node.n), source)


@_add.register
def _(node: Sum, builder: _Builder, source: int) -> int:
    pairs = [(branch, gain) for branch, gain in zip(node.branches, node.gains, strict=True) if gain]
    return builder.total([(_add(branch, builder, source), gain) for branch, gain in pairs], node)


@_add.register
def _(node: Residual, builder: _Builder, source: int) -> int:
    if not node.gain:  # a branch with gain 0 need not fit
        return source
    return builder.total([(source, 1), (_add(node.branch, builder, source), node.gain)], node)


@_add.register
def _(node: Concat, builder: _Builder, source: int) -> int:
    tensors = [_add(branch, builder, source) for branch in node.branches]
    return _side_by_side(builder, list(zip(tensors, node.gains, strict=True)), node.channels, node)


def _side_by_side(builder: _Builder, pairs: list[Any], channels: tuple[int, ...], node: Node) -> int:
    """Append the concatenation of tensors with their shares of the channels, and return its tensor."""
    if builder.init == GIVEN:  # all channels are equal, so their concatenation acts as a mean
        return builder.total(pairs, node)
    tensors, shares = [tensor for tensor, _ in pairs], [share for _, share in pairs]
    whole = builder.wanted or sum(channels)
    wanted = [max(1, round(share * whole)) for share in shares]
    before = [builder.channels[tensor] for tensor in tensors]
    counts = [min(pair) for pair in zip(wanted, before, strict=True)]
    # Where a share is not a whole number of channels, a gain makes the variances exact.
    surplus = [float(share) * sum(counts) / count for share, count in zip(shares, counts, strict=True)]
    sources = tuple(zip(tensors, map(math.sqrt, surplus), strict=True))
    step = Step(sources, tuple(zip(counts, before, strict=True)))
    return builder.add(builder.nn.Identity(), step, sum(counts))


@_add.register
def _(node: Graph, builder: _Builder, source: int) -> int:
    tensors = {INPUT: source}
    for name, inner, sources, channels in node.order:
        pairs = [(tensors[before], gain) for before, gain in sources]
        read = _side_by_side(builder, pairs, channels, inner) if channels else builder.total(pairs, inner)
        tensors[name] = _add(inner, builder, read)
    return tensors[node.output]


@_add.register
def _(node: Conv, builder: _Builder, source: int) -> int:
    pads = tuple((b - o, a + o) for (b, a), o in zip(node.padding, _shifts(node), strict=True))
    if node.padding_mode != "zeros" and min(map(min, pads)) < 0 and builder.is_given(node):
        return builder.fixed(node, source)  # torch cuts only while padding with zeros
    layer, after = builder.convolution(node, source)
    layers = [*builder.padded(pads, node.padding_mode), layer]
    return builder.add(builder.nn.Sequential(*layers), Step(((source, 1.0),)), after)


@_add.register
def _(node: ConvTranspose, builder: _Builder, source: int) -> int:
    layer, after = builder.convolution(node, source)
    ends = zip(node.padding, node.output_padding, _shifts(node), strict=True)
    cut = tuple((o - b, extra - a - o) for (b, a), extra, o in ends)
    return builder.add(builder.nn.Sequential(layer, *builder.padded(cut)), Step(((source, 1.0),)), after)


@_add.register
def _(node: Pad, builder: _Builder, source: int) -> int:
    return builder.pointwise(builder.nn.Sequential(*builder.padded(node.padding, node.mode)), source)


@_add.register
def _(node: Pool, builder: _Builder, source: int) -> int:
    symmetric = all(b == a <= k // 2 for (b, a), k in zip(node.padding, node.size, strict=True))
    options: dict[str, Any] = {"stride": node.stride, "ceil_mode": node.ceil_mode}
    if symmetric:
        options["padding"] = tuple(before for before, _ in node.padding)
    if node.mode == "average":
        if not symmetric or set(node.dilation) != {1}:
            return builder.fixed(node, source)
        options["count_include_pad"] = node.count_include_pad
        return builder.pointwise(builder.of_axes("AvgPool")(node.size, **options), source)
    if node.ceil_mode and not symmetric:
        raise ValueError(f"{node!r} has no counterpart in torch, which has no ceil_mode with such padding")
    padding = [] if symmetric else builder.padded(node.padding, value=-math.inf)
    layer = builder.of_axes("MaxPool")(node.size, dilation=node.dilation, **options)
    return builder.pointwise(builder.nn.Sequential(*padding, layer), source)


@_add.register
def _(node: Upsample, builder: _Builder, source: int) -> int:
    mode = "nearest" if node.mode == "nearest" else _LINEAR[builder.ndim]
    factor = tuple(map(float, node.factor))
    return builder.pointwise(builder.nn.Upsample(scale_factor=factor, mode=mode), source)


@_add.register
def _(node: Activation, builder: _Builder, source: int) -> int:
    return builder.pointwise(_activation(builder.nn, node.name), source)


@_add.register
def _(node: Dropout, builder: _Builder, source: int) -> int:
    return builder.pointwise(builder.nn.Dropout(float(node.p)), source)


@_add.register
def _(node: GlobalPool, builder: _Builder, source: int) -> int:
    sides = None if node.along is None else tuple(1 if flag else None for flag in node.along)
    return builder.pointwise(builder.of_axes("AdaptiveAvgPool")(1 if sides is None else sides), source)


@_add.register
def _(node: Identity, builder: _Builder, source: int) -> int:
    return source


def _activation(nn: Any, name: str) -> Any:
    """Return torch's layer for an activation, whose class has the name in other capitals: LeakyReLU."""
    name = as_choice(name.lower(), "activation", ACTIVATIONS)
    if name == "erf":  # torch has no layer for it
        layer = nn.Identity()
        layer.forward = import_torch().erf
        return layer
    classes = {known.lower(): known for known in dir(nn)}
    return getattr(nn, classes["silu" if name == "swish" else name.replace("_", "")])()


def _shifts(node: Conv | ConvTranspose) -> Ints:
    """Return by how many samples a kernel's offset moves its taps."""
    return tuple(d * o for d, o in zip(node.dilation, node.kernel.offsets, strict=True))
