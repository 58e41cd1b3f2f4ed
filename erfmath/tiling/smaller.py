"""The halos that are smaller than what a plan needs, from none on, in steps of the period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..network.program import program_of
from ..network.sizes import projected
from ..words import per_axis_text
from .along import least_after
from .axis import AxisTiles
from .clean import Margins
from .loss import losses_of

if TYPE_CHECKING:
    from .plan import TilePlan

T = TypeVar("T")

Halos = tuple[Margins, ...]


# What is told of each halo.
HEADERS = ("halo", "tiles", "overhead")


def smaller_halos(plan: TilePlan) -> list[Halos]:
    """Return the halos per axis from the least to the exact one.

    That of a step h has h before and behind on each axis, no more than is needed; behind, those come on top
    of the last samples that no output stands for.
    """
    step = math.lcm(*(axis.period for axis in plan.axes if axis.count > 1), 1)
    ranges = [_range(plan, number) for number in range(plan.ndim)]
    longest = max(max(most.before - least.before, most.after - least.after) for least, most in ranges)
    return [
        tuple(
            Margins(min(most.before, least.before + h), min(most.after, least.after + h))
            for least, most in ranges
        )
        for h in range(0, longest + step, step)
    ]


def _range(plan: TilePlan, number: int) -> tuple[Margins, Margins]:
    """Return the least halo along an axis, and the exact one; its own where there is a single tile."""
    axis, needed = plan.axes[number], plan.needed[number]
    if axis.count == 1:
        own = Margins(axis.before, axis.after)
        return own, own
    line = projected(program_of(plan.net, plan.ndim, unrolled=True), number)
    return Margins(0, least_after(line, axis.tile)), needed


def thinned(entries: Sequence[T], most: int) -> list[T]:
    """Return at most so many entries and the last, evenly spaced from the first on."""
    kept = list(entries[:: -(-len(entries) // most)])
    return kept if kept[-1] == entries[-1] else [*kept, entries[-1]]


def cells_of(halos: Halos, made: TilePlan | None) -> list[str]:
    """Return what a table tells of halos and the plan with them, dashes where its tiles leave no room."""
    return [halo_text(halos), *(["-", "-"] if made is None else [str(made.count), f"{made.overhead:.3f}"])]


def halo_text(halos: Halos) -> str:
    """Return halos in as few numbers as say them: 16, 16 x 8, 16+0 before and behind."""
    sides = [(end.before, end.after) for end in halos]
    return per_axis_text([str(before) if before == after else f"{before}+{after}" for before, after in sides])


def with_halos(plan: TilePlan, halos: Halos) -> TilePlan | None:
    """Return the plan with other halos, None where its tiles leave no room beside them."""
    axes = tuple(_with(axis, halo) for axis, halo in zip(plan.axes, halos, strict=True))
    return None if any(axis.step < axis.period for axis in axes) else replace(plan, axes=axes)


def losses_beyond(plan: TilePlan, halos: list[Halos]) -> list[float]:
    """Return the worst unit's share of the gradient's variance beyond a tile's end, for each of the halos.

    Raises
    ------
    ValueError
        If the variance of a layer is unknown.
    """
    found, worst = losses_of(plan.net, plan.ndim), np.zeros(len(halos))
    for number, axis in enumerate(plan.axes):
        if axis.count > 1:
            befores, afters = ([getattr(h[number], end) for h in halos] for end in ("before", "after"))
            shares = found.beyond(number, np.array(befores + afters))
            worst = np.maximum(worst, np.maximum(shares[0][: len(halos)], shares[1][len(halos) :]))
    return [float(share) for share in worst]


def _with(axis: AxisTiles, halo: Margins) -> AxisTiles:
    return axis if axis.count == 1 else replace(axis, before=halo.before, after=halo.after)
