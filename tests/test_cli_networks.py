"""The commands on networks, end to end: what a person sees, what a program reads, errors of one line."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import erfmath as em
from erfmath import zoo
from erfmath.cli import main
from erfmath.formats.json_format import network_to_json


def run(capsys, *words):
    code = main(list(words))
    return code, capsys.readouterr().out


def strict_json(text):
    """Parse JSON as others than Python do, without nan and infinity."""

    def complain(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=complain)


def test_resnet50_prints_its_known_numbers(capsys):
    code, text = run(capsys, "analyze", "resnet50")
    assert code == 0
    for known in ("427 x 427 pixels", "-213 .. 213", "every 32 pixels", "23.5M weights", "2048x7x7"):
        assert known in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert "░" in text


def test_json_of_analyze_is_what_the_library_says(capsys):
    _, text = run(capsys, "analyze", "vgg11", "--input-size", "64", "--json")
    found, net = strict_json(text), zoo.get("vgg11")
    field, law = em.receptive_field(net), em.distribution(net)
    assert tuple(found["field"]["size"]) == field.size
    assert tuple(map(tuple, found["field"]["halo"])) == field.halo()
    for name in ("threshold", "mass"):
        effective = em.effective_field(law, name)
        shown = found["effective"][name]
        assert (shown["count"], shown["size"]) == (effective.count, effective.size)
    assert found["central_limit"][0]["distance"] == em.central_limit(net, axis=0).distance
    assert found["cost"]["macs"] == em.cost(net, 64, 3).macs
    assert em.network_from_json(found["network"]) == net
    assert [row["field"] for row in found["layers"]][-1] == [150, 150]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["conv3same*4", "up2", "conv3same"], ["phase  first  last  field", "Phases  2"]),
        (["unet"], ["Phases  16", "fields of 188 .. 204", "multiples of 16"]),
        (["conv3p1*2", "--ndim", "2"], ["5 x 5 pixels"]),
        (["conv2d2*3"], ["one sample in 2"]),
        (["conv3 conv3d4"], ["unit 0 sees 9 of 11 samples"]),
        (
            ["resnet18 gap"],
            ["unbounded: GlobalPool() reads the whole input", "none without borders", "all"],
        ),
        (["conv3x3x3p1*2"], ["5 x 5 x 5 voxels", "axis 0"]),
        (["relu"], ["a single point"]),
        (["conv3c6g2"], ["Cost       unknown: groups must divide"]),
        (["conv3p1*10", "--at", "0", "--input-size", "30", "--borders"], ["Effective"]),
        (["conv3x3 gap", "--input-size", "8", "--borders"], ["64 pixels"]),
        (["wav2vec2", "--definition", "two_sigma"], ["(two_sigma)"]),
        (["conv2d1 conv2d3", "--ref", "centre"], ["(mass)"]),
        (["conv3x3same conv5x5same", "--input-size", "20x30", "--channels", "8"], ["8 channels", "8x20x30"]),
    ],
)
def test_reports_say_what_matters(capsys, words, says):
    code, text = run(capsys, "analyze", *words)
    assert code == 0
    for part in says:
        assert part in text
    strict_json(run(capsys, "analyze", *words, "--json")[1])


def test_the_centre_without_impact_is_said_in_the_report(capsys):
    _, text = run(capsys, "analyze", "conv2d2")
    assert "threshold: none: the centre pixel" in text
    _, text = run(capsys, "analyze", "conv2d2", "--json")
    assert "centre" in strict_json(text)["why"]["effective.threshold"]


def test_files_with_any_weights_are_read(capsys, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(network_to_json(em.Conv([1, 2, 1], stride=2) ** 3))
    _, text = run(capsys, "analyze", str(path), "--input-size", "100")
    assert "15 samples; one unit every 8 samples" in text
    path.write_text(network_to_json(em.Conv([1, -2, 1])))
    _, text = run(capsys, "analyze", str(path))
    assert "negative weight" in text


def test_compare_takes_networks_before_and_after_options(capsys):
    code, text = run(
        capsys, "compare", "31", "a=conv3*4", "--input-size", "64", "b=conv5x5same", "--channels", "8"
    )
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[-2:]] == ["a", "b"]
    assert "13.89" in text
    rows = strict_json(run(capsys, "compare", "31", "--ndim", "1", "conv5*3", "--json")[1])
    assert rows[-1]["name"] == "conv5*3"
    assert rows[0]["theoretical"] == [31]


@pytest.mark.parametrize(
    ("network", "profile", "size"),
    [
        ("resnet18", "std", 259.04),
        ("resnet18", "variance", 168.03),
        ("resnet18", "mean", 131.65),
        ("res0.1(conv3x3same)*60", "variance", 3.0),
        ("res0.1(conv3x3same)*60", "std", 6.08),
    ],
)
def test_a_profile_of_random_weights_is_that_of_their_variance(capsys, network, profile, size):
    _, text = run(capsys, "analyze", network, "--profile", profile)
    assert f"side {size:g}, " in text
    assert ("with random weights" in text) == (profile != "mean")
    found = strict_json(run(capsys, "analyze", network, "--profile", profile, "--json")[1])
    assert found["profile"] == profile
    expected = em.effective_field(em.parse_network(network), profile=profile)
    assert found["effective"]["threshold"]["count"] == expected.count


def test_a_profile_at_borders_is_that_of_the_variance_there(capsys):
    words = [
        "res0.1(conv3p1)*20",
        "--input-size",
        "30",
        "--at",
        "2",
        "--borders",
        "--profile",
        "std",
        "--json",
    ]
    found = strict_json(run(capsys, "analyze", *words)[1])
    law = em.distribution(em.variance(em.parse_network(words[0])), at=2, input_size=30)
    assert found["effective"]["mass"]["size"] == em.effective_field(law, "mass", profile="std").size


MEASURED = {
    "runs",
    "drawn",
    "profile",
    "unit",
    "input_size",
    "meets_border",
    "variance",
    "variance_ratio",
    "coherent_variance",
    "variance_error",
    "effective",
    "correlation",
    "l1",
}


def measured(capsys, *words):
    return strict_json(run(capsys, "analyze", *words, "--json")[1])["measured"]


@pytest.fixture
def _torch():
    pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")


@pytest.mark.usefixtures("_torch")
def test_a_measurement_stands_beside_the_theory(capsys):
    words = ["conv3x3same relu conv3x3s2p1 relu conv3x3same", "--measure", "60"]
    code, text = run(capsys, "analyze", *words)
    assert code == 0
    heading, table = text[text.index("Measured") :].split(":\n\n")
    assert heading == (
        "Measured over 60 runs with random weights, 16 channels: mean square of the gradient\n"
        "at unit 2,2 on 9 x 9 pixels"
    )
    net = em.parse_network(words[0])
    taken = em.measure(net, 9, 2, runs=60, rng=0, progress=False)
    assert table == f"{taken.compare()!r}\n"
    found = measured(capsys, *words)
    assert set(found) == MEASURED
    assert (found["runs"], found["unit"], found["input_size"]) == (60, [2, 2], [9, 9])
    assert found["correlation"] == taken.compare().correlation > 0.9
    assert found["variance_ratio"] == list(taken.compare().variance_ratio)
    assert found["effective"]["theory"] == em.effective_field(em.distribution(em.variance(net))).size
    assert not found["meets_border"]
    assert measured(capsys, "conv3") is None


@pytest.mark.usefixtures("_torch")
def test_the_measured_unit_is_the_one_of_the_report(capsys):
    net = "conv3p1 max2 conv3p1 up2 conv3p1"
    for unit in ("0", "1"):
        found = measured(capsys, net, "--at", unit, "--measure", "40")
        assert found["unit"][0] % 2 == int(unit)
        law = em.distribution(em.variance(em.parse_network(net)), at=int(unit))
        assert found["effective"]["theory"] == em.effective_field(law).size
        assert found["correlation"] > 0.9
    words = [net, "--at", "1", "--input-size", "12", "--borders", "--measure", "40"]
    found = measured(capsys, *words)
    assert (found["unit"], found["input_size"], found["meets_border"]) == ([1], [12], True)
    assert found["correlation"] > 0.9
    assert "at unit 1 on 12 samples, which meets a border:" in run(capsys, "analyze", *words)[1]
    found = measured(capsys, "conv3p1*4", "--input-size", "5", "--measure", "40")
    assert (found["unit"], found["meets_border"]) == ([2], True)


@pytest.mark.usefixtures("_torch")
def test_a_measurement_takes_the_profile_and_the_definition(capsys):
    words = ["conv3x3*4", "--profile", "std", "--definition", "mass", "--ref", "max", "--measure", "40"]
    found = measured(capsys, *words)
    law = em.distribution(em.parse_network("conv3x3*4"))
    assert found["profile"] == "std"
    assert found["effective"]["theory"] == pytest.approx(em.effective_field(law, "mass", profile="std").size)
    assert found["variance_ratio"] == pytest.approx([1, 1], abs=0.05)
    assert "mean magnitude of the gradient" in run(capsys, "analyze", *words)[1]


@pytest.mark.usefixtures("_torch")
def test_given_weights_are_measured_as_they_are(capsys, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(network_to_json(em.Conv([1, 2, 1], stride=2) ** 3))
    found = measured(capsys, str(path), "--measure", "1")
    assert found["l1"] < 1e-6
    assert (found["profile"], found["drawn"]) == ("mean", "random inputs, the given weights")
    path.write_text(network_to_json(em.Conv([1, -2, 1]) >> em.Conv(3) >> em.Conv(3)))
    assert measured(capsys, str(path), "--measure", "40")["correlation"] > 0.9


@pytest.mark.usefixtures("_torch")
def test_large_maps_are_measured_with_few_channels_or_not_at_all(capsys, monkeypatch):
    words = ["conv3p1*3", "--input-size", "100", "--measure", "2"]  # 400 values a channel
    for most, width in ((6400, 16), (6399, 8), (3199, 4)):
        monkeypatch.setattr("erfmath.report.measurement._MOST_VALUES", most)
        assert measured(capsys, *words)["drawn"] == f"random weights, {width} channels"
    monkeypatch.setattr("erfmath.report.measurement._MOST_VALUES", 1599)
    with pytest.raises(SystemExit):
        main(["analyze", *words])
    assert "a run on an input of 100 takes too long" in capsys.readouterr().err


def test_measuring_without_torch_names_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as stop:
        main(["analyze", "conv3", "--measure"])
    assert stop.value.code == 2
    assert "erfmath[torch]" in capsys.readouterr().err


@pytest.mark.usefixtures("_torch")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["conv3 gap", "--measure"], "needs a bounded field, and GlobalPool() reads the whole input"),
        (["conv3 gap", "--measure", "--borders", "--input-size", "9"], "needs a bounded field"),
        (["conv3s2*40", "--measure"], "an input of 2199023255551 takes too long"),
        (["conv3x3same", "--input-size", "90000", "--measure"], "90000 x 90000 takes too long"),
        (["conv3p1*4", "--at", "0", "--input-size", "5", "--measure"], "at=0 without borders"),
        (["conv3x3x3x3", "--measure"], "at most 3 axes"),
        (["conv2d2", "--measure"], "the centre pixel of the field has no impact"),
        (["SIGNED", "--measure"], "negative weight"),
    ],
)
def test_what_cannot_be_measured_is_one_line_before_any_run(capsys, monkeypatch, tmp_path, words, says):
    monkeypatch.setattr("erfmath.measured.gradients.measure", None)
    (tmp_path / "signed.json").write_text(network_to_json(em.Conv([1, -2, 1])))
    with pytest.raises(SystemExit) as stop:
        main(["analyze", *(str(tmp_path / "signed.json") if w == "SIGNED" else w for w in words)])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in error
    assert error.count("\n") == 1


def test_a_law_without_readings_still_has_a_table_and_a_field(capsys):
    code, text = run(capsys, "analyze", "conv3s2*60")
    assert code == 0
    assert "Field   2305843009213693951 samples" in text
    assert text.count("none: ") == 1
    assert text.count("Conv 3 /2") == 60
    found = strict_json(run(capsys, "analyze", "conv3s2*60", "--json")[1])
    assert found["central_limit"] is None
    assert "none: " in found["why"]["central_limit"]
    assert "62-bit" in run(capsys, "analyze", "conv3s2*70")[1]


def test_compare_takes_a_definition(capsys):
    words = ["compare", "7", "--ndim", "1", "--definition", "two_sigma", "--json"]
    (first, *_) = strict_json(run(capsys, *words)[1])
    assert first["effective"] == em.effective_field(em.Conv(3) ** 3, "two_sigma").size


def test_zoo_lists_every_network(capsys):
    code, text = run(capsys, "zoo")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[2:]] == list(zoo.names())
    rows = {row["name"]: row for row in strict_json(run(capsys, "zoo", "--json")[1])}
    assert rows["vgg16"] == {
        "name": "vgg16",
        "axes": 2,
        "field": [212] * 2,
        "stride": [32] * 2,
        "offset": [-90] * 2,
    }


@pytest.mark.parametrize(
    "words",
    [
        ["analyze", "conv3x3p1*5"],
        ["analyze", "conv3*5", "--definition", "mass", "--profile", "std"],
        ["analyze", "conv3x3x3"],
        ["compare", "15"],
        ["growth", "3x3", "5", "10"],
        ["impact", "3x3", "5"],
        ["impact", "1,2,1", "5", "--json"],
        ["impact", "3x3x3", "5"],
        ["impact", "3x3", "5", "10", "--dpi", "60", "--size", "5x2.5", "--title", "all depths"],
        ["analyze", "conv3x3x3x3", "--size", "3,2"],
        ["analyze", "wavenet", "--draw", "layers"],
    ],
)
def test_plots_are_saved(capsys, tmp_path, words):
    pytest.importorskip("matplotlib")
    run(capsys, *words, "--plot", str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "definition", "profiles"),
    [
        ([], "threshold", ["mean", "std"]),
        (["--as", "replknet"], "square", ["std", "mean"]),
        (
            ["--profile", "variance", "--share", ".5", "--definition", "mass"],
            "mass",
            ["variance", "mean", "std"],
        ),
    ],
)
def test_growth_is_drawn_once_by_each_profile_under_the_rule_of_the_table(
    capsys, tmp_path, options, definition, profiles
):
    pytest.importorskip("matplotlib")
    run(capsys, "growth", "3x3", "5", "10", "20", *options, "--plot", str(tmp_path / "out.svg"))
    drawn = (tmp_path / "out.svg").read_text()
    texts = [line.strip()[5:-4] for line in drawn.splitlines() if line.strip().startswith("<!-- ")]
    assert f"kernel 3x3, {definition}" in texts
    assert [t for t in texts if t.startswith("effective")] == [
        f"effective, {profile}: slope {growth_slope(profile, options):.3f}" for profile in profiles
    ]


def growth_slope(profile, options):
    """The slope by one profile alone."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    share = float(given["--share"]) if "--share" in given else None
    reading = {"convention": given.get("--as"), "definition": given.get("--definition"), "share": share}
    return em.growth(em.Kernel.uniform((3, 3)), [5, 10, 20], **reading, profile=profile).slope


