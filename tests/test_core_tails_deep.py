"""One law for every tail: whatever the kernel, the power and the index, the logarithm is right or refused.

HYPOTHESIS_PROFILE=deep runs 100 000 examples of the laws between neighbours and 20 000 against a truth of
60 digits (ERFMATH_EXAMPLES sets another number): half an hour on one core.
"""

import math
import os

import numpy as np
import oracles_tails
import pytest
from hypothesis import HealthCheck, event, example, given, settings, strategies as st
from oracles_tails import (
    MP,
    UnaffordableError,
    check_log,
    check_relative,
    exact_logs,
    exact_tails,
    is_zero,
    log_coefficient,
    log_error,
    log_of,
    log_tail,
    log_total,
)

import erfmath as em

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = int(os.environ.get("ERFMATH_EXAMPLES", 100_000 if DEEP else 100))
REFUSALS = ("no use for", "saddle point fails", "no bell shape")


@st.composite
def weights(draw):
    """1 to 64 taps, zeros inside, over 16 decades, none of the outer ones zero."""
    k = draw(st.one_of(st.integers(1, 5), st.integers(1, 64)))
    style = draw(st.sampled_from(["plain", "decades", "two scales", "uniform", "gaps"]))
    if style == "uniform":
        return [1] * k
    if style == "plain":
        inner = st.integers(0, 9)
    elif style == "gaps":
        inner = st.sampled_from([0, 0, 0, 0, 1, 2, 1e-9])
    elif style == "two scales":
        inner = st.sampled_from([0, 1, 1e-6, 1e-12, 1.0, 3.0])
    else:
        inner = st.builds(lambda m, e: m * 10.0**-e, st.integers(1, 9), st.integers(0, 15)) | st.just(0.0)
    values = draw(st.lists(inner, min_size=k, max_size=k))
    values[0], values[-1] = values[0] or 1, values[-1] or 1
    return values


