"""Attention over a window at initialisation, whose gradient is how large: ``python -m benchmarks.attention``.

A white normal input is projected to queries, keys and values by normal weights, those of queries and keys
scaled so that the logits have a deviation tau. Of the output at one position, its channels with random signs,
the energy of the gradient is taken at each position of the window. ``--quick`` takes a tenth of the draws.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .measure import markdown

POSITIONS, CHANNELS, HEADS = 16, 64, 4
TAUS = (0.026, 0.25, 1.0, 4.0)
DRAWS, BATCH = 8000, 200
HEADER = ("tau", "own position", "the others, mean", "their spread", "own by others", "small logits")


def energies(tau: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the energy of the gradient by draw and position, the own one first, over the mean of all."""
    import torch

    found = []
    for _ in range(draws // BATCH):
        x = _normal(rng, POSITIONS, CHANNELS).requires_grad_()
        parts = [x @ _normal(rng, CHANNELS, CHANNELS) / math.sqrt(CHANNELS) for _ in range(3)]
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        logits = tau * query[:, :, :1] @ key.transpose(2, 3) / math.sqrt(CHANNELS // HEADS)
        read = logits.softmax(dim=3) @ value
        (gradient,) = torch.autograd.grad((read * _normal(rng, *read.shape[1:]).sign()).sum(), x)
        found.append((gradient.double() ** 2).sum(dim=2).numpy())
    whole = np.concatenate(found)
    return np.asarray(whole / whole.mean())


def _normal(rng: np.random.Generator, *shape: int) -> Any:
    import torch

    return torch.from_numpy(rng.standard_normal((BATCH, *shape), dtype=np.float32))


def small(tau: float) -> float:
    """Return the energy at the own position over that at another one, for small logits.

    Its query meets all keys: their sum, each weighed by what its value differs from the mean, has the energy
    of a squared Wishart matrix, n - 1 + n (n - 1)/N for n positions and N channels.
    """
    query = (POSITIONS - 1) * (1 + POSITIONS / CHANNELS) * tau**2
    return 1 + query / (1 + tau**2 * (1 - 1 / POSITIONS))


def rows(draws: int) -> list[tuple[str, ...]]:
    """Return the table: a row for each deviation of the logits."""
    found = []
    for tau in TAUS:
        drawn = energies(tau, draws, np.random.default_rng(0))
        (own, *others), error = drawn.mean(axis=0), drawn[:, 0].std() / math.sqrt(len(drawn))
        mean = float(np.mean(others))
        shown = f"{own:.2f} ± {error:.2f}", f"{mean:.2f}", f"{np.std(others):.3f}", f"{own / mean:.2f}"
        found.append((f"{tau:g}", *shown, f"{small(tau):.2f}" if tau < 1 else ""))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    args = parser.parse_args(argv)
    print(markdown(HEADER, rows(DRAWS // 10 if args.quick else DRAWS), left=0))


if __name__ == "__main__":
    main()
