r"""The characteristic function of a tilted product on the frequencies that matter, and bounds on all others.

Two bounds exclude a frequency. One comes from a transform of each row, whose error at any frequency is at
most :func:`transform_error`. The other costs one transform for any number M of rows: with the
autocorrelation :math:`r_d = \sum_j q_j q_{j+d}`,
:math:`|\phi(\omega)|^2 = r_0 + 2 \sum_{d > 0} r_d \cos d\omega`,
and :math:`\sum_i \log |\phi_i|^2 \le M \log \frac1M \sum_i |\phi_i|^2`, as the logarithm is concave.
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
    _turns: dict[int, Any] = field(default_factory=dict)

    def turns(self, step: int, count: int) -> Any:
        """Return exp(-2 pi i x m / length) for x = 0, step, ..., in extended precision."""
        known = self._turns.get(step)
        if known is None or len(known) < count:
            x = step * np.arange(count) % self.length
            index = np.multiply.outer(x, self.at) % self.length
            few = index.size < self.length
            self._turns[step] = known = _roots(index, self.length) if few else self._all[index]
        return known[:count]

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
    bound, together = np.zeros(length // 2 + 1), []
    budget = _ROW_BY_ROW // length
    for rows in product:  # the widest rows first, which decide where there are few
        budget = budget - len(rows.n) if len(rows.n) <= budget else 0
        if budget:
            rounding = transform_error(length) + 4 * U + float(rows.errors.max())
            for some in _blocks(len(rows.n), length):
                phi = _transform(rows.shares[some].astype(float), rows.x, length)
                bound += rows.n[some] @ np.log(np.abs(phi) + rounding)
        else:
            together.append(rows)
    return bound + _joint_log_bounds(together, length) if together else bound


def _joint_log_bounds(product: list[Rows], length: int) -> Floats:
    """Return the same from the mean of |phi|**2 over all rows.

    A lag errs by the mean error of the squares of the spectrum, and by that of the transform back.
    """
    lags, origin, slack, errors = np.zeros(length), 0.0, 0.0, 0.0
    count = sum(float(rows.n.sum()) for rows in product)
    for rows in product:
        found = _autocorrelation(rows.shares.astype(float), rows.n)
        np.add.at(lags, rows.x % length, found)
        origin += float(found[0])
        slack += float(rows.n.sum()) * len(found) * 4 * transform_error(2 * len(found))
        errors = max(errors, float(rows.errors.max()))
    squares = (2 * np.fft.rfft(lags).real - origin) / count
    rounding = (2 * slack + 3 * float(lags.sum()) * transform_error(length)) / count + 2 * errors + 8 * U
    return np.asarray(count / 2 * np.log(np.maximum(squares, 0.0) + rounding))


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
    return np.fft.rfft(spread)


def _autocorrelation(q: Floats, n: Floats) -> Floats:
    """Return the sum over rows of n_i r_d, d = 0, 1, 2, ... taps."""
    width = q.shape[1]
    spectrum = np.fft.rfft(q, 2 * width)
    lags = np.fft.irfft(n @ (spectrum.real**2 + spectrum.imag**2))[:width]
    return np.maximum(lags, 0.0)


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(1, _BLOCK // width)
    return [slice(i, min(i + size, rows)) for i in range(0, rows, size)]
