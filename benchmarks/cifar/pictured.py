"""The figures: maps before, during and after training, sizes by epoch, and the layers that move."""

from __future__ import annotations

from typing import Any

import numpy as np

import erfmath as em

from ..poster.draw import BLUE, GREEN, GREY, RED, new_figure, outline
from .summary import BLOCKED, at, epochs_of, names, of, over_seeds

COLOURS = {"measured": BLUE, "given": RED, "energy": GREEN, "signs": GREY, "scrambled": "#7d5ba6"}
BY_BLOCK = ("gain of a block's branch", "variance of its taps", "measured variance it adds")
STYLES = {"measured": "o-", "given": "--", "energy": ":", "signs": "-.", "scrambled": "s-"}
LABELS = {"scrambled": "measured, new signs"}


def fields(found: dict[str, Any]) -> Any:
    """Draw maps before, during and after training, and the sizes by epoch."""
    shown = names(found)
    figure = new_figure(10.4, 2.6 * len(shown))
    grid = figure.subplots(len(shown), 4, width_ratios=[1, 1, 1, 1.7], squeeze=False)
    for name, row in zip(shown, grid, strict=True):
        row[0].set_ylabel(name, fontsize=11)
        for ax, stage in zip(row, found["maps"][name], strict=False):
            _draw_map(ax, np.array(stage["map"], dtype=float))
            ax.set_title(f"epoch {stage['epoch']:g}", fontsize=10)
        _sizes(row[-1], found, name)
    grid[-1, -1].set_xlabel("epoch", fontsize=9)
    lines = grid[0, -1].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=len(COLOURS), frameon=False, fontsize=9)
    figure.suptitle("Impact (square root) of the input on the middle unit; red: the effective field, by mass")
    return figure


def _draw_map(ax: Any, roots: Any) -> None:
    field = em.effective_field(em.JointDistribution(roots**2 / (roots**2).sum()), "mass")
    ax.imshow(roots, cmap="Blues", vmin=0, interpolation="nearest")
    outline(ax, field.mask, ((len(roots)) / 2, (len(roots)) / 2))
    ax.set(xlim=(-0.5, len(roots) - 0.5), ylim=(len(roots) - 0.5, -0.5), xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(color=GREY)


def _sizes(ax: Any, found: dict[str, Any], name: str) -> None:
    epochs = epochs_of(found, name)
    for kind, colour in COLOURS.items():
        values = [over_seeds(at(found, name, epoch), of(kind)) for epoch in epochs]
        means, errors = zip(*values, strict=True)
        style = {"fmt": STYLES[kind], "markersize": 3, "capsize": 2}
        ax.errorbar(epochs, means, np.nan_to_num(errors), color=colour, label=LABELS.get(kind, kind), **style)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("side, pixels", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)


def layers(found: dict[str, Any]) -> Any:
    """Draw the gains and the spreads of layers before and after, and what each block adds to the variance."""
    shown = [name for name in BLOCKED if name in names(found)]
    figure = new_figure(10.4, 2.6 * len(shown))
    grid = figure.subplots(len(shown), len(BY_BLOCK), squeeze=False)
    for name, row in zip(shown, grid, strict=True):
        _blocks(row, found, name)
    for ax, title in zip(grid[0], BY_BLOCK, strict=True):
        ax.set_title(title, fontsize=10)
    for ax in grid[-1]:
        ax.set_xlabel("block, from the input", fontsize=9)
    grid[0, 0].legend(frameon=False, fontsize=9)
    return figure


def _blocks(row: Any, found: dict[str, Any], name: str) -> None:
    """Draw a network's blocks at its first and its last epoch."""
    epochs = epochs_of(found, name)
    for epoch, colour, label in ((epochs[0], GREY, "before"), (epochs[-1], BLUE, "after")):
        for ax, values in zip(row, _by_block(at(found, name, epoch)), strict=True):
            means, errors = zip(*(over_seeds(column, float) for column in np.transpose(values)), strict=True)
            style = {"fmt": "o-", "markersize": 3, "color": colour, "label": label}
            ax.errorbar(np.arange(1, len(means) + 1), means, np.nan_to_num(errors), **style)
    row[0].set_yscale("log")
    row[0].set_ylabel(name, fontsize=11)
    row[1].set_ylim(0, 2)
    for ax in row:
        ax.spines[["top", "right"]].set_visible(False)


def _by_block(some: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    """Return gains of energy, spreads and added variances of the blocks, a row a seed."""
    gains = [np.array(one["weights"]["gains"]) for one in some]
    spreads = [np.array(one["weights"]["spreads"]) for one in some]
    variances = [np.array(one["blocks"]["variance"]) for one in some]
    return (
        [gain[1::2] * gain[2::2] / 2 for gain in gains],
        [spread[1::2] + spread[2::2] for spread in spreads],
        [-np.diff(variance) for variance in variances],
    )
