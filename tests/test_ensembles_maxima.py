"""Maxima of correlated normal variables, against closed forms, orthants and sampling."""

import itertools
import math

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.maxima import maximum, shared_maxima
from erfmath.ensembles.offsets import Offsets, counted_pairs, pairs_of
from erfmath.ensembles.units import Units
from erfmath.network.activations import ACTIVATIONS, activated

CORRELATIONS = [0.0, 1e-9, 0.2, 1 / math.pi, 0.4999, 0.5, 0.8, 0.99, 0.9999]


@pytest.mark.parametrize("rho", CORRELATIONS)
def test_one_is_positive_by_the_orthants_of_two_and_three(rho):
    two, three = maximum(2, rho), maximum(3, rho)
    assert two.mean(two.points > 0) == pytest.approx(3 / 4 - math.asin(rho) / 2 / math.pi, abs=1e-13)
    assert three.mean(three.points > 0) == pytest.approx(7 / 8 - 3 * math.asin(rho) / 4 / math.pi, abs=1e-13)


@pytest.mark.parametrize("count", [1, 2, 4, 9, 49, 300])
def test_of_correlation_one_half_all_are_negative_once_in_k_plus_1(count):
    law = maximum(count, 0.5)  # h_i <= 0 is eps_i <= -z: z is the least of k + 1
    expected = 0.5 if count == 1 else 1 - 1 / (count + 1)
    assert law.mean(law.points > 0) == pytest.approx(expected, abs=1e-12 if count < 100 else 1e-6)


# Means of the largest of k standard normal variables: H. Teichroew, Ann. Math. Stat. 27 (1956), table 1.
ORDER_STATISTICS = {2: 0.5641895835, 3: 0.8462843753, 4: 1.0293753730, 5: 1.1629644736, 9: 1.4850131622}


@pytest.mark.parametrize(("count", "mean"), ORDER_STATISTICS.items())
@pytest.mark.parametrize("rho", CORRELATIONS)
def test_means_are_those_of_order_statistics(count, mean, rho):
    law = maximum(count, rho)
    assert law.mean(law.points) == pytest.approx(mean * math.sqrt(1 - rho), abs=1e-9)
    assert law.weights[0].sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("rho", CORRELATIONS)
def test_maxima_of_two_pairs_without_a_common_variable(rho):
    law = maximum(2, rho)  # max(a, b) = (a + b + |a - b|)/2
    coefficients = law.hermite(law.points)
    assert coefficients @ coefficients == pytest.approx(rho + (1 - rho) / math.pi, abs=1e-10)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9])
def test_maxima_of_two_pairs_with_a_common_variable(rho):
    expected = rho + (1 - rho) * (1 / 3 + math.sqrt(3) / 2 / math.pi)
    assert shared_maxima(2, 1, rho, lambda x: x) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_the_slopes_of_the_values(name):
    x = np.linspace(-8, 8, 2000)  # no kink of an activation is among these
    slopes = activated(name, x)[1]
    step = 1e-6
    numeric = (activated(name, x + step)[0] - activated(name, x - step)[0]) / (2 * step)
    np.testing.assert_allclose(slopes, numeric, atol=2e-8)


def sampled(rho, side, ndim, runs, rng):
    """Return fields of normal variables of one correlation."""
    shape = (runs, *(side,) * ndim)
    common = rng.standard_normal((runs, *(1,) * ndim))
    return math.sqrt(rho) * common + math.sqrt(1 - rho) * rng.standard_normal(shape)


