"""Networks as values: layers, the algebra that composes them, and their readings.

Importing the package registers what each layer means, the networks' side of the readings that kernels
have as well, and how notebooks show a network.
"""

from . import display, distribution, meaning, scene, variance

__all__ = ["display", "distribution", "meaning", "scene", "variance"]
