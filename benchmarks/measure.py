"""Timing of contestants side by side, and the tables that report it."""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata

Samples = dict[str, list[float]]

# A sample repeats its call until it lasts this long, well above the clock's and the scheduler's grain.
SAMPLE_SECONDS = 4e-3
MIN_ROUNDS = 3


@dataclass(frozen=True)
class Result:
    """What one method did for one row."""

    k: int
    n: int
    method: str
    median_ms: float
    ratio: float
    error: float
    peak_bytes: int | None


def interleaved(calls: dict[str, Callable[[], object]], rounds: int = 25, budget: float = 1.0) -> Samples:
    """Return seconds per call, `rounds` samples of each contestant, taken in turns.

    Turns share what else the machine is doing. A contestant that has used up its budget of seconds
    drops out, after three samples at the least.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    samples: Samples = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    for done in range(rounds):
        for name, call in calls.items():
            if spent[name] < budget or done < MIN_ROUNDS:
                seconds = _sample(call, repeats[name])
                spent[name] += seconds
                samples[name].append(seconds / repeats[name])
    return samples


def _sample(call: Callable[[], object], repeats: int) -> float:
    gc.collect(0)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def _repeats(call: Callable[[], object]) -> int:
    """Return how many calls fill a sample; the first, which warms caches and lazy imports, is not timed."""
    call()
    fastest = min(_sample(call, 1) for _ in range(3))
    return max(1, round(SAMPLE_SECONDS / fastest))


def ratio(samples: Samples, name: str, base: str) -> float:
    """Return the median over rounds of the time of `name` by that of `base` in the same round."""
    pairs = zip(samples[name], samples[base], strict=False)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def progress(text: str) -> None:
    """Tell on stderr what runs now."""
    print(text, file=sys.stderr, flush=True)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return an aligned Markdown table; the first `left` columns are words, the others figures."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            f"{c:<{w}}" if i < left else f"{c:>{w}}"
            for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(header), line(rule), *map(line, table[1:])])


def digits(value: float, count: int = 3) -> str:
    """Write a positive figure with `count` significant digits and no exponent: '0.0123', '1234'."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{count - 1}e}")
    return f"{rounded:.{max(0, count - 1 - int(f'{rounded:e}'.split('e')[1]))}f}"


def machine() -> str:
    """Return the processor and the versions in one line."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy"))
    return f"{_processor()}, Python {platform.python_version()}, {versions}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
