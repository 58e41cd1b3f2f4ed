r"""Layers that a model spells out operator by operator, found and put together again.

An activation is a function of one tensor, whatever it is written with: what is made of a tensor by pointwise
operators and numbers is computed on a grid and compared with the activations that have names. A
normalisation is :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}` of means along some axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.scaled import Floats

# Where functions are compared, and by how much they may differ: GELU by tanh is GELU.
_GRID = np.linspace(-5, 5, 41)
_ALIKE = 2e-3
# Operators between a tensor and an activation of it, and tensors that it may be one of.
_LONGEST, _MOST_SOURCES = 14, 6


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _erf(x: Floats) -> Floats:
    from scipy.special import erf

    return np.asarray(erf(x))


def _clip(x: Floats, low: float, high: float) -> Floats:
    return np.asarray(np.clip(x, low, high))


# Activations by ONNX's names; that with a logistic function in the place of the normal one is GELU, too.
_NAMED: dict[str, Callable[[Floats], Floats]] = {
    "Gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "Swish": lambda x: x * _logistic(x),
    "Mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "HardSwish": lambda x: x * _clip(x / 6 + 0.5, 0, 1),
    "Relu": lambda x: np.maximum(x, 0),
}

_UNARY: dict[str, Callable[[Floats], Floats]] = {
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "Neg": lambda x: -x,
    "Erf": _erf,
    "Sigmoid": _logistic,
    "Tanh": np.tanh,
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Abs": np.abs,
    "Reciprocal": lambda x: 1 / x,
    "Softplus": lambda x: np.log1p(np.exp(x)),
    "Relu": lambda x: np.maximum(x, 0),
    "QuantizeLinear": lambda x: x,
    "DequantizeLinear": lambda x: x,
}
_ROUNDED = ("QuantizeLinear", "DequantizeLinear")  # a number by its scale and zero point
_BINARY: dict[str, Callable[[Floats, Floats], Floats]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Max": np.maximum,
    "Min": np.minimum,
}


@dataclass(frozen=True)
class _Function:
    """Values of a function of a tensor on the grid, and the places of the nodes that it is written with."""

    values: Floats
    nodes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Written:
    """An operator as it is written: its kind in ONNX's words, its operands, and the first tensor it makes.

    `numbers` holds, for each operand, the number that it is, None of a tensor; `axes` those of a mean.
    """

    kind: str
    inputs: tuple[str, ...]
    made: str
    numbers: tuple[float | None, ...]
    own: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A layer in the place of several operators: an activation's name in ONNX, or "" of a normalisation."""

    source: str
    name: str = ""
    axes: tuple[int, ...] = ()


def activations(operators: Sequence[Written]) -> dict[str, Layer]:
    """Return the activations by the tensors they make, the outermost of those that share operators."""
    found: dict[str, Layer] = {}
    functions: dict[str, dict[str, _Function]] = {}
    with np.errstate(all="ignore"):
        for place, operator in enumerate(operators):
            own = dict(_functions(place, operator, functions))
            named = ((s, _name_of(f)) for s, f in own.items() if len(f.nodes) > 1)
            source, name = next(((s, n) for s, n in named if n), ("", None))
            if name:
                found[operator.made] = Layer(source, name)
            functions[operator.made] = {} if name else own
    return found


def _functions(
    place: int, operator: Written, functions: Mapping[str, Mapping[str, _Function]]
) -> Iterator[tuple[str, _Function]]:
    """Yield (tensor, function of it) of what an operator makes, the nearest tensors first."""
    pairs = list(zip(operator.inputs, operator.numbers, strict=True))
    pairs = pairs[:1] if operator.kind in _ROUNDED else pairs
    tensors = [name for name, number in pairs if number is None]
    if not tensors:
        return
    known = {name: {name: _Function(_GRID), **functions.get(name, {})} for name in set(tensors)}
    shared = [s for s in known[tensors[0]] if all(s in known[name] for name in tensors)]
    for source in shared[:_MOST_SOURCES]:
        parts = [_operand(known.get(name, {}).get(source), number) for name, number in pairs]
        values = _computed(operator, [part.values for part in parts])
        used = frozenset({place}).union(*(part.nodes for part in parts))
        if values is not None and len(used) <= _LONGEST:
            yield source, _Function(values, used)


def _operand(function: _Function | None, number: float | None) -> _Function:
    """Return a function of a tensor, or that of a number."""
    if number is not None:
        return _Function(np.full(_GRID.shape, number))
    assert function is not None  # which all tensors among the operands have
    return function


