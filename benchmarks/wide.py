"""Rows of wide kernels: ``python -m benchmarks.wide`` prints each beside one padded FFT and its accuracy.

The weights are multiples of 2^-40. The worst error is the largest relative one above 1e-300 of the sum,
against exact integers, for rows of up to 10^5 coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

import erfmath as em
from erfmath.core.exact import integer_product

from .measure import digits, interleaved, machine, markdown, progress, ratio

_DRAW = np.random.default_rng(0)
_LONGEST_EXACT = 10**5
_ENTRIES = 500
_UNIT = 2**40
_FLOOR = Fraction(1, 10**300)

CASES = {
    "flat, 100 taps": (lambda: np.ones(100), (30, 600)),
    "flat, 1000 taps": (lambda: np.ones(1000), (4, 30, 1000)),
    "flat, 1e5 taps": (lambda: np.ones(10**5), (4,)),
    "random, 300 taps": (lambda: _DRAW.random(300), (30, 1000)),
    "random, 1e5 taps": (lambda: _DRAW.random(10**5), (2, 30)),
    "bell, 1000 taps": (lambda: np.exp(-(np.linspace(-3, 3, 1000) ** 2)), (30, 1000)),
    "geometric, 1000 taps": (lambda: 0.99 ** np.arange(1000), (30, 1000)),
    "lognormal, 100 taps": (lambda: np.exp(2 * _DRAW.standard_normal(100)), (30, 600)),
    "lognormal, 65536 taps": (lambda: np.exp(2 * _DRAW.standard_normal(65536)), (10,)),
    "gapped, 6 of 1000 taps": (lambda: np.isin(np.arange(1000), (0, 249, 498, 747, 996, 999)), (100,)),
    "two taps and a rare one": (lambda: np.array([0.5, 0, 0, 0.5, 1e-9]), (10**5,)),
}


def main() -> None:
    """Print the table."""
    print(machine())
    print("\n" + markdown(("kernel", "n", "method", "row, ms", "by one FFT", "worst error"), rows()))


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the row of each kernel and power."""
    for name, (make, powers) in CASES.items():
        shares = np.asarray(make(), dtype=float)
        kernel = em.Kernel((np.ceil(shares / shares.sum() * _UNIT) / _UNIT).tolist())
        for n in powers:
            progress(f"{name}, n = {n}")
            calls = {"row": partial(em.coefficients, kernel, n), "fft": partial(padded, kernel, n)}
            samples = interleaved(calls, rounds=5)
            seconds = sorted(samples["row"])[len(samples["row"]) // 2]
            yield (
                name,
                f"{n:,}",
                em.plan(kernel, n).method,
                digits(1e3 * seconds),
                digits(ratio(samples, "row", "fft")),
                accuracy(kernel, n),
            )


def padded(kernel: em.Kernel, n: int) -> Any:
    """Return the row by one padded FFT, right against its largest coefficient only."""
    length = n * (kernel.shape[0] - 1) + 1
    size = next_fast_len(length, real=True)
    return irfft(rfft(kernel.to_numpy(), size) ** n, size)[:length]


def accuracy(kernel: em.Kernel, n: int) -> str:
    """Return the worst relative error of some entries, over the whole row."""
    row = em.coefficients(kernel, n)
    if len(row) > _LONGEST_EXACT:
        return "-"
    exact = integer_product([([int(w * _UNIT) for w in kernel.weights], n)])
    unit, worst = _UNIT**n, 0.0
    for t in np.linspace(0, len(row) - 1, _ENTRIES).astype(int).tolist():
        if Fraction(exact[t], unit) > _FLOOR:
            worst = max(worst, float(abs(Fraction(float(row[t])) * unit / exact[t] - 1)))
    return f"{worst:.0e}"


if __name__ == "__main__":
    main()
