"""Masks that are constants: the side of itself on which an entry of a matrix of scores is left out.

Row i of scores belongs to a query, column j to a key. Where all j > i are masked a query reads the keys
before it, and itself, alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .axes import owners
from .ir import Constant, Operator, Tensor

# What scores are filled with, or have added, that counts as never chosen by a softmax.
_NEVER = -1e4


def side_read(masked: Any) -> str | None:
    """Return the side that queries read by a mask of what they do not, None where it is on no side alone.

    >>> side_read(np.triu(np.ones((3, 3)), 1)), side_read(np.eye(3))
    ('before', None)
    """
    flags = np.asarray(masked).astype(bool)
    if flags.ndim < 2 or flags.shape[-1] != flags.shape[-2] or flags.shape[-1] < 2:
        return None
    above = np.triu(np.ones(flags.shape[-2:], dtype=bool), 1)
    for side, beyond in (("before", above), ("after", above.T)):
        if flags[..., beyond].all():
            return side
    return None


def side_attended(mask: Any) -> str | None:
    """Return the side that queries attend to by a constant: what is true is read, or numbers are added."""
    value = mask.load() if isinstance(mask, Constant) else None
    if value is None:
        return None
    value = np.asarray(value)
    return side_read(~value if value.dtype == bool else value <= _NEVER)


def side_of(op: Operator) -> str:
    """Return the side that what an operator makes reads along its last axis, seen from the one before."""
    if op.kind == "normalise":
        tensor = op.tensors[0]
        return tensor.masked if _is_last(op, tensor) else ""
    if op.kind not in ("join", "pointwise"):
        return ""
    known = next((tensor.masked for tensor in op.tensors if tensor.masked), "")
    if known or op.kind == "pointwise" or len(op.tensors) != 1 or not _are_alike(op.tensors[0]):
        return known
    return (_made_of(op) or "") if op.options["combine"] in ("sum", "choice", "product") else ""


def is_softmax_of_keys(op: Operator) -> bool:
    """Whether an operator normalises masked scores as they depend on the keys."""
    tensor = op.tensors[0] if op.kind == "normalise" and len(op.tensors) == 1 else None
    if tensor is None or not tensor.masked or tensor.also or tensor.layout is None:
        return False
    return _is_last(op, tensor) and bool(tensor.axes[-1])


def _is_last(op: Operator, tensor: Tensor) -> bool:
    rank = len(tensor.layout or ())
    return rank > 1 and [axis % rank for axis in op.options["axes"]] == [rank - 1]


def _are_alike(tensor: Tensor) -> bool:
    """Whether rows and columns of scores are the same positions."""
    if any(part.layout is None or len(part.layout) < 2 for part in tensor.parts):
        return False
    rows = {part.runs[-2] for part in tensor.parts if owners(part.runs[-2])}
    return len(rows) == 1 and rows == {part.runs[-1] for part in tensor.parts if owners(part.runs[-1])}


def _made_of(op: Operator) -> str | None:
    """Return the side by the constant that is joined to scores."""
    constants = [x.load() for x in op.inputs if isinstance(x, Constant) and x.shape and len(x.shape) > 1]
    if len(constants) != 1 or constants[0] is None:
        return None
    mask, how = np.asarray(constants[0]), op.options["combine"]
    if how == "sum":
        return side_read(mask <= _NEVER)
    if how == "product":
        return side_read(mask == 0)
    filled = op.get("filled")
    if filled is None or filled[1] > _NEVER or mask.dtype != bool:
        return None
    return side_read(mask if filled[0] else ~mask)
