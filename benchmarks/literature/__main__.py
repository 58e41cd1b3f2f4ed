"""The literature, reproduced or refuted: ``python -m benchmarks.literature`` prints one table.

Each row is a claim, where it is published, the published figure, the figure here, a verdict and why. What is
exact is "reproduced" where it is equal, the area of a trained network where architecture alone comes within a
third. A figure that could not be opened is not quoted: its row says so. ``--quick`` leaves out the areas on
1024 pixels, which take a minute or two, and draws fewer networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

from ..measure import markdown
from .areas import replknet, slak
from .distill import distill
from .luo import luo
from .others import others
from .richter import richter
from .row import VERDICTS, Row

PARTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    part.__name__: part for part in (distill, luo, replknet, slak, richter, others)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, and how many rows have which verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="leave out what takes more than seconds")
    parser.add_argument("--only", choices=PARTS, help="print one part of the table")
    args = parser.parse_args(argv)
    rows = [row for name in ([args.only] if args.only else PARTS) for row in PARTS[name](args.quick)]
    print(markdown(Row._fields, rows, left=len(Row._fields)))
    counts = [f"{sum(row.verdict == verdict for row in rows)} {verdict}" for verdict in VERDICTS]
    print(f"\n{len(rows)} rows: {', '.join(counts)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
