import copy
import itertools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from oracles_network import layers_of

import erfmath
from erfmath import (
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    GlobalPool,
    Graph,
    Identity,
    Kernel,
    Node,
    Pool,
    Power,
    Residual,
    Series,
    Sum,
    Upsample,
    distribution,
    lower,
    receptive_field,
)
from erfmath.strategies import convs, kernels, networks

NETS = st.one_of(convs(max_dims=3, max_side=2), networks(max_dims=2), networks(elements=st.integers(-9, 9)))
ONE_AXIS = networks(max_layers=3)
NAMES = {name: getattr(erfmath, name) for name in erfmath.__all__} | {"Fraction": Fraction}

LAYERS = [
    Conv(3, 2, 3, "causal", padding_mode="reflect", channels=8, groups=2),
    Conv([1, Fraction(1, 3)], padding=(1, 2)),
    Conv([0.5, 0.25], padding=3),
    Conv([[1, 2], [3, 4]], (1, 2), (3, 1), ((1, 0), (0, 2))),
    Conv((3, 5), (1, 2), padding=(1, 2)),
    Conv(Kernel([1, 2], offset=-4)),
    Conv([Fraction(1, 2), Fraction(1, 2)]),
    ConvTranspose(4, 2, padding=1, output_padding=1, channels=3),
    ConvTranspose((2, 3), (2, 3), (1, 2), ((0, 1), (2, 3)), (1, 2)),
    Pool(3, 2, 1, "max", 2, ceil_mode=True),
    Pool((2, 3)),
    Pool((2, 2), 1, "same"),
    Upsample(3),
    Upsample((2, 1), "linear"),
    Identity(),
    Activation("relu"),
    Dropout(0.5),
    Dropout(Fraction(1, 3)),
    GlobalPool(),
]
MORE = [
    Sum([Conv(3), Conv(5)], [Fraction(1, 2), 0.1]),
    Concat([Conv(3), Conv(1)], [3, 5]),
    Residual(Conv(3), gain=-2),
    Power(Conv(3), 0),
    Power(Conv(3), 1),
    Series([]),
    Series([Conv(3)]),
    Graph({"a": (Conv(3), "input", ("input", 0.5)), "b": (Conv(3), ("a", Fraction(1, 3)))}, "a"),
]


def is_rebuilt(node):
    for part in layers_of(node):
        assert type(part)(*part.args) == part
    again = eval(node.expression, dict(NAMES))
    assert again == node
    assert again.expression == node.expression
    assert repr(again) == repr(node)
    assert repr(node) == node.expression or (repr(node)[0] == "<" and len(repr(node)) <= 120)
    assert len(node.expression) > 120 or repr(node) == node.expression
    for twin in (again, pickle.loads(pickle.dumps(node)), copy.deepcopy(node)):
        assert twin == node
        assert hash(twin) == hash(node)
        assert (twin.ndim, twin.rate) == (node.ndim, node.rate)


@given(NETS)
def test_networks_are_values(net):
    is_rebuilt(net)


@pytest.mark.parametrize("net", [*LAYERS, *MORE], ids=repr)
def test_each_kind_of_layer_is_a_value(net):
    is_rebuilt(net)
    _ = net.ndim
    with pytest.raises(AttributeError):
        net.args = ()
    assert len({net, copy.copy(net)}) == 1


