"""Wider backbones: the side is reached, by the least factor, with as many weights."""

import pytest
from hypothesis import given, settings, strategies as st

import erfmath as em

NET = em.Conv((3, 3), padding=1) ** 2 >> em.Pool((2, 2)) >> em.Conv((3, 3), padding=1, channels=4) ** 3


@settings(max_examples=20)
@given(st.integers(1, 40), st.sampled_from([{}, {"profile": "std"}, {"definition": "mass", "level": 0.9}]))
def test_the_side_is_reached_by_the_least_factor(more, options):
    def side(net):
        read = em.variance(net) if "profile" in options else net
        return em.effective_field(read, **options).size

    wanted = int(side(NET)) + more
    try:
        found = em.widen(NET, wanted, **options)
    except ValueError as error:
        assert "no dilation or stride up to 8 times" in str(error)  # noqa: PT017
        return
    for row in found:
        assert side(row.net) == row.effective >= wanted
        assert em.receptive_field(row.net).size == row.field
        assert em.cost(row.net, 128, 4).parameters == em.cost(NET, 128, 4).parameters
    by_hand = {
        factor: side(NET.nodes[0] >> em.Pool((2, 2)) >> em.Conv((3, 3), 1, factor, factor) ** 3)
        for factor in range(2, 9)
    }
    least = next((factor for factor, reached in by_hand.items() if reached >= wanted), None)
    assert {row.factor for row in found if row.change.startswith("dilation from stride 1 on")} == {least} - {
        None
    }


def test_a_residual_network_by_its_last_stage():
    found = em.widen(em.zoo.resnet50(), 400, profile="std")
    assert found[0].change == "dilation from stride 16 on x 2"
    assert (found[0].field, found[0].stride) == ((587, 587), (32, 32))
    assert len({em.cost(row.net, 224, 3).parameters for row in found}) == 1


def test_a_convention_brings_its_profile():
    found = em.widen(NET, 30, convention="replknet")
    assert all(row.effective == em.effective_field(row.net, convention="replknet").size for row in found)


def test_a_graph_by_its_strided_layers():
    layers = {"a": (em.Conv(3, padding=1), "input"), "b": (em.Conv(3, stride=2, padding=1), "a")}
    found = em.widen(em.Graph(layers | {"c": (em.Conv(3, padding=1), "b")}, "c"), 12)
    assert [row.change for row in found] == ["dilation from b on x 2"]  # holes where all are dilated


@pytest.mark.parametrize(
    ("side", "says"),
    [
        (3, "more than the network has"),
        (10**4, r"no dilation or stride .* of 10000, where the network has .*'mass'"),
        (2.5, "effective must be"),
    ],
)
def test_errors_say_what_is_there(side, says):
    with pytest.raises((ValueError, TypeError), match=says):
        em.widen(NET, side)
