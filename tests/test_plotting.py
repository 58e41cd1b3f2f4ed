"""Pictures: each function returns the axes it drew on, without a screen."""

import subprocess
import sys

import pytest

pytest.importorskip("matplotlib")

import numpy as np
import oracles_network
from hypothesis import assume, example, given, strategies as st

import erfmath as em
from erfmath import plotting, zoo
from erfmath.design.comparison import compare
from erfmath.network.program import program_of
from erfmath.plotting.windows import edges, evened
from erfmath.strategies import networks

KERNEL = em.Kernel.uniform((3, 3))

DRAWINGS = {
    "impact": lambda ax: plotting.plot_impact(em.distribution(KERNEL, 10), ax),
    "dependent impact": lambda ax: plotting.plot_impact(
        em.distribution(em.Residual(em.Conv((3, 3), padding=1)) ** 3), ax, definition="mass"
    ),
    "profile": lambda ax: plotting.plot_profile(em.distribution([1, 2, 1], 20), ax),
    "long profile": lambda ax: plotting.plot_profile(em.distribution([1, 2, 1], 10**4), ax),
    "point": lambda ax: plotting.plot_profile(em.distribution([1]), ax),
    "growth": lambda ax: plotting.plot_growth(em.growth(KERNEL, [5, 10, 20]), ax),
    "growths": lambda ax: plotting.plot_growth(
        {profile: em.growth(KERNEL, [5, 10, 20], profile=profile) for profile in ("mean", "std")}, ax
    ),
    "std": lambda ax: plotting.plot_profile(em.distribution([1, 2, 1], 20), ax, profile="std"),
    "std map": lambda ax: plotting.plot_impact(em.distribution(KERNEL, 9), ax, profile="std"),
    "comparison": lambda ax: plotting.plot_comparison(compare(15, 32, candidates={"x": em.Conv((5, 5))}), ax),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_axes_given_are_drawn_on_and_returned(name, tmp_path):
    ax = plotting.new_figure().add_subplot()
    assert DRAWINGS[name](ax) is ax
    ax.figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 3000


def test_the_outline_encloses_the_effective_field():
    ax = plotting.plot_impact(em.distribution(KERNEL, 10), plotting.new_figure().add_subplot())
    (lines,) = ax.collections
    ends = [point for segment in lines.get_segments() for point in segment]
    (first, last), _ = em.effective_field(em.distribution(KERNEL, 10)).extent
    assert (min(x for x, _ in ends), max(x for x, _ in ends)) == (first - 0.5, last + 0.5)


def test_without_axes_a_figure_is_made_and_pyplot_is_not_touched_otherwise():
    code = (
        "import sys, matplotlib; matplotlib.use('Agg'); import erfmath as em\n"
        "from erfmath import plotting as p\n"
        "law = em.distribution([1, 1, 1], 5)\n"
        "p.plot_profile(law, p.new_figure().add_subplot()); assert 'matplotlib.pyplot' not in sys.modules\n"
        "ax = p.plot_profile(law); import matplotlib.pyplot as plt; assert plt.gca() is ax"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_does_not_fit_says_so():
    with pytest.raises(ValueError, match="two axes"):
        plotting.plot_impact(em.distribution([1, 1], 3))
    with pytest.raises(ValueError, match="marginal"):
        plotting.plot_profile(em.distribution(KERNEL, 3))
    with pytest.raises(TypeError, match="growth must be a Growth, which"):
        plotting.plot_growth([5, 10])
    with pytest.raises(TypeError, match="comparison must be a Comparison"):
        plotting.plot_comparison([KERNEL])


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_what_is_no_axes_is_named(draw):
    with pytest.raises(TypeError, match="ax must be the axes of Matplotlib"):
        draw([plotting.new_figure().add_subplot()])


def axes():
    return plotting.new_figure().add_subplot()


def test_bands_are_the_positions_that_the_legend_counts():
    law = em.distribution(zoo.wavenet())
    ax = plotting.plot_profile(law, axes())
    (bands,) = ax.collections
    shaded = sum(box.vertices[:, 0].max() - box.vertices[:, 0].min() for box in bands.get_paths())
    found = em.effective_field(law)
    assert round(shaded) == found.count == 176
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words[2] == f"effective field, 176 of 1024 samples (threshold, {len(bands.get_paths())} runs)"


def test_a_field_of_strides_has_an_outline_without_specks():
    law = em.distribution(zoo.resnet50())
    mask = em.effective_field(law).mask
    even, width = evened(mask)
    assert edges(mask) > 5000  # hundreds of specks
    around = 2 * sum(int(np.ptp(np.flatnonzero(even.any(axis=axis)))) + 1 for axis in (0, 1))
    assert edges(even) < 1.1 * around
    assert abs(even.sum() / mask.sum() - 1) < 0.1
    assert f"outline evened over {width} pixels" in plotting.plot_impact(law, axes()).get_title()


@given(st.integers(0, 2**36 - 1))
def test_evening_keeps_what_is_convex_and_counts_edges(bits):
    mask = np.array([bits >> i & 1 for i in range(36)], dtype=bool).reshape(6, 6)
    padded = np.pad(mask, 1)
    assert edges(mask) == sum(
        padded[i, j] != padded[i + a, j + b] for i in range(7) for j in range(7) for a, b in ((0, 1), (1, 0))
    )
    even, width = evened(mask)
    assert width > 1 or (even == mask).all()
    box = np.zeros((9, 9), dtype=bool)
    box[2 : 3 + bits % 5, 1 : 2 + bits % 7] = True
    assert evened(box)[1] == 1


def test_holes_that_no_evening_removes_stay():
    lattice = np.zeros((40, 40), dtype=bool)
    lattice[::4, ::4] = True
    assert evened(lattice)[1] == 1


def test_maps_show_where_the_impact_is():
    law = em.distribution(zoo.unet())
    ax, whole = plotting.plot_impact(law, axes()), plotting.plot_impact(law, axes(), crop=False)
    (left, right), (low, high) = ax.get_xlim(), whole.get_xlim()
    assert (low, high) == (law.bounds[1][0] - 0.5, law.bounds[1][1] + 0.5)
    assert right - left < 0.7 * (high - low)
    first, last = round(left + 0.5), round(right - 0.5)
    assert law.marginals[1].cdf(last) - law.marginals[1].cdf(first - 1) > 0.98
    assert "the field is -94 .. 93" in ax.get_title()
    assert "logarithmic" in ax.figure.axes[1].get_ylabel()


def test_axes_are_named_alike_and_titles_say_what_it_is():
    ax = plotting.plot_impact(em.distribution(KERNEL, 10), axes(), name="mine, unit 0, 0")
    assert ax.get_xlabel() == "input position along axis 1 (pixels)"
    assert ax.get_ylabel() == "input position along axis 0 (pixels)"
    assert ax.get_title() == "mine, unit 0, 0\neffective side 11.7 of 21 pixels (threshold)"
    assert plotting.plot_profile(em.distribution([1, 1], 3), axes(), name="x").get_title() == "x"


def test_three_axes_are_drawn_as_projections():
    law = em.distribution(em.Conv((3, 5, 7), padding=(1, 2, 3)) ** 3)
    found = plotting.plot_projections(law, name="net")
    table = law.probabilities()
    for ax, (down, across) in zip(found, [(0, 1), (0, 2), (1, 2)], strict=True):
        (summed,) = {0, 1, 2} - {down, across}
        assert ax.get_title() == f"axes {down} and {across}, summed over axis {summed}"
        drawn = np.asarray(ax.images[0].get_array(), dtype=float)
        expected = table.sum(axis=summed)
        np.testing.assert_allclose(drawn / drawn.sum(), expected / expected.sum())
    assert [len(plotting.plot_projections(em.distribution(em.Conv((2,) * n)))) for n in (1, 2, 4)] == [
        1,
        1,
        4,
    ]


def test_all_depths_are_drawn():
    laws = {n: em.distribution(KERNEL, n) for n in (5, 10, 20, 40)}
    titles = [ax.get_title().splitlines()[0] for ax in plotting.plot_depths(laws)]
    assert titles == ["depth 5", "depth 10", "depth 20", "depth 40"]
    with pytest.raises(ValueError, match="at most 64 depths"):
        plotting.plot_depths(dict.fromkeys(range(65), laws[5]))
    with pytest.raises(TypeError, match="must map depths"):
        plotting.plot_depths([laws[5]])


def test_what_is_shaded_is_what_the_outline_was_read_from():
    law = em.distribution(KERNEL, 12)
    ax = plotting.plot_impact(law, axes(), profile="std", crop=False)
    roots = np.sqrt(law.probabilities())
    drawn = np.asarray(ax.images[0].get_array(), dtype=float)
    np.testing.assert_allclose(drawn / drawn.sum(), roots / roots.sum())
    assert "gradient's magnitude" in ax.figure.axes[1].get_ylabel()


def test_comparisons_show_discs_beyond_the_field_whole():
    found = compare(21, convention="openerf")
    ax = plotting.plot_comparison(found, axes())
    assert ax.get_xlim()[1] == max(row.effective for row in found) > 21
    assert ax.get_xlabel() == "side of the field (pixels)"


def test_comparisons_mark_holes_and_strides_and_end_with_the_largest_field():
    ax = plotting.plot_comparison(compare(31, candidates={"holes": em.Conv((3, 3), dilation=2) ** 4}), axes())
    assert ax.get_xlim() == (0, 31)
    hatched = [bar for bar in ax.patches if bar.get_hatch()]
    assert [bar.get_width() for bar in hatched] == [17]
    words = [text.get_text() for text in ax.texts]
    assert "output stride 16" in words[3]
    assert all("output stride" in text for text in words)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_files_are_of_their_ending_whole_and_the_same_twice(tmp_path, ending):
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    files = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for file in files:
        plotting.save(plotting.plot_impact(em.distribution(KERNEL, 10), axes()).figure, file, 72)
    assert files[0].read_bytes().startswith(begins[ending])
    assert sorted(tmp_path.iterdir()) == files
    if ending != "svg":  # whose names of clips are drawn by chance
        assert files[0].read_bytes() == files[1].read_bytes()


def test_files_that_cannot_be_written_leave_nothing(tmp_path):
    figure = plotting.new_figure((4, 3))
    for path, said in [
        (tmp_path / "x.gif9", "path must end in .png or .svg or .pdf"),
        (tmp_path / "none" / "x.png", "a folder that is not there"),
    ]:
        with pytest.raises((ValueError, OSError), match=said):
            plotting.save(figure, path)
    with pytest.raises(ValueError, match="more than 100,000,000 dots"):
        plotting.save(plotting.new_figure((100, 100)), tmp_path / "x.png", 1200)
    with pytest.raises(ValueError, match="dpi must be at least 10"):
        plotting.save(figure, tmp_path / "x.png", 1)
    assert not list(tmp_path.iterdir())


def dots_of(ax):
    """The units of a triangle of layers, as (place, height)."""
    return [tuple(place) for dots in ax.collections[1:] for place in np.asarray(dots.get_offsets())]


def seen_in(ax):
    """The input positions that a triangle of layers ends in."""
    found = [x for x, y in dots_of(ax) if y == 0]
    return {round(x) for x in found}


@example(em.ConvTranspose([1], stride=2), 1)  # sees nothing
@example(em.Conv(3, dilation=2, padding=1), 0)  # a shift that the dilation does not divide
@example(em.Conv(3, dilation=2) >> em.Conv(3, stride=2, padding=1) >> em.Upsample(2), 3)
@given(networks(max_layers=4, max_dims=1), st.integers(-3, 9))
def test_triangles_end_in_the_positions_that_have_an_impact(net, unit):
    assume(net.ndim in (None, 1) and em.receptive_field(net).size < 300)
    ax = plotting.plot_cone(net, axes(), at=unit)
    seen, impact = seen_in(ax), oracles_network.impact(net, unit)
    assert set(impact) <= seen
    operations = program_of(net, 1, unrolled=True).operations
    weights = [weight for op in operations if op.what for _, weight in op.what.kernel.taps()]
    if min([0, *weights, *(gain for op in operations for _, gain in op.sources)]) >= 0:  # nothing cancels
        assert set(impact) == seen


def test_triangles_name_their_layers_and_stand_on_causal_ends():
    layers = [em.Conv(2, dilation=d, padding=[(d, 0)]) for d in (1, 2, 4)]
    ax = plotting.plot_cone(em.Series(layers), axes(), at=10, name="stack")
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["input", "Conv 2", "Conv 2 dilation 2", "Conv 2 dilation 4"]
    assert ax.get_title() == "stack\nunit 10 sees 8 of the 8 samples 3 .. 10"
    dots = dots_of(ax)
    assert (10, 3) in dots
    assert {x for x, y in dots if y == 2} == {6, 10}
    assert len(ax.collections[0].get_segments()) == 2 + 4 + 8


def test_triangles_lean_back_where_causality_is_padding_of_its_own():
    padded = [em.Pad([(2 * d, 0)]) >> em.Conv(3, dilation=d) for d in (1, 2, 4)]
    framed = em.Pad([(8, 0)]) >> em.Conv(16, stride=8) >> em.Series(padded) >> em.ConvTranspose(8, stride=8)
    for net, back in ((em.Series(padded), 8), (framed, 64)):  # the last layer reads two steps of 4 back
        dots = dots_of(plotting.plot_cone(net, axes()))
        top = max(y for _, y in dots)
        assert [x for x, y in dots if y == top] == [0] or net is framed
        below = [x for x, y in dots if y == top - (2 if net is framed else 1)]
        assert min(below) == -back
        assert max(below) == 0


def test_large_triangles_are_areas():
    ax = plotting.plot_cone(zoo.resnet50(), axes())
    (area,) = ax.collections
    assert area.get_paths()[0].vertices[:, 0].min() == -213
    assert ax.get_title().endswith("427 of the 427 pixels -213 .. 213")


def test_triangles_that_cannot_be_drawn_say_so():
    with pytest.raises(ValueError, match="reads its whole input"):
        plotting.plot_cone(em.Conv(3) >> em.GlobalPool(), axes())
    with pytest.raises(ValueError, match="more than 1,000,000 lines"):
        plotting.plot_cone(em.Conv(3) ** 2000, axes())
    with pytest.raises(ValueError, match="axis must be below 2"):
        plotting.plot_cone(em.Conv((3, 3)), axes(), axis=2)
    with pytest.raises(TypeError, match="must be a network"):
        plotting.plot_cone("resnet50", axes())
    with pytest.raises(TypeError, match="at must be"):
        plotting.plot_cone(em.Conv(3), axes(), at="first")


def test_a_picture_is_bright_where_the_impact_is():
    law = em.distribution(em.Conv((3, 3), padding=1) ** 4, at=(8, 10))
    grey = np.full((16, 20), 0.5)
    ax = plotting.plot_over(law, grey, axes(), name="mine")
    drawn = np.asarray(ax.images[0].get_array())
    assert np.unravel_index(drawn[..., 0].argmin(), drawn.shape[:2]) == (8, 10)
    assert drawn[8, 10, 0] == 0.5
    (top, bottom), (left, right) = law.bounds
    inside = np.zeros(grey.shape, dtype=bool)
    inside[top : bottom + 1, left : right + 1] = True
    np.testing.assert_allclose(drawn[~inside], 0.875)  # a quarter of it on white
    (frame,) = ax.patches
    assert frame.get_bbox().bounds == (left - 0.5, top - 0.5, right - left + 1, bottom - top + 1)


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_pictures_are_read_from_files_and_arrays_alike(tmp_path, kind):
    from matplotlib import image

    values = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    image.imsave(tmp_path / f"x.{kind}", values)
    found = plotting.as_picture(tmp_path / f"x.{kind}")
    assert found.shape == (9, 7, 3)
    if kind == "png":
        np.testing.assert_allclose(found, values / 255)
    np.testing.assert_array_equal(plotting.as_picture(values), values / 255)


def test_a_picture_of_16_bits_is_shown_from_its_least_to_its_largest_value():
    raw = np.array([[200, 1200], [2200, 4200]], dtype=np.uint16)
    np.testing.assert_allclose(plotting.as_picture(raw)[..., 0], [[0, 0.25], [0.5, 1]])
    assert not plotting.as_picture(np.full((2, 2), 40000, dtype=np.uint16)).any()


def test_a_field_that_leaves_the_picture_is_drawn_as_far_as_it_is_in():
    net = em.Conv((3, 3), padding=1) ** 4
    cut, whole = (
        plotting.plot_over(em.distribution(net, at=at), np.zeros(shape), axes()).images[0].get_array()
        for at, shape in [((1, 18), (16, 20)), ((9, 26), (32, 36))]
    )
    np.testing.assert_array_equal(cut, whole[8:24, 8:28])
    assert whole[9, 26, 0] == 0


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros(5), "must have shape"),
        (np.zeros((5, 5, 2)), "must have 1, 3 or 4 channels"),
        (np.zeros((0, 5)), "must have shape"),
        (np.full((5, 5), np.nan), "floats from 0 to 1"),
        (np.full((5, 5), 300), r"ints from 0 to 255 .*, got values from 300 to 300; give \(x - x.min\(\)\)"),
        ([["a"]], "must have shape"),
        ("none.png", "there is no file 'none.png'"),
        (__file__, "cannot be read"),
    ],
    ids=["one axis", "two channels", "empty", "nan", "too bright", "text", "no file", "no picture"],
)
def test_what_is_no_picture_is_one_line(picture, said):
    law = em.distribution(KERNEL, 2)
    with pytest.raises((ValueError, OSError), match=said) as caught:
        plotting.plot_over(law, picture, axes())
    assert "\n" not in str(caught.value)


