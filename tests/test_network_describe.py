"""What layers are called in tables."""

from fractions import Fraction

import pytest

import erfmath as em
from erfmath.network.describe import describe
from erfmath.network.resize import Resize


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
    ],
)
def test_descriptions(net, text):
    assert describe(net) == text
