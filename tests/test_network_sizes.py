"""How many samples layers make, against plain loops."""

import re

import numpy as np
import pytest
from oracles_border import evaluate

import erfmath as em


def brute_force_sizes(net, largest):
    found = []
    for size in range(1, largest + 1):
        try:
            evaluate(net, np.zeros(size))
        except ValueError:
            continue
        found.append(size)
    return tuple(found)


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3, stride=2) >> em.Pool(2),
        em.zoo.unet(depth=2, ndim=1),
        em.Residual(em.Conv(3, padding=1) >> em.Pool(3, 1, 1)),
        em.Pool(3, 2, 1, ceil_mode=True) >> em.ConvTranspose(2, 2),
    ],
)
def test_valid_sizes_are_those_that_run(net):
    assert em.valid_input_sizes(net, 40) == brute_force_sizes(net, 40)


def test_exact_sizes_leave_no_sample_unread():
    net = em.Conv(3, stride=2) >> em.Conv(3, stride=2)
    for size in em.valid_input_sizes(net, 40, exact=True):
        last = em.output_size(net, size) - 1
        assert em.receptive_field(net).region(last)[1] == size - 1
    assert em.valid_input_sizes(em.Conv((3, 2), stride=(2, 1)), 5, exact=True) == ((3, 5), (2, 3, 4, 5))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: em.output_size(em.Conv(5), 4), ValueError, "input_size 4 is too small: Conv(5) gets 4"),
        (lambda: em.output_size(em.Conv(3), 0), ValueError, "input_size must be at least 1"),
        (lambda: em.output_size(em.Conv(3), (3, 3)), ValueError, "input_size must be an int or 1"),
        (lambda: em.output_size("conv3", 4), TypeError, "net must be a network"),
        (
            lambda: em.output_size(em.Residual(em.Conv(3)), 8),
            ValueError,
            "different sizes, 6 and 8",
        ),
        (
            lambda: em.output_size(em.Conv(9, padding=4, padding_mode="reflect"), 4),
            ValueError,
            "the reflect padding of Conv(9, padding=4, padding_mode='reflect') is wider",
        ),
    ],
)
def test_sizes_that_do_not_fit_name_the_layer(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
