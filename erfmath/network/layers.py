"""The layers of a convolutional network, as values."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._checks import as_choice, as_count, per_axis
from ..polynomials.kernel import Kernel
from .algebra import Node
from .arguments import (
    PADDINGS,
    Ints,
    Pads,
    as_padding,
    as_sides,
    as_weights,
    call,
    is_size,
    set_fields,
)

POOLS = ("average", "max")
UPSAMPLINGS = ("nearest", "linear")
SIDES = ("none", "before", "after", "both")


class Convolution(Node):
    """What Conv and ConvTranspose share: taps whose weights are given, or not known.

    Attributes
    ----------
    kernel
        The taps; where their weights are not known, equal ones, as they are on average.
    is_given
        Whether the weights are given. :func:`erfmath.variance` says what each profile makes of them.
    """

    kernel: Kernel
    is_given: bool

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments that rebuild the layer.

        Examples
        --------
        >>> import erfmath as em
        >>> em.Conv(3, stride=2).args, em.Conv([1, 2]).args[0]
        (((3,), (2,), (1,), ((0, 0),), 'zeros', None, 1), Kernel([1, 2]))
        """
        first, *rest, _ = super().args
        return (first if self.is_given else self.kernel.shape, *rest)


@dataclass(frozen=True, init=False, repr=False)
class Conv(Convolution):
    r"""A convolution: output y is the sum over taps j of :math:`w_j\, x[s y + d (o + j) - p]`.

    As in deep learning this is a cross-correlation; o is the kernel's offset, 0 unless given, and p the
    padding before the first sample.

    Parameters
    ----------
    kernel
        An int for the number of taps on one axis, or a tuple of ints for several; their weights are not known
        (``is_given`` is False) and count as equal taps of sum 1, or as random ones, see
        :func:`erfmath.variance`. Or given weights: an array, nested lists or a Kernel.
    stride, dilation
        Ints from 1, the same on each axis or one per axis.
    padding
        Samples added on both sides, an int or one per axis; pairs (before, after) per axis; "valid" for
        none; "same" for as many outputs as inputs (stride 1; an odd sample is added after, as in PyTorch);
        "causal" for all of them before, so that an output sees no later input.
    padding_mode
        What is added: "zeros", "reflect" (without the border sample), "replicate" or "circular".
    channels, groups
        The number of output channels, None for as many as come in, and of groups; only the cost depends on
        these.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, below its minimum, or has another number of axes.

    Examples
    --------
    >>> from erfmath import Conv
    >>> Conv(3, dilation=2, padding="same")
    Conv(3, dilation=2, padding=2)
    >>> Conv((3, 5), stride=(1, 2)) == Conv((3, 5), (1, 2), 1, "valid")
    True
    >>> Conv(2) == Conv([0.5, 0.5])  # weights that are not known, and given ones
    False
    """

    kernel: Kernel
    stride: Ints
    dilation: Ints
    padding: Pads
    padding_mode: str
    channels: int | None
    groups: int
    is_given: bool

    def __init__(
        self,
        kernel: Any,
        stride: Any = 1,
        dilation: Any = 1,
        padding: Any = 0,
        padding_mode: str = "zeros",
        channels: int | None = None,
        groups: int = 1,
    ) -> None:
        weights = as_weights(kernel)
        strides = per_axis(stride, weights.ndim, "stride", minimum=1)
        steps = per_axis(dilation, weights.ndim, "dilation", minimum=1)
        extents = tuple(d * (k - 1) for d, k in zip(steps, weights.shape, strict=True))
        set_fields(self, kernel=weights, is_given=not is_size(kernel), stride=strides, dilation=steps)
        set_fields(self, padding=as_padding(padding, extents, strides))
        set_fields(self, padding_mode=as_choice(padding_mode, "padding_mode", PADDINGS))
        set_fields(self, channels=as_channels(channels), groups=as_count(groups, "groups", minimum=1))