def _computed(operator: Written, operands: Sequence[Floats]) -> Floats | None:
    """Return what an operator makes of its operands, None of one that is not pointwise."""
    kind, own = operator.kind, operator.own
    if kind in _UNARY and len(operands) == 1:
        return np.asarray(_UNARY[kind](operands[0]))
    if kind in _BINARY and len(operands) == 2:
        return np.asarray(_BINARY[kind](*operands))
    if kind == "HardSigmoid":
        return _clip(own.get("alpha", 0.2) * operands[0] + own.get("beta", 0.5), 0, 1)
    if kind == "Clip":
        low = operands[1][0] if len(operands) > 1 else own.get("min", -np.inf)
        high = operands[2][0] if len(operands) > 2 else own.get("max", np.inf)
        return _clip(operands[0], low, high)
    return None


def _name_of(function: _Function) -> str | None:
    """Return the name of an activation with the values of a function."""
    for name, known in _NAMED.items():
        if np.abs(function.values - known(_GRID)).max() < _ALIKE:
            return name
    quick = _GRID * _logistic(1.702 * _GRID)
    return "Gelu" if np.abs(function.values - quick).max() < _ALIKE else None


def normalisations(operators: Sequence[Written]) -> dict[str, Layer]:
    """Return divisions by the root of a mean of squares, by the tensors they make."""
    makers = {operator.made: operator for operator in operators}

    def maker(name: str, *kinds: str) -> Written | None:
        operator = makers.get(name)
        while operator is not None and operator.kind in ("Cast", "Identity"):
            operator = makers.get(operator.inputs[0])
        return operator if operator is not None and (not kinds or operator.kind in kinds) else None

    found = {}
    for operator in operators:
        for above, root in _roots(operator, maker):
            mean = _mean_of_squares(root, above, maker)
            if mean is not None:
                found[operator.made] = Layer(_centred(above, mean.axes, maker), axes=mean.axes)
    return found


Maker = Callable[..., "Written | None"]


def _roots(operator: Written, maker: Maker) -> Iterator[tuple[str, str]]:
    """Yield (numerator, what the root is taken of) of a division by a root, or a product with its inverse."""
    if len(operator.inputs) != 2:
        return
    first, second = operator.inputs
    if operator.kind == "Div" and (below := _root(second, maker)):
        yield first, below
    for above, other in ((first, second), (second, first)) if operator.kind == "Mul" else ():
        inverse = maker(other, "Reciprocal", "Rsqrt", "Div", "Pow")
        if inverse is None:
            continue
        is_inverse = inverse.kind == "Reciprocal" or (inverse.kind == "Div" and inverse.numbers[0] == 1)
        if inverse.kind == "Rsqrt" or (inverse.kind == "Pow" and inverse.numbers[1] == -0.5):
            yield above, inverse.inputs[0]
        elif is_inverse and (below := _root(inverse.inputs[-1], maker)):
            yield above, below


def _root(name: str, maker: Maker) -> str | None:
    """Return what a tensor is the square root of."""
    root = maker(name, "Sqrt", "Pow")
    is_root = root is not None and (root.kind == "Sqrt" or root.numbers[1] == 0.5)
    return root.inputs[0] if root is not None and is_root else None


def _mean_of_squares(name: str, above: str, maker: Maker) -> Written | None:
    """Return the mean whose sum with a small number this is, if it is that of the numerator's squares."""
    total = maker(name, "Add", "ReduceMean")
    if total is not None and total.kind == "Add":
        others = [n for n, number in zip(total.inputs, total.numbers, strict=True) if number is None]
        total = maker(others[0], "ReduceMean") if len(others) == 1 else None
    square = None if total is None else maker(total.inputs[0], "Mul", "Pow")
    if square is None:
        return None
    is_square = square.numbers[1] == 2 if square.kind == "Pow" else len(set(square.inputs)) == 1
    return total if is_square and _plain(square.inputs[0], maker) == _plain(above, maker) else None


def _plain(name: str, maker: Maker) -> str:
    """Return the tensor behind casts, a difference by what it is of."""
    operator = maker(name)
    if operator is not None and operator.kind == "Sub":
        return " - ".join(operator.inputs)
    return name if operator is None else operator.made


def _centred(name: str, axes: tuple[int, ...], maker: Maker) -> str:
    """Return the tensor of which the numerator is the difference from its mean; itself where it is none."""
    difference = maker(name, "Sub")
    mean = None if difference is None else maker(difference.inputs[1], "ReduceMean")
    return difference.inputs[0] if difference is not None and mean is not None and mean.axes == axes else name
