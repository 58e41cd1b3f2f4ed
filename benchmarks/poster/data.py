"""What the networks of panel f learn from: handwritten digits, CIFAR-10, and outlines to be filled."""

from __future__ import annotations

import numpy as np

from ..cifar.pictures import SIDE, Array, Images, cifar, standardised

__all__ = ["CLASSES", "SCENE", "SIDE", "Images", "cifar", "digits", "scenes"]

CLASSES = ("background", "disc", "square")
SCENE = 64


def digits() -> Images:
    """Return scikit-learn's bundled digits, 1797 of 8 x 8, interpolated to 32 x 32."""
    import torch
    from sklearn.datasets import load_digits

    found = load_digits()
    small = torch.tensor(found.images[:, None] / 16, dtype=torch.float32)
    large = torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bilinear").numpy()
    order = np.random.default_rng(0).permutation(len(large))
    cut = len(large) * 4 // 5
    return standardised("digits", large[order], found.target[order], cut)


def scenes(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return images of outlines and their labels: each pixel inside a ring or a square frame has its class.

    Images are (number, 1, 64, 64), labels (number, 64, 64). Inside, nothing tells the class but an edge that
    may be a dozen pixels away.
    """
    images = 0.3 * rng.standard_normal((count, 1, SCENE, SCENE)).astype(np.float32)
    labels = np.zeros((count, SCENE, SCENE), dtype=np.int64)
    rows, columns = np.mgrid[:SCENE, :SCENE]
    for image, label in zip(images, labels, strict=True):
        for _ in range(3):
            radius, kind = rng.uniform(6, 13), int(rng.integers(1, 3))
            y, x = rng.uniform(radius, SCENE - radius, 2)
            dy, dx = np.abs(rows - y), np.abs(columns - x)
            distance = np.hypot(dy, dx) if kind == 1 else np.maximum(dy, dx)
            inside = distance <= radius
            image[0][inside] = 0.3 * rng.standard_normal(int(inside.sum()))
            image[0][inside & (distance > radius - 1.5)] += 2
            label[inside] = kind
    return images, labels
