"""Rows of layers as plain dictionaries, and these as text in several formats and as data frames."""

from __future__ import annotations

import csv
import importlib
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._files import checked_path, write_beside
from ..network.describe import by
from .row import LayerRow

# What files end in.
CSV, MARKDOWN, LATEX = (".csv", ".txt"), (".md", ".markdown", ".txt"), (".tex", ".txt")

_PER_AXIS = ("field", "stride", "offset", "halo_before", "halo_after")

_READ: dict[str, Callable[[LayerRow], Any]] = {
    "layer": lambda row: row.path or row.layer,
    "kind": lambda row: row.kind,
    "depth": lambda row: row.depth,
    "output": lambda row: _output(row),
    "field": lambda row: row.size,
    "effective": lambda row: row.effective,
    "stride": lambda row: tuple(map(_number, row.stride)),
    "offset": lambda row: row.offset,
    "halo_before": lambda row: tuple(before for before, _ in row.halo),
    "halo_after": lambda row: tuple(after for _, after in row.halo),
    "share": lambda row: row.share,
    "parameters": lambda row: row.parameters,
    "macs": lambda row: row.macs,
    "memory": lambda row: row.memory,
}


def columns_of(rows: Sequence[LayerRow]) -> tuple[str, ...]:
    """Return the names of the columns: those that say something, per axis where axes differ."""
    is_named = any(row.path for row in rows)
    left_out = set() if is_named else {"kind", "depth"}
    if all(row.output_size is None and row.shape is None for row in rows):
        left_out.add("output")
    if all(row.parameters is None for row in rows):
        left_out |= {"parameters", "macs", "memory"}
    return tuple(entry for name in _READ if name not in left_out for entry in _split(name, rows))


def _split(name: str, rows: Sequence[LayerRow]) -> list[str]:
    """Return a column, or one per axis where the axes of some row differ."""
    if name not in _PER_AXIS:
        return [name]
    values = [_READ[name](row) for row in rows]
    if all(len(set(value)) < 2 for value in values):
        return [name]
    return [f"{name}_{axis}" for axis in range(max(map(len, values)))]


def dicts(rows: Sequence[LayerRow], columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the columns that are asked for of each row; a name of several columns stands for all."""
    known = columns_of(rows)
    names = known if columns is None else [n for name in _as_names(columns) for n in _expanded(name, known)]
    return [{name: _value(row, name) for name in names} for row in rows]


def _as_names(columns: Sequence[str]) -> Sequence[str]:
    if isinstance(columns, str):
        raise TypeError(f"columns must be a sequence of names, got {columns!r}; write [{columns!r}]")
    if not isinstance(columns, Sequence):
        raise TypeError(f"columns must be a sequence of names, got {columns!r}")
    return columns


def _expanded(name: str, known: Sequence[str]) -> list[str]:
    found = [entry for entry in known if name in (entry, entry.rpartition("_")[0])]
    if not found and name in _READ:  # of rows that have no such value
        return [name]
    if not found:
        raise ValueError(f"columns must be some of {', '.join(known)}, got {name!r}")
    return found


def _value(row: LayerRow, name: str) -> Any:
    if name in _READ:
        found = _READ[name](row)
        return (found[0] if found else None) if isinstance(found, tuple) else found
    base, _, axis = name.rpartition("_")
    values = _READ[base](row)
    return values[int(axis)] if int(axis) < len(values) else None


def _output(row: LayerRow) -> str | None:
    """Return the shape of an output, channels first."""
    if row.shape is not None:
        return by(row.shape)
    if row.output_size is None:
        return None
    return by(row.output_size if row.channels is None else (row.channels, *row.output_size))


def _number(value: Any) -> int | float:
    """Return a rate as an int, or as a float where it is none."""
    return int(value) if value == int(value) else float(value)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return dictionaries as comma-separated values; None is an empty cell.

    >>> as_csv([{"layer": "a, b", "field": math.inf, "share": None}]).splitlines()
    ['layer,field,share', '"a, b",inf,']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    writer.writerows(["" if value is None else value for value in row.values()] for row in rows)
    return text.getvalue()


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return dictionaries as a table in Markdown, numbers to the right.

    >>> print(as_markdown([{"layer": "conv1", "field": 3}]))
    | layer | field |
    | :---- | ----: |
    | conv1 |     3 |
    """
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[_shown(row[name]).replace("|", "\\|") for name in names] for row in rows]
    widths = [max(4, *map(len, column)) for column in zip(names, *cells, strict=True)]
    is_text = [_is_text(row[name] for row in rows) for name in names]
    rule = [
        ":" + "-" * (w - 1) if left else "-" * (w - 1) + ":" for w, left in zip(widths, is_text, strict=True)
    ]
    lines = [
        [c.ljust(w) if left else c.rjust(w) for c, w, left in zip(line, widths, is_text, strict=True)]
        for line in (names, *cells)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def as_latex(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Return dictionaries as a LaTeX tabular with the rules of the package booktabs.

    >>> print(as_latex([{"layer": "a_b", "field": math.inf}]))
    \begin{tabular}{lr}
    \toprule
    layer & field \\
    \midrule
    a\_b & $\infty$ \\
    \bottomrule
    \end{tabular}
    """
    if not rows:
        return ""
    names = list(rows[0])
    kinds = "".join("l" if _is_text(row[name] for row in rows) else "r" for name in names)
    lines = [[_latex(name) for name in names]] + [[_latex(row[name]) for name in names] for row in rows]
    head, *body = [" & ".join(line) + r" \\" for line in lines]
    begin, end = rf"\begin{{tabular}}{{{kinds}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end])


def _is_text(values: Any) -> bool:
    return any(isinstance(value, str) for value in values)


def _shown(value: Any) -> str:
    """Return a value as a table to be read shows it."""
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value)


_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",  # a dash in LaTeX's own fonts, as < and > are quotation marks
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def _latex(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    if isinstance(value, str):
        return "".join(_SPECIAL.get(character, character) for character in value)
    text = _shown(value)
    return f"${text}$" if text.startswith("-") else text


def delivered(text: str, path: str | os.PathLike[str] | None, endings: tuple[str, ...]) -> str | None:
    """Return a text, or write it to a file that ends in one of some endings."""
    if path is None:
        return text
    whole = text if text.endswith("\n") else f"{text}\n"
    write_beside(checked_path(path, endings), lambda aside: aside.write_text(whole, "utf-8", newline="\n"))
    return None


def frame(library: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Return the data frame of a library from dictionaries."""
    try:
        made = importlib.import_module(library)
    except ImportError:
        raise ImportError(f"to_{library} needs {library}: pip install {library}") from None
    names = list(rows[0]) if rows else list(columns)
    return made.DataFrame({name: _of_one_type([row[name] for row in rows]) for name in names})


def _of_one_type(values: list[Any]) -> list[Any]:
    """Return a column with ints as floats where it has floats."""
    if not any(isinstance(value, float) for value in values):
        return values
    return [float(value) if isinstance(value, int) else value for value in values]
