"""Functions of wave numbers as mixtures of a few: what layers without taps do to them is numbers alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from .waves import Grid, Waves


@dataclass(frozen=True, eq=False)
class Mixture:
    """An array of functions, each a sum of a few.

    Attributes
    ----------
    numbers
        How much of each function there is: [place in the array, number of the function].
    waves
        The functions: [number, theta, wave numbers].
    """

    numbers: Floats
    waves: Waves

    @classmethod
    def nothing(cls, grid: Grid) -> Mixture:
        """Return 2 x 2 functions that are 0."""
        return cls(np.zeros((2, 2, 0)), np.zeros((0, *grid.shape), dtype=complex))

    def __len__(self) -> int:
        """Return the number of functions that are summed."""
        return len(self.waves)

    def __getitem__(self, place: Any) -> Mixture:
        """Return a part of the array."""
        return Mixture(self.numbers[place], self.waves)

    def scaled(self, factor: float) -> Mixture:
        """Return the functions times a number."""
        return Mixture(factor * self.numbers, self.waves)

    def times(self, factor: Waves) -> Mixture:
        """Return the functions times another, of so few of them as there are sums."""
        found = self.fewer()
        return Mixture(found.numbers, factor * found.waves)

    def outer(self, vector: Floats, axis: int) -> Mixture:
        """Return an array with one more axis, along which the functions are multiples of what they are."""
        waves = self.waves if vector.any() else self.waves[:0]
        numbers = np.multiply.outer(vector, self.numbers[..., : len(waves)])
        return Mixture(numbers.swapaxes(0, axis), waves)

    def mixed(self, matrix: Floats, axis: int) -> Mixture:
        """Return the array with a matrix multiplied along its first axis or its second."""
        numbers = self.numbers if axis else self.numbers.swapaxes(0, 1)
        found = matrix @ numbers
        return Mixture(found if axis else found.swapaxes(0, 1), self.waves)

    def over(self, changed: Callable[[Waves], Waves]) -> Mixture:
        """Return the array of functions that are changed in a linear way."""
        return Mixture(self.numbers, changed(self.waves))

    def swapped(self) -> Mixture:
        """Return the array transposed."""
        return Mixture(self.numbers.swapaxes(0, 1), self.waves)

    def plus(self, *others: Mixture) -> Mixture:
        """Return the sum of arrays of one shape."""
        parts = [part for part in (self, *others) if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else self
        numbers = np.concatenate([part.numbers for part in parts], axis=-1)
        return Mixture(numbers, np.concatenate([part.waves for part in parts])).fewer()

    def with_function(self, function: Waves, numbers: Any) -> Mixture:
        """Return the array with so many times a function added."""
        whole = np.broadcast_to(function, self.waves.shape[1:])
        return self.plus(Mixture(np.asarray(numbers)[..., None], whole[None]))

    def fewer(self) -> Mixture:
        """Return the array as sums of no more functions than it has places."""
        shape = self.numbers.shape[:-1]
        if len(self) <= math.prod(shape):
            return self
        waves = _summed(self.numbers, self.waves)
        return Mixture(_each(shape), waves.reshape(-1, *self.waves.shape[1:]))

    def weighted(self, weights: Any) -> Waves:
        """Return the sum of all functions of the array, each times a weight."""
        numbers = np.tensordot(weights, self.numbers, self.numbers.ndim - 1)
        return _summed(numbers, self.waves)

    def equal(self, grid: Grid) -> Waves:
        """Return the functions at equal positions."""
        return _summed(self.numbers, grid.equal(self.waves))


def _summed(numbers: Any, waves: Waves) -> Waves:
    """Return sums of functions, each so many times; the numbers are real, which saves half of the work."""
    shape, count = numbers.shape[:-1], len(waves)
    rows = np.ascontiguousarray(waves).reshape(count, math.prod(waves.shape[1:])).view(float)
    sums: Any = numbers.reshape(math.prod(shape), count) @ rows
    return np.asarray(sums.view(complex).reshape(*shape, *waves.shape[1:]))


@functools.cache
def _each(shape: Ints) -> Floats:
    """Return the numbers of an array of functions that are all different."""
    count = math.prod(shape)
    return np.eye(count).reshape(*shape, count)
