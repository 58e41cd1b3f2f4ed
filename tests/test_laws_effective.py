import functools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles import grid, naive_power

import erfmath as em
from erfmath import Kernel, distribution, effective_field, growth
from erfmath.strategies import kernels

VGG16 = [(2, 1), (1, 1, 2), (2, 2), (1, 2, 2), (3, 4), (1, 4, 2), (3, 8), (1, 8, 2), (3, 16), (1, 16, 2)]
SQUARE = Kernel.uniform((3, 3))
LEVELS = st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50)
CENTRED = kernels(elements=st.integers(1, 9), max_side=4)
AXES = st.tuples(st.lists(CENTRED, min_size=2, max_size=3), st.integers(0, 3))


def outer(rows):
    return functools.reduce(np.multiply.outer, [grid(row) for row in rows])


def exact_pixels(axes, n):
    """The n-th power on several independent axes as one grid of integers."""
    return outer([naive_power(kernel.weights, n) for kernel in axes])


def product_kernel(axes):
    return Kernel(outer([kernel.weights for kernel in axes]))


def least_mass_mask(pixels, share):
    """The smallest set {pixel >= c} that holds the share, by trying every c."""
    needed = share * Fraction(int(pixels.sum()))
    c = max(c for c in set(pixels.flat) if pixels[pixels >= c].sum() >= needed)
    return pixels >= c


def series(*layers):
    """The law of uniform layers, each (how many, dilation) of three taps or (how many, dilation, taps)."""
    laws = (distribution(Kernel.uniform(*taps or (3,)).dilate(d), n) for n, d, *taps in layers)
    return functools.reduce(lambda left, right: left.convolve(right), laws)


@pytest.mark.parametrize(
    ("n", "count", "size", "field", "ratio"),
    [
        (5, 69, 8.3066, 11, 0.7551),
        (10, 137, 11.7047, 21, 0.5574),
        (20, 261, 16.1555, 41, 0.3940),
        (40, 517, 22.7376, 81, 0.2807),
    ],
)
@pytest.mark.parametrize("separable", [True, False])
def test_the_posters_own_table(n, count, size, field, ratio, separable):
    law = distribution([1, 1, 1], n) if separable else distribution(SQUARE, n)
    got = effective_field(law, ndim=2)
    assert (got.count, got.field_size) == (count, field)
    assert (got.size, got.ratio) == pytest.approx((size, ratio), abs=6e-5)
    assert got.mask.sum() == count


@pytest.mark.parametrize(("n", "count"), [(5, 109), (10, 241), (20, 517), (40, 1021)])
def test_the_mean_magnitude_of_a_random_gradient_is_wider(n, count):
    assert effective_field(distribution(SQUARE, n), profile="std").count == count
    assert effective_field(distribution(SQUARE, n), profile="variance").count < count


@pytest.mark.parametrize(("n", "size"), [(5, 6.083), (10, 8.307), (20, 11.705), (40, 16.155)])
def test_the_residual_block_1_4_1(n, size):
    assert effective_field(distribution([1, 4, 1], n), ndim=2).size == pytest.approx(size, abs=6e-4)


@pytest.mark.parametrize(
    ("layers", "field", "variance", "ref", "size"),
    [
        ([(15, 1)], 31, 10, "centre", 13.892),
        ([(12, 1), (1, 2), (1, 4), (1, 8)], 53, 64, "centre", 35.511),
        ([(4, 1), (4, 2), (4, 4), (3, 8)], 105, 184, "centre", 60.506),
        ([(1, 1), (1, 2), (1, 4), (12, 8)], 207, 526, "max", 84.593),
        ([(13, 1), (1, 2), (1, 4)], 39, 22, "centre", 21.095),
        (VGG16, 212, 27.64**2, "centre", 123.55),
    ],
    ids=["plain", "dilated", "strides at 4 8 12", "strides at 1 2 3", "strides at 13 14 15", "VGG-16"],
)
def test_series_of_layers(layers, field, variance, ref, size):
    law = series(*layers)
    got = effective_field(law, ref=ref, ndim=2)
    assert got.field_size == field
    assert law.var() == pytest.approx(variance, rel=1e-4)
    assert got.size == pytest.approx(size, abs=3e-3)


def test_vgg_16_has_the_kurtosis_of_the_literature():
    law = series(*VGG16)
    assert law.cumulants(4)[3] / law.var() ** 2 == pytest.approx(-0.255, abs=6e-4)


@pytest.mark.parametrize("layers", [4, 10])
def test_two_taps_with_doubling_dilation_are_uniform(layers):
    law = series(*((1, 2**i, 2) for i in range(layers)))
    np.testing.assert_allclose(law.probabilities(), 2.0**-layers, rtol=1e-14)
    assert effective_field(law).count == 2**layers
    assert law.cumulants(4)[3] / law.var() ** 2 == pytest.approx(-1.2 * (4**layers + 1) / (4**layers - 1))


