"""A network as a flat program, and the reverse accumulation that every exact reading runs over it.

Tensor 0 is the input and operation i makes tensor i + 1 from the sum of its sources. A reading starts with
one unit of the last tensor and pulls it back, operation by operation, to the input: one pass, however many
paths there are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from .algebra import Identity, Node, Power, Series, Sum
from .arguments import Ints
from .branches import Concat
from .graph import INPUT, Graph
from .rates import Gain, short
from .stage import Stage, Unbounded, lower

# Copies of a network that changes the rate are written out one by one: so many operations take a second.
_MOST_COPIES = 10**5


@dataclass(frozen=True, eq=False)
class Block:
    """A program of rate 1 without upsampling, repeated n times: a power of one polynomial."""

    program: Program
    n: int


@dataclass(frozen=True, eq=False)
class Operation:
    """One step: `what` is applied to the sum of the sources, (tensor, gain) each; None only adds.

    Where channels are concatenated, `joined` holds the number of each source, whose shares are the gains.
    """

    node: Node
    what: Stage | Unbounded | Block | None
    sources: tuple[tuple[int, Gain], ...]
    joined: Ints = ()


class Span(NamedTuple):
    """Which operations a part of a network wrote, and the tensor that is its output."""

    operations: slice
    output: int


@dataclass(frozen=True, eq=False)
class Program:
    """A network as operations in data-flow order, its output one of its tensors.

    Of a series or a graph, `spans` holds one entry for each of its elements or layers, in order; what a layer
    of a graph adds up first is its own.
    """

    operations: tuple[Operation, ...]
    output: int
    ndim: int
    spans: tuple[Span, ...] = ()

    @functools.cached_property
    def unbounded(self) -> Node | None:
        """The first layer that reads its whole input along some axis, if there is one."""
        return next(filter(None, map(_unbounded_layer, self.live)), None)

    @functools.cached_property
    def live(self) -> tuple[Operation, ...]:
        """The operations that the output depends on, in data-flow order."""
        needed, found = {self.output}, []
        for index in range(len(self.operations), 0, -1):
            if index in needed:
                found.append(self.operations[index - 1])
                needed |= {source for source, _ in found[-1].sources}
        return tuple(reversed(found))

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        """All stages, those inside blocks included."""
        found: list[Stage] = []
        for op in self.operations:
            if isinstance(op.what, Stage):
                found.append(op.what)
            elif isinstance(op.what, Block):
                found += op.what.program.stages
        return tuple(found)

    @functools.cached_property
    def wholes(self) -> tuple[Unbounded, ...]:
        """All that reads its whole input along some axis, blocks included."""
        found: list[Unbounded] = []
        for op in self.operations:
            if isinstance(op.what, Unbounded):
                found.append(op.what)
            elif isinstance(op.what, Block):
                found += op.what.program.wholes
        return tuple(found)

    @functools.cached_property
    def mixes(self) -> Node | None:
        """The first layer whose channels have weights of their own, if there is one."""
        found = (_mixing_layer(op) for op in self.live)
        layer = next((node for node in found if node is not None), None)
        if layer is not None and any(op.joined for op in self.live):
            raise ValueError(
                f"a Concat knows shares of channels only, and {short(layer)} has weights for each; move "
                "the branches to their channels by erfmath.network.channels.Channels and add them"
            )
        return layer

    @functools.cached_property
    def is_separable(self) -> bool:
        """Whether the axes are independent: one path, and kernels that separate."""
        sources = [source for op in self.live for source, _ in op.sources]
        alone = len(set(sources)) == len(sources) and all(len(op.sources) == 1 for op in self.live)
        blocks = [op.what.program for op in self.live if isinstance(op.what, Block)]
        kernels = [op.what.kernel for op in self.live if isinstance(op.what, Stage)]
        return (
            alone
            and self.mixes is None
            and all(block.is_separable for block in blocks)
            and all(kernel.separate() is not None for kernel in kernels)
        )

    @functools.cached_property
    def likenesses(self) -> tuple[int, ...]:
        """For each axis the first one that the network treats alike: exchanging the two changes nothing."""
        if self.mixes is not None:
            return tuple(range(self.ndim))
        return tuple(
            next(a for a in range(axis + 1) if a == axis or all(s.is_symmetric(a, axis) for s in self.stages))
            for axis in range(self.ndim)
        )

    def along(self, axis: int) -> Program:
        """Return the program on one axis, each kernel summed over the others.

        Its impact is the marginal: always where no other axis is upsampled, up to a factor where the axes
        are independent.
        """
        found = []
        for op in self.operations:
            what = op.what
            if isinstance(what, (Stage, Unbounded)):
                what = what.along(axis)
            elif isinstance(what, Block):
                what = Block(what.program.along(axis), what.n)
            found.append(replace(op, what=what))
        return Program(tuple(found), self.output, 1)

    @functools.cached_property
    def rate(self) -> tuple[Fraction, ...]:
        """Input samples per output sample, per axis."""
        return tuple(rate for rate, _ in self._rates_and_period[0])

    @functools.cached_property
    def period(self) -> tuple[int, ...]:
        """After how many output units the pattern repeats, per axis: the number of phases.

        The lcm of the denominators of the rates from each tensor to the output.
        """
        return self._rates_and_period[1]

    @functools.cached_property
    def _rates_and_period(self) -> tuple[list[tuple[Fraction, bool]], tuple[int, ...]]:
        """The rates and the period; a rate counts only where positions are kept, if they are on any path."""
        rates = {self.output: [(Fraction(1), True)] * self.ndim}
        period = [1] * self.ndim
        for index in range(len(self.operations), 0, -1):
            if index not in rates:
                continue
            known, what = rates[index], self.operations[index - 1].what
            if isinstance(what, Stage):
                known = [(a * b, kept) for (a, kept), b in zip(known, what.rate, strict=True)]
                pairs = zip(period, known, strict=True)
                period = [math.lcm(p, r.denominator) if kept else p for p, (r, kept) in pairs]
            elif isinstance(what, Unbounded):
                known = [(r, kept and not what.pools(axis)) for axis, (r, kept) in enumerate(known)]
            for source, _ in self.operations[index - 1].sources:
                other = rates.get(source, known)
                rates[source] = [b if b[1] else a for a, b in zip(other, known, strict=True)]
        return rates[0], tuple(period)


class Response(Protocol):
    """What a unit of the output sees on one tensor, in some algebra.

    A reading of your own is such a class and a call of :func:`pull_back`: here the number of paths.

    >>> from erfmath import Conv, Residual
    >>> @dataclass(frozen=True)
    ... class Paths:
    ...     count: int = 1
    ...     def through(self, stage):
    ...         return self
    ...     def through_block(self, block):
    ...         return Paths(self.count * pull_back(block.program, Paths()).count ** block.n)
    ...     @classmethod
    ...     def total(cls, parts):
    ...         return cls(sum(part.count for _, part in parts))
    >>> pull_back(program_of(Residual(Conv(3, padding=1)) ** 10), Paths()).count
    1024
    """

    def through(self, stage: Stage) -> Self | None:
        """Return what it sees before a stage, None when nothing."""

    def through_block(self, block: Block) -> Self | None:
        """Return what it sees before a block, None when weights inside cancel."""

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, Self]]) -> Self | None:
        """Return the weighted sum of responses, which come with a gain each; None where nothing is left."""


R = TypeVar("R", bound=Response)


def pull_back(program: Program, unit: R, before: Callable[[int, R], R | None] | None = None) -> R | None:
    """Return what one unit of the output sees on the input, None when nothing.

    Reverse accumulation: a tensor's response is complete when all that read it have been visited.
    `before` turns the response on a tensor into that before the operation which makes it; by default what
    the operation is says how.
    """
    waiting: dict[int, list[tuple[Gain, R]]] = {program.output: [(1, unit)]}
    for index in range(len(program.operations), 0, -1):
        parts = waiting.pop(index, None)
        if parts is None:
            continue
        op, whole = program.operations[index - 1], _total(parts)
        if whole is None:
            continue
        below = before(index, whole) if before else through(op.what, whole)
        if below is not None:
            for source, gain in op.sources:
                waiting.setdefault(source, []).append((gain, below))
    return _total(waiting[0]) if 0 in waiting else None


def through(what: Stage | Unbounded | Block | None, response: R) -> R | None:
    """Return a response before an operation, on a map without borders."""
    if what is None:
        return response
    if isinstance(what, Block):
        return response.through_block(what)
    if isinstance(what, Stage):
        return response.through(what)
    raise TypeError("a program with an unbounded layer has no finite response")


def _total(parts: list[tuple[Gain, R]]) -> R | None:
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    return type(parts[0][1]).total(parts)


def _unbounded_layer(op: Operation) -> Node | None:
    """Return the layer of an operation that reads its whole input along some axis, if it has one."""
    if isinstance(op.what, Block):
        return op.what.program.unbounded
    return op.node if isinstance(op.what, Unbounded) else None


def _mixing_layer(op: Operation) -> Node | None:
    """Return the layer of an operation whose channels have weights of their own, if it has one."""
    if isinstance(op.what, Block):
        return op.what.program.mixes
    return op.node if isinstance(op.what, Stage) and op.what.mixing is not None else None


def program_of(
    node: Node, ndim: int | None = None, unrolled: bool = False, pointwise: bool = False
) -> Program:
    """Return the program of a network, on so many axes where it fits any number.

    `unrolled` writes each copy of a power, as is needed where the copies differ: in their sizes. `pointwise`
    writes what moves nothing, such as activations, as operations that only add. A program is kept with its
    node, whose hash would take as long as the program.
    """
    ndim = node.ndim or ndim  # of a model known, though its network may fit any number
    node = node.unwrapped
    programs = node.__dict__.setdefault("_programs", {})
    key = node.ndim or ndim or 1, unrolled, pointwise
    if key not in programs:
        writer = _Writer(*key)
        output = writer.run(node)
        programs[key] = Program(tuple(writer.operations), output, writer.ndim, tuple(writer.spans))
    found: Program = programs[key]
    return found


@functools.lru_cache(maxsize=1024)
def _meaning(rule: Callable[[Any], Any], layer: Node) -> Any:
    """Return what a layer means; of equal layers, which a network has many of, once."""
    return rule(layer)


def _is_hashable(node: Node) -> bool:
    try:
        hash(node)
    except TypeError:  # a layer from outside with a list for a field
        return False
    return True


class _Writer:
    """Writes the operations of a network; its own stack instead of recursion, so that depth has no limit."""

    def __init__(self, ndim: int, unrolled: bool, pointwise: bool) -> None:
        self.ndim, self.unrolled, self.pointwise = ndim, unrolled, pointwise
        self.operations: list[Operation] = []
        self.spans: list[Span] = []
        self.whole: Node | None = None  # the layer whose meaning, a network, is being written

    def run(self, node: Node) -> int:
        """Write a network that reads the input; return the tensor of its output."""
        stack = [self._write(node, 0)]
        answer: Any = None  # the first send() must be None
        while stack:
            try:
                stack.append(self._write(*stack[-1].send(answer)))
                answer = None
            except StopIteration as done:
                stack.pop()
                answer = done.value
                if len(stack) == 1:
                    first = self.spans[-1].operations.stop if self.spans else 0
                    self.spans.append(Span(slice(first, len(self.operations)), answer))
        return int(answer)

    def _write(self, node: Node, source: int) -> Generator[tuple[Node, int], int, int]:
        """Write one node that reads a tensor; yields (child, tensor) and is sent the child's output."""
        if isinstance(node, Series):
            for part in node.nodes:
                source = yield part, source
            return source
        if isinstance(node, (Sum, Concat)):
            ends = []
            for branch, gain in zip(node.branches, node.gains, strict=True):
                ends.append(((yield branch, source), gain))
            return self._emit(node, None, tuple(ends), node.channels if isinstance(node, Concat) else ())
        if isinstance(node, Graph):
            tensors = {INPUT: source}
            for name, part, sources, channels in node.order:
                pairs = tuple((tensors[s], gain) for s, gain in sources)
                alone = len(pairs) == 1 and pairs[0][1] == 1
                whole = pairs[0][0] if alone else self._emit(node, None, pairs, channels)
                tensors[name] = yield part, whole
            return tensors[node.output]
        if isinstance(node, Power):
            source = yield from self._write_power(node, source)
            return source
        known = not node.labelled() and _is_hashable(node)
        meaning = _meaning(lower.dispatch(type(node)), node) if known else lower(node)
        if self.pointwise and meaning == Series([]) and not isinstance(node, Identity):
            return self._emit(node, None, ((source, 1),))
        if isinstance(meaning, Node):
            outer, self.whole = self.whole, self.whole or (None if node.labelled() else node)
            source = yield meaning, source
            self.whole = outer
            return source
        # A layer that reads everything is named in messages: as the layer that it is a part of.
        named = self.whole or node if isinstance(meaning, Unbounded) else node
        return self._emit(named, meaning, ((source, 1),))

    def _write_power(self, node: Power, source: int) -> Generator[tuple[Node, int], int, int]:
        if node.n == 0:
            return source
        body = program_of(node.node, self.ndim, pointwise=self.pointwise)
        if self.unrolled or any(
            set(stage.upsampling) != {1} or set(stage.stride) != {1} for stage in body.stages
        ):
            if node.n * len(body.operations) > _MOST_COPIES:
                raise ValueError(
                    f"{node.n} copies of {short(node.node)} are too many: followed one by one, they may be "
                    f"{_MOST_COPIES} operations at most"
                )
            for _ in range(node.n):
                source = yield node.node, source
            return source
        if not body.operations:
            return source
        whole = [op.what for op in body.live if isinstance(op.what, Unbounded)]
        if any(what.sides is None and not what.keeps_positions for what in whole):
            return self._emit(body.unbounded or node, Unbounded(), ((source, 1),))
        return self._emit(node, Block(body, node.n), ((source, 1),))

    def _emit(self, node: Node, what: Any, sources: tuple[tuple[int, Gain], ...], joined: Ints = ()) -> int:
        seen = tuple((source, gain) for source, gain in sources if gain)
        self.operations.append(Operation(node, what, seen, joined))
        return len(self.operations)
