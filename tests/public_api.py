"""The public API as text: `python tests/public_api.py` writes it to public_api.txt, which a test compares."""

import argparse
import dataclasses
import functools
import importlib
import inspect
import sys
from pathlib import Path

import erfmath as em
from erfmath import cli

RECORD = Path(__file__).with_name("public_api.txt")
HEAD = """\
# What users may rely on. After a deliberate change run `python tests/public_api.py` and add a line to
# CHANGELOG.md; where something that was released goes, CONTRIBUTING.md says how.
"""
MODULES = ("erfmath.zoo", "erfmath.plotting", "erfmath.strategies")
ARITHMETIC = "add radd sub rsub mul rmul matmul pow neg rshift lshift lt int float array"
CONTAINERS = "call len iter contains getitem enter exit"
OPERATORS = frozenset(f"__{word}__" for word in f"{ARITHMETIC} {CONTAINERS}".split())


def public_api():
    """Return every public name with what can be done with it, a line each, whatever Python runs this."""
    lines = [HEAD.rstrip()]
    for name in em.__all__:
        lines += ["", *described(f"erfmath.{name}", getattr(em, name))]
    for module in map(importlib.import_module, MODULES):
        for name in sorted(module.__all__):
            lines += ["", *described(f"{module.__name__}.{name}", getattr(module, name))]
    return "\n".join([*lines, "", *commands(), ""])


def described(name, value):
    if inspect.isclass(value):
        bases = [base.__name__ for base in value.__mro__[1:] if base.__name__ in em.__all__]
        yield f"class {name}{signature(value)}{' is a ' + ', '.join(bases) if bases else ''}"
        yield from (f"    {line}" for line in members(value))
    elif callable(value):
        yield f"def {name}{signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def members(cls):
    """Yield what a class has that no public base of it has already."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("erfmath") and is_home(base, cls)]
    found = {}
    for base in reversed(own):
        if dataclasses.is_dataclass(base):
            fields = dataclasses.fields(base)
            found |= {entry.name: f"{entry.name}: {shown(entry.type)}" for entry in fields}
        for name, value in vars(base).items():
            if name in OPERATORS or not (name.startswith("_") or is_field(base, name)):
                found[name] = member(name, value)
    return [found[name] for name in sorted(found) if name in OPERATORS or not name.startswith("_")]


def is_home(base, cls):
    public = [kind for kind in cls.__mro__[1:] if kind.__name__ in em.__all__]
    return not any(issubclass(kind, base) for kind in public)


def is_field(cls, name):
    return dataclasses.is_dataclass(cls) and name in {entry.name for entry in dataclasses.fields(cls)}


def member(name, value):
    kind = next((word for word, type_ in KINDS.items() if isinstance(value, type_)), "")
    inner = value.__func__ if kind in ("classmethod", "staticmethod") else value
    if kind == "property":
        getter = value.fget if isinstance(value, property) else value.func
        return f"{name}: {shown(inspect.signature(getter).return_annotation)}"
    return (
        f"{kind} {name}{signature(inner)}".lstrip() if callable(inner) else f"{name}: {type(value).__name__}"
    )


KINDS = {
    "classmethod": classmethod,
    "staticmethod": staticmethod,
    "property": (property, functools.cached_property),
}


def signature(function):
    """Return a signature with its annotations as they are written."""
    found = inspect.signature(function)
    parts, is_open = [], True
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and is_open:
            parts.append("*")
        is_open &= parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        parts.append(argument(parameter))
        if parameter.kind is parameter.POSITIONAL_ONLY:
            parts.append("/")
    result = found.return_annotation
    arrow = "" if result is found.empty or inspect.isclass(function) else f" -> {shown(result)}"
    return f"({', '.join(parts)}){arrow}"


def argument(parameter):
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    kind = "" if parameter.annotation is parameter.empty else f": {shown(parameter.annotation)}"
    default = parameter.default
    given = (
        "" if default is parameter.empty else f" = {getattr(default, '__qualname__', None) or repr(default)}"
    )
    return f"{stars}{parameter.name}{kind}{given}"


def shown(annotation):
    annotation = getattr(annotation, "__forward_arg__", annotation)  # of named tuples, before Python 3.14
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def commands():
    """Yield the arguments of each command."""
    parser = cli.parser_of_all()
    choices = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    for name, command in sorted(choices.items()):
        given = [a for a in command._actions if not isinstance(a, argparse._HelpAction)]
        words = [a.metavar or a.dest for a in given if not a.option_strings]
        options = sorted(option for a in given for option in a.option_strings)
        yield f"$ erfmath {' '.join([name, *words, *options])}"


if __name__ == "__main__":
    RECORD.write_text(public_api(), encoding="utf-8")
    sys.stdout.write(f"wrote {RECORD}\n")
