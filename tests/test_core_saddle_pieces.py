"""Pieces of logarithms, rows and levels made of them: fitted functions in closed form, exact integers."""

import functools
import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row, log_of

import erfmath as em
from erfmath.core.saddle import double_double as dd, levels, pieces, rows
from erfmath.core.saddle.law import law_of
from erfmath.core.saddle.levels import LogProfile, Stretch, log_profile
from erfmath.core.saddle.pieces import Piece

MP = mpmath.mp.clone()
MP.dps = 60


# ---------------------------------------------------------------- polynomials


def test_a_piece_is_a_parabola_and_a_polynomial():
    piece = Piece(90, 115, 100, 16.0, 7.0, -3.0, 0.5, np.array([1e-3, 2e-3, -4e-3, 8e-3]))
    d = np.array([-10.0, 0.0, 3.0, 15.0])
    for distance, found in zip(d.tolist(), piece.evaluate(d).tolist(), strict=True):
        x = distance / 16
        rest = 1e-3 + 2e-3 * x - 4e-3 * x**2 + 8e-3 * x**3
        assert found == pytest.approx(7 + x * (-3 + 0.5 * x) + rest, rel=1e-15, abs=0)
    alone = Piece(0, 9, 4, 5.0, 1.0, 0.0, 0.0, np.array([0.25]))
    assert alone.evaluate(np.array([2.0])).tolist() == [1.25]


def test_nodes_and_series_are_chebyshevs():
    nodes, analysis, powers = pieces._chebyshev()
    exact = np.cos(np.pi * (np.arange(24) + 0.5) / 24)
    assert (nodes * 2**20 == np.rint(nodes * 2**20)).all()
    assert np.abs(nodes - exact).max() <= 2.0**-21
    for k in range(24):
        values = np.cos(k * np.arccos(nodes))
        np.testing.assert_allclose(analysis @ values, np.eye(24)[k], rtol=0, atol=1e-13)
    for k in (0, 1, 2, 3, 7, 23):
        assert (
            powers[k].tolist()
            == np.pad(np.polynomial.chebyshev.cheb2poly(np.eye(24)[k]), (0, 23 - k))[:24].tolist()
        )


def test_parabolas_are_the_first_three_terms_in_few_bits():
    series = np.array([[1.1, -2.2, 3.3], [0.1, 1e9 / 3, -1e-5]])
    level, slope, curve = pieces._parabola(series)
    assert level.shape == slope.shape == curve.shape == (2, 1)
    for i, (a, b, c) in enumerate(series.tolist()):
        assert level[i, 0] == a - c
        assert slope[i, 0] == pytest.approx(b, rel=2.0**-24, abs=0)
        assert curve[i, 0] == pytest.approx(2 * c, rel=2.0**-11, abs=0)
        assert math.frexp(slope[i, 0])[0] * 2**24 == round(math.frexp(slope[i, 0])[0] * 2**24)
        assert math.frexp(curve[i, 0])[0] * 2**12 == round(math.frexp(curve[i, 0])[0] * 2**12)


def at_nodes(function):
    """A function of the nodes as double-doubles, from 60 digits."""
    values = [MP.mpf(function(MP.mpf(x))) for x in pieces._chebyshev()[0].tolist()]
    high = np.array([float(v) for v in values])
    return high, np.array([float(v - MP.mpf(h)) for v, h in zip(values, high.tolist(), strict=True)])


