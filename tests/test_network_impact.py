import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st
from oracles import exact_cumulants
from oracles_network import impact, law, marginal, product

import erfmath as em
from erfmath import (
    Conv,
    ConvTranspose,
    GlobalPool,
    Graph,
    Identity,
    Pool,
    Residual,
    Sum,
    central_limit,
    cumulants,
    distribution,
    effective_field,
    growth,
    overlap,
    polynomial,
    receptive_field,
)
from erfmath.strategies import convs, networks

NETS = st.one_of(convs(), networks(), networks(max_stride=3, max_layers=4))
SIGNED = networks(
    elements=st.integers(-3, 3), gains=st.sampled_from([1, -1, Fraction(-1, 2), 0]), max_layers=4
)
GRIDS = networks(min_dims=2, max_dims=2, max_layers=3, max_side=2)
BOXES = networks(min_dims=3, max_dims=3, max_layers=2, max_side=2)
AT = st.integers(-9, 20)


def terms(poly):
    """{power: coefficient} of a sympy.Poly on one axis."""
    return {power: Fraction(int(c.p), int(c.q)) for (power,), c in poly.terms() if c}


def from_zero(unit):
    """The same impact with its first position at 0."""
    first = min(unit)
    return {x - first: factor for x, factor in unit.items()}


def assert_law(d, exact, points=()):
    """The law has the exact probabilities, each to a relative 1e-12, and nothing besides."""
    low, high = d.support()
    assert (low, high) == (min(exact), max(exact))
    for x in {*exact, *points, low - 1, high + 1, *range(low, min(high, low + 30))}:
        assert d.pmf(x) == pytest.approx(float(exact.get(x, 0)), rel=1e-12, abs=0)


@given(NETS, AT)
def test_the_law_of_any_unit(net, at):
    unit = impact(net, at)
    if not unit:
        with pytest.raises(ValueError, match=f"output unit {at} sees nothing"):
            distribution(net, at=at)
        return
    assert_law(distribution(net, at=at), law(unit))


@given(NETS)
def test_the_polynomial_of_the_first_unit(net):
    unit = impact(net, 0)
    assume(unit)
    row = terms(polynomial(net))
    assert from_zero(row) == from_zero(unit)


@given(SIGNED)
def test_the_signed_polynomial(net):
    unit = impact(net, 0)
    assume(unit)
    assert from_zero(terms(polynomial(net))) == from_zero(unit)


@given(NETS, st.integers(1, 5))
def test_cumulants_are_exact(net, order):
    unit = impact(net, 0)
    assume(unit)
    got = cumulants(net, order=order)
    assert got == tuple(exact_cumulants(law(unit), order))
    assert {type(value) for value in got} == {Fraction}


def assert_map(d, exact, ndim):
    assert d.ndim == ndim
    assert d.support() == tuple((min(x[a] for x in exact), max(x[a] for x in exact)) for a in range(ndim))
    for x in itertools.islice(itertools.product(*(range(a - 1, b + 2) for a, b in d.support())), 400):
        assert d.pmf(x) == pytest.approx(float(exact.get(x, 0)), rel=1e-12, abs=0)
    grid = d.probabilities()
    corner = [low for low, _ in d.support()]
    assert grid.sum() == pytest.approx(1)
    for x, p in itertools.islice(exact.items(), 400):
        assert grid[tuple(i - c for i, c in zip(x, corner, strict=True))] == pytest.approx(
            float(p), rel=1e-12
        )
    for axis in range(ndim):
        assert_law(d.marginal(axis), marginal(exact, axis))


def check_map(net, ndim, at):
    if net.ndim is None:
        net = Conv((1,) * ndim) >> net
    unit = impact(net, at)
    if not unit:
        with pytest.raises(ValueError, match="sees nothing"):
            distribution(net, at=at)
        return
    assert_map(distribution(net, at=at), law(unit), ndim)


@given(GRIDS, st.tuples(AT, AT))
@example(em.Upsample((1, 1)) ** 2 >> em.ConvTranspose([[0, 1], [1, 0]], 2), (0, 0))  # nothing is left
def test_the_map_on_two_axes(net, at):
    check_map(net, 2, at)


def across(factor, weights):
    """A branch that strides and goes back up, its taps no outer product."""
    return Conv(weights, factor) >> ConvTranspose([[1, 2, 3], [4, 0, 1]], factor) >> Conv([[1, 1], [0, 2]])


