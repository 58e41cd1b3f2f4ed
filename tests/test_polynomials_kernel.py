import itertools
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, strategies as st
from oracles import evaluated, grid

from erfmath import Kernel
from erfmath.strategies import kernels

ANY = kernels(
    elements=st.integers(-9, 9) | st.fractions(-2, 2, max_denominator=9) | st.floats(-4, 4),
    max_dims=3,
    max_side=3,
    min_offset=-5,
    max_offset=5,
)
EXACT = kernels(elements=st.integers(-9, 9), max_dims=3, max_side=3, min_offset=-3, max_offset=3)
POINT = (Fraction(101, 3), Fraction(-7, 1000), Fraction(5, 11))


def at(ndim):
    return POINT[:ndim]


@given(ANY)
def test_args_rebuild_the_kernel(kernel):
    assert type(kernel)(*kernel.args) == kernel
    assert hash(type(kernel)(*kernel.args)) == hash(kernel)


@given(ANY)
def test_eval_of_repr_is_the_kernel(kernel):
    again = eval(repr(kernel), {"Kernel": Kernel, "Fraction": Fraction})
    assert again == kernel
    assert again.is_exact == kernel.is_exact


@given(ANY)
def test_pickle_round_trip(kernel):
    assert hash(kernel.shape) is not None  # fills the cache, which must not travel as part of the value
    again = pickle.loads(pickle.dumps(kernel))
    assert again == kernel
    assert hash(again) == hash(kernel)


@given(EXACT, st.integers(1, 4))
def test_dilation_substitutes_a_power_of_z(kernel, d):
    point = at(kernel.ndim)
    assert evaluated(kernel.dilate(d), point) == evaluated(kernel, [z**d for z in point])
    assert kernel.dilate(d).shape == tuple(d * (k - 1) + 1 for k in kernel.shape)


@given(EXACT, st.integers(-4, 4))
def test_shift_multiplies_by_a_power_of_z(kernel, by):
    point = at(kernel.ndim)
    assert evaluated(kernel.shift(by), point) == math.prod(point) ** by * evaluated(kernel, point)


def test_dilation_and_shift_take_one_step_per_axis():
    kernel = Kernel([[1, 2], [3, 4]], offset=(1, -1))
    assert kernel.dilate((2, 3)) == Kernel([[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], offset=(2, -3))
    assert kernel.shift((5, -2)).offset == (6, -3)


@given(EXACT.filter(lambda kernel: grid(kernel.weights).sum() != 0))
def test_normalized_is_the_kernel_over_its_sum(kernel):
    point = at(kernel.ndim)
    assert evaluated(kernel.normalize(), point) * grid(kernel.weights).sum() == evaluated(kernel, point)
    assert kernel.normalize().total == 1


@pytest.mark.parametrize("weights", [[5e-324, 5e-324], [1e308, 1e308], [1e308, 1e-308]])
def test_normalized_floats_at_the_ends_of_their_range(weights):
    total = sum(map(Fraction, weights))
    expected = [float(Fraction(value) / total) for value in weights]
    assert Kernel(weights).normalize().weights == pytest.approx(expected, rel=1e-15)


@given(kernels(elements=st.integers(1, 9), max_dims=3, max_side=3, min_offset=-3, max_offset=3), st.data())
def test_marginal_sets_the_other_variables_to_one(kernel, data):
    axis = data.draw(st.integers(-kernel.ndim, kernel.ndim - 1))
    point = [Fraction(1)] * kernel.ndim
    point[axis] = POINT[0]
    assert evaluated(kernel.marginal(axis), POINT[:1]) == evaluated(kernel, point)


@given(
    st.lists(
        kernels(elements=st.integers(-9, 9), max_side=3, min_offset=-2, max_offset=2), min_size=2, max_size=3
    )
)
def test_a_product_of_kernels_separates_into_it(factors):
    outer = np.array([math.prod(p) for p in itertools.product(*(k.weights for k in factors))], dtype=object)
    product = Kernel(outer.reshape([len(k.weights) for k in factors]), [k.offset for k in factors])
    point = at(product.ndim)
    parts = product.separate()
    assert parts is not None
    pieces = [evaluated(part, [z]) for part, z in zip(parts, point, strict=True)]
    assert math.prod(pieces) == evaluated(product, point)


@given(kernels(elements=st.integers(-3, 3), min_dims=2, max_dims=2, max_side=3))
def test_separates_exactly_when_the_matrix_has_rank_one(kernel):
    assert (kernel.separate() is not None) == (sympy.Matrix(kernel.weights).rank() == 1)


def test_float_round_off_does_not_stop_a_separation():
    column, row = np.array([0.1, 0.3, 0.7]), np.array([0.2, 1 / 3])
    parts = Kernel(np.outer(column, row)).separate()
    assert parts is not None
    np.testing.assert_allclose(np.outer(*(part.weights for part in parts)), np.outer(column, row), rtol=1e-15)
    assert Kernel([[1.0, 1.0], [1.0, 1.0 + 1e-12]]).separate() is None


@pytest.mark.parametrize("size", [1, 2, 7, (3,), (2, 3), [1, 2, 4]])
def test_uniform_is_a_grid_of_ones_and_binomial_one_of_combinations(size):
    shape = (size,) if isinstance(size, int) else tuple(size)
    ones, combinations = grid(Kernel.uniform(size).weights), grid(Kernel.binomial(size).weights)
    assert ones.shape == combinations.shape == shape
    assert all(value == 1 for value in ones.flat)
    assert all(
        value == math.prod(math.comb(k - 1, i) for k, i in zip(shape, index, strict=True))
        for index, value in np.ndenumerate(combinations)
    )


@pytest.mark.parametrize(
    "weights",
    [
        (1, 0, 2),
        np.array([1, 0, 2], dtype=np.int8),
        np.array([1, 0, 2], dtype=object),
        [np.int64(1), np.uint8(0), Fraction(2)],
        [sympy.Integer(1), 0, sympy.Rational(4, 2)],
    ],
)
def test_every_way_to_write_integers_gives_python_ints(weights):
    assert repr(Kernel(weights)) == "Kernel([1, 0, 2])"


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1, 0.5], "Kernel([1.0, 0.5])"),
        ([Fraction(1, 2), 0.25], "Kernel([0.5, 0.25])"),
        ([-0.0, 1.0], "Kernel([0.0, 1.0])"),
        (np.float32([0.5, 1]), "Kernel([0.5, 1.0])"),
        ([Fraction(4, 2), Fraction(1, 3)], "Kernel([2, Fraction(1, 3)])"),
        ([np.array([1, 2]), [3, 4]], "Kernel([[1, 2], [3, 4]])"),
    ],
)
def test_weights_take_one_canonical_kind(weights, text):
    assert repr(Kernel(weights)) == text


