"""What is learnt from: the images of a step, those that normalisation sees first, and those held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .pictures import SIDE, Array, Images

# Draws a square picture of a side and its labels: of those held out or not, from a generator.
Source = Callable[[bool, int, np.random.Generator], tuple[Array, Array]]

SHIFT = 4  # pixels by which training images are shifted at most
SCORED = 2000  # test images that tell the accuracy at a checkpoint
CROP = 128  # side of the pictures that a dense network learns from
DENSE = (8000, 100)  # pictures in an epoch, and those that tell the accuracy


class Lessons(Protocol):
    """What a training asks of its data; each draw has a generator of its own, named by seed and step."""

    @property
    def count(self) -> int:
        """Images in an epoch."""

    def batch(self, seed: int, step: int, size: int) -> tuple[Any, Any]:
        """Return the images and labels of a step, as tensors."""

    def first(self, seed: int, size: int) -> list[Any]:
        """Return some batches, without labels, for normalisation to see before the first step."""

    def held_out(self) -> tuple[Any, Any]:
        """Return images and labels that tell the accuracy."""

    def canvases(self, seed: int, count: int, side: int) -> Array:
        """Return held-out images to measure on, other ones for each seed."""


@dataclass(frozen=True)
class Classification:
    """Images, each of one class; flipped and shifted at random."""

    images: Images

    @property
    def count(self) -> int:
        """Images in an epoch."""
        return len(self.images.train)

    def batch(self, seed: int, step: int, size: int) -> tuple[Any, Any]:
        """Return the images of a step and their labels: each image once in an epoch."""
        import torch

        epoch, place = divmod(step, self.count // size)
        order = np.random.default_rng([seed, 1, epoch]).permutation(self.count)
        chosen = order[place * size : (place + 1) * size]
        varied = _varied(self.images.train[chosen], np.random.default_rng([seed, 2, step]))
        return torch.tensor(varied), torch.tensor(self.images.train_labels[chosen])

    def first(self, seed: int, size: int) -> list[Any]:
        """Return ten batches as they are."""
        import torch

        rng = np.random.default_rng([seed, 0])
        chosen = [rng.integers(self.count, size=size) for _ in range(10)]
        return [torch.tensor(self.images.train[some]) for some in chosen]

    def held_out(self) -> tuple[Any, Any]:
        """Return the first test images and their labels."""
        import torch

        return torch.tensor(self.images.test[:SCORED]), torch.tensor(self.images.test_labels[:SCORED])

    def canvases(self, seed: int, count: int, side: int) -> Array:
        """Return test images mirrored around, so that on a canvas of this side no border is near."""
        wide = max(0, side - SIDE)
        edges = (wide // 2, wide - wide // 2)
        chosen = self.images.test[(np.arange(count) + count * seed) % len(self.images.test)]
        return np.pad(chosen, ((0, 0), (0, 0), edges, edges), mode="symmetric")


def _varied(images: Array, rng: np.random.Generator) -> Array:
    """Return images flipped, or not, and shifted over a border of zeros."""
    count = len(images)
    around = np.pad(images, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    flips = rng.integers(2, size=count)
    shifts = rng.integers(2 * SHIFT + 1, size=(count, 2))
    parts = [
        one[:, y : y + SIDE, x : x + SIDE][..., :: -1 if flip else 1]
        for one, flip, (y, x) in zip(around, flips, shifts, strict=True)
    ]
    return np.stack(parts)


@dataclass(frozen=True)
class Segmentation:
    """Pictures with a label for each pixel, drawn anew for each step."""

    source: Source
    count: int = DENSE[0]
    crop: int = CROP
    scored: int = DENSE[1]

    def batch(self, seed: int, step: int, size: int) -> tuple[Any, Any]:
        """Return the pictures of a step and their labels."""
        return self._drawn(False, size, self.crop, [seed, 1, step])

    def first(self, seed: int, size: int) -> list[Any]:
        """Return ten batches."""
        return [self._drawn(False, size, self.crop, [seed, 0, i])[0] for i in range(10)]

    def held_out(self) -> tuple[Any, Any]:
        """Return held-out pictures and their labels."""
        return self._drawn(True, self.scored, self.crop, [0, 3])

    def canvases(self, seed: int, count: int, side: int) -> Array:
        """Return held-out pictures of this side."""
        found: Array = self._drawn(True, count, side, [seed, 4])[0].numpy()
        return found

    def _drawn(self, held_out: bool, size: int, side: int, seeds: list[int]) -> tuple[Any, Any]:
        import torch

        rng = np.random.default_rng(seeds)
        images, labels = zip(*(self.source(held_out, side, rng) for _ in range(size)), strict=True)
        return torch.tensor(np.stack(images)), torch.tensor(np.stack(labels))
