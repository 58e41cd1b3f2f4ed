"""All readings of a network at once: ``em.analyze``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as dataclass_field, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from .._checks import as_bool, as_choice, as_count, per_axis
from .._files import checked_path, write_beside
from ..design.productive import Productivity, productive
from ..laws.base import Distribution
from ..laws.clt import CentralLimit, central_limit
from ..laws.conventions import rule_of
from ..laws.effective import EffectiveField
from ..laws.rules import LEVEL, Rule
from ..models import WEIGHTS
from ..models.model import Model
from ..models.sources import read
from ..models.usual import CHANNELS, INPUT_SIZES
from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.border import unit_inside
from ..network.cost import Cost, cost
from ..network.field import ReceptiveField, receptive_field
from ..network.program import Block, program_of
from ..network.sizes import output_size, sized_for
from ..streaming.latency import as_rate
from .axes import marginals_of
from .coherent import coherent_sentence
from .layers import layer_table
from .model_rows import cost_of
from .sizes import SizeRow, distribution_of, fields_of, none_for, sizes_of
from .table import LayerTable
from .text import report
from .units import Units, units_of

if TYPE_CHECKING:
    from .measurement import Measured
    from .stages import StageTable

REFERENCES = ("centre", "max")

# What the file of a page ends in.
PAGES = (".html", ".htm")

# Inputs are doubled until they hold the field up to here: a larger field has no usual input.
_LARGEST = 10**9

# Copies of a block are followed one by one up to here: a tenth of a second.
_MOST_COPIES = 1000

# A model with more layers than fit a few screens is shown by its stages.
_MOST_ROWS = 64


@dataclass(frozen=True, repr=False)
class Analysis:
    """All readings of a network; see :func:`analyze`. What does not exist is None, and `why` says why.

    Attributes
    ----------
    name, net
        The name and the network that was read.
    output
        The tensor that was read; None for the network's own output.
    input_size, channels
        Samples per axis and channels of the input: those asked for, the model's own, or usual ones.
    at, borders
        The output unit, per axis, and whether the borders of the input are taken into account.
    weights, profile, definitions, ref, level
        How the impact and the effective field are read.
    field
        The theoretical receptive field.
    distribution
        The distribution of the impact, by weights and profile.
    effective
        The effective field by each definition.
    limits
        The central limit along each axis.
    cost, layers
        The cost, of a model that of all it holds and runs, and the table of layers.
    measured
        A measurement and its agreement with the theory, if one was asked for.
    units
        The length of a sample along each axis, if a rate or a spacing was given.
    why
        The reason for each reading that does not exist, by its name in :meth:`to_dict`.
    warnings
        Sentences about the reading of a model, above all if another tensor than its output was read, and
        about gradients that are coherent, see :func:`erfmath.coherence`.
    is_size_asked, is_unit_asked
        Whether the size of the input, and the unit, were asked for.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.analyze("resnet18", input_size=64)
    >>> found.name, found.field.size, found.halo, found.limit.verdict.kind
    ('resnet18', (435, 435), ((217, 186), (217, 186)), 'one layer dominates')
    >>> {name: field.count for name, field in found.effective.items()}, str(found.rules[0])
    ({'threshold': 17333, 'mass': 31981}, "pixels above 4.55 % of the centre's impact")
    >>> found.is_long, found.shown is found.layers, len(found.context.critical), found.why
    (False, True, 11, {})
    """

    name: str
    net: Node
    output: str | None
    input_size: tuple[int, ...] | None
    channels: int
    at: tuple[int, ...]
    borders: bool
    weights: str
    profile: str
    definitions: tuple[str, ...]
    ref: str
    field: ReceptiveField
    distribution: Distribution | None
    effective: dict[str, EffectiveField | None]
    limits: tuple[CentralLimit, ...]
    cost: Cost | None
    layers: LayerTable
    why: dict[str, str]
    warnings: tuple[str, ...] = ()
    measured: Measured | None = None
    units: Units | None = None
    level: float = LEVEL
    is_size_asked: bool = dataclass_field(default=False, compare=False)
    is_unit_asked: bool = dataclass_field(default=False, compare=False)

    @property
    def halo(self) -> Any:
        """The samples that a tile needs around it; see :meth:`ReceptiveField.halo`."""
        return self.field.halo()

    @cached_property
    def context(self) -> Productivity | None:
        """Which layers add context at this input size; None without one, or for thousands of layers."""
        program = program_of(self.net, self.field.ndim)
        copies = sum(op.what.n for op in program.operations if isinstance(op.what, Block))
        if self.input_size is None or len(program.operations) + copies > _MOST_COPIES:
            return None
        return productive(self.net, self.input_size)

    @property
    def limit(self) -> CentralLimit | None:
        """The central limit along the first axis."""
        return self.limits[0] if self.limits else None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What counts as the effective field, a rule for each definition."""
        return tuple(_rules(self.definitions, self.ref, self.profile, self.level))

    @cached_property
    def sizes(self) -> tuple[SizeRow, ...]:
        """The effective field in its meanings.

        What the mean weights pass, the paper's theory, beside the magnitude of the gradient at
        initialisation, which one measures, and beside each its measurement, if there is one by that rule. Of
        a model's own weights what was asked for.

        Examples
        --------
        >>> from erfmath import analyze
        >>> [(row.meaning, round(row.field.size)) for row in analyze("vgg16", definition="threshold").sizes]
        [('what the mean weights pass', 124), ('gradient magnitude at initialisation', 164)]
        """
        return sizes_of(self)

    @cached_property
    def stages(self) -> StageTable:
        """The tensors of a model or a Graph at which the stride changes or branches join.

        Raises
        ------
        ValueError
            For another network, whose tensors have no names.

        Examples
        --------
        >>> import erfmath as em
        >>> net = em.Graph({"a": (em.Conv(3, stride=2), "input"), "b": (em.Conv(3), "a")})
        >>> print(em.analyze(net, input_size=32).stages)
        tensor  size  stride  offset  field
        ------  ----  ------  ------  -----
        a          ?       2       0      3
        b          ?       2       0      7
        """
        from .stages import stages_of

        return stages_of(self.net)

    @property
    def is_long(self) -> bool:
        """Whether a model has so many layers, folded as they may be, that its stages are shown instead."""
        return isinstance(self.net, Model) and self.layers.fitting(_MOST_ROWS) is None

    @property
    def shown(self) -> LayerTable | StageTable:
        """The table that is printed: the layers, folded to a few screens, or the stages."""
        if not isinstance(self.net, Model):
            return self.layers
        return self.layers.fitting(_MOST_ROWS) or self.stages

    def __str__(self) -> str:
        return report(self)

    def __repr__(self) -> str:
        return f"<Analysis of {self.name}: {self.field!r}>"

    def _repr_html_(self) -> str:
        """Return the report as HTML for a notebook: the readings, the profiles, and the layers, folded."""
        from .notebook import analysis_html

        return analysis_html(self)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one page of HTML, and write it to a file if a path is given.

        The page is one file that asks for nothing: tables, pictures as SVG, and where a browser runs scripts
        a picture in which layers and units can be chosen, borders included. ``erfmath analyze WHAT --html
        FILE`` writes it.

        Parameters
        ----------
        path
            A file that ends in .html or .htm; written beside and renamed, so that it is whole or not there.

        Returns
        -------
        str
            The page.

        Raises
        ------
        TypeError, ValueError, OSError
            If the path is none, has another ending, or the file cannot be written.

        Examples
        --------
        >>> from erfmath import analyze
        >>> page = analyze("conv3x3p1*5", input_size=32).to_html()
        >>> page[:15], "11" in page
        ('<!doctype html>', True)
        """
        from .html import page

        target = None if path is None else checked_path(path, PAGES)
        text = page(self)
        if target is not None:
            write_beside(target, lambda aside: aside.write_text(text, "utf-8"))
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return all readings as values for JSON, which ``erfmath analyze --json`` prints.

        ``erfmath.json_schema("analysis")`` is the schema.

        The keys are "version", "name", "output", "network", "input_size", "channels", "unit", "borders",
        "weights", "profile", "ref", "level", "layers", "field", "effective", "sizes", "central_limit",
        "cost", "measured", "units", "warnings" and "why". What does not exist is null, with its reason in
        "why" under the same key. Values per axis are lists. For each layer, "field" is the size of the
        theoretical field and "offset" the first position that unit 0 sees. Infinity is the string "inf" or
        "-inf"; a fraction is a string such as "1/2".

        Examples
        --------
        >>> import erfmath as em
        >>> found = em.analyze(em.Conv(3, padding=1), input_size=16).to_dict()
        >>> found["field"]["size"], found["field"]["halo"], found["cost"]
        ([3], [[1, 1]], {'parameters': 3, 'macs': 48, 'memory': 64})
        """
        from .as_json import as_dict

        return as_dict(self)


