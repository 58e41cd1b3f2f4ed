r"""The one linear stage that every layer is, between two lattices.

With input x, output y, taps p of weight :math:`w_p`, stride s, upsampling factor u, dilation d and shift c,

.. math:: y_i = \sum_{p:\; u \mid s i + d p + c} w_p\; x_{(s i + d p + c)/u}.

A convolution has u = 1, a transposed one s = 1. `meaning.py` says which stage each layer is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.scaled import Floats
from ..polynomials.kernel import Kernel
from .arguments import Ints, Pads
from .mixing import Mixing
from .rates import ANY_RATE, Rate

if TYPE_CHECKING:
    from .algebra import Node

Places = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Stage:
    """One linear map between lattices; unit i reads the positions (stride i + dilation p + shift)/upsampling.

    Canonical form: a shift that the dilation divides is in the kernel's offset, and the dilation of a
    single tap is 1.

    Attributes
    ----------
    kernel
        The taps p and their weights.
    dilation, shift, stride, upsampling
        One int per axis.
    slack
        One int per axis: of L samples the stage makes (upsampling L + slack) // stride + 1.
    border
        What is read outside the input: "zeros", "reflect", "replicate" or "circular".
    before
        Where the quotient is rounded up instead: padding before the input, in which or in whose input the
        last window has to begin.
    counted
        For an average over what counts of its window: how far (before, after) the input counts, per axis.
    mixing
        Where channels have weights of their own, those; the kernel then holds 1 for each tap that counts.

    Raises
    ------
    TypeError
        If what has a number per axis is no tuple.

    Examples
    --------
    >>> import erfmath as em
    >>> stage = em.lower(em.Conv((3, 5), stride=2, padding=(1, 2)))
    >>> stage.ndim, stage.rate, stage.is_nonnegative, stage.along(0).kernel.shape
    (2, (Fraction(2, 1), Fraction(2, 1)), True, (3,))
    >>> stage.length(0, samples=8), stage.padding(1)
    (4, (2, 2))
    >>> stage.reads(axis=0, tap=0, count=3)
    (array([0, 2, 4]), array([ True,  True,  True]))
    """

    kernel: Kernel
    dilation: Ints
    shift: Ints
    stride: Ints
    upsampling: Ints
    slack: Ints
    border: str = "zeros"
    before: Ints | None = None
    counted: Pads | None = None
    mixing: Mixing | None = None

    def __post_init__(self) -> None:
        offsets, dilation, shift = [], [], []
        for o, k, d, c in zip(self.kernel.offsets, self.kernel.shape, self.dilation, self.shift, strict=True):
            alone = k == 1  # a single tap needs no dilation
            moved = c // d if c % d == 0 else 0
            offsets.append(d * o + c if alone else o + moved)
            dilation.append(1 if alone else d)
            shift.append(0 if alone else c - d * moved)
        object.__setattr__(self, "kernel", Kernel(self.kernel.weights, offsets))
        object.__setattr__(self, "dilation", tuple(dilation))
        object.__setattr__(self, "shift", tuple(shift))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.kernel.ndim

    @property
    def is_nonnegative(self) -> bool:
        """Whether no weight is negative."""
        return self.kernel.is_nonnegative and (self.mixing is None or self.mixing.is_nonnegative)

    @property
    def rate(self) -> tuple[Fraction, ...]:
        """Input samples per output sample."""
        return tuple(Fraction(s, u) for s, u in zip(self.stride, self.upsampling, strict=True))

    def along(self, axis: int) -> Stage:
        """Return the stage on one axis, its kernel summed over the others.

        Parameters
        ----------
        axis
            Which axis, from 0.

        Returns
        -------
        Stage

        Raises
        ------
        IndexError
            If there is no such axis.
        ValueError
            If the weights cancel along it.
        """
        numbers = ("dilation", "shift", "stride", "upsampling", "slack", "before", "counted")
        own: dict[str, Any] = {
            name: (values[axis],) for name in numbers if (values := getattr(self, name)) is not None
        }
        mixing = self.mixing and self.mixing.along(axis)
        return replace(self, kernel=self.kernel.marginal(axis), mixing=mixing, **own)

    @functools.lru_cache(maxsize=1024)  # noqa: B019  (stages are few, and equal ones are one)
    def is_symmetric(self, a: int, b: int) -> bool:
        """Return whether the stage stays the same when two axes are exchanged."""
        weights = np.array(self.kernel.weights, dtype=object)
        numbers = (self.dilation, self.shift, self.stride, self.upsampling, self.kernel.offsets)
        return (
            all(values[a] == values[b] for values in numbers)
            and weights.shape[a] == weights.shape[b]
            and bool((weights == weights.swapaxes(a, b)).all())
        )

    def reads(self, axis: int, tap: int, count: int) -> tuple[Places, Flags]:
        """Return the positions that units 0 .. count - 1 read through a tap, and where they are integers.

        Parameters
        ----------
        axis
            Which axis, from 0.
        tap
            The position p of the tap.
        count
            Number of units.

        Returns
        -------
        tuple of ndarray
            Positions, and whether each is one of the input.

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        places = self.stride[axis] * np.arange(count) + self.dilation[axis] * tap + self.shift[axis]
        places, rest = np.divmod(places, self.upsampling[axis])
        return places, rest == 0

    def padding(self, axis: int) -> tuple[int, int]:
        """Return the samples read before and behind the input on an axis, upsampling 1.

        Parameters
        ----------
        axis
            Which axis, from 0.

        Returns
        -------
        tuple of int
            (before, behind).

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        before = -self.dilation[axis] * self.kernel.offsets[axis] - self.shift[axis]
        extent = self.dilation[axis] * (self.kernel.shape[axis] - 1)
        return before, self.slack[axis] + extent + 1 - before

    def shares(self, axis: int, first: int, count: int, samples: int) -> Floats:
        """Return by how much the weights of units from the first on grow: all taps over those that count.

        Parameters
        ----------
        axis
            Which axis, from 0.
        first, count
            The units: `count` of them from `first` on.
        samples
            Samples of the input.

        Returns
        -------
        ndarray
            A factor, at least 1, for each unit.

        Raises
        ------
        IndexError
            If there is no such axis.

        Examples
        --------
        >>> import erfmath as em
        >>> average = em.lower(em.Pool(3, stride=1, padding=1, count_include_pad=False))
        >>> average.shares(axis=0, first=0, count=4, samples=8)
        array([1.5, 1. , 1. , 1. ])
        """
        units = self.stride[axis] * np.arange(first, first + count)[:, None] + self.shift[axis]
        taps = self.dilation[axis] * (self.kernel.offsets[axis] + np.arange(self.kernel.shape[axis]))
        before, after = self.counted[axis] if self.counted else (0, 0)
        inside = (units + taps >= -before) & (units + taps < samples + after)
        return np.asarray(taps.size / np.maximum(inside.sum(axis=1), 1))

    def length(self, axis: int, samples: int) -> int:
        """Return how many output samples so many input samples make on an axis; below 1 for none.

        Parameters
        ----------
        axis
            Which axis, from 0.
        samples
            Samples of the input.

        Returns
        -------
        int

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        stride = self.stride[axis]
        room = self.upsampling[axis] * samples + self.slack[axis]
        if self.before is None:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= samples + self.before[axis] else count


