r"""Layers that a file spells out operator by operator, found and put together again.

An activation is a function of one tensor, whatever it is written with: what is made of a tensor by pointwise
operators and numbers is computed on a grid and compared with the activations that have names. A
normalisation is :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}` of means along some axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.scaled import Floats
from .graph import attributes, called

if TYPE_CHECKING:
    from .folding import Folding

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


@dataclass
class Patterns:
    """What replaces nodes: a node by the name of its first output, and the names of those that go."""

    replaced: dict[str, Any] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def of(self, node: Any) -> Any | None:
        """Return what runs in the place of a node, None where nothing does."""
        name = next(filter(None, node.output), "")
        return None if name in self.gone else self.replaced.get(name, node)


def patterns(nodes: Sequence[Any], folding: Folding, kept: str) -> Patterns:
    """Return the layers that nodes in the order of the data spell out; `kept` is read from outside."""
    found = Patterns()
    _rectifiers(nodes, folding, found)
    _normalisations(nodes, folding, found)
    with np.errstate(all="ignore"):
        _activations(nodes, folding, found)
    if found.replaced:
        _drop(nodes, found, kept)
    return found


def _activations(nodes: Sequence[Any], folding: Folding, found: Patterns) -> None:
    """Find the activations, the outermost of those that share operators."""
    from onnx import helper

    functions: dict[str, dict[str, _Function]] = {}
    for place, node in enumerate(nodes):
        if len(node.output) != 1:
            continue
        made = node.output[0]
        functions[made] = dict(_functions(place, found.of(node) or node, functions, folding))
        for source, function in functions[made].items():
            name = _name_of(function) if len(function.nodes) > 1 else None
            if name:
                found.replaced[made] = helper.make_node(name, [source], [made], name=called(node))
                functions[made] = {}
                break


def _functions(
    place: int, node: Any, functions: Mapping[str, Mapping[str, _Function]], folding: Folding
) -> Iterator[tuple[str, _Function]]:
    """Yield (tensor, function of it) of what a node makes, the nearest tensors first."""
    operands = [name for name in node.input if name]
    if node.op_type in _ROUNDED:
        operands = operands[:1]
    constants = {name: _number(folding, name) for name in operands}
    tensors = [name for name in operands if constants[name] is None]
    if not tensors:
        return
    known = {name: {name: _Function(_GRID), **functions.get(name, {})} for name in set(tensors)}
    shared = [s for s in known[tensors[0]] if all(s in known[name] for name in tensors)]
    for source in shared[:_MOST_SOURCES]:
        parts = [_operand(known.get(name, {}).get(source), constants[name]) for name in operands]
        values = _computed(node, [part.values for part in parts])
        used = frozenset({place}).union(*(part.nodes for part in parts))
        if values is not None and len(used) <= _LONGEST:
            yield source, _Function(values, used)


def _operand(function: _Function | None, number: float | None) -> _Function:
    """Return a function of a tensor, or that of a number."""
    if number is not None:
        return _Function(np.full(_GRID.shape, number))
    assert function is not None  # which all tensors among the operands have
    return function


def _computed(node: Any, operands: Sequence[Floats]) -> Floats | None:
    """Return what an operator makes of its operands, None of one that is not pointwise."""
    kind, own = node.op_type, attributes(node)
    if node.domain not in ("", "ai.onnx"):
        return None
    if kind in _UNARY and len(operands) == 1:
        return np.asarray(_UNARY[kind](operands[0]))
    if kind in _BINARY and len(operands) == 2:
        return np.asarray(_BINARY[kind](*operands))
    if kind == "HardSigmoid":
        return _clip(own.get("alpha", 0.2) * operands[0] + own.get("beta", 0.5), 0, 1)
    if kind == "Clip":
        low = operands[1][0] if len(operands) > 1 else own.get("min", -np.inf)
        high = operands[2][0] if len(operands) > 2 else own.get("max", np.inf)
        return _clip(operands[0], low, high) if len(node.input) < 2 or node.input[1] else None
    return None


def _name_of(function: _Function) -> str | None:
    """Return the name of an activation with the values of a function."""
    for name, known in _NAMED.items():
        if np.abs(function.values - known(_GRID)).max() < _ALIKE:
            return name
    quick = _GRID * _logistic(1.702 * _GRID)
    return "Gelu" if np.abs(function.values - quick).max() < _ALIKE else None


def _number(folding: Folding, name: str) -> float | None:
    """Return a constant of a single number, None of another tensor."""
    value = folding.value(name)
    if value is None or np.size(value) != 1 or np.asarray(value).dtype.kind not in "fiu":
        return None
    return float(np.asarray(value).ravel()[0])


def _normalisations(nodes: Sequence[Any], folding: Folding, found: Patterns) -> None:
    """Find divisions by the root of a mean of squares."""
    from onnx import helper

    makers = {name: node for node in nodes for name in node.output}

    def maker(name: str, *kinds: str) -> Any:
        node = makers.get(name)
        while node is not None and node.op_type in ("Cast", "Identity"):
            node = makers.get(node.input[0])
        return node if node is not None and (not kinds or node.op_type in kinds) else None

    for node in nodes:
        for above, root in _roots(node, maker, folding):
            mean = _mean_of_squares(root, above, maker, folding)
            if mean is not None:
                axes = _axes_of(mean, folding)
                source = _centred(above, axes, maker, folding)
                found.replaced[node.output[0]] = helper.make_node(
                    "MeanVarianceNormalization", [source], list(node.output), name=called(node), axes=axes
                )


def _roots(node: Any, maker: Callable[..., Any], folding: Folding) -> Iterator[tuple[str, str]]:
    """Yield (numerator, what the root is taken of) of a division by a root, or a product with its inverse."""
    if node.op_type == "Div" and len(node.input) == 2:
        if (root := maker(node.input[1], "Sqrt")) is not None:
            yield node.input[0], root.input[0]
        elif (power := maker(node.input[1], "Pow")) is not None and _number(folding, power.input[1]) == 0.5:
            yield node.input[0], power.input[0]
    if node.op_type == "Mul" and len(node.input) == 2:
        for above, other in (tuple(node.input), tuple(node.input)[::-1]):
            inverse = maker(other, "Reciprocal", "Div", "Pow")
            if inverse is None:
                continue
            if inverse.op_type == "Pow":
                if _number(folding, inverse.input[1]) == -0.5:
                    yield above, inverse.input[0]
                continue
            below = inverse.input[-1]
            if inverse.op_type == "Div" and _number(folding, inverse.input[0]) != 1:
                continue
            if (root := maker(below, "Sqrt")) is not None:
                yield above, root.input[0]


def _mean_of_squares(name: str, above: str, maker: Callable[..., Any], folding: Folding) -> Any:
    """Return the mean whose sum with a small number this is, if it is that of the numerator's squares."""
    total = maker(name, "Add", "ReduceMean")
    if total is not None and total.op_type == "Add":
        others = [entry for entry in total.input if _number(folding, entry) is None]
        total = maker(others[0], "ReduceMean") if len(others) == 1 else None
    if total is None:
        return None
    square = maker(total.input[0], "Mul", "Pow")
    if square is None:
        return None
    same = [_plain(entry, maker) for entry in square.input]
    is_square = len(set(same)) == 1 if square.op_type == "Mul" else _number(folding, square.input[1]) == 2
    return total if is_square and same[0] == _plain(above, maker) else None


