"""What the panels share: trials, their table, and how a panel's results land on screen and disk."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.gradients import measure
from erfmath.measured.result import Agreement, Measurement

from ..measure import machine, markdown, progress

# Side of {g > t g(0)} on a two-dimensional Gaussian of deviation 1, t = 0.0455: sqrt(-2 pi log t).
NORMAL_SIDE = math.sqrt(-2 * math.pi * math.log(1 - 0.9545))

RELU = em.Activation("relu")
CONV = em.Conv((3, 3))


@dataclass(frozen=True)
class Trial:
    """One network, measured and predicted."""

    case: str
    net: em.Node
    agreement: Agreement
    seconds: float

    @property
    def measured(self) -> Measurement:
        """The measurement."""
        return self.agreement.measured

    @property
    def limit(self) -> float:
        """The effective size that the central limit theorem says: 4.406 sigma."""
        variances = np.atleast_1d(self.agreement.theory.var())
        return NORMAL_SIDE * float(np.prod(variances)) ** (1 / 4)

    def numbers(self) -> dict[str, Any]:
        """Return the results for JSON."""
        found = self.agreement
        return {
            "case": self.case,
            "network": repr(self.net),
            "runs": self.measured.runs,
            "theoretical_field": found.expected.field_size,
            "variance_theory": np.atleast_1d(found.theory.var()).tolist(),
            "variance_measured": self.measured.var.tolist(),
            "variance_ratio": mean(found.variance_ratio),
            "variance_ratio_error": pooled_error(found),
            "correlation": found.correlation,
            "l1": found.l1,
            "effective_measured": found.effective.size,
            "effective_theory": found.expected.size,
            "effective_limit": self.limit,
            "seconds": round(self.seconds, 2),
        }


def trial(case: str, net: em.Node, **options: Any) -> Trial:
    """Measure a network with random weights and set its theory beside it."""
    progress(f"{case} ...")
    start = time.perf_counter()
    agreement = measure(net, progress=False, **options).compare()
    _ = agreement.effective, agreement.expected
    return Trial(case, net, agreement, time.perf_counter() - start)


def mean(values: Sequence[float]) -> float:
    """Return the mean over the axes."""
    return sum(values) / len(values)


def pooled_error(agreement: Agreement) -> float:
    """Return the standard error of the mean ratio over the axes, which are next to uncorrelated."""
    errors = agreement.variance_error
    return math.sqrt(sum(error**2 for error in errors)) / len(errors)


def trials_table(trials: Sequence[Trial]) -> str:
    """Return trials as a table of measurement, theory and normal limit side by side."""
    header = (
        "case", "runs", "field", "variance", "theory", "ratio", "correlation", "L1", "ERF", "theory", "CLT"
    )  # fmt: skip
    rows = []
    for t in trials:
        n = t.numbers()
        error = n["variance_ratio_error"]
        ratio = f"{n['variance_ratio']:.3f}" + ("" if math.isnan(error) else f" ± {error:.3f}")
        rows.append(
            (
                t.case,
                str(n["runs"]),
                f"{n['theoretical_field']:.0f}",
                f"{mean(n['variance_measured']):.3f}",
                f"{mean(n['variance_theory']):.3f}",
                ratio,
                f"{n['correlation']:.4f}",
                f"{n['l1']:.3f}",
                f"{n['effective_measured']:.2f}",
                f"{n['effective_theory']:.2f}",
                f"{n['effective_limit']:.2f}",
            )
        )
    return markdown(header, rows)


@dataclass(frozen=True)
class Report:
    """What a panel has found.

    Attributes
    ----------
    name
        The file name of the picture and the JSON, without ending.
    title
        What the panel shows, in a line.
    text
        Tables and what they say.
    numbers
        The results for JSON.
    figure
        A matplotlib figure.
    """

    name: str
    title: str
    text: str
    numbers: dict[str, Any]
    figure: Any

    def save(self, folder: Path) -> None:
        """Write the picture and the numbers."""
        folder.mkdir(parents=True, exist_ok=True)
        self.figure.savefig(folder / f"{self.name}.png", dpi=130)
        content = {"title": self.title, "machine": machine(), **self.numbers}
        (folder / f"{self.name}.json").write_text(json.dumps(content, indent=1) + "\n")


Panel = Callable[..., Report]


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """Return the options that all panels have."""
    found = argparse.ArgumentParser(prog=f"python -m benchmarks.poster{prog}", description=description)
    found.add_argument("--quick", action="store_true", help="fewer runs: each panel within two minutes")
    found.add_argument(
        "--out", type=Path, default=Path("poster"), metavar="DIR", help="for pictures and JSON"
    )
    found.add_argument("--seed", type=int, default=0)
    return found


def run(panel: Panel, prog: str, description: str | None, argv: Sequence[str] | None = None) -> int:
    """Run one panel as a script."""
    arguments = parser(f".{prog}", (description or "").split("\n")[0])
    args = arguments.parse_args(argv)
    show(panel, args.quick, args.out, args.seed)
    return 0


def show(panel: Panel, quick: bool, out: Path, seed: int, **options: Any) -> Report:
    """Run a panel on one thread of torch, print what it found and write its files."""
    import torch

    torch.set_num_threads(1)  # the maps are small: threads would fight over them
    start = time.perf_counter()
    report = panel(quick=quick, seed=seed, **options)
    report.save(out)
    seconds = time.perf_counter() - start
    print(
        f"## {report.title}\n\n{report.text}\n\n{out / report.name}.png, .json; {seconds:.0f} s\n", flush=True
    )
    return report