@pytest.mark.parametrize(("ndim", "size", "stride"), [(1, 2, 2), (1, 3, 1), (2, 3, 2)])
@pytest.mark.parametrize("rho", [0.0, 1 / math.pi, 0.8])
def test_pooled_units_against_samples(ndim, size, stride, rho):
    torch = pytest.importorskip("torch", reason="its pooling is the oracle")
    rng = np.random.default_rng(7)
    h = torch.as_tensor(sampled(rho, 11, ndim, 30_000, rng))
    pool = getattr(torch, f"max_pool{ndim}d")
    fields = pool(h[:, None], size, stride)[:, 0].clamp(min=0).numpy()
    correlation = Offsets.white(ndim)
    correlation = Offsets(rho + (1 - rho) * correlation.values, rho)
    units = Units.normal(0.0, 0.0, correlation).activated("relu")
    units = units.pooled([tuple(range(size))] * ndim, (stride,) * ndim)
    first = fields[(slice(None), *(0,) * ndim)]
    for offset in (0, 1, 2, 3):
        product = first * fields[(slice(None), *(0,) * (ndim - 1), offset)]
        error = product.std() / math.sqrt(len(product))
        found = units.moments.at((*(0,) * (ndim - 1), offset))
        assert abs(found - product.mean()) < 4 * error + 2e-3
    assert abs(units.energy - (fields > 0).mean()) < 4e-3
    assert abs(units.mean - fields.mean()) < 4e-3 * max(1, units.mean)


@pytest.mark.parametrize(("near", "far"), [(0.6, 0.2), (0.3, 0.3), (0.5, 0.0)])
def test_windows_are_less_alike_than_what_is_in_them(near, far):
    values = np.full(17, far)
    values[7:10] = near, 1, near
    units = Units.normal(0.0, 0.0, Offsets(values, far)).pooled([(0, 1)], (2,))
    # max(a, b) = (a + b + |a - b|)/2, and the differences in two windows are independent
    for moment in (units.moments.at((2,)), units.moments.far):
        assert moment == pytest.approx(far + (1 - near) / math.pi, abs=1e-10)
    assert units.moments.centre == pytest.approx(1, abs=1e-10)


def test_chosen_units_are_open_more_often_than_others():
    flat = Units.normal(0.0, 0.0, Offsets.white(2)).activated("relu")
    assert flat.energy == 0.5
    pooled = flat.pooled([(0, 1)] * 2, (2, 2))
    assert pooled.energy == pytest.approx(15 / 16, abs=1e-12)
    again = pooled.pooled([(0, 1)] * 2, (2, 2))  # a window of 16 in all
    assert again.count == 16
    assert again.energy == pytest.approx(1 - 2.0**-16, abs=1e-12)
    assert pooled.activated("relu").energy == pooled.energy  # the same gates once more
    leaky = Units.normal(3.0, 0.0, Offsets.white(1)).activated("leaky_relu").pooled([(0, 1)], (2,))
    assert leaky.energy == pytest.approx(3 / 4 + 1e-4 / 4, abs=1e-12)


def test_moments_by_offset_against_the_definition():
    rng = np.random.default_rng(3)
    near = Offsets(rng.random((7, 7)) + 0.5, 0.25)
    symmetric = Offsets((near.values + near.values[::-1, ::-1]) / 2, 0.25)
    kernel = em.Kernel(rng.integers(-3, 4, (2, 3)).tolist())
    stride, up, dilation = (2, 1), (1, 2), (1, 2)
    found = symmetric.gathered(pairs_of(kernel, dilation), stride, up)
    taps = [(np.array(place) * dilation, float(w)) for place, w in kernel.taps()]
    for target in np.ndindex(7, 7):
        delta = np.array(target) - 3
        total = 0.0
        for a, w in taps:
            for b, v in taps:
                place, rest = np.divmod(np.array(stride) * delta + b - a, up)
                total += w * v * symmetric.at(place) * (not rest.any())
        assert found.values[target] == pytest.approx(total / 2, abs=1e-12)


