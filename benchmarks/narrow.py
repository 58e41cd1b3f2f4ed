"""Narrow networks: fields of single draws against their series in 1/N: ``python -m benchmarks.narrow``.

Linear stacks of 3 x 3 convolutions with N channels and normal weights. Each draw's squared gradient, summed
over the channels of the data, is divided by its own sum before the variance is taken: E[V/S], where E[V]/E[S]
is the theory's variance. Three tables: the variance as a multiple of the theory's, exact to second order and
measured; the growth of the effective size; and chains on one axis, to great depth.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence

import numpy as np

import erfmath as em

from .linear import Floats, gradients
from .measure import markdown, progress

DEPTHS = (5, 10, 20, 40)
RUNS = {1: 4000, 2: 3000, 4: 2000, 8: 1000, 16: 500}
LONG = (10, 40, 160, 640)
LONG_RUNS = {1: 600, 4: 200, 16: 60}
BLOCK = em.Conv((3, 3))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the draws, two depths")
    quick = parser.parse_args(argv).quick
    for table in tables(DEPTHS[:2], LONG[:2], 50) if quick else tables(DEPTHS, LONG, 1):
        print(table + "\n")
    return 0


def tables(depths: Sequence[int], long: Sequence[int], share: int) -> Iterator[str]:
    """Yield the three tables, of so many depths and a share of the draws."""
    rows, slopes = [], []
    for channels, runs in RUNS.items():
        progress(f"{channels} channels")
        found = draws(channels, 2, depths, max(4, runs // share))
        rows += list(widenings(channels, found))
        slopes.append(growth(channels, found))
    header = ["channels", "depth", "energy varies by", "order 1/N", "and 1/N^2", "measured", "error"]
    yield markdown(header, rows, left=0)
    header = ["channels", f"size at {depths[0]}", f"at {depths[-1]}", "slope", "the theory's"]
    yield markdown(header, slopes, left=0)
    header = ["channels", "depth", "variance by the theory's", "error", "of it, the centres'"]
    yield markdown(header, chains(long, share), left=0)


class Draws:
    """Normalised maps of energies, summed up, and the variance and the squared centre of each draw."""

    def __init__(self, side: int, ndim: int) -> None:
        self.total = np.zeros((side,) * ndim)
        self.places = np.arange(side) - (side - 1) / 2
        self.moments: list[tuple[float, float]] = []

    def add(self, gradient: Floats) -> None:
        """Add a draw: its gradient, channels first."""
        energy = (gradient**2).sum(axis=0)
        energy /= energy.sum()
        self.total += energy
        lines = [energy.sum(axis=tuple(b for b in range(energy.ndim) if b != a)) for a in range(energy.ndim)]
        second = float(np.mean([line @ self.places**2 for line in lines]))
        self.moments.append((second, float(np.mean([(line @ self.places) ** 2 for line in lines]))))

    @property
    def variance(self) -> tuple[float, float]:
        """The mean of the variances, and its standard error."""
        found = np.array(self.moments)[:, 0]
        return float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found)))

    @property
    def centres(self) -> float:
        """The share of the variance that is of the centres of the draws."""
        second, first = np.array(self.moments).mean(axis=0)
        return float(first / second)


def draws(channels: int, ndim: int, depths: Sequence[int], runs: int) -> dict[int, Draws]:
    """Return the maps at each depth of so many networks."""
    rng = np.random.default_rng([0, channels, ndim])
    found = {depth: Draws(2 * depth + 1, ndim) for depth in depths}
    for _ in range(runs):
        for depth, gradient in gradients(channels, ndim, depths, rng):
            found[depth].add(gradient)
    return found


def widenings(channels: int, found: dict[int, Draws]) -> Iterator[list[str]]:
    """Yield the variance of each depth by the theory's, exact orders beside the measurement."""
    for depth, drawn in found.items():
        exact = em.quenched(BLOCK**depth, channels)
        annealed, first = exact.annealed[0], exact.first[0]
        mean, error = drawn.variance
        varies = f"{math.sqrt(exact.energy_variance):.3g}"
        ratios = 1 + first / annealed, exact.widening[0], mean / annealed
        yield [str(channels), str(depth), varies, *(f"{r:.3f}" for r in ratios), f"{error / annealed:.3f}"]


def growth(channels: int, found: dict[int, Draws]) -> list[str]:
    """Return the effective sizes of the mean of the normalised maps at the ends, and their slope."""
    depths = list(found)
    maps = [em.JointDistribution(drawn.total / drawn.total.sum()) for drawn in found.values()]
    sizes = [em.effective_field(one).size for one in maps]
    slope = np.polyfit(np.log(depths), np.log(sizes), 1)[0]
    theory = em.growth(em.Kernel.uniform((3, 3)), depths).slope
    return [str(channels), f"{sizes[0]:.2f}", f"{sizes[-1]:.2f}", f"{slope:.3f}", f"{theory:.3f}"]


def chains(depths: Sequence[int], share: int) -> Iterator[list[str]]:
    """Yield the variance of deep chains on one axis by the theory's."""
    for channels, runs in LONG_RUNS.items():
        progress(f"{channels} channels on one axis")
        for depth, drawn in draws(channels, 1, depths, max(4, runs // share)).items():
            mean, error = drawn.variance
            theory = 2 * depth / 3
            values = f"{mean / theory:.3f}", f"{error / theory:.3f}", f"{drawn.centres:.2f}"
            yield [str(channels), str(depth), *values]


if __name__ == "__main__":
    raise SystemExit(main())
