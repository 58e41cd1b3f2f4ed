"""ATen operators, as ``torch.export`` writes them, in the words of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .ir import Constant, Operator, Tensor
from .rules.pointwise import words

Arguments = Mapping[str, Any]
Translation = Callable[[Operator, Arguments], Operator]

ACTIVATIONS = words("""
    celu elu gelu glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish relu relu6 selu sigmoid
    silu softplus tanh threshold
    """)
POINTWISE = ACTIVATIONS | words("""
    _to_copy _unsafe_view_dtype abs alias alpha_dropout atan
    bitwise_not ceil clamp clamp_max clamp_min clone contiguous cos cosh detach detach_copy
    dropout erf exp expm1 feature_alpha_dropout feature_dropout float floor frac isinf isnan lift_fresh
    lift_fresh_copy log log1p log2 logical_not native_dropout neg
    nan_to_num reciprocal round rsqrt sign sin sinh sqrt square tan to trunc type_as
    """)
LINEAR = words("""
    _to_copy alias alpha_dropout clone contiguous detach detach_copy dropout feature_alpha_dropout
    feature_dropout float lift_fresh lift_fresh_copy native_dropout neg to type_as
    """)
JOINS = {
    **dict.fromkeys(("add", "rsub", "sub", "subtract"), "sum"),
    **dict.fromkeys(("mul", "multiply"), "product"),
    **dict.fromkeys(("div", "divide", "true_divide"), "quotient"),
    "pow": "power",
    "prelu": "prelu",
    "maximum": "extreme",
    "minimum": "extreme",
    **dict.fromkeys(
        words("""
        __and__ __or__ atan2 bitwise_and bitwise_or eq fmod ge gt hypot le logical_and logical_or lt
        masked_fill ne remainder where
        """),
        "choice",
    ),
}
COMBINED = {
    "amax": "choice",
    "amin": "choice",
    "max": "choice",
    "mean": "mean",
    "min": "choice",
    "sum": "sum",
}
NORMALISATIONS = frozenset(("_native_batch_norm_legit_no_training", "batch_norm", "native_batch_norm"))
# What these make does not depend on their first operand, in whose place they write.
OVERWRITING = words("copy fill zero")
INDEPENDENT = words(
    """
    empty_like full_like new_empty new_full new_ones new_zeros ones_like rand_like randn_like zeros_like
    """
)
RESHAPES = frozenset(("_unsafe_view", "flatten", "reshape", "unflatten", "view", "view_as", "reshape_as"))
RECURRENT = frozenset(("gru", "lstm", "rnn_relu", "rnn_tanh"))
REDUCTIONS = words("""
    all amax amin any argmax argmin linalg_vector_norm logsumexp max mean median min norm prod std std_mean
    sum var var_mean
    """)
BORDERS = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}

_TABLE: dict[str, Translation] = {}


def translated(op: Operator, arguments: Arguments) -> Operator:
    """Return an operator of the rules' kinds; one that is not known keeps the kind None."""
    library, _, name = op.title.partition(".")
    if library not in ("aten", "torchvision"):
        return op
    name = name if name.endswith("__") else name.removesuffix("_")
    if name.lstrip("_").startswith("native_"):  # the other outputs are statistics, or a mask
        op = replace(op, outputs=op.outputs[:1], shapes=op.shapes[:1])
    if name in ("max", "min") and "other" in arguments:
        return _as(op, "join", combine="extreme")
    if name in NORMALISATIONS:
        return _batch_norm(op, arguments)
    if name in POINTWISE:
        first = replace(op, inputs=op.inputs[:1])
        factor = (-1 if name == "neg" else 1) if name in LINEAR else None
        activation = _activation(name, arguments)
        unusual = any(arguments.get(key, 1) != 1 for key in ("alpha", "scale", "input_scale", "beta"))
        options = {
            "slope": arguments.get("negative_slope"),
            "is_unusual": unusual and name in ("celu", "elu", "softplus"),
        }
        return _as(first, "pointwise", activation=activation, factor=factor, **options)
    if name in JOINS:
        return _joined(op, name, arguments)
    if name in RECURRENT or "scaled_dot_product" in name:
        return _as(op, "recurrent" if name in RECURRENT else "attention")
    if name in RESHAPES:
        return _as(replace(op, inputs=op.inputs[:1]), "reshape")
    if name in REDUCTIONS:
        axes = arguments.get("dim")
        axes = [axes] if isinstance(axes, int) else axes or None
        keepdims = bool(arguments.get("keepdim", False))
        return _as(op, "reduce", axes=axes, keepdims=keepdims, combine=COMBINED.get(name))
    return _TABLE[name](op, arguments) if name in _TABLE else op


