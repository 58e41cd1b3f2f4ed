"""Superlevel sets of products of values on several axes, against the products one by one."""

import functools
import math

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from erfmath.laws.profiles import Profile
from erfmath.laws.shares import TIE, Level
from erfmath.laws.superlevels import Superlevels, count_above, negligible

ROWS = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any)


def profiles_of(rows):
    return [Profile(np.array(row, dtype=float), (0,), (len(row),)) for row in rows]


def products_of(rows):
    return functools.reduce(np.multiply.outer, [np.array(row) for row in rows]).ravel()


@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(0, 700))
@example([[1, 9], [9, 1]], 2)
@example([[1, 9], [9, 1], [2]], 17)
def test_products_above_a_level_are_counted(rows, level):
    products = products_of(rows)
    inside = products[products > level + 0.5]
    assert count_above(profiles_of(rows), level + 0.5) == len(inside)
    count, mass = Superlevels.of(profiles_of(rows), level / 2).above(level + 0.5)
    assert (count, mass) == (len(inside), pytest.approx(inside.sum()))


@given(st.lists(ROWS, min_size=1, max_size=3), st.floats(1e-3, 0.999))
def test_a_level_leaves_the_least_that_holds_the_share(rows, share):
    products = products_of(rows)
    found = Superlevels.of(profiles_of(rows), 0.0).level_of_mass(Level.holding(share))
    goal = share * products.sum() * (1 - TIE)
    inside = products[products > found]
    assert inside.sum() >= goal
    assert inside[inside > inside.min()].sum() < goal
    assert found == pytest.approx(inside.min(), rel=1e-11)


@pytest.mark.parametrize("rows", [[[1, 3]], [[1, 3], [2, 2]], [[1, 3], [0, 2], [1]]])
def test_nothing_exceeds_the_largest_product(rows):
    largest = math.prod(map(max, rows))
    for level in (largest, 2 * largest, math.inf):
        assert Superlevels.of(profiles_of(rows), level).above(level) == (0, 0.0)
        assert count_above(profiles_of(rows), level) == 0


def test_what_is_negligible_holds_no_hundredth_of_a_tie():
    rows = [[0, 4, 2], [1, 3]]
    assert negligible(profiles_of(rows), 0.5) == pytest.approx(TIE / 100 * 2 * 2)
    assert negligible(profiles_of(rows), 1e-14) == pytest.approx(1e-14 / 100 * 2 * 2)


def test_a_single_grid_is_ranked_whole():
    values = np.array([[3.0, 1.0], [2.0, 5.0]])
    found = Superlevels.of([Profile(values, (0, 0), (2, 2))], 1.5)
    assert (found.ranked.tolist(), found.sums.tolist(), found.others.tolist()) == (
        [5, 3, 2],
        [0, 5, 8, 10],
        [1],
    )


def test_the_last_axis_is_gone_through_and_the_others_are_ranked():
    found = Superlevels.of(profiles_of([[1, 2], [3, 5], [7, 4]]), 0.0)
    assert (found.ranked.tolist(), found.others.tolist()) == ([10, 6, 5, 3], [7, 4])


def test_an_entry_next_to_nothing_reaches_no_level():
    found = Superlevels.of([Profile(np.array([1e5, 1e-308]), (0,), (2,))] * 2, 0.0)
    assert found.above(1e3) == (1, 1e10)
    assert found.above(1e-310)[0] == 3
