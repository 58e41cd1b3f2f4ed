"""The effective field in its meanings: what mean weights pass, and what one measures at initialisation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..laws.base import Distribution
from ..laws.effective import EffectiveField, effective_field
from ..laws.lazy import distribution
from ..laws.rules import Rule
from ..models.model import Model
from ..network.algebra import Node
from ..network.field import receptive_field
from ..network.impact_map import impact_map
from ..network.variance import variance
from ..words import figure, positions_word

if TYPE_CHECKING:
    from .analysis import Analysis
    from .measurement import Measured

# What networks of unknown weights are read by, besides what is asked for: the paper's theory, and what one
# measures.
_BOTH = ("mean", "std")

# The map of RepLKNet, of 8e7 pixels, takes 20 s and 2 GB; there one profile is read, not both.
_MOST_PIXELS = 2**25

# What is read of a model's own weights, by weights and profile.
OWN_WEIGHTS = {
    ("given", "mean"): "the magnitude of the gradient, with mean slopes for rectifiers",
    ("given", "variance"): "the mean square of the gradient, for the model's weights with random signs",
    ("given", "std"): "the root mean square of the gradient, for the model's weights with random signs",
    ("energy", "mean"): "the mean square of the gradient, from the mean squares of the model's weights",
    ("energy", "variance"): "the mean square of the gradient, from the mean squares of the model's weights",
    ("energy", "std"): "the root mean square of the gradient, from the mean squares of the model's weights",
}


@dataclass(frozen=True)
class SizeRow:
    """The effective field in one meaning by one rule, and a measurement of the same, if there is one.

    Attributes
    ----------
    meaning, rule
        What is read, in words, and by which profile, definition, reference and level.
    field
        The effective field; None where there is none, for the reason in `why`.
    measured, error, runs
        The side of the same field by measurement, its standard error (nan of a single run), and the runs.
    """

    meaning: str
    rule: Rule
    field: EffectiveField | None
    why: str = ""
    measured: float | None = None
    error: float = math.nan
    runs: int = 0

    @property
    def measured_text(self) -> str:
        """The measured side and its standard error, nothing if it was not measured."""
        if self.measured is None:
            return ""
        if math.isnan(self.error):
            return shown_side(self.measured)
        if not self.error:
            return f"{shown_side(self.measured)} +- 0"
        decimals = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.measured:.{decimals}f} +- {self.error:.{decimals}f}"


def sizes_of(found: Analysis) -> tuple[SizeRow, ...]:
    """Return the effective field as asked for, by mean weights, and as one measures it at initialisation."""
    profiles = [found.profile, *(_BOTH if found.weights == "uniform" else ())]
    rows = [row for profile in dict.fromkeys(profiles) for row in _rows(found, profile)]
    return tuple(rows if found.measured is None else _beside(rows, found, found.measured))


def _rows(found: Analysis, profile: str) -> Iterator[SizeRow]:
    """Yield a row for each definition; those of the profile asked for are in the analysis."""
    fields, why = found.effective, found.why
    if profile != found.profile and _is_vast(found.distribution):
        reason = f"not read as well, as the map is large; ask for profile={profile!r}"
        for rule in found.rules:
            yield SizeRow(_meaning(found.weights, profile), replace(rule, profile=profile), None, reason)
        return
    if profile != found.profile:
        why = {}
        choices = {"profile": profile, "weights": found.weights}
        law = distribution_of(found.net, found.at, found.input_size if found.borders else None, choices, why)
        fields = fields_of(law, [replace(rule, profile=profile) for rule in found.rules], why)
    for rule in found.rules:
        own = replace(rule, profile=profile)
        reason = why.get(f"effective.{rule.definition}", "")
        yield SizeRow(_meaning(found.weights, profile), own, fields[rule.definition], reason)


def _is_vast(law: Distribution | None) -> bool:
    """Return whether a second map like that of a distribution takes minutes and gigabytes."""
    if law is None or law.is_independent:
        return False
    return math.prod(high - low + 1 for low, high in law.bounds) > _MOST_PIXELS


def _meaning(weights: str, profile: str) -> str:
    return OWN_WEIGHTS.get((weights, profile)) or Rule(profile=profile).meaning


def _beside(rows: list[SizeRow], found: Analysis, taken: Measured) -> list[SizeRow]:
    """Return the rows with a measurement in that of the same rule, weights and unit, else in its own."""
    agreement = taken.agreement
    own = replace(found.rules[0], profile=agreement.measured.profile)
    meaning = _meaning(taken.weights, own.profile)
    place = next((i for i, row in enumerate(rows) if (row.meaning, row.rule) == (meaning, own)), None)
    if not (taken.is_clear or found.borders):
        place, unit = None, ",".join(map(str, agreement.measured.unit))
        meaning = f"{meaning}, at unit {unit} with borders"
    row = SizeRow(
        meaning,
        own,
        agreement.expected,
        measured=agreement.effective.size,
        error=agreement.effective_error,
        runs=agreement.measured.runs,
    )
    return [*rows, row] if place is None else [*rows[:place], row, *rows[place + 1 :]]


def size_facts(found: Analysis) -> list[tuple[str, str]]:
    """Return the sizes as lines: each meaning, below it a line for each rule, and what the rules say."""
    lines: list[tuple[str, str]] = []
    for meaning, rows in itertools.groupby(found.sizes, key=lambda row: row.meaning):
        lines.append(("" if lines else "Effective", f"{meaning}:"))
        lines += [("", f"  {_sentence(row, found)}") for row in rows]
    unit = positions_word(found.field.ndim)
    rules = {row.rule.definition: row.rule.in_words(unit) for row in found.sizes if row.field is not None}
    return [*lines, *(("", f"{name}: {text}") for name, text in rules.items())]


def _sentence(row: SizeRow, found: Analysis) -> str:
    if row.field is None:
        return f"{row.rule.definition}: {row.why}"
    size, units = row.field.size, found.units
    length = f" ({figure(round(units.side(size), 4))} {units.unit})" if units else ""
    of_field = " of the field" if row.measured is None else ""
    text = f"{counted(row.field.count, found.field.ndim)}, side {figure(round(size, 2))}{length}, "
    text += f"{row.field.ratio:.1%}{of_field} ({row.rule.definition})"
    return text if row.measured is None else f"{text}; measured {row.measured_text}"


def counted(count: int, ndim: int) -> str:
    """Return a number of samples, pixels or voxels in words."""
    return f"{count:,} {positions_word(ndim, count)}"


def shown_side(side: float) -> str:
    """Return a side with as many digits as mean something: tenths of a sample, or four digits.

    >>> shown_side(22.7376), shown_side(469.0), shown_side(0.81649), shown_side(1234567.8)
    ('22.7', '469', '0.8165', '1234568')
    """
    if abs(side) < 10:
        return f"{side:.4g}"
    return f"{side:.0f}" if side == round(side) or abs(side) >= 1e4 else f"{side:.1f}"


def distribution_of(
    net: Node, at: Any, size: Any, choices: dict[str, Any], why: dict[str, str]
) -> Distribution | None:
    """Return the distribution of the impact, with borders if a size is given, or say why there is none."""
    profile, weights = choices["profile"], choices["weights"]
    weighted = _weighted(net, weights)
    if size is None and receptive_field(net).unbounded is not None:
        why["distribution"] = "none without borders: one unit sees the whole input, however large it is"
        return None
    try:
        if weights == "given" and profile == "mean":
            return impact_map(weighted, at, size).distribution()
        is_read = profile == "mean" or weights == "energy"
        return distribution(weighted if is_read else variance(weighted), at=at, input_size=size)
    except (ValueError, MemoryError) as error:
        why["distribution"] = none_for(error)
        return None


def _weighted(net: Node, weights: str) -> Node:
    if weights == "uniform":
        return net
    if not isinstance(net, Model):
        raise ValueError(f"weights={weights!r} needs a model: an ONNX file or a PyTorch module")
    return net.with_weights(weights)


def fields_of(
    law: Distribution | None, rules: list[Rule], why: dict[str, str]
) -> dict[str, EffectiveField | None]:
    """Return the effective field by each rule, or say why there is none."""
    found: dict[str, EffectiveField | None] = {}
    for rule in rules:
        name = rule.definition
        found[name] = None
        if law is None:
            why[f"effective.{name}"] = why["distribution"]
            continue
        try:
            found[name] = effective_field(law, name, rule.ref, rule.profile, level=rule.level)
        except (ValueError, MemoryError) as error:
            why[f"effective.{name}"] = none_for(error)
    return found


def none_for(error: Exception) -> str:
    """Return why something does not exist."""
    return f"none: {str(error) or 'not enough memory'}"
