"""Which layers make the field: their gains of energy and spreads of taps, and the gradient between blocks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

FIRST = 3  # the first block stands behind a convolution, its normalisation and a rectifier
OPEN = 0.5  # share of open gates behind a rectifier, as the theory has it


def of_weights(features: Any) -> dict[str, Any]:
    """Return of each convolution, first to last, its gain of energy and the variance of its taps.

    Batch normalisation is part of its convolution. The gain is the sum of the squared weights over the output
    channels; the variance is that of a tap's place under the squared weights, the mean of both axes: 2/3 for
    equal taps of 3 x 3.
    """
    from torch import nn

    layers = list(features.modules())
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    gains, spreads = [], []
    for conv, norm in zip(convs, norms, strict=True):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        energy = ((conv.weight * scale[:, None, None, None]) ** 2).sum((0, 1)).double().detach().numpy()
        gains.append(float(energy.sum() / conv.out_channels))
        spreads.append(_spread(energy))
    return {"gains": gains, "spreads": spreads}


def _spread(energy: Any) -> float:
    """Return the variance of the place under a map, the mean of both axes."""
    shares = energy / energy.sum()
    found = []
    for axis in range(2):
        line, places = shares.sum(1 - axis), np.arange(shares.shape[axis])
        mean = (line * places).sum()
        found.append((line * (places - mean) ** 2).sum())
    return float(np.mean(found))


def with_new_signs(features: Any, seed: int) -> Any:
    """Return a copy whose convolutions' weights have signs drawn anew."""
    import torch

    made, generator = copy.deepcopy(features), torch.Generator().manual_seed(seed)
    for layer in made.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight *= 2.0 * torch.randint(0, 2, layer.weight.shape, generator=generator) - 1
    return made


def through_blocks(features: Any, x: Any) -> dict[str, list[float]]:
    """Return how the middle unit's gradient passes the blocks, measured.

    `variance` is that of its energy's place in front of each block, and behind the last, which is 0; `ratio`
    is the energy that comes through a block's branch over that which its shortcut passes, empty without.
    """
    import torch

    made: list[Any] = []
    branches: list[tuple[float, float]] = []

    def keep(_: Any, __: Any, out: Any) -> None:
        out.retain_grad()
        made.append(out)

    def compare(_: Any, before: Any, behind: Any) -> None:
        branches.append((float((before[0] ** 2).sum()), float((behind[0] ** 2).sum())))

    hooks = [layer.register_forward_hook(keep) for layer in list(features)[FIRST - 1 :]]
    blocks = (layer for layer in features if hasattr(layer, "branch"))
    hooks += [block.branch.register_full_backward_hook(compare) for block in blocks]
    _descend(features, x, torch.Generator().manual_seed(0))
    for hook in hooks:
        hook.remove()
    variances = [_spread((out.grad.double() ** 2).sum((0, 1)).numpy()) for out in made]
    return {"variance": variances, "ratio": [before / behind for before, behind in reversed(branches)]}


def _descend(features: Any, x: Any, generator: Any) -> None:
    """Send the middle unit's gradient back, with random signs, through all layers."""
    import torch

    y = features(x.clone().requires_grad_())
    values = y[:, :, y.shape[2] // 2, y.shape[3] // 2]
    signs = 2.0 * torch.randint(0, 2, values.shape, generator=generator) - 1
    (values * signs).sum().backward()


def foretold_variance(gains: Any, spreads: Any, residual: bool) -> float:
    """Return the variance of the field by gains and spreads: of independent paths, gates half open.

    The first convolution spreads all; a residual block's branch spreads its share of the energy,
    a / (1 + a) with its gain a, that of its two convolutions and the gate between them.
    """
    gain, spread = (np.asarray(values, dtype=float) for values in (gains, spreads))
    if not residual:
        return float(spread.sum())
    branch = OPEN * gain[1::2] * gain[2::2]
    return float(spread[0] + (branch / (1 + branch) * (spread[1::2] + spread[2::2])).sum())
