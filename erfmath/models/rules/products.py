"""Rules of sums along axes: products of matrices, means and the like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...network.algebra import Identity
from ...network.layers import Conv, GlobalPool
from ..axes import channel, owners
from ..channelwise import Given
from ..ir import Operator, Placed, Tensor, everything, single, with_input
from ..moves import context, read
from .table import rule


@rule("linear")
def _(op: Operator) -> Placed:
    """Return a linear layer over the last axis: a 1x1 convolution where that is the channels."""
    layer = Conv((1,) * op.ndim, channels=op.weight_shape()[0]) if op.tensor.space else Identity()
    return single(op, layer, (*op.tensor.runs[:-1], ()), _mixed)


@rule("matmul")
def _(op: Operator) -> Placed:
    """Return a product with a constant matrix, a fully connected layer along the axis that is summed."""
    left, right = op.inputs
    tensor, other = (left, right) if isinstance(left, Tensor) else (op.tensors[0], left)
    layout = list(tensor.runs)
    summed = -1 if tensor is left or len(layout) == 1 else -2
    rank = len(other.shape) if other is not None and other.shape is not None else 2
    layout[summed] = ()
    if rank == 1:
        del layout[summed]
    sides = other.shape if other is not None and other.shape else (None,)
    outputs = 1 if rank == 1 else sides[-1 if tensor is left else -2]
    layer = Conv((1,) * op.ndim, channels=outputs) if tensor.space else Identity()
    return Placed(layer, [(tensor, 1)], ((),) * (rank - len(layout)) + tuple(layout), _mixed)


@rule("gemm")
def _(op: Operator) -> Placed:
    """Return a fully connected layer on a matrix."""
    tensor = op.tensors[0]
    if len(op.tensors) > 1 or len(tensor.runs) != 2:
        return everything(op)
    layout = tensor.runs[::-1] if op.get("transposed") else tensor.runs
    outputs = op.weight_shape()[0 if op.get("transposed_weights") else 1]
    layer = Conv((1,) * op.ndim, channels=outputs) if tensor.space else Identity()
    return Placed(layer, [(tensor, 1)], (layout[0], ()), _mixed)


def summed_axis(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return which axis of a tensor a fully connected layer sums over."""
    rank = len(tensor.runs)
    if op.kind == "gemm":
        return (0,) if op.get("transposed") else (rank - 1,)
    is_left = op.kind == "linear" or op.inputs[0] is tensor or rank == 1
    return (rank - 1,) if is_left else (rank - 2,)


# Products of tensors, each of which is an operand with letters for its axes, as in Einstein's notation.
PRODUCTS = frozenset(["matmul", "attention", "einsum"])


def product_parts(op: Operator) -> list[Operator]:
    """Return what each operand of a product adds to it, one by one."""
    if op.kind == "matmul" and len(op.tensors) == 1:
        place = next(i for i, x in enumerate(op.inputs) if isinstance(x, Tensor))
        return [with_input(op, place, part) for part in op.tensors[0].parts]
    rank = len(op.shapes[0] or ()) or max(len(x.shape or ()) for x in op.inputs if x is not None)
    terms, out = _LETTERS[op.kind or ""](op, rank)
    found = []
    for entry, letters in zip(op.inputs, terms, strict=False):
        for part in entry.parts if isinstance(entry, Tensor) else ():
            if len(part.layout or ()) != len(letters):
                raise op.error("multiplies tensors whose numbers of axes are not known; give input_shape")
            options = {**op.options, "letters": letters, "out": out, "sides": _sides_of(op, terms)}
            found.append(replace(op, kind="contract", inputs=(part,), options=options))
    if op.kind == "matmul" and isinstance(op.inputs[0], Tensor) and op.inputs[0].masked:
        return _masked(found, op.inputs[0].masked)
    return _one_sided(op, found) if op.get("is_causal") else found


def keys_seen(op: Operator) -> Operator:
    """Return a softmax of masked scores as their keys see it: a row reads all keys on its side."""
    return _seen(replace(op, kind="contract"), op.tensor, ["row", "column"], op.tensor.masked)


