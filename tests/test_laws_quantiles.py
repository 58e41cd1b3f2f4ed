"""Quantiles by secants are the first points that are enough, in few readings."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import ndtr

import erfmath as em
from erfmath.laws.quantiles import first_reached


def brute(row, q, sign):
    """The first index that is enough, by looking at all of them."""
    return np.array([int(np.argmax(sign * row >= sign * share)) for share in q])


@given(
    st.lists(st.sampled_from([0.0, 1e-300, 1e-12, 0.01, 1.0, 5.0]), min_size=2, max_size=200),
    st.lists(st.floats(1e-320, 1 - 1e-16), min_size=1, max_size=6),
    st.floats(-50, 250),
    st.floats(0, 1e3),
    st.sampled_from([1.0, -1.0]),
)
def test_any_staircase_and_any_guess(steps, q, mean, deviation, sign):
    """Plateaus, jumps, ties and a scale that has nothing to do with the row."""
    shares = np.array([*steps, 1.0])
    row = np.cumsum(shares) / shares.sum()
    row[-1] = 1.0
    row = row if sign > 0 else 1 - row
    q = np.array([*q, *row[(row > 0) & (row < 1)][:20]])  # ties are enough
    found = first_reached(lambda x: row[x], q, sign, (-1, len(row) - 1), (mean, deviation))
    np.testing.assert_array_equal(found, brute(row, q, sign))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("scale", [(1e30, 1e30), (-1e30, 1e25), (0.0, 1e300), (1e18, 0.0), (50.0, 1e17)])
def test_a_scale_beyond_the_integers_takes_no_step_beyond_them(scale, sign):
    row = np.linspace(0.01, 1, 100)
    row = row if sign > 0 else 1 - row
    q = np.array([1e-300, 0.005, 0.015, 0.5, 0.995, 1 - 1e-16])
    found = first_reached(lambda x: row[x], q, sign, (-1, 99), scale)
    np.testing.assert_array_equal(found, brute(row, q, sign))


@pytest.mark.parametrize(
    ("weights", "n"),
    [
        ([1, 1, 1], 10**12),
        ([1] * 300, 10**9),
        ([1, *[0] * 999, 1], 10**6),
        ([0.5, 0, 0, 0.5, 1e-9], 10**6),
        ([1, 1e-9], 10**9),
        (np.exp(-((np.arange(400) / 30.0) ** 0.5)), 5000),
    ],
)
def test_quantiles_take_a_few_readings(weights, n, monkeypatch):
    d = em.distribution(weights, n)
    readings = []
    for name in ("cdf", "sf"):
        own = getattr(type(d), name)
        monkeypatch.setattr(type(d), name, lambda self, x, own=own: readings.append(x) or own(self, x))
    for q in (1e-12, 0.02, 0.3, 0.5, 0.98):
        for name in ("ppf", "isf"):
            readings.clear()
            x = int(getattr(d, name)(q))
            assert len(readings) <= 8
            low = d.support()[0]
            if name == "ppf":
                assert d.cdf(x) >= q
                assert x == low or d.cdf(x - 1) < q
            else:
                assert d.sf(x) <= q
                assert x == low or d.sf(x - 1) > q


def test_quantiles_lie_on_the_lattice():
    d = em.distribution(em.Kernel([1, 0, 0, 2, 0, 0, 1], offset=-5), 10**7)
    x = d.ppf(np.array([1e-9, 0.25, 0.5, 0.9]))
    assert ((x - d.support()[0]) % 3 == 0).all()
    assert (d.cdf(x) >= [1e-9, 0.25, 0.5, 0.9]).all()
    assert (d.cdf(x - 3) < [1e-9, 0.25, 0.5, 0.9]).all()


K = np.arange(2000)
STAIRCASES = {  # with a mean and a deviation to start from, and how many readings 14 quantiles take
    "a normal": (ndtr((K - 1000) / 100), (1000, 100), 33),
    "an exponential": (1 - np.exp(-(K + 1) / 50), (50, 50), 56),
    "a uniform": ((K + 1) / 2000, (1000, 577), 59),
    "plateaus": (np.repeat(ndtr(np.linspace(-4, 4, 20)), 100), (1000, 400), 96),
    "two lumps": (ndtr((K - 300) / 15) / 2 + ndtr((K - 1700) / 15) / 2, (1000, 700), 212),
    "elsewhere": (ndtr((K - 1700) / 20), (300, 200), 229),
}


@pytest.mark.parametrize("name", STAIRCASES)
def test_no_staircase_takes_more_readings_than_it_did(name):
    row, scale, most = STAIRCASES[name]
    row, q, readings = np.append(row, 1.0), np.array([1e-12, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-9]), []
    for sign, steps in ((1.0, row), (-1.0, 1 - row)):
        found = first_reached(
            lambda x, steps=steps: readings.extend(x) or steps[x], q, sign, (-1, len(row) - 1), scale
        )
        np.testing.assert_array_equal(found, brute(steps, q, sign))
    assert len(readings) <= most