@pytest.mark.parametrize(
    ("weights", "stride", "up"),
    [
        ([[3]], (1, 1), (1, 1)),
        ([[3]], (2, 1), (1, 1)),
        ([[3]], (1, 1), (1, 2)),
        ([[1, 2], [3, -1]], (1, 3), (2, 2)),
        ([[1, 1, 1, 2]], (2, 2), (1, 3)),
    ],
)
def test_moments_of_taps_are_means_over_phases(weights, stride, up):
    rng, phases = np.random.default_rng(4), math.prod(up)
    values = rng.random((7, 7))
    near = Offsets((values + values[::-1, ::-1]) / 2, 0.25)
    kernel = em.Kernel(weights)
    found = near.gathered(pairs_of(kernel, (1, 2)), stride, up)
    taps = [(np.multiply(place, (1, 2)), float(w)) for place, w in kernel.taps()]
    for target in np.ndindex(7, 7):
        total = 0.0
        for (a, w), (b, v) in itertools.product(taps, taps):
            place, rest = np.divmod(np.multiply(stride, np.array(target) - 3) + b - a, up)
            total += w * v * near.at(place) * (not rest.any())
        assert found.values[target] == pytest.approx(total / phases, abs=1e-12)
    assert found.far == pytest.approx(0.25 * (np.sum(weights) / phases) ** 2)


def test_offsets_far_away_are_alike():
    near = Offsets(np.arange(9.0).reshape(3, 3), -1.0)
    assert (near.reach, near.centre, near.far) == (1, 4.0, -1.0)
    assert [near.at(place) for place in ((0, 0), (1, -1), (1, 1), (2, 0), (0, -2))] == [
        4.0,
        6.0,
        8.0,
        -1.0,
        -1.0,
    ]
    more, half = near.plus(0.5), near.times(0.5)
    assert (more.centre, more.far, half.centre, half.far) == (4.5, -0.5, 2.0, -0.5)
    for ndim, reach in enumerate((8, 3, 2, 1, 0), 1):
        white = Offsets.white(ndim)
        assert (white.values.shape, white.far) == ((2 * reach + 1,) * ndim, 0.0)
        assert white.centre == white.values.sum() == 1


@pytest.mark.parametrize("bias", [0.5, -1.25])
@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_rectified_units_with_a_bias_are_known_in_closed_form(name, bias):
    leak = 0.01 if name == "leaky_relu" else 0.0
    density, below = math.exp(-(bias**2) / 2) / math.sqrt(2 * math.pi), math.erfc(bias / math.sqrt(2)) / 2
    units = Units.normal(3.0, bias, Offsets.white(1)).activated(name)
    assert (units.leak, units.unit) == (leak, 3.0)
    over, under = density + bias * (1 - below), bias * below - density
    assert units.mean == pytest.approx(over + leak * under, rel=1e-12)
    assert units.energy == pytest.approx(1 - below + leak**2 * below, rel=1e-12)
    square = (1 + bias**2) * (1 - below) + bias * density
    square += leak**2 * ((1 + bias**2) * below - bias * density)
    assert units.moments.centre == pytest.approx(square, rel=1e-12)
    assert units.moments.far == pytest.approx(units.mean**2, rel=1e-12)


@pytest.mark.parametrize("leak", [0.0, 0.01])
@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3, 1.0])
def test_centred_rectifiers_follow_the_arc_cosine_map(leak, rho):
    name = "leaky_relu" if leak else "relu"
    values = np.where(np.arange(17) == 8, 1.0, rho)
    values[[5, 11]] = rho / 2
    units = Units.normal(1.0, 0.0, Offsets(values, rho)).activated(name)
    both, across = (  # E[a+ b+] and E[a+ b-], Cho and Saul (2009)
        (math.sqrt(1 - r * r) + (math.pi - math.acos(r)) * r) / (2 * math.pi) for r in (rho, -rho)
    )
    expected = (1 + leak**2) * both - 2 * leak * across
    assert units.moments.far == units.moments.at((2,)) == pytest.approx(expected, abs=1e-12)
    assert abs(units.moments.at((3,)) - expected) > 1e-3 or not rho
    assert units.mean == pytest.approx((1 - leak) / math.sqrt(2 * math.pi), rel=1e-12)
    assert units.energy == pytest.approx((1 + leak**2) / 2, rel=1e-12)


