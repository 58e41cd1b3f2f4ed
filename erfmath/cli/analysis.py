"""All readings of a network that ``erfmath analyze`` shows, and the same as JSON has them."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from erfmath._checks import as_count, check_memory, per_axis
from erfmath.clt import CentralLimit, central_limit
from erfmath.effective import EffectiveField, effective_field
from erfmath.joint import JointDistribution
from erfmath.lattice import LatticeDistribution
from erfmath.network.border import unit_inside
from erfmath.network.cost import Cost, cost
from erfmath.network.field import ReceptiveField, receptive_field
from erfmath.network.node import Node
from erfmath.network.sizes import output_size, sized_for
from erfmath.network.summary import LayerTable, layer_table
from erfmath.network.weights import variance
from erfmath.notation import network_to_json
from erfmath.product_law import ProductDistribution, distribution

from .notation import parse_count, parse_sides

if TYPE_CHECKING:
    from erfmath.empirical import Agreement

    from .models import Model

Law = LatticeDistribution | JointDistribution

# By number of axes: a second of audio, a picture as ImageNet's networks see it, a small volume.
INPUT_SIZES = {1: 16000, 2: 224, 3: 64}
CHANNELS = {2: 3}

# A default input is no larger than twice this.
_LARGEST = 10**9

# Channels of the random networks that are measured, fewer where their maps are large; a run of as many values
# takes some seconds and some 1.5 GB.
_WIDTHS = (16, 8, 4)
_MOST_VALUES = 2**26

# Bytes that a run takes for each byte of activations.
_COPIES = 6

_LIMIT_READINGS = (
    "skewness",
    "excess_kurtosis",
    "lindeberg_share",
    "distance",
    "corrected_distance",
    "bound",
)


@dataclass
class Measured:
    """A measurement beside the theory: what was drawn in each run, and whether the unit meets no border."""

    agreement: Agreement
    drawn: str
    is_clear: bool


@dataclass
class Analysis:
    """All readings of a network; a law or a cost that does not exist is None, and why is said."""

    name: str
    output: str | None
    net: Node
    field: ReceptiveField
    input_size: Any
    channels: int
    at: Any
    profile: str
    layers: LayerTable
    cost: Cost | None
    no_cost: str
    law: Law | None
    no_law: str
    effective: dict[str, EffectiveField | str]
    limits: list[CentralLimit]
    no_limit: str
    measured: Measured | None = None


def analysis_of(
    name: str,
    net: Node,
    arguments: argparse.Namespace,
    likely_size: Any = None,
    likely_channels: Any = None,
    output: str | None = None,
) -> Analysis:
    """Return all readings of a network; size and channels are those asked for, the likely or the usual."""
    field = receptive_field(net)
    size = _size(net, field, arguments, likely_size)
    channels = channels_of(arguments) or likely_channels or CHANNELS.get(field.ndim, 1)
    at = _unit(net, field, size, arguments)
    spent, no_cost = _cost(net, size, channels)
    law, no_law = _law(net, at, size if arguments.borders else None, arguments.profile)
    limits, no_limit = _limits(law)
    return Analysis(
        name=name,
        output=output,
        net=net,
        field=field,
        input_size=size,
        channels=channels,
        at=at,
        profile=arguments.profile,
        layers=layer_table(net, size, channels if spent else None),
        cost=spent,
        no_cost=no_cost,
        law=law,
        no_law=no_law,
        effective=_effective(law, arguments),
        limits=limits,
        no_limit=no_limit,
    )


def channels_of(arguments: argparse.Namespace) -> int | None:
    """Return the channels of the input that are asked for, if any are."""
    if arguments.channels is None:
        return None
    return as_count(parse_count(arguments.channels, "--channels"), "--channels", minimum=1)


def _size(net: Node, field: ReceptiveField, arguments: argparse.Namespace, likely: Any) -> Any:
    """Return the input size asked for, else one that is likely or usual and fits."""
    asked = parse_sides(arguments.input_size, "--input-size")
    if asked is None:
        return _fitting_size(net, field, likely)
    sides = per_axis(asked, field.ndim, "--input-size", minimum=1)
    return sides if field.ndim > 1 else sides[0]


def _fitting_size(net: Node, field: ReceptiveField, likely: Any) -> Any:
    """Return an input size that is likely or usual and fits, None where none of those tried does."""
    largest = max(axes_of(field.size))
    doubled = [] if largest > _LARGEST else [2 ** max(6, int(largest).bit_length())]
    usual = [(side,) * field.ndim for side in (INPUT_SIZES.get(field.ndim, 16), *doubled)]
    for sides in [*([] if likely is None else [axes_of(likely)]), *usual]:
        size = sides if field.ndim > 1 else sides[0]
        try:
            output_size(net, size)
        except ValueError:
            continue
        return size
    return None


def _cost(net: Node, size: Any, channels: int) -> tuple[Cost | None, str]:
    """Return the cost, or why there is none; an input that does not fit is an error of the user's."""
    if size is None:
        return None, "unknown: give an --input-size that fits"
    sized_for(net, size)
    try:
        return cost(net, size, channels), ""
    except ValueError as error:  # of the channels
        return None, f"unknown: {error}"


