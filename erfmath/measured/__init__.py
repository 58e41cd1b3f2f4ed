"""Gradients of PyTorch modules beside the theory."""
