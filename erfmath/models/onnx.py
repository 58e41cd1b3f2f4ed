"""ONNX models: reading the file, walking its graph, folding constants."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import require_file
from ..network.algebra import Node
from .ir import Constant, Input, Operator, Shape, Tensor, examples
from .model import Model, Source
from .onnx_shapes import checked, inferred
from .operators import translated
from .trace import Trace

# Before opset 13 their axes were attributes, which onnx's own evaluator does not take.
_OLD: Mapping[str, Any] = {"Squeeze": np.squeeze, "Unsqueeze": np.expand_dims}
_CONTROL = ("If", "Loop", "Scan", "SequenceMap")


def from_onnx(
    model: Any,
    output: str | int | None = None,
    input: str | None = None,  # noqa: A002
    *,
    input_shape: Sequence[int | None] | None = None,
    space: int | Sequence[int] | None = None,
    rules: Mapping[str, Any] | None = None,
    global_context: bool = True,
    weights: str = "uniform",
    rates: Any = None,
    gates: bool | None = None,
) -> Model:
    """Return the network between two tensors of an ONNX model, as a Model.

    Every convolution gets uniform taps and its numbers of channels and groups, a concatenation the shares
    of its channels as gains, products and maxima of tensors equal shares, sums 1 each. What reads the
    whole map (global pools, flattening, attention, recurrence, statistics of instance and group
    normalisation) is a GlobalPool: the field there is unbounded, and says so. Interpolation with aligned
    corners reads other samples from place to place: its field is that of all units of a phase together.

    Parameters
    ----------
    model
        A path, or an ``onnx.ModelProto``, whose weights in files of their own are read from a path only.
    output
        The name of any tensor, or of the node that makes it; the number of an output. None for the model's
        first output or, where that holds no positions (the logits of a classifier), for the last tensor with
        more than one: `warnings` says so.
    input
        The name of any tensor before it; None for the model's input.
    input_shape
        Its shape, where the model leaves sizes open that an operator needs; None entries stay open.
    space
        The input's spatial axes; by default those behind the batch and the channels, or between them where
        the model begins with a transposition of channels that come last.
    rules
        What operators of your own mean, by operator type: a network, such as ``Identity()``, or a function
        that makes one of an ``erfmath.models.ir.Operator``.
    global_context
        False leaves out branches that read the whole map where they join one that does not: gates of
        squeeze-excitation, image-level pooling, attention, statistics of normalisations.
    weights
        "uniform" for equal taps. "given" for the model's own weights, channel by channel, with activations
        at their mean slopes: :func:`erfmath.impact_map` is then its gradient (but for interpolation with
        aligned corners, whose taps are averaged over the map), the ``variance`` profile its energy under
        random signs. "energy" for the mean squares over channels: nearly the latter, in milliseconds,
        whatever the profile.
    rates
        For "given" and "energy", the shares of inputs at which ReLU gates are open, 1/2 by default: one for
        all, or shares (or arrays with one per channel) by name of the operator or of what it makes.
    gates
        The older name of `global_context`.

    Returns
    -------
    Model
        Its `net` is a Graph with the names of the model's nodes, or a Series where there is one path.

    Raises
    ------
    ValueError
        If the file is no ONNX model, a tensor is unknown or does not depend on the input, a shape is needed
        and missing, or an operator has no meaning here: the message names it.
    OSError
        If there is no such file.
    ImportError
        If the ``onnx`` package is missing.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.from_onnx("resnet50.onnx")  # doctest: +SKIP
    >>> em.receptive_field(net)  # doctest: +SKIP
    <ReceptiveField: size (427, 427), stride (32, 32), offset (-213, -213)>
    """
    found, folder = loaded(model), folder_of(model)
    context = global_context if gates is None else gates
    name = Path(model).name if isinstance(model, (str, os.PathLike)) else found.graph.name or "model"
    source = Source(
        lambda read: Reader(found, read, input, input_shape, folder, name), space, rules, context, rates
    )
    return source.model(output, weights)


def loaded(model: Any) -> Any:
    """Return a model from a path, or as it is."""
    try:
        import onnx
    except ImportError:
        raise ImportError("from_onnx needs the onnx package: pip install onnx") from None
    if isinstance(model, onnx.ModelProto):
        return model
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(f"model must be a path or an onnx.ModelProto, got {type(model).__name__}")
    path = Path(model)
    require_file(path)
    data = path.read_bytes()
    try:
        found = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's, which differ between its versions
        raise ValueError(
            f"{str(path)!r} is no ONNX model, or is cut off: {str(error).splitlines()[0]}"
        ) from None
    if not found.graph.node and not found.graph.output:
        raise ValueError(f"{str(path)!r} is no ONNX model, or is cut off: it holds no graph")
    return found


def folder_of(model: Any) -> Path | None:
    """Return where a model's weights in files of their own are, None where it is no path."""
    return Path(model).parent if isinstance(model, (str, os.PathLike)) else None