@dataclass(frozen=True, init=False, repr=False)
class ConvTranspose(Convolution):
    r"""A transposed convolution: input x adds :math:`w_j` times itself to output :math:`s x + d (o + j) - p`.

    Output y reads the inputs (y + p - d (o + j)) / s that are integers, others with each phase y mod s:
    unevenly (checkerboard artefacts) unless the stride divides the kernel.

    Parameters
    ----------
    kernel
        As for :class:`Conv`; taps of unknown weight have the sum prod(stride), so that outputs are 1 times
        their inputs on average over the phases, as with ``Upsample``.
    stride, dilation
        Ints from 1, the same on each axis or one per axis.
    padding
        Samples cut from both ends, an int or one per axis, or pairs (before, after) per axis.
    output_padding
        Samples added at the end of the output, an int or one per axis, below the stride or the dilation.
    channels, groups
        As for :class:`Conv`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, below its minimum, or has another number of axes.

    Examples
    --------
    >>> from erfmath import ConvTranspose
    >>> ConvTranspose(4, stride=2, padding=1)
    ConvTranspose(4, stride=2, padding=1)
    """

    kernel: Kernel
    stride: Ints
    dilation: Ints
    padding: Pads
    output_padding: Ints
    channels: int | None
    groups: int
    is_given: bool

    def __init__(
        self,
        kernel: Any,
        stride: Any = 1,
        dilation: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        channels: int | None = None,
        groups: int = 1,
    ) -> None:
        ndim = as_weights(kernel).ndim
        strides = per_axis(stride, ndim, "stride", minimum=1)
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
        set_fields(self, kernel=as_weights(kernel, total=math.prod(strides)), is_given=not is_size(kernel))
        set_fields(self, stride=strides, dilation=steps)
        set_fields(self, padding=as_padding(padding, (0,) * ndim, strides), output_padding=extra)
        set_fields(self, channels=as_channels(channels), groups=as_count(groups, "groups", minimum=1))


