"""Options of pictures that several commands share, and the pictures of distributions."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .arguments import parse_count

_DPI, _MOST_INCHES = 150, 100


def add_plot(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the file of a picture, and how it looks; return the group of these options."""
    group = parser.add_argument_group("a picture (needs matplotlib)")
    group.add_argument("--plot", metavar="FILE", help="also draw a picture: FILE.png, .svg or .pdf")
    group.add_argument("--dpi", help=f"dots per inch of the picture (default: {_DPI})")
    group.add_argument(
        "--size", metavar="WIDTHxHEIGHT", help="width and height of the picture in inches, such as 3.5x3"
    )
    group.add_argument("--title", help="the title of the picture (default: what it is of)")
    return group


def check_plot(arguments: argparse.Namespace) -> None:
    """Refuse what no picture can be made of, before anything is computed."""
    if arguments.plot is None:
        given = [name for name in ("dpi", "size", "title") if getattr(arguments, name) is not None]
        if given:
            raise ValueError(f"--{given[0]} is of a picture: it goes with --plot FILE")
        return
    from .._files import checked_path
    from ..plotting.figures import PICTURES

    checked_path(arguments.plot, PICTURES, "--plot")
    _inches(arguments.size)
    _dots(arguments.dpi)


def _dots(text: str | None) -> int:
    return _DPI if text is None else parse_count(text, "--dpi")


def _inches(text: str | None) -> tuple[float, float] | None:
    """Return the width and height in a text such as 3.5x3, None for None.

    >>> _inches("3.5x3")
    (3.5, 3.0)
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)[x,](\d+\.?\d*|\.\d+)", text.strip())
    sides = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not all(1 <= side <= _MOST_INCHES for side in sides):
        raise ValueError(
            f"--size must be a width and a height of 1 to {_MOST_INCHES} inches, such as 6x4, got {text!r}"
        )
    return sides


def save_plot(arguments: argparse.Namespace, draw: Callable[[ModuleType, Any, str], Any], name: str) -> None:
    """Draw by functions of `erfmath.plotting`, on a figure of the size asked for or None, and save it."""
    from .. import plotting

    size = _inches(arguments.size)
    figure = None if size is None else plotting.new_figure(size)
    with plotting.fonts_for(figure):
        axes = draw(plotting, figure, name if arguments.title is None else arguments.title)
        drawn = (axes[0] if isinstance(axes, list) else axes).figure
        plotting.save(drawn, arguments.plot, _dots(arguments.dpi), "--plot")
