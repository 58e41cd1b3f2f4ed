"""Where the positions of the tensors of a network are, and how many wave numbers tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.layers import Convolution, Pool
from ..network.program import Program
from ..network.stage import Stage

# By axes with several positions: deviations of a difference that are told apart, and the most wave numbers.
# With 5 the variance is right to 1e-6 in networks of many blocks and 1e-5 in those of few, with 8 to 1e-9.
_COUNTS = {1: (8, 256), 2: (5, 64), 3: (5, 32)}
_FEWEST = 8

# The most where weights are given, as in averages: what these have in common at far positions is no less than
# at near ones, and would be taken for it.
_MOST_GIVEN = {1: 2**14, 2: 2**9, 3: 2**6}


def steps_of(program: Program) -> tuple[list[Ints], Ints]:
    """Return the distances of two neighbours of each tensor, and of how many parts of a sample they are."""
    kinds: list[tuple[Fraction, ...]] = [(Fraction(1),) * program.ndim]
    found, fine = [0], []
    for op in program.operations:
        kind = found[op.sources[0][0]]
        if isinstance(op.what, Stage) and max(op.what.stride + op.what.upsampling) > 1:
            fine.append(tuple(s / u for s, u in zip(kinds[kind], op.what.upsampling, strict=True)))
            kinds.append(tuple(s * r for s, r in zip(kinds[kind], op.what.rate, strict=True)))
            kind = len(kinds) - 1
        found.append(kind)
    unit = tuple(math.lcm(*(step.denominator for step in axis)) for axis in zip(*kinds, *fine, strict=True))
    whole = [tuple(int(s * u) for s, u in zip(steps, unit, strict=True)) for steps in kinds]
    return [whole[kind] for kind in found], unit


def counts_of(program: Program, steps: Sequence[Ints], unit: Ints, spreads: Sequence[float]) -> Ints:
    """Return how many wave numbers there are to be per axis, by the variance of independent paths on each."""
    found, ndim = [], sum(spread > 0 for spread in spreads)
    for axis, spread in enumerate(spreads):
        finest = min(step[axis] for step in steps) / unit[axis]
        every, given = _spans(program, steps, axis, False), _spans(program, steps, axis, True)
        deviations, most = _COUNTS.get(ndim, (5, 8))
        wanted, needed = (_wanted(spans, spread / finest**2, deviations) for spans in (every, given))
        if needed > (largest := _MOST_GIVEN.get(ndim, 16)):
            raise ValueError(
                f"averages and interpolation are followed over {largest // 2} positions of an axis, and "
                f"those of net need {needed // 2}; measure it: erfmath.measure(net, channels=..)"
            )
        found.append(max(min(wanted, most), needed))
    return tuple(found)


def _wanted(spans: Sequence[tuple[int, int]], spread: float, deviations: float) -> int:
    """Return the wave numbers for amplitudes of a variance in positions, by (step, span) of the taps.

    Only taps between tensors of one rate add up: others tell positions apart anew.
    """
    if not spread or not spans:  # all is at one position
        return 1
    widths: dict[int, float] = {}
    for step, span in spans:
        widths[step] = widths.get(step, 0.0) + span**2 / 12
    wanted = deviations * math.sqrt(2 * min(spread, max(widths.values())))
    longest = 2 * max(span for _, span in spans)  # however rarely it is passed
    return 2 * math.ceil(max(wanted, longest, _FEWEST) / 2)


def _spans(program: Program, steps: Sequence[Ints], axis: int, given: bool) -> list[tuple[int, int]]:
    """Return how far the units behind each stage are apart on an axis, and how many positions it spans.

    Of all stages, or of those alone whose weights are given.
    """
    return [
        (step[axis], op.what.dilation[axis] * op.what.kernel.shape[axis])
        for op, step in zip(program.operations, steps[1:], strict=True)
        if isinstance(op.what, Stage) and not (given and _is_drawn(op.node))
    ]


def _is_drawn(node: Node) -> bool:
    """Whether the taps of a layer are random weights, or the choice of a maximum."""
    if isinstance(node, Pool):
        return node.mode == "max"
    return isinstance(node, Convolution) and not node.is_given
