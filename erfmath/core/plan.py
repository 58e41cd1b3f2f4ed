"""The plan of a computation: which method, how large, how long, how accurate, before any work is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._checks import as_choice
from .._html import card, grid
from .._memory import check_memory
from ..polynomials.cumulants import require_law, require_one_axis
from ..polynomials.kernel import Kernel, log2
from ..polynomials.product import Product, as_product
from ..words import human_bytes
from . import direct, fft
from .circle import log2_of_peaks, log2_peak
from .prices import (
    deviation,
    direct_cost,
    direct_operations,
    pieces_operations,
    takes_windows,
    windows_operations,
)
from .scaled import MAX_EXPONENT, MIN_EXPONENT, overflow, underflow
from .signed import is_quick, is_whole, rounded_cost, scaling_of, takes, untwisted
from .windows import BYTES

METHODS = ("auto", "direct", "fft", "saddle", "rounded", "exact")

_SHORT = 1024  # where counting operations takes longer than the work
# Signed kernels have no tails to protect: the faster of direct and FFT wins, by operations, as long as
# cancellation leaves direct convolution ten digits of the largest coefficient.
FFT_CROSSOVER = 10
_TEN_DIGITS, _HALF_THE_DIGITS = math.log2(1e-10), math.log2(1e-8)
ROUNDED_LIMIT = 4 * 10**10  # some ten seconds in whole numbers
# What `auto` takes on where the axes do not separate: some ten seconds by direct convolution, a minute by
# tilted windows.
DIRECT_LIMIT = 3 * 10**10
TILTED_LIMIT = 2 * 10**11


@dataclass(frozen=True)
class Candidate:
    """One way to compute a row: floating-point operations, bytes at the peak, and a bound of the error.

    Attributes
    ----------
    method
        Its name, as :func:`coefficients` takes it.
    operations
        Floating-point (or big-integer) operations.
    memory
        Bytes at the peak, the result included.
    error
        A bound of the error; 0.0 when exact.
    relative_to
        What the error is relative to; empty when exact.

    Examples
    --------
    >>> import erfmath as em
    >>> candidate = em.plan([1, 1, 1], 400, "fft").chosen
    >>> candidate.method, candidate.memory, candidate.error < 1e-10, candidate.relative_to
    ('fft', 25632, True, 'max |P|^n')
    """

    method: str
    operations: float
    memory: int
    error: float
    relative_to: str


@dataclass(frozen=True)
class Plan:
    """What :func:`coefficients` or a reading of a distribution would do; the repr is a table of candidates.

    Attributes
    ----------
    polynomial
        The product of powers.
    method
        The method that runs.
    reason
        Why, in a sentence.
    reading
        "row", "point", "tail" or "quantile".

    Examples
    --------
    >>> import erfmath as em
    >>> made = em.plan([1, 1, 1], 400, "fft")
    >>> made.shape, made.transform, [found.method for found in made.candidates]
    ((801,), (810,), ['direct', 'fft', 'saddle', 'rounded', 'exact'])
    >>> made.chosen.method, made.operations < 1e6, made.memory < 10**6, made.error < 1e-10
    ('fft', True, True, True)
    """

    polynomial: Product
    method: str
    reason: str
    reading: str = "row"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, n (k - 1) + 1 per axis for a single power."""
        return self.polynomial.shape

    @property
    def transform(self) -> tuple[int, ...] | None:
        """Lengths of the padded FFT per axis, None for the other methods."""
        return fft.transform_shape(self.shape) if self.method == "fft" else None

    @property
    def chosen(self) -> Candidate:
        """The candidate that runs."""
        if self.reading != "row":
            return next(found for found in self.candidates if found.method == self.method)
        return _CANDIDATES[self.method](self.polynomial)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every method that fits the weights, with its cost and the bound of its error."""
        if self.reading != "row":
            from .readings import costs

            found = costs(self.polynomial, self.reading).items()
            return tuple(Candidate(name, c.operations, c.memory, c.error, "the number") for name, c in found)
        return tuple(
            make(self.polynomial) for name, make in _CANDIDATES.items() if not _misfit(self.polynomial, name)
        )

    @property
    def operations(self) -> float:
        """Estimated number of floating-point (or big-integer) operations."""
        return self.chosen.operations

    @property
    def memory(self) -> int:
        """Estimated bytes at the peak, the result included."""
        return self.chosen.memory

    @property
    def error(self) -> float:
        """Bound of the error, relative to what the candidate's `relative_to` says; 0.0 when exact."""
        return self.chosen.error

    def _repr_html_(self) -> str:
        """Return the table of candidates as HTML for a notebook."""
        headers = ("", "method", "operations", "memory", "error", "relative to")
        rows = [
            (
                "chosen" if row.method == self.method else "",
                row.method,
                f"{row.operations:.1e}",
                human_bytes(row.memory),
                f"{row.error:.1e}" if row.error else "none",
                row.relative_to,
            )
            for row in self.candidates
        ]
        return card(repr(self).splitlines()[0], (), grid(headers, rows, left=2))

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        what = f"{size} coefficients" if self.reading == "row" else f"a {self.reading} of {size} coefficients"
        lines = [
            f"{what} by {self.method!r}: {self.reason}",
            f"  {'method':<8}{'operations':>11}{'memory':>10}{'error':>10}  relative to",
        ]
        for row in self.candidates:
            mark = ">" if row.method == self.method else " "
            error = f"{row.error:.1e}" if row.error else "none"
            figures = f"{row.operations:>11.1e}{human_bytes(row.memory):>10}{error:>10}"
            lines.append(f"{mark} {row.method:<8}{figures}  {row.relative_to}".rstrip())
        return "\n".join(lines)