def _unit(net: Node, field: ReceptiveField, size: Any, arguments: argparse.Namespace) -> Any:
    """Return the output unit asked for, by default 0 or the middle of a map with borders."""
    at = parse_sides(arguments.at, "--at")
    if not arguments.borders:
        if at is not None:
            per_axis(at, field.ndim, "at")
        return 0 if at is None else at
    if size is None:
        raise ValueError("--borders needs an --input-size that fits")
    unit = unit_inside(sized_for(net, size), at)
    return unit if len(unit) > 1 else unit[0]


def _law(net: Node, at: Any, size: Any, profile: str) -> tuple[Law | None, str]:
    """Return the law that a profile is read from, on a map with borders where a size is given, or why not."""
    if size is None and receptive_field(net).unbounded is not None:
        return None, "none without --borders: the whole input is seen, however large"
    try:
        read = net if profile == "mean" else variance(net)
        return distribution(read, at=at, input_size=size), ""
    except (ValueError, MemoryError) as error:
        return None, _none(error)


def _effective(law: Law | None, arguments: argparse.Namespace) -> dict[str, EffectiveField | str]:
    """Return the effective field by each definition, or why there is none."""
    found: dict[str, EffectiveField | str] = {}
    for name in [arguments.definition] if arguments.definition else ["threshold", "mass"]:
        try:
            if law is not None:
                found[name] = effective_field(law, name, arguments.ref, arguments.profile)
        except (ValueError, MemoryError) as error:
            found[name] = _none(error)
    return found


def _limits(law: Law | None) -> tuple[list[CentralLimit], str]:
    """Return the central limit along each axis; a law cut at borders is no sum, and has none."""
    marginals = marginals_of(law)
    limits = [central_limit(m.polynomial) for m in marginals if isinstance(m, ProductDistribution)]
    try:
        for limit in limits:
            _ = limit.verdict  # laws of steps that double, without end, have no readings
    except (ValueError, MemoryError) as error:
        return [], _none(error)
    return limits, ""


def measured_of(found: Analysis, runs: int, arguments: argparse.Namespace, model: Model) -> Measured:
    """Return a measurement beside the theory, of a module's part, else of the network with random weights."""
    from erfmath.empirical import measure

    if (whole := found.field.unbounded) is not None:
        raise ValueError(
            f"--measure needs a bounded field, and {whole!r} reads the whole input; choose an --output "
            "before it"
        )
    size, unit, is_clear = _measured_place(found, arguments, model.reader is not None)
    if (part := model.part) is None:
        subject, theory, drawn, options = _random_network(found.net, size)
    else:
        subject, theory, drawn, options = *part, "random inputs, its own weights", _inputs(found)
    law = distribution(theory, at=unit, input_size=size)
    reading: dict[str, Any] = {"definition": arguments.definition or "threshold", "ref": arguments.ref}
    effective_field(law, **reading)  # what has no such field is told before the runs
    profile = "std" if arguments.profile == "std" else "variance"
    taken = measure(subject, size, unit, runs=runs, rng=0, **{"profile": profile, **options})
    return Measured(taken.compare(law, **reading), drawn, is_clear)


def _measured_place(
    found: Analysis, arguments: argparse.Namespace, is_module: bool
) -> tuple[Any, tuple[int, ...], bool]:
    """Return the input's size, the unit asked for or one that sees the same, whether it meets no border."""
    from erfmath.empirical import is_clear, middle_unit, natural_size

    size, unit = found.input_size, axes_of(found.at)
    if not arguments.borders:
        if not (is_module or arguments.input_size):
            size = natural_size(found.net, found.at)
        unit = middle_unit(found.field, output_size(found.net, size), found.at)
    clear = is_clear(found.field, unit, size)
    if not clear and arguments.at and not arguments.borders:
        raise ValueError(
            f"--at {arguments.at.strip()} without --borders is a unit that meets none, and an input of "
            f"{_sides(size)} has no such unit to measure; give --borders, or a larger --input-size"
        )
    return size, unit, clear


def _random_network(net: Node, size: Any) -> tuple[Node, Node, str, dict[str, Any]]:
    """Return what is measured of a network, its theory, what is drawn in each run, and how to measure it."""
    from erfmath.empirical import values_of
    from erfmath.torch_module import GIVEN, to_torch

    values = values_of(net, size)
    _require_few(values, size)
    if not to_torch(net, 1).drawn:
        return net, net, "random inputs, the given weights", {"profile": "mean", "channels": 1, "init": GIVEN}
    width = next(width for width in _WIDTHS if width * values <= _MOST_VALUES)
    return net, variance(net), f"random weights, {width} channels", {"channels": width}


