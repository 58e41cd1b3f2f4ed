import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles import convolved, grid, naive_power

import erfmath as em
from erfmath import Kernel, Product
from erfmath.core import coefficients, plan
from erfmath.core.grid import boxes, chernoff, window
from erfmath.polynomials.product import as_product
from erfmath.strategies import kernels

GAPPED = [[1, 2, 0], [0, 3, 1], [1, 0, 1]]
FULL = [[1, 2, 1], [3, 3, 1], [1, 5, 1]]
PLUS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
CHECKERBOARD = [[1, 0, 1], [0, 1, 0], [1, 0, 3]]
SIX_DECADES = [[407788, 78546, 1], [139452, 2, 23874], [11, 151034, 1773]]
WIDE = [[1, 2, 3, 4, 1], [1, 0, 0, 2, 2], [0, 7, 1, 2, 9]]
ALONG_A_DIAGONAL = [[100, 1, 0], [1, 50, 1], [0, 1, 100]]
CUBE = [[[1, 2], [0, 1]], [[3, 1], [1, 4]]]
RARE = [[10**12, 0, 10**12], [0, 1, 0], [10**12, 0, 10**12]]  # the centre tap is once in 10^12

PROMISE = 5e-13


def assert_right(values, exact):
    """Each share of the exact sum above 1e-300 to a relative 5e-13, the zeros 0."""
    total = sum(Fraction(x) for x in exact.flat)
    expected = np.array([float(Fraction(x) / total) for x in exact.flat]).reshape(exact.shape)
    assert values.shape == exact.shape
    large = expected >= 1e-300
    assert np.abs(values / np.where(large, expected, 1) - 1)[large].max() <= PROMISE
    assert (values[exact == 0] == 0).all()
    assert (values >= 0).all()


@pytest.mark.parametrize(
    ("weights", "n"),
    [
        (GAPPED, 1),
        (GAPPED, 2),
        (GAPPED, 19),
        (GAPPED, 60),
        (FULL, 60),
        (PLUS, 45),
        (CHECKERBOARD, 30),
        (SIX_DECADES, 40),
        (WIDE, 40),
        (ALONG_A_DIAGONAL, 40),
        (CUBE, 8),
        ([[1, 0], [0, 1]], 50),
        ([[1, 0, 0], [0, 0, 0], [1, 0, 1]], 12),
        ([[0, 0, 0], [0, 2, 1], [0, 1, 1], [0, 0, 0]], 20),
    ],
)
def test_every_share_above_1e_300_is_that_of_the_exact_integers(weights, n):
    values = boxes.shares(as_product(Kernel(weights), n))
    assert_right(values, em.coefficients(Kernel(weights), n, method="exact"))


@given(
    kernels(elements=st.integers(0, 9) | st.integers(0, 10**6), min_dims=2, max_dims=3, max_side=3),
    st.integers(0, 7),
)
def test_random_kernels_without_a_shape_are_right_or_refused(kernel, n):
    try:
        values = boxes.shares(as_product(kernel, n))
    except boxes.NoBellShape:
        return
    assert_right(values, naive_power(kernel.weights, n))


FACTORS = st.tuples(
    kernels(elements=st.integers(0, 20), min_dims=2, max_dims=2, max_side=3),
    st.integers(0, 5),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)


@given(st.lists(FACTORS, min_size=1, max_size=3))
def test_products_at_different_steps_are_right_or_refused(factors):
    exact = np.full((1, 1), 1, dtype=object)
    for kernel, n, step in factors:
        exact = convolved(exact, naive_power(kernel.dilate(step).weights, n))
    try:
        values = boxes.shares(Product(factors))
    except boxes.NoBellShape:
        return
    assert_right(values, exact)


@pytest.mark.slow
def test_hardly_any_kernel_is_refused():
    rng = np.random.default_rng(7)
    for _ in range(8):
        weights = np.rint(10 ** rng.uniform(0, 6, (3, 3))).astype(int)
        boxes.shares(as_product(Kernel(weights), int(rng.integers(2, 30))))


