"""``erfmath analyze``: all readings of a network."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .._files import checked_path
from ..report.analysis import PAGES, Analysis
from ..report.analyze import analyze
from ..report.exports import CSV
from .arguments import NETWORKS, parse_count, parse_rate, parse_sides
from .options import (
    add_definition,
    add_input_size,
    add_model,
    add_reading,
    model_options,
    reading_of,
)
from .pictures import add_plot, check_plot, save_plot
from .several import rows_of, several

NOTATION = f"""{NETWORKS}
  several names or files, or a folder of models, print a row for each"""
EXAMPLES = """\
  erfmath analyze resnet50
  erfmath analyze "conv3same*4 conv3s2p1" --input-size 64
  erfmath analyze unet --at 3,5 --plot unet.png
  erfmath analyze resnet18 --input-size 224 --borders --plot over.png --over cat.png
  erfmath analyze wavenet --plot layers.pdf --draw layers --title WaveNet
  erfmath analyze "conv3x3p1*10" --input-size 32 --at 0,0 --borders
  erfmath analyze resnet18 --profile std
  erfmath analyze resnet101 --as replknet --share 0.5
  erfmath analyze resnet18 --html resnet18.html
  erfmath analyze model.onnx --all
  erfmath analyze resnet18 resnet50 vgg16      a row for each, as of a folder of models
  erfmath analyze torchvision.models:resnet50 --depth 2 --csv layers.csv
  erfmath analyze resnet18 --measure 20
  erfmath analyze torchvision.models:resnet18 --output layer3 --input-size 224x224
  erfmath analyze model.onnx --weights given --profile variance
  erfmath analyze speech.onnx --input audio --input-shape 1,16000 --value sr=16000
  erfmath analyze wavenet --rate 16k
  erfmath analyze "conv3x3x3*4" --spacing 2,.5,.5um
  erfmath analyze net.json --json"""

_RUNS = "100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="+", help="a name, layers, a file or a PyTorch module; see below")
    add_input_size(parser, "default: a model's own, else 16000 on one axis, 224 on two")
    _add_unit(parser)
    add_model(parser)
    _add_layers(parser)
    _add_comparisons(parser)
    _add_weights(parser)
    _add_lengths(parser)
    add_definition(parser, "threshold and mass")
    add_reading(parser)
    _add_picture(parser)
    parser.add_argument("--html", metavar="FILE.html", help="also write the report as one page for a browser")


def _add_unit(parser: argparse.ArgumentParser) -> None:
    """Add which unit of which input is read."""
    parser.add_argument(
        "--channels",
        help="channels of the input (default: a model's own, else 3 on two axes, else 1)",
    )
    parser.add_argument("--ndim", help="number of axes of layers such as conv3 (default: 1)")
    parser.add_argument(
        "--at",
        metavar="UNIT",
        help="output unit, such as 7 or 3,5 (default: 0, or the middle with --borders)",
    )
    parser.add_argument("--borders", action="store_true", help="take the borders of the input into account")


def _add_layers(parser: argparse.ArgumentParser) -> None:
    """Add what the table of layers shows."""
    parser.add_argument(
        "--all",
        action="store_true",
        help="show the field at each tensor of a model where the stride changes or branches join",
    )
    parser.add_argument(
        "--depth",
        help="how many levels of modules inside modules are rows of the table (default: what fits 64 rows)",
    )
    parser.add_argument(
        "--csv", metavar="FILE", help="also write the table of layers, with all its columns, as a CSV file"
    )


def _add_comparisons(parser: argparse.ArgumentParser) -> None:
    """Add what the theory is compared with."""
    parser.add_argument(
        "--measure",
        nargs="?",
        const=_RUNS,
        metavar="RUNS",
        help="also measure gradients with PyTorch: of the network with random weights, or of a module with "
        f"its own weights and random inputs (default: {_RUNS} runs)",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare the field with copies that have random weights: by gradients of a PyTorch module, by "
        "changes of an ONNX file's input (needs onnxruntime)",
    )


def _add_weights(parser: argparse.ArgumentParser) -> None:
    """Add which weights and which branches of a model count."""
    parser.add_argument(
        "--weights",
        choices=("uniform", "given", "energy"),
        default="uniform",
        help="uniform: equal taps; given: the model's own weights, channel by channel; energy: their mean "
        "squares, which is faster (default: uniform)",
    )
    parser.add_argument(
        "--no-global-context",
        dest="global_context",
        action="store_false",
        help="leave out the branches of a model that read the whole map, such as squeeze-excitation and the "
        "statistics of normalisations",
    )
    parser.add_argument(
        "--no-gates", dest="global_context", action="store_false", help=argparse.SUPPRESS
    )  # its name until 0.1


def _add_lengths(parser: argparse.ArgumentParser) -> None:
    """Add the units of lengths."""
    parser.add_argument(
        "--rate", metavar="HERTZ", help="samples per second, such as 16k, to show lengths in ms as well"
    )
    parser.add_argument(
        "--spacing",
        metavar="LENGTHS",
        help="lengths of a pixel with their unit, such as .5um or 2,.5,.5um, to show lengths in it as well",
    )


def _add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the picture, and what it shows."""
    picture = add_plot(parser)
    picture.add_argument("--over", metavar="PICTURE", help="draw the field over a picture, the input")
    picture.add_argument(
        "--draw",
        choices=("impact", "layers"),
        default="impact",
        help="impact: what the unit sees, and how much; layers: the units of each layer that it depends on, "
        "along the first axis (default: impact)",
    )


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    if arguments.all and arguments.plot:
        raise ValueError("--plot draws the impact on a unit of one tensor; it does not go with --all")
    if arguments.all and arguments.measure:
        raise ValueError("--measure takes a unit of one tensor; it does not go with --all")
    if (networks := several(arguments.network)) is not None:
        options = _options(arguments)
        return rows_of(networks, lambda name: analyze(name, **options), arguments)
    check_plot(arguments)
    if arguments.over is not None and (arguments.plot is None or arguments.draw == "layers"):
        raise ValueError("--over is of a picture of the impact: it goes with --plot FILE alone")
    if arguments.draw == "layers" and arguments.plot is None:
        raise ValueError("--draw is of a picture: it goes with --plot FILE")
    html = None if arguments.html is None else checked_path(arguments.html, PAGES, "--html")
    table = None if arguments.csv is None else checked_path(arguments.csv, CSV, "--csv")
    found = analyze(" ".join(arguments.network), **_options(arguments))
    if html is not None:
        found.to_html(html)
    if arguments.verify:
        return _verified(found, arguments.json)
    if arguments.plot:
        (_save_layers if arguments.draw == "layers" else _save)(found, arguments)
    if table is not None:
        found.layers.to_csv(table)
    if arguments.all:
        from ..report.as_json import jsonable

        stages = [vars(stage) for stage in found.stages.stages]
        return json.dumps(jsonable(stages), indent=2) if arguments.json else str(found.stages)
    return json.dumps(found.to_dict(), indent=2) if arguments.json else str(found)


