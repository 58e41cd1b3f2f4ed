"""Small networks of well-known kinds, and the files that exporters, quantisers and optimisers make."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exporters are torch's")
from torch import nn  # noqa: E402


class Block(nn.Module):
    """A module of a function and its parts."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


def conv(inputs, outputs, side=3, stride=1, dilation=1, groups=1, act=nn.ReLU):
    pad = dilation * (side - 1) // 2
    layer = nn.Conv2d(inputs, outputs, side, stride, pad, dilation, groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), act())


def residual(channels, stride=1):
    inner = nn.Sequential(conv(channels, channels, 3, stride), nn.Conv2d(channels, channels, 3, padding=1))
    skip = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else nn.Identity()
    return Block(lambda x, f, s: torch.relu(f(x) + s(x)), inner, skip)


def resnet():
    return nn.Sequential(
        conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), residual(16), residual(16, 2), residual(16)
    )


def gate(channels):
    inner = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(channels, 8, 1),
        nn.ReLU(),
        nn.Conv2d(8, channels, 1),
        nn.Hardsigmoid(),
    )
    return Block(lambda x, f: x * f(x), inner)


def mobilenet():
    def inverted(stride, gates):
        parts = [conv(16, 48, 1, act=nn.Hardswish), conv(48, 48, 5, stride, groups=48, act=nn.Hardswish)]
        inner = nn.Sequential(*parts, *([gate(48)] if gates else []), nn.Conv2d(48, 16, 1))
        return Block(lambda x, f: x + f(x), inner) if stride == 1 else inner

    return nn.Sequential(
        conv(3, 16, 3, 2, act=nn.Hardswish), inverted(1, True), inverted(2, False), inverted(1, True)
    )


