"""Panel b: ReLU, tanh and sigmoid, 20 layers.

In theory an activation multiplies the variance by E[f'^2] in each layer, and the shape stays. That takes the
signals of a layer to be independent of its weights and of each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import erfmath as em

from .draw import draw_legend, draw_map, draw_profile, new_figure
from .report import CONV, Report, Trial, run, trial, trials_table

DEPTH = 20
ACTIVATIONS = ("identity", "relu", "tanh", "sigmoid")


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Measure each activation."""
    runs = 40 if quick else 600
    trials = [
        trial(
            name, (CONV >> em.Activation(name)) ** DEPTH, runs=runs, rng=np.random.default_rng([seed, number])
        )
        for number, name in enumerate(ACTIVATIONS)
    ]
    gains = {name: float(em.activation_gain(name)) for name in ACTIVATIONS}
    lines = ", ".join(f"{name} {gain:.4f}" for name, gain in gains.items())
    text = f"{trials_table(trials)}\n\nE[f'^2] of a standard normal signal, a factor a layer: {lines}."
    numbers = {"trials": [t.numbers() for t in trials], "gains": gains}
    title = f"b. Activations: {DEPTH} layers of 3 x 3, random weights"
    return Report("b_activations", title, text, numbers, picture(trials))


def picture(trials: list[Trial]) -> Any:
    """Draw maps over profiles."""
    figure = new_figure(9.2, 5)
    grid = figure.subplots(2, len(trials), height_ratios=[1, 0.8])
    for column, found in enumerate(trials):
        draw_map(grid[0, column], found.measured, found.agreement.expected)
        grid[0, column].set_title("linear" if found.case == "identity" else found.case, fontsize=11)
        size, side = found.agreement.effective.size, found.agreement.expected.field_size
        grid[0, column].set_xlabel(f"{size:.1f} of {side:.0f}", fontsize=9)
        draw_profile(grid[1, column], found.agreement)
    figure.suptitle(f"{DEPTH} layers, measured impact (square root); red: effective field in theory")
    draw_legend(figure, grid[-1, 0])
    return figure


if __name__ == "__main__":
    raise SystemExit(run(panel, "b_activations", __doc__))
