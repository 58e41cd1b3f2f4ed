"""What a row costs by each method, in operations of np.convolve: a quarter of a nanosecond."""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..polynomials.kernel import Kernel
from ..polynomials.product import Product
from . import direct, windows
from .kronecker import packed_length
from .scaled import Floats

# Costs of rows in operations of np.convolve, a quarter of a nanosecond: a window's search for its tilt; an
# integral over all peaks; the integrals for the pieces of a row, which are slow near its ends, where the
# floats that do not underflow fill most of it; those of a kernel wider than this many lattice steps.
_WINDOW = 6e6
POINT = 1e6
_PIECES = 3e7
_CROWDED = 1e9
_POINTS = 1500
_WIDE = 42
_MOST_PEAKS = 8
_MOST_FACTORS = 64  # different ones, each of which a window has to transform
_NEGLIGIBLE = -60.0  # bits
_DEPTH = 980.0  # -log 1e-421, and how far a peak lies below the sum
_LUMPS = 256  # of neighbouring taps, of which the reach of a row is estimated
_HALVED = 256  # the length from which a mirrored row is squared in half the operations
_FEW_TAPS = 16  # whose small powers have gaps that convolution skips
_TRUSTED = 1e-12  # what a row of a distribution may err by
# Roundings of tilted weights add up like n / sqrt(k): some 1e-13 at n = 4096 sqrt(k) / 4.
_MOST_IN_WINDOWS = 1024


def direct_operations(polynomial: Product) -> float:
    """Cost of squaring each power up to n, a square costing its window squared, and of their product."""
    return direct_cost(polynomial)[0]


def direct_cost(polynomial: Product) -> tuple[float, float]:
    """Return (operations, length of the longest row)."""
    if polynomial.ndim > 1 and (parts := polynomial.separate()):
        costs = [direct_cost(part) for part in parts]
        return sum(cost for cost, _ in costs) + math.prod(polynomial.shape), max(
            length for _, length in costs
        )
    operations = 0.0
    lengths: list[tuple[float, float]] = []  # of the windows, and how many entries of each are not zero
    for kernel, n, step in polynomial.factors:
        grid = [a * (k - 1) + 1 for a, k in zip(step, kernel.shape, strict=True)]
        span = packed_length(grid, polynomial.shape)
        spacing, reach = _spacing_and_reach(kernel) if kernel.ndim == 1 else (1, _Reach(span - 1))
        operations += _powering(reach, n)
        length = reach.length(n)
        lengths.append((step[-1] * spacing * (length - 1) + 1, length))
    heapq.heapify(lengths)
    while len(lengths) > 1:
        (short, few), (long, many) = heapq.heappop(lengths), heapq.heappop(lengths)
        operations += min(few * long, many * short)  # zeros between the taps of a dilated row cost nothing
        heapq.heappush(lengths, (short + long - 1, min(short + long - 1, few * many)))
    return operations, lengths[0][0]


def _powering(reach: _Reach, n: int) -> float:
    """Return the operations of squaring from the leading bit of n down, less where the row is mirrored."""
    operations, power = 0.0, 1
    for bit in f"{n:b}"[1:]:
        length, few = reach.length(power), reach.terms(power)
        if few * direct.SPARSE < length:
            operations += 2 * few * length
        else:
            operations += length**2 / (2 if reach.is_mirrored and length > _HALVED else 1)
        power *= 2
        if bit == "1":
            operations += reach.length(power) * (reach.degree + 1)
            power += 1
    return operations


@dataclass(frozen=True, eq=False)
class _Reach:
    """How far the powers of a kernel of some degree stay above 1e-421 of the peak, by Chernoff's bound.

    `rise` is log P(e^theta) / P(1) less theta times the mean at `theta`, of either sign. Without these: no
    law on k points has a larger deviation than (k - 1) / 2, 44 of which a side are taken.
    """

    degree: int
    theta: Floats | None = None
    rise: Floats | None = None
    is_mirrored: bool = False
    taps: int | None = None  # that are not zero

    def length(self, n: int) -> float:
        """Return the length of what stays of the n-th power."""
        whole = float(n * self.degree)
        if self.theta is None or self.rise is None:
            return min(whole, 44 * self.degree * math.sqrt(n)) + 1
        sides = (n * self.rise + _DEPTH) / np.abs(self.theta)
        return min(whole, float(sides[self.theta > 0].min() + sides[self.theta < 0].min())) + 1

    def terms(self, n: int) -> float:
        """Return how many entries of the n-th power are not zero, at most: multisets of n taps."""
        if self.taps is None or self.taps > _FEW_TAPS:
            return math.inf
        return float(math.comb(n + self.taps - 1, n))


@functools.lru_cache(maxsize=256)
def _spacing_and_reach(kernel: Kernel) -> tuple[int, _Reach]:
    """Return the common spacing of the taps on one axis, which convolution divides out, and their reach."""
    weights = np.abs(kernel.scaled_floats[0])
    taps = np.flatnonzero(weights)
    spacing = int(np.gcd.reduce(np.diff(taps))) or 1
    x, weights = (taps - taps[0]) // spacing, weights[taps]
    degree, mirrored = int(x[-1]), bool((weights == weights[::-1]).all() and (x + x[::-1] == x[-1]).all())
    cuts = np.unique(np.linspace(0, len(taps), _LUMPS, endpoint=False).astype(int))
    share = np.add.reduceat(weights, cuts)
    x = np.add.reduceat(weights * x, cuts) / share
    share /= share.sum()
    x -= share @ x
    deviation = math.sqrt(share @ x**2)
    if not deviation:
        return spacing, _Reach(degree)
    theta = np.outer([-1, 1], 44 / deviation * np.exp2(np.arange(8, -26, -0.5))).ravel()
    y = np.outer(theta, x)
    top = y.max(axis=1)
    rise = top + np.log(np.exp(y - top[:, None]) @ share)
    return spacing, _Reach(degree, theta, rise, mirrored, len(taps))


