import contextlib
import math
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st

import erfmath as em
from erfmath.network.activations import ACTIVATIONS
from erfmath.network.border import forward
from erfmath.network.resize import Resize
from erfmath.network.sizes import sized_for
from erfmath.strategies import networks

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

from erfmath.measured.gradients import measure  # noqa: E402
from erfmath.measured.module import to_torch  # noqa: E402
from erfmath.measured.result import Agreement, Measurement  # noqa: E402
from erfmath.measured.unit import is_clear, middle_unit, natural_size  # noqa: E402

CONV, RELU = em.Conv((3, 3)), em.Activation("relu")
BLOCK = CONV >> RELU
SAME = em.Conv((3, 3), padding=1)
HALVES = (Fraction(-1, 4), Fraction(1, 6))  # of the factors 3/2 and 2/3


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def quietly(net, **options):
    return measure(net, progress=False, **{"rng": 0, **options})


# With its weights as given, a module is the network itself.


@pytest.mark.usefixtures("double")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@example(em.Sum([em.ConvTranspose((1, 1), (1, 2)), em.Upsample((1, 2))], [1, 0]), 8)  # 15 and 16 samples
@given(networks(max_dims=2), st.integers(8, 12))
def test_a_module_of_given_weights_computes_what_the_network_does(net, side):
    assume("max" not in repr(net) and "Activation" not in repr(net))  # theirs is the impact on average
    size = (side,) * (net.ndim or 1)
    try:
        frame = sized_for(net, size)
    except ValueError:
        assume(False)
    values = np.random.default_rng(0).standard_normal(size)
    module = to_torch(net, init="given").eval()
    found = module(torch.tensor(values)[None, None])[0, 0].detach().numpy()
    expected = forward(frame, values)
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max()))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3) ** 5,
        em.Conv([1, 2, 5], stride=2, dilation=2, padding=3) ** 2,
        CONV >> em.Conv((3, 5), (1, 2)),
        em.Conv(3, stride=2) >> em.ConvTranspose(4, 2, padding=1) >> em.Conv(3),
        em.Conv((3, 3), padding=1, padding_mode="reflect") >> em.Upsample((2, 2), "linear"),
        em.Concat([em.Conv(3, padding=1), em.Identity()], [3, 1]) >> em.Residual(em.Conv(3, padding=1), 0.5),
        em.Conv(3) + em.Conv([0, 1, 0]),
        em.Pool(3, 2, 1) >> em.Conv(3),
        em.Pool((2, 2), dilation=2) >> CONV,
        em.Pool((3, 2), 2, [(0, 1), (1, 1)], ceil_mode=True) >> CONV,
        em.Pool(3, 2, [(1, 0)], dilation=2, count_include_pad=False) >> em.Conv(3),
        CONV >> Resize((Fraction(3, 2), Fraction(2, 3)), HALVES, "linear"),
        Resize((Fraction(3, 2),), (Fraction(0),), "nearest", "prefer_ceil") >> em.Conv([1, 2, 1]),
        em.Conv(3) >> Resize((Fraction(4, 3),), (Fraction(-1, 6),), "cubic"),
        em.Conv(em.Kernel([[1]], (-3, 1)), padding_mode="circular") >> CONV**2,
    ],
    ids=repr,
)
@pytest.mark.parametrize("edge", [0, None])
def test_the_gradient_of_given_weights_is_the_distribution_to_round_off_borders_included(net, edge):
    measured = quietly(net, input_size=16, unit=edge, runs=1, init="given", profile="mean", channels=1)
    found = measured.compare(ref="max")
    assert found.l1 < 1e-12
    assert found.correlation == pytest.approx(1)
    assert found.effective.count == found.expected.count
    assert found.variance_ratio == pytest.approx((1.0,) * len(measured.unit))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("factor", [Fraction(3, 2), Fraction(4, 3), Fraction(2, 3), Fraction(5, 2)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_interpolation_by_any_factor_is_torch_s_own(factor, mode):
    linear = mode == "bilinear"
    origin = (1 - factor) / 2 if linear else Fraction(0)
    module = to_torch(Resize((factor, factor), (origin, origin), "linear" if linear else "nearest"))
    x = torch.randn(1, 2, 12, 9)
    expected = torch.nn.functional.interpolate(x, scale_factor=float(factor), mode=mode)
    assert module(x).shape == expected.shape
    assert torch.allclose(module(x), expected)


@pytest.mark.usefixtures("double")
def test_a_cyclic_shift_is_torch_s_own():
    x = torch.randn(1, 2, 7, 6)
    shift = em.Conv(em.Kernel([[1]], (-2, 1)), padding_mode="circular")
    assert torch.equal(to_torch(shift)(x), torch.roll(x, (2, -1), (2, 3)))


def test_uniform_weights_give_the_paper_s_count():
    found = quietly(CONV**10, runs=1, init="given", profile="mean", channels=1)
    assert found.effective_field().count == 137
    assert found.map.shape == (21, 21)


# Random weights: the mean square has the distribution of the variance.


@pytest.mark.parametrize(
    "net",
    [
        CONV**8,
        BLOCK**8,
        BLOCK**2 >> em.Conv((3, 3), 2) >> BLOCK**2,
        BLOCK >> em.Conv((3, 3), dilation=2) >> BLOCK,
        em.Residual(RELU >> SAME) ** 6,
        BLOCK >> em.Pool((2, 2), mode="max") >> BLOCK,
        BLOCK >> em.Pool((2, 2)) >> BLOCK,
        (BLOCK >> em.Dropout(0.25)) ** 4,
    ],
    ids=["linear", "ReLU", "stride", "dilation", "skip", "max pooling", "average pooling", "dropout"],
)
def test_theory_against_wide_random_networks(net):
    found = quietly(net, runs=200).compare()
    assert found.correlation > 0.99
    assert found.variance_ratio == pytest.approx((1, 1), abs=0.03)
    assert found.effective.size == pytest.approx(found.expected.size, rel=0.15)  # a count, with ties
    assert found.l1 < 0.08


def test_a_unit_at_the_border_has_the_theory_s_cropped_impact():
    found = quietly((SAME >> RELU) ** 4, input_size=20, unit=(0, 10), runs=150).compare()
    assert found.theory.support() == ((0, 4), (6, 14))
    assert found.correlation > 0.99


def test_magnitudes_are_compared_with_the_root_of_the_variance():
    found = quietly(CONV**5, runs=100, profile="std").compare()
    expected = em.effective_field(em.distribution(CONV**5), profile="std")
    assert found.expected.count == expected.count == 109
    assert found.correlation > 0.99


def test_one_channel_is_wider_than_the_theory():
    narrow = quietly(em.Conv(3) ** 40, channels=1, runs=200, profile="std", normalised=True).compare()
    wide = quietly(em.Conv(3) ** 40, channels=16, runs=60, profile="std").compare()
    assert narrow.effective.size > 1.02 * narrow.expected.size
    assert wide.effective.size == pytest.approx(wide.expected.size, rel=0.05)


def test_the_standard_error_of_the_variance_is_that_of_many_measurements():
    many = [quietly(em.Conv(3) ** 4, channels=4, runs=25, rng=seed) for seed in range(40)]
    spread = np.std([found.var[0] for found in many])
    assert np.mean([found.var_error[0] for found in many]) == pytest.approx(spread, rel=0.4)


def test_a_seed_gives_the_same_map_and_leaves_torch_s_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net = BLOCK >> em.Dropout(0.5) >> CONV
    maps = [quietly(net, runs=3, rng=seed).map for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


def test_the_natural_size_keeps_the_middle_unit_from_the_borders():
    for net in (SAME**6, em.Conv((3, 3), 2, padding=1) ** 3, SAME >> em.Upsample((2, 2)) >> SAME):
        measured = quietly(net, runs=2)
        inner = em.distribution(net, at=measured.unit)
        bordered = em.distribution(net, at=measured.unit, input_size=measured.input_size)
        assert np.allclose(inner.probabilities(), bordered.probabilities())


def test_the_natural_size_is_that_of_a_unit_that_sees_as_the_one_asked_for():
    net = em.zoo.unet(depth=2, ndim=1)
    field = em.receptive_field(net)
    for phase in range(4):
        size = natural_size(net, phase)
        (unit,) = middle_unit(field, em.output_size(net, size), phase)
        assert unit % 4 == phase
        assert is_clear(field, (unit,), size)
        for smaller in range(field.size, size[0]):
            with contextlib.suppress(ValueError):  # of what does not fit
                other = middle_unit(field, em.output_size(net, smaller), phase)
                assert not is_clear(field, other, smaller)
        found = measure(net, size, unit, runs=40, rng=0, progress=False)
        assert found.compare(em.distribution(em.variance(net), at=unit)).correlation > 0.9
    with pytest.raises(ValueError, match="a map of 2 units has no unit with the phase of unit 7"):
        middle_unit(field, 2, 7)


def test_a_natural_size_far_away_is_not_looked_for():
    net = em.Sum([em.Conv(2), em.Conv(1)])  # whose branches never fit
    with pytest.raises(ValueError, match="no size was found"):
        natural_size(em.Conv(2, dilation=10**6) >> net)


# Modules of one's own.


def small_module():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 3))


def test_a_module_is_measured_as_it_is_or_drawn_anew():
    def redraw(module):
        for layer in module:
            if isinstance(layer, torch.nn.Conv2d):
                layer.reset_parameters()

    module = small_module()
    weights = module[0].weight.detach().clone()
    fixed = quietly(module, input_size=9, runs=20)
    assert torch.equal(module[0].weight, weights)
    drawn = quietly(module, input_size=9, runs=200, resample=redraw)
    theory = em.variance(CONV**2)
    assert drawn.compare(theory).l1 < fixed.compare(theory).l1
    assert drawn.compare(em.distribution(theory, at=2)).correlation > 0.98


def test_gradients_are_averaged_over_the_inputs():
    module = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1, bias=False), torch.nn.ReLU())
    module[0].weight.data.fill_(1.0)
    seen = []

    def inputs(run):
        seen.append(run)
        return torch.tensor([[[1.0]], [[-1.0]]])

    found = quietly(module, inputs=inputs, runs=3, profile="mean")
    assert seen == [0, 1, 2]
    assert found.map.tolist() == [0.5]  # the ReLU is open for one input of two
    assert found.distribution.pmf(0) == 1


