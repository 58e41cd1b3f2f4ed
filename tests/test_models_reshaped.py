"""Axes that are cut, moved and joined: which samples a unit reads, one by one, by gradients of the module.

All are outputs of one module, which is exported once: reading one of them takes milliseconds.
"""

import functools
import math

import numpy as np
import pytest

import erfmath as em
from erfmath.models.torch_export import exported

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

SHAPE = N, C, H, W = 1, 4, 4, 8


class Many(nn.Module):
    """A module that returns what each of many functions makes of its input and of random weights."""

    def __init__(self, functions):
        super().__init__()
        torch.manual_seed(0)
        self.functions = functions
        self.project = nn.Linear(C, 3 * C).double()
        self.conv = nn.Conv2d(C, C, 3, padding=1).double()
        self.line = nn.Conv1d(C, C, 3, padding=1).double()
        self.strided = nn.Conv1d(C, C, 3, 2, 1).double()
        self.recurrent = nn.GRU(C, C, batch_first=True).double()
        self.both = nn.LSTM(C, C, bidirectional=True).double()
        self.mixer = nn.Linear(H * W, H * W).double()

    def forward(self, x):
        return tuple(function(x, self) for function in self.functions)


def mixed(tokens, m, scores=lambda x: x):
    """Attention of tokens (..., number, channels) to each other."""
    query, key, value = m.project(tokens).chunk(3, -1)
    return torch.softmax(scores(query @ key.transpose(-1, -2)), -1) @ value


def fused(tokens, m, **options):
    return F.scaled_dot_product_attention(*m.project(tokens).chunk(3, -1), **options)


def einstein(tokens, m):
    query, key, value = m.project(tokens).chunk(3, -1)
    scores = torch.einsum("b i d, b j d -> b i j", query, key).softmax(-1)
    return torch.einsum("bij,bjd->bid", scores, value)


def linear(tokens, m):
    query, key, value = m.project(tokens).chunk(3, -1)
    return query @ (key.transpose(-1, -2) @ value)


def heads(tokens, m):
    b, n, c = tokens.shape
    query, key, value = m.project(tokens).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-2, -1) + torch.ones(n, n).double()
    return (scores.softmax(-1) @ value).transpose(1, 2).reshape(b, n, c)