def _verified(found: Analysis, as_json: bool) -> str:
    """Return a comparison of the field of a module with gradients, of a file with changes."""
    from ..measured.verify import verify
    from ..models.model import Model

    if not isinstance(found.net, Model):
        raise ValueError("--verify needs an ONNX file or a PyTorch module: torchvision.models:resnet18")
    compared = verify(found.net)
    return json.dumps(compared.to_dict(), indent=2) if as_json else str(compared)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the analysis."""
    return {
        "ndim": arguments.ndim and parse_count(arguments.ndim, "--ndim"),
        "output": arguments.output,
        **model_options(arguments),
        "input_size": parse_sides(arguments.input_size, "--input-size"),
        "channels": arguments.channels and parse_count(arguments.channels, "--channels"),
        "at": parse_sides(arguments.at, "--at"),
        "borders": arguments.borders,
        "weights": arguments.weights,
        **reading_of(arguments),
        "global_context": arguments.global_context,
        "measure": arguments.measure and parse_count(arguments.measure, "--measure"),
        "rate": parse_rate(arguments.rate, "--rate"),
        "spacing": arguments.spacing,
        "depth": arguments.depth and parse_count(arguments.depth, "--depth"),
    }


def _save(found: Analysis, arguments: argparse.Namespace) -> None:
    """Draw the impact, as a map on two axes, as profiles or projections on others."""
    law = found.distribution
    if law is None:
        raise ValueError(f"--plot: there is no impact to draw ({found.why['distribution']})")

    def draw(plotting: Any, figure: Any, name: str) -> Any:
        if arguments.over is None:
            return plotting.plot_projections(law, figure, name=name, **reading_of(arguments))
        _require_size(plotting, found, arguments.over)
        axes = (figure or plotting.new_figure((6, 5))).add_subplot()
        return plotting.plot_over(law, arguments.over, axes, name=name, **reading_of(arguments))

    save_plot(arguments, draw, _name(found))


def _save_layers(found: Analysis, arguments: argparse.Namespace) -> None:
    """Draw the layers as a triangle."""

    def draw(plotting: Any, figure: Any, name: str) -> Any:
        axes = (figure or plotting.new_figure((7, 5))).add_subplot()
        return plotting.plot_cone(found.net, axes, at=found.at[0], name=name)

    save_plot(arguments, draw, _name(found))


def _require_size(plotting: Any, found: Analysis, path: str) -> None:
    """Refuse a picture of another size than the input."""
    sides = plotting.as_picture(path).shape[:2]
    if found.input_size is not None and tuple(found.input_size) != sides:
        size, own = (" x ".join(map(str, entry)) for entry in (sides, found.input_size))
        raise ValueError(f"--over: the picture has {size} pixels, the input {own}; give --input-size")


def _name(found: Analysis) -> str:
    """Return the network and the unit, for the title."""
    unit = ", ".join(map(str, found.at))
    where = f" of '{found.output}'" if found.output else ""
    return f"{found.name}, unit {unit}{where}{', with borders' if found.borders else ''}"
