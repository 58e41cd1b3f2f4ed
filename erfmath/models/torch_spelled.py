"""Layers that a PyTorch module spells out operator by operator, by the names of the nodes that make them."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .spelled import Layer, Written, activations, normalisations

# ATen's operators by the names that ONNX has for what they do.
_KINDS = {
    **{
        name: name.capitalize()
        for name in ("add", "sub", "mul", "div", "pow", "exp", "log", "sqrt", "abs", "neg")
    },
    **{
        name: name.capitalize()
        for name in ("erf", "sigmoid", "tanh", "relu", "reciprocal", "softplus", "rsqrt")
    },
    **dict.fromkeys(("clamp", "hardtanh", "clamp_min", "relu6"), "Clip"),
    **dict.fromkeys(("to", "_to_copy", "contiguous", "clone"), "Cast"),
    "hardsigmoid": "HardSigmoid",
    "maximum": "Max",
    "minimum": "Min",
    "square": "Square",
    "mean": "ReduceMean",
    "hardswish": "HardSwish",
}

# ATen's names of the activations that are found.
ATEN = {"Gelu": "gelu", "Swish": "silu", "Mish": "mish", "HardSwish": "hardswish", "Relu": "relu"}


def layers_in(nodes: Sequence[Any], bound: Mapping[Any, Mapping[str, Any]]) -> dict[str, Layer]:
    """Return the layers by the names of the nodes that make them, from nodes and their arguments by name."""
    written = [operator for node in nodes if node in bound for operator in _written(node, bound[node])]
    return {**normalisations(written), **activations(written)}


def _written(node: Any, arguments: Mapping[str, Any]) -> Iterator[Written]:
    """Yield what a node does, if it acts on each number alone or is a mean."""
    name = str(node.target._schema.name).removeprefix("aten::").removesuffix("_")
    kind = _KINDS.get(name)
    if kind is None or arguments.get("rounding_mode") or arguments.get("alpha", 1) != 1:
        return
    values = list(arguments.values())
    if kind == "ReduceMean":
        axes, shape = arguments.get("dim"), node.args[0].meta["val"].shape
        if arguments.get("keepdim") and isinstance(axes, (list, tuple)):
            found = tuple(sorted(axis % len(shape) for axis in axes))
            yield Written(kind, (node.args[0].name,), node.name, (None,), {}, found)
        return
    if kind == "Square":
        first = node.args[0].name
        yield Written("Mul", (first, first), node.name, (None, None))
        return
    count = 2 if kind in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min") else 1
    own: dict[str, Any] = {}
    if kind == "Clip":
        ends: list[Any] = [value for value in values[1:3] if value is None or isinstance(value, numbers.Real)]
        ends = [0, 6] if name == "relu6" else ends
        own = {key: end for key, end in zip(("min", "max"), ends, strict=False) if end is not None}
    if kind == "HardSigmoid":
        own = {"alpha": 1 / 6}
    operands = values[:count]
    if all(hasattr(value, "all_input_nodes") or isinstance(value, numbers.Real) for value in operands):
        yield Written(
            kind,
            tuple(value.name if hasattr(value, "name") else repr(value) for value in operands),
            node.name,
            tuple(None if hasattr(value, "name") else float(value) for value in operands),
            own,
        )
