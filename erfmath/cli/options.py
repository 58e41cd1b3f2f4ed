"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_depths(parser: argparse.ArgumentParser) -> None:
    """Add the depths, numbers of layers in series."""
    parser.add_argument(
        "depths", nargs="+", metavar="depth", help="number of layers in series, such as 5 10 20 40"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how the threshold definition and the profile are read."""
    parser.add_argument(
        "--ref",
        choices=("centre", "max"),
        default="centre",
        help="pixel the threshold refers to (default: centre)",
    )
    parser.add_argument(
        "--profile",
        choices=("mean", "variance", "std"),
        default="mean",
        help="std: the square root of the law, the mean |gradient| of a random network (default: mean)",
    )
