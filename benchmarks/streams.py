"""What streams cost: chunks of 1024 samples against the whole at once, and against the module on such chunks.

``python -m benchmarks.streams`` prints processor time on one thread. The module on chunks gives wrong samples
at each seam; it is what PyTorch itself takes for calls so short.
"""

import time

import torch
from torch import nn
from torch.nn import functional

import erfmath as em
from erfmath.words import table

CHUNK = 1024
SAMPLES = 2**15


class Causal(nn.Module):
    """A residual block of two causal convolutions."""

    def __init__(self, channels, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.convs = nn.ModuleList(nn.Conv1d(channels, channels, 3, dilation=dilation) for _ in range(2))

    def forward(self, x):
        y = x
        for conv in self.convs:
            y = functional.relu(conv(functional.pad(y, (self.pad, 0))))
        return x + y


class Unet(nn.Module):
    """Two convolutions a level, and skips that are concatenated."""

    def __init__(self, depth, channels):
        super().__init__()
        sides = [1, *[channels] * depth]
        self.down = nn.ModuleList(self.block(before, channels) for before in sides)
        self.up = nn.ModuleList(nn.ConvTranspose1d(channels, channels, 2, 2) for _ in range(depth))
        self.join = nn.ModuleList(self.block(2 * channels, channels) for _ in range(depth))

    def block(self, before, after):
        conv = nn.Conv1d(after, after, 3, padding=1)
        return nn.Sequential(nn.Conv1d(before, after, 3, padding=1), nn.ReLU(), conv, nn.ReLU())

    def forward(self, x):
        skips = []
        for layer in self.down:
            x = layer(functional.max_pool1d(x, 2) if skips else x)
            skips.append(x)
        x = skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([up(x), skips.pop()], 1))
        return x


def models():
    """Yield the name, the module and the shape of an example of each."""
    blocks = [Causal(64, 2**i) for i in range(6)]
    yield "TCN of 6 blocks, 64 channels", nn.Sequential(nn.Conv1d(1, 64, 1), *blocks), (1, 1, 512)
    yield "U-Net of depth 3, 32 channels", Unet(3, 32), (1, 1, 512)
    yield "U-Net of depth 3, 64 channels", Unet(3, 64), (1, 1, 512)


def seconds(call, repeats=3):
    """Return the least processor time of a call."""
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found)


def row(name, module, shape, dtype):
    """Return the ratios and the error of one module."""
    module = module.to(dtype).eval()
    stream, whole = (
        em.stream(module, torch.zeros(shape, dtype=dtype)),
        torch.randn(1, 1, SAMPLES, dtype=dtype),
    )
    chunks = whole.split(CHUNK, -1)

    def streamed():
        return torch.cat([*map(stream, chunks), stream.flush()], -1)

    with torch.no_grad():
        expected = module(whole)
        error = float((streamed() - expected).abs().max() / expected.std())
        at_once, apart = seconds(lambda: module(whole)), seconds(lambda: [module(chunk) for chunk in chunks])
    taken = seconds(streamed)
    kind = str(dtype).removeprefix("torch.")
    return [name, kind, f"{taken / at_once:.2f}", f"{taken / apart:.2f}", f"{error:.1e}"]


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [row(*case, dtype) for dtype in (torch.float64, torch.float32) for case in models()]
    print(table(["module", "type", "to the whole", "to chunks", "error / std"], rows, left=2))


if __name__ == "__main__":
    main()
