"""Gates that are open more often than others: where they change a field, against autograd."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import erfmath as em
from erfmath.network.activations import activation_gain

RELU = em.Activation("relu")
CONV = em.Conv(3, padding=1)
BLOCK = CONV >> RELU
MAX = em.Pool(2, mode="max")


def var(net):
    return float(np.mean(em.distribution(em.variance(net)).var()))


# Variances of the mean squared gradient of U-Nets by autograd, `python -m benchmarks.maxima --measure`.
TRUTH = json.loads((Path(__file__).parents[1] / "benchmarks" / "maxima.json").read_text("utf-8"))
UNETS = [row for row in TRUTH if row["size"] is None]  # the others are at a side where borders count


@pytest.mark.parametrize("case", UNETS, ids=lambda row: "{depth}-{ndim}-{channels}".format(**row))
def test_unets_have_the_field_that_backpropagation_finds(case):
    measured, error = case["variance"], case["error"]
    net = em.zoo.unet(case["depth"], ndim=case["ndim"])
    assert abs(var(em.gated(net)) - measured) < 0.05 * measured + 2 * error
    assert var(net) < 0.99 * var(em.gated(net)) < 1.1 * measured + 2 * error


def test_networks_whose_gates_are_alike_stay_themselves():
    chain = BLOCK**3 >> MAX >> BLOCK >> RELU >> em.Pool(3, 2, 1, mode="max") >> BLOCK
    skips = em.Residual(BLOCK >> CONV) ** 50 >> em.Residual(RELU >> CONV) ** 50
    ahead = em.Concat([CONV, BLOCK >> em.Pool(3, 1, 1)], [4, 4])
    for net in (chain, skips, ahead, em.zoo.resnet18(), em.zoo.vgg16(), em.Pool(2, mode="max"), RELU):
        assert em.gated(net) is net
    assert em.gated(em.Residual(BLOCK) ** 10**9).n == 10**9


def test_a_maximum_in_a_branch_passes_as_much_as_is_open():
    # Of two independent rectified units one is open with probability 3/4, not 1/2.
    net = BLOCK >> em.Sum([MAX, em.Conv(3, 2, padding=1)])
    expected = BLOCK >> em.Sum([MAX, em.Conv(3, 2, padding=1)], [math.sqrt(1.5), 1])
    found, by_hand = (em.distribution(em.variance(n)).probabilities() for n in (em.gated(net), expected))
    np.testing.assert_allclose(found, by_hand, rtol=1e-9)
    # Behind a maximum that all paths pass the rectifier of one branch is the gate that was passed already.
    late = BLOCK >> MAX >> em.Residual(RELU >> CONV)
    by_hand = BLOCK >> MAX >> em.Residual(RELU >> CONV, math.sqrt(2))
    found, by_hand = (em.distribution(em.variance(n)).var() for n in (em.gated(late), by_hand))
    assert found == pytest.approx(by_hand, rel=1e-9)


def test_only_gates_that_pass_more_are_others():
    late = BLOCK >> MAX >> em.Residual(RELU >> CONV, gain=3)
    found = em.gated(late)
    assert [layer.layer for layer in layers(found) if hasattr(layer, "layer")] == [RELU]
    by_hand = BLOCK >> MAX >> em.Residual(RELU >> CONV, gain=3 * math.sqrt(2))
    assert var(found) == pytest.approx(var(by_hand), rel=1e-9)
    assert repr(em.gated(em.Sum([late, MAX])).branches[1]) == repr(MAX)


def test_copies_differ_and_graphs_keep_their_names():
    block = em.Residual(RELU >> em.Pool(3, 1, 1, mode="max") >> CONV)
    net = CONV >> block**3
    gains = [float(layer.gain) for layer in layers(em.gated(net)) if hasattr(layer, "layer")]
    assert len(set(gains)) > 2  # correlations grow from copy to copy
    graph = em.Graph(
        {
            "late": (em.Identity(), "up", "side"),
            "side": (em.Conv(1), "first"),
            "first": (BLOCK, "input"),
            "up": (em.Upsample(2), "deep"),
            "deep": (MAX >> BLOCK, "first"),
            "unread": (em.Pool(5, mode="max"), "first"),
        },
        "late",
    )
    nested = BLOCK >> em.Sum([em.Conv(1), MAX >> BLOCK >> em.Upsample(2)])
    assert var(em.gated(graph)) == pytest.approx(var(em.gated(nested)), rel=1e-12)
    assert [e.name for e in em.gated(graph).layers] == [e.name for e in graph.layers]


def layers(net):
    parts = [child for _, child in net.labelled()]
    return [net] if not parts else [leaf for part in parts for leaf in layers(part)]


@pytest.mark.parametrize("name", ["unet", "densenet121", "inception_v3"])
def test_fields_sizes_and_mean_weights_stay(name):
    net = getattr(em.zoo, name)()
    twin = em.gated(net)
    assert twin is not net
    assert em.receptive_field(twin).size == em.receptive_field(net).size
    assert repr(em.receptive_field(twin).phases) == repr(em.receptive_field(net).phases)
    side = em.receptive_field(net).stride[0] * 16 if name == "unet" else 320
    assert em.output_size(twin, (side, side)) == em.output_size(net, (side, side))
    np.testing.assert_allclose(em.distribution(twin).var(), em.distribution(net).var(), rtol=1e-12)


def test_other_activations_count_with_inputs_of_deviation_1():
    soft = em.Activation("tanh")
    pools = em.Pool(2, mode="max"), em.Pool(3, 2, 1, mode="max")
    two, three = (CONV >> soft >> em.Sum([pool, em.Conv(1, 2)]) for pool in pools)
    assert em.gated(two) is two  # an odd function has the same slopes at the larger and at the smaller of two
    assert var(em.gated(three)) < var(three)  # the largest of three is where tanh is flatter
    alone = CONV >> em.Sum([soft, CONV >> soft])
    assert em.gated(alone) is alone
    assert float(activation_gain("tanh")) < 1


def test_what_is_zero_or_beyond_floats_keeps_its_gains():
    nothing = em.Sum([em.Identity(), em.Identity()], [1, -1]) >> RELU >> MAX >> CONV
    net = CONV >> em.Sum([nothing, em.Conv(1, 2)])
    assert em.gated(net) is net
    large = em.Residual(CONV, gain=1e200) >> em.Activation("silu") >> em.Sum([MAX, em.Conv(1, 2)])
    assert var(em.gated(large)) > 0
    with pytest.raises(ValueError, match="gains of branches must be at most 1e"):
        em.gated(em.Residual(CONV, gain=10**400) >> em.Activation("silu") >> em.Sum([MAX, em.Conv(1, 2)]))


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="net must be a network"):
        em.gated(3)
    with pytest.raises(ValueError, match="init must be one of"):
        em.gated(CONV, "xavier")
    unknown = em.Sum([em.Activation("mine") >> MAX, em.Conv(2, 2)])
    with pytest.raises(ValueError, match="activation must be one of '"):
        em.gated(unknown)


def test_a_branch_of_maxima_against_autograd():
    pytest.importorskip("torch", reason="backpropagation is the oracle")
    net = BLOCK**2 >> em.Sum([em.Pool(9, 1, 4, mode="max"), CONV])
    measured = em.measure(net, runs=200, channels=24, rng=3, progress=False)
    (variance,), (error,) = measured.var, measured.compare().variance_error
    assert abs(var(em.gated(net)) / variance - 1) < 0.03 + 3 * error
    assert abs(var(net) / variance - 1) > 0.1
