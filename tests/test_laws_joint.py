import copy
import itertools
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles import grid, naive_power

from erfmath import Conv, JointDistribution, Kernel, LatticeDistribution, distribution, effective_field
from erfmath.laws.joint import law_of
from erfmath.strategies import distributions, kernels

PLUS = Kernel([[0, 1, 0], [1, 1, 1], [0, 1, 0]], offset=(-1, -1))
GRIDS = kernels(min_dims=2, max_dims=3, max_side=3, min_offset=-2, max_offset=2)


def exact_joint(kernel, n):
    """{point: probability} of the n-th power in several axes, in Fractions."""
    row = naive_power(kernel.weights, n)
    total = Fraction(int(row.sum()))
    return {
        tuple(n * o + i for o, i in zip(kernel.offsets, index, strict=True)): value / total
        for index, value in np.ndenumerate(row)
        if value
    }


@given(GRIDS, st.integers(0, 4))
def test_every_reading_is_that_of_the_exact_rationals(kernel, n):
    law, exact = distribution(kernel, n), exact_joint(kernel, n)
    axes = range(kernel.ndim)
    expected_support = tuple((min(p[a] for p in exact), max(p[a] for p in exact)) for a in axes)
    assert law.support() == expected_support
    box = list(itertools.product(*(range(low - 1, high + 2) for low, high in expected_support)))
    expected = np.array([float(exact.get(point, 0)) for point in box])
    np.testing.assert_allclose(law.pmf(box), expected, rtol=1e-13)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(law.logpmf(box), np.log(expected), rtol=1e-12, atol=1e-12)
    inner = law.probabilities()
    assert inner.shape == tuple(high - low + 1 for low, high in expected_support)
    np.testing.assert_allclose(inner[inner > 0], [float(exact[p]) for p in sorted(exact)], rtol=1e-13)


