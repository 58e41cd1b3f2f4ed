"""Networks as JSON, for files.

A network is an object of its "type" and the arguments of its constructor by name, left out where they are at
their defaults; the outermost has the version of the format, 1, as well, which any may have. Of the arguments,

- ints and floats are numbers; a float is written with as many digits as give it back exactly;
- a fraction is a string, ``"1/3"``;
- the number of taps of a convolution with unknown weights is a string, ``"3x3"``; given weights are an object
  ``{"type": "Kernel", "weights": [1, 2, 1]}``;
- an array of floats is an object of its dtype, its shape and its bytes (little-endian, in C order) in base64;
- a name that could be taken for a fraction is ``{"type": "str", "value": "1/2"}``.

Infinity and nan appear nowhere. :func:`erfmath.json_schema` has all of it; erfmath 0.1 wrote the same without
the version.
"""

from __future__ import annotations

import base64
import binascii
import functools
import inspect
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from .._checks import as_count
from ..network.algebra import Node
from ..network.layers import Convolution
from ..polynomials.kernel import Kernel
from .registry import BUILT_IN, find_type, is_registered
from .schema import Path, at, fault_of_layer, shown

Made = TypeVar("Made")

VERSION = 1

_FRACTION = re.compile(r"-?[0-9]+/[0-9]+")
_MOST_BITS = 14_000  # of an int: Python reads and writes up to 4300 digits
_DTYPES = ("float16", "float32", "float64")
_EXAMPLE = '{"type": "Conv", "kernel": "3"}'


def network_to_json(net: Node, indent: int | None = None) -> str:
    """Return a network as JSON text, from which :func:`network_from_json` rebuilds an equal one.

    Weights are written exactly. The module ``erfmath.formats.json_format`` describes the format, and
    :func:`erfmath.json_schema` is its schema.

    Parameters
    ----------
    net
        A network; one of a model file is written as its layers. A layer type of your own has to be known to
        :func:`erfmath.register_layer`.
    indent
        Spaces of indentation; None for one line.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `net` is no network, or has a layer of a type that is not registered.
    ValueError
        If the network is nested too deeply, or an int is longer than 4,200 digits.

    Examples
    --------
    >>> from erfmath import Conv, Residual, network_to_json
    >>> print(network_to_json(Residual(Conv(3, padding=1)) >> Conv([1, 2, 1])))
    {"version": 1, "type": "Series", "nodes": [{"type": "Residual", "branch": {"type": "Conv", "kernel": "3",
     "padding": [[1, 1]]}}, {"type": "Conv", "kernel": {"type": "Kernel", "weights": [1, 2, 1]}}]}
    """
    if not isinstance(net, Node):
        raise TypeError(f"net must be a network such as Conv(3), got {net!r} of type {type(net).__name__}")
    spaces = None if indent is None else as_count(indent, "indent")
    try:
        return json.dumps({"version": VERSION, **_plain(net)}, indent=spaces)
    except RecursionError:
        raise ValueError("the network is nested too deeply for JSON; write it as a Graph") from None


def network_from_json(data: Any) -> Node:
    """Return the network of JSON text, or of what ``json.loads`` made of it.

    Parameters
    ----------
    data
        Text as :func:`network_to_json` writes it, or the dict that it stands for.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If the text is not JSON, is of a later version, or describes no network: the message names the place,
        such as ``nodes[3].node.stride``.

    Examples
    --------
    >>> from erfmath import network_from_json
    >>> network_from_json('{"version": 1, "type": "Conv", "kernel": "3x3", "stride": 2}')
    Conv((3, 3), stride=2)
    >>> network_from_json('{"version": 1, "type": "Conv", "kernel": "3x3", "stride": 0}')
    Traceback (most recent call last):
        ...
    ValueError: stride must be an int from 1, or a list of one per axis, got 0
    """
    try:
        document = _parsed(data) if isinstance(data, (str, bytes, bytearray)) else data
        if not isinstance(document, dict):
            raise ValueError(f"data must be a network, an object such as {_EXAMPLE}, got {shown(document)}")
        return _layer(document, ())
    except RecursionError:
        raise ValueError("data is nested too deeply") from None


class _Repeated(dict[str, Any]):
    """An object of which a key is given twice."""

    key: str


def _parsed(text: str | bytes | bytearray) -> Any:
    """Return what JSON text stands for."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except ValueError as error:  # of numbers that are too long as well
        raise ValueError(f"data is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, marked where a key comes twice: its place is known later."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    keys = [key for key, _ in pairs]
    repeated.key = next(key for key in keys if keys.count(key) > 1)
    return repeated


def _plain(value: Any) -> Any:
    """Return a value as what JSON has."""
    if isinstance(value, Node):
        node = value.unwrapped
        if not is_registered(type(node)):
            raise TypeError(
                f"{type(node).__name__} is not known to JSON; decorate the class with erfmath.register_layer"
            )
        return {"type": type(node).__name__, **_arguments(node)}
    if isinstance(value, Kernel):
        return {"type": "Kernel", **_arguments(value)}
    if isinstance(value, np.ndarray):
        return _array_as_plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, str):
        return {"type": "str", "value": value} if _FRACTION.fullmatch(value) else value
    if isinstance(value, (int, Fraction)) and not isinstance(value, bool):
        return _exact_as_plain(Fraction(value))
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise TypeError(f"JSON has nothing for {value!r} of type {type(value).__name__}")


def _exact_as_plain(value: Fraction) -> int | str:
    """Return an int as a number, and a fraction as a string."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        raise ValueError(
            "the network has an int of more than 4,200 digits, which JSON cannot hold; scale its weights"
        )
    return str(value) if value.denominator > 1 else value.numerator


