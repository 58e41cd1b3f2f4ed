"""Tables, pictures and progress for a terminal: text in, text out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from .core.scaled import Floats
from .lattice import LatticeDistribution

T = TypeVar("T")

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans("▁▂▃▄▅▆▇█▔·", "..::||##-.")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text under their headers, columns aligned to the right."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def profile_picture(law: LatticeDistribution, width: int = 72, height: int = 8) -> str:
    """Return a bar chart of the pmf within five standard deviations of the mean, its ends written below.

    A column is the mean of the points it covers, so that every column can be compared.
    """
    low, high = law.support()
    reach = 5 * law.std() + 1
    first, last = max(low, int(np.floor(law.mean() - reach))), min(high, int(np.ceil(law.mean() + reach)))
    columns = _columns(law, first, last, width)
    eighths = np.rint(columns / columns.max() * 8 * height).astype(int)
    rows = [
        "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in eighths).rstrip()
        for row in range(height - 1, -1, -1)
    ]
    ends = str(first) + str(last).rjust(len(columns) - len(str(first)))
    return "\n".join([*rows, "▔" * len(columns), ends])


def extent_bar(first: int, last: int, side: int, width: int = 72) -> str:
    """Return a bar of a field of `side` pixels with those from first to last filled."""
    start = first * width // side
    filled = max(1, -(-(last + 1) * width // side) - start)
    return "·" * start + "█" * filled + "·" * (width - start - filled)


def figure(value: float) -> str:
    """Return a number with six significant digits, whole where it has more."""
    return f"{value:.0f}" if abs(value) >= 1e6 else f"{value:.6g}"


def _columns(law: LatticeDistribution, first: int, last: int, width: int) -> Floats:
    """Return the pmf, each point repeated to fill the width, or its means over equal pieces."""
    count = last - first + 1
    if count <= width:
        return np.repeat(law.pmf(np.arange(first, last + 1)), max(1, width // count))
    edges = first - 1 + np.linspace(0, count, width + 1).astype(np.int64)
    return np.asarray(np.diff(law.cdf(edges)) / np.diff(edges))


def encodable(text: str, encoding: str | None) -> str:
    """Return the text, its blocks and bars as plain characters where the encoding has none."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return text.translate(_PLAIN)
    return text


def progress(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Yield the items, telling a terminal's standard error which of them the work is at."""
    telling = sys.stderr.isatty()
    for index, item in enumerate(items):
        if telling:
            print(f"\r{label} {index + 1} of {total} ...", end="", file=sys.stderr, flush=True)
        yield item
    if telling:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
