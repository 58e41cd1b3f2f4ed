"""Laws of contour integrals, their corners, tilts and edges, each against exact rationals and 60 digits."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row, log_of

import erfmath as em
from erfmath.core.saddle import edges, points, tilt as tilts
from erfmath.core.saddle.integral import NoBellShape
from erfmath.core.saddle.law import law_of
from erfmath.core.saddle.tilt import Tilt, exact_pair, solve, tilted

MP = mpmath.mp.clone()
MP.dps = 60

PRODUCTS = {
    "one": [([0, 3, 0, 1, 2, 0], 30, 2)],
    "two": [([1, 2, 3, 1], 20, 1), ([5, 0, 1], 9, 3), ([7], 4, 1), ([0, 2], 3, 1), ([1, 1], 0, 5)],
    "symmetric": [([2, 5, 2], 11, 1), ([1, 0, 1], 6, 1)],
    "fractions": [([Fraction(1, 3), Fraction(1, 7), Fraction(5, 2)], 8, 3)],
    "wide": [([3 + j % 5 for j in range(450)], 2, 1)],
}


def exact_law(product):
    """(shares from the first to the last that is not 0, in steps of the span, the span)."""
    row, _ = exact_row(product)
    inside = [t for t, c in enumerate(row) if c]
    span = math.gcd(*(t - inside[0] for t in inside))
    total = sum(row)
    return [Fraction(c, total) for c in row[inside[0] : inside[-1] + 1 : span]], span


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_law_knows_its_lattice_and_its_moments(name):
    product = PRODUCTS[name]
    law, (shares, span) = law_of(em.Product(product)), exact_law(product)
    mean = sum(t * p for t, p in enumerate(shares))
    variance = sum(t * t * p for t, p in enumerate(shares)) - mean**2
    assert (law.span, law.degree, law.mean) == (span, len(shares) - 1, round(mean))
    assert law.variance == pytest.approx(float(variance), rel=1e-14, abs=0)
    assert law.is_whole
    assert law.is_palindrome == (shares == shares[::-1])
    wide = [(weights, n, step) for weights, n, step in product if n and sum(map(bool, weights)) > 1]
    assert [f.power for f in law.taps] == [n for _, n, _ in wide]
    longest, most = 0, 1
    for f, (weights, n, step) in zip(law.taps, wide, strict=True):
        places = [j for j, w in enumerate(weights) if w]
        steps = [(j - places[0]) * step // span for j in places]
        exact = [Fraction(weights[j]) for j in places]
        assert f.steps.tolist() == steps
        assert [Fraction(w) for w in f.weights] == exact
        own = sum(w * x for w, x in zip(exact, steps, strict=True)) / sum(exact)
        square = sum(w * x * x for w, x in zip(exact, steps, strict=True)) / sum(exact)
        assert (f.mean, f.variance) == (n * own, n * (square - own**2))
        np.testing.assert_allclose(f.share[:, 0], [float(w / sum(exact)) for w in exact], rtol=1e-14)
        assert f.centred[:, 0].tolist() == pytest.approx(
            [float(x - own) for x in steps], rel=1e-12, abs=1e-13
        )
        assert (f.n, f.x[:, 0].tolist()) == (n, steps)
        for j in (0, len(steps) // 2, len(steps) - 1):
            log = MP.mpf(f.log_high[j]) + MP.mpf(f.log_low[j])
            assert abs(log - log_of(exact[j] / sum(exact))) < 1e-27
            assert MP.mpf(f.ends[0][j]) + MP.mpf(f.ends[1][j]) == n * steps[j]
        longest, most = max(longest, steps[-1]), max(most, len(steps))
    assert (law.extent, law.chunk) == (longest, max(16, 2**16 // (8 * most)))
    total = sum((n * log_of(sum(map(Fraction, weights))) for weights, n, _ in product), MP.mpf(0))
    assert abs(MP.mpf(law.log_total[0]) + MP.mpf(law.log_total[1]) - total) < 1e-27 * (1 + abs(total))


def test_a_law_in_literal_numbers():
    """What every reading starts from: quick, so that it is among the first tests of a change."""
    product = em.Product([([5, 0, 1], 9, 3), ([0, 2, 1, 1], 2, 2), ([1, 1], 0, 7), ([3], 4, 1)])
    law = law_of.__wrapped__(product)
    first, second = law.taps
    assert (law.span, law.degree, law.extent, law.chunk) == (2, 31, 3, 2730)
    assert (first.power, first.steps.tolist(), first.weights) == (9, [0, 3], (5, 1))
    assert (second.power, second.steps.tolist(), second.weights) == (2, [0, 1, 2], (2, 1, 1))
    assert (first.mean, first.variance) == (Fraction(27, 6), Fraction(9 * 45, 36))
    assert (second.mean, second.variance) == (Fraction(3, 2), Fraction(11, 8))
    assert (law.mean, law.variance, law.is_whole) == (6, 11.25 + 1.375, True)
    assert first.log_high.tolist() == pytest.approx([math.log(5 / 6), math.log(1 / 6)], rel=1e-15, abs=0)
    assert law.log_total[0] == pytest.approx(
        9 * math.log(6) + 6 * math.log(2) * 2 / 3 + 4 * math.log(3), rel=1e-15
    )
    assert not law.is_palindrome
    assert (first.n, second.x.tolist()) == (9.0, [[0], [1], [2]])
    assert second.centred[:, 0].tolist() == [-0.75, 0.25, 1.25]
    assert second.share[:, 0].tolist() == pytest.approx([0.5, 0.25, 0.25], rel=1e-15, abs=0)
    assert (first.ends[0].tolist(), first.ends[1].tolist()) == ([0, 27], [0, 0])
    made = tilted(law, np.array([0.0]), exact_pair(np.array([8])))
    assert made.base[0].tolist() == [-8.0]
    assert made.delta.tolist() == pytest.approx([6.0 - 8], rel=1e-14)
    assert made.variance.tolist() == pytest.approx([12.625], rel=1e-14)
    found = solve(law, exact_pair(np.array([8])))
    assert abs(found.delta[0]) <= 0.05 * math.sqrt(found.variance[0])
    high, low = tilts.exponent(law, found)
    theta = found.theta.item()
    mass = 9 * math.log((5 + math.exp(3 * theta)) / 6)
    mass += 2 * math.log((2 + math.exp(theta) + math.exp(2 * theta)) / 4)
    assert high + low == pytest.approx(mass - 8 * theta, rel=1e-13, abs=0)


def test_a_law_of_one_point():
    law = law_of(em.Product([([0, 5], 9, 1)]))
    assert (law.taps, law.span, law.degree, law.extent, law.mean, law.variance) == ((), 1, 0, 0, 0, 0)
    assert law.chunk == 2**13


def test_points_are_taken_in_chunks_that_stay_in_the_cache():
    sizes = {k: law_of(em.Product([([1] * k, 9, 1)])) for k in (2, 511, 600)}
    assert [law.chunk for law in sizes.values()] == [4096, 16, 16]
    assert [law.corner(400, True).chunk for law in (sizes[511], sizes[600])] == [16, 16]
    assert law_of(em.Product([([1] * 455, 9, 1)])).chunk == 18


def test_laws_have_one_axis_no_negative_weight_and_a_degree_below_two_to_the_62():
    for bad in (em.Product([([1, -1], 3)]), em.Product([([[1, 1], [1, 1]], 3)])):
        with pytest.raises(ValueError, match="one axis and no negative weight; use method='direct'"):
            law_of(bad)
    most = em.Product([([1, 0, 0, 0, 0, 1], 10**15, 900)])
    assert law_of(most).degree == 10**15
    with pytest.raises(ValueError, match=r"the degree 5000000000000000000 is too large .* below 2\*\*62"):
        law_of(em.Product([([1, 0, 0, 0, 0, 1], 10**15, 1000)]))


@pytest.mark.parametrize("name", PRODUCTS)
def test_tilts_beyond_the_range_leave_the_outermost_taps_alone(name):
    law = law_of(em.Product(PRODUCTS[name]))
    low, high = law.theta_range
    falls, rises = [], []
    for f in law.taps:
        logs, x = f.log_high.tolist(), f.steps.tolist()
        rises += [(log - logs[0]) / (j - x[0]) for log, j in zip(logs[1:], x[1:], strict=True)]
        falls += [(log - logs[-1]) / (x[-1] - j) for log, j in zip(logs[:-1], x[:-1], strict=True)]
    assert low == pytest.approx(-max(*rises, 0.0) - 45, rel=1e-14, abs=0)
    assert high == pytest.approx(max(*falls, 0.0) + 45, rel=1e-14, abs=0)


@pytest.mark.parametrize("name", PRODUCTS)
def test_tables_of_tilted_means_start_the_search(name):
    law = law_of(em.Product(PRODUCTS[name]))
    theta, logit = law.starts
    assert (theta[0], theta[-1]) == law.theta_range
    assert (np.diff(theta) >= 0).all()
    assert len(theta) == 160 + 81 + 2 * 60
    for wanted in (np.sinh(-2.5), np.sinh(2.5), 0.03 / law.extent, -0.03 / law.extent, 1.0, -1.0):
        assert np.abs(theta - wanted).min() < 1e-12
    for i in range(0, len(theta), 45):
        below = above = MP.mpf(0)
        for f in law.taps:
            q = [
                MP.exp(log + MP.mpf(theta[i]) * x)
                for log, x in zip(f.log_high.tolist(), f.steps.tolist(), strict=True)
            ]
            below += f.power * MP.fdot(q, f.steps.tolist()) / MP.fsum(q)
            above += f.power * MP.fdot(q, (f.steps[-1] - f.steps).tolist()) / MP.fsum(q)
        exact = float(MP.log(below / above))
        lumped = any(len(f.steps) > 400 for f in law.taps)
        assert logit[i] == pytest.approx(exact, abs=0.1 if lumped else 1e-9, rel=1e-3 if lumped else 1e-12)


def test_lumps_are_single_taps_at_both_ends():
    (f,) = law_of(em.Product([([1] * 400, 3, 1)])).taps
    assert len(f.coarse[0]) == 400
    (f,) = law_of(em.Product([([1] * 4001, 3, 1)])).taps
    places, logs = (column[:, 0] for column in f.coarse)
    assert places[:100].tolist() == list(range(100))
    assert places[-100:].tolist() == list(range(3901, 4001))
    assert 300 < len(places) < 800
    assert np.exp(logs).sum() == pytest.approx(1, rel=1e-12, abs=0)
    sizes = np.round(np.exp(logs) * 4001)
    assert sizes.max() < 70  # of 300 a side from 100 on, each 1 % longer than the one before
    assert places.tolist() == pytest.approx(places[::-1].tolist() * -np.ones(len(places)) + 4000, abs=70)


@pytest.mark.parametrize("mirrored", [False, True])
def test_corners_are_laws_of_the_taps_near_an_end(mirrored):
    weights = [3, 1, *range(2, 400)]
    law = law_of(em.Product([(weights, 100, 1), ([1, 1], 7, 3)]))
    corner = law.corner(65, mirrored)
    assert corner is law.corner(128, mirrored)
    assert corner is not law.corner(129, mirrored)
    near = (weights[::-1] if mirrored else weights)[:129]
    wide, narrow = corner.taps
    assert (wide.power, wide.steps.tolist(), list(wide.weights)) == (100, list(range(129)), near)
    assert narrow.steps.tolist() == [0, 3]
    total = Fraction(sum(weights))
    for j in (0, 1, 128):
        log = MP.mpf(wide.log_high[j]) + MP.mpf(wide.log_low[j])
        assert abs(log - log_of(near[j] / total)) < 1e-27
    mean = Fraction(sum(j * w for j, w in enumerate(near)), sum(near))
    square = Fraction(sum(j * j * w for j, w in enumerate(near)), sum(near)) - mean**2
    assert float(wide.mean) == pytest.approx(float(100 * mean), rel=1e-14, abs=0)
    assert float(wide.variance) == pytest.approx(float(100 * square), rel=1e-12, abs=0)
    assert (corner.degree, corner.extent, corner.span) == (100 * 128 + 21, 128, 1)
    assert corner.mean == round(float(100 * mean + Fraction(21, 2)))
    assert corner.variance == pytest.approx(float(100 * square) + 7 * 9 / 4, rel=1e-12, abs=0)
    assert corner.chunk == max(16, 2**16 // (8 * 129))
    assert not corner.is_whole
    assert corner.log_total == (0.0, 0.0)


@pytest.mark.parametrize(("reach", "length"), [(1, 64), (2, 64), (64, 64), (65, 128), (300, 512)])
def test_corners_have_lengths_of_powers_of_two(reach, length):
    law = law_of(em.Product([([1] * 2000, 9, 1)]))
    assert law.corner(reach, False).extent == length
    assert law_of(em.Product([([1] * 70, 9, 1), ([1, 1], 9, 65)])).corner(reach, True) is (
        None if length < 65 else law_of(em.Product([([1] * 70, 9, 1), ([1, 1], 9, 65)])).corner(reach, True)
    )


# ---------------------------------------------------------------- tilts


def test_integers_are_exact_as_two_floats():
    numbers = np.array([0, 1, 2**53 + 1, -(2**60) - 7, 2**61 + 2**7 + 1])
    high, low = exact_pair(numbers)
    assert high.dtype == low.dtype == float
    assert [int(h) + int(rest) for h, rest in zip(high, low, strict=True)] == numbers.tolist()


def test_a_tilt_holds_the_taps_about_the_dominant_ones():
    law = law_of(em.Product([([1, 2, 3], 5, 1), ([4, 1], 2, 2)]))
    theta = np.array([0.0, -2.0])
    t = exact_pair(np.array([7, 3]))
    made = tilted(law, theta, t)
    for i, s in enumerate(theta.tolist()):
        base, delta, variance = -int(t[0][i]), 0.0, 0.0
        for f, part, weights in zip(law.taps, made.parts, ([1, 2, 3], [4, 1]), strict=True):
            q = np.array(weights) * np.exp(s * f.steps)
            q /= q.sum()
            top = int(q.argmax())
            d = f.steps - f.steps[top]
            assert part.top[i] == top
            np.testing.assert_allclose(part.q[:, i], q, rtol=1e-14)
            assert part.d[:, i].tolist() == d.tolist()
            assert part.mean[i] == pytest.approx(q @ d, rel=1e-14, abs=1e-15)
            base += f.power * int(f.steps[top])
            delta += f.power * (q @ d)
            variance += f.power * (q @ d**2 - (q @ d) ** 2)
        assert made.base[0][i] + made.base[1][i] == base
        assert made.delta[i] == pytest.approx(delta + base, rel=1e-13, abs=0)
        assert made.variance[i] == pytest.approx(variance, rel=1e-13, abs=0)
    some = made.take(np.array([1]))
    assert (some.theta.tolist(), some.t[0].tolist(), some.t[1].tolist()) == ([-2.0], [3.0], [0.0])
    assert (some.delta[0], some.variance[0], some.base[0][0]) == (
        made.delta[1],
        made.variance[1],
        made.base[0][1],
    )
    for part, one in zip(made.parts, some.parts, strict=True):
        assert one.q.tolist() == part.q[:, 1:].tolist()
        assert one.d.tolist() == part.d[:, 1:].tolist()
        assert (one.top.tolist(), one.mean.tolist()) == (part.top[1:].tolist(), part.mean[1:].tolist())


def bare(delta, variance, base):
    nothing = np.zeros(len(delta))
    return Tilt(
        nothing, (nothing, nothing), [], (np.array(base), nothing), np.array(delta), np.array(variance)
    )


def test_close_is_a_twentieth_of_a_deviation_or_what_round_off_leaves():
    found = tilts._is_close(
        bare(
            delta=[0.01, 0.0101, 5.0, 5.01, -5.0, 0.5, 0.51, 1.6, 1.7],
            variance=[0.0, 0.0, 1e4, 1e4, 1e4, 1e4, 1e4, 1e8, 1e8],
            base=[0.0, 0.0, 0.0, 0.0, 9.0, 999999.0, -999999.0, 3.1e9, -3.1e9],
        )
    )
    assert found.tolist() == [True, False, True, False, True, True, False, True, False]


def test_newtons_step_is_exact_for_binomial_laws():
    """log(mean / (n - mean)) of (1 + z)^n is theta."""
    law = law_of(em.Product([([1, 1], 1000, 1)]))
    for t in (1, 200, 500, 980):
        theta = np.array([0.3, -1.5])
        made = tilted(law, theta, exact_pair(np.array([t, t])))
        left, right = np.full(2, float(t)), np.full(2, 1000.0 - t)
        step = tilts._newton_step(made, left, right)
        np.testing.assert_allclose(theta - step, math.log(t / (1000 - t)), rtol=1e-12, atol=1e-13)
    for gone in (-3.0, 9.0):  # a mean that round-off moves onto an end
        lost = bare(delta=[gone], variance=[1.0], base=[0.0])
        step = tilts._newton_step(lost, np.array([3.0]), np.array([9.0]))
        assert math.copysign(1, step[0]) == math.copysign(1, gone)
    lost = bare(delta=[-3.0], variance=[1.0], base=[0.0])
    assert np.isfinite(tilts._newton_step(lost, np.array([3.0]), np.array([9.0]))).all()


@pytest.mark.parametrize("name", PRODUCTS)
def test_saddles_are_found_in_few_steps(name, monkeypatch):
    law, seen = law_of(em.Product(PRODUCTS[name])), []
    real = tilts.tilted
    monkeypatch.setattr(tilts, "tilted", lambda *args: seen.append(1) or real(*args))
    t = np.unique(np.linspace(1, law.degree - 1, 23).astype(int))
    found = solve(law, exact_pair(t))
    assert (np.abs(found.delta) <= np.maximum(0.05 * np.sqrt(found.variance), 0.01)).all()
    assert (found.t[0].tolist(), len(seen)) == (t.tolist(), pytest.approx(3, abs=3))


def bad_start(law):
    """The law with a table of starts that says 0 for all means."""
    law.__dict__["starts"] = (np.zeros(2), np.array([-1e9, 1e9]))
    return law


@pytest.mark.parametrize("name", PRODUCTS)
def test_saddles_are_found_from_a_bad_start(name, monkeypatch):
    law, seen = bad_start(law_of.__wrapped__(em.Product(PRODUCTS[name]))), []
    real = tilts.tilted
    monkeypatch.setattr(tilts, "tilted", lambda *args: seen.append(1) or real(*args))
    t = np.unique(np.linspace(1, law.degree - 1, 23).astype(int))
    found = solve(law, exact_pair(t))
    assert (np.abs(found.delta) <= np.maximum(0.05 * np.sqrt(found.variance), 0.01)).all()
    assert 1 < len(seen) < 12
    for i in (0, len(t) - 1):
        alone = solve(law, exact_pair(t[i : i + 1]))
        assert alone.theta[0] == pytest.approx(found.theta[i], rel=1e-9, abs=0)


def test_steps_that_leave_the_bracket_are_replaced_by_its_middle(monkeypatch):
    law = bad_start(law_of.__wrapped__(em.Product([([1, 2, 3, 1], 50, 1)])))
    asked, real = [], tilts.tilted
    t = exact_pair(np.array([140]))
    monkeypatch.setattr(
        tilts, "tilted", lambda law, theta, t: asked.append(theta.item()) or real(law, theta, t)
    )
    low, high = law.theta_range
    for step in (1e9, -1e9):
        asked.clear()
        monkeypatch.setattr(tilts, "_newton_step", lambda *_, step=step: np.array([step]))
        found = solve(law, t)
        assert abs(found.delta[0]) <= max(0.05 * math.sqrt(found.variance[0]), 0.01)
        assert len(asked) > 4
        below, above = low, high
        for before, new in itertools.pairwise(asked):
            if real(law, np.array([before]), t).delta > 0:
                above = before
            else:
                below = before
            assert new == pytest.approx((below + above) / 2, rel=1e-12, abs=0)


# ---------------------------------------------------------------- edges


def test_recurrences_reach_as_far_as_all_powers_and_sums_as_far_as_they_are_cheap():
    law = law_of(em.Product([([1, 2, 3], 5000, 1), ([1, 1], 300, 1)]))
    assert [edges.is_cheap(law, t) for t in (299, 300, 301)] == [True, True, False]
    long = law_of(em.Product([([1, 2, 3], 5000, 1)]))
    assert [edges.is_cheap(long, t) for t in (4096, 4097)] == [True, False]
    few = law_of(em.Product([([1, 1], 9, 1)]))
    assert [edges.is_possible(few, t) for t in (4096, 4097)] == [True, False]
    # min(5000, t) 3 t + min(300, t) 2 t operations
    assert [edges.is_possible(law, t) for t in (3063, 3064)] == [
        9 * 10**0 * t * t / 3 + 600 * t < 3e7 for t in (3063, 3064)
    ]
    assert edges.is_possible(law, 3000)
    assert not edges.is_possible(law, 3200)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    "product",
    [
        [([3, 0, 1, 2], 40, 1), ([1, 5], 90, 1)],
        [([1, 0, 0, 2], 7, 1), ([4, 0, 1], 200, 1)],
        [([0.5, 1e-3, 1e-12], 90, 1)],
    ],
)
def test_edges_are_exact_to_fifty_digits(product, mirrored):
    law = law_of(em.Product(product))
    row, _ = exact_row(product)
    total, row = sum(row), row[::-1] if mirrored else row
    for length in (20, 64, 256):
        found = edges._edge_series(law, mirrored, length)
        assert len(found) == length
        for t in (0, 1, 2, 3, 5, length // 2, length - 1):
            truth = Fraction(row[t], row[0]) if t < len(row) else 0
            assert abs(Fraction(found[t]) - truth) <= truth / 10**44
    for t in (3, 63, 64, 65, 200):
        high, low = edges.edge_log(law, t, mirrored)
        if t < len(row) and row[t]:
            truth = log_of(Fraction(row[t], total))
            assert abs(MP.mpf(high) + MP.mpf(low) - truth) < 1e-26 * (1 + abs(truth))
        else:
            assert (high, low) == (-math.inf, 0.0)


# ---------------------------------------------------------------- points


def test_points_off_the_lattice_and_beyond_the_ends_are_no_coefficients():
    law = law_of(em.Product([([1, 0, 2], 6, 2)]))
    at = np.array([[-4, 0, 1, 2], [4, 8, 24, 28]])
    row, total = exact_row([([1, 0, 2], 6, 2)])[0], MP.log(3) * 6
    for normalised in (True, False):
        found = points.log_coefficients(law, at, normalised)
        assert found.shape == (2, 4)
        for t, log in zip(at.ravel().tolist(), found.ravel().tolist(), strict=True):
            value = row[t] if 0 <= t < len(row) else 0
            truth = MP.log(value) - normalised * total if value else -math.inf
            assert log == pytest.approx(float(truth), rel=1e-14, abs=1e-12)


def test_many_points_are_as_right_as_few():
    product = [([1, 2, 3], 3000, 1)]
    law = law_of(em.Product(product))
    t = np.arange(-3, 6005)
    many = points.log_coefficients(law, t, True)
    assert (many[[0, 1, 2, -1, -2, -3, -4]] == -np.inf).all()
    total = 3000 * MP.log(6)
    assert many[3] == pytest.approx(float(-total), rel=1e-15, abs=0)
    assert many[6003] == pytest.approx(float(3000 * MP.log(3) - total), rel=1e-15, abs=0)
    few = np.r_[3:6003:197]
    np.testing.assert_allclose(many[few], points.log_coefficients(law, t[few], True), rtol=4e-16, atol=2e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_corners_answer_for_points_near_the_ends_of_wide_laws(mirrored):
    law = law_of(em.Product([([3, 1, *range(2, 400)], 100, 1)]))
    asked = []

    def read(near, at):
        asked.append((near.degree, at.tolist()))
        return np.array([[-7.0], [0.5]])

    ends = np.array([0, 1, 99, 100, 9000])
    t = law.degree - ends if mirrored else ends
    found = points.corner_logs(law, t, read)
    assert np.isnan(found[:, [0, 3, 4]]).all()
    assert found[:, 1].tolist() == found[:, 2].tolist() == [-7.0, 0.5]
    assert asked == [(64 * 100, [1]), (128 * 100, [99])]
    for side, is_near in (("lower", not mirrored), ("upper", mirrored)):
        found = points.corner_logs(law, t, read, side)
        assert np.isnan(found[0]).tolist() == [True, not is_near, not is_near, True, True]
    narrow = law_of(em.Product([([1, 2, 3], 100, 1)]))
    assert np.isnan(points.corner_logs(narrow, np.array([1, 2]), read)).all()
    assert np.isnan(points.corner_logs(law.corner(64, mirrored), np.array([1, 2]), read)).all()


def test_corners_that_reach_less_far_have_no_coefficient_there():
    """(1 + z + ... + z^60 + z^400): sums of two taps below 61 end at 120."""
    law = law_of(em.Product([([1] * 61 + [0] * 339 + [1], 1, 1)]))
    read = lambda near, at: np.array([[-7.0], [0.5]])  # noqa: E731
    found = points.corner_logs(law, np.array([60, 61, 100]), read)
    assert found.tolist() == [[-7.0, -np.inf, -np.inf], [0.5, 0.0, 0.0]]
    found = points.corner_logs(law, np.array([59, 60, 61]), read, "lower")
    assert np.isnan(found[0]).tolist() == [False, True, True]


def test_points_whose_integral_cancels_come_from_sums_of_positive_terms(monkeypatch):
    """Next to an edge, or where they have to reach further; without either they are refused."""
    product = [([1, 0, 0, 0, 1e-9, 1], 40, 1)]
    law, (shares, _) = law_of(em.Product(product)), exact_law(product)
    last = law.degree - 9
    one = {t: solve(law, exact_pair(np.array([t]))) for t in (9, last)}
    total = {t: tilts.exponent(law, tilt) for t, tilt in one.items()}
    for cheap, possible in [(True, True), (False, True)]:
        monkeypatch.setattr(points, "is_cheap", lambda own, t, yes=cheap: own is law and t == 9 and yes)
        monkeypatch.setattr(points, "is_possible", lambda own, t, yes=possible: own is law and t == 9 and yes)
        monkeypatch.setattr(points, "split_integral", lambda *_: (np.nan, np.nan))
        for t in (9, last):
            high, low = points._repaired(law, t, one[t], 0, total[t])
            assert abs(MP.mpf(high) + MP.mpf(low) - log_of(shares[t])) < 1e-25
    asked = []

    def split(own, tilt, period, bare):
        asked.append((own, tilt.t[0].tolist(), period, bare))
        return answer

    monkeypatch.setattr(points, "split_integral", split)
    answer = (np.nan, np.nan)
    points._repaired(law, 9, one[9], 0, total[9])
    monkeypatch.setattr(points, "is_possible", lambda *_: False)
    with pytest.raises(NoBellShape, match="at index 9: the integral cancels, and no sum of positive terms"):
        points._repaired(law, 9, one[9], 0, total[9])
    answer = (0.0, 0.0)
    assert points._repaired(law, 9, one[9], 0, total[9]) == (-math.inf, 0.0)
    answer = (0.25, 1.0)
    high, low = points._repaired(law, 9, one[9], 0, (3.0, 0.0))
    assert high + low == pytest.approx(3 + math.log(0.25), rel=1e-15, abs=0)
    answer = (0.01, 1.0)
    with pytest.raises(NoBellShape):
        points._repaired(law, 9, one[9], 0, total[9])
    period = points.period_of(law, one[9].theta, one[9].variance, None).item()
    assert asked == [(law, [9.0], period, False)] + [(law, [9.0], period, True)] * 4


@np.errstate(all="ignore")
def test_the_points_that_cancel_are_repaired_among_others(monkeypatch):
    product = [([1, 2, 3], 60, 1)]
    law, (shares, _) = law_of(em.Product(product)), exact_law(product)
    real = points.integral

    def cancelled(own, tilt):
        value, bound = real(own, tilt)
        value[1:3] = [0.01 * bound[1], -1.0]
        return value, bound

    monkeypatch.setattr(points, "integral", cancelled)
    t = np.array([70, 7, 112, 80])
    high, low = points._integrated_logs(law, t)
    for i, place in enumerate(t.tolist()):
        error = abs(MP.mpf(high[i]) + MP.mpf(low[i]) - log_of(shares[place]))
        assert error < (1e-25 if i in (1, 2) else 1e-12)
    for place in (0, law.degree):
        (log,) = points.pointwise(law, np.array([place]), (0.0, 0.0))
        assert log == pytest.approx(float(log_of(shares[place])), rel=1e-15, abs=0)
