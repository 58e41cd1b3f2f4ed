"""Exact rows by each way: ``python -m benchmarks.exact``, with python-flint installed.

FLINT's time has the conversion to Python's integers in it. The last column is what the constants of
`erfmath.core.flint` choose.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np

from erfmath.core import exact, flint, miller

from .measure import digits, interleaved, machine, markdown, progress, ratio

_DRAW = random.Random(0)

CASES = {
    "3 taps, n = 1000": [([1, 1, 1], 1000)],
    "4 taps, n = 500": [([3, 1, 4, 1], 500)],
    "9 taps, n = 2000": [([_DRAW.randint(1, 99) for _ in range(9)], 2000)],
    "20 taps, n = 100": [([_DRAW.randint(1, 99) for _ in range(20)], 100)],
    "1000 taps, n = 3": [([_DRAW.randint(1, 99) for _ in range(1000)], 3)],
    "300 equal taps, n = 30": [([1] * 300, 30)],
    "4 kernels of 3 taps, n = 300": [([1, 2, 3], 300), ([1, 1, 1], 300), ([1, 2, 2], 300), ([1, 5, 1], 300)],
    "dice of 3 to 80 sides": [([1] * sides, 1) for sides in range(3, 81)],
    "300 different coins": [([_DRAW.randint(1, 10**6), _DRAW.randint(1, 10**6)], 1) for _ in range(300)],
}
RATIONALS = {"thirds": [Fraction(1, 3)] * 3, "quarters": [Fraction(j, 4) for j in (1, 2, 1)]}
LONG = 2 * 10**6  # coefficients times taps, beyond which the recurrence alone is left out


def main() -> None:
    """Print the tables."""
    print(machine())
    header = ("integers", "recurrence, ms", "Python, ms", "FLINT, ms", "FLINT by Python", "chosen")
    print(markdown(header, [_row(name, factors) for name, factors in CASES.items()]))
    rows = [_rational(name, taps, n) for name, taps in RATIONALS.items() for n in (100, 1000, 3000)]
    print(markdown(("rationals", "row, ms", "the same over 1, ms"), rows))


def _row(name: str, factors: Sequence[tuple[Sequence[int], int]]) -> tuple[str, ...]:
    progress(name)
    asked: list[bool] = []
    chosen = flint.is_worth
    with _flint(lambda *args: asked.append(chosen(*args)) or False):
        length = len(exact.integer_product(factors))
    calls = {"python": lambda: _run(False, factors), "flint": lambda: _run(True, factors)}
    if length * sum(len(taps) for taps, _ in factors) < LONG:
        taps = [(dict(enumerate(taps)), n) for taps, n in factors]
        calls["recurrence"] = lambda: miller.row_of(taps)
    samples = interleaved(calls, rounds=7)
    best = {key: digits(1e3 * min(found)) for key, found in samples.items()}
    by = digits(ratio(samples, "flint", "python"), 2)
    return (
        name,
        best.get("recurrence", "-"),
        best["python"],
        best["flint"],
        by,
        "FLINT" if asked[0] else "Python",
    )


def _rational(name: str, taps: list[Fraction], n: int) -> tuple[str, ...]:
    grid = np.array(taps, dtype=object)
    integers = [int(weight * taps[0].denominator) for weight in taps]
    calls = {
        "row": lambda: exact.product([(grid, n)], (n * (len(taps) - 1) + 1,)),
        "integers": lambda: exact.integer_product([(integers, n)]),
    }
    samples = interleaved(calls, rounds=7)
    return f"{name}, n = {n}", *(digits(1e3 * min(samples[key])) for key in calls)


def _run(is_worth: bool, factors: Sequence[tuple[Sequence[int], int]]) -> None:
    with _flint(lambda *args: is_worth):
        exact.integer_product(factors)


@contextmanager
def _flint(is_worth: object) -> Iterator[None]:
    """Ask for FLINT as told."""
    chosen = flint.is_worth
    flint.is_worth = is_worth  # type: ignore[assignment]
    try:
        yield
    finally:
        flint.is_worth = chosen


if __name__ == "__main__":
    main()
