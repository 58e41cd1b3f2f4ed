"""Arguments of operators, in ONNX's words and in ATen's, beside what their documents say that they mean."""

import numpy as np
import pytest

from erfmath.models.axes import plain
from erfmath.models.ir import Constant, Operator, Tensor
from erfmath.models.operators import translated


def tensor(*shape):
    """A map whose axes behind the first two are spatial."""
    space = tuple(range(2, len(shape)))
    return Tensor("x", shape, plain(shape, space), tuple(shape[2:]))


def constant(*values, shape=None):
    found = np.asarray(values)
    return Constant(found.shape if shape is None else shape, lambda: found if shape is None else None)


X, W = tensor(1, 4, 6, 8), constant(shape=(8, 4, 3, 5))
LINE = tensor(1, 4, 9)


def read(title, arguments=None, *more, of=X, made=None):
    """An operator in the rules' words."""
    return translated(Operator(None, title, "op", (of, *more), shapes=(made,)), arguments or {})


def plainly(value):
    """A value in tuples and numbers."""
    if isinstance(value, np.ndarray):
        return plainly(value.tolist())
    if isinstance(value, (list, tuple, range)):
        return tuple(map(plainly, value))
    return value


def options(op):
    return {name: plainly(value) for name, value in op.options.items()}


def numbered(cases):
    return [f"{i} {case[0]}" for i, case in enumerate(cases)]


WINDOW = {"size": (3, 5), "stride": (1, 1), "dilation": (1, 1), "padding": ((0, 0), (0, 0))}
CONV = {**WINDOW, "groups": 1, "activation": None}
TURNED = {**WINDOW, "groups": 1, "output_padding": (0, 0), "output_size": None}
LONG = {"size": (3,), "stride": (1,), "dilation": (1,), "padding": ((0, 0),), "groups": 1, "activation": None}
SQUARE = {**WINDOW, "size": (3, 3), "stride": (3, 3)}
MAX, MEAN = {"mode": "max"}, {"mode": "average"}
RESIZED = {
    "factors": (None,) * 4,
    "sizes": (None,) * 4,
    "mode": "nearest",
    "coordinates": "half_pixel",
    "rounding": "prefer_floor",
    "cubic": -0.75,
}
TWICE = (1.0, 1.0, 2.0, 3.0)
NORM = {"scale": 1, "is_plain": False}

