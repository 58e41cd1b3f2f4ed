import copy
import math
import pickle
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom, geom, nbinom, norm, poisson

from erfmath import LatticeDistribution, compound_sum, distribution, sum_of
from erfmath.laws import compound
from erfmath.laws.compound import PanjerNumber

ONE = sum_of({1: 1})
NORMAL = norm()
GRID = distribution(np.outer([1, 1], [1, 2]))
LOSS = {1: Fraction(1, 2), 2: Fraction(3, 10), 10: Fraction(1, 5)}


def check(values, truths):
    """Compare relatively: 1e-12, and what the round-off of a logarithm allows."""
    for value, truth in zip(values, truths, strict=True):
        room = 1e-12 + 4e-16 * abs(float(mpmath.log(truth)))
        assert abs(mpmath.mpf(value) / truth - 1) < room


def test_sums_without_an_end_are_no_factors():
    losses = compound_sum(poisson(2), sum_of(LOSS))
    for other in (losses, compound_sum(poisson(3), sum_of(LOSS)), sum_of([0.5, 0.5])):
        for one, two in ((losses, other), (other, losses)):
            with pytest.raises(ValueError, match=r"without an end is no factor of a sum; cut it first with"):
                one + two


def powers_of(variable, most):
    """[z^0 .. z^most] of P^k for k = 0 .. most, in Fractions."""
    rows = [[Fraction(1)] + [Fraction(0)] * most]
    for _ in range(most):
        row = [Fraction(0)] * (most + 1)
        for s, q in enumerate(rows[-1]):
            for x, p in variable.items() if q else ():
                if s + x <= most:
                    row[s + x] += p * q
        rows.append(row)
    return rows


def of_number(number, variable, most):
    """P(S = s), s = 0 .. most, by the probabilities of the numbers; no value is 0, so that N <= S."""
    rows = powers_of(variable, most)
    chances = [number(k) for k in range(most + 1)]
    return [
        mpmath.fsum(chance * exactly(row[s]) for chance, row in zip(chances, rows, strict=True))
        for s in range(most + 1)
    ]


def exactly(value):
    return mpmath.mpf(value.numerator) / value.denominator


def poisson_at(mu):
    return lambda k: mpmath.exp(-mpmath.mpf(mu)) * mpmath.mpf(mu) ** k / mpmath.factorial(k)


def nbinom_at(n, p, first=0):
    def at(k):
        k -= first
        return mpmath.binomial(k + n - 1, k) * mpmath.mpf(p) ** n * (1 - mpmath.mpf(p)) ** k if k >= 0 else 0

    return at


NUMBERS = [
    (poisson(0.3), poisson_at(0.3)),
    (poisson(mu=7), poisson_at(7)),
    (poisson(500), poisson_at(500)),
    (nbinom(2.5, 0.3), nbinom_at(2.5, 0.3)),
    (nbinom(0.5, p=0.01), nbinom_at(0.5, 0.01)),
    (nbinom(n=40, p=0.9), nbinom_at(40, 0.9)),
    (geom(0.2), nbinom_at(1, 0.2, first=1)),
    (geom(0.99), nbinom_at(1, 0.99, first=1)),
]
LARGE = [(poisson(1000), poisson_at(1000)), (nbinom(300, 0.25), nbinom_at(300, 0.25))]
IDS = [f"{frozen.dist.name}{frozen.args}{frozen.kwds}" for frozen, _ in NUMBERS]


@pytest.mark.parametrize(("frozen", "at"), NUMBERS, ids=IDS)
def test_compound_sums_are_those_of_the_numbers(frozen, at):
    with mpmath.workdps(50):
        law, exact = compound_sum(frozen, sum_of(LOSS)), of_number(at, LOSS, 60)
        points = [s for s, p in enumerate(exact) if p]
        check(law.pmf(points), [exact[s] for s in points])
        check(law.cdf(points), [mpmath.fsum(exact[: s + 1]) for s in points])
        above = [1 - mpmath.fsum(exact[: s + 1]) for s in points]
        check(law.sf(points), above)
        assert law.logsf(points[-1]) == pytest.approx(float(mpmath.log(above[-1])), rel=1e-13, abs=1e-15)
    assert law.support() == (points[0], math.inf)


