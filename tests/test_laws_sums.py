import copy
import itertools
import math
import pickle
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

import erfmath as em
from erfmath import Kernel, LatticeDistribution, distribution, mixture, sum_of

SIXTH = Fraction(1, 6)
DIE = sum_of(dict.fromkeys(range(1, 7), SIXTH))


def exact_sum(*variables):
    """{value: probability} of a sum of independent variables, term by term in Fractions."""
    total = {Fraction(0): Fraction(1)}
    for variable in variables:
        previous, total = total, {}
        for (x, p), (y, q) in itertools.product(previous.items(), variable.items()):
            total[x + y] = total.get(x + y, 0) + p * q
    return total


def check(law, exact, rel=1e-13):
    """Every reading of a distribution is that of exact probabilities."""
    points = sorted(exact)
    assert tuple(map(float, law.support())) == (float(points[0]), float(points[-1]))
    for x in points:
        below = sum(p for y, p in exact.items() if y <= x)
        assert law.pmf(float(x)) == pytest.approx(float(exact[x]), rel=rel, abs=0)
        assert law.cdf(float(x)) == pytest.approx(float(below), rel=rel, abs=0)
        assert law.sf(float(x)) == pytest.approx(float(1 - below), rel=rel, abs=0)
        assert law.ppf(float(below) * (1 - 1e-9)) == pytest.approx(float(x))
    mean = sum(x * p for x, p in exact.items())
    assert law.mean() == pytest.approx(float(mean), rel=1e-13, abs=1e-13)
    assert law.var() == pytest.approx(float(sum((x - mean) ** 2 * p for x, p in exact.items())), abs=1e-12)
    assert law.expect(lambda x: x**2) == pytest.approx(float(sum(x * x * p for x, p in exact.items())))
    assert law.entropy() == pytest.approx(-sum(float(p) * math.log(p) for p in exact.values()), abs=1e-12)
    assert exact[min(exact, key=lambda x: abs(float(x) - law.mode()))] >= max(exact.values()) * (1 - 1e-13)


@st.composite
def variables(draw, values=None):
    """{value: Fraction} of a few values."""
    values = values if values is not None else st.integers(-9, 9)
    points = draw(st.lists(values, min_size=1, max_size=4, unique=True))
    weights = draw(st.lists(st.integers(1, 9), min_size=len(points), max_size=len(points)))
    return {Fraction(x): Fraction(w, sum(weights)) for x, w in zip(points, weights, strict=True)}


STEPS = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 10), Fraction(1, 3), Fraction(5, 4)])


@given(variables(), st.integers(1, 4))
def test_copies_of_a_variable_are_added(variable, n):
    check(sum_of(variable, n), exact_sum(*[variable] * n))
    assert n * sum_of(variable) == sum_of(variable) * n == sum_of(variable, n)


@given(st.data(), STEPS, STEPS)
def test_sums_on_lattices_of_any_step(data, step, other):
    left, right = data.draw(variables()), data.draw(variables())
    left = {x * step: p for x, p in left.items()}
    right = {x * other + step: p for x, p in right.items()}
    exact = exact_sum(left, right)
    check(sum_of([left, right]), exact)
    check(sum_of(left) + sum_of({float(x): float(p) for x, p in right.items()}), exact, rel=1e-12)
    check(sum_of(left).convolve(sum_of(right)), exact)
    check(sum_of(left) - sum_of(right), exact_sum(left, {-x: p for x, p in right.items()}))


@given(
    variables(),
    st.sampled_from([-3, -1, 2, Fraction(1, 2), 0.25, -0.1]),
    st.sampled_from([4, -2, 0.5, Fraction(1, 7)]),
)
def test_multiples_and_shifts(variable, factor, shift):
    times, more = Fraction(factor).limit_denominator(100), Fraction(shift)
    check(sum_of(variable).scaled(factor), {times * x: p for x, p in variable.items()})
    check(sum_of(variable) + shift, {x + more: p for x, p in variable.items()})
    check(shift - sum_of(variable), {more - x: p for x, p in variable.items()})
    assert (sum_of(variable) + shift) - shift == sum_of(variable)


