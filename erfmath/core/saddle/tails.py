"""Tails: log P(S <= t) and log P(S >= t), the smaller of the two by one contour integral.

The geometric factor 1 / (1 - exp(-|theta| -+ iw)) sums the coefficients inside the integral; theta keeps off
its pole (Lugannani & Rice, Adv. Appl. Prob. 12 (1980) 475, expand the same integral).
"""

from __future__ import annotations

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .edges import end_log
from .integral import SMALLEST_RATIO, NoBellShape, integral
from .law import Ints, Law
from .lobe import lobe_of
from .peaks import Side, period_of
from .pieces import interpolated
from .points import MANY, corner_logs, pointwise
from .tilt import exact_pair, exponent, sharpened, solve, tilted

_LONGEST_SUM = 1 << 16  # coefficients of a tail added one by one


@np.errstate(all="ignore")
def log_tail(law: Law, t: Ints, side: Side) -> Floats:
    """Return log P(S <= t) ("lower") or log P(S >= t) ("upper") for integers t of any shape.

    S has the law a(t) / P(1). Raises NoBellShape where the law has no use for a contour integral.
    """
    if side not in ("lower", "upper"):
        raise ValueError(f"side must be 'lower' or 'upper', got {side!r}")
    t = np.asarray(t, dtype=np.int64)
    if side == "lower":
        index = np.floor_divide(t.ravel(), law.span)
        empty, inside = index < 0, (index >= 0) & (index < law.degree)
    else:
        index = -np.floor_divide(-t.ravel(), law.span)
        empty, inside = index > law.degree, (index > 0) & (index <= law.degree)
    result = np.where(empty, -np.inf, 0.0)
    if inside.any():
        result[inside] = _inner_tails(law, index[inside], side)
    return result.reshape(t.shape)


def _inner_tails(law: Law, t: Ints, side: Side) -> Floats:
    """Return log P(S >= t), 0 < t <= degree (or log P(S <= t), 0 <= t < degree)."""
    result = np.empty(t.shape)
    small = t > law.mean if side == "upper" else t <= law.mean
    if small.any():
        result[small] = _small_tails(law, t[small], side)
    if not small.all():
        other: Side = "lower" if side == "upper" else "upper"
        next_to = t[~small] - 1 if side == "upper" else t[~small] + 1
        result[~small] = np.log1p(-np.exp(_small_tails(law, next_to, other)))
    return result


def _small_tails(law: Law, t: Ints, side: Side) -> Floats:
    """Return the logs of tails on that side of the mean, the outermost coefficient included."""
    end = law.degree if side == "upper" else 0
    high, low = end_log(law, end != 0)
    logs = np.full(t.shape, high + low)
    inner = t != end
    if inner.sum() > MANY:
        logs[inner] = interpolated(
            lambda real: (_seen_tails(law, real, side)[0], np.zeros_like(real[0])),
            t[inner],
            lambda rest: _pointwise(law, rest, side),
        )
    elif inner.any():
        logs[inner] = _pointwise(law, t[inner], side)
    return logs


def _pointwise(law: Law, t: Ints, side: Side) -> Floats:
    """Return the logs of tails by the contour integral, or by sums where it cancels."""

    def read(near: Law, distance: Ints) -> Floats:
        high = _pointwise(near, distance, "lower")
        return np.array([high, np.zeros_like(high)])

    result: Floats = corner_logs(law, t, read, side)[0]
    rest = np.flatnonzero(np.isnan(result))
    for start in range(0, rest.size, law.chunk):
        keep = rest[start : start + law.chunk]
        logs, reach = _seen_tails(law, exact_pair(t[keep]), side)
        lost = np.isnan(logs)
        if lost.any():
            logs[lost] = _summed_tails(law, t[keep[lost]], reach, side)
        result[keep] = logs
    return result


def _seen_tails(law: Law, t: dd.Pair, side: Side) -> tuple[Floats, int]:
    """Return (logs of tails at real t, nan where the integral cancels; how far their sums have to go)."""
    lobe, reach = lobe_of(law), 0
    logs = lobe.logs(law, t, side) if lobe else np.full(t[0].shape, np.nan)
    unseen = np.flatnonzero(np.isnan(logs))
    if unseen.size:
        logs[unseen], reach = _integrated_tails(law, (t[0][unseen], t[1][unseen]), side)
    return logs, reach


def _integrated_tails(law: Law, t: dd.Pair, side: Side) -> tuple[Floats, int]:
    tilt = solve(law, t)
    closest = min(1.0, 1.5 / np.sqrt(law.variance))
    theta = np.maximum(np.abs(tilt.theta), closest) * (1 if side == "upper" else -1)
    if (theta != tilt.theta).any():
        tilt = tilted(law, theta, tilt.t)
    tilt = sharpened(law, tilt)
    value, bound = integral(law, tilt, side)
    good = value > 0.1 * SMALLEST_RATIO * bound
    high, low = exponent(law, tilt)
    result = np.asarray(high + (low + np.log(np.where(good, value, np.nan))))
    if good.all():
        return result, 0
    return result, int(np.ceil(period_of(law, tilt.theta, tilt.variance, side)[~good].max()))


def _summed_tails(law: Law, t: Ints, reach: int, side: Side) -> Floats:
    """Return the logs of tails as sums of their coefficients, those beyond reach being negligible."""
    first, last = int(t.min()), int(t.max())
    first, last = (first, min(last + reach, law.degree)) if side == "upper" else (max(first - reach, 0), last)
    if last - first > _LONGEST_SUM:
        raise NoBellShape(law, int(t[0]), "the integral of the tail cancels, and its sum is too long")
    logs = pointwise(law, np.arange(first, last + 1), dd.ZERO)
    tails = [logs[v - first :] if side == "upper" else logs[: v - first + 1] for v in t]
    return np.array([tail.max() + np.log(np.exp(tail - tail.max()).sum()) for tail in tails])