def _inputs(found: Analysis) -> dict[str, Any]:
    """Return how to measure a module: with inputs of the shape that it was exported with."""
    from erfmath.torch_module import import_torch

    if found.cost is not None:
        check_memory(_COPIES * found.cost.memory, "--measure: a run", "give a smaller --input-size")
    shape = (1, found.channels, *axes_of(found.input_size))
    return {"inputs": lambda run: import_torch().randn(shape)}


def _require_few(values: int, size: Any) -> None:
    """Raise where a run holds too many values even with the fewest channels."""
    if min(_WIDTHS) * values > _MOST_VALUES:
        raise ValueError(
            f"--measure: a run on an input of {_sides(size)} takes too long; give a smaller --input-size, "
            "whose borders count in the theory as well"
        )


def _sides(size: Any) -> str:
    return " x ".join(map(str, axes_of(size)))


def _none(error: Exception) -> str:
    return f"none: {error or 'not enough memory'}"


def as_dict(found: Analysis) -> dict[str, Any]:
    """Return all readings as JSON has them."""
    whole = {
        "name": found.name,
        "output": found.output,
        "network": json.loads(network_to_json(found.net)),
        "input_size": None if found.input_size is None else axes_of(found.input_size),
        "channels": found.channels,
        "unit": found.at,
        "profile": found.profile,
        "layers": [row.as_dict() for row in found.layers],
        "field": _field_dict(found.field),
        "effective": {name: _effective_dict(value) for name, value in found.effective.items()},
        "central_limit": [_limit_dict(limit) for limit in found.limits],
        "cost": _cost_dict(found.cost),
        "measured": _measured_dict(found.measured),
        "notes": [note for note in (found.no_law, found.no_limit, found.no_cost) if note],
    }
    return {key: jsonable(value) for key, value in whole.items()}


def _field_dict(field: ReceptiveField) -> dict[str, Any]:
    is_bounded = field.unbounded is None
    return {
        "unbounded": not is_bounded,
        "size": axes_of(field.size),
        "stride": axes_of(field.stride),
        "start": axes_of(field.offset) if is_bounded else None,
        "phases": [[p.region for p in phases] for phases in phases_of(field)] if is_bounded else None,
        "is_covered": field.is_covered if is_bounded else None,
        "halo": pairs_of(field, field.halo()),
        "period": axes_of(field.period),
    }


def _effective_dict(value: EffectiveField | str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"none": value.removeprefix("none: ")}
    return {"size": value.size, "count": value.count, "ratio": value.ratio, "extent": value.extent}


def _limit_dict(limit: CentralLimit) -> dict[str, Any]:
    known = {"mean": limit.mean, "variance": limit.var, "verdict": limit.verdict}
    return known | ({name: getattr(limit, name) for name in _LIMIT_READINGS} if limit.var else {})


def _cost_dict(found: Cost | None) -> dict[str, int] | None:
    return (
        None if found is None else {name: getattr(found, name) for name in ("parameters", "macs", "memory")}
    )


def _measured_dict(found: Measured | None) -> dict[str, Any] | None:
    if found is None:
        return None
    agreement, taken = found.agreement, found.agreement.measured
    return {
        "runs": taken.runs,
        "drawn": found.drawn,
        "profile": taken.profile,
        "unit": taken.unit,
        "input_size": taken.input_size,
        "meets_border": not found.is_clear,
        "variance": taken.var.tolist(),
        "variance_ratio": agreement.variance_ratio,
        "variance_error": agreement.variance_error,
        "effective": {"measured": agreement.effective.size, "theory": agreement.expected.size},
        "correlation": agreement.correlation,
        "l1": agreement.l1,
    }


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it: a Fraction as a string, what is infinite as null."""
    if isinstance(value, dict):
        return {key: jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(entry) for entry in value]
    if isinstance(value, Fraction):
        return str(value) if value.denominator > 1 else value.numerator
    return None if isinstance(value, float) and not math.isfinite(value) else value


def marginals_of(law: Law | None) -> list[LatticeDistribution]:
    """Return the laws along each axis, none where there is no law."""
    if isinstance(law, JointDistribution):
        return [law.marginal(axis) for axis in range(law.ndim)]
    return [] if law is None else [law]


def axes_of(value: Any) -> tuple[Any, ...]:
    """Return a value per axis as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def pairs_of(field: ReceptiveField, value: Any) -> tuple[Any, ...]:
    """Return pairs per axis, of which there is only one on a single axis."""
    return value if field.ndim > 1 else (value,)


def phases_of(field: ReceptiveField) -> tuple[Any, ...]:
    """Return the phases along each axis."""
    return field.phases if field.ndim > 1 else (field.phases,)