def test_all_layers_differ():
    for a, b in itertools.combinations([*LAYERS, *MORE], 2):
        assert a != b


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (Conv(3), "Conv(3)"),
        (Conv([Fraction(1, 2)] * 2), "Conv(Kernel([Fraction(1, 2), Fraction(1, 2)]))"),
        (Conv((3, 5), (1, 2), padding=(1, 2)), "Conv((3, 5), stride=(1, 2), padding=(1, 2))"),
        (Conv((3, 3), 2, padding=1), "Conv((3, 3), stride=2, padding=1)"),
        (Conv(2, padding="same"), "Conv(2, padding=((0, 1),))"),
        (Conv([1, 2], dilation=2), "Conv(Kernel([1, 2]), dilation=2)"),
        (ConvTranspose(4, stride=2, padding=1), "ConvTranspose(4, stride=2, padding=1)"),
        (ConvTranspose([1, 1], 2), "ConvTranspose(Kernel([1, 1]), stride=2)"),
        (Pool(3, 2, mode="max"), "Pool(3, stride=2, mode='max')"),
        (Pool((2, 3)), "Pool((2, 3))"),
        (Upsample(2, "linear"), "Upsample(2, mode='linear')"),
        (Conv(3) >> Pool(2), "Series([Conv(3), Pool(2)])"),
        (Residual(Conv(3), 2), "Residual(Conv(3), gain=2)"),
        (Residual(Conv(3)), "Residual(Conv(3))"),
        (Sum([Conv(3), Conv(5)]), "Sum([Conv(3), Conv(5)])"),
        (Sum([Conv(3), Conv(5)], [1, 0.5]), "Sum([Conv(3), Conv(5)], gains=[1, 0.5])"),
        (Concat([Conv(3), Conv(5)], [2, 3]), "Concat([Conv(3), Conv(5)], [2, 3])"),
        (Conv(3) ** 4, "Power(Conv(3), 4)"),
        (Graph({"a": (Conv(3), "input")}), "Graph({'a': (Conv(3), 'input')})"),
        (GlobalPool((True, False)), "GlobalPool((True, False))"),
        (GlobalPool(), "GlobalPool()"),
        (Dropout(Fraction(1, 2)), "Dropout(Fraction(1, 2))"),
    ],
)
def test_the_repr_is_the_shortest_call(node, text):
    assert repr(node) == text


def test_a_network_prints_as_a_tree():
    net = (
        Conv(7, 2, padding=3)
        >> Residual(Conv(3, padding=1) ** 2, 0.5)
        >> Sum([Pool(2), Conv(1, 2)], [1, 3])
        >> Graph({"a": (Conv(3), "input"), "b": (Identity(), "a", ("input", 2))}, "a")
        >> Concat([Identity(), Conv(1)], [2, 1])
    )
    assert str(net).splitlines() == [
        "Series",
        "  Conv(7, stride=2, padding=3)",
        "  Residual, gain 0.5",
        "    Conv(3, padding=1) ** 2",
        "  Sum",
        "    Pool(2)",
        "    3 x Conv(1, stride=2)",
        "  Graph, output a",
        "    a = input >> Conv(3)",
        "    b = a + 2 x input >> Identity()",
        "  Concat",
        "    2: Identity()",
        "    1: Conv(1)",
    ]


@given(ONE_AXIS, ONE_AXIS, ONE_AXIS)
@example(Conv(3), Power(Conv(5), 0), Conv(3))
@example(Conv(3), Power(Conv(3) >> Conv(5), 1), Identity())
@example(Power(Identity(), 2), Conv(3), Power(Series([Conv(3)]), 2))
def test_series_is_associative_and_identity_neutral(a, b, c):
    assert (a >> b) >> c == a >> (b >> c) == Series([Series([a, b]), c]) >> Identity()
    assert a >> Identity() == Identity() >> a == Series([a]) >> Identity()
    if not isinstance(a, (Identity, Power, Series)):
        assert a >> Identity() == a


@given(ONE_AXIS, ONE_AXIS)
@example(Conv(3), Power(Conv(5), 0))
@example(Power(Conv(3) >> Conv(5), 1), Power(Identity(), 2))
def test_a_series_is_in_canonical_form(a, b):
    whole = Series([a, Identity(), Series([b, a])])
    assert not any(isinstance(node, (Series, Identity)) for node in whole.nodes)
    bases = [node.node if isinstance(node, Power) else node for node in whole.nodes]
    assert all(x != y for x, y in itertools.pairwise(bases))
    assert all(node.n > 1 for node in whole.nodes if isinstance(node, Power))


@given(ONE_AXIS, st.integers(0, 5), st.integers(0, 5))
def test_powers_merge(a, m, n):
    assert Power(Power(a, m), n) == Power(a, m * n)
    assert (a**m) ** n == a ** (m * n)
    assert a**0 == Identity()
    if not isinstance(a**1, Series):  # its own parts may join across the seam; Power(Series, 1) is one
        assert a**m >> a**n == a ** (m + n)
        assert Series([a] * m) == Series([a**m])


