"""The field of a unit over a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import require_file
from ..laws.effective import effective_field
from ..laws.joint import JointDistribution
from .figures import RED, axes_or_new, position_label, titled
from .maps import headline, require_two_axes
from .windows import as_read, evened, outline

# What is outside the impact keeps so much of its brightness.
_DIM = 0.25


def plot_over(
    distribution: JointDistribution, picture: Any, ax: Any = None, *, name: str = "", **options: Any
) -> Any:
    """Draw the field of a unit over a picture: what counts stays bright, the rest is dimmed.

    The brightness of a pixel is that of its share of the impact against the largest. A dashed frame is the
    theoretical field, cut off where it leaves the picture; the outline is the effective field.

    Parameters
    ----------
    distribution
        Of the impact on two axes; its positions are those of the picture.
    picture
        A file, or an array of shape (height, width) or (height, width, 3 or 4), of ints from 0 to 255, floats
        from 0 to 1, or 16 bits as cameras give them, shown from their least to their largest value: the input
        of the network. Of a large one set the limits of the axes to what is to be seen.
    ax
        Matplotlib axes; None means the axes of a new figure.
    name
        What it is of, for the title.
    **options
        `definition`, `ref`, `profile`, `level`, `share`, `convention` of :func:`erfmath.effective_field`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the file is no picture, the array has another shape, or the field lies outside.

    Examples
    --------
    >>> import numpy as np
    >>> from erfmath import Conv, distribution
    >>> from erfmath.plotting import new_figure, plot_over
    >>> law = distribution(Conv((3, 3), padding=1) ** 10, at=(16, 16))
    >>> ax = plot_over(law, np.ones((32, 32)), new_figure().add_subplot())
    >>> [float(end) for end in (*ax.get_xlim(), *ax.get_ylim())]
    [-0.5, 31.5, 31.5, -0.5]
    """
    require_two_axes(distribution)
    shown = as_picture(picture)
    ax = axes_or_new(ax)
    found = effective_field(distribution, **options)
    here, there = _inside(distribution.bounds, shown.shape[:2])
    weights = as_read(distribution.probabilities(), found)[there]
    if not weights.any():
        (top, bottom), (left, right) = distribution.bounds
        raise ValueError(
            f"the field, {top} .. {bottom} by {left} .. {right}, is outside the picture of "
            f"{shown.shape[0]} x {shown.shape[1]} pixels; take another unit"
        )
    drawn = _faded(shown, _DIM)
    drawn[here] = _faded(shown[here], _DIM + (1 - _DIM) * np.sqrt(weights / weights.max())[..., None])
    ax.imshow(drawn, interpolation="nearest")
    rows, columns = (np.arange(part.start, part.stop) for part in here)
    even, _ = evened(found.mask[there] > 0)
    outline(ax, columns, rows, even)
    _frame(ax, distribution.bounds)
    ax.set(xlim=(-0.5, shown.shape[1] - 0.5), ylim=(shown.shape[0] - 0.5, -0.5))
    ax.set(xlabel=position_label(2, 1), ylabel=position_label(2, 0))
    titled(ax, name, headline(found, distribution))
    return ax


def as_picture(picture: Any) -> Any:
    """Return a picture as floats from 0 to 1 of three channels, read from a file or an array.

    Parameters
    ----------
    picture
        A path, or an array of shape (height, width) or (height, width, 3 or 4): bytes, floats from 0 to 1, or
        unsigned 16 bits, which are taken from their least to their largest value.

    Returns
    -------
    ndarray
        Of shape (height, width, 3).

    Raises
    ------
    TypeError, ValueError
        If it is no picture, or has another shape.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from erfmath.plotting import as_picture
    >>> as_picture(np.full((2, 3), 255, dtype=np.uint8)).shape
    (2, 3, 3)
    """
    values = _read(picture) if isinstance(picture, (str, os.PathLike)) else np.asarray(picture)
    if values.dtype.kind not in "biuf" or values.ndim not in (2, 3) or 0 in values.shape:
        raise ValueError(
            f"picture must have shape (height, width), or (height, width, 3 or 4), got {values.shape}"
        )
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4):
        raise ValueError(f"picture must have 1, 3 or 4 channels, last, got shape {values.shape}")
    if values.dtype == np.uint16:
        scaled = (values - values.min()) / max(1, int(values.max()) - int(values.min()))
    else:
        scaled = values / 255 if values.dtype.kind in "iu" else values.astype(float)
    if not (np.isfinite(scaled).all() and scaled.min() >= 0 and scaled.max() <= 1):
        raise ValueError(
            "picture must hold ints from 0 to 255 or floats from 0 to 1, got values from "
            f"{values.min():g} to {values.max():g}; give (x - x.min()) / (x.max() - x.min())"
        )
    if scaled.ndim == 2 or scaled.shape[2] == 1:
        return np.repeat(scaled.reshape(*scaled.shape[:2], 1), 3, axis=2)
    return scaled[..., :3]


def _read(path: str | os.PathLike[str]) -> Any:
    """Return the values of a file."""
    require_file(Path(path))
    from matplotlib import image

    try:
        return image.imread(Path(path))
    except Exception as error:  # of the reader for that kind of file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"picture {str(path)!r} cannot be read: {reason}") from None


def _inside(bounds: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Return slices of a picture, and of a field, where one lies in the other."""
    ends = [
        (min(max(low, 0), side), max(min(high + 1, side), 0))
        for (low, high), side in zip(bounds, shape, strict=True)
    ]
    here = tuple(slice(first, max(first, stop)) for first, stop in ends)
    there = tuple(
        slice(part.start - low, part.stop - low) for part, (low, _) in zip(here, bounds, strict=True)
    )
    return here, there


def _faded(shown: Any, bright: Any) -> Any:
    """Return a picture with so much of its colours, and the rest white."""
    return (1 - bright * (1 - shown)).astype(np.float32)


def _frame(ax: Any, bounds: Any) -> None:
    """Draw the theoretical field."""
    (top, bottom), (left, right) = bounds
    from matplotlib.patches import Rectangle

    style: dict[str, Any] = {"fill": False, "linestyle": (0, (4, 3)), "linewidth": 1, "edgecolor": RED}
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1, **style))
