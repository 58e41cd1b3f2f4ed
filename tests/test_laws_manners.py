"""What points, shares and sizes may be, and what they become."""

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.laws import univariate
from erfmath.laws.manners import (
    as_generator,
    as_size,
    floor_of,
    log_complement,
    of_points,
    of_shares,
    outwards,
    real_array,
)


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


class Box:
    """Ten points, and what its methods are asked for."""

    def __init__(self, high=9):
        self.high = high

    def support(self):
        return 0, self.high


def test_a_method_of_points_gets_those_of_the_support_and_its_neighbours():
    def plus_half(self, x):
        """Say more."""
        assert x.dtype == np.int64
        return x + 0.5

    method, other = of_points(off_lattice=-7.0)(plus_half), of_points()(plus_half)
    asked = [-(10.0**30), -1, 0, 3.5, 4.0, 9, 10, math.inf, math.nan]
    np.testing.assert_array_equal(method(Box(), asked), [-0.5, -0.5, 0.5, -7, 4.5, 9.5, 10.5, 10.5, math.nan])
    np.testing.assert_array_equal(other(Box(), asked), [-0.5, -0.5, 0.5, 3.5, 4.5, 9.5, 10.5, 10.5, math.nan])
    assert method(Box(math.inf), 2**63) == 2.0**62 + 0.5
    assert type(method(Box(), 3)) is float
    assert method(Box(), np.zeros((2, 0))).shape == (2, 0)
    is_as_written(method, plus_half, "x")
    with pytest.raises(TypeError, match="x must be real numbers"):
        method(Box(), "a")


def test_a_method_of_shares_gets_those_within_0_and_1():
    def doubled(self, q):
        """Say more."""
        assert q.dtype == float
        assert ((q >= 0) & (q <= 1)).all()
        return 2 * q

    method = of_shares(doubled)
    asked = [-0.1, 0, 0.25, 1, 1.1, math.nan]
    np.testing.assert_array_equal(method(Box(), asked), [math.nan, 0, 0.5, 2, math.nan, math.nan])
    np.testing.assert_array_equal(method(Box(), [10**400, -(10**400), 1, 0]), [math.nan, math.nan, 2, 0])
    assert type(method(Box(), 1)) is float
    is_as_written(method, doubled, "q")
    with pytest.raises(TypeError, match="q must be real numbers"):
        method(Box(), "a")


def is_as_written(method, function, name):
    """Its name and its words are the function's, and its signature says that anything may come."""
    assert (method.__name__, method.__doc__) == (function.__name__, function.__doc__)
    assert list(inspect.signature(method).parameters) == ["self", name]
    assert method.__annotations__ == {name: "Any", "return": "Any"}
    assert not hasattr(method, "__wrapped__")


def test_an_operation_is_entered_by_its_name(monkeypatch):
    monkeypatch.setattr(univariate, "_OPERATIONS", {})

    def convolve(left, right):
        return left, right

    assert univariate.operation(convolve) is convolve
    assert {"convolve": convolve} == univariate._OPERATIONS


def test_a_generator_is_one_or_is_seeded():
    generator = np.random.default_rng(5)
    assert as_generator(generator) is generator
    assert as_generator(7).random() == np.random.default_rng(7).random()
    for rng, error in ((-1, ValueError), ("a", TypeError)):
        with pytest.raises(
            error, match=r"rng must be a numpy.random.Generator, a seed \(an int, at least 0\)"
        ):
            as_generator(rng)
