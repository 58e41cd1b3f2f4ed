"""What operators of a model compute: multiply-accumulates, reckoned from the shapes of their operands."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from .ir import Operator, Shape

Counted = Callable[[Operator], int]


class _UnknownError(Exception):
    """Raised where a shape that counts is not known."""


def macs_of(op: Operator) -> int | None:
    r"""Return the multiply-accumulates of an operator, None where a shape is not known.

    A product of matrices of :math:`m \times k` and :math:`k \times n` values takes :math:`m k n`, a
    convolution as many as its weights for each position, and normalisation by a scale and a shift one for
    each value. Whatever else acts value by value, pools, looks up or moves takes none.

    Examples
    --------
    >>> from erfmath.models.ir import Constant
    >>> x, w = Constant((1, 3, 32, 32)), Constant((64, 3, 7, 7))
    >>> macs_of(Operator("conv", "Conv", "c", (x, w), shapes=((1, 64, 16, 16),))) == 64 * 3 * 49 * 16**2
    True
    """
    count = _COUNTED.get(op.kind or "")
    if count is None:
        return 0
    try:
        return count(op)
    except _UnknownError:
        return None


def _shape(op: Operator, index: int) -> tuple[int, ...]:
    """Return the shape of an operand."""
    entry = op.inputs[index] if index < len(op.inputs) else None
    return _known(None if entry is None else entry.shape)


def _known(shape: Shape | None) -> tuple[int, ...]:
    """Return a shape without open sides."""
    if shape is None or None in shape:
        raise _UnknownError
    return tuple(side for side in shape if side is not None)


def _made(op: Operator) -> tuple[int, ...]:
    return _known(op.shapes[0] if op.shapes else None)


def _convolution(op: Operator) -> int:
    weights = _shape(op, 1)
    return math.prod(weights) * math.prod(_made(op)) // max(weights[0], 1)


def _transposed(op: Operator) -> int:
    weights = _shape(op, 1)
    return math.prod(weights) * math.prod(_shape(op, 0)) // max(weights[0], 1)


def _linear(op: Operator) -> int:
    return math.prod(_shape(op, 0)) * _shape(op, 1)[0]


def _product(op: Operator) -> int:
    return math.prod(_made(op)) * _shape(op, 0)[-1]


def _general(op: Operator) -> int:
    return math.prod(_made(op)) * _shape(op, 0)[0 if op.get("transposed") else -1]


def _attention(op: Operator) -> int:
    """Return those of queries with keys, and of their weights with values."""
    queries, keys, values = (_shape(op, index) for index in range(3))
    return math.prod(queries[:-1]) * keys[-2] * (queries[-1] + values[-1])


def _recurrence(op: Operator) -> int:
    """Return those of the matrices of all directions and gates at every step."""
    given = op.inputs[1:3] if op.get("is_onnx") else op.inputs[1:]
    shapes = [_known(entry.shape) for entry in given if entry is not None]
    matrices = shapes if op.get("is_onnx") else [shape for shape in shapes if len(shape) == 2]
    return sum(map(math.prod, matrices)) * math.prod(_shape(op, 0)[:-1])


def _normalisation(op: Operator) -> int:
    return math.prod(_made(op)) if "norm" in op.title.lower() else 0


def _sum_of_products(op: Operator) -> int:
    """Return the product of all indices of an Einstein sum, whose letters name the axes."""
    terms = re.sub(r"\s|->.*", "", str(op.get("equation"))).split(",")
    sides: dict[str, int] = {}
    for index, term in enumerate(terms):
        if "." in term or len(term) != len(_shape(op, index)):
            raise _UnknownError
        _widen(sides, term, _shape(op, index))
    return math.prod(sides.values()) if len(terms) > 1 else 0


def _widen(sides: dict[str, int], letters: str, shape: Sequence[int]) -> None:
    """Take the sides of an operand; one of 1 is repeated along those of others."""
    for letter, side in zip(letters, shape, strict=True):
        sides[letter] = max(side, sides.get(letter, 1))


_COUNTED: dict[str, Counted] = {
    "conv": _convolution,
    "conv_transpose": _transposed,
    "linear": _linear,
    "matmul": _product,
    "gemm": _general,
    "attention": _attention,
    "recurrence": _recurrence,
    "batch_norm": _normalisation,
    "normalise": _normalisation,
    "einsum": _sum_of_products,
}
