"""Run the benchmarks without asv: ``python -m benchmarks`` prints one Markdown table.

Each row of P(z)^n by each method: the median time, its ratio to the padded scipy FFT in the same round,
the worst relative error against the exact integers, and the peak of the memory that Python allocates.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from . import bench_core, figure
from .measure import Result, digits, interleaved, machine, markdown, progress, ratio

BASE = bench_core.PaddedFFT.label
QUICK = ((40, 1000), (3,))


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for, print the table, write the files."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.plot and not figure.available():
        parser.error("--plot needs matplotlib: pip install matplotlib")
    results = sweep(*(QUICK if args.quick else (bench_core.DEPTHS, bench_core.TAPS)), args.only)
    print(f"{machine()}\n\n{table(results)}")
    if args.json:
        report = {"machine": machine(), "results": [asdict(result) for result in results]}
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.plot:
        figure.save(sweep(figure.DEPTHS, (figure.TAPS,), args.only), args.plot)
    return 0


def sweep(depths: Sequence[int], taps: Sequence[int], only: str = "") -> list[Result]:
    """Measure the methods over n and k."""
    results = []
    for k, n in itertools.product(taps, depths):
        progress(f"k = {k}, n = {n}")
        results += run(n, k, only)
    return results


def run(n: int, k: int, only: str = "") -> list[Result]:
    """Measure every method that applies and whose name contains `only`, and the base of the ratios."""
    methods = {}
    for cls in bench_core.ROWS:
        method = cls()
        if only.lower() not in cls.label.lower() and cls.label != BASE:
            continue
        try:
            method.setup(n, k)
        except NotImplementedError:
            continue
        methods[cls.label] = method
    samples = interleaved({label: lambda m=method: m.time_row(n, k) for label, method in methods.items()})
    return [
        Result(
            k=k,
            n=n,
            method=label,
            median_ms=1e3 * statistics.median(samples[label]),
            ratio=ratio(samples, label, BASE),
            error=method.track_error(n, k),
            peak_bytes=method.track_peak_memory(n, k) if hasattr(method, "track_peak_memory") else None,
        )
        for label, method in methods.items()
    ]


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    header = ("k", "n", "method", "median ms", "vs padded", "worst error", "peak MB")
    rows = []
    for result in results:
        memory = "" if result.peak_bytes is None else digits(result.peak_bytes / 1e6, 2)
        rows.append(
            (
                str(result.k),
                str(result.n),
                result.method,
                digits(result.median_ms),
                f"{digits(result.ratio, 2)}x",
                f"{result.error:.0e}" if result.error else "0",
                memory,
            )
        )
    return markdown(header, rows, left=3)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="k = 3 and two depths only")
    parser.add_argument("--only", metavar="TEXT", default="", help="methods whose name contains this")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to a file")
    parser.add_argument("--plot", metavar="FILE.png", type=Path, help="draw time and error over n, k = 3")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
