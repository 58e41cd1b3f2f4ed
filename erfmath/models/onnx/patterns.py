"""Layers that an ONNX file spells out operator by operator, as one node each; quantisations that rectify."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spelled import Written, activations, normalisations
from .graph import attributes, called

if TYPE_CHECKING:
    from .folding import Folding


@dataclass
class Patterns:
    """What replaces nodes: a node by the name of its first output, and the names of those that go."""

    replaced: dict[str, Any] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def of(self, node: Any) -> Any | None:
        """Return what runs in the place of a node, None where nothing does."""
        name = next(filter(None, node.output), "")
        return None if name in self.gone else self.replaced.get(name, node)


# One of these is in whatever is spelled out, or in the operators that stand for several.
_MARKS = frozenset(
    """
    Clip Erf Exp HardSigmoid Max Min Pow QuantizeLinear Reciprocal Sigmoid Softplus Sqrt Tanh
    """.split()  # noqa: SIM905 - as a table of names
)


def may_be_spelled_out(nodes: Sequence[Any]) -> bool:
    """Whether there is anything in nodes, fused ones included, that may be a layer spelled out."""
    return any(node.op_type in _MARKS or node.domain not in ("", "ai.onnx") for node in nodes)


def patterns(nodes: Sequence[Any], folding: Folding, kept: str) -> Patterns:
    """Return the layers that nodes in the order of the data spell out; `kept` is read from outside."""
    from onnx import helper

    found = Patterns()
    if any(node.op_type == "QuantizeLinear" for node in nodes):
        _rectifiers(nodes, folding, found)
    written = list(_written([found.of(node) or node for node in nodes], folding))
    makers = {node.output[0]: node for node in nodes if node.output}
    for made, layer in {**normalisations(written), **activations(written)}.items():
        node, own = makers[made], {"axes": list(layer.axes)} if layer.axes else {}
        kind = layer.name or "MeanVarianceNormalization"
        found.replaced[made] = helper.make_node(
            kind, [layer.source], list(node.output), name=called(node), **own
        )
    if found.replaced:
        _drop(nodes, found, kept)
    return found


def _written(nodes: Sequence[Any], folding: Folding) -> Iterator[Written]:
    """Yield the operators of one output."""
    for node in nodes:
        if len(node.output) == 1 and node.input and "" not in node.input:
            numbers = tuple(_number(folding, name) for name in node.input)
            axes = tuple(_axes_of(node, folding)) if node.op_type == "ReduceMean" else ()
            kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            yield Written(kind, tuple(node.input), node.output[0], numbers, attributes(node), axes)


def _number(folding: Folding, name: str) -> float | None:
    """Return a constant of a single number, None of another tensor."""
    shape = folding.shape(name)
    value = None if shape is None or math.prod(side or 0 for side in shape) != 1 else folding.value(name)
    if value is None or np.size(value) != 1 or np.asarray(value).dtype.kind not in "fiu":
        return None
    return float(np.asarray(value).ravel()[0])


def _axes_of(mean: Any, folding: Folding) -> list[int]:
    """Return the axes of a mean, by their numbers from 0."""
    given = attributes(mean).get("axes")
    if given is None and len(mean.input) > 1:
        value = folding.value(mean.input[1])
        given = None if value is None else np.asarray(value).ravel().tolist()
    shape = folding.shape(mean.input[0])
    rank = len(shape or ())
    return sorted(int(axis) % rank for axis in given) if given and rank else list(range(rank))


# What makes no negative number of any, and what makes none of numbers that are not negative.
_ABOVE = frozenset(["Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"])
_KEPT = frozenset(
    """
    Add AveragePool Cast Concat DequantizeLinear Dropout Expand Flatten Gather GlobalAveragePool
    GlobalMaxPool Identity Max MaxPool Mul Pad ReduceMax ReduceMean ReduceSum Reshape Resize Slice Split Sqrt
    Squeeze Transpose Unsqueeze Upsample
    """.split()  # noqa: SIM905 - as a table of names
)


def _rectifiers(nodes: Sequence[Any], folding: Folding, found: Patterns) -> None:
    """Find quantisations that clip negative numbers, as quantisers let them do the work of a rectifier.

    Their zero point is the least number of its type; where no number was negative before, they do nothing.
    """
    from onnx import helper

    positive: set[str] = set()
    for node in nodes:
        inputs = [name for name in node.input if name and not _is_positive(folding, name)]
        if node.op_type == "QuantizeLinear" and _clips(node, folding):
            if node.input[0] not in positive:
                found.replaced[node.output[0]] = helper.make_node(
                    "Relu", [node.input[0]], list(node.output), name=called(node)
                )
            positive.update(node.output)
        elif node.op_type in _ABOVE or (node.op_type == "Clip" and _least(node, folding) >= 0):
            positive.update(node.output)
        elif node.op_type == "DequantizeLinear" or node.op_type == "QuantizeLinear":
            positive.update(node.output if node.input[0] in positive else ())
        elif node.op_type in _KEPT and all(name in positive for name in inputs):
            positive.update(node.output)


def _clips(node: Any, folding: Folding) -> bool:
    """Whether a quantisation has the least number of its type for zero."""
    zero = folding.value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.uint8(0)
    if zero is None or np.asarray(zero).dtype.kind not in "iu":
        return False
    return bool((np.asarray(zero) == np.iinfo(np.asarray(zero).dtype).min).all())


def _least(node: Any, folding: Folding) -> float:
    """Return the lower end of a clipping."""
    if len(node.input) > 1 and node.input[1]:
        number = _number(folding, node.input[1])
        return -math.inf if number is None else number
    return float(attributes(node).get("min", -math.inf))


def _is_positive(folding: Folding, name: str) -> bool:
    """Whether a constant has no negative number."""
    value = folding.value(name)
    return (
        value is not None and np.asarray(value).dtype.kind in "fiu" and bool((np.asarray(value) >= 0).all())
    )


def _drop(nodes: Sequence[Any], found: Patterns, kept: str) -> None:
    """Let nodes go that nobody reads any more."""
    readers: dict[str, int] = {kept: 1}
    run = {next(filter(None, node.output), ""): found.of(node) or node for node in nodes}
    for node in run.values():
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    for made, node in reversed(list(run.items())):
        if not any(readers.get(name) for name in node.output):
            found.gone.add(made)
            for name in node.input:
                readers[name] -= 1
