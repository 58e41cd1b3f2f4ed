import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, strategies as st
from oracles import (
    METHODS,
    check_same,
    closed_form,
    convolved,
    enumerated,
    grid,
    is_within,
    naive_power,
    pascal,
)

import erfmath as em
from erfmath import Kernel
from erfmath.strategies import kernels

PLUS = Kernel([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
CENTRAL = {
    3: [1, 1, 3, 7, 19, 51, 141, 393, 1107, 3139, 8953],
    4: [1, 1, 4, 12, 44, 155, 580, 2128, 8092],
    5: [1, 1, 5, 19, 85, 381, 1751, 8135, 38165],
    6: [1, 1, 6, 27, 146, 780, 4332],
}
ROWS = {  # OEIS A007318, A027907, A008287, A035343, A063260, A063265
    2: [1, 4, 6, 4, 1],
    3: [1, 4, 10, 16, 19, 16, 10, 4, 1],
    4: [1, 3, 6, 10, 12, 12, 10, 6, 3, 1],
    5: [1, 3, 6, 10, 15, 18, 19, 18, 15, 10, 6, 3, 1],
    6: [1, 3, 6, 10, 15, 21, 25, 27, 27, 25, 21, 15, 10, 6, 3, 1],
    7: [1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1],
}
SIGNED = st.integers(-9, 9)
RATIONAL = st.fractions(-2, 2, max_denominator=12)
HALVES = st.floats(-4, 4, width=16)


@pytest.mark.parametrize("method", [*METHODS, "saddle"])
@pytest.mark.parametrize("k", CENTRAL)
def test_central_coefficients_are_those_of_oeis(k, method):
    got = [em.coefficients(Kernel.uniform(k), n, method)[n * (k - 1) // 2] for n in range(len(CENTRAL[k]))]
    assert [round(value) for value in got] == CENTRAL[k]


@pytest.mark.parametrize(("k", "row"), ROWS.items())
def test_rows_are_those_of_oeis(k, row):
    n = (len(row) - 1) // (k - 1)
    assert em.coefficients(Kernel.uniform(k), n, "exact").tolist() == row == pascal(k, n)


@given(st.integers(1, 7), st.integers(1, 30))
def test_uniform_rows_are_the_closed_form(k, n):
    row = em.coefficients(Kernel.uniform(k), n, "exact").tolist()
    assert row == [closed_form(k, n, t) for t in range(n * (k - 1) + 1)] == pascal(k, n)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 200])
def test_two_equal_taps_give_binomial_coefficients(n):
    row = [math.comb(n, t) for t in range(n + 1)]
    assert em.coefficients([1, 1], n, "exact").tolist() == row
    np.testing.assert_allclose(em.coefficients([1, 1], n), [float(c) for c in row], rtol=1e-13)


@given(kernels(elements=SIGNED | RATIONAL, max_side=4), st.integers(0, 5))
def test_exact_is_the_sum_over_all_tap_sequences(kernel, n):
    assert em.coefficients(kernel, n, "exact").tolist() == enumerated(kernel.weights, n)


@pytest.mark.parametrize("elements", [st.integers(0, 9), SIGNED, RATIONAL, HALVES, st.floats(0, 1, width=16)])
def test_every_method_errs_less_than_its_plan_says(elements):
    @given(kernels(elements=elements, max_dims=1, max_side=6), st.integers(0, 12))
    def check(kernel, n):
        check_same(kernel, n)

    check()


@pytest.mark.parametrize("elements", [st.integers(0, 9), SIGNED, RATIONAL, HALVES])
def test_every_method_errs_less_than_its_plan_says_in_more_axes(elements):
    @given(kernels(elements=elements, min_dims=2, max_dims=3, max_side=3), st.integers(0, 4))
    def check(kernel, n):
        check_same(kernel, n)

    check()


@pytest.mark.parametrize(
    ("kernel", "n"),
    [
        (Kernel([1, 1, 1]), 333),
        (Kernel([1, 2, 3]), 257),
        (Kernel([0, 1, 0, 0, 1, 0]), 70),
        (Kernel([0.1, 0.2, 0.7]), 128),
        (Kernel([1, 1]), 511),
        (Kernel([-1, 2, 2, -1]), 340),
        (Kernel([1, -1]), 400),
        (Kernel([1, -1]), 7),
        (Kernel([2, 0, -2]), 5),
        (Kernel([-3, 1, -1, 3]), 9),
        (Kernel([1, -2, 1]), 255),
        (Kernel([3, 0, -1]), 150),
        (Kernel([1, 0, 1e-6, 0, 1]), 100),
        (Kernel([Fraction(1, 3)]), 600),
        (Kernel([Fraction(1, 3), Fraction(2, 3)]), 200),
        (Kernel([-1]), 7),
        (PLUS, 17),
        (Kernel([[1, 2], [3, -4]]), 20),
        (Kernel.uniform((2, 3, 2)), 6),
    ],
    ids=repr,
)
def test_every_method_errs_less_than_its_plan_says_at_length(kernel, n):
    check_same(kernel, n)


@given(kernels(elements=SIGNED | RATIONAL, max_dims=2, max_side=3), st.integers(0, 5), st.integers(0, 5))
def test_powers_add(kernel, a, b):
    rows = [em.coefficients(kernel, n, "exact") for n in (a, b, a + b)]
    assert (convolved(rows[0], rows[1]) == rows[2]).all()


@given(kernels(elements=SIGNED | RATIONAL, max_dims=3, max_side=3), st.integers(0, 6))
def test_mass_is_the_power_of_the_sum(kernel, n):
    assert em.coefficients(kernel, n, "exact").sum() == sum(grid(kernel.weights).flat) ** n


@given(kernels(elements=SIGNED, max_dims=2, max_side=4), st.integers(0, 6), st.sampled_from(METHODS))
def test_the_mirrored_kernel_gives_the_mirrored_row(kernel, n, method):
    turned = Kernel(np.flip(grid(kernel.weights)))
    left, right = em.coefficients(kernel, n, method), np.flip(em.coefficients(turned, n, method))
    np.testing.assert_allclose(
        left.astype(float), right.astype(float), rtol=0, atol=1e-12 * float(kernel.norm) ** n
    )


@given(kernels(max_side=4), st.integers(1, 60))
def test_a_mirrored_kernel_gives_a_row_mirrored_to_its_accuracy(kernel, n):
    mirrored = Kernel(kernel.weights + kernel.weights[::-1]).normalize()
    row = em.coefficients(mirrored, n, "direct")
    np.testing.assert_allclose(row, row[::-1], rtol=em.plan(mirrored, n).error * 2)


@given(kernels(elements=st.integers(1, 9), min_side=2, max_side=5), st.integers(1, 40))
def test_log_concave_kernels_have_unimodal_powers(kernel, n):
    w = sorted(kernel.weights)
    assume(all(w[i] ** 2 >= w[i - 1] * w[i + 1] for i in range(1, len(w) - 1)))
    row = em.coefficients(Kernel(w), n, "exact").tolist()
    peak = row.index(max(row))
    assert row[: peak + 1] == sorted(row[: peak + 1])
    assert row[peak:] == sorted(row[peak:], reverse=True)


@given(kernels(elements=SIGNED, max_side=4), st.integers(0, 7), st.integers(1, 4))
def test_dilation_spreads_the_row(kernel, n, d):
    spread = em.coefficients(kernel.dilate(d), n, "exact")
    assert spread[::d].tolist() == em.coefficients(kernel, n, "exact").tolist()
    assert sum(map(abs, spread)) == sum(map(abs, spread[::d]))


@given(
    kernels(elements=SIGNED | RATIONAL, max_dims=2, max_side=3, min_offset=-2, max_offset=2),
    st.integers(0, 5),
)
def test_polynomial_is_sympys_own_power(kernel, n):
    poly = em.polynomial(kernel, n)
    terms = {index: sympy.Rational(value) for index, value in np.ndenumerate(grid(kernel.weights))}
    base = sympy.Poly.from_dict(terms, *poly.gens, domain="QQ")
    assert poly.set_domain("QQ") == base**n
    assert [str(z) for z in poly.gens] == (["z"] if kernel.ndim == 1 else ["z0", "z1"])


def test_polynomial_domain_follows_the_weights():
    assert em.polynomial([1, 2], 3).domain == sympy.ZZ
    assert em.polynomial([Fraction(1, 2), 1], 3).domain == sympy.QQ
    assert em.polynomial([1, 1, 1]).all_coeffs() == [1, 1, 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kernel", [Kernel([2, 0, -3]), PLUS, Kernel.uniform((2, 1, 3))], ids=repr)
def test_power_zero_is_one_and_power_one_is_the_kernel(kernel, method):
    one = em.coefficients(kernel, 0, method)
    assert one.shape == (1,) * kernel.ndim
    assert one.item() == pytest.approx(1, abs=1e-15)
    assert is_within(em.coefficients(kernel, 1, method), grid(kernel.weights), kernel.norm, 1e-15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [0, 1, 5, 10**15])
def test_a_single_unit_tap_is_the_identity_at_any_power(n, method):
    assert em.coefficients([1], n, method).tolist() == [1]
    assert em.coefficients([-1], n, method).tolist() == [(-1) ** n]


@pytest.mark.parametrize("method", ["exact", "direct", "fft"])
def test_leading_and_trailing_zeros_move_and_pad_the_row(method):
    row = em.coefficients([0, 1, 2, 0, 0], 3, method)
    expected = [0] * 3 + [1, 6, 12, 8] + [0] * 6
    assert [round(value) for value in row] == expected


def test_huge_integers_stay_exact():
    base = 10**300 + 7
    assert em.coefficients([base, -1, base], 9, "exact").tolist() == naive_power([base, -1, base], 9).tolist()
    big = em.coefficients([1, 1, 1], 2000, "exact")
    assert sum(big) == 3**2000
    assert big[2000] == closed_form(3, 2000, 2000)


@pytest.mark.parametrize("n", [600, 1000])
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 4)])
def test_direct_keeps_thirteen_digits_in_every_tail(weights, n):
    exact = em.coefficients(weights, n, "exact")
    total = sum(exact)
    row = em.coefficients(Kernel(weights).normalize(), n, "direct")
    error = [
        abs(Fraction(g) * total / e - 1)
        for g, e in itertools.islice(zip(row, exact, strict=True), 0, None, 37)
        if e * 10**290 > total
    ]
    assert len(error) > 10
    assert max(error) < 1e-13


