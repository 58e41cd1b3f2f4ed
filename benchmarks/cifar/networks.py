"""What learns: the paper's 17 residual blocks, the same layers without shortcuts, and one for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..poster.networks import block, convolution, encoder_decoder

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

    @property
    def side(self) -> int:
        """The side of the theoretical field."""
        return 3 + 4 * self.blocks

    def build(self) -> tuple[Any, Any]:
        """Return (features, head), from He's initialisation, batch normalised, at the images' resolution."""
        from torch import nn

        layers = [*convolution(3, self.width), nn.ReLU()]
        layers += [block(self.width, self.width, 1, self.residual) for _ in range(self.blocks)]
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, CLASSES))
        return nn.Sequential(*layers), head


@dataclass(frozen=True)
class Dense:
    """An encoder-decoder without skips, which names each pixel.

    Attributes
    ----------
    widths
        Channels of a level; each level halves the map.
    classes
        How many there are.
    convolutions
        Convolutions a level, on the way down; one on the way up.
    """

    widths: tuple[int, ...] = (8, 16, 32, 64, 64, 64)
    classes: int = CLASSES
    convolutions: int = 3

    @property
    def name(self) -> str:
        """The network's name, for files and tables."""
        return "encoder-decoder"

    @property
    def side(self) -> int:
        """A canvas on which the middle unit meets no border: a multiple of the deepest stride."""
        stride = 2 ** (len(self.widths) - 1)
        field = 2 * self.convolutions * (2 * stride - 1) + 3 * (stride - 1) + 3  # over all phases
        return -(-field // (2 * stride)) * 2 * stride

    def build(self) -> tuple[Any, Any]:
        """Return (features, head), from He's initialisation and batch normalised."""
        return encoder_decoder(3, self.widths, self.classes, self.convolutions)
