"""Maxima behind rectifiers, theory beside autograd: ``python -m benchmarks.maxima``.

The truths are in `maxima.json`, beside this file: the variance of the position under the mean squared
gradient of U-Nets with random weights. ``--measure RUNS`` measures each case anew, with so many runs, and
writes the file; 300 runs of all cases take an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

import erfmath as em

from .measure import markdown, progress

TRUTH = Path(__file__).with_suffix(".json")

Row = dict[str, Any]


def measured(depth: int, ndim: int, channels: int, size: int | None, runs: int, seed: int = 0) -> Row:
    """Return the variance of a U-Net by autograd, averaged over the axes, with its standard error."""
    net, sides = em.zoo.unet(depth, ndim=ndim), size and (size,) * ndim
    found = em.measure(net, sides, channels=channels, runs=runs, rng=seed, progress=False)
    ratios = np.array(found.compare().variance_error) / found.compare().variance_ratio
    variance = float(np.mean(found.var))
    error = variance * float(np.mean(ratios)) / math.sqrt(ndim)
    case = {"depth": depth, "ndim": ndim, "channels": channels, "size": size, "runs": runs}
    return {**case, "variance": round(variance, 4), "error": round(error, 4)}


def predicted(depth: int, ndim: int) -> tuple[float, float, float]:
    """Return the variance with each gate alone, that with gates where they are, and its milliseconds."""
    net = em.zoo.unet(depth, ndim=ndim)
    start = time.process_time()
    twin = em.gated(net)
    seconds = time.process_time() - start
    alone, placed = (float(np.mean(em.distribution(em.variance(n)).var())) for n in (net, twin))
    return alone, placed, 1000 * seconds


def table(rows: list[Row]) -> str:
    """Return measurements and theory side by side."""
    header = (
        "axes",
        "depth",
        "channels",
        "side",
        "runs",
        "autograd",
        "gates alone",
        "gated",
        "by gated",
        "CPU ms",
    )
    lines = []
    for row in rows:
        alone, placed, milliseconds = predicted(row["depth"], row["ndim"])
        ratio, error = row["variance"] / placed, row["error"] / placed
        lines.append(
            (
                str(row["ndim"]),
                str(row["depth"]),
                str(row["channels"]),
                str(row["size"] or "field"),
                str(row["runs"]),
                f"{row['variance']:.2f} ± {row['error']:.2f}",
                f"{alone:.2f}",
                f"{placed:.2f}",
                f"{ratio:.3f} ± {error:.3f}",
                f"{milliseconds:.0f}",
            )
        )
    return markdown(header, lines)


def main() -> int:
    """Print the table, measured anew if asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.maxima", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--measure", type=int, metavar="RUNS", help="measure each case anew, write the truths"
    )
    args = parser.parse_args()
    rows = json.loads(TRUTH.read_text())
    em.gated(em.zoo.unet(1))  # what is imported on the way is not timed
    if args.measure:
        for number, row in enumerate(rows):
            progress(f"depth {row['depth']}, {row['ndim']} axes, {row['channels']} channels ...")
            case = row["depth"], row["ndim"], row["channels"], row["size"]
            rows[number] = measured(*case, args.measure, number)
        TRUTH.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
