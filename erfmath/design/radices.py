r"""The cheapest layers whose field is exactly as asked: mixed radices, searched depth by depth.

A layer of k taps a step of a apart takes a field of R to R + (k - 1) a. Without holes the step is at most R
(:func:`erfmath.has_no_holes`), so that n layers reach at most :math:`k_1 k_2 \cdots k_n`, as the digits of a
number in mixed radices do. The least price of n layers whose product suffices bounds what any design costs;
the search goes back from the field asked for and prices its steps by that bound (iterative deepening A*).
What it finds first is cheapest, and what it rules out stays ruled out.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field as entry
from typing import NamedTuple

# So many choices of a layer take about half a second: of one search, of all that share an effort, and of one
# when that is spent.
_MOST_CHOICES = 100_000
_MOST_TOGETHER = 300_000
_LEAST_CHOICES = 2_000

# More than any design costs.
_ANY = 1e300

# What the beginning of a search counts for.
_BEGUN = 10


class Step(NamedTuple):
    """One layer of a design: its taps, the input samples between them, its stride."""

    taps: int
    step: int
    stride: int = 1


class Found(NamedTuple):
    """The layers found, their price, and a bound that no design of the depth is below.

    Without layers nothing was found, and nothing between the bound and what it had to be below ruled out.
    """

    layers: tuple[Step, ...]
    price: int
    bound: int


class _State(NamedTuple):
    """So many layers are left to reach a field, and their output has one unit for so many inputs."""

    layers: int
    field: int
    rate: int


class _Rest(NamedTuple):
    """All choices that are not worth a look within the budget, and what they cost at least."""

    least: float


class _TooManyError(Exception):
    """The search has made as many choices as it may."""


@dataclass
class Effort:
    """The choices that several searches have made together."""

    made: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether they are as many as they may be."""
        return self.made > _MOST_TOGETHER


