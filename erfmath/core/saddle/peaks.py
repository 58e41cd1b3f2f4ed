"""Where the integrand and the law have their mass: bounds that decide which sum to take."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..scaled import Floats
from .law import Law
from .tilt import Ints, Tilt

Side = Literal["lower", "upper"]

NEGLIGIBLE = 41.0  # exp(-41) = 1.6e-18


def period_of(law: Law, tilt: Tilt, side: Side | None) -> Floats:
    """Return the period M of the trapezoidal rule: what aliases onto a(t) is a(t +- M), a(t +- 2M), ...

    The mass M away from t is negligible by Bernstein's inequality,
    P(|S - t| >= M) <= 2 exp(-M**2 / (2 variance + 2/3 extent M)), and so is its share of a tail's geometric
    factor exp(-M |theta|).
    """
    b = 13.8 * law.extent
    period = b + np.sqrt(b * b + 2.02 * NEGLIGIBLE * tilt.variance)
    if side:
        period = np.maximum(period, NEGLIGIBLE / np.abs(tilt.theta))
    return np.asarray(period)


def peaks(law: Law, tilt: Tilt) -> tuple[Ints, Floats]:
    """Return (h, U): |phi(w)| is negligible unless |w - 2 pi c/h| <= U for some integer c.

    A pair of taps (top, j) gives |phi|**2 <= exp(-4 n q_top q_j sin(w d_j/2)**2), thus w/2pi within eps_j of
    some a/d_j. Where 2 eps_j d_j D < 1 for D the longest step, two such fractions are either equal or too far
    apart, so h is the gcd of these d_j; it is 0 where no pair is that heavy.
    """
    limit = np.sin(np.pi / (2 * law.extent))
    comb = np.zeros(tilt.theta.shape, dtype=np.int64)
    radius = np.full(tilt.theta.shape, np.inf)
    for f, part in zip(law.taps, tilt.parts, strict=True):
        distance = np.abs(part.d)
        pair = f.n * part.q * part.q.max(axis=0) * (distance != 0)
        s = np.sqrt(0.5 * NEGLIGIBLE / pair)
        heavy = s < limit
        reach = 2 * np.arcsin(s, where=heavy, out=np.zeros_like(s)) / distance
        radius = np.minimum(radius, np.where(heavy, reach, np.inf).min(axis=0))
        steps = np.where(heavy, distance, 0.0).astype(np.int64)
        if (steps == 1).any(axis=0).all():
            comb[:] = 1
        else:
            comb = np.gcd(comb, np.gcd.reduce(steps, axis=0))
    # All pairs together: sum n q_i q_j d_ij**2 is the variance, and x = U D/2 <= pi/2.
    x = 0.5 * law.extent * np.where(comb > 0, radius, 0.0)
    bell = np.sqrt(2 * NEGLIGIBLE / tilt.variance) / np.sinc(x / np.pi)
    return comb, np.minimum(radius, bell)
