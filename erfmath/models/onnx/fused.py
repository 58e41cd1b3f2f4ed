"""Fused operators of onnxruntime's optimisers, as the plain ones they are made of.

What they add that is constant, masks of positions included, has no part in any field and is left out where
the plain operator has no place for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .lowered import MICROSOFT, writes
from .shapes import sides
from .writer import Writer

_BLOCKED = f"{MICROSOFT}.nchwc"
_LAST = "com.ms.internal.nhwc"


def _activated(write: Writer, made: str, output: str = "") -> str:
    """Write the activation of a fused operator, the tensor as it is where it has none."""
    name = write.own.get("activation", "")
    numbers = write.own.get("activation_params") or []
    if not name:
        return write("Identity", made, output=output)
    if name == "Clip":
        ends = [write.constant(np.float32(number)) for number in numbers[:2]]
        return write("Clip", made, *ends, output=output)
    own = {key: write.own.get(f"activation_{key}") for key in ("alpha", "beta")}
    own |= dict(zip(("alpha", "beta"), numbers, strict=False))
    return write(name, made, output=output, **own)


def _rest(write: Writer, *names: str) -> dict[str, Any]:
    """Return the attributes but some, and but those of the activation."""
    return {k: v for k, v in write.own.items() if k not in names and not k.startswith("activation")}


@writes(f"{MICROSOFT}.FusedConv")
def _(write: Writer) -> None:
    made = write("Conv", *write.node.input[:3], **_rest(write))
    _activated(write, write("Add", made, write.input(3)) if write.input(3) else made, write.output())


@writes(f"{MICROSOFT}.NhwcConv", f"{MICROSOFT}.NhwcFusedConv", f"{_LAST}.Conv")
def _(write: Writer) -> None:
    made = write.channels_last("Conv", write.node.input[:3], _rest(write))
    _activated(write, write("Add", made, write.input(3)) if write.input(3) else made, write.output())


_POOLS = ("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool")


@writes(*(f"{_LAST}.{kind}" for kind in _POOLS), f"{MICROSOFT}.NhwcMaxPool")
def _(write: Writer) -> None:
    kind = write.node.op_type.removeprefix("Nhwc")
    write.channels_last(kind, write.node.input[:1], write.own, write.output())


@writes(f"{_BLOCKED}.Conv")
def _(write: Writer) -> None:
    """Write a convolution whose weights are stored in blocks, so that only their shape is read."""
    weights = write.fresh()
    write.folding.unknown(weights, write.folding.shape(write.input(1)))
    made = write("Conv", write.input(0), weights, write.input(2), **_rest(write))
    _activated(write, write("Add", made, write.input(3)) if write.input(3) else made, write.output())


@writes(*(f"{_BLOCKED}.{kind}" for kind in _POOLS))
def _(write: Writer) -> None:
    write(write.node.op_type, *write.node.input, output=write.output(), **write.own)


@writes(f"{_BLOCKED}.Upsample")
def _(write: Writer) -> None:
    scales = write.constant(np.array(write.own["scales"], dtype=np.float32))
    own = {key: write.own.get(key) for key in ("mode", "coordinate_transformation_mode")}
    write("Resize", write.input(0), "", scales, output=write.output(), nearest_mode="floor", **own)


@writes("Reshape")
def _(write: Writer) -> bool:
    """Write channels in blocks that are shown, (1, 32, 8, 8) as (1, 2, 8, 8, 16), or shown no longer."""
    name, folding = write.input(0), write.folding
    before = folding.shape(name)
    if name not in folding.blocked or before is None or None in before:
        return False
    after = sides(folding.made_types(write.node).get(write.output()))
    if after is None:
        return False
    rank = len(before)
    if len(after) == rank + 1 and after[2:-1] == before[2:]:
        shape = (*after[:2], after[-1], *after[2:-1])
        made = write("Reshape", name, write.constant(np.array(shape, dtype=np.int64)))
        write("Transpose", made, output=write.output(), perm=[0, 1, *range(3, rank + 1), 2])
        return True
    if len(after) == rank - 1 and before[2:-1] == after[2:]:
        made = write("Transpose", name, perm=[0, 1, rank - 1, *range(2, rank - 1)])
        write("Reshape", made, write.constant(np.array(after, dtype=np.int64)), output=write.output())
        return True
    return False


@writes(f"{_BLOCKED}.ReorderInput")
def _(write: Writer) -> None:
    """Write channels that go to blocks, and before the space where they were last."""
    rank = write.rank() or 4
    if write.own.get("channels_last"):
        order = [0, rank - 1, *range(1, rank - 1)]
        write("Transpose", write.input(0), output=write.output(), perm=order)
    else:
        write.renamed(write.input(0), write.output())


@writes(f"{_BLOCKED}.ReorderOutput")
def _(write: Writer) -> None:
    """Write channels that come from blocks, without those that fill the last one."""
    rank, shape = write.rank() or 4, write.folding.shape(write.input(0))
    channels, made = write.own.get("channels"), write.input(0)
    if channels and shape is not None and shape[1] != channels:
        ends = [write.constant(np.array([value], dtype=np.int64)) for value in (0, channels, 1)]
        made = write("Slice", made, *ends)
    if write.own.get("channels_last"):
        write("Transpose", made, output=write.output(), perm=[0, *range(2, rank), 1])
    else:
        write.renamed(made, write.output())


@writes(f"{MICROSOFT}.FusedGemm")
def _(write: Writer) -> None:
    _activated(write, write("Gemm", *write.node.input, **_rest(write)), write.output())


@writes(f"{MICROSOFT}.FusedMatMul", f"{MICROSOFT}.TransposeMatMul", f"{MICROSOFT}.FusedMatMulActivation")
def _(write: Writer) -> None:
    """Write a product of matrices whose last axes, and batches with their rows, may be exchanged."""
    operands = [_turned(write, i, side) for i, side in enumerate("AB")]
    made, alpha = write("MatMul", *operands), write.own.get("alpha", 1.0)
    if alpha != 1:
        made = write("Mul", made, write.constant(np.float32(alpha)))
    _activated(write, made, write.output())


def _turned(write: Writer, index: int, side: str) -> str:
    """Write an operand with its axes as the product takes them."""
    rank = write.rank(index) or 2
    order = list(range(rank))
    if write.own.get(f"transBatch{side}") and rank > 2:
        order = [*order[1:-1], 0, order[-1]]
    if write.own.get(f"trans{side}") and rank > 1:
        order[-2:] = order[:-3:-1]
    is_same = order == list(range(rank))
    return write.input(index) if is_same else write("Transpose", write.input(index), perm=order)


@writes(*(f"{MICROSOFT}.{kind}" for kind in ("BiasGelu", "FastGelu", "Gelu")))
def _(write: Writer) -> None:
    write("Gelu", _biased(write, 0, 1), output=write.output())


@writes(f"{MICROSOFT}.QuickGelu")
def _(write: Writer) -> None:
    """Write x sigmoid(alpha x): SiLU where alpha is 1, near GELU where it is 1.702."""
    kind = "Swish" if write.own.get("alpha") == 1 else "Gelu"
    write(kind, write.input(0), output=write.output())


@writes(f"{MICROSOFT}.BiasSoftmax")
def _(write: Writer) -> None:
    write("Softmax", _biased(write, 0, 1), output=write.output(), axis=write.own.get("axis", -1))


@writes(*(f"{MICROSOFT}.{kind}" for kind in ("BiasAdd", "BiasDropout", "BitmaskBiasDropout")))
def _(write: Writer) -> None:
    write.renamed(_biased(write, 0, 1, 2), write.output())


def _biased(write: Writer, *places: int) -> str:
    """Write the sum of operands, those that are left out aside."""
    names = [write.input(i) for i in places if write.input(i)]
    made = names[0]
    for name in names[1:]:
        made = write("Add", made, name)
    return made


@writes(f"{MICROSOFT}.SkipLayerNormalization", f"{MICROSOFT}.SkipSimplifiedLayerNormalization")
def _(write: Writer) -> None:
    """Write the normalisation of a sum, which may be an output too: the last one."""
    is_simple = "Simplified" in write.node.op_type
    made = _biased(write, 0, 1, 3 if is_simple else 4)
    _normalised(write, made, [2] if is_simple else [2, 3], is_simple)
    write.renamed(made, write.output(3))


def _normalised(write: Writer, made: str, scales: Sequence[int], is_simple: bool) -> None:
    names = [write.input(i) for i in scales if write.input(i)]
    kind = "SimplifiedLayerNormalization" if is_simple else "LayerNormalization"
    own = {"epsilon": write.own.get("epsilon"), "axis": write.own.get("axis", -1)}
    write(kind, made, *names, output=write.output(), **own)


@writes(*(f"{MICROSOFT}.{kind}" for kind in ("LayerNormalization", "SimplifiedLayerNormalization")))
def _(write: Writer) -> None:
    _normalised(write, write.input(0), [1, 2], "Simplified" in write.node.op_type)


@writes(f"{MICROSOFT}.GroupNorm", f"{MICROSOFT}.SkipGroupNorm")
def _(write: Writer) -> None:
    """Write a normalisation of groups of channels, which are last, and the SiLU that may follow."""
    is_skip = "Skip" in write.node.op_type
    made = _biased(write, 0, 3, 4) if is_skip else write.input(0)
    own = {"num_groups": write.own["groups"], "epsilon": write.own.get("epsilon")}
    operands = [made, *write.node.input[1:3]]
    if write.own.get("channels_last", 1):
        found = write.channels_last("GroupNormalization", operands, own)
    else:
        found = write("GroupNormalization", *operands, **own)
    write("Swish" if write.own["activation"] else "Identity", found, output=write.output())
    write.renamed(made, write.output(1))


@writes(f"{MICROSOFT}.Attention", f"{MICROSOFT}.QAttention")
def _(write: Writer) -> None:
    """Write attention of a tensor to itself: one product makes queries, keys and values."""
    shape = write.folding.shape(write.input(1))
    width = (shape[-1] if shape else None) or 3
    parts = write.own.get("qkv_hidden_sizes") or [width // 3] * 3
    is_quantised = write.node.op_type == "QAttention"
    weights = _scaled(write) if is_quantised else write.input(1)
    made = write("MatMul", write.input(0), weights)
    if write.input(2):
        made = write("Add", made, write.input(2))
    entries = write.split(made, 2, parts, [write.fresh() for _ in range(3)])
    _attended(write, entries, "" if is_quantised else write.input(5))


def _scaled(write: Writer) -> str:
    """Write weights times their scale, an integer product's."""
    return write("Mul", write("Cast", write.input(1), to=1), write.input(4))


