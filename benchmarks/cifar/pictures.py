"""CIFAR-10 as it is found: sheets of images with labels in JSON, the Python batches, or folders of PNGs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from erfmath._checks import is_index

Array = np.ndarray[Any, Any]
SIDE = 32
BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
LAYOUTS = "its Python version (data_batch_1 to 5), sheets (data_batch_1.png to 5), or train/CLASS/*.png"


@dataclass(frozen=True)
class Images:
    """Images of 32 x 32, floats of mean 0 and deviation 1 in (number, channel, row, column), with labels."""

    name: str
    train: Array
    train_labels: Array
    test: Array
    test_labels: Array


def cifar(folder: Path) -> Images:
    """Return CIFAR-10 from a folder, unpacked, in whichever of the three layouts it has.

    These are the Python batches (data_batch_1 to 5 and test_batch); sheets (the same names with .png, an
    image a row, and train_labels.json and test_labels.json); and one folder of PNGs a class, in train/ and
    test/.
    """
    for layout in (_sheets, _folders, _batches):
        found = layout(folder)
        if found is not None:
            train, test = found
            images = np.concatenate([train[0], test[0]]).astype(np.float32) / 255
            return standardised("CIFAR-10", images, np.concatenate([train[1], test[1]]), len(train[0]))
    raise FileNotFoundError(f"{folder} has no CIFAR-10: give a folder with {LAYOUTS}")


def standardised(name: str, images: Array, labels: Array, cut: int) -> Images:
    """Return images of mean 0 and deviation 1 over the training images, which are the first `cut`."""
    deviation = images[:cut].std()
    if not deviation:
        raise ValueError(
            f"all {images[:cut].size} values of {name}'s training images are alike: fetch it anew"
        )
    values = ((images - images[:cut].mean()) / deviation).astype(np.float32)
    return Images(name, values[:cut], labels[:cut], values[cut:], labels[cut:])


Labelled = tuple[Array, Array]
Layout = Callable[[Path], tuple[Labelled, Labelled] | None]


def _batches(folder: Path) -> tuple[Labelled, Labelled] | None:
    """Read the Python batches."""
    found = [_batch(folder / name) for name in (*BATCHES, TEST)]
    return _joined(found[:-1]), found[-1]


class _ForeignError(pickle.UnpicklingError):
    """A pickle names what a batch of images has no use for."""


class _PlainUnpickler(pickle.Unpickler):
    """Reads arrays and plain values, and runs nothing else that a pickle may name."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct", "ndarray", "dtype", "encode", "_frombuffer", "scalar"}
        if module.split(".")[0] in ("numpy", "_codecs") and name in allowed:
            return super().find_class(module, name)
        raise _ForeignError(f"{module}.{name} does not belong in a batch of images")


def _batch(path: Path) -> Labelled:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give a folder with CIFAR-10, {LAYOUTS}")
    try:
        with path.open("rb") as file:
            content = _PlainUnpickler(file, encoding="bytes").load()
        images = np.asarray(content[b"data"]).reshape(-1, 3, SIDE, SIDE)
    except _ForeignError:
        raise
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no batch of CIFAR-10 or is damaged: fetch it anew") from error
    return _labelled(images, content.get(b"labels", ()), path)


def _sheets(folder: Path) -> tuple[Labelled, Labelled] | None:
    """Read sheets whose rows are images; labels are counted through all training sheets."""
    if not (folder / f"{BATCHES[0]}.png").is_file():
        return None
    train = np.concatenate([_sheet(folder / f"{name}.png") for name in BATCHES])
    test = _sheet(folder / f"{TEST}.png")
    return _with_labels(train, folder, "train"), _with_labels(test, folder, "test")


def _sheet(path: Path) -> Array:
    pixels = picture(path)
    if pixels.shape[1] != SIDE * SIDE:
        raise ValueError(f"{path} is {pixels.shape[1]} pixels wide, not {SIDE * SIDE}: fetch it anew")
    return pixels.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2)


def _with_labels(images: Array, folder: Path, part: str) -> Labelled:
    """Add the labels from JSON; the package on npm spells their name 'lables'."""
    paths = [folder / f"{part}_{word}.json" for word in ("labels", "lables")]
    path = next((p for p in paths if p.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{paths[0]} is missing: put the labels there, or fetch the images anew")
    try:
        labels = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: fetch it anew") from error
    return _labelled(images, labels, path)


def _folders(folder: Path) -> tuple[Labelled, Labelled] | None:
    """Read one folder of PNGs a class; classes are counted in the order of their names."""
    parts = folder / "train", folder / "test"
    if not parts[0].is_dir():
        return None
    classes = sorted(path.name for path in parts[0].iterdir() if path.is_dir())
    if not classes:
        raise FileNotFoundError(f"{parts[0]} has no folders: give one a class, with its PNGs")
    if len(classes) > 10:
        raise ValueError(
            f"{parts[0]} has {len(classes)} folders, and CIFAR-10 ten classes: remove the others"
        )
    train, test = (_classes(part, classes) for part in parts)
    return train, test


def _classes(folder: Path, classes: Sequence[str]) -> Labelled:
    images, labels = [], []
    for label, name in enumerate(classes):
        paths = sorted((folder / name).glob("*.png"))
        if not paths:
            raise FileNotFoundError(f"{folder / name} has no PNGs: give each class some, in train/ and test/")
        for path in paths:
            pixels = picture(path)
            if pixels.shape[:2] != (SIDE, SIDE):
                raise ValueError(f"{path} is {pixels.shape[0]} x {pixels.shape[1]}, not {SIDE} x {SIDE}")
            images.append(pixels.transpose(2, 0, 1))
            labels.append(label)
    return np.stack(images), np.array(labels)


def picture(path: Path, mode: str = "RGB") -> Array:
    """Return the pixels of a picture as (row, column, colour), or as they are stored."""
    from PIL import Image

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: fetch the images anew")
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert(mode) if mode else opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no picture or is damaged: fetch it anew") from error


def _labelled(images: Array, labels: Any, path: Path) -> Labelled:
    found = np.asarray(labels if isinstance(labels, (list, np.ndarray)) else (), dtype=object)
    if len(found) != len(images):
        raise ValueError(f"{path} has {found.size} labels for {len(images)} images: fetch both anew")
    if found.ndim > 1 or not all(is_index(label) and 0 <= label <= 9 for label in found):
        raise ValueError(f"{path} has labels that are no integers from 0 to 9: fetch it anew")
    return images, found.astype(np.int64)


def _joined(parts: Sequence[Labelled]) -> Labelled:
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])
