"""What a latency says of causality, in words: whether a network is causal, and which layers look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..words import table
from .durations import milliseconds, shown

if TYPE_CHECKING:
    from .latency import Latency

# So many layers that look ahead are shown.
_MOST = 10


def causal_line(late: Latency) -> str:
    """Return whether a network is causal, as a sentence."""
    if not late.is_causal:
        frame = f" beyond its frame of {late.frame}" if late.frame > 1 else ""
        return f"Not causal: it looks ahead{frame}. What each layer adds to the delay:"
    if not late.lookahead:
        return "Causal: it reads nothing ahead."
    return f"Causal in frames of {late.frame}: it reads to the end of its frame, and nothing beyond."


def wait_table(late: Latency) -> str:
    """Return the layers that look ahead, the largest first, where a network is not causal."""
    if late.is_causal:
        return ""
    known = sorted(late.waits, key=lambda wait: -wait.samples)
    rows = [[wait.layer, *_lasting(late, wait.samples)] for wait in known[:_MOST]]
    if rest := known[_MOST:]:
        rows.append([f"{len(rest)} more", *_lasting(late, sum(wait.samples for wait in rest))])
    return table(["layer adds", "samples", *([] if late.rate is None else ["ms"])], rows, left=1)


def _lasting(late: Latency, samples: Any) -> list[str]:
    """Return samples, and milliseconds where the rate is known."""
    if late.rate is None:
        return [shown(samples)]
    return [shown(samples), shown(milliseconds(samples, late.rate))]
