"""Effective fields of long distributions, read from their profile, are those of the whole row."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import erfmath as em
from erfmath.core.saddle.levels import Stretch
from erfmath.laws import bells
from erfmath.laws.profiles import Runs

CASES = [
    [([1, 1, 1], 40_000)],
    [([3, 1, 0, 0, 2], 20_000)],
    [([1, 0, 0, 2], 30_000)],  # a lattice
    [([1] * 70, 900)],
    [([1, 2, 1], 9_000), ([1, 1], 3, 700)],  # four peaks
    [([1, 2, 1], 20_000), ([5, 1], 2, 900)],  # a peak and shoulders
    [(np.exp(-0.2 * np.arange(60)).tolist(), 3000)],
]


def both(law, options):
    """The field read from the profile and from the row; the first has to be read so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bells, "_SHORTEST", 0.0)
        fast = em.effective_field(law, **options)
        patch.setattr(bells, "_SHORTEST", math.inf)
        slow = em.effective_field(law, **options)
    return fast, slow


def stretches_of(points):
    """The runs of consecutive numbers of a set."""
    firsts = sorted(x for x in points if x - 1 not in points)
    lasts = sorted(x for x in points if x + 1 not in points)
    return [Stretch(a, b) for a, b in zip(firsts, lasts, strict=True)]


@pytest.mark.slow
@settings(max_examples=25)
@given(
    st.sampled_from(CASES),
    st.sampled_from(["threshold", "mass", "sigma", "two_sigma"]),
    st.sampled_from(["mean", "std"]),
    st.floats(1e-6, 0.999),
)
def test_the_profile_gives_the_field_of_the_row(factors, definition, profile, level):
    law = em.distribution(em.Product(factors))
    options = {"definition": definition, "ref": "max", "profile": profile, "level": level}
    fast, slow = both(law, options)
    assert fast.count == slow.count
    assert fast.size == pytest.approx(slow.size, rel=1e-12)
    assert fast.extent == slow.extent
    assert (fast.ratio, fast.field_size) == (pytest.approx(slow.ratio, rel=1e-12), slow.field_size)
    np.testing.assert_array_equal(fast.mask, slow.mask)


SMALL = [
    ([([1, 1, 1], 20_000)], "centre"),
    ([([9, 10, 9, 8], 6000)], "centre"),  # whose peak is four deviations beside the centre
    ([([3, 1, 0, 0, 2], 9000)], "max"),
    ([([1, 0, 0, 2], 30_000)], "max"),  # a lattice
]


@pytest.mark.parametrize(("factors", "ref"), SMALL, ids=repr)
@pytest.mark.parametrize(
    ("definition", "profile"),
    [("threshold", "mean"), ("threshold", "std"), ("mass", "mean"), ("sigma", "mean"), ("two_sigma", "mean")],
)
def test_a_few_profiles_give_the_fields_of_their_rows(factors, ref, definition, profile):
    law = em.distribution(em.Product(factors))
    for level in (0.05, 0.8):
        options = {"definition": definition, "ref": ref, "profile": profile, "level": level}
        fast, slow = both(law, options)
        assert isinstance(fast._profiles[0], Runs)
        assert not isinstance(slow._profiles[0], Runs)
        assert (fast.count, fast.extent) == (slow.count, slow.extent)
        assert fast.size == pytest.approx(slow.size, rel=1e-12)
        assert (fast.ratio, fast.field_size) == (pytest.approx(slow.ratio, rel=1e-12), slow.field_size)
        np.testing.assert_array_equal(fast.mask, slow.mask)


def test_cuts_of_two_peaks_are_the_entries_above_their_levels(monkeypatch):
    law = em.distribution(em.Product([([1, 2, 1], 9000), ([1, 1], 3, 250)]))
    (start, row), low = law.window(1e-15), law.support()[0]
    bell = bells._bell_of(law, math.log(row.max()) - 5)
    assert bell.peak == pytest.approx(math.log(row.max()), rel=1e-12)
    for below in (0.02, 0.1, 1, 3):
        inside = row > math.exp(bell.peak - below)
        cut = bell.cut(bell.peak - below)
        assert cut.stretches == stretches_of(set((np.flatnonzero(inside) + start - low).tolist()))
        assert cut.size == inside.sum()
        for summed in (2**14, 0):  # point by point, or as differences of tails
            monkeypatch.setattr(bells, "_SUMMED", summed)
            found = bell.cut(cut.log_level)
            assert found.mass == pytest.approx(row[inside].sum(), rel=1e-10)
            assert found.rest == pytest.approx(row[~inside].sum(), rel=1e-10)
        runs = bell.runs(cut)
        assert (runs.runs, runs.step, runs.shape) == (tuple(cut.stretches), 1, (len(law.probabilities()),))
    assert len(bell.cut(bell.peak - 0.1).stretches) == 2
    assert bell.cut(bell.peak + 1) == (bell.peak + 1, [], 0.0, 1.0)


