"""The features of one tensor of a wide random network: mean, mean square, correlation by offset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..network.arguments import Ints
from ..network.rates import Gain
from .offsets import Offsets
from .units import Units

# Tensors that a sum remembers, to know which of them it adds twice.
_MOST_TERMS = 64


@dataclass(frozen=True, eq=False)
class Signal:
    """The features of a tensor at initialisation, in the limit of many channels.

    Attributes
    ----------
    level
        Two's logarithm of the root mean square, which may be beyond all floats; -inf for zeros.
    share
        The mean over the channels, as a share of the root mean square.
    correlation
        The second moments by offset, as shares of the mean square.
    parts
        The units of the channels with their shares of them, where these are known to be more than normal.
    terms
        Which tensors were added up, and their gains.
    """

    level: float
    share: float
    correlation: Offsets
    parts: tuple[tuple[float, Units], ...] = ()
    terms: tuple[tuple[float, Signal], ...] = ()

    @classmethod
    def of(cls, level: float, mean: float, moments: Offsets, parts: Any = (), terms: Any = ()) -> Signal:
        """Return the signal of a mean and of second moments in units of 2**level and of its square."""
        square = moments.centre
        if not square > 0:
            return cls(-math.inf, 0.0, Offsets.white(moments.values.ndim), (), terms)
        share, correlation = mean / math.sqrt(square), moments.times(1 / square)
        return cls(level + math.log2(square) / 2, share, correlation, parts, terms)

    @property
    def mean(self) -> float:
        """The mean over the channels."""
        return self.share * float(2.0**self.level)

    @property
    def square(self) -> float:
        """The mean square."""
        return float(4.0**self.level)

    @property
    def units(self) -> tuple[tuple[float, Units], ...]:
        """The units of the channels and their shares of them; normal ones of the same moments if unknown."""
        if self.parts or self.level == -math.inf:
            return self.parts
        variance = 1 - self.share**2
        if variance <= 0:
            return ()
        about = self.correlation.plus(-(self.share**2)).times(1 / variance)
        level = self.level + math.log2(variance) / 2
        return ((1.0, Units.normal(level, self.share / math.sqrt(variance), about)),)

    @property
    def atoms(self) -> tuple[tuple[float, Signal], ...]:
        """The tensors that add up to this one, with their gains."""
        return self.terms or ((1.0, self),)

    def mixed(self, pairs: Any, total: float, stride: Ints, upsampling: Ints) -> Signal:
        """Return the signal behind taps of products `pairs` by offset, whose sum is `total`.

        A total of 0 stands for weights that are random with mean zero.
        """
        moments = self.correlation.gathered(pairs, stride, upsampling)
        return Signal.of(self.level, self.share * total / math.prod(upsampling), moments)

    def strided(self, stride: Ints) -> Signal:
        """Return the signal of every so many positions."""
        ones = (1,) * len(stride)
        places = ((0,),) * len(stride)
        parts = tuple((weight, units.pooled(places, stride)) for weight, units in self.parts)
        return replace(self.mixed(np.ones(ones), 1.0, stride, ones), parts=parts)


def signal_of_units(parts: Sequence[tuple[float, Units]], ndim: int) -> Signal:
    """Return the signal of channels of several kinds, with their shares."""
    found = [(weight, units) for weight, units in parts if weight]
    if not found:
        return Signal.of(0.0, 0.0, Offsets.white(ndim).times(0.0))
    top = max(units.unit for _, units in found)
    mean, values, far = 0.0, np.zeros(()), 0.0
    for weight, units in found:
        scale = 2.0 ** (units.unit - top)
        mean += weight * scale * units.mean
        values = values + weight * scale**2 * units.moments.values
        far += weight * scale**2 * units.moments.far
    return Signal.of(top, mean, Offsets(values, far), tuple(found))


def concatenated(sources: Sequence[tuple[Signal, Gain]]) -> Signal:
    """Return the signal of concatenated channels, with their shares."""
    top = max(signal.level for signal, _ in sources)
    if top == -math.inf:
        return sources[0][0]
    mean, values, far = 0.0, np.zeros(()), 0.0
    parts: list[tuple[float, Units]] = []
    for signal, share in sources:
        scale, weight = 2.0 ** (signal.level - top), float(share)
        mean += weight * scale * signal.share
        values = values + weight * scale**2 * signal.correlation.values
        far += weight * scale**2 * signal.correlation.far
        parts += [(weight * own, units) for own, units in signal.units]
    return Signal.of(top, mean, Offsets(values, far), _alike(parts))


def added(sources: Sequence[tuple[Signal, Gain]]) -> Signal:
    """Return the signal of a weighted sum of tensors: those alike are one, all others are independent."""
    terms = _together([(float(gain) * own, atom) for s, gain in sources for own, atom in s.atoms])
    is_plain = len(terms) == sum(len(signal.atoms) for signal, _ in sources)
    pairs = [(float(gain), signal) for signal, gain in sources] if is_plain else terms
    if len(pairs) == 1 and pairs[0][0] == 1:
        return pairs[0][1]
    levels = [signal.level + math.log2(abs(gain)) for gain, signal in pairs if gain]
    top = max(levels, default=-math.inf)
    if top == -math.inf:
        return replace(sources[0][0], level=-math.inf, parts=(), terms=())
    mean, values, far = 0.0, np.zeros(()), 0.0
    for gain, signal in pairs:
        scale = gain * 2.0 ** (signal.level - top)
        about = signal.correlation.plus(-(signal.share**2))
        mean += scale * signal.share
        values, far = values + scale**2 * about.values, far + scale**2 * about.far
    kept = tuple(terms) if len(terms) <= _MOST_TERMS else ()
    return Signal.of(top, mean, Offsets(values, far).plus(mean**2), terms=kept)


def _together(terms: Iterable[tuple[float, Signal]]) -> list[tuple[float, Signal]]:
    """Return terms with the gains of those alike added."""
    found: dict[int, tuple[float, Signal]] = {}
    for gain, signal in terms:
        known, _ = found.get(id(signal), (0.0, signal))
        found[id(signal)] = known + gain, signal
    return list(found.values())


def _alike(parts: Sequence[tuple[float, Units]]) -> tuple[tuple[float, Units], ...]:
    """Return parts with those of one kind as one, of their mean correlation."""
    kinds: dict[Any, list[tuple[float, Units]]] = {}
    for number, (weight, units) in enumerate(parts):
        is_centred = units.bias == 0 and units.leak is not None
        key = (units.window, units.step, units.leak) if is_centred else number
        kinds.setdefault(key, []).append((weight, units))
    return tuple(_joint(same) for same in kinds.values())


def _joint(same: Sequence[tuple[float, Units]]) -> tuple[float, Units]:
    if len(same) == 1:
        return same[0]
    total, top = sum(weight for weight, _ in same), max(units.level for _, units in same)
    squares = [weight / total * 4.0 ** (units.level - top) for weight, units in same]
    values = sum((w / total) * units.correlation.values for w, units in same)
    far = sum((w / total) * units.correlation.far for w, units in same)
    level = top + math.log2(sum(squares)) / 2
    return total, replace(same[0][1], level=level, correlation=Offsets(np.asarray(values), far))
