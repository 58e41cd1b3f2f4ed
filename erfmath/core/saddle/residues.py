"""The integral of one point whose residue needs rare steps, which the heavy taps alone cannot reach.

With h the period of the heavy taps' positions and zeta a formal h-th root of unity,

    phi(u) = sum over residues r of [zeta**r] prod_i (heavy_i(u) + light_i(u, zeta))**n_i:

powers of positive elements modulo zeta**h - 1, of which the residue of t picks one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..scaled import Floats
from .integral import cosm1_sinm, log_power
from .law import Law, Taps
from .tilt import Flags, Part, Tilt

Complexes = np.ndarray[Any, np.dtype[np.complex128]]

_LONGEST_PERIOD = 1 << 15
_FEW_STEPS = 60.0  # expected number of light steps, at most
_UNKNOWN = np.nan, np.nan


class _Nodes(NamedTuple):
    """The nodes u of the sum, their weights, and the ring: its period h, how many light steps can matter."""

    u: Floats
    weights: Floats
    h: int
    steps: int


def split_integral(law: Law, tilt: Tilt, period: float, bare: bool) -> tuple[float, float]:
    """Return (integral, integral of the modulus) for a tilt of one point, nan where there is no such split.

    (0, 0) stands for a residue that no steps reach. `bare` allows h = 0, single heavy taps, which is slow.
    """
    light = _light_taps(law, tilt)
    base = int(tilt.base[0][0]) + int(tilt.base[1][0])
    nodes = _nodes(law, tilt, light, period, base, bare)
    if nodes is None:
        return _UNKNOWN
    phase, product = _phase_and_product(law, tilt, light, nodes)
    residue = -base % nodes.h
    if not product[residue, 0]:  # a true zero or an underflow
        steps = [{int(d) for d in p.d[cut, 0]} for p, cut in zip(tilt.parts, light, strict=True)]
        powers = [f.power for f in law.taps]
        return _UNKNOWN if _is_reachable(zip(steps, powers, strict=True), nodes.h, residue) else (0.0, 0.0)
    term = np.exp(phase) * product[residue]
    weights = nodes.h / (2 * np.pi) * nodes.weights
    return float(weights @ term.real), float(weights @ np.abs(term))


def _light_taps(law: Law, tilt: Tilt) -> list[Flags]:
    """Return per factor which taps are light: the rarest, up to 60 steps expected of all together."""
    counts = np.concatenate(
        [
            np.where(part.d[:, 0] == 0, np.inf, f.n * part.q[:, 0])
            for f, part in zip(law.taps, tilt.parts, strict=True)
        ]
    )
    order = np.argsort(counts)
    light = np.zeros(counts.size, dtype=bool)
    light[order[np.cumsum(counts[order]) <= _FEW_STEPS]] = True
    return np.split(light, np.cumsum([len(f.steps) for f in law.taps])[:-1])


def _nodes(law: Law, tilt: Tilt, light: list[Flags], period: float, base: int, bare: bool) -> _Nodes | None:
    """Return the nodes of the sum over the heavy taps' peak, or None where the ring is of no use."""
    h, curvature = 0, 0.0
    for f, part, cut in zip(law.taps, tilt.parts, light, strict=True):
        steps = part.d[~cut, 0].astype(np.int64)
        h = int(np.gcd(h, np.gcd.reduce(steps)))
        mean, share = _heavy_mean(part, cut)
        curvature += f.n * float((part.q[~cut, 0] / share * (steps - mean) ** 2).sum())
    if h:
        u, weights = _trapezoid(period, h, 12 / np.sqrt(curvature))
        count = h
    elif not bare:
        return None
    else:  # single heavy taps: no integral is left, h only has to be long enough
        u, count = np.zeros(1), 2 * law.extent + abs(base)
        h = 2 * law.extent * (2 * count + 500)
        weights = np.array([2 * np.pi / h])
    return None if h == 1 or h > _LONGEST_PERIOD else _Nodes(u, weights, h, count)


