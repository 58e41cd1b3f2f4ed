"""The table of the layers of a network, with the theoretical field after each."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from .._checks import as_count
from ..models.model import Model
from ..network.algebra import Node, Power, Series, require_network, series, series_as_given
from ..network.cost import LayerCost, cost
from ..network.describe import BRANCHED, POINTWISE, describe
from ..network.graph import Graph
from ..network.program import program_of
from ..network.regions import regions_of
from ..network.shares import shares_by_span
from ..network.sizes import axes_of, sized_for
from .model_rows import model_rows
from .row import Field, LayerRow
from .table import LayerTable

# Copies of a block get a row each if there are no more rows than this: a few screens.
_MOST_COPIES = 64


def layer_table(
    net: Node, input_size: Any = None, channels: int | None = None, depth: int | None = None
) -> LayerTable:
    r"""Return a table of the layers of a network, with the theoretical field after each.

    The rows are the elements of a series; a pointwise layer is in the row of the layer before it. Copies of
    a block have a row each, up to 64 rows. The layers of a graph are in the order of the data, each with the
    field of the graph up to there.

    The rows of a Model are its submodules, or the nodes of a file, as a tree: all that it holds and runs,
    what follows the last map included, so that the columns add up to the parameters and operations of the
    whole.

    Parameters
    ----------
    net
        A network, or a Model.
    input_size
        Samples of the input, an int or one per axis; adds the size of each layer's output. None means that
        of a Model.
    channels
        Channels of the input; adds the channels, weights and multiply-accumulates of each layer. A Model
        has its own.
    depth
        How many levels of modules inside modules have rows; what is deeper is added to the row around it.

    Returns
    -------
    LayerTable
        Its repr is an aligned table, with a single number if all axes are equal. After upsampling the field
        is the largest over the phases. It is written by `to_csv`, `to_markdown`, `to_latex`, and becomes a
        data frame by `to_pandas` or `to_polars`.

    Raises
    ------
    ValueError
        If the input is too small for a layer, which the message names, or if the channels do not fit.

    References
    ----------
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Pool, layer_table
    >>> block = Conv((3, 3), padding=1, channels=64) >> Activation("relu")
    >>> layer_table(block**2 >> Pool((2, 2)), 32, channels=3)
    layer              output  weights   MACs  stride  offset  field
    ---------------  --------  -------  -----  ------  ------  -----
    Conv 3x3, relu   64x32x32    1.73k  1.77M       1      -1      3
    Conv 3x3, relu   64x32x32    36.9k  37.7M       1      -2      5
    Pool 2x2 /2 avg  64x16x16        0      0       2      -2      6
    """
    levels = None if depth is None else as_count(depth, "depth", minimum=1)
    known = require_network(net)
    if isinstance(net, Model) and net.has_parts:
        table = LayerTable(net, model_rows(net, input_size, channels))
    else:
        table = LayerTable(known, tuple(_rows(known, input_size, channels)))
    return table if levels is None else table.folded(levels)


def _rows(net: Node, input_size: Any, channels: int | None) -> list[LayerRow]:
    """Return the rows of a network."""
    ndim = axes_of(net, input_size)
    parts, whole = rows_of(net)
    program = program_of(whole, ndim)
    tensors = regions_of(program)
    sizes: list[dict[str, Any]] = [{} for _ in parts]
    if input_size is not None:
        sizes = _sizes(whole, parts, input_size, channels)
    shares = functools.cache(partial(shares_by_span, whole, ndim))
    rows = []
    for part, size in zip(parts, sizes, strict=True):
        seen = Field.of(tensors[program.spans[part.last].output])
        own = partial(_share, shares, slice(part.first, part.last + 1))
        known: dict[str, Any] = {"path": part.path, "name": part.path, "kind": part.kind, **size}
        rows.append(LayerRow(part.layer, part.net, *seen, **known, _share=own))
    return rows


def _share(shares: Callable[[], Any], layers: slice) -> float | None:
    """Return what some layers make of the variance."""
    found = shares()
    return None if found is None else sum(found[layers])


class _Part(NamedTuple):
    """What a row is of: what it is, what makes the network up to it, its first and last element, its name."""

    kind: str
    net: Callable[[], Node]
    first: int
    last: int
    path: str = ""

    @property
    def layer(self) -> str:
        """The name and what it is."""
        return f"{self.path}: {self.kind}" if self.path else self.kind


def rows_of(net: Node) -> tuple[list[_Part], Node]:
    """Return what each row is of, and the network whose program has a span for each of its elements."""
    inner = net.unwrapped
    return (_layers(inner), inner) if isinstance(inner, Graph) else _elements(inner)


def _layers(net: Graph) -> list[_Part]:
    """Return a part for each layer of a graph that its output depends on."""
    up_to = partial(Graph, net.args[0])
    return [
        _Part(describe(node), partial(up_to, name), number, number, name)
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
    return {name: sum(getattr(layer, name) for layer in layers) for name in ("parameters", "macs", "memory")}
