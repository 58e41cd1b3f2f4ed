"""ONNX operators in the words of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .ir import Constant, Operator, Shape
from .rules.pointwise import pairs, words

Attributes = Mapping[str, Any]
Translation = Callable[[Operator, Attributes, int], Operator]

POINTWISE = words("""
    Abs Acos Acosh Affine Asin Asinh Atan Atanh BatchNormalization BitCast BitwiseNot Cast CastLike Ceil
    Celu Clip Cos Cosh DequantizeLinear Dropout DynamicQuantizeLinear Elu Erf Exp Floor Gelu HardSigmoid
    HardSwish Identity IsInf IsNaN LRN LeakyRelu Log Mish Neg Not QuantizeLinear Reciprocal Relu Round Scale
    Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu
    """)
ACTIVATIONS = words("""
    Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish Relu Selu Sigmoid Softplus Softsign Swish Tanh
    """)
LINEAR = words("Cast CastLike Dropout Identity Neg")
RENAMED = {"leakyrelu": "leaky_relu"}
JOINS = (
    {"Add": "sum", "Div": "quotient", "Mul": "product", "PRelu": "prelu", "Pow": "power"}
    | {"Sub": "sum", "Sum": "sum", "Max": "extreme", "Min": "extreme", "Mean": "mean"}
    | dict.fromkeys(
        words("""
    And BitShift BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less LessOrEqual
    Mod Or Where Xor
    """),
        "choice",
    )
)
COMBINED = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "choice", "ReduceMin": "choice"}
REDUCTIONS = words("""
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare
    """)
EVERYTHING = {
    "Attention": "attention",
    "GRU": "recurrent",
    "GlobalAveragePool": "global",
    "GlobalLpPool": "global",
    "GlobalMaxPool": "global",
    "LSTM": "recurrent",
    "RNN": "recurrent",
}
MICROSOFT = frozenset(("BiasGelu", "FastGelu", "FusedConv", "Gelu", "QuickGelu"))  # com.microsoft's

_TABLE: dict[str, Translation] = {}


def translated(op: Operator, domain: str, attributes: Attributes, version: int) -> Operator:
    """Return an operator of the rules' kinds; one that is not known keeps the kind None."""
    name = op.title
    if domain == "com.microsoft" and name in MICROSOFT:
        if name == "FusedConv":
            return _as(op, "conv", **_window(op, attributes), activation=attributes.get("activation"))
        return _as(op, "pointwise")
    if domain not in ("", "ai.onnx"):
        return op
    if name == "BatchNormalization":
        return _as(op, "batch_norm", eps=attributes.get("epsilon", 1e-5), scale=1, spread=4)
    if name == "LRN":  # of inputs of mean square 1
        base = attributes.get("bias", 1.0) + attributes.get("alpha", 1e-4)
        return _as(op, "pointwise", factor=base ** -attributes.get("beta", 0.75))
    if name in POINTWISE and name not in _TABLE:
        factor = (-1 if name == "Neg" else 1) if name in LINEAR else None
        slope = attributes.get("alpha", 0.01) if name == "LeakyRelu" else None
        options = {"slope": slope, "is_unusual": _is_unusual(name, attributes)}
        return _as(op, "pointwise", activation=_activation(name), factor=factor, **options)
    if name in JOINS:
        kind = "prelu" if name == "PRelu" else "join"
        return _as(op, kind, combine=JOINS[name], factors=(1, -1) if name == "Sub" else None)
    if name in EVERYTHING:
        return _as(op, EVERYTHING[name])
    if name in REDUCTIONS:
        axes = attributes.get("axes", _listed(op, 1, "its axes"))
        idle = axes is None and attributes.get("noop_with_empty_axes", 0)
        options = {"keepdims": attributes.get("keepdims", 1), "combine": COMBINED.get(name)}
        return _as(op, "reduce", axes=[] if idle else axes, **options)
    return _TABLE[name](op, attributes, version) if name in _TABLE else op


def _as(op: Operator, kind: str, **options: Any) -> Operator:
    return replace(op, kind=kind, options=options)


def _is_unusual(name: str, attributes: Attributes) -> bool:
    """Whether an activation has other parameters than the one that is known by its name."""
    if name == "HardSigmoid":
        return bool(abs(attributes.get("alpha", 0.2) - 1 / 6) > 1e-3 or attributes.get("beta", 0.5) != 0.5)
    return name in ("Celu", "Elu") and bool(attributes.get("alpha", 1.0) != 1)


def _activation(name: str) -> str | None:
    """Return the name of an activation as :class:`erfmath.Activation` has it."""
    return RENAMED.get(name.lower(), name.lower()) if name in ACTIVATIONS else None


def _translation(*names: str) -> Callable[[Translation], Translation]:
    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(names, function))
        return function

    return register