# (title, arguments, inputs behind the first, options): of the kind that its name in the table says.
ONNX = [
    ("LRN", {}, (), {"factor": pytest.approx(1.0001**-0.75, rel=1e-9)}),
    ("LRN", {"bias": 2.0, "alpha": 0.5, "beta": 2.0}, (), {"factor": pytest.approx(0.16)}),
    ("Elu", {}, (), {"activation": "elu", "is_unusual": False}),
    ("Elu", {"alpha": 2.0}, (), {"activation": "elu", "is_unusual": True}),
    ("HardSigmoid", {}, (), {"activation": "hardsigmoid", "is_unusual": True}),
    ("HardSigmoid", {"alpha": 0.1666, "beta": 0.5}, (), {"activation": "hardsigmoid", "is_unusual": False}),
    ("HardSigmoid", {"alpha": 0.1686}, (), {"activation": "hardsigmoid", "is_unusual": True}),
    ("HardSigmoid", {"alpha": 0.1666, "beta": 0.4}, (), {"activation": "hardsigmoid", "is_unusual": True}),
    ("LeakyRelu", {}, (), {"activation": "leaky_relu", "slope": 0.01}),
    ("LeakyRelu", {"alpha": 0.3}, (), {"activation": "leaky_relu", "slope": 0.3}),
    ("Clip", {"min": 0.0, "max": 6.0}, (), {"activation": "relu6"}),
    ("Clip", {"min": 0.0}, (), {"activation": "relu"}),
    ("Clip", {"max": 6.0}, (), {"activation": "clip"}),
    ("Clip", {"min": -1.0, "max": 1.0}, (), {"activation": "hardtanh"}),
    (
        "Clip",
        {},
        (Constant((), lambda: np.array(0.0)), Constant((), lambda: np.array(6.0))),
        {"activation": "relu6"},
    ),
    ("Clip", {}, (None, Constant((), lambda: np.array(6.0))), {"activation": "clip"}),
    ("BatchNormalization", {}, (), {"eps": 1e-5, "scale": 1, "variance": 4}),
    ("BatchNormalization", {"epsilon": 0.1}, (), {"eps": 0.1, "scale": 1, "variance": 4}),
    ("Mul", {}, (), {"combine": "product", "scale": None}),
    ("Div", {}, (), {"combine": "quotient", "scale": None}),
    ("Sub", {}, (), {"combine": "sum", "factors": (1, -1)}),
    ("GlobalAveragePool", {}, (), {"combine": "mean", "axes": (2, 3), "keepdims": True}),
    ("GRU", {}, (), {"axis": 0, "side": "before", "is_onnx": True, "is_batch_first": False}),
    ("GRU", {"layout": 1}, (), {"axis": 1, "side": "before", "is_onnx": True, "is_batch_first": True}),
    (
        "LSTM",
        {"direction": "reverse"},
        (),
        {"axis": 0, "side": "after", "is_onnx": True, "is_batch_first": False},
    ),
    (
        "RNN",
        {"direction": "bidirectional"},
        (),
        {"axis": 0, "side": "both", "is_onnx": True, "is_batch_first": False},
    ),
    ("Conv", {}, (W,), CONV),
    (
        "Conv",
        {"kernel_shape": [3, 5], "group": 2, "activation": "Relu"},
        (W,),
        {**CONV, "groups": 2, "activation": "Relu"},
    ),
    ("Conv", {"strides": [2, 3], "dilations": [4, 5]}, (W,), {**CONV, "stride": (2, 3), "dilation": (4, 5)}),
    ("Conv", {"pads": [1, 2, 3, 4]}, (W,), {**CONV, "padding": ((1, 3), (2, 4))}),
    ("Conv", {"auto_pad": "SAME_LOWER", "pads": [1, 2, 3, 4]}, (W,), {**CONV, "padding": "same_lower"}),
    ("Conv", {"auto_pad": "SAME_UPPER"}, (W,), {**CONV, "padding": "same_upper"}),
    ("Conv", {"auto_pad": "VALID", "pads": [1, 2, 3, 4]}, (W,), CONV),
    ("Conv", {"auto_pad": "NOTSET", "pads": [1, 2, 3, 4]}, (W,), {**CONV, "padding": ((1, 3), (2, 4))}),
    ("ConvTranspose", {}, (W,), TURNED),
    (
        "ConvTranspose",
        {"output_padding": [1, 0], "group": 4},
        (W,),
        {**TURNED, "output_padding": (1, 0), "groups": 4},
    ),
    ("ConvTranspose", {"output_shape": [9, 7]}, (W,), {**TURNED, "output_size": (9, 7)}),
    ("ConvTranspose", {"output_shape": [1, 4, 9, 7]}, (W,), {**TURNED, "output_size": (9, 7)}),
    ("MaxPool", {"kernel_shape": [3, 5]}, (), {**WINDOW, **MAX}),
    (
        "MaxPool",
        {"kernel_shape": [3, 5], "ceil_mode": 1, "strides": [2, 2]},
        (),
        {**WINDOW, **MAX, "ceil_mode": 1, "stride": (2, 2)},
    ),
    ("AveragePool", {"kernel_shape": [3, 5]}, (), {**WINDOW, **MEAN, "count_include_pad": False}),
    (
        "AveragePool",
        {"kernel_shape": [3, 5], "count_include_pad": 1},
        (),
        {**WINDOW, **MEAN, "count_include_pad": 1},
    ),
    ("LpPool", {"kernel_shape": [3, 5]}, (), {**WINDOW, **MEAN, "is_norm": True}),
    ("Resize", {"opset": 13}, (None, constant(*TWICE)), {**RESIZED, "factors": TWICE}),
    ("Resize", {"opset": 11}, (None, constant(*TWICE)), {**RESIZED, "factors": TWICE}),
    ("Resize", {"opset": 13}, (None, None, constant(1, 4, 7, 9)), {**RESIZED, "sizes": (1, 4, 7, 9)}),
    (
        "Resize",
        {"opset": 18, "axes": [-1, 2]},
        (None, constant(3.0, 2.0)),
        {**RESIZED, "factors": (None, None, 2.0, 3.0)},
    ),
    (
        "Resize",
        {"opset": 18, "axes": [3]},
        (None, None, constant(7)),
        {**RESIZED, "sizes": (None, None, None, 7)},
    ),
    (
        "Resize",
        {"opset": 18, "axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"},
        (None, None, constant(7, 7)),
        {**RESIZED, "sizes": (None, None, 5, 6)},
    ),
    (
        "Resize",
        {"opset": 18, "axes": [2, 3], "keep_aspect_ratio_policy": "stretch"},
        (None, None, constant(7, 7)),
        {**RESIZED, "sizes": (None, None, 7, 7)},
    ),
    (
        "Resize",
        {"opset": 18, "axes": [3], "keep_aspect_ratio_policy": "not_larger"},
        (None, constant(2.0)),
        {**RESIZED, "factors": (None, None, None, 2.0)},
    ),
    (
        "Resize",
        {
            "opset": 13,
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
            "antialias": 0,
        },
        (None, constant(*TWICE)),
        {**RESIZED, "factors": TWICE, "coordinates": "asymmetric", "rounding": "floor"},
    ),
    (
        "Resize",
        {"opset": 13, "mode": "cubic", "cubic_coeff_a": -0.5, "nearest_mode": "round_prefer_ceil"},
        (None, constant(*TWICE)),
        {**RESIZED, "factors": TWICE, "mode": "cubic", "cubic": -0.5, "rounding": "prefer_ceil"},
    ),
    (
        "Resize",
        {"opset": 10},
        (constant(*TWICE),),
        {**RESIZED, "factors": TWICE, "coordinates": "asymmetric", "rounding": "floor"},
    ),
    (
        "Upsample",
        {"opset": 9, "mode": "bilinear"},
        (constant(*TWICE),),
        {**RESIZED, "factors": TWICE, "mode": "linear", "coordinates": "asymmetric", "rounding": "floor"},
    ),
    (
        "Upsample",
        {"opset": 7, "scales": list(TWICE), "mode": "trilinear"},
        (),
        {**RESIZED, "factors": TWICE, "mode": "linear", "coordinates": "asymmetric", "rounding": "floor"},
    ),
    (
        "Upsample",
        {"opset": 12, "scales": list(TWICE)},
        (),
        {**RESIZED, "factors": TWICE, "coordinates": "asymmetric", "rounding": "floor"},
    ),
    ("Pad", {}, (), {"pads": ((0, 0),) * 4}),
    ("Pad", {"pads": [0, 0, 1, 2, 0, 0, 3, 4]}, (), {"pads": ((0, 0), (0, 0), (1, 3), (2, 4))}),
    (
        "Pad",
        {"paddings": [0, 1, 0, 2, 0, 0, 3, 4], "mode": "constant"},
        (),
        {"pads": ((0, 0), (1, 0), (0, 3), (2, 4)), "border": "zeros"},
    ),
    (
        "Pad",
        {"mode": "edge"},
        (constant(0, 0, 1, 2, 0, 0, 3, 4),),
        {"pads": ((0, 0), (0, 0), (1, 3), (2, 4)), "border": "replicate"},
    ),
    (
        "Pad",
        {"mode": "wrap"},
        (constant(1, 2, 3, 4), None, constant(3, -2)),
        {"pads": ((0, 0), (0, 0), (2, 4), (1, 3)), "border": "circular"},
    ),
    (
        "Pad",
        {"mode": "reflect"},
        (constant(1, 3), None, constant(3)),
        {"pads": ((0, 0), (0, 0), (0, 0), (1, 3)), "border": "reflect"},
    ),
    ("Concat", {"axis": 2}, (), {"axis": 2}),
    ("Concat", {}, (), {"axis": 1}),
    ("Split", {}, (), {"axis": 0, "parts": None}),
    ("Split", {"axis": 1, "split": [1, 3]}, (), {"axis": 1, "parts": (1, 3)}),
    ("Split", {"axis": 1}, (constant(2, 2),), {"axis": 1, "parts": (2, 2)}),
    ("Slice", {"starts": [1, 2], "ends": [5, 7]}, (), {"slices": ((0, 1, 5, 1), (1, 2, 7, 1))}),
    ("Slice", {"starts": [1], "ends": [5], "axes": [2]}, (), {"slices": ((2, 1, 5, 1),)}),
    ("Slice", {}, (constant(1), constant(5), constant(-1), constant(2)), {"slices": ((-1, 1, 5, 2),)}),
    (
        "Slice",
        {},
        (constant(1, 0), constant(5, 6), None, constant(2, 3)),
        {"slices": ((0, 1, 5, 2), (1, 0, 6, 3))},
    ),
    ("Gather", {"axis": 2}, (constant(1, 3),), {"axis": 2, "index": (1, 3)}),
    ("Gather", {}, (constant(1),), {"axis": 0, "index": (1,)}),
    ("Transpose", {"perm": [0, 2, 3, 1]}, (), {"order": (0, 2, 3, 1)}),
    ("Transpose", {}, (), {}),
    ("Squeeze", {"axes": [0]}, (), {"axes": (0,)}),
    ("Squeeze", {}, (constant(0, -1),), {"axes": (0, -1)}),
    ("Squeeze", {}, (), {"axes": None}),
    ("Unsqueeze", {"axes": [1, 3]}, (), {"axes": (1, 3)}),
    ("DepthToSpace", {"blocksize": 2}, (), {"block": 2, "blocks_first": True}),
    ("DepthToSpace", {"blocksize": 3, "mode": "CRD"}, (), {"block": 3, "blocks_first": False}),
    ("SpaceToDepth", {"blocksize": 2}, (), {"block": 2, "blocks_first": True}),
    ("InstanceNormalization", {}, (W, W), {**NORM, "axes": (1, 2, 3), "is_last": False}),
    ("LayerNormalization", {}, (W,), {**NORM, "axes": (3,), "is_last": True}),
    ("LayerNormalization", {"axis": 2}, (W,), {**NORM, "axes": (2, 3), "is_last": True}),
    ("LayerNormalization", {"axis": -3}, (W,), {**NORM, "axes": (1, 2, 3), "is_last": True}),
    ("MeanVarianceNormalization", {}, (), {"axes": (0, 2, 3), "is_plain": True}),
    ("LpNormalization", {}, (), {"axes": (-1,)}),
    ("LpNormalization", {"axis": 1}, (), {"axes": (1,)}),
    ("Softmax", {"opset": 13}, (), {"axes": (-1,)}),
    ("Softmax", {"axis": 2}, (), {"axes": (2,)}),
    ("Softmax", {"opset": 12}, (), {"axes": (1, 2, 3)}),
    ("Softmax", {"opset": 12, "axis": -2}, (), {"axes": (2, 3)}),
    ("ReduceMean", {"axes": [2, 3], "keepdims": 0}, (), {"combine": "mean", "axes": (2, 3), "keepdims": 0}),
    ("ReduceSum", {}, (constant(1),), {"combine": "sum", "axes": (1,)}),
    ("ReduceSum", {}, (), {"combine": "sum", "axes": None}),
    ("ReduceSum", {"noop_with_empty_axes": 1}, (), {"combine": "sum", "axes": ()}),
    ("ReduceSum", {"noop_with_empty_axes": 0}, (), {"combine": "sum", "axes": None}),
    ("ReduceSum", {"noop_with_empty_axes": 1}, (constant(2),), {"combine": "sum", "axes": (2,)}),
    ("ArgMax", {}, (), {"axes": (0,)}),
    ("ArgMin", {"axis": 2}, (), {"axes": (2,)}),
    ("CumSum", {}, (constant(2),), {"axis": 2}),
    ("DFT", {}, (), {"axes": (1,)}),
    ("DFT", {"axis": 2}, (), {"axes": (2,)}),
    ("DFT", {}, (None, constant(3)), {"axes": (3,)}),
    ("DFT", {}, (None, None), {"axes": (-2,)}),
    (
        "Gemm",
        {"transA": 1, "transB": 0, "alpha": 2.0},
        (W,),
        {"transposed": 1, "transposed_weights": 0, "scale": 2.0},
    ),
    (
        "Col2Im",
        {},
        (None, constant(2, 3)),
        {"size": (2, 3), "stride": (1, 1), "dilation": (1, 1), "padding": ((0, 0), (0, 0)), "made": (5, 6)},
    ),
    (
        "Col2Im",
        {"strides": [2, 3], "dilations": [4, 5], "pads": [1, 2, 3, 4]},
        (None, constant(2, 3)),
        {"size": (2, 3), "stride": (2, 3), "dilation": (4, 5), "padding": ((1, 3), (2, 4)), "made": (5, 6)},
    ),
    ("Attention", {}, (X, X), {"is_causal": None}),
    ("Attention", {"is_causal": 1}, (X, X), {"is_causal": "before"}),
    ("Attention", {"is_causal": 0, "unidirectional": 1}, (X, X), {"is_causal": None}),
    (
        "Attention",
        {},
        (X, X, Constant((3, 3), lambda: np.tril(np.ones((3, 3), dtype=bool)))),
        {"is_causal": "before"},
    ),
    (
        "Attention",
        {},
        (X, X, Constant((3, 3), lambda: np.tril(np.full((3, 3), -1e9), -1))),
        {"is_causal": "after"},
    ),
    ("Where", {}, (Constant((), lambda: np.array(-1e9)), X), {"combine": "choice", "filled": (True, -1e9)}),
    (
        "Where",
        {},
        (X, Constant((1,), lambda: np.array([-5]))),
        {"combine": "choice", "filled": (False, -5.0)},
    ),
    ("Where", {}, (X, Constant((2,), lambda: np.array([-5, -5]))), {"combine": "choice"}),
    ("Where", {}, (X, Constant((), lambda: None)), {"combine": "choice"}),
    ("Where", {}, (X, X), {"combine": "choice"}),
    ("Where", {}, (X, tensor(1, 1, 1, 1)), {"combine": "choice"}),
    ("Where", {}, (X, Constant(None, lambda: np.array(-1e9))), {"combine": "choice"}),
    ("Where", {}, (constant(1.0), constant(2.0)), {"combine": "choice"}),
]