@pytest.mark.parametrize("weights", [(1, 1), (1, 3, 3, 1), (1, 0, 0, 1), (1, 1, 1), (2, 1)], ids=repr)
@pytest.mark.parametrize("n", [127, 128, 255, 256, 257, 510, 511, 512, 514, 1022, 1027])
def test_rows_of_odd_and_even_length_are_squared_alike(weights, n):
    kernel = Kernel(weights).normalize()
    row, exact = em.coefficients(kernel, n, "direct"), em.coefficients(weights, n, "exact")
    total = sum(exact)
    middle = slice(len(row) // 2 - 30, len(row) // 2 + 30)
    expected = np.array([Fraction(int(value), total) for value in exact[middle]])
    assert row.sum() == pytest.approx(1, rel=1e-12)
    assert is_within(row[middle], expected, expected, em.plan(kernel, n).error)


@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(0, 3))
def test_weights_of_any_scale_keep_their_digits(p, q, n):
    exact = naive_power([Fraction(10.0**p), Fraction(3 * 10.0**q)], n)
    assume(Fraction(10) ** -290 < max(exact) < Fraction(10) ** 300)
    row = em.coefficients([10.0**p, 3 * 10.0**q], n, "direct")
    floor = Fraction(10) ** -300 * max(sum(exact), 1)
    assert is_within(row, exact, exact, 1e-14, floor)


