"""Latencies against networks run forward in plain loops, and against published numbers."""

import itertools
import json
import math
from fractions import Fraction

import oracles_network
import pytest
from hypothesis import assume, example, given

import erfmath as em
from erfmath import zoo
from erfmath.cli import main
from erfmath.strategies import networks

DENOISER = em.Upsample(4) >> em.Conv(8, stride=4) ** 5
SKIP = em.Residual(em.Conv(3, padding=1) >> em.Pool(4) >> em.Conv(3, padding=1) >> em.Upsample(4))


def last_read(net, unit):
    """The last input sample that a unit reads, None for none, by running the network."""
    return max(oracles_network.impact(net, unit), default=None)


def held_by_a_convolution(taps, dilation, stride, count):
    """The most samples that a convolution has to keep, over the arrival of so many samples."""
    made, most = 0, 0
    for arrived in range(1, count):
        while stride * made + dilation * (taps - 1) < arrived:
            made += 1
        most = max(most, arrived - stride * made)
    return most


@given(networks(max_layers=4))
@example(SKIP)
@example(em.Pad(((3, 0),)) >> em.Slice(0, -3))
@example(em.ConvTranspose([1, 0, 0, 1], stride=2))
def test_lookahead_and_delay_are_those_of_the_units_one_by_one(net):
    try:
        found = em.latency(net)
    except ValueError:
        assume(False)
    rate, phases = Fraction(net.rate[0] if net.rate else 1), len(found.lookaheads)
    ends = {i: last_read(net, i) for i in range(3 * phases)}
    known = {i: end for i, end in ends.items() if end is not None}
    for i, end in ends.items():
        assert found.lookaheads[i % phases] == (None if end is None else end - math.floor(rate * i))
    assert found.delay == max(0, *(end - rate * i for i, end in known.items()))
    assert found.lookahead == max(end - math.floor(rate * i) for i, end in known.items())
    assert found.hop == rate
    assert found.frame == rate * phases


