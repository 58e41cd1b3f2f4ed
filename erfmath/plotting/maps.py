"""Impacts on two axes as maps, and those on more as projections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import as_bool
from ..laws.base import Distribution
from ..laws.effective import EffectiveField, effective_field
from ..laws.joint import JointDistribution
from ..words import positions_word
from .figures import (
    GREY,
    axes_or_new,
    legend_below,
    new_figure,
    panel_size,
    position_label,
    titled,
)
from .profiles import plot_profile, profile_panel
from .windows import Flags, Window, as_read, cropped_note, evened, outline, quantity, windows

# Where the peak is so many times what most of the effective field has, shades are of logarithms, down to
# such a share of the peak.
_PEAKED, _DEEPEST = 8, 1e-6

# The field of a projection is drawn from the whole grid up to so many voxels.
_MOST_VOXELS = 2 * 10**7


def plot_impact(
    distribution: JointDistribution, ax: Any = None, *, name: str = "", crop: bool = True, **options: Any
) -> Any:
    """Draw an impact on two axes as a map, with an outline of the effective field.

    The shade of a pixel is its share of the impact (by the profile "std" of the gradient's magnitude), on a
    scale of logarithms where a few pixels would leave all others blank. The first axis runs down. The outline
    of a ragged field, as strides make it, is evened over a few pixels, and the title says over how many.

    Parameters
    ----------
    distribution
        A distribution on two axes, from ``erfmath.distribution(net)``.
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
        If it is no distribution, has not two axes, or an option does not fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath import Conv, distribution
    >>> from erfmath.plotting import new_figure, plot_impact
    >>> ax = plot_impact(distribution(Conv((3, 3), padding=1) ** 10), new_figure().add_subplot())
    >>> ax.get_title()
    'effective side 11.7 of 21 pixels (threshold)'
    """
    require_two_axes(distribution)
    found = effective_field(distribution, **options)
    return _map(distribution, found, axes_or_new(ax), name, as_bool(crop, "crop"))


def require_two_axes(distribution: Any) -> None:
    """Raise unless something is a distribution on two axes."""
    if not isinstance(distribution, Distribution) or distribution.ndim != 2:
        raise ValueError(
            f"distribution must have two axes, got {distribution!r}; plot_profile draws one axis, "
            "plot_projections any number"
        )


def _map(law: Distribution, found: EffectiveField, ax: Any, name: str, crop: bool) -> Any:
    """Draw a map with the outline of the effective field."""
    shown = windows(law, found, crop)
    inside = tuple(
        slice(first - low, last - low + 1) for (first, last), (low, _) in zip(shown, law.bounds, strict=True)
    )
    mask, width = evened(found.mask[inside])
    _shade(ax, as_read(law.probabilities(), found)[inside], found.mask[inside], shown, quantity(found))
    if not found.mask.all():
        outline(ax, np.arange(shown[1][0], shown[1][1] + 1), np.arange(shown[0][0], shown[0][1] + 1), mask)
    note = f"outline evened over {width} pixels" if width > 1 else ""
    titled(ax, name, headline(found, law), cropped_note(shown, law.bounds), note)
    _label(ax, 2, 0, 1)
    return ax


def headline(found: EffectiveField, law: Distribution) -> str:
    """Return the sizes of the effective and of the theoretical field."""
    sides = dict.fromkeys(high - low + 1 for low, high in law.bounds)
    field = " x ".join(map(str, sides))
    return f"effective side {found.size:.3g} of {field} {positions_word(law.ndim)} ({_words(found)})"


def _words(found: EffectiveField) -> str:
    profile = "" if found.rule.profile == "mean" else f", {found.rule.profile}"
    return found.definition.replace("_", " ") + profile


def _label(ax: Any, ndim: int, down: int, across: int) -> None:
    for spine in ax.spines.values():
        spine.set(color=GREY, linewidth=1)
    ax.set(xlabel=position_label(ndim, across), ylabel=position_label(ndim, down))


def _shade(ax: Any, shares: Any, mask: Flags, shown: Sequence[Window], what: str) -> None:
    """Draw the shades and their scale."""
    (top, bottom), (left, right) = shown
    from matplotlib.colors import LogNorm, Normalize

    peak, common = float(shares.max()), float(np.median(shares[mask])) if mask.any() else 0.0
    is_log = common > 0 and peak > _PEAKED * common
    least = float(shares[shares > 0].min())
    # Powers of ten are in the label; Matplotlib would put them where the title is.
    power = 0 if is_log else math.floor(math.log10(peak))
    image = ax.imshow(
        np.ma.masked_equal(shares, 0) if is_log else shares / 10.0**power,
        extent=(left - 0.5, right + 0.5, bottom + 0.5, top - 0.5),
        cmap="Blues",
        norm=LogNorm(max(least, _DEEPEST * peak), peak) if is_log else Normalize(0, peak / 10.0**power),
        interpolation="nearest",
    )
    scale = ", logarithmic" if is_log else f" ($10^{{{power}}}$)" if power else ""
    shrink = 0.9 * min(1.0, (bottom - top + 1) / (right - left + 1))
    bar = ax.figure.colorbar(image, ax=ax, shrink=shrink, label=f"share of the {what}{scale}")
    bar.outline.set_visible(False)


def plot_projections(
    distribution: Distribution, figure: Any = None, *, name: str = "", crop: bool = True, **options: Any
) -> list[Any]:
    """Draw an impact on any number of axes: a profile, a map, three projections, or a profile of each axis.

    A projection of three axes sums over the one that is not shown; its outline is the shadow of the effective
    field.

    Parameters
    ----------
    distribution
        A distribution on one axis or several.
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
        If it is no distribution, or an option does not fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from erfmath import Conv, distribution
    >>> from erfmath.plotting import plot_projections
    >>> axes = plot_projections(distribution(Conv((3, 3, 3), padding=1) ** 4))
    >>> len(axes), axes[0].get_title()
    (3, 'axes 0 and 1, summed over axis 2')
    """
    if not isinstance(distribution, Distribution):
        raise TypeError(f"distribution must be one of erfmath.distribution, got {distribution!r}")
    ndim = distribution.ndim
    if ndim < 3:
        figure = new_figure((7, 4) if ndim == 1 else (6, 5)) if figure is None else figure
        draw: Any = plot_profile if ndim == 1 else plot_impact
        return [draw(distribution, figure.add_subplot(), name=name, crop=crop, **options)]
    found = effective_field(distribution, **options)
    is_grid = ndim == 3 and math.prod(high - low + 1 for low, high in distribution.bounds) <= _MOST_VOXELS
    size = (12.0, 4.6) if is_grid else panel_size(min(ndim, 4), math.ceil(ndim / 4))
    figure = new_figure(size) if figure is None else figure
    figure.suptitle(f"{name}\n{headline(found, distribution)}".strip(), fontsize="medium")
    if is_grid:
        return [_projected(distribution, found, figure, axis, crop) for axis in (2, 1, 0)]
    return _profiles(distribution, figure, crop, options)


def _projected(law: Distribution, found: EffectiveField, figure: Any, summed: int, crop: bool) -> Any:
    """Draw the projection along an axis, and the shadow of the effective field."""
    down, across = (axis for axis in range(3) if axis != summed)
    shown = windows(law, found, crop)
    inside = tuple(
        slice(first - low, last - low + 1) for (first, last), (low, _) in zip(shown, law.bounds, strict=True)
    )
    ax = figure.add_subplot(1, 3, 3 - summed)
    mask, _ = evened(np.asarray(found.mask[inside].any(axis=summed)))
    flat = (shown[down], shown[across])
    _shade(ax, as_read(law.probabilities(), found)[inside].sum(axis=summed), mask, flat, quantity(found))
    if not mask.all():
        outline(ax, np.arange(flat[1][0], flat[1][1] + 1), np.arange(flat[0][0], flat[0][1] + 1), mask)
    titled(ax, "", f"axes {down} and {across}, summed over axis {summed}")
    _label(ax, 3, down, across)
    return ax


def _profiles(law: Distribution, figure: Any, crop: bool, options: dict[str, Any]) -> list[Any]:
    """Draw the impact along each axis."""
    rows = math.ceil(law.ndim / 4)
    axes = [figure.add_subplot(rows, math.ceil(law.ndim / rows), axis + 1) for axis in range(law.ndim)]
    for axis, ax in enumerate(axes):
        profile_panel(law.marginals[axis], ax, f"axis {axis}", crop, options, law.ndim)
    legend_below(figure, axes[0])
    return axes
