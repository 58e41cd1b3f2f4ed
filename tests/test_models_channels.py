"""A model's own weights, channel by channel, against gradients of the model with its gates at their rates."""

import copy

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="gradients are torch's")
import torch.nn.functional as F  # noqa: E402, N812
from oracles_models import Function  # noqa: E402
from torch import nn  # noqa: E402


class Gate(nn.Module):
    """A rectifier at its mean: an open share of each channel."""

    def __init__(self, rate=0.5):
        super().__init__()
        self.rate = torch.as_tensor(rate, dtype=torch.float64)

    def forward(self, x):
        return x * self.rate.reshape(-1, *(1,) * (x.ndim - 2))


def random(module, seed=0):
    """The module with random signed weights in float64, as at inference."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for name, values in [*module.named_parameters(), *module.named_buffers()]:
            if values.is_floating_point():
                values.copy_(torch.randn(values.shape, generator=generator, dtype=torch.float64))
                if name.endswith("running_var"):
                    values.abs_().add_(0.2)
    return module


def linear(module, rates=None):
    """The module with rectifiers at their mean, and averages for maxima."""
    module = copy.deepcopy(module)
    for name, child in list(module.named_modules()):
        for key, layer in list(child.named_children()):
            if isinstance(layer, (nn.ReLU, nn.ReLU6)):
                setattr(child, key, Gate((rates or {}).get(f"{name}.{key}".strip("."), 0.5)))
            if isinstance(layer, nn.MaxPool2d):
                setattr(child, key, nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding))
    return module


def squared(module):
    """The linear module for energies: weights and factors squared, gates as they are."""
    module = copy.deepcopy(module)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            factors = (child.weight**2 / (child.running_var + child.eps)).detach()
            child.weight.data, child.eps = factors, 0
            child.running_var.data = torch.ones_like(child.running_var)
        elif hasattr(child, "weight"):
            child.weight.data = child.weight.data**2
    return module


def gradient(module, shape, unit, channel):
    x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    y = module(x)[(0, slice(None), *unit)]
    (y.sum() if channel is None else y[channel]).backward()
    return x.grad[0].numpy()


def whole(found, shape):
    """An impact map on the whole input, a single channel standing for all that are alike."""
    grid = np.zeros(shape[1:])
    sides = found.channels.shape[1:]
    grid[(slice(None), *(slice(o, o + k) for o, k in zip(found.start, sides, strict=True)))] = found.channels
    return grid


def check(module, shape, energy=True, rates=None, **options):
    """Maps of units in the middle and in a corner, of all channels and of one, are gradients."""
    random(module)
    net = em.from_torch(
        module, torch.zeros(shape, dtype=torch.float64), weights="given", rates=rates, **options
    )
    truths = [(net, linear(module, rates))]
    if energy:
        truths.append((em.variance(net), squared(linear(module, rates))))
    with torch.no_grad():
        sides = module(torch.zeros(shape, dtype=torch.float64)).shape[2:]
    for read, truth in truths:
        for unit in (tuple(n // 2 for n in sides), (0,) * len(sides)):
            for channel in (None, 0):
                expected = gradient(truth, shape, unit, channel)
                found = em.impact_map(read, unit, shape[2:] if len(shape) > 3 else shape[2], channel)
                np.testing.assert_allclose(
                    whole(found, shape), expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max()
                )


def block(c_in, c_out, **options):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, **options), nn.BatchNorm2d(c_out), nn.ReLU())


UPS = {
    "transposed": lambda c: nn.ConvTranspose2d(c, c, 2, stride=2),
    "overlapping": lambda c: nn.ConvTranspose2d(c, c, 3, stride=2, padding=1, output_padding=1, groups=2),
    "nearest": lambda c: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c, c, 3, padding=1)),
    "bilinear": lambda c: nn.Upsample(scale_factor=2, mode="bilinear"),
    "bicubic": lambda c: nn.Upsample(scale_factor=2, mode="bicubic"),
    "shuffled": lambda c: nn.Sequential(nn.Conv2d(c, 4 * c, 1), nn.PixelShuffle(2)),
}


class UNet(nn.Module):
    def __init__(self, up):
        super().__init__()
        self.first, self.second, self.last = block(2, 4), block(4, 4), block(8, 3)
        self.pool, self.up = nn.MaxPool2d(2), up(4)

    def forward(self, x):
        skip = self.first(x)
        return self.last(torch.cat([self.up(self.second(self.pool(skip))), skip], 1))


@pytest.mark.parametrize("up", UPS)
def test_decoders(up):
    check(UNet(UPS[up]), (1, 2, 12, 12), energy=False)


CHANNELS = {
    "grouped": lambda x, a, b: b(a(x)),
    "shuffle": lambda x, a, b: b(F.channel_shuffle(a(x), 3)),
    "shuffle by reshapes": lambda x, a, b: b(
        a(x).reshape(1, 2, 3, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
    ),
    "chunk": lambda x, a, b: torch.cat([a(x).chunk(3, 1)[i] for i in (2, 0)], 1),
    "split": lambda x, a, b: torch.cat([*a(x).split([1, 5], 1)][::-1], 1),
    "slices": lambda x, a, b: a(x)[:, 1::2] + a(x)[:, -3:],
    "select": lambda x, a, b: a(x) * 3 + a(x)[:, 2:3],
    "unbind": lambda x, a, b: torch.stack(a(x).unbind(1)[1:4], 1),
    "index": lambda x, a, b: torch.index_select(a(x), 1, torch.tensor([5, 1, 1])),
    "roll": lambda x, a, b: b(torch.roll(a(x), 2, 1)),
    "more channels": lambda x, a, b: F.pad(a(x)[:, :4], (0, 0, 0, 0, 1, 1)) + b(a(x)),
    "unshuffled": lambda x, a, b: F.pixel_unshuffle(a(x), 2),
    "means": lambda x, a, b: a(x).mean(1, keepdim=True) - a(x).sum(1, keepdim=True) * b(a(x))[:, :1] * 0,
    "differences": lambda x, a, b: a(x) - b(a(x)),
    "alpha": lambda x, a, b: torch.add(a(x), b(a(x)), alpha=-2),
    "reversed": lambda x, a, b: torch.rsub(a(x), 1) - 3 * a(x),
    "negative": lambda x, a, b: b(-a(x)) / 4,
    "scaled": lambda x, a, b: a(x) * torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(6, 1, 1) / 3,
    "channels last": lambda x, a, b: (
        a(x).permute(0, 2, 3, 1) @ torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(6, 3)
    ).permute(0, 3, 1, 2),
    "copies": lambda x, a, b: a(x)[:, :1].expand(-1, 6, -1, -1) + b(a(x)),
    "repeats": lambda x, a, b: a(x)[:, :2].repeat(1, 3, 1, 1),
    "same twice": lambda x, a, b: torch.cat([x, x], 1) - torch.cat([a(x)[:, :2], x], 1),
    "swapped": lambda x, a, b: b(a(x).swapaxes(2, 3)).swapaxes(2, 3),
    "shuffled when turned": lambda x, a, b: F.pixel_shuffle(a(x)[:, :4].transpose(2, 3), 2).transpose(2, 3),
    "unshuffled when turned": lambda x, a, b: F.pixel_unshuffle(a(x).transpose(2, 3), 2).transpose(2, 3),
    "turned": lambda x, a, b: b(a(x).transpose(2, 3)).transpose(2, 3),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels(name):
    parts = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, (3, 1), padding=(1, 0), groups=3)
    energy = name in ("grouped", "shuffle", "shuffle by reshapes", "chunk", "roll", "unbind")
    check(Function(CHANNELS[name], *parts), (1, 2, 6, 6), energy)


def test_means_over_channels():
    conv = nn.Conv2d(2, 6, 3, padding=1)
    check(Function(lambda x, a: a(x).mean(1, keepdim=True), conv), (1, 2, 6, 6), energy=False)
    check(Function(lambda x, a: a(x).sum(1).unsqueeze(1), conv), (1, 2, 6, 6), energy=False)


def test_linear_layers_and_other_axes():
    check(Function(lambda x, a: a(x.movedim(1, -1)).movedim(-1, 1), nn.Linear(2, 3)), (1, 2, 5, 5))
    check(nn.Sequential(nn.Conv1d(2, 3, 3), nn.Conv1d(3, 1, 2, dilation=2)), (1, 2, 9))
    check(nn.Conv3d(2, 2, (1, 2, 3)), (1, 2, 3, 4, 5))
    check(Function(lambda x, a: a(x.transpose(2, 3)).transpose(2, 3), nn.Conv2d(2, 3, (3, 2))), (1, 2, 6, 5))


def test_norms_with_running_statistics_are_factors():
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    check(nn.Sequential(nn.Conv2d(2, 4, 1), norm), (1, 2, 4, 4), energy=False)
    check(nn.Sequential(nn.Conv2d(2, 4, 1), nn.BatchNorm2d(4, affine=False)), (1, 2, 4, 4), energy=False)


def test_products_have_their_factors():
    def product(x, a):
        y = a(x).permute(0, 2, 3, 1).reshape(16, 3)
        y = torch.addmm(torch.ones(5).double(), y, torch.linspace(-1, 1, 15).double().reshape(3, 5), alpha=2)
        return y.reshape(1, 4, 4, 5).permute(0, 3, 1, 2)

    check(Function(product, nn.Conv2d(2, 3, 1)), (1, 2, 4, 4), energy=False)


@pytest.mark.parametrize("slopes", [1, 3])
def test_slopes_of_their_own(slopes):
    module = random(nn.Sequential(nn.Conv2d(2, 3, 3), nn.PReLU(slopes)))
    net = em.from_torch(module, (1, 2, 6, 6), weights="given", rates={"1": 0.3})
    plain = em.from_torch(module[0], (1, 2, 6, 6), weights="given")
    for channel in range(3):
        slope = 0.3 + 0.7 * module[1].weight[channel % slopes].item()
        found, expected = em.impact_map(net, channel=channel), em.impact_map(plain, channel=channel)
        np.testing.assert_allclose(found.channels, slope * expected.channels)


@pytest.mark.parametrize("scale", [0, 1e-2])
def test_factors_that_are_zero_close_a_branch(scale):
    """As batch normalisation at its start does, in residual networks that begin as the identity."""
    body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
    module = random(Function(lambda x, a: x + a(x), body))
    nn.init.constant_(body[1].weight, scale)
    found = em.impact_map(em.from_torch(module, (1, 3, 6, 6), weights="given"), 2, 6, 1)
    expected = gradient(module, (1, 3, 6, 6), (2, 2), 1)
    np.testing.assert_allclose(whole(found, (1, 3, 6, 6)), expected, atol=1e-12)
    energy = em.distribution(em.from_torch(module, (1, 3, 6, 6), weights="energy"))
    assert (energy.var() <= 1e-2).all()
    closed = em.from_torch(nn.Sequential(block(2, 2), block(2, 2)), (1, 2, 6, 6), weights="given", rates=0.0)
    with pytest.raises(ValueError, match="sees nothing"):
        em.impact_map(closed)


def test_a_network_is_not_changed_with_its_module():
    module = random(nn.Conv2d(2, 3, 3))
    net = em.from_torch(module, (1, 2, 6, 6), weights="given")
    before = em.impact_map(net).channels.copy()
    with torch.no_grad():
        module.weight.mul_(2)
    np.testing.assert_array_equal(em.impact_map(net).channels, before)


def test_halves_of_a_tensor_changed_in_place_are_channels_of_their_own():
    def change(x, a):
        y = a(x)
        y[:, :1].neg_()
        y[:, 2:] = x
        y[0, 1] = 1.0
        y[:, 0] = x[:, 1]
        return y

    def read(x, a):
        y = a(x)
        half = y[:, :1]
        y.neg_()
        return half

    for function in (change, read):
        module = Function(function, random(nn.Conv2d(2, 4, 3, padding=1)))
        check(module, (1, 2, 9, 9), energy=False)  # the oracle of energies does not square signs


def test_a_part_of_the_space_written_into_has_no_weights():
    def parts(x, a):
        y = a(x)
        y[:, :, 1:] += x[:, :, 1:]
        return y

    with pytest.raises(ValueError, match="writes into a part of the space"):
        em.from_torch(Function(parts, nn.Conv2d(2, 2, 3, padding=1)), (1, 2, 8, 8), weights="given")


def added(x, a, b):
    y = a(x)
    y += b(x)
    return torch.cat(y.chunk(2, 1)[::-1], 1)


def test_views_of_what_was_changed_in_place():
    check(Function(added, nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 3, padding=1)), (1, 2, 5, 5))


def test_an_open_batch_is_one():
    batch = torch.export.Dim("batch", min=1, max=8)
    module = random(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)))
    example = torch.zeros(2, 2, 6, 6, dtype=torch.float64)
    program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
    found, expected = (em.from_torch(m, (1, 2, 6, 6), weights="given") for m in (program, module))
    np.testing.assert_allclose(em.impact_map(found).channels, em.impact_map(expected).channels)


def test_half_precision():
    module = random(nn.Conv2d(2, 3, 3)).to(torch.bfloat16)
    net = em.from_torch(module, (1, 2, 6, 6), weights="given")
    expected = module.weight.detach().float().numpy()[1]
    np.testing.assert_allclose(em.impact_map(net, channel=1).channels, expected)


def test_normalisations_scale():
    conv = nn.Conv2d(2, 6, 3, padding=1)
    norm = random(nn.GroupNorm(2, 6))
    scale = norm.weight.detach().numpy()
    net = em.from_torch(nn.Sequential(random(conv), norm), (1, 2, 6, 6), weights="given", gates=False)
    plain = em.from_torch(conv, (1, 2, 6, 6), weights="given")
    for channel in (0, 4):
        ours, theirs = em.impact_map(net, channel=channel), em.impact_map(plain, channel=channel)
        np.testing.assert_allclose(ours.channels, scale[channel] * theirs.channels)


def residual():
    return Function(lambda x, a, b: F.relu(a(x) + x) - b(x), block(4, 4), nn.Conv2d(4, 4, 1, bias=False))


def test_rates_by_number_by_name_and_by_channel():
    module = random(nn.Sequential(block(2, 3), block(3, 3)))
    shape = (1, 2, 8, 8)
    for rates in ({"0.2": 0.3, "1.2": [0.1, 0.9, 0.5]}, {"0.2": 0.8}):
        check(module, shape, rates=rates)
    one = em.from_torch(module, shape, weights="given", rates=0.25)
    half = em.from_torch(module, shape, weights="given")
    np.testing.assert_allclose(em.impact_map(one).channels * 4, em.impact_map(half).channels)
    silu = nn.Sequential(nn.Conv2d(2, 2, 1), nn.SiLU())
    with pytest.raises(ValueError, match="has no gate"):
        em.from_torch(silu, shape, weights="given", rates={"silu": 0.5})
    # The innermost part counts.
    inner = em.from_torch(module, shape, weights="given", rates={"1": 0.25, "1.2": 0.75})
    np.testing.assert_allclose(em.impact_map(inner).channels, 1.5 * em.impact_map(half).channels)


def test_rates_move_energies_between_paths():
    module, shape = random(residual()), (1, 4, 9, 9)
    spreads = [
        em.distribution(
            em.variance(em.from_torch(module, shape, weights="given", rates={"parts.0": rate}))
        ).var()
        for rate in (0.1, 0.9)
    ]
    assert spreads[0][0] < spreads[1][0]


def test_leaky_slopes_are_read():
    shape = (1, 2, 6, 6)
    module = Function(
        lambda x, a, b: F.leaky_relu(a(x), 0.2) + b(x), nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 1)
    )
    plain = Function(lambda x, a, b: 0.6 * a(x) + b(x), *random(module).parts)
    found = [em.impact_map(em.from_torch(m, shape, weights="given")).channels for m in (module, plain)]
    np.testing.assert_allclose(*found)


ENERGIES = {
    "factor": lambda x, a, b: x + 3 * a(x),
    "small factor": lambda x, a, b: x + 0.01 * a(x),
    "alpha": lambda x, a, b: torch.add(x, a(x), alpha=3),
    "linear": lambda x, a, b: x + 10 * (a(x).movedim(1, -1) @ torch.eye(8).double()).movedim(-1, 1),
    "prelu": lambda x, a, b: x + F.prelu(a(x), torch.tensor([5.0]).double()),
    "unequal branches": lambda x, a, b: b(torch.cat([a(x)[:, :1], x], 1)),
    "padded": lambda x, a, b: x + F.pad(a(x), (1, 1, 1, 1))[:, :, 1:-1, 1:-1],
    "every second": lambda x, a, b: a(x)[:, :, ::2, ::2] + F.max_pool2d(x, 1, 2),
}


@pytest.mark.parametrize("name", ENERGIES)
def test_energies_are_near_those_of_channels(name):
    parts = [nn.Conv2d(8, 8, 5, padding=2), nn.Conv2d(9, 8, 3, padding=1)]
    module = random(Function(ENERGIES[name], *parts))
    nets = [em.from_torch(module, (1, 8, 12, 12), weights=weights) for weights in ("given", "energy")]
    given, energy = em.distribution(em.variance(nets[0])), em.distribution(nets[1])
    np.testing.assert_allclose(energy.var(), given.var(), rtol=0.15)


def test_energies_of_channels_are_near_their_mean():
    torch.manual_seed(0)
    module = nn.Sequential(block(3, 16), block(16, 16), nn.Conv2d(16, 16, 3, padding=1)).eval()
    laws = [
        em.distribution(em.variance(net) if weights == "given" else net)
        for weights in ("given", "energy")
        for net in [em.from_torch(module, (1, 3, 20, 20), weights=weights)]
    ]
    np.testing.assert_allclose(laws[0].var(), laws[1].var(), rtol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Function(lambda x, a: a(x).exp(), nn.Conv2d(1, 1, 1)),
            "aten.exp 'exp' has a slope that depends",
        ),
        (lambda: Function(lambda x, a: a(x) ** 2, nn.Conv2d(1, 1, 1)), "aten.pow 'pow_1' has a slope"),
        (lambda: Function(lambda x, a: 1 / a(x), nn.Conv2d(1, 1, 1)), "slope that depends on its input"),
        (
            lambda: Function(lambda x, a: a(x).softmax(1), nn.Conv2d(1, 2, 1)),
            "divides by what depends on its input",
        ),
        (
            lambda: Function(lambda x, a: a(x) * x.mean((2, 3), keepdim=True), nn.Conv2d(1, 1, 1)),
            "global_context=False",
        ),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 1), nn.GLU(1)), "slope"),
        (lambda: Function(lambda x, a: torch.where(x > 0, a(x), x), nn.Conv2d(1, 1, 1)), "aten.gt"),
        (
            lambda: Function(lambda x, a: a(x).masked_fill(torch.eye(6) > 0, 0), nn.Conv2d(1, 1, 1)),
            "aten.masked",
        ),
        (lambda: Function(lambda x, a: a(x).maximum(torch.zeros(1)), nn.Conv2d(1, 1, 1)), "aten.maximum"),
        (lambda: Function(lambda x, a: a(x) / x, nn.Conv2d(1, 1, 1)), "aten.div"),
        (
            lambda: Function(lambda x, a: a(x).div(2, rounding_mode="floor"), nn.Conv2d(1, 1, 1)),
            "div' has a slope",
        ),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 1), nn.ELU(3.0)), "aten.elu"),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 1), nn.InstanceNorm2d(2)), "statistics of the whole map"),
    ],
)
def test_what_has_no_weights_of_its_own_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        em.from_torch(make(), (1, 1, 6, 6), weights="given")


def test_what_lies_behind_the_output_does_not_matter():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4), nn.Softmax(1))
    net = em.from_torch(module, (1, 1, 6, 6), "last map", weights="given")
    assert em.receptive_field(net).size == (3, 3)
    with pytest.raises(ValueError, match="needs an output with positions"):
        em.from_torch(module, (1, 1, 6, 6), 0, weights="given")


def test_bad_rates():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    for rates, message in [
        (1.5, "rates must lie between 0 and 1, got 1.5"),
        ({"1": [0.5, -1]}, r"rates\['1'\] must lie between"),
        ({"7": 0.5}, "must name activations before the output, got '7'"),
        ("half", "must be a share or one per channel, got 'half'"),
        ({"1": [[0.5]]}, "one per channel"),
        ({"1": [0.5, 0.1, 0.2]}, "has 3 factors or rates, and 2 channels"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            em.from_torch(module, (1, 1, 6, 6), weights="given", rates=rates)
    with pytest.raises(ValueError, match="rates count for weights='given' or 'energy' only"):
        em.from_torch(module, (1, 1, 6, 6), rates=0.5)
    with pytest.raises(ValueError, match="give a batch of 1"):
        em.from_torch(module, (2, 1, 6, 6), weights="given")
