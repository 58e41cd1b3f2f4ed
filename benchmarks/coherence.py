"""Coherent gradients, theory beside autograd: ``python -m benchmarks.coherence``.

The truths are in `coherence.json`, beside this file: the variance of the position under the energy of the
gradient, for a normal input of as many channels, averaged over weights, inputs and signs of the output's
channels. ``--measure SECONDS`` measures each case for so long anew and writes the file, all cases or those
``--by autograd`` or ``ring``: blocks x + phi(W x) on rings (`benchmarks.rings`), many draws for their time.

Times are of the processor, the least of a few: of the theory for a network that it has not seen, and that as
a part of one draw by autograd, 16 inputs and their gradients. With OMP_NUM_THREADS=1 no threads wait in it.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import erfmath as em

from .measure import markdown
from .rings import Ring, batches
from .truths import Row, load, renew

TRUTH = Path(__file__).with_suffix(".json")
HEADER = (
    "network",
    "channels",
    "by",
    "measured / independent",
    "theory",
    "error",
    "coherent share",
    "from block",
    "ms",
    "of a draw",
)

# Calls of which the fastest is told: of the theory, and of autograd.
CALLS, DRAWS = 5, 2

# Inputs for each draw of the weights, and the draws from which an error is known.
BATCH, LEAST = 16, 40


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


def measured(row: Row, seconds: float) -> Row:
    """Return a row measured anew: the variance, with its relative standard error, and the mean energy."""
    text, channels = row["net"], row["channels"]
    ring = Ring.of(text, channels) if row["by"] == "ring" else None
    if ring is not None:
        found, count = batches(ring, seconds)
        return {"net": text, "channels": channels, "by": "ring", **summed(found), "draws": count}
    net, rng, start = em.parse_network(text), np.random.default_rng(0), time.perf_counter()
    draws: list[np.ndarray] = []
    while len(draws) < LEAST or time.perf_counter() - start < seconds:
        draws.append(sums(net, channels, rng))
    found = summed(np.array(draws))
    return {"net": text, "channels": channels, "by": "autograd", **found, "draws": len(draws)}


def summed(draws: np.ndarray) -> Row:
    """Return the variance and the mean energy of draws, with their relative standard errors."""
    energy, second = draws.mean(axis=0)
    root, shares = math.sqrt(len(draws)), draws[:, 0] / energy
    off = draws[:, 1] / second - shares  # of a ratio of means, to first order
    return {
        "variance": second / energy,
        "error": off.std(ddof=1) / root,
        "energy": energy,
        "energy_error": shares.std(ddof=1) / root,
    }


def table(rows: Sequence[Row]) -> str:
    """Return the table of theory beside autograd."""
    return markdown(HEADER, map(_line, rows))


def _line(row: Row) -> tuple[str, ...]:
    text, channels, rng = row["net"], row["channels"], np.random.default_rng(0)
    found = em.coherence(em.parse_network(text), channels)
    ratio = row["variance"] / found.independent[0]
    seconds = _fastest(CALLS, lambda net: em.coherence(net, channels), text)
    draw = _fastest(DRAWS, lambda net: sums(net, channels, rng), text)
    return (
        f"`{text}`",
        str(channels),
        row["by"],
        f"{ratio:.3f} ± {row['error'] * ratio:.3f}",
        f"{found.ratios[0]:.3f}",
        f"{100 * (found.spread[0] / row['variance'] - 1):+.1f} %",
        f"{found.share:.3f}",
        str(found.blocks or ""),
        f"{1000 * seconds:.0f}",
        f"{seconds / draw:.2g}",
    )


def _fastest(times: int, call: Callable[[em.Node], object], text: str) -> float:
    """Return the least seconds of processor time that a call takes for a network that is new to it."""
    found = []
    for _ in range(times):
        net, start = em.parse_network(text), time.process_time()
        call(net)
        found.append(time.process_time() - start)
    return min(found)


def main() -> int:
    """Print the table, and measure first if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coherence", description=__doc__)
    parser.add_argument("--measure", type=float, metavar="SECONDS", help="seconds for each case")
    parser.add_argument("--by", choices=["autograd", "ring"], help="measure these cases only")
    asked = parser.parse_args()
    if asked.measure is None:
        rows = load(TRUTH)
    else:
        rows = renew(
            TRUTH, lambda row: row if asked.by not in (None, row["by"]) else measured(row, asked.measure)
        )
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
