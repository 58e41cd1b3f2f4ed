"""What is read from tilted windows, and the intervals made of it: exact shares, and the bounds they state."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row

import erfmath as em
from erfmath.core.tilted import enclosures, readings
from erfmath.core.tilted.factors import UNIT, factors_of
from erfmath.core.tilted.readings import KNOWN, Reader, Reading, reader_of
from erfmath.core.tilted.spectrum import U
from erfmath.core.tilted.window import Window

MP = mpmath.mp.clone()
MP.dps = 60

ROWS = {
    "steps": [([1, 2, 3, 1], 30, 2), ([4, 0, 1], 20, 1)],
    "bernoullis": [([j + 1, 40 - j], 1, 1) for j in range(39)],
    "long": [([1, 2, 3], 700, 1)],
}


def exact_law(name):
    """Shares from the first coefficient to the last in steps of the span, and the span."""
    row, _ = exact_row(ROWS[name])
    inside = [t for t, c in enumerate(row) if c]
    span = math.gcd(*(t - inside[0] for t in inside))
    total = sum(row)
    return [Fraction(c, total) for c in row[inside[0] : inside[-1] + 1 : span]], span


def number(reading):
    """The number that a reading stands for."""
    scale = MP.mpf(float(reading.scale)) + MP.mpf(float(reading.scale - np.longdouble(float(reading.scale))))
    return MP.exp(scale) * MP.mpf(reading.value)


def mp(share):
    return MP.mpf(share.numerator) / share.denominator


@pytest.mark.parametrize("name", ROWS)
def test_points_and_tails_lie_within_the_errors_of_their_readings(name):
    shares, _ = exact_law(name)
    reader, last = Reader(factors_of(em.Product(ROWS[name]))), len(shares) - 1
    for t in sorted({0, 1, 2, last // 5, last // 2, last // 2 + 1, last - 9, last - 1, last}):
        found = reader.coefficient(t)
        truth = mp(shares[t])
        assert abs(number(found) / truth - 1) <= found.relative_error < 100 * KNOWN
        low, high = found.bounds
        assert low <= truth <= high
        side = "upper" if reader.is_upper(t) else "lower"
        assert reader.is_upper(t) == (t > sum(x * p for x, p in enumerate(shares)))
        parts = shares[t:] if side == "upper" else shares[: t + 1]
        tail = reader.tail(t, side)
        assert abs(number(tail) / mp(sum(parts)) - 1) <= tail.relative_error < 100 * KNOWN
    for t in (-1, last + 1):
        assert reader.coefficient(t) == Reading(np.longdouble(0), 0.0, 0.0, 0.0)
    assert [reader.tail(t, "lower").value for t in (-1, last + 1)] == [0, 1]
    assert [reader.tail(t, "upper").value for t in (-1, last + 1)] == [1, 0]
    assert 1e-12 <= reader.known <= KNOWN


def test_a_law_of_one_point_is_read_exactly():
    reader = Reader(factors_of(em.Product([([3], 4, 1)])))
    assert [reader.coefficient(t).value for t in (-1, 0, 1)] == [0, 1, 0]
    assert [reader.tail(t, "lower").value for t in (-1, 0, 1)] == [0, 1, 1]
    assert [reader.tail(t, "upper").value for t in (-1, 0, 1)] == [1, 1, 0]
    assert reader.coefficient(0).error == reader.coefficient(0).scale_error == 0.0


def view(values, start=10, theta=0.0, error=1e-16, outside=1e-20):
    return Window(theta, start, np.array(values), error, outside, np.longdouble(0), 0.0)


def test_a_window_shows_what_is_near_its_peak_or_far_above_its_error():
    seen = view([1e-5, 0.2, 0.8, 0.2 * (1 - 1e-15), 0.1], error=1.0)
    assert [readings._shows(seen, t) for t in range(9, 16)] == [False, False, True, True, False, False, False]
    seen = view([2e-4, 0.8, 1.99e-4], error=1.995e-4 / readings._DIGITS)
    assert [readings._shows(seen, t) for t in range(9, 14)] == [False, True, True, False, False]


def test_what_is_known_is_sixteen_times_the_centre_between_two_bounds():
    for error, known in [(1e-15, 1e-12), (1e-13, readings._OF_THE_CENTRE * 1e-13), (1e-6, KNOWN)]:
        reader = Reader(factors_of(em.Product([([1, 1], 9, 1)])))
        reader.__dict__["centre"] = view([0.5, 1.0], error=error)
        assert reader.known == pytest.approx(known, rel=1e-12, abs=0)


def test_windows_are_made_once_and_few_are_kept(monkeypatch):
    reader = Reader(factors_of(em.Product(ROWS["long"])))
    first = reader.window_at(900)
    assert reader.window_at(901) is first
    assert reader.window_at(300) is not first
    assert reader.windows[0] is first
    assert reader.window_at(900) is first
    monkeypatch.setattr(readings, "_WINDOWS", 2)
    third = reader.window_at(100)
    assert len(reader.windows) == 2
    assert reader.windows[-1] is third
    assert first not in reader.windows


def test_windows_beyond_a_point_have_their_peak_further_on():
    reader = Reader(factors_of(em.Product(ROWS["long"])))
    first = reader.window_beyond(930, 1)
    assert first is reader.windows[0]
    assert reader.window_beyond(931, 1) is first
    seen = [t for t in range(first.start, first.stop) if readings._shows(first, t)]
    for t, sign in ((seen[-1] + 1, 1), (seen[0] - 1, -1)):
        found = reader.window_beyond(t, sign)
        assert found is not first
        assert readings._shows(found, t)
        assert sign * (found.mode - t) > first.deviation
        assert sign * (found.mode - t) < 2.2 * first.deviation


@pytest.mark.parametrize(("theta", "side"), [(0.0, "upper"), (0.3, "upper"), (-0.3, "lower"), (0.3, "lower")])
def test_tails_sum_what_the_window_shows_and_bound_the_rest(theta, side):
    values = [0.05, 0.2, 0.5, 0.2, 0.05]
    seen = view(values, theta=theta, error=1e-3, outside=1e-2)
    reader = Reader(factors_of(em.Product([([1, 1], 30, 1)])))
    reader.__dict__["centre"] = view([0.1, 0.3, 0.4, 0.1, 0.1], error=2e-3, outside=3e-2)
    found = reader._tail_in(seen, 11, side)
    if theta > 0 and side == "lower":  # tilted the other way: the centre is read instead
        assert found.value == pytest.approx(0.3 + 0.1, rel=1e-15, abs=0)
        assert found.error == pytest.approx(2e-3 * 2 * 1.001 + 3e-2, rel=1e-12, abs=0)
        return
    terms = values[1:] if side == "upper" else values[1::-1]
    falls = [math.exp(-abs(theta) * j) for j in range(len(terms))]
    assert found.value == pytest.approx(
        sum(a * b for a, b in zip(terms, falls, strict=True)), rel=1e-15, abs=0
    )
    assert found.error == pytest.approx(1e-3 * sum(falls) * 1.001 + 1e-2, rel=1e-12, abs=0)
    assert float(found.scale) == pytest.approx(-theta * 11, rel=1e-15, abs=0)


def test_tails_that_fall_off_fast_are_cut():
    reader = Reader(factors_of(em.Product([([1, 1], 30, 1)])))
    seen = view(np.full(100, 0.5), theta=2.0, error=0.0, outside=0.0)
    found = reader._tail_in(seen, 10, "upper")
    kept = 41
    exact = sum(0.5 * math.exp(-2 * j) for j in range(kept))
    rounding = U * (kept.bit_length() + 30) * exact
    assert found.value == pytest.approx(exact, rel=1e-15, abs=0)
    assert found.error == pytest.approx(rounding + math.exp(-80), rel=1e-9, abs=0)
    short = view(np.full(30, 0.5), theta=2.0, error=0.0, outside=0.0)
    exact = sum(0.5 * math.exp(-2 * j) for j in range(30))
    found = reader._tail_in(short, 10, "upper")
    assert found.error == pytest.approx(U * (5 + 30) * exact, rel=1e-9, abs=0)


def test_a_tail_without_digits_is_read_again_at_its_own_point(monkeypatch):
    reader = Reader(factors_of(em.Product(ROWS["long"])))
    made = []
    real = Reader._made_at
    monkeypatch.setattr(Reader, "_made_at", lambda self, mean: made.append(mean) or real(self, mean))
    ready = reader.tail(1000, "upper")
    made.clear()
    reader.__dict__["known"] = ready.relative_error
    assert reader.tail(1000, "upper") == ready
    assert made == []
    reader.__dict__["known"] = ready.relative_error * (1 - 1e-9)
    found = reader.tail(1000, "upper")
    assert made == [1000.0]
    assert number(found) == pytest.approx(number(ready), rel=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_floats_of_a_row_are_those_from_first_to_last(name):
    shares, _ = exact_law(name)
    last = len(shares) - 1
    for first, end in [(0, last), (3, last - 2), (last // 2, last), (1, last // 3), (5, 5)]:
        start, found = readings.floats(reader_of(em.Product(ROWS[name])), first, end)
        exact = np.array([float(p) for p in shares[start : start + len(found)]])
        assert start >= first
        assert start + len(found) - 1 <= end
        np.testing.assert_allclose(found[exact > 1e-300], exact[exact > 1e-300], rtol=1e-11)
        assert all(p < 2.0**-1022 for p in shares[first:start] + shares[start + len(found) : end + 1])


def test_what_is_read_outwards_has_digits(monkeypatch):
    """A first value that is neither near the peak nor far above the error is taken where it is known."""
    reader = Reader(factors_of(em.Product([([1, 1], 30, 1)])))
    unit = 1e-3 / readings._DIGITS
    reader.__dict__["known"] = 2 / readings._DIGITS
    values = np.array([1.0, 0.3, 0.2, 1e-3, 1e-3])
    for error, start, count in [
        (0.9 * unit, 10, 5),
        (9 * unit, 10, 2),
        (0.9 * unit, 13, 2),
        (1.9 * unit, 13, 1),
    ]:
        seen = view(values, error=error)
        monkeypatch.setattr(Reader, "window_beyond", lambda *_, seen=seen: seen)
        found = readings._outwards(reader, start, start + count - 1, 1)
        assert found.tolist() == pytest.approx(
            values[start - 10 : start - 10 + count].tolist(), rel=1e-15, abs=0
        )
    poor = view(values, error=2.1 * unit)
    monkeypatch.setattr(Reader, "window_beyond", lambda *_: poor)
    assert readings._outwards(reader, 13, 14, 1) is None
    assert readings._outwards(reader, 13, 12, 1).tolist() == []


def test_rows_with_holes_are_not_read():
    holes = em.Product([([1, 1], 2, 1), ([1, 1], 3, 20)])
    assert readings.floats(reader_of(holes), 0, 62) is None


# ---------------------------------------------------------------- enclosures


@pytest.mark.parametrize("name", ["steps", "bernoullis"])
def test_logs_of_shares_and_tails_on_and_off_the_lattice(name):
    shares, span = exact_law(name)
    polynomial, last = em.Product(ROWS[name]), span * (len(shares) - 1)
    t = np.array([[-2, -1, 0, 1, 2], [span * 5, last // 2, last, last + 1, last + span]])
    logs, known = enclosures.log_shares(polynomial, t)
    assert logs.shape == known.shape == (2, 5)
    assert known.all() or UNIT == U
    for place, log in zip(t.ravel().tolist(), logs.ravel().tolist(), strict=True):
        if place % span or not 0 <= place <= last:
            assert log == -math.inf
        else:
            truth = float(MP.log(mp(shares[place // span])))
            assert log == pytest.approx(truth, rel=1e-14, abs=0.1 * KNOWN)
    for side in ("lower", "upper"):
        logs, known = enclosures.log_tails(polynomial, t, side)
        assert known.all() or UNIT == U
        for place, log in zip(t.ravel().tolist(), logs.ravel().tolist(), strict=True):
            at = math.floor(place / span) if side == "lower" else math.ceil(place / span)
            parts = shares[: max(at + 1, 0)] if side == "lower" else shares[max(at, 0) :]
            truth = mp(sum(parts)) if parts else MP.mpf(0)
            assert log == pytest.approx(
                float(MP.log(truth)) if truth else -math.inf, rel=1e-14, abs=0.1 * KNOWN
            )


@pytest.mark.parametrize("name", ROWS)
def test_intervals_hold_exact_numbers_and_are_narrow(name):
    shares, span = exact_law(name)
    polynomial, last = em.Product(ROWS[name]), span * (len(shares) - 1)
    for t in (-1, 0, 1, span, 3 * span, last // 2, last - 1, last, last + 1):
        at = math.floor(t / span)
        exact = {
            "pmf": shares[at] if t % span == 0 and 0 <= t <= last else Fraction(0),
            "cdf": sum(shares[: max(at + 1, 0)], Fraction(0)),
            "sf": sum(shares[max(at + 1, 0) :], Fraction(0)),
        }
        for kind, truth in exact.items():
            low, high = enclosures.enclose(polynomial, t, kind)
            assert Fraction(low) <= truth <= Fraction(high)
            assert high - low <= 2e-9 * high or high < 1e-300
            assert high <= 1.0
            if truth in (0, 1):
                assert low == high == truth


def test_the_larger_tail_is_one_less_the_smaller():
    reader = reader_of(em.Product(ROWS["steps"]))
    shares, span = exact_law("steps")
    middle = reader.factors.mean
    for t, side, small, at, read in [
        (span * 3, "lower", True, 3, "lower"),
        (span * 3, "upper", False, 2, "lower"),
        (span * 3 + 1, "lower", True, 3 if span > 1 else 4, "lower"),
        (span * (len(shares) - 3), "upper", True, len(shares) - 3, "upper"),
        (span * (len(shares) - 3), "lower", False, len(shares) - 2, "upper"),
    ]:
        found, reading = enclosures._tail(reader, t, side)
        assert (found, reading) == (small, reader.tail(at, read))
    assert 3 < middle < len(shares) - 3


def test_errors_of_the_rest():
    log, wrong = enclosures._of_the_rest(math.log(0.25), 1e-9)
    assert log == pytest.approx(math.log(0.75), rel=1e-15, abs=0)
    assert wrong == pytest.approx(1e-9 / 3, rel=1e-12, abs=0)


def test_wide_intervals_come_from_integers_where_the_row_is_short():
    polynomial = em.Product([([0, 1, 2, Fraction(1, 3)], 5, 2), ([0, 3], 2, 1), ([1, 1], 1, 1)])
    values, total = enclosures._integers(polynomial)
    exact = [Fraction(v, total) for v in values]
    row, _ = exact_row([([1, 2, Fraction(1, 3)], 5, 2), ([1, 1], 1, 1)])
    assert exact == [Fraction(c, sum(row)) for c in row]
    wide = Reading(np.longdouble(0), 0.0, 0.5, 0.4)
    for kind, truth in (("pmf", exact[4]), ("cdf", sum(exact[:5])), ("sf", sum(exact[5:]))):
        low, high = enclosures._narrow(polynomial, wide, 4, kind)
        assert Fraction(low) <= truth <= Fraction(high)
        assert high - low <= 2.0**-51
    half = em.Product([([1, 1], 1, 1)])
    assert enclosures._narrow(half, wide, 0, "pmf") == (0.5, 0.5)
    edge = Reading(np.longdouble(0), 0.0, 0.5, 0.5e-9)
    assert enclosures._narrow(half, edge, 0, "pmf") == edge.bounds
    beyond = Reading(np.longdouble(0), 0.0, 0.5, 0.51e-9)
    assert enclosures._narrow(half, beyond, 0, "pmf") == (0.5, 0.5)
    full = Reading(np.longdouble(0), 0.0, 1.0, 1e-12)
    assert enclosures._narrow(half, full, 0, "pmf")[1] == 1.0


def test_integers_are_asked_of_short_rows_alone():
    for polynomial, is_easy in [
        (em.Product([([1, 1], 200, 1)]), True),
        (em.Product([([1, 1], 491, 1)]), True),
        (em.Product([([1, 1], 500, 1)]), False),  # 501 coefficients of 500 * 68 bits
        (em.Product([([1] * 8192, 1, 1)]), True),
        (em.Product([([1] * 8193, 1, 1)]), False),
    ]:
        assert enclosures._is_easily_exact(polynomial) == is_easy


def test_what_has_more_error_than_the_reader_allows_is_not_known(monkeypatch):
    polynomial = em.Product(ROWS["bernoullis"])
    limit = reader_of(polynomial).known
    errors = {3: 0.0, 4: 0.2 * limit, 5: 0.6 * limit, 36: 0.6 * limit}

    def poor(self, t, side=None):
        return Reading(np.longdouble(-1), 0.0, 0.5, errors[t])

    monkeypatch.setattr(Reader, "coefficient", poor)
    monkeypatch.setattr(Reader, "tail", poor)
    logs, known = enclosures.log_shares(polynomial, np.array([[3, 4], [5, 3]]))
    assert known.tolist() == [[True, True], [False, True]]
    assert logs.ravel().tolist() == pytest.approx([-1 + math.log(0.5)] * 4, rel=1e-15, abs=0)
    for side, t in (("lower", [3, 4, 5]), ("upper", [36])):
        assert enclosures.log_tails(polynomial, np.array(t), side)[1].tolist() == [x < 5 for x in t]
    # the rest of e^-1 / 2 is wrong by as much, of a larger number
    errors |= {3: 0.0, 4: 1.5 * limit, 5: 3.0 * limit}
    share = math.exp(-1) / 2
    found, known = enclosures.log_tails(polynomial, np.array([4, 5, 6]), "upper")
    assert known.tolist() == [2 * errors[t] * share / (1 - share) <= limit for t in (3, 4, 5)]
    assert found.tolist() == pytest.approx([math.log1p(-share)] * 3, rel=1e-14, abs=0)


def test_intervals_are_narrowed_by_what_they_are_of(monkeypatch):
    asked = []

    def narrow(polynomial, reading, t, kind):
        asked.append((polynomial, t, kind))
        return 0.25, 0.5

    monkeypatch.setattr(enclosures, "_narrow", narrow)
    polynomial = em.Product(ROWS["bernoullis"])
    few = (0.25, 0.5)
    rest = (math.nextafter(0.5, 0), math.nextafter(0.75, 1))
    for t, kind, found, of in [
        (5, "pmf", few, "pmf"),
        (5, "cdf", few, "cdf"),
        (5, "sf", rest, "cdf"),
        (33, "cdf", rest, "sf"),
        (33, "sf", few, "sf"),
    ]:
        assert enclosures.enclose(polynomial, t, kind) == found
        assert asked.pop() == (polynomial, t, of)


def test_neighbours_of_floats():
    assert enclosures._below(0.0) == 0.0
    assert enclosures._below(1.0) == 1 - 2.0**-53
    assert enclosures._above(1.0) == 1 + 2.0**-52
    assert enclosures._above(0.0) == 2.0**-1074