ATEN = [
    ("elu", {"alpha": 1, "scale": 1, "input_scale": 1}, (), {"activation": "elu", "is_unusual": False}),
    ("elu", {"alpha": 1, "scale": 2, "input_scale": 1}, (), {"activation": "elu", "is_unusual": True}),
    ("elu", {"alpha": 1, "scale": 1, "input_scale": 2}, (), {"activation": "elu", "is_unusual": True}),
    ("softplus", {"beta": 1, "threshold": 20}, (), {"activation": "softplus", "is_unusual": False}),
    ("softplus", {"beta": 2, "threshold": 20}, (), {"activation": "softplus", "is_unusual": True}),
    ("leaky_relu_", {"negative_slope": 0.2}, (), {"activation": "leaky_relu", "slope": 0.2}),
    ("hardtanh", {"min_val": 0, "max_val": 6}, (), {"activation": "relu6"}),
    ("hardtanh", {"min_val": -1, "max_val": 1}, (), {"activation": "hardtanh"}),
    ("hardtanh", {"min_val": -2, "max_val": 2}, (), {"activation": "clip"}),
    ("clamp", {"min": 0, "max": None}, (), {"activation": "relu"}),
    ("clamp", {"min": -2, "max": 2}, (), {}),
    ("clamp_min", {"min": 0}, (), {"activation": "relu"}),
    ("add", {"alpha": 3}, (X,), {"combine": "sum", "factors": (1, 3)}),
    ("sub", {"alpha": 3}, (X,), {"combine": "sum", "factors": (1, -3)}),
    ("rsub", {"alpha": 3}, (X,), {"combine": "sum", "factors": (-3, 1)}),
    ("mul", {"other": 3}, (), {"combine": "product", "scale": 3}),
    ("mul", {"other": 0.5}, (), {"combine": "product", "scale": 0.5}),
    ("mul", {"other": X}, (X,), {"combine": "product", "scale": None}),
    ("div", {"other": 4}, (), {"combine": "quotient", "scale": 0.25}),
    ("div", {"other": 0}, (), {"combine": "quotient", "scale": None}),
    ("div", {"other": 4, "rounding_mode": "floor"}, (), {"combine": "choice"}),
    ("masked_fill", {"value": -1e9}, (X,), {"combine": "choice", "filled": (True, -1e9)}),
    ("masked_fill", {"value": X}, (X,), {"combine": "choice"}),
    ("where", {"self": -7, "other": X}, (X,), {"combine": "choice", "filled": (True, -7.0)}),
    ("where", {"self": X, "other": 0}, (X,), {"combine": "choice", "filled": (False, 0.0)}),
    ("where", {"self": 1, "other": 0}, (), {"combine": "choice"}),
    (
        "conv2d",
        {"stride": [2, 3], "padding": [1, 2], "dilation": [4, 5], "groups": 2},
        (W,),
        {
            "size": (3, 5),
            "stride": (2, 3),
            "padding": ((1, 1), (2, 2)),
            "dilation": (4, 5),
            "groups": 2,
            "activation": None,
        },
    ),
    (
        "conv2d",
        {"stride": [2], "padding": [1], "dilation": [4], "groups": 1},
        (W,),
        {**CONV, "stride": (2, 2), "padding": ((1, 1),) * 2, "dilation": (4, 4)},
    ),
    ("conv2d", {"padding": "same", "groups": 1}, (W,), {**CONV, "padding": "same_upper"}),
    ("conv2d", {"padding": "valid", "groups": 1}, (W,), CONV),
    ("convolution", {"transposed": False, "padding": [0], "groups": 1}, (W,), CONV),
    (
        "convolution",
        {"transposed": True, "padding": [0], "groups": 1, "output_padding": [1, 0]},
        (W,),
        {**TURNED, "kind": "conv_transpose", "output_padding": (1, 0)},
    ),
    (
        "conv_transpose2d",
        {"padding": [1], "groups": 1, "output_padding": [1]},
        (W,),
        {**TURNED, "padding": ((1, 1),) * 2, "output_padding": (1, 1)},
    ),
    (
        "avg_pool2d",
        {
            "kernel_size": [3],
            "stride": [],
            "padding": [0],
            "ceil_mode": False,
            "count_include_pad": True,
            "divisor_override": None,
        },
        (),
        {**SQUARE, **MEAN, "ceil_mode": False, "count_include_pad": True},
    ),
    (
        "avg_pool2d",
        {"kernel_size": [3, 5], "stride": [1, 2], "padding": [1, 2]},
        (),
        {**WINDOW, **MEAN, "stride": (1, 2), "padding": ((1, 1), (2, 2))},
    ),
    (
        "max_pool2d",
        {"kernel_size": [3], "stride": None, "padding": [0], "dilation": [2], "ceil_mode": True},
        (),
        {**SQUARE, **MAX, "dilation": (2, 2), "ceil_mode": True},
    ),
    ("adaptive_avg_pool2d", {"output_size": [2]}, (), {**MEAN, "size": (2, 2)}),
    ("adaptive_avg_pool2d", {"output_size": [2, 3]}, (), {**MEAN, "size": (2, 3)}),
    ("adaptive_max_pool3d", {"output_size": [2]}, (), {**MAX, "size": (2, 2, 2)}),
    (
        "upsample_bilinear2d",
        {"scale_factors": [2.0, 3.0], "align_corners": False},
        (),
        {"mode": "linear", "factors": (None, None, 2.0, 3.0), "sizes": (None,) * 4},
    ),
    (
        "upsample_bilinear2d",
        {"scale_factors": None, "align_corners": True},
        (),
        {
            "mode": "linear",
            "factors": (None,) * 4,
            "sizes": (None, None, 5, 6),
            "coordinates": "align_corners",
        },
    ),
    (
        "upsample_bicubic2d",
        {"scale_factors": [2.0, 2.0]},
        (),
        {"mode": "cubic", "factors": (None, None, 2.0, 2.0), "sizes": (None,) * 4},
    ),
    (
        "upsample_nearest2d",
        {"scale_factors": [2.0, 2.0]},
        (),
        {
            "mode": "nearest",
            "coordinates": "asymmetric",
            "factors": (None, None, 2.0, 2.0),
            "sizes": (None,) * 4,
        },
    ),
    (
        "_upsample_nearest_exact2d",
        {"scale_factors": [2.0, 2.0]},
        (),
        {
            "mode": "nearest",
            "rounding": "prefer_ceil",
            "factors": (None, None, 2.0, 2.0),
            "sizes": (None,) * 4,
        },
    ),
    (
        "pad",
        {"pad": [1, 2, 3, 4], "mode": "constant"},
        (),
        {"pads": ((0, 0), (0, 0), (3, 4), (1, 2)), "border": "zeros"},
    ),
    (
        "pad",
        {"pad": [1, 2], "mode": "replicate"},
        (),
        {"pads": ((0, 0), (0, 0), (0, 0), (1, 2)), "border": "replicate"},
    ),
    (
        "pad",
        {"pad": [1, 2], "mode": "circular"},
        (),
        {"pads": ((0, 0), (0, 0), (0, 0), (1, 2)), "border": "circular"},
    ),
    ("constant_pad_nd", {"pad": [1, 2]}, (), {"pads": ((0, 0), (0, 0), (0, 0), (1, 2))}),
    (
        "reflection_pad2d",
        {"padding": [1, 2, 3, 4]},
        (),
        {"pads": ((0, 0), (0, 0), (3, 4), (1, 2)), "border": "reflect"},
    ),
    (
        "replication_pad2d",
        {"padding": [1, 2, 3, 4]},
        (),
        {"pads": ((0, 0), (0, 0), (3, 4), (1, 2)), "border": "replicate"},
    ),
    ("cat", {"dim": 2}, (), {"axis": 2}),
    ("chunk", {"dim": 1}, (), {"axis": 1}),
    ("unbind", {"dim": 1}, (), {"axis": 1}),
    ("slice", {"dim": 2, "start": 1, "end": 5, "step": 2}, (), {"slices": ((2, 1, 5, 2),)}),
    ("narrow", {"dim": 2, "start": 1, "length": 3}, (), {"slices": ((2, 1, 4, 1),)}),
    ("slice_scatter", {"dim": 2, "start": 1, "end": 5, "step": 2}, (X,), {"axis": 2, "slice": (1, 5, 2)}),
    ("select", {"dim": 2, "index": 3}, (), {"axis": 2, "index": 3}),
    ("index_select", {"dim": 2}, (constant(1, 3),), {"axis": 2, "index": (1, 3)}),
    ("index", {"indices": [None, None, X]}, (constant(1, 3),), {"axis": 2, "index": (1, 3)}),
    ("repeat_interleave", {"repeats": 3, "dim": 2}, (), {"axis": 2, "count": 3}),
    ("permute", {"dims": [0, -1, 1, 2]}, (), {"order": (0, 3, 1, 2)}),
    ("transpose", {"dim0": 1, "dim1": -1}, (), {"order": (0, 3, 2, 1)}),
    ("swapaxes", {"axis0": -2, "axis1": 3}, (), {"order": (0, 1, 3, 2)}),
    ("t", {}, (), {"order": (1, 0, 2, 3)}),
    ("movedim", {"source": 1, "destination": -1}, (), {"order": (0, 2, 3, 1)}),
    ("movedim", {"source": [0, -1], "destination": [2, 0]}, (), {"order": (3, 1, 0, 2)}),
    ("squeeze", {"dim": 1}, (), {"axes": (1,)}),
    ("squeeze", {"dim": [0, 1]}, (), {"axes": (0, 1)}),
    ("unsqueeze", {"dim": -1}, (), {"axes": (-1,)}),
    ("roll", {"shifts": [2, -1], "dims": [2, 3]}, (), {"shifts": {2: 2, 3: -1}}),
    ("flip", {"dims": [1]}, (), {"axes": (1,)}),
    ("pixel_shuffle", {"upscale_factor": 2}, (), {"block": 2}),
    ("pixel_unshuffle", {"downscale_factor": 3}, (), {"block": 3}),
    ("channel_shuffle", {"groups": 2}, (), {"groups": 2}),
    ("group_norm", {"weight": W}, (), {**NORM, "axes": (1, 2, 3), "is_last": False}),
    (
        "group_norm",
        {"weight": None},
        (),
        {"scale": None, "is_plain": True, "axes": (1, 2, 3), "is_last": False},
    ),
    (
        "instance_norm",
        {"use_input_stats": True, "weight": W},
        (),
        {**NORM, "axes": (1, 2, 3), "is_last": False},
    ),
    (
        "instance_norm",
        {
            "use_input_stats": False,
            "input": X,
            "weight": W,
            "bias": W,
            "running_mean": W,
            "running_var": W,
            "eps": 0.5,
        },
        (),
        {"kind": "batch_norm", "eps": 0.5, "scale": 1, "variance": 4},
    ),
    (
        "batch_norm",
        {"input": X, "weight": None, "bias": None, "running_mean": W, "running_var": W, "eps": 0.5},
        (),
        {"eps": 0.5, "scale": None, "variance": 2},
    ),
    (
        "batch_norm",
        {"input": X, "weight": W, "bias": None, "running_mean": W, "running_var": W, "eps": 0.5},
        (),
        {"eps": 0.5, "scale": 1, "variance": 3},
    ),
    (
        "batch_norm",
        {"input": X, "weight": W, "bias": W, "running_mean": None, "running_var": None, "eps": 0.5},
        (),
        {"eps": 0.5, "scale": 1, "variance": None},
    ),
    ("layer_norm", {"normalized_shape": [6, 8], "weight": W}, (), {**NORM, "axes": (2, 3), "is_last": True}),
    (
        "layer_norm",
        {"normalized_shape": [8], "weight": None},
        (),
        {"scale": None, "is_plain": True, "axes": (3,), "is_last": True},
    ),
    ("softmax", {"dim": 1}, (), {"axes": (1,)}),
    ("sum", {"dim": [2], "keepdim": True}, (), {"combine": "sum", "axes": (2,), "keepdims": True}),
    ("mean", {"dim": None}, (), {"combine": "mean", "axes": None, "keepdims": False}),
    ("amax", {"dim": [], "keepdim": False}, (), {"combine": "choice", "axes": None, "keepdims": False}),
    ("max", {"other": X}, (X,), {"kind": "join", "combine": "extreme", "keepdims": False}),
    ("argmax", {"dim": 2, "keepdim": False}, (), {"axes": (2,), "keepdims": False}),
    ("cumsum", {"dim": 2}, (), {"axis": 2}),
    ("gru", {"batch_first": True, "bidirectional": False}, (), {"axis": 1, "side": "before"}),
    ("lstm", {"batch_first": False, "bidirectional": True}, (), {"axis": 0, "side": "both"}),
    ("scaled_dot_product_attention", {"is_causal": True}, (X, X), {"is_causal": "before"}),
    ("scaled_dot_product_attention", {"is_causal": False}, (X, X), {"is_causal": None}),
    ("addmm", {"alpha": 2}, (X, W), {"kind": "everything"}),
    ("einsum", {"equation": "ij,jk"}, (X,), {"equation": "ij,jk"}),
    (
        "im2col",
        {"kernel_size": [3, 5], "stride": [1], "dilation": [2], "padding": [0, 1]},
        (),
        {
            "size": (3, 5),
            "stride": (1, 1),
            "dilation": (2, 2),
            "padding": (0, 1),
            "axes": (2, 3),
            "is_column": True,
        },
    ),
    (
        "unfold",
        {"dimension": -2, "size": 3, "step": 2},
        (),
        {"size": (3,), "stride": (2,), "dilation": (1,), "padding": (0,), "axes": (2,), "is_column": False},
    ),
    (
        "col2im",
        {"kernel_size": [3, 5], "stride": [1], "dilation": [2], "padding": [0, 1]},
        (),
        {"size": (3, 5), "stride": (1, 1), "dilation": (2, 2), "padding": ((0, 0), (1, 1)), "made": (5, 6)},
    ),
    ("fft_fft", {"dim": -1}, (), {"axes": (-1,)}),
    ("fft_fftn", {"dim": None}, (), {"axes": (0, 1, 2, 3)}),
    ("fft_fft2", {"dim": [-2, -1]}, (), {"axes": (-2, -1)}),
]


