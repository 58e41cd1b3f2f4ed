"""Networks with random weights: their features, gates and gradients, where paths are not independent."""
