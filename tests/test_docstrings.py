"""Each public name, method and property says what it takes, returns and raises, and shows it in an example.

Sections are numpydoc's. A method that overrides another says what is different: the sections it lacks are
those of the method above it. A second name (``newer name of :meth:`sf```) has those of the first one.
"""

import ast
import builtins
import dataclasses
import doctest
import functools
import importlib
import inspect
import re
from typing import Any, NamedTuple

import pytest

import erfmath as em

HEADING = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)
SECOND_NAME = re.compile(r"(?:newer|older) name of :(?:meth|attr):`(\w+)`")
MODULES = ("plotting", "strategies", "zoo")

# Made by a function, whose arguments are other ones.
MADE_ELSEWHERE = {"Stream"}
# Examples that need a file that is not there, or minutes.
NOT_RUN = {"Model.runnable", "Measurement.load", "from_onnx", "measure", "merge"}

LIBRARIES = {
    "LayerTable.to_pandas": "pandas",
    "LayerTable.to_polars": "polars",
    "Sweep.to_parquet": "pyarrow",
    "TilePlan.for_tiler": "tiler",
    "TilePlan.map_overlap": "dask",
    "TilePlan.to_dask": "dask",
}


class Entry(NamedTuple):
    """A public name: what it is, its docstrings, the nearest first, and those of its classes."""

    value: Any
    docs: list[str]
    classes: list[str]


def function_of(entry):
    """Return the function of a method or property, None for what is neither."""
    if isinstance(entry, property | functools.cached_property):
        return entry.fget if isinstance(entry, property) else entry.func
    if isinstance(entry, classmethod | staticmethod):
        return entry.__func__
    return entry if inspect.isfunction(entry) else None


def doc_of(value):
    return inspect.cleandoc(value.__doc__ or "")


def is_ours(value):
    return (getattr(value, "__module__", None) or "").startswith("erfmath.")


def functions_and_classes():
    """Yield each public name and what it stands for."""
    yield from ((name, getattr(em, name)) for name in em.__all__)
    for module in MODULES:
        home = importlib.import_module(f"erfmath.{module}")
        yield from ((f"{module}.{name}", getattr(home, name)) for name in home.__all__)


def members(home):
    """Yield the name and the entry of each public method and property that a class itself defines."""
    for name, entry in vars(home).items():
        function = function_of(entry)
        if not name.startswith("_") and function is not None and is_ours(function):
            yield name, entry


@functools.cache
def entries():
    """Return all public names, what a class inherits once, by the name of the class that defines it."""
    public = dict(functions_and_classes())
    kinds = [value for value in public.values() if inspect.isclass(value)]
    found = {name: Entry(value, [doc_of(value)], []) for name, value in public.items()}
    for home in {home for kind in kinds for home in kind.__mro__ if is_ours(home)}:
        related = [
            kind for kind in {*kinds, *home.__mro__} if issubclass(kind, home) or issubclass(home, kind)
        ]
        for name, entry in members(home):
            above = [function_of(vars(kind)[name]) for kind in home.__mro__ if name in vars(kind)]
            docs = [doc_of(function) for function in above if function is not None]
            if second := SECOND_NAME.search(docs[0]):
                docs.append(doc_of(function_of(inspect.getattr_static(home, second[1]))))
            found[f"{home.__name__}.{name}"] = Entry(
                entry, docs, [doc_of(kind) for kind in related if is_ours(kind)]
            )
    return found


def sections(name):
    """Return the sections of a docstring by their headings."""
    found = {}
    for doc in reversed(entries()[name].docs):
        pieces = HEADING.split(doc)
        found |= dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return found


def documented(section):
    """Return the names that a section defines, stars left out."""
    heads = re.findall(r"^(\*{0,2}\w[^:\n]*)(?: :.*)?$", section, re.MULTILINE)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(name):
    """Return the parameters of a function, a method or a class; none of a property."""
    value = entries()[name].value
    if isinstance(value, property | functools.cached_property):
        return []
    found = inspect.signature(function_of(value) or value).parameters
    return [name for name in found if not name.startswith("_") and name not in ("self", "cls")]


