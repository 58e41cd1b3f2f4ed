r"""What a unit sees as a product of powers, not yet multiplied out: of polynomials, or of sets of integers.

Without upsampling the response of a series is :math:`\prod_l P_l(z^{a_l})`, with :math:`a_l` the dilation
times the strides before layer l, and branches add. Upsampling by u keeps the multiples of u, which no product
survives: only what does not commute with it is multiplied out. The same holds of the supports, with sums of
sets for products and unions for sums.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from .arguments import Ints
from .program import Block, Program, pull_back
from .rates import Gain
from .stage import Stage

E = TypeVar("E")


class Powered(NamedTuple, Generic[E]):
    """The n-th power of an element whose places are stretched by a step, an int per axis."""

    base: E
    n: int
    step: Ints


class Semiring(Protocol[E]):
    """Elements on some of the axes, such as polynomials: what is multiplied and added."""

    @property
    def is_idempotent(self) -> bool:
        """Whether a + a = a, whatever the weights of the sum."""

    def on(self, values: Ints) -> Ints:
        """Return the numbers of its axes, of one per axis of the network."""

    def taps(self, stage: Stage) -> E:
        """Return the taps of a stage."""

    def place(self, element: E) -> Ints | None:
        """Return the place of an element that only moves others there, None for all others."""

    def written(self, factors: Sequence[Powered[E]], shift: Ints) -> E:
        """Return a product multiplied out and moved."""

    def total(self, parts: Sequence[tuple[Gain, E]], budget: float) -> tuple[E, float] | None:
        """Return the weighted sum and what it leaves of a budget; None where nothing is left of the sum."""

    def decimated(self, element: E, factors: Ints) -> E | None:
        """Return the part at the multiples of the factors, divided by them; None where nothing is there."""


@dataclass(frozen=True)
class Factored(Generic[E]):
    """A response as the product of the factors, moved by the shift."""

    ring: Semiring[E]
    factors: tuple[Powered[E], ...]
    shift: Ints
    budget: float = math.inf  # weights that may still be written out

    def through(self, stage: Stage) -> Factored[E] | None:
        """Return the response before a stage."""
        on, factors, taps = self.ring.on, self.factors, self.ring.taps(stage)
        stride, step, start = on(stage.stride), on(stage.dilation), on(stage.shift)
        if max(stride) > 1:
            factors = tuple(f._replace(step=_times(f.step, stride)) for f in factors)
        place = self.ring.place(taps)
        if place is None:
            factors = (*factors, Powered(taps, 1, step))
        elif any(place):
            start = _moved(start, step, place)
        seen = Factored(self.ring, factors, _moved(start, stride, self.shift), self.budget)
        up = on(stage.upsampling)
        return seen if max(up) == 1 else seen._decimated(up)

    def through_block(self, block: Block) -> Factored[E] | None:
        """Return the response before n copies of a network of rate 1, None where weights cancel."""
        inner = pulled_back(block.program, Factored(self.ring, (), (0,) * len(self.shift)))
        return None if inner is None else self.through_copies(inner, block.n)

    def through_copies(self, inner: Factored[E], n: int) -> Factored[E]:
        """Return the response before n copies of a network of rate 1, whose own response is given."""
        factors = tuple(f._replace(n=f.n * n) for f in inner.factors)
        shift = _moved(self.shift, (n,) * len(self.shift), inner.shift)
        return Factored(self.ring, self.factors + factors, shift, self.budget)

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, Factored[E]]]) -> Factored[E] | None:
        """Return the weighted sum, None where it cancels; factors that all parts share stay factors."""
        first = parts[0][1]
        if first.ring.is_idempotent and all(part == first for _, part in parts[1:]):
            return first
        common = _common_start([part.factors for _, part in parts])
        rest = [(gain, first.ring.written(part.factors[common:], part.shift)) for gain, part in parts]
        found = first.ring.total(rest, min(part.budget for _, part in parts))
        return found and first._with(first.factors[:common], *found)

    @cached_property
    def written(self) -> E:
        """The response multiplied out."""
        return self.ring.written(self.factors, self.shift)

    def _decimated(self, up: Ints) -> Factored[E] | None:
        """Return what stands at the multiples of the upsampling factors, None when nothing does."""
        free = [all(a % u == 0 for a, u in zip(f.step, up, strict=True)) for f in self.factors]
        bound = [f for f, is_free in zip(self.factors, free, strict=True) if not is_free]
        kept = tuple(
            f._replace(step=tuple(a // u for a, u in zip(f.step, up, strict=True)))
            for f, is_free in zip(self.factors, free, strict=True)
            if is_free
        )
        found = self.ring.decimated(self.ring.written(bound, self.shift), up)
        return None if found is None else self._with(kept, found, self.budget)

    def _with(self, factors: tuple[Powered[E], ...], element: E, budget: float) -> Factored[E]:
        """Return the product of factors and an element, which becomes the shift where it only moves."""
        ones = (1,) * len(self.shift)
        place = self.ring.place(element)
        if place is None:
            factors, place = (*factors, Powered(element, 1, ones)), (0,) * len(ones)
        return Factored(self.ring, factors, place, budget)


@functools.lru_cache(maxsize=1024)
def pulled_back(program: Program, unit: Factored[E]) -> Factored[E] | None:
    """Return what a unit sees of the input of a program, None when nothing."""
    return pull_back(program, unit)


def _common_start(lists: Sequence[tuple[Any, ...]]) -> int:
    """Return how many first entries all the lists share.

    Most often all but the last few, and slices are compared much faster than entries.
    """
    first = lists[0]
    high = min(map(len, lists))
    for count in range(high, max(-1, high - 4), -1):
        if all(entries[:count] == first[:count] for entries in lists[1:]):
            return count
    alike = (all(entries[i] == first[i] for entries in lists[1:]) for i in range(high))
    return next((i for i, same in enumerate(alike) if not same), high)


def _times(a: Ints, b: Ints) -> Ints:
    return tuple(x * y for x, y in zip(a, b, strict=True))


def _moved(start: Ints, step: Ints, index: Ints) -> Ints:
    return tuple(c + s * i for c, s, i in zip(start, step, index, strict=True))
