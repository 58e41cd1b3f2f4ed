"""The lazy law of a product: points, tails, quantiles, windows and variates at any depth."""

import math
import pickle
import re
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from oracles_tails import (
    MP,
    check_log,
    check_relative,
    exact_shares,
    exact_tails,
    log_binomial,
    log_binomial_tail,
    log_coefficient,
    log_tail,
)

import erfmath as em
from erfmath import Kernel, Product, distribution

DEPTHS = [0, 1, 2, 10, 1000, 10**4, 10**6, 10**9, 10**12, 10**15]
SOME = [0, 2, 1000, 10**6, 10**15]
LONG = [10**4, 10**6, 10**9, 10**12, 10**15]
KERNELS = {
    "uniform": [1, 1, 1],
    "skewed": [5, 0, 1, 3],
    "rare odd tap": [1, 1e-6, 1],
    "off the comb": [1, 0, 0, 1, 1e-9],
    "steep": [1, 1e-4],
    "even": [1, 0, 2, 0, 1],
}


def spread(law, sigmas):
    low, high = law.support()
    return sorted({min(high, max(low, round(law.mean() + s * law.std()))) for s in sigmas})


def fitting(law, tail):
    """Whether the window of that tail has less than a million points."""
    return law.isf(tail / 2) - law.ppf(tail / 2) < 10**6


@pytest.mark.parametrize("n", SOME)
@pytest.mark.parametrize("name", KERNELS)
def test_points_and_tails_keep_the_promise(name, n):
    weights = KERNELS[name]
    law, factors = distribution(weights, n), [(weights, n, 1)]
    low, high = law.support()
    at = [
        *range(low, min(high, low + 2) + 1),
        *spread(law, (-30, -8, -1, 0, 0.4, 3, 36)),
        *range(max(low, high - 2), high + 1),
    ]
    logs = [log_coefficient(factors, t, normalised=True) for t in at]
    lower, upper = (
        [log_tail(factors, t, "lower") for t in at],
        [log_tail(factors, t + 1, "upper") for t in at],
    )
    for got, truth in ((law.logpmf, logs), (law.logcdf, lower), (law.logsf, upper)):
        check_log(got(at), truth)
    for got, truth in ((law.pmf, logs), (law.cdf, lower), (law.sf, upper)):
        check_relative(got(at), np.array([MP.exp(v) for v in truth]))


def test_the_uniform_law_keeps_the_promise_at_every_depth():
    for n in DEPTHS:
        test_points_and_tails_keep_the_promise("uniform", n)


def test_zero_and_one_have_their_quantiles_where_far_tails_are_refused():
    law = distribution([1, 0, 0, 1, 1e-9], 10**12)
    assert (law.ppf(0), law.isf(1)) == (-1, -1)
    assert (law.ppf(1), law.isf(0)) == (4 * 10**12, 4 * 10**12)


@pytest.mark.parametrize("n", DEPTHS)
def test_the_edges_and_what_lies_beyond(n):
    law = distribution(Kernel([1, 2, 1], offset=-1), n)
    assert law.support() == (-n, n)
    below, above = [-n - 2, -n - 1, -1e300, -np.inf], [n + 1, n + 2, 1e300, np.inf]
    assert (law.pmf(below + above) == 0).all()
    assert np.isneginf(law.logpmf(below + above)).all()
    assert law.cdf(below).tolist() == law.sf(above).tolist() == [0] * 4
    assert law.sf(below).tolist() == law.cdf(above).tolist() == [1] * 4
    assert law.logsf(below).tolist() == law.logcdf(above).tolist() == [0] * 4
    assert np.isneginf([*law.logcdf(below), *law.logsf(above)]).all()
    assert (law.cdf(n), law.sf(n), law.logcdf(n)) == (1, 0, 0)
    assert law.pmf(0.5) == 0
    assert math.isnan(law.pmf(math.nan))
    assert math.isnan(law.logsf(math.nan))
    check_log(law.logpmf([-n, n]), [-2 * n * MP.log(2)] * 2)


