"""Sums, conditions, orthants and expectations on several axes, against Fractions of each point."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from scipy.stats import poisson

import erfmath as em
from erfmath import JointDistribution, Kernel
from erfmath.strategies import kernels

GRIDS = kernels(min_dims=2, max_dims=3, max_side=3, min_offset=-2, max_offset=2)
PLANES = kernels(min_dims=2, max_dims=2, max_side=3, min_offset=-2, max_offset=2)
RINGS = Kernel([[1, 1, 1], [1, 0, 1], [1, 1, 1]])


def exact_of(kernel):
    """{point: probability} in Fractions."""
    total = sum(weight for _, weight in kernel.taps())
    return {point: Fraction(weight) / Fraction(total) for point, weight in kernel.taps()}


def sum_of(one, other):
    found = {}
    for (x, p), (y, q) in itertools.product(one.items(), other.items()):
        point = tuple(a + b for a, b in zip(x, y, strict=True))
        found[point] = found.get(point, 0) + p * q
    return found


def is_law(law, exact):
    """The law has these probabilities and no others."""
    points = list(exact)
    np.testing.assert_allclose(law.pmf(points), [float(p) for p in exact.values()], rtol=1e-12)
    assert np.count_nonzero(law.probabilities()) == len(exact)
    assert law.support() == tuple((min(line), max(line)) for line in zip(*points, strict=True))
    for axis, marginal in enumerate(law.marginals):
        for value in {point[axis] for point in points}:
            share = sum(p for point, p in exact.items() if point[axis] == value)
            assert marginal.pmf(value) == pytest.approx(float(share), rel=1e-12)
    assert law.error < 1e-11


@given(PLANES, PLANES)
@example(Kernel.uniform((2, 3)), Kernel.uniform((3, 1)))
@example(RINGS, Kernel.uniform((2, 2)))
def test_sums_are_those_of_all_pairs(left, right):
    a, b = em.distribution(left), em.distribution(right)
    is_law(a + b, sum_of(exact_of(left), exact_of(right)))
    is_law(a.convolve(b), sum_of(exact_of(left), exact_of(right)))
    assert (a + b).is_independent or not (a.is_independent and b.is_independent)
    np.testing.assert_allclose((a + b).cov(), a.cov() + b.cov(), atol=1e-12)


@given(GRIDS, st.integers(0, 3))
def test_copies_and_shifts_are_those_of_powers(kernel, n):
    law, exact = em.distribution(kernel), {(0,) * kernel.ndim: Fraction(1)}
    for _ in range(n):
        exact = sum_of(exact, exact_of(kernel))
    is_law(n * law, exact)
    is_law(law * n, exact)
    shift = tuple(range(3, 3 + kernel.ndim))
    is_law(law + shift, {tuple(np.add(x, shift).tolist()): p for x, p in exact_of(kernel).items()})
    is_law(2 + law, {tuple(np.add(x, 2).tolist()): p for x, p in exact_of(kernel).items()})


@given(GRIDS, st.integers(1, 2), st.data())
def test_orthants_are_sums_of_points(kernel, n, data):
    law = em.distribution(kernel, n)
    exact = exact_of(kernel) if n == 1 else sum_of(exact_of(kernel), exact_of(kernel))
    box = list(itertools.product(*(range(low - 1, high + 2) for low, high in law.support())))
    below = [
        sum((p for y, p in exact.items() if all(b <= a for a, b in zip(x, y, strict=True))), Fraction(0))
        for x in box
    ]
    np.testing.assert_allclose(law.cdf(box), [float(p) for p in below], rtol=1e-13)
    np.testing.assert_allclose(law.cdf(np.array(box) + 0.5), [float(p) for p in below], rtol=1e-13)
    with np.errstate(divide="ignore"):
        logs = np.log([float(p) for p in below])
    np.testing.assert_allclose(law.logcdf(box), logs, rtol=1e-12, atol=1e-12)
    assert law.cdf([math.inf] * kernel.ndim) == 1
    assert law.cdf([2**70] * kernel.ndim) == 1
    assert law.cdf([-math.inf, *[math.inf] * (kernel.ndim - 1)]) == 0
    assert math.isnan(law.cdf([math.nan, *[-9] * (kernel.ndim - 1)]))
    assert type(law.cdf([0] * kernel.ndim)) is type(law.logcdf([0] * kernel.ndim)) is float
    moved = law.expect(lambda x: np.prod(x, axis=-1))
    want = sum((p * math.prod(x) for x, p in exact.items()), Fraction(0))
    assert moved == pytest.approx(float(want), rel=1e-12, abs=1e-12)
    np.testing.assert_array_equal(law.expect(), law.mean())


@given(GRIDS, st.data())
def test_conditions_are_shares_of_what_is_left(kernel, data):
    law, exact = em.distribution(kernel), exact_of(kernel)
    lows, highs = [], []
    for low, high in law.support():
        a, b = data.draw(st.integers(low - 1, high + 1)), data.draw(st.integers(low - 1, high + 1))
        lows.append(data.draw(st.sampled_from([None, min(a, b), min(a, b) - 0.5])))
        highs.append(data.draw(st.sampled_from([None, max(a, b), Fraction(2 * max(a, b) + 1, 2)])))
    kept = {
        x: p
        for x, p in exact.items()
        if all(
            (a is None or a <= t) and (b is None or t <= b) for t, a, b in zip(x, lows, highs, strict=True)
        )
    }
    if not kept:
        with pytest.raises(ValueError, match="no probability lies between"):
            law.given(lows, highs)
        return
    total = sum(kept.values())
    is_law(law.given(lows, highs), {x: p / total for x, p in kept.items()})


@given(GRIDS, st.data())
def test_conditional_laws_are_shares_of_a_slice(kernel, data):
    law, exact = em.distribution(kernel), exact_of(kernel)
    axes = data.draw(st.sets(st.integers(0, kernel.ndim - 1), min_size=1, max_size=kernel.ndim - 1))
    point = data.draw(st.sampled_from(sorted(exact)))
    values = {axis - kernel.ndim * data.draw(st.booleans()): point[axis] for axis in axes}
    kept = {
        tuple(t for axis, t in enumerate(x) if axis not in axes): p
        for x, p in exact.items()
        if all(x[axis] == point[axis] for axis in axes)
    }
    total, found = sum(kept.values()), law.conditional(values)
    if found.ndim > 1:
        is_law(found, {x: p / total for x, p in kept.items()})
        return
    assert found.support() == (min(kept)[0], max(kept)[0])
    for (x,), p in kept.items():
        assert found.pmf(x) == pytest.approx(float(p / total), rel=1e-12)
    with pytest.raises(ValueError, match="no probability lies at"):
        law.conditional({axis: value + 0.5 for axis, value in values.items()})


def test_deep_and_wide_laws_need_no_grid():
    wide = em.distribution([[1, 1], [1, 1]], 10**9)
    both = wide + wide
    assert both.support() == ((0, 2 * 10**9),) * 2
    assert (3 * wide).marginals[0] == em.distribution([1, 1], 3 * 10**9)
    assert wide.cdf([5 * 10**8, 5 * 10**8]) == pytest.approx(wide.marginals[0].cdf(5 * 10**8) ** 2)
    assert wide.given(low=(6 * 10**8, None)).marginals[0].mode() == 6 * 10**8
    assert wide.conditional({0: 7}) == wide.marginals[1]
    assert wide.logcdf([0, 0]) == pytest.approx(-2e9 * math.log(2))
    for ask in (lambda: wide.expect(lambda x: x[:, 0]), lambda: wide + em.distribution(RINGS)):
        with pytest.raises(ValueError, match="needs"):
            ask()


def test_a_deep_law_that_is_no_product_has_digits_in_its_corner():
    """(2 + x + y + 2 x y)^200 / 6^200: corners, a slice and an orthant by integers."""
    n = 200
    law = em.distribution([[2, 1], [1, 2]], n)
    row = [math.comb(n, k) * 2 ** (n - k) for k in range(n + 1)]  # of (2 + y)^n: X = 0
    found = law.conditional({0: 0})
    for k in (0, 1, 50, 120, n):
        assert found.pmf(k) == pytest.approx(float(Fraction(row[k], 3**n)), rel=1e-11, abs=0)
        assert law.cdf([0, k]) == pytest.approx(float(Fraction(sum(row[: k + 1]), 6**n)), rel=1e-11, abs=0)
    corner = law.given(high=(0, 20))
    assert corner.pmf([0, 3]) == pytest.approx(float(Fraction(row[3], sum(row[:21]))), rel=1e-11)
    assert not corner.is_independent
    sums = em.distribution([[2, 1], [1, 2]], 70) + em.distribution([[2, 1], [1, 2]], 130)
    np.testing.assert_allclose(sums.probabilities(), law.probabilities(), rtol=1e-11)
    np.testing.assert_allclose((2 * em.distribution([[2, 1], [1, 2]], 100)).pmf([0, 0]), law.pmf([0, 0]))


def test_what_a_grid_of_floats_does_not_hold_is_no_condition():
    law = JointDistribution([[1.0, 0.0], [1e-295, 3e-300]])
    for ask in (lambda: law.given(low=(1, 0)), lambda: law.conditional({0: 1})):
        with pytest.raises(ValueError, match=r"is 1e-295, and a grid of floats has no digits there"):
            ask()
    deep = em.distribution([[2, 1], [1, 2]], 2000)
    with pytest.raises(ValueError, match="no probability lies"):
        deep.given(high=0)


def test_networks_and_other_kinds_of_marginals_take_part():
    net = em.distribution(em.Conv([[1, 0], [0, 1]]) + em.Conv([[1, 1], [1, 1]]))
    twice = net + net
    np.testing.assert_allclose(twice.mean(), 2 * net.mean())
    assert twice.marginals[0].probabilities() == pytest.approx([0.25, 0.5, 0.25])
    assert net.conditional({0: 0}).pmf(0) == pytest.approx(2 / 3)
    shift = 1, 2
    assert (net + shift).bounds == ((1, 2), (2, 3))
    halves = em.sum_of({0.5: 0.25, 1.0: 0.75})
    mixed = JointDistribution.independent([halves, em.compound_sum(poisson(2), em.sum_of([0, 1]))])
    assert mixed.cdf([0.7, 0]) == pytest.approx(0.25 * math.exp(-2))
    assert mixed.expect(lambda x: x[:, 0] * x[:, 1]) == pytest.approx(0.875 * 2)
    assert mixed.conditional({0: 0.5}).pmf(0) == pytest.approx(math.exp(-2))


TABLE = JointDistribution([[0.5, 0.0], [0.25, 0.25]])
PAIR = em.distribution([[1, 1], [1, 1]])


@pytest.mark.parametrize("law", [TABLE, PAIR])
@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ('d + "a"', TypeError, "other must be"),
        ("d + 0.5", TypeError, "other must be"),
        ("d + (1, 2, 3)", ValueError, "other must be an int or 2 ints"),
        ("d + em.distribution([1, 1])", TypeError, "other must be a JointDistribution"),
        ("d + em.distribution([[[1, 1]]])", ValueError, "other must have 2 axes, got 3"),
        ("d.convolve(1)", TypeError, "other must be a JointDistribution"),
        ("d * 1.5", TypeError, "n must be an int"),
        ("d * d", TypeError, "n must be an int"),
        ("-1 * d", ValueError, "n must be at least 0"),
        ("d.given(low=(1, 2, 3))", ValueError, "low must have an end for each of 2 axes"),
        ('d.given(high="ab")', TypeError, "high must be a real number"),
        ("d.given(high=math.nan)", ValueError, "high must be finite"),
        ("d.given(low=(2, None), high=(1, None))", ValueError, "no probability lies between low"),
        ("d.conditional({})", ValueError, "values must give some of 2 axes"),
        ("d.conditional({0: 0, 1: 0})", ValueError, "values must give some of 2 axes"),
        ("d.conditional({0: 0, -2: 0})", ValueError, "values must give some of 2 axes once"),
        ("d.conditional({2: 0})", ValueError, "values must be below 2"),
        ("d.given({0: 1})", TypeError, "low must be a number, .*conditional"),
        ("d.given(high={0: 1})", TypeError, "high must be a number, .*conditional"),
        ("d.conditional({0.5: 0})", TypeError, "values must be an int for each axis"),
        ('d.conditional({"home": 0})', TypeError, "values must be an int for each axis, .*home"),
        ("d.conditional({True: 0})", TypeError, "values must be an int for each axis"),
        ("em.central_limit(d)", TypeError, "that of each coordinate in .marginals"),
        ("em.distribution({(0, 1): 1})", TypeError, r"a grid: nested lists whose entry .i..j. is the weight"),
        ("em.sum_of({(0, 1): 1})", TypeError, r"nested lists whose entry .i..j. is the probability"),
        ('d.conditional({0: "x"})', TypeError, "values must be a real number"),
        ("d.conditional([0])", TypeError, "values must be {axis: value}"),
        ("d.conditional({0: 7})", ValueError, "no probability lies at {0: 7}"),
        ("d.expect(3)", TypeError, "func must be a function"),
        ("d.expect(lambda x: x)", ValueError, "func must return one number per point"),
        ('d.expect(lambda x: "a")', TypeError, "the values of func"),
        ("d.cdf(1)", ValueError, r"x must hold 2 coordinates on its last axis, such as .0, 0., got shape"),
        ("d.logcdf([1, 2, 3])", ValueError, "x must hold 2 coordinates"),
        ('d.cdf(["a", "b"])', TypeError, "x must be real numbers"),
    ],
)
def test_bad_input_names_the_argument(law, code, error, words):
    with pytest.raises(error, match=words.replace("{", r"\{").replace("}", r"\}")):
        eval(code, {"d": law, "em": em, "math": math})


def test_an_array_does_not_add_itself_entry_by_entry():
    pair = 1, 2
    assert (np.array(pair) + TABLE).bounds == (TABLE + pair).bounds
    assert np.int64(3) * PAIR == 3 * PAIR


@pytest.mark.parametrize(
    ("module", "code", "needed"),
    [
        ("joint_readings", "d.cdf([0, 0])", 16 * 4),
        ("joint_readings", "d.expect(lambda x: x[:, 0])", 8 * 9 * 4),
        ("joint_arithmetic", "d + d", 24 * 9),
    ],
)
def test_the_memory_is_asked_for_before_it_is_taken(monkeypatch, module, code, needed):
    import importlib

    asked, law = [], JointDistribution([[0.5, 0.0], [0.25, 0.25]])
    place = importlib.import_module(f"erfmath.laws.{module}")
    monkeypatch.setattr(place, "check_memory", lambda *words: asked.append(words[0]))
    eval(code, {"d": law})
    assert asked == [needed]


def test_coordinates_are_products_where_grids_are_powers():
    """Whose far points have logarithms, where sums over a grid have none."""
    plane = em.distribution([[1, 2], [3, 1]], 4)
    for axis, row in ((0, [3, 4]), (1, [4, 3])):
        assert plane.marginal(axis) == em.distribution(row, 4)
        assert (3 * plane).marginal(axis) == em.distribution(row, 12)
        assert (plane + plane).marginal(axis) == em.distribution(row, 8)
        assert (plane + np.array([5, 7])).marginal(axis) == em.distribution(row, 4) + (5, 7)[axis]
    ring = JointDistribution([[0.25, 0.25], [0.25, 0], [0, 0.25]])
    for axis in (0, 1):
        assert (3 * ring).marginal(axis) == 3 * ring.marginal(axis)
        assert isinstance((3 * ring).marginal(axis), em.ProductDistribution)
