"""Networks as text and as JSON."""
