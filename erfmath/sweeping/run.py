"""The same readings of any number of networks, on the processors of this machine or of many."""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .._checks import as_bool
from .._files import checked_path, write_beside
from .._work import completed, require_executor
from ..models.sources import read as network_of
from ..network.algebra import Node
from ..words import progress as shown
from .key import network_key, text_key
from .readings import Row, as_reading, line_of, title_of
from .rows import Line, RowFile, rows_in

# A batch grows until it takes so long, so that its way to a worker and back does not count.
_SECONDS = 0.2
_MOST_TOGETHER = 256


class _Item(NamedTuple):
    """One network on its way: its key, its name for a reader, and what it is or why there is none."""

    key: str
    name: str
    net: Node | None
    error: str = ""


@dataclass(frozen=True, repr=False)
class Sweep:
    """The rows of a sweep; see :func:`sweep`. Iterating reads them from the file.

    Attributes
    ----------
    path
        The file.
    rows, failed
        Number of its rows, and of those among them that hold an error.
    added
        How many of the rows this run has added.

    Examples
    --------
    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from erfmath import Conv, sweep
    >>> file = tempfile.mkdtemp() + "/rows.jsonl"
    >>> found = sweep([Conv(3), Conv(5)], ["field"], out=file, executor=ThreadPoolExecutor(1))
    >>> found.rows, found.failed, found.added, found.path.name
    (2, 0, 2, 'rows.jsonl')
    """

    path: Path
    rows: int
    failed: int
    added: int

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return rows_in(self.path)

    def __repr__(self) -> str:
        return f"<Sweep of {self.rows} rows in {self.path}, {self.added} of them new, {self.failed} failed>"

    def to_parquet(self, path: Any) -> None:
        """Write the rows as a file that ends in .parquet; needs pyarrow.

        Parameters
        ----------
        path
            The file, which ends in .parquet.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If a column holds values of several kinds.

        Examples
        --------
        >>> import tempfile  # doctest: +SKIP
        >>> from concurrent.futures import ThreadPoolExecutor  # doctest: +SKIP
        >>> from erfmath import sweep  # doctest: +SKIP
        >>> folder = tempfile.mkdtemp()  # doctest: +SKIP
        >>> out, pool = folder + "/rows.jsonl", ThreadPoolExecutor(1)  # doctest: +SKIP
        >>> found = sweep(["conv3", "conv5"], ["field"], out=out, executor=pool)  # doctest: +SKIP
        >>> found.to_parquet(folder + "/rows.parquet")  # doctest: +SKIP
        """
        target = checked_path(path, (".parquet",))
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise ImportError("to_parquet needs pyarrow: pip install pyarrow") from None
        try:
            rows = pyarrow.Table.from_pylist(list(self))
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"the rows do not fit a table: {error}") from None
        write_beside(target, lambda beside: pyarrow.parquet.write_table(rows, beside))


def sweep(
    nets: Iterable[Any],
    read: Callable[[Node], Row] | str | Iterable[str],
    *,
    out: Any = "rows.jsonl",
    executor: Any = None,
    progress: bool = True,
) -> Sweep:
    """Read each of many networks into a row of a file, which a run that was cut off goes on with.

    Each row has a "key", the :func:`network_key` of its network, and is written as soon as its batch is done.
    A second call with the same file does what is not done yet, no key twice; a last line that was torn is
    dropped. A network that cannot be read has a row with an "error". Rows come in the order in which they are
    done.

    Parameters
    ----------
    nets
        Networks, models, or what :func:`analyze` takes: layers as text, names of zoo networks, files. Any
        iterable; so much of it is held at a time as keeps the workers busy.
    read
        A function from a network to a flat dictionary of numbers, text or lists of these, that can be
        pickled; or the names of readings, of "field", "stride", "covered", "effective" (mean weights),
        "gradient" (magnitude at random weights), "spread" and "parameters".
    out
        The file, one JSON object a line.
    executor
        Anything with `submit`, such as ``concurrent.futures.ThreadPoolExecutor()``, a loky or mpi4py pool, or
        ``dask.distributed.Client(...).get_executor()``; it is left open. None starts a process for each
        processor of this machine.
    progress
        Whether to show on standard error, if that is a terminal, how many rows are done.

    Returns
    -------
    Sweep
        The rows, with `to_parquet`.

    Raises
    ------
    TypeError
        If `read` is no reading or returns no row, or `executor` has no `submit`.
    ValueError
        If the file is of another sweep or has a line in its middle that cannot be read, or if `read` cannot
        be pickled; nothing is written then.
    RuntimeError
        If a worker dies; the rows until then are in the file.

    Examples
    --------
    >>> import tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from erfmath import Conv, sweep
    >>> file = tempfile.mkdtemp() + "/rows.jsonl"
    >>> found = sweep([Conv(3) ** n for n in (1, 4)], ["field"], out=file, executor=ThreadPoolExecutor(1))
    >>> sorted(row["field"] for row in found)
    [3, 9]
    """
    reading = as_reading(read)
    as_bool(progress, "progress")
    require_executor(executor)
    if executor is None:
        _require_picklable(reading)
    items = _several(nets)
    with RowFile(out, title_of(reading)) as file:
        before = len(file.keys)
        done = file.failed
        with _workers(executor) as workers:
            batches = _Batches(_unseen(items, file), reading).rows(workers)
            rows = (row for batch in batches for row in file.append(batch))
            left = len(nets) - before if isinstance(nets, Sized) else 0
            total = left if left > 0 else None  # the rows that are there may be of other networks
            for row in shown(rows, "row", total, 1.0) if progress else rows:
                done += row.is_failure
        return Sweep(file.path, len(file.keys), done, len(file.keys) - before)