def windows(x, a=2, b=4):
    """Tokens of windows of a x b samples."""
    n, c, h, w = x.shape
    return x.view(n, c, h // a, a, w // b, b).permute(0, 2, 4, 3, 5, 1).reshape(-1, a * b, c)


def back(tokens, a=2, b=4):
    x = tokens.view(N, H // a, W // b, a, b, -1)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(N, -1, H, W)


def grid(x):
    x = x.view(N, C, 2, H // 2, 2, W // 2).permute(0, 3, 5, 2, 4, 1)
    return x.reshape(-1, 4, C)


def from_grid(tokens):
    return tokens.view(N, H // 2, W // 2, 2, 2, C).permute(0, 5, 3, 1, 4, 2).reshape(SHAPE)


def rows(x):
    return x.permute(0, 2, 3, 1)


def from_rows(x):
    return x.permute(0, 3, 1, 2)


def along(layer, x):
    """What a layer makes along blocks of two columns, of the first columns and of the second ones apart."""
    y = layer(x.view(N, C, H, 4, 2).permute(0, 2, 4, 1, 3).reshape(-1, C, 4))
    return y.view(N, H, 2, C, -1).permute(0, 3, 1, 4, 2).reshape(N, C, H, -1)


def apart(x, size, stride):
    """Rows of the input behind each other and zeros, parted into rows again and cut."""
    return F.pad(x.flatten(2), (0, W)).reshape(N, C, H + 1, W)[:, :, :size:stride]


def unshuffled(x):
    x = x.view(N, C, H // 2, 2, W // 2, 2).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(N, 4 * C, H // 2, W // 2)


def shuffled(x):
    """Channels to space, twice as large."""
    n, c, h, w = x.shape
    return x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def hidden(side, value):
    """Scores with a side masked."""
    return torch.full((side, side), value, dtype=torch.float64).triu(1)


def related(x, m):
    """Attention along rows with logits by relative position: rows are padded, flattened, and cut anew."""
    tokens = x.permute(0, 2, 3, 1).reshape(H, W, C)
    query, key, value = m.project(tokens).chunk(3, -1)
    logits = F.pad(query @ torch.ones(C, 2 * W - 1).double(), (0, 1)).flatten(1)
    logits = F.pad(logits, (0, W - 1)).reshape(H, W + 1, 2 * W - 1)[:, :W, W - 1 :]
    return (torch.softmax(query @ key.transpose(1, 2) + logits, -1) @ value).reshape(N, H, W, C)


LATER = torch.ones(W, W, dtype=torch.bool).triu(1)

# What a unit reads is a window, exactly.
READS = {
    "windows": lambda x, m: back(mixed(windows(x), m)),
    "windows fused": lambda x, m: back(fused(windows(x), m)),
    "windows by letters": lambda x, m: back(einstein(windows(x), m)),
    "windows without a softmax": lambda x, m: back(linear(windows(x), m)),
    "windows in heads": lambda x, m: back(heads(windows(x), m)),
    "windows behind a convolution": lambda x, m: back(mixed(windows(m.conv(x)), m)),
    "a convolution behind windows": lambda x, m: m.conv(back(mixed(windows(x), m))),
    "windows and themselves": lambda x, m: x + back(mixed(windows(x, 4, 2), m), 4, 2),
    "windows moved": lambda x, m: torch.roll(
        back(mixed(windows(torch.roll(x, (-1, 2), (2, 3))), m)), (1, -2), (2, 3)
    ),
    "rows": lambda x, m: from_rows(mixed(rows(x), m)),
    "columns": lambda x, m: mixed(x.permute(0, 3, 2, 1), m).permute(0, 3, 2, 1),
    "keys before": lambda x, m: from_rows(fused(rows(x), m, is_causal=True)),
    "keys before by numbers": lambda x, m: from_rows(mixed(rows(x), m, lambda s: s + hidden(W, -1e9))),
    "keys before by a filling": lambda x, m: from_rows(
        mixed(rows(x), m, lambda s: s.masked_fill(LATER, -math.inf))
    ),
    "keys before by a choice": lambda x, m: from_rows(
        mixed(rows(x), m, lambda s: torch.where(LATER, -1e9, s))
    ),
    "keys before by another choice": lambda x, m: from_rows(
        mixed(rows(x), m, lambda s: torch.where(~LATER, s, torch.tensor(-1e9).double()))
    ),
    "keys after by numbers": lambda x, m: from_rows(mixed(rows(x), m, lambda s: s + hidden(W, -1e9).T)),
    "keys before by a mask of truth": lambda x, m: from_rows(fused(rows(x), m, attn_mask=~LATER)),
    "keys after by a mask of numbers": lambda x, m: from_rows(fused(rows(x), m, attn_mask=hidden(W, -1e9).T)),
    "a product with a side": lambda x, m: from_rows(
        (rows(x) @ rows(x).transpose(-1, -2) * (~LATER).double()) @ rows(x)
    ),
    "halves of the columns in the batch": lambda x, m: (
        m.conv(x.view(N, C, H, 2, W // 2).permute(3, 0, 1, 2, 4).flatten(0, 1))
        .view(2, N, C, H, W // 2)
        .permute(1, 2, 3, 0, 4)
        .reshape(SHAPE)
    ),
    "every second in the batch": lambda x, m: (
        m.conv(x.view(N, C, H, W // 2, 2).permute(4, 0, 1, 2, 3).flatten(0, 1))
        .view(2, N, C, H, W // 2)
        .permute(1, 2, 3, 4, 0)
        .reshape(SHAPE)
    ),
    "strides in windows": lambda x, m: (
        m.strided(x.view(N, C, H, 2, 4).permute(0, 2, 3, 1, 4).reshape(-1, C, 4))
        .view(N, H, 2, C, 2)
        .permute(0, 3, 1, 2, 4)
        .reshape(N, C, H, 4)
    ),
    "a convolution within blocks and along them": lambda x, m: (
        m.conv(x.permute(0, 2, 1, 3).reshape(N * H, C, W // 2, 2)).reshape(N, H, C, W).permute(0, 2, 1, 3)
    ),
    "pooled along blocks": lambda x, m: (
        F.avg_pool1d(x.view(N, C, H, 4, 2).permute(0, 2, 4, 1, 3).reshape(-1, C, 4), 3, 1, 1)
        .view(N, H, 2, C, 4)
        .permute(0, 3, 1, 4, 2)
        .reshape(SHAPE)
    ),
    "strides along blocks": lambda x, m: along(m.strided, x),
    "strides along blocks by three": lambda x, m: along(lambda y: F.conv1d(y, m.line.weight, None, 3, 2), x),
    "strides along blocks, dilated": lambda x, m: along(
        lambda y: F.conv1d(y, m.line.weight[..., 1:], None, 2, 1, 2), x
    ),
    "strides along blocks by single taps": lambda x, m: along(
        lambda y: F.conv1d(y, m.line.weight[..., 1:2], None, 2, 1), x
    ),
    "strides along blocks without an end": lambda x, m: along(
        lambda y: F.conv1d(y, m.line.weight, None, 2), x
    ),
    "strides along blocks and a convolution": lambda x, m: m.conv(along(m.strided, x)),
    "pooled along blocks by strides": lambda x, m: along(lambda y: F.avg_pool1d(y, 3, 2, 1), x),
    "pooled along blocks, rounded up": lambda x, m: along(lambda y: F.avg_pool1d(y, 3, 2, 0, True), x),
    "pooled along padded blocks, rounded up": lambda x, m: along(lambda y: F.avg_pool1d(y, 3, 2, 1, True), x),
    "space to channels": lambda x, m: F.conv2d(unshuffled(x), torch.ones(2, 16, 3, 3).double(), padding=1),
    "space to channels and back": lambda x, m: shuffled(
        F.conv2d(unshuffled(x), torch.ones(16, 16, 1, 1).double())
    ),
    "space to channels, untouched": lambda x, m: shuffled(torch.relu(unshuffled(x) + 9)),
    "channels to space": lambda x, m: F.conv2d(shuffled(x), torch.ones(2, 1, 3, 3).double(), padding=1),
    "channels to space, padded": lambda x, m: F.pad(shuffled(x), (1, 2, 0, 1)),
    "channels to space, moved": lambda x, m: torch.roll(shuffled(x), 1, 3),
    "channels to space, larger": lambda x, m: F.interpolate(shuffled(x), scale_factor=2),
    "channels to space, transposed": lambda x, m: F.conv_transpose2d(
        shuffled(x), torch.ones(1, 2, 2, 2).double(), stride=2
    ),
    "focused": lambda x, m: m.conv((x[..., ::2, ::2] + x[..., 1::2, ::2]) * x[..., ::2, 1::2]),
    "focused side by side": lambda x, m: torch.cat([x[..., ::2, 1::2], x[..., 1::2, ::2]], 1),
    "copies of columns": lambda x, m: m.conv(x[..., None].expand(N, C, H, W, 2).reshape(N, C, H, 2 * W)),
    "copies of columns, joined": lambda x, m: (
        m.conv(x).repeat_interleave(2, 3) * x[..., None].expand(N, C, H, W, 2).reshape(N, C, H, 2 * W)
    ),
    "entries of blocks": lambda x, m: m.conv(x.view(N, C, H, W // 2, 2)[..., 1]),
    "entries of blocks from the end": lambda x, m: x.view(N, C, H, W // 4, 4).select(4, -2),
    "blocks cut": lambda x, m: m.conv(x.view(N, C, H, W // 4, 4)[..., 1:3].reshape(N, C, H, W // 2)),
    "blocks cut by steps": lambda x, m: m.conv(x.view(N, C, H, W // 4, 4)[..., ::2].reshape(N, C, H, W // 2)),
    "some blocks": lambda x, m: x.view(N, C, H, W // 2, 2)[..., 1:3, :].reshape(N, C, H, 4),
    "means of blocks": lambda x, m: (
        x - x.view(N, C, H, W // 4, 4).mean(4, keepdim=True).expand(N, C, H, 2, 4).reshape(SHAPE)
    ),
    "a normal of windows": lambda x, m: back(F.layer_norm(windows(x), (8, C))),
    "shares of windows": lambda x, m: back(windows(x).softmax(1)),
    "mean of the columns": lambda x, m: x * m.conv(x).mean(3, keepdim=True),
    "mean of the rows without them": lambda x, m: x + m.conv(x).mean(2)[:, :, None],
    "tokens cut off": lambda x, m: m.conv(
        torch.cat([x.new_ones(1, 4, 2), x.flatten(2)], 2)[..., 2:].unflatten(2, (H, W))
    ),
    "tokens behind cut off": lambda x, m: m.conv(
        torch.cat([x.flatten(2), x.new_ones(1, 4, 2)], 2)[..., :-2].unflatten(2, (H, W))
    ),
    "moved by pieces": lambda x, m: m.conv(torch.cat([x[..., 3:], x[..., :3]], 3)),
    "around by pieces": lambda x, m: m.conv(torch.cat([x[:, :, -1:], x, x[:, :, :1]], 2))[:, :, 1:-1],
    "cut by pieces": lambda x, m: m.conv(torch.cat([x[..., 2:4], x[..., 4:7]], 3)),
    "written into a channel": lambda x, m: torch.select_scatter(m.conv(x), x[:, 0], 1, 2),
    "relative positions": lambda x, m: from_rows(related(x, m)),
    "copies beside a finer map": lambda x, m: torch.cat(
        [F.interpolate(m.conv(x), scale_factor=(1, 2)), x.repeat_interleave(2, 3)], 1
    ),
    "keys before in a batch of rows": lambda x, m: from_rows(
        fused(x.permute(0, 2, 3, 1).reshape(H, W, C), m, is_causal=True).reshape(N, H, W, C)
    ),
    "filled": lambda x, m: torch.ops.aten.fill(m.conv(x), 3.0) + x,
    "running sums": lambda x, m: m.conv(x).cumsum(3),
    "running products": lambda x, m: x.cumprod(2),
    "steps of rows": lambda x, m: from_rows(
        m.recurrent(rows(m.conv(x)).reshape(H, W, C))[0].reshape(N, H, W, C)
    ),
    "steps both ways": lambda x, m: from_rows(
        m.both(rows(x).reshape(H, W, C).transpose(0, 1))[0].transpose(0, 1).reshape(N, H, W, -1)
    ),
    "a transform of the rows": lambda x, m: torch.fft.fft(x, dim=3).abs(),
    "real and imaginary": lambda x, m: torch.view_as_real(torch.fft.fft(x, dim=2)).mean(-1),
    "pooled in windows": lambda x, m: (
        F.avg_pool1d(x.view(N, C, H, 2, 4).permute(0, 2, 3, 1, 4).reshape(-1, C, 4), 3, 1, 1)
        .view(N, H, 2, C, 4)
        .permute(0, 3, 1, 2, 4)
        .reshape(SHAPE)
    ),
    "channels to space, pooled": lambda x, m: F.avg_pool2d(shuffled(x), 3, 1, 1),
    "blocks": lambda x, m: x.view(N, C, H // 2, 2, W).logsumexp(3),
    "wide windows in steps": lambda x, m: x.unfold(3, 4, 2).logsumexp(-1),
    "windows in steps": lambda x, m: F.unfold(x, (1, 2), stride=(1, 2)).sum(1).reshape(N, 1, 4, 4),
    "every second row of windows": lambda x, m: F.unfold(x, (1, 2), stride=(2, 2)).sum(1).reshape(N, 1, 2, 4),
    "every third padded row of windows": lambda x, m: (
        F.unfold(x, (1, 2), stride=(3, 2), padding=(1, 0)).sum(1).reshape(N, 1, 2, 4)
    ),
    "a convolution behind every second row": lambda x, m: m.conv(x.unfold(2, 1, 2).squeeze(-1)),
    "every third column, pooled": lambda x, m: F.avg_pool2d(x.unfold(3, 1, 3).squeeze(-1), (2, 1)),
    "every second column, larger": lambda x, m: F.interpolate(x.unfold(3, 1, 2).squeeze(-1), scale_factor=2),
    "every second column, transposed": lambda x, m: F.conv_transpose2d(
        x.unfold(3, 1, 2).squeeze(-1), torch.ones(4, 1, 2, 2).double(), stride=2
    ),
    "every second column of every second": lambda x, m: x.unfold(3, 1, 2).squeeze(-1)[..., ::2],
    "windows of every second column": lambda x, m: x.unfold(3, 1, 2).squeeze(-1).unfold(3, 2, 2).sum(-1),
    "every second row of windows, beside a cut": lambda x, m: x.unfold(2, 1, 2).squeeze(-1) + x[:, :, ::2],
    "every second block": lambda x, m: x.view(N, C, H, 4, 2).unfold(3, 1, 2).squeeze(-1).sum(-1),
    "parted rows, some": lambda x, m: m.conv(apart(x, 3, 1)),
    "parted rows, every second": lambda x, m: m.conv(apart(x, 4, 2)),
    "overlapping windows": lambda x, m: (
        F.linear(F.unfold(x, (3, 1), padding=(1, 0)).transpose(1, 2), torch.ones(5, 12).double())
        .transpose(1, 2)
        .reshape(N, 5, H, W)
    ),
}

# A unit reads the whole map.
EVERYTHING = {
    "attention": lambda x, m: mixed(x.flatten(2).transpose(1, 2), m).transpose(1, 2).reshape(SHAPE),
    "with a token": lambda x, m: (
        mixed(torch.cat([x.new_ones(1, 1, 4), x.flatten(2).transpose(1, 2)], 1), m)[:, 1:]
        .transpose(1, 2)
        .reshape(SHAPE)
    ),
    "a gate": lambda x, m: x * torch.sigmoid(F.adaptive_avg_pool2d(m.conv(x), 1)),
    "another gate": lambda x, m: x * m.conv(x).mean((2, 3), keepdim=True),
    "a normal": lambda x, m: F.instance_norm(x),
    "a normal of groups": lambda x, m: F.group_norm(m.conv(x), 2),
    "a transform": lambda x, m: torch.fft.fft2(x).abs(),
    "keys of another map": lambda x, m: from_rows(
        F.scaled_dot_product_attention(
            rows(x).flatten(1, 2), *2 * [rows(F.avg_pool2d(x, 2)).flatten(1, 2)]
        ).reshape(N, H, W, C)
    ),
}

# Positions are made anew, of all there are; or a unit reads less than the field, which says so little.
ANEW = {
    "a mixer": lambda x, m: m.mixer(x.flatten(2)).reshape(SHAPE),
    "a mixer from the left": lambda x, m: (m.mixer.weight @ x.flatten(2).transpose(1, 2)).transpose(1, 2),
    "a gemm": lambda x, m: torch.addmm(m.mixer.bias, x.flatten(2)[0], m.mixer.weight)[None],
    "attention on a grid": lambda x, m: from_grid(mixed(grid(x), m)),
    "a part beside blocks": lambda x, m: x[..., None, :4] + x.view(N, C, H, 2, 4),
    "pooled rows of tokens": lambda x, m: F.avg_pool1d(x.flatten(2), 3, 1, 1).reshape(SHAPE),
}

NAMES = [*READS, *EVERYTHING, *ANEW]


def functions():
    return [*READS.values(), *EVERYTHING.values(), *ANEW.values()]


@functools.cache
def module():
    return Many(functions()).eval()


@functools.cache
def program():
    return exported(module(), torch.ones(SHAPE, dtype=torch.float64))


@functools.cache
def reads(name):
    """Whether a unit depends on a sample, [unit rows, unit columns, rows, columns]."""
    function, made = functions()[NAMES.index(name)], module()
    x = 1 + torch.rand(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def channels(x):
        y = function(x, made)[0]
        return torch.einsum("c...,c->...", y, torch.linspace(1, 2, len(y)).double())

    found = torch.autograd.functional.jacobian(channels, x, vectorize=True)
    seen = found.abs().sum((2, 3)).numpy()
    return seen > 1e-9 * seen.max()


def units(sides):
    """Every third unit, and the last."""
    return [*list(np.ndindex(*sides))[::3], tuple(side - 1 for side in sides)]


@pytest.mark.parametrize("name", READS)
def test_a_unit_reads_these_samples(name):
    model, seen = em.from_torch(program(), None, NAMES.index(name)), reads(name)
    assert em.output_size(model, (H, W)) == seen.shape[:2]
    for unit in units(seen.shape[:2]):
        if not seen[unit].any():
            continue
        found = em.impact_map(model, unit, (H, W))
        grid = np.zeros((H, W), dtype=bool)
        sides = found.channels.shape[1:]
        grid[tuple(slice(o, o + k) for o, k in zip(found.start, sides, strict=True))] = found.channels.any(0)
        np.testing.assert_array_equal(grid, seen[unit], err_msg=str(unit))


def test_a_part_beside_blocks_is_read_whole_along_their_axis():
    model = em.from_torch(program(), None, NAMES.index("a part beside blocks"))
    assert em.receptive_field(model).size == (1, math.inf)
    assert model.read_tensor.whole == {1}


STRIDES = {
    "strides along blocks": (1, 2),
    "every second row of windows": (2, 2),
    "every third padded row of windows": (3, 2),
    "a convolution behind every second row": (2, 1),
    "every third column, pooled": (2, 3),
    "every second column of every second": (1, 4),
    "windows of every second column": (1, 4),
    "every second block": (1, 4),
    "parted rows, every second": (2, 1),
}


@pytest.mark.parametrize("name", STRIDES)
def test_units_lie_these_samples_apart(name):
    assert em.receptive_field(em.from_torch(program(), None, NAMES.index(name))).stride == STRIDES[name]


def test_columns_of_windows_lie_their_strides_apart():
    def columns(x, m):
        return F.unfold(x, (1, 2), stride=(2, 2)).sum(1)

    model = em.from_torch(Many([columns]).eval(), torch.ones(SHAPE, dtype=torch.float64))
    field = em.receptive_field(model)
    assert (field.size, field.stride, em.output_size(model, (H, W))) == ((1, 2), (2, 2), (2, 4))
    assert em.verify(model).ok


@pytest.mark.parametrize("end", [7, 8, 9])
def test_windows_added_up_make_the_samples_that_none_reaches_too(end):
    def spread(x, m):
        return F.fold(F.unfold(x, 2, stride=3), (8, end), 2, stride=3)

    x = torch.ones(N, C, 8, end, dtype=torch.float64)
    model = em.from_torch(Many([spread]).eval(), x)
    assert em.output_size(model, (8, end)) == (8, end)
    with pytest.raises(ValueError, match="sees nothing"):
        em.impact_map(model, (2, 2), (8, end))  # between two windows


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_unit_reads_everything(name):
    model = em.from_torch(program(), None, NAMES.index(name))
    assert reads(name).all()
    assert em.receptive_field(model).is_everything
    assert em.output_size(model, (H, W)) == reads(name).shape[:2]


@pytest.mark.parametrize("name", [name for name in ANEW if name != "a part beside blocks"])
def test_positions_made_anew_read_everything(name):
    assert em.receptive_field(
        em.from_torch(program(), None, NAMES.index(name), weights="energy")
    ).is_everything