@pytest.mark.parametrize("case", ONNX, ids=numbered(ONNX))
def test_onnx(case):
    title, arguments, more, expected = case
    assert options(read(title, arguments, *more, made=(1, 4, 5, 6))) == expected


@pytest.mark.parametrize("case", ATEN, ids=numbered(ATEN))
def test_aten(case):
    title, arguments, more, expected = case
    assert options(read(f"aten.{title}", arguments, *more, made=(1, 4, 5, 6))) == expected


@pytest.mark.parametrize(
    ("title", "arguments", "more", "problem"),
    [
        (
            "aten.avg_pool2d",
            {"kernel_size": [3], "stride": [], "divisor_override": 5},
            (),
            "divides by a number other",
        ),
        ("Resize", {"opset": 18, "antialias": 1}, (None, constant(*TWICE)), "uses antialiasing"),
        ("Pad", {"pads": [0, 0, 1, 1]}, (), "pads 2 axes and names 4"),
        ("Pad", {}, (constant(1, 2, 3, 4), None, constant(3)), "pads 2 axes and names 1"),
        ("Pad", {"mode": "mirror"}, (), "pads in the mode 'mirror'"),
        ("Pad", {}, (X,), "needs its pads as a constant"),
        ("Slice", {}, (X, constant(1)), "needs its starts as a constant"),
        ("Slice", {}, (constant(1), X), "needs its ends as a constant"),
        ("Slice", {}, (constant(1), constant(1), X), "needs its axes as a constant"),
        ("Slice", {}, (constant(1), constant(1), None, X), "needs its steps as a constant"),
        ("Resize", {"opset": 13}, (None, X), "needs its scales as a constant"),
        ("Resize", {"opset": 13}, (None, None, X), "needs its sizes as a constant"),
        ("Pad", {}, (constant(1, 2), None, X), "needs its axes as a constant"),
        ("Split", {}, (X,), "needs its parts as a constant"),
        ("Squeeze", {}, (X,), "needs its axes as a constant"),
        ("Gather", {}, (X,), "needs its indices as a constant"),
        ("ReduceSum", {}, (X,), "needs its axes as a constant"),
        ("CumSum", {}, (X,), "needs its axis as a constant"),
        ("DFT", {}, (None, X), "needs its axis as a constant"),
        ("Col2Im", {}, (None, X), "needs its block_shape as a constant"),
        ("aten.index", {"indices": [X, X]}, (), "picks entries of several axes at once"),
        ("aten.index", {"indices": [X]}, (X,), "needs its indices as a constant"),
        ("aten.index_select", {"dim": 1}, (X,), "needs its indices as a constant"),
        (
            "aten.repeat_interleave",
            {"repeats": X, "dim": 2},
            (),
            "repeats entries different numbers of times",
        ),
        (
            "aten.repeat_interleave",
            {"repeats": 2, "dim": None},
            (),
            "repeats entries different numbers of times",
        ),
        ("aten.roll", {"dims": [], "shifts": [1]}, (), "rolls the flattened tensor"),
        ("aten.embedding", {}, (X,), "chooses from a table that is computed from the input"),
        ("Conv", {}, (), "has weights of unknown shape"),
        ("Conv", {}, (Constant((8, None, 3)),), "has weights of unknown shape"),
    ],
)
def test_what_is_not_read_is_named(title, arguments, more, problem):
    with pytest.raises(ValueError, match=f"{title} 'op' {problem}"):
        read(title, arguments, *more)


