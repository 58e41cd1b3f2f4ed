"""What layers keep of their arguments, and what the layers of channels refuse."""

from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from erfmath.network.arguments import as_array, as_padding, as_sides, per_axis_values, plain, plain_size
from erfmath.network.channels import Channels, Energies, Rearranged, Scaled
from erfmath.network.inits import gain_of
from erfmath.network.mixing import Gather, Taps
from erfmath.network.stage import Stage, Unbounded


def fields(node):
    """All that a layer holds, by name."""
    return {name: value for name, value in vars(node).items() if name not in ("ndim", "rate", "_programs")}


@pytest.mark.parametrize(
    ("make", "held"),
    [
        (
            lambda: em.Conv((2, 3)),
            {
                "kernel": em.Kernel([[Fraction(1, 6)] * 3] * 2),
                "stride": (1, 1),
                "dilation": (1, 1),
                "padding": ((0, 0), (0, 0)),
                "padding_mode": "zeros",
                "channels": None,
                "groups": 1,
                "is_given": False,
            },
        ),
        (
            lambda: em.ConvTranspose([1, 2], 3, 2, (1, 2), 1, 8, 4),
            {
                "kernel": em.Kernel([1, 2]),
                "stride": (3,),
                "dilation": (2,),
                "padding": ((1, 2),),
                "output_padding": (1,),
                "channels": 8,
                "groups": 4,
                "is_given": True,
            },
        ),
        (
            lambda: em.ConvTranspose((2, 2), (2, 3)),
            {
                "kernel": em.Kernel([[Fraction(6, 4)] * 2] * 2),
                "stride": (2, 3),
                "dilation": (1, 1),
                "padding": ((0, 0), (0, 0)),
                "output_padding": (0, 0),
                "channels": None,
                "groups": 1,
                "is_given": False,
            },
        ),
        (
            lambda: em.Pool((3, 2)),
            {
                "size": (3, 2),
                "stride": (3, 2),
                "padding": ((0, 0), (0, 0)),
                "mode": "average",
                "dilation": (1, 1),
                "ceil_mode": False,
                "count_include_pad": True,
            },
        ),
        (
            lambda: em.Pool(3, 1, (0, 1), "max", 2, True, False),
            {
                "size": (3,),
                "stride": (1,),
                "padding": ((0, 1),),
                "mode": "max",
                "dilation": (2,),
                "ceil_mode": True,
                "count_include_pad": False,
            },
        ),
        (lambda: em.Pad(2), {"padding": ((2, 2),), "mode": "zeros"}),
        (lambda: em.Pad([1, (2, 3)], "reflect"), {"padding": ((1, 1), (2, 3)), "mode": "reflect"}),
        (lambda: em.Slice(1, (-2, None)), {"start": (1, 1), "stop": (-2, None), "step": (1, 1)}),
        (lambda: em.Upsample((2, 3)), {"factor": (2, 3), "mode": "nearest"}),
        (lambda: em.Dropout(np.float32(0.5)), {"p": 0.5}),
        (lambda: em.Dropout(Fraction(1, 3)), {"p": Fraction(1, 3)}),
        (lambda: em.GlobalPool([True, False]), {"along": (True, False)}),
        (lambda: em.GlobalContext("after"), {"sides": ("after",)}),
        (lambda: em.GlobalContext(["none", "both"]), {"sides": ("none", "both")}),
        (lambda: em.Normalization(), {"name": "InstanceNorm", "along": None}),
    ],
    ids=range(15),
)
def test_what_a_layer_holds(make, held):
    node = make()
    assert fields(node) == held
    assert {name: type(value) for name, value in fields(node).items()} == {
        name: type(value) for name, value in held.items()
    }


