"""Moments of slopes, against integrals of differences."""

import numpy as np
import pytest

import erfmath as em


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "softplus"])
def test_gains_of_activations_are_means_of_squared_slopes(name):
    x = np.linspace(-9, 9, 400_001)
    curves = {
        "relu": np.maximum(x, 0),
        "tanh": np.tanh(x),
        "sigmoid": 1 / (1 + np.exp(-x)),
        "silu": x / (1 + np.exp(-x)),
        "elu": np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "softplus": np.logaddexp(x, 0),
    }
    if name == "gelu":
        from scipy.special import ndtr

        curves["gelu"] = x * ndtr(x)
    slope = np.gradient(curves[name], x)
    expected = np.sum(slope**2 * np.exp(-x * x / 2)) * (x[1] - x[0]) / np.sqrt(2 * np.pi)
    assert float(em.activation_gain(name)) == pytest.approx(expected, abs=2e-5)
