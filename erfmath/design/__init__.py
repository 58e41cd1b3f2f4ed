"""Rules for dilations and kernels, and ways to a field side by side."""
