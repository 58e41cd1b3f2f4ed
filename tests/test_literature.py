"""The table of the literature: its networks by Distill's recurrence and end-points, its verdicts by hand."""

import itertools

import pytest

import erfmath as em
from benchmarks.literature import areas, luo, networks
from benchmarks.literature.__main__ import PARTS, main
from benchmarks.literature.distill import DISTILL
from benchmarks.literature.richter import TOOLBOX, unseeing
from benchmarks.literature.row import DIFFERS, REPRODUCED, VERDICTS, equal
from benchmarks.poster.d_growth import single_channel

# The longest path to the output of each network, as (kernel, stride) along an axis, 1x1 left out.
CONV, HALF, POOL = (3, 1), (3, 2), (2, 2)
STEM_V3 = [HALF, CONV, CONV, HALF, CONV, HALF]
SEVENS, DOUBLE = [(7, 1)] * 2, [CONV, CONV]


def slim(*depths):
    """Return the path through a ResNet whose stages but the last stride in their last unit."""
    stages = [[CONV] * (depth - 1) + [HALF if stage < 3 else CONV] for stage, depth in enumerate(depths)]
    return [(7, 2), HALF, *itertools.chain(*stages)]


MOBILE = [HALF] + [CONV, HALF] * 3 + [CONV] * 5 + [HALF, CONV]
PATHS = {
    "alexnet_v2": [(11, 4), HALF, (5, 1), HALF, CONV, CONV, CONV, HALF],
    "vgg_16": [*DOUBLE, POOL, *DOUBLE, POOL, *([CONV] * 3 + [POOL]) * 3],
    "inception_v2": [(7, 2), HALF, CONV, HALF, *DOUBLE * 2, CONV, HALF, *DOUBLE * 4, CONV, HALF, *DOUBLE * 2],
    "inception_v3": STEM_V3 + DOUBLE * 3 + [CONV, HALF] + SEVENS * 4 + [(7, 1), HALF] + DOUBLE * 2,
    "inception_v4": [
        *[HALF, CONV, CONV, HALF, *SEVENS[:1], CONV, HALF],
        *DOUBLE * 4 + [CONV, HALF] + SEVENS * 7 + [(7, 1), HALF] + DOUBLE * 3,
    ],
    "inception_resnet_v2": [
        *STEM_V3 + [(5, 1)] + DOUBLE * 10 + [CONV, HALF] + [(7, 1)] * 20 + [CONV, HALF] + [CONV] * 10
    ],
    "mobilenet_v1": MOBILE,
    "mobilenet_v1_075": MOBILE,
    "resnet_v1_50": slim(3, 4, 6, 3),
    "resnet_v1_101": slim(3, 4, 23, 3),
    "resnet_v1_152": slim(3, 8, 36, 3),
    "resnet_v1_200": slim(3, 24, 36, 3),
}
# End-points of the same library's table, the models' own maps on the way.
ENDPOINTS = {
    "inception_v2": (7, 11, 19, 27, 59, 91, 123, 187, 251, 315, 379, 443, 571, 699),
    "inception_v4": (
        *(3, 7, 11, 15, 47, 55, 87, 119, 151, 183, 215, 407, 599, 791, 983, 1175, 1367, 1559),
        *(1687, 1815, 1943, 2071),
    ),
    "inception_resnet_v2": (3, 7, 11, 15, 23, 31, 63, 415, 2335, 2399, 3039),
    "resnet_v1_152": (35, 163, 1315, 1507),
    "resnet_v1_200": (35, 419, 1571, 1763),
}
PADDINGS = {"vgg_16": 90, "inception_v3": 618, "inception_v4": 998, "inception_resnet_v2": 1482}


def test_there_are_twelve_networks():
    assert len(DISTILL) == 12 == len(PATHS)


@pytest.mark.parametrize("name", DISTILL)
def test_published_fields_follow_from_the_recurrence(name):
    size, stride = 1, 1
    for kernel, step in reversed(PATHS[name]):
        size, stride = step * size + kernel - step, stride * step
    assert (size, stride) == DISTILL[name][:2]
    found = em.receptive_field(DISTILL[name][2]())
    assert (found.size, found.stride) == ((size,) * 2, (stride,) * 2)
    if name in PADDINGS:
        assert found.offset == (-PADDINGS[name],) * 2


@pytest.mark.parametrize("name", ENDPOINTS)
def test_fields_on_the_way_are_the_published_ones(name):
    parts, net = [], em.Identity()
    for node in DISTILL[name][2]().nodes:
        copies = [node.node] * node.n if isinstance(node, em.Power) else [node]
        for copy in copies:
            net = net >> copy
            parts.append(em.receptive_field(net).size[0])
    assert list(ENDPOINTS[name]) == [size for size in dict.fromkeys(parts) if size in ENDPOINTS[name]]


def test_the_toolbox_rule_has_its_own_red_layers():
    for name, extra in (("AlexNet", 1), ("VGG-19", 0)):
        picture = TOOLBOX[name]
        before = (1, *picture.fields)
        red = sum(one >= picture.side for one in before[:-1]) + extra
        assert red == picture.red


def test_layers_that_see_all_are_counted_by_units():
    net = em.Conv((3, 3), padding=1) ** 9
    # Behind n layers a unit sees n samples to each side: those at the ends see all 5 from n = 4 on.
    assert unseeing(net, 5) == 9 - 4
    assert unseeing(em.Conv((3, 3), padding=1) ** 3, 100) == 0


def test_kernels_in_strips_are_crosses():
    net = networks.convnext((9,) * 4, 3, strips=True)
    field = em.receptive_field(net)
    same = em.receptive_field(networks.convnext((9,) * 4, 3, strips=False))
    assert field.size == same.size
    closed = em.effective_field(networks.convnext((9,) * 4, 3, True, 1e-9), profile="std")
    assert closed.count == 32**2  # branches of no weight leave the pixels of the strides


def test_areas_of_the_slak_designs_grow_with_the_kernels():
    found = [areas.areas(networks.convnext(*design), areas.HE, 64)[0] for design in areas.KERNELS.values()]
    assert found == sorted(found)


def test_equal_figures_are_reproduced():
    assert equal("", "", 3, "3", "").verdict == REPRODUCED
    assert equal("", "", 3, 4, "").verdict == DIFFERS


@pytest.mark.parametrize("part", ["distill", "richter", "others", "slak"])
def test_parts_are_printed(part, capsys):
    assert main(["--quick", "--only", part]) == 0
    header, _, *rows, blank, counts = capsys.readouterr().out.splitlines()
    assert header.startswith("| claim")
    assert not blank
    assert counts.startswith(f"{len(rows)} rows: ")
    assert all(row.count(" | ") == 5 and any(f"| {verdict} " in row for verdict in VERDICTS) for row in rows)


def test_formulas_of_the_paper():
    verdicts = {row.published: row.verdict for row in luo.formulas()}
    assert verdicts == {"3.6515": "reproduced", "32.33": "refuted", "1/4": "refuted", "2": "differs"}
    sizes = [row.ours for row in luo.fifteen()]
    assert sizes == ["13.9 to 60.5", "13.9 to 35.5"]
    assert all(row.verdict == "reproduced" for row in luo.structures())


def test_slopes_of_one_channel_are_steeper(capsys):
    one = single_channel(4, 0)
    assert 0.5 < one.slope < 0.65
    assert -0.5 < one.ratio_slope < -0.35


def test_all_parts_have_names():
    assert list(PARTS) == ["distill", "luo", "replknet", "slak", "richter", "others"]
