"""A table of layers as a value: printed, folded, sorted, filtered, written and exported."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._checks import as_bool, as_count
from .._html import grid
from ..models.model import Model
from ..network.algebra import Node
from ..network.describe import by
from ..words import short_count, shown_sides, table
from . import exports
from .row import LayerRow

_ADDED = ("parameters", "macs", "memory")


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network from input to output; see :func:`layer_table`. Iterating gives the rows.

    Attributes
    ----------
    net
        The network.
    rows
        A :class:`LayerRow` for each layer.

    Examples
    --------
    >>> from erfmath import Conv, Pool, layer_table
    >>> net = Conv((3, 3), padding=1, channels=8) >> Pool((2, 2)) >> Conv((3, 3), padding=1, channels=4)
    >>> rows = layer_table(net, 32, channels=3)
    >>> rows.parameters, rows.macs, rows.memory, rows.columns[:4]
    (504, 294912, 45056, ('layer', 'output', 'field', 'effective'))
    >>> print(rows.filter(lambda row: row.parameters).sort("macs").to_csv(columns=["layer", "macs", "field"]))
    layer,macs,field
    Conv 3x3,73728,8
    Conv 3x3,221184,3
    """

    net: Node
    rows: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, path: str) -> LayerRow:
        """Return the row of a module's path, or of a description.

        Raises
        ------
        KeyError
            If there is no such row.
        """
        found = next((row for row in self.rows if path in (row.path, row.layer)), None)
        if found is None:
            some = ", ".join(repr(row.path or row.layer) for row in self.rows[:5])
            raise KeyError(f"{path!r} is no row of the table, whose rows are {some} ...")
        return found

    def _total(self, name: str) -> int | None:
        found = [getattr(row, name) for row in self.rows]
        return None if None in found else sum(found)

    @property
    def parameters(self) -> int | None:
        """All parameters; None where they are not known."""
        return self._total("parameters")

    @property
    def macs(self) -> int | None:
        """All multiply-accumulates for one input; None where some are not known."""
        return self._total("macs")

    @property
    def memory(self) -> int | None:
        """Bytes of all that is written; None where it is not known."""
        return self._total("memory")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, as `to_dicts` has them."""
        return exports.columns_of(self.rows)

    def folded(self, depth: int) -> LayerTable:
        """Return the table with what is deeper than `depth` added to the row around it.

        Parameters
        ----------
        depth
            The deepest level of modules that keeps rows of its own, from 1.

        Returns
        -------
        LayerTable

        Raises
        ------
        TypeError, ValueError
            If `depth` is not a positive int.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> len(layer_table(Conv(3) >> Conv(5)).folded(1).rows)  # no modules in modules here
        2
        """
        depth = as_count(depth, "depth", minimum=1)
        groups: list[list[LayerRow]] = []
        for row in self.rows:
            if row.depth <= depth or not groups:
                groups.append([row])
            else:
                groups[-1].append(row)
        return replace(self, rows=tuple(map(_merged, groups)))

    def sort(self, by: str | Callable[[LayerRow], Any], descending: bool = False) -> LayerTable:
        """Return the table sorted by a column or a function of a row; what is not known comes last.

        Parameters
        ----------
        by
            The name of a column, or a function of a :class:`LayerRow`.
        descending
            Whether the largest comes first.

        Returns
        -------
        LayerTable

        Raises
        ------
        ValueError, TypeError
            If there is no such column, or `descending` is no bool.
        """
        last = as_bool(descending, "descending")
        keys = [by(row) for row in self.rows] if callable(by) else self._column(by)
        known = [i for i, key in enumerate(keys) if key is not None]
        known.sort(key=keys.__getitem__, reverse=last)
        rest = [i for i, key in enumerate(keys) if key is None]
        return replace(self, rows=tuple(self.rows[i] for i in (*known, *rest)))

    def filter(self, keep: Callable[[LayerRow], Any]) -> LayerTable:
        """Return the table of the rows for which a function is true.

        Parameters
        ----------
        keep
            A function of a :class:`LayerRow`.

        Returns
        -------
        LayerTable

        Raises
        ------
        TypeError
            If `keep` is no function.
        """
        if not callable(keep):
            raise TypeError(f"keep must be a function of a row, got {keep!r}")
        return replace(self, rows=tuple(row for row in self.rows if keep(row)))

    def _column(self, name: str) -> list[Any]:
        return [row[name] for row in self.to_dicts([name])]

    def to_dicts(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return a dict of plain values per row, by the names of `columns`.

        A value per axis is a single one where the axes agree in every row, else a column for each: "field_0",
        "field_1". Infinity is a float, what does not exist None.

        Parameters
        ----------
        columns
            Names of columns; None for all.

        Returns
        -------
        list of dict

        Raises
        ------
        TypeError, ValueError
            If there is no such column.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> layer_table(Conv(3, stride=2)).to_dicts(["layer", "field", "stride"])
        [{'layer': 'Conv 3 /2', 'field': 3, 'stride': 2}]
        """
        return exports.dicts(self.rows, columns)

    def to_csv(
        self, path: str | os.PathLike[str] | None = None, columns: Sequence[str] | None = None
    ) -> str | None:
        """Return the table as comma-separated values, or write them to a file.

        Parameters
        ----------
        path
            The file to write; None returns the text.
        columns
            Names of columns; None for all.

        Returns
        -------
        str or None

        Raises
        ------
        TypeError, ValueError
            If there is no such column.
        OSError
            If the file cannot be written; then nothing is.
        """
        return exports.delivered(exports.as_csv(self.to_dicts(columns)), path, exports.CSV)

    def to_markdown(
        self, path: str | os.PathLike[str] | None = None, columns: Sequence[str] | None = None
    ) -> str | None:
        """Return the table in Markdown, or write it to a file.

        Parameters
        ----------
        path
            The file to write; None returns the text.
        columns
            Names of columns; None for all.

        Returns
        -------
        str or None

        Raises
        ------
        TypeError, ValueError
            If there is no such column.
        OSError
            If the file cannot be written; then nothing is.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> print(layer_table(Conv(3, stride=2)).to_markdown(columns=["layer", "field"]))
        | layer     | field |
        | :-------- | ----: |
        | Conv 3 /2 |     3 |
        """
        return exports.delivered(exports.as_markdown(self.to_dicts(columns)), path, exports.MARKDOWN)

    def to_latex(
        self, path: str | os.PathLike[str] | None = None, columns: Sequence[str] | None = None
    ) -> str | None:
        r"""Return the table as a LaTeX tabular with the rules of booktabs, or write it to a file.

        Parameters
        ----------
        path
            The file to write; None returns the text.
        columns
            Names of columns; None for all.

        Returns
        -------
        str or None

        Raises
        ------
        TypeError, ValueError
            If there is no such column.
        OSError
            If the file cannot be written; then nothing is.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> print(layer_table(Conv(3, stride=2)).to_latex(columns=["layer", "field"]))
        \begin{tabular}{lr}
        \toprule
        layer & field \\
        \midrule
        Conv 3 /2 & 3 \\
        \bottomrule
        \end{tabular}
        """
        return exports.delivered(exports.as_latex(self.to_dicts(columns)), path, exports.LATEX)

    def to_pandas(self, columns: Sequence[str] | None = None) -> Any:
        """Return the table as a pandas DataFrame.

        Parameters
        ----------
        columns
            Names of columns; None for all.

        Returns
        -------
        DataFrame

        Raises
        ------
        TypeError, ValueError
            If there is no such column.
        ImportError
            If the library is not installed.

        Examples
        --------
        >>> from erfmath import Conv, layer_table  # doctest: +SKIP
        >>> layer_table(Conv(3, stride=2)).to_pandas(["layer", "field"])  # doctest: +SKIP
               layer  field
        0  Conv 3 /2      3
        """
        return exports.frame("pandas", self.to_dicts(columns), columns or self.columns)

    def to_polars(self, columns: Sequence[str] | None = None) -> Any:
        """Return the table as a polars DataFrame.

        Parameters
        ----------
        columns
            Names of columns; None for all.

        Returns
        -------
        DataFrame

        Raises
        ------
        TypeError, ValueError
            If there is no such column.
        ImportError
            If the library is not installed.

        Examples
        --------
        >>> from erfmath import Conv, layer_table  # doctest: +SKIP
        >>> layer_table(Conv(3, stride=2)).to_polars(["layer", "field"]).shape  # doctest: +SKIP
        (1, 2)
        """
        return exports.frame("polars", self.to_dicts(columns), columns or self.columns)

    def fitting(self, rows: int) -> LayerTable | None:
        """Return the table at the greatest depth that has at most so many rows, None where none has.

        Parameters
        ----------
        rows
            The most rows.

        Returns
        -------
        LayerTable or None

        Raises
        ------
        TypeError
            If `rows` is no number.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> layer_table(Conv(3) >> Conv(5)).fitting(1) is None
        True
        """
        rows = as_count(rows, "rows")
        for depth in range(max((row.depth for row in self.rows), default=1), 0, -1):
            if sum(row.depth <= depth for row in self.rows) <= rows:
                return self.folded(depth)
        return None

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return grid(*self.cells(), left=1)

    def __repr__(self) -> str:
        return table(*self.cells(), left=1)

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the headers and the rows as text.

        Examples
        --------
        >>> from erfmath import Conv, layer_table
        >>> layer_table(Conv(3, stride=2)).cells()
        (['layer', 'stride', 'offset', 'field'], [['Conv 3 /2', '2', '0', '3']])
        """
        sized = any(row.output_size is not None or row.shape is not None for row in self.rows)
        costed = any(row.parameters is not None for row in self.rows)
        names = ["params" if isinstance(self.net, Model) else "weights", "MACs"]
        headers = ["layer", *(["output"] if sized else []), *(names if costed else [])]
        cells = []
        for row, label in zip(self.rows, _labels(self.rows), strict=True):
            line = [label, *([_shape(row)] if sized else []), *(_counts(row) if costed else [])]
            cells.append([*line, *(shown_sides(v) if v else "-" for v in (row.stride, row.offset, row.size))])
        if costed and isinstance(self.net, Model) and cells:
            total = ["total", *([""] if sized else []), *_counts(self)]
            cells.append([*total, "", "", ""])
        return [*headers, "stride", "offset", "field"], cells


def _merged(rows: Sequence[LayerRow]) -> LayerRow:
    """Return a row with what is inside added to it."""
    first, *inside = rows
    if not inside:
        return first
    values = {name: [getattr(row, name) for row in rows] for name in _ADDED}
    added: dict[str, Any] = {n: None if None in found else sum(found) for n, found in values.items()}
    share = functools.partial(_sum_of_shares, tuple(rows))
    return replace(first, **added, is_around=False, _share=share)


def _sum_of_shares(rows: Sequence[LayerRow]) -> float | None:
    shares = [row.share for row in rows]
    known = [share for share in shares if share is not None]
    return sum(known) if known else None


def _labels(rows: Sequence[LayerRow]) -> list[str]:
    """Return the names of the rows as a tree, with what each is."""
    return [
        branch + (": ".join(filter(None, (row.name, row.kind))) or row.layer)
        for row, branch in zip(rows, branches([row.depth for row in rows]), strict=True)
    ]


def branches(depths: Sequence[int]) -> list[str]:
    """Return the lines of a tree before each entry of so many levels.

    >>> branches([1, 2, 3, 2, 1])
    ['', '├─', '│ └─', '└─', '']
    """
    found: list[str] = []
    open_below: set[int] = set()  # levels at which another entry follows
    for depth in reversed(depths):
        open_below = {level for level in open_below if level <= depth}
        bars = ["│ " if level in open_below else "  " for level in range(2, depth)]
        found.append("".join(bars) + ("" if depth < 2 else "├─" if depth in open_below else "└─"))
        open_below.add(depth)
    return found[::-1]


def _counts(row: LayerRow | LayerTable) -> list[str]:
    """Return the parameters and operations of a row; a dash for what only has parts that have any."""
    is_around = isinstance(row, LayerRow) and row.is_around
    none = "-" if is_around else "0"
    counts = (row.parameters, row.macs)
    return ["?" if count is None else short_count(count) if count else none for count in counts]


def _shape(row: LayerRow) -> str:
    """Return the shape of an output, channels first where they are known."""
    if row.shape is not None:
        return by(row.shape)
    if row.output_size is None:
        return "-"
    sides = by(row.output_size)
    return sides if row.channels is None else f"{row.channels}x{sides}"