@pytest.mark.parametrize("at", [(0, 0), (1, 4), (5, 2), (-3, 7)], ids=str)
def test_the_map_where_branches_have_different_phases(at):
    """Its marginals need the position on the other axis modulo 2, 3 and 6."""
    two, three = across(2, [[1, 2], [3, 4]]), across(3, [[1, 0], [1, 5]])
    for net in (two, two >> three, two + three, (two + three) >> two, em.Upsample((2, 3), "linear") >> two):
        check_map(net, 2, at)


@given(BOXES, st.tuples(AT, AT, AT))
def test_the_map_on_three_axes(net, at):
    check_map(net, 3, at)


def test_power_zero_keeps_the_axes():
    assert distribution(Conv((3, 3)), 0).pmf((0, 0)) == 1
    assert distribution(em.Power(Conv((3, 3, 3)), 0), at=(1, 2, 3)).support() == ((1, 1), (2, 2), (3, 3))


# Networks of rate 1 without upsampling, whose impact is one polynomial; and two that leave the rate alone.
SMALL = {
    "conv": Conv([1, 2, 1], padding=1),
    "skewed": Conv([5, 0, 1], dilation=2, padding=(3, 0)),
    "pool": Pool(2, 1),
    "residual": Residual(Conv([1, 1, 1], padding=1), gain=2),
    "sum": Sum([Conv([1, 1]), Conv([2], dilation=3, padding=1)], [1, Fraction(1, 2)]),
    "series": Conv([1, 1]) >> em.Activation("relu") >> Conv([1, 3]),
    "power": Conv([1, 1], padding=1) ** 3,
    "graph": Graph({"a": (Conv([1, 1]), "input"), "b": (Identity(), "a", ("input", 3))}),
    "identity": Identity(),
}
PAIRS = list(itertools.product(SMALL, repeat=2))


def plain(net):
    """The impact as {position: factor}, read through the library."""
    row = terms(polynomial(net))
    first = receptive_field(net).region(0)[0] - min(row)
    return {power + first: factor for power, factor in row.items()}


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_series_multiply(a, b):
    a, b = SMALL[a], SMALL[b]
    assert plain(a >> b) == product(plain(a), plain(b))
    both = zip(cumulants(a, order=6), cumulants(b, order=6), strict=True)
    assert cumulants(a >> b, order=6) == tuple(x + y for x, y in both)
    whole, apart = distribution(a >> b), distribution(a).convolve(distribution(b))
    assert whole.support() == apart.support()
    assert whole.probabilities() == pytest.approx(apart.probabilities(), rel=1e-13, abs=0)
    low, high = np.add(receptive_field(a).region(), receptive_field(b).region())
    assert receptive_field(a >> b).region() == (low, high)
    assert central_limit(a >> b).var == pytest.approx(central_limit(a).var + central_limit(b).var)
    assert overlap(a >> b).totals == pytest.approx(overlap(a).totals * overlap(b).totals)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_branches_add(a, b):
    a, b = SMALL[a], SMALL[b]
    added = {x: 2 * plain(a).get(x, 0) + plain(b).get(x, 0) for x in {*plain(a), *plain(b)}}
    assert plain(Sum([a, b], [2, 1])) == added
    fields = receptive_field(a).phases[0], receptive_field(b).phases[0]
    both = {x for phase in fields for first, last in phase.runs for x in range(first, last + 1)}
    runs = receptive_field(a + b).phases[0].runs
    assert {x for first, last in runs for x in range(first, last + 1)} == both
    assert overlap(a + b).totals == pytest.approx(overlap(a).totals + overlap(b).totals)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("name", SMALL)
def test_powers_multiply(name, n):
    a = SMALL[name]
    power = {0: Fraction(1)}
    for _ in range(n):
        power = product(power, plain(a))
    assert plain(a**n) == plain(Identity() >> a**n) == power
    assert cumulants(a**n) == cumulants(a, n) == tuple(n * value for value in cumulants(a))
    assert distribution(a**n) == distribution(a, n)
    assert polynomial(a**n) == polynomial(a, n)
    assert receptive_field(a**n).region() == tuple(n * end for end in receptive_field(a).region())


