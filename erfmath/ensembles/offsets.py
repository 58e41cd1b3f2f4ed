"""Second moments by offset: a function of the difference of two positions that is constant far away."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from ..polynomials.kernel import Kernel

# How far offsets are told apart, by the number of axes; further ones count as far away.
_REACHES = {1: 8, 2: 3, 3: 2, 4: 1}


@dataclass(frozen=True, eq=False)
class Offsets:
    """A function of offsets: values[i] at offset i - reach on each axis, and `far` beyond."""

    values: Floats
    far: float

    @classmethod
    def white(cls, ndim: int) -> Offsets:
        """Return 1 at offset 0 and 0 elsewhere."""
        reach = _REACHES.get(ndim, 0)
        values = np.zeros((2 * reach + 1,) * ndim)
        values[(reach,) * ndim] = 1
        return cls(values, 0.0)

    @property
    def reach(self) -> int:
        """The largest offset that is told apart."""
        return int(self.values.shape[0] // 2)

    @property
    def centre(self) -> float:
        """The value at offset 0."""
        return float(self.values[(self.reach,) * self.values.ndim])

    def at(self, offset: Sequence[int]) -> float:
        """Return the value at an offset."""
        if max(map(abs, offset), default=0) > self.reach:
            return self.far
        return float(self.values[tuple(o + self.reach for o in offset)])

    def plus(self, constant: float) -> Offsets:
        """Return the function plus a constant."""
        return Offsets(self.values + constant, self.far + constant)

    def times(self, factor: float) -> Offsets:
        """Return the function times a factor."""
        return Offsets(self.values * factor, self.far * factor)

    def gathered(self, pairs: Floats, stride: Ints, upsampling: Ints) -> Offsets:
        r"""Return the second moments of sums over taps, averaged over the phases of upsampling.

        Where taps whose places differ by e have the products :math:`a(e)` of their weights,

        .. math:: K'(\Delta) = \frac{1}{u} \sum_{e:\; u \mid s \Delta + e} a(e)\, K((s \Delta + e)/u).

        `pairs` holds a with its centre in the middle.
        """
        phases = math.prod(upsampling)
        if pairs.size == 1 and set(stride) == set(upsampling) == {1}:
            return self.times(float(pairs.item()))
        near = self.values - self.far
        places = np.moveaxis(np.indices(self.values.shape), 0, -1).reshape(-1, self.values.ndim) - self.reach
        steps = np.array(upsampling) * places - (np.array(stride) * places)[:, None]  # [target, source, axis]
        reach = np.array(pairs.shape) // 2
        inside: Any = (abs(steps) <= reach).all(axis=-1)
        index = np.moveaxis(np.where(inside[..., None], steps + reach, 0), -1, 0)
        matrix = np.where(inside, pairs[tuple(index)], 0.0)
        whole: Any = float(pairs.sum())
        if phases > 1:
            whole = np.array([_residues(pairs, -np.array(stride) * place, upsampling) for place in places])
        values = (matrix @ near.ravel() + self.far * whole) / phases
        return Offsets(values.reshape(self.values.shape), self.far * float(pairs.sum()) / phases**2)


def _residues(pairs: Floats, first: Floats, modulus: Ints) -> float:
    """Return the sum of a over the offsets that are `first` modulo the upsampling."""
    starts = [int((f + n // 2) % m) for f, n, m in zip(first, pairs.shape, modulus, strict=True)]
    return float(pairs[tuple(slice(a, None, m) for a, m in zip(starts, modulus, strict=True))].sum())


def pairs_of(kernel: Kernel, dilation: Ints) -> Floats:
    """Return the products of the weights of a kernel by the offset of the taps, the centre in the middle."""
    parts = kernel.separate()
    if parts is None:
        return _correlated(_dilated(kernel.to_numpy(), dilation))
    axes = [
        _correlated(_dilated(part.to_numpy(), (step,))) for part, step in zip(parts, dilation, strict=True)
    ]
    whole = axes[0]
    for axis in axes[1:]:
        whole = np.multiply.outer(whole, axis)
    return whole


def counted_pairs(window: Sequence[Sequence[int]]) -> Floats:
    """Return how many pairs of places of a window, given by axis, have which offset."""
    whole = np.ones(())
    for places in window:
        ones = np.zeros(max(places) - min(places) + 1)
        ones[np.array(places) - min(places)] = 1
        whole = np.multiply.outer(whole, np.correlate(ones, ones, "full"))
    return whole


def _dilated(weights: Floats, dilation: Ints) -> Floats:
    found = np.zeros([d * (k - 1) + 1 for d, k in zip(dilation, weights.shape, strict=True)])
    found[tuple(slice(None, None, d) for d in dilation)] = weights
    return found


def _correlated(weights: Floats) -> Floats:
    """Return the autocorrelation of an array."""
    found = np.zeros([2 * k - 1 for k in weights.shape])
    for place in itertools.product(*map(range, weights.shape)):
        if weights[place]:
            start = [k - 1 - p for p, k in zip(place, weights.shape, strict=True)]
            where = tuple(slice(s, s + k) for s, k in zip(start, weights.shape, strict=True))
            found[where] += weights[place] * weights
    return found