def takes_convolution(polynomial: Product) -> bool:
    """Return whether direct convolution is the cheapest way to such a row, as it is between rare taps."""
    if direct.error_bound(polynomial.shape[0], [f.n for f in polynomial.factors]) > _TRUSTED:
        return False
    others = min(windows_operations(polynomial), pieces_operations(polynomial))
    return direct_operations(polynomial) < others


def takes_windows(polynomial: Product) -> bool:
    """Return whether tilted windows are the cheaper way to a row of non-negative weights on one axis."""
    return windows_operations(polynomial) < pieces_operations(polynomial)


@functools.lru_cache(maxsize=256)
def windows_operations(polynomial: Product) -> float:
    """Return the cost of the tilted windows, infinite where they do not serve.

    Measured: 4 + 2 n windows, 40 at most; each of two FFTs of its length, of a search for the tilt, of the
    tilted taps, and beyond 32 factors of the sines and cosines of some 50 frequencies for each tap.
    """
    if len(polynomial.factors) > _MOST_FACTORS:
        return math.inf
    factors = windows.factors_of(polynomial)
    taps = [len(f.weights) for f in factors or ()]
    powers = [f.n for f in factors or ()]
    if not factors or sum(powers) > _MOST_IN_WINDOWS * math.sqrt(min(taps)):
        return math.inf
    length = min(polynomial.shape[0], 14 * deviation(polynomial) + 2)
    sines = 4e3 if sum(powers) > windows.FEW else 0.0
    each = 5 * length * math.log2(length + 2) + (150 + sines) * sum(taps) + _WINDOW
    return min(4 + 2 * sum(powers), 40) * each + 3.0 * polynomial.shape[0]


@functools.lru_cache(maxsize=256)
def pieces_operations(polynomial: Product) -> float:
    """Return the cost of contour integrals for pieces of the row, and of the polynomials of the pieces.

    Where the integrand has other peaks than that at 0, no piece serves, and each entry is an integral.
    """
    size, window = polynomial.shape[0], 78 * deviation(polynomial)
    taps = sum(f.kernel.shape[0] for f in polynomial.factors)
    widest = max(f.kernel.deviations[0] for f in polynomial.factors)
    if not has_one_peak(polynomial):
        return POINT * min(window, size)
    nodes = 15 * deviation(polynomial) + 28 * taps
    circles = _POINTS * 5 * nodes * math.log2(nodes) if widest > _WIDE else 0.0
    start = _CROWDED if window > _to_the_ends(polynomial) else _PIECES
    return start + 4e3 * taps + circles + 25 * min(window, size)


def _to_the_ends(polynomial: Product) -> float:
    """Return the distance from the mean to the nearer end of the row."""
    mean = 0.0
    for f in polynomial.factors:
        weights = f.kernel.scaled_floats[0]
        mean += f.n * f.step[0] * float(weights @ np.arange(len(weights))) / float(weights.sum())
    return min(mean, polynomial.shape[0] - 1 - mean)


@functools.lru_cache(maxsize=256)
def has_one_peak(polynomial: Product) -> bool:
    """Return whether the modulus on the circle is negligible but near 0; True for steps and for many factors.

    On 8 points a tap or more, log2|phi_i| lies below a peak by at most 0.03, its curvature being at most
    (k - 1)^2 / 4; peaks that may count are looked at more closely.
    """
    if len(polynomial.factors) > _MOST_FACTORS or any(f.step != (1,) for f in polynomial.factors):
        return True
    size = 1 << (8 * max(f.kernel.shape[0] for f in polynomial.factors) - 1).bit_length()
    shares = [(f.kernel.scaled_floats[0] / f.kernel.scaled_floats[0].sum(), f.n) for f in polynomial.factors]
    bits = _bits([np.fft.rfft(w, size) for w, _ in shares], shares)
    may_count = bits > _NEGLIGIBLE - 0.03 * polynomial.n
    if may_count.all():
        return False
    after = int(np.argmin(may_count))
    around = np.pad(bits, 1, mode="reflect")  # the last is the frequency 1/2
    higher = (bits >= around[:-2]) & (bits >= around[2:]) & may_count
    tops = np.flatnonzero(higher[after:]) + after
    return len(tops) <= _MOST_PEAKS and all(_peak(shares, m, size) < _NEGLIGIBLE for m in tops.tolist())


def _peak(shares: Sequence[tuple[Floats, int]], m: int, size: int) -> float:
    """Return log2 of the modulus at the peak near the frequency m / size, on three ever finer grids."""
    place, width, highest = m / size, 1 / size, -math.inf
    for _ in range(3):
        nodes = place + width * np.linspace(-1, 1, 33)
        turns = [np.exp(2j * np.pi * np.outer(nodes, np.arange(len(w)))) @ w for w, _ in shares]
        bits = _bits(turns, shares)
        place, width, highest = float(nodes[bits.argmax()]), width / 16, float(bits.max())
    return highest


def _bits(phis: Sequence[Any], shares: Sequence[tuple[Floats, int]]) -> Floats:
    """Return log2 of the modulus of the product."""
    logs = [n * np.log2(np.abs(phi) + 1e-300) for phi, (_, n) in zip(phis, shares, strict=True)]
    return np.asarray(np.sum(logs, axis=0))


def deviation(polynomial: Product) -> float:
    """Return the standard deviation on one axis."""
    return math.sqrt(sum(f.n * (f.step[0] * f.kernel.deviations[0]) ** 2 for f in polynomial.factors))