def plan(kernel: Kernel | Product | Any, n: int = 1, method: str = "auto", *, reading: str = "row") -> Plan:
    """Return what ``coefficients(kernel, n, method)`` would do: method, sizes, cost, memory, error bound.

    With another `reading`, what the distribution ``distribution(kernel, n)`` does for the first number of
    that kind; what it keeps serves later ones.

    Parameters
    ----------
    kernel
        A Kernel, a Product, or a sequence of weights.
    n
        Number of factors, an int from 0 to 10**15.
    method
        "auto", "direct", "fft", "saddle", "rounded" or "exact", of rows.
    reading
        "row"; or "point" (a probability), "tail" or "quantile" of the distribution on one axis.

    Returns
    -------
    Plan
        Its repr is a table of the candidates.

    Raises
    ------
    TypeError, ValueError
        For the arguments that :func:`coefficients` refuses, memory and overflow included.

    Examples
    --------
    >>> from erfmath import Kernel, plan
    >>> plan(Kernel([1, 1, 1]), 40)
    81 coefficients by 'direct': every coefficient keeps its digits, and the row is short
      method   operations    memory     error  relative to
    > direct      2.3e+03   1.94 kB   1.5e-14  each coefficient
      fft         2.0e+03   2.59 kB   1.5e-13  max |P|^n
      saddle      2.4e+08   5.83 kB   1.0e-12  each coefficient
      rounded     4.2e+05   5.22 kB   1.1e-16  each coefficient
      exact       2.4e+02   3.56 kB      none
    >>> plan([1, 1, 1], 10**12, reading="tail").method
    'saddle'
    """
    if as_choice(reading, "reading", ("row", "point", "tail", "quantile")) != "row":
        return _plan_of_reading(as_product(kernel, n), method, reading)
    polynomial, method = as_product(kernel, n), as_choice(method, "method", METHODS)
    made = plan_of(polynomial, method)
    if made.method != "exact":
        _check_range(polynomial)
    return made


