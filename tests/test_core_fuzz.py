"""All readings of many kinds of kernels beside exact integers: digits, bounds, proved intervals."""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

import erfmath as em

PROMISE = 1e-12
SMALLEST = Fraction(1, 10**300)


def power(weights, n):
    """The coefficients of a polynomial of integers to the n-th power, read off one large number."""
    bits = (sum(weights) ** n).bit_length() + 1
    packed = sum(w << (bits * i) for i, w in enumerate(weights)) ** n
    mask = (1 << bits) - 1
    return [(packed >> (bits * i)) & mask for i in range(n * (len(weights) - 1) + 1)]


def product(rows):
    """The coefficients of a product of polynomials of integers."""
    total = [1]
    for row in rows:
        bits = (sum(total) * sum(row)).bit_length() + 1
        packed = sum(a << (bits * i) for i, a in enumerate(total)) * sum(
            b << (bits * i) for i, b in enumerate(row)
        )
        mask = (1 << bits) - 1
        total = [(packed >> (bits * i)) & mask for i in range(len(total) + len(row) - 1)]
    return total


def spread(row, step):
    """The coefficients of P(z^step)."""
    found = [0] * (step * (len(row) - 1) + 1)
    found[::step] = row
    return found


SHAPES = {
    "flat": lambda k, draw: [1] * k,
    "random": lambda k, draw: [draw(st.integers(1, 99)) for _ in range(k)],
    "bell": lambda k, draw: [math.comb(k - 1, j) for j in range(k)],
    "geometric": lambda k, draw: [3 ** (k - 1 - j) for j in range(k)],
    "lognormal": lambda k, draw: [1 + int(10 ** draw(st.floats(0, 6))) for _ in range(k)],
    "gapped": lambda k, draw: [5, *[0] * (k - 2), 3],
    "near a lattice": lambda k, draw: [10**6 if j % 3 == 0 else 1 for j in range(k)],
    "zeros inside": lambda k, draw: [draw(st.sampled_from([0, 0, 1, 7])) for _ in range(k - 2)],
}


@st.composite
def factors(draw):
    """One to three factors (weights, n, step) of integers, as small as exact numbers need them."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        k = draw(st.integers(2, 12))
        shape = draw(st.sampled_from(sorted(SHAPES)))
        weights = SHAPES[shape](k, draw)
        weights = [2, *weights, 9] if shape == "zeros inside" else weights
        found.append((weights, draw(st.integers(1, 40)), draw(st.sampled_from([1, 1, 2, 5]))))
    return found


class Exact:
    """The shares of a product and their running sums, as integers over their total."""

    def __init__(self, parts):
        self.row = product([spread(power(w, n), step) for w, n, step in parts])
        self.sums = list(accumulate(self.row))

    def __len__(self):
        return len(self.row)

    def pmf(self, x):
        return Fraction(self.row[x], self.sums[-1])

    def cdf(self, x):
        return Fraction(self.sums[x], self.sums[-1])

    def sf(self, x):
        return 1 - self.cdf(x)


def is_near(value, truth, bound):
    return abs(Fraction(value) - truth) <= Fraction(bound) * truth if truth >= SMALLEST else value < 1e-299


SLOW_TO_DRAW = settings(suppress_health_check=list(HealthCheck))


@SLOW_TO_DRAW
@given(factors(), st.floats(0, 1))
@example([([1, 1], 40, 1), ([5, 0, 3], 7, 5)], 0.5)
@example([([1, 1], 40, 1), ([5, 0, 3], 7, 5)], 1.0)
def test_all_readings_are_right(parts, where):
    law, truth = em.distribution(em.Product(parts)), Exact(parts)
    row = em.coefficients(em.Product([(em.Kernel(w).normalize(), n, step) for w, n, step in parts]))
    last, bound = len(truth) - 1, max(PROMISE, law.error)
    assert law.error < 1e-10
    for x in sorted({0, last, round(where * last), round(law.mean())}):
        for name in ("pmf", "cdf", "sf"):
            assert is_near(getattr(law, name)(x), getattr(truth, name)(x), bound), (name, x)
        share = truth.pmf(x)
        assert is_near(row[x], share, bound), x
        if share:
            log = math.log(share.numerator) - math.log(share.denominator)
            assert law.logpmf(x) == pytest.approx(log, rel=1e-11, abs=1e-11)
        assert law.ppf(float(truth.cdf(x)) * (1 - 1e-9)) <= x


@SLOW_TO_DRAW
@given(factors(), st.sampled_from(["pmf", "cdf", "sf"]), st.floats(0, 1))
@example([([1, 1], 3, 2), ([1000000, 1], 8, 1)], "pmf", 0.1875)
def test_proved_intervals_hold_the_truth(parts, kind, where):
    law, exact = em.distribution(em.Product(parts)), Exact(parts)
    x = round(where * (len(exact) - 1))
    truth = getattr(exact, kind)(x)
    low, high = law.enclose(x, kind=kind)
    assert Fraction(low) <= truth <= Fraction(high)
    if truth > SMALLEST:
        assert high - low <= 1e-6 * high  # between the points of a near lattice the neighbours weigh


def test_intervals_are_narrow():
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(40):
        law = em.distribution(rng.random(rng.integers(2, 30)), int(rng.integers(1, 2000)))
        x = round(law.mean() + rng.normal() * 3 * law.std())
        low, high = law.enclose(x)
        widths.append((high - low) / high if high else 0.0)
    assert np.median(widths) < 1e-10


@pytest.mark.parametrize(("k", "n"), [(3, 10**4), (17, 2000), (64, 500)])
def test_intervals_of_long_rows_hold_flints_numbers(k, n):
    flint = pytest.importorskip("flint", reason="exact rows of this length are FLINT's")
    weights = np.random.default_rng(k).integers(1, 100, k).tolist()
    row, total = flint.fmpz_poly(weights) ** n, sum(weights) ** n
    law = em.distribution(weights, n)
    for x in (0, 1, n, round(law.mean()), round(law.mean() + 6 * law.std()), n * (k - 1)):
        low, high = law.enclose(x)
        truth = Fraction(int(row[x]), total)
        if truth >= SMALLEST:
            assert Fraction(low) <= truth <= Fraction(high), x
            assert is_near(law.pmf(x), truth, max(PROMISE, law.error))
