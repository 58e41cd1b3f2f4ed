r"""Which layers make a network late: what each adds to how far a unit reads ahead.

A tensor is ahead by :math:`E = \max_i (b_i - \rho i)`, its unit i at the sample :math:`\rho i` reading up to
:math:`b_i`. Along the path to the sample that is waited for, padding takes from E and a window gives. So a
window is taken together with the padding in front of it, and adds what no later layer takes away again:
:math:`\max(0, \min_{s \ge t} E_s)` grows by it at t. The sum over the path is the delay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..network.algebra import Node
from ..network.describe import describe
from ..network.program import Operation, Program, program_of
from ..network.rates import integral
from ..network.regions import Regions, regions_of
from ..network.stage import Stage, Unbounded
from .buffers import names_of


@dataclass(frozen=True)
class Wait:
    """What one layer adds to the delay of a network.

    Attributes
    ----------
    layer
        A short description.
    samples
        Of the network's input; inf where it reads all that follows.

    Examples
    --------
    >>> import erfmath as em
    >>> em.latency(em.Conv(3, padding="causal") >> em.Conv(5, dilation=4, padding=8)).waits
    (Wait(layer='Conv 5 dilation 4', samples=8),)
    """

    layer: str
    samples: Any


def waits_of(net: Node, ndim: int, axis: int) -> tuple[Wait, ...]:
    """Return what the layers of a network add to its delay along an axis, in the order of the data."""
    whole = program_of(net, ndim, unrolled=True)
    names, program, found = names_of(net, whole), whole.along(axis), []
    regions = [axes[0] for axes in regions_of(program)]
    for index, samples in _added(program, regions):
        node = program.operations[index].node
        name = names.get(index, "") + (repr(node) if samples == math.inf else describe(node))
        found.append(Wait(name, integral(samples) if isinstance(samples, Fraction) else samples))
    return tuple(found)


def _added(program: Program, regions: list[Regions]) -> Iterator[tuple[int, Fraction | float]]:
    """Yield the numbers of operations with what each adds."""
    if _ahead(regions[program.output]) == math.inf:
        live = set(map(id, program.live))
        for index, op in enumerate(program.operations):
            if id(op) in live and isinstance(op.what, Unbounded) and op.what.reads(0)[1]:
                yield index, math.inf
        return
    path = _path(program, regions)
    least, kept = Fraction(10**18), []
    for index, ahead in reversed(path):
        least = min(least, ahead)
        kept.append((index, max(Fraction(0), least)))
    before = Fraction(0)
    for index, ahead in reversed(kept):
        if ahead > before:
            yield index, ahead - before
        before = ahead


def _path(program: Program, regions: list[Regions]) -> list[tuple[int, Fraction]]:
    """Return the operations on the way of the last sample to arrive, with how far ahead each is.

    Those that only take away, as padding does, are left out: it is for the window that follows.
    """
    path: list[tuple[int, Fraction]] = []
    tensor = program.output
    while tensor:
        op = program.operations[tensor - 1]
        source = max((source for source, _ in op.sources), key=lambda known: _ahead(regions[known]))
        ahead = _ahead(regions[tensor])
        is_last = tensor == program.output
        if is_last or _is_window(op) or ahead > _ahead(regions[source]):
            path.append((tensor - 1, Fraction(ahead)))
        tensor = source
    return path[::-1]


def _ahead(seen: Regions) -> Any:
    """Return how far the units of a tensor read beyond their places, -inf where they read nothing."""
    ends = [region and region[1] - seen.rate * i for i, region in enumerate(seen.phases)]
    return max((end for end in ends if end is not None), default=-math.inf)


def _is_window(op: Operation) -> bool:
    what = op.what
    return isinstance(what, Stage) and (what.kernel.shape != (1,) or what.stride != what.upsampling)
