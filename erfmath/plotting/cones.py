"""Layers as triangles: which units of every layer a unit depends on, along one axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._checks import as_axis, per_axis
from ..network.algebra import Node, require_network
from ..network.describe import describe
from ..network.program import Operation, Program, program_of
from ..network.regions import Regions, regions_of
from ..network.stage import Stage
from ..words import positions_word
from .figures import BLUE, GREY, PALE, axes_or_new, clean, position_label, titled

# So many readings are followed; with more than so many, layers are drawn as areas, not as dots and lines.
_MOST_READ, _MOST_LINES = 10**6, 4000

# Layers up to so many are named, and inputs up to so many have large dots.
_MOST_NAMES, _MOST_DOTS = 40, 60


def plot_cone(net: Node, ax: Any = None, *, at: int = 0, axis: int = 0, name: str = "") -> Any:
    """Draw which units of every layer an output unit depends on along one axis, as a triangle of layers.

    The input is at the bottom, a unit of each layer above what it reads: in the middle of it, or, where it
    reads mostly what comes before, as causal layers do, where it is in time. Dilations are gaps between
    lines, strides the distance of units; what is inside the field and not seen stays empty. Units of another
    phase read otherwise: see `at`.

    Parameters
    ----------
    net
        A network.
    ax
        Matplotlib axes; None means the axes of a new figure.
    at
        The output unit.
    axis
        The axis to follow.
    name
        What it is of, for the title.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a layer reads its whole input, or the triangle has more than a million lines.

    Examples
    --------
    >>> from erfmath import Conv
    >>> from erfmath.plotting import new_figure, plot_cone
    >>> net = Conv(2, dilation=1) >> Conv(2, dilation=2) >> Conv(2, dilation=4)
    >>> ax = plot_cone(net, new_figure().add_subplot())
    >>> ax.get_title()
    'unit 0 sees 8 of the 8 samples 0 .. 7'
    """
    known = require_network(net)
    ndim = known.ndim or 1
    along = as_axis(axis, ndim)
    program = program_of(known, ndim, unrolled=True)
    if program.unbounded is not None:
        raise ValueError(f"{describe(program.unbounded)} reads its whole input, which is no triangle")
    whole = [axes[along] for axes in regions_of(program)]
    cone = _Cone.of(program.along(along), per_axis(at, 1, "at")[0])
    ax = axes_or_new(ax)
    places = _all_places(cone, program.along(along), whole)
    _draw(ax, cone, places)
    _label(ax, cone, ndim, along)
    titled(ax, name, _seen(at, sorted(cone.units.get(0, ())), positions_word(ndim)))
    return ax


def _seen(at: int, positions: list[int], kind: str) -> str:
    """Return how many positions of its field a unit sees."""
    if not positions:
        return f"unit {at} sees nothing"
    first, last = positions[0], positions[-1]
    return f"unit {at} sees {len(positions)} of the {last - first + 1} {kind} {first} .. {last}"


class _Cone(NamedTuple):
    """The units of every tensor that a unit depends on, which reads which, and how high each tensor is."""

    units: dict[int, set[int]]
    lines: list[tuple[tuple[int, int], tuple[int, int]]]
    levels: dict[int, int]
    names: dict[int, str]

    @classmethod
    def of(cls, program: Program, at: int) -> _Cone:
        """Follow a unit back to the input."""
        units: dict[int, set[int]] = {program.output: {at}}
        lines: list[tuple[tuple[int, int], tuple[int, int]]] = []
        for tensor in range(len(program.operations), 0, -1):
            op = program.operations[tensor - 1]
            for unit in units.get(tensor, ()):
                for source, place in _read(op, unit):
                    units.setdefault(source, set()).add(place)
                    lines.append(((tensor, unit), (source, place)))
            if len(lines) > _MOST_READ:
                raise ValueError(f"the triangle has more than {_MOST_READ:,} lines; draw a smaller network")
        return cls(units, lines, *_levels(program, units))


def _read(op: Operation, unit: int) -> Iterator[tuple[int, int]]:
    """Yield the units that a unit reads, with their tensors."""
    places = [unit]
    if isinstance(op.what, Stage):
        what = op.what
        taps = what.kernel.offsets[0] + np.flatnonzero(np.asarray(what.kernel.weights, dtype=float))
        read = what.stride[0] * unit + what.dilation[0] * taps + what.shift[0]
        places = (read[read % what.upsampling[0] == 0] // what.upsampling[0]).tolist()
    for source, _ in op.sources:
        for place in places:
            yield source, place


def _levels(program: Program, units: dict[int, set[int]]) -> tuple[dict[int, int], dict[int, str]]:
    """Return how high each tensor is drawn, and what the levels are called."""
    levels, names = {0: 0}, {0: "input"}
    for tensor, op in enumerate(program.operations, 1):
        if tensor in units:
            below = max(levels.get(source, 0) for source, _ in op.sources)
            is_same = op.what is None or _is_pointwise(op.what)
            levels[tensor] = below + (not is_same or len(op.sources) > 1)
            if not is_same:
                names.setdefault(levels[tensor], describe(op.node))
    return levels, names


def _is_pointwise(what: Any) -> bool:
    return bool(
        isinstance(what, Stage) and what.kernel.shape == (1,) and what.stride == what.upsampling == (1,)
    )


def _all_places(cone: _Cone, program: Program, whole: list[Regions]) -> dict[int, dict[int, float]]:
    """Return where the units of each tensor are drawn: padding and cuts leave samples where they are."""
    period = int(program.period[0] * program.rate[0])
    found: dict[int, dict[int, float]] = {}
    for tensor in sorted(cone.units):
        units, op = cone.units[tensor], program.operations[tensor - 1] if tensor else None
        if op is not None and op.what is not None and _is_pointwise(op.what):
            reads = {unit: next(_read(op, unit)) for unit in units}
            found[tensor] = {unit: found[source][place] for unit, (source, place) in reads.items()}
        else:
            found[tensor] = _places(whole[tensor], units, period)
    return found


def _places(seen: Regions, units: set[int], period: int) -> dict[int, float]:
    """Return where units are drawn: amid what they see, or where they are if they see the past.

    The past is all that they see, or reaches further back than the phases of strides can move the middle.
    """
    found = {}
    for unit in units:
        region, place = seen.of(unit), float(unit * seen.rate)
        low, high = (place, place) if region is None else region
        middle = (low + high) / 2
        is_behind = place == high or (low + period <= place <= high and place - middle > period)
        found[unit] = place if is_behind else middle
    return found


def _draw(ax: Any, cone: _Cone, places: dict[int, dict[int, float]]) -> None:
    """Draw dots and lines, or areas where these are too many."""
    if len(cone.lines) > _MOST_LINES:
        _areas(ax, cone, places)
        return
    from matplotlib.collections import LineCollection

    def point(end: tuple[int, int]) -> tuple[float, float]:
        return places[end[0]][end[1]], cone.levels[end[0]]

    lines = [(point(above), point(below)) for above, below in cone.lines]
    ax.add_collection(LineCollection(lines, colors=PALE, linewidths=0.8, zorder=1))
    size, top = 18 if len(cone.units.get(0, ())) < _MOST_DOTS else 5, max(cone.levels.values())
    for tensor, known in places.items():
        level = cone.levels[tensor]
        colour = BLUE if level in (0, top) else GREY
        ax.scatter([*known.values()], [level] * len(known), s=size, color=colour, linewidths=0, zorder=2)


def _areas(ax: Any, cone: _Cone, places: dict[int, dict[int, float]]) -> None:
    """Draw from the first to the last unit of each level."""
    levels = sorted(set(cone.levels.values()))
    at: dict[int, list[float]] = {level: [] for level in levels}
    for tensor, known in places.items():
        at[cone.levels[tensor]] += known.values()
    ax.fill_betweenx(levels, [min(at[n]) for n in levels], [max(at[n]) for n in levels], color=PALE)


def _label(ax: Any, cone: _Cone, ndim: int, axis: int) -> None:
    """Name the layers and the axis."""
    names = cone.names if len(cone.names) <= _MOST_NAMES else {0: "input", max(cone.names): "output"}
    ax.set_yticks(list(names), list(names.values()), fontsize="small")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(position_label(ndim, axis))
    ax.margins(x=0.03, y=0.06)
    clean(ax)
    ax.spines["left"].set_visible(False)
