"""Arguments of layers: weights, padding, and how a layer writes itself."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_choice, as_count, is_index, per_axis
from .._memory import check_memory
from ..polynomials.kernel import Kernel, as_kernel

if TYPE_CHECKING:
    from .algebra import Node

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

# What may stand outside a map, in PyTorch's words.
PADDINGS = ("zeros", "reflect", "replicate", "circular")


def as_sides(size: Any, name: str) -> Ints:
    """Return a size, an int (one axis) or a tuple of ints, as a tuple."""
    sides = (size,) if is_index(size) else size
    if isinstance(sides, np.ndarray):
        sides = sides.tolist()
    if not isinstance(sides, (tuple, list)) or not sides:
        raise TypeError(f"{name} must be an int or a tuple of ints, one per axis, got {size!r}")
    return per_axis(tuple(sides), len(sides), name, minimum=1)


def is_size(kernel: Any) -> bool:
    """Whether a kernel is given by its size alone: an int, or a tuple of ints, one per axis."""
    return is_index(kernel) or (isinstance(kernel, tuple) and bool(kernel) and all(map(is_index, kernel)))


def as_weights(kernel: Any, total: int = 1) -> Kernel:
    """Return the kernel of an argument; a size stands for equal taps of the given sum."""
    if not is_size(kernel):
        return as_kernel(kernel)
    sizes = (as_count(kernel, "kernel", minimum=1),) if is_index(kernel) else kernel
    return _uniform(per_axis(sizes, len(sizes), "kernel", minimum=1), total)


@functools.lru_cache(maxsize=256)
def _uniform(sizes: Ints, total: int) -> Kernel:
    check_memory(40 * math.prod(sizes), f"a kernel of {sizes} taps", "use fewer")
    return Kernel(np.full(sizes, Fraction(total, math.prod(sizes)), dtype=object))


def as_array(values: Any, name: str, dtype: Any = None) -> np.ndarray[Any, Any]:
    """Return a copy of numbers as an array, or raise naming the argument."""
    try:
        return np.array(values, dtype=dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of numbers, got {values!r}") from None


def as_padding(padding: Any, extents: Ints, strides: Ints) -> Pads:
    """Return (before, after) per axis; `extents` are the kernel's reach d (k - 1) on each."""
    ndim = len(extents)
    if isinstance(padding, str):
        as_choice(padding, "padding", ("valid", "same", "causal"))
        if padding == "same" and set(strides) != {1}:
            raise ValueError(
                f"padding='same' with stride {plain(strides)} depends on the input's length; "
                "give the samples before and after as pairs"
            )
        if padding == "valid":
            return ((0, 0),) * ndim
        return tuple((e, 0) if padding == "causal" else (e // 2, e - e // 2) for e in extents)
    if isinstance(padding, np.ndarray):
        padding = padding.tolist()
    if isinstance(padding, Sequence) and padding and isinstance(padding[0], Sequence):
        if len(padding) != ndim:
            raise ValueError(f"padding must hold {ndim} pairs, one per axis, got {padding!r}")
        return tuple(_pair(entry) for entry in padding)
    if ndim == 1 and isinstance(padding, Sequence) and len(padding) == 2:
        return (_pair(padding),)
    return tuple((p, p) for p in per_axis(padding, ndim, "padding", minimum=0))


def _pair(entry: Any) -> tuple[int, int]:
    before, after = per_axis(entry, 2, "padding", minimum=0)
    return before, after


def plain_size(sides: tuple[Any, ...]) -> Any:
    """Return a size, or whatever there is per axis, as a user gives and gets it: alone on one axis."""
    return sides if len(sides) > 1 else sides[0]


def per_axis_values(value: Any) -> tuple[Any, ...]:
    """Return a size, or whatever a user gives and gets, as one per axis: the other way round."""
    return value if isinstance(value, tuple) else (value,)


def plain(values: Sequence[Any]) -> Any:
    """Return a tuple with equal entries as the one of them, and others as they are."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def set_fields(node: Node, **values: Any) -> None:
    """Set the fields of a frozen node under construction."""
    for name, value in values.items():
        object.__setattr__(node, name, value)


def spelled(value: Any) -> str:
    """Return the Python expression of an argument, of a network in full."""
    # Asked for once: to ask whether it is there makes it, twice as often at each level.
    expression = getattr(value, "expression", None)
    return repr(value) if expression is None else str(expression)


def call(node: Node, **defaults: Any) -> str:
    """Return the constructor call of a layer, options at their defaults left out."""
    kind: Any = type(node)
    parts: list[str] = []
    for (name, default), value in zip(_parameters(kind), node.args, strict=True):
        shown = _shown(value, name == "padding", not parts)
        if value is None and default is None:
            continue
        if not parts or default is inspect.Parameter.empty:
            parts.append(spelled(shown))
        elif defaults.get(name, default) not in (value, shown):
            parts.append(f"{name}={spelled(shown)}")
    return f"{kind.__name__}({', '.join(parts)})"


@functools.cache
def _parameters(kind: Any) -> list[tuple[str, Any]]:
    """Return the arguments of a constructor with their defaults."""
    return [(entry.name, entry.default) for entry in inspect.signature(kind).parameters.values()]


def _shown(value: Any, is_padding: bool, is_first: bool) -> Any:
    """Return an argument as a user gives it: the first one per axis, others once where all axes agree."""
    if not isinstance(value, tuple):
        return value
    if is_padding:
        even = tuple(before for before, after in value if before == after)
        if len(even) < len(value):
            return list(value) if is_first else value
        value = even
    return plain_size(value) if is_first else plain(value)