def _masked(parts: list[Operator], side: str) -> list[Operator]:
    """Return the operands of a product with a masked matrix, whose rows read the other's on one side."""
    lefts = [part.tensor for part in parts if part.options["letters"][-1] == "sum"]
    rows = {runs for tensor in lefts for runs in tensor.runs[-2:] if owners(runs)}
    found = []
    for part in parts:
        letters, tensor = part.options["letters"], part.tensor
        if letters[-1] == "sum" and tensor.axes[-1]:
            part = _seen(part, tensor, part.options["out"][-2:], side)
        elif letters[-2:] == ["sum", "column"] and rows == {tensor.runs[-2]}:
            renamed = [*letters[:-2], "row", "column"]
            part = replace(part, options={**part.options, "letters": renamed, "side": side, "along": "row"})
        found.append(part)
    return found


def _seen(op: Operator, tensor: Tensor, out: Sequence[str], side: str) -> Operator:
    """Return what scores as their keys see them add to rows: the keys on one side."""
    names = _batches(len(tensor.runs) - 2)
    sides = dict(zip([*names, *out], op.shapes[0] or (), strict=False))
    options = {"letters": [*names, "", "row"], "out": [*names, *out], "sides": sides}
    return replace(op, options={**options, "side": side, "along": "row"})


def _one_sided(op: Operator, parts: list[Operator]) -> list[Operator]:
    """Return the operands of attention to one side, of whose keys a query reads those before or after it."""
    queries = [p.tensor.runs[-2] for p in parts if "query" in p.options["letters"]]
    found = []
    for part in parts:
        letters = part.options["letters"]
        if "key" in letters and part.tensor.runs[-2] in queries:
            renamed = ["query" if letter == "key" else letter for letter in letters]
            part = replace(part, options={**part.options, "letters": renamed, "along": "query"})
            part = replace(part, options={**part.options, "side": op.options["is_causal"]})
        found.append(part)
    return found


def _sides_of(op: Operator, terms: Sequence[Sequence[str]]) -> dict[str, int | None]:
    """Return how many entries there are of each letter."""
    found: dict[str, int | None] = {}
    for entry, letters in zip(op.inputs, terms, strict=False):
        for letter, side in zip(letters, (entry.shape if entry is not None else None) or (), strict=False):
            found[letter] = side if found.get(letter) in (None, 1) else found[letter]
    return found


def _batches(rank: int) -> list[str]:
    return [f"batch {i}" for i in range(rank)]


def _matrices(op: Operator, rank: int) -> tuple[list[list[str]], list[str]]:
    """Return the letters of a product of matrices."""
    ranks = [len(x.shape or ()) for x in op.inputs[:2] if x is not None]
    if 1 in ranks:
        raise op.error("multiplies a matrix and a vector that are both computed from the input")
    names = _batches(rank - 2)
    terms = [names[len(names) - (n - 2) :] for n in ranks]
    return [[*terms[0], "row", "sum"], [*terms[1], "sum", "column"]], [*names, "row", "column"]


def _attention(op: Operator, rank: int) -> tuple[list[list[str]], list[str]]:
    """Return the letters of queries, keys and values."""
    names = _batches(rank - 2)
    terms = [[*names, "query", "depth"], [*names, "key", "depth"], [*names, "key", "value"]]
    return terms, [*names, "query", "value"]


def _einstein(op: Operator, rank: int) -> tuple[list[list[str]], list[str]]:
    """Return the letters of an equation."""
    equation = op.options["equation"].replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        right = "".join(sorted(c for c in set(left) - {",", "."} if left.count(c) == 1))
    dots = max([rank - len(right.replace("...", "")), 0]) if "..." in equation else 0
    spread = [f"batch {i}" for i in range(dots)]

    def letters(term: str, known: int | None) -> list[str]:
        before, found, after = term.partition("...")
        count = dots if known is None else known - len(before) - len(after)
        return [*before, *(spread[len(spread) - count :] if found and count else ()), *after]

    shapes = [x.shape if x is not None else None for x in op.inputs]
    named = [letters(t, None if s is None else len(s)) for t, s in zip(terms, shapes, strict=True)]
    return named, letters(right, None)


