import math
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, strategies as st
from oracles import exact_cumulants, exact_law, slope
from scipy import stats

import erfmath as em
from erfmath import Kernel, central_limit, cumulants, distribution
from erfmath.laws import clt, edgeworth
from erfmath.polynomials.cumulants import near_sum
from erfmath.strategies import kernels

DEPTHS = [40, 80, 160, 320, 640]
SKEWED = (4, 2, 1)
SYMMETRIC = (1, 1, 1)
SPREAD_OUT = kernels(max_side=5, min_offset=-3, max_offset=3).filter(lambda k: sum(map(bool, k.weights)) > 1)


def phi(z):
    return np.exp(-np.square(z) / 2) / math.sqrt(2 * math.pi)


def local_error(weights, n, predicted):
    """sup_t |sigma P(S = t) / h - predicted(limit, t)| over the lattice."""
    law, limit = distribution(weights, n), central_limit(weights, n)
    points = np.arange(law.support()[0], law.support()[1] + 1, limit.span)
    return np.abs(limit.std * law.pmf(points) / limit.span - predicted(limit, points)).max()


def normal_cdf(x, mean, std):
    return math.erfc(-(x - mean) / std / math.sqrt(2)) / 2


def kolmogorov(law, correction=None):
    """The distance of {position: probability} to its normal from the definition, point by point.

    With a correction, only F(t) against Phi(t + correction) at the points of the lattice.
    """
    mean, variance = exact_cumulants(law, 2)
    below, worst = Fraction(0), 0.0
    for x in sorted(law):
        phi_x = normal_cdf(x + (correction or 0), float(mean), math.sqrt(variance))
        left, below = below, below + law[x]
        worst = max(worst, abs(float(below) - phi_x), 0 if correction else abs(float(left) - phi_x))
    return worst


@pytest.mark.parametrize("k", range(1, 9))
def test_uniform_cumulants_are_bernoulli_numbers(k):
    got = cumulants(Kernel.uniform(k), 3, order=12)
    assert got[0] == Fraction(3 * (k - 1), 2)
    for r in range(2, 13):
        expected = sympy.bernoulli(r) * (k**r - 1) / r * 3
        assert got[r - 1] == Fraction(int(expected.p), int(expected.q))


@given(
    kernels(elements=st.integers(0, 9) | st.fractions(0, 2, max_denominator=9), min_offset=-3, max_offset=3),
    st.integers(0, 6),
)
def test_exact_cumulants_are_those_of_the_whole_law(kernel, n):
    got = cumulants(kernel, n, order=6)
    assert all(isinstance(value, Fraction) for value in got)
    assert list(got) == exact_cumulants(exact_law(kernel.weights, n, kernel.offset), 6)
    assert central_limit(kernel, n).cumulants(6) == tuple(map(float, got))


@given(kernels(elements=st.floats(0, 1, width=16), max_side=4), st.integers(0, 10**15))
def test_float_cumulants_are_the_rationals_with_one_rounding(kernel, n):
    exact = [n * value for value in exact_cumulants(exact_law(kernel.weights, 1), 4)]
    assert cumulants(kernel, n) == tuple(map(float, exact))
    assert (central_limit(kernel, n).mean, central_limit(kernel, n).var) == tuple(map(float, exact[:2]))


@given(kernels(max_side=4), kernels(max_side=4))
def test_cumulants_of_a_product_add(left, right):
    product = np.polynomial.polynomial.polymul(left.weights, right.weights)
    terms = [cumulants(kernel, 1, 5) for kernel in (left, right)]
    assert cumulants([int(w) for w in product], 1, 5) == tuple(a + b for a, b in zip(*terms, strict=True))


@given(SPREAD_OUT, st.integers(1, 20), st.integers(-5, 5), st.integers(1, 4))
def test_shape_readings_do_not_see_shift_or_dilation(kernel, n, by, d):
    limit, moved = central_limit(kernel, n), central_limit(kernel.dilate(d).shift(by), n)
    assert moved.skewness == pytest.approx(limit.skewness, abs=1e-12)
    assert moved.excess_kurtosis == pytest.approx(limit.excess_kurtosis, abs=1e-12)
    assert moved.span == d * limit.span
    assert moved.bound == pytest.approx(limit.bound)
    assert moved.distance == pytest.approx(limit.distance, abs=1e-12)
    assert moved.corrected_distance == pytest.approx(limit.corrected_distance, abs=1e-12)


