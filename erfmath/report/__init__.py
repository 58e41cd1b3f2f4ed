"""All readings of a network at once, as values, text and JSON."""
