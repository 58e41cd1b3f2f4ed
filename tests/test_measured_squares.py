"""Squares of untrained networks by autograd: what RepLKNet's script measures, and the theory, within 5 %."""

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="torch is an optional dependency")

SHARES = (0.2, 0.3, 0.5, 0.99)
RUNS, CHANNELS = 40, 16


def random_network(rng):
    """A plain, strided, dilated, pooled or residual network whose field is some 40 to 120 pixels."""
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


def magnitudes(net, side, seed):
    """The mean magnitude of the gradient of the middle unit, over random weights, inputs and signs."""
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


def side_of(grid, middle, share):
    """The side of the smallest square about a pixel that holds a share, without the logarithm."""
    for radius in range(max(grid.shape)):
        window = tuple(slice(max(0, m - radius), m + radius + 1) for m in middle)
        if grid[window].sum() >= share * grid.sum():
            return 2 * radius + 1
    raise AssertionError("a square of all pixels holds all")


@pytest.mark.parametrize("seed", range(24))
def test_squares_of_random_networks_are_those_of_autograd(seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng)
    field = em.receptive_field(net).size[0]
    side = int(rng.choice([field + 24, field // 2]))  # within the picture, or cut by it
    found = magnitudes(net, side, seed)
    unit = em.output_size(net, side)[0] // 2
    low, high = em.receptive_field(net).region((unit, unit))[0]
    middle = (low + (high - low) // 2,) * 2
    for share in SHARES:
        theory = em.effective_field(net, "square", profile="std", share=share, input_size=side).size
        measured = side_of(found, middle, share)
        assert abs(measured - theory) <= max(0.05 * theory, 2)
