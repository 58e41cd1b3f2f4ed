"""The residual network of He et al. (2015) with batch normalisation: ``python -m benchmarks.rectified``.

The truths are in `rectified.json`: the variance of the position under the energy of the gradient in front of
the stem's gate, for blocks relu(x + BN(W relu(BN(W x)))) of 3-tap convolutions at initialisation, on a ring
long enough to know means and variances to a per cent. ``--measure SECONDS`` measures each case anew.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import erfmath as em
from erfmath.ensembles.rectified import branch_gains

from .coherence import summed
from .measure import markdown
from .truths import Row, load, renew

TRUTH = Path(__file__).with_suffix(".json")
HEADER = ("blocks", "convolutions", "channels", "backpropagation", "theory", "error", "gates independent")

# Positions of the ring, and between two units whose gradients are read, draws side by side, and at the least.
AROUND, APART, DRAWS, LEAST = 1600, 80, 2, 10


def sums(blocks: int, convolutions: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Return the energy of gradients of some draws and its second moment."""
    h = rng.standard_normal((DRAWS, channels, AROUND), dtype=np.float32)
    gates, kept = [h > 0], []
    x = h * gates[0]
    for _ in range(blocks):
        y, branch = x, []
        for number in range(convolutions):
            weights = rng.standard_normal((DRAWS, channels, 3 * channels), dtype=np.float32)
            y = weights @ np.concatenate([np.roll(y, 1 - tap, 2) for tap in range(3)], 1)
            scale = 1 / y.std(axis=2, keepdims=True)
            y = (y - y.mean(axis=2, keepdims=True)) * scale
            slopes = y > 0 if number + 1 < convolutions else np.ones_like(y)
            y = y * slopes
            branch.append((weights, scale * slopes))
        x = x + y
        gates.append(x > 0)
        x = x * gates[-1]
        kept.append(branch)
    g = np.zeros_like(x)
    g[:, :, ::APART] = rng.choice([-1, 1], (DRAWS, channels, AROUND // APART))
    for gate, layers in zip(gates[:0:-1], kept[::-1], strict=True):
        g = g * gate
        g = g + _pulled(g, layers)
    energy = (((g * gates[0]).astype(float)) ** 2).sum(axis=(0, 1))
    places = (np.arange(AROUND) + APART // 2) % APART - APART // 2
    return np.array([energy.sum(), energy @ places.astype(float) ** 2])


def _pulled(g: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return a gradient before the normalised convolutions of a branch, whose statistics are constants."""
    for weights, slopes in reversed(layers):
        before = (weights.transpose(0, 2, 1) @ (g * slopes)).reshape(DRAWS, 3, -1, AROUND)
        g = np.sum([np.roll(before[:, tap], tap - 1, 2) for tap in range(3)], axis=0)
    return g


def measured(row: Row, seconds: float) -> Row:
    """Return a row measured anew."""
    case = {name: row[name] for name in ("blocks", "convolutions", "channels")}
    rng, start = np.random.default_rng(0), time.perf_counter()
    draws: list[np.ndarray] = []
    while len(draws) < LEAST or time.perf_counter() - start < seconds:
        draws.append(sums(**case, rng=rng))
    return {**case, **summed(np.array(draws)), "draws": DRAWS * len(draws)}


def _line(row: Row) -> tuple[str, ...]:
    conv = em.Conv(3, padding=1)
    branch = conv if row["convolutions"] == 1 else conv >> em.Activation("relu") >> conv
    found = float(em.distribution(em.rectified_residuals(branch, row["blocks"])).var())
    return (
        *(str(row[name]) for name in ("blocks", "convolutions", "channels")),
        f"{row['variance']:.3f} ± {row['variance'] * row['error']:.3f}",
        f"{found:.3f}",
        f"{100 * (found / row['variance'] - 1):+.1f} %",
        f"{_independent(row):.3f}",
    )


def _independent(row: Row) -> float:
    """Return the variance if each gate were open by itself: skips and branches then pass the same share."""
    gains = branch_gains(row["convolutions"] - 1, row["blocks"])
    return sum(gain / (1 + gain) for gain in gains) * row["convolutions"] * 2 / 3


def main() -> int:
    """Print the table, and measure first if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rectified", description=__doc__)
    parser.add_argument("--measure", type=float, metavar="SECONDS", help="seconds for each case")
    seconds = parser.parse_args().measure
    rows = load(TRUTH) if seconds is None else renew(TRUTH, lambda row: measured(row, seconds))
    print(markdown(HEADER, map(_line, rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
