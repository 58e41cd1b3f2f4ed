"""A model's own weights channel by channel, beside one autograd pass of the same model.

``python -m benchmarks.given`` prints a line per network: the processor time of the gradient of the middle
unit by autograd in float32, that of reading its field off the weights at the same input size (borders
included) once the model is read, their ratio, and how far the two agree. Agreement is measured in float64
where the two are the same number: activations halve, which is their mean slope, and maxima are averages.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

import erfmath as em

from .measure import digits, machine, markdown
from .models import forget

ROUNDS = 3


class Half(nn.Module):
    """An activation's mean slope in its place."""

    def forward(self, x: Any) -> Any:
        """Return half the input."""
        return x * 0.5


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return a convolution with its normalisation and activation."""
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class Added(nn.Module):
    """A branch added to its input, by a 1x1 convolution where their sizes differ."""

    def __init__(
        self, branch: nn.Module, inputs: int, outputs: int, stride: int = 1, last: Any = None
    ) -> None:
        super().__init__()
        same = inputs == outputs and stride == 1
        self.branch, self.last = branch, last or nn.Identity()
        self.short = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Any) -> Any:
        """Return the sum."""
        return self.last(self.short(x) + self.branch(x))


def resnet(depths: Sequence[int], is_bottleneck: bool) -> nn.Module:
    """Return the convolutions of a ResNet (He et al. 2016)."""
    layers, inputs = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True)):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            outputs = 4 * width if is_bottleneck else width
            parts = [conv(inputs, width, 3, stride), conv(width, width)]
            if is_bottleneck:
                parts = [conv(inputs, width, 1), conv(width, width, 3, stride), conv(width, outputs, 1)]
            branch = nn.Sequential(*parts[:-1], *parts[-1][:-1])
            layers.append(Added(branch, inputs, outputs, stride, nn.ReLU()))
            inputs = outputs
    return nn.Sequential(*layers)


def large_kernels(width: int = 128, depths: Sequence[int] = (2, 2, 18, 2)) -> nn.Module:
    """Return a network of 31 x 31 depthwise convolutions, as RepLKNet-31B (Ding et al. 2022)."""
    layers = [conv(3, width, 3, 2), conv(width, width, 3, 1, width), conv(width, width, 1)]
    layers.append(conv(width, width, 3, 2, width))
    for stage, (depth, size) in enumerate(zip(depths, (31, 29, 27, 13), strict=True)):
        for _ in range(depth):
            wide = [conv(width, width, 1), conv(width, width, size, 1, width), nn.Conv2d(width, width, 1)]
            mix = [nn.BatchNorm2d(width), nn.Conv2d(width, 4 * width, 1), nn.GELU()]
            mix.append(nn.Conv2d(4 * width, width, 1))
            layers += [Added(nn.Sequential(*part), width, width) for part in (wide, mix)]
        if stage < len(depths) - 1:
            layers += [conv(width, 2 * width, 1), conv(2 * width, 2 * width, 3, 2, 2 * width)]
            width *= 2
    return nn.Sequential(*layers)


def mobile() -> nn.Module:
    """Return inverted residuals of depthwise convolutions, as MobileNetV2 (Sandler et al. 2018)."""
    layers, inputs = [conv(3, 32, 3, 2)], 32
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2)]
    for factor, outputs, depth, first in plan:
        for block in range(depth):
            wide, stride = factor * inputs, first if not block else 1
            parts = [conv(inputs, wide, 1), conv(wide, wide, 3, stride, wide), *conv(wide, outputs, 1)[:-1]]
            branch = nn.Sequential(*parts)
            is_added = stride == 1 and inputs == outputs
            layers.append(Added(branch, inputs, outputs) if is_added else branch)
            inputs = outputs
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Two convolutions a level, down by maxima and up by transposed ones (Ronneberger et al. 2015)."""

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        twice = lambda i, o: nn.Sequential(conv(i, o), conv(o, o))  # noqa: E731
        self.down = nn.ModuleList([twice(i, o) for i, o in pairwise([3, *widths])])
        self.pool = nn.MaxPool2d(2)
        levels = list(pairwise(widths))[::-1]
        self.up = nn.ModuleList([nn.ConvTranspose2d(o, i, 2, 2) for i, o in levels])
        self.join = nn.ModuleList([twice(2 * i, i) for i, _ in levels])

    def forward(self, x: Any) -> Any:
        """Return the map at the input's resolution."""
        kept = []
        for level, layer in enumerate(self.down):
            x = layer(self.pool(x) if level else x)
            kept.append(x)
        for up, join, skip in zip(self.up, self.join, kept[-2::-1], strict=True):
            x = join(torch.cat([up(x), skip], 1))
        return x


