"""Plans for other libraries: each adapter hands a library its own words, and lets it do the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._checks import as_choice
from ..core.scaled import Floats
from ..network.program import program_of
from ..network.sizes import fits, projected, sized
from .axis import AxisTiles
from .run import Layout, as_called, layout_of, part_of

if TYPE_CHECKING:
    from .plan import TilePlan

# How small the weight of what is wrong can be, on all axes together, in the numbers of a type.
_TENTHS = {"float32": 36, "float64": 300, "bfloat16": 36}


class _Chunk(NamedTuple):
    """A part of the input along an axis, and what of its output, read with its surroundings, is written."""

    own: tuple[int, int]
    crop: tuple[int, int]
    write: tuple[int, int]


def to_dask(plan: TilePlan, function: Callable[[Any], Any], array: Any, space: Any = None) -> Any:
    """Return a dask array of the output, a block for each tile; see :meth:`TilePlan.to_dask`."""
    import dask
    import dask.array as da

    source = array if isinstance(array, da.Array) else da.from_array(array)
    layout = layout_of(plan, source.shape, space)
    called = as_called(function, plan.ndim, layout.behind)
    like = _sample(plan, called, source, layout)

    def made(read: Any, tile: Any) -> Any:
        return np.asarray(part_of(plan, layout, called(read), tile))

    blocks = np.empty(plan.shape, dtype=object)
    for place in np.ndindex(plan.shape):
        tile = plan.at(place)
        part = dask.delayed(made)(source[layout.index(tile.read)], tile)
        shape = layout.with_sides(like.shape, [s.stop - s.start for s in tile.write])
        blocks[place] = da.from_delayed(part, shape, like.dtype)
    for axis in reversed(range(plan.ndim)):  # from the last on, all blocks along it
        joined = np.empty(blocks.shape[:-1], dtype=object)
        for place in np.ndindex(joined.shape):
            joined[place] = da.concatenate(list(blocks[place]), axis=axis - plan.ndim - layout.behind)
        blocks = joined
    return blocks[()]


def map_overlap(plan: TilePlan, function: Callable[[Any], Any], array: Any, space: Any = None) -> Any:
    """Return a dask array of the output by dask's own overlaps; see :meth:`TilePlan.map_overlap`."""
    import dask.array as da

    source = array if isinstance(array, da.Array) else da.from_array(array)
    layout = layout_of(plan, source.shape, space)
    called = as_called(function, plan.ndim, layout.behind)
    like = _sample(plan, called, source, layout)
    spans = [_chunks_along(plan, number) for number in range(plan.ndim)]
    first = len(source.shape) - layout.behind - plan.ndim

    def chunks(shape: Sequence[int], which: Callable[[_Chunk], tuple[int, int]]) -> Any:
        found: list[Any] = [(side,) for side in shape]
        for number, line in enumerate(spans):
            found[len(shape) - layout.behind - plan.ndim + number] = tuple(
                which(span)[1] - which(span)[0] for span in line
            )
        return tuple(found)

    def made(read: Any, block_info: Any = None) -> Any:
        place = block_info[0]["chunk-location"][first : first + plan.ndim]
        crop = tuple(slice(*line[i].crop) for line, i in zip(spans, place, strict=True))
        return np.asarray(called(read))[layout.index(crop)]

    return da.map_overlap(
        made,
        source.rechunk(chunks(source.shape, lambda span: span.own)),
        depth={first + i: (axis.before, axis.after) for i, axis in enumerate(plan.axes)},
        boundary="none",
        trim=False,
        allow_rechunk=False,
        chunks=chunks(like.shape, lambda span: span.write),
        dtype=like.dtype,
        meta=np.empty((0,) * len(like.shape), like.dtype),
    )


def _chunks_along(plan: TilePlan, number: int) -> list[_Chunk]:
    """Return the parts along an axis whose surroundings are the halo, the last one as long as is left."""
    axis = plan.axes[number]
    longest = max(axis.before, axis.after)
    if axis.count > 1 and axis.step < longest:
        raise ValueError(
            f"tile {axis.tile} leaves chunks of {axis.step} along axis {number}, and dask overlaps none that "
            f"are shorter than the halo: give a tile of {axis.before + axis.after + longest} or more, or use "
            "to_dask"
        )
    seams = [0, *(i * axis.step + axis.before for i in range(1, axis.count)), axis.size]
    line = projected(program_of(plan.net, plan.ndim, unrolled=True), number)
    found = []
    for index, own in enumerate(itertools.pairwise(seams)):
        first = own[0] - axis.before if index else 0
        length = min(own[1] + axis.after, axis.size) - first
        if not fits(line, length):
            raise ValueError(
                f"the last of {axis.count} chunks would have {length} samples along axis {number}, which the "
                "network does not accept; give another tile, or use to_dask"
            )
        write = axis.span(index).write
        moved = first // axis.period * axis.units
        found.append(_Chunk(own, (write[0] - moved, write[1] - moved), write))
    return found


def _sample(plan: TilePlan, called: Callable[[Any], Any], source: Any, layout: Layout) -> Any:
    """Return what a function makes of zeros of the size of the first tile: its type and channels."""
    read = source[layout.index(plan[0].read)]
    return part_of(plan, layout, called(np.zeros(read.shape, source.dtype)), plan[0])


def for_monai(plan: TilePlan, dtype: str = "float32") -> dict[str, Any]:
    """Return what MONAI's sliding windows are given; see :meth:`TilePlan.for_monai`."""
    import torch

    tenths = _TENTHS[as_choice(dtype, "dtype", tuple(_TENTHS))]
    for number, axis in enumerate(plan.axes):
        _require_scale(plan, number)
        if not _has_its_last(axis):
            _refuse_grid(plan, number, _has_its_last, "MONAI moves the last window back onto others' halos")
    weights = torch.as_tensor(_window(plan, tenths), dtype=getattr(torch, dtype))
    overlaps = [_overlap(axis) for axis in plan.axes]
    return {"roi_size": tuple(a.tile for a in plan.axes), "overlap": overlaps, "roi_weight_map": weights}


