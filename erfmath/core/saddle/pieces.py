"""Many coefficients at once: log a(t) in pieces, each a parabola plus a Chebyshev polynomial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .integral import SMALLEST_RATIO, integral
from .law import Ints, Law
from .lobe import seen_or
from .tilt import exact_pair, exponent, solve

_DEGREE = 23
_SHORTEST = 48  # pieces with fewer points are computed point by point
_MOST_POINTS = 1 << 20  # computed point by point where nothing is analytic
_TAIL = 1e-14  # absolute error of an interpolation
_ROUNDING = 6e-16  # relative rounding of the interpolated part

Interval = tuple[int, int]
Logs = Callable[[dd.Pair], dd.Pair]


class Piece(NamedTuple):
    """log a(t) = level + x (slope + curve x) + sum_k coefficients[k] x**k for lo <= t <= hi.

    x = (t - centre) / half.
    """

    lo: int
    hi: int
    centre: int
    half: float
    level: float
    slope: float
    curve: float
    coefficients: Floats

    def evaluate(self, d: Floats) -> Floats:
        """Return log a(t) at the distances d of indices t of the piece from its centre."""
        x = d / self.half
        *others, last = self.coefficients.tolist()
        out = np.full(d.shape, last)
        for value in reversed(others):
            out *= x
            out += value
        line = x * self.curve
        line += self.slope
        line *= x
        out += line
        out += self.level
        return out


def interpolated(logs: Logs, t: Ints, rest: Callable[[Ints], Floats]) -> Floats:
    """Return the logs at many indices, from pieces where enough of them share one, else from `rest`."""
    order = np.argsort(t, kind="stable")
    ordered = t[order]
    found, done = np.empty(t.shape), np.zeros(t.shape, dtype=bool)

    def within(lo: int, hi: int) -> tuple[int, int]:
        start, stop = np.searchsorted(ordered, (lo, hi + 1))
        return int(start), int(stop)

    def count(lo: int, hi: int) -> int:
        start, stop = within(lo, hi)
        return stop - start

    if t.size:
        pieces, _ = divide(logs, int(ordered[0]), int(ordered[-1]), count)
        for piece in pieces:
            run = slice(*within(piece.lo, piece.hi))
            found[run], done[run] = piece.evaluate((ordered[run] - piece.centre).astype(float)), True
    found[~done] = rest(ordered[~done])
    result = np.empty(t.shape)
    result[order] = found
    return result


class _Fit(NamedTuple):
    """Parabolas (level, slope, curve) and Chebyshev series, `terms` of which are needed; 0 where it fails."""

    parabola: Floats
    series: Floats
    terms: Ints

    def coefficients(self, i: int) -> Floats:
        """Return the needed terms of series i as a polynomial."""
        terms = self.terms[i]
        powers = _chebyshev()[2]
        return np.asarray(self.series[i, :terms] @ powers[:terms, :terms])


def divide(
    logs: Logs, lo: int, hi: int, count: Callable[[int, int], int]
) -> tuple[list[Piece], list[Interval]]:
    """Return (pieces of the logs, intervals to be computed point by point) for lo <= t <= hi.

    `logs` is a function of real t, nan where it is not analytic. Intervals are halved until a piece fits;
    `count` tells how many points of an interval are wanted. Both ends lie inside the support.
    """
    pending = [(lo, hi)] if lo <= hi else []
    pieces: list[Piece] = []
    points: list[Interval] = []
    while pending:
        short = [min(b - a, count(a, b)) < _SHORTEST for a, b in pending]
        points += [interval for interval, is_short in zip(pending, short, strict=True) if is_short]
        pending = [interval for interval, is_short in zip(pending, short, strict=True) if not is_short]
        halves: list[Interval] = []
        for (a, b), result in zip(pending, _fits(logs, pending), strict=True):
            if isinstance(result, Piece):
                pieces.append(result)
            elif result and count(a, b) < _MOST_POINTS:
                points.append((a, b))
            else:
                halves += [(a, (a + b) // 2), ((a + b) // 2 + 1, b)]
        pending = halves
    return pieces, points


def _fits(logs: Logs, intervals: list[Interval]) -> Iterator[Piece | bool]:
    """Yield for each interval its piece, or False when it must be halved, True when that would not help."""
    if not intervals:
        return
    x = _chebyshev()[0]
    centres = [(a + b) // 2 for a, b in intervals]
    halves = [float(np.float32(max(b - c, c - a))) for (a, b), c in zip(intervals, centres, strict=True)]
    d = np.array(halves)[:, None] * x  # exact
    middle, rest = exact_pair(np.repeat(centres, x.size))
    high, low = dd.two_sum(middle, d.ravel())
    high, low = logs((high, low + rest))
    high, low = high.reshape(d.shape), low.reshape(d.shape)
    fit = _fitted((high, low))
    hopeless = np.isnan(high).all(axis=1)
    for i, (a, b) in enumerate(intervals):
        if fit.terms[i]:
            level, slope, curve = fit.parabola[i].tolist()
            yield Piece(a, b, centres[i], halves[i], level, slope, curve, fit.coefficients(i))
        else:
            yield bool(hopeless[i])


def analytic_logs(law: Law, t: dd.Pair, shift: dd.Pair) -> dd.Pair:
    """Return log a(t) + shift at real t, nan where it is not analytic."""
    return dd.add(seen_or(law, t, lambda unseen: _integrated(law, (t[0][unseen], t[1][unseen]))), shift)


def _integrated(law: Law, t: dd.Pair) -> dd.Pair:
    tilt = solve(law, t)
    value, bound = integral(law, tilt, analytic=True)
    logs = np.log(np.where(value > SMALLEST_RATIO * bound, value, np.nan))
    return dd.add(exponent(law, tilt), (logs, 0.0 * logs))


def _fitted(logs: dd.Pair) -> _Fit:
    """Return the parabolas and Chebyshev series through the logs at the nodes, an interval a row."""
    x, analysis, _ = _chebyshev()
    high, low = logs
    level, slope, curve = _parabola(high @ analysis[:3].T)
    rest, e = dd.two_sum(high, -level)
    rest, f = dd.two_sum(rest, -slope * x)
    rest, g = dd.two_sum(rest, -curve * (x * x))
    series = (rest + (e + f + g + low)) @ analysis.T
    size = np.abs(series)
    smallest = np.abs(high).min(axis=1)
    tolerance = 1e-17 * smallest  # the logs' own rounding is larger
    good = size[:, -3:].max(axis=1) <= _TAIL + tolerance
    good &= _ROUNDING * size.sum(axis=1) <= 2e-13 + 1e-16 * smallest
    # The parabola's terms may cancel near an end, which is a little further out than the last node.
    bend = np.abs(slope[:, 0]) + np.abs(curve[:, 0])
    good &= 3e-16 * bend <= 3e-13 + 1e-16 * np.maximum(smallest - 0.005 * bend, 0.0)
    left_out = np.cumsum(size[:, ::-1], axis=1)[:, ::-1]
    terms = (left_out > (2 * _TAIL + tolerance)[:, None]).sum(axis=1)
    return _Fit(np.hstack((level, slope, curve)), series, np.where(good, np.maximum(terms, 1), 0))


def _parabola(series: Floats) -> tuple[Floats, Floats, Floats]:
    """Return columns (level, slope, curve) near the first three terms of Chebyshev series.

    The slope has 24 bits and the curve 12, so that their products by a node and by its square are exact.
    """
    slope = series[:, 1:2].astype(np.float32).astype(float)
    curve = 2 * series[:, 2:]
    wide = curve * (2.0**41 + 1)
    return series[:, :1] - series[:, 2:], slope, wide - (wide - curve)


@cache
def _chebyshev() -> tuple[Floats, Floats, Floats]:
    """Return (nodes, values -> Chebyshev coefficients, Chebyshev coefficients -> powers).

    The nodes are those of Chebyshev rounded to multiples of 2**-20, for exact products.
    """
    m = _DEGREE + 1
    nodes = np.rint(2.0**20 * np.cos(np.pi * (np.arange(m) + 0.5) / m)) / 2.0**20
    analysis = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, m - 1)).astype(float)
    powers = np.zeros((m, m))
    powers[0, 0] = powers[1, 1] = 1.0
    for k in range(2, m):
        powers[k, 1:] = 2 * powers[k - 1, :-1]
        powers[k] -= powers[k - 2]
    return nodes, analysis, powers