def _plan_of_reading(polynomial: Product, method: str, reading: str) -> Plan:
    """Return the plan of a number that is read of a distribution."""
    from .readings import method_of

    if method != "auto":
        raise ValueError(
            f"method={method!r} is for rows; a {reading} has one method, reading {reading!r} says it"
        )
    require_law(polynomial)
    require_one_axis(polynomial)
    return Plan(polynomial, *method_of(polynomial), reading)


def plan_of(polynomial: Product, method: str = "auto") -> Plan:
    """Return the plan for a product whatever its scale, for those who only want ratios."""
    if misfit := _misfit(polynomial, method):
        raise ValueError(f"method={method!r} {misfit}")
    made = Plan(polynomial, *(_choose(polynomial) if method == "auto" else (method, "asked for")))
    if math.prod(made.shape) <= _SHORT and made.method != "exact":
        return made
    check_memory(
        made.memory,
        f"the row of {math.prod(made.shape):.3g} coefficients (n={polynomial.n}, method={made.method!r})",
        "use distribution(kernel, n).window(), or log_coefficients at the points you need"
        if polynomial.separate()
        else "the axes do not separate: take fewer factors, or one axis alone, kernel.marginal(axis)",
    )
    return made


def _choose(polynomial: Product) -> tuple[str, str]:
    magnitudes = untwisted(polynomial)
    if magnitudes is None:
        return _choose_signed(polynomial)
    return _choose_nonnegative(magnitudes)


def _choose_signed(polynomial: Product) -> tuple[str, str]:
    """Return the method for weights whose terms cancel: right to the last digit where that is quick."""
    if is_whole(polynomial):
        return "direct", "signed whole numbers below 2^53, which floats hold"
    if is_quick(polynomial):
        return "rounded", "signed weights may cancel, and whole numbers are quick here"
    peak, peaks = log2_peak(polynomial), log2_of_peaks(polynomial)
    by_fft = peaks - peak + math.log2(_fft(polynomial).error)
    by_convolution = polynomial.log2_norm - peak + math.log2(_direct(polynomial).error)
    if min(by_fft, by_convolution) > _HALF_THE_DIGITS and takes(polynomial, ROUNDED_LIMIT):
        return "rounded", "signed weights cancel so far that floats lose half their digits"
    if direct_operations(polynomial) > FFT_CROSSOVER * _fft(polynomial).operations:
        return "fft", "signed weights, and the FFT is faster at this length"
    if by_convolution > max(_TEN_DIGITS, by_fft):
        return "fft", "signed weights, whose products cancel: the FFT loses less"
    return "direct", "signed weights, and the row is short"


def _choose_nonnegative(polynomial: Product) -> tuple[str, str]:
    if math.prod(polynomial.shape) <= _SHORT:
        return "direct", "every coefficient keeps its digits, and the row is short"
    operations = direct_operations(polynomial)
    if polynomial.ndim > 1 and polynomial.separate() is None:
        return _choose_joint(polynomial, operations)
    by_saddle = _saddle(polynomial).operations
    if takes(polynomial, min(operations, by_saddle, ROUNDED_LIMIT)):
        return "rounded", "taps that are few and far between are quickest in whole numbers"
    if operations <= by_saddle:
        return "direct", "every coefficient keeps its digits, and it takes the fewest operations"
    return "saddle", "every coefficient keeps its digits; those that underflow cost nothing"


def _choose_joint(polynomial: Product, operations: float) -> tuple[str, str]:
    """Return the method for axes that do not separate, no weight negative."""
    from .grid import boxes

    tiled = boxes.operations(polynomial)
    if operations <= min(tiled, DIRECT_LIMIT):
        return "direct", "every coefficient keeps its digits, and the grid is small"
    if tiled <= TILTED_LIMIT:
        return "saddle", "every coefficient keeps its digits; the axes do not separate"
    raise ValueError(
        f"a kernel whose {polynomial.ndim} axes do not separate takes {min(tiled, operations):.0e} "
        "operations here; use coefficients(..., method='fft'), right against the largest coefficient only, "
        "or one axis alone, kernel.marginal(axis)"
    )


