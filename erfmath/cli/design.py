"""``erfmath design``: the designs that reach a field, the cheapest of each depth."""

from __future__ import annotations

import argparse
import json
import math
import re
from typing import Any

from ..design.designs import COSTS
from ..design.search import find_designs
from ..formats.to_notation import format_network
from ..streaming.durations import as_samples
from .arguments import parse_count, parse_rate

NOTATION = ""
EXAMPLES = """\
  erfmath design --field 1024 --causal
  erfmath design --field 1s --rate 16k --causal --cost operations --channels 64
  erfmath design --field 427 --ndim 2 --stride 32 --cost operations --kernel-sizes 3 5 7
  erfmath design --field 200 --effective --layers 8 12 16 --kernel-sizes 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--field", required=True, help="side of the field, in samples; or 1s with --rate")
    parser.add_argument("--rate", metavar="HERTZ", help="samples of the input per second, such as 16k")
    parser.add_argument("--causal", action="store_true", help="no unit sees a later input")
    parser.add_argument("--effective", action="store_true", help="the effective field reaches the side")
    parser.add_argument("--ndim", default="1", help="number of axes (default: 1)")
    parser.add_argument(
        "--cost",
        choices=COSTS,
        default="taps",
        help="what to minimise: taps, weights (parameters), multiply-accumulates for one unit (operations), "
        "bytes of activations for one (memory), samples to wait for (latency) (default: taps)",
    )
    parser.add_argument("--layers", nargs="+", metavar="DEPTH", help="the depths to try (default: all)")
    parser.add_argument("--kernel-sizes", nargs="+", metavar="TAPS", help="the taps a layer may have")
    parser.add_argument("--stride", default="1", help="stride of the whole network (default: 1)")
    parser.add_argument("--channels", help="channels of the input and each layer (default: 1)")
    parser.add_argument("--holes", action="store_true", help="units may skip inputs inside their field")
    parser.add_argument(
        "--at-most",
        nargs="+",
        metavar="NAME=LIMIT",
        help=f"upper limits, such as parameters=1e6: {', '.join(COSTS)}, depth or field",
    )


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    found = find_designs(
        _field(arguments.field, parse_rate(arguments.rate, "--rate")),
        causal=arguments.causal,
        ndim=parse_count(arguments.ndim, "--ndim"),
        cost=arguments.cost,
        target="effective" if arguments.effective else "theoretical",
        layers=_counts(arguments.layers, "--layers"),
        kernel_sizes=_counts(arguments.kernel_sizes, "--kernel-sizes"),
        stride=parse_count(arguments.stride, "--stride"),
        channels=None if arguments.channels is None else parse_count(arguments.channels, "--channels"),
        holes=arguments.holes,
        at_most=_limits(arguments.at_most),
    )
    if not arguments.json:
        return repr(found)
    rows = zip(found.as_dicts(), found, strict=True)
    return json.dumps([{**row, "net": format_network(design.net)} for row, design in rows], indent=2)


def _field(text: str, rate: float | None) -> int:
    """Return the side of a field, of whole samples, from a number or a duration."""
    samples = as_samples(text, rate, "field") if re.search("[a-z] *$", text) else text
    return parse_count(samples if isinstance(samples, str) else str(math.ceil(samples)), "--field")


def _counts(words: list[str] | None, name: str) -> list[int] | None:
    return None if words is None else [parse_count(word, name) for word in words]


def _limits(words: list[str] | None) -> dict[str, Any] | None:
    if words is None:
        return None
    pairs = [word.partition("=") for word in words]
    try:
        return {name: float(limit) for name, _, limit in pairs}
    except ValueError:
        raise ValueError(f"--at-most takes words such as parameters=1e6, got {' '.join(words)!r}") from None
