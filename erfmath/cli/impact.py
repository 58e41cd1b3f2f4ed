"""``erfmath impact``: a table with a row for each depth, and a picture of the last."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..laws.base import Distribution
from ..laws.clt import central_limit
from ..laws.conventions import rule_of
from ..laws.effective import EffectiveField, effective_field
from ..laws.lazy import distribution
from ..laws.rules import DEFINITIONS, Rule
from ..polynomials.kernel import Kernel
from ..report.pictures import extent_bar, profile_picture
from ..words import figure, progress, table
from .arguments import KERNELS, parse_count, parse_kernel
from .options import add_depths, add_kernel, add_reading, reading_of
from .pictures import add_plot, check_plot, save_plot

EXAMPLES = """\
  erfmath impact 3x3 5 10 20 40      the case of the paper on effective receptive fields
  erfmath impact 1,2,1 1000          a smoothing kernel after a thousand layers
  erfmath impact 3x3 40 --plot impact.png
  erfmath impact 3x3 40 --json"""

NOTATION = KERNELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_kernel(parser)
    add_depths(parser)
    add_reading(parser)
    add_plot(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    check_plot(arguments)
    kernel = parse_kernel(arguments.kernel)
    depths = [parse_count(text, "depth") for text in arguments.depths]
    rule = rule_of(**reading_of(arguments))
    laws = [distribution(kernel, n) for n in progress(depths, "depth", len(depths))]
    readings = [
        _reading(kernel, n, law, rule)
        for n, law in zip(progress(depths, "reading depth", len(depths)), laws, strict=True)
    ]
    if arguments.plot:
        _save(dict(zip(depths, laws, strict=True)), arguments)
    if arguments.json:
        return json.dumps({"kernel": repr(kernel), "depths": readings}, indent=2)
    return "\n".join(_report(arguments.kernel, kernel, readings, laws[-1], rule.definition))


def _save(laws: dict[int, Distribution], arguments: argparse.Namespace) -> None:
    """Draw the impact at each depth, of a single one on all its axes."""
    reading = reading_of(arguments)

    def draw(plotting: Any, figure: Any, name: str) -> Any:
        if len(laws) > 1:
            return plotting.plot_depths(laws, figure, name=name, **reading)
        ((depth, law),) = laws.items()
        return plotting.plot_projections(law, figure, name=f"{name}, depth {depth}", **reading)

    save_plot(arguments, draw, f"kernel {arguments.kernel}")


def _reading(kernel: Kernel, n: int, law: Distribution, rule: Rule) -> dict[str, Any]:
    """Return the readings at one depth, per axis where the axes may differ."""
    limits = [central_limit(kernel.marginal(axis), n) for axis in range(kernel.ndim)]
    fields = {
        name: effective_field(law, name, rule.ref, rule.profile, level=rule.level) for name in DEFINITIONS
    }
    return {
        "depth": n,
        "theoretical": [round(side) for side in _sides(law)],
        "mean": [limit.mean for limit in limits],
        "variance": [limit.var for limit in limits],
        "effective": {name: _field(found) for name, found in fields.items()},
        "distance_to_normal": [limit.distance if limit.var else None for limit in limits],
        "berry_esseen_bound": [limit.bound if limit.var else None for limit in limits],
    }


def _field(found: EffectiveField) -> dict[str, Any]:
    return {"size": found.size, "count": found.count, "ratio": found.ratio, "extent": found.extent}


def _sides(law: Distribution) -> list[int]:
    return [high - low + 1 for low, high in _marginal_supports(law)]


def _marginal_supports(law: Distribution) -> list[tuple[int, int]]:
    return list(law.bounds)


def _report(
    text: str, kernel: Kernel, readings: list[dict[str, Any]], law: Any, definition: str
) -> list[str]:
    deepest = readings[-1]
    effective = deepest["effective"]["threshold"]
    first, last = effective["extent"][0]
    profile = law.marginal(0)
    return [
        f"Impact of the input on one unit after n layers with the kernel {text}",
        "",
        _sizes_table(readings, definition),
        "",
        _normal_table(readings),
        "",
        f"Depth {deepest['depth']}, {'along the first axis, ' * (kernel.ndim > 1)}"
        "within five standard deviations of the mean:",
        "",
        profile_picture(profile),
        "",
        f"The field of {_join(deepest['theoretical'])}, with the effective field filled "
        f"(threshold, size {figure(effective['size'])}):",
        extent_bar(first, last, deepest["theoretical"][0]),
    ]


def _sizes_table(readings: list[dict[str, Any]], definition: str) -> str:
    others = ["mass", "two_sigma", "sigma", *([definition] if definition in ("square", "radial") else [])]
    headers = ["depth", "field", "pixels", "threshold", "ratio", *(name.replace("_", " ") for name in others)]
    rows = []
    for reading in readings:
        effective = reading["effective"]
        rows.append(
            [
                str(reading["depth"]),
                _join(reading["theoretical"]),
                str(effective["threshold"]["count"]),
                figure(effective["threshold"]["size"]),
                f"{effective['threshold']['ratio']:.4g}",
                *(figure(effective[name]["size"]) for name in others),
            ]
        )
    return table(headers, rows)


def _normal_table(readings: list[dict[str, Any]]) -> str:
    headers = ["depth", "mean", "variance", "distance to Gaussian", "Berry-Esseen bound"]
    rows = [
        [
            str(reading["depth"]),
            _join(reading["mean"], "{:.6g}"),
            _join(reading["variance"], "{:.6g}"),
            _join(reading["distance_to_normal"], "{:.3g}"),
            _join(reading["berry_esseen_bound"], "{:.3g}"),
        ]
        for reading in readings
    ]
    return table(headers, rows)


def _join(values: list[Any], form: str = "{}") -> str:
    """Return the values per axis, or a single one if all are equal."""
    texts = ["none" if value is None else form.format(value) for value in values]
    return texts[0] if len(set(texts)) == 1 and form != "{}" else " x ".join(texts)