def test_equal_neighbours_join():
    conv, pool = Conv(3, padding=1), Pool(2)
    assert conv >> conv >> conv == conv**3
    assert (pool >> conv) >> (conv >> pool) == Series([pool, conv**2, pool])
    assert conv**2 >> conv == conv >> conv**2 == conv**3
    assert (conv**2) ** 3 == Power(conv, 6)
    assert conv >> Activation("relu") >> Activation("relu") == conv >> Activation("relu") ** 2


@given(ONE_AXIS, ONE_AXIS.map(lambda net: net))
def test_sums_are_flat(a, b):
    if a.rate != b.rate:
        return
    whole = Sum([Sum([a, b], [2, Fraction(1, 2)]), a], [3, 1])
    parts = [(a, 6), (b, Fraction(3, 2)), (a, 1)]
    flat = [
        (branch, gain * g) if isinstance(node, Sum) else (node, gain)
        for node, gain in parts
        for branch, g in (
            zip(node.branches, node.gains, strict=True) if isinstance(node, Sum) else [(node, 1)]
        )
    ]
    assert list(zip(whole.branches, whole.gains, strict=True)) == flat
    assert (a + b) + a == a + (b + a)


def test_gains_are_exact_where_integral():
    net = Sum([Conv(3), Conv(3)], [1.0, 0.5])
    assert [type(gain) for gain in net.gains] == [int, float]
    assert Residual(Conv(3)).gain == 1
    assert type(Residual(Conv(3), 2.0).gain) is int
    assert Sum([Conv(3), Conv(3)], [1, 2]) != Sum([Conv(3), Conv(3)])


def test_a_shared_mean_of_concatenated_channels():
    concat = Concat([Conv(3, padding=1), Conv(1)], [3, 1])
    assert concat.gains == (Fraction(3, 4), Fraction(1, 4))
    assert distribution(concat).pmf(1) == pytest.approx(1 / 4)


@given(networks(max_dims=2))
def test_the_rate_is_that_of_the_field(net):
    field = receptive_field(net)
    rate = net.rate or (Fraction(1),) * field.ndim
    assert field.ndim == (net.ndim or 1)
    assert rate == (field.stride if field.ndim > 1 else (field.stride,))


@given(kernels(max_dims=3, max_side=3), st.data())
def test_arguments_in_all_their_forms(kernel, data):
    numbers = data.draw(st.lists(st.integers(1, 4), min_size=kernel.ndim, max_size=kernel.ndim))
    weights = np.array(kernel.weights, dtype=object)
    forms = [
        Conv(kernel, tuple(numbers), numbers, tuple(numbers)),
        Conv(weights, np.array(numbers), tuple(numbers), [(n, n) for n in numbers]),
        Conv(weights.tolist(), numbers, np.array(numbers), np.array([(n, n) for n in numbers])),
    ]
    assert len(set(forms)) == 1
    assert Conv(kernel, 2) == Conv(kernel, (2,) * kernel.ndim)
    assert Conv(kernel, padding=2) == Conv(kernel, padding=((2, 2),) * kernel.ndim)


def test_the_kinds_of_padding():
    assert Conv(4, dilation=3, padding="same").padding == ((4, 5),)
    assert Conv(4, dilation=3, padding="causal").padding == ((9, 0),)
    assert Conv(4, padding="valid").padding == ((0, 0),)
    assert Conv(4, padding=(1, 2)).padding == Conv(4, padding=((1, 2),)).padding == ((1, 2),)
    assert Conv((4, 3), padding=(1, 2)).padding == ((1, 1), (2, 2))
    assert Conv((4, 3), padding=((1, 2), (3, 4))).padding == ((1, 2), (3, 4))
    assert Pool(4, 1, "same").padding == ((1, 2),)


