"""Each of ATen's operators alone, or nearly: what a unit sees, and by how much, is what gradients say.

All are outputs of one module, which is exported once: reading one of them takes milliseconds.
"""

import functools

import numpy as np
import pytest

import erfmath as em
from erfmath.models.torch_export import exported

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

SHAPE = (1, 4, 6, 8)
WEIGHTS = {
    "point": (4, 4, 1, 1),
    "single": (1, 1, 1, 1),
    "square": (4, 4, 3, 3),
    "wide": (5, 4, 1, 3),
    "even": (3, 4, 2, 4),
    "grouped": (6, 2, 3, 3),
    "deep": (4, 1, 3, 3),
    "turned": (4, 3, 2, 3),
    "cube": (2, 4, 2, 1, 3),
    "line": (4, 4, 3),
    "matrix": (3, 4),
    "rows": (6, 6),
    "long": (2, 12),
    "columns": (5, 36),
    "deeper": (3, 16, 1, 1),
    "pair": (3, 2, 1, 3),
    "scale": (4,),
    "spread": (4,),
}


class Many(nn.Module):
    """A module that returns what each of many functions makes of its input, with weights by name."""

    def __init__(self, functions, seed=None):
        super().__init__()
        self.functions = functions
        generator = torch.Generator().manual_seed(seed or 0)
        self.weights = nn.ParameterDict()
        for name, shape in WEIGHTS.items():
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            fan = np.prod(shape[1:]) if len(shape) > 1 else 1
            drawn = drawn.abs() + 0.1 if name == "spread" else drawn
            values = drawn if seed is not None else torch.full_like(drawn, 1 / fan)
            self.weights[name] = nn.Parameter(values, requires_grad=False)

    def forward(self, x):
        return tuple(function(x, self.weights) for function in self.functions)


def conv(x, w):
    return F.conv2d(x, w["square"], padding=1)


def transposed(x, w, **options):
    return F.conv_transpose2d(x, w["square"], **options)


def tokens(x):
    return x.flatten(2).transpose(1, 2)


