"""Rows kept for the points and tails to come, where one row by tilted windows costs no more than some points.

That is so for wide kernels and few factors, whose integrand has no single peak: a point takes a transform as
long as the row, and so does each step towards a quantile.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._caches import kept
from ..polynomials.product import Product
from . import windows
from .prices import takes_windows
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
    row = _worthwhile(polynomial) if np.size(t) >= _WORTH else _row_of.peek(polynomial)
    if row is None:
        return None
    values = row.logs(True) if kind == "share" else row.log_lower if kind == "lower" else row.log_upper
    inside = (t >= 0) & (t < len(values))
    found = values[np.where(inside, t, 0)]
    return np.where(inside & (found > _LOG_SEEN), found, np.nan)


def keep(polynomial: Product) -> None:
    """Compute the row for what will be asked, where it is worth that."""
    _worthwhile(polynomial)


def _worthwhile(polynomial: Product) -> Table | None:
    if polynomial.shape[0] > _LONGEST or not takes_windows(polynomial):
        return None
    return None if lobe_of(law_of(polynomial)) else _row_of(polynomial)


@kept(size=lambda row: _BYTES * len(row.mantissas) if row else 0)
def _row_of(polynomial: Product) -> Table | None:
    try:
        row = windows.row(windows.factors_of(polynomial) or ())
    except windows.Hidden:
        return None
    mantissas, exponents = np.frexp(row)
    return Table(mantissas, exponents.astype(np.int64), (1.0, 0))
