"""What a point, a tail or a quantile of a distribution costs by each method, and which one is taken.

A short row is tabulated whole and then looked up; many different factors are read from windows of tilted
rows; anything else is a contour integral. Quantiles are some ten tails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..polynomials.product import Product
from . import direct
from .logs import error_of_many, has_many_factors, is_short
from .prices import deviation, direct_cost
from .table import sums_error
from .tilted.readings import KNOWN

READINGS = ("point", "tail", "quantile")

# Operations: of the nodes of an integral for each tap, of its exponent in twice the digits for each tap, and
# of a search for the tilt. Tails in a search for a quantile.
_NODES, _EXPONENT, _SEARCH = 700.0, 300.0, 500.0
_TAILS = 10
# From so many taps on a factor is transformed instead, on a grid of 64 points a deviation.
_WIDE, _GRID = 48, 64
_OF_LOGARITHMS = 4e-16 * 690.8  # of probabilities above 1e-300
_LARGEST = 1e-12 + _OF_LOGARITHMS


@dataclass(frozen=True)
class Cost:
    """Operations, bytes at the peak, and a bound of the relative error."""

    operations: float
    memory: int
    error: float


def method_of(polynomial: Product) -> tuple[str, str]:
    """Return the method of all readings but rows, and why."""
    if is_short(polynomial):
        return "table", "the row is short: it is kept whole, each entry with its digits"
    if has_many_factors(polynomial):
        return "tilted", "many different factors: windows of tilted rows serve all points near them"
    return "saddle", "a contour integral through the saddle point, whatever the number of factors"


def costs(polynomial: Product, reading: str) -> dict[str, Cost]:
    """Return the costs of a reading by each method that takes the product."""
    found = {"saddle": _saddle(polynomial, reading), "tilted": _tilted(polynomial, reading)}
    if is_short(polynomial):
        found = {"table": _table(polynomial), **found}
    return found


def _table(polynomial: Product) -> Cost:
    """Cost of the row at three tilts: whatever is read of it later takes a look."""
    operations, longest = direct_cost(polynomial)
    size, powers = math.prod(polynomial.shape), [f.n for f in polynomial.factors if f.n]
    error = direct.error_bound(size, powers) + sums_error(size) + 2.0**-53 * (sum(powers) + 8)
    return Cost(3 * operations + 8 * size, int(16 * size + 16 * longest), error)


def _tilted(polynomial: Product, reading: str) -> Cost:
    """Cost of a window: moments of all taps in the search, and a transform of it for each wide row."""
    taps = sum(f.kernel.shape[0] for f in polynomial.factors)
    length = 2 ** math.ceil(math.log2(min(polynomial.shape[0], 20 * deviation(polynomial)) + 8))
    rows = min(len(polynomial.factors), 2**21 // length + 1)
    operations = _SEARCH * taps + 5 * length * math.log2(length) * (rows + 1)
    error = error_of_many(polynomial) if has_many_factors(polynomial) else KNOWN
    return Cost(operations * _times(reading), 64 * (length + taps), error + _OF_LOGARITHMS)


def _saddle(polynomial: Product, reading: str) -> Cost:
    """Cost of an integral: nodes for each tap of a narrow factor, a transform of each wide one."""
    operations, memory = 0.0, 0.0
    for factor in polynomial.factors:
        taps = factor.kernel.shape[0]
        operations += (_SEARCH + _EXPONENT) * taps
        if taps < _WIDE:
            operations += _NODES * taps
        else:
            grid = _GRID * factor.step[0] * factor.kernel.deviations[0] + 2
            operations += 5 * grid * math.log2(grid + 2)
            memory += 32 * grid
        memory += 400 * taps
    return Cost(operations * _times(reading), int(memory), _LARGEST)


def _times(reading: str) -> int:
    return _TAILS if reading == "quantile" else 1