def test_a_signed_map_is_kept_and_is_no_law():
    layer = torch.nn.Conv1d(1, 1, 3, bias=False)
    layer.weight.data[0, 0] = torch.tensor([1.0, -2.0, 3.0])
    found = quietly(layer, input_size=5, runs=2, profile="mean")
    assert found.map.tolist() == [1, -2, 3]
    assert found.offset == (1,)
    with pytest.raises(ValueError, match="profile='std' or 'variance'"):
        _ = found.distribution


def test_a_module_without_convolutions_is_measured_on_inputs():
    found = quietly(torch.nn.AvgPool2d(2), inputs=lambda run: torch.randn(1, 3, 6, 8), profile="mean", runs=1)
    assert found.offset == (2, 4)
    assert found.distribution.probabilities() == pytest.approx(np.full((2, 2), 1 / 4))
    with pytest.raises(ValueError, match="batch, channels and one or more of space"):
        quietly(torch.nn.AvgPool2d(2), inputs=lambda run: torch.randn(6, 8), runs=1)


def test_a_module_may_write_into_its_input():
    module = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Conv1d(1, 1, 1, bias=False))
    module[1].weight.data.fill_(1.0)
    inputs = [torch.tensor([[[-1.0, 2.0, 3.0]]])]
    found = quietly(module, inputs=lambda run: inputs[0], unit=1, profile="mean", runs=1)
    assert found.distribution.pmf(1) == 1
    assert inputs[0].min() == -1


