"""Which layers add context: shortest and longest paths against all paths, and published networks."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

import erfmath as em


def fields_of_all_paths(blocks):
    """The fields of the input of each layer by every choice of shortcuts: (least, most) per layer."""
    layers = [(number, taps) for number, block in enumerate(blocks) for taps in block]
    found = {index: set() for index in range(len(layers))}
    for taken in itertools.product([False, True], repeat=len(blocks)):
        field = 1
        for index, (number, taps) in enumerate(layers):
            inside = sum(k - 1 for other, k in layers[:index] if other == number)
            found[index].add(field + inside)
            if index + 1 == len(layers) or layers[index + 1][0] != number:
                field += (inside + taps - 1) * taken[number]
    return [(min(fields), max(fields)) for fields in found.values()]


@given(st.lists(st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3), min_size=1, max_size=6))
def test_paths_are_the_shortest_and_the_longest_of_all(blocks):
    net = em.Identity()
    for block in blocks:
        inside = em.Conv(block[0], padding=block[0] // 2)
        for taps in block[1:]:
            inside = inside >> em.Conv(taps, padding=taps // 2)
        net = net >> em.Residual(inside)
    found = em.productive(net, 8)
    assert [(row.shortest[0], row.longest[0]) for row in found] == fields_of_all_paths(blocks)


def plain_by_hand(layers, size):
    """The fields before layers of (taps, stride), and which are larger than the image."""
    field, jump, found = 1, 1, []
    for taps, stride in layers:
        found.append((field, field > size))
        field, jump = field + (taps - 1) * jump, jump * stride
    return found, field


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 2)), min_size=1, max_size=8), st.integers(1, 64))
def test_a_series_is_the_sum_of_its_layers(layers, size):
    net = em.Identity()
    for taps, stride in layers:
        net = net >> em.Conv(taps, stride=stride)
    expected, field = plain_by_hand(layers, size)
    found = em.productive(net, size)
    assert [(row.longest[0], row.verdict == "unproductive") for row in found] == expected
    assert not found.critical
    assert found.suits == (expected[-1][0], field)


@pytest.mark.parametrize(
    ("size", "fields"), [(32, [43, 43, 75]), (16, [19, 19, 19, 27, 27, 43, 43, 75])], ids=["32", "16"]
)
def test_vgg_and_resnet18_on_small_images(size, fields):
    layers = [(3, 1)] * 2 + [(2, 2)] + [(3, 1)] * 2 + [(2, 2)] + ([(3, 1)] * 3 + [(2, 2)]) * 3
    expected, field = plain_by_hand(layers, size)
    vgg = em.productive(em.zoo.vgg16(), size)
    assert [row.verdict == "unproductive" for row in vgg] == [beyond for _, beyond in expected]
    assert vgg.suits[1] == field == 212
    # Along the shortcuts only the stem and the own block count: 11 + 2 s behind a first 3x3 at stride s.
    assert [row.shortest[0] for row in em.productive(em.zoo.resnet18(), size).unproductive] == fields


def test_resolutions_of_resnets():
    assert em.productive(em.zoo.resnet50(), 224).suits == (75, 427)
    assert not em.productive(em.zoo.resnet50(), 75).unproductive
    assert em.productive(em.zoo.resnet50(), 74).unproductive[-1].shortest == (75, 75)


def test_axes_have_to_agree():
    net = em.Conv((1, 9)) >> em.Conv((3, 3))
    assert em.productive(net, (4, 8)).layers[1].verdict == "productive"  # new context along the first axis
    assert em.productive(em.Conv((9, 9)) >> em.Conv((3, 3)), (4, 8)).layers[1].verdict == "unproductive"


def test_a_model_s_layers_have_their_names():
    torch = pytest.importorskip("torch", reason="modules need torch: pip install 'erfmath[torch]'")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3))
    found = em.productive(em.from_torch(module, (1, 1, 16, 16)), 4)
    assert [row.layer.split()[-2:] for row in found] == [["Conv", "5x5"], ["Conv", "3x3"]]
    assert [row.verdict for row in found] == ["productive", "unproductive"]


@pytest.mark.parametrize(
    ("size", "says"),
    [(0, "input_size must be at least 1"), ((4, 4, 4), "one per axis"), (3.5, "input_size must be")],
)
def test_errors_name_the_argument(size, says):
    with pytest.raises((ValueError, TypeError), match=says):
        em.productive(em.Conv((3, 3)), size)


def test_too_many_layers():
    with pytest.raises(ValueError, match="100000 operations at most"):
        em.productive(em.Conv(3) ** 200_000, 8)
