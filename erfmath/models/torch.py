"""PyTorch modules: exporting them by ``torch.export``, walking the ATen operators."""

from __future__ import annotations

import difflib
import functools
import math
import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..network.algebra import Node
from ..network.graph import INPUT
from .axes import Shape
from .ir import Constant, Input, Operator, Tensor
from .model import Model, Source, told
from .operators import INDEPENDENT, OVERWRITING, translated
from .parts import Holdings, Place
from .spelled import Layer
from .torch_export import exported, title_of
from .torch_spelled import ATEN, layers_in
from .trace import Trace


def from_torch(
    module: Any,
    example_input: Any,
    output: str | int | None = None,
    input: str | int | None = None,  # noqa: A002
    *,
    space: int | Sequence[int] | None = None,
    rules: Mapping[str, Any] | None = None,
    global_context: bool = True,
    weights: str = "uniform",
    rates: Any = None,
    gates: bool | None = None,
) -> Model:
    """Return the network that a PyTorch module is, as it runs at inference, as a Model.

    The layers mean what they do in :func:`erfmath.from_onnx`. The module is exported by ``torch.export``,
    in evaluation mode, and left as it was; nothing is computed with its weights.

    Parameters
    ----------
    module
        A ``torch.nn.Module``, or a ``torch.export.ExportedProgram``.
    example_input
        A tensor, a tuple of several, a dict of keyword arguments; or the shape in ints, or a tuple of shapes,
        of what is as the module's parameters are.
    output
        The path of a submodule such as "layer4", for what it last makes; the name of a node of the
        exported graph; a number, for one of the module's outputs. None for the first output or, where that
        holds no positions (the logits of a classifier), for the last tensor with more than one, with a
        warning; "last map" for that without one.
    input
        The number or the name of an input, 0 by default; the others count as constants.
    space
        The input's spatial axes, by default those behind the batch and the channels.
    rules
        What operators of your own mean, by name such as "aten.grid_sampler" or "mylib.blur": a network, or
        a function that makes one of an ``erfmath.models.ir.Operator``.
    global_context
        False leaves out branches that read the whole map where they join one that does not.
    weights
        "uniform" for equal taps. "given" for the model's own weights, channel by channel, with activations
        at their mean slopes: :func:`erfmath.impact_map` is then its gradient (but for interpolation with
        aligned corners, whose taps are averaged over the map), the ``variance`` profile its energy under
        random signs. "energy" for the mean squares over channels: nearly the latter, in milliseconds,
        whatever the profile.
    rates
        For "given" and "energy", the shares of inputs at which ReLU gates are open, 1/2 by default: one for
        all, or shares (or arrays with one per channel) by name of a submodule or of an exported node.
    gates
        The older name of `global_context`.

    Returns
    -------
    Model
        Its `net` is a Graph whose layers have the paths of the submodules, such as "layer1.0.conv2", or a
        Series where there is one path.

    Raises
    ------
    ValueError
        If the module cannot be exported, the output does not depend on the input, or an operator has no
        meaning here: the message names it.
    ImportError
        If PyTorch is missing.

    Examples
    --------
    >>> import erfmath as em
    >>> from torch import nn  # doctest: +SKIP
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))  # doctest: +SKIP
    >>> em.receptive_field(em.from_torch(net, (1, 3, 32, 32)))  # doctest: +SKIP
    <ReceptiveField: size (4, 4), stride (2, 2), offset (-1, -1)>
    """
    program, name = exported(module, example_input), type(module).__name__
    context = global_context if gates is None else gates
    source = Source(lambda read: Reader(program, read, input, name), space, rules, context, rates)
    return told(source.model(output, weights), output)


