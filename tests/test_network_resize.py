"""Interpolation by rational factors, sample by sample as it is defined."""

import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.network.resize import Resize, resize

SAMPLES = 7


def keys(x):
    """Keys' cubic kernel, a = -3/4, as PyTorch and ONNX have it."""
    if x >= 2:
        return 0
    return 1.25 * x**3 - 2.25 * x**2 + 1 if x < 1 else -0.75 * (x**3 - 5 * x**2 + 8 * x - 4)


def weight(mode, distance):
    if mode == "linear":
        return max(0, 1 - distance)
    return keys(distance)


def nearest(place, rounding):
    return {
        "floor": math.floor(place),
        "ceil": math.ceil(place),
        "prefer_floor": math.ceil(place - Fraction(1, 2)),
        "prefer_ceil": math.floor(place + Fraction(1, 2)),
    }[rounding]


def row(factor, origin, mode, rounding, unit, signed=True, power=1):
    """The weights of the samples in an output on one axis, those outside folded on the ends."""
    place, found = (unit + origin) / factor, np.zeros(SAMPLES)
    for sample in range(-3, SAMPLES + 3):
        if mode == "nearest":
            share = float(sample == nearest(place, rounding))
        else:
            share = float(weight(mode, abs(sample - place)))
        found[min(max(sample, 0), SAMPLES - 1)] += (share if signed else abs(share)) ** power
    return found


def seen(node, unit, size=SAMPLES):
    """What an output sees of all the input."""
    found = em.impact_map(node, unit, size)
    whole = np.zeros(size)
    inner = tuple(slice(o, o + n) for o, n in zip(found.start, found.values.shape, strict=True))
    whole[inner] = found.values
    return whole


FACTORS = [Fraction(2), Fraction(3, 2), Fraction(2, 3), Fraction(5, 4), Fraction(1, 2)]


@pytest.mark.parametrize("factor", FACTORS, ids=str)
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    ("mode", "rounding"),
    [
        ("nearest", "floor"),
        ("nearest", "ceil"),
        ("nearest", "prefer_floor"),
        ("nearest", "prefer_ceil"),
        ("linear", "floor"),
        ("cubic", "floor"),
    ],
)
def test_each_output_is_interpolated(factor, half, mode, rounding):
    origin = (1 - factor) / 2 if half else Fraction(0)
    node = Resize((factor,), (origin,), mode, rounding, is_signed=True)
    assert em.output_size(node, SAMPLES) == math.floor(SAMPLES * factor)
    for unit in range(math.floor(SAMPLES * factor)):
        expected = row(factor, origin, mode, rounding, unit)
        np.testing.assert_allclose(seen(node, unit), expected, rtol=1e-12, atol=1e-15)


def test_magnitudes_and_squares_of_the_taps():
    factor, origin = Fraction(3, 2), Fraction(-1, 4)
    plain = Resize((factor,), (origin,), "cubic")
    for unit in range(10):
        for node, power in ((plain, 1), (em.variance(plain), 2)):
            expected = row(factor, origin, "cubic", "floor", unit, False, power)
            np.testing.assert_allclose(seen(node, unit), expected, rtol=1e-12, atol=1e-15)
    assert em.variance(em.variance(plain)).power == 4


