"""The whole map of an impact in floats: an array pulled back layer by layer, on any number of axes.

Every step adds products of floats: of non-negative ones, so that the relative error of every pixel is some
1e-16 per layer; signed ones cancel, and are as good as the sum of magnitudes allows. An axis may be folded:
summed over all positions equal modulo m, which is what its sum takes where upsampling makes the impact depend
on the phase.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._memory import check_memory
from ..core.scaled import Floats
from ..laws.manners import UNIT
from ..polynomials.kernel import Kernel
from .arguments import Ints
from .program import Block, Program, pull_back
from .rates import Gain
from .spread import Spans, Steps, apart
from .stage import Stage

# Values are scaled back beyond this: a layer may square it and still stay within the floats, 2^1024.
_WIDEST = 2.0**400


@dataclass(frozen=True, eq=False)
class Map:
    """A response as an array, channels first: the weight at offset + i is values[:, i] 2**exponent.

    A single channel stands for any number that are alike. `moduli` holds 0 for an axis as it is and m for one
    folded to the residues 0 .. m - 1.
    """

    values: Floats
    offset: Ints
    moduli: Ints
    exponent: int = 0

    @classmethod
    def unit(cls, at: Ints, channels: Floats | None = None, moduli: Ints | None = None) -> Map:
        """Return what an output unit sees of the output: itself, in all channels alike or as weighted."""
        weights = np.ones(1) if channels is None else channels
        return cls(weights.reshape(-1, *(1 for _ in at)), at, moduli or (0,) * len(at))

    @property
    def grid(self) -> Floats:
        """The weights of all channels added."""
        return np.asarray(self.values[0] if len(self.values) == 1 else self.values.sum(axis=0))

    def through(self, stage: Stage, size: Ints | None = None) -> Map | None:
        """Return the map before a stage; of a tensor of a size, only what lies inside."""
        grid = self
        for axes, taps, offset in passes(stage.kernel, stage.mixing is None):
            grid = grid._convolved(axes, taps, offset, stage, size)
            if not grid.values.size:
                return None
        return grid._folded()._decimated(stage.upsampling)._scaled()

    def through_block(self, block: Block) -> Map | None:
        """Return the map before n copies of a network of rate 1, None where weights cancel."""
        grid: Map | None = self
        for _ in range(block.n):
            grid = grid and pull_back(block.program, grid)
        return grid

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, Map]]) -> Map:
        """Return the weighted sum of maps; folded axes are folded to what all parts know."""
        if len(parts) == 1:
            return parts[0][1]._times(parts[0][0])
        moduli = tuple(math.gcd(*column) for column in zip(*(m.moduli for _, m in parts), strict=True))
        maps = [(g, m if m.moduli == moduli else replace(m, moduli=moduli)._folded()) for g, m in parts]
        exponent = max(m.exponent for _, m in maps)
        ends = np.array([[m.offset, np.add(m.offset, m.sides)] for _, m in maps])
        low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        values = np.zeros((max(len(m.values) for _, m in maps), *(high - low)))
        for gain, m in maps:
            place = tuple(slice(o - a, o - a + k) for o, a, k in zip(m.offset, low, m.sides, strict=True))
            part = m.values if m.exponent == exponent else np.ldexp(m.values, m.exponent - exponent)
            values[:, *place] += part if gain == 1 else float(gain) * part
        return cls(values, tuple(low.tolist()), moduli, exponent)

    def _times(self, gain: Gain) -> Map:
        """Return the map times a gain: of a power of two no number changes."""
        share, bits = math.frexp(gain)
        if share == 0.5:
            return replace(self, exponent=self.exponent + bits - 1)
        return replace(self, values=float(gain) * self.values)

    @property
    def sides(self) -> Ints:
        """Positions per axis."""
        return tuple(self.values.shape[1:])

    def _convolved(self, axes: Ints, weights: Floats, offset: Ints, stage: Stage, size: Ints | None) -> Map:
        """Return the map stretched by the stride and convolved with the dilated weights, on some axes."""
        ndim = len(self.sides)
        moving = [axis in axes for axis in range(ndim)]
        stride = tuple(s if on else 1 for s, on in zip(stage.stride, moving, strict=True))
        steps = Steps(stride, tuple(d if on else 0 for d, on in zip(stage.dilation, moving, strict=True)))
        taps = np.expand_dims(weights, [axis for axis in range(ndim) if axis not in axes])
        moved, whole = self._moved(axes, offset, stage), steps.shape(self.sides, taps.shape)
        kept = [(0, n) for n in whole]
        if size is not None:
            kept = [
                (max(0, -o), max(0, -o, min(n, u * length - o))) if on else (0, n)
                for o, n, u, length, on in zip(moved, whole, stage.upsampling, size, moving, strict=True)
            ]
        out = self._spread(taps, steps, tuple(kept), stage)
        moduli = [m * s if on else m for m, s, on in zip(self.moduli, stage.stride, moving, strict=True)]
        start = tuple(o + low for o, (low, _) in zip(moved, kept, strict=True))
        return Map(out, start, tuple(moduli), self.exponent)

    def _spread(self, taps: Floats, steps: Steps, kept: Spans, stage: Stage) -> Floats:
        """Return the values at the positions kept, spread over what the units read."""
        if taps.size == 1 and set(steps.stride) == {1} and stage.mixing is None:
            values = self.values[:, *(slice(*span) for span in kept)]
            return values if taps.item() == 1 else np.asarray(taps.item() * values)
        self._require_room(steps.shape(self.sides, taps.shape), stage)
        if stage.mixing is None:
            return apart(self.values, taps[None], steps, kept)
        return stage.mixing.back(self.values, taps, steps, kept)

    def _require_room(self, shape: Ints, stage: Stage) -> None:
        """Raise where a map would not fit into memory."""
        channels = len(self.values) if stage.mixing is None else stage.mixing.inputs
        what = f"the map of {shape} pixels"
        check_memory(24 * channels * math.prod(shape), what, "take marginals, or fewer layers")

    def _moved(self, axes: Ints, offset: Ints, stage: Stage) -> Ints:
        """Return where the first value stands before a stage whose first tap is at `offset` on these axes."""
        moved = list(self.offset)
        for axis, o in zip(axes, offset, strict=True):
            moved[axis] = stage.stride[axis] * moved[axis] + stage.dilation[axis] * o + stage.shift[axis]
        return tuple(moved)

    def _folded(self) -> Map:
        """Return the map with its folded axes summed to their residues."""
        if not any(self.moduli):
            return self
        values, offset = self.values, list(self.offset)
        for axis, m in enumerate(self.moduli):
            if m:
                values = np.moveaxis(values, axis + 1, 0)
                residues = np.zeros((m, *values.shape[1:]))
                np.add.at(residues, (offset[axis] + np.arange(len(values))) % m, values)
                values, offset[axis] = np.moveaxis(residues, 0, axis + 1), 0
        return replace(self, values=values, offset=tuple(offset))

    def _decimated(self, up: Ints) -> Map:
        """Return what stands at the multiples of the upsampling factors."""
        if set(up) == {1}:
            return self
        phases = [-o % u for o, u in zip(self.offset, up, strict=True)]
        values = self.values[:, *(slice(p, None, u) for p, u in zip(phases, up, strict=True))]
        offset = tuple((o + p) // u for o, p, u in zip(self.offset, phases, up, strict=True))
        return Map(values, offset, tuple(m // u for m, u in zip(self.moduli, up, strict=True)), self.exponent)

    def _scaled(self) -> Map | None:
        """Return the map with its largest value in the middle of the float range; None when all are zero."""
        peak = max(float(self.values.max(initial=0.0)), -float(self.values.min(initial=0.0)))
        if not peak:
            return None
        if 1 / _WIDEST < peak < _WIDEST:
            return self
        bits = math.frexp(peak)[1]
        return replace(self, values=np.ldexp(self.values, -bits), exponent=self.exponent + bits)


def map_of(
    program: Program, at: Ints, kept: Ints | None = None, channels: Floats | None = None
) -> Map | None:
    """Return the map of an output unit, None when it sees nothing; all axes but those kept are folded.

    Of all output channels alike, or by their weights.
    """
    moduli = [0 if kept is None or a in kept else m for a, m in enumerate(_needed(program))]
    offset = tuple(a % m if m else a for a, m in zip(at, moduli, strict=True))
    found = pull_back(program, Map.unit(offset, channels, tuple(moduli))._folded())
    return found if found is not None and found.values.any() else None


def _needed(program: Program) -> Ints:
    """Return the modulus per axis to which an output's position must be known for every layer before it."""
    ones = (1,) * program.ndim
    if all(max(stage.upsampling) == 1 for stage in program.stages):
        return ones
    needed = [ones]
    for op in program.operations:
        below = [needed[source] for source, _ in op.sources]
        joint = tuple(math.lcm(*column) for column in zip(*below, strict=True))
        if isinstance(op.what, Stage):
            wanted = [u * m for u, m in zip(op.what.upsampling, joint, strict=True)]
            joint = tuple(w // math.gcd(s, w) for s, w in zip(op.what.stride, wanted, strict=True))
        needed.append(joint)
    return needed[program.output]


@functools.lru_cache(maxsize=256)
def rounding_of(program: Program) -> float:
    r"""Return a bound of the relative error of a map of weights that are not negative.

    A layer of k taps adds k products, whose errors are u each: k + 2 units a layer, copies of a block each
    their own, and one for each branch that is added.
    """
    units = 0.0
    for op in program.live:
        if isinstance(op.what, Stage):
            units += sum(1 for _ in op.what.kernel.taps()) + 2
        elif isinstance(op.what, Block):
            units += op.what.n * rounding_of(op.what.program) / UNIT
        units += 2 * len(op.sources)
    return units * UNIT


def passes(kernel: Kernel, may_separate: bool) -> list[tuple[Ints, Floats, Ints]]:
    """Return the convolutions that make up one with the kernel: (axes, weights, offset) each."""
    parts = kernel.separate() if may_separate else None
    if parts is None:
        return [(tuple(range(kernel.ndim)), kernel.to_numpy(), kernel.offsets)]
    return [((axis,), part.to_numpy(), part.offsets) for axis, part in enumerate(parts)]
