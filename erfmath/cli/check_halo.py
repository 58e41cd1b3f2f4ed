"""``erfmath check-halo``: whether a bioimage.io description declares the tiles that its model needs."""

from __future__ import annotations

import argparse
import json

from ..models.sources import read
from ..report.resource import check_resource
from .arguments import NETWORKS
from .options import add_model, model_options

NOTATION = NETWORKS
EXAMPLES = """\
  erfmath check-halo rdf.yaml weights.onnx
  erfmath check-halo bioimageio.yaml mypackage.models:unet --input-shape 1,1,256,256"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("resource", help="a resource description of bioimage.io, .yaml or .json")
    parser.add_argument(
        "network", nargs="+", help="the model: a file, a PyTorch module, or layers; see below"
    )
    add_model(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints; where a declaration is wrong the command exits with 1."""
    name = " ".join(arguments.network)
    _, net, _ = read(name, output=arguments.output, **model_options(arguments))
    found = check_resource(arguments.resource, net)
    arguments.exit_code = 0 if all(condition.holds for condition in found) else 1
    if arguments.json:
        return json.dumps({"model": name, "conditions": [vars(c) for c in found]}, indent=2)
    return "\n".join(map(str, found))