def cannot_raise(value):
    """Return whether a class only holds what it is given."""
    plain = dataclasses.is_dataclass(value) and value.__dataclass_params__.init
    return (plain and not hasattr(value, "__post_init__")) or hasattr(value, "_fields")


def examples(text):
    return "\n".join(line for line in text.splitlines() if line.lstrip().startswith((">>> ", "... ")))


def test_every_public_name_has_a_docstring():
    assert not [name for name, entry in entries().items() if not entry.docs[0]]


def test_parameters_are_those_of_the_signature():
    wrong = []
    for name, entry in entries().items():
        said, wanted = documented(sections(name).get("Parameters", "")), parameters(name)
        if inspect.isclass(entry.value) and not said:  # a value, whose fields are attributes
            fields = documented(sections(name).get("Attributes", ""))
            said = wanted if name in MADE_ELSEWHERE else [p for p in wanted if p in fields]
        if sorted(said) != sorted(wanted):
            wrong.append(f"{name}: takes {wanted}, documents {said}")
    assert not wrong


def test_what_is_returned_is_said():
    def returns(name):
        value = entries()[name].value
        if inspect.isclass(value) or not parameters(name):
            return False  # the first sentence and the annotation say it
        return inspect.signature(function_of(value) or value).return_annotation not in (None, "None")

    assert not [n for n in entries() if returns(n) and not {"Returns", "Yields"} & {*sections(n)}]


def test_what_is_raised_is_said():
    able = [n for n, entry in entries().items() if parameters(n) and not cannot_raise(entry.value)]
    assert not [name for name in able if "Raises" not in sections(name) and name not in MADE_ELSEWHERE]


def test_every_name_has_an_example_of_its_own_or_in_its_class():
    def is_shown(name):
        entry = entries()[name]
        second = SECOND_NAME.search(entry.docs[0])
        used = re.compile(rf"\.{second[1] if second else name.rpartition('.')[2]}\b")
        return any(map(examples, entry.docs)) or any(used.search(examples(doc)) for doc in entry.classes)

    assert not [name for name in entries() if not is_shown(name)]


def names_used(source):
    """Return the names that a program reads and does not make or import."""
    read, made = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=context):
                (read if isinstance(context, ast.Load) else made).add(name)
            case ast.Import() | ast.ImportFrom():
                made |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                made.add(name)
    return read - made


def test_examples_import_what_they_use():
    """They run where they are copied to, not only in the module that they stand in."""
    assert names_used("import a.b as c\nd = [e for e in c]\ndef f(g): return g(d, h)") == {"h"}
    parsed = {name: doctest.DocTestParser().get_examples(entry.docs[0]) for name, entry in entries().items()}
    used = {name: names_used("".join(e.source for e in found)) for name, found in parsed.items()}
    assert {name: names for name, names in used.items() if names and name not in NOT_RUN} == {}


def skipped():
    """Return the names whose examples are left out of the usual run, since they need an optional library."""
    return sorted(n for n, e in entries().items() if "doctest: +SKIP" in e.docs[0] and n not in NOT_RUN)


@pytest.mark.parametrize("name", skipped())
def test_examples_that_need_an_optional_library_run(name):
    pytest.importorskip("torch", reason="examples of models need PyTorch")
    if (library := LIBRARIES.get(name)) is not None:
        pytest.importorskip(library, reason=f"the example needs {library}")
    value = entries()[name].value
    home = importlib.import_module((function_of(value) or value).__module__)
    text = entries()[name].docs[0].replace("  # doctest: +SKIP", "")
    test = doctest.DocTestParser().get_doctest(text, dict(vars(home)), name, None, None)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


@pytest.mark.parametrize("kind", [em.LatticeDistribution, em.ProductDistribution, em.UnivariateDistribution])
def test_the_help_of_an_override_has_the_sections_of_what_it_overrides(kind):
    wanted = "Parameters", "Returns", "Raises", "Examples"
    for name in ("pmf", "logsf", "ppf", "rvs", "window", "cumulants"):
        doc = inspect.getdoc(getattr(kind, name))
        assert [doc.count(f"\n{section}\n---") for section in wanted] == [1, 1, 1, 1]
