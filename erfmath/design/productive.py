r"""Which layers can still add context: those whose input does not see the whole image already.

A path through a network passes some of its layers; a layer of k taps, its dilation d, widens the field of a
path by (k - 1) d input strides. Branches that join give each tensor a shortest and a longest path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from .._checks import per_axis
from .._html import grid
from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.channels import Weighted
from ..network.describe import describe
from ..network.graph import Graph
from ..network.layers import Conv, ConvTranspose, Pool
from ..network.program import Operation, Program, program_of
from ..network.sizes import axes_of
from ..network.stage import Stage
from ..words import shown_sides, table

PRODUCTIVE, CRITICAL, UNPRODUCTIVE = "productive", "critical", "unproductive"

_LAYERS = (Conv, ConvTranspose, Pool, Weighted)


@dataclass(frozen=True)
class LayerContext:
    """A convolution or a pool of a network, and what its input sees.

    Attributes
    ----------
    layer
        A short description; of a graph's layers with the name in front.
    shortest, longest
        Side of the field of a unit of its input by the shortest and the longest path, per axis.
    verdict
        "unproductive" where even the shortest is larger than the image, along every axis: the layer sees
        nothing new. "critical" where only the longest is. Else "productive".

    Examples
    --------
    >>> import erfmath as em
    >>> layer = em.productive(em.zoo.resnet50(), 32).layers[-1]
    >>> layer.layer, layer.shortest, layer.longest, layer.verdict
    ('Conv 1x1', (75, 75), (427, 427), 'unproductive')
    """

    layer: str
    shortest: Ints
    longest: Ints
    verdict: str


@dataclass(frozen=True, repr=False)
class Productivity:
    """The layers of a network and which of them add context; see :func:`productive`.

    Attributes
    ----------
    layers
        In the order of the data.
    input_size
        Side of the image, per axis.
    suits
        The sides of images that suit the network, (least, most): every layer adds context from the least on,
        and up to the most a unit of the output sees all of an image. Where the least is larger, none does
        both.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.productive(em.zoo.resnet50(), 32)
    >>> len(found.unproductive), len(found.critical), found.suits
    (8, 35, (75, 427))
    >>> found.summary
    '8 of 54 layers add no context at 32, 35 on some paths only; inputs of 75 to 427 suit the network'
    """

    layers: tuple[LayerContext, ...]
    input_size: Ints
    suits: tuple[int, int]

    @property
    def unproductive(self) -> tuple[LayerContext, ...]:
        """The layers that add no context on any path."""
        return tuple(layer for layer in self.layers if layer.verdict == UNPRODUCTIVE)

    @property
    def critical(self) -> tuple[LayerContext, ...]:
        """The layers that add context on some paths only."""
        return tuple(layer for layer in self.layers if layer.verdict == CRITICAL)

    def __iter__(self) -> Iterator[LayerContext]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return f"{table(_HEADERS, self._cells(), left=1)}\n\n{self.summary}"

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return grid(_HEADERS, self._cells(), left=1)

    @property
    def summary(self) -> str:
        """What it comes to, in a sentence."""
        least, most = self.suits
        counted = f"{len(self.unproductive)} of {len(self.layers)} layer{'s' * (len(self.layers) != 1)}"
        return (
            f"{counted} add no context at {shown_sides(self.input_size)}, "
            f"{len(self.critical)} on some paths only; "
            + (f"inputs of {least} to {most} suit the network" if least <= most else "no input size suits")
        )

    def _cells(self) -> list[list[str]]:
        return [
            [row.layer, shown_sides(row.shortest), shown_sides(row.longest), row.verdict]
            for row in self.layers
        ]


_HEADERS = ("layer", "shortest", "longest", "verdict")


def productive(net: Node, input_size: Any) -> Productivity:
    r"""Return which layers of a network can still add context to what their input sees.

    Along a path a unit of the input of layer l sees :math:`1 + \sum_{j<l} (k_j - 1)\, d_j s_1 \cdots s_{j-1}`
    samples. Where that is more than the image has, the layer only rearranges what is known: it is
    unproductive if so on the shortest path, critical if only on the longest. Layers that read a whole map,
    such as squeeze-and-excitation, count as pointwise.

    Parameters
    ----------
    net
        A network.
    input_size
        Side of the image, an int or one per axis.

    Returns
    -------
    Productivity
        The layers, and the range of sizes that suit the network; its repr is a table.

    Raises
    ------
    ValueError
        If a block is repeated more than 100,000 times.

    References
    ----------
    M. L. Richter, J. Schoening, A. Wiedenroth, U. Krumnack, Should you go deeper? Optimizing convolutional
    neural network architectures without training by receptive field analysis, ICMLA 2021.

    Examples
    --------
    >>> from erfmath import Conv, Pool, Residual, productive
    >>> block = Residual(Conv((3, 3), padding=1))
    >>> productive(Conv((3, 3), padding=1) ** 2 >> Pool((2, 2)) >> block**2, 8)
    layer            shortest  longest     verdict
    ---------------  --------  -------  ----------
    Conv 3x3                1        1  productive
    Conv 3x3                3        3  productive
    Pool 2x2 /2 avg         5        5  productive
    Conv 3x3                6        6  productive
    Conv 3x3                6       10    critical
    <BLANKLINE>
    0 of 5 layers add no context at 8, 1 on some paths only; inputs of 6 to 14 suit the network
    >>> from erfmath import zoo
    >>> productive(zoo.resnet50(), 32).suits
    (75, 427)
    """
    ndim = axes_of(net, input_size)
    size = per_axis(input_size, ndim, "input_size", minimum=1)
    program = program_of(net, ndim, unrolled=True)
    layers, behind = _follow(program, _Paths(*((Fraction(1),) * ndim,) * 3))
    names = _names(net, program)
    rows = tuple(_row(_title(program.operations[i], names.get(i)), paths, size) for i, paths in layers)
    least = max((min(row.shortest) for row in rows), default=1)
    return Productivity(rows, size, (least, math.ceil(max(behind.longest))))


class _Paths(NamedTuple):
    """The fields of units by the shortest and the longest path, and the input samples between them."""

    shortest: tuple[Fraction, ...]
    longest: tuple[Fraction, ...]
    rate: tuple[Fraction, ...]

    def through(self, stage: Stage) -> _Paths:
        """Return the paths behind a stage."""
        extents = [
            (k - 1) * d // u * rate
            for k, d, u, rate in zip(
                stage.kernel.shape, stage.dilation, stage.upsampling, self.rate, strict=True
            )
        ]
        widened = [tuple(a + b for a, b in zip(field, extents, strict=True)) for field in self[:2]]
        rate = tuple(a * b for a, b in zip(self.rate, stage.rate, strict=True))
        return _Paths(widened[0], widened[1], rate)


def _follow(program: Program, before: _Paths) -> tuple[list[tuple[int, _Paths]], _Paths]:
    """Return the paths to the input of each layer, by its operation, and those to the output."""
    found, layers = [before], []
    for index, op in enumerate(program.operations):
        paths = _joined([found[source] for source, _ in op.sources])
        if isinstance(op.what, Stage):
            if isinstance(op.node.unwrapped, _LAYERS):
                layers.append((index, paths))
            paths = paths.through(op.what)
        found.append(paths)
    return layers, found[program.output]


def _joined(several: list[_Paths]) -> _Paths:
    """Return the paths to a sum of tensors."""
    return _Paths(
        tuple(map(min, *(paths.shortest for paths in several))) if len(several) > 1 else several[0].shortest,
        tuple(map(max, *(paths.longest for paths in several))) if len(several) > 1 else several[0].longest,
        several[0].rate,
    )


def _names(net: Node, program: Program) -> dict[int, str]:
    """Return the name of the layer that wrote each operation of a graph."""
    inner = net.unwrapped
    if not isinstance(inner, Graph):
        return {}
    pairs = zip(inner.order, program.spans, strict=True)
    return {
        index: entry.name
        for entry, span in pairs
        for index in range(span.operations.start, span.operations.stop)
    }


def _title(op: Operation, name: str | None) -> str:
    return describe(op.node) if name is None else f"{name}: {describe(op.node)}"


def _row(name: str, paths: _Paths, size: Ints) -> LayerContext:
    shortest, longest = (tuple(map(math.ceil, ends)) for ends in paths[:2])
    if all(a > side for a, side in zip(shortest, size, strict=True)):
        verdict = UNPRODUCTIVE
    elif all(a > side for a, side in zip(longest, size, strict=True)):
        verdict = CRITICAL
    else:
        verdict = PRODUCTIVE
    return LayerContext(name, shortest, longest, verdict)