def test_uniform_taps_have_the_sum_that_keeps_the_level():
    assert Conv((2, 3)).kernel == Kernel([[Fraction(1, 6)] * 3] * 2)
    assert ConvTranspose((4, 3), (2, 1)).kernel.total == 2
    assert Conv(np.int64(3)) == Conv((3,)) == Conv(3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ("Conv(0)", ValueError, "kernel must be at least 1, got 0"),
        ("Conv((3, 0))", ValueError, "kernel must be at least 1 on every axis"),
        ("Conv('abc')", TypeError, "kernel must be a Kernel or a sequence"),
        ("Conv(2.5)", TypeError, "kernel must be a Kernel or a sequence of weights, got 2.5"),
        ("Conv([0, 0])", ValueError, "weights must not be all zero"),
        ("Conv(())", ValueError, "weights must not be empty"),
        ("Conv(3, stride=0)", ValueError, "stride must be at least 1 on every axis, got 0"),
        ("Conv(3, stride=-2)", ValueError, "stride must be at least 1"),
        ("Conv(3, stride=1.5)", TypeError, "stride must be an int or a tuple of ints, got 1.5"),
        ("Conv(3, stride=True)", TypeError, "stride must be an int"),
        ("Conv(3, stride=(1, 2))", ValueError, "stride must be an int or 1 ints"),
        ("Conv((3, 3), stride=(1, 2, 3))", ValueError, "stride must be an int or 2 ints"),
        ("Conv(3, dilation=0)", ValueError, "dilation must be at least 1"),
        ("Conv(3, dilation='2')", TypeError, "dilation must be an int"),
        ("Conv(3, padding=-1)", ValueError, "padding must be at least 0"),
        ("Conv(3, padding=(1, -1))", ValueError, "padding must be at least 0"),
        ("Conv((3, 3), padding=((1, 2),))", ValueError, "padding must hold 2 pairs, one per axis"),
        ("Conv((3, 3), padding=(1, 2, 3))", ValueError, "padding must be an int or 2 ints"),
        ("Conv(3, padding='full')", ValueError, "padding must be one of 'valid', 'same', 'causal'"),
        ("Conv(3, 2, padding='same')", ValueError, "padding='same' with stride 2 depends"),
        ("Conv(3, padding=None)", TypeError, "padding must be"),
        ("Conv(3, padding_mode='wrap')", ValueError, "padding_mode must be one of"),
        ("Conv(3, channels=0)", ValueError, "channels must be at least 1"),
        ("Conv(3, groups=0)", ValueError, "groups must be at least 1"),
        ("ConvTranspose(3, 2, output_padding=2)", ValueError, "output_padding must be below"),
        ("ConvTranspose(3, output_padding=-1)", ValueError, "output_padding must be at least 0"),
        ("ConvTranspose(3, stride=0)", ValueError, "stride must be at least 1"),
        ("ConvTranspose(3, padding='same')", ValueError, "padding of a transposed convolution"),
        ("Pool(0)", ValueError, "size must be at least 1"),
        ("Pool(2.0)", TypeError, "size must be an int or a tuple of ints"),
        ("Pool(())", TypeError, "size must be an int or a tuple of ints"),
        ("Pool(2, 0)", ValueError, "stride must be at least 1"),
        ("Pool(2, mode='min')", ValueError, "mode must be one of 'average', 'max', got 'min'"),
        ("Pool(2, ceil_mode=1)", TypeError, "ceil_mode must be a bool, got 1"),
        ("Upsample(0)", ValueError, "factor must be at least 1"),
        ("Upsample(1.5)", TypeError, "factor must be an int or a tuple of ints"),
        ("Upsample(2, 'cubic')", ValueError, "mode must be one of 'nearest', 'linear'"),
        ("Activation('')", TypeError, "name must be a name"),
        ("Activation(3)", TypeError, "name must be a name"),
        ("Dropout(1)", ValueError, "p must be a probability below 1, got 1"),
        ("Dropout(-0.1)", ValueError, "p must be a probability below 1"),
        ("Dropout(1e999 - 1e999)", ValueError, "p must be a probability"),
        ("Dropout('x')", ValueError, "p must be a probability"),
        ("Conv(3) >> Conv((3, 3))", ValueError, r"Conv\(3\) has 1, Conv\(\(3, 3\)\) has 2"),
        ("Conv(3) + Conv((3, 3))", ValueError, "all layers must have the same number of axes"),
        ("Conv(3) + Conv(3, 2)", ValueError, r"Conv\(3\) has 1, Conv\(3, stride=2\) has 2"),
        ("Identity() + Conv(3, 2)", ValueError, r"Identity\(\) has 1, Conv\(3, stride=2\) has 2"),
        ("Concat([Conv(3), Pool(2)], [1, 1])", ValueError, "branches must have the same rate"),
        ("Concat([Conv(3)], [1, 1])", ValueError, "channels must have one entry per branch, 1 in all"),
        ("Concat([Conv(3)], [0])", ValueError, "channels must be at least 1"),
        ("Concat([Conv(3)], 3)", TypeError, "channels must be"),
        ("Concat([], [])", ValueError, "branches must hold at least one network"),
        ("Residual(Conv(3, 2))", ValueError, "branch must keep the rate of its samples"),
        ("Residual(3)", TypeError, "branch must be a network"),
        ("Residual(Conv(3), 'a')", TypeError, "gain must be a real number, got 'a'"),
        ("Residual(Conv(3), 1e999)", ValueError, "gain must be finite, got inf"),
        ("Residual(Conv(3), True)", TypeError, "gain must be a real number"),
        ("Sum([])", ValueError, "branches must hold at least one network"),
        ("Sum([Conv(3)], [0])", ValueError, "gains must not be all zero"),
        ("Sum([Conv(3)], [1, 2])", ValueError, "gains must have one entry per branch, 1 in all, got 2"),
        ("Sum([Conv(3)], 2)", TypeError, "gains must be"),
        ("Sum(Conv(3))", TypeError, r"branches must be a sequence of networks, got Conv\(3\)"),
        ("Series([Conv(3), 3])", TypeError, "each of nodes must be a network .* got 3 of type int"),
        ("Series('ab')", TypeError, "nodes must be a sequence of networks"),
        ("Power(Conv(3), -1)", ValueError, "n must be at least 0, got -1"),
        ("Conv(3) ** (-1)", ValueError, "n must be at least 0"),
        ("Power(Conv(3), 10 ** 16)", ValueError, r"n must be at most 1e\+15"),
        ("(Conv(3) ** 10 ** 10) ** 10 ** 10", ValueError, r"n must be at most 1e\+15"),
        ("Power(Conv(3), 1.0)", TypeError, "n must be an int"),
        ("Power('a', 1)", TypeError, "node must be a network"),
        ("Conv(3) >> 3", TypeError, "unsupported operand"),
        ("Conv(3) + 'a'", TypeError, "unsupported operand|can only concatenate"),
        ("Conv(3) ** 1.5", TypeError, "unsupported operand"),
        ("[1] >> Conv(3)", TypeError, "unsupported operand"),
    ],
    ids=str,
)
def test_bad_layers_are_refused_by_name(call, error, words):
    with pytest.raises(error, match=words):
        eval(call, dict(NAMES))


