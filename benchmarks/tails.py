r"""Time and worst relative error side by side, far into the tails: ``python -m benchmarks.tails``.

Rows of :math:`((1 + z + .. + z^{k-1})/k)^n`. The error is the worst over all coefficients above 1e-300:
against exact integers to n = 10^4, beyond that at some fifty of them against a contour integral of 50 digits.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np

from . import bench_core
from .measure import digits, interleaved, machine, markdown, progress, ratio

DEPTHS = (10**3, 10**4, 10**5, 10**6, 10**7)
QUICK = DEPTHS[:3]
TAPS = (2, 3)
EXACT_TO = 10**4
SAMPLES = 25  # on either side of the centre


class Arb(bench_core.Row):
    """python-flint's ball arithmetic, at the precision that keeps every coefficient's digits."""

    label = "flint arb_poly"

    def setup(self, n: int, k: int) -> None:
        if not bench_core.HAS_FLINT:
            raise NotImplementedError("python-flint is not installed")
        import flint

        self.polynomial = flint.arb_poly([1] * k)

    def row(self, n: int, k: int) -> Any:
        import flint

        with flint.ctx.workprec(64 + int(1.6 * n)):
            power = self.polynomial**n
            return np.array([float(c / flint.arb(k) ** n) for c in power.coeffs()])


# Method and the depth up to which it is run: beyond it a row takes minutes, or all the memory.
CONTESTANTS: tuple[tuple[type[bench_core.Row], int], ...] = (
    (bench_core.PaddedFFT, 10**7),
    (bench_core.Direct, 10**5),
    (bench_core.BinomPMF, 10**7),
    (bench_core.Flint, 10**4),
    (Arb, 10**3),
    (bench_core.Auto, 10**7),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tails", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="to n = 10^5 only")
    depths = QUICK if parser.parse_args(argv).quick else DEPTHS
    rows = [row for k in TAPS for n in depths for row in measured(n, k)]
    header = ("k", "n", "method", "median ms", "by scipy.fft", "worst error")
    print(f"{machine()}\n\n{markdown(header, rows, left=3)}")
    return 0


def measured(n: int, k: int) -> list[tuple[str, ...]]:
    """Return the table rows of one depth."""
    progress(f"k = {k}, n = {n}")
    methods = {}
    for cls, deepest in CONTESTANTS:
        method = cls()
        try:
            method.setup(n, k)
        except NotImplementedError:
            continue
        if n <= deepest:
            methods[cls.label] = method
    samples = interleaved({label: lambda m=m: m.time_row(n, k) for label, m in methods.items()}, 15, budget=3)
    rows = []
    for label, method in methods.items():
        error = worst_error(method.row(n, k), n, k)
        times = (
            digits(1e3 * statistics.median(samples[label])),
            digits(ratio(samples, label, bench_core.PaddedFFT.label), 2),
        )
        rows.append((str(k), f"{n:.0e}", label, times[0], f"{times[1]}x", f"{error:.0e}" if error else "0"))
    return rows


def worst_error(row: Any, n: int, k: int) -> float:
    """Return the worst relative error of a row of floats, integers, or a polynomial."""
    if n <= EXACT_TO:
        return bench_core.worst_error(row, n, k)
    points, truth = sampled_truth(n, k)
    return float(np.abs(np.asarray(row)[points] / truth - 1).max())


@functools.lru_cache(maxsize=8)
def sampled_truth(n: int, k: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return (indices, coefficients) from the centre out to 1e-299, each of 50 digits and rounded once."""
    sigma = ((k * k - 1) / 12 * n) ** 0.5
    middle = n * (k - 1) / 2
    reach = min(np.sqrt(2 * 299 * np.log(10)) * sigma, middle)
    points = np.unique(np.rint(middle + reach * np.linspace(-1, 1, 2 * SAMPLES + 1)).astype(np.int64))
    truth = np.array([float(_contour(n, k, int(t))) for t in points])
    kept = truth > bench_core.SMALLEST
    return points[kept], truth[kept]


def _contour(n: int, k: int, t: int) -> mpmath.mpf:
    """Return [z^t] P(z)^n by the trapezoidal rule on the circle through the saddle point."""
    with mpmath.workdps(50):
        taps = range(k)

        def excess(theta: mpmath.mpf) -> mpmath.mpf:
            weights = [mpmath.exp(j * theta) for j in taps]
            return (
                mpmath.fsum(j * w for j, w in zip(taps, weights, strict=True)) / mpmath.fsum(weights)
                - mpmath.mpf(t) / n
            )

        start = mpmath.mpf(12) / (k * k - 1) * (mpmath.mpf(t) / n - mpmath.mpf(k - 1) / 2)
        theta = mpmath.findroot(excess, start)
        weights = [mpmath.exp(j * theta) for j in taps]
        total = mpmath.fsum(weights)
        mean = mpmath.mpf(t) / n
        deviation = mpmath.sqrt(
            mpmath.fsum(w * (j - mean) ** 2 for j, w in zip(taps, weights, strict=True)) / total * n
        )
        step = mpmath.mpf("0.2") / deviation
        value = mpmath.mpf(1)
        for m in range(1, 80):
            factor = (
                mpmath.fsum(w * mpmath.expj(j * m * step) for j, w in zip(taps, weights, strict=True)) / total
            )
            value += 2 * (mpmath.exp(n * mpmath.log(factor) - mpmath.mpc(0, t * m * step))).real
        return value * step / (2 * mpmath.pi) * mpmath.exp(n * mpmath.log(total / k) - t * theta)


if __name__ == "__main__":
    raise SystemExit(main())
