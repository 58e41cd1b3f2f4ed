"""The parts of a model: submodules or nodes as a tree, with everything that they hold and compute."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..network.algebra import Node
from ..network.describe import POINTWISE, describe
from .ir import Operator, Tensor
from .operations import macs_of

if TYPE_CHECKING:
    from .model import Model

Path = tuple[str, ...]

# Kinds that are what their module is called, though in space they are a convolution of one tap.
_BY_CLASS = frozenset(["linear", "matmul", "gemm", "einsum", "attention", "recurrence", "embedding"])


class Place(NamedTuple):
    """Where an operator is in a model: names of the parts around it and its own, and what each is."""

    path: Path
    kinds: Path


class Holdings(NamedTuple):
    """The parameters of a model by the part that holds them, and those that are not read."""

    read: Mapping[str, int]
    rest: Mapping[str, int]


@dataclass(frozen=True)
class Ran:
    """An operator that was run: what it made, the entries of the network made for it, and its cost."""

    op: Operator
    tensors: tuple[Tensor, ...]
    nodes: tuple[tuple[str, Node], ...]

    @functools.cached_property
    def macs(self) -> int | None:
        """Multiply-accumulates of the whole batch."""
        return macs_of(self.op)

    @property
    def moves(self) -> bool:
        """Whether a unit reads other positions than its own."""
        return any(not isinstance(node, POINTWISE) for _, node in self.nodes)

    @property
    def is_row(self) -> bool:
        """Whether it deserves a row of its own beside modules."""
        return self.moves or self.macs != 0

    @property
    def values(self) -> int:
        """How many values it writes, none where it works in place or only looks at what is there."""
        is_written = self.moves or len(self.op.tensors) > 1 or self.op.kind in _BY_CLASS
        shapes = [tensor.shape for tensor in self.tensors] if is_written else []
        return sum(math.prod(side or 1 for side in shape) for shape in shapes if shape is not None)


@dataclass
class Part:
    """A part of a model and what is inside.

    Attributes
    ----------
    path
        The names of the parts around it and its own.
    kind
        What it is: a class or an operator.
    inside
        Its parts in the order of the data.
    ran
        The operators that no part of it runs.
    parameters
        How many no part of it holds.
    """

    path: Path
    kind: str
    inside: list[Part] = field(default_factory=list)
    ran: list[tuple[int, Ran]] = field(default_factory=list)
    parameters: int = 0
    is_operator: bool = False
    named: dict[Path, Part] = field(default_factory=dict, repr=False)

    def walk(self) -> Iterator[Part]:
        """Yield the part and all inside, outermost first."""
        yield self
        for part in self.inside:
            yield from part.walk()

    @property
    def last(self) -> tuple[int, Ran] | None:
        """What was run last in it, and when."""
        found = [*self.ran, *(part.last for part in self.inside if part.last is not None)]
        return max(found, key=lambda entry: entry[0], default=None)

    @property
    def description(self) -> str:
        """What it is: a layer with its sizes, or its kind."""
        moving = [(node, ran.op) for _, ran in self.ran for _, node in ran.nodes if _is_layer(node)]
        if self.inside or len(moving) != 1 or moving[0][1].kind in _BY_CLASS:
            return self.kind
        return describe(moving[0][0])


def _is_layer(node: Node) -> bool:
    return not isinstance(node, POINTWISE)


def parts_of(model: Model) -> Part:
    """Return the parts of a model as a tree."""
    reader, trace = model.reading
    root = Part((), "")
    for number, ran in enumerate(trace.ran):
        _place(root, reader.place(ran.op), number, ran)
    holdings = reader.holdings()
    for held, count in holdings.read.items():
        _holder(root, held).parameters += count
    _tidy(root, is_root=True)
    for held, count in holdings.rest.items() if model.reads_all else ():
        root.inside.append(Part((held,), "not run", parameters=count))
    return root


def _place(root: Part, place: Place, number: int, ran: Ran) -> None:
    """Put an operator where it is."""
    part = root
    for depth in range(1, len(place.path) + 1):
        path, kind = place.path[:depth], place.kinds[depth - 1]
        if path not in part.named:
            part.named[path] = Part(path, kind, is_operator=depth == len(place.path))
            part.inside.append(part.named[path])
        part = part.named[path]
    part.ran.append((number, ran))


def _holder(root: Part, path: str) -> Part:
    """Return the innermost part around a path."""
    part = root
    while True:
        found = (inner for inner in part.inside if f"{path}.".startswith(f"{joined(inner.path)}."))
        inner = next(found, None)
        if inner is None:
            return part
        part = inner


def _tidy(part: Part, is_root: bool = False) -> None:
    """Keep the operators that deserve a row where there are modules beside them, else one row for all."""
    is_flat = all(inner.is_operator for inner in part.inside)
    kept = []
    for inner in part.inside:
        _tidy(inner)
        own = [ran for _, ran in inner.ran]
        counts = any(ran.is_row or (is_flat and ran.nodes) for ran in own) or inner.parameters > 0
        if not inner.is_operator or (counts and (is_root or not is_flat)):
            kept.append(inner)
        else:
            part.ran += inner.ran
            part.parameters += inner.parameters
    part.inside = kept
    part.ran.sort(key=lambda entry: entry[0])


def joined(path: Iterable[str]) -> str:
    """Return the path of a part as it is written: "layer1.0.conv1"."""
    return ".".join(path)