def analyze(
    what: Any,
    *,
    example: Any = None,
    ndim: int | None = None,
    output: str | int | None = None,
    input_size: Any = None,
    channels: int | None = None,
    at: Any = None,
    borders: bool = False,
    weights: str = "uniform",
    profile: str | None = None,
    definition: str | None = None,
    ref: str = "centre",
    level: float | None = None,
    share: float | None = None,
    convention: str | None = None,
    global_context: bool = True,
    measure: int | None = None,
    depth: int | None = None,
    input: str | int | None = None,  # noqa: A002
    input_shape: Sequence[int | None] | None = None,
    space: int | Sequence[int] | None = None,
    values: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
    rate: float | None = None,
    spacing: Any = None,
) -> Analysis:
    """Return all readings of a network at once.

    Parameters
    ----------
    what
        A network or a Model; the name of a zoo network, or layers in the short notation; the path of an ONNX
        or JSON file; a PyTorch module, or a function that returns one as "package.module:factory".
    example
        An input of a PyTorch module, or its shape; None means a usual shape.
    ndim
        Number of axes, for layers such as "conv3" that give a single number for all.
    output
        The tensor of a model or a Graph to read up to, by name; None means its output.
    input_size, channels
        Samples per axis and channels of the input. None means a model's own, otherwise usual values (16 000
        samples, 224 x 224 pixels with 3 channels, 64 voxels per axis) or twice the field.
    at
        The output unit; None means unit 0, or the middle one with `borders`.
    borders
        Whether to take the borders of the input into account.
    weights
        "uniform" for equal taps; for a model also "given" and "energy", see :func:`from_onnx`.
    profile
        "mean" (the default) for the impact itself, "variance" for the variance of the gradient with random
        weights, "std" for its square root; see :func:`variance`. `sizes` has "mean" and "std" either way.
    definition, ref, level, share, convention
        What counts as the effective field, see :func:`effective_field`; by default "threshold" and "mass".
    global_context
        False leaves out the branches of a model that read the whole map and join one that does not, such as
        squeeze-excitation, image-level pooling and the statistics of normalisations.
    measure
        The number of runs of a measurement by backpropagation, which needs PyTorch; None for no measurement.
    depth
        How many levels of modules inside modules are rows of `layers`; None for all.
    input
        The tensor of a model to read from, by name; None means its only input.
    input_shape, space
        The shape of a model's input, in place of a size and channels, and which of its axes are spatial.
    values, rules
        The values of an ONNX file's other inputs, and what operators mean, see :func:`from_onnx`.
    rate
        Samples per second along the only axis: lengths are then shown in milliseconds as well.
    spacing
        Lengths of a pixel or voxel, one or one per axis, with their unit, such as "2,.5,.5um" or
        (2, .5, .5, "um"): lengths are then shown in that unit as well.

    Returns
    -------
    Analysis
        Its str is what ``erfmath analyze`` prints.

    Raises
    ------
    TypeError, ValueError, OSError
        If `what` cannot be read, or if an argument does not fit it. The message names what is wrong.

    Examples
    --------
    >>> from erfmath import Conv, Pool, analyze
    >>> found = analyze(Conv(3, padding=1) >> Pool(2), input_size=16)
    >>> found.field.size, found.effective["threshold"].count, found.cost.macs
    (4, 4, 48)
    >>> analyze("resnet50").halo[0]
    (213, 182)
    """
    ref = as_choice(ref, "ref", REFERENCES)
    rule = rule_of(definition, ref, profile, level=level, share=share, convention=convention)
    choices = _choices(weights, rule, definition is None and convention is None)
    borders, ndim = as_bool(borders, "borders"), ndim if ndim is None else as_count(ndim, "ndim", minimum=1)
    runs = None if measure is None else as_count(measure, "measure", minimum=1)
    levels = None if depth is None else as_count(depth, "depth", minimum=1)
    wanted = None if channels is None else as_count(channels, "channels", minimum=1)
    name, net, other = read(
        what,
        example=example,
        ndim=ndim,
        output=output,
        input_size=input_size,
        channels=wanted,
        global_context=as_bool(global_context, "global_context"),
        input=input,
        input_shape=input_shape,
        space=space,
        values=values,
        rules=rules,
    )
    units = units_of(as_rate(rate), spacing, receptive_field(net).ndim)
    found = _analysis(name, net, input_size, wanted, at, borders, choices)
    found = replace(found, output=other, units=units)
    if levels is not None:
        found = replace(found, layers=found.layers.folded(levels))
    if runs is None:
        return found
    from .measurement import measured_beside

    return replace(found, measured=measured_beside(found, runs))