class Strange(Node):
    """A layer whose meaning nobody registered."""

    args = ()

    def __eq__(self, other):
        return type(other) is Strange

    def __hash__(self):
        return 1


@pytest.mark.parametrize(
    "reading",
    [lower, receptive_field, distribution, lambda net: net.rate],
    ids=["lower", "field", "law", "rate"],
)
def test_an_unknown_layer_names_itself(reading):
    with pytest.raises(TypeError, match="Strange is an unknown type of layer; register its meaning"):
        reading(Strange())
    with pytest.raises(TypeError, match="Strange is an unknown type of layer"):
        reading(Conv(3) >> Strange())


class Twice(Node):
    """A layer that is registered as a network."""

    args = ()


@lower.register
def _(node: Twice) -> Node:
    return Conv(3, 2) >> Residual(Conv(3, padding=1))


def test_a_layer_of_ones_own_is_one_like_others():
    net = Twice() >> Twice()
    assert (net.ndim, net.rate) == (1, (4,))
    plain = lower(Twice())
    assert receptive_field(net).region() == receptive_field(plain >> plain).region()
    assert distribution(net).cumulants() == distribution(plain**2).cumulants()


@pytest.mark.parametrize(
    "reading",
    [receptive_field, lambda net: net.rate, lambda net: net + Conv(3)],
    ids=["field", "rate", "sum"],
)
def test_strides_beyond_all_bounds_are_refused(reading):
    with pytest.raises(ValueError, match=r"use fewer copies|too many to follow"):
        reading(Conv(3, 2) ** 10**6)


