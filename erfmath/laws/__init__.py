"""Distributions on a lattice, their arithmetic, their effective size and their normal limit."""

from . import arithmetic as arithmetic  # so that the operators of all distributions are known
