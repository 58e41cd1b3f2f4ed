"""Pictures of distributions as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.scaled import Floats
from ..laws.base import Distribution
from ..laws.display import bulk, columns
from ..laws.univariate import UnivariateDistribution

_EIGHTHS = " ▁▂▃▄▅▆▇█"


# The shares of the peak from which a cell of a map is darker; the first is that of the threshold definition.
_SHADES = ((0.0455, "░"), (0.15, "▒"), (0.4, "▓"), (0.75, "█"))


def beside(left: str, right: str, gap: int = 4) -> str:
    """Return two pictures side by side, with their last lines level."""
    a, b = left.split("\n"), right.split("\n")
    width, height = max(map(len, a)) + gap, max(len(a), len(b))
    a, b = [""] * (height - len(a)) + a, [""] * (height - len(b)) + b
    return "\n".join((x.ljust(width) + y).rstrip() for x, y in zip(a, b, strict=True))


def drawn_name(profile: str, weights: str) -> str:
    """Return what the distribution of an analysis is of: equal taps of random sign have a variance."""
    return "Variance" if weights == "uniform" and profile != "mean" else "Impact"


def profile_picture(law: UnivariateDistribution, width: int = 72, height: int = 8) -> str:
    """Return a bar chart of the pmf within five standard deviations of the mean, with its ends below.

    A column is the mean of the points it covers, so that all columns can be compared.
    """
    first, last = bulk(law)
    heights = columns(law, first, last, width)
    eighths = np.rint(heights / heights.max() * 8 * height).astype(int)
    rows = [
        "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in eighths).rstrip()
        for row in range(height - 1, -1, -1)
    ]
    ends = str(first) + str(last).rjust(len(heights) - len(str(first)))
    return "\n".join([*rows, "▔" * len(heights), ends])


def map_picture(law: Distribution, width: int = 32) -> str:
    """Return a map of a distribution on two axes over its whole support, darker where it is larger.

    A cell is the mean of the pixels it covers, and half as wide as tall on a screen. A dot stands for less
    than 0.0455 of the largest cell. The first axis runs down.
    """
    sides = [high - low + 1 for low, high in law.support()]
    columns = min(width, 2 * sides[1])
    rows = max(1, round(columns * sides[0] / sides[1] / 2))
    if rows > width:  # a tall field: the height decides
        rows, columns = width, max(1, round(2 * width * sides[1] / sides[0]))
    grid = cells_within(law, law.bounds, (rows, columns))
    shares = grid / grid.max()
    picture = np.full(shares.shape, "·")
    for share, shade in _SHADES:
        picture[shares > share] = shade
    return "\n".join("".join(row) for row in picture)


def extent_bar(first: int, last: int, side: int, width: int = 72) -> str:
    """Return a bar for a field of `side` pixels, filled from first to last."""
    start = first * width // side
    filled = max(1, -(-(last + 1) * width // side) - start)
    return "·" * start + "█" * filled + "·" * (width - start - filled)


def cells_within(law: Distribution, window: Sequence[tuple[int, int]], shape: tuple[int, int]) -> Floats:
    """Return the means of the pmf over the cells of a grid on a window, pixels divided between cells."""
    sides = [last - first + 1 for first, last in window]
    edges = [np.linspace(0, side, count + 1) for side, count in zip(sides, shape, strict=True)]
    if law.is_independent:
        lows = [first for first, _ in window]
        tails = [_cdf_at(law.marginal(a).cdf, lows[a], edges[a]) for a in (0, 1)]
        return np.outer(*map(np.diff, tails))
    starts = [first - low for (first, _), (low, _) in zip(window, law.bounds, strict=True)]
    within = tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    sums = np.pad(law.probabilities()[within], ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    for axis in (0, 1):
        index = np.floor(edges[axis]).astype(np.int64)
        rest = np.expand_dims(edges[axis] - index, 1 - axis)
        upper = np.minimum(index + 1, sides[axis])
        sums = (1 - rest) * sums.take(index, axis) + rest * sums.take(upper, axis)
    return np.asarray(np.diff(np.diff(sums, axis=0), axis=1))


def _cdf_at(cdf: Callable[[Floats], Floats], low: int, edges: Floats) -> Floats:
    """Return the cdf at edges counted from the first pixel, linear inside a pixel."""
    index = np.floor(edges)
    below = cdf(low - 1 + index)
    return np.asarray(below + (edges - index) * (cdf(low + index) - below))
