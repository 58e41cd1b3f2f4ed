"""Networks of the literature that the zoo lacks, as their code draws them; TF-Slim's where Distill read it.

"VALID" and "SAME" are TensorFlow's words: no padding, and half the kernel on both sides. "SAME" with a stride
pads after the map first where the map is even, which moves the field and not its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import erfmath as em

RELU = em.Activation("relu")
VALID, SAME = "valid", None


def conv(size: int | tuple[int, int], stride: int = 1, padding: str | None = SAME) -> em.Node:
    """Return a convolution and its rectifier."""
    sides = (size, size) if isinstance(size, int) else size
    pads = 0 if padding == VALID else tuple(side // 2 for side in sides)
    return em.Conv(sides, stride, padding=pads) >> RELU


def pool(stride: int = 1, padding: str | None = VALID, mode: str = "max") -> em.Node:
    """Return a pooling of 3 x 3."""
    return em.Pool((3, 3), stride, 0 if padding == VALID else 1, mode)


def joined(*branches: em.Node) -> em.Node:
    """Return branches whose channels are concatenated, one channel each: fields do not ask how many."""
    return em.Concat(list(branches), [1] * len(branches))


def chain(*sizes: int | tuple[int, int]) -> em.Node:
    """Return convolutions of these sizes in series."""
    net: em.Node = em.Identity()
    for size in sizes:
        net = net >> conv(size)
    return net


def resnet_slim(depths: Sequence[int]) -> em.Node:
    """Return a ResNet of bottlenecks as TF-Slim has it: the stride in the last unit of each stage but one."""
    net = conv(7, 2) >> pool(2, SAME)
    for stage, depth in enumerate(depths):
        same = em.Residual(conv(1) >> conv(3) >> conv(1))
        stride = 2 if stage < len(depths) - 1 else 1
        branch = conv(1) >> conv(3, stride) >> conv(1)
        net = net >> same ** (depth - 1) >> branch + em.Pool((1, 1), stride)  # the shortcut subsamples
    return net


def inception_v2() -> em.Node:
    """Return Inception v2 (BN-Inception) to Mixed_5c."""
    same = joined(conv(1), chain(1, 3), chain(1, 3, 3), pool(1, SAME, "average") >> conv(1))
    half = joined(conv(1) >> conv(3, 2), chain(1, 3) >> conv(3, 2), pool(2, SAME))
    stem = conv(7, 2) >> pool(2, SAME) >> conv(1) >> conv(3) >> pool(2, SAME)
    return stem >> same**2 >> half >> same**4 >> half >> same**2


def inception_v4() -> em.Node:
    """Return Inception v4 to Mixed_7d."""
    stem = conv(3, 2, VALID) >> conv(3, 1, VALID) >> conv(3)
    stem = stem >> joined(pool(2), conv(3, 2, VALID))
    factored = chain(1, (1, 7), (7, 1)) >> conv(3, 1, VALID)
    stem = stem >> joined(conv(1) >> conv(3, 1, VALID), factored) >> joined(conv(3, 2, VALID), pool(2))
    mean = pool(1, SAME, "average") >> conv(1)
    a = joined(conv(1), chain(1, 3), chain(1, 3, 3), mean)
    less_a = joined(conv(3, 2, VALID), chain(1, 3) >> conv(3, 2, VALID), pool(2))
    b = joined(conv(1), chain(1, (1, 7), (7, 1)), chain(1, (7, 1), (1, 7), (7, 1), (1, 7)), mean)
    less_b = joined(conv(1) >> conv(3, 2, VALID), chain(1, (1, 7), (7, 1)) >> conv(3, 2, VALID), pool(2))
    split = joined(conv((1, 3)), conv((3, 1)))
    c = joined(conv(1), conv(1) >> split, chain(1, (3, 1), (1, 3)) >> split, mean)
    return stem >> a**4 >> less_a >> b**7 >> less_b >> c**3


def inception_resnet_v2() -> em.Node:
    """Return Inception-ResNet v2 to Conv2d_7b_1x1."""
    stem = conv(3, 2, VALID) >> conv(3, 1, VALID) >> conv(3) >> pool(2)
    stem = stem >> conv(1, 1, VALID) >> conv(3, 1, VALID) >> pool(2)
    first = joined(conv(1), chain(1, 5), chain(1, 3, 3), pool(1, SAME, "average") >> conv(1))
    block_35 = em.Residual(joined(conv(1), chain(1, 3), chain(1, 3, 3)) >> em.Conv((1, 1))) >> RELU
    less_35 = joined(conv(3, 2, VALID), chain(1, 3) >> conv(3, 2, VALID), pool(2))
    block_17 = em.Residual(joined(conv(1), chain(1, (1, 7), (7, 1))) >> em.Conv((1, 1))) >> RELU
    ends = [conv(1) >> conv(3, 2, VALID)] * 2
    less_17 = joined(*ends, chain(1, 3) >> conv(3, 2, VALID), pool(2))
    block_8 = em.Residual(joined(conv(1), chain(1, (1, 3), (3, 1))) >> em.Conv((1, 1))) >> RELU
    return stem >> first >> block_35**10 >> less_35 >> block_17**20 >> less_17 >> block_8**10 >> conv(1)


def convnext(kernels: Sequence[int], small: int | None, strips: bool, scale: float = 1) -> em.Node:
    """Return ConvNeXt-T with kernels of these sizes in its stages, beside small ones, or as crossed strips.

    SLaK's M x M kernel is M x N and N x M, N the small size; its repository's "RepLKNet" is ConvNeXt-T with
    RepLKNet's kernels. `scale` is that of the layers which scale branches.
    """
    net: em.Node = em.Conv((4, 4), 4, channels=96)
    for stage, (size, depth) in enumerate(zip(kernels, (3, 3, 9, 3), strict=True)):
        channels = 96 << stage
        if stage:
            net = net >> em.Conv((2, 2), 2, channels=channels)
        sides = [(size, small or size), (small or size, size)] if strips else [(size, size)]
        sides += [(small, small)] if small else []
        large = em.Sum([depthwise(side, channels) for side in sides])
        mixing = em.Conv((1, 1), channels=4 * channels) >> em.Activation("gelu")
        branch = large >> mixing >> em.Conv((1, 1), channels=channels)
        net = net >> em.Residual(branch, scale) ** depth
    return net


def depthwise(sides: tuple[int, int], channels: int) -> em.Node:
    """Return a convolution of each channel on its own."""
    pads = tuple(side // 2 for side in sides)
    return em.Conv(sides, padding=pads, channels=channels, groups=channels)


def doubling(depth: int) -> em.Node:
    """Return 3 x 3 convolutions at dilations 1, 2, 4, .., as Yu and Koltun have them."""
    net: em.Node = em.Identity()
    for layer in range(depth):
        net = net >> em.Conv((3, 3), dilation=2**layer, padding=2**layer)
    return net
