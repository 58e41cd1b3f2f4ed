"""Sets that hold a share, where the share is just that of one of them: against sums of integers."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st

import erfmath as em
from erfmath.laws import bells
from erfmath.laws.balls import radius_on_axes
from erfmath.laws.shares import Level

# Of each size, so that sets hold 1e-24 of all, or all but that.
WEIGHTS = st.one_of(st.integers(0, 9), st.sampled_from([10**12, 10**13, 3 * 10**24]))
ROWS = st.lists(WEIGHTS, min_size=1, max_size=7).filter(any)
PLACES = st.floats(0, 1)


def trimmed(row):
    inside = [i for i, weight in enumerate(row) if weight]
    return row[inside[0] : inside[-1] + 1]


def nested(rows, definition):
    """The sets in their order, each as (reach, weight and count of what it adds), and the total."""
    centres = [(len(row) - 1) // 2 for row in rows]
    added = {}
    for point in itertools.product(*(range(len(row)) for row in rows)):
        away = [abs(x - c) for x, c in zip(point, centres, strict=True)]
        weight = math.prod(row[x] for row, x in zip(rows, point, strict=True))
        key = {"square": max(away) ** 2, "radial": sum(a * a for a in away), "mass": -weight}[definition]
        mass, count = added.get(key, (0, 0))
        added[key] = mass + weight, count + 1
    return sorted((key, *value) for key, value in added.items()), sum(mass for mass, _ in added.values())


def chosen(rows, definition, place):
    """Return a share that one of the sets just holds, and that set's reach and count."""
    sets, total = nested(rows, definition)
    number = min(int(place * len(sets)), len(sets) - 1)
    held = sum(mass for _, mass, _ in sets[: number + 1])
    # The same mass may be that of sets before it, where a square adds nothing.
    first = next(k for k in range(len(sets)) if sum(m for _, m, _ in sets[: k + 1]) == held)
    share = Fraction(held, total)
    return share, sets[first][0], sum(count for *_, count in sets[: first + 1])


def law_of(rows):
    laws = [em.distribution(em.Kernel(row)) for row in rows]
    return laws[0] if len(laws) == 1 else em.JointDistribution.independent(laws)


@example([[1, 1, 1, 1, 1, 10**24]], "mass", 0.99, "level")
@example([[10**24, 1, 0, 0, 0]], "square", 0.5, "share")
@given(
    st.lists(ROWS, min_size=1, max_size=3),
    st.sampled_from(["square", "radial", "mass"]),
    PLACES,
    st.sampled_from(["share", "level"]),
)
def test_a_share_that_a_set_just_holds_is_held(rows, definition, place, given_as):
    rows = [trimmed(row) for row in rows]
    share, reach, count = chosen(rows, definition, place)
    assume(0 < float(share) < 1 and 0 < float(1 - share) < 1)
    sets, total = nested(rows, definition)
    sums = {Fraction(sum(mass for _, mass, _ in sets[:k]), total) for k in range(len(sets) + 1)} - {share}
    number = share if given_as == "share" else 1 - share
    # Told by the digits of the number that is given, or by those of the smaller part.
    small = min(share, 1 - share)
    rounding = 0 if number == small else Fraction(1, 2**52)
    assume(all(abs(share - other) > Fraction(4, 10**12) * small + rounding for other in sums))
    found = em.effective_field(law_of(rows), definition, **{given_as: float(number)})
    if definition != "mass":
        assert found.size == pytest.approx(2 * math.sqrt(reach) + 1)
    assert found.count == count


