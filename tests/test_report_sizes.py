"""What the page says of the effective field: two meanings, each by its own rule, measured by the same one."""

import json
import math

import numpy as np
import pytest

import erfmath as em
from erfmath.cli import main

MEANINGS = {
    "mean": "what the mean weights pass",
    "std": "gradient magnitude at initialisation",
    "variance": "gradient energy at initialisation",
}


def net():
    relu = em.Activation("relu")
    return em.Conv((3, 3), padding=1) >> relu >> em.Conv((5, 5), stride=2, padding=2) >> relu


@pytest.mark.parametrize("profile", ["mean", "variance", "std"])
def test_both_meanings_are_on_the_page_whatever_is_asked_for(profile):
    found = em.analyze(net(), profile=profile)
    told = {(row.meaning, row.rule.definition): row for row in found.sizes}
    for other in {profile, "mean", "std"}:
        for definition in ("threshold", "mass"):
            row = told[MEANINGS[other], definition]
            assert row.field == em.effective_field(net(), definition, profile=other)
            assert row.rule.profile == other
    assert len(told) == 2 * len({profile, "mean", "std"})
    assert found.sizes[0].field == found.effective["threshold"]
    for meaning in {meaning for meaning, _ in told}:
        assert f"{meaning}:" in str(found)


def test_a_convention_sets_profile_definition_and_share():
    found = em.analyze("resnet101", convention="replknet", share=0.5)
    assert (found.profile, found.definitions) == ("std", ("square",))
    assert found.effective["square"].size == 179
    assert [row.rule.definition for row in found.sizes] == ["square", "square"]
    assert "the smallest square about the centre that holds 50 %" in str(found)
    luo = em.analyze("resnet18", convention="luo2016")
    assert (luo.profile, luo.definitions) == ("mean", ("threshold",))
    with pytest.raises(ValueError, match="convention must be one of 'luo2016', 'replknet'"):
        em.analyze("resnet18", convention="x")
    with pytest.raises(ValueError, match="share is 1 - level: give one of them"):
        em.analyze("resnet18", share=0.5, level=0.5)


def test_json_has_the_rules_in_words_and_numbers(capsys):
    assert main(["analyze", "resnet18", "--as", "openerf", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["sizes"]
    assert [row["profile"] for row in rows] == ["std", "mean"]
    disc = em.effective_field(em.zoo.resnet18(), convention="openerf")
    assert rows[0]["effective"]["size"] == disc.size
    assert rows[0]["rule"] == str(disc.rule)
    assert rows[0]["measured"] is None


@pytest.mark.parametrize("profile", ["mean", "std"])
def test_a_measurement_stands_in_the_row_of_its_own_rule(profile):
    pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")
    found = em.analyze(net(), profile=profile, measure=40)
    (row,) = [row for row in found.sizes if row.measured is not None]
    agreement = found.measured.agreement
    own = {"mean": "variance", "std": "std"}[profile]  # what is measured where nothing else is asked for
    assert (row.meaning, row.rule.profile, row.rule.definition) == (MEANINGS[own], own, "threshold")
    assert (row.measured, row.error, row.runs) == (agreement.effective.size, agreement.effective_error, 40)
    assert row.field.size == em.effective_field(net(), profile=own).size
    assert row.measured == pytest.approx(row.field.size, rel=0.1)
    line = next(line for line in str(found).splitlines() if "; measured" in line)
    assert line.endswith(row.measured_text)


def test_the_standard_error_is_the_spread_of_repeated_measurements():
    pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")
    chain = em.Conv((3, 3)) ** 8
    taken = [em.measure(chain, runs=20, profile="std", rng=seed, progress=False) for seed in range(24)]
    sizes = [one.effective_field().size for one in taken]
    told = math.sqrt(np.mean([one.size_error() ** 2 for one in taken]))
    assert 0.5 < told / np.std(sizes, ddof=1) < 2
    assert math.isnan(em.measure(chain, runs=1, rng=0, progress=False).size_error())
    point = em.measure(em.Conv((1, 1)), runs=4, rng=0, progress=False)
    assert point.size_error() == 0


def test_a_measurement_at_the_border_says_so():
    pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")
    found = em.analyze("conv3x3p1*4", input_size=5, measure=20)
    (row,) = [row for row in found.sizes if row.measured is not None]
    assert row.meaning == "gradient energy at initialisation, at unit 2,2 with borders"


def test_a_network_without_an_effective_field_says_why_once():
    text = str(em.analyze("resnet18 gap"))
    assert text.count("none without borders") == 1
    text = str(em.analyze("conv2d2", ndim=1))
    assert "threshold: none: the centre pixel" in text


def test_sides_have_the_digits_that_mean_something():
    from erfmath.report.sizes import SizeRow

    def row(side, error):
        return SizeRow("", None, None, measured=side, error=error).measured_text

    assert row(164.53, 1.234) == "164.5 +- 1.2"
    assert row(164.53, 12.34) == "165 +- 12"
    assert row(9.0, 0.0) == "9 +- 0"
    assert row(9.137, math.nan) == "9.137"
    assert row(9.137, 0.0123) == "9.137 +- 0.012"


def test_of_vast_maps_one_profile_is_read(monkeypatch):
    monkeypatch.setattr("erfmath.report.sizes._MOST_PIXELS", 100)
    rows = em.analyze("resnet18").sizes
    assert [row.field is None for row in rows] == [False, False, True, True]
    assert "ask for profile='std'" in rows[-1].why
    assert all(row.field is not None for row in em.analyze(net()).sizes)  # independent axes have none


@pytest.mark.parametrize(
    ("text", "unit"), [("conv3*4", "samples"), ("conv3x3*4", "pixels"), ("conv3x3x3", "voxels")]
)
def test_rules_are_told_in_the_units_of_the_network(text, unit):
    shown = str(em.analyze(text))
    assert f"threshold: {unit} above" in shown
    assert f"mass: the fewest {unit} that" in shown
    assert unit == "pixels" or "pixels" not in shown
