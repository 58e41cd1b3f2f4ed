"""Distributions conditional on a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_count
from ..core.scaled import Floats
from .lattice import LatticeDistribution
from .manners import LARGEST_LOG, UNIT, Bounds, Points, log_complement, log_of, of_points, outwards
from .univariate import UnivariateDistribution

# Up to this many points (8 MiB a row) tails are sums, each with its digits; beyond, they are differences.
_SUMMED = 2**20

_LOW_ORDER = 4  # cumulants to which a share of 1e-20 adds nothing
_LOG_ROW = -640.0  # of a tail whose points are floats with all their digits


def truncated(whole: UnivariateDistribution, first: int, last: Any) -> UnivariateDistribution:
    """Return a distribution conditional on first .. last, which meet its support."""
    if (first, last) == whole.support():
        return whole
    found = TruncatedDistribution(whole, first, last)
    if math.isinf(found.log_mass):
        raise ValueError(f"no probability lies between low={first} and high={last}")
    return found


@dataclass(frozen=True, repr=False)
class TruncatedDistribution(UnivariateDistribution):
    """A distribution conditional on first <= X <= last.

    Tails are sums over the range, or, where it holds more than 2**20 points, differences of the smaller
    tail of the whole distribution: these lose the digits by which that exceeds the difference.
    """

    whole: UnivariateDistribution
    first: int
    last: Any

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf`, `cdf` and `sf` return: of sums, or of differences."""
        own = 2 * self.whole.error + 8 * LARGEST_LOG * UNIT
        if self._logs is not None:
            return own + 3 * len(self._logs) * UNIT
        outer = min(float(self.whole.logsf(self.first - 1)), float(self.whole.logcdf(self.last)))
        return own * (1 + math.exp(outer - self.log_mass))  # a difference of logs, so below 2^53

    def support(self) -> tuple[int, Any]:
        """Return the smallest and the largest point of the range."""
        return self.first, self.last

    @cached_property
    def log_mass(self) -> float:
        """The log of the probability of the range."""
        if self._logs is None:
            return float(self._log_between(self.first - 1, self.last))
        return float(np.logaddexp.reduce(self._logs))

    @cached_property
    def _logs(self) -> Floats | None:
        if self.last - self.first >= _SUMMED:
            return None
        return np.asarray(self.whole.logpmf(np.arange(self.first, self.last + 1)))

    @cached_property
    def _tails(self) -> tuple[Floats, Floats] | None:
        """The logs of P(X <= x) and of P(X > x) from one point below the range to its last."""
        if self._logs is None:
            return None
        logs = self._logs - self.log_mass
        lower = np.concatenate(([-np.inf], np.logaddexp.accumulate(logs)))
        upper = np.concatenate((np.logaddexp.accumulate(logs[::-1])[::-1], [-np.inf]))
        return lower, upper

    @of_points(off_lattice=-np.inf)
    def logpmf(self, x: Points) -> Floats:
        """Return log P(X = x) under the condition."""
        inside = (x >= self.first) & (x <= self.last)
        return np.where(inside, np.asarray(self.whole.logpmf(x)) - self.log_mass, -np.inf)

    @of_points()
    def logcdf(self, x: Points) -> Floats:
        """Return log P(X <= x) under the condition."""
        lower, upper = self._tails_at(x)
        return log_complement(lower, upper)

    @of_points()
    def logsf(self, x: Points) -> Floats:
        """Return log P(X > x) under the condition."""
        lower, upper = self._tails_at(x)
        return log_complement(upper, lower)

    def _enclosed(self, t: int, kind: str) -> Bounds:
        t = min(max(t, self.first - 1), self.last + 1)
        if kind == "pmf":
            if not self.first <= t <= self.last:
                return 0.0, 0.0
            part: tuple[Any, Any] = self.whole._enclosed(t, "pmf")
        elif t in (self.first - 1, self.last, self.last + 1):
            return (0.0, 0.0) if (t < self.first) == (kind == "cdf") else (1.0, 1.0)
        else:
            part = self._between(self.first - 1, t) if kind == "cdf" else self._between(t, self.last)
        low, high = self._mass
        if not low:  # the condition's own probability is below the floats, or lost in the difference
            return 0.0, 1.0
        return outwards(Fraction(part[0]) / high, Fraction(part[1]) / low)

    @cached_property
    def _mass(self) -> tuple[Fraction, Fraction]:
        """Bounds of the probability of the condition."""
        return self._between(self.first - 1, self.last)

    def _between(self, a: int, b: int) -> tuple[Fraction, Fraction]:
        """Return bounds of P(a < X <= b) of the whole distribution, by its smaller tail."""
        upper, beyond = (self.whole._enclosed(t, "sf") for t in (a, b))
        below, lower = (self.whole._enclosed(t, "cdf") for t in (a, b))
        ways = _difference_of(upper, beyond), _difference_of(lower, below)
        return max(Fraction(0), *(low for low, _ in ways)), min(high for _, high in ways)

    def mean(self) -> float:
        """Return the expected value."""
        return self._bulk.mean()

    def var(self) -> float:
        """Return the variance."""
        return self._bulk.var()

    def cumulants(self, order: int = 4) -> tuple[float, ...]:
        """Return the cumulants kappa_1 .. kappa_order."""
        order = as_count(order, "order", minimum=1, maximum=100)
        table = self._bulk if order <= _LOW_ORDER else self._all_but(max(10.0 ** (-20 - 3 * order), 1e-290))
        return table.cumulants(order)

    def _scale(self) -> tuple[float, float]:
        return self.whole.mean(), self.whole.std()

    @cached_property
    def _bulk(self) -> LatticeDistribution:
        """All but a share of 1e-20 at either end, as a table."""
        return self._all_but(1e-20)

    def _all_but(self, share: float) -> LatticeDistribution:
        """Return all but a share at either end as a table."""
        if self._logs is not None:
            low, shares = self.first, np.exp(self._logs - self.log_mass)
        else:
            # Beside as much as this beyond an end the share is lost: there the bulk begins with the range.
            most = self.log_mass + math.log(share) + 26
            low = self.first if self.whole.logcdf(self.first - 1) > most else int(self.ppf(share))
            high = self.last if self.whole.logsf(self.last) > most else int(self.isf(share))
            # A row of the whole is far quicker than points; where it is no float, these are divided as logs.
            is_row = self.log_mass + math.log(share) > _LOG_ROW
            shares = self.whole._points(low, high) if is_row else self._points(low, high)
        return LatticeDistribution(shares / shares.sum(), low)

    def _tails_at(self, x: Points) -> tuple[Any, Any]:
        """Return log P(X <= x) and log P(X > x)."""
        x = np.minimum(x, self.last).astype(np.int64)
        if self._tails is not None:
            lower, upper = self._tails
            return lower[x - (self.first - 1)], upper[x - (self.first - 1)]
        below, above = self._log_between(self.first - 1, x), self._log_between(x, self.last)
        return below - self.log_mass, above - self.log_mass

    def _log_between(self, a: Any, b: Any) -> Any:
        """Return log P(a < X <= b) of the whole distribution, by its smaller tail."""
        upper, beyond = np.asarray(self.whole.logsf(a)), np.asarray(self.whole.logsf(b))
        lower, below = np.asarray(self.whole.logcdf(b)), np.asarray(self.whole.logcdf(a))
        return np.where(upper < lower, _log_difference(upper, beyond), _log_difference(lower, below))


def _difference_of(large: Bounds, small: Bounds) -> tuple[Fraction, Fraction]:
    return Fraction(large[0]) - Fraction(small[1]), Fraction(large[1]) - Fraction(small[0])


def _log_difference(large: Any, small: Any) -> Any:
    """Return log(e^large - e^small)."""
    with np.errstate(invalid="ignore"):
        share = -np.expm1(np.minimum(small - large, 0.0))
        return np.where(np.isneginf(large), -np.inf, large + log_of(share))
