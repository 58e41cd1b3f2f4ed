"""Fetch CIFAR-10, train the networks, read their fields, show what was found."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import fetch, pictured, summary
from .fields import readings
from .networks import Shape
from .pictures import Images, cifar
from .training import Course, checkpoints, train

SEEDS = 3
MEASURED = 128  # images of a reading
RATES = {True: 0.05, False: 0.025}
NUMBERS = Path("docs/cifar.json")


def courses(quick: bool) -> list[Course]:
    """Return what is trained: both networks, once a seed; in the quick form, small ones for a moment."""
    shapes = [Shape(residual, *((8, 3) if quick else ())) for residual in (True, False)]
    length = {"epochs": 1.0, "batch": 8} if quick else {}
    return [
        Course(shape, seed, rate=RATES[shape.residual], **length)
        for seed in range(1 if quick else SEEDS)
        for shape in shapes
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command says; what goes wrong with data is told in one line."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (OSError, ValueError, pickle.UnpicklingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def images(args: argparse.Namespace) -> Images:
    """Return CIFAR-10 from the folder that was named, or fetched; in the quick form its first images."""
    found = cifar(args.cifar or fetch.sheets(args.cache))
    if not args.quick:
        return found
    parts = {key: getattr(found, key)[:1600] for key in ("train", "train_labels", "test", "test_labels")}
    return replace(found, **parts)


def run_fetch(args: argparse.Namespace) -> None:
    """Fetch the images."""
    print(fetch.sheets(args.cache))


def run_train(args: argparse.Namespace) -> None:
    """Train those that are named, or all; on one thread, so that two can run side by side."""
    found = images(args)
    for course in _chosen(args):
        train(course, found, _home(args))


def run_read(args: argparse.Namespace) -> None:
    """Measure and foretell the fields at all checkpoints, and write the finished numbers."""
    found, count = images(args), 8 if args.quick else MEASURED
    read = []
    for course in _chosen(args):
        saved = checkpoints(_home(args) / course.name)
        if not saved:
            raise FileNotFoundError(f"{_home(args) / course.name} has no checkpoints: train it first")
        read += readings(course, saved, found, count)
    one = courses(args.quick)[0]
    schedule = f"{one.epochs:g} epochs, batches of {one.batch}, {one.shape.width} channels"
    summary.write(summary.finished(read, schedule), args.numbers)


def run_show(args: argparse.Namespace) -> None:
    """Print the tables and draw the figures from the finished numbers."""
    found = summary.load(args.numbers)
    print(f"{found['schedule']}\n\n{summary.fields_table(found)}\n\n{summary.causes_table(found)}\n")
    for name in summary.NAMES:
        factor, error = summary.growth(found, name)
        print(f"{name}: the size after training is {factor:.3f} ± {error:.3f} of that before")
    for draw, ending in ((pictured.fields, ""), (pictured.layers, "_layers")):
        path = args.numbers.with_name(f"{args.numbers.stem}{ending}.png")
        draw(found).savefig(path, dpi=100)
        print(path)


def run_all(args: argparse.Namespace) -> None:
    """Do all of it, one after the other."""
    for run in (run_train, run_read, run_show):
        run(args)


def _home(args: argparse.Namespace) -> Path:
    found: Path = args.cache / ("cifar-quick" if args.quick else "cifar")
    return found


def _chosen(args: argparse.Namespace) -> list[Course]:
    found = [course for course in courses(args.quick) if not args.only or course.name in args.only]
    if not found:
        names = ", ".join(course.name for course in courses(args.quick))
        raise ValueError(f"--only {' '.join(args.only)} names none of {names}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    runs = {"fetch": run_fetch, "train": run_train, "read": run_read, "show": run_show, "all": run_all}
    for name, run in runs.items():
        words = (run.__doc__ or "").rstrip(".")
        command = commands.add_parser(name, help=words[0].lower() + words[1:], description=words)
        command.set_defaults(run=run)
        command.add_argument("--cache", type=Path, default=fetch.cache(), metavar="DIR")
        command.add_argument("--cifar", type=Path, metavar="DIR", help="CIFAR-10 that you have, unpacked")
        command.add_argument("--only", nargs="+", default=(), metavar="NAME", help="such as residual-0")
        command.add_argument("--quick", action="store_true", help="small networks, for a moment")
        command.add_argument("--numbers", type=Path, default=NUMBERS, metavar="FILE", help="finished numbers")
    return parser


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)  # the maps are small; two trainings can run side by side
    raise SystemExit(main())
