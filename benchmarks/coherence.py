"""Coherent gradients, theory beside autograd: ``python -m benchmarks.coherence``.

The truths are in `coherence.json`, beside this file: the variance of the position under the energy of the
gradient, for a normal input of as many channels, averaged over weights, inputs and signs of the output's
channels. ``--measure SECONDS`` measures each case for so long anew and writes the file.
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

# Inputs for each draw of the weights, and the draws from which an error is known.
BATCH, LEAST = 16, 40

Row = dict[str, Any]


def sums(net: em.Node, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Return the energy of the gradient and its second moment along the first axis, of one draw."""
    import torch

    module = em.to_torch(net, channels, in_channels=channels, rng=rng)
    unit, starts, sides = _inside(em.receptive_field(net))
    shape = [start + side for start, side in zip(starts, sides, strict=True)]
    x = torch.from_numpy(rng.standard_normal((BATCH, channels, *shape), dtype=np.float32)).requires_grad_()
    signs = torch.from_numpy(rng.choice([-1, 1], (BATCH, channels)).astype(np.float32))
    (g,) = torch.autograd.grad((module(x)[:, :, *unit] * signs).sum(), x)
    energy = (g.double() ** 2).sum(dim=[0, 1, *range(3, g.ndim)]).numpy() / BATCH / channels
    places = np.arange(shape[0]) - starts[0] - (sides[0] - 1) / 2
    return np.array([energy.sum(), energy @ places**2])


def _inside(field: em.ReceptiveField) -> tuple[list[int], list[int], list[int]]:
    """Return the first unit whose field is inside the input, where it begins, and its sides.

    Features beyond the field do not reach the unit, so that borders do not count.
    """
    ends, stride, sides = np.reshape(field.region(0), (-1, 2)), np.atleast_1d(field.stride), field.size
    unit = -(ends[:, 0] // stride)
    return unit.tolist(), (ends[:, 0] + unit * stride).tolist(), np.atleast_1d(sides).tolist()


def measured(text: str, channels: int, seconds: float, seed: int = 0) -> Row:
    """Return the variance by autograd, with its relative standard error and that of the energy."""
    net, rng, start = em.parse_network(text), np.random.default_rng(seed), time.perf_counter()
    draws: list[np.ndarray] = []
    while len(draws) < LEAST or time.perf_counter() - start < seconds:
        draws.append(sums(net, channels, rng))
    rows = np.array(draws)
    total, second = rows.mean(axis=0)
    root = math.sqrt(len(rows))
    error = (rows[:, 1] / total - second / total * rows[:, 0] / total).std(ddof=1) / root
    return {
        "net": text,
        "channels": channels,
        "variance": second / total,
        "error": error / (second / total),
        "energy": total,
        "energy_error": rows[:, 0].std(ddof=1) / root / total,
        "draws": len(rows),
    }


def table(rows: list[Row]) -> str:
    """Return the table of theory beside autograd."""
    lines = []
    for row in rows:
        found = em.coherence(em.parse_network(row["net"]), row["channels"])
        spread, alone = found.spread[0], found.independent[0]
        lines.append(
            (
                f"`{row['net']}`",
                str(row["channels"]),
                f"{row['variance'] / alone:.3f} ± {row['error'] * row['variance'] / alone:.3f}",
                f"{found.ratios[0]:.3f}",
                f"{100 * (spread / row['variance'] - 1):+.1f} %",
                f"{found.share:.3f}",
                str(found.blocks or ""),
            )
        )
    header = (
        "network",
        "channels",
        "autograd / independent",
        "theory",
        "error",
        "coherent share",
        "from block",
    )
    return markdown(header, lines)


def main() -> int:
    """Print the table, and measure first if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coherence", description=__doc__)
    parser.add_argument("--measure", type=float, metavar="SECONDS", help="seconds for each case")
    seconds = parser.parse_args().measure
    rows = json.loads(TRUTH.read_text())["runs"]
    if seconds is not None:
        for number, row in enumerate(rows):
            progress(f"{row['net']}, {row['channels']} channels ...")
            rows[number] = measured(row["net"], row["channels"], seconds)
        TRUTH.write_text(json.dumps({"runs": rows}, indent=1) + "\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
