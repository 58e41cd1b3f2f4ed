"""What units of an ONNX file see: inputs are changed slab by slab, onnxruntime says which outputs change."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network.arguments import Ints
from .session import Session

if TYPE_CHECKING:
    from ..models.model import Model

# How much an input is changed: what is far away counts little, and has to show in single precision.
_SIZES = (1.0, 1e3, 1e6)
_LEARNED = frozenset(["Conv", "ConvTranspose", "Gemm", "MatMul"])

# What stays the same in single precision once its input is large, as of gates at the end of deep stacks.
_SATURATING = frozenset(["HardSigmoid", "Sigmoid", "Softsign", "Tanh"])


class Perturbed:
    """A file whose input is changed from one position to another along an axis of its space.

    Weights of convolutions and matrices are drawn anew, most of them positive, so that no rectifier is closed
    and no branch begins at zero; those of quantised files are kept.

    Parameters
    ----------
    model
        A model read from an ONNX file.
    seed
        Of the weights and the inputs.
    is_open
        Whether gates are kept from saturating: asinh takes the place of functions that end in a constant.

    Raises
    ------
    ImportError
        If onnxruntime is missing.
    ValueError
        If onnxruntime does not run the file, or its output does not hold the space axis by axis.
    """

    def __init__(self, model: Model, seed: int, is_open: bool = False) -> None:
        self._model, self._rng = model, np.random.default_rng(seed)
        self._shape = tuple(side or 1 for side in model.input_shape)
        self._axes = _axes_of(model)
        self._is_gated = False
        self._run = Session(model, "verified", lambda graph, _: self._drawn_anew(graph, is_open))
        kind = self._run.kind
        is_whole = kind.kind in "iub"
        draw = self._rng.integers(0, 2, self._shape) if is_whole else self._rng.random(self._shape) + 0.5
        self._values = draw.astype(kind)
        self._base = self._run(self._values)
        self._changes: dict[tuple[int, int, int], Any] = {}

    @property
    def is_gated(self) -> bool:
        """Whether the file has functions that saturate."""
        return self._is_gated

    def _drawn_anew(self, graph: Any, is_open: bool) -> None:
        """Draw the weights of a graph anew, and keep its gates open where asked to."""
        _redraw(graph, self._rng)
        self._is_gated = any(node.op_type in _SATURATING for node in graph.node)
        if is_open:
            _open_gates(graph)

    @property
    def made(self) -> Ints:
        """The units along the axes of the space."""
        return tuple(self._base.shape[axis] for axis in self._axes)

    def changes(self, unit: Ints, axis: int, first: int, stop: int) -> bool:
        """Return whether a unit changes with the input's positions from first to stop along an axis."""
        if first >= stop:
            return False
        key = axis, first, stop
        if key not in self._changes:
            self._changes[key] = self._changed(*key)
        return bool(self._changes[key][unit])

    def _changed(self, axis: int, first: int, stop: int) -> Any:
        """Return which units change, in any channel and by any change."""
        others = tuple(a for a in range(self._base.ndim) if a not in self._axes)
        order = np.argsort(np.argsort(self._axes))
        slab = (slice(None),) * self._model.space[axis] + (slice(first, stop),)
        found: Any = False
        for size in _SIZES:
            values = self._values.copy()
            noise = self._rng.random(values[slab].shape) + 0.5
            values[slab] = _added(values[slab], size * noise)
            answer = self._run(values)
            differs = (answer != self._base) & ~(np.isnan(answer) & np.isnan(self._base))
            found = found | differs.any(axis=others)
        return found.transpose(order)

    def ends(self, unit: Ints, axis: int, expected: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return (first, last) position that changes a unit along an axis, sought where it is expected."""
        side = self._shape[self._model.space[axis]]
        if not self.changes(unit, axis, 0, side):
            return None
        first = _least(lambda p: self.changes(unit, axis, 0, p + 1), side, expected and expected[0])
        last = _least(
            lambda p: self.changes(unit, axis, side - 1 - p, side), side, expected and side - 1 - expected[1]
        )
        return first, side - 1 - last


def _least(is_seen: Callable[[int], bool], side: int, guess: int | None) -> int:
    """Return the first position from which on all that comes before is seen, by halving but for the guess."""
    low, high = -1, side - 1  # not seen up to low, seen up to high
    for place in [] if guess is None else [guess - 1, guess]:
        if low < place < high:
            low, high = (low, place) if is_seen(place) else (place, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def _added(values: Any, noise: Any) -> Any:
    """Return changed values of the same kind: integers turn over, floats grow within their range."""
    if values.dtype.kind in "iub":
        return (1 - values).astype(values.dtype)
    return np.clip(values + noise, None, np.finfo(values.dtype).max / 4).astype(values.dtype)


def _axes_of(model: Model) -> Ints:
    """Return which axis of the output runs along each axis of the space."""
    tensor = model.read_tensor
    places = {axis[0]: i for i, axis in enumerate(tensor.axes) if len(axis) == 1 and len(tensor.runs[i]) == 1}
    if sorted(places) != list(range(model.ndim)):
        raise ValueError(
            f"{model.name} up to {model.output!r} does not hold the space axis by axis, so that its units "
            "have no places; verify it up to another tensor with output="
        )
    return tuple(places[owner] for owner in range(model.ndim))


def _redraw(graph: Any, rng: Any) -> None:
    """Draw the weights of convolutions and matrices anew, so that values stay about 1 through all layers."""
    from onnx import TensorProto, numpy_helper

    learned = {node.input[1] for node in graph.node if node.op_type in _LEARNED and len(node.input) > 1}
    for tensor in graph.initializer:
        if tensor.name in learned and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            sides = tuple(tensor.dims)
            fan_in = sides[-2] if len(sides) == 2 else math.prod(sides[1:])
            drawn = (rng.random(sides) + 0.5) * np.where(rng.random(sides) < 0.8, 1, -0.5) * 2 / fan_in
            tensor.CopyFrom(numpy_helper.from_array(drawn.astype(np.float32), tensor.name))


def _open_gates(graph: Any) -> None:
    """Put a function that grows without end, and hardly, in the place of those that saturate."""
    for node in graph.node:
        if node.op_type in _SATURATING:
            node.op_type = "Asinh"
            del node.attribute[:]
