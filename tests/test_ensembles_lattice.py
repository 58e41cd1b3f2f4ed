"""Distances of neighbours, and wave numbers that tell positions apart: literals worked out by hand."""

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.lattice import counts_of, steps_of
from erfmath.network.program import program_of

RELU = em.Activation("relu")
SAME = em.Conv(3, padding=1)
LAST = em.Residual(SAME >> RELU)


def asked(net):
    return program_of(net, unrolled=True, pointwise=True)


@pytest.mark.parametrize(
    ("net", "steps", "unit"),
    [
        (LAST, [1, 1, 1, 1], 1),
        (em.Conv(3, 2) >> RELU >> em.Conv(5, 3), [1, 2, 2, 6], 1),
        (em.Upsample(2) >> em.Conv(3, 3) >> em.Conv(3), [2, 1, 3, 3], 2),
        (em.Upsample(2) >> em.Pool(2, 2), [2, 1, 2], 2),
        (em.Pool(2, 2) >> em.Upsample(3) >> em.Upsample(2, "linear"), [3, 6, 2, 1], 3),
    ],
)
def test_neighbours_are_so_many_parts_of_a_sample_apart(net, steps, unit):
    assert steps_of(asked(net)) == ([(step,) for step in steps], (unit,))


def test_axes_have_distances_of_their_own():
    net = em.Conv((3, 3), (2, 1)) >> em.Upsample((1, 2)) >> em.Conv((3, 3), (1, 3))
    assert steps_of(asked(net)) == ([(1, 2), (2, 2), (2, 1), (2, 3)], (1, 2))


def counts(net, *spreads):
    program = asked(net)
    return counts_of(program, *steps_of(program), spreads)


@pytest.mark.parametrize(
    ("net", "spreads", "expected"),
    [
        (LAST**3, (1.0,), (12,)),  # 8 deviations of a difference, 8 * 2**.5 = 11.3
        (LAST**3, (10.0,), (18,)),  # not more than the taps of one rate, 3 * 3**2 / 12, are wide
        (LAST**3, (0.0,), (1,)),
        (LAST**3, (1e-9,), (8,)),
        (em.Conv(101, padding=50), (1e-9,), (202,)),  # twice the longest kernel
        (em.Conv(201, padding=100), (1e-9,), (256,)),
        (em.Conv(51, dilation=2), (1e-9,), (204,)),
        (em.Conv(3, 2) >> em.Conv(5), (10.0,), (20,)),  # both behind the stride: (9 + 25)/12
        (em.Conv(5) >> em.Conv(3, 2), (10.0,), (18,)),  # the wider of two rates: 25/12, 16.3 by two
        (em.Upsample(2) >> em.Conv(9), (1.0,), (24,)),  # in halves of a sample: 8 * (2 * 4)**.5 = 22.6
        (em.Conv((3, 3)) ** 3, (1.0, 10.0), (8, 12)),  # 5 deviations: 7.1, 10.6
        (em.Conv((3, 3)) ** 3, (1.0, 0.0), (12, 1)),
        (em.Conv((51, 3)), (1e-9, 1e-9), (64, 8)),
        (em.Conv((51, 3, 3)), (1e-9, 1e-9, 1e-9), (32, 8, 8)),
        (em.Conv((9, 3, 3, 3)), (1e-9,) * 4, (8,) * 4),
        (em.Pool(1001, 1), (1e-9,), (2002,)),  # averages are followed further
        (em.Pool(1001, 1, mode="max"), (1e-9,), (256,)),
        (em.Pool((65, 3), 1), (1e-9, 1e-9), (130, 8)),
        (em.Pool(8192, 1), (1e-9,), (16384,)),
        (em.Pool((256, 3), 1), (1e-9, 1e-9), (512, 8)),
        (em.Pool((32, 3, 3), 1), (1e-9,) * 3, (64, 8, 8)),
        (em.Pool((8, 3, 3, 3), 1), (1e-9,) * 4, (16, 8, 8, 8)),
    ],
)
def test_wave_numbers_are_as_many_as_amplitudes_need(net, spreads, expected):
    assert counts(net, *spreads) == expected


@pytest.mark.parametrize(
    ("sides", "positions"), [((8193,), 8192), ((257, 3), 256), ((33, 3, 3), 32), ((9, 3, 3, 3), 8)]
)
def test_averages_that_need_more_are_refused(sides, positions):
    words = f"followed over {positions} positions of an axis, and those of net need {positions + 1};"
    with pytest.raises(ValueError, match=words):
        counts(em.Pool(sides, 1), *np.full(len(sides), 1e-9))
