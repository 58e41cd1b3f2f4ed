"""The picture of ``python -m benchmarks --plot``: time and error over n, for three taps."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import bench_core

if TYPE_CHECKING:
    from .measure import Result

TAPS = 3
DEPTHS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
# The base of the comparison comes last, hollow: where our FFT errs as it does, both stay in sight.
STYLES: dict[type[bench_core.Row], dict[str, Any]] = {
    bench_core.NaiveConvolve: {"color": "tab:gray", "marker": "+"},
    bench_core.SympyPower: {"color": "tab:purple", "marker": "x"},
    bench_core.Exact: {"color": "tab:green", "marker": "o"},
    bench_core.Direct: {"color": "tab:blue", "marker": "o"},
    bench_core.FFT: {"color": "tab:orange", "marker": "o"},
    bench_core.PaddedFFT: {"color": "tab:red", "marker": "s", "fillstyle": "none", "linestyle": "--"},
}
FLOOR, CEILING = 1e-17, 1e3


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def save(results: Sequence[Result], path: Path) -> None:
    """Draw the median time and the worst error of each method over n."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    time, error = figure.subplots(1, 2)
    for cls, style in STYLES.items():
        curve = [result for result in results if result.method == cls.label]
        depths = [result.n for result in curve]
        style = {"markersize": 8 if "fillstyle" in style else 5, "linewidth": 1.3, **style}
        time.loglog(depths, [result.median_ms for result in curve], label=cls.label, **style)
        error.loglog(depths, [min(max(result.error, FLOOR), CEILING) for result in curve], **style)

    time.set(title=f"Time of one row, k = {TAPS} taps", ylabel="median time (ms)")
    error.set(title="Worst error of the coefficients above $10^{-300}$", ylabel="relative error")
    powers = range(-15, 0, 3)
    error.set_yticks([FLOOR, *(10.0**p for p in powers), 1, CEILING])
    error.set_yticklabels(["exact", *(f"$10^{{{p}}}$" for p in powers), "1", "1000 or more"])
    error.yaxis.minorticks_off()
    for axes in (time, error):
        axes.set_xlabel("n, number of factors")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(STYLES) // 2, frameon=False)
    figure.savefig(path, dpi=150)
