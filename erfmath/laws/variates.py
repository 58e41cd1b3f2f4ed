"""Random variates of a product of powers: sums of draws from its taps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product
from .manners import Points

# Few taps are counted, a binomial variate each; of many, the fewer of taps and draws are gone through.
_FEW = 64
_BLOCK = 2**20


def sums_of_draws(polynomial: Product, generator: np.random.Generator, size: tuple[int, ...]) -> Points:
    """Return variates counted from position 0 of every kernel."""
    count = math.prod(size)
    total = np.zeros(count, dtype=np.int64)
    for kernel, n, (step,) in polynomial.factors:
        places, shares = _taps(kernel)
        counted = len(places) <= _FEW or n >= len(places)
        block = max(1, _BLOCK // (len(places) if counted else n or 1))
        for start in range(0, count, block):
            some = total[start : start + block]
            if counted:
                some += step * (generator.multinomial(n, shares, len(some)) @ places)
            else:
                some += step * places[_draws(shares, generator, (len(some), n))].sum(axis=1)
    return total.reshape(size)


def operations(polynomial: Product) -> int:
    """Return how many draws or counts one variate takes."""
    return sum(min(f.n, f.kernel.shape[0]) for f in polynomial.factors)


def _taps(kernel: Kernel) -> tuple[Points, Floats]:
    """Return the positions of the taps and their shares."""
    values, _ = kernel.scaled_floats
    inside = np.flatnonzero(values)
    return inside + kernel.offsets[0], values[inside] / math.fsum(values)


def _draws(shares: Floats, generator: np.random.Generator, size: tuple[int, ...]) -> Any:
    """Return indices of taps, by inversion of their distribution function."""
    sums = np.cumsum(shares)
    return np.searchsorted(sums[:-1], generator.random(size) * sums[-1], side="right")
