"""Several depths in one picture: the growth of the field, and the impact at each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .._checks import as_bool
from ..laws.base import Distribution
from ..laws.depths import Growth
from .figures import BLUE, GREY, RED, axes_or_new, clean, legend_below, new_figure, panel_size, titled
from .maps import plot_impact
from .profiles import profile_panel

# Panels next to each other, and altogether.
_MOST_ACROSS, _MOST_PANELS = 3, 64

# In a figure of fewer inches the legend is as wide as the axes.
_NARROW = 5.5

_COLOURS = (BLUE, "#3a8f6f", "#8a5fa8", "#b07d2b")


def plot_growth(
    growth: Growth | Mapping[str, Growth], ax: Any = None, *, name: str = "", unit: str = ""
) -> Any:
    """Draw the effective and the theoretical size against depth on logarithmic axes, with the fitted slopes.

    Parameters
    ----------
    growth
        From :func:`erfmath.growth`, or several by their names, such as those of two profiles.
    ax
        Matplotlib axes; None means the axes of a new figure.
    name
        What it is of, for the title.
    unit
        What a position is called, such as "pixels".

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If it is no Growth, or no mapping of names to these.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath import Kernel, growth
    >>> from erfmath.plotting import new_figure, plot_growth
    >>> rows = {p: growth(Kernel.uniform((3, 3)), [5, 10, 20, 40], profile=p) for p in ("mean", "std")}
    >>> ax = plot_growth(rows, new_figure().add_subplot(), name="3x3", unit="pixels")
    >>> ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()
    ('log', 'depth (layers)', 'side of the field (pixels)')
    >>> [text.get_text() for text in ax.get_legend().get_texts()][1:3]
    ['effective, mean: slope 0.482', 'effective, std: slope 0.539']
    """
    several = {"": growth} if isinstance(growth, Growth) else growth
    if (
        not isinstance(several, Mapping)
        or not several
        or not all(isinstance(g, Growth) for g in several.values())
    ):
        raise TypeError(
            f"growth must be a Growth, which erfmath.growth returns, or several by name, got {growth!r}"
        )
    ax = axes_or_new(ax)
    first = next(iter(several.values()))
    depths = [row.depth for row in first]
    ax.loglog(depths, [row.theoretical for row in first], "o-", color=GREY, label="theoretical")
    for number, (label, rows) in enumerate(several.items()):
        words = f"effective, {label}: slope" if label else "effective, slope"
        sizes = [row.effective for row in rows]
        colour = _COLOURS[number % len(_COLOURS)]
        ax.loglog([row.depth for row in rows], sizes, "o-", color=colour, label=f"{words} {rows.slope:.3f}")
    root = [first.rows[0].effective * math.sqrt(depth / depths[0]) for depth in depths]
    ax.loglog(depths, root, "--", color=RED, linewidth=1, label="slope 1/2, the limit for deep networks")
    ax.set(xlabel="depth (layers)", ylabel="side of the field" + (f" ({unit})" if unit else ""))
    _plain_ticks(ax, sorted({row.depth for rows in several.values() for row in rows}))
    clean(ax)
    titled(ax, name)
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    if ax.figure.get_size_inches()[0] < _NARROW:
        _raise_top(ax, len(several) + 2)
    return ax


def _raise_top(ax: Any, lines: int) -> None:
    """Make room above the lines for a legend that is as wide as the axes."""
    from matplotlib import rcParams

    low, high = map(math.log, ax.get_ylim())
    share = min(
        0.6, (0.018 * rcParams["font.size"] * lines + 0.1) / max(ax.figure.get_size_inches()[1] - 1, 1)
    )
    ax.set_ylim(top=math.exp(low + (high - low) / (1 - share)))


def _plain_ticks(ax: Any, depths: Sequence[int]) -> None:
    """Label the ticks with the depths themselves, not with powers of ten, as far as they have room."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

    span = math.log(depths[-1] / depths[0]) or 1.0
    kept = depths[-1:]
    for depth in reversed(depths[:-1]):
        if math.log(kept[0] / depth) > span / 12:
            kept = [depth, *kept]
    ax.set_xticks(kept, [str(depth) for depth in kept])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())


def plot_depths(
    distributions: Mapping[int, Distribution],
    figure: Any = None,
    *,
    name: str = "",
    crop: bool = True,
    **options: Any,
) -> list[Any]:
    r"""Draw the impact at each depth in a panel of its own, as a map on two axes, else along the first axis.

    Parameters
    ----------
    distributions
        From ``erfmath.distribution(kernel, n)``, by depth n; at most 64.
    figure
        A Matplotlib figure; None means one from :func:`new_figure`, with room for all.
    name, crop, **options
        As in :func:`plot_impact`.

    Returns
    -------
    list of matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If it is no mapping of depths to distributions, or of more than 64.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath import Kernel, distribution
    >>> from erfmath.plotting import plot_depths
    >>> laws = {n: distribution(Kernel.uniform((3, 3)), n) for n in (5, 10)}
    >>> [ax.get_title() for ax in plot_depths(laws)][0]
    'depth 5\neffective side 8.31 of 11 pixels (threshold)'
    """
    if not isinstance(distributions, Mapping) or not distributions:
        raise TypeError(f"distributions must map depths to distributions, got {distributions!r}")
    if len(distributions) > _MOST_PANELS:
        raise ValueError(
            f"at most {_MOST_PANELS} depths fit a picture, got {len(distributions)}; plot_growth draws any"
        )
    across = min(math.ceil(math.sqrt(len(distributions))), _MOST_ACROSS)
    down = math.ceil(len(distributions) / across)
    figure = new_figure(panel_size(across, down)) if figure is None else figure
    axes = [figure.add_subplot(down, across, number + 1) for number in range(len(distributions))]
    for ax, (depth, law) in zip(axes, distributions.items(), strict=True):
        _panel(ax, depth, law, as_bool(crop, "crop"), options)
    if law.ndim != 2:
        legend_below(figure, axes[0])
    if name:
        figure.suptitle(name, fontsize="medium")
    return axes


def _panel(ax: Any, depth: int, law: Any, crop: bool, options: dict[str, Any]) -> None:
    """Draw the impact at one depth."""
    if law.ndim == 2:
        plot_impact(law, ax, name=f"depth {depth}", crop=crop, **options)
        ax.title.set_fontsize("small")
        return
    along = ", along axis 0" if law.ndim > 1 else ""
    profile_panel(law.marginals[0], ax, f"depth {depth}{along}", crop, options, law.ndim)
