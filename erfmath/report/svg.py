"""Pictures of an analysis as SVG that take their colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby

import numpy as np

from .._html import Html
from ..core.scaled import Floats
from ..laws.base import Distribution
from ..laws.display import bulk, columns
from ..laws.effective import EffectiveField
from ..laws.rules import Rule
from ..laws.univariate import UnivariateDistribution
from .pictures import cells_within

# Cells of a map along its longer side, and the shares of its peak from which a cell is darker.
_CELLS = 96
_LEVELS = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
_COLUMNS = 480

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 480.0, 220.0, 46.0, 34.0


def figure(shapes: str, size: tuple[float, float], label: str, caption: str) -> Html:
    """Return a picture with its caption; a square one takes the room of two."""
    kind = ' class="tall"' if size[1] > 0.7 * size[0] else ""
    box = f"0 0 {size[0]:g} {size[1]:g}"
    drawn = f'<svg role="img" aria-label="{escape(label)}" viewBox="{box}">{shapes}</svg>'
    return Html(f"<figure{kind}>{drawn}<figcaption>{escape(caption)}</figcaption></figure>")


def impact_map(law: Distribution, effective: EffectiveField | None, what: str) -> Html:
    """Return a map of what is drawn on two axes where most of it is, with the box of the effective field."""
    window = tuple(bulk(marginal) for marginal in law.marginals)
    window = _cropped(window, _cells(law, window))
    shares = _cells(law, window)
    shape = shares.shape
    side = 400 / max(shape)
    height, width = side * shape[0], side * shape[1]
    shapes = [_shade(shares, level, side) for level in _LEVELS]
    shapes.append(f'<rect class="s-axis" x=".5" y=".5" width="{width:.5g}" height="{height:.5g}"/>')
    if effective is not None:
        shapes.append(_box(effective, law, window, (height, width)))
    ends = [f"{first} .. {last}" for first, last in window]
    whole = " x ".join(str(high - low + 1) for low, high in law.bounds)
    is_whole = all(a == b for a, b in zip(window, law.bounds, strict=True))
    part = f"all {whole} positions" if is_whole else f"positions {ends[0]} down, {ends[1]} across, of {whole}"
    box = "" if effective is None else f" Red: the effective field, by {_by(effective.rule)}."
    caption = f"{what}, {part}; shaded from {_percents()} % of the peak.{box}"
    return figure("".join(shapes), (width + 1, height + 1), f"{what} as a map", caption)


def _by(rule: Rule) -> str:
    """Return the definition, and the profile where it is not the impact itself."""
    return rule.definition if rule.profile == "mean" else f"{rule.definition}, {rule.profile}"


def _cells(law: Distribution, window: Sequence[tuple[int, int]]) -> Floats:
    """Return the impact on some cells of a window, over the largest."""
    sides = [last - first + 1 for first, last in window]
    scale = min(1.0, _CELLS / max(sides))
    shares = cells_within(law, window, (max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))))
    return np.asarray(shares / shares.max())


def _cropped(window: Sequence[tuple[int, int]], shares: Floats) -> tuple[tuple[int, int], ...]:
    """Return the part of a window that is shaded, and a margin."""
    found = []
    for axis, (first, last) in enumerate(window):
        shaded = np.flatnonzero((shares > _LEVELS[0]).any(axis=1 - axis))
        scale = (last - first + 1) / shares.shape[axis]
        low, high = first + shaded[0] * scale, first + (shaded[-1] + 1) * scale - 1
        margin = 0.1 * (high - low) + 1
        found.append((max(first, math.floor(low - margin)), min(last, math.ceil(high + margin))))
    return tuple(found)


def _percents() -> str:
    return ", ".join(f"{100 * level:g}" for level in _LEVELS)


def _shade(shares: Floats, level: float, side: float) -> str:
    """Return all cells above a level as one path, neighbours in a row joined."""
    path = []
    for row, above in enumerate(shares > level):
        column = 0
        for inside, cells in groupby(above.tolist()):
            count = len(list(cells))
            if inside:
                across = f"{count * side:.5g}"
                path.append(f"M{column * side:.5g} {row * side:.5g}h{across}v{side:.5g}h-{across}z")
            column += count
    return f'<path class="s-fill" fill-opacity=".17" d="{"".join(path)}"/>' if path else ""


def _box(
    effective: EffectiveField, law: Distribution, window: Sequence[tuple[int, int]], size: tuple[float, float]
) -> str:
    """Return the box around the effective field."""
    places = []
    for (low, _), (first, last), ends, length in zip(law.bounds, window, effective.extent, size, strict=True):
        scale = length / (last - first + 1)
        places.append([(low + ends[0] - first) * scale, (low + ends[1] + 1 - first) * scale])
    (top, bottom), (left, right) = places
    sides = f'width="{right - left:.5g}" height="{bottom - top:.5g}"'
    return f'<rect class="s-core" x="{left + 0.5:.5g}" y="{top + 0.5:.5g}" {sides}/>'


def profile(law: UnivariateDistribution, what: str) -> Html:
    """Return what is drawn along an axis within five standard deviations, and the normal beside it."""
    first, last = bulk(law)
    piece = -(-(last - first + 1) // _COLUMNS)  # points to a column, as many in each
    end, last = last, first + piece * -(-(last - first + 1) // piece) - 1
    heights = columns(law, first, last, (last - first + 1) // piece)
    most = max(float(heights.max()), _density(law, np.array([law.mean()])).item() if law.var() > 0 else 0.0)
    step, room = (_WIDTH - _LEFT) / len(heights), _HEIGHT - _BOTTOM - 8
    base = _HEIGHT - _BOTTOM
    path = "".join(
        f"V{base - room * value / most:.5g}H{_LEFT + step * (i + 1):.5g}"
        for i, value in enumerate(heights.tolist())
    )
    shapes = f'<path class="s-fill" d="M{_LEFT:g} {base:g}{path}V{base:g}Z"/>'
    if law.var() > 0:
        shapes += _normal(law, (first, last), room / most)
    across = (_WIDTH - _LEFT) / (last - first + 1)
    shapes += _across([(_LEFT, str(first)), (_LEFT + across * (end - first + 1), str(end))], base)
    shapes += f'<text x="{_LEFT - 6:g}" y="16" text-anchor="end">{most:.2g}</text>'
    caption = (
        f"{what}: mean {law.mean():.6g}, standard deviation {law.std():.5g}, within five of these; "
        "red: the normal with the same."
    )
    return figure(shapes, (_WIDTH, _HEIGHT), what, caption)


def _normal(law: UnivariateDistribution, ends: tuple[int, int], scale: float) -> str:
    """Return the normal density on the same scale."""
    first, last = ends
    base, places = _HEIGHT - _BOTTOM, np.linspace(first - 0.5, last + 0.5, 121)
    density = _density(law, places)
    across = _LEFT + (places - first + 0.5) / (last - first + 1) * (_WIDTH - _LEFT)
    points = zip(across.tolist(), (base - scale * density).tolist(), strict=True)
    return f'<path class="s-line" d="M{"L".join(f"{x:.5g} {y:.5g}" for x, y in points)}"/>'


def _density(law: UnivariateDistribution, places: Floats) -> Floats:
    mean, std = law.mean(), law.std()
    return np.asarray(np.exp(-(((places - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi)))


def growth(sides: Sequence[float]) -> Html:
    """Return the side of the theoretical field over the layers."""
    most = max(sides)
    base, room = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - 14
    step = (_WIDTH - _LEFT) / len(sides)
    shapes = "".join(
        f'<path class="s-grid" d="M{_LEFT:g} {base - room * part:.5g}H{_WIDTH:g}"/>'
        f'<text x="{_LEFT - 6:g}" y="{base - room * part + 4:.5g}" text-anchor="end">{most * part:.4g}</text>'
        for part in (0.5, 1.0)
    )
    path = "".join(
        f"V{base - room * side / most:.5g}H{_LEFT + step * i:.5g}" for i, side in enumerate(sides, start=1)
    )
    shapes += f'<path class="s-steps" d="M{_LEFT:g} {base:g}{path}"/>'
    shapes += _across([(_LEFT + step / 2, "1"), (_WIDTH - step / 2, str(len(sides)))], base)
    caption = "Side of the theoretical field, layer by layer."
    return figure(shapes, (_WIDTH, _HEIGHT), "the field over the layers", caption)


def _across(ticks: Sequence[tuple[float, str]], base: float) -> str:
    """Return the axis below, the text of its first tick from there on and that of the last one up to it."""
    line = f'<path class="s-axis" d="M{_LEFT:g} {base:g}H{_WIDTH:g}"/>'
    marks = "".join(
        f'<text x="{place:.5g}" y="{base + 16:g}" text-anchor="{"end" if number else "start"}">{text}</text>'
        for number, (place, text) in enumerate(ticks)
    )
    return line + marks
