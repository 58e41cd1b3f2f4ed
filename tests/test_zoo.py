import itertools
import math
import pickle
import pkgutil
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import erfmath as em
from erfmath import zoo

# --- Fields: published numbers ---------------------------------------------------------------------------

# (network, field, stride); sources: Araujo, Norris & Sim (Distill 2019) for AlexNet, VGG-16, the ResNets with
# the stride on a 1x1, MobileNet and Inception; the papers themselves for PatchGAN, WaveNet, wav2vec 2.0.
PUBLISHED = [
    (zoo.alexnet(), 195, 32),
    (zoo.vgg11(), 150, 32),
    (zoo.vgg16(), 212, 32),
    (zoo.vgg19(), 268, 32),
    (zoo.resnet18(), 435, 32),
    (zoo.resnet34(), 899, 32),
    (zoo.resnet50(), 427, 32),
    (zoo.resnet50(strided="1x1"), 483, 32),
    (zoo.resnet101(), 971, 32),
    (zoo.resnet101(strided="1x1"), 1027, 32),
    (zoo.resnet152(), 1451, 32),
    (zoo.resnet152(strided="1x1"), 1507, 32),
    (zoo.densenet121(), 2071, 32),
    (zoo.inception_v3(), 1311, 32),
    (zoo.mobilenet_v1(), 315, 32),
    (zoo.mobilenet_v2(), 491, 32),
    (zoo.convnext_tiny(), 1688, 32),
    (zoo.replknet31b(), 9011, 32),
    (zoo.replknet13(merged=False), 4579, 32),
    (zoo.patchgan(), 70, 8),
    (zoo.wav2vec2(), 400, 320),
    (zoo.wavenet(), 1024, 1),
    (zoo.wavenet(blocks=3), 3070, 1),
    (zoo.tcn(), 61, 1),
    (zoo.tcn(kernel=7, dilations=[2**i for i in range(8)]), 1 + 2 * 6 * 255, 1),
]


@pytest.mark.parametrize(("net", "size", "stride"), PUBLISHED)
def test_fields_and_strides_are_the_published_ones(net, size, stride):
    field = em.receptive_field(net)
    expected = ((size,) * 2, (stride,) * 2) if field.ndim == 2 else (size, stride)
    assert (field.size, field.stride) == expected
    assert field.is_covered


def distill(table):
    """(first, last) of output 0 by the recurrence of Araujo, Norris & Sim, over (kernel, stride, padding)."""
    first = last = 0
    for k, s, p in reversed(table):
        first, last = s * first - p, s * last - p + k - 1
    return first, last


THREE, HALF = (3, 1, 1), (2, 2, 0)
STEM = [(7, 2, 3), (3, 2, 1)]
DOWN = (3, 2, 1)
SEVENS = [(7, 1, 3)] * 2


def vgg(*depths):
    return [layer for depth in depths for layer in [THREE] * depth + [HALF]]


def resnet(depths, convs):
    return STEM + [
        layer
        for stage, n in enumerate(depths)
        for layer in [DOWN if stage else THREE] + [THREE] * (n * convs - 1)
    ]


def densenet(depths):
    return STEM + [layer for n in depths for layer in [THREE] * n + [HALF]][:-1]


def mobile(*strides):
    return [(3, s, 1) for s in strides]


def convnext(depths):
    return [(4, 4, 0), *[layer for n in depths for layer in [(7, 1, 3)] * n + [HALF]][:-1]]


