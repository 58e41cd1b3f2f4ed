"""All readings of a network that ``erfmath analyze`` shows."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from erfmath._checks import as_count, per_axis
from erfmath.laws.base import Distribution
from erfmath.laws.clt import CentralLimit, central_limit
from erfmath.laws.effective import EffectiveField, effective_field
from erfmath.laws.lazy import distribution
from erfmath.laws.univariate import UnivariateDistribution
from erfmath.network.algebra import Node
from erfmath.network.border import unit_inside
from erfmath.network.cost import Cost, cost
from erfmath.network.field import ReceptiveField, receptive_field
from erfmath.network.impact_map import impact_map
from erfmath.network.sizes import output_size, sized_for
from erfmath.network.variance import variance
from erfmath.report.layers import LayerTable, layer_table

from ..cli.arguments import parse_count, parse_sides

if TYPE_CHECKING:
    from ..cli.models import Model

Law = Distribution

# By number of axes: a second of audio, a picture as ImageNet's networks see it, a small volume.
INPUT_SIZES = {1: 16000, 2: 224, 3: 64}
CHANNELS = {2: 3}

# A default input is no larger than twice this.
_LARGEST = 10**9


@dataclass
class Analysis:
    """All readings of a network; a law or a cost that does not exist is None, and why is said."""

    name: str
    output: str | None
    whose: str
    net: Node
    field: ReceptiveField
    input_size: Any
    channels: int
    at: Any
    profile: str
    weights: str
    layers: LayerTable
    cost: Cost | None
    no_cost: str
    law: Law | None
    no_law: str
    effective: dict[str, EffectiveField | str]
    limits: list[CentralLimit]
    no_limit: str


def analysis_of(model: Model, arguments: argparse.Namespace) -> Analysis:
    """Return all readings of a network; size and channels are those asked for, the likely or the usual."""
    net, weights = model.net, arguments.weights
    weighted = net if weights == "uniform" else model.with_weights(weights)
    field = receptive_field(net)
    size = _size(net, field, arguments, model.input_size)
    channels = channels_of(arguments) or model.channels or CHANNELS.get(field.ndim, 1)
    at = _unit(net, field, size, arguments)
    spent, no_cost = _cost(net, size, channels)
    law, no_law = _law(weighted, at, size if arguments.borders else None, arguments)
    limits, no_limit = _limits(law)
    return Analysis(
        name=model.name,
        output=model.output,
        whose="" if arguments.output else "its last map ",
        net=net,
        field=field,
        input_size=size,
        channels=channels,
        at=at,
        profile=arguments.profile,
        weights=weights,
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


def _law(net: Node, at: Any, size: Any, arguments: argparse.Namespace) -> tuple[Law | None, str]:
    """Return the law that a profile is read from, on a map with borders where a size is given, or why not."""
    profile, weights = arguments.profile, arguments.weights
    if size is None and receptive_field(net).unbounded is not None:
        words = "none without --borders: the whole input is seen, however large"
        return None, words + ("" if arguments.no_gates else "; in a model, --no-gates leaves gates out")
    try:
        if weights == "given" and profile == "mean":
            return impact_map(net, at, size).distribution(), ""
        read = net if profile == "mean" or weights == "energy" else variance(net)
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
    limits = [central_limit(m.polynomial) for m in marginals if m.polynomial is not None]
    try:
        for limit in limits:
            _ = limit.verdict  # laws of steps that double, without end, have no readings
    except (ValueError, MemoryError) as error:
        return [], _none(error)
    return limits, ""


def _none(error: Exception) -> str:
    return f"none: {error or 'not enough memory'}"


def marginals_of(law: Law | None) -> list[UnivariateDistribution]:
    """Return the laws along each axis, none where there is no law."""
    return [] if law is None else list(law.marginals)


def axes_of(value: Any) -> tuple[Any, ...]:
    """Return a value per axis as a tuple."""
    return value if isinstance(value, tuple) else (value,)


def pairs_of(field: ReceptiveField, value: Any) -> tuple[Any, ...]:
    """Return pairs per axis, of which there is only one on a single axis."""
    return value if field.ndim > 1 else (value,)


def phases_of(field: ReceptiveField) -> tuple[Any, ...]:
    """Return the phases along each axis."""
    return field.phases if field.ndim > 1 else (field.phases,)
