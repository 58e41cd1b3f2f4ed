r"""The row of a wide non-negative product of few factors: overlapping windows, each of one tilted transform.

For every real :math:`\theta` the weights :math:`w_j 2^{\theta j}` have the products
:math:`a(t) 2^{\theta t}`: the tilt moves the peak to any t, and an FFT keeps the digits of what lies near its
peak (Wilson & Keich, J. Comput. Graph. Stat. 2016). A window of N entries sees the tilted row modulo N; what
wraps around is bounded by Chernoff (Gruebel & Hermesmeier, ASTIN Bulletin 29, 1999, 197). Each entry is
accepted by the bound of its own error, so the windows follow one another from the mean outwards until
Chernoff's bound of all that is left is below 1e-300.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ..polynomials.kernel import log2
from ..polynomials.product import Product
from .saddle.double_double import two_sum
from .scaled import Floats, split_product

UNIT = 2.0**-53
TRUST = 4e-13  # relative error up to which an entry is accepted
_LOG2_FLOOR = math.log2(1e-300) - 1
_DEPTH = 65.0  # bits: what wraps around is below 3e-20 of the mass, times the deviation that a peak is low
_REACH = 4.0  # deviations from the mean within which entries are accepted: exp(-8) is some 8 UNIT / TRUST
_STRIDES = (
    3.0,
    1.0,
    0.0,
)  # deviations from the first missing entry to the next mean, as long as it is missing
_NEGLIGIBLE = 60.0  # bits: frequencies below 1e-18 are left out
# Beyond this many factors log phi is taken about the tilted mean: the rounding of phi near 1, repeated n
# times, would be seen. A frequency then costs a sine and a cosine for each tap.
FEW = 32
_MOST_TURNS = 10**8  # sines of a window: some seconds
_BLOCK = 2**20
_TILT_BITS = 22  # so that a tilt times an index below 2**31 is exact
_SLOPES = np.array(
    [1.0, 2.0, 4.0, 7.0, 10.0, 13.0]
)  # bits a deviation; a normal law takes sqrt(2 _DEPTH / ln 2)
_COARSE = 1500
BYTES = 64  # an entry: the row, what is seen, and the transforms of a window as long
_TINY = float(np.finfo(float).tiny)


class Hidden(ValueError):  # noqa: N818  (it says what the row has)
    """Some coefficient lies too far below its neighbours for any tilt to show it."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One power: positive weights times 2**-exponent as floats, their exact sum, and n."""

    weights: Floats
    exponent: int
    total: Fraction
    n: int

    @cached_property
    def x(self) -> Floats:
        """The positions."""
        return np.arange(len(self.weights), dtype=float)

    @cached_property
    def coarse(self) -> tuple[Floats, Floats]:
        """Positions and log2 of weights of lumps of neighbours, short at both ends: nearly the same means."""
        size = len(self.weights)
        if size <= _COARSE:
            return self.x, np.log2(self.weights)
        half = np.concatenate((np.arange(600), np.geomspace(600, size / 2, 900).astype(int)))
        cuts = np.unique(np.concatenate((half, size - half[half > 0])))
        mass = np.add.reduceat(self.weights, cuts)
        return np.add.reduceat(self.weights * self.x, cuts) / mass, np.log2(mass)

    def tilted(self, theta: float) -> tuple[Floats, int]:
        """Return (v, e) with w_j 2**(theta j) = v_j 2**e, the largest v about 1."""
        y = theta * self.x
        whole = np.floor(y)
        top = int((whole + np.frexp(self.weights)[1]).max())
        shift = np.maximum(whole - top, -2100).astype(np.int32)
        return np.ldexp(self.weights * np.exp2(y - whole), shift), top + self.exponent


@dataclass(frozen=True, eq=False)
class Window:
    """The tilted row at start, start + 1, ..., and a bound of the error of each value.

    Its values times scale, a mantissa and an exponent, and times 2**(-theta t) are the shares a(t).
    """

    theta: float
    start: int
    values: Floats
    error: float
    scale: tuple[float, int]

    def shares(self, at: Any) -> Floats:
        """Return the shares a(t) of the entries at these positions in the window."""
        mantissa, exponent = self.scale
        y = -self.theta * (self.start + at)  # exact
        whole = np.floor(y)
        shift = np.clip(whole + exponent, -2100, 2100).astype(np.int32)
        return np.asarray(np.ldexp(self.values[at] * (mantissa * np.exp2(y - whole)), shift))