def _trapezoid(period: float, h: int, reach: float) -> tuple[Floats, Floats]:
    """Return the nodes u >= 0 and the weights of the trapezoidal rule on [-pi/h, pi/h].

    The integrand has the period 2 pi / h. Where it is negligible beyond the reach, the rule may stop there,
    with any spacing of at most pi / period; else the spacing has to divide the period, and the last node,
    which is its own mirror, counts once.
    """
    if reach < np.pi / h:
        spacing, last = np.pi / period, 2.0
        count = int(reach / spacing)
    else:
        count = int(np.ceil(period / h))
        spacing, last = np.pi / h / count, 1.0
    weights = np.full(count + 1, 2.0)
    weights[-1], weights[0] = last, 1.0
    return np.arange(count + 1.0) * spacing, weights * spacing


def _heavy_mean(part: Part, cut: Flags) -> tuple[float, float]:
    """Return (mean of d over the heavy taps, their share)."""
    q, d = part.q[~cut, 0], part.d[~cut, 0]
    share = float(q.sum())
    return float((q * d).sum() / share), share


def _phase_and_product(
    law: Law, tilt: Tilt, light: list[Flags], nodes: _Nodes
) -> tuple[Complexes, Complexes]:
    """Return (log of the heavy taps' integrand, the light taps' element of the ring) at the nodes."""
    product = np.zeros((nodes.h, nodes.u.size), dtype=complex)
    product[0] = 1.0
    shift = tilt.base[0][0] + tilt.base[1][0]
    shift += sum(f.n * _heavy_mean(p, cut)[0] for f, p, cut in zip(law.taps, tilt.parts, light, strict=True))
    phase = 1j * nodes.u * shift
    for f, part, cut in zip(law.taps, tilt.parts, light, strict=True):
        heavy, v = _split_factor(f, part, cut, nodes)
        phase = phase + heavy
        if cut.any():
            product = _cyclic_product(product, _cyclic_power(v, f.power, nodes.steps))
    return phase, product


def _split_factor(f: Taps, part: Part, cut: Flags, nodes: _Nodes) -> tuple[Complexes, Complexes]:
    """Return (log heavy(u)**n, light / heavy) of one factor, both about the heavy taps' mean."""
    q, d = part.q[:, 0], part.d[:, 0]
    mean, share = _heavy_mean(part, cut)
    cosm1, sinm = cosm1_sinm(nodes.u * (d - mean)[~cut, None])
    bend = (q[~cut] / share) @ (cosm1 + 1j * sinm)
    modulus, argument = log_power(f.n, bend.real, bend.imag)
    v = np.zeros((nodes.h, nodes.u.size), dtype=complex)
    for j in np.flatnonzero(cut):
        v[int(d[j]) % nodes.h] += q[j] * np.exp(1j * nodes.u * (d[j] - mean))
    v /= share * (1 + bend)
    return f.n * np.log1p(-q[cut].sum()) + modulus + 1j * argument, v


def _cyclic_power(v: Complexes, n: int, steps: int) -> Complexes:
    """Return (1 + v)**n = sum_m C(n, m) v**m modulo zeta**h - 1, at least `steps` of its terms."""
    term = np.zeros_like(v)
    term[0] = 1.0
    total = term.copy()
    expected = n * np.abs(v[:, 0]).sum()
    for m in range(min(n, int(2 * steps + 4 * expected + 200))):
        term = _cyclic_product(term, v) * ((n - m) / (m + 1))
        total += term
        if m > expected + steps and (np.abs(term) <= 1e-18 * np.abs(total)).all():
            break
    return total


def _cyclic_product(a: Complexes, b: Complexes) -> Complexes:
    """Return a b modulo zeta**h - 1, coefficients along axis 0."""
    out = np.zeros(np.broadcast_shapes(a.shape, b.shape), dtype=complex)
    for r in np.flatnonzero(np.abs(b).max(axis=1)):
        out += np.roll(a, r, axis=0) * b[r]
    return out


def _is_reachable(parts: Iterable[tuple[set[int], int]], h: int, residue: int) -> bool:
    """Return whether at most n light steps of each factor lead to the residue modulo h."""
    reached = {0}
    for steps, n in parts:
        level, seen = {0}, {0}
        for _ in range(min(n, h)):
            level = {(r + s) % h for r in level for s in steps} - seen
            if not level:
                break
            seen |= level
        reached = {(r + s) % h for r in reached for s in seen}
    return residue in reached
