"""Maps of impacts by floats: what they hold, what is folded, what they ask for, by integers and loops."""

import math
from fractions import Fraction

import numpy as np
import pytest
from oracles_network import impact

import erfmath as em
from erfmath.network import border as border_module, maps
from erfmath.network.maps import Map, map_of, passes, rounding_of
from erfmath.network.overlap import overlap
from erfmath.network.program import program_of

BRANCHED = em.Sum(
    [
        em.ConvTranspose([[1, 2], [3, 4]], 2) >> em.Conv([[1, 0], [2, 1]], (1, 2)),
        em.Upsample((3, 1)) >> em.Conv([[1], [5], [2]], (3, 1), padding=(1, 0)) >> em.Upsample((2, 1)),
    ],
    [2, Fraction(1, 2)],
)


def listed(found):
    """The weights of a map that are not zero, by position."""
    values = np.ldexp(found.grid, found.exponent)
    return {
        tuple(o + i for o, i in zip(found.offset, index, strict=True)): value
        for index, value in np.ndenumerate(values)
        if value
    }


@pytest.mark.parametrize("unit", [(0, 0), (1, 2), (5, 3), (-4, 1)])
def test_axes_that_are_not_kept_are_summed(unit):
    exact = impact(BRANCHED, unit)
    program = program_of(BRANCHED)
    assert listed(map_of(program, unit)) == pytest.approx({x: float(w) for x, w in exact.items()})
    for axis in (0, 1):
        sums = {}
        for x, weight in exact.items():
            sums[x[axis]] = sums.get(x[axis], 0) + float(weight)
        found = map_of(program, unit, kept=(axis,))
        assert found.grid.shape[1 - axis] == 1  # as one residue: it is not carried along
        assert {x[axis]: w for x, w in listed(found).items()} == pytest.approx(sums)
    whole = map_of(program, unit, kept=())
    assert whole.grid.shape == (1, 1)
    assert whole.grid.sum() * 2.0**whole.exponent == pytest.approx(float(sum(exact.values())))


def test_a_map_keeps_the_axes_asked_for_alone():
    assert map_of(program_of(em.Conv((3, 3)) ** 2), (0, 0), (0,)).values.shape == (1, 5, 1)
    assert map_of(program_of(em.Conv((3, 3)) ** 2), (0, 0)).values.shape == (1, 5, 5)


def test_the_parts_of_a_sum_have_exponents_of_their_own():
    big, small = Map(np.array([[1.0, 2.0]]), (3,), (0,), 10), Map(np.array([[3.0]]), (2,), (0,), 8)
    found = Map.total([(1, big), (Fraction(1, 2), small)])
    assert listed(found) == {(2,): 3 * 2**7, (3,): 2**10, (4,): 2**11}
    assert listed(Map.total([(8, small)])) == {(2,): 3 * 2**11}
    assert listed(Map.total([(-2, small)])) == {(2,): -3 * 2**9}
    assert listed(Map.total([(3, small)])) == {(2,): 9 * 2**8}
    folded = Map.total([(1, Map(np.arange(6.0)[None], (0,), (6,))), (1, Map(np.ones((1, 4)), (0,), (4,)))])
    assert (folded.moduli, folded.values.tolist()) == ((2,), [[0 + 2 + 4 + 2, 1 + 3 + 5 + 2]])


@pytest.mark.parametrize("weight", [2.0**300, 2.0**-300])
def test_values_beyond_the_floats_keep_their_exponent(weight):
    net = em.Conv([weight, 3 * weight]) ** 5
    found = map_of(program_of(net, unrolled=True), (0,))
    powers = [math.comb(5, k) * 3**k for k in range(6)]
    shift = 1500 if weight > 1 else -1500
    assert (found.grid * 2.0 ** (found.exponent - shift)).tolist() == powers
    assert 1 / maps._WIDEST < found.grid.max() < maps._WIDEST
    assert em.distribution(net).probabilities() == pytest.approx(np.array(powers) / 4**5)


def test_totals_beyond_the_floats_have_a_common_scale():
    far = em.ConvTranspose([2.0**300, 2.0**302, 2.0**300], 2) >> em.Conv([2.0**300]) ** 3
    assert overlap(far).ratio == pytest.approx(2)
    near = em.ConvTranspose([2.0**300, 2.0**302, 2.0**300], 2)
    assert overlap(near).totals.tolist() == [2.0**301, 2.0**302]


