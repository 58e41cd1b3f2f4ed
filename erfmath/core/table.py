r"""Short rows in full range: direct convolution, tilted by powers of two until every coefficient is seen.

:math:`P(2^s z)^n` has the coefficients :math:`2^{st} c_t`: an exact scaling that moves the peak. Direct
convolution keeps every coefficient within 1e-270 of the peak to a relative error, so a few tilts cover a
row whatever its range; each entry is kept as a mantissa and an exponent of its own.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..polynomials.weights import are_one, of_each, sum_of_one_kind
from . import direct
from .exact import integer_product
from .scaled import Floats, split, split_product
from .sums import roundings, running_sums

Ints = np.ndarray[Any, np.dtype[np.int64]]

SplitWeights = tuple[Floats, Ints]  # mantissas and exponents

# Entries this far below the peak of a tilted row are left to another tilt: taps below 2**-1022 of the
# largest are lost, and with them up to 2**-1022 n of the row's sum.
_SEEN_BITS = 900
_LARGEST_TILT = 2**16
_LN2 = math.log(2)
# Entries added up in one go; of more bits, the first sums of them would lose digits.
_RUN, _RUN_BITS = 4096, 900


@dataclass(frozen=True, eq=False)
class Table:
    """Non-negative numbers mantissas[t] * 2**exponents[t], mantissas in [1/2, 1) or 0; their exact sum."""

    mantissas: Floats
    exponents: Ints
    total: tuple[float, int]

    def logs(self, normalised: bool) -> Floats:
        """Return the natural logarithms, -inf at the zeros."""
        return _logs(self.mantissas, self.exponents, self.total if normalised else (1.0, 0))

    def probabilities(self) -> Floats:
        """Return the numbers divided by their sum."""
        mantissa, exponent = self.total
        shift = np.maximum(self.exponents - exponent, -2000).astype(np.int32)
        return np.asarray(np.ldexp(self.mantissas / mantissa, shift))

    @functools.cached_property
    def log_lower(self) -> Floats:
        """The logs of the shares up to and including each entry, each to its relative accuracy."""
        return _complemented(self._lower_sums, np.append(self._upper_sums[1:], -np.inf))

    @functools.cached_property
    def log_upper(self) -> Floats:
        """The logs of the shares from each entry on."""
        return _complemented(self._upper_sums, np.concatenate(([-np.inf], self._lower_sums[:-1])))

    @functools.cached_property
    def _lower_sums(self) -> Floats:
        return self._log_sums(1)

    @functools.cached_property
    def _upper_sums(self) -> Floats:
        return self._log_sums(-1)[::-1]

    def _log_sums(self, sign: int) -> Floats:
        """Return the logs of the shares up to each entry, taken upwards or downwards."""
        mantissas = self.mantissas[::sign]
        # Zeros have the exponent of the entry before them, not one that would hide all small ones.
        before = np.maximum.accumulate(np.where(mantissas > 0, np.arange(len(mantissas)), 0))
        exponents = self.exponents[::sign][before]
        sums, own = np.zeros(len(mantissas)), np.zeros(len(mantissas), dtype=np.int64)
        value, exponent, start = 0.0, 0, 0
        while start < len(sums):
            size = _RUN
            while np.ptp(exponents[start : start + size]) > _RUN_BITS:
                size //= 2
            some = slice(start, start + size)
            top = int(exponents[some].max())
            top = max(top, exponent) if value else top
            shift = np.maximum(exponents[some] - top, -2000).astype(np.int32)
            so_far = math.ldexp(value, max(exponent - top, -2000))
            sums[some], shifts = np.frexp(so_far + running_sums(np.ldexp(mantissas[some], shift)))
            own[some] = top + shifts.astype(np.int64)
            value, exponent, start = float(sums[some][-1]), int(own[some][-1]), start + size
        return np.minimum(_logs(sums, own, self.total), 0.0)


def sums_error(length: int) -> float:
    """Return a bound for the relative error that sums of so many entries add, of either side of a half."""
    return 2.0**-53 * (2 * roundings(min(length, _RUN)) + length / _RUN)


def table(exact_factors: Sequence[tuple[Sequence[Fraction], int]]) -> Table:
    """Return the whole row of a product of non-negative powers (weights, n) on one axis.

    No weight at either end is zero. The weights are rationals of any size; what no tilt by an integer
    power of two shows (weights hundreds of decades apart) comes from exact integers. Factors of one tap
    only scale the row: their n may be any.
    """
    total = split_product((Fraction(sum_of_one_kind(weights)), n) for weights, n in exact_factors)
    unit = split_product((weights[0], n) for weights, n in exact_factors if len(weights) == 1)
    exact_factors = [(weights, n) for weights, n in exact_factors if len(weights) > 1] or [([Fraction(1)], 1)]
    factors = [(_split_all(weights), n) for weights, n in exact_factors]
    length = 1 + sum(n * (len(weights) - 1) for weights, n in exact_factors)
    mantissas, exponents = np.zeros(length), np.zeros(length, dtype=np.int64)
    pending = reachable(exact_factors)
    tried: set[int] = set()
    while pending.any():
        goal = int(pending.argmax()) if tried else length // 2
        tilts = [s for s in (_tilt_towards(factors, goal) + d for d in (0, 1)) if s not in tried]
        if not tilts:
            break
        for tilt in tilts:
            tried.add(tilt)
            _see(factors, tilt, pending, mantissas, exponents)
    if pending.any():
        _see_exactly(exact_factors, pending, mantissas, exponents)
    mantissas, shift = np.frexp(mantissas * unit[0])
    return Table(mantissas, exponents + shift + unit[1], total)


def reachable(factors: Sequence[tuple[Sequence[Fraction], int]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which coefficients are not exactly zero, by sums of sets of taps held as bits."""
    bits, length = 1, 1
    if all(
        all(of_each(bool, weights)) for weights, _ in factors
    ):  # without a gap inside, every coefficient is reached
        return np.ones(1 + sum(n * (len(weights) - 1) for weights, n in factors), dtype=bool)
    for weights, n in factors:
        taps = [x for x, weight in enumerate(weights) if weight]
        for _ in range(n):
            bits = functools.reduce(operator.or_, [bits << x for x in taps])
        length += n * (len(weights) - 1)
    return np.array([digit == "1" for digit in f"{bits:0{length}b}"[::-1]])


