"""Distributions on a lattice, their arithmetic, their effective size and their normal limit."""

from . import (  # so that the operators of all distributions are known
    arithmetic as arithmetic,
    joint_arithmetic as joint_arithmetic,
)
