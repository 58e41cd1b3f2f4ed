"""The gate of mutation testing fails where it should."""

import importlib.util
import os
import sys
import tomllib
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / ".ci"


@pytest.fixture
def mutants(monkeypatch):
    """Return the module of the command, with those beside it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("mutants", FOLDER / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("changes", "trials"):
        sys.modules.pop(name, None)


def fates(survivors, total):
    return ["survived"] * (survivors - 1) + ["not run"] + ["noticed"] * (total - survivors - 1) + ["looped"]


def test_all_changes_are_held_to_the_record_itself(mutants):
    assert mutants.verdict("laws", fates(10, 100), 0.1, whole=True) == 0
    assert mutants.verdict("laws", fates(11, 100), 0.1, whole=True) == 1


@pytest.mark.parametrize(("total", "record"), [(200, 0.1), (60, 0.05), (120, 0.2)])
def test_a_sample_fails_where_chance_does_not_explain_it(mutants, total, record):
    def tail(least):
        p = Fraction(record)
        return sum(comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(least, total + 1))

    first = next(k for k in range(1, total) if tail(k) < mutants.CHANCE)
    assert mutants.verdict("laws", fates(first, total), record, whole=False) == 1
    assert mutants.verdict("laws", fates(first - 1, total), record, whole=False) == 0


def test_changes_that_are_no_program_do_not_count(mutants):
    found = [*fates(11, 100), *["no program"] * 50]
    assert mutants.verdict("laws", found, 0.1, whole=True) == 1


SOUND = {"unwatched": ["survived"], "watched": ["noticed"], "Lattice.pmf": ["survived", "not run"]}


def test_a_sound_run_is_taken(mutants):
    mutants.check_planted([(name, fate) for name, fates in SOUND.items() for fate in fates])


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("fate", ["noticed", "survived", "not run", "looped"])
def test_a_run_that_finds_the_planted_changes_otherwise_is_no_proof(mutants, name, fate):
    others = [(other, fates[0]) for other, fates in SOUND.items() if other != name]
    if fate not in SOUND[name]:
        with pytest.raises(SystemExit, match="sound run"):
            mutants.check_planted([*others, (name, fate)])


def test_each_record_is_of_a_package_with_tests(mutants):
    records = tomllib.loads((FOLDER / "mutants.toml").read_text(encoding="utf-8"))
    assert records
    for package, record in records.items():
        assert 0 < record["survivors"] < 1
        assert all(list(Path(__file__).parent.glob(f"test_{name}*.py")) for name in mutants.TESTS[package])


def test_nothing_is_worse_than_where_all_may_survive(mutants):
    assert mutants.verdict("laws", fates(99, 100), 1.0, whole=True) == 0
    assert mutants.verdict("laws", fates(99, 100), 1.0, whole=False) == 0


def sources(changes):
    return {change.source().splitlines()[change.lines.start - 1].strip() for change in changes}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="mutmut needs forks")
class TestChanges:
    """What is changed, where mutmut is installed."""

    @pytest.fixture
    def of(self, mutants, tmp_path):
        pytest.importorskip("mutmut", reason="mutmut names the changes")
        from changes import changes

        path = tmp_path / "of.py"

        def made(text):
            path.write_text(text)
            return list(changes(path))

        return made

    def test_a_sum(self, of):
        found = of("def f(x):\n    return x + 1\n")
        assert sources(found) == {"return x - 1", "return x + 2"}

    def test_decorated_functions_are_changed(self, of):
        found = of("class A:\n    @property\n    def f(self):\n        return 1\n")
        assert sources(found) == {"return 2"}
        assert {(change.function, change.first) for change in found} == {("A.f", 2)}

    @pytest.mark.parametrize(
        "line", ["raise ValueError(f'{x + 1} is wrong')", "assert x + 1 > 0", "pass", "return cast('int', x)"]
    )
    def test_words_of_errors_and_types_are_not(self, of, line):
        assert not of(f"from typing import cast\n\n\ndef f(x: 'int'):\n    {line}\n")

    def test_strict_of_zip_is_not(self, of):
        assert not any(
            "strict" in str(change) for change in of("def f(x):\n    return g(x, strict=True)\n")[:0]
        )
        assert sources(of("def f(x, y):\n    return zip(x, y, strict=True)\n")) == {
            "return zip(None, y, strict=True)",
            "return zip(x, None, strict=True)",
            "return zip(y, strict=True)",
            "return zip(x, strict=True)",
        }

    def test_a_change_is_made_in_the_function_that_lives(self, of, tmp_path):
        from changes import living

        path, text = tmp_path / "of.py", "def f(x, y=1):\n    return x * y\n"
        results = set()
        for change in of(text):
            namespace = {}
            exec(compile(text, str(path), "exec"), namespace)
            living.cache_clear()
            change.make()
            results.add(namespace["f"](6))
        assert results == {12, 6.0}  # y=2, and x / y

    def test_a_change_reaches_functions_that_were_made_before(self, of, tmp_path):
        from changes import living

        path, text = tmp_path / "of.py", "def f(x):\n    def g():\n        return x + 1\n    return g\n"
        results = set()
        for change in of(text):
            namespace = {}
            exec(compile(text, str(path), "exec"), namespace)
            made = namespace["f"](6)
            living.cache_clear()
            change.make()
            results.add(made())
        assert results == {5, 8}


def test_changes_that_no_test_should_notice_are_left_out(mutants, tmp_path):
    pytest.importorskip("mutmut", reason="mutmut names the changes, and is no part of the extras")
    from changes import changes

    path = tmp_path / "some.py"
    path.write_text(
        "def f(x):\n"
        "    if not x:\n"
        "        raise ValueError('x')\n"
        "    assert x != 1\n"
        "    y = x.astype(float)\n"
        "    return list(zip(y, y.astype(int), strict=True))\n"
    )
    found = [str(change).partition("\n")[2] for change in changes(path)]
    assert all("raise" not in change and "assert" not in change for change in found)
    assert not any("+    y = x.astype(None)" in change or "strict=False" in change for change in found)
    assert any("y.astype(None)" in change for change in found)
    assert any("+    y = None" in change for change in found)
