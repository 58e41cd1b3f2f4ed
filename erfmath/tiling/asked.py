"""What is asked for: a network, the size of its input and of the tiles, and what may be lost; all checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from .._checks import as_count, as_share, is_index, per_axis
from ..models.model import Model
from ..models.sources import read
from ..network.algebra import Node, require_network
from ..network.arguments import Ints
from ..network.program import Program, program_of
from ..network.sizes import fits, projected, sized
from ..network.support import like_axes
from .clean import Margins, reach

# How far the nearest size that works is looked for, in periods.
_MOST_PERIODS = 4

# A model is read at the size of its tiles up to so many samples, since reading may run it.
_MOST_SAMPLES = 2**22

_PADS = (
    ", padding or cutting the array; a model that itself pads what does not fit takes this size where it is "
    "read with an input of it"
)


@dataclass(frozen=True)
class Asked:
    """What is to be covered by which tiles."""

    net: Node
    program: Program
    size: Ints
    tile: Ints

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.program.ndim

    @cached_property
    def lines(self) -> tuple[Program, ...]:
        """The program on each axis; axes that are alike share one."""
        found = {axis: projected(self.program, axis) for axis in set(self.likenesses)}
        return tuple(found[axis] for axis in self.likenesses)

    @cached_property
    def periods(self) -> Ints:
        """Input samples after which the network's pattern repeats, per axis."""
        return tuple(int(line.period[0] * line.rate[0]) for line in self.lines)

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


@dataclass(frozen=True)
class Wanted:
    """The share of the gradient's variance that may be lost, or the halo per axis that is to be taken."""

    loss: float = 0.0
    halos: tuple[Margins, ...] | None = None


def wanted_of(asked: Asked, loss: Any, halo: Any) -> Wanted:
    """Return what may be lost, or the halo that is given, checked."""
    share = as_share(loss, "loss")
    if share and halo is not None:
        raise ValueError("give a loss or a halo, not both: a loss chooses the halo")
    return Wanted(share, None if halo is None else tuple(as_halos(halo, asked.ndim)))


def asked_of(what: Any, size: Any, tile: Any, at: Any = None) -> Asked:
    """Return what is asked for, checked: the size and the tile are accepted; a model is read at a size."""
    net = what if isinstance(what, Node) else read(what, input_size=at)[1]
    several = next((len(value) for value in (size, tile) if isinstance(value, (tuple, list))), 1)
    program = program_of(require_network(net), net.ndim or several, unrolled=True)
    sides = per_axis(size, program.ndim, "size", minimum=1)
    parts = zip(sides, per_axis(tile, program.ndim, "tile", minimum=1), strict=True)
    asked = Asked(net, program, sides, tuple(min(side, part) for side, part in parts))
    for name, values in (("size", asked.size), ("tile", asked.tile)):
        for axis, samples in enumerate(values):
            if not fits(asked.lines[axis], samples):
                _refuse_size(asked, axis, name, samples)
    return asked


def read_at(tile: Any) -> Any:
    """Return the size that a model is read at: that of its tiles, or its own where these are huge."""
    sides = tile if isinstance(tile, (tuple, list)) else (tile, tile)
    plain = all(map(is_index, sides)) and math.prod(map(int, sides)) <= _MOST_SAMPLES
    return tile if plain else None


def _refuse_size(asked: Asked, axis: int, name: str, samples: int) -> NoReturn:
    """Raise for a size that the network does not accept, with the nearest that it does."""
    line = asked.lines[axis]
    furthest = _MOST_PERIODS * asked.periods[axis]
    below = next((n for n in range(samples - 1, max(0, samples - furthest), -1) if fits(line, n)), None)
    above = next((n for n in range(samples + 1, samples + furthest + reach(line)) if fits(line, n)), None)
    near = " or ".join(str(n) for n in (below, above) if n is not None)
    remedy = _PADS if name == "size" and isinstance(asked.net, Model) and above is not None else ""
    along = f" along axis {axis}" if asked.ndim > 1 else ""
    raise ValueError(
        f"{name} {samples} is none that the network accepts{along}: "
        + (f"give {near}{remedy}" if near else _reason(line, samples))
    )


def _reason(line: Program, samples: int) -> str:
    """Return why a size is not accepted."""
    try:
        sized(line, (samples,))
    except ValueError as error:
        return str(error)
    return "another one would do"


def as_halos(halo: Any, ndim: int) -> list[Margins]:
    """Return (before, after) per axis from an int, one int per axis, or a pair per axis."""
    given = halo.tolist() if isinstance(halo, np.ndarray) else halo
    entries = list(given) if isinstance(given, (tuple, list)) else [as_count(given, "halo")] * ndim
    if ndim == 1 and len(entries) == 2:
        entries = [tuple(entries)]
    if len(entries) != ndim:
        raise ValueError(f"halo must be an int, or an int or a pair per axis of {ndim}, got {halo!r}")
    pairs = [
        entry if isinstance(entry, (tuple, list)) else (as_count(entry, "halo"),) * 2 for entry in entries
    ]
    return [Margins(*per_axis(pair, 2, "halo", minimum=0)) for pair in pairs]
