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

import functools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ..network.activations import activated, leak_of
from ..network.layers import Activation, Conv, ConvTranspose, Dropout, Pool
from ..network.program import Operation
from ..network.rates import Gain
from ..network.stage import Stage, lower
from ..network.variance import variance
from ..polynomials.kernel import Kernel
from .pairs import Fixed, Gains, Pair, Random, Taps, Way, fixed
from .signal import Signal
from .signals import Signals
from .waves import FIRST, SECOND, Grid, Waves

# Energies are scaled back beyond this, all at once: everything here is linear in them.
_LARGEST = 1e100

# The variance of features that do not vary.
_TINY = 1e-300


class Pullback:
    """The gradients of the tensors that have been reached, going from the output back to the input.

    Of each tensor one, numbered like it; `pairs` has what two of them have in common, the first of the key
    first. `coupled` False leaves that out, and the amplitudes with it: the theory of independent paths.
    """

    def __init__(
        self, signals: Signals, channels: Sequence[int], init: Fraction, grid: Grid, coupled: bool
    ) -> None:
        self.signals, self.channels, self.init = signals, channels, init
        self.grid, self.coupled = grid, coupled
        self.pairs: dict[tuple[int, int], Pair] = {}
        self.energies: dict[int, Waves] = {}
        self.joins: list[float] = []
        self.bits = 0
        output = signals.program.output
        none = np.zeros((2, 2, 1, *(1,) * grid.ndim), dtype=complex)
        self.energies[output] = grid.constant([0.0])
        self.pairs[output, output] = Pair(grid.constant([1.0]), none, grid.steps[output])

    def run(self) -> Waves:
        """Return the energy of the gradient on the input by theta; `joins` has shares that are coherent."""
        for index in range(len(self.signals.program.operations), 0, -1):
            if index in self.energies:
                self._pass(index)
                self._rescale()
        energy = self.grid.equal(self.pairs[0, 0].noise).ravel() + self.energies[0].ravel()
        return np.broadcast_to(energy, self.grid.thetas.shape)  # without taps it is alike for all

    def share(self, tensor: int = 0) -> float:
        """Return the coherent share of the energy of the gradient of a tensor."""
        coherent = float(self.energies[tensor].ravel()[0].real)
        noise = float(self.grid.equal(self.pairs[tensor, tensor].noise).ravel()[0].real)
        return coherent / (coherent + noise)

    def _pass(self, index: int) -> None:
        """Replace the gradient of a tensor by those of the tensors that its operation reads."""
        op = self.signals.program.operations[index - 1]
        own, energy = self.pairs.pop((index, index)), self.energies.pop(index)
        others = self._taken(index)
        common = replace(own, noise=0 * own.noise) if op.joined else own.forked()
        legs: list[tuple[int, Way]] = []
        for number, (source, gain) in enumerate(op.sources):
            way, leg = self._way(index, op, source, gain), -1 - number
            counts = self.channels[source], self.channels[index]
            self.pairs[leg, leg], self.energies[leg] = way.both(own, energy, counts, self.grid)
            for a, (pair, side) in others.items():
                self._put(a, leg, way.one(pair, side, self.grid), side)
            if self.coupled:  # of concatenated channels each has its own noise
                for other, before in legs:
                    both = way.one(before.one(common, FIRST, self.grid), SECOND, self.grid)
                    self._put(other, leg, both, SECOND)
            legs.append((leg, way))
        for (source, _), (leg, _) in zip(op.sources, legs, strict=True):
            self._join(leg, source)

    def _join(self, leg: int, tensor: int) -> None:
        """Add a gradient to what a tensor has so far, and its pairs with other tensors to theirs."""
        own, energy = self.pairs.pop((leg, leg)), self.energies.pop(leg)
        others, known = self._taken(leg), self.energies.get(tensor)
        common = others.pop(tensor, None)
        if known is not None:
            own, energy = own.plus(self.pairs[tensor, tensor], self.grid), energy + known
        if common is not None:
            own, energy = self._met(tensor, own, energy, common[0])
        for a, (pair, side) in others.items():
            found = self._taken(tensor, a).get(a)
            if found is not None:
                pair = pair.plus(found[0] if found[1] == side else found[0].flipped(self.grid), self.grid)
            self._put(a, tensor, pair, side)
        self.pairs[tensor, tensor], self.energies[tensor] = self._on_lattice(own, tensor), energy
        if common is not None:
            self.joins.append(self.share(tensor))

    def _met(self, tensor: int, own: Pair, energy: Waves, common: Pair) -> tuple[Pair, Waves]:
        """Return the sum of two gradients of a tensor with what they have in common."""
        both = common.plus(common.flipped(self.grid), self.grid)
        inner = (1 - self.signals.tensors[tensor].share ** 2) * both.features + both.means
        return own.plus(both, self.grid), energy + self.grid.equal(inner) / self.channels[tensor]

    def _on_lattice(self, pair: Pair, tensor: int) -> Pair:
        """Return a tensor with itself at its own positions, of a pair that may know others between them."""
        factors = tuple(b // a for a, b in zip(pair.steps, self.grid.steps[tensor], strict=True))
        return pair.thinned(factors, self.grid)

    def _taken(self, tensor: int, other: int | None = None) -> dict[int, tuple[Pair, int]]:
        """Remove and return the pairs of a tensor with others, or with one, and on which side it is."""
        keys = [(a, b) for a, b in self.pairs if a != b and tensor in (a, b) and other in (None, a, b)]
        return {
            b if a == tensor else a: (self.pairs.pop((a, b)), FIRST if a == tensor else SECOND)
            for a, b in keys
        }

    def _put(self, other: int, tensor: int, pair: Pair, side: int) -> None:
        """Keep the pair of a tensor on a side with another."""
        self.pairs[(tensor, other) if side == FIRST else (other, tensor)] = pair

    def _rescale(self) -> None:
        """Scale all back together where energies leave the range of floats."""
        largest = max(float(abs(self.pairs[t, t].noise).max()) for t in self.energies)
        if largest < _LARGEST:
            return
        bits = int(np.frexp(largest)[1])
        self.bits += bits
        scale = 2.0**-bits
        self.energies = {t: scale * energy for t, energy in self.energies.items()}
        self.pairs = {key: pair.times(scale) for key, pair in self.pairs.items()}

    def _way(self, index: int, op: Operation, source: int, gain: Gain) -> Way:
        """Return what an operation makes of the gradient on its way to one of its sources."""
        before, after = self.signals.tensors[source], self.signals.tensors[index]
        ratio = 2.0 ** (before.level - after.level)
        if isinstance(op.what, Stage):
            return self._stage(op, op.what, before, after, index)
        if isinstance(op.node, Activation):
            return activation_way(op.node.name, before, after)
        if isinstance(op.node, Dropout):
            return _dropout(1 / float(1 - op.node.p), before.share)
        factor = float(gain)
        if op.joined:
            lift = (before.share * ratio - after.share) * factor
            matrix = np.array([[factor * ratio, 0.0], [lift, factor]])
            return Gains(matrix, factor, factor, (factor, 0.0, 0.0))
        return Gains(np.diag([factor**2 * ratio, factor]), factor, factor**2, (factor**2, 0.0, 0.0))

    def _stage(self, op: Operation, stage: Stage, before: Signal, after: Signal, index: int) -> Way:
        """Return what taps make of a gradient."""
        fine = tuple(s // t for s, t in zip(self.grid.steps[index], stage.stride, strict=True))
        taps, ratio = Taps(stage, fine), 2.0 ** (before.level - after.level)
        if isinstance(op.node, (Conv, ConvTranspose)) and not op.node.is_given:
            return Random(
                taps, _energies(op.node, self.init), ratio if op.node.groups == 1 else 0.0, before.share
            )
        if isinstance(op.node, Pool) and op.node.mode == "max":
            return _maximum(taps, before, after, self.signals.gains[index - 1])
        inner = max(1 - before.share**2, _TINY)
        return fixed(taps, ratio, (before.correlation.far - before.share**2) / inner)


def activation_way(name: str, before: Signal, after: Signal) -> Gains:
    """Return what an activation makes of gradients, by the laws of the features before and behind it.

    Behind it the gradient is M + S (y - m), with y the features there, in all channels whose input is h:
    before it that times the slope, whose part along h is a regression.
    """
    is_scaled = leak_of(name) is not None  # a rectifier: in units of the root mean square
    sums = np.zeros(9)
    for weight, units in before.units:
        x = units.values[0] * 2.0 ** (units.unit - (before.level if is_scaled else 0.0))
        y, d = activated(name, x)
        u = x * 2.0 ** (0.0 if is_scaled else -before.level) - before.share
        v = y * 2.0 ** ((before.level if is_scaled else 0.0) - after.level) - after.share
        terms = (d, d * d, u * d, u * d * v, d * v, d * d * v, d * d * v * v, u * d * d, u * u * d * d)
        sums += weight * np.array([units.law.mean(term) for term in terms])
    slope, energy, curved, along, level, crossed, squared, skew, bend = sums.tolist()
    inner, outer = max(1 - before.share**2, _TINY), max(1 - after.share**2, 0.0)
    matrix = np.array([[along / inner, curved / inner], [level, slope]])
    coherent = (energy, squared - energy * outer, crossed)
    bends = (skew / inner, (bend / inner - energy) / inner)
    return Gains(matrix, slope, energy, coherent, curved / inner, bends)


def _dropout(kept: float, share: float) -> Gains:
    """Return what dropout makes of a gradient, kept the inverse of the share that it keeps."""
    root = kept**0.5
    matrix = np.array([[root, 0.0], [share * (kept - 1) / root, 1.0]])
    return Gains(matrix, 1.0, kept, (kept, 0.0, 0.0))


def _maximum(taps: Taps, before: Signal, after: Signal, gain: float) -> Fixed:
    """Return what a maximum makes of a gradient: regressions on the features, where they are the largest."""
    ratio, inner = 2.0 ** (after.level - before.level), max(1 - before.share**2, _TINY)
    row = [ratio * (1 - after.share**2), after.share * ratio - before.share]
    matrix = np.array([[value / inner for value in row], [0.0, 1.0]])
    kernel = taps.stage.kernel
    return Fixed(taps, kernel, kernel, matrix, gain, is_choice=True)


@functools.lru_cache(maxsize=256)
def _energies(node: Conv | ConvTranspose, init: Fraction) -> Kernel:
    """Return what each tap of random weights passes of the energy, once for all copies of a layer."""
    stage = lower(variance(node, init))
    assert isinstance(stage, Stage)
    return stage.kernel
