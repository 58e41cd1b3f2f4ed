r"""The characteristic function of a tilted product on the frequencies that matter, and bounds on all others.

Two bounds exclude a frequency. One comes from a transform of each row, whose error at any frequency is at
most :func:`transform_error`. The other costs one transform for any number of rows: with the
autocorrelation :math:`r_d = \sum_j q_j q_{j+d}`,
:math:`|\phi(\omega)|^2 = 1 - 2 \sum_{d > 0} r_d (1 - \cos d\omega)`,
and :math:`\log(1 - x) \le -x`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..scaled import Floats
from .factors import UNIT
from .rows import Rows

U = 2.0**-53
# What is left out lies this far below 1, so that a million frequencies are below 1e-18 together.
_NEGLIGIBLE = math.log(1e-24)
# Entries of the transforms taken row by row; more rows than that are bounded together.
_ROW_BY_ROW = 2**21
# Products of a tap and a frequency that are summed in extended precision, some 3 ns each: one for each
# operation of transforms of the rows in plain floats, and more where those are not good enough.
_A_TRANSFORM, _EXTENDED = 1.0, 2**29
_SMALL = 2e-12
# The same in plain floats cost a quarter; where there are more, transforms of the rows are cheaper.
_LOOK_CLOSER, _ALL_SUMS = 2**24, 2**31
_FEW = 16
_BLOCK = 2**20
_PIECE = 64


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The frequencies 2 pi m / length, m in `at`."""

    at: Any
    length: int
    _turns: dict[tuple[int, int], Any] = field(default_factory=dict)

    def turns(self, step: int, count: int) -> Any:
        """Return exp(-2 pi i x m / length) for x = 0, step, ..., in extended precision."""
        if (step, count) not in self._turns:
            x = step * np.arange(count, dtype=np.int64) % self.length
            index = np.multiply.outer(x, self.at) % self.length
            few = index.size < self.length
            self._turns[step, count] = _roots(index, self.length) if few else self._all[index]
        return self._turns[step, count]

    @functools.cached_property
    def _all(self) -> Any:
        return _roots(np.arange(self.length), self.length)


