"""Values as HTML for notebooks: small, without a script, in the colours of the page that they are on.

All text is escaped here. Colours are the page's own, and one blue that light and dark pages show alike, so
that no theme has to be known. Styles stand at the elements, since notebooks may drop sheets.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NewType

# HTML, not text: everything in it that came from elsewhere is escaped.
Html = NewType("Html", str)

# At least 4:1 on white and on #111.
BLUE = "#3b82c4"

_CELL = "padding:1px 10px 1px 0;border:0;background:none;vertical-align:top"

# What a reading may raise for a value that it does not have; shown in its place.
NO_READING = (ValueError, TypeError, OverflowError, ArithmeticError, MemoryError)


@functools.singledispatch
def html_of(value: object) -> Html:
    """Return a value as HTML for a notebook; types whose readings are on higher floors register theirs."""
    return text_block(repr(value))


def text_block(text: str) -> Html:
    """Return text in a fixed-width face."""
    return Html(f'<pre style="margin:4px 0;background:none;color:inherit">{escape(text)}</pre>')


def card(title: str, facts: Iterable[tuple[str, object]] = (), *parts: Html) -> Html:
    """Return a title, facts as names and values, and what follows them.

    >>> card("Field <3>", [("size", 3)])  # doctest: +ELLIPSIS
    '<div ...Field &lt;3&gt;...size...3...</div>'
    """
    body = "".join(parts)
    rows = [[name, str(value)] for name, value in facts]
    head = f'<div style="font-weight:600;margin-bottom:2px">{escape(title)}</div>'
    return Html(f'<div style="margin:4px 0">{head}{grid((), rows, 2) if rows else ""}{body}</div>')


def grid(headers: Sequence[str], rows: Iterable[Sequence[object]], left: int = 0) -> Html:
    """Return a table; the first `left` columns are aligned to the left, the others to the right."""

    def line(tag: str, cells: Sequence[object]) -> str:
        sides = ["left" if column < left else "right" for column in range(len(cells))]
        marked = zip(sides, cells, strict=True)
        return "".join(
            f'<{tag} style="{_CELL};text-align:{side}">{escape(str(cell))}</{tag}>' for side, cell in marked
        )

    head = f"<thead><tr>{line('th', headers)}</tr></thead>" if headers else ""
    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    style = "border-collapse:collapse;border:0;margin:2px 0;font-variant-numeric:tabular-nums"
    return Html(f'<table style="{style}">{head}<tbody>{body}</tbody></table>')


def folded(summary: str, inside: Html) -> Html:
    """Return what is shown when its summary is chosen, without a script."""
    return Html(f'<details><summary style="cursor:pointer">{escape(summary)}</summary>{inside}</details>')


def drawing(width: float, height: float, label: str, shapes: str) -> Html:
    """Return a picture with a label for those who do not see it."""
    return Html(
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" style="max-width:100%;margin:4px 12px 4px 0">{shapes}</svg>'
    )


def bars(heights: Sequence[float], label: str, size: tuple[float, float] = (288, 64)) -> Html:
    """Return a profile of non-negative heights as one outline over a line."""
    (width, height), most = size, max(heights, default=0) or 1
    step = width / max(len(heights), 1)
    path = f"M0 {height:g}" + "".join(
        f"V{height - value / most * (height - 2):.4g}H{(i + 1) * step:.4g}" for i, value in enumerate(heights)
    )
    shape = f'<path d="{path}V{height:g}Z" fill="{BLUE}"/><path d="M0 {height - 0.5:g}H{width:g}" '
    return drawing(width, height, label, shape + 'stroke="currentColor" stroke-opacity=".5"/>')


def nested(outer: Sequence[float], inner: Sequence[float], label: str, side: float = 72) -> Html:
    """Return a box of some sides, and in its middle a filled one: height and width, or a width alone."""
    flat = len(outer) == 1
    (rows, columns), (high, wide) = ((1, *outer), (1, *inner)) if flat else (outer[:2], inner[:2])
    scale = side / max(columns, 1 if flat else rows)
    width = max(columns * scale, 2)
    height, inside = (12.0, 12.0) if flat else (max(rows * scale, 2), max(high * scale, 1))
    across = max(wide * scale, 1)
    return drawing(
        width + 1,
        height + 1,
        label,
        f'<rect x=".5" y=".5" width="{width:.4g}" height="{height:.4g}" fill="none" stroke="currentColor" '
        f'stroke-opacity=".6"/><rect x="{(width - across) / 2 + 0.5:.4g}" '
        f'y="{(height - inside) / 2 + 0.5:.4g}" width="{across:.4g}" height="{inside:.4g}" fill="{BLUE}"/>',
    )


def or_reason(reading: Callable[[], Any]) -> Any:
    """Return a reading, or the reason why there is none as text."""
    try:
        return reading()
    except NO_READING as error:
        return f"none: {str(error) or 'not enough memory'}"


def if_any(reading: Callable[[], Html]) -> Html:
    """Return a part of a card, nothing where a value does not have it: the facts beside it say why."""
    try:
        return reading()
    except NO_READING:
        return Html("")
