"""Maxima behind rectifiers, theory beside autograd: ``python -m benchmarks.maxima``.

The truths are in `maxima.json`, beside this file: the variance of the position under the mean squared
gradient of U-Nets with random weights. ``--measure RUNS`` measures each case anew, with so many runs, and
writes the file; 300 runs of all cases take an hour on one core.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import erfmath as em

from .measure import markdown
from .truths import Row, load, renew

TRUTH = Path(__file__).with_suffix(".json")
CASE = ("depth", "ndim", "channels", "size")
HEADER = ("axes", "depth", "channels", "side", "runs", "autograd", "gates alone", "gated", "by gated")


def measured(row: Row, runs: int) -> Row:
    """Return the variance of a U-Net by autograd, averaged over the axes, with its standard error."""
    depth, ndim, channels, size = (row[key] for key in CASE)
    net, sides = em.zoo.unet(depth, ndim=ndim), size and (size,) * ndim
    found = em.measure(net, sides, channels=channels, runs=runs, rng=0, progress=False)
    variance, error = float(np.mean(found.var)), math.hypot(*found.var_error) / ndim
    case = {key: row[key] for key in CASE}
    return {**case, "runs": runs, "variance": round(variance, 4), "error": round(error, 4)}


def predicted(depth: int, ndim: int) -> tuple[float, float]:
    """Return the variance with each gate alone, and that with gates where they are."""
    net = em.zoo.unet(depth, ndim=ndim)
    alone, placed = (float(np.mean(em.distribution(em.variance(n)).var())) for n in (net, em.gated(net)))
    return alone, placed


def slowest(rows: Sequence[Row]) -> float:
    """Return the most milliseconds of processor time that the gains of a network take."""
    em.gated(em.zoo.unet(1))  # what is imported on the way is not timed
    spent = []
    for depth, ndim in {(row["depth"], row["ndim"]) for row in rows}:
        net, start = em.zoo.unet(depth, ndim=ndim), time.process_time()
        em.gated(net)
        spent.append(time.process_time() - start)
    return 1000 * max(spent)


def table(rows: Sequence[Row]) -> str:
    """Return measurements and theory side by side."""
    return markdown(HEADER, map(_line, rows))


def _line(row: Row) -> tuple[str, ...]:
    alone, placed = predicted(row["depth"], row["ndim"])
    variance, error = row["variance"], row["error"]
    return (
        str(row["ndim"]),
        str(row["depth"]),
        str(row["channels"]),
        str(row["size"] or "field"),
        str(row["runs"]),
        f"{variance:.2f} ± {error:.2f}",
        f"{alone:.2f}",
        f"{placed:.2f}",
        f"{variance / placed:.3f} ± {error / placed:.3f}",
    )


def main() -> int:
    """Print the table, and measure first if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maxima", description=__doc__)
    parser.add_argument("--measure", type=int, metavar="RUNS", help="runs for each case")
    runs = parser.parse_args().measure
    rows = load(TRUTH) if runs is None else renew(TRUTH, lambda row: measured(row, runs))
    milliseconds = slowest(rows)  # before the table, which fills the caches
    print(f"{table(rows)}\n\nThe gains take at most {milliseconds:.0f} ms of processor time.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
