"""How many samples each layer makes of an input of a given size, and which sizes fit."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._checks import as_count, per_axis
from ..polynomials.kernel import Kernel
from .algebra import Node, require_network
from .arguments import Ints, plain_size
from .program import Operation, Program, program_of
from .rates import short
from .stage import Stage, Unbounded


@dataclass(frozen=True, eq=False)
class Sized:
    """A program, copies written out, with the size of every tensor.

    Attributes
    ----------
    sizes
        Samples per axis of each tensor.
    pooled
        Whether a tensor is a single value for a whole axis, which fits any size it is added to, per axis.
    has_rest
        Whether a stride leaves samples at the end of an input unread, per axis.
    """

    program: Program
    sizes: tuple[Ints, ...]
    pooled: tuple[tuple[bool, ...], ...]
    has_rest: tuple[bool, ...]

    @property
    def output(self) -> Ints:
        """Samples per axis of the output."""
        return self.sizes[self.program.output]


@functools.lru_cache(maxsize=64)
def sized(program: Program, size: Ints) -> Sized:
    """Return the sizes of all tensors of an unrolled program, or raise naming the layer that does not fit."""
    sizes, pooled, rest = [size], [(False,) * len(size)], [False] * len(size)
    for op in program.operations:
        before, is_pooled = _joined(op, sizes, pooled, size)
        if isinstance(op.what, Unbounded):
            gone = [op.what.pools(axis) for axis in range(len(size))]
            before = tuple(1 if flag else side for flag, side in zip(gone, before, strict=True))
            is_pooled = tuple(a or b for a, b in zip(gone, is_pooled, strict=True))
        elif isinstance(op.what, Stage):
            for axis, samples in enumerate(before):
                room = op.what.upsampling[axis] * samples + op.what.slack[axis]
                rest[axis] |= op.what.before is None and room % op.what.stride[axis] != 0
            before = _after(op, op.what, before, size)
        sizes.append(before)
        pooled.append(is_pooled)
    return Sized(program, tuple(sizes), tuple(pooled), tuple(rest))


def output_size(net: Node, input_size: Any) -> Any:
    r"""Return how many samples a network makes of an input, per axis.

    A convolution makes :math:`\lfloor (L + p - d (k - 1) - 1)/s \rfloor + 1` of L samples and p of padding,
    a transposed one :math:`(L - 1) s - p + d (k - 1) + p_{out} + 1` (as PyTorch does).

    Parameters
    ----------
    net
        A network.
    input_size
        Samples of the input, an int or one per axis.

    Returns
    -------
    int or tuple of int
        An int on one axis.

    Raises
    ------
    ValueError
        If a layer gets fewer samples than it needs, or branches make different numbers: the message names
        the layer.

    Examples
    --------
    >>> from erfmath import Conv, Pool, output_size
    >>> output_size(Conv((7, 7), 2, padding=3) >> Pool((3, 3), 2, 1, "max"), 224)
    (56, 56)
    """
    return plain_size(sized_for(net, input_size).output)


def sized_for(net: Node, input_size: Any) -> Sized:
    """Return the sizes of all tensors for an input size as a user gives it."""
    ndim = axes_of(net, input_size)
    program = program_of(net, ndim, unrolled=True)
    return sized(program, per_axis(input_size, ndim, "input_size", minimum=1))


def axes_of(net: Node, input_size: Any) -> int:
    """Return the number of axes of a network, where it fits any those of an input size."""
    return require_network(net).ndim or (len(input_size) if isinstance(input_size, (tuple, list)) else 1)


def valid_input_sizes(net: Node, largest: int = 512, exact: bool = False) -> Any:
    """Return which input sizes a network accepts, per axis.

    Parameters
    ----------
    net
        A network.
    largest
        Sizes 1 to `largest` are tried, 10**5 at most.
    exact
        Only those that leave no rest: no stride leaves samples at the end of its input unread.

    Raises
    ------
    TypeError, ValueError
        If it is not a network, or `largest` is not a positive int.

    Returns
    -------
    tuple of int
        On several axes a tuple of such tuples.

    Examples
    --------
    >>> from erfmath import Conv, Identity, Pool, Sum, Upsample, valid_input_sizes
    >>> down = Pool(2) >> Conv(3, padding=1) >> Pool(2)
    >>> valid_input_sizes(Sum([Identity(), down >> Upsample(4)]), 16)  # the skip has to fit
    (4, 8, 12, 16)
    >>> valid_input_sizes(Conv(3, stride=2), 9, exact=True)
    (3, 5, 7, 9)
    """
    largest = as_count(largest, "largest", minimum=1, maximum=10**5)
    program = program_of(require_network(net), unrolled=True)
    found = []
    for axis in range(program.ndim):
        part = projected(program, axis)
        found.append(tuple(size for size in range(1, largest + 1) if fits(part, size, exact)))
    return plain_size(tuple(found))


def projected(program: Program, axis: int) -> Program:
    """Return an unrolled program on one axis, each kernel as the places where it has taps at all.

    Sums of signed weights, as :meth:`Program.along` has them, may be zero where a layer reads.
    """

    def alone(what: Any) -> Any:
        if not isinstance(what, Stage):
            return what.along(axis) if isinstance(what, Unbounded) else what
        others = tuple(a for a in range(what.ndim) if a != axis)
        taps = (np.array(what.kernel.weights, dtype=object) != 0).any(axis=others, keepdims=True)
        return replace(what, kernel=Kernel(taps.astype(int), what.kernel.offsets), mixing=None).along(axis)

    operations = tuple(replace(op, what=alone(op.what)) for op in program.operations)
    return Program(operations, program.output, 1)


def fits(program: Program, samples: int, exact: bool = False) -> bool:
    """Return whether a program of one axis accepts so many samples."""
    try:
        result = sized(program, (samples,))
    except ValueError:
        return False
    return not (exact and result.has_rest[0])


def _joined(
    op: Operation, sizes: list[Ints], pooled: list[tuple[bool, ...]], size: Ints
) -> tuple[Ints, tuple[bool, ...]]:
    """Return the size of the sum of an operation's sources, and along which axes all are single values."""
    sides, alone = list(sizes[op.sources[0][0]]), []
    for axis in range(len(size)):
        kept = [source for source, _ in op.sources if not pooled[source][axis]]
        if len({sizes[source][axis] for source in kept}) > 1:
            first, second = sorted({sizes[source] for source in kept})[:2]
            raise ValueError(
                f"input_size {plain_size(size)} makes branches of different sizes, {plain_size(first)} "
                f"and {plain_size(second)}, which {short(op.node)} joins; see valid_input_sizes(), or "
                "change the padding"
            )
        alone.append(not kept)
        sides[axis] = sizes[kept[0]][axis] if kept else sides[axis]
    return tuple(sides), tuple(alone)


def _after(op: Operation, stage: Stage, before: Ints, size: Ints) -> Ints:
    """Return the size of a stage's output, or raise where nothing is left or too little is there."""
    after = tuple(stage.length(axis, samples) for axis, samples in enumerate(before))
    if min(after) < 1:
        raise ValueError(
            f"input_size {plain_size(size)} is too small: {short(op.node)} gets {plain_size(before)} samples "
            "and can make none of them; use a larger input, or more padding"
        )
    if stage.border in ("reflect", "circular"):
        most = 1 if stage.border == "reflect" else 0  # as PyTorch: the border sample is not repeated
        for axis, samples in enumerate(before):
            if max(stage.padding(axis)) > samples - most:
                raise ValueError(
                    f"input_size {plain_size(size)} is too small: the {stage.border} padding of "
                    f"{short(op.node)} is wider than its {samples} samples; use a larger input"
                )
    return after
