"""Which operation makes how much of the variance of an impact, by all walks written out."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import assume, example, given

import erfmath as em
from erfmath.network.program import program_of
from erfmath.network.shares import shares_by_span, variance_shares
from erfmath.strategies import networks


def walks(program, unit):
    """Yield (weight, units passed) for each walk back from a unit, (tensor, position), to the input."""
    tensor, place = unit
    if not tensor:
        yield 1.0, (unit,)
        return
    op = program.operations[tensor - 1]
    for source, gain in op.sources:
        for place_read, weight in read(op.what, place):
            for inner, passed in walks(program, (source, place_read)):
                yield float(gain) * weight * inner, (unit, *passed)


def read(stage, place):
    """The places that a unit reads, and their weights."""
    if stage is None:
        return [(place, 1.0)]
    step, dilation, shift, up = (
        entry[0] for entry in (stage.stride, stage.dilation, stage.shift, stage.upsampling)
    )
    places = [(step * place + dilation * tap + shift, float(w)) for (tap,), w in stage.kernel.taps()]
    return [(at // up, w) for at, w in places if at % up == 0]


def shares_by_enumeration(program, at=0):
    """E[(E[end | next unit] - E[end | unit])^2] of each operation, over all walks."""
    found = list(walks(program, (program.output, at)))
    mass, ends = defaultdict(float), defaultdict(float)
    for weight, passed in found:
        for unit in passed:
            mass[unit] += weight
            ends[unit] += weight * passed[-1][1]
    added = np.zeros(len(program.operations))
    for weight, passed in found:
        for unit, onward in itertools.pairwise(passed):
            added[unit[0] - 1] += weight * (ends[onward] / mass[onward] - ends[unit] / mass[unit]) ** 2
    return added / mass[program.output, at]


def law_of(net):
    return em.distribution(net if net.ndim else net >> em.Conv(em.Kernel([1])))


@example(
    em.Pool(1, 2, 1) ** 2 >> em.Concat([em.Identity(), em.Identity()], [1, 4])
)  # one point, up to rounding
@given(networks(max_layers=4, max_dims=1))
def test_shares_of_the_variance_are_those_of_all_walks(net):
    assume(net.ndim in (None, 1))
    program = program_of(net, 1, unrolled=True)
    shares = variance_shares(program)
    if shares is None:
        return
    assume(len(list(itertools.islice(walks(program, (program.output, 0)), 3000))) < 3000)
    added = shares_by_enumeration(program)
    np.testing.assert_allclose(shares, added / added.sum(), atol=1e-9)
    np.testing.assert_allclose(added.sum(), law_of(net).var(), rtol=1e-9)


DEEP = [
    em.Residual(em.Conv(3, padding=1)) >> em.Conv(3, stride=2) >> em.Sum([em.Conv(2), em.Conv([1, 0, 3])]),
    em.Conv(2, stride=3) >> em.Sum([em.Upsample(2), em.ConvTranspose([1, 2, 3], 2)], [1, 2]) >> em.Conv(3),
    em.Conv(3) >> em.ConvTranspose([1, 0, 0, 2], stride=3) >> em.Conv(4, dilation=2, padding=(3, 0)),
    em.Conv([1, 2]) ** 3 >> em.Conv(3, stride=2) >> em.Conv([0, 0, 1, 4], padding=(2, 0)) ** 2,
    em.Concat([em.Conv([1, 0, 5]) >> em.Pool(2), em.Pool(3, 2)], [1, 3]) >> em.Upsample(2, "linear"),
    em.Graph(
        {"a": (em.Conv(5), "input"), "b": (em.Conv(2), ("a", 0.5), "input"), "c": (em.Identity(), "a", "b")}
    ),
]


@pytest.mark.parametrize("number", range(len(DEEP)))
@pytest.mark.parametrize("unrolled", [False, True])
def test_shares_of_any_unit_are_those_of_all_walks(number, unrolled):
    program = program_of(DEEP[number], unrolled=unrolled)
    plain = program_of(DEEP[number], unrolled=True)
    for unit in range(-1, 6):
        added = shares_by_enumeration(plain, unit)
        law = em.distribution(DEEP[number], at=unit)
        assert added.sum() == pytest.approx(law.var())
        if len(program.operations) < len(plain.operations):  # copies count together
            parts = (added[span.operations].sum() for span in plain.spans)
            added = np.array(list(parts))
        np.testing.assert_allclose(variance_shares(program, (unit,)), added / added.sum(), atol=1e-12)


def test_two_axes_are_added():
    net = em.Conv((3, 1), (2, 1)) >> em.Conv((1, 5)) >> em.Conv((2, 2), dilation=(1, 3))
    parts = np.array([2 / 3, 2, 4 / 4 + 9 / 4])
    np.testing.assert_allclose(variance_shares(program_of(net)), parts / parts.sum())
    joined = em.Residual(em.Conv((3, 5), padding=(1, 2)))
    (of_conv, of_sum) = variance_shares(program_of(joined))
    assert (of_conv, of_sum) == pytest.approx((1, 0))


def test_the_sum_of_branches_upsampled_on_another_axis():
    """Half of the units on axis 0 hold nothing of a transposed tap alone, of nearest interpolation none."""
    branches = [em.Upsample((2, 1)) >> em.Conv((1, 3)), em.Upsample((2, 1)) >> em.Conv((1, 5))]
    net = em.Sum(branches, [1, 3])
    # means 1 and 2 of the branches, 1/4 and 3/4 of the walks
    parts = np.array([0, 1 / 4 * 2 / 3, 0, 3 / 4 * 2, 1 / 4 * 3 / 4])
    np.testing.assert_allclose(variance_shares(program_of(net)), parts / parts.sum(), atol=1e-12)
    uneven = em.Sum([em.ConvTranspose((1, 3), (2, 1)), em.ConvTranspose((1, 5), (2, 1))])
    assert variance_shares(program_of(uneven)) is None


@pytest.mark.parametrize(
    "net",
    [
        em.Conv([1, -1, 1]),
        em.Sum([em.Conv(3), em.Conv(5)], [1, -1]),
        em.Conv(3) >> em.GlobalPool(),
        em.Conv(1) ** 3,
        em.Conv([2, 2]) ** 10**6,
        em.Upsample(2) >> em.Conv([1, 1]) ** 2,
        em.Weighted(em.Conv(2), np.ones((1, 1, 2))),
        em.ConvTranspose(em.Kernel([[1, 0], [0, 1]]), 2),
    ],
    ids=repr,
)
def test_what_has_no_walk_has_no_shares(net):
    assert variance_shares(program_of(net)) is None


def test_copies_behind_an_upsampling_are_followed_one_by_one():
    net = em.Upsample(2) >> em.Conv([1, 1]) ** 2 >> em.Conv(3)
    added = shares_by_enumeration(program_of(net, unrolled=True))
    expected = [added[0], added[1] + added[2], added[3]]
    np.testing.assert_allclose(shares_by_span(net, 1), np.array(expected) / added.sum(), atol=1e-12)
    assert shares_by_span(em.Upsample(2) >> em.Conv([1, 1]) ** 10**6, 1) is None
    assert shares_by_span(em.Conv(3, 2) >> em.Conv(3) ** 2, 1) == pytest.approx((1 / 9, 8 / 9))
