"""Variates of wide kernels follow their distribution function, by counts, by draws and by quantiles."""

import numpy as np
import pytest

import erfmath as em

SIZE = 20_000


def gap(d, sample):
    """Largest distance between the two distribution functions (Kolmogorov), in units of 1 / sqrt(size)."""
    at, counts = np.unique(sample, return_counts=True)
    upper = np.cumsum(counts) / sample.size
    above, below = upper - d.cdf(at), upper - counts / sample.size - d.cdf(at - 1)
    return max(np.abs(above).max(), np.abs(below).max()) * sample.size**0.5


@pytest.mark.parametrize(
    ("taps", "n"),
    [(3, 10**6), (70, 10**5), (3000, 40), (500, 10**9), (20_000, 15)],
    ids=["counts", "quantiles of 70 taps", "draws", "quantiles", "few draws"],
)
def test_variates_follow_the_distribution_function(taps, n):
    weights = np.random.default_rng(5).random(taps) ** 2
    d = em.distribution(em.Kernel(weights.tolist(), offset=-7), n)
    sample = d.rvs(SIZE, rng=9)
    assert sample.dtype == np.int64
    assert gap(d, sample) < 2  # a level of 7e-4
    np.testing.assert_array_equal(sample, d.rvs(SIZE, rng=9))
    assert d.rvs((2, 3), rng=1).shape == (2, 3)
    assert type(d.rvs(rng=1)) is int


@pytest.mark.slow
def test_a_step_and_zeros_inside():
    kernel = em.Kernel([0, 1.0, 0, 0, *np.random.default_rng(1).random(100), 0], offset=3)
    d = em.distribution(em.Product([(kernel, 90, 7), ([1, 1], 500)]))
    assert gap(d, d.rvs(SIZE, rng=2)) < 2
