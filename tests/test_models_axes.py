"""Axes made of runs: reshapes, windows, attention and recurrence, each beside gradients of the module."""

import itertools
import math

import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.models.axes import Run, merged, reshaped, split

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from oracles_models import Function  # noqa: E402
from torch import nn  # noqa: E402


def entries(layout):
    """All entries of a layout in order, by their places along two axes of the map and their channel."""
    runs = [run for axis in layout for run in axis]
    found = []
    for count in itertools.product(*(range(run.length) for run in runs)):
        place = [0, 0, ()]
        for d, run in zip(count, runs, strict=True):
            if run.axis is None:
                place[2] += (d,)
            else:
                place[run.axis] += run.step * d
        found.append(tuple(place))
    return found


@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4), st.data())
def test_a_reshape_keeps_the_order_of_all_entries(sides, data):
    owner = iter((0, 1, None, None))
    layout = tuple(() if side == 1 else (Run(next(owner), 1, side),) for side in sides)
    total, shape = math.prod(sides), []
    while total > 1:
        shape.append(data.draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0])))
        total //= shape[-1]
        if len(shape) > 5:
            shape.append(total)
            break
    found = reshaped(layout, shape)
    if found is None:
        return  # a row would be cut unevenly
    assert [math.prod(run.length for run in axis) for axis in found] == shape
    assert [e[:2] for e in entries(found)] == [e[:2] for e in entries(layout)]


def test_runs_are_joined_and_split():
    assert merged([Run(0, 8, 4), Run(0, 1, 8)]) == (Run(0, 1, 32),)
    assert merged([Run(0, 8, 4), Run(0, 1, 4)]) == (Run(0, 8, 4), Run(0, 1, 4))
    assert split((Run(0, 1, 12),), [2, 6]) == (Run(0, 6, 2), Run(0, 2, 3), Run(0, 1, 2))
    assert split((Run(0, 1, 12),), [5]) is None


def agrees(function, parts, shape, size=None, **options):
    """The field of a module, verified by gradients."""
    model = em.from_torch(Function(function, *parts), shape, **options)
    found = em.verify(model)
    assert found.ok, str(found)
    field = em.receptive_field(model)
    if size is not None:
        assert field.size == size
    return field


def attention(tokens, project):
    query, key, value = project(tokens).chunk(3, -1)
    return torch.softmax(query @ key.transpose(-1, -2), -1) @ value


