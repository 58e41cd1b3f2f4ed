"""``erfmath growth``: how the effective field grows with depth, and the fitted slopes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from erfmath.effective import DEFINITIONS, growth
from erfmath.terminal import figure, table

from .notation import KERNELS, parse_count, parse_kernel
from .options import add_depths, add_kernel, add_reading

HELP = "effective against theoretical size over depth, with the slopes of log size over log depth"
EXAMPLES = """\
  erfmath growth 3x3 5 10 20 40
  erfmath growth 3x3 5 10 20 40 80 160 --profile std
  erfmath growth 5 10 100 1000 --definition mass"""

NOTATION = KERNELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_kernel(parser)
    add_depths(parser)
    add_reading(parser)
    parser.add_argument("--definition", choices=DEFINITIONS, default="threshold", help="default: threshold")


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    kernel = parse_kernel(arguments.kernel)
    depths = [parse_count(text, "depth") for text in arguments.depths]
    found = growth(
        kernel,
        depths,
        definition=arguments.definition,
        ref=arguments.ref,
        profile=arguments.profile,
    )
    if arguments.json:
        rows = [asdict(row) for row in found]
        return json.dumps(
            {"kernel": repr(kernel), "rows": rows, "slope": found.slope, "ratio_slope": found.ratio_slope},
            indent=2,
        )
    cells = [
        [str(r.depth), figure(r.theoretical), str(r.count), figure(r.effective), f"{r.ratio:.4g}"]
        for r in found
    ]
    return "\n".join(
        [
            table(["depth", "field", "pixels", "effective", "ratio"], cells),
            "",
            f"size  ~ depth^{found.slope:+.3f}   (the theorem's limit: +1/2)",
            f"ratio ~ depth^{found.ratio_slope:+.3f}   (the theorem's limit: -1/2)",
        ]
    )
