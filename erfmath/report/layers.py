"""The table of the layers of a network, with the theoretical field after each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, NamedTuple

from .._html import grid
from ..network.algebra import Node, Power, Series, require_network, series, series_as_given
from ..network.arguments import Ints
from ..network.cost import LayerCost, cost
from ..network.describe import BRANCHED, POINTWISE, by, describe
from ..network.graph import Graph
from ..network.program import program_of
from ..network.regions import regions_of
from ..network.sizes import sized_for
from ..words import short_count, shown_sides, table

# Copies of a block get a row each if there are no more rows than this: a few screens.
_MOST_COPIES = 64


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network, and what a unit of its output sees of the network's input.

    Attributes
    ----------
    layer
        A short description.
    net
        The network from the input up to this layer, made when asked for.
    stride
        Input samples from one unit to the next, per axis.
    offset
        The first input position that unit 0 sees, per axis: -inf for an unbounded field, None for none.
    size
        Size of the theoretical field, per axis.
    output_size
        Samples of its output, per axis; None without an input size.
    channels, parameters, macs
        Output channels, weights and multiply-accumulates; None without an input size and channels.
    """

    layer: str
    _net: Callable[[], Node] = field(repr=False, compare=False)
    stride: tuple[int | Fraction, ...]
    offset: tuple[float | None, ...]
    size: tuple[float, ...]
    output_size: Ints | None = None
    channels: int | None = None
    parameters: int | None = None
    macs: int | None = None

    @cached_property
    def net(self) -> Node:
        """The network from the input up to this layer."""
        return self._net()

    @property
    def start(self) -> tuple[float | None, ...]:
        """The offset, by its name until 0.1."""
        return self.offset

    def as_dict(self) -> dict[str, Any]:
        """Return the readings by name; the size of the field is "field"."""
        known = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "_net"}
        return {"field" if name == "size" else name: value for name, value in known.items()}


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network from input to output; see :func:`layer_table`. Iterating gives the rows."""

    net: Node
    rows: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        headers, cells = self.cells()
        return grid(headers, cells, left=1)

    def __repr__(self) -> str:
        return table(*self.cells(), left=1)

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the headers and the rows as text."""
        sized = any(row.output_size is not None for row in self.rows)
        costed = any(row.channels is not None for row in self.rows)
        headers = ["layer", *(["output"] if sized else []), *(["weights", "MACs"] if costed else [])]
        cells = []
        for row in self.rows:
            line = [row.layer]
            if sized:
                line.append(_shape(row))
            if costed:
                line += [short_count(row.parameters or 0), short_count(row.macs or 0)]
            cells.append([*line, *map(shown_sides, (row.stride, row.offset, row.size))])
        return [*headers, "stride", "offset", "field"], cells


def layer_table(net: Node, input_size: Any = None, channels: int | None = None) -> LayerTable:
    r"""Return a table of the layers of a network, with the theoretical field after each.

    The rows are the elements of a series; a pointwise layer is in the row of the layer before it. Copies of
    a block have a row each, up to 64 rows. The layers of a graph are in the order of the data, each with the
    field of the graph up to there.

    Parameters
    ----------
    net
        A network.
    input_size
        Samples of the input, an int or one per axis; adds the size of each layer's output.
    channels
        Channels of the input; adds the channels, weights and multiply-accumulates of each layer.

    Returns
    -------
    LayerTable
        Its repr is an aligned table, with a single number if all axes are equal. After upsampling the field
        is the largest over the phases.

    Raises
    ------
    ValueError
        If the input is too small for a layer, which the message names, or if the channels do not fit.

    Notes
    -----
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Pool
    >>> block = Conv((3, 3), padding=1, channels=64) >> Activation("relu")
    >>> layer_table(block**2 >> Pool((2, 2)), 32, channels=3)
    layer              output  weights   MACs  stride  offset  field
    ---------------  --------  -------  -----  ------  ------  -----
    Conv 3x3, relu   64x32x32    1.73k  1.77M       1      -1      3
    Conv 3x3, relu   64x32x32    36.9k  37.7M       1      -2      5
    Pool 2x2 /2 avg  64x16x16        0      0       2      -2      6
    """
    several = isinstance(input_size, (tuple, list))
    net = require_network(net)
    ndim = net.ndim or (len(input_size) if several else 1)
    parts, whole = rows_of(net)
    program = program_of(whole, ndim)
    tensors = regions_of(program)
    sizes: list[dict[str, Any]] = [{} for _ in parts]
    if input_size is not None:
        sizes = _sizes(whole, parts, input_size, channels)
    rows = []
    for part, size in zip(parts, sizes, strict=True):
        seen = tensors[program.spans[part.last].output]
        stride, offset = tuple(axis.stride for axis in seen), tuple(axis.start for axis in seen)
        field = tuple(axis.size for axis in seen)
        rows.append(LayerRow(part.layer, part.net, stride, offset, field, **size))
    return LayerTable(net, tuple(rows))


