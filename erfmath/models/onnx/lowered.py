"""Operators of ONNX files that stand for several plain ones, written out as those.

Quantised operators become a dequantisation of their operands, the plain operator, and a quantisation of what
it makes, so that a network has one meaning however its quantiser writes it; fused ones become their parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .writer import Writer

if TYPE_CHECKING:
    from .folding import Folding

# What writes out an operator; it returns False where there is nothing to write out.
Way = Callable[[Writer], bool | None]
WAYS: dict[str, Way] = {}
MICROSOFT = "com.microsoft"


def writes(*names: str) -> Callable[[Way], Way]:
    """Return a decorator of what writes out operators of some names, "domain.Name" or "Name"."""

    def keep(way: Way) -> Way:
        WAYS.update(dict.fromkeys(names, way))
        return way

    return keep


def lowered(node: Any, folding: Folding) -> list[Any] | None:
    """Return the plain nodes that a node stands for; None of a plain one."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    way = WAYS.get(f"{domain}.{node.op_type}" if domain else node.op_type)
    if way is None:
        return None
    writer = Writer(node, folding)
    return None if way(writer) is False else writer.nodes
