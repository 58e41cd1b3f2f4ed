"""Panel f: the effective field before and after training.

A small ResNet learns to tell digits (scikit-learn's) or, with ``--cifar DIR``, CIFAR-10's images; a small
encoder-decoder learns to fill outlines, where a pixel's class shows only at the edge around it. The field at
initialisation is the theory's. What training makes of it is no theorem: the paper saw it grow in larger
networks on CIFAR-10 and CamVid, and on the two small tasks here it does not; ``benchmarks.cifar`` is longer.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.gradients import measure

from ..learning import calibrate, descent, score
from ..measure import markdown, progress
from . import data, networks
from .draw import GREY, new_figure, outline
from .report import Report, parser, show

CANVAS = 64
BATCH = 32


@dataclass(frozen=True)
class Task:
    """What is learnt: a network, batches to learn from, images to measure on, and a score.

    `features` and `head` are made anew for each seed; `theory` is the law of the gradient's variance at
    initialisation; `losses` yields what to minimise; `score` is the accuracy.
    """

    name: str
    make: Callable[[], tuple[Any, Any]]
    theory: em.Node
    batch: Callable[[np.random.Generator], tuple[Any, Any]]
    canvas: Callable[[int], Any]
    held_out: Callable[[], tuple[Any, Any]]
    steps: int


@dataclass(frozen=True)
class Outcome:
    """The fields of a task before and after training, means over networks."""

    name: str
    theory: em.JointDistribution
    before: em.JointDistribution
    after: em.JointDistribution
    scores: tuple[float, float]
    steps: int

    def numbers(self) -> dict[str, Any]:
        """Return the results for JSON."""
        laws = {"theory": self.theory, "before": self.before, "after": self.after}
        return {
            "task": self.name,
            "steps": self.steps,
            "accuracy_before": self.scores[0],
            "accuracy_after": self.scores[1],
            "theoretical_field": em.effective_field(self.theory, ref="max").field_size,
            **{f"effective_{key}": size_of(law) for key, law in laws.items()},
            **{f"std_{key}": float(np.sqrt(np.mean(law.var()))) for key, law in laws.items()},
        }


def size_of(law: em.JointDistribution) -> float:
    """Return the effective size, of the mass: a trained map has no smooth peak to count from."""
    return em.effective_field(law, "mass").size


def classification(images: data.Images, quick: bool) -> Task:
    """Return the task of telling images of ten classes."""
    import torch

    width = 8 if quick else 16
    channels = images.train.shape[1]

    def batch(rng: np.random.Generator) -> tuple[Any, Any]:
        chosen = rng.integers(len(images.train), size=BATCH)
        return torch.tensor(images.train[chosen]), torch.tensor(images.train_labels[chosen])

    def canvas(run: int) -> Any:
        chosen = np.arange(run * 4, run * 4 + 4) % len(images.test)
        edge = (CANVAS - data.SIDE) // 2  # mirrored around, so that no border is near
        return np.pad(images.test[chosen], ((0, 0), (0, 0), (edge, edge), (edge, edge)), mode="symmetric")

    def held_out() -> tuple[Any, Any]:
        return torch.tensor(images.test[:1000]), torch.tensor(images.test_labels[:1000])

    epochs = (1.2 if quick else 8) if images.name == "digits" else (0.05 if quick else 2)
    steps = round(epochs * len(images.train) / BATCH)
    theory = networks.resnet_variance()
    make = lambda: networks.resnet(channels, width)  # noqa: E731
    return Task(f"ResNet, {images.name}", make, theory, batch, canvas, held_out, steps)


def segmentation(quick: bool) -> Task:
    """Return the task of filling outlines by their class."""
    import torch

    width = 6 if quick else 12

    def tensors(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
        images, labels = data.scenes(count, rng)
        return torch.tensor(images), torch.tensor(labels)

    return Task(
        "encoder-decoder, outlines",
        lambda: networks.encoder_decoder(1, [width << level for level in range(3)], len(data.CLASSES)),
        networks.encoder_decoder_variance(),
        lambda rng: tensors(BATCH // 2, rng),
        lambda run: data.scenes(4, np.random.default_rng([1, run]))[0],
        lambda: tensors(64, np.random.default_rng(2)),
        60 if quick else 500,
    )


def outcome(task: Task, quick: bool, seed: int) -> Outcome:
    """Train one network, or two, and measure each before and after."""
    import torch

    seeds = [seed] if quick else [seed, seed + 1]
    maps: dict[str, list[Any]] = {"before": [], "after": []}
    scores = []
    with torch.random.fork_rng(devices=[]):
        for number in seeds:
            torch.manual_seed(number)
            features, head = task.make()
            rng = np.random.default_rng([number, 0])
            calibrate(features, (task.batch(rng)[0] for _ in range(10)))
            found = [score(features, head, *task.held_out())]
            maps["before"].append(impact(task, features, quick))
            progress(f"{task.name}, network {number}: {task.steps} steps ...")
            train(task, features, head, number)
            found.append(score(features, head, *task.held_out()))
            maps["after"].append(impact(task, features, quick))
            scores.append(found)
    unit = middle(features)
    theory = em.distribution(task.theory, at=unit, input_size=(CANVAS, CANVAS))
    before, after = (em.JointDistribution(sum(maps[key]) / len(seeds)) for key in ("before", "after"))
    means = np.mean(scores, axis=0)
    return Outcome(task.name, theory, before, after, (float(means[0]), float(means[1])), task.steps)


def middle(features: Any) -> tuple[int, int]:
    """Return the middle unit of the map that features make of a canvas."""
    import torch

    channels = next(features.parameters()).shape[1]
    with torch.no_grad():
        sides = features(torch.zeros(1, channels, CANVAS, CANVAS)).shape[2:]
    return sides[0] // 2, sides[1] // 2


def impact(task: Task, features: Any, quick: bool) -> Any:
    """Return the map of the middle unit's squared gradient over a canvas, of sum 1."""
    features.eval()
    measured = measure(features, inputs=task.canvas, runs=16 if quick else 100, rng=0, progress=False)
    whole = np.zeros((CANVAS, CANVAS))
    (top, left), (tall, wide) = measured.offset, measured.map.shape
    whole[top : top + tall, left : left + wide] = measured.map
    return whole / whole.sum()


