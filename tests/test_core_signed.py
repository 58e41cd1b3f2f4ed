"""Signed weights whose signs alternate, and such that cancel, against integers and closed forms."""

import importlib.util
import math
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from oracles import convolved, grid, naive_power

import erfmath as em
from erfmath import Kernel, Product
from erfmath.core import circle, exact, flint, plan, signed
from erfmath.polynomials.product import as_product

HAS_FLINT = importlib.util.find_spec("flint") is not None
LAPLACIAN = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
SIGNED = (
    st.integers(-4, 4)
    | st.floats(-9, 9, allow_subnormal=False)
    | st.fractions(-3, 3, max_denominator=9)
    | st.sampled_from([0.1, -0.1, 0.3, -0.30000000000000004, 1e-20, -1e20])
)
WEIGHTS = st.lists(SIGNED, min_size=1, max_size=6).filter(any)
FACTORS = st.lists(st.tuples(WEIGHTS, st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=3)


def exact_row(factors):
    row = grid([1])
    for weights, n, step in factors:
        row = convolved(row, naive_power(Kernel(weights).dilate(step).weights, n))
    return [Fraction(value) for value in row]


def is_in_range(row):
    return Fraction(2) ** -1000 < max(map(abs, row)) < Fraction(2) ** 1000


def assert_positive_zeros(values):
    assert not np.signbit(values[values == 0]).any()


@given(FACTORS)
@example([([1, 1, -1], 9, 1)])
@example([([0.1, 0.3, -0.3], 9, 2), ([1, 0, -1], 4, 1)])
@example([([1, -1e20], 4, 1), ([1e-20, -1e20], 9, 1)])  # the first is 1e-440 of the sum
@example([([1e-20, 1.1030542604243083e-298], 2, 1)])  # the second is subnormal
@example([([1, 1, 1, 1.0, 1e-290], 2, 1), ([0, 0, 1, 1, -1, 1e-290], 6, 3)])  # a third of a second
@example([([0, 0, 1], 3, 3), ([1, 1, 1, 1e-290], 2, 2), ([0, 0, 0, 1, 1e-290, -1], 6, 3)])
def test_short_signed_rows_are_the_nearest_floats(factors):
    product, row = Product(factors), exact_row(factors)
    if not is_in_range(row):
        return
    nearest = np.array([float(value) for value in row])
    got = em.coefficients(product, method="rounded")
    np.testing.assert_array_equal(got, nearest)
    assert_positive_zeros(got)
    auto, made = em.coefficients(product), em.plan(product)
    assert_positive_zeros(auto)
    norm = math.prod(sum(abs(Fraction(w)) for w in weights) ** n for weights, n, _ in factors)
    # What is not zero may vanish where it is below 1e-300 of the sum, or no float.
    assert not auto[nearest == 0].any()
    assert made.error == 0 or made.chosen.relative_to == "each coefficient"
    smallest = Fraction(2) ** -1074
    for value, expected in zip(auto, row, strict=True):
        bound = Fraction(made.error) * abs(expected) + norm / 10**300 + smallest
        assert abs(Fraction(value) - expected) <= bound


@given(FACTORS)
def test_logs_and_signs_are_those_of_the_exact_rationals(factors):
    logs, signs = em.log_coefficients(Product(factors), return_sign=True)
    for log, sign, value in zip(logs, signs, exact_row(factors), strict=True):
        assert sign == (value > 0) - (value < 0)
        if value:
            bits = abs(value.numerator).bit_length() - value.denominator.bit_length()
            expected = math.log(abs(value) / Fraction(2) ** bits) + bits * math.log(2)
            assert abs(log - expected) <= 1e-12 + 5e-16 * abs(expected)
        else:
            assert log == -math.inf


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=2, max_size=3).filter(
        lambda rows: any(map(any, rows))
    ),
    st.integers(0, 6),
)
@example(LAPLACIAN, 6)
@example([[1, 0, -1], [2, 0, -2], [1, 0, -1]], 5)
@example([[0, 1, 0], [0, 0, 0], [-1, 0, 1]], 3)
def test_signed_kernels_on_two_axes(weights, n):
    row = naive_power(weights, n)
    got = em.coefficients(weights, n)
    np.testing.assert_allclose(got, row.astype(float), rtol=1e-14, atol=0)
    assert_positive_zeros(got)
    logs, signs = em.log_coefficients(weights, n, return_sign=True)
    np.testing.assert_array_equal(signs, np.sign(row.astype(float)))
    np.testing.assert_allclose(signs * np.exp(logs), row.astype(float), rtol=1e-12, atol=1e-12)


