"""Single steps of the core, each against what it says that it is: exact integers, 60 digits, sums by hand.

Whole rows, points and tails may come out right by another way where a step is wrong; here no other way helps.
"""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import check_log, check_relative, exact_row, exact_shares, log_of

import erfmath as em
from erfmath.core import direct, kept_rows, logs, windows
from erfmath.core.logs import normalised_window, step_of
from erfmath.core.saddle import double_double as dd, integral as circle, tails
from erfmath.core.saddle.edges import edge_log, end_log
from erfmath.core.saddle.law import law_of
from erfmath.core.saddle.lobe import Lobe, lobe_of
from erfmath.core.saddle.lumps import Lumps
from erfmath.core.saddle.peaks import period_of
from erfmath.core.saddle.residues import split_integral
from erfmath.core.saddle.tilt import exact_pair, exponent, sharpened, solve, tilted
from erfmath.core.tilted import rows, spectrum
from erfmath.core.tilted.factors import UNIT, factors_of, sum_units
from erfmath.core.tilted.readings import Reading

MP = mpmath.mp.clone()
MP.dps = 60
MANY = [([j + 1, 400 - j], 1, 2) for j in range(300)]  # different factors, on every other index

# What counts units of the 64 bits that numpy's long doubles have, but on Apple's processors and on Windows.
counts_units = pytest.mark.skipif(UNIT > 2.0**-54, reason="long doubles are no longer than floats here")


def kernel(weights, n, step=1):
    return em.Product([(weights, n, step)])


# ---------------------------------------------------------------- windows of shares


@pytest.mark.parametrize(
    ("first", "last", "row"),
    [
        (4, 9, [0, 1, 2, 3, 0, 0]),
        (5, 7, [1, 2, 3]),
        (6, 6, [2]),
        (6, 8, [2, 3, 0]),
        (3, 5, [0, 0, 1]),
        (0, 2, [0, 0, 0]),
        (9, 10, [0, 0]),
    ],
)
def test_a_row_is_cut_and_filled_up_with_zeros(first, last, row):
    begin, values = logs._trimmed(5, np.array([1.0, 2.0, 3.0]), first, last)
    assert (begin, values.tolist()) == (first, row)


def test_by_default_zeros_at_the_ends_are_cut():
    begin, values = logs._trimmed(5, np.array([0.0, 2.0, 0.0, 3.0, 0.0, 0.0]), None, None)
    assert (begin, values.tolist()) == (6, [2, 0, 3])


WAYS = {
    "many factors": em.Product(MANY),
    "convolution": kernel([0, 0, 1, 0, 0, 2, 0, 0, 1, 0], 90),
    "windows": kernel([0, *range(1, 301)], 3),
    "integrals": kernel([0, 1, 3, 2], 3000),
    "table": em.Product([([0, 1, 2], 4, 1), ([1, 1], 1, 500)]),
}


@pytest.fixture(scope="module")
def shares():
    return {
        way: np.array(
            [float(p) for p in exact_shares([(f.kernel.weights, f.n, *f.step) for f in made.factors])]
        )
        for way, made in WAYS.items()
    }


@pytest.mark.parametrize("way", WAYS)
def test_windows_hold_the_shares_from_the_first_to_the_last(way, shares):
    row, middle = shares[way], int(np.argmax(shares[way]))
    high = logs.ends(WAYS[way])[1]
    for first, last in [
        (middle - 7, middle + 12),
        (middle - 4, middle - 4),
        (middle + 1, min(middle + 300, high)),
    ]:
        begin, found = normalised_window(WAYS[way], first, last)
        assert (begin, len(found)) == (first, last - first + 1)
        check_relative(found, row[first : last + 1])


@pytest.mark.parametrize("way", WAYS)
def test_windows_hold_all_that_are_floats_by_default(way, shares):
    begin, found = normalised_window(WAYS[way])
    row = shares[way].copy()
    check_relative(found, row[begin : begin + len(found)])
    row[begin : begin + len(found)] = 0
    assert row.max() < 1e-290