def _activation(name: str, a: Arguments) -> str | None:
    """Return the name of an activation as :class:`erfmath.Activation` has it."""
    ends = a.get("min_val", a.get("min")), a.get("max_val", a.get("max"))
    if name in ("clamp", "clamp_min", "hardtanh"):
        known: dict[Any, str] = {(0, 6): "relu6", (0, None): "relu", (-1, 1): "hardtanh"}
        return known.get(ends, "clip" if name == "hardtanh" else None)
    return name if name in ACTIVATIONS else None


def _joined(op: Operator, name: str, a: Arguments) -> Operator:
    """Return a sum, with the factors of its operands, a product or a quotient, with the number in it."""
    number = a.get("other")
    number = number if isinstance(number, (int, float)) else None
    alpha = a.get("alpha")
    alpha = 1 if alpha is None else alpha
    factors = (-alpha, 1) if name == "rsub" else (1, -alpha if "sub" in name else alpha)
    combine = "choice" if a.get("rounding_mode") else JOINS[name]
    scale = {"product": number, "quotient": 1 / number if number else None}.get(combine)
    kind = "prelu" if name == "prelu" else "join"
    return _as(op, kind, combine=combine, factors=factors, scale=scale, is_aligned=True)


def _batch_norm(op: Operator, a: Arguments) -> Operator:
    """Return a normalisation by statistics that are known; operands that are left out have no place."""
    given = [
        name for name in ("input", "weight", "bias", "running_mean", "running_var") if a.get(name) is not None
    ]
    places = {name: i for i, name in enumerate(given)}
    options = {"scale": places.get("weight"), "spread": places.get("running_var")}
    return _as(op, "batch_norm", eps=a.get("eps", 1e-5), **options)


def _as(op: Operator, kind: str, **options: Any) -> Operator:
    return replace(op, kind=kind, options=options)


def _translation(*names: str) -> Callable[[Translation], Translation]:
    def register(function: Translation) -> Translation:
        _TABLE.update(dict.fromkeys(names, function))
        return function

    return register


def _rank(op: Operator) -> int:
    layout = op.tensors[0].layout
    return len(layout) if layout is not None else len(op.tensors[0].shape or ())


def _spread(values: Any, count: int, default: int) -> list[int]:
    """Return one value per axis of a window from an int or a list."""
    found = [values] if isinstance(values, int) else list(values or [default])
    return found * count if len(found) == 1 else found


@_translation("conv1d", "conv2d", "conv3d", "convolution")
def _(op: Operator, a: Arguments) -> Operator:
    if a.get("transposed"):
        return _transposed(op, a)
    size = op.weight_shape()[2:]
    padding = a["padding"]
    if isinstance(padding, str):
        padding = "same_upper" if padding == "same" else [(0, 0)] * len(size)
    else:
        padding = [(p, p) for p in _spread(padding, len(size), 0)]
    return _as(
        op,
        "conv",
        size=size,
        stride=_spread(a["stride"], len(size), 1),
        dilation=_spread(a["dilation"], len(size), 1),
        padding=padding,
        groups=a["groups"],
    )


