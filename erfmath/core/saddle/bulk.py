r"""Where |phi| of a heavy-tailed law is negligible: bounds from the bulk of the taps alone.

For taps B within a distance of the median, of share Q, variance :math:`\sigma_B^2` and lobe width
:math:`v_B`, and any tilt up to :math:`\theta`,

.. math:: 1 - |\phi(\omega)|^2 \ge \frac{e^{-4 \theta L}}{M(\theta)^2} Q^2 \sigma_B^2 \omega^2
    \Bigl(1 - \frac{\omega^2}{2 v_B^2}\Bigr), \qquad \omega \le v_B,

L the largest distance of B from the mean: pairs outside B only add. A ladder of such sets leads from a grid's
resolution down to where the power of phi is no longer negligible.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..scaled import Floats

NEGLIGIBLE = 41.0  # exp(-41) = 1.6e-18

_PART = 0.9  # of the width, up to which a rung is used
_LEFT = 1 - _PART**2 / 2


class Rung(NamedTuple):
    """Of one set B of taps: n Q**2 sigma_B**2, v_B, and L."""

    curvature: float
    width: float
    reach: float

    def negligible(self, theta: float, mass: float) -> tuple[float, float]:
        """Return the interval where |phi|**n is negligible at every tilt up to theta; M(theta) <= mass."""
        curvature = self.curvature * np.exp(-4 * theta * self.reach) / mass**2
        return float(np.sqrt(2 * NEGLIGIBLE / (_LEFT * curvature))), _PART * self.width


def lobe_width(variance: Floats, fourth: Floats) -> Floats:
    """Return v with |phi|**2 <= 1 - variance w**2 (1 - w**2/2v**2) for w <= v, from the central moments."""
    spread = fourth + 3 * variance * variance
    alone = spread <= 0  # a single tap, as far as floats tell: the bound holds for any w
    ratio = np.where(alone, np.inf, 6 * variance / np.where(alone, 1.0, spread))
    return np.asarray(np.minimum(np.sqrt(ratio), np.pi))


def ladder(factors: Iterable[tuple[float, Floats, Floats]]) -> list[tuple[int, Rung]]:
    """Return rungs of factors (n, shares, distances from the mean), numbered, from the narrowest set on."""
    return [(i, rung) for i, factor in enumerate(factors) for rung in _rungs(*factor)]


def _rungs(n: float, q: Floats, y: Floats) -> list[Rung]:
    median = y[int(np.searchsorted(np.cumsum(q), 0.5 * q.sum()))]
    found = []
    distance = 1.0
    while distance < 2 * (y[-1] - y[0]):
        first, last = np.searchsorted(y, (median - distance, median + distance + 1e-9))
        if last - first > 1:
            found.append(_rung(n, y[first:last], q[first:last]))
        distance *= 2
    return found


def _rung(n: float, y: Floats, q: Floats) -> Rung:
    share = float(q.sum())
    mean = float(q @ y) / share
    square = (y - mean) ** 2
    variance, fourth = float(q @ square) / share, float(q @ square**2) / share
    width = float(lobe_width(np.array(variance), np.array(fourth)))
    return Rung(n * share**2 * variance, width, float(np.abs(y).max()))


def edge_of(intervals: list[tuple[float, float]], start: float) -> float:
    """Return how far down from `start` the intervals reach without a gap."""
    edge = start
    while lower := [low for low, high in intervals if high >= edge and low < edge * (1 - 1e-9)]:
        edge = min(lower)
    return edge
