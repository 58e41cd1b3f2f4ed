"""Which stage each layer is, or which simpler network: the one file that knows the layers' types."""

from __future__ import annotations

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..polynomials.kernel import Kernel
from .algebra import Identity, Node, Power, Series, Sum
from .arguments import Ints, Pads, as_weights
from .branches import Concat, Residual
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
from .stage import Stage, Unbounded, lower


@lower.register(Series)
@lower.register(Power)
@lower.register(Sum)
@lower.register(Concat)
@lower.register(Graph)
def _(node: Node) -> Stage:
    raise TypeError(f"{type(node).__name__} is composed of other layers: lower() is for those")


@lower.register
def _(node: Conv) -> Stage:
    return _window(node.kernel, node, node.padding_mode)


@lower.register
def _(node: Pool) -> Stage:
    stage = _window(as_weights(node.size), node, "zeros")
    if node.mode == "max" or not node.count_include_pad:
        stage = replace(stage, counted=((0, 0),) * stage.ndim)
    elif node.ceil_mode:
        stage = replace(stage, counted=node.padding)
    return replace(stage, before=tuple(b for b, _ in node.padding)) if node.ceil_mode else stage


@lower.register
def _(node: ConvTranspose) -> Stage:
    ones = (1,) * node.kernel.ndim
    shift = tuple(before for before, _ in node.padding)
    reach = _extents(node.kernel, node.dilation)
    ends = zip(reach, node.output_padding, _both(node.padding), node.stride, strict=True)
    slack = tuple(e + extra - cut - s for e, extra, cut, s in ends)
    return Stage(_mirrored(node.kernel), node.dilation, shift, ones, node.stride, slack)


@lower.register
def _(node: Upsample) -> Stage:
    ones = (1,) * len(node.factor)
    zeros, slack = tuple(0 for _ in ones), tuple(-1 for _ in ones)
    if node.mode == "nearest":
        return Stage(_mirrored(Kernel.uniform(node.factor)), ones, zeros, ones, node.factor, slack)
    return Stage(_mirrored(interpolation(node.factor)), ones, zeros, ones, node.factor, slack, "replicate")


@lower.register
def _(node: Pad) -> Stage:
    ones = (1,) * len(node.padding)
    before = tuple(-b for b, _ in node.padding)
    slack = tuple(added - 1 for added in _both(node.padding))
    return Stage(Kernel.uniform(ones), ones, before, ones, ones, slack, node.mode)


@lower.register
def _(node: Slice) -> Stage:
    ones = (1,) * len(node.start)
    slack = tuple((stop or 0) - start - 1 for start, stop in zip(node.start, node.stop, strict=True))
    return Stage(Kernel.uniform(ones), ones, node.start, node.step, ones, slack)


@lower.register
def _(node: Normalization) -> Node:
    return Sum([Identity(), GlobalPool(node.along)])


@lower.register
def _(node: Residual) -> Node:
    return Sum([Identity(), node.branch], [1, node.gain])


@lower.register(Identity)
@lower.register(Activation)
@lower.register(Dropout)
def _(node: Node) -> Node:
    return Series([])


@lower.register
def _(node: GlobalPool) -> Unbounded:
    return Unbounded(None if node.along is None else tuple((flag, flag) for flag in node.along))


@lower.register
def _(node: GlobalContext) -> Unbounded:
    sides = None
    if node.sides is not None:
        sides = tuple((word in ("before", "both"), word in ("after", "both")) for word in node.sides)
    return Unbounded(sides, keeps_positions=True)


def _both(padding: Pads) -> Ints:
    """Return the padding of both ends together."""
    return tuple(before + after for before, after in padding)


def _extents(kernel: Kernel, dilation: Ints) -> Ints:
    """Return the reach d (k - 1) of a kernel."""
    return tuple(d * (k - 1) for d, k in zip(dilation, kernel.shape, strict=True))


def _window(kernel: Kernel, node: Conv | Pool, border: str) -> Stage:
    """Return the stage of a layer that moves a window over its padded input."""
    shift = tuple(-before for before, _ in node.padding)
    extents = _extents(kernel, node.dilation)
    slack = tuple(p - e - 1 for p, e in zip(_both(node.padding), extents, strict=True))
    return Stage(kernel, node.dilation, shift, node.stride, (1,) * kernel.ndim, slack, border)


def _mirrored(kernel: Kernel) -> Kernel:
    """Return P(1/z)."""
    weights = np.flip(np.array(kernel.weights, dtype=object))
    return Kernel(weights, [1 - o - k for o, k in zip(kernel.offsets, kernel.shape, strict=True)])


def interpolation(factor: Ints) -> Kernel:
    """Return what a sample adds to the outputs around it under linear interpolation: a transposed kernel."""
    hats = [_hat(f) for f in factor]
    weights = functools.reduce(np.multiply.outer, [np.array(h.weights, dtype=object) for h in hats])
    return Kernel(weights, [h.offsets[0] for h in hats])


def _hat(factor: int) -> Kernel:
    """Return linear interpolation on one axis: output q of sample 0 has weight 1 - |q - (f - 1)/2| / f."""
    count = 2 * factor - factor % 2
    first = (factor - count) // 2
    taps = [1 - abs(q - Fraction(factor - 1, 2)) / factor for q in range(first, first + count)]
    return Kernel(taps, first)
