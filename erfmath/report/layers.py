"""The table of a network that people know: layer by layer, what one unit of its output sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

from ..network.algebra import Identity, Node, Power, Series, Sum, series
from ..network.arguments import Ints
from ..network.branches import Concat, Residual
from ..network.channels import Channels, Rearranged, Scaled, Weighted
from ..network.cost import LayerCost, cost
from ..network.field import ReceptiveField, receptive_field, require_network
from ..network.graph import INPUT, Graph
from ..network.layers import (
    Activation,
    Conv,
    ConvTranspose,
    Dropout,
    GlobalPool,
    Normalization,
    Pool,
    Upsample,
)
from ..network.moves import Pad, Slice
from ..network.program import program_of
from ..network.rates import Gain
from ..network.sizes import sized_for
from ..words import per_axis_text, short_count, table

# Copies of a block get a row each as long as they are no more rows than this.
_MOST_COPIES = 64

_LONGEST = 40

_POINTWISE = (Activation, Channels, Dropout, Identity, Scaled)
_BRANCHED = (Residual, Sum, Concat)


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
    start
        The first input position that unit 0 sees, per axis: -inf for an unbounded field, None for none.
    size
        Side of the theoretical field, per axis.
    output_size
        Samples that the layer makes, per axis; None without an input size.
    channels, parameters, macs
        Output channels, weights and multiply-accumulates; None without an input size and channels.
    """

    layer: str
    _net: Callable[[], Node] = field(repr=False, compare=False)
    stride: tuple[int | Fraction, ...]
    start: tuple[float | None, ...]
    size: tuple[float, ...]
    output_size: Ints | None = None
    channels: int | None = None
    parameters: int | None = None
    macs: int | None = None

    @cached_property
    def net(self) -> Node:
        """The network from the input up to this layer."""
        return self._net()

    def as_dict(self) -> dict[str, Any]:
        """Return the readings by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "_net"}


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network from input to output; see :func:`layer_table`. Iterating gives the rows."""

    net: Node
    rows: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
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
            cells.append([*line, *map(per_axis_text, (row.stride, _shown(row.start), _shown(row.size)))])
        return table([*headers, "stride", "start", "field"], cells, left=1)


def layer_table(net: Node, input_size: Any = None, channels: int | None = None) -> LayerTable:
    r"""Return the layers of a network with stride, start and size of the theoretical field behind each.

    The rows are the elements of a series, pointwise layers in the row of the layer before them. Copies of a
    block have a row each, up to 64 rows of them; the layers of a graph stand in the order of the data, each
    with the field of the graph up to there.

    Parameters
    ----------
    net
        A network.
    input_size
        Samples of the input, an int or one per axis: adds the size of each layer's output.
    channels
        Channels of the input: adds channels, weights and multiply-accumulates of each layer.

    Returns
    -------
    LayerTable
        Its repr is an aligned table; a number stands for all axes where they agree. After upsampling the
        field is the largest over the phases.

    Raises
    ------
    ValueError
        If the input is too small for a layer, which is named, or the channels do not fit.

    Notes
    -----
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Pool
    >>> block = Conv((3, 3), padding=1, channels=64) >> Activation("relu")
    >>> layer_table(block**2 >> Pool((2, 2)), 32, channels=3)
    layer              output  weights   MACs  stride  start  field
    ---------------  --------  -------  -----  ------  -----  -----
    Conv 3x3, relu   64x32x32    1.73k  1.77M       1     -1      3
    Conv 3x3, relu   64x32x32    36.9k  37.7M       1     -2      5
    Pool 2x2 /2 avg  64x16x16        0      0       2     -2      6
    """
    several = isinstance(input_size, (tuple, list))
    ndim = require_network(net).ndim or (len(input_size) if several else 1)
    parts = _graph_parts(net) if isinstance(net, Graph) else _series_parts(net)
    fields = _fields(parts, ndim)
    sizes: list[dict[str, Any]] = [{} for _ in parts]
    if input_size is not None:
        sizes = _sizes(net, parts, input_size, channels)
    rows = zip(parts, fields, sizes, strict=True)
    return LayerTable(net, tuple(LayerRow(p.layer, p.net, *f, **s) for p, f, s in rows))


@dataclass(frozen=True)
class _Part:
    """What a row is of: its description, what makes the network up to it, its own, and what that reads.

    `sources` are (number of the part, gain), -1 for the input.
    """

    layer: str
    net: Callable[[], Node]
    own: Node
    sources: tuple[tuple[int, Gain], ...]


def _graph_parts(net: Graph) -> list[_Part]:
    """Return a part for each layer of a graph that its output depends on."""
    layers = net.args[0]
    numbers = {INPUT: -1, **{entry.name: i for i, entry in enumerate(net.order)}}
    return [
        _Part(
            f"{name}: {describe(node)}",
            partial(Graph, layers, name),
            node,
            tuple((numbers[source], gain) for source, gain in sources),
        )
        for name, node, sources, _ in net.order
    ]


