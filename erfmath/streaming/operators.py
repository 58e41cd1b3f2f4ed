"""The operators of an exported PyTorch program as steps of a stream; others are refused by name."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..models.operators import INDEPENDENT
from ..models.torch import Reader, bound
from ..models.torch_export import title_of
from .pipeline import Pipeline
from .steps import Array, Carried, Pointwise, Step


@dataclass(frozen=True)
class Timed:
    """A tensor that comes as a stream: which one, the axis that is time, and the shape of the example's."""

    stream: int
    axis: int
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def length(self) -> int:
        """Samples of the example's."""
        return self.shape[self.axis]


@dataclass(frozen=True)
class Several:
    """What an operator of several outputs reads; the step is made for the output that is used."""

    node: Any
    source: Timed


class NoStreamError(ValueError):
    """What cannot stream."""


class Builder:
    """Walks the operators of a program and writes the steps of those that depend on time."""

    def __init__(self, reader: Reader, axis: int) -> None:
        self.reader = reader
        self.steps: list[Step] = []
        self.sources: list[tuple[int, ...]] = []
        self.rates = [Fraction(1)]
        shape = tuple(reader.input.meta["val"].shape)
        self.known: dict[Any, Any] = {reader.input: Timed(0, axis % len(shape), shape)}

    def pipeline(self) -> tuple[Pipeline, Timed]:
        """Return the pipeline of the program, and its output."""
        for node in self.reader.nodes:
            if node not in self.known:
                self.known[node] = self._made(node)
        output = self.known[self.reader.output]
        if not isinstance(output, Timed):
            raise NoStreamError("the output does not depend on the input, or not sample by sample")
        whole = Pipeline(tuple(self.steps), tuple(self.sources), tuple(self.rates), output.stream)
        return whole, output

    def add(self, node: Any, step: Step, sources: tuple[Timed, ...], rate: Fraction, axis: int) -> Timed:
        """Append a step that makes a node of so many samples of its first source per unit."""
        self.steps.append(step)
        self.sources.append(tuple(source.stream for source in sources))
        self.rates.append(self.rates[sources[0].stream] * rate)
        value = node.meta["val"]
        return Timed(len(self.steps), axis, tuple(value.shape))

    def name(self, node: Any) -> str:
        """Return the path of an operator's submodule and what it does there."""
        path = self.reader.calls.get(node, node.name)
        title = title_of(node).removeprefix("aten.")
        return f"{path} ({title})"

    def refuse(self, node: Any, why: str) -> NoStreamError:
        """Return the error that a node cannot stream."""
        return NoStreamError(f"{self.name(node)} cannot stream: {why}")

    def value(self, argument: Any) -> Any:
        """Return an argument that does not depend on the input."""
        from torch.fx.node import map_arg

        return map_arg(argument, lambda node: self.known[node])

    def _made(self, node: Any) -> Any:
        """Return the stream or the constant that a node makes."""
        if node.op != "call_function":
            return self._stored(node)
        sources = [self.known[entry] for entry in node.all_input_nodes]
        if node.target is operator.getitem and isinstance(sources[0], Several):
            return self._output_of(node, sources[0])
        if any(isinstance(source, Several) for source in sources):
            raise self.refuse(node, "it reads all outputs of an operator together")
        timed = tuple(source for source in sources if isinstance(source, Timed))
        if not timed:
            return node.target(*self.value(node.args), **self.value(node.kwargs))
        title = title_of(node).removeprefix("aten.").removesuffix("_").removeprefix("_")
        if title in INDEPENDENT:
            return node.target(*self._examples(node.args), **self._examples(node.kwargs))
        rule = RULES.get(title) or (_pointwise if _is_pointwise(node) else None)
        if rule is None:
            raise self.refuse(node, "no rule is known of what it reads along time")
        return rule(self, node, timed)

    def _examples(self, given: Any) -> Any:
        """Return arguments with tensors of the example's shapes, of which no value is read."""
        import torch
        from torch.fx.node import map_arg

        def example(node: Any) -> Any:
            value, known = node.meta["val"], self.known[node]
            return (
                torch.empty(value.shape, dtype=value.dtype, device=value.device)
                if isinstance(known, Timed)
                else known
            )

        return map_arg(given, example)

    def _stored(self, node: Any) -> Any:
        target = self.reader.values.get(node.name)
        program = self.reader.program
        found = program.state_dict.get(target, program.constants.get(target))
        if found is None:
            raise NoStreamError(f"the module has another input, {node.name!r}: a stream has one")
        return found

    def _output_of(self, node: Any, several: Several) -> Timed:
        """Return one of several outputs."""
        index, source = node.args[1], several.source
        if title_of(several.node) in _RECURRENT:
            if index:
                raise self.refuse(several.node, "its last state is used, which is known at the end only")
            return recurrent(self, several.node, node, source)
        call = self.called(several.node)
        step = Pointwise(self.name(several.node), (source.axis,), lambda x: call(x)[index])
        return self.add(node, step, (source,), Fraction(1), source.axis)

    def called(self, node: Any) -> Callable[..., Array]:
        """Return an operator as a function of its streams, in the order in which it names them."""
        from torch.fx.node import map_arg

        target, names = node.target, [n for n in node.all_input_nodes if isinstance(self.known[n], Timed)]
        fixed = {n: v for n in node.all_input_nodes if not isinstance(v := self.known[n], Timed)}
        writes = title_of(node).endswith("_")
        places = [i for i, entry in enumerate(node.args) if entry in names] if len(names) == 1 else []
        kwargs = map_arg(node.kwargs, lambda n: fixed.get(n, n))
        if len(names) == len(places) and not any(n in names for n in kwargs.values()):
            args, place = list(map_arg(node.args, lambda n: fixed.get(n, n))), places[0]

            def alone(x: Array) -> Array:
                given = [*args]
                given[place] = x.clone() if writes else x
                return target(*given, **kwargs)

            return alone

        def several(*parts: Array) -> Array:
            given = fixed | dict(zip(names, parts, strict=True))
            if writes:
                given[node.args[0]] = given[node.args[0]].clone()
            return target(*map_arg(node.args, given.__getitem__), **map_arg(node.kwargs, given.__getitem__))

        return several


