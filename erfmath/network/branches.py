"""How layers make a network: in series, side by side, repeated, around a skip connection."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_count, as_power
from .algebra import Node, Rate, short
from .layers import Identity

Gain = int | Fraction | float


@dataclass(frozen=True, init=False, repr=False)
class Series(Node):
    """Networks one behind the other, in the order of the data; ``a >> b``.

    Canonical form: no Series inside, no Identity, and equal neighbours joined to a Power. (Networks that
    are grouped otherwise, such as ``(a >> b) ** 2`` and ``a >> b >> a >> b``, are different values with
    the same readings.)

    Raises
    ------
    TypeError, ValueError
        If a part is no network, or the parts have different numbers of axes.

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
        """Input samples an output sample: the product over the parts."""
        return product_of_rates(node.rate for node in self.nodes)

    def __rshift__(self, other: Node) -> Node:
        # Only the seam is looked at, so that a loop of >> does not take quadratic time.
        if not isinstance(other, Node) or not self.nodes:
            return super().__rshift__(other)
        ndim = common_axes((self, other))
        whole = object.__new__(Series)
        whole.__dict__.update(ndim=ndim, rate=product_of_rates([self.rate, other.rate]))
        seam = _joined(_flat([self.nodes[-1], other]))
        object.__setattr__(whole, "nodes", self.nodes[:-1] + tuple(seam))
        return whole if len(whole.nodes) > 1 else whole.nodes[0]

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts in order."""
        return [("", node) for node in self.nodes]

    def heading(self) -> str:
        """Return "Series"."""
        return "Series"

    def __repr__(self) -> str:
        return f"Series([{', '.join(map(repr, self.nodes))}])"


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
        If the part is no network, or n no such number.

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
        as_nodes([node], "node")
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
        """Input samples an output sample: that of the part to the n-th."""
        rate = self.node.rate
        if rate is not None and self.n > 10**4 and set(rate) != {1}:
            raise ValueError(f"{self!r} has a stride beyond all bounds; use fewer copies")
        return rate and tuple(r**self.n for r in rate)

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts of what is repeated."""
        return self.node.labelled()

    def heading(self) -> str:
        """Return the part's line and the number of copies."""
        return f"{self.node.heading()} ** {self.n}"

    def __repr__(self) -> str:
        return f"Power({self.node!r}, {self.n})"


class Parallel(Node):
    """Branches of one input, joined: the axes and the rate that all have in common."""

    branches: tuple[Node, ...]

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return common_axes(self.branches)

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples an output sample, the same in all branches."""
        return next((node.rate for node in self.branches if node.rate is not None), None)


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
        If a branch is no network, or they differ in their numbers of axes or their rates.

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
            raise ValueError(f"gains must be {len(parts)}, one per branch, got {len(factors)}")
        pairs = _flat_sum(zip(parts, map(as_gain, factors), strict=True))
        require_some([gain for _, gain in pairs])
        object.__setattr__(self, "branches", tuple(node for node, _ in pairs))
        object.__setattr__(self, "gains", tuple(gain for _, gain in pairs))
        _ = self.ndim, self.rate  # found now, so that no reading has to go down a deep nest
        common_rate([(node, node.rate) for node in self.branches])

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branches with their gains."""
        return [("" if g == 1 else f"{g} x ", b) for b, g in zip(self.branches, self.gains, strict=True)]

    def heading(self) -> str:
        """Return "Sum"."""
        return "Sum"

    def __repr__(self) -> str:
        gains = "" if set(self.gains) == {1} else f", gains=[{', '.join(map(repr, self.gains))}]"
        return f"Sum([{', '.join(map(repr, self.branches))}]{gains})"


