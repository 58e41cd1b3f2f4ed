"""Where the positions of the tensors of a network are, and how many wave numbers tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..network.arguments import Ints
from ..network.program import Program
from ..network.stage import Stage

# By axes: standard deviations of a difference of positions that are told apart, and the fewest and the most
# wave numbers. With 6 the variance is right to some 1e-6, with 8 to 1e-9.
_COUNTS = {1: (8, 16, 256), 2: (6, 16, 64), 3: (6, 16, 32)}


def steps_of(program: Program) -> tuple[list[Ints], Ints]:
    """Return the distances of two neighbours of each tensor, and of how many parts of a sample they are."""
    found: list[tuple[Fraction, ...]] = [(Fraction(1),) * program.ndim]
    fine = []
    for op in program.operations:
        steps = found[op.sources[0][0]]
        if isinstance(op.what, Stage):
            fine.append(tuple(s / u for s, u in zip(steps, op.what.upsampling, strict=True)))
            steps = tuple(s * r for s, r in zip(steps, op.what.rate, strict=True))
        found.append(steps)
    columns = zip(*found, *fine, strict=True)
    unit = tuple(math.lcm(*(step.denominator for step in set(column))) for column in columns)
    return [tuple(int(s * u) for s, u in zip(steps, unit, strict=True)) for steps in found], unit


def counts_of(program: Program, steps: Sequence[Ints], unit: Ints, spreads: Sequence[float]) -> Ints:
    """Return how many wave numbers there are to be per axis, by the variance of independent paths on each."""
    found = []
    for axis, spread in enumerate(spreads):
        finest = min(step[axis] for step in steps) / unit[axis]
        found.append(_count(min(spread / finest**2, _widest(program, steps, axis)), program.ndim))
    return tuple(found)


def _count(spread: float, ndim: int) -> int:
    """Return the wave numbers for amplitudes of a variance in positions."""
    if not spread:  # all is at one position
        return 1
    deviations, low, high = _COUNTS.get(ndim, (6, 8, 8))
    wanted = 2 ** math.ceil(math.log2(deviations * math.sqrt(2 * max(spread, 1.0))))
    return int(min(max(wanted, low), high))


def _widest(program: Program, steps: Sequence[Ints], axis: int) -> float:
    """Return the most that taps between tensors of one rate spread: others tell positions apart anew."""
    found: dict[int, float] = {}
    for op, step in zip(program.operations, steps[1:], strict=True):
        if isinstance(op.what, Stage):
            taps = op.what.dilation[axis] * (op.what.kernel.shape[axis])
            found[step[axis]] = found.get(step[axis], 0.0) + taps**2 / 12
    return max(found.values(), default=0.0)
