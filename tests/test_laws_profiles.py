"""Grids on a field, runs of pixels and what of them is inside, against masks in full."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.laws.profiles import Profile, Runs


@st.composite
def profiles(draw):
    ndim = draw(st.integers(1, 3))
    sides = draw(st.tuples(*[st.integers(1, 4)] * ndim))
    start = draw(st.tuples(*[st.integers(0, 3)] * ndim))
    after = draw(st.tuples(*[st.integers(0, 3)] * ndim))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 9, sides).astype(float)
    values[(0,) * ndim] += 1
    return Profile(values, start, tuple(s + n + e for s, n, e in zip(start, sides, after, strict=True)))


@given(profiles(), st.data())
def test_a_profile_is_its_full_grid(profile, data):
    full = profile.full()
    assert full.shape == profile.shape
    assert full.sum() == profile.values.sum()
    for index in np.ndindex(*full.shape):
        assert profile.at(index) == full[index]
    assert profile.peak == full.max() == full[profile.highest]
    assert profile.highest == np.unravel_index(full.argmax(), full.shape)
    level = data.draw(st.floats(0, 1, exclude_max=True)) * full.max()
    inside = np.argwhere(2 * full > 2 * level)
    assert profile.ends(2.0, 2 * level) == list(
        zip(inside.min(axis=0).tolist(), inside.max(axis=0).tolist(), strict=True)
    )
    doubled = profile.with_values(2 * profile.values)
    assert (doubled.full() == 2 * full).all()


@given(profiles(), st.data())
def test_a_part_of_a_profile_is_that_part_of_its_grid(profile, data):
    ends = []
    for side in profile.shape:
        low = data.draw(st.integers(0, side - 1))
        ends.append((low, data.draw(st.integers(low, side - 1))))
    part = profile.cut(ends)
    expected = profile.full()[tuple(slice(low, high + 1) for low, high in ends)]
    assert part.shape == expected.shape
    if part.values.size:
        np.testing.assert_array_equal(part.full(), expected)
    else:
        assert not expected.any()


def test_profiles_are_values():
    one = Profile(np.ones(2), (1,), (4,))
    assert one == Profile(np.ones(2), (1,), (4,))
    assert hash(one) == hash(Profile(np.ones(2), (1,), (4,)))
    others = [
        Profile(np.ones(2), (0,), (4,)),
        Profile(np.ones(2), (1,), (5,)),
        Profile(np.zeros(2), (1,), (4,)),
    ]
    assert all(one != other for other in [*others, 1])
    assert len({hash(one), *map(hash, others[:2])}) == 3


def test_runs_are_their_pixels():
    runs = Runs(((1, 5), (8, 8)), 2, (12,))
    assert np.flatnonzero(runs.full()).tolist() == [1, 3, 5, 8]
    assert (runs.full().shape, runs.full().max()) == ((12,), 1.0)
    assert (runs.count, runs.peak, runs.ends(1.0, 0.5)) == (4, 1.0, [(1, 8)])


NET = em.Conv((5, 5), padding=2) ** 3  # 13 x 13 pixels


@pytest.mark.parametrize("at", [(0, 0), (8, 8), (4, 4), (1, 7)])
@pytest.mark.parametrize("side", [9, 13, 30])
@pytest.mark.parametrize("borders", [True, False])
def test_a_field_is_that_of_the_pixels_in_the_picture(at, side, borders):
    law = em.distribution(NET, at=at, input_size=side if borders else None)
    firsts = [max(0, a - 6) for a in at]
    box = [range(first, min(side, a + 7)) for first, a in zip(firsts, at, strict=True)]
    grid = np.array([[law.pmf((x, y)) for y in box[1]] for x in box[0]])
    row = np.sort(grid.ravel())[::-1]
    least = row[np.argmax(np.cumsum(row) >= 0.77 * grid.sum())] * (1 - 1e-9)
    for definition, level in (("threshold", 0.23 * grid.max()), ("mass", least)):
        found = em.effective_field(
            NET, definition, "max", at=at, input_size=side, borders=borders, level=0.23
        )
        np.testing.assert_array_equal(found.mask, grid > level)
        assert found.count == (grid > level).sum()
        assert found.field_size == pytest.approx(np.sqrt(grid.size))
    for definition in ("square", "radial", "sigma", "two_sigma"):
        found = em.effective_field(NET, definition, at=at, input_size=side, borders=borders)
        assert found.field_size == pytest.approx(np.sqrt(grid.size))
        assert found.ratio == pytest.approx(found.size / np.sqrt(grid.size))


def least_radius(grid, distances, share):
    """The smallest distance within which a share of the grid lies, by trying each."""
    return next(
        r for r in np.unique(distances) if grid[distances <= r].sum() >= share * grid.sum() * (1 - 1e-12)
    )


@pytest.mark.parametrize("at", [(0, 0), (8, 8), (4, 4), (1, 7)])
@pytest.mark.parametrize("side", [9, 13, 30])
@pytest.mark.parametrize("ref", ["centre", "max", "picture"])
def test_squares_and_discs_lie_about_the_pixel_of_reference(at, side, ref):
    law = em.distribution(NET, at=at)
    firsts = [max(0, a - 6) for a in at]
    box = [range(first, min(side, a + 7)) for first, a in zip(firsts, at, strict=True)]
    grid = np.array([[law.pmf((x, y)) for y in box[1]] for x in box[0]])
    centre = (side // 2, side // 2) if ref == "picture" else at  # the largest impact is the unit's own
    steps = [np.array([x - c for x in xs]) for xs, c in zip(box, centre, strict=True)]
    options = {"ref": ref, "at": at, "input_size": side, "borders": False}
    for share in (0.3, 0.9545):
        square = np.maximum.outer(*map(np.abs, steps))
        found = em.effective_field(NET, "square", share=share, **options)
        radius = least_radius(grid, square, share)
        assert found.size == 2 * radius + 1
        np.testing.assert_array_equal(found.mask, square <= radius)
        disc = np.add.outer(*(step**2 for step in steps))
        found = em.effective_field(NET, "radial", share=share, **options)
        reach = least_radius(grid, disc, share)
        assert found.size == pytest.approx(2 * np.sqrt(reach) + 1)
        np.testing.assert_array_equal(found.mask, disc <= reach)
        assert found.count == (disc <= reach).sum()


@pytest.mark.parametrize("at", [0, 3, 7, 8])
def test_a_threshold_is_relative_to_the_middle_of_the_unit_s_own_field(at):
    """Beside a border the field is cut and its middle is not the middle of what is left."""
    net = em.Conv([1, 2, 4, 3, 1], padding=2) ** 3
    law = em.distribution(net, at=at, input_size=9)
    row = np.array([law.pmf(x) for x in range(9)])
    inside = np.array([abs(x - at) <= 6 for x in range(9)])
    for level in (0.05, 0.3, 0.8):
        found = em.effective_field(net, at=at, input_size=9, level=level)
        np.testing.assert_array_equal(found.mask, (row > level * row[at])[inside])
