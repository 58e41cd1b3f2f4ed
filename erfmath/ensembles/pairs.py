"""What the gradients of two tensors have in common, and what a layer makes of that on its way back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from ..network.stage import Stage
from ..polynomials.kernel import Kernel
from .waves import BOTH, FIRST, SECOND, Grid, Waves


@dataclass(frozen=True, eq=False)
class Pair:
    """What the gradients of two tensors, or of one, have in common at two positions.

    Attributes
    ----------
    noise
        The two-point function of the noise.
    waves
        Those of the amplitudes, [of the first, of the second], S and M each: S in root mean squares of the
        features. All are sums over the channels.
    steps
        The distance in input samples of positions that are told apart, per axis.
    skew, bend
        How the product of the noise of both depends on the features: its regressions on them and on their
        second Hermite polynomial, at equal positions.
    """

    noise: Waves
    waves: Waves
    steps: Ints
    skew: Waves | float = 0.0
    bend: Waves | float = 0.0

    @property
    def features(self) -> Waves:
        """The two-point function of the coefficients S along the features."""
        return np.asarray(self.waves[0, 0])

    @property
    def means(self) -> Waves:
        """The two-point function of the means M over the channels."""
        return np.asarray(self.waves[1, 1])

    def times(self, factor: float) -> Pair:
        """Return the pair of gradients whose energies are multiplied by a factor."""
        noise, waves = factor * self.noise, factor * self.waves
        return Pair(noise, waves, self.steps, factor * self.skew, factor * self.bend)

    def flipped(self, grid: Grid) -> Pair:
        """Return the pair with its gradients exchanged."""
        return Pair(grid.negated(self.noise), grid.negated(self.waves.swapaxes(0, 1)), self.steps)

    def plus(self, other: Pair, grid: Grid) -> Pair:
        """Return the sum of two pairs, on the finer of their lattices."""
        steps = tuple(map(min, self.steps, other.steps))
        a, b = self.refined(steps, grid), other.refined(steps, grid)
        return Pair(a.noise + b.noise, a.waves + b.waves, steps, a.skew + b.skew, a.bend + b.bend)

    def refined(self, steps: Ints, grid: Grid) -> Pair:
        """Return the pair on a finer lattice."""
        factors = tuple(max(1, a // b) for a, b in zip(self.steps, steps, strict=True))
        if set(factors) == {1}:
            return self
        finer = tuple(map(min, self.steps, steps))
        noise, waves = grid.spread(self.noise, factors), grid.spread(self.waves, factors)
        return replace(self, noise=noise, waves=waves, steps=finer)

    def thinned(self, factors: Ints, grid: Grid) -> Pair:
        """Return the pair at every so many positions of both."""
        if set(factors) == {1}:
            return self
        steps = tuple(f * s for f, s in zip(factors, self.steps, strict=True))
        noise, waves = grid.thinned(self.noise, factors), grid.thinned(self.waves, factors)
        return replace(self, noise=noise, waves=waves, steps=steps)

    def forked(self) -> Pair:
        """Return the pair with what depends on the features as amplitudes: along those of either branch."""
        return replace(
            self, waves=_added(self.waves, {(0, 1): self.skew, (1, 0): self.skew, (0, 0): self.bend})
        )

    def mixed(self, matrix: Floats, side: int) -> Pair:
        """Return the pair with the amplitudes (S, M) of one side mixed."""
        (a, b), (c, d) = matrix.tolist()
        axis = 0 if side == FIRST else 1
        features, means = np.moveaxis(self.waves, axis, 0)
        rows = (a * features + b * means if b else a * features, c * features + d * means if c else d * means)
        return replace(self, waves=np.stack(rows, axis=axis))


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

    def ready(self, pair: Pair, grid: Grid) -> Pair:
        """Return a pair on a lattice that has the positions of the taps."""
        return pair.refined(self.fine, grid)

    def factor(self, kernel: Kernel, side: int, pair: Pair, grid: Grid) -> Waves:
        """Return the factor of taps with the weights of a kernel on a side of a pair, or on both."""
        return grid.factor(kernel, self.stage, side, self.fine, self.fine if side == BOTH else pair.steps)

    @property
    def phases(self) -> int:
        """How many output units stand between two neighbours of the input."""
        return math.prod(self.stage.upsampling)


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

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the gain."""
        found = pair.mixed(self.matrix, side)
        if self.source:
            place = (0, 1) if side == FIRST else (1, 0)
            found = replace(found, waves=_added(found.waves, {place: self.source * pair.noise}))
        return replace(found, noise=self.gain * pair.noise, skew=0.0, bend=0.0)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the gain, and its coherent energy."""
        equal = grid.equal(pair.noise)
        noise = self.gain**2 * pair.noise + (self.energy - self.gain**2) * equal
        kept, squares, products = self.coherent
        inner = squares * grid.equal(pair.features) + products * grid.equal(
            pair.waves[0, 1] + pair.waves[1, 0]
        )
        found = pair.mixed(self.matrix, FIRST).mixed(self.matrix, SECOND)
        skew, bend = self.matrix[0, 0] * self.matrix[1, 1] * pair.skew, self.matrix[0, 0] ** 2 * pair.bend
        if self.bends is not None:
            skew, bend = self.bends[0] * equal, self.bends[1] * equal
        return replace(found, noise=noise, skew=skew, bend=bend), kept * energy + inner / channels[1]


@dataclass(frozen=True, eq=False)
class Random:
    """Random weights of gain g: noise starts anew, and S goes on along the features that are read."""

    taps: Taps
    kernel: Kernel
    ratio: float
    share: float

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the weights."""
        pair = self.taps.ready(pair, grid)
        factor = self.ratio / self.taps.phases * self.taps.factor(self.kernel, side, pair, grid)
        features = factor * (pair.waves[0] if side == FIRST else pair.waves[:, 0])
        waves = np.stack((features, self.share * features), axis=0 if side == FIRST else 1)
        return Pair(grid.constant([0.0]), waves, pair.steps)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the weights, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        first, second = (self.taps.factor(self.kernel, side, pair, grid) for side in (FIRST, SECOND))
        features = self.ratio**2 / self.taps.phases * (pair.features + pair.bend) * (first * second)
        noise = self.taps.factor(self.kernel, BOTH, pair, grid) * (pair.noise + energy)
        rows = np.array([[1.0, self.share], [self.share, self.share**2]])
        waves = np.multiply.outer(rows, features)
        found = Pair(noise / self.taps.phases, waves, pair.steps)
        found = found.thinned(self.taps.stage.upsampling, grid)
        return found, grid.equal(found.features) / channels[0]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Taps that are the same in all channels: `features` has those of S, `squares` those of energies."""

    taps: Taps
    features: Kernel
    squares: Kernel
    matrix: Floats
    gain: float = 1.0
    is_choice: bool = False

    def one(self, pair: Pair, side: int, grid: Grid) -> Pair:
        """Return a pair with another tensor before the taps."""
        found = self._passed(self.taps.ready(pair, grid), side, grid)
        return Pair(found.noise / self.taps.phases, found.waves / self.taps.phases, found.steps)

    def both(self, pair: Pair, energy: Waves, channels: tuple[int, int], grid: Grid) -> tuple[Pair, Waves]:
        """Return a tensor with itself before the taps, and its coherent energy."""
        pair = self.taps.ready(pair, grid)
        found = self._passed(self._passed(pair, FIRST, grid), SECOND, grid)
        squares = self.taps.factor(self.squares, BOTH, pair, grid)
        is_alone = self.is_choice or grid.count == 1  # without wave numbers equal positions are all there is
        noise = self.gain * squares * grid.equal(pair.noise) if is_alone else found.noise
        found = Pair(noise / self.taps.phases, found.waves / self.taps.phases, pair.steps)
        return found.thinned(
            self.taps.stage.upsampling, grid
        ), self.gain * squares * energy / self.taps.phases

    def _passed(self, pair: Pair, side: int, grid: Grid) -> Pair:
        whole = self.taps.factor(self.taps.stage.kernel, side, pair, grid)
        along = self.taps.factor(self.features, side, pair, grid)
        waves = pair.mixed(self.matrix, side).waves
        rows = (waves[0] * along, waves[1] * whole)
        if side == SECOND:
            rows = (waves[:, 0] * along, waves[:, 1] * whole)
        return Pair(pair.noise * whole, np.stack(rows, axis=0 if side == FIRST else 1), pair.steps)


Way = Gains | Random | Fixed


def _added(waves: Waves, parts: dict[tuple[int, int], Waves | float]) -> Waves:
    """Return amplitudes with parts added to them."""
    shapes = [np.shape(part) for part in parts.values()]
    found = np.zeros((2, 2, *np.broadcast_shapes(waves.shape[2:], *shapes)), dtype=complex) + waves
    for place, part in parts.items():
        found[place] += part
    return found


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