def test_units_that_are_one_far_away_have_one_square():
    units = Units.normal(3.0, 0.3, Offsets(np.ones(17), 1.0)).activated("tanh")
    assert units.moments.far == pytest.approx(units.moments.centre, rel=1e-12)
    h = np.linspace(-12, 12, 24001)
    square = 1e-3 * np.exp(-(h**2) / 2) @ np.tanh(8 * (h + 0.3)) ** 2 / math.sqrt(2 * math.pi)
    assert units.moments.centre == pytest.approx(square, rel=1e-9)
    rows = np.array([units.values[0], units.law.points > 0])
    expected = rows * units.law.weights[0] @ rows.T
    np.testing.assert_allclose(units.far_products(rows), expected, rtol=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.4, -0.7])
def test_functions_of_units_far_away_have_the_products_of_normal_ones(rho):
    units = Units.normal(0.0, 0.0, Offsets(np.where(np.arange(17) == 8, 1.0, rho), rho))
    h = units.law.points
    found = units.far_products(np.array([h, h**2, h**3]))
    expected = [[rho, 0, 3 * rho], [0, 1 + 2 * rho**2, 0], [3 * rho, 0, 9 * rho + 6 * rho**3]]  # Isserlis
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_the_largest_of_two_far_away_have_the_products_of_windows():
    near, far = 0.6, 0.2
    values = np.full(17, far)
    values[7:10] = near, 1, near
    units = Units.normal(0.0, 0.0, Offsets(values, far)).pooled([(0, 1)], (2,))
    assert units.far_products(units.law.points[None])[0, 0] == pytest.approx(
        far + (1 - near) / math.pi, abs=1e-10
    )
    assert (units.count, units.window, units.step) == (2, ((0, 1),), (2,))
    assert units.within == pytest.approx(0.6)
    wider = units.pooled([(0, 2)], (3,))
    assert (wider.count, wider.window, wider.step) == (4, ((0, 1, 4, 5),), (6,))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_what_windows_far_away_have_in_common_is_their_share_of_what_each_has(count):
    """All pairs within a window are alike, as are those of two: common parts have far / near in common."""
    near, far = 0.6, 0.2
    values = np.full(33, far)
    values[12:21] = near
    values[16] = 1
    units = Units.normal(0.0, 0.0, Offsets(values, far)).pooled([tuple(range(count))], (1,))
    assert units.within == pytest.approx(near)
    assert units._ratios.far == pytest.approx(far / near)
    assert units._ratios.values[0] == pytest.approx(far / near)


def test_what_units_remember_of_activations():
    units = Units.normal(2.0, 0.0, Offsets.white(1))
    assert (units.leak, units.unit, units.activated("relu").leak) == (1.0, 2.0, 0.0)
    assert units.activated("leaky_relu").activated("leaky_relu").leak == pytest.approx(1e-4)
    assert units.activated("relu").activated("leaky_relu").names == ("relu",)  # what is positive stays
    assert units.activated("leaky_relu").activated("relu").names == ("leaky_relu", "relu")
    assert units.activated("relu").activated("tanh").leak is None
    assert units.activated("tanh").activated("relu").names == ("tanh", "relu")
    assert units.activated("tanh").unit == 0.0


def test_windows_that_share_variables_have_more_in_common():
    expected = 1 / 3 + math.sqrt(3) / 2 / math.pi  # of the larger of a and b, and of b and c
    line = Units.normal(0.0, 0.0, Offsets.white(1)).pooled([(0, 1)], (1,))
    assert [line.moments.at((d,)) for d in (-1, 1)] == pytest.approx([expected] * 2, abs=1e-3)
    assert line.moments.at((2,)) == line.moments.far == pytest.approx(1 / math.pi)
    tall = Units.normal(0.0, 0.0, Offsets.white(2)).pooled([(0, 1), (0,)], (1, 1))
    assert [tall.moments.at(place) for place in ((1, 0), (-1, 0))] == pytest.approx([expected] * 2, abs=1e-3)
    assert tall.moments.at((0, 1)) == tall.moments.at((1, 1)) == pytest.approx(1 / math.pi)


def test_pairs_of_a_window():
    assert counted_pairs([(0, 2, 3)]).tolist() == [1, 1, 1, 3, 1, 1, 1]
    assert counted_pairs([(0, 1), (0, 1)])[1].tolist() == [2, 4, 2]