@pytest.mark.parametrize("n", LONG)
@pytest.mark.parametrize("pair", [(1, 1), (3, 1), (1, 999)])
def test_binomial_tails_by_the_continued_fraction(pair, n):
    p, law = Fraction(pair[1], sum(pair)), distribution(pair, n)
    at = [t for t in spread(law, (2.5, 4, 8, 20, 33)) if t > n * p + 1]
    truths = [log_binomial_tail(n, t, p) for t in at]
    check_log(law.logsf(np.array(at) - 1), truths)
    check_relative(law.sf(np.array(at) - 1), np.array([MP.exp(v) for v in truths]))
    mirrored = distribution(pair[::-1], n)
    check_log(mirrored.logcdf(n - np.array(at)), truths)


@pytest.mark.parametrize("n", LONG)
def test_binomial_points(n):
    law = distribution([3, 1], n)
    at = [0, 1, 2, *spread(law, (-35, -4, 0, 7, 30)), n - 1, n]
    check_log(law.logpmf(at), [log_binomial(n, t, (Fraction(3, 4), Fraction(1, 4))) for t in at])


@pytest.mark.parametrize("n", LONG)
def test_a_survival_probability_of_1e_minus_250_keeps_twelve_digits(n):
    law = distribution([1, 1, 1], n)
    t = round(law.mean() + 33.7 * law.std())
    truth = MP.exp(log_tail([([1, 1, 1], n, 1)], t + 1, "upper"))
    assert 1e-260 < truth < 1e-240
    check_relative(law.sf(t), truth)
    check_relative(law.cdf(2 * n - t - 1), truth)


@pytest.mark.parametrize("weights", [[1, 1, 1], [5, 0, 1, 3], [1, 1e-6, 1], [1, 1e-9, 0, 0, 2]])
def test_whole_tables_are_those_of_exact_integers(weights):
    n = 120
    law, factors = distribution(weights, n), [(weights, n, 1)]
    lower, upper = exact_tails(factors)
    at = np.arange(len(lower))
    check_relative(law.probabilities(), exact_shares(factors))
    check_log(law.logcdf(at), lower)
    check_log(law.logsf(at), upper)
    check_relative(law.cdf(at), np.array([MP.exp(v) for v in lower]))
    check_relative(law.sf(at), np.array([MP.exp(v) for v in upper]))


@pytest.mark.parametrize("n", SOME)
@pytest.mark.parametrize("name", KERNELS)
def test_quantiles_invert_the_steps(name, n):
    law = distribution(KERNELS[name], n)
    low, high = law.support()
    for t in spread(law, (-5, 0.7) if n > 1000 else (-5, -1, 0, 0.7, 4)):
        if law.pmf(t) <= 1e-11 * min(law.cdf(t), 1) or t == high:  # a step that floats do not resolve
            continue
        if law.cdf(t) < 0.9:
            assert law.ppf(law.cdf(t)) == t
        if law.sf(t) < 0.9:
            assert law.isf(law.sf(t)) == t
    assert (law.ppf(0), law.isf(1), law.ppf(1), law.isf(0)) == (low - 1, low - 1, high, high)
    assert np.isnan(law.ppf([-0.1, 1.1, math.nan])).all()


@pytest.mark.parametrize("n", [10, 10**4, 10**9, 10**15])
@pytest.mark.parametrize("name", KERNELS)
def test_quantiles_are_the_first_points_that_are_enough(name, n):
    law = distribution(KERNELS[name], n)
    q = np.array([1e-200, 1e-16, 0.01, 0.3, 0.5, 0.77, 0.999])
    x = law.ppf(q)
    assert (np.diff(x) >= 0).all()
    assert (law.cdf(x) >= q).all()
    assert (law.cdf(x - 1) < q).all()
    y = law.isf(q)
    assert (np.diff(y) <= 0).all()
    assert (law.sf(y) <= q).all()
    assert (law.sf(y - 1) > q).all()


