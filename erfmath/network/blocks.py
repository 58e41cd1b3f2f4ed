"""Blocks of samples made of blocks of samples: what attention in windows reads, and runs of an axis moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._checks import as_count, is_index
from ..polynomials.kernel import Kernel
from .algebra import Identity, Node, Sum, series
from .arguments import Ints, set_fields
from .channels import Rearranged
from .layers import Conv, ConvTranspose, Upsample
from .stage import lower
from .variance import variance

Reads = tuple[Ints, ...]  # of each unit of a block of the output


@dataclass(frozen=True, init=False, repr=False)
class Blocks(Node):
    r"""Blocks made of blocks: unit u b + r averages the samples s b + p for all p that r reads, on each axis.

    Attention in windows of w has s = u = w, and every unit reads 0 .. w - 1.

    Parameters
    ----------
    size
        Samples s from one block to the next, an int per axis; a single int on one axis.
    reads
        Per axis, for each of the u units of a block of the output, which samples it reads, counted from the
        beginning of its block: sequences of ints, which may lie in other blocks. With a single int for the
        size those of its only axis.

    Raises
    ------
    TypeError, ValueError
        If a size is no positive int, a unit reads nothing, or the numbers of axes differ.

    Examples
    --------
    >>> from erfmath import Conv, receptive_field
    >>> window = Blocks(4, [range(4)] * 4)
    >>> receptive_field(Conv(3, padding=1) >> window).region(2)
    (-1, 4)
    """

    size: Ints
    reads: tuple[Reads, ...]

    def __init__(self, size: int | Sequence[int], reads: Sequence[Any]) -> None:
        sizes: Sequence[Any] = [size] if is_index(size) else size  # type: ignore[assignment]
        axes = [reads] if is_index(size) else list(reads)
        if len(sizes) != len(axes) or not sizes:
            raise ValueError(
                f"size and reads must have an entry for each axis, got {len(sizes)} and {len(axes)}"
            )
        found = tuple(tuple(tuple(map(int, places)) for places in axis) for axis in axes)
        if not all(found) or not all(places for axis in found for places in axis):
            raise ValueError("reads must name a sample for every unit")
        set_fields(self, size=tuple(as_count(side, "size", minimum=1) for side in sizes), reads=found)


def windows(sides: Sequence[int]) -> Blocks:
    """Return attention in windows of some sides: each unit reads all of its window."""
    return Blocks(sides, [[range(side)] * side for side in sides])


@lower.register
def _(node: Blocks) -> Node:
    return _written(node, 1)


@variance.register
def _(net: Blocks, init: str = "he") -> Node:
    return _written(net, 2)


def _written(node: Blocks, power: int) -> Node:
    """Return the layers that a node is, axis by axis; an average of n samples passes 1/n**power of each."""
    ndim, parts = len(node.size), []
    for axis, (size, reads) in enumerate(zip(node.size, node.reads, strict=True)):
        branches = [_branch(axis, ndim, size, reads, places, power) for places in dict.fromkeys(reads)]
        parts.append(branches[0] if len(branches) == 1 else Sum(branches))
    return series(parts)


def _branch(axis: int, ndim: int, size: int, reads: Reads, places: Ints, power: int) -> Node:
    """Return the average of some samples of each block, put where the units that read them are."""
    first, last, count = min(places), max(places), len(reads)
    if size == count == 1 and (first, last) == (0, 0):
        return Identity()
    taps = [Fraction(int(p in places), len(places) ** power) for p in range(first, last + 1)]
    down = Conv(_along(taps, first, axis, ndim), _spread(size, axis, ndim))
    if reads == (places,) * count:
        up: Any = Upsample(_spread(count, axis, ndim))
    else:
        units = [int(own == places) for own in reads]
        up = ConvTranspose(_along(units, 0, axis, ndim), _spread(count, axis, ndim))
    return series([Rearranged(down), Rearranged(up)] if count > 1 else [Rearranged(down)])


def _along(taps: Sequence[Any], offset: int, axis: int, ndim: int) -> Kernel:
    """Return taps on one of the axes."""
    weights: Any = list(taps)
    for _ in range(ndim - 1 - axis):
        weights = [[weight] for weight in weights]
    for _ in range(axis):
        weights = [weights]
    return Kernel(weights, tuple(offset if a == axis else 0 for a in range(ndim)) if ndim > 1 else offset)


def _spread(value: int, axis: int, ndim: int) -> Ints:
    return tuple(value if a == axis else 1 for a in range(ndim))
