"""The text that ``erfmath analyze`` prints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..laws.base import Distribution
from ..laws.clt import CentralLimit
from ..models.model import Model
from ..network.arguments import per_axis_values
from ..network.field import ReceptiveField
from ..words import (
    facts,
    human_bytes,
    per_axis_text,
    positions_word,
    short_count,
    shown_sides,
    table,
)
from .axes import marginals_of, pairs_of, phases_of
from .pictures import beside, drawn_name, map_picture, profile_picture
from .sizes import OWN_WEIGHTS, size_facts

if TYPE_CHECKING:
    from .analysis import Analysis
    from .measurement import Measured
    from .units import Units

_MOST_PHASES = 8

# By weights and profile; the impact itself needs no explanation.
_PROFILES = OWN_WEIGHTS | {
    ("uniform", "variance"): "the variance of the gradient with random weights",
    ("uniform", "std"): "the standard deviation of the gradient with random weights",
}

_MEASURED = {
    "variance": "mean square of the gradient",
    "std": "mean magnitude of the gradient",
    "mean": "mean gradient",
}


def report(found: Analysis) -> str:
    """Return the title, the layers, the theoretical and the effective field, a picture and a measurement."""
    layers = str(found.shown)
    parts = [title_of(found), layers, facts([*_field_facts(found), *_context_facts(found)])]
    parts.append(phase_table(found))
    parts.append(facts(_impact_facts(found)))
    if found.distribution is not None and any(m.var() for m in marginals_of(found.distribution)):
        parts.append(_picture(found.distribution, found.profile, found.weights))
    parts.append(measured_text(found))
    return "\n\n".join(filter(None, parts))


def phase_table(found: Analysis) -> str:
    """Return a table of the phases where they are few, else nothing."""
    is_shown = found.field.unbounded is None and 1 < _phases(found.field) <= _MOST_PHASES
    return _phase_table(found.field) if is_shown else ""


def measured_text(found: Analysis) -> str:
    """Return the measurement and its agreement with the theory, nothing if there is none."""
    return "" if found.measured is None else _measured(found.measured)


def facts_of(found: Analysis) -> list[tuple[str, str]]:
    """Return names and sentences; one without a name goes on with the one before."""
    return [*_field_facts(found), *_context_facts(found), *_impact_facts(found)]


def _context_facts(found: Analysis) -> list[tuple[str, str]]:
    """Return a warning where layers read nothing but what their input has seen of all the image."""
    context = found.context
    if context is None or not context.unproductive:
        return []
    counts, sizes = context.summary.split("; ")
    return [("Context", counts), ("", sizes)]


def _impact_facts(found: Analysis) -> list[tuple[str, str]]:
    of_reading = found.net.warnings if isinstance(found.net, Model) else ()  # told when it was read
    new = [part for said in found.warnings if said not in of_reading for part in said.split("; ")]
    warned = [("" if number else "Warning", part) for number, part in enumerate(new)]
    return [*_effective_facts(found), *_limit_facts(found), ("Cost", _cost_text(found)), *warned]


def title_of(found: Analysis) -> str:
    """Return which network, up to where, and its input."""
    is_last_map = isinstance(found.net, Model) and found.net.is_last_map
    whose = "its last map " if is_last_map else ""
    name = found.name if found.output is None else f"{found.name} up to {whose}{found.output!r}"
    if found.input_size is None:
        return f"{name}, from input to output"
    plural = "s" if found.channels > 1 else ""
    return f"{name} on {_pixels(found.input_size)}, {found.channels} channel{plural}"


def _measured(found: Measured) -> str:
    """Return what was measured and where, and a table of its agreement with the theory."""
    taken = found.agreement.measured
    runs = f"{taken.runs} run" + "s" * (taken.runs != 1)
    return (
        f"Measured over {runs} with {found.drawn}: {_MEASURED[taken.profile]}\n"
        f"at unit {','.join(map(str, taken.unit))} on {_pixels(taken.input_size)}"
        f"{'' if found.is_clear else ', which meets a border'}:\n\n{found.agreement!r}{_coherent(found)}"
    )


def _coherent(found: Measured) -> str:
    """Return how the measured variance agrees with the theory of coherent gradients, if there is one."""
    ratios = dict.fromkeys(f"{ratio:.4g} +- {error:.2g}" for ratio, error in found.coherent_ratios)
    if not ratios:
        return ""
    return (
        "\n\nThis theory is of independent paths. Gradients of this network are coherent, and the measured "
        f"variance is\n{' x '.join(ratios)} times that of em.coherence."
    )


def _field_facts(found: Analysis) -> list[tuple[str, str]]:
    field, at, units = found.field, found.at, found.units
    if field.is_everything:
        without = (
            "; global_context=False, --no-global-context, leaves it out"
            if isinstance(found.net, Model)
            else ""
        )
        return [("Field", f"unbounded: {field.unbounded!r} reads the whole input{without}")]
    strides = per_axis_text(per_axis_values(field.stride))
    one, unit = positions_word(field.ndim, 1), positions_word(field.ndim)
    every = f"every {one}" if strides == "1" else f"every {strides} {unit}{_length(units, field.stride)}"
    region = field.region(at if field.ndim > 1 else at[0])
    regions = [_ends(ends) for ends in pairs_of(field, region)]
    if field.unbounded is not None:
        sides = f"{shown_sides(per_axis_values(field.size))} {unit}{_length(units, field.size)}"
        return [
            ("Field", f"{sides}: {field.unbounded!r} reads the whole of an axis or side"),
            (f"Unit {','.join(map(str, at if any(at) else at[:1]))}", f"sees {per_axis_text(regions)}"),
            ("Halo", _halo(field, units)),
        ]
    whole = [
        ("Field", f"{_sides(field)}{_length(units, field.size)}; one unit {every}"),
        (f"Unit {','.join(map(str, at if any(at) else at[:1]))}", f"sees {per_axis_text(regions)}"),
    ]
    if (count := _phases(field)) > 1:
        sizes = [phase.size for phases in phases_of(field) for phase in phases]
        between = f"{min(sizes)} .. {max(sizes)}" if min(sizes) < max(sizes) else str(max(sizes))
        whole.append(("Phases", f"{count}, by the output's index modulo {count}: fields of {between}"))
    return [*whole, ("Holes", _holes(field)), ("Halo", _halo(field, units))]


def _ends(ends: Any) -> str:
    """Return the ends of a region in words, those without an end as everything there."""
    if ends is None:
        return "nothing"
    low, high = ends
    if math.isinf(low) and math.isinf(high):
        return "all"
    if math.isinf(low):
        return f"all up to {high}"
    return f"all from {low}" if math.isinf(high) else f"{low} .. {high}"


def _holes(field: ReceptiveField) -> str:
    if field.is_covered:
        return "none"
    spans = per_axis_values(field.span)
    if max(spans) > 1:
        return f"only one {positions_word(field.ndim, 1)} in {per_axis_text(spans)} along an axis is seen"
    seen = [f"{p[0].count} of {p[0].size}" for p in phases_of(field)]
    return f"unit 0 sees {per_axis_text(seen)} {positions_word(field.ndim)} along an axis"


def _halo(field: ReceptiveField, units: Units | None) -> str:
    if field.stretches is not None:
        return f"none: {field.stretches} has positions that depend on the size of the map"
    pairs = [["all" if math.isinf(end) else end for end in pair] for pair in pairs_of(field, field.halo())]
    ends = [f"{before} before, {after} after" for before, after in pairs]
    tiles = per_axis_text(per_axis_values(field.period))
    return f"{per_axis_text(ends)}{_halo_length(field, units)}" + (
        "" if tiles == "1" else f", for tiles that start at multiples of {tiles}"
    )


def _phase_table(field: ReceptiveField) -> str:
    several = len({tuple(p.region for p in phases) for phases in phases_of(field)}) > 1
    rows = []
    for axis, phases in enumerate(phases_of(field)):
        for number, phase in enumerate(phases):
            first, last = map(str, phase.region or ("-", "-"))
            rows.append([*([str(axis)] if several else []), str(number), first, last, str(phase.size)])
        if not several:
            break
    return table([*(["axis"] if several else []), "phase", "first", "last", "field"], rows)


def _effective_facts(found: Analysis) -> list[tuple[str, str]]:
    """Return a line for each meaning and definition; the reason for a missing field is given once."""
    is_any = any(row.field is not None for row in found.sizes)
    if found.distribution is None and not is_any:
        return [("Effective", found.why["distribution"])]
    if not is_any and not found.limits and not found.borders:
        return [("Effective", found.why["central_limit"])]
    words = _PROFILES.get((found.weights, found.profile))
    return [*([("Profile", words)] if words else []), *size_facts(found)]


def _limit_facts(found: Analysis) -> list[tuple[str, str]]:
    """Return a line for each axis, or a single one if all are equal."""
    if not found.limits:
        is_said = found.borders or not any(found.effective.values())
        return [] if is_said else [("Shape", found.why["central_limit"])]
    same = len({limit.polynomial for limit in found.limits}) == 1
    lines = []
    for axis, limit in enumerate(found.limits[:1] if same else found.limits):
        of_axis = "" if same else f"axis {axis}: "
        lines += [f"{of_axis}{limit.verdict.headline}", *_limit_details(limit)]
    return [("" if number else "Shape", line) for number, line in enumerate(lines)]


def _limit_details(limit: CentralLimit) -> list[str]:
    """Return why the distribution is not Gaussian, if it is not, and the other readings."""
    verdict = limit.verdict
    if verdict.kind == "point":
        return []
    named = verdict.kind in ("tails", "skewness")
    kurtosis = "" if named else f"excess kurtosis {verdict.excess_kurtosis:.2g}"
    return [", ".join(filter(None, [verdict.reason, f"standard deviation {limit.std:.4g}", kurtosis]))]


def _cost_text(found: Analysis) -> str:
    if found.cost is None:
        return found.why["cost"]
    held = "parameters" if isinstance(found.net, Model) and found.net.has_parts else "weights"
    return (
        f"{short_count(found.cost.parameters)} {held}, {short_count(found.cost.macs)} multiply-accumulates, "
        f"{human_bytes(found.cost.memory)} of activations"
    )


def _picture(law: Distribution, profile: str, weights: str) -> str:
    """Return the profile along the first axis, on two axes beside the map; empty if it cannot be drawn."""
    what = drawn_name(profile, weights)
    try:
        if law.ndim == 1:
            return (
                f"{what}, within five standard deviations of its mean:\n\n{profile_picture(law.marginal(0))}"
            )
        line = profile_picture(law.marginal(0), width=40, height=12)
        if law.ndim != 2:
            return f"{what} along axis 0, within five standard deviations of its mean:\n\n{line}"
        title = f"{what}, shaded from 5, 15, 40 and 75 % of the peak; on the right along axis 0:"
        return f"{title}\n\n{beside(map_picture(law), line)}"
    except ValueError:  # the readings above say why
        return ""


def _phases(field: ReceptiveField) -> int:
    """Return the largest number of phases over the axes."""
    return max(map(len, phases_of(field)))


def _sides(field: ReceptiveField) -> str:
    return _pixels(per_axis_values(field.size))


def _pixels(sides: tuple[int, ...]) -> str:
    return f"{' x '.join(map(str, sides))} {positions_word(len(sides), math.prod(sides))}"


def _length(units: Units | None, samples: Any) -> str:
    """Return samples per axis as lengths in parentheses, nothing without units."""
    return "" if units is None else f" ({units.text(per_axis_values(samples))})"


def _halo_length(field: ReceptiveField, units: Units | None) -> str:
    """Return a halo as lengths in parentheses, once where both sides are equal."""
    if units is None:
        return ""
    sides = [units.text(side) for side in zip(*pairs_of(field, field.halo()), strict=True)]
    return f" ({sides[0]})" if len(set(sides)) == 1 else f" ({sides[0]} before, {sides[1]} after)"
