"""Pictures of impacts and fields, drawn with matplotlib (``pip install 'erfmath[plot]'``).

Each function draws on the axes it is given, or on the axes of a new pyplot figure, and returns them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .laws.base import Distribution
from .laws.depths import Growth
from .laws.effective import effective_field
from .laws.joint import JointDistribution
from .laws.univariate import UnivariateDistribution

if TYPE_CHECKING:
    from .design.comparison import Comparison

__all__ = ["new_figure", "plot_comparison", "plot_growth", "plot_impact", "plot_profile"]

_BLUE, _RED, _GREY = "#2f5d8c", "#c8553d", "#8a8a8a"

# From so many on, bars are thinner than two pixels and are drawn as one outline, and edges of a field would
# cover the field and are drawn thin.
_MOST_BARS, _MOST_EDGES = 400, 1500


def plot_impact(distribution: JointDistribution, ax: Any = None, **options: Any) -> Any:
    """Draw an impact on two axes as a map, with outlines of the theoretical and the effective field.

    The shade of a pixel is proportional to its share of the impact. The first axis runs down.

    Parameters
    ----------
    distribution
        A distribution on two axes, from ``erfmath.distribution(net)``.
    ax
        Matplotlib axes; None means the axes of a new figure.
    **options
        `definition`, `ref`, `profile`, `level` of :func:`erfmath.effective_field`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from erfmath import Conv, distribution
    >>> ax = plot_impact(distribution(Conv((3, 3), padding=1) ** 10), new_figure().add_subplot())
    >>> ax.get_title()
    'effective size 11.7 of 21 (threshold)'
    """
    if not isinstance(distribution, Distribution) or distribution.ndim != 2:
        raise ValueError(
            f"distribution must have two axes, got {distribution!r}; plot_profile draws one axis"
        )
    ax = _axes(ax)
    (top, bottom), (left, right) = distribution.support()
    shares = distribution.probabilities()
    found = effective_field(distribution, **options)
    edges = (left - 0.5, right + 0.5, bottom + 0.5, top - 0.5)
    image = ax.imshow(shares, extent=edges, cmap="Blues", vmin=0, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, label="share of the impact")
    bar.formatter.set_powerlimits((-2, 2))
    bar.outline.set_visible(False)
    if not found.mask.all():
        rows, columns = np.arange(top, bottom + 1), np.arange(left, right + 1)
        _outline(ax, columns, rows, found.mask)
    for spine in ax.spines.values():
        spine.set(color=_GREY, linewidth=1.5)
    field = " x ".join(str(n) for n in dict.fromkeys((bottom - top + 1, right - left + 1)))
    ax.set(title=f"effective size {found.size:.3g} of {field} ({found.definition})")
    ax.set(xlabel="input position, axis 1", ylabel="axis 0")
    return ax


def plot_profile(distribution: UnivariateDistribution, ax: Any = None, **options: Any) -> Any:
    """Draw an impact on one axis and the normal distribution with the same mean and variance.

    Parameters
    ----------
    distribution
        A distribution on one axis; ``distribution.marginal(axis)`` is one of a distribution on several axes.
    ax
        Matplotlib axes; None means the axes of a new figure.
    **options
        `definition`, `ref`, `profile`, `level` of :func:`erfmath.effective_field`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from erfmath import Kernel, distribution
    >>> ax = plot_profile(distribution(Kernel.uniform(3), 10), new_figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['impact', 'normal', 'effective field, 13 of 21 (threshold)']
    """
    if not isinstance(distribution, Distribution) or distribution.ndim != 1:
        raise ValueError(f"distribution must have one axis, got {distribution!r}; take its marginal(axis)")
    ax = _axes(ax)
    low, high = distribution.support()
    found = effective_field(distribution, **options)
    ((first, last),) = found.extent
    _bars(ax, distribution)
    if distribution.var() > 0:
        _normal(ax, distribution)
    label = f"effective field, {found.size:.3g} of {high - low + 1} ({found.definition})"
    span = (low + first - 0.5, low + last + 0.5)
    ax.axvspan(*span, color=_GREY, alpha=0.15, linewidth=0, zorder=0, label=label)
    ax.set(xlim=(low - 0.5, high + 0.5), xlabel="input position", ylabel="share of the impact")
    ax.set_ylim(bottom=0)
    _clean(ax)
    _legend_above(ax, sorted(ax.get_legend_handles_labels()[1], key=["impact", "normal", label].index))
    return ax


def plot_growth(growth: Growth, ax: Any = None) -> Any:
    """Draw the effective and the theoretical size against depth on logarithmic axes, with the fitted slope.

    Parameters
    ----------
    growth
        From :func:`erfmath.growth`.
    ax
        Matplotlib axes; None means the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from erfmath import Kernel, growth
    >>> ax = plot_growth(growth(Kernel.uniform((3, 3)), [5, 10, 20, 40]), new_figure().add_subplot())
    >>> ax.get_xscale(), ax.get_xlabel()
    ('log', 'depth')
    """
    if not isinstance(growth, Growth):
        raise TypeError(f"growth must be a Growth, which erfmath.growth returns, got {growth!r}")
    ax = _axes(ax)
    depths = [row.depth for row in growth]
    ax.loglog(depths, [row.theoretical for row in growth], "o-", color=_GREY, label="theoretical")
    label = f"effective, slope {growth.slope:.3f}"
    ax.loglog(depths, [row.effective for row in growth], "o-", color=_BLUE, label=label)
    root = [growth.rows[0].effective * math.sqrt(depth / depths[0]) for depth in depths]
    ax.loglog(depths, root, "--", color=_RED, linewidth=1, label="slope 1/2, the limit for deep networks")
    ax.set(xlabel="depth", ylabel="size of the field")
    _plain_ticks(ax, depths)
    _clean(ax)
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_comparison(comparison: Comparison, ax: Any = None) -> Any:
    """Draw a comparison of networks as bars: the effective field, the theoretical field and the cost.

    Parameters
    ----------
    comparison
        From :func:`erfmath.compare`.
    ax
        Matplotlib axes; None means the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from erfmath.design.comparison import compare
    >>> ax = plot_comparison(compare(15, ndim=1), new_figure().add_subplot())
    >>> len(ax.get_yticklabels())
    6
    """
    from .design.comparison import Comparison
    from .words import short_count

    if not isinstance(comparison, Comparison):
        raise TypeError(f"comparison must be a Comparison, which erfmath.compare returns, got {comparison!r}")
    ax = _axes(ax)
    names = [row.name for row in comparison]
    fields = [math.prod(row.theoretical) ** (1 / len(row.theoretical)) for row in comparison]
    places = np.arange(len(names))
    ax.barh(places, fields, color="#e3e3e3", label="theoretical field")
    ax.barh(places, [row.effective for row in comparison], color=_BLUE, height=0.5, label="effective field")
    for place, row, side in zip(places, comparison, fields, strict=True):
        costs = [] if row.parameters is None else [f"{short_count(row.parameters)} weights"]
        costs += [] if row.macs is None else [f"{short_count(row.macs)} MACs"]
        ax.annotate(
            ", ".join(costs), (side, place), (5, 0), textcoords="offset points", va="center", size="small"
        )
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    ax.set(xlabel="size of the field", xlim=(0, 1.4 * max(fields)))
    _clean(ax)
    ax.tick_params(axis="y", length=0)
    _legend_above(ax, ["effective field", "theoretical field"])
    return ax


def new_figure(size: tuple[float, float] = (6, 4)) -> Any:
    """Return a figure without a window and without pyplot, to be saved to a file.

    Parameters
    ----------
    size
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> ax = new_figure((8, 4)).add_subplot()
    >>> ax.figure.get_size_inches().tolist()
    [8.0, 4.0]
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("erfmath.plotting needs matplotlib: pip install 'erfmath[plot]'") from None
    return Figure(figsize=size, layout="constrained")


def _axes(ax: Any) -> Any:
    """Return the given axes, or the axes of a new pyplot figure."""
    if ax is not None:
        if not hasattr(ax, "transAxes"):
            raise TypeError(f"ax must be the axes of Matplotlib to draw on, got {ax!r}")
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("erfmath.plotting needs matplotlib: pip install 'erfmath[plot]'") from None
    return plt.subplots(layout="constrained")[1]


def _outline(ax: Any, columns: Any, rows: Any, mask: Any) -> None:
    """Draw the outline of a set of pixels along their edges."""
    inside = np.pad(mask, 1).astype(int)
    lines: list[Sequence[tuple[float, float]]] = []
    for i, j in np.argwhere(np.diff(inside, axis=0)[:, 1:-1]):
        y = rows[0] + i - 0.5
        lines.append([(columns[j] - 0.5, y), (columns[j] + 0.5, y)])
    for i, j in np.argwhere(np.diff(inside, axis=1)[1:-1]):
        x = columns[0] + j - 0.5
        lines.append([(x, rows[i] - 0.5), (x, rows[i] + 0.5)])
    from matplotlib.collections import LineCollection

    width = 1.2 if len(lines) < _MOST_EDGES else 0.4  # a ragged set would be all outline
    ax.add_collection(LineCollection(lines, colors=_RED, linewidths=width, capstyle="round"))


def _bars(ax: Any, distribution: UnivariateDistribution) -> None:
    """Draw the pmf as bars, or as steps where bars would be too thin."""
    low, high = distribution.support()
    start, values = distribution.float_window()
    positions = start + np.arange(len(values))
    if high - low < _MOST_BARS:
        ax.bar(positions, values, width=0.9, color=_BLUE, label="impact")
        return
    edges = np.append(positions, positions[-1] + 1) - 0.5
    ax.stairs(values, edges, fill=True, color=_BLUE, label="impact")


def _normal(ax: Any, distribution: UnivariateDistribution) -> None:
    """Draw the normal density with the mean and variance of a distribution, over its support."""
    (low, high), mean, std = distribution.support(), distribution.mean(), distribution.std()
    reach = max(6 * std, 2)
    x = np.linspace(max(low - 0.5, mean - reach), min(high + 0.5, mean + reach), 400)
    density = np.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    ax.plot(x, density, color=_RED, linewidth=1.5, label="normal")


def _plain_ticks(ax: Any, depths: Sequence[int]) -> None:
    """Label the ticks with the depths themselves, not with powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())


def _legend_above(ax: Any, labels: Sequence[str]) -> None:
    """Place the legend above the axes, in one line and in this order."""
    handles, found = ax.get_legend_handles_labels()
    ordered = [handles[found.index(label)] for label in labels]
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    ax.legend(ordered, labels, frameon=False, fontsize="small", ncols=len(labels), columnspacing=1.2, **place)


def _clean(ax: Any) -> None:
    """Remove the two sides of the frame that have no axis."""
    ax.spines[["top", "right"]].set_visible(False)