@pytest.mark.parametrize(("frozen", "at"), LARGE, ids=["poisson", "nbinom"])
def test_far_tails_of_the_numbers_themselves_have_their_digits(frozen, at):
    law, points = compound_sum(frozen, ONE), [0, 1, 100, 500, 900, 1000, 1100, 2000, 4000]
    with mpmath.workdps(60):
        for x in points:
            log = float(mpmath.log(at(x)))
            assert law.logpmf(x) == pytest.approx(log, rel=1e-15, abs=1e-12)
            tail = mpmath.nsum(lambda k: at(int(k)), [x + 1, x + 3000]) if x > 900 else None
            if tail is not None:
                assert law.logsf(x) == pytest.approx(float(mpmath.log(tail)), rel=1e-15, abs=1e-12)


@given(st.floats(0.1, 30), st.floats(0.05, 0.95), st.floats(0.05, 0.9))
def test_terms_that_may_be_zero_thin_the_number(mu, p, zero):
    some, all_ = {0: zero, 1: (1 - zero) / 2, 3: (1 - zero) / 2}, sum_of({1: 0.5, 3: 0.5})
    x = np.arange(40)
    got = compound_sum(poisson(mu), sum_of(some, normalize=True))
    thinned = compound_sum(poisson(mu * (1 - zero)), all_)
    np.testing.assert_allclose(got.logpmf(x), thinned.logpmf(x), rtol=1e-12, atol=1e-11)
    got = compound_sum(nbinom(1.5, p), sum_of(some, normalize=True))
    thinned = compound_sum(nbinom(1.5, p / (1 - (1 - p) * zero)), all_)
    np.testing.assert_allclose(got.logsf(x), thinned.logsf(x), rtol=1e-11, atol=1e-11)


@given(st.integers(0, 8), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
def test_a_number_with_an_end_gives_a_product(n, p, as_ours):
    number = sum_of([1 - p, p], n) if as_ours else binom(n, p)
    got = compound_sum(number, sum_of(LOSS))
    chances = [
        Fraction(math.comb(n, k)) * Fraction(p) ** k * (1 - Fraction(p)) ** (n - k) for k in range(n + 1)
    ]
    rows = powers_of(LOSS, 10 * n or 1)
    exact = [float(sum(c * rows[k][s] for k, c in enumerate(chances))) for s in range(10 * n + 1)]
    np.testing.assert_allclose(got.pmf(np.arange(10 * n + 1)), exact, rtol=1e-13)
    assert got.polynomial is not None


def test_a_binomial_number_may_be_as_large_as_any():
    got = compound_sum(binom(10**12, 0.25), sum_of(LOSS))
    assert got.mean() == pytest.approx(10**12 * 0.25 * 3.1)
    assert got.sf(int(got.mean())) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize(
    "law", [sum_of({2: 0.5, 3: 0.5}), sum_of({1: 0.25, 4: 0.25, 6: 0.5}, 3)], ids=["two", "three"]
)
def test_numbers_of_this_package_may_start_anywhere(law):
    got, expected = compound_sum(law, sum_of(LOSS)), {}
    low, high = law.support()
    for k in range(low, high + 1):
        for s, p in enumerate((k * sum_of(LOSS)).pmf(np.arange(10 * high + 1))):
            expected[s] = expected.get(s, 0) + law.pmf(k) * p
    np.testing.assert_allclose(got.pmf(list(expected)), list(expected.values()), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("frozen", "at"), NUMBERS, ids=IDS)
def test_moments_are_those_of_the_row(frozen, at):
    law = compound_sum(frozen, sum_of(LOSS))
    start, row = law.window(1e-20)
    x = np.arange(start, start + len(row)).astype(float)
    mean = float(row @ x)
    assert law.mean() == pytest.approx(mean, rel=1e-10)
    assert law.var() == pytest.approx(float(row @ (x - mean) ** 2), rel=1e-9)
    third = float(row @ (x - mean) ** 3)
    assert law.cumulants(4)[2] == pytest.approx(third, rel=1e-8)
    assert law.cumulants(4)[3] == pytest.approx(float(row @ (x - mean) ** 4) - 3 * law.var() ** 2, rel=1e-7)
    if frozen.dist.name == "poisson":
        expected = [frozen.mean() * sum(float(x**r * p) for x, p in LOSS.items()) for r in range(1, 5)]
        assert law.cumulants(4) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("frozen", [frozen for frozen, _ in NUMBERS[:5]], ids=IDS[:5])
def test_the_number_itself_is_read_as_scipy_reads_it(frozen):
    law, q = compound_sum(frozen, ONE), np.array([0, 0.01, 0.3, 0.5, 0.9, 0.999, 1])
    np.testing.assert_array_equal(law.ppf(q), frozen.ppf(q))
    x = np.array([-1, 0, 2.5, 3, math.inf, -math.inf, math.nan])
    np.testing.assert_allclose(law.cdf(x), frozen.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(law.sf(x), frozen.sf(x), rtol=1e-11)
    np.testing.assert_allclose(law.pmf(x[:4]), frozen.pmf(x[:4]), rtol=1e-11)
    assert law.pmf(math.inf) == 0
    assert law.stats("mvsk") == pytest.approx([float(v) for v in frozen.stats("mvsk")], rel=1e-12)
    sample = law.rvs(2000, rng=3)
    assert abs(sample.mean() - law.mean()) < 5 * law.std() / math.sqrt(2000)


def test_terms_on_any_lattice():
    law = compound_sum(poisson(2), sum_of({0.5: 0.5, 1.25: 0.5}))
    same = compound_sum(poisson(2), sum_of({2: 0.5, 5: 0.5}))
    assert law.pmf([0.5, 1.25, 1.75, 1.8]).tolist() == [*same.pmf([2, 5, 7]).tolist(), 0]
    assert law.support() == (0, math.inf)
    assert law.mean() == pytest.approx(same.mean() / 4)


def test_what_is_beyond_a_number_can_be_asked_under_a_condition():
    law = compound_sum(poisson(3), sum_of(LOSS))
    tail = law.given(50)
    assert tail.pmf(55) == pytest.approx(law.pmf(55) / law.sf(49), rel=1e-12)
    assert tail.sf(60) == pytest.approx(law.sf(60) / law.sf(49), rel=1e-12)
    assert tail.support() == (50, math.inf)
    cut = law.given(high=30) + sum_of([0.5, 0.5])
    assert cut.support() == (0, 31)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda law: pickle.loads(pickle.dumps(law))])
