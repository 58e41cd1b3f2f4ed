"""Residual blocks that end in a rectifier: orthant probabilities in closed form, and backpropagation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import erfmath as em
from erfmath.ensembles.rectified import branch_shares

CONV = em.Conv(3, padding=1)
RELU = em.Activation("relu")
PLAIN = CONV >> RELU >> CONV
TRUTH = json.loads((Path(__file__).parents[1] / "benchmarks" / "rectified.json").read_text("utf-8"))


def test_shares_of_one_and_two_blocks_are_orthant_probabilities():
    # h0 and the kicks are standard normal; of a walk the first sums are all positive with C(2n, n)/4^n.
    one, two, three = (math.comb(2 * n, n) / 4**n for n in (1, 2, 3))
    first_open = two + one / 2  # that h1 > 0: h0 is open too, or closed and the kick positive
    both_open = three + two / 2
    second_open = both_open + (1 - first_open) / 2
    early = 1 / (1 / 2 - 1 / (2 * math.pi))  # one over the variance behind the first gate
    square = 3 / 4 + 1 / (2 * math.pi) + 1 / 4
    mean = math.sqrt(math.pi / 2) * (1 + math.sqrt(2)) / (2 * math.pi) + 1 / (2 * math.sqrt(2 * math.pi))
    late = 1 / (square - mean**2)
    branch = early * one * first_open
    assert branch_shares(0, 1) == pytest.approx([branch / (branch + two)], rel=1e-4)
    first = early * one * (both_open + late * second_open * first_open)
    second = late * second_open * (two + early * one * first_open)
    skips = three + late * second_open * two
    expected = [first / (first + skips), second / (first + skips)]
    assert branch_shares(0, 2) == pytest.approx(expected, rel=1e-4)


def test_rectifiers_in_a_branch_multiply_its_energy():
    alone, inner = (np.array(branch_shares(count, 1)) for count in (0, 2))
    factor = (math.pi / (math.pi - 1)) ** 2
    assert inner / (1 - inner) == pytest.approx(factor * alone / (1 - alone), rel=1e-9)


def test_the_network_has_the_shares_whatever_the_taps():
    shares = branch_shares(1, 6)
    for branch, step in ((PLAIN, 4 / 3), (em.Conv(1) >> RELU >> em.Conv(5, padding=2), 2.0)):
        law = em.distribution(em.rectified_residuals(branch, 6))
        assert law.var() == pytest.approx(sum(shares) * step, rel=1e-9)
        assert law.mean() == pytest.approx(0, abs=1e-9)
    plane = em.distribution(em.rectified_residuals(em.Conv((3, 5), padding=(1, 2)), 3)).var()
    np.testing.assert_allclose(plane, np.multiply(sum(branch_shares(0, 3)), (2 / 3, 2)), rtol=1e-9)


@pytest.mark.parametrize("case", TRUTH, ids=lambda case: "{blocks}-{convolutions}-{channels}".format(**case))
def test_variances_are_those_of_backpropagation(case):
    branch = CONV if case["convolutions"] == 1 else PLAIN
    found = em.distribution(em.rectified_residuals(branch, case["blocks"])).var()
    assert abs(found / case["variance"] - 1) < 0.01 + 2 * case["error"]


@pytest.mark.parametrize(
    ("branch", "n", "error", "message"),
    [
        (3, 2, TypeError, "must be a network"),
        (CONV, 0, ValueError, "n must be at least 1"),
        (CONV, 10**6, ValueError, "n must be at most 300"),
        (CONV, 2.5, TypeError, "n must be an int"),
        (CONV >> em.Activation("tanh"), 2, ValueError, "ReLU, one by one, got Activation"),
        (em.Pool(2, 1), 2, ValueError, "ReLU, one by one, got Pool"),
        (em.Conv([1, 2, 1], padding=1), 2, ValueError, "ReLU, one by one, got Conv"),
        (em.Residual(CONV), 2, ValueError, "ReLU, one by one, got"),
        (em.Conv(3, 2, padding=1), 2, ValueError, "keep the rate"),
        (RELU, 2, ValueError, "needs a convolution"),
    ],
)
def test_what_is_no_such_branch_is_refused(branch, n, error, message):
    with pytest.raises(error, match=message):
        em.rectified_residuals(branch, n)
