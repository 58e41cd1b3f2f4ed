"""Rows by convolution, transforms, tables and whole numbers step by step, against integers."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles import naive_power
from oracles_tails import exact_row, exact_shares, exact_tails

import erfmath as em
from erfmath.core import circle, coefficients, convolved, direct, fft, kept_rows, plan, scaled, signed, table
from erfmath.core.scaled import Scaled

MP = mpmath.mp.clone()
MP.dps = 60


def exact_values(row):
    """The whole grid of a scaled row as rationals."""
    grid = np.zeros(row.shape, dtype=object)
    places = tuple(slice(s, s + m) for s, m in zip(row.start, row.values.shape, strict=True))
    grid[places] = [Fraction(v) for v in row.values.tolist()]
    return [value * Fraction(2) ** row.exponent for value in grid.tolist()]


# ---------------------------------------------------------------- convolution


POWERS = [
    *(([1, 2, 3], n) for n in (1, 2, 3, 7, 90, 900)),
    *(([0, 0, 4, 0, 0, 1, 0, 0, 9, 0], n) for n in (1, 2, 30)),
    *(([2, 1, 2], n) for n in (2, 7, 901)),
    *(([1, -3, 2], n) for n in (1, 5, 20)),
    ([0, 5, 0], 9),
    ([10**200, 1, 10**150], 6),
    ([1, 10**9], 60),
]


@pytest.mark.parametrize(("weights", "n"), POWERS)
def test_powers_by_squaring(weights, n):
    row = direct.power(np.array(weights, dtype=float), n)
    exact = naive_power(weights, n).tolist() if n < 40 else exact_row([(weights, n, 1)])[0]
    magnitudes = naive_power(np.abs(weights).tolist(), n).tolist() if n < 40 else exact
    assert row.shape == (len(exact),) == (n * (len(weights) - 1) + 1,)
    values = np.zeros(len(exact))
    values[row.start[0] : row.start[0] + len(row.values)] = row.values
    peak = MP.mpf(max(magnitudes))
    for value, truth, size in zip(values.tolist(), exact, magnitudes, strict=True):
        found = MP.ldexp(MP.mpf(value), row.exponent)
        if size > peak * MP.mpf(10) ** -400:
            assert abs(found - truth) <= size * (n + 30) * MP.mpf(2) ** -53
        else:
            assert abs(found - truth) <= size * (1 + MP.mpf(10) ** -10)


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 300])
def test_mirrored_squares_are_squares(length):
    half = np.random.default_rng(length).random((length + 1) // 2)
    row = np.concatenate((half, half[: length // 2][::-1]))
    found = direct._mirrored_square(row)
    np.testing.assert_allclose(found, np.convolve(row, row), rtol=1e-13)
    assert found.tolist() == found[::-1].tolist() or length < 256


@pytest.mark.parametrize("shape", [(3, 400), (300, 300), (2000, 40)])
def test_sparse_and_long_rows_are_convolved_as_any(shape, monkeypatch):
    draw = np.random.default_rng(0)
    left, right = draw.random(shape[0]), draw.random(shape[1])
    sparse = np.where(np.arange(shape[0]) % 17 == 0, left, 0)
    for a, b in [(left, right), (right, left), (sparse, right), (right, sparse)]:
        np.testing.assert_allclose(direct._convolve(a, b), np.convolve(a, b), rtol=1e-13)
    monkeypatch.setattr(direct, "_SHORT", 0)
    monkeypatch.setattr(direct, "_PIECE", 7)
    for a, b in [(left, right), (right, left), (sparse, right), (right, sparse)]:
        np.testing.assert_allclose(direct._convolve(a, b), np.convolve(a, b), rtol=1e-13)


def test_who_shifts_and_who_goes_in_pieces(monkeypatch):
    asked = []
    add, whole = direct._add_shifted, np.convolve
    monkeypatch.setattr(direct, "_add_shifted", lambda *args: asked.append("shift") or add(*args))
    monkeypatch.setattr(np, "convolve", lambda a, b: asked.append((len(a), len(b))) or whole(a, b))
    monkeypatch.setattr(direct, "_SHORT", 320)
    monkeypatch.setattr(direct, "_PIECE", 20)
    dense = np.ones(10)
    rare = np.zeros(33)
    rare[[0, 9]] = 1
    for a, b, expected in [
        (rare, np.ones(9), [(33, 9)]),  # 297 products
        (rare, dense, ["shift"]),  # 2 taps, 16 times as many places and one
        (rare[:32], dense, [(32, 10)]),
        (np.ones(40), np.ones(20), [(40, 20)]),
        (np.ones(40), np.ones(21), [(40, 20), (40, 1)]),
        (np.ones(21), np.ones(45), [(21, 20), (21, 20), (21, 5)]),
    ]:
        asked.clear()
        found = direct._convolve(a, b)
        assert asked == expected
        np.testing.assert_allclose(found, whole(a, b), rtol=1e-14)


def test_products_of_rows_keep_their_places_and_exponents():
    one = Scaled(np.array([1.0, 2.0]), 700, (3,), (7,))
    two = Scaled(np.array([3.0, 0.0, 5.0]), -200, (1,), (4,))
    three = Scaled(np.array([7.0]), 9, (0,), (1,))
    for rows in ([one, two, three], [three, one, two], [two, three, one]):
        found = direct.product(rows)
        assert (found.start, found.shape, len(found.values)) == ((4,), (10,), 4)
        assert exact_values(found) == [0] * 4 + [c * 7 * Fraction(2) ** 509 for c in (3, 6, 5, 10)] + [0, 0]
    tiny = direct.convolve(np.array([2.0**-800, 1.0]), np.array([2.0**-800, 1.0]))
    assert (tiny.start, tiny.shape) == ((1,), (3,))
    assert exact_values(tiny) == [0, Fraction(2) ** -799, 1]


def test_the_shortest_rows_are_multiplied_first(monkeypatch):
    pairs = []
    real = direct._multiply
    monkeypatch.setattr(
        direct, "_multiply", lambda a, b: pairs.append((len(a.values), len(b.values))) or real(a, b)
    )
    direct.product([Scaled(np.ones(k), 0, (0,), (k,)) for k in (9, 2, 5, 3)])
    assert pairs == [(2, 3), (4, 5), (8, 9)]


def test_the_bound_of_convolution_counts_roundings():
    unit = 2.0**-53
    assert direct.roundings(100) == 20 + 100 / 8192
    assert direct.roundings(8192 * 4) == 2 * math.sqrt(8192) + 4
    for length, powers, levels in [(100, [5], 3), (100, [5, 8], 6), (50, [], 0), (7, [1, 1, 1, 1, 1], 7)]:
        own = direct.roundings(length) * (levels / 2 + 2) + sum(powers) + 1
        if powers:
            assert direct.error_bound(length, powers) == pytest.approx(unit * own, rel=1e-14, abs=0)


@pytest.mark.parametrize(
    "product",
    [
        [([1, 2, 3], 5, 2), ([0, 4, 1], 3, 1)],
        [([Fraction(1, 3), Fraction(2, 7)], 4, 1)],
        [([0, 7, 0], 3, 2), ([1, 1], 2, 1)],
        [([0, -7], 3, 1)],
        [([0, -7], 4, 1)],
        [([1, 1], 0, 1)],
        [([Fraction(1, 10**400), 1], 2, 1)],
    ],
)
def test_rows_by_convolution_are_those_of_rationals(product):
    row = convolved.convolved_row(em.Product(product))
    ints, denominator = [1], 1
    for weights, n, step in product:
        exact = [Fraction(w) for w in weights]
        power = naive_power(exact, n)
        spread = np.zeros(step * (len(power) - 1) + 1, dtype=object)
        spread[::step] = power
        ints = np.convolve(np.array(ints, dtype=object), spread)
    found = exact_values(row)
    assert len(found) == len(ints)
    for value, truth in zip(found, ints, strict=True):
        truth = Fraction(truth) / denominator
        assert abs(value - truth) <= abs(truth) * Fraction(1, 10**14) or abs(truth) < Fraction(1, 10**390)
    mass = sum(Fraction(c) for c in ints)
    if all(w >= 0 for weights, _, _ in product for w in weights):
        first, shares = convolved.convolved_shares(em.Product(product))
        assert first == row.start[0]
        assert shares.sum() == pytest.approx(1, rel=1e-14)
        mantissa, exponent = convolved.total(em.Product(product))
        assert Fraction(mantissa) * Fraction(2) ** exponent == pytest.approx(float(mass), rel=1e-15, abs=0)


# ---------------------------------------------------------------- transforms


def test_products_of_transforms_in_two_axes():
    a, b = np.array([[1.0, 2], [3, 4], [0, 1]]), np.array([[2.0, -1, 5]])
    found = fft.product([(a, 2), (b, 3)], (5, 9))
    exact = naive_power(a.tolist(), 2)
    for _ in range(3):
        grown = np.zeros((exact.shape[0], exact.shape[1] + 2), dtype=object)
        for j, w in enumerate([2, -1, 5]):
            grown[:, j : j + exact.shape[1]] += w * exact
        exact = grown
    assert (found.start, found.shape) == ((0, 0), (5, 9))
    np.testing.assert_allclose(
        found.values * 2.0**found.exponent, exact.astype(float), atol=1e-12 * abs(exact).max()
    )


@pytest.mark.parametrize("size", [1.0, 1e-60, 1e60])
@pytest.mark.parametrize("n", [1, 2, 5, 37, 1000])
def test_powers_of_spectra_never_leave_the_floats(size, n):
    spectrum = size * np.array([1.0, 0.5 + 0.25j, -1e-3j])
    power, exponent = fft._spectrum_power(spectrum, n)
    for value, found in zip(spectrum.tolist(), power.tolist(), strict=True):
        truth = MP.mpc(value) ** n
        peak = MP.mpf(size) ** n
        assert abs(MP.mpc(found) * MP.mpf(2) ** exponent - truth) <= 1e-13 * peak
    assert 2.0**-800 < np.abs(power).max() <= 1


def test_lengths_of_transforms_and_their_bound():
    assert fft.transform_shape((7, 11)) == (7, 12)
    assert fft.transform_shape((23,)) == (24,)
    assert fft.transform_shape((11, 13)) == (11, 15)
    assert fft.error_bound(64, [3, 4]) == pytest.approx(4 * 2.0**-53 * 8 * 8, rel=1e-15, abs=0)


# ---------------------------------------------------------------- floats and exponents


@pytest.mark.parametrize(
    "value", [Fraction(3), Fraction(1, 3), Fraction(10**700, 7), Fraction(1, 10**700 + 1)]
)
def test_rationals_split_into_a_mantissa_and_an_exponent(value):
    mantissa, exponent = scaled.split(value)
    assert 0.5 <= mantissa < 1
    assert abs(Fraction(mantissa) * Fraction(2) ** exponent / value - 1) <= Fraction(1, 2**53)
    mantissa, exponent = scaled.split_product([(value, 1000), (Fraction(5, 7), 10**15), (value, 0)])
    truth = 1000 * MP.log(MP.mpf(value.numerator) / value.denominator) + 10**15 * MP.log(MP.mpf(5) / 7)
    assert abs(MP.log(mantissa) + exponent * MP.log(2) - truth) < 1.2e-16


def test_products_are_rounded_once():
    assert scaled.split_product([]) == (0.5, 1)
    third, _ = scaled.split_product([(Fraction(1, 3), 3**9)])
    exact = MP.mpf(3) ** -(3**9)
    assert third == float(exact / MP.mpf(2) ** (MP.floor(MP.log(exact, 2)) + 1))


def test_windows_become_grids_or_say_why_not():
    row = Scaled(np.array([[1.5, -3.0]]), 4, (1, 2), (3, 5))
    grid = row.to_floats()
    assert grid.shape == (3, 5)
    assert (grid[1, 2], grid[1, 3], np.count_nonzero(grid)) == (24, -48, 2)
    assert row.to_unit_sum().tolist() == [[-1.0, 2.0]]
    assert Scaled(np.array([0.75]), 1024, (0,), (1,)).to_floats().tolist() == [0.75 * 2.0**1023 * 2]
    assert Scaled(np.array([-0.75]), 1024, (0,), (1,)).to_floats().tolist() == [-0.75 * 2.0**1023 * 2]
    assert Scaled(np.array([2.0**80]), -1100, (0,), (1,)).to_floats().tolist() == [2.0**-1020]
    assert Scaled(np.array([1.0]), -1074, (0,), (1,)).to_floats().tolist() == [2.0**-1074]
    with pytest.raises(ValueError, match=r"overflow: the largest is near 1e309, .* or normalize"):
        Scaled(np.array([1.5, 0.0]), 1024, (0,), (2,)).to_floats()
    with pytest.raises(ValueError, match=r"overflow: .* or divide by ten"):
        Scaled(np.array([0.0, -1.5]), 1024, (0,), (2,)).to_floats(lambda: "divide by ten")
    with pytest.raises(ValueError, match=r"underflow: the largest is near 1e-323, .* or normalize"):
        Scaled(np.array([0.5]), -1074, (0,), (1,)).to_floats()
    with pytest.raises(ValueError, match=r"underflow: .* or divide by ten"):
        Scaled(np.array([0.25]), -1074, (0,), (1,)).to_floats(lambda: "divide by ten")


def test_rows_rescale_exactly_and_multiply_over_axes():
    values, exponent = scaled.rescaled(np.array([3.0, -40.0, 0.0]), 10)
    assert (values.tolist(), exponent) == ([3 * 16, -640, 0], -4)
    values, exponent = scaled.rescaled(np.array([33.0, -4.0]), 0)
    assert (values.tolist(), exponent) == ([33 / 64, -4 / 64], 6)
    both = scaled.outer(
        [Scaled(np.array([1.0, 2.0]), 3, (1,), (4,)), Scaled(np.array([5.0, 0.0, 3.0]), -5, (2,), (6,))]
    )
    assert (both.start, both.shape) == ((1, 2), (4, 6))
    assert (both.values * 2.0**both.exponent).tolist() == [[1.25, 0, 0.75], [2.5, 0, 1.5]]


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    "factors",
    [
        [([1, 2, 3], 40)],
        [([Fraction(1, 3), Fraction(5, 7)], 30), ([2, 0, 0, 1], 9), ([7], 10**6)],
        [([1, Fraction(1, 10**80), 1], 12)],
        [([1, 0, 0, Fraction(1, 10**400), 1], 3)],
        [([1] * 5, 200)],
        [([3], 4)],
    ],
)
def test_tables_hold_every_entry_and_every_tail(factors):
    exact = [([Fraction(w) for w in weights], n) for weights, n in factors]
    found = table.table(exact)
    small = [(weights, n) for weights, n in factors if len(weights) > 1]
    row, denominator = exact_row([(weights, n, 1) for weights, n in small])
    unit = math.prod((Fraction(w[0]) ** n for w, n in factors if len(w) == 1 and n < 100), start=Fraction(1))
    if any(n > 100 for w, n in factors if len(w) == 1):
        row_logs = found.logs(True)
    else:
        total = Fraction(found.total[0]) * Fraction(2) ** found.total[1]
        assert total == pytest.approx(sum(row) * unit / denominator, rel=1e-15)
        row_logs = found.logs(True)
        for log, c in zip(found.logs(False).tolist(), row, strict=True):
            truth = (
                MP.log(MP.mpf(c)) - MP.log(denominator) + MP.log(MP.mpf(unit.numerator)) if c else -math.inf
            )
            assert log == pytest.approx(float(truth), rel=4e-16, abs=1e-13)
    shares = exact_shares([(weights, n, 1) for weights, n in small])
    np.testing.assert_allclose(found.probabilities(), shares, rtol=1e-13)
    lower, upper = exact_tails([(weights, n, 1) for weights, n in small])
    for t, log in enumerate(row_logs.tolist()):
        assert (log == -math.inf) == (row[t] == 0)
        assert found.log_lower[t] == pytest.approx(float(lower[t]), rel=1e-13, abs=1e-320)
        before = upper[t - 1] if t else MP.mpf(0)
        assert found.log_upper[t] == pytest.approx(float(before), rel=1e-13, abs=1e-320)


def test_long_sums_run_over_all_binary_orders(monkeypatch):
    """In runs that end where the numbers span too many bits, each on top of those before it."""
    monkeypatch.setattr(table, "_RUN", 5)
    monkeypatch.setattr(table, "_RUN_BITS", 40)
    exponents = np.array([0, -30, -60, -90, 10, 10, 500, 500, 500, 500, 500, 500, 500, 1000, -1000, 1000])
    mantissas = np.full(16, 0.75)
    numbers = [Fraction(3, 4) * Fraction(2) ** int(e) for e in exponents]
    mantissa, exponent = scaled.split(sum(numbers))
    made = table.Table(mantissas, exponents, (mantissa, exponent))
    below = Fraction(0)
    for t, number in enumerate(numbers):
        below += number
        share = below / sum(numbers)
        rest = 1 - share
        truth = (
            MP.log1p(-MP.mpf(rest.numerator) / rest.denominator)
            if share > 0.5
            else MP.log(MP.mpf(share.numerator)) - MP.log(MP.mpf(share.denominator))
        )
        assert made.log_lower[t] == pytest.approx(float(truth), rel=1e-13, abs=1e-300), t
    rest = sum(numbers)
    for t, number in enumerate(numbers):
        share = rest / sum(numbers)
        gone = 1 - share
        truth = (
            MP.log1p(-MP.mpf(gone.numerator) / gone.denominator)
            if share > 0.5
            else MP.log(MP.mpf(share.numerator)) - MP.log(MP.mpf(share.denominator))
        )
        assert made.log_upper[t] == pytest.approx(float(truth), rel=1e-13, abs=1e-300), t
        rest -= number


def test_probabilities_beyond_all_floats_are_zero():
    made = table.Table(np.array([0.5, 0.5, 0.0, 0.5]), np.array([0, -3000, 0, -(2**40)]), (0.5, 0))
    assert made.probabilities().tolist() == [1, 0, 0, 0]
    assert made.logs(True)[1] == pytest.approx(-3000 * math.log(2), rel=1e-15, abs=0)


@pytest.mark.parametrize("length", [10, 4096, 10**6])
def test_the_bound_of_sums_counts_runs(length):
    from erfmath.core.sums import roundings

    own = 2 * roundings(min(length, 4096)) + length / 4096
    assert table.sums_error(length) == pytest.approx(2.0**-53 * own, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    "factors",
    [
        [([1, 0, 2], 3)],
        [([1, 2, 3], 4), ([1, 1], 2)],
        [([1, 0, 0, 4, 0, 1], 5), ([3, 0, 0, 0, 0, 0, 0, 1], 2)],
        [([5], 3)],
    ],
)
def test_reachable_entries_are_those_that_are_not_zero(factors):
    row, _ = exact_row([(weights, n, 1) for weights, n in factors])
    found = table.reachable([([Fraction(w) for w in weights], n) for weights, n in factors])
    assert found.tolist() == [bool(c) for c in row]


@pytest.mark.parametrize("goal", [0, 1, 40, 70, 117, 118])
def test_tilts_of_a_table_lie_at_or_below_their_goal(goal):
    weights = [
        (table._split_all([Fraction(w) for w in (1, 2, 3)]), 50),
        (table._split_all([Fraction(1), Fraction(1, 9)]), 18),
    ]
    tilt = table._tilt_towards(weights, goal)

    def mean(s):
        found = MP.mpf(0)
        for taps, n in (([1, 2, 3], 50), ([1, Fraction(1, 9)], 18)):
            q = [
                MP.mpf(Fraction(w).numerator) / Fraction(w).denominator * MP.mpf(2) ** (s * j)
                for j, w in enumerate(taps)
            ]
            found += n * sum(j * p for j, p in enumerate(q)) / sum(q)
        return found

    for s in (tilt, -3, 0, 2):
        assert table._tilted_mean(weights, s) == pytest.approx(float(mean(s)), rel=1e-12, abs=1e-300)
    if abs(tilt) < table._LARGEST_TILT:
        assert mean(tilt) <= goal * (1 + 1e-15) or goal == 0
        assert mean(tilt + 1) > goal or goal == 118


def test_weights_are_split_each_once():
    mantissas, exponents = table._split_all([Fraction(3), Fraction(0), Fraction(1, 10**500), Fraction(3)])
    assert mantissas.tolist()[:2] == [0.75, 0.0]
    assert exponents.tolist()[:2] == [2, 0]
    assert (mantissas[3], exponents[3]) == (0.75, 2)
    assert abs(Fraction(mantissas[2]) * Fraction(2) ** int(exponents[2]) * 10**500 - 1) < Fraction(1, 2**52)
    mantissas, exponents = table._split_all([Fraction(3)] * 4)
    assert (mantissas.tolist(), exponents.tolist()) == ([0.75] * 4, [2] * 4)
    values, top = table._tilted((np.array([0.5, 0.0, 0.75]), np.array([1, 0, -5])), 4)
    assert (values.tolist(), top) == ([0.5 * 2.0**-2, 0, 0.75], 3)
    assert table._tilted((np.array([0.5, 0.75]), np.array([1, -5000])), 1)[0].tolist() == [0.5, 0]


# ---------------------------------------------------------------- kept rows


def test_rows_are_kept_where_they_are_worth_their_cost():
    flat, near, plain = (
        em.Product([f])
        for f in (([1] * 300, 3, 1), ([1, 0, 0] * 10 + [1, 1e-6], 64, 1), ([1, 2, 3], 5000, 1))
    )
    assert kept_rows.known(plain, np.arange(200), "share") is None
    kept_rows._row_of.cache_clear()
    assert kept_rows.known(flat, np.arange(63), "share") is None
    assert kept_rows.known(flat, np.arange(64), "share") is not None
    assert kept_rows.known(flat, np.arange(3), "share") is not None
    kept_rows._row_of.cache_clear()
    kept_rows.keep(flat)
    assert kept_rows.known(flat, np.arange(3), "lower") is not None
    assert not kept_rows._has_cheap_convolution(plain, 10**9)
    cost = plan.direct_operations(near)
    assert kept_rows._has_cheap_convolution(near, math.ceil(cost / 1e6))
    assert not kept_rows._has_cheap_convolution(near, math.ceil(cost / 1e6) - 1)


def test_what_lies_below_the_floats_is_not_known():
    product = [([1] * 300, 3, 1)]
    row = kept_rows._row_of(em.Product(product))
    shares = exact_shares(product)
    np.testing.assert_allclose(row.mantissas * 2.0**row.exponents, shares, rtol=1e-12)
    assert row.total == (1.0, 0)
    zeros = kept_rows._convolved(em.Product([([0, 1, 0, 2], 3, 2), ([0, 1, 1], 2, 1)]))
    np.testing.assert_allclose(zeros, exact_shares([([1, 0, 2], 3, 2), ([1, 1], 2, 1)]), rtol=1e-14)
    deep = em.Product([([1, 1e-100] + [1e-100] * 300, 9, 1)])
    found = kept_rows.known(deep, np.arange(100), "share")
    if found is not None:
        assert np.isnan(found[found < -650]).all()


# ---------------------------------------------------------------- signs and whole numbers


def test_signs_count_in_the_steps_between_the_taps():
    """(1 - z^2)^5 has signs, (1 + z - z^2)^5 none of its own."""
    found = signed.signs_of(em.Product([([0, 1, 0, -1], 5, 1)]))
    assert (found.sign, found.first, found.span, found.odd) == (1, (5,), (2,), (0,))
    assert found.of((5,), np.array([1.0, 0, 5, 0, 10])).tolist() == [1, 0, -5, 0, 10]
    assert found.of((7,), np.array([5.0, 0, 10])).tolist() == [-5, 0, 10]
    assert found.at(np.array([[5], [7], [15]])).tolist() == [1, -1, -1]
    assert signed.signs_of(em.Product([([1, 1, -1], 5, 1)])) is None
    two = signed.signs_of(em.Product([([[-1, 2], [1, -2]], 3, (1, 2)), ([[1, 1]], 0, (1, 1))]))
    assert (two.sign, two.first, two.span, two.odd) == (-1, (0, 0), (1, 2), (0, 1))
    assert two.of((0, 0), np.ones((2, 4))).tolist() == [[-1, -1, 1, 1], [1, 1, -1, -1]]
    assert two.at([[0, 0], [1, 2], [3, 4]]).tolist() == [-1, -1, 1]


def test_floats_nearest_to_long_quotients():
    unit = Fraction(3**250, 7**251)
    row = [0, 1, -1, 5**90, -(11**200), 2**1030, 10**300 + 1]
    for exponent in (0, 5, -40, 300):
        found = signed._times(row, unit, exponent)
        for value, near in zip(row, found.tolist(), strict=True):
            exact = value * unit / Fraction(2) ** exponent
            assert near == exact.numerator / exact.denominator
            assert math.copysign(1, near) == (-1 if value < 0 else 1)
    short = signed._times([3, -4, 0], Fraction(2, 7), 1)
    assert short.tolist() == [3 / 7, -4 / 7, 0]
    tiny = signed._times([1, -1, 2**90], Fraction(3**700, 7**900), 0)
    exact = Fraction(3**700, 7**900)
    assert tiny.tolist() == [float(exact), -float(exact), float(2**90 * exact)]
    assert signed._times([1, -1], Fraction(3**700, 7**1000), 0).tolist() == [0.0, -0.0]


def test_logarithms_of_quotients():
    for above, below in [(1, 1), (7, 3), (3, 7), (10**400 + 1, 10**400), (5, 10**500), (10**500, 3)]:
        truth = MP.log(MP.mpf(above)) - MP.log(MP.mpf(below))
        if above == 10**400 + 1:
            assert signed._log(above, below) == 0.0
        else:
            assert signed._log(above, below) == pytest.approx(float(truth), rel=1e-15, abs=0)
    assert signed._log(0, 5) == -math.inf


def test_whole_taps_have_no_common_factor():
    grid, content = signed._whole_taps(em.Kernel([Fraction(2, 3), Fraction(-4, 9), 0, 6]))
    assert (grid.tolist(), content) == ([3, -2, 0, 27], Fraction(2, 9))
    row, unit = signed.integer_row(
        em.Product([([Fraction(2, 3), Fraction(-4, 9)], 2, 2), ([4, 4], 1), ([1, 1], 0)])
    )
    assert [c * unit for c in row] == [Fraction(4 * c, 81) for c in (36, 36, -48, -48, 16, 16)]
    assert signed.integer_row(em.Product([([5, 3], 0)])) == ([1], 1)


def test_what_whole_numbers_cost():
    """Of 2 z^2 - 3 to the power 5, 11 coefficients of 2 taps: sums below 5^5."""
    operations, memory = signed.rounded_cost(em.Product([([-3, 0, 2], 5, 1)]))
    digits = 5 * math.log2(5) / 30 + 1
    assert operations == pytest.approx(4 * 11 * (800 + 150 * 2 + digits * (2 * 2 * 1 + 5)), rel=1e-12, abs=0)
    assert memory == pytest.approx(11 * (44 + 4 * digits), rel=1e-12, abs=0)
    huge = em.Product([([-(10**30), 3], 5, 1)])
    norm, size = math.log2(10**30 + 3), 6
    each = math.ceil((math.log2(size * 5 + 2) + norm) / 30)
    digits = 5 * norm / 30 + 1
    assert signed.rounded_cost(huge)[0] == pytest.approx(
        4 * size * (800 + 300 + digits * (4 * each + 20 * each)), rel=1e-9, abs=0
    )
    two = em.Product([([[1, -1], [2, 1]], 2, (1, 1)), ([[1, 1]], 3, (1, 2))])
    size = 3 * 9
    digits = (2 * math.log2(5) + 3 * 1) / 30 + 1
    taps = min(4 * 2, 1 + 3 + 2)
    assert signed.rounded_cost(two)[0] == pytest.approx(
        4 * size * (800 + 150 * taps + digits * (2 * taps + 5)), rel=1e-12, abs=0
    )
    for limit, takes in [(operations, True), (operations * (1 - 1e-12), False)]:
        assert signed.takes(em.Product([([-3, 0, 2], 5, 1)]), limit) == takes


def test_whole_numbers_are_told_from_others():
    for product, whole in [
        ([([1, -2, 3], 20)], True),
        ([([1, -1], 53)], True),
        ([([1, -1], 54)], False),
        ([([1, -2.0], 3)], False),
        ([([1, Fraction(1, 2)], 3)], False),
        ([([[1, -1], [1, 1]], 5)], True),
        ([([[1, -1], [1, -1]], 5)], False),
    ]:
        assert signed.is_whole(em.Product(product)) == whole


def test_the_scaling_that_is_named():
    assert signed.scaling_of(em.Product([([1, 2], 900)])) == "normalize() the kernel"
    words = (
        "divide the weights by {}, their largest sum on the circle (normalize() divides by their sum); "
        "log_coefficients() takes signed weights with return_sign=True"
    )
    found = signed.scaling_of(em.Product([([50, -50], 900)]))
    by = found.split()[4].rstrip(",")
    assert (found, float(by)) == (words.format(by), pytest.approx(100, rel=1e-9))
    large = em.Product([([5 * 10**350, -5 * 10**350], 900)])
    assert signed.scaling_of(large) == words.format("Fraction(10)**351")


@pytest.mark.parametrize(
    "factors",
    [
        [([1, -1], 7, 1)],
        [([1, 1, -1], 4, 1)],
        [([[1, -1], [1, 1]], 3, (1, 1))],
        [([1, -2, 1], 2, 3), ([1, 1], 5, 1)],
    ],
)
def test_peaks_on_the_circle(factors):
    polynomial = em.Product(factors)
    ndim = polynomial.ndim
    side = 4096 if ndim == 1 else 256
    value = np.ones((side,) * ndim, dtype=complex)
    for weights, n, step in factors:
        grid = np.array(weights, dtype=float)
        steps = (step,) if isinstance(step, int) else step
        spread = np.zeros([a * (k - 1) + 1 for a, k in zip(steps, grid.shape, strict=True)])
        spread[tuple(slice(None, None, a) for a in steps)] = grid
        value *= np.fft.fftn(spread, (side,) * ndim, axes=range(ndim)) ** n
    truth = math.log2(np.abs(value).max())
    assert circle.log2_peak(polynomial) == pytest.approx(truth, abs=2e-3)
    peaks = sum(
        n
        * math.log2(
            np.abs(np.fft.fftn(np.array(weights, dtype=float), (side,) * ndim, axes=range(ndim))).max()
        )
        for weights, n, _ in factors
    )
    assert circle.log2_of_peaks(polynomial) == pytest.approx(peaks, abs=2e-3)


# ---------------------------------------------------------------- which method


def test_signed_rows_take_whole_numbers_convolution_or_transforms(monkeypatch):
    choose = plan._choose_signed
    losing = em.Product([([1.0, 1.0, -1.0], 60)])
    assert choose(em.Product([([1, 2, -1], 9)])) == (
        "direct",
        "signed whole numbers below 2^53, which floats hold",
    )
    assert choose(losing) == ("rounded", "signed weights may cancel, and whole numbers are quick here")
    monkeypatch.setattr(plan, "is_quick", lambda _: False)
    monkeypatch.setattr(plan, "takes", lambda *_: False)
    assert choose(losing) == ("fft", "signed weights, whose products cancel: the FFT loses less")
    assert choose(em.Product([([1.0, 1.0, -1.0], 9)])) == ("direct", "signed weights, and the row is short")
    long = em.Product([([1.0, 0.5, -0.3], 20_000)])
    assert choose(long) == ("fft", "signed weights, and the FFT is faster at this length")
    bad = em.Product([([1.0, 1.0, -1.0], 300)])
    assert choose(bad)[0] == "fft"
    asked = []
    monkeypatch.setattr(plan, "takes", lambda _, limit: asked.append(limit) or True)
    monkeypatch.setattr(plan, "_HALF_THE_DIGITS", -1000.0)
    assert choose(bad) == ("rounded", "signed weights cancel so far that floats lose half their digits")
    assert asked == [4 * 10**10]


def test_digits_that_cancellation_leaves(monkeypatch):
    made = em.plan([1.0, 1.0, -1.0], 60, "direct")
    bound = made.polynomial.log2_norm + math.log2(made.error)
    for margin, is_left in ((1e-9, True), (-1e-9, False)):
        values = np.array([0.0, -(2.0 ** (bound - 30 + margin)), 0.0])
        row = Scaled(values, 30, (0,), (3,))
        if is_left:
            coefficients._require_digits(row, made)
        else:
            with pytest.raises(
                ValueError, match=r"leave no digit .* method='rounded', .* method='direct' to see"
            ):
                coefficients._require_digits(row, made)
    with pytest.raises(ValueError, match="no digit"):
        coefficients._require_digits(Scaled(np.zeros(3), 30, (0,), (3,)), made)
    made = em.plan([1.0, 1.0, -1.0], 60, "fft")
    bound = circle.log2_of_peaks(made.polynomial) + math.log2(made.error)
    coefficients._require_digits(Scaled(np.array([2.0 ** (bound + 1e-9)]), 0, (0,), (1,)), made)
    with pytest.raises(ValueError, match="method='fft' to see"):
        coefficients._require_digits(Scaled(np.array([2.0 ** (bound - 1e-9)]), 0, (0,), (1,)), made)


@pytest.mark.parametrize("weights", [[[1, 2], [3, 5]], [[1, -2], [3, 5]]])
def test_logarithms_at_indices_inside_and_outside_a_grid(weights):
    exact = naive_power(weights, 3)
    at = np.array([[[0, 0], [3, 3], [1, 2]], [[-1, 0], [4, 1], [2, 1]]])
    found = em.log_coefficients(weights, 3, at, return_sign=True)
    plain = em.log_coefficients(weights, 3, at) if min(map(min, weights)) > 0 else None
    for place in np.ndindex(2, 3):
        i, j = at[place]
        value = exact[i, j] if 0 <= i <= 3 and 0 <= j <= 3 else 0
        assert found[0][place] == pytest.approx(math.log(abs(value)) if value else -math.inf, rel=1e-14)
        assert found[1][place] == (value > 0) - (value < 0)
        assert plain is None or plain[place] == pytest.approx(found[0][place], rel=1e-13)
    assert em.log_coefficients(weights, 3, [0, 0], return_sign=True) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"at must hold 2 coordinates on its last axis, got shape \(3,\)"):
        em.log_coefficients(weights, 3, [0, 0, 0], return_sign=True)
