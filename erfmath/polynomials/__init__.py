"""Kernels, products of their powers, and cumulants: what a reading starts from."""
