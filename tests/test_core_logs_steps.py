"""Which way logarithms, tails and windows take, and that each way gives exact numbers."""

import functools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from oracles_tails import exact_row, exact_shares, exact_tails, log_of

import erfmath as em
from erfmath.core import kept_rows, logs
from erfmath.core.saddle import points, tails
from erfmath.core.saddle.integral import NoBellShape
from erfmath.core.saddle.law import law_of
from erfmath.core.tilted import enclosures
from erfmath.core.tilted.readings import KNOWN

MP = mpmath.mp.clone()
MP.dps = 60

SHORT = [([0, 1, 2, 0], 9, 2), ([3, 0, 1], 4, 1), ([0, 5], 2, 3)]
LONG = [([0, 1, 3, 2], 3000, 1)]
MANY = [([j + 1, 260 - j], 1, 2) for j in range(258)]
WINDOWS = [([1] * 120, 70, 1)]


@functools.cache
def _truths(product):
    if max(n for _, n, _ in product) * len(product) > 1000 or len(product[0][0]) > 100:
        pytest.importorskip("flint", reason="exact rows of thousands of entries take python-flint")
    return exact_row([(list(weights), n, step) for weights, n, step in product])


def truths(product):
    """(row from the first coefficient to the last that is not 0, index of the first, sum)."""
    row, denominator = _truths(tuple((tuple(weights), n, step) for weights, n, step in product))
    inside = [t for t, c in enumerate(row) if c]
    return row[inside[0] : inside[-1] + 1], inside[0], denominator


def check_points(product, normalised, at):
    row, first, denominator = truths(product)
    unit = sum(row) if normalised else denominator
    found = logs.log_coefficients_at(em.Product(product), np.array(at) + first, normalised)
    assert len(found) == len(at)
    for t, log in zip(at, found.tolist(), strict=True):
        if 0 <= t < len(row) and row[t]:
            truth = log_of(Fraction(row[t], unit))
            assert abs(log - truth) <= 1e-12 + 4e-16 * abs(truth), t
        else:
            assert log == -math.inf


def check_tails(product, at):
    row, first, _ = truths(product)
    total = sum(row)
    for side in ("lower", "upper"):
        found = logs.log_tail_at(em.Product(product), np.array(at) + first, side)
        for t, log in zip(at, found.tolist(), strict=True):
            part = sum(row[: max(t + 1, 0)]) if side == "lower" else sum(row[max(t, 0) :])
            if part in (0, total):
                assert log == (0.0 if part else -math.inf)
            else:
                rest = MP.mpf(total - part) / total
                truth = MP.log1p(-rest) if 2 * part > total else MP.log(MP.mpf(part)) - MP.log(MP.mpf(total))
                assert abs(log - truth) <= 1e-12 + 4e-16 * abs(truth)


WAYS = {"short": SHORT, "long": LONG, "many": MANY, "windows": WINDOWS}


