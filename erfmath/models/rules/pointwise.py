"""What operators mean: the one table from kinds of operators to nodes, shared by all front ends.

A rule takes an :class:`Operator` and the number of spatial axes, and returns what it is, :class:`Placed`;
a list of them where its outputs differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ...network.algebra import Identity
from ...network.layers import Activation
from ..ir import Layout, Operator, Placed, Tensor, everything, single

Rule = Callable[[Operator, int], Placed | list[Placed]]

RULES: dict[str, Rule] = {}


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of some kinds of operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


@rule("pointwise", "batch_norm", "shuffle")
def _(op: Operator, ndim: int) -> Placed:
    """Return what acts on each position alone: activations, batch normalisation, casts, channel shuffles."""
    name = op.get("activation")
    return single(op, Activation(name) if name else Identity())


@rule("join", "prelu")
def _(op: Operator, ndim: int) -> Placed:
    """Return the sum of tensors, each times its gain: 1 for sums, equal shares for products and maxima."""
    count = {"sum": 1, "mean": len(op.inputs)}.get(op.options["combine"], len(op.tensors))
    share = Fraction(1, count)
    return Placed(Identity(), [(tensor, share) for tensor in op.tensors], broadcast(op))


@rule("everything")
def _(op: Operator, ndim: int) -> Placed:
    """Return what reads everything."""
    return everything(op)


@rule("shape")
def _(op: Operator, ndim: int) -> Placed:
    """Return what depends on a tensor's shape alone, which is not known."""
    raise op.error(f"reads the shape of {op.tensors[0].name!r}, which is not known; give input_shape")


@rule("normalise")
def _(op: Operator, ndim: int) -> Placed:
    """Return a normalisation over some axes, with statistics of the whole map where they are spatial."""
    tensor = op.tensor
    over = [axis % len(tensor.axes) for axis in op.options["axes"]]
    spatial = any(tensor.axes[axis] and tensor.side(axis) != 1 for axis in over)
    return Placed(Identity(), [(tensor, 1)], tensor.axes, has_statistics=spatial)


@rule("reduce")
def _(op: Operator, ndim: int) -> Placed:
    """Return a mean, sum or maximum over axes: pointwise over channels, everything over space."""
    tensor = op.tensor
    axes = op.get("axes")
    over = range(len(tensor.axes)) if axes is None else [axis % len(tensor.axes) for axis in axes]
    if any(tensor.axes[axis] and tensor.side(axis) != 1 for axis in over):
        return everything(op)
    layout = [() if i in over else axis for i, axis in enumerate(tensor.axes)]
    if not op.get("keepdims", True):
        layout = [axis for i, axis in enumerate(layout) if i not in over]
    return single(op, Identity(), tuple(layout))


@rule("scan")
def _(op: Operator, ndim: int) -> Placed:
    """Return a running sum along an axis, which from a spatial one reads all that comes before."""
    tensor = op.tensor
    return everything(op) if tensor.axes[op.options["axis"]] else single(op, Identity())


@rule("embedding")
def _(op: Operator, ndim: int) -> Placed:
    """Return the rows of a table, chosen by the input."""
    indices = op.tensors[0]
    before, after = op.options["around"]
    return Placed(Identity(), [(indices, 1)], ((),) * before + indices.axes + ((),) * after)


@rule("matmul")
def _(op: Operator, ndim: int) -> Placed:
    """Return a product of matrices: pointwise with constant weights over channels, else everything."""
    left, right = op.inputs[:2]
    tensors = op.tensors
    if len(tensors) > 1:
        return everything(op)
    first = tensors[0] is left
    layout = list(tensors[0].axes)
    summed = -1 if first or len(layout) == 1 else -2
    if layout[summed]:
        return everything(op)
    other = right if first else left
    rank = len(other.shape) if other is not None and other.shape is not None else 2
    if rank == 1:
        del layout[summed]
    return Placed(Identity(), [(tensors[0], 1)], ((),) * (rank - len(layout)) + tuple(layout))


@rule("gemm")
def _(op: Operator, ndim: int) -> Placed:
    """Return a fully connected layer on a matrix."""
    tensor = op.tensors[0]
    layout = tensor.axes[::-1] if op.get("transposed") else tensor.axes
    if len(op.tensors) > 1 or len(layout) != 2 or layout[1]:
        return everything(op)
    return Placed(Identity(), [(tensor, 1)], layout)


@rule("einsum")
def _(op: Operator, ndim: int) -> Placed:
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


def broadcast(op: Operator) -> Layout:
    """Return the common layout of tensors that are joined position by position."""
    rank = max(len(t.shape) for t in op.inputs if t is not None and t.shape is not None)
    rank = max([rank, *(len(t.layout) for t in op.tensors if t.layout is not None)])
    layout: list[tuple[int, ...]] = [()] * rank
    for tensor in op.tensors:
        if tensor.layout is None:
            continue
        for i, axis in enumerate(tensor.layout, rank - len(tensor.layout)):
            if axis and layout[i] not in ((), axis):
                raise op.error(f"joins tensors whose axes {i} run along different axes of the input")
            layout[i] = layout[i] or axis
    _require_whole(op, layout)
    owners = [owner for axis in layout for owner in axis]
    if len(set(owners)) < len(owners):
        raise op.error("joins tensors that have an axis of the input in different places")
    return tuple(layout)


def _require_whole(op: Operator, layout: Sequence[tuple[int, ...]]) -> None:
    """Raise where a single sample is repeated along the space, as no layer does."""
    for i, axis in enumerate(layout, -len(layout)):
        shapes = [t.shape for t in op.inputs if t is not None and t.shape is not None]
        longest = max((shape[i] or 0 for shape in shapes if len(shape) >= -i), default=0)
        alone = [t for t in op.tensors if t.layout and len(t.layout) >= -i and t.layout[i] and t.side(i) == 1]
        if axis and alone and longest > 1:
            raise op.error(f"repeats the single sample of {alone[0].name!r} along axis {i}, which is spatial")
