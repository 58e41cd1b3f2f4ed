"""Pictures: each function returns the axes it drew on, without a screen."""

import subprocess
import sys

import pytest

pytest.importorskip("matplotlib")

import numpy as np
from hypothesis import given, strategies as st

import erfmath as em
from erfmath import plotting, zoo
from erfmath.design.comparison import compare
from erfmath.plotting.windows import edges, evened

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
