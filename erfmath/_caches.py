"""Results kept for the next call, bounded by what they take in memory."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

_MOST_BYTES = 2**26
_FEWEST_BYTES = 2**10  # of what surrounds the arrays


class Kept(Generic[Key, Result]):
    """A function of one argument that keeps its last results, up to a number of bytes; see :func:`kept`."""

    def __init__(self, function: Callable[[Key], Result], size: Callable[[Result], int], most: int) -> None:
        functools.update_wrapper(self, function)
        self._function, self._size, self._most = function, size, most
        self._results: OrderedDict[Key, tuple[Result, int]] = OrderedDict()
        self._bytes, self._lock = 0, RLock()

    def __call__(self, key: Key) -> Result:
        """Return the function's result, a kept one where there is one."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key][0]
        result = self._function(key)
        with self._lock:
            self._keep(key, result, self._size(result) + _FEWEST_BYTES)
        return result

    def peek(self, key: Key) -> Result | None:
        """Return the result that is kept, if there is one."""
        with self._lock:
            return self._results[key][0] if key in self._results else None

    @property
    def held(self) -> int:
        """Bytes of all results kept."""
        return self._bytes

    def cache_clear(self) -> None:
        """Forget all results."""
        with self._lock:
            self._results.clear()
            self._bytes = 0

    def _keep(self, key: Key, result: Result, size: int) -> None:
        self._bytes += size - self._results.pop(key, (None, 0))[1]
        self._results[key] = result, size
        while self._bytes > self._most and len(self._results) > 1:
            self._bytes -= self._results.popitem(last=False)[1][1]


def kept(
    size: Callable[[Any], int], most: int = _MOST_BYTES
) -> Callable[[Callable[[Key], Result]], Kept[Key, Result]]:
    """Keep the results of a function of one argument, the oldest dropped beyond `most` bytes.

    `size` tells the bytes of a result, counted with what it computes later. The newest is kept at any size.

    >>> @kept(size=len, most=3000)
    ... def row(n):
    ...     return bytes(n)
    >>> row(1000) is row(1000), row.held
    (True, 2024)
    >>> _ = row(500), row(2000)
    >>> row.held  # only the last
    3024
    """

    def decorate(function: Callable[[Key], Result]) -> Kept[Key, Result]:
        return Kept(function, size, most)

    return decorate