@pytest.mark.parametrize("way", WAYS)
def test_points_and_tails_inside_and_outside_of_the_row(way):
    row, first, _ = truths(WAYS[way])
    last = len(row) - 1
    at = [-5, -1, 0, 1, 2, last // 3, last // 2, last - 7, last - 1, last, last + 1, last + 9]
    for normalised in (True, False):
        check_points(WAYS[way], normalised, at)
    check_tails(WAYS[way], at)
    assert logs.ends(em.Product(WAYS[way])) == (first, first + last)


@pytest.mark.parametrize("way", ["long", "windows"])
def test_rows_that_are_kept_answer_with_integrals_for_the_rest(way, monkeypatch):
    product = WAYS[way]
    row, first, _ = truths(product)
    shares = exact_shares(product)[first : first + len(row)]
    middle = len(row) // 2
    asked = []

    def known(polynomial, t, kind):
        asked.append((polynomial, kind))
        parts = {"share": shares, "lower": np.cumsum(shares), "upper": np.cumsum(shares[::-1])[::-1]}
        return np.where(t % 2 == 0, np.log(parts[kind][np.clip(t, 0, len(row) - 1)]), np.nan)

    monkeypatch.setattr(kept_rows, "known", known)
    at = [middle, middle + 1, middle + 40, middle - 31]
    check_points(product, True, at)
    check_points(product, False, at)
    check_tails(product, at)
    assert asked == [(em.Product(product), kind) for kind in ("share", "share", "lower", "upper")]


def refuse(law, t, *_, **__):
    raise NoBellShape(law, 0, "on purpose")


def test_without_a_bell_points_tails_and_rows_come_from_the_table(monkeypatch):
    for module, name in [
        (points, "log_coefficients"),
        (tails, "log_tail"),
        (logs.rows, "log_row"),
        (logs.rows, "row"),
    ]:
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(logs, "takes_convolution", lambda _: False)
    monkeypatch.setattr(logs, "takes_windows", lambda _: False)
    row, first, _ = truths(LONG)
    last = len(row) - 1
    at = [-3, 0, 1, last // 2, last - 1, last, last + 2]
    check_points(LONG, True, at)
    check_points(LONG, False, at)
    check_tails(LONG, at)
    polynomial = em.Product(LONG)
    whole = logs.log_row(polynomial, True)
    assert len(whole) == polynomial.shape[0]
    assert (whole[:first] == -np.inf).all()
    table = logs.table_of(polynomial).logs(True)
    assert whole[first:].tolist() == table.tolist()
    begin, shares = logs.normalised_window(polynomial, first + 100, first + 130)
    assert (begin, len(shares)) == (first + 100, 31)
    np.testing.assert_allclose(shares, np.exp(table[100:131]), rtol=1e-11)
    begin, shares = logs.normalised_window(polynomial)
    assert (begin, len(shares)) == (first, last + 1)
    monkeypatch.setattr(logs, "_LONGEST_TABLE", 10)
    for read in (
        lambda: logs.log_coefficients_at(polynomial, np.array([500]), True),
        lambda: logs.log_tail_at(polynomial, np.array([500]), "lower"),
        lambda: logs.log_row(polynomial, True),
        lambda: logs.normalised_window(polynomial),
    ):
        with pytest.raises(
            ValueError, match=r"fails at index 0: on purpose; and the row of 9e\+03 coefficients is too long"
        ):
            read()


def test_tables_have_a_longest_row_and_a_largest_work(monkeypatch):
    polynomial = em.Product(LONG)
    size, work = 9001, logs.direct_operations(polynomial)
    for longest, most, is_refused in [
        (size, work, False),
        (size - 1, work, True),
        (size, work * 0.999, True),
    ]:
        monkeypatch.setattr(logs, "_LONGEST_TABLE", longest)
        monkeypatch.setattr(logs, "_MOST_OPERATIONS", most)
        if is_refused:
            with pytest.raises(ValueError, match=r"^some reason; and the row of 9e\+03 .* method='exact'"):
                logs.require_table(polynomial, "some reason")
        else:
            logs.require_table(polynomial, "some reason")


@pytest.mark.parametrize("way", ["short", "long", "many"])
def test_rows_of_logarithms_are_exact(way):
    row, first, denominator = truths(WAYS[way])
    total = sum(row)
    for normalised in (True, False):
        found = logs.log_row(em.Product(WAYS[way]), normalised)
        assert (found[:first] == -np.inf).all()
        assert (found[first + len(row) :] == -np.inf).all()
        for t in {*range(0, len(row), max(1, len(row) // 9)), len(row) - 1}:
            truth = log_of(Fraction(row[t], total if normalised else denominator))
            value = found[first + t]
            assert value == truth if MP.isinf(truth) else abs(value - truth) <= 1e-12 + 4e-16 * abs(truth)


@pytest.mark.parametrize(
    ("product", "short", "many"),
    [
        ([([1, 1], 8191, 1)], True, False),
        ([([1, 1], 8192, 1)], False, False),
        ([([1] * 4096, 64, 1)], True, False),
        ([([1] * 4098, 64, 1)], False, False),
        ([([1] * 4000, 65, 1)], False, False),
        ([([j + 1, 300], 1, 1) for j in range(256)], True, False),
        ([([j + 1, 300], 1, 1) for j in range(257)], False, True),
        ([([j + 1] + [1] * 910, 1, 1) for j in range(9)], False, True),
        ([([j + 1] + [1] * 909, 1, 1) for j in range(9)], True, False),
        ([([j + 1] + [1] * (911 if j else 895), 1, 1) for j in range(9)], True, False),
        ([([j + 1] + [1] * 1100, 1, 1) for j in range(8)], False, False),
        ([([[1, j + 1], [1, 1]], 1, (1, 1)) for j in range(257)], False, False),
        ([([-j - 1, 300], 1, 1) for j in range(257)], True, False),
    ],
)
def test_rows_are_short_long_or_of_many_factors(product, short, many):
    polynomial = em.Product(product)
    assert logs.has_many_factors(polynomial) == many
    if len(product) != 8 and polynomial.ndim == 1:
        assert logs.is_short(polynomial) == short


def test_what_windows_do_not_know_of_many_factors_comes_from_elsewhere(monkeypatch):
    def unsure(read):
        def reading(*args):
            found, known = read(*args)
            known = np.arange(known.size).reshape(known.shape) % 3 != 1
            return np.where(known, found, np.nan), known

        return reading

    for name in ("log_tails", "log_shares"):
        monkeypatch.setattr(enclosures, name, unsure(getattr(enclosures, name)))
    asked = []

    def elsewhere(polynomial, t, what):
        asked.append((polynomial, t.tolist(), what))
        return -1e3 - t

    monkeypatch.setattr(logs, "_log_coefficients_at", elsewhere)
    monkeypatch.setattr(logs, "_log_tail_at", elsewhere)
    polynomial, t = em.Product(MANY), np.array([[200, 202], [204, 206]])
    whole = em.distribution(polynomial).logpmf(t)
    total = logs._log_total(polynomial)
    for normalised, unit in ((True, 0.0), (False, total)):
        found = logs.log_coefficients_at(polynomial, t, normalised)
        assert found[0, 1] == -1202
        np.testing.assert_allclose(
            found[[0, 1, 1], [0, 0, 1]], whole[[0, 1, 1], [0, 0, 1]] + unit, rtol=1e-12
        )
    for side in ("lower", "upper"):
        found = logs.log_tail_at(polynomial, t, side)
        assert found[0, 1] == -1202
        assert (found[[0, 1, 1], [0, 0, 1]] <= 0).all()
    places = [(polynomial, [202], what) for what in (True, True, False, "lower", "upper")]
    assert asked == places


def test_the_centre_of_many_factors():
    polynomial = em.Product(MANY)
    shares = exact_shares(MANY)[::2]
    found = logs.bulk_of_many(polynomial)
    start = logs.reader_of(polynomial).centre.start
    inside = np.pad(shares, (0, len(found)))[start : start + len(found)]
    np.testing.assert_allclose(found, inside, rtol=0, atol=1e-15)
    assert (found >= 0).all()
    mean, deviation = logs.moments_of_many(polynomial)
    first = math.fsum(2 * t * p for t, p in enumerate(shares))
    assert mean == pytest.approx(first, rel=1e-12)
    assert deviation == pytest.approx(
        math.sqrt(math.fsum((2 * t - first) ** 2 * p for t, p in enumerate(shares))), rel=1e-12
    )
    assert 1e-12 <= logs.error_of_many(polynomial) <= KNOWN
    uniform = np.array([0.0, 1e-9, 0.25, 0.5, 0.999, 1 - 1e-16])
    places = logs.quantiles_of_many(polynomial, uniform)
    sums = np.cumsum(shares)
    for u, place in zip(uniform.tolist(), places.tolist(), strict=True):
        assert place % 2 == 0
        assert sums[place // 2] >= u - 1e-12
        assert place == 0 or sums[place // 2 - 1] <= u + 1e-12
    assert places.max() <= 516


@pytest.mark.parametrize(
    ("first", "last"), [(0, 600), (271, 340), (300, 300), (301, 301), (-7, 20), (590, 610)]
)
def test_windows_of_many_factors_on_and_off_the_lattice(first, last):
    shares = exact_shares(MANY)
    begin, found = logs.normalised_window(em.Product(MANY), first, last)
    assert (begin, len(found)) == (first, last - first + 1)
    for t, value in enumerate(found.tolist(), first):
        exact = shares[t] if 0 <= t < len(shares) else 0.0
        assert value == pytest.approx(exact, rel=1e-11, abs=1e-300)


def test_profiles_of_long_rows_alone():
    assert logs.log_profile_of(em.Product(SHORT), 0, 9) is None
    assert logs.log_profile_of(em.Product(MANY), 0, 9) is None
    profile = logs.log_profile_of(em.Product([([1, 2, 3], 9000, 3)]), 3 * 11000 + 1, 3 * 11900 + 2)
    singles = [(t, t) for t in profile.single.tolist()]
    covered = sorted([(p.lo, p.hi) for p in profile.pieces] + singles)
    assert (covered[0][0], covered[-1][1]) == (11001, 11900)


def test_quantiles_are_cheap_where_a_lobe_shows_them(monkeypatch):
    assert not logs.has_cheap_quantiles(em.Product(SHORT))
    assert not logs.has_cheap_quantiles(em.Product(MANY))
    assert not logs.has_cheap_quantiles(em.Product(LONG))
    assert logs.has_cheap_quantiles(em.Product([([1] * 60, 9000, 1)])) is True
    asked = []
    monkeypatch.setattr(kept_rows, "keep", asked.append)
    for product in (SHORT, MANY, LONG):
        logs.prepare_quantiles(em.Product(product))
    assert asked == [em.Product(LONG)]


def test_logarithms_of_the_sum():
    for product in (SHORT, LONG, [([Fraction(1, 3), Fraction(1, 10**400)], 10**6, 1)]):
        truth = MP.fsum(n * log_of(sum(map(Fraction, weights))) for weights, n, _ in product)
        assert logs._log_total(em.Product(product)) == pytest.approx(float(truth), rel=1e-15, abs=0)


def test_values_are_looked_up_inside_and_given_outside():
    values = np.array([1.0, 2.0, 3.0])
    found = logs._look_up(values, np.array([[-1, 0, 2], [3, 1, -9]]), -7.0, 9.0)
    assert found.tolist() == [[-7, 1, 3], [9, 2, -7]]


@pytest.mark.parametrize(
    ("product", "step"),
    [
        ([([0, 1, 0, 0, 5], 3, 2)], 6),
        ([([1, 1], 3, 4), ([1, 0, 1], 2, 3)], 2),
        ([([7], 3, 4)], 1),
        ([([1, 1], 0, 4), ([1, 1], 1, 6)], 6),
        ([([0, 3], 5, 4)], 1),
    ],
)
def test_steps_and_ends_of_rows(product, step):
    polynomial = em.Product(product)
    assert logs.step_of(polynomial) == step
    row, _ = exact_row(product)
    inside = [t for t, c in enumerate(row) if c]
    assert logs.ends(polynomial) == (inside[0], inside[-1])


def test_ends_and_tables_of_packed_rows():
    polynomial = em.Product([([[0, 2, 1], [0, 0, 3]], 2, (1, 2)), ([[1, 1]], 1, (1, 1))])
    grid = em.coefficients(polynomial, method="exact")
    packed = grid.ravel().tolist()
    inside = [t for t, c in enumerate(packed) if c]
    assert logs.ends(polynomial) == (inside[0], inside[-1])
    table = logs.table_of(polynomial)
    for log, c in zip(table.logs(False).tolist(), packed[inside[0] : inside[-1] + 1], strict=True):
        assert log == pytest.approx(math.log(c) if c else -math.inf, rel=1e-14, abs=1e-14)
    lower, _ = exact_tails([([1, 2], 5, 1)])
    assert logs.table_of(
        em.Product([([0, 1, 2, 0], 5, 1), ([1, 1], 0, 1)])
    ).log_lower.tolist() == pytest.approx([float(x) for x in lower], rel=1e-13, abs=1e-300)


def test_memory_of_a_window_of_integrals(monkeypatch):
    asked = []
    monkeypatch.setattr(logs, "check_memory", lambda size, what, remedy: asked.append((size, what, remedy)))
    polynomial = em.Product([([0, 1, 2, 1], 10**5, 1)])
    logs.normalised_window(polynomial, 10**5 + 7, 10**5 + 16)
    assert asked == [(240, "the window of 10 probabilities", "use pmf(), logpmf() or cdf()")]
    begin, shares = logs.normalised_window(polynomial)
    lo, hi = logs.rows.window(law_of(polynomial))
    assert (begin, len(shares)) == (10**5 + lo, hi - lo + 1)
    assert asked[1][0] == 24 * (hi - lo + 1)
