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
