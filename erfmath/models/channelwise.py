"""A model's own weights, channel by channel: the network whose impact is the model's gradient.

Convolutions keep their weights, normalisations become factors, activations their mean slopes.

The channels of a tensor are all of its axes but those of the space, flattened in their order: an operator
that moves, cuts or joins them is known by what it does to an array of their numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._memory import check_memory
from ..network.algebra import Identity, Node, series
from ..network.channels import Channels, Scaled, Weighted
from ..network.layers import Conv
from ..network.rates import Gain
from .axes import Axis, owners
from .ir import Input, Operator, Placed, Tensor
from .slopes import Rates

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Given:
    """An output of an operator, what it means in space, and the channels that it reads and makes."""

    op: Operator
    placed: Placed
    output: int
    rates: Rates

    def numbers(self, tensor: Tensor) -> Numbers:
        """Return the numbers of a tensor's channels: an array like it, with one place along the space."""
        sides = [_channels(axis, tensor.side(i)) for i, axis in enumerate(tensor.runs)]
        return np.arange(math.prod(self._known(sides))).reshape(self._known(sides))

    def shape(self) -> tuple[int, ...]:
        """Return the shape of the output with one place along the space."""
        shape = self.op.shapes[min(self.output, len(self.op.shapes) - 1)]
        assert self.placed.layout is not None
        if shape is None and self.placed.layout == self.op.tensors[0].layout:
            shape = self.op.tensors[0].shape
        sides = [None] * len(self.placed.layout) if shape is None else shape
        return self._known([_channels(a, s) for a, s in zip(self.placed.layout, sides, strict=True)])

    def picked(self, numbers: Numbers) -> Placed:
        """Return the meaning in space of the channels that are chosen, in their order."""
        tensor = self.placed.sources[0][0]
        if not numbers.size:
            raise self.op.error("makes no channels")
        return self._through(self.choice(numbers, self.numbers(tensor).size))

    def choice(self, numbers: Numbers, inputs: int) -> Node:
        """Return the layer that chooses channels; none where it keeps all as they are."""
        flat = numbers.ravel()
        if flat.size == inputs and (flat == np.arange(inputs)).all():
            return Identity()
        return Channels(flat, inputs, self.op.ndim)

    def scaled(self, factors: Any, squares: Any = None) -> Placed:
        """Return the meaning in space with factors, one for all channels or one each."""
        return self._through(self.factors(factors, squares))

    def factors(self, factors: Any, squares: Any = None) -> Node:
        """Return the layer of some factors; none where all are 1."""
        values = np.asarray(factors, dtype=float).ravel()
        count = math.prod(self.shape())
        if values.size not in (1, count):
            raise self.op.error(f"has {values.size} factors or rates, and {count} channels")
        if not np.isfinite(values).all():
            raise self.op.error("has factors that are not finite")
        if not values.any():  # each channel, as a factor for all of them cannot be 0
            return Scaled(np.zeros(count), self.op.ndim)
        if (values == values[0]).all() and squares is None:
            values = values[:1]
        return (
            Identity()
            if squares is None and values.tolist() == [1]
            else Scaled(values, self.op.ndim, squares)
        )

    def mixed(self, matrix: Array) -> Placed:
        """Return a product with a matrix (outputs, inputs) at each position."""
        layer = Conv((1,) * self.op.ndim, channels=len(matrix))
        return self.placed._replace(node=Weighted(layer, matrix.reshape(*matrix.shape, *(1,) * self.op.ndim)))

    def joined(self, parts: Sequence[tuple[Tensor, Node, Gain]]) -> Placed:
        """Return the sum of tensors, each through a layer of its own and times a gain."""
        sources = [(tensor, gain) for tensor, _, gain in parts]
        before = tuple(first for _, first, _ in parts)
        alone = len(parts) == 1 and isinstance(before[0], Identity)
        return self.placed._replace(sources=sources, before=() if alone else before, channels=())

    def share(self, entry: Input) -> Gain | None:
        """Return the gain of an operand, None of a constant and of what is left out."""
        if not isinstance(entry, Tensor):
            return None
        gain = next((gain for tensor, gain in self.placed.sources if tensor.name == entry.name), None)
        if gain is not None and not entry.owned:
            raise self.op.error(
                "joins a branch that reads the whole map; leave it out with global_context=False"
            )
        return gain

    def per_channel(self, value: Any) -> Array:
        """Return a constant that is joined to the output as a number for each of its channels."""
        assert self.placed.layout is not None
        array = np.asarray(value, dtype=float)
        array = array.reshape((1,) * (len(self.placed.layout) - array.ndim) + array.shape)
        shape = self.op.shapes[min(self.output, len(self.op.shapes) - 1)] or array.shape
        for axis, (runs, size) in enumerate(zip(self.placed.layout, shape, strict=True)):
            if owners(runs) and array.shape[axis] > 1:
                parts = [run.length for run in runs] if len(runs) > 1 else [size]
                split = array.reshape((*array.shape[:axis], *parts, *array.shape[axis + 1 :]))
                spatial = [axis + j for j, run in enumerate(runs) if run.axis is not None]
                first = split
                for place in spatial:
                    first = first.take([0], axis=place)
                if not (split == first).all():
                    raise self.op.error("has a constant that differs from place to place")
                array = first.reshape((*array.shape[:axis], -1, *array.shape[axis + 1 :]))
        return np.broadcast_to(array, self.shape())

    def weights(self, index: int) -> Array:
        """Return the weights that an input holds, or raise where they are no finite floats."""
        array = np.asarray(self.op.constant(index, "its weights"))
        if array.dtype.kind != "f":
            raise self.op.error("has quantised weights, whose scale is not read")
        if not np.isfinite(array).all():
            raise self.op.error("has weights that are not finite")
        return array

    def require_inputs(self, count: int) -> None:
        """Raise where the first operand has not the channels that weights are for."""
        found = self.numbers(self.op.tensors[0]).size
        if found != count:
            raise self.op.error(
                f"has weights for {count} channels, and its input has {found}; give a batch of 1"
            )

    def _through(self, layer: Node) -> Placed:
        """Return the meaning in space behind a layer."""
        return self.placed._replace(node=series([layer, self.placed.node]))

    def _known(self, sides: Sequence[int | None]) -> tuple[int, ...]:
        """Return the sides, an open batch as 1."""
        sides = [1 if i == 0 and side is None else side for i, side in enumerate(sides)]
        if None in sides:
            raise self.op.error("has an unknown number of channels; give input_shape")
        found = tuple(int(side) for side in sides if side is not None)
        what = f"{self.op.title} {self.op.name!r} with {math.prod(found)} channels"
        check_memory(16 * math.prod(found), what, "read it with weights='uniform'")
        return found


def given_of(op: Operator, placed: Placed, output: int, rates: Rates) -> Placed:
    """Return what an output of an operator means channel by channel, from what it means in space."""
    if op.kind is None or placed.layout is None or not any(map(owners, placed.layout)):
        return placed
    if placed.by_channel is None:
        raise op.error("has no meaning for single channels; use weights='energy'")
    return placed.by_channel(Given(op, placed, output, rates))


def _channels(axis: Axis, side: int | None) -> int | None:
    """Return how many channels an axis of so many entries holds."""
    if not owners(axis):
        return side
    lengths = [run.length for run in axis if run.axis is None]
    return None if None in lengths else math.prod(length for length in lengths if length is not None)


def in_order(given: Given) -> Placed:
    """Return what treats each channel alone, or keeps the order of all of them, as it is in space."""
    return given.placed


def picks(placed: Placed, pick: Callable[[Numbers], Numbers]) -> Placed:
    """Return what does to the channels' numbers as it does to the tensor: moves, cuts, repeats them."""
    tensor = placed.sources[0][0]
    return placed._replace(by_channel=lambda given: given.picked(pick(given.numbers(tensor))))
