"""Designs of a receptive field as values: the layers, the network that they are, what they cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .._html import card, grid
from ..laws.effective import effective_field
from ..network.algebra import Node, series
from ..network.arguments import Ints
from ..network.layers import Conv
from ..words import figure, human_bytes, short_count, table

# What a design can cost, in the order of a table, for one unit of its output.
COSTS = ("taps", "parameters", "operations", "memory", "latency")

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Design:
    """Layers that reach a field; see :func:`find_designs`.

    Attributes
    ----------
    kernel_sizes, dilations, strides
        One int per layer, from the input on; the same along every axis.
    ndim, channels, causal
        As asked for.
    cost
        What was minimised, in its unit.
    bound
        No design of this depth costs less: equal to the cost where that is proved to be the least.

    Examples
    --------
    >>> import erfmath as em
    >>> design = em.find_designs(64)[-1]
    >>> design.kernel_sizes, design.dilations, design.depth, design.field, design.cost, design.is_minimal
    ((4, 4, 4), (1, 4, 16), 3, 64, 12, True)
    >>> design.taps, design.parameters, design.operations, design.memory, design.latency, design.effective
    (12, 12, 12, 12, 32, 64.0)
    >>> design.net.nodes[0]
    Conv(4, padding=((1, 2),))
    """

    kernel_sizes: Ints
    dilations: Ints
    strides: Ints
    ndim: int
    channels: int | None
    causal: bool
    cost: int
    bound: int

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.kernel_sizes)

    @property
    def is_minimal(self) -> bool:
        """Whether no design of this depth costs less."""
        return self.cost == self.bound

    @cached_property
    def net(self) -> Node:
        """The network."""
        layers = zip(self.kernel_sizes, self.dilations, self.strides, strict=True)
        return series(
            Conv(
                (taps,) * self.ndim,
                stride=stride,
                dilation=dilation,
                padding=_padding((taps - 1) * dilation, self.ndim, self.causal),
                channels=self.channels,
            )
            for taps, dilation, stride in layers
        )

    @property
    def field(self) -> int:
        """Side of the theoretical field."""
        return 1 + sum((k - 1) * step for k, step in zip(self.kernel_sizes, self._steps, strict=True))

    @property
    def taps(self) -> int:
        """Taps of all layers, over all axes."""
        return sum(k**self.ndim for k in self.kernel_sizes)

    @property
    def parameters(self) -> int:
        """Weights of all layers, a channel in and out where none are given."""
        return self.taps * (self.channels or 1) ** 2

    @property
    def operations(self) -> int:
        """Multiply-accumulates for one unit of the output, all its channels."""
        units = zip(self._units, self.kernel_sizes, strict=True)
        taps: int = sum(count * k**self.ndim for count, k in units)
        return taps * (self.channels or 1) ** 2

    @property
    def memory(self) -> int:
        """Bytes of the activations for one unit of the output, as training keeps them."""
        return sum(self._units) * (self.channels or 1) * FLOAT

    @property
    def latency(self) -> int:
        """Input samples that a unit waits for beyond those that it stands for."""
        if self.causal:
            return 0
        layers = zip(self.kernel_sizes, self.dilations, self._rates, strict=True)
        ahead = sum(_behind((k - 1) * dilation) * rate for k, dilation, rate in layers)
        return max(0, ahead - math.prod(self.strides) + 1)

    @cached_property
    def effective(self) -> float:
        """Side of the effective field, beside its largest impact; see :func:`erfmath.effective_field`."""
        return float(effective_field(self.net, ref="max").size)

    @property
    def _steps(self) -> Ints:
        """The input samples between the taps of each layer."""
        return tuple(d * rate for d, rate in zip(self.dilations, self._rates, strict=True))

    @property
    def _rates(self) -> Ints:
        """The strides before each layer, as one."""
        return tuple(math.prod(self.strides[:layer]) for layer in range(self.depth))

    @property
    def _units(self) -> Ints:
        """How many units of each layer one unit of the output stands for."""
        return tuple(math.prod(self.strides[layer + 1 :]) ** self.ndim for layer in range(self.depth))


@dataclass(frozen=True)
class Designs(Sequence[Design]):
    """Designs of one field, the shallowest first; see :func:`find_designs`.

    Attributes
    ----------
    designs
        The front: each is cheaper than those before it.
    unit
        What was minimised.
    open_bound
        What a deeper design would cost at least, where the search was too long to rule one out; else None.

    Examples
    --------
    >>> import erfmath as em
    >>> front = em.find_designs(64)
    >>> [design.cost for design in front], front.unit, front.open_bound
    ([64, 16, 12], 'taps', None)
    >>> front.as_dicts()[0]["kernel_sizes"]
    (64,)
    """

    designs: tuple[Design, ...]
    unit: str
    open_bound: int | None = None

    def __len__(self) -> int:
        return len(self.designs)

    def __getitem__(self, index: Any) -> Any:
        return self.designs[index]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the designs as plain dictionaries, the networks as their repr."""
        names = ("depth", "field", "effective", "kernel_sizes", "dilations", "strides", *COSTS)
        return [
            {name: getattr(design, name) for name in names}
            | {"cost": design.cost, "bound": design.bound, "net": repr(design.net)}
            for design in self.designs
        ]

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, [table(*self._cells()), self._open_text]))

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return card(self._open_text, (), grid(*self._cells()))

    @property
    def _open_text(self) -> str:
        """What is not ruled out, in words."""
        if self.open_bound is None:
            return ""
        return f"other depths: not ruled out from {_amount(self.unit, self.open_bound)} on"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the headers and the rows as text."""
        strided = any(max(design.strides) > 1 for design in self.designs)
        headers = ["depth", "kernel sizes", "dilations", *(["strides"] if strided else [])]
        cells = [
            [
                str(design.depth),
                *map(_row, (design.kernel_sizes, design.dilations)),
                *([_row(design.strides)] if strided else []),
                str(design.field),
                figure(round(design.effective, 1)),
                _amount(self.unit, design.cost),
                "yes" if design.is_minimal else f"{_amount(self.unit, design.bound)} or more",
            ]
            for design in self.designs
        ]
        return [*headers, "field", "effective", self.unit, "least"], cells


def _padding(extent: int, ndim: int, causal: bool) -> Any:
    """Return the samples before and behind that keep as many units as there are inputs."""
    return ((extent, 0) if causal else (extent // 2, _behind(extent)),) * ndim


def _behind(extent: int) -> int:
    """Return how many of the samples added are behind."""
    return extent - extent // 2


def _row(values: Ints) -> str:
    """Return numbers in a row, many equal ones by how many they are."""
    words: list[str] = []
    for value, group in itertools.groupby(values):
        count = len(list(group))
        words += [str(value)] * count if count < 7 else [f"{value} (x{count})"]
    return " ".join(words)


def _amount(unit: str, amount: int) -> str:
    return (
        human_bytes(amount) if unit == "memory" else short_count(amount) if amount >= 10**4 else str(amount)
    )
