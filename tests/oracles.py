"""Slow, obviously correct answers in Python ints and Fractions, and the checks that use them."""

import functools
import itertools
import math
from fractions import Fraction

import numpy as np

import erfmath as em

METHODS = ("direct", "fft", "exact", "auto")  # "saddle" besides, for non-negative weights


def pascal(k, n):
    """Row n of the extended binomial coefficients, by C(n, t) = sum_{m<k} C(n-1, t-m)."""
    row = [1]
    for _ in range(n):
        row = [sum(row[max(0, t - k + 1) : t + 1]) for t in range(len(row) + k - 1)]
    return row


def closed_form(k, n, t):
    """[z^t] (1 + ... + z^(k-1))^n as the alternating sum, n >= 1."""
    return sum((-1) ** j * math.comb(n, j) * math.comb(t - k * j + n - 1, n - 1) for j in range(t // k + 1))


def grid(values):
    """An object array of Python ints and Fractions; floats become the rationals they are."""
    flat = np.array(values, dtype=object)
    exact = np.empty(flat.shape, dtype=object)
    for index, value in np.ndenumerate(flat):
        exact[index] = Fraction(value) if isinstance(value, (float, Fraction)) else int(value)
    return exact


def convolved(left, right):
    """The product of two polynomials in any number of variables, term by term."""
    product = np.zeros([a + b - 1 for a, b in zip(left.shape, right.shape, strict=True)], dtype=object)
    for index, value in np.ndenumerate(right):
        if value:
            product[tuple(slice(i, i + m) for i, m in zip(index, left.shape, strict=True))] += value * left
    return product


def naive_power(weights, n):
    """The n-th power by n naive convolutions of integers over a common denominator."""
    weights = grid(weights)
    denominator = math.lcm(*(weight.denominator for weight in weights.flat))
    integers = grid(weights * denominator // 1)
    row = functools.reduce(convolved, [integers] * n, np.full((1,) * weights.ndim, 1, dtype=object))
    return row if denominator == 1 else row * Fraction(1, denominator**n)


def enumerated(weights, n):
    """The n-th power on one axis by walking every one of the k^n sequences of taps."""
    row = [Fraction(0)] * (n * (len(weights) - 1) + 1)
    for path in itertools.product(range(len(weights)), repeat=n):
        row[sum(path)] += math.prod(Fraction(weights[tap]) for tap in path)
    return row


def exact_law(weights, n, offset=0):
    """{position: probability} of the n-th power on one axis, in Fractions, zeros left out."""
    row = naive_power(weights, n)
    total = Fraction(sum(row))
    return {n * offset + t: value / total for t, value in enumerate(row) if value}


def exact_cumulants(law, order):
    """kappa_1 .. kappa_order of {position: probability}, as the logarithm of the moment series."""
    moments = [sum(Fraction(p) * x**r for x, p in law.items()) for r in range(order + 1)]
    series = [Fraction(0)] + [moments[r] / math.factorial(r) for r in range(1, order + 1)]
    logarithm, power = [Fraction(0)] * (order + 1), grid([1])
    for j in range(1, order + 1):
        power = convolved(power, grid(series))[: order + 1]
        for r, value in enumerate(power):
            logarithm[r] += Fraction((-1) ** (j - 1), j) * value
    return [math.factorial(r) * logarithm[r] for r in range(1, order + 1)]


def evaluated(kernel, point):
    """P(z) at a rational point, offset included."""
    terms = np.ndenumerate(grid(kernel.weights))
    return sum(
        weight
        * math.prod(Fraction(z) ** (o + i) for z, o, i in zip(point, kernel.offsets, index, strict=True))
        for index, weight in terms
    )


def rational(kernel):
    """The same kernel in Fractions."""
    return em.Kernel(grid(kernel.weights), kernel.offset)


def is_within(got, exact, scale, error, floor=0):
    """Whether |got - exact| <= error * |scale| + floor everywhere, in rationals."""
    pairs = zip(got.flat, exact.flat, np.broadcast_to(scale, exact.shape).flat, strict=True)
    return all(abs(Fraction(g) - e) <= Fraction(error) * abs(s) + floor for g, e, s in pairs)


def largest_modulus(weights):
    """max |P(z)| over |z| = 1 on every axis, by values on a fine grid."""
    weights = grid(weights).astype(float)
    nodes = {1: 2**14, 2: 2**8}.get(weights.ndim, 2**6)
    return np.abs(np.fft.fftn(weights, [nodes] * weights.ndim, axes=range(weights.ndim))).max()


def check_same(kernel, n):
    """Run every method; each must agree with naive convolution within the error that its plan states.

    Floats may drop what lies below 1e-300 of the sum of magnitudes.
    """
    exact = naive_power(kernel.weights, n)
    absolute = naive_power(abs(grid(kernel.weights)), n)
    norm = sum(absolute.flat)
    scales = {
        "": exact,
        "each coefficient": exact,
        "the same coefficient of |w|": absolute,
        "(sum |w|)^n": norm,
        "max |P|^n": Fraction(largest_modulus(kernel.weights)) ** n,
    }
    assert (em.coefficients(rational(kernel), n, method="exact") == exact).all()
    for method in ["auto", *(candidate.method for candidate in em.plan(kernel, n).candidates)]:
        chosen = em.plan(kernel, n, method).chosen
        got = em.coefficients(kernel, n, method=method)
        assert got.shape == exact.shape
        floor = Fraction(10) ** -300 * norm if chosen.error else 0
        scale = scales[chosen.relative_to]
        assert is_within(got, exact, scale, chosen.error, floor), (method, got, exact)


def slope(sizes, values):
    """The exponent p of a least-squares fit values ~ sizes^p, printed."""
    exponent = float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
    print(f"fitted exponent {exponent:.4f} over {list(sizes)}")
    return exponent
