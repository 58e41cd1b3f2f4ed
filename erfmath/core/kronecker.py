"""Kronecker's substitution: a polynomial in several variables as one in a single variable.

With y -> z^N, N more than the degree that the power reaches in z, distinct monomials keep distinct
exponents. So every method for one axis is a method for any number of axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def pack(grid: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """Return the weights of a grid on one axis, spaced so that the n-th power does not wrap."""
    padded = np.zeros((grid.shape[0], *power_shape(grid.shape, n)[1:]), dtype=grid.dtype)
    padded[tuple(slice(k) for k in grid.shape)] = grid
    flat = padded.reshape(-1)
    return flat[: _span(grid.shape, n)]


def unpack(row: np.ndarray[Any, Any], shape: Sequence[int], n: int) -> np.ndarray[Any, Any]:
    """Return the n-th power's row, computed from packed weights, as a grid."""
    full = power_shape(shape, n)
    padded = np.zeros(math.prod(full), dtype=row.dtype)
    padded[: len(row)] = row
    return padded.reshape(full)


def power_shape(shape: Sequence[int], n: int) -> tuple[int, ...]:
    """Return the shape of the n-th power of `shape` coefficients: n (k - 1) + 1 per axis."""
    return tuple(n * (k - 1) + 1 for k in shape)


def _span(shape: Sequence[int], n: int) -> int:
    """Return the number of packed weights, from the first to the last."""
    full = power_shape(shape, n)
    return 1 + sum((k - 1) * math.prod(full[axis + 1 :]) for axis, k in enumerate(shape))
