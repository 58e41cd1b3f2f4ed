"""Control flow of ONNX models that is constant: branches inlined, loops unrolled, sequences written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .graph import CONTROL, attributes, called, named, ordered, reads, renamed, subgraphs
from .writer import Writer

if TYPE_CHECKING:
    from .folding import Folding

_SEQUENCES = named(
    """
    ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct
    SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence
    """
)


class Control:
    """The control flow of a model, and its sequences: each is the list of its tensors' names."""

    def __init__(self, folding: Folding) -> None:
        self.folding = folding
        self.sequences: dict[str, list[str]] = {}

    def is_for(self, node: Any) -> bool:
        """Return whether a node is control flow, or deals with sequences."""
        if node.op_type in self.folding.plain:
            return False
        is_sequence = node.op_type in _SEQUENCES or any(name in self.sequences for name in node.input)
        return node.domain in ("", "ai.onnx") and (node.op_type in CONTROL or is_sequence)

    def has(self, name: str) -> bool:
        """Return whether a name is that of a sequence."""
        return name in self.sequences

    def written_out(self, node: Any) -> Iterator[Any]:
        """Yield the plain nodes that a node stands for."""
        ways = {"If": self._branch, "Loop": self._loop, "Scan": self._scan}
        if node.op_type in ways:
            yield from ways[node.op_type](node)
        elif node.op_type in _SEQUENCES:
            yield from self._sequence(node)
        elif node.op_type == "Identity":
            self.sequences[node.output[0]] = self.sequences[node.input[0]]
        else:
            raise self._error(node, "is control flow over a sequence, which is not read")

    def _error(self, node: Any, problem: str) -> ValueError:
        return ValueError(f"{node.op_type} {called(node)!r} {problem}; stop before it with output=")

    # Branches.

    def _branch(self, node: Any) -> Iterator[Any]:
        """Yield the nodes of the branch that a constant condition chooses."""
        condition = node.input[0]
        value = self.folding.value(condition)
        if value is None:
            raise self._error(node, f"is control flow: {self._open(condition, 'its condition')}")
        name = "then_branch" if np.all(value) else "else_branch"
        graph = next((entry.g for entry in node.attribute if entry.name == name), None)
        if graph is None or len(graph.output) != len(node.output):
            raise self._error(node, f"has no {name} of as many outputs; the file is damaged")
        names = self._own_names(node, graph)
        yield from self._body(node, graph, names)
        yield from self._passed([names.get(entry.name, entry.name) for entry in graph.output], node.output)

    def _open(self, name: str, what: str) -> str:
        """Return why a value is not known."""
        inputs = self.folding.open
        if name in self.folding.live:
            return f"{what} {name!r} is computed from the input"
        return f"{what} {name!r} is not known" + (
            f"; give the value of another input by values, such as values={{{inputs[0]!r}: 1}}"
            if inputs
            else ""
        )

    def _body(self, node: Any, graph: Any, names: Mapping[str, str]) -> Iterator[Any]:
        """Yield the nodes of a graph within a node, its tensors under names of their own."""
        self.folding.count(node, len(graph.node) + 1)
        for tensor in graph.initializer:
            self.folding.store(names[tensor.name], tensor)
        needed = _needed(graph)
        yield from self.folding.walk(ordered([renamed(inner, names) for inner in needed]))

    def _own_names(self, node: Any, graph: Any) -> dict[str, str]:
        """Return names of a graph's own tensors that no other has; "" has what goes before those of nodes."""
        prefix = f"{called(node)}.{next(self.folding.numbers)}/"
        own = [name for inner in graph.node for name in inner.output if name]
        own += [entry.name for entry in (*graph.input, *graph.initializer)]
        return {name: prefix + name for name in own} | {"": prefix}

    def _passed(self, sources: Sequence[str], names: Sequence[str]) -> Iterator[Any]:
        """Yield nodes that give tensors, or sequences, other names."""
        from onnx import helper

        for source, name in zip(sources, names, strict=True):
            if not name:
                continue
            if source in self.sequences:
                self.sequences[name] = self.sequences[source]
            else:
                yield from self.folding.walk([helper.make_node("Identity", [source], [name], name=name)])

    # Loops.

    def _loop(self, node: Any) -> Iterator[Any]:
        """Yield the bodies of a loop one after the other, while a constant condition holds."""
        graph = next((entry for entry in subgraphs(node)), None)
        count, condition, *carried = [*node.input, "", ""][: max(2, len(node.input))]
        if graph is None or len(graph.input) != 2 + len(carried):
            raise self._error(node, "is control flow whose body has other inputs; the file is damaged")
        most = self._number(node, count, "its count") if count else None
        holds = self._number(node, condition, "its condition") if condition else 1
        scanned: list[list[str]] = [[] for _ in graph.output[1 + len(carried) :]]
        step = 0
        while holds and (most is None or step < most):
            names = self._own_names(node, graph)
            yield from self._entered(graph, names, step, condition, carried)
            yield from self._body(node, graph, names)
            made = [names.get(entry.name, entry.name) for entry in graph.output]
            holds = self._number(node, made[0], "its condition")
            carried, step = made[1 : 1 + len(carried)], step + 1
            for found, name in zip(scanned, made[1 + len(carried) :], strict=True):
                found.append(name)
        yield from self._passed(carried, node.output[: len(carried)])
        for found, name in zip(scanned, node.output[len(carried) :], strict=False):
            yield from self._stacked(node, found, name, 0)

    def _entered(
        self, graph: Any, names: Mapping[str, str], step: int, condition: str, carried: Sequence[str]
    ) -> Iterator[Any]:
        """Yield what hands a loop's count and tensors to its body."""
        own = [names[entry.name] for entry in graph.input]
        self.folding.give(own[0], np.array(step, dtype=np.int64))
        self.folding.give(own[1], np.array(True))
        yield from self._passed(carried, own[2:])

    def _scan(self, node: Any) -> Iterator[Any]:
        """Yield the bodies of a scan, each with the next entry of the tensors that it goes through."""
        own, graph = attributes(node), next((entry for entry in subgraphs(node)), None)
        count = own.get("num_scan_inputs", 0)
        if graph is None or not 0 < count <= len(node.input) or len(graph.input) != len(node.input):
            raise self._error(node, "is control flow whose body has other inputs; the file is damaged")
        states, through = list(node.input[:-count]), list(node.input[-count:])
        axes = own.get("scan_input_axes") or [0] * count
        length = self._length(node, through[0], axes[0])
        turned = own.get("scan_input_directions") or [0] * count
        scanned: list[list[str]] = [[] for _ in graph.output[len(states) :]]
        for step in range(length):
            names = self._own_names(node, graph)
            inner = [names[entry.name] for entry in graph.input]
            yield from self._passed(states, inner[: len(states)])
            for tensor, name, axis, is_back in zip(through, inner[len(states) :], axes, turned, strict=True):
                place = length - 1 - step if is_back else step
                yield from self._taken(node, tensor, name, axis, place)
            yield from self._body(node, graph, names)
            made = [names.get(entry.name, entry.name) for entry in graph.output]
            states = made[: len(states)]
            for found, name in zip(scanned, made[len(states) :], strict=True):
                found.append(name)
        yield from self._passed(states, node.output[: len(states)])
        back = own.get("scan_output_directions") or [0] * len(scanned)
        out = own.get("scan_output_axes") or [0] * len(scanned)
        for found, name, axis, is_back in zip(scanned, node.output[len(states) :], out, back, strict=False):
            yield from self._stacked(node, found[::-1] if is_back else found, name, axis)

    def _length(self, node: Any, name: str, axis: int) -> int:
        shape = self.folding.shape(name)
        side = shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None
        if side is None:
            raise self._error(node, "is control flow over an axis of unknown length")
        return side

    def _taken(self, node: Any, tensor: str, name: str, axis: int, place: int) -> Iterator[Any]:
        """Yield the node that takes an entry of an axis."""
        write = Writer(node, self.folding)
        write("Gather", tensor, write.constant(np.array(place, dtype=np.int64)), output=name, axis=axis)
        yield from self.folding.walk(write.nodes)

    def _number(self, node: Any, name: str, what: str) -> int:
        """Return the value of a count or a condition."""
        value = self.folding.value(name)
        if value is None or np.size(value) != 1:
            raise self._error(node, f"is control flow: {self._open(name, what)}")
        return int(np.reshape(value, ()))

    def _stacked(self, node: Any, names: Sequence[str], name: str, axis: int) -> Iterator[Any]:
        """Yield what puts tensors side by side along a new axis."""
        if name:
            yield from self._joined(node, names, name, axis, is_new=True)

    # Sequences.

    def _sequence(self, node: Any) -> Iterator[Any]:
        """Yield what a node of sequences does to tensors."""
        first = self.sequences.get(node.input[0]) if node.input else None
        ways = {
            "ConcatFromSequence": self._concatenated,
            "SequenceAt": self._entry,
            "SplitToSequence": self._split,
        }
        if node.op_type in ways:
            yield from ways[node.op_type](node)
        elif node.op_type == "SequenceLength" and first is not None:
            self.folding.give(node.output[0], np.array(len(first), dtype=np.int64))
        elif node.op_type in ("SequenceEmpty", "SequenceConstruct"):
            self.sequences[node.output[0]] = list(node.input)
        elif node.op_type in ("SequenceInsert", "SequenceErase") and first is not None:
            self.sequences[node.output[0]] = self._changed(node, first)
        elif node.op_type == "OptionalHasElement":
            self.folding.give(node.output[0], np.array(bool(node.input)))
        elif node.op_type in ("Optional", "OptionalGetElement") and node.input:
            yield from self._passed(node.input[:1], node.output[:1])
        else:
            raise self._error(node, "deals with a sequence that is not known")

    def _changed(self, node: Any, entries: list[str]) -> list[str]:
        """Return a sequence with an entry put in or taken out."""
        is_insert = node.op_type == "SequenceInsert"
        places = node.input[2:] if is_insert else node.input[1:]
        end = len(entries) if is_insert else -1
        place = self._number(node, places[0], "its place") if places else end
        found = list(entries)
        if not -len(found) <= place < len(found) + is_insert:
            raise self._error(node, f"has no place {place} in a sequence of {len(found)}")
        if is_insert:
            found.insert(place if place >= 0 else len(found) + place, node.input[1])
        else:
            del found[place]
        return found

    def _entry(self, node: Any) -> Iterator[Any]:
        """Yield the entry of a sequence."""
        entries = self.sequences.get(node.input[0])
        place = self._number(node, node.input[1], "its place")
        if entries is None or not -len(entries) <= place < len(entries):
            raise self._error(node, f"takes the entry {place} of a sequence that is not so long")
        yield from self._passed([entries[place]], node.output)

    def _split(self, node: Any) -> Iterator[Any]:
        """Yield the split of a tensor into a sequence."""
        own = attributes(node)
        axis, keeps = own.get("axis", 0), own.get("keepdims", 1)
        side = self._length(node, node.input[0], axis)
        parts = self._parts(node, side)
        names = [f"{node.output[0]}.{i}" for i in range(len(parts))]
        self.folding.count(node, len(parts))
        self.sequences[node.output[0]] = names
        if len(node.input) < 2 and not keeps:
            for place, name in enumerate(names):
                yield from self._taken(node, node.input[0], name, axis, place)
            return
        write = Writer(node, self.folding)
        write.split(node.input[0], axis, parts, names)
        yield from self.folding.walk(write.nodes)

    def _parts(self, node: Any, side: int) -> list[int]:
        """Return the sides of the parts of a split."""
        if len(node.input) < 2:
            return [1] * side
        value = self.folding.value(node.input[1])
        if value is None:
            raise self._error(node, self._open(node.input[1], "splits by parts that are not known:"))
        if np.ndim(value):
            return [int(part) for part in value]
        part = max(1, int(value))
        return [min(part, side - start) for start in range(0, side, part)]

    def _concatenated(self, node: Any) -> Iterator[Any]:
        """Yield the concatenation of a sequence."""
        own = attributes(node)
        entries = self.sequences.get(node.input[0])
        if entries is None:
            raise self._error(node, "joins a sequence that is not known")
        yield from self._joined(node, entries, node.output[0], own["axis"], bool(own.get("new_axis")))

    def _joined(self, node: Any, entries: Sequence[str], name: str, axis: int, is_new: bool) -> Iterator[Any]:
        """Yield what joins tensors along an axis, which may be a new one."""
        if not entries:
            raise self._error(node, "joins no tensors")
        write = Writer(node, self.folding)
        if is_new:
            entries = [write.listed("Unsqueeze", entry, "axes", [axis]) for entry in entries]
        write("Concat", *entries, output=name, axis=axis)
        yield from self.folding.walk(write.nodes)


def _needed(graph: Any) -> list[Any]:
    """Return the nodes of a graph that its outputs depend on."""
    makers = {name: node for node in graph.node for name in node.output if name}
    seen: set[str] = set()
    stack = [entry.name for entry in graph.output]
    while stack:
        name = stack.pop()
        if name in makers and name not in seen:
            node = makers[name]
            seen.update(filter(None, node.output))
            stack += reads(node)
    return [node for node in graph.node if not seen.isdisjoint(node.output)]
