"""The inverse question: the designs found have the field asked for, and none is cheaper by brute force."""

import functools
import itertools
import json

import pytest
from hypothesis import example, given, strategies as st

import erfmath as em
from erfmath.cli import main
from erfmath.design.radices import Search


def cheapest_by_brute_force(field, layers, sizes, price, holes=False):
    """The least price of all sequences of taps and steps with the field, without holes unless asked."""

    @functools.cache
    def least(reach, left):
        if left == 0:
            return 0 if reach == field else float("inf")
        found = float("inf")
        for taps in sizes:
            steps = range(1, (field if holes else reach) + 1)
            for step in itertools.takewhile(lambda step, k=taps: reach + (k - 1) * step <= field, steps):
                found = min(found, price(taps) + least(reach + (taps - 1) * step, left - 1))
        return found

    return least(1, layers)


@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 2), st.booleans())
@example(31, 4, 1, False)
def test_the_cheapest_design_is_the_cheapest(field, layers, ndim, holes):
    sizes = tuple(range(2, field + 1))
    found = Search(lambda k: k**ndim, None, holes=holes).cheapest(layers, field)
    least = cheapest_by_brute_force(field, layers, sizes, lambda k: k**ndim, holes)
    assert (float("inf") if found is None else found.price) == least
    assert found is None or found.bound == found.price


@given(st.integers(2, 60), st.integers(1, 4), st.sets(st.integers(2, 9), min_size=1, max_size=3))
def test_sizes_given_are_the_only_ones(field, layers, sizes):
    sizes = tuple(sorted(sizes))
    found = Search(lambda k: k, sizes).cheapest(layers, field)
    assert (float("inf") if found is None else found.price) == cheapest_by_brute_force(
        field, layers, sizes, lambda k: k
    )
    assert found is None or {layer.taps for layer in found.layers} <= set(sizes)


def strided_by_brute_force(field, layers, stride, weight):
    """The least price over kernels, steps and strides, a layer's units weighted by how fine they are."""

    def least(reach, left, rate):
        if left == 0:
            return 0 if (reach, rate) == (field, stride) else float("inf")
        found = float("inf")
        for after in (r for r in range(rate, stride + 1, rate) if stride % r == 0):
            for taps in range(2, field + 1):
                for step in range(rate, reach + 1, rate):
                    if (wider := reach + (taps - 1) * step) > field:
                        break
                    found = min(found, weight(stride // after) * taps + least(wider, left - 1, after))
        return found

    return least(1, layers, 1)


@pytest.mark.parametrize("weight", [lambda finer: 1, lambda finer: finer], ids=["alike", "by units"])
@pytest.mark.parametrize("stride", [2, 4, 6])
@pytest.mark.parametrize("field", [7, 12, 17])
def test_strided_designs_are_the_cheapest(field, stride, weight):
    for layers in (1, 2, 3):
        found = Search(lambda k: k, None, stride, weight).cheapest(layers, field)
        least = strided_by_brute_force(field, layers, stride, weight)
        assert (float("inf") if found is None else found.price) == least


OPTIONS = st.fixed_dictionaries(
    {"causal": st.booleans(), "ndim": st.integers(1, 2), "stride": st.sampled_from([1, 1, 2, 4])},
    optional={"cost": st.sampled_from(["parameters", "operations", "memory"]), "channels": st.integers(1, 8)},
)


@given(st.integers(3, 80), OPTIONS)
@example(
    42, {"causal": False, "ndim": 1, "stride": 2, "cost": "operations"}
)  # the odd sample is of the layer's
def test_networks_have_what_their_designs_say(field, options):
    ndim, stride = options["ndim"], options["stride"]
    for design in em.find_designs(field, **options):
        seen = em.receptive_field(design.net)
        axes = [seen.size, seen.stride] if ndim > 1 else [(seen.size,), (seen.stride,)]
        assert axes == [(field,) * ndim, (stride,) * ndim]
        assert design.field == field
        assert seen.is_covered
        assert (seen.halo()[0] if ndim > 1 else seen.halo())[1] == design.latency
        spent = em.cost(design.net, 4 * field * stride, options.get("channels"))
        units = spent.output_size[0] ** ndim
        assert (spent.parameters, spent.macs, spent.memory) == (
            design.parameters,
            design.operations * units,
            design.memory * units,
        )


def test_fields_of_1024_samples():
    found = {design.depth: design for design in em.find_designs(1024, causal=True)}
    assert (found[4].taps, found[5].taps) == (23, 20)  # FACTS: both minimal
    assert found[5].dilations == (1, 4, 16, 64, 256)
    assert all(design.is_minimal for design in found.values())
    assert [design.cost for design in found.values()] == sorted(
        (design.cost for design in found.values()), reverse=True
    )


@given(st.integers(5, 60), st.integers(3, 6))
def test_effective_targets_are_met(side, depth):
    for design in em.find_designs(side, target="effective", layers=depth, kernel_sizes=[3, 5], causal=True):
        assert em.effective_field(design.net, ref="max").size >= side
        assert design.effective >= side


def test_limits_leave_designs_out():
    found = em.find_designs(1024, causal=True, at_most={"taps": 25, "depth": 4})
    assert [design.depth for design in found] == [4]
    with pytest.raises(ValueError, match="no design has at most 19 taps: the least is 20"):
        em.find_designs(1024, causal=True, at_most={"taps": 19})


def test_the_command_prints_the_front(capsys):
    assert main(["design", "--field", "1024", "--causal", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["depth"], row["taps"]) for row in rows][-2:] == [(4, 23), (5, 20)]
    assert main(["design", "--field", "1024", "--causal", "--at-most", "taps=25"]) == 0
    assert "6 6 6 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"field": 10, "kernel_sizes": 3}, "the nearest field that has is 9"),
        ({"field": 100, "kernel_sizes": [3], "layers": 2}, "the nearest field that has is 9"),
        ({"field": 1}, "field must be at least 2"),
        ({"field": 31.0}, "field must be an int"),
        ({"field": 31, "cost": "money"}, "cost must be one of"),
        ({"field": 31, "target": "real"}, "target must be one of"),
        ({"field": 31, "kernel_sizes": []}, "kernel_sizes must hold"),
        ({"field": 31, "kernel_sizes": [1]}, "kernel_sizes must be at least 2"),
        ({"field": 31, "layers": 0}, "layers must be at least 1"),
        ({"field": 31, "layers": []}, "layers must hold"),
        ({"field": 31, "layers": 100}, "layers must be at most 64"),
        ({"field": 31, "at_most": {"money": 3}}, "at_most must be one of"),
        ({"field": 31, "at_most": 3}, "at_most must map names"),
        ({"field": 31, "at_most": {"taps": "few"}}, r"at_most\['taps'\] must be a number"),
        ({"field": 31, "causal": 1}, "causal must be a bool"),
        ({"field": 31, "stride": 0}, "stride must be at least 1"),
        ({"field": 50, "target": "effective", "layers": 2, "kernel_sizes": 3}, "effective field of 50"),
    ],
)
def test_errors_say_what_to_do(arguments, says):
    with pytest.raises((ValueError, TypeError), match=says):
        em.find_designs(**arguments)


