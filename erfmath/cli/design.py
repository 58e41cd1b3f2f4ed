"""``erfmath design``: the designs that reach a field, the cheapest of each depth."""

from __future__ import annotations

import argparse
import json
from typing import Any

from erfmath.design.designs import COSTS
from erfmath.design.search import find_designs

from .arguments import parse_count

NOTATION = ""
EXAMPLES = """\
  erfmath design --field 1024 --causal
  erfmath design --field 427 --ndim 2 --stride 32 --cost operations --kernel-sizes 3 5 7
  erfmath design --field 200 --effective --layers 8 12 16 --kernel-sizes 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--field", required=True, help="side of the field, in input samples")
    parser.add_argument("--causal", action="store_true", help="no unit sees a later input")
    parser.add_argument("--effective", action="store_true", help="the effective field reaches the side")
    parser.add_argument("--ndim", default="1", help="number of axes (default: 1)")
    parser.add_argument("--cost", choices=COSTS, default="taps", help="what to minimise (default: taps)")
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
        parse_count(arguments.field, "--field"),
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
    return json.dumps(found.as_dicts(), indent=2) if arguments.json else repr(found)


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
