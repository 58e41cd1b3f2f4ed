"""Signed impacts and channels with weights of their own, against the definition written out in loops."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import erfmath as em
from erfmath import Activation, Conv, ConvTranspose, Pool, Residual, Sum, Upsample, Weighted
from erfmath.network.channels import Channels, Energies, Rearranged, Scaled
from erfmath.network.resize import Resize

RNG = np.random.default_rng(5)


def weighted(layer, *channels, transposed=False):
    """A layer with random weights from so many channels to so many."""
    first, second = channels if transposed else channels[::-1]
    shape = (first, second // layer.groups, *layer.kernel.shape)
    return Weighted(layer, np.random.default_rng(sum(shape)).normal(size=shape))


def applied(node, x):
    """The output of a layer for an input (channels, *sides), by the definition."""
    if isinstance(node, em.Series):
        for part in node.nodes:
            x = applied(part, x)
        return x
    if isinstance(node, Sum):
        return sum(float(g) * applied(b, x) for b, g in zip(node.branches, node.gains, strict=True))
    if isinstance(node, Scaled):
        return x * node.factors.reshape(-1, *(1,) * (x.ndim - 1))
    if isinstance(node, Channels):
        return np.array([x[i] if i >= 0 else np.zeros(x.shape[1:]) for i in node.index])
    if isinstance(node, Weighted):
        return convolved(node, x)
    return np.array([applied_alone(node, channel) for channel in x])


def applied_alone(node, line):
    """Pool and nearest interpolation of one channel."""
    if isinstance(node, Upsample):
        for axis, factor in enumerate(node.factor):
            line = np.repeat(line, factor, axis=axis)
        return line
    if isinstance(node, em.Identity):
        return line
    assert isinstance(node, Pool)
    counts = [(n - k) // s + 1 for n, k, s in zip(line.shape, node.size, node.stride, strict=True)]
    out = np.zeros(counts)
    for index in np.ndindex(*counts):
        window = [slice(s * i, s * i + k) for i, s, k in zip(index, node.stride, node.size, strict=True)]
        out[index] = line[tuple(window)].mean()
    return out


def convolved(node, x):
    """A convolution or a transposed one, tap by tap."""
    layer, weights = node.layer, node.weights.astype(float) ** node.power
    is_up = isinstance(layer, ConvTranspose)
    first, second, *taps = weights.shape
    groups = layer.groups
    outputs, inputs = (second * groups, first) if is_up else (first, second * groups)
    size = em.output_size(layer, x.shape[1:])
    sides = size if isinstance(size, tuple) else (size,)
    y = np.zeros((outputs, *sides))
    for o, i in itertools.product(range(outputs), range(inputs)):
        if o // (outputs // groups) != i // (inputs // groups):
            continue
        for tap in np.ndindex(*taps):
            w = weights[(i, o % second, *tap)] if is_up else weights[(o, i % second, *tap)]
            for place in np.ndindex(*(x.shape[1:] if is_up else sides)):
                other = tuple(
                    s * p + d * t - before
                    for s, p, d, t, (before, _) in zip(
                        layer.stride, place, layer.dilation, tap, layer.padding, strict=True
                    )
                )
                if is_up and all(0 <= q < n for q, n in zip(other, sides, strict=True)):
                    y[(o, *other)] += w * x[(i, *place)]
                if not is_up and all(0 <= q < n for q, n in zip(other, x.shape[1:], strict=True)):
                    y[(o, *place)] += w * x[(i, *other)]
    return y


def jacobian(net, channels, size, unit, channel):
    """The derivative of one output by every input, of a linear network."""
    whole = np.zeros((channels, *size))
    for index in np.ndindex(*whole.shape):
        x = np.zeros_like(whole)
        x[index] = 1
        y = applied(net, x)[(slice(None), *unit)]
        whole[index] = y.sum() if channel is None else y[channel]
    return whole


def filled(found, channels, size):
    """An impact map on the whole input."""
    whole = np.zeros((channels, *size))
    sides = found.channels.shape[1:]
    whole[(slice(None), *(slice(o, o + k) for o, k in zip(found.start, sides, strict=True)))] = found.channels
    return whole


NETWORKS = [
    (weighted(Conv(3, padding=1), 2, 3), 2, (6,)),
    (weighted(Conv(3, stride=2, dilation=2, padding=(1, 2)), 2, 3), 2, (9,)),
    (weighted(Conv((2, 3), padding=1, groups=2), 4, 6), 4, (4, 5)),
    (weighted(ConvTranspose(3, stride=2, padding=1), 3, 2, transposed=True), 3, (5,)),
    (weighted(ConvTranspose((4, 2), stride=2, groups=2), 4, 6, transposed=True), 4, (3, 3)),
    (weighted(Conv(3, padding=1), 2, 4) >> Pool(2) >> weighted(Conv(3, groups=2), 4, 2), 2, (9,)),
    (weighted(Conv(3), 1, 4) >> Scaled([1, -2, 0.5, 3], 1) >> Channels([3, 3, -1, 0], 4, 1), 1, (6,)),
    (Sum([weighted(Conv(3, padding=1), 2, 2), Scaled([0.5], 1, [0.5])], [1, -2]), 2, (6,)),
    (
        weighted(Conv((3, 3), padding=1), 1, 2) >> Upsample((2, 2)) >> weighted(Conv((3, 3), stride=2), 2, 2),
        1,
        (4, 4),
    ),
]


@pytest.mark.parametrize(("net", "channels", "size"), NETWORKS)
@pytest.mark.parametrize("power", [1, 2])
def test_maps_are_the_definition(net, channels, size, power):
    read = net if power == 1 else em.variance(net)
    shape = em.output_size(net, size if len(size) > 1 else size[0])
    sides = shape if isinstance(shape, tuple) else (shape,)
    for unit in {(0,) * len(sides), tuple(n // 2 for n in sides), tuple(n - 1 for n in sides)}:
        for channel in (None, 1):
            expected = jacobian(read, channels, size, unit, channel)
            if not expected.any():
                continue
            got = em.impact_map(read, unit, size if len(size) > 1 else size[0], channel)
            np.testing.assert_allclose(filled(got, channels, size), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("net", "channels", "size"), NETWORKS)
def test_without_borders_is_far_from_them(net, channels, size):
    far = tuple(8 * (1 + n) for n in size)
    sides = far if len(far) > 1 else far[0]
    made = em.output_size(net, sides)
    unit = tuple(n // 2 for n in (made if isinstance(made, tuple) else (made,)))
    whole, bordered = em.impact_map(net, unit), em.impact_map(net, unit, sides)
    np.testing.assert_allclose(whole.channels, bordered.channels, rtol=1e-12, atol=1e-15)
    assert whole.start == bordered.start


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
@example(1, 1, 1, 1, 0)
@settings(max_examples=30)
def test_single_channels_are_kernels(first, second, stride, dilation, seed):
    rng = np.random.default_rng(seed)
    taps = [rng.normal(size=k) for k in (first, second)]
    apart = Weighted(Conv(first, stride), taps[0][None, None]) >> Weighted(
        Conv(second, 1, dilation), taps[1][None, None]
    )
    plain = Conv(taps[0], stride) >> Conv(taps[1], 1, dilation)
    ours, theirs = em.impact_map(apart), em.impact_map(plain)
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-12, atol=1e-15)
    squares = em.distribution(em.variance(apart)), em.distribution(em.variance(plain))
    points = np.arange(-2, 20)
    np.testing.assert_allclose(squares[0].pmf(points), squares[1].pmf(points), rtol=1e-9, atol=1e-15)


def test_plain_networks_have_maps_too():
    net = Residual(Conv([1, -2, 1], padding=1)) ** 3
    found = em.impact_map(net)
    assert found.offset == -3
    # (z^-1 - 1 + z)^3, the identity added to the second difference
    np.testing.assert_allclose(found.values, np.convolve(np.convolve([1, -1, 1], [1, -1, 1]), [1, -1, 1]))


def test_marginals_are_sums_of_the_map():
    layer = Weighted(Conv((3, 4), padding=1), RNG.uniform(size=(3, 2, 3, 4)))
    net = layer >> Weighted(Conv((2, 3), stride=2), RNG.uniform(size=(2, 3, 2, 3)))
    grid, law = em.impact_map(net), em.distribution(net)
    shares = grid.values / grid.values.sum()
    np.testing.assert_allclose(law.probabilities(), shares)
    for axis in (0, 1):
        marginal = law.marginal(axis)
        assert marginal.support()[0] == grid.start[axis]
        np.testing.assert_allclose(marginal.probabilities(), shares.sum(axis=1 - axis))


def test_marginals_behind_upsampling_are_sums_of_the_map():
    up = Weighted(ConvTranspose((3, 3), stride=2), RNG.uniform(size=(2, 2, 3, 3)))
    net = Weighted(Conv((2, 2)), RNG.uniform(size=(2, 1, 2, 2))) >> up
    for unit in np.ndindex(2, 2):
        shares = em.impact_map(net, unit).values
        for axis in (0, 1):
            found = em.distribution(net, at=unit).marginal(axis).probabilities()
            np.testing.assert_allclose(found, shares.sum(axis=1 - axis) / shares.sum())


def test_laws_of_magnitudes_and_of_squares():
    found = em.impact_map(Weighted(Conv(2), [[[1.0, -2.0], [3.0, 0.0]]]))
    assert found.channels.tolist() == [[1, -2], [3, 0]]
    assert found.values.tolist() == [4, -2]
    np.testing.assert_allclose(found.distribution().probabilities(), [4 / 6, 2 / 6])
    np.testing.assert_allclose(found.distribution(2).probabilities(), [10 / 14, 4 / 14])
    assert found.distribution(10**30).support() == (0, 0)  # of the largest alone
    assert em.effective_field(found.distribution(), "mass").count == 2


def test_fields_take_the_taps_of_any_channel():
    weights = np.zeros((2, 1, 5))
    weights[0, 0, 1] = weights[1, 0, 3] = 1
    assert em.receptive_field(Weighted(Conv(5), weights)).region(0) == (1, 3)
    assert em.receptive_field(Weighted(Conv(5), np.zeros((1, 1, 5)))).size == 5


def test_the_variance_squares_each_weight():
    net = weighted(Conv(3), 2, 3) >> Scaled([0.5, 2, 1], 1, [0.5, 4, 1]) >> Activation("relu")
    squares = np.abs(net.nodes[0].weights) ** 2 * np.array([0.5, 4, 1]).reshape(-1, 1, 1)
    expected = squares.sum(axis=(0, 1))
    found = em.distribution(em.variance(net)).probabilities()
    np.testing.assert_allclose(found, expected / expected.sum())
    assert em.effective_field(net, "mass", profile="variance").count > 0


def test_copies():
    layer = weighted(Conv(3, padding=1), 2, 2)
    np.testing.assert_allclose(
        em.impact_map(layer**3).channels, em.impact_map(layer >> layer >> layer).channels
    )


def test_channels_are_found_in_copies():
    layer = weighted(Conv(3, padding=1), 2, 2)
    np.testing.assert_allclose(
        em.impact_map(layer**3, channel=1).channels,
        em.impact_map(layer >> layer >> layer, channel=1).channels,
    )


def test_branches_of_zeros_leave_the_support():
    net = Sum(
        [
            Weighted(Conv((5, 5), padding=2), np.zeros((1, 1, 5, 5))),
            Weighted(Conv((3, 3), padding=1), np.ones((1, 1, 3, 3))),
        ]
    )
    law = em.distribution(net)
    assert law.support() == ((-2, 2), (-2, 2))
    np.testing.assert_allclose(law.probabilities()[1:-1, 1:-1], 1 / 9)


def test_layers_whose_channels_do_not_fit():
    with pytest.raises(ValueError, match="a layer makes 3, and what follows reads 5"):
        em.impact_map(weighted(Conv(1), 2, 3) >> weighted(Conv(1), 5, 1))


def test_concatenations_move_channels():
    branches = [weighted(Conv(1), 1, 2), weighted(Conv(1), 1, 3)]
    for reading in (em.impact_map, lambda net: em.distribution(em.variance(net))):
        with pytest.raises(ValueError, match="a Concat knows shares of channels only"):
            reading(em.Concat(branches, [2, 3]))
    moved = Sum(
        [branches[0] >> Channels([0, 1, -1, -1, -1], 2, 1), branches[1] >> Channels([-1, -1, 0, 1, 2], 3, 1)]
    )
    assert em.impact_map(moved, channel=3).values == branches[1].weights[1].ravel()


def test_values_rebuild_themselves():
    for net in (weighted(Conv(3), 2, 3), Scaled([1, 2], 2), Channels([0, 1], 2, 1)):
        assert type(net)(*net.args) == net
        assert repr(net).startswith(type(net).__name__)
        with pytest.raises(TypeError):
            hash(net)
    names = {name: getattr(em, name) for name in em.__all__} | {
        kind.__name__: kind for kind in (Rearranged, Energies)
    }
    for net in (Rearranged(em.Upsample((2, 2)), 4), Rearranged(Conv(2, 2)), Energies(Conv(3))):
        assert type(net)(*net.args) == eval(repr(net), names) == net


def test_costs_are_those_of_the_layer():
    layer = Conv((3, 3), padding=1, channels=4)
    ours = em.cost(Weighted(layer, np.ones((4, 3, 3, 3))), 8, 3)
    assert (ours.parameters, ours.macs) == (em.cost(layer, 8, 3).parameters, em.cost(layer, 8, 3).macs)
    assert "Conv 3x3" in repr(em.layer_table(Weighted(layer, np.ones((4, 3, 3, 3)))))


@pytest.mark.parametrize("reading", [em.polynomial, em.central_limit, em.coefficients])
def test_what_needs_one_polynomial_says_so(reading):
    with pytest.raises(ValueError, match="weights of its own for each channel"):
        reading(
            weighted(Conv(3), 2, 3) if reading is em.polynomial else Weighted(Conv(3), np.ones((1, 2, 3)))
        )


def test_signed_weights_are_no_law():
    with pytest.raises(ValueError, match=r"negative weight.*impact_map\(\).*variance\(\)"):
        em.distribution(Weighted(Conv(2), [[[1.0, -1.0]]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Weighted(Conv(3), np.ones((2, 1, 2))),
            r"of shape \(outputs, inputs, 3\).*got float64 of shape",
        ),
        (lambda: Weighted(Conv(2), [[["a", "b"]]]), "weights must be floats"),
        (lambda: Weighted(Conv(1), [[[np.nan]]]), "weights must be finite"),
        (lambda: Weighted(Conv(1, groups=2), np.ones((3, 1, 1))), "groups=2 divide"),
        (lambda: Weighted(Conv(1), np.ones((0, 1, 1))), "channels"),
        (lambda: Weighted(Pool(2), np.ones((1, 1, 2))), "layer must be a Conv"),
        (lambda: Channels([3], 3, 1), "from 0 to 2"),
        (lambda: Channels([0.5], 3, 1), "sequence of ints"),
        (lambda: Scaled([[1]], 1), "one per channel"),
        (lambda: Scaled(["a"], 1), "factors must be an array of numbers"),
        (lambda: Weighted(Conv(1), [[1], [1, 2]]), "weights must be an array of numbers"),
        (lambda: Channels([[1], [1, 2]], 3, 1), "index must be an array of numbers"),
        (lambda: Energies(3), "net must be a network .* got 3"),
        (lambda: Resize(("a",), (0,)), "factor must be a tuple of numbers"),
        (lambda: Resize((2,), 3), "origin must be a tuple of numbers"),
        (lambda: Scaled([np.inf], 1), "finite"),
        (lambda: em.impact_map(weighted(Conv(3), 2, 3), channel=3), "channel must be at most 2"),
        (lambda: em.impact_map(Conv(3), channel=0), "channel must be None"),
        (lambda: em.impact_map(Conv([2.0**60]) ** 30), "outside the range of floats"),
        (lambda: em.impact_map(em.GlobalPool()), "reads its whole input"),
        (lambda: em.impact_map(Conv(3), at=9, input_size=5), "at must lie inside"),
        (lambda: em.impact_map("resnet"), "net must be a network"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_the_field_of_an_effective_one_is_the_theoretical_one_where_floats_underflow():
    net = em.parse_network("res(res((id|conv3p1) conv3p1)*150 conv3p1) up2 conv3p1", ndim=2)
    found = em.effective_field(net, ref="max")
    assert found.field_size == em.receptive_field(net).size[0]
