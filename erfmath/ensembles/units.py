r"""What a unit of a wide random network is: an activation of the largest of some normal variables.

Behind random weights a unit is normal, an activation f makes :math:`f(h)` of it, and a maximum over a window
W, since activations rise, :math:`f(\max_W h)`; further activations and maxima keep this form.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.scaled import Floats
from ..network.activations import KINKS, activated, leak_of
from ..network.arguments import Ints
from .maxima import Maximum, maximum, shared_maxima
from .offsets import Offsets, counted_pairs

# Two to this power and the square of it are floats.
_LARGEST = 500.0


@dataclass(frozen=True, eq=False)
class Units:
    """Units f(max h) over windows of normal variables h of standard deviation 2**level.

    Attributes
    ----------
    level
        Two's logarithm of the standard deviation of h.
    bias
        The mean of h in standard deviations.
    correlation
        The correlation of h by offset.
    window
        The places of the variables of a unit, for each axis.
    step
        The places from a unit to the next one, per axis.
    names
        The activations that make up f, the first one first.
    """

    level: float
    bias: float
    correlation: Offsets
    window: tuple[Ints, ...]
    step: Ints
    names: tuple[str, ...] = ()

    @classmethod
    def normal(cls, level: float, bias: float, correlation: Offsets) -> Units:
        """Return units that are normal variables themselves."""
        ones = (1,) * correlation.values.ndim
        return cls(level, bias, correlation, ((0,),) * len(ones), ones)

    def activated(self, name: str) -> Units:
        """Return the units behind an activation."""
        if self.names and self.leak == 0 and leak_of(name) is not None:
            return self  # what is not negative stays as it is
        return replace(self, names=(*self.names, name))

    def pooled(self, places: Sequence[Ints], stride: Ints) -> Units:
        """Return the largest units of windows that hold these places on each axis."""
        axes = zip(self.window, places, self.step, strict=True)
        window = tuple(tuple(sorted({w + s * p for w in own for p in more})) for own, more, s in axes)
        return replace(self, window=window, step=tuple(np.multiply(self.step, stride).tolist()))

    @property
    def count(self) -> int:
        """The number of variables of a unit."""
        return math.prod(map(len, self.window))

    @functools.cached_property
    def leak(self) -> float | None:
        """The slope of f on the left of 0 where it is the identity on the right; None of other functions."""
        leaks = [leak_of(name) for name in self.names]
        known = [float(leak) for leak in leaks if leak is not None]
        return math.prod(known) if len(known) == len(leaks) else None

    @property
    def unit(self) -> float:
        """Two's logarithm of the unit of the moments: that of h where f is homogeneous."""
        return 0.0 if self.leak is None else self.level

    @functools.cached_property
    def within(self) -> float:
        """The mean correlation of two variables of a unit, from 0 to 1."""
        if self.count == 1:
            return 1.0
        total = self._pairs().centre
        return min(max((total - self.count) / (self.count**2 - self.count), 0.0), 1.0)

    @functools.cached_property
    def law(self) -> Maximum:
        """The law of the maximum, in standard deviations about the mean."""
        kinks = (0.0,) if self.leak is not None else KINKS
        return maximum(self.count, self.within, tuple(k / self._scale - self.bias for k in kinks))

    @functools.cached_property
    def values(self) -> tuple[Floats, Floats]:
        """The values of f and its slopes at the points of the law, in the unit of the moments."""
        return self._at(self.law.points)

    @functools.cached_property
    def mean(self) -> float:
        """The mean of a unit, in the unit of the moments."""
        if self._centred is not None:
            return (1 - self._centred) / math.sqrt(2 * math.pi)
        return self.law.mean(self.values[0])

    @functools.cached_property
    def energy(self) -> float:
        """The mean squared slope of f."""
        if self._centred is not None:
            return (1 + self._centred**2) / 2
        return self.law.mean(self.values[1] ** 2)

    @functools.cached_property
    def moments(self) -> Offsets:
        """The second moments of two units by offset, in the unit of the moments squared."""
        if self._centred is not None:
            return self._rectified(self._centred)
        coefficients = self.law.hermite(self.values[0])
        square = self.law.mean(self.values[0] ** 2)
        rest = max(square - float(coefficients @ coefficients), 0.0) if self.count == 1 else 0.0
        series = np.polynomial.Polynomial([*coefficients**2, 0.0, rest])
        ratios = self._ratios
        values = np.asarray(series(ratios.values))
        for common, places in self._overlaps.items():
            product = shared_maxima(self.count, common, self.within, lambda x: self._at(x)[0])
            values[tuple(np.transpose(places))] = product
        values[(ratios.reach,) * values.ndim] = square
        return Offsets(values, float(series(ratios.far)))

    def far_products(self, rows: Floats) -> Floats:
        """Return the mean products of functions of two units far from each other.

        Row by row these are given by their values at the points of the law.
        """
        coefficients, ratio = rows @ self.law.weights.T, self._ratios.far
        found = coefficients * ratio ** np.arange(coefficients.shape[1]) @ coefficients.T
        if self.count == 1:  # what the last orders leave of the products of one unit
            whole = rows * self.law.weights[0] @ rows.T
            found = found + ratio ** coefficients.shape[1] * (whole - coefficients @ coefficients.T)
        return np.asarray(found)

    def _at(self, points: Floats) -> tuple[Floats, Floats]:
        """Return f and its slopes, of standard deviations about the mean, in the unit of the moments."""
        x = (points + self.bias) * self._scale
        slopes = np.ones_like(x)
        for name in self.names:
            x, more = activated(name, x)
            slopes = slopes * more
        return x, slopes

    @property
    def _centred(self) -> float | None:
        """The leak where the law is known in closed form: a rectifier of a normal variable of mean 0."""
        return self.leak if self.count == 1 and self.bias == 0 else None

    @property
    def _scale(self) -> float:
        """The standard deviation of h in the unit of the moments."""
        return 1.0 if self.leak is not None else 2.0 ** min(max(self.level, -_LARGEST), _LARGEST)

    def _rectified(self, leak: float) -> Offsets:
        """Return the moments of a rectifier that leaks, by the arc-cosine map of degree 1."""
        rho = np.clip(np.append(self.correlation.values.ravel(), self.correlation.far), -1, 1)
        magnitudes = 2 / math.pi * (np.sqrt(1 - rho * rho) + rho * np.arcsin(rho))
        found = ((1 + leak) / 2) ** 2 * rho + ((1 - leak) / 2) ** 2 * magnitudes
        near = found[:-1].reshape(self.correlation.values.shape)
        return self._strided(Offsets(near, float(found[-1])))

    def _strided(self, moments: Offsets) -> Offsets:
        ones = (1,) * moments.values.ndim
        return moments.gathered(np.ones(ones), self.step, ones)

    def _pairs(self) -> Offsets:
        """Return the sum of the correlations of all pairs of variables of two units, by their offset."""
        ones = (1,) * len(self.step)
        return self.correlation.gathered(counted_pairs(self.window), self.step, ones)

    @functools.cached_property
    def _ratios(self) -> Offsets:
        """The correlation of the common parts z of two units."""
        if self.count == 1:
            return self._strided(self.correlation)
        pairs = self._pairs()
        scale = self.count**2 * self.within
        if not scale:
            return pairs.times(0.0)
        return Offsets(np.clip(pairs.values / scale, -1, 1), min(max(pairs.far / scale, -1.0), 1.0))

    @functools.cached_property
    def _overlaps(self) -> dict[int, list[Ints]]:
        """Where units share variables: the indices of the offsets, by how many they share."""
        reach, found = self.correlation.reach, dict[int, list[Ints]]()
        if self.count == 1:
            return found
        ones = (1,) * len(self.step)
        alone = Offsets.white(len(ones)).gathered(counted_pairs(self.window), self.step, ones)
        for place in map(tuple, np.argwhere(alone.values > 0).tolist()):
            if any(index != reach for index in place):
                found.setdefault(int(alone.values[place]), []).append(place)
        return found