def _listed(op: Operator, index: int, what: str) -> list[Any] | None:
    """Return a constant input as a list, None where it is left out or empty."""
    value = op.constant(index, what)
    return None if value is None or value.size == 0 else value.reshape(-1).tolist()


def _rank(op: Operator) -> int:
    layout = op.tensors[0].layout
    return len(layout) if layout is not None else len(op.tensors[0].shape or (1, 1, 1, 1))


def _window(op: Operator, attributes: Attributes, weights: int | None = 1) -> dict[str, Any]:
    """Return the options of a moving window."""
    size = attributes.get("kernel_shape") or op.weight_shape(weights or 1)[2:]
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    padding: Any = pairs(attributes.get("pads") or [0] * (2 * len(size)))
    if auto.startswith("SAME"):
        padding = auto.lower()
    elif auto == "VALID":
        padding = [(0, 0)] * len(size)
    return {
        "size": size,
        "stride": attributes.get("strides"),
        "dilation": attributes.get("dilations"),
        "padding": padding,
        "groups": attributes.get("group", 1),
    }


@_translation("Clip")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    """Return a clipping, between 0 and 6 by its name."""
    given = [x.load() if isinstance(x, Constant) else x for x in (*op.inputs[1:], None, None)[:2]]
    ends = [attributes.get(key, value) for key, value in zip(("min", "max"), given, strict=True)]
    low, high = (None if end is None else float(np.asarray(end)) for end in ends)
    name = "relu6" if (low, high) == (0, 6) else "relu" if low == 0 and high is None else "clip"
    return _as(replace(op, inputs=op.inputs[:1]), "pointwise", activation=name)


@_translation("Conv", "ConvInteger", "ConvTranspose")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    if op.title != "ConvTranspose":
        return _as(op, "conv", **_window(op, attributes))
    extra, wanted = attributes.get("output_padding"), attributes.get("output_shape")
    size = attributes.get("kernel_shape") or op.weight_shape()[2:]
    wanted = list(wanted)[-len(size) :] if wanted else None
    options = _window(op, attributes)
    return _as(op, "conv_transpose", **options, output_padding=extra, output_size=wanted)


@_translation("QLinearConv")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(replace(op, inputs=(op.inputs[0], op.inputs[3])), "conv", **_window(op, attributes, 3))


@_translation("AveragePool", "MaxPool", "LpPool")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    mode = "max" if op.title == "MaxPool" else "average"
    options = _window(op, attributes)
    counted = attributes.get("count_include_pad", 0) if op.title == "AveragePool" else True
    ceil_mode = attributes.get("ceil_mode", 0)
    options |= {"ceil_mode": ceil_mode, "count_include_pad": counted, "is_norm": op.title == "LpPool"}
    return _as(op, "pool", **options, mode=mode)


@_translation("Resize", "Upsample")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    index = 1 if op.title == "Upsample" or len(op.inputs) == 2 else 2
    factors = attributes.get("scales") or _listed(op, index, "its scales")
    sizes = _listed(op, 3, "its sizes") if factors is None else None
    rank = _rank(op)
    axes = [axis % rank for axis in attributes.get("axes") or range(rank)]
    if sizes is not None and attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        sizes = list(op.shapes[0] or [None] * rank)
        sizes = [sizes[axis] for axis in axes]
    mode = attributes.get("mode", b"nearest").decode()
    old = op.title == "Upsample" or version < 11
    coordinates = (
        "asymmetric" if old else attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    )
    rounding = "floor" if old else attributes.get("nearest_mode", b"round_prefer_floor").decode()
    if attributes.get("antialias", 0):
        raise op.error("has antialias, a filter that depends on the scale")
    return _as(
        op,
        "resize",
        factors=_placed(factors, axes, rank),
        sizes=_placed(sizes, axes, rank),
        mode={"bilinear": "linear", "trilinear": "linear"}.get(mode, mode),
        coordinates=coordinates,
        rounding=rounding.removeprefix("round_"),
        cubic=attributes.get("cubic_coeff_a", -0.75),
    )


def _placed(values: list[Any] | None, axes: list[int], rank: int) -> list[Any]:
    """Return values given for some axes as a list over all, None for the others."""
    found: list[Any] = [None] * rank
    for axis, value in zip(axes, values or [], strict=False):
        found[axis] = value
    return found


@_translation("Pad")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    pads = attributes.get("pads") or attributes.get("paddings") or _listed(op, 1, "its pads")
    rank = _rank(op)
    axes = _listed(op, 3, "its axes") or range(rank)
    found = [(0, 0)] * rank
    for axis, pair in zip(axes, pairs(pads or [0] * (2 * rank)), strict=True):
        found[axis % rank] = pair
    mode = attributes.get("mode", b"constant").decode()
    borders = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    if mode not in borders:
        raise op.error(f"pads in the mode {mode!r}")
    return _as(op, "pad", pads=found, border=borders[mode])


