"""Parameters, multiply-accumulates and memory, counted by hand and by torch."""

import re

import pytest

import erfmath as em


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
