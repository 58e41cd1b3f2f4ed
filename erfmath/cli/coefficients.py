"""``erfmath coefficients``: the row of P(z)^n, a line per coefficient."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from erfmath.core.plan import METHODS
from erfmath.core.power import coefficients
from erfmath.terminal import table

from .notation import parse_depth, parse_kernel

HELP = "the coefficients of the n-th power of a kernel, as floats or exactly"
EXAMPLES = """\
  erfmath coefficients 2 10                        binomial coefficients
  erfmath coefficients 3 700 --method exact        as many digits as there are
  erfmath coefficients 1/4,1/2,1/4 3 --method exact --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("n", help="number of factors, such as 10 or 1e4")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="exact: integers and fractions without round-off (default: auto, floats)",
    )


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    kernel, n = parse_kernel(arguments.kernel), parse_depth(arguments.n)
    row = coefficients(kernel, n, arguments.method)
    if arguments.json:
        # Fractions have no JSON number: with one of them, all entries are strings.
        integral = row.dtype == float or all(isinstance(value, int) for value in row.flat)
        nested = (row if integral else row.astype(str)).tolist()
        return json.dumps({"kernel": repr(kernel), "n": n, "coefficients": nested})
    rows = [[" ".join(map(str, index)), _text(value)] for index, value in np.ndenumerate(row)]
    return table(["power" if row.ndim == 1 else "powers", "coefficient"], rows)


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)
