"""``erfmath analyze --measure``: gradients by autograd beside the theory."""

from __future__ import annotations

import argparse
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from erfmath._memory import check_memory
from erfmath.laws.effective import effective_field
from erfmath.laws.lazy import distribution
from erfmath.network.algebra import Node
from erfmath.network.sizes import output_size
from erfmath.network.variance import variance

from ..report.analysis import Analysis, axes_of
from .models import Model

if TYPE_CHECKING:
    from erfmath.measured.result import Agreement

# Channels of the random networks that are measured, fewer where their maps are large; a run of as many values
# takes some seconds and some 1.5 GB.
_WIDTHS = (16, 8, 4)
_MOST_VALUES = 2**26

# Bytes that a run takes for each byte of activations.
_COPIES = 6


@dataclass
class Measured:
    """A measurement beside the theory: what was drawn in each run, and whether the unit meets no border."""

    agreement: Agreement
    drawn: str
    is_clear: bool


def measured_of(found: Analysis, runs: int, arguments: argparse.Namespace, model: Model) -> Measured:
    """Return a measurement beside the theory, of a module's part, else of the network with random weights."""
    from erfmath.measured.gradients import measure

    if (whole := found.field.unbounded) is not None:
        raise ValueError(
            f"--measure needs a bounded field, and {whole!r} reads the whole input; choose an --output "
            "before it"
        )
    size, unit, is_clear = _measured_place(found, arguments, model.module is not None)
    if model.module is None:
        subject, theory, drawn, options = _random_network(found.net, size)
    else:
        is_given = arguments.weights == "given"
        theory = variance(model.with_weights("given")) if is_given else model.with_weights("energy")
        subject, options = part_of(model.module, model.trace.read), _inputs(found)
        drawn = "random inputs, its own weights"
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
    from erfmath.measured.unit import is_clear, middle_unit, natural_size

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
    from erfmath.measured.module import GIVEN, to_torch
    from erfmath.measured.unit import values_of

    values = values_of(net, size)
    _require_few(values, size)
    if not to_torch(net, 1).drawn:
        return net, net, "random inputs, the given weights", {"profile": "mean", "channels": 1, "init": GIVEN}
    width = next(width for width in _WIDTHS if width * values <= _MOST_VALUES)
    return net, variance(net), f"random weights, {width} channels", {"channels": width}


def _inputs(found: Analysis) -> dict[str, Any]:
    """Return how to measure a module: with inputs of the shape that it was exported with."""
    from erfmath.measured.torch_types import import_torch

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


def part_of(program: Any, read: Any) -> Any:
    """Return the module of an exported program up to the tensor that was read, channels before the space."""
    import torch

    module = program.module()
    graph = module.graph
    name, _, part = read.title.partition(".")
    last = next((node for node in graph.nodes if node.name == name), None)
    if last is None:
        raise ValueError(f"--measure needs a tensor that the module makes, got {name!r}; give an --output")
    for node in reversed(graph.nodes):  # all that follow, which might write into it
        if node is last:
            break
        graph.erase_node(node)
    if part:
        last = graph.call_function(operator.getitem, (last, int(part)))
    order = sorted(range(len(read.axes)), key=lambda axis: read.axes[axis])  # those of the space behind
    last = graph.call_function(torch.permute, (last, order))
    graph.output(graph.call_function(torch.reshape, (last, (1, -1, *read.sides))))
    graph.set_codegen(torch.fx.graph.CodeGen())  # one tensor in and one out, whatever the module returns
    graph.eliminate_dead_code()
    module.recompile()
    return module