@_translation("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transposed(op: Operator, a: Arguments) -> Operator:
    size = op.weight_shape()[2:]
    return _as(
        op,
        "conv_transpose",
        size=size,
        stride=_spread(a["stride"], len(size), 1),
        dilation=_spread(a["dilation"], len(size), 1),
        padding=[(p, p) for p in _spread(a["padding"], len(size), 0)],
        output_padding=_spread(a["output_padding"], len(size), 0),
        groups=a["groups"],
    )


@_translation(
    *(f"{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)),
    *(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
)
def _(op: Operator, a: Arguments) -> Operator:
    count = int(op.title.partition("pool")[2][0])
    size = _spread(a["kernel_size"], count, 1)
    if a.get("divisor_override"):
        raise op.error("divides by another number than its samples")
    return _as(
        op,
        "pool",
        size=size,
        stride=_spread(a["stride"], count, 1) if a["stride"] else size,
        dilation=_spread(a.get("dilation", 1), count, 1),
        padding=[(p, p) for p in _spread(a["padding"], count, 0)],
        ceil_mode=a["ceil_mode"],
        count_include_pad=a.get("count_include_pad", True),
        mode="max" if "max" in op.title else "average",
    )


@_translation(*(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3)))
def _(op: Operator, a: Arguments) -> Operator:
    count = int(op.title.partition("pool")[2][0])
    size = _spread(a["output_size"], count, 1)
    return _as(op, "adaptive_pool", size=size, mode="max" if "max" in op.title else "average")


@_translation(
    *(
        f"{kind}nearest{exact}{n}d"
        for kind in ("upsample_", "_upsample_")
        for exact in ("", "_exact")
        for n in (1, 2, 3)
    ),
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
)
def _(op: Operator, a: Arguments) -> Operator:
    rank, count = _rank(op), int(op.title[-2])
    factors = a.get("scale_factors")
    sizes = (op.shapes[0] or (None,) * rank)[rank - count :] if factors is None else None
    exact = "exact" in op.title
    nearest = "nearest" in op.title
    coordinates = "align_corners" if a.get("align_corners") else "half_pixel"
    lead = [None] * (rank - count)
    return _as(
        op,
        "resize",
        factors=[*lead, *(factors or [None] * count)],
        sizes=[*lead, *(sizes or [None] * count)],
        mode="nearest" if nearest else "cubic" if "cubic" in op.title else "linear",
        coordinates=coordinates if exact or not nearest else "asymmetric",
        rounding="prefer_ceil" if exact else "floor",
    )


@_translation(
    "pad", "constant_pad_nd", *(f"{k}_pad{n}d" for k in ("reflection", "replication") for n in (1, 2, 3))
)
def _(op: Operator, a: Arguments) -> Operator:
    name = op.title
    mode = "reflect" if "reflection" in name else "replicate" if "replication" in name else a.get("mode")
    flat = a.get("pad") or a.get("padding") or []
    given = list(zip(flat[::2], flat[1::2], strict=True))[::-1]
    pads = [(0, 0)] * (_rank(op) - len(given)) + given
    return _as(op, "pad", pads=pads, border=BORDERS[mode or "constant"])


@_translation("pixel_shuffle", "pixel_unshuffle")
def _(op: Operator, a: Arguments) -> Operator:
    if "unshuffle" in op.title:
        return _as(op, "space_to_depth", block=a["downscale_factor"])
    return _as(op, "depth_to_space", block=a["upscale_factor"])


@_translation("cat", "concat", "concatenate")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "concat", axis=a["dim"])


@_translation("stack")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "stack", axis=a["dim"])


@_translation("chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "split", axis=a["dim"])


@_translation("unbind")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "unbind", axis=a["dim"])


@_translation("slice")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "slice", slices=[(a["dim"], a["start"], a["end"], a["step"])])


@_translation("slice_scatter")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "scatter", axis=a["dim"], slice=(a["start"], a["end"], a["step"]))


@_translation("select_scatter")
def _(op: Operator, a: Arguments) -> Operator:
    base, written = op.inputs
    axis, index = a["dim"] % _rank(op), a["index"]
    if written is not None and written.shape is not None:
        written = replace(written, shape=(*written.shape[:axis], 1, *written.shape[axis:]))
    if isinstance(written, Tensor) and written.layout is not None:
        written = replace(written, layout=(*written.layout[:axis], (), *written.layout[axis:]))
    return _as(replace(op, inputs=(base, written)), "scatter", axis=axis, slice=(index, index + 1 or None, 1))


