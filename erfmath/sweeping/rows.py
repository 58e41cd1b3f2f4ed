"""Rows in a file, one JSON object a line, that outlive the process which writes them.

The first line says which sweep it is. A line is written whole and at once; one that was torn, by a crash or a
full disk, can only be the last and is dropped by the next run.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from .._files import checked_path
from .readings import Row

_FORMAT = "erfmath.sweep"
_VERSION = 1
_KEY = re.compile("[0-9a-f]{32}")


class Line(NamedTuple):
    """A row as text, and whether it holds an error."""

    text: str
    is_failure: bool


class RowFile:
    """The file of one sweep, open for more rows; a context manager.

    Attributes
    ----------
    path
        Where it is.
    keys
        Of the rows that it holds.
    failed
        How many of these are failures.

    Raises
    ------
    ValueError
        If the file holds something else, another sweep, or a line in its middle that cannot be read.
    """

    def __init__(self, path: Any, title: str) -> None:
        self.path = _as_path(path)
        self.title = title
        self.keys: set[bytes] = set()
        self.failed = 0
        self._file: BinaryIO | None = None
        self._is_begun = False

    def __enter__(self) -> Self:
        self._file = open(self.path, "ab")
        try:
            _lock(self._file, self.path)  # before the reading: what another sweep adds until then counts
            end = self._read()
            if end < self.path.stat().st_size:
                self._file.truncate(end)
        except BaseException:
            self._file.close()
            raise
        self._is_begun = end > 0
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self.keys

    def add(self, key: str) -> None:
        """Note a key, so that it is done once."""
        self.keys.add(bytes.fromhex(key))

    def append(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Write rows and return them: from then on they outlive the process."""
        assert self._file is not None
        texts = [*([] if self._is_begun else [self._header]), *(line.text for line in lines)]
        self._file.write("".join(text + "\n" for text in texts).encode())
        self._file.flush()
        self._is_begun = True
        return lines

    def _read(self) -> int:
        """Read the keys of the rows that are there; return where the last whole line ends."""
        end, torn = 0, ""
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if torn:
                    raise ValueError(f"{self.path}: {torn}; mend or remove that line, or give another out=")
                row = _parsed(line)
                if number == 1:
                    self._require_own(row, line)
                elif row is None or not _is_key(row.get("key")):
                    torn = f"line {number} cannot be read: {line[:60]!r}"
                else:
                    self.add(row["key"])
                    self.failed += "error" in row
                if row is not None and not torn:
                    end += len(line)
        return end

    def _require_own(self, first: Row | None, line: bytes) -> None:
        """Raise where the file is of something else; its first line may be torn."""
        if first is None and self._header.startswith(line.decode(errors="replace")):
            return
        if first is None or _FORMAT not in first:
            raise ValueError(f"{self.path} is no file of a sweep; give another out=")
        if (version := first[_FORMAT]) != _VERSION:
            raise ValueError(
                f"{self.path} is a sweep in version {version!r} of the format, and this erfmath knows "
                f"version {_VERSION}; use the erfmath that wrote it, or give another out="
            )
        if first.get("read") != self.title:
            raise ValueError(
                f"{self.path} is of another sweep, which reads {first.get('read')!r} where this one reads "
                f"{self.title!r}; give another out="
            )

    @property
    def _header(self) -> str:
        return json.dumps({_FORMAT: _VERSION, "read": self.title})


def rows_in(path: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, failures included."""
    with open(path, "rb") as file:
        next(file, None)
        for line in file:
            row = _parsed(line)
            if row is not None:
                yield row


def _as_path(path: Any) -> Path:
    """Return the path of a file to write or to go on with."""
    found = checked_path(path, None, "out")
    if found.exists() and not found.is_file():
        raise ValueError(f"out is no file that rows can be kept in: {str(found)!r}")
    return found


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the object on a line, None for a line that holds none or is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other processes from writing the file too, where the system has such locks."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{path} is being written by another sweep; wait for it, or give another out="
        ) from None
    except OSError:  # of a file system without locks, as those of clusters may be
        return
