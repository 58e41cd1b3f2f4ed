"""Conditions longer than the rows that are summed: tails as differences, moments of all that counts."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from oracles import exact_cumulants

import erfmath as em
from erfmath.laws import truncated

N = 300
BINOMIAL = {k: Fraction(math.comb(N, k) * 3**k, 4**N) for k in range(N + 1)}
RANGES = [(None, 250), (3, None), (180, 260), (0, 240), (225, 225), (215, 234), (290, None), (None, 150)]


@pytest.fixture(params=RANGES, ids=str)
def case(request, monkeypatch):
    """A condition read without its row, and its exact probabilities."""
    monkeypatch.setattr(truncated, "_SUMMED", 0)
    low, high = request.param
    kept = {x: p for x, p in BINOMIAL.items() if (low or 0) <= x <= (N if high is None else high)}
    total = sum(kept.values())
    return em.distribution([1, 3], N).given(low, high), {x: p / total for x, p in kept.items()}


def test_points_and_tails_are_those_of_the_row(case):
    law, exact = case
    below = list(itertools.accumulate(exact.values()))
    points = np.array(list(exact))
    outer = min(max(law.whole.cdf(max(exact)), 1e-300), max(law.whole.sf(min(exact) - 1), 1e-300))
    lost = outer / math.exp(law.log_mass)  # by which the tails' digits are fewer
    for name, truth in (("pmf", exact.values()), ("cdf", below), ("sf", [1 - s for s in below])):
        found = getattr(law, name)(points)
        np.testing.assert_allclose(found, [float(p) for p in truth], rtol=1e-11, atol=1e-13 * (1 + lost))
    assert (law.cdf(points[0] - 1), law.sf(points[0] - 1)) == (0, 1)
    assert (law.cdf(points[-1]), law.sf(points[-1])) == (1, 0)
    assert law.pmf([points[0] - 1, points[-1] + 1]).tolist() == [0, 0]


def test_moments_are_those_of_the_row(case):
    law, exact = case
    truth = [float(k) for k in exact_cumulants(exact, 4)]
    assert law.cumulants(4) == pytest.approx(truth, rel=1e-9, abs=1e-9)
    assert (law.mean(), law.var()) == pytest.approx((truth[0], truth[1]), rel=1e-12, abs=1e-12)


def test_what_counts_has_all_but_a_share_of_1e_20_at_either_end(case):
    law, exact = case
    first, last = law._bulk.support()
    edge = Fraction(1, 10**20)
    assert sum(p for x, p in exact.items() if x < first) <= edge * 2
    assert sum(p for x, p in exact.items() if x > last) <= edge * 2
    if law.first == 0:  # elsewhere the share is lost beside what is left out before
        assert sum(p for x, p in exact.items() if x <= first) >= edge / 2
    if law.last == N:
        assert sum(p for x, p in exact.items() if x >= last) >= edge / 2
