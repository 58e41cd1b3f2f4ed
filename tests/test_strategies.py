import math
from fractions import Fraction

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from hypothesis.errors import InvalidArgument
from oracles_network import layers_of

from erfmath import (
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    Graph,
    Identity,
    Kernel,
    LatticeDistribution,
    Node,
    Pool,
    Power,
    Residual,
    Series,
    Sum,
    Upsample,
    receptive_field,
)
from erfmath.strategies import convs, distributions, kernels, networks


def find(strategy, condition):
    """The smallest example that meets the condition."""
    return hypothesis.find(
        strategy, condition, settings=settings(max_examples=300, derandomize=True, database=None)
    )


def first(strategy, condition):
    """Any example that meets the condition, as it was found."""
    generate = settings(
        max_examples=2000,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no reason to fail
    )
    return hypothesis.find(strategy, condition, settings=generate)


def interval(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)


@given(st.data(), interval(1, 3), interval(1, 4), interval(-5, 5))
def test_kernels_respect_their_bounds(data, dims, side, offset):
    kernel = data.draw(
        kernels(
            min_dims=dims[0],
            max_dims=dims[1],
            min_side=side[0],
            max_side=side[1],
            min_offset=offset[0],
            max_offset=offset[1],
        )
    )
    assert isinstance(kernel, Kernel)
    assert dims[0] <= kernel.ndim <= dims[1]
    assert all(side[0] <= k <= side[1] for k in kernel.shape)
    assert all(offset[0] <= o <= offset[1] for o in kernel.offsets)
    assert {type(weight) for _, weight in kernel.taps()} == {Fraction}
    assert all(0 <= weight <= 9 and weight.denominator == 1 for _, weight in kernel.taps())


@given(st.data(), interval(1, 9), interval(-20, 20))
def test_distributions_respect_their_bounds(data, size, offset):
    law = data.draw(
        distributions(min_size=size[0], max_size=size[1], min_offset=offset[0], max_offset=offset[1])
    )
    assert isinstance(law, LatticeDistribution)
    low, high = law.support()
    assert size[0] <= high - low + 1 <= size[1]
    assert offset[0] <= low <= offset[1]
    assert math.isclose(math.fsum(law.probabilities()), 1)


@pytest.mark.parametrize(
    ("strategy", "shape", "kernel"),
    [
        (kernels(), lambda k: True, Kernel([1])),
        (kernels(max_dims=2, max_side=3), lambda k: True, Kernel([1])),
        (kernels(), lambda k: len(k.weights) > 2, Kernel([0, 0, 1])),
        (kernels(min_dims=2, max_dims=2), lambda k: True, Kernel([[1]])),
        (kernels(min_offset=-3, max_offset=3), lambda k: k.offset < 0, Kernel([1], offset=-1)),
        (kernels(elements=st.integers(-9, 9)), lambda k: not k.is_nonnegative, Kernel([-1])),
        (kernels(elements=st.fractions(0, 1)), lambda k: k.total < 1, Kernel([Fraction(1, 2)])),
    ],
    ids=["one tap", "one axis", "zeros", "two axes", "offset", "signed", "rational"],
)
def test_kernels_shrink_to_the_smallest(strategy, shape, kernel):
    assert find(strategy, shape) == kernel


def test_distributions_shrink_to_a_point_then_to_equal_probabilities():
    point = find(distributions(), lambda law: True)
    assert (point.support(), point.probabilities().tolist()) == ((0, 0), [1])
    pair = find(distributions(), lambda law: law.var() > 0)
    assert (pair.support(), pair.probabilities().tolist()) == ((0, 1), [0.5, 0.5])


@pytest.mark.parametrize(
    "reaches",
    [
        lambda k: k.weights[0] == 0 == k.weights[-1] and k.total > 0,
        lambda k: len(k.weights) == 5 and 0 in k.weights[1:-1] and k.weights[0] and k.weights[-1],
        lambda k: max(k.weights) == 9,
    ],
    ids=["outer zeros", "inner zero", "largest weight"],
)
def test_kernels_reach_their_corners(reaches):
    assert reaches(find(kernels(), reaches))


