"""Single coefficients: log a(t) at any indices."""

from __future__ import annotations

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .edges import edge_log, end_log, is_cheap, is_possible
from .integral import SMALLEST_RATIO, NoBellShape, integral
from .law import Ints, Law
from .lobe import seen_or
from .peaks import period_of
from .pieces import analytic_logs, interpolated
from .residues import split_integral
from .tilt import Tilt, exact_pair, exponent, solve

__all__ = ["NoBellShape", "log_coefficients", "pointwise"]

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
    logs = np.zeros((2, t.size))
    inner = np.flatnonzero((t > 0) & (t < law.degree))
    for end in {0, law.degree} if inner.size < t.size else ():
        logs[:, t == end] = np.reshape(end_log(law, end != 0), (2, 1))
    for start in range(0, inner.size, law.chunk):
        keep = inner[start : start + law.chunk]
        logs[:, keep] = _inner_logs(law, t[keep])
    high, low = dd.add((logs[0], logs[1]), shift)
    return np.where(np.isneginf(logs[0]), -np.inf, high + low)


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