@pytest.mark.parametrize("method", ["direct", "fft", "auto"])
@pytest.mark.parametrize(
    ("weights", "n", "words"),
    [
        ([1, 1, 1], 700, "overflow"),
        ([3, -1, 3], 700, "overflow"),
        ([10**400, 1], 1, "overflow"),
        ([Fraction(10**400 + 1, 3)], 1, "overflow"),
        ([2.0], 10**15, "overflow"),
        ([2.0], 1024, "overflow"),
        ([-2.0, 1e-9], 1024, "overflow"),
        ([0.5], 1075, "underflow"),
        ([0.25, 0.25], 1074, "underflow"),
        ([1e-3] * 3, 200, "underflow"),
        ([1e-200, -1e-200], 2, "underflow"),
        ([Fraction(1, 10**400)], 1, "underflow"),
        ([0.5], 10**15, "underflow"),
    ],
)
def test_floats_out_of_range_raise_and_say_what_to_do(weights, n, words, method):
    with pytest.raises(ValueError, match=f"{words}.*log_coefficients.*exact.*normalize"):
        em.coefficients(weights, n, method)


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("weights", [[1e308, 1e308], [1.7e308, -1.7e308], [5e-324, 1e-323]])
def test_weights_at_the_ends_of_the_float_range_are_returned(weights, method):
    np.testing.assert_allclose(em.coefficients(weights, 1, method), weights, rtol=1e-15)


