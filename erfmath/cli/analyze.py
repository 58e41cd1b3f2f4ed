"""``erfmath analyze``: a network layer by layer, what one unit sees, and what it costs."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from erfmath._checks import as_count
from erfmath.words import per_axis_text, table

from ..report.analysis import Analysis, analysis_of
from ..report.as_json import as_dict, jsonable
from ..report.text import report
from .arguments import NETWORKS_AND_MODELS, parse_count
from .measured import measured_of
from .models import Model, read_model
from .options import add_definition, add_input_size, add_plot, add_reading, draw_law, save_plot

HELP = "a network layer by layer: theoretical and effective field of one unit, central limit, cost"
NOTATION = NETWORKS_AND_MODELS
EXAMPLES = """\
  erfmath analyze resnet50
  erfmath analyze "conv3same*4 conv3s2p1" --input-size 64
  erfmath analyze unet --at 3,5 --plot unet.png
  erfmath analyze "conv3x3p1*10" --input-size 32 --at 0,0 --borders
  erfmath analyze resnet18 --profile std
  erfmath analyze model.onnx --all
  erfmath analyze resnet18 --measure 20
  erfmath analyze torchvision.models:resnet18 --output layer3 --input-size 224x224
  erfmath analyze model.onnx --weights given --profile variance
  erfmath analyze net.json --json"""

_RUNS = "100"

# A model with more layers than this is shown by its stages.
_MOST_ROWS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="+", help="a name, layers, a file or a PyTorch module, see below")
    add_input_size(parser, "by default a model's own, else 16000 on one axis, 224 on two")
    parser.add_argument(
        "--channels", help="of the input (default: a model's own, else 3 on two axes, else 1)"
    )
    parser.add_argument(
        "--ndim", help="number of axes, where the layers give one number for all (default: 1)"
    )
    parser.add_argument("--at", metavar="UNIT", help="output unit, such as 7 or 3,5 (default: 0)")
    parser.add_argument("--borders", action="store_true", help="cut the impact at the borders of the input")
    parser.add_argument("--output", metavar="TENSOR", help="of a model, instead of its last map")
    parser.add_argument(
        "--all",
        action="store_true",
        help="the field at every tensor of a model where the rate changes or branches join",
    )
    parser.add_argument(
        "--measure",
        nargs="?",
        const=_RUNS,
        metavar="RUNS",
        help="set gradients by autograd beside the theory (needs torch): of the network with random weights, "
        f"of a PyTorch module with its own and random inputs (default: {_RUNS} runs)",
    )
    parser.add_argument(
        "--weights",
        choices=("uniform", "given", "energy"),
        default="uniform",
        help="given: the model's own, by channel; energy: their mean squares, faster (default: uniform)",
    )
    parser.add_argument(
        "--no-gates",
        action="store_true",
        help="leave out branches that read the whole map where they join others, as squeeze-excitation does",
    )
    add_definition(parser, default=None)
    add_reading(parser)
    add_plot(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    name = " ".join(arguments.network)
    runs = _runs(arguments)
    model = read_model(name, arguments)
    if arguments.all and arguments.plot:
        raise ValueError("--plot draws the impact on a unit of one tensor, not with --all")
    if arguments.all:
        return json.dumps(jsonable(model.stages), indent=2) if arguments.json else _stages_table(model)
    found = analysis_of(model, arguments)
    measured = None if runs is None else measured_of(found, runs, arguments, model)
    if arguments.plot:
        _save(found, arguments)
    if arguments.json:
        return json.dumps(as_dict(found, measured), indent=2)
    is_long = model.is_converted and len(found.layers) > _MOST_ROWS
    return report(found, _stages_table(model) if is_long else repr(found.layers), measured)


def _runs(arguments: argparse.Namespace) -> int | None:
    """Return how many runs are to be measured, None for no measurement."""
    if arguments.measure is None:
        return None
    if arguments.all:
        raise ValueError("--measure goes with the report of one tensor, not with --all")
    return as_count(parse_count(arguments.measure, "--measure"), "--measure", minimum=1)


def _save(found: Analysis, arguments: argparse.Namespace) -> None:
    law = found.law
    if law is None:
        raise ValueError(f"--plot: there is no impact to draw; {found.no_law}")

    def draw(plotting: Any, axes: Any) -> None:
        draw_law(plotting, axes, law, arguments, arguments.definition)

    save_plot(arguments.plot, draw, (6, 5))


def _stages_table(model: Model) -> str:
    headers = ["tensor", "size", "stride", "start", "field"]
    rows = [[row["tensor"], *(_cell(row[name]) for name in headers[1:])] for row in model.stages]
    return table(headers, rows, left=1)


def _cell(values: Any) -> str:
    """Return a value per axis, one where all agree; "all" of an unbounded field."""
    return (
        "?"
        if values is None
        else per_axis_text(["all" if isinstance(v, float) and math.isinf(v) else v for v in values])
    )