@given(SPREAD_OUT, st.integers(1, 10))
def test_the_distance_is_kolmogorovs(kernel, n):
    limit, law = central_limit(kernel, n), exact_law(kernel.weights, n, kernel.offset)
    assert limit.distance == pytest.approx(kolmogorov(law), abs=1e-13)
    gaps = [x - min(law) for x in law]
    assert limit.span == math.gcd(*gaps)
    lattice = {x: law.get(x, Fraction(0)) for x in range(min(law) - limit.span, max(law) + 1, limit.span)}
    assert limit.corrected_distance == pytest.approx(kolmogorov(lattice, limit.span / 2), abs=1e-13)


def test_the_distance_counts_the_normal_below_the_support():
    weights = [int(10**6 * 0.9**j) for j in range(100)]
    limit, law = central_limit(weights), exact_law(weights, 1)
    below = normal_cdf(0, limit.mean, limit.std)
    assert limit.distance == pytest.approx(kolmogorov(law)) == below


def test_sheppards_corrections_use_bernoulli_numbers():
    for order, number in edgeworth._BERNOULLI.items():
        assert number == pytest.approx(float(sympy.bernoulli(order)))


@given(SPREAD_OUT, st.integers(1, 30))
def test_the_berry_esseen_bound_holds(kernel, n):
    limit = central_limit(kernel, n)
    assert limit.distance <= limit.bound <= 1


@pytest.mark.parametrize("n", [1, 5, 40])
def test_the_berry_esseen_bound_is_the_formula(n):
    limit = central_limit([1, 1, 1], n)
    assert limit.bound == pytest.approx(min(1, 0.4690 * (2 / 3) / (2 / 3) ** 1.5 / math.sqrt(n)))
    assert central_limit([10**6, 1], 1).bound == 1


@given(SPREAD_OUT, st.integers(1, 10**6))
def test_skewness_kurtosis_and_share_fall_with_depth(kernel, n):
    one, many = central_limit(kernel), central_limit(kernel, n)
    k = exact_cumulants(exact_law(kernel.weights, 1), 4)
    assert one.skewness == pytest.approx(float(k[2]) / float(k[1]) ** 1.5, abs=1e-12)
    assert one.excess_kurtosis == pytest.approx(float(k[3] / k[1] ** 2), abs=1e-12)
    assert many.skewness == pytest.approx(one.skewness / math.sqrt(n), abs=1e-12)
    assert many.excess_kurtosis == pytest.approx(one.excess_kurtosis / n, abs=1e-12)
    assert many.lindeberg_share == pytest.approx(1 / n)


def test_the_residual_block_1_4_1_has_no_excess_kurtosis():
    assert central_limit([1, 4, 1], 7).excess_kurtosis == 0


@pytest.mark.parametrize(
    ("n", "distance"),
    [(5, 0.1049), (10, 0.0758), (20, 0.0541), (40, 0.0384), (80, 0.0272), (160, 0.0193)],
)
def test_distances_of_three_uniform_taps(n, distance):
    assert central_limit([1, 1, 1], n).distance == pytest.approx(distance, abs=6e-5)


@pytest.mark.parametrize("weights", [(1, 1), (1, 1, 1), (1, 1, 1, 1, 1), (1, 0, 1), SKEWED])
def test_the_distance_falls_as_the_root_of_the_depth(weights):
    assert slope(DEPTHS, [central_limit(weights, n).distance for n in DEPTHS]) == pytest.approx(
        -0.5, abs=0.02
    )


