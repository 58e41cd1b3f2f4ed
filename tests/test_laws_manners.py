"""What points, shares and sizes may be, and what they become."""

import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.laws.manners import as_size, floor_of, log_complement, outwards, real_array


@pytest.mark.parametrize("kind", ["?", "b", "B", "h", "H", "i", "I", "q"])
def test_integers_become_int64(kind):
    found = real_array(np.array([0, 1], dtype=kind), "x")
    assert (found.dtype, found.tolist()) == (np.int64, [0, 1])


@pytest.mark.parametrize("kind", ["e", "f", "d", "g"])
def test_floats_become_float64(kind):
    found = real_array(np.array([0.5, -2], dtype=kind), "x")
    assert (found.dtype, found.tolist()) == (np.float64, [0.5, -2.0])


def test_larger_integers_stay_exact():
    assert real_array(np.array([2**64 - 1], dtype=np.uint64), "x").tolist() == [2**64 - 1]
    assert real_array([10**30, -1], "x").tolist() == [10**30, -1]


@pytest.mark.parametrize(
    ("size", "shape"),
    [(None, None), (0, (0,)), (3, (3,)), ((), ()), ((0,), (0,)), ([2, 0], (2, 0)), (np.int8(2), (2,))],
)
@pytest.mark.parametrize("n", [5, 10**6])
def test_a_size_is_none_an_int_or_ints(size, shape, n):
    assert as_size(size) == shape
    drawn = em.distribution([1, 1], n).rvs(size, rng=1)
    assert type(drawn) is int if shape is None else drawn.shape == shape


@pytest.mark.parametrize("size", [-1, (2, -1), (-1, 2)])
def test_a_negative_size_is_refused(size):
    with pytest.raises(ValueError, match="size must not be negative, got "):
        as_size(size)


def test_floors_end_at_62_bits():
    places, undefined = floor_of(np.array([-0.5, 1.9, math.nan, math.inf, -1e300]))
    assert (places.dtype, places.tolist()) == (np.int64, [-1, 1, 0, 2**62, -(2**62)])
    assert undefined.tolist() == [False, False, True, False, False]
    places, undefined = floor_of(np.array([10**30, -(10**30), 2**62, 7], dtype=object))
    assert (places.dtype, places.tolist()) == (np.int64, [2**62, -(2**62), 2**62, 7])
    assert undefined.tolist() == [False] * 4


def test_logs_above_one_half_are_those_of_what_is_left():
    tiny = np.array([1e-300, 1e-20, 0.4])
    np.testing.assert_allclose(log_complement(np.zeros(3), np.log(tiny)), np.log1p(-tiny), rtol=1e-13)
    low = np.log([1e-300, 1e-20, 0.4999])
    np.testing.assert_array_equal(log_complement(low, np.log1p(-np.exp(low))), low)


def test_bounds_are_the_next_floats_outside():
    low, high = outwards(Fraction(1, 3), Fraction(1, 3))
    assert Fraction(low) < Fraction(1, 3) < Fraction(high)
    assert math.nextafter(low, 1.0) == high
    assert outwards(Fraction(1, 2), Fraction(3, 4)) == (0.5, 0.75)
    assert outwards(Fraction(-1, 3), Fraction(4, 3)) == (0.0, 1.0)
