"""``erfmath check``: whether a network meets conditions."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
from collections.abc import Callable
from typing import Any

from ..laws.conventions import CONVENTIONS
from ..laws.rules import DEFINITIONS, PROFILES
from ..report.conditions import checked
from .arguments import NETWORKS, parse_count, parse_number, parse_rate, parse_sides
from .options import add_input_size, add_model, model_options
from .settings import settings

NOTATION = (
    """\
conditions in a pyproject.toml, which options on the command line replace:
  [tool.erfmath]
  model = "mypackage.models:unet"      read where the command names none
  input-shape = [1, 1, 128, 128]
  halo = 48                            at least what tiles need, on the network's grid
  field = [200, 400]                   from 200 to 400; 200 or "200.." for at least, "..400" for at most
  lookahead = 0
  delay = "40 ms"                      with rate = 16000

"""
    + NETWORKS
)
EXAMPLES = """\
  erfmath check resnet18 --halo 224 --field 400..
  erfmath check "conv3causal*4" --lookahead 0 --effective 3..9
  erfmath check vocoder.onnx --rate 16k --causal --delay 40ms --field 100ms..
  erfmath check mypackage.models:unet --input-shape 1,1,128,128 --halo 48
  erfmath check"""

# The options that are conditions: what each is of, and its reader.
_OPTIONS: dict[str, tuple[str, str]] = {
    "halo": ("SAMPLES", "tiles with this halo equal the whole: such as 48, or 48x32"),
    "lookahead": ("SAMPLES", "reads at most so many samples ahead along time, or 2ms with --rate"),
    "delay": ("SAMPLES", "has at most this algorithmic delay, such as 640, or 40ms with --rate"),
    "field": (
        "RANGE",
        "size of the theoretical field, such as 200.., ..400 or 200..400; 200 for at least; or 1s.. with "
        "--rate",
    ),
    "effective": ("RANGE", "side of the effective field, likewise"),
    "stride": ("SAMPLES", "input samples from one unit to the next"),
    "memory": ("BYTES", "the buffers of a stream take at most so much, such as 65536 or 64kB"),
}
_FLAGS = ("causal", "covered")
_IN_FILES = ("input", "input_shape", "space", "input_size", "output", "ndim")
_READING = (*_IN_FILES, "values", "rules")
_HOW = ("definition", "profile", "convention")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="*", help="a name, layers, a file or a PyTorch module; see below")
    for name, (unit, text) in _OPTIONS.items():
        parser.add_argument(f"--{name}", metavar=unit, help=text)
    parser.add_argument("--covered", action="store_const", const=True, help="the field has no holes")
    parser.add_argument(
        "--causal",
        action="store_const",
        const=True,
        help="no unit reads beyond its own frame: one sample, or what strides work on at a time",
    )
    parser.add_argument(
        "--rate", metavar="HERTZ", help="samples of the input per second, such as 16k, for durations"
    )
    parser.add_argument("--axis", help="the axis that is time, from 0 on (default: the only one)")
    parser.add_argument("--definition", choices=DEFINITIONS, help="what counts as the effective field")
    parser.add_argument("--profile", choices=PROFILES, help="whose effective field")
    parser.add_argument(
        "--as",
        "--convention",
        dest="convention",
        choices=tuple(CONVENTIONS),
        help="whose effective field: all of these as a paper or its script has them",
    )
    parser.add_argument("--ndim", help="number of axes of layers such as conv3 (default: 1)")
    parser.add_argument("--config", metavar="FILE.toml", help="its [tool.erfmath] (default: pyproject.toml)")
    add_input_size(parser, "default: a model's own, or a usual one")
    add_model(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints; where a condition fails the command exits with 1."""
    known, folder = settings(
        arguments.config, (*_OPTIONS, *_FLAGS, "axis", "rate", "model", *_IN_FILES, *_HOW)
    )
    named = " ".join(arguments.network)
    model = named or known.get("model")
    if known.pop("model", model) != model:
        known = {}  # which are about another network
    asked = known | _given(arguments)
    if not isinstance(model, str) or not model.strip():
        raise ValueError("no network is given: name one, or a model in [tool.erfmath] of pyproject.toml")
    conditions = {name: _plain(name, asked[name]) for name in (*_OPTIONS, *_FLAGS) if name in asked}
    how = {name: asked[name] for name in _HOW if name in asked}
    reading = {name: _listed(asked[name]) for name in _READING if name in asked}
    with contextlib.nullcontext() if named else contextlib.chdir(folder):
        found = checked(model, conditions, asked.get("axis"), _rate(asked.get("rate")), how, reading)
    arguments.exit_code = 0 if all(condition.holds for condition in found) else 1
    if arguments.json:
        return json.dumps({"model": model, "conditions": [vars(c) for c in found]}, indent=2)
    return "\n".join(map(str, found))


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the command line has."""
    readers: dict[str, Callable[[str, str], Any]] = {
        "halo": parse_sides,
        "stride": parse_sides,
        "input_size": parse_sides,
        "axis": parse_count,
        "ndim": parse_count,
    }
    names = (*_OPTIONS, *_FLAGS, "axis", "rate", "output", "ndim", *_HOW)
    found = {name: getattr(arguments, name) for name in names}
    found |= {"input_size": arguments.input_size, **model_options(arguments)}
    return {
        name: readers[name](value, f"--{name.replace('_', '-')}") if name in readers else value
        for name, value in found.items()
        if value is not None
    }


def _rate(value: Any) -> Any:
    """Return the rate of the command line or of a file."""
    return parse_rate(value, "--rate") if isinstance(value, str) else value


def _plain(name: str, value: Any) -> Any:
    """Return a condition as the library takes it: ranges as pairs."""
    if name not in ("field", "effective"):
        return _listed(value)
    if isinstance(value, str):
        return _range(value, name)
    bounds = _listed(value)
    return tuple(None if b == math.inf else b for b in bounds) if isinstance(bounds, tuple) else bounds


def _range(text: str, name: str) -> tuple[Any, Any]:
    """Return the bounds in a text such as 200.., ..400, 200..400 or 200.

    >>> _range("200..", "field"), _range("..400", "field"), _range("2.5", "effective")
    ((200, None), (None, 400), (2.5, None))
    """
    low, _, high = text.partition("..")
    try:
        bounds = tuple(_bound(side, name) if side.strip() else None for side in (low, high))
    except ValueError:
        bounds = (None, None)
    if bounds == (None, None):
        raise ValueError(f"--{name} must be a range such as 200.., ..400 or 200..400, got {text!r}")
    return bounds[0], bounds[1]


def _bound(text: str, name: str) -> Any:
    """Return a bound as a number, or as the text of a duration."""
    return text if text.rstrip().endswith("s") else parse_number(text, name)


def _listed(value: Any) -> Any:
    """Return the lists of a file as tuples; whole floats stay floats."""
    if isinstance(value, list):
        return tuple(_listed(entry) for entry in value)
    return value
