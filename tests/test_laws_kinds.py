"""Every kind of distribution has every reading, each as the exact fractions have it."""

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from oracles import exact_cumulants

import erfmath as em
from erfmath.laws.compound import CompoundDistribution

F = Fraction
ROW = {-1: F(1, 8), 0: F(1, 2), 2: F(3, 8)}
COINS = {k: F(math.comb(5, k), 32) for k in range(6)}


def times(law, step, origin=0):
    return {origin + step * x: p for x, p in law.items()}


def mixed(*parts):
    total = {}
    for weight, part in parts:
        for x, p in part.items():
            total[x] = total.get(x, 0) + weight * p
    return total


def within(law, low, high):
    kept = {x: p for x, p in law.items() if low <= x <= high}
    return {x: p / sum(kept.values()) for x, p in kept.items()}


def summed(*laws):
    total = {F(0): F(1)}
    for law in laws:
        before, total = total, {}
        for (x, p), (y, q) in itertools.product(before.items(), law.items()):
            total[x + y] = total.get(x + y, 0) + p * q
    return total


def several(number, law):
    """The sum of a random number of copies."""
    return mixed(*((p, summed(*[law] * n)) for n, p in number.items()))


def table(law):
    low = min(law)
    return em.LatticeDistribution([float(law.get(x, 0)) for x in range(low, max(law) + 1)], low)


POISSON = {n: F(math.exp(-0.75)) * F(3, 4) ** n / math.factorial(n) for n in range(14)}  # the rest: 1e-13
D, C = table(ROW), em.distribution([1, 1], 5)
KINDS = {
    "table": (lambda: D, ROW),
    "product": (lambda: C, COINS),
    "sum of both": (lambda: D + C, summed(ROW, COINS)),
    "difference": (lambda: 3 - D - C, times(summed(ROW, COINS), -1, 3)),
    "stepped": (lambda: C.scaled(F(1, 4)) + F(1, 8), times(COINS, F(1, 4), F(1, 8))),
    "stepped backwards": (lambda: D.scaled(F(-1, 2)), times(ROW, F(-1, 2))),
    "mixture": (lambda: em.mixture([D, C], [0.25, 0.75]), mixed((F(1, 4), ROW), (F(3, 4), COINS))),
    "condition": (lambda: C.given(1, 3), within(COINS, 1, 3)),
    "condition of a mixture": (
        lambda: em.mixture([D, C], [0.25, 0.75]).given(0, 4),
        within(mixed((F(1, 4), ROW), (F(3, 4), COINS)), 0, 4),
    ),
    "condition on a lattice": (
        lambda: (C.scaled(F(1, 4)) + F(1, 8)).given(0.375, 0.9),
        within(times(COINS, F(1, 4), F(1, 8)), 0.375, 0.9),
    ),
    "open condition on a lattice": (
        lambda: D.scaled(F(-5, 2)).given(high=1),
        within(times(ROW, F(-5, 2)), -9, 1),
    ),
    "compound": (
        lambda: em.compound_sum(em.distribution([2, 1, 1]), C),
        several({0: F(1, 2), 1: F(1, 4), 2: F(1, 4)}, COINS),
    ),
    "compound without an end": (
        lambda: em.compound_sum(scipy.stats.poisson(0.75), C).given(None, 9),
        within(several(POISSON, COINS), 0, 9),
    ),
}