def test_long_windows_are_binomial_probabilities():
    """By contour integrals; (z + 2 z^2 + z^3)^n is (1 + z)^2n, shifted."""
    n = 10**5
    for first, last in [(2 * n - 9, 2 * n + 9), (2 * n + 4000, 2 * n + 4001)]:
        begin, found = normalised_window(kernel([0, 1, 2, 1], n), first, last)
        assert begin == first
        truth = [MP.binomial(2 * n, t - n) / MP.mpf(2) ** (2 * n) for t in range(first, last + 1)]
        check_relative(found, truth)
    begin, found = normalised_window(kernel([0, 1, 2, 1], n))
    assert begin < 2 * n - 8000
    assert found.sum() == pytest.approx(1, rel=1e-12)
    assert found[2 * n - begin] == pytest.approx(
        float(MP.binomial(2 * n, n) / MP.mpf(2) ** (2 * n)), rel=1e-12
    )


@pytest.mark.parametrize("way", ["convolution", "windows"])
def test_memory_is_asked_for_every_entry(way, monkeypatch):
    asked = []
    monkeypatch.setattr(logs, "check_memory", lambda size, *_: asked.append(size))
    normalised_window(WAYS[way])
    low, high = logs.ends(WAYS[way])
    assert asked == [64 * (high - low + 1)]


KEPT = [([1] * 300, 3, 1), ([1, 0, 0] * 10 + [1, 1e-6], 64, 1)]  # by windows, by convolution


@pytest.mark.parametrize("kind", ["share", "lower", "upper"])
@pytest.mark.parametrize("factor", KEPT)
def test_rows_that_are_kept_know_shares_and_tails(kind, factor):
    row, _ = exact_row([factor])
    middle = len(row) // 2
    at = np.arange(middle - 40, middle + 40)
    parts = {
        "share": lambda t: row[t],
        "lower": lambda t: sum(row[: t + 1]),
        "upper": lambda t: sum(row[t:]),
    }
    total = sum(row)
    known = kept_rows.known(em.Product([factor]), at, kind)
    assert known is not None
    places = [0, 10, 39, 40, 61, 79]
    check_log(known[places], [log_of(Fraction(parts[kind](t), total)) for t in at[places].tolist()])
    beyond = kept_rows.known(em.Product([factor]), np.array([-1, len(row)]), kind)
    assert np.isnan(beyond).all()


# ---------------------------------------------------------------- convolution


@pytest.mark.parametrize("mirrored", [False, True])
def test_tiny_ends_are_dropped(mirrored):
    tiny = 2.0**-921
    for row, kept, start in [
        ([1.0, 2.0, 1.0], [1.0, 2.0, 1.0], 0),
        ([-tiny, 1.0, -2.0, 1.0, tiny], [1.0, -2.0, 1.0], 1),
    ]:
        found, dropped = direct._without_tiny_ends(np.array(row), mirrored)
        assert (found.tolist(), dropped) == (kept, start)


def test_a_mirrored_row_loses_as_much_at_both_ends():
    tiny = 2.0**-921
    row = np.array([1.0, 3.0, 3.0, tiny, tiny])
    assert direct._without_tiny_ends(row, False)[0].tolist() == [1.0, 3.0, 3.0]
    assert direct._without_tiny_ends(row, True)[0].tolist() == row.tolist()
    row = np.array([tiny, 1.0, 3.0, tiny, tiny])
    found, dropped = direct._without_tiny_ends(row, True)
    assert (found.tolist(), dropped) == ([1.0, 3.0, tiny], 1)


# ---------------------------------------------------------------- tilted rows


@pytest.mark.parametrize(
    ("factors", "span", "degree"),
    [
        ([([1, 2], 5, 1)], 1, 5),
        ([([1, 0, 2], 5, 1)], 2, 5),
        ([([1, 0, 0, 2], 5, 2)], 6, 5),
        ([([0, 1, 0, 2, 0], 5, 1)], 2, 5),
        ([([1, 0, 2], 5, 1), ([3, 0, 0, 1], 2, 1)], 1, 16),
        ([([1, 0, 2], 5, 2), ([3, 1], 2, 6)], 2, 16),
        ([([1, 0, 0, 1, 0, 1], 4, 1)], 1, 20),
        ([([7], 4, 1)], 1, 0),
    ],
)
def test_indices_are_counted_in_the_distance_that_divides_all_others(factors, span, degree):
    made = factors_of(em.Product(factors))
    assert (made.span, made.degree) == (span, degree)
    row = np.flatnonzero(em.coefficients(em.Product(factors)))
    assert degree == (row[-1] - row[0]) // span
    assert step_of(em.Product(factors)) == (np.gcd.reduce(np.diff(row)) or 1)


