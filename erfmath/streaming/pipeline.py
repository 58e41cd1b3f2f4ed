"""Steps that feed one another, run together, and what is known of them without running: counts and delays."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .steps import Array, Pointwise, Step

# Counts are affine in the samples from here on: paddings and windows at the beginning are far behind.
_FAR = 10**12


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Steps in the order of the data; stream 0 is the input and step i makes stream i + 1.

    Attributes
    ----------
    steps, sources
        The steps, and which streams each of them reads.
    rates
        Samples of the input per unit of each stream.
    output
        The stream that is the output.
    """

    steps: tuple[Step, ...]
    sources: tuple[tuple[int, ...], ...]
    rates: tuple[Fraction, ...]
    output: int

    def reset(self) -> None:
        """Forget all samples."""
        for step in self.steps:
            step.reset()

    def push(self, chunk: Array, total: int, is_last: bool) -> Array:
        """Take a chunk, with the samples that there are in total; return what it completes of the output."""
        parts: list[Any] = [chunk]
        totals = [total]
        for step, sources in zip(self.steps, self.sources, strict=True):
            made, whole = step.push([parts[s] for s in sources], [totals[s] for s in sources], is_last)
            parts.append(made)
            totals.append(whole)
        return parts[self.output]

    def ready(self, samples: int) -> int:
        """Return how many units of the output so many samples complete."""
        counts = [(samples, samples)]
        for step, sources in zip(self.steps, self.sources, strict=True):
            ready, total = step.counts([counts[s][0] for s in sources], [counts[s][1] for s in sources])
            counts.append((max(0, min(ready, total)), max(0, total)))
        return counts[self.output][0]

    @property
    def period(self) -> int:
        """Samples after which the pattern of all steps repeats."""
        return math.lcm(*(rate.numerator for rate in self.rates))

    def delay(self) -> Fraction:
        r"""Return the least D for which :math:`\lceil (n - D)/\rho \rceil` units are there after n samples.

        Unit i is there after :math:`n_i` samples, so that D is the largest :math:`n_i - 1 - \rho i`.
        """
        period, rate = self.period, self.rates[self.output]
        begin = -(-_FAR // period) * period

        def latest(samples: range) -> Fraction:
            # Unit `ready` is not there after n samples: it needs n + 1 at least.
            return max(n - rate * self.ready(n) for n in samples)

        far = max(Fraction(0), latest(range(begin, begin + period + 1)))
        waits = sum(s.begins * self.rates[read[0]] for s, read in zip(self.steps, self.sources, strict=True))
        return max(far, latest(range(math.ceil(far + waits) + period + 1))) if waits else far


def fused(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline in which what treats each unit alone is done by the step before, where it can."""
    readers = Counter(s for sources in pipeline.sources for s in sources)
    readers[pipeline.output] += 1
    steps: list[Step] = []
    sources: list[tuple[int, ...]] = []
    rates = [pipeline.rates[0]]
    moved = {0: 0}  # streams by the numbers that they have now
    for number, (step, read) in enumerate(zip(pipeline.steps, pipeline.sources, strict=True), 1):
        alone = isinstance(step, Pointwise) and len(read) == 1 and step.factor == 1
        if alone and read[0] and readers[read[0]] == 1:
            before = steps[moved[read[0]] - 1]
            before.following += (step.call, *step.following)  # type: ignore[attr-defined]
            moved[number] = moved[read[0]]
            continue
        steps.append(step)
        sources.append(tuple(moved[s] for s in read))
        rates.append(pipeline.rates[number])
        moved[number] = len(steps)
    return Pipeline(tuple(steps), tuple(sources), tuple(rates), moved[pipeline.output])


def delayed(samples: int, delay: Fraction, rate: Fraction) -> int:
    """Return how many units are out after so many samples at a delay."""
    return max(0, math.ceil((samples - delay) / rate))
