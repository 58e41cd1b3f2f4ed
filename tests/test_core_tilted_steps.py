"""Tilted rows, their spectra and their windows step by step: each against sums by hand, bounds included."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row

import erfmath as em
from erfmath.core.tilted import factors as made, rows, spectrum, window as windows
from erfmath.core.tilted.factors import UNIT, Factors, factors_of, moments
from erfmath.core.tilted.rows import Rows
from erfmath.core.tilted.spectrum import Frequencies, U

MP = mpmath.mp.clone()
MP.dps = 60

MIXED = [([1, 2, 3, 1], 5, 1), ([4, 0, 1.5], 7, 1), ([1, 1], 3, 2)]
BINARY = [([j + 1, 9 - j], 1, 1) for j in range(7)]
SPREAD = [([1, 0, 3], 4, 2), ([5, 0, 0, 0, 1], 2, 2)]

# What counts units of the 64 bits that numpy's long doubles have, but on Apple's processors and on Windows.
counts_units = pytest.mark.skipif(UNIT > U / 2, reason="long doubles are no longer than floats here")


def tilted_row(product, theta):
    """The shares of the tilted row, and log of the sum of p_t exp(theta t), in 60 digits."""
    row, _ = exact_row(product)
    inside = [t for t, c in enumerate(row) if c]
    step = math.gcd(*(t - inside[0] for t in inside)) or 1
    row = row[inside[0] : inside[-1] + 1 : step]
    values = [MP.mpf(c) / sum(row) * MP.exp(MP.mpf(theta) * t) for t, c in enumerate(row)]
    total = MP.fsum(values)
    return [value / total for value in values], MP.log(total)


def turn(numerator, length):
    """exp(-2 pi i numerator / length)"""
    return MP.expjpi(MP.mpf(-2) * (numerator % length) / length)


def exact(value):
    """A number of extended precision as the sum of two floats."""
    return MP.mpf(float(value)) + MP.mpf(float(value - np.longdouble(float(value))))


# ---------------------------------------------------------------- factors


@pytest.mark.parametrize("product", [MIXED, BINARY, SPREAD])
@pytest.mark.parametrize("theta", [0.0, 0.5, -1.25])
def test_moments_are_those_of_the_tilted_row(product, theta):
    factors = factors_of(em.Product(product))
    shares, log_mass = tilted_row(product, theta)
    mean = MP.fsum(t * p for t, p in enumerate(shares))
    variance = MP.fsum((t - mean) ** 2 * p for t, p in enumerate(shares))
    assert factors.degree == len(shares) - 1
    found = moments(factors, theta)
    expected = (log_mass, mean, factors.degree - mean, variance)
    assert found == pytest.approx(tuple(map(float, expected)), rel=1e-12, abs=1e-13)
    assert factors.mean == pytest.approx(moments(factors, 0.0).mean, rel=1e-15, abs=0)


def test_factors_of_one_step_and_width_share_an_array():
    product = em.Product(
        [
            ([1, 2, 3], 2, 1),
            ([1, 1], 4, 1),
            ([5, 1, 1], 1, 1),
            ([2, 3], 1, 3),
            ([0, 9, 0], 5, 1),
            ([1, 1], 0, 1),
        ]
    )
    factors = factors_of(product)
    assert (factors.span, factors.degree) == (1, 4 + 4 + 2 + 3)
    assert [group.x.tolist() for group in factors.groups] == [[0, 3], [0, 1, 2], [0, 1]]
    assert [group.n.tolist() for group in factors.groups] == [[1], [2, 1], [4]]
    assert [group.is_single for group in factors.groups] == [True, False, False]
    assert [group.ends.tolist() for group in factors.groups] == [[3], [2, 2], [1]]
    assert factors.taps == 2 + 6 + 2
    own = 1 * (made.sum_units(2) + 4) + 3 * (made.sum_units(3) + 4) + 4 * (made.sum_units(2) + 4)
    assert factors.rounding == pytest.approx(own * UNIT, rel=1e-12, abs=0)
    shares = np.exp(factors.groups[1].log_shares).astype(float)
    np.testing.assert_allclose(shares, np.array([[1, 2, 3], [5, 1, 1]]) / [[6], [7]], rtol=1e-15)
    assert (factors.groups[1].rough == factors.groups[1].log_shares.astype(float)).all()
    assert factors.groups[1].columns.tolist() == factors.groups[1].rough.T.tolist()


def test_shorter_rows_end_with_taps_of_no_share():
    (group,) = factors_of(em.Product([([1] * 9, 2, 1), ([3] * 12, 1, 1)])).groups
    assert group.ends.tolist() == [8, 11]
    assert (group.log_shares[0, 9:] == -np.inf).all()
    np.testing.assert_allclose(np.exp(group.rough).sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize(
    ("size", "width"),
    [(2, 2), (3, 3), (4, 4), (5, 6), (6, 6), (7, 8), (8, 8), (9, 12), (12, 12), (13, 16), (17, 24), (25, 32)],
)
def test_widths_are_powers_of_two_and_three_quarters_of_them(size, width):
    assert made._bucket(size) == width


def test_arrays_are_cut_where_they_would_leave_the_cache(monkeypatch):
    monkeypatch.setattr(made, "_ENTRIES", 12)
    product = em.Product([([j + 1, 2, 20 - j], 1, 1) for j in range(9)])
    factors = made.factors_of.__wrapped__(product)
    assert [len(group.n) for group in factors.groups] == [4, 4, 1]
    first = [float(np.exp(v)) for group in factors.groups for v in group.log_shares[:, 0]]
    assert first == pytest.approx([(j + 1) / 23 for j in range(9)], rel=1e-15, abs=0)


@pytest.mark.parametrize("count", [1, 2, 22, 23, 24, 1000, 10**6])
def test_units_of_a_sum(count):
    assert made.sum_units(count) == min(count, math.floor(math.log2(count)) + 1 + 20)


@pytest.mark.parametrize(
    "weights",
    [
        [0.1, 0.7, 0.25],
        [1, 2, 2**52],
        [2**53, 1, 3],
        [Fraction(1, 3), Fraction(10**30, 7), Fraction(5, 11)],
        [10**400, 3 * 10**399, 10**390],
    ],
)
def test_rows_are_scaled_and_keep_their_digits(weights):
    (row,) = made._table([weights])
    assert row.dtype == np.longdouble
    assert 0.5 <= float(row.max()) < 1
    ratio = [exact(value) / exact(row.max()) for value in row]
    for found, weight in zip(ratio, weights, strict=True):
        truth = Fraction(weight) / Fraction(max(weights))
        assert abs(found * truth.denominator / truth.numerator - 1) < 4 * UNIT


def test_each_row_of_a_table_has_a_scale_of_its_own():
    table = made._table([[1e-300, 1e-290], [1e300, 2.0], [3, 4, 5]])
    assert table.shape == (3, 3)
    assert (table[:2, 2] == 0).all()
    assert ((table.max(axis=1) >= 0.5) & (table.max(axis=1) < 1)).all()
    assert float(table[0, 0] / table[0, 1]) == pytest.approx(1e-10, rel=1e-15, abs=0)
    table = made._table([[1e-300, 1e-290], [1e300, 2.0]])
    assert ((table.max(axis=1) >= 0.5) & (table.max(axis=1) < 1)).all()


@pytest.mark.parametrize("product", [MIXED, BINARY, SPREAD, [([1, 1e-9], 3000, 1)]])
def test_tilts_are_near_their_goals_and_of_few_bits(product):
    factors = factors_of(em.Product(product))
    for goal in (-3.0, 0.0, 0.3, 1.0, factors.degree / 3, factors.degree - 0.5, factors.degree + 9.0):
        theta = made.tilt_to(factors, goal)
        inside = min(max(goal, 0.25), factors.degree - 0.25)
        found = moments(factors, theta)
        assert abs(found.mean - inside) <= 0.1001 * math.sqrt(found.variance) + 1e-6
        mantissa = math.frexp(theta)[0] * 2.0**26
        assert mantissa == round(mantissa)


def test_the_first_tilt_looked_at_is_none_and_newton_is_quick(monkeypatch):
    factors, seen = factors_of(em.Product(MIXED)), []
    real = moments
    monkeypatch.setattr(made, "moments", lambda f, theta: seen.append(theta) or real(f, theta))
    assert made.tilt_to(factors, factors.mean) == 0.0
    seen.clear()
    for goal in (1.0, 5.0, 20.0, 30.0):
        made.tilt_to(factors, goal)
    assert len(seen) <= 4 * 5


def test_steps_of_newton_that_leave_the_bracket_are_halved(monkeypatch):
    """A variance that is far too small asks for steps that are far too long."""

    def moved(_, theta):
        seen.append(theta)
        return made.Moments(0.0, 50 + 40 * math.tanh(theta - 1), 50 - 40 * math.tanh(theta - 1), 1e-3)

    seen = []
    monkeypatch.setattr(made, "moments", moved)
    theta = made.tilt_to(Factors((), 1, 100), 70.0)
    assert 50 + 40 * math.tanh(theta - 1) == pytest.approx(70, abs=0.0033)
    assert seen[:4] == [0.0, 50.0, 25.0, 12.5]
    assert len(seen) < 25
    seen.clear()
    theta = made.tilt_to(Factors((), 1, 100), 12.0)
    assert seen[:3] == [0.0, -50.0, -25.0]


# ---------------------------------------------------------------- rows


@counts_units
@pytest.mark.parametrize("theta", [0.0, 0.4, -2.0])
def test_merged_rows_are_products_of_pairs(theta):
    factors = factors_of(em.Product(BINARY))
    (row,), log_mass, slack = rows.tilted(factors, theta)
    shares, truth = tilted_row(BINARY, theta)
    assert row.shares.shape == (1, 9)  # eight rows of two, one of them the 1
    assert (row.x.tolist(), row.n.tolist()) == (list(range(9)), [1])
    for found, share in zip(row.shares[0], [*shares, 0], strict=True):
        assert abs(exact(found) - share) <= row.errors[0]
    assert abs(exact(log_mass) - truth) <= slack < 1e4 * UNIT
    alone, logs = rows._tilted_group(factors.groups[0], theta)
    sums = [alone.errors[j] + alone.errors[j + 4] + 4 * UNIT for j in range(3)] + [alone.errors[3] + 4 * UNIT]
    sums = [sums[0] + sums[2] + 5 * UNIT, sums[1] + sums[3] + 5 * UNIT]
    assert row.errors[0] == pytest.approx(sums[0] + sums[1] + 7 * UNIT, rel=1e-6, abs=0)
    assert float(logs.sum()) == pytest.approx(float(truth), rel=1e-14, abs=1e-17)


def test_rows_are_merged_up_to_a_width_and_keep_their_step():
    factors = factors_of(em.Product([([j + 1, 300 - j], 1, 3) for j in range(256)]))
    (row,), _, _ = rows.tilted(factors, 0.1)
    assert row.shares.shape == (8, 33)
    assert row.x.tolist() == list(range(33))  # in steps of the span
    np.testing.assert_allclose(row.shares.sum(axis=1).astype(float), 1, rtol=1e-15)
    two = np.array([[1, 2], [3, 5]], dtype=np.longdouble) / [[3], [8]]
    row = rows._merged(Rows(two, np.array([0, 5]), np.ones(2), np.array([1.0, 2.0])))
    assert row.x.tolist() == [0, 5, 10]
    np.testing.assert_allclose(row.shares.astype(float), np.array([[3, 11, 10]]) / 24, rtol=1e-15)
    assert (row.n.tolist(), row.errors.tolist()) == ([1], [pytest.approx(3 * (1 + 1e-9), rel=1e-12, abs=0)])
    for width, merged in ((32, (1, 63)), (33, (2, 33))):
        wide = np.full((2, width), 1 / np.longdouble(width))
        assert rows._merged(Rows(wide, np.arange(width), np.ones(2), np.zeros(2))).shares.shape == merged


def test_powers_are_not_merged():
    factors = factors_of(em.Product([([1, 2], 2, 1), ([1, 3], 1, 1)]))
    (row,), log_mass, _ = rows.tilted(factors, 0.7)
    assert row.shares.shape == (2, 2)
    assert row.n.tolist() == [2, 1]
    truth = 2 * math.log((1 + 2 * math.exp(0.7)) / 3) + math.log((1 + 3 * math.exp(0.7)) / 4)
    assert float(log_mass) == pytest.approx(truth, rel=1e-15, abs=0)


# ---------------------------------------------------------------- frequencies


@pytest.mark.parametrize("length", [7, 8, 1000])
def test_turns_are_roots_of_one(length):
    at = np.array([0, 1, 3, length // 2])
    frequencies = Frequencies(at, length)
    for step, count in [(1, 3), (1, 2), (1, 5), (3, 4), (10**6, 2)]:
        found = frequencies.turns(step, count)
        assert found.shape == (count, 4)
        for j, row in enumerate(found):
            for m, value in zip(at.tolist(), row, strict=True):
                truth = turn(step * j * m, length)
                assert abs(MP.mpc(exact(value.real), exact(value.imag)) - truth) < 8 * UNIT


def test_turns_are_kept():
    frequencies = Frequencies(np.array([1, 2]), 64)
    first = frequencies.turns(1, 4)
    assert frequencies.turns(1, 3).base is first.base or frequencies.turns(1, 3).base is first
    assert (frequencies.turns(1, 2) == first[:2]).all()


def test_the_bound_of_a_transform():
    assert spectrum.transform_error(1024) == pytest.approx(5.1 * 2.0**-53 * 12, rel=1e-15, abs=0)
    assert spectrum.transform_error(8) == pytest.approx(5.1 * 2.0**-53 * 5, rel=1e-15, abs=0)


@pytest.mark.parametrize("length", [5, 16])
def test_transforms_of_rows_fold_what_goes_round(length):
    draw = np.random.default_rng(length)
    q, x = draw.random((3, 4)), np.array([0, 2, 4, 6])
    found = spectrum._transform(q, x, length)
    assert found.shape == (3, length // 2 + 1)
    for row, values in zip(q.tolist(), found.tolist(), strict=True):
        for m, value in enumerate(values):
            truth = MP.fdot(row, [turn(m * j, length) for j in x.tolist()])
            assert abs(truth - value) <= spectrum.transform_error(length) * sum(row)


def test_autocorrelations_are_sums_of_products():
    q, n = np.array([[1.0, 2, 3], [4, 0, 5]]), np.array([2.0, 3])
    assert spectrum._autocorrelation(q, n) == pytest.approx(
        [2 * 14 + 3 * 41, 2 * 8, 2 * 3 + 3 * 20], rel=1e-14
    )


@pytest.mark.parametrize(("count", "width", "size"), [(7, 2**19, 2), (7, 2**30, 1), (3, 10, 2**20)])
def test_blocks_cover_the_rows(count, width, size):
    found = spectrum._blocks(count, width)
    assert [i for some in found for i in range(count)[some]] == list(range(count))
    assert all(len(range(count)[some]) == size for some in found[:-1])
    assert len(found) == -(-count // size)
    assert all(some.stop <= count for some in found)


def flat(count, taps, n=1.0, error=0.0):
    """Rows of equal taps, whose spectrum of length 8 taps has zeros at the multiples of 8."""
    shares = np.full((count, taps), 1 / np.longdouble(taps))
    return Rows(shares, np.arange(taps), np.full(count, n), np.full(count, error))


def test_bounds_row_by_row_are_moduli_and_their_roundings():
    product = [flat(2, 8, 3.0, 5e-15), flat(1, 4, 2.0)]
    found = spectrum._log_bounds(product, 64)
    assert len(found) == 33
    rounding = spectrum.transform_error(64) + 4 * U
    for m in (0, 3, 8, 20, 24, 29):
        moduli = [abs(MP.fsum(turn(m * j, 64) for j in range(taps))) / taps for taps in (8, 4)]
        truth = 6 * MP.log(moduli[0] + rounding + 5e-15) + 2 * MP.log(moduli[1] + rounding)
        assert found[m] == pytest.approx(float(truth), abs=0.05 if m % 8 == 0 else 1e-9)


def test_bounds_of_many_rows_are_their_mean_square(monkeypatch):
    monkeypatch.setattr(spectrum, "_ROW_BY_ROW", 0)
    product = [flat(2, 8, 3.0, 5e-15), flat(5, 8, 1.0)]
    found = spectrum._log_bounds(product, 64)
    count, taps = 11, 8
    error = spectrum.transform_error(16)
    lags = sum(count * (taps - d) / taps**2 for d in range(taps))
    slack = (6 + 5) * taps * 4 * error
    rounding = (2 * slack + 3 * lags * spectrum.transform_error(64)) / count + 2 * 5e-15 + 8 * U
    for m in (0, 3, 8, 20, 24, 29):
        modulus = abs(MP.fsum(turn(m * j, 64) for j in range(taps))) / taps
        truth = count / MP.mpf(2) * MP.log(modulus**2 + rounding)
        assert found[m] == pytest.approx(float(truth), abs=0.3 if m % 8 == 0 else 1e-6)


def test_what_fits_is_bounded_row_by_row_and_the_rest_together(monkeypatch):
    asked = []
    real = spectrum._joint_log_bounds
    monkeypatch.setattr(spectrum, "_joint_log_bounds", lambda p, n: asked.append(p) or real(p, n))
    product = [flat(2, 8), flat(3, 4), flat(1, 4)]
    for rows_that_fit, together in [
        (7, []),
        (6, [2]),
        (5, [1, 2]),
        (3, [1, 2]),
        (2, [0, 1, 2]),
        (1, [0, 1, 2]),
    ]:
        monkeypatch.setattr(spectrum, "_ROW_BY_ROW", 64 * rows_that_fit)
        asked.clear()
        spectrum._log_bounds(product, 64)
        assert [p for group in asked for p in group] == [product[i] for i in together], rows_that_fit


@counts_units
@pytest.mark.parametrize("extended", [True, False])
def test_products_of_characteristic_functions_err_by_the_sum_of_their_errors(extended, monkeypatch):
    monkeypatch.setattr(spectrum, "_takes_sums", lambda *_: extended)
    product = [flat(2, 5, 3.0, 1e-17), flat(1, 4, 2.0, 3e-17)]
    at = np.array([0, 1, 3, 17])
    value, error = spectrum.characteristic(product, Frequencies(at, 64))
    for i, m in enumerate(at.tolist()):
        five, four = (MP.fsum(turn(m * j, 64) for j in range(k)) / k for k in (5, 4))
        truth = five**6 * four**2
        found = MP.mpc(exact(value[i].real), exact(value[i].imag))
        assert abs(found - truth) <= error[i]
        log_size, share = 0.0, 0.0
        for modulus, n, own in ((abs(five), 6, 1e-17), (abs(four), 2, 3e-17)):
            delta = (8 + 1 + 16) * UNIT if extended else spectrum.transform_error(64) + 2 * U
            deviation = delta + own + 7 * UNIT * float(modulus)
            log_size += n * math.log(float(modulus) + deviation)
            share += n * deviation / (float(modulus) + deviation)
        assert error[i] == pytest.approx(math.exp(min(log_size, 0.0)) * share, rel=1e-3, abs=0)


def test_sums_are_taken_where_they_cost_no_more_or_transforms_lose_digits():
    one, short = flat(4, 8), flat(4, 8, 1e12)
    most = int(4 * 1024 * 10 / 32)
    assert spectrum._takes_sums([one], most, 1024)
    assert not spectrum._takes_sums([one], most + 1, 1024)
    assert spectrum._takes_sums([short], 2**24, 1024)
    assert not spectrum._takes_sums([short], 2**24 + 1, 1024)
    assert spectrum._size([one, short]) == 64


def test_numbers_split_into_multiples_and_rests():
    numbers = np.array([1, 0.3, -0.7], dtype=np.longdouble) / 3
    coarse, rest = spectrum._split(numbers)
    assert (coarse * 2**26 == np.rint(coarse * 2**26)).all()
    assert (np.abs(rest) <= 2.0**-27).all()
    assert coarse.dtype == rest.dtype == float
    for number, parts in zip(numbers, zip(coarse.tolist(), rest.tolist(), strict=True), strict=True):
        assert abs(MP.fsum(parts) - exact(number)) < 2.0**-78


def test_products_of_matrices_have_the_digits_of_extended_precision():
    draw = np.random.default_rng(3)
    q = draw.random((2, 9)).astype(np.longdouble) / 3
    turns = np.cos(draw.random((9, 4)).astype(np.longdouble))
    found = spectrum._matrix_product(q, turns)
    assert found.shape == (2, 4)
    for i in range(2):
        for k in range(4):
            truth = MP.fdot(map(exact, q[i]), map(exact, turns[:, k]))
            assert abs(exact(found[i, k]) - truth) <= 6 * UNIT * truth


def test_frequencies_that_count_and_the_sum_of_the_others():
    product = [flat(3, 9, 40.0)]
    seen, rest = spectrum.significant(product, 256)
    logs = 120 * np.log(np.abs(np.fft.rfft(np.full(9, 1 / 9), 256)))
    assert (seen.at.tolist(), seen.length) == (np.flatnonzero(logs > math.log(1e-24)).tolist(), 256)
    assert 1e-24 > rest >= np.exp(np.delete(logs, seen.at)).sum()
    # a flat row of two at 2^10: nothing is left but 0
    seen, rest = spectrum.significant([flat(1, 2, 1e9)], 8)
    assert (seen.at.tolist(), rest < 1e-90) == ([0], True)


def test_a_closer_look_lowers_the_bounds_of_many_rows(monkeypatch):
    product = [
        Rows(np.array([[1 - p, p]], dtype=np.longdouble), np.arange(2), np.full(1, 30.0), np.zeros(1))
        for p in (0.001, 0.5, 0.02, 0.3)
    ]
    monkeypatch.setattr(spectrum, "_ROW_BY_ROW", 0)
    monkeypatch.setattr(spectrum, "_FEW", 1)
    rough, rest = spectrum.significant(product, 512)
    monkeypatch.setattr(spectrum, "_LOOK_CLOSER", 0)
    seen, closer = spectrum.significant(product, 512)
    w = 2 * np.pi * np.arange(257) / 512
    logs = sum(30 * np.log(np.abs(1 + p * np.expm1(1j * w))) for p in (0.001, 0.5, 0.02, 0.3))
    assert seen.at.tolist() == np.flatnonzero(logs > math.log(1e-24)).tolist()
    assert len(seen.at) < len(rough.at)
    assert closer >= np.exp(np.delete(logs, seen.at)).sum() * (1 - 1e-9)
    assert closer <= np.exp(np.delete(logs, seen.at)).sum() * (1 + 1e-9) + rest


def test_a_closer_look_is_taken_where_it_is_worth_it(monkeypatch):
    looked, real = [], spectrum._sums
    monkeypatch.setattr(spectrum, "_sums", lambda *args: looked.append(1) or real(*args))
    product = [flat(3, 9, 40.0)]
    at = len(spectrum.significant(product, 256)[0].at)
    assert (at, looked) == (15, [])
    size = 27 * at
    for least, most, few, looks in [
        (size - 1, size + 1, 16, True),
        (size, size + 1, 16, False),
        (size - 1, size, 16, False),
        (size - 1, size + 1, 15, True),
        (size - 1, size + 1, 17, False),
        (size - 1, size + 1, 18, False),
    ]:
        monkeypatch.setattr(spectrum, "_LOOK_CLOSER", least)
        monkeypatch.setattr(spectrum, "_ALL_SUMS", most)
        monkeypatch.setattr(spectrum, "_FEW", few)
        spectrum.significant(product, 256)
        assert bool(looked) == looks
        looked.clear()


@counts_units
def test_a_closer_look_counts_the_errors_of_the_rows(monkeypatch):
    """Two equal taps at half a turn: nothing but the errors is left, those of the rows among them."""
    monkeypatch.setattr(spectrum, "_LOOK_CLOSER", 0)
    monkeypatch.setattr(spectrum, "_FEW", 1)
    monkeypatch.setattr(spectrum, "_log_bounds", lambda *_: np.zeros(5))
    own = (2 * 2 + 16) * U + 4 * U
    for error in (0.0, 1e-15):
        bound = math.log(own + error)
        for margin, kept in ((0.01, False), (-0.01, True)):
            monkeypatch.setattr(spectrum, "_NEGLIGIBLE", bound + margin)
            seen, rest = spectrum.significant([flat(1, 2, 1.0, error)], 8)
            assert (4 in seen.at.tolist()) == kept
            assert rest == (0.0 if kept else pytest.approx(own + error, rel=1e-2, abs=0))


@pytest.mark.parametrize(
    ("kind", "count"), [(float, 10), (float, 200), (np.longdouble, 10), (np.longdouble, 200)]
)
def test_the_bound_of_a_sum_counts_its_terms_and_its_pieces(kind, count):
    q = np.full((1, count), 1 / count).astype(kind)
    _, error = spectrum._sums(q, np.arange(count), Frequencies(np.array([1, 5]), 1000))
    width, pieces = (64, 4) if count > 64 else (count, 1)
    unit, terms = (U, 2 * width) if np.dtype(kind) == float else (UNIT, 8 + pieces)
    assert error == (terms + (16 if pieces == 1 else 3 * pieces + 40)) * unit


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("theta", [0.0, 0.3, -0.8])
@pytest.mark.parametrize("product", [MIXED, BINARY, SPREAD, [([1, 2, 3], 150, 1), ([1, 5], 90, 2)]])
def test_a_window_holds_the_tilted_row_within_its_error(product, theta):
    factors = factors_of(em.Product(product))
    shares, log_mass = tilted_row(product, theta)
    view = windows.window(factors, theta)
    assert view.stop == view.start + len(view.values)
    for t, value in enumerate(view.values.tolist(), view.start):
        assert abs(value - (shares[t] if 0 <= t < len(shares) else 0)) <= view.error
    outside = [sum(shares[: view.start]), sum(shares[view.stop :])]
    assert max(outside) <= view.outside
    assert abs(exact(view.log_mass) - log_mass) <= view.log_error
    assert view.peak == pytest.approx(float(max(shares)), rel=1e-12, abs=0)
    assert view.mode == shares.index(max(shares))
    assert view.deviation == pytest.approx(1 / math.sqrt(2 * math.pi) / view.peak, rel=1e-15, abs=0)
    length, start, _ = windows._extent(factors, theta)
    seen, rest = spectrum.significant(rows.tilted(factors, theta)[0], length)
    phi, wrong = spectrum.characteristic(rows.tilted(factors, theta)[0], seen)
    own = 2 * (wrong.sum() + rest) + 2 * np.abs(phi).sum() * (spectrum.transform_error(length) + 4 * U)
    assert view.start == start
    assert view.error == pytest.approx(float(own) / length + 2 * view.outside, rel=1e-9, abs=0)
    scale, error = view.log_scale(7)
    assert abs(exact(scale) - (exact(view.log_mass) - 7 * MP.mpf(theta))) <= error - view.log_error + 1e-30
    units = 2 * UNIT * (abs(7 * theta) + abs(float(view.log_mass)))
    assert error - view.log_error == pytest.approx(units, rel=1e-2, abs=1e-30)


def test_what_lies_outside_goes_round_from_both_ends(monkeypatch):
    factors = factors_of(em.Product(MIXED))
    monkeypatch.setattr(windows, "_extent", lambda *_: (64, 0, 0.25))
    assert windows.window(factors, 0.0).error == pytest.approx(0.5, rel=1e-10, abs=0)


def test_extents_are_twenty_deviations_as_a_power_of_two():
    factors = factors_of(em.Product([([1, 2, 3], 4000, 1)]))
    here = moments(factors, 0.0)
    length, start, outside = windows._extent(factors, 0.0)
    assert length == 1 << math.ceil(20 * math.sqrt(here.variance)).bit_length() == 1024
    assert start == round(here.mean) - 511
    assert 0 < outside < 1e-20
    assert windows._extent(factors_of(em.Product([([1, 2, 3], 4, 1)])), 0.0) == (32, 0, 0.0)
    assert windows._extent(factors_of(em.Product([([1, 1e-9], 4, 1)])), 0.0) == (8, 0, 0.0)
    # a tail that falls off slower than a normal one takes a longer window
    heavy = factors_of(em.Product([([0.5**j for j in range(1000)], 5, 1)]))
    length, start, outside = windows._extent(heavy, 0.0)
    deviation = math.sqrt(moments(heavy, 0.0).variance)
    assert length > 1 << math.ceil(20 * deviation).bit_length()
    assert outside < 1e-20


@pytest.mark.parametrize("theta", [0.0, 0.4, -0.7])
@pytest.mark.parametrize("distance", [6, 12, 30, -6, -12, -20])
def test_chernoffs_bound_of_what_lies_beyond(theta, distance):
    product = [([1, 2, 3], 30, 1), ([4, 1], 20, 1)]
    factors = factors_of(em.Product(product))
    shares, log_mass = tilted_row(product, theta)
    here = moments(factors, theta)
    found = windows._chernoff(factors, theta, here, distance)
    at = here.mean + distance
    beyond = sum(shares[math.ceil(at) :]) if distance > 0 else sum(shares[: math.floor(at) + 1])
    if not 0 <= at <= factors.degree:
        assert found == 0.0
        return
    assert found >= beyond
    s, bounds = math.copysign(math.log1p(abs(distance) / here.variance), distance), [1.0]
    for _ in range(4):
        there = tilted_row(product, theta + s)[1]
        bounds.append(float(MP.exp(there - log_mass - s * at + abs(s))))
        s *= 0.4
    assert found == pytest.approx(min(bounds), rel=1e-7, abs=0)


def test_chernoffs_bound_at_the_ends_and_without_digits(monkeypatch):
    factors = factors_of(em.Product([([1, 1], 8, 1)]))
    here = moments(factors, 0.0)
    assert 2.0**-8 <= windows._chernoff(factors, 0.0, here, 4) < 1
    assert 2.0**-8 <= windows._chernoff(factors, 0.0, here, -4) < 1
    assert windows._chernoff(factors, 0.0, here, 5) == windows._chernoff(factors, 0.0, here, -5) == 0.0


def test_chernoffs_bound_counts_the_digits_that_large_cumulants_lose(monkeypatch):
    here = made.Moments(1e6, 1e6, 1e6, 4.0)
    moved = lambda _, theta: made.Moments(1e6 + (theta - 3.0) * 1e6, 0.0, 0.0, 0.0)  # noqa: E731
    monkeypatch.setattr(windows, "moments", moved)
    wide = Factors((), 1, 2 * 10**6)
    s = math.log1p(10 / 4)
    rounding = 1e-12 * (1e6 + (1e6 + s * 1e6) + 3e6) + 1e-9
    monkeypatch.setattr(windows, "_TILTS", 1)
    assert windows._chernoff(wide, 3.0, here, 10) == pytest.approx(
        math.exp(s - 10 * s + rounding), rel=1e-8, abs=0
    )
    assert windows._chernoff(wide, 3.0, here, 0) == 1.0


def test_windows_ask_for_their_memory(monkeypatch):
    asked = []
    monkeypatch.setattr(windows, "check_memory", lambda size, what, remedy: asked.append((size, what)))
    factors = factors_of(em.Product([([1, 2, 3], 4000, 1)]))
    windows.window(factors, 0.0)
    assert asked == [(64 * 1024 + 64 * 3, "a window of 1.02e+03 probabilities")]
