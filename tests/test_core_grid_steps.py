"""Windows that tile a grid step by step: exact rationals, sums by hand, bounds of what wraps around."""

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles import convolved, naive_power

import erfmath as em
from erfmath.core.grid import boxes, chernoff, window

MP = mpmath.mp.clone()
MP.dps = 50

GAPPED = [[1, 2, 0], [0, 3, 1], [1, 0, 1]]
PLUS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
TWO = [(GAPPED, 6, (1, 1)), ([[2, 1], [0, 5]], 3, (2, 1))]


def exact_shares(factors):
    grid = np.full((1, 1), 1, dtype=object)
    for weights, n, step in factors:
        power = naive_power(em.Kernel(weights).dilate(step).weights, n)
        grid = convolved(grid, power)
    return grid * Fraction(1, int(sum(grid.flat)))


def tilted_grid(factors, ratios):
    """The exact shares of the law tilted by ratios."""
    grid = exact_shares(factors)
    for index in np.ndindex(grid.shape):
        grid[index] *= math.prod(r**i for r, i in zip(ratios, index, strict=True))
    return grid * (1 / Fraction(sum(grid.flat)))


# ---------------------------------------------------------------- factors and bounds


def test_steps_count_from_the_lowest_corner():
    corner, factors = chernoff.steps_of(
        em.Product(
            [
                ([[0, 0, 0], [0, 2, 0], [0, 1, Fraction(1, 3)]], 4, (2, 3)),
                ([[0, 7]], 5, (1, 1)),
                (PLUS, 0, (1, 1)),
            ]
        )
    )
    assert corner.tolist() == [8, 12 + 5]
    (factor,) = factors
    assert (factor.n, factor.x.tolist(), factor.whole) == (4, [[0, 0], [2, 0], [2, 3]], (6, 3, 1))
    assert np.exp(factor.logs).tolist() == pytest.approx([0.6, 0.3, 0.1], rel=1e-14, abs=0)


@pytest.mark.parametrize("theta", [(0.0, 0.0), (0.5, -0.25)])
def test_tilts_have_the_bound_the_mean_and_the_covariance(theta):
    _, factors = chernoff.steps_of(em.Product(TWO))
    goal = np.array([9.0, 7.0])
    found = chernoff.tilt_at(factors, np.array(theta), goal)
    grid = exact_shares(TWO)
    weights = {
        i: MP.mpf(p.numerator) / p.denominator * MP.exp(theta[0] * i[0] + theta[1] * i[1])
        for i, p in np.ndenumerate(grid)
        if p
    }
    mass = MP.fsum(weights.values())
    means = [MP.fsum(w * i[axis] for i, w in weights.items()) / mass for axis in range(2)]
    assert found.log_bound == pytest.approx(
        float(MP.log(mass) - theta[0] * 9 - theta[1] * 7), rel=1e-12, abs=1e-12
    )
    assert found.mean.tolist() == pytest.approx([float(m) for m in means], rel=1e-12, abs=0)
    for a, b in itertools.product(range(2), repeat=2):
        both = MP.fsum(w * (i[a] - means[a]) * (i[b] - means[b]) for i, w in weights.items()) / mass
        assert found.covariance[a, b] == pytest.approx(float(both), rel=1e-11, abs=0)
    assert found.theta.tolist() == list(theta)


@pytest.mark.parametrize("goal", [(9.0, 7.0), (3.0, 4.0), (15.0, 12.0), (1.0, 1.0)])
def test_saddles_have_their_mean_at_the_goal(goal):
    _, factors = chernoff.steps_of(em.Product(TWO))
    goal = np.array(goal)
    found = chernoff.saddle(factors, goal, np.zeros(2), -1e3)
    gap = goal - found.mean
    assert gap @ np.linalg.solve(found.covariance, gap) < 0.0101
    again = chernoff.saddle(factors, goal, found.theta, -1e3)
    assert again.theta.tolist() == found.theta.tolist()
    early = chernoff.saddle(factors, goal, np.zeros(2), 1e9)
    assert early.theta.tolist() == [0, 0]


