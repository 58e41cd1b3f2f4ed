"""Coefficients of products of powers: the front door of the core."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_bool, as_indices
from .._memory import check_memory
from ..polynomials.cumulants import require_law
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product, as_product
from . import exact, fft, kronecker
from .circle import log2_of_peaks
from .convolved import convolved_row, kept, total
from .logs import log_coefficients_at, log_row, normalised_window, require_table
from .plan import DIRECT_LIMIT, Plan, plan
from .prices import direct_operations
from .scaled import Floats, Scaled, outer
from .signed import Signs, logs_and_signs, rounded, scaling_of, signs_of, untwisted

if TYPE_CHECKING:
    import sympy


def coefficients(kernel: Kernel | Product | Any, n: int = 1, method: str = "auto") -> np.ndarray[Any, Any]:
    r"""Return the coefficients of :math:`P(z)^n`, ascending powers.

    .. math:: c_t = [z^t] \Bigl(\sum_j w_j z^j\Bigr)^n, \qquad t = 0 .. n(k-1) \text{ per axis},

    the n-fold convolution of the kernel with itself; entry 0 stands at lattice position n * offset.

    Parameters
    ----------
    kernel
        A Kernel, a :class:`Product` of powers of kernels, or a sequence of weights. Any number of axes.
    n
        Number of factors, an int from 0 to 10**15.
    method
        "direct": binary powering by convolution, every coefficient right to a relative error for
        non-negative weights. "saddle": contour integrals at the saddle point, likewise, and only where a
        coefficient does not underflow; non-negative weights, or such whose signs alternate; tilted windows
        where axes do not separate. "fft": one padded real FFT, right against the largest coefficients only.
        "rounded": sums in whole numbers, each rounded once, for weights of any sign. "exact": integers and
        rationals. "auto": floats by the method that :func:`plan` explains.

    Returns
    -------
    numpy.ndarray
        n (k - 1) + 1 entries per axis; float64, or Python ints and Fractions with method="exact".
        With non-negative weights every coefficient above 1e-300 of the sum has a relative error below
        1e-12, unless method="fft" was asked for; those below may come back as 0.0. So it is with signed
        weights where no terms cancel, as in (1 - z)^n, and where whole numbers take no more than a tenth
        of a second: each is then the nearest float, and 0.0 where it is zero. Beyond, the error is what
        ``plan(...).error`` says against the coefficient of the magnitudes or the largest value on the
        circle, and method="rounded" has every digit.

    Raises
    ------
    TypeError
        If n is no int, or a weight no real number.
    ValueError
        If n is negative; if the method is unknown or does not fit the weights; before any work, if the
        result would not fit in memory or would take minutes; if it leaves the range of floats; if signed
        weights cancel so far that no digit is left (ask for the method by name to get the round-off).

    References
    ----------
    Uniform weights give the extended binomial coefficients: OEIS A007318 (k=2), A027907 (3), A008287 (4),
    A035343 (5); Eger, J. Integer Sequences 16 (2013) 13.1.3.

    Examples
    --------
    >>> from erfmath import Kernel, Product, coefficients
    >>> coefficients(Kernel([1, 1, 1]), 3)
    array([1., 3., 6., 7., 6., 3., 1.])
    >>> coefficients([1, -1], 4, method="exact")
    array([1, -4, 6, -4, 1], dtype=object)
    >>> coefficients(Product([([1, 1], 2), ([1, 1], 1, 3)]))  # (1 + z)^2 (1 + z^3)
    array([1., 2., 1., 1., 2., 1.])
    """
    polynomial = as_product(kernel, n)
    made = plan(polynomial, method=method)
    if made.method == "exact":
        grids = [
            (kronecker.dilate(np.array(f.kernel.weights, dtype=object), f.step), f.n)
            for f in kept(polynomial)
        ]
        return exact.product(grids, polynomial.shape)
    row = scaled_product(polynomial, made.method)
    if method == "auto" and made.error and made.chosen.relative_to != "each coefficient":
        _require_digits(row, made)
    floats = row.to_floats(partial(scaling_of, polynomial))
    return floats if polynomial.is_nonnegative else floats + 0.0  # no negative zeros


def scaled_product(polynomial: Product, method: str) -> Scaled:
    """Return a product of powers as floats with an exponent; nothing over- or underflows."""
    if method in ("direct", "saddle") and (signs := _alternating(polynomial)):
        row = scaled_product(untwisted(polynomial) or polynomial, method)
        return replace(row, values=signs.of(row.start, row.values))
    if polynomial.ndim > 1 and method != "fft" and (parts := polynomial.separate()):
        return outer([scaled_product(part, method) for part in parts])
    if method == "rounded":
        return rounded(polynomial)
    if method == "saddle":
        return _saddle_row(polynomial) if polynomial.ndim == 1 else _saddle_grid(polynomial)
    shape = polynomial.shape
    if method == "fft":
        grids = [(kronecker.dilate(f.kernel.to_numpy(), f.step), f.n) for f in kept(polynomial)]
        return fft.product(grids, shape)
    row = convolved_row(polynomial)
    return row if polynomial.ndim == 1 else _unpacked(row, shape)


def log_coefficients(
    kernel: Kernel | Product | Any, n: int = 1, at: Any = None, *, return_sign: bool = False
) -> Any:
    r"""Return the natural logarithms of the coefficients of :math:`P(z)^n`, however small or large.

    By contour integrals at the saddle point (Daniels, Ann. Math. Statist. 25, 1954; the integrals are
    computed, not expanded), by recurrences near the ends, and for short rows by tilted convolution.

    Parameters
    ----------
    kernel
        A Kernel, a Product, or a sequence of weights, none negative unless signs are returned.
    n
        Number of factors, an int from 0 to 10**15.
    at
        Index or array of indices of the coefficients, 0 the first; with several axes the last axis of
        `at` holds the coordinates. None for the whole row.
    return_sign
        Whether to return (logarithms of the magnitudes, signs), the signs 1.0, -1.0 or 0.0, as
        ``scipy.special.logsumexp`` does; weights may then be of any sign. Where their signs alternate, as
        those of (1 - z)^n, any n is at hand; where terms cancel, the row is computed in whole numbers.

    Returns
    -------
    float or numpy.ndarray, or a pair of them
        With errors below ``1e-12 + 4e-16 |log|``; exactly -inf where a coefficient is zero or does not exist.

    Raises
    ------
    TypeError
        If an index is no integer.
    ValueError
        If a weight is negative and no sign is asked for; if the whole row would not fit in memory; if a
        long row has no bell shape that contour integrals can use.

    Examples
    --------
    >>> from erfmath import Kernel, log_coefficients
    >>> log_coefficients(Kernel([1, 1]), 10**15, at=5 * 10**14)
    693147180559927.9
    >>> log_coefficients(Kernel([1, 1, 1]), 4)
    array([0.        , 1.38629436, 2.30258509, 2.77258872, 2.94443898,
           2.77258872, 2.30258509, 1.38629436, 0.        ])
    >>> log_coefficients([1, -1], 10**15, at=5 * 10**14 + 1, return_sign=True)
    (693147180559927.9, -1.0)
    """
    polynomial = as_product(kernel, n)
    if as_bool(return_sign, "return_sign"):
        return _signed_logs(polynomial, at)
    require_law(polynomial)
    return _logs(polynomial, at)


def _logs(polynomial: Product, at: Any) -> Any:
    if polynomial.ndim > 1:
        return _joint_logs(polynomial, at)
    if at is None:
        size = polynomial.shape[0]
        check_memory(16 * size, f"the row of {size:.3g} logarithms", "give the indices you need in `at`")
        return log_row(polynomial, normalised=False)
    index = as_indices(at, "at", polynomial.shape[0])
    logs = log_coefficients_at(polynomial, index, normalised=False)
    return float(logs) if logs.ndim == 0 else logs


def polynomial(kernel: Kernel | Product | Any, n: int = 1) -> sympy.Poly:
    """Return :math:`P(z)^n` as an exact ``sympy.Poly``, over the integers or the rationals.

    The variable is z, or z0, z1, ... with several axes. The offset, a factor z^(n * offset), is left
    out, as it is from :func:`coefficients`.

    Parameters
    ----------
    kernel
        A Kernel, a Product, or a sequence of weights, all ints or Fractions.
    n
        Number of factors.

    Returns
    -------
    sympy.Poly
        Over ZZ where all coefficients are integers, else over QQ.

    Raises
    ------
    ValueError
        If a weight is a float.

    Examples
    --------
    >>> from erfmath import Kernel, polynomial
    >>> polynomial(Kernel([1, 2]), 3)
    Poly(8*z**3 + 12*z**2 + 6*z + 1, z, domain='ZZ')
    """
    import sympy

    grid = coefficients(kernel, n, method="exact")
    domain = sympy.ZZ if all(isinstance(value, int) for value in grid.flat) else sympy.QQ
    names = "z" if grid.ndim == 1 else [f"z{axis}" for axis in range(grid.ndim)]
    terms = {powers: _to_domain(value, domain) for powers, value in np.ndenumerate(grid) if value}
    return sympy.Poly.from_dict(terms, *np.atleast_1d(sympy.symbols(names)), domain=domain)


def _saddle_row(polynomial: Product) -> Scaled:
    """Return the part of a row on one axis that does not underflow, by contour integrals."""
    start, values = normalised_window(polynomial)
    mantissa, exponent = total(polynomial)
    values *= mantissa
    return Scaled(values, exponent, (start,), polynomial.shape)


def _saddle_grid(polynomial: Product) -> Scaled:
    """Return what does not underflow on axes that do not separate, by tilted windows; else by convolution."""
    from .grid import boxes

    try:
        values = boxes.shares(polynomial)
    except boxes.NoBellShape as problem:
        if direct_operations(polynomial) > DIRECT_LIMIT:
            raise ValueError(
                f"{problem}, and direct convolution would take minutes. Take fewer factors, "
                "coefficients(..., method='fft') or one axis alone, kernel.marginal(axis)"
            ) from None
        return scaled_product(polynomial, "direct")
    mantissa, exponent = total(polynomial)
    values *= mantissa
    return Scaled(values, exponent, (0,) * polynomial.ndim, polynomial.shape)


def _alternating(polynomial: Product) -> Signs | None:
    """Return the signs of coefficients whose terms do not cancel, where there are negative weights."""
    return None if polynomial.is_nonnegative else signs_of(polynomial)


def _require_digits(row: Scaled, made: Plan) -> None:
    """Raise where cancellation may have left no digit of a signed row."""
    scale = made.polynomial.log2_norm if made.method == "direct" else log2_of_peaks(made.polynomial)
    peak = float(np.abs(row.values).max())
    if peak == 0 or math.log2(peak) + row.exponent < scale + math.log2(made.error):
        raise ValueError(
            "the weights cancel so far that floats leave no digit of the coefficients; use method='rounded', "
            f"which keeps all, or ask for method={made.method!r} to see the round-off"
        )


def _signed_logs(polynomial: Product, at: Any) -> tuple[Any, Any]:
    """Return (logs of magnitudes, signs): signs by arithmetic, or both from whole numbers."""
    index = _indices(polynomial, at)
    if (signs := signs_of(polynomial)) is not None:
        logs = _logs(untwisted(polynomial) or polynomial, at)
        found = np.where(np.isneginf(logs), 0.0, signs.at(index))
    elif polynomial.ndim > 1 and (parts := polynomial.separate()):
        pairs = [_signed_logs(part, index[..., axis]) for axis, part in enumerate(parts)]
        logs, found = sum(log for log, _ in pairs), math.prod(sign for _, sign in pairs)
    else:
        inside = np.asarray(((index >= 0) & (index < polynomial.shape)).all(axis=-1))
        place = tuple(np.moveaxis(np.where(inside[..., None], index, 0), -1, 0))
        row, row_signs = logs_and_signs(polynomial)
        logs, found = np.where(inside, row[place], -np.inf), np.where(inside, row_signs[place], 0.0)
    return (float(logs), float(found)) if np.ndim(found) == 0 else (logs, found)


def _indices(polynomial: Product, at: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return indices with the coordinates on the last axis, by default those of all coefficients."""
    shape = polynomial.shape
    if at is None:
        size = math.prod(shape)
        needed = (24 + 8 * len(shape)) * size  # eight bytes an axis are those of the indices
        check_memory(needed, f"the grid of {size:.3g} logarithms", "give the indices you need in `at`")
        return np.moveaxis(np.indices(shape), 0, -1)
    index = as_indices(at, "at", max(shape))
    if len(shape) == 1:
        return index[..., None]
    if index.ndim == 0 or index.shape[-1] != len(shape):
        raise ValueError(f"at must hold {len(shape)} coordinates on its last axis, got shape {index.shape}")
    return index


