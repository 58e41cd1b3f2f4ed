"""Whether there is room for what is asked, before the work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .words import human_bytes

# Asking the system takes longer than a small row does.
_ALWAYS_FITS = 2**26

# Where a system tells nothing.
_USUAL = 4 * 2**30

_ROOT = Path("/")

# What the second version of Linux's control groups calls a limit, what is taken of it and what of that is
# files that can be dropped; and what the first one does.
_NAMES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def available_memory() -> int:
    """Bytes that can be taken now without swapping, as the system tells, and 4 GiB where it does not.

    A container or a job has no more than the rest of its limit.
    """
    return min([_free(), *_left_to_groups()])


def _free() -> int:
    """Return the bytes that the machine has left."""
    try:
        return _numbers(_ROOT / "proc/meminfo")["MemAvailable"] * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return _USUAL


def _left_to_groups() -> Iterator[int]:
    """Yield the bytes that each control group around this process has left, where it has a limit."""
    try:
        lines = (_ROOT / "proc/self/cgroup").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        kind = "memory" if "memory" in kinds.split(",") else kinds
        if kind in _NAMES:
            top = _ROOT / "sys/fs/cgroup" / kind
            own = top / path.strip("/")  # which a container may see as the top
            for folder in (own, *own.parents[: len(own.parts) - len(top.parts)]):
                yield from _left_to(folder, *_NAMES[kind])


def _left_to(folder: Path, limit: str, taken: str, files: str) -> Iterator[int]:
    """Yield the bytes that a control group has left, none without a limit."""
    try:
        most, now = (int((folder / name).read_text(encoding="ascii")) for name in (limit, taken))
        yield max(0, most - now + _numbers(folder / "memory.stat").get(files, 0))
    except (OSError, ValueError):  # a limit of "max" is none
        return


def _numbers(path: Path) -> dict[str, int]:
    """Return the whole numbers that a file of the kernel has by name, in the unit that it has."""
    words = (line.replace(":", " ").split() for line in path.read_text(encoding="ascii").splitlines())
    return {name: int(value) for name, value, *_ in words}


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raise before the work when `needed` bytes are not there."""
    if needed <= _ALWAYS_FITS:
        return
    available = available_memory()
    if needed > available:
        raise ValueError(
            f"{what} needs {human_bytes(needed)} and {human_bytes(available)} are free; {remedy}"
        )
