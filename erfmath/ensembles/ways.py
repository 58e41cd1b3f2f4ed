"""What a layer makes of gradients on their way back: of its own, and of what they share with others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from ..network.stage import Stage
from ..polynomials.kernel import Kernel
from .pairs import AXES, M_S, S_M, Pair
from .waves import BOTH, FIRST, SECOND, Grid, Waves


@dataclass(frozen=True, eq=False)
class Taps:
    """The taps of a stage as they act on gradients, going back from units `fine` x stride apart.

    Attributes
    ----------
    stage
        The stage.
    fine
        The distance in input samples of the positions that the taps tell apart, before upsampling.
    """

    stage: Stage
    fine: Ints

    @property
    def phases(self) -> int:
        """How many output units stand between two neighbours of the input."""
        return math.prod(self.stage.upsampling)

    def ready(self, pair: Pair, grid: Grid) -> Pair:
        """Return a pair on a lattice that has the positions of the taps."""
        return pair.refined(self.fine, grid)

    def thinned(self, pair: Pair, grid: Grid) -> Pair:
        """Return a tensor with itself at the positions that there are before upsampling."""
        return pair.thinned(self.stage.upsampling, grid)

    def factor(self, kernel: Kernel, side: int, pair: Pair, grid: Grid) -> Waves:
        """Return the factor of taps with the weights of a kernel on a side of a pair."""
        return grid.factor(kernel, self.stage, side, self.fine, pair.steps)

    def equal(self, kernel: Kernel, energy: Waves, grid: Grid) -> Waves:
        """Return an energy before taps, of which a kernel has what each passes."""
        return grid.factor(kernel, self.stage, BOTH, self.fine, self.fine) * energy / self.phases


@dataclass(frozen=True, eq=False)
class Gains:
    """A gain without taps: from (S, M) behind it to (S, M) before it, and the gains of the noise.

    Attributes
    ----------
    matrix
        What becomes of the amplitudes.
    gain
        By what the noise is multiplied, in common with that of other tensors.
    energy
        By what the energy of noise is multiplied.
    coherent
        The coherent energy before it: its multiples of that behind it, and of S S and S M over the channels.
    source
        By what the noise of another tensor adds to S.
    bends
        How the square of the slope depends on the features, see `Pair`; None where there is no slope.
    """

    matrix: Floats
    gain: float
    energy: float
    coherent: tuple[float, float, float]
    source: float = 0.0
    bends: tuple[float, float] | None = None

    def alone(self, energy: Waves, grid: Grid) -> Waves:
        """Return the energy of independent paths before the gain."""
        return self.energy * energy

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the gain."""
        waves = pair.waves.mixed(self.matrix, AXES[side])
        if self.source and pair.noise.any():
            waves = waves.with_function(pair.noise, self.source * (S_M if side == FIRST else M_S))
        return Pair(self.gain * pair.noise, waves, pair.steps)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the gain, and its coherent energy."""
        kept, squares, products = self.coherent
        energy = kept * energy
        if squares or products:
            features = pair.waves.equal(grid)
            inner = squares * features[0, 0] + products * (features[0, 1] + features[1, 0])
            energy = energy + inner / channels[1]
        waves = pair.waves.mixed(self.matrix, 0).mixed(self.matrix, 1)
        equal, (along, level) = grid.equal(pair.noise), self.matrix.diagonal()
        noise = self.gain**2 * pair.noise + (self.energy - self.gain**2) * equal
        skew, bend = along * level * pair.skew, along**2 * pair.bend
        if self.bends is not None:
            skew, bend = self.bends[0] * equal, self.bends[1] * equal
        return Pair(noise, waves, pair.steps, skew, bend), energy


@dataclass(frozen=True, eq=False)
class Random:
    """Random weights of gain g: noise starts anew, and S goes on along the features that are read.

    Attributes
    ----------
    taps, kernel
        The taps, and what each passes of an energy.
    along
        The amplitudes (S, M) of what goes on for an S behind them; (0, 0) where nothing does.
    """

    taps: Taps
    kernel: Kernel
    along: Floats

    def alone(self, energy: Waves, grid: Grid) -> Waves:
        """Return the energy of independent paths before the weights."""
        return self.taps.equal(self.kernel, energy, grid)

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the weights."""
        pair = self.taps.ready(pair, grid)
        features = pair.waves[0] if side == FIRST else pair.waves[:, 0]
        features = features.times(self.taps.factor(self.kernel, side, pair, grid))
        waves = features.outer(self.along / self.taps.phases, AXES[side])
        return Pair(grid.constant([0.0]), waves, pair.steps)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the weights, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        first, second = (self.taps.factor(self.kernel, side, pair, grid) for side in (FIRST, SECOND))
        noise = self.taps.equal(self.kernel, pair.noise + energy, grid)
        features = pair.bent().waves[0, 0].times(first * second)
        waves = features.outer(self.along, 0).outer(self.along / self.taps.phases, 1)
        found = self.taps.thinned(Pair(noise, waves, pair.steps), grid)
        return found, found.waves[0, 0].equal(grid) / channels[0]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Taps that are the same in all channels: `features` has those of S, `squares` those of energies."""

    taps: Taps
    features: Kernel
    squares: Kernel
    matrix: Floats
    gain: float = 1.0
    is_choice: bool = False

    def alone(self, energy: Waves, grid: Grid) -> Waves:
        """Return the energy of independent paths before the taps."""
        return self.gain * self.taps.equal(self.squares, energy, grid)

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the taps."""
        return self._passed(self.taps.ready(pair, grid), side, grid).times(1 / self.taps.phases)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the taps, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        found = self._passed(self._passed(pair, FIRST, grid), SECOND, grid).times(1 / self.taps.phases)
        if self.is_choice:
            found = replace(found, noise=self.alone(grid.equal(pair.noise), grid))
        return self.taps.thinned(found, grid), self.alone(energy, grid)

    def _passed(self, pair: Pair, side: int, grid: Grid) -> Pair:
        axis, waves = AXES[side], pair.waves.mixed(self.matrix, AXES[side])
        whole = self.taps.factor(self.taps.stage.kernel, side, pair, grid)
        along = self.taps.factor(self.features, side, pair, grid)
        rows = (waves[0], waves[1]) if side == FIRST else (waves[:, 0], waves[:, 1])
        features, means = rows[0].times(along), rows[1].times(whole)
        waves = features.outer(np.array([1.0, 0.0]), axis).plus(means.outer(np.array([0.0, 1.0]), axis))
        return Pair(pair.noise * whole, waves, pair.steps)


Way = Gains | Random | Fixed


def fixed(taps: Taps, ratio: float, correlation: float) -> Fixed:
    r"""Return given taps, by the correlation of the features at different positions about their mean.

    Of a sum of taps :math:`\sum_j w_j x(q_j)` the part along x(q) is :math:`w_j (w_j + r (W - w_j))`, with
    W the sum of the weights that meet in one unit.
    """
    stage = taps.stage
    weights = stage.kernel.to_numpy().astype(float)
    together = np.zeros_like(weights)
    for place in np.ndindex(*stage.upsampling):
        own = tuple(slice(p, None, u) for p, u in zip(place, stage.upsampling, strict=True))
        together[own] = weights[own].sum()
    along = weights * (weights + correlation * (together - weights))
    offset = stage.kernel.offsets
    matrix = np.diag([ratio, 1.0])
    return Fixed(taps, _kernel(along, offset), _kernel(weights**2, offset), matrix)


def _kernel(weights: Floats, offset: Ints) -> Kernel:
    return Kernel(np.array(weights.tolist(), dtype=object).reshape(weights.shape), offset)
