"""Networks that concatenate: DenseNet and Inception."""

from __future__ import annotations

from ..network.algebra import Identity, Node, series
from ..network.branches import Concat
from ..network.layers import Pool
from .parts import RELU, conv, conv_relu, max_pool


def densenet121() -> Node:
    """Return DenseNet-121 up to its last block: field 2071, stride 32.

    A layer appends its 32 channels to those that it reads: a concatenation with the identity.

    References
    ----------
    G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, Densely connected convolutional networks, CVPR 2017,
    as in torchvision. The field follows from the recurrence of A. Araujo, W. Norris, J. Sim, Distill, 2019,
    along the longest path.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import densenet121
    >>> receptive_field(densenet121())
    <ReceptiveField: size (2071, 2071), stride (32, 32), offset (-1021, -1021)>
    """
    layer = RELU >> conv_relu(128, 1) >> conv(32, 3)
    net = [conv_relu(64, 7, stride=2), max_pool(3, stride=2, padding=1)]
    channels = 64
    for stage, depth in enumerate((6, 12, 24, 16)):
        if stage:
            channels //= 2
            net.append(RELU >> conv(channels, 1) >> Pool((2, 2)))
        for _ in range(depth):
            net.append(Concat([Identity(), layer], [channels, 32]))
            channels += 32
    return series([*net, RELU])


def inception_v3() -> Node:
    """Return Inception-v3 up to its last block: field 1311, stride 32.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, Rethinking the Inception architecture for
    computer vision, CVPR 2016, as in torchvision, without the auxiliary classifier. The field is that of
    A. Araujo, W. Norris, J. Sim, Computing receptive fields of convolutional neural networks, Distill, 2019.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import inception_v3
    >>> receptive_field(inception_v3()).size, receptive_field(inception_v3()).stride
    ((1311, 1311), (32, 32))
    """
    pool = max_pool(3, stride=2)
    stem = [conv_relu(32, 3, stride=2, padding=0), conv_relu(32, 3, padding=0), conv_relu(64, 3), pool]
    stem += [conv_relu(80, 1), conv_relu(192, 3, padding=0), pool]
    blocks = [_square(32), _square(64), _square(64), _shrink_35()]
    blocks += [_factored(128), _factored(160), _factored(160), _factored(192), _shrink_17()]
    return series([*stem, *blocks, _wide(), _wide()])


def _average(channels: int) -> Node:
    """Return the branch that averages."""
    return Pool((3, 3), stride=1, padding=1) >> conv_relu(channels, 1)


def _square(pooled: int) -> Node:
    """Return a block on the 35x35 map."""
    five = conv_relu(48, 1) >> conv_relu(64, 5)
    double = conv_relu(64, 1) >> conv_relu(96, 3) ** 2
    return Concat([conv_relu(64, 1), five, double, _average(pooled)], [64, 64, 96, pooled])


def _shrink_35() -> Node:
    """Return the block from the 35x35 map to the 17x17 one."""
    three = conv_relu(384, 3, stride=2, padding=0)
    double = conv_relu(64, 1) >> conv_relu(96, 3) >> conv_relu(96, 3, stride=2, padding=0)
    return Concat([three, double, max_pool(3, stride=2)], [384, 96, 288])


def _factored(c: int) -> Node:
    """Return a block on the 17x17 map, its 7x7 convolutions factored into 1x7 and 7x1."""
    wide, tall = (1, 7), (7, 1)
    seven = conv_relu(c, 1) >> conv_relu(c, wide) >> conv_relu(192, tall)
    double = conv_relu(c, 1) >> (conv_relu(c, tall) >> conv_relu(c, wide)) >> conv_relu(c, tall)
    double >>= conv_relu(192, wide)
    return Concat([conv_relu(192, 1), seven, double, _average(192)], [192] * 4)


def _shrink_17() -> Node:
    """Return the block from the 17x17 map to the 8x8 one."""
    three = conv_relu(192, 1) >> conv_relu(320, 3, stride=2, padding=0)
    seven = conv_relu(192, 1) >> conv_relu(192, (1, 7)) >> conv_relu(192, (7, 1))
    seven >>= conv_relu(192, 3, stride=2, padding=0)
    return Concat([three, seven, max_pool(3, stride=2)], [320, 192, 768])


def _wide() -> Node:
    """Return a block on the 8x8 map, its 3x3 convolutions split into 1x3 beside 3x1."""
    split = Concat([conv_relu(384, (1, 3)), conv_relu(384, (3, 1))], [384, 384])
    three = conv_relu(384, 1) >> split
    double = conv_relu(448, 1) >> conv_relu(384, 3) >> split
    return Concat([conv_relu(320, 1), three, double, _average(192)], [320, 768, 768, 192])
