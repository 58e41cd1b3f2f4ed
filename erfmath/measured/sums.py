r"""Sums of arrays without round-off, so that parts of a measurement add to what one run would have found.

A sum is kept as several arrays of floats that add to it exactly (Shewchuk's expansions): adding x to the
part s gives fl(s + x) and what that lost, which is a float again. Only the end is rounded, and to the nearest
float: it does not depend on the order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.scaled import Floats

# Parts from which on zeros among them are cleared away.
_MANY = 8


@dataclass(frozen=True, eq=False)
class ExactSum:
    """An exact sum of arrays of one shape.

    Attributes
    ----------
    parts
        What adds to it: (parts, *shape).

    References
    ----------
    J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates,
    Discrete & Computational Geometry 18 (1997), theorem 10.

    Examples
    --------
    >>> total = ExactSum.of(np.array([1e16])).plus(np.array([1.0])).plus(np.array([-1e16]))
    >>> total.rounded().tolist()
    [1.0]
    """

    parts: Floats

    @classmethod
    def of(cls, grid: Floats) -> ExactSum:
        """Return the sum of one array."""
        return cls(np.asarray(grid, dtype=float)[None])

    def plus(self, grid: Floats) -> ExactSum:
        """Return the sum with one more array."""
        rests = []
        for part in self.parts:
            total = part + grid
            moved = total - part
            rest = (part - (total - moved)) + (grid - moved)
            if rest.any():
                rests.append(rest)
            grid = total
        parts = np.stack([*rests, grid])
        return ExactSum(_gathered(parts) if len(parts) > _MANY else parts)

    def merged(self, other: ExactSum) -> ExactSum:
        """Return the sum of two."""
        found = self
        for part in other.parts:
            found = found.plus(part)
        return found

    def within(self, box: tuple[slice, ...]) -> ExactSum:
        """Return the sum inside a box."""
        return ExactSum(self.parts[(slice(None), *box)])

    def rounded(self) -> Floats:
        """Return the nearest floats."""
        if len(self.parts) == 1:
            return np.asarray(self.parts[0])
        columns = self.parts.reshape(len(self.parts), -1).T
        return np.array([math.fsum(column) for column in columns]).reshape(self.parts.shape[1:])


def _gathered(parts: Floats) -> Floats:
    """Return the parts of each element from the smallest to the largest, arrays of zeros left out."""
    ordered = np.take_along_axis(parts, np.abs(parts).argsort(axis=0, kind="stable"), axis=0)
    unused = next((i for i, part in enumerate(ordered) if part.any()), len(ordered) - 1)
    return np.asarray(ordered[unused:])