def _choices(weights: str, rule: Rule, is_usual: bool) -> dict[str, Any]:
    """Return how the impact is read, checked before the work; two definitions where none is asked for."""
    return {
        "weights": as_choice(weights, "weights", WEIGHTS),
        "profile": rule.profile,
        "definitions": (rule.definition, "mass") if is_usual else (rule.definition,),
        "ref": rule.ref,
        "level": rule.level,
    }


def _analysis(
    name: str,
    net: Node,
    input_size: Any,
    channels: int | None,
    at: Any,
    borders: bool,
    choices: dict[str, Any],
) -> Analysis:
    """Return all readings except the measurement."""
    model = net if isinstance(net, Model) else None
    why: dict[str, str] = {}
    field = receptive_field(net)
    size = _input_size(net, field, input_size)
    width = channels or (model and model.channels) or CHANNELS.get(field.ndim, 1)
    unit = _unit(net, field, size, at, borders)
    spent = _cost(net, size, width, why)
    layers = layer_table(net, size, width if spent else None)
    if model is not None and model.has_parts:
        spent = _cost_of_all(layers, why)
    law = distribution_of(net, unit, size if borders else None, choices, why)
    return Analysis(
        name=name,
        net=net,
        output=None,
        input_size=size,
        channels=width,
        at=unit,
        borders=borders,
        field=field,
        distribution=law,
        effective=fields_of(law, _rules(**choices), why),
        limits=_limits(law, why),
        cost=spent,
        layers=layers,
        why=why,
        warnings=_warnings(net, choices["weights"]),
        is_size_asked=input_size is not None,
        is_unit_asked=at is not None,
        **choices,
    )


