import copy
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, strategies as st
from oracles import exact_cumulants, exact_law

import erfmath as em
from erfmath import Kernel, LatticeDistribution, distribution
from erfmath.strategies import distributions, kernels

POINT_METHODS = ("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf")
SHARE_METHODS = ("ppf", "isf")
LAWS = st.tuples(kernels(min_offset=-3, max_offset=3), st.integers(0, 8))
ODD_POINTS = [
    -np.inf,
    -1e300,
    -7.5,
    -1.0,
    -0.5,
    0.0,
    0.5,
    1.0,
    2.0,
    2.5,
    3.0,
    4.0,
    19.5,
    1e300,
    np.inf,
    np.nan,
]


def tabled(kernel, n):
    """The law as the table of its probabilities, where `distribution` may keep it as a formula."""
    law = distribution(kernel, n)
    return LatticeDistribution(law.probabilities(), law.support()[0])


def pickled(law):
    return pickle.loads(pickle.dumps(law))


KINDS = pytest.mark.parametrize("law_of", [distribution, tabled], ids=["formula", "table"])


def as_scipy(law):
    low, high = law.support()
    return scipy.stats.rv_discrete(values=(np.arange(low, high + 1), law.probabilities()))


def table(law):
    """{position: probability} of a LatticeDistribution, in rationals of sum 1."""
    exact = {law.support()[0] + i: Fraction(p) for i, p in enumerate(law.probabilities())}
    return {x: p / sum(exact.values()) for x, p in exact.items()}


@KINDS
@given(case=LAWS)
def test_every_reading_is_that_of_the_exact_rationals(law_of, case):
    kernel, n = case
    law, exact = law_of(kernel, n), exact_law(kernel.weights, n, kernel.offset)
    assert law.support() == (min(exact), max(exact))
    for x in range(min(exact) - 2, max(exact) + 3):
        below = sum(p for y, p in exact.items() if y <= x)
        close = {"rel": 1e-13, "abs": 0}
        assert law.pmf(x) == pytest.approx(float(exact.get(x, 0)), **close)
        assert law.cdf(x) == pytest.approx(float(below), **close)
        assert law.sf(x) == pytest.approx(float(1 - below), **close)


@KINDS
@given(case=LAWS)
def test_the_cumulants_are_those_of_the_exact_rationals(law_of, case):
    kernel, n = case
    law, exact = law_of(kernel, n), exact_cumulants(exact_law(kernel.weights, n, kernel.offset), 6)
    spread = max(map(abs, law.support())) + 1
    for r, (got, expected) in enumerate(zip(law.cumulants(6), exact, strict=True), 1):
        assert got == pytest.approx(float(expected), rel=1e-11, abs=1e-13 * math.factorial(r) * spread**r)
    assert law.mean() == pytest.approx(float(exact[0]), abs=1e-14 * spread)
    assert law.std() ** 2 == pytest.approx(law.var())
    assert law.cumulants(1) == pytest.approx((law.mean(),), rel=1e-15)


@given(kernels(min_side=2), st.integers(0, 10), st.integers(0, 10))
def test_the_cumulants_of_powers_add(kernel, a, b):
    parts, whole = (distribution(kernel, a), distribution(kernel, b)), distribution(kernel, a + b)
    for r in range(4):
        terms = [law.cumulants(4)[r] for law in parts]
        assert whole.cumulants(4)[r] == pytest.approx(
            sum(terms), rel=1e-10, abs=1e-10 * (1 + whole.var() ** 2)
        )


@pytest.mark.parametrize("name", POINT_METHODS)
@given(distributions())
def test_points_are_read_as_scipy_reads_them(name, law):
    points = np.array([*ODD_POINTS, *np.arange(law.support()[0] - 2, law.support()[1] + 3)])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = getattr(as_scipy(law), name)(points)
    np.testing.assert_allclose(getattr(law, name)(points), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SHARE_METHODS)
@given(distributions(), st.lists(st.floats(0.001, 0.999), max_size=5))
def test_shares_are_read_as_scipy_reads_them(name, law, inner):
    steps = np.concatenate([law.cdf(np.arange(*law.support())), law.sf(np.arange(*law.support()))])
    inner = [q for q in inner if not np.isclose(steps, q, atol=1e-9).any()]  # scipy rounds at the steps
    shares = np.array([-0.1, 0, *inner, 1, 1.1, np.nan, np.inf])
    np.testing.assert_array_equal(getattr(law, name)(shares), getattr(as_scipy(law), name)(shares))


