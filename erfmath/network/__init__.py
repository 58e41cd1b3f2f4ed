"""Networks as values: layers, the algebra that composes them, and their readings.

Importing the package registers what each layer means, and the networks' side of the readings that kernels
have as well.
"""

from . import distribution, meaning, variance

__all__ = ["distribution", "meaning", "variance"]