def test_three_taps_with_doubling_dilation_are_sterns_sequence():
    law = series((1, 1), (1, 2), (1, 4))
    stern = [1, 1, 2, 1, 3, 2, 3, 1, 3, 2, 3, 1, 2, 1, 1]
    np.testing.assert_allclose(law.probabilities() * 27, stern, rtol=1e-14)
    assert effective_field(law, level=0.9).count == 15  # the centre is the smallest
    assert effective_field(law, ref="max", level=0.9).count == 4
    assert effective_field(law, ref="max", level=0.5).mask.tolist() == [value > 1.5 for value in stern]


@given(AXES, LEVELS, st.sampled_from(["centre", "max"]), st.sampled_from(["mean", "std"]))
def test_threshold_counts_are_those_of_the_explicit_mask(case, level, ref, profile):
    axes, n = case
    pixels = exact_pixels(axes, n)
    centre = pixels[tuple((side - 1) // 2 for side in pixels.shape)]
    reference = centre if ref == "centre" else pixels.max()
    mask = pixels > (level**2 if profile == "std" else level) * reference
    got = effective_field(distribution(product_kernel(axes), n), ref=ref, profile=profile, level=float(level))
    assert got.count == mask.sum()
    np.testing.assert_array_equal(got.mask, mask.astype(bool))
    assert got.size == pytest.approx(got.count ** (1 / len(axes)))
    assert got.field_size == pytest.approx(pixels.size ** (1 / len(axes)))
    assert got.ratio == pytest.approx(got.size / got.field_size)


@given(AXES, LEVELS)
def test_the_mass_set_is_the_smallest_superlevel_set(case, level):
    axes, n = case
    pixels = exact_pixels(axes, n)
    mask = least_mass_mask(pixels, 1 - level)
    got = effective_field(distribution(product_kernel(axes), n), "mass", level=float(level))
    assert got.count == mask.sum()
    np.testing.assert_array_equal(got.mask, mask.astype(bool))


@given(AXES, st.sampled_from(["sigma", "two_sigma"]))
def test_sigma_boxes_are_within_sigma_on_every_axis(case, definition):
    axes, n = case
    boxes, variances = [], []
    for kernel in axes:
        row = naive_power(kernel.weights, n)
        total = int(row.sum())
        mean = sum(Fraction(int(w) * x, total) for x, w in enumerate(row))
        variances.append(sum(Fraction(int(w), total) * (x - mean) ** 2 for x, w in enumerate(row)))
        reach = {"sigma": 1, "two_sigma": 4}[definition] * variances[-1]
        boxes.append([(x - mean) ** 2 <= reach for x in range(len(row))])
    got = effective_field(distribution(product_kernel(axes), n), definition)
    assert got.count == math.prod(map(sum, boxes))
    np.testing.assert_array_equal(got.mask, outer(boxes).astype(bool))
    side = math.sqrt(math.prod(variances) ** (1 / len(axes)))
    assert got.size == pytest.approx({"sigma": 1, "two_sigma": 4}[definition] * side)


@given(
    CENTRED,
    st.integers(0, 5),
    LEVELS,
    st.integers(1, 3),
    st.sampled_from(["threshold", "mass", "sigma", "two_sigma"]),
)
def test_a_law_read_on_more_axes_is_that_of_the_product_kernel(kernel, n, level, ndim, definition):
    read = effective_field(distribution(kernel, n), definition, ndim=ndim, level=float(level))
    built = effective_field(distribution(product_kernel([kernel] * ndim), n), definition, level=float(level))
    assert read.count == built.count
    np.testing.assert_array_equal(read.mask, built.mask)
    assert (read.size, read.field_size) == pytest.approx((built.size, built.field_size))


@given(
    kernels(min_dims=2, max_dims=2, max_side=3).filter(lambda k: k.separate() is None),
    LEVELS,
    st.integers(1, 3),
)
def test_laws_that_are_no_product_are_counted_too(kernel, level, n):
    law, pixels = distribution(kernel, n), naive_power(kernel.weights, n)
    rows, columns = np.nonzero(pixels)
    pixels = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    got = effective_field(law, ref="max", level=float(level))
    np.testing.assert_array_equal(got.mask, (pixels > level * pixels.max()).astype(bool))
    assert got.count == got.mask.sum()
    mass = effective_field(law, "mass", level=float(level))
    np.testing.assert_array_equal(mass.mask, least_mass_mask(pixels, 1 - level).astype(bool))
    assert mass.count == mass.mask.sum()


@pytest.mark.parametrize(
    ("level", "count", "definition"),
    [
        (0.5, 1, "threshold"),
        (0.25, 5, "threshold"),
        (0.2, 9, "threshold"),
        (0.75, 1, "mass"),
        (0.5, 5, "mass"),
        (0.25, 5, "mass"),
        (0.2, 9, "mass"),
    ],
)
def test_ties_are_outside_a_threshold_and_enter_a_mass_together(level, count, definition):
    assert effective_field(Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]]), definition, level=level).count == count


