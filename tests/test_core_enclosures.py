"""Proved intervals beside FLINT's balls of 400 bits and more: products, places and readings of any kind.

Each row is tilted exactly by powers of two near the saddle, so that the ball of any coefficient is narrow.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings

import erfmath as em

flint = pytest.importorskip("flint", reason="balls of 400 bits are FLINT's")

CASES = max(60, settings().max_examples)  # 2,000 in the deep profile
LONGEST = 40_000 if CASES > 60 else 4_000
KINDS = ("pmf", "cdf", "sf")


@pytest.fixture(autouse=True)
def precision():
    """Compute balls of many bits in this module only."""
    before = flint.ctx.prec
    yield
    flint.ctx.prec = before


def kernel(rng):
    """Weights of one kind: flat, uniform, tiny among large, heavy-tailed, gapped, with zeros, integers."""
    k = int(rng.integers(2, 65)) if rng.random() < 0.5 else int(rng.integers(2, 9))
    weights = {
        "flat": lambda: np.full(k, 0.1),
        "uniform": lambda: rng.random(k),
        "tiny": lambda: 10.0 ** rng.uniform(-250, 0, k),
        "heavy": lambda: np.exp(3 * rng.standard_normal(k)),
        "geometric": lambda: rng.uniform(0.01, 0.99) ** np.arange(k),
        "integers": lambda: rng.integers(1, 100, k),
        "zeros": lambda: rng.random(k) * (rng.random(k) < 0.4),
        "gapped": lambda: np.where(np.arange(k) % (k - 1) == 0, rng.random(k), 0),
        "near a lattice": lambda: np.where(np.arange(k) % 3 == 0, 1.0, 1e-7),
    }
    found = weights[rng.choice(sorted(weights))]()
    found[0] = found[0] or 1
    return found.tolist()


def product(rng):
    """One to four factors, one alone up to n = 10,000, several at steps up to 20."""
    count = int(rng.choice([1, 1, 2, 3, 4]))
    factors, room = [], LONGEST
    for _ in range(count):
        weights = kernel(rng)
        step = 1 if count == 1 else int(rng.integers(1, 21))
        most = max(1, min(10_000, room // (count * step * len(weights))))
        factors.append((weights, int(math.exp(rng.uniform(0, math.log(most)))), step))
    return em.Product(factors)


def place(rng, law):
    """An index of the support: uniform, at either end, or some deviations from the mean."""
    low, high = law.support()
    where = rng.random()
    if where < 0.3:
        return int(rng.integers(low, high + 1))
    if where < 0.5:
        end = int(rng.choice([low, low + 1, low + 2, high - 2, high - 1, high]))
        return min(max(end, low), high)  # a kernel of one tap has one point
    return min(max(round(law.mean() + rng.uniform(-9, 9) * law.std()), low), high)


def tilt_towards(factors, t):
    """Return an integer c for which weights times 2**(c j / 256) have about the mean t."""
    low, high = -(2**18), 2**18
    while high - low > 1:
        middle, mean = (low + high) // 2, 0.0
        for taps, n in factors:
            logs = [math.log2(w.numerator) - math.log2(w.denominator) + middle / 256 * x for x, w in taps]
            top = max(logs)
            shares = [2.0 ** max(log - top, -900) for log in logs]
            mean += n * sum(s * x for s, (x, _) in zip(shares, taps, strict=True)) / sum(shares)
        low, high = (middle, high) if mean < t else (low, middle)
    return low


def trimmed(row):
    """Return the row with balls about 0 for what lies below 2**-(bits + 50), whose digits nobody needs."""
    tiny = flint.arb(2) ** -(flint.ctx.prec + 50)
    nothing = flint.arb(0, tiny)
    return flint.arb_poly([ball if ball > tiny else nothing for ball in row.coeffs()])


def power(row, n):
    """Return a power by squaring, trimmed."""
    found = row
    for bit in f"{n:b}"[1:]:
        found = trimmed(found * found)
        found = trimmed(found * row) if bit == "1" else found
    return found


def balls(polynomial, t):
    """Return the balls of P(S = x) for all x from the first on, from one row tilted to t."""
    factors = [([(step * x, w) for (x,), w in kernel.taps()], n) for kernel, n, (step,) in polynomial.factors]
    first = sum(n * taps[0][0] for taps, n in factors)
    factors = [([(x - taps[0][0], w) for x, w in taps], n) for taps, n in factors]
    base = flint.arb(2) ** (flint.arb(tilt_towards(factors, t - first)) / 256)
    row, total = flint.arb_poly([1]), flint.arb(1)
    for taps, n in factors:
        weights = [flint.arb(0)] * (taps[-1][0] + 1)
        mass = sum((w for _, w in taps), Fraction(0))
        for x, w in taps:
            share = w / mass
            weights[x] = base**x * flint.fmpq(share.numerator, share.denominator)
        here = sum(weights, flint.arb(0))
        row = trimmed(row * power(flint.arb_poly([w / here for w in weights]), n))
        total *= here**n
    return first, row.coeffs(), base, total


def truths(polynomial, t):
    """Return balls of the three readings, of more bits between lumps, where the tilted share is small too."""
    for bits in (400, 1600, 6400):
        flint.ctx.prec = bits
        found = readings(polynomial, t)
        if all(ball.rad() < 1e-20 * abs(ball) or ball.is_zero() for ball in found.values()):
            break
    return found


def readings(polynomial, t):
    """Return the balls of P(S = t), P(S <= t) and P(S > t), the larger tail from the smaller."""
    first, row, base, total = balls(polynomial, t)
    at, back = t - first, 1 / base
    point = row[at] * total * back**at
    sums = {}
    for kind, inner in (("cdf", range(at, -1, -1)), ("sf", range(at + 1, len(row)))):
        term, turn = back ** inner[0] if inner else 1, base if kind == "cdf" else back
        found = flint.arb(0)
        for x in inner:
            found += row[x] * term
            term *= turn
        sums[kind] = found * total
    small, large = ("cdf", "sf") if sums["cdf"].mid() < sums["sf"].mid() else ("sf", "cdf")
    return {"pmf": point, small: sums[small], large: 1 - sums[small]}


def test_two_thousand_intervals_hold_the_balls_and_are_narrow():
    widths = []
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        polynomial = product(rng)
        law = em.distribution(polynomial)
        t = place(rng, law)
        exact = truths(polynomial, t)
        for kind in KINDS:
            low, high = law.enclose(t, kind=kind)
            ball = exact[kind]
            assert flint.arb(low) <= ball.upper(), (seed, kind, low, ball)
            assert ball.lower() <= flint.arb(high), (seed, kind, high, ball)
            if ball > 1e-300:
                assert ball.rad() < 1e-20 * ball, (seed, kind, "the oracle is not narrow")
                widths.append((high - low) / high)
    assert np.median(widths) <= 1e-10
