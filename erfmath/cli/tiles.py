"""``erfmath tiles``: the tiles that cover an input without seams, and what smaller halos would leave out."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..models.model import Model
from ..models.sources import read
from ..network.algebra import Node
from ..report.as_json import jsonable
from ..report.tiling import axis_tables, halo_rows, halo_table
from ..tiling.asked import read_at
from ..tiling.cover import tiles
from .arguments import NETWORKS, parse_count, parse_number, parse_sides
from .options import add_model, model_options
from .several import several

NOTATION = NETWORKS
EXAMPLES = """\
  erfmath tiles unet --size 4096 --tile 512
  erfmath tiles model.onnx --size 30000x40000 --memory 2GB
  erfmath tiles mypackage.models:unet --input-shape 1,1,256,256 --size 6000x5008 --tile 2160x1824
  erfmath tiles unet --size 4096 --tile 512 --halos      what smaller halos leave out
  erfmath tiles unet --size 4096 --tile 512 --halo 16
  erfmath tiles "conv3same*4 conv3s2p1" --size 16000 --tile 1000 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="+", help="a name, layers, a file or a PyTorch module; see below")
    parser.add_argument("--size", help="samples of the input, such as 4096 or 6000x5008")
    parser.add_argument(
        "--tile", metavar="SIDES", help="samples that a tile reads, its halo included, such as 512 or 512x256"
    )
    parser.add_argument(
        "--memory",
        metavar="BYTES",
        help="what a tile may take in single precision, such as 2GB; without --tile the best tile is found",
    )
    parser.add_argument(
        "--halo", metavar="SIDES", help="the halo, such as 16 or 16x8 (default: what makes tiles exact)"
    )
    parser.add_argument(
        "--loss", metavar="SHARE", help="the least halo that leaves out no more of the gradient's variance"
    )
    parser.add_argument(
        "--halos", action="store_true", help="also show what smaller halos would read and leave out"
    )
    parser.add_argument(
        "--weights",
        choices=("uniform", "energy"),
        default="uniform",
        help="whose variance is left out: uniform: equal taps; energy: a model's own mean squares (default: "
        "uniform)",
    )
    parser.add_argument("--ndim", help="number of axes of layers such as conv3 (default: 1)")
    add_model(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    if arguments.size is None:
        raise ValueError("--size is missing: how many samples the input has, such as --size 4096")
    name, net, output = _network(arguments)
    plan = tiles(
        net,
        parse_sides(arguments.size, "--size"),
        parse_sides(arguments.tile, "--tile"),
        halo=parse_sides(arguments.halo, "--halo"),
        loss=0.0 if arguments.loss is None else parse_number(arguments.loss, "--loss"),
        memory=arguments.memory,
    )
    halos = halo_rows(plan) if arguments.halos else []
    if arguments.json:
        rows = {"halos": [row.as_dict() for row in halos]} if arguments.halos else {}
        return json.dumps(jsonable({"name": name, **plan.to_dict(), **rows}), indent=2)
    where = "" if output is None else f" up to {output!r}"
    return "\n\n".join(
        [
            f"{name}{where} in tiles",
            str(plan),
            *axis_tables(plan),
            *([halo_table(plan, halos)] if halos else []),
        ]
    )


def _network(arguments: argparse.Namespace) -> tuple[str, Node, str | None]:
    """Return the name, the network and the output; a model is read at the size of its tiles, or as asked."""
    if named := several(arguments.network):
        raise ValueError(f"tiles are of one network, got {len(named)}: {', '.join(named)}")
    options: dict[str, Any] = {"output": arguments.output, **model_options(arguments)}
    if arguments.ndim is not None:
        options["ndim"] = parse_count(arguments.ndim, "--ndim")
    if options["input_shape"] is None and arguments.tile is not None:
        options["input_size"] = read_at(parse_sides(arguments.tile, "--tile"))
    name, net, output = read(" ".join(arguments.network), **options)
    if arguments.weights == "uniform":
        return name, net, output
    if not isinstance(net, Model):
        raise ValueError("--weights is of an ONNX file or a PyTorch module, which has weights of its own")
    return name, net.with_weights(arguments.weights), output
