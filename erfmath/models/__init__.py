"""Model files and PyTorch modules as networks."""