@pytest.mark.parametrize("weights", [(1, 1), (1, 1, 1), (1, 0, 1)])
def test_the_distance_tends_to_half_the_central_jump(weights):
    limit = central_limit(weights, 2000)
    jump = limit.span / (2 * limit.std * math.sqrt(2 * math.pi))
    assert limit.distance == pytest.approx(jump, rel=2e-3)


@pytest.mark.parametrize(("k", "constant"), [(3, 0.0207), (2, 0.0272), (5, 0.0252)])
def test_the_corrected_distance_of_uniform_taps_falls_as_the_depth(k, constant):
    distances = [central_limit(Kernel.uniform(k), n).corrected_distance for n in DEPTHS]
    assert slope(DEPTHS, distances) == pytest.approx(-1, abs=0.02)
    assert DEPTHS[-1] * distances[-1] == pytest.approx(constant, abs=1e-4)


@pytest.mark.parametrize(
    ("weights", "rate"), [((1, 1), -1), (SYMMETRIC, -1), ((1, 0, 2, 0, 1), -1), (SKEWED, -0.5)]
)
def test_the_local_error_falls_as_the_symmetry_allows(weights, rate):
    errors = [local_error(weights, n, lambda m, t: phi((t - m.mean) / m.std)) for n in DEPTHS]
    assert slope(DEPTHS, errors) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize(("n", "value"), [(10, 0.981297), (40, 0.995314)])
def test_the_centre_of_three_uniform_taps(n, value):
    limit = central_limit([1, 1, 1], n)
    centre = distribution([1, 1, 1], n).pmf(n) * math.sqrt(2 * math.pi) * limit.std
    assert centre == pytest.approx(value, abs=6e-7)
    assert 1 + limit.excess_kurtosis / 8 == pytest.approx(1 - 3 / 16 / n, abs=1e-12)


