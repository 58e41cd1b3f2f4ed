"""Theory against wide random networks, a layer type a row: ``python -m benchmarks.poster.agreement``.

Promised: a correlation above .99 and a variance within 3 % behind 200 runs of 16 channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import erfmath as em

from .draw import BLUE, GREY, new_figure
from .report import CONV, RELU, Report, Trial, run, trial, trials_table

SAME = em.Conv((3, 3), padding=1)
BLOCK = CONV >> RELU
CASES: dict[str, em.Node] = {
    "linear, 5": CONV**5,
    "linear, 10": CONV**10,
    "linear, 20": CONV**20,
    "linear, 40": CONV**40,
    "ReLU, 5": BLOCK**5,
    "ReLU, 10": BLOCK**10,
    "ReLU, 20": BLOCK**20,
    "ReLU, 40": BLOCK**40,
    "stride": BLOCK**3 >> em.Conv((3, 3), 2) >> RELU >> BLOCK**3 >> em.Conv((3, 3), 2) >> RELU >> BLOCK**2,
    "dilation": BLOCK**3
    >> em.Conv((3, 3), dilation=2)
    >> RELU
    >> BLOCK**2
    >> em.Conv((3, 3), dilation=4)
    >> BLOCK,
    "skip": em.Residual(RELU >> SAME) ** 10,
    "max pooling": (BLOCK**2 >> em.Pool((2, 2), mode="max")) ** 2 >> BLOCK**2,
    "average pooling": (BLOCK**2 >> em.Pool((2, 2))) ** 2 >> BLOCK**2,
    "dropout": (BLOCK >> em.Dropout(0.2)) ** 10,
    "transposed": BLOCK
    >> em.Conv((3, 3), 2)
    >> RELU
    >> BLOCK
    >> em.ConvTranspose((4, 4), 2)
    >> RELU
    >> BLOCK,
    "concatenation": em.Concat([SAME >> RELU, em.Conv((5, 5), padding=2) >> RELU], [8, 8]) ** 5,
}


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Measure each layer type."""
    runs = 25 if quick else 400
    trials = [
        trial(name, net, runs=runs, rng=np.random.default_rng([seed, number]))
        for number, (name, net) in enumerate(CASES.items())
    ]
    title = "Theory against wide random networks: 16 channels, the mean of g^2"
    numbers = {"trials": [t.numbers() for t in trials]}
    return Report("agreement", title, trials_table(trials), numbers, picture(trials))


def picture(trials: list[Trial]) -> Any:
    """Draw the ratios of the variances with two standard errors, and the band of 3 %."""
    figure = new_figure(8, 4.5)
    ax = figure.add_subplot()
    found = [t.numbers() for t in trials]
    places = np.arange(len(found))[::-1]
    ax.axvspan(0.97, 1.03, color=GREY, alpha=0.2, linewidth=0)
    ax.axvline(1, color=GREY)
    errors = [2 * n["variance_ratio_error"] for n in found]
    ax.errorbar([n["variance_ratio"] for n in found], places, xerr=errors, fmt="o", color=BLUE, capsize=3)
    labels = [f"{n['case']}  (r = {n['correlation']:.4f})" for n in found]
    ax.set(yticks=places, yticklabels=labels, xlabel="measured variance / theory, with two standard errors")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    raise SystemExit(run(panel, "agreement", __doc__))
