"""Shapes of the tensors of an ONNX model at one shape of its input, a node at a time.

onnx's own inference of a whole model gives up where a shape is computed on the way; node by node, with the
constants that are known by then, it is told all that it asks for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir import Shape
from .graph import attributes, named

# Of the shape of their first operand, where onnx's inference does not know them.
_ALIKE = named(
    """
    BatchNormalization Celu DequantizeLinear Elu Gelu GroupNormalization HardSwish InstanceNormalization
    LayerNormalization LRN LpNormalization MeanVarianceNormalization Mish QuantizeLinear RMSNormalization
    RotaryEmbedding Scatter ScatterElements ScatterND Selu Shrink SimplifiedLayerNormalization Softplus
    Softsign Swish ThresholdedRelu
    """
)


class MisfitError(ValueError):
    """Shapes of a model's tensors that do not go together."""


def made_types(
    node: Any, types: Mapping[str, Any], values: Mapping[str, Any], versions: Mapping[str, int]
) -> dict[str, Any]:
    """Return the types of what a node makes, as far as they can be told.

    Parameters
    ----------
    node
        The node.
    types
        Types of its inputs by name, some may be missing.
    values
        Values of those that are constants and known.
    versions
        The versions of the operator sets by domain.

    Raises
    ------
    MisfitError
        If the shapes of its inputs do not go together.
    """
    found = _inferred(node, types, values, versions)
    first = types.get(node.input[0]) if node.input else None
    if node.op_type == "Reshape" and node.output[0] in found:
        _require_same_count(sides(first), sides(found[node.output[0]]))
    if (
        node.op_type == "ConvTranspose"
    ):  # whose inference stops halfway where a given size is below the input's
        found |= _deconvolved(node, types)
    if first is not None and node.op_type in _ALIKE and sides(found.get(node.output[0])) is None:
        found[node.output[0]] = first
    for entry in found.values():
        if any(side is not None and side < 0 for side in sides(entry) or ()):
            raise MisfitError(f"it makes a tensor of the shape {spelled(sides(entry))}")
    return found


def _inferred(
    node: Any, types: Mapping[str, Any], values: Mapping[str, Any], versions: Mapping[str, int]
) -> dict[str, Any]:
    """Return what onnx's inference tells of a node; nothing of one that it does not know."""
    import onnx

    domain = "" if node.domain == "ai.onnx" else node.domain
    version = versions.get(domain, 1)
    try:
        schema = onnx.defs.get_schema(node.op_type, version, domain)
    except Exception:  # an operator of somebody's own
        return {}
    stored = {name: onnx.numpy_helper.from_array(np.asarray(value)) for name, value in values.items()}
    opsets = [onnx.helper.make_opsetid(domain, version)]
    for is_plain in (True, False):
        given = dict(types) if is_plain else _as_floats(types, values)
        try:
            found = onnx.shape_inference.infer_node_outputs(schema, node, given, stored, opset_imports=opsets)
        except Exception as error:  # of several kinds; what is missing is asked for where it is needed
            reason = str(error).rpartition("[ShapeInferenceError]")
            if reason[1]:
                raise MisfitError((reason[2].strip().splitlines() or ["shapes differ"])[0]) from None
        else:
            return {name: entry for name, entry in found.items() if entry.WhichOneof("value")}
    return {}


def _as_floats(types: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return types of floats, as integers of quantised operators that were written out meet floats."""
    return {name: entry if name in values else type_of(1, sides(entry)) for name, entry in types.items()}


def _deconvolved(node: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of a transposed convolution's output where its size is given."""
    own, (first, weights) = attributes(node), (types.get(name) for name in node.input[:2])
    size, before, matrix = own.get("output_shape"), sides(first), sides(weights)
    if not size or before is None or matrix is None or len(before) < 3 or len(matrix) != len(before):
        return {}
    channels = None if matrix[1] is None else matrix[1] * own.get("group", 1)
    return {node.output[0]: type_of(kind_of(first), (before[0], channels, *size[-(len(before) - 2) :]))}


def _require_same_count(before: Shape | None, after: Shape | None) -> None:
    """Raise where a tensor gets another number of elements by another shape."""
    if before is None or after is None or None in before or None in after:
        return
    if math.prod(before) != math.prod(after):  # type: ignore[arg-type]
        raise MisfitError(f"it reshapes {spelled(before)} to {spelled(after)}")


def type_of(kind: int, shape: Sequence[int | None] | None) -> Any:
    """Return the type of a tensor of elements of a kind."""
    import onnx

    return onnx.helper.make_tensor_type_proto(kind or onnx.TensorProto.FLOAT, shape)


def kind_of(entry: Any) -> int:
    """Return the number of a tensor's type of elements, by default that of floats."""
    return (entry.tensor_type.elem_type if entry is not None else 0) or 1


def sides(entry: Any) -> Shape | None:
    """Return the shape of a tensor by its type, None where even its rank is not known."""
    if entry is None or not entry.tensor_type.HasField("shape"):
        return None
    return tuple(
        side.dim_value if side.HasField("dim_value") else None for side in entry.tensor_type.shape.dim
    )


def spelled(shape: Sequence[Any] | None) -> str:
    """Return a shape in a word.

    >>> spelled((1, 3, None, 224)), spelled(())
    ('1x3x?x224', 'a single number')
    """
    if shape is None:
        return "unknown"
    return "x".join("?" if side is None else str(side) for side in shape) or "a single number"
