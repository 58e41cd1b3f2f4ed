"""Proved bounds of mixtures, conditions and lattices, against fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em

KINDS = ("pmf", "cdf", "sf")


def binomial(n, share):
    return {k: math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)}


def exact(row, x, kind):
    """Return P(X = x), P(X <= x) or P(X > x) of {value: Fraction}, divided by its sum."""
    holds = {"pmf": lambda k: k == x, "cdf": lambda k: k <= x, "sf": lambda k: k > x}[kind]
    return sum((p for k, p in row.items() if holds(k)), Fraction(0)) / sum(row.values())


def assert_holds(d, row, points, relative=1e-9):
    for kind in KINDS:
        for x, low, high in zip(points, *d.enclose(points, kind), strict=True):
            truth = exact(row, x, kind)
            assert Fraction(low) <= truth <= Fraction(high), (x, kind)
            assert high - low <= relative * high


coins, rare = binomial(60, Fraction(1, 2)), binomial(80, Fraction(1, 8))
COINS, RARE = em.sum_of([0.5, 0.5], 60), em.sum_of([0.875, 0.125], 80)
mixed = {k: Fraction(1, 4) * coins.get(k, 0) + Fraction(3, 4) * rare[k] for k in rare}
MIXED = em.mixture([COINS, RARE], [0.25, 0.75])


def test_bounds_of_a_mixture_hold_its_number():
    assert_holds(MIXED, mixed, list(range(-1, 82)))


@given(st.integers(0, 80), st.integers(0, 80), st.sampled_from(["coins", "rare", "mixed"]))
def test_bounds_under_a_condition_hold_its_number(one, other, name):
    d, row = {"coins": (COINS, coins), "rare": (RARE, rare), "mixed": (MIXED, mixed)}[name]
    low, high = min(one, other, max(row)), min(max(one, other), max(row))
    inside = {k: p for k, p in row.items() if low <= k <= high}
    assert_holds(d.given(low, high), inside, [-1, low - 1, low, (low + high) // 2, high, high + 1, 90], 1e-8)


def test_bounds_on_a_lattice_are_those_of_its_integers():
    halves = em.sum_of({0.5: 0.5, 1.0: 0.5}, 60)
    assert halves.enclose([30.5, 30.7], "pmf")[1].tolist() == [COINS.enclose(1)[1], 0.0]
    assert halves.enclose(45.0, "sf") == COINS.enclose(30, "sf")


def test_a_condition_below_the_floats_is_between_0_and_1():
    far = em.sum_of([0.5, 0.5], 3000).given(low=2900)
    assert far.enclose(2900) == (0.0, 1.0)
    assert far.enclose(2899) == (0.0, 0.0)
    assert far.enclose([2899, 3000], "sf")[0].tolist() == [1.0, 0.0]


def test_a_computed_table_is_widened_by_its_error():
    low, high = em.LatticeDistribution.computed([0.5, 0.5], 0, error=1e-6).enclose(0)
    assert low < 0.5 * (1 - 1e-6) < 0.5 * (1 + 1e-6) < high


def test_what_has_no_bounds_says_so():
    poisson = pytest.importorskip("scipy.stats").poisson
    with pytest.raises(NotImplementedError, match="no proved bounds, as sums, mixtures of sums"):
        em.compound_sum(poisson(3), COINS).enclose(3)
    with pytest.raises(ValueError, match="kind must be one of"):
        MIXED.enclose(3, "logsf")
    assert np.isnan(MIXED.enclose(math.nan)).all()


def test_bounds_of_a_computed_table_leave_room_for_its_error():
    table = em.LatticeDistribution.computed([0.25, 0.75], 0, 1e-6)
    for kind, share in (("pmf", 0.25), ("cdf", 0.25), ("sf", 0.75)):
        low, high = table.enclose(0, kind)
        assert share * (1 - 4e-6) < low <= share * (1 - 1e-6)
        assert share * (1 + 1e-6) <= high < share * (1 + 4e-6)


@pytest.mark.parametrize(
    "d", [COINS.given(high=40), RARE.given(20), MIXED.given(2, 70), COINS.given(31, 31)], ids=repr
)
def test_beyond_a_condition_bounds_are_0_or_1(d):
    (low, high), kinds = d.support(), {"pmf": (0, 0), "cdf": (0, 1), "sf": (1, 0)}
    for kind, (before, after) in kinds.items():
        for ends in d.enclose([low - 9, low - 2, low - 1], kind):
            assert ends.tolist() == [before] * 3
        for ends in d.enclose([high + 1, high + 2, high + 9], kind):
            assert ends.tolist() == [after] * 3
    for kind, end in (("cdf", 1.0), ("sf", 0.0)):
        assert d.enclose(high, kind) == (end, end)
