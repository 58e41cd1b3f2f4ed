"""The short notation: what is written is what comes back, and errors point at the character."""

import re

import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath import zoo
from erfmath.formats.notation import parse_network
from erfmath.network.activations import ACTIVATIONS


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
