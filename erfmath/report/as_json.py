"""All readings of a network as values for JSON."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..laws.clt import CentralLimit
from ..laws.effective import EffectiveField
from ..network.arguments import per_axis_values
from ..network.cost import Cost
from ..network.field import ReceptiveField
from .axes import pairs_of, phases_of

if TYPE_CHECKING:
    from .analysis import Analysis
    from .measurement import Measured
    from .sizes import SizeRow

# The version of the format that analysis.schema.json describes.
VERSION = 1

_LIMIT_READINGS = (
    "skewness",
    "excess_kurtosis",
    "lindeberg_share",
    "distance",
    "corrected_distance",
    "bound",
)


def as_dict(found: Analysis) -> dict[str, Any]:
    """Return all readings as values for JSON; see :meth:`Analysis.to_dict`."""
    from ..formats.json_format import network_to_json

    whole = {
        "version": VERSION,
        "name": found.name,
        "output": found.output,
        "network": json.loads(network_to_json(found.net)),
        "input_size": found.input_size,
        "channels": found.channels,
        "unit": found.at,
        "borders": found.borders,
        "weights": found.weights,
        "profile": found.profile,
        "ref": found.ref,
        "level": found.level,
        "layers": [row.as_dict() for row in found.layers],
        "field": _field_dict(found.field),
        "effective": {name: _effective_dict(value) for name, value in found.effective.items()},
        "sizes": [_size_dict(row) for row in found.sizes],
        "central_limit": [_limit_dict(limit) for limit in found.limits] or None,
        "cost": _cost_dict(found.cost),
        "measured": _measured_dict(found.measured),
        "units": _units_dict(found),
        "warnings": found.warnings,
        "why": found.why,
    }
    return {key: jsonable(value) for key, value in whole.items()}


def _field_dict(field: ReceptiveField) -> dict[str, Any]:
    is_bounded = field.unbounded is None
    return {
        "unbounded": not is_bounded,
        "size": per_axis_values(field.size),
        "stride": per_axis_values(field.stride),
        "offset": _offsets(field),
        "phases": [[p.region for p in phases] for phases in phases_of(field)] if is_bounded else None,
        "is_covered": field.is_covered if is_bounded else None,
        "halo": pairs_of(field, field.halo()) if field.stretches is None else None,
        "period": per_axis_values(field.period),
    }


def _units_dict(found: Analysis) -> dict[str, Any] | None:
    """Return the lengths of the field, the halo and the effective fields, None without units."""
    units, field = found.units, found.field
    if units is None:
        return None
    halo = None if field.stretches is not None else pairs_of(field, field.halo())
    return {
        "unit": units.unit,
        "spacing": [float(length) for length in units.spacing],
        "field": units.lengths(per_axis_values(field.size)),
        "stride": units.lengths(per_axis_values(field.stride)),
        "halo": halo and [*zip(*map(units.lengths, zip(*halo, strict=True)), strict=True)],
        "effective": {name: value and units.side(value.size) for name, value in found.effective.items()},
    }


def _offsets(field: ReceptiveField) -> list[Any]:
    """Return the first position that unit 0 sees along each axis, null where no unit sees any."""
    if field.unbounded is not None:
        return list(per_axis_values(field.offset))
    return [next((phase.region[0] for phase in axis if phase.region), None) for axis in phases_of(field)]


def _effective_dict(value: EffectiveField | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"size": value.size, "count": value.count, "ratio": value.ratio, "extent": value.extent}


def _size_dict(row: SizeRow) -> dict[str, Any]:
    rule, taken = row.rule, row.measured
    return {
        "meaning": row.meaning,
        "rule": str(rule),
        "definition": rule.definition,
        "ref": rule.ref,
        "profile": rule.profile,
        "level": rule.level,
        "effective": _effective_dict(row.field),
        "why": row.why or None,
        "measured": None if taken is None else {"size": taken, "error": row.error, "runs": row.runs},
    }


def _limit_dict(limit: CentralLimit) -> dict[str, Any]:
    known = {"mean": limit.mean, "variance": limit.var, "verdict": limit.verdict.to_dict()}
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
        "coherent_variance": found.coherent,
        "correlation": agreement.correlation,
        "l1": agreement.l1,
    }


def jsonable(value: Any) -> Any:
    """Return a value for JSON: a Fraction as a string such as "1/2", infinity as "inf" or "-inf".

    >>> jsonable({"size": (3, math.inf), "stride": Fraction(1, 2)})
    {'size': [3, 'inf'], 'stride': '1/2'}
    """
    if isinstance(value, dict):
        return {key: jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(entry) for entry in value]
    if isinstance(value, Fraction):
        return str(value) if value.denominator > 1 else value.numerator
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