def test_the_centre_is_the_reference_too():
    fast, slow = both(em.distribution([1, 1, 1], 40_000), {"level": 0.3})
    assert (fast.count, fast.extent) == (slow.count, slow.extent)
    with pytest.raises(ValueError, match="ref='max'"):
        em.effective_field(em.distribution([1, 5], 10**12))


@pytest.mark.parametrize("n", [10**10, 10**12, 10**15])
def test_deep_fields_are_those_of_their_normal(n):
    """The threshold lies at sqrt(2 log(1 / level)) standard deviations, up to the kurtosis over n."""
    law = em.distribution(em.Kernel([1, 1, 1], offset=-1), n)
    sigma, level = law.std(), 1 - 0.9545
    threshold = em.effective_field(law)
    assert threshold.count == 2 * math.floor(math.sqrt(2 * math.log(1 / level)) * sigma) + 1
    first, last = threshold.extent[0]
    edge, middle = law.pmf(np.array([last, last + 1]) - n), law.pmf(0)
    assert edge[0] > level * middle >= edge[1]
    assert first + last == 2 * n
    mass = em.effective_field(law, "mass")
    half = (mass.count - 1) // 2
    assert 1 - 2 * law.sf(half) >= 0.9545 * (1 - 1e-11)
    assert 1 - 2 * law.sf(half - 1) < 0.9545
    assert em.effective_field(law, "two_sigma").count == 2 * math.floor(2 * sigma) + 1


