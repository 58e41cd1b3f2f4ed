"""Sums, copies, shifts and conditions of variables on several axes: what the operators and methods do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._checks import as_axis, is_index, per_axis
from .._memory import check_memory
from ..core.scaled import Floats
from ..polynomials.kernel import Kernel
from .arithmetic import rational
from .base import Distribution
from .joint import JointDistribution, joint_operation, law_of
from .lazy import distribution
from .manners import UNIT
from .univariate import UnivariateDistribution

# Below this, entries that a condition needs may be missing from a grid of floats.
_LEAST_MASS = 1e-290


@joint_operation
def add(left: JointDistribution, right: Any) -> JointDistribution:
    """Return the sum with an independent variable, or with an int for each axis."""
    if isinstance(right, Distribution):
        return convolve(left, right)
    shifts = per_axis(right, left.ndim, "other")
    marginals = [marginal + shift for marginal, shift in zip(left.marginals, shifts, strict=True)]
    if left.is_independent:
        return JointDistribution.independent(marginals)
    starts = [low + shift for (low, _), shift in zip(left.bounds, shifts, strict=True)]
    return JointDistribution.computed(left.float_grid(), starts, left.error, marginals)


@joint_operation
def convolve(left: JointDistribution, other: Any) -> JointDistribution:
    """Return the distribution of the sum of two independent variables: of marginals, or of grids."""
    if not isinstance(other, JointDistribution):
        raise TypeError(f"other must be a JointDistribution, or an int for each axis, got {other!r}")
    if other.ndim != left.ndim:
        raise ValueError(f"other must have {left.ndim} axes, got {other.ndim}")
    marginals = [a + b for a, b in zip(left.marginals, other.marginals, strict=True)]
    if left.is_independent and other.is_independent:
        return JointDistribution.independent(marginals)
    grids = left.probabilities(), other.probabilities()
    few, many = sorted(grids, key=np.count_nonzero)
    error = left.error + other.error + (np.count_nonzero(few) + 2) * UNIT
    starts = [a + b for (a, _), (b, _) in zip(left.bounds, other.bounds, strict=True)]
    return JointDistribution.computed(_convolved(few, many), starts, error, marginals)


def _convolved(few: Floats, many: Floats) -> Floats:
    """Return the convolution of two grids: one copy of the other for each entry of the first."""
    sides = [a + b - 1 for a, b in zip(few.shape, many.shape, strict=True)]
    check_memory(24 * math.prod(sides), f"the grid of {sides} probabilities", "add the marginals")
    total = np.zeros(sides)
    for place in np.argwhere(few).tolist():
        inner = tuple(slice(at, at + side) for at, side in zip(place, many.shape, strict=True))
        total[inner] += few[tuple(place)] * many
    return total


@joint_operation
def repeated(one: JointDistribution, copies: Any) -> JointDistribution:
    """Return the distribution of the sum of so many independent copies."""
    if not is_index(copies):
        raise TypeError(f"n must be an int, the number of independent copies, got {copies!r}")
    marginals = [copies * marginal for marginal in one.marginals]
    if one.is_independent:
        return JointDistribution.independent(marginals)
    starts = tuple(low for low, _ in one.bounds)
    found = distribution(Kernel(one.float_grid(), starts), int(copies))
    if found.is_independent:
        return JointDistribution.independent(marginals)
    error = found.error + int(copies) * one.error
    corner = [low for low, _ in found.bounds]
    return JointDistribution.computed(found.probabilities(), corner, error, marginals)


@joint_operation
def given(one: JointDistribution, low: Any, high: Any) -> JointDistribution:
    """Return the distribution conditional on a box."""
    lows, highs = (_corner(end, one.ndim, name) for end, name in ((low, "low"), (high, "high")))
    if one.is_independent:
        kept = [part.given(*ends) for part, *ends in zip(one.marginals, lows, highs, strict=True)]
        return JointDistribution.independent(kept)
    starts = [first for first, _ in one.bounds]
    firsts = [start if a is None else max(start, math.ceil(a)) for start, a in zip(starts, lows, strict=True)]
    lasts = [
        last if b is None else min(last, math.floor(b))
        for (_, last), b in zip(one.bounds, highs, strict=True)
    ]
    if tuple(zip(firsts, lasts, strict=True)) == one.bounds:
        return one
    sides = [slice(a - s, max(b + 1, a) - s) for a, b, s in zip(firsts, lasts, starts, strict=True)]
    shares = one.float_grid()[tuple(sides)]
    _require_mass(shares, f"between low={low!r} and high={high!r}")
    found = law_of(shares, firsts, 2 * one.error)
    assert isinstance(found, JointDistribution)
    return found


@joint_operation
def conditional(
    one: JointDistribution, values: Mapping[int, Any]
) -> UnivariateDistribution | JointDistribution:
    """Return the distribution of the other coordinates given some."""
    fixed = _fixed(one, values)
    rest = [axis for axis in range(one.ndim) if axis not in fixed]
    where = f"at {dict(values)!r}"
    if one.is_independent:
        if any(one.marginals[axis].logpmf(float(value)) == -math.inf for axis, value in fixed.items()):
            raise ValueError(f"no probability lies {where}")
        kept = [one.marginals[axis] for axis in rest]
        return kept[0] if len(kept) == 1 else JointDistribution.independent(kept)
    box: list[Any] = [slice(None)] * one.ndim
    for axis, value in fixed.items():
        first, last = one.bounds[axis]
        if not (first <= value <= last and value.denominator == 1):
            raise ValueError(f"no probability lies {where}")
        box[axis] = int(value) - first
    shares = one.float_grid()[tuple(box)]
    _require_mass(shares, where)
    return law_of(shares, [one.bounds[axis][0] for axis in rest], 2 * one.error)


def _fixed(one: JointDistribution, values: Any) -> dict[int, Any]:
    """Return the numbers by axes that count from 0."""
    if not isinstance(values, Mapping):
        raise TypeError(f"values must be {{axis: value}}, got {values!r}")
    if any(not is_index(axis) for axis in values):
        raise TypeError(f"values must be an int for each axis, from 0 on, with its value, got {values!r}")
    fixed = {as_axis(axis, one.ndim, "values"): rational(value, "values") for axis, value in values.items()}
    if not 0 < len(fixed) == len(values) < one.ndim:
        raise ValueError(f"values must give some of {one.ndim} axes once, and not all, got {values!r}")
    return fixed


def _corner(ends: Any, ndim: int, name: str) -> list[Any]:
    """Return a number or None for each axis."""
    if isinstance(ends, Mapping):
        raise TypeError(
            f"{name} must be a number, or one or None for each of {ndim} axes, got {ends!r}; "
            "conditional({axis: value}) is the condition of known values"
        )
    given_ends = ends.tolist() if isinstance(ends, np.ndarray) else ends
    if given_ends is None or not isinstance(given_ends, Sequence):
        given_ends = [given_ends] * ndim
    if len(given_ends) != ndim:
        raise ValueError(f"{name} must have an end for each of {ndim} axes, got {ends!r}")
    return [end if end is None else rational(end, name) for end in given_ends]


def _require_mass(shares: Floats, where: str) -> None:
    """Raise where a condition has no probability, or one whose digits a grid of floats does not hold."""
    mass = float(shares.sum())
    if not mass:
        raise ValueError(f"no probability lies {where}")
    if mass < _LEAST_MASS:
        raise ValueError(
            f"the probability {where} is {mass:.2g}, and a grid of floats has no digits there; take a "
            "condition of at least 1e-290"
        )
