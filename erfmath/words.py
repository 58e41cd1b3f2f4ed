"""Tables, numbers and units as text, and the progress of long work."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """Return a table as text; the first `left` columns are aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    lines = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and their texts, a line each; a line without a name continues the one above."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name.ljust(width)}  {text}".rstrip() for name, text in pairs)


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


def progress(items: Iterable[T], label: str, total: int | None, after: float = 0.0) -> Iterator[T]:
    """Yield the items and show on standard error, if it is a terminal, which one is being worked on.

    Nothing is shown in the first `after` seconds; a total of None is not known.
    """
    begun, told = time.monotonic(), False
    for index, item in enumerate(items):
        if sys.stderr.isatty() and time.monotonic() - begun >= after:
            of = "" if total is None else f" of {total}"
            print(f"\r{label} {index + 1}{of} ...", end="", file=sys.stderr, flush=True)
            told = True
        yield item
    if told:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def human_bytes(count: int) -> str:
    """Return a number of bytes with a readable unit: '1.6 MB'."""
    size = float(min(count, 10**300))  # what is more is beyond the floats, and as far out of reach
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
