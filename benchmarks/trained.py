"""Effective fields of trained networks: standard deviations by the theory beside those of measured gradients.

``python -m benchmarks.trained`` trains small networks on one thread, seconds each, and prints the standard
deviation (in samples, along the first axis) of the energy of the middle unit's gradient over its inputs, and
that which is read off the weights, over the measured one: by ``weights="given"``, the same with the shares of
open gates that were measured per channel, by ``weights="energy"``, and by equal taps. Random weights are a
control; how their ratio scatters from network to network is a second table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import erfmath as em

from .measure import digits, machine, markdown

SECONDS = 5.0  # of training, each
BATCH, INPUTS = 32, 96
SEEDS = 8  # of the random networks whose ratios scatter


def relu(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution, its normalisation and a rectifier of its own."""
    layer = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


class Head(nn.Module):
    """Logits of the averages of a map."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.last = body, nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.last(self.body(x).mean((2, 3)))


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*relu(width, width), *relu(width, width)[:-1])
        self.gate = nn.ReLU()

    def forward(self, x: Any) -> Any:
        """Return the sum behind a rectifier."""
        return self.gate(x + self.branch(x))


class Denoiser(nn.Module):
    """A U-Net of two levels."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first = nn.Sequential(*relu(1, width), *relu(width, width))
        self.deep = nn.Sequential(*relu(width, 2 * width), *relu(2 * width, 2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.join = nn.Sequential(*relu(2 * width, width), nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, x: Any) -> Any:
        """Return the clean image."""
        kept = self.first(x)
        return self.join(torch.cat([self.up(self.deep(F.max_pool2d(kept, 2))), kept], 1))


class Causal(nn.Module):
    """A residual block of a temporal convolutional network (Bai et al. 2018)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.pad = 2 * dilation
        self.layer, self.gate = nn.Conv1d(width, width, 3, dilation=dilation), nn.ReLU()

    def forward(self, x: Any) -> Any:
        """Return the sum of the input and the past."""
        return x + self.gate(self.layer(F.pad(x, (self.pad, 0))))


def plain() -> nn.Module:
    """Return five convolutions, one of them strided."""
    return nn.Sequential(*relu(1, 16), *relu(16, 16), *relu(16, 32, 2), *relu(32, 32), *relu(32, 32))


def residual() -> nn.Module:
    """Return four residual blocks behind a convolution."""
    return nn.Sequential(*relu(1, 24), *(Residual(24) for _ in range(4)))


def temporal(outputs: int = 1) -> nn.Module:
    """Return five causal blocks, dilated by powers of two."""
    blocks = [Causal(24, 2**i) for i in range(5)]
    return nn.Sequential(nn.Conv1d(1, 24, 1), *blocks, nn.Conv1d(24, outputs, 1))


def canvases(count: int) -> tuple[Any, Any, Any]:
    """Return noisy images of 32 x 32 with a digit somewhere, the clean ones, and the digits."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    chosen = torch.randint(0, len(images), (count,))
    clean = torch.zeros(count, 1, 32, 32)
    small = torch.tensor(images[chosen.numpy()], dtype=torch.float32).reshape(count, 1, 8, 8) / 16
    large = F.interpolate(small, scale_factor=2, mode="bilinear")
    for i, (y, x) in enumerate(torch.randint(0, 17, (count, 2)).tolist()):
        clean[i, :, y : y + 16, x : x + 16] = large[i]
    return clean + 0.3 * torch.randn_like(clean), clean, torch.tensor(labels[chosen.numpy()])


def waves(count: int) -> tuple[Any, Any, None]:
    """Return sums of three sines with noise, and their next samples."""
    time_ = torch.arange(129.0)
    rates, phases = torch.rand(count, 3, 1) * 0.6, 6.28 * torch.rand(count, 3, 1)
    values = torch.sin(rates * time_ + phases).sum(1, keepdim=True) + 0.1 * torch.randn(count, 1, 129)
    return values[..., :-1], values[..., 1:], None


def classified(module: nn.Module, width: int) -> tuple[nn.Module, Callable[[], Any]]:
    """Return what is trained to name digits, and its loss."""
    head = Head(module, width)

    def loss() -> Any:
        noisy, _, labels = canvases(BATCH)
        return F.cross_entropy(head(noisy), labels)

    return head, loss


def regressed(module: nn.Module, data: Callable[[int], Any]) -> tuple[nn.Module, Callable[[], Any]]:
    """Return what is trained to give the clean or the next values, and its loss."""

    def loss() -> Any:
        given, wanted, _ = data(BATCH)
        return F.mse_loss(module(given), wanted)

    return module, loss


def trained(module: nn.Module, loss: Callable[[], Any], seconds: float) -> float:
    """Train for some seconds; return the last loss."""
    optimiser = torch.optim.Adam(module.parameters(), 2e-3)
    end, value = time.process_time() + seconds, torch.tensor(float("nan"))
    while time.process_time() < end:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
    return float(value.detach())


def measured(module: nn.Module, x: Any) -> tuple[float, dict[str, Any]]:
    """Return the standard deviation of the mean energy of gradients, and the shares of open gates."""
    shares: dict[str, Any] = {}

    def hooked(name: str) -> Any:
        def hook(_: Any, __: Any, made: Any) -> None:
            over = [axis for axis in range(made.ndim) if axis != 1]
            shares[name] = (made > 0).float().mean(over).numpy()

        return hook

    gates = [(n, m) for n, m in module.named_modules() if isinstance(m, nn.ReLU)]
    hooks = [gate.register_forward_hook(hooked(name)) for name, gate in gates]
    x = x.clone().requires_grad_(True)
    y = module(x)
    for hook in hooks:
        hook.remove()
    unit = tuple(side // 2 for side in y.shape[2:])
    energy = torch.zeros(x.shape[2:])
    for channel in range(y.shape[1]):
        (gradient,) = torch.autograd.grad(y[(slice(None), channel, *unit)].sum(), x, retain_graph=True)
        energy += (gradient**2).sum((0, 1))
    return deviation(energy.numpy()), shares


def deviation(energy: Any) -> float:
    """Return the standard deviation along the first axis."""
    line = np.asarray(energy, dtype=float).reshape(len(energy), -1).sum(1)
    line, places = line / line.sum(), np.arange(len(line))
    mean = (line * places).sum()
    return float(np.sqrt((line * (places - mean) ** 2).sum()))


def by_theory(module: nn.Module, shape: tuple[int, ...], weights: str, rates: Any = None) -> float:
    """Return the standard deviation that the weights, or equal taps, give."""
    model = em.from_torch(module, (1, *shape), weights=weights, rates=rates)
    net = model if weights == "energy" else em.variance(model)
    law = em.distribution(net, input_size=shape[1:])
    return float((law.marginals[0] if len(shape) > 2 else law).std())


def row(name: str, module: nn.Module, x: Any) -> tuple[str, ...]:
    """Return the measured standard deviation, and the others over it."""
    module.eval().requires_grad_(False)
    size, shares = measured(module, x)
    shape = tuple(x.shape[1:])
    found = [
        by_theory(module, shape, "given"),
        by_theory(module, shape, "given", shares),
        by_theory(module, shape, "energy"),
        by_theory(module, shape, "uniform"),
    ]
    return (name, digits(size), *(f"{value / size:.2f}" for value in found))


def scatter(outputs: int) -> tuple[str, ...]:
    """Return the mean and the standard deviation of the ratio over random networks of so many outputs."""
    found = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        module = temporal(outputs).eval().requires_grad_(False)
        x = waves(INPUTS)[0]
        found.append(by_theory(module, (1, x.shape[-1]), "given") / measured(module, x)[0])
    return str(outputs), f"{np.mean(found):.2f}", f"{np.std(found, ddof=1):.2f}"


def main() -> int:
    """Print the tables."""
    torch.set_num_threads(1)
    rows = []
    for name, make, data, width in NETWORKS:
        torch.manual_seed(0)
        module = make()
        x = data(INPUTS)[0]
        rows.append(row(f"{name}, random", module, x))
        module.train().requires_grad_(True)
        task, loss = classified(module, width) if width else regressed(module, data)
        last = trained(task, loss, SECONDS)
        rows.append(row(f"{name}, trained (loss {last:.2g})", module, x))
    header = ("network", "measured", "given", "given, open gates", "energy", "uniform")
    print(f"{machine()}, torch {torch.__version__}\n\n{markdown(header, rows, left=1)}\n")
    headers = ("output channels of a random TCN", "given, mean", "standard deviation")
    print(markdown(headers, [scatter(outputs) for outputs in (1, 16)]))
    return 0


NETWORKS: list[tuple[str, Callable[[], nn.Module], Callable[[int], Any], int]] = [
    ("plain CNN", plain, canvases, 32),
    ("residual CNN", residual, canvases, 24),
    ("U-Net denoiser", Denoiser, canvases, 0),
    ("TCN", temporal, waves, 0),
]

if __name__ == "__main__":
    raise SystemExit(main())
