"""Which coefficients exceed a level, from the pieces of the whole log profile: no look at each of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .law import Ints, Law
from .pieces import Piece, analytic_logs, divide
from .points import pointwise
from .tilt import exact_pair

_MOST_SINGLE = 1 << 14  # coefficients looked at one by one
_REAL = 1e-5  # imaginary part of a root that may be a real one


class Stretch(NamedTuple):
    """The coefficients first .. last."""

    first: int
    last: int


@dataclass(frozen=True, eq=False)
class LogProfile:
    """log a(t) for lo <= t <= hi: pieces, and single points where no piece serves."""

    law: Law
    pieces: tuple[Piece, ...]
    single: Ints
    single_logs: Floats

    @np.errstate(all="ignore")
    def logs(self, t: Ints) -> Floats:
        """Return log a(t) itself."""
        return pointwise(self.law, t, dd.ZERO)

    @np.errstate(all="ignore")
    def above(self, log_level: float) -> list[Stretch]:
        """Return where log a(t) > log_level, in stretches that ascend and do not touch."""
        found = [stretch for piece in self.pieces for stretch in self._of_piece(piece, log_level)]
        found += [Stretch(t, t) for t in self.single[self.single_logs > log_level].tolist()]
        return _merged(sorted(found))

    @np.errstate(all="ignore")
    def peak(self) -> float:
        """Return the largest log a(t)."""
        logs = [float(self.single_logs.max())] if self.single.size else []
        for piece in self.pieces:
            slopes = _roots(np.polyder(_powers(piece)))
            ends = np.array([piece.lo, piece.hi])
            near = np.rint(piece.centre + piece.half * slopes).astype(np.int64)
            at = np.unique(np.clip(np.concatenate((ends, near - 1, near, near + 1)), piece.lo, piece.hi))
            rough = piece.evaluate((at - piece.centre).astype(float))
            logs.append(float(self.logs(at[rough >= rough.max() - 1e-9]).max()))
        return max(logs)

    def _of_piece(self, piece: Piece, log_level: float) -> list[Stretch]:
        """Return the stretches of one piece; where it crosses the level is looked at."""
        powers = _powers(piece)
        powers[-1] -= log_level
        crossings = [piece.centre + int(np.floor(piece.half * root)) for root in _roots(powers).tolist()]
        before = piece.lo - 1
        cuts = [before, *(min(max(t, before), piece.hi) for t in crossings), piece.hi]
        runs = [Stretch(a + 1, b) for a, b in itertools.pairwise(cuts) if b > a]
        middle = np.array([(run.first + run.last) // 2 - piece.centre for run in runs], dtype=float)
        inside = piece.evaluate(middle) > log_level
        kept = _merged([run for run, is_in in zip(runs, inside, strict=True) if is_in])
        return [self._mended(run, piece, log_level) for run in kept]

    def _mended(self, run: Stretch, piece: Piece, log_level: float) -> Stretch:
        """Return a stretch whose ends, but for those of the piece, are the last ones above the level."""
        first, last = run
        if first > piece.lo:
            first = self._end(first, -1, log_level)
        if last < piece.hi:
            last = self._end(last, 1, log_level)
        return Stretch(max(first, piece.lo), min(last, piece.hi))

    def _end(self, t: int, outwards: int, log_level: float) -> int:
        """Return the outermost coefficient above the level, near t."""
        near = t + outwards * np.arange(-2, 3)
        above = np.flatnonzero(self.logs(near) > log_level)
        return int(near[above[-1]]) if above.size else t - 3 * outwards


@np.errstate(all="ignore")
def log_profile(law: Law, lo: int, hi: int) -> LogProfile | None:
    """Return the profile of the coefficients lo .. hi, None where many of them have to be looked at."""
    middle = exact_pair(np.linspace(lo, hi, 5).astype(np.int64))
    if np.isnan(analytic_logs(law, middle, dd.ZERO)[0]).any():
        return None
    pieces, points = divide(lambda t: analytic_logs(law, t, dd.ZERO), lo, hi, lambda a, b: b - a)
    if sum(b - a + 1 for a, b in points) > _MOST_SINGLE:
        return None
    single = np.sort(np.concatenate([np.zeros(0, int), *(np.arange(a, b + 1) for a, b in points)]))
    logs = pointwise(law, single, dd.ZERO)
    return LogProfile(law, tuple(pieces), single, logs)


def _powers(piece: Piece) -> Floats:
    """Return the polynomial of a piece, highest power first."""
    powers = np.zeros(max(3, len(piece.coefficients)))
    powers[: len(piece.coefficients)] = piece.coefficients
    powers[:3] += piece.level, piece.slope, piece.curve
    return powers[::-1].copy()


def _roots(powers: np.ndarray[Any, Any]) -> Floats:
    """Return the real roots in [-1, 1], ascending, and more that may be real."""
    roots = np.roots(powers)
    near = (np.abs(roots.imag) <= _REAL) & (np.abs(roots.real) <= 1 + _REAL)
    return np.sort(roots.real[near])


def _merged(stretches: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for stretch in stretches:
        if found and stretch.first <= found[-1].last + 1:
            found[-1] = Stretch(found[-1].first, max(found[-1].last, stretch.last))
        elif stretch.last >= stretch.first:
            found.append(stretch)
    return found