@_translation("copy")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "expand")


@_translation("narrow")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "slice", slices=[(a["dim"], a["start"], a["start"] + a["length"], 1)])


@_translation("select")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "select", axis=a["dim"], index=a["index"])


@_translation("index_select")
def _(op: Operator, a: Arguments) -> Operator:
    index = op.constant(1, "its indices")
    return _as(replace(op, inputs=op.inputs[:1]), "select", axis=a["dim"], index=index)


@_translation("permute", "t", "transpose", "swapaxes", "swapdims", "movedim")
def _(op: Operator, a: Arguments) -> Operator:
    rank = _rank(op)
    order = list(range(rank))
    if "dims" in a:
        order = [axis % rank for axis in a["dims"]]
    elif "source" in a:
        moves = {
            d % rank: s % rank for s, d in zip(_listed(a["source"]), _listed(a["destination"]), strict=True)
        }
        rest = iter(axis for axis in range(rank) if axis not in moves.values())
        order = [moves[axis] if axis in moves else next(rest) for axis in range(rank)]
    elif rank > 1:
        ends = a.get("dim0", a.get("axis0", 0)), a.get("dim1", a.get("axis1", 1))
        first, second = (axis % rank for axis in ends)
        order[first], order[second] = order[second], order[first]
    return _as(op, "transpose", order=order)


@_translation("squeeze")
def _(op: Operator, a: Arguments) -> Operator:
    axes = a.get("dim")
    return _as(op, "squeeze", axes=None if axes is None else _listed(axes))


@_translation("unsqueeze")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "unsqueeze", axes=[a["dim"]])


@_translation("expand", "expand_as", "broadcast_to", "repeat", "tile")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(replace(op, inputs=op.inputs[:1]), "expand")


@_translation("roll")
def _(op: Operator, a: Arguments) -> Operator:
    if not a["dims"]:
        raise op.error("rolls the flattened tensor")
    return _as(op, "roll", shifts=dict(zip(a["dims"], a["shifts"], strict=True)))


@_translation("layer_norm", "rms_norm", "native_layer_norm", "_fused_rms_norm")
def _(op: Operator, a: Arguments) -> Operator:
    rank = _rank(op)
    axes = range(rank - len(a["normalized_shape"]), rank)
    return _as(op, "normalise", axes=axes, **_scale(a), is_last=True)


@_translation("group_norm", "native_group_norm", "instance_norm")
def _(op: Operator, a: Arguments) -> Operator:
    if not a.get("use_input_stats", True):
        return _batch_norm(op, a)
    return _as(op, "normalise", axes=range(1, _rank(op)), **_scale(a), is_last=False)


def _scale(a: Arguments) -> dict[str, Any]:
    """Return where the scale of a normalisation stands, if it has one."""
    has_scale = a.get("weight") is not None
    return {"scale": 1 if has_scale else None, "is_plain": not has_scale}


@_translation("channel_shuffle", "native_channel_shuffle")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "shuffle", groups=a["groups"])


@_translation("softmax", "log_softmax", "_softmax", "_log_softmax", "softmin")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "normalise", axes=[a["dim"]])


@_translation("cumsum", "cumprod")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "scan", axis=a["dim"])


@_translation("linear")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "linear")


@_translation("matmul", "mm", "bmm")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "matmul")


@_translation("addmm", "baddbmm", "addbmm")
def _(op: Operator, a: Arguments) -> Operator:
    if isinstance(op.inputs[0], Tensor):
        return _as(op, "attention")
    return _as(replace(op, inputs=op.inputs[1:]), "matmul", scale=a.get("alpha", 1))


@_translation("einsum")
def _(op: Operator, a: Arguments) -> Operator:
    return _as(op, "einsum", equation=a["equation"])


@_translation("embedding")
def _(op: Operator, a: Arguments) -> Operator:
    table = op.inputs[0]
    if not isinstance(table, Constant):
        return op
    return _as(replace(op, inputs=op.inputs[1:]), "embedding", around=(0, 1))


def _listed(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)
