"""The base of all descriptions of a network, and the algebra of >>, + and **."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .._checks import as_power, how_to_read, is_index
from .._html import html_of
from .arguments import call, spelled
from .rates import (
    LONGEST_REPR,
    Gain,
    Rate,
    as_gain,
    as_numbers,
    begun,
    common_axes,
    common_rate,
    product_of_rates,
    require_some,
    short,
    show_rate,
)
from .stage import lower


class Node:
    """A network or a layer of one: a frozen value, rebuilt by ``type(node)(*node.args)``.

    ``a >> b`` puts b behind a, ``a + b`` adds the outputs of two branches of the same input, ``a ** n``
    is n copies in series. A layer type of your own is a frozen dataclass derived from Node whose meaning
    is registered with :func:`erfmath.lower`, and with :func:`erfmath.register_layer` where files hold it.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import erfmath as em
    >>> @dataclass(frozen=True)
    ... class Blur(em.Node):
    ...     times: int
    >>> @em.lower.register
    ... def _(node: Blur) -> em.Node:
    ...     return em.Conv([1, 2, 1], padding=1) ** node.times
    >>> net = Blur(2) >> em.Conv(3, stride=2)
    >>> net
    Series([Blur(times=2), Conv(3, stride=2)])
    >>> em.receptive_field(net).size
    7
    >>> net.args, net.ndim, net.rate
    (((Blur(times=2), Conv(3, stride=2)),), 1, (Fraction(2, 1),))
    >>> net.summary, net.heading(), [part.heading() for _, part in net.labelled()]
    ('Series, 2 layers, 1 axis, stride 2', 'Series', ['Blur(times=2)', 'Conv(3, stride=2)'])
    """

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments that rebuild the node."""
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return lower(self).ndim

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample, per axis: strides over upsampling; None where `ndim` is."""
        return lower(self).rate

    @property
    def unwrapped(self) -> Node:
        """The network alone, without what may be known beside it: what a larger one is composed of.

        Examples
        --------
        >>> import erfmath as em
        >>> em.Conv(3).unwrapped
        Conv(3)
        """
        return self

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts of a composed node, each with a label or ""; none for a layer."""
        return ()

    def heading(self) -> str:
        """Return the node's line in a printed tree: of a composed one its name."""
        return type(self).__name__ if self.labelled() else repr(self)

    @property
    def expression(self) -> str:
        """The Python expression that makes the network; its repr is shorter where this is long.

        >>> from erfmath import Conv
        >>> (Conv(3) >> Conv(5)).expression
        'Series([Conv(3), Conv(5)])'
        """
        return self._call() if type(self).__repr__ is Node.__repr__ else repr(self)

    def _call(self) -> str:
        """Return the constructor call."""
        return call(self)

    @property
    def summary(self) -> str:
        """The type, the number of layers, of axes and the stride, in a few words."""
        parts = [type(self).__name__]
        if self.labelled():
            count = _layers_in(self)
            parts.append(f"{count} layer" + "s" * (count != 1))
        if self.ndim:
            parts.append(f"{self.ndim} ax{'e' if self.ndim > 1 else 'i'}s")
        if self.rate:
            parts.append(f"stride {show_rate(self.rate)}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        text = self._call()
        return text if len(text) <= LONGEST_REPR else begun(text, self.summary)

    def _repr_html_(self) -> str:
        """Return the network as HTML for a notebook."""
        return html_of(self)

    def __rshift__(self, other: Node) -> Node:

        return series([self, other]) if isinstance(other, Node) else NotImplemented

    def __add__(self, other: Node) -> Node:

        return Sum([self, other]) if isinstance(other, Node) else NotImplemented

    def __pow__(self, n: int) -> Node:

        return power(self, n) if is_index(n) else NotImplemented

    def __str__(self) -> str:
        return "\n".join(lines_of_tree(self))


def lines_of_tree(node: Node) -> Iterator[str]:
    """Yield the lines of a tree, a layer a line; an explicit stack, so that depth has no limit."""
    stack = [("", "", node)]
    while stack:
        indent, label, part = stack.pop()
        yield indent + label + part.heading()
        stack += [(indent + "  ", name, child) for name, child in reversed(list(part.labelled()))]


def _layers_in(node: Node) -> int:
    """Return the number of layers, copies counted."""
    stack, count = [(node, 1)], 0
    while stack:
        part, times = stack.pop()
        times *= part.n if isinstance(part, Power) else 1
        inside = [child for _, child in part.labelled()]
        count += 0 if inside else times
        stack += [(child, times) for child in inside]
    return count


@dataclass(frozen=True, repr=False)
class Identity(Node):
    """A layer that does nothing; the neutral element of ``>>``.

    Examples
    --------
    >>> import erfmath as em
    >>> em.Conv(3) >> em.Identity()
    Conv(3)
    """


@dataclass(frozen=True, init=False, repr=False)
class Series(Node):
    """Networks in series, in data-flow order; ``a >> b``.

    Canonical form: no Series inside, no Identity, and equal neighbours joined to a Power. (Networks that
    are grouped otherwise, such as ``(a >> b) ** 2`` and ``a >> b >> a >> b``, are different values with
    the same readings.)

    Parameters
    ----------
    nodes
        Networks, the first one the nearest to the input.

    Raises
    ------
    TypeError, ValueError
        If a part is not a network, or the parts differ in their numbers of axes.

    Examples
    --------
    >>> from erfmath import Conv, Pool
    >>> Conv(3) >> (Conv(3) >> Pool(2))
    Series([Power(Conv(3), 2), Pool(2)])
    """

    nodes: tuple[Node, ...]

    def __init__(self, nodes: Iterable[Node]) -> None:
        object.__setattr__(self, "nodes", tuple(_joined(_flat(as_nodes(nodes, "nodes")))))
        _ = self.ndim, self.rate  # found now, so that no reading has to go down a deep nest

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return common_axes(self.nodes)

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample: the product over the parts."""
        return product_of_rates(node.rate for node in self.nodes)

    def __rshift__(self, other: Node) -> Node:
        # Only the seam is looked at, so that a loop of >> does not take quadratic time.
        if not isinstance(other, Node) or not self.nodes:
            return super().__rshift__(other)
        seam = _joined(_flat([self.nodes[-1], other.unwrapped]))
        ndim, rate = common_axes((self, other)), product_of_rates([self.rate, other.rate])
        whole = series_as_given(self.nodes[:-1] + tuple(seam), ndim, rate)
        return whole if len(whole.nodes) > 1 else whole.nodes[0]

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts in order."""
        return [("", node) for node in self.nodes]

    def _call(self) -> str:
        return f"Series([{', '.join(map(spelled, self.nodes))}])"


@dataclass(frozen=True, init=False, repr=False)
class Power(Node):
    """A network n times in series; ``node ** n``.

    Canonical form: no Power of a Power or of a Series of one.

    Parameters
    ----------
    node
        A network.
    n
        Number of copies, from 0 to 10**15.

    Raises
    ------
    TypeError, ValueError
        If the part is not a network, or n is not such a number.

    Examples
    --------
    >>> from erfmath import Conv
    >>> (Conv(3) ** 2) ** 5
    Power(Conv(3), 10)
    """

    node: Node
    n: int

    def __init__(self, node: Node, n: int) -> None:
        times = as_power(n)
        node = require_network(node, "node")
        if isinstance(node, Series) and len(node.nodes) == 1:
            node = node.nodes[0]
        inner = node if isinstance(node, Power) else None
        object.__setattr__(self, "node", inner.node if inner else node)
        object.__setattr__(self, "n", as_power(inner.n * times) if inner else times)
        _ = self.ndim, self.rate

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return self.node.ndim

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample: that of the part to the n-th."""
        rate = self.node.rate
        if rate and self.n > 10**4 and not set(rate) <= {1, None}:
            raise ValueError(f"{short(self)} has a stride too large to work with; use fewer copies")
        return rate and tuple(None if r is None else r**self.n for r in rate)

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts of what is repeated."""
        return self.node.labelled()

    def heading(self) -> str:
        """Return the part's line and the number of copies."""
        return f"{self.node.heading()} ** {self.n}"


class Parallel(Node):
    """Branches of one input, joined: the axes and the rate that all have in common."""

    branches: tuple[Node, ...]

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return common_axes(self.branches)

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample, the same in all branches."""
        return common_rate([(node, node.rate) for node in self.branches])


@dataclass(frozen=True, init=False, repr=False)
class Sum(Parallel):
    """Branches of one input whose outputs are added, each times its gain; ``a + b``.

    Canonical form: no Sum inside, exact gains where they are integral.

    Parameters
    ----------
    branches
        Networks of the same input with the same rate of samples. They need not align: a unit sees the
        union of what the branches see.
    gains
        One factor per branch, all 1 by default.

    Raises
    ------
    TypeError, ValueError
        If a branch is not a network, or the branches differ in their numbers of axes or in their rates.

    Examples
    --------
    >>> from erfmath import Conv
    >>> Conv(3, padding=1) + Conv(5, padding=2)
    Sum([Conv(3, padding=1), Conv(5, padding=2)])
    """

    branches: tuple[Node, ...]
    gains: tuple[Gain, ...]

    def __init__(self, branches: Iterable[Node], gains: Sequence[Gain] | None = None) -> None:
        parts = as_nodes(branches, "branches")
        if not parts:
            raise ValueError("branches must hold at least one network")
        factors = [1] * len(parts) if gains is None else as_numbers(gains, "gains")
        if len(factors) != len(parts):
            raise ValueError(f"gains must have one entry per branch, {len(parts)} in all, got {len(factors)}")
        pairs = _flat_sum(zip(parts, map(as_gain, factors), strict=True))
        require_some([gain for _, gain in pairs])
        object.__setattr__(self, "branches", tuple(node for node, _ in pairs))
        object.__setattr__(self, "gains", tuple(gain for _, gain in pairs))
        _ = self.ndim, self.rate  # found now, so that no reading has to go down a deep nest

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branches with their gains."""
        return [("" if g == 1 else f"{g} x ", b) for b, g in zip(self.branches, self.gains, strict=True)]

    def _call(self) -> str:
        gains = "" if set(self.gains) == {1} else f", gains=[{', '.join(map(repr, self.gains))}]"
        return f"Sum([{', '.join(map(spelled, self.branches))}]{gains})"


def series(nodes: Iterable[Node]) -> Node:
    """Return networks in series in the shortest form: no Series of one or none."""
    whole = Series(nodes)
    if len(whole.nodes) > 1:
        return whole
    return whole.nodes[0] if whole.nodes else Identity()


def series_as_given(nodes: tuple[Node, ...], ndim: int | None, rate: Rate | None) -> Series:
    """Return a series whose axes and rate are known, of nodes that stay as they are: equal ones apart."""
    whole = object.__new__(Series)
    whole.__dict__.update(nodes=nodes, ndim=ndim, rate=rate)
    return whole


def power(node: Node, n: Any) -> Node:
    """Return a network n times in series in the shortest form."""
    whole = Power(node, n)
    if _is_nothing(whole):
        return Identity()
    return whole.node if whole.n == 1 else whole


def as_nodes(nodes: Any, name: str) -> tuple[Node, ...]:
    """Return the nodes as a tuple, or raise naming the one that is not a network."""
    if isinstance(nodes, (Node, str)) or not isinstance(nodes, Iterable):
        raise TypeError(f"{name} must be a sequence of networks, got {nodes!r}")
    return tuple(require_network(node, f"each of {name}") for node in nodes)


def require_network(net: Any, name: str = "net") -> Node:
    """Return a network alone, or raise saying what is one."""
    if isinstance(net, Node):
        return net.unwrapped
    given = " ".join(repr(net).split())[:60]  # modules of other libraries have pages
    raise TypeError(
        f"{name} must be a network such as Conv(3) >> Pool(2), got {given} of type {type(net).__name__}"
        f"{how_to_read(net)}"
    )


def _flat(nodes: Iterable[Node]) -> Iterable[Node]:
    """Yield the parts of a series: no Series, and nothing that does nothing."""
    for node in nodes:
        if isinstance(node, Series):
            yield from node.nodes
        elif isinstance(node, Power) and node.n == 1:
            yield from _flat([node.node])
        elif not _is_nothing(node):
            yield node


def _is_nothing(node: Node) -> bool:
    if isinstance(node, Power):
        return node.n == 0 or _is_nothing(node.node)
    return isinstance(node, Identity) or (isinstance(node, Series) and not node.nodes)


def _joined(nodes: Iterable[Node]) -> list[Node]:
    """Join equal neighbours to powers."""
    runs: list[tuple[Node, int]] = []
    for node in nodes:
        base, n = (node.node, node.n) if isinstance(node, Power) else (node, 1)
        if runs and runs[-1][0] == base:
            runs[-1] = base, runs[-1][1] + n
        else:
            runs.append((base, n))
    return [base if n == 1 else Power(base, n) for base, n in runs if n]


def _flat_sum(pairs: Iterable[tuple[Node, Gain]]) -> list[tuple[Node, Gain]]:
    flat: list[tuple[Node, Gain]] = []
    for node, gain in pairs:
        if isinstance(node, Sum):
            flat += [(b, as_gain(gain * g)) for b, g in zip(node.branches, node.gains, strict=True)]
        else:
            flat.append((node, gain))
    return flat
