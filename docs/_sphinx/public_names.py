"""Public names as users write them: ``erfmath.Conv``, wherever the class is written down.

Annotations and docstrings name ``Conv`` or ``erfmath.network.layers.Conv``, as their modules do; both lead to
the page of ``erfmath.Conv`` here. A type of the inside, which an annotation may name, stays text. What is
neither is an error, and the build fails.
"""

from __future__ import annotations

import ast
import functools
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import erfmath

SUBMODULES = ("plotting", "strategies", "zoo")


def public_names() -> list[str]:
    """Return every public name by its path."""
    modules = ("erfmath", *(f"erfmath.{sub}" for sub in SUBMODULES))
    return [f"{module}.{name}" for module in modules for name in import_module(module).__all__]


def public_bases(path: str) -> str:
    """Return the bases of a class whose members have a page already, as autodoc wants them."""
    module, _, name = path.rpartition(".")
    value = getattr(import_module(module), name)
    bases = inspect.getmro(value)[1:] if inspect.isclass(value) else ()
    known = [base for base in bases if base.__name__ in erfmath.__all__ or "erfmath" not in base.__module__]
    return ", ".join(base.__name__ for base in known)


def public_path(target: str) -> str | None:
    """Return the public path of what a target names, a member's behind that of its class."""
    parts = target.removeprefix("erfmath.").split(".")
    for at, part in enumerate(parts):
        if part in erfmath._PUBLIC.get(".".join(parts[:at]), () if at else erfmath.__all__):
            return ".".join(("erfmath", *parts[at:]))
    return None


@functools.cache
def types_inside() -> frozenset[str]:
    """Return the names of all classes and aliases of types that the package has."""
    sources = [ast.parse(path.read_text("utf-8")) for path in Path(erfmath.__file__).parent.rglob("*.py")]
    bodies = [entry for source in sources for entry in source.body]
    classes = {entry.name for entry in bodies if isinstance(entry, ast.ClassDef)}
    assigned = (entry.targets[0] for entry in bodies if isinstance(entry, ast.Assign))
    aliases = {name.id for name in assigned if isinstance(name, ast.Name) and not name.id.isupper()}
    return frozenset(classes | {name for name in aliases if name.lstrip("_")[:1].isupper()})


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Any) -> nodes.Node | None:
    """Look a name of the Python domain up by its public path."""
    target = node.get("reftarget", "") if node.get("refdomain") == "py" else ""
    path = public_path(target)
    if path is None and target.rpartition(".")[2] in types_inside():
        return content
    if path is None or path == target:
        return None
    domain = env.domains["py"]
    kind = "obj" if node["reftype"] in ("class", "exc", "func", "meth", "attr") else node["reftype"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, kind, path, node, content)


def plain_defaults(*known: Any) -> tuple[str, str] | None:
    """Write a default that a dataclass makes as ``...``, as Python would; ``<factory>`` is no expression."""
    given, returned = known[-2:]  # behind the application, the kind, the name, the object and the options
    return (given.replace("<factory>", "..."), returned) if given else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the look-up and the defaults, and hand the templates of the reference what they ask for."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", plain_defaults)
    app.config.autosummary_context = {"public_bases": {path: public_bases(path) for path in public_names()}}
    return {"parallel_read_safe": True, "parallel_write_safe": True}
