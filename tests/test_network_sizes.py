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


@pytest.mark.parametrize(
    ("net", "size", "expected"),
    [
        (em.Sum([em.GlobalPool(), em.Conv(3, padding=2)]), 8, 10),
        (em.Sum([em.Conv(3, padding=2), em.GlobalPool()]), 8, 10),
        (em.Sum([em.GlobalPool(), em.GlobalPool()]), 8, 1),
        (em.Sum([em.GlobalPool((True, False)), em.Conv((3, 3), padding=(2, 1))]), (8, 5), (10, 5)),
        (em.Sum([em.GlobalPool((True, False)), em.GlobalPool((False, True))]), (8, 5), (8, 5)),
        (em.GlobalPool((True, False)) >> em.Conv((1, 3)), (8, 5), (1, 3)),
        (em.GlobalContext(("none", "before")), (8, 5), (8, 5)),
        (em.Normalization(along=(True, False)), (8, 5), (8, 5)),
        (em.Conv(3, 2) ** 2, 15, 3),
        (em.Pool(3, 2, 1, ceil_mode=True), 6, 4),
        (em.Pool(2, 3, 1, ceil_mode=True), 7, 3),  # the fourth window would begin behind the map
        (em.Conv(3, padding=2, padding_mode="reflect"), 3, 5),
        (em.Conv(3, padding=3, padding_mode="circular"), 3, 7),
        (em.Conv(3, padding=9, padding_mode="replicate"), 3, 19),
        (em.Identity(), (8, 5), (8, 5)),
    ],
    ids=repr,
)
def test_sizes_where_branches_are_single_values(net, size, expected):
    assert em.output_size(net, size) == expected


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: em.valid_input_sizes(em.Conv(3), 0), "^largest must be at least 1, got 0"),
        (lambda: em.valid_input_sizes(em.Conv(3), 10**5 + 1), "^largest must be at most 100000"),
        (lambda: em.valid_input_sizes(em.Conv(3), 2.5), "^largest must be an int"),
        (lambda: em.valid_input_sizes("net"), "^net must be a network"),
        (
            lambda: em.output_size(em.Conv(3, padding=3, padding_mode="reflect"), 3),
            r"^input_size 3 is too small: the reflect padding of Conv\(3, padding=3, .* its 3 samples",
        ),
        (
            lambda: em.output_size(
                em.Conv((3, 3), padding=((0, 0), (0, 4)), padding_mode="circular"), (9, 3)
            ),
            r"^input_size \(9, 3\) is too small: the circular padding of .* is wider than its 3 samples",
        ),
        (
            lambda: em.output_size(em.Pool(2) >> em.Sum([em.Conv(2), em.Conv(3)]), 9),
            r"^input_size 9 makes branches of different sizes, 2 and 3, which Sum\(.*\) joins",
        ),
        (
            lambda: em.output_size(em.Pool((2, 2)) >> em.Conv((1, 3)), (9, 4)),
            r"^input_size \(9, 4\) is too small: Conv\(\(1, 3\)\) gets \(4, 2\) samples",
        ),
        (lambda: em.output_size(em.Conv((3, 3)), 0), "^input_size must be at least 1 on every axis"),
    ],
)
def test_what_does_not_fit_is_told_with_all_its_numbers(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_sizes_up_to_the_largest_on_each_axis():
    assert em.valid_input_sizes(em.Conv(500))[-1] == 512
    assert em.valid_input_sizes(em.Conv(4), 3) == ()
    assert em.valid_input_sizes(em.Conv((3, 1), (2, 1)), 6) == ((3, 4, 5, 6), (1, 2, 3, 4, 5, 6))
    assert em.valid_input_sizes(em.Conv((3, 1), (2, 3)), 7, exact=True) == ((3, 5, 7), (1, 4, 7))
    # Taps that cancel along an axis are read all the same.
    signed = em.Conv([[1, 1], [-1, -1]], padding=((0, 0), (0, 0)))
    assert em.valid_input_sizes(signed, 3) == ((2, 3), (2, 3))
    assert em.valid_input_sizes(em.Pool(3, 2, ceil_mode=True), 5, exact=True) == (2, 3, 4, 5)
    both = em.Conv(3, 2) >> em.Conv(3, 1) >> em.Conv(1, 3)
    assert em.valid_input_sizes(both, 20, exact=True) == (7, 13, 19)