def test_operators_of_any_number_of_axes():
    line = constant(shape=(8, 4, 3))
    assert options(read("aten.conv1d", {"padding": [0], "groups": 1}, line, of=LINE)) == LONG
    assert options(read("aten.conv1d", {"padding": "valid", "groups": 1}, line, of=LINE)) == LONG
    up = read("aten.upsample_linear1d", {"scale_factors": [2.0]}, of=LINE)
    assert options(up) == {"mode": "linear", "factors": (None, None, 2.0), "sizes": (None,) * 3}
    nearest = read("aten.upsample_nearest1d", {"scale_factors": None}, of=LINE, made=(1, 4, 18))
    assert options(nearest)["sizes"] == (None, None, 18)
    assert options(read("aten.upsample_nearest1d", {}, of=LINE))["sizes"] == (None,) * 3
    assert options(read("aten.t", {}, of=tensor(5))) == {"order": (0,)}
    assert options(read("GlobalMaxPool", {}, of=LINE))["axes"] == (2,)
    assert options(read("GlobalMaxPool", {}, of=tensor(3, 4)))["axes"] == (2,)
    unknown = Tensor("x", None, None, (None, None))  # taken for a picture
    assert options(read("GlobalMaxPool", {}, of=unknown))["axes"] == (2, 3)
    flat = Tensor("x", (1, 4, 5), None, (None, None))
    assert options(read("GlobalMaxPool", {}, of=flat))["axes"] == (2,)
    aspect = {"opset": 18, "axes": [2, 3], "keep_aspect_ratio_policy": "not_smaller"}
    assert options(read("Resize", aspect, None, None, constant(7, 7)))["sizes"] == (None,) * 4


