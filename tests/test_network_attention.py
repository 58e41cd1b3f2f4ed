"""Attention in windows at initialisation: what the library says of its field, against autograd."""

import math

import numpy as np
import pytest

import erfmath as em
from erfmath.network.blocks import Blocks

WINDOW, CHANNELS, HEADS, UNIT = 8, 32, 4, 2


def energies(scale, runs, batch=8):
    """Return the gradient's energy at each position of a window, and standard errors.

    Random projections of a normalised white input; those of queries and keys are `scale` as large.
    """
    torch = pytest.importorskip("torch", reason="backpropagation is the oracle")

    def heads(t):
        return t.reshape(batch, WINDOW, HEADS, -1).transpose(1, 2)

    found = []
    for _ in range(runs):
        q, k, v, o = torch.randn(4, CHANNELS, CHANNELS) / math.sqrt(CHANNELS)
        x = torch.randn(batch, WINDOW, CHANNELS, requires_grad=True)
        z = torch.nn.functional.layer_norm(x, (CHANNELS,))
        logits = heads(z @ (scale * q)) @ heads(z @ (scale * k)).transpose(2, 3)
        weights = torch.softmax(logits / math.sqrt(CHANNELS // HEADS), -1)
        y = (weights @ heads(z @ v)).transpose(1, 2).reshape(x.shape) @ o
        signs = 2.0 * torch.randint(0, 2, (batch, CHANNELS)) - 1
        (gradient,) = torch.autograd.grad((y[:, UNIT] * signs).sum(), x)
        found.append((gradient**2).sum(-1).mean(0).numpy() / CHANNELS)
    return np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(runs)


@pytest.fixture(autouse=True)
def seeded():
    torch = pytest.importorskip("torch", reason="backpropagation is the oracle")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        yield


def test_small_logits_are_an_average_over_the_window():
    found, error = energies(0.1, 250)
    theory = em.variance(Blocks(WINDOW, [range(WINDOW)] * WINDOW))
    seen = em.impact_map(theory, at=UNIT).values
    np.testing.assert_allclose(seen, np.full(WINDOW, WINDOW**-2.0), rtol=1e-12)
    # layer_norm takes the mean and the norm out of the CHANNELS directions, and divides by the deviation.
    normed = (CHANNELS - 2) / (CHANNELS - 3)
    assert (abs(found / normed - seen) < 5 * error + 0.01 * seen).all()


def test_the_others_are_alike_and_the_own_position_has_the_queries_besides():
    scale, n = 0.4, WINDOW
    found, error = energies(scale, 400)
    others = np.delete(found, UNIT)
    assert np.ptp(others) < 6 * error.max()
    spread = scale**4  # of the logits
    expected = 1 + (n - 1) * spread / (1 + spread * (1 - 1 / n))
    assert found[UNIT] / others.mean() == pytest.approx(expected, abs=0.06)