def test_networks_need_no_convolution():
    found = quietly(em.Pool(3) ** 2, init="given", profile="mean", channels=1, runs=1)
    assert found.map == pytest.approx(np.full(9, 1 / 9))


# What a measurement says of itself.


def test_the_tables_read_well():
    found = quietly(CONV**3, runs=20)
    assert isinstance(found, Measurement)
    assert repr(found).startswith("<Measurement of unit 0 on 7 x 7 pixels, 20 runs, profile 'variance', std ")
    table = repr(found.compare())
    assert isinstance(found.compare(), Agreement)
    assert [line.split("  ")[0] for line in table.split("\n")[2:]] == [
        "variance, axis 0",
        "variance, axis 1",
        "effective size",
        "correlation",
        "L1",
    ]
    assert not found.map.flags.writeable
    assert math.isnan(quietly(CONV, runs=1).var_error[0])
    assert "nan" not in repr(quietly(CONV, runs=1).compare())


def test_a_single_pixel_has_no_ratio():
    found = quietly(em.Conv((1, 3)), runs=5).compare()
    assert math.isnan(found.variance_ratio[0])
    assert found.variance_ratio[1] == pytest.approx(1, abs=0.3)
    assert [line.split() for line in repr(found).split("\n")[2:3]] == [["variance,", "axis", "0", "0", "0"]]


