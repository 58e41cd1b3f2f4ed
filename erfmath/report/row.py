"""One row of a table of layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from ..laws.effective import effective_field
from ..laws.lazy import distribution
from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.regions import Regions


class Field(NamedTuple):
    """The theoretical field of the units of a tensor, per axis."""

    stride: tuple[int | Fraction, ...] = ()
    offset: tuple[float | None, ...] = ()
    size: tuple[float, ...] = ()
    halo: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, axes: Sequence[Regions]) -> Field:
        """Return the field from what the units of each phase see."""
        return cls(
            tuple(axis.stride for axis in axes),
            tuple(axis.start for axis in axes),
            tuple(axis.size for axis in axes),
            tuple(map(_halo, axes)),
        )


def _halo(axis: Regions) -> tuple[float, float]:
    """Return how many samples (before, after) a tile needs, of tiles that begin where the phases repeat."""
    seen = [region for region in axis.phases if region]
    whole = axis.rate * len(axis.phases)
    before = max([0, *(-low for low, _ in seen)])
    return before, max([0, *(high - math.ceil(whole) + 1 for _, high in seen)])


def side_of(seen: Field, net: Callable[[], Node]) -> float | None:
    """Return the side of the effective field by the default definition, None where there is none."""
    if not seen.size or not all(0 < side < math.inf for side in seen.size):
        return None
    try:
        return effective_field(distribution(net())).size
    except (ValueError, MemoryError):
        return None


def _unknown() -> None:
    return None


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
    halo
        Samples (before, after) that a tile needs around it, per axis; see :meth:`ReceptiveField.halo`.
    output_size
        Samples of its output, per axis; None without an input size.
    channels, parameters, macs
        Output channels, parameters and multiply-accumulates; None without an input size and channels.
    memory
        Bytes of what it writes, 4 a number.
    path, name, kind
        The path of a module or the name of a node, "" without one; what it is called in the module around
        it; and what it is.
    depth
        How deep it is in modules, 1 for one that is in none.
    shape
        The shape of what a part of a model makes, without the batch; None where it is not known.
    is_around
        Whether rows of its own parts follow, which it does not count.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.Conv(3, padding=1, channels=8) >> em.Conv(5, stride=2, channels=4)
    >>> row = em.layer_table(net, 32, channels=1).rows[1]
    >>> row.layer, row.size, row.stride, row.offset, row.halo, row.output_size, row.macs
    ('Conv 5 /2', (7,), (2,), (-1,), ((1, 4),), (14,), 2240)
    >>> row.net == net, round(row.share, 3), row.effective, row.start == row.offset
    (True, 0.75, 7.0, True)
    """

    layer: str
    _net: Callable[[], Node] = field(repr=False, compare=False)
    stride: tuple[int | Fraction, ...]
    offset: tuple[float | None, ...]
    size: tuple[float, ...]
    halo: tuple[tuple[float, float], ...] = ()
    output_size: Ints | None = None
    channels: int | None = None
    parameters: int | None = None
    macs: int | None = None
    memory: int | None = None
    path: str = ""
    name: str = ""
    kind: str = ""
    depth: int = 1
    shape: Ints | None = None
    is_around: bool = False
    _share: Callable[[], float | None] = field(default=_unknown, repr=False, compare=False)
    _effective: Callable[[], float | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def net(self) -> Node:
        """The network from the input up to this layer."""
        return self._net()

    @cached_property
    def share(self) -> float | None:
        """What the layer makes of the variance of the impact on the network's output, None where it has none.

        The shares of all layers add up to 1; a sum of branches has one where these see different places.
        """
        return self._share()

    @cached_property
    def effective(self) -> float | None:
        """The side of the effective field, by the default definition; None where there is none."""
        if self._effective is not None:
            return self._effective()
        return side_of(Field(size=self.size), lambda: self.net)

    @property
    def start(self) -> tuple[float | None, ...]:
        """The offset, by its name until 0.1."""
        return self.offset

    def as_dict(self) -> dict[str, Any]:
        """Return the readings by name; the size of the field is "field".

        Examples
        --------
        >>> import erfmath as em
        >>> row = em.layer_table(em.Conv(3, padding=1), 32).rows[0].as_dict()
        >>> row["field"], row["output_size"], row["halo"]
        ((3,), (32,), ((1, 1),))
        """
        return {
            "layer": self.layer,
            "path": self.path,
            "depth": self.depth,
            "stride": self.stride or None,
            "offset": self.offset or None,
            "field": self.size or None,
            "halo": self.halo or None,
            "share": self.share,
            "output_size": self.output_size,
            "channels": self.channels,
            "parameters": self.parameters,
            "macs": self.macs,
            "memory": self.memory,
        }
