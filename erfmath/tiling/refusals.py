"""Networks that no halo tiles, and what can be done about each: the layer is named."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from ..models.model import Model
from ..network.algebra import Node, Series
from ..network.graph import Graph
from ..network.layers import Normalization
from ..network.program import Operation, Program
from ..network.rates import short
from ..network.resize import Resize
from ..network.stage import Stage, Unbounded
from .clean import margins

_FREEZE = "freeze its statistics, as batch normalisation has them in evaluation mode"
_APART = "tile the network up to it, and run it on the whole map"
_ALIGNED = "interpolate with align_corners=False"
_ADAPTS = "pool by windows of a fixed size, as AvgPool2d does"
_CIRCULAR = (
    "pad the input itself by what the field reads, with numpy.pad and mode='wrap', and crop the output"
)
_DEPENDS = "give a tile that covers the input, or read the model at another size"


def require_tileable(net: Node, program: Program, axis: int, tile: int) -> None:
    """Raise where no halo makes tiles along an axis equal to the whole, naming the layer.

    `program` is projected on that axis.

    Raises
    ------
    ValueError
        If a layer reads the whole map, has positions or windows that depend on the size of the map, or joins
        both ends of it.
    """
    wholes = [op for op in program.live if isinstance(op.what, Unbounded) and any(op.what.reads(0))]
    if wholes:
        remedy = _FREEZE if isinstance(wholes[0].node, Normalization) else _APART
        rest = _bounded(program)
        halo = None if rest is None else _halo(rest, tile)
        more = f" (and {len(wholes) - 1} behind it do)" if len(wholes) > 1 else ""
        _refuse(f"{_reader(net, wholes[0], axis)} reads the whole map{more}", remedy, halo)
    for op in program.live:
        if isinstance(op.node, Resize) and any(op.node.drift):
            reason = "has aligned corners: its positions depend on the size of the map"
            _refuse(f"{_named(net, op)} {reason}", _ALIGNED, _halo(program, tile))
        if isinstance(op.what, Stage) and op.what.border == "circular" and any(op.what.padding(0)):
            _refuse(f"{_named(net, op)} joins both ends of the map", _CIRCULAR)
    if isinstance(net, Model):
        _require_one_reading(net, _halo(program, tile))


def _require_one_reading(model: Model, halo: str) -> None:
    """Raise where a model is another network on a tile than on the whole."""
    if model.stretches is not None:
        reason = f"{model.stretches!r} has aligned corners: its positions depend on the size of the map"
        _refuse(reason, _ALIGNED, halo)
    if model.adapts is not None:
        _refuse(f"{model.adapts!r} pools to a fixed number of outputs, whatever the size of the map", _ADAPTS)
    for said in model.warnings:
        if said.startswith("the field depends on"):
            _refuse(said, _DEPENDS)


def _refuse(reason: str, remedy: str, halo: str | None = None) -> NoReturn:
    without = f"; without it the loss would be 0 at a halo of {halo}" if halo else ""
    raise ValueError(
        f"no halo makes tiles equal to the whole: {reason}; {remedy}, or tile with blending and accept the "
        f"difference{without}"
    )


def _reader(net: Node, op: Operation, axis: int) -> str:
    """Return a layer that reads everything along an axis: by its path in a model, or as it is written."""
    tensors = net.tensors if isinstance(net, Model) and net.is_read else ()
    first = next((tensor.title for tensor in tensors if axis in tensor.whole), None)
    return short(op.node) if first is None else repr(first)


def _named(net: Node, op: Operation) -> str:
    """Return a layer by its path in a model, or as it is written."""
    graph = net.unwrapped
    for entry in graph.layers if isinstance(graph, Graph) else ():
        if op.node in (entry.node, *(entry.node.nodes if isinstance(entry.node, Series) else ())):
            return repr(entry.name)
    return short(op.node)


def _halo(program: Program, tile: int) -> str:
    found = margins(program, tile)
    return f"{found.before} before and {found.after} after"


def _bounded(program: Program) -> Program | None:
    """Return a program without what reads everything, None where nothing else is left."""
    gone: set[int] = set()
    kept: list[Operation] = []
    for index, op in enumerate(program.operations, 1):
        sources = tuple(pair for pair in op.sources if pair[0] not in gone)
        whole = isinstance(op.what, Unbounded) and any(op.what.reads(0))
        if not sources or (isinstance(op.what, Unbounded) and op.what.pools(0)):
            gone.add(index)
            sources = op.sources
        kept.append(replace(op, sources=sources, what=None if whole else op.what))
    return None if program.output in gone else replace(program, operations=tuple(kept))
