"""What the networks of panel f learn from: handwritten digits, CIFAR-10, and outlines to be filled."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
SIDE = 32
CLASSES = ("background", "disc", "square")
SCENE = 64


@dataclass(frozen=True)
class Images:
    """Images of 32 x 32, floats of mean 0 and deviation 1 in (number, channel, row, column), with labels."""

    name: str
    train: Array
    train_labels: Array
    test: Array
    test_labels: Array


def digits() -> Images:
    """Return scikit-learn's bundled digits, 1797 of 8 x 8, interpolated to 32 x 32."""
    import torch
    from sklearn.datasets import load_digits

    found = load_digits()
    small = torch.tensor(found.images[:, None] / 16, dtype=torch.float32)
    large = torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bilinear").numpy()
    order = np.random.default_rng(0).permutation(len(large))
    cut = len(large) * 4 // 5
    return _standardised("digits", large[order], found.target[order], cut)


def cifar(folder: Path) -> Images:
    """Return CIFAR-10 from the folder of its Python batches: data_batch_1 to 5 and test_batch."""
    batches = [_batch(folder / name) for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
    images = np.concatenate([data for data, _ in batches]).astype(np.float32) / 255
    labels = np.concatenate([labels for _, labels in batches])
    return _standardised("CIFAR-10", images, labels, len(images) - len(batches[-1][0]))


class _PlainUnpickler(pickle.Unpickler):
    """Reads arrays and plain values, and runs nothing else that a pickle may name."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct", "ndarray", "dtype", "encode", "_frombuffer", "scalar"}
        if module.split(".")[0] in ("numpy", "_codecs") and name in allowed:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a batch of images")


def _batch(path: Path) -> tuple[Array, Array]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder of CIFAR-10's Python version, unpacked")
    with path.open("rb") as file:
        content = _PlainUnpickler(file, encoding="bytes").load()
    return np.asarray(content[b"data"]).reshape(-1, 3, SIDE, SIDE), np.asarray(content[b"labels"])


def _standardised(name: str, images: Array, labels: Array, cut: int) -> Images:
    values = ((images - images[:cut].mean()) / images[:cut].std()).astype(np.float32)
    return Images(name, values[:cut], labels[:cut], values[cut:], labels[cut:])


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
