r"""Two gradients at two positions, as functions of wave numbers: what taps and strides do to one or to both.

Of two positions p and p' and two gradients g and g', :math:`C(p, p') = E[g(p)\, g'(p')]` is held as

.. math:: \hat C(k, \theta) = \sum_{p, p'} C(p, p')\, e^{i (k + \theta/2) p}\, e^{i (-k + \theta/2) p'},

so that taps at one of the two positions multiply it, equal positions are the mean over k, and moments of the
position are derivatives by :math:`\theta`. Wave numbers k are on a grid: differences of positions beyond half
of their number are left out, which taps of the layers below cannot bring back to equal positions.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from ..network.stage import Stage
from ..polynomials.kernel import Kernel

Waves = np.ndarray[Any, np.dtype[np.complex128]]

# Energies are scaled back beyond two to this power and below its inverse: all here is linear in them.
_LARGEST = 330

# Which of two positions taps act on.
FIRST, SECOND, BOTH = 1, -1, 0


@dataclass(frozen=True, eq=False)
class Grid:
    """Wave numbers: `counts` per axis of differences of positions, and some `thetas` of their mean.

    Each theta has a number per axis. `steps` has the distance of two neighbours of each tensor, in parts of
    an input sample of which there are `unit`.
    """

    counts: Ints
    thetas: Floats
    steps: Sequence[Ints]
    unit: Ints
    known: dict[Any, Waves] = field(default_factory=dict, repr=False)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.counts)

    @property
    def axes(self) -> Ints:
        """The axes of an array that hold wave numbers."""
        return tuple(range(-self.ndim, 0))

    def constant(self, values: Any) -> Waves:
        """Return numbers, one for all thetas or one for each, as an array over theta and wave numbers."""
        return np.asarray(values, dtype=complex).reshape(-1, *(1,) * self.ndim)

    @property
    def shape(self) -> Ints:
        """The shape of a function of theta and wave numbers."""
        return (len(self.thetas), *self.counts)

    def equal(self, waves: Waves) -> Waves:
        """Return the part at equal positions."""
        count = math.prod(waves.shape[-self.ndim :])
        return np.add.reduce(waves, axis=self.axes, keepdims=True) / count if count > 1 else waves

    def apart(self, waves: Waves) -> Waves:
        """Return the part at positions that differ."""
        return np.asarray(waves - self.equal(waves))

    def negated(self, waves: Waves) -> Waves:
        """Return functions of wave numbers at their negatives."""
        if math.prod(waves.shape[-self.ndim :]) == 1:
            return waves
        rows = np.broadcast_to(waves, (*waves.shape[: -self.ndim], *self.counts))
        found = rows.reshape(-1, math.prod(self.counts)).take(self._negatives, axis=1)
        return np.asarray(found.reshape(rows.shape))

    @functools.cached_property
    def _negatives(self) -> Any:
        """The number of the negative of each wave vector, all axes counted as one."""
        places = [-np.arange(count) % count for count in self.counts]
        return np.ravel_multi_index(np.ix_(*places), self.counts).ravel()

    def factor(self, kernel: Kernel, stage: Stage, side: int, fine: Ints, lattice: Ints) -> Waves:
        """Return the factor of taps at the positions of a side.

        `fine` is the distance of what taps tell apart, and `lattice` that of the positions
        whose differences the wave numbers are of.
        """
        key = kernel, stage.dilation, stage.shift, side, fine, lattice
        if key not in self.known:
            self.known[key] = self._factor(kernel, stage, side, fine, lattice)
        return self.known[key]

    def _factor(self, kernel: Kernel, stage: Stage, side: int, fine: Ints, lattice: Ints) -> Waves:
        places = [
            d * (o + np.arange(k)) + c
            for d, o, k, c in zip(stage.dilation, kernel.offsets, kernel.shape, stage.shift, strict=True)
        ]
        units = [(f / u, f // one) for f, u, one in zip(fine, self.unit, lattice, strict=True)]
        parts = kernel.separate()
        if parts is None:
            return self._together(kernel, places, units, side)
        axes = enumerate(zip(places, parts, units, strict=True))
        factors = [
            self._passed(axis, place, part.to_numpy(), side, *unit) for axis, (place, part, unit) in axes
        ]
        return functools.reduce(np.multiply, factors)

    def _together(self, kernel: Kernel, places: Sequence[Any], units: Sequence[Any], side: int) -> Waves:
        """Return the factor of taps whose weights are no product over the axes: their sum."""
        axes = enumerate(zip(places, units, strict=True))
        phases = [self._phases(axis, place, side, *unit) for axis, (place, unit) in axes]
        weights = kernel.to_numpy()
        found = (
            weights[tap]
            * functools.reduce(np.multiply, [p[..., t] for p, t in zip(phases, tap, strict=True)])
            for tap in itertools.product(*map(range, kernel.shape))
        )
        return np.asarray(sum(found))

    def _passed(self, axis: int, places: Any, weights: Floats, side: int, fine: float, steps: int) -> Waves:
        """Return the factor of taps on one axis: folded on the grid, of which their wave numbers are."""
        thetas = self.thetas[:, axis]
        outer = weights * np.exp(1j * np.multiply.outer(thetas, fine * (0.5 if side else 1.0) * places))
        count = self.counts[axis]
        if not side or count == 1:
            return self.constant(outer.sum(axis=1))
        folded = np.zeros((count, len(thetas)), dtype=complex)
        np.add.at(folded, -side * (steps % count) * places % count, outer.T)
        shape = [1] * self.ndim
        shape[axis] = count
        return np.fft.fft(folded, axis=0).T.reshape(-1, *shape)

    def _phases(self, axis: int, places: Any, side: int, fine: float, steps: int) -> Waves:
        """Return exp(i wave place) on an axis: theta, wave numbers, and last the places."""
        count = self.counts[axis] if side else 1
        waves = side * 2 * math.pi / count * np.arange(count)
        thetas = self.thetas[:, axis]
        outer = np.exp(1j * np.multiply.outer(thetas, fine * (0.5 if side else 1.0) * places))
        inner = np.exp(1j * np.multiply.outer(waves, steps * places))
        shape = [1] * self.ndim
        shape[axis] = len(waves)
        outer = outer.reshape(len(thetas), *(1,) * self.ndim, -1)
        return np.asarray(outer * inner.reshape(1, *shape, -1))

    def spread(self, waves: Waves, factors: Ints) -> Waves:
        """Return a function of differences of positions on a lattice that is so many times finer."""
        return self._resampled(waves, factors, lambda lags, f: (lags * f, lags))

    def thinned(self, waves: Waves, factors: Ints) -> Waves:
        """Return a function of differences of positions at the multiples of the factors alone."""
        return self._resampled(waves, factors, lambda lags, f: (lags, lags * f))

    def _resampled(self, waves: Waves, factors: Ints, places: Any) -> Waves:
        for axis, count, factor in zip(self.axes, self.counts, factors, strict=True):
            if factor == 1 or waves.shape[axis] == 1:  # alike at all wave numbers: equal positions only
                continue
            before = np.moveaxis(np.fft.ifft(waves, axis=axis), axis, -1)
            reach = (count // 2 - 1) // factor
            new, old = places(np.arange(-reach, reach + 1), factor)
            after = np.zeros_like(before)
            after[..., new % count] = before[..., old % count]
            waves = np.moveaxis(np.fft.fft(after), -1, axis)
        return waves


def excess(energy: float) -> int:
    """Return the power of two to divide energies by that are out of range, 0 for those in it."""
    bits = math.frexp(energy)[1]
    return bits if energy and abs(bits) > _LARGEST else 0
