"""The types of layers that JSON knows, by name."""

from __future__ import annotations

import difflib
import inspect
from typing import TypeVar

from ..network.algebra import Identity, Node, Power, Series, Sum
from ..network.blocks import Blocks
from ..network.branches import Concat, Residual
from ..network.channels import Channels, Energies, Rearranged, Scaled, Weighted
from ..network.graph import Graph
from ..network.layers import (
    Activation,
    Conv,
    ConvTranspose,
    Dropout,
    GlobalContext,
    GlobalPool,
    Normalization,
    Pool,
    Upsample,
)
from ..network.moves import Pad, Slice
from ..network.resize import Resize

# Those of the package: network.schema.json says what each looks like.
BUILT_IN: dict[str, type[Node]] = {
    cls.__name__: cls
    for cls in (
        *(Activation, Blocks, Channels, Concat, Conv, ConvTranspose, Dropout, Energies, Graph, Identity),
        *(
            GlobalContext,
            GlobalPool,
            Normalization,
            Pad,
            Pool,
            Power,
            Rearranged,
            Residual,
            Resize,
            Scaled,
            Series,
            Slice,
            Sum,
        ),
        *(Upsample, Weighted),
    )
}
# The types of JSON objects that are no networks.
RESERVED = ("Kernel", "array", "str")

Layer = TypeVar("Layer", bound=type[Node])

_OWN: dict[str, type[Node]] = {}  # by users


def register_layer(cls: Layer) -> Layer:
    """Let JSON write and read a layer type of your own, by the name of its class.

    A decorator of the class, beside ``erfmath.lower.register`` for what the layer means. The arguments of the
    constructor are written: numbers, names, bools, None, networks, kernels, arrays of floats, and sequences
    of these. A program that reads the file has to register the class as well.

    Raises
    ------
    TypeError
        If the class is no layer type.
    ValueError
        If another layer type has the name, or an argument is called "type" or "version".

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import erfmath as em
    >>> @em.register_layer
    ... @dataclass(frozen=True)
    ... class Blur(em.Node):
    ...     times: int
    >>> @em.lower.register
    ... def _(node: Blur) -> em.Node:
    ...     return em.Conv([1, 2, 1], padding=1) ** node.times
    >>> em.network_to_json(Blur(2))
    '{"version": 1, "type": "Blur", "times": 2}'
    >>> em.network_from_json('{"version": 1, "type": "Blur", "times": 2}')
    Blur(times=2)
    """
    if not (isinstance(cls, type) and issubclass(cls, Node)):
        raise TypeError(f"register_layer takes a class derived from erfmath.Node, got {cls!r}")
    name = cls.__name__
    if taken := {"type", "version"} & set(inspect.signature(cls).parameters):
        raise ValueError(f"{name} must not have an argument called {taken.pop()!r}, which JSON needs itself")
    if name in RESERVED:
        raise ValueError(f"a layer type cannot be called {name!r}, which JSON needs itself")
    known = BUILT_IN.get(name) or _OWN.get(name, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):  # not a second try of it
        raise ValueError(
            f"a layer type of {known.__module__} is called {name!r} already; give yours another name"
        )
    _OWN[name] = cls
    return cls


def is_registered(cls: type[Node]) -> bool:
    """Whether JSON can name a type."""
    return cls in (BUILT_IN.get(cls.__name__), _OWN.get(cls.__name__))


def find_type(name: object) -> type[Node] | str:
    """Return the type of a name; what to say where there is none."""
    if isinstance(name, str) and (found := BUILT_IN.get(name) or _OWN.get(name)):
        return found
    near = difflib.get_close_matches(str(name), [*BUILT_IN, *_OWN], n=1)
    own = "register a type of your own with erfmath.register_layer"
    return f"did you mean {near[0]!r}?" if near else own
