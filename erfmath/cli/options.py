"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from ..laws.conventions import CONVENTIONS
from ..laws.rules import DEFINITIONS, PROFILES
from .arguments import parse_number, parse_pairs, parse_shape, parse_sides


def add_kernel(parser: argparse.ArgumentParser) -> None:
    """Add the kernel."""
    parser.add_argument("kernel", help="the kernel of one layer; see below")


def add_depths(parser: argparse.ArgumentParser) -> None:
    """Add the depths: numbers of layers in series."""
    parser.add_argument(
        "depths", nargs="+", metavar="depth", help="numbers of layers in series, such as 5 10 20 40"
    )


def add_definition(parser: argparse.ArgumentParser, usual: str = "threshold") -> None:
    """Add the definition of the effective field."""
    help_text = f"what counts as the effective field (default: {usual})"
    parser.add_argument("--definition", choices=DEFINITIONS, help=help_text)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the pixel that the threshold refers to, the profile, and the conventions that set all of these."""
    parser.add_argument(
        "--ref",
        choices=("centre", "max"),
        help="the pixel that the threshold refers to (default: centre)",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="mean: the impact itself; variance: the variance of the gradient with random weights; std: its "
        "square root (default: mean)",
    )
    parser.add_argument(
        "--share",
        help="the share of the impact that mass, square and radial hold; the threshold is what is left of 1 "
        "(default: 0.9545)",
    )
    parser.add_argument(
        "--as",
        dest="convention",
        choices=tuple(CONVENTIONS),
        help="whose effective field: profile, definition, reference and share of a paper or its script",
    )


def reading_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how an effective field is read, as options of the library."""
    given = {name: getattr(arguments, name, None) for name in ("definition", "ref", "profile", "convention")}
    given["share"] = None if arguments.share is None else parse_number(arguments.share, "--share")
    return {name: value for name, value in given.items() if value is not None}


def add_input_size(parser: argparse.ArgumentParser, adds: str) -> None:
    """Add the size of the input."""
    parser.add_argument(
        "--input-size", metavar="SIZE", help=f"size of the input, such as 224 or 224x160 ({adds})"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add what says how a model is read: its tensors, its input, the meaning of its operators."""
    parser.add_argument(
        "--output",
        metavar="TENSOR",
        help="read a model up to this tensor or submodule (default: its output)",
    )
    parser.add_argument(
        "--input", metavar="TENSOR", help="read a model from this tensor on (default: its only input)"
    )
    parser.add_argument(
        "--input-shape",
        metavar="SIDES",
        action="append",
        help="the shape of a model's input, such as 1,3,224,224; ? for the model's own or a usual side; once "
        "for each input of a PyTorch module",
    )
    parser.add_argument(
        "--space",
        metavar="AXES",
        help="the spatial axes of a model's input, such as 1,2 where its channels are last",
    )
    parser.add_argument(
        "--value",
        action="append",
        metavar="NAME=NUMBER",
        help="the value of another input of an ONNX file, such as sr=16000",
    )
    parser.add_argument(
        "--rule",
        action="append",
        metavar="NAME=LAYERS",
        help="what an operator means that is not known, such as MyConv=conv3x3p1, or MyRelu=id",
    )


def model_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how a model is read."""
    from ..formats.notation import parse_network  # the commands about kernels start without networks

    space = parse_sides(arguments.space, "--space")
    values = parse_pairs(arguments.value, "--value")
    rules = parse_pairs(arguments.rule, "--rule")
    return {
        "input": arguments.input,
        "input_shape": _shapes(arguments.input_shape),
        "space": space,
        "values": values and {name: parse_number(text, "--value") for name, text in values.items()},
        "rules": rules and {name: parse_network(text) for name, text in rules.items()},
    }


def _shapes(texts: list[str] | None) -> Any:
    """Return the shape of an input, or those of several."""
    shapes = tuple(parse_shape(text, "--input-shape") for text in texts or ())
    return shapes if len(shapes) > 1 else shapes[0] if shapes else None