def replknet(kernels):
    stages = [[(k, 1, k // 2)] * n for k, n in zip(kernels, (2, 2, 18, 2), strict=True)]
    return [DOWN, THREE, DOWN, *itertools.chain(*([*stage, DOWN] for stage in stages))][:-1]


INCEPTION_STEM = [(3, 2, 0), (3, 1, 0), THREE, (3, 2, 0), (3, 1, 0), (3, 2, 0)]
INCEPTION = [
    *INCEPTION_STEM,
    *[(5, 1, 2)] * 3,
    *[THREE, (3, 2, 0)],
    *SEVENS * 4,
    *[(7, 1, 3), (3, 2, 0)],
    *[THREE, THREE] * 2,
]

# The layers with more than one tap on the path that sees most.
LONGEST_PATHS = {
    "alexnet": [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), *[THREE] * 3, (3, 2, 0)],
    "vgg11": vgg(1, 1, 2, 2, 2),
    "vgg16": vgg(2, 2, 3, 3, 3),
    "vgg19": vgg(2, 2, 4, 4, 4),
    "resnet18": resnet((2, 2, 2, 2), 2),
    "resnet34": resnet((3, 4, 6, 3), 2),
    "resnet50": resnet((3, 4, 6, 3), 1),
    "resnet101": resnet((3, 4, 23, 3), 1),
    "resnet152": resnet((3, 8, 36, 3), 1),
    "densenet121": densenet((6, 12, 24, 16)),
    "inception_v3": INCEPTION,
    "mobilenet_v1": mobile(2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1),
    "mobilenet_v2": mobile(2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1),
    "convnext_tiny": convnext((3, 3, 9, 3)),
    "replknet13": replknet((13,) * 4),
    "replknet31b": replknet((31, 29, 27, 13)),
    "replknet31l": replknet((31, 29, 27, 13)),
    "replknet_xl": replknet((27, 27, 27, 13)),
    "patchgan": [(4, 2, 1)] * 3 + [(4, 1, 1)] * 2,
    "wav2vec2": [(10, 5, 0)] + [(3, 2, 0)] * 4 + [(2, 2, 0)] * 2,
}


@pytest.mark.parametrize("name", LONGEST_PATHS)
def test_regions_follow_the_recurrence_along_the_longest_path(name):
    field = em.receptive_field(zoo.get(name))
    region = distill(LONGEST_PATHS[name])
    assert field.region() == ((region,) * 2 if field.ndim == 2 else region)


def test_regions_of_networks_that_are_causal_end_at_the_unit():
    assert em.receptive_field(zoo.wavenet()).region(5) == (5 - 1023, 5)
    assert em.receptive_field(zoo.tcn()).region(5) == (5 - 60, 5)


# --- U-Net, against the sets of what each unit depends on ------------------------------------------------


def seen_by_unet(depth, kernel, decoder, length):
    """Row i: which of the inputs output i of a U-Net on one axis depends on."""

    def shifted(seen, by):
        moved = np.zeros_like(seen)
        if by >= 0:
            moved[: len(seen) - by] = seen[by:]
        else:
            moved[-by:] = seen[:by]
        return moved

    def convolved(seen):
        before = (kernel - 1) // 2
        return np.any([shifted(seen, tap - before) for tap in range(kernel)], axis=0)

    def grown(seen):
        repeated = np.repeat(seen, 2, axis=0)
        if decoder != "linear":
            return repeated
        neighbours = np.where(
            np.arange(len(repeated))[:, None] % 2, shifted(repeated, 1), shifted(repeated, -1)
        )
        return repeated | neighbours

    def level(seen, depth):
        seen = convolved(convolved(seen))
        if depth:
            below = level(seen[::2] | seen[1::2], depth - 1)
            seen = convolved(convolved(seen | grown(below)))
        return seen

    return level(np.eye(length, dtype=bool), depth)


@pytest.mark.parametrize("decoder", ["transposed", "nearest", "linear"])
@pytest.mark.parametrize(("depth", "kernel"), [(0, 3), (1, 3), (2, 5), (3, 2), (3, 3), (4, 3)])
def test_unet_sees_what_its_units_depend_on(depth, kernel, decoder):
    field = em.receptive_field(zoo.unet(depth=depth, kernel=kernel, decoder=decoder, ndim=1))
    period = 2**depth
    length = period * (-(-max(field.size, 16) // period) * 2 + 4)
    seen = seen_by_unet(depth, kernel, decoder, length)
    middle = length // 2 // period * period
    for unit in range(middle, middle + period):
        positions = np.flatnonzero(seen[unit])
        assert field.region(unit) == (positions[0], positions[-1])
    assert field.stride == 1
    assert field.period == period


def test_unet_of_depth_3_has_the_known_phases_and_halo():
    field = em.receptive_field(zoo.unet(depth=3))
    sizes = [92, 92, 100, 100, 100, 100, 92, 92]
    assert [[phase.size for phase in phases] for phases in field.phases] == [sizes, sizes]
    assert field.halo() == ((46, 46), (46, 46))


def test_unet_is_one_on_any_number_of_axes():
    assert em.receptive_field(zoo.unet(depth=2, ndim=3)).size == (44,) * 3


# --- Sizes and costs -------------------------------------------------------------------------------------

LAST_MAPS = dict.fromkeys(LONGEST_PATHS, (224, 7)) | {
    "alexnet": (224, 6),
    "inception_v3": (299, 8),
    "patchgan": (256, 30),
    "unet": (256, 256),
    "wav2vec2": (16_000, 49),
    "wavenet": (4000, 4000),
    "tcn": (100, 100),
}


@pytest.mark.parametrize("name", LAST_MAPS)
def test_last_maps_have_the_known_sizes(name):
    side, expected = LAST_MAPS[name]
    net = zoo.get(name)
    assert em.output_size(net, (side,) * net.ndim) == ((expected,) * 2 if net.ndim == 2 else expected)


def counted(node, channels):
    """(output channels, [(weights, channels in, channels out, layer)] of all convolutions), from the fields.

    Copies of a power are followed one by one: the first may read another number of channels.
    """
    match node:
        case em.Conv() | em.ConvTranspose():
            out = node.channels or channels
            assert channels % node.groups == out % node.groups == 0
            weights = math.prod(node.kernel.shape) * (channels // node.groups) * out
            return out, [(weights, channels, out, node)]
        case em.Series() | em.Power():
            found = []
            for _ in range(node.n if isinstance(node, em.Power) else 1):
                for part in [node.node] if isinstance(node, em.Power) else node.nodes:
                    channels, layers = counted(part, channels)
                    found += layers
            return channels, found
        case em.Sum() | em.Concat():
            outs, layers = zip(*(counted(branch, channels) for branch in node.branches), strict=True)
            if isinstance(node, em.Concat):
                assert outs == node.channels
            else:
                assert len(set(outs)) == 1
            return sum(outs) if isinstance(node, em.Concat) else outs[0], list(itertools.chain(*layers))
        case em.Residual():
            out, layers = counted(node.branch, channels)
            assert out == channels
            return out, layers
    assert not list(node.labelled())
    return channels, []


def kinds(node):
    """How many layers of each kind a network has, copies included."""
    copies = node.n if isinstance(node, em.Power) else 1
    total = Counter()
    for part in [node.node] if isinstance(node, em.Power) else [child for _, child in node.labelled()]:
        total += Counter({kind: copies * number for kind, number in kinds(part).items()})
    match node:
        case em.Activation():
            total[node.name] += 1
        case em.Pool():
            total[node.mode] += 1
        case em.Sum() | em.Residual():
            total["add"] += 1
        case em.Conv() | em.ConvTranspose() | em.Concat() | em.Dropout() | em.Upsample():
            total[type(node).__name__] += 1
    return total


@pytest.mark.parametrize(
    ("name", "side", "millions", "billions"),
    [("replknet31b", 224, 79, 15.3), ("replknet31l", 384, 172, 96.0), ("replknet_xl", 320, 335, 128.7)],
)
def test_replknets_cost_what_their_paper_says(name, side, millions, billions):
    spent = em.cost(zoo.get(name), side)
    assert spent.macs / 1e9 == pytest.approx(billions, rel=0.002)
    assert spent.parameters / 1e6 == pytest.approx(millions, rel=0.015)  # without norms and head


REPLKNET = {"Conv": 4 + 6 + 24 * 5, "relu": 4 + 6 + 24 * 2, "gelu": 24, "add": 48}
# Counted in the papers' tables and torchvision's modules; 10 of 17 inverted residuals keep their shape.
LAYERS = {
    "alexnet": {"Conv": 5, "relu": 5, "max": 3},
    "vgg11": {"Conv": 8, "relu": 8, "max": 5},
    "vgg16": {"Conv": 13, "relu": 13, "max": 5},
    "vgg19": {"Conv": 16, "relu": 16, "max": 5},
    "resnet18": {"Conv": 17 + 3, "relu": 17, "max": 1, "add": 8},
    "resnet34": {"Conv": 33 + 3, "relu": 33, "max": 1, "add": 16},
    "resnet50": {"Conv": 49 + 4, "relu": 49, "max": 1, "add": 16},
    "resnet101": {"Conv": 100 + 4, "relu": 100, "max": 1, "add": 33},
    "resnet152": {"Conv": 151 + 4, "relu": 151, "max": 1, "add": 50},
    "densenet121": {"Conv": 120, "relu": 121, "max": 1, "average": 3, "Concat": 58},
    "inception_v3": {"Conv": 94, "relu": 94, "max": 4, "average": 9, "Concat": 11 + 4},
    "mobilenet_v1": {"Conv": 27, "relu": 27},
    "mobilenet_v2": {"Conv": 52, "relu6": 35, "add": 10},
    "convnext_tiny": {"Conv": 58, "gelu": 18, "add": 18},
    **{name: REPLKNET for name in zoo.names() if name.startswith("replknet")},
    "patchgan": {"Conv": 5, "leaky_relu": 4},
    "unet": {"Conv": 18, "relu": 18, "max": 4, "ConvTranspose": 4, "Concat": 4},
    "wavenet": {"Conv": 31, "tanh": 10, "sigmoid": 10, "add": 10 + 10},
    "tcn": {"Conv": 9, "relu": 8 + 4, "Dropout": 8, "add": 4},
    "wav2vec2": {"Conv": 7, "gelu": 7},
}


@pytest.mark.parametrize("name", zoo.names())
def test_layers_are_as_many_as_in_the_paper(name):
    assert kinds(zoo.get(name)) == LAYERS[name]


def biases(layers):
    return sum(out for _, _, out, _ in layers)


def norms_behind(layers):
    """A scale and a shift for each channel that a convolution makes."""
    return 2 * biases(layers)


def densenet_norms(layers):
    """Before each convolution but the first, behind the first, and behind all."""
    return 2 * (sum(c for _, c, _, _ in layers[1:]) + 64 + 1024)


def convnext_others(layers):
    """Biases; norms behind the stem, before halving, in each block (with a scale) and before the head."""
    blocks = sum(3 * out for _, _, out, layer in layers if layer.groups > 1)
    halves = sum(2 * c for _, c, _, layer in layers if layer.stride == (2, 2))
    return biases(layers) + 2 * 96 + halves + blocks + 2 * 768


def patchgan_others(layers):
    """Biases of the first and the last convolution, norms behind the others."""
    return biases([layers[0], layers[-1]]) + norms_behind(layers[1:-1])


def unet_others(layers):
    """Norms behind the 3x3 convolutions, biases of the transposed ones."""
    transposed = [entry for entry in layers if isinstance(entry[3], em.ConvTranspose)]
    return norms_behind([entry for entry in layers if entry not in transposed]) + biases(transposed)


def dense(*widths):
    return sum((before + 1) * after for before, after in itertools.pairwise(widths))


# name: (channels in, parameters in all, those of the head, the others' count from the convolutions);
# published with torchvision's weights, Keras's MobileNet (trainable), the discriminator of pix2pix, the U-Net
# of milesial/Pytorch-UNet (one class) and the encoder of wav2vec 2.0 (base: one norm, no biases).
PARAMETERS = {
    "alexnet": (3, 61_100_840, dense(256 * 36, 4096, 4096, 1000), biases),
    "vgg11": (3, 132_863_336, dense(512 * 49, 4096, 4096, 1000), biases),
    "vgg16": (3, 138_357_544, dense(512 * 49, 4096, 4096, 1000), biases),
    "vgg19": (3, 143_667_240, dense(512 * 49, 4096, 4096, 1000), biases),
    "resnet18": (3, 11_689_512, dense(512, 1000), norms_behind),
    "resnet34": (3, 21_797_672, dense(512, 1000), norms_behind),
    "resnet50": (3, 25_557_032, dense(2048, 1000), norms_behind),
    "resnet101": (3, 44_549_160, dense(2048, 1000), norms_behind),
    "resnet152": (3, 60_192_808, dense(2048, 1000), norms_behind),
    "densenet121": (3, 7_978_856, dense(1024, 1000), densenet_norms),
    "inception_v3": (3, 23_834_568, dense(2048, 1000), norms_behind),
    "mobilenet_v1": (3, 4_231_976, dense(1024, 1000), norms_behind),
    "mobilenet_v2": (3, 3_504_872, dense(1280, 1000), norms_behind),
    "convnext_tiny": (3, 28_589_128, dense(768, 1000), convnext_others),
    "patchgan": (6, 2_768_705, 0, patchgan_others),
    "unet": (3, 31_037_633, dense(64, 1), unet_others),
    "wav2vec2": (1, 4_200_448, 0, lambda layers: 2 * 512),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_add_up_to_the_published_total(name):
    channels, total, head, others = PARAMETERS[name]
    _, layers = counted(zoo.get(name), channels)
    assert sum(weights for weights, *_ in layers) + others(layers) + head == total


@pytest.mark.parametrize("name", zoo.names())
def test_cost_counts_the_same_parameters(name):
    net = zoo.get(name)
    _, layers = counted(net, 3)
    size = (LAST_MAPS[name][0],) * net.ndim
    assert em.cost(net, size, channels=3).parameters == sum(weights for weights, *_ in layers)


# Multiply-accumulates in 10^9, head included, as published with torchvision's weights.
MACS = {
    "alexnet": (0.714, (256 * 36, 4096, 4096, 1000)),
    "vgg11": (7.609, (512 * 49, 4096, 4096, 1000)),
    "vgg16": (15.47, (512 * 49, 4096, 4096, 1000)),
    "vgg19": (19.632, (512 * 49, 4096, 4096, 1000)),
    "resnet18": (1.814, (512, 1000)),
    "resnet34": (3.664, (512, 1000)),
    "resnet50": (4.089, (2048, 1000)),
    "resnet101": (7.801, (2048, 1000)),
    "resnet152": (11.514, (2048, 1000)),
    "densenet121": (2.834, (1024, 1000)),
    "inception_v3": (5.713, (2048, 1000)),
    "mobilenet_v2": (0.301, (1280, 1000)),
    "convnext_tiny": (4.456, (768, 1000)),
}


@pytest.mark.parametrize("name", MACS)
def test_multiply_accumulates_are_the_published_ones(name):
    published, widths = MACS[name]
    cost = em.cost(zoo.get(name), LAST_MAPS[name][0], channels=3)
    head = sum(before * after for before, after in itertools.pairwise(widths))
    assert (cost.macs + head) / 1e9 == pytest.approx(published, abs=6e-4)


def test_weights_of_convolutions_alone():
    def weights(net):
        return sum(number for number, *_ in counted(net, 3)[1])

    assert weights(zoo.vgg16()) == 14_710_464
    assert weights(zoo.resnet50()) == weights(zoo.resnet50(strided="1x1")) == 23_454_912


@pytest.mark.parametrize("name", zoo.names())
def test_channels_fit_in_every_network(name):
    assert counted(zoo.get(name), 3)[0] > 0


@pytest.mark.parametrize("decoder", ["nearest", "linear"])
def test_channels_fit_in_every_unet(decoder):
    assert counted(zoo.unet(depth=2, decoder=decoder, channels=5), 3)[0] == 5


# --- Values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo.names())
def test_networks_are_values(name):
    net = zoo.get(name)
    assert isinstance(net, em.Node)
    assert net == getattr(zoo, name)()
    assert len(repr(net)) <= 120
    assert eval(net.expression, {name: getattr(em, name) for name in em.__all__}) == net
    assert pickle.loads(pickle.dumps(net)) == net
    assert hash(net) == hash(getattr(zoo, name)())


def test_names_are_sorted_and_public():
    assert list(zoo.names()) == sorted(zoo.names())
    assert set(zoo.names()) | {"get", "names"} == set(zoo.__all__)
    assert {"alexnet", "resnet152", "unet", "wav2vec2"} <= set(zoo.names())
    assert all(getattr(zoo, name).__doc__ for name in zoo.__all__)


@pytest.mark.parametrize(
    ("name", "nearest"), [("resnet51", "resnet50"), ("VGG-16", "vgg16"), ("u-net", "unet"), (3, "")]
)
def test_an_unknown_name_is_met_with_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=re.escape(f"got {name!r}; did you mean '{nearest}")):
        zoo.get(name)


@pytest.mark.parametrize("name", ["get", "names", "Node", "difflib", "_vgg"])
def test_names_that_are_no_networks_are_unknown(name):
    with pytest.raises(ValueError, match="did you mean"):
        zoo.get(name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.resnet50(strided="2x2"), "strided must be one of '3x3', '1x1', got '2x2'"),
        (lambda: zoo.unet(decoder="bilinear"), "decoder must be one of 'transposed', 'nearest', 'linear'"),
        (lambda: zoo.unet(depth=-1), "depth must be at least 0, got -1"),
        (lambda: zoo.unet(channels=0), "channels must be at least 1, got 0"),
        (lambda: zoo.wavenet(blocks=0), "blocks must be at least 1, got 0"),
        (lambda: zoo.wavenet(layers=0), "layers must be at least 1, got 0"),
        (lambda: zoo.wavenet(layers=10**9), "layers must be at most 64, got 1000000000"),
        (lambda: zoo.unet(depth=10**9), "depth must be at most 20"),
        (lambda: zoo.unet(ndim=9), "ndim must be at most 8, got 9"),
        (lambda: zoo.tcn(dilations=[]), "dilations must hold at least one"),
        (lambda: zoo.tcn(dilations=2), "dilations must be a sequence of ints, got 2"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        call()


def test_no_module_hides_a_public_function():
    modules = {module.name for module in pkgutil.iter_modules(zoo.__path__)}
    assert not modules & (set(em.__all__) | set(zoo.__all__))
    assert not set(zoo.names()) & set(em.__all__)


def test_the_zoo_is_light_to_import():
    code = (
        "import sys, erfmath; erfmath.distribution; before = set(sys.modules); import erfmath.zoo; "
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('erfmath')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) <= {"difflib", "graphlib"}
