"""Model files and PyTorch modules as networks."""

# Which weights a model is read with; see from_onnx.
WEIGHTS = ("uniform", "given", "energy")
