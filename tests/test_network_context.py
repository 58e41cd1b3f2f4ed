"""Fields of layers that read a side whole, one or both, against the places that are read, listed."""

import math

import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.network.field import phases_of
from erfmath.network.program import Program, program_of
from erfmath.network.regions import regions_of

FAR = 3000  # a side that is read whole is read so far
ENDLESS = 60  # what reaches beyond this has no end there: strides and factors are 3 at most, three times


def places_read(net, places):
    """The input positions that units of a network of one axis read."""
    match net:
        case em.Series():
            for part in reversed(net.nodes):
                places = places_read(part, places)
            return places
        case em.Power():
            for _ in range(net.n):
                places = places_read(net.node, places)
            return places
        case em.Residual():
            return places | places_read(net.branch, places)
        case em.Sum():
            return set().union(*(places_read(branch, places) for branch in net.branches))
        case em.GlobalContext():
            (side,) = net.sides or ("both",)
            low = -FAR if side in ("before", "both") and places else min(places, default=0)
            high = FAR if side in ("after", "both") and places else max(places, default=-1)
            between = set(range(low, high + 1))
            return between if side != "none" else places
    taps, (dilation,) = [p for (p,), weight in net.kernel.taps() if weight], net.dilation
    ((before, _),), (stride,) = net.padding, net.stride
    if isinstance(net, em.Conv):
        return {stride * y + dilation * p - before for y in places for p in taps}
    wanted = {y + before - dilation * p for y in places for p in taps}
    return {y // stride for y in wanted if y % stride == 0}


def region_listed(net, unit):
    """The first and the last position that a unit reads, infinite on a side without an end."""
    places = places_read(net, {unit})
    if not places:
        return None
    low, high = min(places), max(places)
    return -math.inf if low < -ENDLESS else low, math.inf if high > ENDLESS else high


CONV = em.Conv([1, 0, 2], stride=2, padding=(3, 0))
UP = em.ConvTranspose([1, 0, 0, 1, 1], stride=3, padding=[(2, 0)])
DILATED = em.Conv(4, dilation=3, padding=(1, 7))
SIDES = ("before", "after", "both")
LAYERS = [CONV, UP, DILATED, em.Conv(2), em.ConvTranspose([1], stride=3), em.Residual(DILATED)]
CONTEXTS = [em.GlobalContext(side) for side in SIDES]


def composed(side):
    """Networks with a layer that reads a side whole: among others, in branches and in copies."""
    context = em.GlobalContext(side)
    block = em.Residual(em.Conv(2) >> context)
    return [
        CONV >> context,
        context >> CONV,
        context >> UP,
        CONV >> context >> UP,
        UP >> context >> CONV,
        UP >> context >> DILATED >> CONV,
        em.Sum([DILATED, context]) >> UP,
        em.Sum([em.Conv(2) >> context, em.Conv(5, padding=(4, 0))]) >> CONV,
        (DILATED >> context) ** 3,
        em.Conv([1, 0, 1]) >> block**2 >> CONV,
        em.Conv(2) ** 2 >> context**3 >> UP,
    ]


def check(net):
    """Compare the field of each unit, and the regions of each tensor, with what is listed or pulled back."""
    field, program = em.receptive_field(net), program_of(net)
    for unit in range(-3, 6):
        assert field.region(unit) == region_listed(net, unit)
    for tensor, regions in enumerate(regions_of(program)):
        phases = phases_of(Program(program.operations[:tensor], tensor, program.ndim))
        assert [axis.phases for axis in regions] == [tuple(p.region for p in axis) for axis in phases]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("number", range(11))
def test_a_side_read_whole_has_no_end_and_the_other_keeps_its_own(side, number):
    check(composed(side)[number])


@given(st.lists(st.sampled_from([*LAYERS[3:], *CONTEXTS]), min_size=1, max_size=4), st.sampled_from(CONTEXTS))
def test_any_series_with_a_side_read_whole(layers, context):
    first, *others = layers
    check(em.Series([first, context, *others[:2]]) >> em.Conv(1))


def test_sides_are_those_of_each_axis():
    net = em.Conv((3, 3, 3), padding=1) >> em.GlobalContext(("none", "before", "after"))
    field = em.receptive_field(net)
    assert field.region((0, 0, 0)) == ((-1, 1), (-math.inf, 1), (-1, math.inf))
    assert field.halo() == ((1, 1), (math.inf, 1), (1, math.inf))
    clear = em.border(net, (9, 9, 9)).clear()
    assert clear == ((1, 7), None, None)
    for layer in (em.GlobalContext(("none", "both")), em.GlobalPool((False, True))):
        assert em.border(em.Conv((3, 3), padding=1) >> layer, (9, 9)).clear() == ((1, 7), None)
    for layer in (em.GlobalContext(("after", "none")), em.GlobalPool((True, False))):
        assert em.border(em.Conv((3, 3), padding=1) >> layer, (9, 9)).clear() == (None, (1, 7))


@pytest.mark.parametrize(
    ("side", "rows"),
    [
        ("before", [[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]),
        ("after", [[1 / 3, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2], [0, 0, 1]]),
        ("both", [[1 / 3] * 3] * 3),
    ],
)
def test_a_map_with_borders_averages_over_what_is_read(side, rows):
    for unit, row in enumerate(rows):
        found = em.impact_map(em.GlobalContext(side), unit, 3)
        assert found.offset == 0
        assert found.values == pytest.approx(row)
    both = em.GlobalContext(("none", side))
    for unit, row in enumerate(rows):
        found = em.impact_map(both, (2, unit), (4, 3))
        assert found.start == (2, 0)
        assert found.values[0] == pytest.approx(row)
