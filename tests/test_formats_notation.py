"""The short notation: what is written is what comes back, and errors point at the character."""

import re
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath import zoo
from erfmath.formats.notation import parse_network
from erfmath.formats.to_notation import format_network
from erfmath.network.activations import ACTIVATIONS
from erfmath.strategies import networks


@pytest.mark.parametrize(
    ("text", "net"),
    [
        ("conv3", em.Conv(3)),
        ("conv3s2p1", em.Conv(3, stride=2, padding=1)),
        ("conv3d2c64g4", em.Conv(3, dilation=2, channels=64, groups=4)),
        ("conv3x5", em.Conv((3, 5))),
        ("conv3x5p1x2s2x1", em.Conv((3, 5), stride=(2, 1), padding=(1, 2))),
        ("conv3d4same", em.Conv(3, dilation=4, padding="same")),
        ("conv2causal", em.Conv(2, padding="causal")),
        ("max3s2p1", em.Pool(3, 2, 1, "max")),
        ("avg2", em.Pool(2)),
        ("up2 lin3", em.Upsample(2) >> em.Upsample(3, "linear")),
        ("deconv4s2p1o1", em.ConvTranspose(4, 2, padding=1, output_padding=1)),
        ("relu drop0.5 gap", em.Series([em.Activation("relu"), em.Dropout(0.5), em.GlobalPool()])),
        ("conv3*3, id >> (conv3 max2)*2", em.Conv(3) ** 3 >> (em.Conv(3) >> em.Pool(2, mode="max")) ** 2),
        ("(conv3p1 | conv5p2 | id)", em.Sum([em.Conv(3, padding=1), em.Conv(5, padding=2), em.Identity()])),
        ("res(conv3p1 relu)", em.Residual(em.Conv(3, padding=1) >> em.Activation("relu"))),
        ("res0.1(conv3p1)", em.Residual(em.Conv(3, padding=1), 0.1)),
        ("cat(conv1c8 relu | conv3p1c24)", em.Concat([em.Conv(1, channels=8) >> em.Activation("relu"),
                                                      em.Conv(3, padding=1, channels=24)], [8, 24])),
        ("cat(8: id | conv3p1c24)", em.Concat([em.Identity(), em.Conv(3, padding=1, channels=24)], [8, 24])),
        ("(conv3p1 | 0.5: id | -2: id)", em.Sum([em.Conv(3, padding=1), *[em.Identity()] * 2], [1, 0.5, -2])),
        ("(.5: conv3)", em.Sum([em.Conv(3)], [0.5])),
        ("(0.5:conv3p1|-1 : id)", em.Sum([em.Conv(3, padding=1), em.Identity()], [0.5, -1])),
        ("conv7x7s2p3 max3s2p1", em.Conv((7, 7), 2, 1, 3) >> em.Pool((3, 3), 2, 1, "max")),
        ("resnet18 gap", zoo.get("resnet18") >> em.GlobalPool()),
        ("resnet18 conv3p1", zoo.get("resnet18") >> em.Conv((3, 3), padding=1)),
        ("conv3p1 tcn", em.Conv(3, padding=1) >> zoo.get("tcn")),
    ],
)  # fmt: skip
def test_the_notation_means_what_its_table_says(text, net):
    assert parse_network(text) == net


def test_every_activation_has_a_gain_and_a_name_in_the_notation():
    for name in ACTIVATIONS:
        assert parse_network(name) == em.Activation(name)
        assert em.activation_gain(name) > 0
    assert {"relu", "silu", "swish", "hardswish", "prelu"} <= set(ACTIVATIONS)


def test_single_numbers_stand_for_all_axes():
    assert parse_network("conv3p1 max2", ndim=2) == em.Conv((3, 3), padding=1) >> em.Pool((2, 2), mode="max")


@pytest.mark.parametrize(
    ("text", "character", "says"),
    [
        ("", 1, "a layer such as conv3"),
        ("conv3 comv5", 7, "did you mean 'conv5'"),
        ("resnet5", 1, "did you mean 'resnet50'"),
        ("conv3s", 6, "s \\(stride\\)"),
        ("conv3 max3c4", 11, "padding"),
        ("conv3s2s3", 8, "stride is given twice"),
        ("conv3 (max2", 7, "not closed"),
        ("conv3 max2)", 11, "no parenthesis to close"),
        ("conv3 | conv5", 7, "branches stand in parentheses"),
        ("(conv3 | )", 10, "a layer such as conv3"),
        ("conv3*", 6, "a number of copies"),
        ("up2 up2s2", 8, "nothing more"),
        ("conv3x3 conv5x5x5", 5, "3x3 has 2 numbers where other sizes have 3"),
        ("conv3 conv0", 7, "at least 1"),
        ("conv3 res(conv3s2)", 7, "keep the rate"),
        ("res(conv3 | conv3)", 4, "one branch"),
        ("cat(conv3 | conv5)", 4, "channels of each branch"),
        ("cat(0.5: id | 2: id)", 4, "channels of each branch"),
        ("res(2: conv3)", 4, "one branch"),
        ("(0: id)", 1, "not be all zero"),
        ("3: id", 1, "no layer or network is called '3:'"),
        ("conv3*" + "9" * 99, 1, "at most 1e\\+15"),
        ("(conv3 | conv3s2)", 1, "same rate"),
        ("conv9999999", 5, "at most 1,000,000 taps"),
        ("conv3c2x2", 6, "single number"),
        ("(" * 80, 61, "nested deeper"),
    ],
)
def test_errors_point_at_the_character(text, character, says):
    with pytest.raises(ValueError, match=says) as error:
        parse_network(text)
    message = str(error.value)
    assert f"character {character}:" in message
    assert "\n" not in message


