r"""A tilted law in several axes through a window: by a short inverse DFT, or if narrow by convolution.

For the product :math:`\prod_i P_i^{n_i}` scaled to sum 1 and ratios :math:`r_a > 0`, the tilted law is

.. math:: p_r(t) = a(t) \prod_a r_a^{t_a} / C, \qquad C = \prod_i (P_i(r) / P_i(1))^{n_i}.

A window of M points per axis sees it modulo M; what wraps around is bounded by Chernoff. The DFT sums those
frequencies alone where the characteristic function is not negligible, some 50 per axis whatever n is, and
:math:`n \log \varphi` is evaluated about the tilted mean, so that round-off does not grow with n. The ratios
are short binary fractions: the factor that undoes the tilt is exact but for one rounding. Tilting against
aliases is from Gruebel & Hermesmeier, ASTIN Bulletin 29 (1999) 197, against round-off from Wilson & Keich
(sisFFT), J. Comput. Graph. Stat. (2016).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import kronecker
from ..saddle.integral import cosm1_sinm, log_power
from ..scaled import Floats, split_product
from .chernoff import Ints, Steps

Complexes = np.ndarray[Any, np.dtype[np.complex128]]

UNIT = 2.0**-53
DEPTH = 45.0  # what wraps around, and each frequency left out, is below exp(-DEPTH) of the bell
_DEEPER = 55.0  # the same where convolution follows, which sees far below the bell
_RATIO_BITS = 20
_NARROW = 1024  # points of a window that is cheap to convolve,
_NARROW_LAST = 4096  # and of one that is convolved for a single coefficient that nothing else shows
_LARGEST_SUM_BITS = 900  # of shares that count from the largest
_UNTHREADED = 2**16  # multiply-adds of a product of matrices that BLAS does in one thread
_SERIES_UNTIL = 0.7  # angles where cos - 1 and sin - x come from their series


@dataclass(frozen=True, eq=False)
class _Part:
    """One tilted factor: shares, positions about their mean, the mean, and P(r) / P(1)."""

    n: int
    x: Ints
    weights: tuple[int, ...]
    share: Floats
    centred: Floats
    mean: tuple[Fraction, ...]
    growth: Fraction


class Window:
    """The law of `steps` tilted by exp(theta), rounded to ratios of 20 bits."""

    def __init__(self, steps: Sequence[Steps], theta: Floats) -> None:
        self.ratios = [_short(value) for value in theta]
        self._parts = [_tilted(f, self.ratios) for f in steps]
        self.mean = [sum(p.n * p.mean[axis] for p in self._parts) for axis in range(len(theta))]
        self._centre: Ints = np.array([round(m) for m in self.mean])
        variance = sum(p.n * (p.share @ p.centred**2) for p in self._parts)
        self._wide = float(np.log1p(np.sqrt(variance)).sum())

    def undone(self, values: Floats, low: Ints) -> tuple[Floats, int]:
        """Return (mantissas, exponent of 2) of values / p_r * a on the box that starts at `low`."""
        centre = [int(start) + side // 2 for start, side in zip(low, values.shape, strict=True)]
        powers = [(1 / r, c) for r, c in zip(self.ratios, centre, strict=True)]
        mantissa, exponent = split_product([(p.growth, p.n) for p in self._parts] + powers)
        values = values * mantissa
        for axis, (r, side) in enumerate(zip(self.ratios, values.shape, strict=True)):
            if side == 1:  # where the ratio may leave the float range
                continue
            factor = np.power(float(r), -(np.arange(side) - side // 2).astype(float))
            values *= factor.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        return values, exponent

    def bell(self, low: Ints, high: Ints) -> tuple[Floats, float]:
        """Return p_r on a box and an estimate from above of the absolute error, by an inverse DFT."""
        sides = self._sides(low, high, DEPTH + self._wide)
        nodes = self._nodes(sides, DEPTH + self._wide)
        log_modulus, phase, roundings = self._log_phi(nodes, sides)
        fold = np.where((nodes[:, -1] == 0) | (2 * nodes[:, -1] == sides[-1]), 1.0, 2.0)
        modulus = fold * np.exp(log_modulus) / math.prod(sides.tolist())
        error = UNIT * float(modulus @ (4 - np.maximum(log_modulus, -700) + roundings))
        lists, places = zip(*(np.unique(column, return_inverse=True) for column in nodes.T), strict=True)
        values = np.zeros([len(column) for column in lists], dtype=complex)
        values[places] = modulus * np.exp(1j * phase)
        for axis, (k, side) in enumerate(zip(lists, sides.tolist(), strict=True)):
            t = np.arange(low[axis], high[axis] + 1) - self._centre[axis]
            values = _contracted(values, np.exp(-2j * np.pi / side * (np.outer(k, t) % side)))
        return values.real, error

    def convolved(self, low: Ints, high: Ints) -> tuple[Floats, float] | None:
        """Return the same by convolution modulo a window, None where that is not narrow or would overflow.

        All terms are positive, so the absolute error is only what wraps around. Shares count from the
        largest, which is taken most of n times: its power is exact, and no rounding is repeated n times.
        """
        sides = tuple(self._sides(low, high, _DEEPER + self._wide).tolist())
        mantissa, exponent = split_product(
            (Fraction(max(p.weights), sum(p.weights)), p.n) for p in self._parts
        )
        narrow = _NARROW if (low < high).any() else _NARROW_LAST
        if math.prod(sides) > narrow or exponent < -_LARGEST_SUM_BITS:
            return None
        values = np.ones((1,) * len(sides))
        for p in self._parts:
            top = max(p.weights)
            base = np.zeros(sides)
            np.add.at(base, tuple((p.x % sides).T), [w / top for w in p.weights])
            values = _wrapped(values, _wrapped_power(base, p.n), sides)
        box = np.ix_(*(np.arange(a, b + 1) % side for a, b, side in zip(low, high, sides, strict=True)))
        return np.ldexp(values[box] * mantissa, exponent), math.exp(-_DEEPER - self._wide)

    def _sides(self, low: Ints, high: Ints, depth: float) -> Ints:
        """Return the sides of a window into whose box at most 2 exp(-depth) per axis wraps around."""
        sides = []
        for axis, mean in enumerate(map(float, self.mean)):
            deviation = math.sqrt(sum(p.n * float(p.share @ p.centred[:, axis] ** 2) for p in self._parts))
            slopes = 10 / max(deviation, 1e-3) * np.exp2(np.arange(-12, 2, 0.5))
            above, below = (self._quantile(axis, sign * slopes, depth) for sign in (1, -1))
            last = sum(p.n * int(p.x[:, axis].max()) for p in self._parts)
            side = math.ceil(max(mean + above - low[axis], high[axis] - mean + below)) + 1
            sides.append(min(max(side, int(high[axis] - low[axis]) + 1), last + 1))
        return np.array(sides)

    def _quantile(self, axis: int, slopes: Floats, depth: float) -> float:
        """Return the distance from the mean beyond which Chernoff leaves exp(-depth)."""
        rise = np.zeros(len(slopes))
        for p in self._parts:
            y = p.centred[:, axis, None] * slopes
            top = y.max(axis=0)
            rise += p.n * (top + np.log(p.share @ np.exp(y - top)))
        return float(((rise + depth) / np.abs(slopes)).min())

    def _nodes(self, sides: Ints, depth: float) -> Ints:
        """Return the frequencies k, those of k >= 0 on the last axis, where |phi| may exceed exp(-depth).

        Boxes of frequencies are halved until they are two wide, less those whose centre proves them
        negligible: |phi_i| changes by at most E|x - mean| per unit of frequency.
        """
        first = np.append(-((sides[:-1] - 1) // 2), 0)
        last = sides // 2
        size = 1 << max(0, math.ceil(math.log2(int(sides.max()) / 16)))
        starts = (np.arange(a, b + 1, size) for a, b in zip(first, last, strict=True))
        boxes = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, len(sides))
        while True:
            half = (size - 1) / 2
            w = (boxes + half) * (2 * np.pi / sides)
            log_bound = np.zeros(len(boxes))
            for p in self._parts:
                slack = half * float(p.share @ np.abs(p.centred) @ (2 * np.pi / sides))
                angles = _angles(w, p.centred)
                modulus = np.hypot(_sums(np.cos(angles), p.share), _sums(np.sin(angles), p.share))
                log_bound += p.n * np.log(np.minimum(modulus + slack + 1e-15, 1))
            boxes = boxes[log_bound > -depth]
            if size == 1:
                return np.asarray(boxes)
            size //= 2
            corners = np.array(list(itertools.product((0, size), repeat=len(sides))))
            boxes = (boxes[:, None] + corners).reshape(-1, len(sides))
            boxes = boxes[(boxes <= last).all(axis=1)]
            if size == 1:
                return np.asarray(boxes)

    def _log_phi(self, nodes: Ints, sides: Ints) -> tuple[Floats, Floats, Floats]:
        """Return log|phi|, the argument less w . centre, and how many roundings the argument carries.

        Near w = 0 the taps count from the mean, which cancels the terms that n would make large. Elsewhere
        they count from the largest tap, in whole steps of the window: the peaks of lattices are exact.
        """
        modulus, phase, roundings = np.zeros((3, len(nodes)))
        w = nodes * (2 * np.pi / sides)
        widest = np.max([np.abs(_angles(w, p.centred)).max(axis=1) for p in self._parts], axis=0)
        near = widest < _SERIES_UNTIL
        phase[near] = w[near] @ [float(m - c) for m, c in zip(self.mean, self._centre, strict=True)]
        period = math.prod(sides.tolist())
        steps, base = nodes[~near] * (period // sides), -self._centre
        for p in self._parts:
            if near.any():
                cosine, sine = cosm1_sinm(_angles(w[near], p.centred))
                power = _log_power(p.n, _sums(cosine, p.share), _sums(sine, p.share))
                modulus[near] += power[0]
                phase[near] += power[1]
            if not near.all():
                top = p.x[p.share.argmax()]
                base = base + p.n * top
                turns = steps @ (p.x - top).T % period
                angles = (turns - period * (2 * turns > period)) * (2 * np.pi / period)
                mean = _sums(angles, p.share)
                cosine, sine = cosm1_sinm(angles - mean[:, None])
                power = _log_power(p.n, _sums(cosine, p.share), _sums(sine, p.share))
                modulus[~near] += power[0]
                phase[~near] += power[1] + p.n * mean
                roundings[~near] += p.n * _sums(np.abs(angles), p.share)
        phase[~near] += steps @ base % period * (2 * np.pi / period)
        return modulus, phase, roundings


def _angles(w: Floats, x: Floats) -> Floats:
    """Return the products of each frequency with each tap; w @ x.T would pay for threads in vain."""
    return np.asarray(sum(np.multiply.outer(w[:, axis], x[:, axis]) for axis in range(w.shape[1])))


def _sums(values: Floats, share: Floats) -> Floats:
    """Return values @ share, likewise without threads."""
    return np.asarray(np.einsum("ij,j->i", values, share))


def _contracted(values: Complexes, matrix: Complexes) -> Complexes:
    """Return sums over the first axis of values times rows of a matrix, too few at a time for threads."""
    columns = values.reshape(len(values), -1).T
    rows = max(1, _UNTHREADED // matrix.size)
    parts = [columns[start : start + rows] @ matrix for start in range(0, len(columns), rows)]
    return np.concatenate(parts).reshape(*values.shape[1:], matrix.shape[1])


def _log_power(n: int, real: Floats, imag: Floats) -> tuple[Floats, Floats]:
    """Return n log|1 + real + i imag| and n times the argument, also where the modulus is about zero."""
    with np.errstate(divide="ignore"):
        modulus, phase = log_power(n, real, imag)
        return np.where(real < -0.5, n * np.log(np.hypot(1 + real, imag)), modulus), phase


def _short(theta: float) -> Fraction:
    """Return exp(theta) as a fraction of few bits, so that its powers are exact and cheap."""
    exponent = math.floor(theta / math.log(2))
    mantissa = round(math.exp(theta - exponent * math.log(2)) * 2**_RATIO_BITS)
    shift = exponent - _RATIO_BITS
    return Fraction(mantissa << shift) if shift >= 0 else Fraction(mantissa, 1 << -shift)


def _tilted(f: Steps, ratios: Sequence[Fraction]) -> _Part:
    """Return a factor tilted by ratios m / 2**e, its weights as whole numbers of a common unit."""
    shifts = [1 - r.denominator.bit_length() for r in ratios]
    rows = f.x.tolist()
    exponents = [sum(e * j for e, j in zip(shifts, row, strict=True)) for row in rows]
    lowest = min(exponents)
    weights = [
        w * math.prod(r.numerator**j for r, j in zip(ratios, row, strict=True)) << (e - lowest)
        for w, row, e in zip(f.whole, rows, exponents, strict=True)
    ]
    total = sum(weights)
    sums = [sum(w * j for w, j in zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]
    centred = np.array([[(j * total - s) / total for j, s in zip(row, sums, strict=True)] for row in rows])
    growth = Fraction(total, sum(f.whole)) * Fraction(2) ** lowest
    mean = tuple(Fraction(s, total) for s in sums)
    share = np.array([w / total for w in weights])
    return _Part(f.n, f.x, tuple(weights), share, centred, mean, growth)


def _wrapped(left: Floats, right: Floats, sides: tuple[int, ...]) -> Floats:
    """Return the product of two grids modulo the sides."""
    shape = [a + b - 1 for a, b in zip(left.shape, right.shape, strict=True)]
    row = np.convolve(kronecker.pack(left, shape), kronecker.pack(right, shape))
    folds = [-(-m // side) for m, side in zip(shape, sides, strict=True)]
    padding = [(0, fold * side - m) for fold, side, m in zip(folds, sides, shape, strict=True)]
    grid = np.pad(row.reshape(shape), padding)
    blocks = [entry for pair in zip(folds, sides, strict=True) for entry in pair]
    return np.asarray(grid.reshape(blocks).sum(axis=tuple(range(0, 2 * len(sides), 2))))


def _wrapped_power(base: Floats, n: int) -> Floats:
    row = base
    for bit in f"{n:b}"[1:]:
        row = _wrapped(row, row, base.shape)
        if bit == "1":
            row = _wrapped(row, base, base.shape)
    return row
