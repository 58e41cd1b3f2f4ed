"""Hypothesis strategies for property-based tests of code that meets kernels and lattice laws.

Import this module by name (``import erfmath.strategies``); it needs ``hypothesis``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from hypothesis import strategies as st
    from hypothesis.errors import InvalidArgument
except ImportError:
    raise ImportError("erfmath.strategies needs Hypothesis: pip install hypothesis") from None

from ._checks import is_index
from .kernel import Kernel
from .lattice import LatticeDistribution

__all__ = ["distributions", "kernels"]


def kernels(
    *,
    elements: st.SearchStrategy[Any] | None = None,
    min_dims: int = 1,
    max_dims: int = 1,
    min_side: int = 1,
    max_side: int = 5,
    min_offset: int = 0,
    max_offset: int = 0,
) -> st.SearchStrategy[Kernel]:
    """Generate kernels, zeros inside and outside included, never all zero.

    Examples shrink towards ``Kernel([1])``: few axes, few taps, small weights, no offset.

    Parameters
    ----------
    elements
        Strategy of the weights, by default the integers 0 to 9. ``st.integers(-9, 9)`` gives signed
        kernels, ``st.fractions(0, 1)`` rational ones, ``st.floats(0, 1)`` floats.
    min_dims, max_dims
        Bounds of the number of axes.
    min_side, max_side
        Bounds of the number of taps along each axis.
    min_offset, max_offset
        Bounds of the offset along each axis.

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a size is below 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(kernels(min_side=2), lambda kernel: True)
    Kernel([0, 1])
    """
    _check_interval("dims", min_dims, max_dims, lowest=1)
    _check_interval("side", min_side, max_side, lowest=1)
    _check_interval("offset", min_offset, max_offset)
    if elements is not None and not isinstance(elements, st.SearchStrategy):
        raise InvalidArgument(f"elements={elements!r} must be a strategy")
    weights = st.integers(0, 9) if elements is None else elements

    @st.composite
    def draw_kernel(draw: st.DrawFn) -> Kernel:
        ndim = draw(st.integers(min_dims, max_dims))
        shape = [draw(st.integers(min_side, max_side)) for _ in range(ndim)]
        flat = draw(st.lists(weights, min_size=math.prod(shape), max_size=math.prod(shape)).filter(any))
        offset = [draw(st.integers(min_offset, max_offset)) for _ in range(ndim)]
        return Kernel(_as_grid(flat, shape), offset)

    return draw_kernel()


def distributions(
    *, min_size: int = 1, max_size: int = 8, min_offset: int = -10, max_offset: int = 10
) -> st.SearchStrategy[LatticeDistribution]:
    """Generate laws on the integer lattice, with probabilities over up to six decades and zeros inside.

    Examples shrink towards a point mass at 0, then towards equal probabilities on few points.

    Parameters
    ----------
    min_size, max_size
        Bounds of the number of points of the support, from its first to its last.
    min_offset, max_offset
        Bounds of the first point.

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a size is below 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(distributions(), lambda law: law.var() > 0).support()
    (0, 1)
    """
    _check_interval("size", min_size, max_size, lowest=1)
    _check_interval("offset", min_offset, max_offset)
    ends, inside = st.integers(1, 10**6), st.integers(0, 10**6)

    @st.composite
    def draw_law(draw: st.DrawFn) -> LatticeDistribution:
        size = draw(st.integers(min_size, max_size))
        middle = [draw(inside) for _ in range(size - 2)]
        weights = np.array([draw(ends), *middle, draw(ends)][:size], dtype=float)
        return LatticeDistribution(weights / weights.sum(), draw(st.integers(min_offset, max_offset)))

    return draw_law()


def _as_grid(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    grid = np.empty(len(flat), dtype=object)
    grid[:] = flat
    return grid.reshape(shape)


def _check_interval(name: str, low: int, high: int, lowest: int | None = None) -> None:
    for value, bound in ((low, "min"), (high, "max")):
        if not is_index(value):
            raise InvalidArgument(f"{bound}_{name}={value!r} must be an int")
    if lowest is not None and low < lowest:
        raise InvalidArgument(f"min_{name}={low} must be at least {lowest}")
    if low > high:
        raise InvalidArgument(f"min_{name}={low} must not exceed max_{name}={high}")
