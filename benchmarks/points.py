"""Points, tails, quantiles and fields of one distribution: ``python -m benchmarks.points`` prints a table.

The first point is taken with all caches empty, the set-up of the law included; a quantile is given in points
of that distribution, an array of 1e5 points by the microseconds that each takes beyond the first. The worst
error is the relative one of some probabilities and tails above 1e-300, against exact integers where the row
is short enough for these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

import erfmath as em
from erfmath.core.exact import integer_product

from .measure import digits, machine, markdown, progress
from .readings import forget

_DRAW = np.random.default_rng(0)
_LONGEST_EXACT = 10**5
_MANY = 10**5
_UNIT = 2**40

CASES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "three equal taps": (lambda: np.ones(3), (10**12,)),
    "random, 100 taps": (lambda: _DRAW.random(100), (1000, 10**9)),
    "flat, 1000 taps": (lambda: np.ones(1000), (100, 10**6, 10**12)),
    "random, 1000 taps": (lambda: _DRAW.random(1000), (100, 10**4, 10**12)),
    "flat, 1e5 taps": (lambda: np.ones(10**5), (4,)),
    "random, 1e5 taps": (lambda: _DRAW.random(10**5), (100, 10**6, 10**9)),
}


def main() -> None:
    """Print the table."""
    header = (
        "kernel",
        "n",
        "first, ms",
        "pmf, ms",
        "sf, ms",
        "ppf, points",
        "array, us",
        "field, ms",
        "error",
    )
    print(f"{machine()}\n\n{markdown(header, rows())}")


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the row of each kernel and power."""
    for name, (make, powers) in CASES.items():
        shares = np.asarray(make(), dtype=float)
        kernel = em.Kernel((np.ceil(shares / shares.sum() * _UNIT) / _UNIT).tolist())
        for n in powers:
            progress(f"{name}, n = {n}")
            yield name, f"{n:,}", *figures(kernel, n)


def figures(kernel: em.Kernel, n: int) -> tuple[str, ...]:
    """Return what one distribution takes."""
    em.distribution([1, 2, 1], 10**6).pmf(7)  # lazy imports and tables
    mean, deviation = round(em.distribution(kernel, n).mean()), round(em.distribution(kernel, n).std())
    forget()
    law = em.distribution(em.Kernel(kernel.weights), n)
    first = seconds(lambda: law.pmf(mean))
    point = min(seconds(lambda i=i: law.pmf(mean + deviation + i)) for i in range(5))
    tail = min(seconds(lambda i=i: law.sf(mean + 2 * deviation + i)) for i in range(5))
    quantile = min(seconds(lambda q=q: law.ppf(q)) for q in (0.1, 0.3, 0.9))
    t = np.unique(np.linspace(mean - 6 * deviation, mean + 6 * deviation, _MANY).astype(np.int64))
    array = max(seconds(lambda: law.pmf(t)) - point, 0.0)
    field = seconds(lambda: em.effective_field(law, ref="max"))
    cells = (
        1e3 * first,
        1e3 * point,
        1e3 * tail,
        quantile / max(point, tail),
        1e6 * array / len(t),
        1e3 * field,
    )
    return *map(digits, cells), accuracy(kernel, n)


def seconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def accuracy(kernel: em.Kernel, n: int) -> str:
    """Return the worst relative error of some points and tails."""
    if n * (kernel.shape[0] - 1) > _LONGEST_EXACT:
        return "-"
    row = np.array(integer_product([([int(w * _UNIT) for w in kernel.weights], n)]), dtype=object)
    lower, law, worst = np.cumsum(row), em.distribution(kernel, n), 0.0
    for z in (-9, -4, -1, 0, 0.3, 3, 8):
        t = round(law.mean() + z * law.std())
        for value, ways in ((law.pmf(t), row[t]), (law.cdf(t), lower[t]), (law.sf(t), lower[-1] - lower[t])):
            truth = Fraction(int(ways), int(lower[-1]))
            if truth > Fraction(1, 10**300):
                worst = max(worst, abs(float(Fraction(value) / truth - 1)))
    return f"{worst:.0e}"


if __name__ == "__main__":
    main()
