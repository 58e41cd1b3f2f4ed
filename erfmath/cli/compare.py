"""``erfmath compare``: designs with one theoretical field in a table, and other networks beside them."""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

from ..design.comparison import Comparison, compare
from ..models.sources import read
from ..network.algebra import Node
from ..words import per_axis_text, progress
from .arguments import NETWORKS, parse_count, parse_sides
from .options import add_definition, add_input_size, add_reading, reading_of
from .pictures import add_plot, check_plot, save_plot

NOTATION = NETWORKS
EXAMPLES = """\
  erfmath compare 31 --input-size 224
  erfmath compare 1023 --ndim 1 --channels 32 wavenet=wavenet
  erfmath compare 63 "mine=conv5same*3 conv3d8same*3"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("field", help="size of the theoretical field, an odd number such as 31")
    parser.add_argument(
        "networks", nargs="*", metavar="name=network", help="more networks to compare, with any field"
    )
    add_input_size(parser, "adds multiply-accumulates, memory and the size of the output")
    parser.add_argument("--channels", default="64", help="channels of the input and each layer (default: 64)")
    parser.add_argument("--ndim", default="2", help="number of axes (default: 2)")
    add_definition(parser)
    add_reading(parser)
    add_plot(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    check_plot(arguments)
    ndim = parse_count(arguments.ndim, "--ndim")
    found = compare(
        parse_count(arguments.field, "field"),
        parse_sides(arguments.input_size, "--input-size"),
        parse_count(arguments.channels, "--channels"),
        ndim,
        _networks(arguments.networks, ndim),
        **reading_of(arguments),
    )
    if arguments.plot:
        save_plot(arguments, partial(_draw, found), _title(found))
    if arguments.json:
        return json.dumps(found.as_dicts(), indent=2)
    return repr(found)


def _draw(found: Comparison, plotting: Any, figure: Any, name: str) -> Any:
    figure = figure or plotting.new_figure((8, 1.3 + 0.45 * len(found)))
    return plotting.plot_comparison(found, figure.add_subplot(), name=name)


def _title(found: Comparison) -> str:
    """Return what is compared."""
    size = "" if found.input_size is None else f", input {per_axis_text(found.input_size)}"
    return f"networks of {found.channels} channels{size}"


def _networks(words: list[str], ndim: int) -> dict[str, Node]:
    """Return the networks by their names, which must differ."""
    found: dict[str, Node] = {}
    for word in progress(words, "network", len(words)):
        name, net = _named(word, ndim)
        if name in found:
            raise ValueError(f"networks must have different names, got {name!r} twice")
        found[name] = net
    return found


def _named(word: str, ndim: int) -> tuple[str, Node]:
    """Return the name and the network in name=network; without a name the word itself is the name."""
    name, sign, text = word.partition("=")
    if sign and not (name.strip() and text.strip()):
        raise ValueError(f"networks must be words such as name=network, like mine=conv3*5, got {word!r}")
    return name.strip() or word, read(text if sign else word, ndim=ndim)[1]
