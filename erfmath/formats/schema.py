"""The JSON Schemas of what is written, and what is wrong with data by them, and where."""

from __future__ import annotations

import copy
import functools
import json
import math
import re
import reprlib
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

from .._checks import as_choice

Schema = dict[str, Any]
Path = tuple[str | int, ...]
Test = Callable[[Any], bool]

SCHEMAS = ("network", "analysis")

# By the names of JSON Schema.
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list, tuple),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


# A network within another, whose own arguments are looked at in their turn.
_SOME_NODE: Schema = {
    "description": "a network",
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"description": "that of a network", "pattern": "^(?!(Kernel|array|str)$)"}},
}


def json_schema(of: str = "network") -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of networks, or of analyses, as they are written.

    A layer type of your own, see :func:`erfmath.register_layer`, is in neither.

    Parameters
    ----------
    of
        "network" for what :func:`erfmath.network_to_json` writes, "analysis" for ``erfmath analyze --json``.

    Returns
    -------
    dict
        A copy, which you may change.

    Raises
    ------
    ValueError
        If there is no schema of that name.

    Examples
    --------
    >>> from erfmath import json_schema
    >>> json_schema("network")["$defs"]["Upsample"]["required"]
    ['factor']
    """
    schema = copy.deepcopy(_schema(as_choice(of, "of", SCHEMAS)))
    if of == "analysis":  # whose network refers to the other schema, which goes with it
        schema["$defs"]["network"] = copy.deepcopy(_schema("network"))
    return schema


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def fault_of_layer(name: str, arguments: dict[Any, Any], path: Path) -> str | None:
    """Return what is wrong with the arguments of a layer type, None where nothing is.

    Layers inside it are looked at as objects only: they are for the next call.
    """
    ref = f"#/$defs/{name}"
    if _test_of(ref)(arguments):
        return None
    known = [key for key in _resolved({"$ref": ref})["properties"] if key not in ("type", "version")]
    if extra := [key for key in arguments if key not in known]:
        takes = f"takes {', '.join(known)}" if known else "takes none"
        return f"{at(path, extra[0])} is not an argument of {name}, which {takes}"
    return _fault(arguments, {"$ref": ref}, path, "a network")


def at(path: Path, *keys: Any) -> str:
    """Return a place as a message shows it, "" for the outermost object.

    >>> at(("nodes", 3), "kernel")
    'nodes[3].kernel'
    """
    steps = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in (*path, *keys))
    return "".join(steps).removeprefix(".")


def shown(data: Any) -> str:
    """Return data as a message shows it, cut where it is long."""
    return reprlib.repr(data)


def _fault(data: Any, schema: Schema, path: Path, said: str) -> str:
    """Return what is wrong with data, which is not valid, and where, in the words of the descriptions."""
    schema = _resolved(schema)
    said = schema.get("description", said)
    own = {word: value for word, value in schema.items() if word not in _ON_ENTRIES}
    missing = [key for key in schema.get("required", ()) if isinstance(data, dict) and key not in data]
    if not _test(own)(data):
        return f"{at(path) or 'data'} must be {said}, got {shown(data)}"
    if missing:
        return f"{at(path, missing[0])} is missing"
    for key, entry, part in _entries(data, schema):
        if not _test(part)(entry):
            return _fault(entry, part, (*path, key), said)
    extra = next(key for key in data if key not in schema["properties"])
    return f"{at(path, extra)} is not known here"


def _entries(data: Any, schema: Schema) -> Iterator[tuple[Any, Any, Schema]]:
    """Yield the key of each entry that a schema says something about, the entry, and what it says."""
    if isinstance(data, dict):
        properties = schema.get("properties", {})
        yield from ((key, entry, properties[key]) for key, entry in data.items() if key in properties)
    if isinstance(data, (list, tuple)):
        first = schema.get("prefixItems", [])
        for i, entry in enumerate(data):
            yield i, entry, first[i] if i < len(first) else schema.get("items", {})


def _resolved(schema: Schema) -> Schema:
    """Return what a reference stands for; a network within another is looked at in its turn."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    found: Schema = _SOME_NODE if name == "node" else _schema("network")["$defs"][name]
    return found


@functools.cache
def _test_of(ref: str) -> Test:
    return _test(_resolved({"$ref": ref}))


def _test(schema: Schema) -> Test:
    """Return whether data is valid, as a function of data."""
    if "$ref" in schema:
        return lambda data: _test_of(schema["$ref"])(data)
    tests = [_RULES[word](value, schema) for word, value in schema.items() if word in _RULES]

    def is_valid(data: Any) -> bool:
        return all(test(data) for test in tests)

    return is_valid


def _typed(names: str | list[str]) -> Test:
    """Return whether data is of a type: a bool is no number, and a number is finite."""
    types = tuple(t for name in ([names] if isinstance(names, str) else names) for t in _TYPES[name])
    return lambda data: (
        isinstance(data, types)
        and (type(data) is not bool or bool in types)
        and (type(data) is not float or math.isfinite(data))
    )


def _number(data: Any) -> bool:
    return isinstance(data, (int, float)) and not isinstance(data, bool)


def _first_of(parts: list[Schema]) -> Test:
    """Return whether the first entries of an array are valid."""
    tests = [_test(part) for part in parts]
    return lambda data: (
        not isinstance(data, (list, tuple))
        or all(test(entry) for test, entry in zip(tests, data, strict=False))
    )


def _rest_of(part: Schema, first: int) -> Test:
    """Return whether the entries of an array behind the first are valid."""
    test = _test(part)
    return lambda data: not isinstance(data, (list, tuple)) or all(map(test, data[first:]))


def _object_of(parts: dict[str, Schema]) -> Test:
    """Return whether the entries of an object are valid."""
    tests = {key: _test(part) for key, part in parts.items()}
    return lambda data: (
        not isinstance(data, dict) or all(tests[key](entry) for key, entry in data.items() if key in tests)
    )


def _any(tests: list[Test]) -> Test:
    return lambda data: any(test(data) for test in tests)


def _alike(values: list[Any]) -> Test:
    return lambda data: any(type(data) is type(value) and data == value for value in values)


# The keywords that the schemas use.
_RULES: dict[str, Callable[[Any, Schema], Test]] = {
    "type": lambda names, _: _typed(names),
    "const": lambda value, _: _alike([value]),
    "enum": lambda values, _: _alike(values),
    "pattern": lambda text, _: lambda data: not isinstance(data, str) or re.search(text, data) is not None,
    "minLength": lambda least, _: lambda data: not isinstance(data, str) or len(data) >= least,
    "minimum": lambda least, _: lambda data: not _number(data) or data >= least,
    "maximum": lambda most, _: lambda data: not _number(data) or data <= most,
    "minItems": lambda least, _: lambda data: not isinstance(data, (list, tuple)) or len(data) >= least,
    "maxItems": lambda most, _: lambda data: not isinstance(data, (list, tuple)) or len(data) <= most,
    "anyOf": lambda parts, _: _any([_test(part) for part in parts]),
    "required": lambda keys, _: lambda data: not isinstance(data, dict) or all(key in data for key in keys),
    "properties": lambda parts, _: _object_of(parts),
    "additionalProperties": lambda _, schema: (
        lambda data: not isinstance(data, dict) or data.keys() <= schema["properties"].keys()
    ),
    "prefixItems": lambda parts, _: _first_of(parts),
    "items": lambda part, schema: _rest_of(part, len(schema.get("prefixItems", ()))),
}
_ON_ENTRIES = ("required", "properties", "additionalProperties", "prefixItems", "items")
