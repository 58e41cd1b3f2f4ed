"""The forward pass of wide random networks, against random networks and closed forms."""

import math

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.offsets import Offsets
from erfmath.ensembles.propagation import signals_of
from erfmath.ensembles.signal import Signal, added, concatenated, signal_of_units
from erfmath.ensembles.units import Units

RELU, TANH = em.Activation("relu"), em.Activation("tanh")
CONV = em.Conv(3, padding=1)
BLOCK = CONV >> RELU
TWO = em.Conv((3, 3), padding=1) >> RELU


def last(net, **options):
    found = signals_of(net, **options)
    return found.tensors[found.program.output]


def test_a_chain_of_rectifiers_follows_the_arc_cosine_map():
    found, rho = signals_of(BLOCK**20), 0.0
    assert [t.square for t in found.tensors] == pytest.approx([1.0] + [2.0, 1.0] * 20)
    for block in range(20):
        angle = math.acos(rho)
        rho = (math.sin(angle) + (math.pi - angle) * rho) / math.pi  # Cho and Saul 2009
        signal = found.tensors[2 + 2 * block]
        assert signal.share == pytest.approx(math.pi**-0.5, rel=1e-12)
        assert signal.correlation.far == pytest.approx(rho, rel=1e-12)
        assert signal.correlation.at((1,)) == pytest.approx(rho, rel=1e-12)
    assert set(found.gains) == {1.0, 0.5}


def test_skips_whose_branch_ends_in_a_rectifier_point_one_way():
    found, share, square = signals_of(em.Residual(BLOCK) ** 1000), 0.0, 1.0
    root = math.pi**-0.5
    for block in range(12):
        signal = found.tensors[3 * (block + 1)]
        share = (share + root) / math.sqrt(2 + 2 * share * root)
        square *= 2 + 2 * found.tensors[3 * block].share * root
        assert signal.share == pytest.approx(share, rel=1e-12)
        assert signal.square == pytest.approx(square, rel=1e-12)
    assert found.tensors[-1].share == pytest.approx(0.8, abs=0.01)
    assert found.tensors[-1].level > 600  # beyond all floats


def test_what_is_added_twice_is_twice_as_large():
    twice = em.Sum([em.Identity(), em.Identity()])
    assert last(CONV >> twice).square == pytest.approx(8)
    assert last(CONV >> em.Sum([em.Identity(), CONV])).square == pytest.approx(2 + 4)
    assert last(em.Sum([em.Identity(), em.Identity()], [1, -1]) >> RELU).level == -math.inf
    gain = em.Residual(CONV) >> em.Sum([em.Identity(), em.Residual(CONV)])
    assert last(gain).square == pytest.approx(4 * 3 + 2 * 3)  # 2 x + w x


def arc_cosine(rho):
    """Return E[max(a, 0) max(b, 0)] of standard normal variables, Cho and Saul (2009)."""
    return (math.sqrt(1 - rho * rho) + (math.pi - math.acos(rho)) * rho) / (2 * math.pi)


def rectified(level, rho):
    """Return rectified units whose variables have a standard deviation and one correlation."""
    return Units.normal(level, 0.0, Offsets(np.where(np.arange(17) == 8, 1.0, rho), rho)).activated("relu")


def agrees(found, mean, square, far, near=None):
    """Check the moments of a signal; at offset 1 they are those far away, unless given."""
    assert (found.mean, found.square) == pytest.approx((mean, square), rel=1e-12)
    assert found.square * found.correlation.far == pytest.approx(far, rel=1e-12)
    assert found.square * found.correlation.at((1,)) == pytest.approx(
        far if near is None else near, rel=1e-12
    )
    assert found.correlation.centre == pytest.approx(1, rel=1e-12)


