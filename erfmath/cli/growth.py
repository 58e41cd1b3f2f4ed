"""``erfmath growth``: the growth of the effective field with depth, and the fitted slopes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from ..laws.conventions import rule_of
from ..laws.depths import Growth, growth
from ..polynomials.kernel import Kernel
from ..report.sizes import shown_side
from ..words import figure, positions_word, table
from .arguments import KERNELS, parse_count, parse_kernel
from .options import add_definition, add_depths, add_kernel, add_reading, reading_of
from .pictures import add_plot, check_plot, save_plot

EXAMPLES = """\
  erfmath growth 3x3 5 10 20 40
  erfmath growth 3x3 5 10 20 40 80 160 --profile std
  erfmath growth 5 10 100 1000 --definition mass --plot growth.png"""

NOTATION = KERNELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_kernel(parser)
    add_depths(parser)
    add_definition(parser)
    add_reading(parser)
    add_plot(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    check_plot(arguments)
    kernel = parse_kernel(arguments.kernel)
    depths = [parse_count(text, "depth") for text in arguments.depths]
    found = growth(kernel, depths, **reading_of(arguments))
    if arguments.plot:
        _save(kernel, depths, found, arguments)
    return json.dumps(_as_dict(repr(kernel), found), indent=2) if arguments.json else _report(found)


def _save(kernel: Kernel, depths: list[int], found: Growth, arguments: argparse.Namespace) -> None:
    """Draw the growth by both profiles: what mean weights pass, and the size of random gradients."""
    reading = reading_of(arguments)
    rule = rule_of(**reading)
    growths = {rule.profile: found}
    for profile in ("mean", "std"):
        if profile not in growths:
            growths[profile] = growth(kernel, depths, **{**reading, "profile": profile})

    def draw(plotting: Any, figure: Any, name: str) -> Any:
        unit = positions_word(kernel.ndim)
        axes = (figure or plotting.new_figure()).add_subplot()
        return plotting.plot_growth(growths, axes, name=name, unit=unit)

    save_plot(arguments, draw, f"kernel {arguments.kernel}, {rule.definition}")


def _as_dict(kernel: str, found: Growth) -> dict[str, Any]:
    rows = [asdict(row) for row in found]
    return {"kernel": kernel, "rows": rows, "slope": found.slope, "ratio_slope": found.ratio_slope}


def _report(found: Growth) -> str:
    cells = [
        [str(r.depth), figure(r.theoretical), str(r.count), shown_side(r.effective), f"{r.ratio:.3g}"]
        for r in found
    ]
    return "\n".join(
        [
            table(["depth", "field", "pixels", "effective", "ratio"], cells),
            "",
            f"size  ~ depth^{found.slope:+.3f}   (limit for deep networks: +1/2)",
            f"ratio ~ depth^{found.ratio_slope:+.3f}   (limit for deep networks: -1/2)",
        ]
    )