def test_searches_are_short_and_steps_double_beyond_the_hull(monkeypatch):
    _, factors = chernoff.steps_of(em.Product([(PLUS, 20, (1, 1))]))
    seen, real = [], chernoff.tilt_at
    monkeypatch.setattr(
        chernoff, "tilt_at", lambda f, theta, goal: seen.append(theta.tolist()) or real(f, theta, goal)
    )
    chernoff.saddle(factors, np.array([12.0, 24.0]), np.zeros(2), -1e3)
    assert len(seen) <= 8
    seen.clear()
    found = chernoff.saddle(factors, np.array([3.0, 3.0]), np.zeros(2), -1e3)
    assert found.log_bound <= -1e3
    assert len(seen) <= 16
    steps = [np.ptp(f.x @ np.subtract(seen[k + 1], seen[k])) for f in factors for k in (0, 1, 2)]
    assert steps == pytest.approx([4, 8, 16], rel=1e-9, abs=0)


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("theta", [0.0, 0.3, -7.0, 50.0, -50.0])
def test_ratios_are_short_fractions(theta):
    ratio = window._short(theta)
    assert abs(ratio / Fraction(math.exp(theta)) - 1) <= Fraction(1, 2**20)
    assert ratio.numerator.bit_length() <= 21 or ratio.denominator == 1
    assert ratio.denominator & (ratio.denominator - 1) == 0


def test_tilted_factors_are_exact():
    (factor,) = chernoff.steps_of(em.Product([(GAPPED, 6, (1, 1))]))[1]
    ratios = [Fraction(3, 4), Fraction(5, 2)]
    part = window._tilted(factor, ratios)
    weights = {
        (i, j): w * ratios[0] ** i * ratios[1] ** j
        for (i, j), w in np.ndenumerate(np.array(GAPPED, dtype=object))
        if w
    }
    total = sum(weights.values())
    assert part.growth == total / 9
    assert part.mean == tuple(sum(w * i[axis] for i, w in weights.items()) / total for axis in range(2))
    for x, share, centred, whole in zip(
        part.x.tolist(), part.share.tolist(), part.centred.tolist(), part.weights, strict=True
    ):
        exact = weights[tuple(x)] / total
        assert share == float(exact)
        assert Fraction(whole, sum(part.weights)) == exact
        assert centred == [float(a - m) for a, m in zip(x, part.mean, strict=True)]


THETAS = [np.array([0.0, 0.0]), np.array([0.5, -0.3]), np.array([-1.5, 1.0])]


@pytest.mark.parametrize("theta", THETAS)
def test_windows_have_the_mean_of_the_tilted_law(theta):
    _, factors = chernoff.steps_of(em.Product(TWO))
    made = window.Window(factors, theta)
    law = tilted_grid(TWO, made.ratios)
    for axis in range(2):
        mean = sum(p * i[axis] for i, p in np.ndenumerate(law) if p)
        assert made.mean[axis] == mean
        assert made._centre[axis] == round(mean)
    variance = [
        sum(p * (i[axis] - made.mean[axis]) ** 2 for i, p in np.ndenumerate(law) if p) for axis in range(2)
    ]
    wide = math.fsum(math.log1p(math.sqrt(v)) for v in variance)
    assert made._wide == pytest.approx(wide, rel=1e-12, abs=0)


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("corner", [(0, 0), (5, 4), (9, 8)])
def test_both_views_are_the_tilted_law_and_undone_it_is_the_share(theta, corner):
    _, factors = chernoff.steps_of(em.Product(TWO))
    made = window.Window(factors, theta)
    law, shares = tilted_grid(TWO, made.ratios), exact_shares(TWO)
    low = np.array(corner)
    for high in (low, low + np.array([2, 1]), low + np.array([4, 5])):
        for look in (made.bell, made.convolved):
            values, error = look(low, high)
            assert values.shape == tuple(high - low + 1)
            assert error < 1e-13
            mantissas, exponent = made.undone(values, low)
            for place, value in np.ndenumerate(values):
                at = tuple((low + place).tolist())
                truth = law[at] if at[0] < law.shape[0] and at[1] < law.shape[1] else Fraction(0)
                assert abs(Fraction(float(value)) - truth) <= Fraction(error) + truth / 10**14
                if truth and value > 1e3 * error:
                    undone = float(Fraction(float(mantissas[place])) * Fraction(2) ** exponent)
                    assert undone == pytest.approx(
                        float(shares[at] * Fraction(float(value)) / truth), rel=1e-14, abs=0
                    )


