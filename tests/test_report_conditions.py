"""Conditions against tiles and units tried one by one, and as users of the command meet them."""

import json
import math
from pathlib import Path

import numpy as np
import oracles_network
import pytest
from hypothesis import assume, example, given
from oracles_border import evaluate

import erfmath as em
from erfmath.cli import main
from erfmath.strategies import networks

# Samples of a tile, without its halo, longer than what any of these networks reads.
MOST = 40

BLOCK = em.Conv(3, padding=1) ** 2


def unet(depth):
    if not depth:
        return BLOCK
    deeper = em.Pool(2) >> unet(depth - 1) >> em.ConvTranspose(2, 2)
    return BLOCK >> em.Concat([em.Identity(), deeper], [1, 1]) >> BLOCK


def reads_lie_within(net, field, halo):
    """Whether the units of one period read no more than a tile on the grid and its halo."""
    if halo % field.period:
        return False
    reads = [x for unit in range(len(field.phases)) for x in oracles_network.impact(net, unit)]
    return -halo <= min(reads, default=0) and max(reads, default=0) < field.period + halo


def exact_halos(net, field, halos):
    """The halos of which the outputs of a tile on the grid are the whole's, both evaluated in plain loops."""
    units, own = len(field.phases), -(-MOST // field.period) * field.period
    x = np.random.default_rng(0).integers(1, 10**6, 3 * own).astype(float)
    whole = evaluated(net, x, field.period, 2 * own + MOST)[own // field.period * units :]
    wanted = whole[: own // field.period * units]
    for halo in halos:
        tile = evaluated(net, x[own - halo :], field.period, own + 2 * halo)
        found = tile[halo // field.period * units :][: len(wanted)]
        if found.shape == wanted.shape and np.allclose(found, wanted, rtol=1e-9, atol=0):
            yield halo


def evaluated(net, x, period, length):
    """The output for so many samples, or for the fewest more that the network accepts."""
    for more in range(2 * period):
        try:
            return evaluate(net, x[: length + more])
        except ValueError:
            continue
    return assume(False)


def ints(condition):
    return {c.name for c in condition}


SHIFTED = BLOCK >> em.Pad([(5, 0)]) >> em.Slice(stop=-5) >> BLOCK >> em.Pad([(0, 5)]) >> em.Slice(start=5)


@given(networks(max_layers=3))
@example(unet(1))
@example(em.Conv(5, padding=2) >> em.Pool(3) >> em.Upsample(3))
@example(SHIFTED)  # what leaves a tile inside the network comes back as zeros
@example(em.ConvTranspose(1, padding=1))  # a tile has fewer outputs than it stands for
def test_the_halos_that_hold_are_those_whose_tiles_are_exact(net):
    field = em.receptive_field(net)
    assume(any(phase.region for phase in field.phases))
    assume(
        all(
            layer.kernel.offset in (0, (0,))
            for layer in oracles_network.layers_of(net)
            if hasattr(layer, "kernel")
        )
    )
    halos = range(3 * field.period + 1)
    found = {halo for halo in halos if not em.check(net, halo=halo)}
    assert found == set(exact_halos(net, field, halos[:: field.period]))
    assert all(reads_lie_within(net, field, halo) for halo in found)


@pytest.mark.parametrize(("halo", "holds"), [(40, 0), (46, 0), (47, 0), (48, 1), (50, 0), (56, 1)])
def test_the_halo_of_a_unet_of_depth_3(halo, holds):
    assert (not em.check(unet(3), halo=halo)) == bool(holds)


@given(networks(max_layers=4))
def test_lookahead_and_field_hold_from_their_values_on(net):
    field = em.receptive_field(net)
    assume(any(phase.region for phase in field.phases))
    ahead, size = em.latency(net).lookahead, field.size
    assert not em.check(net, field=(size, size), stride=None)
    assert ints(em.check(net, field=size + 1)) == {"field"}
    assert ints(em.check(net, field=(None, size - 1))) == {"field"}
    if ahead >= 0:
        assert not em.check(net, lookahead=ahead)
    if ahead > 0:
        assert ints(em.check(net, lookahead=ahead - 1)) == {"lookahead"}


def test_sides_are_of_samples_pixels_or_voxels():
    for ndim, text in ((1, "3 samples"), (2, "3 pixels"), (3, "3 voxels")):
        (failure,) = em.check(em.Conv((3,) * ndim), field=9)
        assert failure.found == text
    (failure,) = em.check(em.Conv(1), field=9)
    assert failure.found == "1 sample"


def test_memory_is_bytes_or_a_text():
    net = em.Conv(3, dilation=500, padding="causal")  # which keeps 1000 floats
    assert not em.check(net, memory=4000)
    assert not em.check(net, memory="4kB")
    (failure,) = em.check(net, memory="3.9 kB")
    assert str(failure) == "FAIL  memory at most 3.9 kB: 4 kB"
    assert not em.check(em.Conv(1), memory=0)
    with pytest.raises(ValueError, match="memory must be a number of bytes such as '2GB'"):
        em.check(net, memory="much")


def test_each_condition_fails_by_its_name():
    net = em.Conv([1, 0, 1], padding=1) >> em.Conv(1, stride=2)
    wanted = {"halo": 0, "lookahead": 0, "delay": 0, "field": 9, "effective": 9, "stride": 1, "covered": True}
    failures = em.check(net, **wanted, memory=1)
    assert [failure.name for failure in failures] == [*wanted, "memory"]
    assert not any(failure.holds for failure in failures)
    assert all(str(failure).startswith("FAIL  ") for failure in failures)


def test_what_does_not_exist_fails_and_says_why():
    net = em.Conv(3, padding=1) >> em.GlobalPool()
    failures = em.check(net, halo=10**6, lookahead=10**6, effective=0, covered=True)
    assert ints(failures) == {"halo", "lookahead", "effective", "covered"}
    assert all("GlobalPool" in failure.found for failure in failures)
    assert ints(em.check(net, field=(0, 10**9))) == {"field"}
    assert not em.check(net, field=3)


def test_axes_and_sides_have_halos_of_their_own():
    net = em.Conv((3, 5), padding=((2, 0), (2, 2)))
    assert not em.check(net, halo=((2, 0), (2, 2)))
    assert not em.check(net, halo=((2, 0), 2))
    assert not em.check(net, halo=(2, 2))
    assert em.check(net, halo=((0, 2), (2, 2)))
    assert not em.check(em.Conv(3, padding="causal"), halo=(2, 0))


def test_definitions_and_profiles_are_those_of_the_effective_field():
    net = em.Conv(3, padding=1) ** 10
    size = em.effective_field(net, "mass", profile="std").size
    assert not em.check(net, effective=(size, size), definition="mass", profile="std")
    assert em.check(net, effective=(size, size), definition="mass")


@pytest.mark.parametrize(
    ("conditions", "error", "says"),
    [
        ({}, ValueError, "no condition"),
        ({"halos": 3}, TypeError, "there is no condition 'halos'; there is halo"),
        ({"halo": -1}, ValueError, "halo must be at least 0"),
        ({"halo": 1.5}, ValueError, "halo must be an int"),
        ({"halo": (1, 2, 3)}, ValueError, "halo must"),
        ({"lookahead": -1}, ValueError, "lookahead must be a number"),
        ({"delay": math.nan}, ValueError, "delay must be a number"),
        ({"field": (5, 3)}, ValueError, "field must be the least"),
        ({"field": math.nan}, ValueError, "field must be the least"),
        ({"effective": "big"}, ValueError, "effective must be the least"),
        ({"stride": 0}, ValueError, "stride must be at least 1"),
        ({"covered": 1}, TypeError, "covered must be a bool"),
        ({"memory": 1.5}, TypeError, "memory must be an int"),
        ({"lookahead": 0, "axis": 1}, ValueError, "axis must be below 1"),
        ({"effective": 1, "definition": "size"}, ValueError, "definition must be one of"),
    ],
)
def test_what_is_no_condition_is_refused(conditions, error, says):
    with pytest.raises(error, match=says):
        em.check(em.Conv(3), **conditions)


def test_durations_are_samples_at_a_rate():
    net = em.Conv(41, padding="same")  # 20 samples ahead
    assert not em.check(net, delay="20ms", lookahead="0.02 s", field=("40 ms", ".1s"), rate=1000)
    (late,) = em.check(net, delay="19.5 ms", rate=1000)
    assert str(late) == "FAIL  delay at most 39/2 (19.5 ms): 20 (20 ms), of which 20 by Conv 41"
    (short,) = em.check(net, field="1s", rate=1000.0)
    assert str(short) == "FAIL  field at least 1000: 41 samples (41 ms)"
    assert not em.check(net, delay="2e1")
    with pytest.raises(ValueError, match="delay='20 ms' needs rate="):
        em.check(net, delay="20 ms")
    for bad in ("20 m", "fast", "-3ms", "<640"):
        with pytest.raises(ValueError, match="delay must be a number of samples from 0 on, or with rate"):
            em.check(net, delay=bad, rate=1000)
    with pytest.raises(TypeError, match="rate must be"):
        em.check(net, delay=20, rate="1k")


def test_causal_networks_stay_in_their_frames_and_others_name_a_layer():
    framed = em.Conv(8, stride=8) >> em.Upsample(8)
    assert not em.check(framed, causal=True)
    (failure,) = em.check(framed, causal=False)
    assert failure.found == "in frames of 8"
    ahead = em.Conv(3, padding="causal") >> em.Conv(9, padding=4) >> em.Conv(3, padding=1)
    (failure,) = em.check(ahead, causal=True)
    assert failure.found == "looks 5 ahead, of which 4 by Conv 9"
    (failure,) = em.check(em.GlobalContext("both"), causal=True)
    assert "reads to the end" in failure.found
    with pytest.raises(TypeError, match="causal must be a bool"):
        em.check(ahead, causal=1)


def test_the_command_takes_durations_and_asks_for_causality(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "conv9same", "--rate", "1k", "--causal", "--delay", "4ms", "--field", "9ms.."]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok    delay at most 4 (4 ms): 4 (4 ms)",
        "ok    field at least 9: 9 samples (9 ms)",
        "FAIL  causal true: looks 4 ahead, of which 4 by Conv 9",
    ]
    conditions = 'model = "conv9causal"\nrate = "1k"\ndelay = "3 ms"\nfield = "9ms..20ms"\ncausal = true\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.erfmath]\n{conditions}", encoding="utf-8")
    assert main(["check"]) == 0
    assert main(["check", "--delay", "0.5"]) == 0
    with pytest.raises(SystemExit):
        main(["check", "conv9same", "--delay", "4ms"])
    assert "--delay 4ms needs --rate" in capsys.readouterr().err


def test_a_test_suite_reads_all_failures():
    em.assert_sees(em.Conv(3), field=3)
    with pytest.raises(AssertionError, match=r"(?s)FAIL  lookahead.*FAIL  field"):
        em.assert_sees(em.Conv(3), lookahead=1, field=4)


def test_the_command_exits_with_0_or_1(capsys):
    assert main(["check", "resnet18", "--halo", "224", "--field", "200..", "--effective", "..400"]) == 0
    assert [line[:4] for line in capsys.readouterr().out.splitlines()] == ["ok  "] * 3
    assert main(["check", "resnet18", "--halo", "217", "--covered", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(c["name"], c["holds"]) for c in found["conditions"]] == [("halo", False), ("covered", True)]


@pytest.mark.parametrize("memory", ["8", "8B", "1e3", "1 kB"])
def test_the_command_takes_bytes_as_people_write_them(capsys, memory):
    assert main(["check", "conv3causal", "--memory", memory]) == 0
    assert main(["check", "conv3causal*2", "--memory", "12B"]) == 1
    assert "FAIL  memory at most 12 B: 16 B" in capsys.readouterr().out


def test_the_command_has_one_word_for_whose_field_it_is(capsys):
    """The one that the other commands have, beside that of the file."""
    for option in ("--as", "--convention"):
        assert main(["check", "conv3*9", "--effective", "..99", option, "replknet"]) == 0
    with pytest.raises(SystemExit):
        main(["check", "conv3", "--effective", "1..", "--as", "them"])
    assert "invalid choice: 'them'" in capsys.readouterr().err


def test_the_command_reads_a_pyproject(tmp_path, monkeypatch, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.erfmath]\nmodel = "conv3causal*4"\nlookahead = 0\nfield = [9, inf]\neffective = "..9"\n'
    )
    monkeypatch.chdir(tmp_path / "inner")
    assert main(["check"]) == 0
    assert capsys.readouterr().out.count("ok  ") == 3
    assert main(["check", "--lookahead", "1", "--field", "10"]) == 1
    assert "FAIL  field at least 10: 9 samples" in capsys.readouterr().out
    assert main(["check", "conv3", "--field", "3"]) == 0  # the file is about another network
    assert capsys.readouterr().out.count("\n") == 1


def test_names_in_a_pyproject_start_from_its_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "net.json").write_text(em.network_to_json(em.Conv(3, padding=1) ** 2))
    (tmp_path / "pyproject.toml").write_text('[tool.erfmath]\nmodel = "net.json"\nhalo = 2\n')
    monkeypatch.chdir(tmp_path / "inner")
    assert main(["check"]) == 0
    assert main(["check", "--config", "../pyproject.toml", "--halo", "1"]) == 1
    assert "halo 1" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["check", "net.json", "--halo", "2"])  # of the command line, it starts from here
    assert Path.cwd() == tmp_path / "inner"


def test_modules_of_a_pyproject_are_beside_it(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the module is of PyTorch")
    (tmp_path / "inner").mkdir()
    (tmp_path / "netbeside.py").write_text(
        "import torch\n\n\ndef net():\n    return torch.nn.Conv1d(1, 1, 3)\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.erfmath]\nmodel = "netbeside:net"\ninput-shape = [1, 1, 20]\nfield = 3\n'
    )
    monkeypatch.chdir(tmp_path / "inner")
    assert main(["check"]) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.erfmath]\nhallo = 3\n", "'hallo'; there is halo"),
        ("[tool.erfmath\n", "is no TOML"),
        ("[tool]\nerfmath = 3\n", "must be a table"),
        ("[tool.other]\n", "has no table"),
        ('[tool.erfmath]\nhalo = "3"\n', "halo must be an int"),
        ("[tool.erfmath]\nfield = [1, 2, 3]\n", "field must be the least"),
        ("[tool.erfmath]\nmodel = 3\nhalo = 3\n", "no network is given"),
    ],
)
def test_bad_files_are_refused_in_one_line(text, says, tmp_path, capsys):
    path = tmp_path / "x.toml"
    path.write_text(text)
    words = [] if "model" in text else ["conv3"]
    with pytest.raises(SystemExit) as stopped:
        main(["check", *words, "--config", str(path)])
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (2, 1)
    assert says in error
