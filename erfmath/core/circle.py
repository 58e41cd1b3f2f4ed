r"""The modulus of a product on the unit circle or torus: what the largest coefficient is measured against."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..polynomials.product import Product
from .scaled import Floats

_NODES = 32  # 16 for each tap on one axis, 8 on each of two, and so on
_MOST_NODES = 2**21
_ZOOMS = 14  # each of which leaves a sixteenth of the error
_TINY = 1e-300


def log2_of_peaks(polynomial: Product) -> float:
    """Return log2 of prod_i max |P_i|^n_i, against which an FFT rounds, to about a percent in max |P_i|."""
    factors = (Product([(f.kernel, 1)]) for f in polynomial.factors)
    return sum(f.n * _log2_peak(one, 0) for f, one in zip(polynomial.factors, factors, strict=True))


def log2_peak(polynomial: Product) -> float:
    """Return log2 of max |prod_i P_i^n_i|.

    The largest of N coefficients lies between its N-th part and it.
    """
    if math.prod(_nodes(polynomial)) > _MOST_NODES:
        return log2_of_peaks(polynomial)
    return _log2_peak(polynomial, _ZOOMS)


def _nodes(polynomial: Product) -> list[int]:
    """Return nodes per axis, so many for each tap that the grid meets a peak to about a percent."""
    each = max(2, _NODES >> polynomial.ndim)
    return [
        each * max(f.step[a] * (f.kernel.shape[a] - 1) + 1 for f in polynomial.factors)
        for a in range(polynomial.ndim)
    ]


def _log2_peak(polynomial: Product, zooms: int) -> float:
    """Return log2 of the largest modulus, on a grid and on ever finer ones about its highest node."""
    nodes = _nodes(polynomial)
    bits = _on_grid(polynomial, nodes)
    lists, width = [np.arange(side) / side for side in nodes], 1 / np.array(nodes)
    highest = float(bits.max())
    for _ in range(zooms):
        index = np.unravel_index(int(bits.argmax()), bits.shape)
        place = [turns[i] for turns, i in zip(lists, index, strict=True)]
        lists, width = [p + w * np.linspace(-1, 1, 9) for p, w in zip(place, width, strict=True)], width / 4
        bits = _at(polynomial, lists)
        highest = max(highest, float(bits.max()))
    return highest


def _on_grid(polynomial: Product, nodes: list[int]) -> Floats:
    """Return log2 of the modulus on the grid of whole parts of a turn."""
    bits = np.zeros(nodes)
    for kernel, n, step in polynomial.factors:
        scaled, exponent = kernel.scaled_floats
        modulus = np.abs(np.fft.fftn(scaled, nodes, axes=range(kernel.ndim)))
        modulus = modulus[np.ix_(*(a * np.arange(m) % m for a, m in zip(step, nodes, strict=True)))]
        bits += n * (np.log2(modulus + _TINY) + exponent)
    return bits


def _at(polynomial: Product, lists: list[Floats]) -> Floats:
    """Return log2 of the modulus on the grid of any turns of each axis."""
    bits: Any = 0.0
    for kernel, n, step in polynomial.factors:
        value: Any
        value, exponent = kernel.scaled_floats
        for turns, side, a in zip(lists, kernel.shape, step, strict=True):
            waves = np.exp(-2j * np.pi * np.outer(a * np.arange(side), turns))
            value = np.tensordot(value, waves, axes=(0, 0))
        bits = bits + n * (np.log2(np.abs(value) + _TINY) + exponent)
    return np.asarray(bits)
