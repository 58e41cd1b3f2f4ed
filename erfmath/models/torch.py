"""PyTorch modules: exporting them by ``torch.export``, walking the ATen operators."""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..network.algebra import Node
from .aten_operators import INDEPENDENT, is_pointwise, translated
from .ir import Constant, Input, Operator, Shape, Tensor
from .trace import Trace


def from_torch(
    module: Any,
    example_input: Any,
    output: str | int | None = None,
    input: str | int | None = None,  # noqa: A002
    *,
    space: int | Sequence[int] | None = None,
    rules: Mapping[str, Any] | None = None,
    gates: bool = True,
    weights: str = "uniform",
    rates: Any = None,
) -> Node:
    """Return the network that a PyTorch module is, as it runs at inference.

    The layers mean what they do in :func:`erfmath.from_onnx`. The module is exported by ``torch.export``,
    in evaluation mode, and left as it was; nothing is computed with its weights.

    Parameters
    ----------
    module
        A ``torch.nn.Module``, or a ``torch.export.ExportedProgram``.
    example_input
        A tensor, a tuple of several, a dict of keyword arguments, or the shape in ints of one as the module's
        parameters are.
    output
        The path of a submodule such as "layer4", for what it last makes; the name of a node of the
        exported graph; a number, for one of the module's outputs. None for the first output or, where that
        holds no positions (the logits of a classifier), for the last tensor with more than one.
    input
        The number or the name of an input, 0 by default; the others count as constants.
    space
        The input's spatial axes, by default those behind the batch and the channels.
    rules
        What operators of your own mean, by name such as "aten.grid_sampler" or "mylib.blur": a network, or
        a function that makes one of an ``erfmath.models.ir.Operator``.
    gates
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

    Returns
    -------
    Node
        A Graph with the names of the exported graph's nodes, or a Series where there is one path.

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
    reader = Reader(exported(module, example_input), output, input)
    trace = Trace(reader.input_shape, space, rules, gates, weights, rates)
    return reader.network(trace)


def exported(module: Any, example: Any) -> Any:
    """Return an exported program, all submodules as at inference while it is made."""
    try:
        import torch
    except ImportError:
        raise ImportError("from_torch needs PyTorch: pip install torch") from None
    if isinstance(module, torch.export.ExportedProgram):
        return module
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    if isinstance(example, (tuple, list)) and example and all(isinstance(side, int) for side in example):
        kinds = (values.dtype for values in module.parameters() if values.is_floating_point())
        example = torch.zeros(tuple(example), dtype=next(kinds, None))
    keywords = dict(example) if isinstance(example, Mapping) else {}
    arguments = () if keywords else tuple(example) if isinstance(example, (tuple, list)) else (example,)
    training = [part for part in module.modules() if part.training]
    logged = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # the error below says what matters
    try:
        for part in training:
            part.training = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the export itself, which no user of the network can act on
            return torch.export.export(module, arguments, keywords)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"torch.export cannot follow the module: {lines[0]}") from error
    finally:
        logging.disable(logged)
        for part in training:
            part.training = True


class Reader:
    """The graph of an exported program between an input and an output."""

    def __init__(self, program: Any, output: str | int | None, start: str | int | None) -> None:
        self.program = program
        self.graph = list(program.graph.nodes)
        signature = program.graph_signature
        self.values = {
            spec.arg.name: spec.target for spec in signature.input_specs if isinstance(spec.target, str)
        }
        self.input = self._input([name for name in signature.user_inputs if isinstance(name, str)], start)
        self.output = self._output(output)
        self.is_default = output is None
        self.is_final = output is None or isinstance(output, int)
        self.nodes = self._needed(self.output)
        shape = _shapes(self.input)[0]
        if shape is None:
            raise ValueError(f"the input {self.input.name!r} is no tensor; choose another by input=")
        self.input_shape: Shape = shape

    def network(self, trace: Trace) -> Node:
        """Run the operators through a trace."""
        known: dict[Any, Any] = {self.input: trace.input}
        for node in self.nodes:
            if node in known:
                continue
            known[node] = self._made(node, known, trace)
            if _writes(node):  # what follows reads the operand changed
                self._require_owned(node, trace.weights)
                known.update((other, known[node]) for other in list(known) if _same(other) is _same(node))
        found = known.get(self.output)
        found = found[0] if isinstance(found, tuple) else found
        if not isinstance(found, Tensor):
            raise ValueError(f"there is no path from the input {self.input.name!r} to the output")
        return trace.finished(found, self.is_default)

    def space(self, given: Any) -> Any:
        """Return the spatial axes of the input: those given."""
        return given

    def _made(self, node: Any, known: dict[Any, Any], trace: Trace) -> Any:
        """Return what a node of the graph makes: a tensor or a constant, a tuple where it makes several."""
        if node.op != "call_function":
            return Constant(_shapes(node)[0], lambda: self._stored(node))
        if node.target is operator.getitem:
            source, index = known[node.args[0]], node.args[1]
            return source[index] if isinstance(source, tuple) else source
        shapes = _shapes(node)
        title = _title(node)
        arguments = _bound(node)
        inputs = tuple(_inputs(arguments, known))
        if not any(isinstance(x, Tensor) for x in inputs) or title.removeprefix("aten.") in INDEPENDENT:
            made = tuple(Constant(shape, lambda: self._evaluated(node)) for shape in shapes)
            return made if len(made) > 1 else made[0]
        several = isinstance(node.meta.get("val"), (tuple, list))
        names = tuple(f"{node.name}.{i}" if several else node.name for i in range(len(shapes)))
        op = Operator(None, title, node.name, inputs, {}, names, shapes, frozenset(_modules(node) - {""}))
        if title not in trace.rules:
            op = translated(op, arguments)
        found = trace.run(op)
        return found if several else found[0]

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
        final = self.graph[-1].args[0]
        if output is None or isinstance(output, int):
            nodes = [node for node in final if hasattr(node, "name")]
            if not 0 <= (output or 0) < len(nodes):
                raise ValueError(f"output must be below {len(nodes)}, the number of outputs, got {output}")
            return nodes[output or 0]
        calls = [node for node in self.graph if node.op == "call_function"]
        for node in reversed(calls):
            if node.name == output or output in _modules(node):
                return node
        paths = sorted({path for node in calls for path in _modules(node) if path})
        raise ValueError(
            f"output must be the path of a submodule ({', '.join(paths[:8])} ...), a node or a number, "
            f"got {output!r}"
        )

    def _needed(self, output: Any) -> list[Any]:
        """Return the nodes that the output depends on, in order, operators that write in place included."""
        needed, bases = {output}, {_base(output)}
        index = next(i for i, node in enumerate(self.graph) if node is output)
        kept = []
        for node in reversed(self.graph if self.is_final else self.graph[: index + 1]):
            if node in needed or (_writes(node) and _base(node) in bases):
                kept.append(node)
                read = [] if node is self.input else node.all_input_nodes
                needed.update(read)
                bases.update(map(_base, read))
        return kept[::-1]

    def _require_owned(self, node: Any, weights: str) -> None:
        """Raise where an operator writes into a tensor that is then read as another view of it."""
        if is_pointwise(_title(node)) and weights == "uniform":  # which moves nothing
            return
        place = self.nodes.index(node)
        later, before = self.nodes[place + 1 :], set(self.nodes[:place])
        read = ({entry for user in later for entry in user.all_input_nodes} | {self.output}) & before
        if any(_base(entry) is _base(node) and _same(entry) is not _same(node) for entry in read):
            raise ValueError(
                f"{_title(node)} {node.name!r} writes into a part of a tensor that is read again, for which "
                "there is no rule; write the module without changing tensors in place"
            )

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


def _same(node: Any) -> Any:
    """Return the node whose tensor this is, changed in place."""
    while _writes(node):
        node = node.args[0]
    return node


def _base(node: Any) -> Any:
    """Return the node whose memory a tensor lies in."""
    while _writes(node) or _views(node):
        node = node.args[0]
    return node


def _views(node: Any) -> bool:
    """Whether an operator returns a view of its first operand."""
    if node.op != "call_function" or not hasattr(node.target, "_schema"):
        return False
    returned = node.target._schema.returns
    return bool(returned) and returned[0].alias_info is not None and bool(node.args)


def _title(node: Any) -> str:
    """Return an operator's name without its overload: aten.conv2d."""
    if not hasattr(node.target, "_schema"):
        return getattr(node.target, "__name__", str(node.target))
    return str(node.target._schema.name).replace("::", ".")


def _bound(node: Any) -> dict[str, Any]:
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


def _modules(node: Any) -> set[str]:
    """Return the paths of the submodules that an operator is in."""
    return {path for path, _ in node.meta.get("nn_module_stack", {}).values()}


def _writes(node: Any) -> bool:
    """Whether an operator changes its first operand."""
    return node.op == "call_function" and _title(node).endswith("_") and not _title(node).endswith("__")
