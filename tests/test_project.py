"""What the texts and files around the code say of it is so."""

import argparse
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import erfmath as em
from erfmath import cli

PACKAGE = Path(em.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += [path for path in sorted((ROOT / "docs").rglob("*.md")) if "api" not in path.parts]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# For tests and for those who work on erfmath; the rest is for users.
OF_DEVELOPERS = {"poster", "docs", "test", "dev", "all"}


def text_of(path):
    return path.read_text(encoding="utf-8")


def each_page(function):
    return pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())(
        function
    )


def options():
    """Return the options of each command."""
    actions = cli.parser_of_all()._actions
    commands = next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices
    return {name: set(command._option_string_actions) for name, command in commands.items()}


OPTIONS = options()


# Pages


@each_page
def test_links_lead_to_files(page):
    links = re.findall(
        r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    )
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert not [link for link in local if not (page.parent / link).exists()]


@each_page
def test_commands_and_their_options_exist(page):
    shells = "\n".join(re.findall(r"```(?:sh|console)\n(.*?)```", text_of(page), re.DOTALL))
    code = re.findall(r"`erfmath ([a-z][\w-]*)([^`|]*)`", text_of(page))
    code += re.findall(r"\berfmath ([a-z][\w-]*)([^|&\n]*)", shells)
    for name, rest in code:
        assert name in OPTIONS, f"erfmath {name}"
        given = re.findall(r"(?<!\S)--[a-z][\w-]*", rest)
        assert not [option for option in given if option not in OPTIONS[name]], f"erfmath {name}{rest}"


@each_page
def test_benchmarks_exist(page):
    named = re.findall(r"\bbenchmarks((?:\.[a-z_]+)+)", text_of(page))
    parts = {f"benchmarks{name}".removesuffix(".py") for name in named}
    assert not [name for name in parts if importlib.util.find_spec(name) is None]


@each_page
def test_extras_exist(page):
    assert extras_in(text_of(page)) <= EXTRAS.keys()


def extras_in(text):
    lists = re.findall(r"(?:erfmath|\.)\[([a-z, ]+)\]'", text)
    named = re.findall(r"\bextras? ((?:`[a-z]+`(?:, | and )?)+)", text)
    return {word for part in lists + named for word in re.findall("[a-z]+", part.replace(" and ", " "))}


def test_extras_that_errors_name_exist():
    named = extras_in("\n".join(text_of(path) for path in PACKAGE.rglob("*.py")))
    assert named
    assert named <= EXTRAS.keys()


def test_the_readme_has_two_commands_to_set_up():
    commands = [line for line in text_of(PAGES[0]).splitlines() if line.startswith("python3 -m venv ")]
    assert len(commands) == 2
    assert "analyze resnet50" in commands[0]
    assert "pytest" in commands[1]


def test_the_readme_is_short_and_shows_a_picture():
    text = text_of(PAGES[0])
    assert len(text.splitlines()) < 140
    assert re.search(r"!\[[^\]]+\]\(docs/_static/\w+\.png\)", text)


# The map of modules


def map_of_modules():
    """Return the packages of each row of the map, and the modules that the row names."""
    rows = re.findall(r"^\| (`[^|]+) \| (.+) \|$", CONTRIBUTING, re.MULTILINE)
    return [
        (re.findall(r"`([\w/.]+)`", first), re.findall(r"`([\w./]+(?:\.py|/))`", rest))
        for first, rest in rows
    ]


def test_every_part_of_the_package_is_on_the_map():
    named = {name.rstrip("/") for parts, _ in map_of_modules() for name in parts}
    there = {
        path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == there - {"__init__.py", "__main__.py"}


def test_every_module_that_the_map_names_exists():
    missing = [
        f"{parts[0]}{name}"
        for parts, modules in map_of_modules()
        for name in modules
        if not any((PACKAGE / part / name).exists() for part in parts)
    ]
    assert not missing


def test_the_map_of_the_saddle_names_every_module():
    paragraph = CONTRIBUTING[CONTRIBUTING.index("In `core/saddle/`") :].split("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", paragraph))
    assert named == {path.stem for path in (PACKAGE / "core" / "saddle").glob("*.py")} - {"__init__"}


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:tests|docs|\.ci|\.github)/[\w./-]+)`", CONTRIBUTING)))
)
def test_files_that_the_guide_names_exist(name):
    assert (ROOT / name).exists()


# What is installed


def test_all_has_every_extra_of_users():
    (whole,) = EXTRAS["all"]
    assert set(re.findall(r"\w+", whole)) == {"erfmath", *EXTRAS} - OF_DEVELOPERS


def test_groups_of_developers_are_the_extras_of_that_name():
    groups = PROJECT["dependency-groups"]
    assert all(groups[name] == [f"erfmath[{name}]"] for name in ("test", "docs", "dev"))


def test_versions_are_one():
    version = PROJECT["project"]["version"]
    assert em.__version__ == version
    assert re.search(r"^version: (\S+)$", text_of(ROOT / "CITATION.cff"), re.MULTILINE)[1] == version
    assert (
        re.search(r"^  version: (\S+)$", text_of(ROOT / ".ci/conda/recipe.yaml"), re.MULTILINE)[1] == version
    )
    assert f"## {version} (" in text_of(ROOT / "CHANGELOG.md")


def test_the_conda_recipe_asks_for_what_the_wheel_asks_for():
    recipe = text_of(ROOT / ".ci/conda/recipe.yaml").split("  run:\n")[1].split("  run_constraints:")[0]
    found = {line.strip().removeprefix("- ").replace(" ", "") for line in recipe.splitlines() if line.strip()}
    project = PROJECT["project"]
    assert found == {*project["dependencies"], f"python{project['requires-python']}"}


def test_the_stages_of_the_script_are_those_that_its_head_tells_of():
    script = text_of(ROOT / ".ci" / "run")
    told = re.findall(r"^#   (\w+) ", script, re.MULTILINE)
    stages = re.search(r'^stages="(.*)"$', script, re.MULTILINE)[1].split()
    assert sorted(told) == sorted(stages)
    assert all(f"\n{stage}() {{\n" in script for stage in stages)
    assert set(re.search(r"\|\| set -- (.*)$", script, re.MULTILINE)[1].split()) == {*stages} - {"tests"}


def test_hosted_machines_run_every_python_that_is_promised():
    promised = [
        line.rpartition(" ")[2]
        for line in PROJECT["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", line)
    ]
    workflow = text_of(ROOT / ".github/workflows/ci.yml")
    assert re.search(r"python: \[(.*)\]", workflow)[1].replace('"', "").split(", ") == promised
    assert promised[0] == PROJECT["project"]["requires-python"].removeprefix(">=")


def test_the_changelog_has_its_form():
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)) <= known