def test_outer_zeros_and_offset_belong_to_the_value():
    assert Kernel([0, 1, 0]) != Kernel([1])
    assert Kernel([1], offset=1) != Kernel([1])
    assert Kernel([1], offset=(2,)) == Kernel([1], offset=2)
    assert len({Kernel([1, 2]), Kernel((1, 2)), Kernel([2, 1])}) == 2


def test_a_kernel_cannot_be_changed():
    with pytest.raises(AttributeError):
        Kernel([1]).offset = 3


@given(ANY)
def test_taps_are_the_nonzero_weights_at_their_positions(kernel):
    expected = {
        tuple(i + o for i, o in zip(index, kernel.offsets, strict=True)): Fraction(value)
        for index, value in np.ndenumerate(grid(kernel.weights))
        if value
    }
    assert dict(kernel.taps()) == expected


@given(ANY)
def test_total_and_norm_are_the_sums_with_one_rounding(kernel):
    flat = [Fraction(value) for value in grid(kernel.weights).flat]
    kind = Fraction if kernel.is_exact else float
    assert kernel.total == kind(sum(flat))
    assert kernel.norm == kind(sum(map(abs, flat)))
    assert kernel.is_nonnegative == (min(flat) >= 0)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("Kernel([])", ValueError, "weights must not be empty"),
        ("Kernel([[], []])", ValueError, "weights must not be empty"),
        ("Kernel([0, 0.0])", ValueError, "weights must not be all zero"),
        ("Kernel([[1, 2], [3]])", ValueError, "weights must be a full grid"),
        ("Kernel([1, [2]])", ValueError, "weights must be a full grid"),
        ("Kernel([1, math.nan])", ValueError, "weights must be finite, got nan"),
        ("Kernel(np.array([1, -np.inf]))", ValueError, "weights must be finite, got -inf"),
        ("Kernel([1j])", TypeError, "weights must be ints, Fractions or floats, got 1j"),
        ("Kernel(np.array([1 + 0j]))", TypeError, "weights must be"),
        ("Kernel([True])", TypeError, "weights must be numbers, got the bool"),
        ("Kernel(np.array([True]))", TypeError, "weights must be numbers, got the bool"),
        ("Kernel(['1'])", TypeError, "weights must be ints, Fractions or floats, got '1'"),
        ("Kernel('11')", TypeError, "weights must be a sequence"),
        ("Kernel(3)", TypeError, "weights must be a sequence"),
        ("Kernel(np.array(3))", TypeError, "weights must be a sequence"),
        ("Kernel([None])", TypeError, "weights must be"),
        ("Kernel([10**400, 0.5])", ValueError, "too large for a float"),
        ("Kernel([1], offset=0.0)", TypeError, "offset must be an int"),
        ("Kernel([1], offset=True)", TypeError, "offset must be an int"),
        ("Kernel([1], offset=(1, 2))", ValueError, "offset must be an int or 1 ints"),
        ("Kernel([[1]], offset='12')", TypeError, "offset must be an int"),
        ("Kernel.uniform(0)", ValueError, "size must be at least 1"),
        ("Kernel.uniform(())", ValueError, "size must name at least one axis"),
        ("Kernel.binomial((3, -1))", ValueError, "size must be at least 1"),
        ("Kernel.uniform(2.0)", TypeError, "size must be an int"),
        ("Kernel.uniform(True)", TypeError, "size must be an int"),
        ("Kernel([1, 1]).dilate(0)", ValueError, "dilation must be at least 1"),
        ("Kernel([1, 1]).dilate(1.5)", TypeError, "dilation must be an int"),
        ("Kernel([1, 1]).shift(0.5)", TypeError, "by must be an int"),
        ("Kernel([1, -1]).normalize()", ValueError, "weights sum to 0"),
        ("Kernel([1]).marginal(1)", ValueError, "axis must be below 1"),
        ("Kernel([1]).marginal(-2)", ValueError, "axis must be at least -1"),
        ("Kernel([1]).marginal(0.0)", TypeError, "axis must be an int"),
    ],
)
def test_bad_input_names_the_argument(code, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        eval(code)
    assert caught.type is error


@pytest.mark.parametrize("weight", [1, -3, Fraction(2, 7), 0.1, 10**400, Fraction(1, 10**400)])
def test_uniform_kernels_are_those_of_weights_written_one_by_one(weight):
    # `uniform` repeats one object, which is read once; `written` holds equal ones that are read each.
    uniform = Kernel([weight] * 5)
    written = object.__new__(Kernel)
    apart = tuple(w if isinstance(w, float) else Fraction(w) for w in [weight * 1] * 4)
    object.__setattr__(written, "weights", (*uniform.weights[:1], *(w + 0 for w in apart)))
    object.__setattr__(written, "offset", 0)
    assert uniform == written
    assert hash(uniform) == hash(written)
    for name in ("total", "exact_total", "norm", "is_nonnegative", "has_zeros", "deviations"):
        if name != "deviations" or weight > 0:
            assert getattr(uniform, name) == getattr(written, name)
    assert uniform.power_sums(2)[1:] == (10 * (s := uniform.power_sums(2)[0]) // 5, 30 * s // 5)
    np.testing.assert_array_equal(uniform.scaled_floats[0], written.scaled_floats[0])
    assert uniform.normalize() == written.normalize()
    assert uniform != Kernel([weight] * 4)
    assert uniform != Kernel([weight] * 4 + [weight * 2])


def test_uniform_kernels_of_many_taps_compute_with_one_weight(monkeypatch):
    calls = []
    sums = Fraction.__add__
    monkeypatch.setattr(Fraction, "__add__", lambda a, b: calls.append(1) or sums(a, b))
    kernel = Kernel([Fraction(1, 3)] * 10**5)
    assert kernel.total == Fraction(10**5, 3)
    assert not kernel.has_zeros
    assert kernel.normalize().total == 1
    assert len(calls) < 100


@pytest.mark.parametrize(
    "weights", [[0.5, -0.0], (np.float64(0.5), 0.0), [0.5, 0], [np.float32(0.5), np.int8(0)]]
)
def test_rows_of_any_make_are_the_same_kernel(weights):
    kernel = Kernel(weights)
    assert kernel == Kernel(np.array([0.5, 0.0]))
    assert [type(w) for w in kernel.weights] == [float, float]
    assert math.copysign(1, kernel.weights[1]) == 1


@pytest.mark.parametrize(
    ("weights", "error"), [([1.0, math.nan], "finite"), ([1, True], "bool"), ([0.0, 0.0], "all zero")]
)
def test_plain_rows_are_checked_too(weights, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Kernel(weights)


@pytest.mark.parametrize("order", [-1, 101.5, "a"])
def test_power_sums_of_no_count_are_refused(order):
    with pytest.raises((TypeError, ValueError), match="order must be"):
        Kernel([1, 2]).power_sums(order)


def test_power_sums_are_of_one_axis():
    with pytest.raises(ValueError, match="2 axes"):
        Kernel([[1, 2]]).power_sums(2)
