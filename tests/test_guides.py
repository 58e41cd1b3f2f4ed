"""The guides of the documentation run, cell by cell, without the tools that build it, and are short."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = ["see", "tiles", "streams", "trained", "designs", "sums", "checks", "mathematics"]
CELL = re.compile(r"^```\{code-cell\} python\n(?::tags: [^\n]*\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def guide(name):
    return (DOCS / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", GUIDES)
def test_guides_run(name):
    """Hidden cells hold what the prose says of the numbers."""
    cells = CELL.findall(guide(name))
    assert cells
    trees = [ast.parse(code) for code in cells]
    imports = {
        alias.name.split(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    missing = [package for package in sorted(imports) if not importlib.util.find_spec(package)]
    if missing:
        pytest.skip(f"{name}.md needs {', '.join(missing)}")
    plt = pytest.importorskip("matplotlib.pyplot", reason="the guides have pictures")
    plt.switch_backend("Agg")
    scope = {"__name__": "guide"}
    try:
        for code, tree in zip(cells, trees, strict=True):
            program = compile(tree, f"{name}.md", "exec")
            exec(program, scope)
            assert ">>>" not in code
    finally:
        plt.close("all")


@pytest.mark.parametrize("name", GUIDES)
def test_guides_are_ten_minutes_reading(name):
    prose = FENCE.sub("", guide(name))
    assert 300 <= len(prose.split()) <= 1600
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
    assert "## See also" in prose


@pytest.mark.parametrize("name", [*GUIDES, "recipes"])
def test_links_between_pages_lead_somewhere(name):
    prose = FENCE.sub("", guide(name))
    for page, section in re.findall(r"\]\((?:(\w+)\.md)?(?:#([\w-]+))?\)", prose):
        target = guide(page or name)
        headings = re.findall(r"^#+ (.*)$", FENCE.sub("", target), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not section or section in slugs, f"{name}.md: #{section} is no heading of {page or name}.md"


def test_tests_that_pages_name_exist():
    text = "".join(path.read_text("utf-8") for path in DOCS.glob("*.md"))
    for module, name in set(re.findall(r"`tests/(\w+)\.py(?:::(\w+))?`", text)):
        source = (Path(__file__).parent / f"{module}.py").read_text("utf-8")
        assert not name or f"def {name}(" in source, f"{module}.py has no {name}"


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("tile halo", "tiles"),
        ("is my dilation pattern good", "designs"),
        ("effective field of my trained model", "trained"),
        ("latency of my audio model", "streams"),
    ],
)
def test_what_people_search_for_is_a_heading(question, page):
    headings = re.findall(r"^#+ (.*)$", guide(page), re.MULTILINE)
    assert any(question in heading.lower() for heading in headings)
