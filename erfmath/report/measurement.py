"""A measurement of the network that is analysed, compared with its theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._memory import check_memory
from ..ensembles.gates import gated
from ..laws.effective import effective_field
from ..laws.lazy import distribution
from ..models.model import Model
from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.sizes import output_size
from ..network.variance import variance
from .coherent import coherent_variance

if TYPE_CHECKING:
    from ..measured.result import Agreement
    from .analysis import Analysis

# Channels of the random networks that are measured, fewer for large maps; a run with this many values takes
# some seconds and about 1.5 GB.
_WIDTHS = (16, 8, 4)
_MOST_VALUES = 2**26

# Bytes that a run needs for each byte of activations, found by trial.
_COPIES = 6


@dataclass(frozen=True)
class Measured:
    """A measurement and its agreement with the theory.

    Attributes
    ----------
    agreement
        The measurement, the theory, and how well they agree.
    drawn
        What is random in each run, in words.
    is_clear
        Whether the unit meets no border.
    weights
        "uniform" for weights that are drawn or known, "given" or "energy" for a model's own.
    coherent
        The variance by :func:`erfmath.coherence` per axis where gradients are coherent, else None.
    """

    agreement: Agreement
    drawn: str
    is_clear: bool
    weights: str
    coherent: tuple[float, ...] | None = None

    @property
    def coherent_ratios(self) -> list[tuple[float, float]]:
        """The measured variance over that of coherent gradients, and its error, per axis; else none."""
        taken = self.agreement.measured
        sides = zip(taken.var.tolist(), taken.var_error.tolist(), self.coherent or (), strict=False)
        return [(found / whole, error / whole) for found, error, whole in sides if whole]


def measured_beside(found: Analysis, runs: int) -> Measured:
    """Return a measurement of a module up to its output, or of the network with random weights."""
    from ..measured.gradients import measure

    if (whole := found.field.unbounded) is not None:
        raise ValueError(
            f"a measurement needs a bounded field, and {whole!r} reads the whole input; choose an output "
            "before it"
        )
    model = found.net if isinstance(found.net, Model) and found.net.is_module else None
    size, unit, is_clear = _place(found, model is not None)
    if model is None:
        subject, theory, drawn, options = _random_network(found.net, size)
    else:
        is_given = found.weights == "given"
        theory = variance(model.with_weights("given")) if is_given else model.with_weights("energy")
        subject, options = model.module(), _inputs(found)
        drawn = "random inputs, its own weights"
    expected = distribution(theory, at=unit, input_size=size)
    reading: dict[str, Any] = {"definition": found.definitions[0], "ref": found.ref, "level": found.level}
    effective_field(expected, **reading)  # what has no such field is told before the runs
    profile = "std" if found.profile == "std" else "variance"
    taken = measure(subject, size, unit, runs=runs, rng=0, **{"profile": profile, **options})
    weights = "uniform" if model is None else "given" if found.weights == "given" else "energy"
    width = options.get("channels") if drawn.startswith("random weights") and is_clear else None
    coherent = coherent_variance(found.net, width) if width else None
    return Measured(taken.compare(expected, **reading), drawn, is_clear, weights, coherent)


def _place(found: Analysis, is_module: bool) -> tuple[Any, tuple[int, ...], bool]:
    """Return the input size, the unit asked for or one that sees the same, and whether it meets no border."""
    from ..measured.unit import is_clear, middle_unit, natural_size

    size, unit = found.input_size, found.at
    if not found.borders:
        if not (is_module or found.is_size_asked):
            size = natural_size(found.net, found.at)
        unit = middle_unit(found.field, output_size(found.net, size), found.at)
    clear = is_clear(found.field, unit, size)
    if not clear and found.is_unit_asked and not found.borders:
        place = ", ".join(map(str, found.at))
        raise ValueError(
            f"at={place} without borders stands for a unit that meets no border, and an input of "
            f"{_sides(size)} has no such unit to measure; ask for borders, or give a larger input_size"
        )
    return size, unit, clear


def _random_network(net: Node, size: Any) -> tuple[Node, Node, str, dict[str, Any]]:
    """Return the network to measure, its theory, what is random in each run, and the options of measure."""
    from ..measured.module import GIVEN, to_torch
    from ..measured.unit import values_of

    values = values_of(net, size)
    _require_few(values, size)
    if not to_torch(net, 1).drawn:
        return net, net, "random inputs, the given weights", {"profile": "mean", "channels": 1, "init": GIVEN}
    width = next(width for width in _WIDTHS if width * values <= _MOST_VALUES)
    return net, variance(gated(net)), f"random weights, {width} channels", {"channels": width}


def _inputs(found: Analysis) -> dict[str, Any]:
    """Return the options that measure a module with inputs of the shape it was exported with."""
    from ..measured.torch_types import import_torch

    if found.cost is not None:
        check_memory(_COPIES * found.cost.memory, "a run of the measurement", "give a smaller input_size")
    shape = (1, found.channels, *(found.input_size or ()))
    return {"inputs": lambda run: import_torch().randn(shape)}


def _require_few(values: int, size: Any) -> None:
    """Raise if a run has too many values even with the fewest channels."""
    if min(_WIDTHS) * values > _MOST_VALUES:
        raise ValueError(
            f"a run on an input of {_sides(size)} takes too long; give a smaller "
            "input_size; the theory takes its borders into account"
        )


def _sides(size: Any) -> str:
    return " x ".join(map(str, per_axis_values(size)))