@given(networks(max_layers=3), networks(max_layers=3), AT)
def test_series_is_composition(a, b, at):
    """A unit of b sees units of a; each of those sees the input."""
    whole = {}
    for y, outer in impact(b, at).items():
        for x, inner in impact(a, y).items():
            whole[x] = whole.get(x, 0) + outer * inner
    assume(whole)
    exact = law(whole)
    assert_law(distribution(a >> b, at=at), exact)


@given(NETS)
def test_units_a_period_apart_see_the_same(net):
    assume(impact(net, 0))
    field = receptive_field(net)
    (period,) = field.program.period
    first, later = distribution(net, at=0), distribution(net, at=7 * period)
    move = 7 * field.period
    assert later.support() == tuple(end + move for end in first.support())
    assert later.var() == pytest.approx(first.var(), rel=1e-12)
    xs = np.arange(first.support()[0], first.support()[1] + 1)[:50]
    assert later.pmf(xs + move) == pytest.approx(first.pmf(xs))


def test_at_is_checked():
    with pytest.raises(ValueError, match="at must be an int or 1 ints"):
        distribution(Conv(3), at=(1, 2))
    with pytest.raises(TypeError, match="at must be an int"):
        distribution(Conv(3), at=1.5)

    assert distribution(Conv((3, 3)), at=2).support() == ((2, 4), (2, 4))


@pytest.mark.parametrize("reading", [distribution, cumulants, central_limit, effective_field])
@pytest.mark.parametrize(
    ("net", "words"),
    [
        (Conv(3) >> Conv([1, -2, 1]), r"Conv\(Kernel\(\[1, -2, 1\]\)\) has a negative weight"),
        (Conv(5) >> Residual(Conv(3), gain=-1), r"Residual.* has a negative gain|Sum.* has a negative gain"),
        (Residual(Conv([1, -1])) ** 3, r"Conv\(Kernel\(\[1, -1\]\)\) has a negative weight"),
        (Conv(3) >> GlobalPool(), r"GlobalPool\(\) reads its whole input"),
    ],
    ids=["weight", "gain", "in a block", "unbounded"],
)
def test_what_is_no_law_is_refused_by_the_layers_name(reading, net, words):
    with pytest.raises(ValueError, match=words):
        reading(net)


def test_a_polynomial_may_be_signed_and_a_sum_may_cancel():
    assert terms(polynomial(Conv([1, -2, 1]) ** 2)) == {0: 1, 1: -4, 2: 6, 3: -4, 4: 1}
    inner = Conv(3) >> Sum([Identity(), Conv([1])], [1, -1])
    assert terms(polynomial(inner + Identity())) == {0: 1}
    with pytest.raises(ValueError, match="cancel"):
        polynomial(inner)


def test_float_weights_have_no_exact_polynomial():
    with pytest.raises(ValueError, match="float"):
        polynomial(Conv([0.1, 0.2]))
    assert distribution(Conv([0.25, 0.75], padding=1) + Conv([0.5])).pmf(0) == pytest.approx(1.25 / 1.5)


def square(net, definition="threshold", ref="centre"):
    return effective_field(net, definition, ref=ref, ndim=2)


def strided(at):
    return em.Series([Conv(3, 2 if layer in at else 1) for layer in range(1, 16)])


@pytest.mark.parametrize(
    ("net", "size", "var"),
    [
        (Residual(Conv(3, padding=1)) ** 5, 6.083, Fraction(5, 3)),
        (Residual(Conv(3, padding=1)) ** 10, 8.307, Fraction(10, 3)),
        (Residual(Conv(3, padding=1)) ** 20, 11.705, Fraction(20, 3)),
        (Residual(Conv(3, padding=1)) ** 40, 16.155, Fraction(40, 3)),
        (Conv(3, padding="same") ** 15, 13.892, 10),
        (em.Series([Conv(3, dilation=2 ** max(0, i - 11)) for i in range(15)]), 35.511, 64),
        (strided({4, 8, 12}), 60.506, 184),
        (strided({13, 14, 15}), 21.095, None),
    ],
    ids=["skip 5", "skip 10", "skip 20", "skip 40", "plain", "dilated", "strided", "late"],
)
def test_published_effective_sizes(net, size, var):
    assert square(net).size == pytest.approx(size, abs=6e-4)
    if var is not None:
        assert cumulants(net)[1] == var


def test_strides_at_the_start_leave_a_ragged_centre():
    """The largest pixel is the reference of the published size; the centre pixel is far below it."""
    assert square(strided({1, 2, 3}), ref="max").size == pytest.approx(84.593, abs=6e-4)