@pytest.mark.parametrize("name", POINT_METHODS)
@pytest.mark.parametrize("n", [1, 40, 300])
def test_powers_of_one_plus_z_are_the_binomial_law(name, n):
    x = np.arange(-2, n + 3)
    with np.errstate(divide="ignore"):
        expected = getattr(scipy.stats.binom(n, 0.25), name)(x)
    rounding = 1e-15 if name.startswith("log") else 0  # scipy's logarithms lose their digits near 0
    np.testing.assert_allclose(getattr(distribution([3, 1], n), name)(x), expected, rtol=1e-11, atol=rounding)


@pytest.mark.parametrize("n", [1, 40, 300])
def test_quantiles_of_the_binomial_law(n):
    law, frozen = distribution([3, 1], n), scipy.stats.binom(n, 0.25)
    shares = np.array([0, 1e-9, 0.1, 0.37, 0.5, 0.9, 1 - 1e-9, 1])
    np.testing.assert_array_equal(law.ppf(shares), frozen.ppf(shares))
    np.testing.assert_array_equal(law.isf(shares), frozen.isf(shares))
    assert law.median() == frozen.median()
    assert law.interval(0.9) == frozen.interval(0.9)


@pytest.mark.parametrize("confidence", [0, 1])
def test_the_interval_takes_the_ends_as_scipy_does(confidence):
    assert distribution([3, 1], 40).interval(confidence) == scipy.stats.binom(40, 0.25).interval(confidence)


def test_the_ends_of_the_quantiles():
    law = distribution(Kernel([1, 1, 1], offset=-1), 40)
    assert (law.ppf(0), law.isf(1)) == (-41, -41)
    assert (law.ppf(1), law.isf(0)) == (40, 40)


@given(distributions(max_size=12), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_quantiles_are_galois_inverses(law, q):
    low, high = law.support()
    for x in range(low - 1, high + 2):
        assert (law.ppf(q) <= x) == (q <= law.cdf(x))
        assert (law.isf(q) <= x) == (law.sf(x) <= q)


@given(distributions(max_size=12))
def test_quantiles_at_the_steps_are_the_steps(law):
    for x in range(*law.support()):
        if law.pmf(x) > 1e-9:
            assert law.ppf(law.cdf(x)) == law.isf(law.sf(x)) == x


@KINDS
@pytest.mark.parametrize("name", ["sf", "cdf"])
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 3, 0, 2)])
def test_tails_keep_their_relative_accuracy(name, weights, law_of):
    law, exact = law_of(weights, 200), exact_law(weights, 200)
    points = sorted(exact)
    tail, sign = Fraction(0), 1 if name == "cdf" else -1
    for x, beyond in list(zip(points[::sign], points[1::] if sign > 0 else points[-2::-1], strict=False)):
        tail += exact[x]
        at = x if name == "cdf" else beyond
        got = getattr(law, name)(at)
        assert abs(Fraction(got) / tail - 1) < Fraction(1, 10**12)
        logarithm = math.log(tail.numerator) - math.log(tail.denominator)
        assert getattr(law, "log" + name)(at) == pytest.approx(logarithm, rel=1e-12, abs=1e-13)


@KINDS
def test_logarithms_near_one_keep_their_digits(law_of):
    law, smallest = law_of([1, 1, 1], 60), Fraction(1, 3**60)
    assert law.logcdf(119) == pytest.approx(-float(smallest), rel=1e-13, abs=0)
    assert law.logsf(0) == pytest.approx(-float(smallest), rel=1e-13, abs=0)


@pytest.mark.parametrize("name", POINT_METHODS)
@pytest.mark.parametrize(
    "x", [3, 3.0, np.float32(3), np.int8(3), np.uint64(3), np.array(3), 2.5, math.nan, 2**70]
)
def test_a_scalar_point_gives_a_python_float(name, x):
    law = LatticeDistribution([0.25, 0.5, 0.25], offset=-1)
    got = getattr(law, name)(x)
    assert type(got) is float
    np.testing.assert_equal(got, getattr(law, name)(float(x)))


@pytest.mark.parametrize("name", SHARE_METHODS)
@pytest.mark.parametrize("q", [0, 0.3, 1, np.float32(0.3), math.nan, 2])
def test_a_scalar_share_gives_a_python_float(name, q):
    assert type(getattr(distribution([1, 1], 3), name)(q)) is float