def test_only_inputs_that_count_are_kept():
    assert read("Relu", {}, X).inputs == (X,)
    assert read("Col2Im", {}, None, constant(2, 2), made=(1, 1, 5, 5)).inputs == (X,)
    assert read("MatMul", {}, W).inputs == (X, W)
    assert read("aten.addmm", {"alpha": 2}, X, W, of=W).inputs == (X, W)
    assert options(read("aten.addmm", {}, X, W, of=W)) == {"scale": 1}
    assert read("aten.embedding", {}, X, of=W).inputs == (X,)
    assert options(read("aten.embedding", {}, X, of=W)) == {"around": (0, 1)}
    assert read("Attention", {}, X, X, W).inputs == (X, X, X)


def test_ends_that_are_computed_are_joined():
    clipped = read("Clip", {}, None, X)
    assert (clipped.kind, clipped.inputs, options(clipped)["combine"]) == ("join", (X, X), "extreme")


def test_a_table_that_the_input_chooses_from():
    rows = Operator(None, "Gather", "op", (constant(shape=(10, 5)), X))
    assert translated(rows, {}).kind == "embedding"
    assert options(translated(rows, {}))["around"] == (0, 1)
    assert options(translated(rows, {"axis": -1}))["around"] == (1, 0)
    deep = Operator(None, "Gather", "op", (constant(shape=(10, 5, 3)), X))
    assert options(translated(deep, {"axis": 1}))["around"] == (1, 1)
    assert options(translated(Operator(None, "Gather", "op", (Constant(None), X)), {}))["around"] == (0, 1)