def test_a_field_outside_the_picture_says_where_it_is():
    law = em.distribution(em.Conv((3, 3)) ** 2, at=(50, 50))
    with pytest.raises(ValueError, match=r"50 .. 54 by 50 .. 54, is outside the picture of 9 x 9"):
        plotting.plot_over(law, np.zeros((9, 9)), axes())


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("size", [(3.5, 3), (7, 4)])
def test_nothing_leaves_the_picture_at_the_width_of_a_column(name, size):
    figure = plotting.new_figure(size)
    with plotting.fonts_for(figure):
        ax = DRAWINGS[name](figure.add_subplot())
        figure.draw_without_rendering()
        around = figure.get_tightbbox()
        legend = ax.get_legend()
        if ax.get_title() and legend is not None:
            assert not ax.title.get_window_extent().overlaps(legend.get_window_extent())
    assert (around.x0 > -0.05, around.x1 < size[0] + 0.05) == (True, True)
    assert (around.y0 > -0.05, around.y1 < size[1] + 0.05) == (True, True)


def test_panels_of_several_axes_name_their_positions_alike():
    law = em.distribution(em.Kernel.uniform((3,) * 4), 2)
    panels = plotting.plot_projections(law)
    assert {ax.get_xlabel() for ax in panels} == {"input position (voxels)"}
    assert all("5 of 5 voxels" in ax.get_title() for ax in panels)
