"""Mosaics of CIFAR-10's images, with a label for each pixel: not CamVid, but a dense task that can be had."""

from __future__ import annotations

import numpy as np

from .lessons import Source
from .pictures import SIDE, Array, Images

SCALES = (32, 48, 64, 96)  # sides of the tiles of a mosaic
GROUND = 128  # side of the tiles that cover it first


def mosaic(images: Array, labels: Array, side: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return a square of images laid over each other at random places and scales, and each pixel's class.

    Large tiles cover all; smaller ones lie on them, twice as many pixels in sum as the square has.
    """
    made, classes = np.empty((3, side, side), np.float32), np.empty((side, side), np.int64)
    start = rng.integers(-GROUND, 1, size=2)
    corners = [(y, x, GROUND) for y in range(start[0], side, GROUND) for x in range(start[1], side, GROUND)]
    area = 0
    while area < 2 * side * side:
        wide = int(rng.choice(SCALES))
        y, x = rng.integers(-wide // 2, side - wide // 2, size=2)
        corners.append((int(y), int(x), wide))
        area += wide * wide
    for y, x, wide in corners:
        number = int(rng.integers(len(images)))
        tall = slice(max(0, y), min(side, y + wide)), slice(max(0, x), min(side, x + wide))
        inside = tuple(slice(s.start - a, s.stop - a) for s, a in zip(tall, (y, x), strict=True))
        made[:, *tall] = _scaled(images[number], wide)[:, *inside]
        classes[tall] = labels[number]
    return made, classes


def _scaled(image: Array, wide: int) -> Array:
    if wide == SIDE:
        return image
    import torch

    large = torch.nn.functional.interpolate(torch.tensor(image[None]), (wide, wide), mode="bilinear")
    found: Array = large.numpy()[0]
    return found


def mosaics(images: Images) -> Source:
    """Return what draws a mosaic of a side, of training images or of those held out."""

    def draw(held_out: bool, side: int, rng: np.random.Generator) -> tuple[Array, Array]:
        parts = (images.test, images.test_labels) if held_out else (images.train, images.train_labels)
        return mosaic(*parts, side, rng)

    return draw