def test_random_weights_have_the_variances_of_their_initialisation():
    for init, gain in (("he", 2), ("lecun", 1), ("glorot", 1)):
        module = to_torch(em.Conv((3, 3), channels=64), channels=None, init=init, in_channels=64, rng=0)
        assert float(module.layers[0][0].weight.detach().var()) * 9 * 64 == pytest.approx(gain, rel=0.03)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_torch_s_slopes_have_the_gain_of_every_activation(name):
    x = torch.linspace(-9, 9, 20_001, dtype=torch.float64, requires_grad=True)
    module = to_torch(em.Activation(name)).double()
    (slope,) = torch.autograd.grad(module(x[None, None]).sum(), x)
    density = torch.exp(-(x.detach() ** 2) / 2)
    gain = float((slope**2 * density).sum() / density.sum())
    assert gain == pytest.approx(float(em.activation_gain(name)), rel=1e-3)


def test_channels_and_groups():
    net = em.Conv(3, channels=6) >> em.Conv(3, channels=12, groups=3)
    shapes = [tuple(p.shape) for p in to_torch(net, channels=None).parameters()]
    assert shapes == [(6, 1, 3), (12, 2, 3)]
    assert [tuple(p.shape) for p in to_torch(net, channels=8).parameters()] == [(8, 1, 3), (8, 8, 3)]
    kept = em.Concat([em.Conv(1), em.Conv(3, padding=1)], [1, 3])
    assert to_torch(kept, channels=8)(torch.zeros(1, 1, 5)).shape == (1, 8, 5)


def test_shares_of_a_concatenation_that_are_no_whole_channels_are_exact():
    ends = em.Concat([em.Conv([1, 0, 0]), em.Conv([0, 0, 1])], [1, 4])
    first, middle, last = quietly(ends, channels=8, runs=1).map
    assert (last / first, middle) == (pytest.approx(4), 0)


def test_a_layer_type_of_one_s_own_goes_through_its_meaning():
    @dataclass(frozen=True)
    class Twice(em.Node):
        node: em.Node

    @em.lower.register
    def _(node: Twice) -> em.Node:
        return node.node**2

    found = quietly(Twice(em.Conv([1, 2, 1])), runs=1, init="given", profile="mean")
    assert found.distribution.probabilities() == pytest.approx(np.array([1, 4, 6, 4, 1]) / 16)


def test_a_layer_type_of_one_s_own_goes_through_its_stage():
    @dataclass(frozen=True)
    class Shear(em.Node):
        taps: tuple

    @em.lower.register
    def _(node: Shear) -> em.Stage:
        return em.lower(em.Conv(em.Kernel(node.taps)))

    found = quietly(Shear(((1, 2), (2, 4))), runs=1, init="given", profile="mean")
    assert found.distribution.probabilities() == pytest.approx(np.array([[1, 2], [2, 4]]) / 9)
    with pytest.raises(TypeError, match=r"Shear\(.* has no counterpart in torch"):
        to_torch(Shear(((1, 2), (2, 1))))
    with pytest.raises(TypeError, match=r"Weighted\(.* has no counterpart in torch"):
        to_torch(em.Weighted(em.Conv(2), [[[1.0, 2.0]]]))


def test_graphs_add_what_their_layers_read():
    found = quietly(em.Graph({"a": (SAME, "input"), "b": (SAME, "a", ("input", 0.5))}), runs=40)
    assert found.compare().correlation > 0.97


