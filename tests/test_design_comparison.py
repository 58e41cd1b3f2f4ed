"""The comparison: all ways have exactly the field asked for, and their numbers are the library's."""

import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.design.comparison import compare


@given(st.integers(1, 200).map(lambda n: 2 * n + 1), st.integers(1, 2))
def test_every_way_has_the_field(field, ndim):
    for row in compare(field, ndim=ndim if field < 30 else 1):
        assert set(row.theoretical) == {field}
        assert row.is_covered


def test_numbers_are_those_of_the_library():
    found = compare(31, 64, channels=16)
    for row in found:
        law, cost = em.distribution(row.net), em.cost(row.net, 64, 16)
        effective = em.effective_field(law)
        assert (row.effective, row.count, row.ratio) == (effective.size, effective.count, effective.ratio)
        assert (row.parameters, row.macs, row.memory) == (cost.parameters, cost.macs, cost.memory)
        assert row.output_size == cost.output_size
    by_name = {row.name: row for row in found}
    stack = by_name["conv 3x3, 15 layers"]
    assert round(stack.effective, 3) == 13.892  # FACTS: 15 convolutions of 3x3
    assert stack.normal.is_gaussian
    assert round(stack.normal.distance, 4) == 0.0014
    dilated = by_name["conv 3x3 dilation 1 .. 8"].normal
    assert (dilated.kind, round(dilated.distance, 3), round(dilated.share, 2)) == (
        "one layer dominates",
        0.046,
        0.75,
    )
    assert by_name["conv 3x3 stride 2"].ratio == 1.0


def test_networks_of_ones_own():
    net = em.Conv(3) ** 4
    found = compare(15, ndim=1, candidates={"mine": net, "sparse": em.Conv(3, dilation=3) ** 2}, ref="max")
    mine, sparse = found.rows[-2:]
    assert (mine.theoretical, mine.net, mine.layers, mine.parameters) == ((9,), net, 4, 4 * 3 * 64**2)
    assert not sparse.is_covered
    assert "yes" in repr(found)
    assert found.as_dicts()[-2]["net"] == "Power(Conv(3), 4)"


def test_weights_are_unknown_where_no_input_was_found_to_fit():
    u_net = em.zoo.unet(depth=2, ndim=1)
    assert compare(31, ndim=1, candidates={"u": u_net >> em.Conv(3)}).rows[-1].layers > 0


def test_both_tables_are_aligned_and_fit_a_terminal():
    text = repr(compare(127, 224))
    for part in text.split("\n\n"):
        assert len({len(line) for line in part.splitlines()}) == 1
        assert len(part.splitlines()[0]) <= 80


@pytest.mark.parametrize("profile", ["variance", "std"])
def test_profiles_of_random_weights_are_those_of_the_variance(profile):
    net = em.parse_network("res0.1(conv3x3same relu)*60")
    row = compare(5, candidates={"mine": net}, profile=profile, definition="two_sigma").rows[-1]
    effective = em.effective_field(net, "two_sigma", profile=profile)
    assert (row.effective, row.count) == (effective.size, effective.count)
    assert row.effective != em.effective_field(net, "two_sigma").size
    assert row.normal == em.central_limit(em.variance(net), axis=0).verdict


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"field": 32}, "odd"),
        ({"field": 1}, "at least 3"),
        (
            {"field": {"mine": em.Conv((3, 3))}},
            r"got a dict; networks of yours are candidates=\{name: network\}",
        ),
        ({"field": em.Conv((3, 3))}, r"got a Conv; networks of yours are candidates="),
        ({"field": 7, "candidates": [em.Conv(3)]}, "candidates must map names to networks"),
        ({"field": 7, "ndim": 1, "candidates": {"conv 7, 1 layer": em.Conv(3)}}, "has a 'conv 7, 1 layer'"),
        ({"field": 31, "channels": 0}, "channels must be at least 1"),
        ({"field": 31, "candidates": {"a": em.Conv(3)}}, "'a' has 1 axes"),
        ({"field": 31, "candidates": {"a": em.Conv((3, 3)) >> em.GlobalPool()}}, "'a': .*whole input"),
        ({"field": 31, "input_size": 4, "candidates": {"a": em.Conv((9, 9))}}, "'a': .*too small"),
        ({"field": 31, "candidates": {"a": em.Conv([[1, -2]])}}, "'a': .*negative"),
    ],
)
def test_errors_name_the_network(arguments, says):
    with pytest.raises((ValueError, TypeError), match=says):
        compare(**arguments)
