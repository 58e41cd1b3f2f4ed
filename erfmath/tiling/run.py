"""Running a function over the tiles of an array."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_axis, as_count
from .._memory import check_memory
from ..network.arguments import Ints
from ..words import progress as shown

if TYPE_CHECKING:
    from .plan import Slices, Tile, TilePlan


@dataclass(frozen=True)
class Layout:
    """Which axes of an array are those of space: `ndim` in a row, the last of them or all but the last.

    Attributes
    ----------
    ndim
        Number of axes of space.
    behind
        Number of axes behind them: 1 for channels, or 0.
    """

    ndim: int
    behind: int

    def sides(self, shape: Sequence[int]) -> Ints:
        """Return the sizes along space."""
        return tuple(shape[len(shape) - self.behind - self.ndim : len(shape) - self.behind])

    def index(self, slices: Slices) -> tuple[Any, ...]:
        """Return an index that slices space."""
        return (..., *slices, *[slice(None)] * self.behind)

    def with_sides(self, shape: Sequence[int], sides: Sequence[int]) -> Ints:
        """Return a shape with other sizes along space."""
        stop = len(shape) - self.behind
        return (*shape[: stop - self.ndim], *sides, *shape[stop:])


def layout_of(
    plan: TilePlan, shape: Sequence[int], space: Any = None, is_channels_first: bool = False
) -> Layout:
    """Return where the axes of space are in an array of a shape: where its sizes are those of the plan.

    Raises
    ------
    ValueError
        If they are nowhere, or could be in two places and it is not known that channels come first.
    """
    sides, ndim = tuple(axis.size for axis in plan.axes), plan.ndim
    wanted = " x ".join(map(str, sides))
    found = [
        layout
        for layout in (Layout(ndim, 0), Layout(ndim, 1))
        if len(shape) >= ndim + layout.behind and layout.sides(shape) == sides
    ]
    if space is not None:
        given = space if isinstance(space, (tuple, list)) else [space]
        axes = [as_axis(axis, len(shape), "space") for axis in given]
        if axes != [*range(axes[0], axes[0] + ndim)]:
            raise ValueError(f"space must be {ndim} axes in a row, got {space!r}")
        found = [layout for layout in found if layout.behind == len(shape) - axes[0] - ndim]
    if not found:
        raise ValueError(
            f"array must have {wanted} samples along its last axes, or before its last axis of channels, got "
            f"shape {tuple(shape)}; give an array of that size, or plan for this one"
        )
    if len(found) > 1 and not is_channels_first:
        last = tuple(range(len(shape) - ndim, len(shape)))
        raise ValueError(
            f"array of shape {tuple(shape)} could have its channels first or last; give space, such as "
            f"space={last if ndim > 1 else last[0]} for its last axes"
        )
    return found[0]


def run(
    plan: TilePlan,
    function: Callable[[Any], Any],
    array: Any,
    out: Any,
    batch: int,
    space: Any,
    progress: Any,
) -> Any:
    """Return the output of a function for a whole array, tile by tile; see :meth:`TilePlan.run`."""
    layout, called = prepared(plan, function, array, space)
    if out is not None:
        _require_room(out, layout, _sides(plan))
        _require_apart(out, array)
    runner = _Runner(plan, called, array, layout, out)
    groups = _groups(plan, as_count(batch, "batch", minimum=1))
    for _ in told(runner.write_all(groups), plan.count, progress):
        pass
    return runner.out


def prepared(
    plan: TilePlan, function: Callable[[Any], Any], array: Any, space: Any
) -> tuple[Layout, Callable[[Any], Any]]:
    """Return where an array has its axes of space, and a function that takes its parts; both are checked."""
    if not callable(function):
        raise TypeError(f"function must take a tile and return its output, got {function!r:.60}")
    if not hasattr(array, "shape") or not hasattr(array, "__getitem__"):
        raise TypeError(f"array must have a shape and take slices, got a {type(array).__name__}")
    layout = layout_of(plan, array.shape, space, _is_tensor(array))
    return layout, as_called(function, plan.ndim, layout.behind)


def _groups(plan: TilePlan, batch: int) -> Iterator[list[Tile]]:
    """Yield tiles in groups of at most so many whose reads have one shape."""
    waiting: dict[Ints, list[Tile]] = {}
    for tile in plan:
        group = waiting.setdefault(_lengths(tile.read), [])
        group.append(tile)
        if len(group) == batch:
            yield waiting.pop(_lengths(tile.read))
    yield from waiting.values()


def _lengths(slices: Slices) -> Ints:
    return tuple(part.stop - part.start for part in slices)


@dataclass
class _Runner:
    """What is read, called and written."""

    plan: TilePlan
    function: Callable[[Any], Any]
    array: Any
    layout: Layout
    out: Any

    @property
    def joins(self) -> bool:
        """Whether the array has an axis for a batch, before that of channels, that tiles are joined along."""
        return len(self.array.shape) - self.plan.ndim >= 2

    def write_all(self, groups: Iterator[list[Tile]]) -> Iterator[int]:
        """Write all tiles; yields how many have been written."""
        done = 0
        for group in groups:
            for tile, found in zip(group, self._called(group), strict=True):
                self._write(tile, found)
            done += len(group)
            yield done

    def _called(self, group: list[Tile]) -> Iterator[Any]:
        """Yield the outputs of tiles of one shape."""
        read = [read_of(self.array, self.layout, tile) for tile in group]
        if len(read) == 1:
            yield checked(self.plan, self.layout, self.function(read[0]), group[0])
            return
        found = self.function(_joined(read) if self.joins else _stacked(read))
        each = len(read[0]) if self.joins else 1
        if not hasattr(found, "shape") or found.shape[0] != each * len(read):
            raise ValueError(
                f"function must return {each * len(read)} entries along its first axis for a batch of "
                f"{len(read)} tiles, got {_shape(found)}; give batch=1"
            )
        for i, tile in enumerate(group):
            part = found[i * each : (i + 1) * each] if self.joins else found[i]
            yield checked(self.plan, self.layout, part, tile)

    def _write(self, tile: Tile, found: Any) -> None:
        """Write what is right of a tile's output."""
        if self.out is None:
            self.out = _like(found, self.layout.with_sides(found.shape, _sides(self.plan)))
        wanted = self.layout.with_sides(found.shape, _sides(self.plan))
        if tuple(self.out.shape) != wanted:
            raise ValueError(
                f"out must have shape {wanted}, as the function's outputs make, got {_shape(self.out)}"
            )
        part = _kept_by(self.out, found[self.layout.index(tile.crop)])
        self.out[self.layout.index(tile.write)] = part