class Reader:
    """The graph of a model between two of its tensors."""

    def __init__(
        self,
        model: Any,
        output: str | int | None,
        start: str | None,
        shape: Any,
        folder: Path | None = None,
        name: str = "model",
    ) -> None:
        from onnx import inliner

        self.folder, self.name = folder, name
        self.model = inliner.inline_local_functions(model) if len(model.functions) else model
        graph = self.model.graph
        self.versions = {entry.domain: entry.version for entry in self.model.opset_import}
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output if name}
        if not graph.output:
            raise ValueError("the model has no output, it may be cut off")
        self.made = {node.name: node.output[0] for node in graph.node if node.name and node.output}
        self.own = tuple(entry.name for entry in graph.output)
        self.output = self._named(output)
        self.is_default = output is None
        self._require_tensor(self.output, "output")
        self.nodes = self._needed(self.output, start)
        self.input = self._input(start)
        self.shapes = inferred(self.model, self.input, checked(shape, self.model, self.input))
        known = self.shapes.get(self.input)
        if known is None:
            raise ValueError(f"the shape of the input {self.input!r} is not known; give input_shape")
        self.input_shape: Shape = known

    def _named(self, output: str | int | None) -> str:
        """Return the tensor of a name, which a tensor, a node or the number of an output has."""
        if isinstance(output, bool) or not isinstance(output, (str, int, type(None))):
            raise TypeError(f"output must be a name, a number or None, got {output!r}")
        if output is None or isinstance(output, int):
            if not 0 <= (output or 0) < len(self.own):
                raise ValueError(f"output must be below {len(self.own)}, the number of outputs, got {output}")
            return str(self.own[output or 0])
        return output if output in self.makers else str(self.made.get(output, output))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors that depend on the input."""
        return self._behind(self.input)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the nodes that are run, of what they make where they have none."""
        names = set(self.names)
        return tuple(_title(node) for node in self.nodes if names.intersection(node.output))

    def _behind(self, *starts: str) -> tuple[str, ...]:
        """Return the names of the tensors that depend on some."""
        found, names = set(starts), []
        for node in self.model.graph.node:
            if not found.isdisjoint(node.input) or not found.isdisjoint(_captured(node)):
                made = [name for name in node.output if name]
                found.update(made)
                names += made
        return tuple(names)

    def part(self, read: Tensor) -> Any:
        """Refuse: PyTorch does not run ONNX files."""
        raise ValueError(f"{self.name} is an ONNX file, which PyTorch does not run; measure a module")

    def network(self, trace: Trace) -> Node:
        """Run the operators through a trace."""
        known: dict[str, Input] = {"": None, self.input: trace.input}
        for node in self.nodes:
            inputs = tuple(self._read(name, known) for name in node.input)
            shapes = tuple(self.shapes.get(name) for name in node.output)
            reads = [*inputs, *(known.get(name) for name in _captured(node))]
            if node.op_type in _CONTROL and any(isinstance(x, Tensor) for x in reads):
                raise Operator(None, node.op_type, _title(node), inputs).error("is control flow")
            if not any(isinstance(x, Tensor) for x in inputs):
                known.update(self._folded(node, inputs, shapes))
                continue
            outputs = tuple(node.output)
            op = Operator(None, node.op_type, _title(node), inputs, {}, outputs, shapes, ndim=trace.ndim)
            if node.op_type in ("Shape", "Size"):
                known[node.output[0]] = _measured(op, _attributes(node))
                continue
            if node.op_type not in trace.rules:
                arguments = _attributes(node) | {"opset": self.versions.get("", 1)}
                op = translated(op, arguments, node.domain)
            known.update(zip(node.output, trace.run(op), strict=True))
        found = known.get(self.output)
        if not isinstance(found, Tensor):
            raise ValueError(f"there is no path from the input {self.input!r} to the output {self.output!r}")
        return trace.finished(found, self.is_default)

    def space(self, given: Any) -> Any:
        """Return the spatial axes of the input, told from a transposition of channels that come last."""
        readers = [node for node in self.nodes if self.input in node.input]
        if given is None and len(readers) == 1 and readers[0].op_type == "Transpose":
            order = list(_attributes(readers[0]).get("perm") or ())
            if len(order) > 2 and order == [0, len(order) - 1, *range(1, len(order) - 1)]:
                return order[2:]
        return given

    def _needed(self, output: str, start: str | None) -> list[Any]:
        """Return the nodes that the output depends on, in the model's order, not looking behind `start`."""
        seen, stack = set(), [output]
        while stack:
            name = stack.pop()
            if name in seen or name == start:
                continue
            seen.add(name)
            if name in self.makers:
                stack += [*self.makers[name].input, *_captured(self.makers[name])]
        return [node for node in self.model.graph.node if seen.intersection(filter(None, node.output))]

    def _input(self, start: str | None) -> str:
        """Return the name of the input, given or the only one."""
        if start is not None:
            self._require_tensor(start, "input")
            return start
        read = {name for node in self.nodes for name in [*node.input, *_captured(node)]} | {self.output}
        names = [entry.name for entry in self.model.graph.input if entry.name not in self.weights]
        found = [name for name in names if name in read]
        if len(found) != 1:
            problem = f"depends on several inputs, {', '.join(found)}; choose one with input="
            if not found:
                readable = examples(self.output, self._behind(*names)) or "none"
                problem = f"depends on no input: there is no path; tensors that can be read: {readable}"
            raise ValueError(f"the output {self.output!r} {problem}")
        return str(found[0])

    def _require_tensor(self, name: str, argument: str) -> None:
        inputs = [entry.name for entry in self.model.graph.input]
        if name not in inputs and name not in self.makers:
            likely = [entry.name for entry in getattr(self.model.graph, argument)]
            known = examples(
                name, self._behind(*(name for name in inputs if name not in self.weights)), likely
            )
            raise ValueError(
                f"{argument} must be the name of a tensor of the model, such as {known}, got {name!r}"
            )

    def _read(self, name: str, known: dict[str, Input]) -> Input:
        """Return a tensor by name: one made before, a weight, or another input of the model."""
        if name not in known:
            if name in self.makers:
                raise ValueError(f"the model reads {name!r} before making it: its nodes are not in order")
            known[name] = Constant(self.shapes.get(name), functools.partial(self._weight, name))
        return known[name]

    def _weight(self, name: str) -> Any:
        """Return the value of an initialiser, None of another input or where its file is not known."""
        from onnx import TensorProto, numpy_helper

        tensor = self.weights.get(name)
        if tensor is None:
            return None
        if tensor.data_location == TensorProto.EXTERNAL:
            if self.folder is None:
                return None
            return numpy_helper.to_array(tensor, str(self.folder))
        found = numpy_helper.to_array(tensor)
        return found.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else found

    def _folded(self, node: Any, inputs: Sequence[Input], shapes: Sequence[Any]) -> dict[str, Input]:
        """Return the outputs of a node that does not depend on the input, to be computed when asked for."""
        made = _Made(self, node, inputs)
        return {
            name: Constant(shape, functools.partial(made.value, name))
            for name, shape in zip(node.output, shapes, strict=True)
        }


