"""Logarithms and rows of powers of one kernel, at any depth."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from oracles import naive_power
from oracles_tails import (
    MP,
    check_log,
    check_relative,
    exact_logs,
    exact_row,
    exact_shares,
    is_zero,
    log_binomial,
    log_coefficient,
    log_of,
    log_total,
)

import erfmath as em

DEPTHS = [0, 1, 2, 10, 1000, 10**4, 10**6, 10**9, 10**12, 10**15]
HUGE = [10**6, 10**9, 10**12, 10**15]
HOSTILE = {
    "a rare odd tap": [1, 1e-6, 1],
    "a rare step off the comb": [1, 0, 0, 1, 1e-9],
    "a tap of 1e-200": [1, 1e-200],
    "all but one tap vanishing": [1e-200, 1, 1e-300],
    "64 taps": [1] * 64,
    "64 taps over decades": [10.0 ** -(7 * j % 17) for j in range(64)],
    "gaps": [1, 0, 0, 0, 5, 0, 2],
    "huge denominators": [Fraction(1, 3**40), Fraction(7, 10**60 + 7), Fraction(2, 5**33)],
    "dilated": [2, 0, 0, 1, 0, 0, 3],
    "skewed": [1, 1e-4, 1e-9, 1e-15],
    "outer zeros": [0, 0, 1, 2, 0, 1, 0],
}


def indices(weights, n, sigmas=(-12, -3, -0.5, 0, 1, 6)):
    """Both edges, beyond them, and some sigmas from the mean."""
    last = n * (len(weights) - 1)
    w, x = np.array([float(v) for v in weights]), np.arange(len(weights))
    mean = sum(Fraction(v) * j for j, v in enumerate(weights)) / sum(map(Fraction, weights))
    sigma = math.sqrt(n * float(w @ (x - float(mean)) ** 2) / w.sum())
    inner = {min(last, max(0, round(n * mean) + round(s * sigma))) for s in sigmas}
    return [-1, 0, 1, 2, *sorted(inner), last // 7, last - 2, last - 1, last, last + 1]


def truths(weights, n, at):
    last = n * (len(weights) - 1)
    return [log_coefficient([(weights, n, 1)], t) if 0 <= t <= last else MP.mpf("-inf") for t in at]


@pytest.mark.parametrize("n", DEPTHS)
def test_two_taps_give_binomial_coefficients(n):
    at = indices([1, 1], n, range(-40, 41, 5))
    check_log(em.log_coefficients([1, 1], n, at=at), [log_binomial(n, t) for t in at])


@pytest.mark.parametrize("n", DEPTHS)
def test_one_two_one_gives_every_other_depth(n):
    at = indices([1, 2, 1], n, range(-40, 41, 8))
    check_log(em.log_coefficients([1, 2, 1], n, at=at), [log_binomial(2 * n, t) for t in at])


@pytest.mark.parametrize("n", DEPTHS)
def test_a_gap_leaves_exact_zeros(n):
    at = [t for s in indices([1, 0, 1], n) for t in (s, s + 1)]
    expected = [MP.mpf("-inf") if t % 2 else log_binomial(n, t // 2) for t in at]
    check_log(em.log_coefficients([1, 0, 1], n, at=at), expected)


@pytest.mark.parametrize("n", DEPTHS)
@pytest.mark.parametrize(
    "pair", [(Fraction(3, 4), Fraction(1, 4)), (1, 1e-12), (1e-9, 1), (1, 1e-200), (0.1, 0.9)]
)
def test_two_unequal_taps_give_the_binomial_law(pair, n):
    at = indices(pair, n)
    check_log(em.log_coefficients(pair, n, at=at), [log_binomial(n, t, pair) for t in at])


@pytest.mark.parametrize("n", [10, 10**6, 10**15])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_kernels_keep_the_promise_at_every_depth(name, n):
    weights = HOSTILE[name]
    sigmas = (-6, 0, 1) if len(weights) > 9 else (-12, -3, 0, 1, 6)
    at = indices(weights, n, sigmas)
    if len(weights) > 9:
        at = at[1:3] + at[4:]
    check_log(em.log_coefficients(weights, n, at=at), truths(weights, n, at))


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1], [3, 1], [1, 2, 0, 1]])
@pytest.mark.parametrize("n", [400, 1000, 2000])
def test_short_rows_are_right_up_to_both_ends(weights, n):
    edge = list(range(12))
    last = n * (len(weights) - 1)
    at = edge + [last - t for t in edge]
    check_log(em.log_coefficients(weights, n, at=at), truths(weights, n, at))


@pytest.mark.parametrize("weight", [3, 2, 1e-6, 0.5, Fraction(1, 3)])
@pytest.mark.parametrize("n", [0, 1, 50, 10**15])
def test_a_single_tap_has_n_times_its_logarithm(weight, n):
    check_log(em.log_coefficients([weight], n, at=[-1, 0, 1]), [-math.inf, n * log_of(weight), -math.inf])


@pytest.mark.parametrize(
    ("weights", "n"),
    [
        ([1, 1, 1], 300),
        ([1, 1e-6, 1], 200),
        ([1, 0, 0, 1, 1e-9], 150),
        ([0, 1, 2, 0, 1, 0], 60),
        ([1, 1e-200], 40),
        ([1e-200, 1, 1e-300], 20),
        ([1] * 64, 12),
        ([Fraction(1, 3**40), Fraction(7, 10**60 + 7), Fraction(2, 5**33)], 40),
        ([1, 1e-4, 1e-9, 1e-15], 100),
    ],
)
def test_a_whole_row_is_that_of_exact_integers(weights, n):
    factors = [(weights, n, 1)]
    check_log(em.log_coefficients(weights, n), exact_logs(factors))
    law = em.distribution(weights, n)
    low, high = law.support()
    check_relative(law.probabilities(), exact_shares(factors)[low : high + 1])
    total = log_total(factors)
    check_log(law.logpmf(np.arange(low, high + 1)), [v - total for v in exact_logs(factors)[low : high + 1]])


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 3, 0, 2], [2, 1e-5, 1]])
def test_a_long_log_row_is_that_of_exact_integers(weights):
    n = 4000 // (len(weights) - 1)
    logs, exact = em.log_coefficients(weights, n), exact_logs([(weights, n, 1)])
    check_log(logs, exact)


def test_a_log_row_of_two_million_entries_agrees_with_its_points():
    row = em.log_coefficients([1, 1, 1], 10**6)
    assert row.shape == (2 * 10**6 + 1,)
    at = np.unique(np.geomspace(1, 10**6, 60).astype(int)) - 1
    points = em.log_coefficients([1, 1, 1], 10**6, at=at)
    assert (np.abs(row[at] - points) <= 1e-12 + 4e-16 * np.abs(points)).all()
    check_log(row[at[::6]], truths([1, 1, 1], 10**6, at[::6].tolist()))
    np.testing.assert_allclose(row, row[::-1], rtol=4e-16, atol=1e-12)


@pytest.mark.parametrize("method", ["saddle", "auto", "direct"])
@pytest.mark.parametrize(
    ("weights", "n"), [([1, 1, 1], 600), ([3, 1], 1000), ([1, 0, 2, 1], 300), ([1, 1e-6, 1], 300)]
)
def test_normalised_rows_keep_every_digit_of_exact_integers(weights, n, method):
    kernel = em.Kernel(weights).normalize()
    got = em.coefficients(kernel, n, method=method)
    exact, unit = exact_row([(kernel.weights, n, 1)])
    check_relative(got, np.array([c / unit for c in exact]))


@pytest.mark.parametrize("method", ["saddle", "auto"])
def test_the_row_at_five_thousand_keeps_every_digit(method):
    got = em.coefficients([Fraction(1, 3)] * 3, 5000, method=method)
    check_relative(got, exact_shares([([1, 1, 1], 5000, 1)]))


@pytest.mark.parametrize("method", ["saddle", "auto"])
@pytest.mark.parametrize("weights", [[0.25, 0.5, 0.25], [0.5, 0.25, 0.125, 0.125]])
def test_the_row_at_a_million_agrees_with_its_points(weights, method):
    n = 10**6
    row = em.coefficients(weights, n, method=method)
    peak = int(row.argmax())
    at = [peak + round(s * math.sqrt(n)) for s in (-20, -9, -1, 0, 0.5, 3, 19)]
    check_relative(row[at], np.array([MP.exp(v) for v in truths(weights, n, at)]))
    assert np.count_nonzero(row) < 80 * math.sqrt(n) * 2


@pytest.mark.parametrize("n", HUGE)
def test_many_points_are_as_right_as_one(n):
    rng = np.random.default_rng(5)
    at = n + np.round(rng.normal(size=5000) * 10 * math.sqrt(n)).astype(np.int64)
    at = np.clip(at, 0, 2 * n)
    many = em.log_coefficients([1, 1, 1], n, at=at)
    some = slice(None, None, 500)
    check_log(many[some], truths([1, 1, 1], n, at[some].tolist()))


@pytest.mark.parametrize(("kernel", "n"), [([1, 1, 1], 10**9), ([1, 2, 3, 1], 10**15)])
def test_many_points_far_apart_lose_nothing_near_the_mode(kernel, n):
    """The parabola of a long piece is a million times larger than the logs near the mode."""
    law = em.distribution(kernel, n)
    t = (law.mean() + law.std() * np.linspace(0, 1000, 5000)).astype(np.int64)
    some = [0, 1, 20, 60, 200, 4999]
    check_log(law.logpmf(t)[some], [log_coefficient([(kernel, n, 1)], x, True) for x in t[some].tolist()])


def test_points_keep_their_shape_and_a_scalar_is_a_float():
    assert type(em.log_coefficients([1, 1], 5, at=2)) is float
    assert type(em.log_coefficients([1, 1], 10**9, at=np.int64(2))) is float
    assert em.log_coefficients([1, 1], 10**9, at=[[1, 2], [3, 4], [5, 6]]).shape == (3, 2)
    assert em.log_coefficients([1, 1], 10**9, at=np.zeros((0, 3), int)).shape == (0, 3)
    np.testing.assert_array_equal(
        em.log_coefficients([1, 1], 10**6, at=np.array([3.0])), em.log_coefficients([1, 1], 10**6, at=[3])
    )


@pytest.mark.parametrize("at", [-(10**30), -1, 10**30, 2**63 - 1, 1e300, -np.inf, np.inf])
def test_indices_beyond_the_row_are_exact_zeros(at):
    for n in (0, 5, 10**4, 10**15):
        assert em.log_coefficients([1, 1, 1], n, at=at) == -math.inf


@pytest.mark.parametrize("weights", [[1, 0, 0, 1, 1e-9], [1, 0, 0, 0, 1, 0, 1], [3, 0, 0, 0, 0, 1, 1]])
@pytest.mark.parametrize("n", [3, 50, 10**5, 10**12])
def test_zeros_near_both_ends_are_exact(weights, n):
    last = n * (len(weights) - 1)
    at = [t for t in [*range(40), *range(last - 40, last + 1)] if 0 <= t <= last]
    logs = em.log_coefficients(weights, n, at=at)
    assert np.isneginf(logs).tolist() == [is_zero([(weights, n, 1)], t) for t in at]


@pytest.mark.parametrize("n", [1, 7, 100])
def test_two_axes_that_separate_are_sums(n):
    a, b = [1, 2, 1], [1, 1, 3]
    grid = em.log_coefficients(np.outer(a, b), n)
    left, right = exact_logs([(a, n, 1)]), exact_logs([(b, n, 1)])
    check_log(grid[:: max(1, n // 4)], np.array([[x + y for y in right] for x in left])[:: max(1, n // 4)])


def test_two_axes_that_separate_reach_any_depth():
    n = 10**12
    got = em.log_coefficients(np.outer([1, 2, 1], [1, 1]), n, at=[[n, n // 2], [1, n - 1], [-1, 0]])
    expected = [log_binomial(2 * n, n) + log_binomial(n, n // 2), log_binomial(2 * n, 1) + log_binomial(n, 1)]
    check_log(got, [*expected, MP.mpf("-inf")])


@pytest.mark.parametrize("n", [1, 5, 20])
@pytest.mark.parametrize(
    "weights", [[[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[1, 2], [3, 4]], [[1, 1e-6], [0, 1]]]
)
def test_two_axes_that_do_not_separate_keep_the_promise(weights, n):
    exact = naive_power(weights, n)
    check_log(em.log_coefficients(weights, n), [log_of(c) for c in exact.flat])
    total = Fraction(sum(Fraction(w) for row in weights for w in row)) ** n
    shares = em.distribution(weights, n).probabilities()
    check_relative(shares, np.array([float(c / total) for c in exact.flat]))


@pytest.mark.parametrize("method", ["auto", "fft", "direct"])
@pytest.mark.parametrize("weights", [[1, -1], [1, -2, 1], [2, -1, 3]])
def test_signed_rows_err_less_than_the_sum_of_magnitudes_allows(weights, method):
    n = 40
    exact, norm = naive_power(weights, n), sum(map(abs, weights)) ** n
    got = em.coefficients(weights, n, method=method)
    assert max(abs(Fraction(g) - e) for g, e in zip(got, exact, strict=True)) <= Fraction(1e-12) * norm


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("em.log_coefficients([1, 1], 10**15 + 1, at=0)", ValueError, "n must be at most 1e+15"),
        ("em.log_coefficients([1, 1], -1, at=0)", ValueError, "n must be at least 0"),
        ("em.log_coefficients([1, 1], 2.0, at=0)", TypeError, "n must be an int"),
        ("em.log_coefficients([1, 1], True, at=0)", TypeError, "n must be an int"),
        ("em.log_coefficients([1, 1], 4, at=0.5)", TypeError, "at must hold integers"),
        ("em.log_coefficients([1, 1], 4, at=math.nan)", TypeError, "at must hold integers"),
        ("em.log_coefficients([1, 1], 10**12, at=[0, math.nan])", TypeError, "at must hold integers"),
        ("em.log_coefficients([1, 1], 4, at='a')", TypeError, "at must be an int"),
        ("em.log_coefficients([1, 1], 4, at=[True])", TypeError, "at must be an int"),
        ("em.log_coefficients([1, 1], 4, at=1j)", TypeError, "at must be an int"),
        ("em.log_coefficients([1, -1], 4, at=0)", ValueError, "negative weight -1 at position 1"),
        ("em.log_coefficients([1, 1], 10**15)", ValueError, "give the indices you need in `at`"),
        ("em.log_coefficients([[1, 1], [1, 1]], 3, at=2)", ValueError, "at must hold 2 coordinates"),
        (
            "em.log_coefficients([[1, 1], [1, 1]], 3, at=[[1, 2, 3]])",
            ValueError,
            "at must hold 2 coordinates",
        ),
        ("em.coefficients([1, 1], 10**15 + 1)", ValueError, "n must be at most 1e+15"),
        ("em.coefficients([0.5, 0.5], 10**15)", ValueError, "needs"),
        ("em.coefficients([1, 1, -1], 4, method='saddle')", ValueError, "needs non-negative weights"),
        ("em.coefficients([1, 1], 10**6, method='saddle')", ValueError, "overflow"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_a_long_grid_that_no_table_holds_is_refused():
    with pytest.raises(ValueError, match="too long to tabulate"):
        em.log_coefficients([[1, 2], [3, 4]], 10**9, at=[1, 1])