class Reader:
    """The graph of an exported program between an input and an output."""

    def __init__(
        self, program: Any, output: str | int | None, start: str | int | None, name: str = "module"
    ) -> None:
        self.program, self.name = program, name
        self.graph = list(program.graph.nodes)
        self.calls = _layers(self.graph)
        self.nodes_of = {layer: node.name for node, layer in self.calls.items()}
        signature = program.graph_signature
        self.values = {
            spec.arg.name: spec.target for spec in signature.input_specs if isinstance(spec.target, str)
        }
        self.input = self._input([name for name in signature.user_inputs if isinstance(name, str)], start)
        self.output = self._output(output)
        self.own = tuple(filter(None, map(self._title, _made_for_users(program))))
        self.is_default = output is None
        self.notes: tuple[str, ...] = ()
        self.nodes = self._needed(self.output)
        shape = _shapes(self.input)[0]
        if shape is None:
            raise ValueError(f"the input {self.input.name!r} is no tensor; choose another with input=")
        self.input_shape: Shape = shape

    def network(self, trace: Trace) -> Node:
        """Run the operators through a trace."""
        known: dict[Any, Any] = {self.input: trace.input}
        calls = [node for node in self.nodes if hasattr(node.target, "_schema")]
        spelled_out = layers_in(calls, {node: bound(node) for node in calls})
        by_name = {node.name: node for node in self.nodes}
        for node in self.nodes:
            if node in known:
                continue
            layer = spelled_out.get(node.name)
            source = None if layer is None else known.get(by_name[layer.source])
            if layer is None or not isinstance(source, Tensor):
                known[node] = self._made(node, known, trace)
            else:
                known[node] = self._put_together(node, layer, source, trace)
        found = known.get(self.output)
        found = found[0] if isinstance(found, tuple) else found
        if not isinstance(found, Tensor):
            raise ValueError(f"there is no path from the input {self.input.name!r} to the output")
        return trace.finished(found, self.is_default)

    def space(self, given: Any) -> Any:
        """Return the spatial axes of the input: those given."""
        return given

    def _title(self, node: Any) -> str | None:
        """Return the title of the tensor that a node is, None of a constant."""
        if getattr(node, "target", None) is operator.getitem:
            return f"{self.calls[node.args[0]]}.{node.args[1]}"
        return INPUT if node is self.input else self.calls.get(node)

    def _made(self, node: Any, known: dict[Any, Any], trace: Trace) -> Any:
        """Return what a node of the graph makes: a tensor or a constant, a tuple where it makes several."""
        if node.op != "call_function":
            return Constant(_shapes(node)[0], lambda: self._stored(node))
        if node.target is operator.getitem:
            source, index = known[node.args[0]], node.args[1]
            return source[index] if isinstance(source, tuple) else source
        shapes = _shapes(node)
        title = title_of(node)
        arguments = bound(node)
        if title.removeprefix("aten.").removesuffix("_") in OVERWRITING:
            del arguments[next(iter(arguments))]
        inputs = tuple(_inputs(arguments, known))
        if not any(isinstance(x, Tensor) for x in inputs) or title.removeprefix("aten.") in INDEPENDENT:
            made = tuple(Constant(shape, lambda: self._evaluated(node)) for shape in shapes)
            return made if len(made) > 1 else made[0]
        several = isinstance(node.meta.get("val"), (tuple, list))
        layer, scopes = self.calls[node], frozenset(set(stack(node)) - {""})
        names = tuple(f"{layer}.{i}" if several else layer for i in range(len(shapes)))
        op = Operator(None, title, layer, inputs, {}, names, shapes, scopes, node.name, ndim=trace.ndim)
        if title not in trace.rules:
            op = translated(op, arguments)
        found = trace.run(op)
        return found if several else found[0]

    def _put_together(self, node: Any, layer: Layer, source: Tensor, trace: Trace) -> Tensor:
        """Return what a layer makes that the module spells out."""
        title = f"aten.{ATEN[layer.name]}" if layer.name else "MeanVarianceNormalization"
        scopes = frozenset(set(stack(node)) - {""})
        shapes, name = _shapes(node), self.calls[node]
        op = Operator(None, title, name, (source,), {}, (name,), shapes, scopes, node.name, ndim=trace.ndim)
        return trace.run(translated(op, {"axes": list(layer.axes)} if layer.axes else {}))[0]

    def _input(self, names: list[str], start: str | int | None) -> Any:
        """Return the placeholder that is the input."""
        if isinstance(start, int) and not 0 <= start < len(names):
            raise ValueError(f"input must be below {len(names)}, the number of inputs, got {start}")
        name = names[start or 0] if start is None or isinstance(start, int) else start
        found = [node for node in self.graph if node.name == name]
        if not found:
            raise ValueError(f"input must be a number or one of {', '.join(names)}, got {start!r}")
        return found[0]

    def _output(self, output: str | int | None) -> Any:
        """Return the node that is the output."""
        final = _made_for_users(self.program)
        if isinstance(output, bool) or not isinstance(output, (str, int, type(None))):
            raise TypeError(f"output must be a name, a number or None, got {output!r}")
        if output is None or isinstance(output, int):
            nodes = [node for node in final if hasattr(node, "name")]
            if not 0 <= (output or 0) < len(nodes):
                raise ValueError(f"output must be below {len(nodes)}, the number of outputs, got {output}")
            return nodes[output or 0]
        calls = [node for node in self.graph if node.op == "call_function"]
        for node in reversed(calls if output else []):
            if output in (node.name, self.calls.get(node)) or output in stack(node):
                return node
        paths = sorted({path for node in calls for path in set(stack(node)) if path})
        near = difflib.get_close_matches(str(output), paths)
        some = list(dict.fromkeys([*near, *paths]))
        more = " ..." if len(some) > 8 else ""
        raise ValueError(
            f"output must be the path of a submodule ({', '.join(some[:8])}{more}), a node or a number, "
            f"got {output!r}"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors that depend on the input."""
        found = {self.input}
        for node in self.graph:
            if found.intersection(node.all_input_nodes):
                found.add(node)
        return tuple(layer for node, layer in self.calls.items() if node in found)

    def _needed(self, output: Any) -> list[Any]:
        """Return the nodes that the output depends on, in order."""
        needed = {output}
        for node in reversed(self.graph):
            if node in needed and node is not self.input:
                needed.update(node.all_input_nodes)
        return [node for node in self.graph if node in needed]

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the operators that are run: paths of submodules, and what is done there."""
        return tuple(self.calls[node] for node in self.nodes if node in self.calls)

    def place(self, op: Operator) -> Place:
        """Return the submodules that an operator is in, and its node."""
        stack = self._stacks.get(op.alias, [])
        names, kinds = [name for name, _ in stack], [kind for _, kind in stack]
        return Place((*names, op.alias), (*kinds, op.title.removeprefix("aten.")))

    @functools.cached_property
    def _stacks(self) -> dict[str, list[tuple[str, str]]]:
        """The submodules around each node, outermost first: their names and classes."""
        return {node.name: list(_parts(node)) for node in self.nodes}

    def holdings(self) -> Holdings:
        """Return the parameters by submodule; one that several share counts for one of them."""
        read = {node.name for node in self.nodes}
        found: tuple[dict[Any, int], dict[Any, int]] = ({}, {})
        seen: set[Any] = set()
        specs = [spec for spec in self.program.graph_signature.input_specs if spec.kind.name == "PARAMETER"]
        for spec in sorted(specs, key=lambda spec: spec.arg.name not in read):
            values = self.program.state_dict[spec.target]
            key = (values.data_ptr(), values.shape) if values.data_ptr() else spec.target
            if key not in seen:
                seen.add(key)
                counts = found[spec.arg.name not in read]
                path = spec.target.rpartition(".")[0]
                counts[path] = counts.get(path, 0) + values.numel()
        return Holdings(*found)

    def elsewhere(self) -> None:
        """Return nothing: an exported program has one size."""

    def runnable(self, read: Tensor) -> tuple[Any, str, dict[str, Any]]:
        """Refuse: a module is no file."""
        raise ValueError(f"{self.name} is no ONNX file")

    def part(self, read: Tensor) -> Any:
        """Return a module up to a tensor, channels before the space."""
        import torch

        if not read.owned and read.layout is None:
            raise ValueError(
                f"a measurement needs a tensor of known shape, and that of {read.title!r} is not"
            )
        number = read.title[len(read.title.rstrip("0123456789")) :]
        layer = read.title if read.title in self.nodes_of else read.title.removesuffix(f".{number}")
        module = self.program.module()
        graph = module.graph
        last = next((node for node in graph.nodes if node.name == self.nodes_of.get(layer)), None)
        if last is None:
            raise ValueError(f"a measurement needs a tensor that the module makes, got {read.title!r}")
        for node in reversed(graph.nodes):  # all that follow
            if node is last:
                break
            graph.erase_node(node)
        if layer != read.title:
            last = graph.call_function(operator.getitem, (last, int(number)))
        for axis, (first, *rest) in ((i, runs) for i, runs in enumerate(read.runs) if runs):
            if first.beside != (0, 0):  # tokens beside those of the map
                count = math.prod(run.length or 1 for run in (first, *rest))
                last = graph.call_function(torch.narrow, (last, axis, first.beside[0], count))
        runs = [run for axis in read.runs for run in axis]
        last = graph.call_function(torch.reshape, (last, tuple(run.length for run in runs) or (1,)))
        order = sorted(range(len(runs)), key=lambda i: (-1 if runs[i].axis is None else runs[i].axis, i))
        last = graph.call_function(torch.permute, (last, order or (0,)))
        graph.output(graph.call_function(torch.reshape, (last, (1, -1, *read.sides))))
        graph.set_codegen(torch.fx.graph.CodeGen())  # one tensor in and one out, whatever the module returns
        graph.eliminate_dead_code()
        module.recompile()
        return module

    def _stored(self, node: Any) -> Any:
        """Return a parameter, a buffer or a constant as an array, None of another input."""
        target = self.values.get(node.name)
        found = self.program.state_dict.get(target, self.program.constants.get(target))
        if found is None:
            return None
        found = found.detach().cpu()
        return (found if str(found.dtype) != "torch.bfloat16" else found.float()).numpy()

    def _evaluated(self, node: Any) -> Any:
        """Return the value of a node that does not depend on the input, None where it needs one that does."""
        import torch

        def value(argument: Any) -> Any:
            found = self._evaluated(argument) if argument.op == "call_function" else self._stored(argument)
            if found is None:
                raise LookupError
            return torch.as_tensor(found)

        try:
            arguments = torch.fx.node.map_arg((node.args, node.kwargs), value)
        except LookupError:
            return None
        found = node.target(*arguments[0], **arguments[1])
        return found.numpy() if isinstance(found, torch.Tensor) else None


def _made_for_users(program: Any) -> list[Any]:
    """Return the nodes that a module returns, without the inputs and buffers that it writes into."""
    final, specs = list(program.graph.nodes)[-1].args[0], program.graph_signature.output_specs
    return [node for node, spec in zip(final, specs, strict=True) if spec.kind.name == "USER_OUTPUT"]


def _layers(graph: Sequence[Any]) -> dict[Any, str]:
    """Return the operators of a graph with their names: the path of the submodule, and what it does there.

    A submodule of a single operator is named by its path alone.
    """
    calls = [node for node in graph if node.op == "call_function" and node.target is not operator.getitem]
    paths = {node: next(reversed(stack(node)), "") for node in calls}
    count = Counter(paths.values())
    alone = {node: path if path and count[path] == 1 else "" for node, path in paths.items()}
    return {node: alone[node] or ".".join(filter(None, (path, node.name))) for node, path in paths.items()}


def bound(node: Any) -> dict[str, Any]:
    """Return the arguments of an operator by name, defaults filled in."""
    if not hasattr(node.target, "_schema"):
        return dict(enumerate(node.args))  # type: ignore[arg-type]
    found = {}
    for i, entry in enumerate(node.target._schema.arguments):
        given = node.args[i] if i < len(node.args) else node.kwargs.get(entry.name)
        if given is None and entry.name not in node.kwargs and i >= len(node.args):
            given = entry.default_value
        found[entry.name] = given
    return found


def _inputs(arguments: Mapping[str, Any], known: Mapping[Any, Any]) -> Iterator[Input]:
    """Yield the tensors among the arguments, None for optional ones left out."""
    for value in arguments.values():
        for entry in value if isinstance(value, (tuple, list)) else (value,):
            if hasattr(entry, "all_input_nodes"):
                found = known[entry]
                yield found[0] if isinstance(found, tuple) else found


def _shapes(node: Any) -> tuple[Shape | None, ...]:
    """Return the shapes of what a node makes, symbolic sides as unknown."""
    value = node.meta.get("val")
    entries = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(
        tuple(side if isinstance(side, int) else None for side in entry.shape)
        if hasattr(entry, "shape")
        else None
        for entry in entries
    )


def stack(node: Any) -> list[str]:
    """Return the paths of the submodules that an operator is in, outermost first."""
    return [path for path, _ in node.meta.get("nn_module_stack", {}).values()]


def _parts(node: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of the submodules that an operator is in, outermost first, and their classes.

    Names are told from the submodule around it; a number says which call of it this is, from the second on.
    """
    outer, is_again = "", False
    for key, (path, kind) in node.meta.get("nn_module_stack", {}).items():
        if not path:
            continue
        name = path.removeprefix(f"{outer}.") if outer else path
        call = str(key).rpartition("@")[2]
        if call.isdecimal() and "@" in str(key) and not is_again:
            name, is_again = f"{name} ({int(call) + 1})", True
        yield name, (kind if isinstance(kind, str) else kind.__name__).rpartition(".")[2]
        outer = path
