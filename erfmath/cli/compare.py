"""``erfmath compare``: designs with one theoretical field in a table, and other networks beside them."""

from __future__ import annotations

import argparse
import json

from erfmath.design.comparison import compare
from erfmath.models.sources import read
from erfmath.network.algebra import Node
from erfmath.words import progress

from .arguments import NETWORKS, parse_count, parse_sides
from .options import add_definition, add_input_size, add_plot, add_reading, save_plot

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
    ndim = parse_count(arguments.ndim, "--ndim")
    found = compare(
        parse_count(arguments.field, "field"),
        parse_sides(arguments.input_size, "--input-size"),
        parse_count(arguments.channels, "--channels"),
        ndim,
        _networks(arguments.networks, ndim),
        definition=arguments.definition,
        ref=arguments.ref,
        profile=arguments.profile,
    )
    if arguments.plot:
        save_plot(arguments.plot, lambda plotting, axes: plotting.plot_comparison(found, axes), (8, 4))
    if arguments.json:
        return json.dumps(found.as_dicts(), indent=2)
    return repr(found)


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