# Linear in the input: equal weights and the model's own.
LINEAR = {
    "a point": lambda x, w: F.conv2d(x, w["point"]),
    "a single point": lambda x, w: F.conv2d(x[:, 1:2], w["single"]),
    "a stride along one axis": lambda x, w: F.conv2d(x, w["wide"], stride=(2, 1), padding=(0, 1)),
    "a stride along the other": lambda x, w: F.conv2d(x, w["wide"], stride=(1, 2), padding=(1, 0)),
    "dilated": lambda x, w: F.conv2d(x, w["square"], dilation=(1, 2), padding=(1, 2)),
    "grouped": lambda x, w: F.conv2d(x, w["grouped"], groups=2, padding=(0, 1)),
    "depthwise": lambda x, w: F.conv2d(x, w["deep"], groups=4, padding=1),
    "even and same": lambda x, w: F.conv2d(x, w["even"], padding="same"),
    "even and dilated": lambda x, w: F.conv2d(x, w["even"], padding="same", dilation=(2, 1)),
    "valid": lambda x, w: F.conv2d(x, w["even"], padding="valid"),
    "transposed": lambda x, w: transposed(x, w, stride=2, padding=1, output_padding=1),
    "transposed and cut": lambda x, w: transposed(x, w, stride=(1, 3), padding=(1, 0), output_padding=(0, 2)),
    "transposed and dilated": lambda x, w: transposed(x, w, dilation=(2, 1), padding=(2, 1)),
    "transposed in groups": lambda x, w: F.conv_transpose2d(x, w["turned"], groups=2, stride=(2, 1)),
    "along the columns": lambda x, w: (
        F.conv1d(x.transpose(1, 2).reshape(6, 4, 8), w["line"], padding=1).reshape(1, 6, 4, 8).transpose(1, 2)
    ),
    "in three axes": lambda x, w: F.conv3d(x[:, :, :, None], w["cube"])[:, :, :, 0],
    "pooled": lambda x, w: F.avg_pool2d(conv(x, w), 3, 2, 1),
    "pooled by its size": lambda x, w: F.avg_pool2d(x, (3, 2)),
    "pooled beyond the end": lambda x, w: F.avg_pool2d(x, (4, 3), ceil_mode=True),
    "pooled to some": lambda x, w: F.adaptive_avg_pool2d(conv(x, w), (3, 4)),
    "pooled along one axis": lambda x, w: F.adaptive_avg_pool2d(x, (None, 2)),
    "pooled to the same": lambda x, w: F.adaptive_avg_pool2d(conv(x, w), (6, 8)),
    "nearest": lambda x, w: F.interpolate(conv(x, w), scale_factor=(2, 3)),
    "nearest of a size": lambda x, w: F.interpolate(x, size=(9, 8)),
    "nearest and exact": lambda x, w: F.interpolate(x, scale_factor=1.5, mode="nearest-exact"),
    "bilinear": lambda x, w: F.interpolate(conv(x, w), scale_factor=(2, 3), mode="bilinear"),
    "bilinear and smaller": lambda x, w: F.interpolate(x, scale_factor=0.5, mode="bilinear"),
    "padded": lambda x, w: F.pad(conv(x, w), (1, 2, 0, 3)),
    "cut": lambda x, w: F.pad(conv(x, w), (-1, -2, 0, -3)),
    "cut and padded": lambda x, w: F.pad(conv(x, w), (-1, 2)),
    "padded with channels": lambda x, w: F.pad(x, (0, 0, 1, 1, 2, 0))[:, 1:],
    "cut in channels": lambda x, w: F.pad(conv(x, w), (0, 0, 0, 0, -1, -2)),
    "circular": lambda x, w: F.conv2d(F.pad(x, (1, 1, 1, 1), "circular"), w["square"]),
    "replicated": lambda x, w: F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), w["square"]),
    "reflected": lambda x, w: F.conv2d(F.pad(x, (1, 1, 2, 0), "reflect"), w["square"]),
    "a slice": lambda x, w: conv(x, w)[:, :, 1:-2, 2::2],
    "a slice of channels": lambda x, w: conv(x, w)[:, 1:-1],
    "every second channel": lambda x, w: conv(x, w)[:, ::2],
    "narrowed": lambda x, w: conv(x, w).narrow(3, 2, 4),
    "a row": lambda x, w: conv(x, w).select(2, 3)[:, :, None],
    "a row from the end": lambda x, w: conv(x, w)[:, :, -2:-1],
    "a channel": lambda x, w: conv(x, w).select(1, -1)[:, None],
    "some rows": lambda x, w: torch.index_select(conv(x, w), 2, torch.tensor([1, 3, 5])),
    "some channels": lambda x, w: torch.index_select(conv(x, w), 1, torch.tensor([3, 0, 0])),
    "chosen by an array": lambda x, w: conv(x, w)[:, torch.tensor([2, 1])],
    "rows chosen by an array": lambda x, w: conv(x, w)[:, :, torch.tensor([-4, -3])],
    "a chunk": lambda x, w: conv(x, w).chunk(2, 1)[1],
    "a part": lambda x, w: conv(x, w).split([1, 3], 1)[1],
    "a part of the rows": lambda x, w: conv(x, w).split([1, 3, 2], 2)[1],
    "halves of the columns": lambda x, w: torch.add(*conv(x, w).chunk(2, 3)),
    "unbound": lambda x, w: torch.stack(conv(x, w).unbind(1)[:3], 1),
    "unbound rows": lambda x, w: conv(x, w).unbind(2)[4].unsqueeze(2),
    "stacked": lambda x, w: torch.stack([x, conv(x, w)], 2).flatten(1, 2),
    "side by side": lambda x, w: torch.cat([x[:, :1], conv(x, w)], 1),
    "side by side with numbers": lambda x, w: torch.cat([conv(x, w), torch.ones(1, 2, 6, 8).double()], 1),
    "one after the other": lambda x, w: torch.cat([torch.zeros(1, 4, 2, 8).double(), conv(x, w)], 2),
    "rolled": lambda x, w: torch.roll(x, (2, -3), (2, 3)),
    "rolled channels": lambda x, w: torch.roll(conv(x, w), 1, 1),
    "reversed channels": lambda x, w: conv(x, w).flip(1),
    "turned": lambda x, w: F.conv2d(conv(x, w).permute(0, 1, 3, 2), w["wide"]).permute(0, 1, 3, 2),
    "moved": lambda x, w: F.linear(conv(x, w).movedim(1, 3), w["matrix"]).movedim(3, 1),
    "swapped": lambda x, w: F.conv2d(x.swapaxes(2, 3), w["even"]).swapaxes(3, 2),
    "without an axis": lambda x, w: conv(x, w)[:, :1].squeeze(1).unsqueeze(1),
    "copies": lambda x, w: conv(x, w)[:, :1].expand(1, 3, 6, 8),
    "repeats": lambda x, w: conv(x, w).repeat(1, 2, 1, 1),
    "repeats of each": lambda x, w: conv(x, w).repeat_interleave(2, 1),
    "repeats of each row": lambda x, w: F.avg_pool2d(conv(x, w).repeat_interleave(2, 2), 2),
    "flattened and back": lambda x, w: conv(x, w).flatten(2).unflatten(2, (6, 8)),
    "channels to space": lambda x, w: F.pixel_shuffle(conv(x, w), 2),
    "space to channels": lambda x, w: F.pixel_unshuffle(conv(x, w), 2),
    "shuffled channels": lambda x, w: F.channel_shuffle(conv(x, w), 2),
    "shuffled by hand": lambda x, w: conv(x, w).reshape(1, 2, 2, 6, 8).transpose(1, 2).reshape(SHAPE),
    "mean of channels": lambda x, w: conv(x, w).mean(1, keepdim=True),
    "mean of channels without": lambda x, w: conv(x, w).mean(1)[:, None],
    "negative": lambda x, w: -conv(x, w),
    "times a number": lambda x, w: conv(x, w) * 3,
    "by a number": lambda x, w: conv(x, w) / 4,
    "a cast": lambda x, w: conv(x.to(torch.float64).clone().contiguous(), w),
    "dropped": lambda x, w: F.dropout(conv(x, w), 0.5, False),
    "a linear layer": lambda x, w: F.linear(x.permute(0, 2, 3, 1), w["matrix"]).permute(0, 3, 1, 2),
    "a product from the right": lambda x, w: (x.permute(0, 2, 3, 1) @ w["matrix"].T).permute(0, 3, 1, 2),
    "a product from the left": lambda x, w: (w["matrix"] @ x.flatten(2)).unflatten(2, (6, 8)),
    "a product of matrices": lambda x, w: torch.mm(tokens(x)[0], w["matrix"].t()).t().reshape(1, 3, 6, 8),
    "an added product": lambda x, w: (
        torch.addmm(w["scale"][:3], tokens(x)[0], w["matrix"].t(), alpha=2).t().reshape(1, 3, 6, 8)
    ),
    "a sum with itself": lambda x, w: x + conv(x, w),
    "a sum with a number": lambda x, w: conv(x, w) + 1,
    "from a number": lambda x, w: 1 - conv(x, w),
    "written into channels": lambda x, w: torch.slice_scatter(conv(x, w), x[:, 1:3], 1, 0, 4, 2),
    "written into a channel": lambda x, w: torch.select_scatter(conv(x, w), x[:, 1], 1, 2),
    "numbers in a channel": lambda x, w: torch.select_scatter(conv(x, w), torch.ones(1, 6, 8).double(), 1, 0),
    "written into numbers": lambda x, w: torch.slice_scatter(
        torch.ones(SHAPE).double(), conv(x, w)[:, :2], 1, 1, 3
    ),
    "times numbers": lambda x, w: (
        conv(x, w) * torch.linspace(-1, 1, 4).double().reshape(4, 1, 1).expand(4, 6, 8)
    ),
    "tokens times numbers": lambda x, w: (
        conv(x, w).flatten(2) * torch.linspace(1, 2, 4).double()[:, None].expand(4, 48)
    ).unflatten(2, (6, 8)),
    "space to channels by hand": lambda x, w: F.conv2d(
        x.view(1, 4, 3, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(1, 16, 3, 4), w["deeper"]
    ),
    "blocks of columns by hand": lambda x, w: F.conv2d(
        x.view(1, 4, 6, 2, 4).permute(0, 4, 1, 2, 3).reshape(1, 16, 6, 2), w["deeper"]
    ),
    "channels to space by hand": lambda x, w: F.conv2d(
        conv(x, w).view(1, 1, 2, 2, 6, 8).permute(0, 1, 4, 2, 5, 3).reshape(1, 1, 12, 16), w["single"] * 2
    ),
    "channels to columns by hand": lambda x, w: F.conv2d(
        conv(x, w).view(1, 2, 2, 6, 8).permute(0, 1, 3, 4, 2).reshape(1, 2, 6, 16), w["pair"]
    ),
}

