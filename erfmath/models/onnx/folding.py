"""Every shape and every constant of an ONNX model at one shape of its input: a walk over its nodes.

Constants are folded through what is computed from shapes, branches with a constant condition inlined, loops
of a constant count unrolled, sequences of a constant length written out, fused operators replaced by the
plain ones they stand for. What is left are plain nodes that depend on the input, of known shapes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..ir import Constant, Shape
from . import fused, quantised, shapes  # noqa: F401 - they register what they write out
from .constants import Made, is_small, of_value
from .control import Control
from .file import value_of
from .graph import as_damaged, attributes, called, captured, ordered
from .lowered import MICROSOFT, lowered
from .shapes import MisfitError, kind_of, sides, spelled, type_of

_INTEGERS = (2, 3, 4, 5, 6, 7, 9, 12, 13)  # types of elements whose values may describe a shape
_BY_FLOATS = frozenset(["Range", "Resize", "Upsample"])  # what takes sizes from floats
# What depends on the shape of its operand alone.
_BY_SHAPE = frozenset(["EyeLike", "RandomNormalLike", "RandomUniformLike"])
# How many nodes loops may be unrolled to.
_MOST_STEPS = 10**5


class Folding:
    """A walk over the nodes of a model at one shape of its input.

    Parameters
    ----------
    weights
        The stored tensors by name.
    folder
        Where files of weights are.
    versions
        Versions of the operator sets by domain.
    types
        Types of the inputs by name.
    live
        The tensors that nodes are followed from: what does not depend on them is constant.
    values
        Values of other inputs, where they are known.
    plain
        Names of operators that are taken as they are, fused or not.

    Attributes
    ----------
    types
        Of all tensors that have been met.
    constants
        Those that do not depend on the input.
    live
        Those that do.
    open
        Inputs whose values are not known, beside those that are followed.
    blocked
        Tensors whose channels onnxruntime keeps in blocks.
    is_measured
        Whether the shape of what depends on the input has been taken.
    misfits
        Nodes whose operands' shapes do not go together, with the reason.
    """

    def __init__(
        self,
        weights: Mapping[str, Any],
        folder: Path | None,
        versions: Mapping[str, int],
        types: Mapping[str, Any],
        live: Iterable[str],
        values: Mapping[str, Any],
        plain: Collection[str] = (),
    ) -> None:
        self.weights, self.folder, self.versions, self.plain = weights, folder, dict(versions), plain
        self.types, self.live = dict(types), set(live)
        self.blocked: set[str] = set()
        self.is_measured = False
        self.misfits: list[tuple[str, str]] = []
        self.constants: dict[str, Constant] = {}
        self.steps, self.numbers = 0, itertools.count(1)  # of nodes written out, of names made up
        for name, tensor in weights.items():
            self.store(name, tensor)
        for name, value in values.items():
            self.constants[name] = of_value(value)
        self.open = [name for name in types if name not in self.live and name not in self.constants]
        for name in self.open:
            self.constants[name] = Constant(sides(types[name]))
        self.control = Control(self)

    def store(self, name: str, tensor: Any) -> None:
        """Take a stored tensor as a constant of a name."""
        if any(side < 0 for side in tensor.dims):
            raise ValueError(f"the weights {name!r} have the shape {spelled(tensor.dims)}; they are damaged")
        self.types[name] = type_of(tensor.data_type, tensor.dims)
        self.constants[name] = Constant(tuple(tensor.dims), functools.partial(value_of, tensor, self.folder))

    def give(self, name: str, value: Any) -> None:
        """Take a value as a constant of a name."""
        from onnx import helper

        self.types[name] = type_of(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        self.constants[name] = of_value(value)

    def unknown(self, name: str, shape: Shape | None) -> None:
        """Take a constant of a name whose shape alone is known."""
        self.types[name] = type_of(1, shape)
        self.constants[name] = Constant(shape)

    def walk(self, nodes: Iterable[Any]) -> Iterator[Any]:
        """Yield the plain nodes that depend on the input; their shapes are in `types` when they come."""
        for node in nodes:
            with as_damaged(node):
                yield from self._walked(node)

    def _walked(self, node: Any) -> Iterator[Any]:
        """Yield what a node comes to."""
        self.require_known(node)
        if self.control.is_for(node):
            yield from self.control.written_out(node)
            return
        plain = None if node.op_type in self.plain else lowered(node, self)
        if plain is not None:
            yield from self.walk(ordered(plain))
            self._take_blocks(node)
            return
        self._settle(node)
        self._take_blocks(node)
        if not self.live.isdisjoint(node.output):
            yield node

    def _take_blocks(self, node: Any) -> None:
        """Take note of channels in blocks: those of onnxruntime's layout, and what is made of them."""
        if node.domain == f"{MICROSOFT}.nchwc" and node.op_type == "ReorderOutput":
            self.blocked.difference_update(node.output)
        elif node.domain == f"{MICROSOFT}.nchwc" or not self.blocked.isdisjoint(node.input):
            self.blocked.update(filter(None, node.output))

    def count(self, node: Any, steps: int) -> None:
        """Take note of nodes that are written out; raise where they become too many."""
        self.steps += steps
        if self.steps > _MOST_STEPS:
            raise ValueError(
                f"{node.op_type} {called(node)!r} repeats its body so often that more than {_MOST_STEPS} "
                "nodes would be read"
            )

    def require_known(self, node: Any) -> None:
        """Raise where a node reads what nothing makes."""
        for name in filter(None, node.input):
            if name not in self.live and name not in self.constants and not self.control.has(name):
                raise ValueError(
                    f"{node.op_type} {called(node)!r} reads the tensor {name!r}, which nothing makes; the "
                    "file is damaged"
                )

    def shape(self, name: str) -> Shape | None:
        """Return the shape of a tensor, None where even its rank is not known."""
        return sides(self.types.get(name))

    def learn(self, name: str, shape: Shape | None) -> None:
        """Take the shape of a tensor where it was not known."""
        known = self.shape(name)
        if shape is not None and (known is None or None in known):
            self.types[name] = type_of(kind_of(self.types.get(name)), shape)

    def value(self, name: str) -> Any:
        """Return the value of a constant, None where it is not known or depends on the input."""
        return self.constants[name].load() if name in self.constants else None

    def is_live(self, node: Any) -> bool:
        """Return whether a node reads what depends on the input."""
        return not self.live.isdisjoint(node.input) or not self.live.isdisjoint(captured(node))

    def _settle(self, node: Any) -> None:
        """Find the shapes of what a node makes, and its values where it does not depend on the input."""
        types = self.made_types(node)
        self.types.update(types)
        if node.op_type in ("Shape", "Size") and len(node.input) == 1:
            self.constants[node.output[0]] = self._measured(node)
        elif not self.is_live(node):
            self._fold(node)
        elif node.op_type in _BY_SHAPE:
            self.constants[node.output[0]] = Constant(self.shape(node.output[0]))
        else:
            self.live.update(filter(None, node.output))

    def made_types(self, node: Any) -> dict[str, Any]:
        """Return the types of what a node makes, as far as they can be told."""
        given = {name: self.types[name] for name in node.input if name in self.types}
        try:
            return shapes.made_types(node, given, self._values_for(node), self.versions)
        except MisfitError as problem:
            self.misfits.append((f"{node.op_type} {called(node)!r}", str(problem)))
            return {}

    def _values_for(self, node: Any) -> dict[str, Any]:
        """Return the values of operands that may describe a shape."""
        found = {}
        for name in node.input:
            entry = self.constants.get(name)
            by_value = kind_of(self.types.get(name)) in _INTEGERS or node.op_type in _BY_FLOATS
            if entry is not None and by_value and is_small(entry.shape):
                value = entry.load()
                if value is not None:
                    found[name] = value
        return found

    def _fold(self, node: Any) -> None:
        inputs = [self.constants.get(name) if name else None for name in node.input]
        known = {name: self.shape(name) for name in node.output}
        made = Made(node, inputs, known, self.versions).constants()
        self.constants.update(made)
        for name, entry in made.items():
            self.learn(name, entry.shape)

    def _measured(self, node: Any) -> Constant:
        """Return the shape of a tensor, or its size, as a constant."""
        shape, is_shape = self.shape(node.input[0]), node.op_type == "Shape"
        if shape is None:
            return Constant(None if is_shape else ())
        self.is_measured |= node.input[0] in self.live
        if is_shape:
            own = attributes(node)
            shape = shape[own.get("start") : own.get("end")]
        if None in shape:
            return Constant((len(shape),) if is_shape else ())
        value = np.array(shape if is_shape else int(np.prod(np.array(shape, dtype=object))), dtype=np.int64)
        return of_value(value)
