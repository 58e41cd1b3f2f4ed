"""The unit that is measured meets no border."""

import contextlib

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

from measuring import SAME, quietly  # noqa: E402

from erfmath.measured.gradients import measure  # noqa: E402
from erfmath.measured.unit import is_clear, middle_unit, natural_size  # noqa: E402


def test_the_natural_size_keeps_the_middle_unit_from_the_borders():
    for net in (SAME**6, em.Conv((3, 3), 2, padding=1) ** 3, SAME >> em.Upsample((2, 2)) >> SAME):
        measured = quietly(net, runs=2)
        inner = em.distribution(net, at=measured.unit)
        bordered = em.distribution(net, at=measured.unit, input_size=measured.input_size)
        assert np.allclose(inner.probabilities(), bordered.probabilities())


def test_the_natural_size_is_that_of_a_unit_that_sees_as_the_one_asked_for():
    net = em.zoo.unet(depth=2, ndim=1)
    field = em.receptive_field(net)
    for phase in range(4):
        size = natural_size(net, phase)
        (unit,) = middle_unit(field, em.output_size(net, size), phase)
        assert unit % 4 == phase
        assert is_clear(field, (unit,), size)
        for smaller in range(field.size, size[0]):
            with contextlib.suppress(ValueError):  # of what does not fit
                other = middle_unit(field, em.output_size(net, smaller), phase)
                assert not is_clear(field, other, smaller)
        found = measure(net, size, unit, runs=40, rng=0, progress=False)
        assert found.compare(em.distribution(em.variance(net), at=unit)).correlation > 0.9
    with pytest.raises(ValueError, match="a map of 2 units has no unit with the phase of unit 7"):
        middle_unit(field, 2, 7)


def test_a_natural_size_far_away_is_not_looked_for():
    net = em.Sum([em.Conv(2), em.Conv(1)])  # whose branches never fit
    with pytest.raises(ValueError, match="no size was found"):
        natural_size(em.Conv(2, dilation=10**6) >> net)