@given(st.lists(variables(), min_size=1, max_size=3), st.data())
def test_mixtures_are_weighted_sums(parts, data):
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(parts), max_size=len(parts)))
    exact = {}
    for weight, part in zip(weights, parts, strict=True):
        for x, p in part.items():
            exact[x] = exact.get(x, 0) + p * Fraction(weight, sum(weights))
    got = mixture([sum_of(part) for part in parts], np.array(weights) / sum(weights))
    check(got, exact)
    check(got + DIE, exact_sum(exact, dict.fromkeys(map(Fraction, range(1, 7)), SIXTH)), rel=1e-12)
    central = exact_cumulants_of(exact)
    assert got.cumulants(4) == pytest.approx([float(v) for v in central], rel=1e-9, abs=1e-9)


def exact_cumulants_of(exact):
    mean = sum(x * p for x, p in exact.items())
    second, third, fourth = (sum((x - mean) ** r * p for x, p in exact.items()) for r in (2, 3, 4))
    return mean, second, third, fourth - 3 * second**2


@given(variables(), st.integers(1, 5), st.data())
def test_conditions_divide_by_their_probability(variable, n, data):
    exact = exact_sum(*[variable] * n)
    low, high = sorted(data.draw(st.tuples(*[st.sampled_from(sorted(exact))] * 2)))
    kept = {x: p for x, p in exact.items() if low <= x <= high}
    got = sum_of(variable, n).given(int(low), int(high))
    for x, p in kept.items():
        below = sum(q for y, q in kept.items() if y <= x)
        total = sum(kept.values())
        assert got.pmf(int(x)) == pytest.approx(float(p / total), rel=1e-12, abs=0)
        assert got.cdf(int(x)) == pytest.approx(float(below / total), rel=1e-12, abs=0)
        assert got.sf(int(x)) == pytest.approx(float(1 - below / total), rel=1e-12, abs=1e-300)


def test_the_log_tail_of_a_thousand_dice():
    dice = sum_of(dict.fromkeys(range(1, 7), 1 / 6), 1000)
    assert dice.logsf(5499) == pytest.approx(-842.2029391717521, rel=0, abs=1e-12)
    assert sum_of([0, *[SIXTH] * 6], 1000).logsf(5499) == pytest.approx(-842.2029391717521, rel=0, abs=1e-12)


def test_a_condition_far_in_the_tail_keeps_its_digits():
    row = [1]
    for _ in range(1000):  # sums of consecutive entries, in integers
        sums = [0, *itertools.accumulate(row)]
        row = [sums[min(t + 1, len(row))] - sums[max(t - 5, 0)] for t in range(len(row) + 5)]
    tail = row[4500:]
    got = (1000 * DIE).given(5500)
    assert got.support() == (5500, 6000)
    for x in (5500, 5510, 5700, 5999):
        above = Fraction(sum(tail[x - 5499 :]), sum(tail))
        log = math.log(above.numerator) - math.log(above.denominator)
        assert got.pmf(x) == pytest.approx(float(Fraction(tail[x - 5500], sum(tail))), rel=2e-12, abs=0)
        assert got.logsf(x) == pytest.approx(log, abs=2e-12)
    mean = Fraction(sum(t * p for t, p in enumerate(tail, 5500)), sum(tail))
    assert got.mean() == pytest.approx(float(mean), rel=1e-13)


def test_a_long_condition_keeps_its_tails():
    dice = 10**12 * DIE
    low = 3_500_001_000_000
    got = dice.given(low)
    assert got.pmf(low) == pytest.approx(dice.pmf(low) / dice.sf(low - 1), rel=1e-11, abs=0)
    assert got.sf(low + 10**7) == pytest.approx(dice.sf(low + 10**7) / dice.sf(low - 1), rel=1e-11, abs=0)
    assert got.sf(int(got.ppf(0.25))) <= 0.75 < got.sf(int(got.ppf(0.25)) - 1)
    assert got.cdf(low - 1) == 0
    assert (got.logcdf(low - 1), got.logsf(6 * 10**12)) == (-math.inf, -math.inf)
    assert (got.sf(low - 1), got.cdf(6 * 10**12), got.sf(6 * 10**12)) == (1, 1, 0)


