"""The one table of operators' names, ONNX's and those of PyTorch's ATen: what each is in the rules' words.

ONNX writes names such as "BatchNormalization", ATen such as "batch_norm": both have their place in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from . import options as read
from .ir import Operator
from .options import Arguments, takes

Read = Callable[[Operator, Arguments], Mapping[str, Any]]

# Whose operators are named without their domain: those of ONNX begin with a capital letter.
DOMAINS = {True: ("", "ai.onnx"), False: ("aten", "torchvision")}

# What these ATen operators make does not depend on the values of their operands.
INDEPENDENT = frozenset(("empty_like", "full_like", "ones_like", "rand_like", "randn_like", "zeros_like")) | {
    "new_empty",
    "new_full",
    "new_ones",
    "new_zeros",
}
# What these make does not depend on their first operand, in whose place they write.
OVERWRITING = frozenset(("copy", "fill", "zero"))


class Entry(NamedTuple):
    """What an operator is: a kind of rule, fixed options, the inputs that count, and how to read the rest."""

    kind: str
    options: Mapping[str, Any]
    inputs: tuple[int, ...] | None
    read: Read | None


TABLE: dict[str, Entry] = {}


def translated(op: Operator, arguments: Arguments, domain: str = "") -> Operator:
    """Return an operator in the rules' words; one that is not known keeps the kind None.

    The options may say another kind, other inputs or shapes, and how many of the outputs count.
    """
    entry = _entry(op.title, domain)
    if entry is None:
        return replace(op, domain=domain)
    options = {**entry.options, **entry.read(op, arguments)} if entry.read else entry.options
    inputs = op.inputs if entry.inputs is None else tuple(op.inputs[i] for i in entry.inputs)
    count = options.get("outputs")
    return Operator(
        options.get("kind", entry.kind),
        op.title,
        op.name,
        options.get("inputs", inputs),
        options,
        op.outputs[:count],
        options.get("shapes", op.shapes)[:count],
        op.scopes,
        op.alias,
        domain,
        op.ndim,
    )


@functools.lru_cache(maxsize=4096)
def _entry(title: str, domain: str) -> Entry | None:
    """Return the entry of an operator by its title, which in PyTorch holds the domain."""
    library, _, name = title.rpartition(".")
    name = name if name.endswith("__") else name.removesuffix("_")  # which writes in place
    domain = domain or library
    return TABLE.get(name if domain in DOMAINS[name[0].isupper()] else f"{domain}.{name}")


def _named(
    kind: str, names: str, read: Read | None = None, inputs: tuple[int, ...] | None = None, **options: Any
) -> None:
    """Write operators of a kind into the table; "pool{}" stands for pool1d, pool2d, pool3d."""
    words = [name.format(f"{n}d") for name in names.split() for n in ((1, 2, 3) if "{}" in name else (1,))]
    TABLE.update(dict.fromkeys(words, Entry(kind, options, inputs, read)))


# What acts on each position alone: `factor` times where it is linear, an `activation` of a known slope.

_named("pointwise", "Cast CastLike Dropout Identity _to_copy alias alpha_dropout clone", None, (0,), factor=1)
_named("pointwise", "contiguous detach detach_copy dropout feature_alpha_dropout", None, (0,), factor=1)
_named("pointwise", "feature_dropout lift_fresh lift_fresh_copy", None, (0,), factor=1)
_named("pointwise", "native_dropout", None, (0,), factor=1, outputs=1)
_named("pointwise", "to type_as", None, (0,), factor=1)
_named("pointwise", "Neg neg", None, (0,), factor=-1)
_named("pointwise", "LRN", read.local_response)
for _name in ("Celu", "Elu", "Softplus", "celu", "elu", "softplus"):
    _named("pointwise", _name, read.unusual, (0,), activation=_name.lower())
for _name in ("Gelu", "HardSwish", "Mish", "Relu", "Selu", "Sigmoid", "Softsign", "Swish", "Tanh"):
    _named("pointwise", _name, None, (0,), activation=_name.lower())
for _name in ("gelu", "glu", "hardsigmoid", "hardswish", "log_sigmoid", "mish", "relu", "relu6", "selu"):
    _named("pointwise", _name, None, (0,), activation=_name)
for _name in ("sigmoid", "silu", "tanh", "threshold"):
    _named("pointwise", _name, None, (0,), activation=_name)
_named("pointwise", "HardSigmoid", read.hard_sigmoid, (0,), activation="hardsigmoid")
_named("pointwise", "LeakyRelu leaky_relu", read.leaky, (0,), activation="leaky_relu")
_named("pointwise", "Clip hardtanh", read.clipped, (0,), activation="clip")
_named("pointwise", "clamp clamp_min", read.clipped, (0,))
_named(
    "pointwise",
    """
    Abs Acos Acosh Affine Asin Asinh Atan Atanh BitCast BitwiseNot Ceil Cos Cosh Erf Exp Floor IsInf IsNaN Log
    Not Reciprocal RotaryEmbedding Round Scale Shrink Sign Sin Sinh Sqrt Tan ThresholdedRelu Trilu
    abs atan bitwise_not ceil clamp_max cos cosh erf exp expm1 floor frac isinf isnan log
    log1p log2 logical_not nan_to_num reciprocal round rsqrt sign sin sinh sqrt square tan trunc
    """,
    inputs=(0,),
)
_named("pointwise", "DequantizeLinear QuantizeLinear", None, (0,), factor=1)  # as if nothing were rounded
_named("batch_norm", "BatchNormalization batch_norm", read.batch_norm)
_named("batch_norm", "native_batch_norm", read.batch_norm, outputs=1)  # without its statistics
_named("batch_norm", "_native_batch_norm_legit_no_training", read.batch_norm, outputs=1)

# Tensors joined position by position: `factors` of those in a sum, the `scale` of a product by a number.

_named("join", "Add Sum", combine="sum")
_named("join", "addcmul addcdiv lerp", combine="choice")
_named("join", "add", lambda op, a: {"factors": (1, a["alpha"])}, combine="sum")
_named("join", "Sub sub subtract", lambda op, a: {"factors": (1, -a.get("alpha", 1))}, combine="sum")
_named("join", "rsub", lambda op, a: {"factors": (-a["alpha"], 1)}, combine="sum")
_named("join", "Mul mul multiply", read.product, combine="product")
_named("join", "Div div divide true_divide", read.quotient, combine="quotient")
_named("join", "Pow pow", combine="power")
_named("join", "Max Min maximum minimum", combine="extreme")
_named("join", "Mean", combine="mean")
_named(
    "join",
    """
    And BitShift BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less LessOrEqual Mod Or Xor
    __and__ __or__ atan2 bitwise_and bitwise_or eq fmod ge gt hypot le logical_and logical_or lt ne remainder
    """,
    combine="choice",
)
_named("join", "masked_fill Where where", read.filled, combine="choice")
_named("prelu", "PRelu", combine="prelu")
_named("prelu", "prelu", combine="prelu", is_aligned=True)  # with the channels, whatever follows

# What reads everything.

_named("reduce", "GlobalAveragePool", read.beyond_channels, combine="mean")
_named("reduce", "GlobalLpPool GlobalMaxPool", read.beyond_channels, combine="choice")
_named("recurrence", "GRU LSTM RNN gru lstm rnn_relu rnn_tanh", read.recurrent)
_named("attention", "Attention scaled_dot_product_attention", read.attended, (0, 1, 2))
_named("attention", "_scaled_dot_product_attention_math", read.attended, (0, 1, 2), outputs=1)
_named("attention", "_scaled_dot_product_cudnn_attention", read.attended, (0, 1, 2), outputs=1)
_named("attention", "_scaled_dot_product_efficient_attention", read.attended, (0, 1, 2), outputs=1)
_named("attention", "_scaled_dot_product_flash_attention", read.attended, (0, 1, 2), outputs=1)
_named("attention", "_scaled_dot_product_flash_attention_for_cpu", read.attended, (0, 1, 2), outputs=1)
_named("attention", "_scaled_dot_product_fused_attention_overrideable", read.attended, (0, 1, 2), outputs=1)

# Windows.

_named("conv", "Conv conv{} convolution", read.convolution)
_named("conv_transpose", "ConvTranspose conv_transpose{}", read.transposed)
_named("pool", "AveragePool", read.pool, mode="average", count_include_pad=False)
_named("pool", "avg_pool{}", read.pool, mode="average")
_named("pool", "LpPool", read.pool, mode="average", is_norm=True)
_named("pool", "MaxPool max_pool{} max_pool{}_with_indices", read.pool, mode="max")
_named("adaptive_pool", "adaptive_avg_pool{}", read.adaptive_pool, mode="average")
_named("adaptive_pool", "adaptive_max_pool{}", read.adaptive_pool, mode="max")
_named("resize", "Resize Upsample", read.resized)
_named("resize", "upsample_linear1d upsample_bilinear2d upsample_trilinear3d", read.upsampled, mode="linear")
_named("resize", "upsample_bicubic2d", read.upsampled, mode="cubic")
_named("resize", "upsample_nearest{}", read.upsampled, mode="nearest", coordinates="asymmetric")
_named("resize", "_upsample_nearest_exact{}", read.upsampled, mode="nearest", rounding="prefer_ceil")

# Axes moved, cut and joined.

_named("pad", "Pad pad constant_pad_nd", read.padded)
_named("pad", "reflection_pad{}", read.padded, border="reflect")
_named("pad", "replication_pad{}", read.padded, border="replicate")
_named("concat", "Concat", takes(axis="axis"), axis=1)
_named("concat", "cat concat concatenate", takes(axis="dim"))
_named("stack", "stack", takes(axis="dim"))
_named("split", "Split", read.parts, axis=0)
_named("split", "chunk split split_with_sizes tensor_split unsafe_chunk unsafe_split", takes(axis="dim"))
_named("unbind", "unbind", takes(axis="dim"))
_named("slice", "Slice", read.sliced)
_named("slice", "slice", lambda op, a: {"slices": [(a["dim"], a["start"], a["end"], a["step"])]})
_named("slice", "narrow", lambda op, a: {"slices": [(a["dim"], a["start"], a["start"] + a["length"], 1)]})
_named(
    "scatter", "slice_scatter", lambda op, a: {"axis": a["dim"], "slice": (a["start"], a["end"], a["step"])}
)
_named("scatter", "select_scatter", read.scattered)
_named("select", "Gather", read.gathered)
_named("select", "select", takes(axis="dim", index="index"))
_named("select", "index_select", read.chosen, (0,))
_named("select", "index", read.indexed, (0,))
_named("repeat", "repeat_interleave", read.repeated, (0,))
_named("transpose", "Transpose", takes(order="perm"))
_named("transpose", "permute t transpose swapaxes swapdims movedim", read.reordered)
_named("squeeze", "Squeeze squeeze", read.axes, (0,))
_named("unsqueeze", "Unsqueeze unsqueeze", read.axes, (0,))
_named("expand", "Expand Tile")
_named("expand", "broadcast_to copy expand expand_as repeat tile", inputs=(0,))
_named("reshape", "Flatten _unsafe_view flatten reshape reshape_as unflatten view view_as", inputs=(0,))
_named("reshape", "Reshape", read.reshaped)
_named("roll", "roll", read.rolled)
_named("flip", "flip", takes(axes="dims"))
_named("unfold", "im2col", read.windows_as_columns)
_named("unfold", "unfold", read.windows_of_axis)
_named("fold", "col2im", read.columns_as_windows)
_named("fold", "Col2Im", read.columns_as_windows, (0,))
_named("mixer", "_fft_c2c _fft_r2c _fft_c2r", takes(axes="dim"))
_named("mixer", "fft_fft fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn", read.transformed_axes)
_named("mixer", "fft_rfft fft_rfft2 fft_rfftn fft_irfft fft_irfft2 fft_irfftn", read.transformed_axes)
_named("complex_parts", "view_as_real")
_named("complex_whole", "view_as_complex")
_named("pointwise", "real imag conj resolve_conj angle", None, (0,))
_named("mixer", "DFT", read.transformed, (0,))
_named("depth_to_space", "DepthToSpace", read.blocks)
_named("depth_to_space", "pixel_shuffle", takes(block="upscale_factor"))
_named("space_to_depth", "SpaceToDepth", read.blocks)
_named("space_to_depth", "pixel_unshuffle", takes(block="downscale_factor"))
_named("shuffle", "channel_shuffle native_channel_shuffle", takes(groups="groups"))

# Statistics and sums along axes.

_named("normalise", "InstanceNormalization GroupNormalization", read.group_norm)
_named("normalise", "group_norm instance_norm", read.group_norm)
_named("normalise", "native_group_norm", read.group_norm, outputs=1)
_named("normalise", "LayerNormalization RMSNormalization SimplifiedLayerNormalization", read.layer_norm)
_named("normalise", "layer_norm rms_norm", read.layer_norm)
_named("normalise", "native_layer_norm _fused_rms_norm", read.layer_norm, outputs=1)
_named("normalise", "MeanVarianceNormalization", takes(axes="axes"), axes=[0, 2, 3], is_plain=True)
_named("normalise", "LpNormalization", lambda op, a: {"axes": [a.get("axis", -1)]})
_named("normalise", "Hardmax LogSoftmax Softmax", read.softmax)
_named("normalise", "_log_softmax _softmax log_softmax softmax", read.softmax)
_named("reduce", "ReduceSum", read.reduced, combine="sum")
_named("reduce", "ReduceMean", read.reduced, combine="mean")
_named("reduce", "ReduceMax ReduceMin", read.reduced, combine="choice")
_named("reduce", "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare", read.reduced)
_named("reduce", "ArgMax ArgMin", read.reduced)
_named("reduce", "sum", read.reduced, combine="sum", keepdims=False)
_named("reduce", "mean", read.reduced, combine="mean", keepdims=False)
_named("reduce", "amax amin max min", read.reduced, combine="choice", keepdims=False)
_named("reduce", "all any argmax argmin linalg_vector_norm logsumexp median", read.reduced, keepdims=False)
_named("reduce", "norm prod std std_mean var var_mean", read.reduced, keepdims=False)
_named("scan", "CumSum", read.running, (0,))
_named("scan", "cumsum cumprod", takes(axis="dim"))

# Products of matrices.

_named("linear", "linear")
_named("matmul", "MatMul matmul mm bmm", inputs=(0, 1))
_named("matmul", "addmm baddbmm addbmm", read.added_product, (1, 2))
_named("gemm", "Gemm", takes(transposed="transA", transposed_weights="transB", scale="alpha"))
_named("einsum", "Einsum einsum", takes(equation="equation"))
_named("embedding", "embedding", read.embedded, (1,), around=(0, 1))
