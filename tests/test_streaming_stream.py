"""Streams against the module on the whole, in float64, for any chunks."""

import functools
import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings, strategies as st

import erfmath as em
from erfmath.strategies import networks

torch = pytest.importorskip("torch", reason="streams are of PyTorch modules")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

CHUNKS = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any)


class Through(nn.Module):
    """A module of a function of the input and layers."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def chop(whole, sizes, axis=-1):
    """Cut a tensor into chunks of these sizes, over and over."""
    rest = whole.shape[axis]
    while rest:
        for size in sizes:
            size = min(size, rest)
            yield whole.narrow(axis, whole.shape[axis] - rest, size)
            rest -= size


def run(s, whole, sizes, axis=-1):
    """All that a stream gives, and how many units there are after so many samples."""
    parts, given, counts = [], 0, []
    for chunk in chop(whole, sizes, axis):
        parts.append(s(chunk))
        given += chunk.shape[axis]
        counts.append((given, sum(part.shape[axis] for part in parts)))
    return torch.cat([*parts, s.flush()], axis), counts


def assert_streams(module, shape, length, sizes=(1, 7, 0, 64, 3), axis=-1):
    """The stream of a module is the whole, at its delay; returns it."""
    module = module.double().eval()
    s = em.stream(module, torch.zeros(shape, dtype=torch.float64), axis=axis)
    assert_equal(s, module, shape, length, sizes, axis)
    return s


def assert_equal(s, module, shape, length, sizes, axis=-1):
    sides = list(shape)
    sides[axis] = length
    whole = torch.randn(sides, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(whole.clone())
    found, counts = run(s, whole, sizes, axis)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-12 * max(expected.std(), expected.abs().max() / 8)
    for given_so_far, units in counts:
        assert units == min(expected.shape[axis], max(0, math.ceil((given_so_far - s.delay) / s.hop)))


class Chomp(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def forward(self, x):
        return x[:, :, : -self.count].contiguous()


class Block(nn.Module):
    """A residual block of Bai's temporal convolutional network."""

    def __init__(self, channels, dilation):
        super().__init__()
        pad = 2 * dilation
        conv = nn.Conv1d(channels, channels, 3, padding=pad, dilation=dilation)
        self.inner = nn.Sequential(
            nn.utils.parametrizations.weight_norm(conv),
            Chomp(pad),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
            nn.Conv1d(channels, channels, 3, padding=pad, dilation=dilation),
            Chomp(pad),
            nn.ReLU(),
        )

    def forward(self, x):
        return functional.relu(x + self.inner(x))


class Gated(nn.Module):
    """A gated causal convolution of WaveNet."""

    def __init__(self, channels, dilation):
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(channels, 2 * channels, 2, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        a, b = self.conv(functional.pad(x, (self.dilation, 0))).chunk(2, 1)
        return x + self.out(torch.tanh(a) * torch.sigmoid(b))


class Unet(nn.Module):
    """Two convolutions a level, and skips that are concatenated."""

    def __init__(self, depth, channels=4):
        super().__init__()
        self.first = self.block(1, channels)
        self.down = nn.ModuleList([self.block(channels, channels) for _ in range(depth)])
        self.up = nn.ModuleList([nn.ConvTranspose1d(channels, channels, 2, 2) for _ in range(depth)])
        self.join = nn.ModuleList([self.block(2 * channels, channels) for _ in range(depth)])

    def block(self, before, after):
        layers = [nn.Conv1d(before, after, 3, padding=1), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers, nn.Conv1d(after, after, 3, padding=1), nn.ReLU())

    def forward(self, x):
        skips = [self.first(x)]
        for layer in self.down:
            skips.append(layer(functional.max_pool1d(skips[-1], 2)))
        x = skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([up(x), skips.pop()], 1))
        return x


class Snake(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x):
        shape = x.shape
        x = x.reshape(shape[0], shape[1], -1)
        return (x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).pow(2)).reshape(shape)


class Unit(nn.Module):
    """A residual unit of DAC, which cuts the skip where the branch is shorter."""

    def __init__(self, channels, dilation):
        super().__init__()
        conv = nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)
        self.inner = nn.Sequential(Snake(channels), conv, Snake(channels), nn.Conv1d(channels, channels, 1))

    def forward(self, x):
        y = self.inner(x)
        pad = (x.shape[-1] - y.shape[-1]) // 2
        return (x[..., pad:-pad] if pad else x) + y


