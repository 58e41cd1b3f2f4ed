"""Networks of large depthwise kernels: RepLKNet."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import as_bool
from ..network.algebra import Node, series
from ..network.branches import Residual
from ..network.layers import Activation
from .parts import RELU, conv, conv_relu, depthwise

_DEPTHS = (2, 2, 18, 2)
_SMALL = 5


def replknet31b(merged: bool = True) -> Node:
    """Return RepLKNet-31B up to its last block: field 9011, stride 32.

    Parameters
    ----------
    merged
        Whether the 5x5 convolution that is trained beside each large one is part of it, as in the network
        that is used; False for the network that is trained.

    Returns
    -------
    Node

    Raises
    ------
    TypeError
        If `merged` is no bool.

    References
    ----------
    X. Ding, X. Zhang, J. Han, G. Ding, Scaling up your kernels to 31x31: revisiting large kernel design in
    CNNs, CVPR 2022, as in its repository, kernels of 31, 29, 27 and 13 in the four stages.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import replknet31b
    >>> receptive_field(replknet31b())
    <ReceptiveField: size (9011, 9011), stride (32, 32), offset (-4505, -4505)>
    """
    return _replknet((31, 29, 27, 13), 128, _small(merged))


def replknet31l(merged: bool = True) -> Node:
    """Return RepLKNet-31L up to its last block: field 9011, stride 32.

    Parameters
    ----------
    merged
        As for :func:`replknet31b`, of which this is a wider one.

    Returns
    -------
    Node

    Raises
    ------
    TypeError
        If `merged` is no bool.

    References
    ----------
    X. Ding, X. Zhang, J. Han, G. Ding, CVPR 2022.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import replknet31l
    >>> receptive_field(replknet31l()).size
    (9011, 9011)
    """
    return _replknet((31, 29, 27, 13), 192, _small(merged))


def replknet_xl() -> Node:
    """Return RepLKNet-XL up to its last block: field 8947, stride 32.

    References
    ----------
    X. Ding, X. Zhang, J. Han, G. Ding, CVPR 2022: kernels of 27, 27, 27 and 13 without small ones beside
    them, on half as many channels again as the stage has.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import replknet_xl
    >>> receptive_field(replknet_xl())
    <ReceptiveField: size (8947, 8947), stride (32, 32), offset (-4473, -4473)>
    """
    return _replknet((27, 27, 27, 13), 256, None, (3, 2))


def replknet13(merged: bool = True) -> Node:
    """Return RepLKNet-13 up to its last block, which the paper compares with: field 4579, stride 32.

    Parameters
    ----------
    merged
        As for :func:`replknet31b`, of which this is the one with 13x13 kernels throughout.

    Returns
    -------
    Node

    Raises
    ------
    TypeError
        If `merged` is no bool.

    References
    ----------
    X. Ding, X. Zhang, J. Han, G. Ding, CVPR 2022, section 4.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import replknet13
    >>> receptive_field(replknet13())
    <ReceptiveField: size (4579, 4579), stride (32, 32), offset (-2289, -2289)>
    """
    return _replknet((13,) * 4, 128, _small(merged))


def _small(merged: bool) -> int | None:
    return None if as_bool(merged, "merged") else _SMALL


def _replknet(kernels: Sequence[int], width: int, small: int | None, wider: tuple[int, int] = (1, 1)) -> Node:
    net = [conv_relu(width, 3, stride=2), depthwise(width, 3) >> RELU, conv_relu(width, 1)]
    net.append(depthwise(width, 3, stride=2) >> RELU)
    for stage, (size, depth) in enumerate(zip(kernels, _DEPTHS, strict=True)):
        channels = width * 2**stage
        if stage:
            net.append(conv_relu(channels, 1) >> depthwise(channels, 3, stride=2) >> RELU)
        inner = channels * wider[0] // wider[1]
        large: Node = depthwise(inner, size)
        if small is not None:
            large = large + depthwise(inner, small)
        block = conv_relu(inner, 1) >> large >> RELU >> conv(channels, 1)
        mixing = conv(4 * channels, 1) >> Activation("gelu") >> conv(channels, 1)
        net.append((Residual(block) >> Residual(mixing)) ** depth)
    return series(net)
