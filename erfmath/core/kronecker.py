"""Kronecker's substitution: a polynomial in several variables as one in a single variable.

With y -> z^N, N more than the degree that the whole product reaches in z, distinct monomials keep
distinct exponents. So every method for one axis is a method for any number of axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def pack(grid: np.ndarray[Any, Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the weights of a grid on one axis, spaced as the entries of an array of `shape` are."""
    if grid.ndim == 1:
        return grid
    row = np.zeros(packed_length(grid.shape, shape), dtype=grid.dtype)
    index = sum(
        np.ix_(*(stride * np.arange(k) for stride, k in zip(_strides(shape), grid.shape, strict=True)))
    )
    row[index] = grid
    return row


def dilate(grid: np.ndarray[Any, Any], step: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the grid with step - 1 zeros between neighbours, per axis."""
    if set(step) == {1}:
        return grid
    spread = np.zeros([a * (k - 1) + 1 for a, k in zip(step, grid.shape, strict=True)], dtype=grid.dtype)
    spread[tuple(slice(None, None, a) for a in step)] = grid
    return spread


def unpack(row: np.ndarray[Any, Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return the row of a product of packed polynomials as an array of `shape`."""
    return row.reshape(shape)


def packed_length(grid_shape: Sequence[int], shape: Sequence[int]) -> int:
    """Return the number of packed weights, from the first to the last."""
    return 1 + sum(stride * (k - 1) for stride, k in zip(_strides(shape), grid_shape, strict=True))


def _strides(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