@pytest.fixture(params=KINDS)
def case(request):
    make, exact = KINDS[request.param]
    return make(), {x: p for x, p in sorted(exact.items()) if p}


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def test_points_and_tails(case):
    law, exact = case
    assert law.support() == (min(exact), max(exact))
    assert law.bounds == (law.support(),)
    step = law.lattice[1]
    grid = [min(exact) + step * k for k in range(-2, int((max(exact) - min(exact)) / step) + 3)]
    points = np.array([float(x) for x in grid])
    at = [float(exact.get(x, 0)) for x in grid]
    below = [float(sum(p for y, p in exact.items() if y <= x)) for x in grid]
    above = [float(sum(p for y, p in exact.items() if y > x)) for x in grid]
    with np.errstate(divide="ignore"):
        for names, truth in (
            (("pmf",), at), (("cdf",), below), (("sf", "ccdf"), above),
        ):  # fmt: skip
            for name in names:
                np.testing.assert_allclose(getattr(law, name)(points), truth, rtol=1e-11, atol=1e-300)
                logs = getattr(law, f"log{name}")(points)
                np.testing.assert_allclose(logs, np.log(truth), rtol=1e-10, atol=1e-11)
    assert np.all(law.pmf(points + float(step) / 3) == 0)
    np.testing.assert_allclose(law.cdf(points + float(step) / 3), below, rtol=1e-11)
    np.testing.assert_allclose(law.sf(points + float(step) / 3), above, rtol=1e-11, atol=1e-300)
    if isinstance(getattr(law, "whole", None), CompoundDistribution):  # which has no proved bounds
        return
    for kind, truth in ((), at), (("pmf",), at), (("cdf",), below), (("sf",), above):
        low, high = law.enclose(points, *kind)
        assert np.all(low <= np.array(truth) * (1 + 1e-12))
        assert np.all(high >= np.array(truth) * (1 - 1e-12))
        assert np.all(high - low < 1e-9)


def test_points_that_are_none_and_points_beyond_all(case):
    law, _ = case
    beyond = np.array([-np.inf, -1e300, 1e300, np.inf, np.nan])
    for name, values in (
        ("pmf", [0, 0, 0, 0]),
        ("cdf", [0, 0, 1, 1]),
        ("sf", [1, 1, 0, 0]),
    ):
        np.testing.assert_array_equal(getattr(law, name)(beyond), [*values, np.nan])
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(getattr(law, f"log{name}")(beyond), [*np.log(values), np.nan])
        whole = getattr(law, name)([-(10**400), 10**400])
        np.testing.assert_array_equal(whole, [values[0], values[-1]])
        with pytest.raises(TypeError, match="x must be real numbers, got 'a'"):
            getattr(law, name)("a")


def test_quantiles(case):
    law, exact = case
    xs, step = list(exact), law.lattice[1]
    sums = [float(s) for s in itertools.accumulate(exact.values())]
    for q in (0.03, 0.24, 0.51, 0.77, 0.983):
        at_least = next(x for x, s in zip(xs, sums, strict=True) if s >= q)
        assert law.ppf(q) == law.icdf(q) == at_least
        at_most = next(x for x, s in zip(xs, sums, strict=True) if 1 - s <= q)
        assert law.isf(q) == law.iccdf(q) == at_most
    assert (law.ppf(0), law.ppf(1)) == (min(xs) - step, max(xs)) == (law.isf(1), law.isf(0))
    assert law.median() == next(x for x, s in zip(xs, sums, strict=True) if s >= 0.5 - 1e-12)
    assert law.interval(0.52) == (law.ppf(0.24), law.ppf(0.76))
    assert np.isnan(law.ppf([-0.1, 1.1, math.nan])).all()


def test_moments(case):
    law, exact = case
    truth = [float(k) for k in exact_cumulants(exact, 6)]
    assert law.cumulants() == near(tuple(truth[:4]))
    assert law.cumulants(1) == near((truth[0],))
    assert law.cumulants(6) == near(tuple(truth))
    assert (law.mean(), law.var(), law.std()) == near((truth[0], truth[1], math.sqrt(truth[1])))
    skewness, excess = truth[2] / truth[1] ** 1.5, truth[3] / truth[1] ** 2
    assert (law.skewness(), law.kurtosis(), law.kurtosis("excess")) == near((skewness, excess + 3, excess))
    assert law.stats("mvsk") == near((truth[0], truth[1], skewness, excess))
    for r in range(5):
        assert law.moment(r) == near(float(sum(p * x**r for x, p in exact.items())))
        central = float(sum(p * (x - F(truth[0])) ** r for x, p in exact.items()))
        assert law.moment(r, "central") == near(central)
        assert law.moment(r, "standardized") == near(central / truth[1] ** (r / 2))
    normal = law.normal()
    assert (normal.mean(), normal.std()) == near((truth[0], math.sqrt(truth[1])))
    for order in (0, 101):
        with pytest.raises(ValueError, match="order must be at "):
            law.cumulants(order)


