"""Figures without a window, their axes, and the files that they are saved to."""

from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from .._checks import as_count
from .._files import checked_path, write_beside
from ..words import positions_word

BLUE, RED, GREY, PALE = "#2f5d8c", "#c8553d", "#8a8a8a", "#b9cbdd"

# What the files of pictures end in: those of a paper, and those that Matplotlib and Pillow write besides.
PICTURES = (".png", ".svg", ".pdf", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")

_MOST_DPI = 2400
_USUAL_WIDTH = 6.5  # inches from which letters have their usual size
_MOST_DOTS = 10**8  # of a bitmap: 400 MB while it is drawn

# Notes that a picture takes no date from, so that the same picture is the same file.
_UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}

# The room of a legend in inches: of a letter at font size 1, of so many before each label, of the axis.
_LETTER, _HANDLE, _SIDES = 0.0068, 7, 0.4


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
    >>> from erfmath.plotting import new_figure
    >>> ax = new_figure((8, 4)).add_subplot()
    >>> ax.figure.get_size_inches().tolist()
    [8.0, 4.0]
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("erfmath.plotting needs matplotlib: pip install 'erfmath[plot]'") from None
    return Figure(figsize=size, layout="constrained")


@contextlib.contextmanager
def fonts_for(figure: Any) -> Iterator[None]:
    """Draw with letters that fit the width of a figure, from 6 points on; None has those of Matplotlib.

    Parameters
    ----------
    figure
        A Matplotlib figure, or None.

    Yields
    ------
    None
        Within the block, letters have that size.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib
    >>> from erfmath.plotting import fonts_for, new_figure
    >>> with fonts_for(new_figure((3, 2))):
    ...     matplotlib.rcParams["font.size"] < 10
    True
    """
    new_figure()  # says what is missing
    from matplotlib import rc_context, rcParams

    usual = float(rcParams["font.size"])
    width = _USUAL_WIDTH if figure is None else min(figure.get_size_inches()[0], _USUAL_WIDTH)
    with rc_context({"font.size": max(min(6.0, usual), usual * width / _USUAL_WIDTH)}):
        yield


def save(figure: Any, path: str | os.PathLike[str], dpi: int = 150, name: str = "path") -> None:
    """Save a figure as the ending of its file says: .png, .svg, .pdf and a few more.

    The file is written beside and then renamed, so that it is whole or not there.

    Parameters
    ----------
    figure
        A figure of Matplotlib.
    path
        The file.
    dpi
        Dots per inch of a bitmap.
    name
        What an error calls the path.

    Raises
    ------
    ValueError
        If the ending is not known, or the bitmap too large.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from erfmath.plotting import new_figure, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(new_figure(), f"{folder}/empty.svg")
    ...     os.listdir(folder)
    ['empty.svg']
    """
    target = checked_path(path, PICTURES, name)
    dots = as_count(dpi, "dpi", minimum=10, maximum=_MOST_DPI)
    width, height = figure.get_size_inches()
    if target.suffix.lower() not in _UNDATED and width * height * dots**2 > _MOST_DOTS:
        raise ValueError(
            f"a picture of {width:g} x {height:g} inches at {dots} dpi has more than {_MOST_DOTS:,} dots; "
            "take fewer dpi, or .svg or .pdf"
        )
    notes = _UNDATED.get(target.suffix.lower())
    write_beside(target, lambda aside: figure.savefig(aside, dpi=dots, metadata=notes), name)


def axes_or_new(ax: Any) -> Any:
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


def position_label(ndim: int, axis: int) -> str:
    """Return the label of an axis of input positions."""
    along = "" if ndim == 1 else f" along axis {axis}"
    return f"input position{along} ({positions_word(ndim)})"


def titled(ax: Any, name: str, *lines: str) -> None:
    """Set the title: what it is of, and what it shows."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, got {name!r}")
    first = [textwrap.shorten(name, 70, placeholder=" ...")] if name.strip() else []
    ax.set_title("\n".join([*first, *filter(None, lines)]), fontsize="medium")


def legend_above(ax: Any, labels: Sequence[str], room: float = 1.0) -> None:
    """Place the legend above the axes in this order, in one line where a share of the width has room for it.

    The title moves above it.
    """
    from matplotlib import rcParams

    handles, found = ax.get_legend_handles_labels()
    ordered = [handles[found.index(label)] for label in labels]
    wanted = sum(len(label) + _HANDLE for label in labels) * _LETTER * rcParams["font.size"] + _SIDES
    columns = len(labels) if wanted < room * ax.figure.get_size_inches()[0] else 1
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    ax.legend(ordered, labels, frameon=False, fontsize="small", ncols=columns, columnspacing=1.2, **place)
    if ax.get_title():
        ax.set_title(
            ax.get_title(), fontsize="medium", pad=(0.8 + 1.4 * len(labels) / columns) * rcParams["font.size"]
        )


def clean(ax: Any) -> None:
    """Remove the two sides of the frame that have no axis."""
    ax.spines[["top", "right"]].set_visible(False)


def legend_below(figure: Any, ax: Any) -> None:
    """Place one legend for all panels below them: that of one, without the numbers in brackets."""
    handles, labels = ax.get_legend_handles_labels()
    words = [label.partition(",")[0] for label in labels]
    figure.legend(
        handles, words, loc="outside lower center", ncols=len(words), frameon=False, fontsize="small"
    )


def panel_size(across: int, down: int) -> tuple[float, float]:
    """Return the size in inches of a figure of so many panels."""
    return (6.0, 5.0) if across == 1 else (4.2 * across, 3.9 * down)