@dataclass(frozen=True, init=False, repr=False)
class Pool(Node):
    """A pooling layer: the average or the maximum of `size` samples, once every `stride` samples.

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
    ceil_mode
        Whether a window that begins inside the input but ends beyond it makes an output.
    count_include_pad
        Whether an average divides by the padding in its window as well. (A maximum never takes padding.)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, below its minimum, or has another number of axes.

    Examples
    --------
    >>> from erfmath import Pool
    >>> Pool((2, 2)).stride
    (2, 2)
    """

    size: Ints
    stride: Ints
    padding: Pads
    mode: str
    dilation: Ints
    ceil_mode: bool
    count_include_pad: bool

    def __init__(
        self,
        size: Any,
        stride: Any = None,
        padding: Any = 0,
        mode: str = "average",
        dilation: Any = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        sides = as_sides(size, "size")
        strides = per_axis(sides if stride is None else stride, len(sides), "stride", minimum=1)
        steps = per_axis(dilation, len(sides), "dilation", minimum=1)
        extents = tuple(d * (k - 1) for d, k in zip(steps, sides, strict=True))
        for name, flag in (("ceil_mode", ceil_mode), ("count_include_pad", count_include_pad)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} must be a bool, got {flag!r}")
        set_fields(self, size=sides, stride=strides, dilation=steps, mode=as_choice(mode, "mode", POOLS))
        set_fields(self, padding=as_padding(padding, extents, strides))
        padded = any(map(any, self.padding))  # without any, all averages count alike
        set_fields(self, ceil_mode=ceil_mode, count_include_pad=count_include_pad or not padded)

    def _call(self) -> str:
        return call(self, stride=self.size)


@dataclass(frozen=True, init=False, repr=False)
class Upsample(Node):
    """Upsampling by integer factors, without learned weights.

    "nearest" repeats each sample; "linear" interpolates between the samples' centres (bilinear on two axes,
    PyTorch's align_corners=False): output y reads at :math:`(y + 1/2)/f - 1/2`.

    Parameters
    ----------
    factor
        An int (one axis) or a tuple.
    mode
        "nearest" or "linear".

    Raises
    ------
    TypeError, ValueError
        If a factor is no positive int, or the mode another name.

    Examples
    --------
    >>> from erfmath import ConvTranspose, Upsample
    >>> Upsample((2, 2)) == ConvTranspose((2, 2), stride=2)  # they read alike, and are not the same layer
    False
    """

    factor: Ints
    mode: str

    def __init__(self, factor: Any, mode: str = "nearest") -> None:
        set_fields(self, factor=as_sides(factor, "factor"), mode=as_choice(mode, "mode", UPSAMPLINGS))


@dataclass(frozen=True, repr=False)
class Activation(Node):
    r"""A pointwise nonlinearity, by name: it moves no impact, and scales variances by :math:`E[\sigma'^2]`.

    Parameters
    ----------
    name
        Such as "relu". :func:`erfmath.activation_gain` knows the usual ones; others work too, but have no
        variance.

    Raises
    ------
    TypeError
        If the name is no string.

    Examples
    --------
    >>> from erfmath import Activation, Conv
    >>> Conv(3) >> Activation("relu")
    Series([Conv(3), Activation('relu')])
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a name such as 'relu', got {self.name!r}")


@dataclass(frozen=True, repr=False)
class Dropout(Node):
    """Dropout: it moves no impact, and scales variances by 1/(1 - p).

    Parameters
    ----------
    p
        The probability of dropping a sample, below 1.

    Raises
    ------
    ValueError
        If p is not such a probability.

    Examples
    --------
    >>> from erfmath import Dropout
    >>> Dropout(0.5)
    Dropout(0.5)
    """

    p: float

    def __post_init__(self) -> None:
        if isinstance(self.p, bool) or not isinstance(self.p, numbers.Real) or not 0 <= self.p < 1:
            raise ValueError(f"p must be a probability below 1, got {self.p!r}")
        if not isinstance(self.p, (int, Fraction)):
            set_fields(self, p=float(self.p))


@dataclass(frozen=True, repr=False)
class GlobalPool(Node):
    """An average over the whole map, as at a classifier's end and in squeeze-excite gates.

    Its field is unbounded: whatever the input's size, all of it. A single value is left along each axis that
    is averaged, which is added to maps of any size.

    Parameters
    ----------
    along
        Which axes are averaged, a bool for each; None for all.

    Raises
    ------
    TypeError
        If it is neither None nor a bool for each axis, one of them true.

    Examples
    --------
    >>> from erfmath import Conv, GlobalPool, receptive_field
    >>> receptive_field(Conv(3) >> GlobalPool())
    <ReceptiveField: unbounded, GlobalPool() reads the whole input>
    >>> receptive_field(Conv((3, 3)) >> GlobalPool((True, False))).size
    (inf, 3)
    """

    along: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        set_fields(self, along=_as_flags(self.along))


@dataclass(frozen=True, repr=False)
class GlobalContext(Node):
    """What reads its whole input along some axes and keeps positions: attention, recurrence, running sums.

    Parameters
    ----------
    sides
        What a unit reads along each axis, besides itself: "both" sides, only what is "before" it (causal
        attention, a recurrent layer), only what is "after" it, or "none"; None for both along all axes.

    Raises
    ------
    TypeError, ValueError
        If it is neither None nor one of these words for each axis, or none of them reads anything.

    Examples
    --------
    >>> from erfmath import Conv, GlobalContext, receptive_field
    >>> receptive_field(Conv(3, padding=1) >> GlobalContext("before")).halo()
    (inf, 1)
    >>> receptive_field(Conv((3, 3)) >> GlobalContext(("none", "both"))).size
    (3, inf)
    """

    sides: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.sides is None:
            return
        words = (self.sides,) if isinstance(self.sides, str) else self.sides
        if not isinstance(words, (tuple, list)) or not words:
            raise TypeError(f"sides must be None or a word for each axis, got {self.sides!r}")
        found = tuple(as_choice(word, "sides", SIDES) for word in words)
        if set(found) == {"none"}:
            raise ValueError("sides must hold more than 'none': that is the Identity")
        set_fields(self, sides=found)


@dataclass(frozen=True, repr=False)
class Normalization(Node):
    """A normalisation by statistics of the whole map: it keeps positions, and reads everything as well.

    Parameters
    ----------
    name
        What it is called, such as "InstanceNorm".
    along
        Over which axes, a bool for each; None for all.

    Raises
    ------
    TypeError
        If the name is no string.

    Examples
    --------
    >>> from erfmath import Conv, Normalization, receptive_field
    >>> receptive_field(Conv(3) >> Normalization("InstanceNorm"))
    <ReceptiveField: unbounded, Normalization('InstanceNorm') reads the whole input>
    """

    name: str = "InstanceNorm"
    along: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a name such as 'InstanceNorm', got {self.name!r}")
        set_fields(self, along=_as_flags(self.along))


def _as_flags(along: Any) -> tuple[bool, ...] | None:
    """Return which axes are averaged, None where all are."""
    if along is None:
        return None
    if not isinstance(along, (tuple, list)) or not all(isinstance(flag, bool) for flag in along):
        raise TypeError(f"along must be None, or a bool for each axis, got {along!r}")
    if not any(along):
        raise TypeError(f"along must be true for some axis, got {along!r}")
    return tuple(along)


def as_channels(channels: int | None) -> int | None:
    """Return a number of channels, None for as many as come in."""
    return None if channels is None else as_count(channels, "channels", minimum=1)