def test_a_seam_is_joined_and_the_rest_kept():
    conv, pool, wide = Conv(3, padding=1), Pool(2), Conv((3, 3))
    net = conv >> pool >> conv
    whole = net >> (conv >> pool)
    assert whole.nodes == (conv, pool, Power(conv, 2), pool)
    assert (whole.ndim, whole.rate) == (1, (Fraction(4),))
    assert {"ndim", "rate"} <= vars(whole).keys()
    assert (net >> Identity()).nodes == net.nodes
    assert Series([]) >> conv == conv
    assert Series([Power(conv, 2)]) >> conv == Power(conv, 3)
    with pytest.raises(ValueError, match="all layers must have the same number of axes"):
        net >> wide
    assert Series([conv]).__rshift__(3) is NotImplemented
    assert [Power(conv, 0).rate, Power(pool, 3).rate, Power(Identity(), 9).rate] == [(1,), (8,), None]
    assert Power(GlobalPool((True, False)), 3).rate == (None, 1)


@pytest.mark.parametrize(
    ("net", "rate"),
    [
        (Identity(), None),
        (Activation("relu") >> Dropout(0.5), None),
        (GlobalPool(), ()),
        (GlobalPool() >> Conv(3, 2), ()),
        (Conv(3, 2) >> GlobalPool(), ()),
        (Conv((3, 3), 2) >> GlobalPool((True, False)), (None, 2)),
        (Sum([GlobalPool((True, False)), Conv((3, 3), (3, 1))]), (3, 1)),
        (Sum([GlobalPool(), GlobalPool()]), ()),
        (Sum([GlobalPool(), Identity()]), None),
        (Sum([Identity(), Conv(3)]), (1,)),
        (Residual(GlobalPool((True,))), (1,)),
        (Upsample((2, 3)) >> Conv((1, 1), (4, 1)), (2, Fraction(1, 3))),
        (Concat([Conv(3, 2), Pool(2)], [1, 1]), (2,)),
    ],
    ids=repr,
)
def test_rates_of_networks(net, rate):
    assert net.rate == rate


def test_branches_of_other_rates_are_named_with_them():
    with pytest.raises(
        ValueError, match=r"Conv\(\(3, 3\), stride=\(1, 2\)\) has \(1, 2\), Upsample\(\(1, 2\)\) has"
    ):
        Sum([Conv((3, 3), (1, 2)), Upsample((1, 2))])
    with pytest.raises(
        ValueError, match=r"Identity\(\) has 1, Conv\(\(1, 1\), stride=\(1, 2\)\) has \(1, 2\)"
    ):
        Sum([Identity(), Conv((1, 1), (1, 2))])
    with pytest.raises(ValueError, match=r"got Conv\(3, stride=2\) of rate 2; use Sum"):
        Residual(Conv(3, 2))
    with pytest.raises(ValueError, match="has a stride too large to work with"):
        Power(Conv(3, 2), 10**4 + 1)
    assert Power(Conv(3, 2), 10**4).rate == (2**10**4,)
    assert Power(Conv(3), 10**15).rate == (1,)


def test_gains_keep_their_kind():
    assert [type(g) for g in Sum([Conv(3)] * 4, [True + 1, np.float64(2), Fraction(4, 2), 0.5]).gains] == [
        int,
        int,
        int,
        float,
    ]
    assert Sum([Conv(3)] * 2, [np.int64(2), Fraction(1, 3)]).gains == (2, Fraction(1, 3))
    for wrong in (np.bool_(True), 1j, "1", None):
        with pytest.raises(TypeError, match=r"^gain must be a real number"):
            Residual(Conv(3), wrong)
    with pytest.raises(TypeError, match=r"^gains must be a sequence of numbers, one per branch, got '12'"):
        Sum([Conv(3), Conv(5)], "12")
    with pytest.raises(
        TypeError, match=r"^net must be a network such as Conv\(3\) >> Pool\(2\), got x{60} of"
    ):
        receptive_field(type("X", (), {"__repr__": lambda self: "x" * 70})())
