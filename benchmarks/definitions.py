"""The squares of RepLKNet's table 10 from architecture alone: ``python -m benchmarks.definitions``.

Three tables: the published squares of trained networks beside those of random weights, at 1024 and at 224
pixels, with the initialisations that the two scripts have; what log10(x + 1) makes of one map at several
scales; and the squares of 24 random networks, by theory and by autograd.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import erfmath as em

from .measure import markdown, progress

SHARES = (0.2, 0.3, 0.5, 0.99)
SEEDS = range(24)
RUNS, CHANNELS = 40, 16

# X. Ding et al., CVPR 2022, table 10: percent of the area of 1024 x 1024 pixels, of trained networks.
PUBLISHED = {
    "ResNet-101": (0.9, 1.5, 3.2, 22.4),
    "ResNet-152": (1.1, 1.8, 3.9, 34.4),
    "RepLKNet-13": (11.2, 17.1, 30.2, 96.3),
    "RepLKNet-31": (16.3, 24.7, 43.2, 98.6),
}
NETWORKS = {
    "ResNet-101": em.zoo.resnet101,
    "ResNet-152": em.zoo.resnet152,
    "RepLKNet-13": lambda: em.zoo.replknet13(merged=False),
    "RepLKNet-31": lambda: em.zoo.replknet31b(merged=False),
}
# torchvision draws the weights of ResNets by He's rule; RepLKNet's module leaves them as PyTorch made them.
INITS = {"He": Fraction(2), "PyTorch": Fraction(1, 3)}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=("published", "logarithm", "random"), help="print a single table")
    only = parser.parse_args(argv).only
    shares = [f"t = {share}" for share in SHARES]
    if only in (None, "published"):
        print(markdown(["network", "weights", "picture", *shares], published_rows(), left=2) + "\n")
    if only in (None, "logarithm"):
        print(markdown(["peak of the map", *shares], logarithm_rows()) + "\n")
    if only in (None, "random"):
        print(markdown(["network", "picture", *shares, "worst"], random_rows()))
    return 0


def published_rows() -> Iterator[list[str]]:
    """Yield the published areas, and those of random weights by theory, as percents of the picture."""
    for name, areas in PUBLISHED.items():
        progress(name)
        yield [name, "trained (paper)", "1024", *(f"{area:.1f}" for area in areas)]
        for side in (1024, 224):
            for init, gain in INITS.items():
                found = squares(NETWORKS[name](), gain, side)
                yield [name, init, str(side), *(f"{100 * min(s / side, 1) ** 2:.2f}" for s in found)]


def squares(net: em.Node, gain: Fraction, side: int) -> list[float]:
    """Return the sides of the squares of the middle unit, with the borders as the layers pad them."""
    found = magnitudes_of(net, gain, side)
    return [em.effective_field(found, "square", profile="std", share=share).size for share in SHARES]


def magnitudes_of(net: em.Node, gain: Fraction, side: int) -> em.Distribution:
    """Return the distribution of the gradient's variance at the middle unit."""
    unit = tuple(count // 2 for count in em.output_size(net, (side, side)))
    return em.distribution(em.variance(net, gain), at=unit, input_size=side)


def logarithm_rows() -> Iterator[list[str]]:
    """Yield the squares of ResNet-101's map after the script's log10(x + 1), by the peak of the map."""
    law = magnitudes_of(em.zoo.resnet101(), INITS["He"], 1024)
    grid = np.sqrt(law.probabilities())
    whole = np.zeros((1024, 1024))
    (top, bottom), (left, right) = law.support()
    whole[top : bottom + 1, left : right + 1] = grid / grid.max()
    yield ["none taken", *_percents(whole)]
    for exponent in (-3, 0, 3, 6, 9):
        yield [f"1e{exponent}", *_percents(np.log10(10.0**exponent * whole + 1))]


def _percents(grid: Any) -> list[str]:
    middle = tuple(side // 2 for side in grid.shape)
    sides = [side_of(grid, middle, share) for share in SHARES]
    return [f"{100 * side**2 / grid.size:.2f}" for side in sides]


def random_rows() -> Iterator[list[str]]:
    """Yield the sides of squares of random networks, by theory and by autograd, and the worst ratio."""
    for seed in SEEDS:
        progress(f"network {seed}")
        net, side, pairs = compared(seed)
        worst = max(abs(measured / theory - 1) for theory, measured in pairs)
        field = em.receptive_field(net).size[0]
        cells = [f"{theory:.0f} / {measured}" for theory, measured in pairs]
        yield [f"field {field}, {len(list(em.layer_table(net)))} rows", str(side), *cells, f"{worst:.1%}"]


def compared(seed: int) -> tuple[em.Node, int, list[tuple[float, int]]]:
    """Return a random network, the side of its input, and its squares by theory and by autograd."""
    rng = np.random.default_rng(seed)
    net = random_network(rng)
    field = em.receptive_field(net).size[0]
    side = int(rng.choice([field + 24, field // 2]))  # within the picture, or cut by it
    found = magnitudes(net, side, seed)
    unit = em.output_size(net, side)[0] // 2
    low, high = em.receptive_field(net).region((unit, unit))[0]
    middle = (low + (high - low) // 2,) * 2
    reading = {"definition": "square", "profile": "std", "input_size": side}
    theory = [em.effective_field(net, share=share, **reading).size for share in SHARES]
    return net, side, [(t, side_of(found, middle, share)) for t, share in zip(theory, SHARES, strict=True)]


def random_network(rng: np.random.Generator) -> em.Node:
    """Return a plain, strided, dilated, pooled or residual network whose field is some 40 to 120 pixels."""
    relu = em.Activation("relu")
    net = em.Conv((3, 3), padding=1) >> relu
    while em.receptive_field(net).size[0] < 40:
        side, dilation = int(rng.choice([3, 5, 7])), int(rng.choice([1, 1, 2]))
        conv = em.Conv((side, side), dilation=dilation, padding=dilation * (side // 2))
        match rng.integers(4):
            case 0:
                net = net >> em.Residual(conv >> relu >> em.Conv((3, 3), padding=1))
            case 1 if em.receptive_field(net).stride[0] < 4:
                net = net >> em.Conv((3, 3), stride=2, padding=1) >> relu
            case 2 if em.receptive_field(net).stride[0] < 4:
                net = net >> em.Pool((2, 2)) >> conv >> relu
            case _:
                net = net >> conv >> relu
    return net


def magnitudes(net: em.Node, side: int, seed: int) -> Any:
    """Return the mean magnitude of the gradient of the middle unit over random weights, inputs and signs."""
    import torch

    total = np.zeros((side, side))
    generator = torch.Generator().manual_seed(seed)
    module = em.to_torch(net, CHANNELS, in_channels=CHANNELS, rng=seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(RUNS):
            module.reset_parameters()
            x = torch.randn((1, CHANNELS, side, side), generator=generator, requires_grad=True)
            y = module(x)
            unit = y[0, :, y.shape[2] // 2, y.shape[3] // 2]
            signs = torch.randint(0, 2, unit.shape, generator=generator) * 2 - 1
            (gradient,) = torch.autograd.grad((unit * signs).sum(), x)
            total += gradient.abs().sum(dim=(0, 1)).double().numpy()
    return total


def side_of(grid: Any, middle: tuple[int, ...], share: float) -> int:
    """Return the side of the smallest square about a pixel that holds a share, without the logarithm."""
    for radius in range(max(grid.shape)):
        window = tuple(slice(max(0, m - radius), m + radius + 1) for m in middle)
        if grid[window].sum() >= share * grid.sum():
            return 2 * radius + 1
    raise AssertionError("a square of all pixels holds all")


if __name__ == "__main__":
    raise SystemExit(main())
