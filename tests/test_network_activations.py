"""Moments of slopes, against integrals of differences."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.network.activations import ACTIVATIONS, activated, activation_slope, leak_of


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


CURVES = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "tanh": lambda x: 2 / (1 + np.exp(-2 * x)) - 1,
    "sigmoid": lambda x: np.exp(x) / (1 + np.exp(x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "hardswish": lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6,
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "erf": np.vectorize(math.erf),
    "hardsigmoid": lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1),
    "hardtanh": lambda x: np.minimum(np.maximum(x, -1), 1),
    "log_sigmoid": lambda x: -np.log(1 + np.exp(-x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
}


@pytest.mark.parametrize("name", CURVES)
def test_values_and_slopes_are_those_of_the_definition(name):
    x = np.array([-40.0, -7.1, -3.2, -2.0, -0.7, -0.3, 0.2, 0.6, 1.4, 2.9, 3.3, 5.7, 6.4, 41.0])
    values, slopes = activated(name, x)
    np.testing.assert_allclose(values, CURVES[name](x), rtol=1e-11, atol=1e-13)
    step = 1e-5
    differences = (CURVES[name](x + step) - CURVES[name](x - step)) / (2 * step)
    np.testing.assert_allclose(slopes, differences, rtol=1e-6, atol=1e-8)
    assert set(CURVES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", CURVES)
def test_means_of_slopes_and_of_their_squares(name):
    x = (np.arange(240_000) + 0.5) / 10_000 - 12
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi) / 10_000
    slopes = activated(name, x)[1]
    assert float(activation_slope(name)) == pytest.approx(slopes @ density, rel=1e-8)
    assert float(em.activation_gain(name)) == pytest.approx(slopes**2 @ density, rel=1e-8)


def test_what_leaks_is_exact():
    for name, leak in (
        ("identity", 1),
        ("relu", 0),
        ("leaky_relu", Fraction(1, 100)),
        ("prelu", Fraction(1, 4)),
    ):
        assert leak_of(name) == leak_of(name.upper()) == leak
        assert activation_slope(name) == (1 + Fraction(leak)) / 2
        assert em.activation_gain(name) == (1 + Fraction(leak) ** 2) / 2
    assert leak_of("tanh") is None
    assert em.activation_gain("ReLU") == Fraction(1, 2)
    far = np.array([-700.0, 700.0])
    for name in ACTIVATIONS:
        values, slopes = activated(name, far)
        assert np.isfinite(values).all()
        assert np.isfinite(slopes[:1]).all()
    for wrong in ("snake", "", 3):
        with pytest.raises(ValueError, match=r"^activation must be one of 'celu', 'elu', 'erf'"):
            em.activation_gain(wrong)


def test_slopes_far_out_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert activated("mish", np.array([1e4, -1e4]))[1] == pytest.approx([1, 0])
