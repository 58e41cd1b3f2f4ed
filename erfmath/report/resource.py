"""What a bioimage.io description declares of a model's tiles, beside what the model needs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._checks import require_file
from ..network.algebra import Node
from ..network.program import Program, program_of
from ..network.sizes import fits, projected
from ..tiling.along import accepted_from
from ..tiling.clean import margins
from ..tiling.loss import halo_loss
from ..tiling.refusals import require_tileable
from .conditions import Condition

_SPACE = "zyx"
# How many of the sizes that a description declares are tried.
_SIZES = 8


@dataclass(frozen=True)
class Declared:
    """What is declared of one axis of space: its input sizes, min + k step, and the halo of its output.

    Attributes
    ----------
    name
        x, y or z.
    least, step
        Sizes of the input; a step of 0 where there is one size alone.
    halo
        What is to be cropped from either end of the output.
    """

    name: str
    least: int
    step: int
    halo: int

    @property
    def sizes(self) -> str:
        """The sizes as a formula."""
        return f"{self.least} + {self.step} k" if self.step else str(self.least)


def check_resource(what: Any, net: Node) -> tuple[Condition, ...]:
    """Return for each axis of space whether the halo and the sizes that a description declares are right.

    Parameters
    ----------
    what
        The path of a bioimage.io resource description, .yaml or .json, or its content as a mapping.
    net
        The network of the model that is described.

    Raises
    ------
    TypeError, ValueError, OSError
        If there is no such file, it is no description of a model, or it declares another number of axes.
    ImportError
        If PyYAML is missing.
    """
    declared = declared_in(what if isinstance(what, Mapping) else _content(Path(what)))
    program = program_of(net, net.ndim or len(declared), unrolled=True)
    if len(declared) != program.ndim:
        names = ", ".join(axis.name for axis in declared)
        raise ValueError(f"the description has the axes {names} of space, and the model {program.ndim}")
    found: list[Condition] = []
    for number, axis in enumerate(declared):
        line = projected(program, number)
        found += [_halo(net, line, number, axis), _sizes(line, axis)]
    return tuple(found)


def declared_in(content: Mapping[str, Any]) -> tuple[Declared, ...]:
    """Return what a description declares of each axis of space, of the formats 0.4 and 0.5."""
    try:
        first, last = content["inputs"][0], content["outputs"][0]
        sizes, halos = _input_sizes(first), _output_halos(last)
        return tuple(Declared(name, *sizes[name], halos.get(name, 0)) for name in sizes)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            "no description of a model in the format of bioimage.io, 0.4 or 0.5: "
            f"{type(error).__name__} {error}"
        ) from None


def _input_sizes(tensor: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return (least, step) of the axes of space of an input."""
    axes = tensor["axes"]
    if isinstance(axes, str):
        shape = tensor["shape"]
        least = shape["min"] if isinstance(shape, Mapping) else shape
        steps = shape["step"] if isinstance(shape, Mapping) else [0] * len(axes)
        pairs = zip(axes, least, steps, strict=True)
        return {name: (int(low), int(step)) for name, low, step in pairs if name in _SPACE}
    found: dict[str, tuple[int, int]] = {}
    for axis in axes:
        if axis.get("type") == "space":
            size = axis["size"]
            pair = (size["min"], size["step"]) if isinstance(size, Mapping) else (size, 0)
            found[str(axis["id"])] = (int(pair[0]), int(pair[1]))
    return found


def _output_halos(tensor: Mapping[str, Any]) -> dict[str, int]:
    """Return the halos of the axes of space of an output."""
    axes = tensor["axes"]
    if isinstance(axes, str):
        halos: Sequence[int] = tensor.get("halo") or [0] * len(axes)
        return {name: int(halo) for name, halo in zip(axes, halos, strict=True) if name in _SPACE}
    return {str(axis["id"]): int(axis.get("halo", 0)) for axis in axes if axis.get("type") == "space"}


def _halo(net: Node, line: Program, number: int, axis: Declared) -> Condition:
    """Return whether what is cropped leaves the units that are right, of tiles on the network's grid."""
    name, wanted = f"halo {axis.name}", str(axis.halo)
    units, period = line.period[0], int(line.period[0] * line.rate[0])
    try:
        require_tileable(net, line, number, axis.least)
        found = margins(line, accepted_from(line, axis.least))
    except ValueError as error:
        return Condition(name, wanted, str(error), False)
    needed = -(-max(found.before, found.after) // period) * units
    text = f"needs {needed}"
    if axis.halo < needed:
        text += (
            f", and leaves {halo_loss(net, axis.halo * period // units):.2g} of the gradient's variance out"
        )
    elif axis.halo % units:
        text, needed = (
            f"needs a multiple of {units}, so that tiles begin on the network's grid",
            axis.halo + 1,
        )
    elif axis.halo > needed:
        text += ", the rest costs time"
    return Condition(name, wanted, text, axis.halo >= needed)


def _sizes(line: Program, axis: Declared) -> Condition:
    """Return whether the network accepts the sizes, and the least leaves something behind the halo."""
    name = f"sizes {axis.name}"
    sizes = [axis.least + k * axis.step for k in range(_SIZES if axis.step else 1)]
    refused = next((size for size in sizes if not fits(line, size)), None)
    step = _own_step(line)
    if refused is not None:
        return Condition(name, axis.sizes, f"{refused} is refused; a step of {step} would do", False)
    period = int(line.period[0] * line.rate[0])
    room = axis.least * line.period[0] // period - 2 * axis.halo
    if room <= 0:
        return Condition(name, axis.sizes, f"the least leaves nothing between halos of {axis.halo}", False)
    finer = f", as are steps of {step}" if axis.step > step else ""
    return Condition(name, axis.sizes, f"accepted{finer}", True)


def _own_step(line: Program) -> int:
    """Return the difference of one size that a network accepts to the next, of large ones."""
    period = int(line.period[0] * line.rate[0])
    first = 64 * period
    accepted = [n for n in range(first, first + 2 * period + 1) if fits(line, n)]
    return max((b - a for a, b in itertools.pairwise(accepted)), default=period)


def _content(path: Path) -> Mapping[str, Any]:
    """Return what a file holds."""
    require_file(path)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found = json.loads(text)
    else:
        try:
            import yaml
        except ImportError:
            raise ImportError(
                "a description in YAML needs PyYAML: pip install 'erfmath[tiles]', or give it as .json"
            ) from None
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(f"{str(path)!r} is no YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(found, Mapping):
        raise ValueError(f"{str(path)!r} is no description of a model in the format of bioimage.io")
    return found