def test_sums_over_all_points(case):
    law, exact = case
    assert law.expect() == law.mean()
    assert law.expect(lambda x: x**2 + 1) == near(float(sum(p * (x * x + 1) for x, p in exact.items())))
    assert law.entropy() == near(-sum(float(p) * math.log(p) for p in exact.values()))
    largest = max(exact.values())
    assert law.mode() in [x for x, p in exact.items() if p >= largest * (1 - F(1, 10**12))]


def test_rows(case):
    law, exact = case
    step = law.lattice[1]
    low, high = min(exact), max(exact)
    row = [float(exact.get(low + step * k, 0)) for k in range(int((high - low) / step) + 1)]
    np.testing.assert_allclose(law.probabilities(), row, rtol=1e-11)
    for start, shares in (law.window(), law.float_window(), law.window(1e-15)):
        assert start == low
        np.testing.assert_allclose(shares, row, rtol=1e-11)
    ((start,), shares), *others = law.float_parts()
    assert (start, others) == (low, [])
    np.testing.assert_allclose(shares, row, rtol=1e-11)
    left, shares = law.window(0.2)
    first = int((F(left) - low) / step)
    assert sum(row[:first]) <= 0.1 < sum(row[: first + 1])
    last = first + len(shares)
    assert sum(row[last:]) <= 0.1 < sum(row[last - 1 :])
    np.testing.assert_allclose(shares, row[first:last], rtol=1e-11)


def test_variates(case):
    law, exact = case
    drawn = law.rvs(4000, rng=3)
    assert drawn.shape == (4000,)
    assert set(drawn.tolist()) <= {float(x) for x in exact}
    for x, p in exact.items():
        assert abs(np.mean(drawn == float(x)) - float(p)) < 5 * math.sqrt(float(p) / 4000) + 1e-3
    np.testing.assert_array_equal(law.sample(4000, rng=3), drawn)
    assert law.rvs((2, 3), rng=1).shape == (2, 3)
    kind = int if law.lattice[1].denominator == 1 else float
    assert type(law.rvs(rng=1)) is kind
    assert drawn.dtype == (np.int64 if kind is int else float)


def test_a_window_leaves_out_just_what_its_tails_may_hold():
    quarters = em.mixture(
        [em.LatticeDistribution([0.5, 0.5], 7), em.LatticeDistribution([0.5, 0.5], 9)], [0.5, 0.5]
    )
    start, shares = quarters.window(0.5)
    assert (start, shares.tolist()) == (8, [0.25, 0.25])
    apart = em.mixture([em.LatticeDistribution([1.0], 7), em.LatticeDistribution([1.0], 12)], [0.25, 0.75])
    start, shares = apart.window(0.5)  # without the hole behind what is left out
    assert (start, shares.tolist()) == (12, [0.75])


def test_a_window_takes_a_share(case):
    for tail, error in ((None, TypeError), (-0.1, ValueError), (1.5, ValueError)):
        with pytest.raises(error, match=re.escape("tail must ")):
            case[0].window(tail)


@pytest.mark.parametrize(
    "law",
    [
        em.LatticeDistribution([1.0], 3),
        em.distribution(em.Kernel([2], 3)),
        em.distribution([1, 1], 0),
        em.sum_of({0.5: 1}, 3),
        em.mixture([em.LatticeDistribution([1.0], 3)] * 2, [0.5, 0.5]),
        C.given(3, 3),
    ],
    ids=repr,
)
def test_a_point_has_no_shape(law):
    """What is divided by the deviation is none; all else is that of the point."""
    (point, last) = law.support()
    assert last == point
    assert (law.mean(), law.var(), law.std(), law.median(), law.mode()) == (point, 0, 0, point, point)
    assert (law.entropy(), law.moment(2), law.moment(2, "central")) == (0, near(point**2), 0)
    shape = law.skewness(), law.kurtosis(), law.kurtosis("excess"), law.moment(2, "standardized")
    assert np.isnan(shape).all()
    assert (law.pmf(point), law.cdf(point), law.sf(point), law.sf(point - 1)) == (1, 1, 0, 1)
    with pytest.raises(ValueError, match=r"this is a point mass at .*: no normal has variance 0"):
        law.normal()