@pytest.mark.parametrize(
    ("weights", "n", "words"), [([1, 1, 1], 700, "overflow"), ([1e-3, -1e-3], 200, "underflow")]
)
def test_the_range_is_checked_before_the_work(weights, n, words):
    with pytest.raises(ValueError, match=words):
        em.plan(weights, n)


def test_a_signed_row_may_fit_where_its_magnitudes_overflow():
    exact = em.coefficients([1, 1, -1], 700, "exact")
    peak = int(abs(exact).max())
    assert is_within(em.coefficients([1, 1, -1], 700, "direct"), exact, peak, 1e-12)


def test_the_last_row_that_fits_in_floats_is_given():
    assert em.coefficients([2.0], 1023) == [2.0**1023]
    assert em.coefficients([0.5], 1074) == [5e-324]
    exact = max(em.coefficients([1, 1, 1], 649, "exact"))
    assert em.coefficients([1, 1, 1], 649).max() == pytest.approx(exact, rel=1e-13)


def test_power_zero_of_any_weights_is_one():
    assert em.coefficients([10**400, 1], 0).tolist() == [1.0]
    assert em.coefficients([Fraction(1, 10**400)], 0).tolist() == [1.0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kernel", "n"), [([1, 1, 1], 10**14), (Kernel.uniform((3, 3, 3)), 10**5)])
def test_what_does_not_fit_in_memory_is_refused_with_its_size(kernel, n, method):
    with pytest.raises(
        ValueError, match=r"coefficients \(n=.*needs .* are free; use .*window.*log_coefficients"
    ):
        em.coefficients(kernel, n, method)


BAD = [
    (([], 2), ValueError, "weights must not be empty"),
    (([0, 0], 2), ValueError, "weights must not be all zero"),
    (([1, math.inf], 2), ValueError, "weights must be finite"),
    (([1, 1j], 2), TypeError, "weights must be ints, Fractions or floats"),
    ((3, 2), TypeError, "kernel must be a Kernel or a sequence"),
    (("11", 2), TypeError, "kernel must be a Kernel or a sequence"),
    ((None, 2), TypeError, "kernel must be"),
    (([1, 1], -1), ValueError, "n must be at least 0, got -1"),
    (([1, 1], 2.0), TypeError, "n must be an int, got 2.0"),
    (([1, 1], 0.5), TypeError, "n must be an int, got 0.5"),
    (([1, 1], Fraction(2)), TypeError, "n must be an int"),
    (([1, 1], True), TypeError, "n must be an int, got True"),
    (([1, 1], np.True_), TypeError, "n must be an int"),
    (([1, 1], "2"), TypeError, "n must be an int, got '2'"),
    (([1, 1], None), TypeError, "n must be an int"),
    (([1, 1], 10**15 + 1), ValueError, "n must be at most"),
    (([1, 1], 2, "magic"), ValueError, "got 'magic'"),
    (([1, 1], 2, None), ValueError, "method must be one of"),
    (([0.5, 1], 2, "exact"), ValueError, "method='exact' needs int or Fraction weights"),
]


@pytest.mark.parametrize("call", [em.coefficients, em.plan])
@pytest.mark.parametrize(("args", "error", "words"), BAD)
def test_bad_input_names_the_argument(call, args, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        call(*args)
    assert caught.type is error


@pytest.mark.parametrize("call", [em.polynomial, em.distribution, em.central_limit, em.cumulants])
@pytest.mark.parametrize(("args", "error", "words"), [row for row in BAD if len(row[0]) == 2])
def test_bad_kernels_and_powers_are_refused_everywhere(call, args, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call(*args)


def test_numpy_integers_are_powers():
    assert em.coefficients([1, 1], np.int16(3)).tolist() == [1, 3, 3, 1]
    assert em.coefficients([1, 1], np.array(3)).tolist() == [1, 3, 3, 1]


def test_floats_have_no_exact_polynomial():
    with pytest.raises(ValueError, match="Fraction"):
        em.polynomial([0.5, 0.5], 2)
