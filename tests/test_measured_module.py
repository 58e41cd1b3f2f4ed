"""Networks as PyTorch modules compute what the networks do, and draw the weights that the theory assumes."""

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

from measuring import SAME, quietly  # noqa: E402

from erfmath.measured.module import to_torch  # noqa: E402


@pytest.mark.usefixtures("double")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@example(em.Conv(em.Kernel([[1]], offset=(0, 1)), (1, 2), (1, 2)) ** 4, 8)  # cuts two samples of one
@example(em.Sum([em.ConvTranspose((1, 1), (1, 2)), em.Upsample((1, 2))], [1, 0]), 8)  # 15 and 16 samples
@given(networks(max_dims=2), st.integers(8, 12))
def test_a_module_of_given_weights_computes_what_the_network_does(net, side):
    assume("max" not in net.expression and "Activation" not in net.expression)  # theirs is on average
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


def test_erfmath_does_not_import_torch():
    code = "import sys, erfmath.measured.gradients, erfmath.measured.module; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False"]
