"""Rules of layers that move a window over the space: convolutions, pools, interpolation."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

from ...network.algebra import Identity
from ...network.layers import Conv, ConvTranspose, Pool
from ...network.resize import Resize, resize
from ..ir import Operator, Placed, Tensor, everything, single
from .pointwise import rule

SAME = ("same_upper", "same_lower")

_conv = functools.lru_cache(maxsize=1024)(Conv)  # equal layers are one, so that what it knows is found once
_pool = functools.lru_cache(maxsize=1024)(Pool)


@rule("conv")
def _(op: Operator, ndim: int) -> Placed:
    """Return a convolution; the weights are (channels, channels in / groups, *sides)."""
    tensor, window, shape = op.tensor, Window(op, ndim), op.weight_shape()
    _require_channels(op, tensor)
    groups = op.get("groups", 1)
    if window.is_point and shape[0] == groups == 1:
        return single(op, Identity())
    return single(
        op,
        _conv(
            window.spread(window.size, 1),
            window.spread(window.stride, 1),
            window.spread(window.dilation, 1),
            window.spread(window.pads(), (0, 0)),
            "zeros",
            shape[0],
            groups,
        ),
    )


@rule("conv_transpose")
def _(op: Operator, ndim: int) -> Placed:
    """Return a transposed convolution; the weights are (channels in, channels / groups, *sides)."""
    tensor, window, shape = op.tensor, Window(op, ndim), op.weight_shape()
    _require_channels(op, tensor)
    extra = op.get("output_padding") or [0] * len(window.size)
    pads = window.transposed_pads(list(extra))
    stride = window.spread(window.stride, 1)
    groups = op.get("groups", 1)
    return single(
        op,
        ConvTranspose(
            window.spread(window.size, 1),
            stride,
            window.spread(window.dilation, 1),
            window.spread(pads, (0, 0)),
            window.spread(list(extra), 0),
            channels=shape[1] * groups,
            groups=groups,
        ),
    )


@rule("linear")
def _(op: Operator, ndim: int) -> Placed:
    """Return a linear layer over the last axis: a 1x1 convolution where that is the channels."""
    if op.tensor.axes[-1]:
        return everything(op)
    return single(op, Conv((1,) * ndim, channels=op.weight_shape()[0]) if op.tensor.space else Identity())


@rule("pool")
def _(op: Operator, ndim: int) -> Placed:
    """Return a pooling over a window."""
    window = Window(op, ndim)
    return single(
        op,
        _pool(
            window.spread(window.size, 1),
            window.spread(window.stride, 1),
            window.spread(window.pads(), (0, 0)),
            op.get("mode", "average"),
            window.spread(window.dilation, 1),
            bool(op.get("ceil_mode", False)),
            bool(op.get("count_include_pad", True)),
        ),
    )


@rule("adaptive_pool")
def _(op: Operator, ndim: int) -> Placed:
    """Return a pooling to a given size: of everything to one, of equal windows where they fit."""
    tensor, sizes = op.tensor, op.options["size"]
    axes = range(len(tensor.axes) - len(sizes), len(tensor.axes))
    if all(size == 1 for size in sizes):
        return everything(op)
    sides = []
    for axis, size in zip(axes, sizes, strict=True):
        side = tensor.side(axis)
        if size is None or side == size:
            sides.append(1)
        elif side is None or side % size:
            raise op.error(f"makes {size} outputs of {side or 'unknown'} samples, so that windows differ")
        else:
            sides.append(side // size)
    if set(sides) == {1}:
        return single(op, Identity())
    spread = op.along(tensor, ndim, dict(zip(axes, sides, strict=True)), 1)
    return single(op, Pool(spread, mode=op.get("mode", "average")))


@rule("resize")
def _(op: Operator, ndim: int) -> Placed:
    """Return an interpolation; `factors` or `sizes` are one per axis of the tensor, None for those left."""
    tensor = op.tensor
    factors = {}
    for axis, (factor, size) in enumerate(zip(op.options["factors"], op.options["sizes"], strict=True)):
        side = tensor.side(axis)
        if factor is not None:
            found = Fraction(factor).limit_denominator(1000)
            if side is not None and op.get("coordinates") == "align_corners":  # whose ends are samples
                found = Fraction(max(1, math.floor(found * side)), side)
        elif size is None or size == side:
            continue
        elif side is None:
            raise op.error("resizes a tensor of unknown size; give input_shape")
        else:
            found = Fraction(size, side)
        if found != 1:
            factors[axis] = found
    if not factors:
        return single(op, Identity())
    spread = op.along(tensor, ndim, factors, Fraction(1))
    origin = tuple(_origin(op, f) if f != 1 else Fraction(0) for f in spread)
    drift = tuple(1 - f for f in spread) if op.get("coordinates") == "align_corners" else ()
    node = Resize(spread, origin, op.get("mode", "nearest"), op.get("rounding", "floor"), drift)
    return single(op, resize(node))


def _origin(op: Operator, factor: Fraction) -> Fraction:
    """Return where output 0 lies."""
    where = op.get("coordinates", "half_pixel")
    if where in ("asymmetric", "align_corners"):
        return Fraction(0)
    if where == "tf_half_pixel_for_nn":
        return Fraction(1, 2)
    if where in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        return (1 - factor) / 2
    raise op.error(f"interpolates with coordinates {where!r}, which depend on the map")


class Window:
    """The options of a moving window, per axis of the window."""

    def __init__(self, op: Operator, ndim: int) -> None:
        self.op, self.ndim, self.tensor = op, ndim, op.tensor
        self.size: list[int] = list(op.options["size"])
        count = len(self.size)
        self.axes = range(len(self.tensor.axes) - count, len(self.tensor.axes))
        self.stride: list[int] = list(op.get("stride") or [1] * count)
        self.dilation: list[int] = list(op.get("dilation") or [1] * count)
        self.padding = op.get("padding", [(0, 0)] * count)

    @property
    def is_point(self) -> bool:
        """Whether it has one sample, and moves by one."""
        return set(self.size) == {1} and set(self.stride) == {1} and not any(map(any, self.pads()))

    def spread(self, values: list[Any], default: Any) -> tuple[Any, ...]:
        """Return one value per axis of the network."""
        used: dict[int, Any] = {}
        for axis, size, stride, value in zip(self.axes, self.size, self.stride, values, strict=True):
            idle = size == 1 and stride == 1
            if self.tensor.axes[axis] or not (idle or self.tensor.side(axis) == 1):
                used[axis] = value
            elif idle and isinstance(value, tuple) and any(value):
                raise self.op.error(f"pads axis {axis}, which is none of the space")
        return self.op.along(self.tensor, self.ndim, used, default)

    def pads(self) -> list[tuple[int, int]]:
        """Return (before, after) per axis, "same" written out."""
        if self.padding not in SAME:
            return list(self.padding)
        found = []
        for axis, size, stride, dilation in zip(
            self.axes, self.size, self.stride, self.dilation, strict=True
        ):
            extent = dilation * (size - 1) + 1
            side = self.tensor.side(axis)
            if side is None and stride > 1:
                raise self.op.error("pads to the same size, which is not known; give input_shape")
            rest = (side or 0) % stride or stride
            found.append(_halves(max(extent - rest, 0), self.padding == "same_lower"))
        return found

    def transposed_pads(self, extra: list[int]) -> list[tuple[int, int]]:
        """Return what a transposed convolution cuts per axis; an `output_size` goes before other padding."""
        wanted = self.op.get("output_size")
        if wanted is None and self.padding not in SAME:
            return list(self.padding)
        found = []
        for i, axis in enumerate(self.axes):
            side = self.tensor.side(axis)
            full = (self.stride[i] * -1) + extra[i] + self.dilation[i] * (self.size[i] - 1) + 1
            if wanted is None:
                total = full  # of stride * side samples
            elif side is None:
                raise self.op.error("has an output of given size, the input's is not known; give input_shape")
            else:
                total = full + self.stride[i] * side - wanted[i]
            if total < 0:
                extra[i] -= total
            found.append(_halves(max(total, 0), self.padding != "same_upper"))
        return found


def _halves(total: int, before: bool) -> tuple[int, int]:
    """Return half before and half after, an odd sample before or after."""
    small, large = total // 2, total - total // 2
    return (large, small) if before else (small, large)


def _require_channels(op: Operator, tensor: Tensor) -> None:
    """Raise where channels and space seem to be mixed up."""
    if len(tensor.axes) > 1 and tensor.axes[-1 - len(op.options["size"])]:
        raise op.error(
            f"sums over axis {len(tensor.axes) - 1 - len(op.options['size'])} of {tensor.name!r}, which is "
            "spatial; if the input's axes are ordered otherwise, say which are spatial by space="
        )
