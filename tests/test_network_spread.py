"""Convolutions backwards, by matrices, rows and doubling, beside plain loops over integers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from erfmath.network.spread import Steps, apart, mixed

SEEDS = st.integers(0, 2**32)


def drawn(rng, ndim):
    units = tuple(int(n) for n in rng.integers(1, 12, ndim))
    sides = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 7, 13], ndim))
    steps = Steps(tuple(map(int, rng.integers(1, 3, ndim))), tuple(map(int, rng.integers(1, 3, ndim))))
    if rng.integers(2):
        steps = Steps((1,) * ndim, (1,) * ndim)
    whole = steps.shape(units, sides)
    lows = [int(rng.integers(0, n + 1)) for n in whole]
    kept = tuple((low, int(rng.integers(low, n + 1))) for low, n in zip(lows, whole, strict=True))
    return units, sides, steps, kept if rng.integers(3) else tuple((0, n) for n in whole)


def by_loops(values, weights, steps, kept):
    """Spread values (groups, outputs, *units) by weights (groups, outputs, inputs, *taps)."""
    groups, outputs, inputs, *sides = weights.shape
    units = values.shape[2:]
    out = np.zeros((groups, inputs, *steps.shape(units, sides)), dtype=object)
    for unit, tap in itertools.product(np.ndindex(*units), np.ndindex(*sides)):
        place = tuple(s * y + d * i for s, d, y, i in zip(steps.stride, steps.step, unit, tap, strict=True))
        for g, o, c in np.ndindex(groups, outputs, inputs):
            out[(g, c, *place)] += int(values[(g, o, *unit)]) * int(weights[(g, o, c, *tap)])
    out = out.reshape(groups * inputs, *out.shape[2:])
    return out[(slice(None), *(slice(*span) for span in kept))].astype(float)


@given(SEEDS, st.sampled_from([1, 2, 2, 3]), st.booleans(), st.booleans(), st.booleans())
def test_channels_apart_are_spread_as_by_loops(seed, ndim, is_even, one_value, one_tap):
    rng = np.random.default_rng(seed)
    units, sides, steps, kept = drawn(rng, ndim)
    values = rng.integers(0, 9, (1 if one_value else 3, *units)).astype(float)
    taps = rng.integers(0, 9, (1 if one_tap else 3, *sides)).astype(float)
    if is_even:
        taps[:] = 3
    found = apart(values, taps, steps, kept)
    channels = max(len(values), len(taps))
    wide = np.broadcast_to(values, (channels, *units))[:, None]
    expected = by_loops(wide, np.broadcast_to(taps, (channels, *sides))[:, None, None], steps, kept)
    assert found.shape == expected.shape
    assert (found == expected).all()


@given(SEEDS, st.integers(1, 2), st.sampled_from([(1, 2, 3), (2, 2, 1), (3, 1, 1), (2, 1, 2)]), st.booleans())
def test_mixed_channels_are_spread_as_by_loops(seed, ndim, channels, alike):
    rng = np.random.default_rng(seed)
    units, sides, steps, kept = drawn(rng, ndim)
    groups, outputs, _ = channels
    values = rng.integers(0, 9, (1 if alike else groups * outputs, *units)).astype(float)
    weights = rng.integers(0, 9, (*channels, *sides)).astype(float)
    found = mixed(values, weights, 1, np.ones(sides), steps, kept)
    wide = np.broadcast_to(values, (groups * outputs, *units)).reshape(groups, outputs, *units)
    assert (found == by_loops(wide, weights, steps, kept)).all()


@pytest.mark.parametrize("shape", [(70, 90), (31, 200), (200, 9)])
def test_large_maps_go_through_in_blocks(shape, monkeypatch):
    from erfmath.network import spread

    monkeypatch.setattr(spread, "_CACHED", 2**10)
    rng = np.random.default_rng(0)
    values, taps = rng.integers(0, 9, (2, *shape)).astype(float), rng.integers(0, 9, (2, 5, 9)).astype(float)
    steps = Steps((1, 1), (1, 1))
    kept = ((3, shape[0]), (10, shape[1] + 4))
    assert (
        apart(values, taps, steps, kept) == by_loops(values[:, None], taps[:, None, None], steps, kept)
    ).all()


@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 1), (2, 3)])
@pytest.mark.parametrize("step", [(1, 1), (1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("sides", [(2, 5), (1, 6), (3, 4)])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_each_way_through_rows_is_that_by_loops(stride, step, sides, is_mixed):
    """Small on purpose: a change of the code is shown the shortest tests first."""
    rng = np.random.default_rng(sum(stride + step + sides))
    values, steps = rng.integers(1, 9, (2, 3, 4)).astype(float), Steps(stride, step)
    weights = rng.integers(1, 9, (2, 1, 1 + is_mixed, *sides)).astype(float)
    high, wide = steps.shape((3, 4), sides)
    whole = by_loops(values[:, None], weights, steps, ((0, high), (0, wide)))
    for kept in (((0, high), (0, wide)), ((1, high - 1), (2, wide - 1)), ((1, 2), (wide - 2, wide))):
        found = mixed(values, weights, 1, np.ones(sides), steps, kept)
        assert (found == whole[:, *(slice(*span) for span in kept)]).all()


@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 1, 1), (1, 1, 2)])
@pytest.mark.parametrize("step", [(2, 1, 1), (1, 1, 2)])
def test_rows_on_three_axes_are_those_by_loops(stride, step):
    rng = np.random.default_rng(7)
    values, taps = (
        rng.integers(1, 9, (1, 3, 4, 9)).astype(float),
        rng.integers(1, 9, (2, 2, 3, 6)).astype(float),
    )
    steps = Steps(stride, step)
    whole = steps.shape((3, 4, 9), (2, 3, 6))
    kept = ((0, whole[0]), (1, whole[1]), (2, whole[2] - 3))
    expected = by_loops(np.broadcast_to(values, (2, 3, 4, 9))[:, None], taps[:, None, None], steps, kept)
    assert (apart(values, taps, steps, kept) == expected).all()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("count", [5, 6, 7, 8, 23, 64])
@pytest.mark.parametrize("step", [1, 3])
def test_equal_taps_on_a_line_are_doubled(axis, count, step):
    rng = np.random.default_rng(count)
    values = rng.integers(1, 9, (2, 4, 3)).astype(float)
    sides = tuple(count if a == axis else 1 for a in range(2))
    steps = Steps((1, 1), tuple(step if a == axis else 1 for a in range(2)))
    taps = np.full((1, *sides), 3.0)
    whole = steps.shape((4, 3), sides)
    kept = tuple((1, n - 1) for n in whole)
    expected = by_loops(values[:, None], np.broadcast_to(taps, (2, *sides))[:, None, None], steps, kept)
    assert (apart(values, taps, steps, kept) == expected).all()


def test_powers_of_weights_between_channels():
    rng = np.random.default_rng(3)
    values, weights = (
        rng.integers(1, 9, (4, 7)).astype(float),
        rng.integers(-3, 4, (2, 2, 3, 4)).astype(float),
    )
    steps, kept = Steps((2,), (3,)), ((0, 22),)
    for power in (1, 2, 3):
        expected = by_loops(values.reshape(2, 2, 7), weights**power, steps, kept)
        assert (mixed(values, weights, power, np.ones(4), steps, kept) == expected).all()
        single = by_loops(values[:2].reshape(2, 1, 7), weights[:, :1, :1] ** power, steps, kept)
        assert (mixed(values[:2], weights[:, :1, :1], power, np.ones(4), steps, kept) == single).all()