def read_of(array: Any, layout: Layout, tile: Tile) -> Any:
    """Return what a tile reads, apart from the array, since functions may write into what they are given."""
    part = array[layout.index(tile.read)]
    return part.clone() if _is_tensor(part) else part.copy() if isinstance(part, np.ndarray) else part


def checked(plan: TilePlan, layout: Layout, found: Any, tile: Tile) -> Any:
    """Return a tile's output, or raise where it has another shape than the plan says."""
    wanted = _output_of(plan, tile)
    if not hasattr(found, "shape"):
        raise TypeError(f"function must return an array, got a {type(found).__name__}")
    if len(found.shape) < plan.ndim + layout.behind or layout.sides(found.shape) != wanted:
        raise ValueError(
            f"function returns shape {_shape(found)} for a tile of {_text(_lengths(tile.read))} samples, "
            f"whose output the plan says is {_text(wanted)}; is this the network that was planned for?"
        )
    return found


def part_of(plan: TilePlan, layout: Layout, found: Any, tile: Tile) -> Any:
    """Return what is right of a tile's output."""
    return checked(plan, layout, found, tile)[layout.index(tile.crop)]


def _require_room(out: Any, layout: Layout, sides: Ints) -> None:
    """Raise where `out` has another size along space than the output."""
    if not hasattr(out, "shape") or not hasattr(out, "__setitem__"):
        raise TypeError(f"out must have a shape and take values at slices, got a {type(out).__name__}")
    if len(out.shape) < len(sides) + layout.behind or layout.sides(out.shape) != sides:
        raise ValueError(f"out must have {_text(sides)} samples along space, got shape {_shape(out)}")


def _output_of(plan: TilePlan, tile: Tile) -> Ints:
    """Return the size of a tile's output."""
    return plan.output_of(_lengths(tile.read))


def _sides(plan: TilePlan) -> Ints:
    return tuple(axis.output for axis in plan.axes)


def _text(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))


def _shape(found: Any) -> Any:
    return tuple(found.shape) if hasattr(found, "shape") else f"a {type(found).__name__}"


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _kept_by(out: Any, part: Any) -> Any:
    """Return a part of an output as an array that `out` takes, without what made it."""
    if _is_tensor(out):
        return part.detach() if _is_tensor(part) else sys.modules["torch"].as_tensor(np.asarray(part))
    part = _as_numpy(part)
    own, taken = getattr(part, "dtype", None), getattr(out, "dtype", None)
    if isinstance(own, np.dtype) and isinstance(taken, np.dtype) and not np.can_cast(own, taken, "same_kind"):
        raise TypeError(f"out must hold the function's outputs, which are {own}, got one of {taken}")
    return part


