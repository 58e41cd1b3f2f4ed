r"""The forward pass of a wide network with random weights: mean, mean square and correlation of its features.

Of a standard normal input the features of each tensor have, in the limit of many channels, a mean m over the
channels, a mean square q, and second moments :math:`K(\Delta) = E[x(p)\, x(p + \Delta)]` by offset:

- random weights of gain g: m = 0, and :math:`K' = g K(s \Delta)`, since another tap has other weights;
- weights that are given, averages, interpolation: :math:`K' = \sum_{ij} w_i w_j K(s \Delta + d (j - i))`;
- activations and maxima: see :mod:`erfmath.ensembles.units` and :mod:`erfmath.ensembles.maxima`;
- a sum of branches with weights of their own: means add, and so do the moments about them;
- a concatenation: averages over the channels.

Borders are left out, and behind upsampling the phases are averaged. Sources: B. Poole et al., Exponential
expressivity in deep neural networks through transient chaos, NeurIPS 2016; L. Xiao et al., Dynamical isometry
and a mean field theory of CNNs, ICML 2018.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..network.algebra import Node, require_network
from ..network.inits import gain_of
from ..network.layers import Activation, Conv, Convolution, ConvTranspose, Dropout, Pool
from ..network.program import Operation, Program, program_of
from ..network.stage import Stage, Unbounded
from .offsets import Offsets, pairs_of
from .signal import Signal, added, concatenated, signal_of_units

# A variance of weights whose products with moments stay within floats, as its inverse does, and a gain of a
# branch that a float holds.
_LARGEST_GAIN, _LARGEST_BRANCH = 1e100, 1e300


@dataclass(frozen=True, eq=False)
class Signals:
    """The features of all tensors of a network.

    Attributes
    ----------
    program
        The network as operations, each copy and each activation one of its own.
    tensors
        One signal for each tensor of the program, the input first.
    gains
        For each operation by how much it multiplies the energy of the gradient at what it passes: activations
        the mean squared slope, dropout 1/(1 - p), maxima what the slopes before them are larger at the
        chosen units than elsewhere; 1 for all others.
    """

    program: Program
    tensors: tuple[Signal, ...]
    gains: tuple[float, ...]


def signals_of(net: Node, init: str | float | Fraction = "he") -> Signals:
    """Return the features of a network at initialisation, for a standard normal input and wide layers.

    Parameters
    ----------
    net
        A network.
    init
        As for :func:`erfmath.variance`.

    Raises
    ------
    TypeError, ValueError
        If a layer has no such features: attention, unknown activations; or `init` is unknown.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Pool
    >>> block = Conv(3, padding=1) >> Activation("relu")
    >>> found = signals_of(block ** 2 >> Pool(2, mode="max"))
    >>> [round(tensor.square, 3) for tensor in found.tensors], [round(gain, 3) for gain in found.gains]
    ([1.0, 2.0, 1.0, 2.0, 1.0, 1.699], [1.0, 0.5, 1.0, 0.5, 1.397])
    """
    gain = gain_of(init)
    if not 1 / _LARGEST_GAIN <= gain <= _LARGEST_GAIN:
        raise ValueError(f"init must be from {1 / _LARGEST_GAIN:g} to {_LARGEST_GAIN:g}, got {init!r}")
    program = program_of(require_network(net), unrolled=True, pointwise=True)
    require_gains(program.operations, _LARGEST_BRANCH)
    known = program.__dict__.setdefault("_signals", {})
    if gain not in known:
        known[gain] = _passed(program, float(gain))
    found: Signals = known[gain]
    return found


def require_gains(operations: Sequence[Operation], largest: float) -> None:
    """Raise if the gain of a branch is beyond what is computed with."""
    for op in operations:
        if not op.joined and any(not -largest <= gain <= largest for _, gain in op.sources):
            raise ValueError(f"gains of branches must be at most {largest:g} in magnitude at {op.node!r}")


def _passed(program: Program, gain: float) -> Signals:
    tensors, gains = [Signal.of(0.0, 0.0, Offsets.white(program.ndim))], []
    for op in program.operations:
        signal, factor = forward(op.node, _read(op, tensors), op.what, gain)
        tensors.append(signal)
        gains.append(factor)
    return Signals(program, tuple(tensors), tuple(gains))


def _read(op: Operation, tensors: Sequence[Signal]) -> Signal:
    """Return the signal that an operation reads."""
    sources = [(tensors[source], gain) for source, gain in op.sources]
    return concatenated(sources) if op.joined else added(sources)


@functools.singledispatch
def forward(node: Any, source: Signal, what: Stage | Unbounded | Any, gain: float) -> tuple[Signal, float]:
    """Return the signal behind a layer, and its gain; by default its taps are weights that are given.

    Register your own layer types with ``forward.register``.
    """
    if what is None:
        return source, 1.0
    if isinstance(what, Unbounded):
        return _averaged(node, source, what), 1.0
    if what.mixing is not None:
        raise TypeError(
            f"the signal behind {node!r} is unknown: its weights are not random; those of "
            'with_weights("uniform") are'
        )
    total = float(what.kernel.total)
    if set(what.upsampling) == {1} and set(what.kernel.shape) == {1} and total == 1:
        return source.strided(what.stride), 1.0
    pairs = pairs_of(what.kernel, what.dilation)
    return source.mixed(pairs, total, what.stride, what.upsampling), 1.0


@forward.register(Conv)
@forward.register(ConvTranspose)
def _(node: Convolution, source: Signal, what: Stage, gain: float) -> tuple[Signal, float]:
    if node.is_given:
        return forward.dispatch(object)(node, source, what, gain)
    pairs = np.full((1,) * what.ndim, gain)
    return source.mixed(pairs, 0.0, what.stride, what.upsampling), 1.0


@forward.register
def _(node: Activation, source: Signal, what: None, gain: float) -> tuple[Signal, float]:
    parts = [(weight, units.activated(node.name)) for weight, units in source.units]
    return signal_of_units(parts, source.correlation.values.ndim), _energy(source.units, parts)


@forward.register
def _(node: Pool, source: Signal, what: Stage, gain: float) -> tuple[Signal, float]:
    if node.mode != "max":
        return forward.dispatch(object)(node, source, what, gain)
    places = [tuple(d * p for p in range(k)) for k, d in zip(node.size, node.dilation, strict=True)]
    parts = [(weight, units.pooled(places, node.stride)) for weight, units in source.units]
    return signal_of_units(parts, source.correlation.values.ndim), _energy(source.units, parts)


@forward.register
def _(node: Dropout, source: Signal, what: None, gain: float) -> tuple[Signal, float]:
    kept = 1 / float(1 - node.p)
    alone = Offsets.white(source.correlation.values.ndim).times(kept - 1)
    both = Offsets(source.correlation.values + alone.values, source.correlation.far)
    return Signal.of(source.level, source.share, both), kept


def _averaged(node: Node, source: Signal, what: Unbounded) -> Signal:
    """Return the signal of an average over the whole map, which is that of units far apart."""
    if what.keeps_positions:
        raise ValueError(f"the signal behind {node!r} is unknown: it depends on the size of the map")
    far = source.correlation.far
    constant = Offsets(np.full_like(source.correlation.values, far), far)
    return Signal.of(source.level, source.share, constant)


def _energy(before: Any, after: Any) -> float:
    """Return how much larger the mean squared slope of the units is behind a layer than before it."""
    ratios = [
        weight * new.energy / old.energy
        for (weight, old), (_, new) in zip(before, after, strict=True)
        if old.energy
    ]
    return float(sum(ratios))
