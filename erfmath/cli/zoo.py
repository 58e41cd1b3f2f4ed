"""``erfmath zoo``: the networks that have a name."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..network.field import receptive_field
from ..words import per_axis_text, progress, table
from ..zoo import get, names

NOTATION = ""
EXAMPLES = """\
  erfmath zoo
  erfmath zoo --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    known = names()
    rows = [_row(name) for name in progress(known, "network", len(known), after=1.0)]
    if arguments.json:
        return json.dumps(rows, indent=2)
    cells = [
        [row["name"], str(row["axes"]), *(per_axis_text(row[key]) for key in ("field", "stride", "offset"))]
        for row in rows
    ]
    return table(["network", "axes", "field", "stride", "offset"], cells, left=1)


def _row(name: str) -> dict[str, Any]:
    field = receptive_field(get(name))
    several = field.ndim > 1
    keys = {"field": field.size, "stride": field.stride, "offset": field.offset}
    values = {key: list(value) if several else [value] for key, value in keys.items()}
    return {"name": name, "axes": field.ndim, **values}
