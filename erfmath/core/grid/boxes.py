r"""The coefficients above 1e-300 on axes that do not separate, by tilted windows that tile the support.

The support is halved, box by box, until every entry of each box is one of three: below 1e-300 by Chernoff's
bound; seen well above round-off by the window of the tilt whose mean is the centre of the box; or a zero,
which no sum of taps reaches. Coverage is checked and not assumed: where a single entry is none of the three
(rare taps in a nearly gapped kernel), the whole computation says so.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from ...polynomials.product import Product
from .. import fft
from ..kronecker import dilate
from ..scaled import Floats
from .chernoff import Ints, Tilt, saddle, steps_of, tilt_at
from .window import Window

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_LOG_FLOOR = math.log(1e-300) - 1
_TRUST = 4e-13  # relative error up to which an entry is kept
_BELL = 11.0  # squared deviations from the mean to the corner of a box: exp(-11/2) is well above round-off
_LARGEST_TURN = 300.0  # of the logarithm that undoes a tilt, over half a box
_TILE = 2.8  # deviations along the side of a box, on average
_WINDOW = 1e7  # operations that a window costs whatever its size
_NODE = 300  # operations for each of its frequencies and taps


class NoBellShape(ValueError):  # noqa: N818  (it says what the law lacks)
    """Some coefficient lies too far below its neighbours for any tilt to show it."""


def shares(polynomial: Product) -> Floats:
    """Return the coefficients divided by their sum; those below 1e-300 may be 0.

    Raises
    ------
    NoBellShape
        If a coefficient above 1e-300 may be left with more than a relative error of 4e-13.
    """
    tiling = _Tiling(polynomial)
    tiling.fill()
    return tiling.values


def operations(polynomial: Product) -> float:
    """Return an estimate of the cost: the ellipse of the floats, 37 deviations out, a window per tile."""
    _, factors = steps_of(polynomial)
    if not factors:
        return 1.0
    ndim, size = polynomial.ndim, float(math.prod(polynomial.shape))
    origin = np.zeros(ndim)
    covariance = tilt_at(factors, origin, origin).covariance + np.eye(ndim) / 12
    ball = math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)
    area: float = min(size, ball * 37.0**ndim * math.sqrt(float(np.linalg.det(covariance))))
    sides: Floats = _TILE / np.sqrt(np.diag(np.linalg.inv(covariance)))
    tiles: float = 1 + area / math.prod(sides.tolist())
    taps = sum(len(f.x) for f in factors)
    return tiles * (_WINDOW + _NODE * taps * 50.0**ndim / 2) + 200 * area + size


def memory(polynomial: Product) -> int:
    """Return an estimate of the bytes at the peak; where taps are zero, spectra tell which sums are."""
    full = all(set(f.step) == {1} and all(np.ravel(f.kernel.weights)) for f in polynomial.factors)
    return (24 if full else 64) * math.prod(polynomial.shape) + 2**22


class _Tiling:
    """The grid of shares of a product, filled in box by box."""

    def __init__(self, polynomial: Product) -> None:
        self.values = np.zeros(polynomial.shape)
        self._polynomial = polynomial
        self._corner, self._factors = steps_of(polynomial)

    def fill(self) -> None:
        """Fill in every coefficient above 1e-300."""
        origin = np.zeros_like(self._corner)
        if not self._factors:
            self.values[tuple(self._corner)] = 1.0
            return
        stack = [(origin, sum((f.n * f.x.max(axis=0) for f in self._factors), origin), np.zeros(len(origin)))]
        while stack:
            low, high, start = stack.pop()
            tilt = saddle(self._factors, (low + high) / 2, start, 2 * _LOG_FLOOR)
            half = (high - low) / 2
            turn = float(np.abs(tilt.theta) @ half)
            if tilt.log_bound + turn < _LOG_FLOOR:
                continue
            if turn < _LARGEST_TURN and _is_bell(tilt.covariance, half) and self._see(tilt, low, high):
                continue
            if not half.any():
                place = tuple((low + self._corner).tolist())
                raise NoBellShape(f"the coefficient at {place} lies too far below its neighbours")
            if tilt.log_bound > 2 * _LOG_FLOOR:  # else it ran off, and its law has collapsed
                start = tilt.theta
            left, right = _split(low, high, tilt.covariance)
            stack += [(right, high, start), (low, left, start)]

    def _see(self, tilt: Tilt, low: Ints, high: Ints) -> bool:
        """Fill in a box from the window of one tilt; return whether nothing above 1e-300 is missing."""
        window = Window(self._factors, tilt.theta)
        for look in (window.bell, window.convolved):
            if (seen := look(low, high)) and self._is_complete(*seen, tilt, low):
                values, error = seen
                mantissas, exponent = window.undone(np.where(values * _TRUST >= error, values, 0.0), low)
                box = tuple(slice(a, a + m) for a, m in zip(low + self._corner, values.shape, strict=True))
                self.values[box] = np.ldexp(mantissas, exponent)
                return True
        return False

    def _is_complete(self, values: Floats, error: float, tilt: Tilt, low: Ints) -> bool:
        """Return whether the entries too near to round-off are below 1e-300, or zeros."""
        hidden = np.argwhere(~(values * _TRUST >= error))
        if not len(hidden):
            return True
        middle = (np.array(values.shape) - 1) / 2
        log_bound = tilt.log_bound - (hidden - middle) @ tilt.theta + math.log(error / _TRUST)
        open_ = hidden[log_bound >= _LOG_FLOOR] + low + self._corner
        return not len(open_) or not self._reachable[tuple(open_.T)].any()

    @cached_property
    def _reachable(self) -> Flags:
        """Which coefficients are not exactly zero: sums of sets of taps."""
        grid: Flags = np.ones((1,) * len(self._corner), dtype=bool)
        for kernel, n, step in self._polynomial.factors:
            taps: Flags = dilate(np.array(kernel.weights, dtype=object) != 0, step)
            power: Flags = np.ones((1,) * taps.ndim, dtype=bool)
            for bit in f"{n:b}":
                power = _sums(power, power)
                if bit == "1":
                    power = _sums(power, taps)
            grid = _sums(grid, power)
        return grid


def _split(low: Ints, high: Ints, covariance: Floats) -> tuple[Ints, Ints]:
    """Return the last corner of the first part and the first corner of the second, on the longest axis.

    Its side is cut into the number of parts that are bells, if the covariance stays; half of them go left.
    """
    precision = np.linalg.inv(covariance + 0.25 * np.eye(len(low)))
    sides = 1 / np.sqrt(np.diag(precision))
    sides *= 2 * math.sqrt(_BELL / float(sides @ np.abs(precision) @ sides))
    ratio = (high - low) / sides
    axis = int(ratio.argmax())
    parts = max(2, math.ceil(ratio[axis]))
    left, right = high.copy(), low.copy()
    left[axis] = low[axis] + (high[axis] - low[axis]) * (parts // 2) // parts
    right[axis] = left[axis] + 1
    return left, right


def _is_bell(covariance: Floats, half: Floats) -> bool:
    """Return whether a normal law of that covariance stays above round-off in a box about its mean."""
    precision = np.linalg.inv(covariance + 1e-3 * np.eye(len(half)))
    return float(half @ np.abs(precision) @ half) <= _BELL


def _sums(left: Flags, right: Flags) -> Flags:
    """Return where sums of a point of each set lie, by counting the pairs."""
    shape = tuple(a + b - 1 for a, b in zip(left.shape, right.shape, strict=True))
    if left.all() and right.all():
        return np.ones(shape, dtype=bool)
    return np.asarray(
        fft.product([(left.astype(float), 1), (right.astype(float), 1)], shape).to_floats() > 0.5
    )