def test_compound_sums_are_values(duplicate):
    law = compound_sum(poisson(3), sum_of(LOSS))
    law.sf(3)
    assert duplicate(law) == law
    assert hash(duplicate(law)) == hash(law)
    assert law != compound_sum(poisson(4), sum_of(LOSS))


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (
            "compound_sum(3, ONE)",
            TypeError,
            "number must be a frozen scipy.stats poisson, binom",
        ),
        ("compound_sum(NORMAL, ONE)", TypeError, "number must be a frozen"),
        ("compound_sum(poisson, ONE)", TypeError, "number must be"),
        ("compound_sum(poisson(3, loc=1), ONE)", ValueError, "number must start where scipy's poisson does"),
        ("compound_sum(poisson(-1), ONE)", ValueError, "number must have one number for each of its param"),
        ("compound_sum(poisson([1, 2]), ONE)", ValueError, "number must have one number for each"),
        ("compound_sum(poisson(math.nan), ONE)", ValueError, "number must have one number for each"),
        ("compound_sum(nbinom(2, 0), ONE)", ValueError, "number must have one number for each"),
        ("compound_sum(poisson(3), [0.5, 0.5])", TypeError, "terms must be a distribution"),
        (
            "compound_sum(poisson(3), sum_of({-1: .5, 1: .5}))",
            ValueError,
            "terms must have values of",
        ),
        (
            "compound_sum(sum_of({-1: .5, 1: .5}), ONE)",
            ValueError,
            "number must be a distribution on 0",
        ),
        (
            "compound_sum(sum_of({.5: .5, 1: .5}), ONE)",
            ValueError,
            "number must be a distribution on 0",
        ),
        ("compound_sum(poisson(3), ONE).probabilities()", ValueError, "use window()"),
        ("compound_sum(poisson(3), ONE) + ONE", ValueError, "cut it first with given"),
        ("compound_sum(poisson(10**9), ONE).pmf(3)", ValueError, "the row of a compound sum"),
        ("compound_sum(poisson(3), ONE).sf(10**9)", ValueError, "ask for points nearer to 0"),
        ("compound_sum(GRID, ONE)", TypeError, "number must be"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_no_terms_are_nothing():
    for number in (poisson(0), nbinom(3, 1), binom(0, 0.5)):
        assert compound_sum(number, ONE).pmf(0) == 1
    assert compound_sum(poisson(3), sum_of({0: 1})).pmf(0) == 1
    assert compound_sum(geom(1), ONE) == ONE
    assert compound_sum(poisson(3), LatticeDistribution([0.5, 0.5])).sf(0) == pytest.approx(
        1 - math.exp(-1.5)
    )


@pytest.mark.parametrize("frozen", [nbinom(2.5, 0.3), nbinom(1, 0.8), geom(0.2), poisson(3)])
@pytest.mark.parametrize("excess", [-0.9, -0.2, 0.0, 0.1, 0.2])
def test_the_generating_function_of_the_number_is_its_sum(frozen, excess):
    number = compound_sum(frozen, sum_of({1: Fraction(1, 2), 2: Fraction(1, 2)})).number
    truth = math.fsum(float(frozen.pmf(k)) * (1 + excess) ** k for k in range(2000))
    assert math.exp(number.log_generating(excess)) == pytest.approx(truth, rel=1e-12)


def test_the_generating_function_is_infinite_beyond_its_singularity():
    number = compound_sum(geom(0.2), sum_of({1: Fraction(1, 2), 2: Fraction(1, 2)})).number
    assert number.log_generating(0.2) < math.inf  # which is at 1 + e = 1 / 0.8
    assert number.log_generating(0.26) == math.inf


def test_no_copies_are_a_point_at_zero():
    law = compound_sum(poisson(0), distribution([1, 2]))
    assert law.support() == (0, 0)
    assert law.pmf([0, 1]).tolist() == [1, 0]


NUMBERS = [
    (PanjerNumber(0.0, 2.5, 1.0), poisson(2.5)),
    (PanjerNumber(0.25, 0.25 * 2, 0.75), nbinom(3, 0.75)),
    (PanjerNumber(0.5, 0.0, 0.5, first=1), geom(0.5)),
]


@pytest.mark.parametrize(("number", "truth"), NUMBERS, ids=["poisson", "nbinom", "geom"])
def test_a_generating_function_is_the_mean_of_powers(number, truth):
    for excess in (-0.75, 0.0, 1e-9, 0.3):
        mean = truth.expect(lambda k, u=1 + excess: u**k)
        assert float(number.log_generating(excess)) == pytest.approx(math.log(mean), rel=1e-6, abs=1e-15)
    assert float(number.log_generating(1e3)) == (2.5e3 if number.a == 0 else math.inf)


@pytest.mark.parametrize(("number", "truth"), NUMBERS, ids=["poisson", "nbinom", "geom"])
def test_factorial_cumulants_are_those_of_the_moments(number, truth):
    """The first is the mean, the second the variance less the mean, both less the first value."""
    mean, variance = truth.stats("mv")
    found = number.factorial_cumulants(2)
    assert [float(value) for value in found] == pytest.approx(
        [mean - number.first, variance - mean + number.first]
    )
    assert [len(number.factorial_cumulants(order)) for order in (1, 2, 7)] == [1, 2, 7]


@pytest.mark.parametrize(
    ("number", "terms", "law"),
    [
        (poisson(0), sum_of(LOSS), 0 * ONE),
        (geom(1), sum_of(LOSS), sum_of(LOSS)),
        (nbinom(3, 1), sum_of(LOSS), 0 * ONE),
        (binom(4, 0.5), ONE, sum_of([0.5, 0.5], 4)),
        (binom(4, 1), sum_of(LOSS), 4 * sum_of(LOSS)),
        (binom(4, 0), sum_of(LOSS), 0 * ONE),
        (poisson(3), 0 * ONE, 0 * ONE),
        (sum_of({2: 1}), sum_of(LOSS), 2 * sum_of(LOSS)),
    ],
)
def test_numbers_without_a_spread_are_copies(number, terms, law):
    found = compound_sum(number, terms)
    assert found.support() == law.support()
    points = np.arange(law.support()[0], law.support()[1] + 1)
    np.testing.assert_allclose(found.pmf(points), law.pmf(points), rtol=1e-12)


def test_the_bound_of_a_compound_sum_counts_its_steps():
    """A row up to 12 standard deviations, of as many roundings an entry as terms have values, and six."""
    terms = LatticeDistribution([0.5, 0.5], 1)
    d = compound_sum(poisson(100), terms)
    reach = int(150 + 12 * math.sqrt(100 * 2.5))
    assert d.error == pytest.approx(terms.error + (reach * (3 + 6) + 4 * 691) * 2.0**-53, rel=1e-12, abs=0)
    assert d.support() == (0, math.inf)
    assert compound_sum(geom(0.5), terms).support() == (1, math.inf)


def test_every_tail_has_its_digits_wherever_the_row_ends():
    """Of half of a Poisson number of coins, which is one of half the mean."""
    law = compound_sum(poisson(3), LatticeDistribution([0.5, 0.5]))
    chances = [math.exp(-1.5) * 1.5**k / math.factorial(k) for k in range(170)]
    for x in (0, 1, 3, 10, 28, 29, 40, 60, 61, 100, 124, 125):  # rows are as long as powers of two
        above = math.fsum(chances[x + 1 :])
        assert law.logsf(x) == pytest.approx(math.log(above), rel=1e-13, abs=1e-13)
        assert law.logcdf(x) == pytest.approx(math.log1p(-above), rel=1e-12, abs=0)


def test_the_generating_function_at_its_singularity_is_infinite_without_a_warning():
    assert PanjerNumber(0.5, 0.0, 0.5, first=1).log_generating(1.0) == math.inf
    assert PanjerNumber(0.5, 1.0, 0.5).log_generating(np.array([1.0, 2.0])).tolist() == [math.inf, math.inf]


def test_cumulants_of_a_poisson_number_are_all_its_mean():
    law = compound_sum(poisson(3), ONE)
    for order in (1, 2, 9):
        assert law.cumulants(order) == pytest.approx([3.0] * order)


@pytest.mark.parametrize(("longest", "most", "reason"), [(100, 10**9, "100"), (10**9, 10**4, "1e+03")])
def test_a_row_beyond_its_limits_is_refused(monkeypatch, longest, most, reason):
    law = compound_sum(poisson(3), sum_of(LOSS))  # of terms up to 10
    compound.row_of.cache_clear()
    monkeypatch.setattr(compound, "_LONGEST", longest)
    monkeypatch.setattr(compound, "_MOST_OPERATIONS", most)
    words = re.escape(f"the row of a compound sum with terms up to 10 ends at {reason}, and ")
    with pytest.raises(ValueError, match=words):
        law.pmf(2000)
    monkeypatch.setattr(compound, "_LONGEST", 2**11)
    monkeypatch.setattr(compound, "_MOST_OPERATIONS", 10 * 2**11)
    assert law.pmf(2000) == 0


def test_points_beyond_the_bulk_are_reached_where_terms_are_long():
    """Of half of a Poisson number of terms 99, which is one of half the mean."""
    law = compound_sum(poisson(0.1), sum_of({0: 0.5, 99: 0.5}))
    for k in (0, 1, 2, 3, 7, 12, 25, 40):
        assert law.logpmf(99 * k) == pytest.approx(poisson(0.05).logpmf(k), rel=1e-12)
        assert law.pmf(99 * k + 1) == 0


@pytest.mark.parametrize(
    ("frozen", "terms", "lengths"),
    [
        (
            poisson(3),
            [0.5, 0.5],
            {0: (32, 32), 20: (32, 64), 28: (32, 64), 100: (128, 128), 1000: (1024, 1024)},
        ),
        (poisson(3), LOSS, {0: (256, 256), 100: (256, 256), 1000: (1024, 2048)}),
        (geom(0.02), {1: 0.5, 3: 0.5}, {0: (8192, 8192), 1000: (8192, 8192)}),
    ],
    ids=["coins", "losses", "a geometric number"],
)
def test_rows_are_no_longer_than_powers_of_two_that_reach(monkeypatch, frozen, terms, lengths):
    """For points so many entries, for tails as many as hold all but 2^-60 of what lies beyond."""
    made, row_of = [], compound.row_of
    monkeypatch.setattr(compound, "row_of", lambda law, size: made.append(size) or row_of(law, size))
    law = compound_sum(frozen, sum_of(terms))
    for x, (for_points, for_tails) in lengths.items():
        for reading, length in ((law.logpmf, for_points), (law.logcdf, for_tails), (law.logsf, for_tails)):
            made.clear()
            reading(x)
            assert max(made) == length


@pytest.mark.parametrize("order", [0, 101])
def test_a_number_without_an_end_has_as_many_cumulants_as_others(order):
    with pytest.raises(ValueError, match="order must be at "):
        compound_sum(poisson(3), ONE).cumulants(order)
