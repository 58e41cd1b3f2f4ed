"""Plain ONNX nodes, written in place of what stands for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .graph import attributes, called

if TYPE_CHECKING:
    from .folding import Folding

_AXES_ARE_INPUTS = 13  # the version from which Unsqueeze, Squeeze and Split take their lists as inputs


class Writer:
    """The plain nodes that a node stands for; the last one gets its name.

    Parameters
    ----------
    node
        The node that they stand for.
    folding
        What knows the shapes and constants of its operands.
    """

    def __init__(self, node: Any, folding: Folding) -> None:
        self.node, self.folding = node, folding
        self.own = attributes(node)
        self.nodes: list[Any] = []

    def __call__(self, kind: str, *inputs: str, output: str = "", **given: Any) -> str:
        """Write a node of one output and return the output's name, a new one where none is given."""
        return self.several(kind, inputs, [output or self.fresh()], **given)[0]

    def several(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **given: Any) -> list[str]:
        """Write a node of some outputs."""
        from onnx import helper

        is_last = any(name in self.node.output for name in outputs)
        name = called(self.node) if is_last else outputs[0]
        known = {key: value for key, value in given.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=name, **known))
        return list(outputs)

    def fresh(self) -> str:
        """Return a new name, which tells whose it is."""
        first = next(filter(None, self.node.output), called(self.node))
        return f"{first}~{next(self.folding.numbers)}"

    def constant(self, value: Any) -> str:
        """Return the name of a constant of a value."""
        name = self.fresh()
        self.folding.give(name, np.asarray(value))
        return name

    def listed(self, kind: str, source: str, key: str, values: Sequence[int], output: str = "") -> str:
        """Write a node with a list that is an attribute or, in newer versions, an input."""
        if self.folding.versions.get("", 1) < _AXES_ARE_INPUTS:
            return self(kind, source, output=output, **{key: list(values)})
        return self(kind, source, self.constant(np.array(values, dtype=np.int64)), output=output)

    def split(self, source: str, axis: int, parts: Sequence[int], outputs: Sequence[str]) -> list[str]:
        """Write a split into parts of given sides."""
        if self.folding.versions.get("", 1) < _AXES_ARE_INPUTS:
            return self.several("Split", [source], outputs, axis=axis, split=list(parts))
        sides = self.constant(np.array(parts, dtype=np.int64))
        return self.several("Split", [source, sides], outputs, axis=axis)

    def channels_last(
        self, kind: str, operands: Sequence[str], own: Mapping[str, Any], output: str = ""
    ) -> str:
        """Write an operator between transpositions, as its tensors have their channels last."""
        rank = self.rank() or 4
        first = self("Transpose", operands[0], perm=[0, rank - 1, *range(1, rank - 1)])
        made = self(kind, first, *operands[1:], **own)
        return self("Transpose", made, output=output, perm=[0, *range(2, rank), 1])

    def renamed(self, source: str, output: str) -> None:
        """Write a tensor under another name."""
        if output:
            self("Identity", source, output=output)

    def input(self, index: int) -> str:
        """Return the name of an operand, "" where it is left out."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def output(self, index: int = 0) -> str:
        """Return the name of an output, "" where nobody asks for it."""
        return self.node.output[index] if index < len(self.node.output) else ""

    def rank(self, index: int = 0) -> int | None:
        """Return the number of axes of an operand, None where it is unknown."""
        shape = self.folding.shape(self.input(index))
        return None if shape is None else len(shape)