@given(WEIGHTS, st.integers(0, 5))
@example([1, 0, 0, 1, -1], 1)  # three copies do not cancel yet: the signs meet in the fourth power
def test_signs_that_alternate_are_found_and_no_others(weights, n):
    kernel = Kernel(weights)
    found = signed.untwisted(as_product(kernel, n))
    row = naive_power(weights, n)
    magnitudes = naive_power([abs(w) for w in weights], n)
    if found is None:
        assert n > 0
        magnitudes = [abs(w) for w in weights]
        assert any(
            (abs(naive_power(weights, k)) != naive_power(magnitudes, k)).any()
            for k in range(2, 2 * len(weights))
        )
    else:
        np.testing.assert_array_equal(abs(row), magnitudes)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("weights", "power", "step"), [([1, -1], 1, 1), ([1, -2, 1], 2, 1), ([1, 0, -1], 1, 2), ([-1, 1], 1, 1)]
)
def test_differences_are_binomial_coefficients_with_signs(weights, power, step, n):
    scale = Fraction(1, 2**power)
    got = em.coefficients([w * scale for w in weights], n)
    row = [Fraction(math.comb(power * n, t) * (-1) ** t, 2 ** (power * n)) for t in range(power * n + 1)]
    sign = weights[0] ** n
    expected = np.zeros(len(got))
    expected[::step] = [float(sign * value) for value in row]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)
    assert_positive_zeros(got)


