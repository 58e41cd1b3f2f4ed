"""Plans of tiles as tables: where each tile lies along an axis, and what smaller halos cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._memory import check_memory
from ..models.model import Model
from ..tiling.axis import AxisTiles
from ..tiling.plan import TilePlan
from ..tiling.seams import Seams
from ..tiling.smaller import HEADERS, Halos, cells_of, losses_beyond, smaller_halos, thinned, with_halos
from ..words import table

# So many tiles of an axis, and so many halos, are rows of a table.
_MOST_TILES, _MOST_HALOS = 6, 12
_WIDTH = 40


def axis_tables(plan: TilePlan) -> list[str]:
    """Return a table of the tiles along each axis, of axes that are alike once."""
    unlike: dict[AxisTiles, list[int]] = {}
    for number, axis in enumerate(plan.axes):
        unlike.setdefault(axis, []).append(number)
    return [f"{_along(numbers, plan.ndim)}\n\n{_axis_table(axis)}" for axis, numbers in unlike.items()]


def _along(numbers: list[int], ndim: int) -> str:
    which = "each axis" if len(numbers) == ndim else f"axis {', '.join(map(str, numbers))}"
    return f"Tiles{f' along {which}' if ndim > 1 else ''}: what is right of each (█), and its halo (░)"


def _axis_table(axis: AxisTiles) -> str:
    """Return a row for each tile of an axis, of many for the first ones and the last."""
    first = range(axis.count if axis.count <= _MOST_TILES else _MOST_TILES - 1)
    scale = _WIDTH / axis.span(first[-1]).read[1]
    rows = [[str(i), *map(_slice, axis.span(i)), _bar(axis, i, scale)] for i in first]
    if len(first) < axis.count:
        rows.append(["…", *[""] * 4])
        rows.append([str(axis.count - 1), *map(_slice, axis.span(axis.count - 1)), ""])
    return table(["tile", "read", "crop", "write", ""], [[*row[:-1], row[-1].ljust(_WIDTH)] for row in rows])


def _slice(ends: tuple[int, int]) -> str:
    return f"{ends[0]}:{ends[1]}"


def _bar(axis: AxisTiles, index: int, scale: float) -> str:
    """Return a tile as a bar at its place of the input."""
    first, stop = axis.span(index).read
    seams = axis.kept(index)
    ends = [round(place * scale) for place in (first, *seams, stop)]
    parts = zip(" ░█░", [0, *ends[:-1]], ends, strict=True)
    return "".join(sign * (end - start) for sign, start, end in parts)


@dataclass(frozen=True)
class HaloRow:
    """What a halo costs.

    Attributes
    ----------
    halos
        Per axis.
    plan
        The plan with this halo, None where its tiles leave no room for it.
    loss
        The share of the gradient's variance beyond a tile's end, for the worst unit, or None.
    error
        The largest difference from the whole that was measured, in deviations of the output, or None.
    """

    halos: Halos
    plan: TilePlan | None
    loss: float | None
    error: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as values for JSON."""
        return {
            "halo": [(end.before, end.after) for end in self.halos],
            "tiles": None if self.plan is None else self.plan.count,
            "overhead": None if self.plan is None else self.plan.overhead,
            "loss": self.loss,
            "error": self.error,
        }


def halo_rows(plan: TilePlan, has_losses: bool, measured: Seams | None) -> list[HaloRow]:
    """Return a row for some halos from none to the exact one."""
    halos = thinned(smaller_halos(plan), _MOST_HALOS)
    losses: list[Any] = losses_beyond(plan, halos) if has_losses else [None] * len(halos)
    errors = {} if measured is None else dict(zip(measured.margins, measured.errors.tolist(), strict=True))
    return [
        HaloRow(found, with_halos(plan, found), loss, errors.get(found))
        for found, loss in zip(halos, losses, strict=True)
    ]


def halo_table(rows: list[HaloRow], measured: Seams | None) -> str:
    """Return the rows as a table, with what its columns are."""
    columns = [] if rows[0].loss is None else [("beyond", _LOSS, [row.loss for row in rows])]
    if measured is not None:
        text = f"{measured.title[0].lower()}{measured.title[1:]}"
        columns.append(("differs by", text, [row.error for row in rows]))
    cells = [cells_of(row.halos, row.plan) for row in rows]
    for *_, values in columns:
        cells = [[*row, _number(value)] for row, value in zip(cells, values, strict=True)]
    below = "\n".join(f"{name}: {text}" for name, text, _ in columns)
    head = table([*HEADERS, *(name for name, *_ in columns)], cells)
    return "\n\n".join(["Smaller halos", head, below, *(() if measured is None else measured.warnings)])


_LOSS = "share of the gradient's variance beyond the halo, for the worst unit, if signs are random"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}" if value else "0"


def measured_seams(plan: TilePlan, model: Model, function: Callable[[Any], Any], array: Any) -> Seams:
    """Return how far tiles of an array differ, or of noise where there is none.

    Noise is of some tiles along each axis, since a large input may have no room.

    Raises
    ------
    ValueError
        If the array does not fit the model.
    """
    rank = len(model.input_shape)
    if array is None:
        plan = _of_few_tiles(plan)
        sides = dict(zip(model.space, (axis.size for axis in plan.axes), strict=True))
        shape = [sides.get(axis, model.input_shape[axis] or 1) for axis in range(rank)]
        check_memory(4 * math.prod(shape), "noise to measure on", "give an array, or plan smaller tiles")
        array = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return plan.seam_error(function, with_axes(model, array), space=model.space, progress=True)


def with_axes(model: Model, array: Any) -> Any:
    """Return an array with the axes in front that an input of a model has, for a batch and a channel."""
    return array[(None,) * max(0, len(model.input_shape) - array.ndim)]


def _of_few_tiles(plan: TilePlan) -> TilePlan:
    """Return a plan of the same tiles for a smaller input, with a tile inside and one at either end."""
    sides = tuple(min(axis.size, axis.tile + 2 * axis.step) for axis in plan.axes)
    made = plan.output_of(sides)
    parts = zip(plan.axes, sides, made, strict=True)
    return replace(plan, axes=tuple(replace(axis, size=side, output=out) for axis, side, out in parts))
