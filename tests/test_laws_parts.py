"""What readings of shares are made of: levels, shells, discs, sums and ties, each by its definition."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.laws import balls
from erfmath.laws.balls import _Discs, _distances, _first, _shells, _sums_about, _trimmed, radius_on_axes
from erfmath.laws.quantiles import first_enough, tied
from erfmath.laws.shares import TIE, Level, as_level

UNIT = 2.0**-53
BELOW_1 = math.nextafter(1.0, 0.0)


@pytest.mark.parametrize("left", [1e-300, 1e-9, 0.25, 0.5, 0.75, BELOW_1])
def test_a_level_that_is_given_is_left_out_up_to_a_tie(left):
    level = Level(left)
    assert (level, level.held) == (left, 1 - left)
    assert level.most == left * (1 + TIE)
    assert level.least == pytest.approx((1 - left) * (1 - TIE) - UNIT * left, abs=UNIT / 4)
    assert level.is_small == (left >= 0.5)
    assert Level(level) is level is as_level(level)
    assert vars(as_level(left)) == vars(level)


@pytest.mark.parametrize("held", [1e-300, 1e-20, 1e-9, 0.25, 0.5, 0.75, BELOW_1])
def test_a_share_that_is_given_is_held_up_to_a_tie(held):
    level = Level.holding(held)
    assert (level, level.held) == (min(1 - held, BELOW_1), held)
    assert level.least == held * (1 - TIE)
    assert level.most == pytest.approx(float(level) * (1 + TIE) + UNIT * held, abs=UNIT / 4)
    assert level.is_small == (held <= 0.5)


def test_the_smaller_part_decides():
    small, large = Level.holding(0.25), Level(0.25)
    inside, outside = np.array([0.2, 0.25 * (1 - 2 * TIE), 0.25 * (1 - TIE / 2), 0.9]), np.zeros(4)
    assert small.is_met(inside, outside).tolist() == [False, False, True, True]
    assert large.is_met(outside, inside).tolist() == [True, True, True, False]
    assert large.is_met(0.0, 0.25 * (1 + TIE / 2))
    assert not large.is_met(1.0, 0.25 * (1 + 2 * TIE))


@pytest.mark.parametrize(("level", "error"), [(0, ValueError), (1, ValueError), ("a", TypeError)])
def test_a_level_lies_between_0_and_1(level, error):
    with pytest.raises(error, match=r"^share must "):
        as_level(level, "share")
    with pytest.raises(error, match=r"^level must "):
        as_level(level)


GRIDS = st.lists(st.integers(1, 4), min_size=1, max_size=3).flatmap(
    lambda sides: st.lists(st.integers(0, 9), min_size=math.prod(sides), max_size=math.prod(sides)).map(
        lambda values: np.array(values, dtype=float).reshape(sides)
    )
)


@given(GRIDS)
def test_shells_are_the_sums_of_one_largest_coordinate(grid):
    sums = np.zeros(max(grid.shape))
    for point, value in np.ndenumerate(grid):
        sums[max(point)] += value
    assert _shells(grid).tolist() == sums.tolist()


@given(st.lists(st.integers(1, 4), max_size=3))
def test_distances_are_those_from_the_first_point(sides):
    points = itertools.product(*map(range, sides))
    assert _distances(sides).tolist() == [sum(x * x for x in point) for point in points]


@given(st.lists(GRIDS, min_size=1, max_size=2), st.booleans())
def test_discs_are_the_sums_within_or_beyond_a_distance(folds, is_outside):
    folds = [np.where(np.arange(fold.size).reshape(fold.shape) == fold.size - 1, 1, fold) for fold in folds]
    found, masses = _Discs.of(folds, is_outside), {}
    for points in itertools.product(*map(np.ndenumerate, folds)):
        far = sum(x * x for point, _ in points for x in point)
        masses[far] = masses.get(far, 0) + math.prod(value for _, value in points)
    assert found.farthest == max(masses)
    for reach in range(-1, max(masses) + 2):
        inside = sum(mass for far, mass in masses.items() if far <= reach)
        assert found.mass(reach) == (sum(masses.values()) - inside if is_outside else inside)


def test_an_end_that_holds_a_thousandth_of_the_room_is_cut():
    line = np.array([0.5, 0.5, 1e-13, 1e-15, 0.0])
    for room, length in ((1e-20, 4), (0.9e-12, 4), (1.1e-12, 3), (0.9e-10, 3), (1.1e-10, 2)):
        for scale in (1.0, 64.0, 2.0**-20):
            np.testing.assert_array_equal(_trimmed(scale * line, room), scale * line[:length])
    plane = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert _trimmed(plane, 1.0) is plane


@given(st.integers(0, 40), st.data())
def test_the_first_that_is_enough_is_found_by_halving(last, data):
    first, read = data.draw(st.integers(0, last)), []
    assert _first(lambda r: read.append(r) or r >= first, last) == first
    assert all(0 <= r < last for r in read)
    assert len(read) <= (last + 1).bit_length()


LAWS = [em.distribution([1, 2, 1], 12), em.distribution([3, 1], 9), em.distribution([1, 0, 4, 1], 5)]


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_sums_about_a_point_grow_on_both_sides(law):
    for centre in (0, 3, 8):
        for radius in (0, 1, 5, 30):
            found = _sums_about(law, centre, radius)
            truth = [law.pmf(np.arange(centre - r, centre + r + 1)).sum() for r in range(radius + 1)]
            np.testing.assert_allclose(found, truth, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("summed", [0, 3, 2**20])
@pytest.mark.parametrize(
    "laws", [LAWS[:1], LAWS[:2], LAWS, LAWS[:1] * 3], ids=["one", "two", "three", "copies"]
)
def test_squares_on_axes_are_found_by_rows_or_by_tails(monkeypatch, laws, summed):
    monkeypatch.setattr(balls, "_SUMMED", summed)
    places = {law: 7 + k for k, law in enumerate(laws)}  # one for each of the distributions
    for centre in ([4] * len(laws), [places[law] for law in laws]):
        held = [
            math.prod(law.pmf(np.arange(c - r, c + r + 1)).sum() for law, c in zip(laws, centre, strict=True))
            for r in range(40)
        ]
        for share in (1e-4, 0.1, 0.4, 0.6, 0.9, 1 - 1e-6):
            radius = next(r for r, mass in enumerate(held) if mass >= share)
            assert radius_on_axes(laws, centre, Level.holding(share)) == radius
            assert radius_on_axes(laws, centre, Level(1 - share)) == radius


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_share_that_is_the_value_before_it_but_for_round_off_is_tied(sign):
    q = np.array([0.25] * 6 + [1e-20, 0.9])
    before = 0.25 * np.array([1, 1 - TIE / 2, 1 + TIE / 2, 1 - 2 * TIE, 0.5, 1, 0, 0])
    before[-2:] = 1e-20 * (1 - sign * TIE / 2), 0.9 - sign * 0.1 * TIE / 2
    after = np.full(8, 0.5)
    after[5] = 0.25 * (1 + TIE / 2)  # a step that the share cannot tell
    found = tied(q, before, after, sign)
    is_tied = np.array([True, True, True, False, False, False, True, True])
    np.testing.assert_array_equal(found[~is_tied], q[~is_tied])
    np.testing.assert_allclose(found[is_tied], (before * (1 - 4 * sign * UNIT))[is_tied], rtol=1e-16)
    ends = np.array([0.0, 1.0])
    np.testing.assert_array_equal(tied(ends, ends, np.array([0.5, 0.5]), sign), ends)


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=40).filter(any),
    st.sampled_from([1.0, -1.0]),
    st.sampled_from([1 - 3e-13, 1, 1 + 3e-13]),
)
def test_shares_that_a_staircase_takes_are_enough_but_for_round_off(weights, sign, factor):
    total = sum(weights)
    sums = np.cumsum(weights)
    row = (sums if sign > 0 else total - sums) / total
    row[-1] = float(sign > 0)
    q = row[(row > 0.01) & (row < 0.5)]
    found = first_enough(lambda x: row[x], q * factor, sign, (-1, len(row) - 1), (len(row) / 2, len(row) / 4))
    assert found.tolist() == [int(np.argmax(row == value)) for value in q]
