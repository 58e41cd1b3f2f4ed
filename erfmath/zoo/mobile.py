"""Networks of depthwise convolutions: MobileNets and ConvNeXt."""

from __future__ import annotations

from ..network.algebra import Node, series
from ..network.branches import Residual
from ..network.layers import Activation
from .parts import RELU, conv, conv_relu, depthwise


def mobilenet_v1() -> Node:
    """Return MobileNet (version 1, width 1) up to its last convolution: field 315, stride 32.

    References
    ----------
    A. Howard et al., MobileNets: efficient convolutional neural networks for mobile vision applications,
    arXiv:1704.04861, 2017. The last depthwise convolution has stride 1, as its table's sizes say (not its
    strides). Padding is 1 on both sides; TensorFlow's "same" pads after the map only where it strides, so
    that its offset is another. The field is that of A. Araujo, W. Norris, J. Sim, Computing receptive
    fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import mobilenet_v1
    >>> receptive_field(mobilenet_v1())
    <ReceptiveField: size (315, 315), stride (32, 32), offset (-157, -157)>
    """
    plan = [(32, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), *[(512, 1)] * 5, (512, 2), (1024, 1)]
    widths = [channels for channels, _ in plan[1:]] + [1024]
    blocks = (
        depthwise(inner, 3, stride) >> RELU >> conv_relu(outer, 1)
        for (inner, stride), outer in zip(plan, widths, strict=True)
    )
    return series([conv_relu(32, 3, stride=2), *blocks])


def mobilenet_v2() -> Node:
    """Return MobileNetV2 (width 1) up to its last convolution: field 491, stride 32.

    References
    ----------
    M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, MobileNetV2: inverted residuals and linear
    bottlenecks, CVPR 2018, as in torchvision. The field is counted by the recurrence of A. Araujo,
    W. Norris, J. Sim, Distill, 2019, along the longest path.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import mobilenet_v2
    >>> receptive_field(mobilenet_v2())
    <ReceptiveField: size (491, 491), stride (32, 32), offset (-245, -245)>
    """
    relu6 = Activation("relu6")
    plan = [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
    net = [conv(32, 3, stride=2) >> relu6, depthwise(32, 3) >> relu6 >> conv(16, 1)]
    width = 16
    for channels, depth, stride in plan:
        net.append(_inverted(6 * width, channels, stride))
        net.append(Residual(_inverted(6 * channels, channels)) ** (depth - 1))
        width = channels
    return series([*net, conv(1280, 1) >> relu6])


def convnext_tiny() -> Node:
    """Return ConvNeXt-T up to its last block: field 1688, stride 32.

    References
    ----------
    Z. Liu et al., A ConvNet for the 2020s, CVPR 2022, as in torchvision, the linear layers over channels as
    1x1 convolutions; the scales of its branches are left at 1. The field follows from the recurrence of
    A. Araujo, W. Norris, J. Sim, Distill, 2019, along the longest path.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import convnext_tiny
    >>> receptive_field(convnext_tiny())
    <ReceptiveField: size (1688, 1688), stride (32, 32), offset (-828, -828)>
    """
    net: list[Node] = [conv(96, 4, stride=4, padding=0)]
    for stage, depth in enumerate((3, 3, 9, 3)):
        channels = 96 * 2**stage
        if stage:
            net.append(conv(channels, 2, stride=2, padding=0))
        branch = depthwise(channels, 7) >> conv(4 * channels, 1) >> Activation("gelu") >> conv(channels, 1)
        net.append(Residual(branch) ** depth)
    return series(net)


def _inverted(width: int, channels: int, stride: int = 1) -> Node:
    """Return an inverted residual's branch: to `width` channels, depthwise 3x3, to `channels`."""
    relu6 = Activation("relu6")
    return conv(width, 1) >> relu6 >> depthwise(width, 3, stride) >> relu6 >> conv(channels, 1)
