"""The tiles along one axis of what is asked for: with the halo that is needed, allowed or given."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..network.algebra import Node
from ..network.program import Program
from ..network.sizes import fits, sized
from ..network.stage import Stage
from .asked import Asked, Wanted
from .axis import AxisTiles
from .clean import Margins, clean_units, margins, reach
from .loss import Losses
from .refusals import require_tileable


def along(asked: Asked, axis: int, wanted: Wanted, losses: Losses | None) -> tuple[AxisTiles, Margins]:
    """Return the tiles along an axis, and the halo with which they are exact."""
    size, tile, line = asked.size[axis], asked.tile[axis], asked.lines[axis]
    (output,) = sized(line, (size,)).output
    units, period = line.period[0], asked.periods[axis]
    if tile == size:
        return AxisTiles(size, output, tile, 0, 0, period, units), Margins(0, 0)
    taken, needed = halo_of(asked, axis, tile, wanted, losses)
    found = AxisTiles(size, output, tile, taken.before, taken.after, period, units)
    if found.step < period:
        _refuse_tile(asked, axis, wanted, losses)
    _require_last(found, line)
    if taken == needed:
        _require_clean(found, line)
    return found, needed


def halo_of(
    asked: Asked, axis: int, tile: int, wanted: Wanted, losses: Losses | None
) -> tuple[Margins, Margins]:
    """Return the halo that is taken along an axis for a tile of a length, and the one that is exact."""
    line, period = asked.lines[axis], asked.periods[axis]
    require_tileable(asked.net, line, axis, tile)
    needed = margins(line, tile)
    least = least_after(line, tile)
    if wanted.halos is not None:
        return _as_asked(wanted.halos[axis], tile, period, least), needed
    return needed if losses is None else _least(losses, axis, needed, least, period, wanted.loss), needed


def least_after(line: Program, tile: int) -> int:
    """Return the samples at the end of a tile that no output stands for, in whole periods and the rest."""
    units, period = line.period[0], int(line.period[0] * line.rate[0])
    whole = min(sized(line, (tile,)).output[0] // units, tile // period)
    return tile - whole * period


def needed_along(net: Node, line: Program, axis: int, least: int = 0) -> Margins:
    """Return the exact halo, in whole periods, of the shortest tile of at least so many samples.

    By default tiles are long, so that none is refused for being short.
    """
    period = int(line.period[0] * line.rate[0])
    first = least or -(-2 * reach(line) // period) * period + period
    tile = accepted_from(line, first)
    require_tileable(net, line, axis, tile)
    found = margins(line, tile)
    return Margins(found.before, found.after - tile % period)


def accepted_from(line: Program, least: int) -> int:
    """Return the first length from one on that a network accepts, that one where two periods have none."""
    period = int(line.period[0] * line.rate[0])
    return next((n for n in range(least, least + 2 * period) if fits(line, n)), least)


def _least(losses: Losses, axis: int, needed: Margins, least: int, period: int, loss: float) -> Margins:
    """Return the least halo, shorter by periods than what is needed, that loses no more than is allowed."""
    steps = np.arange(max(needed.before, needed.after) // period + 1) * period
    befores, afters = np.maximum(needed.before - steps, 0), np.maximum(needed.after - steps, least)
    shares = losses.beyond(axis, np.concatenate((befores, afters)))
    # What lies beyond grows from one to the next; the last that is allowed is taken.
    first, second = shares[0][: len(steps)] <= loss, shares[1][len(steps) :] <= loss
    return Margins(int(befores[first][-1]), int(afters[second][-1]))


def _as_asked(halo: Margins, tile: int, period: int, least: int) -> Margins:
    """Return a halo that is asked for, with what is left over of the tile."""
    if rest := halo.before % period:
        raise ValueError(
            f"halo must be a multiple of the period {period} before a tile, since tiles begin at such, got "
            f"{halo.before}; give {halo.before - rest} or {halo.before - rest + period}"
        )
    after = halo.after + (tile - halo.before - halo.after) % period
    if after < least:
        raise ValueError(
            f"halo must be at least {least} after a tile, of whose last samples the network makes no output, "
            f"got {halo.after}; give ({halo.before}, {least}) along this axis"
        )
    return Margins(halo.before, after)


def has_room(asked: Asked, axis: int, tile: int, wanted: Wanted, losses: Losses | None) -> bool:
    """Return whether a tile has a length that the network accepts, with room for a period beside its halo."""
    if not fits(asked.lines[axis], tile):
        return False
    taken, _ = halo_of(asked, axis, tile, wanted, losses)
    return tile - taken.before - taken.after >= asked.periods[axis]


def _refuse_tile(asked: Asked, axis: int, wanted: Wanted, losses: Losses | None) -> NoReturn:
    """Raise for a tile that has no room beside its halo, with the least that has."""
    tile, size, period = asked.tile[axis], asked.size[axis], asked.periods[axis]
    taken, _ = halo_of(asked, axis, tile, wanted, losses)
    # A tile that is longer by periods needs what this one needs; others need up to a period more.
    longer = range(max(tile + 1, taken.before + taken.after), size)
    near = next((n for n in longer[: 4 * period] if has_room(asked, axis, n, wanted, losses)), size)
    along = f" along axis {axis}" if asked.ndim > 1 else ""
    least = f"give {near} or more" if near < size else f"give {size}, the whole input"
    raise ValueError(
        f"tile {tile} is too small{along} for a halo of {taken.before} before and {taken.after} after, "
        f"which leaves less than the period {period}; {least}"
    )


def _require_last(found: AxisTiles, line: Program) -> None:
    """Raise where the last tile, which may be shorter by less than a period, is too short for a layer."""
    first, stop = found.span(found.count - 1).read
    if not fits(line, stop - first):
        raise ValueError(
            f"tile {found.tile} is too small: the last one would be {stop - first} long, which the network "
            "does not accept; give a larger one"
        )


def _require_clean(found: AxisTiles, line: Program) -> None:
    """Raise where padding by samples of the map reaches further into a tile at the border than it reads."""
    if all(op.what.border == "zeros" for op in line.operations if isinstance(op.what, Stage)):
        return
    for index in {0, found.count - 1}:
        span = found.span(index)
        first, stop = span.read
        frame = sized(line, (stop - first,))
        kept = clean_units(frame, (first == 0, stop == found.size))[slice(*span.crop)]
        if not kept.all():
            raise ValueError(
                f"tile {found.tile} is too small: at the border the network pads by samples of its maps that "
                f"lie beyond the tile; give a larger one"
            )
