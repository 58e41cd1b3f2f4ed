"""Distributions on a lattice, their effective size and their normal limit."""
