"""Each recipe of the documentation runs in an empty folder, and prints what is known by other means."""

import importlib.util
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import erfmath as em

ROOT = Path(em.__file__).parents[1]
RECIPES = Path(__file__).parents[1] / "docs" / "recipes"

# recipe: the packages that it needs besides those that erfmath does
NEEDS = {
    "field_over_picture": ["matplotlib"],
    "inverse_design": ["torch"],
    "own_layer": [],
    "poisson_binomial": [],
    "sweep_dask": ["distributed"],
    "tcn_stream": ["torch"],
    "trained_onnx": ["torch", "onnx", "onnxscript"],
    "unet_dask": ["torch", "dask"],
    "unet_monai": ["torch", "monai"],
}

pytestmark = pytest.mark.skipif(not RECIPES.is_dir(), reason="the documentation is not here")

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def run(command, folder):
    """Return what a program prints in a folder; it has to succeed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    found = {}

    def printed(name):
        """Return the output of a recipe and the folder where it ran, once for all tests."""
        if name not in found:
            missing = [package for package in NEEDS[name] if not importlib.util.find_spec(package)]
            if missing:
                pytest.skip(f"{name}.py needs {', '.join(missing)}")
            folder = tmp_path_factory.mktemp(name)
            found[name] = run([RECIPES / f"{name}.py"], folder), folder
        return found[name]

    return printed


def value(text, pattern):
    """Return the number in the group of a pattern."""
    found = re.search(pattern, text)
    assert found, f"{pattern} is not in:\n{text}"
    return float(found[1].replace(",", ""))


def test_every_recipe_is_tested_and_shown():
    page = (RECIPES.parent / "recipes.md").read_text("utf-8")
    shown = re.findall(r"{literalinclude} recipes/(\w+)\.py", page)
    assert (
        sorted(shown) == sorted([*NEEDS, "test_fields"]) == sorted(path.stem for path in RECIPES.glob("*.py"))
    )
    assert sorted(re.findall(r"{literalinclude} recipes/(\w+)\.txt", page)) == sorted(NEEDS)


@pytest.mark.parametrize("name", [*NEEDS])
def test_the_page_shows_what_the_recipe_prints(name, printed):
    """Words are equal; numbers are near, or both no more than round-off."""
    text = printed(name)[0]
    shown = (RECIPES / f"{name}.txt").read_text("utf-8")
    assert NUMBER.sub("#", text).split() == NUMBER.sub("#", shown).split(), f"{name}.txt should be\n{text}"
    for a, b in zip(NUMBER.findall(text), NUMBER.findall(shown), strict=True):
        is_exact = a == b or max(abs(float(a)), abs(float(b))) < 1e-9
        is_learned = name == "trained_onnx" and float(a) == pytest.approx(float(b), rel=0.15)
        assert is_exact or is_learned, f"{name}.txt should be\n{text}"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.py")), ids=lambda path: path.stem)
def test_recipes_are_short_and_say_what_they_need(path):
    lines = path.read_text("utf-8").splitlines()
    assert 15 <= len(lines) <= 55
    assert "Needs: " in path.read_text("utf-8").split('"""')[1]
    assert "download" not in path.read_text("utf-8")


def test_unet_with_dask(printed):
    text, _ = printed("unet_dask")
    assert "halo ((48, 48), (48, 48))" in text  # 46 to a side, on a grid of 8
    assert value(text, r"whole: (\S+)") < 1e-10


def test_unet_with_monai(printed):
    text, _ = printed("unet_monai")
    assert value(text, r"overlap 0.25: (\S+)") > 0.1
    assert value(text, r"plan's halo: (\S+)") < 1e-10


def test_tcn_stream(printed):
    text, _ = printed("tcn_stream")
    reach = sum(2**level for level in range(7))  # one tap to each side, dilations 1 to 64
    assert value(text, r"delay (\d+) samples") == reach
    assert value(text, r"context (\d+) samples") == 2 * reach + 1
    assert value(text, r"samples, (\S+) ms") == pytest.approx(1000 * reach / 16000, abs=5e-4)
    assert value(text, r"whole: (\S+)") < 1e-12


def test_trained_onnx(printed):
    text, _ = printed("trained_onnx")
    wanted = np.std(np.arange(9))  # what it learns, the mean of nine samples, has this spread
    for signs in ("without", "with"):
        random, trained = (value(text, rf"{name} .*{signs} signs ([\d.]+)") for name in ("random", "trained"))
        assert trained == pytest.approx(wanted, rel=0.15)
        assert abs(trained - wanted) < abs(random - wanted)
    assert text.count(" of 13 samples") == 2  # 1 + 3 (5 - 1)


def test_sweep_with_dask(printed):
    text, folder = printed("sweep_dask")
    count = 3 * (4 + 8 + 12)
    assert f"{count} networks, 0 failed, {count} rows after" in text
    assert len((folder / "rows.jsonl").read_text("utf-8").splitlines()) == count + 1
    assert value(text.splitlines()[-1], r"of (\d+) pixels") == 1 + 6 + 2 * 6 * 11  # 7 x 7, stride in front


def test_inverse_design(printed):
    text, _ = printed("inverse_design")
    assert "5 layers with 20 taps see 1024 samples, without holes: True" in text  # 4^5 = 1024
    assert value(text, r"reaches (\d+) samples") == 1024


def test_poisson_binomial(printed):
    """Against whole numbers: the chances are binary fractions."""
    text, _ = printed("poisson_binomial")
    bits = 70
    row = [1]
    for p in np.linspace(0.001, 0.2, 500):
        hit = Fraction(float(p)) * 2**bits
        assert hit.denominator == 1
        hit = int(hit)
        row = [a * (2**bits - hit) + b * hit for a, b in zip([*row, 0], [0, *row], strict=True)]
    for least in (50, 75, 100, 200):
        exact = float(Fraction(sum(row[least:]), 2 ** (500 * bits)))
        assert value(text, rf"at least +{least}: (\S+)") == pytest.approx(exact, rel=1e-11)


def test_field_over_a_picture(printed):
    text, folder = printed("field_over_picture")
    assert "unit (3, 3): sees 224 x 224" in text  # 435 pixels, cut at the borders
    assert "unit (0, 6): sees 218 x 224" in text  # half of them and the middle; the last unit is at 192
    assert (folder / "field.png").read_bytes().startswith(b"\x89PNG")


def test_own_layer(printed):
    text, _ = printed("own_layer")
    field, jump = 1, 1
    for taps, stride in 2 * [(3, 1), (2, 1), (4, 2)]:  # the arithmetic of Araujo, Norris and Sim
        field, jump = field + jump * (taps - 1), jump * stride
    assert f"field ({field}, {field}), stride ({jump}, {jump})" in text
    assert "from JSON: True" in text


def test_the_gate_passes_and_notices_a_deeper_network(tmp_path):
    recipe = (RECIPES / "test_fields.py").read_text("utf-8")
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path]
    (tmp_path / "test_fields.py").write_text(recipe)
    assert "3 passed" in run([*options, tmp_path / "test_fields.py"], tmp_path)
    (tmp_path / "test_deeper.py").write_text(recipe.replace("unet(depth=3)", "unet(depth=4)"))
    with pytest.raises(AssertionError, match="FAIL  halo 48: needs 96 before, 96 after"):
        run([*options, tmp_path / "test_deeper.py"], tmp_path)
