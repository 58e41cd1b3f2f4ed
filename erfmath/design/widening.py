"""A backbone for a larger effective field: the least dilation or stride that does it, place by place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

from .._checks import as_count
from .._html import grid
from ..laws.effective import effective_field
from ..network.algebra import Node, Series, require_network, series
from ..network.arguments import per_axis_values
from ..network.describe import describe
from ..network.field import receptive_field
from ..network.graph import Graph
from ..network.layers import Conv, Pool
from ..words import figure, shown_sides, table
from .changes import dilated, dilated_layers

# A factor beyond this makes another network.
_MOST = 8


@dataclass(frozen=True)
class WideningRow:
    """A change of a network and what it makes of it.

    Attributes
    ----------
    change
        In words.
    factor
        The least whole factor that reaches the effective field.
    net
        The network with the change.
    effective
        Side of its effective field.
    field, stride
        Of its theoretical field, per axis.
    is_covered
        Whether a unit sees every position of its field.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.Conv((3, 3), padding=1) ** 3 >> em.Pool((2, 2)) >> em.Conv((3, 3), padding=1) ** 3
    >>> row = em.widen(net, 24).rows[0]
    >>> row.change, row.factor, row.field, row.stride, row.is_covered, round(row.effective, 2)
    ('dilation from stride 1 on x 2', 2, (32, 32), (2, 2), True, 26.31)
    """

    change: str
    factor: int
    net: Node = field(repr=False)
    effective: float
    field: tuple[int, ...]
    stride: tuple[int | Fraction, ...]
    is_covered: bool

    def _cells(self) -> list[str]:
        sides = map(shown_sides, (self.field, self.stride))
        return [self.change, figure(round(self.effective, 1)), *sides, "no" if self.is_covered else "yes"]


@dataclass(frozen=True, repr=False)
class Widening:
    """The changes that widen a network to an effective field; see :func:`widen`. Iterating gives the rows.

    Attributes
    ----------
    rows
        A :class:`WideningRow` for each change, those that touch less of the network first.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.Conv((3, 3), padding=1) ** 3 >> em.Pool((2, 2)) >> em.Conv((3, 3), padding=1) ** 3
    >>> [row.change for row in em.widen(net, 24)]
    ['dilation from stride 1 on x 2', 'dilation of all layers x 2', 'stride of Pool 2x2 /2 avg x 2']
    """

    rows: tuple[WideningRow, ...]

    def __iter__(self) -> Iterator[WideningRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> WideningRow:
        return self.rows[index]

    def __repr__(self) -> str:
        return table(_HEADERS, [row._cells() for row in self.rows], left=1)

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return grid(_HEADERS, [row._cells() for row in self.rows], left=1)


_HEADERS = ("change", "effective", "field", "stride", "holes")

_Change = Callable[[int], Node]


def widen(net: Node, effective: int, **options: Any) -> Widening:
    """Return changes of single strides or dilations that give a network a larger effective field.

    Either all convolutions from some stride on get their dilation times a factor, as DeepLab does to the last
    stages of a ResNet, or a strided layer of the stem gets its stride times one; the factor is the least
    whole one that reaches the side asked for. Neither changes the number of weights.

    Parameters
    ----------
    net
        A series of layers and blocks, or a graph.
    effective
        Side of the effective field to reach, in input samples.
    **options
        `definition`, `ref`, `profile`, `level` of :func:`erfmath.effective_field`.

    Returns
    -------
    Widening
        A row for each change, the later ones, which touch less of the network, first; its repr is a table.

    Raises
    ------
    ValueError
        If the field is that large already, or no factor up to 8 reaches it.

    References
    ----------
    L.-C. Chen et al., DeepLab, IEEE Transactions on Pattern Analysis 40 (2018), for the dilations.

    Examples
    --------
    >>> from erfmath import Conv, Pool, widen
    >>> net = Conv((3, 3), padding=1) ** 3 >> Pool((2, 2)) >> Conv((3, 3), padding=1) ** 3
    >>> widen(net, 24)
    change                         effective  field  stride  holes
    -----------------------------  ---------  -----  ------  -----
    dilation from stride 1 on x 2       26.3     32       2     no
    dilation of all layers x 2          28.4     38       2     no
    stride of Pool 2x2 /2 avg x 2       26.3     32       4     no
    """
    require_network(net)
    side = as_count(effective, "effective", minimum=1)
    if (now := effective_field(net, **options).size) >= side:
        raise ValueError(f"effective must be more than the network has, {figure(now)}, got {side}")
    found = [_least(name, change, side, options) for name, change in _changes(net)]
    rows = tuple(row for row in found if row is not None)
    if not rows:
        raise ValueError(
            f"no dilation or stride up to {_MOST} times as large has an effective field of {side}, where the "
            f"network has {figure(now)}; another definition, such as 'mass', or profile='std' counts more"
        )
    return Widening(rows)


def _least(name: str, change: _Change, side: int, options: dict[str, Any]) -> WideningRow | None:
    """Return the change by the least factor that reaches the side, None where none does."""
    for factor in range(2, _MOST + 1):
        net = change(factor)
        if (reached := effective_field(net, **options).size) >= side:
            break
    else:
        return None
    seen = receptive_field(net)
    sides, strides = map(per_axis_values, (seen.size, seen.stride))
    return WideningRow(f"{name} x {factor}", factor, net, reached, sides, strides, seen.is_covered)


def _changes(net: Node) -> Iterator[tuple[str, _Change]]:
    """Yield the changes, each with its name: those of the end of the network first."""
    inner = net.unwrapped
    if isinstance(inner, Graph):
        yield from _of_graph(inner)
        return
    nodes = list(inner.nodes) if isinstance(inner, Series) else [inner]
    rates = [_rate(node) for node in nodes]
    for start in reversed(_starts(rates)):
        rate = str(math.prod(rates[:start]))
        name = f"dilation from stride {rate} on" if start else "dilation of all layers"
        yield name, partial(_dilated_from, nodes, start)
    for index, node in reversed([*enumerate(nodes)]):
        if isinstance(node, (Conv, Pool)) and max(node.stride) > 1:
            yield f"stride of {describe(node)}", partial(_strided_at, nodes, index)


def _of_graph(net: Graph) -> Iterator[tuple[str, _Change]]:
    """Yield the changes of the dilations of a graph's layers from each strided one on."""
    for start in reversed(_starts([_rate(entry.node) for entry in net.order])):
        name = f"dilation from {net.order[start].name} on" if start else "dilation of all layers"
        yield name, partial(dilated_layers, net, {entry.name for entry in net.order[start:]})


def _rate(node: Node) -> Fraction:
    """Return the largest rate of a node over its axes, 1 where any will do."""
    return max((Fraction(rate) for rate in node.rate or () if rate), default=Fraction(1))


def _starts(rates: Sequence[Fraction]) -> list[int]:
    """Return where a network begins, and where its rate changes."""
    return [i for i, rate in enumerate(rates) if not i or rate != 1]


def _dilated_from(nodes: Sequence[Node], start: int, factor: int) -> Node:
    return series([*nodes[:start], *(dilated(node, factor) for node in nodes[start:])])


def _strided_at(nodes: Sequence[Node], index: int, factor: int) -> Node:
    """Return a series with the stride of one layer times a factor: the second argument of both kinds."""
    first, stride, *others = nodes[index].args
    make: Any = type(nodes[index])
    strided = make(first, tuple(factor * s for s in stride), *others)
    return series([*nodes[:index], strided, *nodes[index + 1 :]])
