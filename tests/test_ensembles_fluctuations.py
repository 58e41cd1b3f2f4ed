"""Fluctuations of narrow networks against exact sums over normal weights, histories by hand and draws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

import erfmath as em
from erfmath.ensembles import pairings as pairings_module
from erfmath.ensembles.fluctuations import _layers, _quotient
from erfmath.ensembles.pairings import energy_excess, likenesses, moment_orders


def by_quadrature(taps, channels, power):
    """Return E[S^2], E[S^3], E[V S], E[V S^2] of a chain on one axis, by a rule exact for their degree."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(power + 1)  # exact to degree 2 power + 1
    shapes = [(o, i, taps) for i, o in zip(channels, (*channels[1:], 1), strict=True)]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    places = np.array(list(itertools.product(range(len(nodes)), repeat=ends[-1])))
    chances = (weights / weights.sum())[places].prod(axis=1)
    parts = zip(np.split(nodes[places], ends[:-1], axis=1), shapes, strict=True)
    drawn = [part.reshape(-1, *shape) / math.sqrt(taps * shape[1]) for part, shape in parts]
    gradient = np.ones((len(places), 1, 1))
    for own in reversed(drawn):
        longer = np.zeros((len(places), own.shape[2], gradient.shape[2] + taps - 1))
        for tap in range(taps):
            moved = np.einsum("roi,rop->rip", own[..., tap], gradient)
            longer[:, :, tap : tap + gradient.shape[2]] += moved
        gradient = longer
    energy = (gradient**2).sum(axis=1)
    x = np.arange(energy.shape[1]) - (energy.shape[1] - 1) / 2
    s, v = energy.sum(axis=1), energy @ x**2
    return np.array([chances @ moment for moment in (s**2, s**3, v * s, v * s * s)])


def pairings(points):
    """Yield all ways to pair points."""
    if not points:
        yield ()
        return
    first, *rest = points
    for other in rest:
        left = [p for p in rest if p != other]
        for pairs in pairings(left):
            yield ((first, other), *pairs)


def cycles(one, two):
    """Return the number of cycles that two pairings make together."""
    partner = [{a: b for pair in p for a, b in (pair, pair[::-1])} for p in (one, two)]
    seen, found = set(), 0
    for start in partner[0]:
        found += start not in seen
        point, turn = start, 0
        while (point, turn) not in seen and point not in seen:
            seen.add(point)
            point = partner[turn][point]
            turn = 1 - turn
            seen.add(point)
            point = partner[turn][point]
            turn = 1 - turn
    return found


def by_histories(layers, energies, orders=3, shares=None):
    """Return E[S^m] and E[V_a S^(m-1)] by orders in 1/N, or at N = 1 of all orders, walking each point.

    Each layer has its share of 1/N, 1 where none is given.
    """
    ndim = len(layers[0].taps)
    ways = list(pairings(tuple(range(2 * energies))))
    own = ways.index(tuple((2 * e, 2 * e + 1) for e in range(energies)))
    sides = [1 + sum(layer.width(a) for layer in layers) for a in range(ndim)]
    states = np.zeros((len(ways), orders, *(sides * 2 * energies)))
    states[:, 0, *(0,) * states[0, 0].ndim] = 1
    for layer, share in zip(reversed(layers), reversed(shares or [1.0] * len(layers)), strict=True):
        moves = list(itertools.product(*(range(k) for k in layer.taps)))
        moved = np.zeros_like(states)
        for number, way in enumerate(ways):
            for chosen in itertools.product(moves, repeat=energies):
                shifts = {p: m for pair, m in zip(way, chosen, strict=True) for p in pair}
                by = [s * x for p in range(2 * energies) for s, x in zip(layer.steps, shifts[p], strict=True)]
                to = tuple(slice(x, None) for x in by)
                of = tuple(slice(None, -x or None) for x in by)
                moved[number, :, *to] += states[number, :, *of] / len(moves) ** energies
        states = np.zeros_like(moved)
        for (i, before), (j, after) in itertools.product(enumerate(ways), enumerate(ways)):
            order = 0 if orders == 1 else energies - cycles(before, after)
            if order < orders:
                states[i, order:] += share**order * moved[j, : orders - order]
    power, moment = np.zeros(orders), np.zeros((ndim, orders))
    for places in itertools.product(itertools.product(*map(range, sides)), repeat=energies):
        index = tuple(x for place in places for x in (*place, *place))
        value = states[own, :, *index]
        power += value
        middle = [(x - (side - 1) / 2) ** 2 for x, side in zip(places[0], sides, strict=True)]
        moment += np.array(middle)[:, None] * value
    return power, moment


