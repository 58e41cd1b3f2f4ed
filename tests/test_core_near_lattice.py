"""Kernels near a lattice, whose integrand has peaks all over the circle: many points from one row."""

from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath import Kernel
from erfmath.core import logs, prices
from erfmath.polynomials.product import as_product

RARE = [(7 * j % 11 + 1) * 10**8 if j % 2 == 0 else 0 for j in range(31)]
RARE[7] = 1  # the only odd one
N = 300


@pytest.mark.parametrize(("weights", "shift"), [(RARE, 0), ([0, 0, *RARE, 0], 2 * N)])
def test_many_points_and_tails_come_from_one_row(monkeypatch, weights, shift):
    integrals = []
    for name in ("points", "tails"):
        monkeypatch.setattr(logs, name, _Recorder(getattr(logs, name), integrals))
    exact = em.coefficients(Kernel(RARE), N, method="exact").tolist()
    total = sum(exact)
    at = np.arange(3000, 4000)
    d = em.distribution(Kernel(weights), N)
    pmf, sf = d.pmf(at + shift), d.sf(at + shift)
    tail = sum(exact[4000:])
    for t in range(3999, 2999, -1):
        assert pmf[t - 3000] == pytest.approx(float(Fraction(exact[t], total)), rel=1e-12)
        assert sf[t - 3000] == pytest.approx(float(Fraction(tail, total)), rel=1e-12)
        tail += exact[t]
    assert sum(integrals) == 0


class _Recorder:
    """A module that notes how many points are asked of its functions."""

    def __init__(self, module, integrals):
        self._module, self._integrals = module, integrals

    def __getattr__(self, name):
        def call(law, t, *args, **kwargs):
            self._integrals.append(np.size(t))
            return getattr(self._module, name)(law, t, *args, **kwargs)

        return getattr(self._module, name) if name[0].isupper() else call


@pytest.mark.parametrize(("taps", "is_one"), [([1, 2, 3, 2], True), ([1, 1e-9, 1], False), (RARE, False)])
def test_a_peak_at_half_a_turn_is_seen(taps, is_one):
    assert prices.has_one_peak(as_product(Kernel(taps).normalize(), N)) is is_one