@pytest.mark.parametrize("theta", [0.0, 0.25, -1.5])
def test_the_bound_of_the_mass_of_a_tilt_is_the_sum_of_its_roundings(theta):
    """An exponential errs by twice its argument, a sum by its units, and a product by its terms' sizes."""
    weights, n = [1, 2, 5, 2], 40
    factors = factors_of(kernel(weights, n))
    (row,), log_mass, slack = rows.tilted(factors, theta)
    p = [MP.mpf(w) / 10 for w in weights]
    q = [share * MP.exp(MP.mpf(theta) * x) for x, share in enumerate(p)]
    mass = n * MP.log(sum(q))
    assert abs(MP.mpf(float(log_mass)) - mass) < 1e-14 * (1 + abs(mass))
    size = [abs(MP.log(share)) + abs(theta * x) + abs(max(map(MP.log, q))) for x, share in enumerate(p)]
    own = 2 * sum(part / sum(q) * s for part, s in zip(q, size, strict=True)) + sum_units(4) + 6
    assert row.errors.tolist() == pytest.approx([float(own) * UNIT], rel=1e-9, abs=0)
    units = abs(mass) * (0 + 1 + 4) + n * (sum_units(4) + 6) + n * (sum_units(4) + 4)
    assert slack == pytest.approx(float(units) * UNIT, rel=1e-9, abs=0)
    assert row.shares[0].astype(float).tolist() == pytest.approx(
        [float(part / sum(q)) for part in q], rel=1e-15
    )


@pytest.mark.parametrize("powers", [[1, 1], [7, 7, 7], [0, 1, 2, 3, 4, 5, 6, 7, 8], [12, 1, 100]])
def test_powers_of_rows(powers):
    draw = np.random.default_rng(1)
    phi = (draw.standard_normal((len(powers), 5)) + 1j * draw.standard_normal((len(powers), 5))) / 2
    found = spectrum._power(phi, np.array(powers, dtype=float))
    truth = [
        [complex(MP.mpc(value) ** n) for value in row] for row, n in zip(phi.tolist(), powers, strict=True)
    ]
    np.testing.assert_allclose(found, truth, rtol=1e-13)


@pytest.mark.parametrize("kind", [float, np.longdouble])
@pytest.mark.parametrize("count", [3, 64, 65, 200])
def test_sums_at_frequencies_err_by_less_than_their_bound(kind, count):
    draw = np.random.default_rng(count)
    q = draw.random((2, count))
    q /= q.sum(axis=1, keepdims=True)
    x, at, length = 3 * np.arange(count), np.array([0, 1, 5, 333]), 1000
    found, error = spectrum._sums(q.astype(kind), x, spectrum.Frequencies(at, length))
    assert found.shape == (2, len(at))
    assert error < (1e-13 if kind is float else 1e-13 if UNIT > 1e-18 else 1e-16)
    for row, values in zip(q.tolist(), found, strict=True):
        for m, value in zip(at.tolist(), values, strict=True):
            turns = [MP.expjpi(MP.mpf(-2) * (j * m % length) / length) for j in x.tolist()]
            truth = MP.fdot(row, turns)
            ours = MP.mpc(
                *(MP.mpf(float(v)) + MP.mpf(float(v - kind(float(v)))) for v in (value.real, value.imag))
            )
            assert abs(ours - truth) <= error