@dataclass(frozen=True, init=False, repr=False)
class Concat(Parallel):
    """Branches of one input whose channels are concatenated.

    The next layer adds over all channels, so the impact is that of a Sum with the branches' shares of the
    channels as gains.

    Parameters
    ----------
    branches
        Networks of the same input with the same rate of samples.
    channels
        The number of output channels of each branch.

    Raises
    ------
    TypeError, ValueError
        If a branch is no network, they differ in their numbers of axes or their rates, or the channels
        do not fit.

    Examples
    --------
    >>> from erfmath import Conv
    >>> Concat([Conv(1, channels=32), Conv(3, padding=1, channels=96)], [32, 96])
    Concat([Conv(1, channels=32), Conv(3, padding=1, channels=96)], [32, 96])
    """

    branches: tuple[Node, ...]
    channels: tuple[int, ...]

    def __init__(self, branches: Iterable[Node], channels: Sequence[int]) -> None:
        parts = as_nodes(branches, "branches")
        if not parts:
            raise ValueError("branches must hold at least one network")
        numbers = tuple(as_count(c, "channels", minimum=1) for c in as_numbers(channels, "channels"))
        if len(numbers) != len(parts):
            raise ValueError(f"channels must be {len(parts)}, one per branch, got {len(numbers)}")
        object.__setattr__(self, "branches", parts)
        object.__setattr__(self, "channels", numbers)
        _ = self.ndim, self.rate
        common_rate([(node, node.rate) for node in parts])

    @property
    def gains(self) -> tuple[Fraction, ...]:
        """The branches' shares of the channels."""
        return tuple(Fraction(c, sum(self.channels)) for c in self.channels)

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branches with their channels."""
        return [(f"{c}: ", b) for b, c in zip(self.branches, self.channels, strict=True)]

    def heading(self) -> str:
        """Return "Concat"."""
        return "Concat"

    def __repr__(self) -> str:
        return f"Concat([{', '.join(map(repr, self.branches))}], {list(self.channels)})"


@dataclass(frozen=True, init=False, repr=False)
class Residual(Node):
    r"""A skip connection around a branch: output x + a branch(x), the polynomial :math:`1 + a P(z)`.

    With a branch of sum 1 its variance is a/(1+a) of the branch's (about the same centre).

    Parameters
    ----------
    branch
        A network of rate 1; where a projection changes the rate, use ``Sum([branch, projection])``.
    gain
        The factor a.

    Raises
    ------
    TypeError, ValueError
        If the branch is no network or changes the rate of its samples, or the gain is no finite number.

    Examples
    --------
    >>> from erfmath import Conv, polynomial
    >>> polynomial(Residual(Conv(3, padding=1)))
    Poly(1/3*z**2 + 4/3*z + 1/3, z, domain='QQ')
    """

    branch: Node
    gain: Gain

    def __init__(self, branch: Node, gain: Gain = 1.0) -> None:
        (branch,) = as_nodes([branch], "branch")
        if branch.rate is not None and set(branch.rate) != {1}:
            raise ValueError(
                f"branch must keep the rate of its samples, got {branch!r} of rate "
                f"{show_rate(branch.rate)}; use Sum([branch, projection])"
            )
        object.__setattr__(self, "branch", branch)
        object.__setattr__(self, "gain", as_gain(gain))
        _ = self.ndim, self.rate

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return self.branch.ndim

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples an output sample: 1."""
        return self.branch.rate

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branch."""
        return [("", self.branch)]

    def heading(self) -> str:
        """Return the name, with the gain where it is not 1."""
        return "Residual" if self.gain == 1 else f"Residual, gain {self.gain}"

    def __repr__(self) -> str:
        gain = "" if self.gain == 1 else f", gain={self.gain!r}"
        return f"Residual({self.branch!r}{gain})"


def series(nodes: Iterable[Node]) -> Node:
    """Return networks in series in the shortest form: no Series of one or none."""
    whole = Series(nodes)
    if len(whole.nodes) > 1:
        return whole
    return whole.nodes[0] if whole.nodes else Identity()


def power(node: Node, n: Any) -> Node:
    """Return a network n times in series in the shortest form."""
    whole = Power(node, n)
    if _is_nothing(whole):
        return Identity()
    return whole.node if whole.n == 1 else whole


def as_nodes(nodes: Any, name: str) -> tuple[Node, ...]:
    """Return the nodes as a tuple, or raise naming the one that is no network."""
    if isinstance(nodes, (Node, str)) or not isinstance(nodes, Iterable):
        raise TypeError(f"{name} must be a sequence of networks, got {nodes!r}")
    found = tuple(nodes)
    for node in found:
        if not isinstance(node, Node):
            raise TypeError(
                f"{name} must be networks, such as Conv(3), got {node!r} of type {type(node).__name__}"
            )
    return found


def as_numbers(values: Any, name: str) -> list[Any]:
    """Return a sequence of numbers as a list, or raise naming the argument."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of numbers, one per branch, got {values!r}")
    return list(values)


def as_gain(gain: Any) -> Gain:
    """Return a finite real number; an integral float as the int it is, so that sums stay exact."""
    if isinstance(gain, (bool, np.bool_)) or not isinstance(gain, numbers.Real):
        raise TypeError(f"gain must be a real number, got {gain!r}")
    value = Fraction(gain) if isinstance(gain, numbers.Rational) else float(gain)
    if not math.isfinite(value):
        raise ValueError(f"gain must be finite, got {gain!r}")
    return int(value) if value == int(value) else value


def require_some(gains: Sequence[Gain]) -> None:
    """Raise where nothing is left of a sum."""
    if not any(gains):
        raise ValueError("gains must not be all zero: nothing would be seen")


def common_axes(nodes: Iterable[Node]) -> int | None:
    """Return the number of axes that all nodes have, or raise naming two that differ."""
    first = None
    for node in nodes:
        if node.ndim is None:
            continue
        if first is not None and node.ndim != first.ndim:
            raise ValueError(
                f"all layers must have as many axes: {short(first)} has {first.ndim}, {short(node)} has "
                f"{node.ndim}; give sizes as tuples, one int per axis"
            )
        first = first or node
    return None if first is None else first.ndim


def common_rate(rates: Iterable[tuple[object, Rate | None]]) -> None:
    """Raise where branches differ in their rates; an entry is (the branch or its name, its rate)."""
    named = list(rates)
    ndim = next((len(rate) for _, rate in named if rate is not None), 1)
    full = [(name, rate or (Fraction(1),) * ndim) for name, rate in named]
    for name, rate in full[1:]:
        if rate != full[0][1]:
            raise ValueError(
                f"branches must have the same rate to be added: {short(full[0][0])} has "
                f"{show_rate(full[0][1])}, {short(name)} has {show_rate(rate)} (input samples an output "
                "sample); give the shortcut the same stride"
            )


def product_of_rates(rates: Iterable[Rate | None]) -> Rate | None:
    """Return the rate of networks in series."""
    total: Rate | None = None
    for rate in rates:
        if rate is not None:
            total = rate if total is None else tuple(a * b for a, b in zip(total, rate, strict=True))
    return total


def show_rate(rate: Rate) -> str:
    """Return a rate as a person writes it."""
    return str(rate[0]) if len(set(rate)) == 1 else "(" + ", ".join(map(str, rate)) + ")"


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
