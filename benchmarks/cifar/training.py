"""Training in steps that can be broken off: each checkpoint holds all that the next step needs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..learning import calibrate, descent, score
from ..measure import progress
from .networks import Shape
from .pictures import SIDE, Array, Images

SHIFT = 4  # pixels by which training images are shifted at most
SCORED = 2000  # test images that tell the accuracy at a checkpoint


@dataclass(frozen=True)
class Course:
    """How a network is trained.

    Attributes
    ----------
    shape
        The network.
    seed
        Of the weights, the order of the images, and their flips and shifts.
    epochs
        Passes through the training images.
    rate
        The largest learning rate; it rises over a tenth of the steps and falls on half a cosine.
    batch
        Images a step.
    """

    shape: Shape
    seed: int
    epochs: float = 2.0
    rate: float = 0.05
    batch: int = 32

    @property
    def name(self) -> str:
        """The name of the folder of its checkpoints."""
        return f"{self.shape.name}-{self.seed}"

    def steps(self, images: int, epochs: float | None = None) -> int:
        """Return the steps in so many epochs of that many images, all by default."""
        return round((self.epochs if epochs is None else epochs) * (images // self.batch))

    def marks(self, images: int) -> dict[int, float]:
        """Return the steps behind which a checkpoint is kept, with their epochs: denser at the start."""
        early = [0, 1 / 16, 1 / 8, 1 / 4]
        epochs = [e for e in (*early, *np.arange(1, 2 * self.epochs) / 2) if e < self.epochs]
        marks: dict[int, float] = {}
        for epoch in (*epochs, self.epochs):
            marks.setdefault(self.steps(images, epoch), float(epoch))
        return marks


@dataclass(frozen=True)
class Checkpoint:
    """A state on disk."""

    path: Path
    step: int

    def load(self) -> dict[str, Any]:
        """Return what was saved: the network, the optimiser, the epoch and the accuracy."""
        import torch

        found: dict[str, Any] = torch.load(self.path, weights_only=True)
        return found


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Return what a folder holds, first to last."""
    return [Checkpoint(path, int(path.stem.split("_")[1])) for path in sorted(folder.glob("step_*.pt"))]


def train(course: Course, images: Images, home: Path) -> list[Checkpoint]:
    """Train a network, from its last checkpoint on where there is one; return all checkpoints.

    Each step draws from a generator of its own, so that a training that was broken off ends as another.
    """
    import torch

    folder = home / course.name
    _same(course, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed)
        features, head = (part.to(memory_format=torch.channels_last) for part in course.shape.build())
    count = len(images.train)
    if count < course.batch:
        raise ValueError(f"{count} training images do not fill a batch of {course.batch}: give more")
    steps, marks = course.steps(count), course.marks(count)
    both = torch.nn.ModuleList([features, head])
    optimizer, schedule = descent(both.parameters(), steps, course.rate, warmup=max(1, steps // 10))
    saved = checkpoints(folder)
    if saved:
        state = saved[-1].load()
        for part, key in ((both, "network"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(state[key])
    else:
        rng = np.random.default_rng([course.seed, 0])
        chosen = (rng.integers(count, size=course.batch) for _ in range(10))
        calibrate(features, (torch.tensor(images.train[some]) for some in chosen))
    for step in range(saved[-1].step if saved else 0, steps + 1):
        if step in marks and (not saved or step > saved[-1].step):
            accuracy = score(features, head, *held_out(images, SCORED))
            progress(f"{course.name}, epoch {marks[step]:g}: accuracy {accuracy:.3f}")
            states = {"network": both, "optimizer": optimizer, "schedule": schedule}
            content = {key: part.state_dict() for key, part in states.items()}
            _save({**content, "epoch": marks[step], "accuracy": accuracy}, folder / f"step_{step:06d}.pt")
        if step < steps:
            _step(both, optimizer, *_batch(course, images, step))
            schedule.step()
    return checkpoints(folder)


def held_out(images: Images, count: int) -> tuple[Any, Any]:
    """Return the first test images and their labels, as tensors."""
    import torch

    return torch.tensor(images.test[:count]), torch.tensor(images.test_labels[:count])


def _step(both: Any, optimizer: Any, x: Any, labels: Any) -> None:
    """Take one step, in bfloat16 where that is safe: three times faster on two cores."""
    import torch

    both.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = both[1](both[0](x))
    loss = torch.nn.functional.cross_entropy(logits.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _batch(course: Course, images: Images, step: int) -> tuple[Any, Any]:
    """Return the images of a step, flipped and shifted at random, and their labels."""
    import torch

    epoch, place = divmod(step, len(images.train) // course.batch)
    order = np.random.default_rng([course.seed, 1, epoch]).permutation(len(images.train))
    chosen = order[place * course.batch : (place + 1) * course.batch]
    varied = _varied(images.train[chosen], np.random.default_rng([course.seed, 2, step]))
    x = torch.tensor(varied).contiguous(memory_format=torch.channels_last)
    return x, torch.tensor(images.train_labels[chosen])


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


def _same(course: Course, folder: Path) -> None:
    """Write down the course beside its checkpoints, or refuse to mix two."""
    folder.mkdir(parents=True, exist_ok=True)
    path, wanted = folder / "course.json", asdict(course)
    if not path.exists():
        path.write_text(json.dumps(wanted, indent=1) + "\n")
    elif json.loads(path.read_text()) != wanted:
        raise ValueError(f"{path} tells of another training: give another folder, or remove this one")


def _save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, which appears under its name when it is whole."""
    import torch

    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)
