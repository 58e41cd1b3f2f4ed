"""What layers make of gradients: against sums over positions, and regressions by quadrature."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from oracles_waves import GRID, LATTICE, dense, drawn, holds, moved, near, pair, waves

import erfmath as em
from erfmath.ensembles.backward import activation_way, ways_of
from erfmath.ensembles.lattice import steps_of
from erfmath.ensembles.mixtures import Mixture
from erfmath.ensembles.propagation import signals_of
from erfmath.ensembles.signal import Signal
from erfmath.ensembles.waves import BOTH, FIRST, SECOND
from erfmath.ensembles.ways import Fixed, Gains, Random, Taps
from erfmath.network.activations import activated
from erfmath.network.stage import lower

UP = lower(em.ConvTranspose([[1, 2], [3, 0.5], [-1, 4]], stride=(2, 1)))
FINE = (3, 4)  # of positions before upsampling by (2, 1), where those of a pair are (6, 4) apart
OTHER = em.Kernel([[0.5, -1], [2, 1], [3, 0.25]], UP.kernel.offsets)
ALONG = np.array([0.7, 0.3])
CHANNELS = (5, 7)


def scaled(products, factor):
    return {key: factor * value for key, value in products.items()}


def together(*several):
    found = {}
    for products in several:
        for key, value in products.items():
            found[key] = found.get(key, 0.0) + value
    return found


def equal(products):
    return {key: value for key, value in products.items() if key[0] == key[1]}


def apart(products):
    return {key: value for key, value in products.items() if key[0] != key[1]}


def thinned(products, steps=LATTICE):
    return {key: value for key, value in products.items() if not (np.subtract(*key) % steps).any()}


def passed(products, kernel, *sides):
    """Products before taps with the weights of a kernel at sides."""
    for side in sides:
        products = moved(products, replace(UP, kernel=kernel), side, FINE)
    return products


def mean_wave(products):
    return GRID.equal(waves(products))


TAPS = Taps(UP, FINE)
RANDOM = Random(TAPS, OTHER, ALONG, 0.4)
FIXED = Fixed(TAPS, OTHER, UP.kernel, np.array([[0.6, 0.2], [0.1, 0.9]]), 1.25)


@pytest.mark.parametrize("side", [FIRST, SECOND])
def test_one_side_of_random_taps(side):
    """S alone goes on, along the features that are read, by its taps at that side."""
    one, held = pair(1, reach=(1, 1))
    found = RANDOM.one(one, side, GRID)
    assert found.steps == FINE
    assert not found.noise.any()
    for i, j in np.ndindex(2, 2):
        along, source = (ALONG[i], held[0, j]) if side == FIRST else (ALONG[j], held[i, 0])
        near(dense(found.waves)[i, j], waves(scaled(passed(source, OTHER, side), along / 2), FINE))


def test_both_sides_of_random_taps():
    one, held = pair(1, reach=(1, 1))
    energy = drawn(77, (0, 0))
    found, coherent = RANDOM.both(one, mean_wave(energy), CHANNELS, GRID)
    noise = scaled(passed(together(held["noise"], energy), OTHER, BOTH), 1 / 2)
    features = passed(together(held[0, 0], equal(held["bend"])), OTHER, FIRST, SECOND)
    # What one draw of the taps does to both positions alike.
    same = scaled(passed(held["apart"], OTHER, BOTH), 1 / 2)
    mean = scaled(passed(held["apart"], OTHER, FIRST, SECOND), 1 / 2 / float(OTHER.total))
    drift = scaled(together(same, scaled(mean, -1)), 0.4)
    expected = {"noise": thinned(noise)}
    for i, j in np.ndindex(2, 2):
        drifted = scaled(drift, ALONG[i] * ALONG[j] / ALONG[0] ** 2)
        expected[i, j] = thinned(together(scaled(features, ALONG[i] * ALONG[j] / 2), drifted))
    first = together(scaled(features, ALONG[0] ** 2 / 2), drift)
    expected["apart"] = thinned(together(same, scaled(apart(first), 0.4 / CHANNELS[0])))
    holds(found, expected, LATTICE)
    assert (found.skew, found.bend) == (0.0, 0.0)
    near(coherent, GRID.equal(waves(expected[0, 0])) / CHANNELS[0])


def test_random_taps_behind_which_nothing_goes_on():
    one, held = pair(2, reach=(1, 1))
    silent = Random(TAPS, OTHER, np.zeros(2), 0.4)
    found, coherent = silent.both(one, GRID.constant([0.0]), CHANNELS, GRID)
    near(found.noise, waves(thinned(scaled(passed(held["noise"], OTHER, BOTH), 1 / 2))))
    assert (len(found.waves), found.apart) == (0, 0.0)
    assert not np.any(coherent)
    nothing = replace(one, waves=Mixture.nothing(GRID))
    assert len(RANDOM.one(nothing, FIRST, GRID).waves) == 0
    # Without products at two positions the features still make some.
    bare = replace(one, apart=0.0, bend=0.0)
    found, _ = RANDOM.both(bare, GRID.constant([0.0]), CHANNELS, GRID)
    features = passed(held[0, 0], OTHER, FIRST, SECOND)
    expected = scaled(features, ALONG[0] ** 2 / 2)
    near(dense(found.waves)[0, 0], waves(thinned(expected)))
    near(found.apart, waves(thinned(scaled(apart(expected), 0.4 / CHANNELS[0]))))


def mixed(held, matrix, side):
    """Amplitudes by place, of S and M at a side what a matrix makes of them."""
    found = {}
    for i, j in np.ndindex(2, 2):
        row, others = (matrix[i], [(0, j), (1, j)]) if side == FIRST else (matrix[j], [(i, 0), (i, 1)])
        found[i, j] = together(
            *(scaled(held[place], factor) for place, factor in zip(others, row, strict=True))
        )
    return found


def given(held, side):
    """Amplitudes before given taps at a side: S by the features' taps, M by the layer's."""
    found = mixed(held, FIXED.matrix, side)
    kernels = (OTHER, UP.kernel)
    return {place: passed(found[place], kernels[place[0 if side == FIRST else 1]], side) for place in found}


@pytest.mark.parametrize("side", [FIRST, SECOND])
def test_one_side_of_given_taps(side):
    one, held = pair(3, reach=(1, 1))
    found = FIXED.one(one, side, GRID)
    expected = {
        place: scaled(products, 1 / 2)
        for place, products in given({p: held[p] for p in np.ndindex(2, 2)}, side).items()
    }
    holds(found, {"noise": scaled(passed(held["noise"], UP.kernel, side), 1 / 2), **expected}, FINE)
    assert found.apart == 0.0


@pytest.mark.parametrize("is_choice", [False, True])
def test_both_sides_of_given_taps(is_choice):
    one, held = pair(3, reach=(1, 1))
    energy = drawn(78, (0, 0))
    way = replace(FIXED, is_choice=is_choice)
    found, coherent = way.both(one, mean_wave(energy), CHANNELS, GRID)
    squares = scaled(passed(equal(held["noise"]), UP.kernel, BOTH), 1.25 / 2)  # `squares` of the way
    noise = squares if is_choice else scaled(passed(held["noise"], UP.kernel, FIRST, SECOND), 1 / 2)
    amplitudes = given(given({p: held[p] for p in np.ndindex(2, 2)}, FIRST), SECOND)
    expected = {place: thinned(scaled(products, 1 / 2)) for place, products in amplitudes.items()}
    expected["noise"] = thinned(noise)
    expected["apart"] = thinned(scaled(apart(passed(held["apart"], UP.kernel, FIRST, SECOND)), 1.25 / 2))
    holds(found, expected, LATTICE)
    near(coherent, mean_wave(scaled(passed(energy, UP.kernel, BOTH), 1.25 / 2)))
    near(way.alone(mean_wave(energy), GRID), coherent)
    bare = replace(one, apart=0.0, waves=Mixture.nothing(GRID))
    found, _ = way.both(bare, mean_wave(energy), CHANNELS, GRID)
    assert (found.apart, len(found.waves)) == (0.0, 0)


def test_independent_energies_before_taps():
    energy = drawn(79, (0, 0))
    near(RANDOM.alone(mean_wave(energy), GRID), mean_wave(scaled(passed(energy, OTHER, BOTH), 1 / 2)))
    assert TAPS.phases == 2


# Gains.

GAINS = Gains(
    np.array([[0.5, 0.2], [0.3, 0.9]]), 0.8, 1.5, (1.1, 0.4, 0.25), (0.7, 0.35, 0.15), 0.6, (0.45, 0.55)
)


def test_gains_of_a_tensor_with_itself():
    one, held = pair(4)
    energy = drawn(80, (0, 0))
    found, coherent = GAINS.both(one, mean_wave(energy), CHANNELS, GRID)
    amplitudes = mixed(
        mixed({p: held[p] for p in np.ndindex(2, 2)}, GAINS.matrix, FIRST), GAINS.matrix, SECOND
    )
    # The slopes of one position are one: its square there, the square of the mean elsewhere.
    noise = together(scaled(apart(held["noise"]), 0.64), scaled(equal(held["noise"]), 1.5))
    inner = [scaled(held[0, 0], 0.35), scaled(together(held[0, 1], held[1, 0]), 0.15)]
    products = together(scaled(held["apart"], 0.7), scaled(apart(together(*inner)), 1 / CHANNELS[1]))
    holds(found, {"noise": noise, "apart": products, **amplitudes}, LATTICE)
    near(found.skew, mean_wave(scaled(held["noise"], 0.45)))
    near(found.bend, mean_wave(scaled(held["noise"], 0.55)))
    shares = together(scaled(held[0, 0], 0.4), scaled(together(held[0, 1], held[1, 0]), 0.25))
    near(coherent, mean_wave(together(scaled(energy, 1.1), scaled(shares, 1 / CHANNELS[1]))))
    near(GAINS.alone(mean_wave(energy), GRID), 1.5 * mean_wave(energy))
    assert replace(GAINS, bends=(0.45, 0.0)).both(one, mean_wave(energy), CHANNELS, GRID)[0].bend == 0.0


@pytest.mark.parametrize("shares", [(0.7, 0.35, 0.0), (0.7, 0.0, 0.15)])
def test_gains_of_products_at_two_positions(shares):
    one, held = pair(7)
    found = replace(GAINS, apart=shares).both(one, GRID.constant([0.0]), CHANNELS, GRID)[0]
    inner = scaled(held[0, 0], shares[1]), scaled(together(held[0, 1], held[1, 0]), shares[2])
    expected = scaled(held["apart"], 0.7), scaled(apart(together(*inner)), 1 / CHANNELS[1])
    near(found.apart, waves(together(*expected)))


def test_gains_without_a_slope():
    """Of sums: what noise depends on is scaled with the amplitudes, and energies are multiplied."""
    one, held = pair(5)
    energy = drawn(81, (0, 0))
    plain = Gains(np.diag([0.5, 0.9]), 0.8, 0.64, (1.1, 0.0, 0.0), (0.7, 0.0, 0.0))
    found, coherent = plain.both(one, mean_wave(energy), CHANNELS, GRID)
    holds(found, {"noise": scaled(held["noise"], 0.64), "apart": scaled(held["apart"], 0.7)}, LATTICE)
    near(found.skew, mean_wave(scaled(held["skew"], 0.45)))
    near(found.bend, mean_wave(scaled(held["bend"], 0.25)))
    near(coherent, 1.1 * mean_wave(energy))
    nothing = replace(one, waves=Mixture.nothing(GRID))
    near(GAINS.both(nothing, mean_wave(energy), CHANNELS, GRID)[0].apart, waves(scaled(held["apart"], 0.7)))


@pytest.mark.parametrize("side", [FIRST, SECOND])
def test_gains_of_one_side(side):
    one, held = pair(6)
    found = GAINS.one(one, side, GRID)
    expected = mixed({p: held[p] for p in np.ndindex(2, 2)}, GAINS.matrix, side)
    place = (0, 1) if side == FIRST else (1, 0)
    expected[place] = together(expected[place], scaled(held["noise"], 0.6))
    holds(found, {"noise": scaled(held["noise"], 0.8), **expected}, LATTICE)
    assert (found.skew, found.bend, found.apart) == (0.0, 0.0, 0.0)
    silent = replace(one, noise=GRID.constant([0.0]))
    plain = mixed({p: held[p] for p in np.ndindex(2, 2)}, GAINS.matrix, side)
    holds(GAINS.one(silent, side, GRID), plain, LATTICE)


# What an activation does, by the law of its input.

NODES, WEIGHTS = hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def behind(net):
    """The way of the last activation of a network, and the features before and behind it."""
    signals = signals_of(net)
    return (
        ways_of(signals, em.network.inits.gain_of("he"), steps_of(signals.program)[0])[-1][0],
        signals.tensors[-2],
        signals.tensors[-1],
    )


@pytest.mark.parametrize("name", ["tanh", "gelu", "sigmoid", "silu", "softplus"])
def test_smooth_activations_are_regressions(name):
    """Of the slope times what comes back, S v + M, on the input u about its mean, by quadrature."""
    net = em.Conv(3, padding=1) >> em.Activation("relu") >> em.Conv(3, padding=1) >> em.Activation(name)
    way, before, after = behind(net)
    assert before.share == 0
    root = 2.0**before.level
    y, d = activated(name, root * NODES)
    u, v = NODES, y / 2.0**after.level - after.share

    def mean(values):
        return float(WEIGHTS @ values)

    energy = mean(d * d)
    expected = [[mean(u * d * v), mean(u * d)], [mean(d * v), mean(d)]]
    np.testing.assert_allclose(way.matrix, expected, rtol=1e-6, atol=1e-8)
    assert way.gain == pytest.approx(mean(d), rel=1e-6)
    assert way.energy == pytest.approx(energy, rel=1e-6)
    assert way.source == pytest.approx(mean(u * d), abs=1e-8)
    outer = 1 - after.share**2
    crossed = (energy, mean(d * d * v * v) - energy * outer, mean(d * d * v))
    np.testing.assert_allclose(way.coherent, crossed, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(
        way.bends, (mean(u * d * d), mean(u * u * d * d) - energy), rtol=1e-5, atol=1e-8
    )
    # At two positions far from each other, whose inputs are correlated.
    c = before.correlation.far
    assert 0 < c < 1
    other = c * NODES[:, None] + math.sqrt(1 - c * c) * NODES
    y2, d2 = activated(name, root * other)
    v2 = y2 / 2.0**after.level - after.share
    both = np.outer(WEIGHTS, WEIGHTS)
    kept, products, one = (
        float((both * f).sum()) for f in (d[:, None] * d2, (d * v)[:, None] * d2 * v2, d[:, None] * d2 * v2)
    )
    far = after.correlation.far - after.share**2
    np.testing.assert_allclose(way.apart, (kept, products - kept * far, one), rtol=1e-4, atol=1e-7)


def test_rectifiers_are_regressions():
    """Whose moments have closed forms, a = 1 / sqrt(2 pi)."""
    way, _, after = behind(em.Conv(3, padding=1) >> em.Activation("relu"))
    a, root = 1 / math.sqrt(2 * math.pi), math.sqrt(0.5)
    m = a / root
    assert after.share == pytest.approx(m)
    np.testing.assert_allclose(way.matrix, [[0.5 / root - a * m, a], [a / root - 0.5 * m, 0.5]], rtol=1e-9)
    assert (way.gain, way.energy, way.source) == pytest.approx((0.5, 0.5, a))
    squared = 0.5 / root**2 - 2 * a / root * m + 0.5 * m * m
    np.testing.assert_allclose(
        way.coherent, (0.5, squared - 0.5 * (1 - m * m), a / root - 0.5 * m), rtol=1e-9
    )
    assert way.bends == (pytest.approx(a), 0.0)


def test_an_activation_of_features_with_a_mean():
    """Behind a rectifier units are open or at zero: their mean is a share of what they are."""
    way, before, after = behind(em.Conv(3, padding=1) >> em.Activation("relu") >> em.Activation("tanh"))
    root = 2.0**before.level
    x, weights = np.polynomial.legendre.leggauss(80)
    x, weights = 5 * (x + 1), 5 * weights  # from 0 to 10
    weights = weights * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    scale = root * math.sqrt(2)  # of the normal that was rectified: its mean square is twice that behind
    y, d = activated("tanh", scale * x)
    u, v = x * math.sqrt(2) - before.share, y / 2.0**after.level - after.share
    at_zero = activated("tanh", np.zeros(1))
    closed = -before.share, at_zero[0][0] / 2.0**after.level - after.share, at_zero[1][0]

    def mean(function):
        return float(weights @ function(u, v, d)) + 0.5 * float(function(*closed))

    inner = 1 - before.share**2
    expected = [
        [mean(lambda u, v, d: u * d * v) / inner, mean(lambda u, v, d: u * d) / inner],
        [mean(lambda u, v, d: d * v), mean(lambda u, v, d: d)],
    ]
    np.testing.assert_allclose(way.matrix, expected, rtol=1e-5, atol=1e-7)
    energy = mean(lambda u, v, d: d * d)
    square = mean(lambda u, v, d: u * u * d * d)
    bends = mean(lambda u, v, d: u * d * d) / inner, (square / inner - energy) / inner
    np.testing.assert_allclose(way.bends, bends, rtol=1e-5)
    assert way.source == pytest.approx(expected[0][1], rel=1e-5)


def all_ways(net):
    signals = signals_of(net)
    ways = ways_of(signals, em.network.inits.gain_of("he"), steps_of(signals.program)[0])
    return signals, list(zip(signals.program.operations, ways, signals.tensors[1:], strict=True))


RELU = em.Activation("relu")


def test_sums_and_concatenations_pass_what_their_channels_are():
    """S (y - m) + M in units of what is behind, at a feature of what is before: a line through two points."""
    branches = [em.Conv(3, padding=1) >> RELU, em.Conv(1) >> em.Activation("tanh"), em.Identity()]
    signals, known = all_ways(em.Concat(branches, [1, 2, 1]))
    op, ways, after = known[-1]
    assert op.joined
    for way, (source, gain) in zip(ways, op.sources, strict=True):
        before = signals.tensors[source]
        for u in (0.0, 1.0):
            y = (u + before.share) * 2.0 ** (before.level - after.level) - after.share
            assert way.matrix[0, 0] * u + way.matrix[1, 0] == pytest.approx(float(gain) * y, abs=1e-12)
            assert way.matrix[0, 1] * u + way.matrix[1, 1] == pytest.approx(float(gain))
        assert (way.gain, way.energy) == pytest.approx((float(gain), float(gain)))
        assert way.coherent == way.apart == (pytest.approx(float(gain)), 0.0, 0.0)
        assert (way.source, way.bends) == (0.0, None)
    # Of a sum all but the own term is independent of it: its mean alone is left.
    signals, known = all_ways(em.Sum(branches, [1, 2, -3]))
    op, ways, after = known[-1]
    assert not op.joined
    for way, (source, gain) in zip(ways, op.sources, strict=True):
        before, gain = signals.tensors[source], float(gain)
        slope = gain * 2.0 ** (before.level - after.level)
        np.testing.assert_allclose(way.matrix, [[gain * slope, 0], [0, gain]], rtol=1e-12)
        assert (way.gain, way.energy) == pytest.approx((gain, gain**2))
        assert way.coherent == way.apart == (pytest.approx(gain**2), 0.0, 0.0)


@pytest.mark.parametrize(
    ("window", "mean", "square"),
    [(2, 1 / math.sqrt(math.pi), 1), (3, 1.5 / math.sqrt(math.pi), 1 + math.sqrt(3) / 2 / math.pi)],
)
def test_maxima_are_regressions_where_they_are_chosen(window, mean, square):
    """Of independent normal variables: E[v u] and E[u] at the largest, u, whose v is (u - mean) / root."""
    signals, known = all_ways(em.Conv(3, padding=1) >> em.Pool(window, stride=window, mode="max"))
    way, after = known[-1][1][0], known[-1][2]
    assert (after.share, after.square / signals.tensors[-2].square) == pytest.approx(
        (mean / math.sqrt(square), square)
    )
    # In the units of what is before and behind, whose roots are 1 and that of the mean square.
    expected = [[(square - mean**2) / math.sqrt(square), mean], [0, 1]]
    np.testing.assert_allclose(way.matrix, expected, atol=1e-6)
    assert way.is_choice
    assert way.gain == pytest.approx(1)
    assert way.features == way.squares == way.taps.stage.kernel


def test_maxima_of_features_with_a_mean_are_regressions():
    signals, known = all_ways(em.Conv(3, padding=1) >> RELU >> em.Pool(2, stride=2, mode="max"))
    way, after, before = known[-1][1][0], signals.tensors[-1], signals.tensors[-2]
    units = math.sqrt(0.5)  # the root mean square before, of a normal variable of variance 1
    mean, square = after.mean / before.mean * before.share, after.square / before.square
    inner = 1 - before.share**2
    expected = [
        (square - mean**2) / math.sqrt(square) / inner,
        (mean - before.share) / inner,
    ]
    np.testing.assert_allclose(way.matrix, [expected, [0, 1]], rtol=1e-9)
    largest = 1 / math.sqrt(math.pi) / 2 + 1 / math.sqrt(2 * math.pi)  # E max(h, h', 0)
    assert mean == pytest.approx(largest / units, rel=1e-6)


def test_dropout_is_a_gain_of_what_it_keeps():
    way, before = (
        all_ways(em.Conv(3) >> RELU >> em.Dropout(0.2))[1][-1][1][0],
        all_ways(em.Conv(3) >> RELU)[0].tensors[-1],
    )
    kept = 1 / 0.8
    # Of a mask d / p and y = d h / p: E[(d/p) (y - m) u] and so on, in units of the larger root behind.
    root = math.sqrt(kept)
    np.testing.assert_allclose(way.matrix, [[root, 0], [before.share * (kept - 1) / root, 1]], rtol=1e-9)
    assert (way.gain, way.energy) == (1.0, pytest.approx(kept))
    assert way.coherent == (pytest.approx(kept), 0.0, 0.0)
    assert way.apart == (1.0, 0.0, 0.0)


def test_an_activation_of_zeros():
    zero = Signal(-math.inf, 0.0, signals_of(em.Conv(3)).tensors[0].correlation)
    found = activation_way("relu", zero, zero)
    np.testing.assert_array_equal(found.matrix, np.zeros((2, 2)))