def _joint_logs(polynomial: Product, at: Any) -> Any:
    """Return logs on several axes: sums where the axes separate, else from the table of the packed row."""
    shape, parts, index = polynomial.shape, polynomial.separate(), _indices(polynomial, at)
    if parts is not None:
        logs = sum(log_coefficients_at(part, index[..., a], False) for a, part in enumerate(parts))
    else:
        require_table(polynomial, "a kernel that does not separate has its logarithms from a table")
        inside = np.asarray(((index >= 0) & (index < shape)).all(axis=-1))
        packed = np.ravel_multi_index(tuple(np.moveaxis(np.where(inside[..., None], index, 0), -1, 0)), shape)
        logs = np.where(inside, log_coefficients_at(polynomial, packed, False), -np.inf)
    return float(logs) if np.ndim(logs) == 0 else logs


def _unpacked(row: Scaled, shape: tuple[int, ...]) -> Scaled:
    full: Floats = np.zeros(row.shape)
    full[row.start[0] : row.start[0] + len(row.values)] = row.values
    return Scaled(kronecker.unpack(full, shape), row.exponent, (0,) * len(shape), shape)


def _to_domain(value: Any, domain: Any) -> Any:
    return domain(value.numerator, value.denominator) if domain.is_QQ else domain(value)
