"""Layers that add no context, cut off: what a trained network loses, on scikit-learn's digits.

``python -m benchmarks.productive`` trains plain stacks of 3x3 convolutions on the 8x8 images, five seeds
each: the whole, the whole less its unproductive layers, and less productive ones too. It needs scikit-learn
and PyTorch, and takes some minutes.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

import torch
from sklearn.datasets import load_digits
from torch import nn

import erfmath as em

from .measure import markdown

_SIDE, _DEPTH, _CHANNELS = 8, 8, 16
_TRAINED, _EPOCHS, _BATCH = 1200, 30, 60


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of depths."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="networks of each depth (default: 5)")
    seeds = parser.parse_args(argv).seeds
    verdicts = [row.verdict for row in em.productive(em.Conv((3, 3), padding=1) ** _DEPTH, _SIDE)]
    useful = verdicts.index("unproductive")
    rows = []
    for depth in (_DEPTH, useful, useful - 1, useful - 2, 1):
        found = [100 * accuracy(depth, seed) for seed in range(seeds)]
        error = statistics.stdev(found) / seeds**0.5
        left = f"{max(useful - depth, 0)} productive, {min(_DEPTH - depth, _DEPTH - useful)} unproductive"
        rows.append([str(depth), left, f"{statistics.mean(found):.2f}", f"{error:.2f}"])
    print(markdown(["layers", "cut off", "accuracy, %", "standard error"], rows))
    return 0


def accuracy(depth: int, seed: int) -> float:
    """Return the accuracy of a network of so many layers on images that it was not trained on."""
    torch.manual_seed(seed)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels))
    known, unknown = order[:_TRAINED], order[_TRAINED:]
    net = stack(depth)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(_EPOCHS):
        for batch in known[torch.randperm(_TRAINED)].split(_BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        return float((net(images[unknown]).argmax(1) == labels[unknown]).float().mean())


def stack(depth: int) -> nn.Module:
    """Return so many 3x3 convolutions, then the mean of each channel and a linear layer."""
    layers: list[nn.Module] = []
    for number in range(depth):
        conv = nn.Conv2d(_CHANNELS if number else 1, _CHANNELS, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(_CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_CHANNELS, 10))


if __name__ == "__main__":
    raise SystemExit(main())
