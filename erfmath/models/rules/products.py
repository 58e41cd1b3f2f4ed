"""Rules of sums along axes: products of matrices, means and the like."""

from __future__ import annotations

import math

import numpy as np

from ...network.algebra import Identity
from ...network.layers import Conv
from ..channelwise import Given
from ..ir import Operator, Placed, Tensor, everything, single
from .table import rule


@rule("linear")
def _(op: Operator) -> Placed:
    """Return a linear layer over the last axis: a 1x1 convolution where that is the channels."""
    if op.tensor.axes[-1]:
        return everything(op)
    layer = Conv((1,) * op.ndim, channels=op.weight_shape()[0]) if op.tensor.space else Identity()
    return single(op, layer, by_channel=_mixed)


@rule("matmul")
def _(op: Operator) -> Placed:
    """Return a product of matrices: pointwise with constant weights over channels, else everything."""
    left, right = op.inputs
    if len(op.tensors) > 1:
        return everything(op)
    tensor, other = (left, right) if isinstance(left, Tensor) else (op.tensors[0], left)
    layout = list(tensor.axes)
    summed = -1 if tensor is left or len(layout) == 1 else -2
    if layout[summed]:
        return everything(op)
    rank = len(other.shape) if other is not None and other.shape is not None else 2
    if rank == 1:
        del layout[summed]
    return Placed(Identity(), [(tensor, 1)], ((),) * (rank - len(layout)) + tuple(layout), _mixed)


@rule("gemm")
def _(op: Operator) -> Placed:
    """Return a fully connected layer on a matrix."""
    tensor = op.tensors[0]
    layout = tensor.axes[::-1] if op.get("transposed") else tensor.axes
    if len(op.tensors) > 1 or len(layout) != 2 or layout[1]:
        return everything(op)
    return Placed(Identity(), [(tensor, 1)], layout, _mixed)


def _mixed(given: Given) -> Placed:
    """Return a product with a matrix (outputs, inputs) at each position."""
    op = given.op
    place = 1 if isinstance(op.inputs[0], Tensor) else 0
    weights = given.weights(place)
    matrix = weights.reshape(1, -1) if weights.ndim == 1 else weights
    is_turned = op.kind == "linear" or (op.kind == "gemm" and op.get("transposed_weights"))
    if weights.ndim > 1 and place == 1 and not is_turned:
        matrix = matrix.swapaxes(-1, -2)
    if math.prod(matrix.shape[:-2]) != 1:
        raise op.error("multiplies by several matrices")
    matrix = matrix.reshape(matrix.shape[-2:]) * op.get("scale", 1)
    given.require_inputs(matrix.shape[1])
    return given.mixed(matrix)


@rule("einsum")
def _(op: Operator) -> Placed:
    """Return a sum of products: pointwise where only channels are summed over, else everything."""
    equation = op.options["equation"].replace(" ", "")
    left, _, right = equation.partition("->")
    if len(op.tensors) > 1 or "." in equation or not right:
        return everything(op)
    letters = left.split(",")[next(i for i, x in enumerate(op.inputs) if isinstance(x, Tensor))]
    owners = dict(zip(letters, op.tensors[0].axes, strict=True))
    if any(axis and letter not in right for letter, axis in owners.items()):
        return everything(op)
    return Placed(Identity(), [(op.tensors[0], 1)], tuple(owners.get(letter, ()) for letter in right))


@rule("embedding")
def _(op: Operator) -> Placed:
    """Return the rows of a table, chosen by the input."""
    indices = op.tensors[0]
    before, after = op.options["around"]
    return Placed(Identity(), [(indices, 1)], ((),) * before + indices.axes + ((),) * after)


@rule("reduce")
def _(op: Operator) -> Placed:
    """Return a mean, sum or maximum over axes: pointwise over channels, everything over space."""
    tensor, axes = op.tensor, op.get("axes")
    rank = len(tensor.axes)
    over = tuple(range(rank)) if axes is None else tuple(axis % rank for axis in axes)
    if any(tensor.axes[axis] and tensor.side(axis) != 1 for axis in over):
        return everything(op)
    layout = tuple(() if i in over else axis for i, axis in enumerate(tensor.axes))
    if not op.get("keepdims", True):
        layout = tuple(axis for i, axis in enumerate(layout) if i not in over)
    return single(op, Identity(), layout, lambda given: _reduced(given, over))


def _reduced(given: Given, over: tuple[int, ...]) -> Placed:
    """Return a sum, a mean or, in equal shares, a maximum over channels."""
    numbers = given.numbers(given.op.tensor)
    rows = np.moveaxis(numbers, over, range(len(over))).reshape(math.prod(numbers.shape[a] for a in over), -1)
    share = {"sum": 1.0, "mean": 1 / len(rows), "choice": 1 / len(rows)}.get(given.op.get("combine", ""))
    if share is None:
        raise given.op.error("has a slope that depends on its input")
    matrix = np.zeros((rows.shape[1], numbers.size))
    matrix[np.arange(rows.shape[1]), rows] = share
    return given.mixed(matrix)


@rule("scan")
def _(op: Operator) -> Placed:
    """Return a running sum along an axis, which from a spatial one reads all that comes before."""
    return everything(op) if op.tensor.axes[op.options["axis"]] else single(op, Identity())
