import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import erfmath as em

HEAVY = ("sympy", "scipy.stats", "scipy.fft", "matplotlib", "hypothesis", "torch", "onnx", "flint", "dask")


def test_import_is_light():
    code = f"import sys, erfmath; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_the_core_stays_light_while_it_convolves():
    code = (
        "import sys, erfmath as em; em.coefficients([1, 1, 1], 40); em.coefficients([1, 2], 9, 'exact'); "
        "em.effective_field(em.distribution([1, 1, 1], 40), ndim=2); "
        "print(*[name for name in ('sympy', 'scipy.stats', 'matplotlib') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


@pytest.mark.parametrize("name", em.__all__)
def test_every_public_name_exists_and_has_a_docstring(name):
    assert getattr(em, name).__doc__


def test_public_names_are_sorted_and_unique():
    assert sorted(set(em.__all__)) == em.__all__


def test_the_bare_name_erf_is_not_exported():
    assert "erf" not in dir(em)


def test_a_misspelt_name_leads_to_the_one_that_was_meant():
    with pytest.raises(AttributeError, match="module 'erfmath' has no attribute 'recptive_field'") as caught:
        _ = em.recptive_field
    assert (caught.value.name, caught.value.obj) == ("recptive_field", em)  # from which Python says it


def test_no_module_hides_a_public_name():
    modules = {module.name for module in pkgutil.iter_modules(em.__path__)}
    assert modules.isdisjoint(em.__all__)
    importlib.import_module("erfmath.core.plan")
    assert callable(em.plan)


@pytest.mark.parametrize("name", em.__all__)
def test_public_names_are_known_by_their_own_module(name):
    home = getattr(em, name).__module__
    assert home.startswith("erfmath.")
    assert getattr(importlib.import_module(home), name) is getattr(em, name)


def test_type_checkers_read_the_same_table():
    stub = ast.parse(Path(em.__file__).with_suffix(".pyi").read_text("utf-8"))
    found = {
        node.module: {alias.name for alias in node.names}
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert found == {module: set(names) for module, names in em._PUBLIC.items()}


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((Path(em.__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert em.__version__ == project["version"]