def test_vgg16():
    net = em.Series([em.Series([Conv(3, padding=1)] * n + [Pool(2, mode="max")]) for n in (2, 2, 3, 3, 3)])
    limit = central_limit(net)
    assert (round(limit.std, 2), round(limit.excess_kurtosis, 3)) == (27.64, -0.255)
    assert square(net).size == pytest.approx(123.5, abs=0.05)


def test_residual_blocks_have_no_excess():
    assert [cumulants(Residual(Conv(3, padding=1)) ** n)[3] for n in (1, 40)] == [0, 0]


def test_wavenet_is_uniform_and_the_odd_one_is_sterns_sequence():
    wavenet = em.Series([Conv(2, dilation=2**level, padding="causal") for level in range(10)])
    assert distribution(wavenet).probabilities() == pytest.approx([2.0**-10] * 1024)
    stern = em.Series([Conv([1, 1, 1], dilation=d) for d in (1, 2, 4)])
    assert list(terms(polynomial(stern)).values())[::-1] == [1, 1, 2, 1, 3, 2, 3, 1, 3, 2, 3, 1, 2, 1, 1]


def test_two_axes_of_a_description_on_one():
    line, plane = Conv(3, padding=1) ** 10, Conv((3, 3), padding=1) ** 10
    assert square(line).count == effective_field(plane).count == 137
    assert effective_field(line).count != 137


def test_growth_of_a_block():
    block = Residual(Conv(3, padding=1), 1)
    rows = growth(block, [5, 10, 20, 40], ndim=2).rows
    assert [round(row.effective, 3) for row in rows] == [6.083, 8.307, 11.705, 16.155]
    assert [row.theoretical for row in rows] == [11, 21, 41, 81]
    assert growth(Conv(3), [5, 10, 20, 40], ndim=2).slope == growth([1, 1, 1], [5, 10, 20, 40], ndim=2).slope


@given(st.integers(1, 12), st.integers(1, 6))
def test_overlap_is_even_when_the_stride_divides_the_kernel(k, stride):
    got = overlap(ConvTranspose([1] * k, stride))
    assert got.is_even == (k % stride == 0)
    totals = [sum(1 for j in range(k) if j % stride == r) for r in range(stride)]
    assert got.totals.tolist() == totals
    assert got.ratio == (max(totals) / min(totals) if min(totals) else np.inf)


@given(networks(max_layers=4, max_stride=3), networks(min_dims=2, max_dims=2, max_layers=2, max_side=2))
def test_overlap_is_the_response_to_a_constant(line, plane):
    for net in (line, plane):
        ndim = receptive_field(net).ndim
        assume(net.ndim is not None)
        assume(np.prod(receptive_field(net).program.period) <= 40)
        totals = overlap(net).totals
        for phase in np.ndindex(*totals.shape):
            at = phase if ndim > 1 else phase[0]
            assert totals[phase] == pytest.approx(float(sum(impact(net, at).values())), rel=1e-12)


@pytest.mark.parametrize("n", [10**6, 5 * 10**14])
def test_depth_costs_nothing(n):
    deep = distribution(Conv(3, padding=1) ** n)
    assert deep.var() == pytest.approx(2 * n / 3)
    assert deep.support() == (-n, n)
    assert cumulants((Conv(3) >> Residual(Conv(5))) ** n)[1] == n * (Fraction(2, 3) + Fraction(2, 2) + 1)


def test_four_thousand_layers():
    net = em.Series([Conv(3, padding=1), Conv(5, padding=2)] * 2000)
    assert distribution(net).var() == pytest.approx(2000 * (2 / 3 + 2))


def test_overlap_of_large_weights_keeps_its_scale():
    assert overlap(Conv([2**300]) ** 3).totals.tolist() == [2.0**900]


def test_copies_whose_weights_cancel_leave_the_other_path():
    nothing = em.Sum([em.Conv(3, padding=1), em.Conv(3, padding=1)], [1, -1])
    net = em.Sum([em.Power(nothing, 2), em.Identity()])
    assert em.polynomial(net).as_expr() == 1
    assert em.overlap(net).totals.tolist() == [1.0]
    with pytest.raises(ValueError, match="sees nothing"):
        em.polynomial(em.Power(nothing, 2))
