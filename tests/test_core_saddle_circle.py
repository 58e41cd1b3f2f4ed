"""Integrals over the circle step by step: sums by hand, the peaks that decide them, bounds against grids."""

import itertools
import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row, exact_shares

import erfmath as em
from erfmath.core.saddle import bulk, integral as circle, lobe as lobes, peaks as bounds, spectrum, tails
from erfmath.core.saddle.bulk import NEGLIGIBLE
from erfmath.core.saddle.integral import NoBellShape
from erfmath.core.saddle.law import law_of
from erfmath.core.saddle.lobe import Lobe, lobe_of
from erfmath.core.saddle.lumps import Lumps
from erfmath.core.saddle.peaks import circle_period, peaks, period_of
from erfmath.core.saddle.tilt import exact_pair, exponent, sharpened, solve, tilted

MP = mpmath.mp.clone()
MP.dps = 60


@pytest.fixture(autouse=True)
def as_at_the_front_door():
    """Zeros are divided by on purpose; who asks for points or tails has numpy silent."""
    with np.errstate(all="ignore"):
        yield


def law(*factors):
    return law_of(em.Product(list(factors)))


def tilt_of(own, theta, t=None):
    theta = np.atleast_1d(np.array(theta, dtype=float))
    return tilted(own, theta, exact_pair(np.full(theta.shape, own.mean if t is None else t)))


def integrand(own, theta, w):
    """phi of the law tilted by theta at the frequencies w, times exp(-iwt) for t = 0."""
    value = np.ones(w.shape, dtype=complex)
    for f in own.taps:
        q = f.share[:, 0] * np.exp(theta * f.x[:, 0])
        value *= (np.exp(1j * np.outer(w, f.x[:, 0])) @ (q / q.sum())) ** f.power
    return value


# ---------------------------------------------------------------- angles and bends


