"""``erfmath latency``: how late a network is as its input arrives, and what its layers keep."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..models.sources import read
from ..report.as_json import jsonable
from ..streaming.latency import latency
from .arguments import NETWORKS, parse_count, parse_rate
from .options import add_model, model_options
from .several import several

NOTATION = NETWORKS
EXAMPLES = """\
  erfmath latency wavenet --rate 16k
  erfmath latency "up4 conv8s4*5" --rate 16k
  erfmath latency decoder.onnx --rate 75 --channels 128
  erfmath latency mypackage.mymodule:codec --input-shape 1,1,16000 --rate 44.1k --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="+", help="a name, layers, a file or a PyTorch module; see below")
    parser.add_argument(
        "--rate", metavar="HERTZ", help="samples of the input per second, such as 16k or 44.1k"
    )
    parser.add_argument("--axis", help="the axis that is time, from 0 on (default: the only one)")
    parser.add_argument("--channels", help="channels of the input (default: a model's own, else 1)")
    parser.add_argument("--ndim", help="number of axes of layers such as conv3 (default: 1)")
    add_model(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    counts: dict[str, Any] = {
        name: given and parse_count(given, f"--{name}")
        for name in ("axis", "channels", "ndim")
        if (given := getattr(arguments, name)) is not None
    }
    rate = parse_rate(arguments.rate, "--rate")
    options = {"ndim": counts.get("ndim"), "output": arguments.output, **model_options(arguments)}
    if named := several(arguments.network):
        raise ValueError(f"latency is of one network, got {len(named)}: {', '.join(named)}")
    name, net, output = read(" ".join(arguments.network), **options)
    found = latency(net, rate, axis=counts.get("axis"), channels=counts.get("channels"))
    if arguments.json:
        return json.dumps({"name": name, **jsonable(found.to_dict())}, indent=2)
    where = "" if output is None else f" up to {output!r}"
    at = "" if rate is None else f" at {arguments.rate.strip()} samples a second"
    return f"{name}{where}{at}\n\n{found}"
