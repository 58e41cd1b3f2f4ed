"""Functions of two positions by (x, x'), and the sums over positions that are their waves."""

import itertools
import math
from dataclasses import fields

import numpy as np

from erfmath.ensembles.mixtures import Mixture
from erfmath.ensembles.pairs import Pair
from erfmath.ensembles.waves import FIRST, SECOND, Grid

# Waves of two axes, whose positions are told apart in steps of 6 and 4 parts, of 3 and 2 a sample.
UNIT, LATTICE = (3, 2), (6, 4)
THETAS = np.array([[0.0, 0.0], [0.3, 0.0], [-0.2, 0.7]])
GRID = Grid((12, 8), THETAS, [LATTICE], UNIT)


def drawn(seed, reach=(2, 2), lattice=LATTICE):
    """Return products at two positions, whose distances are as far as `reach` steps, by (x, x')."""
    rng, found = np.random.default_rng(seed), {}
    for lag in itertools.product(*(range(-r, r + 1) for r in reach)):
        for place in itertools.product(range(2), repeat=2):
            second = tuple(np.multiply(place, lattice).tolist())
            first = tuple((np.add(place, lag) * lattice).tolist())
            found[first, second] = rng.standard_normal()
    return found


def waves(products, lattice=LATTICE, grid=GRID):
    """Return the sum over positions that defines a function of theta and wave numbers."""
    found = np.zeros(grid.shape, dtype=complex)
    numbers = np.meshgrid(*map(np.arange, grid.counts), indexing="ij")
    for (first, second), value in products.items():
        lags = (np.array(first) - second) / lattice
        whole = sum(
            2 * math.pi * n / count * lag for n, count, lag in zip(numbers, grid.counts, lags, strict=True)
        )
        middle = grid.thetas @ ((np.array(first) + second) / 2 / grid.unit)
        found += value * np.exp(1j * middle)[:, None, None] * np.exp(1j * whole)
    return found


def moved(products, stage, side, fine):
    """Return products with the taps of a stage at the positions of a side."""
    found = {}
    offsets, weights = stage.kernel.offsets, stage.kernel.to_numpy().astype(float)
    for ((first, second), value), tap in itertools.product(products.items(), np.ndindex(*weights.shape)):
        step = np.multiply(fine, np.multiply(stage.dilation, np.add(offsets, tap)) + stage.shift)
        key = (
            tuple((np.add(first, step) if side != SECOND else np.array(first)).tolist()),
            tuple((np.add(second, step) if side != FIRST else np.array(second)).tolist()),
        )
        found[key] = found.get(key, 0.0) + weights[tap] * value
    return found


def near(found, expected):
    np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, rtol=1e-10, atol=1e-10)


def dense(found):
    """Return each function of the array."""
    return np.tensordot(found.numbers, found.waves, 1)


def pair(seed, steps=LATTICE, reach=(2, 2)):
    """Return a pair, and products by position that are what it holds."""
    names = [f.name for f in fields(Pair) if f.name not in ("waves", "steps")]
    held = {name: drawn(10 * seed + n, reach, steps) for n, name in enumerate(names)}
    held |= {(i, j): drawn(10 * seed + 5 + 2 * i + j, reach, steps) for i in (0, 1) for j in (0, 1)}
    functions = np.stack([waves(held[place], steps) for place in np.ndindex(2, 2)])
    mixed = Mixture(np.eye(4).reshape(2, 2, 4), functions)
    equal = {name: GRID.equal(waves(held[name], steps)) for name in ("skew", "bend")}
    return Pair(waves(held["noise"], steps), mixed, steps, apart=waves(held["apart"], steps), **equal), held


def holds(found, expected, steps):
    """Check what a pair holds, by name and by place of the amplitudes."""
    assert found.steps == steps
    for name, products in expected.items():
        if isinstance(name, tuple):
            near(dense(found.waves)[name], waves(products, steps))
        elif name in ("skew", "bend"):
            near(getattr(found, name), GRID.equal(waves(products, steps)))
        else:
            near(getattr(found, name), waves(products, steps))