@pytest.mark.parametrize(
    ("field", "options", "nearest"),
    [
        (588_724, {"kernel_sizes": [3, 11], "layers": 2, "stride": 4}, 121),
        (10**6, {"kernel_sizes": 3, "layers": 2}, 9),
        (3, {"kernel_sizes": 7, "layers": [60, 64]}, 361),
        (80_775, {"kernel_sizes": [4, 7]}, 80_776),
    ],
)
def test_the_nearest_field_may_be_far(field, options, nearest):
    with pytest.raises(ValueError, match=f"the nearest field that has is {nearest}$"):
        em.find_designs(field, **options)


def test_large_odd_fields_are_searched_as_even_ones():
    found = em.find_designs(999_999)
    assert all(em.receptive_field(design.net).size == 999_999 for design in found)
    assert found[0].cost == 2000  # 1001 x 999 is the product of odd numbers nearest above
    assert found[-1].cost == 3 * 13  # 3**13 > 999,999 > 3**12


@pytest.mark.parametrize("cost", ["memory", "operations"])
def test_a_long_search_ends_and_says_what_it_has_not_ruled_out(cost, monkeypatch):
    monkeypatch.setattr("erfmath.design.radices._MOST_CHOICES", 100)
    monkeypatch.setattr("erfmath.design.radices._MOST_TOGETHER", 300)
    monkeypatch.setattr("erfmath.design.radices._LEAST_CHOICES", 10)
    with pytest.raises(
        ValueError, match="of 15 layers with field=399869 was found, though none is ruled out"
    ):
        em.find_designs(399_869, stride=8, cost=cost, kernel_sizes=3, layers=15)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"stride": 10**9}, "stride must be at most"), ({"channels": 10**30}, "channels must be at most")],
)
def test_what_is_beyond_any_design_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        em.find_designs(10, **options)


def test_limits_may_be_any_number():
    assert em.find_designs(64, at_most={"taps": 10**400})[-1].cost == em.find_designs(64)[-1].cost
