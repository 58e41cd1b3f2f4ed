"""The layers of a convolutional network, as values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_choice, as_count, is_index, per_axis
from ..kernel import Kernel, as_kernel
from .node import Node

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, init=False, repr=False)
class Conv(Node):
    r"""A convolution: output y is the sum over taps j of :math:`w_j\, x[s y + d (o + j) - p]`.

    As in deep learning this is a cross-correlation; o is the kernel's offset, 0 unless given, and p the
    padding before the first sample.

    Parameters
    ----------
    kernel
        An int for so many uniform taps on one axis, a tuple of ints for uniform taps on several (their sum
        is 1), or weights as an array, nested lists or a Kernel.
    stride, dilation
        Ints from 1, the same on each axis or one per axis.
    padding
        Samples added on both sides, an int or one per axis; pairs (before, after) per axis; "valid" for
        none; "same" for as many outputs as inputs (stride 1; an odd sample is added after, as in PyTorch);
        "causal" for all of them before, so that an output sees no later input.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, below its minimum, or has another number of axes.

    Examples
    --------
    >>> Conv(3, dilation=2, padding="same")
    Conv(3, dilation=2, padding=2)
    >>> Conv((3, 5), stride=(1, 2)) == Conv((3, 5), (1, 2), 1, "valid")
    True
    """

    kernel: Kernel
    stride: Ints
    dilation: Ints
    padding: Pads

    def __init__(self, kernel: Any, stride: Any = 1, dilation: Any = 1, padding: Any = 0) -> None:
        weights = _weights(kernel)
        strides = per_axis(stride, weights.ndim, "stride", minimum=1)
        steps = per_axis(dilation, weights.ndim, "dilation", minimum=1)
        extents = tuple(d * (k - 1) for d, k in zip(steps, weights.shape, strict=True))
        _set(self, kernel=weights, stride=strides, dilation=steps)
        _set(self, padding=as_padding(padding, extents, strides))

    def __repr__(self) -> str:
        return _call(
            self, _size_of(self.kernel, 1), stride=(self.stride, 1), dilation=(self.dilation, 1), padding=0
        )


@dataclass(frozen=True, init=False, repr=False)
class ConvTranspose(Node):
    r"""A transposed convolution: input x adds :math:`w_j` times itself to output :math:`s x + d (o + j) - p`.

    Output y reads the inputs (y + p - d (o + j)) / s that are integers, others with each phase y mod s:
    unevenly (checkerboard artefacts) unless the stride divides the kernel.

    Parameters
    ----------
    kernel
        As for :class:`Conv`; the taps of a size in ints have the sum prod(stride), so that outputs are 1
        times their inputs on average over the phases, as with ``Upsample``.
    stride, dilation
        Ints from 1, the same on each axis or one per axis.
    padding
        Samples cut from both ends, an int or one per axis, or pairs (before, after) per axis.
    output_padding
        Samples added at the end of the output, an int or one per axis, below the stride or the dilation.

    Examples
    --------
    >>> ConvTranspose(4, stride=2, padding=1)
    ConvTranspose(4, stride=2, padding=1)
    """

    kernel: Kernel
    stride: Ints
    dilation: Ints
    padding: Pads
    output_padding: Ints

    def __init__(
        self, kernel: Any, stride: Any = 1, dilation: Any = 1, padding: Any = 0, output_padding: Any = 0
    ) -> None:
        ndim = _weights(kernel).ndim
        strides = per_axis(stride, ndim, "stride", minimum=1)
        weights = _weights(kernel, total=math.prod(strides))
        steps = per_axis(dilation, ndim, "dilation", minimum=1)
        extra = per_axis(output_padding, ndim, "output_padding", minimum=0)
        for value, s, d in zip(extra, strides, steps, strict=True):
            if value >= max(s, d):
                raise ValueError(
                    f"output_padding must be below the stride or the dilation, got {value} with stride {s} "
                    f"and dilation {d}"
                )
        if isinstance(padding, str):
            raise ValueError(f"padding of a transposed convolution must be ints, got {padding!r}")
        _set(self, kernel=weights, stride=strides, dilation=steps, output_padding=extra)
        _set(self, padding=as_padding(padding, (0,) * ndim, strides))

    def __repr__(self) -> str:
        size = _size_of(self.kernel, math.prod(self.stride))
        steps = {"stride": (self.stride, 1), "dilation": (self.dilation, 1)}
        return _call(self, size, **steps, padding=0, output_padding=(self.output_padding, 0))


@dataclass(frozen=True, init=False, repr=False)
class Pool(Node):
    """A pooling layer: the average, or the maximum, of `size` samples every `stride`-th.

    Its impact is uniform: exactly so for averages, and for a maximum on average over inputs, since each of
    its samples is as likely to be the largest.

    Parameters
    ----------
    size
        Number of samples per axis, an int (one axis) or a tuple.
    stride
        Ints from 1; None for the size itself.
    padding
        As for :class:`Conv`.
    mode
        "average" or "max".
    dilation
        Ints from 1, the same on each axis or one per axis.

    Examples
    --------
    >>> Pool((2, 2)).stride
    (2, 2)
    """

    size: Ints
    stride: Ints
    padding: Pads
    mode: str
    dilation: Ints

    def __init__(
        self, size: Any, stride: Any = None, padding: Any = 0, mode: str = "average", dilation: Any = 1
    ) -> None:
        sides = (size,) if is_index(size) else size
        if not isinstance(sides, (tuple, list)) or not sides:
            raise TypeError(f"size must be an int or a tuple of ints, one per axis, got {size!r}")
        sides = per_axis(tuple(sides), len(sides), "size", minimum=1)
        strides = per_axis(sides if stride is None else stride, len(sides), "stride", minimum=1)
        steps = per_axis(dilation, len(sides), "dilation", minimum=1)
        extents = tuple(d * (k - 1) for d, k in zip(steps, sides, strict=True))
        _set(self, size=sides, stride=strides, dilation=steps, mode=as_choice(mode, "mode", POOLS))
        _set(self, padding=as_padding(padding, extents, strides))

    def __repr__(self) -> str:
        size = self.size if len(self.size) > 1 else self.size[0]
        stride = () if self.stride == self.size else (self.stride, None)
        return _call(self, size, stride=stride, padding=0, mode=self.mode, dilation=(self.dilation, 1))


@dataclass(frozen=True, init=False, repr=False)
class Upsample(Node):
    r"""Upsampling by integer factors, without learned weights.

    "nearest" repeats each sample; "linear" interpolates between the samples' centres (bilinear on two axes,
    PyTorch's align_corners=False): output y reads at :math:`(y + 1/2)/f - 1/2`.

    Parameters
    ----------
    factor
        An int (one axis) or a tuple.
    mode
        "nearest" or "linear".

    Examples
    --------
    >>> Upsample((2, 2)) == ConvTranspose((2, 2), stride=2)  # they read alike, and are not the same layer
    False
    """

    factor: Ints
    mode: str

    def __init__(self, factor: Any, mode: str = "nearest") -> None:
        factors = (factor,) if is_index(factor) else factor
        if not isinstance(factors, (tuple, list)) or not factors:
            raise TypeError(f"factor must be an int or a tuple of ints, one per axis, got {factor!r}")
        factors = per_axis(tuple(factors), len(factors), "factor", minimum=1)
        _set(self, factor=factors, mode=as_choice(mode, "mode", ("nearest", "linear")))

    def __repr__(self) -> str:
        factor = self.factor if len(self.factor) > 1 else self.factor[0]
        return _call(self, factor, mode=self.mode)


@dataclass(frozen=True)
class Identity(Node):
    """Nothing at all; the neutral element of ``>>``."""

    def __repr__(self) -> str:
        return "Identity()"


@dataclass(frozen=True)
class Activation(Node):
    """A pointwise nonlinearity, by name. It moves no impact; see the weight models for what it scales."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a name such as 'relu', got {self.name!r}")

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"


