r"""Gradients of wide random networks beyond independence: their amplitudes along the features, pulled back.

The gradient of a tensor is taken apart over its channels i as

.. math:: g_i(p) = n_i(p) + M(p) + S(p)\, (x_i(p) - m) + \dots,

n noise that is alike in all channels, M its mean over the channels and S its coefficient along the features
x, whose mean is m. By Stein's lemma :math:`E[w F(w \cdot x)] \propto x\, E[F']` for normal weights w, so that
random weights carry S on along the features that they read, and activations mix M and S. What they all start
from is one source: the noise of a gradient that also goes another way, through a skip, meets itself behind a
gate and weights, :math:`E[n_i W_{ij} \phi'(h_i) n_i] \propto E[\phi''] \, x_j`. It is of the order 1/N.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..network.program import Program
from .mixtures import Mixture
from .pairs import Pair
from .propagation import Signals
from .waves import FIRST, SECOND, Grid, Waves, excess
from .ways import Way

# Of each tensor and of each two what they share, the lower number first.
Shared = dict[int, Pair]


class Pullback:
    """The gradients of the tensors that have been reached, going from the output back to the input.

    Of each tensor one, numbered like it; `pairs` has what two of them have in common, the lower number first.
    `energies` has the coherent energy of each.
    """

    def __init__(
        self, signals: Signals, ways: Sequence[Sequence[Way]], channels: Sequence[int], grid: Grid
    ) -> None:
        self.signals, self.ways, self.channels, self.grid = signals, ways, channels, grid
        output = signals.program.output
        self.pairs = {(output, output): Pair(grid.constant([1.0]), Mixture.nothing(grid), grid.steps[output])}
        self.energies = {output: grid.constant([0.0])}
        self.joins: list[float] = []
        self.bits = 0

    def run(self) -> Waves:
        """Return the energy of the gradient on the input by theta; `joins` has shares that are coherent."""
        for index in range(len(self.signals.program.operations), 0, -1):
            if index in self.energies:
                self._pass(index)
        energy = self.grid.equal(self.pairs[0, 0].noise).ravel() + self.energies[0].ravel()
        return np.broadcast_to(energy, len(self.grid.thetas))  # without taps it is alike for all

    def share(self, tensor: int = 0) -> float:
        """Return the coherent share of the energy of the gradient of a tensor."""
        coherent = float(self.energies[tensor].ravel()[0].real)
        noise = float(self.grid.equal(self.pairs[tensor, tensor].noise).ravel()[0].real)
        whole = coherent + noise
        return coherent / whole if whole else 0.0  # no energy where gradients cancel

    def _pass(self, index: int) -> None:
        """Replace the gradient of a tensor by those of the tensors that its operation reads."""
        op, ways = self.signals.program.operations[index - 1], self.ways[index - 1]
        own, energy = self.pairs.pop((index, index)), self.energies.pop(index)
        others = {a: self.pairs.pop((a, index)) for a in self.energies if (a, index) in self.pairs}
        # of concatenated channels each has its own noise
        common = replace(own, noise=0 * own.noise) if op.joined else own.forked()
        for number, ((source, _), way) in enumerate(zip(op.sources, ways, strict=True)):
            counts = self.channels[source], self.channels[index]
            before, coherent = way.both(own, energy, counts, self.grid)
            shared = {a: way.one(pair, SECOND, self.grid) for a, pair in others.items()}
            for (other, _), earlier in zip(op.sources[:number], ways, strict=False):
                both = way.one(earlier.one(common, FIRST, self.grid), SECOND, self.grid)
                shared[other] = both.plus(self.grid, shared[other]) if other in shared else both
            self._join(source, before, coherent, shared)
        self._rescale({source for source, _ in op.sources})

    def _join(self, tensor: int, own: Pair, energy: Waves, shared: Shared) -> None:
        """Add a gradient to what a tensor has so far, and what it shares with others to what they share."""
        is_first, common = tensor not in self.energies, shared.pop(tensor, None)
        parts = [] if is_first else [self.pairs[tensor, tensor]]
        if not is_first:
            energy = energy + self.energies[tensor]
        if common is not None:
            common = self._on_lattice(common, tensor)
            common = replace(common, apart=self._apart(tensor, common))
            parts += [common, common.flipped(self.grid)]
            energy = energy + 2 * self._inner(tensor, common)
        self.pairs[tensor, tensor] = own.plus(self.grid, *parts)
        self.energies[tensor] = energy
        for other, pair in shared.items():
            self._add(other, tensor, pair)
        if not is_first:
            self.joins.append(self.share(tensor))

    def _inner(self, tensor: int, pair: Pair) -> Waves:
        """Return the product of the amplitudes of two gradients of a tensor, over its channels."""
        features = pair.waves.equal(self.grid)
        inner = (1 - self.signals.tensors[tensor].share ** 2) * features[0, 0] + features[1, 1]
        return np.asarray(inner / self.channels[tensor])

    def _apart(self, tensor: int, pair: Pair) -> Waves:
        """Return the same at two positions."""
        signal = self.signals.tensors[tensor]
        far = pair.waves.weighted(np.diag([signal.correlation.far - signal.share**2, 1.0]))
        return self.grid.apart(far) / self.channels[tensor]

    def _add(self, a: int, b: int, pair: Pair) -> None:
        """Add to what the gradients of two tensors have in common, that of the first given first."""
        if pair.is_nothing:
            return
        if a > b:
            a, b, pair = b, a, pair.flipped(self.grid)
        known = self.pairs.get((a, b))
        self.pairs[a, b] = pair if known is None else known.plus(self.grid, pair)

    def _on_lattice(self, pair: Pair, tensor: int) -> Pair:
        """Return a tensor with itself at its own positions, of a pair that may know others between them.

        Each side is then a mean over the phases that there are, where one of both may be chosen.
        """
        steps = self.grid.steps[tensor]
        if steps == pair.steps:
            return pair
        factors = tuple(b // a for a, b in zip(pair.steps, steps, strict=True))
        return pair.thinned(factors, self.grid).times(math.prod(factors))

    def _rescale(self, tensors: Iterable[int]) -> None:
        """Scale all back together where the energies of tensors leave the range of floats."""
        is_out = any(excess(self._size(tensor)) for tensor in tensors)
        if is_out and (bits := excess(max(map(self._size, self.energies)))):
            self.bits += bits
            self.energies = {t: 2.0**-bits * energy for t, energy in self.energies.items()}
            self.pairs = {key: pair.times(2.0**-bits) for key, pair in self.pairs.items()}

    def _size(self, tensor: int) -> float:
        return float(abs(self.pairs[tensor, tensor].noise).max())


def independent(program: Program, ways: Sequence[Sequence[Way]], grid: Grid) -> tuple[Waves, int]:
    """Return the energy on the input by theta if all paths were independent, over a power of 2, and that."""
    energies, total = {program.output: grid.constant([1.0])}, 0
    for index in range(len(program.operations), 0, -1):
        energy = energies.pop(index, None)
        if energy is None:
            continue
        for (source, _), way in zip(program.operations[index - 1].sources, ways[index - 1], strict=True):
            energies[source] = energies.get(source, 0.0) + way.alone(energy, grid)
        bits = excess(max(abs(energy.item(0)) for energy in energies.values()))
        if bits:
            total, energies = total + bits, {t: 2.0**-bits * energy for t, energy in energies.items()}
    return np.broadcast_to(energies[0].ravel(), len(grid.thetas)), total
