"""The rows of a model's table: its modules or nodes, with all that they hold and compute."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field as dataclass_field
from typing import Any

from .._checks import as_count, per_axis
from ..models.ir import Tensor
from ..models.model import Model
from ..models.parts import Part, Ran, joined
from ..network.algebra import Identity, Node
from ..network.cost import Cost, LayerCost
from ..network.graph import INPUT
from ..network.program import program_of
from ..network.regions import regions_of
from ..network.shares import variance_shares
from ..network.sizes import sized_for
from .row import Field, LayerRow, side_of

_ITEM_SIZE = 4  # bytes of a number, as `cost` counts

# What works on each unit by itself takes as many operations as there are units, whatever the size of the map.
_BY_UNIT = frozenset(["conv", "linear", "batch_norm", "normalise"])


def model_rows(model: Model, input_size: Any = None, channels: int | None = None) -> tuple[LayerRow, ...]:
    """Return a row for each module or node of a model, outermost and first ones first."""
    if channels is not None and model.channels not in (None, as_count(channels, "channels", minimum=1)):
        raise ValueError(
            f"channels must be None or the model's {model.channels}, which it was read with; got {channels}"
        )
    seen = _Seen.of(model, input_size)
    root = model.parts
    parts = [part for part in root.walk() if part is not root or part.parameters or _macs(part, seen)]
    return tuple(_row(model, part, seen) for part in parts)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What is known of the entries of a model's network by name.

    Attributes
    ----------
    fields
        What their units see.
    sizes
        Samples per axis at another size of the input; None at the model's own.
    shares
        Returns what each makes of the variance.
    known
        Sides of effective fields.
    """

    model: Model
    fields: dict[str, Field]
    sizes: dict[str, tuple[int, ...]] | None
    shares: Callable[[], dict[str, float]]
    known: dict[str, float | None] = dataclass_field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, input_size: Any) -> _Seen:
        """Read all entries at once."""
        _, trace = model.reading
        whole = trace.whole()
        sides = per_axis(input_size, model.ndim, "input_size", minimum=1) if input_size is not None else None
        is_other = sides is not None and sides != model.input_size
        if whole is None:
            unit = Field((1,) * model.ndim, (0,) * model.ndim, (1,) * model.ndim, ((0, 0),) * model.ndim)
            return cls(model, {INPUT: unit}, {INPUT: sides} if is_other and sides else None, dict)
        program = program_of(whole, model.ndim)
        spans = dict(zip((entry.name for entry in whole.order), program.spans, strict=True))
        regions = regions_of(program)
        fields = {name: Field.of(regions[span.output]) for name, span in spans.items()}
        fields[INPUT] = Field.of(regions[0])
        sizes = None
        if is_other:
            frame = sized_for(whole, sides)
            unrolled = zip(spans, frame.program.spans, strict=True)
            sizes = {INPUT: frame.sizes[0], **{name: frame.sizes[span.output] for name, span in unrolled}}
        shares = functools.cache(functools.partial(_shares, model))
        return cls(model, fields, sizes, shares)

    def field(self, tensor: Tensor) -> Field:
        """Return what the units of a tensor see; nothing is known where a branch was left out."""
        found = self.fields.get(tensor.name, Field())
        return found if tensor.owned else found._replace(stride=())  # nothing is left to step along

    def network(self, tensor: Tensor) -> Node:
        """Return the network up to a tensor."""
        return self.model.network_up_to(tensor)

    def effective(self, tensor: Tensor) -> float | None:
        """Return the side of the effective field, once for all rows that end in the same tensor."""
        if tensor.name not in self.known:
            self.known[tensor.name] = side_of(self.field(tensor), functools.partial(self.network, tensor))
        return self.known[tensor.name]

    def share(self, tensor: Tensor, names: list[str]) -> float | None:
        """Return what some entries make of the variance, None behind the tensor that was read."""
        shares = self.shares()
        if not shares or tensor.name not in (INPUT, *shares):
            return None
        return sum(shares.get(name, 0.0) for name in names)

    def scale(self, ran: Ran) -> float | None:
        """Return by how much an operator's work grows with the size of the input, None where unknown."""
        if self.sizes is None or not ran.op.tensors or not any(t.owned for t in ran.op.tensors):
            return 1.0
        tensor = ran.op.tensors[0] if ran.op.kind == "conv_transpose" else ran.tensors[0]
        if ran.op.kind not in _BY_UNIT | {"conv_transpose"} or not _is_plain(tensor):
            return None
        now, own = self.sizes.get(tensor.name), tensor.sides
        return None if now is None or None in own else math.prod(now) / math.prod(own)  # type: ignore[arg-type]


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is a map with nothing beside its positions."""
    return tensor.layout is not None and all(
        len(runs) < 2 and all(run.beside == (0, 0) for run in runs) for runs in tensor.runs
    )


def _shares(model: Model) -> dict[str, float]:
    """Return what each entry of the network up to the tensor that was read makes of the variance."""
    _, trace = model.reading
    graph = trace.graph_to(trace.read)
    if graph is None:
        return {}
    for unrolled in (False, True):
        try:
            program = program_of(graph, model.ndim, unrolled=unrolled)
        except ValueError:  # too many copies
            return {}
        shares = variance_shares(program)
        if shares is not None:
            names = (entry.name for entry in graph.order)
            return {n: sum(shares[s.operations]) for n, s in zip(names, program.spans, strict=True)}
    return {}


def _row(model: Model, part: Part, seen: _Seen) -> LayerRow:
    """Return the row of a part."""
    path = joined(part.path)
    kind = part.description
    held: dict[str, Any] = {
        "parameters": part.parameters,
        "macs": _macs(part, seen),
        "memory": _memory(part, seen),
        "path": path or model.name,
        "name": part.path[-1] if part.path else model.name,
        "kind": kind,
        "depth": max(len(part.path), 1),
        "is_around": bool(part.inside),
    }
    last = part.last
    if last is None:  # which nothing runs
        return LayerRow(kind or path or model.name, Identity, (), (), (), **held)
    tensor = last[1].tensors[-1]
    names = [name for _, ran in part.ran for name, _ in ran.nodes]
    return LayerRow(
        kind or path or model.name,
        functools.partial(seen.network, tensor),
        *seen.field(tensor),
        output_size=_output_size(tensor, seen),
        channels=_channels(tensor),
        shape=_shape(tensor, seen),
        **held,
        _share=functools.partial(seen.share, tensor, names),
        _effective=functools.partial(seen.effective, tensor),
    )


def _output_size(tensor: Tensor, seen: _Seen) -> tuple[int, ...] | None:
    """Return the samples of a tensor along the network's axes."""
    sides = tensor.sides if seen.sizes is None else seen.sizes.get(tensor.name, (None,))
    return None if not sides or None in sides else tuple(side for side in sides if side is not None)


