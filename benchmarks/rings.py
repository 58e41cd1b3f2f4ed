"""Energies of the gradient of x + phi(W x) on a ring, or a torus: many draws, tilted towards large features.

What is averaged over draws is an energy, and of narrow deep networks few draws have nearly all of it: of 16
channels and 40 blocks, two thousand draws know its variance to 4 %. The energy that is coherent is in
proportion to what the features grow by. So draws are made block by block, side by side, and every few blocks
chosen again in proportion to that growth, which is divided out at the end: the same mean, of draws that count
alike. W. Grassberger, Go with the winners, Computer Physics Communications 147 (2002).
"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

# Blocks between two choices of draws, batches at the least, and bytes of the weights of a batch.
EVERY, LEAST, BYTES = 5, 20, 2**25

BLOCKS = re.compile(r"res\(conv(\d+)(x\1)?p(\d+) (relu|gelu)\)\*(\d+)")


@dataclass
class Ring:
    """Blocks x + phi(W x), kernels of odd size, and so many positions around each of `ndim` axes."""

    blocks: int
    channels: int
    size: int
    ndim: int
    name: str
    around: int
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @classmethod
    def of(cls, text: str, channels: int) -> Ring | None:
        """Return the ring of a network in notation, None if it has other blocks."""
        found = BLOCKS.fullmatch(text)
        if found is None or int(found[1]) != 2 * int(found[3]) + 1:
            return None
        size, blocks, ndim = int(found[1]), int(found[5]), 2 if found[2] else 1
        deviation = math.sqrt(blocks * (size**2 - 1) / 24)
        return cls(blocks, channels, size, ndim, found[4], 2 * math.ceil(5 * deviation))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of an array of features that are positions."""
        return tuple(range(2, 2 + self.ndim))

    def moved(self, x: np.ndarray, sign: int) -> Iterator[np.ndarray]:
        """Yield x at the place of each tap, or back from it; of what has an axis of taps, each of its own."""
        places = itertools.product(range(-(self.size // 2), self.size // 2 + 1), repeat=self.ndim)
        for number, place in enumerate(places):
            part = x[:, number] if x.ndim > 2 + self.ndim else x
            yield np.roll(part, [sign * p for p in place], self.axes)

    def batch(self, draws: int) -> np.ndarray:
        """Return the energy of draws and its second moment along the first axis: sums of equal weight."""
        fan = self.size**self.ndim * self.channels
        x = self.rng.standard_normal((draws, self.channels, *(self.around,) * self.ndim), dtype=np.float32)
        log_growth, log_size, kept = np.zeros(draws), np.log(_square(x)), []
        for number in range(1, self.blocks + 1):
            weights = self.rng.standard_normal((draws, self.channels, fan), dtype=np.float32)
            weights *= math.sqrt(2 / fan)
            h = (weights @ np.concatenate([*self.moved(x, -1)], 1).reshape(draws, fan, -1)).reshape(x.shape)
            y, slopes = _activated(self.name, h)
            x, chosen = x + y, np.arange(draws)
            if number % EVERY == 0:
                growth = np.log(_square(x)) - log_size
                shares = np.exp(growth - growth.max())
                log_growth += growth - math.log(shares.mean()) - growth.max()
                shares = np.cumsum(shares / shares.sum())
                chosen = np.minimum(np.searchsorted(shares, (chosen + self.rng.random()) / draws), draws - 1)
                x, log_growth = x[chosen], log_growth[chosen]
                log_size = np.log(_square(x))
            kept.append((weights, slopes, chosen))
        return self._pulled(kept, log_growth)

    def _pulled(self, kept: list[tuple[np.ndarray, ...]], log_growth: np.ndarray) -> np.ndarray:
        """Return the energy of the gradient at the input and its second moment, draws weighted back."""
        draws = len(log_growth)
        shape = (draws, self.channels, *(self.around,) * self.ndim)
        g, own, logs = np.zeros(shape, dtype=np.float32), np.arange(draws), -log_growth
        g[(slice(None), slice(None), *(0,) * self.ndim)] = self.rng.choice([-1, 1], shape[:2])
        for weights, slopes, chosen in reversed(kept):
            own = chosen[own]
            behind = (g * slopes[own]).reshape(draws, self.channels, -1)
            before = (weights[own].transpose(0, 2, 1) @ behind).reshape(draws, -1, *shape[1:])
            g = g + sum(self.moved(before, 1))
            scale = np.sqrt(_square(g) * g[0].size)
            g /= scale.reshape(-1, *(1,) * (g.ndim - 1)).astype(np.float32)
            logs += 2 * np.log(scale)
        profile = (g.astype(float) ** 2).sum(axis=(1, *self.axes[1:]))
        places = (np.arange(self.around) + self.around // 2) % self.around - self.around // 2
        energies = np.exp(logs) / self.channels
        return np.array([energies.mean(), energies @ profile @ places.astype(float) ** 2 / draws])


def _square(x: np.ndarray) -> np.ndarray:
    """Return the mean square of each draw."""
    rows = x.reshape(len(x), -1)
    return np.einsum("ij,ij->i", rows, rows).astype(float) / rows.shape[1]


def _activated(name: str, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and the slopes of an activation."""
    if name == "relu":
        return np.maximum(h, 0), h > 0
    from scipy.special import ndtr

    phi = ndtr(h)
    return h * phi, phi + h * np.exp(-h * h / 2) / np.float32(math.sqrt(2 * math.pi))


def batches(ring: Ring, seconds: float) -> tuple[np.ndarray, int]:
    """Return the sums of batches, as many as the seconds allow, and how many draws they have."""
    fan = ring.size**ring.ndim * ring.channels
    draws = max(20, BYTES // (4 * ring.blocks * ring.channels * (fan + ring.around**ring.ndim // 4)))
    start, found = time.perf_counter(), []
    while len(found) < LEAST or time.perf_counter() - start < seconds:
        found.append(ring.batch(draws))
    return np.array(found), draws * len(found)
