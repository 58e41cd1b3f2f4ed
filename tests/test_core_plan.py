import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles import METHODS

import erfmath as em
from erfmath import Kernel
from erfmath.strategies import kernels

PLUS = Kernel([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


@given(
    kernels(elements=st.integers(-9, 9), max_dims=3, max_side=3), st.integers(0, 6), st.sampled_from(METHODS)
)
def test_the_planned_shape_and_memory_hold_the_result(kernel, n, method):
    made = em.plan(kernel, n, method)
    row = em.coefficients(kernel, n, method)
    assert made.shape == row.shape
    assert made.memory >= row.nbytes
    assert made.chosen.method == made.method
    assert (made.operations, made.memory, made.error) == (
        made.chosen.operations,
        made.chosen.memory,
        made.chosen.error,
    )


@given(kernels(elements=st.integers(-9, 9), max_dims=2, max_side=4), st.integers(0, 30))
def test_auto_runs_the_method_it_names(kernel, n):
    named = em.plan(kernel, n)
    asked = em.plan(kernel, n, named.method)
    assert named.chosen == asked.chosen
    assert named.reason != asked.reason
    np.testing.assert_array_equal(em.coefficients(kernel, n), em.coefficients(kernel, n, named.method))


@pytest.mark.parametrize("n", [0, 1, 40, 5000, 10**5])
def test_auto_protects_the_tails_of_non_negative_weights(n):
    assert em.plan(Kernel.uniform(3).normalize(), n).chosen.relative_to == "each coefficient"


def test_products_of_any_number_of_factors_have_a_plan():
    # What whole numbers cost counts choices of taps, here 2^1500, which is no float.
    made = em.plan(em.Product([([1 / n, 1 - 1 / n], 1) for n in range(2, 1502)]), method="rounded")
    assert made.shape == (1501,)
    assert math.isfinite(made.operations)


def test_auto_takes_the_fft_for_long_signed_rows_only():
    assert em.plan([1, -1], 10).method == "direct"
    made = em.plan([0.5, 0.25, -0.25], 30_000)
    assert made.method == "fft"
    assert "faster" in made.reason
    assert em.plan([0.5, -0.5], 30_000).chosen.relative_to == "each coefficient"


@given(kernels(max_dims=3, max_side=3), st.integers(0, 50))
def test_the_transform_is_as_long_as_the_row_or_longer(kernel, n):
    made = em.plan(kernel.normalize(), n, "fft")
    assert all(length >= side for length, side in zip(made.transform, made.shape, strict=True))
    assert math.prod(made.transform) <= 4 * math.prod(made.shape)
    assert em.plan(kernel.normalize(), n, "direct").transform is None


@pytest.mark.parametrize(
    ("kernel", "methods"),
    [
        ([1, 2], {"direct", "fft", "saddle", "rounded", "exact"}),
        ([0.5, 1], {"direct", "fft", "saddle", "rounded"}),
        ([1, -1], {"direct", "fft", "saddle", "rounded", "exact"}),  # whose terms never cancel
        ([1, 1, -1], {"direct", "fft", "rounded", "exact"}),
        (PLUS, {"direct", "fft", "saddle", "rounded", "exact"}),
    ],
)
@pytest.mark.parametrize("chosen", ["direct", "fft"])
def test_the_repr_is_a_table_of_the_candidates_with_the_chosen_marked(kernel, methods, chosen):
    made = em.plan(kernel, 20, chosen)
    title, head, *rows = repr(made).splitlines()
    assert title.startswith(" x ".join(map(str, made.shape)) + " coefficients by")
    assert head.split() == ["method", "operations", "memory", "error", "relative", "to"]
    assert [row[2:].split()[0] for row in rows] == [c.method for c in made.candidates]
    assert {c.method for c in made.candidates} == methods
    assert [row[2:].split()[0] for row in rows if row.startswith("> ")] == [chosen]


def test_only_exact_has_no_error_and_errors_grow_with_the_power():
    errors = {c.method: c.error for c in em.plan([1, 1, 1], 40).candidates}
    assert [method for method, error in errors.items() if error == 0] == ["exact"]
    assert max(errors.values()) <= 1e-12
    for method in ("direct", "fft"):
        assert em.plan([1, 1, 1], 400, method).error > errors[method]


def test_plans_are_values():
    assert em.plan([1, 1], 5) == em.plan(Kernel([1, 1]), 5)
    assert hash(em.plan([1, 1], 5)) == hash(em.plan(Kernel([1, 1]), 5))


@pytest.mark.parametrize(
    ("kernel", "n", "method"),
    [
        ([1, 1, 1], 40, "table"),
        ([1, 1, 1], 10**12, "saddle"),
        (Kernel.uniform(1000), 10**6, "saddle"),
        (em.Product([([1, k], 1, 1) for k in range(1, 400)]), 1, "tilted"),
    ],
)
@pytest.mark.parametrize("reading", ["point", "tail", "quantile"])
def test_numbers_of_a_distribution_have_a_plan(kernel, n, method, reading):
    made = em.plan(kernel, n, reading=reading)
    assert made.method == method
    assert {row.method for row in made.candidates} >= {method, "saddle"}
    d = em.distribution(kernel, n)
    assert made.error == pytest.approx(d.error, rel=1e-9)
    assert made.memory > 0
    assert repr(made).startswith(f"a {reading} of ")
    others = {row.operations for row in made.candidates if row.method != method}
    if method == "saddle":
        assert made.operations <= 3 * min(others)


def test_a_plan_of_a_number_refuses_what_has_none():
    with pytest.raises(ValueError, match="reading must be"):
        em.plan([1, 1], 3, reading="median")
    with pytest.raises(ValueError, match="method='fft' is for rows"):
        em.plan([1, 1], 3, "fft", reading="tail")
    with pytest.raises(ValueError, match="negative"):
        em.plan([1, -1], 3, reading="tail")
    with pytest.raises(ValueError, match="axis"):
        em.plan([[1, 1], [1, 1]], 3, reading="tail")
