"""Rules of operators that move blocks between space and channels, or give the same numbers another shape."""

from __future__ import annotations

import math

import numpy as np

from ...network.algebra import Identity
from ...network.channels import Rearranged, Weighted
from ...network.layers import Conv, ConvTranspose, Upsample
from ..axes import reshaped
from ..channelwise import Given, in_order
from ..ir import Operator, Placed, Tensor, everything, single
from .table import rule


@rule("depth_to_space")
def _(op: Operator) -> Placed:
    """Return channels moved to space, as sub-pixel convolutions do: all read the same pixel."""
    blocks, channels = _blocks(op), _depth(op.tensor)
    node = Rearranged(Upsample(blocks), channels and channels // math.prod(blocks))
    return single(op, node, by_channel=_with_places)


@rule("space_to_depth")
def _(op: Operator) -> Placed:
    """Return blocks moved to channels, alike in the shares they have of the next layer's sum."""
    blocks, channels = _blocks(op), _depth(op.tensor)
    node = Rearranged(Conv(blocks, stride=blocks), channels and channels * math.prod(blocks))
    return single(op, node, by_channel=_with_places)


def _with_places(given: Given) -> Placed:
    """Return a convolution with a single 1 for each output: blocks as channels, or channels as blocks."""
    op, block = given.op, int(given.op.options["block"])
    places = block**op.ndim
    numbers = given.numbers(op.tensor)
    owners = [op.tensor.axes[axis][0] for axis in op.tensor.space]
    if len(owners) != op.ndim or numbers.size != (op.tensor.side(op.tensor.space[0] - 1) or 0):
        raise op.error("moves blocks of axes other than the channels; give a batch of 1")
    is_down = op.kind == "space_to_depth"
    base = numbers.size if is_down else numbers.size // places
    order = np.arange(base * places)  # of the deep channels, (base, place) or (place, base)
    deep = order.reshape(places, base).T if op.get("blocks_first") else order.reshape(base, places)
    weights = np.zeros((base * places, base, places))
    for place in range(places):
        weights[deep[:, place], np.arange(base), place] = 1
    blocks = (block,) * op.ndim
    weights = weights.reshape(base * places, base, *blocks).transpose(0, 1, *(2 + np.argsort(owners)))
    layer: type[Conv | ConvTranspose] = Conv if is_down else ConvTranspose
    return given.placed._replace(node=Weighted(layer(blocks, stride=blocks), weights))


@rule("reshape")
def _(op: Operator) -> Placed:
    """Return the same numbers in another shape: the runs of its axes split and joined."""
    tensor, shape = op.tensor, op.shapes[0]
    if shape is None or None in shape or tensor.shape is None or None in tensor.shape:
        if shape is not None and shape == tensor.shape:
            return single(op, Identity(), by_channel=in_order)
        raise op.error("reshapes a tensor, and one of the shapes is unknown; give input_shape")
    layout = reshaped(tensor.runs, [int(side or 0) for side in shape])
    if layout is None and tensor.owned <= tensor.whole:
        return everything(op)
    if layout is None:
        raise op.error(
            f"reshapes {tensor.shape} to {shape}, which cuts the rows of a map into pieces of other lengths"
        )
    return single(op, Identity(), layout, in_order)


def _depth(tensor: Tensor) -> int | None:
    """Return the number of channels, None where it is not known; of several axes the first is the batch."""
    sides = [tensor.side(i) for i, axis in enumerate(tensor.axes) if not axis]
    sides = sides[1:] if len(sides) > 1 else sides
    return None if None in sides else math.prod(side for side in sides if side is not None)


def _blocks(op: Operator) -> tuple[int, ...]:
    """Return the side of the blocks per axis."""
    return op.along(op.tensor, dict.fromkeys(op.tensor.space, int(op.options["block"])), 1)