@pytest.mark.parametrize("n", [10, 10**4, 10**9, 10**15])
@pytest.mark.parametrize("name", KERNELS)
def test_tails_are_monotone_and_complement(name, n):
    law = distribution(KERNELS[name], n)
    at = spread(law, np.linspace(-40, 40, 41))
    cdf, sf = law.cdf(at), law.sf(at)
    assert (np.diff(cdf) >= -1e-12 * cdf[1:]).all()
    assert (np.diff(sf) <= 1e-12 * sf[:-1]).all()
    np.testing.assert_allclose(cdf + sf, 1, rtol=0, atol=1e-12)
    some = np.array(at[::10])
    np.testing.assert_allclose(law.cdf(some) - law.cdf(some - 1), law.pmf(some), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "n"),
    [*((name, n) for name in KERNELS for n in (0, 1, 1000)), ("uniform", 10**6), ("skewed", 10**9)],
)
def test_the_window_has_the_stated_tails(name, n):
    law = distribution(KERNELS[name], n)
    for tail in (0.1, 1e-16):
        if not fitting(law, tail):
            continue
        start, window = law.window(tail)
        stop = start + len(window) - 1
        assert law.cdf(start - 1) <= tail / 2 < law.cdf(start)
        assert law.sf(stop) <= tail / 2
        assert stop == start or law.sf(stop - 1) > tail / 2
        assert window.sum() == pytest.approx(1 - law.cdf(start - 1) - law.sf(stop), abs=1e-11)
        some = np.unique(np.linspace(start, stop, 50).astype(np.int64))
        np.testing.assert_allclose(window[some - start], law.pmf(some), rtol=1e-12, atol=1e-300)


def test_the_window_of_eight_sigma_at_ten_to_the_twelve():
    law = distribution(Kernel([1, 1, 1], offset=-1), 10**12)
    start, window = law.window(0.5)
    assert start == -(start + len(window) - 1)
    assert window.sum() == pytest.approx(0.5, abs=1e-5)
    at = [start, -1000, 0, 12345, -start]
    truths = [MP.exp(log_coefficient([([1, 1, 1], 10**12, 1)], 10**12 + t, normalised=True)) for t in at]
    check_relative(window[np.array(at) - start], np.array(truths))


@pytest.mark.parametrize("weights", [[1, 1, 1], [3, 0, 1, 2]])
def test_the_whole_row_of_a_million_holds_the_mass(weights):
    law = distribution(weights, 10**6)
    row = law.probabilities()
    low, high = law.support()
    assert row.shape == (high - low + 1,)
    assert row.sum() == pytest.approx(1, abs=1e-12)
    at = np.array(spread(law, (-36, -20, -3, 0, 1, 11, 36)))
    truths = [MP.exp(log_coefficient([(weights, 10**6, 1)], int(t), normalised=True)) for t in at]
    check_relative(row[at - low], np.array(truths))
    assert np.count_nonzero(row) < 80 * law.std()


@pytest.mark.parametrize("n", [0, 1, 40, 1000, 10**6, 10**12, 10**15])
@pytest.mark.parametrize("name", ["uniform", "skewed", "even"])
def test_variates_have_the_moments_of_the_law(name, n):
    law = distribution(KERNELS[name], n)
    size = 4000
    sample = law.rvs(size, rng=20)
    low, high = law.support()
    assert sample.dtype == np.int64
    assert sample.min() >= low
    assert sample.max() <= high
    if n == 0:
        assert (sample == 0).all()
        return
    z = (sample - law.mean()) / law.std()
    assert abs(z.mean()) < 5 / math.sqrt(size)
    assert abs(z.var() - 1) < 5 * math.sqrt((law.cumulants(4)[3] / law.var() ** 2 + 2) / size)
    np.testing.assert_array_equal(sample, law.rvs(size, rng=20))
    assert type(law.rvs(rng=1)) is int
    assert law.rvs((2, 3), rng=1).shape == (2, 3)


