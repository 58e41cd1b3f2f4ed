"""Networks that no halo tiles, and what can be done about each: the layer is named."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from ..models.model import Model
from ..network.algebra import Node
from ..network.layers import GlobalContext, GlobalPool, Normalization
from ..network.program import Operation, Program
from ..network.rates import short
from ..network.resize import Resize
from ..network.stage import Stage, Unbounded
from .clean import margins

_REMEDIES: tuple[tuple[type, str], ...] = (
    (Normalization, "freeze its statistics, as batch normalisation has them in evaluation mode"),
    (GlobalPool, "compute what it pools once, on the whole map"),
    (GlobalContext, "read the network up to it, and run it on the whole map"),
)
_ALIGNED = "interpolate with align_corners=False"
_ADAPTS = "pool by windows of a fixed size, as AvgPool2d does"
_CIRCULAR = (
    "pad the input itself by what the field reads (numpy.pad with mode='wrap'), and the layers by zeros"
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
    wholes = (op for op in program.live if isinstance(op.what, Unbounded) and any(op.what.reads(0)))
    if (op := next(wholes, None)) is not None:
        remedy = next((text for kind, text in _REMEDIES if isinstance(op.node, kind)), _REMEDIES[-1][1])
        rest = _bounded(program)
        _refuse(
            f"{_named(net, op, axis)} reads the whole map",
            remedy,
            None if rest is None else _halo(rest, tile),
        )
    for op in program.live:
        if isinstance(op.node, Resize) and any(op.node.drift):
            _refuse(f"{short(op.node)} has positions that depend on the size of the map", _ALIGNED)
        if isinstance(op.what, Stage) and op.what.border == "circular" and any(op.what.padding(0)):
            _refuse(f"{short(op.node)} joins both ends of the map", _CIRCULAR)
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


def _named(net: Node, op: Operation, axis: int) -> str:
    """Return a layer that reads everything, by its path in a model and as it is written."""
    tensors = net.tensors if isinstance(net, Model) and net.is_read else ()
    first = next((tensor.name for tensor in tensors if axis in tensor.whole), None)
    return short(op.node) if first is None else f"{first!r}, {short(op.node)},"


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
