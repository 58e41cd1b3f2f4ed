r"""Many taps as the moments of a few lumps of neighbours, for sums at small complex tilts.

Taps within :math:`1/2\rho` of a centre A, :math:`y = A + b`, have for :math:`|s| \le \rho`

.. math:: \sum_j q_j e^{s y_j} = e^{s A} \sum_r M_r s^r / r!, \qquad M_r = \sum_j q_j b_j^r,

of which order 14 leaves 2e-16 of the second order. A sum then costs the lumps, whatever the number of taps.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, factorial
from typing import Any

import numpy as np

from ..scaled import Floats

Complexes = np.ndarray[Any, np.dtype[np.complex128]]

# Taps from which lumps take less time than a sum over the taps.
MANY = 48

_ORDER = 14
_HIGHEST = 4  # moments of the tilted taps themselves
_INVERSE = [1 / factorial(r) for r in range(_ORDER + 1)]
_CURVE = [1 / factorial(r) for r in range(2, 19)]  # of exp(z) - 1 - z, for |z| <= 1


@dataclass(frozen=True, eq=False)
class Lumps:
    """Shares q at distances y from their mean: lumps at index / scale, and their moments times scale**r."""

    scale: float
    index: Floats
    moments: Floats

    @classmethod
    def of(cls, q: Floats, y: Floats, scale: float) -> Lumps:
        """Return the lumps of taps in ascending order of y, for tilts up to `scale`."""
        place = y * scale
        index = np.floor(place + 0.5)
        starts = np.concatenate(([0], np.flatnonzero(np.diff(index)) + 1))
        place -= index
        moments, term = np.empty((_ORDER + _HIGHEST + 1, len(starts))), q.copy()
        for row in moments:
            row[:] = np.add.reduceat(term, starts)
            term *= place
        return cls(scale, index[starts], moments)

    def bend(self, s: Any) -> Any:
        """Return sum q (exp(sy) - 1 - sy), real or complex as s is, to its relative accuracy.

        Since y is counted from the mean, its own sum is zero.
        """
        s = np.asarray(s)[..., None] / self.scale
        z = s * self.index
        inner = np.zeros_like(z)
        for r in range(_ORDER, 1, -1):
            inner = (inner + _INVERSE[r] * self.moments[r]) * s
        inner = inner * s
        curve = _curve(z)
        rise = curve + z
        return (curve * self.moments[0] + rise * s * self.moments[1] + (1 + rise) * inner).sum(axis=-1)

    def tilted_moments(self, theta: Floats) -> list[Floats]:
        """Return the sums of q y**j exp(theta y), j = 0 .. 4."""
        s = np.asarray(theta)[..., None] / self.scale
        rise = np.exp(s * self.index)
        inner = [self._derivative(s, j) for j in range(_HIGHEST + 1)]
        sums = []
        for j in range(_HIGHEST + 1):
            terms = [comb(j, i) * self.index ** (j - i) * inner[i] for i in range(j + 1)]
            sums.append((rise * np.sum(terms, axis=0)).sum(axis=-1) / self.scale**j)
        return sums

    def _derivative(self, s: Floats, j: int) -> Floats:
        total: Floats = np.zeros(np.broadcast_shapes(s.shape, self.index.shape))
        for r in range(_ORDER, -1, -1):
            total = total * s + _INVERSE[r] * self.moments[r + j]
        return total


def _curve(z: Any) -> Any:
    """Return exp(z) - 1 - z without cancellation."""
    size = np.abs(z)
    small = size <= 1
    near = np.where(small, z, 0)
    total = np.full_like(near, _CURVE[-1])
    for c in reversed(_CURVE[:-1]):
        total = total * near + c
    total = total * near * near
    return total if small.all() else np.where(small, total, np.exp(z) - 1 - z)