def _warnings(net: Node, weights: str) -> tuple[str, ...]:
    """Return what to know of the reading of a model, and of gradients that are coherent."""
    coherent = coherent_sentence(net) if weights == "uniform" else None
    of_reading = net.warnings if isinstance(net, Model) else ()
    return of_reading if coherent is None else (*of_reading, coherent)


def _rules(definitions: Sequence[str], ref: str, profile: str, level: float, **_: Any) -> list[Rule]:
    return [Rule(name, ref, profile, level) for name in definitions]


def _input_size(net: Node, field: ReceptiveField, asked: Any) -> tuple[int, ...] | None:
    """Return the input size asked for, or the model's own, or a usual one that fits; None if none does."""
    if asked is not None:
        return per_axis(asked, field.ndim, "input_size", minimum=1)
    own = net.input_size if isinstance(net, Model) else None
    largest = max(per_axis_values(field.size))
    doubled = [] if largest > _LARGEST else [2 ** max(6, int(largest).bit_length())]
    usual = [(side,) * field.ndim for side in (INPUT_SIZES.get(field.ndim, 16), *doubled)]
    for sides in [*([own] if own else []), *usual]:
        try:
            output_size(net, sides)
        except ValueError:
            continue
        return sides
    return None


def _cost(net: Node, size: Any, channels: int, why: dict[str, str]) -> Cost | None:
    """Return the cost, or say why there is none; raise for an input that does not fit."""
    if size is None:
        why["cost"] = "unknown: no usual input size fits this network; give one"
        return None
    sized_for(net, size)
    try:
        return cost(net, size, channels)
    except ValueError as error:  # about the channels
        why["cost"] = f"unknown: {error}"
        return None


def _cost_of_all(layers: LayerTable, why: dict[str, str]) -> Cost | None:
    """Return the cost of all that a model holds and runs, or say why there is none."""
    unknown = next((row for row in layers if row.macs is None), None)
    if unknown is not None:
        why["cost"] = f"unknown: no shapes tell how many operations {unknown.path!r} takes at this size"
        return None
    why.pop("cost", None)
    return cost_of(layers.rows)


def _unit(net: Node, field: ReceptiveField, size: Any, at: Any, borders: bool) -> tuple[int, ...]:
    """Return the output unit asked for, by default unit 0, or with borders the middle one."""
    if not borders:
        return per_axis(0 if at is None else at, field.ndim, "at")
    if size is None:
        raise ValueError("borders=True needs an input_size, since no usual one fits this network")
    return unit_inside(sized_for(net, size), at)


def _limits(law: Distribution | None, why: dict[str, str]) -> tuple[CentralLimit, ...]:
    """Return the central limit along each axis; an impact that is not a sum of steps has none."""
    marginals = marginals_of(law)
    limits = tuple(central_limit(m.polynomial) for m in marginals if m.polynomial is not None)
    if not limits:
        why["central_limit"] = why.get("distribution", "none: the impact is not a sum of independent steps")
    try:
        for limit in limits:
            _ = limit.verdict  # too large for floats after many doubling steps
    except (ValueError, MemoryError) as error:
        why["central_limit"] = none_for(error)
        return ()
    return limits