def test_a_field_is_drawn_over_a_picture_of_the_size_of_the_input(capsys, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    photo, out = tmp_path / "photo.png", tmp_path / "out.png"
    image.imsave(photo, [[0.0] * 30] * 20)
    words = ["analyze", "conv3x3p1*3", "--borders", "--plot", str(out), "--over", str(photo)]
    with pytest.raises(SystemExit):
        main([*words, "--input-size", "40"])
    assert "has 20 x 30 pixels, the input 40 x 40; give --input-size" in capsys.readouterr().err
    assert not out.exists()
    run(capsys, *words, "--input-size", "20x30")
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["analyze", "resnet5"], "did you mean 'resnet50'"),
        (["analyze", "conv3 comv3"], "character 7"),
        (["analyze", ""], "character 1"),
        (["analyze", "missing.json"], "missing.json"),
        (["analyze", "conv3*4", "--input-size", "5"], "too small"),
        (["analyze", "conv3", "--input-size", "big"], "--input-size must be"),
        (["analyze", "conv3", "--at", "1,2"], "at must be an int or 1"),
        (["analyze", "conv3p1", "--at", "99", "--input-size", "9", "--borders"], "at"),
        (["analyze", "conv3", "--channels", "0"], "--channels must be at least 1"),
        (["analyze", "conv3", "--colour"], "unrecognized arguments: --colour"),
        (["analyze", "conv3", "--plot", "x.gif9"], "--plot"),
        (["analyze", "gap", "--plot", "x.png"], "no impact to draw"),
        (["analyze", "conv3", "--dpi", "300"], "--dpi is of a picture: it goes with --plot FILE"),
        (["compare", "31", "--title", "x"], "--title is of a picture"),
        (["analyze", "conv3", "--draw", "layers"], "--draw is of a picture"),
        (["analyze", "conv3x3", "--over", "x.png"], "--over is of a picture of the impact"),
        (["analyze", "conv3x3", "--plot", "x.png", "--over", "none.png"], "there is no file 'none.png'"),
        (["analyze", "conv3", "--plot", "x.png", "--size", "3"], "--size must be a width and a height"),
        (["growth", "3", "5", "9", "--plot", "x.png", "--size", "0x4"], "--size must be"),
        (["impact", "3", "5", "--plot", "none/x.svg"], "--plot is in a folder that is not there"),
        (["analyze", "conv3", "--output", "x"], "needs a network with named layers"),
        (["analyze", "conv3", "--all"], "only a model or a Graph has stages"),
        (["analyze", "conv3", "--all", "--measure"], "does not go with --all"),
        (["analyze", "conv3", "--measure", "0"], "--measure must be at least 1"),
        (["analyze", "conv3", "--measure", "1.5"], "--measure must be a whole number"),
        (["analyze", "conv3", "--measure=-3"], "--measure must be a whole number"),
        (["analyze", "conv3", "--input-size", "3x4"], "--input-size must be"),
        (["analyze", "conv3p1", "--borders", "--at", "16000"], "at must lie inside"),
        (["compare", "7", "a=conv3x3", "a=conv5x5"], "got 'a' twice"),
        (["compare", "7", "conv5", "conv5"], "got 'conv5' twice"),
        (["compare", "7", "conv 7x7, 1 layer=conv3"], "the comparison has a 'conv 7x7, 1 layer'"),
        (["compare", "32"], "odd"),
        (["compare", "x"], "field must be a whole number"),
        (["compare", "31", "a="], "name=network"),
        (["compare", "31", "a=gap"], "'a': "),
        (["compare", "31", "--ndim", "9"], "ndim must be at most 8"),
        (["zoo", "resnet50"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words, says):
    with pytest.raises(SystemExit) as stop:
        main(words)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in error
    assert error.startswith("erfmath")
    assert error.count("\n") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="conv3x2p1smaxupdg |()*,0", max_size=14))
