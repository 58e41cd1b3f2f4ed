"""Where the FFT overtakes direct convolution: ``python -m benchmarks.crossover``.

`auto` runs a signed kernel by the faster of the two, as counted operations tell: by direct convolution
while that has at most `erfmath.core.plan.FFT_CROSSOVER` operations per operation of the FFT. This measures
what the constant should be.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import erfmath as em
from erfmath.core.plan import FFT_CROSSOVER

from .measure import digits, interleaved, machine, markdown, progress

# Of alternating signs, since `auto` weighs the two for signed kernels only. A mirrored row is squared in
# half the operations, so both sorts are here.
KERNELS = {
    "2 taps": em.Kernel([1, -1]),
    "3 taps": em.Kernel([1, -2, 4]),
    "3 taps, mirrored": em.Kernel([1, -3, 1]),
    "5 taps": em.Kernel([1, -2, 3, -3, 2]),
    "5 taps, mirrored": em.Kernel([1, -2, 3, -2, 1]),
    "9 taps": em.Kernel([1, -2, 3, -4, 5, -5, 4, -2, 1]),
    "3 x 3 taps": em.Kernel([[1, -2, 1], [-2, 5, -2], [1, -2, 3]]),
}
SHORTEST, LONGEST = 2, 2**13  # power, coefficients
ROUNDS = 15


@dataclass(frozen=True)
class Point:
    """Both methods on one power: seconds, and the operations of direct per operation of fft."""

    kernel: str
    n: int
    direct: float
    fft: float
    operations: float

    @property
    def ratio(self) -> float:
        """Time of direct by time of the FFT."""
        return self.direct / self.fft


def main() -> None:
    """Measure, print the table and the constant."""
    sweeps = {name: list(sweep(name, kernel)) for name, kernel in KERNELS.items()}
    points = list(itertools.chain(*sweeps.values()))
    print(f"{machine()}\n\n{table(points)}\n")
    for name, own in sweeps.items():
        start = overtaken(own)
        print(f"{name:<17} the FFT is faster {f'from n = {start} on' if start else 'nowhere'}")
    print()
    for source, constant in (("measured", best_constant(points)), ("plan.py has", FFT_CROSSOVER)):
        mean, worst = regret(points, constant)
        cost = f"auto takes {mean:.2f} times as long as the faster method, at worst {worst:.1f}"
        print(f"{source:<11} FFT_CROSSOVER = {digits(constant, 2):<4} {cost}")


def sweep(name: str, kernel: em.Kernel) -> Iterator[Point]:
    """Measure doubling powers of a kernel, scaled so that no power leaves the float range."""
    kernel = em.Kernel(kernel.to_numpy() / float(kernel.norm))
    n = SHORTEST
    while math.prod(n * (k - 1) + 1 for k in kernel.shape) <= LONGEST:
        progress(f"{name}, n = {n}")
        calls = {m: lambda m=m, n=n: em.coefficients(kernel, n, method=m) for m in ("direct", "fft")}
        seconds = {method: statistics.median(s) for method, s in interleaved(calls, ROUNDS).items()}
        counted = {method: em.plan(kernel, n, method=method).operations for method in calls}
        yield Point(name, n, seconds["direct"], seconds["fft"], counted["direct"] / counted["fft"])
        n *= 2


def overtaken(points: Sequence[Point]) -> int | None:
    """Return the power from which the FFT stays ahead, or None."""
    ahead = list(itertools.takewhile(lambda point: point.ratio > 1, reversed(points)))
    return ahead[-1].n if ahead else None


def best_constant(points: Sequence[Point]) -> float:
    """Return the FFT_CROSSOVER of least mean regret, halfway between two measured operation ratios."""
    ratios = sorted({point.operations for point in points})
    between = [math.sqrt(left * right) for left, right in itertools.pairwise(ratios)]
    return min(between, key=lambda constant: regret(points, constant))


def regret(points: Sequence[Point], constant: float) -> tuple[float, float]:
    """Return geometric mean and maximum of the time `auto` takes by that of the faster method."""
    taken = [point.direct if point.operations <= constant else point.fft for point in points]
    slower = [t / min(point.direct, point.fft) for t, point in zip(taken, points, strict=True)]
    return statistics.geometric_mean(slower), max(slower)


def table(points: Sequence[Point]) -> str:
    """Return the points as a Markdown table."""
    header = ("kernel", "n", "direct ms", "fft ms", "time, direct/fft", "operations, direct/fft")
    figures = ((1e3 * p.direct, 1e3 * p.fft, p.ratio, p.operations) for p in points)
    rows = [(p.kernel, str(p.n), *map(digits, row)) for p, row in zip(points, figures, strict=True)]
    return markdown(header, rows)


if __name__ == "__main__":
    main()
