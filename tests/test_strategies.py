import math
from fractions import Fraction

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from erfmath import Kernel, LatticeDistribution
from erfmath.strategies import distributions, kernels


def find(strategy, condition):
    """The smallest example that meets the condition."""
    return hypothesis.find(
        strategy, condition, settings=settings(max_examples=300, derandomize=True, database=None)
    )


def interval(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)


@given(st.data(), interval(1, 3), interval(1, 4), interval(-5, 5))
def test_kernels_respect_their_bounds(data, dims, side, offset):
    kernel = data.draw(
        kernels(
            min_dims=dims[0],
            max_dims=dims[1],
            min_side=side[0],
            max_side=side[1],
            min_offset=offset[0],
            max_offset=offset[1],
        )
    )
    assert isinstance(kernel, Kernel)
    assert dims[0] <= kernel.ndim <= dims[1]
    assert all(side[0] <= k <= side[1] for k in kernel.shape)
    assert all(offset[0] <= o <= offset[1] for o in kernel.offsets)
    assert {type(weight) for _, weight in kernel.taps()} == {Fraction}
    assert all(0 <= weight <= 9 and weight.denominator == 1 for _, weight in kernel.taps())


@given(st.data(), interval(1, 9), interval(-20, 20))
def test_distributions_respect_their_bounds(data, size, offset):
    law = data.draw(
        distributions(min_size=size[0], max_size=size[1], min_offset=offset[0], max_offset=offset[1])
    )
    assert isinstance(law, LatticeDistribution)
    low, high = law.support()
    assert size[0] <= high - low + 1 <= size[1]
    assert offset[0] <= low <= offset[1]
    assert math.isclose(math.fsum(law.probabilities()), 1)


@pytest.mark.parametrize(
    ("strategy", "shape", "kernel"),
    [
        (kernels(), lambda k: True, Kernel([1])),
        (kernels(max_dims=2, max_side=3), lambda k: True, Kernel([1])),
        (kernels(), lambda k: len(k.weights) > 2, Kernel([0, 0, 1])),
        (kernels(min_dims=2, max_dims=2), lambda k: True, Kernel([[1]])),
        (kernels(min_offset=-3, max_offset=3), lambda k: k.offset < 0, Kernel([1], offset=-1)),
        (kernels(elements=st.integers(-9, 9)), lambda k: not k.is_nonnegative, Kernel([-1])),
        (kernels(elements=st.fractions(0, 1)), lambda k: k.total < 1, Kernel([Fraction(1, 2)])),
    ],
    ids=["one tap", "one axis", "zeros", "two axes", "offset", "signed", "rational"],
)
def test_kernels_shrink_to_the_smallest(strategy, shape, kernel):
    assert find(strategy, shape) == kernel


def test_distributions_shrink_to_a_point_then_to_equal_probabilities():
    point = find(distributions(), lambda law: True)
    assert (point.support(), point.probabilities().tolist()) == ((0, 0), [1])
    pair = find(distributions(), lambda law: law.var() > 0)
    assert (pair.support(), pair.probabilities().tolist()) == ((0, 1), [0.5, 0.5])


@pytest.mark.parametrize(
    "reaches",
    [
        lambda k: k.weights[0] == 0 == k.weights[-1] and k.total > 0,
        lambda k: len(k.weights) == 5 and 0 in k.weights[1:-1] and k.weights[0] and k.weights[-1],
        lambda k: max(k.weights) == 9,
    ],
    ids=["outer zeros", "inner zero", "largest weight"],
)
def test_kernels_reach_their_corners(reaches):
    assert reaches(find(kernels(), reaches))


def test_distributions_reach_inner_zeros_and_small_tails():
    assert find(distributions(), lambda law: 0 in law.probabilities()).var() > 0
    assert find(distributions(), lambda law: 0 < law.probabilities().min() < 1e-5).var() > 0


@given(st.data())
def test_kernels_are_never_all_zero(data):
    mostly_zero = st.sampled_from([0, 0, 0, 0, 1])
    assert data.draw(kernels(elements=mostly_zero, max_side=2)).total > 0


@pytest.mark.parametrize("strategy", [kernels, distributions])
def test_bounds_are_checked_when_the_strategy_is_made(strategy):
    for name in ("offset", "dims" if strategy is kernels else "size"):
        with pytest.raises(InvalidArgument, match=f"min_{name}=3 must not exceed max_{name}=2"):
            strategy(**{f"min_{name}": 3, f"max_{name}": 2})
        with pytest.raises(InvalidArgument, match=f"min_{name}=1.5 must be an int"):
            strategy(**{f"min_{name}": 1.5})
        with pytest.raises(InvalidArgument, match=f"max_{name}=True must be an int"):
            strategy(**{f"max_{name}": True})


@pytest.mark.parametrize(
    ("strategy", "options", "words"),
    [
        (kernels, {"min_side": 0}, "min_side=0 must be at least 1"),
        (kernels, {"min_dims": 0}, "min_dims=0 must be at least 1"),
        (kernels, {"min_side": 9}, "min_side=9 must not exceed max_side=5"),
        (kernels, {"elements": [1, 2]}, "must be a strategy"),
        (distributions, {"min_size": 0}, "min_size=0 must be at least 1"),
        (distributions, {"max_size": 0}, "must not exceed max_size=0"),
    ],
)
def test_bad_bounds_raise_invalid_argument(strategy, options, words):
    with pytest.raises(InvalidArgument, match=words):
        strategy(**options)


@pytest.mark.parametrize("strategy", [kernels, distributions])
def test_bounds_are_keyword_only(strategy):
    with pytest.raises(TypeError):
        strategy(1)