def convnext():
    class Last(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.deep = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
            self.norm = nn.LayerNorm(channels)
            self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

        def forward(self, x):
            y = self.norm(self.deep(x).permute(0, 2, 3, 1))
            return x + self.down(nn.functional.gelu(self.up(y))).permute(0, 3, 1, 2)

    return nn.Sequential(nn.Conv2d(3, 16, 4, 4), Last(16), Last(16), nn.Conv2d(16, 16, 2, 2), Last(16))


def unet():
    def forward(x, first, second, middle, up, last):
        a = first(x)
        b = second(nn.functional.max_pool2d(a, 2))
        c = middle(nn.functional.max_pool2d(b, 2))
        d = torch.cat([up(c), b], 1)
        e = torch.cat([nn.functional.interpolate(d, scale_factor=2, mode="bilinear"), a], 1)
        return last(e)

    up = nn.ConvTranspose2d(16, 16, 2, 2)
    return Block(forward, conv(3, 16), conv(16, 16), conv(16, 16), up, conv(48, 16))


def deeplab():
    def forward(x, stem, one, two, three, last):
        y = stem(x)
        y = torch.cat([one(y), two(y), three(y)], 1)
        return nn.functional.interpolate(last(y), size=x.shape[2:], mode="bilinear", align_corners=False)

    parts = (
        conv(3, 16, 3, 2),
        conv(16, 16, 1),
        conv(16, 16, 3, 1, 2),
        conv(16, 16, 3, 1, 4),
        nn.Conv2d(48, 2, 1),
    )
    return Block(forward, *parts)


def tcn():
    def layer(dilation):
        inner = nn.Sequential(
            nn.ConstantPad1d((2 * dilation, 0), 0), nn.Conv1d(16, 16, 3, dilation=dilation), nn.PReLU()
        )
        return Block(lambda x, f: x + f(x), inner)

    return nn.Sequential(nn.Conv1d(1, 16, 8, 4), *map(layer, (1, 2, 4)))


def tasnet():
    def layer(dilation):
        inner = nn.Sequential(
            nn.Conv1d(16, 32, 1),
            nn.PReLU(),
            nn.BatchNorm1d(32),
            nn.Conv1d(32, 32, 3, padding=dilation, dilation=dilation, groups=32),
            nn.PReLU(),
            nn.Conv1d(32, 16, 1),
        )
        return Block(lambda x, f: x + f(x), inner)

    mask = nn.Sequential(layer(1), layer(2), layer(4), nn.Sigmoid())
    return Block(
        lambda x, e, m, d: (lambda y: d(y * m(y)))(torch.relu(e(x))),
        nn.Conv1d(1, 16, 16, 8, 4),
        mask,
        nn.ConvTranspose1d(16, 1, 16, 8, 4),
    )


def sppf():
    def forward(x, first, last):
        y = [first(x)]
        for _ in range(3):
            y.append(nn.functional.max_pool2d(y[-1], 5, 1, 2))
        return last(torch.cat(y, 1))

    silu = nn.SiLU
    return nn.Sequential(
        conv(3, 16, 3, 2, act=silu), Block(forward, conv(16, 8, 1, act=silu), conv(32, 16, 1, act=silu))
    )


def chunks():
    def forward(x, stem, inner, last):
        a, b = stem(x).chunk(2, 1)
        return last(torch.cat([a, b, inner(b)], 1))

    return Block(forward, conv(3, 16), conv(8, 8), conv(24, 8, 1))


def shuffle():
    return nn.Sequential(
        conv(3, 16), nn.Conv2d(16, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 3, 3, padding=1)
    )


def fpn():
    def forward(x, low, high, side, top, norm, last):
        a = low(x)
        b = high(a)
        y = side(a) + nn.functional.interpolate(top(b), scale_factor=2, mode="nearest")
        return last(torch.relu(norm(y)))

    parts = conv(3, 16, 3, 2), conv(16, 16, 3, 2), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
    return Block(forward, *parts, nn.GroupNorm(4, 16), nn.Conv2d(16, 16, 3, padding=1))


def hrnet():
    def forward(x, stem, high, low, down, up):
        a = stem(x)
        b = down(a)
        a, b = high(a), low(b)
        return torch.relu(a + nn.functional.interpolate(up(b), scale_factor=2, mode="nearest"))

    parts = conv(3, 16, 3, 2), residual(16), residual(16), conv(16, 16, 3, 2), nn.Conv2d(16, 16, 1)
    return Block(forward, *parts)


NETWORKS = {
    "resnet": (resnet, (1, 3, 64, 64)),
    "mobilenet": (mobilenet, (1, 3, 64, 64)),
    "convnext": (convnext, (1, 3, 64, 64)),
    "unet": (unet, (1, 3, 32, 32)),
    "deeplab": (deeplab, (1, 3, 32, 32)),
    "tcn": (tcn, (1, 1, 128)),
    "tasnet": (tasnet, (1, 1, 128)),
    "sppf": (sppf, (1, 3, 32, 32)),
    "shuffle": (shuffle, (1, 3, 16, 16)),
    "fpn": (fpn, (1, 3, 32, 32)),
    "hrnet": (hrnet, (1, 3, 32, 32)),
    "chunks": (chunks, (1, 3, 16, 16)),
}


@contextlib.contextmanager
def quiet():
    """Keep what exporters say to themselves."""
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def network(name):
    torch.manual_seed(0)
    made, shape = NETWORKS[name]
    return made().eval(), shape


def export(name, path, opset=17, dynamo=False, dynamic=False):
    """Write a network's file and return its path."""
    module, shape = network(name)
    x = torch.randn(shape)
    options = {}
    if dynamic and dynamo:
        dims = dict.fromkeys(range(2, len(shape)), torch.export.Dim.DYNAMIC)
        options["dynamic_shapes"] = (dims,)
    elif dynamic:
        options["dynamic_axes"] = {"x": {0: "n"} | {axis: f"d{axis}" for axis in range(2, len(shape))}}
        options["input_names"] = ["x"]
    with quiet():
        torch.onnx.export(module, (x,), str(path), opset_version=opset, dynamo=dynamo, **options)
    return Path(path)


def calibration(path, shape, count=2):
    """Random inputs by which a static quantiser finds its scales."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader

    entry = onnx.load(path).graph.input[0]

    class Drawn(CalibrationDataReader):
        def __init__(self):
            rng = np.random.default_rng(0)
            self.left = iter([{entry.name: rng.normal(size=shape).astype("f")} for _ in range(count)])

        def get_next(self):
            return next(self.left, None)

    return Drawn()


def quantised(path, shape, kind, made):
    """Write the file that a quantiser makes of one: "dynamic", "QDQ" or "QOperator"."""
    from onnxruntime import quantization

    with quiet():
        if kind == "dynamic":
            quantization.quantize_dynamic(str(path), str(made), weight_type=quantization.QuantType.QUInt8)
        else:
            kinds = quantization.QuantType
            options = {"quant_format": quantization.QuantFormat[kind]}
            if kind == "QOperator":
                options |= {"weight_type": kinds.QUInt8, "activation_type": kinds.QUInt8}
            quantization.quantize_static(str(path), str(made), calibration(path, shape), **options)
    return Path(made)


def optimised(path, level, made):
    """Write the file that onnxruntime's optimiser makes of one: "basic", "extended" or "all"."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}"
    )
    options.optimized_model_filepath = str(made)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Path(made)


def halved(path, made):
    """Write the file of one in 16-bit floats."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with quiet():
        onnx.save(convert_float_to_float16(onnx.load(path)), made)
    return Path(made)
