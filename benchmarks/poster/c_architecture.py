"""Panel c: fifteen layers of 3 x 3, plain, with three strides of 2, and with three dilations.

A stride multiplies the steps of all layers behind it, so that its place matters; a dilation widens its own
layer only, and where it stands does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

import erfmath as em

from .draw import draw_legend, draw_map, draw_profile, new_figure
from .report import RELU, Report, Trial, run, trial, trials_table

LAYERS = 15


def fifteen(strided: Collection[int] = (), dilations: Mapping[int, int] | None = None) -> em.Node:
    """Return fifteen convolutions with ReLU; layers count from 1."""
    dilated = dilations or {}
    net: em.Node = em.Identity()
    for layer in range(1, LAYERS + 1):
        stride = 2 if layer in strided else 1
        net = net >> em.Conv((3, 3), stride, dilated.get(layer, 1)) >> RELU
    return net


CASES = {
    "convolutions only": fifteen(),
    "stride 2 in 4, 8, 12": fifteen(strided=(4, 8, 12)),
    "dilation 2, 4, 8 in 4, 8, 12": fifteen(dilations={4: 2, 8: 4, 12: 8}),
    "stride 2 in 1, 2, 3": fifteen(strided=(1, 2, 3)),
    "stride 2 in 13, 14, 15": fifteen(strided=(13, 14, 15)),
}


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Measure each architecture."""
    runs = 40 if quick else 600
    trials = [
        trial(name, net, runs=runs, rng=np.random.default_rng([seed, number]))
        for number, (name, net) in enumerate(CASES.items())
    ]
    early, late = trials[3].numbers(), trials[4].numbers()
    text = (
        f"{trials_table(trials)}\n\nThe same three strides make an effective field of side "
        f"{early['effective_theory']:.1f} in the first layers, of {late['effective_theory']:.1f} in the last "
        f"(measured {early['effective_measured']:.1f} and {late['effective_measured']:.1f})."
    )
    title = f"c. Architecture: {LAYERS} layers of 3 x 3 with ReLU, random weights"
    return Report("c_architecture", title, text, {"trials": [t.numbers() for t in trials]}, picture(trials))


def picture(trials: list[Trial]) -> Any:
    """Draw all maps at the same scale over profiles."""
    figure = new_figure(12, 5.2)
    grid = figure.subplots(2, len(trials), height_ratios=[1, 0.8])
    side = max(found.agreement.expected.field_size for found in trials)
    for column, found in enumerate(trials):
        own = found.agreement.expected.field_size
        corner = found.measured.offset[0] - round((side - own) / 2)
        ax = grid[0, column]
        draw_map(ax, found.measured, found.agreement.expected, ((corner, corner), (round(side),) * 2))
        ax.set_title(found.case, fontsize=10)
        ax.set_xlabel(f"{found.agreement.effective.size:.1f} of {own:.0f}", fontsize=9)
        first = found.measured.offset[0] - 0.5
        ax.plot(*zip(*_square(first, own), strict=True), color="#8a8a8a", linewidth=0.8)
        draw_profile(grid[1, column], found.agreement)
    figure.suptitle(
        "Measured impact (square root), one scale; grey: theoretical field, red: effective field in theory"
    )
    draw_legend(figure, grid[-1, 0])
    return figure


def _square(first: float, side: float) -> list[tuple[float, float]]:
    last = first + side
    return [(first, first), (last, first), (last, last), (first, last), (first, first)]


if __name__ == "__main__":
    raise SystemExit(run(panel, "c_architecture", __doc__))