def test_far_from_the_bell_convolution_sees_each_entry_to_its_digits():
    _, factors = chernoff.steps_of(em.Product([([[1, 2], [3, 1]], 20, (1, 1))]))
    made = window.Window(factors, np.zeros(2))
    values, error = made.convolved(np.array([0, 0]), np.array([20, 20]))
    law = tilted_grid([([[1, 2], [3, 1]], 20, (1, 1))], [Fraction(1), Fraction(1)])
    np.testing.assert_allclose(values, law.astype(float), rtol=1e-13)
    assert error == pytest.approx(math.exp(-55 - made._wide), rel=1e-12, abs=0)


@pytest.mark.parametrize("depth", [10.0, 45.0])
def test_what_wraps_around_is_below_the_depth(depth):
    _, factors = chernoff.steps_of(em.Product([(PLUS, 150, (1, 1))]))
    made = window.Window(factors, np.zeros(2))
    row = naive_power([1, 3, 1], 150)
    total = sum(row)
    for low, high in ((140, 160), (120, 120)):
        sides = made._sides(np.array([low, 140]), np.array([high, 160]), depth)
        side = int(sides[0])
        outside = [c for t, c in enumerate(row) if t >= low + side or t <= high - side]
        assert sum(outside) <= 2 * math.exp(-depth) * total
        nearer = [c for t, c in enumerate(row) if t >= low + 0.8 * side or t <= high - 0.8 * side]
        assert sum(nearer) > math.exp(-3 * depth) * total
    assert made._sides(np.array([0, 0]), np.array([300, 300]), depth).tolist() == [301, 301]


@pytest.mark.parametrize("sign", [1, -1])
def test_quantiles_are_chernoffs(sign):
    _, factors = chernoff.steps_of(em.Product(TWO))
    made = window.Window(factors, np.array([0.2, -0.1]))
    slopes = sign * np.array([0.1, 0.3, 0.6, 1.0])
    law = tilted_grid(TWO, made.ratios)
    for axis in range(2):
        found = made._quantile(axis, slopes, 12.0)
        mean = made.mean[axis]
        distances = []
        for s in slopes.tolist():
            mass = MP.fsum(
                MP.mpf(p.numerator) / p.denominator * MP.exp(s * (i[axis] - float(mean)))
                for i, p in np.ndenumerate(law)
                if p
            )
            distances.append((MP.log(mass) + 12) / abs(s))
        assert found == pytest.approx(float(min(distances)), rel=1e-9, abs=0)


def test_the_error_of_a_bell_counts_the_roundings_of_each_frequency():
    _, factors = chernoff.steps_of(em.Product(TWO))
    made = window.Window(factors, np.array([0.2, -0.1]))
    low, high = np.array([5, 4]), np.array([9, 8])
    _, error = made.bell(low, high)
    depth = 45 + made._wide
    sides = made._sides(low, high, depth)
    nodes = made._nodes(sides, depth)
    log_modulus, _, roundings = made._log_phi(nodes, sides)
    expected = 0.0
    for (_, last), log, lost in zip(nodes.tolist(), log_modulus.tolist(), roundings.tolist(), strict=True):
        fold = 1 if last == 0 or 2 * last == sides[1] else 2
        expected += fold * math.exp(log) / math.prod(sides.tolist()) * (4 - max(log, -700) + lost)
    assert error == pytest.approx(2.0**-53 * expected, rel=1e-12, abs=0)


def test_roundings_of_far_frequencies_are_their_angles_and_those_of_near_ones_none():
    _, factors = chernoff.steps_of(em.Product(TWO))
    made = window.Window(factors, np.array([0.2, -0.1]))
    sides = np.array([40, 30])
    nodes = np.array([[0, 0], [1, 1], [-1, 0], [20, 7], [-19, 15], [3, 14]])
    _, _, roundings = made._log_phi(nodes, sides)
    for (a, b), lost in zip(nodes.tolist(), roundings.tolist(), strict=True):
        angles = [p.centred @ (np.array([a, b]) * (2 * np.pi / sides)) for p in made._parts]
        if max(np.abs(angle).max() for angle in angles) < 0.7:
            assert lost == 0
            continue
        expected = 0.0
        for p in made._parts:
            top = p.x[p.share.argmax()]
            turns = (p.x - top) @ np.array([a / sides[0], b / sides[1]])
            around = np.abs(turns - np.rint(turns)) * 2 * np.pi
            expected += p.n * float(around @ p.share)
        assert lost == pytest.approx(expected, rel=1e-9, abs=0)