def test_the_millionth_difference_has_its_closed_form_in_every_tail():
    n = 10**6
    got = em.coefficients([0.5, -0.5], n)
    t = np.array([n // 2 - 18_000, n // 2 - 9001, n // 2, n // 2 + 1, n // 2 + 17_999])
    with mpmath.workdps(40):
        exact = [float(mpmath.binomial(n, int(i)) * mpmath.mpf(2) ** -n) for i in t]
    np.testing.assert_allclose(got[t], exact * (1.0 - 2 * (t % 2)), rtol=1e-12)
    assert math.fsum(got) == pytest.approx(0, abs=1e-12)


def test_logs_with_signs_reach_any_depth():
    n = 10**15
    logs, signs = em.log_coefficients([1, -1], n, at=[0, 1, n, n + 1], return_sign=True)
    np.testing.assert_allclose(logs[:3], [0, math.log(n), 0])
    assert logs[3] == -math.inf
    assert signs.tolist() == [1, -1, 1, 0]
    log, sign = em.log_coefficients([3, -1, 3], 10**6, at=1, return_sign=True)
    assert (type(log), type(sign), sign) == (float, float, -1)
    assert log == pytest.approx(math.log(10**6) + (10**6 - 1) * math.log(3), rel=1e-14)
    laplacian = em.log_coefficients(LAPLACIAN, 5, at=[[5, 5], [0, 0], [0, 5]], return_sign=True)
    assert laplacian[1].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.skipif(not HAS_FLINT, reason="needs python-flint")
def test_long_rows_of_random_signs_against_flint(seed):
    from flint import fmpz_poly

    weights = np.random.default_rng(seed).choice([-1, 1], 20).tolist()
    row = [int(c) for c in (fmpz_poly(weights) ** 150).coeffs()]
    got = em.coefficients([Fraction(w, 8) for w in weights], 150, method="rounded")
    assert got.tolist() == [float(Fraction(c, 8**150)) for c in row]


def test_the_same_floats_with_and_without_flint(monkeypatch):
    weights, rows = [0.3, -0.7, 0.2, 0.9, -0.1], []
    for is_worth in [False, *([True] if HAS_FLINT else [])]:
        monkeypatch.setattr(flint, "is_worth", lambda length, steps, count, answer=is_worth: answer)
        rows.append(em.coefficients(weights, 80, method="rounded"))
        np.testing.assert_array_equal(rows[0], rows[-1])
    monkeypatch.setattr(exact, "integer_product", None)
    with pytest.raises(TypeError):
        em.coefficients(weights, 81, method="rounded")


def test_rows_that_whole_numbers_take_long_for_are_left_to_floats_which_say_so(monkeypatch):
    monkeypatch.setattr(plan, "is_quick", lambda polynomial: False)
    weights = np.random.default_rng(5).normal(size=20) / 4
    made = em.plan(weights, 60)
    assert made.method in ("direct", "fft")
    assert made.chosen.relative_to != "each coefficient"
    right = em.coefficients(weights, 60, method="rounded")
    scale = (
        2.0 ** circle.log2_of_peaks(made.polynomial)
        if made.method == "fft"
        else em.coefficients(abs(weights), 60)
    )
    assert (abs(em.coefficients(weights, 60) - right) <= made.error * scale).all()


@pytest.mark.slow
def test_products_that_cancel_almost_wholly_are_computed_in_whole_numbers():
    # the factors peak apart from one another, so that the bounds of float methods are 1e30 times the product
    product = Product([([0.5, -0.5, 1e-9], 150), ([0.5, 0.5, 1e-9], 150)])
    made = em.plan(product)
    assert made.method == "rounded"
    right = em.coefficients(product)
    expected = exact_row([(f.kernel.weights, f.n, 1) for f in product.factors])
    np.testing.assert_array_equal(right, [float(value) for value in expected])


OUT_OF_RANGE = [
    ([1, 1, -1], 1000),
    ([-2.0, 1e-9], 1024),
    ([1e-200, -1e-200], 2),
    ([3, -1, 3], 700),
    ([1, -1], 2000),
    ([10**400, -1], 1),
    ([Fraction(-1, 10**400), Fraction(1, 10**400)], 1),
    ([[1, 2], [3, -9]], 300),
]


@pytest.mark.parametrize(("weights", "n"), OUT_OF_RANGE)
@pytest.mark.parametrize("method", ["auto", "direct", "fft", "rounded"])
def test_the_scaling_that_the_error_advises_works(weights, n, method):
    with pytest.raises(ValueError, match=r"(overflow|underflow).*return_sign=True") as caught:
        em.coefficients(weights, n, method)
    divisor = Fraction(eval(re.search(r"divide the weights by (\S+),", str(caught.value)).group(1)))
    row = em.coefficients((grid(weights) / divisor).astype(float), n)
    assert 1e-300 < np.abs(row).max() < 1e300
    logs, signs = em.log_coefficients(weights, n, return_sign=True)
    log = math.log(divisor.numerator) - math.log(divisor.denominator) if divisor else -math.inf
    assert logs.max() == pytest.approx(np.log(np.abs(row).max()) + n * log, rel=1e-9)
    index = np.unravel_index(np.abs(row).argmax(), row.shape)
    assert signs[index] == np.sign(row[index])
    if Kernel(weights).is_exact:
        assert em.coefficients(weights, n, method="exact").shape == row.shape


def test_the_other_methods_that_errors_name_work(monkeypatch):
    with pytest.raises(ValueError, match="use 'rounded', 'direct' or 'fft'"):
        em.coefficients([1, 1, -1], 4, method="saddle")
    for method in ("rounded", "direct", "fft"):
        np.testing.assert_allclose(
            em.coefficients([1, 1, -1], 4, method), [1, 4, 2, -8, -5, 8, 2, -4, 1], atol=1e-13
        )
    with pytest.raises(ValueError, match=r"negative weight -1 .*return_sign=True"):
        em.log_coefficients([1, 1, -1], 4)
    with pytest.raises(ValueError, match="negative weight at position 1"):
        em.distribution([1, -(10**400)])
    monkeypatch.setattr(plan, "takes", lambda polynomial, limit: False)
    monkeypatch.setattr(plan, "is_quick", lambda polynomial: False)
    hidden = Product([([0.5, -0.5, 1e-9], 150), ([0.5, 0.5, 1e-9], 150)])
    with pytest.raises(ValueError, match=r"no digit.*method='rounded'.*method='(fft|direct)'"):
        em.coefficients(hidden)
    assert abs(em.coefficients(hidden, method="rounded")).max() < 1e-40
    assert em.coefficients(hidden, method="fft").shape == (601,)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("em.log_coefficients([1, -1], 4, return_sign=1)", TypeError, "return_sign must be a bool"),
        ("em.log_coefficients([1, 1, -1], 10**9, at=3, return_sign=True)", ValueError, "in whole numbers"),
        ("em.log_coefficients([1, 1, -1], 4, at=0.5, return_sign=True)", TypeError, "at must hold integers"),
        ("em.log_coefficients([[1, 1], [1, -1]], 4, at=3, return_sign=True)", ValueError, "at must hold 2"),
        ("em.coefficients([1.5, 1, -1], 10**8, 'rounded')", ValueError, "method='rounded'"),
        ("em.coefficients([1, -1, math.nan], 3)", ValueError, "finite"),
        ("em.coefficients([1, -1, True], 3)", TypeError, "weights must be"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)):
        eval(code)


def test_indices_outside_the_row_have_no_sign():
    for weights in ([1, -1], [1, 1, -1], [2, 1]):
        logs, signs = em.log_coefficients(weights, 3, at=[-1, 0, 99], return_sign=True)
        assert signs.tolist() == [0, 1, 0]
        assert np.isneginf(logs[[0, 2]]).all()


@given(WEIGHTS, st.integers(1, 40))
def test_the_largest_coefficient_lies_below_the_peak_on_the_circle_and_above_its_nth_part(weights, n):
    product = as_product(weights, n)
    row = naive_power(weights, n)
    peak = max(map(abs, row))
    bits = math.log2(peak.numerator) - math.log2(peak.denominator)
    highest = circle.log2_peak(product)
    assert highest - math.log2(len(row)) - 1e-3 <= bits <= highest + 1e-6 * n
