"""The nodes of an ONNX model in the order of the data, local functions written out."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

CONTROL = ("If", "Loop", "Scan", "SequenceMap")

# What a file may grow to by its local functions: each use of a function is written out.
_MOST_NODES = 10**6
_DEEPEST = 100
# What is raised by values of the wrong kind: those of a damaged file, which have no schema.
_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError)


def flat(model: Any) -> Any:
    """Return a model with its local functions written out.

    Raises
    ------
    ValueError
        If functions call one another in a ring, or would become too many nodes.
    """
    from onnx import inliner

    if not len(model.functions):
        return model
    count = sum(_Sizes(model.functions).of(node) for node in model.graph.node)
    if count > _MOST_NODES:
        raise ValueError(
            f"the model has {count} nodes once its functions are written out, and at most {_MOST_NODES} are "
            "read"
        )
    return inliner.inline_local_functions(model)


class _Sizes:
    """How many nodes each local function stands for."""

    def __init__(self, functions: Sequence[Any]) -> None:
        self.functions = {(function.domain, function.name): function for function in functions}
        self.sizes: dict[tuple[str, str], int] = {}
        self.open: set[tuple[str, str]] = set()

    def of(self, node: Any) -> int:
        """Return how many nodes a node stands for, those in its branches included."""
        return self._of_call((node.domain, node.op_type)) + sum(
            self.of(inner) for graph in subgraphs(node) for inner in graph.node
        )

    def _of_call(self, key: tuple[str, str]) -> int:
        if key not in self.functions:
            return 1
        if key in self.open:
            raise ValueError(f"the model's function {key[1]!r} calls itself; the file is damaged")
        if len(self.open) >= _DEEPEST:
            raise ValueError(f"the model's functions call one another more than {_DEEPEST} deep")
        if key not in self.sizes:
            self.open.add(key)
            self.sizes[key] = sum(map(self.of, self.functions[key].node))
            self.open.remove(key)
        return self.sizes[key]


def ordered(nodes: Sequence[Any]) -> list[Any]:
    """Return nodes so that each comes after those whose tensors it reads, else in their own order.

    Raises
    ------
    ValueError
        If a tensor is made twice, or nodes read one another in a ring.
    """
    makers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in makers:
                raise ValueError(f"the model makes the tensor {name!r} twice; the file is damaged")
            makers[name] = place
    sources = [{makers[name] for name in reads(node) if name in makers} for node in nodes]
    if all(not own or max(own) < place for place, own in enumerate(sources)):
        return list(nodes)
    found = _sorted(sources)
    if len(found) < len(nodes):
        left = sorted(set(range(len(nodes))).difference(found))
        names = ", ".join(repr(called(nodes[place])) for place in left[:3])
        raise ValueError(f"the model's nodes {names} read one another in a ring; the file is damaged")
    return [nodes[place] for place in found]


def _sorted(sources: Sequence[set[int]]) -> list[int]:
    """Return the places of nodes in order, without those of rings and behind them."""
    readers: list[list[int]] = [[] for _ in sources]
    for place, own in enumerate(sources):
        for source in own:
            readers[source].append(place)
    missing = [len(own) for own in sources]
    ready, found = [place for place, count in enumerate(missing) if not count], []
    while ready:
        place = heapq.heappop(ready)
        found.append(place)
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    return found


def reads(node: Any) -> Iterator[str]:
    """Yield the tensors that a node reads, those that its branches read from around it included."""
    yield from filter(None, node.input)
    yield from captured(node)


def captured(node: Any) -> Iterator[str]:
    """Yield the tensors that the subgraphs of a node read from around it."""
    for graph in subgraphs(node):
        own = {name for inner in graph.node for name in inner.output}
        own.update(entry.name for entry in (*graph.input, *graph.initializer))
        for inner in graph.node:
            yield from (name for name in reads(inner) if name not in own)
        yield from (entry.name for entry in graph.output if entry.name not in own)


def subgraphs(node: Any) -> list[Any]:
    """Return the branches or the body of a node."""
    return [entry.g for entry in node.attribute if entry.HasField("g")]


def renamed(node: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of a node in which tensors have other names."""
    copy = type(node)()
    copy.CopyFrom(node)
    copy.name = names.get("", "") + called(node)
    copy.input[:] = [names.get(name, name) if name else "" for name in node.input]
    copy.output[:] = [names.get(name, name) if name else "" for name in node.output]
    for graph in subgraphs(copy):
        inner = [renamed(entry, {**names, "": ""}) for entry in graph.node]
        del graph.node[:]
        graph.node.extend(inner)
        for entry in graph.output:
            entry.name = names.get(entry.name, entry.name)
    return copy


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name."""
    import onnx

    found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    return {k: v.decode(errors="replace") if isinstance(v, bytes) else v for k, v in found.items()}


def takes_channels_last(node: Any) -> bool:
    """Return whether a node is one of onnxruntime's whose tensors have their channels last."""
    is_named = node.op_type.startswith("Nhwc") or node.domain.endswith(".nhwc")
    return is_named or bool(node.domain and attributes(node).get("channels_last"))


@contextlib.contextmanager
def as_damaged(node: Any) -> Iterator[None]:
    """Name a node whose attributes or operands are such as no exporter writes, whatever stumbles there."""
    try:
        yield
    except _STUMBLES as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ValueError(
            f"{node.op_type} {called(node)!r} has attributes or operands that it cannot have ({reason:.80}); "
            "the file may be damaged"
        ) from error


def named(words: str) -> frozenset[str]:
    """Return the names of operators in a text."""
    return frozenset(words.split())


def called(node: Any) -> str:
    """Return what to call a node: its name, or its first output."""
    return str(node.name or next(iter(node.output), ""))
