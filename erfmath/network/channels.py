"""Layers that treat channels unlike: with the weights, the factors and the order that a model gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_count
from ..core.scaled import MAX_EXPONENT
from ..polynomials.kernel import Kernel
from .algebra import Identity, Node, Sum, require_network
from .arguments import as_array, set_fields, spelled
from .layers import Conv, ConvTranspose
from .mixing import Gather, Taps, Weights
from .stage import Stage, lower
from .variance import variance


class Valued(Node):
    """A layer that holds arrays: equal where these are, and without a hash, so that no cache keeps them."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(map(np.array_equal, self.args, other.args))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Weighted(Valued):
    r"""A convolution with its own weights for each pair of channels, as a trained model has them.

    Readings of fields take the taps that are not zero in some channel; impacts take the weights.

    Parameters
    ----------
    layer
        A Conv or ConvTranspose, whose own taps and channels do not count but for the number of taps.
    weights
        An array of shape (output channels, input channels / groups, \*taps), of a transposed convolution
        (input channels, output channels / groups, \*taps), as in PyTorch.
    power
        What the weights are raised to: 2 for energies.

    Raises
    ------
    TypeError, ValueError
        If the layer is not a convolution, or the weights are not finite numbers, have another shape than
        the layer, or channels that its groups do not divide.

    Examples
    --------
    >>> import erfmath as em
    >>> layer = em.Weighted(em.Conv(2), [[[1.0, 2.0]], [[-1.0, 1.0]]])  # two channels from one
    >>> em.impact_map(layer).values, em.impact_map(layer, channel=0).values
    (array([0., 3.]), array([1., 2.]))
    >>> em.distribution(em.variance(layer)).probabilities()
    array([0.28571429, 0.71428571])
    >>> layer.inputs, layer.largest, layer.support, layer.squared().power
    (1, 2.0, Kernel([1, 1]), 2)
    """

    layer: Conv | ConvTranspose
    weights: Weights
    power: int

    def __init__(self, layer: Conv | ConvTranspose, weights: Any, power: int = 1) -> None:
        if not isinstance(layer, (Conv, ConvTranspose)):
            raise TypeError(f"layer must be a Conv or a ConvTranspose, got {layer!r}")
        array = as_array(weights, "weights")
        array = array.astype(float) if array.dtype.kind in "iu" else array
        if array.dtype.kind != "f" or array.shape[2:] != layer.kernel.shape:
            sides = ", ".join(map(str, layer.kernel.shape))
            raise ValueError(
                f"weights must be floats of shape (outputs, inputs, {sides}) for {layer!r}, got "
                f"{array.dtype} of shape {array.shape}"
            )
        count = as_count(power, "power", minimum=1)
        _require_finite(_largest(array), count, layer)
        if array.shape[0] % layer.groups or not array.size:
            raise ValueError(
                f"weights must have channels that groups={layer.groups} divide, got the shape {array.shape}"
            )
        outputs = array.shape[1] * layer.groups if isinstance(layer, ConvTranspose) else array.shape[0]
        made: Any = type(layer)
        set_fields(self, layer=made(*layer.args[:-2], outputs, layer.groups))
        array.flags.writeable = False
        set_fields(self, weights=array)
        set_fields(self, power=count)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        first, second = self.weights.shape[:2]
        return int(first if isinstance(self.layer, ConvTranspose) else second * self.layer.groups)

    def squared(self) -> Weighted:
        """Return the layer with the squares of its weights: the same array, to twice the power.

        Raises
        ------
        ValueError
            If a square is beyond the range of floats.
        """
        found = object.__new__(Weighted)
        _require_finite(self.largest, 2 * self.power, self.layer)
        found.__dict__.update({**self.__dict__, "power": 2 * self.power})
        found.__dict__.pop("_programs", None)
        return found

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of a weight."""
        return _largest(self.weights)

    @cached_property
    def support(self) -> Kernel:
        """A one for each tap that has a weight in some channel; all where none has."""
        places = self.weights.any(axis=(0, 1))
        return Kernel(places.astype(int) if places.any() else np.ones(places.shape, dtype=int))

    def _call(self) -> str:
        return f"Weighted({spelled(self.layer)}, <weights of shape {self.weights.shape}>, {self.power})"


def _largest(weights: Weights) -> float:
    return max(float(weights.max(initial=0.0)), -float(weights.min(initial=0.0)))


def _require_finite(largest: float, power: int, layer: Node) -> None:
    """Raise where weights are not finite, or their powers leave the range of floats."""
    if not math.isfinite(largest) or (largest > 1 and power * math.log2(largest) >= MAX_EXPONENT):
        raise ValueError(f"weights must be finite, and so must their powers: those of {layer!r} are not")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Scaled(Valued):
    """Factors that channels are multiplied by: normalisation, the mean slope of an activation.

    Parameters
    ----------
    factors
        One per channel, or a single one for all.
    ndim
        Number of axes.
    squares
        The mean squares of the factors where they are random, by default the factors squared.
    """

    factors: Weights
    axes: int
    squares: Weights

    def __init__(self, factors: Any, ndim: int, squares: Any = None) -> None:
        values = np.atleast_1d(as_array(factors, "factors", float))
        second = values**2 if squares is None else np.atleast_1d(as_array(squares, "squares", float))
        if values.ndim != 1 or second.shape != values.shape:
            raise ValueError(
                f"factors must be one per channel, got the shapes {values.shape}, {second.shape}"
            )
        if not (np.isfinite(values).all() and np.isfinite(second).all()):
            raise ValueError("factors must be finite, and so must their squares")
        values.flags.writeable = second.flags.writeable = False
        set_fields(self, factors=values)
        set_fields(self, axes=as_count(ndim, "ndim", minimum=1))
        set_fields(self, squares=second)

    def _call(self) -> str:
        return f"Scaled(<{len(self.factors)} factors>, {self.axes})"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Channels(Valued):
    """Channels in another order, some of them, or some repeated: output j is input channel index[j].

    Parameters
    ----------
    index
        Input channels; -1 for a channel of zeros.
    inputs
        Number of input channels.
    ndim
        Number of axes.

    Examples
    --------
    >>> Channels([2, 0, 1], 3, ndim=2)  # a shuffle
    Channels([2, 0, 1], 3, 2)
    """

    index: Weights
    inputs: int
    axes: int

    def __init__(self, index: Any, inputs: int, ndim: int) -> None:
        places = as_array(index, "index")
        count = as_count(inputs, "inputs", minimum=1)
        if places.dtype.kind not in "iu" or places.ndim != 1 or not places.size:
            raise TypeError(f"index must be a sequence of ints, got {index!r}")
        if places.min() < -1 or places.max() >= count:
            raise ValueError(f"index must hold channels from 0 to {count - 1}, or -1, got {index!r}")
        places.flags.writeable = False
        set_fields(self, index=places)
        set_fields(self, inputs=count)
        set_fields(self, axes=as_count(ndim, "ndim", minimum=1))

    def _call(self) -> str:
        places = self.index.tolist()
        text = repr(places) if len(places) <= 8 else f"<{len(places)} channels>"
        return f"Channels({text}, {self.inputs}, {self.axes})"


@dataclass(frozen=True, repr=False)
class Rearranged(Node):
    """Blocks moved between space and channels: in space what a layer does, without weights of its own.

    Parameters
    ----------
    layer
        What it is in space: an Upsample, or a Conv over the block.
    channels
        Output channels, None for as many as come in.
    """

    layer: Node
    channels: int | None = None


@lower.register
def _(node: Rearranged) -> Any:
    return lower(node.layer)


@lower.register
def _(node: Weighted) -> Stage:
    layer, groups = node.layer, node.layer.groups
    stage = lower(type(layer)(node.support.shift(layer.kernel.offset), *layer.args[1:]))
    assert isinstance(stage, Stage)
    first, second, *sides = node.weights.shape
    weights = node.weights.reshape(groups, first // groups, second, *sides)
    if isinstance(layer, ConvTranspose):  # (inputs, outputs of a group, ...), and its taps are mirrored
        weights = np.flip(weights.swapaxes(1, 2), axis=tuple(range(3, weights.ndim)))
    return replace(stage, mixing=Taps(weights, node.power))


@lower.register
def _(node: Scaled) -> Stage | Node:
    factors = node.factors
    if len(factors) == 1 and factors[0]:
        return Sum([Identity()], [float(factors[0])])
    return replace(_pointwise(node.axes), mixing=Taps(factors.reshape(-1, 1, 1, *(1,) * node.axes)))


@lower.register
def _(node: Channels) -> Stage:
    return replace(_pointwise(node.axes), mixing=Gather(node.index, node.inputs))


def _pointwise(ndim: int) -> Stage:
    """Return the stage that moves nothing."""
    stage = lower(Conv((1,) * ndim))
    assert isinstance(stage, Stage)
    return stage


@variance.register
def _(net: Weighted, init: str = "he") -> Node:
    return net.squared()


@variance.register
def _(net: Scaled, init: str = "he") -> Node:
    return Scaled(net.squares, net.axes)


@variance.register(Channels)
@variance.register(Rearranged)
def _(net: Node, init: str = "he") -> Node:
    return net


@dataclass(frozen=True, repr=False)
class Energies(Node):
    """A network of energies: the variance of what it stands for, which is its own variance."""

    net: Node

    def __post_init__(self) -> None:
        require_network(self.net)


@lower.register
def _(node: Energies) -> Node:
    return node.net


@variance.register
def _(net: Energies, init: str = "he") -> Node:
    return net
