"""Variances of random weights, activations and skips, by hand and by the literature."""

from fractions import Fraction

import numpy as np
import pytest

import erfmath as em


@pytest.mark.parametrize(
    "layer",
    [
        em.Conv(3, 2, padding=1),
        em.Conv([1, -2], dilation=3),
        em.ConvTranspose(3, 2, padding=1, output_padding=1),
        em.Pool(3, 2, 1, "max", ceil_mode=True),
        em.Pool(2),
        em.Upsample(3),
        em.Upsample(2, "linear"),
        em.Upsample((3, 2), "linear"),
        em.Activation("gelu"),
        em.Dropout(0.25),
    ],
)
def test_variances_keep_sizes_and_fields(layer):
    twin = em.variance(layer)
    if layer.ndim:
        size = (9, 8)[: layer.ndim]
        assert em.output_size(twin, size) == em.output_size(layer, size)
        for unit in range(5):
            assert em.receptive_field(twin).region(unit) == em.receptive_field(layer).region(unit)


def test_variances_of_random_weights_are_propagated():
    block = em.Residual(em.Conv(3, padding=1) >> em.Activation("relu"), gain=Fraction(1, 2))
    law = em.distribution(em.variance(block))  # 1 + (1/4) (2/3)(1/2) (z + 1 + 1/z)
    np.testing.assert_allclose(law.probabilities(), np.array([1, 13, 1]) / 15, rtol=1e-15)
    for init, gain in (("he", 2), ("lecun", 1), ("glorot", 1)):
        assert em.variance(em.Conv(3), init) == em.Conv([Fraction(gain, 3)] * 3)
    assert em.variance(em.Sum([em.Identity()], [-3])) == em.Sum([em.Identity()], [9])
    assert em.variance(em.Conv([1, -2, 0.5])) == em.Conv([1.0, 4.0, 0.25])


@pytest.mark.parametrize("n", [10, 1000])
def test_batch_normalised_residuals_grow_with_the_logarithm(n):
    law = em.distribution(em.batch_norm_residuals(em.Conv(3, padding=1), n))
    assert law.var() == pytest.approx(2 / 3 * sum(1 / (1 + i) for i in range(1, n + 1)), rel=1e-12)


def test_the_variance_profile_of_a_plain_stack_is_its_mean_profile():
    for profile, counts in (("variance", [69, 137, 261, 517]), ("std", [109, 241, 517, 1021])):
        rows = em.growth(
            em.Conv((3, 3), padding=1) >> em.Activation("relu"), [5, 10, 20, 40], profile=profile
        )
        assert [row.count for row in rows] == counts


def test_only_networks_have_a_variance():
    with pytest.raises(TypeError, match=r"net must be a network .* got 3 of type int"):
        em.variance(3)
    with pytest.raises(ValueError, match="init must be one of 'he', 'lecun', 'glorot', got 'xavier'"):
        em.variance(em.Conv(3), "xavier")
    for init in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="init must be a name, or the variance times the inputs, over 0"):
            em.variance(em.Conv(3), init)
    with pytest.raises(ValueError, match="n must be at most 100000"):
        em.batch_norm_residuals(em.Conv(3, padding=1), 10**30)


@pytest.mark.parametrize(
    ("net", "total"),
    [
        (em.Pool(4), Fraction(1, 4)),  # the mean of 4 independent numbers
        (em.Pool((2, 3)), Fraction(1, 6)),
        (em.Pool(4, mode="max"), 1),
        (em.Conv(5), 2),
        (em.Conv([1, 2, 2]), 9),
        (em.Conv((3, 3)), 2),
        (em.Dropout(Fraction(1, 3)), Fraction(3, 2)),
        (em.Activation("relu"), Fraction(1, 2)),
        (em.Residual(em.Conv([3]), 2), 1 + 4 * 9),
        (em.Concat([em.Conv([3]), em.Conv([1])], [1, 3]), Fraction(1, 4) * 9 + Fraction(3, 4)),
        (em.Graph({"a": (em.Conv([2]), ("input", 3)), "b": (em.Identity(), "a", ("input", 5))}), 4 * 9 + 25),
        (em.Upsample(2) >> em.Conv([1, 1], 2), 2),
        (em.Conv([2]) ** 3, 64),
    ],
    ids=repr,
)
def test_the_total_variance_of_a_layer(net, total):
    assert em.impact_map(em.variance(net)).values.sum() == pytest.approx(float(total), rel=1e-12)


def test_linear_interpolation_squares_its_taps():
    for factor in (2, 3):
        twin = em.variance(em.Upsample(factor, "linear"))
        for unit in range(factor):
            place = (unit + Fraction(1, 2)) / factor - Fraction(1, 2)
            share = abs(place)
            expected = sorted(w**2 for w in (share, 1 - share) if w)
            assert sorted(em.impact_map(twin, unit).values) == pytest.approx([float(w) for w in expected])


def test_batch_norm_needs_branches_of_sum_one():
    branch = em.Conv([Fraction(1, 4), Fraction(3, 4)]) >> em.Conv([Fraction(1, 2)] * 2)
    assert len(em.batch_norm_residuals(branch, 3).nodes) == 3
    net = em.batch_norm_residuals(em.Conv([1], padding=0), 3)
    assert [node.gain for node in net.nodes] == [1, Fraction(1, 2), Fraction(1, 3)]
    for wrong, words in (([1, 1], "got 2"), ([0.5, 0.4], r"got 0\.9")):
        with pytest.raises(ValueError, match=f"branch must have taps of sum 1, as normalised, {words}"):
            em.batch_norm_residuals(em.Conv(wrong), 3)
    em.batch_norm_residuals(em.Conv([1 + 1e-10]), 2)
    with pytest.raises(ValueError, match="as normalised"):
        em.batch_norm_residuals(em.Conv([1 + 1e-8]), 2)
    with pytest.raises(ValueError, match="n must be at least 1"):
        em.batch_norm_residuals(em.Conv([1]), 0)


def test_what_has_no_variance_says_so():
    for layer in (em.GlobalPool(), em.GlobalContext(), em.Normalization()):
        with pytest.raises(ValueError, match=r"averages over N samples and passes on 1/N\^2"):
            em.variance(layer)
    with pytest.raises(ValueError, match="the squares of the weights leave the range of floats"):
        em.variance(em.Conv([1e200]))
    for layer in (em.Identity(), em.Pad([(1, 2)]), em.Slice(1, -1), em.Upsample(2), em.Pool(3, mode="max")):
        assert em.variance(layer) == layer
