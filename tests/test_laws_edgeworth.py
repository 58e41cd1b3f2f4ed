"""Tails of the Edgeworth expansion, against its formula at 60 digits."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from mpmath import mp, mpf

import erfmath as em

CASES = [([3, 1], 40), ([4, 2, 1], 400), ([1, 0, 2, 0, 0, 0, 1], 30), ([1, 2], 10**6), ([1, 1, 1], 10**12)]


def product(p, q, length):
    found = [mpf(0)] * length
    for i, a in enumerate(p):
        for j, b in enumerate(q[: length - i]):
            found[i + j] += a * b
    return found


def formula(weights, n, order, x):
    """P(S <= x), P(S > x), and the size of their terms: the series as exp of the cumulants, power by power.

    Powers of n^(-1/2) are told by a variable of their own, e: kappa_(j + 2) and h^j come with e^j.
    """
    kappa = [mpf(c.numerator) / c.denominator for c in em.cumulants(em.Kernel(weights), n, order + 2)]
    places = [k for k, weight in enumerate(weights) if weight]
    h, sigma = math.gcd(*(k - places[0] for k in places)), mp.sqrt(kappa[1])
    length = 3 * order + 1
    exponent = [[mpf(0)] * length for _ in range(order + 1)]  # [power of e][power of s]
    for j in range(1, order + 1):
        exponent[j][j + 2] += kappa[j + 1] / sigma ** (j + 2) / mp.factorial(j + 2)
        if j % 2 == 0:
            exponent[j][j] -= mp.bernoulli(j) * (h / sigma) ** j / (j * mp.factorial(j))
    series = [[mpf(0)] * length for _ in range(order + 1)]
    series[0][0] = mpf(1)
    power, factorial = [row[:] for row in series], mpf(1)
    for m in range(1, order + 1):
        new = [[mpf(0)] * length for _ in range(order + 1)]
        for a in range(order + 1):
            for b in range(order + 1 - a):
                new[a + b] = [
                    u + v for u, v in zip(new[a + b], product(power[a], exponent[b], length), strict=True)
                ]
        power, factorial = new, factorial * m
        series = [
            [u + v / factorial for u, v in zip(s, p, strict=True)] for s, p in zip(series, power, strict=True)
        ]
    c = [sum(row[m] for row in series) for m in range(length)]
    step = mp.floor((mpf(x) - places[0] * n) / h)
    z = (places[0] * n + h * (step + mpf(1) / 2) - kappa[0]) / sigma
    hermite = [mpf(1), z]
    for m in range(1, length):
        hermite.append(z * hermite[-1] - m * hermite[-2])
    density = mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
    terms = [density * c[m] * hermite[m - 1] for m in range(1, length)]
    lower, upper = mp.erfc(-z / mp.sqrt(2)) / 2, mp.erfc(z / mp.sqrt(2)) / 2
    sizes = [density * abs(c[m]) * (1 + abs(z)) ** (m - 1) * m for m in range(1, length)]
    return lower - sum(terms), upper + sum(terms), (lower + sum(sizes), upper + sum(sizes))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_both_tails_are_those_of_the_formula(case, order):
    weights, n = CASES[case]
    limit = em.central_limit(weights, n)
    expansion = limit.edgeworth(order)
    for deviations in (-30, -8, -2, -0.3, 0, 0.5, 3, 7, 12, 30, 36):
        x = round(limit.mean + deviations * limit.std)
        with mp.workdps(60):
            lower, upper, sizes = formula(weights, n, order, x)
            # The deviate has a rounding of its own, of which the density makes z^2.
            room = 1e-14 * (1 + deviations**2)
            assert abs(expansion.cdf(x) - lower) <= room * sizes[0]
            assert abs(expansion.sf(x) - upper) <= room * sizes[1]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 60), st.integers(0, 8))
def test_a_mirror_changes_the_tails(weights, n, order):
    one, other = (em.central_limit(row, n).edgeworth(order) for row in (weights, weights[::-1]))
    last = n * (len(weights) - 1)
    points = np.arange(-2, last + 2)
    np.testing.assert_allclose(one.sf(points), other.cdf(last - 1 - points), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(
        one.sf(points) + one.cdf(points), 1, atol=1e-13 * (1 + abs(one.cdf(points)).max())
    )


def test_a_small_tail_is_near_the_exact_one():
    expansion, law = em.central_limit([1, 2, 3, 1], 10**5).edgeworth(4), em.distribution([1, 2, 3, 1], 10**5)
    for deviations in (6, 9, 12):
        x = round(law.mean() + deviations * law.std())
        assert expansion.sf(x) == pytest.approx(law.sf(x), rel=1e-5, abs=0)
        assert 1 - expansion.cdf(x) == pytest.approx(0, abs=1e-8)


def test_tails_of_deep_stacks_need_the_whole_mean():
    """The mean is no whole number: a float beside it would move the tail at 20 sigma by 1e-7 of it."""
    n = 10**15 - 2
    limit, law = em.central_limit([1, 2], n), em.distribution([1, 2], n)
    for sign in (-1, 1):
        x = round(law.exact_mean) + sign * 20 * round(law.std())
        tail = law.sf(x) if sign > 0 else law.cdf(x)
        found = limit.edgeworth(4)
        assert (found.sf(x) if sign > 0 else found.cdf(x)) == pytest.approx(tail, rel=2e-10, abs=0)


def test_upper_tails_have_scipys_manners():
    expansion = em.central_limit(em.Kernel([4, 0, 2, 0, 1], offset=-1), 9).edgeworth(3)
    assert type(expansion.sf(1)) is float
    assert expansion.sf(2.9) == expansion.sf(1) == expansion.sf(2) > expansion.sf(3)
    assert math.isnan(expansion.sf(math.nan))
    assert expansion.sf([-math.inf, math.inf, -1e200, 10**70]).tolist() == [1, 0, 1, 0]
    assert expansion.sf(np.zeros((2, 0))).shape == (2, 0)
    with pytest.raises(TypeError, match="x must be real numbers"):
        expansion.sf("a")
