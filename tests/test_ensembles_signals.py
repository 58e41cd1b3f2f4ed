"""The forward pass of wide random networks, against random networks and closed forms."""

import math

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.signals import signals_of

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
