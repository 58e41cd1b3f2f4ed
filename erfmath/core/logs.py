"""Logarithms of coefficients and tails: the table of a short row, contour integrals for a long one."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from .._caches import kept
from .._memory import check_memory
from ..polynomials.product import Product
from ..polynomials.weights import of_each
from . import kept_rows, windows
from .convolved import convolved_shares
from .kronecker import dilate, pack
from .prices import direct_operations, takes_convolution, takes_windows
from .saddle import points, rows, tails
from .saddle.law import law_of
from .saddle.levels import LogProfile, log_profile
from .saddle.lobe import lobe_of
from .saddle.points import NoBellShape
from .scaled import Floats, split_product
from .table import Table, table
from .tilted import enclosures
from .tilted.factors import moments
from .tilted.readings import floats, reader_of

# A short row is tabulated whole, in some ten milliseconds, and so is a longer one of few factors, which may
# be far from a bell, in up to seconds; others only where nothing else can be done.
_SHORT = 2**13
_FEW = 64
_LONGEST = 2**18
_LONGEST_TABLE = 2**23  # half a gigabyte
_MOST_OPERATIONS = 10**9
# A table multiplies factor by factor, and a contour integral asks each of them at every node: a
# millisecond or more for each, and as much for a thousand taps.
_MANY = 256
_MANY_WIDE = 8
_TABLE_BYTES = 64  # an entry, with the sums that it may be asked for


@functools.lru_cache(maxsize=256)
def ends(polynomial: Product) -> tuple[int, int]:
    """Return the indices of the first and the last coefficient that is not zero, in the packed row."""
    if polynomial.ndim == 1:
        return _ends_on_one_axis(polynomial)
    strides = [math.prod(polynomial.shape[axis + 1 :]) for axis in range(polynomial.ndim)]
    low = high = 0
    for kernel, n, step in polynomial.factors:
        index = [
            sum(s * a * (p - o) for s, a, p, o in zip(strides, step, position, kernel.offsets, strict=True))
            for position, _ in kernel.taps()
        ]
        low, high = low + n * min(index), high + n * max(index)
    return low, high


def _ends_on_one_axis(polynomial: Product) -> tuple[int, int]:
    low = high = 0
    for kernel, n, (step,) in polynomial.factors:
        last = len(kernel.weights) - 1
        first, last = (_first_tap(kernel.weights, j) for j in (0, last))
        low, high = low + n * step * first, high + n * step * last
    return low, high


def step_of(polynomial: Product) -> int:
    """Return the greatest common divisor of the distances between the taps, 1 where there is one tap."""
    found = 0
    for kernel, n, (step,) in polynomial.factors:
        weights = kernel.weights
        inside = [j for j, w in enumerate(weights) if w] if kernel.has_zeros else range(min(len(weights), 2))
        if n and len(inside) > 1:
            found = math.gcd(found, *(step * (j - inside[0]) for j in inside[1:]))
    return found or 1


def _first_tap(weights: Sequence[Any], j: int) -> int:
    """Return the first tap that is not zero when one goes inwards from the end j."""
    inwards = 1 if j == 0 else -1
    while not weights[j]:
        j += inwards
    return j


def is_short(polynomial: Product) -> bool:
    """Return whether the row is tabulated whole."""
    length = math.prod(polynomial.shape)
    if has_many_factors(polynomial):
        return False
    return length <= _SHORT or (length <= _LONGEST and polynomial.n <= _FEW)


def has_many_factors(polynomial: Product) -> bool:
    """Return whether there are many different factors, which windows of tilted rows take in their stride."""
    if polynomial.ndim > 1 or not polynomial.is_nonnegative:
        return False
    count = len(polynomial.factors)
    return count > _MANY or (
        count > _MANY_WIDE and sum(f.kernel.shape[0] for f in polynomial.factors) > _SHORT
    )


@kept(size=lambda found: _TABLE_BYTES * len(found.mantissas))
def table_of(polynomial: Product) -> Table:
    """Return the table of the packed coefficients, from the first to the last that is not zero."""
    factors = []
    for kernel, n, step in polynomial.factors:
        weights = pack(dilate(np.array(kernel.weights, dtype=object), step), polynomial.shape).tolist()
        inside = np.flatnonzero(weights) if kernel.has_zeros or polynomial.ndim > 1 else (0, len(weights) - 1)
        if n:
            factors.append((of_each(Fraction, weights[inside[0] : inside[-1] + 1]), n))
    return table(factors or [([Fraction(1)], 1)])


def log_coefficients_at(polynomial: Product, index: Any, normalised: bool) -> Floats:
    """Return the logs of coefficients on one axis, -inf at zeros; index 0 is the first coefficient."""
    t = np.asarray(index, dtype=np.int64) - ends(polynomial)[0]
    if not has_many_factors(polynomial):
        return _log_coefficients_at(polynomial, t, normalised)
    logs, known = enclosures.log_shares(polynomial, t)
    logs = logs if normalised else np.asarray(logs + _log_total(polynomial))
    if not known.all():
        logs[~known] = _log_coefficients_at(polynomial, t[~known], normalised)
    return logs


def _log_coefficients_at(polynomial: Product, t: Any, normalised: bool) -> Floats:
    if polynomial.ndim == 1 and not is_short(polynomial):
        known = kept_rows.known(polynomial, t, "share")
        try:
            if known is None:
                return points.log_coefficients(law_of(polynomial), t, normalised)
            rest = np.isnan(known)
            known[rest] = points.log_coefficients(law_of(polynomial), t[rest], normalised=True)
            return known if normalised else known + _log_total(polynomial)
        except NoBellShape as problem:
            require_table(polynomial, problem)
    return _look_up(table_of(polynomial).logs(normalised), t, -np.inf, -np.inf)


def log_tail_at(polynomial: Product, index: Any, side: Literal["lower", "upper"]) -> Floats:
    """Return log P(S <= index) for side="lower", log P(S >= index) for side="upper"."""
    t = np.asarray(index, dtype=np.int64) - ends(polynomial)[0]
    if not has_many_factors(polynomial):
        return _log_tail_at(polynomial, t, side)
    logs, known = enclosures.log_tails(polynomial, t, side)
    if not known.all():
        logs[~known] = _log_tail_at(polynomial, t[~known], side)
    return logs


def _log_tail_at(polynomial: Product, t: Any, side: Literal["lower", "upper"]) -> Floats:
    if not is_short(polynomial):
        known = kept_rows.known(polynomial, t, side)
        try:
            if known is None:
                return tails.log_tail(law_of(polynomial), t, side)
            rest = np.isnan(known)
            known[rest] = tails.log_tail(law_of(polynomial), t[rest], side)
            return known
        except NoBellShape as problem:
            require_table(polynomial, problem)
    if side == "lower":
        return _look_up(table_of(polynomial).log_lower, t, -np.inf, 0.0)
    return _look_up(table_of(polynomial).log_upper, t, 0.0, -np.inf)


def log_row(polynomial: Product, normalised: bool) -> Floats:
    """Return the logs of all coefficients on one axis."""
    low, high = ends(polynomial)
    logs = np.full(polynomial.shape[0], -np.inf)
    logs[low : high + 1] = _inner_log_row(polynomial, normalised)
    return logs


def prepare_quantiles(polynomial: Product) -> None:
    """Keep what many tails of one distribution will need."""
    if not (is_short(polynomial) or has_many_factors(polynomial)):
        kept_rows.keep(polynomial)


def log_profile_of(polynomial: Product, first: int, last: int) -> LogProfile | None:
    """Return the log profile of coefficients first .. last, from the first that is not zero on.

    None for short rows, and where many coefficients would have to be looked at.
    """
    if is_short(polynomial) or has_many_factors(polynomial):
        return None
    law = law_of(polynomial)
    try:
        return log_profile(law, -(-first // law.span), last // law.span)
    except NoBellShape:  # between lumps of the distribution, say, whose row shows all
        return None


def has_cheap_quantiles(polynomial: Product) -> bool:
    """Return whether thousands of tails take little more time than one, since they need no pass over taps."""
    return not (is_short(polynomial) or has_many_factors(polynomial)) and bool(lobe_of(law_of(polynomial)))


def normalised_window(
    polynomial: Product, first: int | None = None, last: int | None = None
) -> tuple[int, Floats]:
    """Return (index, shares of the sum) of coefficients first .. last, by default all that are floats."""
    low, high = ends(polynomial)
    if has_many_factors(polynomial) and (found := _many_floats(polynomial, first, last)):
        return found
    size = high - low + 1
    if takes_convolution(polynomial):
        check_memory(windows.BYTES * size, f"the row of {size:.3g} probabilities", "use pmf()")
        return _trimmed(*convolved_shares(polynomial), first, last)
    if takes_windows(polynomial):
        check_memory(
            windows.BYTES * size, f"the row of {size:.3g} probabilities", "use pmf(), logpmf() or cdf()"
        )
        try:
            return _trimmed(low, windows.row(windows.factors_of(polynomial) or ()), first, last)
        except windows.Hidden:
            pass  # the contour integrals may see it
    try:
        law = law_of(polynomial)
        begin, end = rows.window(law) if first is None or last is None else (first - low, last - low)
        what = f"the window of {end - begin + 1:.3g} probabilities"
        check_memory(24 * (end - begin + 1), what, "use pmf(), logpmf() or cdf()")
        return low + begin, rows.row(law, begin, end)
    except NoBellShape as problem:
        require_table(polynomial, problem)
    begin, end = (low, high) if first is None or last is None else (first, last)
    return begin, table_of(polynomial).probabilities()[begin - low : end - low + 1]


def _many_floats(polynomial: Product, first: int | None, last: int | None) -> tuple[int, Floats] | None:
    """Return (index, shares) of a window of many factors, by default of all floats; None for holes."""
    reader, low = reader_of(polynomial), ends(polynomial)[0]
    span = reader.factors.span
    ends_inside = (0, reader.factors.degree)
    if first is not None and last is not None:
        ends_inside = max(0, -(-(first - low) // span)), min(reader.factors.degree, (last - low) // span)
    found = floats(reader, *ends_inside)
    if found is None:
        return None
    start, shares = found
    row = np.zeros(span * (len(shares) - 1) + 1)
    row[::span] = shares
    begin = low + span * start
    if first is None or last is None:
        return begin, row
    window = np.zeros(last - first + 1)
    window[begin - first : begin - first + len(row)] = row
    return first, window


def error_of_many(polynomial: Product) -> float:
    """Return the relative error up to which shares and tails of many factors are taken."""
    return reader_of(polynomial).known


def quantiles_of_many(polynomial: Product, uniform: Any) -> Any:
    """Return the indices at which many factors reach given shares, to 1e-16: what random variates need."""
    reader = reader_of(polynomial)
    seen = reader.centre
    sums = np.maximum.accumulate(np.cumsum(seen.values))
    found = np.searchsorted(sums, uniform * sums[-1], side="right")
    return reader.factors.span * (seen.start + np.minimum(found, len(sums) - 1))


def bulk_of_many(polynomial: Product) -> Floats:
    """Return the probabilities of many factors but for a share of 1e-20, each to 1e-16 of the largest."""
    return np.maximum(reader_of(polynomial).centre.values, 0.0)


def moments_of_many(polynomial: Product) -> tuple[float, float]:
    """Return (mean from the first coefficient on, standard deviation) in plain floats."""
    factors = reader_of(polynomial).factors
    found = moments(factors, 0.0)
    return factors.span * found.mean, factors.span * math.sqrt(found.variance)


def _log_total(polynomial: Product) -> float:
    mantissa, exponent = split_product((Fraction(f.kernel.total), f.n) for f in polynomial.factors)
    return math.log(mantissa) + exponent * math.log(2)


def _trimmed(start: int, shares: Floats, first: int | None, last: int | None) -> tuple[int, Floats]:
    """Return (index, shares) of coefficients first .. last, by default without the zeros at the ends."""
    if first is None or last is None:
        inside = np.flatnonzero(shares)
        return start + int(inside[0]), shares[inside[0] : inside[-1] + 1]
    row = np.zeros(last - first + 1)
    begin, end = max(first, start), min(last + 1, start + len(shares))
    row[begin - first : max(begin, end) - first] = shares[begin - start : max(begin, end) - start]
    return first, row


def _inner_log_row(polynomial: Product, normalised: bool) -> Floats:
    if has_many_factors(polynomial):
        low, high = ends(polynomial)
        return log_coefficients_at(polynomial, np.arange(low, high + 1), normalised)
    if not is_short(polynomial):
        try:
            return rows.log_row(law_of(polynomial), normalised)
        except NoBellShape as problem:
            require_table(polynomial, problem)
    return table_of(polynomial).logs(normalised)


def require_table(polynomial: Product, problem: object) -> None:
    """Raise where a row without a bell shape is too long to tabulate."""
    size = math.prod(polynomial.shape)
    if size > _LONGEST_TABLE or direct_operations(polynomial) > _MOST_OPERATIONS:
        raise ValueError(
            f"{problem}; and the row of {size:.3g} coefficients is too long to tabulate instead. "
            "Take fewer factors, or coefficients(..., method='exact') if the weights allow it"
        ) from None


def _look_up(values: Floats, t: Any, below: float, above: float) -> Floats:
    inside = (t >= 0) & (t < len(values))
    found = values[np.where(inside, t, 0)]
    return np.where(inside, found, np.where(t < 0, below, above))
