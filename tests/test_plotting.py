"""Pictures: each function returns the axes it drew on, without a screen."""

import subprocess
import sys

import pytest

pytest.importorskip("matplotlib")

import erfmath as em
from erfmath import plotting
from erfmath.design.comparison import compare

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