@pytest.mark.parametrize(
    ("weights", "level", "count"),
    [([1, 2, 3], Fraction(1, 6), 2), ([2, 4, 5], Fraction(6, 11), 1), ([2, 4, 9], Fraction(2, 15), 2)],
)
def test_a_mass_reached_exactly_is_enough_whatever_the_round_off(weights, level, count):
    assert effective_field(Kernel(weights), "mass", level=float(level)).count == count


@pytest.mark.parametrize("n", [33, 100])
def test_equal_pixels_tie_whatever_the_round_off(n):
    field = effective_field(distribution([1, 1, 1], n), ndim=2, level=0.3).mask
    np.testing.assert_array_equal(field, field[::-1])
    np.testing.assert_array_equal(field, field.T)
    mass = effective_field(distribution([1, 2, 1], n), "mass", ndim=2, level=0.3)
    np.testing.assert_array_equal(mass.mask, mass.mask[::-1].T)


@pytest.mark.parametrize("definition", ["threshold", "mass"])
def test_both_definitions_tend_to_the_same_multiple_of_sigma_in_two_axes(definition):
    law = distribution([1, 1, 1], 2000)
    radius = math.sqrt(-2 * math.log(0.0455))
    assert radius == pytest.approx(2.48598, abs=6e-6)
    assert radius * math.sqrt(math.pi) == pytest.approx(4.406281, abs=6e-7)
    assert effective_field(law, definition, ndim=2).size / law.std() == pytest.approx(4.406281, rel=1e-3)


@pytest.mark.parametrize(("ndim", "n", "mass"), [(1, 5000, 0.98708), (2, 1000, 0.9545), (3, 120, 0.89683)])
def test_the_threshold_holds_less_mass_on_more_axes(ndim, n, mass):
    law = distribution([1, 1, 1], n)
    mask = effective_field(law, ndim=ndim).mask
    held = functools.reduce(np.multiply.outer, [law.probabilities()] * ndim)[mask].sum()
    assert held == pytest.approx(mass, abs=2e-3)


def test_sigma_definitions_are_the_theory():
    law = distribution([1, 1, 1], 40)
    assert effective_field(law, "sigma").size == pytest.approx(math.sqrt(40 * 8 / 12))
    assert effective_field(law, "two_sigma").size == pytest.approx(4 * math.sqrt(40 * 8 / 12))


@pytest.mark.parametrize("ndim", [2, 3])
def test_counts_of_deep_fields_need_no_grid(ndim):
    law = distribution([1, 1, 1], 300 if ndim == 3 else 20_000)
    field = effective_field(law, ndim=ndim)
    radius = math.sqrt(-2 * math.log(0.0455)) * law.std()
    ball = {2: math.pi, 3: 4 * math.pi / 3}[ndim] * radius**ndim
    assert field.count == pytest.approx(ball, rel=2e-2 if ndim == 3 else 1e-3)
    assert "mask" not in vars(field)


def test_a_mask_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"mask .* needs .*count"):
        _ = effective_field(distribution([1, 1], 2000), ndim=3, definition="sigma").mask


