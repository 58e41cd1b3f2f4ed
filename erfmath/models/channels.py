"""A model's own weights, channel by channel: the network whose impact is the model's gradient.

Convolutions keep their weights, normalisations become factors, activations their mean slopes; what moves
channels does so to their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..network.algebra import Identity, series
from ..network.channels import Weighted
from ..network.layers import Conv, ConvTranspose
from ..network.resize import Resize
from .axes import slice_written
from .channelwise import Array, Given
from .ir import Constant, Operator, Placed, Tensor
from .slopes import Rates

_TABLE: dict[str, Callable[[Given], Placed]] = {}


def given_of(op: Operator, placed: Placed, output: int, ndim: int, rates: Rates) -> Placed:
    """Return what an output of an operator means channel by channel, from what it means in space."""
    if op.kind is None or placed.layout is None:
        return placed
    if op.kind not in _TABLE:
        raise op.error("is not known channel by channel; take weights='energy'")
    return _TABLE[op.kind](Given(op, placed, output, ndim, rates))


def _meaning(*kinds: str) -> Callable[[Callable[[Given], Placed]], Callable[[Given], Placed]]:
    def register(function: Callable[[Given], Placed]) -> Callable[[Given], Placed]:
        _TABLE.update(dict.fromkeys(kinds, function))
        return function

    return register


@_meaning("adaptive_pool", "pool", "reshape", "squeeze", "unsqueeze")
def _(given: Given) -> Placed:
    """Return what treats each channel alone, or keeps the order of all of them."""
    if given.op.kind == "reshape" and not isinstance(given.placed.node, Identity):
        raise given.op.error("moves blocks between space and channels; take weights='energy'")
    if given.op.get("is_norm"):
        raise given.op.error("has a slope that depends on its input")
    return given.placed


@_meaning("resize")
def _(given: Given) -> Placed:
    """Return the interpolation with the signs of its taps."""
    node = given.placed.node
    if isinstance(node, Resize) and node.mode == "cubic":
        if given.op.get("cubic", -0.75) != -0.75:
            raise given.op.error("interpolates by another cubic than that of a = -3/4")
        node = replace(node, is_signed=True)
    return given.placed._replace(node=node)


@_meaning("pointwise")
def _(given: Given) -> Placed:
    if given.op.get("activation"):
        # In place of the activation, whose gain would count again in the variance.
        return given.placed._replace(node=given.factors(*given.rates.moments(given.op)))
    factor = given.op.get("factor")
    if factor is None:
        raise given.op.error("has a slope that depends on its input")
    return given.scaled(factor)


@_meaning("batch_norm")
def _(given: Given) -> Placed:
    return given.scaled(given.per_channel(_aligned(given, _normalising_factors(given.op))))


@_meaning("normalise")
def _(given: Given) -> Placed:
    """Return the scale of a normalisation; its statistics are taken as those of standard normal inputs."""
    scale = given.op.get("scale")
    if scale is None and not given.op.get("is_plain"):
        raise given.op.error("divides by what depends on its input")
    if scale is None:
        return given.placed
    value = given.op.constant(scale, "its scale")
    if value is None:
        return given.placed
    if not given.op.get("is_last"):  # one scale per channel, or per group of them
        value = np.repeat(value, math.prod(given.shape()) // np.size(value))
    return given.scaled(given.per_channel(_aligned(given, value)))


@_meaning("join")
def _(given: Given) -> Placed:
    """Return a sum of the operands with their signs, or of products and choices their shares."""
    op, shape = given.op, given.shape()
    how = op.options["combine"]
    constants = [i for i, x in enumerate(op.inputs) if isinstance(x, Constant)]
    is_inverse = how == "quotient" and (len(op.tensors) > 1 or 0 in constants)
    if how in ("choice", "power") or is_inverse or (how == "extreme" and constants):
        raise op.error("has a slope that depends on its input")

    factor = np.full(shape, float(op.get("scale", 1)))
    for i in constants if how in ("product", "quotient") else ():
        value = given.per_channel(op.constant(i, "its factor"))
        with np.errstate(divide="ignore"):  # what is not finite is named below
            factor = factor * value if how == "product" else factor / value

    parts = []
    for entry, sign in zip(op.inputs, op.get("factors") or [1] * len(op.inputs), strict=False):
        gain = given.share(entry)
        if isinstance(entry, Tensor) and gain is not None:
            numbers = given.numbers(entry)
            choice = given.choice(np.broadcast_to(numbers, shape), numbers.size)
            parts.append((entry, series([choice, given.factors(factor)]), gain * sign))
    return given.joined(parts)


@_meaning("prelu")
def _(given: Given) -> Placed:
    """Return the mean slope of a gate that is open, or of its own slope."""
    slopes = given.op.constant(1, "its slopes")
    if given.op.get("is_aligned"):  # with the channels, whatever follows
        slopes = np.reshape(slopes, (-1, *(1 for _ in given.shape()[2:])))
    slopes, share = given.per_channel(slopes).ravel(), given.rates.share(given.op)
    return given.scaled(share + (1 - share) * slopes, share + (1 - share) * slopes**2)


@_meaning("concat", "stack")
def _(given: Given) -> Placed:
    """Return the sum of the operands, each moved to where its channels stand."""
    op = given.op
    assert given.placed.layout is not None
    rank = len(given.placed.layout)
    axis = op.options["axis"] % rank
    if given.placed.layout[axis]:  # constants before and after: a padding
        return given.placed
    shape = given.shape()
    parts, start = [], 0
    for entry in op.inputs:
        side = 1 if op.kind == "stack" else entry.shape[axis] if entry is not None and entry.shape else None
        if side is None:
            raise op.error("concatenates unknown numbers of channels; give input_shape")
        if isinstance(entry, Tensor) and side and given.share(entry) is not None:
            numbers = given.numbers(entry)
            places = np.full(shape, -1)
            where = (*(slice(None) for _ in range(axis)), slice(start, start + side))
            places[where] = np.expand_dims(numbers, axis) if op.kind == "stack" else numbers
            parts.append((entry, given.choice(places, numbers.size), 1))
        start += side
    return given.joined(parts)


@_meaning("scatter")
def _(given: Given) -> Placed:
    """Return the sum of what is kept and what is written, each moved to where its channels stand."""
    op, layout = given.op, given.placed.layout
    assert layout is not None
    axis = op.options["axis"] % len(layout)
    if layout[axis]:
        raise op.error("writes into a part of the space, which has no weights that are known")
    start, stop, step = slice_written(op)
    where = (*(slice(None) for _ in range(axis)), slice(start, stop, step))
    base, written = op.inputs[:2]
    parts = []
    if isinstance(base, Tensor):
        places = given.numbers(base).copy()
        places[where] = -1
        parts.append((base, given.choice(places, places.size), 1))
    if isinstance(written, Tensor):
        places = np.full(given.shape(), -1)
        places[where] = given.numbers(written)
        parts.append((written, given.choice(places, given.numbers(written).size), 1))
    return given.joined(parts)


@_meaning("slice")
def _(given: Given) -> Placed:
    numbers = given.numbers(given.op.tensor)
    for axis, start, stop, step in given.op.options["slices"]:
        if not given.op.tensor.axes[axis]:
            where = (*(slice(None) for _ in range(axis % numbers.ndim)), slice(start, stop, step))
            numbers = numbers[where]
    return given.picked(numbers)


@_meaning("split")
def _(given: Given) -> Placed:
    op = given.op
    axis = op.options["axis"] % len(op.tensor.axes)
    if op.tensor.axes[axis]:
        return given.placed
    numbers = given.numbers(op.tensor)
    sides = op.get("parts") or [shape and shape[axis] for shape in op.shapes]
    if None in sides:
        raise op.error("splits into unknown numbers of channels; give input_shape")
    start = sum(sides[: given.output])
    return given.picked(numbers.take(range(start, start + sides[given.output]), axis=axis))


@_meaning("select", "unbind")
def _(given: Given) -> Placed:
    op = given.op
    axis = op.options["axis"] % len(op.tensor.axes)
    if op.tensor.axes[axis]:
        return given.placed
    index = given.output if op.kind == "unbind" else np.asarray(op.options["index"])
    return given.picked(given.numbers(op.tensor).take(index, axis=axis))


@_meaning("transpose")
def _(given: Given) -> Placed:
    numbers = given.numbers(given.op.tensor)
    return given.picked(numbers.transpose(given.op.get("order") or range(numbers.ndim)[::-1]))


@_meaning("shuffle")
def _(given: Given) -> Placed:
    """Return channels (group, place in it) in the order (place, group)."""
    numbers = given.numbers(given.op.tensor).ravel()
    return given.picked(numbers.reshape(given.op.options["groups"], -1).T)


@_meaning("expand")
def _(given: Given) -> Placed:
    numbers, shape = given.numbers(given.op.tensor), given.shape()
    numbers = numbers.reshape((1,) * (len(shape) - numbers.ndim) + numbers.shape)
    return given.picked(np.tile(numbers, [b // a for a, b in zip(numbers.shape, shape, strict=True)]))


@_meaning("pad")
def _(given: Given) -> Placed:
    """Return the padding in space; channels are padded by zeros, or cut."""
    axes = given.op.tensor.axes
    pairs = [(0, 0) if axis else pair for axis, pair in zip(axes, given.op.options["pads"], strict=True)]
    if not any(map(any, pairs)):
        return given.placed
    if given.op.get("border", "zeros") != "zeros":
        raise given.op.error("pads channels by other channels")
    numbers = given.numbers(given.op.tensor)
    kept = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, numbers.shape, strict=True))
    added = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return given.picked(np.pad(numbers[kept], added, constant_values=-1))


@_meaning("roll")
def _(given: Given) -> Placed:
    shifts = given.op.options["shifts"]
    moved = {axis: shift for axis, shift in shifts.items() if not given.op.tensor.axes[axis]}
    return given.picked(np.roll(given.numbers(given.op.tensor), list(moved.values()), list(moved)))


@_meaning("reduce")
def _(given: Given) -> Placed:
    """Return a sum, a mean or, in equal shares, a maximum over channels."""
    op = given.op
    numbers = given.numbers(op.tensor)
    axes = op.get("axes")
    over = tuple(range(numbers.ndim) if axes is None else (axis % numbers.ndim for axis in axes))
    rows = np.moveaxis(numbers, over, range(len(over))).reshape(math.prod(numbers.shape[a] for a in over), -1)
    share = {"sum": 1.0, "mean": 1 / len(rows), "choice": 1 / len(rows)}.get(op.get("combine", ""))
    if share is None:
        raise op.error("has a slope that depends on its input")
    matrix = np.zeros((rows.shape[1], numbers.size))
    matrix[np.arange(rows.shape[1]), rows] = share
    return given.mixed(matrix)


@_meaning("conv", "conv_transpose")
def _(given: Given) -> Placed:
    node = given.placed.node
    layer = node if isinstance(node, (Conv, ConvTranspose)) else Conv((1,) * given.ndim)
    weighted = Weighted(layer, _weights_of(given.op, layer))
    _require_inputs(given, weighted.inputs)
    return given.placed._replace(node=weighted)


@_meaning("linear", "matmul", "gemm")
def _(given: Given) -> Placed:
    op = given.op
    place = 1 if isinstance(op.inputs[0], Tensor) else 0
    weights = _floats(op, op.constant(place, "its weights"))
    matrix = np.atleast_2d(weights)
    outwards = op.kind == "linear" or (op.kind == "gemm" and op.get("transposed_weights"))
    if weights.ndim == 1:
        matrix = matrix.reshape(1, -1)
    elif place == 1 and not outwards:
        matrix = matrix.swapaxes(-1, -2)
    if math.prod(matrix.shape[:-2]) != 1:
        raise op.error("multiplies by several matrices")
    matrix = matrix.reshape(matrix.shape[-2:]) * op.get("scale", 1)
    _require_inputs(given, matrix.shape[1])
    return given.mixed(matrix)


@_meaning("depth_to_space", "space_to_depth")
def _(given: Given) -> Placed:
    """Return a convolution with a single 1 for each output: blocks as channels, or channels as blocks."""
    op, block, ndim = given.op, int(given.op.options["block"]), given.ndim
    places = block**ndim
    numbers = given.numbers(op.tensor)
    owners = [op.tensor.axes[axis][0] for axis in op.tensor.space]
    if len(owners) != ndim or numbers.size != (op.tensor.side(op.tensor.space[0] - 1) or 0):
        raise op.error("moves blocks of other axes than the channels before the space; give a batch of 1")
    is_down = op.kind == "space_to_depth"
    base = numbers.size if is_down else numbers.size // places
    order = np.arange(base * places)  # of the deep channels, (base, place) or (place, base)
    deep = order.reshape(places, base).T if op.get("blocks_first") else order.reshape(base, places)
    weights = np.zeros((base * places, base, places))
    for place in range(places):
        weights[deep[:, place], np.arange(base), place] = 1
    weights = weights.reshape(base * places, base, *(block,) * ndim)
    weights = weights.transpose(0, 1, *(2 + np.argsort(owners)))
    blocks = (block,) * ndim
    layer: Conv | ConvTranspose = (
        Conv(blocks, stride=blocks, channels=base * places)
        if is_down
        else ConvTranspose(blocks, stride=blocks, channels=base)
    )
    return given.placed._replace(node=Weighted(layer, weights))


def _weights_of(op: Operator, node: Conv | ConvTranspose) -> Array:
    """Return the weights of a convolution, their axes in the order of the network's."""
    if op.get("activation"):
        raise op.error("has an activation in it, which is not read")
    weights = _floats(op, op.constant(1, "its weights"))
    count = weights.ndim - 2
    owners = op.tensor.axes[len(op.tensor.axes) - count :]
    idle = tuple(2 + i for i, axis in enumerate(owners) if not axis)
    if any(weights.shape[i] > 1 for i in idle):
        raise op.error("has weights along other axes than its window")
    order = np.argsort([axis[0] for axis in owners if axis])
    found = weights.squeeze(axis=idle).transpose(0, 1, *(2 + order))
    return found.reshape(*weights.shape[:2], *node.kernel.shape)


