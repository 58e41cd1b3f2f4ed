"""Rules for dilations and kernels, against the fields and sums they are about."""

import re

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

import erfmath as em


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(2, 5))
@example([1, 2, 10], 5)
@example([2, 2, 2], 3)
def test_the_criterion_of_holes_is_exact(steps, taps):
    net = em.Identity()
    for step in steps:
        net = net >> em.Conv(taps, dilation=step)
    assert em.has_no_holes(steps, taps) == em.receptive_field(net).is_covered


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_hdc_never_accepts_a_hole_and_is_exact_for_three_ascending_taps(rest):
    steps = [1, *sorted(rest)]
    assert em.satisfies_hdc(steps) == em.has_no_holes(steps)
    assert em.satisfies_hdc([2]) == em.has_no_holes([2])
    assert not em.satisfies_hdc(steps, 5) or em.has_no_holes(steps, 5)


@pytest.mark.parametrize("taps", [2, 3, 5, 8])
def test_what_light_centres_gain_is_at_most_the_bound(taps):
    uniform, outward = em.Kernel.uniform(taps), em.outward_kernel(taps)
    ratio = em.distribution(outward, 50).std() / em.distribution(uniform, 50).std()
    assert ratio == pytest.approx(em.most_gained(taps), rel=1e-12)
    assert em.outward_kernel(taps, 0) == uniform.normalize()


@pytest.mark.parametrize(
    ("taps", "smooth"),
    [
        ([1, 2, 1], True),
        ([1, 1, 1, 1, 1], False),
        ([2, 1, 2, 1], True),  # (1 + z^2)(2 + z)
        ([0.1, 0.3, 0.2], True),
        ([0.1, 0.3, 0.3], False),
        ([1], False),
    ],
)
def test_smooth_kernels_have_fourier_coefficients_that_vanish(taps, smooth):
    assert em.is_smooth(em.Kernel(taps, offset=-1)) == smooth
    z = np.polynomial.Polynomial(taps)
    rest = [
        np.prod([abs(z(np.exp(2j * np.pi * q / 2**level))) / sum(taps) for level in range(1, 40)])
        for q in range(1, 30, 2)
    ]
    assert (max(rest) < 1e-12) == smooth


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: em.has_no_holes(3), "steps must be a sequence of ints, got 3"),
        (lambda: em.has_no_holes([1, 2], [3]), "taps must be an int, or 2 of them, one per layer, got 1"),
        (lambda: em.has_no_holes([1, 2], 1.5), "taps must be a sequence of ints, got 1.5"),
        (lambda: em.satisfies_hdc([1, 0]), "dilations must be at least 1, got 0"),
        (lambda: em.outward_kernel(10**9), "taps must be at most 100000"),
        (lambda: em.outward_kernel(3, float("nan")), "share must lie between 0 and 1, got nan"),
        (lambda: em.is_smooth([[1, 2], [3, 4]]), "kernel must have one axis, got 2"),
    ],
)
def test_bad_designs_are_refused_by_name(call, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        call()