def _misfit(polynomial: Product, method: str) -> str:
    """Return why a method cannot take the polynomial, or an empty string."""
    if method == "exact" and not polynomial.is_exact:
        return (
            "needs int or Fraction weights, got floats; write 0.1 as Fraction(1, 10), "
            "or take the floats as the binary fractions they are with map(Fraction, weights)"
        )
    if method == "saddle" and untwisted(polynomial) is None:
        return "needs non-negative weights, or signs that alternate; use 'rounded', 'direct' or 'fft'"
    return ""


def _direct(polynomial: Product) -> Candidate:
    operations, longest = direct_cost(polynomial)
    size = math.prod(polynomial.shape)
    relative_to = "the same coefficient of |w|" if untwisted(polynomial) is None else "each coefficient"
    error = 0.0 if is_whole(polynomial) else direct.error_bound(size, [f.n for f in polynomial.factors])
    return Candidate("direct", operations, int(8 * (size + 2 * longest)), error, relative_to)


def _fft(polynomial: Product) -> Candidate:
    size, powers = math.prod(polynomial.shape), [f.n for f in polynomial.factors]
    operations = size * (2 * math.log2(size + 1) * len(powers) + sum(2 * n.bit_length() for n in powers))
    return Candidate("fft", operations, 32 * size, fft.error_bound(size, powers), "max |P|^n")


def _saddle(polynomial: Product) -> Candidate:
    """Cost of the contour integrals and the pieces between them, or of tilted windows where they take less.

    Axes that do not separate are tiled by tilted windows.
    """
    polynomial = untwisted(polynomial) or polynomial
    parts = polynomial.separate()
    if parts is None:
        from .grid import boxes

        return Candidate(
            "saddle", boxes.operations(polynomial), boxes.memory(polynomial), 1e-12, "each coefficient"
        )
    size = math.prod(polynomial.shape)
    operations, memory = float(size), 8.0 * size
    for part in parts:
        operations += min(pieces_operations(part), windows_operations(part))
        pieces = 24 * min(part.shape[0], 78 * deviation(part))
        memory += BYTES * part.shape[0] if takes_windows(part) else pieces
    return Candidate("saddle", operations, int(memory), 1e-12, "each coefficient")


def _rounded(polynomial: Product) -> Candidate:
    """Cost of whole numbers; where the axes separate each has its row, and products round again."""
    parts = polynomial.separate() or (polynomial,)
    operations, memory = zip(*map(rounded_cost, parts), strict=True)
    size = math.prod(polynomial.shape)
    return Candidate(
        "rounded",
        size + sum(operations),
        int(8 * size + max(memory)),
        (len(parts) - 0.5) * 2.0**-52,
        "each coefficient",
    )


def _exact(polynomial: Product) -> Candidate:
    """Cost of the recurrence: one product of a big and a small integer per tap and coefficient."""
    size, bits, taps = math.prod(polynomial.shape), 0, 0
    for kernel, n, _ in polynomial.factors:
        denominator = math.lcm(*(weight.denominator for _, weight in kernel.taps()))
        bits += math.ceil(n * (log2(kernel.norm * denominator) + log2(denominator)))
        taps += math.prod(kernel.shape)
    return Candidate("exact", float(size) * taps, size * (36 + bits // 8), 0.0, "")


_CANDIDATES = {"direct": _direct, "fft": _fft, "saddle": _saddle, "rounded": _rounded, "exact": _exact}


def _check_range(polynomial: Product) -> None:
    """Raise before the work when the largest coefficient must leave the float range.

    Of N coefficients with sum of magnitudes at most the product of the norms, equal where no terms
    cancel, the largest lies between that over N and that.
    """
    exponent = polynomial.log2_norm
    if untwisted(polynomial) is not None and exponent - math.log2(math.prod(polynomial.shape)) > MAX_EXPONENT:
        raise overflow(exponent, scaling_of(polynomial))
    if exponent < MIN_EXPONENT:
        raise underflow(exponent, scaling_of(polynomial))
