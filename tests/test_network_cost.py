"""Parameters, multiply-accumulates and memory, counted by hand and by torch."""

import re

import numpy as np
import pytest

import erfmath as em
from erfmath.network.channels import Channels, Scaled
from erfmath.network.cost import channels_of
from erfmath.network.program import program_of


def test_costs_of_single_layers_are_counted_by_hand():
    net = em.Conv((3, 3), stride=2, padding=1, channels=8, groups=2)
    found = em.cost(net, (9, 7), channels=4)
    assert (found.parameters, found.output_size) == (9 * 2 * 8, (5, 4))
    assert found.macs == found.parameters * 20
    assert found.memory == 4 * 8 * 20
    transposed = em.cost(em.ConvTranspose(4, 2, padding=1, channels=3), 10, channels=5)
    assert (transposed.parameters, transposed.macs, transposed.output_size) == (60, 600, (20,))
    assert em.cost(em.Pool(2), 10, channels=5).memory == 4 * 5 * 5


def test_costs_add_over_layers_and_copies():
    block = em.Residual(em.Conv((3, 3), padding=1) >> em.Activation("relu"))
    one, ten = em.cost(block, 8, channels=16), em.cost(block**10, 8, channels=16)
    assert (ten.parameters, ten.macs, ten.memory) == (10 * one.parameters, 10 * one.macs, 10 * one.memory)
    assert sum(layer.macs for layer in ten) == ten.macs


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (
            em.Conv(3, channels=6, groups=4),
            "groups must divide the channels of Conv(3, channels=6, groups=4)",
        ),
        (em.Sum([em.Conv(1, channels=2), em.Conv(1, channels=3)]), "adds branches of [2, 3] channels"),
        (em.Concat([em.Conv(1, channels=2), em.Identity()], [2, 2]), "declares (2, 2) channels"),
    ],
)
def test_channels_that_do_not_fit_name_the_layer(net, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        em.cost(net, 8, channels=4)


def test_torch_counts_the_same_multiply_accumulates():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        torch.nn.Conv2d(8, 8, 3, 1, 2, dilation=2, groups=4, bias=False),
        torch.nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
    )
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, 32, 32))
    net = (
        em.Conv((3, 3), 2, padding=1, channels=8)
        >> em.Conv((3, 3), 1, dilation=2, padding=2, channels=8, groups=4)
        >> em.ConvTranspose((4, 4), 2, padding=1, channels=4)
    )
    found = em.cost(net, 32, channels=3)
    assert 2 * found.macs == counter.get_total_flops()
    assert found.parameters == sum(p.numel() for p in module.parameters())


def test_each_layer_is_counted_by_hand():
    """Additions write what they add, pointwise layers nothing; a number takes as many bytes as one says."""
    first = em.Weighted(em.Conv(3, stride=2, padding=1, channels=2), np.ones((2, 1, 3)))
    factors, twice = Scaled([0.5, 2.0], ndim=1), Channels([0, 1, 0, 1], 2, ndim=1)
    last = em.Conv(5, padding=2)
    found = em.cost(first >> factors >> twice >> em.Residual(last), 13, itemsize=2)
    counted = [
        (row.node, row.size, row.channels, row.parameters, row.macs, row.memory) for row in found.layers
    ]
    of_five = (last, (7,), 4, 5 * 4 * 4, 5 * 4 * 4 * 7, 2 * 4 * 7)
    assert counted[:3] == [
        (first.layer, (7,), 2, 3 * 2, 3 * 2 * 7, 2 * 2 * 7),
        (factors, (7,), 2, 0, 0, 0),
        (twice, (7,), 4, 0, 0, 0),
    ]
    assert counted[3] == of_five
    assert [row[1:] for row in counted[4:]] == [((7,), 4, 0, 0, 2 * 4 * 7)]
    assert {type(number) for row in counted for number in row[2:]} == {int}
    assert channels_of(program_of(first >> factors >> twice), 1) == [1, 2, 2, 4]


def test_totals_are_shown_with_their_names():
    found = em.cost(em.Conv(3, channels=70), 100, channels=20)
    cells = re.findall(r">([^<]+)<", found._repr_html_())
    shown = ["parameters", "4,200", "multiply-accumulates", "411,600", "activations", "27.4 kB"]
    assert cells == ["Cost", *shown]
    assert repr(found) == "<Cost: 4,200 parameters, 411,600 multiply-accumulates, 27.4 kB of activations>"


def test_an_input_has_one_channel_and_numbers_four_bytes_unless_said():
    found = em.cost(em.Conv(3, channels=5), 10, channels=None)
    assert (found.parameters, found.macs, found.memory) == (15, 15 * 8, 4 * 5 * 8)
    assert found.output_channels == 5
    assert em.cost(em.Conv(3, channels=5), 10, channels=1, itemsize=1).memory == 5 * 8


@pytest.mark.parametrize("name", ["channels", "itemsize"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
def test_counts_that_are_none_are_refused_by_name(name, value):
    with pytest.raises((TypeError, ValueError), match=rf"\b{name} must be"):
        em.cost(em.Conv(3), 10, **{name: value})
