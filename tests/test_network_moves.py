"""Pad and Slice: values, what they mean on a map, and what they refuse. (Impacts: test_network_border.)"""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from oracles_border import evaluate

import erfmath as em


@pytest.mark.parametrize(
    ("node", "text"),
    [  # (node, its repr)
        (em.Pad(1), "Pad(1)"),
        (em.Pad((1, 2)), "Pad((1, 2))"),
        (em.Pad([(1, 2)]), "Pad([(1, 2)])"),
        (em.Pad([(1, 2), (0, 0)], "circular"), "Pad([(1, 2), (0, 0)], mode='circular')"),
        (em.Slice(), "Slice(0)"),
        (em.Slice(1, -1), "Slice(1, stop=-1)"),
        (em.Slice(0, None, 2), "Slice(0, step=2)"),
        (em.Slice((0, 1), (None, -2), 2), "Slice((0, 1), stop=(None, -2), step=2)"),
        (em.Slice((0, 0), -1, (1, 3)), "Slice((0, 0), stop=-1, step=(1, 3))"),
        (em.Normalization("GroupNorm"), "Normalization('GroupNorm')"),
    ],
)
def test_moves_are_values(node, text):
    assert repr(node) == text
    assert eval(text, {name: getattr(em, name) for name in em.__all__}) == node
    assert type(node)(*node.args) == node == pickle.loads(pickle.dumps(node))
    assert hash(node) == hash(type(node)(*node.args))
    assert em.network_from_json(em.network_to_json(node)) == node


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=2), st.data())
def test_a_pad_is_a_convolution_of_one_tap_and_a_slice_undoes_it(pads, data):
    pad = em.Pad(pads)
    cut = em.Slice(tuple(b for b, _ in pads), tuple(-a or None for _, a in pads))
    field = em.receptive_field(pad >> cut)
    assert field.size == em.receptive_field(em.Conv((1,) * len(pads))).size
    assert not np.any(field.offset)
    net = data.draw(st.sampled_from([pad, cut])) >> em.Conv((3,) * len(pads), stride=2)
    assert (
        em.distribution(net).var() == em.distribution(em.Conv((3,) * len(pads))).var()
        if len(pads) == 1
        else True
    )
    assert em.receptive_field(net).stride == em.receptive_field(em.Conv((3,) * len(pads), stride=2)).stride


@pytest.mark.parametrize("shift", [-3, 1, 4])
def test_a_cyclic_shift_is_a_pad_and_a_slice(shift):
    before, after = max(shift, 0), max(-shift, 0)
    roll = em.Pad([(before, after)], "circular") >> em.Slice(after, -before or None)
    x = np.arange(7.0)
    np.testing.assert_array_equal(evaluate(roll, x), np.roll(x, shift))
    for unit in range(7):
        assert em.distribution(roll, at=unit, input_size=7).support() == ((unit - shift) % 7,) * 2


def test_thinning_out_is_a_stride():
    assert em.receptive_field(em.Slice(3, None, 4)).stride == 4
    assert em.receptive_field(em.Conv(3) >> em.Slice(1, -1, 2) >> em.Conv(3)).size == 7
    assert [em.output_size(em.Slice(1, -2, 3), n) for n in range(4, 12)] == [
        len(range(n)[1:-2:3]) for n in range(4, 12)
    ]
    assert em.receptive_field(em.Slice(0, None, 2) >> em.Upsample(2)).stride == Fraction(1)


def test_moves_pass_variance_as_it_is():
    net = em.Pad(2, "replicate") >> em.Slice(1, None, 2)
    assert em.variance(net) == net


BAD = [
    (lambda: em.Pad(-1), ValueError, "padding must be at least 0"),
    (lambda: em.Pad("same"), TypeError, "padding must be an int"),
    (lambda: em.Pad(None), TypeError, "padding must be an int"),
    (lambda: em.Pad(1.5), TypeError, "padding must be an int"),
    (lambda: em.Pad([]), ValueError, "an entry for each axis"),
    (lambda: em.Pad([(1, 2, 3)]), ValueError, "padding must be an int or 2 ints"),
    (lambda: em.Pad(1, "constant"), ValueError, "mode must be one of"),
    (lambda: em.Slice(-1), ValueError, "start must be at least 0"),
    (lambda: em.Slice(0, 5), ValueError, "stop must be None, or minus"),
    (lambda: em.Slice(0, 0), ValueError, "stop must be None, or minus"),
    (lambda: em.Slice(0, "x"), TypeError, "stop must be None or a negative int"),
    (lambda: em.Slice(0, None, 0), ValueError, "step must be at least 1"),
    (lambda: em.Slice((0, 1), (None,)), ValueError, "one per axis of the same axes"),
    (lambda: em.Slice(()), ValueError, "one per axis of the same axes"),
    (lambda: em.Slice(True), TypeError, "start must be an int"),
    (lambda: em.output_size(em.Slice(3, -3), 6), ValueError, "too small"),
    (lambda: em.Normalization(""), TypeError, "name must be a name"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD, ids=range(len(BAD)))
def test_bad_moves_are_refused_by_name(call, error, words):
    with pytest.raises(error, match=words):
        call()
