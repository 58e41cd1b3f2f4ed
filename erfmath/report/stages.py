"""The tensors of a model at which the stride changes or branches join, and the last one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._html import grid
from ..models.model import Model
from ..network.algebra import Node
from ..network.graph import Graph
from ..words import per_axis_text, shown_sides, table
from .layers import layer_table
from .row import LayerRow

_HEADERS = ("tensor", "size", "stride", "offset", "field")


@dataclass(frozen=True)
class StageRow:
    """A tensor of a network: its size if it is known, and the theoretical field of its units.

    Attributes
    ----------
    tensor
        Its name.
    size
        Samples per axis; None if they are not known.
    stride, offset, field
        As in a :class:`LayerRow`.
    """

    tensor: str
    size: tuple[int, ...] | None
    stride: tuple[Any, ...]
    offset: tuple[float | None, ...]
    field: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class StageTable:
    """The stages of a network; its str is an aligned table."""

    stages: tuple[StageRow, ...]

    def __str__(self) -> str:
        return table(_HEADERS, self._cells(), left=1)

    def __repr__(self) -> str:
        return f"<StageTable of {len(self.stages)} stages>"

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return grid(_HEADERS, self._cells(), left=1)

    def _cells(self) -> list[list[str]]:
        rows = []
        for stage in self.stages:
            size = "?" if stage.size is None else per_axis_text(stage.size)
            cells = map(shown_sides, (stage.stride, stage.offset, stage.field))
            rows.append([stage.tensor, size, *cells])
        return rows


def stages_of(net: Node) -> StageTable:
    """Return the stages of a Model, or of a Graph.

    Raises
    ------
    ValueError
        For another network, whose tensors have no names.
    """
    inner = net.unwrapped
    sizes: dict[str, Any] = {}
    if isinstance(net, Model):
        sizes = {tensor.name: tensor.sides for tensor in net.tensors}
    if isinstance(inner, Graph):
        rows = _joints(inner)
    elif isinstance(net, Model):
        rows = _changes(net)
    else:
        raise ValueError(
            "only a model or a Graph has stages, since their tensors have names; other networks have layers"
        )
    return StageTable(tuple(_stage(name, row, sizes.get(name)) for name, row in rows.items()))


def _joints(net: Graph) -> dict[str, LayerRow]:
    """Return the layers that join branches or change the stride, and the output."""
    return {
        entry.name: row
        for entry, row in zip(net.order, layer_table(net), strict=True)
        if len(entry.sources) > 1 or set(entry.node.rate or (1,)) != {1} or entry.name == net.output
    }


def _changes(model: Model) -> dict[str, LayerRow]:
    """Return the tensors of a chain at which the stride changes, and the last one."""
    nets = {tensor.name: model.network_up_to(tensor) for tensor in model.tensors[1:] if tensor.space}
    found: dict[str, LayerRow] = {}
    rate = None
    for name, net in nets.items():
        if net.rate != rate or name == [*nets][-1]:
            found[name] = layer_table(net).rows[-1]
        rate = net.rate
    return found


def _stage(name: str, row: LayerRow, size: Any) -> StageRow:
    return StageRow(name, None if not size or None in size else size, row.stride, row.offset, row.size)
