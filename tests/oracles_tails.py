"""Truth for tails at any depth, by means that share nothing with the package.

Rows in exact integers; single coefficients and tails at any n by Cauchy's integral in 60 digits (arb balls
where python-flint is installed, else mpmath); two taps by binomial coefficients and a continued fraction.

A product is a list of factors (weights, n, step); index 0 is the first entry of the row, outer zeros counted.
"""

import functools
import math
from fractions import Fraction

import mpmath
import numpy as np

try:
    import flint
except ImportError:  # the extra `test` installs it; the oracles run without, slower
    flint = None

MP = mpmath.mp.clone()
MP.dps = 60
ABSOLUTE, RELATIVE = 1e-12, 4e-16  # the promise for logarithms
_MOST_NODES = 30_000


class UnaffordableError(Exception):
    """The oracle would take too long here."""


# ---------------------------------------------------------------- the promise


def log_error(value, truth):
    """How many times the promised error |value - truth| is; 0 or inf where either is infinite."""
    value = float(value)
    if math.isinf(value) or MP.isinf(truth):
        return 0.0 if value == truth else math.inf
    if math.isnan(value):
        return math.inf
    return float(abs(MP.mpf(value) - truth) / (ABSOLUTE + RELATIVE * abs(truth)))


def check_log(values, truths):
    """Every |value - truth| <= 1e-12 + 4e-16 |truth|, and -inf exactly where the truth is."""
    values, truths = np.atleast_1d(values).ravel().tolist(), list(np.atleast_1d(truths).ravel())
    assert len(values) == len(truths)
    errors = [log_error(v, t) for v, t in zip(values, truths, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 1, (
        f"entry {worst}: got {values[worst]!r}, truth {MP.nstr(truths[worst], 25)}, "
        f"{errors[worst]:.3g} times the promised error"
    )


def check_relative(values, truths, bound=1e-12, floor=1e-300):
    """Every share whose truth is at least 1e-300 has a relative error of at most 1e-12; none is negative.

    Truths are mpf, Fractions or floats; what lies below the floor may come back as 0.
    """
    values, truths = np.atleast_1d(values).ravel(), np.atleast_1d(np.asarray(truths)).ravel()
    assert values.shape == truths.shape
    near = truths.astype(float)
    assert (values >= 0).all()
    assert (values[near < floor] <= floor * (1 + bound)).all()
    kept = near >= floor
    error = np.abs(values[kept] - near[kept]) / near[kept]
    assert error.size == 0 or error.max() <= bound, (
        f"worst relative error {error.max():.3g} at entry {np.flatnonzero(kept)[error.argmax()]}, "
        f"{(error > bound).sum()} of {error.size} beyond {bound}"
    )


# ---------------------------------------------------------------- exact rows


def fractions(weights):
    """Weights as the rationals they are."""
    return [Fraction(w) if isinstance(w, (int, float, Fraction)) else Fraction(float(w)) for w in weights]


def factors_of(product):
    """The factors (weights, n, step) of an erfmath.Product on one axis."""
    return [(f.kernel.weights, f.n, f.step[0]) for f in product.factors]


def integer_power(weights, n, length=None):
    """The power of a polynomial with non-negative integer coefficients, as ints."""
    if flint:
        return [int(c) for c in (flint.fmpz_poly(list(weights)) ** n).coeffs()] or [0]
    bits = n * sum(weights).bit_length() + 1  # Kronecker: one product of big ints
    packed = sum(w << (bits * j) for j, w in enumerate(weights)) ** n
    mask = (1 << bits) - 1
    return [(packed >> (bits * t)) & mask for t in range(n * (len(weights) - 1) + 1)]


def exact_row(factors):
    """(ints, denominator): the coefficients of a product of powers on one axis."""
    row, denominator = [1], 1
    for weights, n, step in factors:
        weights = fractions(weights)
        unit = math.lcm(*(w.denominator for w in weights))
        power = [int(w * unit) for w in weights]
        power = integer_power(power, n)
        power += [0] * (n * (len(weights) - 1) + 1 - len(power))
        spread = [0] * (step * (len(power) - 1) + 1)
        spread[::step] = power
        row, denominator = _product(row, spread), denominator * unit**n
    return row, denominator


def _product(a, b):
    if len(a) == 1:
        return [a[0] * c for c in b]
    if flint:
        out = [int(c) for c in (flint.fmpz_poly(a) * flint.fmpz_poly(b)).coeffs()]
        return out + [0] * (len(a) + len(b) - 1 - len(out))
    out = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                out[i + j] += x * y
    return out


def log_of(value):
    """The logarithm of a non-negative rational in 60 digits."""
    if not value:
        return MP.mpf("-inf")
    value = Fraction(value)
    return MP.log(_number(value.numerator)) - MP.log(_number(value.denominator))


def _number(value):
    """A big int in 60 digits; mpmath is slow to strip the zeros of one."""
    shift = max(0, value.bit_length() - 260)
    return MP.ldexp(MP.mpf(value >> shift), shift)


def exact_logs(factors):
    """The logarithms of the whole row, -inf at zeros."""
    row, denominator = exact_row(factors)
    scale = MP.log(_number(denominator))
    return [MP.log(_number(c)) - scale if c else MP.mpf("-inf") for c in row]


def exact_shares(factors):
    """The row divided by its sum, each rounded once."""
    row, _ = exact_row(factors)
    total = sum(row)
    return np.array([c / total for c in row])


def exact_tails(factors):
    """(log P(S <= t), log P(S > t)) for each t of the row, in 60 digits."""
    row, _ = exact_row(factors)
    total, below = sum(row), 0
    lower, upper = [], []
    for c in row:
        below += c
        for out, part in ((lower, below), (upper, total - below)):
            out.append(_log_share(part, total))
    return lower, upper


def _log_share(part, total):
    if 2 * part > total:
        return MP.log1p(-_number(total - part) / _number(total))
    return MP.log(_number(part)) - MP.log(_number(total)) if part else MP.mpf("-inf")


def log_total(factors):
    """log P(1) of the product."""
    return MP.fsum(n * log_of(sum(fractions(weights))) for weights, n, _ in factors)


# ---------------------------------------------------------------- two taps, in closed form


def log_binomial(n, t, p=None):
    """log of n over t in 60 digits at any n; with p = (w0, w1), of C(n, t) w0^(n-t) w1^t."""
    if not 0 <= t <= n:
        return MP.mpf("-inf")
    with MP.workdps(100):
        value = MP.loggamma(n + 1) - MP.loggamma(t + 1) - MP.loggamma(n - t + 1)
        if p:
            w0, w1 = (log_of(Fraction(w)) for w in p)
            value += (n - t) * w0 + t * w1
        return +value


def log_binomial_tail(n, t, p):
    """log P(S >= t) of the binomial law, t above the mean: the continued fraction of the incomplete beta.

    DLMF 8.17.22, by Lentz's method. `p` is the Fraction of success.
    """
    a, b, x = t, n - t + 1, MP.mpf(p.numerator) / p.denominator
    tiny = MP.mpf(10) ** -200
    c, d = MP.mpf(1), 1 - (a + b) * x / (a + 1)
    d = 1 / (d or tiny)
    value = d
    for m in range(1, 200_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + term * d or tiny)
            c = 1 + term / c or tiny
            value *= d * c
        if abs(d * c - 1) < MP.mpf(10) ** -35:
            # x^a (1-x)^b / (a B(a, b)) = t/a P(S = t) (1 - x)
            return log_binomial(n, t, (1 - p, p)) + MP.log((1 - x) * value)
    raise UnaffordableError


# ---------------------------------------------------------------- what is exactly zero


def _reduced(factors):
    """(factors with taps counted from the first, span, index of the first coefficient that is not 0).

    Each factor is (positions in units of span, weights, n).
    """
    kept, start = [], 0
    for weights, n, step in factors:
        taps = [(j * step, w) for j, w in enumerate(fractions(weights)) if w]
        if n:
            start += n * taps[0][0]
            kept.append(([x - taps[0][0] for x, _ in taps], [w for _, w in taps], n))
    span = math.gcd(*(x for xs, _, _ in kept for x in xs)) or 1
    return [([x // span for x in xs], ws, n) for xs, ws, n in kept], span, start


def is_zero(factors, t):
    """Whether the coefficient of a single power is exactly zero; None where this cannot tell.

    For n >= the longest step, n A is what both ends allow (Granville & Walker, Trans. AMS 374 (2021) 6215).
    """
    reduced, span, start = _reduced(factors)
    t -= start
    degree = sum(n * xs[-1] for xs, _, n in reduced)
    if t % span or not 0 <= t // span <= degree:
        return True
    t //= span
    long = [(xs, n) for xs, _, n in reduced if len(xs) > 1]
    if not long:
        return False
    if len(long) > 1:
        return None
    xs, n = long[0]
    last = xs[-1]
    if n < last:
        bits = 1
        for _ in range(n):
            bits = functools.reduce(int.__or__, [bits << x for x in xs])
        return not bits >> t & 1
    return not (
        _in_semigroup(tuple(xs), t) and _in_semigroup(tuple(last - x for x in reversed(xs)), degree - t)
    )


@functools.lru_cache(maxsize=1000)
def _semigroup(xs):
    length = xs[-1] ** 2 + 1
    bits = 1
    for x in xs[1:]:
        jump = x
        while jump < length:
            bits |= bits << jump
            bits &= (1 << length) - 1
            jump *= 2
    return bits


def _in_semigroup(xs, t):
    return t > xs[-1] ** 2 or bool(_semigroup(xs) >> t & 1)


# ---------------------------------------------------------------- Cauchy's integral in 60 digits


def log_coefficient(factors, t, normalised=False):
    """log [z^t] of the product, by the trapezoidal rule on the circle |z| = exp(theta)."""
    return _log_share_at(factors, t, None) + (0 if normalised else log_total(factors))


def log_tail(factors, t, side):
    """log P(S <= t) for side="lower", log P(S >= t) for side="upper", S the law of the product."""
    reduced, span, start = _reduced(factors)
    mean = sum(
        (n * sum(w * x for x, w in zip(xs, ws, strict=True)) / sum(ws) for xs, ws, n in reduced), Fraction(0)
    )
    degree = sum(n * xs[-1] for xs, _, n in reduced)
    index = (t - start) // span if side == "lower" else -((start - t) // span)
    if side == "lower":
        if index < 0 or index >= degree:
            return MP.mpf("-inf" if index < 0 else 0)
        if index > mean:
            return MP.log1p(-MP.exp(log_tail(factors, start + span * (index + 1), "upper")))
    else:
        if index > degree or index <= 0:
            return MP.mpf("-inf" if index > degree else 0)
        if index <= mean:
            return MP.log1p(-MP.exp(log_tail(factors, start + span * (index - 1), "lower")))
    return _log_share_at(factors, start + span * index, side)


def _log_share_at(factors, t, side):
    """log of the share at t, or of the tail from t on."""
    if side is None and is_zero(factors, t):
        return MP.mpf("-inf")
    reduced, span, start = _reduced(factors)
    t = (t - start) // span
    parts = [part for part in reduced if len(part[0]) > 1]
    degree = sum(n * xs[-1] for xs, _, n in parts)
    if t in (0, degree) and (side is None or (t == 0) == (side == "lower")):
        end = 0 if t == 0 else -1
        return MP.fsum(n * log_of(ws[end] / sum(ws)) for _, ws, n in parts)
    if 2 * t > degree:  # the mirror image, so that theta is known from the nearer end
        parts = [([xs[-1] - x for x in reversed(xs)], ws[::-1], n) for xs, ws, n in parts]
        t, side = degree - t, {"upper": "lower", "lower": "upper", None: None}[side]
    floats = [(np.array(xs, dtype=float), np.array([float(log_of(w)) for w in ws]), n) for xs, ws, n in parts]
    theta = _saddle(floats, t)
    if side:
        spread = math.sqrt(_moments(floats, theta)[1])
        theta = max(abs(theta), min(1.0, 1 / spread)) * (1 if side == "upper" else -1)
    off, variance = _moments(floats, theta, t)
    extent = max(xs[-1] for xs, _, _ in parts)
    nats = 50.0
    while nats < 4000:
        b = nats / 3 * extent
        period = b + math.sqrt(b * b + 2.1 * nats * variance) + abs(off)
        if side:
            period = max(period, nats / abs(theta))
        period = 2 * math.ceil(period / 2 + 1)
        nodes = _nodes(floats, theta, period, nats)
        digits = int(60 + nats / 2.3 + math.log10(1 + degree))
        exponent, value, bound = (_arb_sum if flint else _mp_sum)(
            parts, theta, t, period, nodes, side, digits
        )
        if value > bound * MP.exp(36 - nats):
            return exponent + MP.log(value)
        nats *= 2
    raise UnaffordableError


def _shares(floats, theta):
    for x, logs, n in floats:
        y = logs + theta * x
        q = np.exp(y - y.max())
        yield x, q / q.sum(), n


def _moments(floats, theta, t=0):
    """(mean - t, variance) of the tilted law."""
    mean, variance = -float(t), 0.0
    for x, q, n in _shares(floats, theta):
        m = float(q @ x)
        mean += n * m
        variance += n * float(q @ (x - m) ** 2)
    return mean, variance


def _saddle(floats, t):
    reach = 60 + max(float(np.ptp(logs)) for _, logs, _ in floats)
    low, high = -reach, reach
    for _ in range(70):
        theta = 0.5 * (low + high)
        if _moments(floats, theta, t)[0] > 0:
            high = theta
        else:
            low = theta
    return 0.5 * (low + high)


def _nodes(floats, theta, period, nats):
    """The node numbers 0 .. period/2 at which the modulus of the integrand may exceed exp(-nats).

    g = |phi|^2 has |g''| <= 2 sigma^2, so that over an interval g <= g(c) + |g'(c)| h + sigma^2 h^2;
    intervals whose bound is small are dropped, the others are halved. 1 - g is a sum of positive terms.
    """
    pairs = []
    for x, q, n in _shares(floats, theta):
        step = math.gcd(*map(int, x))
        dense = np.zeros(int(x[-1]) // step + 1)
        dense[(x / step).astype(int)] = q
        weight = np.correlate(dense, dense, "full")[len(dense) :]  # of the distances step, 2 step, ...
        d = np.flatnonzero(weight * n > 1e-30)
        pairs.append(((step * (d + 1.0))[:, None], weight[d][:, None], n))
    low, high = np.array([0]), np.array([period // 2])
    out = []
    while low.size:
        middle = 0.5 * (low + high)
        w, h = 2 * np.pi / period * middle, 2 * np.pi / period * (0.5 * (high - low))
        bound = np.zeros(low.size)
        for d, weight, n in pairs:
            fall = (4 * weight * np.sin(0.5 * d * w) ** 2).sum(axis=0)
            slope = np.abs((2 * weight * d * np.sin(d * w)).sum(axis=0))
            bend = float((weight * d * d).sum())
            top = np.minimum(-fall + slope * h + bend * h * h, 0.0)
            bound += 0.5 * n * np.log1p(np.maximum(top, -1 + 1e-16))
        live = bound > -nats
        low, high = low[live], high[live]
        short = high - low < 8
        out += [np.arange(a, b + 1) for a, b in zip(low[short], high[short], strict=True)]
        low, high = low[~short], high[~short]
        middle = (low + high) // 2
        low, high = np.concatenate((low, middle + 1)), np.concatenate((middle, high))
        if 8 * low.size + sum(map(len, out)) > _MOST_NODES:
            raise UnaffordableError
    return np.concatenate(out).tolist()


def _arb_sum(parts, theta, t, period, nodes, side, digits):
    """(exponent, integral, integral of the modulus) in ball arithmetic; the balls must stay small."""
    with flint.ctx.workdps(digits):
        r = flint.arb(theta).exp()
        exponent = -flint.arb(theta) * t
        polynomials = []
        for xs, ws, n in parts:
            step = math.gcd(*xs)
            c = [
                flint.arb(flint.fmpq(w.numerator, w.denominator)) * r**x for x, w in zip(xs, ws, strict=True)
            ]
            total = sum(c[1:], c[0])
            plain = sum(ws)
            exponent += n * (total / flint.arb(flint.fmpq(plain.numerator, plain.denominator))).log()
            dense = [flint.acb(0)] * (xs[-1] // step + 1)
            for x, value in zip(xs, c, strict=True):
                dense[x // step] = flint.acb(value / total)
            polynomials.append((flint.acb_poly(dense), step, n))
        value, bound = flint.arb(0), flint.arb(0)
        for k in nodes:
            log = flint.acb(0)
            for p, step, n in polynomials:
                z = flint.acb(flint.fmpq(2 * (step * k % period), period)).exp_pi_i()
                f = p(z)
                if float(f.real.mid()) < 0:  # away from the cut of the logarithm
                    f, log = -f, log + (flint.acb(0, flint.arb.pi()) if n % 2 else 0)
                log += n * f.log()
            term = log.exp() * flint.acb(flint.fmpq(-2 * (k * t % period), period)).exp_pi_i()
            if side:
                sign = 1 if side == "upper" else -1
                zw = flint.acb(flint.fmpq(-sign * 2 * k, period)).exp_pi_i()
                term /= 1 - (-sign * flint.arb(theta)).exp() * zw
            weight = 1 if k in (0, period // 2) else 2
            value += weight * term.real
            bound += weight * abs(term)
        assert float(value.rad()) < 1e-15 * float(bound.mid()) or float(value.rad()) == 0
        return _mpf(exponent), _mpf(value) / period, _mpf(bound) / period


def _mpf(ball):
    mantissa, exponent = ball.mid().man_exp()
    return MP.ldexp(MP.mpf(int(mantissa)), int(exponent))


def _mp_sum(parts, theta, t, period, nodes, side, digits):
    """The same in mpmath."""
    with MP.workdps(digits):
        theta = MP.mpf(theta)
        exponent, taps = -theta * t, []
        for xs, ws, n in parts:
            c = [MP.mpf(w.numerator) / w.denominator * MP.exp(theta * x) for x, w in zip(xs, ws, strict=True)]
            total, plain = MP.fsum(c), sum(ws)
            exponent += n * MP.log(total * plain.denominator / plain.numerator)
            taps.append(([v / total for v in c], xs, n))
        value = bound = MP.mpf(0)
        for k in nodes:
            z = MP.expjpi(MP.mpf(2 * k) / period)
            term = MP.expjpi(-MP.mpf(2 * (k * t % period)) / period)
            for q, xs, n in taps:
                term *= MP.fsum(v * z**x for v, x in zip(q, xs, strict=True)) ** n
            if side:
                sign = 1 if side == "upper" else -1
                term /= 1 - MP.exp(-sign * theta) * z**-sign
            weight = 1 if k in (0, period // 2) else 2
            value += weight * term.real
            bound += weight * abs(term)
        return exponent, value / period, bound / period
