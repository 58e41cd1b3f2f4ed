"""The route by which a network comes never changes its fields: module, exporters, quantisers."""

import contextlib
import io
import warnings

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
onnx = pytest.importorskip("onnx", reason="from_onnx reads files by onnx")
from torch import nn  # noqa: E402


class Residual(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.wide = nn.ModuleList([nn.Conv1d(6, 6, 5, padding=2) for _ in range(2)])
        self.narrow = nn.ModuleList([nn.Conv1d(6, 6, 1) for _ in range(2)])
        self.activation = activation

    def forward(self, x):
        for wide, narrow in zip(self.wide, self.narrow, strict=True):
            x = x + narrow(self.activation(wide(x)))
        return x


class Next(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.depth = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale = nn.Parameter(torch.full((8,), 0.5))

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(nn.functional.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.inner = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Conv2d(12, 4, 3, padding=1)

    def forward(self, x):
        a = torch.relu(self.first(x))
        b = torch.relu(self.inner(nn.functional.max_pool2d(a, 2)))
        return self.last(torch.cat([a, nn.functional.interpolate(b, scale_factor=2)], 1))


def seeded(make):
    torch.manual_seed(0)
    return make().eval()


NETS = {
    "gelu": (lambda: Residual(nn.GELU()), (1, 6, 32)),
    "gelu by tanh": (lambda: Residual(nn.GELU("tanh")), (1, 6, 32)),
    "silu": (lambda: Residual(nn.SiLU()), (1, 6, 32)),
    "mish": (lambda: Residual(nn.Mish()), (1, 6, 32)),
    "hardswish": (lambda: Residual(nn.Hardswish()), (1, 6, 32)),
    "relu": (lambda: Residual(nn.ReLU()), (1, 6, 32)),
    "next": (Next, (1, 3, 32, 32)),
    "unet": (UNet, (1, 3, 16, 16)),
    "group norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 4, 3)),
        (1, 3, 16, 16),
    ),
    "batch norm": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 4, 3, 2), nn.LeakyReLU(0.1)
        ),
        (1, 3, 16, 16),
    ),
    "weight norm": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Conv1d(1, 4, 3)), nn.ReLU(), nn.Conv1d(4, 4, 5)
        ),
        (1, 1, 32),
    ),
}


def agree(first, second, tolerance=1e-6):
    assert em.receptive_field(first("uniform")).size == em.receptive_field(second("uniform")).size
    for weights in ("uniform", "energy", "given"):
        laws = [
            em.distribution(m if weights == "energy" else em.variance(m))
            for m in (first(weights), second(weights))
        ]
        expected, found = (np.asarray(law.var()) for law in laws)
        assert np.allclose(found, expected, rtol=tolerance), (weights, expected, found)


def reader_of(model, shape=None):
    read = em.from_onnx if shape is None else em.from_torch
    options = {} if shape is None else {"example_input": shape}
    return lambda weights: read(model, **options, weights=weights, global_context=False)


def exported(module, shape, path, opset, dynamo):
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.randn(shape),), path, dynamo=dynamo, opset_version=opset)
    return path


@pytest.mark.parametrize("name", NETS)
def test_files_of_any_version_are_the_module(name, tmp_path):
    make, shape = NETS[name]
    module = seeded(make)
    for opset in (13, 17):
        path = exported(module, shape, tmp_path / "model.onnx", opset, dynamo=False)
        agree(reader_of(module, shape), reader_of(path))


@pytest.mark.parametrize("name", ["gelu", "next", "mish"])
def test_files_of_the_newer_exporter_are_the_module(name, tmp_path):
    pytest.importorskip("onnxscript", reason="the newer exporter needs it")
    make, shape = NETS[name]
    module = seeded(make)
    path = exported(module, shape, tmp_path / "model.onnx", 18, dynamo=True)
    agree(reader_of(module, shape), reader_of(path))


@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
@pytest.mark.parametrize("name", ["relu", "silu", "unet", "batch norm"])
def test_quantised_files_are_the_module_but_for_rounding(name, kind, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime quantises")
    import onnxruntime.quantization as quantization

    make, shape = NETS[name]
    module = seeded(make)
    path = exported(module, shape, tmp_path / "model.onnx", 17, dynamo=False)
    start = onnx.load(path).graph.input[0].name
    rng = np.random.default_rng(0)

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self):
            self.rows = iter([{start: rng.standard_normal(shape).astype("f")} for _ in range(3)])

        def get_next(self):
            return next(self.rows, None)

    other = tmp_path / "quantised.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantization.quantize_static(
            path, other, Calibration(), quant_format=getattr(quantization.QuantFormat, kind)
        )
    agree(reader_of(module, shape), reader_of(other), 0.02)


def spelled(function):
    class Spelled(nn.Module):
        def forward(self, x):
            return function(x)

    return Spelled()


SPELLED = {
    "silu": [lambda x: x * torch.sigmoid(x), lambda x: x / (1 + torch.exp(-x))],
    "gelu": [
        lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
        lambda x: 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3))),
    ],
    "hardswish": [lambda x: x * nn.functional.relu6(x + 3) / 6],
    "mish": [lambda x: x * torch.tanh(nn.functional.softplus(x))],
}


@pytest.mark.parametrize("name", SPELLED)
def test_activations_written_by_hand_are_the_layers(name):
    layers = {"silu": nn.SiLU(), "gelu": nn.GELU(), "hardswish": nn.Hardswish(), "mish": nn.Mish()}
    module = seeded(lambda: Residual(layers[name]))
    for function in SPELLED[name]:
        other = seeded(lambda f=function: Residual(spelled(f)))
        agree(reader_of(module, (1, 6, 32)), reader_of(other, (1, 6, 32)))


def test_normalisations_written_by_hand_are_the_layers():
    class Normal(nn.Module):
        def __init__(self, how):
            super().__init__()
            self.first, self.norm = nn.Conv1d(3, 8, 3, padding=1), nn.LayerNorm(8)
            self.last, self.how = nn.Conv1d(8, 4, 5, padding=2), how

        def forward(self, x):
            x = self.first(x)
            if self.how == "layer":
                return self.last(self.norm(x.transpose(1, 2)).transpose(1, 2))
            mean = x.mean(1, keepdim=True)
            if self.how == "root":
                x = (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)
            else:
                x = (x - mean) * torch.rsqrt((x - mean).square().mean(1, keepdim=True) + 1e-6)
            return self.last(self.norm.weight[:, None] * x + self.norm.bias[:, None])

    module = seeded(lambda: Normal("layer"))
    for how in ("root", "inverse root"):
        agree(reader_of(module, (1, 3, 32)), reader_of(seeded(lambda h=how: Normal(h)), (1, 3, 32)))
