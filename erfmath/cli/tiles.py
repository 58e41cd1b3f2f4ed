"""``erfmath tiles``: the tiles that cover an input without seams, and what smaller halos cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._checks import require_file
from ..models.model import Model
from ..models.sources import module_of, names_module, read
from ..network.algebra import Node
from ..report.as_json import jsonable
from ..report.tiling import axis_tables, halo_rows, halo_table, measured_seams, with_axes
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
  erfmath tiles unet --size 4096 --tile 512 --halos          what smaller halos leave out
  erfmath tiles mypackage.models:unet --size 4096 --tile 512 --measure      what they cost, on noise
  erfmath tiles model.onnx --tile 512 --measure image.npy    and on an image
  erfmath tiles unet --size 4096 --tile 512 --halo 16
  erfmath tiles "conv3same*4 conv3s2p1" --size 16000 --tile 1000 --json"""

_NOISE = ""


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
    _add_comparisons(parser)
    parser.add_argument("--ndim", help="number of axes of layers such as conv3 (default: 1)")
    add_model(parser)


def _add_comparisons(parser: argparse.ArgumentParser) -> None:
    """Add what smaller halos are compared by."""
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
    parser.add_argument(
        "--measure",
        nargs="?",
        const=_NOISE,
        metavar="FILE.npy",
        help="also run some tiles of a module or an ONNX file and show how far each halo differs from the "
        "whole: of an image, its channels first, or of noise",
    )


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    named = " ".join(arguments.network)
    array = None if arguments.measure in (None, _NOISE) else _loaded(arguments.measure)
    module = module_of(named) if arguments.measure is not None and names_module(named) else None
    name, net, output = _network(arguments, named if module is None else module.eval())
    plan = tiles(
        net,
        _size(arguments.size, net, array),
        parse_sides(arguments.tile, "--tile"),
        halo=parse_sides(arguments.halo, "--halo"),
        loss=0.0 if arguments.loss is None else parse_number(arguments.loss, "--loss"),
        memory=arguments.memory,
    )
    measured = None
    if arguments.measure is not None:
        measured = measured_seams(plan, *_runnable(net, module, output, array is None), array)
    has_halos = arguments.halos or measured is not None
    halos = halo_rows(plan, arguments.halos, measured) if has_halos else []
    if arguments.json:
        rows = {"halos": [row.as_dict() for row in halos]} if has_halos else {}
        taken = {} if measured is None else {"measured": measured.to_dict()}
        return json.dumps(jsonable({"name": name, **plan.to_dict(), **rows, **taken}), indent=2)
    where = "" if output is None else f" up to {output!r}"
    parts = [f"{name}{where} in tiles", str(plan), *axis_tables(plan)]
    return "\n\n".join([*parts, *([halo_table(halos, measured)] if has_halos else [])])


def _network(arguments: argparse.Namespace, what: Any) -> tuple[str, Node, str | None]:
    """Return the name, the network and the output; a model is read at the size of its tiles, or as asked."""
    if named := several(arguments.network):
        raise ValueError(f"tiles are of one network, got {len(named)}: {', '.join(named)}")
    options: dict[str, Any] = {"output": arguments.output, **model_options(arguments)}
    if arguments.ndim is not None:
        options["ndim"] = parse_count(arguments.ndim, "--ndim")
    if options["input_shape"] is None and arguments.tile is not None:
        options["input_size"] = read_at(parse_sides(arguments.tile, "--tile"))
    name, net, output = read(what, **options)
    name = name if isinstance(what, str) else " ".join(arguments.network)
    if arguments.weights == "uniform":
        return name, net, output
    if not isinstance(net, Model):
        raise ValueError("--weights is of an ONNX file or a PyTorch module, which has weights of its own")
    return name, net.with_weights(arguments.weights), output


def _size(text: str | None, net: Node, array: Any) -> Any:
    """Return the size that is asked for, by default that of the array."""
    if text is not None:
        return parse_sides(text, "--size")
    if array is None or not isinstance(net, Model):
        raise ValueError("--size is missing: how many samples the input has, such as --size 4096")
    whole = with_axes(net, array)
    if whole.ndim != len(net.input_shape):
        raise ValueError(
            f"--measure has an array of {array.ndim} axes, shape {array.shape}, and the model's input has "
            f"{len(net.input_shape)}"
        )
    return tuple(whole.shape[axis] for axis in net.space)


def _loaded(path: str) -> Any:
    """Return an array of a file, which stays there."""
    import numpy as np

    if not path.endswith(".npy"):
        raise ValueError(f"--measure must be a file that numpy.save has written, FILE.npy, got {path!r}")
    require_file(Path(path))
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"--measure: {path!r} is no array: {error}") from None


def _runnable(
    net: Node, module: Any, output: str | None, is_noise: bool
) -> tuple[Model, Callable[[Any], Any]]:
    """Return a model, and the function that runs it."""
    if not isinstance(net, Model):
        raise ValueError("--measure needs an ONNX file or a PyTorch module, which has weights of its own")
    if module is not None:
        if output is not None:
            raise ValueError(f"--measure runs the whole module, which {output!r} is not the output of")
        return net, module
    import numpy as np

    from ..measured.session import at_any_size

    session = at_any_size(net)
    if is_noise and session.kind.kind != "f":
        raise ValueError(f"--measure needs FILE.npy, since the input is of {session.kind} and noise is not")
    return net, lambda tile: session(np.ascontiguousarray(tile, session.kind))
