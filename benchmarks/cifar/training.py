"""Training in steps that can be broken off: each checkpoint holds all that the next step needs."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..learning import calibrate, descent, score
from ..measure import progress
from .lessons import Lessons
from .networks import Dense, Shape


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

    shape: Shape | Dense
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
        """Return the steps behind which a checkpoint is kept, with their epochs: halves, and a quarter."""
        epochs = [e for e in (0, 0.25, *np.arange(1, 2 * self.epochs) / 2) if e < self.epochs]
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

        try:
            found: dict[str, Any] = torch.load(self.path, weights_only=True)
        except (RuntimeError, ValueError, EOFError, LookupError, pickle.UnpicklingError) as error:
            raise self.damaged() from error
        return found

    def damaged(self) -> ValueError:
        """Return the error of a file that holds no state of its course."""
        return ValueError(
            f"{self.path} is no checkpoint of its course or is damaged: remove it and `train`, "
            "which goes on from the one before"
        )


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Return what a folder holds, first to last."""
    paths = [path for path in sorted(folder.glob("step_*.pt")) if path.stem[5:].isdecimal()]
    return [Checkpoint(path, int(path.stem[5:])) for path in paths]


def train(course: Course, lessons: Lessons, home: Path) -> list[Checkpoint]:
    """Train a network, from its last checkpoint on where there is one; return all checkpoints.

    Each step draws from a generator of its own, so that a training that was broken off ends as another.
    """
    if lessons.count < course.batch:
        raise ValueError(f"{lessons.count} training images do not fill a batch of {course.batch}: give more")
    folder = home / course.name
    _same(course, folder)
    pupil, saved = _Pupil(course, lessons), checkpoints(folder)
    if saved:
        pupil.restore(saved[-1])
    else:
        calibrate(pupil.network[0], lessons.first(course.seed, course.batch))
    start = saved[-1].step if saved else -1
    steps, marks = course.steps(lessons.count), course.marks(lessons.count)
    for step in range(max(0, start), steps + 1):
        if step in marks and step > start:
            pupil.save(folder / f"step_{step:06d}.pt", marks[step])
        if step < steps:
            pupil.learn(step)
    return checkpoints(folder)


class _Pupil:
    """A network with what changes it."""

    def __init__(self, course: Course, lessons: Lessons) -> None:
        import torch

        self.course, self.lessons = course, lessons
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(course.seed)
            parts = course.shape.build()
        self.network = torch.nn.ModuleList(parts).to(memory_format=torch.channels_last)
        steps = course.steps(lessons.count)
        found = descent(self.network.parameters(), steps, course.rate, warmup=max(1, steps // 10))
        self.optimizer, self.schedule = found

    @property
    def _states(self) -> dict[str, Any]:
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}

    def restore(self, saved: Checkpoint) -> None:
        """Go back to what was saved."""
        content = saved.load()
        try:
            for key, part in self._states.items():
                part.load_state_dict(content[key])
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            raise saved.damaged() from error

    def save(self, path: Path, epoch: float) -> None:
        """Write a checkpoint, which appears under its name when it is whole."""
        import torch

        accuracy = score(*self.network, *self.lessons.held_out())
        progress(f"{self.course.name}, epoch {epoch:g}: accuracy {accuracy:.3f}")
        content = {key: part.state_dict() for key, part in self._states.items()}
        partial = path.with_suffix(".partial")
        torch.save({**content, "epoch": epoch, "accuracy": accuracy}, partial)
        os.replace(partial, path)

    def learn(self, step: int) -> None:
        """Take one step, in bfloat16 where that is safe: three times faster on two cores."""
        import torch

        x, labels = self.lessons.batch(self.course.seed, step, self.course.batch)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            features = self.network[0](x.contiguous(memory_format=torch.channels_last))
            logits = self.network[1](features)
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()


def _same(course: Course, folder: Path) -> None:
    """Write down the course beside its checkpoints, or refuse to mix two."""
    folder.mkdir(parents=True, exist_ok=True)
    path, wanted = folder / "course.json", json.dumps(asdict(course), indent=1) + "\n"
    if not path.exists():
        path.write_text(wanted)
    elif path.read_bytes().splitlines() != wanted.encode().splitlines():
        raise ValueError(f"{path} tells of another training: give another folder, or remove this one")
