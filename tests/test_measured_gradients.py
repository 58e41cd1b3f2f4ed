"""Gradients of modules and of random networks are what the theory says."""

import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.network.resize import Resize

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

from measuring import BLOCK, CONV, RELU, SAME, quietly, small_module  # noqa: E402

from erfmath.measured.gradients import measure  # noqa: E402

HALVES = (Fraction(-1, 4), Fraction(1, 6))  # of the factors 3/2 and 2/3


# With its weights as given, a module is the network itself.


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


def test_one_channel_is_wider_than_the_theory():
    narrow = quietly(em.Conv(3) ** 40, channels=1, runs=200, profile="std", normalised=True).compare()
    wide = quietly(em.Conv(3) ** 40, channels=16, runs=60, profile="std").compare()
    assert narrow.effective.size > 1.02 * narrow.expected.size
    assert wide.effective.size == pytest.approx(wide.expected.size, rel=0.05)


def test_a_seed_gives_the_same_map_and_leaves_torch_s_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net = BLOCK >> em.Dropout(0.5) >> CONV
    maps = [quietly(net, runs=3, rng=seed).map for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


# Modules of one's own.


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


def test_a_seed_of_another_kind_is_named():
    with pytest.raises(TypeError, match="rng must be a numpy"):
        quietly(CONV, rng="first")


def test_channels_are_checked_before_the_memory_they_need():
    with pytest.raises(TypeError, match="channels must be an int"):
        quietly(CONV, channels="3")


def test_gradients_that_are_not_finite_or_not_there_are_named():
    module = small_module()
    module[2].weight.data[0, 0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="gradient of run 0 is not finite"):
        quietly(module, input_size=9, runs=2)
    module[2].weight.data.fill_(0.0)
    with pytest.raises(ValueError, match="does not see the input"):
        quietly(module, input_size=9, runs=2)


def test_what_detaches_its_input_is_named():
    class Detached(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(1, 1, 3)

        def forward(self, x):
            return self.conv(x.detach()).detach()

    with pytest.raises(ValueError, match="does not depend on its input"):
        quietly(Detached(), input_size=5, runs=1)


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
