"""Networks as JSON, for files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ..network.algebra import Node
from ..network.layers import Convolution
from ..polynomials.kernel import Kernel


def network_to_json(net: Node, indent: int | None = None) -> str:
    """Return a network as JSON text, from which :func:`network_from_json` rebuilds an equal one.

    A node, and a Kernel, is an object of its "type" and the arguments of its constructor, left out where
    they are at their defaults; a Fraction is a string "1/3", and uniform taps are their size, "3x3".

    Parameters
    ----------
    net
        A network, layers of your own included.
    indent
        Spaces of indentation; None for one line.

    Examples
    --------
    >>> from erfmath import Conv, Residual
    >>> print(network_to_json(Residual(Conv(3, padding=1)) >> Conv([1, 2, 1])))
    {"type": "Series", "nodes": [{"type": "Residual", "branch": {"type": "Conv", "kernel": "3",
     "padding": [[1, 1]]}}, {"type": "Conv", "kernel": {"type": "Kernel", "weights": [1, 2, 1]}}]}
    """
    if not isinstance(net, Node):
        raise TypeError(f"net must be a network such as Conv(3), got {net!r} of type {type(net).__name__}")
    import json

    try:
        return json.dumps(_plain(net), indent=indent)
    except RecursionError:
        raise ValueError("the network is nested too deeply for JSON; write it as a Graph") from None


def network_from_json(data: Any) -> Node:
    """Return the network of JSON text, or of what ``json.loads`` made of it.

    Raises
    ------
    ValueError
        If the text is no JSON, or describes no network: the message names what is wrong.

    Examples
    --------
    >>> network_from_json('{"type": "Conv", "kernel": "3x3", "stride": 2}')
    Conv((3, 3), stride=2)
    """
    import json

    try:
        value = _value(json.loads(data) if isinstance(data, (str, bytes)) else data)
    except json.JSONDecodeError as error:
        raise ValueError(f"the text is no JSON: {error}") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if not isinstance(value, Node):
        raise ValueError(
            f'a network is an object such as {{"type": "Conv", "kernel": "3"}}, got {data!r:.60}'
        )
    return value


def _plain(value: Any) -> Any:
    """Return a value as what JSON has."""
    if isinstance(value, (Node, Kernel)):
        return {"type": type(value).__name__, **_arguments(value)}
    if isinstance(value, Fraction):
        return str(value) if value.denominator > 1 else value.numerator
    if isinstance(value, str) and re.fullmatch(_FRACTION, value):
        return {"type": "str", "value": value}  # a name that could be taken for a Fraction
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"JSON has nothing for {value!r} of type {type(value).__name__}")


def _arguments(value: Node | Kernel) -> dict[str, Any]:
    """Return the arguments of a node or a kernel by name, without those at their defaults."""
    import inspect

    names = list(inspect.signature(type(value)).parameters)
    given = dict(zip(names, value.args, strict=True))
    for name in names[1:]:  # whether one can be left out is for the constructor to say
        rest = {key: entry for key, entry in given.items() if key != name}
        try:
            given = rest if type(value)(**rest) == value else given
        except (TypeError, ValueError):
            continue
    plain = {name: _plain(entry) for name, entry in given.items()}
    if isinstance(value, Convolution) and not value.is_given:
        plain["kernel"] = "x".join(map(str, value.kernel.shape))
    return plain


_FRACTION = r"-?[0-9]+/[0-9]+"


def _value(data: Any) -> Any:
    """Return what JSON data stand for."""
    if isinstance(data, list):
        return tuple(map(_value, data))
    if isinstance(data, str) and re.fullmatch(_FRACTION, data):
        try:
            return Fraction(data)
        except ZeroDivisionError:
            raise ValueError(f"{data!r} divides by zero") from None
    return _object(data) if isinstance(data, dict) else data


def _object(data: dict[str, Any]) -> Any:
    """Return a node or a kernel from its type and arguments."""
    name = data.get("type")
    if name == "str":
        return str(data.get("value"))
    build = _type(name)
    arguments = {key: _value(entry) for key, entry in data.items() if key != "type"}
    if isinstance(size := arguments.get("kernel"), str):
        if not re.fullmatch(r"[0-9]{1,15}(x[0-9]{1,15})*", size):
            raise ValueError(f'"kernel" must be a size such as "3x3", or a Kernel, got {size!r}')
        arguments["kernel"] = tuple(map(int, size.split("x")))
    try:
        return build(**arguments)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from None


def _type(name: object) -> Any:
    """Return the class of a name, or raise with the nearest."""
    types: dict[str, Any] = {cls.__name__: cls for cls in _subclasses(Node)} | {"Kernel": Kernel}
    if isinstance(name, str) and name in types:
        return types[name]
    import difflib

    near = difflib.get_close_matches(str(name), types, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(types))}"
    raise ValueError(f'"type" must name a layer, got {name!r}; {hint}')


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