def test_distributions_reach_inner_zeros_and_small_tails():
    assert find(distributions(), lambda law: 0 in law.probabilities()).var() > 0
    assert find(distributions(), lambda law: 0 < law.probabilities().min() < 1e-5).var() > 0


@given(st.data())
def test_kernels_are_never_all_zero(data):
    mostly_zero = st.sampled_from([0, 0, 0, 0, 1])
    assert data.draw(kernels(elements=mostly_zero, max_side=2)).total > 0


@pytest.mark.parametrize("strategy", [kernels, distributions])
def test_bounds_are_checked_when_the_strategy_is_made(strategy):
    for name in ("offset", "dims" if strategy is kernels else "size"):
        with pytest.raises(InvalidArgument, match=f"min_{name}=3 must not exceed max_{name}=2"):
            strategy(**{f"min_{name}": 3, f"max_{name}": 2})
        with pytest.raises(InvalidArgument, match=f"min_{name}=1.5 must be an int"):
            strategy(**{f"min_{name}": 1.5})
        with pytest.raises(InvalidArgument, match=f"max_{name}=True must be an int"):
            strategy(**{f"max_{name}": True})


@pytest.mark.parametrize(
    ("strategy", "options", "words"),
    [
        (kernels, {"min_side": 0}, "min_side=0 must be at least 1"),
        (kernels, {"min_dims": 0}, "min_dims=0 must be at least 1"),
        (kernels, {"min_side": 9}, "min_side=9 must not exceed max_side=5"),
        (kernels, {"elements": [1, 2]}, "must be a strategy"),
        (convs, {"max_side": 0}, "min_side=1 must not exceed max_side=0"),
        (convs, {"max_stride": 0}, "min_stride=1 must not exceed max_stride=0"),
        (convs, {"max_padding": -1}, "min_padding=0 must not exceed max_padding=-1"),
        (convs, {"max_dilation": 1.5}, "max_dilation=1.5 must be an int"),
        (convs, {"min_dims": 0}, "min_dims=0 must be at least 1"),
        (convs, {"min_dims": 2}, "min_dims=2 must not exceed max_dims=1"),
        (convs, {"elements": [1]}, "must be a strategy"),
        (networks, {"max_layers": 0}, "min_layers=1 must not exceed max_layers=0"),
        (networks, {"max_dims": 0}, "min_dims=1 must not exceed max_dims=0"),
        (networks, {"gains": [1]}, "must be a strategy"),
        (distributions, {"min_size": 0}, "min_size=0 must be at least 1"),
        (distributions, {"max_size": 0}, "must not exceed max_size=0"),
    ],
)
def test_bad_bounds_raise_invalid_argument(strategy, options, words):
    with pytest.raises(InvalidArgument, match=words):
        strategy(**options)


@pytest.mark.parametrize("strategy", [kernels, distributions, convs, networks])
def test_bounds_are_keyword_only(strategy):
    with pytest.raises(TypeError):
        strategy(1)


LAYERS = (Conv, ConvTranspose, Pool, Upsample, Identity, Activation, Dropout)
ALL = (*LAYERS, Series, Sum, Concat, Residual, Power, Graph)


def bounded(layer, ndim, side, stride, dilation, padding):
    """Whether a layer is one of those that the bounds allow."""
    match layer:
        case Conv() | ConvTranspose():
            sizes, strides = layer.kernel.shape, layer.stride
        case Pool():
            sizes, strides = layer.size, layer.stride
        case Upsample():
            return len(layer.factor) == ndim and max(layer.factor) <= stride
        case _:
            return isinstance(layer, LAYERS)
    limit = max(padding, dilation * (side - 1))  # "causal"
    return (
        len(sizes) == ndim
        and max(sizes) <= side
        and max(strides) <= stride
        and max(layer.dilation) <= dilation
        and max(map(max, layer.padding)) <= limit
    )


@given(st.data(), interval(1, 3), st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 4))
def test_convs_respect_their_bounds(data, dims, most, padding):
    side, stride, dilation = most
    layer = data.draw(
        convs(
            min_dims=dims[0],
            max_dims=dims[1],
            max_side=side,
            max_stride=stride,
            max_dilation=dilation,
            max_padding=padding,
        )
    )
    assert isinstance(layer, LAYERS)
    assert layer.ndim is None or dims[0] <= layer.ndim <= dims[1]
    assert bounded(layer, layer.ndim, side, stride, dilation, padding)


