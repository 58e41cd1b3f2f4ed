"""What of a field is worth showing, and outlines without fringes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..laws.base import Distribution
from ..laws.effective import EffectiveField
from .figures import RED

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Window = tuple[int, int]

# What is shown holds all but so much of the impact on each side of each axis, and the effective field, with a
# margin; a field of which that is most is shown whole.
_TAIL, _MARGIN, _MOST = 5e-3, 0.12, 0.7

# A set of pixels is even where its edges are few beside those of the box around it; a ragged one is evened
# over so many pixels at most, as long as its size stays within a fifth.
_RAGGED, _WIDTHS, _KEPT = 1.3, (3, 5, 9, 17, 33, 65), 0.2

# From so many on, edges of a field would cover the field and are drawn thin.
_MOST_EDGES = 1500


def windows(distribution: Distribution, found: EffectiveField, crop: bool) -> tuple[Window, ...]:
    """Return the first and last position to show along each axis."""
    return tuple(
        _window(marginal, (low, high), (low + first, low + last)) if crop else (low, high)
        for marginal, (low, high), (first, last) in zip(
            distribution.marginals, distribution.bounds, found.extent, strict=True
        )
    )


def _window(law: Any, whole: Window, inside: Window) -> Window:
    (low, high), (first, last) = whole, inside
    first, last = min(first, int(law.ppf(_TAIL))), max(last, int(law.ppf(1 - _TAIL)))
    margin = max(2, math.ceil(_MARGIN * (last - first + 1)))
    first, last = max(low, first - margin), min(high, last + margin)
    return (low, high) if last - first + 1 > _MOST * (high - low + 1) else (first, last)


def as_read(shares: Any, found: EffectiveField) -> Any:
    """Return the values that an effective field was read from: shares, or those of their roots by "std"."""
    if found.rule.profile != "std":
        return shares
    roots = np.sqrt(shares)
    return roots / roots.sum()


def quantity(found: EffectiveField) -> str:
    """Return what the values are shares of."""
    return {"std": "gradient's magnitude", "variance": "gradient's variance"}.get(
        found.rule.profile, "impact"
    )


def cropped_note(shown: Sequence[Window], whole: Sequence[Window]) -> str:
    """Return what to say of a field of which only a part is shown, nothing of a whole one."""
    if list(shown) == list(whole):
        return ""
    ends = dict.fromkeys(f"{low} .. {high}" for low, high in whole)
    return f"shown where the impact is; the field is {' by '.join(ends)}"


def evened(mask: Flags) -> tuple[Flags, int]:
    """Return a set of pixels without a fringe of specks and holes, and over how many pixels it was evened.

    A pixel is in where most of those around it are. A set that stays ragged is returned as it is.

    >>> mask = np.add.outer(np.arange(9), np.arange(9)) % 2 == 0
    >>> mask[2:7, 2:7] = True
    >>> found, width = evened(mask)
    >>> edges(mask), edges(found), width
    (116, 28, 3)
    """
    if not _is_ragged(mask):
        return mask, 1
    for width in _WIDTHS:
        even = _share_around(mask, width) > 0.5
        if not _is_ragged(even) and abs(even.sum() - mask.sum()) <= _KEPT * mask.sum():
            return even, width
    return mask, 1


def edges(mask: Flags) -> int:
    """Return the number of edges between a pixel inside and one outside."""
    padded = np.pad(mask, 1).astype(np.int8)
    return int(sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in range(mask.ndim)))


def outline(ax: Any, columns: Any, rows: Any, mask: Any, colour: str = RED) -> None:
    """Draw the outline of a set of pixels along their edges."""
    inside = np.pad(mask, 1).astype(int)
    lines: list[Sequence[tuple[float, float]]] = []
    for i, j in np.argwhere(np.diff(inside, axis=0)[:, 1:-1]):
        y = rows[0] + i - 0.5
        lines.append([(columns[j] - 0.5, y), (columns[j] + 0.5, y)])
    for i, j in np.argwhere(np.diff(inside, axis=1)[1:-1]):
        x = columns[0] + j - 0.5
        lines.append([(x, rows[i] - 0.5), (x, rows[i] + 0.5)])
    from matplotlib.collections import LineCollection

    width = 1.2 if edges(mask) < _MOST_EDGES else 0.4  # a ragged set would be all outline
    ax.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round"))


def _is_ragged(mask: Flags) -> bool:
    around = sum(
        2 * (int(line[-1]) - int(line[0]) + 1) for line in map(np.unique, np.nonzero(mask)) if len(line)
    )
    return edges(mask) > _RAGGED * around


def _share_around(mask: Flags, width: int) -> Any:
    """Return the share of pixels inside in the square of some width about each."""
    found = np.pad(mask.astype(float), width // 2)
    for axis in range(mask.ndim):
        sums = np.cumsum(found, axis=axis)
        sums = np.insert(sums, 0, 0.0, axis=axis)
        ahead = np.take(sums, range(width, sums.shape[axis]), axis=axis)
        found = ahead - np.take(sums, range(sums.shape[axis] - width), axis=axis)
    return found / width**mask.ndim
