r"""How much of the impact's variance each operation makes.

The impact of an output unit is where a random walk ends that goes back through the network, at each operation
to one of the units that it reads, by their weights. What operation l adds to the variance of the end is the
variance of where its step leads on average, over the units that the walk passes there,

.. math:: \operatorname{Var} S = \sum_l \mathbb{E}\bigl[\operatorname{Var}(\mathbb{E}[S \mid \text{step } l,
   \text{unit}] \mid \text{unit})\bigr],

for a series :math:`a_l^2 \operatorname{Var} X_l`, with the step :math:`a_l` of a layer's taps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..core.scaled import Floats
from .algebra import Node
from .program import Block, Operation, Program, program_of
from .stage import Stage, Unbounded

# Masses of more are beyond the floats; sums of products that cancel to this are equal up to rounding, and so
# are means of places.
_MOST_MASS, _SAME, _SAME_PLACE = 600.0, 1e-9, 1e-12


class _NoShareError(Exception):
    """Raised where there is no walk: signed weights, a whole axis read, phases that weigh differently."""


class _Walks(NamedTuple):
    """The ends of walks from the units of a tensor on one axis, for one unit of each phase.

    Attributes
    ----------
    rate
        Input samples from one unit to the next.
    mass, mean, var
        The total weight, the mean and the variance of the ends.
    """

    rate: Fraction
    mass: Floats
    mean: Floats
    var: Floats


@dataclass
class _Step:
    """What an operation does on one axis: for each phase the variance it adds, and where a walk goes on."""

    added: list[float]
    onward: list[list[tuple[float, int, int]]]  # (probability, tensor, phase)


def variance_shares(program: Program, at: Sequence[int] | None = None) -> tuple[float, ...] | None:
    """Return the share of each operation in the variance of the impact on a unit, over all axes.

    None where there is none: some weight is negative, an axis is read whole, or the impact is a single point.

    Examples
    --------
    >>> from erfmath import Conv
    >>> from erfmath.network.program import program_of
    >>> variance_shares(program_of(Conv(3, stride=2) >> Conv(3)))  # 2/3 and 2^2 * 2/3
    (0.2, 0.8)
    """
    unit = tuple(at or (0,) * program.ndim)
    alike = program.likenesses if len(set(unit)) == 1 else tuple(range(program.ndim))
    try:
        _require_independent(program)
        found = {axis: _along(program, axis, unit[axis]) for axis in set(alike)}
    except _NoShareError:
        return None
    added = np.sum([found[axis] for axis in alike], axis=0)
    total = float(added.sum())
    return tuple(map(float, added / total)) if total > 0 else None


def _require_independent(program: Program) -> None:
    """Raise where upsampled axes do not separate: then no axis knows which of its taps another leaves."""
    if program.mixes is not None or program.unbounded is not None:
        raise _NoShareError
    stages = program.stages
    if any(max(stage.upsampling) > 1 and stage.kernel.separate() is None for stage in stages):
        raise _NoShareError


def _along(whole: Program, axis: int, unit: int) -> Floats:
    """Return the variance that each operation adds on an axis."""
    program = whole.along(axis)
    walks = [_Walks(Fraction(1), np.ones(1), np.zeros(1), np.zeros(1))]
    is_joined = whole.ndim > 1 and any(len(op.sources) > 1 for op in program.operations)
    steps = []
    for number, op in enumerate(program.operations):
        after, step = _behind(op, [(source, float(gain), walks[source]) for source, gain in op.sources])
        if is_joined:
            share = _left_by_others(whole.operations[number].what, axis)
            if np.ptp(after.mass) > _SAME * after.mass.max():
                raise _NoShareError
            after = after._replace(mass=after.mass * share)
        walks.append(after)
        steps.append(step)
    return _added(program, steps, len(walks[program.output].mass), unit)


def _left_by_others(what: Any, axis: int) -> float:
    """Return the share of a stage's taps that the other axes leave to a unit: one in as many as upsampled."""
    if not isinstance(what, Stage):
        return 1.0
    others = [other for other in range(len(what.stride)) if other != axis and what.upsampling[other] > 1]
    for other in others:
        part, up = what.along(other), what.upsampling[other]
        sums = [sum(weight for _, weight in _read(replace(part, stride=(1,)), i)) for i in range(up)]
        if max(sums) - min(sums) > _SAME * max(sums):
            raise _NoShareError
    return 1.0 / math.prod(what.upsampling[other] for other in others)


def _added(program: Program, steps: list[_Step], period: int, unit: int) -> Floats:
    """Return what each operation adds for the walks of one unit of the output."""
    visits: dict[int, dict[int, float]] = {program.output: {unit % period: 1.0}}
    found = np.zeros(len(steps))
    for index in range(len(steps), 0, -1):
        for phase, probability in visits.pop(index, {}).items():
            found[index - 1] += probability * steps[index - 1].added[phase]
            for share, tensor, onward in steps[index - 1].onward[phase]:
                there = visits.setdefault(tensor, {})
                there[onward] = there.get(onward, 0.0) + probability * share
    return found