def test_axes_are_apart():
    node = Resize((Fraction(3, 2), Fraction(2)), (Fraction(0), Fraction(-1, 2)), "linear")
    assert em.output_size(node, (7, 7)) == (10, 14)
    for unit in [(0, 0), (3, 5), (9, 13)]:
        rows = [row(f, h, "linear", "", i) for f, h, i in zip(node.factor, node.origin, unit, strict=True)]
        np.testing.assert_allclose(seen(node, unit, (7, 7)), np.outer(*rows), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("factor", [Fraction(2), Fraction(3, 2), Fraction(2, 3)], ids=str)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_taps_under_a_drift_are_their_mean_over_it(factor, mode):
    """As with aligned corners, whose origin moves from 0 to 1 - f: here by many origins instead of a rule."""
    drift, steps = 1 - factor, 4000
    node = Resize((factor,), (Fraction(0),), mode, drift=(drift,), is_signed=True)
    for unit in range(6, 6 + factor.numerator):
        found = em.impact_map(node, unit)
        places = (np.arange(steps) + 0.5) / steps * float(drift)
        for sample, share in enumerate(found.values, found.offset):
            distances = np.abs(sample - (unit + places) / float(factor))
            mean = np.mean([weight(mode, distance) for distance in distances])
            assert share == pytest.approx(mean, abs=1e-6)
        assert found.values.sum() == pytest.approx(1)


@pytest.mark.parametrize("factor", [Fraction(4), Fraction(5, 2), Fraction(3, 4)], ids=str)
def test_the_mean_over_a_drift_is_exact_between_its_knots(factor):
    """Linear interpolation whose origin moves by one output: the mean of 1 - |x| over a piece each."""
    node = Resize((factor,), (Fraction(0),), "linear", drift=(Fraction(-1),))
    kernel = em.lower(node).kernel
    p, q = factor.numerator, factor.denominator

    def hat(x):  # an integral of 1 - |x|
        x = min(max(x, Fraction(-1)), Fraction(1))
        return x + x**2 / 2 if x < 0 else x - x**2 / 2

    for (tap,), share in kernel.taps():
        ends = Fraction(tap, p), Fraction(tap + q, p)
        assert share == (hat(ends[1]) - hat(ends[0])) / (ends[1] - ends[0])


def test_what_is_an_upsampling_is_one():
    half = Fraction(-1, 2)
    assert resize(Resize((2,), (half,), "linear")) == em.Upsample(2, "linear")
    assert resize(Resize((2, 3), (0, 0))) == em.Upsample((2, 3))
    for other in (
        Resize((2,), (0,), "linear"),
        Resize((2,), (half,), "cubic"),
        Resize((Fraction(3, 2),), (0,)),
        Resize((2,), (0,), "nearest", "ceil"),
    ):
        assert resize(other) is other


def test_fields_and_names_of_aligned_corners():
    node = Resize((4, 4), (0, 0), "linear", drift=(-3, -3))
    field = em.receptive_field(node)
    assert field.stretches == "Resize x4 linear aligned"
    assert field.stride == (Fraction(1, 4), Fraction(1, 4))
    with pytest.raises(ValueError, match="Resize x4 linear aligned has aligned corners"):
        field.halo()
    assert em.receptive_field(Resize((4,), (0,), "linear")).stretches is None
    assert Resize(("3/2",), (0.25,)).args[:2] == ((Fraction(3, 2),), (Fraction(1, 4),))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ()), "factor must be above 0 on every axis"),
        (((2, 0), (0, 0)), "must be above 0 on every axis"),
        (((2, -1), (0, 0)), "factor must be above 0"),
        (((2, 2), (0,)), "origin and drift must have an entry for each axis"),
        (((2,), (0,), "linear", "floor", (1, 1)), "origin and drift must have an entry for each"),
        (((2,), (0,), "area"), "^mode must be one of 'nearest', 'linear', 'cubic', got 'area'"),
        (((2,), (0,), "nearest", "up"), "^rounding must be one of 'floor', 'ceil', .* got 'up'"),
        (((float("inf"),), (0,)), "^factor must be a tuple of numbers"),
        (((2,), ("a",)), "^origin must be a tuple of numbers"),
        (((2,), (0,), "linear", "floor", 3), "^drift must be a tuple of numbers"),
    ],
)
def test_what_is_no_interpolation_is_refused_by_name(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Resize(*arguments)


def test_a_factor_below_one_is_one():
    assert em.output_size(Resize((Fraction(1, 3),), (0,)), 9) == 3
