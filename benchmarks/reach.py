"""What the project promises about speed, in one run: ``python -m benchmarks.reach [SECTION...]``.

Each function of `SECTIONS` yields the lines of one promise; a later issue adds its own function there.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import erfmath as em

from . import bench_core, tails
from .measure import Samples, digits, interleaved, machine, markdown, progress, ratio

IMPORT_ROUNDS = 15
LEVEL = 1.1  # what "level with" allows


@dataclass(frozen=True)
class Line:
    """A measured figure and the most it may be, None where it only stands for comparison."""

    claim: str
    figure: float
    limit: float | None
    unit: str = "x"

    @property
    def holds(self) -> bool:
        return self.limit is None or self.figure <= self.limit


def rows() -> Iterator[Line]:
    """Issue 2: direct convolution and the FFT against the padded scipy FFT, k = 3."""
    for n in (10, 100, 1000):
        methods, samples = _race(n, bench_core.PaddedFFT, bench_core.FFT, bench_core.Direct)
        base = bench_core.PaddedFFT.label
        direct = bench_core.Direct.label
        yield Line(f"direct by scipy.fft, n = {n}", ratio(samples, direct, base), 2)
        yield Line(f"direct, worst relative error, n = {n}", methods[direct].track_error(n, 3), 1e-13, "")
        yield Line(f"fft by scipy.fft, n = {n}", ratio(samples, bench_core.FFT.label, base), 1)


def exact() -> Iterator[Line]:
    """Issue 2: exact integers at n = 5000, k = 3."""
    rivals = (bench_core.Flint, bench_core.FlintIntegers) if bench_core.HAS_FLINT else ()
    _, samples = _race(5000, bench_core.Exact, *rivals)
    ours = bench_core.Exact.label
    yield Line("exact, n = 5000", 1e3 * statistics.median(samples[ours]), 30, " ms")
    for rival in rivals:
        like_for_like = rival is bench_core.FlintIntegers  # ours returns Python ints
        limit = LEVEL if like_for_like else None
        yield Line(f"exact by {rival.label}, n = 5000", ratio(samples, ours, rival.label), limit)


def imports() -> Iterator[Line]:
    """Issue 2: the import, by numpy's, each in a fresh interpreter."""
    calls = {name: lambda name=name: _import(name) for name in ("numpy", "erfmath")}
    samples = interleaved(calls, IMPORT_ROUNDS, budget=60)
    yield Line("import erfmath by import numpy", ratio(samples, "erfmath", "numpy"), 1.5)


def deep_rows() -> Iterator[Line]:
    """Issue 3: the whole float row, k = 3, by the padded scipy FFT, and its worst error."""
    for n, limit in ((10**3, 2.5), (10**4, 1), (10**5, 1 / 12), (10**6, 1 / 70), (10**7, 1 / 400)):
        methods, samples = _race(n, bench_core.PaddedFFT, bench_core.Auto)
        yield Line(
            f"auto by scipy.fft, n = {n:.0e}",
            ratio(samples, bench_core.Auto.label, "scipy.fft, padded"),
            limit,
        )
        row = methods[bench_core.Auto.label].row(n, 3)
        yield Line(f"auto, worst relative error, n = {n:.0e}", tails.worst_error(row, n, 3), 1e-12, "")


def logarithms() -> Iterator[Line]:
    """Issue 3: log rows, single logarithms, arrays of them, a window at n = 10^12."""
    kernel = em.Kernel.uniform(3).normalize()
    fft = bench_core.PaddedFFT()
    fft.setup(10**6, 3)
    calls = {"fft": lambda: fft.row(10**6, 3), "row": lambda: em.log_coefficients(kernel, 10**6)}
    yield Line("log row by scipy.fft, n = 1e6", ratio(interleaved(calls, 7, budget=5), "row", "fft"), 1)
    for n in (10**3, 10**6, 10**12, 10**15):
        points = np.random.default_rng(0).integers(0, 2 * n, 10**5)
        calls = {
            "one": lambda n=n: em.log_coefficients(kernel, n, at=n + 5),
            "many": lambda n=n, points=points: em.log_coefficients(kernel, n, at=points),
        }
        samples = interleaved(calls, 25, budget=1)
        yield Line(f"one logarithm, n = {n:.0e}", 1e3 * statistics.median(samples["one"]), 1, " ms")
        yield Line(f"1e5 logarithms, n = {n:.0e}", 1e3 * statistics.median(samples["many"]), 333, " ms")
    law = em.distribution(kernel, 10**12)
    span = 2 * int(8 * law.std())
    numbers = np.linspace(-32, 0, span)
    calls = {"window": lambda: law.window(1.2e-15), "exp": lambda: np.exp(numbers)}
    yield Line("window of 8 sigma by np.exp, n = 1e12", ratio(interleaved(calls, 3, 9), "window", "exp"), 15)