@dataclass(frozen=True)
class Unbounded:
    """A layer that reads its whole input along some axes, however large.

    Attributes
    ----------
    sides
        Whether it reads everything (before, after) a unit, per axis; None for both on any number of axes.
    keeps_positions
        Whether it makes a unit for each that it reads; otherwise a single one, along what it reads whole.

    Examples
    --------
    >>> import erfmath as em
    >>> meaning = em.lower(em.GlobalPool((True, False)))
    >>> meaning.ndim, meaning.rate, meaning.reads(0), meaning.pools(1), meaning.along(1).reads(0)
    (2, (None, Fraction(1, 1)), (True, True), False, (False, False))
    """

    sides: tuple[tuple[bool, bool], ...] | None = None
    keeps_positions: bool = False

    @property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return None if self.sides is None else len(self.sides)

    @property
    def rate(self) -> Rate | None:
        """Input samples per output sample, None along the axes that are averaged away."""
        if self.sides is None:
            return None if self.keeps_positions else ANY_RATE
        return tuple(None if self.pools(axis) else Fraction(1) for axis in range(len(self.sides)))

    def reads(self, axis: int) -> tuple[bool, bool]:
        """Return whether it reads everything (before, after) a unit on an axis.

        Parameters
        ----------
        axis
            Which axis, from 0.

        Returns
        -------
        tuple of bool

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        return (True, True) if self.sides is None else self.sides[axis]

    def pools(self, axis: int) -> bool:
        """Return whether a single unit is left on an axis.

        Parameters
        ----------
        axis
            Which axis, from 0.

        Returns
        -------
        bool

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        return not self.keeps_positions and all(self.reads(axis))

    def along(self, axis: int) -> Unbounded:
        """Return the layer on one axis.

        Parameters
        ----------
        axis
            Which axis, from 0.

        Returns
        -------
        Unbounded

        Raises
        ------
        IndexError
            If there is no such axis.
        """
        return Unbounded((self.reads(axis),), self.keeps_positions)


@functools.singledispatch
def lower(node: Any) -> Stage | Unbounded | Node:
    """Return what a node means: a Stage, Unbounded, or a network of simpler nodes.

    Register your own layer types with ``@lower.register``; see :class:`Node` for an example.

    Parameters
    ----------
    node
        A layer.

    Returns
    -------
    Stage, Unbounded or Node

    Raises
    ------
    TypeError
        If the type is unknown, or composed of other layers.

    Examples
    --------
    >>> from erfmath import Conv, lower
    >>> lower(Conv(3, stride=2, padding=1)).rate
    (Fraction(2, 1),)
    """
    name = type(node).__name__
    raise TypeError(f"{name} is an unknown type of layer; register its meaning with erfmath.lower")
