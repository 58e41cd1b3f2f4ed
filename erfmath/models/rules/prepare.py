"""Which runs each kind of operator has to have read, or placed, before its rule.

A convolution sums over its channels, so that blocks of space held there are read; it moves along the space,
so that channels which stand behind positions there become positions.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir import Operator, Tensor
from ..moves import Move, placed, read
from .products import contracted, reduced_axes, summed_axis

Prepare = Callable[[Operator, Tensor], Move | None]


def _reads(axes: Callable[[Operator, Tensor], tuple[int, ...]]) -> Prepare:
    """Return what reads the runs along the axes that an operator mixes."""

    def prepare(op: Operator, tensor: Tensor) -> Move | None:
        rank = len(tensor.runs)
        mixed = [axis % rank for axis in axes(op, tensor) if tensor.axes[axis % rank]]
        return read(op, tensor, mixed) if mixed else None

    return prepare


def _places(axes: Callable[[Operator, Tensor], tuple[int, ...]]) -> Prepare:
    """Return what makes positions of the channels that stand behind some where an operator moves."""

    def prepare(op: Operator, tensor: Tensor) -> Move | None:
        rank = len(tensor.runs)
        mixed = [axis % rank for axis in axes(op, tensor) if _is_mixed(tensor, axis % rank)]
        return placed(op, tensor, mixed) if mixed else None

    return prepare


def _is_mixed(tensor: Tensor, axis: int) -> bool:
    """Whether channels and positions stand along an axis."""
    return bool(tensor.axes[axis]) and any(run.axis is None and run.is_long for run in tensor.runs[axis])


def _channels(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return the axis of the channels, if a convolution mixes them."""
    axis = len(tensor.runs) - 1 - len(op.options["size"])
    alone = op.options["groups"] == tensor.side(axis) and op.kind == "conv"
    return () if axis < 0 or alone else (axis,)


def _window(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    rank, sizes = len(tensor.runs), op.options["size"]
    return tuple(range(rank - len(sizes), rank))


def _changed(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return the axes that a padding or an interpolation changes."""
    if op.kind == "pad":
        return tuple(i for i, pair in enumerate(op.options["pads"]) if any(pair))
    if op.kind == "roll":
        return tuple(op.options["shifts"])
    pairs = enumerate(zip(op.options["factors"], op.options["sizes"], strict=True))
    return tuple(i for i, pair in pairs if pair != (None, None))


def _last(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    return (len(tensor.runs) - 1,)


def _block_space(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    return tensor.space


def _averaged(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    """Return the axes that a pooling to a single sample averages away."""
    return _window(op, tensor) if all(size == 1 for size in op.options["size"]) else ()


def _depth(op: Operator, tensor: Tensor) -> tuple[int, ...]:
    return (1,)


PREPARED: dict[str | None, tuple[Prepare, ...]] = {
    "adaptive_pool": (_reads(_averaged), _places(_window)),
    "contract": (_reads(contracted),),
    "conv": (_reads(_channels), _places(_window)),
    "conv_transpose": (_reads(_channels), _places(_window)),
    "depth_to_space": (_reads(_depth), _places(_block_space)),
    "gemm": (_reads(summed_axis),),
    "linear": (_reads(summed_axis),),
    "matmul": (_reads(summed_axis),),
    "pad": (_places(_changed),),
    "pool": (_places(_window),),
    "recurrence": (_reads(_last),),
    "reduce": (_reads(reduced_axes),),
    "resize": (_places(_changed),),
    "roll": (_places(_changed),),
    "shuffle": (_reads(_depth),),
    "space_to_depth": (_places(_block_space),),
}