def test_variates_of_a_product_reach_every_factor():
    law = distribution(Product([(Kernel([1, 1], offset=-3), 10**6), ([1, 2, 1], 10**6, 5)]))
    z = (law.rvs(4000, rng=3) - law.mean()) / law.std()
    assert abs(z.mean()) < 0.08
    assert abs(z.var() - 1) < 0.12


@pytest.mark.parametrize("n", LONG)
def test_moments_are_exact(n):
    law = distribution(Kernel([1, 1, 1], offset=-1), n)
    assert law.mean() == 0
    assert law.var() == pytest.approx(2 * n / 3, rel=1e-15)
    assert law.cumulants(4) == pytest.approx((0, 2 * n / 3, 0, -2 * n / 3), rel=1e-15)
    assert law.median() == 0


@pytest.mark.parametrize("n", [10**12, 10**15])
def test_a_law_of_any_depth_is_instant(n):
    start = time.perf_counter()
    law = distribution([1, 2, 3, 4], n)
    assert law.support() == (0, 3 * n)
    assert "ProductDistribution" in repr(law)
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize("n", [10, 3000, 10**6, 10**14])
def test_laws_convolve(n):
    left, right = distribution([1, 1, 1], n), distribution(Kernel([3, 1], offset=-2), 2 * n)
    both = left.convolve(right)
    assert both == distribution(Product([([1, 1, 1], n), (Kernel([3, 1], offset=-2), 2 * n)]))
    assert both.support() == (-4 * n, 0)
    assert both.mean() == pytest.approx(left.mean() + right.mean(), abs=1e-9 * n)
    assert both.var() == pytest.approx(left.var() + right.var(), rel=1e-12)
    factors = [([1, 1, 1], n, 1), ([3, 1], 2 * n, 1)]
    at = spread(both, (-9, 0, 1, 5))
    check_log(both.logpmf(at), [log_coefficient(factors, t + 4 * n, normalised=True) for t in at])


def test_a_law_convolves_with_a_table():
    law = distribution([1, 1], 3000)
    got = law.convolve(em.LatticeDistribution([0.5, 0.5], offset=7))
    check_relative(got.pmf(np.arange(7, 3009)), exact_shares([([1, 1], 3001, 1)]))


@settings(max_examples=20)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=6).filter(any), st.integers(0, 200), st.integers(-5, 5)
)
def test_the_lazy_law_is_the_table_of_the_exact_law(weights, n, offset):
    law = distribution(Kernel(weights, offset), n)
    shares = exact_shares([(weights, n, 1)])
    at = np.arange(len(shares)) + n * offset
    check_relative(law.pmf(at), shares)
    assert law.support() == (at[shares > 0][0], at[shares > 0][-1]) or (shares[[0, -1]] == 0).any()


@pytest.mark.parametrize("n", [5, 10**9])
def test_laws_are_values(n):
    law = distribution(Kernel([1, 2, 1], offset=-1), n)
    assert law == distribution(Kernel([1, 2, 1], offset=-1), n)
    assert law != distribution(Kernel([1, 2, 1]), n)
    again = pickle.loads(pickle.dumps(law))
    assert again == law
    assert hash(again) == hash(law)
    assert again.logsf(3) == law.logsf(3)


@pytest.mark.parametrize("x", [3, 3.0, np.int64(3), np.float32(3), np.array(3)])
@pytest.mark.parametrize("name", ["pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"])
def test_a_scalar_gives_a_float(name, x):
    assert type(getattr(distribution([1, 1], 10**9), name)(x)) is float


