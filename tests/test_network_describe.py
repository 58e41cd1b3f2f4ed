"""What layers are called in tables."""

from fractions import Fraction

import pytest

import erfmath as em
from erfmath.network.blocks import Blocks
from erfmath.network.channels import Rearranged
from erfmath.network.describe import describe
from erfmath.network.resize import Resize


class Strange(em.Node):
    """A layer from elsewhere."""

    ndim = rate = None

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"Strange({self.name!r})"


def convs(*sizes):
    return [em.Conv(size, padding=size // 2) for size in sizes]


def in_series(*sizes):
    return em.Series(convs(*sizes))


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (em.Conv((7, 7), stride=2, padding=3), "Conv 7x7 /2"),
        (em.Conv((3, 5), stride=(1, 2), dilation=(2, 3)), "Conv 3x5 /1x2 dilation 2x3"),
        (em.Conv(3, channels=8, groups=8), "Conv 3 depthwise"),
        (em.Pool((3, 3), 2, 1, "max"), "Pool 3x3 /2 max"),
        (em.ConvTranspose(4, stride=2), "ConvTranspose 4 x2"),
        (em.Upsample(2), "Upsample x2 nearest"),
        (Resize((4, 4), (0, 0), "linear", drift=(-3, -3)), "Resize x4 linear aligned"),
        (Resize((Fraction(3, 2), 2), (0, 0)), "Resize x3/2 x 2 nearest"),
        (em.Residual(em.Conv(1) >> em.Conv(3, padding=1) >> em.Conv(1)), "Residual: 1, 3, 1"),
        (em.Identity() + em.Conv(3, padding=1), "Sum: identity | 3"),
        (
            em.Concat([em.Conv(k, channels=1) >> em.Pool(9, 1) for k in range(1, 5)], [1] * 4),
            "Concat of 4 branches",
        ),
        (em.Conv(3, channels=8, groups=4), "Conv 3 groups 4"),
        (em.Conv(3, channels=8), "Conv 3"),
        (em.ConvTranspose((4, 3), (2, 3), dilation=2), "ConvTranspose 4x3 dilation 2 x2 x 3"),
        (em.Pool(3), "Pool 3 /3 avg"),
        (em.Pool((3, 2), 1, dilation=2), "Pool 3x2 dilation 2 avg"),
        (em.Pad([(1, 2)]), "Pad"),
        (em.Pad([(1, 2)], "circular"), "Pad circular"),
        (em.Slice(1), "Slice"),
        (em.Slice((1, 0), None, (1, 3)), "Slice /1x3"),
        (em.Upsample((2, 3), "linear"), "Upsample x2 x 3 linear"),
        (em.Activation("gelu"), "gelu"),
        (em.Dropout(Fraction(1, 4)), "dropout 0.25"),
        (em.Identity(), "identity"),
        (em.GlobalPool(), "Global pool"),
        (em.GlobalContext("before"), "Global context"),
        (em.Normalization("GroupNorm"), "GroupNorm"),
        (em.Graph({"a": (em.Conv(3), "input"), "b": (em.Conv(1), "a")}), "Graph of 2 layers"),
        (Blocks((4, 2), [[range(4)] * 4, [range(2)] * 2]), "Blocks of 4x2"),
        (Rearranged(em.Upsample((2, 2)), 4), "Channels to space"),
        (Rearranged(em.Conv(2, 2)), "Space to channels"),
        (em.Weighted(em.Conv(2, 2), [[[1.0, 2.0]]]), "Conv 2 /2"),
        (em.Conv(3, 2) ** 5, "5 x Conv 3 /2"),
        ((em.Conv(3) >> em.Activation("relu") >> em.Pool(2)) ** 5, "5 x (3, Pool 2 /2 avg)"),
        (em.Conv(3) ** 3 >> em.Conv(5) ** 4 >> em.Dropout(0.5), "3, 3, 3, 4 x (5)"),
        (em.Conv(3) ** 2 >> em.Residual(em.Conv(1)), "3, 3, Residual: 1"),
        (em.Residual(em.Conv(1), 2), "Residual, gain 2: 1"),
        # of 40 characters, and of one more
        (em.Residual(in_series(101, 103, 105, 107, 109, 11, 3)), "Residual: 101, 103, 105, 107, 109, 11, 3"),
        (em.Residual(in_series(101, 103, 105, 107, 109, 11, 13)), "Residual"),
        (em.Sum(convs(101, 103, 105, 107, 1001, 1003)), "Sum: 101 | 103 | 105 | 107 | 1001 | 1003"),
        (em.Sum(convs(101, 103, 105, 1001, 1003, 1005)), "Sum of 6 branches"),
        (Strange("x" * 30), "Strange('" + "x" * 28 + "..."),
        (Strange("x" * 29), "Strange('" + "x" * 29 + "')"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_descriptions(net, text):
    assert describe(net) == text
