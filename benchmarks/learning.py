"""How the benchmarks train networks: descent on a schedule, statistics before it, and a score behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def descent(parameters: Iterable[Any], steps: int, rate: float, warmup: int = 0) -> tuple[Any, Any]:
    """Return stochastic gradient descent with Nesterov momentum, and its schedule.

    The rate rises over `warmup` steps to `rate`, and falls to nothing on half a cosine.
    """
    import torch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2 if step < steps else 0.0

    made = torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return made, torch.optim.lr_scheduler.LambdaLR(made, factor)


def calibrate(features: Any, batches: Iterable[Any]) -> None:
    """Let batch normalisation see these batches alone, so that it can be evaluated before training."""
    import torch

    norms = [module for module in features.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain means
    features.train()
    with torch.no_grad():
        for batch in batches:
            features(batch)
    for norm in norms:
        norm.momentum = 0.1


def score(features: Any, head: Any, x: Any, labels: Any) -> float:
    """Return the share of images, or of pixels that have a class, that are told right."""
    import torch

    features.eval()
    with torch.no_grad():
        found = torch.cat([head(features(part)).argmax(dim=1) for part in x.split(100)])
    return float((found == labels)[labels >= 0].float().mean())