_LETTERS = {"matmul": _matrices, "attention": _attention, "einsum": _einstein}


def contracted(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return which axes of an operand of a product are summed over."""
    return tuple(i for i, letter in enumerate(op.options["letters"]) if letter not in op.options["out"])


@rule("contract")
def _(op: Operator) -> Placed:
    """Return what an operand of a product adds: itself, with channels along the axes of the others."""
    tensor, sides = op.tensor, op.options["sides"]
    runs = dict(zip(op.options["letters"], tensor.runs, strict=True))
    layout = tuple(
        runs[letter] if letter in runs else channel(sides.get(letter)) for letter in op.options["out"]
    )
    if not op.get("side"):
        return single(op, Identity(), layout)
    place = op.options["letters"].index(op.options["along"])
    node, whole = context(op, tensor, [place], op.options["side"])
    return single(op, node, layout)._replace(whole=whole)


@rule("recurrence")
def _(op: Operator) -> list[Placed]:
    """Return a recurrent layer: what it makes of each step, and of the last ones."""
    tensor = op.tensors[0]
    axis = op.options["axis"] % len(tensor.runs) if len(tensor.runs) > 2 else 0
    node, whole = context(op, tensor, [axis], op.options["side"])
    last = read(op, tensor, [axis])
    is_onnx = op.get("is_onnx")
    batch = [a for i, a in enumerate(tensor.runs) if i not in (axis, len(tensor.runs) - 1)]
    steps = (tensor.runs[0], (), *tensor.runs[1:-1], ()) if is_onnx else (*tensor.runs[:-1], ())
    if op.get("is_batch_first") and is_onnx:
        steps = (*tensor.runs[:2], (), ())
    ends = ((), *batch, ())
    more = [(other, 1) for other in op.tensors[1:]]
    before = (node, *(GlobalPool() for _ in more)) if more else ()
    made = Placed(Identity() if more else node, [(tensor, 1), *more], steps, before=before, whole=whole)
    final = Placed(last.node, [(tensor, 1)], ends, whole=last.whole)
    return [made, *[final] * (len(op.outputs) - 1)]


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


@rule("embedding")
def _(op: Operator) -> Placed:
    """Return the rows of a table, chosen by the input."""
    indices = op.tensors[0]
    before, after = op.options["around"]
    return Placed(Identity(), [(indices, 1)], ((),) * before + indices.runs + ((),) * after)


@rule("reduce")
def _(op: Operator) -> Placed:
    """Return a mean, sum or maximum over axes: pointwise over channels, everything over space."""
    tensor = op.tensor
    over = reduced_axes(op, tensor)
    layout = tuple(() if i in over else axis for i, axis in enumerate(tensor.runs))
    if not op.get("keepdims", True):
        layout = tuple(axis for i, axis in enumerate(layout) if i not in over)
    return single(op, Identity(), layout, lambda given: _reduced(given, over))


def reduced_axes(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return the axes that a mean or the like is over, by their numbers from 0."""
    axes, rank = op.get("axes"), len(tensor.runs)
    return tuple(range(rank)) if axes is None else tuple(axis % rank for axis in axes)


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


@rule("mixer")
def _(op: Operator) -> Placed:
    """Return a transform along some axes, each of whose entries reads all of them."""
    tensor = op.tensor
    axes = [axis % len(tensor.runs) for axis in op.options["axes"]]
    node, whole = context(op, tensor, axes, "both")
    return single(op, node)._replace(whole=whole)


@rule("scan")
def _(op: Operator) -> Placed:
    """Return a running sum along an axis, which from a spatial one reads all that comes before."""
    node, whole = context(op, op.tensor, [op.options["axis"] % len(op.tensor.runs)], "before")
    return single(op, node)._replace(whole=whole)