@functools.lru_cache(maxsize=8)
def factors_of(polynomial: Product) -> tuple[Factor, ...] | None:
    """Return the factors on one axis; None where taps are missing between others or are no normal floats."""
    found = []
    for kernel, n, step in polynomial.factors:
        every = range(kernel.shape[0])
        inside = [j for j in every if kernel.weights[j]] if kernel.has_zeros else every
        if len(step) > 1 or step[0] > 1 or inside[-1] - inside[0] + 1 != len(inside):
            return None
        if n and len(inside) > 1:
            values, exponent = kernel.scaled_floats
            weights = values[inside[0] : inside[-1] + 1]
            if weights.min() < _TINY:
                return None
            found.append(Factor(weights, exponent, kernel.exact_total, n))
    return tuple(found)


def row(factors: Sequence[Factor]) -> Floats:
    """Return the coefficients divided by their sum; those below 1e-300 may be 0.

    Raises
    ------
    Hidden
        If a coefficient above 1e-300 may be left with more than a relative error of 4e-13.
    """
    values, seen = np.zeros(_length(factors)), np.zeros(_length(factors), dtype=bool)
    mean = math.floor(_moments(factors, 0.0)[0])
    _fill(factors, seen[mean:], mean, 1, (values, seen))
    if all((f.weights == f.weights[::-1]).all() for f in factors):
        values[: mean + 1] = values[::-1][: mean + 1]
    else:
        _fill(factors, seen[mean::-1], mean, -1, (values, seen))
    return values


def _fill(factors: Sequence[Factor], ahead: Any, mean: int, sign: int, grid: tuple[Floats, Any]) -> None:
    """Fill in one side of the mean, outwards; `ahead` tells what is seen of it."""
    goal, first = float(mean), 0
    strides: tuple[float, ...] = _STRIDES
    while True:
        theta = tilt_to(factors, min(max(goal, 0.01), len(grid[0]) - 1.01))
        _accept(window(factors, theta), *grid)
        rest = np.flatnonzero(~ahead[first:])
        if not len(rest):
            return
        missing = first + int(rest[0])
        t = mean + sign * missing
        if _log2_bound(factors, theta, t) < _LOG2_FLOOR:
            return
        strides = _STRIDES if missing > first else strides[1:]
        if not strides:
            raise Hidden(f"the coefficient {t} lies too far below its neighbours")
        goal, first = t + sign * strides[0] * math.sqrt(_moments(factors, theta)[1]), missing


def _accept(view: Window, values: Floats, seen: Any) -> None:
    """Write down the entries of a window that are right to the promised error, and new."""
    first, last = max(0, -view.start), min(len(view.values), len(values) - view.start)
    good = np.flatnonzero(view.values[first:last] * TRUST >= view.error) + first
    good = good[~seen[view.start + good]]
    values[view.start + good] = view.shares(good)
    seen[view.start + good] = True


def tilt_to(factors: Sequence[Factor], goal: float) -> float:
    """Return a tilt of few bits whose mean is near the goal, by bisection on a scale of sinh."""
    low, high = math.asinh(-4e12), math.asinh(4e12)
    for _ in range(70):
        theta = math.sinh((low + high) / 2) / 1e9
        mean, variance = _moments(factors, theta)
        if abs(mean - goal) <= 0.1 * math.sqrt(variance) + 0.1:
            break
        low, high = (low, (low + high) / 2) if mean > goal else ((low + high) / 2, high)
    mantissa, exponent = math.frexp(theta)
    return math.ldexp(round(mantissa * 2**_TILT_BITS), exponent - _TILT_BITS)


def _moments(factors: Sequence[Factor], theta: float) -> tuple[float, float]:
    """Return nearly the mean and the variance of the tilted row."""
    mean = variance = 0.0
    for f in factors:
        x, logs = f.coarse
        y = logs + theta * x
        share = np.exp2(y - y.max())
        share /= share.sum()
        centre = float(share @ x)
        mean, variance = mean + f.n * centre, variance + f.n * float(share @ (x - centre) ** 2)
    return mean, variance


def window(factors: Sequence[Factor], theta: float) -> Window:
    """Return the window around the mean of the row tilted by 2**(theta t)."""
    from scipy.fft import irfft

    tilted = [f.tilted(theta) for f in factors]
    parts = [(v / v.sum(), f.n) for f, (v, _) in zip(factors, tilted, strict=True)]
    side, first, last = _extent(factors, theta)
    spectrum, base, roundings = _spectrum(parts, side)
    values = irfft(spectrum, side)
    error = UNIT * max(2 * float((np.abs(spectrum) * roundings).sum()) / side, 8 * float(values.max()))
    values = np.roll(values, (base - first) % side)[: last - first + 1]
    sums = [(_sum(v) / f.total, f.n) for f, (v, _) in zip(factors, tilted, strict=True)]
    mantissa, exponent = split_product(sums)
    exponent += sum(f.n * e for f, (_, e) in zip(factors, tilted, strict=True))
    return Window(theta, first, values, error, (mantissa, exponent))


