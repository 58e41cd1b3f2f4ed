"""Models from elsewhere: ONNX files and PyTorch modules as networks of the algebra."""
