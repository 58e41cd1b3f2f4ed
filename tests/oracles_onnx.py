"""Nodes of ONNX files as numbers: what they are written out as, run by onnx's own evaluator."""

import math

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the evaluator of onnx is the oracle")
from onnx import defs, helper
from onnx.reference import ReferenceEvaluator

from erfmath.models.onnx.folding import Folding
from erfmath.models.onnx.graph import called
from erfmath.models.onnx.shapes import type_of

NEWEST = 23  # operators: those of attention are in it


def noise(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def gelu(x, **_):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def silu(x, **_):
    return x / (1 + np.exp(-x))


def normalised(x, axes, epsilon=1e-5, centred=True):
    x = x - x.mean(axes, keepdims=True) if centred else x
    return x / np.sqrt((x**2).mean(axes, keepdims=True) + epsilon)


def group_normalised(x, scale, bias, num_groups, epsilon=1e-5):
    parts = x.reshape(len(x), num_groups, -1)
    along = (-1, *[1] * (x.ndim - 2))
    return normalised(parts, 2, epsilon).reshape(x.shape) * scale.reshape(along) + bias.reshape(along)


def root_normalised(x, scale, epsilon=1e-5, axis=-1):
    return normalised(x, axis, epsilon, centred=False) * scale


# What onnx's evaluator has not, or not under this name.
OWN = {
    "Gelu": gelu,
    "Swish": silu,
    "GroupNormalization": group_normalised,
    "SimplifiedLayerNormalization": root_normalised,
}
MOVED = {"Unsqueeze": np.expand_dims, "Squeeze": np.squeeze}


def evaluated(node, inputs, version):
    """What a plain node makes of its inputs by name."""
    if node.op_type in OWN:
        own = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        return [OWN[node.op_type](*(inputs[name] for name in node.input), **own)]
    if node.op_type in MOVED and node.attribute:  # as before opset 13: onnx's evaluator stumbles
        return [MOVED[node.op_type](inputs[node.input[0]], tuple(node.attribute[0].ints))]
    if node.op_type == "Clip" and node.attribute:  # as before opset 11
        own = {entry.name: entry.f for entry in node.attribute}
        return [np.clip(inputs[node.input[0]], own.get("min"), own.get("max"))]
    if node.domain == "ai.onnx":  # another name of the same
        node = helper.make_node(node.op_type, node.input, node.output)
    is_known = defs.has(node.op_type, max_inclusive_version=version)
    return ReferenceEvaluator(node, opsets={"": version if is_known else NEWEST}).run(None, inputs)


class Plain:
    """The plain nodes that depend on `live` of what nodes come to, and the values of all tensors by name."""

    def __init__(self, nodes, live, constants=None, version=NEWEST, weights=()):
        types = {name: of_array(value) for name, value in {**live, **(constants or {})}.items()}
        stored = {tensor.name: tensor for tensor in weights}
        self.folding = Folding(stored, None, {"": version}, types, live, constants or {})
        self.nodes = list(self.folding.walk(nodes))
        self.values = dict(live)
        for node in self.nodes:
            inputs = {name: self.value(name) for name in node.input if name}
            assert all(value is not None for value in inputs.values()), node
            made = evaluated(node, inputs, version)
            for name, value in zip(node.output, made, strict=False):
                shape = self.folding.shape(name)
                assert shape is None or shape == np.shape(value), (node, np.shape(value))
                self.values[name] = value

    def value(self, name):
        return self.values[name] if name in self.values else self.folding.value(name)

    def require_names(self, nodes):
        """What makes a tensor of the file has the name that it has there, all else a name of its own."""
        names = {name: called(node) for node in nodes for name in node.output if name}
        for node in self.nodes:
            known = [names[name] for name in node.output if name in names]
            assert called(node) == (known or [node.output[0]])[0], node
        made = [name for node in self.nodes for name in node.output]
        assert len(set(made)) == len(made)

    @property
    def kinds(self):
        return [node.op_type for node in self.nodes]


def of_array(value):
    return type_of(helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype), np.shape(value))


def written(kind, domain, *inputs, outputs=1, version=NEWEST, live=(0,), **own):
    """The outputs of an operator, in the plain ones that it is written out as; inputs are arrays or None."""
    names = [f"x{i}" if value is not None else "" for i, value in enumerate(inputs)]
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(kind, names, made, name="op", domain=domain, **own)
    given = {name: value for name, value in zip(names, inputs, strict=True) if name}
    ours = {names[i]: given.pop(names[i]) for i in live}
    plain = Plain([node], ours, given, version)
    plain.require_names([node])
    found = [plain.value(name) for name in made]
    return found[0] if outputs == 1 else found
