r"""The row of P(z)^n for k uniform taps, by every method a user could reach for.

Plain asv classes: `time_*` is timed, `track_*` returns a figure. Float methods start from weights 1/k
and return :math:`[z^t] P(z)^n`; exact ones start from ones and return integers. The error is the worst
relative one against the exact integers over :math:`k^n`, of all coefficients not below 1e-300.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
import scipy.stats

import erfmath as em

DEPTHS = (10, 100, 1000, 10_000)
TAPS = (2, 3, 5)
SMALLEST = 1e-300
HAS_FLINT = importlib.util.find_spec("flint") is not None


class Row(ABC):
    """One way to the row; a subclass says how in `row`, and prepares what may be prepared in `setup`."""

    label: str
    params: Sequence[Sequence[int]] = (DEPTHS, TAPS)
    param_names = ("n", "k")

    def setup(self, n: int, k: int) -> None:
        """Build the kernel; raise NotImplementedError where the method does not apply, as asv wants it."""
        self.kernel = em.Kernel.uniform(k).normalize()
        self.weights = self.kernel.to_numpy()

    @abstractmethod
    def row(self, n: int, k: int) -> Any:
        """Compute the row."""

    def time_row(self, n: int, k: int) -> None:
        self.row(n, k)

    def track_error(self, n: int, k: int) -> float:
        return worst_error(self.row(n, k), n, k)

    track_error.unit = "relative"  # type: ignore[attr-defined]


class TracedRow(Row):
    """A row whose memory Python and numpy allocate, so that tracemalloc sees it."""

    def track_peak_memory(self, n: int, k: int) -> int:
        tracemalloc.start()
        try:
            self.row(n, k)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    track_peak_memory.unit = "bytes"  # type: ignore[attr-defined]


class PaddedFFT(TracedRow):
    """The textbook route: pad, transform, raise, transform back."""

    label = "scipy.fft, padded"

    def row(self, n: int, k: int) -> Any:
        length = n * (k - 1) + 1
        size = scipy.fft.next_fast_len(length, real=True)
        padded = np.zeros(size)
        padded[:k] = self.weights
        return scipy.fft.irfft(scipy.fft.rfft(padded) ** n, size)[:length]


class FFT(TracedRow):
    """Our FFT."""

    label = "erfmath fft"

    def row(self, n: int, k: int) -> Any:
        return em.coefficients(self.kernel, n, method="fft")


class Direct(TracedRow):
    """Our direct convolution, by binary powering."""

    label = "erfmath direct"

    def row(self, n: int, k: int) -> Any:
        return em.coefficients(self.kernel, n, method="direct")


class Auto(TracedRow):
    """What a user gets without asking: short rows by direct convolution, long ones by saddle points."""

    label = "erfmath auto"

    def row(self, n: int, k: int) -> Any:
        return em.coefficients(self.kernel, n)


class NaiveConvolve(TracedRow):
    """One np.convolve with the kernel per factor."""

    label = "np.convolve, n times"

    def row(self, n: int, k: int) -> Any:
        row = np.ones(1)
        for _ in range(n):
            row = np.convolve(row, self.weights)
        return row


class BinomPMF(TracedRow):
    """scipy.stats, two taps only."""

    label = "scipy.stats.binom"

    def setup(self, n: int, k: int) -> None:
        if k != 2:
            raise NotImplementedError("the binomial law has two taps")

    def row(self, n: int, k: int) -> Any:
        return scipy.stats.binom.pmf(np.arange(n + 1), n, 0.5)


class Exact(TracedRow):
    """Our exact integers."""

    label = "erfmath exact"

    def setup(self, n: int, k: int) -> None:
        self.kernel = em.Kernel.uniform(k)

    def row(self, n: int, k: int) -> Any:
        return em.coefficients(self.kernel, n, method="exact")


class SympyPower(TracedRow):
    """sympy's own power of a Poly, on the pure Python integers of a plain `pip install sympy`."""

    label = "sympy Poly ** n"

    def setup(self, n: int, k: int) -> None:
        if n > 100:
            raise NotImplementedError("takes seconds to minutes")
        os.environ.setdefault("SYMPY_GROUND_TYPES", "python")
        import sympy

        self.polynomial = sympy.Poly([1] * k, sympy.Symbol("z"))

    def row(self, n: int, k: int) -> Any:
        return self.polynomial**n


class Flint(Row):
    """python-flint's power, left in FLINT's own integers."""

    label = "flint fmpz_poly"

    def setup(self, n: int, k: int) -> None:
        if not HAS_FLINT:
            raise NotImplementedError("python-flint is not installed")
        import flint

        self.polynomial = flint.fmpz_poly([1] * k)

    def row(self, n: int, k: int) -> Any:
        return self.polynomial**n


class FlintIntegers(Flint):
    """The same as a list of Python ints."""

    label = "flint, to Python ints"

    def row(self, n: int, k: int) -> Any:
        return [int(c) for c in (self.polynomial**n).coeffs()]


ROWS = (PaddedFFT, FFT, Direct, Auto, NaiveConvolve, BinomPMF, Exact, SympyPower, FlintIntegers, Flint)


def worst_error(row: Any, n: int, k: int) -> float:
    """Return the worst relative error of a row: floats for P^n, integers or a polynomial for (k P)^n."""
    if hasattr(row, "coeffs"):
        row = row.coeffs()
    if isinstance(row, list) or row.dtype == object:
        row = _over_sum(row, n, k)
    law = exact_law(n, k)
    counted = law >= SMALLEST
    return float(np.abs(row[counted] / law[counted] - 1).max())


@functools.lru_cache(maxsize=8)
def exact_law(n: int, k: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    r"""Return the coefficients of (1 + z + ... + z^(k-1))^n over k^n, each rounded once.

    The integers are FLINT's when it is installed, so that ours are checked too.
    """
    rival = FlintIntegers() if HAS_FLINT else Exact()
    rival.setup(n, k)
    return _over_sum(rival.row(n, k), n, k)


def _over_sum(integers: Sequence[Any], n: int, k: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    total = k**n
    return np.array([int(c) / total for c in integers])
