"""What networks, their fields and their costs say of themselves, word for word."""

import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.network.field import field_facts
from erfmath.network.impact import place
from erfmath.network.rates import begun, short, show_rate

PAIR = em.Conv((3, 3), padding=1) >> em.Pool((2, 2))


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (em.Identity(), "Identity"),
        (em.GlobalPool(), "GlobalPool"),
        (em.GlobalContext(), "GlobalContext"),
        (em.Conv(3), "Conv, 1 axis, stride 1"),
        (em.Conv((3, 3)), "Conv, 2 axes, stride 1"),
        (em.Conv((3, 3), stride=(1, 2)), "Conv, 2 axes, stride (1, 2)"),
        (em.Upsample(3), "Upsample, 1 axis, stride 1/3"),
        (PAIR, "Series, 2 layers, 2 axes, stride 2"),
        (em.Residual(em.Conv(1)), "Residual, 1 layer, 1 axis, stride 1"),
        (em.Residual(em.Conv(3, padding=1) ** 4), "Residual, 4 layers, 1 axis, stride 1"),
        ((em.Conv(3) >> em.Activation("relu")) ** 5, "Power, 10 layers, 1 axis, stride 1"),
        (((em.Conv(3) >> em.Conv(5) ** 2) ** 2 >> em.Conv(1)) ** 3, "Power, 21 layers, 1 axis, stride 1"),
        (em.Conv((3, 3)) >> em.GlobalPool((True, False)), "Series, 2 layers, 2 axes, stride (any, 1)"),
        (em.Sum([em.Conv(3), em.Conv(5)]), "Sum, 2 layers, 1 axis, stride 1"),
    ],
    ids=repr,
)
def test_the_summary_of_a_network(net, words):
    assert net.summary == words


def test_a_long_expression_is_cut_to_a_line():
    net = em.Series([em.Conv(k, padding=k) for k in range(1, 30)])
    shown = repr(net)
    assert len(shown) == 120
    assert shown.endswith(" ...: Series, 29 layers, 1 axis, stride 1>")
    assert shown.startswith("<Series([Conv(1, padding=1), Conv(2, ")
    assert begun("a" * 200, "b" * 130) == f"< ...: {'b' * 130}>"
    edge = em.Activation("x" * 104)  # of 118 characters, and one and two more
    assert len(repr(edge)) == 118
    assert repr(em.Activation("x" * 106)) == em.Activation("x" * 106).expression
    assert repr(em.Activation("x" * 107))[0] == "<"
    assert short(em.Activation("x" * 46)) == repr(em.Activation("x" * 46))
    assert short(em.Activation("x" * 47)) == "Activation('" + "x" * 45 + "..."


def test_rates_and_units_as_messages_name_them():
    assert show_rate((Fraction(3, 2),)) == "3/2"
    assert show_rate((Fraction(2), Fraction(2))) == "2"
    assert show_rate((Fraction(2), None)) == "(2, any)"
    assert (place((3,)), place((3, 4))) == ("3", "(3, 4)")
    hole = em.ConvTranspose(em.Kernel([[1]]), 2)
    with pytest.raises(ValueError, match=r"output unit \(0, 0\) sees nothing"):
        em.polynomial(hole >> em.Pad([(0, 0), (1, 0)]) >> em.Slice((0, 2)))


@pytest.mark.parametrize(
    ("net", "facts"),
    [
        (
            em.Conv((3, 5), stride=(1, 2), padding=(1, 0)),
            ["3 x 5", "1 x 2", "-1 x 0", "1", "none", "1 before, 1 after x 0 before, 3 after"],
        ),
        (
            em.Conv([1, 0, 1]) >> em.Upsample(2) >> em.Conv(2),
            ["4", "1/2", "0", "2", "some positions between the ends are not seen", "0 before, 3 after"],
        ),
        (em.Conv(3, padding=(2, 0)), ["3", "1", "-2", "1", "none", "2 before, 0 after"]),
    ],
    ids=repr,
)
def test_the_facts_of_a_field(net, facts):
    names = ["size", "stride", "offset", "phases", "holes", "halo"]
    assert field_facts(em.receptive_field(net)) == list(zip(names, facts, strict=True))


def test_the_facts_of_a_field_without_an_end():
    found = dict(field_facts(em.receptive_field(em.Conv((3, 3)) >> em.GlobalPool((True, False)))))
    assert (found["size"], found["stride"], found["phases"]) == ("all x 3", "1", "1")
    assert found["holes"].startswith("none: the field is unbounded along axis 0: GlobalPool((True, False))")


def test_the_repr_of_a_field():
    two = em.Conv((3, 5)) >> em.Upsample((2, 1))
    assert repr(em.receptive_field(two)) == (
        "<ReceptiveField: size (3, 5), stride (Fraction(1, 2), 1), offset (0, 0), 2 phases>"
    )
    assert repr(em.receptive_field(em.Conv(3, 2))) == "<ReceptiveField: size 3, stride 2, offset 0>"


def test_readings_of_a_field_on_two_axes():
    field = em.receptive_field(em.Conv((3, 4), (1, 2), dilation=(2, 1), padding=(1, 0)))
    assert field.region((2, 3)) == ((1, 5), (6, 9))
    assert field.center((2, 3)) == (3, 7.5)
    assert (field.holes, field.span) == (((0, 2), ()), (2, 1))
    assert not field.is_covered
    assert em.receptive_field(em.Conv((3, 4))).is_covered
    assert [len(axis) for axis in field.phases] == [1, 1]
    assert field.phases[0][0].count == 3


@pytest.mark.parametrize("far", [10, 10**6, 2**52 - 2])
def test_half_a_position_is_a_float_while_that_is_exact(far):
    middle = em.receptive_field(em.Conv(2)).center(far)
    assert type(middle) is float
    assert middle == Fraction(2 * far + 1, 2)
    assert type(em.receptive_field(em.Conv(3)).center(far)) is int
    beyond = em.receptive_field(em.Conv(2)).center(2**52)
    assert (type(beyond), beyond) == (Fraction, Fraction(2**53 + 1, 2))


def test_the_repr_of_a_map_and_of_an_overlap():
    assert repr(em.impact_map(em.Conv((2, 3)), (4, 5))) == "<ImpactMap: 2 x 3 pixels from (4, 5), 1 channel>"
    two = em.Weighted(em.Conv(2), np.ones((1, 2, 2)))
    assert repr(em.impact_map(two)) == "<ImpactMap: 2 pixels from 0, 2 channels>"
    assert repr(em.overlap(em.ConvTranspose([1, 0, 1], 2) >> em.Conv(1))) == "<Overlap: uneven, ratio inf>"
    assert em.overlap(em.ConvTranspose([1, 0, 1], 2)).ratio == math.inf