def test_all_paths_of_a_unit_may_lie_outside():
    for taps in ([1, 2, 1], [1, 1, 1, 1, 1, 1], [3]):
        net = em.Conv(taps, padding=9)
        with pytest.raises(ValueError, match="output unit 0 sees nothing: all its paths are lost"):
            em.distribution(net, at=0, input_size=5)
        last = em.output_size(net, 5) - 1
        with pytest.raises(ValueError, match=f"output unit {last} sees nothing: all its paths are lost"):
            em.distribution(net, at=last, input_size=5)
    for reading in (em.impact_map, lambda net, unit, size: em.distribution(net, at=unit, input_size=size)):
        with pytest.raises(ValueError, match="output unit 0 sees nothing"):
            reading(em.Conv([1, 0, 1], padding=1), 0, 1)  # a tap of zero alone is inside
    with pytest.raises(ValueError, match="output unit 0 sees nothing: its paths are lost, or cancel"):
        em.impact_map(em.Conv([1, -1], padding=(1, 0), padding_mode="replicate"), 0, 4)
    plane = em.Conv(np.arange(1, 10).reshape(3, 3), padding=((4, 0), (0, 4)))
    with pytest.raises(ValueError, match=r"output unit \(0, 2\) sees nothing"):
        em.distribution(plane, at=(0, 2), input_size=(4, 4))


def test_what_maps_take_is_asked_for(monkeypatch):
    """Three arrays of floats, of as many channels as there are, over all positions before they are cut."""
    asked = []
    monkeypatch.setattr(maps, "check_memory", lambda needed, what, remedy: asked.append((needed, what)))
    em.impact_map(em.Conv([[1, 2, 3], [4, 5, 7]]))
    assert asked == [(24 * 6, "the map of (2, 3) pixels")]
    asked.clear()
    em.impact_map(em.Weighted(em.Conv(4, groups=2), np.ones((2, 3, 4))))
    assert asked == [(24 * 6 * 4, "the map of (4,) pixels")]
    asked.clear()
    em.impact_map(
        em.Weighted(em.Conv(2), np.ones((3, 5, 2))) >> em.Weighted(em.Conv(3, 2), np.ones((1, 3, 3)))
    )
    assert asked == [(24 * 3 * 3, "the map of (3,) pixels"), (24 * 5 * 4, "the map of (4,) pixels")]


def test_what_folding_takes_is_asked_for(monkeypatch):
    """A float for each sample of the axis, on each line: only where something lies outside."""
    asked = []
    monkeypatch.setattr(border_module, "check_memory", lambda needed, what, remedy: asked.append(needed))
    weights = [[1, 2], [3, 4], [5, 7]]
    em.impact_map(em.Conv(weights, padding=(1, 0), padding_mode="reflect"), (0, 2), (6, 9))
    assert asked == [8 * 6 * 2]
    asked.clear()
    em.impact_map(em.Conv(weights, padding=(1, 0), padding_mode="reflect"), (5, 2), (6, 9))
    assert asked == [8 * 6 * 2]
    asked.clear()
    for unit in ((1, 2), (4, 7)):
        em.impact_map(em.Conv(weights, padding=(1, 0), padding_mode="reflect"), unit, (6, 9))
    assert asked == []
    em.border(em.Conv(3, padding=1) >> em.Conv(2, 2), 10).clear()
    assert asked == [20 * 10 + 10 + 10 + 5]


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("erfmath._memory._ALWAYS_FITS", 0)
    for free, fits in ((24 * 6, True), (24 * 6 - 1, False)):
        monkeypatch.setattr("erfmath._memory.available_memory", lambda free=free: free)
        read = em.Conv([[1, 2, 3], [4, 5, 7]])
        if fits:
            assert em.impact_map(read).values.sum() == 22
            continue
        with pytest.raises(ValueError, match=r"the map of \(2, 3\) pixels needs 144 .* take marginals"):
            em.impact_map(read)


def test_the_bound_of_the_rounding_counts_products():
    unit = rounding_of(program_of(em.Conv([1, 2, 3])))  # three products, two more, two of the sum
    assert unit == 7 * 2.0**-53
    of_copies = rounding_of(program_of(em.Conv([1, 2, 3]) ** 4))
    assert of_copies == 4 * unit + 2 * 2.0**-53
    assert rounding_of(program_of(em.Residual(em.Conv([1, 0, 3])))) == (4 + 2 + 4) * 2.0**-53


def test_kernels_that_separate_are_convolved_axis_by_axis():
    box = em.Kernel(np.outer([1, 2], [3, 4, 5]), (1, -2))
    parts = passes(box, may_separate=True)
    assert [axes for axes, _, _ in parts] == [(0,), (1,)]
    assert [offset for *_, offset in parts] == [(1,), (-2,)]
    assert np.outer(*(weights for _, weights, _ in parts)).tolist() == np.outer([1, 2], [3, 4, 5]).tolist()
    ((axes, weights, offset),) = passes(box, may_separate=False)
    assert (axes, weights.tolist(), offset) == ((0, 1), [[3, 4, 5], [6, 8, 10]], (1, -2))
