"""Rows kept for the points and tails to come, where one row costs no more than some points.

By tilted windows that is so for wide kernels and few factors, whose integrand has no single peak: a point
takes a transform as long as the row, and so does each step towards a quantile. By direct convolution it is so
for many points of kernels near a lattice, whose integrand has peaks all over the circle.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._caches import kept
from ..polynomials.product import Product
from . import direct, windows
from .convolved import convolved_shares
from .prices import POINT, direct_operations, has_one_peak, takes_windows
from .saddle.law import law_of
from .saddle.lobe import lobe_of
from .scaled import Floats
from .table import Table

Kind = Literal["share", "lower", "upper"]

_WORTH = 64  # points
_LONGEST = 2**22
_LOG_SEEN = -650.0  # the row ends at 1e-300, and with it what its tails know
_BYTES = 64  # an entry, with the sums that it may be asked for


def known(polynomial: Product, t: Any, kind: Kind) -> Floats | None:
    """Return logs of shares or tails at indices from the first coefficient on, nan where they are not known.

    None where there is no row, and none is worth its cost.
    """
    count = np.size(t)
    row = _worthwhile(polynomial, count) if count >= _WORTH else _row_of.peek(polynomial)
    if row is None:
        return None
    values = row.logs(True) if kind == "share" else row.log_lower if kind == "lower" else row.log_upper
    inside = (t >= 0) & (t < len(values))
    found = values[np.where(inside, t, 0)]
    return np.where(inside & (found > _LOG_SEEN), found, np.nan)


def keep(polynomial: Product) -> None:
    """Compute the row for what will be asked, where it is worth that."""
    _worthwhile(polynomial)


def _worthwhile(polynomial: Product, points: int = 0) -> Table | None:
    if polynomial.shape[0] > _LONGEST:
        return None
    if _has_cheap_convolution(polynomial, points):
        return _row_of(polynomial)
    if not takes_windows(polynomial):
        return None
    return None if lobe_of(law_of(polynomial)) else _row_of(polynomial)


def _has_cheap_convolution(polynomial: Product, points: int) -> bool:
    """Return whether direct convolution costs less than integrals over the circle for so many points."""
    if direct_operations(polynomial) > POINT * points or has_one_peak(polynomial):
        return False
    return direct.error_bound(polynomial.shape[0], [f.n for f in polynomial.factors]) < windows.TRUST


@kept(size=lambda row: _BYTES * len(row.mantissas) if row else 0)
def _row_of(polynomial: Product) -> Table | None:
    if not takes_windows(polynomial):
        row = _convolved(polynomial)
    else:
        try:
            row = windows.row(windows.factors_of(polynomial) or ())
        except windows.Hidden:
            return None
    mantissas, exponents = np.frexp(row)
    return Table(mantissas, exponents.astype(np.int64), (1.0, 0))


def _convolved(polynomial: Product) -> Floats:
    """Return the shares of all coefficients from the first to the last that is not zero."""
    taps = [(f.n * f.step[0], np.flatnonzero(f.kernel.scaled_floats[0])) for f in polynomial.factors]
    low, high = (sum(step * int(index[end]) for step, index in taps) for end in (0, -1))
    first, shares = convolved_shares(polynomial)
    row = np.zeros(high - low + 1)
    row[first - low : first - low + len(shares)] = shares
    return row