@given(GRIDS, st.integers(0, 4))
def test_mean_and_covariance_are_those_of_the_exact_rationals(kernel, n):
    law, exact = distribution(kernel, n), exact_joint(kernel, n)
    axes = range(kernel.ndim)
    mean = [sum(p * x[a] for x, p in exact.items()) for a in axes]
    cov = [
        [sum(p * (x[a] - mean[a]) * (x[b] - mean[b]) for x, p in exact.items()) for b in axes] for a in axes
    ]
    np.testing.assert_allclose(law.mean(), [float(value) for value in mean], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        law.cov(), [[float(value) for value in row] for row in cov], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_array_equal(law.var(), np.diag(law.cov()))


@given(GRIDS, st.integers(0, 4), st.data())
def test_marginals_are_laws_of_the_marginal_kernels(kernel, n, data):
    axis = data.draw(st.integers(-kernel.ndim, kernel.ndim - 1))
    joint, alone = distribution(kernel, n).marginal(axis), distribution(kernel.marginal(axis), n)
    assert joint.support() == alone.support()
    np.testing.assert_allclose(joint.probabilities(), alone.probabilities(), rtol=1e-12)


@given(GRIDS, st.integers(1, 4))
def test_a_law_is_kept_as_a_product_when_the_kernel_is_one(kernel, n):
    law = distribution(kernel, n)
    assert law.is_independent == (kernel.separate() is not None)
    built = JointDistribution(law.probabilities(), [low for low, _ in law.support()])
    assert not built.is_independent
    assert built.support() == law.support()
    np.testing.assert_allclose(built.probabilities(), law.probabilities(), rtol=1e-13)
    np.testing.assert_allclose(built.cov(), law.cov(), rtol=1e-11, atol=1e-11)


@given(st.lists(distributions(), min_size=2, max_size=3))
def test_independent_laws_multiply(marginals):
    law = JointDistribution.independent(marginals)
    for axis, marginal in enumerate(marginals):
        assert law.marginal(axis) is marginal
    point = [marginal.support()[0] for marginal in marginals]
    product = math.prod(marginal.pmf(x) for marginal, x in zip(marginals, point, strict=True))
    assert law.pmf(point) == pytest.approx(product, rel=1e-14)


@pytest.mark.parametrize("kernel", [PLUS, Kernel.uniform((3, 3)).shift(-1)], ids=["joint", "independent"])
@pytest.mark.parametrize("name", ["pmf", "logpmf"])
def test_points_have_scipys_manners(kernel, name):
    law, nothing = distribution(kernel), {"pmf": 0.0, "logpmf": -math.inf}[name]
    method = getattr(law, name)
    assert type(method([0, 0])) is float
    assert method([0, 0.5]) == method([0, 9]) == method([-1e30, 0.0]) == nothing
    assert method([0, math.inf]) == method([-math.inf, 0]) == nothing
    assert math.isnan(method([0, math.nan]))
    assert math.isnan(method([math.inf, math.nan]))
    assert method(np.zeros((2, 3, 2), dtype=np.uint8)).shape == (2, 3)
    assert method(np.zeros((0, 2))).shape == (0,)


def test_points_beyond_int64_have_no_mass():
    for kernel in (PLUS, Kernel.uniform((3, 3))):
        assert distribution(kernel).pmf([2**70, 0]) == 0


@given(GRIDS, st.integers(1, 3))
def test_outer_zeros_are_outside_the_support(kernel, n):
    padded = Kernel(np.pad(grid(kernel.weights), 1), [o - 1 for o in kernel.offsets])
    inner, outer = distribution(kernel, n), distribution(padded, n)
    assert outer.support() == inner.support()
    np.testing.assert_allclose(outer.probabilities(), inner.probabilities(), rtol=1e-14)


def test_the_corner_of_a_law_that_is_no_product_keeps_its_digits():
    assert distribution(PLUS, 100).pmf([0, 100]) == pytest.approx(5.0**-100, rel=1e-12, abs=0)


@pytest.mark.parametrize(("scale", "n"), [(1, 140), (10**6, 60), (1e-9, 60)])
def test_depth_and_scale_do_not_break_a_law_that_is_no_product(scale, n):
    law = distribution(Kernel(grid(PLUS.weights) * scale, PLUS.offset), n)
    np.testing.assert_allclose(law.mean(), [0, 0], atol=1e-6)
    np.testing.assert_allclose(law.cov(), np.eye(2) * 0.4 * n, rtol=1e-6, atol=1e-6)
    assert law.pmf([0, 0]) * 2 * math.pi * 0.4 * n == pytest.approx(1, abs=1 / n)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("JointDistribution([1.0])", ValueError, "probabilities must have two axes or more"),
        ("JointDistribution([[]])", ValueError, "probabilities must"),
        ("JointDistribution([[0.5, 0.6]])", ValueError, "probabilities must sum to 1"),
        ("JointDistribution([[1.5, -0.5]])", ValueError, "probabilities must not be negative"),
        ("JointDistribution([[1.0]], (1, 2, 3))", ValueError, "offset must be an int or 2 ints"),
        ("JointDistribution([[1.0]], 0.5)", TypeError, "offset must be an int"),
        ("JointDistribution.independent([])", ValueError, "marginals must"),
        ("JointDistribution.independent([[0.5, 0.5]])", TypeError, "marginals must"),
        ("distribution(PLUS).pmf([1, 2, 3])", ValueError, "x must hold 2 coordinates"),
        ("distribution(PLUS).pmf(1)", ValueError, "x must hold 2 coordinates"),
        ("distribution(PLUS).marginal(2)", ValueError, "axis must be below 2"),
        ("distribution(Kernel([[1, 1], [1, -2]]))", ValueError, "negative weight -2 at position (1, 1)"),
        (
            "JointDistribution.independent([distribution([1, 1], 300)] * 5).probabilities()",
            ValueError,
            "needs",
        ),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_the_marginals_are_lattice_distributions():
    assert all(isinstance(distribution(PLUS).marginal(axis), LatticeDistribution) for axis in (0, 1, -1))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda law: pickle.loads(pickle.dumps(law))])
@pytest.mark.parametrize("kernel", [PLUS, Kernel.uniform((3, 3))], ids=["joint", "independent"])
def test_copies_are_equal_and_closed_to_writing(kernel, duplicate):
    law = distribution(kernel, 2)
    again = duplicate(law)
    assert again == law
    assert hash(again) == hash(law)
    assert again != distribution(kernel, 3)
    assert again != distribution(kernel.shift(1), 2)
    field = effective_field(law)
    assert duplicate(field) == field
    assert effective_field(again) == field
    assert field != effective_field(law, "mass", level=0.3)
    for _, shares in again.float_parts():
        assert not shares.flags.writeable


