"""Shapes of all tensors of an ONNX model, by onnx's own inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._checks import as_count
from .ir import Shape

_SMALL = 4096  # elements of a constant that may describe a shape


def checked(shape: Any, model: Any, start: str) -> Shape | None:
    """Return the shape given for an input, or raise where the model's input cannot have it."""
    if shape is None:
        return None
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(
            f"input_shape must be a sequence of sides, None for those that stay open, got {shape!r}"
        )
    found = tuple(None if side is None else as_count(side, "input_shape", minimum=1) for side in shape)
    known = next((_sides(entry) for entry in model.graph.input if entry.name == start), None)
    if known is not None and len(known) != len(found):
        raise ValueError(
            f"input_shape must have {len(known)} sides, as the input {start!r} has, got {shape!r}"
        )
    return found


def inferred(model: Any, start: str, shape: Shape | None) -> dict[str, Shape]:
    """Return the shapes of all tensors that can be told, the input's where it is given.

    Declared shapes count where the input keeps its own; an open batch is 1.
    """
    import onnx

    graph, light = model.graph, _light(model, {} if shape is None else {start: shape})
    declared = [*graph.value_info, *graph.output] if shape is None else []
    if shape is None:
        light.graph.value_info.extend(graph.value_info)
    try:
        found = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    except Exception:  # a custom operator or a contradiction: what is missing is asked for where needed
        found = light.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    entries = [*declared, *found.input, *found.value_info, *found.output]
    known = {entry.name: sides for entry in entries if (sides := _sides(entry)) is not None}
    return shapes | known | ({} if shape is None else {start: shape})


def _light(model: Any, given: dict[str, Shape]) -> Any:
    """Return a model whose weights but small ones are inputs, as the inference copies all that it has."""
    import onnx

    graph, declared = model.graph, onnx.helper.make_tensor_value_info
    light = onnx.ModelProto(ir_version=max(model.ir_version, 4), opset_import=model.opset_import)
    light.graph.name = graph.name or "graph"
    light.graph.node.extend(graph.node)
    for tensor in graph.initializer:
        is_small = len(tensor.dims) < 2 and sum(tensor.dims) <= _SMALL
        if is_small and tensor.data_location != onnx.TensorProto.EXTERNAL:
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(declared(tensor.name, tensor.data_type, tensor.dims))
    weights = {tensor.name for tensor in graph.initializer}
    for entry in (entry for entry in graph.input if entry.name not in weights):
        sides = _sides(entry)
        sides = (1, *sides[1:]) if sides and sides[0] is None else sides
        light.graph.input.append(declared(entry.name, _type(entry), given.get(entry.name, sides)))
    light.graph.output.extend(declared(entry.name, _type(entry), None) for entry in graph.output)
    return light


def _type(entry: Any) -> int:
    """Return the number of a declared tensor's type, by default that of floats."""
    return entry.type.tensor_type.elem_type or 1


def _sides(entry: Any) -> Shape | None:
    """Return the shape of a declared tensor, None where even its rank is not."""
    kind = entry.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in kind.shape.dim)
