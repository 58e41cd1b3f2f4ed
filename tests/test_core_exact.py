"""Exact rows: the same integers and fractions whichever way they are computed, against sums of products."""

import importlib.util
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from erfmath.core import exact, flint, miller, running

HAS_FLINT = importlib.util.find_spec("flint") is not None
WAYS = [False, *([True] if HAS_FLINT else [])]

weights = st.lists(st.integers(-9, 9), min_size=1, max_size=6).filter(any)
wide = st.builds(lambda w, k: [w] * k, st.integers(-3, 3).filter(bool), st.integers(2, 12))
factors = st.lists(st.tuples(weights | wide, st.integers(0, 4)), min_size=1, max_size=5)


def by_convolution(factors):
    """The product of powers, a factor after the other, by the definition."""
    row = [1]
    for taps, n in factors:
        for _ in range(n):
            new = [0] * (len(row) + len(taps) - 1)
            for i, a in enumerate(row):
                for j, b in enumerate(taps):
                    new[i + j] += a * b
            row = new
    return row


@pytest.fixture(params=WAYS, ids=["python", "flint"][: len(WAYS)])
def way(request, monkeypatch):
    """With FLINT wherever there are factors, and without it."""
    monkeypatch.setattr(flint, "is_worth", lambda length, steps, count: request.param)
    return request.param


@given(factors)
@pytest.mark.parametrize("is_worth", WAYS)
def test_rows_are_sums_of_products(is_worth, factors):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flint, "is_worth", lambda length, steps, count: is_worth)
        found = exact.integer_product(factors)
    assert found == by_convolution(factors)
    assert {type(value) for value in found} == {int}


@pytest.mark.parametrize(
    "factors", [[([1, -1], 3), ([2, 1, 2], 2)], [([1, 0, -1], 1)], [([1, -1], 2), ([1, 1], 1)]]
)
def test_mirrored_rows_have_the_right_sign(way, factors):
    assert exact.integer_product(factors) == by_convolution(factors)


def test_dice_of_3_to_80_sides(way):
    dice = [([1] * sides, 1) for sides in range(3, 81)]
    row = exact.integer_product(dice)
    assert sum(row) == math.factorial(80) // 2
    assert row == row[::-1]
    assert row[:4] == [1, 78, math.comb(79, 2), math.comb(80, 3) - 1]  # only the first die shows no 3
    mean = Fraction(len(row) - 1, 2)
    variance = sum((t - mean) ** 2 * value for t, value in enumerate(row)) / sum(row)
    assert variance == sum(Fraction(k * k - 1, 12) for k in range(3, 81))


fractions = st.lists(st.fractions(-3, 3, max_denominator=12), min_size=1, max_size=5).filter(any)


@given(fractions, st.integers(0, 5))
def test_fractions_are_in_lowest_terms(taps, n):
    found = exact.product([(np.array(taps, dtype=object), n)], (n * (len(taps) - 1) + 1,)).tolist()
    expected = by_convolution([(taps, n)])
    assert found == expected
    assert [hash(value) for value in found] == [hash(value) for value in expected]
    for value in found:
        assert isinstance(value, int if value == int(value) else Fraction)
        assert value + Fraction(1, 7) - Fraction(1, 7) == value
        assert math.gcd(value.numerator, value.denominator) == 1


@given(st.lists(st.integers(-(10**9), 10**9)), st.sampled_from([2, 4, 6, 12, 30, 49]), st.integers(1, 40))
def test_values_over_a_power_are_fractions(values, base, n):
    found, expected = exact.reduced(values, base**n, base), [Fraction(value, base**n) for value in values]
    assert found == expected
    assert [value.denominator for value in found] == [value.denominator for value in expected]


def test_values_may_have_more_in_common_than_a_number_of_30_bits_shows():
    values = [3**40, 5 * 3**60, -(3**19), 3**18, 0, 2**70 * 3]
    assert exact.reduced(values, 3**50, 3) == [Fraction(value, 3**50) for value in values]
    assert exact.reduced(values, 6**50, 6)[-1].denominator == Fraction(values[-1], 6**50).denominator


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9), weights.filter(lambda taps: taps[0]))
def test_running_sums_are_products(row, taps):
    kernel = {j: weight for j, weight in enumerate(taps) if weight}
    length = len(row) + max(kernel)
    assert running.times(row, kernel) == by_convolution([(row, 1), (taps, 1)])[:length]


def test_equal_taps_take_three_passes_however_many():
    assert running.passes(dict.fromkeys(range(1000), 7)) == 3
    assert running.passes({0: 1, 1: 5, 2: 3}) == 3


def test_flint_is_not_asked_where_it_is_slower():
    assert not flint.is_worth(10**6, 2, 1)  # a kernel of three taps
    assert not flint.is_worth(10**4, 12, 6)  # six of them, often
    assert not flint.is_worth(20, 100, 1)
    assert flint.is_worth(10**5, 100, 1) == HAS_FLINT


def test_without_flint_nothing_is_asked_of_it(monkeypatch):
    monkeypatch.setattr(flint, "_is_installed", lambda: False)
    assert not flint.is_worth(10**6, 10**3, 1)


def test_mirrored_factors_are_known():
    assert miller.mirror_sign({0: 1, 2: 1}) == 1
    assert miller.mirror_sign({0: 1, 2: -1}) == -1
    assert miller.mirror_sign({0: 1, 1: 3}) == 0