def decoder(channels=4):
    layers = [nn.Conv1d(6, channels, 7, padding=3)]
    for stride in (8, 5, 4, 2):
        options = {"padding": (stride + 1) // 2, "output_padding": stride % 2}
        layers += [Snake(channels), nn.ConvTranspose1d(channels, channels, 2 * stride, stride, **options)]
        layers += [Unit(channels, dilation) for dilation in (1, 3, 9)]
    return nn.Sequential(*layers, Snake(channels), nn.Conv1d(channels, 1, 7, padding=3), nn.Tanh())


def encoder(channels=4):
    layers = [nn.Conv1d(1, channels, 7, padding=3)]
    for stride in (2, 4, 5, 8):
        layers += [Unit(channels, dilation) for dilation in (1, 3, 9)]
        down = nn.Conv1d(channels, channels, 2 * stride, stride, padding=-(-stride // 2))
        layers += [Snake(channels), down]
    return nn.Sequential(*layers, nn.Conv1d(channels, 6, 3, padding=1))


class Demucs(nn.Module):
    """Strided convolutions, a causal LSTM, and transposed ones with skips that are added."""

    def __init__(self, channels=4, kind=nn.LSTM):
        super().__init__()
        sides = [(1, channels), (channels, channels), (channels, channels)]
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 8, 4, padding=2), nn.ReLU(), nn.Conv1d(b, 2 * b, 1), nn.GLU(1))
            for a, b in sides
        )
        self.middle = kind(channels, channels, num_layers=2)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv1d(b, 2 * b, 1), nn.GLU(1), nn.ConvTranspose1d(b, a, 8, 4, padding=2))
            for a, b in reversed(sides)
        )

    def forward(self, x):
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.middle(x.permute(2, 0, 1))[0].permute(1, 2, 0)
        for layer in self.up:
            x = layer(x + skips.pop())
        return x


MODELS = {
    "tcn": (lambda: nn.Sequential(nn.Conv1d(1, 4, 1), *[Block(4, 2**i) for i in range(4)]), (1, 1, 64), 150),
    "wavenet": (
        lambda: nn.Sequential(nn.Conv1d(1, 3, 1), *[Gated(3, 2**i) for i in range(6)]),
        (2, 1, 64),
        150,
    ),
    "unet": (lambda: Unet(3), (1, 1, 64), 160),
    "decoder": (decoder, (1, 6, 20), 30),
    "encoder": (encoder, (1, 1, 3200), 4480),
    "demucs": (Demucs, (1, 1, 256), 576),
}
DELAYS = {"tcn": 0, "wavenet": 0, "unet": 51, "decoder": Fraction(3141, 320), "encoder": 2812}