def test_an_entry_that_is_written_has_an_axis_of_one():
    written = tensor(1, 4, 8)
    op = read("aten.select_scatter", {"dim": -2, "index": 3}, written)
    assert op.inputs[0] is X
    assert op.inputs[1].shape == (1, 4, 1, 8)
    assert op.inputs[1].layout == (*written.layout[:2], (), written.layout[2])
    assert (op.options["axis"], op.options["slice"]) == (2, (3, 4, 1))
    last = read("aten.select_scatter", {"dim": 1, "index": -1}, constant(shape=(1, 6, 8)))
    assert (last.inputs[1].shape, last.options["axis"]) == ((1, 1, 6, 8), 1)
    assert last.options["slice"] == (-1, None, 1)
    assert read("aten.select_scatter", {"dim": 1, "index": 0}, None).inputs == (X, None)


@pytest.mark.parametrize(
    ("wanted", "allow_zero", "expected"),
    [
        ([1, 4, 48], 0, (1, 4, 48)),
        ([0, 0, -1], 0, (1, 4, 48)),
        ([0, -1, 8], 0, (1, 24, 8)),
        ([-1, 2], 0, (96, 2)),
        ([0, -1], 1, (0, None)),
        ([0, 2], 1, (0, 2)),
        ([1, 2, 3, 4, 0], 0, (1, 2, 3, 4, 0)),
        ([0, 0, 0, 0, -1, 1], 0, (1, 4, 6, 8, 1, 1)),
    ],
)
def test_the_shape_that_a_reshape_asks_for(wanted, allow_zero, expected):
    arguments = {"allowzero": 1} if allow_zero else {}
    op = read("Reshape", arguments, constant(*wanted))
    assert op.shapes == (expected,)
    assert read("Reshape", arguments, constant(*wanted), made=(None, 2)).shapes == (expected,)
    assert read("Reshape", arguments, constant(*wanted), made=(9, 2)).shapes == ((9, 2),)


