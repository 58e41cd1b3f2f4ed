"""Tables, numbers and units as text, and the progress of long work."""

from __future__ import annotations

import math
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# A column of words is never narrower.
_LEAST = 12
# What moves the cursor, recolours or reorders what a screen shows, line ends and tabs included.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Return a table as text; the first `left` columns are aligned to the left, the others to the right."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    if left and (over := sum(widths) + 2 * len(widths) - 2 - room()) > 0:
        widths[left - 1] = min(widths[left - 1], max(widths[left - 1] - over, _LEAST))
        rows = [[shortened(c, w) for c, w in zip(row, widths, strict=True)] for row in rows]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def visible(text: str, kept: str = "") -> str:
    r"""Return text with control characters as escapes, but for those kept: names come from files of others.

    >>> print(visible("\x1b[31mconv1"))
    \x1b[31mconv1
    """
    return _CONTROLS.sub(
        lambda found: found[0] if found[0] in kept else found[0].encode("unicode_escape").decode(), text
    )


def room() -> int:
    """Return the width that lines have: that of the terminal, or no end where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10**9


def shortened(text: str, width: int) -> str:
    """Return the text in a width, with an ellipsis in the middle where it is longer.

    >>> shortened("layer1.0.bn1", 8), shortened("conv1", 8)
    ('laye…bn1', 'conv1')
    """
    half = width // 2
    return text if len(text) <= width else f"{text[:half]}…{text[len(text) - (width - half - 1) :]}"


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and their texts, a line each; a line without a name continues the one above."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(_wrapped(f"{name.ljust(width)}  {text}".rstrip(), width + 2) for name, text in pairs)


def _wrapped(line: str, inner: int) -> str:
    """Return a line in the width that there is, what goes on below it as far in as its text."""
    if len(line) <= room():
        return line
    indent = " " * (inner + len(line[inner:]) - len(line[inner:].lstrip()))
    width = max(room(), len(indent) + _LEAST)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def per_axis_text(values: Sequence[object]) -> str:
    """Return a value per axis, or a single one if all are equal: "7 x 17", "7"."""
    texts = [str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def shown_sides(values: Sequence[Any]) -> str:
    """Return sides or positions per axis as a table shows them: "all" of an unbounded field, "none" of none.

    >>> shown_sides((7, 7)), shown_sides((math.inf, 3)), shown_sides((None,))
    ('7', 'all x 3', 'none')
    """
    return per_axis_text(
        ["none" if v is None else "all" if v in (math.inf, -math.inf) else v for v in values]
    )


def short_count(count: int) -> str:
    """Return a count with three digits and a unit: k for thousands, M for millions, and so on.

    >>> short_count(999), short_count(23_454_912), short_count(4_087_136_256)
    ('999', '23.5M', '4.09G')
    """
    if count >= 10**300:  # beyond the floats
        return "over 1e+300"
    size = float(count)
    for unit in ("", "k", "M", "G", "T"):
        if size < 999.5:
            return f"{size:.3g}{unit}"
        size /= 1000
    return f"{size:.3g}P"


def figure(value: float) -> str:
    """Return a number with six significant digits, or as a whole number from a million on."""
    return f"{value:.0f}" if abs(value) >= 1e6 else f"{value:.6g}"


def progress(items: Iterable[T], label: str, total: int | None, after: float = 1.0) -> Iterator[T]:
    """Yield the items and show on standard error, if it is a terminal, how fast they go and how long still.

    By tqdm where that is installed. Nothing is shown in the first `after` seconds; a total of None is not
    known.
    """
    begun, source = time.monotonic(), iter(items)
    for done, item in enumerate(source, 1):
        yield item
        if done != total and time.monotonic() - begun >= after and _is_watched():
            yield from _told(source, label, done, total, begun)


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _told(items: Iterable[T], label: str, done: int, total: int | None, begun: float) -> Iterator[T]:
    """Yield the rest of the items with a bar, or a line where tqdm is missing."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        for index, item in enumerate(items, done):
            line = _progress_line(label, index, total, begun)
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
            yield item
        print("\r\033[K", end="", file=sys.stderr, flush=True)
        return
    with tqdm(items, desc=label, initial=done, total=total, unit=f" {label}", leave=False) as bar:
        yield from bar


def _progress_line(label: str, done: int, total: int | None, begun: float) -> str:
    rate = done / max(time.monotonic() - begun, 1e-9)
    of, left = ("", "") if total is None else (f" of {total}", f", {(total - done) / rate:.0f} s left")
    return f"{label} {done}{of}, {rate:.3g} a second{left}"


def positions_word(ndim: int, count: float = 2) -> str:
    """Return what so many positions on so many axes are called: samples, pixels or voxels.

    >>> positions_word(1), positions_word(2, 1), positions_word(4)
    ('samples', 'pixel', 'voxels')
    """
    return {1: "sample", 2: "pixel"}.get(ndim, "voxel") + "s" * (count != 1)


def human_bytes(count: int) -> str:
    """Return a number of bytes with a readable unit: '1.6 MB'."""
    size = float(min(count, 10**300))  # what is more is beyond the floats, and as far out of reach
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
