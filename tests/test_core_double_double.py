"""Double-doubles against 60 digits: each operation, on floats and on arrays, to the error that it states."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from erfmath.core.saddle import double_double as dd

MP = mpmath.mp.clone()
MP.dps = 60
RNG = np.random.default_rng(5)


def exact(pair):
    return MP.mpf(pair[0]) + MP.mpf(pair[1])


def pairs(count, low=-3.0, high=3.0):
    """Normalised pairs of both signs over some decades."""
    size = 10.0 ** RNG.uniform(low, high, count) * RNG.choice([-1, 1], count)
    return size, size * RNG.uniform(-1, 1, count) * 2.0**-54


def check(found, truths, relative, sizes=None):
    """Each pair within a share of the truth (or of a size) and normalised."""
    for i, truth in enumerate(truths):
        size = abs(truth) if sizes is None else sizes[i]
        assert abs(exact((found[0][i], found[1][i])) - truth) <= relative * size
        assert found[0][i] + found[1][i] == found[0][i]


def test_sums_and_products_are_exact():
    for a, b in [(1.0, 2.0**-60), (2.0**-60, 1.0), (0.1, 0.7), (-0.3, 1e10), (3.3, -3.3)]:
        for found, truth in [
            (dd.two_sum(a, b), MP.mpf(a) + MP.mpf(b)),
            (dd.quick_two_sum(*sorted((a, b), key=abs, reverse=True)), MP.mpf(a) + MP.mpf(b)),
            (dd.two_prod(a, b), MP.mpf(a) * MP.mpf(b)),
        ]:
            assert exact(found) == truth
            assert found[0] == float(truth)


def test_arithmetic_has_a_hundred_bits():
    a, b, c = pairs(40), pairs(40), RNG.uniform(-9, 9, 40)
    x, y = ([exact((high, low)) for high, low in zip(*p, strict=True)] for p in (a, b))
    sizes = [abs(p) + abs(q) for p, q in zip(x, y, strict=True)]
    check(dd.add(a, b), [p + q for p, q in zip(x, y, strict=True)], MP.mpf(2) ** -104, sizes)
    check(dd.multiply(a, b), [p * q for p, q in zip(x, y, strict=True)], MP.mpf(2) ** -102)
    check(dd.divide(a, b), [p / q for p, q in zip(x, y, strict=True)], MP.mpf(2) ** -100)
    check(dd.scale(a, c), [p * MP.mpf(q) for p, q in zip(x, c.tolist(), strict=True)], MP.mpf(2) ** -102)
    check(dd.negative(a), [-p for p in x], 0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
def test_sums_over_an_axis(count):
    high, low = (column.reshape(count, 2) for column in pairs(2 * count))
    found = dd.total((high, low))
    for k in range(2):
        terms = [exact((high[i, k], low[i, k])) for i in range(count)]
        size = MP.fsum(map(abs, terms))
        assert abs(exact((found[0][k], found[1][k])) - MP.fsum(terms)) <= size * MP.mpf(2) ** -100


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-9, 1e-5, 0.3, 1.0, 7.0, 40.0, 300.0, 700.0])
def test_exponentials(scale):
    points = [-scale, -scale * 0.77, -scale / 3, *([1e-3 * scale] if scale <= 1 else [])]
    low = [point * 2.0**-55 for point in points]
    arrays = dd.exp((np.array(points), np.array(low)))
    for i, (h, rest) in enumerate(zip(points, low, strict=True)):
        truth = MP.exp(exact((h, rest)))
        for found in (dd.exp((h, rest)), (arrays[0][i], arrays[1][i])):
            assert abs(exact(found) - truth) <= truth * MP.mpf(2) ** -94 + MP.mpf(10) ** -319
            assert abs(found[1]) <= found[0] * 2.0**-51 + 1e-320
    assert isinstance(dd.exp((-0.5, 0.0))[0], float)
    assert not isinstance(dd.exp((-0.5, 0.0))[0], np.floating)


def test_exponentials_of_what_is_far_below_the_floats():
    for found in (dd.exp((-1e9, -1e-8)), tuple(x[0] for x in dd.exp((np.array([-1e9]), np.array([-1e-8]))))):
        assert 0 <= found[0] < 1e-300
        assert found[1] == pytest.approx(0, abs=1e-300)
    minus = dd.exp((np.array([-np.inf, -1.0]), np.array([0.0, 0.0])))
    assert minus[0][0] < 1e-300
    assert float(minus[0][1]) == pytest.approx(math.exp(-1), rel=1e-15, abs=0)


@pytest.mark.parametrize("value", [1.0, 1 + 2.0**-52, 1 + 1e-7, 1.5, 2.0, math.e, 1234.5678, 1e6])
def test_logarithms(value):
    low = value * 2.0**-55
    arrays = dd.log((np.array([value, 3.0]), np.array([low, 0.0])))
    truth = MP.log(exact((value, low)))
    for found in (dd.log((value, low)), (arrays[0][0], arrays[1][0])):
        assert abs(exact(found) - truth) <= MP.mpf(2) ** -94
    assert abs(exact((arrays[0][1], arrays[1][1])) - MP.log(3)) <= MP.mpf(2) ** -94
    back = dd.exp(dd.negative(dd.log((value, low))))
    assert abs(exact(back) * exact((value, low)) - 1) <= MP.mpf(2) ** -90


def test_steps_of_the_tables():
    assert exact(dd._LOG_TWO) == pytest.approx(MP.log(2), rel=1e-31)
    parts = [dd._STEP_HIGH, dd._STEP_MIDDLE, dd._STEP_LOW]
    assert abs(MP.fsum(parts) - MP.log(2) / 2**20) < MP.mpf(2) ** -110
    floats, arrays = dd._both()
    assert len(floats.tables) == len(arrays.tables) == 4
    for lists, tables in zip(floats.tables, arrays.tables, strict=True):
        assert lists == tables.tolist()
        assert len(lists) == 1024
    for j in (0, 1, 511, 1023):
        for (high, low), denominator in ((floats.tables[:2], 2**10), (floats.tables[2:], 2**20)):
            truth = MP.mpf(2) ** (MP.mpf(j) / denominator)
            assert abs(exact((high[j], low[j])) / truth - 1) < MP.mpf(2) ** -104


@pytest.mark.parametrize("k", [0, 1, 1023, 1024, 2**20, 3 * 2**20 + 5 * 1024 + 7, -1, -(2**21) - 77])
def test_powers_of_two(k):
    floats, arrays = dd._both()
    one = dd._power_of_two(k, floats)
    many = dd._power_of_two(np.array([k, 5]), arrays)
    truth = MP.mpf(2) ** (MP.mpf(k) / 2**20)
    for found in (one, (many[0][0], many[1][0])):
        assert abs(exact(found) / truth - 1) < MP.mpf(2) ** -100


@pytest.mark.parametrize("value", [3, -7, Fraction(1, 3), Fraction(-10, 7), 2**70 + 1])
def test_pairs_of_exact_numbers(value):
    high, low = dd.pair(value)
    assert high == float(value)
    assert abs(Fraction(high) + Fraction(low) - value) <= abs(Fraction(value)) / 2**105


@pytest.mark.parametrize("ratio", [Fraction(1), Fraction(1, 3), Fraction(7**400, 3)])
def test_logarithms_of_rationals(ratio):
    truth = MP.log(MP.mpf(ratio.numerator)) - MP.log(MP.mpf(ratio.denominator))
    found = dd.log_fraction(ratio)
    assert abs(exact(found) - truth) <= abs(truth) * MP.mpf(2) ** -104
    assert (found == (0.0, 0.0)) == (ratio == 1)


def test_logarithms_of_what_is_nearly_one():
    found = dd.log_fraction(Fraction(10**50 + 1, 10**50))
    assert abs(exact(found) - MP.mpf(10) ** -50) < MP.mpf(10) ** -59


@pytest.mark.parametrize(
    "weights",
    [
        [0.1, 0.7, 3e-300, 1e300],
        [1, 2, 3, 10**30 + 1],
        [5, 5, 5],
        [Fraction(1, 3), Fraction(7**100, 2), Fraction(1, 10**400)],
    ],
)
def test_logarithms_of_shares(weights):
    whole = sum(map(Fraction, weights))
    high, low = dd.log_shares(weights, whole)
    assert high.shape == low.shape == (len(weights),)
    for h, rest, weight in zip(high.tolist(), low.tolist(), weights, strict=True):
        share = Fraction(weight) / whole
        truth = MP.log(MP.mpf(share.numerator)) - MP.log(MP.mpf(share.denominator))
        assert abs(exact((h, rest)) - truth) <= MP.mpf(2) ** -94 * (1 + abs(truth) / 64)


NUMBERS = [1, 3, 2**53 + 1, 10**40, Fraction(1, 3), Fraction(10**40, 7), Fraction(1, 2**90), 0.3]


@pytest.mark.parametrize("value", NUMBERS)
def test_mantissas(value):
    other = 0.9 if isinstance(value, float) else value * 3
    (highs, lows), exponents = dd._mantissas([value, other])
    first = dd._mantissa(value)
    for high, low, exponent, number in [
        (*first, value),
        (highs[0], lows[0], exponents[0], value),
        (highs[1], lows[1], exponents[1], other),
    ]:
        mantissa = Fraction(high) + Fraction(low)
        assert 1 <= mantissa <= 2
        assert abs(mantissa * Fraction(2) ** int(exponent) / Fraction(number) - 1) <= Fraction(1, 2**104)
