"""Functions of two positions as waves, their mixtures and pairs: against sums over positions."""

import math

import numpy as np
import pytest
from oracles_waves import GRID, LATTICE, THETAS, UNIT, dense, drawn, holds, moved, near, pair, waves

import erfmath as em
from erfmath.ensembles.mixtures import Mixture
from erfmath.ensembles.pairs import Pair
from erfmath.ensembles.waves import BOTH, FIRST, SECOND, Grid, excess
from erfmath.network.stage import lower

KERNELS = {
    "separable": [[1, 2, -1], [2, 4, -2]],
    "not separable": [[1, 2, -1], [2, 5, 3]],
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("side", [FIRST, SECOND, BOTH])
@pytest.mark.parametrize("fine", [LATTICE, (12, 4), (6, 8)])
def test_taps_at_positions_are_factors(kernel, side, fine):
    stage = lower(em.Conv(KERNELS[kernel], dilation=(2, 1), padding=(1, 0)))
    products = drawn(1)
    found = GRID.factor(stage.kernel, stage, side, fine, LATTICE) * waves(products)
    near(found, waves(moved(products, stage, side, fine)))


def test_a_factor_is_known_by_all_that_it_depends_on():
    one, other = (lower(em.Conv(kernel)) for kernel in KERNELS.values())
    wide, late = (
        lower(em.Conv(KERNELS["separable"], **{name: 1 + n})) for n, name in ((1, "dilation"), (0, "padding"))
    )
    grid = Grid((12, 8), THETAS, [LATTICE], UNIT)
    asked = [(one, side, LATTICE, LATTICE) for side in (FIRST, SECOND, BOTH)]
    asked += [(one, FIRST, (12, 4), LATTICE), (one, FIRST, (12, 4), (12, 4))]
    asked += [(stage, FIRST, LATTICE, LATTICE) for stage in (other, wide, late)]
    for stage, *rest in asked + asked:
        fresh = Grid((12, 8), THETAS, [LATTICE], UNIT)
        for kernel in (one.kernel, stage.kernel):
            np.testing.assert_array_equal(
                grid.factor(kernel, stage, *rest), fresh.factor(kernel, stage, *rest)
            )
    assert grid.factor(one.kernel, one, *asked[0][1:]) is grid.factor(one.kernel, one, *asked[0][1:])


def test_positions_that_are_equal_and_those_that_differ():
    products = drawn(2)
    equal = {key: value for key, value in products.items() if key[0] == key[1]}
    assert GRID.equal(waves(products)).shape == (3, 1, 1)
    near(GRID.equal(waves(products)), waves(equal))
    near(GRID.apart(waves(products)), waves({key: v for key, v in products.items() if key not in equal}))
    one = GRID.constant([1.0, 2.0, 3.0])
    assert one.shape == (3, 1, 1)
    for found in (GRID.equal(one), GRID.negated(one)):
        np.testing.assert_array_equal(found, one)
    assert not GRID.apart(one).any()


def test_the_negatives_of_wave_numbers_exchange_the_positions():
    products = drawn(3)
    swapped = {key[::-1]: value for key, value in products.items()}
    near(GRID.negated(waves(products)), waves(swapped))
    both = np.stack([waves(products), waves(swapped)])
    near(GRID.negated(both), both[::-1])
    line = waves(products)[:, :, :1]  # alike at all wave numbers of an axis
    near(GRID.negated(line), np.broadcast_to(line[:, -np.arange(12)], GRID.shape))


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_finer_lattices_leave_out_what_is_half_of_the_wave_numbers_away(factors):
    products = drawn(4, reach=(6, 4))
    finer = tuple(a // f for a, f in zip(LATTICE, factors, strict=True))
    kept = within(products, LATTICE, factors) if max(factors) > 1 else products
    near(GRID.spread(waves(products), factors), waves(within(kept, finer, factors), finer))


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_coarser_lattices_have_the_distances_that_they_can(factors):
    products = drawn(5, reach=(6, 4))
    coarser = tuple(a * f for a, f in zip(LATTICE, factors, strict=True))
    kept = within(products, LATTICE, factors)
    kept = {key: value for key, value in kept.items() if not (np.subtract(*key) % coarser).any()}
    near(GRID.thinned(waves(products), factors), waves(kept, coarser))


def within(products, lattice, factors):
    """Return products at distances below half the wave numbers, on the axes that change."""
    least = [count // 2 if f > 1 else math.inf for count, f in zip(GRID.counts, factors, strict=True)]
    return {key: value for key, value in products.items() if (abs(np.subtract(*key) / lattice) < least).all()}


def test_what_is_alike_at_all_wave_numbers_stays_so():
    one = GRID.constant([1.0, 2.0, 3.0])
    for found in (GRID.spread(one, (2, 2)), GRID.thinned(one, (2, 2))):
        np.testing.assert_array_equal(found, one)


def test_energies_are_scaled_back_beyond_2_to_330():
    for bits in (0, 100, 329, -331):
        assert excess(2.0**bits) == 0
    assert (excess(2.0**330), excess(2.0**-332), excess(0.0)) == (331, -331, 0)


def mixture(seed, count=6):
    rng = np.random.default_rng(seed)
    functions = rng.standard_normal((count, *GRID.shape)) + 1j * rng.standard_normal((count, *GRID.shape))
    return Mixture(rng.standard_normal((2, 2, count)), functions)


def test_mixtures_are_arrays_of_functions():
    one, other, few = mixture(1), mixture(2), mixture(3, 2)
    nothing, function = Mixture.nothing(GRID), mixture(4).waves[0]
    a, b, c = map(dense, (one, other, few))
    matrix, vector = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([2.0, 7.0])
    assert (len(nothing), nothing.numbers.shape, nothing.waves.shape) == (0, (2, 2, 0), (0, *GRID.shape))
    for found, expected in (
        (one[0], a[0]),
        (one[:, 1], a[:, 1]),
        (one.scaled(3.0), 3 * a),
        (one.times(function), a * function),
        (few.times(function), c * function),
        (one[0, 1].outer(vector, 0), np.multiply.outer(vector, a[0, 1])),
        (one[1].outer(vector, 0), np.stack([2 * a[1], 7 * a[1]])),
        (one[1].outer(vector, 1), np.stack([2 * a[1], 7 * a[1]], axis=1)),
        (one[1].outer(0 * vector, 1), np.zeros_like(a)),
        (one.mixed(matrix, 0), np.stack([a[0] + 2 * a[1], 3 * a[0] + 5 * a[1]])),
        (one.mixed(matrix, 1), np.stack([a[:, 0] + 2 * a[:, 1], 3 * a[:, 0] + 5 * a[:, 1]], axis=1)),
        (one.over(np.conj), dense(Mixture(one.numbers, one.waves.conj()))),
        (one.swapped(), a.swapaxes(0, 1)),
        (one.plus(), a),
        (one.plus(other, nothing, few), a + b + c),
        (nothing.plus(nothing, few), c),
        (few.with_function(function, matrix), c + np.multiply.outer(matrix, function)),
        (one.fewer(), a),
    ):
        near(dense(found), expected)
    assert [len(found) for found in (one, one.fewer(), few.fewer(), few.plus(few), one.plus(other))] == [
        6,
        4,
        2,
        4,
        4,
    ]
    assert len(one[1].outer(0 * vector, 1)) == len(nothing.plus(nothing)) == 0
    near(one.weighted(matrix), a[0, 0] + 2 * a[0, 1] + 3 * a[1, 0] + 5 * a[1, 1])
    near(one[0].weighted(vector), 2 * a[0, 0] + 7 * a[0, 1])
    near(one[0, 1].weighted(2.0), 2 * a[0, 1])
    near(one.equal(GRID), np.broadcast_to(a.mean(axis=(-2, -1), keepdims=True), a.shape))


def test_pairs_are_flipped_and_scaled():
    one, held = pair(1)
    holds(one, held, LATTICE)
    holds(one.times(3.0), {name: {k: 3 * v for k, v in p.items()} for name, p in held.items()}, LATTICE)
    flipped = one.flipped(GRID)
    swapped = {name: {k[::-1]: v for k, v in held[name].items()} for name in ("noise", "apart")}
    swapped |= {(i, j): {k[::-1]: v for k, v in held[j, i].items()} for i in (0, 1) for j in (0, 1)}
    holds(flipped, swapped, LATTICE)
    assert (flipped.skew, flipped.bend) == (0.0, 0.0)
    bare = Pair(one.noise, one.waves, LATTICE)
    assert (bare.flipped(GRID).apart, bare.times(2.0).apart) == (0.0, 0.0)
    assert bare.thinned((2, 1), GRID).apart == 0.0


def test_pairs_have_nothing_or_something():
    one, _ = pair(1)
    nothing = Pair(GRID.constant([0.0]), Mixture.nothing(GRID), LATTICE)
    assert nothing.is_nothing
    assert not Pair(nothing.noise, one.waves, LATTICE).is_nothing
    assert not Pair(one.noise, nothing.waves, LATTICE).is_nothing


def test_pairs_are_added_on_the_finest_lattice():
    finer = (3, 2)
    (one, held), (other, more) = pair(1, reach=(1, 1)), pair(2, finer, reach=(1, 1))
    added = {name: dict(products) for name, products in held.items()}
    for name, products in more.items():
        for key, value in products.items():
            added[name][key] = added[name].get(key, 0.0) + value
    holds(one.plus(GRID, other), added, finer)
    holds(other.plus(GRID, one), added, finer)
    holds(other.plus(GRID), more, finer)
    holds(one.refined(finer, GRID), held, finer)
    assert one.refined(LATTICE, GRID) is one.refined((12, 8), GRID) is one.thinned((1, 1), GRID) is one
    holds(one.refined((12, 2), GRID), held, (6, 2))  # of both the finer, axis by axis


def test_pairs_are_thinned():
    one, held = pair(3)
    kept = {
        name: {k: v for k, v in p.items() if not (np.subtract(*k) % (12, 8)).any()}
        for name, p in held.items()
        if name not in ("skew", "bend")
    }
    holds(one.thinned((2, 2), GRID), kept, (12, 8))


def test_the_noise_of_a_pair_bends_along_the_features():
    one, _ = pair(4)
    bent, forked = dense(one.waves), dense(one.waves)
    bent[0, 0] += one.bend
    forked[0, 0] += one.bend
    forked[0, 1] += one.skew
    forked[1, 0] += one.skew
    near(dense(one.bent().waves), bent)
    near(dense(one.forked().waves), forked)
    bare = Pair(one.noise, one.waves, LATTICE)
    assert bare.bent() is bare.forked() is bare
