"""The shape that a model's input is read at: the file's, the one given, and usual sizes for open sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..._checks import as_count
from ..ir import Shape
from ..usual import CHANNELS, SIZES, TOKENS
from .graph import attributes, named
from .shapes import sides, spelled

# What keeps the channels of an input where they are, and what is done to it before the first layer.
_BEFORE = named(
    """
    Add BatchNormalization Cast Clip DequantizeLinear Div DynamicQuantizeLinear Identity Mul Pad
    QuantizeLinear Relu Resize Sub Transpose
    """
)
_INTEGERS = (5, 6, 7, 12, 13)


def checked(shape: Any, known: Shape | None, name: str) -> Shape | None:
    """Return the shape given for an input, or raise where the model's input cannot have it."""
    if shape is None:
        return None
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(
            f"input_shape must be a sequence of sides, None for those that stay open, got {shape!r}"
        )
    if any(isinstance(side, Sequence) for side in shape):
        raise ValueError(
            f"input_shape must be one shape, that of the input {name!r}, got {shape!r}; other inputs of the "
            "file are read at sizes that fit it"
        )
    found = tuple(None if side is None else as_count(side, "input_shape", minimum=1) for side in shape)
    if known is not None and len(known) != len(found):
        raise ValueError(
            f"input_shape must have {len(known)} sides, as the input {name!r} has, got {shape!r}"
        )
    return found


def declared(entry: Any) -> Shape | None:
    """Return the shape that a file declares, None for open sides, those that are no number of samples."""
    found = sides(entry.type)
    return found and tuple(side if side and side > 0 else None for side in found)


def symbols(entry: Any) -> tuple[str, ...]:
    """Return the names of the sides that a file leaves open, "" where they have none."""
    return tuple(str(side.dim_param) for side in entry.type.tensor_type.shape.dim)


def filled(shape: Shape, space: Sequence[int], channels: int | None, is_tokens: bool) -> Iterator[Shape]:
    """Yield shapes without open sides, the most usual first: a batch of 1, usual sizes along the space.

    >>> next(filled((None, 3, None, None), (2, 3), 3, False))
    (1, 3, 224, 224)
    """
    if None not in shape:
        yield shape
        return
    usual = TOKENS if is_tokens else SIZES.get(len(space), (16,))
    for size in usual:
        yield tuple(
            side if side is not None else size if axis in space else 1 if axis == 0 else channels or 1
            for axis, side in enumerate(shape)
        )
        if not any(shape[axis] is None for axis in space):
            return


def first_channels(nodes: Sequence[Any], name: str, weights: Mapping[str, Shape], ndim: int) -> int:
    """Return the channels that the first convolution behind an input reads, else the usual number."""
    found = {name}
    makers = {made: node for node in nodes for made in node.output}
    for node in nodes:
        if not node.input or node.input[0] not in found:
            continue
        if node.op_type in _BEFORE:
            found.update(node.output)
        elif "Conv" in node.op_type:
            own = next(
                (shape for x in node.input[1:] if len(shape := _weights(x, makers, weights)) > 2), None
            )
            groups = attributes(node).get("group", 1)
            return own[1] * groups if own and isinstance(groups, int) else CHANNELS.get(ndim, 1)
    return CHANNELS.get(ndim, 1)


def _weights(name: str, makers: Mapping[str, Any], weights: Mapping[str, Shape]) -> tuple[int, ...]:
    """Return the shape of stored weights, those behind a dequantisation or a cast included."""
    while name not in weights and name in makers and makers[name].op_type in _BEFORE and makers[name].input:
        name = makers[name].input[0]
    return tuple(side or 0 for side in weights.get(name, ()))


def is_tokens(entry: Any) -> bool:
    """Return whether an input holds integers."""
    return entry.type.tensor_type.elem_type in _INTEGERS


def said(name: str, shape: Shape, words: Sequence[str], found: Shape) -> str:
    """Return the sentence about an input that is read at a usual size."""
    spelling = "x".join(
        str(side) if side is not None else word or "?" for side, word in zip(shape, words, strict=True)
    )
    return (
        f"the file leaves sizes of its input {name!r} open ({spelling}); it is read at {spelled(found)}, "
        "which input_shape changes"
    )
