"""What most vision networks are made of: layers on two axes, square unless said otherwise."""

from __future__ import annotations

from ..network.algebra import Node
from ..network.layers import Activation, Conv, Pool

RELU = Activation("relu")


def conv(
    channels: int,
    size: int | tuple[int, int],
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
) -> Conv:
    """Return a convolution, padded by half its size unless given."""
    height, width = size if isinstance(size, tuple) else (size, size)
    pads = (height // 2, width // 2) if padding is None else padding
    return Conv((height, width), stride=stride, padding=pads, channels=channels, groups=groups)


def depthwise(channels: int, size: int, stride: int = 1) -> Conv:
    """Return a convolution of each channel on its own."""
    return conv(channels, size, stride, groups=channels)


def conv_relu(
    channels: int, size: int | tuple[int, int], stride: int = 1, padding: int | None = None
) -> Node:
    """Return a convolution and its rectifier."""
    return conv(channels, size, stride, padding) >> RELU


def max_pool(size: int, stride: int, padding: int = 0) -> Pool:
    """Return a maximum pooling."""
    return Pool((size, size), stride=stride, padding=padding, mode="max")
