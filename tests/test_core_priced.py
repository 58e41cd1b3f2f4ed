"""The method that the plan chooses takes at most three times the operations of the best one, counted."""

import math

import pytest

import erfmath as em
from benchmarks import counted
from erfmath.core import plan

_LONGEST = 2 * 10**4


def ratio_to_best(kernel, n):
    """Operations by the chosen method over those of the best one, which is 1 where it is the best."""
    chosen = em.plan(kernel, n).method
    operations = counted.counted_row(kernel, n, chosen)
    others = [m for m in counted.methods_of(kernel, n) if m != chosen]
    assert others
    best = min(counted.counted_row(kernel, n, m, limit=operations) for m in others)
    return operations / min(operations, best)


@pytest.mark.parametrize("kind", counted.KINDS)
def test_the_chosen_method_is_within_three_times_of_the_best(kind):
    grid = [(kernel, n) for name, kernel, n in counted.kernels(_LONGEST) if name == kind]
    assert len(grid) > 8
    worst = {(kernel.shape[0], n): ratio_to_best(kernel, n) for kernel, n in grid}
    assert {place: ratio for place, ratio in worst.items() if ratio > 3} == {}


def test_a_wrong_price_is_seen(monkeypatch):
    kernel = em.Kernel.uniform(300).normalize()
    assert ratio_to_best(kernel, 16) == 1
    monkeypatch.setattr(plan, "takes", lambda *_: True)  # as though whole numbers were cheap
    assert ratio_to_best(kernel, 16) > 3


def test_counting_sees_multiply_adds_and_stops_at_its_limit():
    kernel = em.Kernel([0.25, 0.5, 0.25])
    short, long = (counted.counted_row(kernel, n, "direct") for n in (64, 4096))
    assert 4096 < long - short < 1e8
    assert counted.counted_row(kernel, 4096, "direct", limit=short) == math.inf