def _tilt_towards(factors: Sequence[tuple[SplitWeights, int]], goal: int) -> int:
    """Return the largest integer s whose tilted law has its mean at or below the goal."""
    low, high = -1, 1  # most often it is near 0
    while low > -_LARGEST_TILT and _tilted_mean(factors, low) > goal:
        low *= 2
    while high < _LARGEST_TILT and _tilted_mean(factors, high) <= goal:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if _tilted_mean(factors, middle) <= goal:
            low = middle
        else:
            high = middle
    return low


def _tilted_mean(factors: Sequence[tuple[SplitWeights, int]], tilt: int) -> float:
    mean = 0.0
    for weights, n in factors:
        tilted = _tilted(weights, tilt)[0]
        mean += n * float(tilted @ np.arange(len(tilted))) / float(tilted.sum())
    return mean


def _tilted(weights: SplitWeights, tilt: int) -> tuple[Floats, int]:
    """Return (v, e) with w_x 2**(tilt x) = v_x 2**e, the largest v below 1; what underflows is lost."""
    mantissas, exponents = weights
    shifted = exponents + tilt * np.arange(len(mantissas))
    top = int(shifted[mantissas > 0].max())
    return np.ldexp(mantissas, np.maximum(shifted - top, -2000).astype(np.int32)), top


def _split_all(weights: Sequence[Fraction]) -> SplitWeights:
    if are_one(weights):
        mantissa, exponent = split(weights[0])
        return np.full(len(weights), mantissa), np.full(len(weights), exponent)
    known: dict[tuple[int, int], tuple[float, int]] = {}  # many taps are alike: each is split once
    for weight in weights:
        ratio = weight.as_integer_ratio()
        if ratio not in known:
            known[ratio] = split(weight) if weight else (0.0, 0)
    pairs = [known[weight.as_integer_ratio()] for weight in weights]
    return np.array([mantissa for mantissa, _ in pairs]), np.array([exponent for _, exponent in pairs])


def _see(
    factors: Sequence[tuple[SplitWeights, int]], tilt: int, pending: Any, mantissas: Floats, exponents: Ints
) -> None:
    """Fill in the pending entries that one tilted row shows."""
    tilted = [(*_tilted(weights, tilt), n) for weights, n in factors]
    row = direct.product([direct.power(weights, n) for weights, _, n in tilted])
    exponent = row.exponent + sum(n * top for _, top, n in tilted)
    values, shifts = np.frexp(row.values)
    seen = np.flatnonzero(row.values > float(row.values.max()) * 2.0**-_SEEN_BITS)
    index = row.start[0] + seen
    keep = pending[index]
    index, seen = index[keep], seen[keep]
    mantissas[index], exponents[index] = values[seen], shifts[seen] + exponent - tilt * index
    pending[index] = False


def _see_exactly(
    factors: Sequence[tuple[Sequence[Fraction], int]], pending: Any, mantissas: Floats, exponents: Ints
) -> None:
    """Fill in what is left from exact integers."""
    scales = [math.lcm(*(w.denominator for w in weights)) for weights, _ in factors]
    row = integer_product(
        [([int(w * scale) for w in weights], n) for scale, (weights, n) in zip(scales, factors, strict=True)]
    )
    unit = math.prod(scale**n for scale, (_, n) in zip(scales, factors, strict=True))
    for t in np.flatnonzero(pending):
        mantissas[t], exponents[t] = split(Fraction(row[t], unit))


def _complemented(logs: Floats, rest: Floats) -> Floats:
    """Return the logs of shares, those above 1/2 by way of what is left."""
    return np.where(logs < -_LN2, logs, np.log1p(-np.exp(np.minimum(rest, -_LN2 / 2))))


def _logs(mantissas: Floats, exponents: Ints, unit: tuple[float, int]) -> Floats:
    """Return log(mantissas * 2**exponents / unit), near 0 without cancellation."""
    mantissa, exponent = unit
    with np.errstate(divide="ignore"):
        logs = np.log(mantissas / mantissa)
    return np.where(mantissas > 0, logs + (exponents - exponent) * _LN2, -np.inf)
