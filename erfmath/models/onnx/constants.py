"""Values of the tensors of an ONNX model that do not depend on its input, computed when asked for."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._memory import check_memory
from ..ir import Constant, Shape
from .graph import attributes, called, named

# Constants of so many elements may be shapes, and are computed at once; others when asked for.
SMALL = 4096

# Before opset 13 their axes were attributes, which onnx's own evaluator does not take.
_OLD: Mapping[str, Any] = {"Squeeze": np.squeeze, "Unsqueeze": np.expand_dims}

# What has more to say of a model's input than its shape, or to somebody else: not run.
_NEVER = named(
    """
    Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike RegexFullMatch
    StringConcat StringNormalizer StringSplit TfIdfVectorizer ImageDecoder
    """
)
# Whose results are no larger than some of their operands, which inference does not know.
_DATA_DEPENDENT = frozenset(["Compress", "NonMaxSuppression", "NonZero", "Unique"])


def count_of(shape: Shape | None) -> int | None:
    """Return how many elements a tensor has, None where it is unknown."""
    return None if shape is None or None in shape else math.prod(side or 0 for side in shape)


def is_small(shape: Shape | None) -> bool:
    """Return whether a tensor has so few elements that it may describe a shape."""
    count = count_of(shape)
    return count is not None and count <= SMALL


def of_value(value: Any) -> Constant:
    """Return a constant of a value that is known."""
    array = np.asarray(value)
    return Constant(array.shape, lambda: array)


@dataclass
class Made:
    """The outputs of a node that does not depend on the input.

    Attributes
    ----------
    node, inputs
        The node, and its operands.
    shapes
        Of its outputs, as far as known.
    versions
        Of the operator sets by domain.
    """

    node: Any
    inputs: Sequence[Constant | None]
    shapes: Mapping[str, Shape | None]
    versions: Mapping[str, int]

    def constants(self) -> dict[str, Constant]:
        """Return the outputs, small ones of small operands computed at once, as shapes are made of them."""
        names = [name for name in self.node.output if name]
        if (
            self._is_filled
            or not all(entry is None or is_small(entry.shape) for entry in self.inputs)
            or not all(is_small(self.shapes.get(name)) or self._is_bounded for name in names)
        ):
            return {name: Constant(self.shapes.get(name), self._loader(name)) for name in names}
        found = self.values
        return {
            name: of_value(found[name])
            if found.get(name) is not None
            else Constant(self.shapes.get(name), lambda: None)
            for name in names
        }

    def _loader(self, name: str) -> Callable[[], Any]:
        return lambda: self.values.get(name)

    @property
    def _is_filled(self) -> bool:
        """Whether it is one number all over, of a known shape: in some files all weights are."""
        return self.node.op_type == "ConstantOfShape" and is_small(self.shapes.get(self.node.output[0]))

    @property
    def _is_bounded(self) -> bool:
        return self.node.op_type in _DATA_DEPENDENT

    @functools.cached_property
    def values(self) -> Mapping[str, Any]:
        """The outputs by name, by onnx's own reference implementation; empty where an input is unknown."""
        if self.node.op_type in _NEVER or any(entry.HasField("g") for entry in self.node.attribute):
            return {}
        counts = [count_of(self.shapes.get(name)) for name in self.node.output if name]
        if None in counts and not self._is_bounded:
            return {}
        given = {}
        for name, entry in zip(self.node.input, self.inputs, strict=True):
            if entry is not None:
                given[name] = entry.load()
                if given[name] is None:
                    return {}
        needed = 16 * sum(count or 0 for count in counts) + 2 * sum(x.nbytes for x in given.values())
        check_memory(needed, f"the constant {called(self.node)!r} of the model", "free memory first")
        return self._computed(given)

    def _computed(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        from onnx.reference import ReferenceEvaluator

        axes = attributes(self.node).get("axes")
        if self.node.op_type in _OLD and axes is not None:
            return {self.node.output[0]: _OLD[self.node.op_type](given[self.node.input[0]], tuple(axes))}
        try:
            with np.errstate(all="ignore"):
                found = ReferenceEvaluator(self.node, opsets=dict(self.versions)).run(None, dict(given))
        except Exception:  # what it cannot compute is unknown; who needs it says so
            return {}
        return {name: _plain(value) for name, value in zip(self.node.output, found, strict=True) if name}


def _plain(value: Any) -> Any:
    """Return an array of numbers that numpy knows, None of other values."""
    if value is None or isinstance(value, (list, tuple, dict)):
        return None
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)