def test_frequencies_that_are_left_out_are_negligible():
    _, factors = chernoff.steps_of(em.Product([(GAPPED, 40, (1, 1)), ([[1, 1]], 9, (1, 2))]))
    made = window.Window(factors, np.array([0.1, 0.0]))
    sides = np.array([60, 70])
    nodes = made._nodes(sides, 30.0)
    kept = set(map(tuple, nodes.tolist()))
    assert len(kept) == len(nodes)
    k = np.stack(np.meshgrid(np.arange(-29, 31), np.arange(36), indexing="ij"), axis=-1).reshape(-1, 2)
    w = k * (2 * np.pi / sides)
    logs = sum(p.n * np.log(np.abs(np.exp(1j * (w @ p.x.T)) @ p.share) + 1e-300) for p in made._parts)
    large = {tuple(place) for place, log in zip(k.tolist(), logs, strict=True) if log > -30}
    assert large <= kept
    extra = [log for place, log in zip(k.tolist(), logs, strict=True) if tuple(place) in kept]
    assert min(extra) > -60
    assert len(kept) < 1.5 * len(large) + 20
    log_modulus, phase, roundings = made._log_phi(nodes, sides)
    for (a, b), modulus, angle, lost in zip(
        nodes.tolist(), log_modulus.tolist(), phase.tolist(), roundings.tolist(), strict=True
    ):
        value = np.exp(-1j * (np.array([a, b]) * (2 * np.pi / sides)) @ made._centre)
        frequency = np.array([a, b]) * (2 * np.pi / sides)
        for p in made._parts:
            value *= (np.exp(1j * (p.x @ frequency)) @ p.share) ** p.n
        assert np.exp(modulus + 1j * angle) == pytest.approx(value, rel=1e-10, abs=1e-15)
        assert lost >= 0


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_wrapped_powers_are_powers_modulo_the_sides(n):
    base = np.random.default_rng(0).integers(0, 5, (4, 3)).astype(float)
    found = window._wrapped_power(base, n)
    exact = naive_power(base.astype(int).tolist(), n)
    folded = np.zeros((4, 3))
    for (i, j), value in np.ndenumerate(exact):
        folded[i % 4, j % 3] += float(value)
    np.testing.assert_allclose(found, folded, rtol=1e-13)


def test_sums_over_frequencies_are_matrix_products(monkeypatch):
    draw = np.random.default_rng(1)
    values = draw.random((3, 4, 5)) + 1j * draw.random((3, 4, 5))
    matrix = draw.random((3, 7)) + 1j * draw.random((3, 7))
    expected = np.einsum("abc,ak->bck", values, matrix)
    np.testing.assert_allclose(window._contracted(values, matrix), expected, rtol=1e-13)
    monkeypatch.setattr(window, "_UNTHREADED", 50)
    np.testing.assert_allclose(window._contracted(values, matrix), expected, rtol=1e-13)
    w, x = draw.random((6, 2)), draw.random((4, 2))
    np.testing.assert_allclose(window._angles(w, x), w @ x.T, rtol=1e-14)
    np.testing.assert_allclose(window._sums(draw.random((0, 4)), x[:, 0]), np.zeros(0))
    np.testing.assert_allclose(window._sums(w, np.array([2.0, 3.0])), w @ [2, 3], rtol=1e-14)


def test_powers_of_a_modulus_near_zero():
    real, imag = np.array([-1.0, -0.999, -0.5, 0.1]), np.array([0.0, 1e-4, 0.2, -0.3])
    modulus, phase = window._log_power(7, real, imag)
    assert modulus[0] == -np.inf
    for a, b, log, angle in zip(real[1:], imag[1:], modulus[1:], phase[1:], strict=True):
        truth = 7 * MP.log(MP.mpc(1 + MP.mpf(a), b))
        assert log == pytest.approx(float(truth.real), rel=1e-12, abs=0)
        assert angle == pytest.approx(float(truth.imag), rel=1e-12, abs=0)


# ---------------------------------------------------------------- boxes


