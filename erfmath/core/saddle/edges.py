"""Coefficients near the edges, which no contour integral can see: sums of positive terms, in 50 digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from ...polynomials.weights import Number
from . import double_double as dd
from .law import Law

_CONTEXT = Context(prec=50, Emin=-(10**15), Emax=10**15)
_SHORTEST = 64  # entries of the first table; each next one is four times longer
_LONGEST = 4096
_MOST_WORK = 3e7  # products of Decimals for one table

Series = list[Decimal]


def is_cheap(law: Law, t: int) -> bool:
    """Return whether recurrences reach index t from the edge."""
    return t <= min(_LONGEST, *(f.power for f in law.taps))


def is_possible(law: Law, t: int) -> bool:
    """Return whether positive sums reach index t from the edge at all."""
    work = sum(min(f.power, t) * len(f.steps) * t for f in law.taps)
    return t <= _LONGEST and work < _MOST_WORK


def end_log(law: Law, mirrored: bool) -> dd.Pair:
    """Return the log of the first (or last) coefficient, sum_i n_i log p_0."""
    end, total = (-1 if mirrored else 0), dd.ZERO
    for f in law.taps:
        total = dd.add(total, dd.scale((f.log_high[end], f.log_low[end]), f.n))
    return total


@lru_cache(maxsize=4096)
def edge_log(law: Law, t: int, mirrored: bool) -> dd.Pair:
    """Return log a(t), or log a(degree - t), -inf where it is zero."""
    length = _SHORTEST
    while length <= t:
        length *= 4
    if is_cheap(law, t):
        length = min(length, 1 + min(f.power for f in law.taps))
    value = _edge_series(law, mirrored, length)[t]
    if not value:
        return -math.inf, 0.0
    with localcontext(_CONTEXT):
        ratio = dd.pair(value.ln())
    return dd.add(ratio, end_log(law, mirrored))


@lru_cache(maxsize=32)
def _edge_series(law: Law, mirrored: bool, length: int) -> Series:
    """Return the first coefficients from one edge, relative to the edge's own."""
    product = [Decimal(1)] + [Decimal(0)] * (length - 1)
    with localcontext(_CONTEXT):
        for f in law.taps:
            steps, weights = f.steps.tolist(), list(f.weights)
            if mirrored:
                steps = [steps[-1] - x for x in reversed(steps)]
                weights.reverse()
            series = _power_series(steps, weights, f.power, length)
            product = _truncated_product(product, series)
    return product


def _truncated_product(a: Series, b: Series) -> Series:
    """Return the product of two series to the length of a."""
    short = [(i, c) for i, c in enumerate(a) if c]
    if len(short) == 1:  # the empty product 1
        return b
    return [sum((c * b[t - i] for i, c in short if i <= t), Decimal(0)) for t in range(len(a))]


def _power_series(steps: Sequence[int], weights: Sequence[Number], n: int, length: int) -> Series:
    """Return [z^t] (sum_j w_j z^x_j / w_0)**n for t < length.

    Up to t = n the terms of J. C. P. Miller's recurrence
    t b_t = sum_j (x_j (n+1) - t) w_j/w_0 b_(t - x_j) are positive (Henrici, Applied and Computational Complex
    Analysis I, 1974, 1.6); a smaller n takes n products with a positive polynomial.
    """
    ratios = [w.as_integer_ratio() for w in weights]
    exact = [Decimal(above) / Decimal(below) for above, below in ratios]
    taps = [(x, w / exact[0]) for x, w in zip(steps[1:], exact[1:], strict=True)]
    if n < length - 1:
        return _repeated_product(taps, n, length)
    series, fewest = [Decimal(1)], [0]
    for t in range(1, length):
        fewest.append(1 + min((fewest[t - x] for x, _ in taps if x <= t), default=n))
        value = Decimal(0)
        if fewest[t] <= n:  # else no n steps lead here, exactly zero
            for x, w in taps:
                if x <= t and series[t - x]:
                    value += (x * (n + 1) - t) * w * series[t - x]
            value /= t
        series.append(value)
    return series


def _repeated_product(taps: Sequence[tuple[int, Decimal]], n: int, length: int) -> Series:
    """Return [z^t] (1 + sum_j w_j z^x_j)**n for t < length by n products."""
    series = [Decimal(1)] + [Decimal(0)] * (length - 1)
    for _ in range(n):
        previous = series[:]
        for x, w in taps:
            for t in range(x, length):
                if previous[t - x]:
                    series[t] += w * previous[t - x]
    return series
