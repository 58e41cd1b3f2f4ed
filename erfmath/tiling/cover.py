"""From a network, a size and a tile to the plan that covers an input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from .._checks import per_axis
from ..models.model import Model
from ..models.sources import read
from ..network.algebra import Node, require_network
from ..network.arguments import Ints, plain_size
from ..network.cost import cost
from ..network.program import Program, program_of
from ..network.sizes import fits, projected, sized
from ..network.stage import Stage
from ..network.support import like_axes
from .axis import AxisTiles
from .clean import Margins, clean_units, margins, reach
from .plan import TilePlan
from .refusals import require_tileable

# How far the nearest tile that works is looked for, in periods.
_MOST_PERIODS = 4


def tiles(net: Any, size: Any, tile: Any, *, halo: Any = None) -> TilePlan:
    r"""Return the tiles that cover an input, whose outputs put together are those of the whole.

    A tile reads :math:`[a, a + L)` of the input and makes the outputs that stand for
    :math:`[a + h, a + L - h')`. Here a and h are multiples of the network's period p, L is a length that the
    network accepts, and h, h' are the least for which no unit that is kept reads past the tile's ends, in any
    of the network's tensors. Tiles at a border of the input end there, so that the network pads as it would.

    Parameters
    ----------
    net
        A network, a Model, or what :func:`erfmath.analyze` takes: a name, layers, a file, a PyTorch module.
    size
        Samples of the input, an int or one per axis.
    tile
        Samples that a tile reads, its halo included, an int or one per axis. One as large as the input stands
        for a single tile along that axis.
    halo
        The least that is exact by default. Otherwise an int, one per axis, or a pair (before, after) per
        axis: less than the network needs makes outputs near the tiles' ends differ from those of the whole.

    Returns
    -------
    TilePlan
        A sequence of tiles with `read`, `crop` and `write`; `halo`, `period`, `step`, `count`, `overhead`,
        `largest_tensor` and ``run(function, array)``. Printed, it is a table.

    Raises
    ------
    TypeError, ValueError
        If the network does not accept the size or the tile, or the tile is too small for the halo: the
        message has the nearest that works. If no halo makes tiles equal to the whole: it names the layer.

    Examples
    --------
    >>> import erfmath as em
    >>> plan = em.tiles(em.zoo.unet(depth=3), 4096, 512)
    >>> plan.halo, plan.period, plan.count
    (((48, 48), (48, 48)), (8, 8), 100)
    >>> plan[1]
    Tile(read=0:512, 416:928, crop=0:464, 48:464, write=0:464, 464:880)
    """
    asked = _asked(net, size, tile)
    halos = [None] * asked.ndim if halo is None else as_halos(halo, asked.ndim)
    axes = [_along(asked, axis, halos[axis]) for axis in range(asked.ndim)]
    return TilePlan(asked.net, tuple(axes), _largest(asked))


@dataclass(frozen=True)
class _Asked:
    """What is to be covered by which tiles."""

    net: Node
    program: Program
    size: Ints
    tile: Ints

    @property
    def ndim(self) -> int:
        return self.program.ndim

    @cached_property
    def lines(self) -> tuple[Program, ...]:
        """The program on each axis; axes that are alike share one."""
        found = {axis: projected(self.program, axis) for axis in set(self.likenesses)}
        return tuple(found[axis] for axis in self.likenesses)

    @cached_property
    def likenesses(self) -> Ints:
        """For each axis the first that reads as it does and has as many outputs."""
        known: dict[object, int] = {}
        ends = [
            tuple((s.slack[axis], s.before and s.before[axis]) for s in self.program.stages)
            for axis in range(self.ndim)
        ]
        return tuple(
            known.setdefault(key, axis)
            for axis, key in enumerate(zip(like_axes(self.program), ends, strict=True))
        )


def _asked(what: Any, size: Any, tile: Any) -> _Asked:
    """Return what is asked for, checked: the network accepts the size and the tile."""
    net = what if isinstance(what, Node) else read(what, input_size=tile)[1]
    several = next((len(value) for value in (size, tile) if isinstance(value, (tuple, list))), 1)
    program = program_of(require_network(net), net.ndim or several, unrolled=True)
    sides = per_axis(size, program.ndim, "size", minimum=1)
    parts = zip(sides, per_axis(tile, program.ndim, "tile", minimum=1), strict=True)
    asked = _Asked(net, program, sides, tuple(min(side, part) for side, part in parts))
    for name, values in (("size", asked.size), ("tile", asked.tile)):
        for axis, samples in enumerate(values):
            if not fits(asked.lines[axis], samples):
                _refuse_size(asked, axis, name, samples)
    return asked


def _refuse_size(asked: _Asked, axis: int, name: str, samples: int) -> NoReturn:
    """Raise for a size that the network does not accept, with the nearest that it does."""
    line = asked.lines[axis]
    furthest = _MOST_PERIODS * int(line.period[0] * line.rate[0])
    below = next((n for n in range(samples - 1, max(0, samples - furthest), -1) if fits(line, n)), None)
    above = next((n for n in range(samples + 1, samples + furthest + reach(line)) if fits(line, n)), None)
    near = " or ".join(str(n) for n in (below, above) if n is not None)
    along = f" along axis {axis}" if asked.ndim > 1 else ""
    raise ValueError(
        f"{name} {samples} is none that the network accepts{along}: "
        + (f"give {near}" if near else _reason(line, samples))
    )


def _reason(line: Program, samples: int) -> str:
    """Return why a size is not accepted."""
    try:
        sized(line, (samples,))
    except ValueError as error:
        return str(error)
    return "another one would do"


def _along(asked: _Asked, axis: int, halo: Margins | None) -> AxisTiles:
    """Return the tiles along an axis."""
    size, tile, line = asked.size[axis], asked.tile[axis], asked.lines[axis]
    units, period = line.period[0], int(line.period[0] * line.rate[0])
    (output,) = sized(line, (size,)).output
    if tile == size:
        return AxisTiles(size, output, tile, 0, 0, period, units)
    require_tileable(asked.net, line, axis, tile)
    needed = margins(line, tile) if halo is None else _as_asked(halo, tile, period)
    found = AxisTiles(size, output, tile, needed.before, needed.after, period, units)
    if found.step < period:
        _refuse_tile(asked, axis, halo)
    if halo is None:
        _require_clean(found, line)
    return found


def _as_asked(halo: Margins, tile: int, period: int) -> Margins:
    """Return a halo that is asked for, with what is left over of the tile."""
    if rest := halo.before % period:
        raise ValueError(
            f"halo must be a multiple of the period {period} before a tile, since tiles begin at such, got "
            f"{halo.before}; give {halo.before - rest} or {halo.before - rest + period}"
        )
    return Margins(halo.before, halo.after + (tile - halo.before - halo.after) % period)


def _refuse_tile(asked: _Asked, axis: int, halo: Margins | None) -> NoReturn:
    """Raise for a tile that has no room beside its halo, with the least that has."""
    line, tile = asked.lines[axis], asked.tile[axis]
    period = int(line.period[0] * line.rate[0])

    def has_room(samples: int) -> bool:
        if not fits(line, samples):
            return False
        needed = halo or margins(line, samples)
        return samples - needed.before - needed.after >= period

    needed = halo or margins(line, tile)
    near = next(
        (n for n in range(tile + 1, tile + needed.before + needed.after + 4 * period) if has_room(n)), None
    )
    along = f" along axis {axis}" if asked.ndim > 1 else ""
    least = (
        f"give {near} or more"
        if near and near < asked.size[axis]
        else f"give {asked.size[axis]}, the whole input"
    )
    raise ValueError(
        f"tile {tile} is too small{along} for a halo of {needed.before} before and {needed.after} after, "
        f"which leaves less than the period {period}; {least}"
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


def _largest(asked: _Asked) -> int:
    """Return the values of the largest tensor of a tile, of one channel where channels are not known."""
    channels = asked.net.channels if isinstance(asked.net, Model) else None
    try:
        layers = cost(asked.net, plain_size(asked.tile), channels, itemsize=1).layers
        found = [layer.memory for layer in layers]
    except ValueError:  # channels that do not fit
        found = [math.prod(sides) for sides in sized(asked.program, asked.tile).sizes]
    return max([*found, (channels or 1) * math.prod(asked.tile)])


def as_halos(halo: Any, ndim: int) -> list[Margins]:
    """Return (before, after) per axis from an int, one int per axis, or a pair per axis."""
    entries = list(halo) if isinstance(halo, (tuple, list)) else [halo] * ndim
    if ndim == 1 and len(entries) == 2:
        entries = [tuple(entries)]
    if len(entries) != ndim:
        raise ValueError(f"halo must be an int, or an int or a pair per axis of {ndim}, got {halo!r}")
    pairs = [entry if isinstance(entry, (tuple, list)) else (entry, entry) for entry in entries]
    return [Margins(*per_axis(pair, 2, "halo", minimum=0)) for pair in pairs]