def test_a_reshape_of_unknown_sides():
    assert read("Reshape", {}, X).shapes == (None,)
    open_batch = Tensor("x", (None, 4, 6), plain((None, 4, 6), (2,)), (6,))
    assert read("Reshape", {}, constant(0, 24), of=open_batch).shapes == ((None, 24),)
    assert read("Reshape", {}, constant(-1, 24), of=open_batch).shapes == ((None, 24),)
    assert read("Reshape", {}, constant(0, -1), of=open_batch).shapes == ((None, None),)
    assert read("Reshape", {}, constant(2, 3), of=Tensor("x", None, None)).shapes == (None,)


def test_operators_of_several_outputs_keep_those_that_count():
    op = Operator(
        None,
        "aten.native_layer_norm",
        "op",
        (X, W),
        outputs=("a", "b", "c"),
        shapes=((1,), (2,), (3,)),
        scopes=frozenset(["part"]),
        alias="node",
        ndim=2,
    )
    found = translated(op, {"normalized_shape": [8], "weight": W})
    assert (found.kind, found.outputs, found.shapes) == ("normalise", ("a",), ((1,),))
    assert (found.title, found.name, found.scopes) == ("aten.native_layer_norm", "op", frozenset(["part"]))
    assert (found.alias, found.ndim, found.domain) == ("node", 2, "")
    assert translated(op, {"normalized_shape": [8]}).outputs == ("a",)


@pytest.mark.parametrize(
    ("title", "domain", "kind"),
    [
        ("Relu", "", "pointwise"),
        ("Relu", "ai.onnx", "pointwise"),
        ("Relu", "mine", None),
        ("aten.relu_", "", "pointwise"),
        ("aten.relu", "", "pointwise"),
        ("aten.__and__", "", "join"),
        ("torchvision.relu", "", "pointwise"),
        ("mine.relu", "", None),
        ("aten.Relu", "", None),
        ("relu", "", None),
        ("aten.nothing", "", None),
    ],
)
def test_operators_are_known_in_their_own_domain_only(title, domain, kind):
    op = Operator(None, title, "op", (X,))
    found = translated(op, {}, domain)
    assert (found.kind, found.domain) == (kind, domain)
