"""Residual networks, with the stride where PyTorch or where the paper has it."""

from __future__ import annotations

from .._checks import as_choice
from ..network.algebra import Node, series
from ..network.branches import Residual
from .parts import RELU, conv, conv_relu, max_pool

STRIDED = ("3x3", "1x1")


def resnet18() -> Node:
    """Return ResNet-18 up to its last block: field 435, stride 32.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016, with
    projections where the map shrinks (option B), as in torchvision. Its blocks have two 3x3 convolutions,
    the first of them with the stride in every implementation; the field is counted by the recurrence of
    A. Araujo, W. Norris, J. Sim, Distill, 2019, along the longest path.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import resnet18
    >>> receptive_field(resnet18())
    <ReceptiveField: size (435, 435), stride (32, 32), offset (-217, -217)>
    """
    return _basic_resnet(2, 2, 2, 2)


def resnet34() -> Node:
    """Return ResNet-34 up to its last block: field 899, stride 32.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016; as
    :func:`resnet18`.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import resnet34
    >>> receptive_field(resnet34())
    <ReceptiveField: size (899, 899), stride (32, 32), offset (-449, -449)>
    """
    return _basic_resnet(3, 4, 6, 3)


def resnet50(strided: str = "3x3") -> Node:
    """Return ResNet-50 up to its last block: field 427, or 483 in the paper's form, stride 32.

    Parameters
    ----------
    strided
        Which convolution of a stage's first bottleneck has the stride: "3x3" as in torchvision (also known
        as ResNet v1.5), or "1x1", the first one, as in the paper and its Caffe models.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If `strided` is another name.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016. 483 is the
    figure of A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks,
    Distill, 2019, whose implementation has the stride in the last bottleneck of a stage. Whatever the form,
    all else is as in torchvision.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import resnet50
    >>> receptive_field(resnet50())
    <ReceptiveField: size (427, 427), stride (32, 32), offset (-213, -213)>
    >>> receptive_field(resnet50(strided="1x1")).size
    (483, 483)
    """
    return _bottleneck_resnet((3, 4, 6, 3), strided)


def resnet101(strided: str = "3x3") -> Node:
    """Return ResNet-101 up to its last block: field 971, or 1027 in the paper's form, stride 32.

    Parameters
    ----------
    strided
        As for :func:`resnet50`.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If `strided` is another name.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016; 1027 is the
    figure of A. Araujo, W. Norris, J. Sim, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import resnet101
    >>> receptive_field(resnet101())
    <ReceptiveField: size (971, 971), stride (32, 32), offset (-485, -485)>
    """
    return _bottleneck_resnet((3, 4, 23, 3), strided)


def resnet152(strided: str = "3x3") -> Node:
    """Return ResNet-152 up to its last block: field 1451, or 1507 in the paper's form, stride 32.

    Parameters
    ----------
    strided
        As for :func:`resnet50`.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If `strided` is another name.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016; 1507 is the
    figure of A. Araujo, W. Norris, J. Sim, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import resnet152
    >>> receptive_field(resnet152())
    <ReceptiveField: size (1451, 1451), stride (32, 32), offset (-725, -725)>
    """
    return _bottleneck_resnet((3, 8, 36, 3), strided)


def _stem() -> Node:
    return conv_relu(64, 7, stride=2) >> max_pool(3, stride=2, padding=1)


def _basic_resnet(*depths: int) -> Node:
    net = [_stem()]
    for stage, depth in enumerate(depths):
        channels, stride = 64 * 2**stage, 2 if stage else 1
        block = conv_relu(channels, 3) >> conv(channels, 3)
        if stage:
            first = conv_relu(channels, 3, stride) >> conv(channels, 3)
            net.append(first + conv(channels, 1, stride) >> RELU)
        net.append((Residual(block) >> RELU) ** (depth - 1 if stage else depth))
    return series(net)


def _bottleneck_resnet(depths: tuple[int, ...], strided: str) -> Node:
    inside = as_choice(strided, "strided", STRIDED) == "3x3"
    net = [_stem()]
    for stage, depth in enumerate(depths):
        channels, stride = 64 * 2**stage, 2 if stage else 1
        first = _bottleneck(channels, *((1, stride) if inside else (stride, 1)))
        net.append(first + conv(4 * channels, 1, stride) >> RELU)
        net.append((Residual(_bottleneck(channels)) >> RELU) ** (depth - 1))
    return series(net)


def _bottleneck(channels: int, first: int = 1, second: int = 1) -> Node:
    """Return 1x1, 3x3 and 1x1 convolutions, the first two with these strides."""
    return conv_relu(channels, 1, first) >> conv_relu(channels, 3, second) >> conv(4 * channels, 1)
