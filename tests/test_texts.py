"""Public texts use one word for one thing."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import erfmath as em

ROOT = Path(em.__file__).parent
LAW = re.compile(r"\blaws?\b(?!\.)")  # the package erfmath.laws may be named


def public_docs():
    """Yield each public object, class members included, and its docstring."""
    for name in em.__all__:
        value = getattr(em, name)
        yield name, inspect.getdoc(value) or ""
        if inspect.isclass(value):
            for member, entry in inspect.getmembers(value):
                if not member.startswith("_") and (doc := inspect.getdoc(entry)):
                    yield f"{name}.{member}", doc


def messages():
    """Yield each text that is raised, with its file and line."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                for part in ast.walk(node.exc):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield f"{path.relative_to(ROOT)}:{part.lineno}", part.value


@pytest.mark.parametrize(
    "texts",
    [public_docs, messages, lambda: [("README", (ROOT.parent / "README.md").read_text("utf-8"))]],
    ids=["docstrings", "errors", "README"],
)
def test_distributions_are_called_distributions(texts):
    said = [f"{where}: {match.group()}" for where, text in texts() for match in LAW.finditer(text)]
    assert not said
