"""Readings in milliseconds and micrometres beside samples."""

import json
import math

import jsonschema
import pytest

import erfmath as em
from erfmath import zoo
from erfmath.cli import main

VOXELS = em.Conv((9, 17, 17))


def test_voxels_of_a_microscope():
    found = em.analyze(VOXELS, spacing="2,.5,.5um")
    assert "9 x 17 x 17 voxels (18 x 8.5 x 8.5 um)" in str(found)
    assert found.to_dict()["units"]["field"] == [18.0, 8.5, 8.5]
    assert em.analyze(VOXELS, spacing=(2, 0.5, 0.5, "um")).units == found.units


def test_the_effective_side_is_that_of_a_cube_of_the_same_volume():
    found = em.analyze(VOXELS, spacing="2,.5,.5um")
    effective = found.effective["mass"]
    side = found.to_dict()["units"]["effective"]["mass"]
    assert side**3 == pytest.approx(effective.size**3 * 2 * 0.5 * 0.5, rel=1e-12)


def test_samples_of_a_second():
    text = str(em.analyze(zoo.wavenet(), rate=16000))
    assert "1024 samples (64 ms)" in text
    assert "1023 before, 0 after (63.9375 ms before, 0 ms after)" in text
    strided = em.analyze("up4 conv8s4*5", rate=16000)
    assert "597 samples (37.3125 ms); one unit every 256 samples (16 ms)" in str(strided)


def test_a_side_that_is_read_whole_has_no_length():
    found = em.analyze(em.Conv(3, padding="causal") >> em.GlobalContext("before"), rate=8000)
    assert found.to_dict()["units"]["field"] == ["inf"]
    assert "all" in str(found)


def test_the_schema_knows_the_units():
    for given in ({"spacing": "0.25 um"}, {"spacing": "1,2mm"}, {}):
        found = em.analyze("resnet18", **given).to_dict()
        schema = em.json_schema("analysis")
        jsonschema.validate(found["units"], {**schema["properties"]["units"], "$defs": schema["$defs"]})
    assert found["units"] is None


@pytest.mark.parametrize(
    "spacing",
    [
        *("1,2", "um", "1,2,3um", "0,1um", "-1,1um", ",1um", "1..2um", "nan um", "", 3, (1, 2), ("um",)),
        *((1, length, "um") for length in (True, math.nan, math.inf, -2, "x")),
        ("um", 1),
    ],
)
def test_spacings_are_positive_lengths_with_a_unit(spacing):
    with pytest.raises(ValueError, match="spacing must"):
        em.analyze("conv3x3", spacing=spacing)


def test_a_rate_is_for_one_axis_and_goes_without_a_spacing():
    with pytest.raises(ValueError, match="rate is for one axis"):
        em.analyze("conv3x3", rate=16000)
    with pytest.raises(ValueError, match="give one of them"):
        em.analyze("conv3", rate=16000, spacing="1um")
    with pytest.raises(ValueError, match="rate must be positive"):
        em.analyze("conv3", rate=0)


def test_the_command_takes_both(capsys):
    assert main(["analyze", "conv9x17x17", "--spacing", "2,.5,.5um"]) == 0
    assert "(18 x 8.5 x 8.5 um)" in capsys.readouterr().out
    assert main(["analyze", "wavenet", "--rate", "16k", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["units"]["field"] == [64.0]
    with pytest.raises(SystemExit):
        main(["analyze", "conv3x3", "--spacing", "1,2"])
    assert capsys.readouterr().err.startswith("erfmath analyze: error: --spacing must be")
