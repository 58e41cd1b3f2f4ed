"""Plans of tiles as tables: where each tile lies along an axis, and what smaller halos leave out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..tiling.axis import AxisTiles
from ..tiling.plan import TilePlan
from ..tiling.smaller import losses_beyond, smaller_halos, with_halos
from ..words import per_axis_text, table

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
    halo
        Samples (before, after) per axis.
    tiles
        Number of tiles, None where they leave no room beside such a halo.
    overhead
        Samples read for each of the input, None likewise.
    loss
        The share of the gradient's variance beyond a tile's end, for the worst unit.
    """

    halo: tuple[tuple[int, int], ...]
    tiles: int | None
    overhead: float | None
    loss: float

    def as_dict(self) -> dict[str, Any]:
        """Return the row as values for JSON."""
        return asdict(self)


def halo_rows(plan: TilePlan) -> list[HaloRow]:
    """Return a row for some halos from none to the exact one."""
    halos = smaller_halos(plan, _MOST_HALOS)
    plans = [with_halos(plan, found) for found in halos]
    return [
        HaloRow(
            tuple((end.before, end.after) for end in found),
            None if made is None else made.count,
            None if made is None else made.overhead,
            loss,
        )
        for found, made, loss in zip(halos, plans, losses_beyond(plan, halos), strict=True)
    ]


def halo_table(rows: list[HaloRow]) -> str:
    """Return the rows as a table."""
    cells = [
        [
            _halo_text(row.halo),
            "-" if row.tiles is None else str(row.tiles),
            "-" if row.overhead is None else f"{row.overhead:.3f}",
            "0" if not row.loss else f"{row.loss:.1e}",
        ]
        for row in rows
    ]
    head = "Smaller halos, with the share of the gradient's variance that the worst unit has beyond them:"
    below = "Shares take the signs of weights to be random; after training much more may lie beyond a halo."
    return "\n\n".join([head, table(["halo", "tiles", "overhead", "beyond"], cells), below])


def _halo_text(halo: tuple[tuple[int, int], ...]) -> str:
    """Return a halo in as few numbers as say it: 16, 16 x 8, 16+0."""
    return per_axis_text([str(a) if a == b else f"{a}+{b}" for a, b in halo])
