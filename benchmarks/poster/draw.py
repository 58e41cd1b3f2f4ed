"""Pictures of measured impacts: maps with the fields outlined, and profiles beside the normal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.result import Agreement, Measurement

BLUE, RED, GREY, GREEN = "#2f5d8c", "#c8553d", "#8a8a8a", "#4d8c57"


def new_figure(width: float, height: float) -> Any:
    """Return a figure that lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_map(ax: Any, measured: Measurement, expected: em.EffectiveField, box: Any = None) -> None:
    """Draw a measured map in shares of its largest pixel; the expected effective field is outlined in red.

    `box` is (offset, shape) of what is shown, the theoretical field for one; by default the map.
    """
    values = measured.map / measured.map.max()
    (top, left), (rows, columns) = measured.offset, values.shape
    # The square root is what the eye needs to see the tails; variances become magnitudes, which stay.
    shades = values if measured.profile == "std" else np.sqrt(values)
    edges = (left - 0.5, left + columns - 0.5, top + rows - 0.5, top - 0.5)
    ax.imshow(shades, extent=edges, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    (low_y, low_x), (tall, wide) = box or ((top, left), values.shape)
    ax.set(xlim=(low_x - 0.5, low_x + wide - 0.5), ylim=(low_y + tall - 0.5, low_y - 0.5))
    if not expected.mask.all():
        outline(ax, expected.mask, (low_y + tall / 2, low_x + wide / 2))
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(color=GREY)


def outline(ax: Any, mask: Any, centre: tuple[float, float]) -> None:
    """Draw the edge of a mask, pixel by pixel, its middle at `centre` (in pixel edges); holes are closed."""
    from scipy.ndimage import binary_closing

    fine, wide = 8, 4
    closed = binary_closing(np.pad(mask, wide), iterations=wide)[wide:-wide, wide:-wide]
    edges = np.pad(np.kron(closed.astype(float), np.ones((fine, fine))), 1)
    places = [(np.arange(n) - (n - 1) / 2) / fine - 0.5 for n in edges.shape]
    y, x = (middle + place for middle, place in zip(centre, places, strict=True))
    ax.contour(x, y, edges, levels=[0.5], colors=RED, linewidths=1)


def draw_profile(ax: Any, agreement: Agreement) -> None:
    """Draw the marginal law along the last axis: measured dots, the exact theory, and its normal limit."""
    measured, law = agreement.measured, agreement.theory
    line = law.marginal(law.ndim - 1)
    low, high = line.support()
    shares = measured.map.sum(axis=0) / measured.map.sum()
    centre, sigma = line.mean(), line.std()
    reach = min((high - low) / 2 + 1, 4.5 * sigma)
    x = np.linspace(centre - reach, centre + reach, 400)
    normal = np.exp(-(((x - centre) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
    ax.plot(x - centre, normal, color=RED, linewidth=1.2, linestyle="--", label="normal limit")
    points = np.arange(low, high + 1)
    width = 1.8 if high - low < 120 else 0.8
    ax.plot(points - centre, line.probabilities(), color=GREY, linewidth=width, label="theory, exact")
    places = measured.offset[-1] + np.arange(len(shares))
    ax.plot(places - centre, shares, ".", color=BLUE, markersize=4, label="measured")
    ax.set(xlim=(-reach, reach), yticks=[])
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xlabel("pixels from the centre", fontsize=9)


def draw_legend(figure: Any, ax: Any) -> None:
    """Explain the lines of a profile once, below all of them."""
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
