"""What the tests of measurements share: small networks, a small module, and runs without a progress line."""

import pytest

import erfmath as em
from erfmath.measured.gradients import measure

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

CONV, RELU = em.Conv((3, 3)), em.Activation("relu")
BLOCK = CONV >> RELU
SAME = em.Conv((3, 3), padding=1)


def quietly(net, **options):
    return measure(net, progress=False, **{"rng": 0, **options})


def small_module():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 3))