def test_channels_of_several_kinds_are_averages():
    parts = [(0.25, rectified(0.0, 0.2)), (0.75, rectified(1.5, 0.6)), (0.0, rectified(9.0, 0.9))]
    mean = (0.25 + 0.75 * 2**1.5) / math.sqrt(2 * math.pi)
    square, far = 0.125 + 0.375 * 8, 0.25 * arc_cosine(0.2) + 0.75 * 8 * arc_cosine(0.6)
    found = signal_of_units(parts, 1)
    agrees(found, mean, square, far)
    assert [weight for weight, _ in found.parts] == [0.25, 0.75]
    joined = concatenated([(signal_of_units([(1.0, units)], 1), share) for share, units in parts[:2]])
    agrees(joined, mean, square, far)
    ((weight, units),) = joined.parts  # of one kind, and of the mean square of both
    assert (weight, 4**units.level) == pytest.approx((1, 0.25 + 0.75 * 8))
    assert units.correlation.far == units.correlation.at((2,)) == pytest.approx(0.25 * 0.2 + 0.75 * 0.6)
    assert signal_of_units([], 2).level == -math.inf


def test_channels_of_different_kinds_stay_apart():
    kinds = [
        rectified(0.0, 0.2),
        rectified(0.0, 0.2).pooled([(0, 1)], (1,)),
        rectified(0.0, 0.2).pooled([(0,)], (2,)),
        Units.normal(0.0, 0.0, Offsets.white(1)),
        Units.normal(0.0, 0.5, Offsets.white(1)),
        Units.normal(0.0, 0.5, Offsets.white(1)),
        Units.normal(0.0, 0.0, Offsets.white(1)).activated("tanh"),
        Units.normal(0.0, 0.0, Offsets.white(1)).activated("tanh"),
    ]
    joined = concatenated([(signal_of_units([(1.0, units)], 1), 1 / 8) for units in kinds])
    assert [weight for weight, _ in joined.parts] == [1 / 8] * 8
    assert [units for _, units in joined.parts] == kinds
    nothing = Signal.of(0.0, 0.0, Offsets.white(1).times(0.0))
    assert (nothing.level, nothing.share, nothing.mean, nothing.square, nothing.units) == (
        -math.inf,
        0,
        0,
        0,
        (),
    )
    agrees(concatenated([(nothing, 0.5), (Signal.of(1.0, 0.0, Offsets.white(1)), 0.5)]), 0, 2, 0)
    assert concatenated([(nothing, 0.5), (nothing, 0.5)]) is nothing


def test_sums_of_tensors_add_means_and_what_is_about_them():
    one = Signal.of(1.0, 0.5, Offsets(np.where(np.arange(17) == 8, 1.25, 0.5), 0.375))  # mean 1, square 5
    two = Signal.of(0.0, -1.0, Offsets(np.where(np.arange(17) == 8, 3.0, 2.0), 1.5))
    agrees(one, 1, 5, 1.5, 2)
    agrees(two, -1, 3, 1.5, 2)
    mean, about, far, near = 3 + 2, 9 * 4 + 4 * 2, 9 * 0.5 + 4 * 0.5, 9 * 1 + 4 * 1
    found = added([(one, 3), (two, -2)])
    agrees(found, mean, mean**2 + about, mean**2 + far, mean**2 + near)
    twice = added([(found, 1), (one, -2)])  # 3 a - 2 b - 2 a
    mean, about, far, near = 1 + 2, 1 * 4 + 4 * 2, 0.5 + 4 * 0.5, 1 + 4
    agrees(twice, mean, mean**2 + about, mean**2 + far, mean**2 + near)
    assert [gain for gain, _ in found.atoms] == [3, -2]
    assert added([(one, 1)]) is one
    agrees(added([(one, 2)]), 2, 20, 6, 8)
    assert added([(one, 0), (two, 0)]).level == -math.inf
    many = [Signal.of(0.0, 0.0, Offsets.white(1)) for _ in range(65)]
    assert [len(added([(signal, 1) for signal in many[:n]]).terms) for n in (64, 65)] == [64, 0]


