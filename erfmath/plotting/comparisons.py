"""A comparison of networks as bars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..design.comparison import CandidateRow, Comparison
from ..network.arguments import per_axis_values
from ..network.field import receptive_field
from ..words import per_axis_text, positions_word, short_count
from .figures import BLUE, axes_or_new, clean, legend_above, titled

# The share of the width that the bars have beside names and costs.
_ROOM = 0.6

_FIELD, _HOLES, _EFFECTIVE = "theoretical field", "with holes", "effective field"


def plot_comparison(comparison: Comparison, ax: Any = None, *, name: str = "") -> Any:
    """Draw a comparison of networks as bars: the effective field, the theoretical field and the cost.

    The axis ends where the largest field ends, 100 %, or with the largest disc of "radial", which may be
    larger. A hatched field has holes; the output stride and the cost of each network stand on the right.

    Parameters
    ----------
    comparison
        From :func:`erfmath.compare`.
    ax
        Matplotlib axes; None means the axes of a new figure.
    name
        What it is of, for the title.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If it is no Comparison, or `ax` no axes.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath.design.comparison import compare
    >>> from erfmath.plotting import new_figure, plot_comparison
    >>> ax = plot_comparison(compare(15, ndim=1), new_figure().add_subplot())
    >>> len(ax.get_yticklabels()), float(ax.get_xlim()[1])
    (6, 15.0)
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(f"comparison must be a Comparison, which erfmath.compare returns, got {comparison!r}")
    ax = axes_or_new(ax)
    places = np.arange(len(comparison))
    fields = [math.prod(row.theoretical) ** (1 / len(row.theoretical)) for row in comparison]
    _fields(ax, comparison, places, fields)
    ax.barh(places, [row.effective for row in comparison], color=BLUE, height=0.45, label=_EFFECTIVE)
    ax.set_yticks(places, [row.name for row in comparison])
    ends = max(fields), max(row.effective for row in comparison)
    ax.set(ylim=(len(places) - 0.5, -0.5), xlim=(0, max(ends)))
    unit = positions_word(len(comparison.rows[0].theoretical))
    most = ", up to the largest, 100 %" if ends[1] <= ends[0] else ""
    ax.set_xlabel(f"side of the field ({unit}){most}")
    _costs(ax, comparison, places)
    clean(ax)
    ax.tick_params(axis="y", length=0)
    titled(ax, name)
    found = ax.get_legend_handles_labels()[1]
    legend_above(ax, [label for label in (_EFFECTIVE, _FIELD, _HOLES) if label in found], room=_ROOM)
    return ax


def _fields(ax: Any, comparison: Comparison, places: Any, fields: list[float]) -> None:
    """Draw the theoretical fields, hatched where they have holes."""
    for has_holes, label, style in (
        (False, _FIELD, {"color": "#e3e3e3"}),
        (True, _HOLES, {"facecolor": "#e3e3e3", "edgecolor": "#9a9a9a", "hatch": "////", "linewidth": 0}),
    ):
        kept = [i for i, row in enumerate(comparison) if row.is_covered is not has_holes]
        if kept:
            ax.barh(places[kept], [fields[i] for i in kept], label=label, **style)


def _costs(ax: Any, comparison: Comparison, places: Any) -> None:
    """Write the stride and the cost of each network on the right."""
    for place, row in zip(places, comparison, strict=True):
        ax.annotate(
            "\n".join(_words(row)),
            (1, place),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size="small",
            annotation_clip=False,
        )


def _words(row: CandidateRow) -> list[str]:
    strides = per_axis_values(receptive_field(row.net).stride)
    costs = [] if row.parameters is None else [f"{short_count(row.parameters)} weights"]
    costs += [] if row.macs is None else [f"{short_count(row.macs)} MACs"]
    return [
        f"{row.effective / _side(row):.0%} of it, output stride {per_axis_text(strides)}",
        ", ".join(costs),
    ]


def _side(row: CandidateRow) -> float:
    return float(math.prod(row.theoretical) ** (1 / len(row.theoretical)))
