"""The integral over the circle by the trapezoidal rule, around the peaks of the integrand or all of it.

The rule is exact but for aliases, since the integrand is periodic and analytic: Trefethen & Weideman, SIAM
Review 56 (2014) 385. Each sum comes with that of the modulus, which bounds its cancellation.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial

import numpy as np

from ..scaled import Floats
from .bulk import NEGLIGIBLE
from .law import Ints, Law
from .lumps import MANY, Lumps
from .peaks import Side, circle_period, peaks, period_of
from .spectrum import WIDE, Complexes, fast_even_length, is_wide, spectrum
from .tilt import Flags, Part, Tilt

SMALLEST_RATIO = 0.01  # |integral| / integral of the modulus, without a repair

_BATCH = 1 << 16  # array elements of one pass
_GRID_LIMIT = 1 << 23  # nodes on the full circle, half a second and half a gigabyte

_COSINE = [(-1) ** k / factorial(2 * k) for k in range(9)]
_SINE = [(-1) ** k / factorial(2 * k + 1) for k in range(9)]
_REST = [1e-17 * factorial(2 * k + 2) for k in range(9)]  # x**(2k) below it: k terms are enough


class NoBellShape(ValueError):  # noqa: N818  (it says what the law lacks)
    """The law has no bell shape at some index that a contour integral could use."""

    def __init__(self, law: Law, index: int, reason: str) -> None:
        super().__init__(f"the saddle point fails at index {index * law.span}: {reason}")


def integral(law: Law, tilt: Tilt, side: Side | None = None, analytic: bool = False) -> tuple[Floats, Floats]:
    """Return the integral of phi(w) exp(-iwt) / 2pi, and that of its modulus, for each point.

    With `side`, the integrand carries the factor of that tail. With `analytic`, a value is nan where it is no
    analytic function of t, which is where more than the one peak at w = 0 is needed.
    """
    period = period_of(law, tilt.theta, tilt.variance, side)
    whole = circle_period(law, period, tilt.theta, side)
    comb, radius = peaks(law, tilt, whole)
    nodes = radius * period / (2 * np.pi) + 1
    local = (comb > 0) & (nodes * comb < 0.5 * whole)
    if local.all() and comb.max() == 1 and nodes.max() * nodes.size <= _BATCH:
        return _sum_peaks(law, tilt, period, radius, 1, side)
    value, bound = np.full((2, tilt.theta.size), np.nan)
    for h in sorted(set(comb[local].tolist())):
        if h > 1 and analytic:
            break
        for keep in _batches(np.flatnonzero(local & (comb == h)), nodes):
            some = tilt if keep.size == nodes.size else tilt.take(keep)
            value[keep], bound[keep] = _sum_peaks(law, some, period[keep], radius[keep], h, side)
    if not (analytic or local.all()):
        _add_circles(law, tilt, whole, np.flatnonzero(~local), side, (value, bound))
    return value, bound


def _batches(points: Ints, cost: Floats) -> Iterator[Ints]:
    """Split the points into runs of similar cost, _BATCH elements each; a single run keeps the order."""
    if points.size * cost[points].max() <= _BATCH:
        yield points
        return
    order = points[np.argsort(-cost[points], kind="stable")]
    start = 0
    while start < order.size:
        size = max(1, int(_BATCH / cost[order[start]]))
        yield order[start : start + size]
        start += size


def _sum_peaks(
    law: Law, tilt: Tilt, period: Floats, radius: Floats, h: int, side: Side | None
) -> tuple[Floats, Floats]:
    """Return the two integrals as sums over the peaks 2 pi c/h; those of c and -c are conjugates."""
    spacing = 2 * np.pi / period
    reach = np.ceil(radius / spacing)
    count = int(reach.max())
    k = np.arange(count + 1)
    fold = np.multiply(2.0, k <= reach[:, None], dtype=float)  # further out is another peak
    fold[:, 0] = 1.0
    total, bound = _around_peak(law, tilt, spacing[:, None] * k, fold, 0, h, side)
    k = np.arange(-count, count + 1)
    for c in range(1, h // 2 + 1):
        fold = np.where(np.abs(k) <= reach[:, None], 1.0 if 2 * c == h else 2.0, 0.0)
        sums = _around_peak(law, tilt, spacing[:, None] * k, fold, c, h, side)
        total, bound = total + sums[0], bound + sums[1]
    return total / period, bound / period


def _around_peak(
    law: Law, tilt: Tilt, u: Floats, fold: Floats, c: int, h: int, side: Side | None
) -> tuple[Floats, Floats]:
    """Return the sums, weighted by fold, of the integrand and of its modulus, w = 2 pi c/h + u."""
    modulus: Floats = np.zeros(u.shape)
    phase: Floats = u * tilt.delta[:, None]
    for f, part in zip(law.taps, tilt.parts, strict=True):
        lumped = not c and len(part.q) >= MANY * len(u)
        power = log_power(f.n, *(_lumped_bends(part, u) if lumped else _bends(part, u, c, h)))
        modulus, phase = modulus + power[0], phase + power[1]
    if c:
        residue = tilt.base[0].astype(np.int64) + tilt.base[1].astype(np.int64)
        phase = phase + 2 * np.pi / h * (c * (residue % h) % h)[:, None]
    size = np.exp(modulus) * fold
    if not side:
        return (size * np.cos(phase)).sum(axis=1), size.sum(axis=1)
    term = size * np.exp(1j * phase) * tail_factor(tilt.theta, u + 2 * np.pi * c / h, side)
    return term.real.sum(axis=1), np.abs(term).sum(axis=1)


def _bends(part: Part, u: Floats, c: int, h: int) -> tuple[Floats, Floats]:
    """Return the parts of sum q (exp(iw(d - mean)) - 1 - iu(d - mean)), w = 2 pi c/h + u."""
    real, imag = np.zeros((2, *u.shape))
    taps = max(1, _BATCH // u.size)  # to take at once
    for start in range(0, len(part.q), taps):
        q, d = part.q[start : start + taps], part.d[start : start + taps]
        x: Floats = u * (d - part.mean)[:, :, None]
        cosm1, sinm = cosm1_sinm(x)
        if c:
            angle = (c * d.astype(np.int64) % h).astype(float) * (2 * np.pi / h)
            _turn(cosm1, sinm, x, angle[:, :, None])
        cosm1 *= q[:, :, None]
        sinm *= q[:, :, None]
        real += cosm1.sum(axis=0)
        imag += sinm.sum(axis=0)
    return real, imag


def _lumped_bends(part: Part, u: Floats) -> tuple[Floats, Floats]:
    """Return the same around u = 0 for many taps, each point from its lumps."""
    bends = np.empty(u.shape, dtype=complex)
    for i, own in enumerate(u):
        lumps = Lumps.of(part.q[:, i], part.d[:, i] - part.mean[i], float(own.max()) or 1.0)
        bends[i] = lumps.bend(1j * own)
    return bends.real, bends.imag


def cosm1_sinm(x: Floats) -> tuple[Floats, Floats]:
    """Return cos(x) - 1 and sin(x) - x without cancellation.

    Summed over the taps with their shares, the x drop out: they are counted from the mean.
    """
    square = x * x
    largest = float(square.max())
    if largest > 0.5:
        half = np.sin(0.5 * x)
        return -2 * half * half, np.sin(x) - x
    count = next(k for k in range(1, 9) if largest**k < _REST[k])
    cosine, sine = _COSINE[count] * square, _SINE[count] * square
    for c, s in zip(_COSINE[count - 1 : 0 : -1], _SINE[count - 1 : 0 : -1], strict=True):
        cosine += c
        cosine *= square
        sine += s
        sine *= square
    sine *= x
    return cosine, sine


def _turn(cosm1: Floats, sinm: Floats, x: Floats, angle: Floats) -> None:
    """Turn exp(ix) by exp(i angle) in place, given as cos(x) - 1 and sin(x) - x and returned likewise."""
    cut, sine = -2 * np.sin(0.5 * angle) ** 2, np.sin(angle)
    turned = cut * (1 + cosm1) - sine * (x + sinm)
    sinm += cut * (x + sinm) + sine * (1 + cosm1)
    cosm1 += turned


def log_power(n: float, real: Floats, imag: Floats) -> tuple[Floats, Floats]:
    """Return n log|1 + real + i imag| and n times the argument."""
    modulus = 0.5 * n * np.log1p(2 * real + real * real + imag * imag)
    return modulus, n * np.arctan2(imag, 1 + real)


def tail_factor(theta: Floats, w: Floats, side: Side) -> Complexes:
    """Return the sum of exp(-+(theta + iw) j) over j = 0, 1, ..., which makes a tail of a coefficient."""
    sign = 1.0 if side == "upper" else -1.0
    return np.asarray(1 / -np.expm1(-sign * (theta[:, None] + 1j * w)))


def _add_circles(
    law: Law, tilt: Tilt, period: Floats, points: Ints, side: Side | None, out: tuple[Floats, Floats]
) -> None:
    """Write the two integrals of the points without usable peaks, by nodes on the full circle."""
    widest = points[period[points].argmax()]
    if period[widest] > _GRID_LIMIT:
        index = int(tilt.t[0][widest]) + int(tilt.t[1][widest])
        raise NoBellShape(law, index, "the integrand has neither few peaks nor a short period")
    alone = any(map(is_wide, law.taps))
    for keep in np.reshape(points, (-1, 1)) if alone else _batches(points, period):
        longest = float(period[keep].max())
        even = fast_even_length(int(np.ceil(longest))) if alone else 2 * int(np.ceil(0.5 * longest))
        out[0][keep], out[1][keep] = _sum_circle(law, tilt.take(keep), even, side)


def _sum_circle(law: Law, tilt: Tilt, period: int, side: Side | None) -> tuple[Floats, Floats]:
    """Return the two integrals by `period` nodes on the full circle.

    Those near w = 0 count from the mean, since n times an argument there is to be small; the angles of the
    others are looked up, between -pi and pi, since n times the rounding of a small one is to be small too.
    """
    near = 1 + int(period / (2 * np.pi * law.extent))
    u = np.broadcast_to(np.arange(near) * (2 * np.pi / period), (tilt.theta.size, near))
    fold = np.full(period // 2 + 1, 2.0)
    fold[0] = fold[-1] = 1.0
    total, bound = _around_peak(law, tilt, u, fold[:near], 0, 1, side)
    k = np.arange(near, period // 2 + 1)
    spectra = _spectra(law, tilt, period) if len(u) == 1 else {}
    k = k[_is_heard(law, spectra, k)]
    base = tilt.base[0].astype(np.int64) % period + tilt.base[1].astype(np.int64)
    phase = _angle(base[:, None] % period * k, period)
    modulus = np.zeros(phase.shape)
    for i, (f, part) in enumerate(zip(law.taps, tilt.parts, strict=True)):
        if i in spectra and is_wide(f):
            turn = np.exp(1j * _angle(-int(f.steps[int(part.top[0])]) % period * k, period))
            value = (spectra[i][k] * turn)[None]
            real, imag = value.real - 1, value.imag
        else:
            real, imag = _looked_up(part, k, period)
        power = log_power(f.n, real, imag)
        modulus, phase = modulus + power[0], phase + power[1]
    term = np.exp(modulus + 1j * phase)
    if side:
        term *= tail_factor(tilt.theta, _angle(k, period), side)
    far = fold[k]
    return (total + term.real @ far) / period, (bound + np.abs(term) @ far) / period


def _spectra(law: Law, tilt: Tilt, period: int) -> dict[int, Complexes]:
    """Return phi of the factors of many taps, at one point."""
    parts = enumerate(zip(law.taps, tilt.parts, strict=True))
    return {i: spectrum(f, part.q[:, 0], period) for i, (f, part) in parts if len(f.steps) >= WIDE}


def _is_heard(law: Law, spectra: dict[int, Complexes], k: Ints) -> Flags:
    """Return where the moduli are not negligible, all nodes together."""
    log_modulus = np.zeros(k.shape)
    for i, value in spectra.items():
        log_modulus += law.taps[i].n * np.log(np.abs(value[k]) + 1e-15)
    return np.asarray(log_modulus > -NEGLIGIBLE - np.log(len(k) + 1))


def _looked_up(part: Part, k: Ints, period: int) -> tuple[Floats, Floats]:
    """Return the real and imaginary parts of phi - 1 at the nodes 2 pi k / period, from tables."""
    angle = _angle(np.arange(period), period)
    cosm1, sine = -2 * np.sin(0.5 * angle) ** 2, np.sin(angle)
    real, imag = np.zeros((2, part.q.shape[1], len(k)))
    for q, d in zip(part.q, part.d.astype(np.int64), strict=True):
        node = d[:, None] * k % period
        real += q[:, None] * cosm1[node]
        imag += q[:, None] * sine[node]
    return real, imag


def _angle(index: Ints, period: int) -> Floats:
    """Return 2 pi index / period between -pi and pi."""
    inside = index % period
    return np.asarray((inside - period * (inside > period // 2)) * (2 * np.pi / period))
