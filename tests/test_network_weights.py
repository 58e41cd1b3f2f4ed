"""Weights given and weights not known are two things; the type of a number is none."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import erfmath as em
from erfmath.strategies import networks

EIGHTHS = st.integers(-2, 8).map(lambda value: Fraction(value, 8))
TYPES = {"float": float, "Fraction": Fraction, "numpy": lambda value: np.float64(float(value))}


@pytest.mark.parametrize("make", [em.Conv, lambda k: em.ConvTranspose(k, stride=1)])
@pytest.mark.parametrize("number", [float, Fraction])
def test_given_and_unknown_weights_differ_in_all_but_the_mean(make, number):
    unknown, given_ = make(4), make([number(Fraction(1, 4))] * 4)
    assert unknown != given_
    assert repr(unknown) != repr(given_)
    assert len({unknown, given_}) == 2
    assert not unknown.is_given
    assert given_.is_given
    for net in (unknown, given_):
        assert pickle.loads(pickle.dumps(net)) == net
        assert type(net)(*net.args) == net
        assert em.network_from_json(em.network_to_json(net)) == net
    assert em.distribution(unknown).var() == em.distribution(given_).var()
    # Random taps of variance 2/4 each, and squares of the given ones.
    assert em.variance(unknown).kernel.weights == (Fraction(1, 2),) * 4
    assert em.variance(given_).kernel.weights == (Fraction(1, 16),) * 4


def test_a_single_given_tap_is_no_random_weight():
    assert em.variance(em.Conv([1])).kernel.weights == (1,)
    assert em.variance(em.Conv(1)).kernel.weights == (2,)


def rewritten(net, number):
    """The network with each of its numbers written in another type."""
    match net:
        case em.Conv() | em.ConvTranspose():
            if not net.is_given:
                return net
            weights = [number(Fraction(w)) for w in np.ravel(np.array(net.kernel.weights, dtype=object))]
            grid = np.array(weights, dtype=object).reshape(net.kernel.shape)
            return type(net)(em.Kernel(grid, net.kernel.offset), *net.args[1:])
        case em.Series():
            return em.Series([rewritten(part, number) for part in net.nodes])
        case em.Power():
            return em.Power(rewritten(net.node, number), net.n)
        case em.Sum():
            gains = [number(Fraction(gain)) for gain in net.gains]
            return em.Sum([rewritten(branch, number) for branch in net.branches], gains)
        case em.Concat():
            return em.Concat([rewritten(branch, number) for branch in net.branches], net.channels)
        case em.Residual():
            return em.Residual(rewritten(net.branch, number), number(Fraction(net.gain)))
        case em.Graph():
            layers = [
                (e.name, (rewritten(e.node, number), *((s, number(Fraction(g))) for s, g in e.sources)))
                for e in net.layers
            ]
            return em.Graph(layers, net.output)
        case em.Dropout():
            return em.Dropout(number(Fraction(net.p)))
    return net


def tried(reading):
    """What a reading gives as numbers, or what it is refused with."""
    try:
        return np.asarray(reading(), dtype=float)
    except (ValueError, TypeError) as error:
        return type(error)


def profiles(make):
    """What is read of the impact of a network."""
    yield tried(lambda: em.distribution(make()).probabilities())
    yield tried(lambda: em.distribution(make(), input_size=40).probabilities())
    yield tried(lambda: em.effective_field(em.distribution(make()), ref="max").count)
    yield tried(lambda: em.central_limit(make()).distance)


def readings(net):
    """All that is read of a network."""
    field = em.receptive_field(net)
    yield tried(lambda: [field.size, field.offset, *field.halo()])
    yield tried(lambda: em.output_size(net, 40))
    yield tried(lambda: em.cost(net, 40, 2).macs)
    yield tried(lambda: em.border(net, 40).kept)
    yield from profiles(lambda: net)
    yield from profiles(lambda: em.variance(net))


@settings(max_examples=25)
@given(networks(max_layers=4, elements=st.sampled_from([1, 2, Fraction(3, 4), 0]), gains=EIGHTHS))
def test_the_type_of_a_number_changes_no_answer(net):
    expected = list(readings(net))
    for number in TYPES.values():
        for wanted, got in zip(expected, readings(rewritten(net, number)), strict=True):
            if isinstance(wanted, type):
                assert got is wanted
            else:
                np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-300)
