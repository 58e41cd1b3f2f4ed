"""Interpolation by any rational factor, as a layer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_choice
from ..polynomials.kernel import Kernel
from .algebra import Node
from .arguments import set_fields
from .layers import Upsample
from .stage import Stage, lower
from .variance import variance

Rationals = tuple[Fraction, ...]

MODES = ("nearest", "linear", "cubic")
ROUNDINGS = ("floor", "ceil", "prefer_floor", "prefer_ceil")


@dataclass(frozen=True)
class Resize(Node):
    r"""Interpolation at the positions :math:`c_i = (i + h)/f` of the samples, for any rational factor f.

    "nearest" takes the sample at the rounded position, "linear" weights samples by :math:`1 - |x - c_i|`,
    "cubic" by the magnitudes of Keys' kernel with a = -3/4, as PyTorch's and ONNX's (whose outer taps are
    negative). Output i is made for i below the input's size times f; samples outside repeat the border.

    Parameters
    ----------
    factor
        Fractions, one per axis.
    origin
        h per axis: 0 where sample 0 stays in place ("asymmetric"), (1 - f)/2 where the borders of the
        samples do ("half_pixel").
    mode
        "nearest", "linear" or "cubic".
    rounding
        Of "nearest": "floor", "ceil", or the nearest with ties "prefer_floor" or "prefer_ceil".
    drift
        How far h moves over the map, per axis, no axis where it stays: with aligned corners from 0 to 1 - f.
        The taps are averaged over it, so that a unit's field is that of all units of its phase together.
    power
        What the taps are raised to: 2 for energies.
    is_signed
        Whether the taps of "cubic" keep their signs.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> [phase.runs for phase in receptive_field(Resize((Fraction(3, 2),), (Fraction(0),))).phases]
    [((0, 0),), ((0, 0),), ((1, 1),)]
    """

    factor: Rationals
    origin: Rationals
    mode: str = "nearest"
    rounding: str = "floor"
    drift: Rationals = ()
    power: int = 1
    is_signed: bool = False

    def __post_init__(self) -> None:
        for name in ("factor", "origin", "drift"):
            set_fields(self, **{name: _as_fractions(getattr(self, name), name)})
        if not self.factor or min(self.factor) <= 0:
            raise ValueError(f"factor must be above 0 on every axis, got {self.factor}")
        if not len(self.factor) == len(self.origin) == (len(self.drift) or len(self.origin)):
            raise ValueError("origin and drift must have an entry for each axis of factor")
        as_choice(self.mode, "mode", MODES)
        as_choice(self.rounding, "rounding", ROUNDINGS)


def _as_fractions(values: Any, name: str) -> Rationals:
    """Return finite numbers, one per axis, as fractions."""
    try:
        return tuple(map(Fraction, values))
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} must be a tuple of numbers, one per axis, got {values!r}") from None


@lower.register
def _(node: Resize) -> Stage:
    drifts = node.drift or (Fraction(0),) * len(node.factor)
    taps = [_averaged(f, h, by, node) for f, h, by in zip(node.factor, node.origin, drifts, strict=True)]
    weights = functools.reduce(np.multiply.outer, [np.array(w, dtype=object) for _, w in taps])
    ups = tuple(f.numerator for f in node.factor)
    downs = tuple(f.denominator for f in node.factor)
    ones, zeros, slack = (1,) * len(ups), (0,) * len(ups), tuple(-d for d in downs)
    return Stage(Kernel(weights, [first for first, _ in taps]), ones, zeros, downs, ups, slack, "replicate")


@variance.register
def _(net: Resize, init: str = "he") -> Node:
    return replace(net, power=2 * net.power)


def resize(node: Resize) -> Node:
    """Return the interpolation as an Upsample where it is one."""
    if node.mode != "cubic" and all(f.denominator == 1 for f in node.factor):
        plain = Upsample(tuple(f.numerator for f in node.factor), node.mode)
        if lower(node).kernel == lower(plain).kernel:  # type: ignore[union-attr]
            return plain
    return node


def _averaged(
    factor: Fraction, origin: Fraction, drift: Fraction, node: Resize
) -> tuple[int, list[Fraction]]:
    """Return the taps averaged over the drift, by Simpson's rule: exact, being cubic between its knots."""
    if not drift:
        return _taps(factor, origin, node)
    pieces = abs(int(drift * factor.denominator))
    found: dict[int, Fraction] = {}
    for i in range(2 * pieces + 1):
        share = Fraction(1 if i in (0, 2 * pieces) else 4 if i % 2 else 2, 6 * pieces)
        first, weights = _taps(factor, origin + drift * i / (2 * pieces), node)
        for t, weight in enumerate(weights, first):
            found[t] = found.get(t, Fraction(0)) + share * weight
    return min(found), [found.get(t, Fraction(0)) for t in range(min(found), max(found) + 1)]


def _taps(factor: Fraction, origin: Fraction, node: Resize) -> tuple[int, list[Fraction]]:
    """Return the taps t on one axis, first and weights: output i reads the samples (q i + t)/p, f = p/q.

    The position c_i is (q i + h)/p with h = q times the origin.
    """
    p, h = factor.numerator, factor.denominator * origin
    if node.mode == "nearest":
        half = Fraction(p, 2)
        last = {
            "floor": math.floor(h),
            "ceil": math.ceil(h) + p - 1,
            "prefer_floor": math.ceil(h - half) + p - 1,
            "prefer_ceil": math.floor(h + half),
        }[node.rounding]
        return last - p + 1, [Fraction(1)] * p
    hat, width = (_linear, p) if node.mode == "linear" else (_cubic, 2 * p)
    first, weights = _sampled(hat, h, width, p)
    signed = weights if node.is_signed else [abs(weight) for weight in weights]
    return first, [weight**node.power for weight in signed]


def _sampled(
    hat: Callable[[Fraction], Fraction], h: Fraction, width: int, p: int
) -> tuple[int, list[Fraction]]:
    """Return the weights of the taps less than `width` away from h."""
    first, last = math.floor(h - width) + 1, math.ceil(h + width) - 1
    return first, [hat(abs(t - h) / p) for t in range(first, last + 1)]


def _linear(x: Fraction) -> Fraction:
    return 1 - x


def _cubic(x: Fraction) -> Fraction:
    """Return Keys' kernel, a = -3/4."""
    a = Fraction(-3, 4)
    return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * (x**3 - 5 * x**2 + 8 * x - 4)
