"""Repaired networks: no holes, the field and the sizes as before, and nothing nearer by brute force."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

import erfmath as em


def built(taps, dilations, strides=None):
    strides = strides or [1] * len(taps)
    net = em.Identity()
    for k, d, s in zip(taps, dilations, strides, strict=True):
        extent = (k - 1) * d
        net = net >> em.Conv(k, stride=s, dilation=d, padding=[(extent // 2, extent - extent // 2)])
    return net


LAYERS = st.lists(st.tuples(st.integers(2, 4), st.integers(1, 6)), min_size=1, max_size=4)


@given(LAYERS)
def test_no_repair_is_nearer(layers):
    taps, dilations = zip(*layers, strict=True)
    net = built(taps, dilations)
    found = em.repair(net)
    seen, before = em.receptive_field(found), em.receptive_field(net)
    assert seen.is_covered
    assert seen.size == before.size
    order = sorted(range(len(taps)), key=lambda i: dilations[i])
    reach = sum((k - 1) * d for k, d in layers)
    distances = (
        [
            sum(abs(a - b) for a, b in zip(other, dilations, strict=True))
            for other in itertools.product(range(1, reach + 1), repeat=len(taps))
            if sum((k - 1) * d for k, d in zip(taps, other, strict=True)) == reach
            and covers_in_order([(other[i], taps[i]) for i in order])
        ]
        if reach <= 12
        else []
    )
    if distances:
        assert change(found, dilations) == min(distances)


def change(found, dilations):
    """The total change of the dilations."""
    return sum(abs(a - b) for a, b in zip(dilations_of(found), dilations, strict=True))


def dilations_of(net):
    if isinstance(net, em.Series):
        return [dilation for node in net.nodes for dilation in dilations_of(node)]
    return net.n * dilations_of(net.node) if isinstance(net, em.Power) else [net.dilation[0]]


def covers_in_order(layers):
    reach = 0
    for step, taps in layers:
        if step > reach + 1:
            return False
        reach += (taps - 1) * step
    return True


@settings(max_examples=50)
@given(LAYERS, st.lists(st.integers(1, 2), min_size=4, max_size=4))
def test_strides_are_kept(layers, strides):
    taps, dilations = zip(*layers, strict=True)
    net = built(taps, dilations, strides[: len(taps)])
    try:
        found = em.repair(net)
    except ValueError as error:
        assert "strides that leave holes" in str(error)  # noqa: PT017
        return
    seen, before = em.receptive_field(found), em.receptive_field(net)
    assert (seen.is_covered, seen.size, seen.stride) == (True, before.size, before.stride)
    assert em.output_size(found, 200) == em.output_size(net, 200)


def test_the_usual_mistakes():
    assert change(em.repair(built([3] * 4, [2, 4, 8, 16])), [2, 4, 8, 16]) == 4  # 1 3 8 18, or 1 3 9 17
    net = em.Conv((3, 3), dilation=2, padding=2, channels=8) ** 3 >> em.Activation("relu")
    found = em.repair(net)
    assert em.receptive_field(found).is_covered
    assert em.output_size(found, 32) == (32, 32)
    assert all(node.channels == 8 for node in found.nodes[:3])


def test_taps_are_added_where_there_are_too_few():
    found = em.repair(em.Conv(2, dilation=9) >> em.Conv(3))
    assert em.receptive_field(found).is_covered
    assert em.receptive_field(found).size == 12
    assert [node.kernel.shape[0] for node in found.nodes] == [3, 4]  # 2 x 3 reach 6 of 12 at most


def test_a_network_without_holes_is_itself():
    net = built([3, 3], [1, 3])
    assert em.repair(net) is net


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (em.Residual(em.Conv(3, dilation=2, padding=2)) >> em.Conv(3, dilation=9), "has Residual"),
        (em.Conv(3, dilation=4000), "field of at most 4096"),
        (em.Conv(3, dilation=2) ** 300, "at most 256 layers"),
    ],
)
def test_what_cannot_be_repaired_is_said(net, says):
    with pytest.raises(ValueError, match=says):
        em.repair(net)
