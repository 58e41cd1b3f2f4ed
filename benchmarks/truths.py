"""Truths that theory is held against: rows in JSON beside the benchmark, measured anew on demand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .measure import progress

Row = dict[str, Any]


def load(path: Path) -> list[Row]:
    """Return the rows."""
    found: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows, each on a line, so that one measured anew is one line of a difference."""
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")


def renew(path: Path, measured: Callable[[Row], Row]) -> list[Row]:
    """Return the rows measured anew; each is written when it is there, since all of them can take an hour."""
    rows = load(path)
    for number, row in enumerate(rows):
        progress(", ".join(f"{value}" for value in list(row.values())[:4]))
        rows[number] = measured(row)
        write(path, rows)
    return rows
