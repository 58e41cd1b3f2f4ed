"""What a layer makes of gradients on their way back: of its own, and of what they share with others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from ..network.stage import Stage
from ..polynomials.kernel import Kernel
from .mixtures import Mixture
from .pairs import AXES, M_S, S_M, Pair
from .waves import BOTH, FIRST, SECOND, Grid, Waves

# What is all S, and what is all M.
_S, _M = np.eye(2)


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

    def apart(self, kernel: Kernel, products: Waves, pair: Pair, grid: Grid) -> Waves:
        """Return products at two positions before taps with the weights of a kernel, one at each."""
        first, second = (self.factor(kernel, side, pair, grid) for side in (FIRST, SECOND))
        return first * second * products / self.phases

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
    apart
        The same for products at two positions far from each other.
    source
        By what the noise of another tensor adds to S.
    bends
        How the square of the slope depends on the features, see `Pair`; None where there is no slope.
    """

    matrix: Floats
    gain: float
    energy: float
    coherent: tuple[float, float, float]
    apart: tuple[float, float, float]
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
        noise, tilts = self._noise(pair.noise, grid), self._tilts(pair, grid)
        return Pair(noise, waves, pair.steps, *tilts, self._apart(pair, channels[1], grid)), energy

    def _noise(self, noise: Waves, grid: Grid) -> Waves:
        """Return the noise of a tensor with itself: slopes at one position are one."""
        alone = self.energy - self.gain**2
        return self.gain**2 * noise + alone * grid.equal(noise) if alone else self.gain**2 * noise

    def _tilts(self, pair: Pair, grid: Grid) -> tuple[Waves | float, Waves | float]:
        """Return skew and bend of the noise of a tensor with itself."""
        if self.bends is None:
            along, level = self.matrix.diagonal().tolist()
            return along * level * pair.skew, along**2 * pair.bend
        equal = grid.equal(pair.noise)
        return self.bends[0] * equal, self.bends[1] * equal if self.bends[1] else 0.0

    def _apart(self, pair: Pair, channels: int, grid: Grid) -> Waves | float:
        """Return the products at two positions before the gain."""
        kept, squares, products = self.apart
        if not (squares or products) or not len(pair.waves):
            return kept * pair.apart
        inner = pair.waves.weighted([[squares, products], [products, 0.0]])
        return kept * pair.apart + grid.apart(inner) / channels


@dataclass(frozen=True, eq=False)
class Random:
    """Random weights of gain g: noise starts anew, and S goes on along the features that are read.

    Attributes
    ----------
    taps, kernel
        The taps, and what each passes of an energy.
    along
        The amplitudes (S, M) of what goes on for an S behind them; (0, 0) where nothing does.
    far
        The correlation of the features that are read at two positions far from each other.
    """

    taps: Taps
    kernel: Kernel
    along: Floats
    far: float

    def alone(self, energy: Waves, grid: Grid) -> Waves:
        """Return the energy of independent paths before the weights."""
        return self.taps.equal(self.kernel, energy, grid)

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the weights."""
        pair = self.taps.ready(pair, grid)
        features = pair.waves[0] if side == FIRST else pair.waves[:, 0]
        waves = self._read(features, side, pair, grid).outer(self.along / self.taps.phases, AXES[side])
        return Pair(grid.constant([0.0]), waves, pair.steps)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the weights, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        noise = self.taps.equal(self.kernel, pair.noise + energy, grid)
        features = self._read(pair.bent().waves[0, 0], FIRST, pair, grid)
        features = self._read(features, SECOND, pair, grid)
        waves = features.outer(self.along, 0).outer(self.along / self.taps.phases, 1)
        found = self._drifted(Pair(noise, waves, pair.steps), pair, channels[0], grid)
        found = self.taps.thinned(found, grid)
        return found, found.waves[0, 0].equal(grid) / channels[0]

    def _read(self, features: Mixture, side: int, pair: Pair, grid: Grid) -> Mixture:
        """Return what a side of a pair reads of S."""
        return features.times(self.taps.factor(self.kernel, side, pair, grid)) if len(features) else features

    def _drifted(self, found: Pair, pair: Pair, channels: int, grid: Grid) -> Pair:
        """Return a tensor with itself with what the taps of one draw do to all positions alike.

        A draw passes more of the gradient along the features by some taps than by others, and by the same
        ones at all positions that have the features in common: both positions move together.
        """
        if not self.along[0] or not len(found.waves):
            return found
        waves = found.waves
        apart: Waves | float = 0.0
        if isinstance(pair.apart, np.ndarray):
            apart = self.taps.equal(self.kernel, pair.apart, grid)
            mean = self.taps.apart(self.kernel, pair.apart, pair, grid) / float(self.kernel.total)
            along = self.along / self.along[0]
            waves = waves.with_function(self.far * (apart - mean), np.multiply.outer(along, along))
        apart = apart + self.far / channels * grid.apart(waves[0, 0].weighted(1.0))
        return replace(found, waves=waves, apart=apart)


@dataclass(frozen=True, eq=False)
class Fixed:
    """Taps that are the same in all channels.

    Attributes
    ----------
    taps
        The taps.
    features, squares
        What each passes of S, and of an energy.
    matrix
        What becomes of the amplitudes (S, M) beside that.
    gain
        By what energies are multiplied beside that.
    is_choice
        Whether each gradient goes to one of the taps, as that of a maximum does.
    """

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
        pair = self.taps.ready(pair, grid)
        whole = self.taps.factor(self.taps.stage.kernel, side, pair, grid)
        found = Pair(whole * pair.noise, self._passed(pair.waves, side, pair, grid), pair.steps)
        return found.times(1 / self.taps.phases)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the taps, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        waves = self._passed(self._passed(pair.waves, FIRST, pair, grid), SECOND, pair, grid)
        apart: Waves | float = 0.0
        if isinstance(pair.apart, np.ndarray) and pair.apart.any():
            whole = self.taps.apart(self.taps.stage.kernel, pair.apart, pair, grid)
            apart = self.gain * grid.apart(whole)
        noise = self._noise(pair, grid)
        found = Pair(noise, waves.scaled(1 / self.taps.phases), pair.steps, apart=apart)
        return self.taps.thinned(found, grid), self.alone(energy, grid)

    def _noise(self, pair: Pair, grid: Grid) -> Waves:
        """Return the noise of a tensor with itself before the taps."""
        if self.is_choice:
            return self.alone(grid.equal(pair.noise), grid)
        return self.taps.apart(self.taps.stage.kernel, pair.noise, pair, grid)

    def _passed(self, waves: Mixture, side: int, pair: Pair, grid: Grid) -> Mixture:
        """Return the amplitudes of a pair before taps at one side: of S and M those of their own."""
        if not len(waves):
            return waves
        axis, waves = AXES[side], waves.mixed(self.matrix, AXES[side])
        rows = (waves[0], waves[1]) if side == FIRST else (waves[:, 0], waves[:, 1])
        along, whole = (
            self.taps.factor(kernel, side, pair, grid) for kernel in (self.features, self.taps.stage.kernel)
        )
        return rows[0].times(along).outer(_S, axis).plus(rows[1].times(whole).outer(_M, axis))


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