def test_the_axes_of_any_distribution_are_tuples():
    for kernel in (Kernel([1, 2]), Kernel.uniform((3, 3)), PLUS):
        law = distribution(kernel, 2)
        assert law.ndim == len(law.marginals) == len(law.bounds) == kernel.ndim
        assert law.bounds == tuple(marginal.support() for marginal in law.marginals)
        assert law.marginal(0).bounds == (law.bounds[0],)


def test_a_network_map_is_equal_to_its_copy():
    law = distribution(Conv([[0, 1, 0], [1, 2, 1], [0, 1, 0]]) ** 2)
    assert pickle.loads(pickle.dumps(law)) == copy.deepcopy(law) == law


def test_variates_of_a_law_that_is_no_product_come_from_its_generator():
    law = JointDistribution([[0.5, 0, 0], [0, 0, 0.5]], (3, -2))
    drawn = law.rvs(1000, rng=1)
    assert {tuple(point) for point in drawn.tolist()} == {(3, -2), (4, 0)}
    assert (drawn == law.rvs(1000, rng=np.random.default_rng(1))).all()
    assert (drawn != law.rvs(1000, rng=2)).any()
    assert abs((drawn[:, 0] == 3).mean() - 0.5) < 5 * 0.5 / math.sqrt(1000)


@pytest.mark.parametrize("far", [-math.inf, -1e300, 1e300, math.inf])
def test_far_points_of_a_law_that_is_no_product_have_no_mass(far):
    law = JointDistribution([[0.5, 0], [0.25, 0.25]], (0, 0))
    assert law.pmf([[far, 0], [0, far], [0, 0]]).tolist() == [0, 0, 0.5]


@pytest.mark.parametrize("corner", [2**53 + 1, 10**18 + 1, -(10**18) - 1])
def test_far_grids_keep_every_pixel(corner):
    law = JointDistribution([[0.5, 0.125], [0.25, 0.125]], (corner, -corner))
    points = [[corner + x, y - corner] for x in (-1, 0, 1, 2) for y in (0, 1)]
    assert law.pmf(points).tolist() == [0, 0, 0.5, 0.125, 0.25, 0.125, 0, 0]
    assert law.pmf([[10**30, -corner], [corner, -(10**30)], [corner, -corner]]).tolist() == [0, 0, 0.5]


def test_points_of_a_law_that_is_no_product_have_scipys_manners():
    law = JointDistribution([[0.5, 0.125], [0.25, 0.125]], (3, -1))
    assert type(law.pmf([3, -1])) is float
    assert law.pmf([[3.0, -1.0], [3.5, -1], [3, -0.5], [2, -1], [3, 1], [5, -1]]).tolist() == [0.5, *[0] * 5]
    assert law.pmf(np.array([[4, 0]], dtype=np.int8)).tolist() == [0.125]
    assert np.isnan(law.pmf([[math.nan, 0], [3, math.nan], [3, 0]])).tolist() == [True, True, False]


def test_coordinates_of_a_grid_have_their_tails_where_its_floats_end():
    n = 1200
    d = distribution([[4, 1], [1, 4]], n)  # each coordinate is binomial, with 1/2
    assert d.support() == ((0, n), (0, n))
    assert d.marginals[0] == d.marginals[1]
    for low in (0, 10):
        binomial = Fraction(sum(math.comb(n, k) for k in range(low + 1)), 2**n)
        assert d.marginals[0].logcdf(low) == pytest.approx(
            math.log(binomial.numerator) - math.log(binomial.denominator), abs=1e-12
        )
    assert d.pmf([0, 0]) == 0  # 0.4^1200 is no float
    assert d.probabilities().shape == (n + 1, n + 1)
    np.testing.assert_allclose(d.cov(), [[n / 4, 0.15 * n], [0.15 * n, n / 4]], rtol=1e-12)


def test_the_distribution_in_proportion_to_an_array():
    row = law_of(np.array([1.0, 3.0]), (5,), 1e-6)
    assert row == LatticeDistribution([0.25, 0.75], 5)
    assert row.error == LatticeDistribution.computed([0.25, 0.75], 5, 1e-6).error > 1e-6
    grid = law_of(np.array([[1.0, 3.0], [2.0, 2.0]]), (5, -1), 1e-6)
    assert grid == JointDistribution([[0.125, 0.375], [0.25, 0.25]], (5, -1))
    assert grid.error == JointDistribution.computed(grid.probabilities(), 0, 1e-6).error > 1e-6
    assert law_of(np.array([1.0, 3.0]), (5,)).error < 1e-12
