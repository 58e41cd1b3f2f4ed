r"""A product of non-negative polynomials as arrays, and its cumulants at any tilt.

With the shares :math:`p_j = w_j / \sum w` of each factor, :math:`K(\theta) = \sum_i n_i \log \sum_j p_{ij}
e^{\theta x_{ij}}`. Factors of one step and of about as many taps share an array, so that thousands of
different ones cost a few calls.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...polynomials.product import Factor, Product
from ..scaled import Floats

Long = np.ndarray[Any, np.dtype[np.longdouble]]

# Unit round-off of the widest floats there are: 2**-64 on x86, 2**-53 where they are plain doubles.
UNIT = float(np.finfo(np.longdouble).eps) / 2
# Entries of one array, which keeps it in the cache; integers below 2**53 are floats without rounding.
_ENTRIES = 2**17
_EXACT = 2**53
# A tilt of this many bits times an index below 2**26 is a float without rounding.
_TILT_BITS = 26
# The longest step towards a tilt, and moments that are too small for a better one.
_STRIDE, _TINY = 50.0, 1e-290


@dataclass(frozen=True, eq=False)
class Group:
    """Factors of one step, a row each: logs of shares (-inf where there is no tap), positions and powers."""

    log_shares: Long
    rough: Floats
    x: np.ndarray[Any, np.dtype[np.int64]]
    n: Floats

    @functools.cached_property
    def columns(self) -> Floats:
        """The rough logs, a row for each tap, so that reductions over few taps run along the factors."""
        return np.ascontiguousarray(self.rough.T)

    @functools.cached_property
    def ends(self) -> Floats:
        """The last position of each row."""
        return np.asarray(np.where(self.columns > -np.inf, self.x[:, None], 0).max(axis=0).astype(float))

    @functools.cached_property
    def is_single(self) -> bool:
        """Whether every power is 1."""
        return bool((self.n == 1).all())


@dataclass(frozen=True, eq=False)
class Factors:
    """A product on one axis, its first coefficient at index 0, in steps of `span`."""

    groups: tuple[Group, ...]
    span: int
    degree: int

    @functools.cached_property
    def mean(self) -> float:
        """The mean, as an index in steps of span."""
        return moments(self, 0.0).mean

    @functools.cached_property
    def taps(self) -> int:
        """Number of taps of all rows."""
        return sum(group.rough.size for group in self.groups)

    @functools.cached_property
    def rounding(self) -> float:
        """Bound of the error of sum n log(share): a division, a sum of k terms and a logarithm for each."""
        return sum(float(group.n.sum()) * (sum_units(len(group.x)) + 4) for group in self.groups) * UNIT


@functools.lru_cache(maxsize=8)
def factors_of(polynomial: Product) -> Factors:
    """Return the arrays of a product on one axis without negative weights."""
    rows: dict[tuple[int, int], list[tuple[Sequence[Any], int]]] = {}
    span = 0
    for factor in polynomial.factors:
        weights = _inner(factor)
        if len(weights) > 1 and factor.n:
            taps = [j for j, w in enumerate(weights) if w] if 0 in weights else (0, 1)
            span = math.gcd(span, *(j * factor.step[0] for j in taps))
            rows.setdefault((factor.step[0], _bucket(len(weights))), []).append((weights, factor.n))
    groups, degree = [], 0
    for (step, width), members in rows.items():
        degree += step * sum((len(weights) - 1) * n for weights, n in members)
        size = max(1, _ENTRIES // width)
        chunks = [members[i : i + size] for i in range(0, len(members), size)]
        groups += [_group(chunk, step, width, span) for chunk in chunks]
    groups.sort(key=lambda group: -float(group.x[-1]))
    return Factors(tuple(groups), span or 1, degree // (span or 1))


class Moments(NamedTuple):
    """K, the mean, how far it is from the last index, and the variance of a tilted distribution."""

    log_mass: float
    mean: float
    rest: float
    variance: float


def moments(factors: Factors, theta: float) -> Moments:
    """Return the moments of the distribution tilted by theta, in plain floats."""
    log_mass = mean = rest = variance = 0.0
    for group in factors.groups:
        x = group.x.astype(float)
        y = group.columns + (theta * x)[:, None]
        top = y.max(axis=0)
        q = np.exp(y - top)
        mass = q.sum(axis=0)
        first = x @ q / mass
        log_mass += float(group.n @ (np.log(mass) + top))
        mean += float(group.n @ first)
        rest += float(group.n @ ((q * (group.ends - x[:, None])).sum(axis=0) / mass))
        variance += float(group.n @ (((x[:, None] - first) ** 2 * q).sum(axis=0) / mass))
    return Moments(log_mass, mean, rest, variance)


def tilt_to(factors: Factors, goal: float) -> float:
    """Return a tilt, of few bits, that moves the mean to within a tenth of a deviation of the goal.

    Newton's iteration on the logit of the mean, which is nearly straight, inside a bracket.
    """
    goal = min(max(goal, 0.25), factors.degree - 0.25)
    wanted = math.log(goal / (factors.degree - goal))
    theta, low, high = 0.0, -math.inf, math.inf
    for _ in range(200):
        _, mean, rest, variance = moments(factors, theta)
        if abs(mean - goal) <= 0.1 * math.sqrt(variance):
            break
        low, high = (theta, high) if mean < goal else (low, theta)
        step = math.copysign(_STRIDE, goal - mean)
        if min(mean, rest, variance) > _TINY:
            logit = math.log(mean) - math.log(rest)
            step = (wanted - logit) * mean * (rest / factors.degree) / variance
        moved = theta + min(max(step, -_STRIDE), _STRIDE)
        theta = moved if low < moved < high else (low + high) / 2
        if theta in (low, high):
            break
    mantissa, exponent = math.frexp(theta)
    return math.ldexp(round(mantissa * 2**_TILT_BITS), exponent - _TILT_BITS)


def sum_units(count: int) -> int:
    """Return how many units of round-off a sum of so many positive numbers errs by, at most.

    numpy adds along rows in blocks of 128, eight partial sums of 16 each, and the blocks by pairs.
    """
    return min(count, count.bit_length() + 20)


def _inner(factor: Factor) -> Sequence[Any]:
    """Return the weights from the first to the last that is not zero."""
    weights = factor.kernel.weights
    if weights[0] and weights[-1]:
        return weights
    inside = [j for j, w in enumerate(weights) if w]
    return weights[inside[0] : inside[-1] + 1]


def _bucket(size: int) -> int:
    """Return the width of the array that a row of this size goes to: 2, 3, 4, 6, 8, 12, 16, ..."""
    power = 1 << (size - 1).bit_length()
    return 3 * power // 4 if size <= 3 * power // 4 else power


def _group(members: list[tuple[Sequence[Any], int]], step: int, width: int, span: int) -> Group:
    every = span // math.gcd(step, span)  # taps between the multiples of the span are zeros
    table = _table([weights for weights, _ in members])[:, ::every]
    with np.errstate(divide="ignore"):
        logs = np.log(table / table.sum(axis=1, keepdims=True))
    x = np.arange(logs.shape[1]) * (step * every // span)
    return Group(logs, logs.astype(float), x, np.array([n for _, n in members], dtype=float))


def _table(rows: list[Sequence[Any]]) -> Long:
    """Return the rows, each up to a scale of its own, with zeros behind the shorter ones."""
    width = max(map(len, rows))
    if all(len(row) == width and isinstance(row[0], float) for row in rows):
        table = np.array(rows).astype(np.longdouble)
    else:
        table = np.zeros((len(rows), width), dtype=np.longdouble)
        for row, weights in zip(table, rows, strict=True):
            row[: len(weights)] = _long(weights)
    return np.asarray(np.ldexp(table, -np.frexp(table.max(axis=1, keepdims=True))[1]))


def _long(weights: Sequence[Any]) -> Any:
    """Return weights up to a common scale, to the last bit: floats as they are, rationals by two floats."""
    if isinstance(weights[0], float):
        return np.array(weights)
    if all(type(w) is int and w < _EXACT for w in weights):
        return np.array(weights, dtype=float)
    total = sum(map(Fraction, weights))
    shares = [Fraction(w) / total for w in weights]
    high = np.array([float(share) for share in shares])
    low = np.array([float(share - Fraction(h)) for share, h in zip(shares, high.tolist(), strict=True)])
    return high.astype(np.longdouble) + low
