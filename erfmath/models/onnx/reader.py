"""The graph of an ONNX model between two of its tensors, read at one shape of its input."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import per_axis
from ...network.algebra import Node
from ..another_size import larger
from ..ir import Input, Operator, Shape, Tensor, examples
from ..operators import translated
from ..parts import Holdings, Place, joined
from ..trace import Trace, spatial_axes
from .file import value_of
from .folding import Folding
from .graph import as_damaged, attributes, called, captured, flat, ordered, reads, takes_channels_last
from .held import Held, place_of
from .inputs import checked, declared, filled, first_channels, is_tokens, said, symbols
from .others import mismatch
from .patterns import Patterns, may_be_spelled_out, patterns
from .shapes import MisfitError, spelled, type_of

# What may be done to an input before a transposition tells that its channels come last.
_BEFORE = frozenset(["Add", "Cast", "DequantizeLinear", "Div", "Identity", "Mul", "QuantizeLinear", "Sub"])


@dataclass(frozen=True)
class Asked:
    """What of a model is read, and how; see :func:`erfmath.from_onnx`.

    Attributes
    ----------
    input, shape, space
        The input's name, shape and spatial axes, None for the model's own.
    size, channels
        The samples along the spatial axes, and the channels, in place of those of the input.
    values
        Values of other inputs, by name.
    plain
        Names of operators that have rules of their own.
    """

    input: str | None = None
    shape: Any = None
    space: Any = None
    size: Any = None
    channels: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    plain: Collection[str] = ()


class Reader:
    """The graph of a model between two of its tensors.

    Attributes
    ----------
    input, input_shape, output
        The tensors, and the shape of the first, which has no open side.
    own
        The names of the model's outputs.
    is_default
        Whether the output is the model's first because no other was asked for.
    notes
        What a user should know of the shape.
    is_sized
        Whether operators that were run depend on the input's size: sizes that are computed, interpolation.
    """

    def __init__(
        self, model: Any, output: str | int | None, asked: Asked, folder: Path | None, name: str
    ) -> None:
        self.folder, self.name, self.asked, self.asked_output = folder, name, asked, output
        self.is_sized = False
        self.model = flat(model)
        graph = self.model.graph
        self.versions = {
            entry.domain.removeprefix("ai.onnx"): entry.version for entry in self.model.opset_import
        }
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.all = ordered(graph.node)
        self.makers = {name: node for node in self.all for name in node.output if name}
        self.inputs = {entry.name: entry for entry in graph.input if entry.name not in self.weights}
        if not graph.output:
            raise ValueError("the model has no output, it may be cut off")
        self.made: dict[str, str] = {
            node.name: node.output[0] for node in graph.node if node.name and node.output
        }
        self.own: tuple[str, ...] = tuple(entry.name for entry in graph.output)
        self.output = self._named(output)
        self.is_default = output is None
        self._require_tensor(self.output, "output")
        self.input = self._input(asked.input)
        self.nodes = self._needed(self.output, self.input)
        self.notes: tuple[str, ...] = ()
        self.frames = 1  # of other inputs, along sides that are open
        self.input_shape: Shape = self._shape()

    # What is read.

    def _named(self, output: str | int | None) -> str:
        """Return the tensor of a name, which a tensor, a node or the number of an output has."""
        if isinstance(output, bool) or not isinstance(output, (str, int, type(None))):
            raise TypeError(f"output must be a name, a number or None, got {output!r}")
        if output is None or isinstance(output, int):
            if not 0 <= (output or 0) < len(self.own):
                raise ValueError(f"output must be below {len(self.own)}, the number of outputs, got {output}")
            return self.own[output or 0]
        return output if output in self.makers else self.made.get(output, output)

    def _input(self, start: str | None) -> str:
        """Return the name of the input, given or the only one that has axes."""
        if start is not None:
            if not isinstance(start, str):
                raise TypeError(f"input must be the name of a tensor, got {start!r}")
            self._require_tensor(start, "input")
            return start
        read = {name for node in self._needed(self.output, None) for name in reads(node)} | {self.output}
        names = [name for name in self.inputs if name in read]
        found = [name for name in names if declared(self.inputs[name]) != ()] or names
        if len(found) != 1:
            shapes = ", ".join(spelled(declared(self.inputs[name])) for name in found)
            problem = f"depends on several inputs, {', '.join(found)} ({shapes}); choose one with input="
            if not found:
                readable = examples(self.output, self._behind(*self.inputs)) or "none"
                problem = f"depends on no input: there is no path; tensors that can be read: {readable}"
            raise ValueError(f"the output {self.output!r} {problem}")
        return str(found[0])

    def _require_tensor(self, name: str, argument: str) -> None:
        if name not in self.inputs and name not in self.makers:
            likely = [entry.name for entry in getattr(self.model.graph, argument)]
            known = examples(name, self._behind(*self.inputs), likely)
            raise ValueError(
                f"{argument} must be the name of a tensor of the model, such as {known}, got {name!r}"
            )

    def _needed(self, output: str, start: str | None) -> list[Any]:
        """Return the nodes that the output depends on, in order, not looking behind `start`."""
        seen, stack = set(), [output]
        while stack:
            name = stack.pop()
            if name in seen or name == start:
                continue
            seen.add(name)
            if name in self.makers:
                stack += reads(self.makers[name])
        return [node for node in self.all if seen.intersection(filter(None, node.output))]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors that depend on the input."""
        return self._behind(self.input)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the nodes that are run, of what they make where they have none."""
        names = set(self.names)
        return tuple(called(node) for node in self.nodes if names.intersection(node.output))

    def _behind(self, *starts: str) -> tuple[str, ...]:
        """Return the names of the tensors that depend on some."""
        found, names = set(starts), []
        for node in self.all:
            if not found.isdisjoint(reads(node)):
                made = [name for name in node.output if name]
                found.update(made)
                names += made
        return tuple(names)

    @functools.cached_property
    def _used(self) -> set[str]:
        """The tensors that somebody reads."""
        return {name for node in self.all for name in reads(node)} | {*self.own, self.output}

    # The shape that it is read at.

    def _shape(self) -> Shape:
        """Return the shape of the input: the one asked for, the file's, usual sizes for open sides."""
        entry = self.inputs.get(self.input)
        known = declared(entry) if entry is not None else None
        given = checked(self.asked.shape, known, self.input)
        if entry is None and (given is None or None in given):
            known = self._intermediate()
        if given is not None:
            known = tuple(a if a is not None else b for a, b in zip(given, known or given, strict=True))
        if known is None:
            raise ValueError(f"the shape of the input {self.input!r} is not known; give input_shape")
        if not known:
            raise ValueError(f"the input {self.input!r} is a single number; choose another with input=")
        shape = self._resized(known)
        found = self._fitting(shape)
        if found != shape:
            words = symbols(entry) if entry is not None and len(found) == len(symbols(entry)) else ()
            self.notes = (said(self.input, shape, words or [""] * len(shape), found),)
        return found

    def _intermediate(self) -> Shape | None:
        """Return the shape of a tensor that the model makes, read at its own input's shape."""
        inner = replace(self.asked, input=None, shape=None, space=None, size=None, channels=None)
        before = Reader(self.model, self.input, inner, self.folder, self.name)
        folding = before.folding(before.input_shape)
        for _ in folding.walk(before.nodes):
            pass
        return folding.shape(self.input)

    def _resized(self, shape: Shape) -> Shape:
        """Return a shape with the size and the channels that are asked for."""
        space, found = self._space(len(shape)), list(shape)
        if self.asked.size is not None:
            sides = per_axis(self.asked.size, len(space), "input_size", minimum=1)
            for axis, side in zip(space, sides, strict=True):
                found[axis] = side
        for axis in [axis for axis in range(1, len(found)) if axis not in space][:1]:
            found[axis] = self.asked.channels or found[axis]
        return tuple(found)

    def _fitting(self, shape: Shape) -> Shape:
        """Return the first usual shape at which all tensors fit, the most usual one where none does."""
        space = self._space(len(shape))
        sides: dict[str, Shape] = {name: tuple(tensor.dims) for name, tensor in self.weights.items()}
        channels = first_channels(self.nodes, self.input, sides, len(space))
        entry = self.inputs.get(self.input)
        tokens = entry is not None and is_tokens(entry)
        usual = list(filled(shape, space, channels, tokens))
        if len(usual) < 2 and not self._has_open_others:
            return usual[0]
        found = next((found for found in usual if self._fits(found)), None)
        return found or self._with_others(usual[0], len(usual) > 1)

    @property
    def _has_open_others(self) -> bool:
        others = (declared(entry) or () for name, entry in self.inputs.items() if name != self.input)
        return any(None in shape[1:] for shape in others)

    def _with_others(self, shape: Shape, is_open: bool) -> Shape:
        """Return a shape at which the model's other inputs fit it, with more frames than one, or the same."""
        found = mismatch(self.folding(shape), self.nodes, {self.input, *self.names})
        axis = self._space(len(shape))[-1]
        together = found and found.fit(shape[axis] or 1, is_open)
        if not together:
            return shape
        larger, frames = (*shape[:axis], together[0], *shape[axis + 1 :]), together[1]
        self.frames = frames
        if self._fits(larger):
            return larger
        self.frames = 1
        return shape

    def _fits(self, shape: Shape) -> bool:
        """Return whether all tensors have samples, and fit one another."""
        folding = self.folding(shape)
        try:
            for node in folding.walk(self.nodes):
                if folding.misfits or any(0 in (folding.shape(name) or ()) for name in node.output):
                    return False
        except ValueError:  # which reading will name
            return False
        return True

    def _space(self, rank: int) -> tuple[int, ...]:
        return spatial_axes(self.space(self.asked.space), rank)

    def space(self, given: Any) -> Any:
        """Return the spatial axes of the input, told from what takes channels that come last."""
        name = self.input
        while given is None:
            readers = [node for node in self.nodes if name in node.input]
            if len(readers) != 1:
                return None
            node = readers[0]
            if node.op_type not in _BEFORE or not node.output:
                return self._space_before(node)
            name = node.output[0]
        return given

    def _space_before(self, node: Any) -> list[int] | None:
        """Return the spatial axes of what a node reads, None where the channels come before them."""
        own = attributes(node)
        if takes_channels_last(node):
            return list(range(1, 1 + len(own.get("kernel_shape") or (0, 0))))
        order = list(own.get("perm") or ()) if node.op_type == "Transpose" else []
        is_moved = len(order) > 2 and order == [0, len(order) - 1, *range(1, len(order) - 1)]
        behind = [other for other in self.nodes if node.output[0] in other.input]
        return order[2:] if is_moved and not any(map(takes_channels_last, behind)) else None

    # The reading.

    def folding(self, shape: Shape) -> Folding:
        """Return the walk over the nodes at a shape of the input."""
        entry = self.inputs.get(self.input)
        sizes = dict(zip(symbols(entry), shape, strict=False)) if entry is not None else {}
        types = {
            name: type_of(other.type.tensor_type.elem_type, self._bound(other, sizes))
            for name, other in self.inputs.items()
        }
        kind = 1 if entry is None else entry.type.tensor_type.elem_type
        types[self.input] = type_of(kind, shape)
        values = {name: np.asarray(value) for name, value in self.asked.values.items()}
        unknown = sorted(set(values).difference(self.inputs))
        if unknown:
            raise ValueError(f"values must be of inputs of the model, which has no {unknown[0]!r}")
        return Folding(
            self.weights, self.folder, self.versions, types, [self.input], values, self.asked.plain
        )

    def _bound(self, entry: Any, sizes: Mapping[str, int | None]) -> Shape | None:
        """Return the shape of another input, its open sides as those of the same name, else 1."""
        shape = declared(entry)
        if shape is None:
            return None
        words = symbols(entry)
        return tuple(
            side if side is not None else (sizes.get(word) if word else None) or (self.frames if axis else 1)
            for axis, (side, word) in enumerate(zip(shape, words, strict=True))
        )

    def network(self, trace: Trace) -> Node:
        """Run the operators through a trace."""
        folding, spelled_out = self.folding(self.input_shape), self._patterns()
        known: dict[str, Input] = {self.input: trace.input}
        self._held = Held(self.makers, folding)
        for written in self._fitting_nodes(folding):
            self._held.meet(written)
            node = spelled_out.of(written)
            if node is None:
                continue
            for name, tensor in self._run(node, known, folding, trace):
                known[name] = tensor
                folding.learn(name, tensor.shape)
        self.is_sized |= folding.is_measured
        found = known.get(self.output)
        if not isinstance(found, Tensor):
            raise ValueError(f"there is no path from the input {self.input!r} to the output {self.output!r}")
        return trace.finished(found, self.is_default)

    def _run(
        self, node: Any, known: Mapping[str, Input], folding: Folding, trace: Trace
    ) -> list[tuple[str, Tensor]]:
        """Run a node; return the tensors that it makes by name."""
        is_ours = node.op_type not in trace.rules
        with as_damaged(node) if is_ours else contextlib.nullcontext():
            op = self._operator(node, known, folding, trace)
            self.is_sized |= op.kind == "resize"
            return list(zip(op.outputs, trace.run(op), strict=True))

    def _patterns(self) -> Patterns:
        """Return the layers that the nodes spell out; none where shapes have to be learned on the way."""
        if not may_be_spelled_out(self.nodes):
            return Patterns()
        folding = self.folding(self.input_shape)
        try:
            return patterns(list(folding.walk(self.nodes)), folding, self.output)
        except ValueError:  # which reading will name
            return Patterns()

    @property
    def sides(self) -> tuple[int, ...]:
        """Samples of the input along its spatial axes."""
        return tuple(self.input_shape[axis] or 1 for axis in self._space(len(self.input_shape)))

    def elsewhere(self) -> Reader | None:
        """Return the model at another size, None where nothing that was run depends on it."""
        if not self.is_sized or self.input not in self.inputs:
            return None
        asked = replace(self.asked, size=larger(self.sides), shape=self.input_shape)
        return Reader(self.model, self.asked_output, asked, self.folder, self.name)

    def _fitting_nodes(self, folding: Folding) -> Iterator[Any]:
        """Yield the nodes that depend on the input; raise where shapes do not go together."""
        for node in folding.walk(self.nodes):
            if folding.misfits:
                title, problem = folding.misfits[0]
                raise MisfitError(
                    f"{title} does not fit its operands where the input is {spelled(self.input_shape)}: "
                    f"{problem}; give another input_shape, or stop before it with output="
                )
            yield node

    def _operator(self, node: Any, known: Mapping[str, Input], folding: Folding, trace: Trace) -> Operator:
        """Return a node as an operator in the rules' words."""
        names = (*node.input, *dict.fromkeys(captured(node)))
        inputs = tuple(self._operand(name, known, folding) for name in names)
        outputs = list(node.output)
        while len(outputs) > 1 and outputs[-1] not in self._used:
            outputs.pop()
        shapes = tuple(map(folding.shape, outputs))
        op = Operator(None, node.op_type, called(node), inputs, {}, tuple(outputs), shapes, ndim=trace.ndim)
        if node.op_type in trace.rules:
            return op
        return translated(op, attributes(node) | {"opset": self.versions.get("", 1)}, node.domain)

    def _operand(self, name: str, known: Mapping[str, Input], folding: Folding) -> Input:
        return known[name] if name in known else folding.constants.get(name)

    def place(self, op: Operator) -> Place:
        """Return the scopes that a node is in, and its own name."""
        return place_of(op.name, op.title, self._scopes.get(op.name, {}))

    @functools.cached_property
    def _scopes(self) -> dict[str, dict[str, str]]:
        """What exporters write beside each node."""
        return {
            called(node): {entry.key: entry.value for entry in node.metadata_props}
            for node in self.all
            if hasattr(node, "metadata_props")
        }

    def holdings(self) -> Holdings:
        """Return the parameters by the node that reads them first."""
        found: dict[str, int] = {}
        for name, title, count in self._held.found:
            path = joined(place_of(name, title, self._scopes.get(name, {})).path)
            found[path] = found.get(path, 0) + count
        return Holdings(found, {})

    def part(self, read: Tensor) -> Any:
        """Refuse: PyTorch does not run ONNX files."""
        raise ValueError(f"{self.name} is an ONNX file, which PyTorch does not run; measure a module")

    def runnable(self, read: Tensor) -> tuple[Any, str, dict[str, Any]]:
        """Return the file with one output, the tensor that was read, its weights inside."""
        import onnx

        name = read.title
        if name not in self.makers or self.input not in self.inputs:
            raise ValueError(
                f"{self.name} was read from {self.input!r} up to {name!r}, which are no input and tensor of "
                "the file's own; verify it between others, with input= and output="
            )
        found = onnx.ModelProto()
        found.CopyFrom(self.model)
        for tensor in found.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                value = value_of(tensor, self.folder)
                if value is None:
                    raise ValueError(f"the weights {tensor.name!r} are in another file; give its path")
                tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
        del found.graph.output[:]
        found.graph.output.append(onnx.ValueInfoProto(name=name))
        return (
            found,
            self.input,
            self._others() | {key: np.asarray(value) for key, value in self.asked.values.items()},
        )

    def _others(self) -> dict[str, Any]:
        """Return ones for the other inputs whose sides are open, of as many frames as fit."""
        from onnx.helper import tensor_dtype_to_np_dtype

        bound = {name: self._bound(entry, {}) for name, entry in self.inputs.items() if name != self.input}
        kinds = {name: self.inputs[name].type.tensor_type.elem_type for name in bound}
        return {
            name: np.ones(tuple(side or 1 for side in shape), tensor_dtype_to_np_dtype(kinds[name]))
            for name, shape in bound.items()
            if shape is not None and self.frames > 1
        }
