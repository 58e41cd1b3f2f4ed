"""Points of products with large steps against exact integers: the trapezoidal rule over a ring."""

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from oracles_tails import exact_logs, exact_shares

import erfmath as em

STEPPED = [([9, 1, 6, 3, 10, 10, 6], 36, 7), ([1] * 5, 39, 7), ([1, 1], 64, 300)]
# Where the spacing of the nodes does not divide the period of the integrand, these lose up to three digits.
LOST = [18101, 3903, 17973]


def check_points(factors, places):
    truth, found = exact_shares(factors), em.distribution(em.Product(factors))
    for t in places:
        if truth[t] > 1e-300:
            assert found.pmf(int(t)) == pytest.approx(truth[t], rel=1e-12, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize("before", [0, 2])
def test_steps_of_three_hundred(before):
    factors = [([0] * before + STEPPED[0][0], *STEPPED[0][1:]), *STEPPED[1:]]
    places = np.r_[LOST, np.random.default_rng(0).integers(0, 20_000, 60)]
    check_points(factors, np.minimum(places + 7 * 36 * before, len(exact_shares(factors)) - 1))


def test_a_logarithm_with_zeros_before_the_first_tap():
    factors = [([0, 0, *STEPPED[0][0], 0], 36, 7), *STEPPED[1:]]
    found = em.log_coefficients(em.Product(factors), at=4780)
    assert found == pytest.approx(float(exact_logs(factors)[4780]), rel=0, abs=1e-12)


@settings(max_examples=15)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=6),
    st.integers(5, 40),
    st.integers(1, 9),
    st.integers(5, 60),
    st.integers(30, 400),
    st.lists(st.floats(0.02, 0.98), min_size=5, max_size=5),
)
@example([9, 1, 6, 3, 10, 10, 6], 36, 7, 64, 300, [0.785, 0.169, 0.78, 0.5, 0.3])
def test_products_with_large_steps(taps, n, step, count, far, shares):
    factors = [(taps, n, step), ([1, 1], count, far)]
    last = n * step * (len(taps) - 1) + count * far
    check_points(factors, [round(share * last) for share in shares])
