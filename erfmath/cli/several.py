"""Several networks at once: which words name them, and a row of readings for each."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..network.arguments import per_axis_values
from ..report.analysis import Analysis
from ..report.sizes import SizeRow, shown_side
from ..words import figure, per_axis_text, progress, short_count, shown_sides, table
from ..zoo import names
from .advice import ERRORS

_FILES = (".onnx", ".json")

# What a single page, picture or file is for.
_OF_ONE = ("plot", "html", "csv", "all", "measure", "verify", "depth")

Read = Callable[[str], Analysis]


def several(words: Sequence[str]) -> list[str] | None:
    """Return the networks that the words name, one by one; None where they are one network.

    Words are several networks where there are two or more and each is a name, a file, a folder or a module on
    its own; a folder stands for the models in it.

    Raises
    ------
    ValueError
        If a folder holds no model.
    """
    if not all(map(_is_whole, words)):
        return None
    if len(words) == 1 and not _is_folder(words[0]):
        return None
    return [network for word in words for network in _within(word)]


def _is_whole(word: str) -> bool:
    is_module = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", word) is not None
    return is_module or word.endswith(_FILES) or word in names() or _is_folder(word)


def _is_folder(word: str) -> bool:
    return bool(word.strip()) and word not in names() and Path(word).is_dir()


def _within(word: str) -> Iterator[str]:
    """Yield a network, or the models in a folder, by name."""
    if not _is_folder(word):
        yield word
        return
    found = sorted(str(path) for path in Path(word).iterdir() if path.suffix in _FILES)
    if not found:
        raise ValueError(f"{word} holds no model: no file ends in {' or '.join(_FILES)}")
    yield from found


def rows_of(networks: Sequence[str], read: Read, arguments: argparse.Namespace) -> str:
    """Return a table, or JSON, with a row for each network; what cannot be read has its reason.

    Raises
    ------
    ValueError
        If an option is for one network, or none can be read.
    """
    for name in _OF_ONE:
        if getattr(arguments, name, None):
            raise ValueError(f"--{name} is for one network, got {len(networks)}")
    found = [(name, _read(name, read)) for name in progress(networks, "network", len(networks), 1.0)]
    if all(isinstance(one, Exception) for _, one in found):
        raise ValueError(f"none of {len(found)} networks can be read; {found[0][0]}: {_reason(found[0][1])}")
    if arguments.json:
        return json.dumps([_as_dict(name, one) for name, one in found], indent=2)
    return _table(found)


def _read(name: str, read: Read) -> Analysis | Exception:
    try:
        return read(name)
    except ERRORS as error:
        return error


def _reason(error: Any) -> str:
    return " ".join(str(error).split()) or "not enough memory"


def _as_dict(name: str, one: Analysis | Exception) -> dict[str, Any]:
    return {"name": name, "error": _reason(one)} if isinstance(one, Exception) else one.to_dict()


def _table(found: Iterable[tuple[str, Analysis | Exception]]) -> str:
    headers = ["network", "input", "field", "stride", "mean weights", "gradient", "weights", "MACs"]
    cells, below = [], []
    for name, one in found:
        if isinstance(one, Exception):
            cells.append([name, *["-"] * 7])
            below.append(f"{name}: {_reason(one)}")
        else:
            cells.append([name, *_cells(one)])
            below += [
                f"{name}: {row.meaning}, {row.why}" for row in _sizes(one).values() if row.field is None
            ]
    told = "mean weights: side of what they pass\ngradient: side of its magnitude at initialisation"
    return "\n\n".join([table(headers, cells, left=1), told, *(["\n".join(below)] if below else [])])


def _cells(found: Analysis) -> list[str]:
    sides, spent = _sizes(found), found.cost
    return [
        "-" if found.input_size is None else per_axis_text(found.input_size),
        shown_sides(per_axis_values(found.field.size)) + _length(found, per_axis_values(found.field.size)),
        per_axis_text(per_axis_values(found.field.stride)),
        *(_side(found, sides.get(profile)) for profile in ("mean", "std")),
        *(["-", "-"] if spent is None else [short_count(spent.parameters), short_count(spent.macs)]),
    ]


def _sizes(found: Analysis) -> dict[str, SizeRow]:
    """Return the effective field by each profile that has a column, of the first definition."""
    rule = found.rules[0].definition
    rows = {row.rule.profile: row for row in found.sizes if row.rule.definition == rule}
    return {profile: rows[profile] for profile in ("mean", "std") if profile in rows}


def _side(found: Analysis, row: SizeRow | None) -> str:
    if row is None or row.field is None:
        return "-"
    side = row.field.size
    return shown_side(side) + (
        "" if found.units is None else f" ({figure(found.units.side(side))} {found.units.unit})"
    )


def _length(found: Analysis, sides: Sequence[Any]) -> str:
    """Return samples as lengths in parentheses, nothing without units."""
    return "" if found.units is None else f" ({found.units.text(sides)})"
