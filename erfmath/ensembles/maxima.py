r"""Maxima of correlated normal variables, and what an activation makes of them.

Features behind random weights are normal in wide layers, and all pairs of a window have about the same
correlation :math:`\rho`, so that

.. math:: h_i = \sqrt\rho\, z + \sqrt{1 - \rho}\, \varepsilon_i, \qquad
   \max_i h_i = \sqrt\rho\, z + \sqrt{1 - \rho}\, \max_i \varepsilon_i,

with independent standard normal z and :math:`\varepsilon_i`: a sum of two independent variables, of
densities :math:`\varphi` and :math:`k \varphi \Phi^{k-1}`. Its density is a convolution, and its moments are
integrals of one dimension. Two windows share a part r of the common z; with the Hermite coefficients
:math:`a_n = E[f(\max h) \mathrm{He}_n(z)]/\sqrt{n!}`,

.. math:: E[f(\max h) f(\max h')] = \sum_n a_n^2\, r^n.

Sources: S. Gupta, Probability integrals of multivariate normal and multivariate t, Ann. Math. Stat. 34
(1963), for one factor; F. G. Mehler (1866) for the series; Y. Cho, L. Saul, Kernel methods for deep learning,
NeurIPS 2009, for what a rectifier makes of a correlation.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.scaled import Floats

# Beyond this the normal density is below 1e-18.
_REACH = 9.0

# Spacing of the sums over z: of smooth integrands that fall off like a normal density, as good as exact.
_STEP = 0.2

# Spacings where maxima share variables, whose moments are only good to about 1e-3 of the variance.
_FINE, _COARSE = 0.06, 0.45

# Hermite coefficients kept; what they leave of the variance is put behind the last of them.
ORDERS = 24


@dataclass(frozen=True, eq=False)
class Maximum:
    r"""The distribution of the largest of some standard normal variables, as the nodes of a quadrature.

    Attributes
    ----------
    points
        Values t of the maximum.
    weights
        Of shape (orders, points): the integral of :math:`f(t) \mathrm{He}_n(z)/\sqrt{n!}` is
        ``weights[n] @ f(points)``, so that row 0 holds the density.
    """

    points: Floats
    weights: Floats

    def mean(self, values: Floats) -> float:
        """Return the mean of a function, given by its values at the points."""
        return float(self.weights[0] @ values)

    def hermite(self, values: Floats) -> Floats:
        """Return the Hermite coefficients of a function of the maximum in the factor z."""
        return np.asarray(self.weights @ values)


@functools.lru_cache(maxsize=256)
def maximum(count: int, correlation: float = 0.0, breaks: tuple[float, ...] = (0.0,)) -> Maximum:
    r"""Return the distribution of the largest of `count` standard normal variables.

    Parameters
    ----------
    count
        How many there are, from 1.
    correlation
        That of each pair, from 0 to 1.
    breaks
        Where the functions that are averaged have kinks or jumps: the quadrature does not cross these.

    Examples
    --------
    The mean of the larger of two is :math:`1/\sqrt\pi`, of the largest of three half as much again; of four,
    one is positive with probability 15/16.

    >>> [round(maximum(k).mean(maximum(k).points) * math.sqrt(math.pi), 12) for k in (2, 3)]
    [1.0, 1.5]
    >>> law = maximum(4)
    >>> round(law.mean(law.points > 0), 12)
    0.9375
    """
    points, steps = _panels(breaks)
    if count == 1 or correlation >= 1:
        return Maximum(points, _polynomials(points) * (_density(points) * steps))
    common, own = math.sqrt(max(correlation, 0.0)), math.sqrt(1 - max(correlation, 0.0))
    nodes = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    if common < own:  # the sum runs over z, whose part is the smoother one
        rest = (points - common * nodes[:, None]) / own
        weights = _polynomials(nodes) * _density(nodes) @ (_largest(rest, count) / own)
    else:
        factor = (points - own * nodes[:, None]) / common
        weights = _polynomials(factor) * _density(factor) / common
        weights = np.einsum("j,njt->nt", _largest(nodes, count), weights)
    return Maximum(points, weights * (_STEP * steps))


def _panels(breaks: Sequence[float]) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss and Legendre's rule, piece by piece between the breaks."""
    inner = [b for b in breaks if -_REACH < b < _REACH]
    ends = np.unique(np.concatenate([np.linspace(-_REACH, _REACH, 13), inner]))
    x, w = np.polynomial.legendre.leggauss(12)
    half = np.diff(ends)[:, None] / 2
    points = (ends[:-1, None] + half) + half * x
    return points.ravel(), (half * w).ravel()


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _largest(x: Floats, count: int) -> Floats:
    """Return the density of the largest of independent standard normal variables."""
    from scipy.special import log_ndtr

    return np.asarray(count * _density(x) * np.exp((count - 1) * log_ndtr(x)))


def _polynomials(z: Floats) -> Floats:
    """Return the normalised Hermite polynomials of the orders that are kept, as the first axis."""
    found = [np.ones_like(z), z]
    for n in range(1, ORDERS - 1):
        found.append((z * found[n] - math.sqrt(n) * found[n - 1]) / math.sqrt(n + 1))
    return np.array(found)


def shared_maxima(count: int, common: int, correlation: float, f: Callable[[Floats], Floats]) -> float:
    r"""Return :math:`E[f(\max h) f(\max h')]` of two windows that share some of their variables.

    Given z the variables are independent, and given the largest of the shared ones, s, the two maxima are:
    the sum over s and z of :math:`E[f(\max(s, \cdot))]^2`.

    Parameters
    ----------
    count
        Variables of each window.
    common
        How many they share.
    correlation
        That of each pair.
    f
        A function that rises.

    Examples
    --------
    Of three independent variables the larger of the first two and of the last two have the mean product
    :math:`1/3 + \sqrt 3/(2 \pi)`.

    >>> round(shared_maxima(2, 1, 0.0, lambda x: x), 4), round(1 / 3 + 3**0.5 / 2 / math.pi, 4)
    (0.609, 0.609)
    """
    from scipy.special import ndtr

    e = np.arange(-_REACH, _REACH + _FINE / 2, _FINE)
    z = np.arange(-_REACH, _REACH + _COARSE / 2, _COARSE)[:, None]
    values = f(math.sqrt(correlation) * z + math.sqrt(1 - correlation) * e)
    alone = count - common
    slices = values * _largest(e, alone)
    above = np.cumsum(slices[:, ::-1], axis=1)[:, ::-1] - slices / 2
    given = values * ndtr(e) ** alone + _FINE * above
    inner = _FINE * (given**2 @ _largest(e, common))
    return float(_COARSE * (_density(z[:, 0]) @ inner))
