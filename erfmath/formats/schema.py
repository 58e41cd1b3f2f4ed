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

SCHEMAS = ("network",)

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
_SOME_NODE: dict[str, Any] = {
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

    Raises
    ------
    ValueError
        If there is no schema of that name.

    Examples
    --------
    >>> json_schema("network")["$defs"]["Upsample"]["required"]
    ['factor']
    """
    return copy.deepcopy(_schema(as_choice(of, "of", SCHEMAS)))


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def fault_of_layer(name: str, arguments: dict[Any, Any], path: str) -> str | None:
    """Return what is wrong with the arguments of a layer type, None where nothing is.

    Layers inside it are looked at as objects only: they are for the next call.
    """
    layer = _schema("network")["$defs"][name]
    known = [key for key in layer["properties"] if key not in ("type", "version")]
    if extra := [key for key in arguments if key not in known]:
        takes = f"takes {', '.join(known)}" if known else "takes none"
        return f"{join(path, extra[0])} is not an argument of {name}, which {takes}"
    return next(_faults(arguments, layer, path, "a network"), None)


def join(path: str, key: Any) -> str:
    """Return the path of an entry: nodes[3].kernel."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def shown(data: Any) -> str:
    """Return data as a message shows it, cut where it is long."""
    return reprlib.repr(data)


def _faults(data: Any, schema: dict[str, Any], path: str, said: str) -> Iterator[str]:
    """Yield what is wrong with data and where, in the words of the schema's descriptions."""
    if schema.get("$ref") == "#/$defs/node":
        schema = _SOME_NODE
    elif "$ref" in schema:
        schema = _schema("network")["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    said = schema.get("description", said)
    if not _fits(data, schema):
        yield f"{path or 'data'} must be {said}, got {shown(data)}"
        return
    if isinstance(data, dict):
        yield from _faults_of_object(data, schema, path, said)
    if isinstance(data, (list, tuple)):
        first = schema.get("prefixItems", [])
        for i, entry in enumerate(data):
            part = first[i] if i < len(first) else schema.get("items", {})
            yield from _faults(entry, part, join(path, i), said)


def _faults_of_object(data: dict[Any, Any], schema: dict[str, Any], path: str, said: str) -> Iterator[str]:
    """Yield what is missing, what is too much, and what is wrong with the entries of an object."""
    properties = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in data:
            yield f"{join(path, key)} is missing"
    for key, entry in data.items():
        if key in properties:
            yield from _faults(entry, properties[key], join(path, key), said)
        elif schema.get("additionalProperties") is False:
            yield f"{join(path, key)} is not known here"


def _fits(data: Any, schema: dict[str, Any]) -> bool:
    """Whether data is what a schema asks for, entries aside."""
    return all(_RULES[word](data, value) for word, value in schema.items() if word in _RULES)


def _is(data: Any, name: str) -> bool:
    """Whether data is of a type by its name in JSON: a bool is no number, and a number is finite."""
    if isinstance(data, bool):
        return name == "boolean"
    return isinstance(data, _TYPES[name]) and not (isinstance(data, float) and not math.isfinite(data))


def _among(data: Any, parts: list[dict[str, Any]]) -> bool:
    """Whether data is what one of the schemas asks for, entries included."""
    return any(next(_faults(data, part, "", ""), None) is None for part in parts)


# The keywords that the schemas use; those on entries are in _faults.
_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda data, names: any(
        _is(data, name) for name in ([names] if isinstance(names, str) else names)
    ),
    "const": lambda data, value: type(data) is type(value) and data == value,
    "enum": lambda data, values: any(type(data) is type(value) and data == value for value in values),
    "pattern": lambda data, pattern: not isinstance(data, str) or re.search(pattern, data) is not None,
    "minLength": lambda data, least: not isinstance(data, str) or len(data) >= least,
    "minimum": lambda data, least: not _is(data, "number") or data >= least,
    "maximum": lambda data, most: not _is(data, "number") or data <= most,
    "minItems": lambda data, least: not _is(data, "array") or len(data) >= least,
    "maxItems": lambda data, most: not _is(data, "array") or len(data) <= most,
    "anyOf": _among,
}
