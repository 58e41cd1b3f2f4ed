"""Fetch CIFAR-10, train the networks, read their fields, show what was found."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from pathlib import Path

from . import fetch, pictured, summary
from .camvid import CLASSES as CAMVID, camvid
from .fields import readings
from .lessons import Classification, Lessons, Segmentation
from .mosaics import mosaics
from .networks import CLASSES, Dense, Shape
from .pictures import Images, cifar
from .training import Checkpoint, Course, checkpoints, train

SEEDS = 3
MEASURED = 64  # images of a reading


def courses(quick: bool, classes: int = CLASSES) -> list[Course]:
    """Return what is trained: three networks, once a seed; in the quick form, small ones for a moment."""
    found = []
    for seed in range(1 if quick else SEEDS):
        if quick:
            shapes = (Shape(True, 8, 3), Shape(False, 8, 3), Dense((8, 8, 8), classes, 1))
            found += [Course(shape, seed, epochs=1.0, batch=8) for shape in shapes]
        else:
            found += [Course(Shape(True), seed), Course(Shape(False), seed, epochs=8.0)]
            found.append(Course(Dense(classes=classes), seed, batch=8))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command says; what goes wrong with data is told in one line."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except KeyboardInterrupt:
        print("stopped: the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    except ImportError as error:
        print(f"error: {error}: pip install 'erfmath[poster]'", file=sys.stderr)
        return 2
    except (OSError, ValueError, pickle.UnpicklingError) as error:
        print(f"error: {_words(error)}", file=sys.stderr)
        return 2
    return 0


def _words(error: Exception) -> str:
    """Return what went wrong; of a file that the system refuses, with a way out."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}: name another place with --cache DIR or --numbers FILE"
    return str(error)


class Data:
    """What the courses learn from, opened when it is asked for."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    @cached_property
    def images(self) -> Images:
        """CIFAR-10 from the folder that was named, or fetched; in the quick form its first images."""
        args = self.args
        found = cifar(args.cifar or fetch.sheets(args.cache))
        if not args.quick:
            return found
        parts = {key: getattr(found, key)[:1600] for key in ("train", "train_labels", "test", "test_labels")}
        return replace(found, **parts)

    @cached_property
    def pictures(self) -> Segmentation:
        """CamVid where it is named, else mosaics of CIFAR-10."""
        args = self.args
        source = camvid(args.camvid) if args.camvid else mosaics(self.images)
        return Segmentation(source, 40, 48, 4) if args.quick else Segmentation(source)

    def of(self, course: Course) -> Lessons:
        """Return what a course learns from."""
        return self.pictures if isinstance(course.shape, Dense) else Classification(self.images)


def run_fetch(args: argparse.Namespace) -> None:
    """Fetch the images."""
    print(fetch.sheets(args.cache))


def run_train(args: argparse.Namespace) -> None:
    """Train those that are named, or all; on one thread, so that two can run side by side."""
    data, chosen = Data(args), _chosen(args)
    _on_one_thread()
    for course in chosen:
        train(course, data.of(course), _home(args))


def run_read(args: argparse.Namespace) -> None:
    """Measure and foretell the fields at all checkpoints, and write the finished numbers."""
    data, read = Data(args), []
    trained = [(course, _saved(args, course)) for course in _chosen(args)]
    _on_one_thread()
    for course, saved in trained:
        count = MEASURED // (5 if isinstance(course.shape, Dense) else 1) // (8 if args.quick else 1)
        read += readings(course, saved, data.of(course), count)
    summary.write(summary.finished(read), args.numbers)


def _saved(args: argparse.Namespace, course: Course) -> list[Checkpoint]:
    """Return the checkpoints of a course, or raise where there are none."""
    folder = _home(args) / course.name
    saved = checkpoints(folder)
    if not saved:
        raise FileNotFoundError(f"{folder} has no checkpoints: train it first")
    return saved


def run_show(args: argparse.Namespace) -> None:
    """Print the tables and draw the figures from the finished numbers."""
    found = summary.load(args.numbers)
    print(f"{summary.fields_table(found)}\n\n{summary.causes_table(found)}\n")
    for name, kind in product(summary.names(found), ("measured", "magnitude")):
        for since in sorted({0.0, summary.narrowest(found, name, kind)}):
            print(summary.growth(found, name, since, kind))
    for draw, ending in ((pictured.fields, ""), (pictured.layers, "_layers")):
        path = args.numbers.with_name(f"{args.numbers.stem}{ending}.png")
        draw(found).savefig(path, dpi=100)
        print(path)


def run_all(args: argparse.Namespace) -> None:
    """Do all of it, one after the other."""
    for run in (run_train, run_read, run_show):
        run(args)


def _on_one_thread() -> None:
    """Let torch compute on one thread: the maps are small, and two trainings can run side by side."""
    import torch

    torch.set_num_threads(1)


def _home(args: argparse.Namespace) -> Path:
    found: Path = args.cache / ("camvid" if args.camvid else "cifar") / ("quick" if args.quick else "")
    return found


def _chosen(args: argparse.Namespace) -> list[Course]:
    known = courses(args.quick, len(CAMVID) if args.camvid else CLASSES)
    found = [course for course in known if not args.only or course.name in args.only]
    if not found:
        names = ", ".join(course.name for course in known)
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
        command.add_argument("--camvid", type=Path, metavar="DIR", help="CamVid, in place of mosaics")
        command.add_argument("--only", nargs="+", default=(), metavar="NAME", help="such as residual-0")
        command.add_argument("--quick", action="store_true", help="small networks, for a moment")
        command.add_argument(
            "--numbers", type=Path, default=summary.NUMBERS, metavar="FILE", help="finished numbers"
        )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
