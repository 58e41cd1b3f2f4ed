"""Coherent gradients: exact limits, the same theory position by position, and autograd."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.coherence import widths
from erfmath.ensembles.propagation import signals_of
from erfmath.ensembles.ways import Taps, fixed
from erfmath.network.stage import lower

RELU = em.Activation("relu")
SAME = em.Conv(3, padding=1)
LAST = em.Residual(SAME >> RELU)
FIRST = em.Residual(RELU >> SAME)
SHIFT = em.Conv([0, 0, 1], padding=1)
TRUTH = json.loads((Path(__file__).parents[1] / "benchmarks" / "coherence.json").read_text("utf-8"))


def forward(blocks):
    """Return mean squares, means and products of two positions of x + relu(W x), and the arc-cosine map's."""
    laws = [(1.0, 0.0, 0.0)]
    for _ in range(blocks):
        q, m, far = laws[-1]
        angle, added = math.acos(far / q), math.sqrt(q / math.pi)
        product = q * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
        laws.append((2 * q + 2 * m * added, m + added, far + product + 2 * m * added))
    return laws[-2::-1]


def apart_behind(products, ss, sm, law, channels):
    """Return twice the products of gradients at two positions in front of a rectifier, 0 at equal ones."""
    q, _, far = law
    angle, added = math.acos(far / q), math.sqrt(q / math.pi)
    both = 0.5 - angle / (2 * math.pi)  # that both units are open
    product = q * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
    one = added * (1 + far / q) / 2  # of a unit where the other is open
    means = product - added**2
    squares = product - 2 * one * added + both * added**2 - both * means
    inner = squares * ss + (one - both * added) * (sm + sm.T)
    found = 2 * (both * products + inner / channels)
    return found - np.diag(np.diag(found))