@dataclass
class _Made:
    """The outputs of a node that does not depend on the input, computed when asked for."""

    reader: Reader
    node: Any
    inputs: Sequence[Input]

    @functools.cached_property
    def values(self) -> Mapping[str, Any]:
        """The outputs by name, by onnx's own reference implementation; empty where an input is unknown."""
        from onnx.reference import ReferenceEvaluator

        given = {}
        for name, entry in zip(self.node.input, self.inputs, strict=True):
            if isinstance(entry, Constant):
                given[name] = entry.load()
                if given[name] is None:
                    return {}
        axes = _attributes(self.node).get("axes")
        if self.node.op_type in _OLD and axes is not None:
            return {self.node.output[0]: _OLD[self.node.op_type](given[self.node.input[0]], tuple(axes))}
        try:
            found = ReferenceEvaluator(self.node, opsets=self.reader.versions).run(None, given)
        except Exception:  # what it cannot compute is unknown; who needs it says so
            return {}
        return dict(zip(self.node.output, found, strict=True))

    def value(self, name: str) -> Any:
        """Return an output, None where it is unknown."""
        return self.values.get(name)


def _attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name."""
    import onnx

    found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    found |= {k: v.decode(errors="replace") for k, v in found.items() if isinstance(v, bytes)}
    return found


def _measured(op: Operator, attributes: Mapping[str, Any]) -> Input:
    """Return the shape of a tensor, or its size, as a constant."""
    shape = op.tensors[0].shape
    if shape is None:
        return Constant(None)
    if op.title == "Shape":
        shape = shape[attributes.get("start", 0) : attributes.get("end")]
    if None in shape:
        return Constant((len(shape),) if op.title == "Shape" else ())
    value = np.array(shape if op.title == "Shape" else np.prod(np.array(shape)), dtype=np.int64)
    return Constant(value.shape, lambda: value)


def _captured(node: Any) -> Iterator[str]:
    """Yield the tensors that the subgraphs of a node read from around it."""
    if node.op_type not in _CONTROL:
        return
    stack = [entry.g for entry in node.attribute if entry.HasField("g")]
    while stack:
        graph = stack.pop()
        own = {name for inner in graph.node for name in inner.output} | {entry.name for entry in graph.input}
        for inner in graph.node:
            yield from (name for name in inner.input if name and name not in own)
            stack += [entry.g for entry in inner.attribute if entry.HasField("g")]


def _title(node: Any) -> str:
    """Return what to call a node: its name, or its first output."""
    return node.name or next(iter(node.output), "")
