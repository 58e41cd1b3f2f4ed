"""What earlier versions wrote is still read, and what a later one wrote is refused in words."""

import json
import math
import shutil

import jsonschema
import pytest
from examples import LAYERS
from stored import DATA, READINGS, SWEPT, measured

import erfmath as em
from erfmath.measured import parts

VERSIONS = sorted(path for path in DATA.iterdir())
NETWORKS = [
    pytest.param(json.loads(line), id=f"{folder.name}-{number}")
    for folder in VERSIONS
    for number, line in enumerate((folder / "networks.jsonl").read_text(encoding="utf-8").splitlines(), 1)
]
each_version = pytest.mark.parametrize("folder", VERSIONS, ids=lambda path: path.name)


def test_this_version_has_files():
    assert em.__version__.rpartition(".")[0] in {path.name for path in VERSIONS}


@pytest.mark.parametrize("row", NETWORKS)
def test_a_network_is_the_one_that_was_written(row):
    net = em.network_from_json(row["json"])
    assert net.expression == row["expression"]
    assert em.network_key(net) == row["key"]  # or sweeps would read it again
    plain = json.loads(row["json"])
    del plain["version"]  # which the first files did not have
    assert em.network_from_json(plain) == net


def test_the_files_hold_every_type_of_layer():
    written = {row.values[0]["expression"] for row in NETWORKS}
    assert written >= {net.expression for net in LAYERS}


@each_version
def test_an_analysis_is_valid_and_its_network_reads_the_same(folder):
    data = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(em.json_schema("analysis")).validate(data)
    net = em.network_from_json(data["network"])
    again = em.analyze(net, input_size=data["input_size"], channels=data["channels"]).to_dict()
    assert again["field"] == data["field"]
    kept, found = (each["effective"]["threshold"] for each in (data, again))
    assert found["count"] == kept["count"]
    assert math.isclose(found["size"], kept["size"], rel_tol=1e-12)


@each_version
def test_a_sweep_is_gone_on_with(folder, tmp_path):
    out = tmp_path / "sweep.jsonl"
    shutil.copy(folder / "sweep.jsonl", out)
    em.sweep([*SWEPT, "conv9"], READINGS, out=out, progress=False)
    kept = (folder / "sweep.jsonl").read_text(encoding="utf-8")
    lines = out.read_text(encoding="utf-8").removeprefix(kept).splitlines()
    assert [json.loads(line)["network"] for line in lines] == ["conv9"]


@each_version
def test_a_measurement_is_loaded(folder):
    found = em.Measurement.load(folder / "measurement.npz")
    assert found.net == em.Conv((3, 3)) >> em.Conv((3, 3), stride=2)
    assert (found.runs, found.map.shape) == (2, (5, 5))
    assert found.map.min() > 0


@each_version
def test_a_measurement_is_gone_on_with(folder):
    pytest.importorskip("torch", reason="gradients are measured on PyTorch")
    assert (em.Measurement.load(folder / "measurement.npz") + measured(2)).runs == 4


def test_a_network_of_a_later_version_is_refused():
    with pytest.raises(ValueError, match="version must be 1, got 2: the file is of another version"):
        em.network_from_json({"version": 2, "type": "Conv", "kernel": "3"})


def test_a_sweep_of_a_later_version_is_refused(tmp_path):
    out = tmp_path / "sweep.jsonl"
    out.write_text('{"erfmath.sweep": 2, "read": "field"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="in version 2 of the format, and this erfmath knows version 1"):
        em.sweep(["conv3"], "field", out=out, progress=False)


def test_a_measurement_of_a_later_version_is_refused(tmp_path, monkeypatch):
    found = em.Measurement.load(VERSIONS[-1] / "measurement.npz")
    with monkeypatch.context() as later:
        later.setattr(parts, "_VERSION", 2)
        found.save(tmp_path / "later.npz")
    with pytest.raises(ValueError, match="in version 2 of the format, where this one knows version 1"):
        em.Measurement.load(tmp_path / "later.npz")
