"""Imports go down only: which part of the package may know which, and no module knows itself in a ring."""

import ast
import itertools
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import erfmath as em

ROOT = Path(em.__file__).parent

# From the floor up; the parts of one line do not know one another.
FLOORS = (
    ("_checks",),
    ("words", "_html", "_files"),
    ("_memory", "_caches", "_work"),
    ("polynomials",),
    ("core",),
    ("laws",),
    ("network",),
    ("ensembles",),
    ("zoo", "design", "strategies"),
    ("formats",),
    ("models",),
    ("measured",),
    ("tiling", "streaming", "sweeping"),
    ("report", "plotting"),
    ("cli",),
    ("__main__",),
)
FLOOR = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}


def modules():
    """Return the path of each module of the package by its dotted name below it."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(name):
    """Yield (line, module of the package) for each import of a module, wherever in it."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {id(inner) for node in ast.walk(tree) if is_for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name[8:]) for a in node.names if a.name.startswith("erfmath."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            words = [*base, *(node.module or "").split(".")] if node.module else base
            if not node.level and words[0] != "erfmath":
                continue
            found = ".".join(words if node.level else words[1:])
            for alias in node.names:
                inner = f"{found}.{alias.name}".lstrip(".")
                yield node.lineno, inner if inner in MODULES else found


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_go_down(name):
    own = name.split(".")[0]
    assert own in FLOOR, f"{MODULES[name]}: say on which floor {own} is, in FLOORS"
    for line, other in imports(name):
        part = other.split(".")[0]
        if part and part != own:
            message = f"{MODULES[name]}:{line} imports erfmath.{other}, which is not below {own}"
            assert FLOOR[part] < FLOOR[own], message


def test_no_modules_import_each_other_in_a_ring():
    graph = {name: {other for _, other in imports(name)} - {name, ""} for name in MODULES if name}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        ring = error.args[1]
        places = [
            f"{MODULES[a]}:{line}" for b, a in itertools.pairwise(ring) for line, c in imports(a) if c == b
        ]
        raise AssertionError(f"a ring of imports: {' <- '.join(ring)}, in {', '.join(places)}") from None
