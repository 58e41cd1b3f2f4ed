"""Chains of convolutions and pools: AlexNet and VGG."""

from __future__ import annotations

from collections.abc import Sequence

from ..network.algebra import Node, series
from .parts import RELU, conv, conv_relu, max_pool


def alexnet() -> Node:
    """Return AlexNet up to its last pool: field 195, stride 32.

    References
    ----------
    A. Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014,
    in torchvision's form; the kernels and strides, and so the field, are those of A. Krizhevsky,
    I. Sutskever, G. Hinton, ImageNet classification with deep convolutional neural networks, NIPS 2012.
    The field is that of A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural
    networks, Distill, 2019, who read the form without padding.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import alexnet
    >>> receptive_field(alexnet())
    <ReceptiveField: size (195, 195), stride (32, 32), offset (-66, -66)>
    """
    pool = max_pool(3, stride=2)
    return (
        (conv_relu(64, 11, stride=4, padding=2) >> pool)
        >> (conv_relu(192, 5) >> pool)
        >> (conv_relu(384, 3) >> conv_relu(256, 3) ** 2 >> pool)
    )


def vgg11() -> Node:
    """Return VGG-11 up to its last pool: field 150, stride 32.

    References
    ----------
    K. Simonyan, A. Zisserman, Very deep convolutional networks for large-scale image recognition,
    ICLR 2015, configuration A. The field follows from the recurrence of A. Araujo, W. Norris, J. Sim,
    Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import vgg11
    >>> receptive_field(vgg11())
    <ReceptiveField: size (150, 150), stride (32, 32), offset (-59, -59)>
    """
    return _vgg(1, 1, 2, 2, 2)


def vgg16() -> Node:
    """Return VGG-16 up to its last pool: field 212, stride 32.

    References
    ----------
    K. Simonyan, A. Zisserman, Very deep convolutional networks for large-scale image recognition,
    ICLR 2015, configuration D. The field is that of A. Araujo, W. Norris, J. Sim, Computing receptive
    fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import vgg16
    >>> receptive_field(vgg16())
    <ReceptiveField: size (212, 212), stride (32, 32), offset (-90, -90)>
    """
    return _vgg(2, 2, 3, 3, 3)


def vgg19() -> Node:
    """Return VGG-19 up to its last pool: field 268, stride 32.

    References
    ----------
    K. Simonyan, A. Zisserman, Very deep convolutional networks for large-scale image recognition,
    ICLR 2015, configuration E. The field follows from the recurrence of A. Araujo, W. Norris, J. Sim,
    Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import vgg19
    >>> receptive_field(vgg19())
    <ReceptiveField: size (268, 268), stride (32, 32), offset (-118, -118)>
    """
    return _vgg(2, 2, 4, 4, 4)


def _vgg(*depths: int) -> Node:
    """Return a VGG from the number of convolutions in each of its five stages."""
    channels: Sequence[int] = (64, 128, 256, 512, 512)
    return series(
        (conv(c, 3) >> RELU) ** n >> max_pool(2, stride=2) for c, n in zip(channels, depths, strict=True)
    )