@writes(f"{MICROSOFT}.MultiHeadAttention")
def _(write: Writer) -> None:
    """Write attention of queries to keys and values, which may be packed into one tensor."""
    query, key, value = (write.input(i) for i in range(3))
    if write.rank(0) == 5:
        query, key, value = (_unpacked(write, query, place) for place in range(3))
    elif write.rank(1) == 5:
        key, value = (_unpacked(write, key, place) for place in range(2))
    elif write.rank(1) == 4:
        key, value = (_headless(write, name) for name in (key, value))
    _attended(write, [query, key, value], write.input(5))


@writes(f"{MICROSOFT}.GroupQueryAttention")
def _(write: Writer) -> None:
    """Write attention in which several heads share keys and values; each position reads those before it."""
    heads, groups = write.own["num_heads"], write.own["kv_num_heads"]
    entries = list(write.node.input[:3])
    if not write.input(1):
        shape = write.folding.shape(write.input(0))
        side = (shape[-1] if shape else None) or heads + 2 * groups
        head = side // (heads + 2 * groups)
        parts = [heads * head, groups * head, groups * head]
        entries = write.split(write.input(0), 2, parts, [write.fresh() for _ in range(3)])
    _attended(write, entries, "", kv_num_heads=groups, is_causal=1)


def _attended(write: Writer, entries: Sequence[str], mask: str, **given: int) -> None:
    heads = write.own["num_heads"]
    own: Mapping[str, Any] = {
        "q_num_heads": heads,
        "kv_num_heads": heads,
        "is_causal": write.own.get("unidirectional"),
        "scale": write.own.get("scale") or None,
        **given,
    }
    operands = [*entries, mask] if mask else entries
    write("Attention", *operands, output=write.output(), **own)


def _unpacked(write: Writer, name: str, place: int) -> str:
    """Write one of the tensors that are packed along the axis before the last."""
    index = write.constant(np.array(place, dtype=np.int64))
    return _flat(write, write("Gather", name, index, axis=3))


def _headless(write: Writer, name: str) -> str:
    """Write a tensor (batch, heads, positions, channels) without an axis of heads."""
    return _flat(write, write("Transpose", name, perm=[0, 2, 1, 3]))


def _flat(write: Writer, name: str) -> str:
    shape = write.constant(np.array([0, 0, -1], dtype=np.int64))
    return write("Reshape", name, shape)


@writes(f"{MICROSOFT}.Pad", f"{MICROSOFT}.RotaryEmbedding", f"{MICROSOFT}.Trilu", f"{MICROSOFT}.GridSample")
def _(write: Writer) -> None:
    own = {} if write.node.op_type == "RotaryEmbedding" else write.own
    write(write.node.op_type, *write.node.input, output=write.output(), **own)


@writes(f"{MICROSOFT}.ExpandDims")
def _(write: Writer) -> None:
    axis = write.folding.value(write.input(1))
    write.listed("Unsqueeze", write.input(0), "axes", [int(axis)], write.output())
