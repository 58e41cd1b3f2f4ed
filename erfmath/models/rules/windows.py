"""Rules of layers that move a window over the space: convolutions, pools, interpolation."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...network.algebra import Identity, Node, series
from ...network.blocks import Blocks
from ...network.channels import Weighted
from ...network.layers import Conv, ConvTranspose, Pool
from ...network.moves import Pad
from ...network.resize import Resize, resize
from ..axes import Layout, Place, positions
from ..channelwise import Given, in_order
from ..ir import Operator, Placed, Tensor, everything, single
from ..moves import Move, stepped
from .table import rule

SAME = ("same_upper", "same_lower")

_conv = functools.lru_cache(maxsize=1024)(Conv)  # equal layers are one, so that what it knows is found once
_pool = functools.lru_cache(maxsize=1024)(Pool)


@rule("conv")
def _(op: Operator) -> Placed:
    """Return a convolution; the weights are (channels, channels in / groups, *sides)."""
    window, shape = Window(op), op.weight_shape()
    _require_channels(op, op.tensor)
    groups, tensor = op.options["groups"], op.tensor
    if window.is_point and shape[0] == groups == 1:
        return single(op, Identity(), by_channel=_weighted)
    size, stride, dilation, pads = window.even
    layer = _conv(size, stride, dilation, pads, "zeros", shape[0], groups)
    mixed = tensor.runs if groups == tensor.side(window.axes[0] - 1) else _without_channels(op)
    return window.moved(layer, mixed, _weighted)


def _without_channels(op: Operator) -> Layout:
    """Return the layout of a map whose channels are made anew."""
    axis = len(op.tensor.runs) - 1 - len(op.options["size"])
    return tuple(() if i == axis else runs for i, runs in enumerate(op.tensor.runs))


@rule("conv_transpose")
def _(op: Operator) -> Placed:
    """Return a transposed convolution; the weights are (channels in, channels / groups, *sides)."""
    window, shape = Window(op), op.weight_shape()
    _require_channels(op, op.tensor)
    extra, groups = list(op.options["output_padding"]), op.options["groups"]
    size, stride, dilation = window.moves
    window.require_plain()
    pads, outputs = window.spread(window.transposed_pads(extra), (0, 0)), shape[1] * groups
    more = window.spread(extra, 0)
    layer = ConvTranspose(size, stride, dilation, pads, more, channels=outputs, groups=groups)
    return single(op, layer, _without_channels(op), _weighted)


def _weighted(given: Given) -> Placed:
    """Return a convolution with its weights, their axes in the order of the network's."""
    op, node = given.op, given.placed.node
    if op.get("activation"):
        raise op.error("has an activation in it, which is not read")
    layer = node if isinstance(node, (Conv, ConvTranspose)) else Conv((1,) * op.ndim)
    weights = given.weights(1)
    owners = op.tensor.axes[len(op.tensor.axes) - weights.ndim + 2 :]
    idle = tuple(2 + i for i, axis in enumerate(owners) if not axis)
    if any(weights.shape[i] > 1 for i in idle):
        raise op.error("has weights along axes outside its window")
    order = np.argsort([axis[0] for axis in owners if axis])
    found = weights.squeeze(axis=idle).transpose(0, 1, *(2 + order))
    weighted = Weighted(layer, found.reshape(*weights.shape[:2], *layer.kernel.shape))
    given.require_inputs(weighted.inputs)
    return given.placed._replace(node=weighted)


@rule("pool")
def _(op: Operator) -> Placed:
    """Return a pooling over a window; one over rows of tokens makes positions anew."""
    window = Window(op)
    if window.is_over_rows:
        return everything(op)
    size, stride, dilation, pads = window.even
    is_ceil, is_counted = bool(op.get("ceil_mode", False)), bool(op.get("count_include_pad", True))
    layer = _pool(size, stride, pads, op.options["mode"], dilation, is_ceil, is_counted)

    def by_channel(given: Given) -> Placed:
        if op.get("is_norm"):
            raise op.error("has a slope that depends on its input")
        return given.placed

    return window.moved(layer, op.tensor.runs, by_channel)