def networks() -> Iterator[Line]:
    """Issue 4: readings of networks, each of a network that was just built."""
    deep, wide = em.zoo.resnet152, em.zoo.resnet50
    yield Line("field of resnet152", _reading(deep, lambda net: em.receptive_field(net).size), 20, " ms")
    for name, build, limit in (("resnet50", wide, 300), ("resnet152", deep, 5000)):
        whole = _reading(build, lambda net: em.distribution(net).probabilities())
        yield Line(f"2-D impact map of {name}", whole, limit, " ms")
        side = _reading(build, lambda net: em.effective_field(em.distribution(net).marginal(0)).size)
        yield Line(f"marginal of {name}, with its effective size", side, 50, " ms")
    readings = {
        "field": lambda net: em.receptive_field(net).holes,
        "law": lambda net: em.distribution(net).logsf(0),
        "cumulants": em.cumulants,
        "limit": lambda net: em.central_limit(net).distance,
        "effective field": lambda net: em.effective_field(net, ndim=2).size,
    }
    for name, reading in readings.items():
        figure = _reading(lambda: em.Conv(3, padding=1) ** 10**6, reading)
        yield Line(f"Conv(3) ** 10**6: {name}", figure, None, " ms")
    layer = em.Conv(3, padding=1)
    chain = [(f"{i}", (layer, f"{i - 1}" if i else "input")) for i in range(10**4)]
    field = _reading(lambda: em.Graph(chain), lambda net: em.receptive_field(net).size)
    yield Line("field of a graph of 10^4 layers", field, None, " ms")


def zoo() -> Iterator[Line]:
    """Issue 5: the field of every network of the zoo, just built; the command from the shell."""
    for name in em.zoo.names():
        field = _reading(lambda name=name: em.zoo.get(name), lambda net: em.receptive_field(net).size)
        yield Line(f"field of {name}", field, 20, " ms")
    command = [sys.executable, "-m", "erfmath", "analyze", "resnet50"]
    calls = {"analyze": lambda: subprocess.run(command, check=True, capture_output=True)}
    seconds = statistics.median(interleaved(calls, 5, budget=20)["analyze"])
    yield Line("erfmath analyze resnet50, from the shell", seconds, 1.5, " s")


SECTIONS: dict[str, Callable[[], Iterator[Line]]] = {
    section.__name__: section for section in (rows, exact, imports, deep_rows, logarithms, networks, zoo)
}


def main(names: Sequence[str]) -> int:
    """Print every figure of the sections, or of all, beside its limit; the exit code says if all hold."""
    lines = []
    for section in [SECTIONS[name] for name in names or SECTIONS]:
        progress(section.__doc__ or section.__name__)
        lines += section()
    header = ("figure", "measured", "at most", "holds")
    print(f"{machine()}\n\n{markdown(header, [_cells(line) for line in lines])}")
    return 0 if all(line.holds for line in lines) else 1


def _reading(build: Callable[[], em.Node], reading: Callable[[em.Node], object]) -> float:
    """Return the median milliseconds of a reading of a network that nothing has been read from yet."""
    times = []
    for _ in range(7):
        net = build()
        start = time.perf_counter()
        reading(net)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _race(n: int, *classes: type[bench_core.Row]) -> tuple[dict[str, bench_core.Row], Samples]:
    """Return the methods, by name, and their times for three taps."""
    methods = {cls.label: cls() for cls in classes}
    for method in methods.values():
        method.setup(n, 3)
    calls = {label: lambda m=method: m.time_row(n, 3) for label, method in methods.items()}
    return methods, interleaved(calls, rounds=41, budget=2)


def _import(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def _cells(line: Line) -> tuple[str, ...]:
    limit, holds = (
        ("", "") if line.limit is None else (_figure(line.limit, line), "yes" if line.holds else "NO")
    )
    return (line.claim, _figure(line.figure, line), limit, holds)


def _figure(value: float, line: Line) -> str:
    return f"{digits(value) if value >= 1e-3 else f'{value:.0e}'}{line.unit}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
