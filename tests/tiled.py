"""Networks of the kinds that people run tile by tile, small, as PyTorch modules."""

import pytest

torch = pytest.importorskip("torch", reason="tiles are tested on torch's own layers")
import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402


class UNet(nn.Module):
    """A U-Net of any depth on any number of axes."""

    def __init__(self, depth, ndim=2, width=3):
        super().__init__()
        conv, transposed = getattr(nn, f"Conv{ndim}d"), getattr(nn, f"ConvTranspose{ndim}d")
        self.pool = getattr(F, f"max_pool{ndim}d")

        def pair(before, after):
            return nn.Sequential(
                conv(before, after, 3, padding=1), nn.ReLU(), conv(after, after, 3, padding=1), nn.ReLU()
            )

        self.down = nn.ModuleList([pair(1 if d == 0 else width, width) for d in range(depth + 1)])
        self.up = nn.ModuleList([transposed(width, width, 2, 2) for _ in range(depth)])
        self.merge = nn.ModuleList([pair(2 * width, width) for _ in range(depth)])
        self.last = conv(width, 1, 1)

    def forward(self, x):
        kept = []
        for index, part in enumerate(self.down):
            x = part(x if index == 0 else self.pool(x, 2))
            kept.append(x)
        x = kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), kept.pop()], 1))
        return self.last(x)


class Basic(nn.Module):
    """The basic block of a ResNet."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1)
        self.norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.norm(self.first(x)))) + self.skip(x))


def stages(width, blocks):
    """The stem and the four stages of a ResNet."""
    stem = nn.Sequential(nn.Conv2d(1, width, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    strides = (1, 2, 2, 2)
    rows = [[Basic(width, width, 1 if block else stride) for block in range(blocks)] for stride in strides]
    return [stem, *(nn.Sequential(*row) for row in rows)]


class FPN(nn.Module):
    """A feature pyramid up to its finest map."""

    def __init__(self, width=2):
        super().__init__()
        self.stages = nn.ModuleList(stages(width, 1))
        self.lateral = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(4)])
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        top = self.lateral[3](maps[4])
        for level in (2, 1, 0):
            top = F.interpolate(top, scale_factor=2) + self.lateral[level](maps[level + 1])
        return self.smooth(top)


def super_resolution(width=4):
    """Residual blocks, then twice the pixels twice."""
    body = [nn.Conv2d(1, width, 3, padding=1), Basic(width, width, 1), Basic(width, width, 1)]
    for _ in range(2):
        body += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2)]
    return nn.Sequential(*body, nn.Conv2d(width, 1, 3, padding=1))


class Around(nn.Module):
    """What is added to its input."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x):
        return x + self.inner(x)


def codec_decoder(strides=(8, 5, 4, 2), width=2):
    """The decoder of DAC: transposed convolutions and units of dilation 1, 3, 9."""
    layers = [nn.Conv1d(1, width, 7, padding=3)]
    for stride in strides:
        layers.append(
            nn.ConvTranspose1d(
                width, width, 2 * stride, stride, padding=-(-stride // 2), output_padding=stride % 2
            )
        )
        for dilation in (1, 3, 9):
            wide = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation)
            layers.append(Around(nn.ELU(), wide, nn.ELU(), nn.Conv1d(width, width, 1)))
    return nn.Sequential(*layers, nn.ELU(), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh())


def causal_tcn(width=4, levels=5):
    """Dilated convolutions that read the past alone."""
    layers = [nn.Conv1d(1, width, 1)]
    for level in range(levels):
        pad = nn.ConstantPad1d((2 * 2**level, 0), 0.0)
        layers.append(Around(pad, nn.Conv1d(width, width, 3, dilation=2**level), nn.ReLU()))
    return nn.Sequential(*layers)


# name: module, size of the input, tile
ARCHITECTURES = {
    "U-Net, depth 3": (lambda: UNet(3), (200, 176), (120, 112)),
    "U-Net, depth 4": (lambda: UNet(4), (416, 48), (224, 48)),
    "ResNet encoder": (lambda: nn.Sequential(*stages(2, 2)), (900, 1300), (900, 640)),
    "FPN": (FPN, (512, 832), (512, 480)),
    "super-resolution": (super_resolution, (50, 41), (24, 23)),
    "codec decoder": (codec_decoder, (100,), (37,)),
    "3-D U-Net": (lambda: UNet(2, ndim=3), (76, 20, 16), (56, 20, 16)),
    "causal TCN": (causal_tcn, (400,), (100,)),
}


def made(name, seed=0, regular=False):
    """Return a module of the table, its input and the size of its tiles."""
    build, size, tile = ARCHITECTURES[name]
    size, tile = REGULAR[name] if regular else (size, tile)
    torch.manual_seed(seed)
    module = build().double().eval()
    for weights in module.parameters():
        if weights.ndim > 2:  # so that signals keep their size: what is compared is relative to it
            nn.init.kaiming_normal_(weights)
    return module, torch.randn(1, 1, *size, dtype=torch.float64), tile


# For other libraries, whose windows end where the input does, step by no less than the halo, and are scaled.
REGULAR = {
    "U-Net, depth 3": ((264, 160), (152, 160)),
    "U-Net, depth 4": ((528, 16), (304, 16)),
    "ResNet encoder": ((64, 1088), (64, 640)),
    "FPN": ((64, 1248), (64, 608)),
    "super-resolution": ((50, 41), (23, 23)),
    "codec decoder": ((100,), (36,)),
    "3-D U-Net": ((120, 20, 16), (72, 20, 16)),
    "causal TCN": ((372,), (124,)),
}
