"""Rules of operators that move blocks between space and channels, or give the same numbers another shape."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ...network.algebra import Identity, Node, series
from ...network.channels import Rearranged, Weighted
from ...network.layers import Conv, ConvTranspose, Upsample
from ..channelwise import Given, in_order
from ..ir import Layout, Operator, Placed, Tensor, everything, single
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


def _in_order(given: Given) -> Placed:
    """Return another shape of the same channels."""
    if not isinstance(given.placed.node, Identity):
        raise given.op.error("moves blocks between space and channels; use weights='energy'")
    return given.placed


@rule("reshape")
def _(op: Operator) -> Placed:
    """Return the same numbers in another shape: what becomes of each axis of the space.

    An axis split in two keeps its major part, the other is a block moved to channels; channels merged
    behind an axis are a block moved to space; what is merged otherwise has lost its position.
    """
    tensor, shape = op.tensor, op.shapes[0]
    if shape is None or None in shape or tensor.shape is None or None in tensor.shape:
        if shape is not None and shape == tensor.shape:
            return single(op, Identity(), by_channel=in_order)
        raise op.error("reshapes a tensor, and one of the shapes is unknown; give input_shape")
    found = _reshaped(_atoms(tensor), [int(side or 0) for side in shape], op.ndim)
    if found is None:
        return everything(op)
    layout, down, up = found
    parts: list[Node] = []
    channels = _depth(tensor)
    if set(down) != {1}:
        channels = channels and channels * math.prod(down)
        parts.append(Rearranged(Conv(tuple(down), stride=tuple(down)), channels))
    if set(up) != {1}:
        parts.append(Rearranged(Upsample(tuple(up)), channels and channels // math.prod(up)))
    return single(op, series(parts), layout, _in_order)


def _atoms(tensor: Tensor) -> list[tuple[int, int | None]]:
    """Return the factors of a shape, (side, axis of the space) each, those of one sample left out."""
    atoms: list[tuple[int, int | None]] = []
    for side, owners in zip(tensor.shape or (), tensor.axes, strict=True):
        if len(owners) > 1:
            atoms += [(int(tensor.sides[owner] or 0), owner) for owner in owners]
        else:
            atoms.append((int(side or 0), owners[0] if owners else None))
    return [atom for atom in atoms if atom[0] != 1]


def _reshaped(
    atoms: list[tuple[int, int | None]], shape: Iterable[int], ndim: int
) -> tuple[Layout, list[int], list[int]] | None:
    """Return the layout of a shape, and by how much each axis is pooled and repeated; None if it is lost."""
    rest, layout = atoms[::-1], []
    down, up = [1] * ndim, [1] * ndim
    for side in shape:
        owners: list[int] = []
        block = 1
        wanted = side
        while wanted > 1:
            if not rest:
                return None
            size, owner = rest.pop()
            if size > wanted:
                if size % wanted:
                    return None
                rest.append((size // wanted, None))
                if owner is not None:
                    down[owner] *= size // wanted
                size = wanted
            elif wanted % size:
                return None
            wanted //= size
            if owner is None:
                block *= size
            elif block > 1:
                return None
            else:
                owners.append(owner)
        if owners and block > 1:
            if len(owners) > 1:
                return None
            up[owners[0]] *= block
        layout.append(tuple(owners))
    return tuple(layout), down, up


def _depth(tensor: Tensor) -> int | None:
    """Return the number of channels, None where it is not known; of several axes the first is the batch."""
    sides = [tensor.side(i) for i, axis in enumerate(tensor.axes) if not axis]
    sides = sides[1:] if len(sides) > 1 else sides
    return None if None in sides else math.prod(side for side in sides if side is not None)


def _blocks(op: Operator) -> tuple[int, ...]:
    """Return the side of the blocks per axis."""
    return op.along(op.tensor, dict.fromkeys(op.tensor.space, int(op.options["block"])), 1)
