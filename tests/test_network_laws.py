"""Laws of impacts on one axis and on several: their ways, exact and by floats, against integers."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from oracles_network import impact

import erfmath as em
from erfmath.network import distribution as ways
from erfmath.network.distribution import MapDistribution
from erfmath.network.field import regions_of_unit
from erfmath.network.impact import Polynomials, TooManyTermsError, response_of
from erfmath.network.program import program_of
from erfmath.polynomials.kernel import Kernel

BRANCHED = em.Sum([em.Conv([1, 0, 2], padding=3), em.Conv([3, 1], dilation=4)], [2, Fraction(1, 3)])
TWISTED = em.Conv([[1, 2], [0, 5]]) >> em.ConvTranspose([[1, 0, 2], [3, 1, 0]], (2, 1)) >> em.Conv((2, 1))


def shares(net, unit, axis=None):
    """The exact law of an impact, or of its coordinate on an axis."""
    found = {}
    for x, weight in impact(net, unit).items():
        key = x if axis is None else x[axis]
        found[key] = found.get(key, 0) + weight
    return {x: float(weight / sum(found.values())) for x, weight in found.items()}


def held(law):
    """The shares that a law of one axis holds."""
    return {x: p for x, p in enumerate(law.probabilities().tolist(), law.support()[0]) if p}


@pytest.mark.parametrize("most", [10**6, 0])
@pytest.mark.parametrize("unit", [0, 5, -3])
def test_a_law_is_exact_or_where_that_takes_long_by_floats(most, unit, monkeypatch):
    monkeypatch.setattr(ways, "_MOST_TERMS", most)
    monkeypatch.setattr("erfmath.network.impact._FEW", 0)
    net = em.Sum([BRANCHED >> em.Conv([1, 4]), em.Conv([1, 1, 7])])
    law = em.distribution(net, at=unit)
    assert held(law) == pytest.approx(shares(net, unit))
    assert (law.polynomial is None) == (most == 0)
    assert 0 < law.error < 1e-14


@pytest.mark.parametrize("unit", [(0, 0), (1, 2), (4, -3)])
def test_marginals_and_maps_on_two_axes(unit):
    law = em.distribution(TWISTED, at=unit)
    assert isinstance(law, MapDistribution)
    exact = shares(TWISTED, unit)
    assert {x: law.pmf(list(x)) for x in exact} == pytest.approx(exact)
    assert law.probabilities().sum() == pytest.approx(1)
    for axis in (0, 1):
        assert held(law.marginals[axis]) == pytest.approx(shares(TWISTED, unit, axis))
    ends = [(min(x[a] for x in exact), max(x[a] for x in exact)) for a in (0, 1)]
    assert law.bounds == tuple(ends)
    assert (law.ndim, law.is_independent) == (2, False)


def test_like_axes_share_their_marginals_at_like_units():
    net = em.Conv([[1, 2], [2, 7]]) >> em.Upsample((2, 2)) >> em.Conv([[1, 3], [3, 1]])
    for unit in itertools.product((0, 1, 3), repeat=2):
        law = em.distribution(net, at=unit)
        for axis in (0, 1):
            assert held(law.marginals[axis]) == pytest.approx(shares(net, unit, axis))
        assert (law.marginals[0] is law.marginals[1]) == (unit[0] == unit[1])
    apart = em.distribution(em.Conv((3, 5)) >> em.Conv((2, 2), (1, 2)), at=(2, 1))
    assert apart.is_independent
    assert apart.bounds == ((2, 5), (2, 7))


def test_a_branch_of_zeros_makes_the_support_wider_than_the_map():
    zeros = em.Weighted(em.Conv((3, 5), padding=(1, 2)), np.zeros((1, 1, 3, 5)))
    ones = em.Weighted(em.Conv((1, 2)), np.arange(1.0, 3).reshape(1, 1, 1, 2))
    law = em.distribution(em.Sum([zeros, ones]))
    assert law.bounds == ((-1, 1), (-2, 2))
    assert law.probabilities().tolist() == [[0] * 5, [0, 0, 1 / 3, 2 / 3, 0], [0] * 5]
    assert law.probabilities().shape == (3, 5)
    wide = em.Weighted(em.Conv((2, 2)), np.array([[0.0, 0], [0, 3]]).reshape(1, 1, 2, 2))
    alone = em.distribution(wide)
    assert alone.bounds == ((1, 1), (1, 1))
    assert alone.probabilities().tolist() == [[1.0]]


def test_what_the_floats_do_not_reach_is_seen_all_the_same():
    net = em.Residual(em.Conv([[0, 1], [1, 10**9]], padding=((0, 1), (0, 1)))) >> em.Upsample((2, 2))
    far = em.Weighted(em.Conv((1, 3), padding=(0, 1)), [[[[1.0, 1e8, 1.0]]]])
    near = em.Weighted(em.Conv((3, 3), padding=1), np.ones((1, 1, 3, 3)))
    deep = em.Sum([far**80, near]) >> em.Upsample((2, 2))
    for case in (net, deep):
        law = em.distribution(case, at=(1, 0))
        field = em.receptive_field(case).region((1, 0))
        assert law.bounds == field
        assert law.bounds == regions_of_unit(program_of(case), (1, 0))
        assert all(type(end) is int for ends in law.bounds for end in ends)


def test_the_region_of_a_unit_leaves_out_what_is_blind_on_some_axis():
    hidden = em.ConvTranspose(Kernel([[1]]), (2, 1)) >> em.Conv(Kernel([[1]], offset=(1, 0)), (2, 1))
    net = em.Sum([hidden >> em.Conv((9, 9), padding=4), em.Conv((1, 5), padding=(0, 2))])
    assert regions_of_unit(program_of(net), (3, 4)) == ((3, 3), (2, 6))
    assert regions_of_unit(program_of(hidden), (3, 4)) == (None, None)
    two = em.ConvTranspose(Kernel([[1]]), (2, 3))
    assert regions_of_unit(program_of(two), (2, 3)) == ((1, 1), (1, 1))
    assert regions_of_unit(program_of(two), (2, 4)) == (None, None)
    whole = em.Conv((3, 3)) >> em.GlobalContext(("none", "after"))
    assert regions_of_unit(program_of(whole), (2, 3)) == ((2, 4), (3, math.inf))


def test_the_polynomials_of_branches_by_hand():
    ring = Polynomials()
    one, two = Kernel([1, 2], -1), Kernel([5], 3)
    whole, left = ring.total([(2, one), (Fraction(1, 5), two)], 100.0)
    assert (whole, left) == (Kernel([2, 4, 0, 0, 1], -1), 100)
    assert ring.total([(1, one), (-1, one)], 100.0) is None
    with pytest.raises(TooManyTermsError):
        ring.total([(1, one), (1, Kernel([1], 200))], 100.0)
    assert ring.total([(1, one), (1, Kernel([1], 62))], 0)[1] == 0  # 64 are few
    with pytest.raises(TooManyTermsError):
        ring.total([(1, one), (1, Kernel([1], 63))], 0)
    assert ring.total([(1, one), (1, Kernel([1], 63))], 1)[1] == 0
    assert ring.place(Kernel([1], 7)) == (7,)
    assert ring.place(Kernel([2], 7)) is None
    assert ring.place(Kernel([[1, 0]], (0, 0))) is None
    assert ring.decimated(Kernel([1, 2, 3, 4], -3), (2,)) == Kernel([2, 4], -1)
    assert ring.decimated(Kernel([1, 0, 3], 0), (2,)) == Kernel([1, 3], 0)
    assert ring.decimated(Kernel([1, 0, 3], 1), (2,)) is None
    assert ring.written((), (3,)) == Kernel([1], 3)


@pytest.mark.parametrize(
    ("net", "unit"),
    [
        (em.Conv([1, 2]) ** 3 >> em.Conv([1, 5], 2), 2),
        (em.Conv([1]), 4),
        (em.Identity() >> em.Pad([(2, 0)]), 0),
        (BRANCHED >> em.Upsample(2), 3),
        (em.Power(em.Conv([1, 0, 3]), 2) >> em.ConvTranspose([1, 2, 3], 2), -1),
    ],
    ids=repr,
)
def test_products_of_polynomials_multiply_to_the_impact(net, unit):
    product = response_of(program_of(net), (unit,))
    weights = em.coefficients(product)
    places = enumerate(np.ravel(weights).tolist(), product.offsets[0])
    exact = impact(net, unit)
    assert {x: w for x, w in places if w} == pytest.approx({x: float(w) for x, w in exact.items()})


def test_what_is_refused_names_the_unit_and_the_layer():
    hole = em.ConvTranspose([1], 2)
    words = "output unit 3 sees nothing: no tap of an upsampling layer meets it, or branches cancel"
    with pytest.raises(ValueError, match=words):
        response_of(program_of(hole), (3,))
    with pytest.raises(ValueError, match=r"^at must be an int or 2 ints"):
        MapDistribution(TWISTED, (1, 2, 3))
    with pytest.raises(TypeError, match=r"^net must be a network"):
        MapDistribution("net", (1, 2))
    plane = em.ConvTranspose(Kernel([[1, 0], [0, 1]]), 2) >> em.ConvTranspose(Kernel([[1]]), 2)
    with pytest.raises(ValueError, match=r"output unit \(1, 2\) sees nothing"):
        em.distribution(plane, at=(1, 2)).probabilities()
    with pytest.raises(ValueError, match=r"output unit \(1, 2\) sees nothing"):
        em.impact_map(plane, at=(1, 2))
    with pytest.raises(ValueError, match=r"output unit 3 sees nothing: its paths are lost, or cancel"):
        em.impact_map(hole, at=3)
    with pytest.raises(ValueError, match=r"Conv\(Kernel\(\[1, -2\]\)\) has a negative weight"):
        em.distribution(em.Conv([1, -2]) ** 2, input_size=9)
    for reading in (em.polynomial, em.central_limit):
        with pytest.raises(ValueError, match="GlobalContext\\('before'\\) reads its whole input"):
            reading(em.Conv(3) >> em.GlobalContext("before"))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_channels_of_the_output_are_chosen(channel):
    weights = np.arange(1.0, 13).reshape(3, 2, 2)
    net = em.Weighted(em.Conv(2), weights)
    for found in (em.impact_map(net, 4, channel=channel), em.impact_map(net, 4, 9, channel=channel)):
        assert (found.offset, found.channels.tolist()) == (4, weights[channel].tolist())
    copied = em.Weighted(em.Conv(1), weights[:2, :, :1]) ** 2
    squared = weights[:2, :, 0] @ weights[:2, :, 0]
    assert em.impact_map(copied, channel=channel % 2).channels[:, 0].tolist() == squared[channel % 2].tolist()
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="channel must be at"):
            em.impact_map(net, channel=wrong)
    assert em.impact_map(net).channels.tolist() == weights.sum(axis=0).tolist()


def test_impacts_at_the_ends_of_the_floats():
    for power in (999, -999):
        assert em.impact_map(em.Conv([2.0 ** (power - 1)])).values[0] == 2.0 ** (power - 1)
    for power in (1000, -1001):
        with pytest.raises(ValueError, match=rf"the impact is around 2\*\*{power + 1},"):
            em.impact_map(em.Conv([2.0**power]))


def test_laws_of_a_map():
    found = em.impact_map(em.Weighted(em.Conv(2), [[[1.0, -2.0], [3.0, 0.0]]]), 5)
    assert found.law(2).support() == (5, 6)
    assert found.distribution().probabilities() == pytest.approx([4 / 6, 2 / 6])
    assert not found.channels.flags.writeable
    for power in (0, 1.5):
        with pytest.raises((TypeError, ValueError), match="power must be"):
            found.distribution(power)


@pytest.mark.parametrize("at", [(0, 0), (1, 0)])
def test_the_bounds_are_those_of_the_field_where_floats_behind_upsampling_underflow(at):
    steep = em.Conv([[1, 10**8, 1]], padding=(0, 1)) ** 80  # ends at 1e-640 of its middle
    net = em.Sum([steep, em.Conv((3, 3), padding=1)]) >> em.Upsample((2, 2))
    assert em.distribution(net, at=at).bounds == em.receptive_field(net).region(at) == ((-1, 1), (-80, 80))
