r"""How the axes of a tensor hold the positions of a map: each is a list of runs, the slowest first.

A run of step s and length n along axis k of the map counts :math:`d = 0 .. n - 1`, and adds :math:`s d` to
the position along k; runs of no axis count channels or a batch. An entry of the tensor is found at the sum
over its runs. Reshaping splits and joins runs, a permutation moves them: neither changes what is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Shape = tuple[int | None, ...]


class Run(NamedTuple):
    """Entries at equal steps along an axis of the map; of None, entries that are at no position.

    `beside` are entries (before, after) the axis of the tensor that it begins, such as a class token.
    """

    axis: int | None
    step: int = 1
    length: int | None = None
    beside: tuple[int, int] = (0, 0)

    @property
    def is_long(self) -> bool:
        """Whether it has more than one entry, as far as is known."""
        return self.length != 1


Axis = tuple[Run, ...]
Layout = tuple[Axis, ...]


class Place(NamedTuple):
    """Where a run of the map's axes stands in a layout: which axis of the tensor, and which run there."""

    axis: int
    run: int


def channel(length: int | None) -> Axis:
    """Return an axis of so many channels."""
    return () if length == 1 else (Run(None, 1, length),)


def plain(shape: Sequence[int | None], space: Sequence[int]) -> Layout:
    """Return the layout of a map as it comes in, whose axes `space` are those of the network in order."""
    return tuple(
        (Run(space.index(axis), 1, side),) if axis in space else channel(side)
        for axis, side in enumerate(shape)
    )


def side(axis: Axis) -> int | None:
    """Return how many entries an axis has, None where that is unknown."""
    lengths = [run.length for run in axis]
    if None in lengths:
        return None
    extra = sum(axis[0].beside) if axis else 0
    return math.prod(length for length in lengths if length is not None) + extra


def owners(axis: Axis) -> tuple[int, ...]:
    """Return the axes of the map that run along an axis."""
    return tuple(dict.fromkeys(run.axis for run in axis if run.axis is not None))


def positions(layout: Layout) -> dict[int, list[tuple[Place, Run]]]:
    """Return where the runs of each axis of the map are, the largest steps first."""
    found: dict[int, list[tuple[Place, Run]]] = {}
    for i, axis in enumerate(layout):
        for j, run in enumerate(axis):
            if run.axis is not None:
                found.setdefault(run.axis, []).append((Place(i, j), run))
    return {k: sorted(entries, key=lambda entry: -entry[1].step) for k, entries in sorted(found.items())}


def outermost(layout: Layout, axis: int) -> bool:
    """Whether the single run of an axis of the tensor has the largest step along its axis of the map."""
    return positions(layout)[layout[axis][0].axis or 0][0][0] == Place(axis, 0)


def merged(axis: Iterable[Run]) -> Axis:
    """Return an axis with runs joined that continue each other, and without those of a single entry.

    >>> merged([Run(0, 8, 4), Run(0, 1, 8), Run(None, 1, 1)])
    (Run(axis=0, step=1, length=32, beside=(0, 0)),)
    """
    runs = list(axis)
    found: list[Run] = []
    for run in [run for run in runs if run.is_long or run.beside != (0, 0)]:
        last = found[-1] if found else None
        if last is None or last.axis != run.axis or run.length is None or last.length is None:
            found.append(run)
        elif run.axis is None or last.step == run.step * run.length:
            found[-1] = last._replace(step=run.step, length=last.length * run.length)
        else:
            found.append(run)
    alone = [run for run in runs if run.axis is not None]
    return tuple(found) if found else tuple(alone[:1])


def reshaped(layout: Layout, shape: Sequence[int]) -> Layout | None:
    """Return the layout of the same entries in another shape; None where a run would be cut unevenly."""
    rest = [run for axis in layout for run in axis if run.is_long or run.beside != (0, 0)][::-1]
    found = []
    for wanted in shape:
        taken = _taken(rest, wanted)
        if taken is None:
            return None
        found.append(merged(taken))
    return tuple(found) if not any(run.is_long for run in rest) else None


def _taken(rest: list[Run], wanted: int) -> list[Run] | None:
    """Take the next runs of so many entries from the end of a list; None where they do not fit."""
    found: list[Run] = []
    while wanted > 1:
        if not rest:
            return None
        run = rest.pop()
        length = run.length or 0
        if run.beside != (0, 0):
            whole = _with_beside(run, rest, wanted)
            return whole if whole and not found else None
        if length > wanted:
            if length % wanted:
                return None
            inner = length // wanted
            rest.append(run._replace(length=inner))
            run = run._replace(step=run.step * (inner if run.axis is not None else 1), length=wanted)
        elif not length or wanted % length:
            return None
        wanted //= run.length or 1
        found.append(run)
    return found


def _with_beside(run: Run, rest: list[Run], wanted: int) -> list[Run] | None:
    """Return the runs of an axis that has entries beside them, which stays whole."""
    found, count = [run], run.length or 0
    while count + sum(run.beside) < wanted and rest:
        found.append(rest.pop())
        count *= found[-1].length or 0
    return found if count + sum(run.beside) == wanted else None


def split(axis: Axis, cuts: Sequence[int]) -> Axis | None:
    """Return an axis with runs split where the entries behind are of a number in `cuts`; None if unevenly.

    >>> [run.length for run in split((Run(0, 1, 12),), [2, 6])]
    [2, 3, 2]
    """
    found: list[Run] = []
    behind = 1
    for run in reversed(axis):
        length = run.length
        if length is None:
            found.append(run)
            continue
        inner, step = 1, run.step
        for cut in sorted(c for c in cuts if behind < c < behind * length):
            if cut % (behind * inner) or (behind * length) % cut:
                return None
            part = cut // (behind * inner)
            found.append(run._replace(step=step, length=part, beside=(0, 0)))
            inner, step = inner * part, step * (part if run.axis is not None else 1)
        found.append(run._replace(step=step, length=length // inner))
        behind *= length
    return tuple(found[::-1])


def cuts_of(axis: Axis) -> list[int]:
    """Return how many entries are behind each of the runs of an axis, where that is known."""
    found, behind = [], 1
    for run in reversed(axis):
        if run.length is None:
            break
        behind *= run.length
        found.append(behind)
    return found


def counted(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield all counts of runs of some lengths, the last fastest."""
    total = math.prod(lengths)
    for number in range(total):
        count = []
        for length in reversed(lengths):
            number, digit = divmod(number, length)
            count.append(digit)
        yield tuple(count[::-1])
