"""Measurements of PyTorch modules, to compare with the theory."""