CHAINS = [
    em.Conv(2) ** 2,
    em.Conv(3) ** 2,
    em.Conv(2) ** 3,
    em.Conv(3, stride=2) >> em.Conv(2),
    em.Conv(2, dilation=2) >> em.Conv(2) >> em.Conv(3),
    em.Conv((2, 2)),
    em.Conv((2, 1), stride=(2, 1)) >> em.Conv((1, 2)),
]


@pytest.mark.parametrize("net", CHAINS, ids=str)
def test_orders_are_those_of_all_histories(net):
    layers, ndim = _layers(net)
    shares, groups = [1.0] * len(layers), likenesses(layers, ndim)
    found = moment_orders(layers, shares, groups)
    square, once = by_histories(layers, 2)
    cube, twice = by_histories(layers, 3)
    np.testing.assert_allclose([found.square, found.cube], [square, cube], rtol=1e-12)
    for line, group in enumerate(groups):
        for axis in group:
            np.testing.assert_allclose(found.once[line], once[axis], rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(found.twice[line], twice[axis], rtol=1e-12, atol=1e-12)
    whole = by_histories(layers, 2, orders=1)[0][0]
    assert energy_excess(layers, shares, groups) == pytest.approx(whole - 1, rel=1e-12)


def test_each_layer_has_a_share_of_its_own():
    layers, ndim = _layers(em.Conv(2) ** 3)
    shares = [0.5, 0.125, 0.25]
    found = moment_orders(layers, shares, likenesses(layers, ndim))
    (square, once), (cube, twice) = (by_histories(layers, m, shares=shares) for m in (2, 3))
    np.testing.assert_allclose([found.square, found.cube], [square, cube], rtol=1e-12)
    np.testing.assert_allclose([found.once, found.twice], [once, twice], rtol=1e-12, atol=1e-12)


def test_pairs_of_angles_are_alike_in_blocks_and_as_a_whole(monkeypatch):
    layers, ndim = _layers(em.Conv((3, 2), dilation=(2, 1)) ** 3)
    asked = layers, [0.5, 0.25, 0.125], likenesses(layers, ndim)
    whole = energy_excess(*asked)
    for size in (1, 200, 1000):
        monkeypatch.setattr(pairings_module, "_BLOCK", size)
        assert energy_excess(*asked) == pytest.approx(whole, rel=1e-13)


def test_walks_are_told_apart_as_far_as_they_meet_by_chance():
    layers, ndim = _layers(em.Conv(3, dilation=2) ** 100)
    meeting = em.distribution(em.Kernel.uniform(3), 100).probabilities()
    found = energy_excess(layers, [1.0] + [0.0] * 99, likenesses(layers, ndim))
    assert found == pytest.approx(2 * (meeting**2).sum(), rel=1e-12)


def test_quotients_are_series():
    above, below = np.array([[2.0, 3.0, 5.0], [0.5, -1.0, 7.0]]), np.array([1.0, 11.0, 13.0])
    for found, expected in zip(_quotient(above, below), above, strict=True):
        np.testing.assert_allclose(np.convolve(found, below)[:3], expected, rtol=1e-12)


def test_what_is_read_of_fluctuations():
    found = em.Quenched((4,), (2.0, 0.0), (0.5, 0.0), (-0.25, 0.0), 0.0625)
    assert (found.typical, found.widening, found.uncertainty) == ((2.25, 0.0), (1.125, 1.0), (0.125, 0.0))
    assert repr(found) == (
        "<Quenched: variance of a draw 1.125 +- 0.12 x 1 +- 0 times that of the mean, "
        "energy varies by 0.25 of its mean>"
    )


@pytest.mark.parametrize(
    ("net", "angles", "products"),
    [
        (em.Conv(3) ** 4, 5, 4**3 * 4 * 2**2),  # of 9 places the halves of one axis
        (em.Conv((3, 3)) ** 4, 15, 4**3 * 4 * 2**2),  # alike, so that their order does not count
        (em.Conv((3, 2)) ** 4, 15, 4**3 * 4 * (2**2 + 1)),  # 5 by 3
    ],
)
def test_bounds_are_of_pairs_of_angles_and_of_products(monkeypatch, net, angles, products):
    for name, most, words in (
        (
            "_MOST_PAIRS",
            angles**2 // 2 * 4,
            f"through 4 of them, told apart by {angles} angles, take minutes",
        ),
        ("_MOST_PRODUCTS", products, "the stretches of 4 of them take minutes"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(pairings_module, name, most)
            em.quenched(net, 4)
            patch.setattr(pairings_module, name, most - 1)
            with pytest.raises(ValueError, match=words):
                em.quenched(net, 4)


@pytest.mark.parametrize(("taps", "depth"), [(2, 2), (3, 2), (2, 3)])
def test_histories_are_the_moments_over_normal_weights(taps, depth):
    layers, _ = _layers(em.Conv(taps) ** depth)
    two, three = (by_histories(layers, energies, orders=1) for energies in (2, 3))
    want = by_quadrature(taps, (1,) * depth, 3)
    np.testing.assert_allclose([two[0][0], three[0][0]], want[:2], rtol=1e-12)
    np.testing.assert_allclose([two[1][0, 0], three[1][0, 0]], want[2:], rtol=1e-12)


def test_axes_that_are_alike_may_be_taken_apart():
    layers, _ = _layers(em.Conv((3, 3), dilation=2) >> em.Conv((2, 2)) ** 3)
    together, apart = (moment_orders(layers, [0.25] * 4, groups) for groups in ([[0, 1]], [[0], [1]]))
    np.testing.assert_allclose([*together.once, *together.twice], [apart.once[1], apart.twice[0]], rtol=1e-12)
    np.testing.assert_allclose(together.cube, apart.cube, rtol=1e-12)
    squares = [energy_excess(layers, [0.25] * 4, groups) for groups in ([[0, 1]], [[0], [1]])]
    assert squares[0] == pytest.approx(squares[1], rel=1e-12)


@pytest.mark.parametrize("channels", [(1, 2), (2, 1), (3, 1), (1, 2, 1)])
def test_energy_varies_as_over_all_normal_weights(channels):
    want = by_quadrature(2, channels, 2)[0]
    found = em.quenched(em.Conv(2) ** len(channels), channels)
    assert found.energy_variance == pytest.approx(want - 1, rel=1e-12)


@given(st.integers(1, 4), st.integers(1, 50))
@example(3, 10**30)  # was 0.0: 1 + 2 / (9 * 10**30) - 1
def test_one_layer_is_a_sum_of_squares(taps, channels):
    found = em.quenched(em.Conv((taps, taps)), channels)
    assert found.energy_variance == pytest.approx(2 / (taps**2 * channels), rel=1e-12)  # of a chi-square
    assert found.annealed == pytest.approx(((taps**2 - 1) / 12,) * 2)
    assert found.first == pytest.approx((0, 0), abs=1e-12)  # one layer's energies are alike on average
    assert found.second == pytest.approx((0, 0), abs=1e-12)


def test_channels_of_each_layer_count_where_they_are():
    net, wide = em.Conv((3, 3)) ** 6, 10**9
    assert em.quenched(net, (4,) * 6) == em.quenched(net, 4)
    first = em.quenched(net, (1, *(wide,) * 5))  # one channel of data: that two walks meet
    meeting = em.distribution(em.Kernel.uniform((3, 3)), 6).probabilities()
    assert first.energy_variance == pytest.approx(2 * (meeting**2).sum(), rel=1e-6)
    last = em.quenched(net, (*(wide,) * 5, 1))
    assert last.energy_variance == pytest.approx(2 / 9, rel=1e-6)  # a chi-square of 9 weights


def test_draws_are_as_wide_as_the_series_says():
    rng, depth, channels, runs = np.random.default_rng(0), 8, 8, 4000
    found = em.quenched(em.Conv(3) ** depth, channels)
    ratios = []
    for _ in range(runs):
        gradient = np.eye(channels, 1)
        for _ in range(depth):
            weights = rng.standard_normal((3, channels, channels)) / math.sqrt(3 * channels)
            longer = np.zeros((channels, gradient.shape[1] + 2))
            for tap in range(3):
                longer[:, tap : tap + gradient.shape[1]] += weights[tap] @ gradient
            gradient = longer
        energy = (gradient**2).sum(axis=0)
        x = np.arange(len(energy)) - depth
        ratios.append(float(energy @ x**2 / energy.sum()))
    error = np.std(ratios) / math.sqrt(runs)
    assert abs(np.mean(ratios) - found.typical[0]) < 4 * error + 0.01 * found.annealed[0]
    assert np.mean(ratios) > found.annealed[0] + 4 * error  # which the mean over draws is not


def test_alike_axes_are_alike_and_others_apart():
    found = em.quenched(em.Conv((3, 5), stride=(1, 2)) >> em.Conv((3, 3)), 4)
    turned = em.quenched(em.Conv((5, 3), stride=(2, 1)) >> em.Conv((3, 3)), 4)
    assert found.typical == pytest.approx(turned.typical[::-1])
    assert found.annealed[0] < found.annealed[1]
    assert " x " in repr(found)
    assert " x " not in repr(em.quenched(em.Conv((3, 3)), 4))


def test_nothing_and_points_do_not_widen():
    assert em.quenched(em.Identity(), 3).widening == (1.0,)
    assert em.quenched(em.Conv(1) ** 3, 4).widening == (1.0,)


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3) >> em.Activation("relu"),
        em.Residual(em.Conv(3, padding=1)),
        em.Conv([1, 2, 1]),
        em.Conv(3, groups=2),
        em.Pool(2),
        em.ConvTranspose(2, stride=2),
        em.Conv(3) >> em.GlobalPool(),
        em.Conv(3, padding=1) + em.Conv(1),
        em.Conv(3) >> em.Dropout(0.5),
        em.Pad(1) >> em.Conv(3),
        em.Graph({"a": (em.Conv(3, padding=1), "input"), "b": (em.Conv(1), "a", "input")}),
    ],
    ids=str,
)
def test_what_is_no_chain_of_random_convolutions_is_named(net):
    with pytest.raises(ValueError, match=r"net must be a chain .* erfmath\.measure"):
        em.quenched(net, 4)


