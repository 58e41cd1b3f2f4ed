r"""Weight models: what random weights, nonlinearities, dropout and skips make of the impact.

With independent zero-mean weights the mean gradient is 0 and its variance is propagated like a mean: a layer
convolves it with the variances of its taps, an activation multiplies it by :math:`E[\sigma'^2]`, dropout by
1/(1 - p), a branch of gain a by a^2, and the paths through different weights are uncorrelated, so that
branches add (Luo et al. 2016, sections 2.2 to 2.4; their factor 1/4 for ReLU is 1/2).
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_count
from ..polynomials.kernel import Kernel
from ..polynomials.product import as_product
from .activations import activation_gain
from .algebra import Identity, Node, Power, Series, Sum, require_network, series
from .branches import Concat, Residual
from .graph import Graph
from .inits import gain_of
from .layers import (
    Activation,
    Conv,
    Convolution,
    ConvTranspose,
    Dropout,
    GlobalContext,
    GlobalPool,
    Normalization,
    Pool,
    Upsample,
)
from .meaning import interpolation
from .moves import Pad, Slice
from .stage import lower

# A sum of taps this near to 1 is 1: the round-off of float taps is some 1e-16 each.
_TIE = 1e-9

# Blocks with gains of their own are written out one by one: so many take a second.
_MOST_BLOCKS = 10**5


@functools.singledispatch
def variance(net: Any, init: str | float | Fraction = "he") -> Node:
    """Return the network whose impact is the variance of the gradient of a network with random weights.

    What each profile makes of the taps of a layer:

    ==========  =======================================  ===============================================
    profile     weights not known, ``Conv(3)``           weights given, ``Conv([1, 2, 1])``
    ==========  =======================================  ===============================================
    "mean"      k equal taps of sum 1                    the weights w as they are
    "variance"  random: k taps of variance g/k each      :math:`w^2`, the energy under random signs
    "std"       the root of the variance's impact        the root of the variance's impact
    ==========  =======================================  ===============================================

    g is 2 for He's initialisation, 1 for LeCun's and Glorot's, 1/3 for PyTorch's own. The type of the
    numbers (int, float, Fraction) never matters. A maximum passes one of its k samples, an average 1/k^2 of
    each.

    Exact where random weights lie between any two layers of given ones (interpolation directly followed by
    average pooling, say, correlates neighbours, and is better given as one layer), in wide networks, and
    where no branch of a skip ends in an activation without negative values, whose gradients become coherent.
    A maximum behind a rectifier most often passes an open unit, so that it passes more than its share: this
    moves nothing in a chain, but where paths with and without it meet, the pooled ones count too little, and
    ``variance(gated(net))``, see :func:`erfmath.gated`, is nearer to random networks.
    Within a field of the border, interpolation and averages of clipped windows are approximated.

    Parameters
    ----------
    net
        A network.
    init
        "he", "lecun" or "glorot", or g itself: Fraction(1, 3) for layers as PyTorch makes them.

    Returns
    -------
    Node
        A network of the same layers, whose taps are variances.

    Raises
    ------
    ValueError
        If the initialisation or an activation is unknown, or a layer averages over the whole map.
    TypeError
        If a layer has a type of its own without a rule; register one with ``variance.register``.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Residual, distribution, variance
    >>> block = Residual(Conv(3, padding=1) >> Activation("relu"))
    >>> distribution(block).var(), distribution(variance(block)).var()  # 1/3 and, as 2/2 = 1, also 1/3
    (0.3333333333333333, 0.3333333333333333)
    """
    gain_of(init)
    alone = require_network(net)
    meaning = lower(net) if alone is net else alone
    if isinstance(meaning, Node):
        return variance(meaning, init)
    raise TypeError(
        f"the variance of {type(net).__name__} is unknown; register it with erfmath.variance.register"
    )


@variance.register
def _(net: Series, init: str = "he") -> Node:
    return series(variance(node, init) for node in net.nodes)


@variance.register
def _(net: Power, init: str = "he") -> Node:
    return Power(variance(net.node, init), net.n)


@variance.register
def _(net: Sum, init: str = "he") -> Node:
    return Sum([variance(branch, init) for branch in net.branches], [gain**2 for gain in net.gains])


@variance.register
def _(net: Concat, init: str = "he") -> Node:
    return Concat([variance(branch, init) for branch in net.branches], net.channels)


@variance.register
def _(net: Residual, init: str = "he") -> Node:
    return Residual(variance(net.branch, init), net.gain**2)


@variance.register
def _(net: Graph, init: str = "he") -> Node:
    entries = []
    for entry in net.layers:
        squares = entry.reads if entry.channels else [(source, gain**2) for source, gain in entry.sources]
        entries.append((entry.name, (variance(entry.node, init), *squares)))
    return Graph(entries, net.output)


@variance.register
def _(net: Conv, init: str = "he") -> Node:
    kernel = _variances(net, init)
    return Conv(kernel, net.stride, net.dilation, net.padding, net.padding_mode, net.channels, net.groups)


@variance.register
def _(net: ConvTranspose, init: str = "he") -> Node:
    kernel = _variances(net, init)
    return ConvTranspose(
        kernel, net.stride, net.dilation, net.padding, net.output_padding, net.channels, net.groups
    )


@variance.register
def _(net: Pool, init: str = "he") -> Node:
    return _scaled(net, 1 if net.mode == "max" else Fraction(1, math.prod(net.size)))


@variance.register
def _(net: Upsample, init: str = "he") -> Node:
    if net.mode == "nearest":
        return net
    kernel = _squares(interpolation(net.factor))
    cut = tuple(-offset for offset in kernel.offsets)  # so that the sizes stay those of the interpolation
    return ConvTranspose(kernel.shift(cut), net.factor, padding=cut)


@variance.register
def _(net: Activation, init: str = "he") -> Node:
    return _scaled(Identity(), activation_gain(net.name))


@variance.register
def _(net: Dropout, init: str = "he") -> Node:
    return _scaled(Identity(), 1 / (1 - net.p))


@variance.register(Identity)
@variance.register(Pad)
@variance.register(Slice)
def _(net: Node, init: str = "he") -> Node:
    return net


@variance.register(GlobalContext)
@variance.register(GlobalPool)
@variance.register(Normalization)
def _(net: Node, init: str = "he") -> Node:
    raise ValueError(
        f"{net!r} averages over N samples and passes on 1/N^2 of their variance, and N is unknown; ask for "
        "the network before it, or use a Pool of the map's size"
    )


def batch_norm_residuals(branch: Node, n: int) -> Node:
    r"""Return n residual blocks with batch normalisation at initialisation, as a network of variances.

    Each block adds variance 1 to the signal, and normalisation divides the branch of block l by the l
    of its input: gains 1/l, so that the variance of the impact grows as
    :math:`\sigma^2 \sum_l 1/(1 + l) \sim \sigma^2 \log n`.

    Parameters
    ----------
    branch
        The branch of a block, with its variances as taps: of sum 1, as normalised.
    n
        Number of blocks, 10**5 at most.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If the branch has another sum or changes the rate, or n is not such a number.

    References
    ----------
    S. De, S. Smith, Batch normalization biases residual blocks towards the identity function in deep
    networks, NeurIPS 2020.

    Examples
    --------
    >>> from erfmath import Conv, batch_norm_residuals, distribution
    >>> [round(distribution(batch_norm_residuals(Conv(3, padding=1), n)).var(), 3) for n in (10, 100)]
    [1.347, 2.798]
    """
    count = as_count(n, "n", minimum=1, maximum=_MOST_BLOCKS)
    total = math.prod(float(f.kernel.total) ** f.n for f in as_product(branch).factors)
    if abs(total - 1) > _TIE:
        raise ValueError(f"branch must have taps of sum 1, as normalised, got {total:g}; divide them by it")
    return series(Residual(branch, Fraction(1, index)) for index in range(1, count + 1))


def _variances(layer: Convolution, init: str) -> Kernel:
    """Return the variances of the taps: equal ones of sum g where weights are not known, else squares."""
    if layer.is_given:
        return _squares(layer.kernel)
    weights = np.array(Kernel.uniform(layer.kernel.shape).weights, dtype=object)
    return Kernel(weights * gain_of(init) / weights.size)


def _squares(kernel: Kernel) -> Kernel:
    """Return the kernel of squared weights; floats beyond 1e154 have none."""
    try:
        return Kernel(np.array(kernel.weights, dtype=object) ** 2, kernel.offset)
    except (OverflowError, ValueError):
        raise ValueError(
            "the squares of the weights leave the range of floats; rescale the weights, or give Fractions"
        ) from None


def _scaled(node: Node, gain: Any) -> Node:
    return node if gain == 1 else Sum([node], [gain])