@pytest.mark.parametrize("period", [7, 8])
def test_angles_lie_between_minus_and_plus_pi(period):
    index = np.arange(-9, 30)
    found = circle._angle(index, period)
    assert (np.abs(found) <= np.pi * (1 + 1e-15)).all()
    np.testing.assert_allclose(np.exp(1j * found), np.exp(2j * np.pi * index / period), atol=1e-14)
    assert circle._angle(np.array([period // 2]), period)[0] > 0


def test_turns_are_products_of_exponentials():
    x, angle = np.array([[0.3, -1e-9, 0.0]]), np.array([[2.0, 1e-8, 0.5]])
    cosm1, sinm = np.cos(x) - 1, np.sin(x) - x
    circle._turn(cosm1, sinm, x, angle)
    truth = np.exp(1j * (x + angle))
    np.testing.assert_allclose(cosm1, truth.real - 1, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(sinm, truth.imag - x, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize(("c", "h"), [(0, 1), (1, 3), (2, 5)])
@pytest.mark.parametrize("batch", [1, 1 << 16])
def test_bends_are_characteristic_functions_about_the_mean(c, h, batch, monkeypatch):
    monkeypatch.setattr(circle, "_BATCH", batch)
    own = law(([1, 2, 3, 0, 4], 5, 1))
    (part,) = tilt_of(own, [0.2, -0.4]).parts
    u = np.array([[0.0, 0.01, 0.2], [0.0, 0.02, 0.1]])
    real, imag = circle._bends(part, u, c, h)
    for i in range(2):
        q, d, mean = part.q[:, i], part.d[:, i], part.mean[i]
        for k, value in enumerate(u[i].tolist()):
            truth = q @ (
                np.exp(1j * (2 * np.pi * c / h * d + value * (d - mean))) - 1 - 1j * value * (d - mean)
            )
            assert complex(real[i, k], imag[i, k]) == pytest.approx(truth, rel=1e-12, abs=1e-15)
    if not c:
        lumped = circle._lumped_bends(part, u)
        np.testing.assert_allclose(lumped[0], real, rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(lumped[1], imag, rtol=1e-12, atol=1e-16)


def test_tables_hold_the_nodes_of_the_circle():
    own = law(([1, 2, 3, 0, 4], 5, 1))
    (part,) = tilt_of(own, [0.2, -0.4]).parts
    k, period = np.array([0, 3, 11, 16]), 32
    real, imag = circle._looked_up(part, k, period)
    for i in range(2):
        truth = np.exp(2j * np.pi / period * np.outer(k, part.d[:, i])) @ part.q[:, i] - 1
        np.testing.assert_allclose(real[i] + 1j * imag[i], truth, rtol=1e-13, atol=1e-16)


def test_spectra_are_sums_over_wide_factors_alone():
    own = law(([1 + j % 3 for j in range(60)], 5, 1), ([1, 2], 9, 1))
    tilt = tilt_of(own, 0.03)
    found = circle._spectra(own, tilt, 40)
    assert list(found) == [0]
    w = 2 * np.pi * np.arange(21) / 40
    truth = np.exp(1j * np.outer(w, np.arange(60))) @ tilt.parts[0].q[:, 0]
    np.testing.assert_allclose(found[0], truth, atol=1e-14)
    assert spectrum.is_wide(own.taps[0])
    assert not spectrum.is_wide(own.taps[1])
    assert [spectrum.is_wide(law(([1] * k, n, 1)).taps[0]) for k, n in [(48, 256), (47, 256), (48, 257)]] == [
        True,
        False,
        False,
    ]
    assert [spectrum.fast_even_length(n) for n in (1, 7, 8, 13, 22)] == [2, 8, 8, 16, 24]


def test_nodes_are_left_out_where_all_together_are_negligible():
    own = law(([1 + j % 3 for j in range(60)], 50, 1), ([1, 2], 9, 1))
    k = np.arange(5)
    power = [0.0, -40.0, -41.0 - math.log(6) + 1e-3, -41.0 - math.log(6) - 1e-3, -80.0]
    heard = circle._is_heard(own, {0: np.exp(np.array(power) / 50) * 1j}, k)
    assert heard.tolist() == [True, True, True, False, False]
    assert circle._is_heard(own, {}, k).all()
    assert not circle._is_heard(own, {0: np.zeros(5, dtype=complex)}, k).any()


# ---------------------------------------------------------------- sums over peaks and circles


@pytest.mark.parametrize("side", [None, "lower", "upper"])
@pytest.mark.parametrize("h", [1, 2, 3])
def test_sums_over_peaks_are_sums_over_the_circle(h, side):
    """Taps on multiples of h and a rare one off them: the integrand has h peaks."""
    weights = {1: [1, 2, 3], 2: [3, 1e-4, 5, 0, 2], 3: [3, 1e-4, 0, 5, 0, 0, 2]}[h]
    own = law((weights, 20_000, 1))
    theta = 0.02 if side == "upper" else -0.02
    t = own.mean + round(float(tilt_of(own, theta).delta[0])) + 7
    tilt = sharpened(own, tilt_of(own, theta, t))
    period = period_of(own, tilt.theta, tilt.variance, side)
    comb, radius = peaks(own, tilt, circle_period(own, period, tilt.theta, side))
    assert comb.tolist() == [h]
    value, bound = circle._sum_peaks(own, tilt, period, radius, h, side)
    w = 2 * np.pi * np.arange(1 << 14) / (1 << 14)
    term = integrand(own, theta, w) * np.exp(-1j * w * t)
    if side:
        sign = 1 if side == "upper" else -1
        term /= 1 - np.exp(-sign * (theta + 1j * w))
    assert value[0] == pytest.approx(term.mean().real, abs=1e-11 * np.abs(term).mean())
    assert bound[0] == pytest.approx(np.abs(term).mean(), rel=1e-6, abs=0)


@pytest.mark.parametrize("side", [None, "lower", "upper"])
@pytest.mark.parametrize(
    "factors", [[([1, 0, 2, 0.5], 9, 1)], [([1 + j % 3 for j in range(60)], 2, 1), ([1, 2], 3, 1)]]
)
def test_sums_over_the_whole_circle(factors, side):
    own = law(*factors)
    theta = 0.07 if side == "upper" else -0.07
    for t in (own.mean, own.mean + 2):
        tilt = sharpened(own, tilt_of(own, theta, t))
        period = 2 * math.ceil(max(own.degree + 1, NEGLIGIBLE / 0.07) / 2)
        value, bound = circle._sum_circle(own, tilt, period, side)
        w = 2 * np.pi * np.arange(1 << 11) / (1 << 11)
        term = integrand(own, theta, w) * np.exp(-1j * w * t)
        if side:
            sign = 1 if side == "upper" else -1
            term /= 1 - np.exp(-sign * (theta + 1j * w))
        assert value[0] == pytest.approx(term.mean().real, abs=1e-13 * np.abs(term).mean())
        assert bound[0] == pytest.approx(np.abs(term).mean(), rel=0.02, abs=0)
        if factors[0][0] == [1, 0, 2, 0.5]:
            pair = tilt_of(own, [theta, theta], t)
            two, _ = circle._sum_circle(own, pair, period, side)
            assert two.tolist() == pytest.approx([value[0]] * 2, rel=1e-9, abs=0)


def test_points_that_have_no_peaks_and_too_long_a_period_are_refused(monkeypatch):
    own = law(([1, 0, 2, 0.5], 9, 1))
    tilt = tilt_of(own, [0.1, 0.2], 7)
    monkeypatch.setattr(circle, "_GRID_LIMIT", 30)
    out = np.zeros(2), np.zeros(2)
    circle._add_circles(own, tilt, np.array([28.0, 30.0]), np.array([0, 1]), None, out)
    assert (out[0] != 0).all()
    with pytest.raises(
        NoBellShape, match="fails at index 7: the integrand has neither few peaks nor a short"
    ):
        circle._add_circles(own, tilt, np.array([28.0, 31.0]), np.array([0, 1]), None, out)
    with pytest.raises(NoBellShape, match="index 14: some reason"):
        raise NoBellShape(law(([1, 0, 2, 0, 1], 9, 1)), 7, "some reason")


def test_circles_are_as_long_as_the_period_of_their_points(monkeypatch):
    asked = []
    monkeypatch.setattr(
        circle,
        "_sum_circle",
        lambda _, tilt, period, side: asked.append((len(tilt.theta), period)) or (1.0, 2.0),
    )
    out = np.zeros(3), np.zeros(3)
    narrow, wide = law(([1, 2, 3], 9, 1)), law(([1] * 60, 9, 1))
    circle._add_circles(
        narrow, tilt_of(narrow, [0.1] * 3), np.array([28.5, 99.0, 31.0]), np.array([0, 2]), None, out
    )
    assert asked == [(2, 32)]
    assert (out[0].tolist(), out[1].tolist()) == ([1, 0, 1], [2, 0, 2])
    asked.clear()
    circle._add_circles(
        wide, tilt_of(wide, [0.1] * 3), np.array([28.5, 99.0, 31.0]), np.array([0, 2]), None, out
    )
    assert asked == [(1, 30), (1, 32)]


def test_analytic_integrals_are_nan_where_one_peak_does_not_serve():
    two = law(([3, 1e-4, 5, 0, 2], 4000, 1))
    tilt = tilt_of(two, [0.0, 0.1])
    value, bound = circle.integral(two, tilt)
    assert (value > 0.4 * bound).all()
    assert np.isnan(circle.integral(two, tilt, analytic=True)[0]).all()
    one = law(([3, 1, 5], 4000, 1))
    tilt = tilt_of(one, [0.0, 0.1])
    assert (circle.integral(one, tilt, analytic=True)[0] == circle.integral(one, tilt)[0]).all()
    short = law(([3, 1, 5], 9, 1))
    assert np.isnan(circle.integral(short, tilt_of(short, [0.0]), analytic=True)[0]).all()


# ---------------------------------------------------------------- peaks


def test_periods():
    own = law(([1, 2, 3], 40, 1))
    variance = np.array([10.0, 20.0])
    for side, theta in ((None, np.array([1e-3, -1.0])), ("upper", np.array([1e-3, -1.0]))):
        found = period_of(own, theta, variance, side)
        b = 13.8 * 2
        alone = [b + math.sqrt(b * b + 2.02 * 41 * v) for v in (10, 20)]
        assert found.tolist() == pytest.approx([max(alone[0], 41e3 * bool(side)), alone[1]], rel=1e-12, abs=0)
        whole = circle_period(own, np.array([60.0, 90.0]), theta, side)
        assert whole.tolist() == [41e3 if side else 60, 81]


@pytest.mark.parametrize(
    ("factors", "theta"),
    [
        ([([1, 2, 3], 400, 1)], 0.0),
        ([([1, 0, 3, 0, 2], 5000, 1), ([1, 1e-3], 9, 1)], 0.1),
        ([([1, 2], 300, 1), ([5, 1], 70, 1)], -0.2),
        ([([1, 1e-3, 1e-3, 1], 500, 1)], 0.0),
    ],
)
def test_the_modulus_is_negligible_off_the_peaks(factors, theta):
    own = law(*factors)
    with np.errstate(all="ignore"):
        comb, radius = peaks(own, tilt_of(own, theta), np.array([own.degree + 1.0]))
    h, reach = int(comb[0]), float(radius[0])
    assert h >= 1
    w = np.linspace(0, np.pi, 20_001)
    distance = np.abs(w[:, None] - 2 * np.pi * np.arange(h + 1) / h).min(axis=1)
    modulus = np.abs(integrand(own, theta, w))
    assert modulus[distance > reach].max(initial=0) <= math.exp(-NEGLIGIBLE) * 1.01
    # and not much further: at half of it, it counts
    assert modulus[np.abs(w - 0.5 * reach).argmin()] > math.exp(-NEGLIGIBLE)
    # the formula: a pair alone, then all pairs together
    pairs = []
    for f, part in zip(own.taps, tilt_of(own, theta).parts, strict=True):
        for q, d in zip(part.q[:, 0], np.abs(part.d[:, 0]), strict=True):
            s = math.sqrt(0.5 * 41 / (f.n * q * part.q.max())) if d else math.inf
            if s < math.sin(math.pi / (2 * own.extent)):
                pairs.append((int(d), 2 * math.asin(s) / d))
    assert h == math.gcd(*(d for d, _ in pairs))
    alone = min(reach for _, reach in pairs)
    x = min(0.5 * own.extent * alone, math.pi / 2)
    spread = math.sqrt(2 * 41 / float(tilt_of(own, theta).variance[0])) * x / math.sin(x)
    assert reach == pytest.approx(min(alone, spread), rel=1e-9, abs=0)


def test_many_light_taps_are_one_peak_together():
    """Each pair is too light, all are not; of taps on even places there is a second peak, seen on a grid."""
    flat = law(([1] * 40, 400, 1))
    comb, radius = peaks(flat, tilt_of(flat, [0.0, 0.02]), np.full(2, 1e3))
    assert comb.tolist() == [1, 1]
    variance = tilt_of(flat, [0.0, 0.02]).variance
    np.testing.assert_allclose(radius, 1.1 * np.sqrt(2 * 41 / variance), rtol=1e-12)
    ridge = law(([1 + 1e-3 * (j % 2 == 0) for j in range(40)], 400, 1), ([1, 0, 1], 4, 1))
    assert peaks(ridge, tilt_of(ridge, 0.0), np.full(1, 1e3))[0].tolist() == [1]
    ridge = law(([1e-4 if j % 2 else 1 for j in range(40)], 400, 1))
    assert peaks(ridge, tilt_of(ridge, 0.0), np.full(1, 1e3))[0].tolist() == [0]
    few = law(([1] * 40, 300, 1))
    assert peaks(few, tilt_of(few, 0.0), np.full(1, 1e3))[0].tolist() == [0]


@pytest.mark.parametrize(
    "factors",
    [
        [([1, 2, 3], 4000, 1)],
        [([3, 1e-4, 5, 0, 2], 20_000, 1)],
        [([1] * 40, 400, 1), ([1, 2], 9, 1)],
    ],
)
def test_peaks_of_many_points_are_those_of_each(factors):
    own = law(*factors)
    tilt = tilt_of(own, [-2.0, -0.3, -0.01, 0.0, 0.02, 0.5, 9.0])
    whole = np.full(7, own.degree + 1.0)
    comb, radius = peaks(own, tilt, whole)
    for i in range(7):
        alone = peaks(own, tilt.take(np.array([i])), whole[:1])
        assert comb[i] == alone[0][0]
        if comb[i]:
            assert radius[i] == pytest.approx(alone[1][0], rel=1e-12, abs=0)


@pytest.mark.parametrize(("n", "alone"), [(400, True), (3000, True), (30, False)])
def test_wide_factors_have_one_peak_where_a_grid_proves_it(n, alone):
    """More than a thousand points up to pi: the grid is that of a transform."""
    own = law(([1 + j % 3 for j in range(300)], n, 1))
    tilt = tilt_of(own, [0.0, 0.001])
    single, reach = bounds._single_peak(own, tilt, np.full(2, own.degree + 1.0))
    assert single.tolist() == [alone, alone]
    if alone:
        w = np.linspace(float(reach.max()), np.pi, 5001)
        for theta in (0.0, 0.001):
            assert np.abs(integrand(own, theta, w)).max() <= math.exp(-NEGLIGIBLE)
        assert (reach * np.sqrt(tilt.variance) < 40).all()


def test_central_moments_are_those_of_the_taps():
    own = law(([1, 2, 3, 1], 5, 1))
    (part,) = tilt_of(own, [0.0, 0.4]).parts
    variance, fourth = bounds._central_moments(part)
    for i in range(2):
        q, y = part.q[:, i], part.d[:, i] - part.mean[i]
        assert (variance[i], fourth[i]) == pytest.approx((q @ y**2, q @ y**4), rel=1e-13, abs=0)


def test_moduli_on_grids_bound_the_modulus_between_their_points():
    own = law(([1 + j % 3 for j in range(60)], 90, 1), ([1, 2], 900, 3))
    shares = [f.share[:, 0] for f in own.taps]
    grids = list(bounds.moduli_on_grids(own, shares))
    deviations = [math.sqrt(float(f.variance) / f.power) for f in own.taps]
    assert [length for length, _ in grids] == [
        spectrum.fast_even_length(int(points * max(deviations)) + 2) for points in (16, 64)
    ]
    for length, moduli in grids:
        assert [len(m) for m in moduli] == [length // 2 + 1] * 2
        for f, found, deviation in zip(own.taps, moduli, deviations, strict=True):
            fine = np.linspace(-0.5, 0.5, 9)
            for k in (0, 1, 5, length // 4, length // 2):
                w = 2 * np.pi * (k + fine) / length
                modulus = np.abs(np.exp(1j * np.outer(w, f.x[:, 0])) @ f.share[:, 0])
                assert found[k] >= modulus.max() - 1e-15
                assert found[k] == pytest.approx(modulus[4] + deviation * math.pi / length, rel=1e-12, abs=0)
    assert [n for n, _ in bounds.moduli_on_grids(own, shares, grids[0][0])] == [grids[0][0]]
    assert list(bounds.moduli_on_grids(own, shares, grids[0][0] - 1)) == []
    few = law(([1] * 60, 3, 1))  # at pi / 16 each, and at pi / 64
    assert [n for n, _ in bounds.moduli_on_grids(few, [few.taps[0].share[:, 0]])] == []


def test_ends_of_wide_lobes_are_on_a_grid():
    own = law(([1 + j % 3 for j in range(100)], 200, 1))
    tilt = tilt_of(own, 0.0)
    end = bounds._end_of_wide(own, tilt, 0, 1 << 24)
    w = np.linspace(end, np.pi, 20_001)
    assert np.abs(integrand(own, 0.0, w)).max() <= math.exp(-NEGLIGIBLE)
    assert end * math.sqrt(own.variance) < 40
    assert bounds._end_of_wide(own, tilt, 0, 10) == np.pi


# ---------------------------------------------------------------- bulks


def test_widths_of_lobes():
    variance, fourth = np.array([2.0, 0.0, 1e-9]), np.array([20.0, 0.0, 1e-9])
    found = bulk.lobe_width(variance, fourth)
    assert found.tolist() == pytest.approx(
        [math.sqrt(12 / 32), math.pi, math.sqrt(6 / (1 + 3e-9))], rel=1e-12, abs=0
    )
    # 1 - |phi|^2 >= variance w^2 (1 - w^2 / 2 v^2) within the width
    q, y = np.array([0.2, 0.5, 0.3]), np.array([-2.0, 0.0, 5.0])
    y -= q @ y
    v = float(bulk.lobe_width(np.array(q @ y**2), np.array(q @ y**4)))
    w = np.linspace(0, v, 99)
    modulus = np.abs(np.exp(1j * np.outer(w, y)) @ q)
    assert (modulus**2 <= 1 - (q @ y**2) * w**2 * (1 - w**2 / 2 / v**2) + 1e-14).all()


def test_rungs_are_ever_wider_sets_around_the_median():
    q, y = np.array([1, 4, 8, 4, 2, 1]) / 20, np.array([-2.0, -1, 0, 1, 2, 5])
    found = bulk._rungs(7.0, q, y)
    sets = [(1, 4), (0, 5), (0, 5), (0, 6)]  # within 1, 2, 4 and 8 of the tap at 0
    assert len(found) == 4
    for rung, (first, last) in zip(found, sets, strict=True):
        own, x = q[first:last], y[first:last]
        share, mean = own.sum(), own @ x / own.sum()
        second, fourth = own @ (x - mean) ** 2 / share, own @ (x - mean) ** 4 / share
        assert rung.curvature == pytest.approx(7 * share**2 * second, rel=1e-12, abs=0)
        assert rung.width == pytest.approx(math.sqrt(6 * second / (fourth + 3 * second**2)), rel=1e-12, abs=0)
        assert rung.reach == np.abs(x).max()
    apart = bulk._rungs(7.0, np.array([1, 4, 8, 4]) / 17, np.array([-9.0, -3.0, 0.0, 3.0]))
    assert [rung.reach for rung in apart] == [3.0, 3.0, 9.0]  # within 4, 8 and 16, nothing within 1 and 2
    assert [i for i, _ in bulk.ladder([(7.0, q, y), (1.0, q, y)])] == [0] * 4 + [1] * 4
    assert bulk.ladder([(7.0, q, y)])[2] == (0, found[2])


def test_bulks_bound_the_power_of_the_modulus_at_every_tilt():
    weights = np.array([1, 4, 8, 4, 2, 1, 0, 0, 0.5])
    own = law((weights.tolist(), 3000, 1))
    (f,) = own.taps
    ((_, rung), *_) = bulk.ladder([(f.n, f.share[:, 0], f.centred[:, 0])])
    for theta in (0.0, 0.01, 0.05):
        mass = max(float(f.share[:, 0] @ np.exp(s * f.centred[:, 0])) for s in (theta, -theta))
        low, high = rung.negligible(theta, mass)
        w = np.linspace(low, high, 500)
        assert low < high
        for s in (theta, -theta, theta / 2):
            assert np.abs(integrand(own, s, w)).max() <= math.exp(-NEGLIGIBLE)
        curvature = rung.curvature * math.exp(-4 * theta * rung.reach) / mass**2
        assert low == pytest.approx(math.sqrt(82 / (0.595 * curvature)), rel=1e-12, abs=0)
        assert high == pytest.approx(0.9 * rung.width, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("intervals", "edge"),
    [
        ([], 3.0),
        ([(1.0, 2.0)], 3.0),
        ([(1.0, 3.0)], 1.0),
        ([(1.0, 4.0), (2.0, 3.5)], 1.0),
        ([(2.0, 3.5), (1.0, 2.0), (0.25, 0.5)], 1.0),
        ([(2.0, 3.5), (1.0, 2.5), (0.25, 1.0)], 0.25),
        ([(3.0, 9.0)], 3.0),
    ],
)
def test_edges_are_reached_without_a_gap(intervals, edge):
    for order in itertools.permutations(intervals):
        assert bulk.edge_of(list(order), 3.0) == edge


# ---------------------------------------------------------------- lobes


def bare(own):
    scale = 45 / math.sqrt(own.variance)
    lumps = tuple(Lumps.of(f.share[:, 0], f.centred[:, 0], scale) for f in own.taps)
    mean = sum(f.mean for f in own.taps)
    return Lobe((float(mean), float(mean - int(mean)) * 0), own.variance, tuple(f.n for f in own.taps), lumps)


WIDE = ([1 + j % 3 for j in range(80)], 20_000, 1)


def test_a_lobe_is_negligible_beyond_it_at_all_its_tilts():
    own = law(WIDE, ([1, 4], 90, 2))
    lobe = lobe_of(own)
    deviation = math.sqrt(own.variance)
    assert lobe.steepest_tilt == pytest.approx(20 / deviation, rel=1e-12, abs=0)
    assert lobe.steepest(own) == lobe.steepest_tilt
    w = np.linspace(lobe._inner_width, np.pi, 4001)
    for theta in np.linspace(-1, 1, 9) * lobe.steepest_tilt:
        assert np.abs(integrand(own, theta, w)).max() <= math.exp(-NEGLIGIBLE)
    assert lobe.powers == (20_000.0, 90.0)
    assert lobe.variance == own.variance
    assert lobe.edge == 0.0
    assert lobe_of(own) is lobe


def test_lobes_are_for_many_taps_that_are_whole():
    assert lobe_of(law(([1] * 47, 900, 1))) is None
    assert lobe_of(law(([1] * 48, 900, 1))) is not None
    assert lobe_of(law(([1] * 24, 900, 1), ([1] * 23 + [2], 900, 1))) is not None
    assert lobe_of(law(WIDE).corner(64, False)) is None
    assert lobe_of(law(([1] * 48, 3, 1))) is None


def test_variations_bound_the_change_of_a_tilt():
    for own in (
        law(([0.95**j for j in range(80)], 20_000, 1)),
        law(([0.95**j for j in range(80)][::-1], 20_000, 1)),
    ):
        check_variations(own)


def check_variations(own):
    (f,) = own.taps
    (lumps,) = bare(own).lumps
    p, y = f.share[:, 0], f.centred[:, 0]
    for theta in (1e-3, 0.02):
        found = lobes._variation(lumps, theta)
        sides = []
        for s in (theta, -theta):
            mass, twice = p @ np.exp(s * y), p @ np.exp(2 * s * y)
            sides.append(math.sqrt(twice / mass**2 - 1))
            q = p * np.exp(s * y) / mass
            assert np.abs(q - p).sum() <= found
        assert found == pytest.approx(max(sides), rel=1e-9, abs=0)
        assert bare(own)._is_alone(theta, [np.full(3, 0.9979 - found)])
        assert not bare(own)._is_alone(theta, [np.array([0.5, 0.998 - found])])


@pytest.mark.parametrize("side", [None, "lower", "upper"])
def test_logs_of_a_lobe_are_exact_and_nan_beyond_it(side):
    own = law(WIDE)
    lobe, deviation = lobe_of(own), math.sqrt(own.variance)
    z = np.array([-19.0, -3.0, -0.2, 0.3, 4.0, 18.0, 29.0, 31.0])
    t = np.rint(own.mean + z * deviation).astype(np.int64)
    with np.errstate(all="ignore"):
        found = lobe.logs(own, exact_pair(t), side)
        theirs = tails._integrated_tails(own, exact_pair(t), side)[0] if side else None
    assert np.isnan(found[-1]) or side
    seen = np.flatnonzero(~np.isnan(found))
    if side is None:
        assert seen.tolist()[:6] == [0, 1, 2, 3, 4, 5]
        tilt = solve(own, exact_pair(t[seen]))
        with np.errstate(all="ignore"):
            value, _ = circle.integral(own, sharpened(own, tilt))
            high, low = exponent(own, tilt)
        np.testing.assert_allclose(found[seen], high + low + np.log(value), rtol=1e-13, atol=1e-12)
    else:
        small = [i for i in seen if (z[i] > 0) == (side == "upper")]
        assert len(small) >= 2
        np.testing.assert_allclose(found[small], theirs[small], rtol=1e-13, atol=1e-12)


def test_a_lobe_narrower_than_it_may_be_shows_nothing():
    own = law(WIDE)
    lobe = lobe_of(own)
    t = exact_pair(np.array([own.mean, own.mean + 99]))
    assert not np.isnan(lobe.logs(own, t)).any()
    narrow = replace(lobe)
    narrow.__dict__["_inner_width"] = 10.0
    assert np.isnan(narrow.logs(own, t)).all()
    edged = replace(lobe, edge=1.2 * lobe._inner_width)
    edged.__dict__["_inner_width"] = 10.0
    np.testing.assert_allclose(edged.logs(own, t), lobe.logs(own, t), rtol=1e-13)


def test_lobes_are_read_in_batches(monkeypatch):
    own = law(WIDE)
    lobe = lobe_of(own)
    t = exact_pair(own.mean + 50 * np.arange(-4, 5))
    whole = lobe.logs(own, t)
    monkeypatch.setattr(lobes, "_BATCH", 1)
    np.testing.assert_allclose(lobe.logs(own, t), whole, rtol=1e-14)


# ---------------------------------------------------------------- tails

TAILS = {
    "three taps": [([1, 2, 3], 30, 1)],
    "steps": [([1, 2, 3], 25, 3)],
    "wide": [([1 + j % 3 for j in range(60)], 40, 1)],
}


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_tails_at_every_index_on_and_off_the_lattice(name, side):
    own, shares = law(*TAILS[name]), exact_shares(TAILS[name])
    last = len(shares) - 1
    t = np.array(
        [-3, -1, 0, 1, 2, 3, last // 3, last // 2, last // 2 + 1, last - 4, last - 1, last, last + 1]
    )
    found = tails.log_tail(own, t.reshape(1, -1), side)
    assert found.shape == (1, 13)
    for place, log in zip(t.tolist(), found[0].tolist(), strict=True):
        parts = shares[: max(place + 1, 0)] if side == "lower" else shares[max(place, 0) :]
        rest = shares[max(place + 1, 0) :] if side == "lower" else shares[: max(place, 0)]
        share = math.fsum(parts.tolist())
        if not len(parts):
            assert log == -math.inf
        elif not len(rest):
            assert log == 0.0
        elif share > 0.5:
            assert log == pytest.approx(math.log1p(-math.fsum(rest.tolist())), rel=1e-11, abs=1e-18)
        else:
            assert log == pytest.approx(math.log(share), rel=1e-13, abs=1e-12)
    with pytest.raises(ValueError, match="side must be 'lower' or 'upper', got 'both'"):
        tails.log_tail(own, t, "both")


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_many_tails_are_those_of_few(side):
    own = law(([1, 2, 3], 2300, 1))
    t = np.arange(0, own.degree + 1)
    with np.errstate(all="ignore"):
        many = tails._small_tails(own, t, side)
        some = t[np.r_[0, 1, 5, 300, 700, 2000, 3000, 3066, 3067, 3070, 4000, own.degree - 1, own.degree]]
        few = np.array([tails._small_tails(own, some[i : i + 1], side)[0] for i in range(len(some))])
    near = (some > own.mean) if side == "upper" else (some <= own.mean)
    np.testing.assert_allclose(many[some][near], few[near], rtol=1e-15, atol=1e-12)
    end = own.degree if side == "upper" else 0
    total = 2300 * MP.log(6)
    assert many[end] == pytest.approx(float((2300 * MP.log(3) if end else 0) - total), rel=1e-15, abs=0)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_tails_of_wide_laws_come_from_the_lobe(side):
    own = law(WIDE)
    sign = 1 if side == "upper" else -1
    t = exact_pair(own.mean + sign * np.array([1, 40, 900, 3000, 9000]))
    found, reach = tails._seen_tails(own, t, side)
    assert reach == 0
    seen = lobe_of(own).logs(own, t, side)
    near = ~np.isnan(seen)
    assert near.sum() >= 3
    assert found[near].tolist() == seen[near].tolist()
    np.testing.assert_allclose(found, tails._integrated_tails(own, t, side)[0], rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_tails_whose_integral_cancels_are_sums_of_coefficients(side, monkeypatch):
    product = [([1, 2, 3], 30, 1)]
    own, (row, _) = law(*product), exact_row(product)
    t = np.array([12, 14, 20]) if side == "lower" else np.array([45, 47, 52])
    found = tails._summed_tails(own, t, 60, side)
    for place, log in zip(t.tolist(), found.tolist(), strict=True):
        part = sum(row[: place + 1]) if side == "lower" else sum(row[place:])
        assert log == pytest.approx(float(MP.log(part) - 30 * MP.log(6)), rel=1e-13, abs=0)
    short = tails._summed_tails(own, t, 3, side)
    for place, log in zip(t.tolist(), short.tolist(), strict=True):
        begin = max(min(t.tolist()) - 3, 0)
        part = sum(row[begin : place + 1]) if side == "lower" else sum(row[place : max(t.tolist()) + 4])
        assert log == pytest.approx(float(MP.log(part) - 30 * MP.log(6)), rel=1e-13, abs=0)
    reach = int(t.max() - t.min()) + 3
    monkeypatch.setattr(tails, "_LONGEST_SUM", reach)
    tails._summed_tails(own, t, 3, side)
    monkeypatch.setattr(tails, "_LONGEST_SUM", reach - 1)
    with pytest.raises(
        NoBellShape, match=f"index {t[0]}: the integral of the tail cancels, and its sum is too long"
    ):
        tails._summed_tails(own, t, 3, side)
    monkeypatch.setattr(tails, "_LONGEST_SUM", 1 << 16)
    monkeypatch.setattr(tails, "_seen_tails", lambda *_: (np.full(3, np.nan), 60))
    np.testing.assert_allclose(tails._pointwise(own, t, side), found, rtol=1e-15)
