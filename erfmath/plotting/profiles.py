"""Impacts on one axis as profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import as_bool
from ..laws.base import Distribution
from ..laws.effective import EffectiveField, effective_field
from ..laws.univariate import UnivariateDistribution
from ..words import positions_word
from .figures import BLUE, GREY, RED, axes_or_new, clean, legend_above, titled
from .windows import Window, as_read, cropped_note, quantity, windows

# From so many on, bars are thinner than two pixels and are drawn as one outline.
_MOST_BARS = 400

# Runs of the effective field are looked for among so many positions.
_MOST_POSITIONS = 10**7


def plot_profile(
    distribution: UnivariateDistribution,
    ax: Any = None,
    *,
    name: str = "",
    crop: bool = True,
    **options: Any,
) -> Any:
    """Draw an impact on one axis and the normal distribution with the same mean and variance.

    The effective field is shaded, each of its runs where it has holes.

    Parameters
    ----------
    distribution
        A distribution on one axis; ``distribution.marginal(axis)`` is one of a distribution on several axes.
    ax
        Matplotlib axes; None means the axes of a new figure.
    name
        What it is of, for the title.
    crop
        Whether to show the part where the impact is, where that is small; False shows the whole field.
    **options
        `definition`, `ref`, `profile`, `level`, `share`, `convention` of :func:`erfmath.effective_field`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If it is no distribution on one axis, or an option does not fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath import Kernel, distribution
    >>> from erfmath.plotting import new_figure, plot_profile
    >>> ax = plot_profile(distribution(Kernel.uniform(3), 10), new_figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['impact', 'normal', 'effective field, 13 of 21 samples (threshold)']
    """
    if not isinstance(distribution, Distribution) or distribution.ndim != 1:
        raise ValueError(f"distribution must have one axis, got {distribution!r}; take its marginal(axis)")
    ax = axes_or_new(ax)
    label, note = _drawn(ax, distribution, as_bool(crop, "crop"), options, positions_word(1))
    titled(ax, name, note)
    legend_above(ax, sorted(ax.get_legend_handles_labels()[1], key=["impact", "normal", label].index))
    return ax


def profile_panel(
    distribution: UnivariateDistribution, ax: Any, name: str, crop: bool, options: dict[str, Any], ndim: int
) -> None:
    """Draw a profile of a law on `ndim` axes as one panel of several, whose legend is below them all."""
    label, note = _drawn(ax, distribution, crop, options, positions_word(ndim))
    titled(ax, name, label, note)
    ax.title.set_fontsize("small")


def _drawn(
    ax: Any, distribution: UnivariateDistribution, crop: bool, options: dict[str, Any], unit: str
) -> tuple[str, str]:
    """Draw everything but the title and the legend; return what these say of the field."""
    found = effective_field(distribution, **options)
    ((low, high),) = distribution.bounds
    shown = windows(distribution, found, crop)
    start, values = distribution.float_window()
    values = as_read(values, found)
    _bars(ax, start, values, shown[0])
    if distribution.var() > 0:
        _normal(ax, (low, high), *_moments(start, values))
    runs = _runs(found)
    label = _label(found, f"{high - low + 1} {unit}", len(runs))
    _bands(ax, [(low + first, low + last) for first, last in runs], label)
    first, last = shown[0]
    ax.set(
        xlim=(first - 0.5, last + 0.5),
        xlabel=f"input position ({unit})",
        ylabel=f"share of the {quantity(found)}",
    )
    ax.set_ylim(bottom=0)
    clean(ax)
    return label, cropped_note(shown, distribution.bounds)


def _runs(found: EffectiveField) -> list[Window]:
    """Return the first and last positions of the runs inside, counted from the first of the field."""
    if found.field_size > _MOST_POSITIONS:
        return list(found.extent)
    changes = np.flatnonzero(np.diff(np.pad(found.mask, 1).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(changes[::2], changes[1::2], strict=True)]


def _label(found: EffectiveField, side: str, runs: int) -> str:
    """Return what the legend says of the effective field."""
    words = [found.definition.replace("_", " "), *([f"{runs} runs"] if runs > 1 else [])]
    return f"effective field, {found.size:.4g} of {side} ({', '.join(words)})"


def _bands(ax: Any, runs: Sequence[Window], label: str) -> None:
    """Shade runs of positions, by one path however many there are."""
    from matplotlib.collections import PolyCollection

    ends = [(first - 0.5, last + 0.5) for first, last in runs]
    boxes = [[(x, 0), (end, 0), (end, 1), (x, 1)] for x, end in ends]
    style: dict[str, Any] = {"facecolors": GREY, "alpha": 0.25, "linewidths": 0, "zorder": 0}
    bands = PolyCollection(boxes, transform=ax.get_xaxis_transform(), label=label, **style)
    ax.add_collection(bands, autolim=False)


def _bars(ax: Any, start: int, values: Any, shown: Window) -> None:
    """Draw the pmf as bars, or as steps where bars would be too thin."""
    kept = slice(max(shown[0] - start, 0), max(shown[1] + 1 - start, 0))
    values, start = values[kept], start + kept.start
    positions = start + np.arange(len(values))
    if shown[1] - shown[0] < _MOST_BARS:
        ax.bar(positions, values, width=0.9, color=BLUE, label="impact")
        return
    steps = np.append(positions, positions[-1] + 1) - 0.5
    ax.stairs(values, steps, fill=True, color=BLUE, label="impact")


def _moments(start: int, values: Any) -> tuple[float, float]:
    """Return the mean and the standard deviation of what is drawn."""
    places = np.arange(len(values))
    mean = float(places @ values)
    return start + mean, math.sqrt(float((places - mean) ** 2 @ values))


def _normal(ax: Any, support: Window, mean: float, std: float) -> None:
    """Draw the normal density of a mean and standard deviation, over a support."""
    (low, high), reach = support, max(6 * std, 2)
    x = np.linspace(max(low - 0.5, mean - reach), min(high + 0.5, mean + reach), 400)
    density = np.exp(-(((x - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    ax.plot(x, density, color=RED, linewidth=1.5, label="normal")