@pytest.mark.parametrize("definition", ["threshold", "mass", "sigma", "two_sigma"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_a_single_tap_is_a_field_of_one_pixel(definition, ndim):
    field = effective_field(Kernel([3]), definition, ndim=ndim)
    assert (field.count, field.field_size) == (1, 1)
    assert field.mask.shape == (1,) * ndim


def test_a_hole_at_the_centre_needs_the_largest_pixel():
    with pytest.raises(ValueError, match=r"centre pixel.*ref='max'"):
        effective_field(Kernel([1, 0, 1]))
    assert effective_field(Kernel([1, 0, 1]), ref="max").mask.tolist() == [True, False, True]
    assert effective_field(distribution([1, 0, 1], 3), "mass", level=0.5).count == 2


@pytest.mark.parametrize(
    ("depths", "mean", "std"),
    [
        ([5, 10, 20, 40], (0.482, -0.478), (0.539, -0.421)),
        (range(5, 41), (0.489, -0.477), (0.523, -0.444)),
        (range(5, 101), (0.494, -0.485), (0.512, -0.467)),
    ],
    ids=["5 10 20 40", "5..40", "5..100"],
)
def test_growth_has_the_published_slopes(depths, mean, std):
    for profile, slopes in {"mean": mean, "std": std}.items():
        table = growth(SQUARE, depths, profile=profile)
        print(f"{profile}: slope {table.slope:.4f}, ratio slope {table.ratio_slope:.4f}")
        assert (table.slope, table.ratio_slope) == pytest.approx(slopes, abs=6e-4)


def test_growth_rows_are_the_fields_and_slopes_their_fits():
    depths = [3, 7, 12]
    table = growth([1, 2, 1], depths, definition="mass", ndim=2, level=0.1)
    fields = [effective_field(distribution([1, 2, 1], n), "mass", ndim=2, level=0.1) for n in depths]
    assert len(table) == 3
    rows = [(row.depth, row.theoretical, row.effective, row.count, row.ratio) for row in table]
    assert rows == [(n, 2 * n + 1, f.size, f.count, f.ratio) for n, f in zip(depths, fields, strict=True)]
    for slope, values in (
        (table.slope, [f.size for f in fields]),
        (table.ratio_slope, [f.ratio for f in fields]),
    ):
        x, y = np.log(depths), np.log(values)
        assert slope == pytest.approx(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def test_sigma_grows_as_the_root_of_the_depth_exactly():
    assert growth([1, 1, 1], [4, 9, 100], definition="sigma").slope == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("effective_field(SQUARE, 'area')", ValueError, "definition must be one of"),
        (
            "effective_field(SQUARE, ref='middle')",
            ValueError,
            "ref must be one of 'centre', 'max', got 'middle'",
        ),
        ("effective_field(SQUARE, profile='max')", ValueError, "profile must be one of"),
        ("effective_field(SQUARE, ndim=3)", ValueError, "ndim must be 2 or None"),
        ("effective_field([1, 1], ndim=True)", TypeError, "ndim must be an int"),
        ("effective_field([1, 1], ndim=0)", ValueError, "ndim must be at least 1"),
        ("effective_field([1, 1], ndim=1.0)", TypeError, "ndim must be an int"),
        ("effective_field([1, 1], level=0)", ValueError, "level must lie strictly between 0 and 1"),
        ("effective_field([1, 1], level=1)", ValueError, "level must lie strictly between 0 and 1"),
        ("effective_field([1, 1], level=math.nan)", ValueError, "level must lie strictly between 0 and 1"),
        ("effective_field([1, 1], level='0.5')", TypeError, "level must be a number"),
        ("effective_field([1, -1])", ValueError, "negative weight -1"),
        ("effective_field(3)", TypeError, "must be a Kernel"),
        ("effective_field(distribution([1, 1, 1], 3000), 'mass', ndim=6)", ValueError, "use fewer axes"),
        ("growth([1, 1], [5])", ValueError, "depths must hold at least two different depths"),
        ("growth([1, 1], [5, 5])", ValueError, "depths must hold at least two different depths"),
        ("growth([1, 1], [])", ValueError, "depths must hold at least two different depths"),
        ("growth([1, 1], [0, 5])", ValueError, "depths must be at least 1"),
        ("growth([1, 1], [5, 10.0])", TypeError, "depths must be an int"),
        ("growth([1, 1], 5)", TypeError, "depths must"),
        ("growth([1], [5, 10], definition='sigma').slope", ValueError, "slope"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


@pytest.mark.parametrize("profile", ["mean", "variance", "std"])
def test_growth_of_a_network_is_read_by_the_profile(profile):
    net = em.Conv([[1, 5, 1], [2, 9, 3], [1, 4, 1]], padding=1)
    for row in em.growth(net, [1, 4, 7], profile=profile, definition="two_sigma"):
        found = em.effective_field(net**row.depth, "two_sigma", profile=profile)
        assert (row.effective, row.count, row.theoretical) == (found.size, found.count, found.field_size)
        assert row.ratio == found.ratio


@pytest.mark.parametrize("definition", ["threshold", "mass", "square", "radial", "sigma"])
def test_a_mask_is_shared_and_closed_to_writing(definition):
    field = effective_field(SQUARE, definition)
    assert field.mask is field.mask
    with pytest.raises(ValueError, match="read-only"):
        field.mask[0, 0] = True


@pytest.mark.parametrize("convention", ["luo2016", "replknet", "openerf"])
def test_growth_of_a_network_is_read_by_the_convention(convention):
    net = em.Conv([[1, 5, 1], [2, 9, 3], [1, 4, 1]], padding=1)
    for row in em.growth(net, [1, 4], convention=convention):
        found = em.effective_field(net**row.depth, convention=convention)
        assert (row.effective, row.count, row.theoretical) == (found.size, found.count, found.field_size)
