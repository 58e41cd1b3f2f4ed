"""Blocks of samples made of blocks of samples, unit by unit as they are defined."""

import itertools

import numpy as np
import pytest

import erfmath as em
from erfmath.network.blocks import Blocks, windows

KINDS = [
    Blocks(4, [range(4)] * 4),
    Blocks(3, [[0], [0, 2], [-2, 5, 1], [0]]),
    Blocks(1, [[0], [0]]),
    Blocks(2, [[1, 4]]),
    Blocks(1, [[2]]),
    Blocks((2, 1), [[[0, 1]] * 2, [[0]]]),
    Blocks((1, 3), [[[0]], [[0, 1], [1, 2], [2]]]),
    Blocks((2, 3), [[[1], [0]], [[-1, 1]] * 3]),
    windows((2, 1, 2)),
]


def expected(node, unit, power):
    """What a unit sees: of each axis an average over the samples that its turn in the block reads."""
    axes = []
    for size, reads, index in zip(node.size, node.reads, unit, strict=True):
        block, turn = divmod(index, len(reads))
        axes.append([(size * block + p, len(reads[turn]) ** -power) for p in reads[turn]])
    return {
        tuple(x for x, _ in places): np.prod([share for _, share in places])
        for places in itertools.product(*axes)
    }


@pytest.mark.parametrize("node", KINDS, ids=repr)
@pytest.mark.parametrize("power", [1, 2])
def test_each_unit_averages_what_it_reads(node, power):
    net = node if power == 1 else em.variance(node)
    for unit in itertools.product(*(range(-1, len(reads) + 1) for reads in node.reads)):
        found = em.impact_map(net, unit)
        seen = {
            tuple(o + i for o, i in zip(found.start, index, strict=True)): weight
            for index, weight in np.ndenumerate(found.values)
            if weight
        }
        assert seen == pytest.approx(expected(node, unit, power))


def test_a_window_makes_as_many_samples_as_it_reads():
    assert em.output_size(windows((2, 3)), (8, 9)) == (8, 9)
    assert em.output_size(Blocks(4, [[0], [1]]), 12) == 6
    assert em.cost(windows((2, 2)), (4, 4), channels=3).parameters == 0
    for node in KINDS:
        assert type(node)(*node.args) == node


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blocks((2, 2), [[[0]]]), "must have an entry for each axis, got 2 and 1"),
        (lambda: Blocks((), []), "must have an entry for each axis, got 0 and 0"),
        (lambda: Blocks(2, [[0], []]), "reads must name a sample for every unit"),
        (lambda: Blocks((2, 2), [[[0]], []]), "reads must name a sample"),
        (lambda: Blocks(0, [[0]]), "^size must be at least 1, got 0"),
        (lambda: Blocks((1.5,), [[[0]]]), "^size must be an int"),
    ],
)
def test_blocks_that_are_none_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