@functools.cache
def made(name):
    """A model and its stream, which all chunkings share."""
    make, shape, _ = MODELS[name]
    module = make().double().eval()
    return module, em.stream(module, torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("name", MODELS)
@given(CHUNKS)
def test_chunks_of_any_length_make_the_whole(name, sizes):
    module, s = made(name)
    _, shape, length = MODELS[name]
    unit = 50 if name == "encoder" else 1
    assert_equal(s, module, shape, length, [unit * size for size in sizes])


@pytest.mark.parametrize("name", MODELS)
def test_the_delay_is_that_of_the_field(name):
    module, s = made(name)
    shape = MODELS[name][1]
    assert s.delay == em.latency(em.from_torch(module, torch.zeros(shape, dtype=torch.float64))).delay
    assert s.delay == DELAYS.get(name, s.delay)
    assert s.hop == {"decoder": Fraction(1, 320), "encoder": 320}.get(name, 1)


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_other_recurrent_layers(kind):
    assert_streams(Demucs(kind=kind), (1, 1, 256), 64 * 9)


def test_recurrent_layers_in_other_layouts():
    first = nn.LSTM(3, 5, num_layers=2, batch_first=True, proj_size=2)
    function = lambda x, a, b, c: c(b(a(x)[0].transpose(0, 1))[0].transpose(0, 1))  # noqa: E731
    assert_streams(Through(function, first, nn.GRU(2, 4), nn.Linear(4, 2)), (2, 40, 3), 90, axis=1)


@settings(max_examples=12)  # an export each
@given(networks(max_layers=5), CHUNKS)
@example(em.ConvTranspose(1, stride=3), [1])
@example(em.ConvTranspose(2, stride=2, output_padding=1), [1, 5])
@example(em.ConvTranspose(5, stride=2, padding=4), [3])
@example(em.Upsample(3, mode="linear") >> em.Conv(3, stride=2), [1, 2])
@example(em.Conv(1, stride=5, padding=2), [2])
@example(em.Pool(3, stride=2, padding=1, mode="max", ceil_mode=True), [4])
@example(
    em.Conv(3, padding=1, padding_mode="reflect") >> em.Conv(3, padding=2, padding_mode="replicate"), [1]
)
def test_random_networks(net, sizes):
    module = em.to_torch(net, channels=2, rng=0).double().eval()
    whole = None
    for length in range(60, 100):
        try:
            with torch.no_grad():
                expected = module(torch.zeros(1, 1, length, dtype=torch.float64))
        except (RuntimeError, IndexError):
            continue
        if expected.numel():
            whole = torch.zeros(1, 1, length, dtype=torch.float64)
            break
    assume(whole is not None)
    try:
        em.stream(module, whole)
    except ValueError as error:
        assume("matmul" not in str(error))  # layers that torch has not are matrices of a size
        raise
    s = assert_streams_exactly(module, whole.shape, sizes)
    own = em.latency(net).delay if any(p.region for p in em.receptive_field(net).phases or ()) else 0
    assert s.delay >= own  # what may be cut at the end is held back


def assert_streams_exactly(module, shape, sizes):
    s = em.stream(module, torch.zeros(shape, dtype=torch.float64))
    whole = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = module(whole)
    found, _ = run(s, whole, sizes)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-12 * max(1e-6, expected.abs().max())
    return s


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv1d(1, 2, 5, padding="same", dilation=3),
        nn.Sequential(nn.ReflectionPad1d((3, 2)), nn.Conv1d(1, 2, 4)),
        nn.Sequential(nn.ReplicationPad1d(3), nn.Conv1d(1, 2, 4, stride=3)),
        nn.Sequential(nn.ConstantPad1d((4, -2), 1.5), nn.Conv1d(1, 2, 3)),
        nn.Sequential(nn.AvgPool1d(3, 2, padding=1), nn.Upsample(scale_factor=4)),
        nn.Sequential(nn.Upsample(scale_factor=3, mode="linear"), nn.Conv1d(1, 1, 2)),
        Through(lambda x: torch.cat([torch.ones(1, 1, 3, dtype=x.dtype), x, x.new_zeros(1, 1, 2)], -1)),
        Through(lambda x: x[..., 2::3]),
        Through(lambda x: x.add_(1) * 2),
        nn.Sequential(nn.Conv1d(1, 2, 3), nn.PReLU(2), nn.Hardswish(), nn.ReLU6()),
        Through(lambda x: x.cumsum(-1) / 7),
        Through(lambda x: x.reshape(1, 1, -1, 4).transpose(2, 3).reshape(1, 4, -1)),
        Through(
            lambda x, c: c(x).view(1, 2, 3, -1).permute(0, 1, 3, 2).reshape(1, 2, -1), nn.Conv1d(1, 6, 1)
        ),
        Through(lambda x, n: n(x.transpose(1, 2)).transpose(1, 2) + x.mean(1, keepdim=True), nn.LayerNorm(1)),
        Through(lambda x, c: x[:, :, 3:-3] + c(x), nn.Conv1d(1, 1, 7)),
        Through(lambda x, c: torch.cat(torch.split(c(x), [1, 2], 1)[::-1], 1).softmax(1), nn.Conv1d(1, 3, 1)),
        Through(lambda x, c: c(x.unsqueeze(2)).squeeze(2), nn.Conv2d(1, 2, (1, 5), padding=(0, 2))),
    ],
)
def test_what_else_moves_samples(module):
    assert_streams(module, (1, 1, 48), 96)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.Sequential(nn.Conv1d(1, 4, 3), nn.GroupNorm(2, 4)), r"^1 \(group_norm\).*are over time"),
        (nn.Sequential(nn.InstanceNorm1d(1)), r"\(instance_norm\).*over time"),
        (nn.BatchNorm1d(1, track_running_stats=False), "statistics are over time"),
        (Through(lambda x, r: r(x.transpose(1, 2))[0], nn.LSTM(1, 2, bidirectional=True, batch_first=True)),
         r"layers.0.* \(lstm\).*bidirectional"),
        (Through(lambda x, r: r(x.transpose(1, 2))[1], nn.GRU(1, 2, batch_first=True)), "last state"),
        (Through(lambda x: x - x.mean(-1, keepdim=True)), r"mean.*all samples"),
        (Through(lambda x: x * torch.sigmoid(x.amax((1, 2), keepdim=True))), "all samples"),
        (Through(lambda x: functional.scaled_dot_product_attention(x.mT, x.mT, x.mT)), "attention reads all"),
        (Through(lambda x: (x.mT @ x).softmax(-1)), "two streams"),
        (Through(lambda x: x.flip(-1)), r"flip.*cannot stream"),
        (Through(lambda x: x.softmax(-1)), "all samples"),
        (Through(lambda x: functional.interpolate(x, scale_factor=2, mode="linear", align_corners=True)),
         "aligned corners"),
        (nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"), "cannot stream"),
        (nn.AdaptiveAvgPool1d(4), "windows depend on the length"),
        (Through(lambda x: x + torch.arange(48.0, dtype=x.dtype)), "48 samples along time"),
        (Through(lambda x: x[..., :40]), "a length in it is a constant"),
        (Through(lambda x: x[..., -5:]), "before the end"),
        (Through(lambda x: functional.pad(x, (0, 64 - x.shape[-1]))), "a constant of the example"),
        (Through(lambda x: x * x.shape[-1]), "depends on the length"),
        (Through(lambda x: {"y": x + 1}), "must return one tensor"),
        (Through(lambda x: (x, x)), "must return one tensor"),
    ],
)  # fmt: skip
def test_what_cannot_stream_is_refused_by_name(module, says):
    with pytest.raises(ValueError, match=says):
        em.stream(module.double(), torch.zeros(1, 1, 48, dtype=torch.float64))


