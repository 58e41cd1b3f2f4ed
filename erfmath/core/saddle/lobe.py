r"""Points and tails of wide laws near the mean, from the lumps of their taps: no pass over the taps.

With y the distance from a factor's mean and tau that of t from the mean of the law,

.. math:: a(t) = \frac1{2\pi} \int \exp\Bigl(\sum_i n_i \log \bigl(1 + S_i(s)\bigr) - s\tau\Bigr) d\omega,
    \qquad S_i(s) = \sum_j p_j (e^{s y_j} - 1 - s y_j), \quad s = \theta + i\omega.

Nothing cancels, so plain floats do up to some 20 standard deviations. That the lobe at :math:`\omega = 0` is
the only one is proved for all these tilts at once: |phi| off the lobe is looked at on one grid, and a tilt
changes it by at most the total variation, :math:`\sum |q - p| \le \sqrt{M(2\theta) / M(\theta)^2 - 1}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..scaled import Floats
from . import double_double as dd
from .bulk import NEGLIGIBLE, edge_of, ladder, lobe_width
from .integral import SMALLEST_RATIO, log_power, tail_factor
from .law import Ints, Law
from .lumps import MANY, Lumps
from .peaks import Side, moduli_on_grids, period_of
from .tilt import Flags

_LEVELS = (20.0, 8.0, 3.0)  # of |theta|, in units of 1 / standard deviation
_SCALE = 45.0  # of |2 theta| and of |s|, likewise
_FARTHEST = 30.0  # standard deviations to a point at which such a tilt is looked for
_MOST_LUMPS = 1000
_WIDEST_EDGE = 200.0  # of a heavy-tailed lobe, in units of 1 / standard deviation
_INNER = 0.8  # of the lobe's width without a tilt: within it every tilt is bounded by its own moments
_MOST_STEPS = 30
_BATCH = 1 << 16
_TURNS = (1, 2, 3)  # lobes looked at of a factor of wide steps

_LOBES: WeakKeyDictionary[Law, Lobe | None] = WeakKeyDictionary()


class _Tilted(NamedTuple):
    """The law at tilts theta: mean (from that of the law), variance, width of the lobe."""

    mean: Floats
    variance: Floats
    width: Floats


def lobe_of(law: Law) -> Lobe | None:
    """Return the lobe of a law of many taps, or None for few, or where it is of no use."""
    if law not in _LOBES:
        _LOBES[law] = _lobe(law)
    return _LOBES[law]


def seen_or(law: Law, t: dd.Pair, rest: Callable[[Ints], dd.Pair]) -> dd.Pair:
    """Return log a(t) from the lobe where it is seen, from rest(which points) elsewhere."""
    lobe = lobe_of(law)
    if lobe is None:
        return rest(np.arange(t[0].size))
    high, low = lobe.logs(law, t), np.zeros(t[0].shape)
    unseen = np.flatnonzero(np.isnan(high))
    if unseen.size:
        high[unseen], low[unseen] = rest(unseen)
    return high, low


def _lobe(law: Law) -> Lobe | None:
    if not law.is_whole or sum(len(f.steps) for f in law.taps) < MANY:
        return None
    scale = _SCALE / np.sqrt(law.variance)
    if law.extent * scale > _MOST_LUMPS:
        return None
    mean = dd.pair(sum(f.mean for f in law.taps))
    powers = tuple(f.n for f in law.taps)
    lumps = tuple(Lumps.of(f.share[:, 0], f.centred[:, 0], scale) for f in law.taps)
    found = Lobe(mean, law.variance, powers, lumps)
    if found.has_equals(law):
        return None
    steepest = found.steepest(law)
    if steepest:
        return replace(found, steepest_tilt=steepest)
    steepest, edge = found.steepest_of_bulk(law)
    if not steepest:
        return None
    scale = max(scale, 1.05 * float(np.hypot(steepest, edge)))
    lumps = tuple(Lumps.of(f.share[:, 0], f.centred[:, 0], scale) for f in law.taps)
    return replace(found, steepest_tilt=steepest, edge=edge, lumps=lumps)


@dataclass(frozen=True, eq=False)
class Lobe:
    """The lumps of each factor, its power, mean and variance of the law, and up to which tilt it is alone."""

    mean: dd.Pair
    variance: float
    powers: tuple[float, ...]
    lumps: tuple[Lumps, ...]
    steepest_tilt: float = 0.0
    edge: float = 0.0  # where the bulk proves it, the end of the lobe of every tilt

    def has_equals(self, law: Law) -> bool:
        """Return whether |phi| is no small number where a factor of wide steps has its next lobes.

        This costs nothing beside the grids of a law of wide steps, on which it would come out too.
        """
        gaps = {int(np.gcd.reduce(np.diff(f.steps))) for f in law.taps}
        places = np.array([2 * np.pi * turn / gap for gap in gaps for turn in _TURNS if 2 * turn <= gap])
        log_modulus = np.zeros(len(places))
        for f in law.taps:
            phases = np.exp(1j * places[:, None] * f.centred[:, 0])
            log_modulus += f.n * np.log(np.maximum(np.abs(phases @ f.share[:, 0]), 1e-300))
        return bool((log_modulus[places > self._inner_width] > -NEGLIGIBLE).any())

    def steepest(self, law: Law) -> float:
        """Return the largest of some tilts for which |phi| is proved negligible off the lobe, 0 for none."""
        shares = [f.share[:, 0] for f in law.taps]
        found = 0.0
        for length, moduli in moduli_on_grids(law, shares):
            first = int(self._inner_width * length / (2 * np.pi))
            beyond = [modulus[first:] for modulus in moduli]
            for theta in (level / np.sqrt(self.variance) for level in _LEVELS):
                if theta > found and self._is_alone(theta, beyond):
                    found = float(theta)
            if found == _LEVELS[0] / np.sqrt(self.variance):
                break
        return found

    def steepest_of_bulk(self, law: Law) -> tuple[float, float]:
        """Return the same from the bulk of the taps, and the frequency from which on phi is negligible."""
        taps = [(f.n, f.share[:, 0], f.centred[:, 0]) for f in law.taps]
        rungs, deviation = ladder(taps), np.sqrt(self.variance)
        for length, moduli in moduli_on_grids(law, [f.share[:, 0] for f in law.taps]):
            for theta in (level / deviation for level in _LEVELS):
                masses = [1 + max(lumps.bend(theta), lumps.bend(-theta)) for lumps in self.lumps]
                intervals = [rung.negligible(theta, masses[i]) for i, rung in rungs]
                last = int(np.flatnonzero(~self._negligible(theta, moduli))[-1])
                start = (last + 1) * 2 * np.pi / length
                edge = edge_of(intervals, start)
                if edge < start and edge * deviation < _WIDEST_EDGE:
                    return float(theta), edge
        return 0.0, 0.0

    def _is_alone(self, theta: float, moduli: Sequence[Floats]) -> bool:
        """Return whether these bounds of |phi| off the lobe make it negligible for all tilts up to theta."""
        return bool(self._negligible(theta, moduli).all())

    def _negligible(self, theta: float, moduli: Sequence[Floats]) -> Flags:
        log_bound = np.zeros(1)
        for n, modulus, lumps in zip(self.powers, moduli, self.lumps, strict=True):
            log_bound = log_bound + n * np.log(np.minimum(modulus + _variation(lumps, theta), 1.0))
        return np.asarray(log_bound <= -NEGLIGIBLE)

    def logs(self, law: Law, t: dd.Pair, side: Side | None = None) -> Floats:
        """Return log a(t), or those of tails beyond t on a side of the mean; nan for what is not seen."""
        tau, _ = dd.add(t, dd.negative(self.mean))
        theta = np.full(tau.shape, np.inf)
        near = np.abs(tau) <= _FARTHEST * np.sqrt(self.variance)
        if near.any():
            theta[near] = self._saddle(tau[near])
        if side:
            closest = min(1.0, 1.5 / np.sqrt(self.variance))
            theta = np.maximum(np.abs(theta), closest) * (1 if side == "upper" else -1)
        result = np.full(tau.shape, np.nan)
        seen = np.flatnonzero(np.abs(theta) <= self.steepest_tilt)
        size = max(1, _BATCH // (40 * sum(len(lumps.index) for lumps in self.lumps)))
        for start in range(0, seen.size, size):
            some = seen[start : start + size]
            result[some] = self._integrals(law, tau[some], theta[some], side)
        return result

    def _integrals(self, law: Law, tau: Floats, theta: Floats, side: Side | None) -> Floats:
        here = self._tilted(theta)
        period = period_of(law, theta, here.variance, side)
        reach = 1.1 * np.sqrt(2 * NEGLIGIBLE / here.variance)
        within = (reach <= 0.5 * here.width) & (here.width >= self._inner_width)
        if self.edge:
            within, reach = np.ones_like(within), np.full_like(reach, self.edge)
        spacing = 2 * np.pi / period
        u = spacing[:, None] * np.arange(int(np.ceil(reach / spacing).max()) + 1)
        modulus, phase = np.zeros_like(u), -u * tau[:, None]
        for n, lumps in zip(self.powers, self.lumps, strict=True):
            bend = lumps.bend(theta[:, None] + 1j * u)
            power = log_power(n, bend.real, bend.imag)
            modulus, phase = modulus + power[0], phase + power[1]
        peak = modulus[:, 0].copy()
        term = np.exp(modulus - peak[:, None] + 1j * phase)
        if side:
            term *= tail_factor(theta, u, side)
        value = 2 * term.real.sum(axis=1) - term[:, 0].real
        bound = 2 * np.abs(term).sum(axis=1) - np.abs(term[:, 0])
        good = within & (value > (0.1 if side else 1.0) * SMALLEST_RATIO * bound)
        return np.where(good, peak - theta * tau + np.log(np.where(good, value, 1.0) / period), np.nan)

    @cached_property
    def _inner_width(self) -> float:
        return _INNER * self._tilted(np.zeros(1)).width.item()

    def _saddle(self, tau: Floats) -> Floats:
        """Return tilts with a mean within a small part of a standard deviation of tau, or inf."""
        most = _LEVELS[0] / np.sqrt(self.variance)
        theta = np.clip(tau / self.variance, -most, most)
        for _ in range(_MOST_STEPS):
            here = self._tilted(theta)
            off = tau - here.mean
            if (np.abs(off) <= 0.05 * np.sqrt(here.variance)).all():
                break
            theta = np.clip(theta + off / here.variance, -2 * most, 2 * most)
        close = np.abs(off) <= 0.05 * np.sqrt(here.variance)
        return np.where(close, theta, np.inf)

    def _tilted(self, theta: Floats) -> _Tilted:
        mean = variance = np.zeros(theta.shape)
        width = np.full(theta.shape, np.pi)
        for n, lumps in zip(self.powers, self.lumps, strict=True):
            mass, first, second, third, fourth = lumps.tilted_moments(theta)
            first, second, third, fourth = first / mass, second / mass, third / mass, fourth / mass
            own = second - first**2
            around = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
            mean, variance = mean + n * first, variance + n * own
            width = np.minimum(width, lobe_width(own, around))
        return _Tilted(mean, variance, width)


def _variation(lumps: Lumps, theta: float) -> float:
    """Return a bound of sum |q - p| for all tilts up to theta, on either side."""
    found = 0.0
    for s in (theta, -theta):
        once, twice = 1 + lumps.bend(s), 1 + lumps.bend(2 * s)
        found = max(found, float(np.sqrt(max(twice / once**2 - 1, 0.0))))
    return found
