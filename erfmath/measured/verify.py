"""The field of a model beside what its units see, by gradients or changes: inside it, both ends met."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._checks import as_count
from ..network.arguments import Ints
from ..network.field import ReceptiveField, receptive_field
from ..words import table
from .smoothed import Ends, open_gates, sizes_of, supports_of
from .torch_types import import_torch, seed_of

if TYPE_CHECKING:
    from ..models.model import Model

_MOST_PHASES = 16

# What changes of an input in single precision leave open.
_FAINT = (
    "No unit changes with what is outside its field. Far away inside it changes may be too faint to show "
    "behind many layers or gates; of the module, by from_torch, gradients show them."
)


@dataclass(frozen=True)
class UnitCheck:
    """What one output unit sees along each axis: by the field, and by its gradient.

    Attributes
    ----------
    unit
        The output unit.
    expected
        (first, last) position of its field inside the input, per axis; None for nothing.
    found
        The same of where the gradient is not zero.
    slack
        How far from either end the gradient may stop, per axis: a quarter of the input on a side that the
        field is unbounded on, as strides and grids of tokens leave out the last samples.

    Examples
    --------
    >>> import erfmath as em
    >>> check = em.UnitCheck((8,), expected=((6, 10),), found=((7, 10),), slack=((0, 0),))
    >>> check.is_inside, check.is_met, check.verdict
    (True, False, 'smaller')
    """

    unit: Ints
    expected: tuple[Ends, ...]
    found: tuple[Ends, ...]
    slack: tuple[tuple[int, int], ...] = ()

    @property
    def is_inside(self) -> bool:
        """Whether the gradient is zero outside the field."""
        return all(
            found is None or (expected is not None and expected[0] <= found[0] and found[1] <= expected[1])
            for expected, found in zip(self.expected, self.found, strict=True)
        )

    @property
    def is_met(self) -> bool:
        """Whether the gradient reaches both ends of the field on each axis."""
        for expected, found, slack in zip(self.expected, self.found, self.slack, strict=True):
            if expected is None or found is None:
                if expected != found:
                    return False
            elif any(abs(e - f) > s for e, f, s in zip(expected, found, slack, strict=True)):
                return False
        return True

    @property
    def verdict(self) -> str:
        """The comparison in a word or two."""
        if not self.is_inside:
            return "OUTSIDE"
        return "as expected" if self.is_met else "smaller"


@dataclass(frozen=True)
class Verification:
    """A field beside gradients, unit by unit; see :func:`verify`.

    Attributes
    ----------
    name, output
        The model, and the tensor that was read.
    units
        A check for each unit.
    skipped
        What was not compared, and why, in sentences.
    is_by_gradient
        Whether gradients were taken; of files inputs were changed.

    Examples
    --------
    >>> import erfmath as em
    >>> check = em.UnitCheck((8,), expected=((6, 10),), found=((6, 10),), slack=((0, 0),))
    >>> found = em.Verification("net", "out", (check,))
    >>> found.ok, found.is_inside, found.to_dict()["units"][0]["verdict"]
    (True, True, 'as expected')
    """

    name: str
    output: str
    units: tuple[UnitCheck, ...]
    skipped: tuple[str, ...] = ()
    is_by_gradient: bool = True

    @property
    def ok(self) -> bool:
        """Whether each unit's gradient lies inside its field and meets both ends of it."""
        return all(check.is_inside and check.is_met for check in self.units)

    @property
    def is_inside(self) -> bool:
        """Whether no gradient lies outside the field."""
        return all(check.is_inside for check in self.units)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as numbers and names, for JSON."""
        units = [
            {"unit": c.unit, "expected": c.expected, "found": c.found, "verdict": c.verdict}
            for c in self.units
        ]
        known = {"name": self.name, "output": self.output, "ok": self.ok, "units": units}
        return {**known, "skipped": list(self.skipped)}

    def __str__(self) -> str:
        rows = [
            [",".join(map(str, check.unit)), _shown(check.expected), _shown(check.found), check.verdict]
            for check in self.units
        ]
        found = table(["unit", "field", self._source[:-1], "verdict"], rows)
        notes = list(self.skipped)
        verdict = f"{'agrees' if self.ok else 'DISAGREES'} with {self._source}"
        if not self.ok and self.is_inside and not self.is_by_gradient:
            notes.insert(0, _FAINT)
            verdict = f"is not reached everywhere by {self._source}"
        title = f"{self.name} up to {self.output!r}: the field {verdict}"
        return "\n".join([title, "", found, *(f"\n{sentence}" for sentence in notes)])

    def __repr__(self) -> str:
        agrees = "agrees" if self.ok else "disagrees"
        return f"<Verification of {self.name}: the field {agrees} with the {self._source} of {self._count}>"

    @property
    def _source(self) -> str:
        return "gradients" if self.is_by_gradient else "changes"

    @property
    def _count(self) -> str:
        return f"{len(self.units)} unit{'s' * (len(self.units) != 1)}"


def verify(model: Model, example: Any = None, units: int = 3, *, rng: Any = 0) -> Verification:
    """Compare the field of a model with gradients of copies of it with random weights.

    A unit's field is right if its gradient by the input is zero outside, and not zero at both ends on each
    axis. Every parameter is drawn anew, so that branches which begin at zero count; rectifiers become smooth
    and maxima averages, so that no gate is closed; numbers are float64, and what is exactly zero in two draws
    counts as zero. The model is left as it was.

    An ONNX file is run by onnxruntime, with random weights of its convolutions and matrices: a unit sees a
    position along an axis if the unit changes, in any bit, with the input there. What is far away counts so
    little that it shows for large changes only; three sizes up to 10^6 are tried. Where that is not enough,
    and sigmoids or tanhs may have saturated, asinh takes their place.

    Parameters
    ----------
    model
        A model from :func:`erfmath.from_torch` or :func:`erfmath.from_onnx`; or a module, with an `example`
        of its input.
    example
        An input as :func:`erfmath.from_torch` takes it, where the model is a module.
    units
        How many output units along each axis: the first, the middle one, the last, and others between. One of
        each phase is added.
    rng
        A seed or a ``numpy.random.Generator``, for the weights and the input.

    Returns
    -------
    Verification
        `ok`, a check for each of the `units`, and what was `skipped`; its str is a table.

    Raises
    ------
    TypeError
        If it is neither a model nor a module.
    ValueError
        If the model is an ONNX file that onnxruntime does not run, or one whose output holds no positions.
    ImportError
        If PyTorch is missing, for a file onnxruntime.

    Examples
    --------
    >>> import erfmath as em
    >>> from torch import nn  # doctest: +SKIP
    >>> model = em.from_torch(nn.Conv1d(1, 4, 5, padding=2), (1, 1, 32))  # doctest: +SKIP
    >>> em.verify(model).ok  # doctest: +SKIP
    True
    """
    read = _read(model, example)
    count = as_count(units, "units", minimum=1)
    field = receptive_field(read)
    if not read.is_module:
        return _of_file(read, field, count, seed_of(rng))
    import_torch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own copying, which no user can act on
        module = copy.deepcopy(read.module())  # which shares its parameters with the user's
    shape = tuple(1 if side is None else side for side in read.input_shape)
    open_gates(module)
    sides = tuple(shape[axis] for axis in read.space)
    made = sizes_of(module, shape)
    asked = list(_units(field, made, count))
    chosen = [unit for unit in asked if not _is_round(field, unit, sides)]
    supports = supports_of(module, shape, read.space, chosen, seed_of(rng))
    return _compared(read, field, asked, dict(zip(chosen, supports, strict=True)), sides)


def _of_file(read: Model, field: ReceptiveField, count: int, seed: int) -> Verification:
    """Return the field of an ONNX file beside what changes its units."""
    from .perturbed import Perturbed

    sides = tuple(read.input_shape[axis] or 1 for axis in read.space)
    run = Perturbed(read, seed)
    asked = list(_units(field, run.made, count))
    chosen = [unit for unit in asked if not _is_round(field, unit, sides)]
    expected = {unit: tuple(_clipped(field, unit, sides)) for unit in chosen}

    def ends(run: Perturbed, unit: Ints) -> tuple[Ends, ...]:
        return tuple(run.ends(unit, axis, likely) for axis, likely in enumerate(expected[unit]))

    found = {unit: ends(run, unit) for unit in chosen}
    unmet = [unit for unit in chosen if found[unit] != expected[unit]]
    if unmet and run.is_gated:  # a gate that large values have shut shows nothing of what it reads
        opened = Perturbed(read, seed, is_open=True)
        found |= {unit: _joined(found[unit], ends(opened, unit)) for unit in unmet}
    return _compared(read, field, asked, found, sides)


def _joined(some: tuple[Ends, ...], others: tuple[Ends, ...]) -> tuple[Ends, ...]:
    """Return the ends, axis by axis, of what is seen in one way or another."""
    pairs = ([ends for ends in both if ends] for both in zip(some, others, strict=True))
    return tuple((min(a for a, _ in seen), max(b for _, b in seen)) if seen else None for seen in pairs)


def _compared(
    read: Model,
    field: ReceptiveField,
    asked: Sequence[Ints],
    found: Mapping[Ints, tuple[Ends, ...]],
    sides: Ints,
) -> Verification:
    """Return the field beside what units were found to see."""
    checks = [
        UnitCheck(unit, tuple(_clipped(field, unit, sides)), support, tuple(_slack(field, unit, sides)))
        for unit, support in found.items()
    ]
    skipped = tuple(_skipped(field, asked, list(found)))
    return Verification(read.name, read.output, tuple(checks), skipped, read.is_module)


def _read(model: Any, example: Any) -> Model:
    """Return the model that is given, or that a module is."""
    from ..models.model import Model
    from ..models.torch import from_torch

    if isinstance(model, Model):
        if example is not None:
            raise ValueError("example is for a module; this model has been read with one")
        return model
    if example is None:
        raise TypeError(
            f"model must be a Model of from_torch(), or a torch.nn.Module with its example, got {model!r:.60}"
        )
    return from_torch(model, example)


def _clipped(field: ReceptiveField, unit: Ints, sides: Ints) -> Iterator[Ends]:
    """Yield (first, last) of what a unit sees inside the input, per axis: holes at the border are none."""
    region = field.region(unit if field.ndim > 1 else unit[0])
    phases = field.all_phases
    for axis, (ends, side) in enumerate(zip(region if field.ndim > 1 else (region,), sides, strict=True)):
        if ends is None:
            yield None
            continue
        first, last = max(0, ends[0]), min(side - 1, ends[1])
        phase = phases[axis][unit[axis] % len(phases[axis])]
        if math.isfinite(phase.size) and not phase.is_covered:
            move = ends[0] - phase.region[0]
            runs = [(max(0, a + move), min(side - 1, b + move)) for a, b in phase.runs]
            inside = [(a, b) for a, b in runs if a <= b]
            first, last = (inside[0][0], inside[-1][1]) if inside else (1, 0)
        yield (int(first), int(last)) if first <= last else None


def _slack(field: ReceptiveField, unit: Ints, sides: Ints) -> Iterator[tuple[int, int]]:
    """Yield how far from either end of its field a unit's gradient may stop, per axis."""
    region = field.region(unit if field.ndim > 1 else unit[0])
    for ends, side in zip(region if field.ndim > 1 else (region,), sides, strict=True):
        if ends is None or math.isfinite(ends[1] - ends[0]):
            yield 0, 0
        else:  # of an unbounded field the ends at the border are not known to the last sample
            yield (side // 4 if ends[0] < 0 else 0), (side // 4 if ends[1] >= side else 0)


def _units(field: ReceptiveField, made: Ints, count: int) -> Iterator[Ints]:
    """Yield units along the diagonal of the output: some evenly spaced, and the phases around the middle."""
    period = field.program.period
    most = max(made)
    places = [i / max(1, count - 1) for i in range(count)] if count > 1 else [0.5]
    lines = [[round(place * (side - 1)) for side in made] for place in places]
    middle = [side // 2 for side in made]
    lines += [
        [min(side - 1, m + step) for m, side in zip(middle, made, strict=True)]
        for step in range(min(max(period), most, _MOST_PHASES))
    ]
    seen = dict.fromkeys(map(tuple, lines))
    yield from seen


def _is_round(field: ReceptiveField, unit: Ints, sides: Ints) -> bool:
    """Whether a unit sees across the border to the other side of a map, as a cyclic shift does."""
    if all(stage.border != "circular" for stage in field.program.stages):
        return False
    region = field.region(unit if field.ndim > 1 else unit[0])
    ends = region if field.ndim > 1 else (region,)
    return any(e is not None and (e[0] < 0 or e[1] >= side) for e, side in zip(ends, sides, strict=True))


def _skipped(field: ReceptiveField, asked: Sequence[Ints], chosen: Sequence[Ints]) -> Iterator[str]:
    phases = max(field.program.period)
    if phases > _MOST_PHASES:
        yield f"Of {phases} phases {_MOST_PHASES} were compared."
    if len(chosen) < len(asked):
        yield (
            f"{len(asked) - len(chosen)} of {len(asked)} units were left out: they see across the border to "
            "the other side of the map, as a cyclic shift does."
        )


def _shown(ends: tuple[Ends, ...]) -> str:
    """Return the ends along each axis as text."""
    return " x ".join("nothing" if end is None else f"{end[0]} .. {end[1]}" for end in ends)