def test_a_sum_with_a_mean_is_normal_about_it():
    found = signals_of(em.Residual(BLOCK) >> RELU)
    before, after = found.tensors[-2:]
    mean, variance = math.pi**-0.5, 2 - 1 / math.pi  # x + relu(W x), whose W x has the variance 2
    deviation = math.sqrt(variance)
    bias = mean / deviation
    below = math.erfc(bias / math.sqrt(2)) / 2
    density = math.exp(-(bias**2) / 2) / math.sqrt(2 * math.pi)
    assert (before.mean, before.square) == pytest.approx((mean, variance + mean**2), rel=1e-12)
    expected = deviation * (density + bias * (1 - below))
    agrees(after, expected, variance * ((1 + bias**2) * (1 - below) + bias * density), expected**2)
    (_, units), *others = before.units
    assert (others, units.correlation.centre) == ([], pytest.approx(1))
    assert (units.bias, 2**units.level) == pytest.approx((bias, deviation))
    sure = Signal.of(1.0, -1.0, Offsets(np.ones(17), 1.0))  # features that do not vary
    assert (sure.units, sure.mean) == ((), -2.0)


def test_strides_and_dropout_of_correlated_features():
    found = last(CONV >> em.Conv([1, 1, 1], padding=1) >> em.Pool(1, 2))
    assert [found.correlation.at((d,)) for d in (0, 1, 2)] == pytest.approx([1, 1 / 3, 0])
    pooled = last(BLOCK >> em.Pool(2, 1, mode="max") >> em.Pool(1, 2))
    assert pooled.correlation.at((1,)) == pooled.correlation.far
    assert pooled.parts[0][1].step == (2,)
    dropped = last(BLOCK >> em.Dropout(0.5))
    agrees(dropped, 1 / math.sqrt(math.pi), 2, 1 / math.pi)
    agrees(last(BLOCK >> em.GlobalPool()), 1 / math.sqrt(math.pi), 1 / math.pi, 1 / math.pi)


@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_of_gains_and_initialisations(sign):
    assert last(em.Residual(CONV, sign * 10**299)).level == pytest.approx(0.5 + 299 * math.log2(10))
    with pytest.raises(ValueError, match=r"gains of branches must be at most 1e\+300 in magnitude"):
        signals_of(em.Residual(CONV, sign * 10**301))
    for bits in (333, -333):
        with pytest.raises(ValueError, match=r"init must be from 1e-100 to 1e\+100"):
            signals_of(CONV, 2.0**bits)
    assert last(CONV, init=1e100).square == pytest.approx(1e100)
    assert last(CONV, init=1e-100).square == pytest.approx(1e-100)


def test_initialisations_and_saturation():
    assert last(CONV**3, init="lecun").square == 1
    assert last(CONV**3, init=3).square == pytest.approx(27)
    assert last((CONV >> TANH) ** 2, init=1e30).square == pytest.approx(1)
    x, w = np.polynomial.hermite_e.hermegauss(80)
    expected = w @ np.tanh(x) ** 2 / math.sqrt(2 * math.pi)
    assert last(CONV >> TANH, init="lecun").square == pytest.approx(expected, rel=1e-9)


def test_maxima_behind_rectifiers_pass_open_units():
    found = signals_of(BLOCK >> em.Pool(2, mode="max") >> CONV >> RELU >> em.Pool((3,), 2, 1, "max"))
    gains = [
        g for op, g in zip(found.program.operations, found.gains, strict=True) if type(op.node) is em.Pool
    ]
    assert gains[0] == pytest.approx(1.5, rel=1e-12)  # of two independent units, 3/4 for 1/2
    late = signals_of(CONV >> em.Pool(2, mode="max") >> RELU)
    assert late.gains[-1] == pytest.approx(0.75, rel=1e-12)  # the gate knows that it is a maximum
    average = signals_of(BLOCK >> em.Pool(2) >> CONV)
    assert set(average.gains) == {1.0, 0.5}


