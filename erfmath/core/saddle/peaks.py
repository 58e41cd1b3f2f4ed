"""Where the integrand and the law have their mass: bounds that decide which sum to take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from ..scaled import Floats
from .bulk import NEGLIGIBLE, edge_of, ladder, lobe_width
from .law import Ints, Law
from .spectrum import fast_even_length, spectrum
from .tilt import Flags, Part, Tilt

Side = Literal["lower", "upper"]

_LONGEST_GRID = 1024

# A grid of 64 points per standard deviation knows |phi| to pi / 64 = .05 between them: beyond a single peak
# it is below .6, and some hundred factors make that negligible. More factors take a coarser one.
_GRIDS = (16, 64)
_END_ENOUGH = 0.1
# Ends of a lobe in standard deviations: the bulk is asked beyond the first, phases lose digits beyond the
# other.
_WIDE_END, _WIDEST_END = 12.0, 200.0
_MOST_ROUNDING = 1e3
_LONGEST_FFT = 1 << 24  # half a gigabyte


def period_of(law: Law, theta: Floats, variance: Floats, side: Side | None) -> Floats:
    """Return the period M of the trapezoidal rule: what aliases onto a(t) is a(t +- M), a(t +- 2M), ...

    The mass M away from t is negligible by Bernstein's inequality,
    P(|S - t| >= M) <= 2 exp(-M**2 / (2 variance + 2/3 extent M)), and so is its share of a tail's geometric
    factor exp(-M |theta|).
    """
    b = 13.8 * law.extent
    period = b + np.sqrt(b * b + 2.02 * NEGLIGIBLE * variance)
    if side:
        period = np.maximum(period, NEGLIGIBLE / np.abs(theta))
    return np.asarray(period)


def circle_period(law: Law, period: Floats, theta: Floats, side: Side | None) -> Floats:
    """Return the period of the whole circle: no coefficient is further away than the degree."""
    whole = np.minimum(period, law.degree + 1.0)
    return np.asarray(np.maximum(whole, NEGLIGIBLE / np.abs(theta)) if side else whole)


def peaks(law: Law, tilt: Tilt, period: Floats) -> tuple[Ints, Floats]:
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
            comb = np.gcd(comb, np.gcd.reduce(steps))
    # All pairs together: sum n q_i q_j d_ij**2 is the variance, and x = U D/2 <= pi/2.
    x = np.minimum(0.5 * law.extent * radius, 0.5 * np.pi)
    radius = np.minimum(radius, np.sqrt(2 * NEGLIGIBLE / tilt.variance) * x / np.sin(x))
    if not comb.all():
        unclear = np.flatnonzero(comb == 0)
        some = tilt if unclear.size == comb.size else tilt.take(unclear)
        single, reach = _single_peak(law, some, period[unclear])
        comb[unclear[single]], radius[unclear[single]] = 1, reach[single]
    return comb, radius


def _single_peak(law: Law, tilt: Tilt, period: Floats) -> tuple[Flags, Floats]:
    """Return where |phi(w)| is proved negligible for U <= |w| <= pi, many taps together, and U.

    With sigma**2 and mu_4 the central moments of a tilted factor, v**2 = 6 sigma**2 / (mu_4 + 3 sigma**4) and
    w <= v, 1 - |phi|**2 >= sigma**2 w**2 (1 - w**2/2v**2). From v to pi |phi| is looked at on a grid, between
    whose points it changes by no more than sigma times the distance.
    """
    moments = [_central_moments(part) for part in tilt.parts]
    v = np.min([lobe_width(var, fourth) for var, fourth in moments], axis=0)
    reach = 1.1 * np.sqrt(2 * NEGLIGIBLE / tilt.variance)
    if int(np.ceil(8 * np.pi / v.min())) > _LONGEST_GRID:
        ends = np.array([_end_of_wide(law, tilt, i, int(period[i])) for i in range(v.size)])
        narrow = (reach <= 0.5 * v) & (ends <= v)
        rounding = ends * sum(f.n * float(f.steps[-1]) for f in law.taps)  # of the phase, in units of 1e-16
        short = ends * np.sqrt(tilt.variance) < _WIDEST_END
        return narrow | short | (rounding < _MOST_ROUNDING), np.where(narrow, reach, ends)
    single = reach <= 0.5 * v
    if not single.any():
        return single, reach
    steps = int(np.ceil(8 * np.pi / v[single].min()))
    spacing = (np.pi - v) / steps
    w = v + spacing * np.arange(steps + 1)[:, None]
    log_bound = np.zeros_like(w)
    for f, part, (var, _) in zip(law.taps, tilt.parts, moments, strict=True):
        value = np.zeros(w.shape, dtype=complex)
        for q, d in zip(part.q, part.d, strict=True):
            value += q * np.exp(1j * (w * d))
        log_bound += f.n * np.log(np.minimum(np.abs(value) + 0.5 * spacing * np.sqrt(var), 1.0))
    return single & (log_bound.max(axis=0) <= -NEGLIGIBLE), reach


def _end_of_wide(law: Law, tilt: Tilt, at: int, most: int) -> float:
    """Return a frequency beyond which |phi| is proved negligible up to pi, at one point; pi where none is.

    A grid as long as the period `most` would cost as much as the whole circle.
    """
    end = np.pi
    for length, moduli in moduli_on_grids(law, [part.q[:, at] for part in tilt.parts], most):
        log_bound = sum(f.n * np.log(np.minimum(m, 1.0)) for f, m in zip(law.taps, moduli, strict=True))
        last = int(np.flatnonzero(log_bound > -NEGLIGIBLE)[-1])
        end = min(end, (last + 1) * 2 * np.pi / length)
        if end < _END_ENOUGH * np.pi:
            break
    if end * np.sqrt(tilt.variance[at]) < _WIDE_END or end == np.pi:
        return end
    parts = zip(law.taps, tilt.parts, strict=True)
    taps = [(f.n, part.q[:, at], part.d[:, at] - part.mean[at]) for f, part in parts]
    return edge_of([rung.negligible(0.0, 1.0) for _, rung in ladder(taps)], end)


def moduli_on_grids(
    law: Law, shares: Sequence[Floats], most: int = _LONGEST_FFT
) -> Iterator[tuple[int, list[Floats]]]:
    """Yield (N, bounds of each factor's |phi(w)| around w = 2 pi k / N, k = 0 .. N/2), ever finer, by FFT.

    Between the points of a grid of N a factor changes by no more than sigma pi / N.
    """
    deviations = []
    for f, q in zip(law.taps, shares, strict=True):
        mean = q @ f.x[:, 0]
        deviations.append(float(np.sqrt(q @ (f.x[:, 0] - mean) ** 2)))
    for per_deviation in _GRIDS:
        length = fast_even_length(int(per_deviation * max(deviations)) + 2)
        if length > min(most, _LONGEST_FFT):
            return
        between = [np.pi / length * deviation for deviation in deviations]
        if sum(f.n * np.log(min(b, 1.0)) for f, b in zip(law.taps, between, strict=True)) > -NEGLIGIBLE:
            continue
        yield (
            length,
            [
                np.abs(spectrum(f, q, length)) + slack
                for f, q, slack in zip(law.taps, shares, between, strict=True)
            ],
        )


def _central_moments(part: Part) -> tuple[Floats, Floats]:
    """Return (sigma**2, mu_4) of a tilted factor."""
    square = (part.d - part.mean) ** 2
    return (part.q * square).sum(axis=0), (part.q * square * square).sum(axis=0)