def _several(nets: Any) -> Iterator[Any]:
    """Return the networks one by one, or raise for a single one, whose parts would be taken for them."""
    is_one = isinstance(nets, (str, bytes, Mapping)) or callable(nets)  # a PyTorch module can be called
    if is_one or not isinstance(nets, Iterable):
        raise TypeError(
            f"nets must be an iterable of networks, such as [net] for one, got a {type(nets).__name__}"
        )
    return iter(nets)


def _unseen(items: Iterator[Any], file: RowFile) -> Iterator[_Item]:
    """Yield the networks that have no row yet, each once."""
    for what in items:
        item = _item(what)
        if item.key not in file:
            file.add(item.key)
            yield item


def _item(what: Any) -> _Item:
    """Return a network with its key; of what is none, why."""
    name = what.strip() if isinstance(what, str) else ""
    try:
        net = what if isinstance(what, Node) else network_of(what)[1]
        return _Item(network_key(net), name or repr(net), net)
    except (Exception, SystemExit) as error:  # a file, a module or a layer of the user's can raise anything
        name = name or f"{what!r:.120}"
        return _Item(text_key(name), name, None, _told(error))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _read(read: Callable[[Node], Row], items: list[_Item]) -> tuple[list[Line], float]:
    """Return the rows of a batch of networks, and the seconds that they took; runs in a worker."""
    begun = time.monotonic()
    return [_row(read, item) for item in items], time.monotonic() - begun


def _row(read: Callable[[Node], Row], item: _Item) -> Line:
    known = {"key": item.key, "network": item.name}
    if item.net is None:
        return _failure(known, item.error)
    try:
        row = read(item.net)
    except (Exception, SystemExit) as error:  # of one network in thousands, which must not stop the others
        return _failure(known, _told(error))
    try:
        return Line(line_of(row, **known), False)
    except (ValueError, RecursionError) as error:  # of an int of too many digits, or lists without an end
        return _failure(known, _told(error))


def _failure(known: Mapping[str, str], error: str) -> Line:
    return Line(line_of({}, **known, error=error), True)


@contextmanager
def _workers(executor: Any) -> Iterator[Any]:
    """Yield the executor, by default processes of this machine that live as long as this lasts."""
    if executor is not None:
        yield executor
        return
    pool = ProcessPoolExecutor()
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass
class _Batches:
    """The networks in batches, which grow until one takes long enough, and shrink where one takes longer."""

    items: Iterator[_Item]
    read: Callable[[Node], Row]
    size: int = 1

    def rows(self, executor: Any) -> Iterator[list[Line]]:
        """Yield the rows of each batch as it is done."""
        try:
            for lines, seconds in completed(executor, _read, self._calls()):
                if seconds < _SECONDS and len(lines) == self.size:
                    self.size = min(2 * self.size, _MOST_TOGETHER)
                elif seconds > 4 * _SECONDS:  # the networks have become larger
                    self.size = max(1, int(len(lines) * _SECONDS / seconds))
                yield lines
        except BrokenExecutor as error:
            raise RuntimeError(
                "a worker died, perhaps for want of memory; the rows until then are in the file, and the "
                "same call goes on from there"
            ) from error

    def _calls(self) -> Iterator[tuple[Any, ...]]:
        while batch := list(itertools.islice(self.items, self.size)):
            yield self.read, batch


def _require_picklable(read: Callable[[Node], Row]) -> None:
    """Raise where a reading cannot be sent to another process."""
    try:
        pickle.dumps(read)
    except Exception as error:
        raise ValueError(
            f"read={read!r} cannot be sent to other processes ({error}); define it at the top of a module, "
            "or give executor=concurrent.futures.ThreadPoolExecutor()"
        ) from None