@pytest.mark.slow
@pytest.mark.parametrize("weights", [GAPPED, FULL])
@pytest.mark.parametrize("n", [250, 1000])
def test_a_deep_grid_has_the_marginals_of_the_rows_and_sum_one(weights, n):
    kernel = Kernel(weights)
    values = boxes.shares(as_product(kernel, n))
    assert values.sum() == pytest.approx(1, abs=1e-13)
    for axis in (0, 1):
        row = em.coefficients(kernel.marginal(axis).normalize(), n)
        large = row > 1e-290  # below, the grid lacks what is under 1e-300 each
        np.testing.assert_allclose(values.sum(axis=1 - axis)[large], row[large], rtol=1e-12)


@pytest.mark.parametrize("weights", [GAPPED, WIDE])
def test_a_deep_grid_is_that_of_direct_convolution_far_from_the_peak(weights):
    kernel = Kernel(weights).normalize()
    direct = em.coefficients(kernel, 110, method="direct")
    values = boxes.shares(as_product(kernel, 110))
    large = direct >= 1e-300
    assert large.mean() > 0.5
    np.testing.assert_allclose(values[large], direct[large], rtol=1e-12)


def test_corners_of_a_deep_grid_are_powers_of_single_taps():
    values = em.coefficients(Kernel(FULL).normalize(), 200)
    total = sum(map(sum, FULL))
    assert values[0, 0] == pytest.approx(total**-200, rel=1e-12, abs=0)
    assert values[0, 1] == pytest.approx(200 * 2 / total**200, rel=1e-12, abs=0)
    assert values[-1, -2] == pytest.approx(200 * 5 / total**200, rel=1e-12, abs=0)


@pytest.mark.parametrize("scale", [1, Fraction(1, 3), 1e-9])
def test_coefficients_by_saddle_keep_the_scale_of_the_weights(scale):
    kernel, n = Kernel(grid(GAPPED) * scale), 30
    got, expected = (em.coefficients(kernel, n, method=method) for method in ("saddle", "direct"))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_auto_tiles_where_convolution_costs_more():
    assert em.plan(PLUS, 20).method == em.plan(PLUS, 60).method == "direct"
    for kernel in (PLUS, Kernel(FULL)):
        made = em.plan(Kernel(kernel.weights if isinstance(kernel, Kernel) else kernel).normalize(), 250)
        assert made.method == made.chosen.method == "saddle"
        assert made.chosen.relative_to == "each coefficient"
        assert made.error == 1e-12
        direct = next(candidate for candidate in made.candidates if candidate.method == "direct")
        assert made.operations < direct.operations
        assert "do not separate" in repr(made)


def test_laws_of_deep_kernels_whose_axes_do_not_separate():
    law, kernel = em.distribution(Kernel(GAPPED), 300), Kernel(GAPPED)
    for axis in (0, 1):
        expected = em.distribution(kernel.marginal(axis), 300)
        assert law.marginal(axis).support() == expected.support()
        np.testing.assert_allclose(law.marginal(axis).pmf(100), expected.pmf(100), rtol=1e-12)
    assert law.cov()[0, 1] == pytest.approx(300 * em.distribution(kernel).cov()[0, 1], rel=1e-9)


def test_a_rare_tap_between_gaps_is_refused_by_windows_and_left_to_convolution(monkeypatch):
    kernel = Kernel(RARE)
    with pytest.raises(boxes.NoBellShape, match="too far below its neighbours"):
        boxes.shares(as_product(kernel, 60))
    got = em.coefficients(kernel.normalize(), 60, method="saddle")
    np.testing.assert_array_equal(got, em.coefficients(kernel.normalize(), 60, method="direct"))
    monkeypatch.setattr(coefficients, "DIRECT_LIMIT", 10**6)
    with pytest.raises(ValueError, match=r"too far below its neighbours.*method='fft'"):
        em.coefficients(kernel.normalize(), 60, method="saddle")


def test_what_is_too_large_is_refused_before_the_work(monkeypatch):
    with pytest.raises(ValueError, match="do not separate"):
        em.coefficients(Kernel(FULL).normalize(), 10**6)
    monkeypatch.setattr(plan, "TILTED_LIMIT", 10**6)
    with pytest.raises(ValueError, match=r"do not separate takes .* operations"):
        em.coefficients(Kernel(FULL).normalize(), 600)


