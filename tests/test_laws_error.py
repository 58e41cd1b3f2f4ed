"""The bound that a distribution states of its own error: never exceeded, and not far above the truth."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, strategies as st

import erfmath as em

KINDS = ("pmf", "cdf", "sf")


def exact_row(factors):
    """The coefficients of a product of powers (weights, n, step) as fractions of sum 1."""
    row = [Fraction(1)]
    for weights, n, step in factors:
        unit = math.lcm(*(Fraction(w).denominator for w in weights))
        taps = [int(Fraction(w) * unit) for w in weights]
        for _ in range(n):
            new = [0] * (len(row) + step * (len(taps) - 1))
            for (i, a), (j, w) in itertools.product(enumerate(row), enumerate(taps)):
                new[i + step * j] += a * w
            row = new
    total = sum(row)
    return [Fraction(value) / total for value in row]


def worst(d, shares):
    """The largest relative error of pmf, cdf and sf over the support."""
    low = [sum(shares[: i + 1]) for i in range(len(shares))]
    high = [sum(shares[i + 1 :]) for i in range(len(shares))]
    found = 0.0
    start = d.support()[0]
    for kind, truth in zip(KINDS, (shares, low, high), strict=True):
        values = np.atleast_1d(getattr(d, kind)(np.arange(start, start + len(shares))))
        for value, exact in zip(values.tolist(), truth, strict=True):
            if exact > Fraction(1, 10**300):
                found = max(found, abs(float((Fraction(value) - exact) / exact)))
    return found


weights = st.lists(st.one_of(st.integers(1, 20), st.floats(1e-6, 1.0)), min_size=2, max_size=5)
factors = st.lists(st.tuples(weights, st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=3)


@given(factors)
@example([([1, 1], 40, 1)])
@example([([0.1, 0.9], 30, 2), ([3, 1, 3], 5, 1)])
def test_a_product_keeps_its_bound(parts):
    d = em.distribution(em.Product([(w, n, step) for w, n, step in parts]))
    assert worst(d, exact_row(parts)) <= d.error < 1e-10


def test_bounds_are_not_far_above_the_truth():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(60):
        parts = [(rng.random(rng.integers(2, 6)).tolist(), int(rng.integers(1, 12)), 1)]
        d = em.distribution(em.Product(parts))
        ratios.append(d.error / max(worst(d, exact_row(parts)), 2.0**-53))
    assert np.median(ratios) < 1000
    assert min(ratios) >= 1


@pytest.mark.parametrize("n", [200, 20000])
def test_long_rows_keep_their_bound(n):
    d = em.distribution([1, 1, 1, 1], n)
    at = [int(d.mean() + k * d.std()) for k in (-15, -5, 0, 3, 15)]
    whole = em.coefficients([1, 1, 1, 1], n, method="exact") if n < 1000 else None
    for x in at:
        low, high = d.enclose(x)
        assert abs(d.pmf(x) - low) <= d.error * low + (high - low)
        if whole is not None:
            exact = Fraction(int(whole[x]), 4**n)
            assert abs(Fraction(d.pmf(x)) - exact) <= d.error * exact


def test_every_kind_states_a_bound():
    table = em.LatticeDistribution([0.25, 0.5, 0.25], -1)
    die = em.sum_of(dict.fromkeys(range(1, 7), 1 / 6), 10)
    kinds = [
        table,
        die,
        em.sum_of({0.5: 0.25, 1.0: 0.75}, 3),
        em.mixture([die, table], [0.5, 0.5]),
        die.given(20, 40),
        em.compound_sum(scipy.stats.poisson(2.0), die),
        em.distribution([[1, 2], [3, 4]], 5),
        em.distribution(em.Conv((3, 3), padding=1) ** 3),
        em.distribution(em.Conv((3, 3), padding=1) ** 3, input_size=9),
        em.distribution(em.Product([([1, k], 1, 1) for k in range(1, 300)])),
        em.distribution([1, 2, 1], 10**9),
    ]
    for d in kinds:
        assert isinstance(d.error, float)
        assert 0 < d.error < 1e-9, d


UNIT = 2.0**-53
COIN, LONG = em.LatticeDistribution([0.5, 0.5]), em.distribution([1, 1], 10**13)


@pytest.mark.parametrize(
    ("d", "truth"),
    [
        (em.LatticeDistribution([0.01] * 100), (2 * 100 + 4) * UNIT),  # as many roundings of either sum
        (em.LatticeDistribution([1 / 4000] * 4000), (2 * 128 + 4) * UNIT),
        (em.LatticeDistribution.computed([0.5, 0.5], 0, 1e-6), 1e-6 + 8 * UNIT),
        (em.JointDistribution([[0.25, 0.25], [0.25, 0.25], [0, 0]]), (4 + 4) * UNIT),
        (em.JointDistribution.computed([[0.5, 0.5]], (0, 0), 1e-6), 1e-6 + (2 + 4) * UNIT),
        (em.JointDistribution.independent([COIN, COIN, COIN]), 3 * 8 * UNIT + 3 * UNIT),
        (
            em.mixture([COIN, em.LatticeDistribution([0.5, 0.5], 3)], [0.25, 0.75]),
            COIN.error + (2 + 4 * 691) * UNIT,
        ),
        (COIN.scaled(0.5), 8 * UNIT),
        (COIN.given(0, 0), 2 * COIN.error + (8 * 691 + 3 * 1) * UNIT),
        (LONG, 1e-12 + 4e-16 * -math.log(1e-300)),
    ],
    ids=str,
)
def test_a_bound_is_the_sum_of_its_parts(d, truth):
    assert d.error == pytest.approx(truth, rel=1e-4, abs=0)


def test_a_long_condition_is_a_difference_that_loses_digits():
    mean, sigma, wide = 5 * 10**12, math.sqrt(10**13) / 2, 2**21
    normal = scipy.stats.norm(mean, sigma)
    for first in (mean - 3 * wide, mean - wide // 2, mean, mean + 3 * wide):
        d = LONG.given(first, first + wide)
        outer = min(normal.sf(first), normal.cdf(first + wide))
        share = abs(normal.sf(first) - normal.sf(first + wide))
        own = 2 * LONG.error + 8 * 691 * UNIT
        assert d.error == pytest.approx(own * (1 + outer / share), rel=1e-4, abs=0)


def test_bounds_of_many_factors_are_not_far_above_the_truth():
    rng, ratios = np.random.default_rng(2), []
    for size in (2, 3, 5):
        rows = rng.integers(1, 99, (260, size)).tolist()
        d, row = em.distribution(em.Product([(weights, 1) for weights in rows])), np.array([1], dtype=object)
        for weights in rows:
            row = np.convolve(row, np.array(weights, dtype=object))
        at, total = np.arange(0, len(row), len(row) // 40), sum(row.tolist())
        values, truths = d.pmf(at).tolist(), [Fraction(int(row[i]), total) for i in at]
        pairs = [pair for pair in zip(values, truths, strict=True) if pair[1] > Fraction(1, 10**300)]
        error = max(abs(float((Fraction(value) - exact) / exact)) for value, exact in pairs)
        assert error <= d.error
        ratios.append(d.error / error)
    assert np.median(ratios) < 1000


def test_bounds_of_mixtures_and_conditions_hold():
    a, b = em.sum_of([1 / 2, 1 / 2], 12), em.sum_of([1 / 4, 3 / 4], 20)
    shares = [
        Fraction(1, 3) * Fraction(math.comb(12, k), 2**12)
        + Fraction(2, 3) * Fraction(math.comb(20, k) * 3**k, 4**20)
        for k in range(21)
    ]
    mixed = em.mixture([a, b], [1 / 3, 2 / 3])
    assert worst(mixed, shares) <= mixed.error
    part = b.given(3, 9)
    inner = [Fraction(math.comb(20, k) * 3**k) for k in range(3, 10)]
    assert worst(part, [v / sum(inner) for v in inner]) <= part.error


def test_entropy_of_many_factors_is_that_of_the_bulk():
    chances = np.random.default_rng(0).random(400)
    many = em.distribution(em.Product([([1 - p, p], 1, 1) for p in chances]))
    row = np.array([1.0])
    for p in chances:
        row = np.convolve(row, [1 - p, p])
    row = row[row > 0]
    assert math.isclose(many.entropy(), -float(row @ np.log(row)), rel_tol=1e-12)


def test_the_bound_of_a_sum_of_grids_is_the_sum_of_its_parts():
    """A sum of as many products as the smaller grid has entries, and one over the grid of 3 x 4 pixels."""
    one = em.JointDistribution([[0.5, 0.25], [0, 0.25]])
    other = em.JointDistribution([[0.5, 0.125, 0], [0.125, 0, 0.25]])
    both = one.error + other.error + (3 + 2) * UNIT + (3 * 4 + 4) * UNIT
    for found in (one + other, other + one):
        assert found.error == pytest.approx(both, rel=1e-12, abs=0)
    shifted = one + np.array([3, 4])
    assert shifted.error == pytest.approx(one.error + (4 + 4) * UNIT, rel=1e-12, abs=0)
    part = other.given((0, 0), (1, 1))
    assert part.error == pytest.approx(2 * other.error + (4 + 4) * UNIT, rel=1e-12, abs=0)
