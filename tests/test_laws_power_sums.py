"""Moments of tables, exactly, and of conditions on millions of points, whose logarithms are not taken."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from oracles import exact_cumulants

import erfmath as em
from erfmath.laws import power_sums, truncated
from erfmath.laws.power_sums import exact_power_sums

FLOATS = st.lists(st.floats(0, 1e300, allow_subnormal=True), min_size=1, max_size=12)


@example([5e-324, 0.0, 1e300, 1.0])
@example([0.0])
@given(FLOATS)
def test_sums_of_powers_are_those_of_fractions(weights):
    for order in (0, 1, 5):
        want = [sum(Fraction(w) * i**r for i, w in enumerate(weights)) for r in range(order + 1)]
        assert exact_power_sums(np.array(weights), order) == want


@given(FLOATS)
def test_blocks_add_up(weights):
    whole = exact_power_sums(np.array(weights), 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(power_sums, "_BLOCK", 3)
        assert exact_power_sums(np.array(weights), 3) == whole


def test_cumulants_of_a_table_are_exact():
    shares = np.array([0.125, 0.5, 0.0, 2.0**-60, 0.375 - 2.0**-60])
    law = em.LatticeDistribution(shares, offset=10**9)
    exact = [Fraction(p) for p in law.probabilities().tolist()]
    truth = exact_cumulants({10**9 + k: p / sum(exact) for k, p in enumerate(exact)}, 6)
    assert law.cumulants(6) == tuple(float(k) for k in truth)


@pytest.mark.parametrize("n", [10**10, 10**11])
def test_half_of_a_long_sum_has_the_moments_of_half_a_normal(n):
    law, sigma, lift = (
        em.distribution([1, 1], n).given(low=n // 2 + 1),
        math.sqrt(n) / 2,
        math.sqrt(2 / math.pi),
    )
    assert (law.mean() - n // 2) / sigma == pytest.approx(lift, rel=2 / sigma)
    assert law.var() / sigma**2 == pytest.approx(1 - lift**2, rel=2 / sigma)


def test_the_bulk_of_a_condition_is_a_row_of_the_whole(monkeypatch):
    """No logarithm of a point is taken, unless the row would be no floats."""
    law = em.distribution([1, 1], 10**8).given(low=5 * 10**7 + 1)
    assert law._logs is None
    monkeypatch.setattr(truncated.TruncatedDistribution, "logpmf", None)
    monkeypatch.setattr(truncated.TruncatedDistribution, "_points", None)
    assert law.mean() == pytest.approx(5 * 10**7 + 5000 * math.sqrt(2 / math.pi), abs=1)


@pytest.mark.parametrize("low", [10**6, 550_000, 517_000, 400_000])
def test_far_conditions_and_near_ones_agree_with_the_row(monkeypatch, low):
    n = 10**6
    law = em.distribution([1, 1], n).given(low=low)
    row = law.cumulants(4)
    monkeypatch.setattr(truncated, "_SUMMED", 0)
    again = em.distribution([1, 1], n).given(low=low)
    assert again.cumulants(4) == pytest.approx(row, rel=1e-9, abs=1e-6)


def test_high_cumulants_have_the_tails_that_they_need(monkeypatch):
    """What a share of 1e-20 leaves out is 1e-8 of the 24th cumulant of coins from their middle on."""
    n, order = 2000, 24
    row = [math.comb(n, n // 2 + k) for k in range(n // 2 + 1)]
    moments = [Fraction(sum(w * k**r for k, w in enumerate(row)), sum(row)) for r in range(order + 1)]
    truth = []
    for r in range(1, order + 1):
        mixed = (math.comb(r - 1, j - 1) * truth[j - 1] * moments[r - j] for j in range(1, r))
        truth.append(moments[r] - sum(mixed))
    monkeypatch.setattr(truncated, "_SUMMED", 0)
    found = em.distribution([1, 1], n).given(low=n // 2).cumulants(order)
    assert found[1:12] == pytest.approx([float(k) for k in truth[1:12]], rel=1e-9)
    assert found[-1] == pytest.approx(float(truth[-1]), rel=1e-9)
    assert len(found) == order