def _roots(index: Any, length: int) -> Any:
    """Return exp(-2 pi i index / length), by angles from -pi to pi."""
    angle = ((index + length // 2) % length - length // 2) * (-8 * np.arctan(np.longdouble(1)) / length)
    return np.cos(angle) + 1j * np.sin(angle)


def transform_error(length: int) -> float:
    r"""Return a bound of the error of an FFT, at any frequency, against the sum of magnitudes.

    Every output of a Cooley-Tukey transform is a sum over paths, one for each input, each a product of one
    twiddle a level. A level multiplies by a twiddle (relative error sqrt(5) u, that of the twiddle u more)
    and adds (u): together below 5 u, and ((1 + 5u)^L - 1) < 5.1 u L (Brent, Percival and Zimmermann 2007;
    Higham 2002, section 24.1). A real transform takes one level more.
    """
    return 5.1 * U * (math.log2(length) + 2)


def _log_bounds(product: list[Rows], length: int) -> Floats:
    """Return upper bounds of log |phi| at the frequencies 2 pi m / length, m = 0 .. length / 2."""
    bound, lags = np.zeros(length // 2 + 1), np.zeros(length)
    budget = _ROW_BY_ROW
    for rows in product:
        q, x, n = rows.shares.astype(float), rows.x, rows.n
        first = min(len(q), budget // length)
        budget -= first * length
        rounding = transform_error(length) + 4 * U + float(rows.errors.max())
        for some in _blocks(first, length):
            bound += n[some] @ np.log(np.abs(_transform(q[some], x, length)) + rounding)
        if first < len(q):
            np.add.at(lags, x % length, _autocorrelation(q[first:], n[first:]))
    if lags.any():
        total = float(lags.sum())
        bound += np.fft.rfft(lags).real - total + 8 * total * transform_error(length)
    return bound


def significant(product: list[Rows], length: int) -> tuple[Frequencies, float]:
    """Return the frequencies that are not negligible, and the sum of the bounds of all others.

    Where many are left for many taps, sums in plain floats look closer at these.
    """
    bounds = np.minimum(_log_bounds(product, length), 0.0)
    at = np.flatnonzero(bounds > _NEGLIGIBLE)
    if _LOOK_CLOSER < _size(product) * len(at) < _ALL_SUMS and len(at) < length // _FEW:
        closer, frequencies = np.zeros(len(at)), Frequencies(at, length)
        for rows in product:
            for some in _blocks(len(rows.n), len(at) * len(rows.x) // _PIECE + len(at)):
                phi, error = _sums(rows.shares[some].astype(float), rows.x, frequencies)
                closer += rows.n[some] @ np.log(np.abs(phi) + error + float(rows.errors.max()) + 4 * U)
        bounds[at] = np.minimum(bounds[at], closer)
    kept = bounds > _NEGLIGIBLE
    kept[0] = True
    return Frequencies(np.flatnonzero(kept), length), float(np.exp(bounds[~kept]).sum())


def characteristic(product: list[Rows], frequencies: Frequencies) -> tuple[Any, Floats]:
    r"""Return phi at the frequencies, and bounds of the errors.

    With :math:`|\hat\phi_i - \phi_i| \le \delta_i` and :math:`u_i = |\hat\phi_i| + \delta_i`, the product
    errs by at most :math:`\prod u_i^{n_i} \sum n_i \delta_i / u_i`; the rounding of powers and products
    (:math:`\sqrt 5` units each) is counted in :math:`\delta_i`.
    """
    at, length = frequencies.at, frequencies.length
    value = np.ones(len(at), dtype=np.clongdouble)
    log_size, share = np.zeros(len(at)), np.zeros(len(at))
    extended = _takes_sums(product, len(at), length)
    for rows in product:
        for some in _blocks(len(rows.n), len(at) if extended else length):
            q, n = rows.shares[some], rows.n[some]
            if extended:
                phi, delta = _sums(q, rows.x, frequencies)
            else:
                phi = _transform(q.astype(float), rows.x, length)[:, at].astype(np.clongdouble)
                delta = transform_error(length) + 2 * U
            magnitude = np.abs(phi).astype(float)
            deviation = delta + rows.errors[some, None] + 7 * UNIT * magnitude
            log_size += n @ np.log(magnitude + deviation)
            share += n @ (deviation / (magnitude + deviation))
            value *= np.multiply.reduce(_power(phi, n), axis=0)
    return value, np.exp(np.minimum(log_size, 0.0)) * share


def _takes_sums(product: list[Rows], count: int, length: int) -> bool:
    """Return whether sums in extended precision cost no more than transforms, or are worth it."""
    rounding = sum(float(rows.n.sum()) for rows in product) * transform_error(length)
    transforms = _A_TRANSFORM * sum(len(rows.n) for rows in product) * length * math.log2(length)
    most = transforms if rounding < _SMALL else max(transforms, _EXTENDED)
    return _size(product) * count <= most


def _sums(q: Any, x: Any, frequencies: Frequencies) -> tuple[Any, float]:
    """Return the sums of q exp(-i omega x) in the precision of q, in pieces of some 64 taps, and their error.

    Turns err by 16 units (the angle by 2 pi), a sum of k terms by k; the pieces turn once more.
    """
    width = _PIECE if len(x) > _PIECE else len(x)
    pieces = -(-len(x) // width)
    padded = np.zeros((len(q), pieces * width), dtype=q.dtype)
    padded[:, : len(x)] = q
    step = int(x[1] - x[0])
    turns = frequencies.turns(step, width).astype(np.result_type(q, 1j))
    padded = padded.reshape(len(q) * pieces, width)
    plain = q.dtype == float
    both = np.hstack((turns.real, turns.imag))
    sums = padded @ both if plain else _matrix_product(padded, both)
    phi = (sums[:, : len(turns.T)] + 1j * sums[:, len(turns.T) :]).reshape(len(q), pieces, -1)
    unit, terms = (U, 2 * width) if plain else (UNIT, 8 + pieces)
    if pieces == 1:
        return phi[:, 0], (terms + 16) * unit
    starts = frequencies.turns(step * width, pieces).astype(turns.dtype)
    return np.einsum("fpm,pm->fm", phi, starts), (terms + 3 * pieces + 40) * unit


def _matrix_product(q: Any, turns: Any) -> Any:
    r"""Return the product of rows of sum 1 at most and numbers between -1 and 1, in extended precision.

    Both are split at :math:`2^{-26}`: the first parts have exact products and sums in plain floats, whose
    matrix products are fast; with the second ones the roundings of w terms, each below 2**-27 and its
    unit 2**-53, are some w / 2**16 units of a 64-bit mantissa in one part, and w**2 / 2**16 in the other
    (Ozaki, Ogita, Oishi and Rump, Numerical Algorithms 59, 2012).
    """
    (a, b), (c, d) = _split(q), _split(turns)
    return (a @ c).astype(np.longdouble) + (a @ d + b @ c) + b @ d


def _split(numbers: Any) -> tuple[Floats, Floats]:
    """Return multiples of 2**-26, and what is left, as plain floats."""
    coarse = np.rint((numbers * 2.0**26).astype(float)) * 2.0**-26
    return coarse, (numbers - coarse).astype(float)


def _size(product: list[Rows]) -> int:
    return sum(rows.shares.size for rows in product)


def _power(phi: Any, n: Floats) -> Any:
    """Return phi**n, row by row, by squaring."""
    if (n == 1).all():
        return phi
    powers = n.astype(np.int64)
    if (powers == powers[0]).all():
        result, base = phi, phi
        for bit in f"{int(powers[0]):b}"[1:]:
            result = result * result * base if bit == "1" else result * result
        return result
    result, base = np.ones_like(phi), phi
    while powers.any():
        result = np.where((powers % 2 == 1)[:, None], result * base, result)
        base, powers = base * base, powers // 2
    return result


def _transform(q: Floats, x: Any, length: int) -> Any:
    """Return the spectra of rows with taps at x, folded where x goes round."""
    spread = np.zeros((len(q), length))
    if x[-1] < length:
        spread[:, x] = q
    else:
        np.add.at(spread.T, x % length, q.T)
    return np.fft.rfft(spread, axis=1)


def _autocorrelation(q: Floats, n: Floats) -> Floats:
    """Return the sum over rows of n_i r_d, d = 0, 1, 2, ... taps."""
    width = q.shape[1]
    spectrum = np.fft.rfft(q, 2 * width, axis=1)
    lags = np.fft.irfft(n @ (spectrum.real**2 + spectrum.imag**2), 2 * width)[:width]
    return np.maximum(lags, 0.0)


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(1, _BLOCK // width)
    return [slice(i, min(i + size, rows)) for i in range(0, rows, size)]