@pytest.mark.parametrize("name", POINT_METHODS + SHARE_METHODS)
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 0), (2, 3), (1, 1, 1)])
def test_arrays_keep_their_shape(name, shape):
    got = getattr(distribution([1, 1], 3), name)(np.full(shape, 0.5))
    assert got.shape == shape
    assert got.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, np.float32, object, bool])
@pytest.mark.parametrize("offset", [-1, -200, 1000, 2**40])
@pytest.mark.parametrize("name", POINT_METHODS)
def test_points_of_any_dtype_are_read_alike(name, offset, dtype):
    law, points = LatticeDistribution([0.25, 0.5, 0.25], offset), np.array([0, 1], dtype=dtype)
    np.testing.assert_array_equal(getattr(law, name)(points), getattr(law, name)(points.astype(float)))


@given(distributions(max_size=12), st.sampled_from([0.5, 0.1, 1e-3, 1e-6, 1e-16]))
def test_the_window_is_the_shortest_with_the_stated_tails(law, tail):
    (low, high), limit = law.support(), tail / 2
    first = max(x for x in range(low, high + 1) if law.cdf(x - 1) <= limit)
    last = min(x for x in range(low, high + 1) if law.sf(x) <= limit)
    start, window = law.window(tail)
    assert start == first
    np.testing.assert_array_equal(window, law.pmf(np.arange(first, last + 1)))


def test_a_window_may_leave_out_just_what_its_tails_may_hold():
    assert LatticeDistribution([0.25, 0.25, 0.25, 0.25], 7).window(0.5)[0] == 8
    assert LatticeDistribution([0.25, 0.25, 0.25, 0.25], 7).window(0.5)[1].tolist() == [0.25, 0.25]
    assert LatticeDistribution([0.25, 0, 0.5, 0, 0.25]).window(0.5)[1].tolist() == [0.5]


def test_the_window_of_a_long_law_leaves_out_what_its_tails_hold():
    law = distribution([1, 1, 1], 2000)
    start, window = law.window()
    assert start > 0
    assert len(window) < 1000
    assert Fraction(1) - sum(map(Fraction, window)) <= Fraction(1e-12)
    assert law.window(1e-300)[0] < start


@given(distributions(), distributions())
def test_convolution_is_the_law_of_the_sum(left, right):
    got, expected = left.convolve(right), {}
    for x, p in table(left).items():
        for y, q in table(right).items():
            expected[x + y] = expected.get(x + y, 0) + p * q
    assert got.support() == (min(expected), max(expected))
    np.testing.assert_allclose(
        got.probabilities(), [float(expected[x]) for x in sorted(expected)], rtol=1e-13
    )
    for r in range(3):
        terms = left.cumulants(3)[r] + right.cumulants(3)[r]
        assert got.cumulants(3)[r] == pytest.approx(terms, abs=1e-9 * (1 + got.var() ** 2 + abs(got.mean())))


@KINDS
def test_convolution_keeps_every_tail(law_of):
    half, whole = law_of([1, 1, 1], 150), exact_law([1, 1, 1], 300)
    np.testing.assert_allclose(
        half.convolve(half).probabilities(), [float(p) for p in whole.values()], rtol=1e-12
    )


@pytest.mark.parametrize("size", [9_999, 10_001, 25_000])
def test_long_convolutions_are_right_across_their_pieces(size):
    law = LatticeDistribution(np.full(size, 1 / size))
    steps = np.arange(1, size + 1) / size**2
    triangle = np.concatenate([steps, steps[-2::-1]])
    np.testing.assert_allclose(law.convolve(law).probabilities(), triangle, rtol=1e-11)


@KINDS
def test_a_convolution_whose_ends_underflow_stays_in_its_place(law_of):
    half = law_of(Kernel([1, 1, 2], offset=-1), 500)
    whole = half.convolve(half)
    assert whole.mean() == pytest.approx(2 * half.mean(), rel=1e-12)
    assert whole.var() == pytest.approx(2 * half.var(), rel=1e-12)


