"""Rows by tilted windows step by step: what each step returns, against integers and 60 digits."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import check_relative, exact_row, exact_shares

import erfmath as em
from erfmath.core import windows
from erfmath.core.windows import UNIT, Factor, Hidden, Window

MP = mpmath.mp.clone()
MP.dps = 60

ONE = [([1, 2, 3, 1], 5, 1)]
TWO = [([1, 2, 3, 1], 9, 1), ([4, 1, 1.5], 7, 1)]
MANY = [([1, 2, 3, 1], 90, 1), ([4, 1, 1.5], 70, 1)]  # more factors than FEW
LONG = [([3, 1, 2] * 20, 40, 1), ([1, 2], 9, 1)]  # a row much longer than a window
TINY = [([1e-300, 1, 1e-290, 1e-200], 3, 1)]


def factors(product):
    return windows.factors_of(em.Product(product))


def tilted_row(product, theta):
    """The integers w_t 2^(theta t) of a row as shares of their sum, in 60 digits."""
    row, _ = exact_row(product)
    values = [MP.mpf(c) * MP.mpf(2) ** (MP.mpf(theta) * t) for t, c in enumerate(row)]
    total = MP.fsum(values)
    return [value / total for value in values]


def moments(shares):
    mean = MP.fsum(t * p for t, p in enumerate(shares))
    return mean, MP.fsum((t - mean) ** 2 * p for t, p in enumerate(shares))


# ---------------------------------------------------------------- factors


def test_factors_are_the_taps_between_the_zeros_at_the_ends():
    first, second = factors([([0, 0, 3, 5, 0], 4, 1), ([7], 9, 1), ([1, 2], 0, 1), ([2, 2], 1, 1)])
    assert (first.weights * 2.0**first.exponent).tolist() == [3, 5]
    assert (first.total, first.n) == (8, 4)
    assert first.x.tolist() == [0, 1]
    assert (second.weights * 2.0**second.exponent).tolist() == [2, 2]
    assert windows._length((first, second)) == 1 + 4 + 1
    assert windows._length(factors(TWO)) == 1 + 27 + 14


@pytest.mark.parametrize(
    "product",
    [
        [([1, 0, 2], 3, 1)],
        [([1, 2], 3, 2)],
        [([1, 2], 3, 1), ([1, 1], 1, 3)],
        [([1.0, 2.0**-1023], 3, 1)],
    ],
)
def test_gaps_steps_and_subnormal_taps_have_no_factors(product):
    assert factors(product) is None


def test_the_smallest_normal_tap_is_kept():
    assert len(factors([([0.75, 2.0**-1022], 3, 1)])) == 1
    assert windows.factors_of(em.Product([([[1, 2], [3, 4]], 2)])) is None


@pytest.mark.parametrize("theta", [0.0, 0.25, -1.5, 40.0, -3000.0, 700.25])
@pytest.mark.parametrize("weights", [[1, 2, 3, 1], [4, 1, 1.5], [1e-300, 1, 1e-290, 1e-200]])
def test_tilted_taps_are_powers_of_two_times_the_taps(weights, theta):
    (factor,) = factors([(weights, 3, 1)])
    values, exponent = factor.tilted(theta)
    assert 0.5 <= values.max() < 2
    for j, (value, weight) in enumerate(zip(values.tolist(), weights, strict=True)):
        truth = MP.mpf(weight) * MP.mpf(2) ** (MP.mpf(theta) * j - exponent)
        assert value == pytest.approx(float(truth), rel=1e-15, abs=1e-320)


@pytest.mark.parametrize("product", [ONE, TWO, LONG, TINY])
@pytest.mark.parametrize("theta", [0.0, 0.5, -2.25])
def test_moments_of_a_tilt_are_those_of_the_tilted_row(product, theta):
    mean, variance = windows._moments(factors(product), theta)
    expected = moments(tilted_row(product, theta))
    assert (mean, variance) == pytest.approx(tuple(map(float, expected)), rel=1e-12, abs=0)


@pytest.mark.parametrize("product", [ONE, TWO, MANY])
def test_a_tilt_is_near_its_goal_and_of_few_bits(product):
    made = factors(product)
    last = windows._length(made) - 1
    for goal in (0.01, 1.0, 0.3 * last, 0.5 * last, 0.9 * last, last - 0.01):
        theta = windows.tilt_to(made, goal)
        mean, variance = map(float, moments(tilted_row(product, theta)))
        assert abs(mean - goal) <= 0.1 * math.sqrt(variance) + 0.1 + 1e-4
        mantissa = math.frexp(theta)[0] * 2.0**22
        assert mantissa == round(mantissa)


def test_the_first_tilt_looked_at_is_none():
    made = factors(ONE)
    assert windows.tilt_to(made, windows._moments(made, 0.0)[0]) == 0.0


@pytest.mark.parametrize("product", [ONE, TWO, MANY])
@pytest.mark.parametrize("theta", [0.0, 0.75, -1.25])
def test_beyond_the_distance_chernoff_leaves_what_it_says(product, theta):
    made, shares = factors(product), tilted_row(product, theta)
    mean, variance = map(float, moments(shares))
    depth, slopes = 20.0, np.array([0.5, 1.0, 2.0, 3.0, 5.0]) / math.sqrt(variance)
    for sign in (1, -1):
        found = windows._quantile(made, theta, mean, sign * slopes, depth)
        bounds = [
            (
                MP.log(MP.fsum(p * MP.mpf(2) ** (sign * s * (t - mean)) for t, p in enumerate(shares)), 2)
                + depth
            )
            / s
            for s in slopes.tolist()
        ]
        assert found == pytest.approx(float(min(bounds)), rel=1e-9, abs=0)
        beyond = [p for t, p in enumerate(shares) if sign * (t - mean) >= found]
        assert sum(beyond) <= 2.0**-depth


@pytest.mark.parametrize("product", [ONE, TWO, TINY])
@pytest.mark.parametrize("theta", [0.0, 0.75, -1.25])
def test_chernoffs_bound_of_a_share_and_all_beyond(product, theta):
    row, _ = exact_row(product)
    total = sum(row)
    mass = MP.fsum(MP.mpf(c) * MP.mpf(2) ** (MP.mpf(theta) * t) for t, c in enumerate(row)) / total
    for t in (0, 3, len(row) - 1):
        bound = windows._log2_bound(factors(product), theta, t)
        assert bound == pytest.approx(float(MP.log(mass, 2) - theta * t), rel=1e-12, abs=1e-11)


# ---------------------------------------------------------------- transforms


@pytest.mark.parametrize("side", [3, 4, 7, 60])
def test_folded_shares_are_sums_of_every_side_th(side):
    share = np.arange(1.0, 8.0)
    found = windows._folded(share, side)
    assert found.dtype == float
    assert found.tolist() == [share[m::side].sum() for m in range(side)]


PARTS = [(np.array([1, 2, 3, 1]) / 7, 90), (np.array([4, 1, 1.5]) / 6.5, 70)]


def phi(share, m, side):
    return MP.fsum(
        MP.mpf(p) * MP.expjpi(MP.mpf(2) * (m * j % side) / side) for j, p in enumerate(share.tolist())
    )


def test_few_factors_are_powers_of_transforms():
    parts = [(share, n // 10) for share, n in PARTS]
    spectrum, base, roundings = windows._spectrum(parts, 50)
    assert (base, roundings, len(spectrum)) == (0, 16 + 4, 26)
    for m in (0, 1, 7, 25):
        found = complex(spectrum[m])
        truth = MP.fprod(phi(share, m, 50) ** n for share, n in parts)
        assert abs(MP.conj(truth) - found) <= 20 * UNIT * abs(truth) + 1e-17


def test_many_factors_are_taken_about_their_means_each_with_its_roundings():
    side = 500
    spectrum, base, roundings = windows._spectrum(PARTS, side)
    means = [float(share @ np.arange(len(share))) for share, _ in PARTS]
    origins = [round(mean) for mean in means]
    assert origins == [2, 1]
    assert base == 2 * 90 + 70
    for m in range(side // 2 + 1):
        truth = MP.fprod((phi(share, m, side) / MP.fsum(share.tolist())) ** n for share, n in PARTS)
        size = float(abs(truth))
        truth *= MP.expjpi(MP.mpf(-2) * m * base / side)
        if size < 2.0**-60:
            assert (spectrum[m], roundings[m]) == (0, 8)
            continue
        expected = 8.0
        for (share, n), origin in zip(PARTS, origins, strict=True):
            angles = [2 * math.pi / side * m * (j - origin) for j in range(len(share))]
            angles = [(angle + math.pi) % (2 * math.pi) - math.pi for angle in angles]
            mean = sum(p * a for p, a in zip(share.tolist(), angles, strict=True))
            square = sum((p * a) ** 2 for p, a in zip(share.tolist(), angles, strict=True))
            expected += n * (abs(mean) + 2 * math.sqrt(square))
        assert roundings[m] == pytest.approx(expected, rel=1e-9, abs=0)
        assert abs(MP.conj(truth) - complex(spectrum[m])) <= roundings[m] * UNIT * size


def test_frequencies_of_many_taps_come_in_blocks(monkeypatch):
    at, share = np.arange(23), PARTS[0][0]
    whole = windows._log_phi(share, 2, at, 97)
    monkeypatch.setattr(windows, "_BLOCK", 20)
    blocks = windows._log_phi(share, 2, at, 97)
    for found, expected in zip(blocks, whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-17)
    for m, log in zip(at.tolist(), whole[0].tolist(), strict=True):
        truth = phi(share, m, 97) * MP.expjpi(MP.mpf(-4) * m / 97)
        assert abs(MP.exp(MP.mpc(log)) - truth) < 1e-15


def test_what_would_take_too_many_sines_is_a_power_of_transforms(monkeypatch):
    monkeypatch.setattr(windows, "_MOST_TURNS", 10)
    spectrum, base, roundings = windows._spectrum(PARTS, 500)
    assert (base, roundings) == (0, 164)
    truth = MP.conj(MP.fprod(phi(share, 3, 500) ** n for share, n in PARTS))
    assert abs(truth - complex(spectrum[3])) <= 164 * UNIT


@pytest.mark.parametrize("length", [1, 2, 3, 8, 37])
def test_sums_to_twice_the_precision(length):
    draw = np.random.default_rng(length)
    values = draw.random(length) * 10.0 ** draw.integers(-12, 3, length)
    exact = sum(map(Fraction, values.tolist()))
    assert abs(windows._sum(values) - exact) <= exact / 2**100


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("theta", [0.0, 0.75, -0.5])
@pytest.mark.parametrize("product", [ONE, TWO, MANY, LONG])
def test_a_window_shows_the_tilted_row_within_its_error(product, theta):
    row, _ = exact_row(product)
    shares, made = tilted_row(product, theta), factors(product)
    mean, variance = map(float, moments(shares))
    view = windows.window(made, theta)
    last = view.start + len(view.values) - 1
    if len(row) > 100:
        reach = math.floor(4 * math.sqrt(variance))
        assert (view.start, last) == (round(mean) - reach, round(mean) + reach)
    else:
        assert (view.start, last) == (0, len(row) - 1)
    for t, value in enumerate(view.values.tolist(), view.start):
        if 0 <= t < len(row):
            assert abs(MP.mpf(value) - shares[t]) <= view.error
    side, _, _ = windows._extent(made, theta)
    parts = [(v / v.sum(), f.n) for f in made for v in (f.tilted(theta)[0],)]
    spectrum, _, roundings = windows._spectrum(parts, side)
    half = float((np.abs(spectrum) * roundings).sum())
    assert view.error == pytest.approx(UNIT * max(2 * half / side, 8 * float(max(shares))), rel=1e-6, abs=0)
    at = np.flatnonzero(view.values * windows.TRUST >= view.error)
    assert len(at) > 5
    total = sum(row)
    truth = [Fraction(row[t], total) for t in (view.start + at).tolist()]
    check_relative(view.shares(at), truth, bound=windows.TRUST)


def test_shares_beyond_all_floats_are_zeros_and_not_errors():
    view = Window(1.0, 0, np.ones(3), 0.0, (0.5, -1800))
    assert view.shares(np.array([0, 2])).tolist() == [0, 0]
    view = Window(2.0, 10, np.array([1.0, 3.0, 1.0]), 0.0, (0.5, 20))
    assert view.shares(np.array([1, 2])).tolist() == [3 * 0.5 * 2.0 ** (20 - 22), 0.5 * 2.0 ** (20 - 24)]


@pytest.mark.parametrize("theta", [0.0, 0.02])
def test_the_extent_is_short_where_the_row_is_long_and_nothing_wraps_into_it(theta):
    made, shares = factors(LONG), tilted_row(LONG, theta)
    variance = float(moments(shares)[1])
    side, first, last = windows._extent(made, theta)
    deviation = math.sqrt(variance)
    assert last - first == 2 * math.floor(4 * deviation)
    assert side < 20 * deviation
    wrapped = [p for t, p in enumerate(shares) if t >= first + side or t <= last - side]
    assert sum(wrapped) * (1 + deviation) <= 2 * 2.0**-65
    assert windows._extent(factors(ONE), theta) == (16, 0, 15)


# ---------------------------------------------------------------- the row


def test_entries_are_written_down_once_and_only_where_they_are_right():
    values, seen = np.zeros(6), np.zeros(6, dtype=bool)
    seen[3], values[3] = True, 7.0
    small = 1e-13
    view = Window(
        0.0, -1, np.array([5.0, 1.0, small, 2.0, 2.0, 3.0, -4.0]), small * windows.TRUST * 1.5, (0.5, 1)
    )
    windows._accept(view, values, seen)
    assert values.tolist() == [1, 0, 2, 7, 3, 0]
    assert seen.tolist() == [True, False, True, True, True, False]
    view = Window(0.0, 4, np.array([9.0, small, 8.0]), small * windows.TRUST, (0.5, 1))
    windows._accept(view, values, seen)
    assert values.tolist() == [1, 0, 2, 7, 3, small]
    assert seen.all() == seen[1]


@pytest.mark.parametrize(
    "product",
    [
        ONE,
        TWO,
        [([1, 2, 3, 4, 5] * 10, 60, 1)],
        [([5, 4, 3, 2, 1] * 10, 60, 1), ([1, 9], 11, 1)],
        [([1, 2, 4, 2, 1] * 3, 200, 1)],
    ],
)
def test_rows_by_windows_are_exact_integers(product):
    check_relative(windows.row(factors(product)), exact_shares(product), bound=5e-13)


def test_each_side_is_filled_by_windows_that_follow_one_another(monkeypatch):
    goals = []
    made = factors(LONG)
    real = windows.tilt_to
    monkeypatch.setattr(windows, "tilt_to", lambda f, goal: goals.append(goal) or real(f, goal))
    row = windows.row(made)
    check_relative(row, exact_shares(LONG), bound=5e-13)
    mean = math.floor(windows._moments(made, 0.0)[0])
    turn = next(i for i, goal in enumerate(goals) if i and goal == mean)
    assert goals[0] == mean
    assert min(goals[:turn]) == max(goals[turn:]) == mean
    assert len(goals) <= 24


def test_a_symmetric_row_is_filled_on_one_side(monkeypatch):
    sides = []
    real = windows._fill
    monkeypatch.setattr(windows, "_fill", lambda *args: sides.append(args[3]) or real(*args))
    for product in ([([1, 5, 1], 40, 1)], [([1, 5, 2], 40, 1)], [([1, 1], 9, 1), ([1, 2], 9, 1)]):
        check_relative(windows.row(factors(product)), exact_shares(product), bound=5e-13)
    assert sides == [1, 1, -1, 1, -1]


def test_a_coefficient_that_no_tilt_shows_is_named():
    weights = [1.0 if j % 7 == 0 else 1e-30 for j in range(64)]
    with pytest.raises(Hidden, match=r"the coefficient \d+ lies too far below its neighbours"):
        windows.row(factors([(weights, 7, 1)]))


def test_lumps_of_a_wide_kernel_have_its_moments():
    size = 5000
    factor = Factor(np.ones(size), 0, Fraction(size), 4)
    mean, variance = windows._moments((factor,), 0.0)
    assert (mean, variance) == pytest.approx((2 * (size - 1), 4 * (size**2 - 1) / 12), rel=1e-5, abs=0)
    x, logs = factor.coarse
    assert len(x) <= 4 * 900
    assert np.exp2(logs).sum() == pytest.approx(size, rel=1e-12, abs=0)
    assert x[:590].tolist() == list(range(590))
    assert x[-590:].tolist() == list(range(size - 590, size))
