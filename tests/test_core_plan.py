import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles import METHODS

import erfmath as em
from erfmath import Kernel
from erfmath.core import plan
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


class Cells(HTMLParser):
    """The texts of the cells of a table, a list for each row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def test_the_table_in_a_notebook_holds_each_candidate():
    made = em.plan([1, 1, 1], 40)
    page = made._repr_html_()
    assert "81 coefficients by" in page
    rows = [row for row in Cells(page).rows if row]
    assert rows[0] == ["", "method", "operations", "memory", "error", "relative to"]
    assert rows[1] == ["chosen", "direct", "2.3e+03", "1.94 kB", "1.5e-14", "each coefficient"]
    assert rows[2][:2] == ["", "fft"]
    assert rows[-1][1:] == ["exact", "2.4e+02", "3.56 kB", "none", ""]
    assert len(rows) == 1 + len(made.candidates)


def test_numbers_are_right_relative_to_themselves():
    made = em.plan([1, 2, 1], 10**6, reading="tail")
    assert {found.relative_to for found in made.candidates} == {"the number"}
    assert (
        repr(made)
        .splitlines()[0]
        .startswith("a tail of 2000001 coefficients by 'saddle': a contour integral")
    )
    assert made.chosen in made.candidates
    assert made.transform is None


def test_axes_that_separate_round_once_each_and_once_together():
    both, one = em.plan([[1, 2], [2, 4]], 9, "rounded").chosen, em.plan([1, 2], 9, "rounded").chosen
    assert one.error == 2.0**-53
    assert both.error == 1.5 * 2.0**-52
    assert both.memory == 8 * 100 + one.memory - 8 * 10
    assert both.operations == 100 + 2 * (one.operations - 10)


def test_what_is_refused_says_what_to_do(monkeypatch):
    with pytest.raises(ValueError, match="exact") as caught:
        em.plan([0.1, 0.9], 3, "exact")
    assert str(caught.value) == (
        "method='exact' needs int or Fraction weights, got floats; write 0.1 as Fraction(1, 10), "
        "or take the floats as the binary fractions they are with map(Fraction, weights)"
    )
    with pytest.raises(ValueError, match="saddle") as caught:
        em.plan([1, 1, -1], 3, "saddle")
    assert str(caught.value) == (
        "method='saddle' needs non-negative weights, or signs that alternate; "
        "use 'rounded', 'direct' or 'fft'"
    )
    with pytest.raises(ValueError, match="fft") as caught:
        em.plan([1, 1], 3, "fft", reading="tail")
    assert str(caught.value) == ("method='fft' is for rows; a tail has one method, reading 'tail' says it")
    asked = []
    monkeypatch.setattr(plan, "check_memory", lambda size, what, remedy: asked.append((size, what, remedy)))
    for weights, n, rows, remedy in [
        (
            [1, 1, 1],
            600,
            "the row of 1.2e+03 coefficients (n=600, method='fft')",
            "use distribution(kernel, n).window(), or log_coefficients at the points you need",
        ),
        (
            [[0, 1], [1, 1]],
            40,
            "the row of 1.68e+03 coefficients (n=40, method='fft')",
            "the axes do not separate: take fewer factors, or one axis alone, kernel.marginal(axis)",
        ),
    ]:
        made = em.plan(weights, n, "fft")
        assert asked.pop() == (made.memory, rows, remedy)
    em.plan([1, 1], 1023, "fft")  # up to 1024 coefficients nothing is asked
    assert asked == []
    em.plan([1, 1], 1024, "fft")
    em.plan([1, 1], 9, "exact")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("weights", "n", "method", "reason"),
    [
        ([1, 2, 1], 40, "direct", "every coefficient keeps its digits, and the row is short"),
        ([1, 2, 1], 10**5, "saddle", "every coefficient keeps its digits; those that underflow cost nothing"),
        ([1] * 300, 9, "direct", "every coefficient keeps its digits, and it takes the fewest operations"),
        ([[0, 1], [1, 1]], 40, "direct", "every coefficient keeps its digits, and the grid is small"),
        ([[0, 1], [1, 2]], 2000, "saddle", "every coefficient keeps its digits; the axes do not separate"),
        ([1, 2], 3, "fft", "asked for"),
    ],
)
def test_the_reason_says_why(weights, n, method, reason):
    made = em.plan(em.Kernel(weights).normalize(), n, "fft" if reason == "asked for" else "auto")
    assert (made.method, made.reason) == (method, reason)


def test_grids_that_take_too_long_are_refused_with_their_operations(monkeypatch):
    polynomial = em.Product([([[0, 1], [1, 2]], 2000, (1, 1))])
    costs = {found.method: found.operations for found in plan.plan_of(polynomial, "saddle").candidates}
    tiled, direct = costs["saddle"], costs["direct"]
    monkeypatch.setattr(plan, "TILTED_LIMIT", tiled)
    assert plan._choose(polynomial)[0] == "saddle"
    monkeypatch.setattr(plan, "TILTED_LIMIT", tiled * (1 - 1e-12))
    words = f"2 axes do not separate takes {min(tiled, direct):.0e} operations here; use"
    with pytest.raises(ValueError, match=re.escape(words)):
        plan._choose(polynomial)
    monkeypatch.setattr(plan, "DIRECT_LIMIT", direct)
    if direct <= tiled:
        assert plan._choose(polynomial)[0] == "direct"