@pytest.mark.parametrize("weights", [(1, 2, 1), (5, 0, 1, 3), (1, 1, 1)])
def test_variates_follow_the_law(weights):
    law = distribution(Kernel(weights, offset=-2), 3)
    sample = law.rvs(20_000, rng=12345)
    points, counts = np.unique(sample, return_counts=True)
    expected = law.pmf(np.arange(law.support()[0], law.support()[1] + 1)) * len(sample)
    observed = np.zeros(len(expected))
    observed[points - law.support()[0]] = counts
    assert (observed[expected == 0] == 0).all()
    assert scipy.stats.chisquare(observed[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_variates_have_scipys_shapes_and_repeat_with_the_seed():
    law = distribution([1, 1, 1], 4)
    assert type(law.rvs(rng=1)) is int
    assert law.rvs(size=(2, 3), rng=1).shape == (2, 3)
    assert law.rvs(0, rng=1).dtype == np.int64
    np.testing.assert_array_equal(law.rvs(9, rng=7), law.rvs(size=9, rng=np.random.default_rng(7)))


@given(distributions())
def test_outer_zeros_are_trimmed_and_probabilities_are_a_copy(law):
    low, high = law.support()
    expected = law.pmf(np.arange(low, high + 1))
    padded = LatticeDistribution([0, 0, *law.probabilities(), 0], low - 2)
    assert padded.support() == (low, high) == (min(table(law)), max(table(law)))
    law.probabilities()[:] = 0
    law.window()[1][:] = 0
    np.testing.assert_array_equal(law.probabilities(), expected)


@given(distributions())
def test_pickle_round_trip(law):
    again = pickle.loads(pickle.dumps(law))
    assert again.support() == law.support()
    np.testing.assert_array_equal(again.probabilities(), law.probabilities())


@pytest.mark.parametrize("offset", [10**6, -(10**12), 10**15 + 1, 10**17])
def test_the_variance_does_not_depend_on_the_offset(offset):
    for table_ in ([0.5, 0.5], [0.25, 0.75], [1 / 3, 1 / 3, 1 / 3]):
        assert LatticeDistribution(table_, offset).var() == LatticeDistribution(table_).var()
        assert (
            LatticeDistribution(table_, offset).cumulants(4)[2:]
            == LatticeDistribution(table_).cumulants(4)[2:]
        )


@given(distributions(min_size=2))
def test_the_normal_has_the_mean_and_variance_of_the_law(law):
    assume(law.var() > 0)
    assert law.normal().mean() == pytest.approx(law.mean(), abs=1e-12)
    assert law.normal().var() == pytest.approx(law.var())


@pytest.mark.parametrize("weights", [[1e308, 1e308], [5e-324, 5e-324], [10**400, 10**400]])
def test_the_scale_of_the_weights_is_no_part_of_the_law(weights):
    np.testing.assert_allclose(distribution(weights, 2).probabilities(), [0.25, 0.5, 0.25], rtol=1e-15)


@pytest.mark.parametrize("n", [700, 20_000])
def test_powers_whose_row_overflows_have_a_law(n):
    law = distribution([1, 1, 1], n)
    assert law.mean() == pytest.approx(n, rel=1e-12)
    assert law.var() == pytest.approx(2 * n / 3, rel=1e-12)


def test_a_law_of_great_depth_is_that_of_the_local_limit():
    n, variance = 10**7, 2 * 10**7 / 3
    expected = (1 - 1.5 / (8 * n)) / math.sqrt(2 * math.pi * variance)
    assert distribution([1, 1, 1], n).pmf(n) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("offset", [2**55, -(2**60), 2**61])
def test_points_far_from_a_far_support_have_no_mass(offset):
    law = LatticeDistribution([0.25, 0.5, 0.25], offset)
    assert law.pmf([0.0, 2.0 * offset]).tolist() == [0, 0]
    assert law.cdf([-(2.0**63), 2.0**63]).tolist() == [0, 1]
    assert law.pmf([offset - 1, offset, offset + 1, offset + 3]).tolist() == [0, 0.25, 0.5, 0]


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("LatticeDistribution([])", ValueError, "probabilities must"),
        (
            "LatticeDistribution([[1.0]])",
            ValueError,
            "probabilities must be a sequence of numbers on one axis",
        ),
        ("LatticeDistribution(1.0)", ValueError, "probabilities must be a sequence"),
        ("LatticeDistribution([0.5, 0.6])", ValueError, "probabilities must sum to 1"),
        ("LatticeDistribution([0.0])", ValueError, "probabilities must sum to 1"),
        ("LatticeDistribution([1.5, -0.5])", ValueError, "probabilities must not be negative, got"),
        ("LatticeDistribution([math.nan, 1])", ValueError, "probabilities must be finite"),
        ("LatticeDistribution([math.inf])", ValueError, "probabilities must be finite"),
        ("LatticeDistribution([1.0], 0.5)", TypeError, "offset must be an int"),
        ("LatticeDistribution([1.0], True)", TypeError, "offset must be an int"),
        ("LatticeDistribution([1.0], 2**63)", ValueError, "offset must be at most"),
        ("LatticeDistribution([1.0], -(2**63))", ValueError, "offset must be at least"),
        ("distribution(Kernel([1], offset=10**4), 10**15)", ValueError, "offset"),
        ("distribution([1, -1], 2)", ValueError, "negative weight -1 at position 1"),
        ("distribution([1, 1]).cumulants(0)", ValueError, "order must be at least 1"),
        ("distribution([1, 1]).cumulants(2.0)", TypeError, "order must be an int"),
        ("distribution([1, 1]).window(0)", ValueError, "tail must lie strictly between 0 and 1"),
        ("distribution([1, 1]).window('x')", TypeError, "tail must be a number"),
        ("distribution([1, 1]).interval(1.5)", ValueError, "confidence must"),
        ("distribution([1, 1]).convolve([1.0])", TypeError, "other must be a LatticeDistribution"),
        ("distribution([1]).normal()", ValueError, "point mass"),
        ("distribution([1, 1, 1], 10**14).probabilities()", ValueError, "needs"),
        ("distribution([1, 1]).pmf('a')", TypeError, "x must"),
        ("distribution([1, 1]).pmf(None)", TypeError, "x must"),
        ("distribution([1, 1]).cdf(1j)", TypeError, "x must"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_upper_quantiles_near_one_are_those_of_the_binomial_law():
    law, frozen = distribution([1, 2, 1], 2000), scipy.stats.binom(4000, 0.5)
    shares = 1 - np.array([1e-15, 1e-12, 1e-6, 0.1, 0.4, 0.6])
    np.testing.assert_array_equal(law.isf(shares), frozen.isf(shares))
    assert law.isf(1 - 1e-15) == 1749
    assert law.sf(0) == 1.0


@KINDS
@given(case=LAWS)
def test_the_two_tails_are_complements(law_of, case):
    law = law_of(*case)
    points = np.arange(law.support()[0] - 1, law.support()[1] + 1)
    upper, lower = law.sf(points), law.cdf(points)
    np.testing.assert_array_equal(upper[upper > 0.6], (1 - lower)[upper > 0.6])
    np.testing.assert_array_equal(lower[lower > 0.6], (1 - upper)[lower > 0.6])
    assert (np.diff(upper) <= 0).all()
    assert (np.diff(lower) >= 0).all()


@pytest.mark.parametrize("n", [50, 10**6])
def test_what_a_law_lends_is_read_only(n):
    law = distribution([1, 2, 1], n)
    for array in (law.float_window()[1], law.float_parts()[0][1]):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


@pytest.mark.parametrize("name", SHARE_METHODS)
def test_shares_beyond_the_floats_are_outside(name):
    for law in (distribution([1, 1], 3), distribution([1, 1], 10**9)):
        assert math.isnan(getattr(law, name)(10**400))
        assert np.isnan(getattr(law, name)([10**400, -(10**400)])).all()


@given(
    distributions(), st.sampled_from([copy.copy, copy.deepcopy, lambda law: pickle.loads(pickle.dumps(law))])
)
def test_copies_are_equal_and_closed_to_writing(law, duplicate):
    law.cdf(0)
    again = duplicate(law)
    assert again == law
    assert hash(again) == hash(law)
    assert not again.float_window()[1].flags.writeable


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("LAW.pmf([[1, 2], [3]])", ValueError, "x must be a number or a full array, got the ragged"),
        ("LAW.ppf([[0.1], 0.2])", ValueError, "q must be a number or a full array, got the ragged"),
        ("LAW.cdf(np.ma.masked_array([1, 2], [0, 1]))", TypeError, "x must not be a masked array"),
        ("LAW.isf(np.ma.masked_array([0.1], [1]))", TypeError, "q must not be a masked array"),
        ("LAW.rvs(-1)", ValueError, "size must not be negative, got -1"),
        ("LAW.rvs((2, 1.5))", TypeError, "size must be None, an int or a tuple of ints"),
        ("LAW.rvs('a')", TypeError, "size must be None, an int or a tuple of ints"),
        ("LAW.rvs(2, rng='a')", TypeError, "rng must be a numpy.random.Generator"),
        ("LAW.rvs(2, rng=-1)", ValueError, "rng must be a numpy.random.Generator"),
        ("distribution([1, 1], 10**9).rvs(-1)", ValueError, "size must not be negative"),
        ("LatticeDistribution([[1.0], [0.5, 0.5]])", ValueError, "probabilities must be a number or a full"),
        (
            "LatticeDistribution(np.ma.masked_array([0.5, 0.5]))",
            TypeError,
            "probabilities must not be a masked",
        ),
        ("LatticeDistribution([True])", TypeError, "probabilities must be numbers, got booleans"),
        ("LAW.moment(1.5)", TypeError, "order must be an int"),
        ("LAW.moment(2, 'middle')", ValueError, "kind must be one of"),
        ("LAW.stats('mx')", ValueError, "moments must be letters of 'mvsk'"),
        ("LAW.kurtosis('fisher')", ValueError, "convention must be one of"),
        ("LAW.expect(lambda x: x[:1])", ValueError, "func must return one number per point"),
    ],
)
def test_bad_points_shares_and_sizes_are_named(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


LAW = LatticeDistribution([0.25, 0.5, 0.25], offset=-1)


@pytest.mark.parametrize(("n", "p"), [(40, 0.25), (400, 0.5)])  # scipy sums a thousand points at most
def test_readings_by_scipys_names_are_those_of_the_binomial_law(n, p):
    law, frozen = distribution([round((1 - p) * 4), round(p * 4)], n), scipy.stats.binom(n, p)
    assert law.stats("mvsk") == pytest.approx([float(v) for v in frozen.stats("mvsk")], rel=1e-12, abs=1e-15)
    assert law.stats("s") == pytest.approx(float(frozen.stats("s")), rel=1e-12, abs=1e-15)
    assert law.kurtosis() == law.kurtosis("excess") + 3
    assert law.entropy() == pytest.approx(float(frozen.entropy()), rel=1e-9)
    assert law.mode() == math.floor((n + 1) * p)
    for order in range(1, 5):
        assert law.moment(order) == pytest.approx(float(frozen.moment(order)), rel=1e-10)
    assert law.moment(2, "central") == pytest.approx(law.var())
    assert law.moment(3, "standardized") == pytest.approx(law.skewness(), abs=1e-15)
    assert law.expect(lambda x: (x - n * p) ** 2) == pytest.approx(law.var(), rel=1e-9)
    x = int(n * p) + 3
    assert (law.ccdf(x), law.logccdf(x)) == (law.sf(x), law.logsf(x))
    assert (law.icdf(0.3), law.iccdf(0.3)) == (law.ppf(0.3), law.isf(0.3))
    np.testing.assert_array_equal(law.sample(3, rng=1), law.rvs(3, rng=1))


COIN = distribution([1, 1], 4)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (lambda: COIN.plot(3), "ax must be Matplotlib axes"),
        (lambda: COIN.expect(lambda x: ["a"] * len(x)), "the values of func must be real numbers"),
        (lambda: em.JointDistribution.independent(COIN), "marginals must be a sequence"),
        (lambda: em.ProductDistribution(Kernel([1, 1])), "polynomial must be a Product"),
        (lambda: em.MapDistribution(3, (0, 0)), "net must be a network"),
        (lambda: em.central_limit([1, 1], 9).edgeworth().pmf(None), "x must be real numbers"),
        (lambda: em.central_limit([1, 1], 9).edgeworth().cdf("a"), "x must be real numbers, got 'a'"),
    ],
)
def test_what_is_no_number_axes_or_distribution_is_named(reading, said):
    with pytest.raises(TypeError, match=said):
        reading()


def test_hashes_tell_tables_apart():
    tables = [LatticeDistribution([p, 1 - p], offset) for p in (0.25, 0.2501, 0.5) for offset in (0, 1)]
    assert len({hash(law) for law in tables}) == 6
    assert hash(LatticeDistribution([0.25, 0.75])) == hash(LatticeDistribution([0, 0.25, 0.75], -1))


def test_tables_are_equal_where_both_their_places_and_their_shares_are():
    law = LatticeDistribution([0.25, 0.75], 3)
    assert law == LatticeDistribution([0, 0.25, 0.75], 2)
    for other in (LatticeDistribution([0.25, 0.75], 4), LatticeDistribution([0.75, 0.25], 3), LAW, 3, None):
        assert law != other
