"""Squares and discs that hold a share, against pixels counted one by one."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import erfmath as em
from erfmath.laws.balls import _Discs
from erfmath.laws.conventions import CONVENTIONS
from erfmath.strategies import kernels, networks

SHARES = (0.2, 0.3, 0.5, 0.99)
BALLS = st.sampled_from(["square", "radial"])
PROFILES = st.sampled_from(["mean", "variance", "std"])


def by_pixels(grid, centre, share, definition):
    """The radius squared and the count, by trying the distance of every pixel."""
    away = np.abs(np.indices(grid.shape) - np.array(centre).reshape(-1, *[1] * grid.ndim))
    far = away.max(axis=0) ** 2 if definition == "square" else (away**2).sum(axis=0)
    goal = share * math.fsum(grid.ravel())
    held = {int(d): math.fsum(grid[far <= d]) for d in np.unique(far)}
    reach = min(d for d, mass in held.items() if mass >= goal * (1 - 1e-12))
    return reach, far <= reach


def is_as_by_pixels(found, grid, centre, share):
    reach, inside = by_pixels(grid, centre, share, found.definition)
    first = [
        np.flatnonzero(inside.any(axis=tuple(b for b in range(grid.ndim) if b != a)))
        for a in range(grid.ndim)
    ]
    assert found.size == pytest.approx(2 * math.sqrt(reach) + 1)
    assert found.count == inside.sum()
    assert (found.mask == inside).all()
    assert found.extent == tuple((int(line[0]), int(line[-1])) for line in first)


@given(
    st.lists(kernels(elements=st.integers(0, 9), max_side=5), min_size=1, max_size=3),
    st.integers(1, 4),
    BALLS,
    PROFILES,
    st.sampled_from(["centre", "max"]),
    st.floats(0.05, 0.999),
)
def test_independent_axes_are_counted_as_the_grid_would_be(axes, n, definition, profile, ref, share):
    laws = [em.distribution(kernel, n) for kernel in axes if sum(kernel.weights)]
    if not laws:
        return
    law = em.JointDistribution.independent(laws) if len(laws) > 1 else laws[0]
    grid = law.probabilities()
    grid = np.sqrt(grid) if profile == "std" else grid
    centre = [(side - 1) // 2 for side in grid.shape]
    if ref == "max":
        centre = [int(m.probabilities().argmax()) for m in laws]
    is_as_by_pixels(em.effective_field(law, definition, ref, profile, share=share), grid, centre, share)


@given(
    st.integers(2, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), BALLS, PROFILES, st.floats(0.05, 0.999)
)
def test_grids_that_do_not_separate(height, width, seed, definition, profile, share):
    grid = np.random.default_rng(seed).random((height, width)) ** 4
    law = em.JointDistribution(grid / grid.sum())
    shown = np.sqrt(law.probabilities()) if profile == "std" else law.probabilities()
    found = em.effective_field(law, definition, profile=profile, share=share)
    is_as_by_pixels(found, shown, [(height - 1) // 2, (width - 1) // 2], share)


@given(BALLS, PROFILES, st.integers(2, 3))
def test_copies_of_one_axis_are_a_square_of_them(definition, profile, ndim):
    one = em.distribution([1, 2, 3, 1], 5)
    found = em.effective_field(one, definition, profile=profile, ndim=ndim, share=0.7)
    both = em.effective_field(
        em.JointDistribution.independent([one] * ndim), definition, profile=profile, share=0.7
    )
    assert (found.size, found.count, found.extent) == (both.size, both.count, both.extent)


@settings(deadline=None)
@given(
    networks(min_dims=2, max_dims=2, max_layers=3),
    st.integers(8, 24),
    BALLS,
    PROFILES,
    st.booleans(),
    st.data(),
)
def test_a_picture_cuts_exactly(net, side, definition, profile, borders, data):
    net = em.Conv((1, 1)) >> net
    try:
        made = em.output_size(net, side)
        shown = em.variance(net) if profile != "mean" else net
        at = tuple(data.draw(st.integers(0, count - 1)) for count in made)
        law = em.distribution(shown, at=at, input_size=side if borders else None)
    except ValueError:
        return
    grid = np.zeros((side, side))
    for point in np.argwhere(np.ones((side, side), dtype=bool)):
        grid[tuple(point)] = law.pmf(point)
    grid = np.sqrt(grid) if profile == "std" else grid
    if not grid.any():
        with pytest.raises(ValueError, match="sees nothing"):
            em.effective_field(net, definition, profile=profile, at=at, input_size=side, borders=borders)
        return
    found = em.effective_field(
        net, definition, "picture", profile, at=at, input_size=side, borders=borders, share=0.6
    )
    reach, _ = by_pixels(grid, (side // 2, side // 2), 0.6, definition)
    assert found.size == pytest.approx(2 * math.sqrt(reach) + 1)
    about = em.effective_field(
        net, definition, profile=profile, at=at, input_size=side, borders=borders, share=0.6
    )
    ends = em.receptive_field(net).region(at)
    reach, _ = by_pixels(grid, [low + (high - low) // 2 for low, high in ends], 0.6, definition)
    assert about.size == pytest.approx(2 * math.sqrt(reach) + 1)


@pytest.mark.parametrize(
    ("profile", "sides"), [("std", [103, 129, 179, 469]), ("variance", [73, 91, 127, 337])]
)
def test_squares_of_resnet_101(profile, sides):
    net = em.zoo.resnet101()
    found = [em.effective_field(net, "square", profile=profile, share=t).size for t in SHARES]
    assert found == sides
    at_1024 = [em.effective_field(net, convention="replknet", share=t, input_size=1024) for t in SHARES]
    if profile == "std":  # of the area, in percent: published for the trained network .9 1.5 3.2 22.4
        assert [round(100 * f.size**2 / 1024**2, 2) for f in at_1024] == [1.01, 1.59, 3.06, 20.98]


def test_long_distributions_are_read_without_their_rows():
    law = em.distribution([1, 1, 1], 10**12)
    sigma = law.std()
    found = em.effective_field(law, "square", share=0.6826894921370859)
    assert found.size / (2 * sigma) == pytest.approx(1, rel=1e-5)
    assert found.count == found.size
    both = em.effective_field(law, "square", ndim=2, share=0.9545)
    assert both.size / sigma == pytest.approx(4.546376387348648, rel=1e-5)
    assert both.count == both.size**2
    middle = 10**12
    assert both.extent == ((middle - both.size // 2, middle + both.size // 2),) * 2


@pytest.mark.parametrize("n", [3 * 10**6, 2 * 10**6])
def test_long_and_short_ways_agree(n):
    from erfmath.laws.bells import is_long

    law = em.distribution([1, 1, 1], n)
    assert is_long(law)
    table = em.LatticeDistribution(law.window(1e-17)[1])
    for ndim in (1, 2):
        got, want = (em.effective_field(x, "square", ndim=ndim, share=0.9) for x in (law, table))
        assert got.size == want.size


@pytest.mark.slow
def test_gaussians_have_the_sizes_of_the_table():
    law = em.distribution([1, 2, 1], 2000)
    sigma = law.std()
    assert em.effective_field(law, "square", ndim=2).size == pytest.approx(4.546 * sigma, rel=0.01)
    assert em.effective_field(law, "radial", ndim=2).size == pytest.approx(4.972 * sigma, rel=0.01)
    assert em.effective_field(law, "radial", ndim=3).size > em.effective_field(law, "radial", ndim=2).size


def test_conventions_set_all_at_once():
    law = em.distribution([1, 2, 1], 40)
    for name, convention in CONVENTIONS.items():
        rule = convention.rule
        options = {"ref": rule.ref, "profile": rule.profile, "level": rule.level, "ndim": 2}
        found = em.effective_field(law, convention=name, ndim=2)
        assert found == em.effective_field(law, rule.definition, **options)
        assert found.rule == rule
        assert convention.source
    assert em.effective_field(law, convention="luo2016", ndim=2) == em.effective_field(law, ndim=2)
    assert em.effective_field(law, convention="replknet", profile="variance").rule.profile == "variance"


@example(scale=1.0)
@given(st.floats(1e-6, 1e6))
def test_the_scale_of_the_impact_does_not_count(scale):
    taps = [1.0, 3.0, 2.0]
    scaled = em.effective_field(em.Kernel([scale * tap for tap in taps]), "square", share=0.5)
    assert scaled.size == em.effective_field(em.Kernel(taps), "square", share=0.5).size


NET = em.Conv((3, 3), padding=1) ** 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"definition": "circle"}, "definition must be one of"),
        ({"definition": "square", "share": 1.0}, "share must lie strictly between 0 and 1"),
        ({"definition": "square", "share": 0.5, "level": 0.5}, "give one of them"),
        ({"definition": "square", "ref": "picture"}, "needs an input_size"),
        ({"ref": "picture", "input_size": 9}, "ref must be one of 'centre', 'max'"),
        ({"convention": "vmamba"}, "convention must be one of 'luo2016', 'replknet', 'openerf'"),
        ({"borders": False}, "borders=False needs an input_size"),
        ({"input_size": 9, "at": (9, 0)}, "at must lie inside the output map"),
        ({"input_size": (9, 9, 9)}, "input_size must be"),
        ({"input_size": 0}, "input_size must be at least 1"),
    ],
)
def test_bad_input_names_the_argument(options, words):
    with pytest.raises(ValueError, match=words):
        em.effective_field(NET, **options)


@pytest.mark.parametrize("options", [{"input_size": 9}, {"at": 1}])
def test_a_distribution_has_no_other_units(options):
    with pytest.raises(ValueError, match="is for networks"):
        em.effective_field(em.distribution([1, 1, 1], 3), "square", **options)
    with pytest.raises(TypeError, match="borders must be a bool"):
        em.effective_field(NET, input_size=9, borders="no")


@pytest.mark.parametrize("radius", [333, 700, 1234, 1999])
def test_a_square_that_holds_just_the_share_is_large_enough(radius):
    """Of 4001 equal values, each share of an odd number of them, whatever its round-off."""
    law = em.distribution([1] * 4001)
    assert law.std() > 1000  # so that it is read without its row
    for ndim in (1, 2):
        share = ((2 * radius + 1) / 4001) ** ndim
        assert em.effective_field(law, "square", share=share, ndim=ndim).size == 2 * radius + 1
        more = em.effective_field(law, "square", share=share * (1 + 1e-9), ndim=ndim)
        assert more.size == 2 * radius + 3


@pytest.mark.parametrize(("pixels", "reach"), [(1, 0), (5, 1), (9, 2), (13, 4), (21, 5), (25, 8)])
def test_a_disc_that_holds_just_the_share_is_large_enough(pixels, reach):
    """Of 5 x 5 equal values."""
    law = em.JointDistribution.independent([em.LatticeDistribution([0.2] * 5)] * 2)
    found = em.effective_field(law, "radial", share=min(pixels / 25, 1 - 1e-13))
    assert (found.count, found.size) == (pixels, pytest.approx(2 * math.sqrt(reach) + 1))


def test_a_disc_is_found_by_halving(monkeypatch):
    read, mass = [], _Discs.mass
    monkeypatch.setattr(_Discs, "mass", lambda self, reach: read.append(reach) or mass(self, reach))
    law = em.distribution([1, 2, 1], 60)
    for share in (0.1, 0.9545):
        read.clear()
        em.effective_field(law, "radial", ndim=2, share=share)
        assert len(read) <= 2 + (2 * 60**2).bit_length()


@pytest.mark.parametrize(
    ("name", "ref"), [("luo2016", "centre"), ("replknet", "picture"), ("openerf", "picture")]
)
def test_in_a_picture_a_convention_refers_to_its_middle_as_the_scripts_do(name, ref):
    assert em.effective_field(NET, convention=name, input_size=9).rule.ref == ref
    assert em.effective_field(NET, convention=name).rule.ref == "centre"
    if ref == "picture":
        assert em.effective_field(NET, convention=name, ref="max", input_size=9).rule.ref == "max"
