"""Rules of operators that act position by position: activations, normalisations, tensors joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...network.algebra import Identity, series
from ...network.layers import Activation
from ..axes import Axis, Layout, owners
from ..channelwise import Array, Given, picks
from ..ir import Constant, Operator, Placed, Tensor, everything, rank_of, single
from ..moves import kept, read
from .table import rule


@rule("pointwise")
def _(op: Operator) -> Placed:
    """Return what acts on each position alone: an activation at its mean slope, or a factor."""
    name, factor = op.get("activation"), op.get("factor")

    def by_channel(given: Given) -> Placed:
        if name:  # in place of the activation, whose gain would count again in the variance
            return given.placed._replace(node=given.factors(*given.rates.moments(op)))
        if factor is None:
            raise op.error("has a slope that depends on its input")
        return given.scaled(factor)

    return single(op, Activation(name) if name else Identity(), by_channel=by_channel)


@rule("shuffle")
def _(op: Operator) -> Placed:
    """Return channels (group, place in it) in the order (place, group)."""
    return picks(single(op, Identity()), lambda numbers: numbers.reshape(op.options["groups"], -1).T)


@rule("batch_norm")
def _(op: Operator) -> Placed:
    """Return a normalisation by statistics that are known: a factor for each channel."""
    return single(op, Identity(), by_channel=lambda given: _normalised(given, _factors(op)))


@rule("normalise")
def _(op: Operator) -> Placed:
    """Return a normalisation over some axes, with statistics of the whole map where they are spatial.

    Channel by channel it is its scale: the statistics are taken as those of standard normal inputs.
    """
    tensor = op.tensor
    over = [axis % len(tensor.axes) for axis in op.options["axes"]]
    spatial = [axis for axis in over if tensor.axes[axis] and tensor.side(axis) != 1]
    try:
        within, statistics = kept(op, tensor, spatial)
    except ValueError:  # of windows that overlap: an entry reads all of its window, and stands for it
        return read(op, tensor, spatial).of(tensor)

    def by_channel(given: Given) -> Placed:
        scale = op.get("scale")
        if scale is None and not op.get("is_plain"):
            raise op.error("divides by what depends on its input")
        value = None if scale is None else op.constant(scale, "its scale")
        if value is None:
            return given.placed
        if not op.get("is_last"):  # one scale per channel, or per group of them
            return given.scaled(np.repeat(value, math.prod(given.shape()) // np.size(value)))
        return _normalised(given, value)

    return single(op, within, by_channel=by_channel)._replace(statistics=statistics)


def _normalised(given: Given, value: Any) -> Placed:
    """Return the scale of a normalisation, which has one value for each of its last axes, or channel."""
    if not given.op.get("is_last"):
        value = np.reshape(value, (-1, *(1 for _ in given.op.tensor.axes[2:])))
    return given.scaled(given.per_channel(value))


def _factors(op: Operator) -> Array:
    """Return what batch normalisation multiplies each channel by."""
    scale, spread = (_loaded(op, name) for name in ("scale", "variance"))
    if spread is None:
        raise op.error("divides by what depends on its input")
    spread = spread + op.get("eps", 1e-5)
    if not (spread > 0).all():
        raise op.error("has a variance that is not positive")
    return np.asarray((1.0 if scale is None else scale) / np.sqrt(spread))


def _loaded(op: Operator, name: str) -> Any:
    """Return a constant input as floats, None where there is none."""
    index = op.get(name)
    value = None if index is None else op.constant(index, f"its {name}")
    return None if value is None else np.asarray(value, dtype=float)


@rule("join")
def _(op: Operator) -> Placed:
    """Return the sum of tensors, each times its gain: 1 for sums, equal shares for products and maxima."""
    several = op.get("count", len(op.tensors))
    count = {"sum": 1, "mean": len(op.inputs)}.get(op.options["combine"], several)
    return Placed(Identity(), [(tensor, Fraction(1, count)) for tensor in op.tensors], broadcast(op), _joined)


def _joined(given: Given) -> Placed:
    """Return a sum of the operands with their signs, or of products and choices their shares."""
    op, shape = given.op, given.shape()
    factor, parts = _common_factor(given), []
    for entry, sign in zip(op.inputs, op.get("factors") or [1] * len(op.inputs), strict=False):
        gain = given.share(entry)
        if isinstance(entry, Tensor) and gain is not None:
            numbers = given.numbers(entry)
            choice = given.choice(np.broadcast_to(numbers, shape), numbers.size)
            parts.append((entry, series([choice, given.factors(factor)]), gain * sign))
    return given.joined(parts)


def _common_factor(given: Given) -> Array:
    """Return what the constants among the operands multiply each channel by."""
    op, how = given.op, given.op.options["combine"]
    constants = [i for i, x in enumerate(op.inputs) if isinstance(x, Constant)]
    is_inverse = how == "quotient" and (len(op.tensors) > 1 or 0 in constants)
    if how in ("choice", "power") or is_inverse or (how == "extreme" and constants):
        raise op.error("has a slope that depends on its input")
    factor = np.full(given.shape(), float(op.get("scale", 1)))
    for i in constants if how in ("product", "quotient") else ():
        value = given.per_channel(op.constant(i, "its factor"))
        with np.errstate(divide="ignore"):  # what is not finite is named where it is used
            factor = factor * value if how == "product" else factor / value
    return factor


@rule("prelu")
def _(op: Operator) -> Placed:
    """Return a gate that is open, or passes its own slope."""

    def by_channel(given: Given) -> Placed:
        slopes = op.constant(1, "its slopes")
        if op.get("is_aligned"):
            slopes = np.reshape(slopes, (-1, *(1 for _ in given.shape()[2:])))
        slopes, share = given.per_channel(slopes).ravel(), given.rates.share(op)
        return given.scaled(share + (1 - share) * slopes, share + (1 - share) * slopes**2)

    share = Fraction(1, len(op.tensors))
    return Placed(Identity(), [(tensor, share) for tensor in op.tensors], broadcast(op), by_channel)


@rule("everything")
def _(op: Operator) -> Placed:
    """Return what reads everything."""
    return everything(op)


def broadcast(op: Operator) -> Layout:
    """Return the common layout of tensors that are joined position by position."""
    rank = rank_of(op)
    layout: list[Axis] = [()] * rank
    for tensor in op.tensors:
        for i, axis in enumerate(tensor.layout or (), rank - len(tensor.layout or ())):
            is_finer = bool(owners(axis)) and not (owners(layout[i]) and len(layout[i]) >= len(axis))
            layout[i] = axis if is_finer else layout[i] or axis
    _require_whole(op, layout)
    return tuple(layout)


def _require_whole(op: Operator, layout: Sequence[Axis]) -> None:
    """Raise where a single sample is repeated along the space, as no layer does."""
    for i, axis in enumerate(layout, -len(layout)):
        shapes = [t.shape for t in op.inputs if t is not None and t.shape is not None]
        longest = max((shape[i] or 0 for shape in shapes if len(shape) >= -i), default=0)
        alone = [t for t in op.tensors if len(t.axes) >= -i and t.axes[i] and t.side(i) == 1]
        if owners(axis) and alone and longest > 1:
            raise op.error(f"repeats the single sample of {alone[0].name!r} along axis {i}, which is spatial")