class _Part(NamedTuple):
    """What a row is of: its description, what makes the network up to it, its first and last element."""

    layer: str
    net: Callable[[], Node]
    first: int
    last: int


def rows_of(net: Node) -> tuple[list[_Part], Node]:
    """Return what each row is of, and the network whose program has a span for each of its elements."""
    inner = net.unwrapped
    return (_layers(inner), inner) if isinstance(inner, Graph) else _elements(inner)


def _layers(net: Graph) -> list[_Part]:
    """Return a part for each layer of a graph that its output depends on."""
    up_to = partial(Graph, net.args[0])
    return [
        _Part(f"{name}: {describe(node)}", partial(up_to, name), number, number)
        for number, (name, node, *_) in enumerate(net.order)
    ]


def _elements(net: Node) -> tuple[list[_Part], Node]:
    """Return a part for each element, pointwise ones joined to the one before, and the series of them all."""
    elements = tuple(_walk(net))
    firsts = [i for i, element in enumerate(elements) if not (i and isinstance(element, POINTWISE))]
    parts = []
    for first, after in itertools.pairwise([*firsts, len(elements)]):
        own = elements[first : first + 1 if isinstance(elements[first], BRANCHED) else after]
        name = ", ".join(map(describe, own))
        parts.append(_Part(name, partial(_up_to, elements, after), first, after - 1))
    return parts, series_as_given(elements, net.ndim, net.rate)


def _up_to(elements: tuple[Node, ...], count: int) -> Node:
    return series(elements[:count])


def _walk(node: Node) -> Iterator[Node]:
    """Yield the elements of a series, copies of a block one by one as long as their rows are few."""
    if isinstance(node, Series):
        for part in node.nodes:
            yield from _walk(part)
        return
    inside = list(_walk(node.node)) if isinstance(node, Power) else []
    rows = sum(not isinstance(element, POINTWISE) for element in inside)
    if isinstance(node, Power) and max(rows, 1) * node.n <= _MOST_COPIES:
        yield from inside * node.n
    else:
        yield node


def _sizes(net: Node, parts: Sequence[_Part], input_size: Any, channels: int | None) -> list[dict[str, Any]]:
    """Return the fields of each row that an input size gives, from one pass over the whole network."""
    frame = sized_for(net, input_size)
    spans, layers = frame.program.spans, () if channels is None else cost(net, input_size, channels).layers
    known = [channels, *(layer.channels for layer in layers)]
    found = []
    for part in parts:
        output = spans[part.last].output
        row: dict[str, Any] = {"output_size": frame.sizes[output]}
        if channels is not None:
            own = layers[spans[part.first].operations.start : spans[part.last].operations.stop]
            row |= {"channels": known[output], **_totals(own)}
        found.append(row)
    return found


def _totals(layers: Sequence[LayerCost]) -> dict[str, int]:
    return {name: sum(getattr(layer, name) for layer in layers) for name in ("parameters", "macs")}


def _shape(row: LayerRow) -> str:
    """Return the shape of an output, channels first where they are known."""
    sides = by(row.output_size or ())
    return sides if row.channels is None else f"{row.channels}x{sides}"
