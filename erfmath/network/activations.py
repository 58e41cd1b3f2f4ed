"""Activations by name: the first two moments of their slopes under a standard normal input."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from .._checks import as_choice
from ..core.scaled import Floats


def activation_gain(name: str) -> float | Fraction:
    r"""Return :math:`E[\sigma'(x)^2]` of an activation by name, x standard normal.

    Parameters
    ----------
    name
        Such as "relu", one of ``erfmath.network.activations.ACTIVATIONS``; case is ignored.

    Returns
    -------
    float or Fraction
        A Fraction where the integral is one, as for "relu".

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from erfmath import activation_gain
    >>> activation_gain("relu"), round(activation_gain("tanh"), 4)
    (Fraction(1, 2), 0.4644)
    """
    return _moment(name, 2)


def activation_slope(name: str) -> float | Fraction:
    r"""Return the mean slope :math:`E[\sigma'(x)]` of an activation by name, x standard normal.

    Parameters
    ----------
    name
        As for :func:`activation_gain`.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> activation_slope("relu"), round(activation_slope("tanh"), 4)
    (Fraction(1, 2), 0.6057)
    """
    return _moment(name, 1)


def activated(name: str, x: Floats) -> tuple[Floats, Floats]:
    """Return the values of an activation by name, and its slopes.

    Examples
    --------
    >>> activated("relu", np.array([-1.0, 2.0]))
    (array([-0.,  2.]), array([0., 1.]))
    """
    known = _known(name)
    if known in LEAKS:
        slopes = np.where(x > 0, 1.0, float(LEAKS[known]))
        return slopes * x, slopes
    return np.asarray(_VALUES[known](x)), np.asarray(_SLOPES[known](x))


def leak_of(name: str) -> Fraction | None:
    """Return the slope on the left of what is the identity on the right; None of other activations."""
    return LEAKS.get(_known(name))


def _known(name: str) -> str:
    return as_choice(name.lower() if isinstance(name, str) else name, "activation", ACTIVATIONS)


def _moment(name: str, power: int) -> float | Fraction:
    """Return the mean of a power of the slope of an activation."""
    name = _known(name)
    if name in LEAKS:
        return (1 + LEAKS[name] ** power) / 2
    return _integrated(name, power)


# Slopes on the left of 0 of what is the identity on the right.
LEAKS: dict[str, Fraction] = {
    "identity": Fraction(1),
    "relu": Fraction(0),
    "leaky_relu": Fraction(1, 100),
    "prelu": Fraction(1, 4),  # PyTorch's first slope
}


# exp() of this is a float.
_LARGEST = 700.0


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(np.minimum(-x, _LARGEST))))


def _normal_cdf(x: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def _mish_slope(t: Floats, x: Floats) -> Floats:
    return np.asarray(t + x * (1 - t * t) * _logistic(x))


# Klambauer et al., Self-normalizing neural networks, 2017.
_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_SLOPES: dict[str, Callable[[Floats], Floats]] = {
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid": lambda x: _logistic(x) * _logistic(-x),
    "softplus": _logistic,
    "elu": lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0))),
    "silu": lambda x: _logistic(x) * (1 + x * _logistic(-x)),
    "gelu": lambda x: _normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "relu6": lambda x: ((x > 0) & (x < 6)).astype(float),
    "selu": lambda x: _SELU * np.where(x > 0, 1.0, _SELU_ALPHA * np.exp(np.minimum(x, 0))),
    "hardswish": lambda x: np.where(x >= 3, 1.0, np.where(x <= -3, 0.0, x / 3 + 0.5)),
    "mish": lambda x: _mish_slope(np.tanh(np.logaddexp(0, x)), x),
    "erf": lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
    "hardsigmoid": lambda x: (np.abs(x) < 3) / 6,
    "hardtanh": lambda x: (np.abs(x) < 1).astype(float),
    "log_sigmoid": lambda x: _logistic(-x),
    "softsign": lambda x: 1 / (1 + np.abs(x)) ** 2,
}


_VALUES: dict[str, Callable[[Floats], Floats]] = {
    "tanh": np.tanh,
    "sigmoid": _logistic,
    "softplus": lambda x: np.logaddexp(0, x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * _logistic(x),
    "gelu": lambda x: x * _normal_cdf(x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: _SELU * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "erf": lambda x: 2 * _normal_cdf(math.sqrt(2) * x) - 1,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "softsign": lambda x: x / (1 + np.abs(x)),
}


for _table in (_SLOPES, _VALUES):
    _table |= {"swish": _table["silu"], "celu": _table["elu"]}

# Where some activation has a kink.
KINKS = (-3.0, -1.0, 0.0, 1.0, 3.0, 6.0)

# The names of activations whose gain is known.
ACTIVATIONS = tuple(sorted((*LEAKS, *_SLOPES)))


# The slopes are smooth between these; beyond the last, the normal density is below 1e-31.
_JUMPS = (0, 1, 3, 6, 12)


@functools.lru_cache
def _integrated(name: str, power: int) -> float:
    """Integrate a power of the slope against the normal density, piece by piece."""
    x, weights = np.polynomial.legendre.leggauss(100)
    total = 0.0
    for low, high in itertools.pairwise(_JUMPS):
        half = (low + high + (high - low) * x) / 2
        density = (high - low) / 2 * weights * np.exp(-half * half / 2) / math.sqrt(2 * math.pi)
        total += float(density @ (_SLOPES[name](half) ** power + _SLOPES[name](-half) ** power))
    return total