def _array_as_plain(array: np.ndarray[Any, Any]) -> Any:
    """Return an array: ints as lists, floats as their bytes."""
    if array.dtype.kind in "iu":
        return array.tolist()
    if array.dtype.name not in _DTYPES:
        raise TypeError(f"JSON holds arrays of {', '.join(_DTYPES)}, got {array.dtype}; convert the weights")
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    text = base64.b64encode(data).decode("ascii")
    return {"type": "array", "dtype": array.dtype.name, "shape": list(array.shape), "data": text}


def _arguments(value: Node | Kernel) -> dict[str, Any]:
    """Return the arguments of a node or a kernel by name, without those at their defaults."""
    cls: Any = type(value)
    names = _names_of(cls)
    given = dict(zip(names, value.args, strict=True))
    for name in names[1:]:  # whether one can be left out is for the constructor to say
        rest = {key: entry for key, entry in given.items() if key != name}
        try:
            given = rest if cls(**rest) == value else given
        except (TypeError, ValueError):
            continue
    plain = {name: _plain(entry) for name, entry in given.items()}
    if isinstance(value, Convolution) and not value.is_given:
        plain["kernel"] = "x".join(map(str, value.kernel.shape))
    return plain


@functools.lru_cache(maxsize=256)
def _names_of(cls: Any) -> list[str]:
    """Return the names of a constructor's arguments; to ask for them takes as long as to write a layer."""
    return list(inspect.signature(cls).parameters)


def _layer(data: Any, path: Path) -> Node:
    """Return the layer of an object, with the place of what is wrong with it."""
    _require_once(data, path)
    version = data.get("version", VERSION)  # which erfmath 0.1 did not write
    if type(version) is not int or version != VERSION:
        what = "the file is of another version of erfmath"
        raise ValueError(f"{at(path, 'version')} must be {VERSION}, got {shown(version)}: {what}")
    if "type" not in data:
        raise ValueError(f'{at(path, "type")} is missing, which names a layer such as "Conv"')
    cls = find_type(data["type"])
    if isinstance(cls, str):
        raise ValueError(f"{at(path, 'type')} must name a layer, got {shown(data['type'])}; {cls}")
    given = {key: entry for key, entry in data.items() if key not in ("type", "version")}
    if data["type"] in BUILT_IN and (fault := fault_of_layer(data["type"], given, path)):
        raise ValueError(fault)
    arguments = dict(zip(given, _values(given.values(), path, given), strict=True))
    if issubclass(cls, Convolution) and isinstance(size := given["kernel"], str):
        arguments["kernel"] = tuple(map(int, size.split("x")))
    return _made(cls, arguments, path)


def _values(entries: Iterable[Any], path: Path, keys: Iterable[Any]) -> Iterator[Any]:
    """Return what entries stand for; as a map, which takes no room on the stack of nested networks."""
    return map(_value, entries, ((*path, key) for key in keys))


def _value(data: Any, path: Path) -> Any:
    """Return what the JSON of an argument stands for."""
    if isinstance(data, (list, tuple)):
        return tuple(_values(data, path, itertools.count()))
    if isinstance(data, str) and _FRACTION.fullmatch(data):
        return _made(_fraction, {"text": data}, path)
    if not isinstance(data, dict):
        return data
    kind = data.get("type")
    if kind not in ("str", "array", "Kernel"):
        return _layer(data, path)
    _require_once(data, path)
    if kind == "Kernel":
        given = {key: entry for key, entry in data.items() if key != "type"}
        return _made(Kernel, dict(zip(given, _values(given.values(), path, given), strict=True)), path)
    return _array(data, path) if kind == "array" else str(data.get("value"))


def _require_once(data: dict[str, Any], path: Path) -> None:
    """Raise where a key is given twice."""
    if isinstance(data, _Repeated):
        raise ValueError(f"{at(path, data.key)} is given twice")


def _fraction(text: str) -> Fraction:
    numerator, denominator = map(int, text.split("/"))
    if not denominator:
        raise ValueError(f"{text!r} divides by zero")
    return Fraction(numerator, denominator)


def _array(data: dict[str, Any], path: Path) -> Any:
    """Return an array from its bytes."""
    try:
        dtype, shape = np.dtype(_DTYPES[_DTYPES.index(data["dtype"])]), [int(side) for side in data["shape"]]
        flat = np.frombuffer(base64.b64decode(data["data"], validate=True), dtype.newbyteorder("<"))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ValueError(f"{at(path)} is not an array as erfmath writes it: {error}") from None
    if math.prod(shape) != flat.size or min(shape, default=0) < 0:
        raise ValueError(f"{at(path)}.data must hold {math.prod(shape)} numbers, got {flat.size}")
    return flat.astype(dtype).reshape(shape)


def _made(build: Callable[..., Made], arguments: dict[str, Any], path: Path) -> Made:
    """Return an object, its own complaint with its place."""
    try:
        return build(**arguments)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{at(path) or build.__name__}: {error}") from None