FUNCTIONS = {
    "constant": (lambda x: MP.mpf(5), 1),
    "parabola": (lambda x: 1e6 - 3e4 * x - 7e4 * x * x, 3),
    "cubic": (lambda x: 3 + x + x**3 / 8, 4),
    "exponential": (lambda x: MP.exp(x / 2), None),
    "deep": (lambda x: -1e9 + 1e6 * MP.cos(x / 8), None),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_analytic_functions_are_fitted_to_their_last_digits(name):
    function, most = FUNCTIONS[name]
    high, low = at_nodes(function)
    fit = pieces._fitted((high[None], low[None]))
    terms = int(fit.terms[0])
    assert 0 < terms < 22
    assert most is None or terms <= most
    coefficients = fit.coefficients(0)
    assert len(coefficients) == terms
    piece = Piece(0, 2, 1, 1.0, *fit.parabola[0].tolist(), coefficients)
    d = np.linspace(-1, 1, 41)
    for x, value in zip(d.tolist(), piece.evaluate(d).tolist(), strict=True):
        truth = function(MP.mpf(x))
        assert abs(value - truth) <= 2e-13 + 2.3e-16 * abs(truth)


def test_no_more_terms_are_kept_than_are_needed():
    """Terms that sum to less than 2e-14 beyond the parabola are left out, one after another from behind."""
    high, low = at_nodes(lambda x: 3 * x**5 / 10**3 + MP.mpf("1.5e-14") * MP.chebyt(9, x))
    assert pieces._fitted((high[None], low[None])).terms.tolist() == [6]
    high, low = at_nodes(
        lambda x: 3 * x**5 / 10**3 + MP.mpf("1.5e-14") * (MP.chebyt(9, x) + MP.chebyt(8, x) + MP.chebyt(7, x))
    )
    assert pieces._fitted((high[None], low[None])).terms.tolist() == [9]


def test_functions_that_do_not_fit_are_refused():
    wild = [
        lambda x: MP.mpf("2e-14") * MP.chebyt(23, x),
        lambda x: MP.mpf("2e-14") * MP.chebyt(21, x),
        lambda x: MP.exp(-30 * x * x),
        lambda x: 1000 * MP.cos(3 * x) + 500,  # a rounding of what is left above the parabola
        lambda x: 2000 * x,  # and of a slope without a level to hide it
    ]
    fine = [
        lambda x: MP.mpf("0.9e-14") * MP.chebyt(23, x),
        lambda x: MP.mpf("9e-14") * MP.chebyt(20, x),
        lambda x: 900 * x,
    ]
    for function, is_fitted in [*((f, False) for f in wild), *((f, True) for f in fine)]:
        high, low = at_nodes(function)
        assert bool(pieces._fitted((high[None], low[None])).terms[0]) == is_fitted
    nan = np.full((1, 24), np.nan)
    assert pieces._fitted((nan, nan)).terms.tolist() == [0]


def test_fits_of_several_intervals_are_each_its_own():
    both = [at_nodes(FUNCTIONS[name][0]) for name in ("cubic", "parabola")]
    fit = pieces._fitted((np.array([h for h, _ in both]), np.array([low for _, low in both])))
    for i, (high, low) in enumerate(both):
        alone = pieces._fitted((high[None], low[None]))
        np.testing.assert_allclose(fit.parabola[i], alone.parabola[0], rtol=1e-14, atol=1e-9)
        assert fit.terms[i] == alone.terms[0]


# ---------------------------------------------------------------- division


def smooth(t):
    """log a(t) = -sqrt(1 + t) as double-doubles, nan from 5000 to 5400, none above 9000."""
    x = t[0] + t[1]
    logs = -np.sqrt(1 + x)
    logs[(x > 5000) & (x < 5400)] = np.nan
    logs[x > 9000] = np.nan
    return logs, np.zeros(x.shape)


def test_intervals_are_divided_until_a_piece_fits_and_no_point_is_lost():
    asked = []

    def logs(t):
        asked.append(len(t[0]) // 24)
        return smooth(t)

    found, single = pieces.divide(logs, 10, 9600, lambda a, b: b - a)
    covered = sorted([(p.lo, p.hi) for p in found] + single)
    assert covered[0][0] == 10
    assert covered[-1][1] == 9600
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(covered))
    for piece in found:
        assert piece.hi - piece.lo >= 48
        assert piece.centre == (piece.lo + piece.hi) // 2
        assert max(piece.hi - piece.centre, piece.centre - piece.lo) <= piece.half * (1 + 1e-7)
        assert piece.hi < 5000 or 5400 < piece.lo <= piece.hi <= 9000
        t = np.arange(piece.lo, piece.hi + 1)
        np.testing.assert_allclose(
            piece.evaluate((t - piece.centre).astype(float)), -np.sqrt(1 + t), rtol=2e-16, atol=2e-13
        )
    hopeless = [interval for interval in single if interval[1] > 9000 or 5000 < interval[0] < 5400]
    assert sum(b - a + 1 for a, b in hopeless) >= 390 + 500
    assert asked == sorted(asked[:1]) + asked[1:]
    assert asked[0] == 1


def test_what_is_empty_or_short_has_no_piece():
    logs = lambda t: pytest.fail("asked")  # noqa: E731
    assert pieces.divide(logs, 5, 4, lambda a, b: b - a) == ([], [])
    assert pieces.divide(logs, 5, 52, lambda a, b: b - a) == ([], [(5, 52)])
    assert pieces.divide(logs, 5, 5000, lambda a, b: 47) == ([], [(5, 5000)])
    found, single = pieces.divide(smooth, 5, 53, lambda a, b: b - a)
    assert single == [] or found == []
    found, single = pieces.divide(smooth, 100, 100 + 48, lambda a, b: 48)
    assert [(p.lo, p.hi) for p in found] == [(100, 148)]


def test_where_nothing_is_analytic_a_million_points_are_halved_and_fewer_are_not(monkeypatch):
    nothing = lambda t: (np.full(t[0].shape, np.nan), np.zeros(t[0].shape))  # noqa: E731
    monkeypatch.setattr(pieces, "_MOST_POINTS", 1000)
    found, single = pieces.divide(nothing, 0, 999, lambda a, b: b - a)
    assert (found, single) == ([], [(0, 999)])
    _, single = pieces.divide(nothing, 0, 1000, lambda a, b: b - a)
    assert single == [(0, 500), (501, 1000)]


def test_indices_are_read_from_pieces_or_one_by_one_and_keep_their_order():
    draw = np.random.default_rng(0)
    t = np.concatenate((np.arange(20, 1500), [5100, 5101, 5100], np.arange(6000, 6100), [9500]))
    draw.shuffle(t)
    asked = []

    def rest(some):
        asked.extend(some.tolist())
        return -np.sqrt(1.0 + some)

    found = pieces.interpolated(smooth, t, rest)
    np.testing.assert_allclose(found, -np.sqrt(1 + t), rtol=2e-16, atol=2e-13)
    assert {5100, 5101, 9500} <= set(asked)
    assert asked.count(5100) == 2
    assert len(asked) < 200
    assert pieces.interpolated(smooth, np.zeros(0, dtype=int), rest).shape == (0,)


# ---------------------------------------------------------------- rows

ROWS = {
    "short": [([0, 1, 3, 2], 40, 1)],
    "steps": [([1, 2, 1], 30, 3), ([1, 0, 1], 9, 3)],
    "symmetric": [([2, 5, 2], 150, 1)],
    "odd": [([2, 5, 2], 151, 2)],
    "long": [([1, 2], 900, 1)],
}


@functools.cache
def logs_of_row(name):
    row, _ = exact_row(ROWS[name])
    inside = [t for t, c in enumerate(row) if c]
    total = sum(row)
    return [log_of(Fraction(c, total)) for c in row[inside[0] : inside[-1] + 1]], MP.log(total)


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_logarithms_are_exact_integers(name):
    law, (truth, total) = law_of(em.Product(ROWS[name])), logs_of_row(name)
    for normalised in (True, False):
        found = rows.log_row(law, normalised)
        assert len(found) == len(truth)
        for value, log in zip(found.tolist(), truth, strict=True):
            if MP.isinf(log):
                assert value == -math.inf
            else:
                log = log if normalised else log + total
                assert abs(value - log) <= 1e-12 + 4e-16 * abs(log)
    assert (rows.log_row(law) == rows.log_row(law, False)).all()


@pytest.mark.parametrize("name", ROWS)
def test_windows_of_rows_hold_each_share(name):
    law, (truth, _) = law_of(em.Product(ROWS[name])), logs_of_row(name)
    last = len(truth) - 1
    for lo, hi in [
        (0, last),
        (1, last - 1),
        (-5, 7),
        (3, 3),
        (last // 2 - 9, last // 2 + 8),
        (last - 4, last + 6),
    ]:
        found = rows.row(law, lo, hi)
        assert len(found) == hi - lo + 1
        for t, value in enumerate(found.tolist(), lo):
            share = float(MP.exp(truth[t])) if 0 <= t <= last else 0.0
            assert value == pytest.approx(share, rel=1e-12, abs=0), t


def test_the_second_half_of_a_symmetric_row_is_the_first_one_backwards(monkeypatch):
    asked = []
    real = rows.divide
    monkeypatch.setattr(
        rows, "divide", lambda logs, lo, hi, count: asked.append((lo, hi)) or real(logs, lo, hi, count)
    )
    law = law_of(em.Product(ROWS["symmetric"]))
    row = rows.log_row(law)
    assert row.tolist() == row[::-1].tolist()
    rows.row(law, 1, 299)
    rows.row(law, 0, 299)
    odd = law_of(em.Product([([1, 1], 151, 1)]))
    odd_row = rows.log_row(odd)
    assert odd_row.tolist() == odd_row[::-1].tolist()
    assert asked == [(1, 150), (1, 150), (1, 299), (1, 76)]


def test_long_pieces_are_evaluated_in_blocks(monkeypatch):
    law = law_of(em.Product(ROWS["long"]))
    whole = rows.log_row(law, True)
    monkeypatch.setattr(rows, "_BLOCK", 7)
    monkeypatch.setattr(rows, "_STRETCHES", 1)
    np.testing.assert_allclose(rows.log_row(law, True), whole, rtol=1e-15)


@pytest.mark.parametrize("floor", [-745.2, -40.0, -3.0])
@pytest.mark.parametrize(
    "product", [[([1, 2], 20_000, 1)], [([1, 2, 5], 3000, 2), ([3, 1], 900, 2)], [([1, 1e-5], 10**7, 1)]]
)
def test_windows_leave_out_no_share_above_the_floor_and_little_else(product, floor):
    law = law_of(em.Product(product))
    lo, hi = rows.window(law, floor)
    assert lo % law.span == hi % law.span == 0

    def rise(theta):
        return MP.fsum(
            f.power
            * MP.log(
                MP.fdot(
                    [
                        MP.exp(log + theta * x)
                        for log, x in zip(f.log_high.tolist(), f.steps.tolist(), strict=True)
                    ],
                    [1] * len(f.steps),
                )
            )
            for f in law.taps
        )

    for end, sign in ((lo // law.span, -1), (hi // law.span, 1)):
        if end in (0, law.degree):
            continue

        # the exact root of theta K' - K = -floor
        def below(theta):
            return theta * MP.diff(rise, theta) - rise(theta) + floor

        guess = sign * math.sqrt(-2 * floor / law.variance)
        with MP.workdps(25):
            theta = MP.findroot(below, guess)
            edge = float(MP.diff(rise, theta))
        distance = abs(end - law.mean) - abs(edge - law.mean)
        assert -1 <= distance <= 3e-3 * abs(edge - law.mean) + 4


def test_windows_take_few_steps_of_newton(monkeypatch):
    law, seen, real = law_of(em.Product([([1, 2, 5], 3000, 2)])), [], rows._rate
    monkeypatch.setattr(rows, "_rate", lambda *args: seen.append(1) or real(*args))
    rows.window.__wrapped__(law, -745.0)
    assert len(seen) <= 6
    assert rows.window(law_of(em.Product([([4], 3)]))) == (0, 0)
    assert rows.window(law_of(em.Product([([1, 2], 3)]))) == (0, 3)


def test_rates_are_theta_times_the_mean_less_the_cumulant():
    law = law_of(em.Product([([1, 2, 5], 30, 1), ([3, 1], 9, 1)]))
    theta = np.array([-0.7, 0.0, 0.4])
    rate, slope, shift = rows._rate(law, theta)
    for i, s in enumerate(theta.tolist()):
        expected = [0.0, 0.0, 0.0]
        for f in law.taps:
            p, y = f.share[:, 0], f.centred[:, 0]
            q = p * np.exp(s * y)
            mass = q.sum()
            q /= mass
            expected[0] += f.n * (s * (q @ y) - math.log(mass))
            expected[1] += f.n * (q @ y**2 - (q @ y) ** 2)
            expected[2] += f.n * (q @ y)
        assert (rate[i], slope[i], shift[i]) == pytest.approx(expected, rel=1e-12, abs=1e-12)


# ---------------------------------------------------------------- levels


def test_roots_are_the_real_ones_inside():
    powers = np.poly([-1.0, -0.25, 0.5, 1.0, 1.5, -2.0])
    assert levels._roots(powers).tolist() == pytest.approx([-1, -0.25, 0.5, 1], rel=1e-9, abs=0)
    powers = np.poly([0.3 + 0.2j, 0.3 - 0.2j, -0.5, 0.1 + 1e-6j, 0.1 - 1e-6j]).real
    assert levels._roots(powers).tolist() == pytest.approx([-0.5, 0.1, 0.1], rel=1e-4, abs=0)


def test_powers_of_a_piece_have_the_highest_first():
    piece = Piece(0, 9, 4, 5.0, 7.0, -3.0, 0.5, np.array([1.0]))
    assert levels._powers(piece).tolist() == [0.5, -3.0, 8.0]
    piece = Piece(0, 9, 4, 5.0, 7.0, -3.0, 0.5, np.array([1.0, 2.0, 3.0, 4.0]))
    assert levels._powers(piece).tolist() == [4.0, 3.5, -1.0, 8.0]


def test_stretches_that_touch_are_one():
    some = [Stretch(1, 3), Stretch(4, 6), Stretch(8, 9), Stretch(8, 8), Stretch(12, 11), Stretch(20, 20)]
    assert levels._merged(some) == [(1, 6), (8, 9), (20, 20)]
    assert levels._merged([]) == []


@pytest.mark.parametrize("n", [500, 2001])
def test_profiles_of_binomial_laws_know_all_superlevel_sets_and_the_peak(n):
    law = law_of(em.Product([([1, 1], n, 1)]))
    logs = [float(MP.log(math.comb(n, t)) - n * MP.log(2)) for t in range(n + 1)]
    for lo, hi in [(30, n - 30), (n // 4, n - 40), (33, n // 2 + 7), (n // 2 + 20, n // 2 + 200)]:
        profile = log_profile(law, lo, hi)
        assert profile.single.tolist() == sorted(set(profile.single.tolist()))
        covered = sorted([(p.lo, p.hi) for p in profile.pieces] + [(t, t) for t in profile.single.tolist()])
        assert (covered[0][0], covered[-1][1]) == (lo, hi)
        assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(covered))
        np.testing.assert_allclose(profile.single_logs, [logs[t] for t in profile.single], rtol=1e-12)
        assert profile.peak() == pytest.approx(max(logs[lo : hi + 1]), rel=1e-13, abs=0)
        for t in (35, 41, n // 3, n // 2 - 1, n // 2, n - 45):
            for level in (logs[t] - 1e-9, logs[t] + 1e-9):
                above = [x for x in range(lo, hi + 1) if logs[x] > level]
                expected = [(above[0], above[-1])] if above else []
                assert profile.above(level) == expected, (lo, hi, t)
    t = np.array([1, 7, n - 1])
    np.testing.assert_allclose(profile.logs(t), [logs[x] for x in t], rtol=1e-13)


def lumpy(t):
    """Minus the square of the distance from 500, plus a lump at 800, as double-doubles."""
    x = t[0] + t[1]
    return -(((x - 500) / 100) ** 2) + 7 * np.exp(-(((x - 800) / 60) ** 2)), np.zeros(x.shape)


def test_superlevel_sets_of_several_lumps_have_several_stretches(monkeypatch):
    monkeypatch.setattr(levels, "analytic_logs", lambda _, t, __: lumpy(t))
    monkeypatch.setattr(levels, "pointwise", lambda _, t, __: lumpy((t.astype(float), 0.0))[0])
    logs = lumpy((np.arange(1001.0), 0.0))[0]
    profile = log_profile(None, 0, 1000)
    assert len(profile.pieces) > 3
    for level in (-30.0, -9.0, -3.1, -2.0, -0.5, 0.5):
        inside = np.concatenate(([False], logs > level, [False]))
        starts, ends = np.flatnonzero(~inside[:-1] & inside[1:]), np.flatnonzero(inside[:-1] & ~inside[1:])
        assert profile.above(level) == list(zip(starts.tolist(), (ends - 1).tolist(), strict=True))
    assert profile.peak() == logs.max()
    assert log_profile(None, 600, 1000).peak() == logs[600:].max()


def test_a_profile_of_single_points_alone():
    law = law_of(em.Product([([1, 1], 2001, 1)]))
    logs = [float(MP.log(math.comb(2001, t)) - 2001 * MP.log(2)) for t in range(980, 1021)]
    profile = log_profile(law, 980, 1020)
    assert profile.pieces == ()
    assert profile.single.tolist() == list(range(980, 1021))
    np.testing.assert_allclose(profile.single_logs, logs, rtol=1e-13)
    assert profile.peak() == max(profile.single_logs)
    assert profile.above(logs[5] - 1e-9) == [(985, 1016)]
    apart = LogProfile(law, (), np.array([1, 3]), np.array([0.5, 0.7]))
    assert apart.above(0.6) == [(3, 3)]
    assert apart.above(0.5) == [(3, 3)]
    assert apart.above(0.4) == [(1, 1), (3, 3)]


def test_too_many_single_points_are_no_profile(monkeypatch):
    law = law_of(em.Product([([1, 1], 2001, 1)]))
    monkeypatch.setattr(levels, "_MOST_SINGLE", 41)
    assert log_profile(law, 980, 1020) is not None
    assert log_profile(law, 979, 1020) is None
    for lo, hi in [(0, 1000), (1, 1000), (1000, 2001), (1000, 2000)]:  # no bell at the ends
        assert log_profile(law, lo, hi) is None


def test_the_ends_of_a_stretch_are_looked_at(monkeypatch):
    law = law_of(em.Product([([1, 1], 4, 1)]))
    profile = LogProfile(law, (), np.zeros(0, int), np.zeros(0))
    heights = {t: -abs(t) for t in range(-40, 41)}
    monkeypatch.setattr(LogProfile, "logs", lambda _, t: np.array([float(heights[int(x)]) for x in t]))
    for rough in (8, 9, 10, 11):
        assert profile._end(rough, 1, -10.5) == 10 if rough < 12 else 0
        assert profile._end(-rough, -1, -10.5) == -10
    assert profile._end(30, 1, -10.5) == 27
    assert profile._end(-30, -1, -10.5) == -27
    piece = Piece(-20, 20, 0, 20.0, 0.0, 0.0, 0.0, np.zeros(1))
    assert profile._mended(Stretch(-9, 11), piece, -10.5) == (-10, 10)
    assert profile._mended(Stretch(-20, 20), piece, -10.5) == (-20, 20)
    assert profile._mended(Stretch(-20, 9), piece, -10.5) == (-20, 10)


@np.errstate(all="ignore")
def test_shifts_are_added_to_analytic_logs():
    law = law_of(em.Product([([1, 1], 400, 1)]))
    t = np.array([100.0, 200.0]), np.array([0.25, 0.0])
    high, low = pieces.analytic_logs(law, t, (3.0, 1e-20))
    for i, x in enumerate((100.25, 200.0)):
        truth = MP.log(MP.binomial(400, MP.mpf(x))) - 400 * MP.log(2) + 3
        assert abs(MP.mpf(high[i]) + MP.mpf(low[i]) - truth) < 2e-13
    assert dd.ZERO == (0.0, 0.0)