def _require_apart(out: Any, array: Any) -> None:
    """Raise where tiles would be read from what others have written."""
    both = all(isinstance(value, np.ndarray) for value in (out, array))
    tensors = _is_tensor(out) and _is_tensor(array)
    if (
        out is array
        or (both and np.shares_memory(out, array))
        or (tensors and out.data_ptr() == array.data_ptr())
    ):
        raise ValueError(
            "out must be another array than the input, which later tiles read; give a copy, or leave it out"
        )


def _as_numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if _is_tensor(value) else value


def _joined(read: list[Any]) -> Any:
    if _is_tensor(read[0]):
        return sys.modules["torch"].cat(read)
    return np.concatenate(read)


def _stacked(read: list[Any]) -> Any:
    return sys.modules["torch"].stack(read) if _is_tensor(read[0]) else np.stack(read)


def _like(found: Any, shape: Ints) -> Any:
    """Return an array to write to, of the kind that a function returned."""
    size = found.element_size() if _is_tensor(found) else np.dtype(found.dtype).itemsize
    check_memory(math.prod(shape) * size, "the output", "give out, such as a memory map")
    return found.detach().new_empty(shape) if _is_tensor(found) else np.empty(shape, found.dtype)


def as_called(function: Callable[[Any], Any], ndim: int, behind: int) -> Callable[[Any], Any]:
    """Return a function that says what it was given, or a module as one that returns what it is given.

    Raises
    ------
    ValueError
        When the module is called, and cannot take as few axes as there are, or channels behind them.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(function, torch.nn.Module):
        return _noted(function)
    _require_evaluation(function, torch)
    like = next(function.parameters(), None)

    def called(tile: Any) -> Any:
        given = tile if _is_tensor(tile) else torch.as_tensor(np.ascontiguousarray(tile))
        with torch.no_grad():
            try:
                found = function(given if like is None else given.to(like))
            except (RuntimeError, ValueError) as error:
                if given.ndim >= ndim + 2 and not behind:
                    raise
                raise ValueError(
                    f"function is a module that does not take {_taken(given.ndim, ndim, behind)}; {error}"
                ) from error
        return found.to(tile.device) if _is_tensor(tile) else _as_numpy(found)

    return called


def _taken(given: int, ndim: int, behind: int) -> str:
    """Return what a module may not have taken, and how to give it."""
    missing = ndim + 2 - given
    index = f"[{', '.join(['None'] * missing)}]" if missing > 0 else ""
    if behind:
        moved = f"np.moveaxis(array, -1, {given - ndim - 1}){index}"
        return (
            f"channels as the last axis, where modules mostly have them before those of space: give {moved}"
        )
    return (
        f"{given} axes, where those of the batch and of the channels may be missing: give array{index}, or a "
        "function that adds and drops them"
    )


def _noted(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function whose errors tell what it was given, such as a numpy array to a module within."""

    def called(tile: Any) -> Any:
        try:
            return function(tile)
        except Exception as error:
            kind = f"{type(tile).__module__.partition('.')[0]}.{type(tile).__name__}"
            how = "; for tensors give torch.from_numpy(array)" if isinstance(tile, np.ndarray) else ""
            error.add_note(f"function was given a {kind} of shape {_shape(tile)}, a part of array{how}")
            raise

    return called


def _require_evaluation(module: Any, torch: Any) -> None:
    """Raise where a module takes statistics of each tile, or drops values at random."""
    kinds = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.modules.dropout._DropoutNd)
    training = (name for name, part in module.named_modules() if part.training and isinstance(part, kinds))
    if (name := next(training, None)) is not None:
        raise ValueError(
            f"function is a module in training mode, where {name or 'it'!r} makes of each tile what it does "
            "not make of the whole; call its eval()"
        )


def told(done: Iterator[int], count: int, progress: Any) -> Iterator[int]:
    """Yield the numbers of tiles done, and tell whoever asks."""
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise TypeError(f"progress must be a bool or a function of (done, all), got {progress!r}")
    if callable(progress):
        for number in done:
            progress(number, count)
            yield number
    else:
        yield from shown(done, "tile", count) if progress else done
