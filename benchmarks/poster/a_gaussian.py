"""Panel a: the Gaussian shape of the effective field at depths 5, 10, 20, 40: uniform, random, ReLU.

Uniform weights give the same gradient each time; random weights and ReLU give it on average, in its square.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import erfmath as em

from .draw import draw_legend, draw_map, draw_profile, new_figure
from .report import CONV, RELU, Report, Trial, run, trial, trials_table

DEPTHS = (5, 10, 20, 40)
KINDS: dict[str, tuple[em.Node, dict[str, Any]]] = {
    "uniform": (CONV, {"init": "given", "profile": "mean", "channels": 1}),
    "random": (CONV, {}),
    "random, ReLU": (CONV >> RELU, {}),
}


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Measure each kind at each depth."""
    runs = 30 if quick else 400
    trials = {
        (kind, depth): trial(
            f"{kind}, depth {depth}",
            block**depth,
            runs=1 if kind == "uniform" else runs,
            rng=np.random.default_rng([seed, depth, number]),
            **options,
        )
        for number, (kind, (block, options)) in enumerate(KINDS.items())
        for depth in DEPTHS
    }
    title = "a. Gaussian shape: 3 x 3 convolutions, uniform weights, random weights, and ReLU"
    numbers = {"trials": [t.numbers() for t in trials.values()]}
    return Report("a_gaussian", title, trials_table(list(trials.values())), numbers, picture(trials))


def picture(trials: dict[tuple[str, int], Trial]) -> Any:
    """Draw a map for each kind and depth, and the profiles of the ReLU networks below."""
    figure = new_figure(9.2, 9.4)
    grid = figure.subplots(len(KINDS) + 1, len(DEPTHS), height_ratios=[1] * len(KINDS) + [0.8])
    for row, kind in enumerate(KINDS):
        for column, depth in enumerate(DEPTHS):
            ax, found = grid[row, column], trials[kind, depth].agreement
            draw_map(ax, found.measured, found.expected)
            ax.set_xlabel(f"{found.effective.size:.1f} of {found.expected.field_size:.0f}", fontsize=9)
            if not row:
                ax.set_title(f"{depth} layers", fontsize=11)
        grid[row, 0].set_ylabel(kind, fontsize=11)
    _profiles(grid[-1], [trials["random, ReLU", depth] for depth in DEPTHS])
    figure.suptitle(
        "Measured impact (square root) over the theoretical field; red: effective field in theory"
    )
    draw_legend(figure, grid[-1, 0])
    return figure


def _profiles(axes: Sequence[Any], trials: Sequence[Trial]) -> None:
    for ax, found in zip(axes, trials, strict=True):
        draw_profile(ax, found.agreement)
    axes[0].set_ylabel("ReLU, along a row", fontsize=11)


if __name__ == "__main__":
    raise SystemExit(run(panel, "a_gaussian", __doc__))