@pytest.mark.parametrize(
    "factors", [TWO, [(PLUS, 9, (1, 1))], [([[0, 3], [0, 0]], 4, (1, 1))], [([[1, 0], [0, 1]], 6, (1, 2))]]
)
def test_grids_of_shares_are_exact(factors):
    values = boxes.shares(em.Product(factors))
    exact = exact_shares(factors)
    assert values.shape == exact.shape
    np.testing.assert_allclose(values, exact.astype(float), rtol=5e-13)
    assert ((values == 0) == (exact == 0)).all()


def test_boxes_split_on_their_longest_axis_into_bells():
    covariance = np.diag([100.0, 1.0])
    precision = 1 / (np.array([100.0, 1.0]) + 0.25)
    sides = 1 / np.sqrt(precision) * 2 * math.sqrt(11 / 2)
    for size in [(60, 3), (20, 30), (200, 200), (1, 0), (0, 1)]:
        low = np.array([7, 9])
        high = low + size
        left, right = boxes._split(low, high, covariance)
        ratio = np.array(size) / sides
        axis = int(ratio.argmax())
        parts = max(2, math.ceil(ratio[axis]))
        expected = high.copy()
        expected[axis] = low[axis] + size[axis] * (parts // 2) // parts
        assert left.tolist() == expected.tolist()
        begin = low.copy()
        begin[axis] = left[axis] + 1
        assert right.tolist() == begin.tolist()
        assert low[axis] <= left[axis] < high[axis]


def test_bells_reach_eleven_squared_deviations():
    covariance = np.array([[4.0, 1.0], [1.0, 9.0]])
    precision = np.abs(np.linalg.inv(covariance + 1e-3 * np.eye(2)))
    half = np.array([2.0, 3.0])
    half *= math.sqrt(11 / float(half @ precision @ half))
    assert boxes._is_bell(covariance, half * (1 - 1e-9))
    assert not boxes._is_bell(covariance, half * (1 + 1e-9))
    assert boxes._is_bell(np.zeros((2, 2)), np.zeros(2))


def test_sums_of_sets_are_counted():
    draw = np.random.default_rng(2)
    left, right = draw.random((4, 5)) < 0.3, draw.random((3, 2)) < 0.5
    expected = np.zeros((6, 6), dtype=bool)
    for (i, j), (a, b) in itertools.product(np.argwhere(left).tolist(), np.argwhere(right).tolist()):
        expected[i + a, j + b] = True
    assert (boxes._sums(left, right) == expected).all()
    full = boxes._sums(np.ones((2, 3), dtype=bool), np.ones((4, 1), dtype=bool))
    assert full.shape == (5, 3)
    assert full.all()
    tiling = boxes._Tiling(em.Product(TWO))
    assert (tiling._reachable == (exact_shares(TWO) != 0)).all()


def test_what_a_grid_costs():
    product = em.Product([(PLUS, 50, (1, 1))])
    assert boxes.operations(em.Product([([[0, 3]], 4, (1, 1))])) == 1.0
    covariance = np.eye(2) * (50 * 0.4 + 1 / 12)
    area = min(101**2, math.pi * 37**2 * covariance[0, 0])
    side = 2.8 * math.sqrt(covariance[0, 0])
    tiles = 1 + area / side**2
    expected = tiles * (1e7 + 300 * 5 * 50**2 / 2) + 200 * area + 101**2
    assert boxes.operations(product) == pytest.approx(expected, rel=1e-9, abs=0)
    long = em.Product([(PLUS, 5000, (1, 1))])
    covariance = np.eye(2) * (5000 * 0.4 + 1 / 12)
    area = math.pi * 37**2 * covariance[0, 0]
    tiles = 1 + area / (2.8**2 * covariance[0, 0])
    expected = tiles * (1e7 + 300 * 5 * 50**2 / 2) + 200 * area + 10001**2
    assert boxes.operations(long) == pytest.approx(expected, rel=1e-9, abs=0)
    assert boxes.memory(product) == 64 * 101**2 + 2**22
    assert boxes.memory(em.Product([([[1, 2], [3, 4]], 50, (1, 1))])) == 24 * 51**2 + 2**22
    assert boxes.memory(em.Product([([[1, 2], [3, 4]], 50, (1, 2))])) == 64 * 51 * 101 + 2**22
