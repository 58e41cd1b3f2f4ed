"""The plan of a computation: which method, how large, how long, how accurate, before any work is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._checks import as_choice, as_power, check_memory, human_bytes
from ..kernel import Kernel, as_kernel
from . import direct, fft
from .kronecker import power_shape
from .scaled import MAX_EXPONENT, MIN_EXPONENT, overflow, underflow

METHODS = ("auto", "direct", "fft", "exact")

# Direct convolution is right in every tail, so `auto` keeps to it while it takes about a second.
DIRECT_LIMIT = 5 * 10**9
# Signed kernels have no tails to protect: the faster method wins. One multiply-add of np.convolve costs
# about a tenth of one butterfly-step of the FFT (benchmarks/crossover.py prints the measured crossover).
CROSSOVER = 10


@dataclass(frozen=True)
class Candidate:
    """One way to compute a row: floating-point operations, bytes at the peak, and a bound of the error."""

    method: str
    operations: float
    memory: int
    error: float
    relative_to: str


@dataclass(frozen=True)
class Plan:
    """What :func:`coefficients` would do, and why; the repr is a table of the candidates.

    Attributes
    ----------
    kernel, n
        The polynomial and its power.
    method
        The method that runs.
    reason
        Why, in a sentence.
    """

    kernel: Kernel
    n: int
    method: str
    reason: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, n (k - 1) + 1 per axis."""
        return power_shape(self.kernel.shape, self.n)

    @property
    def transform(self) -> tuple[int, ...] | None:
        """Lengths of the padded FFT per axis, None for the other methods."""
        return fft.transform_shape(self.kernel.shape, self.n) if self.method == "fft" else None

    @property
    def chosen(self) -> Candidate:
        """The candidate that runs."""
        return _CANDIDATES[self.method](self.kernel, self.n)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every method that fits the weights, with its cost and the bound of its error."""
        methods = [name for name in _CANDIDATES if name != "exact" or self.kernel.is_exact]
        return tuple(_CANDIDATES[name](self.kernel, self.n) for name in methods)

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

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        lines = [
            f"{size} coefficients by {self.method!r}: {self.reason}",
            f"  {'method':<8}{'operations':>11}{'memory':>10}{'error':>10}  relative to",
        ]
        for row in self.candidates:
            mark = ">" if row.method == self.method else " "
            error = f"{row.error:.1e}" if row.error else "none"
            figures = f"{row.operations:>11.1e}{human_bytes(row.memory):>10}{error:>10}"
            lines.append(f"{mark} {row.method:<8}{figures}  {row.relative_to}".rstrip())
        return "\n".join(lines)


def plan(kernel: Kernel | Any, n: int, method: str = "auto") -> Plan:
    """Return what ``coefficients(kernel, n, method)`` would do: method, sizes, cost, memory, error bound.

    Parameters
    ----------
    kernel
        A Kernel, or a sequence of weights.
    n
        Number of factors, an int from 0 to 10**15.
    method
        "auto", "direct", "fft" or "exact".

    Raises
    ------
    TypeError, ValueError
        For the arguments that :func:`coefficients` refuses, memory and overflow included.

    Examples
    --------
    >>> plan(Kernel([1, 1, 1]), 40)
    81 coefficients by 'direct': non-negative weights, so each coefficient keeps its digits
      method   operations    memory     error  relative to
    > direct      2.7e+03   1.94 kB   4.0e-14  each coefficient
      fft         2.0e+03   3.89 kB   1.5e-13  (sum |w|)^n
      exact       2.4e+02   3.73 kB      none
    """
    kernel, n, method = as_kernel(kernel), as_power(n), as_choice(method, "method", METHODS)
    if method == "exact" and not kernel.is_exact:
        raise ValueError(
            "method='exact' needs int or Fraction weights, got floats; write 0.1 as Fraction(1, 10), "
            "or take the floats as the binary fractions they are with map(Fraction, weights)"
        )
    made = Plan(kernel, n, *(_choose(kernel, n) if method == "auto" else (method, "asked for")))
    size = math.prod(made.shape)
    check_memory(
        made.memory,
        f"the row of {size:.3g} coefficients (n={n}, method={made.method!r})",
        "use distribution(kernel, n).window(), or log_coefficients at the points you need",
    )
    if made.method != "exact":
        _check_range(kernel, n, size)
    return made


def _choose(kernel: Kernel, n: int) -> tuple[str, str]:
    operations = _direct(kernel, n).operations
    if kernel.is_nonnegative:
        if operations <= DIRECT_LIMIT:
            return "direct", "non-negative weights, so each coefficient keeps its digits"
        return "fft", f"direct convolution would take {operations:.0e} operations"
    if operations <= CROSSOVER * _fft(kernel, n).operations:
        return "direct", "signed weights, and the row is short"
    return "fft", "signed weights, and the FFT is faster at this length"


def _direct(kernel: Kernel, n: int) -> Candidate:
    """Cost of squaring up to n: each square of a row costs its window squared."""
    shape, operations, longest, half = kernel.shape, 0.0, 1.0, n
    while half:
        longest = max(longest, length := _window_length(kernel, half))
        operations += length * sum(kernel.shape) + (length / 2) ** 2 * 2 ** (len(shape) - 1)
        half //= 2
    size = math.prod(power_shape(shape, n))
    relative_to = "each coefficient" if kernel.is_nonnegative else "the same coefficient of |w|"
    taps = math.prod(shape)
    return Candidate(
        "direct", operations, int(8 * (size + 2 * longest)), direct.error_bound(taps, n), relative_to
    )


def _window_length(kernel: Kernel, n: int) -> float:
    """Length of the packed row of P^n that stays above 1e-421 of the peak: 44 standard deviations a side."""
    full = power_shape(kernel.shape, n)
    spread = (kernel.shape[0] - 1) / 2  # no law on these points has a larger deviation
    first = min(full[0], 88 * spread * math.sqrt(n) + 1)
    return first * math.prod(full[1:])


def _fft(kernel: Kernel, n: int) -> Candidate:
    size = math.prod(power_shape(kernel.shape, n))
    operations = size * (2 * math.log2(size + 1) + 2 * n.bit_length())
    return Candidate("fft", operations, 48 * size, fft.error_bound(kernel.shape, n), "(sum |w|)^n")


def _exact(kernel: Kernel, n: int) -> Candidate:
    """Cost of the recurrence: one product of a big and a small integer per tap and coefficient."""
    size = math.prod(power_shape(kernel.shape, n))
    denominator = math.lcm(*(weight.denominator for _, weight in kernel.taps()))
    bits = n * int(kernel.norm * denominator).bit_length()
    if denominator > 1:
        bits += n * denominator.bit_length()
    return Candidate("exact", float(size) * math.prod(kernel.shape), size * (36 + bits // 8), 0.0, "")


_CANDIDATES = {"direct": _direct, "fft": _fft, "exact": _exact}


def _check_range(kernel: Kernel, n: int, size: int) -> None:
    """Raise before the work when the largest coefficient must leave the float range.

    Of `size` coefficients with sum of magnitudes at most ||w||_1^n, equal for non-negative weights, the
    largest lies between ||w||_1^n / size and ||w||_1^n.
    """
    exponent = n * math.log2(kernel.norm)
    if kernel.is_nonnegative and exponent - math.log2(size) > MAX_EXPONENT:
        raise overflow(exponent)
    if exponent < MIN_EXPONENT:
        raise underflow(exponent)