_PIECES = [*"()|*,>x0123456789. ", "conv3", "conv3p1", "max2", "up2", "s2", "d2", "p1", "c4", "same", "res(",
           "cat(", "relu", "drop0.5", "gap", "id", "*3", "tcn", "\n", "\u0663", "é"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_is_a_network_or_a_located_error(text):
    try:
        found = parse_network(text)
    except ValueError as error:
        found = str(error)
    assert isinstance(found, em.Node) or re.search(r", character \d+: ", found)


def test_text_is_checked():
    with pytest.raises(TypeError, match="must be a string"):
        parse_network(3)


def words():
    """Layers and options as text, of two axes and of one number for both."""
    sides = st.sampled_from(["1", "2", "3", "3x2"])
    options = [st.just("") | sides.map(letter.__add__) for letter in "sdp"]
    conv = st.builds("conv{}{}{}{}".format, sides, *options) | st.sampled_from(
        ["conv3d2same", "conv2x3causal"]
    )
    pool = st.builds("{}{}{}{}{}".format, st.sampled_from(["max", "avg"]), sides, *options)
    transposed = st.builds("deconv{}{}{}{}".format, sides, *options)
    others = [
        "relu",
        "drop0.25",
        "drop.1",
        "gap",
        "id",
        "up2",
        "lin2x3",
        "deconv4s2p1o1",
        "conv3c8g2",
        "conv1c3",
    ]
    return st.sampled_from(others) | conv | pool | transposed


def texts():
    """Text of the notation, most of it with a meaning."""
    alike = st.sampled_from(["id", "relu", "conv3p1c4", "max3s1p1", "conv2causalc2"])
    return st.recursive(
        words() | alike,
        lambda part: st.one_of(
            st.lists(part, min_size=1, max_size=3).map(" ".join),
            st.builds("({})*{}".format, part, st.integers(0, 3)),
            st.builds("({} | {})".format, alike, part),
            st.builds("({}: {} | {})".format, st.sampled_from(["0.5", "2", "-1", "1e"]), part, alike),
            st.builds("res{}({})".format, st.sampled_from(["", "0.1", "2", "0"]), part),
            st.builds("cat({}: {} | conv3p1c5)".format, st.integers(1, 9), part),
            st.builds("cat({} | {})".format, part, part),
        ),
        max_leaves=6,
    )


@given(texts())
def test_what_the_notation_reads_it_can_say(text):
    try:
        net = parse_network(text)
    except ValueError:
        return
    assert parse_network(format_network(net)) == net


@given(networks(max_dims=2))
def test_a_network_is_said_exactly_or_not_at_all(net):
    try:
        text = format_network(net)
    except ValueError as error:
        text = str(error)
    assert "no words for" in text or parse_network(text) == net


@pytest.mark.parametrize("name", zoo.names())
def test_the_notation_can_say_the_zoo(name):
    assert parse_network(format_network(zoo.get(name))) == zoo.get(name)


@pytest.mark.parametrize(
    ("net", "text"),
    [
        (em.Conv((3, 3), stride=2, padding=1, channels=8), "conv3x3s2p1c8"),
        (em.Conv((3, 5), stride=(1, 2)), "conv3x5s1x2"),
        (em.Conv(2, dilation=4, padding="causal"), "conv2d4causal"),
        (em.Conv(4, padding="same"), "conv4same"),
        (em.Pool((2, 2), mode="max"), "max2x2"),
        (em.Residual(em.Conv(3, padding=1), 0.1) ** 3, "res0.1(conv3p1)*3"),
        (em.Conv(3) ** 10**15, "conv3*1000000000000000"),
        (em.Sum([em.Identity(), em.Conv(3, padding=1)], [1e-7, 1]), "(0.0000001: id | conv3p1)"),
    ],
)
def test_what_is_said_is_short(net, text):
    assert format_network(net) == text
    assert parse_network(text) == net


@pytest.mark.parametrize(
    "net",
    [
        em.Conv([1, 2, 1]),
        em.Conv([1 / 3] * 3),
        em.Conv(3, padding=[(0, 1)]),
        em.Conv(3, padding=1, padding_mode="reflect"),
        em.Pool(3, ceil_mode=True),
        em.Activation("swoosh"),
        em.Residual(em.Conv(3, padding=1), Fraction(1, 3)),
        em.Residual(em.Conv(3, padding=1), -1),
        em.Residual(em.Conv(3, padding=1), 10**400),
        em.Sum([em.Conv(3), em.Conv(3)], [1, 10**400]),
        em.Graph({"a": (em.Conv(3), "input")}),
        em.Pad(1),
        em.Power(em.Conv(3), 0),
    ],
)
def test_what_the_notation_has_no_words_for_is_an_error(net):
    with pytest.raises(ValueError, match=r"the notation has no words for .*; write the network as JSON"):
        format_network(net)


def test_only_networks_have_a_notation():
    with pytest.raises(TypeError, match="must be a network"):
        format_network("conv3")