@given(kernels(elements=st.integers(0, 99), min_dims=2, max_dims=2, max_side=3), st.integers(1, 6), st.data())
def test_chernoff_bounds_every_coefficient_for_any_tilt_and_the_saddle_is_close(kernel, n, data):
    _, factors = chernoff.steps_of(as_product(kernel, n))
    exact = naive_power(kernel.weights, n)
    total = sum(exact.flat)
    inside = np.argwhere(exact != 0)
    corner, theta = inside.min(axis=0), np.array(data.draw(st.tuples(*[st.floats(-3, 3)] * 2)))
    for place in inside[:: 1 + len(inside) // 8]:
        log = math.log(exact[tuple(place)]) - math.log(total)
        goal = (place - corner).astype(float)
        least = chernoff.saddle(factors, goal, np.zeros(2), -1e3) if factors else None
        assert chernoff.tilt_at(factors, theta, goal).log_bound >= log - 1e-9
        assert least is None or log - 1e-9 <= least.log_bound
        assert least is None or least.log_bound <= chernoff.tilt_at(factors, theta, goal).log_bound + 0.1


def test_twelve_axes_of_two_taps_are_planned_by_one_sum_of_the_weights(monkeypatch):
    counted = []
    monkeypatch.setattr(chernoff, "sum", lambda terms: counted.append(1) or sum(terms), raising=False)
    weights = np.random.default_rng(0).integers(1, 9, (2,) * 12)
    _, (factor,) = chernoff.steps_of(as_product(Kernel(weights), 3))
    assert len(counted) == 1
    assert np.exp(factor.logs).sum() == pytest.approx(1, rel=1e-12)


def test_the_memory_of_a_grid_of_logarithms_counts_its_indices(monkeypatch):
    asked = []
    monkeypatch.setattr(coefficients, "check_memory", lambda needed, what, remedy: asked.append(needed))
    em.log_coefficients(PLUS, 2)
    em.log_coefficients(np.ones((2,) * 6, dtype=int), 2)
    assert asked == [40 * 25, 72 * 3**6]


def test_points_outside_the_hull_are_proven_empty():
    _, factors = chernoff.steps_of(as_product(Kernel(PLUS), 20))
    assert chernoff.saddle(factors, np.array([3.0, 3.0]), np.zeros(2), -1e3).log_bound < -1e3


@pytest.mark.parametrize("theta", [(0.0, 0.0), (0.7, -0.4), (-2.5, 1.5)])
@pytest.mark.parametrize("weights", [FULL, GAPPED, CHECKERBOARD])
def test_both_views_of_a_window_err_less_than_they_say(weights, theta):
    n = 20
    exact = em.coefficients(Kernel(weights), n, method="exact")
    total = sum(exact.flat)
    seen = window.Window(chernoff.steps_of(as_product(Kernel(weights), n))[1], np.array(theta))
    middle = np.array([round(mean) for mean in seen.mean])
    low, high = np.maximum(middle - 2, 0), np.minimum(middle + 2, np.array(exact.shape) - 1)
    growth = sum(
        Fraction(w) * seen.ratios[0] ** i * seen.ratios[1] ** j
        for (i, j), w in np.ndenumerate(np.array(weights, dtype=object))
    ) / sum(map(sum, weights))
    for values, error in (seen.bell(low, high), seen.convolved(low, low)):
        mantissas, exponent = seen.undone(values, low)
        for place, value in np.ndenumerate(values):
            i, j = (int(x) for x in low + place)
            share = Fraction(int(exact[i, j]), int(total))
            law = share * seen.ratios[0] ** i * seen.ratios[1] ** j / growth**n
            assert abs(Fraction(float(value)) - law) <= Fraction(error) + law * Fraction(1e-14)
            if share:
                undone = Fraction(float(mantissas[place])) * Fraction(2) ** exponent
                assert undone == pytest.approx(float(share * Fraction(float(value)) / law), rel=1e-14, abs=0)


@given(kernels(elements=st.integers(0, 2), min_dims=2, max_dims=2, max_side=4), st.integers(0, 6))
def test_zeros_are_told_from_sums_of_taps(kernel, n):
    reachable = boxes._Tiling(as_product(kernel, n))._reachable
    np.testing.assert_array_equal(reachable, naive_power(kernel.weights, n) != 0)


def test_a_narrow_window_whose_sums_would_overflow_is_not_convolved():
    seen = window.Window(chernoff.steps_of(as_product(Kernel([[1, 1]]), 2000))[1], np.zeros(2))
    assert seen.convolved(np.array([0, 1000]), np.array([0, 1000])) is None
