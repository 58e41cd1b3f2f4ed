"""Superlevel sets of products of values on independent axes, counted by sorted look-ups."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._memory import check_memory
from ..core.scaled import Floats
from ..core.sums import running_sums
from .profiles import Profile
from .shares import TIE, Level


@dataclass(frozen=True, eq=False)
class Superlevels:
    """The products of one entry from each of two lists, one of them sorted, by size.

    How many exceed a level is a look-up in the sorted list for every entry of the other: w log w for the
    w x w pixels of two axes. Three axes put the w^2 products of two into the sorted list.
    """

    ranked: Floats
    sums: Floats
    rests: Floats
    others: Floats

    @classmethod
    def of(cls, profiles: Sequence[Profile], floor: float) -> Superlevels:
        """Rank the products, leaving out entries too small to be part of one above the floor."""
        peaks = [float(profile.values.max()) for profile in profiles]
        largest = math.prod(peaks)
        # Of a single grid the ratio is 1, and the level is compared as it is.
        parts = [p.values[p.values > floor * (m / largest)] for p, m in zip(profiles, peaks, strict=True)]
        if not all(map(len, parts)):
            return cls(np.zeros(0), np.zeros(1), np.zeros(1), np.ones(1))
        check_memory(
            24 * math.prod(len(part) for part in parts[:-1]), "the list of pixel values", "use fewer axes"
        )
        # A single grid is ranked, so that a look-up takes the logarithm of its size.
        *others, last = parts if len(parts) > 1 else [*parts, np.ones(1)]
        products = functools.reduce(np.multiply.outer, others).ravel()
        ranked = np.sort(products)[::-1]
        sums, rests = running_sums(ranked), running_sums(ranked[::-1])[::-1]
        return cls(ranked, np.concatenate(([0.0], sums)), np.concatenate((rests, [0.0])), last)

    def above(self, level: float) -> tuple[int, float]:
        """Return how many products exceed the level, and their sum."""
        counts = self._counts(level)
        return int(counts.sum()), float(self.sums[counts] @ self.others)

    def _counts(self, level: float) -> Any:
        """Return how many products with each entry of the other list exceed the level."""
        with np.errstate(over="ignore"):  # an entry near 1e-308 reaches no level
            return np.searchsorted(-self.ranked, -level / self.others)

    def level_of_mass(self, left: Level) -> float:
        """Return the largest level, to a relative 1e-12, above which the share to be held lies."""
        parts, total = (self.sums, self.rests), float(self.sums[-1] * self.others.sum())

        def is_met(level: float) -> bool:
            counts = self._counts(level)
            return bool(left.is_met(*(part[counts] @ self.others / total for part in parts)))

        low, high = -745.0, math.log(float(self.ranked[0] * self.others.max()))
        while high - low > TIE / 4:
            middle = (low + high) / 2
            low, high = (middle, high) if is_met(math.exp(middle)) else (low, middle)
        return math.exp(low) * (1 - TIE)


def count_above(profiles: Sequence[Profile], level: float) -> int:
    """Return how many products exceed a level; of a single grid these need no order."""
    if len(profiles) == 1:
        return int(np.count_nonzero(profiles[0].values > level))
    return Superlevels.of(profiles, level).above(level)[0]


def negligible(profiles: Sequence[Profile], level: float) -> float:
    """Return a value below which all pixels hold less than a hundredth of a tie, and of the level."""
    shares = [float(profile.values.sum()) / profile.values.size for profile in profiles]
    return min(TIE, level) / 100 * math.prod(shares)
