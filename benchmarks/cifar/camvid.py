"""CamVid where the user has it: frames of a drive, and the class of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .pictures import Array, picture

VOID = -100  # a pixel that has no class; what torch's cross entropy leaves out
CLASSES = {
    "Sky": ((128, 128, 128),),
    "Building": ((192, 0, 128), (0, 128, 64), (128, 0, 0), (64, 0, 64), (64, 192, 0)),
    "Pole": ((192, 192, 128), (0, 0, 64)),
    "Road": ((128, 0, 192), (192, 0, 64), (128, 64, 128)),
    "Pavement": ((64, 192, 128), (128, 128, 192), (0, 0, 192)),
    "Tree": ((128, 128, 0), (192, 192, 0)),
    "SignSymbol": ((128, 128, 64), (192, 128, 128), (0, 64, 64)),
    "Fence": ((64, 64, 128),),
    "Car": ((64, 0, 128), (128, 64, 64), (64, 128, 192), (192, 64, 128), (192, 128, 192)),
    "Pedestrian": ((64, 128, 64), (64, 0, 192), (192, 128, 64), (64, 64, 0)),
    "Bicyclist": ((0, 128, 192), (192, 0, 192)),
}
"""CamVid's 32 colours in the eleven groups that are usual; what is not here is void."""
TESTED = "Seq05VD"  # the drive whose frames are held out where there is no test/


@dataclass(frozen=True)
class CamVid:
    """The frames of CamVid and their labels, as paths."""

    train: list[tuple[Path, Path]]
    test: list[tuple[Path, Path]]

    def __call__(self, held_out: bool, side: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a square cut from a random frame at a random place, mirrored around where it is larger."""
        frames = self.test if held_out else self.train
        image, labels = frame(*frames[int(rng.integers(len(frames)))])
        missing = [max(0, side - n) for n in labels.shape]
        pads = [(n // 2, n - n // 2) for n in missing]
        image = np.pad(image, ((0, 0), *pads), mode="symmetric")
        labels = np.pad(labels, pads, mode="symmetric")
        y, x = (int(rng.integers(n - side + 1)) for n in labels.shape)
        return image[:, y : y + side, x : x + side], labels[y : y + side, x : x + side]


def camvid(folder: Path) -> CamVid:
    """Return CamVid from a folder: SegNet's (train/, trainannot/, test/, testannot/), or the colours'.

    The latter are 701_StillsRaw_full and LabeledApproved_full, whose labels end in _L.
    """
    if (folder / "train").is_dir():
        return CamVid(
            _frames(folder / "train", folder / "trainannot"), _frames(folder / "test", folder / "testannot")
        )
    if (folder / "701_StillsRaw_full").is_dir():
        found = _frames(folder / "701_StillsRaw_full", folder / "LabeledApproved_full", "_L")
        parts = [
            [pair for pair in found if pair[0].name.startswith(TESTED) == held] for held in (False, True)
        ]
        if not all(parts):
            raise ValueError(f"{folder} needs frames of {TESTED}, to be held out, and of other drives")
        return CamVid(*parts)
    raise FileNotFoundError(
        f"{folder} has no CamVid: give a folder with train/ and trainannot/, or with 701_StillsRaw_full/ and "
        "LabeledApproved_full/"
    )


def _frames(images: Path, labels: Path, ending: str = "") -> list[tuple[Path, Path]]:
    found = [(path, labels / f"{path.stem}{ending}.png") for path in sorted(images.glob("*.png"))]
    if not found:
        raise FileNotFoundError(f"{images} has no PNGs: unpack CamVid anew")
    for _, path in found:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: unpack CamVid anew, or remove its picture")
    return found


def frame(image: Path, labels: Path) -> tuple[Array, Array]:
    """Return a picture as floats about 0, (colour, row, column), and the class of each pixel or VOID."""
    pixels, found = picture(image), picture(labels, "")
    classes = (
        _from_colours(found) if found.ndim == 3 else np.where(found < len(CLASSES), found.astype(int), VOID)
    )
    if classes.shape != pixels.shape[:2]:
        raise ValueError(
            f"{labels} is {classes.shape}, and its picture {pixels.shape[:2]}: unpack CamVid anew"
        )
    if (classes == VOID).all():
        raise ValueError(f"{labels} has no pixel of any class of CamVid: unpack its labels anew")
    return (pixels.transpose(2, 0, 1).astype(np.float32) - 128) / 64, classes.astype(np.int64)


def _from_colours(found: Array) -> Array:
    codes = found[..., :3].astype(np.int64) @ (65536, 256, 1)
    classes = np.full(codes.shape, VOID)
    for number, colours in enumerate(CLASSES.values()):
        for colour in colours:
            classes[codes == np.dot(colour, (65536, 256, 1))] = number
    return classes
