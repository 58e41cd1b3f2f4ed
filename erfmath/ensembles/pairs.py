"""What the gradients of two tensors have in common: noise, and amplitudes along the features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints
from .mixtures import Mixture
from .waves import FIRST, SECOND, Grid, Waves

# Which axis of the amplitudes belongs to which of two gradients, and the places of products of S and M.
AXES = {FIRST: 0, SECOND: 1}
S_S, S_M, M_S = np.diag([1.0, 0.0]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])


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
    apart
        Of a tensor with itself the product of both gradients summed over the channels, coherent or not, at
        positions that differ, and 0 at equal ones.
    """

    noise: Waves
    waves: Mixture
    steps: Ints
    skew: Waves | float = 0.0
    bend: Waves | float = 0.0
    apart: Waves | float = 0.0

    @property
    def is_nothing(self) -> bool:
        """Whether the gradients have nothing in common."""
        return not len(self.waves) and not self.noise.any()

    def times(self, factor: float) -> Pair:
        """Return the pair of gradients whose energies are multiplied by a factor."""
        noise, waves = factor * self.noise, self.waves.scaled(factor)
        return Pair(noise, waves, self.steps, factor * self.skew, factor * self.bend, factor * self.apart)

    def flipped(self, grid: Grid) -> Pair:
        """Return the pair with its gradients exchanged."""
        apart = grid.negated(self.apart) if isinstance(self.apart, np.ndarray) else self.apart
        waves = self.waves.swapped().over(grid.negated)
        return Pair(grid.negated(self.noise), waves, self.steps, apart=apart)

    def plus(self, grid: Grid, *others: Pair) -> Pair:
        """Return the sum of pairs, on the finest of their lattices."""
        if not others:
            return self
        steps = tuple(map(min, self.steps, *(pair.steps for pair in others)))
        first, *rest = (pair.refined(steps, grid) for pair in (self, *others))
        noise, skew, bend, apart = first.noise, first.skew, first.bend, first.apart
        for pair in rest:
            noise, skew, bend = noise + pair.noise, skew + pair.skew, bend + pair.bend
            apart = apart + pair.apart
        return Pair(noise, first.waves.plus(*(pair.waves for pair in rest)), steps, skew, bend, apart)

    def refined(self, steps: Ints, grid: Grid) -> Pair:
        """Return the pair on a finer lattice."""
        if steps == self.steps:
            return self
        factors = tuple(max(1, a // b) for a, b in zip(self.steps, steps, strict=True))
        finer = tuple(map(min, self.steps, steps))
        return self._on(finer, lambda waves: grid.spread(waves, factors)) if max(factors) > 1 else self

    def thinned(self, factors: Ints, grid: Grid) -> Pair:
        """Return the pair at every so many positions of both."""
        steps = tuple(f * s for f, s in zip(factors, self.steps, strict=True))
        return self._on(steps, lambda waves: grid.thinned(waves, factors)) if max(factors) > 1 else self

    def _on(self, steps: Ints, resampled: Callable[[Waves], Waves]) -> Pair:
        apart = resampled(self.apart) if isinstance(self.apart, np.ndarray) else self.apart
        noise, waves = resampled(self.noise), self.waves.over(resampled)
        return replace(self, noise=noise, waves=waves, steps=steps, apart=apart)

    def bent(self) -> Pair:
        """Return the pair with the bend of the noise as amplitudes along the features."""
        return self._with(self.bend, S_S)

    def forked(self) -> Pair:
        """Return the pair with bend and skew as amplitudes: along the features of either branch."""
        return self.bent()._with(self.skew, S_M + M_S)

    def _with(self, function: Waves | float, numbers: Floats) -> Pair:
        if isinstance(function, float):  # there is none
            return self
        return replace(self, waves=self.waves.with_function(function, numbers))
