"""``erfmath coefficients``: the coefficients of P(z)^n, a line for each."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from ..core.coefficients import coefficients, log_coefficients
from ..core.plan import METHODS
from ..words import table
from .arguments import KERNELS, parse_count, parse_kernel
from .options import add_kernel

EXAMPLES = """\
  erfmath coefficients 2 10                        binomial coefficients
  erfmath coefficients 3 700 --method exact        with all their digits
  erfmath coefficients 3 700 --log                 their logarithms
  erfmath coefficients 1/4,1/2,1/4 3 --method exact --json"""

NOTATION = KERNELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_kernel(parser)
    parser.add_argument("n", help="number of factors, such as 10 or 1e4")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="exact: integers and fractions without rounding (default: auto, floats)",
    )
    how.add_argument("--log", action="store_true", help="natural logarithms, which never overflow")


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    kernel, n = parse_kernel(arguments.kernel), parse_count(arguments.n, "n")
    name = "logarithm" if arguments.log else "coefficient"
    row = log_coefficients(kernel, n) if arguments.log else coefficients(kernel, n, arguments.method)
    if arguments.json:
        return json.dumps({"kernel": repr(kernel), "n": n, f"{name}s": _jsonable(row).tolist()})
    rows = [[" ".join(map(str, index)), _text(value)] for index, value in np.ndenumerate(row)]
    return table(["power" if row.ndim == 1 else "powers", name], rows)


def _jsonable(row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return entries that JSON has: all are strings if one is a Fraction, and log 0 is null."""
    if row.dtype == float:
        values = row.astype(object)
        values[~np.isfinite(row)] = None
        return values
    return row if all(isinstance(value, int) for value in row.flat) else row.astype(str)


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)