@dataclass
class Search:
    """The search for the cheapest layers of one field.

    Attributes
    ----------
    price
        What a layer of so many taps costs for one output unit; it grows with the taps.
    sizes
        The numbers of taps that a layer may have, ascending; None for all from 2 on.
    stride
        The stride of the whole, in as many layers as it has factors.
    units
        How many units of a layer that is finer by a factor stand for one unit of the output.
    holes
        Whether the design may skip positions.
    effort
        Shared with other searches, so that all of them end in time.
    """

    price: Callable[[int], int]
    sizes: Sequence[int] | None = None
    stride: int = 1
    units: Callable[[int], int] = lambda finer: 1
    holes: bool = False
    effort: Effort = entry(default_factory=Effort)
    _least: dict[tuple[int, int], float] = entry(default_factory=dict)
    _lower: dict[_State, float] = entry(default_factory=dict)
    _seen: int = 0

    def cheapest(self, layers: int, field: int, below: float = math.inf) -> Found | None:
        """Return the cheapest design of a depth, None where none has a price below the one given."""
        root = _State(layers, field, self.stride)
        self.effort.made += _BEGUN
        slack: float = 0
        self._seen = 0
        while (budget := self._bound(root) + slack) < below:
            try:
                found = self._solve(root, budget)
            except _TooManyError:  # settle for more than the bound, and say so
                if below < math.inf or slack == _ANY:
                    return Found((), 0, int(self._bound(root)))
                slack = _ANY if self.effort.is_spent else 2 * slack + 1 + int(budget) // 50
                self._seen = 0
                continue
            if found is not None:
                price = self.total(found)
                return Found(found, price, int(self._bound(root)) if slack else price)
        return None

    def least(self, layers: int, field: int) -> float:
        """Return the least price of so many layers whose taps multiply to the field at least."""
        if layers == 0:
            return 0 if field <= 1 else math.inf
        key = layers, field
        if key not in self._least:
            self._least[key] = self._cheapest_product(layers, field)
        return self._least[key]

    def _cheapest_product(self, layers: int, field: int) -> float:
        if self.holes:
            return layers * self.price(self._smallest)
        if layers == 1:
            taps = self._at_least(field)
            return math.inf if taps is None else self.price(taps)
        # Some layer has no more taps than the first that reach the field when all have as many.
        most = self._at_least(_root(field, layers))
        if most is None:
            return math.inf
        return min(self.price(k) + self.least(layers - 1, -(-field // k)) for k in self._taps(most))

    def _solve(self, state: _State, budget: float) -> tuple[Step, ...] | None:
        """Return layers within the budget, None where there are none: the bound of the state says so then."""
        if self._bound(state) > budget:
            return None
        if state.layers == 0:
            return ()
        lower = math.inf
        for choice in self._choices(state, budget):
            self._seen += 1
            self.effort.made += 1
            if self._seen > (_LEAST_CHOICES if self.effort.is_spent else _MOST_CHOICES):
                raise _TooManyError
            if isinstance(choice, _Rest):
                lower = min(lower, choice.least)
                continue
            layer, before, cost = choice
            if cost + self._bound(before) <= budget:
                found = self._solve(before, budget - cost)
                if found is not None:
                    return (*found, layer)
            lower = min(lower, cost + self._bound(before))
        self._lower[state] = lower
        return None

    def _choices(self, state: _State, budget: float) -> Iterator[tuple[Step, _State, int] | _Rest]:
        """Yield what the last layer may be, with the state before it and its price, and what else costs."""
        factor = self.units(self.stride // state.rate)
        for rate in _divisors(state.rate):
            easiest = _State(state.layers - 1, 1 + (state.layers - 1) * (self._smallest - 1), rate)
            for taps in self._last_taps(state):
                cost = factor * self.price(taps)
                if cost + self._simple(easiest) > budget:
                    yield _Rest(cost + self._simple(easiest))
                    break
                for step in self._steps(state, taps, rate):
                    before = _State(state.layers - 1, state.field - (taps - 1) * step, rate)
                    if cost + self._simple(before) > budget:  # smaller steps leave even more to do
                        yield _Rest(cost + self._simple(before))
                        break
                    yield Step(taps, step, state.rate // rate), before, cost

    def _last_taps(self, state: _State) -> Sequence[int]:
        """Return the numbers of taps that the last layer may have: a first layer without holes has all."""
        if state.layers > 1 or self.holes:
            return self._taps(state.field)
        return [state.field] if self._at_least(state.field) == state.field else []

    def _steps(self, state: _State, taps: int, multiple: int) -> range:
        """Return the steps of a last layer, from the largest on: a smaller one leaves a larger field."""
        least = 1 + (state.layers - 1) * (self._smallest - 1)  # what the layers before have at least
        most = (state.field - least) // (taps - 1)
        if not self.holes:
            most = min(most, state.field // taps)
        return range(most - most % multiple, 0, -multiple)

    def _bound(self, state: _State) -> float:
        """Return what the layers left cost at least."""
        return max(self._lower.get(state, 0), self._simple(state))

    def _simple(self, state: _State) -> float:
        """Return the bound before any search, which grows with the field."""
        if state.field < 1 + state.layers * (self._smallest - 1):
            return math.inf
        if state.layers == 0 and (state.rate, state.field) != (1, 1):
            return math.inf
        return self.units(self.stride // state.rate) * self.least(state.layers, state.field)

    def total(self, layers: Sequence[Step]) -> int:
        """Return the price of a design."""
        rate, price = 1, 0
        for layer in layers:
            rate *= layer.stride
            price += self.units(self.stride // rate) * self.price(layer.taps)
        return price

    @property
    def _smallest(self) -> int:
        return self.sizes[0] if self.sizes else 2

    def _at_least(self, taps: int) -> int | None:
        """Return the fewest taps allowed from a number on."""
        if self.sizes is None:
            return max(taps, 2)
        place = bisect_left(self.sizes, taps)
        return self.sizes[place] if place < len(self.sizes) else None

    def _taps(self, most: int) -> Sequence[int]:
        """Return the numbers of taps allowed up to one."""
        return range(2, most + 1) if self.sizes is None else self.sizes[: bisect_right(self.sizes, most)]


@functools.lru_cache(maxsize=1024)
def _divisors(value: int) -> tuple[int, ...]:
    """Return the divisors, the smallest first."""
    return tuple(d for d in range(1, value + 1) if value % d == 0)


def _root(value: int, degree: int) -> int:
    """Return the least integer whose power is the value at least."""
    guess: int = max(1, round(value ** (1 / degree)) - 1)
    while guess**degree < value:
        guess += 1
    return guess
