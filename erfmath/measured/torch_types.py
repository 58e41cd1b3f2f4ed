"""The PyTorch modules that networks become, defined when torch is first needed."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..laws.manners import as_generator
from ..network.border import inside
from ..network.stage import Stage


def import_torch() -> Any:
    """Return torch, or raise with how to install it."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ImportError("measuring needs PyTorch: pip install 'erfmath[torch]'") from None


def seed_of(rng: Any) -> int:
    """Return a seed for torch, drawn from a generator or from a seed for one."""
    return int(as_generator(rng).integers(2**63))


@dataclass
class Step:
    """The input of a layer: a weighted sum of tensors, or a concatenation of some channels of each.

    Attributes
    ----------
    sources
        The tensors and their gains.
    shares
        For a concatenation, how many channels are taken of each tensor, out of how many.
    picks
        Which channels they are; None means all.
    """

    sources: tuple[tuple[int, float], ...]
    shares: tuple[tuple[int, int], ...] | None = None
    picks: list[Any] = field(default_factory=list)

    def draw(self) -> None:
        """Pick channels at random: the first ones of a concatenation all come from the same tensor."""
        pick = import_torch().randperm
        self.picks = [None if taken == of else pick(of)[:taken] for taken, of in self.shares or ()]

    def read(self, tensors: Sequence[Any]) -> Any:
        """Return the layer's input."""
        parts = [tensors[i] if gain == 1 else gain * tensors[i] for i, gain in self.sources]
        if self.shares is None:
            return functools.reduce(lambda a, b: a + b, parts)
        kept = [part if pick is None else part[:, pick] for part, pick in zip(parts, self.picks, strict=True)]
        return import_torch().cat(kept, dim=1)


def depthwise(make: Any, weights: Floats, channels: int, **options: Any) -> Any:
    """Return a layer that applies the same fixed weights to each channel separately."""
    torch = import_torch()
    layer = make(channels, channels, weights.shape, groups=channels, **options)
    values = torch.as_tensor(weights, dtype=layer.weight.dtype)
    layer.weight = torch.nn.Parameter(values.expand_as(layer.weight).clone(), requires_grad=False)
    return layer


@functools.lru_cache(maxsize=1)
def network_type() -> Any:
    """Return the type of the modules that networks become."""
    torch = import_torch()

    class Network(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A network in PyTorch: its layers, and the tensors that each of them reads."""

        def __init__(self, builder: Any, output: int) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(builder.layers)
            self.steps, self.output = tuple(builder.steps), output
            self.in_channels, self.drawn = builder.channels[0], tuple(builder.drawn)

        def forward(self, x: Any) -> Any:
            """Return the output map."""
            tensors = [x]
            for step, layer in zip(self.steps, self.layers, strict=True):
                tensors.append(layer(step.read(tensors)))
            return tensors[self.output]

        def reset_parameters(self) -> None:
            """Draw new random weights from torch's generator, and new channels for each concatenation."""
            for step in self.steps:
                step.draw()
            for layer, std in self.drawn:
                torch.nn.init.normal_(layer.weight, 0.0, std)

    return Network


@functools.lru_cache(maxsize=1)
def fixed_type() -> Any:
    """Return the type of the layers that multiply each axis by a matrix."""
    torch = import_torch()

    class Fixed(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A linear layer with given weights, the same for each channel."""

        def __init__(self, stages: Sequence[Stage]) -> None:
            super().__init__()
            self.stages = tuple(stages)

        def forward(self, x: Any) -> Any:
            """Return the output map."""
            for axis, stage in enumerate(self.stages, x.dim() - len(self.stages)):
                matrix = torch.as_tensor(_matrix(stage, x.shape[axis]), dtype=x.dtype, device=x.device)
                x = (x.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
            return x

    return Fixed


def _matrix(stage: Stage, samples: int) -> Floats:
    """Return the matrix of a stage on one axis with this many samples."""
    count = stage.length(0, samples)
    matrix = np.zeros((count, samples))
    for (tap,), weight in stage.kernel.taps():
        places, known = stage.reads(0, tap, count)
        if stage.border == "zeros":
            known &= (places >= 0) & (places < samples)
        units = np.flatnonzero(known)
        np.add.at(matrix, (units, inside(places[units], samples, stage.border)), float(weight))
    return matrix * stage.shares(0, 0, count, samples)[:, None] if stage.counted else matrix