@pytest.mark.parametrize(("definition", "times", "reach"), [("sigma", 1, 1), ("two_sigma", 4, 2)])
@pytest.mark.parametrize("n", [10**7, 3 * 10**12])
def test_a_long_field_of_sigmas_is_counted_by_integers(definition, times, reach, n):
    """The variance of n taps of three is 2 n / 3, their mean a whole number."""
    found = em.effective_field(em.distribution([1, 1, 1], n), definition)
    assert found.size == pytest.approx(times * math.sqrt(2 * n / 3), rel=1e-12)
    assert found.count == 2 * math.isqrt(reach**2 * 2 * n // 3) + 1
    assert found.field_size == 2 * n + 1


@pytest.mark.parametrize(("definition", "reach"), [("sigma", 1), ("two_sigma", 2)])
def test_points_just_at_so_many_sigmas_are_inside(definition, reach):
    """Of 4 k^2 coins the deviation is k."""
    k = 2345
    found = em.effective_field(em.distribution([1, 1], 4 * k**2), definition)
    assert found.extent == ((2 * k**2 - reach * k, 2 * k**2 + reach * k),)


def test_a_cut_counts_its_points():
    assert bells.Cut(-3.0, [], 0.0).size == 0
    assert bells.Cut(-3.0, [Stretch(0, 0), Stretch(4, 8)], 0.5).size == 6


@pytest.mark.parametrize("level", [1e-300, 1e-17, 1e-12, 0.999, math.nextafter(1, 0)])
def test_masses_near_none_and_near_all_are_those_of_the_row(level):
    fast, slow = both(em.distribution([1, 1, 1], 40_000), {"definition": "mass", "level": level})
    assert (fast.count, fast.extent) == (slow.count, slow.extent)


def test_long_rows_without_a_shape_are_read_entry_by_entry():
    """Of 13 taps [1, 3] at doubling steps a share is 3^-j of the largest, binomial(13, j) times."""
    law = em.distribution(em.Product([([1, 3], 1, 2**layer) for layer in range(13)]))
    assert bells.is_long(law)
    chances = [math.comb(13, j) * 3.0 ** (13 - j) / 4**13 for j in range(14)]
    for level in (0.3, 0.05, 1e-3):
        most = max(j for j in range(14) if 3.0**-j > level)
        threshold = em.effective_field(law, "threshold", "max", level=level)
        assert threshold.count == sum(math.comb(13, j) for j in range(most + 1))
        enough = min(j for j in range(14) if sum(chances[: j + 1]) >= 1 - level)
        assert em.effective_field(law, "mass", level=level).count == sum(
            math.comb(13, j) for j in range(enough + 1)
        )


@given(st.sets(st.integers(0, 40), min_size=1), st.data())
def test_points_that_a_lower_level_adds(outer, data):
    inner = data.draw(st.sets(st.sampled_from(sorted(outer))))
    found = bells._added(stretches_of(outer), stretches_of(inner))
    assert found.tolist() == sorted(outer - inner)


SIDES = st.lists(st.integers(1, 12), min_size=2, max_size=4).filter(any)


@given(
    st.lists(st.tuples(SIDES, st.integers(1, 9)), min_size=1, max_size=3),
    st.integers(1, 3),
    st.floats(0.05, 0.999),
    st.sampled_from(["mean", "variance", "std"]),
)
@example(
    [([1, 1], 3), ([1, 2, 4], 2)], 2, 0.5, "mean"
)  # an even side and an odd one, the middle off the mean
def test_squares_of_long_axes_are_those_of_their_rows(axes, copies, share, profile):
    laws = [em.distribution(weights, n) for weights, n in axes]
    law = laws[0] if len(laws) == 1 else em.JointDistribution.independent(laws)
    options = {"share": share, "profile": profile, "ndim": copies if len(laws) == 1 else None}
    fast, slow = both(law, {"definition": "square", **options})
    assert (fast.count, fast.size, fast.extent) == (slow.count, slow.size, slow.extent)
    assert (fast.ratio, fast.field_size) == (slow.ratio, slow.field_size)
    np.testing.assert_array_equal(fast.mask, slow.mask)


@pytest.mark.parametrize("definition", ["threshold", "mass", "sigma", "two_sigma", "square", "radial"])
@pytest.mark.parametrize("ref", ["centre", "max"])
def test_long_laws_of_several_axes_are_read_as_short_ones_are(definition, ref):
    row, other = em.distribution([1, 2, 1], 12), em.distribution([2, 1], 9)
    plane = em.JointDistribution.independent([row, other])
    for law, ndim in ((row, 2), (plane, None), (plane, 2), (em.distribution([[1, 2], [3, 1]], 6), None)):
        fast, slow = both(law, {"definition": definition, "ref": ref, "ndim": ndim, "level": 0.1})
        assert (fast.count, fast.size, fast.extent) == (slow.count, slow.size, slow.extent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bells, "_SHORTEST", 0.0)
        for law, ndim in ((plane, 1), (plane, 3), (row, 0)):
            with pytest.raises(ValueError, match="ndim must be "):
                em.effective_field(law, definition, ref, ndim=ndim)


@pytest.mark.parametrize(("profile", "power"), [("mean", 1.0), ("std", 0.5)])
@pytest.mark.parametrize("ref", ["centre", "max"])
def test_a_tie_is_outside_a_long_threshold_too(profile, power, ref):
    """Of 2 m coins those beside the middle have m / (m + 1) of its probability."""
    m = 2**24
    law, level = em.distribution([1, 1], 2 * m), (m / (m + 1)) ** power
    assert bells.is_long(law)
    for factor, count in ((1 + 1e-9, 1), (1, 1), (1 - 1e-9, 3)):
        found = em.effective_field(law, "threshold", ref, profile, level=level * factor)
        assert found.extent == ((m - count // 2, m + count // 2),)


@pytest.mark.parametrize(
    ("weights", "n", "most"),
    [([1, 1, 1], 10**12, (49, 11, 16, 18)), ([3, 1, 0, 0, 2], 10**8, (45, 7, 12, 16))],
)
def test_a_mass_takes_no_more_cuts_than_it_did(monkeypatch, weights, n, most):
    law, cuts, cut = em.distribution(weights, n), [], bells.Bell.cut
    monkeypatch.setattr(bells.Bell, "cut", lambda self, level: cuts.append(level) or cut(self, level))
    for level, count in zip((1e-9, 0.05, 0.5, 0.9), most, strict=True):
        cuts.clear()
        em.effective_field(law, "mass", level=level)
        assert len(cuts) <= count


@pytest.mark.parametrize("definition", ["threshold", "mass", "sigma", "two_sigma", "square"])
def test_a_long_field_needs_no_row(monkeypatch, definition):
    def refuse(self):
        raise AssertionError("the row is read")

    monkeypatch.setattr(em.ProductDistribution, "float_window", refuse)
    law = em.distribution([1, 1, 1], 10**7)
    assert em.effective_field(law, definition).field_size == 2 * 10**7 + 1
    for options in ({"definition": "radial"}, {"definition": "square", "ref": "max"}):
        with pytest.raises(AssertionError, match="the row is read"):
            em.effective_field(law, **options)
    if definition in ("mass", "square"):
        with pytest.raises(AssertionError, match="the row is read"):
            em.effective_field(law, definition, profile="std")
