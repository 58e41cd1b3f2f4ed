"""Plans of tiles as tables: where each tile lies along an axis, and what smaller halos leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..tiling.axis import AxisTiles
from ..tiling.plan import TilePlan
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
        The share of the gradient's variance beyond a tile's end, for the worst unit.
    """

    halos: Halos
    plan: TilePlan | None
    loss: float

    def as_dict(self) -> dict[str, Any]:
        """Return the row as values for JSON."""
        return {
            "halo": [(end.before, end.after) for end in self.halos],
            "tiles": None if self.plan is None else self.plan.count,
            "overhead": None if self.plan is None else self.plan.overhead,
            "loss": self.loss,
        }


def halo_rows(plan: TilePlan) -> list[HaloRow]:
    """Return a row for some halos from none to the exact one."""
    halos = thinned(smaller_halos(plan), _MOST_HALOS)
    losses = losses_beyond(plan, halos)
    return [HaloRow(found, with_halos(plan, found), loss) for found, loss in zip(halos, losses, strict=True)]


def halo_table(plan: TilePlan, rows: list[HaloRow]) -> str:
    """Return the rows as a table."""
    cells = [[*cells_of(plan, row.halos), f"{row.loss:.1e}" if row.loss else "0"] for row in rows]
    head = "Smaller halos, with the share of the gradient's variance that the worst unit has beyond them:"
    below = "Shares take the signs of weights to be random; after training much more may lie beyond a halo."
    return "\n\n".join([head, table([*HEADERS, "beyond"], cells), below])