def _floats(op: Operator, weights: Any) -> Array:
    """Return weights as they are, or raise where they are no finite floats."""
    array = np.asarray(weights)
    if array.dtype.kind != "f":
        raise op.error("has quantised weights, whose scale is not read")
    if not np.isfinite(array).all():
        raise op.error("has weights that are not finite")
    return array


def _normalising_factors(op: Operator) -> Array:
    """Return what batch normalisation multiplies each channel by."""
    scale = _loaded(op, op.get("scale"), "its scale")
    spread = _loaded(op, op.get("spread"), "its variance")
    if spread is None:
        raise op.error("divides by what depends on its input")
    spread = spread + op.get("eps", 1e-5)
    if not (spread > 0).all():
        raise op.error("has a variance that is not positive")
    return np.asarray((1.0 if scale is None else scale) / np.sqrt(spread))


def _loaded(op: Operator, index: int | None, what: str) -> Any:
    """Return a constant input as floats, None where there is none."""
    value = None if index is None else op.constant(index, what)
    return None if value is None else np.asarray(value, dtype=float)


def _require_inputs(given: Given, count: int) -> None:
    found = given.numbers(given.op.tensors[0]).size
    if found != count:
        raise given.op.error(
            f"reads {count} channels of {found} that are not along the space; give a batch of 1"
        )


def _aligned(given: Given, value: Any) -> Any:
    """Return the scale of a normalisation as it is joined to the tensor: over its last axes, or channels."""
    assert given.placed.layout is not None
    if given.op.get("is_last"):
        return value
    return np.reshape(value, (-1, *(1 for _ in given.placed.layout[2:])))
