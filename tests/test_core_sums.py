"""Running sums: exact to a few roundings, in order, and no worse than they say."""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest

from erfmath.core.direct import convolve, error_bound
from erfmath.core.sums import roundings, running_sums


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 4096, 4097, 20_000])
@pytest.mark.parametrize("kind", ["equal", "random", "wide"])
def test_running_sums_keep_their_bound_and_their_order(size, kind):
    draw = np.random.default_rng(size)
    values = {
        "equal": np.full(size, 0.1),
        "random": draw.random(size),
        "wide": np.exp(20 * draw.standard_normal(size)),
    }[kind]
    sums = running_sums(values)
    assert (np.diff(sums) >= 0).all()
    for ours, truth in zip(sums.tolist(), accumulate(map(Fraction, values.tolist())), strict=True):
        assert abs(Fraction(ours) - truth) <= roundings(size) * Fraction(2) ** -53 * truth


@pytest.mark.parametrize(("left", "right"), [(5, 5), (1000, 3000), (9000, 20_000)])
def test_sums_of_equal_products_keep_the_bound_of_one_convolution(left, right):
    row = convolve(np.full(left, 0.1), np.full(right, 0.3)).to_floats(lambda: "")
    truth = Fraction(0.1) * Fraction(0.3) * min(left, right)
    middle = row[min(left, right) - 1]  # the first that all terms of the shorter row meet in
    assert abs(Fraction(float(middle)) - truth) <= error_bound(left + right, [1, 1]) * truth
    assert math.isclose(row[0], 0.1 * 0.3, rel_tol=1e-15)
