"""A network with each type of layer that files know, with every kind of argument it takes."""

from fractions import Fraction

import numpy as np

import erfmath as em
from erfmath.network.blocks import Blocks
from erfmath.network.channels import Channels, Energies, Rearranged, Scaled
from erfmath.network.resize import Resize

FLOATS = np.array([[[0.1, -1e-300]], [[np.pi, 5e-324]]])

LAYERS = [
    em.Activation("1/2"),
    em.Activation("relu\n"),
    Channels([2, 0, -1, 1], 3, ndim=2),
    em.Concat([em.Conv(1, channels=32), em.Conv(3, padding=1, channels=96)], [32, 96]),
    em.Conv(3),
    em.Conv([Fraction(1, 3)] * 3),
    em.Conv([1 / 3] * 3),
    em.Conv([1.0, 2.0]),
    em.Conv([1, 2]),
    em.Conv([10**400, 1]),
    em.Conv(em.Kernel([[1, 2]], offset=(-1, 3)), (2, 1), (1, 3), [(1, 0), (0, 2)], "reflect", 8, 4),
    em.ConvTranspose((4, 2), stride=2, output_padding=(1, 0)),
    em.ConvTranspose(
        [1, 2, 1], stride=2, dilation=3, padding=[(1, 2)], output_padding=1, channels=6, groups=3
    ),
    em.Dropout(0.1),
    em.Dropout(Fraction(1, 3)),
    em.Dropout(0) >> em.Dropout(0.5),
    Energies(em.Conv([0.5, 0.25])),
    Blocks((4, 1), [[[0, 1, 2, 3]] * 4, [[0]]]),
    Blocks((2,), [[[0], [0, 1], [1, 2]]]),
    em.GlobalContext(),
    em.GlobalContext(("none", "before", "after", "both")),
    em.GlobalPool(),
    em.GlobalPool((True, False)),
    em.Graph({"1/2": (em.Conv(3), ("input", Fraction(1, 3))), "b": (em.Conv(1), "1/2")}, output="1/2"),
    em.Graph({"a": (em.Identity(), "input"), "b": (em.Conv(1), [("a", 3), ("input", 5)])}),
    em.Identity(),
    em.Normalization("GroupNorm"),
    em.Normalization(along=(False, True)),
    em.Pad([(1, 2), (0, 3)], "circular"),
    em.Pool((3, 2), 1, 1, "max", 2, ceil_mode=True),
    em.Pool(3, padding=1, count_include_pad=False),
    em.Power(em.Conv(3) >> em.Conv(1), 10**15),
    Rearranged(em.Upsample((2, 2)), 3),
    em.Residual(em.Conv(3, padding=1), Fraction(-1, 3)),
    em.Residual(em.Conv(3, padding=1), 1e-17),
    Resize((Fraction(3, 2), Fraction(2)), (Fraction(0), Fraction(-1, 2)), "cubic", "ceil", (), 2, True),
    Resize((Fraction(3, 2),), (Fraction(0),), drift=(Fraction(-1, 2),)),
    Scaled([0.1, -2.0], 1, [0.3, 4.0]),
    Scaled([0.1], 2),
    em.Series([]),
    em.Slice((1, 0), (None, -2), (1, 3)),
    em.Sum([em.Identity(), em.GlobalPool()], [1, -0.5]),
    em.Upsample((2, 3), "linear"),
    em.Weighted(em.Conv(2, padding=1, groups=2), FLOATS.transpose(0, 1, 2), 3),
    em.Weighted(em.ConvTranspose(2, stride=2), FLOATS.astype(np.float32)),
    em.Weighted(em.Conv((1, 2)), FLOATS.astype(np.float16)[:, :, None]),
]