Rule = Callable[[Builder, Any, tuple[Timed, ...]], Any]
RULES: dict[str, Rule] = {}

_RECURRENT = ("aten.lstm", "aten.gru", "aten.rnn_tanh", "aten.rnn_relu")


def rule(*titles: str) -> Callable[[Rule], Rule]:
    """Register what operators do along time."""

    def registered(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(titles, function))
        return function

    return registered


def arguments(builder: Builder, node: Any) -> dict[str, Any]:
    """Return the arguments of an operator by name, those that do not depend on the input as values."""
    found = bound(node)
    return {
        name: builder.value(value) if _is_fixed(builder, value) else value for name, value in found.items()
    }


def _is_fixed(builder: Builder, value: Any) -> bool:
    entries = value if isinstance(value, (tuple, list)) else (value,)
    return not any(hasattr(e, "all_input_nodes") and isinstance(builder.known[e], Timed) for e in entries)


def _is_pointwise(node: Any) -> bool:
    import torch

    return torch.Tag.pointwise in getattr(node.target, "tags", ())


def _pointwise(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    """Return what is applied to each number, of one or several streams that are as long."""
    shape = tuple(node.meta["val"].shape)
    behind = {source.ndim - source.axis for source in timed}
    if len(behind) > 1 or len({builder.rates[source.stream] for source in timed}) > 1:
        raise builder.refuse(node, "it joins time with another axis")
    axis = len(shape) - behind.pop()
    for entry in node.all_input_nodes:
        if not isinstance(builder.known[entry], Timed):
            _require_no_time(builder, node, builder.known[entry], len(shape) - axis)
    step = Pointwise(builder.name(node), [source.axis for source in timed], builder.called(node))
    return builder.add(node, step, timed, Fraction(1), axis)


def _require_no_time(builder: Builder, node: Any, fixed: Any, behind: int) -> None:
    """Raise where a constant has a value for each sample."""
    shape = tuple(getattr(fixed, "shape", ()))
    if len(shape) >= behind and shape[-behind] != 1:
        raise builder.refuse(node, f"it reads a constant of {shape[-behind]} samples along time")


def along(builder: Builder, node: Any, timed: tuple[Timed, ...], axis: int, dims: Any = ()) -> Timed:
    """Return what keeps samples apart, as long as it does nothing along the axis of its only stream."""
    source = timed[0]
    if len(timed) > 1:
        raise builder.refuse(node, "it mixes the samples of two streams")
    if source.axis in {dim % source.ndim for dim in dims}:
        raise builder.refuse(node, "it reads all samples along time")
    step = Pointwise(builder.name(node), (source.axis,), builder.called(node))
    return builder.add(node, step, timed, Fraction(1), axis)


def recurrent(builder: Builder, node: Any, output: Any, source: Timed) -> Timed:
    """Return a recurrent layer, which goes on from its state."""
    given, title = bound(node), title_of(node)
    if given["bidirectional"]:
        raise builder.refuse(node, "it is bidirectional and reads the stream from its end")
    if source.axis != (1 if given["batch_first"] else 0):
        raise builder.refuse(node, "it runs along another axis than time")
    begin, rest = builder.value(node.args[1]), builder.value(node.args[2:])
    several = title == "aten.lstm"

    def call(samples: Array, state: Any) -> tuple[Array, Any]:
        found = node.target(samples, begin if state is None else state, *rest, **node.kwargs)
        return found[0], list(found[1:]) if several else found[1]

    step = Carried(builder.name(node), source.axis, call)
    return builder.add(output, step, (source,), Fraction(1), source.axis)


@rule("lstm", "gru", "rnn_tanh", "rnn_relu", "chunk", "split", "split_with_sizes", "unbind", "tensor_split")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Several:
    given = bound(node)
    if "dim" in given and given["dim"] % timed[0].ndim == timed[0].axis:
        raise builder.refuse(node, "it divides the stream along time")
    if "dim" in given and title_of(node) == "aten.unbind":
        raise builder.refuse(node, "it has an output for each entry of an axis")
    return Several(node, timed[0])


@rule("batch_norm", "native_batch_norm_legit_no_training")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    given = arguments(builder, node)
    if given.get("training") or given.get("running_mean") is None:
        raise builder.refuse(node, "its statistics are over time; give it running statistics")
    return along(builder, node, timed, timed[0].axis, (1,))


@rule("group_norm", "instance_norm", "native_group_norm")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    raise builder.refuse(
        node, "its statistics are over time; a causal one, or normalisation of each sample over channels, can"
    )


@rule("layer_norm", "rms_norm", "fused_rms_norm")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, count = timed[0], len(bound(node)["normalized_shape"])
    if source.axis >= source.ndim - count:
        raise builder.refuse(node, "its statistics are over time")
    return along(builder, node, timed, source.axis)


@rule("softmax", "log_softmax", "glu", "softmin")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis, (bound(node)["dim"],))