@rule("adaptive_pool")
def _(op: Operator) -> Placed:
    """Return a pooling to a given size: of everything to one, of equal windows where they fit."""
    tensor, sizes = op.tensor, op.options["size"]
    axes = range(len(tensor.axes) - len(sizes), len(tensor.axes))
    if all(size == 1 for size in sizes):
        return single(op, Identity(), tuple(() if i in axes else runs for i, runs in enumerate(tensor.runs)))
    reads: dict[int, tuple[int, list[range]]] = {}
    for axis, size in zip(axes, sizes, strict=True):
        side = tensor.side(axis)
        if size is None or side == size:
            continue
        if side is None:
            raise op.error(f"makes {size} outputs from an unknown number of samples; give input_shape")
        reads[axis] = _shares_of(side, size)
    if not reads:
        return single(op, Identity(), by_channel=in_order)
    found = op.along(tensor, reads, (1, [range(1)]))
    if all(len(windows) == 1 for _, windows in found):
        pool = Pool(tuple(size for size, _ in found), mode=op.options["mode"])
        return single(op, pool, by_channel=in_order)
    return single(op, Blocks(tuple(size for size, _ in found), [windows for _, windows in found]))


def _shares_of(side: int, count: int) -> tuple[int, list[range]]:
    r"""Return after how many samples windows repeat, and which they are.

    Window i of n over L samples is :math:`\lfloor iL/n \rfloor \,..\, \lceil (i + 1)L/n \rceil - 1`.
    """
    common = math.gcd(side, count)
    size, windows = side // common, count // common
    return size, [range(r * size // windows, -(-(r + 1) * size // windows)) for r in range(windows)]


@rule("resize")
def _(op: Operator) -> Placed:
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
        return single(op, Identity(), by_channel=in_order)
    spread = op.along(tensor, factors, Fraction(1))
    origin = tuple(_origin(op, f) if f != 1 else Fraction(0) for f in spread)
    drift = tuple(1 - f for f in spread) if op.get("coordinates") == "align_corners" else ()
    node = resize(Resize(spread, origin, op.get("mode", "nearest"), op.get("rounding", "floor"), drift))
    return single(op, node, by_channel=_signed)


def _signed(given: Given) -> Placed:
    """Return an interpolation with the signs of its taps."""
    node = given.placed.node
    if isinstance(node, Resize) and node.mode == "cubic":
        if given.op.get("cubic", -0.75) != -0.75:
            raise given.op.error("uses a cubic interpolation with a coefficient other than -3/4")
        node = replace(node, is_signed=True)
    return given.placed._replace(node=node)


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

    def __init__(self, op: Operator) -> None:
        self.op, self.tensor = op, op.tensor
        names = ("size", "stride", "dilation", "padding")
        self.size, self.stride, self.dilation, self.padding = (op.options[name] for name in names)
        self.axes = range(len(self.tensor.axes) - len(self.size), len(self.tensor.axes))

    @property
    def moves(self) -> list[tuple[int, ...]]:
        """The size, the stride and the dilation per axis of the network."""
        return [self.spread(values, 1) for values in (self.size, self.stride, self.dilation)]

    @property
    def is_point(self) -> bool:
        """Whether it has one sample, and moves by one."""
        return set(self.size) == {1} and set(self.stride) == {1} and not any(map(any, self.pads()))

    @property
    def is_over_rows(self) -> bool:
        """Whether it moves along an axis of tokens, the rows of a map one after the other."""
        return any(len(self.tensor.axes[axis]) > 1 and not self._is_idle(axis) for axis in self.axes)

    @property
    def even(self) -> tuple[Any, ...]:
        """The size, stride, dilation and padding of a window that moves by whole steps, per axis.

        Along a run of step s that is the outermost one of its axis a window has its dilation and padding s
        times as large. Other runs are left to `moved`.
        """
        size, stride, dilation = self.moves
        pads = self.spread(self.pads(), (0, 0))
        found = [list(values) for values in (size, stride, dilation, pads)]
        for axis in sorted(self.special, key=self._is_even):  # of two runs of an axis the even one counts
            step, (own, _, apart, around) = self.tensor.runs[axis][0].step, self._along(axis)
            scaled = own, 1, step * apart, tuple(step * pad for pad in around)
            chosen: tuple[Any, ...] = scaled if self._is_even(axis) else (1, 1, 1, (0, 0))
            for values, value in zip(found, chosen, strict=True):
                values[self._owner(axis)] = value
        return tuple(map(tuple, found))

    @property
    def special(self) -> list[int]:
        """The axes of the tensor that it moves along by runs which are not all of an axis of the map."""
        return [
            axis
            for axis in self.axes
            if self.tensor.axes[axis]
            and (self.tensor.runs[axis][0].step != 1 or not self._is_alone(axis))
            and not self._is_idle(axis)
        ]

    def require_plain(self) -> None:
        """Raise where it moves along blocks."""
        if self.special:
            raise self.op.error(
                f"works along axis {self.special[0]}, which holds a part of the positions of a map"
            )

    def moved(self, layer: Node, layout: Layout, by_channel: Any) -> Placed:
        """Return a layer that moves by whole steps, and blocks along the other runs."""
        op, tensor = self.op, self.tensor
        rest = [axis for axis in self.special if not self._is_even(axis)]
        if not rest:
            return single(op, layer, layout, by_channel)
        parts, current = [layer], replace(tensor, layout=layout)
        for axis in rest:
            move = self._blocks(axis, current)
            parts.append(move.node)
            current = replace(current, layout=move.layout, sides=move.sides)
        return single(op, series(parts), current.runs)

    def _blocks(self, axis: int, tensor: Tensor) -> Move:
        """Return a window along a run within blocks, or one of a stride along an outermost run."""
        size, stride, dilation, (before, _) = self._along(axis)
        run, shape = tensor.runs[axis][0], self.op.shapes[0]
        count = None if shape is None else shape[axis]
        if count is None or run.length is None:
            raise self.op.error("works along blocks of unknown size; give input_shape")

        def taps(unit: int) -> list[int]:
            return [stride * unit + dilation * tap - before for tap in range(size)]

        if not self._is_outermost(axis):
            return stepped(self.op, tensor, Place(axis, 0), count, taps)
        owner, step = self._owner(axis), run.step
        after = max(0, taps(count - 1)[-1] + 1 - run.length)  # of the last window, rounded up or down
        around = [(step * before, step * after) if a == owner else (0, 0) for a in range(self.op.ndim)]
        reads = [[tap * step + before * step + r for tap in taps(0)] for r in range(step)]
        sizes = tuple(stride * step if a == owner else 1 for a in range(self.op.ndim))
        blocks = Blocks(sizes, [reads if a == owner else ((0,),) for a in range(self.op.ndim)])
        node = series([Pad(around), blocks]) if before or after else blocks
        layout = tuple((run._replace(length=count),) if i == axis else r for i, r in enumerate(tensor.runs))
        sides = tuple(step * count if a == owner else side for a, side in enumerate(tensor.sides))
        return Move(node, layout, sides)

    def _along(self, axis: int) -> tuple[int, int, int, tuple[int, int]]:
        """Return the size, the stride, the dilation and the padding along an axis of the tensor."""
        i = list(self.axes).index(axis)
        return self.size[i], self.stride[i], self.dilation[i], self.pads()[i]

    def _owner(self, axis: int) -> int:
        return self.tensor.axes[axis][0]

    def _is_idle(self, axis: int) -> bool:
        size, stride, _, pads = self._along(axis)
        return size == stride == 1 and pads == (0, 0)

    def _is_alone(self, axis: int) -> bool:
        """Whether a run is all of an axis of the map."""
        return sum(run.axis == self._owner(axis) for runs in self.tensor.runs for run in runs) == 1

    def _is_even(self, axis: int) -> bool:
        """Whether it moves by one along an axis of the tensor whose run is the outermost one there."""
        return self._is_outermost(axis) and self._along(axis)[1] == 1

    def _is_outermost(self, axis: int) -> bool:
        place, _ = positions(self.tensor.runs)[self._owner(axis)][0]
        return place == Place(axis, 0)

    def spread(self, values: list[Any], default: Any) -> tuple[Any, ...]:
        """Return one value per axis of the network."""
        used: dict[int, Any] = {}
        for axis, size, stride, value in zip(self.axes, self.size, self.stride, values, strict=True):
            idle = size == 1 and stride == 1
            if idle and value == default:
                continue  # whatever runs there
            if self.tensor.axes[axis] or not (idle or self.tensor.side(axis) == 1):
                used[axis] = value
            elif idle and isinstance(value, tuple) and any(value):
                raise self.op.error(f"pads axis {axis}, which is not spatial")
        return self.op.along(self.tensor, used, default)

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
                raise self.op.error("keeps a size that is unknown; give input_shape")
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
                raise self.op.error("has a given output size and an input of unknown size; give input_shape")
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
            "spatial; if the input's axes are ordered otherwise, say which are spatial with space="
        )