@_translation("Slice")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    if "starts" in attributes:
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes"), None
    else:
        starts, ends = _listed(op, 1, "its starts"), _listed(op, 2, "its ends")
        axes, steps = _listed(op, 3, "its axes"), _listed(op, 4, "its steps")
    axes = axes or range(len(starts or []))
    steps = steps or [1] * len(starts or [])
    return _as(op, "slice", slices=list(zip(axes, starts or [], ends or [], steps, strict=True)))


@_translation("Concat")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "concat", axis=attributes.get("axis", 1))


@_translation("Split")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    parts = attributes.get("split") or _listed(op, 1, "its parts")
    return _as(op, "split", axis=attributes.get("axis", 0), parts=parts)


@_translation("Gather")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    axis = attributes.get("axis", 0)
    table = op.inputs[0]
    if isinstance(table, Constant):
        rank = len(table.shape or (0, 0))
        return _as(op, "embedding", around=(axis % rank, rank - 1 - axis % rank))
    return _as(op, "select", axis=axis, index=op.constant(1, "its indices"))


@_translation("Transpose")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "transpose", order=attributes.get("perm"))


@_translation("Squeeze", "Unsqueeze")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, op.title.lower(), axes=attributes.get("axes") or _listed(op, 1, "its axes"))


@_translation("Reshape", "Flatten")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    if op.title == "Flatten" or (op.shapes[0] is not None and None not in op.shapes[0]):
        return _as(op, "reshape")
    wanted = op.inputs[1].load() if isinstance(op.inputs[1], Constant) else None
    shape = op.tensors[0].shape
    if wanted is None or shape is None:
        return _as(op, "reshape")
    allow = attributes.get("allowzero", 0)
    return replace(_as(op, "reshape"), shapes=(_resolved(shape, wanted.tolist(), bool(allow)),))


def _resolved(shape: Shape, wanted: list[int], allow_zero: bool) -> Shape:
    """Return the shape that 0 (as before) and -1 (what is left) stand for."""
    found: list[int | None] = [
        shape[i] if side == 0 and not allow_zero and i < len(shape) else side for i, side in enumerate(wanted)
    ]
    if -1 in found:
        rest = 1
        for side in shape:
            rest = rest * side if side is not None else 0
        others = 1
        for side in found:
            others = others * side if side is not None and side != -1 else others if side == -1 else 0
        found[found.index(-1)] = rest // others if rest and others else None
    return tuple(found)


@_translation("Expand", "Tile")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, op.title.lower())


@_translation("DepthToSpace", "SpaceToDepth")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    kind = "depth_to_space" if op.title == "DepthToSpace" else "space_to_depth"
    blocks_first = attributes.get("mode", b"DCR") == b"DCR"
    return _as(op, kind, block=attributes["blocksize"], blocks_first=blocks_first)


@_translation("InstanceNormalization", "GroupNormalization")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "normalise", axes=range(1, _rank(op)), scale=1, is_last=False)


@_translation("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    rank = _rank(op)
    return _as(op, "normalise", axes=range(attributes.get("axis", -1) % rank, rank), scale=1, is_last=True)


@_translation("MeanVarianceNormalization")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "normalise", axes=attributes.get("axes", [0, 2, 3]), is_plain=True)


@_translation("LpNormalization")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "normalise", axes=[attributes.get("axis", -1)])


@_translation("Softmax", "LogSoftmax", "Hardmax")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    rank = _rank(op)
    if version >= 13:
        return _as(op, "normalise", axes=[attributes.get("axis", -1)])
    return _as(op, "normalise", axes=range(attributes.get("axis", 1) % rank, rank))


@_translation("ArgMax", "ArgMin")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "reduce", axes=[attributes.get("axis", 0)], keepdims=attributes.get("keepdims", 1))


@_translation("CumSum")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "scan", axis=(_listed(op, 1, "its axis") or [0])[0])


@_translation("MatMul", "MatMulInteger")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(replace(op, inputs=op.inputs[:2]), "matmul")


@_translation("QLinearMatMul")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(replace(op, inputs=(op.inputs[0], op.inputs[3])), "matmul")


@_translation("Gemm")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    options = {"transposed_weights": attributes.get("transB", 0), "scale": attributes.get("alpha", 1.0)}
    return _as(op, "gemm", transposed=attributes.get("transA", 0), **options)


@_translation("Einsum")
def _(op: Operator, attributes: Attributes, version: int) -> Operator:
    return _as(op, "einsum", equation=attributes["equation"].decode())