def _plain(name: str, maker: Callable[..., Any]) -> str:
    """Return the tensor behind casts."""
    cast = maker(name)
    return name if cast is None else str(cast.output[0])


def _axes_of(mean: Any, folding: Folding) -> list[int]:
    """Return the axes of a mean, by their numbers from 0."""
    given = attributes(mean).get("axes")
    if given is None and len(mean.input) > 1:
        value = folding.value(mean.input[1])
        given = None if value is None else np.asarray(value).ravel().tolist()
    shape = folding.shape(mean.input[0])
    rank = len(shape or ())
    return sorted(int(axis) % rank for axis in given) if given and rank else list(range(rank))


def _centred(name: str, axes: list[int], maker: Callable[..., Any], folding: Folding) -> str:
    """Return the tensor of which the numerator is the difference from its mean; itself where it is none."""
    difference = maker(name, "Sub")
    if difference is not None:
        mean = maker(difference.input[1], "ReduceMean")
        if mean is not None and _axes_of(mean, folding) == axes:
            return str(difference.input[0])
    return name


# What makes no negative number of any, and what makes none of numbers that are not negative.
_ABOVE = frozenset(["Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"])
_KEPT = frozenset(
    """
    Add AveragePool Cast Concat DequantizeLinear Dropout Expand Flatten Gather GlobalAveragePool
    GlobalMaxPool Identity Max MaxPool Mul Pad ReduceMax ReduceMean ReduceSum Reshape Resize Slice Split Sqrt
    Squeeze Transpose Unsqueeze Upsample
    """.split()  # noqa: SIM905 - as a table of names
)


def _rectifiers(nodes: Sequence[Any], folding: Folding, found: Patterns) -> None:
    """Find quantisations that clip negative numbers, as quantisers let them do the work of a rectifier.

    Their zero point is the least number of its type; where no number was negative before, they do nothing.
    """
    from onnx import helper

    positive: set[str] = set()
    for node in nodes:
        inputs = [name for name in node.input if name and not _is_positive(folding, name)]
        if node.op_type == "QuantizeLinear" and _clips(node, folding):
            if node.input[0] not in positive:
                found.replaced[node.output[0]] = helper.make_node(
                    "Relu", [node.input[0]], list(node.output), name=called(node)
                )
            positive.update(node.output)
        elif node.op_type in _ABOVE or (node.op_type == "Clip" and _least(node, folding) >= 0):
            positive.update(node.output)
        elif node.op_type == "DequantizeLinear" or node.op_type == "QuantizeLinear":
            positive.update(node.output if node.input[0] in positive else ())
        elif node.op_type in _KEPT and all(name in positive for name in inputs):
            positive.update(node.output)


def _clips(node: Any, folding: Folding) -> bool:
    """Whether a quantisation has the least number of its type for zero."""
    zero = folding.value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.uint8(0)
    if zero is None or np.asarray(zero).dtype.kind not in "iu":
        return False
    return bool((np.asarray(zero) == np.iinfo(np.asarray(zero).dtype).min).all())


def _least(node: Any, folding: Folding) -> float:
    """Return the lower end of a clipping."""
    if len(node.input) > 1 and node.input[1]:
        number = _number(folding, node.input[1])
        return -math.inf if number is None else number
    return float(attributes(node).get("min", -math.inf))


def _is_positive(folding: Folding, name: str) -> bool:
    """Whether a constant has no negative number."""
    value = folding.value(name)
    return (
        value is not None and np.asarray(value).dtype.kind in "fiu" and bool((np.asarray(value) >= 0).all())
    )


def _drop(nodes: Sequence[Any], found: Patterns, kept: str) -> None:
    """Let nodes go that nobody reads any more."""
    readers: dict[str, int] = {kept: 1}
    run = {next(filter(None, node.output), ""): found.of(node) or node for node in nodes}
    for node in run.values():
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    for made, node in reversed(list(run.items())):
        if not any(readers.get(name) for name in node.output):
            found.gone.add(made)
            for name in node.input:
                readers[name] -= 1
