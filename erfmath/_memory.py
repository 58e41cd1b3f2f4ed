"""Whether there is room for what is asked, before the work."""

from __future__ import annotations

import os

from .words import human_bytes

# Asking the system takes longer than a small row does.
_ALWAYS_FITS = 2**26


def available_memory() -> int:
    """Bytes that can be taken now without swapping, as the system tells; 4 GiB where it does not."""
    try:
        with open("/proc/meminfo") as lines:
            entries = dict(line.split(":", 1) for line in lines)
        return int(entries["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return 4 * 2**30


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raise before the work when `needed` bytes are not there."""
    if needed <= _ALWAYS_FITS:
        return
    available = available_memory()
    if needed > available:
        raise ValueError(
            f"{what} needs {human_bytes(needed)} and {human_bytes(available)} are free; {remedy}"
        )
