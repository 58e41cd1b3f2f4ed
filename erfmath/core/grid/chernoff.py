r"""Chernoff's bound in several axes, and the saddle point where it is tightest.

For the product :math:`\prod_i P_i^{n_i}` scaled to sum 1, and every :math:`\theta`,

.. math:: a(t) \le \exp(K(\theta) - \theta t), \qquad K(\theta) = \sum_i n_i \log P_i(e^\theta) / P_i(1).

The exponent is convex in :math:`\theta`; at its minimum :math:`K'(\theta) = t`
the tilted law has its mean at t (Chernoff, Ann. Math. Statist. 23 (1952) 493; Daniels, ibid. 25 (1954) 631).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...polynomials.product import Product
from ..scaled import Floats

Ints = np.ndarray[Any, np.dtype[np.int64]]

_LONGEST_STEP = 2.0  # of the logarithm of a tap against another, doubled as long as it is taken
_CLOSE = 0.01  # squared deviations between the tilted mean and its goal


@dataclass(frozen=True, eq=False)
class Steps:
    """One factor (sum_j w_j z^x_j)^n: a row of x per tap, from the lowest corner, and log(w_j / sum w).

    The weights are whole numbers of a common unit.
    """

    n: int
    x: Ints
    whole: tuple[int, ...]
    logs: Floats


@dataclass(frozen=True, eq=False)
class Tilt:
    """K(theta) - theta t at the goal t, and the mean and the covariance of the tilted law."""

    theta: Floats
    log_bound: float
    mean: Floats
    covariance: Floats


def steps_of(polynomial: Product) -> tuple[Ints, list[Steps]]:
    """Return the lowest corner of the support, and the factors that have more than one tap."""
    corner, factors = np.zeros(polynomial.ndim, dtype=np.int64), []
    for kernel, n, step in polynomial.factors:
        positions, weights = zip(*kernel.taps(), strict=True)
        x = (np.array(positions) - kernel.offsets) * step
        corner += n * x.min(axis=0)
        if n and len(x) > 1:
            unit = math.lcm(*(w.denominator for w in weights))
            whole = tuple(w.numerator * (unit // w.denominator) for w in weights)
            logs = np.array([math.log(w) for w in whole]) - math.log(sum(whole))
            factors.append(Steps(n, x - x.min(axis=0), whole, logs))
    return corner, factors


def tilt_at(factors: Sequence[Steps], theta: Floats, goal: Floats) -> Tilt:
    """Return the bound at `goal` of any theta."""
    exponent, mean = -float(theta @ goal), np.zeros(len(goal))
    covariance = np.zeros((len(goal), len(goal)))
    for f in factors:
        y = f.logs + f.x @ theta
        top = float(y.max())
        share = np.exp(y - top)
        total = float(share.sum())
        share /= total
        exponent += f.n * (top + math.log(total))
        centre = share @ f.x
        centred = f.x - centre
        mean += f.n * centre
        covariance += f.n * (share * centred.T) @ centred
    return Tilt(theta, exponent, mean, covariance)


def saddle(factors: Sequence[Steps], goal: Floats, start: Floats, floor: float) -> Tilt:
    """Return the tilt whose mean is near the goal, or the first with a bound below `floor`.

    Newton's iteration. Outside the hull of the support there is no minimum: the steps double, and the
    exponent runs off downwards.
    """
    tilt, longest = tilt_at(factors, start, goal), _LONGEST_STEP
    while tilt.log_bound > floor:
        gap = goal - tilt.mean
        ridge = np.diag(1e-9 * np.diag(tilt.covariance) + 1e-30)
        step = np.linalg.solve(tilt.covariance + ridge, gap)
        if float(step @ gap) < _CLOSE:
            break
        widest = max(float(np.ptp(f.x @ step)) for f in factors)
        longest = 2 * longest if widest > longest else _LONGEST_STEP
        step *= min(1.0, longest / max(widest, 1e-300))
        shorter = (tilt_at(factors, tilt.theta + step / 2**halvings, goal) for halvings in range(60))
        lower = next((new for new in shorter if new.log_bound < tilt.log_bound), None)
        if lower is None:  # round-off hides what is left to gain
            break
        tilt = lower
    return tilt