@given(st.data(), st.integers(1, 3), st.integers(1, 6))
def test_networks_respect_their_bounds(data, ndim, max_layers):
    net = data.draw(networks(min_dims=ndim, max_dims=ndim, max_layers=max_layers))
    assert isinstance(net, Node)
    assert net.ndim in (None, ndim)
    if max_layers == 1:
        assert isinstance(net, LAYERS)
    parts = list(layers_of(net))
    assert all(isinstance(part, ALL) for part in parts)
    assert receptive_field(net).program.ndim == (net.ndim or 1)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_networks_reach_every_kind(kind):
    net = first(networks(), lambda net: any(isinstance(part, kind) for part in layers_of(net)))
    assert any(isinstance(part, kind) for part in layers_of(net))


@pytest.mark.parametrize(
    "reaches",
    [
        lambda layer: isinstance(layer, Conv) and layer.padding == ((0, 1),) and layer.kernel.shape == (2,),
        lambda layer: isinstance(layer, Conv) and layer.padding == ((layer.dilation[0], 0),),
        lambda layer: isinstance(layer, ConvTranspose) and layer.output_padding == (1,),
        lambda layer: isinstance(layer, ConvTranspose) and layer.padding[0][0] > layer.padding[0][1] > 0,
        lambda layer: isinstance(layer, Pool) and layer.mode == "max" and layer.stride != layer.size,
        lambda layer: isinstance(layer, Upsample) and layer.mode == "linear" and layer.factor == (3,),
        lambda layer: isinstance(layer, Conv) and layer.kernel.offset == -1 and layer.dilation == (3,),
    ],
    ids=["same", "causal", "output padding", "unequal", "max pool", "linear", "offset"],
)
def test_convs_reach_their_corners(reaches):
    assert reaches(first(convs(), reaches))


@pytest.mark.parametrize(
    "reaches",
    [
        lambda net: receptive_field(net).program.period == (4,),
        lambda net: isinstance(net, Sum) and 0 in net.gains and net.rate == (2,),
        lambda net: isinstance(net, Residual) and receptive_field(net).program.period == (2,),
        lambda net: isinstance(net, Graph) and any(len(sources) == 2 for _, _, sources, _ in net.layers),
        lambda net: isinstance(net, Graph) and net.output != net.layers[-1].name,
        lambda net: isinstance(net, Power) and net.n == 0,
        lambda net: any(isinstance(part, Power) and isinstance(part.node, Sum) for part in layers_of(net)),
        lambda net: None in [phase.region for phase in receptive_field(net).phases],
    ],
    ids=["phases", "gain 0", "skip over phases", "skips", "order", "no copies", "nested", "blind"],
)
def test_networks_reach_their_corners(reaches):
    assert reaches(first(networks(max_layers=6), reaches))


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_networks_reach_every_number_of_axes(ndim):
    assert first(networks(max_dims=3), lambda net: net.ndim == ndim).ndim == ndim


@pytest.mark.parametrize(
    ("strategy", "shape", "net"),
    [
        (convs(), lambda layer: True, Identity()),
        (convs(), lambda layer: isinstance(layer, Conv), Conv([1])),
        (networks(), lambda net: True, Identity()),
        (networks(), lambda net: isinstance(net, Residual), Residual(Identity())),
        (networks(max_dims=2), lambda net: isinstance(net, Conv), Conv([1])),
    ],
    ids=["layer", "convolution", "network", "residual", "fewest axes"],
)
def test_networks_shrink_to_the_smallest(strategy, shape, net):
    assert find(strategy, shape) == net


def test_weights_and_gains_are_those_given():
    signed = networks(elements=st.just(-1), gains=st.just(-2))
    assert first(signed, lambda net: isinstance(net, Residual)).gain == -2
    assert set(first(signed, lambda net: isinstance(net, Conv) and net.is_given).kernel.weights) == {-1}
