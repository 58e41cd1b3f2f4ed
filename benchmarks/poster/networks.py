"""The networks of panel f: a small ResNet and an encoder-decoder, in PyTorch and as their theory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import erfmath as em

CONV = em.Conv((3, 3), padding=1)
BLOCKS = (2, 2, 2)  # per stage; the second and third begin with a stride of 2


def convolution(before: int, after: int, size: int = 3, stride: int = 1) -> list[Any]:
    """Return a convolution from He's initialisation, with batch normalisation."""
    from torch import nn

    conv = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
    return [conv, nn.BatchNorm2d(after)]


def block(before: int, after: int, stride: int, residual: bool = True) -> Any:
    """Return relu(shortcut(x) + branch(x)), or relu(branch(x)) where it is not residual."""
    from torch import nn

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layers = [*convolution(before, after, 3, stride), nn.ReLU(), *convolution(after, after)]
            self.branch = nn.Sequential(*layers)
            same = before == after and stride == 1
            self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(before, after, 1, stride))

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.shortcut(x) + self.branch(x))

    return Block() if residual else nn.Sequential(*Block().branch, nn.ReLU())


def resnet(in_channels: int, width: int, classes: int = 10) -> tuple[Any, Any]:
    """Return (features, head) of a ResNet of six blocks (He et al. 2015): field 53, stride 4."""
    from torch import nn

    layers = [*convolution(in_channels, width), nn.ReLU()]
    before = width
    for stage, count in enumerate(BLOCKS):
        for number in range(count):
            layers.append(block(before, width << stage, 2 if stage and not number else 1))
            before = width << stage
    return nn.Sequential(*layers), nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)
    )


def encoder_decoder(
    in_channels: int, widths: Sequence[int], classes: int, convolutions: int = 2
) -> tuple[Any, Any]:
    """Return (features, head) of an encoder-decoder without skips: a width a level, poolings between them."""
    from torch import nn

    layers: list[Any] = []
    before = in_channels
    for level, width in enumerate(widths):
        layers += [nn.MaxPool2d(2)] if level else []
        for _ in range(convolutions):
            layers += [*convolution(before, width), nn.ReLU()]
            before = width
    for width in reversed(widths[:-1]):
        layers += [nn.Upsample(scale_factor=2), *convolution(before, width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers), nn.Conv2d(before, classes, 1)


def encoder_decoder_variance() -> em.Node:
    """Return the network whose impact is the variance of the encoder-decoder's gradient at initialisation."""
    down = CONV**2 >> em.Pool((2, 2), mode="max")
    up = em.Upsample((2, 2)) >> CONV
    return em.variance(down**2 >> CONV**2 >> up**2)


@dataclass(frozen=True)
class _Signal:
    """Mean and variance of the activations in front of a ReLU, normal by assumption."""

    mean: float
    var: float

    def rectified(self) -> _Signal:
        """Return mean and variance behind the ReLU."""
        std = math.sqrt(self.var)
        z = self.mean / std
        below, density = 0.5 * math.erfc(-z / math.sqrt(2)), math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        first = self.mean * below + std * density
        second = (self.mean**2 + self.var) * below + self.mean * std * density
        return _Signal(first, second - first**2)


def resnet_variance() -> em.Node:
    r"""Return the network whose impact is the variance of the ResNet's gradient at initialisation.

    Behind batch normalisation a signal has variance 1, and a branch divides the gradient by the deviations of
    what its two convolutions read, v of its input and :math:`(1 - 1/\pi)/2` behind its ReLU: its gain is
    :math:`1 / (v (1 - 1/\pi))`. The shortcut adds mean and variance of its input, which the ReLU between
    blocks passes on as those of a rectified normal.
    """
    net: em.Node = CONV
    signal = _Signal(0.0, 1.0).rectified()
    for stage, count in enumerate(BLOCKS):
        for number in range(count):
            gain = 1 / (signal.var * (1 - 1 / math.pi))
            if stage and not number:
                branch = em.Conv((3, 3), 2, padding=1) >> CONV
                net = net >> em.Sum([em.Conv((1, 1), 2), branch], [1 / signal.var, gain])
                signal = _Signal(0.0, 2.0).rectified()
            else:
                net = net >> em.Residual(CONV**2, gain)
                signal = _Signal(signal.mean, signal.var + 1).rectified()
    return net