@given(networks(max_layers=4))
@example(SKIP)
@example(em.Pad(((3, 0),)) >> em.Slice(0, -3))
@example(em.Pad(((8, 0),)) >> em.Conv(16, stride=8) >> em.ConvTranspose(16, stride=8) >> em.Slice(0, -8))
def test_waits_add_up_to_the_delay_and_causal_units_stay_in_their_frames(net):
    try:
        found = em.latency(net)
    except ValueError:
        assume(False)
    assert sum(wait.samples for wait in found.waits) == found.delay
    assert all(wait.samples > 0 for wait in found.waits)
    rate, frame = Fraction(net.rate[0] if net.rate else 1), found.frame
    ends = {i: last_read(net, i) for i in range(2 * len(found.lookaheads))}
    inside = [end < frame * (rate * i // frame + 1) for i, end in ends.items() if end is not None]
    assert found.is_causal == all(inside)
    assert found.to_dict()["is_causal"] == found.is_causal


def causal_or_not(wrong):
    """A denoiser's layers with their padding written apart, some of it put on both sides."""
    layers = []
    for index, dilation in enumerate((1, 2, 4)):
        before = dilation if index in wrong else 2 * dilation
        layers += [em.Pad([(before, 2 * dilation - before)]), em.Conv(3, dilation=dilation)]
    coder = em.Pad([(8, 0)]) >> em.Conv(16, stride=8)
    return coder >> em.Series(layers) >> em.ConvTranspose(16, stride=8) >> em.Slice(0, -8)


@pytest.mark.parametrize("wrong", [(), (0,), (1,), (2,), (0, 2)])
def test_the_layers_padded_on_both_sides_are_to_blame(wrong):
    found = em.latency(causal_or_not(wrong), rate=16000)
    names = ["Conv 3", "Conv 3 dilation 2", "Conv 3 dilation 4"]
    expected = [("Conv 16 /8", 7), *((names[i], 8 * 2**i) for i in wrong)]
    assert [(wait.layer, wait.samples) for wait in found.waits] == expected
    assert found.is_causal == (not wrong)
    text = str(found)
    assert ("Causal in frames of 8" in text) == (not wrong)
    assert ("Not causal: it looks ahead beyond its frame of 8" in text) == bool(wrong)
    assert all(f"{names[i]} " in text for i in wrong)


def test_what_a_later_layer_makes_up_for_is_nobodys_fault():
    ahead, back = em.Conv(5, padding=2), em.Conv(5, padding=((4, 0),))
    delayed = em.Pad([(1, 0)]) >> em.Conv(1)
    assert em.latency(ahead >> back).waits == (em.Wait("Conv 5", 2),)
    assert em.latency(ahead >> delayed >> delayed).waits == ()
    assert em.latency(ahead >> delayed).waits == (em.Wait("Conv 5", 1),)
    cut = em.latency(em.Conv(3, padding=2) >> em.Slice(2))
    assert [(wait.layer, wait.samples) for wait in cut.waits] == [("Slice", 2)]


def test_what_reads_to_the_end_is_named():
    net = em.Conv(3, padding="causal") >> em.GlobalContext("before") >> em.GlobalContext("both")
    found = em.latency(net, rate=8000)
    assert [wait.samples for wait in found.waits] == [math.inf]
    assert not found.is_causal
    assert "GlobalContext" in found.endless


def test_the_largest_waits_come_first_and_the_rest_is_a_sum():
    layers = [em.Conv(2 * i + 1, padding=i) for i in range(1, 15)]
    text = str(em.latency(em.Series(layers)))
    rows = text.split("\nlayer adds")[1].split("layer keeps")[0].splitlines()[2:]
    assert rows[0].split() == ["Conv", "29", "14"]
    assert rows[10].split() == ["4", "more", "10"]


@pytest.mark.parametrize("unit", range(8))
def test_the_delay_is_the_least_at_which_no_unit_is_too_early(unit):
    found = em.latency(SKIP)
    early = [i for i in range(8, 24) if last_read(SKIP, i) > i + found.delay - 1]
    assert early  # one less, and some unit is not there in time
    assert last_read(SKIP, unit + 8) <= unit + 8 + found.delay


def test_the_denoiser_needs_37_ms_of_context_and_has_a_hop_of_16():
    found = em.latency(DENOISER, rate=16000)
    assert (found.context, found.ms.context, found.ms.hop) == (597, 37.3125, 16.0)
    assert found.seconds.hop == 0.016
    assert found.frames.frame == 1


def test_wavenet_looks_at_nothing_ahead_and_64_ms_back():
    found = em.latency(zoo.wavenet(), rate=16000)
    assert (found.lookahead, found.delay, found.context, found.ms.context) == (0, 0, 1024, 64.0)
    assert sum(buffer.samples for buffer in found.buffers) == 2 * 1023  # a filter and a gate each
    assert found.memory == 4 * 32 * 2 * 1023


@pytest.mark.parametrize(("taps", "dilation", "stride"), [*itertools.product((1, 3, 8), (1, 2), (1, 2, 5))])
def test_convolutions_keep_what_their_next_units_read(taps, dilation, stride):
    net = em.Conv(taps, dilation=dilation, stride=stride)
    expected = held_by_a_convolution(taps, dilation, stride, 200)
    assert sum(buffer.samples for buffer in em.latency(net).buffers) == expected


@pytest.mark.parametrize(("taps", "stride"), [*itertools.product((2, 3, 4, 7, 16), (1, 2, 3, 8))])
def test_transposed_convolutions_keep_their_overlap(taps, stride):
    found = em.latency(em.ConvTranspose(taps, stride=stride))
    assert sum(buffer.samples for buffer in found.buffers) == -(-taps // stride) - 1


def test_branches_wait_for_the_latest():
    ahead = em.Residual(em.Conv(7, padding=3))
    assert [(b.layer, b.samples) for b in em.latency(ahead).buffers] == [
        ("Conv 7", 6),
        ("Sum, branch 1 waits", 3),
    ]
    causal = em.Residual(em.Conv(7, padding="causal"))
    assert [b.samples for b in em.latency(causal).buffers] == [6]


def test_buffers_count_channels_and_bytes():
    net = em.Conv(5, channels=8) >> em.Conv(3, channels=1)
    found = em.latency(net, channels=2, itemsize=8)
    assert [(b.samples, b.channels, b.memory) for b in found.buffers] == [(4, 2, 64), (2, 8, 128)]
    assert found.memory == 192


def test_recurrence_has_a_state_and_what_reads_to_the_end_no_stream():
    causal = em.latency(em.Conv(3, padding="causal") >> em.GlobalContext("before"))
    assert (causal.lookahead, causal.context) == (0, math.inf)
    assert [b.samples for b in causal.buffers] == [2, None]
    both = em.latency(em.GlobalContext("both"))
    assert (both.lookahead, both.delay) == (math.inf, math.inf)
    with pytest.raises(ValueError, match=r"GlobalContext.*to its end"):
        _ = both.buffers
    assert "No stream" in str(both)


def test_an_axis_is_named_where_there_are_several():
    net = em.Conv((3, 5), padding=((0, 0), (4, 0)))
    with pytest.raises(ValueError, match="axis must say"):
        em.latency(net)
    assert em.latency(net, axis=-1).lookahead == 0
    assert em.latency(net, axis=0).lookahead == 2
    with pytest.raises(ValueError, match="reckoned on one axis"):
        _ = em.latency(net, axis=0).buffers


@pytest.mark.parametrize(
    ("rate", "error"),
    [
        *((rate, ValueError) for rate in (0, -1, math.nan, math.inf)),
        *((rate, TypeError) for rate in ("16k", True, 1j)),
    ],
)
def test_rates_are_positive_numbers(rate, error):
    with pytest.raises(error, match="rate must be"):
        em.latency(em.Conv(3), rate)


def test_without_a_rate_there_are_no_milliseconds():
    with pytest.raises(ValueError, match="rate is unknown"):
        _ = em.latency(em.Conv(3)).ms


def test_the_command_prints_and_writes_what_the_library_says(capsys):
    assert main(["latency", "up4", "conv8s4*5", "--rate", "16k"]) == 0
    text = capsys.readouterr().out
    assert "37.3125" in text
    assert "up4 conv8s4*5 at 16k samples a second" in text
    assert main(["latency", "wavenet", "--rate", "16 kHz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ms"]["context"] == 64.0
    assert found["memory"] == em.latency(zoo.wavenet()).memory


@pytest.mark.parametrize("rate", ["0", "k", "-5", "nan", "1e9", ""])
def test_the_command_refuses_rates_in_one_line(rate, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["latency", "wavenet", "--rate", rate])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
