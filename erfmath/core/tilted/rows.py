"""Tilted rows: the shares of each factor at a tilt, small ones of power 1 multiplied together beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..scaled import Floats
from .factors import UNIT, Factors, Group, Long, sum_units

# Rows are multiplied up to this width: products of non-negative numbers keep their digits, and a level
# costs as much as the one before it; beyond, the frequencies that matter are fewer than the taps.
_WIDEST = 32


@dataclass(frozen=True, eq=False)
class Rows:
    """Shares of sum 1, a row for each factor, their positions and powers; errors bound them in the 1-norm."""

    shares: Long
    x: np.ndarray[Any, np.dtype[np.int64]]
    n: Floats
    errors: Floats


def tilted(factors: Factors, theta: float) -> tuple[list[Rows], np.longdouble, float]:
    r"""Return the rows at a tilt, :math:`K(\theta)`, and a bound of the error of K."""
    rows, log_mass, slack = [], np.longdouble(0), 0.0
    for group in factors.groups:
        row, logs = _tilted_group(group, theta)
        rows.append(_merged(row) if group.is_single else row)
        terms = logs * group.n
        log_mass += terms.sum()
        slack += float(np.abs(terms).sum()) * (math.log2(len(terms)) + len(factors.groups) + 4)
        slack += float(group.n.sum()) * (sum_units(len(group.x)) + 6)
    return rows, log_mass, slack * UNIT + factors.rounding


def _tilted_group(group: Group, theta: float) -> tuple[Rows, Long]:
    """Return the rows of a group, and the log of the sum of each before it was divided by it.

    An exponential errs by as many units as its argument is large, and its argument by as much again.
    """
    shift = np.longdouble(theta) * group.x
    y = group.log_shares + shift
    top = y.max(axis=1, keepdims=True)
    y -= top
    q = np.exp(y)
    mass = q.sum(axis=1, keepdims=True)
    q /= mass
    rough, size = q.astype(float), np.abs(np.maximum(group.rough, -1e300)) + np.abs(shift.astype(float))
    size += np.abs(top.astype(float))
    errors = (2 * (rough * np.where(rough > 0, size, 0)).sum(axis=1) + sum_units(len(group.x)) + 6) * UNIT
    return Rows(q, group.x, group.n, errors), (np.log(mass) + top)[:, 0]


def _merged(rows: Rows) -> Rows:
    """Return the same product in fewer rows, by pairs; a column for each factor while they are multiplied."""
    q, errors, step = np.ascontiguousarray(rows.shares.T), rows.errors, int(rows.x[1])
    while q.shape[1] > 1 and len(q) <= _WIDEST:
        if q.shape[1] % 2:
            q, errors = np.hstack((q, np.eye(len(q), 1))), np.append(errors, 0.0)
        width, half = len(q), q.shape[1] // 2
        left, right = q[:, :half], q[:, half:]
        q = np.zeros((2 * width - 1, half), dtype=q.dtype)
        for j in range(width):
            q[j : j + width] += left[j] * right
        errors = (errors[:half] + errors[half:]) * (1 + 1e-9) + (width + 2) * UNIT
    x = np.arange(len(q)) * step
    return Rows(np.ascontiguousarray(q.T), x, np.ones(q.shape[1]), errors)
