"""Tiles that are run as they are and with the exact halo around them, and how far their outputs differ."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_count, as_counts, is_index
from ..core.scaled import Floats
from ..laws.manners import as_generator
from ..network.arguments import Ints
from ..network.program import Program, program_of
from ..network.sizes import fits, projected, sized
from .axis import AxisTiles
from .clean import Margins, clean_units
from .run import Layout, part_of, prepared, read_of, told
from .seams import Seams, own_halos
from .smaller import Halos, smaller_halos, with_halos

if TYPE_CHECKING:
    from .plan import Slices, Tile, TilePlan

# What rounding may leave of a difference, in steps of the type from the largest output to the next.
_ROUNDING = 1000


def seam_error(
    plan: TilePlan,
    function: Callable[[Any], Any],
    array: Any,
    tiles: Any,
    space: Any,
    rng: Any,
    progress: Any,
) -> Seams:
    """Return how far some tiles differ from the whole at each halo; see :meth:`TilePlan.seam_error`."""
    layout, called = prepared(plan, function, array, space)
    numbers = _numbers(plan, tiles, rng)
    margins = tuple(halos for halos in smaller_halos(plan) if with_halos(plan, halos) is not None)
    compared = _Compared(plan, layout, called, array, (*margins, own_halos(plan)))
    for _ in told(compared.run_all(numbers), len(numbers), progress):
        pass
    found = np.array(compared.rows)
    return Seams(plan, numbers, margins, found[:, :-1], found[:, -1], compared.std, compared.rounding)


def _numbers(plan: TilePlan, tiles: Any, rng: Any) -> Ints:
    """Return the numbers of the tiles to run: those given, or the middle, the first, the last and others."""
    if plan.count == 1:
        raise ValueError("the plan has a single tile, which is the whole, and no seam: plan smaller tiles")
    generator = as_generator(rng)
    if not is_index(tiles):
        given = as_counts(tiles, "tiles")
        if not given or max(given) >= plan.count:
            raise ValueError(f"tiles must be numbers below {plan.count}, one at least, got {tiles!r}")
        return tuple(sorted(set(given)))
    count = min(as_count(tiles, "tiles", minimum=1), plan.count)
    drawn = range(plan.count) if count == plan.count else _drawn(plan.shape, generator)
    found = dict.fromkeys(
        [_number([side // 2 for side in plan.shape], plan.shape), 0, plan.count - 1][:count]
    )
    for number in drawn:
        if len(found) == count:
            break
        found[number] = None
    return tuple(sorted(found))


def _drawn(shape: Ints, rng: np.random.Generator) -> Iterator[int]:
    """Yield numbers of a grid at random, of any size."""
    while True:
        yield _number([int(rng.integers(side)) for side in shape], shape)


def _number(place: list[int], shape: Ints) -> int:
    """Return the number of a place in a grid, the last axis first."""
    return sum(i * math.prod(shape[axis + 1 :]) for axis, i in enumerate(place))


@dataclass(frozen=True)
class _Ends:
    """A tile along one axis, and the part of the input around it with which all its outputs are right.

    Attributes
    ----------
    axis
        The tiles along the axis.
    read, around
        Of the input, as (first, one behind the last).
    made
        Outputs of the tile.
    """

    axis: AxisTiles
    read: tuple[int, int]
    around: tuple[int, int]
    made: int

    def crop(self, halo: Margins) -> slice:
        """Return the outputs that lie a halo within the ends that are none of the whole."""
        first, stop = self.read
        if self.axis.count == 1:
            return slice(*self.axis.span(0).crop)
        period, units = self.axis.period, self.axis.units
        end = (stop - first - halo.after) // period * units if stop < self.axis.size else self.made
        return slice(halo.before // period * units if first else 0, end)

    @property
    def moved(self) -> int:
        """The output of what is around that is the first of the tile."""
        return (self.read[0] - self.around[0]) // self.axis.period * self.axis.units


def _ends(axis: AxisTiles, halos: tuple[Margins, Margins], line: Program, index: int) -> _Ends:
    """Return a tile along an axis with the least around it that makes its outputs at the least halo clean."""
    read, (least, needed) = axis.span(index).read, halos
    (made,) = sized(line, (read[1] - read[0],)).output
    for extra in itertools.count(0, axis.period):
        first = max(0, read[0] - needed.before - extra)
        after = needed.after + -needed.after % axis.period + extra
        found = _Ends(axis, read, (first, min(axis.size, read[1] + after)), made)
        if axis.count == 1 or found.around == (0, axis.size):
            return replace(found, around=(0, axis.size))
        if _is_right(found, least, line):
            return found
    raise AssertionError("the whole is around every tile")


def _is_right(found: _Ends, least: Margins, line: Program) -> bool:
    """Return whether what is around a tile makes its outputs as the whole does."""
    first, stop = found.around
    if not fits(line, stop - first):
        return False
    clean = clean_units(sized(line, (stop - first,)), (first == 0, stop == found.axis.size))
    crop = found.crop(least)
    return bool(clean[found.moved + crop.start : found.moved + crop.stop].all())


class _Compared:
    """Differences of tiles, at each of some halos, and the moments of all right outputs."""

    def __init__(
        self,
        plan: TilePlan,
        layout: Layout,
        called: Callable[[Any], Any],
        array: Any,
        halos: tuple[Halos, ...],
    ) -> None:
        self._plan, self._layout, self._called, self._array = plan, layout, called, array
        self._halos = halos
        program = program_of(plan.net, plan.ndim, unrolled=True)
        self._lines = [projected(program, axis) for axis in range(plan.ndim)]
        self.rows: list[list[float]] = []
        self._count, self._mean, self._squares = 0, 0.0, 0.0
        self._largest = self._step = 0.0

    @property
    def std(self) -> float:
        """The standard deviation of the right outputs."""
        if not self._squares > 0:
            raise ValueError(
                f"function returns {self._mean:.6g} everywhere in the tiles that were run, and no difference "
                "can be told: give an array, or tiles, with something in them"
            )
        return math.sqrt(self._squares / self._count)

    @property
    def rounding(self) -> float:
        """The difference that rounding may leave."""
        return _ROUNDING * self._step * self._largest

    def run_all(self, numbers: Ints) -> Iterator[int]:
        """Run tiles; yields how many have been run."""
        for done, number in enumerate(numbers, 1):
            self.rows.append(self._differences(number))
            yield done

    def _differences(self, number: int) -> list[float]:
        """Return the largest difference of a tile at each halo."""
        plan, tile = self._plan, self._plan[number]
        parts = zip(self._halos[0], plan.needed, strict=True)
        ends = list(map(_ends, plan.axes, parts, self._lines, plan.place(number)))
        crop = _crops(ends, self._halos[0])
        around = tuple(slice(*end.around) for end in ends)
        moved = tuple(slice(c.start + e.moved, c.stop + e.moved) for c, e in zip(crop, ends, strict=True))
        found = self._values(replace(tile, crop=crop), number)
        right = self._values(replace(tile, read=around, crop=moved), number)
        self._add(right)
        gaps = self._over_space(np.abs(found - right))
        inside = (_inside(_crops(ends, halos), crop) for halos in self._halos)
        # The last tile of a strided network may make nothing that lies so far within it.
        return [float(gaps[part].max(initial=0.0)) for part in inside]

    def _values(self, tile: Tile, number: int) -> Any:
        """Return what is right of a tile's output as numbers of double precision."""
        found = self._called(read_of(self._array, self._layout, tile))
        part = part_of(self._plan, self._layout, found, tile)
        values, step = _doubles(part)
        if not np.isfinite(values).all():
            raise ValueError(
                f"function returns values that are not finite in tile {number}, which have no difference; "
                "give tiles without them, or a function that returns numbers"
            )
        self._step = max(self._step, step)
        return values

    def _add(self, values: Any) -> None:
        """Take values into the moments."""
        count, mean = values.size, values.mean()
        squares = float(np.square(np.abs(values - mean)).sum())
        both, apart = self._count + count, mean - self._mean
        self._squares += squares + float(abs(apart) ** 2) * self._count * count / both
        self._mean += apart * count / both
        self._count = both
        self._largest = max(self._largest, float(np.abs(values).max()))

    def _over_space(self, gaps: Any) -> Floats:
        """Return the largest over all axes but those of space."""
        stop = gaps.ndim - self._layout.behind
        first = stop - self._plan.ndim
        return np.asarray(gaps.max(axis=(*range(first), *range(stop, gaps.ndim))))


def _crops(ends: list[_Ends], halos: Halos) -> Slices:
    """Return the outputs of a tile that lie halos within its ends."""
    return tuple(end.crop(halo) for end, halo in zip(ends, halos, strict=True))


def _inside(parts: Slices, whole: Slices) -> Slices:
    """Return slices as parts of others."""
    return tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(parts, whole, strict=True))


def _doubles(part: Any) -> tuple[Any, float]:
    """Return an array's numbers in double precision, and the step of its own type from 1 to the next."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(part, torch.Tensor):
        is_whole = not (part.is_floating_point() or part.is_complex())
        step = 0.0 if is_whole else float(torch.finfo(part.dtype).eps)
        kind = torch.complex128 if part.is_complex() else torch.float64
        return part.detach().to(kind).cpu().numpy(), step
    values = np.asarray(part)
    if values.dtype.kind not in "biufc":
        raise TypeError(f"function must return an array of numbers, got one of {values.dtype}")
    step = float(np.finfo(values.dtype).eps) if values.dtype.kind in "fc" else 0.0
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64), step