@pytest.mark.parametrize(
    ("channels", "error", "message"),
    [
        (0, ValueError, "channels must be at least 1, got 0"),
        (2.5, TypeError, "channels must be an int"),
        ("4", TypeError, "channels must be a sequence of ints"),
        ((4, 4), ValueError, "one for each of the 3 convolutions, got 2"),
        ((4, 0, 4), ValueError, "channels must be at least 1, got 0"),
        (None, TypeError, "channels must be an int"),
    ],
)
def test_channels_are_checked(channels, error, message):
    with pytest.raises(error, match=message):
        em.quenched(em.Conv(3) ** 3, channels)


def test_energies_that_vary_beyond_floats_are_refused():
    assert em.quenched(em.Conv(1) ** 640, 1).energy_variance == pytest.approx(3.0**640)
    with pytest.raises(ValueError, match="behind 700 of 1 and more the variance of the energy is beyond"):
        em.quenched(em.Conv(1) ** 700, 1)


def test_graphs_that_are_chains_are_chains():
    net = em.Conv((3, 3), stride=2) >> em.Conv((3, 3))
    graph = em.Graph({"b": (em.Conv((3, 3)), "a"), "a": (em.Conv((3, 3), stride=2), "input")}, "b")
    assert em.quenched(graph, 4) == em.quenched(net, 4)


def test_what_would_take_minutes_is_refused_at_once():
    with pytest.raises(ValueError, match="net must have fewer or smaller layers"):
        em.quenched(em.Conv((3, 3)) ** 2000, 16)
    with pytest.raises(ValueError, match="net must have fewer or smaller layers"):
        em.quenched(em.Conv((9, 9, 9)) ** 40, 16)
    with pytest.raises(ValueError, match="net must have at most 10000 convolutions"):
        em.quenched(em.Conv((3, 3)) ** 10**12, 16)
    with pytest.raises(TypeError, match="network"):
        em.quenched(3, 16)


def test_channels_may_be_an_integer_of_any_make():
    chain = em.Conv(3) ** 4
    assert em.quenched(chain, np.array(4)) == em.quenched(chain, 4)