def _extent(factors: Sequence[Factor], theta: float) -> tuple[int, int, int]:
    """Return (length of the transform, first and last index that nothing wraps onto)."""
    from scipy.fft import next_fast_len

    mean, variance = _moments(factors, theta)
    deviation, length = math.sqrt(variance), _length(factors)
    depth = _DEPTH + math.log2(1 + deviation)
    far = max(_quantile(factors, theta, mean, side * _SLOPES / (deviation + 0.1), depth) for side in (1, -1))
    side = math.ceil(far + _REACH * deviation) + 2
    if side >= length:
        return int(next_fast_len(length, real=True)), 0, length - 1
    reach = math.floor(_REACH * deviation)
    return int(next_fast_len(side, real=True)), round(mean) - reach, round(mean) + reach


def _quantile(factors: Sequence[Factor], theta: float, mean: float, slopes: Floats, depth: float) -> float:
    """Return the distance from the mean beyond which Chernoff leaves 2**-depth of the tilted row."""
    rise = -slopes * mean
    for f in factors:
        x, logs = f.coarse
        y = (logs + theta * x)[:, None] + x[:, None] * np.append(slopes, 0.0)
        top = y.max(axis=0)
        bits = top + np.log2(np.exp2(y - top).sum(axis=0))
        rise += f.n * (bits[:-1] - bits[-1])
    return float(((rise + depth) / np.abs(slopes)).min())


def _spectrum(parts: Sequence[tuple[Floats, int]], side: int) -> tuple[Any, int, Any]:
    """Return (the product's transform, the index of its entry 0, roundings of each frequency)."""
    from scipy.fft import rfft

    phis = [rfft(_folded(share, side)) for share, _ in parts]
    factors = sum(n for _, n in parts)
    with np.errstate(divide="ignore"):
        bits = sum(n * np.log2(np.abs(phi)) for phi, (_, n) in zip(phis, parts, strict=True))
    at = np.flatnonzero(bits > -_NEGLIGIBLE)
    if factors <= FEW or len(at) * sum(len(share) for share, _ in parts) > _MOST_TURNS:
        return np.multiply.reduce([phi**n for phi, (_, n) in zip(phis, parts, strict=True)]), 0, factors + 4
    logs, base = np.zeros(len(at), dtype=complex), 0
    spectrum, roundings = np.zeros(side // 2 + 1, dtype=complex), np.full(side // 2 + 1, 8.0)
    for share, n in parts:
        origin = round(float(share @ np.arange(len(share))))
        log_phi, wrong = _log_phi(share, origin, at, side)
        logs += n * log_phi
        roundings[at] += n * wrong
        base += n * origin
    spectrum[at] = np.exp(logs).conj()
    return spectrum, base, roundings


def _log_phi(share: Floats, origin: int, at: Any, side: int) -> tuple[Any, Floats]:
    """Return log sum_j share_j exp(2 pi i m (j - origin) / side) at the frequencies m, and its roundings.

    Those of the mean angle are of its own size, and of the sums over the taps, which fall as they may.
    """
    x = np.arange(len(share)) - origin
    logs, roundings = np.zeros(len(at), dtype=complex), np.zeros(len(at))
    block = max(1, _BLOCK // len(share))
    for start in range(0, len(at), block):
        some = slice(start, start + block)
        turns = np.outer(at[some], x) % side
        angles = (turns - side * (2 * turns > side)) * (2 * np.pi / side)
        mean = angles @ share
        roundings[some] = np.abs(mean) + 2 * np.sqrt(angles**2 @ share**2)
        angles -= mean[:, None]
        real, imag = -2 * (np.sin(angles / 2) ** 2 @ share), np.sin(angles) @ share
        modulus = np.log1p(real * (2 + real) + imag**2) / 2
        logs[some] = modulus + 1j * (mean + np.arctan2(imag, 1 + real))
    return logs, roundings


def _folded(share: Floats, side: int) -> Floats:
    """Return the shares, summed modulo the side."""
    return np.bincount(np.arange(len(share)) % side, weights=share, minlength=side).astype(float, copy=False)


def _log2_bound(factors: Sequence[Factor], theta: float, t: int) -> float:
    """Return log2 of Chernoff's bound of the share at t, and of all beyond it."""
    bound = -theta * t
    for f in factors:
        values, exponent = f.tilted(theta)
        bound += f.n * (math.log2(float(values.sum())) + exponent - log2(f.total))
    return bound


def _sum(values: Floats) -> Fraction:
    """Return the sum of floats to twice their precision, in pairs whose roundings are kept."""
    rest = 0.0
    while len(values) > 1:
        if len(values) % 2:
            values = np.append(values, 0.0)
        values, lost = two_sum(values[::2], values[1::2])
        rest += float(lost.sum())
    return Fraction(float(values[0])) + Fraction(rest)


def _length(factors: Sequence[Factor]) -> int:
    """Return the length of the whole row."""
    return 1 + sum(f.n * (len(f.weights) - 1) for f in factors)
