"""Operations that a call really takes, in those of np.convolve: multiply-adds of a quarter of a nanosecond.

Counted where the work is done: the multiply-adds of convolutions, transforms by length times log length,
elementary functions by the number of their values, sums in twice the digits, digits of whole numbers.
``python -m benchmarks.counted`` prints counted operations, prices and times of rows by each method.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import FrameType
from typing import Any
from unittest import mock

import numpy as np
import scipy.fft

import erfmath as em
from erfmath.core import coefficients, direct, signed
from erfmath.core.saddle import double_double, pieces

from .measure import digits, machine, markdown, progress
from .readings import forget

# Measured, in quarters of a nanosecond: a call of a function of the core, for the work that is not counted
# otherwise; a value of an elementary function; of a piece of a row, of some 24 terms; an operation in twice
# the digits; a length of a real transform times its binary logarithm.
CALL = 8e4
VALUE = 60.0
PIECE = 50.0
DOUBLE = 20.0
TRANSFORM = 2.0
WHOLE, LIMB = 400.0, 8.0  # of a product of whole numbers, and of each 30 bits
_ELEMENTARY = ("exp", "exp2", "log", "log1p", "log2", "expm1", "sin", "cos", "arctan2", "ldexp", "frexp")
_PAIRS = ("add", "multiply", "two_prod", "two_sum", "scale")
_HERE = os.path.join("erfmath", "core")


class Enough(Exception):  # noqa: N818  (it ends the count)
    """The limit of operations has been reached."""


class Count:
    """A number of operations, which raises when it exceeds its limit."""

    def __init__(self, limit: float = math.inf) -> None:
        self.operations, self.limit = 0.0, limit
        self.is_inside = False  # of what is counted as a whole

    def add(self, operations: float) -> None:
        """Add operations, those of a call where there are none."""
        if self.is_inside:
            return
        self.operations += operations or CALL
        if self.operations > self.limit:
            raise Enough


@contextlib.contextmanager
def counting(limit: float = math.inf) -> Iterator[Count]:
    """Count the operations of what is called inside; raise :class:`Enough` beyond a limit."""
    count = Count(limit)

    def wrapped(function: Callable[..., Any], price: Callable[..., float]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            count.add(price(*args))
            count.is_inside, before = count.is_inside or function is signed.rounded, count.is_inside
            try:
                return function(*args, **kwargs)
            finally:
                count.is_inside = before

        return call

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and _HERE in frame.f_code.co_filename:
            count.add(0.0)

    with contextlib.ExitStack() as stack:
        for owner, name, price in _priced():
            stack.enter_context(mock.patch.object(owner, name, wrapped(getattr(owner, name), price)))
        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            yield count
        finally:
            sys.setprofile(before)


def _priced() -> Iterator[tuple[Any, str, Callable[..., float]]]:
    """Yield (module, name, operations of a call) of everything that is counted."""
    yield np, "convolve", lambda a, b, *_: np.size(a) * np.size(b)
    yield direct, "_add_shifted", lambda total, sparse, dense: 2 * np.count_nonzero(sparse) * np.size(dense)
    yield coefficients, "rounded", _whole_numbers
    yield pieces.Piece, "evaluate", lambda _, d: PIECE * np.size(d)
    yield np, "tensordot", lambda a, b, *_: np.size(a) * np.shape(b)[-1]
    for name in _ELEMENTARY:
        yield np, name, lambda x, *_: VALUE * np.size(x)
    for name in _PAIRS:
        yield double_double, name, lambda a, *_: DOUBLE * np.size(a)
    for library in (np.fft, scipy.fft):
        yield library, "rfft", _transform(1.0)
        yield library, "irfft", lambda a, n=None, *_: _length(n or 2 * np.size(a))
        yield library, "fft", _transform(2.0)
        yield library, "ifft", _transform(2.0)
        yield library, "rfftn", lambda a, shape, *_: _length(math.prod(shape))
        yield library, "irfftn", lambda a, shape, *_: _length(math.prod(shape))


def _whole_numbers(polynomial: em.Product) -> float:
    """Return the operations of one product of whole numbers a tap and coefficient, and of their limbs."""
    taps, bits = 4.0, 0.0  # four for the division
    for kernel, n, _ in polynomial.factors:
        weights = [Fraction(w) for w in np.ravel(kernel.weights).tolist() if w]
        scale = math.lcm(*(w.denominator for w in weights))
        content = math.gcd(*(int(w * scale) for w in weights))
        taps += len(weights)
        bits += n * math.log2(int(sum(map(abs, weights)) * scale) // content)
    return math.prod(polynomial.shape) * taps * (WHOLE + LIMB * bits / 30)


def _transform(factor: float) -> Callable[..., float]:
    return lambda a, n=None, *_: factor * _length(n or np.size(a))


def _length(n: int) -> float:
    return TRANSFORM * n * math.log2(n + 1)


_DRAW = np.random.default_rng(0)

KINDS: dict[str, Callable[[int], Any]] = {
    "flat": np.ones,
    "random": _DRAW.random,
    "bell": lambda k: np.exp(-(np.linspace(-3, 3, k) ** 2)),
    "geometric": lambda k: 0.5 ** (10 * np.arange(k) / k),
    "lognormal": lambda k: np.exp(2 * _DRAW.standard_normal(k)),
    "rare taps": lambda k: np.isin(np.arange(k), (0, (k - 1) // 3, k // 2, k - 1)).astype(float),
    "near a lattice": lambda k: np.where(np.arange(k) % 3 == 0, 1.0, 1e-6),
}
_TAPS = (3, 10, 30, 100, 300, 1000)
_POWERS = (4, 16, 64, 256, 1024, 8192)
_LONGEST = 3 * 10**5


def kernels(longest: int = _LONGEST) -> Iterator[tuple[str, em.Kernel, int]]:
    """Yield (kind, kernel, n) of a grid of rows that are not short."""
    for kind, make in KINDS.items():
        for k in _TAPS:
            kernel = em.Kernel(make(k)).normalize()
            yield from ((kind, kernel, n) for n in _POWERS if 1024 < n * (k - 1) + 1 <= longest)


def methods_of(kernel: em.Kernel, n: int) -> list[str]:
    """Return the methods that keep the promise of each digit."""
    return [c.method for c in em.plan(kernel, n).candidates if c.method not in ("fft", "exact")]


def counted_row(kernel: em.Kernel, n: int, method: str, limit: float = math.inf) -> float:
    """Return the operations of a row with all caches empty, infinite from the limit on."""
    forget()
    kernel = em.Kernel(kernel.weights)
    try:
        with counting(limit) as count:
            em.coefficients(kernel, n, method)
    except (Enough, ValueError):
        return math.inf
    return count.operations


def main() -> None:
    """Print the table."""
    print(
        f"{machine()}\n\n{markdown(('kernel', 'taps', 'n', 'method', 'price', 'counted', 'ms'), rows(), 4)}"
    )


def rows() -> Iterator[tuple[str, ...]]:
    """Yield the rows of each kernel and method, those left out that take far more than the chosen one."""
    for kind, kernel, n in kernels():
        progress(f"{kind}, {kernel.shape[0]} taps, n = {n}")
        chosen = em.plan(kernel, n).method
        limit = 20 * counted_row(kernel, n, chosen)
        for method in methods_of(kernel, n):
            counted = counted_row(kernel, n, method, limit)
            if counted < math.inf:
                forget()
                fresh = em.Kernel(kernel.weights)
                start = time.process_time()
                em.coefficients(fresh, n, method)
                figures = (em.plan(kernel, n, method).operations, counted)
                seconds = time.process_time() - start
                name = f"{method}{' (chosen)' if method == chosen else ''}"
                yield (
                    kind,
                    str(kernel.shape[0]),
                    str(n),
                    name,
                    *(f"{x:.1e}" for x in figures),
                    digits(1e3 * seconds),
                )


if __name__ == "__main__":
    main()