def test_chunks_are_checked():
    s = em.stream(nn.Conv1d(2, 1, 3), (1, 2, 16))
    with pytest.raises(ValueError, match="chunk must have shape 1x2xn"):
        s(torch.zeros(1, 1, 5))
    with pytest.raises(ValueError, match="chunk must have shape"):
        s(torch.zeros(2, 5))
    with pytest.raises(TypeError, match="chunk must be a tensor"):
        s([1, 2])
    with pytest.raises(TypeError, match=r"chunk must be of torch.float32"):
        s(torch.zeros(1, 2, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match="nothing was given"):
        s.flush()
    assert s(torch.zeros(1, 2, 0)).shape == (1, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((3, (1, 1, 8)), TypeError, "module must be"),
        ((nn.Conv1d(1, 1, 3), "long"), TypeError, "example_input must be"),
        ((nn.Conv1d(1, 1, 3), (1, 1, 2)), ValueError, "cannot follow|too small|Kernel size"),
        ((nn.Conv1d(1, 1, 1), (1, 1, 1)), ValueError, "at least 2 samples"),
    ],
)
def test_modules_and_examples_are_checked(arguments, error, says):
    with pytest.raises(error, match=says):
        em.stream(*arguments)


@pytest.mark.parametrize("axis", [3, -4, 1.0, True])
def test_the_axis_is_one_of_the_example(axis):
    with pytest.raises(ValueError, match="axis must be one"):
        em.stream(nn.Conv1d(1, 1, 3), (1, 1, 8), axis=axis)


def test_a_length_that_branches_do_not_take_is_refused_at_the_end():
    s = em.stream(Unet(2).double(), torch.zeros(1, 1, 32, dtype=torch.float64))
    s(torch.zeros(1, 1, 30, dtype=torch.float64))
    with pytest.raises(ValueError, match="takes no input of this length"):
        s.flush()
    assert s.memory == 0  # and it can begin again


def test_chunks_may_be_written_into_again_and_are_not_written_into():
    module = Through(lambda x, c: c(x) + x, nn.Conv1d(1, 1, 5, padding=2)).double()
    s = em.stream(module, torch.zeros(1, 1, 16, dtype=torch.float64))
    whole, buffer = torch.randn(1, 1, 24, dtype=torch.float64), torch.empty(1, 1, 3, dtype=torch.float64)
    parts = []
    for chunk in whole.split(3, -1):
        buffer.copy_(chunk)
        part = s(buffer)
        assert torch.equal(buffer, chunk)
        parts.append(part.clone())
        part.zero_()
    with torch.no_grad():
        assert (torch.cat([*parts, s.flush()], -1) - module(whole)).abs().max() <= 1e-13


def test_reset_begins_again():
    module = nn.Conv1d(1, 1, 5, padding=2).double()
    s = em.stream(module, torch.zeros(1, 1, 16, dtype=torch.float64))
    whole = torch.randn(1, 1, 20, dtype=torch.float64)
    first, _ = run(s, whole, [3])
    s(whole)
    s.reset()
    second, _ = run(s, whole, [20])
    assert torch.allclose(first, second, rtol=1e-13)