WINDOWS = {
    "windows": lambda x, w: F.linear(F.unfold(x, 3, padding=1).transpose(1, 2), w["columns"])
    .transpose(1, 2).reshape(1, 5, 6, 8),
    "windows of the columns": lambda x, w: conv(x, w).unfold(3, 3, 2).mean(-1),
    "pooled to some unevenly": lambda x, w: F.adaptive_avg_pool2d(x, (4, 3)),
}  # fmt: skip


def distant(x):
    return F.conv2d(x, torch.ones(4, 1, 2, 2).double(), padding=1, dilation=2, groups=4)


def half(x, w):
    return (x + conv(x, w)) / 2


NO_MEANING = "has no meaning for single channels"
SLOPE = "has a slope that depends on its input"
# Beside what stands for each where all weights are equal, and for its own weights (""), or an error.
ALIKE = {
    **{name: (function, function, NO_MEANING) for name, function in WINDOWS.items()},
    "what is added up": (
        lambda x, w: F.fold(F.unfold(conv(x, w), 2, stride=2), (6, 8), 2, stride=2),
        lambda x, w: F.interpolate(F.avg_pool2d(conv(x, w), 2), scale_factor=2),
        NO_MEANING,
    ),
    "a difference": (lambda x, w: F.avg_pool2d(x, 1) - conv(x, w), lambda x, w: x + conv(x, w), "itself"),
    "two of three": (
        lambda x, w: torch.add(x, conv(x, w), alpha=2), lambda x, w: x + conv(x, w), "itself"
    ),
    "the larger": (
        lambda x, w: F.max_pool2d(conv(x, w), 3, 2, 1),
        lambda x, w: F.avg_pool2d(conv(x, w), 3, 2, 1, count_include_pad=False),
        "",
    ),
    "the larger of distant": (
        lambda x, w: F.max_pool2d(x, 2, 1, 1, 2),
        lambda x, w: distant(x) / distant(torch.ones_like(x)),
        "",
    ),
    "pooled to the larger": (
        lambda x, w: F.adaptive_max_pool2d(x, (3, 2)), lambda x, w: F.adaptive_avg_pool2d(x, (3, 2)), ""
    ),
    "a curve": (lambda x, w: torch.exp(conv(x, w)).clamp(-2, 2), conv, SLOPE),
    "a product": (lambda x, w: x * conv(x, w), half, ""),
    "a product of three": (
        lambda x, w: x * conv(x, w) * F.avg_pool2d(x, 1),
        lambda x, w: half(x, w) / 2 + F.avg_pool2d(x, 1) / 2,
        "",
    ),
    "a quotient": (lambda x, w: x / conv(x, w), half, SLOPE),
    "the greater": (lambda x, w: torch.maximum(x, conv(x, w)), half, ""),
    "a choice": (lambda x, w: torch.where(x > 0, x, conv(x, w)), lambda x, w: 2 * x + conv(x, w), SLOPE),
    "a power": (lambda x, w: torch.pow(x, conv(x, w)), half, SLOPE),
    "the greatest of channels": (
        lambda x, w: conv(x, w).amax(1, keepdim=True), lambda x, w: conv(x, w).mean(1, keepdim=True), ""
    ),
    "the spread of channels": (
        lambda x, w: conv(x, w).std(1, keepdim=True), lambda x, w: conv(x, w).mean(1, keepdim=True), SLOPE
    ),
    "shares of channels": (lambda x, w: conv(x, w).softmax(1), conv, "divides by what depends on its input"),
    "a normal over channels": (
        lambda x, w: F.layer_norm(conv(x, w).movedim(1, 3), (4,)).movedim(3, 1), conv, ""
    ),
    "a scaled normal over channels": (
        lambda x, w: F.layer_norm(conv(x, w).movedim(1, 3), (4,), w["scale"]).movedim(3, 1),
        conv,
        lambda x, w: conv(x, w) * w["scale"].reshape(4, 1, 1),
    ),
    "a normal by statistics": (
        lambda x, w: F.batch_norm(conv(x, w), w["scale"], w["spread"], w["scale"]),
        conv,
        lambda x, w: conv(x, w) * (w["scale"] / (w["spread"] + 1e-5).sqrt()).reshape(4, 1, 1),
    ),
    "a rectifier": (lambda x, w: F.relu(conv(x, w)), conv, lambda x, w: conv(x, w) / 2),
    "a leaky rectifier": (
        lambda x, w: F.leaky_relu(conv(x, w), 0.2), conv, lambda x, w: conv(x, w) * 0.6
    ),
    "a rectifier by channel": (
        lambda x, w: F.prelu(conv(x, w), w["scale"]),
        conv,
        lambda x, w: conv(x, w) * (0.5 + w["scale"] / 2).reshape(4, 1, 1),
    ),
    "the sum of channels": (
        lambda x, w: conv(x, w).sum(1, keepdim=True),
        lambda x, w: conv(x, w).mean(1, keepdim=True),
        lambda x, w: conv(x, w).sum(1, keepdim=True),
    ),
    "bicubic": (lambda x, w: F.interpolate(x, scale_factor=2, mode="bicubic"), None, "itself"),
}  # fmt: skip

