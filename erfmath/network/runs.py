"""Finite sets of integers as runs: the support of an impact on one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ..polynomials.kernel import Kernel

Run = tuple[int, int]

# A set of so many runs takes a second and some 100 MB to write out.
_MOST_RUNS = 10**6


@dataclass(frozen=True)
class Runs:
    """A set of integers as disjoint runs (first, last), ascending, with a gap between any two.

    >>> Runs.of([(0, 1), (2, 4), (7, 7)])
    Runs(runs=((0, 4), (7, 7)))
    """

    runs: tuple[Run, ...]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> Runs:
        """Return the union of any runs."""
        merged: list[Run] = []
        for first, last in sorted(runs):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(merged[-1][1], last)
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def of_taps(cls, kernel: Kernel, axis: int) -> Runs:
        """Return where a kernel has taps that are not zero, seen along one axis."""
        if kernel.ndim == 1 and not kernel.has_zeros:  # by far the most frequent
            return cls(((kernel.offsets[0], kernel.offsets[0] + kernel.shape[0] - 1),))
        return cls.of((p[axis], p[axis]) for p, _ in kernel.taps())

    @property
    def first(self) -> int:
        """The smallest element."""
        return self.runs[0][0]

    @property
    def last(self) -> int:
        """The largest element."""
        return self.runs[-1][1]

    @property
    def extent(self) -> int:
        """How many integers lie between the ends, both inside."""
        return self.last - self.first + 1

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.runs:
            yield from range(first, last + 1)

    def __or__(self, other: Runs) -> Runs:
        return Runs.of(self.runs + other.runs)

    @cached_property
    def gaps(self) -> tuple[Run, ...]:
        """The runs of integers between the ends that are not inside."""
        pairs = zip(self.runs, self.runs[1:], strict=False)
        return tuple((a[1] + 1, b[0] - 1) for a, b in pairs)

    @cached_property
    def span(self) -> int:
        """The gcd of all differences, 0 for a single element."""
        if any(last > first for first, last in self.runs):
            return 1
        return math.gcd(*(first - self.first for first, _ in self.runs))

    def shifted(self, by: int) -> Runs:
        """Return the set moved."""
        return Runs(tuple((first + by, last + by) for first, last in self.runs)) if by else self

    def stretched(self, step: int) -> Runs:
        """Return all elements times a step."""
        if step == 1:
            return self
        require_few(len(self))
        return Runs(tuple((step * x, step * x) for x in self))

    def decimated(self, factor: int) -> Runs | None:
        """Return the multiples of a factor, divided by it; None when there are none."""
        kept = [(-(-first // factor), last // factor) for first, last in self.runs]
        kept = [(first, last) for first, last in kept if first <= last]
        return Runs.of(kept) if kept else None

    def plus(self, other: Runs, step: int = 1) -> Runs:
        """Return all sums x + step y, the Minkowski sum.

        A run of `step` elements or more stays one run while y goes through a run.
        """
        require_few(sum(1 if b - a + 1 >= step else d - c + 1 for c, d in other.runs for a, b in self.runs))
        sums: list[Run] = []
        for c, d in other.runs:
            for a, b in self.runs:
                if b - a + 1 >= step:
                    sums.append((a + step * c, b + step * d))
                else:
                    sums += [(a + step * y, b + step * y) for y in range(c, d + 1)]
        return Runs.of(sums)

    def times(self, n: int) -> Runs:
        """Return all sums of n elements, by doubling, in units of the span.

        The middle of such a sum fills up, so that the runs stay few however large n is (Granville & Walker,
        A tight structure theorem for sumsets, Proc. AMS 149, 2021).
        """
        span = self.span or 1
        base = Runs.of((((a - self.first) // span, (b - self.first) // span) for a, b in self.runs))
        total = Runs(((0, 0),))
        for bit in f"{n:b}":
            total = total.plus(total)
            if bit == "1":
                total = total.plus(base)
        return total.stretched(span).shifted(n * self.first)


def require_few(count: int) -> None:
    """Raise where a set would need too many runs."""
    if count > _MOST_RUNS:
        raise ValueError(
            f"the field has {count:.3g} separate runs of pixels, at most {_MOST_RUNS:.0e} can be listed; its "
            "size and region need no list"
        )