@rule("sum", "mean", "amax", "amin", "var", "std", "linalg_vector_norm", "norm", "logsumexp", "prod")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    given, source = bound(node), timed[0]
    dims = given.get("dim")
    if dims is None:
        raise builder.refuse(node, "it reads all samples along time")
    gone = {d % source.ndim for d in (dims if isinstance(dims, (tuple, list)) else (dims,))} or {source.axis}
    kept = source.axis if given.get("keepdim") else source.axis - sum(d < source.axis for d in gone)
    return along(builder, node, timed, kept, gone)


@rule("linear")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis, (-1,))


@rule("matmul", "mm", "bmm")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source = timed[0]
    is_first = isinstance(builder.known[node.args[0]], Timed)
    ndim = len(node.meta["val"].shape)
    fixed = builder.known[node.args[1 if is_first else 0]]
    behind = source.ndim - source.axis
    behind -= fixed.ndim == 1 and behind > 1  # a vector takes an axis with it, which is behind time
    axis = ndim - behind
    summed = -1 if is_first or source.ndim == 1 else -2
    return along(builder, node, timed, axis, (summed,))


@rule("dropout", "clone", "contiguous", "detach", "alias", "to", "to_copy", "lift_fresh_copy", "type_as")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis)


@rule("relu6", "selu", "celu", "hardswish", "hardsigmoid", "hardtanh", "log_sigmoid", "rrelu", "softsign")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis)


@rule("prelu")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis, (1,))


@rule("scaled_dot_product_attention")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    raise builder.refuse(node, "attention reads all samples, or all so far; convolutions read a window")


@rule("adaptive_avg_pool1d", "adaptive_max_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool2d")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    raise builder.refuse(node, "its windows depend on the length of the stream")


@rule("embedding")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    return along(builder, node, timed, timed[0].axis)


@rule("cumsum", "cumprod")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, target = timed[0], node.target
    if bound(node)["dim"] % source.ndim != source.axis:
        return along(builder, node, timed, source.axis)
    is_sum, kind = title_of(node) == "aten.cumsum", bound(node).get("dtype")

    def call(samples: Array, state: Any) -> tuple[Array, Any]:
        found = target(samples, source.axis, dtype=kind)
        if state is not None:
            found = found + state if is_sum else found * state
        return found, found.narrow(source.axis, found.shape[source.axis] - 1, 1).clone()

    return builder.add(node, Carried(builder.name(node), source.axis, call), timed, Fraction(1), source.axis)


def reshaped(node: Any, source: Timed) -> tuple[int, int, list[int]] | None:
    """Return the new axis of time, how many units a sample makes, and the new shape; None where time moves.

    Time stays where as many numbers are before it; behind it, axes may be joined to it.
    """
    shape = [int(side) for side in node.meta["val"].shape]
    before = math.prod(source.shape[: source.axis])
    for axis, side in enumerate(shape):
        if math.prod(shape[:axis]) == before and side % source.length == 0 and side:
            shape[axis] = -1
            return axis, side // source.length, shape
    return None