def test_trials_of_different_chances_are_a_poisson_binomial():
    chances = np.random.default_rng(0).random(60) ** 2
    law = sum_of(np.stack([1 - chances, chances], axis=1))
    exact = [Fraction(1)]
    for p in chances.tolist():
        q = Fraction(1 - p)
        exact = [a * q + b * Fraction(p) for a, b in zip([*exact, 0], [0, *exact], strict=True)]
    total = sum(exact)
    np.testing.assert_allclose(law.pmf(np.arange(61)), [float(p / total) for p in exact], rtol=1e-12)
    if hasattr(scipy.stats, "poisson_binom"):
        expected = scipy.stats.poisson_binom(chances).pmf(np.arange(61))
        np.testing.assert_allclose(law.pmf(np.arange(61)), expected, rtol=1e-9, atol=1e-15)


def test_sums_stay_products_at_any_number_of_copies():
    many = 10**12 * DIE + 10**11 * sum_of({0: 0.5, 10: 0.5}) - 10**10 * DIE + 7
    assert many.polynomial is not None
    assert many.mean() == pytest.approx(10**12 * 3.5 + 5 * 10**11 - 3.5 * 10**10 + 7, rel=1e-14)
    assert many.sf(int(many.mean())) == pytest.approx(0.5, abs=1e-6)
    assert DIE + sum_of([0.5, 0.5]) == sum_of([0.5, 0.5]) + DIE
    assert sum([DIE, DIE, DIE]) == 3 * DIE == sum_of([DIE, DIE, DIE])
    assert DIE.scaled(2) != 2 * DIE


def test_far_values_on_a_coarse_lattice_need_no_room():
    law = sum_of({0: 0.5, 10**15: 0.5}, 4)
    assert law.support() == (0, 4 * 10**15)
    assert law.pmf(2 * 10**15) == pytest.approx(0.375)


def test_floats_stand_for_simple_fractions():
    assert sum_of({0.1: 0.5, 0.3: 0.5}).lattice[:2] == (Fraction(1, 10), Fraction(1, 5))
    assert sum_of({1 / 3: 0.5, 0.5: 0.5}).lattice[:2] == (Fraction(1, 3), Fraction(1, 6))
    assert sum_of({0.1: 0.5, 0.3: 0.5}, 3).pmf(0.1 + 0.1 + 0.3) == pytest.approx(0.375)
    assert sum_of({0.1: 0.5, 0.3: 0.5}, 3).pmf(0.4) == 0
    assert sum_of({0.5: 0.5, 1.0: 0.5}, step=0.25).lattice[1] == Fraction(1, 4)
    assert sum_of({math.sqrt(2): 0.5, 2 * math.sqrt(2): 0.5}, 2, step=math.sqrt(2)).pmf(
        3 * math.sqrt(2)
    ) == pytest.approx(0.5)
    assert sum_of({Decimal("0.5"): Decimal("0.25"), 1: Decimal("0.75")}).mean() == 0.875


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda law: pickle.loads(pickle.dumps(law))])
@pytest.mark.parametrize(
    "law",
    [DIE, sum_of({0.5: 0.5, 1: 0.5}), mixture([DIE, 2 * DIE], [0.5, 0.5]), (100 * DIE).given(400)],
    ids=["sum", "stepped", "mixture", "condition"],
)
def test_all_kinds_are_values(law, duplicate):
    assert duplicate(law) == law
    assert hash(duplicate(law)) == hash(law)
    assert law != DIE + 1
    assert law.rvs(3, rng=1).tolist() == duplicate(law).rvs(3, rng=1).tolist()
    low, high = law.support()
    sample = law.rvs(200, rng=2)
    assert (sample >= low).all()
    assert (sample <= high).all()
    assert abs(sample.mean() - law.mean()) < 5 * law.std() / math.sqrt(200)
    assert repr(law).startswith("<")


