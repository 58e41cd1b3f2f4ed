"""What values of this package say of themselves: whole texts, each number one that other tests find."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

import erfmath as em
from erfmath._html import bars
from erfmath.laws.display import bulk, columns
from erfmath.laws.rules import PROFILES, Rule
from erfmath.strategies import distributions

DEEP = em.distribution([1, 1, 1], 40)
PLANE = em.distribution(em.Kernel([[1, 0], [0, 1]]), 3)
NO_SPREAD = (
    "none: the variance is 0 (one tap, or no factor): the distribution is a point mass at 0 and has no "
    "normal limit"
)
SHOWN = [
    (DEEP, "ProductDistribution | support | 0 .. 80 | mean | 40 | standard deviation | 5.16398"),
    (
        PLANE,
        "JointDistribution | support | 0 .. 3 x 0 .. 3 | mean | 1.5, 1.5 | standard deviation | "
        "0.866025, 0.866025",
    ),
    (
        em.effective_field(em.distribution([[1, 1], [1, 1]], 40), "two_sigma"),
        "Effective field, two sigma | size | 12.65 | of the theoretical side | 30.9% of 41 | positions | 169 "
        "| extent | 14 .. 26, 14 .. 26",
    ),
    (
        em.effective_field(em.distribution([1, 1], 10**8), "two_sigma"),
        "Effective field, two sigma | size | 2e+04 | of the theoretical side | 0.0% of 1e+08 | positions | "
        "20,001 | extent | 49990000 .. 50010000",
    ),
    (
        em.growth([1, 1, 1], [10, 40, 10**8]),
        "Growth of the effective field | slope | 0.500, in the limit 1/2 | depth | theoretical | effective | "
        "ratio | count | 10 | 21 | 13 | 0.619 | 13 | 40 | 81 | 25 | 0.309 | 25 | 100000000 | 2e+08 | "
        "4.06e+04 | 0.000 | 40,595",
    ),
    (
        em.growth([1], [1, 2], definition="sigma"),
        "Growth of the effective field | slope | none: the effective size is 0 (a single point), so its "
        "growth has no slope | depth | theoretical | effective | ratio | count | 1 | 1 | 0 | 0.000 | 1 | 2 | "
        "1 | 0 | 0.000 | 1",
    ),
    (
        em.central_limit([1, 1, 1], 40),
        "Central limit | mean | 40 | standard deviation | 5.16398 | skewness | 0 | excess kurtosis | -0.0375 "
        "| distance to the normal | 0.0384, at most 0.0908 | verdict | Gaussian: cumulative probabilities "
        "are within 0.00053 of the normal's",
    ),
    (
        em.central_limit([1], 40),
        f"Central limit | mean | 0 | standard deviation | 0 | skewness | {NO_SPREAD} | excess kurtosis | "
        f"{NO_SPREAD} | distance to the normal | {NO_SPREAD} | verdict | a single point: there is nothing to "
        "approximate",
    ),
]


@pytest.mark.parametrize(("value", "text"), SHOWN)
def test_a_notebook_shows_each_number_by_its_name(value, text):
    parts = ElementTree.fromstring(f"<div>{value._repr_html_()}</div>").itertext()
    assert " | ".join(part.strip() for part in parts if part.strip()) == text


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (DEEP, ["probability along axis 0, from 13 to 67"]),
        (PLANE, ["probability along axis 0, from 0 to 3", "probability along axis 1, from 0 to 3"]),
        (em.distribution([[[[1, 1]]]], 2), [f"probability along axis {a}, from 0 to 0" for a in range(3)]),
        (em.effective_field(DEEP), ["25 of 81"]),
    ],
)
def test_pictures_have_labels(value, labels):
    assert re.findall('aria-label="([^"]*)"', value._repr_html_()) == labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (DEEP, "<ProductDistribution on 0 .. 80, mean 40, std 5.16398>"),
        (em.LatticeDistribution([0.5, 0.5], 3), "<LatticeDistribution on 3 .. 4, mean 3.5, std 0.5>"),
        (em.sum_of({0.5: 0.5, 1: 0.5}), "<SteppedDistribution on 0.5 .. 1.0, mean 0.75, std 0.25>"),
        (PLANE, "<JointDistribution on 0 .. 3 x 0 .. 3>"),
        (
            em.JointDistribution.independent([DEEP, DEEP]),
            "<JointDistribution on 0 .. 80 x 0 .. 80, independent axes>",
        ),
        (em.central_limit([1, 1, 1], 40), "<CentralLimit: mean 40, std 5.16398>"),
        (
            em.growth([1, 1, 1], [10, 40]),
            "<Growth from depth 10 to 40: effective 13 to 25, theoretical 21 to 81>",
        ),
    ],
)
def test_a_repr_is_one_line(value, text):
    assert repr(value) == text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(), "pixels above 4.55 % of the centre's impact"),
        (Rule(ref="max", level=0.25), "pixels above 25 % of the largest impact"),
        (Rule("mass", level=0.25), "the fewest pixels that hold 75 %"),
        (Rule("square", level=0.01), "the smallest square about the centre that holds 99 %"),
        (Rule("square", "max", level=0.01), "the smallest square about the largest impact that holds 99 %"),
        (Rule("radial", "centre"), "the smallest disc about the centre that holds 95.45 %"),
        (Rule("radial", "picture"), "the smallest disc about the middle of the picture that holds 95.45 %"),
        (Rule("sigma"), "one standard deviation"),
        (Rule("two_sigma"), "within two standard deviations of the mean"),
    ],
)
def test_a_rule_in_words(rule, words):
    assert str(rule) == rule.in_words() == words
    assert rule.in_words("samples") == words.replace("pixels", "samples")


def test_a_profile_in_words():
    assert [Rule(profile=name).meaning for name in PROFILES] == [
        "what the mean weights pass",
        "gradient energy at initialisation",
        "gradient magnitude at initialisation",
    ]


@given(distributions())
def test_the_bulk_lies_within_five_standard_deviations(law):
    if law.ndim > 1:
        law = law.marginal(0)
    inside = [x for x in range(*law.support()) if abs(x - law.mean()) <= 5 * law.std()]
    first, last = bulk(law)
    assert law.support()[0] <= first <= min(inside, default=first)
    assert max(inside, default=last) <= last <= law.support()[1]
    assert abs(first - law.mean()) <= 5 * law.std() + 2
    assert abs(last - law.mean()) <= 5 * law.std() + 2


def test_the_bulk_of_a_deep_distribution():
    assert bulk(em.distribution([1, 1], 10**8)) == (5 * 10**7 - 25_001, 5 * 10**7 + 25_001)
    assert bulk(em.distribution([1], 3)) == (0, 0)


@given(st.integers(1, 300), st.integers(1, 60))
@example(101, 42)  # the middle of 102 was 50 by floats
def test_columns_are_means_of_what_they_show(n, width):
    law = em.distribution([1, 2], n)
    row, shown = law.probabilities(), columns(law, 0, n, width)
    if n + 1 <= width:
        np.testing.assert_allclose(shown, np.repeat(row, width // (n + 1)), rtol=1e-13)
        return
    edges = [k * (n + 1) // width for k in range(width + 1)]
    means = [row[a:b].mean() for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(shown, means, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    "field", [em.effective_field(DEEP), em.effective_field(PLANE, "two_sigma")], ids=repr
)
def test_a_field_is_drawn_in_proportion(field):
    boxes = re.findall('width="([0-9.]+)" height="([0-9.]+)" fill', field._repr_html_())
    (width, height), (wide, high) = [tuple(map(float, box)) for box in boxes]
    *_, columns_ = field.mask.shape
    first, last = field.extent[-1]
    assert wide / width == pytest.approx((last - first + 1) / columns_, rel=2e-3)
    if field.mask.ndim == 2:
        (first, last), rows = field.extent[0], field.mask.shape[0]
        assert high / height == pytest.approx((last - first + 1) / rows, rel=2e-3)


@pytest.mark.parametrize("law", [DEEP, PLANE, em.distribution([1, 2], 10**6)], ids=repr)
def test_a_distribution_is_drawn_by_its_marginals(law):
    html = law._repr_html_()
    for axis, part in enumerate(law.marginals):
        first, last = bulk(part)
        label = f"probability along axis {axis}, from {first} to {last}"
        assert str(bars(columns(part, first, last, 96).tolist(), label)) in html
