"""Windows of tilted rows: what they say lies in the bounds they state, against exact integers."""

import itertools
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.core.tilted import enclosures, spectrum
from erfmath.core.tilted.enclosures import log_tails
from erfmath.core.tilted.factors import factors_of, moments, tilt_to
from erfmath.core.tilted.readings import KNOWN, reader_of
from erfmath.core.tilted.window import window

weights = st.one_of(
    st.integers(0, 9), st.floats(1e-12, 1.0), st.fractions(0, 1, max_denominator=50), st.just(1e-250)
)
kernels = st.lists(weights, min_size=1, max_size=8).filter(any)
wide = st.builds(
    lambda k, seed: np.random.default_rng(seed).random(k).tolist(), st.integers(9, 64), st.integers(0, 9)
)
factors = st.tuples(st.one_of(kernels, kernels, wide), st.integers(1, 8), st.integers(1, 5))
products = st.lists(factors, min_size=1, max_size=3).map(em.Product)


def exact_row(polynomial):
    """Return the coefficients from the first to the last as integers up to scale: digits of one product."""
    parts = []
    for kernel, n, (step,) in polynomial.factors:
        unit, first = math.lcm(*(w.denominator for _, w in kernel.taps())), next(kernel.taps())[0][0]
        parts.append(([(step * (x - first), int(w * unit)) for (x,), w in kernel.taps()], n))
    digit = math.prod(sum(w for _, w in taps) ** n for taps, n in parts).bit_length() // 8 + 1
    product = math.prod(sum(w << (8 * digit * x) for x, w in taps) ** n for taps, n in parts)
    packed = product.to_bytes(product.bit_length() // 8 + 1, "little")
    return [int.from_bytes(packed[i : i + digit], "little") for i in range(0, len(packed), digit)]


@given(products, st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_enclosures_hold_the_exact_number(polynomial, places):
    d, row = em.distribution(polynomial), exact_row(polynomial)
    low, total = d.support()[0], sum(row)
    below = list(itertools.accumulate(row))
    for t in {round(place * (len(row) - 1)) for place in places}:
        ways = {"pmf": row[t], "cdf": below[t], "sf": total - below[t]}
        for kind, count in ways.items():
            lower, upper = d.enclose(low + t, kind=kind)
            assert Fraction(lower) <= Fraction(count, total) <= Fraction(upper)
            if count * 10**290 > total:
                assert upper - lower <= 2e-9 * upper
            if count == 0 or count == total:
                assert lower == upper


@pytest.mark.parametrize("n", [1, 30, 1000, 10_000])
def test_enclosures_are_narrow(n):
    d = em.distribution(np.random.default_rng(n).random(48), n)
    points = d.ppf([1e-300, 1e-20, 0.3, 0.5]).astype(int)
    for kind in ("pmf", "cdf", "sf"):
        lower, upper = d.enclose(points, kind=kind)
        value = getattr(d, kind)(points)
        assert (upper - lower <= (1e-11 if KNOWN < 1e-10 else 1e-8) * upper).all()  # see the next test
        np.testing.assert_allclose(value, upper, rtol=2e-12 if KNOWN < 1e-10 else 1e-8)


def test_ends_points_between_and_beyond():
    d = em.distribution([1, 2, 1], 5)
    assert d.enclose(0.5) == (0.0, 0.0)
    nothing, all_of_it = (0.0, 0.0), (1.0, 1.0)
    assert [d.enclose(x, kind="cdf") for x in (-1, 10, 11)] == [nothing, all_of_it, all_of_it]
    assert [d.enclose(x, kind="sf") for x in (-1, 10, 11)] == [all_of_it, nothing, nothing]
    lower, upper = d.enclose([[0, 4.5], [math.nan, 11]], kind="cdf")
    assert lower.shape == upper.shape == (2, 2)
    assert np.isnan(lower[1, 0])
    assert upper[1, 1] == 1
    assert lower[0, 0] <= 2.0**-10 <= upper[0, 0]
    assert em.distribution([3], 4).enclose(0) == (1.0, 1.0)
    table = em.LatticeDistribution([0.25, 0.5, 0.25], offset=-1)
    assert table.enclose(0)[0] <= 0.5 <= table.enclose(0)[1]
    with pytest.raises(ValueError, match="kind"):
        d.enclose(0, kind="logpmf")


def test_holes_of_a_row_are_seen():
    d = em.distribution(em.Product([([1, 1], 2), ([1, 1], 3, 20)]))
    assert d.enclose(10) == (0.0, 0.0)  # no sum of 0, 1, 2 and multiples of 20
    assert d.enclose(20)[0] > 0


def log_ratio(count, total):
    share = Fraction(count, total)
    if share == 0:
        return -math.inf
    if share > Fraction(1, 2):
        return math.log1p(float(share - 1))
    bits = share.numerator.bit_length() - share.denominator.bit_length()
    return math.log(float(share / Fraction(2) ** bits)) + bits * math.log(2)


bernoullis = [(2**12 - i, i) for i in np.random.default_rng(1).permutation(2**12)[:300].tolist() if i]
dice = [[1] * k for k in range(20, 520, 30)]


small = [[1024 - i, i] for i in range(1, 1024, 4)]
mixed = [*small, *([0, 3, 0, i] for i in (1, 2, 4)), *dice[1:20]]


@pytest.mark.parametrize("rows", [bernoullis, dice, pytest.param(mixed, marks=pytest.mark.slow)])
def test_many_factors_keep_their_digits_in_every_tail(rows):
    polynomial = em.Product([(row, 1, 1 + i % 2) for i, row in enumerate(rows)])
    d, row = em.distribution(polynomial), exact_row(polynomial)
    total, below = sum(row), list(itertools.accumulate(row))
    low = d.support()[0]
    t = np.arange(0, len(row), max(1, len(row) // 12))
    exact = {
        "logpmf": [row[i] for i in t],
        "logcdf": [below[i] for i in t],
        "logsf": [total - below[i] for i in t],
    }
    for name, counts in exact.items():
        logs = [log_ratio(count, total) for count in counts]
        np.testing.assert_allclose(getattr(d, name)(low + t), logs, rtol=1e-14, atol=1e-12)
    for q in (1e-12, 0.3, 0.9):
        assert d.cdf(d.ppf(q)) >= q > d.cdf(d.ppf(q) - 1)
        assert d.sf(d.isf(q)) <= q < d.sf(d.isf(q) - 1)


# What numpy has on Apple's processors and on Windows.
WITHOUT_LONG_DOUBLES = """
import numpy as np
np.longdouble, np.clongdouble = np.float64, np.complex128
import erfmath as em
from erfmath.core.tilted.readings import KNOWN, reader_of
p = np.random.default_rng(5).beta(0.6, 8, 6000)
polynomial = em.Product([([1 - x, x], 1) for x in p])
t = round(p.sum() + 8 * (p * (1 - p)).sum() ** 0.5)
found = reader_of(polynomial).tail(t, "upper")
assert found.relative_error <= reader_of(polynomial).known <= KNOWN == 1e-9
print(*em.distribution(polynomial).enclose(t - 1, kind="sf"), em.distribution(polynomial).error)
"""


def test_thousands_of_factors_are_known_without_long_doubles():
    """They were left to integrals, which took minutes; bounds are wider, and hold."""
    p = np.random.default_rng(5).beta(0.6, 8, 6000)
    d = em.distribution(em.Product([([1 - x, x], 1) for x in p]))
    low, high = d.enclose(round(p.sum() + 8 * (p * (1 - p)).sum() ** 0.5) - 1, kind="sf")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LONG_DOUBLES], capture_output=True, text=True, check=True
    )
    below, above, error = map(float, done.stdout.split())
    assert below <= high
    assert low <= above
    assert above - below < 1e-9 * below
    assert d.error <= error < 1.1e-9


def test_windows_that_are_there_serve_tails_only_where_they_have_digits():
    # A window shows single shares further out than sums of them: the tails of these were left to contour
    # integrals, a hundred times slower, but only after a reading in the middle.
    p = np.random.default_rng(5).beta(0.6, 8, 3000)
    polynomial = em.Product([([1 - x, x], 1) for x in p])
    mean, deviation = p.sum(), math.sqrt((p * (1 - p)).sum())
    t = np.arange(round(mean - 5 * deviation), round(mean + 5 * deviation))
    row = np.ones(1, dtype=np.longdouble)
    for x in p:
        row = np.append(row * np.longdouble(1 - x), 0) + np.append(0, row * np.longdouble(x))
    row /= row.sum()
    for side, truth in (("lower", np.cumsum(row)[t]), ("upper", np.cumsum(row[::-1])[::-1][t])):
        reader_of.cache_clear()
        reader_of(polynomial).tail(round(mean), "lower")
        logs, known = log_tails(polynomial, t, side)
        assert known.all()
        np.testing.assert_allclose(logs, np.log(truth).astype(float), rtol=0, atol=1e-12)


def test_the_rest_of_a_share_has_an_error_of_its_own():
    log, wrong = enclosures._of_the_rest(math.log(2.0**-20), 1e-6)
    assert log == math.log1p(-(2.0**-20))
    assert 0.9e-6 < wrong * 2**20 < 1.1e-6
    assert enclosures._of_the_rest(0.0, 1e-6) == (-math.inf, math.inf)


def test_only_tails_that_windows_do_not_show_are_left_to_others(monkeypatch):
    d = em.distribution(em.Product([(row, 1, 2) for row in bernoullis]))
    t = np.arange(*d.support(), 97)
    exact, asked = {name: getattr(d, name)(t) for name in ("logsf", "logpmf")}, []

    def forget(read):
        def reading(*args):
            logs, known = read(*args)
            known = np.arange(known.size).reshape(known.shape) != 1
            asked.append(known.size)
            return np.where(known, logs, np.nan), known

        return reading

    for name in ("log_tails", "log_shares"):
        monkeypatch.setattr(enclosures, name, forget(getattr(enclosures, name)))
    for name, logs in exact.items():
        np.testing.assert_allclose(getattr(d, name)(t), logs, rtol=1e-12, atol=1e-12)
        assert getattr(d, name)(t[0]) == logs[0]
    assert asked.count(len(t)) == 2


def test_the_row_of_many_factors():
    polynomial = em.Product([(row, 1, 2) for row in bernoullis])
    d, row = em.distribution(polynomial), exact_row(polynomial)
    start, shares = d.float_window()
    low, total = d.support()[0], sum(row)
    at = np.flatnonzero(shares > 1e-290)[::7]
    np.testing.assert_allclose(shares[at], [row[start - low + i] / total for i in at], rtol=1e-12)
    assert (shares[1::2] == 0).all()
    assert d.probabilities().sum() == pytest.approx(1, abs=1e-13)
    first, inner = d.window(1e-9)
    np.testing.assert_allclose(inner, shares[first - start :][: len(inner)], rtol=1e-14)


def test_poisson_binomial_as_scipy_has_it():
    stats = pytest.importorskip("scipy.stats")
    if not hasattr(stats, "poisson_binom"):
        pytest.skip("scipy has it from 1.15 on")
    p = np.random.default_rng(3).random(400) ** 2
    d = em.distribution(em.Product([([1 - x, x], 1) for x in p]))
    x = np.arange(90, 180)
    np.testing.assert_allclose(d.pmf(x), stats.poisson_binom(p).pmf(x), rtol=1e-9, atol=1e-15)


def test_variates_of_many_factors():
    p = np.random.default_rng(4).random(300)
    d = em.distribution(em.Product([([1 - x, 0, x], 1) for x in p]))
    sample = d.rvs(20_000, rng=5)
    assert isinstance(d.rvs(rng=5), int)
    assert sample.dtype == np.int64
    assert (sample % 2 == 0).all()
    assert abs(sample.mean() - d.mean()) < 5 * d.std() / math.sqrt(20_000)
    assert sample.std() == pytest.approx(d.std(), rel=0.03)


@given(products, st.floats(-3, 3))
def test_bounds_of_frequencies_hold(polynomial, theta):
    product = factors_of(polynomial)
    if not product.groups:
        return
    from erfmath.core.tilted.rows import tilted

    rows, *_ = tilted(product, theta)
    length = 64
    phi, error = spectrum.characteristic(rows, spectrum.Frequencies(np.arange(length // 2 + 1), length))
    for budget in (0, spectrum._ROW_BY_ROW):  # all together, and row by row
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spectrum, "_ROW_BY_ROW", budget)
            assert (np.abs(phi) <= np.exp(spectrum._log_bounds(rows, length)) * (1 + 1e-12) + error).all()


@given(products, st.floats(0.01, 0.99))
def test_tilts_move_the_mean(polynomial, place):
    product = factors_of(polynomial)
    if product.degree:
        goal = place * product.degree
        theta = tilt_to(product, goal)
        _, mean, rest, variance = moments(product, theta)
        goal = min(max(goal, 0.25), product.degree - 0.25)
        assert abs(mean - goal) <= 0.2 * math.sqrt(variance) + 1e-6
        assert mean + rest == pytest.approx(product.degree)


def test_plain_floats_and_transforms_agree_with_extended_sums(monkeypatch):
    product = factors_of(em.Product([(np.random.default_rng(i).random(40 + i), 1 + i % 3) for i in range(9)]))
    first = window(product, 0.02)
    monkeypatch.setattr(spectrum, "_EXTENDED", 0)
    monkeypatch.setattr(spectrum, "_A_TRANSFORM", 0)
    second = window(product, 0.02)
    monkeypatch.setattr(spectrum, "_LOOK_CLOSER", 0)
    third = window(product, 0.02)
    for other in (second, third):
        assert (np.abs(first.values - other.values) <= first.error + other.error).all()
        assert other.error < 1e-11 * other.peak


def test_too_wide_windows_are_refused():
    with pytest.raises(ValueError, match="standard deviation"):
        em.distribution([1, 1, 1], 10**15).enclose(10**15)
    assert reader_of(em.Product([([1, 1], 3)])).factors.degree == 3


def test_windows_of_dice_of_many_sizes():
    sides = [int(k) for k in np.linspace(1, 400, 40)]
    row = [1]
    for k in sides:  # a flat row by running sums
        sums = list(itertools.accumulate(row + [0] * (k - 1)))
        row = [s - (sums[i - k] if i >= k else 0) for i, s in enumerate(sums)]
    total = sum(row)
    d = em.distribution(em.Product([([1] * k, 1) for k in sides]))
    for start, shares in (d.window(1e-30), (0, d.probabilities())):
        exact = np.array([count / total for count in row[start : start + len(shares)]])
        seen = exact > 1e-290
        np.testing.assert_allclose(shares[seen], exact[seen], rtol=1e-12)


def test_ends_of_many_steps_need_short_windows():
    rng = np.random.default_rng(1)
    steps, shares = rng.integers(2, 100, 300), rng.random(300)
    d = em.sum_of([{0: p, int(step): 1 - p} for p, step in zip(shares.tolist(), steps, strict=True)])
    reader, last = reader_of(d.polynomial), d.support()[1]
    for t in (last - 3, last - 40):
        assert len(reader.window_at(t).values) < 2000 < reader.factors.degree
    rarest = math.fsum(np.log1p(-shares))
    assert d.logsf(last - 1) == pytest.approx(rarest, abs=1e-11)


@pytest.mark.parametrize("tail", [1e-16, 1e-3])
def test_windows_of_many_factors_hold_their_points(tail):
    law = em.distribution(em.Product([(row, 1, 1) for row in bernoullis]))
    start, shares = law.window(tail)
    np.testing.assert_allclose(shares, law.pmf(np.arange(start, start + len(shares))), rtol=1e-11)
    assert law.cdf(start - 1) <= tail / 2 < law.cdf(start)
    assert law.sf(start + len(shares) - 1) <= tail / 2 < law.sf(start + len(shares) - 2)
