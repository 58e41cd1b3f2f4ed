"""The halos that are smaller than what a plan needs, from none on, in steps of the period."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .axis import AxisTiles
from .clean import Margins
from .loss import losses_of

if TYPE_CHECKING:
    from .plan import TilePlan

Halos = tuple[Margins, ...]


def smaller_halos(plan: TilePlan, most: int | None = None) -> list[Halos]:
    """Return the halos per axis from the least to the exact one, of more than `most` only some.

    The entry of a step h has h before and behind on each axis, with what is left over of the tile behind, and
    no more than is needed.
    """
    step = math.lcm(*(axis.period for axis in plan.axes if axis.count > 1), 1)
    longest = max(max(n.before, n.after - n.after % a.period) for a, n in _pairs(plan))
    count = 1 + -(-longest // step)
    kept = range(count)[:: -(-count // most)] if most is not None else range(count)
    steps = [*kept, *([count - 1] if kept[-1] != count - 1 else [])]
    return [tuple(_at_most(n, a, step * k) for a, n in _pairs(plan)) for k in steps]


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


def _pairs(plan: TilePlan) -> list[tuple[AxisTiles, Margins]]:
    return list(zip(plan.axes, plan.needed, strict=True))


def _at_most(needed: Margins, axis: AxisTiles, most: int) -> Margins:
    """Return what is needed at either end, at most so much and what is left over of the tile."""
    return Margins(min(needed.before, most), min(needed.after, most + needed.after % axis.period))


def _with(axis: AxisTiles, halo: Margins) -> AxisTiles:
    return axis if axis.count == 1 else replace(axis, before=halo.before, after=halo.after)