def test_no_text_makes_a_traceback(capsys, text):
    words = ["analyze", text, "--json"]
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    out = capsys.readouterr()
    assert code in (0, 2)
    if code == 0:
        strict_json(out.out)


@pytest.mark.parametrize("command", ["analyze", "compare", "zoo"])
def test_help_has_examples(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"erfmath {command}" in text.split("examples:")[1]


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"erfmath {em.__version__}\n"


def test_from_the_shell():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "erfmath", "analyze", "conv3x3p1*3"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "7 x 7 pixels" in done.stdout
    for heavy in ("sympy", "scipy.stats", "matplotlib", "hypothesis"):
        assert f" {heavy}\n" not in done.stderr


def test_a_design_can_be_asked_for_by_its_duration_and_read_again(capsys):
    words = ["design", "--field", "1ms", "--rate", "8k", "--causal", "--channels", "4", "--json"]
    assert main(words) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["field"] for row in rows] == [8] * len(rows)
    for row, design in zip(rows, em.find_designs(8, causal=True, channels=4), strict=True):
        assert em.parse_network(row["net"]) == design.net
    with pytest.raises(SystemExit):
        main(["design", "--field", "1ms"])
    assert "--field 1ms needs --rate, the samples of the input per second" in capsys.readouterr().err


def test_several_networks_have_milliseconds_and_one_latency(capsys):
    assert main(["analyze", "wavenet", "tcn", "--rate", "16k"]) == 0
    assert "1024 (64 ms)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["latency", "wavenet", "tcn", "--rate", "16k"])
    assert "latency is of one network, got 2: wavenet, tcn" in capsys.readouterr().err