def _series_parts(net: Node) -> list[_Part]:
    """Return a part for each element of a series, pointwise ones joined to the part before them."""
    rows: list[tuple[tuple[Node, ...], tuple[Node, ...]]] = []
    for element, path in _walk(net, ()):
        if rows and isinstance(element, _POINTWISE):
            rows[-1] = (*rows[-1][0], element), path
        else:
            rows.append(((element,), path))
    return [
        _Part(_joined(own), partial(series, path), series(own), ((number - 1, 1),))
        for number, (own, path) in enumerate(rows)
    ]


def _walk(node: Node, before: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Yield (element, elements up to and with it); copies of a block before it stay one power."""
    if isinstance(node, Series):
        for part in node.nodes:
            yield from _walk(part, before)
            before = (*before, part)
        return
    inside = list(_walk(node.node, ())) if isinstance(node, Power) else []
    rows = sum(not isinstance(element, _POINTWISE) for element, _ in inside)
    if not isinstance(node, Power) or max(rows, 1) * node.n > _MOST_COPIES:
        yield node, (*before, node)
        return
    for copy in range(node.n):
        copies = (*before, *([Power(node.node, copy)] if copy else []))
        for element, path in inside:
            yield element, (*copies, *path)


_Field = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def _fields(parts: Sequence[_Part], ndim: int) -> list[_Field]:
    """Return (stride, start, size) of each part.

    As long as all units see the same pattern, a layer of stride s', start u' and size r' behind one of s, u
    and r gives s s', u + s u' and r + s (r' - 1): no need to go back to the input each time.
    """
    unit: _Field = ((1,) * ndim, (0,) * ndim, (1,) * ndim)
    found: list[_Field] = []
    alike: list[bool] = []  # whether all units of a part see the same pattern
    for part in parts:
        sources = [number for number, gain in part.sources if gain]
        if all(number < 0 or alike[number] for number in sources):
            before = [unit if number < 0 else found[number] for number in sources]
            field = _behind(_union(before), _read(part.own, ndim))
            alike.append(set(program_of(part.own, ndim).period) == {1} and None not in field[1])
        else:
            field = _read(part.net(), ndim)
            alike.append(False)
        found.append(field)
    return found


def _union(fields: Sequence[_Field]) -> _Field:
    """Return the field of a sum."""
    starts = [field[1] for field in fields]
    first = tuple(map(min, zip(*starts, strict=True)))
    ends = [tuple(map(sum, zip(start, size, strict=True))) for _, start, size in fields]
    if math.inf in (size for _, _, sizes in fields for size in sizes):
        return fields[0][0], (-math.inf,) * len(first), (math.inf,) * len(first)
    sizes = tuple(max(end) - low for low, end in zip(first, zip(*ends, strict=True), strict=True))
    return fields[0][0], first, sizes


def _behind(before: _Field, own: _Field) -> _Field:
    """Return the field of a layer behind another; a unit that sees nothing has no start."""
    (strides, starts, sizes), (own_strides, own_starts, own_sizes) = before, own
    return (
        tuple(s * stride for s, stride in zip(strides, own_strides, strict=True)),
        tuple(
            None if start is None else u + s * start
            for s, u, start in zip(strides, starts, own_starts, strict=True)
        ),
        tuple(
            r + s * (size - 1) if r and size else 0
            for s, r, size in zip(strides, sizes, own_sizes, strict=True)
        ),
    )


def _read(net: Node, ndim: int) -> _Field:
    """Return (stride, start, size) of a network, on each of the axes where it fits any number of them."""
    field = receptive_field(net)
    ends = (field.stride, _starts(field), field.size)
    strides, starts, sizes = ends if field.ndim > 1 else [(value,) * ndim for value in ends]
    return strides, starts, sizes


def _starts(field: ReceptiveField) -> Any:
    """Return the first position that the first phase to see any sees, None where none does."""
    if field.unbounded is not None:
        return field.offset
    axes = field.phases if field.ndim > 1 else (field.phases,)
    starts = tuple(next((p.region[0] for p in phases if p.region), None) for phases in axes)
    return starts if field.ndim > 1 else starts[0]


def _sizes(net: Node, parts: Sequence[_Part], input_size: Any, channels: int | None) -> list[dict[str, Any]]:
    """Return the fields of each row that an input size gives, from one pass over the whole network.

    The network is written as its program is: a part first adds up what it reads where that takes an
    operation, then follow its own.
    """
    frame = sized_for(net, input_size)
    layers = () if channels is None else cost(net, input_size, channels).layers
    known = [1 if channels is None else channels, *(layer.channels for layer in layers)]
    tensors: dict[int, int] = {-1: 0}
    found, done = [], 0
    for number, part in enumerate(parts):
        begin, inside = done, program_of(part.own, frame.program.ndim, unrolled=True)
        if len(part.sources) == 1 and part.sources[0][1] == 1:
            tensor = tensors[part.sources[0][0]]
        else:
            done += 1
            tensor = done
        tensors[number] = done + inside.output if inside.output else tensor
        done += len(inside.operations)
        row: dict[str, Any] = {"output_size": frame.sizes[tensors[number]]}
        if channels is not None:
            row |= {"channels": known[tensors[number]], **_totals(layers[begin:done])}
        found.append(row)
    if done != len(frame.program.operations):
        raise AssertionError("the rows of the table and the operations of the program have gone apart")
    return found


def _totals(layers: Sequence[LayerCost]) -> dict[str, int]:
    return {name: sum(getattr(layer, name) for layer in layers) for name in ("parameters", "macs")}


def _joined(own: Sequence[Node]) -> str:
    """Return a layer and the pointwise ones behind it, left out behind branches."""
    return ", ".join(map(describe, own[:1] if isinstance(own[0], _BRANCHED) else own))


def describe(node: Node) -> str:
    """Return what a layer is in a few words, such as "Conv 7x7 /2"; of branches what they hold.

    >>> from erfmath import Conv, Residual
    >>> describe(Residual(Conv(1) >> Conv(3, dilation=2, padding=2) >> Conv(1)))
    'Residual: 1, 3 dilation 2, 1'
    """
    if isinstance(node, Weighted):
        return describe(node.layer)
    if isinstance(node, Rearranged):
        is_up = isinstance(node.layer, Upsample)
        return "Channels to space" if is_up else "Space to channels"
    if isinstance(node, _BRANCHED):
        return _branches(node)
    if isinstance(node, Graph):
        return f"Graph of {len(node.order)} layers"
    if isinstance(node, Power):
        alone = not isinstance(node.node, Series)
        return f"{node.n} x " + (describe(node.node) if alone else f"({_inside(node.node)})")
    if isinstance(node, Series):
        return _inside(node)
    if isinstance(node, Conv):
        return f"Conv {_layer(node)}"
    return _layer(node)


def _branches(node: Residual | Sum | Concat) -> str:
    """Return the name of a node with branches and what they hold, or how many, whichever is short."""
    name = node.heading()
    if isinstance(node, Residual):
        text = f"{name}: {_inside(node.branch)}"
        return text if len(text) <= _LONGEST else name
    text = f"{name}: {' | '.join(_inside(branch) or 'identity' for branch in node.branches)}"
    return text if len(text) <= _LONGEST else f"{name} of {len(node.branches)} branches"


def _inside(node: Node) -> str:
    """Return the layers of a branch, pointwise ones left out and convolutions by their sizes."""
    if isinstance(node, Series):
        return ", ".join(filter(None, map(_inside, node.nodes)))
    if isinstance(node, Power):
        inside = _inside(node.node)
        return ", ".join([inside] * node.n) if node.n <= 3 else f"{node.n} x ({inside})"
    if isinstance(node, _POINTWISE):
        return ""
    return _layer(node) if isinstance(node, Conv) else describe(node)


def _layer(node: Node) -> str:
    """Return a single layer, a convolution without its name."""
    match node:
        case Conv():
            return _convolution(node)
        case ConvTranspose():
            size = _by(node.kernel.shape) + _wider(node.dilation)
            return f"ConvTranspose {size} x{per_axis_text(node.stride)}"
        case Pool():
            mode = "avg" if node.mode == "average" else node.mode
            return f"Pool {_by(node.size)}{_slower(node.stride)}{_wider(node.dilation)} {mode}"
        case Pad():
            return "Pad" if node.mode == "zeros" else f"Pad {node.mode}"
        case Slice():
            return f"Slice{_slower(node.step)}"
        case Upsample():
            return f"Upsample x{per_axis_text(node.factor)} {node.mode}"
    return _other(node)


def _convolution(node: Conv) -> str:
    depthwise = " depthwise" if node.groups > 1 and node.groups == node.channels else ""
    grouped = f" groups {node.groups}" if node.groups > 1 and not depthwise else ""
    return _by(node.kernel.shape) + _slower(node.stride) + _wider(node.dilation) + depthwise + grouped


def _other(node: Node) -> str:
    """Return a layer without taps, or one from elsewhere."""
    match node:
        case Activation():
            return node.name
        case Dropout():
            return f"dropout {float(node.p):g}"
        case Identity():
            return "identity"
        case GlobalPool():
            return "Global pool"
        case Normalization():
            return node.name
    text = repr(node)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _by(sides: Ints) -> str:
    return "x".join(map(str, sides))


def _slower(stride: Ints) -> str:
    return "" if set(stride) == {1} else f" /{_by(stride) if len(set(stride)) > 1 else stride[0]}"


def _wider(dilation: Ints) -> str:
    return (
        ""
        if set(dilation) == {1}
        else f" dilation {_by(dilation) if len(set(dilation)) > 1 else dilation[0]}"
    )


def _shape(row: LayerRow) -> str:
    """Return the shape of an output, channels first where they are known."""
    sides = _by(row.output_size or ())
    return sides if row.channels is None else f"{row.channels}x{sides}"


def _shown(values: Sequence[float | None]) -> list[str]:
    return ["none" if v is None else "all" if math.isinf(v) else str(v) for v in values]
