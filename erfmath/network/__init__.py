"""Networks as values: layers, the algebra that composes them, and their readings."""
