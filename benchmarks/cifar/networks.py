"""The networks that learn CIFAR-10: the paper's 17 residual blocks, and the same layers without shortcuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..poster.networks import block, convolution

# The field of both: 35 convolutions of 3 x 3. The paper says 74 for its own, and not which kernel is even.
BLOCKS = 17
CLASSES = 10


@dataclass(frozen=True)
class Shape:
    """What a network looks like.

    Attributes
    ----------
    residual
        Whether the blocks of two convolutions have shortcuts.
    width
        Channels of every layer.
    blocks
        Blocks behind the first convolution.
    """

    residual: bool
    width: int = 16
    blocks: int = BLOCKS

    @property
    def name(self) -> str:
        """The network's name, for files and tables."""
        return "residual" if self.residual else "plain"

    def build(self) -> tuple[Any, Any]:
        """Return (features, head), from He's initialisation, batch normalised, at the images' resolution."""
        from torch import nn

        layers = [*convolution(3, self.width), nn.ReLU()]
        layers += [block(self.width, self.width, 1, self.residual) for _ in range(self.blocks)]
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, CLASSES))
        return nn.Sequential(*layers), head