@pytest.mark.parametrize(("weight", "n"), [(3, 10**15), (1e-6, 867_800_000), (0.25, 10**12)])
def test_a_single_tap_is_a_point_mass(weight, n):
    law = distribution(Kernel([weight], offset=2), n)
    assert law.support() == (2 * n, 2 * n)
    assert (law.pmf(2 * n), law.logpmf(2 * n), law.cdf(2 * n), law.sf(2 * n), law.sf(2 * n - 1)) == (
        1,
        0,
        1,
        0,
        1,
    )
    assert law.ppf(0.5) == 2 * n
    assert law.window()[1].tolist() == [1.0]


def test_two_axes_keep_their_axes_independent_at_any_depth():
    law = distribution(np.outer([1, 2, 1], [3, 1]), 10**12)
    x, y = 10**12 + 10**6, 25 * 10**10 - 10**6
    expected = log_coefficient([([1, 2, 1], 10**12, 1)], x, True) + log_coefficient(
        [([3, 1], 10**12, 1)], y, True
    )
    check_log(law.logpmf([x, y]), expected)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("distribution([1, 1], 10**15 + 1)", ValueError, "n must be at most 1e+15"),
        ("distribution([1, 1], 1.5)", TypeError, "n must be an int"),
        ("distribution([1, -1, 1], 10**12)", ValueError, "negative weight -1 at position 1"),
        ("distribution([1] * 64, 10**15).window()", ValueError, "the window"),
        ("distribution([1, 1, 1], 10**14).probabilities()", ValueError, "use window(), pmf() or logpmf()"),
        ("distribution([1, 1], 10**9).window(0)", ValueError, "tail must lie strictly between 0 and 1"),
        (
            "distribution([1, 1], 10**9).window(math.nan)",
            ValueError,
            "tail must lie strictly between 0 and 1",
        ),
        ("distribution([1, 1], 10**9).window('x')", TypeError, "tail must be a number"),
        ("distribution([1, 1], 10**9).pmf('a')", TypeError, "x must be real numbers"),
        ("distribution([1, 1], 10**9).logsf(1j)", TypeError, "x must be real numbers"),
        ("distribution([1, 1], 10**9).ppf('a')", TypeError, "q must be real numbers"),
        ("distribution([1, 1], 10**9).cumulants(0)", ValueError, "order must be at least 1"),
        ("distribution([1, 1], 10**9).convolve([1.0])", TypeError, "other must be a LatticeDistribution"),
        ("distribution(Kernel([1], offset=10**4), 10**15)", ValueError, "62-bit"),
        ("distribution([[1, 2], [3, 4]], 10**9)", ValueError, "do not separate"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_equal_laws_are_equal_wherever_the_shift_is_held():
    one, other = em.Kernel([1, 2]), em.Kernel([3, 1, 1])
    here = em.distribution(em.Product([(one.shift(2), 1, 1), (other, 2, 1)]))
    there = em.distribution(em.Product([(other, 1, 1), (one, 1, 1), (other.shift(2), 1, 1)]))
    assert here.probabilities() == pytest.approx(there.probabilities(), rel=1e-14)
    assert here.support() == there.support()
    assert here == there
    assert hash(here) == hash(there)
    assert here != em.distribution(em.Product([(one.shift(3), 1, 1), (other, 2, 1)]))


def test_variates_of_many_factors_are_quantiles_of_uniform_numbers():
    rows = [[4096 - i, i] for i in range(1, 4096, 7)]
    law = em.distribution(em.Product([(row, 1, 1) for row in rows]))
    drawn = law.rvs(50, rng=3)
    assert drawn.dtype == np.int64
    assert (drawn == law.ppf(np.random.default_rng(3).random(50))).all()
    assert isinstance(law.rvs(rng=3), int)


def test_integers_beyond_floats_are_no_probabilities():
    law = em.distribution([1, 1], 4)
    for method in (law.ppf, law.isf):
        assert np.isnan(method([10**400, -(10**400)])).all()
        assert math.isnan(method(10**400))
