"""Files that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path


def checked_path(path: object, endings: tuple[str, ...] | None, name: str = "path") -> Path:
    """Return the path of a file to write, or raise where its ending is not known or its folder is missing."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise TypeError(f"{name} must be the path of a file, got {path!r}")
    try:
        found = Path(os.fsdecode(path)).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} begins with the home of a user who is not known: {path!r}") from None
    if "\0" in str(found):
        raise ValueError(f"{name} has a null character, which no file's name has: {path!r}")
    if endings is not None and found.suffix.lower() not in endings:
        raise ValueError(f"{name} must end in {' or '.join(endings)}, got {str(found)!r}")
    if os.path.isdir(found):
        raise IsADirectoryError(f"{name} is a folder, not a file: {str(found)!r}")
    if not os.path.isdir(found.parent):
        raise FileNotFoundError(f"{name} is in a folder that is not there: {str(found.parent)!r}")
    return found


def write_beside(path: Path, write: Callable[[Path], object], name: str = "path") -> None:
    """Write a file of another name in the same folder and rename it; of a failure nothing is left.

    What was there before is replaced by a file of the same rights, where a link points if it is one.
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix}")
    try:
        write(aside)
        if target.exists():
            shutil.copymode(target, aside)
        os.replace(aside, target)
    except OSError as error:
        raise OSError(f"{name} {str(path)!r} cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