def test_pictures_are_drawn_on_the_axes_that_are_given():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.add_subplot()
    assert DIE.plot(ax) is ax
    assert len(ax.patches) == 6
    assert [bar.get_x() + bar.get_width() / 2 for bar in ax.patches] == pytest.approx([1, 2, 3, 4, 5, 6])
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([1 / 6] * 6)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "P(X = x)")
    halves = sum_of({0.5: 0.25, 1: 0.75}).plot().patches
    assert [bar.get_width() for bar in halves] == pytest.approx([0.45, 0.45])
    assert [bar.get_x() + 0.225 for bar in halves] == pytest.approx([0.5, 1])
    assert len(sum_of({0.5: 0.5, 1: 0.5}, 399).plot().patches) < 400
    assert sum_of({0.5: 0.5, 1: 0.5}, 10**6).plot().collections


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (
            "sum_of({1: .5, 2: .4})",
            ValueError,
            "outcomes must have probabilities that sum to 1, got 0.9; normalize",
        ),
        ("sum_of([Fraction(1, 2), Fraction(1, 3)])", ValueError, "sum to 1, got 0.83333"),
        ("sum_of([1, 1, 1])", ValueError, "sum to 1, got 3.0"),
        ("sum_of([10**400, 1])", ValueError, "sum to 1, got"),
        ("sum_of([1.5, -.5])", ValueError, "outcomes must not have negative probabilities, got -0.5"),
        ("sum_of([math.nan, 1])", ValueError, "outcomes must have finite probabilities, got nan"),
        ("sum_of([math.inf])", ValueError, "outcomes must have finite probabilities, got inf"),
        ("sum_of([0.0], normalize=True)", ValueError, "outcomes must have a positive probability"),
        ("sum_of([True])", TypeError, "outcomes must have real numbers as probabilities, got True"),
        ("sum_of({True: 1})", TypeError, "outcomes must be a real number, got True"),
        ("sum_of({'a': 1})", TypeError, "outcomes must be a real number, got 'a'"),
        ("sum_of({math.nan: 1})", ValueError, "outcomes must be finite, got nan"),
        ("sum_of({0: .5, 1: 'x'})", TypeError, "outcomes must have real numbers as probabilities"),
        ("sum_of({0: .5, 1: 1j})", TypeError, "outcomes must have real numbers as probabilities"),
        ("sum_of({0: .3, 1: .3, 10**12: .4})", ValueError, "a lattice of 1e+12 points"),
        ("sum_of({0: .5, math.pi: .2, 1: .3})", ValueError, "give a larger step"),
        ("sum_of({0: .5, .3: .5}, step=.25)", ValueError, "steps of 0.25 apart, got 0.3"),
        ("sum_of({0: .5, 1: .5}, step=-1)", ValueError, "step must be positive"),
        ("sum_of({0: .5, 1: .5}, step='a')", TypeError, "step must be a real number"),
        ("sum_of(np.ma.masked_array([.5, .5], [0, 1]))", TypeError, "outcomes must not be a masked array"),
        ("sum_of([np.ma.masked_array([.5, .5], [0, 1])])", TypeError, "outcomes must not hold masked arrays"),
        ("sum_of([[.5, .5], [.5, .4]])", ValueError, "outcomes[1] must have probabilities that sum to 1"),
        (
            "sum_of([.1, .7, .5])",
            ValueError,
            "divides them by it; of trials with a chance p each, give a row",
        ),
        ("sum_of([.1, .2])", ValueError, "; of trials with a chance p each, give a row [1 - p, p] for each"),
        ("sum_of([1, .2])", ValueError, "; of trials with a chance p each, give a row [1 - p, p] for each"),
        (
            "sum_of([1.1, .2])",
            ValueError,
            "; of values such as the faces of a die, give {value: probability}",
        ),
        (
            "sum_of([[.1], [.2]])",
            ValueError,
            "outcomes[0] must have probabilities that sum to 1, got 0.1; norm",
        ),
        ("sum_of([[.1], [.2]])", ValueError, "; of trials with a chance p each, give a row"),
        (
            "sum_of([[np.ones(9), np.zeros(9)]])",
            TypeError,
            "; of trials with chances p, np.column_stack([1 - p",
        ),
        ("sum_of([[[.5, .5]]])", TypeError, "got [0.5, 0.5] of type list; grids on several axes are for"),
        (
            "sum_of({(0, 1): 1})",
            TypeError,
            "a number as each value, got (0, 1); variables on several axes are",
        ),
        ("sum_of(zip([.5], [.5]))", TypeError, "; take list() of it"),
        ("sum_of([1, 2, 3, 4, 5, 6], 10)", ValueError, "; of values such as the faces of a die, give {value"),
        ("sum_of([[.5, .5], {math.nan: 1}])", ValueError, "outcomes[1] must be finite, got nan"),
        ("sum_of({0: Decimal('NaN'), 1: 1})", ValueError, "outcomes must have finite probabilities"),
        ("sum_of([1, 2], normalize='yes')", TypeError, "normalize must be a bool, got 'yes'"),
        ("sum_of([.5, .5], 20).rvs(10**14)", ValueError, "size=100000000000000 needs"),
        ("sum_of([[.5, .5], .5])", ValueError, "outcomes must be all numbers or all variables"),
        ("sum_of([])", ValueError, "outcomes must not be empty"),
        ("sum_of({})", ValueError, "outcomes must not be empty"),
        ("sum_of([[]])", ValueError, "outcomes must not be empty"),
        ("sum_of(np.array(0.5))", TypeError, "outcomes must be {value: probability}"),
        ("sum_of({0: 0.5, 1: 0.5}, step=10**400)", ValueError, "step must be positive, and below 1e280"),
        ("sum_of({0: 0.5, 1e-300: 0.5})", ValueError, "must lie between 1e-280 and 1e280"),
        ("DIE - {}", TypeError, "other must be a real number"),
        ("DIE.expect('a')", TypeError, "func must be a function"),
        ("sum_of({0: 0.5, 0.5: 0.5}).expect(3)", TypeError, "func must be a function"),
        ("sum_of('ab')", TypeError, "outcomes must be {value: probability}"),
        ("sum_of(3)", TypeError, "outcomes must be {value: probability}"),
        ("sum_of(None)", TypeError, "outcomes must be {value: probability}"),
        ("sum_of([.5, .5], 1.5)", TypeError, "n must be an int"),
        ("sum_of([.5, .5], -1)", ValueError, "n must be at least 0"),
        ("sum_of([.5, .5], 10**16)", ValueError, "n must be at most 1e+15"),
        ("sum_of([.5, .5], True)", TypeError, "n must be an int"),
        ("sum_of(distribution(np.outer([1, 1], [1, 2])))", ValueError, "outcomes must have one axis"),
        ("DIE * 1.5", TypeError, "n must be an int, the number of independent copies"),
        ("DIE * True", TypeError, "n must be an int"),
        ("DIE * DIE", TypeError, "a + b adds them"),
        ("-1 * DIE", ValueError, "n must be at least 0"),
        ("DIE + 'a'", TypeError, "other must be a real number"),
        ("DIE + math.nan", ValueError, "other must be finite"),
        ("DIE + True", TypeError, "other must be a real number"),
        ("DIE.convolve(3)", TypeError, "other must be a LatticeDistribution"),
        ("DIE.scaled('a')", TypeError, "factor must be a real number"),
        ("DIE.given(7)", ValueError, "no probability lies between"),
        ("DIE.given(4, 3)", ValueError, "no probability lies between"),
        ("sum_of({0: .5, 9: .5}).given(1, 8)", ValueError, "no probability lies between"),
        ("DIE.given('a')", TypeError, "low must be a real number"),
        ("DIE.given(high=math.nan)", ValueError, "high must be finite"),
        ("mixture([DIE, DIE], [.5, .4])", ValueError, "must sum to 1"),
        ("mixture([DIE, DIE], [1.0])", ValueError, "weights must be 2 numbers"),
        ("mixture([DIE, [.5, .5]], [.5, .5])", TypeError, "distributions must be"),
        ("mixture([], [])", ValueError, "must not be empty"),
        ("mixture(3, [1.0])", TypeError, "distributions must be a sequence"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_probabilities_are_divided_by_their_sum_when_asked():
    assert sum_of([1, 2, 1], normalize=True) == sum_of([1, 2, 1], normalize=True)
    assert sum_of([1, 2, 1], normalize=True).pmf(1) == 0.5
    assert sum_of({1: 10**400, 2: 10**400}, normalize=True).pmf(1) == 0.5


def test_zero_times_a_variable_is_zero():
    assert DIE.scaled(0).pmf(0) == (0 * DIE).pmf(0) == 1
    assert em.sum_of({3: 1.0}, 5).support() == (15, 15)
    assert (LatticeDistribution([0.5, 0.5]) + LatticeDistribution([0.5, 0.5], 3)).support() == (3, 5)
    assert (distribution(Kernel([1, 1]), 3) + np.int64(2)).support() == (2, 5)


def test_cumulants_and_far_points_of_a_lattice_of_quarters():
    """A die of 1, 3/2, 3: its cumulants by hand from its moments."""
    variable = {Fraction(1): Fraction(1, 2), Fraction(3, 2): Fraction(1, 4), Fraction(3): Fraction(1, 4)}
    law = sum_of(variable)
    mean = sum(x * p for x, p in variable.items())
    second, third, fourth = (sum((x - mean) ** r * p for x, p in variable.items()) for r in (2, 3, 4))
    cumulants = [mean, second, third, fourth - 3 * second**2]
    np.testing.assert_allclose(law.cumulants(4), [float(value) for value in cumulants], rtol=1e-12)
    for far in (-(10**400), 10**400):
        assert (law.pmf(far), law.cdf(far)) == (0, float(far > 0))


def test_floats_sum_to_one_up_to_round_off_and_fractions_in_truth():
    tiny = Fraction(1, 10**12)
    assert sum_of([0.5, 0.5 + 1e-12]).support() == sum_of([Fraction(1, 2), 0.5 + 1e-12]).support() == (0, 1)
    with pytest.raises(ValueError, match="sum to 1"):
        sum_of([Fraction(1, 2), Fraction(1, 2) + tiny])


def test_points_of_a_coarse_lattice_may_be_integers_of_any_size():
    law = sum_of({-5000: 0.25, -4999.5: 0.75})
    assert law.pmf([10**400, -(10**400), -5000]).tolist() == [0, 0, 0.25]
    assert law.cdf([10**400, -(10**400), -5000]).tolist() == [1, 0, 0.25]
    for reading in (law.pmf, law.cdf, law.sf, law.logpmf, law.enclose):
        with pytest.raises(TypeError, match="x must be real numbers"):
            reading("a")


def test_floats_may_miss_one_by_round_off_and_fractions_by_nothing():
    half, little = Fraction(1, 2), Fraction(1, 10**12)
    for floats in ([0.2, 0.3, 0.5 + 1e-12], [half, 0.5 - 1e-12], [0.5, half + little]):
        assert sum_of(floats).mean() == pytest.approx(sum(i * float(p) for i, p in enumerate(floats)))
    decimals = [Decimal("0.5"), Decimal("0.500000000001")]
    for wrong in ([half, half + little], [0.5, 0.5 + 2e-9], [half, 0.5 - 2e-9], decimals):
        with pytest.raises(ValueError, match="probabilities that sum to 1"):
            sum_of(wrong)
        assert sum_of(wrong, normalize=True).support() == (0, 1)


def test_up_to_400_bars_are_drawn():
    pytest.importorskip("matplotlib")
    for count, bars in ((399, 399), (400, 400), (401, 0)):
        assert len(LatticeDistribution(np.full(count, 1 / count)).plot().patches) == bars


def test_points_far_out_on_a_fine_lattice_are_found_by_their_floats():
    law = sum_of({0: 0.5, 0.001: 0.5}, 10**11)
    k = 5 * 10**10 + np.arange(-3000, 3000, 7)
    np.testing.assert_array_equal(law.pmf(k * 0.001), law.integers.pmf(k))
    np.testing.assert_array_equal(law.cdf(k / 1000), law.integers.cdf(k))
    assert (law.pmf((k + 0.5) / 1000) == 0).all()


@pytest.mark.parametrize("copies", [1, 2, 3, 4])
def test_a_shift_of_copies_that_they_do_not_divide_is_kept(copies):
    for shift in range(-5, 6):
        law = copies * DIE.scaled(2) + shift
        assert law.support() == (2 * copies + shift, 12 * copies + shift)
        assert law.pmf(2 * copies + shift) == pytest.approx(6.0**-copies)
        assert law.mean() == pytest.approx(7 * copies + shift)
