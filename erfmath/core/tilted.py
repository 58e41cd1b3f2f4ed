r"""The coefficients above 1e-300 in several axes that do not separate, by tilted windows that tile the support.

Chernoff's bound :math:`a(t) \le \exp(K(\theta) - \theta t)`, for any :math:`\theta` and with
:math:`K = \sum n_i \log P_i(e^\theta) / P_i(1)`, is tightest at the saddle point :math:`K'(\theta) = t`,
whose tilted law has its mean at t (Daniels, Ann. Math. Statist. 25 (1954) 631). The support is halved, box
by box, until each box is one of three: below 1e-300 by that bound; seen by the window of its own tilt,
every entry, well above round-off; or of zeros, which no sum of taps reaches. Coverage is thus
proven and not assumed; where a single entry is none of the three (rare taps in a nearly gapped kernel), the
whole computation says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from typing import Any

import numpy as np

from ..product import Product
from . import fft
from .kronecker import dilate
from .scaled import Floats
from .window import Ints, Steps, Window

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_LOG_FLOOR = math.log(1e-300) - 1
_TRUST = 4e-13  # relative error of a bell's entry that is kept
_BELL = 11.0  # squared deviations from the mean to the corner of a box: exp(-11/2) is well above round-off
_LARGEST_TURN = 300.0  # of the logarithm that undoes a tilt, over half a box
_LONGEST_STEP = 2.0  # of the logarithm of a tap against another, doubled as long as it is taken
_CLOSE = 0.01  # squared deviations between tilted mean and goal


class NoBellShape(ValueError):  # noqa: N818  (it says what the law lacks)
    """Some coefficient lies too far below its neighbours for any tilt to show it."""


@dataclass(frozen=True, eq=False)
class _Tilt:
    """K(theta) - theta t at the goal t, and the tilted mean and covariance."""

    theta: Floats
    log_bound: float
    mean: Floats
    covariance: Floats


class _Tiling:
    """The grid of shares a(t) of a product, filled in box by box."""

    def __init__(self, polynomial: Product) -> None:
        self._polynomial = polynomial
        self._low = np.zeros(polynomial.ndim, dtype=np.int64)
        self._steps: list[Steps] = []
        for kernel, n, step in polynomial.factors:
            positions, weights = zip(*kernel.taps(), strict=True)
            x = (np.array(positions) - kernel.offsets) * step
            self._low += n * x.min(axis=0)
            if n and len(x) > 1:
                shares = [w / sum(weights) for w in weights]
                logs = [math.log(w.numerator) - math.log(w.denominator) for w in shares]
                self._steps.append(Steps(n, x - x.min(axis=0), weights, np.array(logs)))
        self.values = np.zeros(polynomial.shape)

    def fill(self) -> None:
        """Fill in every coefficient above 1e-300."""
        ndim = len(self._low)
        high = sum((f.n * f.x.max(axis=0) for f in self._steps), np.zeros(ndim, dtype=np.int64))
        boxes = [(np.zeros(ndim, dtype=np.int64), high, np.zeros(ndim))]
        while boxes:
            low, high, start = boxes.pop()
            half = (high - low) / 2
            tilt = self._saddle((low + high) / 2, start)
            turn = float(np.abs(tilt.theta) @ half)
            if tilt.log_bound + turn < _LOG_FLOOR:
                continue
            if turn < _LARGEST_TURN and _is_bell(tilt.covariance, half) and self._see(tilt, low, high):
                continue
            if not half.any():
                raise NoBellShape(
                    f"the coefficient at {tuple((low + self._low).tolist())} lies too far below its neighbours"
                )
            axis = int((half / (np.sqrt(np.diag(tilt.covariance)) + 0.5)).argmax())
            if not half[axis]:
                axis = int(half.argmax())
            middle = int(low[axis] + high[axis]) // 2
            left, right = high.copy(), low.copy()
            left[axis], right[axis] = middle, middle + 1
            if tilt.log_bound > 2 * _LOG_FLOOR:  # else it ran off, and its bell has collapsed
                start = tilt.theta
            boxes += [(right, high, start), (low, left, start)]

    def _see(self, tilt: _Tilt, low: Ints, high: Ints) -> bool:
        """Fill in a box from the window of one tilt; return whether nothing above 1e-300 is missing."""
        window = Window(self._steps, tilt.theta)
        values, error = window.bell(low, high)
        if self._is_complete(values, error, tilt, low):
            pass
        elif (convolved := window.convolved(low, high)) is None:
            return False
        else:
            values, error = convolved
            if not self._is_complete(values, error, tilt, low):
                return False
        kept = np.where(values * _TRUST >= error, values, 0.0)
        mantissas, exponent = window.undone(kept, low)
        start = low + self._low
        self.values[tuple(slice(a, a + m) for a, m in zip(start, kept.shape, strict=True))] = np.ldexp(
            mantissas, exponent
        )
        return True

    def _is_complete(self, values: Floats, error: float, tilt: _Tilt, low: Ints) -> bool:
        hidden = np.argwhere(values * _TRUST < error)
        if not len(hidden):
            return True
        t = low + hidden
        middle = low + (np.array(values.shape) - 1) / 2
        log_bound = tilt.log_bound - (t - middle) @ tilt.theta + math.log(error / _TRUST)
        t = t[log_bound >= _LOG_FLOOR]
        return not len(t) or not self._reachable[tuple((t + self._low).T)].any()

    @cached_property
    def _reachable(self) -> Flags:
        """Which coefficients are not exactly zero: sums of sets of taps, by convolution of indicators."""
        grid = np.ones((1,) * len(self._low), dtype=bool)
        for kernel, n, step in self._polynomial.factors:
            taps = dilate(np.array(kernel.weights, dtype=object) != 0, step)
            power = np.ones_like(grid, shape=(1,) * taps.ndim)
            for bit in f"{n:b}":
                power = _sums(power, power)
                if bit == "1":
                    power = _sums(power, taps)
            grid = _sums(grid, power)
        return grid

    def _saddle(self, goal: Floats, theta: Floats) -> _Tilt:
        """Return the tilt whose mean is near the goal, or any that proves a(goal) below 1e-300.

        Newton's iteration on the convex K(theta) - theta t; outside the hull of the support it runs off downwards.
        """
        tilt = self._tilt(theta, goal)
        longest = _LONGEST_STEP
        while tilt.log_bound > 2 * _LOG_FLOOR:
            gap = goal - tilt.mean
            ridge = np.diag(1e-9 * np.diag(tilt.covariance) + 1e-30)
            step = np.linalg.solve(tilt.covariance + ridge, gap)
            if float(step @ gap) < _CLOSE:
                break
            widest = max(float(np.ptp(f.x @ step)) for f in self._steps)
            longest = 2 * longest if widest > longest else _LONGEST_STEP
            step *= min(1.0, longest / widest)
            for _ in range(60):
                new = self._tilt(tilt.theta + step, goal)
                if new.log_bound < tilt.log_bound:
                    break
                step /= 2
                longest = _LONGEST_STEP
            else:
                break
            tilt = new
        return tilt

    def _tilt(self, theta: Floats, goal: Floats) -> _Tilt:
        value, mean = -float(theta @ goal), np.zeros(len(goal))
        covariance = np.zeros((len(goal), len(goal)))
        for f in self._steps:
            y = f.logs + f.x @ theta
            top = float(y.max())
            share = np.exp(y - top)
            total = float(share.sum())
            share /= total
            value += f.n * (top + math.log(total))
            centre = share @ f.x
            centred = f.x - centre
            mean += f.n * centre
            covariance += f.n * (share * centred.T) @ centred
        return _Tilt(theta, value, mean, covariance)


def _is_bell(covariance: Floats, half: Floats) -> bool:
    """Return whether a normal law of that covariance stays above round-off in a box about its mean."""
    precision = np.linalg.inv(covariance + 1e-3 * np.eye(len(half)))
    return float(half @ np.abs(precision) @ half) <= _BELL


def _sums(left: Flags, right: Flags) -> Flags:
    """Return where sums of a point of each set lie, by counting the pairs."""
    shape = tuple(a + b - 1 for a, b in zip(left.shape, right.shape, strict=True))
    if left.all() and right.all():
        return np.ones(shape, dtype=bool)
    return fft.product([(left.astype(float), 1), (right.astype(float), 1)], shape).to_floats() > 0.5


def shares(polynomial: Product) -> Floats:
    """Return the coefficients divided by their sum; those below 1e-300 may be 0."""
    tiling = _Tiling(polynomial)
    tiling.fill()
    return tiling.values
