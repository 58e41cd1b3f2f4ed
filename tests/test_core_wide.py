"""Wide kernels: every point, tail and quantile, at any depth, against exact integers."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from oracles_tails import exact_shares, integer_power

import erfmath as em

flint = pytest.importorskip("flint", reason="rows of wide kernels in exact integers take python-flint")


def check_against_integers(weights, n, places):
    """The pmf, both tails and the quantile at some places of the row, each to a relative 1e-12."""
    row = np.array(integer_power(weights, n), dtype=object)
    total, found = sum(row), em.distribution(weights, n)
    lower = np.cumsum(row)
    for t in {min(len(row) - 1, max(0, round(place * (len(row) - 1)))) for place in places}:
        share, below, above = row[t] / total, lower[t] / total, (total - lower[t]) / total
        for value, truth in ((found.pmf(t), share), (found.cdf(t), below), (found.sf(t), above)):
            if truth > 1e-300:
                assert value == pytest.approx(truth, rel=1e-12, abs=0)
    for q in (1e-9, 0.3, 0.98):
        at = int(found.ppf(q))
        assert lower[at] / total >= q * (1 - 1e-12)
        assert at == 0 or lower[at - 1] / total <= q * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("taps", "n"), [(160, 20), (300, 60), (1000, 6), (1000, 40), (300, 400)])
def test_flat_kernels(taps, n):
    check_against_integers([1] * taps, n, [0.02, 0.31, 0.5, 0.52, 0.9])


@settings(max_examples=8)
@given(
    st.integers(0, 2**32),
    st.integers(60, 400),
    st.integers(5, 60),
    st.lists(st.floats(0.05, 0.95), max_size=3),
)
def test_random_kernels(seed, taps, n, places):
    weights = np.random.default_rng(seed).integers(0, 1000, taps).tolist()
    weights[0], weights[-1] = 1, 1
    check_against_integers(weights, n, [0.5, *places])


@pytest.mark.parametrize(("taps", "n"), [(160, 10**6), (300, 10**9), (1000, 10**6), (1000, 10**12)])
def test_deep_wide_kernels_are_their_own_normal_near_the_mean(taps, n):
    """At the middle of a flat power the local limit theorem is right to gamma_2 / (8 n)."""
    found, variance = em.distribution(em.Kernel.uniform(taps), n), n * (taps**2 - 1) / 12
    excess = -6 / 5 * (taps**2 + 1) / (taps**2 - 1) / n
    normal = (1 + excess / 8) / np.sqrt(2 * np.pi * variance)
    assert found.pmf(n * (taps - 1) // 2) == pytest.approx(normal, rel=1e-9)
    assert found.sf(n * (taps - 1) // 2) + found.cdf(n * (taps - 1) // 2) == pytest.approx(1, rel=1e-12)
    middle = n * (taps - 1) / 2
    assert abs(found.ppf(0.5) - middle) <= 1


def test_few_dice_of_a_hundred_thousand_sides():
    k, t = 10**5, 150_000  # inclusion and exclusion, in integers
    exact = sum((-1) ** j * comb(4, j) * comb(t - k * j + 3, 3) for j in range(t // k + 1)) / k**4
    assert em.distribution(em.Kernel.uniform(k), 4).pmf(t) == pytest.approx(exact, rel=1e-12)


def test_shares_of_a_wide_row_sum_to_one():
    weights = np.random.default_rng(1).integers(1, 9, 200).tolist()
    truth = exact_shares([(weights, 3, 1)])
    np.testing.assert_allclose(em.distribution(weights, 3).probabilities(), truth, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("taps", "n"), [(4000, 70), (100_000, 3)])
def test_many_points_of_few_wide_factors_are_looked_up_in_a_row(taps, n):
    weights = np.random.default_rng(2).integers(1, 1000, taps).tolist()
    row = np.array(integer_power(weights, n), dtype=object)
    lower, total = np.cumsum(row), sum(row)
    d = em.distribution(weights, n)
    t = np.unique(np.r_[np.linspace(0, len(row) - 1, 150).astype(int), 1, len(row) - 2])
    for name, truth in (("logpmf", row), ("logcdf", lower), ("logsf", total - lower)):
        exact = [
            float(flint.arb(int(w)).log() - flint.arb(int(total)).log()) if w else -np.inf for w in truth[t]
        ]
        np.testing.assert_allclose(getattr(d, name)(t), exact, rtol=1e-14, atol=1e-12)
    q = np.r_[1e-9, 0.3, 0.98]
    x = d.ppf(q).astype(int)
    assert (lower[x] / total >= q * (1 - 1e-12)).all()
    assert (lower[x - 1] / total <= q * (1 + 1e-12)).all()


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0, 3])
def test_the_corners_of_wide_rows(gap):
    """Coefficients and tails near both ends, which see few of the taps."""
    weights = np.random.default_rng(4).integers(1, 1000, 400).tolist()
    weights[1 : 1 + gap] = [0] * gap  # so that the first coefficients are zeros
    n = 300
    row = np.array(integer_power(weights, n), dtype=object)
    lower, total = np.cumsum(row), sum(row)
    d = em.distribution(weights, n)
    for t in (1, 2, 5, 40, 99, 100, 101, 150, 399):
        for name, ways, at in (
            ("logpmf", row[t], t),
            ("logpmf", row[-1 - t], len(row) - 1 - t),
            ("logcdf", lower[t], t),
            ("logsf", total - lower[len(row) - 2 - t], len(row) - 2 - t),
        ):
            exact = float((flint.arb(int(ways)) / flint.arb(int(total))).log()) if ways else -np.inf
            assert getattr(d, name)(at) == pytest.approx(exact, rel=1e-15, abs=1e-12)
