"""Networks that are not series-parallel: a graph of named layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from .._checks import as_count
from .algebra import Node, require_network
from .arguments import spelled
from .rates import Gain, Rate, as_gain, common_axes, common_rate, product_of_rates, require_some

INPUT = "input"


class Entry(NamedTuple):
    """A layer of a graph: its name, what it does, and (name, gain) of what it reads, which is added up.

    Where channels are concatenated, `channels` holds the number of each source, whose shares are the gains.
    """

    name: str
    node: Node
    sources: tuple[tuple[str, Gain], ...]
    channels: tuple[int, ...] = ()

    @property
    def reads(self) -> tuple[Any, ...]:
        """The sources as the constructor takes them."""
        if not self.channels:
            return self.sources
        return ([(name, count) for (name, _), count in zip(self.sources, self.channels, strict=True)],)


@dataclass(frozen=True, init=False, repr=False)
class Graph(Node):
    """A network as a graph of named layers, with one input and one output.

    Canonical form: the entries in the order given, sources as (name, gain), gains exact where integral.

    Parameters
    ----------
    layers
        A mapping of names to (node, source, ...), or a sequence of (name, (node, source, ...)). A source
        is the name of another layer or "input", or (name, gain); several are added up. A list of
        (name, channels) in their place is a concatenation. The order is free.
    output
        The name of the output; None for the last layer.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or taken, layers form a cycle, the input is not reached from the output, or
        what is added differs in axes or rate.

    Examples
    --------
    >>> from erfmath import Conv, Graph, Identity, receptive_field
    >>> net = Graph({
    ...     "a": (Conv(3, padding=1), "input"),
    ...     "b": (Conv(3, padding=1), "a"),
    ...     "c": (Conv(5, padding=2), "input", "b"),
    ...     "out": (Identity(), "a", "b", "c"),
    ... })
    >>> receptive_field(net).size
    9
    >>> [entry.name for entry in net.order], net.ndim, net.rate, net.heading()
    (['a', 'b', 'c', 'out'], 1, (Fraction(1, 1),), 'Graph, output out')
    >>> Graph(*net.args) == net
    True
    """

    layers: tuple[Entry, ...]
    output: str

    def __init__(self, layers: Mapping[str, Any] | Iterable[Any], output: str | None = None) -> None:
        items = layers.items() if isinstance(layers, Mapping) else layers
        if not isinstance(items, Iterable):
            raise TypeError(f"layers must map names to (node, source, ...), got {layers!r}")
        entries = tuple(map(_entry, items))
        if not entries:
            raise ValueError("layers must hold at least one layer")
        names = [entry.name for entry in entries]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"layers must have different names, got {twice!r} twice")
        object.__setattr__(self, "layers", entries)
        object.__setattr__(self, "output", names[-1] if output is None else output)
        self._check()

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments that rebuild the graph."""
        return tuple((e.name, (e.node, *e.reads)) for e in self.layers), self.output

    @cached_property
    def order(self) -> tuple[Entry, ...]:
        """The layers that the output depends on, sources first."""
        table = {entry.name: entry for entry in self.layers}
        needed, stack = set(), [self.output]
        while stack:
            name = stack.pop()
            if name not in needed and name != INPUT:
                needed.add(name)
                stack += [source for source, _ in table[name].sources]
        sorter = TopologicalSorter({name: {s for s, _ in table[name].sources} for name in needed})
        try:
            return tuple(table[name] for name in sorter.static_order() if name != INPUT)
        except CycleError as error:
            raise ValueError(f"layers must not form a cycle, got {' -> '.join(error.args[1])}") from None

    @cached_property
    def _rates(self) -> dict[str, Rate | None]:
        """The rate from the input to each layer, checked where layers are added."""
        rates: dict[str, Rate | None] = {INPUT: None}
        for name, node, sources, _ in self.order:
            before = common_rate([(source, rates[source]) for source, _ in sources])
            rates[name] = product_of_rates([before, node.rate])
        return rates

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return common_axes(entry.node for entry in self.order)

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample."""
        return self._rates[self.output]

    def _check(self) -> None:
        names = {entry.name for entry in self.layers}
        if self.output not in names:
            raise ValueError(f"output must be the name of a layer, got {self.output!r}")
        for name, _, sources, _ in self.layers:
            for source, _ in sources:
                if source not in names and source != INPUT:
                    raise ValueError(
                        f"layer {name!r} reads {source!r}, which is neither a layer nor {INPUT!r}"
                    )
        if not any(source == INPUT for entry in self.order for source, _ in entry.sources):
            raise ValueError(f"the output {self.output!r} does not depend on {INPUT!r}")
        common_axes(entry.node for entry in self.order)
        _ = self._rates

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the layers with their names and sources."""
        return [(f"{e.name} = {' + '.join(map(_source, e.sources))} >> ", e.node) for e in self.layers]

    def heading(self) -> str:
        """Return "Graph" and the output."""
        return f"Graph, output {self.output}"

    def _call(self) -> str:
        lines = [f"{e.name!r}: ({', '.join([spelled(e.node), *map(_shown, e.reads)])})" for e in self.layers]
        output = "" if self.output == self.layers[-1].name else f", output={self.output!r}"
        return f"Graph({{{', '.join(lines)}}}{output})"


def _entry(item: Any) -> Entry:
    """Return a layer from (name, (node, source, ...))."""
    try:
        name, (node, *sources) = item
    except (TypeError, ValueError):
        raise TypeError(f"layers must map names to (node, source, ...), got {item!r}") from None
    if not isinstance(name, str) or name == INPUT:
        raise ValueError(f"a layer's name must be a string other than {INPUT!r}, got {name!r}")
    if not sources:
        raise ValueError(f"layer {name!r} must name what it reads, {INPUT!r} or another layer")
    node = require_network(node, f"layer {name!r}")
    if len(sources) == 1 and _is_concatenation(sources[0]):
        return _concatenation(name, node, sources[0])
    pairs = [(s, 1) if isinstance(s, str) else s for s in sources]
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise TypeError(f"layer {name!r} must read names or (name, gain), got {pair!r}")
    entry = Entry(name, node, tuple((source, as_gain(gain)) for source, gain in pairs))
    require_some([gain for _, gain in entry.sources])
    return entry


def _is_concatenation(source: Any) -> bool:
    """Whether a source is a list of (name, channels), and no single (name, gain)."""
    return isinstance(source, (tuple, list)) and not (source and isinstance(source[0], str))


def _concatenation(name: str, node: Node, sources: Sequence[Any]) -> Entry:
    """Return a layer that reads concatenated channels, from (name, channels) each."""
    pairs = [pair if isinstance(pair, (tuple, list)) else (pair, None) for pair in sources]
    if not pairs or any(len(pair) != 2 or not isinstance(pair[0], str) for pair in pairs):
        raise TypeError(f"layer {name!r} must concatenate (name, channels) each, got {sources!r}")
    channels = tuple(as_count(count, f"channels of layer {name!r}", minimum=1) for _, count in pairs)
    gains = [as_gain(Fraction(count, sum(channels))) for count in channels]
    return Entry(name, node, tuple((s, g) for (s, _), g in zip(pairs, gains, strict=True)), channels)


def _source(pair: tuple[str, Gain]) -> str:
    return pair[0] if pair[1] == 1 else f"{pair[1]} x {pair[0]}"


def _shown(source: Any) -> str:
    return repr(source[0]) if isinstance(source, tuple) and source[1] == 1 else repr(source)
