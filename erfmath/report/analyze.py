"""All readings of a network at once: ``em.analyze``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._checks import as_bool, as_choice, as_count, per_axis
from ..laws.base import Distribution
from ..laws.clt import CentralLimit, central_limit
from ..laws.conventions import rule_of
from ..laws.rules import Rule
from ..models import WEIGHTS
from ..models.model import Model
from ..models.sources import read
from ..models.usual import CHANNELS, INPUT_SIZES
from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.border import unit_inside
from ..network.cost import Cost, cost
from ..network.field import ReceptiveField, receptive_field
from ..network.sizes import output_size, sized_for
from ..streaming.latency import as_rate
from .analysis import Analysis, rules_of
from .axes import marginals_of
from .coherent import coherent_sentence
from .layers import layer_table
from .model_rows import cost_of
from .sizes import distribution_of, fields_of, none_for
from .table import LayerTable
from .units import units_of

REFERENCES = ("centre", "max")

# Inputs are doubled until they hold the field up to here: a larger field has no usual input.
_LARGEST = 10**9


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
        effective=fields_of(law, rules_of(**choices), why),
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
