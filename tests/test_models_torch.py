import itertools
import math

import pytest
from hypothesis import given, settings, strategies as st

import erfmath as em
from erfmath import Conv, GlobalPool, Pad, Slice, receptive_field
from erfmath.cli import main
from erfmath.models.torch import from_torch

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from oracles_models import Function, intervals, positive  # noqa: E402
from torch import nn  # noqa: E402


def check(module, shape, units=None, output=None, read=None, **options):
    """The field of a module's units is what gradients say, where it lies inside the input."""
    net = from_torch(module, shape, output, **options)
    field = receptive_field(net)
    positive(module)
    axes = len(shape) - 2
    checked = 0
    with torch.no_grad():
        found = (read or module)(torch.zeros(shape, dtype=torch.float64))
    size = found.shape[2:]
    assert em.output_size(net, shape[2:]) == (tuple(size) if axes > 1 else size[0])
    units = units or [tuple(side // 2 + k for side in size) for k in (0, 1)]
    for unit in units:
        unit = unit if isinstance(unit, tuple) else (unit,) * axes
        region = field.region(unit if axes > 1 else unit[0])
        regions = region if axes > 1 else (region,)
        if any(r is None or r[0] < 0 or r[1] >= side for r, side in zip(regions, shape[2:], strict=True)):
            continue
        seen = intervals(read or module, shape, dict(enumerate(unit, 2)))
        assert seen == list(regions)
        checked += 1
    assert checked
    return field


def conv(*args, **kwargs):
    return nn.Conv2d(*args, **kwargs)


def double(c_in, c_out):
    return nn.Sequential(conv(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


def up_transposed(channels):
    return nn.ConvTranspose2d(channels, channels, 2, stride=2)


def up_overlapping(channels):
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)


def up_nearest(channels):
    return nn.Sequential(nn.Upsample(scale_factor=2), conv(channels, channels, 3, padding=1))


def up_bilinear(channels):
    return nn.Upsample(scale_factor=2, mode="bilinear")


def up_aligned(channels):
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


def up_bicubic(channels):
    return nn.Upsample(scale_factor=2, mode="bicubic")


def up_exact(channels):
    return nn.Upsample(scale_factor=2, mode="nearest-exact")


def up_shuffled(channels):
    return nn.Sequential(conv(channels, 4 * channels, 1), nn.PixelShuffle(2))


DECODERS = [
    up_transposed,
    up_overlapping,
    up_nearest,
    up_bilinear,
    up_aligned,
    up_bicubic,
    up_exact,
    up_shuffled,
]


class UNet(nn.Module):
    """Two levels, joined by concatenation or by padded sums."""

    def __init__(self, up, joined="cat"):
        super().__init__()
        self.joined = joined
        width = 4
        self.down = nn.ModuleList([double(1, width), double(width, width), double(width, width)])
        self.up = nn.ModuleList([up(width), up(width)])
        wide = 2 * width if joined == "cat" else width
        self.merge = nn.ModuleList([double(wide, width), double(wide, width)])

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if level else x)
            skips.append(x)
        for skip, up, merge in zip(skips[-2::-1], self.up, self.merge, strict=True):
            x = up(x)
            if self.joined == "size":
                x = F.interpolate(x, size=skip.shape[2:])
            x = merge(torch.cat([skip, x], 1) if self.joined == "cat" else skip + x)
        return x


@pytest.mark.parametrize("up", DECODERS)
def test_unets(up):
    field = check(UNet(up), (1, 1, 64, 64), units=[32, 33, 34, 35, (33, 30)])
    assert field.stride == (1, 1)
    assert len(field.phases[0]) == 4


@pytest.mark.parametrize("joined", ["sum", "size"])
def test_unets_that_add(joined):
    check(UNet(up_nearest, joined), (1, 1, 64, 64), units=[32, 33, 34, 35])


def relu_max(x, a, b):
    y = a(x)
    y += b(x)
    return F.relu(y)


MODULES = {
    "residual": (Function(relu_max, conv(2, 3, 3, padding=1), conv(2, 3, 5, padding=2)), (1, 2, 16, 16)),
    "causal": (Function(lambda x, a: a(F.pad(x, (4, 0))), nn.Conv1d(2, 2, 3, dilation=2)), (1, 2, 16)),
    "zeros": (
        Function(
            lambda x, a: a(torch.cat([torch.zeros(1, 2, 4).to(x), x], 2)), nn.Conv1d(2, 2, 3, dilation=2)
        ),
        (1, 2, 16),
    ),
    "chomp": (Function(lambda x, a: a(x)[:, :, :-4], nn.Conv1d(2, 2, 3, dilation=2, padding=4)), (1, 2, 16)),
    "crop": (Function(lambda x, a: a(x)[..., 1:-2, ::2], conv(2, 2, 3)), (1, 2, 16, 16)),
    "cube": (nn.Sequential(nn.Conv3d(1, 2, (1, 3, 5)), nn.AvgPool3d((2, 1, 2))), (1, 1, 8, 8, 16)),
    "ceil": (nn.Sequential(conv(1, 2, 3), nn.AvgPool2d(3, 2, 1, ceil_mode=True)), (1, 1, 19, 18)),
    "max": (nn.Sequential(conv(1, 2, 3), nn.MaxPool2d(3, 2, 1), nn.ReLU6()), (1, 1, 19, 18)),
    "groups": (
        nn.Sequential(conv(4, 8, 3, groups=4), nn.ChannelShuffle(4), conv(8, 4, 1, groups=2)),
        (1, 4, 9, 9),
    ),
    "same": (conv(1, 2, (3, 4), padding="same", dilation=2, padding_mode="zeros"), (1, 1, 16, 16)),
    "circular": (conv(1, 2, 3, padding=1, padding_mode="circular"), (1, 1, 16, 16)),
    "unshuffle": (nn.Sequential(nn.PixelUnshuffle(2), conv(4, 2, 3)), (1, 1, 16, 16)),
    "shift": (Function(lambda x, a: a(torch.roll(x, (2, -1), (2, 3))), conv(1, 2, 3)), (1, 1, 16, 16)),
    "product": (
        Function(lambda x, a, b: a(x) * torch.sigmoid(b(x)), conv(1, 2, 3, 1, 1), conv(1, 2, 5, 1, 2)),
        (1, 1, 16, 16),
    ),
    "last": (
        Function(
            lambda x, a, b, n: b(n(a(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)),
            nn.Linear(2, 4),
            conv(4, 2, 3),
            nn.LayerNorm(4),
        ),
        (1, 2, 16, 12),
    ),
    "tokens": (
        Function(
            lambda x, a, b: b(a(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(1, 4, 16, 12)),
            nn.Linear(2, 4),
            conv(4, 2, 3),
        ),
        (1, 2, 16, 12),
    ),
    "split": (
        Function(
            lambda x, a, b: torch.cat([a(x.chunk(2, 1)[0]), b(torch.split(x, [1, 3], 1)[1])], 1),
            conv(2, 2, 3, 1, 1),
            conv(3, 2, 5, 1, 2),
        ),
        (1, 4, 16, 16),
    ),
    "stack": (
        Function(
            lambda x, a, b: torch.stack([a(x), b(x)], 1).sum(1), conv(1, 2, 3, 1, 1), conv(1, 2, 5, 1, 2)
        ),
        (1, 1, 16, 16),
    ),
    "einsum": (
        Function(lambda x, a: torch.einsum("nchw,dc->ndhw", a(x), torch.ones(3, 2).to(x)), conv(1, 2, 3)),
        (1, 1, 16, 16),
    ),
    "factor": (
        Function(lambda x, a: F.interpolate(a(x), scale_factor=1.5, mode="bilinear"), conv(1, 2, 3)),
        (1, 1, 18, 18),
    ),
    "half": (
        Function(lambda x, a: F.interpolate(a(x), scale_factor=0.5, mode="bilinear"), conv(1, 2, 3)),
        (1, 1, 18, 18),
    ),
    "third": (
        Function(lambda x, a: F.interpolate(a(x), scale_factor=(1 / 3, 2), mode="nearest"), conv(1, 2, 3)),
        (1, 1, 20, 18),
    ),
    "adaptive": (nn.Sequential(conv(1, 2, 3), nn.AdaptiveAvgPool2d((8, 4))), (1, 1, 18, 18)),
    "select": (
        nn.Sequential(nn.Unflatten(1, (1, 2)), Function(lambda x: x[:, :, 0]), conv(1, 1, 3)),
        (1, 2, 12, 12),
    ),
    "unsqueezed": (Function(lambda x, a: a(x.unsqueeze(2)).squeeze(2), conv(1, 2, (1, 3))), (1, 1, 12)),
    "constant": (Function(lambda x, a: a(x) + torch.arange(10.0).to(x), conv(1, 2, 3)), (1, 1, 12, 12)),
    "picked": (
        Function(lambda x, a: torch.index_select(a(x), 3, torch.arange(1, 9, 3)), conv(1, 2, 3)),
        (1, 1, 12, 12),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    module, shape = MODULES[name]
    check(module, shape)


def hf(kind, **options):
    transformers = pytest.importorskip(
        "transformers", reason="the models are config-only ones of transformers"
    )
    config = getattr(transformers, f"{kind}Config")(**options)
    torch.manual_seed(0)
    return getattr(transformers, f"{kind}Model")(config)


def last_hidden(model):
    return lambda x: model(x).last_hidden_state


SMALL = {
    "ResNet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 2, 1, 1],
        "hidden_act": "linear",
    },
    "RegNet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 2, 1],
        "groups_width": 4,
        "layer_type": "x",
        "hidden_act": "linear",
    },
    "ConvNext": {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 2, 1]},
    "MobileNetV1": {"depth_multiplier": 0.25, "hidden_act": "linear", "tf_padding": False},
    "MobileNetV2": {"depth_multiplier": 0.25, "hidden_act": "linear", "tf_padding": False},
}


@pytest.mark.parametrize("kind", SMALL)
def test_models_of_transformers(kind):
    model = hf(kind, **SMALL[kind])
    sides = {"ConvNext": 768}
    side = sides.get(kind, 512)
    check(model, (1, 3, side, side), units=[side // 64], read=last_hidden(model))


def test_fields_of_full_size():
    assert receptive_field(from_torch(hf("ResNet"), (1, 3, 224, 224))).size == (427, 427)
    net = from_torch(hf("ConvNext"), (1, 3, 224, 224))
    assert receptive_field(net).size == receptive_field(em.zoo.convnext_tiny()).size == (1688, 1688)


def test_a_model_with_gates():
    model = hf("RegNet", **{**SMALL["RegNet"], "layer_type": "y"})
    assert receptive_field(from_torch(model, (1, 3, 64, 64))).unbounded == GlobalPool()
    plain = from_torch(hf("RegNet", **SMALL["RegNet"]), (1, 3, 64, 64))
    assert receptive_field(from_torch(model, (1, 3, 64, 64), gates=False)).size == receptive_field(plain).size


def test_a_causal_model_of_sound():
    encoder = hf("Encodec", upsampling_ratios=[4, 2], num_filters=4, hidden_size=8).encoder
    for part in encoder.modules():  # its paddings are computed from buffers, which no export can follow
        for name in {"stride", "kernel_size", "padding_total"} & set(part._buffers):
            value = int(part._buffers.pop(name))
            setattr(part, name, value)
            part._get_extra_padding_for_conv1d = lambda _: 0  # of 512 samples
    parts = itertools.takewhile(lambda part: "LSTM" not in type(part).__name__, encoder.layers)
    field = check(nn.Sequential(*parts), (1, 1, 512), [40])
    assert field.region(40)[1] < 40 * 8 + 8
    low, high = receptive_field(from_torch(encoder.float(), (1, 1, 512))).region(40)
    assert low == -math.inf
    assert high < 41 * 8
    assert receptive_field(from_torch(encoder, (1, 1, 512), gates=False)).size >= field.size


def test_a_dilated_model_of_sound():
    transformers = pytest.importorskip(
        "transformers", reason="the models are config-only ones of transformers"
    )
    config = transformers.SpeechT5HifiGanConfig(
        model_in_dim=8,
        upsample_initial_channel=16,
        upsample_rates=[4, 2],
        upsample_kernel_sizes=[8, 4],
        resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 3], [1, 3]],
    )
    model = transformers.SpeechT5HifiGan(config)
    field = receptive_field(from_torch(model, (1, 64, 8), space=1))
    positive(model).conv_post.weight.data *= 1e-6  # so that tanh is not saturated
    for unit in range(250, 259):
        assert intervals(model, (1, 64, 8), {1: unit}, space=[1]) == [field.region(unit)]


def test_a_strided_model_of_sound():
    sides = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16}
    model = hf("Wav2Vec2", feat_extract_norm="layer", conv_dim=[8] * 7, **sides)
    field = receptive_field(from_torch(model.feature_extractor, (1, 2000)))
    assert (field.size, field.stride, field.offset) == (400, 320, 0)


def test_gated_dilated_convolutions():
    check(Dilated(), (1, 2, 128))


class Dilated(nn.Module):
    """WaveNet's gated, dilated, causal blocks with skip connections."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 4, 1)
        self.gates = nn.ModuleList(nn.Conv1d(4, 8, 2, dilation=2**i) for i in range(5))
        self.mix = nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in range(5))

    def forward(self, x):
        x, skips = self.first(x), 0
        for i, (gate, mix) in enumerate(zip(self.gates, self.mix, strict=True)):
            a, b = gate(F.pad(x, (2**i, 0))).chunk(2, dim=1)
            y = mix(torch.tanh(a) * torch.sigmoid(b))
            x, skips = x + y, skips + y
        return skips


@st.composite
def layers(draw, channels):
    """A layer on one axis, and its number of output channels."""
    kind = draw(st.sampled_from(["conv", "pool", "up", "transposed", "shift", "norm", "shuffle"]))
    k, s, d = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    p = draw(st.integers(0, (k - 1) * d))
    if kind == "conv":
        return nn.Conv1d(channels, 4, k, s, p, d), 4
    if kind == "pool":
        p = min(p, k // 2)
        return nn.AvgPool1d(k, s, p, ceil_mode=draw(st.booleans())), channels
    if kind == "up":
        mode = draw(st.sampled_from(["nearest", "linear", "nearest-exact"]))
        return nn.Upsample(scale_factor=draw(st.sampled_from([2, 3])), mode=mode), channels
    if kind == "transposed":
        s = draw(st.integers(1, k))
        return nn.ConvTranspose1d(
            channels, 4, k, s, min(p, k - 1), draw(st.integers(0, s - 1)), 1, True, 1
        ), 4
    if kind == "shift":
        a, b = draw(st.integers(-2, 3)), draw(st.integers(-2, 3))
        return Function(lambda x: F.pad(x, (a, b))), channels
    if kind == "norm":
        return nn.BatchNorm1d(channels), channels
    return nn.ChannelShuffle(2) if channels % 2 == 0 else nn.ReLU(), channels


@st.composite
def modules(draw):
    """Layers in series, some of them around a branch that is added or concatenated."""
    channels, parts = 2, []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            k = draw(st.sampled_from([1, 3, 5]))
            branch = nn.Conv1d(channels, channels, k, padding=k // 2)
            if draw(st.booleans()):
                parts.append(Function(lambda x, a: x + a(x), branch))
            else:
                parts.append(Function(lambda x, a: torch.cat([a(x), x], 1), branch))
                channels *= 2
        layer, channels = draw(layers(channels))
        parts.append(layer)
    return nn.Sequential(*parts)


@given(modules())
@settings(max_examples=40)
def test_random_modules(module):
    shape = (1, 2, 61)
    positive(module)
    try:
        with torch.no_grad():
            size = module(torch.zeros(shape, dtype=torch.float64)).shape[2]
    except RuntimeError:
        return  # too much is cut
    module.float()
    net = from_torch(module, shape)
    module.double()
    assert em.output_size(net, 61) == size
    field = receptive_field(net)
    for unit in range(size // 2, min(size, size // 2 + 3)):
        region = field.region(unit)
        if region is None:
            assert intervals(module, shape, {2: unit}) == [None]
        elif region[0] >= 0 and region[1] < 61:
            assert intervals(module, shape, {2: unit}) == [region]


def test_profiles_agree_with_gradients():
    """Weights all equal: not only the interval, each impact."""
    net = nn.Sequential(
        conv(1, 4, 3, padding=1),
        Function(lambda x, a, b: torch.cat([a(x), b(x)], 1), conv(4, 3, 1), conv(4, 1, 5, padding=2)),
        Function(lambda x, a: x + a(x), conv(4, 4, 3, padding=1)),
        nn.AvgPool2d(2),
        conv(4, 2, 3),
        nn.Upsample(scale_factor=2, mode="bilinear"),
    ).double()
    for weights in net.parameters():
        weights.data.fill_(0 if weights.ndim == 1 else 1 / weights[0].numel())
    x = torch.zeros(1, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    net(x)[0, 0, 13, 14].backward()
    law = em.distribution(from_torch(net.float(), (1, 1, 32, 32)), at=(13, 14))
    grid = [[law.pmf((i, j)) for j in range(32)] for i in range(32)]
    seen = x.grad[0, 0] / x.grad.sum()
    torch.testing.assert_close(seen, torch.tensor(grid, dtype=torch.float64), rtol=1e-9, atol=1e-15)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), conv(8, 8, 3))
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        y = self.features(x)
        return self.head(y.mean((2, 3))), y


def test_outputs():
    net = Classifier()
    shape = (1, 3, 32, 32)
    last = from_torch(net, shape)
    assert receptive_field(last).size == (8, 8)
    assert from_torch(net, shape, output=1) == last == from_torch(net, shape, output="features")
    assert receptive_field(from_torch(net, shape, output=0)).unbounded == GlobalPool()
    assert receptive_field(from_torch(net, shape, output="features.2")).size == (4, 4)
    with pytest.raises(ValueError, match=r"output must be the path of a submodule \(features, features.0"):
        from_torch(net, shape, output="body")
    with pytest.raises(ValueError, match="output must be below 2"):
        from_torch(net, shape, output=2)


def test_the_module_is_left_as_it_was():
    net = nn.Sequential(conv(1, 1, 3), nn.Dropout(), nn.BatchNorm2d(1))
    net[1].eval()
    from_torch(net, torch.zeros(1, 1, 8, 8))
    assert [part.training for part in net.modules()] == [True, True, False, True]


def test_several_inputs():
    class Two(nn.Module):
        def forward(self, x, y):
            return F.avg_pool2d(x, 3) + y.mean()

    example = (torch.zeros(1, 1, 9, 9), torch.zeros(3))
    assert from_torch(Two(), example) == em.Pool((3, 3))
    assert receptive_field(from_torch(Two(), example, output=0, input="y")).unbounded
    named = {"x": torch.zeros(1, 1, 9, 9), "y": torch.zeros(3)}
    assert from_torch(Two(), named, input=0) == em.Pool((3, 3))
    with pytest.raises(ValueError, match="input must be a number or one of x, y"):
        from_torch(Two(), example, input="z")


def test_writing_in_place():
    def added(x, a):
        y = a(x)
        z = y.relu_()
        y.add_(F.pad(x, (2, 0, 0, 0))[..., 2:])
        return z * 0 + y

    net = from_torch(Function(added, conv(1, 1, 3, padding=1)), (1, 1, 8, 8))
    assert receptive_field(net).size == (3, 3)

    def parts(x, a):
        y = a(x)
        y[:, :, 1:] += x[:, :, 1:]
        return y

    module = Function(parts, conv(1, 1, 3, padding=1))
    check(module, (1, 1, 8, 8), read=positive(module))


def test_attention_and_recurrence_are_unbounded():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            return (tokens + self.attention(tokens, tokens, tokens)[0]).transpose(1, 2).reshape(x.shape)

    assert receptive_field(from_torch(Tokens(), (1, 4, 8, 8))).is_everything
    assert receptive_field(from_torch(Tokens(), (1, 4, 8, 8), gates=False)).size == (1, 1)
    recurrent = Function(lambda x, a: a(x.transpose(1, 2))[0], nn.LSTM(4, 4, batch_first=True))
    assert receptive_field(from_torch(recurrent, (1, 4, 16), "lstm")).region(3) == (-math.inf, 3)


def test_an_operator_that_is_not_known_is_named():
    def sampled(x):
        return F.grid_sample(x, torch.zeros(1, 8, 8, 2), align_corners=False)

    with pytest.raises(ValueError, match=r"aten.grid_sampler 'grid_sampler' is not a known operator"):
        from_torch(Function(sampled), (1, 1, 8, 8))
    net = from_torch(Function(sampled), (1, 1, 8, 8), rules={"aten.grid_sampler": Conv((3, 3), padding=1)})
    assert net == Conv((3, 3), padding=1)


def test_bad_input():
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got int"):
        from_torch(3, (1, 1, 8, 8))
    branching = Function(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(ValueError, match=r"torch\.export cannot follow the module: ") as caught:
        from_torch(branching, (1, 1, 8, 8))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no path"):
        from_torch(Function(lambda x: torch.ones(1, 1, 4, 4)), (1, 1, 8, 8))


def test_a_shift_is_an_offset():
    net = from_torch(Function(lambda x: torch.roll(x, 2, 2)), (1, 1, 8))
    assert net == Pad([(2, 0)], "circular") >> Slice(0, -2)


@pytest.mark.parametrize("counted", [True, False])
def test_averages_keep_what_they_count(counted):
    module = torch.nn.AvgPool2d(3, 2, 1, count_include_pad=counted)
    net = em.from_torch(module, (1, 1, 9, 9))
    assert net == em.Pool((3, 3), 2, 1, count_include_pad=counted)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("factor", "side"), [(2, 7), (3, 7), (4, 9), (8, 5)])
def test_aligned_corners_are_seen_by_all_units_together(mode, factor, side):
    """No unit reads outside the field of its phase, and its units together read at least all but its ends."""
    up = Function(lambda x: F.interpolate(x, scale_factor=factor, mode=mode, align_corners=True))
    field = receptive_field(from_torch(up, (1, 1, side, side)))
    read = {}
    for unit in range(factor * side):
        ((first, last), _) = intervals(up, (1, 1, side, side), {2: unit, 3: unit})
        low, high = field.region(unit)[0]
        assert max(low, 0) <= first
        assert last <= min(high, side - 1)
        rest = read.setdefault(unit % factor, [0, 0])
        rest[0] = max(rest[0], first - low if first else 0)
        rest[1] = max(rest[1], high - last if last < side - 1 else 0)
    at_most = 1 if mode == "bilinear" else 2  # where a unit stands on a sample and reads that alone
    assert all(max(slack) <= at_most for slack in read.values())


def test_aligned_corners_keep_the_sizes_and_the_weights_of_twice():
    up = Function(lambda x: F.interpolate(x, (14, 14), mode="bilinear", align_corners=True))
    assert from_torch(up, (1, 1, 7, 7)) == em.Upsample((2, 2), "linear")
    four = Function(lambda x: F.interpolate(x, (28, 28), mode="bilinear", align_corners=True))
    net = from_torch(four, (1, 1, 7, 7))
    assert em.output_size(net, 7) == (28, 28)
    # The mean over the map of what each sample gives, in the middle: 1 per output.
    assert em.overlap(net).is_even


@pytest.mark.parametrize(("factor", "side"), [(0.5, 5), (0.9, 11), (0.7, 10), (1.5, 7)])
def test_aligned_corners_of_sizes_that_are_rounded(factor, side):
    up = Function(lambda x: F.interpolate(x, scale_factor=factor, mode="linear", align_corners=True))
    field = receptive_field(from_torch(up, (1, 1, side)))
    for unit in range(int(factor * side)):
        ((first, last),) = intervals(up, (1, 1, side), {2: unit})
        low, high = field.region(unit)
        assert max(low, 0) <= first
        assert last <= min(high, side - 1)


def test_swapped_axes():
    turned = Function(lambda x, a: a(x.swapaxes(2, 3)), nn.Conv2d(2, 2, (1, 5)))
    assert receptive_field(from_torch(turned, (1, 2, 9, 9))).size == (5, 1)


def test_an_output_without_any_map_before_it():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(18, 3))
    assert receptive_field(from_torch(flat, (1, 2, 9))).unbounded is not None


def test_attention_between_maps_of_different_rates():
    def attend(x, a, b):
        query, key = (part(x).flatten(2).transpose(1, 2) for part in (a, b))
        return F.scaled_dot_product_attention(query, key, key)

    module = Function(attend, nn.Conv2d(2, 4, 2, stride=2), nn.Conv2d(2, 4, 4, stride=4))
    assert receptive_field(from_torch(module, (1, 2, 16, 16), 0)).unbounded is not None


def test_what_no_layer_does_is_refused():
    alone = Function(lambda x, a: a(x)[:, :, :1] + x, nn.Conv2d(2, 2, 1))
    with pytest.raises(ValueError, match="repeats the single sample of 'slice_1' along axis -2"):
        from_torch(alone, (1, 2, 6, 6))
    tokens = Function(lambda x, a: a(x[:, None]).flatten(1, 2), nn.Conv2d(1, 1, (1, 3), padding=(1, 0)))
    with pytest.raises(ValueError, match="pads axis 2, which is not spatial"):
        from_torch(tokens, (1, 4, 9))


def test_blocks_moved_to_channels_have_no_weights():
    conv = nn.Conv2d(3, 16, 3, padding=1)
    up = from_torch(nn.Sequential(conv, nn.PixelShuffle(2), nn.Conv2d(4, 8, 3)), (1, 3, 12, 12))
    down = from_torch(nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 8, 3)), (1, 3, 12, 12))
    assert em.cost(up, 12, 3).parameters == 9 * 3 * 16 + 9 * 4 * 8
    assert em.cost(up, 12, 3).macs == 9 * 3 * 16 * 12**2 + 9 * 4 * 8 * 22**2
    assert em.cost(down, 12, 3).parameters == 9 * 12 * 8
    assert [row.layer for row in em.layer_table(down)] == ["Space to channels", "Conv 3x3"]
    assert em.distribution(em.variance(down)).var() == pytest.approx(em.distribution(down).var())
    assert em.network_from_json(em.network_to_json(up)) == up


def test_another_tensor_than_the_output_is_read_with_a_warning_only():
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 4)
    )
    with pytest.warns(
        UserWarning, match="the model's output '4' has no positions.* output='last map' asks for it"
    ):
        model = from_torch(module, (1, 1, 9, 9))
    assert not model.reads_own_output
    assert any("has no positions" in sentence for sentence in model.warnings)
    asked = from_torch(module, (1, 1, 9, 9), "last map")
    assert asked == model
    assert asked.output == model.output == "1"
    own = from_torch(module[:2], (1, 1, 9, 9), "last map")  # which has a map for its output
    assert own.reads_own_output
    assert receptive_field(from_torch(module, (1, 1, 9, 9), 0)).is_everything


class Conditioned(nn.Module):
    """Sound and a spectrogram at a tenth of its rate."""

    def __init__(self):
        super().__init__()
        self.own, self.other = nn.Conv1d(1, 4, 3, padding=1), nn.ConvTranspose1d(8, 4, 10, 10)

    def forward(self, sound, mel):
        return self.own(sound) * self.other(mel).sigmoid()


def test_several_inputs_have_a_shape_each(tmp_path, monkeypatch, capsys):
    module, shapes = Conditioned(), ((1, 1, 40), (1, 8, 4))
    assert em.receptive_field(em.from_torch(module, shapes)).size == 3
    assert em.receptive_field(em.from_torch(module, [list(shape) for shape in shapes], input=1)).size == 1
    assert em.receptive_field(em.from_torch(module, (torch.zeros(1, 1, 40), (1, 8, 4)))).size == 3
    with pytest.raises(ValueError, match=r"Conditioned takes another input, 'mel': give an example of each"):
        em.from_torch(module, (1, 1, 40))
    with pytest.raises(ValueError, match="example_input must be at least 1"):
        em.from_torch(module, ((1, 1, 0), (1, 8, 4)))
    source = "import test_models_torch\nmade = test_models_torch.Conditioned\n"
    (tmp_path / "of_two_inputs.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["latency", "of_two_inputs:made", "--rate", "1k", "--input-shape", "1,1,40"]
    assert main([*words, "--input-shape", "1,8,4"]) == 0
    assert "lookahead        1   1" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(words)
    assert "'mel': give --input-shape once for each" in capsys.readouterr().err
