"""Points and tails of many taps from their lumps, against ball arithmetic and sums in high precision."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from oracles_tails import check_log, log_coefficient, log_tail

import erfmath as em
from erfmath.core.saddle.law import law_of
from erfmath.core.saddle.lobe import lobe_of
from erfmath.core.saddle.lumps import Lumps

pytest.importorskip("flint", reason="contour integrals of many taps take python-flint")


def weights_of(kind, taps, seed):
    draw = np.random.default_rng(seed)
    if kind == "lognormal":
        values = np.exp(1.5 * draw.standard_normal(taps))
    elif kind == "heavy":
        values = np.exp(4 * draw.standard_normal(taps)) * np.exp(-0.15 * np.arange(taps))
        values[[0, 1, 2]] = values.max()
        values[-1] = values.max() * 1e-5
    elif kind == "gapped":
        values = draw.random(taps) * (draw.random(taps) < 0.3)
        values[[0, 1, -1]] = 1e-3
    elif kind == "geometric":
        values = 0.95 ** np.arange(taps)
    else:
        values = draw.random(taps) if kind == "random" else np.ones(taps)
    return (np.ceil(values * 2**30) / 2**30).tolist()


kinds = st.sampled_from(["flat", "random", "lognormal", "heavy", "gapped", "geometric"])


@settings(max_examples=12)
@given(
    kinds,
    st.integers(50, 150),
    st.integers(0, 2**32),
    st.sampled_from([400, 3000, 10**5, 10**9, 10**12, 10**15 // 150]),
    st.lists(st.floats(-19, 19), min_size=1, max_size=3),
)
def test_points_and_tails_at_every_depth(kind, taps, seed, n, deviations):
    weights = weights_of(kind, taps, seed)
    d = em.distribution(weights, n)
    for z in deviations:
        t = round(d.mean() + z * d.std())
        if d.support()[0] < t < d.support()[1]:
            factors = [(weights, n, 1)]
            check_log(d.logpmf(t), log_coefficient(factors, t, normalised=True))
            check_log(d.logcdf(t), log_tail(factors, t, "lower"))
            check_log(d.logsf(t), log_tail(factors, t + 1, "upper"))


@settings(max_examples=6)
@given(st.integers(0, 2**32), st.sampled_from([300, 10**4, 10**10]), st.floats(-6, 6))
def test_products_with_steps(seed, n, z):
    factors = [(weights_of("random", 60, seed), n, 3), (weights_of("lognormal", 50, seed + 1), 2 * n, 1)]
    d = em.distribution(em.Product(factors))
    t = round(d.mean() + z * d.std())
    check_log(d.logpmf(t), log_coefficient(factors, t, normalised=True))
    check_log(d.logsf(t), log_tail(factors, t + 1, "upper"))


def test_the_lobe_is_used_for_every_kind():
    """Else the tests above would test something else."""
    for kind in ("flat", "random", "lognormal", "geometric"):
        for n in (3000, 10**9):
            assert lobe_of(law_of(em.Product([(weights_of(kind, 100, 1), n)]))) is not None


@pytest.mark.parametrize("n", [10**5, 10**8])
def test_heavy_tails_are_bounded_by_their_bulk(n):
    """The moments of all taps prove a lobe so narrow that no grid takes over where it ends."""
    weights = np.exp(-((np.log(np.arange(1, 301)) / 0.8) ** 2))
    weights[-1] = 1e-6
    weights = (np.ceil(weights * 2**40) / 2**40).tolist()
    lobe = lobe_of(law_of(em.Product([(weights, n)])))
    assert lobe is not None
    assert lobe.edge > 0
    d = em.distribution(weights, n)
    for z in (-6, 0.3, 7):
        t = round(d.mean() + z * d.std())
        check_log(d.logpmf(t), log_coefficient([(weights, n, 1)], t, normalised=True))
        check_log(d.logsf(t), log_tail([(weights, n, 1)], t + 1, "upper"))
    for t in (round(0.8 * d.mean()), round(1.5 * d.mean())):  # far out, each by its own tilt
        check_log(d.logpmf(t), log_coefficient([(weights, n, 1)], t, normalised=True))


def test_a_second_lobe_is_seen():
    """Taps at odd places that are all but missing leave a lobe at pi, which one lobe would halve."""
    values = np.random.default_rng(3).random(101)
    values[1::2] *= 1e-7
    weights = weights_of("flat", 101, 0)
    weights = [w * v for w, v in zip(weights, (np.ceil(values * 2**40) / 2**40).tolist(), strict=True)]
    for n in (1000, 10**6):
        d = em.distribution(weights, n)
        for t in (round(d.mean()), round(d.mean()) + 1):
            check_log(d.logpmf(t), log_coefficient([(weights, n, 1)], t, normalised=True))


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=80),
    st.floats(0.01, 100),
    st.complex_numbers(max_magnitude=1),
)
def test_lumps_keep_the_digits_of_the_second_order(shares, scale, direction):
    q = np.array([*shares, 1.0])
    q /= q.sum()
    y = np.arange(len(q)) - q @ np.arange(len(q))
    s, lumps = direction * scale, Lumps.of(q, y, scale)
    with mpmath.workdps(50):
        z = [mpmath.mpc(s) * x for x in y]
        terms = [mpmath.mpf(p) * (mpmath.expm1(e) - e) for p, e in zip(q, z, strict=True)]
        truth, size = complex(mpmath.fsum(terms)), float(mpmath.fsum([abs(term) for term in terms]))
    # The sum of q y is zero to some units of the sum of q |y|.
    slack = 1e-15 * size + 3e-16 * abs(s) * float(q @ np.abs(y))
    growth = 1 + float(np.abs(s * y).max())  # of the rounding of exp(sy)
    assert abs(complex(lumps.bend(np.asarray(s))) - truth) <= 20 * growth * slack


@pytest.mark.parametrize(("kind", "n"), [("flat", 700), ("random", 10**7), ("lognormal", 10**5)])
def test_many_tails_are_as_right_as_one(kind, n):
    """Arrays are interpolated; a second reading of few points is not."""
    d = em.distribution(weights_of(kind, 120, 7), n)
    t = np.unique(np.linspace(d.mean() - 12 * d.std(), d.mean() + 12 * d.std(), 9001).astype(np.int64))
    few = t[:: len(t) // 40]
    for name in ("logcdf", "logsf", "logpmf"):
        many = getattr(d, name)(t)[:: len(t) // 40]
        np.testing.assert_allclose(many, getattr(d, name)(few), rtol=1e-15, atol=5e-13)
