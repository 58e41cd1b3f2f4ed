"""What runs of a measurement add up to, in parts that can be made anywhere, added, kept and gone on with."""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import require_file
from .._files import checked_path, write_beside
from ..core.scaled import Floats
from ..formats.json_format import network_from_json, network_to_json
from ..network.algebra import Node
from .sums import ExactSum

_FORMAT = "erfmath.measurement"
_VERSION = 1
ENDINGS = (".npz",)


@dataclass(frozen=True)
class Subject:
    """What is measured: parts of different subjects do not add.

    Attributes
    ----------
    net
        The network as text, None for a module; see :func:`text_of`.
    init, profile, channels, normalised
        As given to :func:`erfmath.measure`.
    unit, input_size
        As found.
    module
        What tells modules apart; see :func:`mark_of`.
    """

    net: str | None
    init: str | None
    profile: str
    channels: int | None
    normalised: bool
    unit: tuple[int, ...]
    input_size: tuple[int, ...]
    module: str | None = None

    @property
    def given_init(self) -> str | Fraction | None:
        """The initialisation as it was given: its name, or the number that it is."""
        if self.init is None or self.init.isalpha():
            return self.init
        return Fraction(self.init)

    def require_same(self, other: Subject) -> None:
        """Raise where another subject differs, and say in what."""
        for name in self.__dataclass_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(
                    f"measurements add where they are of the same, and their {name} differ: {mine!r:.60} and "
                    f"{theirs!r:.60}"
                )


@dataclass(frozen=True, eq=False)
class Record:
    """The sums over runs: equal for the same runs, whatever their order and in however many parts they came.

    Attributes
    ----------
    subject
        What was measured.
    total, squares
        The sums of the maps, and of their squares.
    seeds
        Of each part, ascending.
    runs
        Of each part.
    moments
        Sums of 1, x and x^2 under each run's map, (runs, 1 + 2 axes), part by part.
    """

    subject: Subject
    total: ExactSum
    squares: ExactSum
    seeds: tuple[int, ...]
    runs: tuple[int, ...]
    moments: Floats

    @classmethod
    def added(cls, records: Sequence[Record]) -> Record:
        """Return the record of the runs of several.

        Raises
        ------
        ValueError
            If they are of different subjects, or share a seed.
        """
        first = records[0]
        parts: dict[int, tuple[int, Floats]] = {}
        for record in records:
            first.subject.require_same(record.subject)
            if shared := parts.keys() & set(record.seeds):
                raise ValueError(
                    f"measurements must be of different runs, and both have the seed {min(shared)}; "
                    "give rng= another seed"
                )
            parts |= record._parts()
        seeds = tuple(sorted(parts))
        runs, moments = zip(*(parts[seed] for seed in seeds), strict=True)
        total, squares = (
            functools.reduce(ExactSum.merged, sums)
            for sums in ((record.total for record in records), (record.squares for record in records))
        )
        return cls(first.subject, total, squares, seeds, runs, np.concatenate(moments))

    def _parts(self) -> dict[int, tuple[int, Floats]]:
        """Return the number of runs and the moments of each part by its seed."""
        moments = np.split(self.moments, np.cumsum(self.runs)[:-1])
        return dict(zip(self.seeds, zip(self.runs, moments, strict=True), strict=True))

    def save(self, path: Any) -> None:
        """Write the record as one npz file."""
        head = {_FORMAT: _VERSION, **vars(self.subject), "seeds": self.seeds, "runs": self.runs}
        arrays = {"total": self.total.parts, "squares": self.squares.parts, "moments": self.moments}
        file = io.BytesIO()
        np.savez_compressed(file, head=np.array(json.dumps(head)), allow_pickle=False, **arrays)
        write_beside(checked_path(path, ENDINGS), lambda beside: beside.write_bytes(file.getvalue()))


def text_of(net: Node) -> str:
    """Return a network as JSON; with layers of unregistered types as an expression, for reading only."""
    try:
        return network_to_json(net)
    except TypeError:
        return net.expression


def mark_of(module: Any) -> str:
    """Return a module's type and a hash of its parameters' names and shapes; their values may be drawn."""
    shapes = [(name, *values.shape) for name, values in module.named_parameters()]
    return f"{type(module).__qualname__} {hashlib.sha256(repr(shapes).encode()).hexdigest()[:12]}"


def network_of(text: str) -> Node:
    """Return the network of a text."""
    try:
        return network_from_json(text)
    except ValueError as error:
        raise ValueError(f"the network that was measured cannot be made again: {error}") from None


def load_record(path: Any) -> Record:
    """Return the record in a file.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or the file holds something else.
    """
    source = checked_path(path, ENDINGS)
    require_file(source)
    try:
        with np.load(source, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = [file[name] for name in ("total", "squares", "moments")]
    except Exception:  # of a broken archive numpy and zipfile raise many kinds
        raise ValueError(f"{str(path)!r} is no file of a measurement, or not whole") from None
    if (version := head.pop(_FORMAT, None)) != _VERSION:
        raise ValueError(
            f"{str(path)!r} is a measurement of another version of erfmath: in version {version!r} of the "
            f"format, where this one knows version {_VERSION}"
        )
    seeds, runs = tuple(head.pop("seeds")), tuple(head.pop("runs"))
    for name in ("unit", "input_size"):
        head[name] = tuple(head[name])
    return Record(Subject(**head), ExactSum(arrays[0]), ExactSum(arrays[1]), seeds, runs, arrays[2])
