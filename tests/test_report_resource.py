import json

import pytest

import erfmath as em
from erfmath.cli import main
from erfmath.report.resource import check_resource

UNET = em.zoo.unet(depth=3)


def old(halo, least, step):
    """A description in the format 0.4."""
    sizes = {"min": [1, 1, least, least], "step": [0, 0, step, step]}
    return {
        "inputs": [{"axes": "bcyx", "shape": sizes}],
        "outputs": [{"axes": "bcyx", "halo": [0, 0, halo, halo]}],
    }


def new(halo, size):
    """A description in the format 0.5."""
    others = [{"type": "batch"}, {"type": "channel"}]
    spaces = [{"type": "space", "id": name} for name in "yx"]
    return {
        "inputs": [{"id": "raw", "axes": others + [axis | {"size": size} for axis in spaces]}],
        "outputs": [{"axes": others + [axis | {"halo": halo} for axis in spaces]}],
    }


@pytest.mark.parametrize(
    ("content", "holds", "said"),
    [
        (old(48, 104, 8), [True, True], "needs 48"),
        (new(48, {"min": 104, "step": 8}), [True, True], "needs 48"),
        (new(48, 256), [True, True], "needs 48"),
        (old(32, 104, 8), [False, True], "needs 48, and leaves 5.7e-05 of the gradient's variance out"),
        (old(46, 104, 8), [False, True], "needs 48, and leaves"),
        (old(52, 256, 8), [False, True], "needs a multiple of 8"),
        (new(56, {"min": 128, "step": 16}), [True, True], "needs 48, the rest costs time"),
        (new(48, {"min": 104, "step": 4}), [True, False], "108 is refused; a step of 8 would do"),
        (new(48, {"min": 100, "step": 8}), [True, False], "100 is refused; a step of 8 would do"),
        (old(48, 96, 8), [True, False], "the least leaves nothing between halos of 48"),
        (new(48, 252), [True, False], "252 is refused"),
        (new(48, {"min": 128, "step": 16}), [True, True], "as are steps of 8"),
    ],
)
def test_what_is_declared_is_held_against_what_a_unet_needs(content, holds, said):
    found = check_resource(content, UNET)
    assert [condition.name for condition in found] == ["halo y", "sizes y", "halo x", "sizes x"]
    assert [condition.holds for condition in found[:2]] == holds
    assert said in " ".join(condition.found for condition in found[:2])


def test_halos_are_of_the_output():
    up = em.Conv(5, padding=2) >> em.Upsample(4)
    single = {
        "inputs": [{"axes": "bcx", "shape": [1, 1, 64]}],
        "outputs": [{"axes": "bcx", "halo": [0, 0, 8]}],
    }
    assert check_resource(single, up)[0].holds
    single["outputs"][0]["halo"] = [0, 0, 4]
    assert "needs 8" in check_resource(single, up)[0].found


def test_a_network_without_a_halo_fails_by_its_reason():
    found = check_resource(old(48, 104, 8), UNET >> em.GlobalContext())
    assert not found[0].holds
    assert "reads the whole map" in found[0].found


@pytest.mark.parametrize(
    "content",
    [{}, {"inputs": []}, {"inputs": [3], "outputs": [3]}, {"inputs": [{"axes": "bcyx"}], "outputs": [{}]}],
)
def test_other_files_are_no_descriptions(content):
    with pytest.raises(ValueError, match=r"no description of a model in the format of bioimage\.io"):
        check_resource(content, UNET)


def test_the_axes_have_to_be_those_of_the_model():
    with pytest.raises(ValueError, match="has the axes y, x of space, and the model 1"):
        check_resource(old(8, 64, 8), em.Conv(3))


@pytest.mark.parametrize(("halo", "code"), [(96, 0), (48, 1)])
def test_the_command_exits_by_what_it_finds(halo, code, tmp_path, capsys):
    path = tmp_path / "rdf.json"
    path.write_text(json.dumps(old(halo, 208, 16)))
    assert main(["check-halo", str(path), "unet"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok " if code == 0 else "FAIL")
    assert main(["check-halo", str(path), "unet", "--json"]) == code
    assert len(json.loads(capsys.readouterr().out)["conditions"]) == 4


def test_yaml_is_read(tmp_path):
    yaml = pytest.importorskip("yaml", reason="descriptions in YAML need PyYAML")
    path = tmp_path / "rdf.yaml"
    path.write_text(yaml.safe_dump(old(48, 104, 8)))
    assert all(condition.holds for condition in check_resource(path, UNET))
    path.write_text("a: [1")
    with pytest.raises(ValueError, match="is no YAML"):
        check_resource(path, UNET)
    path.write_text("- 1")
    with pytest.raises(ValueError, match="is no description"):
        check_resource(path, UNET)
    with pytest.raises(FileNotFoundError):
        check_resource(tmp_path / "none.yaml", UNET)
