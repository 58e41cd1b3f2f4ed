"""Rows: all coefficients of a window, or their logs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .law import Law
from .pieces import analytic_logs, divide
from .points import pointwise

_BLOCK = 3 << 12  # entries computed at a time, so that they stay in the cache
_STRETCHES = 64  # intervals computed point by point in one go
_MOST_STEPS = 60


@np.errstate(all="ignore")
def row(law: Law, lo: int, hi: int) -> Floats:
    """Return the normalised floats a(t) / P(1), lo <= t <= hi, each to a relative error below 1e-12."""
    out = np.zeros(hi - lo + 1)
    _fill(law, lo, hi, out, np.exp, dd.ZERO)
    return out


@np.errstate(all="ignore")
def log_row(law: Law, normalised: bool = False) -> Floats:
    """Return log [z^t] P(z), or log([z^t] P(z) / P(1)), for t = 0 .. degree span; -inf at zeros."""
    hi = law.degree * law.span
    out = np.full(hi + 1, -np.inf)
    _fill(law, 0, hi, out, np.asarray, dd.ZERO if normalised else law.log_total)
    return out


def _fill(
    law: Law, lo: int, hi: int, out: Floats, finish: Callable[[Floats], Floats], shift: dd.Pair
) -> None:
    """Write finish(log a(t) + shift) for every t of lo..hi on the lattice into out[t - lo]."""
    span = law.span
    first, last = max(0, -(-lo // span)), min(law.degree, hi // span)
    out = out[first * span - lo :: span]  # out[i] is now that of index first + i
    mirrored = (last - first) // 2 if law.is_palindrome and first + last == law.degree else 0
    end = last - mirrored
    inside = max(first, 1), min(end, law.degree - 1)
    pieces, points = divide(lambda real: analytic_logs(law, real, shift), *inside, lambda a, b: b - a)
    for piece in pieces:
        for start in range(piece.lo, piece.hi + 1, _BLOCK):
            stop = min(start + _BLOCK, piece.hi + 1)
            d = np.arange(start - piece.centre, stop - piece.centre, dtype=float)
            out[start - first : stop - first] = finish(piece.evaluate(d))
    points += [(t, t) for t in {0, law.degree} if first <= t <= end]
    for start in range(0, len(points), _STRETCHES):
        t = np.concatenate([np.arange(a, b + 1) for a, b in points[start : start + _STRETCHES]])
        out[t - first] = finish(pointwise(law, t, shift))
    if mirrored:
        out[last - first : end - first : -1] = out[:mirrored]


@lru_cache(maxsize=64)
@np.errstate(all="ignore")
def window(law: Law, log_floor: float = -745.2) -> tuple[int, int]:
    """Return (lo, hi) outside which a(t) / P(1) < exp(log_floor), by Chernoff's bound.

    theta K'(theta) - K(theta) >= -log_floor on either side of the mean, solved by Newton's iteration for the
    square root of the left side, which is nearly linear in theta.
    """
    if law.degree == 0:
        return 0, 0
    goal = np.sqrt(-log_floor)
    target = np.array([-goal, goal])
    theta = np.clip(target * np.sqrt(np.divide(2, law.variance)), *law.theta_range)
    near, far = np.zeros(2), np.array(law.theta_range)
    for _ in range(_MOST_STEPS):
        rate, slope, _ = _rate(law, theta)
        root = np.sqrt(rate)
        inside = root < goal
        near, far = np.where(inside, theta, near), np.where(inside, far, theta)
        new = theta - 2 * root * (np.copysign(root, theta) - target) / (np.abs(theta) * slope)
        between = (new - near) * (new - far) < 0
        new = np.where(between, new, 0.5 * (near + far))
        settled = np.abs(new - theta) <= 1e-2 * np.abs(theta)
        theta = new
        if settled.all():
            break
    mean = _rate(law, theta)[2]
    reach = 1e-3 * np.abs(mean) + 2
    lo = max(0, law.mean + int(np.floor(mean[0] - reach[0])))
    hi = min(law.degree, law.mean + int(np.ceil(mean[1] + reach[1])))
    return lo * law.span, hi * law.span


def _rate(law: Law, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (theta K' - K, K'', K' - K'(0)), all about the untilted mean, K to a rounding of n."""
    rate = slope = shift = np.zeros(theta.shape)
    for f in law.taps:
        y = theta * f.centred
        peak = y.max(axis=0)
        p = f.share * np.exp(y - peak)
        total = p.sum(axis=0)
        p /= total
        mean = (p * f.centred).sum(axis=0)
        rate = rate + f.n * (theta * mean - np.log(total) - peak)
        slope = slope + f.n * (p * (f.centred - mean) ** 2).sum(axis=0)
        shift = shift + f.n * mean
    return np.maximum(rate, 0.0), slope, shift
