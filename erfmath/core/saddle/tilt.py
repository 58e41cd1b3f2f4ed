"""The law tilted by exp(theta t), theta near the saddle point where its mean is t (Daniels 1954).

For P scaled to P(1) = 1 and any real theta, with K_i(theta) = log P_i(exp(theta)),

    a(t) = exp(E) (1/2pi) * integral over |w| < pi of phi(w) exp(-iwt) dw,
    E = sum_i n_i K_i(theta) - t theta,
    phi(w) = prod_i (P_i(exp(theta + iw)) / P_i(exp(theta)))**n_i;

at the saddle, sum_i n_i K_i'(theta) = t, the integral loses no digits. E is a double-double, because its
terms may be 1e15 times larger than itself. H. E. Daniels, Ann. Math. Statist. 25 (1954) 631.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .law import Ints, Law, Taps

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_STEPS = 80
_FEW_TAPS = 24  # of which plain floats are faster than arrays


class Part(NamedTuple):
    """One factor of the tilted law: taps on axis 0, points on the last axis.

    The taps' shares q, their distances d from the dominant tap number `top`, and the mean of d.
    """

    q: Floats
    d: Floats
    top: Ints
    mean: Floats


class Tilt(NamedTuple):
    """The law tilted to theta at each point t; `base` = sum_i n_i x_top - t, `delta` = tilted mean - t."""

    theta: Floats
    t: dd.Pair
    parts: list[Part]
    base: dd.Pair
    delta: Floats
    variance: Floats

    def take(self, keep: Ints) -> Tilt:
        """Return the tilt at the points `keep`."""
        parts = [Part(p.q[:, keep], p.d[:, keep], p.top[keep], p.mean[keep]) for p in self.parts]
        t, base = ((high[keep], low[keep]) for high, low in (self.t, self.base))
        return Tilt(self.theta[keep], t, parts, base, self.delta[keep], self.variance[keep])


def exact_pair(t: Ints) -> dd.Pair:
    """Return integers as double-doubles, exactly."""
    high = t.astype(float)
    return high, (t - high.astype(np.int64)).astype(float)


def tilted(law: Law, theta: Floats, t: dd.Pair) -> Tilt:
    """Return the law tilted to theta; delta loses no digits, counted as it is from the dominant taps."""
    parts = []
    base = dd.negative(t)
    delta = variance = np.zeros(theta.shape)
    for f in law.taps:
        y = f.log_high[:, None] + f.x * theta
        top = y.argmax(axis=0)
        y -= y.max(axis=0)
        q = np.exp(y, out=y)
        q /= q.sum(axis=0)
        d = f.x - f.x.take(top)
        mean = (q * d).sum(axis=0)
        variance = variance + f.n * (q * (d - mean) ** 2).sum(axis=0)
        delta = delta + f.n * mean
        base = dd.add(base, (f.ends[0].take(top), f.ends[1].take(top)))
        parts.append(Part(q, d, top, mean))
    return Tilt(theta, t, parts, base, delta + base[0], variance)


def solve(law: Law, t: dd.Pair) -> Tilt:
    """Return the tilt near the saddle of each 0 < t < degree.

    Newton's iteration on log(mean / (degree - mean)), which is linear in theta for binomial laws, bracketed.
    The integral holds for any theta: close to the saddle is enough.
    """
    left, right = t[0] + t[1], (law.degree - t[0]) - t[1]
    grid_theta, grid_logit = law.starts
    theta = np.interp(np.log(left / right), grid_logit, grid_theta)
    low, high = (np.full(theta.shape, bound) for bound in law.theta_range)
    for _ in range(_MOST_STEPS):
        tilt = tilted(law, theta, t)
        done = _is_close(tilt)
        if done.all():
            break
        np.copyto(high, theta, where=tilt.delta > 0)
        np.copyto(low, theta, where=tilt.delta <= 0)
        new = theta - _newton_step(tilt, left, right)
        inside = (new > low) & (new < high)
        theta = np.where(done, theta, np.where(inside, new, 0.5 * (low + high)))
    return tilt


def _is_close(tilt: Tilt) -> Flags:
    """Return whether the tilted mean is a small part of a standard deviation from t."""
    # delta is known to about 2e-16 base, which delta / variance multiplies.
    scale = 1 + np.abs(tilt.base[0])
    close = np.minimum(0.05 * np.sqrt(tilt.variance), 50 * tilt.variance / scale)
    return np.asarray(np.abs(tilt.delta) <= np.maximum(close, 0.01))


def _newton_step(tilt: Tilt, left: Floats, right: Floats) -> Floats:
    """Return the step of theta that brings log(mean / (degree - mean)) to log(left / right)."""
    delta = tilt.delta
    mean = np.maximum(left + delta, 1e-300)
    rest = np.maximum(right - delta, 1e-300)
    gap = np.log1p(np.maximum(delta / left, -1 + 1e-16))
    gap -= np.log1p(np.maximum(-delta / right, -1 + 1e-16))
    return np.asarray(gap / (tilt.variance * (1 / mean + 1 / rest)))


def exponent(law: Law, tilt: Tilt) -> dd.Pair:
    """Return E = sum_i n_i (log p_top + log sum_j q_j/q_top) + base theta."""
    if tilt.theta.size == 1 and sum(len(f.steps) for f in law.taps) <= _FEW_TAPS:
        return _exponent_of_one(law, tilt)
    total = dd.scale(tilt.base, tilt.theta)
    for f, part in zip(law.taps, tilt.parts, strict=True):
        _, ratio = _ratios(f, part, tilt.theta)
        logs = dd.add(dd.log(ratio), (f.log_high.take(part.top), f.log_low.take(part.top)))
        total = dd.add(total, dd.scale(logs, f.n))
    return total


def _exponent_of_one(law: Law, tilt: Tilt) -> dd.Pair:
    """Return the exponent of a single point, computed in plain floats."""
    theta = tilt.theta.item()
    total = dd.scale((tilt.base[0].item(), tilt.base[1].item()), theta)
    for f, part in zip(law.taps, tilt.parts, strict=True):
        logs = list(zip(f.log_high.tolist(), f.log_low.tolist(), strict=True))
        origin, ratio = logs[part.top.item()], dd.ZERO
        for log, d in zip(logs, part.d[:, 0].tolist(), strict=True):
            y = dd.add(dd.add(log, dd.negative(origin)), dd.two_prod(d, theta))
            ratio = dd.add(ratio, dd.exp(y))
        total = dd.add(total, dd.scale(dd.add(dd.log(ratio), origin), f.n))
    return np.array([total[0]]), np.array([total[1]])


def sharpened(law: Law, tilt: Tilt) -> Tilt:
    """Return the tilt with delta from double-double means.

    Away from the saddle the phase u delta is of size 1, and n times the rounding of a mean is not small.
    """
    delta = tilt.base
    for f, part in zip(law.taps, tilt.parts, strict=True):
        ratios, total = _ratios(f, part, tilt.theta)
        moment = dd.total(dd.scale(ratios, part.d))
        delta = dd.add(delta, dd.scale(dd.divide(moment, total), f.n))
    return tilt._replace(delta=delta[0])


def _ratios(f: Taps, part: Part, theta: Floats) -> tuple[dd.Pair, dd.Pair]:
    """Return (q_j / q_top of all taps, their sum)."""
    origin = -f.log_high.take(part.top), -f.log_low.take(part.top)
    y = dd.add((f.log_high[:, None], f.log_low[:, None]), origin)
    ratios = dd.exp(dd.add(y, dd.two_prod(part.d, theta)))
    return ratios, dd.total(ratios)
