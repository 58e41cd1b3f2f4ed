"""``erfmath analyze``: a network layer by layer, what one unit sees, and what it costs."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from erfmath._checks import as_count, human_bytes
from erfmath.clt import CentralLimit, central_limit
from erfmath.effective import DEFINITIONS, EffectiveField, effective_field
from erfmath.joint import JointDistribution
from erfmath.lattice import LatticeDistribution
from erfmath.network.cost import Cost, cost
from erfmath.network.field import ReceptiveField, receptive_field
from erfmath.network.node import Node
from erfmath.network.sizes import output_size
from erfmath.network.summary import LayerTable, layer_table
from erfmath.notation import network_to_json
from erfmath.product_law import ProductDistribution, distribution
from erfmath.terminal import (
    beside,
    facts,
    figure,
    map_picture,
    per_axis_text,
    profile_picture,
    short_count,
    table,
)

from .notation import NETWORKS, parse_count, parse_sides, read_network
from .options import add_input_size, add_plot, add_reading, save_plot

Law = LatticeDistribution | JointDistribution

HELP = "a network layer by layer: theoretical and effective field of one unit, central limit, cost"
NOTATION = NETWORKS
EXAMPLES = """\
  erfmath analyze resnet50
  erfmath analyze "conv3same*4 conv3s2p1" --input-size 64
  erfmath analyze unet --at 3,5 --plot unet.png
  erfmath analyze "conv3x3p1*10" --input-size 32 --at 0,0 --borders
  erfmath analyze net.json --json"""

# By number of axes: a second of audio, a picture as ImageNet's networks see it, a small volume.
_INPUT_SIZES = {1: 16000, 2: 224, 3: 64}
_CHANNELS = {2: 3}

_MOST_PHASES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("network", nargs="+", help="a name, a file.json or layers, see below")
    add_input_size(parser, "by default 16000 on one axis, 224 on two")
    parser.add_argument("--channels", help="of the input (default: 3 on two axes, else 1)")
    parser.add_argument("--at", metavar="UNIT", help="output unit, such as 7 or 3,5 (default: 0)")
    parser.add_argument("--borders", action="store_true", help="cut the impact at the borders of the input")
    parser.add_argument("--definition", choices=DEFINITIONS, help="default: threshold and mass")
    add_reading(parser)
    add_plot(parser)


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    found = _analyze(" ".join(arguments.network), arguments)
    if arguments.plot:
        if found.law is None:
            raise ValueError(f"--plot: there is no impact to draw; {found.no_law}")
        law = found.law
        save_plot(arguments.plot, lambda plotting, axes: _draw(plotting, axes, law), (6, 5))
    return json.dumps(_jsonable(_as_dict(found)), indent=2) if arguments.json else _report(found)


@dataclass
class _Analysis:
    """All readings of a network; a law or a cost that does not exist is None, and why is said."""

    name: str
    net: Node
    layers: LayerTable
    input_size: Any
    channels: int
    field: ReceptiveField
    at: Any
    cost: Cost | None
    no_cost: str
    law: Law | None
    no_law: str
    effective: dict[str, EffectiveField | str]
    limits: list[CentralLimit]


def _analyze(name: str, arguments: argparse.Namespace) -> _Analysis:
    net = read_network(name)
    field = receptive_field(net)
    given = parse_sides(arguments.input_size, "--input-size")
    channels = _CHANNELS.get(field.ndim, 1)
    if arguments.channels is not None:
        channels = as_count(parse_count(arguments.channels, "--channels"), "--channels", minimum=1)
    size = _fitting_size(net, field) if given is None else given
    spent, no_cost = _cost(net, size, channels)
    layers = layer_table(net, size, channels if spent else None)
    at = parse_sides(arguments.at, "--at")
    if at is None:
        at = _middle(net, size) if arguments.borders else 0
    law, no_law = _law(net, at, size if arguments.borders else None)
    return _Analysis(
        name=name,
        net=net,
        layers=layers,
        input_size=size,
        channels=channels,
        field=field,
        at=at,
        cost=spent,
        no_cost=no_cost,
        law=law,
        no_law=no_law,
        effective=_effective(law, arguments),
        limits=_limits(law),
    )


def _fitting_size(net: Node, field: ReceptiveField) -> Any:
    """Return an input size that is usual and fits, None where none of those tried does."""
    side = _INPUT_SIZES.get(field.ndim, 16)
    largest = max(_axes(field.size))
    doubled = [] if math.isinf(largest) else [2 ** max(6, int(largest).bit_length())]
    for candidate in [side, *doubled]:
        size = (candidate,) * field.ndim if field.ndim > 1 else candidate
        try:
            output_size(net, size)
        except ValueError:
            continue
        return size
    return None


def _cost(net: Node, size: Any, channels: int) -> tuple[Cost | None, str]:
    if size is None:
        return None, "unknown: give an --input-size that fits"
    try:
        return cost(net, size, channels), ""
    except ValueError as error:
        if "channels" not in str(error):  # an input that does not fit is an error of the user's
            raise
        return None, f"unknown: {error}"


def _middle(net: Node, size: Any) -> Any:
    if size is None:
        raise ValueError("--borders needs an --input-size that fits")
    counts = output_size(net, size)
    return tuple(n // 2 for n in counts) if isinstance(counts, tuple) else counts // 2


def _law(net: Node, at: Any, size: Any) -> tuple[Law | None, str]:
    """Return the law of the impact, on a map with borders where a size is given, or why there is none."""
    if size is None and receptive_field(net).unbounded is not None:
        return None, "none without --borders: the whole input is seen, however large"
    try:
        return distribution(net, at=at, input_size=size), ""
    except ValueError as error:
        if "at must" in str(error):  # there is no such unit: an error of the user's
            raise
        return None, f"none: {error}"


def _effective(law: Law | None, arguments: argparse.Namespace) -> dict[str, EffectiveField | str]:
    """Return the effective field by each definition, or why there is none."""
    found: dict[str, EffectiveField | str] = {}
    for name in [arguments.definition] if arguments.definition else ["threshold", "mass"]:
        try:
            if law is not None:
                found[name] = effective_field(law, name, arguments.ref, arguments.profile)
        except ValueError as error:
            found[name] = f"none: {error}"
    return found


def _limits(law: Law | None) -> list[CentralLimit]:
    """Return the central limit along each axis; a law cut at borders is no sum, and has none."""
    marginals = [] if law is None else _marginals(law)
    return [central_limit(m.polynomial) for m in marginals if isinstance(m, ProductDistribution)]


def _marginals(law: Law) -> list[LatticeDistribution]:
    return [law] if isinstance(law, LatticeDistribution) else [law.marginal(a) for a in range(law.ndim)]


def _report(found: _Analysis) -> str:
    parts = [_title(found), repr(found.layers), facts(_field_facts(found.field, found.at))]
    if found.field.unbounded is None and 1 < _phases(found.field) <= _MOST_PHASES:
        parts.append(_phase_table(found.field))
    parts.append(facts([*_effective_facts(found), *_limit_facts(found), ("Cost", _cost_text(found))]))
    if found.law is not None and any(marginal.var() for marginal in _marginals(found.law)):
        parts.append(_picture(found.law))
    return "\n\n".join(parts)


def _title(found: _Analysis) -> str:
    if found.input_size is None:
        return f"{found.name}, from input to output"
    sides = " x ".join(map(str, _axes(found.input_size)))
    plural = "s" if found.channels > 1 else ""
    return f"{found.name} on {sides} {_unit(found.field.ndim)}s, {found.channels} channel{plural}"


def _field_facts(field: ReceptiveField, at: Any) -> list[tuple[str, str]]:
    unit = _unit(field.ndim)
    if field.unbounded is not None:
        return [("Field", f"unbounded: {field.unbounded!r} reads the whole input")]
    strides = per_axis_text(_axes(field.stride))
    every = f"every {unit}" if strides == "1" else f"every {strides} {unit}s"
    regions = [
        f"{region[0]} .. {region[1]}" if region else "nothing" for region in _pairs(field, field.region(at))
    ]
    whole = [
        ("Field", f"{_sides(field)}; a unit {every}"),
        (f"Unit {','.join(map(str, _axes(at)))}", f"sees {per_axis_text(regions)}"),
    ]
    if (count := _phases(field)) > 1:
        sizes = [phase.size for phases in _phase_axes(field) for phase in phases]
        between = f"{min(sizes)} .. {max(sizes)}" if min(sizes) < max(sizes) else str(max(sizes))
        whole.append(("Phases", f"{count}, by the output's index modulo {count}: fields of {between}"))
    return [*whole, ("Holes", _holes(field)), ("Halo", _halo(field))]


def _holes(field: ReceptiveField) -> str:
    if field.is_covered:
        return "none"
    spans = _axes(field.span)
    if max(spans) > 1:
        return f"only one {_unit(field.ndim)} in {per_axis_text(spans)} along an axis is seen"
    seen = [f"{p[0].count} of {p[0].size}" for p in _phase_axes(field)]
    return f"unit 0 sees {per_axis_text(seen)} {_unit(field.ndim)}s along an axis"


def _halo(field: ReceptiveField) -> str:
    ends = [f"{before} before, {after} after" for before, after in _pairs(field, field.halo())]
    tiles = per_axis_text(_axes(field.period))
    return f"{per_axis_text(ends)}" + ("" if tiles == "1" else f", for tiles that are multiples of {tiles}")


def _phase_table(field: ReceptiveField) -> str:
    several = len({tuple(p.region for p in phases) for phases in _phase_axes(field)}) > 1
    rows = []
    for axis, phases in enumerate(_phase_axes(field)):
        for number, phase in enumerate(phases):
            first, last = map(str, phase.region or ("-", "-"))
            rows.append([*([str(axis)] if several else []), str(number), first, last, str(phase.size)])
        if not several:
            break
    return table([*(["axis"] if several else []), "phase", "first", "last", "field"], rows)


def _effective_facts(found: _Analysis) -> list[tuple[str, str]]:
    if found.law is None:
        return [("Effective", found.no_law)]
    lines = []
    for name, field in found.effective.items():
        if isinstance(field, str):
            lines.append(f"{name}: {field}")
        else:
            lines.append(
                f"{_counted(field.count, found.field.ndim)}, side {figure(round(field.size, 2))}, "
                f"{field.ratio:.3f} of the field's ({name})"
            )
    return [("Effective" if not i else "", line) for i, line in enumerate(lines)]


def _limit_facts(found: _Analysis) -> list[tuple[str, str]]:
    same = len({limit.polynomial for limit in found.limits}) == 1
    lines = []
    for axis, limit in enumerate(found.limits[:1] if same else found.limits):
        text = limit.verdict
        if limit.var:
            text += f"; deviation {limit.std:.4g}, excess kurtosis {limit.excess_kurtosis:.2g}"
        lines.append(text if same else f"{text} (axis {axis})")
    return [("Normal?" if not i else "", line) for i, line in enumerate(lines)]


def _cost_text(found: _Analysis) -> str:
    if found.cost is None:
        return found.no_cost
    return (
        f"{short_count(found.cost.parameters)} weights, {short_count(found.cost.macs)} multiply-accumulates, "
        f"{human_bytes(found.cost.memory)} of activations"
    )


def _picture(law: Law) -> str:
    """Return the profile along the first axis, on two axes beside the map."""
    if isinstance(law, LatticeDistribution):
        return f"Impact, five deviations about its mean:\n\n{profile_picture(law)}"
    profile = profile_picture(law.marginal(0), width=40, height=12)
    if law.ndim != 2:
        return f"Impact along axis 0, five deviations about its mean:\n\n{profile}"
    title = "Impact, shaded from 5, 15, 40, 75 % of the peak on; on the right along axis 0:"
    return f"{title}\n\n{beside(map_picture(law), profile)}"


def _draw(plotting: Any, axes: Any, law: Law) -> None:
    if isinstance(law, JointDistribution) and law.ndim == 2:
        plotting.plot_impact(law, axes)
    else:
        plotting.plot_profile(_marginals(law)[0], axes)


def _as_dict(found: _Analysis) -> dict[str, Any]:
    """Return all readings as JSON has them."""
    field = found.field
    bounded = field.unbounded is None
    return {
        "name": found.name,
        "network": json.loads(network_to_json(found.net)),
        "input_size": None if found.input_size is None else _axes(found.input_size),
        "channels": found.channels,
        "unit": found.at,
        "layers": [
            {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "net"}
            for row in found.layers
        ],
        "field": {
            "unbounded": not bounded,
            "size": _axes(field.size),
            "stride": _axes(field.stride),
            "start": _axes(field.offset) if bounded else None,
            "phases": [[p.region for p in phases] for phases in _phase_axes(field)] if bounded else None,
            "is_covered": field.is_covered if bounded else None,
            "halo": _pairs(field, field.halo()),
            "period": _axes(field.period),
        },
        "effective": {name: _effective_dict(value) for name, value in found.effective.items()},
        "central_limit": [_limit_dict(limit) for limit in found.limits],
        "cost": None
        if found.cost is None
        else {name: getattr(found.cost, name) for name in ("parameters", "macs", "memory")},
        "notes": [note for note in (found.no_law, found.no_cost) if note],
    }


def _effective_dict(value: EffectiveField | str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"none": value.removeprefix("none: ")}
    return {"size": value.size, "count": value.count, "ratio": value.ratio, "extent": value.extent}


def _limit_dict(limit: CentralLimit) -> dict[str, Any]:
    known = {"mean": limit.mean, "variance": limit.var, "verdict": limit.verdict}
    if limit.var:
        names = ("skewness", "excess_kurtosis", "lindeberg_share", "distance", "corrected_distance", "bound")
        known |= {name: getattr(limit, name) for name in names}
    return known


def _jsonable(value: Any) -> Any:
    """Return a value as JSON has it: a Fraction as a string, what is infinite as null."""
    if isinstance(value, dict):
        return {key: _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, Fraction):
        return str(value) if value.denominator > 1 else value.numerator
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _axes(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _pairs(field: ReceptiveField, value: Any) -> tuple[Any, ...]:
    """Return pairs per axis, of which there is only one on a single axis."""
    return value if field.ndim > 1 else (value,)


def _phase_axes(field: ReceptiveField) -> tuple[Any, ...]:
    return field.phases if field.ndim > 1 else (field.phases,)


def _phases(field: ReceptiveField) -> int:
    """Return the largest number of phases over the axes."""
    return max(map(len, _phase_axes(field)))


def _sides(field: ReceptiveField) -> str:
    sides = _axes(field.size)
    return f"{' x '.join(map(str, sides))} {_unit(field.ndim)}" + "s" * (sides != (1,))


def _counted(count: int, ndim: int) -> str:
    return f"{count:,} {_unit(ndim)}" + "s" * (count != 1)


def _unit(ndim: int) -> str:
    return {1: "sample", 2: "pixel"}.get(ndim, "voxel")
