"""Single coefficients: log a(t) at any indices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .edges import edge_log, end_log, is_cheap, is_possible
from .integral import SMALLEST_RATIO, NoBellShape, integral
from .law import Ints, Law
from .lobe import seen_or
from .lumps import MANY as MANY_TAPS
from .peaks import Side, period_of
from .pieces import analytic_logs, interpolated
from .residues import split_integral
from .tilt import Tilt, exact_pair, exponent, solve

__all__ = ["NoBellShape", "log_coefficients", "pointwise"]

_CORNER = 4  # an index this many times shorter than the longest step needs few of the taps
MANY = 4000  # points from which pieces between them are faster


@np.errstate(all="ignore")
def log_coefficients(law: Law, t: Ints, normalised: bool = False) -> Floats:
    """Return log [z^t] P(z), or log([z^t] P(z) / P(1)), for integers t of any shape; -inf at zeros.

    The error is below 1e-12 + 4e-16 times the log's magnitude. Raises NoBellShape where the law has
    no use for a contour integral.
    """
    t = np.asarray(t, dtype=np.int64)
    index, remainder = np.divmod(t.ravel(), law.span)
    valid = np.flatnonzero((remainder == 0) & (index >= 0) & (index <= law.degree))
    shift = dd.ZERO if normalised else law.log_total
    result = np.full(index.shape, -np.inf)
    result[valid] = (_by_pieces if valid.size > MANY else pointwise)(law, index[valid], shift)
    return result.reshape(t.shape)


def _by_pieces(law: Law, t: Ints, shift: dd.Pair) -> Floats:
    """Return log a(t) + shift at many indices, interpolated wherever enough of them share a piece."""
    inner = (t > 0) & (t < law.degree)
    result = np.empty(t.shape)
    result[inner] = interpolated(
        lambda real: analytic_logs(law, real, shift), t[inner], lambda rest: pointwise(law, rest, shift)
    )
    result[~inner] = pointwise(law, t[~inner], shift)
    return result


def pointwise(law: Law, t: Ints, shift: dd.Pair) -> Floats:
    """Return log a(t) + shift at any indices 0 <= t <= degree, one integral each."""
    logs = _pairs(law, t)
    high, _ = dd.add((logs[0], logs[1]), shift)
    return np.where(np.isneginf(logs[0]), -np.inf, high)


def _pairs(law: Law, t: Ints) -> Floats:
    """Return rows (high, low) of log a(t)."""
    logs = corner_logs(law, t, _pairs)
    for end in {0, law.degree}:
        logs[:, t == end] = np.reshape(end_log(law, end != 0), (2, 1))
    rest = np.flatnonzero(np.isnan(logs[0]))
    for start in range(0, rest.size, law.chunk):
        keep = rest[start : start + law.chunk]
        logs[:, keep] = _inner_logs(law, t[keep])
    return logs


def corner_logs(law: Law, t: Ints, read: Callable[[Law, Ints], Floats], side: Side | None = None) -> Floats:
    """Return logs of coefficients or tails near the ends of wide laws, from few taps, as rows (high, low).

    `read` takes the law of a corner, which is at 0, and distances from it. What is not near an end is nan.
    """
    logs = np.full((2, t.size), np.nan)
    if not law.is_whole or sum(len(f.steps) for f in law.taps) < MANY_TAPS:
        return logs
    for mirrored in {"lower": (False,), "upper": (True,), None: (False, True)}[side]:
        distance = law.degree - t if mirrored else t
        for i in np.flatnonzero((distance > 0) & (distance <= law.extent // _CORNER)):
            near, at = law.corner(int(distance[i]), mirrored), distance[i : i + 1]
            if near is not None and at[0] <= near.degree - bool(side):
                logs[:, i] = read(near, at)[:, 0]
            elif near is not None and not side:
                logs[:, i] = -np.inf, 0.0
    return logs


def _inner_logs(law: Law, t: Ints) -> dd.Pair:
    """Return log a(t), 0 < t < degree."""
    return seen_or(law, exact_pair(t), lambda unseen: _integrated_logs(law, t[unseen]))


def _integrated_logs(law: Law, t: Ints) -> dd.Pair:
    tilt = solve(law, exact_pair(t))
    total = exponent(law, tilt)
    value, bound = integral(law, tilt)
    good = value > SMALLEST_RATIO * bound
    if good.all():
        return dd.add(total, (np.log(value), 0.0))
    logs = dd.add(total, (np.log(np.where(good, value, 1.0)), 0.0))
    for i in np.flatnonzero(~good):
        logs[0][i], logs[1][i] = _repaired(law, int(t[i]), tilt, int(i), (total[0][i], total[1][i]))
    return logs


def _repaired(law: Law, t: int, tilt: Tilt, at: int, total: dd.Pair) -> dd.Pair:
    """Return log a(t) of the point number `at`, whose integral cancels; its exponent is given."""
    nearest = min(t, law.degree - t)
    if is_cheap(law, nearest):
        return edge_log(law, nearest, nearest != t)
    possible = is_possible(law, nearest)
    one = tilt.take(np.array([at]))
    period = period_of(law, one.theta, one.variance, None).item()
    value, bound = split_integral(law, one, period, not possible)
    if value > SMALLEST_RATIO * bound:
        return dd.add(total, (np.log(value), 0.0))
    if possible:
        return edge_log(law, nearest, nearest != t)
    if value == bound == 0.0:
        return -np.inf, 0.0
    raise NoBellShape(law, t, "the integral cancels, and no sum of positive terms is short enough")
