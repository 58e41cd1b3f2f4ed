"""``erfmath sweep``: the same readings of each network of a file, as rows that a later run goes on with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .._checks import as_count, require_file
from ..sweeping.readings import READINGS
from ..sweeping.run import sweep
from .arguments import NETWORKS, parse_count

NOTATION = NETWORKS
EXAMPLES = """\
  erfmath sweep networks.txt --out rows.jsonl
  erfmath sweep networks.txt --read field gradient parameters --workers 4"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", help="a text file of networks, one a line; # begins a comment")
    parser.add_argument("--out", default="rows.jsonl", help="the file of rows (default: rows.jsonl)")
    parser.add_argument(
        "--read",
        nargs="+",
        metavar="READING",
        default=["field", "effective", "gradient"],
        help=f"of {', '.join(READINGS)} (default: field effective gradient)",
    )
    parser.add_argument("--workers", help="processes (default: one for each processor)")


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    workers = None
    if arguments.workers is not None:
        workers = as_count(parse_count(arguments.workers, "--workers"), "--workers", minimum=1)
    path = Path(arguments.file)
    require_file(path)
    with ProcessPoolExecutor(workers) as pool:
        found = sweep(_networks(path), arguments.read, out=arguments.out, executor=pool)
    if arguments.json:
        names = ("path", "rows", "added", "failed")
        return json.dumps({name: getattr(found, name) for name in names}, default=str)
    return f"{found.rows} rows in {found.path}: {found.added} new, {found.failed} failed"


def _networks(path: Path) -> Iterator[str]:
    """Yield the networks of a file."""
    with open(path, encoding="utf-8") as file:
        try:
            for line in file:
                if text := line.partition("#")[0].strip():
                    yield text
        except UnicodeDecodeError:
            raise ValueError(f"{str(path)!r} is no text file in UTF-8") from None