def for_tiler(plan: TilePlan) -> tuple[Any, Any, Floats]:
    """Return two of tiler's Tilers and the window to merge by; see :meth:`TilePlan.for_tiler`."""
    from tiler import Tiler

    tiles, outputs, steps = [], [], []
    for number, axis in enumerate(plan.axes):
        _require_scale(plan, number)
        if axis.count > 1 and axis.step < max(axis.before, axis.after):
            _refuse_grid(plan, number, _has_its_last, "tiler overlaps two tiles at a time")
        tiles.append(axis.tile)
        outputs.append(axis.tile // axis.period * axis.units if axis.period > 1 else axis.tile * axis.units)
        steps.append(axis.step // axis.period * axis.units)
    sizes, halos = [a.size for a in plan.axes], [a.before + a.after for a in plan.axes]
    merged = [
        output - step if a.count > 1 else 0 for output, step, a in zip(outputs, steps, plan.axes, strict=True)
    ]
    reader = Tiler(sizes, tiles, halos, mode="irregular")
    writer = Tiler([a.output for a in plan.axes], outputs, merged, mode="irregular")
    window = _window(plan, _TENTHS["float64"])
    for number, axis in enumerate(plan.axes):
        place = np.arange(outputs[number]) * axis.period // axis.units
        window = window.take(place, axis=number)
    return reader, writer, window


def for_torchgeo(plan: TilePlan) -> dict[str, Any]:
    """Return the size and the stride of chips; see :meth:`TilePlan.for_torchgeo`."""
    for number, axis in enumerate(plan.axes):
        if not _fits_exactly(axis):
            _refuse_grid(plan, number, _fits_exactly, "the last chip would lie partly outside the input")
    return {"size": tuple(a.tile for a in plan.axes), "stride": tuple(a.step for a in plan.axes)}


def for_bioimageio(plan: TilePlan) -> list[dict[str, int]]:
    """Return what a description declares along each axis; see :meth:`TilePlan.for_bioimageio`."""
    found = []
    for number, axis in enumerate(plan.axes):
        line = projected(program_of(plan.net, plan.ndim, unrolled=True), number)
        need = plan.needed[number] if axis.count > 1 else None
        halo = 0 if need is None else -(-max(need.before, need.after) // axis.period) * axis.units
        steps = range(1, axis.period + 1)
        step = next(s for s in steps if all(fits(line, axis.tile + k * s) for k in range(8)))
        found.append({"min": axis.tile, "step": step, "halo": halo})
    return found


def _require_scale(plan: TilePlan, number: int) -> None:
    """Raise where an output is not in proportion to the input, as libraries that scale windows need it."""
    axis = plan.axes[number]
    line = projected(program_of(plan.net, plan.ndim, unrolled=True), number)
    for samples, made in ((axis.size, axis.output), (axis.tile, sized(line, (axis.tile,)).output[0])):
        if made * axis.period != samples * axis.units:
            raise ValueError(
                f"{samples} samples along axis {number} make {made} units, not one for each "
                f"{axis.period / axis.units:g}, as windows that are scaled need: give sizes and tiles that "
                f"are multiples of {axis.period}, pad the layers, or use run"
            )


def _has_its_last(axis: AxisTiles) -> bool:
    """Whether at the end of the input no tile but the last has its halo where the last has the border."""
    if axis.count == 1:
        return True
    rest = axis.size - axis.tile - (axis.count - 2) * axis.step
    on_grid = (axis.size - axis.tile) % axis.period == 0
    return on_grid and axis.step >= max(axis.before, axis.after) and rest >= axis.after


def _fits_exactly(axis: AxisTiles) -> bool:
    return axis.count == 1 or (axis.size - axis.tile) % axis.step == 0


def _refuse_grid(plan: TilePlan, number: int, fitting: Callable[[AxisTiles], bool], reason: str) -> None:
    """Raise for a tile that another library's grid does not suit, with the nearest that it does."""
    axis = plan.axes[number]
    line = projected(program_of(plan.net, plan.ndim, unrolled=True), number)
    least = axis.before + axis.after + axis.period
    lengths = [axis.tile + sign * k * axis.period for k in range(1, axis.size) for sign in (1, -1)][:2000]
    good = (n for n in lengths if least <= n < axis.size and fitting(replace(axis, tile=n)) and fits(line, n))
    near = next(good, axis.size)
    raise ValueError(f"{reason}: give a tile of {near} along axis {number}, or use run")


def _overlap(axis: AxisTiles) -> float:
    """Return the share of a window that overlaps the next, so that int(tile (1 - overlap)) is the step."""
    if axis.count == 1:
        return 0.0
    share = 1 - axis.step / axis.tile
    return share if int(axis.tile * (1 - share)) == axis.step else 1 - (axis.step + 0.5) / axis.tile


def _window(plan: TilePlan, tenths: int) -> Floats:
    """Return weights: 1 where a tile is right, and as little as can be in its halo, along each axis."""
    small = 10.0 ** -(tenths // plan.ndim)
    window = np.ones((1,) * plan.ndim)
    for number, axis in enumerate(plan.axes):
        line = np.ones(axis.tile)
        if axis.count > 1:
            line[: axis.before] = line[axis.before + axis.step :] = small
        window = window * line.reshape([-1 if a == number else 1 for a in range(plan.ndim)])
    return window