MODELS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-18": lambda: resnet((2, 2, 2, 2), False),
    "ResNet-50": lambda: resnet((3, 4, 6, 3), True),
    "RepLKNet-31B": large_kernels,
    "MobileNetV2": mobile,
    "U-Net": UNet,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.given", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", default="", help="networks whose name contains this")
    parser.add_argument("--size", type=int, default=224, help="side of the input, 224 by default")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    header = ("network", "field", "autograd s", "given s", "ratio", "energies s", "ratio", "worst difference")
    names = [name for name in MODELS if args.only.lower() in name.lower()]
    rows = [row(name, args.size) for name in names]
    print(f"{machine()}, torch {torch.__version__}, one thread of torch\n\n{markdown(header, rows, left=1)}")
    return 0


def row(name: str, side: int) -> tuple[str, ...]:
    """Return the times of one network, and how far the two gradients are apart."""
    torch.manual_seed(0)
    module = MODELS[name]().eval().requires_grad_(False)
    read = lambda: em.from_torch(module, (1, 3, side, side), weights="given")  # noqa: E731
    calls: dict[str, Callable[[em.Model], Any]] = {
        "autograd": lambda _: gradient(module, side, torch.float32),
        "given": lambda model: em.impact_map(model, input_size=side),
        "energies": lambda model: em.distribution(em.variance(model), input_size=side),
    }
    seconds: dict[str, list[float]] = {call: [] for call in calls}
    for _ in range(ROUNDS):
        for call, work in calls.items():
            model = read()  # anew: what is derived from a network is kept with it
            forget()
            start = time.process_time()
            work(model)
            seconds[call].append(time.process_time() - start)
    base, *times = (statistics.median(samples) for samples in seconds.values())
    found = [text for t in times for text in (digits(t), digits(t / base, 2))]
    field = max(em.receptive_field(model).size)
    return (name, str(field), digits(base), *found, f"{difference(module, side):.0e}")


def gradient(module: nn.Module, side: int, dtype: Any) -> Any:
    """Return the gradient of the middle unit, all channels added, by one pass forward and one backward."""
    x = torch.rand(1, 3, side, side, dtype=dtype, requires_grad=True)
    y = module(x)
    y[..., y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    return x.grad


def difference(module: nn.Module, side: int) -> float:
    """Return the largest difference of the two gradients over the largest value, activations halved."""
    linear = halved(copy.deepcopy(module)).double()
    found = em.impact_map(
        em.from_torch(linear, torch.zeros(1, 3, side, side).double(), weights="given"), None, side
    )
    measured = gradient(linear, side, torch.float64)[0].numpy()
    theory = np.zeros_like(measured)
    place = tuple(slice(o, o + n) for o, n in zip(found.start, found.channels.shape[1:], strict=True))
    theory[:, *place] = found.channels
    return float(np.abs(theory - measured).max() / np.abs(measured).max())


def halved(module: nn.Module) -> nn.Module:
    """Return a module with its activations halving, and averages for maxima."""
    for name, part in module.named_children():
        if isinstance(part, (nn.ReLU, nn.GELU)):
            setattr(module, name, Half())
        elif isinstance(part, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(part.kernel_size, part.stride, part.padding))
        else:
            halved(part)
    return module


if __name__ == "__main__":
    raise SystemExit(main())
