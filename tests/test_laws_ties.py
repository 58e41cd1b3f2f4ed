"""Quantiles at values of the distribution function itself, against sums of integers."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st

import erfmath as em
from erfmath.laws.quantiles import tied

WEIGHTS = st.one_of(st.integers(0, 9), st.sampled_from([10**9, 10**13]))
ROWS = st.lists(WEIGHTS, min_size=2, max_size=7).filter(lambda row: row[0] and row[-1])
FAR = 10**7 + 1


def power(row, n):
    found = [1]
    for _ in range(n):
        found = [
            sum(row[k] * found[t - k] for k in range(len(row)) if 0 <= t - k < len(found))
            for t in range(len(found) + len(row) - 1)
        ]
    return found


def kinds(row, n):
    """The same law by several ways, each with where it starts and its step."""
    shares = [Fraction(weight, sum(row)) for weight in row]
    yield em.distribution(em.Kernel(row), n), 0, 1
    yield em.LatticeDistribution(em.distribution(em.Kernel(row), n).probabilities()), 0, 1
    yield em.sum_of(shares, n), 0, 1
    stepped = em.sum_of({0.5 + 0.25 * k: share for k, share in enumerate(shares)}, n)
    yield stepped, 0.5 * n, 0.25
    yield em.mixture([em.sum_of(shares, n)] * 2, [0.5, 0.5]), 0, 1


@example([1] * 12, 1)
@example([1] * 20, 1)
@example([1] * 6, 5)
@example([3, 0, 0, 1], 3)
@given(ROWS, st.integers(1, 4))
def test_each_value_of_the_distribution_function_is_reached_where_it_is_taken(row, n):
    exact = power(row, n)
    sums, total = list(itertools.accumulate(exact)), sum(exact)
    cdf = [Fraction(value, total) for value in sums]
    told = [x for x in range(len(cdf) - 1) if exact[x] and is_told(cdf, x)]
    lower, upper = (np.array([float(share) for share in part]) for part in halves(cdf, told))
    for law, start, step in kinds(row, n):
        at = start + step * np.array(told)
        np.testing.assert_array_equal(law.ppf(lower), at)
        np.testing.assert_array_equal(law.isf(upper), at)
        assert (law.ppf(lower * (1 + 1e-9)) > at)[lower < 1 - 1e-8].all()


def is_told(cdf, x):
    """Whether floats tell a value of the function from its others."""
    small = min(cdf[x], 1 - cdf[x])
    gaps = [abs(cdf[x] - other) for other in cdf if other != cdf[x]]
    return small > Fraction(1, 10**11) and min(gaps) > Fraction(8, 10**12) * small + Fraction(1, 2**51)


def halves(cdf, points):
    return [cdf[x] for x in points], [1 - cdf[x] for x in points]


@pytest.mark.parametrize("sides", range(2, 61, 2))
@pytest.mark.parametrize("dice", [1, 3, 5])
def test_the_median_of_an_odd_number_of_dice_is_below_the_middle(sides, dice):
    """The sum is as often above the half-integer in its middle as below."""
    die = em.sum_of({face: Fraction(1, sides) for face in range(1, sides + 1)})
    middle = dice * (sides + 1) // 2
    for law in (dice * die, em.distribution(em.Kernel([1] * sides, offset=1), dice)):
        assert law.median() == middle
        assert law.interval(0) == (middle, middle)


@pytest.mark.parametrize("n", [101, FAR, 10**9 + 1, 10**12 + 1])
def test_the_median_of_an_odd_number_of_coins(n):
    coins = em.distribution([1, 1], n)
    assert coins.median() == coins.isf(0.5) == n // 2
    assert coins.given(high=n).median() == n // 2
    assert em.distribution([1, 0, 0, 1], n).median() == 3 * (n // 2)


def test_ends_of_intervals_keep_the_digits_of_what_is_left_out():
    coins = em.distribution([1, 1], 50)
    for least in range(1, 4):
        left = 2 * Fraction(sum(math.comb(50, k) for k in range(least + 1)), 2**50)
        assert coins.interval(float(1 - left)) == (least, 49 - least)
    low, high = em.distribution([1, 1], 10**6).interval(1 - 1e-15)
    assert low + high == 10**6


@pytest.mark.parametrize(("given_as", "rows"), [("table", [1] * 10), ("long", [1] * 4001)])
def test_windows_leave_out_what_they_may(given_as, rows):
    law = em.distribution(rows)
    for k in (1, 2, 3, 4):
        start, shares = law.window(2 * k / len(rows))
        assert (start, len(shares)) == (k, len(rows) - 2 * k)


def test_a_window_does_not_begin_with_what_is_not_there():
    rare = em.mixture([em.sum_of({0: 1}), em.sum_of({5: 0.5, 9: 0.5})], [1e-20, 1.0 - 1e-20])
    start, shares = rare.window(1e-9)
    assert (start, shares.tolist()) == (5, [0.5, 0, 0, 0, 0.5])


def test_shares_that_the_steps_tell_are_not_ties():
    before, after = np.array([0.5, 0.5, 1e-20, 0.0]), np.array([0.5 + 1e-13, 0.6, 1e-19, 0.5])
    q = np.array([0.5 + 5e-14, 0.5 + 1e-13, 1e-20 * (1 + 1e-13), 1e-13])
    found = tied(q, before, after, 1.0)
    assert (found == q).tolist() == [True, False, False, True]
    assert (found[1:3] <= before[1:3]).all()


@given(ROWS, st.integers(1, 4), st.floats(1e-9, 1 - 1e-9))
def test_floats_of_the_functions_lead_back(row, n, q):
    """A quantile of a value that was read is where it was read, however small the step to it."""
    law = em.distribution(em.Kernel(row), n)
    assume(law.std() > 0)
    points = np.arange(law.support()[0], law.support()[1])
    points = points[law.pmf(points) > 0]
    for read, back in ((law.cdf, law.ppf), (law.sf, law.isf)):
        values = read(points)
        inside = (values > 0) & (values < 1)
        found = back(values[inside])
        assert (found <= points[inside]).all()
        np.testing.assert_allclose(read(found), values[inside], rtol=2e-12)
        np.testing.assert_allclose(read(found), values[inside], rtol=2e-12)