def test_training_is_left_as_it_was():
    module = nn.Sequential(nn.Conv1d(1, 1, 3), nn.BatchNorm1d(1), nn.Dropout(0.5)).train()
    em.stream(module, (1, 1, 16))
    assert module.training
    assert module[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3, dilation=4, padding=4) ** 3,
        em.Residual(em.Conv(7, padding=3)) ** 2,
        em.Conv(7, stride=3) >> em.ConvTranspose(7, stride=3),
        em.Conv(4, stride=2, padding=1)
        >> em.Residual(em.Conv(5, padding=2))
        >> em.ConvTranspose(4, 2, padding=1),
    ],
)
def test_layers_keep_what_the_latency_says(net):
    s = em.stream(em.to_torch(net, channels=1, rng=0), (1, 1, 64))
    most = 0
    for _ in range(300):
        s(torch.zeros(1, 1, 1))
        most = max(most, s.memory)
    assert most <= sum(buffer.samples for buffer in em.latency(net).buffers) + s._queue.count


@pytest.mark.parametrize(
    "finish",
    [
        lambda x, c: functional.interpolate(c(x), size=x.shape[-1]),
        lambda x, c: functional.interpolate(c(x), size=x.shape[-1], mode="linear"),
        lambda x, c: c(functional.pad(x, (0, -x.shape[-1] % 4))),
        lambda x, c: x[..., : x.shape[-1] // 4 * 4].reshape(1, 1, -1, 4).mean(3),
    ],
    ids=["nearest", "linear", "padded", "cut"],
)
def test_lengths_that_strides_leave_over_are_refused_where_the_module_ends_them_in_its_own_way(finish):
    module = Through(finish, nn.Conv1d(1, 1, 4, stride=4)).double().eval()
    s = em.stream(module, torch.zeros(1, 1, 32, dtype=torch.float64))
    assert_equal(s, module, (1, 1, 32), 88, [3, 7])
    for length in (85, 86, 87):
        s(torch.zeros(1, 1, length, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"multiple of 4|takes no input of this length"):
            s.flush()


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Conv1d(1, 2, 1, padding=1), nn.BatchNorm1d(2)),  # the last window is of padding
        nn.Conv1d(1, 2, 2, stride=5, padding=4),
        nn.Conv1d(1, 2, 1, stride=3, padding=2),
        Through(lambda x: torch.cat([x, -x], 1).mT @ torch.tensor([2.0, 3.0], dtype=x.dtype)),
        Through(lambda x: x.mT.unsqueeze(2) @ x.new_ones(1)),
        Through(lambda x: torch.cumsum(x.float(), -1, dtype=torch.float64)),
        Through(lambda x: x.log()),  # of half the numbers nan
        nn.Sequential(nn.Unflatten(1, (1, 1)), nn.AvgPool2d(3, 1, padding=(1, 0), count_include_pad=False)),
        nn.Sequential(nn.Unflatten(1, (1, 1)), nn.MaxPool2d((2, 3), (2, 3), ceil_mode=True)),
    ],
)
@pytest.mark.parametrize("length", [48, 50, 61])
def test_windows_of_padding_vectors_and_numbers_that_are_none(module, length):
    module = module.double().eval()
    s = em.stream(module, torch.zeros(1, 1, 48, dtype=torch.float64))
    whole = torch.randn(1, 1, length, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = module(whole).detach()
    for sizes in ([1], [5, 0, 2], [100]):
        found = torch.cat([*(s(chunk) for chunk in chop(whole, sizes)), s.flush()], s._out)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12, equal_nan=True)


def test_outputs_that_are_no_floats():
    s = em.stream(Through(lambda x: x > 0), (1, 1, 16))
    whole = torch.randn(1, 1, 20)
    assert torch.equal(torch.cat([s(whole[..., :7]), s(whole[..., 7:]), s.flush()], -1), whole > 0)


def test_a_stream_says_what_it_takes():
    s = em.stream(nn.Conv1d(2, 1, 5, stride=2, padding=2), (3, 2, 64))
    assert repr(s) == "<Stream: chunks of 3x2xn, delay 2, hop 2>"


def test_weights_that_changed_ask_for_another_stream():
    conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(1, 1, 3))
    module = nn.Sequential(conv, nn.Conv1d(1, 1, 3))
    s, chunk = em.stream(module, (1, 1, 16)), torch.zeros(1, 1, 20)
    s(chunk)
    module.load_state_dict({name: 2 * value for name, value in module.state_dict().items()})
    with pytest.raises(ValueError, match="weights changed"):
        s.flush()
    with pytest.raises(ValueError, match="weights changed"):
        s(chunk)
