"""What each operation of a network with random weights makes of gradients on their way back."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..network.activations import activated, leak_of
from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.layers import Activation, Conv, ConvTranspose, Dropout, Pool
from ..network.stage import Stage, lower
from ..network.variance import variance
from ..polynomials.kernel import Kernel
from .propagation import Signals
from .signal import Signal
from .ways import Fixed, Gains, Random, Taps, Way, fixed

# The variance of features that do not vary.
_TINY = 1e-300

# A part of the energy that is rounding.
_ROUNDING = 1e-13


def ways_of(signals: Signals, init: Fraction, steps: Sequence[Ints]) -> list[tuple[Way, ...]]:
    """Return for each operation what it makes of the gradient on its way to each of its sources.

    `steps` has the distance of two neighbours of each tensor.
    """
    return [
        tuple(_way(signals, index, number, init, steps[index]) for number in range(len(op.sources)))
        for index, op in enumerate(signals.program.operations, 1)
    ]


def _way(signals: Signals, index: int, number: int, init: Fraction, steps: Ints) -> Way:
    """Return what an operation makes of the gradient on its way to one of its sources."""
    op = signals.program.operations[index - 1]
    source, gain = op.sources[number]
    before, after = signals.tensors[source], signals.tensors[index]
    if isinstance(op.what, Stage):
        fine = tuple(s // t for s, t in zip(steps, op.what.stride, strict=True))
        return _taps(op.node, Taps(op.what, fine), before, after, signals.gains[index - 1], init)
    if isinstance(op.node, Activation):
        return activation_way(op.node.name, before, after)
    if isinstance(op.node, Dropout):
        return _dropout(1 / float(1 - op.node.p), before.share)
    return (_joined if op.joined else _added)(float(gain), before, after)


def _added(gain: float, before: Signal, after: Signal) -> Gains:
    """Return what a sum makes of a gradient that goes to one of its terms."""
    matrix = np.array([[gain**2 * 2.0 ** (before.level - after.level), 0.0], [0.0, gain]])
    kept = (gain**2, 0.0, 0.0)
    return Gains(matrix, gain, gain**2, kept, kept)


def _joined(gain: float, before: Signal, after: Signal) -> Gains:
    """Return what a concatenation makes of a gradient that goes to a part of its channels."""
    ratio = 2.0 ** (before.level - after.level)
    matrix = gain * np.array([[ratio, 0.0], [before.share * ratio - after.share, 1.0]])
    kept = (gain, 0.0, 0.0)
    return Gains(matrix, gain, gain, kept, kept)


def _taps(node: Node, taps: Taps, before: Signal, after: Signal, gain: float, init: Fraction) -> Way:
    """Return what the taps of a layer make of a gradient."""
    ratio, inner = 2.0 ** (before.level - after.level), max(1 - before.share**2, _TINY)
    if isinstance(node, (Conv, ConvTranspose)) and not node.is_given:
        along = ratio * (node.groups == 1) * np.array([1.0, before.share])
        return Random(taps, _energy_taps(node, init), along, before.correlation.far)
    if isinstance(node, Pool) and node.mode == "max":
        return _maximum(taps, before, after, gain)
    return fixed(taps, ratio, (before.correlation.far - before.share**2) / inner)


def activation_way(name: str, before: Signal, after: Signal) -> Gains:
    """Return what an activation makes of gradients, by the laws of the features before and behind it.

    Behind it the gradient is M + S (y - m), with y the features there, in all channels whose input is h:
    before it that times the slope, whose part along h is a regression.
    """
    is_scaled = leak_of(name) is not None  # a rectifier: in units of the root mean square
    sums, pairs = np.zeros(9), np.zeros((2, 2))
    for weight, units in before.units:
        x = units.values[0] * 2.0 ** (units.unit - (before.level if is_scaled else 0.0))
        y, d = activated(name, x)
        u = x * 2.0 ** (0.0 if is_scaled else -before.level) - before.share
        v = y * 2.0 ** ((before.level if is_scaled else 0.0) - after.level) - after.share
        terms = (d, d * d, u * d, u * d * v, d * v, d * d * v, d * d * v * v, u * d * d, u * u * d * d)
        sums += weight * (np.array(terms) @ units.law.weights[0])
        pairs += weight * units.far_products(np.array([d, d * v]))
    slope, energy, curved, along, level, crossed, squared, skew, bend = sums.tolist()
    inner, outer = max(1 - before.share**2, _TINY), max(1 - after.share**2, 0.0)
    matrix = np.array([[along / inner, curved / inner], [level, slope]])
    coherent = (energy, squared - energy * outer, crossed)
    kept, far = pairs[0, 0], after.correlation.far - after.share**2
    apart = (kept, pairs[1, 1] - kept * far, pairs[0, 1])
    bend = bend / inner - energy
    bends = (skew / inner, bend / inner if abs(bend) > _ROUNDING * energy else 0.0)
    return Gains(matrix, slope, energy, coherent, apart, curved / inner, bends)


def _dropout(kept: float, share: float) -> Gains:
    """Return what dropout makes of a gradient, kept the inverse of the share that it keeps."""
    root = kept**0.5
    matrix = np.array([[root, 0.0], [share * (kept - 1) / root, 1.0]])
    return Gains(matrix, 1.0, kept, (kept, 0.0, 0.0), (1.0, 0.0, 0.0))


def _maximum(taps: Taps, before: Signal, after: Signal, gain: float) -> Fixed:
    """Return what a maximum makes of a gradient: regressions on the features, where they are the largest."""
    ratio, inner = 2.0 ** (after.level - before.level), max(1 - before.share**2, _TINY)
    row = [ratio * (1 - after.share**2), after.share * ratio - before.share]
    matrix = np.array([[value / inner for value in row], [0.0, 1.0]])
    kernel = taps.stage.kernel
    return Fixed(taps, kernel, kernel, matrix, gain, is_choice=True)


@functools.lru_cache(maxsize=256)
def _energy_taps(node: Conv | ConvTranspose, init: Fraction) -> Kernel:
    """Return what each tap of random weights passes of the energy, once for all copies of a layer."""
    stage = lower(variance(node, init))
    assert isinstance(stage, Stage)
    return stage.kernel