def by_positions(channels, blocks, k=3):
    """Return energies by position of x + relu(W x): the two-point functions of S and M as plain matrices."""
    size = (k - 1) * blocks + k
    spread = np.array([np.convolve(row, np.ones(k) / k, "same") for row in np.eye(size)])
    ss, sm, mm, apart = (np.zeros((size, size)) for _ in range(4))
    noise, coherent = np.zeros(size), np.zeros(size)
    noise[size // 2] = 1
    for q, m, far in forward(blocks):
        added, width = math.sqrt(q / math.pi), math.sqrt(4 * math.pi * q)
        open_ = np.diag(sm) * added - np.diag(ss) * (added**2 - q / 2)
        branch = spread @ (noise + coherent + 2 * open_ / channels)
        a, b = 1 - 2 * added / width, 2 / width
        bs, bm = spread @ (a * ss + b * sm.T), spread @ (a * sm + b * (mm + np.diag(noise)))
        bb = spread @ (a * a * ss + a * b * (sm + sm.T) + b * b * mm) @ spread.T
        behind = apart_behind(apart, ss, sm, (q, m, far), channels)
        together = sum(np.roll(behind, (t, t), (0, 1)) for t in range(-(k // 2), k // 2 + 1)) / k
        bb += far / q**2 * (together - spread @ behind @ spread.T)
        cross = 2 * (np.diag(bs) * (q - m * m) + m * np.diag(bm)) + np.diag(bb) * q
        noise, coherent = noise + branch, coherent + cross / channels
        apart += together + ((bs + bs.T) * (far - m * m) + m * (bm + bm.T) + bb * far) / channels
        ss, sm, mm = ss + bs + bs.T + bb, sm + m * bs.T + bm + m * bb, mm + m * (bm + bm.T) + m * m * bb
    places = np.arange(size) - size // 2
    energy = noise + coherent
    return float(energy @ places**2 / energy.sum()), energy.sum() / 2**blocks, coherent.sum() / energy.sum()


@pytest.mark.parametrize(("channels", "blocks"), [(16, 3), (16, 20), (16, 40), (64, 12), (1000, 30)])
def test_the_wave_numbers_say_what_positions_say(channels, blocks):
    found = em.coherence(LAST**blocks, channels)
    expected = by_positions(channels, blocks)
    # products at two positions are series of Hermite polynomials there, and closed forms here
    error = 1e-6 + 0.02 / channels
    assert (found.spread[0], found.gain, found.share) == pytest.approx(expected, rel=error)


def test_kernels_along_one_axis_of_two_are_those_of_one():
    tall = em.Residual(em.Conv((3, 1), padding=(1, 0)) >> RELU)
    line, plane = em.coherence(LAST**12, 32), em.coherence(tall**12, 32)
    assert plane.spread[0] == pytest.approx(line.spread[0], rel=1e-7)
    assert plane.share == pytest.approx(line.share, rel=1e-9)
    assert plane.spread[1] == pytest.approx(0, abs=1e-6)
    assert math.isnan(plane.ratio[1])


def test_axes_may_be_exchanged():
    tall, wide = (
        em.coherence(em.Residual(em.Conv(sides, padding=tuple(k // 2 for k in sides)) >> RELU) ** 12, 16)
        for sides in ((31, 3), (3, 31))
    )
    assert tall.spread == pytest.approx(wide.spread[::-1], rel=1e-9)
    assert (tall.share, tall.log_gain) == pytest.approx((wide.share, wide.log_gain), rel=1e-9)


@pytest.mark.parametrize(
    "net",
    [
        SAME,
        em.Identity(),
        RELU**3,
        em.Identity() >> SAME**3,
        em.Residual(SAME) ** 7,
        (SAME >> RELU) ** 5,
        (SAME >> RELU >> em.Pool(2)) ** 2 >> SAME,
        em.Sum([SAME, em.Conv(5, padding=2)]) ** 3,
        em.Concat([SAME, em.Conv(5, padding=2)], [8, 8]) ** 3,
    ],
)
def test_without_a_skip_round_a_rectifier_paths_are_independent(net):
    found = em.coherence(net, 16)
    expected = em.distribution(em.variance(net)).var()
    assert found.spread[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert (found.gain, found.share) == pytest.approx((1, 0), abs=1e-9)
    assert found.blocks is None
    assert not found.is_coherent


@pytest.mark.parametrize(
    "net",
    [
        LAST**5,
        FIRST**5,
        em.Residual(SAME >> RELU >> SAME >> RELU, gain=0.5) ** 3,
        LAST**2 >> em.Conv(3, 2, padding=1) >> LAST**3 >> em.Pool(2) >> LAST,
        LAST >> em.Pool(3, 2, 1, "max") >> LAST,
        LAST >> em.Dropout(0.25) >> em.Conv(3, dilation=2, padding=2) >> FIRST,
        em.Sum([em.Conv(1, 2), em.Conv(3, 2, padding=1) >> RELU]) >> LAST,
        em.Residual(em.Conv((3, 5), padding=(1, 2)) >> RELU) ** 3,
    ],
)
def test_wide_networks_are_independent(net):
    found = em.coherence(net, 10**9)
    expected = np.atleast_1d(em.distribution(em.variance(net)).var())
    np.testing.assert_allclose(found.spread, expected, rtol=1e-5)
    np.testing.assert_allclose(found.independent, expected, rtol=1e-6)


@pytest.mark.parametrize("net", [(em.Residual(SAME) >> RELU) ** 8, LAST >> em.Pool(2, 2, mode="max") >> LAST])
def test_independent_paths_do_not_depend_on_the_width(net):
    expected = em.distribution(em.variance(em.gated(net))).var()
    for channels in (4, 10**6):
        assert em.coherence(net, channels).independent[0] == pytest.approx(expected, rel=1e-6)


def alike(one, other, rel=1e-7):
    assert one.spread == pytest.approx(other.spread, rel=rel)
    assert one.independent == pytest.approx(other.independent, rel=rel)
    assert (one.share, one.log_gain) == pytest.approx((other.share, other.log_gain), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (em.Residual(SAME >> RELU >> em.Conv([2])), em.Residual(SAME >> RELU, 2)),
        (em.Sum([em.Conv([2]), SAME >> RELU]), em.Sum([em.Identity(), SAME >> RELU], [2, 1])),
        (em.Conv([2]) >> LAST, LAST),
        (em.Sum([SHIFT, SAME >> RELU >> SHIFT]), LAST),
        (SHIFT >> LAST >> SHIFT, LAST),
        (em.Residual(SAME >> RELU >> em.Pool(1)), LAST),
    ],
)
def test_taps_that_are_given_scale_and_shift(written, plain):
    alike(em.coherence(written**4, 16), em.coherence(plain**4, 16), rel=1e-6)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_interpolation_along_two_branches_is_that_along_one(mode):
    up = em.Upsample(2, mode)
    two, one = (
        em.coherence(LAST**2 >> net >> LAST**2, 16)
        for net in (em.Sum([up, up >> em.Conv([2])]), up >> em.Conv([3]))
    )
    gain = one.gain * 9 / 5  # as 1 + 2**2 if paths were independent
    assert (*two.spread, two.gain) == pytest.approx((*one.spread, gain), rel=1e-2)  # the gain was 7/9 of it


@pytest.mark.parametrize("factors", [(2,), (3,), (2, 3)])
def test_copies_of_a_unit_pass_its_gradient_together(factors):
    up, phases = em.Upsample(factors), math.prod(factors)
    assert em.coherence(up, 16).gain == pytest.approx(phases)
    assert em.coherence(em.Sum([up, up]), 16).gain == pytest.approx(2 * phases)  # 2**2 for 2


@pytest.mark.parametrize(
    "layer",
    [em.Upsample(2, "linear"), em.Upsample(3), em.Pool(3), em.Pool((2, 3)), em.Upsample((3, 2), "linear")],
)
@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_taps_that_are_given_carry_what_is_along_the_features(layer, correlation):
    stage = lower(layer)
    found = fixed(Taps(stage, (1,) * stage.ndim), 0.7, correlation)
    weights = stage.kernel.to_numpy().astype(float)  # those that meet in one unit are 1 in all
    expected = weights * (weights + correlation * (1 - weights))
    np.testing.assert_allclose(found.features.to_numpy().astype(float), expected, atol=1e-12)
    np.testing.assert_allclose(found.squares.to_numpy().astype(float), weights**2, rtol=1e-12)
    assert found.features.offsets == found.squares.offsets == stage.kernel.offsets
    assert (found.matrix.tolist(), found.gain, found.is_choice) == ([[0.7, 0], [0, 1]], 1, False)


def test_branches_that_cancel_behind_two_sums_have_nothing_in_common():
    branch = SAME >> RELU
    graph = em.Graph(
        {
            "u": (branch, "input"),
            "v": (branch, "input"),
            "w": (em.Sum([em.Identity()], [-1]), "v"),
            "a": (em.Identity(), "u", "v"),
            "b": (em.Identity(), "u", "w"),
            "out": (em.Identity(), "a", "b", "input"),
        }
    )
    alike(em.coherence(graph, 16), em.coherence(em.Sum([em.Identity(), branch], [1, 2]), 16))


def test_kernels_that_do_not_separate_are_followed():
    plane = em.Residual(em.Conv((3, 3), padding=1) >> RELU) ** 3
    plus = em.Conv([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    for net in (plane >> plus, plus >> plane):
        found = em.coherence(net, 10**9)
        np.testing.assert_allclose(found.spread, em.distribution(em.variance(net)).var(), rtol=1e-5)
        assert all(0.95 < ratio < 1 for ratio in em.coherence(net, 16).ratios)


def test_transposed_convolutions_are_followed():
    net = LAST**2 >> em.ConvTranspose(2, stride=2) >> LAST**2
    wide, narrow = em.coherence(net, 10**9), em.coherence(net, 16)
    expected = 2 * (1 + 1 / 4) / 2 * 2 / 3 + 1 / 4**2  # of blocks at both rates, and of which of two units
    for variance in (wide.spread, wide.independent, narrow.independent):
        assert variance == pytest.approx((expected,))
    assert 0.99 < narrow.ratio < 1 < narrow.gain


def test_blocks_are_skips_behind_which_a_tenth_is_coherent():
    found = em.coherence(LAST**20, 64)
    for net in (SAME**3 >> LAST**20, LAST**20 >> SAME**3, LAST**20 >> em.Dropout(0.5)):
        assert em.coherence(net, 64).blocks == found.blocks == 11


@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_of_channels_and_of_gains(sign):
    for options in ({"channels": 10**15}, {"channels": 16, "in_channels": 10**15}):
        assert em.coherence(LAST**2, **options).ratio == pytest.approx(1, abs=0.01)
        more = {name: value + 1 for name, value in options.items()}
        with pytest.raises(ValueError, match=r"channels must be at most 1e\+15, got"):
            em.coherence(LAST**2, **more)
    assert math.isfinite(em.coherence(em.Residual(SAME >> RELU, sign * 10**49), 16).log_gain)
    with pytest.raises(ValueError, match=r"gains of branches must be at most 1e\+50"):
        em.coherence(em.Residual(SAME >> RELU, sign * 10**51), 16)


def test_what_is_read_of_coherence():
    found = em.Coherence((1.0, 0.0), (4.0, 0.0), 0.1, math.log(3), 2)
    assert (found.ratios[0], found.ratio[0], found.is_coherent) == (0.25, 0.25, True)
    assert math.isnan(found.ratios[1])
    assert found.gain == pytest.approx(3)
    line = em.Coherence((1.0,), (4.0,), 0.0999, 0.0, None)
    assert (line.ratio, line.gain, line.is_coherent) == (0.25, 1.0, False)


def test_widths_are_of_the_layers_or_of_all():
    net = (
        em.Conv(3, padding=1, channels=8) >> em.Concat([LAST, em.Conv(1, channels=4)], [8, 4]) >> SAME >> RELU
    )
    signals = signals_of(net)
    assert widths(signals, None, 3) == (3, 8, 8, 8, 8, 4, 12, 12, 12)
    assert widths(signals, None, None) == (8, 8, 8, 8, 8, 4, 12, 12, 12)
    assert widths(signals, 16, 2) == (2, *(16,) * 8)
    assert widths(signals, 16, None) == (16,) * 9


@pytest.mark.parametrize("init", [1e-90, 1e90])
def test_energies_beyond_floats_are_scaled_back(init):
    found = em.coherence(SAME**12, 16, init=init)
    assert found.spread == found.independent == (pytest.approx(8, rel=1e-6),)


@pytest.mark.parametrize("gain", [1e-45, 1e45])
def test_energies_are_scaled_back_all_together(gain):
    branches = [SAME >> RELU, em.Identity()]
    usual, scaled = (em.coherence(em.Sum(branches, [g, g]) ** 12, 16) for g in (1, gain))
    assert scaled.spread == pytest.approx(usual.spread, rel=1e-7)
    assert (scaled.share, scaled.log_gain) == pytest.approx((usual.share, usual.log_gain), rel=1e-9)


@pytest.mark.parametrize("case", TRUTH, ids=lambda case: "{net}-{channels}-{by}".format(**case))
def test_variances_are_those_of_autograd(case):
    found = em.coherence(em.parse_network(case["net"]), case["channels"])
    ratio = found.spread[0] / case["variance"]
    assert abs(ratio - 1) < 0.03 + 2 * case["error"], (found, ratio)


def test_the_depth_at_which_gradients_become_coherent_grows_with_the_logarithm_of_the_width():
    depths = {n: em.coherence(LAST**40, n).blocks for n in (16, 64, 256, 1024)}
    for channels, blocks in depths.items():
        assert blocks == pytest.approx(math.log(channels) / math.log(1.45), abs=2.1), depths
    assert em.coherence(LAST**5, 64).blocks is None


def test_channels_are_those_that_the_layers_name():
    named = em.Residual(em.Conv(3, padding=1, channels=64) >> RELU) ** 15
    assert em.coherence(named) == em.coherence(LAST**15, 64)
    assert em.coherence(named, 16) == em.coherence(LAST**15, 16)
    stem = em.Conv(3, padding=1, channels=64)
    assert em.coherence(stem >> named, in_channels=3).share > em.coherence(stem >> named).share


def test_deep_networks_stay_in_the_range_of_floats():
    found = em.coherence(LAST**360, 10**4)
    assert 0.45 < found.ratio < 0.6
    assert found.log_gain == pytest.approx(360 * math.log(1.45) - math.log(10**4), abs=5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "net must be a network .* got 3 of type int"),
        ((LAST,), ValueError, "channels must be given: no layer of the network names its own"),
        ((LAST, 0), ValueError, "channels must be at least 1, got 0"),
        ((LAST, 10**30), ValueError, "channels must be at most 1e"),
        ((LAST, 1.5), TypeError, "channels must be an int"),
        (
            (SAME >> em.GlobalPool(), 16),
            ValueError,
            "GlobalPool.* reads its whole input, so gradients depend on",
        ),
        ((SAME >> em.Activation("unknown"), 16), ValueError, "activation must be one of"),
    ],
)
def test_what_has_no_coherence_says_why(arguments, error, message):
    with pytest.raises(error, match=message):
        em.coherence(*arguments)
    with pytest.raises(ValueError, match="init must be one of"):
        em.coherence(LAST, 16, init="xavier")


class TestAtTheEdges:
    def test_networks_without_taps_are_at_one_position(self):
        for net in (
            em.Identity(),
            RELU,
            em.Residual(RELU) ** 10,
            LAST**0,
            em.Residual(em.Conv(1) >> RELU) ** 20,
        ):
            found = em.coherence(net, 16)
            assert found.spread == found.independent == (0.0,), net

    def test_deep_chains_keep_their_digits(self):
        found = em.coherence((SAME >> RELU) ** 1000, 16)
        assert found.independent == (pytest.approx(2000 / 3, rel=5e-5),)
        assert found.ratio == pytest.approx(1, abs=5e-5)

    def test_kernels_of_many_taps_are_those_of_few_spread_out(self):
        wide = em.Residual(em.Conv(20001, padding=10000) >> RELU) ** 5
        found, few = (
            em.coherence(wide, 16),
            em.coherence(em.Residual(em.Conv(101, padding=50) >> RELU) ** 5, 16),
        )
        assert found.independent[0] == pytest.approx(5 / 2 * (20001**2 - 1) / 12, rel=1e-5)
        assert found.ratio == pytest.approx(few.ratio, rel=1e-2)

    @pytest.mark.parametrize("options", [{"channels": 10**400}, {"in_channels": 10**16}, {"init": 10**400}])
    def test_numbers_beyond_floats_are_refused_by_name(self, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            em.coherence(LAST**3, **{"channels": 16, **options})

    @pytest.mark.parametrize("gain", [200, 400])
    def test_gains_beyond_floats_are_refused(self, gain):
        with pytest.raises(ValueError, match="gains of branches"):
            em.coherence(em.Residual(SAME >> RELU, 10**gain) ** 3, 16)

    @pytest.mark.parametrize(
        "net",
        [
            (SAME >> em.Activation("gelu")) ** 7,  # the square of its slope depends on the features
            (em.Conv(3, padding=1, channels=64) >> em.Residual(SAME >> RELU) >> RELU) ** 4,
            em.zoo.tcn(),
        ],
    )
    @pytest.mark.parametrize("channels", [2, 16])
    def test_independent_paths_know_no_channels(self, net, channels):
        found = em.coherence(net, channels)
        assert found.independent[0] == pytest.approx(em.distribution(em.variance(net)).var(), rel=1e-4)

    def test_few_channels_of_a_deep_network_are_read(self):
        found = em.coherence(em.zoo.resnet50(), 4)  # the energy of independent paths was negative
        assert found.independent[0] == pytest.approx(em.distribution(em.variance(em.zoo.resnet50())).var()[0])

    @pytest.mark.parametrize(
        "net",
        [
            em.Sum([em.Identity(), em.Identity()], [1, -1]),
            em.Residual(em.Identity(), -1) >> SAME,
            em.Concat([em.Residual(em.Identity(), -1), SAME], [8, 8]) >> SAME,
        ],
    )
    def test_features_that_cancel_are_refused(self, net):
        with pytest.raises(ValueError, match=r"net must have features .* those of Sum.* cancel to zero"):
            em.coherence(net, 16)

    def test_gradients_that_cancel_on_a_tensor_leave_the_rest(self):
        added = em.Sum([LAST, em.Identity()], [1, -1])  # x + relu(W x) - x
        assert em.coherence(added**3, 16).spread[0] == pytest.approx(2, rel=1e-6)

    @pytest.mark.parametrize("size", [101, 1001])
    def test_wide_averages_are_not_taken_for_narrow_ones(self, size):
        found = em.coherence(LAST**3 >> em.Pool(size, stride=1), 16)
        assert found.ratio == pytest.approx(
            1, abs=3e-3
        )  # the same energy at all positions; it was .53 at 1001

    def test_averages_too_wide_are_refused(self):
        with pytest.raises(ValueError, match=r"followed over 8192 positions .* those of net need 1"):
            em.coherence(LAST**3 >> em.Pool(10**5, stride=1), 16)

    @pytest.mark.parametrize(("net", "channels"), [("res(conv3p1 tanh)*20", 1), ("res(conv3p1 relu6)*60", 1)])
    def test_channels_too_few_for_the_theory_are_refused(self, net, channels):
        with pytest.raises(ValueError, match="channels are too few for a theory of wide layers; give more"):
            em.coherence(em.parse_network(net), channels)

    @pytest.mark.parametrize(("weights", "words"), [("energy", "has energies"), ("given", "are not random")])
    def test_weights_of_a_model_are_refused_with_a_way_out(self, weights, words):
        torch = pytest.importorskip("torch", reason="modules need PyTorch")
        module = torch.nn.Sequential(torch.nn.Conv1d(4, 4, 3), torch.nn.ReLU(), torch.nn.Conv1d(4, 4, 3))
        model = em.from_torch(module, (1, 4, 16))
        with pytest.raises(TypeError, match=rf"{words}.*with_weights\("):
            em.coherence(model.with_weights(weights))
        assert em.coherence(model).spread[0] == pytest.approx(4 / 3, rel=1e-5)

    def test_a_gain_of_energy_beyond_floats_says_so(self):
        found = em.Coherence((1.0,), (1.0,), 0.3, 1e4, 5)
        with pytest.raises(OverflowError, match="log_gain"):
            found.gain  # noqa: B018