@dataclass(frozen=True)
class Dropout(Node):
    """Dropout with probability p of dropping a sample. It moves no impact."""

    p: float

    def __post_init__(self) -> None:
        if isinstance(self.p, bool) or not isinstance(self.p, (int, float, Fraction)) or not 0 <= self.p < 1:
            raise ValueError(f"p must be a probability below 1, got {self.p!r}")

    def __repr__(self) -> str:
        return f"Dropout({self.p!r})"


@dataclass(frozen=True)
class GlobalPool(Node):
    """An average over the whole map, as at a classifier's end and in squeeze-excite gates.

    Its field is unbounded: whatever the input's size, all of it.
    """

    def __repr__(self) -> str:
        return "GlobalPool()"


POOLS = ("average", "max")


def as_padding(padding: Any, extents: Ints, strides: Ints) -> Pads:
    """Return (before, after) per axis; `extents` are the kernel's reach d (k - 1) on each."""
    ndim = len(extents)
    if isinstance(padding, str):
        as_choice(padding, "padding", ("valid", "same", "causal"))
        if padding == "same" and set(strides) != {1}:
            raise ValueError(
                f"padding='same' with stride {_plain(strides)} depends on the input's length; "
                "give the samples before and after as pairs"
            )
        if padding == "valid":
            return ((0, 0),) * ndim
        return tuple((e, 0) if padding == "causal" else (e // 2, e - e // 2) for e in extents)
    if isinstance(padding, np.ndarray):
        padding = padding.tolist()
    if isinstance(padding, Sequence) and padding and isinstance(padding[0], Sequence):
        if len(padding) != ndim:
            raise ValueError(f"padding must hold {ndim} pairs, one per axis, got {padding!r}")
        return tuple(_pair(entry) for entry in padding)
    if ndim == 1 and isinstance(padding, Sequence) and len(padding) == 2:
        return (_pair(padding),)
    return tuple((p, p) for p in per_axis(padding, ndim, "padding", minimum=0))


def _pair(entry: Any) -> tuple[int, int]:
    before, after = per_axis(entry, 2, "padding", minimum=0)
    return before, after


def _weights(kernel: Any, total: int = 1) -> Kernel:
    """Return the kernel of an argument; sizes in ints stand for uniform taps of the given sum."""
    if is_index(kernel):
        kernel = (as_count(kernel, "kernel", minimum=1),)
    if isinstance(kernel, tuple) and kernel and all(map(is_index, kernel)):
        sizes = per_axis(kernel, len(kernel), "kernel", minimum=1)
        return _scaled(Kernel.uniform(sizes), Fraction(total, math.prod(sizes)))
    return as_kernel(kernel)


def _scaled(kernel: Kernel, factor: Fraction) -> Kernel:
    return Kernel(np.array(kernel.weights, dtype=object) * factor, kernel.offset)


def _size_of(kernel: Kernel, total: int) -> Any:
    """Return the shortest argument that gives the kernel: its size when its taps are uniform."""
    if kernel == _weights(kernel.shape, total):
        return kernel.shape if kernel.ndim > 1 else kernel.shape[0]
    return kernel


def _set(node: Node, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(node, name, value)


def _plain(values: Sequence[Any]) -> Any:
    """Return a tuple with equal entries as the one of them, and others as they are."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def _call(node: Any, first: Any, **options: Any) -> str:
    """Return the constructor call without options at their defaults."""
    parts = [repr(first)]
    for name, value in options.items():
        if name == "padding":
            pads = [b if b == a else (b, a) for b, a in node.padding]
            value = _plain(pads) if all(is_index(p) for p in pads) else node.padding
            shown = value != 0
        elif isinstance(value, tuple):
            shown = bool(value) and set(value[0]) != {value[1]}
            value = _plain(value[0]) if shown else None
        else:
            shown = value not in ("average", "nearest")
        if shown:
            parts.append(f"{name}={value!r}")
    return f"{type(node).__name__}({', '.join(parts)})"
