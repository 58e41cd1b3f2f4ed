"""Maps with borders: sizes, exact impacts and what is lost, against numpy.pad and plain loops."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from oracles_border import evaluate, impacts

import erfmath as em


@st.composite
def layers(draw, ndim):
    """A layer that changes no rate, or one that does."""

    def sides(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(ndim))

    kind = draw(
        st.sampled_from(
            ["conv", "conv", "conv", "pool", "transpose", "upsample", "residual", "relu", "pad", "slice"]
        )
    )
    if kind == "conv":
        size = sides(1, 3)
        weights = draw(
            st.lists(st.integers(0, 5), min_size=int(np.prod(size)), max_size=int(np.prod(size))).filter(any)
        )
        return em.Conv(
            np.reshape(weights, size),
            stride=sides(1, 2),
            dilation=sides(1, 2),
            padding=[(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(ndim)],
            padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
        )
    if kind == "pad":
        pads = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(ndim)]
        return em.Pad(pads, draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])))
    if kind == "slice":
        stops = tuple(draw(st.sampled_from([None, -1, -2])) for _ in range(ndim))
        return em.Slice(sides(0, 2), stops, sides(1, 3))
    if kind == "pool":
        size = sides(2, 3)
        return em.Pool(
            size, sides(1, 3), 1, draw(st.sampled_from(["average", "max"])), 1, draw(st.booleans())
        )
    if kind == "transpose":
        stride = sides(1, 3)
        extra = [draw(st.integers(0, s - 1)) for s in stride]
        return em.ConvTranspose(sides(1, 3), stride, sides(1, 2), draw(st.integers(0, 1)), extra)
    if kind == "upsample":
        return em.Upsample(sides(1, 3), draw(st.sampled_from(["nearest", "linear"])))
    if kind == "residual":
        mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
        return em.Residual(
            em.Conv((3,) * ndim, padding=1, padding_mode=mode), draw(st.sampled_from([1, 0.5]))
        )
    return em.Activation("relu")


@st.composite
def cases(draw):
    ndim = draw(st.integers(1, 2))
    net = em.Identity()
    for _ in range(draw(st.integers(1, 3))):
        net = net >> draw(layers(ndim))
    size = tuple(draw(st.integers(2, 9 if ndim == 1 else 5)) for _ in range(ndim))
    return net, size


def truth_of(net, size):
    """All impacts by the oracle, None where the network does not fit the size."""
    try:
        return impacts(net, size)
    except ValueError:
        return None


@given(cases())
@settings(max_examples=60)
@example((em.Conv(3, padding=2, padding_mode="reflect") >> em.Pool(3, 2, 1, ceil_mode=True), (5,)))
@example((em.Conv((1, 3), padding=((0, 0), (2, 0)), padding_mode="circular") >> em.Upsample((2, 1)), (2, 3)))
def test_every_impact_is_that_of_plain_loops(case):
    net, size = case
    assume(net.ndim is not None)
    truth = truth_of(net, size)
    if truth is None:
        with pytest.raises(ValueError, match=r"too small|different sizes"):
            em.output_size(net, size)
        return
    shape = truth.shape[: len(size)]
    assert em.output_size(net, size) == (shape if len(shape) > 1 else shape[0])
    for unit in np.ndindex(*shape):
        expected = truth[unit]
        if not expected.any():
            with pytest.raises(ValueError, match="sees nothing"):
                em.distribution(net, at=unit, input_size=size)
            continue
        law = em.distribution(net, at=unit, input_size=size)
        points = np.moveaxis(np.indices(size), 0, -1)
        got = law.pmf(points[..., 0] if len(size) == 1 else points)
        np.testing.assert_allclose(got, expected / expected.sum(), rtol=1e-12, atol=1e-15)


@given(cases())
@settings(max_examples=40)
def test_what_is_kept_is_the_answer_to_ones(case):
    net, size = case
    assume(net.ndim is not None)
    try:
        expected = evaluate(net, np.ones(size))
    except ValueError:
        return
    edge = em.border(net, size)
    period = em.overlap(net).totals.shape
    totals = em.overlap(net).totals[
        tuple(i % p for i, p in zip(np.indices(expected.shape), period, strict=True))
    ]
    seen = totals > 0
    np.testing.assert_allclose(edge.kept[seen], (expected / np.where(seen, totals, 1))[seen], rtol=1e-12)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_paddings_that_fold_lose_nothing(mode):
    net = em.Conv((3, 3), padding=1, padding_mode=mode) ** 3
    np.testing.assert_allclose(em.border(net, 8).kept, 1.0, rtol=1e-14)


def test_a_border_unit_is_no_cropped_interior_one():
    net = em.Conv(3, padding=1) ** 4
    inner = em.distribution(net, at=0)
    cropped = inner.pmf(np.arange(5)) / inner.pmf(np.arange(5)).sum()
    at_border = em.distribution(net, at=0, input_size=50).pmf(np.arange(5))
    assert np.abs(at_border - cropped).max() > 0.02


def test_far_from_the_border_nothing_changes():
    net = em.Conv(3, padding=1) ** 4 >> em.Conv(3, stride=2, padding=1)
    field, edge = em.receptive_field(net), em.border(net, 60)
    first, last = edge.clear()
    assert (first, last) == (3, 27)
    for unit in (first, last):
        assert em.distribution(net, at=unit, input_size=60).support() == field.region(unit)
        assert edge.lost(unit) == pytest.approx(0, abs=1e-14)
    assert edge.lost(first - 1) > 1e-6
    assert edge.lost(last + 1) > 1e-6
    assert edge.distance() == (3, 30 - 1 - 27)
    assert edge.clear("threshold")[0] < first


def clear_by_brute_force(net, size):
    """Units none of whose paths leaves a map: those that pads of nan do not reach."""
    clear = []
    for unit in range(em.output_size(net, size)):
        law = em.distribution(net, at=unit, input_size=size)
        inner = em.distribution(net, at=unit)
        clear.append(law.support() == inner.support() and abs(em.border(net, size).lost(unit)) < 1e-13)
    return clear


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3, padding=1) ** 2 >> em.Conv(3, stride=2, padding=1),
        em.ConvTranspose(3, 2, padding=1, output_padding=1) >> em.Conv(3, padding=1),
        em.ConvTranspose(2, stride=2, dilation=3, padding=1) >> em.Conv(2),
        em.Conv([0, 0, 1]) >> em.Conv(3, padding=1),
        em.Upsample(2, "linear") >> em.Conv(3, padding=2),
        em.zoo.unet(depth=1, ndim=1),
    ],
)
def test_clear_units_lose_nothing(net):
    clear = clear_by_brute_force(net, 24)
    first, last = em.border(net, 24).clear()
    assert all(clear[first : last + 1])
    runs = "".join("x" if unit else "." for unit in clear).replace(".", " ").split()
    assert last - first + 1 == max(map(len, runs))


def test_a_network_without_layers_has_clear_units_alone():
    edge = em.border(em.Identity(), (8, 6))
    assert (edge.clear(), edge.distance()) == (((0, 7), (0, 5)), ((0, 0), (0, 0)))


@pytest.mark.parametrize("mode", ["average", "max"])
def test_pools_at_borders_divide_by_what_counts(mode):
    edge = em.border(em.Pool(3, 1, 1, mode), 8)
    assert edge.lost(0) == pytest.approx(1 / 3 if mode == "average" else 0)
    inside = em.border(em.Pool(3, 1, 1, mode, count_include_pad=False), 8)
    assert inside.lost(0) == pytest.approx(0)
    assert em.border(em.Pool(2, 2, ceil_mode=True), 7).lost(3) == pytest.approx(0)
    assert em.output_size(em.Pool(2, ceil_mode=True), 1) == 1  # as PyTorch has it


@pytest.mark.parametrize(
    "layer",
    [
        em.Conv(3, 2, padding=1),
        em.Conv([1, -2], dilation=3),
        em.ConvTranspose(3, 2, padding=1, output_padding=1),
        em.Pool(3, 2, 1, "max", ceil_mode=True),
        em.Pool(2),
        em.Upsample(3),
        em.Upsample(2, "linear"),
        em.Upsample((3, 2), "linear"),
        em.Activation("gelu"),
        em.Dropout(0.25),
    ],
)
def test_variances_keep_sizes_and_fields(layer):
    twin = em.variance(layer)
    if layer.ndim:
        size = (9, 8)[: layer.ndim]
        assert em.output_size(twin, size) == em.output_size(layer, size)
        for unit in range(5):
            assert em.receptive_field(twin).region(unit) == em.receptive_field(layer).region(unit)


def test_graphs_that_concatenate_are_concatenations():
    wide, narrow = em.Conv(3, padding=1, channels=3), em.Conv(1, channels=1)
    joined = em.Concat([narrow, wide], [1, 3])
    graph = em.Graph(
        {"a": (narrow, "input"), "b": (wide, "input"), "c": (em.Identity(), [("a", 1), ("b", 3)])}
    )
    assert eval(repr(graph), {name: getattr(em, name) for name in em.__all__}) == graph
    assert em.network_from_json(em.network_to_json(graph)) == graph
    assert type(graph)(*graph.args) == graph
    for reading in (em.polynomial, lambda net: em.polynomial(em.variance(net))):
        assert reading(graph) == reading(joined)
    assert em.cost(graph, 8, 2).output_channels == em.cost(joined, 8, 2).output_channels == 4
    mean = em.Graph(
        {"a": (wide, "input"), "b": (wide, "input"), "c": (em.Identity(), ("a", 0.5), ("b", 0.5))}
    )
    assert em.cost(mean, 8).output_channels == 3


def test_the_middle_unit_is_the_default():
    net = em.Conv(3, padding=1)
    assert em.distribution(net, input_size=11).support() == (4, 6)


def test_global_pooling_sees_all_of_a_map_with_a_size():
    net = em.Conv((3, 3), padding=1) >> em.GlobalPool()
    law = em.distribution(net, input_size=(4, 5))
    assert law.support() == ((0, 3), (0, 4))
    assert law.pmf((0, 0)) == pytest.approx(4 / 9 / (42 / 9 + 70 / 9 + 42 / 9 - 42 / 9), rel=1)
    gate = em.Sum([em.Identity(), em.GlobalPool()])
    np.testing.assert_allclose(
        em.distribution(gate, at=1, input_size=4).pmf(range(4)), [0.125, 0.625, 0.125, 0.125]
    )


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: em.output_size(em.Conv(5), 4), ValueError, "input_size 4 is too small: Conv(5) gets 4"),
        (lambda: em.output_size(em.Conv(3), 0), ValueError, "input_size must be at least 1"),
        (lambda: em.output_size(em.Conv(3), (3, 3)), ValueError, "input_size must be an int or 1"),
        (lambda: em.output_size("conv3", 4), TypeError, "net must be a network"),
        (
            lambda: em.distribution(em.Conv(3), at=6, input_size=8),
            ValueError,
            "at must lie inside the output map of 6",
        ),
        (lambda: em.distribution(em.Conv(3), at=-1, input_size=8), ValueError, "at must lie inside"),
        (lambda: em.border(em.Conv(3), 2), ValueError, "too small"),
        (
            lambda: em.output_size(em.Residual(em.Conv(3)), 8),
            ValueError,
            "different sizes, 6 and 8",
        ),
        (
            lambda: em.output_size(em.Conv(9, padding=4, padding_mode="reflect"), 4),
            ValueError,
            "the reflect padding of Conv(9, padding=4, padding_mode='reflect') is wider",
        ),
    ],
)
def test_bad_input_names_the_layer(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


def brute_force_sizes(net, largest):
    found = []
    for size in range(1, largest + 1):
        try:
            evaluate(net, np.zeros(size))
        except ValueError:
            continue
        found.append(size)
    return tuple(found)


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3, stride=2) >> em.Pool(2),
        em.zoo.unet(depth=2, ndim=1),
        em.Residual(em.Conv(3, padding=1) >> em.Pool(3, 1, 1)),
        em.Pool(3, 2, 1, ceil_mode=True) >> em.ConvTranspose(2, 2),
    ],
)
def test_valid_sizes_are_those_that_run(net):
    assert em.valid_input_sizes(net, 40) == brute_force_sizes(net, 40)


def test_exact_sizes_leave_no_sample_unread():
    net = em.Conv(3, stride=2) >> em.Conv(3, stride=2)
    for size in em.valid_input_sizes(net, 40, exact=True):
        last = em.output_size(net, size) - 1
        assert em.receptive_field(net).region(last)[1] == size - 1
    assert em.valid_input_sizes(em.Conv((3, 2), stride=(2, 1)), 5, exact=True) == ((3, 5), (2, 3, 4, 5))


def test_costs_of_single_layers_are_counted_by_hand():
    net = em.Conv((3, 3), stride=2, padding=1, channels=8, groups=2)
    found = em.cost(net, (9, 7), channels=4)
    assert (found.parameters, found.output_size) == (9 * 2 * 8, (5, 4))
    assert found.macs == found.parameters * 20
    assert found.memory == 4 * 8 * 20
    transposed = em.cost(em.ConvTranspose(4, 2, padding=1, channels=3), 10, channels=5)
    assert (transposed.parameters, transposed.macs, transposed.output_size) == (60, 600, (20,))
    assert em.cost(em.Pool(2), 10, channels=5).memory == 4 * 5 * 5


def test_costs_add_over_layers_and_copies():
    block = em.Residual(em.Conv((3, 3), padding=1) >> em.Activation("relu"))
    one, ten = em.cost(block, 8, channels=16), em.cost(block**10, 8, channels=16)
    assert (ten.parameters, ten.macs, ten.memory) == (10 * one.parameters, 10 * one.macs, 10 * one.memory)
    assert sum(layer.macs for layer in ten) == ten.macs


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (
            em.Conv(3, channels=6, groups=4),
            "groups must divide the channels of Conv(3, channels=6, groups=4)",
        ),
        (em.Sum([em.Conv(1, channels=2), em.Conv(1, channels=3)]), "adds branches of [2, 3] channels"),
        (em.Concat([em.Conv(1, channels=2), em.Identity()], [2, 2]), "declares (2, 2) channels"),
    ],
)
def test_channels_that_do_not_fit_name_the_layer(net, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        em.cost(net, 8, channels=4)


def test_torch_counts_the_same_multiply_accumulates():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        torch.nn.Conv2d(8, 8, 3, 1, 2, dilation=2, groups=4, bias=False),
        torch.nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
    )
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, 32, 32))
    net = (
        em.Conv((3, 3), 2, padding=1, channels=8)
        >> em.Conv((3, 3), 1, dilation=2, padding=2, channels=8, groups=4)
        >> em.ConvTranspose((4, 4), 2, padding=1, channels=4)
    )
    found = em.cost(net, 32, channels=3)
    assert 2 * found.macs == counter.get_total_flops()
    assert found.parameters == sum(p.numel() for p in module.parameters())


def test_variances_of_random_weights_are_propagated():
    block = em.Residual(em.Conv(3, padding=1) >> em.Activation("relu"), gain=Fraction(1, 2))
    law = em.distribution(em.variance(block))  # 1 + (1/4) (2/3)(1/2) (z + 1 + 1/z)
    np.testing.assert_allclose(law.probabilities(), np.array([1, 13, 1]) / 15, rtol=1e-15)
    for init, gain in (("he", 2), ("lecun", 1), ("glorot", 1)):
        assert em.variance(em.Conv(3), init) == em.Conv([Fraction(gain, 3)] * 3)
    assert em.variance(em.Sum([em.Identity()], [-3])) == em.Sum([em.Identity()], [9])
    assert em.variance(em.Conv([1, -2, 0.5])) == em.Conv([1.0, 4.0, 0.25])


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "softplus"])
def test_gains_of_activations_are_means_of_squared_slopes(name):
    x = np.linspace(-9, 9, 400_001)
    curves = {
        "relu": np.maximum(x, 0),
        "tanh": np.tanh(x),
        "sigmoid": 1 / (1 + np.exp(-x)),
        "silu": x / (1 + np.exp(-x)),
        "elu": np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "softplus": np.logaddexp(x, 0),
    }
    if name == "gelu":
        from scipy.special import ndtr

        curves["gelu"] = x * ndtr(x)
    slope = np.gradient(curves[name], x)
    expected = np.sum(slope**2 * np.exp(-x * x / 2)) * (x[1] - x[0]) / np.sqrt(2 * np.pi)
    assert float(em.activation_gain(name)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("n", [10, 1000])
def test_batch_normalised_residuals_grow_with_the_logarithm(n):
    law = em.distribution(em.batch_norm_residuals(em.Conv(3, padding=1), n))
    assert law.var() == pytest.approx(2 / 3 * sum(1 / (1 + i) for i in range(1, n + 1)), rel=1e-12)


def test_the_variance_profile_of_a_plain_stack_is_its_mean_profile():
    for profile, counts in (("variance", [69, 137, 261, 517]), ("std", [109, 241, 517, 1021])):
        rows = em.growth(
            em.Conv((3, 3), padding=1) >> em.Activation("relu"), [5, 10, 20, 40], profile=profile
        )
        assert [row.count for row in rows] == counts


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(2, 5))
@example([1, 2, 10], 5)
@example([2, 2, 2], 3)
def test_the_criterion_of_holes_is_exact(steps, taps):
    net = em.Identity()
    for step in steps:
        net = net >> em.Conv(taps, dilation=step)
    assert em.has_no_holes(steps, taps) == em.receptive_field(net).is_covered


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_hdc_never_accepts_a_hole_and_is_exact_for_three_ascending_taps(rest):
    steps = [1, *sorted(rest)]
    assert em.satisfies_hdc(steps) == em.has_no_holes(steps)
    assert em.satisfies_hdc([2]) == em.has_no_holes([2])
    assert not em.satisfies_hdc(steps, 5) or em.has_no_holes(steps, 5)


@pytest.mark.parametrize("taps", [2, 3, 5, 8])
def test_what_light_centres_gain_is_at_most_the_bound(taps):
    uniform, outward = em.Kernel.uniform(taps), em.outward_kernel(taps)
    ratio = em.distribution(outward, 50).std() / em.distribution(uniform, 50).std()
    assert ratio == pytest.approx(em.most_gained(taps), rel=1e-12)
    assert em.outward_kernel(taps, 0) == uniform.normalize()


@pytest.mark.parametrize(
    ("taps", "smooth"),
    [
        ([1, 2, 1], True),
        ([1, 1, 1, 1, 1], False),
        ([2, 1, 2, 1], True),  # (1 + z^2)(2 + z)
        ([0.1, 0.3, 0.2], True),
        ([0.1, 0.3, 0.3], False),
        ([1], False),
    ],
)
def test_smooth_kernels_have_fourier_coefficients_that_vanish(taps, smooth):
    assert em.is_smooth(em.Kernel(taps, offset=-1)) == smooth
    z = np.polynomial.Polynomial(taps)
    rest = [
        np.prod([abs(z(np.exp(2j * np.pi * q / 2**level))) / sum(taps) for level in range(1, 40)])
        for q in range(1, 30, 2)
    ]
    assert (max(rest) < 1e-12) == smooth
