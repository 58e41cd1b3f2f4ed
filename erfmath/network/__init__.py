"""Networks as values: layers, the algebra that composes them, and their readings.

Importing the package registers the networks' side of the readings that kernels have as well.
"""

from . import distribution, variance

__all__ = ["distribution", "variance"]
