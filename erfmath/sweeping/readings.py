"""What a sweep reads of each network: a function to a row, or the names of usual readings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_choice
from ..laws.effective import effective_field
from ..laws.lazy import distribution
from ..network.algebra import Node
from ..network.cost import cost
from ..network.field import receptive_field

Row = Mapping[str, Any]

RESERVED = ("key", "network", "error")


def _spread(net: Node) -> Any:
    return np.sqrt(distribution(net).var()).tolist()


def _parameters(net: Node) -> int:
    """Return the weights; an input that just fits the field is enough to count them."""
    return cost(net, receptive_field(net).size).parameters


READINGS: dict[str, Callable[[Node], Any]] = {
    "field": lambda net: receptive_field(net).size,
    "stride": lambda net: receptive_field(net).stride,
    "covered": lambda net: receptive_field(net).is_covered,
    "effective": lambda net: effective_field(net).size,
    "gradient": lambda net: effective_field(net, profile="std").size,
    "spread": _spread,
    "parameters": _parameters,
}


@dataclass(frozen=True)
class Named:
    """The readings of these names as one row."""

    names: tuple[str, ...]

    def __call__(self, net: Node) -> Row:
        """Return the readings of a network by their names."""
        return {name: READINGS[name](net) for name in self.names}

    def __str__(self) -> str:
        return ", ".join(self.names)


def as_reading(read: Any) -> Callable[[Node], Row]:
    """Return a function from a network to a row."""
    if callable(read):
        return read  # type: ignore[no-any-return]
    names = [read] if isinstance(read, str) else read
    if not isinstance(names, Sequence) or not names:
        raise TypeError(f"read must be a function of a network or names of readings, got {read!r}")
    return Named(tuple(as_choice(name, "read", tuple(READINGS)) for name in names))


def title_of(read: Callable[[Node], Row]) -> str:
    """Return what a file of rows says of its reading: two sweeps of the same title are the same."""
    if isinstance(read, Named):
        return str(read)
    inner = getattr(read, "func", read)  # of a functools.partial
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    given = f"({', '.join(_given(read))})" if inner is not read else ""
    return f"{getattr(inner, '__module__', '')}.{name}{given}"


def _given(partial: Any) -> list[str]:
    return [*map(repr, partial.args), *(f"{name}={value!r}" for name, value in partial.keywords.items())]


def line_of(row: object, **known: str) -> str:
    """Return a row as a line of JSON, after what is known of its network.

    Raises
    ------
    TypeError
        If it is no flat dictionary.
    """
    if not isinstance(row, Mapping):
        raise TypeError(f"read must return a dictionary, got {row!r:.80} of type {type(row).__name__}")
    for name in row:
        if not isinstance(name, str) or name in RESERVED:
            raise TypeError(f"read must return names other than {', '.join(RESERVED)}, got {name!r}")
    return json.dumps(known | {name: _plain(name, value) for name, value in row.items()})


def _plain(name: str, value: object) -> Any:
    """Return a value as JSON has it; nan and infinity as Python's json writes them."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(name, value.tolist())
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else str(value)
    if isinstance(value, (tuple, list)):
        return [_plain(name, entry) for entry in value]
    raise TypeError(
        f"read must return numbers, text or lists of these, got {value!r:.80} of type {type(value).__name__} "
        f"as {name!r}"
    )
