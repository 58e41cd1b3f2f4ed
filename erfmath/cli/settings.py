"""The table ``[tool.erfmath]`` of a pyproject.toml."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .._checks import require_file

NAME = "pyproject.toml"


def settings(path: str | None, known: Iterable[str]) -> tuple[dict[str, Any], Path]:
    """Return the settings of a file and its folder, which the names of files and modules in it start from.

    By default it is the nearest pyproject.toml from here up, if there is one. Dashes in names are
    underscores.

    Raises
    ------
    ValueError, OSError
        If there is no such file, it is no TOML, or a name is not known: the message says which is near.
    """
    found = Path(path) if path is not None else _nearest()
    if found is None:
        return {}, Path.cwd()
    require_file(found)
    try:
        whole = tomllib.loads(found.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(found)!r} is no TOML: {error}") from None
    tool = whole.get("tool", {})
    own = tool.get("erfmath", {}) if isinstance(tool, dict) else {}
    if not isinstance(own, dict):
        raise ValueError(f"{str(found)!r}: tool.erfmath must be a table, got {own!r}")
    if path is not None and not own:
        raise ValueError(f"{str(found)!r} has no table [tool.erfmath]")
    read = {name.replace("-", "_"): value for name, value in own.items()}
    names = sorted(known)
    if unknown := [name for name in read if name not in names]:
        near = difflib.get_close_matches(unknown[0], names) or names
        raise ValueError(f"{str(found)!r}: [tool.erfmath] has {unknown[0]!r}; there is {', '.join(near)}")
    return read, found.resolve().parent


def _nearest() -> Path | None:
    """Return the pyproject.toml of the current folder or the nearest above it."""
    here = Path.cwd()
    return next((folder / NAME for folder in (here, *here.parents) if (folder / NAME).is_file()), None)