@pytest.mark.parametrize("k", [3, 5, 7])
def test_the_centre_is_one_plus_an_eighth_of_the_kurtosis(k):
    depths, errors = [160, 320, 640, 1280], []
    for n in depths:
        limit = central_limit(Kernel.uniform(k), n)
        centre = distribution(Kernel.uniform(k), n).pmf(n * (k - 1) // 2) * math.sqrt(2 * math.pi) * limit.std
        errors.append(abs(centre - 1 - limit.excess_kurtosis / 8))
    assert slope(depths, errors) == pytest.approx(-2, abs=0.03)


def test_the_normal_is_wrong_in_the_tails():
    law, normal = distribution([1, 1, 1], 40), central_limit([1, 1, 1], 40).normal()
    assert law.pmf(0) / law.pmf(40) == pytest.approx(1.07e-18, rel=5e-3)
    assert normal.pdf(0) / normal.pdf(40) == pytest.approx(9.4e-14, rel=5e-3)


def edgeworth_errors(weights, n, order):
    """The largest error of the expansion's pmf (times sigma) and of its cdf."""
    local = local_error(weights, n, lambda m, t: m.std * m.edgeworth(order).pmf(t))
    law = distribution(weights, n)
    points = np.arange(law.support()[0], law.support()[1] + 1)
    return local, np.abs(law.cdf(points) - central_limit(weights, n).edgeworth(order).cdf(points)).max()


@pytest.mark.parametrize("order", range(6))
def test_each_edgeworth_order_gains_half_a_power_of_the_depth(order):
    depths = DEPTHS if order < 4 else [20, 40, 80, 160]  # further on round-off shows
    for errors in zip(*(edgeworth_errors(SKEWED, n, order) for n in depths), strict=True):
        assert slope(depths, errors) == pytest.approx(-(order + 1) / 2, rel=0.06)


@pytest.mark.parametrize("order", [0, 2, 4, 6, 8])
def test_symmetric_kernels_gain_a_whole_power_every_second_order(order):
    depths = [8, 16, 32]
    for errors in zip(*(edgeworth_errors([1, 2, 1], n, order) for n in depths), strict=True):
        assert slope(depths, errors) == pytest.approx(-(order / 2 + 1), rel=0.06)


@pytest.mark.parametrize("order", [1, 3, 5])
def test_odd_edgeworth_orders_add_nothing_to_a_symmetric_kernel(order):
    limit, points = central_limit(SYMMETRIC, 40), np.arange(81)
    odd, even = limit.edgeworth(order), limit.edgeworth(order - 1)
    np.testing.assert_allclose(odd.pmf(points), even.pmf(points), rtol=1e-12, atol=0)


@pytest.mark.parametrize("order", [4, 6, 8])
def test_high_edgeworth_orders_are_right_to_many_digits(order):
    limit, law = central_limit(SKEWED, 400), distribution(SKEWED, 400)
    points = np.arange(801)
    expansion = limit.edgeworth(order)
    assert np.abs(limit.std * (expansion.pmf(points) - law.pmf(points))).max() < 10.0 ** -(order + 2)
    assert np.abs(expansion.cdf(points) - law.cdf(points)).max() < 10.0 ** -(order + 2)


def test_order_zero_is_the_normal_on_the_lattice():
    limit = central_limit(Kernel([1, 0, 2, 0, 1], offset=-1), 9)
    points = np.arange(-9, 28, 2)
    zero = limit.edgeworth(0)
    np.testing.assert_allclose(zero.pmf(points), 2 * limit.normal().pdf(points), rtol=1e-13)
    np.testing.assert_allclose(zero.cdf(points), limit.normal().cdf(points + 1), rtol=1e-12)


@pytest.mark.parametrize("order", range(9))
def test_edgeworth_points_have_scipys_manners(order):
    expansion = central_limit(Kernel([4, 0, 2, 0, 1], offset=-1), 9).edgeworth(order)
    assert type(expansion.pmf(1)) is type(expansion.cdf(1)) is float
    assert expansion.pmf(2) == expansion.pmf(1.5) == 0 < expansion.pmf(1)
    assert expansion.cdf(2.9) == expansion.cdf(1) == expansion.cdf(2) < expansion.cdf(3)
    assert math.isnan(expansion.pmf(math.nan))
    assert math.isnan(expansion.cdf(math.nan))
    assert expansion.pmf(np.zeros((2, 0))).shape == expansion.cdf(np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize("far", [math.inf, 1e200, 10.0**60])
@pytest.mark.parametrize("order", range(9))
def test_edgeworth_ends_at_zero_and_one(order, far):
    expansion = central_limit(SKEWED, 9).edgeworth(order)
    assert expansion.pmf([-far, far]).tolist() == [0, 0]
    assert expansion.cdf([-far, far]).tolist() == [0, 1]


@given(SPREAD_OUT, st.integers(1, 30))
def test_the_normal_has_the_mean_and_variance_of_the_law(kernel, n):
    limit = central_limit(kernel, n)
    assert (limit.normal().mean(), limit.normal().std()) == pytest.approx((limit.mean, limit.std))
    law = distribution(kernel, n)
    assert (law.mean(), law.var()) == pytest.approx((limit.mean, limit.var), abs=1e-10)


@pytest.mark.parametrize("case", [([3], 4), ([0, 1, 0], 2), ([1, 1], 0)], ids=repr)
@pytest.mark.parametrize(
    "reading",
    [
        "skewness",
        "excess_kurtosis",
        "lindeberg_share",
        "distance",
        "corrected_distance",
        "bound",
        "normal()",
        "edgeworth(0)",
        "edgeworth(3)",
    ],
)
def test_degenerate_laws_have_no_normal_limit(case, reading):
    limit = central_limit(*case)
    assert (limit.var, limit.std) == (0, 0)
    with pytest.raises(ValueError, match="point mass"):
        eval(f"limit.{reading}", {"limit": limit})


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("central_limit([1, -1])", ValueError, "negative weight -1 at position 1"),
        ("central_limit(Kernel([1, -1], offset=4))", ValueError, "position 5"),
        ("central_limit(Kernel.uniform((3, 5)))", ValueError, "axis must be given"),
        ("cumulants([1, 1], 1, 0)", ValueError, "order must be at least 1"),
        ("cumulants([1, 1], 1, 2.0)", TypeError, "order must be an int"),
        ("cumulants([1, -1])", ValueError, "negative weight"),
        ("central_limit([1, 1], 4).edgeworth(-1)", ValueError, "order must be at least 0"),
        ("central_limit([1, 1], 4).edgeworth(9)", ValueError, "order must be at most"),
        ("central_limit([1, 1], 4).edgeworth(1.0)", TypeError, "order must be an int"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_distributions_are_read_as_what_they_are_made_of():
    rows = [[1 - p, p] for p in (0.1, 0.25, 0.3)]
    d, product = em.sum_of(rows, 5), em.Product([(row, 5) for row in rows])
    assert em.central_limit(d).distance == em.central_limit(product).distance
    assert em.central_limit(d, 2).var == pytest.approx(2 * d.var(), rel=1e-14)
    mixed = em.mixture([d, em.sum_of([0.5, 0.5])], [0.5, 0.5])
    assert em.central_limit(mixed).mean == pytest.approx(mixed.mean(), rel=1e-12)
    assert em.cumulants(mixed) == pytest.approx(mixed.cumulants(), rel=1e-9)
    with pytest.raises(ValueError, match=r"on a lattice of step 0\.5; take its lattice\[2\]"):
        em.central_limit(em.sum_of({0: 0.5, 0.5: 0.5}))
    with pytest.raises(ValueError, match="axis"):
        em.central_limit(d, axis=1)
    with pytest.raises(TypeError, match=r"a distribution has one as \.polynomial"):
        em.coefficients(d)


@given(
    st.lists(st.fractions(-(10**40), 10**40), min_size=1, max_size=200),
    st.integers(-600, 600),
    st.booleans(),
)
def test_sums_of_many_fractions_are_right_to_a_hundred_bits(terms, exponent, is_cancelling):
    terms = [term * Fraction(2) ** exponent for term in terms]
    terms += [-term for term in reversed(terms)] if is_cancelling else []
    truth, found = sum(terms, Fraction(0)), near_sum(terms)
    assert abs(found - truth) <= abs(truth) / 2**100
    assert (found == 0) == (truth == 0)


def test_cumulants_of_many_factors_are_those_of_exact_sums():
    p = np.random.default_rng(6).beta(0.6, 8, 500)
    product = em.Product([([1 - x, x], 1, 1 + i % 3) for i, x in enumerate(p)])
    shares = [Fraction(float(x)) / (Fraction(float(1 - x)) + Fraction(float(x))) for x in p]
    closed = (
        lambda q: q,
        lambda q: q * (1 - q),
        lambda q: q * (1 - q) * (1 - 2 * q),
        lambda q: q * (1 - q) * (1 - 6 * q * (1 - q)),
    )
    exact = [
        sum((Fraction(1 + i % 3) ** r * form(q) for i, q in enumerate(shares)), Fraction(0))
        for r, form in enumerate(closed, 1)
    ]
    d = em.distribution(product)
    assert d.cumulants() == tuple(map(float, exact))
    assert (d.mean(), d.var()) == tuple(map(float, exact[:2]))
    assert d.exact_mean == exact[0]


@pytest.mark.parametrize("case", [([1, 1], 12_000), ([1, 0, 2], 30_000), ([3, 1, 0, 0, 2], 2_000)], ids=str)
@pytest.mark.parametrize("reading", ["distance", "corrected_distance"])
def test_a_grid_of_points_finds_the_largest_gap(monkeypatch, case, reading):
    found = getattr(central_limit(*case), reading)
    monkeypatch.setattr(clt, "_EVERY_POINT", 1100)
    refined = getattr(central_limit(*case), reading)
    monkeypatch.setattr(clt, "_EVERY_POINT", 10**9)
    assert found == refined == getattr(central_limit(*case), reading)


def test_the_distance_of_a_deep_binomial_is_that_of_every_point():
    n = 10**6
    law, normal, points = (
        stats.binom(n, 0.5),
        stats.norm(n / 2, math.sqrt(n) / 2),
        np.arange(480_000, 520_001),
    )
    limit = central_limit([1, 1], n)
    jumps = np.abs(law.cdf(points) - normal.cdf(points)), np.abs(law.cdf(points - 1) - normal.cdf(points))
    assert limit.distance == pytest.approx(np.max(jumps), rel=1e-9)
    smooth = np.abs(law.cdf(points) - normal.cdf(points + 0.5)).max()
    assert limit.corrected_distance == pytest.approx(smooth, rel=1e-6)


def test_the_distance_of_a_long_row_of_few_factors_is_that_of_every_point(monkeypatch):
    """A uniform variable on 0 .. 2^16 - 1, whose largest gaps lie where the density is the normal's."""
    m = 2**16
    product = em.Product([([1, 1], 1, 2**layer) for layer in range(16)])
    points = np.arange(-1, m)
    normal = stats.norm((m - 1) / 2, math.sqrt((m * m - 1) / 12)).cdf(points + 0.5)
    truth = np.abs((points + 1) / m - normal).max()
    for most in (2**20, 2**15):
        monkeypatch.setattr(clt, "_EVERY_ROUGH_POINT", most)
        assert central_limit(product).corrected_distance == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(("power", "highest"), [(-98, 2), (-102, 1), (-198, 1), (-202, 0)])
def test_an_expansion_ends_where_a_standardised_cumulant_exceeds_1e100(power, highest):
    """Of a rare event with a chance p they are p^(-1/2), p^(-1), .."""
    limit = central_limit([1, 10.0**power])
    assert limit.edgeworth(highest).order == highest
    with pytest.raises(ValueError, match=f"too skewed for an expansion of order {highest + 1}: a standard"):
        limit.edgeworth(highest + 1)


def test_the_bound_of_steps_of_different_widths_is_the_formula():
    limit = central_limit(em.Product([([1, 1], 1, 1), ([1, 1], 2, 3)]))
    third, variance = (1 + 2 * 27) / 8, (1 + 2 * 9) / 4
    assert limit.bound == pytest.approx(0.56 * third / variance**1.5)


@pytest.mark.parametrize("order", range(9))
def test_an_expansion_takes_the_cumulants_it_needs(order):
    expansion = central_limit(SKEWED, 9).edgeworth(order)
    exact = exact_cumulants(exact_law(SKEWED, 9), order + 2)
    assert expansion.cumulants == pytest.approx(tuple(map(float, exact)))
    assert (expansion.span, expansion.origin, expansion.order) == (1, 0, order)


@pytest.mark.parametrize(
    ("polynomial", "sizes"),
    [
        (em.Product([([1, 1, 1], 10**12)]), [1024, 1024, 3986]),
        (em.Product([([1, 0, 2], 10**9)]), [1024, 1024, 512]),
        (em.Product([([3, 1], 10**6)]), [1024, 512]),
        (em.Product([([1, 1], 1, 2**layer) for layer in range(24)]), [8192, 16384]),
    ],
    ids=repr,
)
def test_the_largest_gap_is_found_from_so_many_points(polynomial, sizes):
    """Of a bump beside the mean, whose peak no grid has."""
    limit, read = central_limit(polynomial), []

    def gap(t):
        read.append(t)
        return np.exp(-np.square((t - limit.mean - 0.7 * limit.std) / limit.std))

    assert limit._largest(gap) == pytest.approx(1, abs=1e-6)
    assert [points.size for points in read] == sizes
    assert (np.diff(read[-1]) == limit.span).all()
    assert ((read[-1] - limit.polynomial.offsets[0]) % limit.span == 0).all()


@pytest.mark.parametrize("order", [0, 3])
def test_an_expansion_lives_on_the_lattice_from_its_first_point_on(order):
    expansion = central_limit(Kernel([2, 0, 0, 1], offset=1), 4).edgeworth(order)
    assert (expansion.origin, expansion.span) == (4, 3)
    inside = [x for x in range(-2, 22) if expansion.pmf(x) != 0]
    assert inside == list(range(-2, 22, 3))
    steps = np.diff(expansion.cdf(np.arange(3, 18)))
    assert ((steps != 0) == (np.arange(4, 18) % 3 == 1)).all()
