"""Gradients of linear networks with random weights, 3 taps an axis, whose layers are added one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
TAPS = 3


def behind(gradient: Floats, weights: Floats) -> Floats:
    """Return a gradient, channels first, behind a layer of weights, taps first: their full convolution."""
    sides, taps = gradient.shape[1:], weights.shape[:-2]
    out = np.zeros((weights.shape[-2], *(side + n - 1 for side, n in zip(sides, taps, strict=True))))
    flat = gradient.reshape(len(gradient), -1)
    for tap in itertools.product(*map(range, taps)):
        window = tuple(slice(t, t + side) for t, side in zip(tap, sides, strict=True))
        out[:, *window] += (weights[tap] @ flat).reshape(-1, *sides)
    return out


def gradients(
    channels: int, ndim: int, depths: Collection[int], rng: np.random.Generator
) -> Iterator[tuple[int, Floats]]:
    """Yield the gradient of the first output channel at each depth of one network, of norm 1."""
    gradient = np.zeros((channels, *(1,) * ndim))
    gradient[0] = 1
    for depth in range(1, max(depths) + 1):
        gradient = behind(gradient, rng.standard_normal((*(TAPS,) * ndim, channels, channels)))
        gradient /= math.sqrt(float((gradient**2).sum()))  # or the scale leaves the floats
        if depth in depths:
            yield depth, gradient