def windowed(x, project, conv, shift=0, attend=attention):
    x = conv(x).permute(0, 2, 3, 1)
    x = torch.roll(x, (-shift, -shift), (1, 2))
    n, h, w, c = x.shape
    tokens = x.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
    tokens = tokens + attend(tokens, project)
    x = tokens.view(n, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
    return torch.roll(x, (shift, shift), (1, 2)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_attention_in_windows_reads_its_window(shift):
    parts = nn.Linear(4, 12), nn.Conv2d(3, 4, 3, padding=1)
    field = agrees(lambda x, q, c: windowed(x, q, c, shift), parts, (1, 3, 16, 16), (6, 6))
    first = (shift - 1 if shift else -1) - (4 if shift else 0)
    assert [field.region((i, 0))[0] for i in range(shift, shift + 4)] == [
        (first + 4 * bool(shift), first + 5 + 4 * bool(shift))
    ] * 4


def test_attention_by_any_spelling_is_one():
    def fused(tokens, project):
        return F.scaled_dot_product_attention(*project(tokens).chunk(3, -1))

    def einstein(tokens, project):
        query, key, value = project(tokens).chunk(3, -1)
        scores = torch.einsum("bnd,bmd->bnm", query, key).softmax(-1)
        return torch.einsum("bnm,bmd->bnd", scores, value)

    def heads(tokens, project):
        b, n, c = tokens.shape
        query, key, value = project(tokens).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        scores = (query * 0.5) @ key.transpose(-2, -1) + torch.ones(n, n)
        return (scores.softmax(-1) @ value).transpose(1, 2).reshape(b, n, c)

    parts = nn.Linear(4, 12), nn.Conv2d(3, 4, 3, padding=1)
    for attend in (fused, einstein, heads):
        agrees(lambda x, q, c, a=attend: windowed(x, q, c, 0, a), parts, (1, 3, 12, 12), (6, 6))


def test_attention_over_a_grid_or_the_map_reads_everything_and_keeps_the_stride():
    def grid(x, project, conv):
        x = conv(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        tokens = x.view(n, 4, h // 4, 4, w // 4, c).permute(0, 2, 4, 1, 3, 5).reshape(-1, 16, c)
        tokens = tokens + attention(tokens, project)
        x = tokens.view(n, h // 4, w // 4, 4, 4, c).permute(0, 3, 1, 4, 2, 5).reshape(n, h, w, c)
        return x.permute(0, 3, 1, 2)

    parts = nn.Linear(4, 12), nn.Conv2d(3, 4, 3, padding=1)
    model = em.from_torch(Function(grid, *parts), (1, 3, 16, 16))
    assert em.receptive_field(model).is_everything
    assert em.verify(model).is_inside

    def whole(x, conv):
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        mixed = (tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens
        return conv(mixed.transpose(1, 2).reshape(n, c, h, w))

    for last in (nn.Conv2d(8, 8, 3, 2, 1), nn.AvgPool2d(2), nn.MaxPool2d(2)):
        field = agrees(whole, [last], (1, 8, 8, 8))
        assert field.stride == (2, 2)
    field = agrees(whole, [nn.ConvTranspose2d(8, 8, 2, 2)], (1, 8, 8, 8))
    assert [float(s) for s in field.stride] == [0.5, 0.5]

    def shortcut(x, conv):
        return conv(x) + F.avg_pool2d(whole(x, nn.Identity()), 2)

    assert agrees(shortcut, [nn.Conv2d(8, 8, 1, 2)], (1, 8, 8, 8)).stride == (2, 2)


def test_a_class_token_stands_beside_the_map():
    class Tokens(nn.Module):
        def __init__(self, kept):
            super().__init__()
            self.patches, self.kept = nn.Conv2d(3, 8, 4, 4), kept
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.last = nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, x):
            tokens = self.patches(x)
            n, c, h, w = tokens.shape
            tokens = torch.cat([self.token.expand(n, -1, -1), tokens.flatten(2).transpose(1, 2)], 1)
            if self.kept:
                return tokens + self.attention(tokens, tokens, tokens)[0]
            return self.last(tokens[:, 1:].transpose(1, 2).reshape(n, c, h, w))

    attended = em.from_torch(Tokens(True).eval(), (1, 3, 16, 16))
    assert em.verify(attended).ok
    assert em.receptive_field(attended).stride == (4, 4)
    dropped = em.from_torch(Tokens(False).eval(), (1, 3, 16, 16))
    assert em.verify(dropped).ok
    assert em.receptive_field(dropped).size == (12, 12)


def test_space_in_the_batch_is_space():
    def dilated(x, conv):
        x = F.pad(x, (2, 2, 2, 2))
        n, c, h, w = x.shape
        x = x.view(n, c, h // 2, 2, w // 2, 2).permute(3, 5, 0, 1, 2, 4).reshape(4 * n, c, h // 2, w // 2)
        y = conv(x)
        a, b = y.shape[2:]
        return y.view(2, 2, n, 2, a, b).permute(2, 3, 4, 0, 5, 1).reshape(n, 2, 2 * a, 2 * b)

    field = agrees(dilated, [nn.Conv2d(2, 2, 3)], (1, 2, 12, 16), (5, 5))
    assert field.region(0) == ((-2, 2), (-2, 2))
    assert field.holes == ((-1, 1), (-1, 1))


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_within_windows_and_along_blocks(stride):
    def windows(x, conv):  # of 4 samples, each padded by itself
        n, c, length = x.shape
        y = conv(x.view(n, c, length // 4, 4).permute(0, 2, 1, 3).reshape(-1, c, 4))
        return y.view(n, length // 4, c, -1).permute(0, 2, 1, 3).reshape(n, c, -1)

    def blocks(x, conv):  # every fourth sample
        n, c, length = x.shape
        y = conv(x.view(n, c, length // 4, 4).permute(0, 3, 1, 2).reshape(-1, c, length // 4))
        return y.view(n, 4, c, -1).permute(0, 2, 3, 1).reshape(n, c, -1)

    for function in (windows, blocks):
        agrees(function, [nn.Conv1d(2, 2, 3, stride, 1)], (1, 2, 16))


def test_one_axis_read_whole_leaves_the_others():
    def gated(x, first, second):
        y = first(x)
        return x + y + second(y.mean(2, keepdim=True))

    parts = nn.Conv2d(2, 2, (3, 1), padding=(1, 0)), nn.Conv2d(2, 2, (1, 3), padding=(0, 1))
    field = agrees(gated, parts, (1, 2, 10, 20), (math.inf, 3))
    assert field.halo() == ((math.inf, math.inf), (1, 1))


def test_recurrence_and_running_sums_read_one_side():
    def recurrent(x, conv, layer):
        return layer(conv(x).transpose(1, 2))[0].transpose(1, 2)

    conv = nn.Conv1d(3, 4, 3, padding=1)
    for layer in (nn.GRU(4, 4, batch_first=True), nn.LSTM(4, 4, 2, batch_first=True)):
        assert agrees(recurrent, [conv, layer], (1, 3, 16)).halo() == (math.inf, 1)
    both = nn.GRU(4, 4, batch_first=True, bidirectional=True)
    assert agrees(recurrent, [conv, both], (1, 3, 16)).halo() == (math.inf, math.inf)
    assert agrees(lambda x, c: c(x).cumsum(-1), [conv], (1, 3, 16)).region(5) == (-math.inf, 6)

    def causal(x, conv, project):
        tokens = conv(x).transpose(1, 2)
        parts = project(tokens).chunk(3, -1)
        return F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2)

    assert agrees(causal, [conv, nn.Linear(4, 12)], (1, 3, 16)).halo() == (math.inf, 1)


def test_unfolded_windows_are_a_convolution():
    def unfolded(x, layer):
        columns = F.unfold(x, 3, padding=1).transpose(1, 2)
        return layer(columns).transpose(1, 2).reshape(1, 4, 16, 16)

    agrees(unfolded, [nn.Linear(27, 4)], (1, 3, 16, 16), (3, 3))
    agrees(lambda x, c: c(x.unfold(2, 5, 2).amax(-1)), [nn.Conv1d(2, 2, 3)], (1, 2, 21), 9)


def test_positions_made_anew_read_everything():
    parts = nn.Linear(64, 64), nn.Conv2d(4, 1, 3, padding=1)
    field = agrees(lambda x, a, c: c(a(x.flatten(2)).unflatten(2, (8, 8))), parts, (1, 4, 8, 8))
    assert field.is_everything
    mixer = nn.Linear(16, 16), nn.Conv1d(2, 2, 3, padding=1)
    assert agrees(lambda x, a, c: c(x + a(x)), mixer, (1, 2, 16)).is_everything


def test_pieces_of_a_map_in_a_circle_are_a_cyclic_shift_or_padding():
    turned = agrees(lambda x, c: c(torch.cat([x[..., 3:], x[..., :3]], -1)), [nn.Conv1d(2, 2, 3)], (1, 2, 12))
    assert turned.region(0) == (3, 5)
    padded = agrees(
        lambda x, c: c(torch.cat([x[..., -1:], x, x[..., :1]], -1)), [nn.Conv1d(2, 2, 3)], (1, 2, 12)
    )
    assert padded.region(0) == (-1, 1)


def test_what_cannot_be_expressed_is_refused_by_name():
    module = Function(lambda x, c: c(x.reshape(1, 2, 9, 4)), nn.Conv2d(2, 2, 3, padding=1))
    with pytest.raises(ValueError, match=r"aten.reshape .* reshapes \(1, 2, 4, 9\) to \(1, 2, 9, 4\)"):
        em.from_torch(module, (1, 2, 4, 9))
    module = Function(lambda x, c: c(torch.cat([x, c(x)], 2)), nn.Conv2d(2, 2, 3, padding=1))
    with pytest.raises(ValueError, match="concatenates different maps along axis 2, which is spatial"):
        em.from_torch(module, (1, 2, 8, 8))


def test_a_wrong_field_is_found():
    model = em.from_torch(Function(lambda x, c: c(x), nn.Conv1d(1, 2, 5, padding=2)), (1, 1, 32))
    wrong = em.from_torch(
        Function(lambda x, c: c(x), nn.Conv1d(1, 2, 5, padding=2)),
        (1, 1, 32),
        rules={"aten.conv1d": em.Conv(3, padding=1)},
    )
    larger = em.from_torch(
        Function(lambda x, c: c(x), nn.Conv1d(1, 2, 5, padding=2)),
        (1, 1, 32),
        rules={"aten.conv1d": em.Conv(7, padding=3)},
    )
    assert em.verify(model).ok
    assert not em.verify(wrong).is_inside
    assert "OUTSIDE" in str(em.verify(wrong))
    assert em.verify(larger).is_inside
    assert not em.verify(larger).ok
    assert em.verify(model).to_dict()["ok"] is True


def test_copies_beside_positions_are_positions_of_the_finer_map():
    def repeated(x, first, second):
        n, c, length = x.shape
        x = x[:, :, :, None].expand(n, c, length, 2).reshape(n, c, 2 * length)
        return second(x * torch.sigmoid(first(x)))

    parts = nn.Conv1d(2, 2, 3, padding=1), nn.Conv1d(2, 2, 3, padding=1)
    assert [phase.region for phase in agrees(repeated, parts, (1, 2, 12)).phases] == [(-1, 1), (-1, 1)]


def test_copies_of_a_running_sum_leave_the_other_axis():
    field = agrees(lambda x: x.cumsum(2).cumsum(2), [], (1, 2, 6, 7))
    assert field.region((3, 3)) == ((-math.inf, 3), (3, 3))


@pytest.mark.parametrize(("length", "count"), [(12, 5), (10, 4), (7, 3), (6, 4)])
def test_pools_of_uneven_windows_are_exact(length, count):
    pool = nn.AdaptiveAvgPool1d(count)
    agrees(lambda x, c, p: p(c(x)), [nn.Conv1d(2, 2, 3, padding=1), pool], (1, 2, length))
    agrees(lambda x, p: F.interpolate(p(x), size=length), [pool], (1, 2, length))


def test_transforms_read_their_axes():
    conv = nn.Conv2d(2, 2, 3, padding=1)
    assert agrees(lambda x, c: torch.fft.fft2(c(x)).abs(), [conv], (1, 2, 8, 8)).is_everything
    assert (
        agrees(lambda x, c: torch.fft.rfft(c(x), dim=2).abs(), [conv], (1, 2, 8, 8), (math.inf, 3))
        is not None
    )


def test_no_halo_makes_tiles_equal_where_corners_are_aligned():
    def stretched(x, first, last):
        inner = F.interpolate(first(F.avg_pool2d(x, 2)), scale_factor=2, mode="bilinear", align_corners=True)
        return last(x + inner)

    model = em.from_torch(
        Function(stretched, *(nn.Conv2d(2, 2, 3, padding=1) for _ in range(2))), (1, 2, 16, 16)
    )
    with pytest.raises(ValueError, match="no halo makes tiles equal to the whole"):
        em.receptive_field(model).halo()
    assert "Halo       none" in str(em.analyze(model)) or "Halo    none" in str(em.analyze(model))
    assert em.analyze(model).to_dict()["field"]["halo"] is None


def relative(scores, table, size):
    """Logits by relative position along rows, as attention has them: padded, flattened, cut anew."""
    n, w, _ = scores.shape
    logits = F.pad(scores @ table, (0, 1)).flatten(1)
    logits = F.pad(logits, (0, 2 * size - 1 - w)).reshape(n, w + 1, 2 * size - 1)
    return logits[:, :w, size - 1 :]


def test_relative_positions_keep_the_rows():
    def rows(x, project):  # attention along rows of a map
        n, c, h, w = x.shape
        tokens = x.permute(0, 2, 3, 1).reshape(n * h, w, c)
        query, key, value = project(tokens).chunk(3, -1)
        table = torch.ones(c, 2 * w - 1)
        mixed = torch.softmax(query @ key.transpose(1, 2) + relative(query, table, w), -1) @ value
        return mixed.reshape(n, h, w, c).permute(0, 3, 1, 2)

    assert agrees(rows, [nn.Linear(4, 12)], (1, 4, 6, 8)).size == (1, math.inf)


def test_windows_that_overlap_are_exact():
    def halo(x, query, both):  # blocks of 4, whose keys lie in windows of 6
        n, c, length = x.shape
        q = query(x).unfold(2, 4, 4).permute(0, 2, 3, 1)
        k = both(F.pad(x, (1, 1))).unfold(2, 6, 4).permute(0, 2, 3, 1)
        mixed = torch.softmax(q @ k.transpose(-1, -2), -1) @ k
        return mixed.reshape(n, length, c).transpose(1, 2)

    parts = nn.Conv1d(2, 2, 3, padding=1), nn.Conv1d(2, 2, 1)
    field = agrees(halo, parts, (1, 2, 16), 6)
    assert [phase.region for phase in field.phases] == [(-1, 4)] * 4


def _masked_attention(how, side):
    def attend(x, project):
        tokens = x.flatten(2).transpose(1, 2)
        query, key, value = project(tokens).chunk(3, -1)
        n = tokens.shape[1]
        full = torch.ones(n, n, dtype=torch.bool)
        out = full.triu(1) if side == "before" else full.tril(-1)
        if how == "flags":
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=~out)
        elif how == "numbers":
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=out * -1e9)
        else:
            scores = query @ key.transpose(-1, -2) / 2
            if how == "filled":
                scores = scores.masked_fill(out, float("-inf"))
            elif how == "added":
                scores = scores + torch.zeros(n, n).masked_fill(out, float("-inf"))
            elif how == "chosen":
                scores = torch.where(out, -1e9, scores)
            else:
                return ((scores * ~out) @ value).transpose(1, 2)
            seen = F.dropout(scores.softmax(-1), 0.1, False) @ value
        return (tokens + seen).transpose(1, 2)

    return attend


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("how", ["flags", "numbers", "filled", "added", "chosen", "linear"])
def test_constant_masks_of_one_side_are_read_as_such(how, side):
    module = Function(_masked_attention(how, side), nn.Linear(4, 12))
    model = em.from_torch(module, (1, 4, 12))
    region = (-math.inf, 5) if side == "before" else (5, math.inf)
    assert em.receptive_field(model).region(5) == region
    assert em.verify(model).ok


def test_masks_that_leave_out_less_or_more_than_a_side_read_both():
    def attend(x, project, is_shifted):
        tokens = x.transpose(1, 2)
        query, key, value = project(tokens).chunk(3, -1)
        mask = torch.ones(12, 12, dtype=torch.bool).triu(2) if is_shifted else torch.eye(12, dtype=torch.bool)
        scores = (query @ key.transpose(-1, -2)).masked_fill(mask, float("-inf"))
        return (scores.softmax(-1) @ value).transpose(1, 2)

    for is_shifted in (True, False):
        module = Function(lambda x, p, s=is_shifted: attend(x, p, s), nn.Linear(4, 12))
        model = em.from_torch(module, (1, 4, 12))
        assert em.receptive_field(model).region(5) == (-math.inf, math.inf)
        assert em.verify(model).is_inside


def test_small_numbers_in_masked_places_leave_nothing_out():
    def attend(x, project):
        query, key, value = project(x.transpose(1, 2)).chunk(3, -1)
        scores = (query @ key.transpose(-1, -2)).masked_fill(torch.ones(12, 12).triu(1).bool(), -1.0)
        return (scores.softmax(-1) @ value).transpose(1, 2)

    model = em.from_torch(Function(attend, nn.Linear(4, 12)), (1, 4, 12))
    assert em.receptive_field(model).region(5) == (-math.inf, math.inf)
