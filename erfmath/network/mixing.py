r"""Weights between channels: what a unit sees where each channel has weights of its own.

A layer with weights W makes output channel o of input channels i,

.. math:: y_o(x) = \sum_{i, p} W_{oip}\; x_i(s x + d p + c),

and a unit that sees the outputs with weights :math:`g_o` sees input channel i through tap p with
:math:`\sum_o W_{oip}\, g_o`. Of independent signs of the weights the squares are added (Luo et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.scaled import Floats
from .spread import Spans, Steps, mixed

Weights = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Taps:
    """Weights of shape (groups, outputs of a group, inputs of a group, *taps), each raised to a power."""

    weights: Weights
    power: int = 1

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weights.shape[0] * self.weights.shape[2])

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.weights.shape[0] * self.weights.shape[1])

    @property
    def is_nonnegative(self) -> bool:
        """Whether no weight is negative."""
        return self.power % 2 == 0 or bool((self.weights >= 0).all())

    def along(self, axis: int) -> Taps:
        """Return the weights on one axis, summed over the others."""
        others = tuple(3 + a for a in range(self.weights.ndim - 3) if a != axis)
        return Taps((self.weights.astype(float) ** self.power).sum(axis=others))

    def back(self, values: Floats, support: Weights, steps: Steps, kept: Spans) -> Floats:
        """Return what is seen of the inputs, of what is seen of the outputs, through the taps that count."""
        _require_channels(len(values), self.outputs)
        return mixed(values, self.weights, self.power, support, steps, kept)


@dataclass(frozen=True, eq=False)
class Gather:
    """Output channel j is input channel index[j], or zero where that is -1."""

    index: np.ndarray[Any, np.dtype[np.int64]]
    inputs: int

    is_nonnegative = True

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return len(self.index)

    def along(self, axis: int) -> Gather:
        """Return the same on one axis."""
        return self

    def back(self, values: Floats, support: Weights, steps: Steps, kept: Spans) -> Floats:
        """Return what is seen of the inputs, of what is seen of the outputs, where no position moves."""
        values = values[:, *(slice(*span) for span in kept)]
        _require_channels(len(values), self.outputs)
        is_made = self.index >= 0
        chosen, read = (
            self.index[is_made],
            np.broadcast_to(values, (self.outputs, *values.shape[1:]))[is_made],
        )
        seen = np.zeros((self.inputs, *values.shape[1:]))
        if len(np.unique(chosen)) == len(chosen):
            seen[chosen] = read
        else:  # some are repeated
            np.add.at(seen, chosen, read)
        return seen


Mixing = Taps | Gather


def _require_channels(read: int, made: int) -> None:
    """Raise where what follows reads another number of channels; a single one stands for any number."""
    if read not in (1, made):
        raise ValueError(f"channels do not fit: a layer makes {made}, and what follows reads {read}")