def _behind(op: Operation, sources: list[tuple[int, float, _Walks]]) -> tuple[_Walks, _Step]:
    """Return the walks from the units that an operation makes, and its step."""
    what = op.what
    if isinstance(what, Block):
        return _behind_block(what, sources)
    if isinstance(what, Unbounded):
        raise _NoShareError
    periods = math.lcm(*(len(walk.mass) for *_, walk in sources))
    up, stride = (what.upsampling[0], what.stride[0]) if isinstance(what, Stage) else (1, 1)
    period = up * periods // math.gcd(stride, up * periods)
    rate = sources[0][2].rate * Fraction(stride, up)
    rows = [_unit(_read(what, i), sources) for i in range(period)]
    numbers = np.array([[mass, mean, var] for mass, mean, var, _, _ in rows]).T
    return _Walks(rate, *numbers), _Step([row[3] for row in rows], [row[4] for row in rows])


def _read(what: Stage | None, index: int) -> list[tuple[int, float]]:
    """Return the units that a unit reads, and their weights."""
    if what is None:
        return [(index, 1.0)]
    weights = np.asarray(what.kernel.weights, dtype=float).ravel()
    if weights.min(initial=0.0) < 0:
        raise _NoShareError
    taps = what.kernel.offsets[0] + np.flatnonzero(weights)
    places = what.stride[0] * index + what.dilation[0] * taps + what.shift[0]
    kept = places % what.upsampling[0] == 0
    units = places[kept] // what.upsampling[0]
    return list(zip(units.tolist(), weights[np.flatnonzero(weights)][kept].tolist(), strict=True))


def _unit(
    read: list[tuple[int, float]], sources: list[tuple[int, float, _Walks]]
) -> tuple[float, float, float, float, list[tuple[float, int, int]]]:
    """Return the mass, mean and variance of the walks from a unit, what is added here, and where they go."""
    ways = []
    for tensor, gain, walk in sources:
        if gain < 0:
            raise _NoShareError
        period = len(walk.mass)
        for place, weight in read:
            turn, phase = divmod(place, period)
            mean = walk.mean[phase] + float(turn * period * walk.rate)
            ways.append((weight * gain * walk.mass[phase], mean, walk.var[phase], tensor, phase))
    total = sum(way[0] for way in ways)
    if not total:
        return 0.0, 0.0, 0.0, 0.0, []
    mean = sum(mass * at for mass, at, *_ in ways) / total
    rounding = _SAME_PLACE * max(1.0, abs(mean))
    gaps = [(mass, at - mean) for mass, at, *_ in ways if abs(at - mean) > rounding]
    added = sum(mass * gap**2 for mass, gap in gaps) / total
    inherited = sum(mass * var for mass, _, var, *_ in ways) / total
    onward = [(mass / total, tensor, phase) for mass, _, _, tensor, phase in ways if mass]
    return total, mean, added + inherited, added, onward


def _behind_block(block: Block, sources: list[tuple[int, float, _Walks]]) -> tuple[_Walks, _Step]:
    """Return the walks behind n copies of a program that keeps the rate."""
    inner = [_Walks(Fraction(1), np.ones(1), np.zeros(1), np.zeros(1))]
    for op in block.program.operations:
        inner.append(_behind(op, [(source, float(gain), inner[source]) for source, gain in op.sources])[0])
    one = inner[block.program.output]
    before, step = _behind(Operation(None, None, ()), sources)  # type: ignore[arg-type]
    if len(before.mass) > 1 or len(one.mass) > 1:
        raise _NoShareError
    rate = float(before.rate)
    mean, var = block.n * one.mean * rate, block.n * one.var * rate**2
    log_mass = block.n * math.log(one.mass[0]) if one.mass[0] else -math.inf
    if not abs(log_mass) < _MOST_MASS:
        raise _NoShareError
    after = _Walks(before.rate, before.mass * math.exp(log_mass), before.mean + mean, before.var + var)
    return after, _Step([step.added[0] + float(var[0])], step.onward)


def shares_by_span(net: Node, ndim: int) -> tuple[float, ...] | None:
    """Return the share of each layer of a series or graph; see `variance_shares`."""
    for unrolled in (False, True):  # copies behind an upsampling are followed one by one
        try:
            program = program_of(net, ndim, unrolled=unrolled)
        except ValueError:  # too many copies
            return None
        shares = variance_shares(program)
        if shares is not None:
            return tuple(sum(shares[span.operations]) for span in program.spans)
    return None