def _channels(tensor: Tensor) -> int | None:
    """Return the channels of a tensor: the axis beside the batch that holds no positions."""
    if tensor.shape is None:
        return None
    others = [side for axis, side in enumerate(tensor.shape) if axis and axis not in tensor.space]
    return others[0] if len(others) == 1 else None


def _shape(tensor: Tensor, seen: _Seen) -> tuple[int, ...] | None:
    """Return the shape of a tensor without its batch, None where it is not known."""
    if tensor.shape is None or None in tensor.shape or (seen.sizes is not None and tensor.owned):
        return None
    return tuple(side for side in tensor.shape[1:] if side is not None) or (1,)


def cost_of(rows: Sequence[LayerRow]) -> Cost:
    """Return the cost of all rows, whose parameters and operations are known."""
    layers = [
        LayerCost(
            Identity(),
            row.output_size or (),
            row.channels or 0,
            row.parameters or 0,
            row.macs or 0,
            row.memory or 0,
            row.path,
        )
        for row in rows
    ]
    size, width = (layers[-1].size, layers[-1].channels) if layers else ((), 0)
    return Cost(tuple(layers), size, width)


def _macs(part: Part, seen: _Seen) -> int | None:
    """Return the multiply-accumulates of a part for one input, without the parts inside."""
    found = []
    for _, ran in part.ran:
        count = ran.macs
        scale = seen.scale(ran) if count else 1.0
        if count is None or scale is None:
            return None
        found.append(count * scale)
    return round(sum(found) / _batch(seen.model))


def _memory(part: Part, seen: _Seen) -> int | None:
    """Return the bytes that a part writes for one input, without the parts inside."""
    found = []
    for _, ran in part.ran:
        count = ran.values
        now = seen.sizes.get(ran.tensors[0].name) if seen.sizes and count else None
        own = ran.tensors[0].sides
        if now is not None and None not in own and ran.tensors[0].owned:
            count = count * math.prod(now) // math.prod(own)  # type: ignore[arg-type]
        found.append(count)
    return _ITEM_SIZE * sum(found) // _batch(seen.model)


def _batch(model: Model) -> int:
    """Return how many inputs the model was read with at once."""
    return (model.input_shape[0] or 1) if 0 not in model.space else 1