BAD = [
    (lambda: em.Pool(3, ceil_mode=1), "ceil_mode must be a bool, got 1"),
    (lambda: em.Pool(3, count_include_pad=0), "count_include_pad must be a bool, got 0"),
    (lambda: em.Pool(3, dilation=0), "dilation must be at least 1"),
    (lambda: em.ConvTranspose(3, dilation=0), "dilation must be at least 1"),
    (lambda: em.ConvTranspose(3, groups=0), "groups must be at least 1"),
    (lambda: em.ConvTranspose(3, channels=0), "channels must be at least 1"),
    (lambda: em.ConvTranspose(3, 2, 3, output_padding=3), "output_padding must be below the stride or"),
    (lambda: em.GlobalPool((1, 0)), "along must be None, or a bool for each axis"),
    (lambda: em.GlobalPool((False,)), "along must be true for some axis"),
    (lambda: em.GlobalPool(True), "along must be None"),
    (lambda: em.Normalization("x", (False, False)), "along must be true for some axis"),
    (lambda: em.GlobalContext(3), "sides must be None or a word for each axis"),
    (lambda: em.GlobalContext(()), "sides must be None or a word"),
    (lambda: em.GlobalContext("left"), "sides must be one of"),
    (lambda: em.GlobalContext("none"), "sides must hold more than 'none'"),
    (lambda: em.Dropout(True), "p must be a probability below 1"),
    (lambda: em.Weighted(em.Conv(1), [[[1.0]]], 0), "power must be at least 1"),
    (
        lambda: em.Weighted(em.Conv(1), [[[1e200]]], 2),
        r"weights must be finite, and so must their powers: those of Conv\(1\) are not",
    ),
    (lambda: em.Weighted(em.Conv(1), [[[1e200]]]).squared(), "weights must be finite, and so must"),
    (lambda: em.Weighted(em.Conv(1), [[[1e78]]], 2).squared(), "weights must be finite, and so must"),
    (
        lambda: em.Weighted(em.Conv((1, 2)), np.ones((1, 1, 2))),
        r"weights must be floats of shape \(outputs, inputs, 1, 2\)",
    ),
    (lambda: Scaled([1], 0), "ndim must be at least 1"),
    (lambda: Scaled([1, 2], 1, [1]), r"factors must be one per channel, got the shapes \(2,\), \(1,\)"),
    (lambda: Scaled([1], 1, ["a"]), "squares must be an array of numbers"),
    (lambda: Scaled([1], 1, [np.inf]), "factors must be finite, and so must their squares"),
    (lambda: Channels([0], 0, 1), "inputs must be at least 1"),
    (lambda: Channels([0], 1, 0), "ndim must be at least 1"),
    (lambda: Channels([-2], 1, 1), "index must hold channels from 0 to 0, or -1"),
    (lambda: Channels([], 1, 1), "index must be a sequence of ints"),
    (lambda: as_array([[1], [1, 2]], "these"), "these must be an array of numbers"),
    (lambda: as_sides(np.array([0, 1]), "these"), "these must be at least 1 on every axis"),
    (lambda: gain_of("x", ("given",)), "init must be one of 'he', 'lecun', 'glorot', 'given'"),
    (lambda: gain_of(True), "init must be one of"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=range(len(BAD)))
def test_arguments_are_refused_by_name(call, words):
    with pytest.raises((TypeError, ValueError), match=f"^{words}"):
        call()


def test_initialisations_and_their_gains():
    assert [gain_of(name) for name in ("he", "lecun", "glorot")] == [2, 1, 1]
    assert gain_of("given", ("given",)) == 0
    assert gain_of(0.25) == gain_of(Fraction(1, 4)) == Fraction(1, 4)
    assert (type(gain_of(3)), type(gain_of(np.float64(0.1)))) == (Fraction, Fraction)


def test_sizes_and_paddings_in_all_their_forms():
    assert as_sides(3, "size") == (3,)
    assert as_sides(np.array([2, 3]), "size") == as_sides([2, 3], "size") == (2, 3)
    assert as_padding("same", (3, 4), (1, 1)) == ((1, 2), (2, 2))
    assert as_padding("causal", (3, 4), (2, 2)) == ((3, 0), (4, 0))
    assert as_padding("valid", (3, 4), (2, 2)) == ((0, 0), (0, 0))
    assert as_padding((1, 2), (0, 0), (1, 1)) == ((1, 1), (2, 2))
    assert as_padding((1, 2), (0,), (1,)) == ((1, 2),)
    assert as_padding([(1, 2)], (0,), (1,)) == as_padding(np.array([[1, 2]]), (0,), (1,)) == ((1, 2),)
    assert as_padding(3, (0, 0), (1, 1)) == ((3, 3), (3, 3))
    for wrong in ([(1, 2)], [(1, -2), (0, 0)], (1, 2, 3), "full"):
        with pytest.raises(ValueError, match="padding must"):
            as_padding(wrong, (0, 0), (1, 1))
    with pytest.raises(ValueError, match=r"^padding='same' with stride \(1, 2\) depends"):
        as_padding("same", (0, 0), (1, 2))
    assert (plain_size((3,)), plain_size((3, 3)), plain((3, 3)), plain((3, 4))) == (3, (3, 3), 3, (3, 4))
    assert (per_axis_values(3), per_axis_values((3, 4))) == ((3,), (3, 4))


def test_layers_of_channels_are_shown():
    weights = np.ones((2, 1, 3))
    shown = [
        (
            em.Weighted(em.Conv(3, 2), weights),
            "Weighted(Conv(3, stride=2, channels=2), <weights of shape (2, 1, 3)>, 1)",
        ),
        (Scaled([1, 2, 3], 2), "Scaled(<3 factors>, 2)"),
        (Channels(range(8), 9, 1), "Channels([0, 1, 2, 3, 4, 5, 6, 7], 9, 1)"),
        (Channels(range(9), 9, 1), "Channels(<9 channels>, 9, 1)"),
        (Rearranged(em.Upsample(2), 3), "Rearranged(Upsample(2), channels=3)"),
        (Energies(em.Conv(3)), "Energies(Conv(3))"),
    ]
    for node, text in shown:
        assert repr(node) == text


def test_what_weights_say_of_themselves():
    up = em.Weighted(em.ConvTranspose(2, 2, groups=2), np.arange(-8.0, 8).reshape(4, 2, 2)[:, :, ::1], 1)
    assert (up.inputs, up.layer.channels, up.largest) == (4, 4, 8.0)
    down = em.Weighted(em.Conv(2, groups=2), np.arange(12.0).reshape(2, 3, 2))
    assert (down.inputs, down.layer.channels, down.largest) == (6, 2, 11.0)
    assert not down.weights.flags.writeable
    assert down.squared().power == 2
    assert down.squared().squared().power == 4
    assert em.variance(down).weights is down.weights
    sparse = em.Weighted(em.Conv(4), np.array([[[0.0, 1, 0, 0]], [[0, 0, -2, 0]]]))
    assert sparse.support.weights == (0, 1, 1, 0)
    assert em.Weighted(em.Conv(2), np.ones((1, 1, 2), dtype=int)).weights.dtype == float
    assert em.Weighted(em.Conv(2), np.ones((1, 1, 2), dtype=np.float16)).weights.dtype == np.float16
    assert em.Weighted(em.Conv(2), [[[1.0, 2.0]]]) == em.Weighted(em.Conv(2), [[[1.0, 2.0]]])
    assert em.Weighted(em.Conv(2), [[[1.0, 2.0]]]) != em.Weighted(em.Conv(2), [[[1.0, 3.0]]])
    assert Scaled([2], 1) != Scaled([2], 1, [5])
    assert em.lower(Scaled([2], 1)) == em.Sum([em.Identity()], [2.0])
    assert isinstance(em.lower(Scaled([0], 1)), Stage)
    assert em.variance(Scaled([3, -2], 1)) == Scaled([9, 4], 1)
    assert em.variance(Channels([0], 1, 1)) == Channels([0], 1, 1)
    assert em.variance(Energies(em.Conv(3))) == Energies(em.Conv(3))
    assert em.lower(Energies(em.Conv(3))) == em.Conv(3)


def test_mixing_by_hand():
    taps = Taps(np.array([[[[1.0, -2], [3, 4]], [[0, 1], [1, 1]]]]).transpose(0, 1, 2, 3), 1)
    assert (taps.inputs, taps.outputs, taps.is_nonnegative) == (2, 2, False)
    assert Taps(taps.weights, 2).is_nonnegative
    assert not Taps(taps.weights, 3).is_nonnegative
    plane = Taps(np.arange(12.0).reshape(1, 1, 1, 3, 4), 2)
    assert (
        plane.along(0).weights.ravel().tolist() == (np.arange(12.0).reshape(3, 4) ** 2).sum(axis=1).tolist()
    )
    assert (
        plane.along(1).weights.ravel().tolist() == (np.arange(12.0).reshape(3, 4) ** 2).sum(axis=0).tolist()
    )
    assert plane.along(1).power == 1
    moved = Gather(np.array([2, -1, 0]), 4)
    assert (moved.outputs, moved.inputs, moved.along(0) is moved) == (3, 4, True)
    values = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert moved.back(values, None, None, ((1, 3),)).tolist() == [[8, 9], [0, 0], [2, 3], [0, 0]]
    alike = moved.back(values[:1], None, None, ((0, 1),))
    assert alike.tolist() == [[1], [0], [1], [0]]
    twice = Gather(np.array([1, 1, -1]), 2)
    assert twice.back(values, None, None, ((0, 3),)).tolist() == [[0, 0, 0], [5, 7, 9]]
    with pytest.raises(ValueError, match="channels do not fit: a layer makes 3, and what follows reads 2"):
        moved.back(values[:2], None, None, ((0, 1),))


def test_stages_in_canonical_form():
    stage = em.lower(em.Conv([1, 2], 2, 3, padding=(3, 0)))
    assert (stage.kernel.offsets, stage.shift, stage.dilation) == ((-1,), (0,), (3,))
    moved = em.lower(em.Conv([1, 2], 2, 3, padding=(4, 0)))
    assert (moved.kernel.offsets, moved.shift, moved.dilation) == ((0,), (-4,), (3,))
    alone = em.lower(em.Conv([5], 2, 3, padding=(4, 0)))
    assert (alone.kernel.offsets, alone.shift, alone.dilation) == ((-4,), (0,), (1,))
    assert em.lower(em.Conv([5], 2, 3, padding=(4, 1))).padding(0) == (4, 1)
    assert moved.padding(0) == (4, 0)
    places, known = em.lower(em.ConvTranspose([1, 2, 3], 2, padding=1)).reads(0, 0, 4)
    assert (places.tolist(), known.tolist()) == ([0, 0, 1, 1], [True, False, True, False])
    average = em.lower(em.Pool(3, 2, 1, ceil_mode=True))
    assert average.shares(0, 0, 4, 6).tolist() == [1, 1, 1, 1.5]
    assert [average.length(0, samples) for samples in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]
    assert [em.lower(em.Pool(1, 3, ceil_mode=True)).length(0, n) for n in range(1, 6)] == [1, 1, 1, 2, 2]
    assert em.lower(em.Conv([1, -1])).is_nonnegative is False
    assert em.lower(em.Weighted(em.Conv(2), [[[1.0, -1.0]]])).is_nonnegative is False
    assert em.lower(em.Weighted(em.Conv(2), [[[1.0, -1.0]]]).squared()).is_nonnegative is True


def test_what_reads_a_whole_axis():
    both = Unbounded()
    assert (both.ndim, both.rate, both.reads(3), both.pools(1)) == (None, (), (True, True), True)
    kept = Unbounded(None, keeps_positions=True)
    assert (kept.rate, kept.pools(0), kept.along(0)) == (None, False, Unbounded(((True, True),), True))
    some = Unbounded(((True, False), (True, True)))
    assert (some.ndim, some.rate, some.pools(0), some.pools(1)) == (2, (1, None), False, True)
    assert some.along(1) == Unbounded(((True, True),))
