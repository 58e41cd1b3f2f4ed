"""Panel e: skip connections make the effective field smaller, dropout leaves it as it is.

A block x + f(x) of equal gains has the kernel [1, 4, 1]/6 along an axis and half the variance of its branch;
behind batch normalisation the branch of block l has the gain 1/l, and the variance grows as log n.

The theory adds the two paths of a skip as uncorrelated. That they are where the branch ends with a random
convolution, as in networks that are used. With ReLU at its end every branch adds what is positive, signals
grow in one common direction, and the gradient along it is amplified coherently: its square is narrower. Its
share at the output is 1 over the channels, so that wider networks agree to greater depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.gradients import measure

from ..measure import markdown
from .draw import BLUE, GREEN, GREY, RED, draw_legend, draw_map, draw_profile, new_figure
from .report import CONV, RELU, Report, Trial, run, trial, trials_table

DEPTH = 20
SAME = em.Conv((3, 3), padding=1)
CASES = {
    "plain": CONV >> RELU,
    "skip": em.Residual(RELU >> SAME),
    "dropout 1/2": CONV >> RELU >> em.Dropout(0.5),
    "skip and dropout": em.Residual(RELU >> em.Dropout(0.5) >> SAME),
    "skip, ReLU last": em.Residual(SAME >> RELU),
}
DEPTHS = (5, 10, 20, 40, 80, 160)


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Measure the blocks at one depth; growth over depth by the theory."""
    runs = 40 if quick else 600
    trials = [
        trial(name, block**DEPTH, runs=runs, rng=np.random.default_rng([seed, number]))
        for number, (name, block) in enumerate(CASES.items())
    ]
    sizes = growth()
    signs = {name: coherence(CASES[name], runs, seed) for name in ("skip", "skip, ReLU last")}
    rows = [(name, *(f"{size:.2f}" for size in found)) for name, found in sizes.items()]
    text = "\n\n".join(
        [
            trials_table(trials),
            "In theory, the effective size over depth:",
            markdown(("block", *map(str, DEPTHS)), rows),
            "Dropout of 1/2 doubles the variance of a branch, so that inside a skip it widens the field.",
            f"With ReLU last in its branch a skip is outside the theory, {_ratio(trials[-1])} of its "
            "variance: what is averaged is no noise. Of the mean gradient the sum is "
            f"{signs['skip, ReLU last']:.2f} of the sum of magnitudes, {signs['skip']:.2f} with ReLU first.",
        ]
    )
    numbers = {
        "trials": [t.numbers() for t in trials],
        "depths": list(DEPTHS),
        "growth": sizes,
        "coherence": signs,
    }
    title = f"e. Skip connections and dropout: {DEPTH} layers of 3 x 3 with ReLU, random weights"
    return Report("e_skip_dropout", title, text, numbers, picture(trials, sizes))


def _ratio(found: Trial) -> str:
    return f"{found.numbers()['variance_ratio']:.2f}"


def coherence(block: em.Node, runs: int, seed: int) -> float:
    """Return how far the mean gradient has one sign: 1 if everywhere, about 0 for noise."""
    found = measure(block**DEPTH, runs=runs, profile="mean", rng=seed, progress=False).map
    return abs(float(found.sum())) / float(np.abs(found).sum())


def growth() -> dict[str, list[float]]:
    """Return the effective size over depth in theory, along both axes alike."""
    line = em.Conv(3, padding=1)
    nets = {
        "plain": lambda n: line**n,
        "skip": lambda n: em.Residual(line) ** n,
        "skip, batch normalisation": lambda n: em.batch_norm_residuals(line, n),
    }
    return {
        name: [em.effective_field(em.distribution(net(n)), ndim=2).size for n in DEPTHS]
        for name, net in nets.items()
    }


def picture(trials: list[Trial], sizes: dict[str, list[float]]) -> Any:
    """Draw maps over profiles, and the growth beside them."""
    figure = new_figure(14, 5)
    grid = figure.subplots(
        2, len(trials) + 1, height_ratios=[1, 0.8], width_ratios=[1] * len(trials) + [1.35]
    )
    side = max(found.agreement.expected.field_size for found in trials)
    for column, found in enumerate(trials):
        draw_map(grid[0, column], found.measured, found.agreement.expected)
        grid[0, column].set_title(found.case, fontsize=11)
        grid[0, column].set_xlabel(f"{found.agreement.effective.size:.1f} of {side:.0f}", fontsize=9)
        draw_profile(grid[1, column], found.agreement)
    for ax in grid[:, -1]:
        ax.remove()
    ax = figure.add_subplot(grid[0, 0].get_gridspec()[:, -1])
    for (name, found), color in zip(sizes.items(), (BLUE, RED, GREEN), strict=True):
        ax.loglog(DEPTHS, found, "o-", color=color, label=name, markersize=4)
    ax.loglog(DEPTHS, [2 * n + 1 for n in DEPTHS], "--", color=GREY, label="theoretical field")
    ax.set(title="in theory", xlabel="depth", ylabel="size (pixels)", xticks=DEPTHS, xticklabels=DEPTHS)
    ax.set(yticks=(5, 10, 20, 50, 100, 200), yticklabels=(5, 10, 20, 50, 100, 200))
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8)
    figure.suptitle(f"{DEPTH} blocks, measured impact (square root); red: effective field in theory")
    draw_legend(figure, grid[1, 0])
    return figure


if __name__ == "__main__":
    raise SystemExit(run(panel, "e_skip_dropout", __doc__))
