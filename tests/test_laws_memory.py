"""What needs much memory says beforehand how much, what for, and what to do where there is less."""

import importlib

import pytest

import erfmath as em

COIN, LONG = em.sum_of([0.5, 0.5]), em.distribution([1, 1], 10**6)
WINDOW = "use a larger tail, or pmf()"
SHORT_ROW = em.distribution([1, 1], 6)  # of 7 points
PLANE = em.JointDistribution.independent([SHORT_ROW, em.distribution([1, 1], 4)])  # 7 x 5 pixels
SOLID = em.JointDistribution.independent([SHORT_ROW, *PLANE.marginals])


@pytest.mark.parametrize(
    ("module", "reading", "needed", "what", "remedy"),
    [
        ("manners", lambda: COIN.rvs(1000), 24 * 1000, "size=1000", "draw fewer at a time"),
        ("manners", lambda: COIN.rvs((3, 5)), 24 * 15, "size=(3, 5)", "draw fewer at a time"),
        ("lazy", lambda: LONG._points(5, 24), 24 * 20, "the window 5 .. 24", WINDOW),
        (
            "pointwise",
            lambda: em.mixture([LONG, COIN], [0.5, 0.5])._points(5, 24),
            24 * 20,
            "the window 5 .. 24",
            WINDOW,
        ),
        (
            "pointwise",
            LONG.probabilities,
            8 * (10**6 + 1),
            "the row of 1e+06 probabilities",
            "use window(), pmf() or logpmf()",
        ),
        (
            "joint_readings",
            PLANE.probabilities,
            16 * 35,
            "the grid of [7, 5] probabilities",
            "use the marginals",
        ),
        (
            "effective",
            lambda: em.effective_field(PLANE).mask,
            10 * 35,
            "the mask of [7, 5] pixels",
            "read .count and .size",
        ),
        (
            "superlevels",
            lambda: em.effective_field(PLANE, "mass"),
            24 * 7,
            "the list of pixel values",
            "use fewer axes",
        ),
        (
            "balls",
            lambda: em.effective_field(SOLID, "radial"),
            32 * 4 * 4,  # of 7 pixels 4 distances
            "the list of pixels off one axis",
            "use fewer axes",
        ),
        (
            "sums",
            lambda: em.sum_of({0: 0.5, 10: 0.5, 15: 0.0}, step=5),
            80 * 4,
            "a lattice of 4 points, a step of 5 apart,",
            "give a larger step, or outcomes on a coarser lattice",
        ),
    ],
)
def test_the_memory_is_asked_for_before_it_is_taken(monkeypatch, module, reading, needed, what, remedy):
    asked = []
    place = importlib.import_module(f"erfmath.laws.{module}")
    monkeypatch.setattr(place, "check_memory", lambda *words: asked.append(words))
    reading()
    assert asked[0] == (needed, what, remedy)