# Whose channels are alike, so that they are not told apart.
ONE = {
    "pooled by its size",
    "pooled beyond the end",
    "pooled along one axis",
    "nearest of a size",
    "nearest and exact",
    "bilinear and smaller",
    "rolled",
    "the larger of distant",
    "pooled to the larger",
    "bicubic",
}

NAMES = [*LINEAR, *ALIKE]


def functions():
    return [*LINEAR.values(), *(function for function, *_ in ALIKE.values())]


@functools.cache
def program(seed=0):
    module = Many(functions(), seed)
    return exported(module, torch.zeros(SHAPE, dtype=torch.float64))


def gradient(function, weights, unit, channel=None):
    """The gradient of all channels of a unit, or of one."""
    x = (
        1 + torch.rand(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ).requires_grad_()
    y = function(x, weights)[(0, slice(None), *unit)]
    (y.sum() if channel is None else y[channel]).backward()
    return x.grad[0].numpy()


def whole(found):
    """An impact map on the whole input."""
    grid = np.zeros((len(found.channels), *SHAPE[2:]))
    sides = found.channels.shape[1:]
    grid[(slice(None), *(slice(o, o + k) for o, k in zip(found.start, sides, strict=True)))] = found.channels
    return grid


def units(sides):
    return {(0, 0), tuple(side // 2 for side in sides), tuple(side - 1 for side in sides)}


@functools.cache
def sides(name):
    with torch.no_grad():
        made = functions()[NAMES.index(name)](torch.zeros(SHAPE, dtype=torch.float64), Many([], 0).weights)
    return tuple(made.shape[2:])


@pytest.mark.parametrize("name", NAMES)
def test_equal_weights(name):
    alike = LINEAR.get(name) or ALIKE[name][1]
    model = em.from_torch(program(), None, NAMES.index(name))
    assert em.output_size(model, SHAPE[2:]) == sides(name)
    if alike is None:
        return
    equal = Many([]).weights
    for unit in units(sides(name)):
        expected = np.abs(gradient(alike, equal, unit)).sum(0)
        if (found := seen(model, unit, expected)) is not None:
            np.testing.assert_allclose(
                found.sum(0) / found.sum(), expected / expected.sum(), atol=1e-9, err_msg=str(unit)
            )


def seen(model, unit, expected, channel=None):
    """The impacts on a unit, on the whole input; None where none is expected, and said to be."""
    if expected.any():
        return whole(em.impact_map(model, unit, SHAPE[2:], channel))
    with pytest.raises(ValueError, match="sees nothing"):
        em.impact_map(model, unit, SHAPE[2:], channel)
    return None


def agree(model, function, name):
    """The maps of some units, of all channels and of the first, are the gradients of a function."""
    own = Many([], 0).weights
    for unit in units(sides(name)):
        for channel in (None, 0):
            expected = gradient(function, own, unit, channel)
            found = seen(model, unit, expected, channel)
            if found is not None:
                np.testing.assert_allclose(
                    np.broadcast_to(found, expected.shape), expected, atol=1e-9, err_msg=str(unit)
                )
            if name in ONE:
                break


@pytest.mark.parametrize("name", LINEAR)
def test_own_weights(name):
    agree(em.from_torch(program(), None, NAMES.index(name), weights="given"), LINEAR[name], name)


@pytest.mark.parametrize("name", ALIKE)
def test_own_weights_of_what_is_not_linear(name):
    function, alike, said = ALIKE[name]
    if isinstance(said, str) and said not in ("", "itself"):
        with pytest.raises(ValueError, match=said):
            em.from_torch(program(), None, NAMES.index(name), weights="given")
        return
    linear = {"": alike, "itself": function}[said] if isinstance(said, str) else said
    agree(em.from_torch(program(), None, NAMES.index(name), weights="given"), linear, name)


# Several paths lead from a sample to a unit: their sum is squared, and energies add up. Or a border is near.
PATHS = {
    "a sum with itself",
    "bilinear",
    "channels to columns by hand",
    "mean of channels",
    "mean of channels without",
    "moved",
    "pooled",
    "pooled beyond the end",
    "pooled to some",
    "repeats of each row",
    "turned",
}
# Channels are chosen, or differ in their places: the mean over all is another.
CHOSEN = {
    "numbers in a channel",
    "times numbers",
    "tokens times numbers",
    "written into a channel",
    "written into channels",
    "written into numbers",
    "a channel",
    "a chunk",
    "a part",
    "a slice of channels",
    "blocks of columns by hand",
    "channels to space",
    "channels to space by hand",
    "chosen by an array",
    "copies",
    "cut in channels",
    "every second channel",
    "some channels",
    "space to channels by hand",
    "unbound",
    "without an axis",
}
# What a gate leaves of the energy of a gradient, by channel.
GATES = {
    "a rectifier": lambda w: 1 / 2,
    "a leaky rectifier": lambda w: 1 / 2 + 0.04 / 2,
    "a rectifier by channel": lambda w: 1 / 2 + w["scale"] ** 2 / 2,
}


def squares(function, weights, unit, factors=1.0):
    """The sum over channels of a unit of its squared gradients, each times a factor."""
    x = torch.ones(SHAPE, dtype=torch.float64)
    found = torch.autograd.functional.jacobian(lambda x: function(x, weights)[(0, slice(None), *unit)], x)
    factors = torch.as_tensor(factors, dtype=torch.float64).expand(len(found))
    return torch.einsum("o,oncij->cij", factors, found**2).numpy()


@pytest.mark.parametrize("name", sorted({*LINEAR, *GATES} - PATHS))
def test_energies(name):
    own = Many([], 0).weights
    unit = tuple(side // 2 for side in sides(name))
    factors = GATES[name](own) if name in GATES else 1.0
    model = em.from_torch(program(), None, NAMES.index(name), weights="given")
    found = whole(em.impact_map(em.variance(model), unit, SHAPE[2:]))
    expected = squares(LINEAR.get(name, conv), own, unit, factors)
    np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, atol=1e-9)


@pytest.mark.parametrize("name", sorted({*LINEAR, *GATES} - PATHS - CHOSEN | {"pooled beyond the end"}))
def test_mean_energies(name):
    own = Many([], 0).weights
    unit = tuple(side // 2 for side in sides(name))
    model = em.from_torch(program(), None, NAMES.index(name), weights="energy")
    found = whole(em.impact_map(model, unit, SHAPE[2:])).sum(0)
    expected = squares(LINEAR.get(name, conv), own, unit, GATES[name](own) if name in GATES else 1.0).sum(0)
    if name in GATES:  # the energy of a channel of the input, in the mean over channels
        gates = torch.as_tensor(GATES[name](own), dtype=torch.float64).mean().item()
        expected = squares(conv, own, unit).sum(0) * gates
        np.testing.assert_allclose(found.sum(), expected.sum() / SHAPE[1], rtol=1e-9)
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=1e-9)