# Bad input is told by name.


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((torch.nn.Linear(3, 3), 5), ValueError, "no convolution"),
        (("net", 5), TypeError, "net must be a torch.nn.Module"),
        ((small_module(),), ValueError, "input_size must be given"),
        ((small_module(), 3), ValueError, "cannot take an input"),
        ((small_module(), 9, 7), ValueError, "unit must lie inside the output map of 5 x 5"),
        ((small_module(), 9, (-1, 0)), ValueError, "unit must lie inside"),
        ((small_module(), (9, 9, 9)), ValueError, "input_size"),
        ((torch.nn.Sequential(small_module(), torch.nn.Flatten()), 9), ValueError, "must return a map"),
        ((em.Conv(3) >> em.GlobalPool(),), ValueError, "reads its whole input"),
        ((em.Conv(3) >> em.Activation("swoosh"),), ValueError, "'swoosh'"),
        ((em.Pool(3, 2, [(0, 1)], "max", 1, True) >> em.Conv(3), 9), ValueError, "no counterpart in torch"),
        ((em.Conv(3) ** 10, 10**11), ValueError, "a run on an input of 100000000000 needs .* free"),
    ],
)
def test_bad_input_is_named(arguments, kind, message):
    with pytest.raises(kind, match=message):
        quietly(*arguments[:1], **dict(zip(("input_size", "unit"), arguments[1:], strict=False)), runs=1)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"inputs": lambda run: torch.zeros(1, 2, 9, 9, dtype=torch.uint8)}, TypeError, "uint8"),
        ({"inputs": lambda run: np.zeros((1, 2, 9, 9), int)}, TypeError, "inputs must be floats"),
        ({"inputs": lambda run: torch.zeros(2, 9, 9)}, ValueError, "batch, channels and 2 of space"),
        ({"inputs": lambda run: torch.zeros(1, 2, 8, 9)}, ValueError, "must have the input_size"),
        ({"inputs": torch.zeros(1, 2, 9, 9)}, TypeError, "inputs must be a function of the number of a run"),
        ({"resample": "he"}, TypeError, "resample must be a function of the module"),
        ({"runs": 0}, ValueError, "runs must be at least 1"),
        ({"profile": "median"}, ValueError, "profile must be one of"),
    ],
)
def test_bad_options_are_named(options, kind, message):
    with pytest.raises(kind, match=message):
        quietly(small_module(), input_size=9, **{"runs": 1, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"init": "xavier"}, "init must be one of"),
        ({"init": "given"}, "profile must be 'mean'"),
        ({"channels": 0}, "channels must be at least 1"),
    ],
)
def test_bad_options_of_networks_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        quietly(CONV, runs=1, **options)


def test_gradients_that_are_not_finite_or_not_there_are_named():
    module = small_module()
    module[2].weight.data[0, 0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="gradient of run 0 is not finite"):
        quietly(module, input_size=9, runs=2)
    module[2].weight.data.fill_(0.0)
    with pytest.raises(ValueError, match="does not see the input"):
        quietly(module, input_size=9, runs=2)


def test_a_module_needs_a_theory_of_as_many_axes():
    found = quietly(small_module(), input_size=9, runs=2)
    with pytest.raises(ValueError, match="theory must be a distribution or a network"):
        found.compare()
    with pytest.raises(ValueError, match="theory must have 2 axes"):
        found.compare(em.distribution(em.Conv(3)))


def test_what_detaches_its_input_is_named():
    class Detached(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(1, 1, 3)

        def forward(self, x):
            return self.conv(x.detach()).detach()

    with pytest.raises(ValueError, match="does not depend on its input"):
        quietly(Detached(), input_size=5, runs=1)


def test_erfmath_does_not_import_torch():
    code = "import sys, erfmath.measured.gradients, erfmath.measured.module; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False"]


def test_graphs_concatenate_channels_as_concat_does():
    conv = em.Conv((3, 3), padding=1)
    entries = {"a": (conv, "input"), "b": (em.Conv((1, 1)), "input"), "c": (conv, [("a", 4), ("b", 12)])}
    agreement = em.measure(em.Graph(entries), (9, 9), runs=200, rng=1, progress=False).compare()
    assert agreement.variance_ratio == pytest.approx((1, 1), abs=0.04)


def test_averages_without_padding_have_their_counterpart():
    module = em.to_torch(em.Pool((2, 2), 2, 1, count_include_pad=False), 1, "given")
    x = torch.ones(1, 1, 4, 4)
    assert float(module(x).min()) == pytest.approx(1)


def test_channels_that_were_concatenated_are_all_taken_again():
    layer, net = em.Activation("relu") >> SAME, SAME
    for depth in range(8):
        net >>= em.Concat([em.Identity(), layer], [64 + 32 * depth, 32])
    found = quietly(net, runs=100).compare()
    assert found.variance_ratio == pytest.approx((1, 1), abs=0.15)
    assert found.correlation > 0.98


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        (lambda n: torch.zeros(0, 1, 9), ValueError, "one or more"),
        (lambda n: torch.full((1, 1, 9), math.nan), ValueError, "must be finite"),
        (lambda n: None, TypeError, "must return a tensor"),
        (lambda n: torch.zeros(1, 1, 9 + n), ValueError, "must have the input_size"),
    ],
)
def test_bad_batches_are_named(inputs, error, words):
    with pytest.raises(error, match=words):
        measure(torch.nn.Conv1d(1, 2, 3), inputs=inputs, runs=3, progress=False)


def test_a_module_that_detaches_its_input_is_named():
    class Cut(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(1, 2, 3)

        def forward(self, x):
            return self.conv(x.detach())

    with pytest.raises(ValueError, match="does not depend on its input"):
        measure(Cut(), 9, runs=2, progress=False)