def train(task: Task, features: Any, head: Any, seed: int) -> None:
    """Train by stochastic gradient descent with momentum and a cosine schedule."""
    import torch

    rng = np.random.default_rng([seed, 1])
    parameters = [*features.parameters(), *head.parameters()]
    optimizer, schedule = descent(parameters, task.steps, rate=0.05)
    features.train()
    for _ in range(task.steps):
        x, labels = task.batch(rng)
        loss = torch.nn.functional.cross_entropy(head(features(x)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def opened(arguments: argparse.ArgumentParser, folder: Path | None) -> data.Images | None:
    """Return CIFAR-10 from a folder, None for none; what is wrong with it is told in one line."""
    try:
        return None if folder is None else data.cifar(folder)
    except (OSError, ValueError, pickle.UnpicklingError) as error:
        arguments.error(str(error))


def panel(quick: bool = False, seed: int = 0, images: data.Images | None = None) -> Report:
    """Train both networks, on digits where no images are given."""
    tasks = [classification(images or data.digits(), quick), segmentation(quick)]
    outcomes = [outcome(task, quick, seed) for task in tasks]
    found = [o.numbers() for o in outcomes]
    text = (
        f"{outcomes_table(found)}\n\nThe theory is that of random weights, before training; sizes by mass "
        f"(95.45 %). {'; '.join(map(change, found))}."
    )
    title = "f. Training: the effective field of the middle unit before and after"
    return Report("f_training", title, text, {"tasks": found}, picture(outcomes))


def change(numbers: dict[str, Any]) -> str:
    """Return by how much training has changed a field."""
    ratio = numbers["effective_after"] / numbers["effective_before"]
    return f"{numbers['task']}: {100 * (ratio - 1):+.0f} % by training"


def outcomes_table(found: Sequence[dict[str, Any]]) -> str:
    """Return the fields in theory, before and after, as sizes and as standard deviations."""
    kinds = ("theory", "before", "after")
    sizes = [f"{what}, {kind}" for what in ("ERF", "std") for kind in kinds]
    header = ("network", "steps", "accuracy", "field", *sizes)
    rows = [
        (
            n["task"],
            str(n["steps"]),
            f"{n['accuracy_before']:.3f} -> {n['accuracy_after']:.3f}",
            f"{n['theoretical_field']:.0f}",
            *(f"{n[f'effective_{kind}']:.2f}" for kind in kinds),
            *(f"{n[f'std_{kind}']:.2f}" for kind in kinds),
        )
        for n in found
    ]
    return markdown(header, rows)


def picture(outcomes: Sequence[Outcome]) -> Any:
    """Draw the theory, and what was measured before and after."""
    figure = new_figure(9.6, 6.4)
    for row, found in zip(figure.subplots(len(outcomes), 3), outcomes, strict=True):
        laws = (found.theory, found.before, found.after)
        before, after = found.scores
        titles = (
            "theory at initialisation",
            f"before: accuracy {before:.2f}",
            f"after: accuracy {after:.2f}",
        )
        row[0].set_ylabel(found.name, fontsize=10)
        for ax, law, title in zip(row, laws, titles, strict=True):
            draw_law(ax, law)
            ax.set_title(title, fontsize=10)
    figure.suptitle("Impact (square root) on an input of 64 x 64; red: the effective field, by mass")
    return figure


def draw_law(ax: Any, law: em.JointDistribution) -> None:
    """Draw a law on the canvas with its effective field."""
    field = em.effective_field(law, "mass")
    (top, bottom), (left, right) = law.support()
    shades = np.sqrt(law.probabilities() / law.probabilities().max())
    edges = (left - 0.5, right + 0.5, bottom + 0.5, top - 0.5)
    ax.imshow(shades, extent=edges, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    outline(ax, field.mask, ((top + bottom + 1) / 2, (left + right + 1) / 2))
    ax.set(xlim=(-0.5, CANVAS - 0.5), ylim=(CANVAS - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_xlabel(f"side {field.size:.1f}", fontsize=9)
    for spine in ax.spines.values():
        spine.set(color=GREY)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the panel as a script."""
    arguments = parser(".f_training", (__doc__ or "").split("\n")[0])
    arguments.add_argument("--cifar", type=Path, metavar="DIR", help="CIFAR-10, unpacked")
    args = arguments.parse_args(argv)
    show(panel, args.quick, args.out, args.seed, images=opened(arguments, args.cifar))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