@pytest.mark.parametrize("closer", [0, 2**40])
def test_frequencies_that_are_left_out_are_below_their_bound(closer, monkeypatch):
    monkeypatch.setattr(spectrum, "_LOOK_CLOSER", closer)
    product, _, _ = rows.tilted(factors_of(em.Product([(np.ones(40 + i), 9) for i in range(6)])), 0.01)
    length = 4096
    seen, rest = spectrum.significant(product, length)
    assert seen.length == length
    assert seen.at[0] == 0
    every = spectrum.Frequencies(np.arange(length // 2 + 1), length)
    phi, error = spectrum.characteristic(product, every)
    left_out = np.delete(np.abs(phi).astype(float), seen.at)
    assert len(seen.at) < length // 8
    assert left_out.sum() <= rest + error.max() * 1e-3
    assert rest < 1e-20


def test_a_number_that_is_not_positive_has_no_logarithm():
    zero = Reading(np.longdouble(-3), 0.0, 0.0, 0.0)
    assert zero.log == -math.inf
    assert zero.relative_error == math.inf
    some = Reading(np.longdouble(-3), 1e-12, 0.5, 1e-13)
    assert some.log == pytest.approx(-3 + math.log(0.5), rel=1e-15)
    assert some.relative_error == pytest.approx(1e-12 + 2e-13, rel=1e-3)


@pytest.mark.parametrize("scale", [0.0, -3.25, pytest.param(500.5, marks=counts_units)])
def test_bounds_hold_the_number_and_little_more(scale):
    some = Reading(np.longdouble(scale), 1e-12, 0.5, 1e-13)
    low, high = some.bounds
    assert low < MP.exp(scale - MP.mpf(1e-12)) * (0.5 - MP.mpf(1e-13))
    assert high > MP.exp(scale + MP.mpf(1e-12)) * (0.5 + MP.mpf(1e-13))
    assert high / low - 1 == pytest.approx(2 * 1e-12 + 4 * 1e-13, rel=3e-3)
    assert Reading(np.longdouble(scale), 0.0, 0.5, 0.0).bounds == (0.5, 0.5)
    assert Reading(np.longdouble(scale), 0.0, 0.5, 1.0).bounds[0] == 0.0


# ---------------------------------------------------------------- contour integrals

LAWS = {
    "three taps": (kernel([1, 2, 3], 30), [7, 25, 40, 58]),
    "two factors": (em.Product([([1, 2, 3, 1], 20, 1), ([5, 1], 9, 2)]), [5, 20, 38, 60]),
    "two peaks": (kernel([5, 0, 7, 1e-9, 3], 25), [10, 47, 51, 90]),
    "steps": (em.Product([([2, 1, 4], 12, 1), ([1, 1], 10, 4)]), [3, 31, 40, 57]),
}


@pytest.fixture(scope="module")
def exact():
    return {
        name: exact_shares([(f.kernel.weights, f.n, *f.step) for f in made.factors])
        for name, (made, _) in LAWS.items()
    }


def mass_of_tilt(law, theta, log_p):
    """Return K(theta) of a law in 60 digits."""
    return sum(
        f.power
        * MP.log(
            sum(
                MP.mpf(p.numerator) / p.denominator * MP.exp(theta * int(x))
                for p, x in zip(own, f.steps, strict=True)
            )
        )
        for f, own in zip(law.taps, log_p, strict=True)
    )


def exact_weights(law):
    found = []
    for f in law.taps:
        weights = [Fraction(w) for w in f.weights]
        found.append([w / sum(weights) for w in weights])
    return found


@pytest.mark.parametrize("name", LAWS)
def test_tilts_have_their_means_variances_and_exponents(name):
    polynomial, places = LAWS[name]
    law = law_of(polynomial)
    tilt = solve(law, exact_pair(np.array(places)))
    sharp = sharpened(law, tilt)
    shares = exact_weights(law)
    high, low = exponent(law, tilt)
    for i, t in enumerate(places):
        theta = MP.mpf(float(tilt.theta[i]))
        first = MP.diff(lambda s: mass_of_tilt(law, s, shares), theta)
        second = MP.diff(lambda s: mass_of_tilt(law, s, shares), theta, 2)
        assert abs(first - t) < max(0.05 * math.sqrt(second), 0.0101)
        assert float(tilt.delta[i]) == pytest.approx(float(first - t), abs=1e-12)
        assert float(sharp.delta[i]) == pytest.approx(float(first - t), rel=1e-13, abs=1e-25)
        assert float(tilt.variance[i]) == pytest.approx(float(second), rel=1e-12)
        truth = mass_of_tilt(law, theta, shares) - t * theta
        assert abs(MP.mpf(float(high[i])) + MP.mpf(float(low[i])) - truth) < 1e-27 * (1 + t)
        one = exponent(law, tilt.take(np.array([i])))
        assert abs(MP.mpf(float(one[0][0])) + MP.mpf(float(one[1][0])) - truth) < 1e-27 * (1 + t)


@np.errstate(all="ignore")
@pytest.mark.parametrize("side", [None, "lower", "upper"])
@pytest.mark.parametrize("name", LAWS)
def test_integrals_are_exact_coefficients_and_tails(name, side, exact):
    polynomial, places = LAWS[name]
    law, row = law_of(polynomial), exact[name]
    if side:
        places = [t for t in places if (t > law.mean) == (side == "upper") and t != law.mean]
    tilt = sharpened(law, solve(law, exact_pair(np.array(places))))
    value, bound = circle.integral(law, tilt, side)
    high, low = exponent(law, tilt)
    found = np.exp(high + low) * value
    sums = {None: lambda t: row[t], "lower": lambda t: sum(row[: t + 1]), "upper": lambda t: sum(row[t:])}
    truth = [float(sums[side](t)) for t in places]
    assert (np.abs(found - truth) <= 2e-13 * np.exp(high + low) * bound).all()
    assert (bound >= value * (1 - 1e-12)).all()
    for i, t in enumerate(places):
        alone, own = circle.integral(law, tilt.take(np.array([i])), side)
        np.testing.assert_allclose(alone, value[i], rtol=0, atol=2e-13 * bound[i])
        np.testing.assert_allclose(own, bound[i], rtol=1e-6)
        modulus = integral_of_modulus(law, float(tilt.theta[i]), side)
        assert float(bound[i]) == pytest.approx(modulus, rel=1e-4), t


def integral_of_modulus(law, theta, side):
    """Return the mean of the modulus of the integrand over the circle, on a fine grid."""
    w = (np.arange(1 << 14) + 0.5) * (2 * np.pi / (1 << 14))
    modulus = np.ones(w.shape)
    for f in law.taps:
        q = f.share[:, 0] * np.exp(theta * f.x[:, 0])
        modulus *= np.abs(np.exp(1j * np.outer(w, f.x[:, 0])) @ (q / q.sum())) ** f.power
    if side:
        sign = 1 if side == "upper" else -1
        modulus /= np.abs(1 - np.exp(-sign * (theta + 1j * w)))
    return modulus.mean()


@np.errstate(all="ignore")
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_tails_next_to_the_mean_are_integrals_off_the_pole(side):
    """At the mean the saddle is the pole of the geometric factor: the tilt has to move."""
    polynomial = kernel([1, 2, 1], 500)
    law, sign = law_of(polynomial), 1 if side == "upper" else -1
    row = [math.comb(1000, t) for t in range(1001)]
    places = np.array([500, 500 + sign, 500 + 7 * sign, 500 + 60 * sign])
    for t in places.tolist():
        found, reach = tails._integrated_tails(law, exact_pair(np.array([t])), side)
        truth = sum(row[t:] if side == "upper" else row[: t + 1])
        check_log(found, [MP.log(truth) - 1000 * MP.log(2)])
        assert reach == 0


def test_the_ends_of_wide_laws_come_from_few_taps():
    weights = [3, 1, *range(2, 400)]
    polynomial = kernel(weights, 100)
    d = em.distribution(polynomial)
    row = series(weights, 100, 6)
    total = 100 * MP.log(sum(weights))
    check_log(d.logpmf(np.arange(6)), [MP.log(value) - total for value in row])
    check_log(d.logcdf(np.arange(6)), [MP.log(sum(row[: t + 1])) - total for t in range(6)])
    mirrored = em.distribution(kernel(weights[::-1], 100))
    last = mirrored.support()[1]
    check_log(mirrored.logsf(last - np.arange(6) - 1), [MP.log(sum(row[: t + 1])) - total for t in range(6)])


def series(weights, n, length):
    """Return the first coefficients of a power in exact integers."""
    found = [1] + [0] * (length - 1)
    for _ in range(n):
        found = [
            sum(found[t - x] * weights[x] for x in range(min(t + 1, len(weights)))) for t in range(length)
        ]
    return found


@pytest.mark.parametrize("mirrored", [False, True])
def test_coefficients_at_an_edge_have_thirty_digits(mirrored):
    weights, n = [3, 0, 1, 2], 40
    law = law_of(kernel(weights, n))
    row = series(weights[::-1] if mirrored else weights, n, 30)
    for t, value in enumerate(row):
        high, low = edge_log(law, t, mirrored)
        if not value:
            assert (high, low) == (-math.inf, 0.0)
            continue
        truth = MP.log(value) - n * MP.log(6)
        assert abs(MP.mpf(high) + MP.mpf(low) - truth) < 1e-27
    ends = end_log(law, mirrored)
    assert abs(MP.mpf(ends[0]) + MP.mpf(ends[1]) - (MP.log(row[0]) - n * MP.log(6))) < 1e-27


@pytest.mark.parametrize("value", ["0.1", "3.3", "1e-7", "0.000661064"])
def test_thirds_of_a_number_are_short_and_lose_nothing(value):
    parts = dd._thirds(Decimal(value))
    for part in parts[:2]:
        assert math.frexp(part)[0] * 2**22 == round(math.frexp(part)[0] * 2**22)
    assert abs(sum(map(Fraction, parts)) - Fraction(value)) <= Fraction(value) / 2**96


@pytest.mark.parametrize("largest", [1e-9, 1e-3, 0.05, 0.3, 0.7, 0.8, 3.0])
def test_cosine_and_sine_lose_no_digits(largest):
    x = np.array([largest, -largest / 3, largest / 1000, 0.0])
    cosine, sine = circle.cosm1_sinm(x)
    for value, c, s in zip(x.tolist(), cosine.tolist(), sine.tolist(), strict=True):
        assert c == pytest.approx(float(MP.cos(value) - 1), rel=1e-15, abs=0)
        # its digits against those of 1 - cos: both are summed
        assert s == pytest.approx(
            float(MP.sin(value) - MP.mpf(value)), rel=1e-15, abs=1e-16 * (largest > 0.5)
        )


def test_powers_and_geometric_factors():
    real, imag = np.array([-0.3, 1e-9, 0.2]), np.array([0.4, -1e-9, 0.0])
    modulus, phase = circle.log_power(7.0, real, imag)
    truth = [7 * MP.log(1 + MP.mpc(a, b)) for a, b in zip(real.tolist(), imag.tolist(), strict=True)]
    np.testing.assert_allclose(modulus, [float(v.real) for v in truth], rtol=1e-14)
    np.testing.assert_allclose(phase, [float(v.imag) for v in truth], rtol=1e-14)
    w = np.array([[0.0, 0.3, 3.0]])
    for side, sign in (("upper", 1), ("lower", -1)):
        found = circle.tail_factor(np.array([sign * 0.5]), w, side)[0]
        sums = [sum(np.exp(-(0.5 + sign * 1j * v) * j) for j in range(100)) for v in w[0]]
        np.testing.assert_allclose(found, sums, rtol=1e-13)


@pytest.mark.parametrize("cost", [[5.0], [2.0**15, 1.0, 2.0**17, 3.0, 2.0**15, 2.0**15], [1.0] * 9])
def test_batches_hold_each_point_once_and_no_more_than_fits(cost):
    cost = np.array(cost)
    points = np.flatnonzero(cost > 0)
    found = [batch.tolist() for batch in circle._batches(points, cost)]
    assert sorted(point for batch in found for point in batch) == points.tolist()
    for batch in found:
        assert len(batch) == 1 or len(batch) * cost[batch].max() <= 2**16
    if len(points) * cost.max() <= 2**16:
        assert found == [points.tolist()]
    else:
        assert found == [[2], [0, 4], [5, 3], [1]]  # the dearest first, as many as fit of its kind


@pytest.mark.parametrize("name", LAWS)
def test_a_period_leaves_nothing_beyond(name, exact):
    law, row = law_of(LAWS[name][0]), exact[name]
    tilt = tilted(law, np.array([0.0]), exact_pair(np.array([law.mean])))
    for side in (None, "lower", "upper"):
        period = period_of(law, np.array([0.2]), tilt.variance, side)[0]
        least = 13.8 * law.extent
        alone = least + math.sqrt(least**2 + 2.02 * 41 * law.variance)
        assert period == pytest.approx(max(alone, 41 / 0.2 if side else 0), rel=1e-12)
        far = [float(p) for t, p in enumerate(row) if abs(t - law.mean) >= period]
        assert sum(far) < 1e-17


def test_a_residue_that_no_steps_reach_is_an_exact_zero():
    """(1 + z^6)^400 (1 + z^4 / 10^9): on every other index, one residue of three is out of reach."""
    law = law_of(em.Product([([1, 1], 400, 6), ([10**9, 1], 1, 4)]))
    total = 2**400 * (10**9 + 1)
    for t, count in [(450, math.comb(400, 150) * 10**9), (452, math.comb(400, 150)), (451, 0)]:
        tilt = solve(law, exact_pair(np.array([t])))
        period = period_of(law, tilt.theta, tilt.variance, None).item()
        value, bound = split_integral(law, tilt, period, False)
        high, low = exponent(law, tilt)
        assert value * math.exp(high[0] + low[0]) == pytest.approx(count / total, rel=1e-12, abs=0)
        assert bound >= value * (1 - 1e-12)
        assert (bound == 0) == (count == 0)


@pytest.mark.parametrize("size", [300, 3000])
def test_lumps_of_taps_keep_mass_and_mean(size):
    """Few lumps are enough to look for a tilt; at both ends each is a single tap."""
    weights = (1 + np.arange(size) % 7).tolist()
    total, first = sum(weights), sum(x * w for x, w in enumerate(weights))
    (factor,) = windows.factors_of(kernel(weights, 3))
    (taps,) = law_of(kernel(weights, 3)).taps
    scale = 2.0**factor.exponent
    place, bits = factor.coarse
    column, shares = taps.coarse
    for at, mass in [(place, np.exp2(bits) * scale / total), (column[:, 0], np.exp(shares[:, 0]))]:
        assert len(at) == len(mass) <= size
        assert mass.sum() == pytest.approx(1, rel=1e-12)
        assert at @ mass == pytest.approx(first / total, rel=1e-12)
        assert at[:90].tolist() == list(range(90))
        assert at[-90:].tolist() == list(range(size - 90, size))
        assert mass[:90] == pytest.approx(np.array(weights[:90]) / total, rel=1e-12, abs=0)
        assert mass[-90:] == pytest.approx(np.array(weights[-90:]) / total, rel=1e-12, abs=0)


# ---------------------------------------------------------------- lobes of wide laws


def bare_lobe(law):
    scale = 45 / math.sqrt(law.variance)
    return Lobe(
        dd.pair(sum(f.mean for f in law.taps)),
        law.variance,
        tuple(f.n for f in law.taps),
        tuple(Lumps.of(f.share[:, 0], f.centred[:, 0], scale) for f in law.taps),
    )


@pytest.mark.parametrize(("n", "equals"), [(20, True), (59, True), (60, False), (400, False)])
def test_lobes_of_steps_are_equals_until_another_factor_is_small_there(n, equals):
    """At the frequency 1/2 the flat factor, on even places, has modulus 1, and the other 2^-n."""
    law = law_of(em.Product([([1] * 60, 500, 2), ([1, 3], n, 1)]))
    assert bare_lobe(law).has_equals(law) == equals
    if equals:
        assert lobe_of(law) is None


@pytest.mark.parametrize("weights", [np.ones(200), 0.98 ** np.arange(150), 1 + np.arange(100) % 7])
def test_a_lobe_moves_its_mean_and_knows_its_moments(weights):
    law = law_of(kernel(weights.tolist(), 1000))
    lobe, deviation = lobe_of(law), math.sqrt(law.variance)
    tau = np.array([-12.0, -3.0, 0.0, 0.5, 9.0]) * deviation
    theta = lobe._saddle(tau)
    here = lobe._tilted(theta)
    assert (np.abs(tau - here.mean) <= 0.05 * np.sqrt(here.variance)).all()
    p, y = law.taps[0].share[:, 0], law.taps[0].centred[:, 0]
    for s, mean, variance, width in zip(theta, here.mean, here.variance, here.width, strict=True):
        q = p * np.exp(s * y)
        q /= q.sum()
        first = q @ y
        second, fourth = q @ (y - first) ** 2, q @ (y - first) ** 4
        assert mean == pytest.approx(1000 * first, rel=1e-9, abs=1e-6)
        assert variance == pytest.approx(1000 * second, rel=1e-9)
        assert width == pytest.approx(math.sqrt(6 * second / (fourth + 3 * second**2)), rel=1e-6)