POWERS = st.one_of(
    st.integers(1, 60),
    st.builds(lambda e, m: min(10**15, 10**e * m // 1000), st.integers(3, 15), st.integers(1000, 9999)),
)
PLACES = st.one_of(
    st.tuples(st.just("left"), st.integers(0, 100)),
    st.tuples(st.just("right"), st.integers(0, 100)),
    st.tuples(st.just("sigma"), st.floats(-40, 40)),
    st.tuples(st.just("share"), st.floats(0, 1)),
)


def index_of(taps, n, place):
    """The index that a place names: from an edge, in sigmas from the mean, or in shares of the row."""
    kind, amount = place
    last = n * (len(taps) - 1)
    if kind == "left":
        return min(amount, last)
    if kind == "right":
        return max(0, last - amount)
    if kind == "share":
        return min(last, round(amount * last))
    x, w = np.arange(len(taps)), np.array(taps, dtype=float)
    mean = float(w @ x / w.sum())
    sigma = math.sqrt(n * float(w @ (x - mean) ** 2) / w.sum())
    return min(last, max(0, round(n * mean + amount * sigma)))


def is_refusal(problem):
    return any(words in str(problem) for words in REFUSALS)


def truth_at(taps, n, t):
    """(log coefficient, log P(S <= t), log P(S > t)) by exact integers or by Cauchy's integral."""
    factors = [(taps, n, 1)]
    bits = sum(bits_of(w) for w in taps) / len(taps)
    if n * (len(taps) - 1) <= 400 and n * n * len(taps) * bits <= 2e6:
        event("truth: exact integers")
        lower, upper = exact_tails(factors)
        return exact_logs(factors)[t], lower[t], upper[t]
    event("truth: Cauchy's integral")
    return (
        log_coefficient(factors, t),
        log_tail(factors, t, "lower"),
        log_tail(factors, t + 1, "upper"),
    )


def bits_of(w):
    return 4 if isinstance(w, int) else 60


def check_point(taps, n, t):
    """The logarithm and both tails at one point against the truth, each right or refused."""
    try:
        log, lower, upper = truth_at(taps, n, t)
    except UnaffordableError:
        event("truth: none, the laws only")
        return check_laws(taps, n, t)
    law = em.distribution(taps, n)
    scale = log_total([(taps, n, 1)])
    for name, got, truth in (
        ("log_coefficients", lambda: em.log_coefficients(taps, n, at=t), log),
        ("logpmf", lambda: law.logpmf(t), log - scale),
        ("logcdf", lambda: law.logcdf(t), lower),
        ("logsf", lambda: law.logsf(t), upper),
    ):
        try:
            value = got()
        except ValueError as problem:
            if not is_refusal(problem):
                raise
            event(f"refused: {name}")
            continue
        error = log_error(value, truth)
        assert error <= 1, f"{name}: got {value!r}, truth {MP.nstr(truth, 22)}, {error:.3g} times the promise"
    return None


def check_laws(taps, n, t):
    """Mirror symmetry, scaling, and one step of the convolution, where no truth is affordable."""
    try:
        log = em.log_coefficients(taps, n, at=t)
        last = n * (len(taps) - 1)
        mirrored = em.log_coefficients(taps[::-1], n, at=last - t)
        scaled = em.log_coefficients([4 * w for w in taps], n, at=t)
        previous = em.log_coefficients(taps, n - 1, at=[t - x for x in range(len(taps))])
    except ValueError as problem:
        if not is_refusal(problem):
            raise
        event("refused: laws")
        return
    zero = is_zero([(taps, n, 1)], t)
    assert math.isinf(log) == zero, (log, zero)
    if zero:
        return
    # Both sides of a law may err by the promise.
    assert log_error(mirrored, MP.mpf(log)) <= 2
    assert log_error(log, MP.mpf(scaled) - n * MP.log(4)) <= 1 + (1e-12 + 4e-16 * abs(scaled)) / (
        1e-12 + 4e-16 * abs(log)
    )
    terms = [MP.mpf(v) + log_of(w) for v, w in zip(previous, taps, strict=True) if w and not math.isinf(v)]
    top = max(terms)
    step = top + MP.log(MP.fsum(MP.exp(v - top) for v in terms))
    assert abs(step - MP.mpf(log)) <= 1e-11 + 1e-15 * abs(log)


@settings(max_examples=max(100, EXAMPLES // 5), suppress_health_check=list(HealthCheck))
@given(weights(), POWERS, PLACES)
@example([1, 1e-6, 1], 10**9, ("sigma", 0.0))
@example([1, 0, 0, 1, 1e-9], 10**6, ("share", 0.3))
@example([1, 1e-200], 10**15, ("left", 1))
@example([1] * 64, 10**15, ("sigma", -30.0))
@example([1, 1, 1], 1000, ("left", 1))  # a tap below the smallest normal float lost its digits
@example([1, 1, 1], 1000, ("left", 3))
@example([1, 1, 1, 1, 1], 1000, ("left", 2))
@example([1e-9, 0, 1e-9, 1, 1, 0, 0, 1, 1], 1000, ("left", 4))
@example([1e-12], 226_400_000, ("sigma", 0.0))  # the exponent left int32
@example([3.0], 10**9, ("left", 0))  # 3**(10**9) as an int
@example(  # angles near 2 pi, whose rounding n multiplied
    [1, 0, 0, 2e-5, 0, 6e-11, 2e-5, 0, 0, 1e-10, 0, 0, 2e-5, 2e-5, 0, 0, 1], 5899, ("share", 0.294594)
)
@example([1, 0, 0, 1e-12], 27, ("left", 78))  # zeros beside a share below the floats hid it
@example([1e-12, 0, 0, 1], 27, ("left", 1))
def test_every_logarithm_and_tail_is_right_or_refused(taps, n, place):
    check_point(taps, n, index_of(taps, n, place))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(weights(), POWERS, PLACES)
def test_every_logarithm_obeys_the_laws_of_powers(taps, n, place):
    check_laws(taps, n, index_of(taps, n, place))


@given(st.integers(2, 64), POWERS, PLACES)
def test_uniform_powers_are_log_concave(k, n, place):
    t = index_of([1] * k, n, place)
    before, here, after = em.log_coefficients([1] * k, n, at=[t - 1, t, t + 1])
    assert 2 * here >= before + after - 4e-12 - 2e-15 * abs(here)


@given(weights(), st.integers(0, 40))
def test_every_share_of_a_short_row_keeps_its_digits(taps, n):
    logs, total = exact_logs([(taps, n, 1)]), log_total([(taps, n, 1)])
    check_log(em.log_coefficients(taps, n), logs)
    check_relative(
        em.distribution(taps, n).pmf(np.arange(len(logs))), np.array([MP.exp(v - total) for v in logs])
    )


@pytest.mark.parametrize(("taps", "n", "t"), [([1, 2, 0, 1], 10**12, 10**12), ([1, 1e-6, 1], 1000, 501)])
def test_the_oracle_says_the_same_without_flint(monkeypatch, taps, n, t):
    factors = [(taps, n, 1)]
    answers = [log_coefficient(factors, t), log_tail(factors, t, "lower"), exact_logs([(taps, 30, 1)])[20]]
    monkeypatch.setattr(oracles_tails, "flint", None)
    again = [log_coefficient(factors, t), log_tail(factors, t, "lower"), exact_logs([(taps, 30, 1)])[20]]
    assert max(abs(a - b) for a, b in zip(answers, again, strict=True)) < 1e-14


@pytest.mark.parametrize("taps", [[1, 1e-6, 1], [1, 0, 0, 1, 1e-9], [3, 1], [1] * 9])
def test_the_integral_agrees_with_exact_integers(taps):
    factors = [(taps, 60, 1)]
    logs, (lower, _) = exact_logs(factors), exact_tails(factors)
    for t in range(0, len(logs), 7):
        truth = log_coefficient(factors, t)
        assert truth == logs[t] or abs(truth - logs[t]) < 1e-15
        assert abs(log_tail(factors, t, "lower") - lower[t]) < 1e-15
