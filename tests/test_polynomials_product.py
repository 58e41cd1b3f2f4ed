"""Products of powers of different kernels at different steps."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from oracles_tails import (
    check_log,
    check_relative,
    exact_logs,
    exact_row,
    exact_shares,
    exact_tails,
    factors_of,
    log_coefficient,
    log_of,
    log_tail,
    log_total,
)

import erfmath as em
from erfmath import Kernel, Product
from erfmath.strategies import kernels

STACKS = {
    "two kernels": Product([([1, 1, 1], 30), ([1, 3], 20)]),
    "steps 1, 2, 4": Product([([1, 1, 1], 6), ([1, 1, 1], 6, 2), ([1, 1, 1], 6, 4)]),
    "doubling steps": Product([([1, 1, 1], 1, 2**j) for j in range(8)]),
    "binary digits": Product([([1, 1], 1, 2**j) for j in range(10)]),
    "a gap": Product([([1, 0, 2], 10, 3), ([5, 1, 1], 4)]),
    "steps without 1": Product([([1, 1], 20, 2), ([1, 2, 1], 15, 6)]),
    "decades apart": Product([([1, 1e-9], 40), ([1e-6, 1, 1e-12], 30, 5)]),
    "rationals": Product([([Fraction(1, 3), Fraction(2, 7)], 25), ([Fraction(5, 11), 1, 1], 12, 2)]),
    "one long step": Product([([1, 1, 1], 40), ([1, 1], 1, 500)]),
    "a power of one tap": Product([([7], 10), ([1, 1, 2], 20)]),
    "outer zeros": Product([([0, 1, 2, 0], 10), ([0, 0, 3, 1], 8, 2)]),
}
DEEP_STACKS = {
    "kernels of one step": [([1, 1, 1], 1), ([1, 3, 0, 2], 2), ([2, 1], 1)],
    "steps 1 and 2": [([1, 1, 1], 1), ([1, 2, 1], 1, 2)],
    "steps 1, 2, 4, 8": [([1, 1, 1], 1, 2**j) for j in range(4)],
    "skewed": [([1, 1e-3], 1), ([1e-5, 1, 1], 1, 3)],
}


@pytest.mark.parametrize("name", STACKS)
def test_rows_of_products_are_those_of_exact_integers(name):
    product = STACKS[name]
    factors = factors_of(product)
    row, unit = exact_row(factors)
    size = len(row)
    assert product.shape == (size,)
    exact, total = exact_logs(factors), log_total(factors)
    check_log(em.log_coefficients(product), exact)
    check_log(em.log_coefficients(product, at=np.arange(-2, size + 2))[2:-2], exact)
    check_relative(em.coefficients(product) / float(Fraction(sum(row), unit)), exact_shares(factors))
    law = em.distribution(product)
    low, high = law.support()
    assert (low, high) == (min(t for t in range(size) if row[t]), max(t for t in range(size) if row[t]))
    check_log(law.logpmf(np.arange(size)), [v - total for v in exact])
    lower, upper = exact_tails(factors)
    check_log(law.logcdf(np.arange(size)), lower)
    check_log(law.logsf(np.arange(size)), upper)


@pytest.mark.parametrize("name", STACKS)
def test_exact_rows_of_products(name):
    product = STACKS[name]
    if not product.is_exact:
        product = Product(
            (Kernel([Fraction(w) for w in f.kernel.weights]), f.n, f.step) for f in product.factors
        )
    row, unit = exact_row(factors_of(product))
    assert em.coefficients(product, method="exact").tolist() == [Fraction(c, unit) for c in row]


@pytest.mark.parametrize("n", [200, 10**5, 10**14])
@pytest.mark.parametrize("name", DEEP_STACKS)
def test_deep_products_keep_the_promise(name, n):
    product = Product([(w, n * m, *step) for w, m, *step in DEEP_STACKS[name]])
    factors, law = factors_of(product), em.distribution(product)
    last, mean, sigma = product.shape[0] - 1, law.mean(), law.std()
    at = [0, 1, 2, 3, *(round(mean + s * sigma) for s in (-9, -1, 0, 0.3, 5, 12)), last - 2, last - 1, last]
    at = [min(last, max(0, t)) for t in at]
    truths = [log_coefficient(factors, t) for t in at]
    check_log(em.log_coefficients(product, at=at), truths)
    check_log(law.logpmf(at), [v - log_total(factors) for v in truths])
    inner = at[4:-3]
    check_log(law.logcdf(inner), [log_tail(factors, t, "lower") for t in inner])
    check_log(law.logsf(inner), [log_tail(factors, t + 1, "upper") for t in inner])


@pytest.mark.parametrize("n", [50, 10**6])
def test_a_step_is_a_dilation(n):
    step, dilated = Product([([1, 2, 3], n, 3)]), Product([(Kernel([1, 2, 3]).dilate(3), n)])
    at = [0, 1, 3, 3 * n, 3 * n + 3, 6 * n - 3, 6 * n]
    np.testing.assert_allclose(
        em.log_coefficients(step, at=at), em.log_coefficients(dilated, at=at), rtol=4e-16, atol=1e-12
    )


@pytest.mark.parametrize("n", [40, 10**5, 10**12])
def test_equal_kernels_add_their_powers(n):
    split = Product([([1, 1, 1], n), ([2, 1], n), ([1, 1, 1], 2 * n)])
    assert split == Product([([1, 1, 1], 3 * n), ([2, 1], n)])
    assert split.n == 4 * n
    swapped = Product([([2, 1], n), ([1, 1, 1], 3 * n)])
    at = [0, 1, 3 * n, 3 * n + 7, 7 * n]
    check = em.log_coefficients(split, at=at), em.log_coefficients(swapped, at=at)
    np.testing.assert_allclose(*check, rtol=4e-16, atol=1e-12)


def test_binary_digits_are_the_uniform_law():
    law = em.distribution(Product([([1, 1], 1, 2**j) for j in range(14)]))
    assert law.support() == (0, 2**14 - 1)
    check_log(law.logpmf([0, 1, 12345, 2**14 - 1]), [-14 * log_of(2)] * 4)
    assert law.cdf(2**13 - 1) == pytest.approx(0.5, rel=1e-12)
    assert law.sf(2**14 - 2) == pytest.approx(2.0**-14, rel=1e-12)


def test_a_long_law_without_a_bell_shape_is_refused():
    law = em.distribution(Product([([1, 1], 1, 2**j) for j in range(40)]))
    with pytest.raises(ValueError, match="too long"):
        law.logpmf(12345)


@settings(max_examples=30)
@given(st.lists(st.tuples(kernels(max_side=4), st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=3))
def test_products_agree_with_exact_integers(entries):
    product = Product(entries)
    factors = factors_of(product)
    row, unit = exact_row(factors)
    assert em.coefficients(product, method="exact").tolist() == [Fraction(c, unit) for c in row]
    np.testing.assert_allclose(em.coefficients(product), [float(Fraction(c, unit)) for c in row], rtol=1e-12)
    check_log(em.log_coefficients(product), exact_logs(factors))


@given(
    st.lists(
        st.tuples(kernels(max_side=4, max_offset=2), st.integers(0, 9), st.integers(1, 3)),
        min_size=1,
        max_size=4,
    )
)
def test_the_canonical_form_rebuilds_itself(entries):
    product = Product(entries)
    assert Product(*product.args) == product
    assert hash(Product(*product.args)) == hash(product)
    assert eval(repr(product)) == product
    assert product.n == sum(n for _, n, _ in entries)
    assert product.offsets == (sum(k.offset * n * a for k, n, a in entries),)


def test_products_in_two_axes_separate():
    product = Product([(np.outer([1, 2, 1], [1, 1]), 30, (1, 2)), (np.outer([1, 1], [3, 1]), 20)])
    grid = em.log_coefficients(product)
    rows = [exact_logs(factors_of(part)) for part in product.separate()]
    assert grid.shape == product.shape == tuple(map(len, rows))
    at = [(0, 0), (3, 7), (40, 30), (80, 79), (1, 1)]
    check_log(np.array([grid[a] for a in at]), [rows[0][i] + rows[1][j] for i, j in at])
    check_log(em.log_coefficients(product, at=at), [rows[0][i] + rows[1][j] for i, j in at])


def test_signed_products_have_rows_and_no_law():
    product = Product([([1, -1], 8), ([1, 1, 1], 5, 2)])
    assert em.coefficients(product, method="exact").tolist() == exact_row_signed(product)
    np.testing.assert_allclose(em.coefficients(product), exact_row_signed(product), atol=1e-11)
    for call in (em.distribution, em.log_coefficients):
        with pytest.raises(ValueError, match="negative weight -1 at position 1"):
            call(product)


def exact_row_signed(product):
    row = [1]
    for weights, n, step in factors_of(product):
        for _ in range(n):
            longer = [0] * (len(row) + step * (len(weights) - 1))
            for j, w in enumerate(weights):
                for i, c in enumerate(row):
                    longer[i + step * j] += w * c
            row = longer
    return row


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("Product([])", ValueError, "factors must hold at least one"),
        ("Product([([1, 1], -1)])", ValueError, "n must be at least 0"),
        ("Product([([1, 1], 1.0)])", TypeError, "n must be an int"),
        ("Product([([1, 1], 10**15), ([1, 2], 1)])", ValueError, "n must be at most 1e+15 over all factors"),
        ("Product([([1, 1], 2, 0)])", ValueError, "step must be at least 1"),
        ("Product([([1, 1], 2, 0.5)])", TypeError, "step must be an int"),
        ("Product([([1, 1], 2), ([[1, 1]], 2)])", ValueError, "all kernels must have as many axes"),
        ("Product([('ab', 2)])", TypeError, "kernel must be"),
        ("Product([([1, 1],)])", (TypeError, ValueError), "factors"),
        ("Product(3)", TypeError, "factors"),
        ("em.log_coefficients(Product([([1, 1], 2)]), 10**15, at=0)", ValueError, "n must be at most 1e+15"),
        ("em.distribution(Product([([1, 1], 10**14, 10**6)]))", ValueError, "62-bit"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


@pytest.mark.parametrize("n", [20_000, 83_520])
def test_tails_on_the_full_circle_keep_the_promise(n):  # phases of size n lose n ulps there
    product = Product([([1, 1], 1, 2), ([2, 2, 3, 0, 3, 3], n, 5)])
    law, factors = em.distribution(product), factors_of(product)
    at = [round(law.mean() - 2 * law.std()) + d for d in range(8)]
    check_log(law.logcdf(at), [log_tail(factors, t, "lower") for t in at])