@given(
    st.lists(st.lists(WEIGHTS, min_size=3, max_size=3), min_size=2, max_size=4).filter(
        lambda rows: any(map(any, rows))
    ),
    st.sampled_from(["square", "radial"]),
    PLACES,
)
def test_grids_that_do_not_separate_hold_what_they_just_hold(grid, definition, place):
    grid = np.array(grid, dtype=object)
    lines = [np.flatnonzero(grid.any(axis=axis)) for axis in (1, 0)]
    grid = grid[lines[0][0] : lines[0][-1] + 1, lines[1][0] : lines[1][-1] + 1]
    total = int(grid.sum())
    away = [np.abs(np.arange(side) - (side - 1) // 2) for side in grid.shape]
    far = np.maximum.outer(*away) ** 2 if definition == "square" else np.add.outer(*[a**2 for a in away])
    reaches = np.unique(far)
    masses = [int(grid[far <= reach].sum()) for reach in reaches]
    mass = masses[min(int(place * len(masses)), len(masses) - 1)]
    share, small = Fraction(mass, total), min(Fraction(mass, total), 1 - Fraction(mass, total))
    assume(0 < float(share) < 1 and 0 < float(1 - share) < 1)
    others = {Fraction(other, total) for other in masses} - {share}
    assume(all(abs(share - other) > Fraction(4, 10**12) * small for other in others))
    given_as = {"share": float(share)} if share <= Fraction(1, 2) else {"level": float(1 - share)}
    found = em.effective_field(em.JointDistribution((grid / total).astype(float)), definition, **given_as)
    assert found.size == pytest.approx(2 * math.sqrt(reaches[masses.index(mass)]) + 1)


@pytest.mark.parametrize("side", [4001, 20_001])
@pytest.mark.parametrize("ndim", [1, 2])
def test_few_of_many_equal_pixels(side, ndim):
    """Of equal pixels, read without their row; shares down to that of one."""
    law = em.distribution([1] * side)
    assert bells.is_long(law)
    for radius in (0, 1, 2, 7, 60, side // 4, side // 2 - 3, side // 2 - 1):
        share = Fraction(2 * radius + 1, side) ** ndim
        for given_as in ({"share": float(share)}, {"level": float(1 - share)}):
            if "level" in given_as and share < 1e-8:
                continue  # whose complement does not tell it from others
            assert em.effective_field(law, "square", ndim=ndim, **given_as).size == 2 * radius + 1
        beyond = Fraction(10**9 + 1, 10**9) * share
        assert em.effective_field(law, "square", ndim=ndim, share=float(beyond)).size == 2 * radius + 3


@pytest.mark.parametrize("definition", ["square", "mass"])
@pytest.mark.parametrize("radius", [0, 1, 9, 40, 800, 5000])
def test_the_middle_of_a_long_binomial(definition, radius):
    """Sums of binomial coefficients of 10^8 terms next to the middle, by ratios, to sixty digits."""
    from mpmath import mp, mpf

    n = 10**8
    law = em.distribution([1, 1], n)
    assert bells.is_long(law)
    with mp.workdps(60):
        shares = [mp.exp(mp.loggamma(n + 1) - 2 * mp.loggamma(n // 2 + 1) - n * mp.log(2))]
        for j in range(radius):
            shares.append(shares[-1] * mpf(n // 2 - j) / (n // 2 + j + 1))
        share = shares[0] + 2 * sum(shares[1:])
        given_as = {"share": float(share)} if share <= 0.5 else {"level": float(1 - share)}
    found = em.effective_field(law, definition, **given_as)
    assert found.count == 2 * radius + 1
    more = em.effective_field(law, definition, share=float(share) * (1 + 1e-10))
    assert more.count == 2 * radius + 3


def test_a_pixel_beside_a_hole_is_not_lost_in_the_others():
    """Two heaps around a hole whose middle holds 2^-60 of all."""
    row = [2**30] * 3000 + [0] * 500 + [1] + [0] * 500 + [2**30] * 3000
    total, law = sum(row), em.distribution(row)
    assert bells.is_long(law)
    for share, size in (
        (Fraction(1, total), 1),
        (Fraction(1 + 2**31, total), 1003),
        (Fraction(2, total), 1003),
    ):
        assert em.effective_field(law, "square", share=float(share)).size == size
    wide = em.JointDistribution.independent([law, law])
    assert em.effective_field(wide, "square", share=float(Fraction(1, total**2))).size == 1


@pytest.mark.parametrize("share", [1e-300, 1e-20, 1e-9])
@pytest.mark.parametrize("law", [[1, 2, 1], [1] * 4001, [[1, 2, 1], [2, 5, 2], [1, 2, 1]]])
def test_a_share_below_the_centres_is_held_by_it_alone(share, law):
    for definition in ("square", "radial"):
        found = em.effective_field(em.distribution(law), definition, share=share)
        assert (found.size, found.count) == (1, 1)


@pytest.mark.parametrize("level", [1e-300, 1e-30, 1e-20, 1e-14])
def test_all_but_a_little_is_not_all_but_a_tie(level):
    """Of (1, 2, 1)^200 the ends hold 4^-200 each: 1e-120."""
    row = [math.comb(400, t) for t in range(401)]
    law = em.distribution([1, 2, 1], 200)
    radius = next(r for r in range(201) if 2 * sum(row[: 200 - r]) <= level * 4**200)
    for definition in ("square", "mass", "radial"):
        assert em.effective_field(law, definition, level=level).count == 2 * radius + 1
    assert radius_on_axes([law], [200], Level(level)) == radius


def test_a_rule_keeps_the_digits_of_what_was_given():
    import copy
    import pickle

    level = Level.holding(1e-20)
    for other in (level, copy.deepcopy(level), pickle.loads(pickle.dumps(level)), Level(level)):
        assert (float(other), other.held, other.least) == (1 - 2**-53, 1e-20, level.least)
    found = em.effective_field([1, 2, 1], "square", share=1e-20)
    assert found.rule.share == 1e-20
    again = em.effective_field([1, 2, 1], "square", level=found.rule.level)
    assert (again.rule.share, again.size) == (1e-20, 1)
    assert str(found.rule) == "the smallest square about the centre that holds 1e-18 %"
    assert em.analyze(em.Conv([1, 2, 1]) ** 3, definition="square", share=1e-20).effective["square"].size == 1