def test_what_has_no_signal_says_so():
    with pytest.raises(ValueError, match=r"GlobalContext.* is unknown: it depends on the size of the map"):
        signals_of(CONV >> em.network.layers.GlobalContext())
    with pytest.raises(ValueError, match="init must be one of"):
        signals_of(CONV, "xavier")
    with pytest.raises(ValueError, match="activation must be one of '"):
        signals_of(CONV >> em.Activation("mine"))
    with pytest.raises(TypeError, match=r"behind Weighted.* is unknown: its weights are not random"):
        signals_of(em.Weighted(em.Conv(1), [[[2.0]]]))
    with pytest.raises(TypeError, match="net must be a network"):
        signals_of(3)


NETS = {
    "chain": BLOCK**3,
    "maxima": BLOCK**2 >> em.Pool(3, 2, 1, mode="max") >> BLOCK >> em.Pool(2, mode="max"),
    "maxima of maxima": BLOCK**2 >> em.Pool(2, mode="max") ** 2 >> em.Pool(3, 2, mode="max"),
    "late": BLOCK >> CONV >> em.Pool(2, mode="max") >> RELU,
    "skips": em.Residual(BLOCK) ** 4 >> CONV,
    "skips, rectified": (em.Residual(BLOCK >> CONV) >> RELU) ** 3,
    "averages": BLOCK**2 >> em.Pool(3, 2) >> BLOCK >> em.Pool(2, 1) >> CONV >> RELU,
    "interpolated": BLOCK >> em.Upsample(2) >> BLOCK >> em.Upsample(3, "linear") >> BLOCK,
    "tanh": (CONV >> TANH) ** 2 >> em.Pool(2, mode="max") >> CONV,
    "silu": (CONV >> em.Activation("silu")) ** 2 >> em.Pool(3, mode="max"),
    "concatenated": em.Concat([BLOCK**2, em.Pool(3, 1, 1, mode="max") >> BLOCK, em.Identity()], [8, 8, 16])
    >> em.Pool(2, mode="max"),
    "dropout": BLOCK >> em.Dropout(0.5) >> CONV,
    "two axes": TWO**2 >> em.Pool((3, 3), 2, 1, mode="max") >> TWO,
    "dilated": BLOCK >> em.Pool(2, 1, dilation=3, mode="max") >> em.Conv(3, 2, padding=1) >> RELU,
}


@pytest.mark.parametrize("name", NETS)
def test_moments_of_wide_random_networks(name):
    torch = pytest.importorskip("torch", reason="random networks are the oracle")
    from erfmath import to_torch

    net, channels, runs = NETS[name], 160, 12
    ndim = net.ndim or 1
    module = to_torch(net, channels, in_channels=channels, rng=1)
    found = []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        for _ in range(runs):
            module.reset_parameters()
            y = module(torch.randn(1, channels, *(72 if ndim == 1 else 40,) * ndim))[0].double()
            border = [side // 4 for side in y.shape[1:]]
            y = y[:, *(slice(b, -b) for b in border)]
            products = [(y[:, d:] * y[:, : y.shape[1] - d]).mean() for d in range(3)]
            found.append([float(v) for v in (y.mean(), *products)])
    signal = last(net)
    correlations = [signal.correlation.at((d, *(0,) * (ndim - 1))) for d in range(3)]
    expected = np.array([signal.mean, *(signal.square * c for c in correlations)])
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(runs)
    assert (abs(means - expected) < 4.5 * errors + 0.01 * signal.square).all(), (means, expected, errors)


def test_widths_and_copies_do_not_change_a_signal():
    repeated = em.Power(BLOCK, 5)
    written = BLOCK >> BLOCK >> BLOCK >> BLOCK >> BLOCK
    assert last(repeated).correlation.far == last(written).correlation.far
    four = em.Conv((3,) * 4, padding=1) >> RELU
    assert last(four >> em.Pool((2,) * 4, mode="max")).square > 1
    five = em.Conv((3,) * 5, padding=1) >> RELU
    assert last(five**2).correlation.far == pytest.approx(last(BLOCK**2).correlation.far)
