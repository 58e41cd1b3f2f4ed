"""Work given to an executor, no more at a time than keeps it busy."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator
from typing import Any

# Calls per worker on their way: enough to keep it busy, few enough to keep the memory flat.
_AHEAD = 3

# Workers of an executor that does not say how many it has: a cluster.
_MOST_ELSEWHERE = 64


def require_executor(executor: object) -> None:
    """Raise for what takes no work."""
    is_type = isinstance(executor, type)  # the parentheses are missing
    if executor is not None and (is_type or not callable(getattr(executor, "submit", None))):
        kind = type(executor).__name__
        raise TypeError(f"executor must have a method submit, got {executor!r} of type {kind}")


def completed(executor: Any, function: Callable[..., Any], calls: Iterator[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield what a function returns for each tuple of arguments, as it is done.

    The arguments are taken as they are needed. Where the reading stops, what has not begun is cancelled.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting: set[Any] = set()
    most = _AHEAD * _workers_of(executor)
    try:
        while True:
            while len(waiting) < most and (call := next(calls, None)) is not None:
                future = executor.submit(function, *call)
                waiting.add(future)
                future.add_done_callback(done.put)
            if not waiting:
                return
            future = done.get()
            waiting.discard(future)
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()


def _workers_of(executor: Any) -> int:
    """Return how many workers an executor has, as far as it says so."""
    known = getattr(executor, "_max_workers", None)
    return known if isinstance(known, int) else max(_MOST_ELSEWHERE, os.cpu_count() or 1)
